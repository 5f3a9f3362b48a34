// SPDX-License-Identifier: Apache-2.0
//
// warpladder::grid_barrier in kernels of its users, its bounded mode, and who may launch it.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>
#include <warpladder/grid_barrier.cuh>

#include "support/backend.hpp"
#include "support/run_kernel.hpp"

namespace warpladder::test {
namespace {

/// The index of a thread in its grid, all dimensions counted.
__device__ unsigned thread_of_grid() {
  const unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  const unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  return block * (blockDim.x * blockDim.y * blockDim.z) + thread;
}

/// Every thread passes on to a thread of the next block what it got from the one before: after
/// `rounds` of them, thread i holds `rounds` plus the value of the one so many places before it.
template <class Barrier>
__device__ void pass_on(Barrier& barrier, unsigned rounds, unsigned* words, bool split) {
  const unsigned me = thread_of_grid(), in_block = blockDim.x * blockDim.y * blockDim.z;
  const unsigned all = in_block * (gridDim.x * gridDim.y * gridDim.z);
  unsigned value = me;
  for (unsigned round = 0; round < rounds; ++round) {
    unsigned* const half = words + round % 2 * all;
    half[(me + in_block) % all] = value + 1;
    if (split) {
      barrier.arrive();
      value = ~0u;  // work that needs no other block
      if (!barrier.wait()) return;
    } else {
      if (!barrier.sync()) return;
    }
    value = half[me];
  }
  words[2 * all + me] = value;
}

__global__ void pass_on_kernel(unsigned* word, unsigned rounds, unsigned* words, bool split) {
  grid_barrier barrier(word);
  pass_on(barrier, rounds, words, split);
}

__global__ void bounded_kernel(unsigned* word, unsigned rounds, unsigned* words,
                               grid_barrier_report* report) {
  bounded_grid_barrier barrier(word, {report});
  pass_on(barrier, rounds, words, false);
}

template <class T>
T read(const device_buffer<T>& memory, std::size_t at = 0) {
  T value;
  WARPLADDER_TRY(cudaMemcpy(&value, memory.data() + at, sizeof value, cudaMemcpyDeviceToHost));
  return value;
}

/// Launches and waits, as run() does, through launch_resident.
template <class... Parameters, class... Arguments>
cudaError_t run_resident(const shape& of, void (*kernel)(Parameters...), Arguments... arguments) {
  const stream on;
  const cudaError_t launched =
      launch_resident(kernel, {.grid = of.grid, .block = of.block, .stream = on}, arguments...);
  const cudaError_t ran = cudaStreamSynchronize(on);
  return launched != cudaSuccess ? launched : ran;
}

unsigned volume(const dim3& v) {
  return v.x * v.y * v.z;
}

void expect_passed_on(const device_buffer<unsigned>& words, const shape& of, unsigned rounds) {
  const unsigned in_block = volume(of.block), all = in_block * volume(of.grid);
  std::vector<unsigned> got(all);
  WARPLADDER_TRY(cudaMemcpy(got.data(), words.data() + 2 * all, all * sizeof(unsigned),
                            cudaMemcpyDeviceToHost));
  for (unsigned me = 0; me < all; ++me) {
    const unsigned origin =
        unsigned((me + std::uint64_t{all} * rounds - std::uint64_t{in_block} * rounds) % all);
    ASSERT_EQ(got[me], origin + rounds) << "thread " << me;
  }
}

const shape shapes[] = {
    {.grid = 1, .block = 32},
    {.grid = 5, .block = 1},
    {.grid = 2, .block = dim3(8, 4)},
    {.grid = dim3(3, 2), .block = dim3(5, 3, 2)},
    {.grid = dim3(2, 2, 3), .block = dim3(4, 4, 4)},
    {.grid = 7, .block = 96},
};

/// All on one word that is zeroed once: grids of different sizes, odd and even numbers of barriers.
TEST(grid_barrier, one_word_serves_launch_after_launch) {
  if (!why_no_device().empty()) GTEST_SKIP() << why_no_device();
  const auto word = zeros<unsigned>(1);
  for_each_schedule(3, [&](const std::string& order) {
    SCOPED_TRACE(order);
    for (const unsigned rounds : {1u, 2u, 7u, 0u, 40u}) {
      for (const shape& of : shapes) {
        for (const bool split : {false, true}) {
          SCOPED_TRACE(std::to_string(volume(of.grid)) + " blocks, " + std::to_string(rounds));
          const auto words = zeros<unsigned>(3 * volume(of.grid) * volume(of.block));
          ASSERT_EQ(run_resident(of, pass_on_kernel, word.data(), rounds, words.data(), split),
                    cudaSuccess);
          expect_passed_on(words, of, rounds);
          EXPECT_EQ(read(word) & 0x7fffffffu, 0u) << "arrivals were left behind";
        }
      }
    }
  });
}

TEST(grid_barrier, bounded_is_the_same_barrier) {
  if (!why_no_device().empty()) GTEST_SKIP() << why_no_device();
  const auto word = zeros<unsigned>(1);
  const auto report = zeros<grid_barrier_report>(1);
  for_each_schedule(3, [&](const std::string& order) {
    SCOPED_TRACE(order);
    for (const shape& of : shapes) {
      const auto words = zeros<unsigned>(3 * volume(of.grid) * volume(of.block));
      ASSERT_EQ(run_resident(of, bounded_kernel, word.data(), 9u, words.data(), report.data()),
                cudaSuccess);
      expect_passed_on(words, of, 9);
    }
  });
  EXPECT_EQ(explain(read(report)), "");
}

/// Block `absent` leaves after `met` barriers; the others notice. Counts the threads for which
/// each barrier opened.
__global__ void one_leaves(unsigned* word, give_up_after limit, unsigned absent, unsigned met,
                           unsigned* opened) {
  bounded_grid_barrier barrier(word, limit);
  for (unsigned i = 0; i < met + 3; ++i) {
    if (blockIdx.x == absent && i == met) return;
    if (barrier.sync()) atomicAdd(opened + i, 1);
  }
}

TEST(grid_barrier, bounded_reports_a_block_that_does_not_come) {
  if (!why_no_device().empty()) GTEST_SKIP() << why_no_device();
  constexpr unsigned blocks = 6, threads = 64;
  // On a busy CPU blocks are late by tens of milliseconds, and a poll takes a microsecond.
  constexpr unsigned polls = on_gpu ? 3000 : 100'000;
  for_each_schedule(1, [&](const std::string& order) {
    for (const auto& [absent, met] : {std::pair{0u, 1u}, {3u, 0u}, {5u, 2u}}) {
      SCOPED_TRACE(order + ", block " + std::to_string(absent) + " leaves at " +
                   std::to_string(met));
      const auto word = zeros<unsigned>(1), opened = zeros<unsigned>(met + 3);
      const auto on_device = zeros<grid_barrier_report>(1);
      ASSERT_EQ(run_resident({.grid = blocks, .block = threads}, one_leaves, word.data(),
                             give_up_after{on_device.data(), polls}, absent, met, opened.data()),
                cudaSuccess)
          << "the kernel has to end by itself";
      const grid_barrier_report report = read(on_device);
      EXPECT_EQ(report.given_up, 1u);
      EXPECT_NE(report.block, absent);
      EXPECT_LT(report.block, blocks);
      EXPECT_EQ(report.barrier, met);
      EXPECT_EQ(report.blocks, blocks);
      EXPECT_EQ(report.arrived, blocks - 1);
      for (unsigned i = 0; i < met + 3; ++i)
        EXPECT_EQ(read(opened, i), i < met ? blocks * threads : 0u) << "barrier " << i;
      const std::string words = explain(report);
      EXPECT_NE(words.find("block " + std::to_string(report.block) + " "), words.npos) << words;
      EXPECT_NE(words.find("5 of 6 blocks"), words.npos) << words;
    }
  });
}

__global__ void meet_twice(unsigned* word, grid_barrier_report* report, unsigned polls) {
  bounded_grid_barrier barrier(word, {report, polls});
  if (barrier.sync()) barrier.sync();
}

/// More blocks than are resident, launched so that nothing refuses them: the barrier that would
/// hang says why.
TEST(grid_barrier, bounded_survives_a_grid_that_is_not_resident) {
  if (!why_no_device().empty()) GTEST_SKIP() << why_no_device();
  std::size_t fit = 2;  // of the host executor's blocks, with two workers
  const dim3 block(128);
#ifdef WARPLADDER_HOST_EXECUTOR
  simt::options options = simt::current_options();
  options.workers = 2;
  const simt::scoped_options scope(options);
#else
  ASSERT_EQ(max_resident_blocks(meet_twice, {.grid = 1, .block = block, .stream = {}}, fit),
            cudaSuccess);
#endif
  for (const std::size_t blocks : {fit + 1, 2 * fit, 3 * fit + 1}) {
    const auto word = zeros<unsigned>(1);
    const auto report = zeros<grid_barrier_report>(1);
    ASSERT_EQ(run({.grid = unsigned(blocks), .block = block}, meet_twice, word.data(),
                  report.data(), 2000u),
              cudaSuccess);
    EXPECT_EQ(read(report).given_up, 1u);
    EXPECT_EQ(read(report).barrier, 0u);
    EXPECT_LE(read(report).arrived, fit);
    EXPECT_EQ(read(report).blocks, blocks);
  }
}

TEST(launch_resident, refuses_what_does_not_fit) {
  if (!why_no_device().empty()) GTEST_SKIP() << why_no_device();
  const stream on;
  const auto word = zeros<unsigned>(1);
  for (const unsigned threads : {1024u, 256u}) {
    launch_config config{.grid = 1, .block = dim3(threads), .stream = on};
    std::size_t fit = 0;
    ASSERT_EQ(max_resident_blocks(pass_on_kernel, config, fit), cudaSuccess);
    ASSERT_GE(fit, 1u);
    const auto launch = [&](std::size_t blocks) {
      config.grid = dim3(unsigned(blocks));
      const cudaError_t status = launch_resident(pass_on_kernel, config, word.data(), 0u,
                                                 static_cast<unsigned*>(nullptr), false);
      cudaGetLastError();
      return status;
    };
    EXPECT_EQ(launch(fit + 1), cudaErrorCooperativeLaunchTooLarge);
    ASSERT_EQ(cudaStreamSynchronize(on), cudaSuccess);

    // Said at once under capture too, which stays legal.
    cudaGraph_t graph{};
    ASSERT_EQ(cudaStreamBeginCapture(on, cudaStreamCaptureModeGlobal), cudaSuccess);
    EXPECT_EQ(launch(fit + 1), cudaErrorCooperativeLaunchTooLarge);
    ASSERT_EQ(cudaStreamEndCapture(on, &graph), cudaSuccess);
    EXPECT_EQ(cudaGraphDestroy(graph), cudaSuccess);
  }
}

/// As many as fit, do.
TEST(launch_resident, fills_the_device) {
  if (!why_no_device().empty()) GTEST_SKIP() << why_no_device();
  const auto word = zeros<unsigned>(1);
  for (const unsigned threads : {on_gpu ? 1024u : 512u, 256u}) {
    std::size_t fit = 0;
    ASSERT_EQ(
        max_resident_blocks(pass_on_kernel, {.grid = 1, .block = dim3(threads), .stream = {}}, fit),
        cudaSuccess);
    const shape of{.grid = dim3(unsigned(fit)), .block = dim3(threads)};
    const auto words = zeros<unsigned>(3 * fit * threads);
    ASSERT_EQ(run_resident(of, pass_on_kernel, word.data(), 5u, words.data(), false), cudaSuccess);
    expect_passed_on(words, of, 5);
  }
}

/// Large dynamic shared memory is opted in to before the question is asked.
TEST(max_resident_blocks, knows_shared_memory_and_clusters) {
  if (!why_no_device().empty()) GTEST_SKIP() << why_no_device();
  device_facts facts;
  ASSERT_EQ(query_device(facts), cudaSuccess);
  launch_config config{.grid = 1, .block = 32, .stream = {}};
  config.shared_bytes = std::size_t(facts.shared_bytes_per_block) - 1024;
  std::size_t fit = 0;
  ASSERT_EQ(max_resident_blocks(pass_on_kernel, config, fit), cudaSuccess);
  EXPECT_EQ(fit, std::size_t(facts.multiprocessors));

  if (facts.compute_capability < 90) return;
  config = {.grid = 1, .block = 1024, .stream = {}, .cluster = 2};
  std::size_t in_clusters = 0, alone = 0;
  ASSERT_EQ(max_resident_blocks(pass_on_kernel, config, in_clusters), cudaSuccess);
  config.cluster = 1;
  ASSERT_EQ(max_resident_blocks(pass_on_kernel, config, alone), cudaSuccess);
  EXPECT_EQ(in_clusters % 2, 0u);
  EXPECT_LE(in_clusters, alone);
  EXPECT_GT(in_clusters, 0u);
}

}  // namespace
}  // namespace warpladder::test
