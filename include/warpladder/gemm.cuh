// SPDX-License-Identifier: Apache-2.0
//
// The front door of GEMM: C = alpha * op(A) * op(B) + beta * C for any legal problem, by the rung
// that is fastest for the device and the shape. Header-only; needs cudart alone.
#pragma once

#include <warpladder/core/device.hpp>
#include <warpladder/gemm/02_coalesced.cuh>
#include <warpladder/gemm/problem.hpp>

#include <string>

namespace warpladder::gemm {

/// Scratch bytes that let run() use every method it has for this problem on the current device.
/// 0 for most shapes. Optional: with less, run() picks the best method that fits.
template <class T>
std::size_t workspace_bytes(const problem<T>&) {
  return 0;
}

/// Enqueues the product on `stream` and returns at once. T is float or double.
/// Never allocates, never synchronises, never touches another stream; legal under stream capture.
/// Returns cudaErrorInvalidValue before anything is enqueued if explain_invalid(p) has something to
/// say; otherwise the status of the launch. Deterministic: equal inputs give equal bits.
template <class T>
cudaError_t run(const problem<T>& p, cudaStream_t stream, workspace_view scratch = {}) {
  if (!explain_invalid(p).empty()) return cudaErrorInvalidValue;
  return coalesced::launch(p, stream, scratch);
}

/// The method that run() would use for this problem on the current device, for people to read.
template <class T>
std::string describe_choice(const problem<T>&, workspace_view = {}) {
  return "02_coalesced";
}

}  // namespace warpladder::gemm
