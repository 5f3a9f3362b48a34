// SPDX-License-Identifier: Apache-2.0
//
// The judge is judged: gemm_tc::verify accepts right results and catches planted errors. The right
// results come from the reference of these tests, never from a kernel.

#include <warpladder/core/stream.hpp>

#include "gemm_tc.hpp"
#include "gemm_tc_test.hpp"
#include "support/backend.hpp"
#include "support/gemm_tc_case.hpp"

namespace warpladder::test {
namespace {

using enum gemm::transpose;

/// A problem whose C holds the right answer, and C as it was before.
template <class In, class Out>
struct solved {
  tc_case shape;
  tc_operands<In, Out> operands;
  guarded_array<Out> before;

  explicit solved(const tc_case& c, tc_values kind = tc_values::reals)
      : shape(c), operands(c, kind), before(operands.initial_c()) {}

  void solve() {
    before = operands.initial_c();
    before.upload();
    std::vector<Out> answers;
    each([&](auto row, auto col, auto batch) { answers.push_back(right_at(row, col, batch)); });
    auto next = answers.begin();
    each([&](auto row, auto col, auto batch) { operands.c_at(row, col, batch) = *next++; });
  }

  gemm_tc::verification verify(gemm_tc::sums kind = gemm_tc::sums::rounded,
                               int row_step = 1) const {
    operands.upload();
    const stream on;
    device_buffer<gemm_tc::verification> result(1);
    gemm_tc::verification found;
    EXPECT_EQ(tables::gemm_tc_verify(operands.get(), static_cast<const Out*>(before.device()),
                                     result.data(), on, kind, row_step),
              cudaSuccess);
    EXPECT_EQ(cudaStreamSynchronize(on), cudaSuccess);
    EXPECT_EQ(cudaMemcpy(&found, result.data(), sizeof found, cudaMemcpyDefault), cudaSuccess);
    return found;
  }

 private:
  Out right_at(std::int64_t row, std::int64_t col, std::int64_t batch) const {
    const double value = operands.reference(row, col, batch).value;
    if constexpr (std::is_integral_v<Out>) {
      return Out(value);
    } else {
      return Out(float(value));
    }
  }

