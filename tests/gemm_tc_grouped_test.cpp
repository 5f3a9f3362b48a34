// SPDX-License-Identifier: Apache-2.0
//
// Grouped products on tensor cores: every kernel and the front door on the same hostile groups.
//   GemmTcGrouped/<types>/<kernel or front_door>.<group of problems>

#include "gemm_tc_grouped.hpp"

#include <cmath>
#include <cstdio>
#include <functional>
#include <limits>
#include <numeric>
#include <ostream>
#include <string>
#include <type_traits>
#include <vector>
#include <warpladder/core/stream.hpp>

#include "support/backend.hpp"
#include "support/captured.hpp"
#include "support/for_supported.hpp"
#include "support/gemm_tc_case.hpp"

namespace warpladder::test {
namespace {

using gemm_tc::transpose;
using enum gemm_tc::transpose;

struct grouped_case {
  std::vector<int> sizes;  ///< rows of each group
  std::int64_t n = 1, k = 1;
  transpose trans_b = yes;
  double alpha = 1;
  int before = 0, behind = 0;  ///< rows of A and C that are in no group
  int align = 16;              ///< leading dimensions are multiples of this ...
  int gap = 0;                 ///< ... and so much larger than they must be
  int offset = 0;              ///< elements by which each pointer lies beyond a 256-byte boundary
  bool shared_b = false;

  std::int64_t rows() const {
    return std::accumulate(sizes.begin(), sizes.end(), std::int64_t{before} + behind);
  }
};

std::ostream& operator<<(std::ostream& out, const grouped_case& c) {
  out << "rows";
  for (const int size : c.sizes) out << " " << size;
  return out << " (" << c.before << " before, " << c.behind << " behind) n " << c.n << " k " << c.k
             << " B " << (bool(c.trans_b) ? 'T' : 'N') << " alpha " << c.alpha << " rows of whole "
             << c.align << " gap " << c.gap << " offset " << c.offset
             << (c.shared_b ? " shared b" : "");
}

template <class Problem>
inline constexpr bool has_epilogue =
    std::is_same_v<decltype(Problem::epilogue), tables::grouped_epilogue>;

/// One problem with its matrices and offsets. Rows of A and C that are in no group, and all that is
/// not an element of a matrix, are canaries: NaNs.
template <class Problem>
class grouped_operands {
 public:
  using In = typename Problem::input;
  using Out = typename Problem::output;
  using scalar = typename Problem::scalar;

  grouped_operands(const grouped_case& wanted, tc_values kind, unsigned seed = 1)
      : shape_(wanted),
        kind_(kind),
        problem_(describe(wanted)),
        a_(gemm::detail::matrix_extent(problem_.rows, problem_.k, problem_.lda), wanted.offset,
           true),
        b_(gemm::detail::batch_extent(b_extent(), problem_.groups, problem_.stride_b),
           wanted.offset, true),
        c_(gemm::detail::matrix_extent(problem_.rows, problem_.n, problem_.ldc), wanted.offset,
           true),
        offsets_(problem_.groups + 1, 0, true),
        bias_(has_epilogue<Problem> ? problem_.groups * problem_.n : 0, 0, true) {
    problem_.a = a_.device();
    problem_.b = b_.device();
    problem_.c = c_.device();
    problem_.row_offsets = offsets_.device();
    if constexpr (has_epilogue<Problem>)
      problem_.epilogue = {{bias_.device(), problem_.n}, gemm_tc::silu{}};
    splitmix64 random{seed};
    route(wanted.sizes);
    for (std::int64_t row = first(0); row < first(groups()); ++row) {
      for (std::int64_t k = 0; k < problem_.k; ++k)
        a_[row * problem_.lda + k] = tc_draw<In, In>(kind, random);
    }
    for (std::int64_t group = 0; group < (wanted.shared_b ? 1 : groups()); ++group) {
      for (std::int64_t k = 0; k < problem_.k; ++k) {
        for (std::int64_t col = 0; col < problem_.n; ++col)
          b_[b_index(group, k, col)] = tc_draw<In, In>(kind, random);
      }
    }
    if constexpr (has_epilogue<Problem>) {
      for (std::int64_t i = 0; i < problem_.groups * problem_.n; ++i)
        bias_[i] = static_cast<float>(random.real());
    }
  }

