// SPDX-License-Identifier: Apache-2.0
//
// pipeline::run: exact results in every cut, order, back-pressure, and what happens when something
// goes wrong at any chunk: the sink has whole chunks and no others, nothing leaks, and both the
// runner and the caller's stream work afterwards.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <numeric>
#include <random>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/math.hpp>
#include <warpladder/pipeline.hpp>
#include <warpladder/transfer.hpp>

#include "support/backend.hpp"

namespace warpladder::test {
namespace {

using bytes = std::vector<unsigned char>;
using pipeline::chunk, pipeline::failed, pipeline::options, pipeline::outcome, pipeline::runner,
    pipeline::sink, pipeline::source, pipeline::stage, pipeline::summary;

// ---- Stages, and what they shall compute -------------------------------------------------------

__host__ __device__ unsigned char scrambled(unsigned char x, std::uint64_t position) {
  return static_cast<unsigned char>(x ^ (position * 167 >> 3));
}
__host__ __device__ unsigned widened(unsigned char x, std::uint64_t position) {
  return x * 1000003u + static_cast<unsigned>(position);
}

__global__ void scramble(const unsigned char* in, unsigned char* out, int n, std::uint64_t first) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < n) out[i] = scrambled(in[i], first + static_cast<std::uint64_t>(i));
}
__global__ void widen(const unsigned char* in, unsigned* out, int n, std::uint64_t first) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < n) out[i] = widened(in[i], first + static_cast<std::uint64_t>(i));
}
__global__ void add_pairs(const unsigned* in, unsigned* out, int pairs) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < pairs) out[i] = in[2 * i] + in[2 * i + 1];
}

launch_config one_thread_each(std::size_t n, stream_view on) {
  return {.grid = dim3(static_cast<unsigned>(ceil_div<std::size_t>(n, 64))),
          .block = dim3(64),
          .stream = on};
}

/// As many bytes out as in.
stage scrambling() {
  return {.name = "scramble",
          .enqueue =
              [](std::span<const std::byte> in, std::span<std::byte> out, const chunk& c,
                 stream_view on) {
                return launch_kernel(scramble, one_thread_each(in.size(), on),
                                     pipeline::as<unsigned char>(in).data(),
                                     pipeline::as<unsigned char>(out).data(),
                                     static_cast<int>(in.size()), c.first_byte);
              },
          .independent = true};
}
/// Four times as many.
stage widening() {
  return {.name = "widen",
          .enqueue =
              [](std::span<const std::byte> in, std::span<std::byte> out, const chunk& c,
                 stream_view on) {
                return launch_kernel(
                    widen, one_thread_each(in.size(), on), pipeline::as<unsigned char>(in).data(),
                    pipeline::as<unsigned>(out).data(), static_cast<int>(in.size()), c.first_byte);
              },
          .output_bytes = [](std::size_t in) { return 4 * in; },
          .independent = true};
}
/// Half as many; the input is whole pairs.
stage adding_pairs() {
  return {.name = "add pairs",
          .enqueue =
              [](std::span<const std::byte> in, std::span<std::byte> out, const chunk&,
                 stream_view on) {
                const std::span<unsigned> sums = pipeline::as<unsigned>(out);
                return launch_kernel(add_pairs, one_thread_each(sums.size(), on),
                                     pipeline::as<unsigned>(in).data(), sums.data(),
                                     static_cast<int>(sums.size()));
              },
          .output_bytes = [](std::size_t in) { return in / 2; },
          .independent = true};
}

/// The same, one chunk after the other.
stage in_order(stage one) {
  one.independent = false;
  return one;
}

bytes random_bytes(std::size_t size) {
  std::mt19937 random(static_cast<unsigned>(size));
  bytes made(size);
  for (unsigned char& each : made) each = static_cast<unsigned char>(random());
  return made;
}

bytes scrambled(const bytes& in) {
  bytes out(in.size());
  for (std::size_t i = 0; i < in.size(); ++i) out[i] = scrambled(in[i], i);
  return out;
}

/// Of scramble, widen and add_pairs one after the other.
bytes through_three_stages(const bytes& in) {
  const bytes first = scrambled(in);
  std::vector<unsigned> sums(in.size() / 2);
  for (std::size_t i = 0; i < sums.size(); ++i)
    sums[i] = widened(first[2 * i], 2 * i) + widened(first[2 * i + 1], 2 * i + 1);
  bytes out(sums.size() * 4);
  if (!out.empty()) std::memcpy(out.data(), sums.data(), out.size());
  return out;
}

// ---- Sources and sinks -------------------------------------------------------------------------

/// Fills slots from an array, in pieces of any size if `random` is there, with whole `unit`s.
source filling(const bytes& all, std::mt19937* random = nullptr, std::size_t unit = 1) {
  return {.fill =
              [&all, random, unit](std::span<std::byte> slot, const chunk& c) {
                const std::size_t left = all.size() - c.first_byte;
                std::size_t n = std::min(slot.size(), left);
                if (random != nullptr && n > unit) n = (1 + (*random)() % (n / unit)) * unit;
                if (n > 0) std::memcpy(slot.data(), all.data() + c.first_byte, n);
                return n;
              },
          .total_bytes = all.size()};
}

