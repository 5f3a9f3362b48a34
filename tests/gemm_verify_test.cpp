// SPDX-License-Identifier: Apache-2.0
//
// The judge is judged: gemm::verify accepts right results and catches planted errors. The right
// results come from the reference of these tests, never from a kernel.

#include <warpladder/core/stream.hpp>

#include "gemm.hpp"
#include "gemm_test.hpp"
#include "support/backend.hpp"
#include "support/gemm_case.hpp"

namespace warpladder::test {
namespace {

/// A problem whose C holds the right answer, and C as it was before.
template <class T>
struct solved {
  gemm_case shape;
  gemm_operands<T> operands;
  guarded_array<T> before;

  explicit solved(const gemm_case& c, values kind = values::reals)
      : shape(c), operands(c, kind), before(operands.initial_c()) {}

  void solve() {
    before = operands.initial_c();
    before.upload();
    std::vector<T> answers;
    const auto each = [&](auto&& visit) {
      for (std::int64_t batch = 0; batch < shape.batch; ++batch) {
        for (std::int64_t row = 0; row < shape.m; ++row) {
          for (std::int64_t col = 0; col < shape.n; ++col) visit(row, col, batch);
        }
      }
    };
    each([&](auto row, auto col, auto batch) {
      answers.push_back(static_cast<T>(operands.reference(row, col, batch).value));
    });
    auto next = answers.begin();
    each([&](auto row, auto col, auto batch) { operands.c_at(row, col, batch) = *next++; });
  }

