// SPDX-License-Identifier: Apache-2.0
//
// The front door of scans (prefix sums): inclusive and exclusive, of any operation that
// core/operations.hpp describes. Header-only; needs cudart alone.
#pragma once

#include <cstddef>
#include <warpladder/core/workspace.hpp>
#include <warpladder/scan/08_tuned.cuh>
#include <warpladder/scan/problem.hpp>

namespace warpladder::scan {

/// Bytes of scratch device memory, aligned to 256, that run(p, ...) needs on the current device:
/// none for very short arrays (up to 2^13 floats), a few KiB for others; on devices below compute
/// capability 9.0, and for elements of more than 16 bytes, it grows with n (by one accumulator per
/// 2^13 floats).
template <class T, class Op>
std::size_t workspace_bytes(const problem<T, Op>& p) {
  return explain_invalid(p).empty() ? tuned::workspace_bytes(p) : 0;
}

/// Enqueues the scan on `stream` and returns at once. Up to 8 MiB of elements: two launches (one
/// for very short arrays), of which the first reads every element and the second reads them again,
/// from L2, and writes the results. Longer arrays: one launch, which reads every element once;
/// where the device or the type rules that out, the two launches, and one or two more that scan
/// their sums. combine is called a few times per element and need not be commutative. The
/// order in which elements are combined depends on n, the types and, for long arrays, the device
/// alone: equal inputs give equal bits on one device.
/// `workspace` may be overwritten until the scan is done; its contents need no preparation. Two
/// scans that may run at the same time need two. While the one launch of a long scan runs, its
/// blocks are resident all together: a cooperative launch, which waits until the device has room.
/// Never allocates, never synchronises, never touches another stream; legal under stream capture.
/// Returns cudaErrorInvalidValue before anything is enqueued if explain_invalid(p) has something to
/// say or if `workspace` is too small or misaligned; otherwise the status of the launch.
template <class T, class Op>
cudaError_t run(const problem<T, Op>& p, cudaStream_t stream, workspace_view workspace = {}) {
  if (!explain_invalid(p).empty()) return cudaErrorInvalidValue;
  if (!tuned::supports(p)) return cudaErrorNotSupported;
  return tuned::launch(p, stream, workspace);
}

}  // namespace warpladder::scan