/// Takes what comes, and says so if it does not come in order.
sink appending_to(bytes& out) {
  return {.take = [&out, next = std::size_t{0}](std::span<const std::byte> output,
                                                const chunk& c) mutable {
    EXPECT_EQ(c.index, next++);
    EXPECT_EQ(c.first_output_byte, out.size());
    EXPECT_EQ(c.output_bytes, output.size());
    const auto values = pipeline::as<unsigned char>(output);
    out.insert(out.end(), values.begin(), values.end());
  }};
}

struct pinned_copy {
  pinned_buffer<unsigned char> memory;
  explicit pinned_copy(std::size_t size) : memory(size) {
    if (size > 0) std::memset(memory.data(), 0xA5, size);
  }
  explicit pinned_copy(const bytes& from) : pinned_copy(from.size()) {
    if (!from.empty()) std::memcpy(memory.data(), from.data(), from.size());
  }
  bytes content() const { return {memory.data(), memory.data() + memory.size()}; }
};

/// The first `size` bytes.
bytes prefix(const bytes& all, std::size_t size) {
  return {all.begin(), all.begin() + static_cast<std::ptrdiff_t>(std::min(size, all.size()))};
}

/// What is alive on the device and must be alive again afterwards. A GPU can tell how much of its
/// memory is free, which is no use while other programs use it: there, one test alone looks at it.
struct leak_check {
#ifdef WARPLADDER_HOST_EXECUTOR
  simt::object_counts before = simt::live_objects();
  ~leak_check() {
    EXPECT_EQ(simt::live_objects(), before);
  }
#else
  ~leak_check() {}
#endif
};

class pipeline_run : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!why_no_device().empty()) GTEST_SKIP() << why_no_device();
    cudaGetLastError();
  }
};

constexpr std::size_t chunk_bytes = 512;

// ---- Results -----------------------------------------------------------------------------------

TEST_F(pipeline_run, every_cut_gives_the_same_bytes) {
  for_each_stream_schedule(sanitized ? 1 : 3, [](const std::string& schedule) {
    const stream on;
    for (const std::size_t size : {0, 1, 255, 512, 513, 1023, 1024, 1025, 5000, 5120}) {
      const bytes in = random_bytes(size), expected = scrambled(in);
      for (const std::size_t slots : {1, 2, 3, 7}) {
        SCOPED_TRACE(schedule + ", " + std::to_string(size) + " bytes, slots " +
                     std::to_string(slots));
        const options how{.chunk_bytes = chunk_bytes, .slots = slots, .granularity = 1};
        bytes out;
        summary done = pipeline::run({scrambling()}, filling(in), appending_to(out), on, how);
        EXPECT_EQ(out, expected);
        out.clear();
        pipeline::run({in_order(scrambling())}, filling(in), appending_to(out), on, how);
        EXPECT_EQ(out, expected);
        EXPECT_EQ(done.chunks, ceil_div(size, chunk_bytes));
        EXPECT_EQ(done.bytes_in, size);
        EXPECT_EQ(done.bytes_out, size);
        EXPECT_EQ(done.end, outcome::done);

        const pinned_copy from(in), to(size);
        done = pipeline::run({scrambling()}, pipeline::from_memory(from.memory.view()),
                             pipeline::to_memory(to.memory.view()), on, how);
        EXPECT_EQ(to.content(), expected);
        EXPECT_EQ(done.bytes_out, size);
      }
    }
  });
}

TEST_F(pipeline_run, sizes_that_change_between_stages_and_chunks) {
  for_each_stream_schedule(sanitized ? 1 : 3, [](const std::string& schedule) {
    std::mt19937 random(7);
    const stream on;
    for (const std::size_t size : {0, 2, 512, 514, 6000}) {
      SCOPED_TRACE(schedule + ", " + std::to_string(size) + " bytes");
      const bytes in = random_bytes(size);
      for (const stage& first : {scrambling(), in_order(scrambling())}) {
        runner twice({first, widening(), adding_pairs()},
                     {.chunk_bytes = chunk_bytes, .slots = 3, .granularity = 2});
        for (int run = 0; run < 2; ++run) {
          bytes out;
          const summary done = twice.run(filling(in, &random, 2), appending_to(out), on);
          EXPECT_EQ(out, through_three_stages(in));
          EXPECT_EQ(done.bytes_in, size);
          EXPECT_EQ(done.bytes_out, 2 * size);
        }
      }
    }
  });
}

