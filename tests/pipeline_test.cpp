// SPDX-License-Identifier: Apache-2.0
//
// Every rung of the pipeline ladder on the same hostile arrays, chunks, lanes and slots, and in the
// orders in which streams may run. Tests are registered from the ladder's table: a new rung is
// tested without an edit here.
//   Pipeline/<NN_rung>.<group>
// Results are compared bit by bit: a fused multiply-add rounds once, on a device and in std::fma.

#include "pipeline.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <functional>
#include <limits>
#include <memory_resource>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/event.hpp>
#include <warpladder/core/stream.hpp>
#include <warpladder/pinned_pool.hpp>
#include <warpladder/pipeline/lanes.hpp>

#include "support/backend.hpp"
#include "support/captured.hpp"
#include "support/guarded_array.hpp"
#include "support/lent_workspace.hpp"

namespace warpladder::test {
namespace {

using pipeline::engine_rates, pipeline::lanes, pipeline::problem;
using rung = rung_entry<problem>;

/// Rates that make 09 tuned choose small chunks, so that it has several at test sizes.
engine_rates rates_for_tests(double kernel_seconds_per_byte) {
  engine_rates rates{.h2d_bytes_per_second = 1e6,
                     .d2h_bytes_per_second = 1e6,
                     .both_bytes_per_second = 1.5e6,
                     .kernel_seconds_per_byte = kernel_seconds_per_byte};
  rates.copy_seconds = rates.kernel_seconds = rates.host_seconds = 1e-6;
  return rates;
}

struct pipeline_case {
  std::int64_t n = 0, chunk = 1;
  int slots = 3;
  int lanes = 4;
  int rounds = 2;
  int offset_in = 0, offset_out = 0;
  bool in_place = false;
  bool kernel_binds = false;  // for 09 tuned, which then ramps
};

void PrintTo(const pipeline_case& c, std::ostream* to) {
  *to << c.n << " elements in chunks of " << c.chunk << ", " << c.slots << " slots, " << c.lanes
      << " lanes, " << c.rounds << " rounds, offsets " << c.offset_in << " and " << c.offset_out
      << (c.in_place ? ", in place" : "") << (c.kernel_binds ? ", the kernel binds" : "");
}

/// Locking pages takes longer than a case does: memory is used again. Never destroyed, as the
/// runtime may be gone when static objects are.
std::pmr::memory_resource* pinned() {
  static auto* const pool = new transfer::pinned_pool;
  return pool;
}

/// Pinned memory with canaries on both sides of the array.
class guarded_pinned {
 public:
  guarded_pinned(std::int64_t n, int offset)
      : front_(std::size_t(64 + offset)), n_(std::size_t(n)), owner_(front_ + n_ + 64, pinned()) {
    fill(canary<float>());
  }
  guarded_pinned(const guarded_pinned&) = delete;
  guarded_pinned& operator=(const guarded_pinned&) = delete;
  float* data() const { return memory_.data() + front_; }
  void fill(float value) const {
    for (float& one : memory_) one = canary<float>();
    for (std::size_t i = 0; i < n_; ++i) data()[i] = value;
  }
  /// Are these the array's bits, and have its canaries survived?
  ::testing::AssertionResult holds(const std::vector<float>& expected) const {
    for (std::size_t i = 0; i < memory_.size(); ++i) {
      const bool inside = i >= front_ && i < front_ + n_;
      const float want = inside ? expected[i - front_] : canary<float>();
      if (std::memcmp(&memory_.data()[i], &want, sizeof want) == 0) continue;
      return ::testing::AssertionFailure()
             << (inside ? "element " : "guard ") << std::int64_t(i) - std::int64_t(front_) << " is "
             << memory_.data()[i] << " instead of " << want;
    }
    return ::testing::AssertionSuccess();
  }

