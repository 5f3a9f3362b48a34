// SPDX-License-Identifier: Apache-2.0
//
// Every rung of the ladders of the topic transfer on the same hostile problems. Tests are
// registered from the ladders' tables: a new rung is tested without an edit here.
//   Transfer/<ladder>/<NN_rung>.<group>
// The copier's and the pool's own tests are in transfer_copier_test.cpp and transfer_pool_test.cpp.

#include "transfer.hpp"

#include <cstdio>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>
#include <warpladder/core/stream.hpp>
#include <warpladder/transfer.hpp>

#include "support/backend.hpp"
#include "support/captured.hpp"
#include "support/gate.hpp"
#include "support/lent_workspace.hpp"
#include "support/transfer_case.hpp"
#include "transfer_test_kernels.hpp"

namespace warpladder::test {

void add_copier_tests();
void add_pool_tests();

namespace {

using transfer::batch_problem, transfer::pinned_problem, transfer::rows_problem,
    transfer::staged_problem;

template <class Problem>
using rung = rung_entry<Problem>;

template <class Problem>
cudaError_t launch(const rung<Problem>& how, const Problem& p, cudaStream_t on,
                   const lent_workspace& workspace) {
  EXPECT_EQ(explain_invalid(p), "") << "the test posed an illegal problem";
  return how.launch(p, on, workspace.view());
}

/// Launches and waits; false, and the test has failed, if that did not go well.
template <class Problem>
bool run(const rung<Problem>& how, const Problem& p, cudaStream_t on) {
  const lent_workspace workspace(how.workspace_bytes(p));
  EXPECT_EQ(launch(how, p, on, workspace), cudaSuccess);
  EXPECT_EQ(cudaStreamSynchronize(on), cudaSuccess);
  EXPECT_TRUE(workspace.guards_intact()) << "memory outside of the workspace was written";
  EXPECT_EQ(cudaPeekAtLastError(), cudaSuccess) << "an error was left behind";
  return !::testing::Test::HasFailure();
}

/// launch() refuses a capturing stream, and the capture goes on.
template <class Problem>
void expect_refuses_capture(const rung<Problem>& how, const Problem& p) {
  const stream on;
  const lent_workspace workspace(how.workspace_bytes(p));
  cudaGraph_t graph{};
  ASSERT_EQ(cudaStreamBeginCapture(on, cudaStreamCaptureModeGlobal), cudaSuccess);
  EXPECT_EQ(launch(how, p, on, workspace), cudaErrorStreamCaptureUnsupported);
  ASSERT_EQ(cudaStreamEndCapture(on, &graph), cudaSuccess) << "the capture was invalidated";
  EXPECT_EQ(cudaGraphDestroy(graph), cudaSuccess);
}

const char* name(direction way) {
  return way == direction::to_device ? "to the device" : "to the host";
}

// ---- Pageable memory ----------------------------------------------------------------------------

constexpr std::size_t chunk = 1024;

/// What staged rungs are lent, for so many threads.
struct staged_means {
  explicit staged_means(unsigned threads)
      : ring(2 * threads, chunk),
        copier({.threads = threads,
                .chunks = 2 * threads,
                .chunk_bytes = chunk,
                .direct_below = 0,
                .small_up_to = 0}),
        threads(threads) {}

  staged_problem problem(transfer_ends& ends) {
    return {.to = ends.to(),
            .from = ends.from(),
            .bytes = ends.bytes,
            .way = ends.way,
            .lent = ring.view(),
            .threads = threads,
            .copier = &copier};
  }