TEST_F(pipeline_run, stages_in_place_wherever_they_stand) {
  stage scramble_here = scrambling();
  scramble_here.in_place = true;
  scramble_here.enqueue = [enqueue = scramble_here.enqueue](auto in, auto out, const chunk& c,
                                                            stream_view on) {
    EXPECT_EQ(in.data(), out.data());
    return enqueue(in, out, c, on);
  };
  for_each_stream_schedule(sanitized ? 1 : 3, [&](const std::string& schedule) {
    SCOPED_TRACE(schedule);
    const stream on;
    const bytes in = random_bytes(3001), once = scrambled(in), twice = scrambled(once);
    for (const auto& [stages, expected] : {std::pair{std::vector{scramble_here}, once},
                                           {{scramble_here, scramble_here}, in},
                                           {{scrambling(), scramble_here}, in},
                                           {{scramble_here, scrambling()}, in},
                                           {{scramble_here, scrambling(), scramble_here}, once},
                                           {{scrambling(), scramble_here, scrambling()}, once}}) {
      bytes out;
      pipeline::run(stages, filling(in), appending_to(out), on, {.chunk_bytes = 512, .slots = 3});
      EXPECT_EQ(out, expected);
    }
    EXPECT_EQ(twice, in);  // exclusive or
  });
  stage grows = widening();
  grows.in_place = true;
  EXPECT_THROW(runner({grows}, {}), std::invalid_argument);
}

TEST_F(pipeline_run, no_stage_copies_and_pageable_memory_is_staged) {
  const stream on;
  const bytes in = random_bytes(3000);
  bytes out(3100, 0xA5);
  pipeline::run({}, pipeline::from_memory(in), pipeline::to_memory(out), on, {.chunk_bytes = 256});
  EXPECT_EQ(prefix(out, 3000), in);
  EXPECT_EQ(std::count(out.begin() + 3000, out.end(), 0xA5), 100);
}

TEST_F(pipeline_run, sources_and_sinks_that_enqueue_copies_of_their_own) {
  for_each_stream_schedule(sanitized ? 2 : 6, [](const std::string& schedule) {
    SCOPED_TRACE(schedule);
    const leak_check nothing_leaks;
    const stream on;
    const bytes in = random_bytes(200'000);
    bytes out(in.size(), 0xA5);
    // Through threads and pinned rings: two copiers, as one does one copy at a time.
    transfer::copier inwards({.threads = 2, .chunk_bytes = 8192, .direct_below = 4096});
    transfer::copier outwards({.threads = 2, .chunk_bytes = 8192, .direct_below = 4096});
    const source from = pipeline::from_memory(in, inwards);
    const summary done = pipeline::run({scrambling()}, from, pipeline::to_memory(out, outwards), on,
                                       {.chunk_bytes = 32768, .slots = 3});
    EXPECT_EQ(done.bytes_out, in.size());
    EXPECT_EQ(out, scrambled(in));

    // A fetch may leave its copy to the stream.
    const pinned_copy to(in.size());
    const sink later{
        .fetch = [&](std::span<const std::byte> device, const chunk& c, stream_view copies) {
          copy_async<std::byte>(
              std::as_writable_bytes(to.memory.view()).subspan(c.first_output_byte, device.size()),
              device, copies);
        }};
    pipeline::run({scrambling()}, from, later, on, {.chunk_bytes = 32768, .slots = 2});
    EXPECT_EQ(to.content(), scrambled(in));
    const sink throwing{.fetch = [](auto, const chunk& c, stream_view) {
      if (c.index == 1) throw std::runtime_error("on purpose");
    }};
    EXPECT_THROW(pipeline::run({}, from, throwing, on, {.chunk_bytes = 32768}), failed);
  });
}

TEST_F(pipeline_run, a_place_and_a_taker_together) {
  const stream on;
  const bytes in = random_bytes(3000);
  const pinned_copy to(3000);
  sink both = pipeline::to_memory(to.memory.view());
  std::size_t taken = 0;
  both.take = [&](std::span<const std::byte> output, const chunk& c) {
    EXPECT_EQ(pipeline::as<unsigned char>(output).data(), to.memory.data() + c.first_output_byte);
    taken += output.size();
  };
  pipeline::run({scrambling()}, filling(in), both, on, {.chunk_bytes = 256});
  EXPECT_EQ(taken, 3000u);
  EXPECT_EQ(to.content(), scrambled(in));
}

/// A stage may have a memory: its chunks pass in order, one at a time.
__global__ void add_to_sum(const unsigned char* in, int n, unsigned* sum, unsigned* out) {
  for (int i = 0; i < n; ++i) *sum = *sum * 31 + in[i];
  *out = *sum;
}

TEST_F(pipeline_run, comes_after_the_work_of_the_callers_stream_and_keeps_state) {
  for_each_stream_schedule(sanitized ? 2 : 6, [](const std::string& schedule) {
    SCOPED_TRACE(schedule);
    const stream on;
    const bytes in = random_bytes(2000);
    const device_buffer<unsigned> sum(1);
    const stage hash{.name = "hash",
                     .enqueue =
                         [&](std::span<const std::byte> from, std::span<std::byte> to, const chunk&,
                             stream_view stage_stream) {
                           return launch_kernel(add_to_sum, {1, 1, 0, stage_stream},
                                                pipeline::as<unsigned char>(from).data(),
                                                static_cast<int>(from.size()), sum.data(),
                                                pipeline::as<unsigned>(to).data());
                         },
                     .output_bytes = [](std::size_t) { return sizeof(unsigned); }};
    WARPLADDER_TRY(cudaMemsetAsync(sum.data(), 0, sizeof(unsigned), on));
    bytes out;
    // One stage that says that chunks may overlap does not speak for the others.
    pipeline::run({scrambling(), hash}, filling(in), appending_to(out), on, {.chunk_bytes = 256});
    unsigned expected = 0, found = 0, later = 0;
    for (const unsigned char each : scrambled(in)) expected = expected * 31 + each;
    ASSERT_EQ(out.size(), 8 * sizeof found);
    std::memcpy(&found, out.data() + out.size() - sizeof found, sizeof found);
    EXPECT_EQ(found, expected);
    copy_async<unsigned>({&later, 1}, sum.view(), on);
    on.synchronize();
    EXPECT_EQ(later, expected);
  });
}

TEST_F(pipeline_run, chunks_overlap_if_all_stages_are_independent) {
  const stream on;
  const bytes in = random_bytes(4 * chunk_bytes);
  for (const bool independent : {true, false}) {
    std::vector<cudaStream_t> streams;
    stage spying = scrambling();
    spying.enqueue = [&, enqueue = spying.enqueue](auto from, auto to, const chunk& c,
                                                   stream_view stage_stream) {
      streams.push_back(stage_stream);
      return enqueue(from, to, c, stage_stream);
    };
    bytes out;
    pipeline::run({spying, independent ? scrambling() : in_order(scrambling())}, filling(in),
                  appending_to(out), on, {.chunk_bytes = chunk_bytes, .slots = 3});
    EXPECT_EQ(out, in);
    ASSERT_EQ(streams.size(), 4u);
    EXPECT_EQ(streams[0] != streams[1], independent);
    EXPECT_EQ(streams[0], streams[2]);
    EXPECT_EQ(streams[1], streams[3]);
  }
}

TEST_F(pipeline_run, several_threads_with_a_runner_each) {
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 4; ++t) {
    threads.emplace_back([t] {
      const stream on;
      const bytes in = random_bytes(4000 + 100 * t);
      runner mine({scrambling()}, {.chunk_bytes = chunk_bytes, .slots = 1 + t});
      for (int run = 0; run < 3; ++run) {
        bytes out;
        mine.run(filling(in), appending_to(out), on);
        EXPECT_EQ(out, scrambled(in)) << "thread " << t;
      }
    });
  }
  for (std::thread& each : threads) each.join();
}