  const Problem& get() const { return problem_; }

  /// Other offsets for the same matrices: upload() after it. The sum must be what it was.
  void route(const std::vector<int>& sizes) {
    std::int32_t row = shape_.before;
    for (std::int64_t group = 0; group <= groups(); ++group) {
      offsets_[group] = row;
      if (group < groups()) row += sizes[std::size_t(group)];
    }
  }
  /// Offsets as they are, in range or not.
  std::int32_t& offset(std::int64_t i) { return offsets_[i]; }

  void upload() const {
    a_.upload();
    b_.upload();
    c_.upload();
    offsets_.upload();
    bias_.upload();
  }
  void upload_offsets() const { offsets_.upload(); }

  /// Rows of C that are in a group against the reference, all else against what was uploaded.
  ::testing::AssertionResult check() const {
    const guarded_array<Out> result = c_.download();
    guarded_array<Out> outside = c_.download();
    const std::int64_t depth = problem_.alpha == scalar(0) ? 0 : problem_.k;
    for (std::int64_t group = 0; group < groups(); ++group) {
      if (last(group) <= first(group)) continue;
      std::vector<double> b;
      for (std::int64_t col = 0; col < problem_.n; ++col) {
        for (std::int64_t k = 0; k < problem_.k; ++k) b.push_back(real(b_[b_index(group, k, col)]));
      }
      for (std::int64_t row = first(group); row < last(group); ++row) {
        std::vector<double> a;
        for (std::int64_t k = 0; k < problem_.k; ++k) a.push_back(real(a_[row * problem_.lda + k]));
        for (std::int64_t col = 0; col < problem_.n; ++col) {
          const std::int64_t at = row * problem_.ldc + col;
          const auto [want, exactly] =
              expected(a.data(), b.data() + col * problem_.k, depth, group, col);
          if (!tc_accepts(want, result[at], exactly)) {
            return ::testing::AssertionFailure()
                   << "C(" << row << ", " << col << ") of group " << group << " is "
                   << real(result[at]) << ", expected " << want.value << " +- " << want.bound
                   << (exactly ? ", exactly" : "");
          }
          outside[at] = c_[at];
        }
      }
    }
    if (!outside.same_bits(c_)) {
      return ::testing::AssertionFailure()
             << "memory outside of the groups was written, at element "
             << outside.first_difference(c_) << " counted from c";
    }
    return inputs_intact();
  }

  /// Nothing was written but elements of C, whatever they are.
  ::testing::AssertionResult surroundings_intact() const {
    guarded_array<Out> now = c_.download();
    for (std::int64_t row = 0; row < problem_.rows; ++row) {
      for (std::int64_t col = 0; col < problem_.n; ++col) {
        const std::int64_t at = row * problem_.ldc + col;
        now[at] = c_[at];
      }
    }
    if (!now.same_bits(c_)) return ::testing::AssertionFailure() << "written outside of C";
    return inputs_intact();
  }

  guarded_array<Out> download_c() const { return c_.download(); }

 private:
  std::int64_t groups() const { return problem_.groups; }
  std::int64_t clamped(std::int64_t i) const {
    return std::clamp<std::int64_t>(offsets_[i], 0, problem_.rows);
  }
  std::int64_t first(std::int64_t group) const { return clamped(group); }
  std::int64_t last(std::int64_t group) const { return clamped(group + 1); }

  ::testing::AssertionResult inputs_intact() const {
    if (!a_.download().same_bits(a_)) return ::testing::AssertionFailure() << "A was written";
    if (!b_.download().same_bits(b_)) return ::testing::AssertionFailure() << "B was written";
    if (!offsets_.download().same_bits(offsets_))
      return ::testing::AssertionFailure() << "row_offsets were written";
    return ::testing::AssertionSuccess();
  }

