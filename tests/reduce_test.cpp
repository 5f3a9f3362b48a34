// SPDX-License-Identifier: Apache-2.0
//
// Every rung of the ladders of reductions, of arrays and of the rows and columns of a matrix, and
// their front doors for all types and operations, on the same hostile problems. Tests are
// registered from the ladders' tables: a new rung is tested without an edit here.
//   Reduce/<type>_<operation>/<NN_rung or front_door>.<group>, Segments/...
// Operations of one's own are tested in reduce_custom_test.cu, which nvcc compiles.

#include "reduce.hpp"

#include <cstdio>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>
#include <warpladder/core/stream.hpp>

#include "reduce_segments.hpp"
#include "reduce_types.hpp"
#include "support/backend.hpp"
#include "support/captured.hpp"
#include "support/lent_workspace.hpp"
#include "support/reduce_case.hpp"

namespace warpladder::test {
namespace {

using reduce::along, reduce::problem, reduce::segmented_problem;

/// A rung or a front door, for one type and operation.
struct subject {
  std::string suite;
  std::string why_not_here;    ///< not empty: this device cannot run it at all
  bool repeats_itself = true;  ///< equal inputs give equal bits
  bool is_floating = false, is_sum = false, wants_lowest = false;
  std::function<std::unique_ptr<posed>(const reduce_case&, const contents&)> pose;
};

bool launch_and_wait(const posed& problem, cudaStream_t stream) {
  const lent_workspace workspace(problem.workspace_bytes());
  const cudaError_t launched = problem.launch(stream, workspace.view());
  EXPECT_EQ(launched, cudaSuccess) << cudaGetErrorString(launched);
  const cudaError_t ran = cudaStreamSynchronize(stream);
  EXPECT_EQ(ran, cudaSuccess) << cudaGetErrorString(ran);
  const bool guarded = workspace.guards_intact();
  EXPECT_TRUE(guarded) << "memory outside of the workspace was written";
  return launched == cudaSuccess && ran == cudaSuccess && guarded;
}

void run_and_check(const posed& problem, cudaStream_t stream, bool exactly) {
  problem.upload();
  if (launch_and_wait(problem, stream)) {
    EXPECT_TRUE(problem.check(exactly));
  }
}

/// Calls body(posed&) for the cases that the subject supports; if there are none, the test is
/// skipped.
void for_supported(const subject& who, const std::vector<reduce_case>& cases, const contents& of,
                   const std::function<void(posed&)>& body) {
  std::size_t unsupported = 0;
  std::string reason;
  for (const reduce_case& c : cases) {
    SCOPED_TRACE(::testing::PrintToString(c));
    const std::unique_ptr<posed> problem = who.pose(c, of);
    ASSERT_EQ(problem->explain_invalid(), "") << "the test posed an illegal problem";
    if (const support can = problem->supports(); !can) {
      ++unsupported;
      reason = can.why_not;
      continue;
    }
    body(*problem);
    if (::testing::Test::HasFatalFailure()) return;
  }
  if (unsupported == cases.size()) GTEST_SKIP() << reason;
}

// ---- Problems
// ------------------------------------------------------------------------------------

reduce_case array(std::int64_t n, int offset = 0, int offset_with = 0) {
  return {.cols = n, .offset = offset, .offset_with = offset_with};
}

reduce_case matrix(std::int64_t rows, std::int64_t cols, int gap = 0, int offset = 0) {
  return {.rows = rows, .cols = cols, .gap = gap, .offset = offset};
}

std::vector<reduce_case> both_axes(const std::vector<reduce_case>& of) {
  std::vector<reduce_case> cases;
  for (reduce_case c : of) {
    cases.push_back(c);
    c.axis = along::columns;
    cases.push_back(c);
  }
  return cases;
}

std::vector<reduce_case> array_lengths() {
  std::vector<reduce_case> cases;
  for (const std::int64_t n : {0, 1, 2, 31, 32, 33, 255, 256, 257, 1000, 4095, 4096, 4097, 65'537})
    cases.push_back(array(n));
  if (on_gpu) {
    for (const std::int64_t n : {1'000'003, (1 << 20) - 1, 1 << 24, (1 << 24) + 1})
      cases.push_back(array(n));
  }
  return cases;
}

std::vector<reduce_case> array_alignments() {
  std::vector<reduce_case> cases;
  const std::vector<int> sizes = sanitized ? std::vector{37, 5003} : std::vector{1, 37, 1000, 5003};
  for (const int n : sizes) {
    for (int offset = 0; offset < 16; ++offset) {
      cases.push_back(array(n, offset, offset));
      cases.push_back(array(n, offset, 5 * offset % 16));
    }
  }
  for (const int offset : {1, 6, 15}) cases.push_back(array(40'001, offset, 3));
  return cases;
}

/// Around every size at which a kernel may change its mind: lanes, warps, tiles of 128 bytes, rows
/// of 64 cells, blocks.
std::vector<reduce_case> segment_lengths() {
  std::vector<reduce_case> cases = {matrix(0, 0), matrix(0, 5), matrix(5, 0), matrix(1, 1)};
  for (const std::int64_t n : {2,  3,  4,  5,   8,   15,  16,  17,  31,  32,  33,
                               63, 64, 65, 129, 255, 256, 257, 511, 512, 513, 1025}) {
    cases.push_back(matrix(n, 1));
    cases.push_back(matrix(1, n));
    cases.push_back(matrix(n, 7));
    cases.push_back(matrix(7, n));
    if (!sanitized) {
      cases.push_back(matrix(n, 40));
      cases.push_back(matrix(33, n));
    }
  }
  return both_axes(cases);
}

/// `count` segments of `length`, as rows and as columns.
std::vector<reduce_case> segments(std::int64_t count, std::int64_t length, int gap = 0) {
  reduce_case columns = matrix(length, count, gap);
  columns.axis = along::columns;
  return {matrix(count, length, gap), columns};
}

std::vector<reduce_case> all_of(const std::vector<std::vector<reduce_case>>& lists) {
  std::vector<reduce_case> cases;
  for (const auto& list : lists) cases.insert(cases.end(), list.begin(), list.end());
  return cases;
}

/// Few and long, many and short, many of everything.
std::vector<reduce_case> segment_shapes() {
  std::vector<reduce_case> cases =
      all_of({segments(1, 20'011), segments(1, 20'011, 1), segments(1, 40'000), segments(3, 9001),
              segments(3, 9001, 2), segments(2, 20'000, 2), segments(2, 20'000, 4),
              segments(130, 300), segments(300, 130), segments(2500, 1), segments(2500, 3, 1)});
  if (!sanitized) {
    cases = all_of({cases,
                    segments(2200, 70),  // more rows than are ever cut into pieces
                    segments(2200, 257),
                    segments(600, 1029),
                    {segments(68'100, 3).back()}});  // as many tiles of columns
  }
  if (on_gpu) {
    const std::vector<reduce_case> large = {
        matrix(1, (1 << 24) + 3), matrix((1 << 24) + 3, 1), matrix(1024, 1024),
        matrix(4096, 4096),       matrix(4099, 2047),       matrix(100'000, 3),
        matrix(3, 100'000),       matrix(131, 100'000),     matrix(100'000, 131),
        matrix(9001, 3, 2),       matrix(20'011, 1, 1),     matrix(3000, 5000, 1, 1)};
    cases = all_of({cases, both_axes(large)});
  }
  return cases;
}

std::vector<reduce_case> segment_alignments() {
  std::vector<reduce_case> cases;
  std::vector<reduce_case> sizes = {matrix(5, 200)};
  if (!sanitized) sizes = {matrix(9, 40), matrix(5, 700), matrix(90, 24)};
  for (const reduce_case& size : sizes) {
    for (int offset = 0; offset < 16; ++offset) {
      for (const int gap : {0, 1, 2, 4, 8})
        cases.push_back(matrix(size.rows, size.cols, gap, offset));
    }
  }
  cases.push_back(matrix(290, 24, 0, 4));
  return all_of({both_axes(cases), segments(2, 20'003, 1)});
}

// ---- Groups of tests
// -----------------------------------------------------------------------------

void exactly_right(const subject& who, const std::vector<reduce_case>& cases) {
  const stream on;
  for_supported(who, cases, {.are = contents::integers},
                [&](posed& problem) { run_and_check(problem, on, true); });
}

/// Numbers whose sums round: within the bound of any order of additions.
void rounding(const subject& who, const std::vector<reduce_case>& cases) {
  const stream on;
  for_supported(who, cases, {.are = contents::any},
                [&](posed& problem) { run_and_check(problem, on, false); });
}

/// One element differs from all others, each in turn of the first and last ones and of a sample: a
/// result that misses or repeats it is another one.
void every_element_counts(const subject& who, const std::vector<reduce_case>& cases) {
  const stream on;
  for_supported(who, cases, {}, [](posed&) {});
  for (const reduce_case& c : cases) {
    const std::int64_t n = c.elements(), step = n < 300 ? 1 : n / 97;
    std::vector<std::int64_t> places;
    for (std::int64_t i = 0; i < n; i += step) places.push_back(i);
    for (std::int64_t i = 1; i < std::min<std::int64_t>(n, 20); ++i) {
      places.push_back(i);
      places.push_back(n - i);
    }
    for (const std::int64_t place : places) {
      SCOPED_TRACE(::testing::PrintToString(c) + ", element " + std::to_string(place));
      const std::unique_ptr<posed> problem = who.pose(
          c, {.are = contents::single, .place = place, .odd = who.wants_lowest ? -1.0 : 1.0});
      if (!problem->supports()) break;
      run_and_check(*problem, on, true);
      if (::testing::Test::HasFailure()) return;
    }
  }
}

/// The right result in every order in which the threads may run.
void schedules(const subject& who, const std::vector<reduce_case>& cases) {
  const stream on;
  for_supported(who, cases, {.are = contents::integers}, [&](posed& problem) {
    for_each_schedule(3, [&](const std::string& order) {
      SCOPED_TRACE(order);
      run_and_check(problem, on, true);
    });
  });
}

/// The same bits every time, in whatever order the threads run.
void equal_bits(const subject& who, const std::vector<reduce_case>& cases) {
  if (!who.repeats_itself) GTEST_SKIP() << "adds in the order of arrival";
  const stream on;
  for_supported(who, cases, {.are = contents::any}, [&](posed& problem) {
    problem.upload();
    if (!launch_and_wait(problem, on)) return;
    problem.keep_results();
    for_each_schedule(on_gpu ? 0 : 3, [&](const std::string& order) {
      SCOPED_TRACE(order);
      for (int again = 0; again < (on_gpu ? 5 : 1); ++again) {
        problem.upload();
        if (launch_and_wait(problem, on)) {
          EXPECT_TRUE(problem.same_bits());
        }
      }
    });
  });
}

/// The legacy default stream, and a captured graph that runs twice.
void streams_and_capture(const subject& who, const std::vector<reduce_case>& cases) {
  const stream own;
  for_supported(who, cases, {.are = contents::integers}, [&](posed& problem) {
    run_and_check(problem, cudaStream_t{}, true);

    const lent_workspace workspace(problem.workspace_bytes());
    replay_captured(
        own, [&] { return problem.launch(own, workspace.view()); }, [&] { problem.upload(); },
        [&] { return problem.check(true); });
    EXPECT_TRUE(workspace.guards_intact()) << "memory outside of the workspace was written";
  });
}

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// NaNs and infinities, alone and together, among other numbers; and nothing else.
void nan_and_infinity(const subject& who, const std::vector<reduce_case>& cases) {
  const stream on;
  const std::vector<std::vector<double>> lists = {{nan},
                                                  {infinity},
                                                  {-infinity},
                                                  {infinity, -infinity},
                                                  {nan, infinity},
                                                  {-infinity, nan, nan},
                                                  std::vector<double>(6000, infinity),
                                                  std::vector<double>(6000, -infinity),
                                                  std::vector<double>(6000, nan)};
  for (const std::vector<double>& list : lists) {
    for (const int apart : {1, 7, 131}) {
      SCOPED_TRACE(std::to_string(list.front()) + " and others, " + std::to_string(apart) +
                   " elements apart");
      for_supported(who, cases, {.are = contents::special, .list = list, .apart = apart},
                    [&](posed& problem) { run_and_check(problem, on, true); });
    }
  }
}

/// The ends of the type: integers wrap, floats overflow where 16-bit ones do not, and an element
/// that equals the identity of an extreme still has a place.
void extremes(const subject& who, const std::vector<reduce_case>& cases) {
  const stream on;
  for (const bool high : {true, false}) {
    for (const int apart : {1, 3}) {
      // Whether a sum of floats of both signs overflows depends on the order.
      if (apart > 1 && who.is_floating && who.is_sum) continue;
      SCOPED_TRACE(std::string(high ? "largest" : "smallest") + (apart > 1 ? ", others too" : ""));
      for_supported(who, cases, {.are = contents::ends, .apart = apart, .high = high},
                    [&](posed& problem) { run_and_check(problem, on, false); });
    }
  }
}

/// A workspace that is one byte too small, at a wrong address, or none is refused, and nothing is
/// written.
void workspace_refused(const subject& who, const std::vector<reduce_case>& cases) {
  const stream on;
  bool any = false;
  for_supported(who, cases, {.are = contents::integers}, [&](posed& problem) {
    const std::size_t bytes = problem.workspace_bytes();
    if (bytes == 0) return;
    any = true;
    problem.upload();
    const lent_workspace workspace(bytes), larger(bytes + 256);
    const auto refuses = [&](void* data, std::size_t size) {
      return problem.launch(on, {data, size}) == cudaErrorInvalidValue;
    };
    EXPECT_TRUE(refuses(workspace.view().data, bytes - 1));
    EXPECT_TRUE(refuses(nullptr, bytes));
    EXPECT_TRUE(refuses(nullptr, 0));
    for (const int apart : {1, 4, 16, 128})
      EXPECT_TRUE(refuses(static_cast<char*>(larger.view().data) + apart, bytes)) << apart;
    ASSERT_EQ(cudaStreamSynchronize(on), cudaSuccess);
    EXPECT_TRUE(problem.is_untouched()) << "refused, and yet written";
  });
  if (!any && !::testing::Test::IsSkipped()) GTEST_SKIP() << "needs no workspace";
}

// ---- More than 2^31 elements
// ---------------------------------------------------------------------

bool device_has(std::int64_t bytes) {
  std::size_t free = 0, total = 0;
  return cudaMemGetInfo(&free, &total) == cudaSuccess &&
         free > static_cast<std::size_t>(bytes) + (std::size_t{1} << 28);
}

/// Zeros but for a few elements, at places on both sides of 2^31.
class huge_zeros {
 public:
  explicit huge_zeros(std::int64_t n) : memory_(static_cast<std::size_t>(n)) {
    WARPLADDER_TRY(cudaMemset(memory_.data(), 0, memory_.size_bytes()));
  }
  void set(std::int64_t i, float value) const {
    WARPLADDER_TRY(cudaMemcpy(memory_.data() + i, &value, sizeof value, cudaMemcpyHostToDevice));
    WARPLADDER_TRY(cudaDeviceSynchronize());
  }
  const float* data() const { return memory_.data(); }

 private:
  device_buffer<float> memory_;
};

template <class Problem>
void launch_and_wait_for(const method<Problem>& how, const Problem& p, cudaStream_t stream) {
  const lent_workspace workspace(how.workspace_bytes(p));
  ASSERT_EQ(how.launch(p, stream, workspace.view()), cudaSuccess);
  ASSERT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
}

template <class Op>
void beyond_32_bits(const method<problem<float, Op>>& how) {
  using result = typename Op::result;
  constexpr std::int64_t n = (std::int64_t{1} << 31) + 5;
  if (!device_has(n * 4)) GTEST_SKIP() << "needs " << (n * 4 >> 20) << " MiB of device memory";
  const huge_zeros in(n);
  const device_buffer<result> out(1);
  problem<float, Op> p;
  p.n = n, p.in = in.data(), p.out = out.data();
  if (const support can = how.supports(p); !can) GTEST_SKIP() << can.why_not;
  const stream on;
  float total = 0, last = 0;
  for (const std::int64_t at : {std::int64_t{7}, n / 2, n - 6, n - 1}) {
    total += last += 1;
    in.set(at, last);
    launch_and_wait_for(how, p, on);
    if (::testing::Test::HasFatalFailure()) return;
    result got;
    WARPLADDER_TRY(cudaMemcpy(&got, out.data(), sizeof got, cudaMemcpyDeviceToHost));
    if constexpr (requires { got.index; }) {
      EXPECT_EQ(got.value, last);
      EXPECT_EQ(got.index, at);
    } else {
      EXPECT_EQ(got, total);
    }
  }
}

template <class Op>
void beyond_32_bits(const method<segmented_problem<float, Op>>& how) {
  using result = typename Op::result;
  constexpr std::int64_t rows = 65'537, cols = 32'771;
  if (!device_has(rows * cols * 4)) GTEST_SKIP() << "too little device memory";
  const huge_zeros in(rows * cols);
  for (std::int64_t i = 0; i < 4; ++i) in.set((rows - 1 - i * 20'000) * cols + 8000 * i, 1.0f);
  const stream on;
  bool any = false;
  for (const bool tall : {true, false}) {
    for (const along axis : {along::rows, along::columns}) {
      segmented_problem<float, Op> p;
      p.axis = axis;
      p.rows = tall ? rows : 1;
      p.cols = p.ld = tall ? cols : rows * cols;
      const device_buffer<result> out(static_cast<std::size_t>(p.segments()));
      p.in = in.data(), p.out = out.data();
      if (!how.supports(p) || !device_has(p.segments() * std::int64_t{sizeof(result)})) continue;
      any = true;
      launch_and_wait_for(how, p, on);
      if (::testing::Test::HasFatalFailure()) return;
      std::vector<result> got(out.size());
      WARPLADDER_TRY(cudaMemcpy(got.data(), out.data(), out.size_bytes(), cudaMemcpyDeviceToHost));
      double ones = 0;
      for (const result& r : got) {
        if constexpr (requires { r.index; }) {
          ones += r.value;
        } else {
          ones += r;
        }
      }
      const bool is_argmax_of_all = finds_place<float, Op> && got.size() == 1;
      EXPECT_EQ(ones, is_argmax_of_all ? 1 : 4);
      for (std::int64_t i = 0; i < 4; ++i) {
        const std::int64_t row = rows - 1 - i * 20'000, col = 8000 * i;
        const std::int64_t at = row * cols + col;
        const std::int64_t segment =
            tall ? (axis == along::rows ? row : col) : (axis == along::rows ? 0 : at);
        const result& r = got[static_cast<std::size_t>(segment)];
        if constexpr (requires { r.index; }) {
          EXPECT_EQ(r.value, 1);
          if (tall) {
            EXPECT_EQ(r.index, axis == along::rows ? col : row);
          }
        } else {
          EXPECT_EQ(r, !tall && axis == along::rows ? 4 : 1);
        }
      }
    }
  }
  if (!any) GTEST_SKIP() << "supports none of these";
}

// ---- Registration
// --------------------------------------------------------------------------------

using group = void (*)(const subject&, const std::vector<reduce_case>&);

void add_test(const subject& who, const std::string& name, std::function<void()> body) {
  device_test::add(who.suite, name, [why_not = who.why_not_here, body = std::move(body)] {
    if (!why_not.empty()) GTEST_SKIP() << why_not;
    body();
  });
}

void add_group(const subject& who, const std::string& name, group body,
               std::vector<reduce_case> cases) {
  add_test(who, name, [who, body, cases = std::move(cases)] { body(who, cases); });
}

/// What arrays and segments have in common.
void add_groups(const subject& who, const std::vector<reduce_case>& some,
                const std::vector<reduce_case>& counted, const std::vector<reduce_case>& small) {
  add_group(who, "every_element_counts", every_element_counts, counted);
  add_group(who, "schedules", schedules, some);
  add_group(who, "equal_bits", equal_bits, some);
  add_group(who, "streams_and_capture", streams_and_capture, some);
  add_group(who, "workspace_refused", workspace_refused, some);
  add_group(who, "extremes", extremes, small);
  if (who.is_floating) add_group(who, "nan_and_infinity", nan_and_infinity, small);
  if (who.is_floating && who.is_sum) add_group(who, "rounding", rounding, some);
}

void add_array_groups(const subject& who) {
  add_group(who, "lengths", exactly_right, array_lengths());
  add_group(who, "alignments", exactly_right, array_alignments());
  add_groups(who, {array(1), array(1000, 3, 1), array(5003), array(70'001, 1, 1)},
             {array(1), array(257, 1, 1), array(4099), array(40'003, 2, 2)},
             {array(1), array(37, 1, 1), array(5003)});
}

void add_segment_groups(const subject& who) {
  add_group(who, "lengths", exactly_right, segment_lengths());
  add_group(who, "shapes", exactly_right, segment_shapes());
  add_group(who, "alignments", exactly_right, segment_alignments());
  const std::vector<reduce_case> some =
      both_axes({matrix(5, 3), matrix(100, 64), matrix(33, 300, 1, 1)});
  const std::vector<reduce_case> counted =
      both_axes({matrix(3, 5), matrix(9, 70, 1), matrix(40, 132)});
  add_groups(who, all_of({some, segments(2, 20'000), segments(2, 20'000, 2)}),
             all_of({counted, segments(2, 10'000)}),
             both_axes({matrix(1, 1), matrix(3, 200), matrix(200, 3, 1), matrix(70, 40)}));
}

template <class T, class Op, template <class, class> class Problem>
void add_tests(const std::string& name, const std::string& why_not_here, bool repeats_itself,
               const method<Problem<T, Op>>& how) {
  constexpr bool is_array = std::is_same_v<Problem<T, Op>, problem<T, Op>>;
  const subject who{
      .suite = (is_array ? "Reduce/" : "Segments/") + type_name<T>() + "_" + op_name<T, Op>() +
               "/" + name,
      .why_not_here = why_not_here,
      .repeats_itself = repeats_itself,
      .is_floating = is_floating<T>,
      .is_sum = !is_extreme<T, Op>,
      .wants_lowest = wants_lowest<T, Op>,
      .pose = [how](const reduce_case& c, const contents& of) -> std::unique_ptr<posed> {
        return std::make_unique<posed_to<T, Op, Problem<T, Op>>>(how, c, of);
      }};
  is_array ? add_array_groups(who) : add_segment_groups(who);
  if constexpr (on_gpu && (std::is_same_v<Op, sum<float>> || std::is_same_v<Op, argmax<float>>)) {
    add_test(who, "beyond_32_bits", [how] { beyond_32_bits(how); });
  }
}

template <class T, class Op, template <class, class> class Problem>
void add_rungs(std::span<const rung_entry<Problem<T, Op>>> rungs) {
  device_facts facts;
  const bool has_device = why_no_device().empty() && query_device(facts) == cudaSuccess;
  for (const auto& rung : rungs) {
    char step[16];
    std::snprintf(step, sizeof step, "%02d_", rung.info.step);
    std::string why_not_here;
    if (!on_gpu && !rung.info.runs_on_host) why_not_here = "has no host version";
    if (has_device && facts.compute_capability < rung.info.min_compute_capability)
      why_not_here = "needs compute capability " + std::to_string(rung.info.min_compute_capability);
    const bool repeats_itself = rung.info.name != "atomics";
    add_tests<T, Op, Problem>(step + std::string(rung.info.name), why_not_here, repeats_itself,
                              {rung.supports, rung.workspace_bytes, rung.launch});
  }
}

template <class T, class Op>
void add_front_doors() {
  add_tests<T, Op, problem>("front_door", "", true,
                            {[](const problem<T, Op>&) { return support{}; },
                             tables::reduce_workspace_bytes<T, Op>, tables::reduce_run<T, Op>});
  if constexpr (Op::inputs == 1)
    add_tests<T, Op, segmented_problem>(
        "front_door", "", true,
        {[](const segmented_problem<T, Op>&) { return support{}; },
         tables::segmented_workspace_bytes<T, Op>, tables::segmented_run<T, Op>});
}

template <class T>
void add_front_doors() {
  add_front_doors<T, sum<T>>();
  add_front_doors<T, minimum<T>>();
  add_front_doors<T, maximum<T>>();
  add_front_doors<T, argmin<T>>();
  add_front_doors<T, argmax<T>>();
  add_front_doors<T, sum_of_squares<T>>();
  add_front_doors<T, dot<T>>();
}

template <class T, class Op>
void add_ladders() {
  add_rungs<T, Op, problem>(tables::reduce_rungs<T, Op>());
  add_rungs<T, Op, segmented_problem>(tables::segmented_rungs<T, Op>());
}

void add_reduce_tests() {
  add_ladders<float, sum<float>>();
  add_ladders<std::int32_t, sum<std::int32_t>>();
  add_ladders<float, argmax<float>>();
  add_front_doors<float>();
  add_front_doors<__nv_bfloat16>();
  add_front_doors<std::int64_t>();
#ifndef __SANITIZE_ADDRESS__  // which need one type of each size: see the tables
  add_front_doors<double>();
  add_front_doors<__half>();
  add_front_doors<std::int32_t>();
#endif
}

// ---- Refusals: no device needed
// ------------------------------------------------------------------

/// Addresses that nobody dereferences.
float* address(std::uintptr_t at) {
  return reinterpret_cast<float*>(at);
}

template <class Problem, class Edit>
Problem with(Problem p, const Edit& edit) {
  edit(p);
  return p;
}

template <class Op>
bool refuses(const problem<float, Op>& p, const std::string& sentence) {
  return explain_invalid(p) == sentence &&
         tables::reduce_run(p, cudaStream_t{}, {}) == cudaErrorInvalidValue;
}

bool refuses(const segmented_problem<float>& p, const std::string& sentence) {
  return explain_invalid(p) == sentence &&
         tables::segmented_run(p, cudaStream_t{}, {}) == cudaErrorInvalidValue;
}

TEST(reduce_refusal, says_what_is_illegal) {
  const problem<float> legal{.n = 10, .in = address(4096), .out = address(8192)};
  EXPECT_EQ(explain_invalid(legal), "");
  EXPECT_EQ(explain_invalid(with(legal, [](auto& p) { p.n = 0, p.in = nullptr; })), "");
  EXPECT_TRUE(refuses(with(legal, [](auto& p) { p.n = -1; }), "n must not be negative"));
  EXPECT_TRUE(refuses(with(legal, [](auto& p) { p.n = std::int64_t{1} << 61; }),
                      "the array spans more memory than an address can reach: check n"));
  EXPECT_TRUE(refuses(with(legal, [](auto& p) { p.out = nullptr; }), "out is null"));
  EXPECT_TRUE(refuses(with(legal, [](auto& p) { p.n = 0, p.out = nullptr; }), "out is null"));
  EXPECT_TRUE(refuses(with(legal, [](auto& p) { p.out = address(8193); }),
                      "out is not aligned to its type"));
  EXPECT_TRUE(refuses(with(legal, [](auto& p) { p.in = nullptr; }), "in is null"));
  EXPECT_TRUE(refuses(with(legal, [](auto& p) { p.in = address(4098); }),
                      "in is not aligned to its element type"));
  for (const std::uintptr_t at : {4096, 4100, 4096 + 36})
    EXPECT_TRUE(
        refuses(with(legal, [&](auto& p) { p.out = address(at); }), "out overlaps an input"));
  for (const std::uintptr_t at : {4092, 4096 + 40})
    EXPECT_EQ(explain_invalid(with(legal, [&](auto& p) { p.out = address(at); })), "");
}

TEST(reduce_refusal, says_what_is_illegal_of_two_arrays) {
  const problem<float, dot<float>> legal{
      .n = 10, .in = address(4096), .out = address(8192), .with = address(4096)};
  EXPECT_EQ(explain_invalid(legal), "") << "both may be one array";
  EXPECT_TRUE(refuses(with(legal, [](auto& p) { p.with = nullptr; }),
                      "with is null: the operation has two inputs"));
  EXPECT_TRUE(refuses(with(legal, [](auto& p) { p.with = address(4097); }),
                      "with is not aligned to its element type"));
  EXPECT_TRUE(
      refuses(with(legal, [](auto& p) { p.with = address(8192 - 36); }), "out overlaps an input"));
}

TEST(reduce_refusal, says_what_is_illegal_of_segments) {
  const segmented_problem<float> legal{
      .rows = 10, .cols = 10, .in = address(4096), .ld = 12, .out = address(8192)};
  EXPECT_EQ(explain_invalid(legal), "");
  EXPECT_EQ(explain_invalid(with(legal, [](auto& p) { p.rows = 0, p.in = p.out = nullptr; })), "");
  EXPECT_EQ(explain_invalid(with(legal, [](auto& p) { p.cols = 0, p.in = nullptr; })), "");
  const std::string negative = "rows and cols must not be negative";
  EXPECT_TRUE(refuses(with(legal, [](auto& p) { p.rows = -1; }), negative));
  EXPECT_TRUE(refuses(with(legal, [](auto& p) { p.cols = -1; }), negative));
  const std::string ld = "ld must be at least max(1, cols): the rows of in hold cols elements";
  EXPECT_TRUE(refuses(with(legal, [](auto& p) { p.ld = 9; }), ld));
  EXPECT_TRUE(refuses(with(legal, [](auto& p) { p.cols = p.ld = 0; }), ld));
  EXPECT_TRUE(refuses(with(legal, [](auto& p) { p.rows = std::int64_t{1} << 61; }),
                      "out spans more memory than an address can reach: check rows and cols"));
  EXPECT_TRUE(refuses(with(legal, [](auto& p) { p.out = nullptr; }), "out is null"));
  EXPECT_TRUE(refuses(with(legal, [](auto& p) { p.out = address(8193); }),
                      "out is not aligned to its type"));
  const std::string reach = "the matrix spans more memory than an address can reach: check ld";
  EXPECT_TRUE(refuses(with(legal, [](auto& p) { p.ld = std::int64_t{1} << 58; }), reach));
  EXPECT_TRUE(refuses(with(legal, [](auto& p) { p.ld = std::int64_t{1} << 61; }), reach));
  EXPECT_TRUE(refuses(with(legal, [](auto& p) { p.in = nullptr; }), "in is null"));
  EXPECT_TRUE(refuses(with(legal, [](auto& p) { p.in = address(4098); }),
                      "in is not aligned to its element type"));
  const auto beside = [&](std::int64_t elements) {
    return with(legal, [&](auto& p) { p.out = address(4096) + elements; });
  };
  for (const std::int64_t at : {-9, 0, 10, 9 * 12 + 9})
    EXPECT_TRUE(refuses(beside(at), "out overlaps in"));
  for (const std::int64_t at : {-10, 9 * 12 + 10}) EXPECT_EQ(explain_invalid(beside(at)), "");
}

}  // namespace
}  // namespace warpladder::test

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  warpladder::test::add_reduce_tests();
  return RUN_ALL_TESTS();
}