  template <class Visit>
  void each(const Visit& visit) const {
    for (std::int64_t batch = 0; batch < shape.batch; ++batch) {
      for (std::int64_t row = 0; row < shape.m; ++row) {
        for (std::int64_t col = 0; col < shape.n; ++col) visit(row, col, batch);
      }
    }
  }
};

std::vector<tc_case> shapes() {
  return {{.m = 7, .n = 33, .k = 12},
          {.m = 9, .n = 40, .k = 65, .trans_a = yes, .alpha = -0.5, .beta = 2, .gap = 3},
          {.m = 8,
           .n = 32,
           .k = 30,
           .trans_b = yes,
           .beta = 1,
           .batch = 3,
           .layout = batching::gapped}};
}

template <class In, class Out>
void accepts_right_results() {
  for (const tc_case& shape : shapes()) {
    for (const auto kind : {tc_values::reals, tc_values::integers}) {
      SCOPED_TRACE(::testing::PrintToString(shape));
      solved<In, Out> right(shape, kind);
      right.solve();
      const auto found =
          right.verify(kind == tc_values::integers ? gemm_tc::sums::exact : gemm_tc::sums::rounded);
      EXPECT_EQ(found.wrong, 0u) << found.got << " " << found.expected;
      EXPECT_EQ(found.checked, static_cast<unsigned long long>(shape.m * shape.n * shape.batch));
      EXPECT_LE(found.worst_permille, 1000u);
    }
  }
}

/// One element wrong, in every place that tends to be forgotten: grossly, and by what one forgotten
/// product of small whole numbers makes.
template <class In, class Out>
void catches_planted_errors() {
  for (const tc_case& shape : shapes()) {
    const std::int64_t last = shape.batch - 1;
    const struct {
      std::int64_t row, col, batch;
    } places[] = {{0, 0, 0}, {shape.m - 1, shape.n - 1, last}, {shape.m / 2, shape.n - 1, 0}};
    for (const auto& [row, col, batch] : places) {
      std::vector<Out> wrongs = {canary<Out>(), Out(1000)};
      if constexpr (!std::is_integral_v<Out>)
        wrongs.insert(wrongs.end(), {numbers<Out>::nan(), numbers<Out>::infinity()});
      for (const auto kind : {gemm_tc::sums::rounded, gemm_tc::sums::exact}) {
        const bool is_exact = kind == gemm_tc::sums::exact;
        solved<In, Out> spoilt(shape, is_exact ? tc_values::integers : tc_values::reals);
        spoilt.solve();
        const Out right = spoilt.operands.c_at(row, col, batch);
        std::vector<Out> these = wrongs;
        if (is_exact) these.push_back(Out(float(real(right)) + 1));
        for (const Out wrong : these) {
          SCOPED_TRACE(::testing::PrintToString(shape) + " with " + std::to_string(real(wrong)) +
                       " at " + std::to_string(row) + ", " + std::to_string(col));
          spoilt.operands.c_at(row, col, batch) = wrong;
          const gemm_tc::verification found = spoilt.verify(kind);
          EXPECT_EQ(found.wrong, 1u);
          EXPECT_EQ(found.row, row);
          EXPECT_EQ(found.col, col);
          EXPECT_EQ(found.batch, batch);
        }
      }
    }
  }
}

/// One element moves away from the right value, to both sides: it is right as long as it is within
/// the bound.
template <class In, class Out>
void draws_the_line_at_the_bound() {
  solved<In, Out> spoilt({.m = 5, .n = 7, .k = 40, .beta = 0.5});
  const auto want = spoilt.operands.reference(2, 3);
  spoilt.solve();
  int within = 0, beyond = 0;
  for (const double factor : {-2.5, -1.5, -1.1, -0.9, -0.4, 0.0, 0.4, 0.9, 1.1, 1.5, 2.5}) {
    const Out stored = Out(static_cast<float>(want.value + factor * want.bound));
    const double error = std::fabs(real(stored) - want.value);  // Out is coarse: of another factor
    if (std::fabs(error - want.bound) < 1e-6 * want.bound) continue;
    spoilt.operands.c_at(2, 3) = stored;
    const bool is_wrong = error > want.bound;
    EXPECT_EQ(spoilt.verify().wrong, is_wrong ? 1u : 0u)
        << real(stored) << " for " << want.value << " +- " << want.bound;
    ++(is_wrong ? beyond : within);
  }
  EXPECT_GE(within, 2);
  EXPECT_GE(beyond, 2);
}

/// With beta == 0 the old C counts for nothing, and with alpha == 0 neither do A and B.
template <class In, class Out>
void reads_only_what_counts() {
  solved<In, Out> no_old({.m = 4, .n = 5, .k = 6});  // the old C is all canaries
  no_old.solve();
  EXPECT_EQ(no_old.verify().wrong, 0u);

  solved<In, Out> no_product({.m = 4, .n = 5, .k = 6, .alpha = 0, .beta = 2});
  no_product.operands.a_at(0, 0) = canary<In>();
  no_product.solve();
  EXPECT_EQ(no_product.verify().wrong, 0u);
}

template <class In, class Out>
void counts_every_wrong_element() {
  solved<In, Out> all({.m = 17, .n = 45, .k = 3});  // nothing was written: C is all canaries
  const gemm_tc::verification found = all.verify();
  EXPECT_EQ(found.checked, 17u * 45u);
  EXPECT_EQ(found.wrong, 17u * 45u);
  const gemm_tc::verification some = all.verify(gemm_tc::sums::rounded, 5);
  EXPECT_EQ(some.checked, 4u * 45u);  // rows 0, 5, 10, 15
  EXPECT_EQ(some.wrong, 4u * 45u);
}

template <class In, class Out>
void add_all(const std::string& type) {
  const std::string suite = "GemmTcVerify/" + type;
  device_test::add(suite, "accepts_right_results", accepts_right_results<In, Out>);
  device_test::add(suite, "catches_planted_errors", catches_planted_errors<In, Out>);
  device_test::add(suite, "reads_only_what_counts", reads_only_what_counts<In, Out>);
  device_test::add(suite, "counts_every_wrong_element", counts_every_wrong_element<In, Out>);
  if constexpr (!std::is_integral_v<In>)
    device_test::add(suite, "draws_the_line_at_the_bound", draws_the_line_at_the_bound<In, Out>);
}

}  // namespace

void add_gemm_tc_verify_tests() {
  add_all<__nv_bfloat16, __nv_bfloat16>("bf16");
  add_all<__half, __half>("f16");
  add_all<float, float>("tf32");
  add_all<__nv_fp8_e4m3, float>("e4m3_f32");
  add_all<std::int8_t, std::int32_t>("i8");
}

}  // namespace warpladder::test
