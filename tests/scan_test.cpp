// SPDX-License-Identifier: Apache-2.0
//
// Every rung of the scan ladder, and the front door, on the same hostile problems. Tests are
// registered from the ladder's tables: a new rung is tested without an edit here.
//   Scan/<operation>/<NN_rung or front_door>.<group>

#include "scan.hpp"

#include <cstdio>
#include <functional>
#include <string>
#include <vector>
#include <warpladder/core/stream.hpp>

#include "support/backend.hpp"
#include "support/captured.hpp"
#include "support/lent_workspace.hpp"
#include "support/scan_case.hpp"

namespace warpladder::test {
namespace {

using scan::kind;
using tables::composition, tables::composition_at_one;

/// What a test needs of a rung or of a front door.
template <class T, class Op>
struct method {
  using problem = scan::problem<T, Op>;
  std::string name;
  std::string why_not_here;  ///< not empty: this device cannot run the method at all
  std::function<support(const problem&)> supports;
  std::function<std::size_t(const problem&)> workspace_bytes;
  std::function<cudaError_t(const problem&, cudaStream_t, workspace_view)> launch;
};

template <class T, class Op>
bool launch_and_wait(const method<T, Op>& how, const scan::problem<T, Op>& p, cudaStream_t on) {
  const lent_workspace workspace(how.workspace_bytes(p));
  const cudaError_t launched = how.launch(p, on, workspace.view());
  EXPECT_EQ(launched, cudaSuccess) << cudaGetErrorString(launched);
  const cudaError_t ran = cudaStreamSynchronize(on);
  EXPECT_EQ(ran, cudaSuccess) << cudaGetErrorString(ran);
  const bool guarded = workspace.guards_intact();
  EXPECT_TRUE(guarded) << "memory outside of the workspace was written";
  return launched == cudaSuccess && ran == cudaSuccess && guarded;
}

/// Runs `body` for the cases that the method supports; if there are none, the test is skipped.
template <class T, class Op, class Body>
void for_supported(const method<T, Op>& how, const std::vector<scan_case>& cases, scan_values kind,
                   const Body& body) {
  std::size_t unsupported = 0;
  std::string reason;
  for (const scan_case& c : cases) {
    SCOPED_TRACE(::testing::PrintToString(c));
    scan_operands<T, Op> operands(c, kind);
    ASSERT_EQ(explain_invalid(operands.problem()), "") << "the test posed an illegal problem";
    if (const support can = how.supports(operands.problem()); !can) {
      ++unsupported;
      reason = can.why_not;
      continue;
    }
    body(operands);
    if (::testing::Test::HasFatalFailure()) return;
  }
  if (unsupported == cases.size()) GTEST_SKIP() << how.name << ": " << reason;
}

template <class T, class Op>
void expect_right(const method<T, Op>& how, const std::vector<scan_case>& cases, scan_values kind) {
  const stream on;
  for_supported(how, cases, kind, [&](const auto& operands) {
    operands.upload();
    if (launch_and_wait(how, operands.problem(), on)) {
      EXPECT_TRUE(operands.check());
    }
  });
}

// ---- Problems
// ------------------------------------------------------------------------------------

template <class T, class Op>
constexpr bool can_be_in_place = std::is_same_v<T, typename Op::result>;

constexpr kind both_kinds[] = {kind::inclusive, kind::exclusive};

/// Around a warp, around every power of two that may be a tile, and many tiles.
std::vector<std::int64_t> lengths() {
  std::vector<std::int64_t> all{1, 2, 3, 31, 32, 33, 63, 64, 65, 100, 1000};
  for (std::int64_t tile = 128; tile <= (on_gpu ? 1 << 17 : sanitized ? 4096 : 16384); tile *= 2) {
    all.insert(all.end(), {tile - 1, tile, tile + 1});
    if (tile >= 1024) all.insert(all.end(), {tile * 3 / 2, tile * 3 / 2 + 1});
  }
  if (!sanitized) all.push_back(65'537);
  all.push_back(on_gpu ? 3'000'001 : sanitized ? 20'003 : 300'003);
  return all;
}

std::vector<scan_case> every_length() {
  std::vector<scan_case> cases;
  for (const std::int64_t n : lengths()) {
    for (const kind what : both_kinds) cases.push_back({.n = n, .what = what});
  }
  return cases;
}

std::vector<scan_case> with_initial() {
  std::vector<scan_case> cases;
  for (const std::int64_t n : {1, 2, 33, 512, 513, 5000, sanitized ? 9000 : 40'000}) {
    for (const kind what : both_kinds) cases.push_back({.n = n, .what = what, .initial = true});
  }
  return cases;
}

std::vector<scan_case> in_place() {
  std::vector<scan_case> cases;
  for (const std::int64_t n : lengths()) {
    for (const kind what : both_kinds)
      cases.push_back({.n = n, .what = what, .initial = n % 2 == 0, .in_place = true});
  }
  for (const int offset : {1, 2, 3, 5})
    cases.push_back({.n = 10'000, .offset_in = offset, .in_place = true});
  return cases;
}

std::vector<scan_case> alignments() {
  std::vector<scan_case> cases;
  for (const int offset_in : {0, 1, 2, 3, 4, 7}) {
    for (const int offset_out : {0, 1, 2, 3, 4, 7}) {
      for (const std::int64_t n : {5, 130, 9001}) {
        if (sanitized && n > 1000 && (offset_in + offset_out) % 3 != 0) continue;
        cases.push_back({.n = n, .offset_in = offset_in, .offset_out = offset_out});
      }
    }
  }
  return cases;
}

/// The last one is long enough for every block of a grid that fills the device to have several
/// tiles.
std::vector<scan_case> some_of_everything() {
  return {{.n = 1},
          {.n = 700, .what = kind::exclusive, .offset_in = 1},
          {.n = 4'097, .what = kind::exclusive, .initial = true, .offset_out = 3},
          {.n = 20'000, .initial = true},
          {.n = on_gpu      ? 6'000'001
                : sanitized ? 70'001
                            : 150'001}};
}

std::vector<scan_case> random_cases(int count) {
  random_bits random{31};
  const auto below = [&](int bound) { return int(random() % unsigned(bound)); };
  std::vector<scan_case> cases;
  for (int i = 0; i < count; ++i) {
    const int limit = below(4) == 0 ? 100 : on_gpu ? 500'000 : sanitized ? 6'000 : 20'000;
    cases.push_back({.n = 1 + below(limit),
                     .what = both_kinds[below(2)],
                     .initial = below(2) == 0,
                     .offset_in = below(2) * below(17),
                     .offset_out = below(2) * below(17)});
  }
  return cases;
}

// ---- Groups of tests
// -----------------------------------------------------------------------------

/// No elements: nothing is read or written, and pointers may be null.
template <class T, class Op>
void empty(const method<T, Op>& how) {
  const stream on;
  for (const kind what : both_kinds) {
    const scan_operands<T, Op> operands({.n = 0, .what = what});
    operands.upload();
    ASSERT_TRUE(launch_and_wait(how, operands.problem(), on));
    EXPECT_TRUE(operands.is_untouched());
    ASSERT_TRUE(launch_and_wait(how, scan::problem<T, Op>{.what = what}, on));
  }
}

/// The same results in every order in which the threads may run.
template <class T, class Op>
void schedules(const method<T, Op>& how) {
  const stream on;
  for_supported(how, some_of_everything(), scan_values::exact, [&](const auto& operands) {
    for_each_schedule(3, [&](const std::string& order) {
      SCOPED_TRACE(order);
      operands.upload();
      if (launch_and_wait(how, operands.problem(), on)) {
        EXPECT_TRUE(operands.check());
      }
    });
  });
}

/// The legacy default stream, and a captured graph that runs twice on one workspace.
template <class T, class Op>
void streams_and_capture(const method<T, Op>& how) {
  const stream own;
  for_supported(how, some_of_everything(), scan_values::exact, [&](const auto& operands) {
    operands.upload();
    if (!launch_and_wait(how, operands.problem(), cudaStream_t{})) return;
    EXPECT_TRUE(operands.check()) << "on the default stream";

    const lent_workspace workspace(how.workspace_bytes(operands.problem()));
    replay_captured(
        own, [&] { return how.launch(operands.problem(), own, workspace.view()); },
        [&] { operands.upload(); }, [&] { return operands.check(); });
    EXPECT_TRUE(workspace.guards_intact()) << "memory outside of the workspace was written";
  });
}

/// Too little scratch, none, or misaligned: a refusal, and nothing is written.
template <class T, class Op>
void bad_workspace(const method<T, Op>& how) {
  const stream on;
  const scan_operands<T, Op> operands({.n = 20'000});
  const std::size_t bytes = how.workspace_bytes(operands.problem());
  if (bytes == 0) GTEST_SKIP() << how.name << " needs no workspace";
  const lent_workspace workspace(bytes + 256);
  void* const begin = workspace.view().data;
  operands.upload();
  for (const workspace_view& bad :
       {workspace_view{begin, bytes - 1}, workspace_view{nullptr, bytes}, workspace_view{},
        workspace_view{static_cast<char*>(begin) + 16, bytes}}) {
    EXPECT_EQ(how.launch(operands.problem(), on, bad), cudaErrorInvalidValue)
        << bad.data << " " << bad.bytes;
  }
  EXPECT_EQ(cudaStreamSynchronize(on), cudaSuccess);
  EXPECT_TRUE(operands.is_untouched());
}

/// One element that is not finite changes all behind it (a sum, and with a second one of opposite
/// sign becomes a NaN) and none before.
template <class T, class Op>
void not_finite(const method<T, Op>& how) {
  const T infinity = std::numeric_limits<T>::infinity();
  const T nan = std::numeric_limits<T>::quiet_NaN();
  const stream on;
  constexpr std::int64_t n = 10'000;
  for (const kind what : both_kinds) {
    for (const std::int64_t at : {0, 31, 32, 511, 512, 4095, 4096, 8191, 9'999}) {
      for (const T value : {infinity, -infinity, nan}) {
        SCOPED_TRACE(testing::PrintToString(at) + " " + testing::PrintToString(value));
        scan_operands<T, Op> operands({.n = n, .what = what});
        operands[at] = value;
        if (at >= 4096) operands[at - 500] = infinity;
        operands.upload();
        if (launch_and_wait(how, operands.problem(), on)) {
          EXPECT_TRUE(operands.check());
        }
        if (sanitized) break;
      }
    }
  }
}

/// What equal inputs must give: equal bits. Methods whose association depends on timing say so.
template <class T>
void deterministic(const method<T, sum<T>>& how) {
  if (how.name == "00_cub" || how.name == "06_look_back")
    GTEST_SKIP() << "gives up equal bits, says its header";
  const stream on;
  const scan_operands<T, sum<T>> operands({.n = on_gpu ? 1'000'003 : 40'003}, scan_values::reals);
  std::vector<T> first;
  for_each_schedule(3, [&](const std::string& order) {
    SCOPED_TRACE(order);
    for (int repeat = 0; repeat < (on_gpu ? 5 : 1); ++repeat) {
      operands.upload();
      ASSERT_TRUE(launch_and_wait(how, operands.problem(), on));
      const std::vector<T> again = operands.results();
      if (first.empty()) first = again;
      EXPECT_EQ(std::memcmp(first.data(), again.data(), first.size() * sizeof(T)), 0);
    }
  });
}

/// More than 2^31 elements, in place. Element i becomes (i + 1) * step mod 2^32, which tells how
/// many elements it has added up.
void beyond_32_bits(const method<std::int32_t, sum<std::int32_t>>& how) {
  constexpr std::int64_t n = (std::int64_t{1} << 31) + 5;
  constexpr std::uint32_t step = 0x01010101;
  scan::problem<std::int32_t> p{.n = n};
  std::size_t free = 0, total = 0;
  ASSERT_EQ(cudaMemGetInfo(&free, &total), cudaSuccess);
  const std::size_t needed = std::size_t(n) * sizeof(std::int32_t) + (std::size_t{1} << 28);
  if (free < needed) {
    GTEST_SKIP() << "needs " << (needed >> 20) << " MiB of device memory, " << (free >> 20)
                 << " are free";
  }
  const device_buffer<std::int32_t> array(n);
  p.in = p.out = array.data();
  ASSERT_EQ(explain_invalid(p), "");
  if (const support can = how.supports(p); !can) GTEST_SKIP() << how.name << ": " << can.why_not;
  ASSERT_EQ(cudaMemset(array.data(), 1, array.size_bytes()), cudaSuccess);
  ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  ASSERT_TRUE(launch_and_wait(how, p, stream()));

  // Whole windows where 32-bit indices and byte offsets end, and 500 elsewhere.
  constexpr std::int64_t window = 8192, apart = n / 500;
  std::vector<std::int64_t> begins{0, (std::int64_t{1} << 29) - window / 2,
                                   (std::int64_t{1} << 30) - window / 2,
                                   (std::int64_t{1} << 31) - window, n - window};
  for (std::int64_t begin = apart; begin + window <= n; begin += apart) begins.push_back(begin);
  std::vector<std::int32_t> got(window);
  std::int64_t wrong = 0;
  for (const std::int64_t begin : begins) {
    ASSERT_EQ(cudaMemcpy(got.data(), array.data() + begin, window * sizeof got[0],
                         cudaMemcpyDeviceToHost),
              cudaSuccess);
    for (std::int64_t i = 0; i < window; ++i)
      wrong += std::uint32_t(got[i]) != std::uint32_t(begin + i + 1) * step;
  }
  EXPECT_EQ(wrong, 0);
}

// ---- Registration
// --------------------------------------------------------------------------------

template <class T, class Op>
void add_tests(const std::string& operation, const method<T, Op>& how) {
  const auto add = [&](const std::string& name, std::function<void()> body) {
    device_test::add("Scan/" + operation + "/" + how.name, name, [how, body] {
      if (!how.why_not_here.empty()) GTEST_SKIP() << how.name << ": " << how.why_not_here;
      body();
    });
  };
  const auto add_right = [&](const std::string& name, std::vector<scan_case> cases,
                             scan_values kind = scan_values::exact) {
    add(name, [how, cases, kind] { expect_right(how, cases, kind); });
  };
  add("empty", [how] { empty(how); });
  add_right("lengths", every_length());
  add_right("initial", with_initial());
  if constexpr (can_be_in_place<T, Op>) add_right("in_place", in_place());
  add_right("alignments", alignments());
  add_right("random", random_cases(on_gpu ? 200 : sanitized ? 20 : 60));
  add("schedules", [how] { schedules(how); });
  add("streams_and_capture", [how] { streams_and_capture(how); });
  add("bad_workspace", [how] { bad_workspace(how); });
  if constexpr (std::is_floating_point_v<T>) {
    add_right("reals", every_length(), scan_values::reals);
    add("not_finite", [how] { not_finite(how); });
  }
  if constexpr (std::is_floating_point_v<T> && std::is_same_v<Op, sum<T>>) {
    add("deterministic", [how] { deterministic(how); });
  }
  if constexpr (std::is_same_v<Op, sum<std::int32_t>>) {
    if (on_gpu) add("beyond_32_bits", [how] { beyond_32_bits(how); });
  }
}

template <class T, class Op>
void add_rungs(const std::string& operation) {
  device_facts facts;
  const bool has_device = why_no_device().empty() && query_device(facts) == cudaSuccess;
  for (const auto& rung : tables::scan_rungs<T, Op>()) {
    char step[16];
    std::snprintf(step, sizeof step, "%02d_", rung.info.step);
    std::string why_not_here;
    if (!on_gpu && !rung.info.runs_on_host) why_not_here = "has no host version";
    if (has_device && facts.compute_capability < rung.info.min_compute_capability)
      why_not_here = "needs compute capability " + std::to_string(rung.info.min_compute_capability);
    add_tests<T, Op>(operation, {step + std::string(rung.info.name), why_not_here, rung.supports,
                                 rung.workspace_bytes, rung.launch});
  }
}

template <class T, class Op>
void add_front_door(const std::string& operation) {
  add_tests<T, Op>(operation, {"front_door", "", [](const auto&) { return support{}; },
                               tables::scan_workspace_bytes<T, Op>, tables::scan_run<T, Op>});
}

template <class T, class Op>
void add_ladder(const std::string& operation) {
  add_rungs<T, Op>(operation);
  add_front_door<T, Op>(operation);
}

// ---- Refusals: no device needed
// ------------------------------------------------------------------

class scan_refusal : public ::testing::Test {
 protected:
  using problem = scan::problem<std::int32_t>;

  /// Addresses that nobody dereferences.
  static std::int32_t* address(std::uintptr_t at) { return reinterpret_cast<std::int32_t*>(at); }
  static problem legal() { return {.n = 100, .in = address(4096), .out = address(8192)}; }

  template <class Edit>
  static ::testing::AssertionResult refuses(const Edit& edit, const std::string& word) {
    problem p = legal();
    edit(p);
    const std::string reason(explain_invalid(p));
    if (reason.find(word) == reason.npos || word.empty() != reason.empty())
      return ::testing::AssertionFailure() << "explain_invalid says '" << reason << "'";
    if (!word.empty() && tables::scan_run(p, {}, {}) != cudaErrorInvalidValue)
      return ::testing::AssertionFailure() << "run does not refuse";
    return ::testing::AssertionSuccess();
  }
};

TEST_F(scan_refusal, refuses_what_is_illegal) {
  EXPECT_EQ(explain_invalid(legal()), "");
  EXPECT_TRUE(refuses([](problem& p) { p.n = -1; }, "negative"));
  EXPECT_TRUE(refuses([](problem& p) { p.n = std::int64_t{1} << 61; }, "address"));
  EXPECT_TRUE(refuses([](problem& p) { p.in = nullptr; }, "in is null"));
  EXPECT_TRUE(refuses([](problem& p) { p.out = nullptr; }, "out is null"));
  EXPECT_TRUE(refuses([](problem& p) { p.in = address(4098); }, "in is not aligned"));
  EXPECT_TRUE(refuses([](problem& p) { p.out = address(8193); }, "out is not aligned"));
  EXPECT_EQ(explain_invalid(problem{}), "");  // nothing to do: null is good enough
}

TEST_F(scan_refusal, knows_what_overlaps) {
  const auto at = [](std::int64_t elements) {
    return [=](problem& p) { p.out = address(4096) + elements; };
  };
  EXPECT_TRUE(refuses(at(1), "overlaps"));
  EXPECT_TRUE(refuses(at(-1), "overlaps"));
  EXPECT_TRUE(refuses(at(99), "overlaps"));
  EXPECT_TRUE(refuses(at(-99), "overlaps"));
  EXPECT_TRUE(refuses(at(0), ""));  // in place
  EXPECT_TRUE(refuses(at(100), ""));
  EXPECT_TRUE(refuses(at(-100), ""));

  // Results of another size than the elements cannot lie where those are.
  using wide = scan::problem<std::int64_t, composition<std::int64_t>>;
  wide p{.n = 100, .in = reinterpret_cast<const std::int64_t*>(4096)};
  for (const auto& [out, overlaps] :
       {std::pair{4096, true}, {4096 + 800, false}, {4096 + 792, true}, {4096 - 1600, false}}) {
    p.out = reinterpret_cast<composition<std::int64_t>::result*>(out);
    EXPECT_EQ(!explain_invalid(p).empty(), overlaps) << out;
  }
}

void add_scan_tests() {
  add_ladder<float, sum<float>>("sum_f32");
  add_ladder<std::int32_t, sum<std::int32_t>>("sum_i32");
  add_ladder<std::int32_t, composition_at_one<std::int32_t>>("composition_at_one_i32");
  add_ladder<std::int64_t, composition<std::int64_t>>("composition_i64");
  add_front_door<double, sum<double>>("sum_f64");
  add_front_door<std::int64_t, sum<std::int64_t>>("sum_i64");
  add_front_door<float, maximum<float>>("maximum_f32");
}

}  // namespace
}  // namespace warpladder::test

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  warpladder::test::add_scan_tests();
  return RUN_ALL_TESTS();
}
