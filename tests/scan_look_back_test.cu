// SPDX-License-Identifier: Apache-2.0
//
// What stands before a tile, found by 06 look_back in states that were made by hand: in a whole
// scan it depends on timing how far back anybody has to look.

#include <cstdint>
#include <string>
#include <vector>
#include <warpladder/scan/06_look_back.cuh>

#include "scan.hpp"
#include "support/backend.hpp"
#include "support/run_kernel.hpp"

namespace warpladder::test {
namespace {

using scan::detail::tile_state, scan::detail::tile_states;

/// Of `tiles`, each of them one element, the tiles up to `prefix` know all up to their end, later
/// ones their sums. One warp tells, the other looks: behind it or (meanwhile) from the beginning.
template <class T, class Op>
__global__ void tell_and_look(Op op, tile_states<typename Op::accumulator> states,
                              std::int64_t tiles, std::int64_t prefix, bool meanwhile,
                              typename Op::accumulator* found) {
  if (threadIdx.x == 32) {
    for (std::int64_t tile = tiles - 1; tile > prefix; --tile) {
      states.tell(tile, tile_state::sum, op.lift(T(tile * tile), tile));
      if (tile % 7 == 0) __nanosleep(20);
    }
    typename Op::accumulator all = op.identity();
    for (std::int64_t tile = 0; tile <= prefix; ++tile) {
      all = op.combine(all, op.lift(T(tile * tile), tile));
      states.tell(tile, tile_state::prefix, all);
    }
  }
  if (!meanwhile) __syncthreads();
  if (threadIdx.x < 32) {
    const typename Op::accumulator before = scan::detail::look_back(op, states, tiles);
    if (threadIdx.x == 0) *found = before;
  }
}

template <class T, class Op>
void finds_what_stands_before() {
  using accumulator = typename Op::accumulator;
  using states = tile_states<accumulator>;
  const Op op;
  for (const std::int64_t tiles : {1, 2, 31, 32, 33, 64, 65, 200}) {
    for (const std::int64_t back : {1, 2, 31, 32, 33, 63, 64, 65, 150}) {
      if (back > tiles) continue;
      for (const bool meanwhile : {false, true}) {
        SCOPED_TRACE(std::to_string(tiles) + " tiles, prefix " + std::to_string(back) +
                     " back, meanwhile " + std::to_string(meanwhile));
        accumulator want = op.identity(), got;
        for (std::int64_t tile = 0; tile < tiles; ++tile)
          want = op.combine(want, op.lift(T(tile * tile), tile));
        for_each_schedule(3, [&](const std::string& order) {
          SCOPED_TRACE(order);
          const auto memory = zeros<unsigned char>(states::bytes(tiles));
          const auto found = zeros<accumulator>(1);
          ASSERT_EQ(run({1, 64}, tell_and_look<T, Op>, op, states(memory.data(), tiles), tiles,
                        tiles - back, meanwhile, found.data()),
                    cudaSuccess);
          WARPLADDER_TRY(cudaMemcpy(&got, found.data(), sizeof got, cudaMemcpyDeviceToHost));
          EXPECT_EQ(std::memcmp(&got, &want, sizeof got), 0);
        });
      }
    }
  }
}

TEST(scan_look_back, finds_what_stands_before_in_one_word) {
  if (!why_no_device().empty()) GTEST_SKIP() << why_no_device();
  finds_what_stands_before<std::int32_t, sum<std::int32_t>>();
}

TEST(scan_look_back, finds_what_stands_before_behind_a_fence) {
  if (!why_no_device().empty()) GTEST_SKIP() << why_no_device();
  finds_what_stands_before<std::int32_t, tables::composition<std::int32_t>>();
  finds_what_stands_before<std::int64_t, tables::composition<std::int64_t>>();
}

}  // namespace
}  // namespace warpladder::test