  struct expectation {
    tc_answer answer;
    bool exactly;
  };
  expectation expected(const double* a, const double* b, std::int64_t depth, std::int64_t group,
                       std::int64_t col) const {
    if constexpr (has_epilogue<Problem>) {
      tc_answer x = tc_expect<In, float>(a, b, depth, problem_.alpha, scalar(0), 0.0f);
      x.value += bias_[group * problem_.n + col];
      const double rounding = 0x1p-24 * std::fabs(x.value);
      const double value = x.value / (1 + std::exp(-x.value));
      // The slope of silu is below 1.1; float's exp and division are within a few units.
      double bound = 1.1 * (x.bound + rounding) + 0x1p-20 * std::fabs(value) + 0x1p-30;
      bound += gemm_tc::storage<Out>::unit_roundoff * (std::fabs(value) + bound);
      return {{value, bound, x.reach, x.may_overflow}, false};
    } else {
      return {tc_expect<In, Out>(a, b, depth, problem_.alpha, scalar(0), Out{}),
              kind_ == tc_values::integers};
    }
  }

  static Problem describe(const grouped_case& w) {
    Problem p;
    p.rows = w.rows(), p.n = w.n, p.k = w.k, p.groups = std::int64_t(w.sizes.size());
    p.trans_b = w.trans_b;
    p.alpha = scalar_of<scalar>(w.alpha);
    const auto leading = [&](std::int64_t cols) {
      return (std::max<std::int64_t>(cols, 1) + w.align - 1) / w.align * w.align + w.gap;
    };
    p.lda = leading(w.k);
    p.ldb = leading(bool(w.trans_b) ? w.k : w.n);
    p.ldc = leading(w.n);
    p.stride_b = w.shared_b ? 0 : (bool(w.trans_b) ? w.n : w.k) * p.ldb + w.gap;
    return p;
  }

  std::int64_t b_extent() const {
    return bool(problem_.trans_b)
               ? gemm::detail::matrix_extent(problem_.n, problem_.k, problem_.ldb)
               : gemm::detail::matrix_extent(problem_.k, problem_.n, problem_.ldb);
  }
  std::int64_t b_index(std::int64_t group, std::int64_t k, std::int64_t col) const {
    return group * problem_.stride_b +
           (bool(problem_.trans_b) ? col * problem_.ldb + k : k * problem_.ldb + col);
  }