// ---- Back-pressure, progress, choice of chunks -------------------------------------------------

TEST_F(pipeline_run, the_source_is_never_more_than_the_slots_ahead) {
  for (const std::size_t slots : {1, 2, 5}) {
    const stream on;
    const bytes in = random_bytes(20 * chunk_bytes);
    std::mutex mutex;
    std::condition_variable changed;
    std::size_t asked = 0, taken = 0;
    source from = filling(in);
    from.fill = [&, fill = from.fill](std::span<std::byte> slot, const chunk& c) {
      {
        const std::lock_guard lock(mutex);
        ++asked;
        EXPECT_EQ(c.index + 1, asked);
        EXPECT_LE(asked, taken + slots);
      }
      changed.notify_all();
      return fill(slot, c);
    };
    bytes out;
    sink to = appending_to(out);
    to.take = [&, take = to.take](std::span<const std::byte> output, const chunk& c) {
      std::unique_lock lock(mutex);
      // A sink that is slow: it returns when the source has gone as far ahead as it may.
      const std::size_t ahead = std::min(c.index + slots, in.size() / chunk_bytes + 1);
      EXPECT_TRUE(changed.wait_for(lock, std::chrono::seconds(60), [&] { return asked >= ahead; }));
      take(output, c);
      ++taken;
    };
    pipeline::run({scrambling()}, from, to, on, {.chunk_bytes = chunk_bytes, .slots = slots});
    EXPECT_EQ(out, scrambled(in));
  }
}

TEST_F(pipeline_run, lent_memory_is_free_when_as_many_chunks_later_are_asked_for) {
  for_each_stream_schedule(sanitized ? 2 : 6, [](const std::string& schedule) {
    SCOPED_TRACE(schedule);
    constexpr std::size_t slots = 3;
    const stream on;
    const bytes in = random_bytes(4000);
    const pinned_buffer<std::byte> ring(slots * chunk_bytes);  // a camera with three buffers
    const source camera{.lend = [&](std::size_t at_most, const chunk& c) {
      const std::size_t n = std::min<std::size_t>(at_most, in.size() - c.first_byte);
      std::byte* const frame = ring.data() + c.index % slots * chunk_bytes;
      if (n > 0) std::memcpy(frame, in.data() + c.first_byte, n);
      return std::span<const std::byte>(frame, n);
    }};
    bytes out;
    pipeline::run({scrambling()}, camera, appending_to(out), on,
                  {.chunk_bytes = chunk_bytes, .slots = slots});
    EXPECT_EQ(out, scrambled(in));
  });
}