 private:
  std::size_t front_, n_;
  std::pmr::vector<float> owner_;
  std::span<float> memory_{owner_};
};

const float poison = std::nanf("");

class operands {
 public:
  explicit operands(const pipeline_case& c)
      : case_(c), in_(c.n, c.offset_in), out_(c.n, c.offset_out), lent_(c.lanes) {
    for (std::int64_t i = 0; i < c.n; ++i) {
      values_.push_back(1.9f * std::sin(float(i % 9973) * 0.37f + float(i / 9973)));
      float x = values_.back();
      for (int round = 0; round < c.rounds; ++round) x = std::fma(x, x, -1.9f);
      expected_.push_back(x);
    }
    posed_ = {.n = c.n,
              .in = in_.data(),
              .out = c.in_place ? in_.data() : out_.data(),
              .rounds = c.rounds,
              .chunk = c.chunk,
              .slots = c.slots,
              .lanes = lent_.view(),
              .rates = rates_for_tests(c.kernel_binds ? 4e-6 : 1e-8)};
  }

  const problem& posed() const { return posed_; }
  const std::vector<float>& values() const { return values_; }
  const std::vector<float>& expected() const { return expected_; }
  const guarded_pinned& in() const { return in_; }
  const guarded_pinned& out() const { return case_.in_place ? in_ : out_; }

  void upload() const {
    out_.fill(poison);
    in_.fill(poison);
    std::copy(values_.begin(), values_.end(), in_.data());
  }
  ::testing::AssertionResult check() const {
    if (!case_.in_place) {
      if (auto same = in_.holds(values_); !same) return same << " (of the input)";
    }
    return out().holds(expected_);
  }
  ::testing::AssertionResult is_untouched() const {
    if (const auto same = in_.holds(values_); !same) return same;
    return out_.holds(std::vector<float>(values_.size(), poison));
  }

