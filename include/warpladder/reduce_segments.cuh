// SPDX-License-Identifier: Apache-2.0
//
// The front doors of reductions of the rows or of the columns of a matrix: the part of
// <warpladder/reduce.cuh> that can be had on its own.
#pragma once

#include <warpladder/reduce/23_tuned_segments.cuh>
#include <warpladder/reduce/problem.hpp>

namespace warpladder::reduce {

/// Bytes of scratch device memory, aligned to 256, that run(p, ...) needs: at most one accumulator
/// per 32 KiB of a row, or per 256 elements of a column; none for rows of up to 32 KiB, columns of
/// up to 256 elements, 2112 rows and more, or columns in as many times 128 bytes. The answer does
/// not depend on addresses.
template <class T, class Op>
std::size_t workspace_bytes(const segmented_problem<T, Op>& p) {
  return tuned_segments::workspace_bytes(p);
}

/// Enqueues the reduction of every row, or of every column, on `stream` and returns at once. Reads
/// every element once, and nothing between the rows. The order in which elements are combined, and
/// with it every bit of a floating-point result, depends on the sizes, on ld and on the address of
/// `in` modulo 16 alone: equal from run to run and from GPU to GPU.
/// Never allocates, never synchronises, never touches another stream; legal under stream capture.
/// Returns cudaErrorInvalidValue before anything is enqueued if explain_invalid(p) has something to
/// say or if `workspace` is too small or misaligned; cudaErrorNotSupported if the grid would be too
/// large (beyond 2^40 elements); otherwise the status of the launch.
template <class T, class Op>
cudaError_t run(const segmented_problem<T, Op>& p, cudaStream_t stream, workspace_view workspace) {
  if (!explain_invalid(p).empty()) return cudaErrorInvalidValue;
  if (!tuned_segments::supports(p)) return cudaErrorNotSupported;
  return tuned_segments::launch(p, stream, workspace);
}

}  // namespace warpladder::reduce