TEST_F(pipeline_run, progress_is_told_on_the_calling_thread) {
  const stream on;
  const bytes in = random_bytes(5000);
  std::vector<pipeline::progress> seen;
  const std::thread::id here = std::this_thread::get_id();
  bytes out;
  pipeline::run({scrambling()}, filling(in), appending_to(out), on,
                {.chunk_bytes = chunk_bytes,
                 .slots = 2,
                 .on_progress =
                     [&](const pipeline::progress& p) {
                       EXPECT_EQ(std::this_thread::get_id(), here);
                       seen.push_back(p);
                     },
                 .progress_every = std::chrono::milliseconds(0)});
  ASSERT_FALSE(seen.empty());
  for (std::size_t i = 0; i < seen.size(); ++i) {
    EXPECT_EQ(seen[i].bytes, std::min<std::size_t>(seen[i].chunks * chunk_bytes, 5000));
    EXPECT_EQ(seen[i].total_bytes, 5000u);
    if (i > 0) {
      EXPECT_GE(seen[i].chunks, seen[i - 1].chunks);
      EXPECT_GE(seen[i].seconds, seen[i - 1].seconds);
    }
  }
  EXPECT_EQ(seen.back().bytes, 5000u);
}

TEST_F(pipeline_run, choices_that_are_left_open_keep_their_limits) {
  stage in_place = scrambling();
  in_place.in_place = true;
  for (const std::vector<stage>& stages : {std::vector{scrambling(), widening()},
                                           {in_order(scrambling()), widening()},
                                           {in_place},
                                           {}}) {
    for (const std::size_t granularity : {1, 256, 3000, 691200}) {
      for (const std::size_t slots : {0, 1, 3}) {
        const std::size_t limit = std::size_t{20} << 20;
#ifdef WARPLADDER_HOST_EXECUTOR
        const simt::object_counts before = simt::live_objects();
#endif
        const runner chosen(stages,
                            {.slots = slots, .granularity = granularity, .memory_bytes = limit});
        EXPECT_GT(chosen.chunk_bytes(), 0u);
        EXPECT_EQ(chosen.chunk_bytes() % granularity, 0u);
        EXPECT_GE(chosen.slots(), 1u);
        if (slots != 0) {
          EXPECT_EQ(chosen.slots(), slots);
        }
#ifdef WARPLADDER_HOST_EXECUTOR
        EXPECT_LE(simt::live_objects().device_bytes - before.device_bytes, limit);
        EXPECT_LE(simt::live_objects().pinned_bytes - before.pinned_bytes, limit);
#endif
      }
    }
  }
  EXPECT_THROW(runner({}, {.granularity = 1 << 20, .memory_bytes = 1000}), std::invalid_argument);
}

TEST_F(pipeline_run, what_makes_no_sense_is_refused_before_anything_runs) {
  const leak_check nothing_leaks;
  const stream on;
  bytes in(1000), out;
  EXPECT_THROW(runner({}, {.chunk_bytes = 300}), std::invalid_argument);
  EXPECT_THROW(runner({}, {.granularity = 0}), std::invalid_argument);
  EXPECT_THROW(runner({{.name = "empty", .enqueue = {}}}, {}), std::invalid_argument);
  runner without({}, {.chunk_bytes = 256}, {.input = false, .output = false});
  EXPECT_THROW(without.run(filling(in), appending_to(out), on), std::invalid_argument);
  EXPECT_THROW(without.run({}, appending_to(out), on), std::invalid_argument);
  EXPECT_THROW(without.run({.fill = filling(in).fill, .feed = [](auto, auto&, auto) { return 0; }},
                           appending_to(out), on),
               std::invalid_argument);
  EXPECT_THROW(without.run(filling(in),
                           {.take = appending_to(out).take, .fetch = [](auto, auto&, auto) {}}, on),
               std::invalid_argument);
  EXPECT_THROW(without.run(filling(in), {}, on), std::invalid_argument);
  EXPECT_TRUE(out.empty());

  runner machine({}, {.chunk_bytes = 256});
  cudaGraph_t graph{};
  WARPLADDER_TRY(cudaStreamBeginCapture(on, cudaStreamCaptureModeThreadLocal));
  EXPECT_THROW(machine.run(filling(in), appending_to(out), on), cuda_error);
  WARPLADDER_TRY(cudaStreamEndCapture(on, &graph));
  WARPLADDER_TRY(cudaGraphDestroy(graph));
  EXPECT_EQ(machine.run(filling(in), appending_to(out), on).bytes_out, 1000u);
}

// ---- Failures ----------------------------------------------------------------------------------

struct some_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// What of the run is to go wrong, and at which chunk.
enum class who { source, stage_returns, stage_throws, bad_launch, place, take, progress };

/// A pipeline of several chunks with one fault in it.
struct faulty_run {
  static constexpr std::size_t chunks = 6, never = 1000;
  who culprit;
  std::size_t at;
  bytes in = random_bytes(chunks * chunk_bytes - 100);
  bytes out = {};

