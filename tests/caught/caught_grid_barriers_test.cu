// SPDX-License-Identifier: Apache-2.0
//
// The wrong barriers of grid_barriers.cuh that let blocks through too early, or for ever not: wrong
// tokens, or a launch that is ended. Missing fences show in neither on a CPU, and rarely on a GPU:
// traced_caught_test.cu finds those.

#include <string>

#include "grid_barriers.cuh"
#include "support/backend.hpp"
#include "support/run_kernel.hpp"

namespace warpladder::caught {
namespace {

using test::zeros;

struct outcome {
  cudaError_t status;
  unsigned wrong;
};

template <barrier_defect Defect>
outcome run_rounds() {
  constexpr unsigned blocks = 6, threads = 64, rounds = 40;
  const auto board = zeros<unsigned>(2 * blocks), arrivals = zeros<unsigned>(1);
  const auto wrong = zeros<unsigned>(1);
  outcome found{};
  found.status = test::run({.grid = blocks, .block = threads, .cooperative = true},
                           meet_often<Defect>, rounds, board.data(), arrivals.data(), wrong.data());
  if (found.status == cudaSuccess)
    WARPLADDER_TRY(
        cudaMemcpy(&found.wrong, wrong.data(), sizeof found.wrong, cudaMemcpyDeviceToHost));
  return found;
}

/// How many of the schedules bring the defect to light.
template <barrier_defect Defect>
int objections() {
  int count = 0;
  test::for_each_schedule(6, [&](const std::string&) {
    const outcome found = run_rounds<Defect>();
    count += found.status != cudaSuccess || found.wrong > 0;
  });
  return count;
}

TEST(CaughtGridBarrier, the_right_one_is_not) {
  if (!test::why_no_device().empty()) GTEST_SKIP() << test::why_no_device();
  EXPECT_EQ(objections<barrier_defect::none>(), 0);
}

TEST(CaughtGridBarrier, never_reset) {
  if (!test::why_no_device().empty()) GTEST_SKIP() << test::why_no_device();
  if (test::on_gpu) GTEST_SKIP() << "whether a GPU shows this is luck; the host executor must";
  EXPECT_GT(objections<barrier_defect::never_reset>(), 0);
}

TEST(CaughtGridBarrier, arrives_once_too_often) {
  if (!test::why_no_device().empty()) GTEST_SKIP() << test::why_no_device();
  if (test::on_gpu) GTEST_SKIP() << "whether a GPU shows this is luck; the host executor must";
  EXPECT_GT(objections<barrier_defect::arrives_once_too_often>(), 0);
}

TEST(CaughtGridBarrier, no_block_barrier_before) {
  if (!test::why_no_device().empty()) GTEST_SKIP() << test::why_no_device();
  if (test::on_gpu) GTEST_SKIP() << "whether a GPU shows this is luck; the host executor must";
  EXPECT_GT(objections<barrier_defect::no_block_barrier_before>(), 0);
}

TEST(CaughtGridBarrier, no_block_barrier_behind) {
  if (!test::why_no_device().empty()) GTEST_SKIP() << test::why_no_device();
  if (test::on_gpu) GTEST_SKIP() << "whether a GPU shows this is luck; the host executor must";
  EXPECT_GT(objections<barrier_defect::no_block_barrier_behind>(), 0);
}

#ifdef WARPLADDER_HOST_EXECUTOR
/// The block that was lapped waits for a zero that can no longer come, and all others for it.
TEST(CaughtGridBarrier, reset_by_the_last) {
  simt::options options = simt::current_options();
  options.watchdog_seconds = 0.3;
  const simt::scoped_options scope(options);
  int hung = 0;
  test::for_each_schedule(6, [&](const std::string&) {
    simt::clear_report();
    hung += run_rounds<barrier_defect::reset_by_the_last>().status == cudaErrorLaunchTimeout &&
            simt::last_report().find("no progress") != std::string::npos;
    cudaGetLastError();
  });
  EXPECT_GT(hung, 0) << "the executor reported nothing";
}
#endif

}  // namespace
}  // namespace warpladder::caught