  transfer::staging ring;
  transfer::copier copier;
  unsigned threads;
};

/// Some rungs are for as many chunks as there are, and say no to fewer.
bool supports(const rung<staged_problem>& how, const staged_problem& p) {
  return bool(how.supports(p));
}

void staged_sizes(const rung<staged_problem>& how) {
  const stream on;
  for (const unsigned threads : {1u, 2u, 3u, 8u}) {
    staged_means means(threads);
    for (const std::size_t bytes :
         {std::size_t{0}, std::size_t{1}, chunk - 1, chunk, chunk + 1, 2 * chunk - 1, 2 * chunk + 1,
          9 * chunk + 7, on_gpu ? std::size_t{1'000'003} : std::size_t{60'003}}) {
      for (const direction way : both_ways) {
        SCOPED_TRACE(::testing::Message() << bytes << " bytes " << name(way) << " by " << threads);
        transfer_ends ends(way, bytes, int(bytes % 7), int(bytes % 5));
        const staged_problem p = means.problem(ends);
        ASSERT_TRUE(supports(how, p));
        if (!run(how, p, on)) return;
        ASSERT_TRUE(ends.arrived());
      }
    }
  }
}

void staged_alignments(const rung<staged_problem>& how) {
  const stream on;
  staged_means means(2);
  for (const int host_offset : {0, 1, 2, 8, 15, 33}) {
    for (const int device_offset : {0, 1, 4, 7}) {
      for (const direction way : both_ways) {
        transfer_ends ends(way, 2 * chunk + 77, host_offset, device_offset);
        if (!run(how, means.problem(ends), on)) return;
        ASSERT_TRUE(ends.arrived());
      }
    }
  }
}

/// After work that still uses the destination or makes the source, and before what comes behind;
/// and the source may be reused at once.
void staged_order(const rung<staged_problem>& how) {
  for (const std::size_t bytes : {std::size_t{700}, std::size_t{20'011}}) {
    const stream on;
    staged_means means(3);
    const lent_workspace none(0);
    {
      transfer_ends ends(direction::to_device, bytes);
      device_memory before(bytes, 0), behind(bytes, 0);
      ends.device.fill(2);
      gate closed(on);
      ASSERT_EQ(copy_by_kernel(before.data(), ends.device.data(), bytes, on), cudaSuccess);
      closed.open_soon();
      EXPECT_EQ(launch(how, means.problem(ends), on, none), cudaSuccess);
      ends.host.wipe();
      ASSERT_EQ(copy_by_kernel(behind.data(), ends.device.data(), bytes, on), cudaSuccess);
      ASSERT_EQ(cudaStreamSynchronize(on), cudaSuccess);
      EXPECT_TRUE(before.holds(2)) << "the copy overtook work that was submitted before";
      EXPECT_TRUE(behind.holds(1)) << "overtaken by work that was submitted later";
    }
    {
      transfer_ends ends(direction::to_host, bytes);
      device_memory made(bytes, 0);
      made.fill(3);
      gate closed(on);
      ASSERT_EQ(copy_by_kernel(ends.device.data(), made.data(), bytes, on), cudaSuccess);
      closed.open_soon();
      EXPECT_EQ(launch(how, means.problem(ends), on, none), cudaSuccess);
      EXPECT_TRUE(ends.host.holds(3)) << "the copy overtook work, or returned before its end";
    }
  }
}

void staged_capture(const rung<staged_problem>& how) {
  staged_means means(2);
  for (const direction way : both_ways) {
    transfer_ends ends(way, 3000);
    expect_refuses_capture(how, means.problem(ends));
    EXPECT_TRUE(ends.arrived(0));
  }
}

/// Copies both ways and of all sizes through the same chunks, in the order of streams that is set.
void staged_sequence(const rung<staged_problem>& how) {
  const stream streams[2];
  staged_means means(3);
  const lent_workspace none(0);
  std::mt19937 random(3);
  std::vector<std::unique_ptr<transfer_ends>> all;
  for (int i = 0; i < 30; ++i) {
    all.push_back(
        std::make_unique<transfer_ends>(both_ways[random() % 2], 1 + random() % 6000, int(i % 3)));
    ASSERT_EQ(launch(how, means.problem(*all.back()), streams[random() % 2], none), cudaSuccess);
    if (all.back()->way == direction::to_host) {
      EXPECT_TRUE(all.back()->arrived());
    }
  }
  for (const stream& on : streams) ASSERT_EQ(cudaStreamSynchronize(on), cudaSuccess);
  for (const auto& ends : all) EXPECT_TRUE(ends->arrived());
}

void staged_schedules(const rung<staged_problem>& how) {
#ifdef WARPLADDER_HOST_EXECUTOR
  simt::options options = simt::current_options();
  options.streams = simt::stream_order::random;
  for (options.stream_seed = 1; options.stream_seed <= (sanitized ? 2 : 5); ++options.stream_seed) {
    SCOPED_TRACE(options.stream_seed);
    const simt::scoped_options scope(options);
    staged_sequence(how);
  }
#endif
  staged_sequence(how);
}

void staged_needs(const rung<staged_problem>& how) {
  transfer_ends ends(direction::to_device, 100);
  staged_means means(4);
  staged_problem p = means.problem(ends);
  p.lent = {}, p.copier = nullptr;
  if (how.info.step == 0) return;  // is lent nothing
  EXPECT_FALSE(supports(how, p));
}

#ifdef WARPLADDER_HOST_EXECUTOR
/// Every copy of the engine fails once, when it is submitted and when it runs.
void staged_failures(const rung<staged_problem>& how) {
  const lent_workspace none(0);
  for (const simt::fault where : {simt::fault::copy_submit, simt::fault::copy_execution}) {
    for (const direction way : both_ways) {
      staged_means means(2);
      const simt::object_counts before = simt::live_objects();
      for (unsigned after = 0;; ++after) {
        SCOPED_TRACE(::testing::Message() << "copy " << after << ' ' << name(way));
        ASSERT_LT(after, 100u);
        std::uint64_t injected = 0;
        {
          const stream on;
          transfer_ends ends(way, 9 * chunk);
          {
            const simt::scoped_failure failing(where, after);
            bool failed = launch(how, means.problem(ends), on, none) != cudaSuccess;
            failed |= cudaStreamSynchronize(on) != cudaSuccess;
            injected = failing.count();
            EXPECT_EQ(failed, injected > 0);
          }
          cudaGetLastError();
          transfer_ends again(way, 5 * chunk + 1);
          if (!run(how, means.problem(again), on)) return;
          EXPECT_TRUE(again.arrived());
        }
        EXPECT_EQ(simt::live_objects(), before);
        if (injected == 0) break;
      }
    }
  }
}
#endif

// ---- Page-locked memory -------------------------------------------------------------------------

void pinned_sizes(const rung<pinned_problem>& how) {
  const stream on;
  for (const std::size_t bytes : {0, 1, 15, 16, 17, 63, 500, 4096, 32'768, 32'769, 100'003}) {
    for (const int host_offset : {0, 1, 4, 16}) {
      for (const int device_offset : {0, 1, 4}) {
        for (const direction way : both_ways) {
          SCOPED_TRACE(::testing::Message() << bytes << " bytes " << name(way) << ", offsets "
                                            << host_offset << ' ' << device_offset);
          transfer_ends ends(way, bytes, host_offset, device_offset, true);
          const pinned_problem p{ends.to(), ends.from(), bytes, way};
          if (!how.supports(p)) continue;
          if (!run(how, p, on)) return;
          ASSERT_TRUE(ends.arrived());
        }
      }
    }
  }
}

void pinned_capture(const rung<pinned_problem>& how) {
  const stream on;
  for (const direction way : both_ways) {
    transfer_ends ends(way, 5001, 0, 0, true);
    const pinned_problem p{ends.to(), ends.from(), ends.bytes, way};
    const lent_workspace workspace(how.workspace_bytes(p));
    replay_captured(
        on, [&] { return launch(how, p, on, workspace); },
        [&] { way == direction::to_device ? ends.device.wipe() : ends.host.wipe(); },
        [&] { return ends.arrived(); });
  }
}

// ---- Rows ---------------------------------------------------------------------------------------

struct rows_case {
  std::size_t rows, width, host_gap, device_gap;
  int host_offset = 0, device_offset = 0;
};

/// Rows on both sides, what lies between them filled with canaries.
struct rows_ends {
  rows_ends(direction way, const rows_case& c)
      : c(c),
        way(way),
        host(c.rows * (c.width + c.host_gap), c.host_offset, true),
        device(std::int64_t(c.rows * (c.width + c.device_gap)), c.device_offset, true) {
    reset();
  }

  unsigned char& on_host(std::size_t row, std::size_t i) {
    return host.data()[row * (c.width + c.host_gap) + i];
  }
  unsigned char& on_device(bytes_array& image, std::size_t row, std::size_t i) const {
    return image[std::int64_t(row * (c.width + c.device_gap) + i)];
  }
  template <class Body>
  void for_all(const Body& body) {
    for (std::size_t row = 0; row < c.rows; ++row) {
      for (std::size_t i = 0; i < c.width; ++i) body(row, i, travelling(row * c.width + i, 1));
    }
  }
  void reset() {
    host.wipe();
    for_all([&](std::size_t row, std::size_t i, unsigned char value) {
      if (way == direction::to_device) on_host(row, i) = value;
      on_device(device, row, i) = way == direction::to_host ? value : canary<unsigned char>();
    });
    device.upload();
  }
  rows_problem problem() {
    rows_problem p{.rows = c.rows, .width = c.width, .way = way};
    const std::size_t host_pitch = c.width + c.host_gap, device_pitch = c.width + c.device_gap;
    if (way == direction::to_device) {
      p.to = device.device(), p.to_pitch = device_pitch;
      p.from = host.data(), p.from_pitch = host_pitch;
    } else {
      p.to = host.data(), p.to_pitch = host_pitch;
      p.from = device.device(), p.from_pitch = device_pitch;
    }
    return p;
  }
  ::testing::AssertionResult arrived() {
    bytes_array now = device.download();
    std::size_t wrong = 0;
    for_all([&](std::size_t row, std::size_t i, unsigned char value) {
      wrong += on_host(row, i) != value || on_device(now, row, i) != value;
      on_device(now, row, i) = on_device(device, row, i);
      on_host(row, i) = canary<unsigned char>();
    });
    if (wrong > 0) return ::testing::AssertionFailure() << wrong << " bytes are wrong";
    if (!now.same_bits(device))
      return ::testing::AssertionFailure() << "between or around the device's rows was written";
    return host.holds(0, 0);  // canaries alone are left
  }

  rows_case c;
  direction way;
  host_memory host;
  bytes_array device;
};

const rows_case some_rows[] = {{0, 100, 0, 0},        {5, 0, 0, 0},         {1, 1, 0, 0},
                               {1, 3000, 0, 7},       {7, 16, 0, 16},       {33, 100, 0, 28},
                               {64, 4, 0, 3},         {100, 1, 0, 1},       {20, 333, 11, 3, 1, 3},
                               {300, 17, 15, 0, 2},   {3, 5000, 0, 120, 4}, {40, 64, 0, 64, 0, 1},
                               {500, 48, 16, 80, 16}, {9, 8, 8, 0, 8, 8}};

void rows_shapes(const rung<rows_problem>& how) {
  const stream on;
  for (const rows_case& c : some_rows) {
    for (const direction way : both_ways) {
      SCOPED_TRACE(::testing::Message() << c.rows << " rows of " << c.width << ", gaps "
                                        << c.host_gap << ' ' << c.device_gap << ' ' << name(way));
      rows_ends ends(way, c);
      const rows_problem p = ends.problem();
      if (!how.supports(p)) continue;
      if (!run(how, p, on)) return;
      ASSERT_TRUE(ends.arrived());
    }
  }
}

void rows_capture(const rung<rows_problem>& how) {
  const stream on;
  for (const direction way : both_ways) {
    rows_ends ends(way, {30, 100, 0, 28});
    const rows_problem p = ends.problem();
    ASSERT_TRUE(bool(how.supports(p)));
    const lent_workspace workspace(how.workspace_bytes(p));
    replay_captured(
        on, [&] { return launch(how, p, on, workspace); }, [&] { ends.reset(); },
        [&] { return ends.arrived(); });
  }
}

// ---- Many small copies --------------------------------------------------------------------------

/// Pieces in random order and at random places on both sides.
struct batch_ends {
  batch_ends(direction way, std::size_t count, std::size_t largest, unsigned seed) : way(way) {
    std::mt19937 random(seed);
    std::size_t host_end = 0, device_end = 0;
    for (std::size_t i = 0; i < count; ++i) {
      sizes.push_back(1 + random() % largest);
      host_at.push_back(host_end);
      device_at.push_back(device_end);
      host_end += sizes[i] + random() % 20, device_end += sizes[i] + random() % 20;
    }
    std::shuffle(device_at.begin(), device_at.end(), random);
    // Shuffled places are as far apart as the largest piece.
    for (std::size_t& at : device_at) at = std::size_t(&at - device_at.data()) * (largest + 3);
    std::shuffle(device_at.begin(), device_at.end(), random);
    host = std::make_unique<host_memory>(host_end, 3, true);
    device = std::make_unique<bytes_array>(std::int64_t(count * (largest + 3)), 1, true);
    reset();
    for (std::size_t i = 0; i < count; ++i) {
      void* const there = device->device() + device_at[i];
      void* const here = host->data() + host_at[i];
      to.push_back(way == direction::to_device ? there : here);
      from.push_back(way == direction::to_device ? here : there);
    }
  }

  template <class Body>
  void for_all(const Body& body) {
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      for (std::size_t k = 0; k < sizes[i]; ++k)
        body(host_at[i] + k, std::int64_t(device_at[i] + k), travelling(i * 101 + k, 1));
    }
  }
  void reset() {
    host->wipe();
    for_all([&](std::size_t here, std::int64_t there, unsigned char value) {
      if (way == direction::to_device) host->data()[here] = value;
      (*device)[there] = way == direction::to_host ? value : canary<unsigned char>();
    });
    device->upload();
  }
  batch_problem problem(const transfer::staging_view& lent) const {
    return {.count = sizes.size(),
            .to = to.data(),
            .from = from.data(),
            .bytes = sizes.data(),
            .way = way,
            .lent = lent};
  }
  ::testing::AssertionResult arrived() {
    bytes_array now = device->download();
    std::size_t wrong = 0;
    for_all([&](std::size_t here, std::int64_t there, unsigned char value) {
      wrong += host->data()[here] != value || now[there] != value;
      now[there] = (*device)[there];
      host->data()[here] = canary<unsigned char>();
    });
    if (wrong > 0) return ::testing::AssertionFailure() << wrong << " bytes are wrong";
    if (!now.same_bits(*device))
      return ::testing::AssertionFailure() << "between the device's pieces was written";
    return host->holds(0, 0);
  }

  direction way;
  std::vector<std::size_t> sizes, host_at, device_at;
  std::unique_ptr<host_memory> host;
  std::unique_ptr<bytes_array> device;
  std::vector<void*> to;
  std::vector<const void*> from;
};

void batches(const rung<batch_problem>& how) {
  const stream on;
  const transfer::staging lent(1, 1 << 20);
  unsigned tried = 0;
  for (const std::size_t count : {0, 1, 2, 127, 128, 129, 300}) {
    for (const std::size_t largest : {1, 40, 900}) {
      for (const direction way : both_ways) {
        SCOPED_TRACE(::testing::Message()
                     << count << " pieces of at most " << largest << ' ' << name(way));
        batch_ends ends(way, count, largest, unsigned(count + largest));
        const batch_problem p = ends.problem(lent.view());
        if (!how.supports(p)) continue;
        ++tried;
        if (!run(how, p, on)) return;
        ASSERT_TRUE(ends.arrived());
      }
    }
  }
  EXPECT_GT(tried, 0u);
}

/// Captured if it can be; else refused, and the capture goes on.
void batch_capture(const rung<batch_problem>& how) {
  const stream on;
  const transfer::staging lent(1, 1 << 20);
  for (const direction way : both_ways) {
    batch_ends ends(way, 200, 50, 9);
    const batch_problem p = ends.problem(lent.view());
    if (!how.supports(p)) continue;
    if (how.info.step == 31 || how.info.step == 32) {
      expect_refuses_capture(how, p);
      continue;
    }
    const lent_workspace workspace(how.workspace_bytes(p));
    replay_captured(
        on, [&] { return launch(how, p, on, workspace); }, [&] { ends.reset(); },
        [&] { return ends.arrived(); });
  }
}

// ---- All ----------------------------------------------------------------------------------------

/// Without the scratch that a rung needs, it says so and does nothing.
template <class Problem>
void expect_refuses_bad_workspace(const rung<Problem>& how, const Problem& p) {
  const stream on;
  const std::size_t bytes = how.workspace_bytes(p);
  if (bytes == 0) return;
  const lent_workspace lent(bytes);
  EXPECT_EQ(how.launch(p, on, {}), cudaErrorInvalidValue);
  EXPECT_EQ(how.launch(p, on, {lent.view().data, bytes - 1}), cudaErrorInvalidValue);
  EXPECT_EQ(how.launch(p, on, {static_cast<char*>(lent.view().data) + 64, bytes}),
            cudaErrorInvalidValue);
}

void explains() {
  unsigned char some[64];
  EXPECT_EQ(explain_invalid(staged_problem{}), "");
  EXPECT_NE(explain_invalid(staged_problem{.from = some, .bytes = 1}), "");
  EXPECT_NE(explain_invalid(staged_problem{.to = some, .bytes = 1}), "");
  EXPECT_NE(explain_invalid(pinned_problem{.to = some, .from = some, .bytes = SIZE_MAX}), "");
  const rows_problem rows{
      .to = some, .from = some, .rows = 2, .width = 8, .to_pitch = 8, .from_pitch = 8};
  EXPECT_EQ(explain_invalid(rows), "");
  for (const auto& change :
       {+[](rows_problem& p) { p.to_pitch = 7; }, +[](rows_problem& p) { p.from_pitch = 7; },
        +[](rows_problem& p) { p.to = nullptr; }, +[](rows_problem& p) { p.from = nullptr; },
        +[](rows_problem& p) { p.rows = SIZE_MAX; }}) {
    rows_problem p = rows;
    change(p);
    EXPECT_NE(explain_invalid(p), "");
  }
  void* to[] = {some, nullptr};
  const void* from[] = {some, some};
  std::size_t bytes[] = {1, 1};
  batch_problem batch{.count = 1, .to = to, .from = from, .bytes = bytes};
  EXPECT_EQ(explain_invalid(batch), "");
  batch.count = 2;
  EXPECT_NE(explain_invalid(batch), "");
  batch.count = 1, bytes[0] = 0;
  EXPECT_NE(explain_invalid(batch), "");
  batch.bytes = nullptr;
  EXPECT_NE(explain_invalid(batch), "");
}

template <class Problem>
struct group {
  const char* name;
  std::function<void(const rung<Problem>&)> body;
};

template <class Problem>
void add_ladder(const std::string& ladder, std::span<const rung<Problem>> rungs,
                const std::vector<group<Problem>>& groups) {
  for (const auto& how : rungs) {
    char step[8];
    std::snprintf(step, sizeof step, "%02d_", how.info.step);
    for (const auto& [name, body] : groups) {
      device_test::add("Transfer/" + ladder + "/" + step + std::string(how.info.name), name,
                       [how, body = body] { body(how); });
    }
  }
}

void add_transfer_tests() {
  add_ladder<staged_problem>("staged", tables::staged_rungs(),
                             {{"sizes", staged_sizes},
                              {"alignments", staged_alignments},
                              {"order", staged_order},
                              {"capture", staged_capture},
                              {"schedules", staged_schedules},
#ifdef WARPLADDER_HOST_EXECUTOR
                              {"failures", staged_failures},
#endif
                              {"needs", staged_needs}});
  add_ladder<pinned_problem>("pinned", tables::pinned_rungs(),
                             {{"sizes", pinned_sizes}, {"capture", pinned_capture}});
  add_ladder<rows_problem>("rows", tables::rows_rungs(),
                           {{"shapes", rows_shapes},
                            {"capture", rows_capture},
                            {"bad_workspace", [](const rung<rows_problem>& how) {
                               rows_ends ends(direction::to_host, {30, 100, 0, 28});
                               expect_refuses_bad_workspace(how, ends.problem());
                             }}});
  add_ladder<batch_problem>("batch", tables::batch_rungs(),
                            {{"pieces", batches},
                             {"capture", batch_capture},
                             {"bad_workspace", [](const rung<batch_problem>& how) {
                                const transfer::staging lent(1, 1 << 16);
                                batch_ends ends(direction::to_device, 20, 50, 1);
                                expect_refuses_bad_workspace(how, ends.problem(lent.view()));
                              }}});
  device_test::add("Transfer/problem", "explains", explains);
}

}  // namespace
}  // namespace warpladder::test

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  warpladder::test::add_transfer_tests();
  warpladder::test::add_copier_tests();
  warpladder::test::add_pool_tests();
  return RUN_ALL_TESTS();
}