  gemm::verification verify() const {
    operands.upload();
    const stream on;
    device_buffer<gemm::verification> result(1);
    gemm::verification found;
    EXPECT_EQ(tables::gemm_verify(operands.problem(), before.device(), result.data(), on),
              cudaSuccess);
    EXPECT_EQ(cudaStreamSynchronize(on), cudaSuccess);
    EXPECT_EQ(cudaMemcpy(&found, result.data(), sizeof found, cudaMemcpyDefault), cudaSuccess);
    return found;
  }
};

std::vector<gemm_case> shapes() {
  using enum gemm::transpose;
  return {{.m = 7, .n = 33, .k = 12},
          {.m = 9, .n = 40, .k = 65, .trans_a = yes, .alpha = -0.5, .beta = 2, .gap = 3},
          {.m = 8,
           .n = 32,
           .k = 30,
           .trans_b = yes,
           .beta = 1,
           .offset = 1,
           .batch = 3,
           .layout = batching::gapped}};
}

template <class T>
void accepts_right_results() {
  for (const gemm_case& shape : shapes()) {
    SCOPED_TRACE(::testing::PrintToString(shape));
    solved<T> right(shape);
    right.solve();
    const gemm::verification found = right.verify();
    EXPECT_EQ(found.wrong, 0u);
    EXPECT_EQ(found.checked, static_cast<unsigned long long>(shape.m * shape.n * shape.batch));
    EXPECT_LE(found.worst_permille, 1000u);
  }
}

/// One element wrong, in every place that tends to be forgotten.
template <class T>
void catches_planted_errors() {
  const T nan = std::numeric_limits<T>::quiet_NaN(), infinity = std::numeric_limits<T>::infinity();
  for (const gemm_case& shape : shapes()) {
    const std::int64_t last = shape.batch - 1;
    const struct {
      std::int64_t row, col, batch;
    } places[] = {{0, 0, 0}, {shape.m - 1, shape.n - 1, last}, {shape.m / 2, shape.n - 1, 0}};
    for (const auto& [row, col, batch] : places) {
      for (const T wrong : {nan, infinity, -infinity, canary<T>(), T(1000), T(0)}) {
        SCOPED_TRACE(::testing::PrintToString(shape) + " with " + std::to_string(wrong) + " at " +
                     std::to_string(row) + ", " + std::to_string(col));
        solved<T> spoilt(shape);
        spoilt.solve();
        const double right = spoilt.operands.c_at(row, col, batch);
        spoilt.operands.c_at(row, col, batch) = wrong;
        const gemm::verification found = spoilt.verify();
        EXPECT_EQ(found.wrong, 1u);
        EXPECT_EQ(found.row, row);
        EXPECT_EQ(found.col, col);
        EXPECT_EQ(found.batch, batch);
        EXPECT_NEAR(found.expected, right, found.bound);
        EXPECT_TRUE(std::isnan(wrong) ? std::isnan(found.got) : found.got == wrong);
      }
    }
  }
}

/// The bound is where the arithmetic puts it: just inside passes, just outside does not.
template <class T>
void draws_the_line_at_the_bound() {
  const gemm_case shape{.m = 5, .n = 6, .k = 200};
  for (const double share : {0.9, -0.9, 1.1, -1.1}) {
    SCOPED_TRACE(share);
    solved<T> shifted(shape);
    const auto want = shifted.operands.reference(3, 4);
    shifted.solve();
    shifted.operands.c_at(3, 4) = static_cast<T>(want.value + share * want.bound);
    const gemm::verification found = shifted.verify();
    EXPECT_EQ(found.wrong, std::fabs(share) > 1 ? 1u : 0u);
    if (std::fabs(share) < 1) {
      EXPECT_NEAR(found.worst_permille, 900, 20);
    }
  }
}

/// A NaN or an infinity that the inputs cause must be there; anything else in its place is wrong.
template <class T>
void demands_nans_and_infinities() {
  const T nan = std::numeric_limits<T>::quiet_NaN(), infinity = std::numeric_limits<T>::infinity();
  const struct {
    T input;
    std::vector<T> wrong;
  } demands[] = {{nan, {T(0), infinity, -infinity}}, {infinity, {T(0), nan, -infinity}}};
  for (const auto& demand : demands) {
    solved<T> right({.m = 3, .n = 4, .k = 5});
    right.operands.a_at(1, 2) = demand.input;
    for (int col = 0; col < 4; ++col) right.operands.b_at(2, col) = 1;
    right.solve();
    EXPECT_EQ(right.verify().wrong, 0u);
    for (const T wrong : demand.wrong) {
      SCOPED_TRACE(std::to_string(wrong) + " instead of " + std::to_string(demand.input));
      right.operands.c_at(1, 3) = wrong;
      const gemm::verification found = right.verify();
      EXPECT_EQ(found.wrong, 1u);
      EXPECT_EQ(found.row, 1);
      EXPECT_EQ(found.col, 3);
    }
  }
}

/// With beta == 0 the old C counts for nothing, and with alpha == 0 neither do A and B.
template <class T>
void reads_only_what_counts() {
  solved<T> no_old({.m = 4, .n = 5, .k = 6});  // the old C is all NaN
  no_old.solve();
  EXPECT_EQ(no_old.verify().wrong, 0u);

  solved<T> no_product({.m = 4, .n = 5, .k = 6, .alpha = 0, .beta = 0.5});
  no_product.operands.a_at(0, 0) = std::numeric_limits<T>::quiet_NaN();
  no_product.solve();
  EXPECT_EQ(no_product.verify().wrong, 0u);
  no_product.operands.c_at(0, 0) += T(0.01);
  EXPECT_EQ(no_product.verify().wrong, 1u);
}

template <class T>
void counts_every_wrong_element() {
  solved<T> all({.m = 17, .n = 45, .k = 3});  // nothing was written: C is all canaries
  const gemm::verification found = all.verify();
  EXPECT_EQ(found.checked, 17u * 45u);
  EXPECT_EQ(found.wrong, 17u * 45u);
}

template <class T>
void add_all(const std::string& type) {
  const std::string suite = "GemmVerify/" + type;
  device_test::add(suite, "accepts_right_results", accepts_right_results<T>);
  device_test::add(suite, "catches_planted_errors", catches_planted_errors<T>);
  device_test::add(suite, "draws_the_line_at_the_bound", draws_the_line_at_the_bound<T>);
  device_test::add(suite, "demands_nans_and_infinities", demands_nans_and_infinities<T>);
  device_test::add(suite, "reads_only_what_counts", reads_only_what_counts<T>);
  device_test::add(suite, "counts_every_wrong_element", counts_every_wrong_element<T>);
}

}  // namespace

void add_gemm_verify_tests() {
  add_all<float>("f32");
  add_all<double>("f64");
}

}  // namespace warpladder::test