  grouped_case shape_;
  tc_values kind_;
  Problem problem_;
  guarded_array<In> a_, b_;
  guarded_array<Out> c_;
  guarded_array<std::int32_t> offsets_;
  guarded_array<float> bias_;
};

/// What a test needs of a kernel or of the front door.
template <class Problem>
struct method {
  std::string name;
  std::string why_not_here;  ///< not empty: this device cannot run the method at all
  std::function<support(const Problem&)> supports;
  std::function<cudaError_t(const Problem&, cudaStream_t)> launch;
};

template <class Problem>
bool launch_and_wait(const method<Problem>& how, const Problem& p, cudaStream_t stream) {
  const cudaError_t launched = how.launch(p, stream);
  EXPECT_EQ(launched, cudaSuccess) << cudaGetErrorString(launched);
  const cudaError_t ran = cudaStreamSynchronize(stream);
  EXPECT_EQ(ran, cudaSuccess) << cudaGetErrorString(ran);
  return launched == cudaSuccess && ran == cudaSuccess;
}

/// Runs `body` for the cases that the method supports, and names the others.
template <class Problem, class Body>
void for_supported(const method<Problem>& how, const std::vector<grouped_case>& cases,
                   tc_values kind, const Body& body) {
  for_supported_cases<grouped_operands<Problem>>(
      how, cases, kind, [](const auto& operands) { return operands.get(); }, body);
}

template <class Problem>
void expect_right(const method<Problem>& how, const std::vector<grouped_case>& cases) {
  const stream on;
  for (const tc_values kind : {tc_values::integers, tc_values::reals}) {
    for_supported(how, cases, kind, [&](grouped_operands<Problem>& operands, const grouped_case&) {
      operands.upload();
      if (launch_and_wait(how, operands.get(), on)) {
        EXPECT_TRUE(operands.check());
      }
    });
    if (::testing::Test::IsSkipped()) return;
  }
}

// ---- Problems

std::vector<int> random_sizes(int groups, int most, unsigned seed) {
  splitmix64 random{seed};
  std::vector<int> sizes;
  for (int i = 0; i < groups; ++i)
    sizes.push_back(random.integer(3) == 0 ? 0 : random.integer(std::uint64_t(most) + 1));
  return sizes;
}

/// Where groups begin and end.
std::vector<grouped_case> group_sizes() {
  std::vector<int> last_of_many(70, 0), some_of_many(70, 0);
  last_of_many.back() = 3;
  some_of_many[31] = 1, some_of_many[32] = 2, some_of_many[64] = 65;
  std::vector<grouped_case> cases = {
      {.sizes = {1}, .n = 40, .k = 64},
      {.sizes = {0, 1, 0, 0, 2, 0}, .n = 40, .k = 64},
      {.sizes = {127, 128, 129}, .n = 40, .k = 64},
      {.sizes = {63, 64, 65, 0, 1}, .n = 264, .k = 32},
      {.sizes = {191, 192, 193}, .n = 16, .k = 16},
      {.sizes = last_of_many, .n = 24, .k = 32},
      {.sizes = some_of_many, .n = 24, .k = 32},
      {.sizes = random_sizes(40, 20, 5), .n = 16, .k = 16},
  };
  if (!sanitized) {
    cases.push_back({.sizes = {300, 5, 0, 280}, .n = 300, .k = 200});
    cases.push_back({.sizes = random_sizes(100, 140, 7), .n = 16, .k = 16});
  }
  if (on_gpu) {
    cases.push_back({.sizes = random_sizes(300, 200, 9), .n = 600, .k = 72});
    cases.push_back({.sizes = random_sizes(8, 1500, 11), .n = 520, .k = 256});
    cases.push_back({.sizes = std::vector<int>(1100, 3), .n = 256, .k = 64});
    cases.push_back({.sizes = {3000, 1, 0, 2500}, .n = 1030, .k = 128});
  }
  return cases;
}

/// Nobody has anything to do, or nothing to add up.
std::vector<grouped_case> empty() {
  return {{.sizes = {0}, .n = 40, .k = 64},
          {.sizes = {0, 0, 0}, .n = 40, .k = 64, .behind = 50},
          {.sizes = std::vector<int>(100, 0), .n = 40, .k = 64, .before = 3},
          {.sizes = {}, .n = 40, .k = 64, .behind = 5},
          {.sizes = {5, 6}, .n = 0, .k = 64},
          {.sizes = {5, 0, 140}, .n = 300, .k = 0},
          {.sizes = {5, 0, 140}, .n = 300, .k = 64, .alpha = 0}};
}

/// Rows that are in no group, and hold NaNs.
std::vector<grouped_case> rows_of_nobody() {
  return {{.sizes = {5}, .n = 40, .k = 64, .before = 3, .behind = 200},
          {.sizes = {0, 130, 7}, .n = 64, .k = 64, .before = 129, .behind = 1},
          {.sizes = {64, 64}, .n = 256, .k = 32, .before = 64, .behind = 64}};
}

/// Every layout, ragged sizes, rows that are not aligned.
std::vector<grouped_case> layouts() {
  std::vector<grouped_case> cases;
  for (const transpose t : {no, yes}) {
    cases.push_back({.sizes = {3, 70, 0, 129}, .n = 40, .k = 100, .trans_b = t});
    cases.push_back({.sizes = {66, 64}, .n = 257, .k = 33, .trans_b = t, .gap = 16});
    cases.push_back({.sizes = {10, 20}, .n = 129, .k = 1, .trans_b = t, .alpha = -0.5});
    cases.push_back({.sizes = {10, 130}, .n = 64, .k = 65, .trans_b = t, .shared_b = true});
    cases.push_back({.sizes = {64, 130}, .n = 1, .k = 129, .trans_b = t, .offset = 16});
    cases.push_back({.sizes = {64, 30}, .n = 24, .k = 40, .trans_b = t, .align = 1, .offset = 1});
  }
  return cases;
}

std::vector<grouped_case> random_cases(int count) {
  splitmix64 random{2026};
  std::vector<grouped_case> cases;
  for (int i = 0; i < count; ++i) {
    const int groups = 1 + random.integer(on_gpu ? 80 : 12);
    grouped_case c{.sizes = random_sizes(groups, on_gpu ? 200 : 70, unsigned(i))};
    c.n = 1 + random.integer(on_gpu ? 700 : 80);
    c.k = random.integer(on_gpu ? 300 : 140);
    c.trans_b = transpose{random.integer(2) == 0};
    c.alpha = random.integer(2) == 0 ? 1 : 0.5;
    c.before = random.integer(40), c.behind = random.integer(40);
    c.gap = 16 * random.integer(2);
    cases.push_back(c);
  }
  return cases;
}

// ---- Tests

/// Offsets that no routing should make: values outside of the rows, and values that fall.
template <class Problem>
void wild_offsets(const method<Problem>& how) {
  constexpr auto lowest = std::numeric_limits<std::int32_t>::lowest();
  constexpr auto highest = std::numeric_limits<std::int32_t>::max();
  const stream on;
  const grouped_case shape{.sizes = {30, 50, 60, 7}, .n = 40, .k = 64};
  const auto run_with = [&](const std::vector<std::int32_t>& offsets, bool is_defined) {
    for_supported(how, {shape}, tc_values::integers,
                  [&](grouped_operands<Problem>& operands, const grouped_case&) {
                    for (std::size_t i = 0; i < offsets.size(); ++i)
                      operands.offset(std::int64_t(i)) = offsets[i];
                    operands.upload();
                    if (!launch_and_wait(how, operands.get(), on)) return;
                    EXPECT_TRUE(is_defined ? operands.check() : operands.surroundings_intact());
                  });
  };
  run_with({-7, 10, 20, 147, 200}, true);
  run_with({lowest, lowest, 5, highest, highest}, true);
  run_with({0, 0, 0, 0, highest}, true);
  run_with({147, 148, highest, highest, highest}, true);
  run_with({100, 50, 120, 20, 147}, false);
  run_with({highest, lowest, highest, lowest, highest}, false);
}

/// Missing barriers and early reuse show as other results in other orders of the threads.
template <class Problem>
void schedules(const method<Problem>& how) {
  const stream on;
  for_supported(how, {{.sizes = {1, 0, 130, 64}, .n = 264, .k = 320}}, tc_values::integers,
                [&](grouped_operands<Problem>& operands, const grouped_case&) {
                  for_each_schedule(sanitized ? 1 : 4, [&](const std::string& name) {
                    SCOPED_TRACE(name);
                    operands.upload();
                    if (launch_and_wait(how, operands.get(), on)) {
                      EXPECT_TRUE(operands.check());
                    }
                  });
                });
}

/// A graph is replayed with other offsets than it was captured with.
template <class Problem>
void capture_and_reroute(const method<Problem>& how) {
  const stream on;
  const grouped_case shape{.sizes = {100, 3, 0, 30}, .n = 72, .k = 96, .before = 2, .behind = 4};
  for_supported(how, {shape}, tc_values::reals,
                [&](grouped_operands<Problem>& operands, const grouped_case&) {
                  const std::vector<std::vector<int>> routings = {{0, 0, 133, 0}, {1, 65, 2, 65}};
                  std::size_t replay = 0;
                  replay_captured(
                      on, [&] { return how.launch(operands.get(), on); },
                      [&] {
                        operands.route(routings[replay++]);
                        operands.upload();
                      },
                      [&] { return operands.check(); });
                });
}

template <class Problem>
void deterministic(const method<Problem>& how) {
  const stream on;
  for_supported(how, {{.sizes = {70, 0, 129, 1}, .n = 136, .k = 512}}, tc_values::reals,
                [&](grouped_operands<Problem>& operands, const grouped_case&) {
                  operands.upload();
                  ASSERT_TRUE(launch_and_wait(how, operands.get(), on));
                  const auto expected = operands.download_c();
                  for (int again = 0; again < (on_gpu ? 20 : 2); ++again) {
                    operands.upload();
                    ASSERT_TRUE(launch_and_wait(how, operands.get(), on));
                    EXPECT_TRUE(operands.download_c().same_bits(expected));
                  }
                });
}

// ---- The front door's refusals

template <class Problem>
void refuses_illegal_problems() {
  using In = typename Problem::input;
  constexpr std::int64_t too_many = std::int64_t{1} << 31;
  const struct {
    const char* what;
    std::string_view says;  ///< words that the reason must hold
    std::function<void(Problem&)> spoil;
  } refusals[] = {
      {"rows negative", "negative", [](Problem& p) { p.rows = -1; }},
      {"groups negative", "negative", [](Problem& p) { p.groups = -1; }},
      {"rows negative, groups zero", "negative", [](Problem& p) { p.rows = -1, p.groups = 0; }},
      {"rows too large", "2^31", [](Problem& p) { p.rows = too_many; }},
      {"groups too large", "2^31", [](Problem& p) { p.groups = too_many - 1; }},
      {"n too large", "2^31", [](Problem& p) { p.n = p.ldb = p.ldc = too_many; }},
      {"stride_b negative", "stride_b", [](Problem& p) { p.stride_b = -1; }},
      {"lda short", "lda", [](Problem& p) { p.lda = p.k - 1; }},
      {"ldb short", "ldb", [](Problem& p) { p.ldb = p.k - 1; }},
      {"ldb short, not transposed", "ldb", [](Problem& p) { p.trans_b = no, p.ldb = p.n - 1; }},
      {"ldc short", "ldc", [](Problem& p) { p.ldc = p.n - 1; }},
      {"ldc short, no groups", "ldc", [](Problem& p) { p.groups = 0, p.ldc = p.n - 1; }},
      {"a null", "a is null", [](Problem& p) { p.a = nullptr; }},
      {"b null", "b is null", [](Problem& p) { p.b = nullptr; }},
      {"c null", "c is null", [](Problem& p) { p.c = nullptr; }},
      {"row_offsets null", "row_offsets is null", [](Problem& p) { p.row_offsets = nullptr; }},
      {"row_offsets misaligned", "row_offsets is not aligned",
       [](Problem& p) {
         p.row_offsets = reinterpret_cast<const std::int32_t*>(std::uintptr_t(p.row_offsets) + 2);
       }},
      {"c overlaps a", "c overlaps a",
       [](Problem& p) { p.a = reinterpret_cast<const In*>(p.c + p.ldc); }},
      {"c overlaps the last b", "c overlaps b",
       [](Problem& p) { p.b = reinterpret_cast<const In*>(p.c) - (p.groups - 1) * p.stride_b; }},
      {"c overlaps row_offsets", "c overlaps row_offsets",
       [](Problem& p) { p.row_offsets = reinterpret_cast<const std::int32_t*>(p.c); }},
      {"b beyond all addresses", "stride_b",
       [](Problem& p) { p.stride_b = std::int64_t{1} << 61; }},
  };
  const stream on;
  for (const auto& refusal : refusals) {
    SCOPED_TRACE(refusal.what);
    grouped_operands<Problem> operands({.sizes = {30, 5, 40}, .n = 48, .k = 32},
                                       tc_values::integers);
    operands.upload();
    Problem p = operands.get();
    refusal.spoil(p);
    EXPECT_NE(gemm_tc::explain_invalid(p).find(refusal.says), std::string_view::npos)
        << "it says: " << gemm_tc::explain_invalid(p);
    EXPECT_EQ(tables::gemm_tc_run_grouped(p, on), cudaErrorInvalidValue);
    EXPECT_EQ(cudaStreamSynchronize(on), cudaSuccess);
    EXPECT_EQ(tables::gemm_tc_grouped_choice(p).substr(0, 4), "none");
    grouped_operands<Problem> untouched({.sizes = {0, 0, 0}, .n = 48, .k = 32, .behind = 75},
                                        tc_values::integers);
    untouched.upload();
    EXPECT_TRUE(operands.download_c().same_bits(untouched.download_c())) << "C was written";
  }
}

template <class Problem>
void accepts_odd_but_legal_problems() {
  const stream on;
  const auto accepts = [&](const char* what, const Problem& p) {
    EXPECT_EQ(gemm_tc::explain_invalid(p), "") << what;
    EXPECT_EQ(tables::gemm_tc_run_grouped(p, on), cudaSuccess) << what;
    EXPECT_EQ(cudaStreamSynchronize(on), cudaSuccess) << what;
  };
  Problem p;
  p.rows = 6, p.n = 5, p.k = 4, p.groups = 3, p.lda = p.ldb = 4, p.ldc = 5, p.trans_b = yes;
  const auto with = [&](auto Problem::*member) {
    Problem other = p;
    other.*member = 0;
    return other;
  };
  accepts("no rows, no pointers", with(&Problem::rows));
  accepts("no columns, no pointers", with(&Problem::n));
  accepts("no groups, no pointers", with(&Problem::groups));
}

// ---- Registration

template <class Problem>
void add_tests(const std::string& type, const method<Problem>& how) {
  const auto add = [&](const std::string& name, std::function<void()> body) {
    device_test::add("GemmTcGrouped/" + type + "/" + how.name, name, [how, body] {
      if (!how.why_not_here.empty()) GTEST_SKIP() << how.name << ": " << how.why_not_here;
      body();
    });
  };
  add("group_sizes", [how] { expect_right(how, group_sizes()); });
  add("empty", [how] { expect_right(how, empty()); });
  add("rows_of_nobody", [how] { expect_right(how, rows_of_nobody()); });
  add("layouts", [how] { expect_right(how, layouts()); });
  add("random", [how] { expect_right(how, random_cases(on_gpu ? 60 : sanitized ? 4 : 12)); });
  add("wild_offsets", [how] { wild_offsets(how); });
  add("schedules", [how] { schedules(how); });
  add("capture_and_reroute", [how] { capture_and_reroute(how); });
  add("deterministic", [how] { deterministic(how); });
}

template <class Problem>
void add_all(const std::string& type) {
  device_facts facts;
  const bool has_device = why_no_device().empty() && query_device(facts) == cudaSuccess;
  for (const auto& kernel : tables::gemm_tc_grouped<Problem>()) {
    std::string why_not_here;
    if (has_device && facts.compute_capability < kernel.info.min_compute_capability)
      why_not_here =
          "needs compute capability " + std::to_string(kernel.info.min_compute_capability);
    add_tests<Problem>(type, {std::string(kernel.info.name), why_not_here, kernel.supports,
                              [launch = kernel.launch](const Problem& p, cudaStream_t on) {
                                return launch(p, on, {});
                              }});
  }
  if (std::is_same_v<typename Problem::input, __half> || has_epilogue<Problem>) return;
  add_tests<Problem>(type,
                     {"front_door", "",
                      [](const Problem& p) {
                        const bool none = tables::gemm_tc_grouped_choice(p).substr(0, 4) == "none";
                        return support{none && !p.is_empty() ? "says that there is no kernel" : ""};
                      },
                      tables::gemm_tc_run_grouped<Problem>});
}

}  // namespace
}  // namespace warpladder::test

int main(int argc, char** argv) {
  using namespace warpladder;
  using namespace warpladder::test;
  ::testing::InitGoogleTest(&argc, argv);
  using bf16 = gemm_tc::grouped_problem<__nv_bfloat16, __nv_bfloat16>;
  add_all<bf16>("bf16");
  add_all<gemm_tc::grouped_problem<__nv_bfloat16, __nv_bfloat16, tables::grouped_epilogue>>(
      "bf16_epilogue");
  add_all<gemm_tc::grouped_problem<std::int8_t, std::int32_t>>("i8");
  if (!sanitized) add_all<gemm_tc::grouped_problem<__nv_fp8_e4m3, __nv_bfloat16>>("e4m3");
  if (on_gpu) add_all<gemm_tc::grouped_problem<__half, __half>>("f16");  // bf16's code otherwise
  device_test::add("GemmTcGrouped/bf16", "refuses_illegal_problems",
                   refuses_illegal_problems<bf16>);
  device_test::add("GemmTcGrouped/bf16", "accepts_odd_but_legal_problems",
                   accepts_odd_but_legal_problems<bf16>);
  return RUN_ALL_TESTS();
}