 private:
  pipeline_case case_;
  guarded_pinned in_, out_;
  lanes lent_;
  std::vector<float> values_, expected_;
  problem posed_;
};

bool launch_and_wait(const rung& how, const problem& p, workspace_view workspace, cudaStream_t on) {
  const cudaError_t launched = how.launch(p, on, workspace);
  EXPECT_EQ(launched, cudaSuccess) << cudaGetErrorString(launched);
  const cudaError_t ran = cudaStreamSynchronize(on);
  EXPECT_EQ(ran, cudaSuccess) << cudaGetErrorString(ran);
  return launched == cudaSuccess && ran == cudaSuccess;
}

/// Runs `body` for the cases that the rung supports; if there are none, skips the test.
template <class Body>
void for_supported(const rung& how, const std::vector<pipeline_case>& cases, const Body& body) {
  std::size_t unsupported = 0;
  std::string reason;
  for (const pipeline_case& c : cases) {
    SCOPED_TRACE(::testing::PrintToString(c));
    const operands on(c);
    ASSERT_EQ(explain_invalid(on.posed()), "") << "the test posed an illegal problem";
    if (const support can = how.supports(on.posed()); !can) {
      ++unsupported;
      reason = can.why_not;
      continue;
    }
    body(on);
    if (::testing::Test::HasFatalFailure()) return;
  }
  if (unsupported == cases.size()) GTEST_SKIP() << reason;
}

void expect_right(const rung& how, const std::vector<pipeline_case>& cases) {
  const stream queue;
  for_supported(how, cases, [&](const operands& on) {
    const lent_workspace workspace(how.workspace_bytes(on.posed()));
    on.upload();
    if (launch_and_wait(how, on.posed(), workspace.view(), queue)) {
      EXPECT_TRUE(on.check());
      EXPECT_TRUE(workspace.guards_intact()) << "memory outside of the workspace was written";
    }
  });
}

// ---- Problems
// ------------------------------------------------------------------------------------

/// Around one chunk, around many, and chunks that are no multiple of anything.
std::vector<pipeline_case> lengths() {
  std::vector<pipeline_case> all;
  for (const std::int64_t chunk : {1, 3, 64, 65, 1000, 4096}) {
    for (const std::int64_t n : {chunk - 1, chunk, chunk + 1, 2 * chunk, 5 * chunk - 1, 5 * chunk,
                                 11 * chunk + (chunk + 1) / 2})
      all.push_back({.n = n, .chunk = chunk});
  }
  all.push_back({.n = 7, .chunk = std::int64_t{1} << 50});  // far more than there is
  if (!sanitized) all.push_back({.n = 300'001, .chunk = 10'007});
  if (on_gpu) all.push_back({.n = 10'000'003, .chunk = 1 << 20, .rounds = 3});
  return all;
}

std::vector<pipeline_case> lanes_and_slots() {
  std::vector<pipeline_case> all;
  for (int lanes = 1; lanes <= pipeline::max_lanes; ++lanes)
    all.push_back({.n = 5003, .chunk = 250, .lanes = lanes});
  for (const int slots : {1, 2, 3, 4, 7, 16}) {
    all.push_back({.n = 5003, .chunk = 250, .slots = slots});
    all.push_back({.n = 503, .chunk = 250, .slots = slots});  // fewer chunks than slots
    all.push_back({.n = 9001, .chunk = 400, .slots = slots, .kernel_binds = true});
  }
  return all;
}

std::vector<pipeline_case> alignments() {
  std::vector<pipeline_case> all;
  for (const int offset_in : {0, 1, 3}) {
    for (const int offset_out : {0, 2, 5})
      all.push_back({.n = 2001, .chunk = 301, .offset_in = offset_in, .offset_out = offset_out});
  }
  for (const int rounds : {0, 1, 5, 100}) {
    all.push_back({.n = 3001, .chunk = 512, .rounds = rounds});
    all.push_back({.n = 3001, .chunk = 512, .rounds = rounds, .in_place = true});
  }
  return all;
}

std::vector<pipeline_case> some_of_everything() {
  return {{.n = 1, .chunk = 1},
          {.n = 3001, .chunk = 200, .slots = 2, .lanes = 3},
          {.n = 3001, .chunk = 200, .slots = 4, .lanes = 8, .in_place = true},
          {.n = on_gpu ? 1'000'003 : 9001,
           .chunk = on_gpu ? 30'000 : 500,
           .rounds = on_gpu ? 30 : 9,
           .kernel_binds = true}};
}

// ---- Groups of tests
// -----------------------------------------------------------------------------

/// No elements: nothing is read or written, and pointers and workspace may be null.
void empty(const rung& how) {
  const stream queue;
  const operands on({.n = 0, .chunk = 7});
  ASSERT_EQ(how.workspace_bytes(on.posed()), 0u);
  on.upload();
  EXPECT_TRUE(launch_and_wait(how, on.posed(), {}, queue));
  EXPECT_TRUE(on.is_untouched());
  problem nothing = on.posed();
  nothing.in = nothing.out = nullptr;
  EXPECT_TRUE(launch_and_wait(how, nothing, {}, queue));
}

/// The input is written by work that stands before the launch in the caller's stream and comes
/// late; the result is taken away, and both arrays are overwritten, by work that stands behind it.
/// So the launch must not begin early nor end late, in whatever order the streams run. Through
/// device memory, as a copy between host buffers would be over when its call returns.
void ordered_with_the_callers_stream(const rung& how) {
  const stream queue;
  const device_buffer<float> busy(64);
  for_supported(how, some_of_everything(), [&](const operands& on) {
    const problem& p = on.posed();
    const std::size_t n = std::size_t(p.n), bytes = n * sizeof(float);
    const lent_workspace workspace(how.workspace_bytes(p));
    const device_buffer<float> source(n), taken(n), junk(n);
    const std::vector<float> overwritten(n, poison);
    ASSERT_EQ(cudaMemcpy(source.data(), on.values().data(), bytes, cudaMemcpyDefault), cudaSuccess);
    ASSERT_EQ(cudaMemcpy(junk.data(), overwritten.data(), bytes, cudaMemcpyDefault), cudaSuccess);
    ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
    for_each_stream_schedule(sanitized ? 4 : 10, [&](const std::string& order) {
      SCOPED_TRACE(order);
      on.in().fill(poison);
      on.out().fill(poison);
      const auto copy = [&](float* to, const float* from) {
        EXPECT_EQ(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, queue), cudaSuccess);
      };
      EXPECT_EQ(tables::pipeline_transform(busy.data(), 64, on_gpu ? 1'000'000 : 20'000, queue),
                cudaSuccess);
      copy(on.in().data(), source.data());
      EXPECT_EQ(how.launch(p, queue, workspace.view()), cudaSuccess);
      copy(taken.data(), p.out);
      copy(on.in().data(), junk.data());
      copy(p.out, junk.data());
      ASSERT_EQ(cudaStreamSynchronize(queue), cudaSuccess);
      std::vector<float> got(n);
      ASSERT_EQ(cudaMemcpy(got.data(), taken.data(), bytes, cudaMemcpyDefault), cudaSuccess);
      EXPECT_EQ(std::memcmp(got.data(), on.expected().data(), bytes), 0)
          << "began before its input was there, or ended after the stream went on";
      EXPECT_TRUE(on.out().holds(overwritten)) << "written after the end of the launch";
    });
  });
}

/// Launches that follow each other with the same lanes and slots, in every order of the streams.
void repeated(const rung& how) {
  const stream queue;
  for_supported(how, some_of_everything(), [&](const operands& on) {
    const lent_workspace workspace(how.workspace_bytes(on.posed()));
    const operands other({.n = on.posed().n, .chunk = 77, .rounds = 3});
    problem second = other.posed();  // other memory and work, the same lanes, chunks and slots
    second.chunk = on.posed().chunk;
    second.slots = on.posed().slots;
    second.lanes = on.posed().lanes;
    second.rates = on.posed().rates;
    for_each_stream_schedule(sanitized ? 4 : 10, [&](const std::string& order) {
      SCOPED_TRACE(order);
      on.upload();
      other.upload();
      EXPECT_EQ(how.launch(on.posed(), queue, workspace.view()), cudaSuccess);
      EXPECT_EQ(how.launch(second, queue, workspace.view()), cudaSuccess);
      ASSERT_EQ(cudaStreamSynchronize(queue), cudaSuccess);
      EXPECT_TRUE(on.check());
      EXPECT_TRUE(other.check());
    });
    EXPECT_TRUE(workspace.guards_intact()) << "memory outside of the workspace was written";
  });
}

/// The legacy default stream, and a captured graph that runs twice on one workspace.
void streams_and_capture(const rung& how) {
  const stream own;
  for_supported(how, some_of_everything(), [&](const operands& on) {
    const lent_workspace workspace(how.workspace_bytes(on.posed()));
    on.upload();
    if (!launch_and_wait(how, on.posed(), workspace.view(), cudaStream_t{})) return;
    EXPECT_TRUE(on.check()) << "on the default stream";
    for_each_stream_schedule(sanitized ? 2 : 4, [&](const std::string& order) {
      SCOPED_TRACE(order);
      replay_captured(
          own, [&] { return how.launch(on.posed(), own, workspace.view()); }, [&] { on.upload(); },
          [&] { return on.check(); });
    });
    EXPECT_TRUE(workspace.guards_intact()) << "memory outside of the workspace was written";
  });
}

/// Six marks for each chunk, in the order of its stages; as far as they reach.
void marks(const rung& how) {
  const stream queue;
  for_supported(how, {{.n = 2001, .chunk = 300}}, [&](const operands& on) {
    std::vector<event> owners;
    std::vector<cudaEvent_t> lent;
    for (int i = 0; i < 6 * 2 + 3; ++i) lent.push_back(owners.emplace_back(event::timing::on));
    problem p = on.posed();
    p.marks = lent;
    const lent_workspace workspace(how.workspace_bytes(p));
    on.upload();
    ASSERT_TRUE(launch_and_wait(how, p, workspace.view(), queue));
    EXPECT_TRUE(on.check());
    const int marked = how.info.name == "whole" ? 1 : 2;
    for (int mark = 1; mark < 6 * marked; ++mark)
      EXPECT_GE(elapsed_ms(lent[std::size_t(mark) / 6 * 6], lent[std::size_t(mark)]), 0);
  });
}

/// Too little scratch, none, or misaligned: a refusal, and nothing is written.
void bad_workspace(const rung& how) {
  const stream queue;
  const operands on({.n = 5000, .chunk = 300});
  const std::size_t bytes = how.workspace_bytes(on.posed());
  ASSERT_GT(bytes, 0u);
  const lent_workspace workspace(bytes + 256);
  void* const begin = workspace.view().data;
  on.upload();
  for (const workspace_view& bad :
       {workspace_view{begin, bytes - 1}, workspace_view{nullptr, bytes}, workspace_view{},
        workspace_view{static_cast<char*>(begin) + 16, bytes}}) {
    EXPECT_EQ(how.launch(on.posed(), queue, bad), cudaErrorInvalidValue)
        << bad.data << " " << bad.bytes;
  }
  EXPECT_EQ(cudaStreamSynchronize(queue), cudaSuccess);
  EXPECT_TRUE(on.is_untouched());
}

/// An event that is none makes the launch fail where it is first needed. What was enqueued before
/// that is over when the caller's stream is.
void bad_event(const rung& how) {
  const stream queue;
  const operands on({.n = 5000, .chunk = 300});
  const lent_workspace workspace(how.workspace_bytes(on.posed()));
  for (const int missing : {pipeline::max_slots, 0}) {
    SCOPED_TRACE(missing == 0 ? "the event of a slot" : "the event that hands over");
    std::vector<cudaEvent_t> events(on.posed().lanes.events.begin(), on.posed().lanes.events.end());
    events[std::size_t(missing)] = nullptr;
    problem p = on.posed();
    p.lanes.events = events;
    on.upload();
    const bool is_needed = how.info.step >= (missing == 0 ? 6 : 2);
    EXPECT_EQ(how.launch(p, queue, workspace.view()) != cudaSuccess, is_needed);
    cudaGetLastError();
    EXPECT_EQ(cudaStreamSynchronize(queue), cudaSuccess);
    on.upload();
    EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
    EXPECT_TRUE(on.is_untouched()) << "written after the end of the launch";
  }
}

#ifdef WARPLADDER_HOST_EXECUTOR

/// Every copy in turn is refused. What had been enqueued before, a kernel without its copy out too,
/// is over when the caller's stream is: the workspace may be given to somebody else then.
void refused_copies(const rung& how) {
  const stream queue;
  for_supported(how, {{.n = 1200, .chunk = 300}}, [&](const operands& on) {
    const lent_workspace workspace(how.workspace_bytes(on.posed()));
    const workspace_view lent = workspace.view();
    for_each_stream_schedule(sanitized ? 4 : 8, [&](const std::string& order) {
      for (std::uint64_t before = 0;; ++before) {
        SCOPED_TRACE(order + ", copies before: " + std::to_string(before));
        on.upload();
        cudaError_t launched = cudaSuccess;
        {
          const simt::scoped_failure failure(simt::fault::copy_submit, before);
          launched = how.launch(on.posed(), queue, lent);
          if (failure.count() == 0) break;
        }
        EXPECT_NE(launched, cudaSuccess) << "an error was lost";
        cudaGetLastError();
        ASSERT_EQ(cudaStreamSynchronize(queue), cudaSuccess);
        on.upload();
        std::memset(lent.data, 0x5A, lent.bytes);
        ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
        EXPECT_TRUE(on.is_untouched()) << "written after the end of the launch";
        const auto* const memory = static_cast<const unsigned char*>(lent.data);
        EXPECT_TRUE(std::all_of(memory, memory + lent.bytes, [](auto x) { return x == 0x5A; }))
            << "the workspace was used after the end of the launch";
      }
      ASSERT_EQ(cudaStreamSynchronize(queue), cudaSuccess);
    });
  });
}

#endif

// ---- Registration
// --------------------------------------------------------------------------------

void add_pipeline_tests() {
  for (const rung& how : tables::pipeline_rungs()) {
    char step[16];
    std::snprintf(step, sizeof step, "%02d_", how.info.step);
    const auto add = [&](const std::string& name, std::function<void(const rung&)> body) {
      device_test::add("Pipeline/" + (step + std::string(how.info.name)), name,
                       [how, body] { body(how); });
    };
    const auto add_right = [&](const std::string& name, std::vector<pipeline_case> cases) {
      add(name, [cases](const rung& rung) { expect_right(rung, cases); });
    };
    add("empty", empty);
    add_right("lengths", lengths());
    add_right("lanes_and_slots", lanes_and_slots());
    add_right("alignments", alignments());
    add("ordered_with_the_callers_stream", ordered_with_the_callers_stream);
    add("repeated", repeated);
    add("streams_and_capture", streams_and_capture);
    add("marks", marks);
    add("bad_workspace", bad_workspace);
    add("bad_event", bad_event);
#ifdef WARPLADDER_HOST_EXECUTOR
    add("refused_copies", refused_copies);
#endif
  }
}

TEST(pipeline_problem, explains_what_is_illegal) {
  float array[8];
  cudaStream_t streams[9] = {};
  cudaEvent_t events[17] = {};
  const problem legal{
      .n = 4, .in = array, .out = array + 4, .lanes = {.streams = {streams, 8}, .events = events}};
  EXPECT_EQ(explain_invalid(legal), "");
  EXPECT_EQ(explain_invalid(problem{}), "");
  const auto says = [&](auto edit, const std::string& word) {
    problem p = legal;
    edit(p);
    const std::string reason(explain_invalid(p));
    EXPECT_NE(reason.find(word), std::string::npos) << "'" << reason << "' has no " << word;
  };
  says([](problem& p) { p.n = -1; }, "negative");
  says([](problem& p) { p.n = std::int64_t{1} << 61; }, "memory");
  says([](problem& p) { p.rounds = -1; }, "rounds");
  says([](problem& p) { p.chunk = 0; }, "chunk");
  says([](problem& p) { p.chunk = std::int64_t{1} << 61; }, "chunk");
  says([](problem& p) { p.slots = 0; }, "slot");
  says([](problem& p) { p.slots = 17; }, "16");
  says([&](problem& p) { p.lanes.streams = streams; }, "8 streams");
  says([&](problem& p) { p.lanes.events = {events, 16}; }, "17 events");
  says([](problem& p) { p.in = nullptr; }, "in is null");
  says([](problem& p) { p.out = nullptr; }, "out is null");
  const auto shifted = [](const float* pointer) {
    return reinterpret_cast<float*>(reinterpret_cast<std::uintptr_t>(pointer) + 1);
  };
  says([&](problem& p) { p.in = shifted(p.in); }, "in is not aligned");
  says([&](problem& p) { p.out = shifted(p.out); }, "out is not aligned");
  says([](problem& p) { p.out -= 3; }, "overlaps");
  problem in_place = legal;
  in_place.out = array;
  EXPECT_EQ(explain_invalid(in_place), "");
}

TEST(pipeline_problem, too_few_lanes_are_not_supported) {
  for (const rung& how : tables::pipeline_rungs()) {
    const support can = how.supports(problem{});
    EXPECT_EQ(bool(can), how.info.step <= 1) << how.info.name;
  }
  EXPECT_THROW(lanes(0), std::invalid_argument);
  EXPECT_THROW(lanes(9), std::invalid_argument);
}

// ---- The advisor
// ---------------------------------------------------------------------------------

using pipeline::advice, pipeline::advise, pipeline::chunk_limits, pipeline::predict;

/// About an H100 on PCIe 5, with a kernel of so many seconds for 1 GiB.
engine_rates usual_rates(double kernel_seconds) {
  return {.h2d_bytes_per_second = 55e9,
          .d2h_bytes_per_second = 55e9,
          .both_bytes_per_second = 85e9,
          .kernel_seconds_per_byte = kernel_seconds / double(1 << 30)};
}

TEST(pipeline_advisor, refuses_rates_that_say_nothing) {
  EXPECT_EQ(explain_invalid(usual_rates(0)), "");
  const auto says = [](auto edit, const std::string& word) {
    engine_rates r = usual_rates(1e-3);
    edit(r);
    EXPECT_NE(explain_invalid(r).find(word), std::string::npos) << word;
    EXPECT_THROW(advise(r, 1 << 20, 1 << 20), std::invalid_argument);
  };
  const double nan = std::nan("");
  for (const double bad : {0.0, -1.0, nan, std::numeric_limits<double>::infinity()}) {
    says([&](engine_rates& r) { r.h2d_bytes_per_second = bad; }, "to the device");
    says([&](engine_rates& r) { r.d2h_bytes_per_second = bad; }, "from the device");
    says([&](engine_rates& r) { r.both_bytes_per_second = bad; }, "both");
  }
  for (const double bad : {-1e-9, nan}) {
    says([&](engine_rates& r) { r.kernel_seconds_per_byte = bad; }, "kernel");
    says([&](engine_rates& r) { r.copy_seconds = bad; }, "fixed cost");
    says([&](engine_rates& r) { r.kernel_seconds = bad; }, "fixed cost");
    says([&](engine_rates& r) { r.host_seconds = bad; }, "fixed cost");
  }
  EXPECT_THROW(advise(usual_rates(0), 0, 1 << 20), std::invalid_argument);
  EXPECT_THROW(advise(usual_rates(0), 100, 100, {.granularity = 0}), std::invalid_argument);
  EXPECT_THROW(advise(usual_rates(0), 100, 100, {.granularity = 4096, .largest = 4095}),
               std::invalid_argument);
}

/// No chunk at all is predicted to be much better than the one that was chosen.
TEST(pipeline_advisor, chooses_about_the_least_of_all_chunks) {
  for (const double kernel : {0.0, 1e-3, 25e-3, 50e-3, 1.0}) {
    for (const double fixed : {0.0, 1e-6, 100e-6}) {
      for (const std::size_t bytes : {std::size_t{1} << 20, std::size_t{1} << 30}) {
        for (const std::size_t bytes_out : {std::size_t{0}, bytes / 8, bytes, 3 * bytes}) {
          engine_rates r = usual_rates(kernel);
          r.copy_seconds = r.kernel_seconds = r.host_seconds = fixed;
          const advice best = advise(r, bytes, bytes_out);
          EXPECT_GE(best.seconds, best.bound_seconds);
          double least = best.seconds;
          for (double chunk = 65536; chunk < double(bytes); chunk *= 1.05)
            least = std::min(least, predict(r, double(bytes), double(bytes_out), chunk).seconds);
          EXPECT_LE(best.seconds, 1.03 * least)
              << bytes << " in, " << bytes_out << " out, kernel " << kernel << ", fixed " << fixed;
        }
      }
    }
  }
}

/// Kernels that overlap hide what each costs beyond its bytes, but no more than there is to do.
TEST(pipeline_advisor, hides_fixed_costs_of_kernels_that_overlap) {
  constexpr double mib = double(1 << 20);
  engine_rates r = usual_rates(50e-3);
  r.kernel_seconds = 20e-6;
  const auto seconds = [&](double chunk, int at_once) {
    return predict(r, 1024 * mib, 1024 * mib, chunk, {.kernels_at_once = at_once}).seconds;
  };
  EXPECT_NEAR(seconds(4 * mib, 1) - seconds(4 * mib, 2), 255 * 20e-6, 1e-9);
  const double short_kernel = 50e-3 / 8192;  // of 128 KiB, less than its fixed cost
  EXPECT_NEAR(seconds(mib / 8, 1) - seconds(mib / 8, 2), 8191 * (20e-6 + short_kernel) / 2, 1e-9);
  EXPECT_LT(advise(r, 1 << 27, 1 << 27, {.kernels_at_once = 2}).chunk_bytes,
            advise(r, 1 << 27, 1 << 27).chunk_bytes);
}

TEST(pipeline_advisor, keeps_to_the_limits) {
  for (const std::size_t granularity : {1u, 256u, 3000u, 1u << 20}) {
    for (const std::size_t largest : {std::size_t{1} << 20, std::size_t{5'000'000}}) {
      for (const std::size_t bytes : {1u, 100u, 4097u, 10'000'000u}) {
        const chunk_limits limits{.granularity = granularity, .largest = largest, .max_slots = 2};
        const advice best = advise(usual_rates(1e-3), bytes, bytes, limits);
        EXPECT_EQ(best.chunk_bytes % granularity, 0u);
        EXPECT_GT(best.chunk_bytes, 0u);
        EXPECT_LE(best.chunk_bytes, largest);
        EXPECT_LT(best.chunk_bytes, bytes + granularity) << "more than there is";
        EXPECT_GE(best.slots, 1);
        EXPECT_LE(best.slots, 2);
      }
    }
  }
}

/// The bound is the busiest engine, and slots are as many as chunks that are under way.
TEST(pipeline_advisor, knows_the_busiest_engine) {
  constexpr double gib = double(1 << 30);
  EXPECT_DOUBLE_EQ(bound_seconds(usual_rates(1e-3), gib, gib), 2 * gib / 85e9);
  EXPECT_DOUBLE_EQ(bound_seconds(usual_rates(1.0), gib, gib), 1.0);
  EXPECT_DOUBLE_EQ(bound_seconds(usual_rates(1e-3), gib, 0), gib / 55e9);
  EXPECT_DOUBLE_EQ(bound_seconds(usual_rates(1e-3), gib, 9 * gib), 9 * gib / 55e9);
  EXPECT_EQ(predict(usual_rates(1.0), gib, gib, 1e7).slots, 3);  // the kernel, and its next
  EXPECT_EQ(predict(usual_rates(2 * gib / 85e9), gib, gib, 1e7).slots, 4);  // three busy engines
  EXPECT_EQ(predict(usual_rates(1.0), gib, gib, gib).slots, 1);             // one chunk
  const chunk_limits overlap{.kernels_at_once = 2};
  EXPECT_EQ(predict(usual_rates(1.0), gib, gib, 1e7, overlap).slots, 4);
  EXPECT_EQ(predict(usual_rates(2 * gib / 85e9), gib, gib, 1e7, overlap).slots, 5);
  EXPECT_EQ(predict(usual_rates(1e-3), gib, gib, 1e7, overlap).slots, 4);
}

TEST(pipeline_advisor, measures_this_machine) {
  if (!why_no_device().empty()) GTEST_SKIP() << why_no_device();
  constexpr std::size_t bytes_in = 3 << 20, bytes_out = 1 << 20;
  bool inside = true;
  const void* first = nullptr;
  const engine_rates rates = pipeline::measure_rates(
      [&](const void* in, void* out, std::size_t bytes, cudaStream_t on) {
        if (first == nullptr) first = in;
        const std::size_t offset =
            std::size_t(static_cast<const char*>(in) - static_cast<const char*>(first));
        inside = inside && offset + bytes <= bytes_in;
        return cudaMemcpyAsync(out, in, bytes / 3, cudaMemcpyDefault, on);
      },
      bytes_in, bytes_out);
  EXPECT_EQ(explain_invalid(rates), "");
  EXPECT_TRUE(inside);
  EXPECT_GT(rates.kernel_seconds_per_byte, 0);
  EXPECT_GT(advise(rates, 1 << 30, 1 << 28).chunk_bytes, 0u);
  EXPECT_EQ(pipeline::measure_rates({}, bytes_in, bytes_out).kernel_seconds_per_byte, 0);
  EXPECT_THROW(pipeline::measure_rates({}, 1000, bytes_out), std::invalid_argument);
  EXPECT_THROW(
      pipeline::measure_rates([](auto&&...) { return cudaErrorInvalidValue; }, bytes_in, bytes_out),
      cuda_error);
}

}  // namespace
}  // namespace warpladder::test

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  warpladder::test::add_pipeline_tests();
  return RUN_ALL_TESTS();
}
