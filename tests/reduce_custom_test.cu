// SPDX-License-Identifier: Apache-2.0
//
// The front doors of reductions with operations and elements of one's own, as a caller writes them.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <vector>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/stream.hpp>
#include <warpladder/reduce.cuh>

#include "support/backend.hpp"
#include "support/lent_workspace.hpp"

namespace warpladder::test {
namespace {

struct itself {
  template <class T>
  __host__ __device__ T operator()(T x) const {
    return x;
  }
};

struct product {
  template <class T>
  __host__ __device__ T operator()(T a, T b) const {
    return a * b;
  }
};

struct total {
  template <class T>
  __host__ __device__ T operator()(T a, T b) const {
    return a + b;
  }
};

struct to_double {
  __host__ __device__ double operator()(float x) const { return x; }
};

/// How many lie above a bound that the caller chooses at run time.
struct is_above {
  float bound;
  __host__ __device__ std::int64_t operator()(float x) const { return x > bound ? 1 : 0; }
};

/// Elements that are aligned to less than their size.
struct pair {
  float x, y;
};
struct triple {
  std::int32_t x, y, z;
};

struct add_pairs {
  __host__ __device__ pair operator()(pair a, pair b) const { return {a.x + b.x, a.y + b.y}; }
};
struct add_triples {
  __host__ __device__ triple operator()(triple a, triple b) const {
    return {a.x + b.x, a.y + b.y, a.z + b.z};
  }
};

class reduce_custom : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!why_no_device().empty()) GTEST_SKIP() << why_no_device();
  }

  template <class T>
  static device_buffer<T> uploaded(const std::vector<T>& values) {
    device_buffer<T> memory(values.size());
    WARPLADDER_TRY(
        cudaMemcpy(memory.data(), values.data(), memory.size_bytes(), cudaMemcpyHostToDevice));
    WARPLADDER_TRY(cudaStreamSynchronize(cudaStream_t{}));
    return memory;
  }

  /// The results of a problem that lacks its output alone.
  template <class Problem>
  static auto run(Problem p, std::int64_t results) {
    using result = std::remove_pointer_t<decltype(p.out)>;
    const device_buffer<result> out(static_cast<std::size_t>(results));
    p.out = out.data();
    const stream on;
    const lent_workspace workspace(reduce::workspace_bytes(p));
    WARPLADDER_TRY(reduce::run(p, on, workspace.view()));
    WARPLADDER_TRY(cudaStreamSynchronize(on));
    EXPECT_TRUE(workspace.guards_intact());
    std::vector<result> got(out.size());
    WARPLADDER_TRY(cudaMemcpy(got.data(), out.data(), out.size_bytes(), cudaMemcpyDeviceToHost));
    return got;
  }

  template <class T, class Op>
  static auto of_array(const std::vector<T>& values, const Op& op, std::int64_t skipped = 0) {
    const device_buffer<T> in = uploaded(values);
    const auto n = static_cast<std::int64_t>(values.size()) - skipped;
    return run(reduce::problem<T, Op>{.n = n, .in = in.data() + skipped, .op = op}, 1)[0];
  }

  template <class T, class Op>
  static auto of_matrix(const std::vector<T>& values, const Op& op, reduce::along axis,
                        std::int64_t cols, std::int64_t ld, std::int64_t skipped) {
    const device_buffer<T> in = uploaded(values);
    const auto rows = (static_cast<std::int64_t>(values.size()) - skipped) / ld;
    reduce::segmented_problem<T, Op> p{
        .axis = axis, .rows = rows, .cols = cols, .in = in.data() + skipped, .ld = ld, .op = op};
    return run(p, p.segments());
  }
};

constexpr reduce::along axes[] = {reduce::along::rows, reduce::along::columns};

TEST_F(reduce_custom, product_of_floats) {
  const auto op = reduction_of<float>(1.0f, product{}, itself{});
  for (const std::size_t n : {0, 1, 33, 1000, 20'000}) {
    SCOPED_TRACE(n);
    // Among them fewer than 100 each of 2 and 1/2: exact, and without overflow, in any order.
    std::vector<float> values(n, 1.0f);
    for (std::size_t i = 0; i < n; i += 70)
      values[i] = i % 3 == 0 ? 2.0f : i % 3 == 1 ? 0.5f : -1.0f;
    if (n > 40) values[n - 1] = 1024.0f;
    double expected = 1;
    for (const float x : values) expected *= x;
    EXPECT_EQ(of_array(values, op), static_cast<float>(expected));
  }
}

TEST_F(reduce_custom, product_of_each_row_and_column) {
  const auto op = reduction_of<float>(1.0f, product{}, itself{});
  constexpr std::int64_t rows = 21, cols = 90, ld = 93;
  std::vector<float> values(rows * ld, std::numeric_limits<float>::quiet_NaN());
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < cols; ++j)
      values[i * ld + j] = (i * 5 + j * 3) % 11 == 0 ? 2.0f : (i + j) % 7 == 0 ? -1.0f : 1.0f;
  }
  for (const reduce::along axis : axes) {
    const bool by_row = axis == reduce::along::rows;
    const std::vector<float> got = of_matrix(values, op, axis, cols, ld, 0);
    ASSERT_EQ(std::int64_t(got.size()), by_row ? rows : cols);
    for (std::int64_t s = 0; s < std::int64_t(got.size()); ++s) {
      float expected = 1;
      for (std::int64_t i = 0; i < (by_row ? cols : rows); ++i)
        expected *= by_row ? values[s * ld + i] : values[i * ld + s];
      EXPECT_EQ(got[s], expected) << s;
    }
  }
}

