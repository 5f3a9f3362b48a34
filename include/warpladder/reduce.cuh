// SPDX-License-Identifier: Apache-2.0
//
// The front doors of reductions: sums, products, extremes, their places, dot products and whatever
// else an operation of core/operations.hpp says, of whole arrays and of the rows or columns of a
// matrix. Header-only; needs cudart alone.
#pragma once

#include <warpladder/reduce/14_tuned.cuh>
#include <warpladder/reduce/problem.hpp>
#include <warpladder/reduce_segments.cuh>

namespace warpladder::reduce {

/// Bytes of scratch device memory, aligned to 256, that run(p, ...) needs: none up to 32 KiB of
/// input, else at most one accumulator per 2 KiB, and per 64 KiB of long arrays.
template <class T, class Op>
std::size_t workspace_bytes(const problem<T, Op>& p) {
  return tuned::workspace_bytes(p);
}

/// Enqueues *out = the reduction of in on `stream` and returns at once. Reads every element once.
/// The order in which elements are combined, and with it every bit of a floating-point result,
/// depends on n and on the address of `in` modulo 16 alone: equal from run to run and from GPU to
/// GPU. The error of a sum of n floats is at most about (40 + n / 2^24) roundings of the sum of
/// their magnitudes.
/// Never allocates, never synchronises, never touches another stream; legal under stream capture.
/// Returns cudaErrorInvalidValue before anything is enqueued if explain_invalid(p) has something to
/// say or if `workspace` is too small or misaligned; cudaErrorNotSupported beyond 2^44 elements;
/// otherwise the status of the launch.
template <class T, class Op>
cudaError_t run(const problem<T, Op>& p, cudaStream_t stream, workspace_view workspace) {
  if (!explain_invalid(p).empty()) return cudaErrorInvalidValue;
  if (!tuned::supports(p)) return cudaErrorNotSupported;
  return tuned::launch(p, stream, workspace);
}

}  // namespace warpladder::reduce
