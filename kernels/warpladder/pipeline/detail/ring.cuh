// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <warpladder/pipeline/detail/stages.cuh>

namespace warpladder::pipeline::detail {

/// Slots that a ring can fill at all.
inline std::int64_t slots_in_use(const problem& p, std::int64_t pieces) {
  return std::min(std::int64_t(p.slots), pieces);
}

/// The array in pieces, `next(begin)` elements from each begin, through a ring of slots. A stream
/// for each direction of copies, and as many for kernels as may run at once, in turn; a slot is
/// filled again when its last piece was copied out.
template <class Next>
cudaError_t enqueue_ring(const problem& p, std::int64_t slots, int kernels_at_once,
                         const Next& next, cudaStream_t stream, workspace_view workspace) {
  enqueuer work(p, stream, workspace);
  work.fork(2 + kernels_at_once);
  const cudaStream_t in = work.lane(0), out = work.lane(1 + kernels_at_once);
  // [the ring]
  piece chunk{.index = 0, .begin = 0, .n = 0};
  for (; chunk.begin < p.n; chunk.begin += chunk.n, ++chunk.index) {
    chunk.n = next(chunk.begin);
    const int slot = int(chunk.index % slots);
    const cudaStream_t compute = work.lane(1 + int(chunk.index % kernels_at_once));
    if (chunk.index >= slots) work.wait_for_slot(slot, in);
    work.copy_in(chunk, slot, in);
    work.hand_over(in, compute);
    work.transform(chunk, slot, compute);
    work.hand_over(compute, out);
    work.copy_out(chunk, slot, out);
    work.free_slot(slot, out);
  }
  // [/the ring]
  return work.join();
}

}  // namespace warpladder::pipeline::detail