TEST_F(reduce_custom, floats_added_in_double) {
  const auto op = reduction_of<float>(0.0, total{}, to_double{});
  std::vector<float> values(30'000, 0x1p-20f);
  values[17] = 0x1p20f;  // in float, the others vanish beside it
  EXPECT_EQ(of_array(values, op), 0x1p20 + 29'999 * 0x1p-20);
  for (const reduce::along axis : axes) {
    const std::vector<double> got = of_matrix(values, op, axis, 100, 100, 0);
    double sum = 0;
    for (const double x : got) sum += x;
    EXPECT_EQ(sum, 0x1p20 + 29'999 * 0x1p-20);
  }
}

TEST_F(reduce_custom, state_of_the_operation_reaches_the_kernels) {
  std::vector<float> values(50'000);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 1000);
  for (const float bound : {-1.0f, 499.0f, 998.5f, 1e9f}) {
    SCOPED_TRACE(bound);
    const auto op = reduction_of<float>(std::int64_t{0}, total{}, is_above{bound});
    std::int64_t expected = 0;
    for (const float x : values) expected += x > bound;
    EXPECT_EQ(of_array(values, op), expected);
    for (const reduce::along axis : axes) {
      for (const std::int64_t cols : {2, 25'000}) {  // several blocks per segment
        std::int64_t sum = 0;
        for (const std::int64_t count : of_matrix(values, op, axis, cols, cols, 0)) sum += count;
        EXPECT_EQ(sum, expected) << cols;
      }
    }
  }
}

/// Pairs of floats at any multiple of 4 bytes, triples of integers: nothing that fills 16 bytes.
TEST_F(reduce_custom, elements_of_odd_sizes) {
  for (const std::int64_t skipped : {0, 1, 2, 3}) {
    SCOPED_TRACE(skipped);
    const auto sum_of_pairs = reduction_of<pair>(pair{0, 0}, add_pairs{}, itself{});
    const auto sum_of_triples = reduction_of<triple>(triple{0, 0, 0}, add_triples{}, itself{});
    const std::int64_t rows = 30, cols = 101, n = rows * cols;
    std::vector<pair> pairs(skipped + n);
    std::vector<triple> triples(skipped + n);
    for (std::int64_t i = 0; i < skipped + n; ++i) {
      pairs[i] = {static_cast<float>(i), 1};
      triples[i] = {static_cast<std::int32_t>(i), 1, static_cast<std::int32_t>(-i)};
    }
    const std::int64_t expected = n * (2 * skipped + n - 1) / 2;  // below 2^24
    const pair p = of_array(pairs, sum_of_pairs, skipped);
    EXPECT_EQ(p.x, expected);
    EXPECT_EQ(p.y, n);
    const triple t = of_array(triples, sum_of_triples, skipped);
    EXPECT_EQ(t.x, expected);
    EXPECT_EQ(t.y, n);
    EXPECT_EQ(t.z, -expected);
    for (const reduce::along axis : axes) {
      pair all{0, 0};
      for (const pair& one : of_matrix(pairs, sum_of_pairs, axis, cols, cols, skipped)) {
        EXPECT_EQ(one.y, axis == reduce::along::rows ? cols : rows);
        all.x += one.x;
      }
      EXPECT_EQ(all.x, expected);
      triple each{0, 0, 0};
      for (const triple& one : of_matrix(triples, sum_of_triples, axis, cols, cols, skipped)) {
        EXPECT_EQ(one.x, -one.z);
        each.x += one.x;
        each.y += one.y;
      }
      EXPECT_EQ(each.x, expected);
      EXPECT_EQ(each.y, n);
    }
  }
}

/// Numbers that cancel: an ordinary sum keeps nothing of the small ones.
TEST_F(reduce_custom, compensated_sum_is_as_good_as_one_rounding) {
  constexpr std::int64_t n = 60'000;
  std::vector<float> values(n);
  for (std::int64_t i = 0; i < n; ++i) {
    const float small = static_cast<float>(i % 97) * 0x1p-16f;
    values[i] = i % 3 == 0 ? 4096.0f : i % 3 == 1 ? -4096.0f : small;
  }
  const auto bound = [](const std::vector<float>& x, std::int64_t begin, std::int64_t step,
                        std::int64_t count, double& exact) {
    double magnitude = 0;
    exact = 0;
    for (std::int64_t i = 0; i < count; ++i) {
      exact += x[begin + i * step];
      magnitude += std::abs(x[begin + i * step]);
    }
    // One rounding of the result, and what is lost of what was lost: two roundings deep.
    const double gamma = 2.0 * static_cast<double>(count) * 0x1p-24;
    return std::abs(exact) * 0x1p-24 + gamma * gamma * magnitude;
  };
  double exact;
  const double allowed = bound(values, 0, 1, n, exact);
  EXPECT_LE(std::abs(of_array(values, compensated_sum<float>{}) - exact), allowed);
  for (const reduce::along axis : axes) {
    for (const std::int64_t cols : {20'000, 300, 3}) {
      const bool by_row = axis == reduce::along::rows;
      const std::vector<float> got =
          of_matrix(values, compensated_sum<float>{}, axis, cols, cols, 0);
      for (std::int64_t s = 0; s < std::int64_t(got.size()); ++s) {
        const double here = by_row ? bound(values, s * cols, 1, cols, exact)
                                   : bound(values, s, cols, n / cols, exact);
        EXPECT_LE(std::abs(got[s] - exact), here) << cols << " columns, segment " << s;
      }
    }
  }
}

}  // namespace
}  // namespace warpladder::test
