// SPDX-License-Identifier: Apache-2.0
//
// The front doors of row-wise kernels: softmax, layernorm and RMSnorm of float and __nv_bfloat16,
// for any legal problem. Header-only; needs cudart alone.
#pragma once

#include <type_traits>
#include <warpladder/rowwise/05_tuned_softmax.cuh>
#include <warpladder/rowwise/14_tuned_norm.cuh>
#include <warpladder/rowwise/problem.hpp>

namespace warpladder::rowwise {

/// Enqueues out = softmax of every row of in on `stream` and returns at once.
/// Never allocates, never synchronises, never touches another stream, needs no workspace; legal
/// under stream capture. Returns cudaErrorInvalidValue before anything is enqueued if
/// explain_invalid(p) has something to say, cudaErrorNotSupported if the grid would be too large
/// (beyond 2^31 - 1 long rows); otherwise the status of the launch. Writes the elements of `out`
/// and nothing else, reads those of `in` alone. Equal inputs give equal bits.
template <class T>
cudaError_t softmax(const softmax_problem<T>& p, cudaStream_t stream) {
  static_assert(std::is_same_v<T, float> || std::is_same_v<T, __nv_bfloat16>,
                "T is float or __nv_bfloat16");
  if (!explain_invalid(p).empty()) return cudaErrorInvalidValue;
  if (!tuned_softmax::supports(p)) return cudaErrorNotSupported;
  return tuned_softmax::launch(p, stream, {});
}

/// Enqueues out = layernorm or RMSnorm of every row of in on `stream` and returns at once. The same
/// promises as softmax(); reads `weight` and `bias` too, where they are given.
template <class T>
cudaError_t normalize(const norm_problem<T>& p, cudaStream_t stream) {
  static_assert(std::is_same_v<T, float> || std::is_same_v<T, __nv_bfloat16>,
                "T is float or __nv_bfloat16");
  if (!explain_invalid(p).empty()) return cudaErrorInvalidValue;
  if (!tuned_norm::supports(p)) return cudaErrorNotSupported;
  return tuned_norm::launch(p, stream, {});
}

}  // namespace warpladder::rowwise