  void fail_at(std::size_t index, who place) const {
    if (index == at && place == culprit) throw some_error("on purpose");
  }
  stage scrambling_or_not() {
    stage made = scrambling();
    made.enqueue = [this, enqueue = made.enqueue](auto from, auto to, const chunk& c,
                                                  stream_view on) {
      fail_at(c.index, who::stage_throws);
      if (c.index == at && culprit == who::stage_returns) return cudaErrorInvalidValue;
      if (c.index == at && culprit == who::bad_launch)
        return launch_kernel(scramble, {1, 4096, 0, on}, nullptr, nullptr, 0, std::uint64_t{0});
      return enqueue(from, to, c, on);
    };
    return made;
  }
  source from() {
    source made = filling(in);
    made.fill = [this, fill = made.fill](std::span<std::byte> slot, const chunk& c) {
      fail_at(c.index, who::source);
      return fill(slot, c);
    };
    return made;
  }
  sink to() {
    sink made = appending_to(out);
    made.take = [this, take = made.take](std::span<const std::byte> output, const chunk& c) {
      fail_at(c.index, who::take);
      take(output, c);
    };
    return made;
  }
};

TEST_F(pipeline_run, a_failure_anywhere_leaves_whole_chunks_and_a_stream_that_works) {
  const std::pair<who, const char*> culprits[] = {
      {who::source, "source"},       {who::stage_returns, "scramble"},
      {who::bad_launch, "scramble"}, {who::stage_throws, "scramble"},
      {who::place, "sink"},          {who::take, "sink"},
      {who::progress, "progress"}};
  for_each_stream_schedule(sanitized ? 1 : 2, [&](const std::string& schedule) {
    const stream on;
    for (const auto& [culprit, name] : culprits) {
      for (std::size_t at = 0; at < faulty_run::chunks; ++at) {
        for (const std::size_t slots : {1, 3}) {
          SCOPED_TRACE(schedule + ": " + name + " at chunk " + std::to_string(at) + ", slots " +
                       std::to_string(slots) + ", case " + std::to_string(int(culprit)));
          const leak_check nothing_leaks;
          faulty_run run{culprit, at};
          const pinned_copy place(run.in.size());
          options how{.chunk_bytes = chunk_bytes, .slots = slots};
          if (culprit == who::progress) {
            how.progress_every = std::chrono::milliseconds(0);
            how.on_progress = [&](const pipeline::progress& p) {
              if (p.chunks >= at) throw some_error("on purpose");
            };
          }
          runner machine({run.scrambling_or_not()}, how);
          sink to = run.to();
          if (culprit == who::place) {
            to = pipeline::to_memory(place.memory.view());
            to.place = [&, give = to.place](std::size_t size, const chunk& c) {
              run.fail_at(c.index, who::place);
              return give(size, c);
            };
          }
          std::size_t delivered = 0;
          try {
            machine.run(run.from(), to, on);
            ADD_FAILURE() << "did not fail";
          } catch (const failed& error) {
            EXPECT_EQ(error.where(), name);
            delivered = error.delivered();
            if (culprit != who::progress) {
              EXPECT_EQ(error.at().index, at);
              EXPECT_EQ(error.at().first_byte, at * chunk_bytes);
              EXPECT_EQ(delivered, at) << "the chunks before it were whole";
            }
            const bool by_cuda = culprit == who::stage_returns || culprit == who::bad_launch;
            try {
              std::rethrow_if_nested(error);
              ADD_FAILURE() << "what was thrown is lost";
            } catch (const cuda_error& nested) {
              EXPECT_TRUE(by_cuda);
              EXPECT_NE(std::string(error.what()).find(nested.what()), std::string::npos);
            } catch (const some_error&) {
              EXPECT_FALSE(by_cuda);
            }
          }
          EXPECT_EQ(cudaGetLastError(), cudaSuccess);
          const bytes expected = scrambled(run.in);
          if (culprit == who::place) {
            EXPECT_EQ(prefix(place.content(), delivered * chunk_bytes),
                      prefix(expected, delivered * chunk_bytes));
          } else {
            EXPECT_EQ(run.out, prefix(expected, delivered * chunk_bytes));
          }

          // The same runner, the same stream, without the fault.
          run.at = faulty_run::never;
          if (culprit != who::progress) {
            run.out.clear();
            machine.run(run.from(), run.to(), on);
            EXPECT_EQ(run.out, expected);
          }
          on.synchronize();
        }
      }
    }
  });
}

