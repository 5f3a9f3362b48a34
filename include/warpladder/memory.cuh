// SPDX-License-Identifier: Apache-2.0
//
// The front doors of memory: transposition and copies of matrices of any trivially copyable type
// of 1, 2, 4, 8 or 16 bytes, for any legal problem. Header-only; needs cudart alone.
#pragma once

#include <warpladder/memory/08_tuned_transpose.cuh>
#include <warpladder/memory/17_tuned_copy.cuh>
#include <warpladder/memory/detail/carrier.hpp>
#include <warpladder/memory/problem.hpp>

namespace warpladder::memory {

/// Enqueues out = transpose of in on `stream` and returns at once.
/// Never allocates, never synchronises, never touches another stream; legal under stream capture.
/// Returns cudaErrorInvalidValue before anything is enqueued if explain_invalid(p) has something to
/// say, cudaErrorNotSupported if the grid would be too large (beyond 2^40 elements); otherwise the
/// status of the launch. Writes the elements of `out` and nothing else, reads those of `in` alone.
template <class T>
cudaError_t transpose(const transpose_problem<T>& p, cudaStream_t stream) {
  static_assert(detail::is_movable<T>, "T is trivially copyable and has 1, 2, 4, 8 or 16 bytes");
  if (!explain_invalid(p).empty()) return cudaErrorInvalidValue;
  if (!tuned_transpose::supports(p)) return cudaErrorNotSupported;
  return tuned_transpose::launch(p, stream, {});
}

/// Enqueues out = in on `stream` and returns at once; the rows of both may lie any distance apart
/// and begin anywhere. The same promises as transpose().
template <class T>
cudaError_t copy_2d(const copy_problem<T>& p, cudaStream_t stream) {
  static_assert(detail::is_movable<T>, "T is trivially copyable and has 1, 2, 4, 8 or 16 bytes");
  if (!explain_invalid(p).empty()) return cudaErrorInvalidValue;
  if (!tuned_copy::supports(p)) return cudaErrorNotSupported;
  return tuned_copy::launch(p, stream, {});
}

}  // namespace warpladder::memory
