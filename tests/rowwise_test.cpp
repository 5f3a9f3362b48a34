// SPDX-License-Identifier: Apache-2.0
//
// Every rung of the softmax ladder and of the norm ladder, and their front doors, on the same
// hostile problems, against float64 with bounds derived from the arithmetic:
// support/rowwise_case.hpp. Tests are registered from the ladders' tables: a new rung is tested
// without an edit here.
//   Softmax/<type>/<NN_rung or front_door>.<group>, Norm/<type>/...

#include "rowwise.hpp"

#include <cstdio>
#include <functional>
#include <random>
#include <string>
#include <vector>
#include <warpladder/core/stream.hpp>

#include "support/backend.hpp"
#include "support/captured.hpp"
#include "support/lent_workspace.hpp"
#include "support/rowwise_case.hpp"

namespace warpladder::test {
namespace {

using rowwise::norm, rowwise::norm_problem, rowwise::softmax_problem;

template <class>
inline constexpr bool is_norm = false;
template <class T>
inline constexpr bool is_norm<norm_problem<T>> = true;

/// What a test needs of a rung or of a front door.
template <class Problem>
struct method {
  std::string name;
  std::string why_not_here;  ///< not empty: this device cannot run the method at all
  std::function<support(const Problem&)> supports;
  std::function<std::size_t(const Problem&)> workspace_bytes;
  std::function<cudaError_t(const Problem&, cudaStream_t, workspace_view)> launch;