/// What the stages before had enqueued for the chunk that failed has ended, too.
TEST_F(pipeline_run, after_a_failure_nothing_is_under_way) {
  for_each_stream_schedule(sanitized ? 2 : 6, [](const std::string& schedule) {
    const bytes in = random_bytes(4 * chunk_bytes);
    for (std::size_t at = 0; at < 4; ++at) {
      SCOPED_TRACE(schedule + ", at chunk " + std::to_string(at));
      const stream on;
      const device_buffer<unsigned char> begun(4);
      WARPLADDER_TRY(cudaMemsetAsync(begun.data(), 0, 4, on));
      stage first = scrambling(), second = scrambling();
      first.enqueue = [&, enqueue = first.enqueue](auto from, auto to, const chunk& c,
                                                   stream_view stage_stream) {
        WARPLADDER_TRY(cudaMemsetAsync(begun.data() + c.index, 1, 1, stage_stream));
        return enqueue(from, to, c, stage_stream);
      };
      second.enqueue = [&, enqueue = second.enqueue](auto from, auto to, const chunk& c,
                                                     stream_view stage_stream) {
        return c.index == at ? cudaErrorInvalidValue : enqueue(from, to, c, stage_stream);
      };
      bytes out;
      runner machine({first, second}, {.chunk_bytes = chunk_bytes, .slots = 3});
      EXPECT_THROW(machine.run(filling(in), appending_to(out), on), failed);
      const pinned_copy seen(4);
      copy_async<unsigned char>(seen.memory.view(), begun.view(), on);
      on.synchronize();
      for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(seen.content()[i], i <= at ? 1 : 0) << i;
    }
  });
}

TEST_F(pipeline_run, of_two_failures_the_one_of_the_earlier_chunk_is_told) {
  const stream on;
  const bytes in = random_bytes(2000);
  for (int round = 0; round < 20; ++round) {
    std::atomic<bool> source_failed = false;
    source from = filling(in);
    from.fill = [&, fill = from.fill](std::span<std::byte> slot, const chunk& c) {
      if (c.index == 2) {
        source_failed = true;
        throw some_error("the source");
      }
      return fill(slot, c);
    };
    const sink to{.take = [&](std::span<const std::byte>, const chunk&) {
      while (!source_failed) std::this_thread::yield();
      std::this_thread::sleep_for(std::chrono::milliseconds(round % 3));
      throw some_error("the sink");
    }};
    try {
      pipeline::run({}, from, to, on, {.chunk_bytes = 256, .slots = 4});
      ADD_FAILURE() << "did not fail";
    } catch (const failed& error) {
      EXPECT_EQ(error.where(), "sink");
      EXPECT_EQ(error.at().index, 0u);
      EXPECT_EQ(error.delivered(), 0u);
    }
  }
}

TEST_F(pipeline_run, more_bytes_than_were_asked_for_or_than_fit) {
  const leak_check nothing_leaks;
  const stream on;
  const bytes in = random_bytes(1000);
  bytes out, small(900);
  const source liar{
      .fill = [](std::span<std::byte> slot, const chunk&) { return slot.size() + 1; }};
  EXPECT_THROW(pipeline::run({}, liar, appending_to(out), on, {.chunk_bytes = 256}), failed);
  EXPECT_TRUE(out.empty());
  const stage grows{.name = "grows",
                    .enqueue = [](auto, auto, const chunk&, stream_view) { return cudaSuccess; },
                    .output_bytes = [](std::size_t in) { return 1000 - in; }};
  EXPECT_THROW(pipeline::run({grows}, filling(in), appending_to(out), on, {.chunk_bytes = 256}),
               failed);
  try {
    pipeline::run({}, pipeline::from_memory(in), pipeline::to_memory(small), on,
                  {.chunk_bytes = 256});
    ADD_FAILURE() << "did not fail";
  } catch (const failed& error) {
    EXPECT_EQ(error.where(), "sink");
    EXPECT_EQ(error.delivered(), 3u);
  }
  EXPECT_EQ(prefix(small, 768), prefix(in, 768));
}

TEST_F(pipeline_run, cancelled_anywhere_the_sink_has_what_the_source_gave) {
  constexpr std::size_t chunks = faulty_run::chunks;
  for (const std::string by : {"nobody", "source", "stage", "sink"}) {
    for (std::size_t at = 0; at < chunks; ++at) {
      for (const std::size_t slots : {1, 3}) {
        SCOPED_TRACE(by + " at chunk " + std::to_string(at) + ", slots " + std::to_string(slots));
        const leak_check nothing_leaks;
        const stream on;
        faulty_run run{who::source, faulty_run::never};
        std::stop_source stop;
        const auto cancel_at = [&](std::size_t index, const char* here) {
          if (by == here && index == at) stop.request_stop();
        };
        if (by == "nobody") stop.request_stop();  // before it has begun
        std::size_t given = 0;
        source from = run.from();
        from.fill = [&, fill = from.fill](std::span<std::byte> slot, const chunk& c) {
          cancel_at(c.index, "source");
          const std::size_t n = fill(slot, c);
          given += n;
          return n;
        };
        stage work = scrambling();
        work.enqueue = [&, enqueue = work.enqueue](auto in, auto out, const chunk& c,
                                                   stream_view to) {
          cancel_at(c.index, "stage");
          return enqueue(in, out, c, to);
        };
        sink to = run.to();
        to.take = [&, take = to.take](std::span<const std::byte> output, const chunk& c) {
          take(output, c);
          cancel_at(c.index, "sink");
        };
        runner machine({work}, {.chunk_bytes = chunk_bytes, .slots = slots});
        const summary done = machine.run(from, to, on, stop.get_token());
        EXPECT_EQ(done.bytes_in, given);
        EXPECT_EQ(run.out, prefix(scrambled(run.in), given));
        if (by == "nobody") {
          EXPECT_EQ(given, 0u);
        }
        if (by != "sink") {  // which may be late: then the run is done
          EXPECT_EQ(done.end, outcome::cancelled);
          EXPECT_EQ(done.chunks, by == "nobody" ? 0 : at + 1);
        }
        run.out.clear();
        EXPECT_EQ(machine.run(run.from(), run.to(), on).end, outcome::done);
        EXPECT_EQ(run.out, scrambled(run.in));
      }
    }
  }
}

