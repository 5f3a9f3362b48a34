// SPDX-License-Identifier: Apache-2.0
//
// chase: a thread walks through a linked list of 64 links, bound by latency: where to read next is
// only known when the last read has come.
//
// A list lies in 256 aligned bytes, two lines of L1, and its links jump about in them. So 2 of 64
// reads have to go to device memory (about 600 ns) and 62 find their line in L1 (about 20 ns), if
// it is still there: 2048 resident threads want 512 KB, and L1 has less than 256. Lanes read from
// 32 lines, which L1 serves one per clock: a warp's list takes it 64 * 32 = 2048 clocks, so 4 to 8
// warps keep it busy.
//
// Predicted: 256 to 512 resident threads, occupancy 12% to 25%, are best; at 100%, which the
// occupancy API reports for any block from 64 to 512, most reads go to L2 and take half as long
// again or more. The block that does best without a limit on the grid is the one of 32 threads, of
// which the hardware keeps only 1024 threads. 2^20 lists: 2^15 warps * 2048 clocks / 132, 0.29 ms.
//
// Work per thread: two or four lists at a time do what more warps do. More of them need the same
// L1.
#pragma once

#include <warpladder/launch/shipped.cuh>

namespace warpladder::launch {

/// `n` lists of chase_links links each, one after the other; the i-th begins at link[64 * i]. A
/// link is the place in its list of the next, below 64. out[i] tells which links were met in what
/// order.
struct chase_problem {
  std::int64_t n;
  const std::uint32_t* link;
  std::uint32_t* out;
};

inline constexpr int chase_links = 64;

/// One step: where the walk is, added to what it has met.
__host__ __device__ __forceinline__ std::uint32_t chase_met(std::uint32_t before,
                                                            std::uint32_t at) {
  return before * 31 + at;
}

template <int Items>
__global__ void chase_kernel(chase_problem p) {
  detail::for_each_tile<Items>(p.n, [&](std::int64_t first) {
    const std::uint32_t* list[Items];
    std::uint32_t at[Items], met[Items];
#pragma unroll
    for (int k = 0; k < Items; ++k) {
      const std::int64_t mine = first + k * blockDim.x;
      list[k] = p.link + (mine < p.n ? mine : p.n - 1) * chase_links;
      at[k] = met[k] = 0;
    }
#pragma unroll 1
    for (int step = 0; step < chase_links; ++step) {
#pragma unroll
      for (int k = 0; k < Items; ++k) at[k] = list[k][at[k]];
#pragma unroll
      for (int k = 0; k < Items; ++k) met[k] = chase_met(met[k], at[k]);
    }
#pragma unroll
    for (int k = 0; k < Items; ++k) {
      const std::int64_t mine = first + k * blockDim.x;
      if (mine < p.n) p.out[mine] = met[k];
    }
  });
}

template <int Items>
shipped<chase_problem> chase() {
  return {"chase",
          "latency and L1",
          chase_kernel<Items>,
          {.items = Items, .cached_bytes_per_thread = Items * chase_links * sizeof(std::uint32_t)}};
}

}  // namespace warpladder::launch