  /// Roundings on the way of an element into a sum over its row, six per step. A row has 4 lanes or
  /// more with at most 64 elements each, or 32 and more; some 20 steps join what they have found.
  /// One thread adds a row element by element.
  double roundings(std::int64_t cols) const {
    const double shared = 6 * (double(cols) / 32 + 96);
    return name.find("thread_per_row") != name.npos ? std::max(shared, double(cols)) : shared;
  }
  /// Are sums of small integers exact? A running mean is not.
  bool adds_integers_exactly() const { return name.find("welford") == name.npos; }
};

template <class Problem>
bool launch_and_wait(const method<Problem>& how, const Problem& p, cudaStream_t stream) {
  const lent_workspace workspace(how.workspace_bytes(p));
  const cudaError_t launched = how.launch(p, stream, workspace.view());
  EXPECT_EQ(launched, cudaSuccess) << cudaGetErrorString(launched);
  const cudaError_t ran = cudaStreamSynchronize(stream);
  EXPECT_EQ(ran, cudaSuccess) << cudaGetErrorString(ran);
  const bool guarded = workspace.guards_intact();
  EXPECT_TRUE(guarded) << "memory outside of the workspace was written";
  return launched == cudaSuccess && ran == cudaSuccess && guarded;
}

/// Runs `body` for the cases that the method supports; if there are none, the test is skipped.
template <class T, template <class> class Problem, class Body>
void for_supported(const method<Problem<T>>& how, const std::vector<rowwise_case>& cases,
                   const Body& body) {
  std::size_t unsupported = 0;
  std::string reason;
  for (const rowwise_case& c : cases) {
    SCOPED_TRACE(::testing::PrintToString(c));
    const rowwise_operands<T, Problem> operands(c);
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

template <class T, template <class> class Problem>
void expect_right(const method<Problem<T>>& how, const std::vector<rowwise_case>& cases) {
  const stream on;
  for_supported<T, Problem>(how, cases, [&](const auto& operands) {
    operands.upload();
    if (launch_and_wait(how, operands.problem(), on)) {
      EXPECT_TRUE(operands.check(how.roundings(operands.problem().cols)));
    }
  });
}

// ---- Problems
// ------------------------------------------------------------------------------------

/// The same cases for layernorm and for RMSnorm.
template <class Problem>
std::vector<rowwise_case> of_both_kinds(std::vector<rowwise_case> cases) {
  if (!is_norm<Problem>) return cases;
  for (std::size_t i = 0, n = cases.size(); i < n; ++i) {
    cases.push_back(cases[i]);
    cases.back().what = norm::rms;
    cases.back().bias = i % 2 == 0;
  }
  return cases;
}

std::vector<rowwise_case> shapes() {
  std::vector<rowwise_case> cases;
  const std::vector<int> all_cols = {1,    2,    8,    31,   32,   33,   63,    64,   65,   127,
                                     128,  129,  256,  500,  513,  1000, 1023,  1024, 1025, 2047,
                                     2048, 2056, 4096, 4099, 8192, 8200, 10007, 16384};
  for (const int cols : all_cols) {
    for (const int rows : {1, 2, 7, 100}) {
      if (!on_gpu && rows * cols > (sanitized ? 10'000 : 60'000) && rows > 1) continue;
      if (sanitized && (rows == 2 || cols > 10'007)) continue;
      cases.push_back({.rows = rows, .cols = cols});
    }
  }
  return cases;
}

/// Beyond a block's registers, and beyond those of a cluster of 8 blocks.
std::vector<rowwise_case> long_rows() {
  std::vector<rowwise_case> cases = {{2, 65'536}, {1, 65'536 + 3}, {3, 32'768 + 8}};
  if (sanitized) return cases;
  cases.push_back({.rows = 3, .cols = 40'000, .gap_in = 8, .gap_out = 16});
  cases.push_back({.rows = 2, .cols = 16'384 + 8, .offset_in = 1});
  for (const std::int64_t cols : {131'072 + 3, 262'144, 262'144 + 8, 524'288 + 8})
    cases.push_back({1, cols});
  if (on_gpu) {
    cases.push_back({300, 65'536});
    cases.push_back({33, 100'000});
    cases.push_back({2, 3'000'001});
  }
  return cases;
}

std::vector<rowwise_case> empty() {
  return {{0, 4}, {4, 0}, {0, 0}, {.rows = 0, .cols = 4, .gap_in = 4, .gap_out = 4}};
}

/// Distances between rows x alignments on both sides.
std::vector<rowwise_case> layouts() {
  std::vector<rowwise_case> cases;
  const std::vector<rowwise_case> sizes = sanitized
                                              ? std::vector<rowwise_case>{{3, 40}}
                                              : std::vector<rowwise_case>{{3, 136}, {2, 1202}};
  for (const rowwise_case& size : sizes) {
    for (const int gap_in : {0, 1, 8}) {
      for (const int gap_out : {0, 3, 8}) {
        for (const int offset_in : {0, 1, 2, 4, 8}) {
          for (const int offset_out : {0, 1, 2, 4, 8}) {
            if (sanitized && (offset_in % 4 == 2 || offset_out == 4)) continue;
            cases.push_back({size.rows, size.cols, gap_in, gap_out, offset_in, offset_out});
            cases.back().offset_weight = offset_in == 8 ? 1 : 0;
          }
        }
      }
    }
  }
  return cases;
}

std::vector<rowwise_case> in_place() {
  std::vector<rowwise_case> cases;
  for (const std::int64_t cols : {1, 40, 64, 1000, 1024, 4096, 4099, 8192 + 16}) {
    for (const int gap : {0, 3, 8})
      cases.push_back({.rows = 5, .cols = cols, .gap_in = gap, .gap_out = gap, .in_place = true});
  }
  if (!sanitized) cases.push_back({.rows = 2, .cols = 70'001, .in_place = true});
  return cases;
}

std::vector<rowwise_case> values() {
  std::vector<rowwise_case> cases;
  const std::vector<std::int64_t> all_cols =
      sanitized ? std::vector<std::int64_t>{1, 33, 1500}
                : std::vector<std::int64_t>{1, 2, 33, 64, 1000, 1025, 4096, 9000};
  for (const filled with : {filled::with_offset, filled::equal, filled::huge, filled::subnormal,
                            filled::far_apart, filled::special}) {
    for (const std::int64_t cols : all_cols)
      cases.push_back({.rows = with == filled::special ? 24 : 8, .cols = cols, .with = with});
    if (!sanitized) cases.push_back({.rows = 8, .cols = 20'000, .with = with});
  }
  if (on_gpu) cases.push_back({.rows = 16, .cols = 65'536, .with = filled::special});
  return cases;
}

std::vector<rowwise_case> some_of_everything() {
  return {{40, 64},
          {1, 3000},
          {.rows = 9, .cols = 40, .gap_in = 1, .offset_out = 1},
          {.rows = 3, .cols = 2048, .gap_in = 8, .gap_out = 16},
          {.rows = 2, .cols = 65, .offset_in = 3, .offset_out = 2},
          {.rows = 2, .cols = 9000},
          {.rows = 2, .cols = 17'000}};
}

std::vector<rowwise_case> random_cases(int count) {
  std::mt19937 random(31);
  const auto below = [&](int bound) { return static_cast<int>(random() % unsigned(bound)); };
  std::vector<rowwise_case> cases;
  for (int i = 0; i < count; ++i) {
    const int limit = on_gpu ? 40'000 : sanitized ? 300 : 4000;
    rowwise_case c{.rows = 1 + below(on_gpu ? 50 : 6), .cols = 1 + below(limit)};
    if (below(2) == 0) c.cols = 1 + c.cols % 200, c.rows *= 8;
    c.gap_in = below(2) * below(17), c.gap_out = below(2) * below(17);
    c.offset_in = below(2) * below(17), c.offset_out = below(2) * below(17);
    c.offset_weight = below(2) * below(17);
    c.weight = below(3) != 0, c.bias = below(2) != 0;
    c.what = below(2) == 0 ? norm::layer : norm::rms;
    if (i % 2 == 0) {  // whole packets
      c.cols = (c.cols + 7) / 8 * 8;
      c.gap_in = c.gap_in / 8 * 8, c.gap_out = c.gap_out / 8 * 8;
      c.offset_in = c.offset_in / 8 * 8, c.offset_out = c.offset_out / 8 * 8;
      c.offset_weight = c.offset_weight / 8 * 8;
    }
    cases.push_back(c);
  }
  return cases;
}

/// Weight and bias or not, and epsilons; layernorm of a constant row without epsilon is 0 / 0.
std::vector<rowwise_case> norm_options() {
  std::vector<rowwise_case> cases;
  for (const std::int64_t cols : {64, 1000, 2053, 16'384}) {
    for (const bool weight : {false, true}) {
      for (const bool bias : {false, true}) {
        for (const float epsilon : {0.0f, 1e-12f, 1e-5f, 3.0f}) {
          if (sanitized && cols > 1000) continue;
          for (const filled with : {filled::normal, filled::equal}) {
            rowwise_case c{.rows = 5, .cols = cols, .with = with};
            c.weight = weight, c.bias = bias, c.epsilon = epsilon;
            cases.push_back(c);
          }
        }
      }
    }
  }
  return cases;
}

// ---- Groups of tests
// -----------------------------------------------------------------------------

/// Sums of integers are exact in any order: what is left are the roundings of a few operations, so
/// that one element too few or too many shows even in the longest row.
template <class T, template <class> class Problem>
void exact_sums(const method<Problem<T>>& how) {
  if (!how.adds_integers_exactly()) GTEST_SKIP() << how.name << ": a running mean is not exact";
  std::vector<rowwise_case> cases;
  for (const std::int64_t cols : {2, 32, 62, 1000, 1024, 4098, 8200, 16'384, 65'536, 65'538}) {
    if (sanitized && cols > 5000) continue;
    cases.push_back({.rows = 2, .cols = cols, .with = filled::integers});
  }
  const stream on;
  for_supported<T, Problem>(how, of_both_kinds<Problem<T>>(cases), [&](const auto& operands) {
    operands.upload();
    if (launch_and_wait(how, operands.problem(), on)) {
      EXPECT_TRUE(operands.check(0));
    }
  });
}

/// The same bits in every order in which the threads may run.
template <class T, template <class> class Problem>
void schedules(const method<Problem<T>>& how) {
  const stream on;
  const auto cases = of_both_kinds<Problem<T>>(some_of_everything());
  for_supported<T, Problem>(how, cases, [&](const auto& operands) {
    std::vector<guarded_array<T>> first;
    for_each_schedule(sanitized ? 1 : 3, [&](const std::string& order) {
      SCOPED_TRACE(order);
      operands.upload();
      if (!launch_and_wait(how, operands.problem(), on)) return;
      if (first.empty()) {
        EXPECT_TRUE(operands.check(how.roundings(operands.problem().cols)));
        first.push_back(operands.result());
      } else {
        EXPECT_TRUE(operands.result().same_bits(first[0])) << "other bits than in the first order";
      }
    });
  });
}

/// The legacy default stream, and a captured graph that runs twice.
template <class T, template <class> class Problem>
void streams_and_capture(const method<Problem<T>>& how) {
  const stream own;
  for_supported<T, Problem>(how, some_of_everything(), [&](const auto& operands) {
    const double roundings = how.roundings(operands.problem().cols);
    operands.upload();
    if (!launch_and_wait(how, operands.problem(), cudaStream_t{})) return;
    EXPECT_TRUE(operands.check(roundings)) << "on the default stream";

    const lent_workspace workspace(how.workspace_bytes(operands.problem()));
    replay_captured(
        own, [&] { return how.launch(operands.problem(), own, workspace.view()); },
        [&] { operands.upload(); }, [&] { return operands.check(roundings); });
    EXPECT_TRUE(workspace.guards_intact()) << "memory outside of the workspace was written";
  });
}

/// Distances between rows that no memory has: legal where there is one row or none.
template <class T, template <class> class Problem>
void absurd_distances(const method<Problem<T>>& how) {
  const stream on;
  for (const std::int64_t cols : {5, 64, 3000}) {
    const rowwise_operands<T, Problem> operands({.rows = 1, .cols = cols});
    Problem<T> p = operands.problem();
    p.ld_in = std::int64_t{1} << 60, p.ld_out = (std::int64_t{1} << 61) + 8;
    ASSERT_EQ(explain_invalid(p), "");
    if (const support can = how.supports(p); !can) GTEST_SKIP() << how.name << ": " << can.why_not;
    operands.upload();
    ASSERT_TRUE(launch_and_wait(how, p, on));
    EXPECT_TRUE(operands.check(how.roundings(cols)));
  }
}

/// Two windows side by side in one matrix: every row of `out` lies between two rows of `in`.
template <class T, template <class> class Problem>
void windows_of_one_matrix(const method<Problem<T>>& how) {
  constexpr std::int64_t rows = 6, cols = 40, ld = 2 * cols + 8;
  const stream on;
  const rowwise_case c{.rows = rows, .cols = cols};
  const rowwise_operands<T, Problem> apart(c);
  guarded_array<T> matrix(rows * ld, 0, true);
  std::vector<T> values(rows * cols);
  WARPLADDER_TRY(cudaMemset(const_cast<T*>(apart.problem().in), 0, rows * cols * sizeof(T)));
  apart.upload();
  WARPLADDER_TRY(cudaMemcpy(values.data(), apart.problem().in, values.size() * sizeof(T),
                            cudaMemcpyDeviceToHost));
  for (std::int64_t i = 0; i < rows * cols; ++i) matrix[i / cols * ld + i % cols] = values[i];
  matrix.upload();
  Problem<T> p = apart.problem();
  p.in = matrix.device(), p.out = matrix.device() + cols;
  p.ld_in = p.ld_out = ld;
  ASSERT_EQ(explain_invalid(p), "");
  if (const support can = how.supports(p); !can) GTEST_SKIP() << how.name << ": " << can.why_not;
  ASSERT_TRUE(launch_and_wait(how, apart.problem(), on));
  ASSERT_TRUE(launch_and_wait(how, p, on));
  WARPLADDER_TRY(cudaMemcpy(values.data(), apart.problem().out, values.size() * sizeof(T),
                            cudaMemcpyDeviceToHost));
  guarded_array<T> expected = matrix.clone();
  for (std::int64_t i = 0; i < rows * cols; ++i)
    expected[i / cols * ld + cols + i % cols] = values[i];
  EXPECT_TRUE(matrix.download().same_bits(expected));
}

/// An index beyond 2^31 elements on either side, by the distance between rows.
template <class T, template <class> class Problem>
void beyond_32_bits(const method<Problem<T>>& how) {
  constexpr std::int64_t giant = (std::int64_t{1} << 30) + 64;  // three rows pass 2^31
  constexpr std::int64_t rows = 4, cols = 2056;
  std::size_t free = 0, total = 0;
  ASSERT_EQ(cudaMemGetInfo(&free, &total), cudaSuccess);
  const std::size_t needed = std::size_t(rows * giant) * sizeof(T) + (std::size_t{1} << 28);
  if (free < needed) {
    GTEST_SKIP() << "needs " << (needed >> 20) << " MiB of device memory, " << (free >> 20)
                 << " are free";
  }
  device_buffer<T> huge(std::size_t(rows * giant));
  const rowwise_operands<T, Problem> operands({.rows = rows, .cols = cols});
  const stream on;
  for (const bool huge_in : {true, false}) {
    SCOPED_TRACE(huge_in ? "in" : "out");
    operands.upload();
    Problem<T> p = operands.problem();
    const T* const dense_in = p.in;
    T* const dense_out = p.out;
    (huge_in ? p.ld_in : p.ld_out) = giant;
    if (huge_in) {
      p.in = huge.data();
    } else {
      p.out = huge.data();
    }
    ASSERT_EQ(explain_invalid(p), "");
    if (const support can = how.supports(p); !can) GTEST_SKIP() << how.name << ": " << can.why_not;
    constexpr std::size_t row_bytes = cols * sizeof(T), giant_bytes = giant * sizeof(T);
    WARPLADDER_TRY(cudaMemset(huge.data(), 0xFF, huge.size_bytes()));
    if (huge_in) {
      WARPLADDER_TRY(cudaMemcpy2D(huge.data(), giant_bytes, dense_in, row_bytes, row_bytes, rows,
                                  cudaMemcpyDeviceToDevice));
    }
    ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);  // `on` does not wait for what is above
    ASSERT_TRUE(launch_and_wait(how, p, on));
    if (!huge_in) {
      WARPLADDER_TRY(cudaMemcpy2D(dense_out, row_bytes, huge.data(), giant_bytes, row_bytes, rows,
                                  cudaMemcpyDeviceToDevice));
      ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
    }
    EXPECT_TRUE(operands.check(how.roundings(cols)));
  }
}

// ---- Registration
// --------------------------------------------------------------------------------

template <class T, template <class> class Problem>
void add_tests(const std::string& ladder, const std::string& type, const method<Problem<T>>& how) {
  const auto add = [&](const std::string& name, std::function<void()> body) {
    device_test::add(ladder + "/" + type + "/" + how.name, name, [how, body] {
      if (!how.why_not_here.empty()) GTEST_SKIP() << how.name << ": " << how.why_not_here;
      body();
    });
  };
  const auto add_right = [&](const std::string& name, const std::vector<rowwise_case>& cases) {
    add(name, [how, cases] { expect_right<T, Problem>(how, of_both_kinds<Problem<T>>(cases)); });
  };
  add_right("shapes", shapes());
  add_right("long_rows", long_rows());
  add_right("empty", empty());
  add_right("layouts", layouts());
  add_right("in_place", in_place());
  add_right("values", values());
  add_right("random", random_cases(on_gpu ? 200 : sanitized ? 20 : 60));
  if (is_norm<Problem<T>>) add_right("norm_options", norm_options());
  add("exact_sums", [how] { exact_sums<T, Problem>(how); });
  add("schedules", [how] { schedules<T, Problem>(how); });
  add("streams_and_capture", [how] { streams_and_capture<T, Problem>(how); });
  add("absurd_distances", [how] { absurd_distances<T, Problem>(how); });
  add("windows_of_one_matrix", [how] { windows_of_one_matrix<T, Problem>(how); });
  if (!sanitized) add_right("many_rows", {{.rows = on_gpu ? 700'000 : 2'000, .cols = 7}});
  if (on_gpu) {
    add_right("large", {{4096, 4096}, {2099, 2047}, {.rows = 500, .cols = 10'000, .gap_in = 8}});
    add("beyond_32_bits", [how] { beyond_32_bits<T, Problem>(how); });
  }
}

template <class T, template <class> class Problem>
void add_rungs(const std::string& ladder, const std::string& type,
               std::span<const rung_entry<Problem<T>>> rungs) {
  device_facts facts;
  const bool has_device = why_no_device().empty() && query_device(facts) == cudaSuccess;
  for (const auto& rung : rungs) {
    char step[16];
    std::snprintf(step, sizeof step, "%02d_", rung.info.step);
    std::string why_not_here;
    if (!on_gpu && !rung.info.runs_on_host) why_not_here = "has no host version";
    if (has_device && facts.compute_capability < rung.info.min_compute_capability)
      why_not_here = "needs compute capability " + std::to_string(rung.info.min_compute_capability);
    add_tests<T, Problem>(ladder, type,
                          {step + std::string(rung.info.name), why_not_here, rung.supports,
                           rung.workspace_bytes, rung.launch});
  }
}

template <class T, template <class> class Problem>
void add_front_door(const std::string& ladder, const std::string& type,
                    cudaError_t (*run)(const Problem<T>&, cudaStream_t)) {
  add_tests<T, Problem>(
      ladder, type,
      {"front_door", "", [](const Problem<T>&) { return support{}; },
       [](const Problem<T>&) { return std::size_t{0}; },
       [run](const Problem<T>& p, cudaStream_t on, workspace_view) { return run(p, on); }});
}

// ---- Refusals: no device needed
// ------------------------------------------------------------------

/// Addresses that nobody dereferences.
float* address(std::uintptr_t at) {
  return reinterpret_cast<float*>(at);
}

template <class Problem>
Problem legal() {
  Problem p{};
  p.rows = p.cols = 10, p.ld_in = p.ld_out = 12;
  p.in = address(4096), p.out = address(8192);
  return p;
}

cudaError_t enqueue(const softmax_problem<float>& p) {
  return tables::rowwise_softmax(p, cudaStream_t{});
}
cudaError_t enqueue(const norm_problem<float>& p) {
  return tables::rowwise_normalize(p, cudaStream_t{});
}

template <class Problem>
void expect_refused(const std::string& word, const std::function<void(Problem&)>& edit) {
  Problem p = legal<Problem>();
  edit(p);
  const std::string reason(explain_invalid(p));
  EXPECT_NE(reason.find(word), std::string::npos) << "'" << reason << "' lacks '" << word << "'";
  EXPECT_EQ(enqueue(p), cudaErrorInvalidValue) << word;
}

template <class Problem>
class rowwise_refusal : public ::testing::Test {};
using problems = ::testing::Types<softmax_problem<float>, norm_problem<float>>;
TYPED_TEST_SUITE(rowwise_refusal, problems);

TYPED_TEST(rowwise_refusal, refuses_what_is_illegal) {
  using problem = TypeParam;
  EXPECT_EQ(explain_invalid(legal<problem>()), "");
  expect_refused<problem>("negative", [](auto& p) { p.rows = -1; });
  expect_refused<problem>("negative", [](auto& p) { p.cols = -1; });
  expect_refused<problem>("ld_in", [](auto& p) { p.ld_in = 9; });
  expect_refused<problem>("ld_out", [](auto& p) { p.ld_out = 9; });
  expect_refused<problem>("ld_in", [](auto& p) { p.cols = 0, p.ld_in = 0; });
  expect_refused<problem>("ld_out", [](auto& p) { p.cols = 0, p.ld_out = 0; });
  expect_refused<problem>("in is null", [](auto& p) { p.in = nullptr; });
  expect_refused<problem>("out is null", [](auto& p) { p.out = nullptr; });
  expect_refused<problem>("in is not aligned", [](auto& p) { p.in = address(4098); });
  expect_refused<problem>("out is not aligned", [](auto& p) { p.out = address(8193); });
  const std::int64_t huge = std::int64_t{1} << 61;
  expect_refused<problem>("address", [&](auto& p) { p.ld_in = huge; });
  expect_refused<problem>("address", [&](auto& p) { p.ld_out = huge; });
  expect_refused<problem>("address", [](auto& p) { p.ld_in = std::int64_t{1} << 58; });
  problem nothing = legal<problem>();
  nothing.rows = 0, nothing.in = nothing.out = nullptr;
  EXPECT_EQ(explain_invalid(nothing), "");
}

TYPED_TEST(rowwise_refusal, knows_what_overlaps) {
  using problem = TypeParam;
  const auto at = [](std::int64_t elements, std::int64_t ld_out = 12) {
    problem p = legal<problem>();
    p.out = const_cast<float*>(p.in) + elements;
    p.ld_out = ld_out;
    return p;
  };
  EXPECT_EQ(explain_invalid(at(0)), "") << "in place";
  for (const auto& [elements, ld_out] :
       {std::pair{0, 13}, {1, 12}, {9, 12}, {10, 12}, {-1, 12}, {12, 12}, {9 * 12, 12}, {50, 13}}) {
    expect_refused<problem>("overlaps in", [&](problem& p) { p = at(elements, ld_out); });
  }
  EXPECT_EQ(explain_invalid(at(9 * 12 + 10)), "");  // begins behind the last element of in
  EXPECT_EQ(explain_invalid(at(-10 * 12)), "");
  problem beside = at(10, 20);
  beside.ld_in = 20;
  EXPECT_EQ(explain_invalid(beside), "");
}

TEST(norm_refusal, refuses_what_is_illegal) {
  using problem = norm_problem<float>;
  expect_refused<problem>("epsilon", [](auto& p) { p.epsilon = -1e-9f; });
  expect_refused<problem>("epsilon", [](auto& p) { p.epsilon = NAN; });
  expect_refused<problem>("weight or bias is not al", [](auto& p) { p.weight = address(129); });
  expect_refused<problem>("weight or bias is not al", [](auto& p) { p.bias = address(130); });
  expect_refused<problem>("overlaps weight", [](auto& p) { p.weight = p.out + 50; });
  expect_refused<problem>("overlaps weight", [](auto& p) { p.bias = p.out - 1; });
  problem shared = legal<problem>();
  shared.weight = shared.bias = shared.in;  // read by all, written by nobody
  shared.epsilon = 0;
  EXPECT_EQ(explain_invalid(shared), "");
}

template <class T>
void add_ladders(const std::string& type) {
  add_rungs<T, softmax_problem>("Softmax", type, tables::softmax_rungs<T>());
  add_rungs<T, norm_problem>("Norm", type, tables::norm_rungs<T>());
  add_front_door<T, softmax_problem>("Softmax", type, tables::rowwise_softmax<T>);
  add_front_door<T, norm_problem>("Norm", type, tables::rowwise_normalize<T>);
}

}  // namespace
}  // namespace warpladder::test

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  warpladder::test::add_ladders<float>("f32");
  warpladder::test::add_ladders<__nv_bfloat16>("bf16");
  return RUN_ALL_TESTS();
}