#ifndef WARPLADDER_HOST_EXECUTOR

TEST_F(pipeline_run, nothing_is_left_on_the_device) {
  const stream on;
  const auto run_all = [&] {
    bytes out;
    const bytes in = random_bytes(5'000'000);
    for (const who culprit : {who::source, who::stage_returns, who::bad_launch, who::take}) {
      faulty_run run{culprit, 3, in};
      EXPECT_THROW(pipeline::run({run.scrambling_or_not(), widening()}, run.from(), run.to(), on,
                                 {.chunk_bytes = 1 << 20, .slots = 3}),
                   failed);
    }
    EXPECT_THROW(runner({widening()}, {.chunk_bytes = std::size_t{1} << 40}), cuda_error);
    EXPECT_EQ(cudaGetLastError(), cudaErrorMemoryAllocation);
  };
  const auto free_bytes = [] {
    std::size_t free = 0, total = 0;
    WARPLADDER_TRY(cudaDeviceSynchronize());
    WARPLADDER_TRY(cudaMemGetInfo(&free, &total));
    return free;
  };
  run_all();  // the context's own memory is allocated when it is first needed, and stays
  const std::size_t before = free_bytes();
  for (int again = 0; again < 5; ++again) run_all();
  EXPECT_EQ(free_bytes(), before);
}

#else

TEST_F(pipeline_run, every_call_of_the_runtime_in_turn_fails) {
  const std::pair<simt::fault, const char*> places[] = {
      {simt::fault::device_allocation, "cudaMalloc"},
      {simt::fault::pinned_allocation, "cudaMallocHost"},
      {simt::fault::stream_creation, "a stream"},
      {simt::fault::event_creation, "an event"},
      {simt::fault::copy_submit, "a copy"},
      {simt::fault::kernel_launch, "a launch"},
      {simt::fault::copy_execution, "a copy, later"},
      {simt::fault::kernel_execution, "a kernel, later"}};
  for_each_stream_schedule(sanitized ? 0 : 1, [&](const std::string& schedule) {
    const stream on;
    const bytes in = random_bytes(5 * chunk_bytes + 2), expected = through_three_stages(in);
    for (int i = 0; i < 2 * int(std::size(places)); ++i) {
      const auto& [place, name] = places[i / 2];
      const bool thread = i % 2 == 0;  // a sink with a thread, or places without
      for (std::uint64_t after = 0;; ++after) {
        SCOPED_TRACE(schedule + ": " + name + ", after " + std::to_string(after) +
                     (thread ? ", with a taker" : ", in place"));
        const leak_check nothing_leaks;
        const auto run = [&](bytes& out) {
          const stage first = thread ? scrambling() : in_order(scrambling());
          const std::vector<stage> stages{first, widening(), adding_pairs()};
          const options how{.chunk_bytes = chunk_bytes, .slots = 3};
          if (thread) {
            pipeline::run(stages, filling(in), appending_to(out), on, how);
          } else {
            // What has not been delivered is not looked at: it may hold anything.
            const pinned_copy from(in), to(expected.size());
            std::size_t delivered = 0;
            const auto look = [&] { out = prefix(to.content(), delivered * 2 * chunk_bytes); };
            try {
              pipeline::run(stages, pipeline::from_memory(from.memory.view()),
                            pipeline::to_memory(to.memory.view()), on, how);
              delivered = in.size();
              look();
            } catch (const failed& error) {
              delivered = error.delivered();
              look();
              throw;
            }
          }
        };
        bytes out;
        std::uint64_t injected = 0;
        {
          const simt::scoped_failure failure(place, after);
          try {
            run(out);
            injected = failure.count();
            EXPECT_EQ(injected, 0u) << "an error was lost";
            EXPECT_EQ(out, expected);
          } catch (const failed& error) {
            injected = failure.count();
            EXPECT_EQ(out, prefix(expected, error.delivered() * 2 * chunk_bytes));
            EXPECT_THROW(std::rethrow_if_nested(error), cuda_error);
          } catch (const cuda_error&) {  // what failed was an allocation
            cudaGetLastError();
            injected = failure.count();
            EXPECT_TRUE(out.empty());
          }
        }
        if (injected == 0) break;
        EXPECT_EQ(cudaGetLastError(), cudaSuccess);
        on.synchronize();
        out.clear();
        run(out);
        EXPECT_EQ(out, expected);
      }
    }
  });
}

#endif

}  // namespace
}  // namespace warpladder::test
