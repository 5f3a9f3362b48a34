// SPDX-License-Identifier: Apache-2.0
//
// Epilogues: each against its definition in double, on products that are exact.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <type_traits>
#include <vector>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/core/stream.hpp>
#include <warpladder/gemm_tc/01_wmma.cuh>
#include <warpladder/gemm_tc/02_mma_sync.cuh>
#include <warpladder/gemm_tc/05_wgmma.cuh>
#include <warpladder/gemm_tc/10_tile_order.cuh>
#include <warpladder/gemm_tc/12_split_k.cuh>
#include <warpladder/gemm_tc/15_pingpong.cuh>
#include <warpladder/gemm_tc/epilogue.cuh>

#include "support/backend.hpp"

namespace warpladder::test {
namespace {

using namespace gemm_tc;

constexpr int m = 37, n = 45, batch = 2, ldc = n + 3;
constexpr float nan = std::numeric_limits<float>::quiet_NaN();

template <class T>
double value_of(T x) {
  if constexpr (std::is_integral_v<T>) {
    return x;
  } else {
    return double(float(x));
  }
}

/// What an epilogue gets of element (row, col) of product b: A and B have one column and one row.
double left_of(int row) {
  return row == 0 ? nan : (row - 18) * 0.5;
}
double before(int row, int col, int b) {
  return left_of(row) * (col - 20) * 0.25 * (b + 1);
}

class gemm_tc_epilogue : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!why_no_device().empty()) GTEST_SKIP() << why_no_device();
    device_facts facts;
    WARPLADDER_TRY(query_device(facts));
    if (facts.compute_capability < 80) GTEST_SKIP() << "needs compute capability 80";
  }

  template <class T>
  static device_buffer<T> uploaded(const std::vector<T>& values) {
    device_buffer<T> memory(values.size());
    WARPLADDER_TRY(
        cudaMemcpy(memory.data(), values.data(), memory.size_bytes(), cudaMemcpyHostToDevice));
    // From pageable memory it may return before the bytes are there, and streams do not wait.
    WARPLADDER_TRY(cudaDeviceSynchronize());
    return memory;
  }

  /// C of a batch, as a kernel has left it. The product is before(), and of int8, which has no
  /// fractions and no NaN, (row - 18) * (b + 1) * (col - 20).
  template <class In, class Out, class Epilogue>
  static std::vector<Out> run(const Epilogue& epilogue, device_buffer<Out>& c) {
    constexpr bool is_integer = std::is_same_v<In, std::int8_t>;
    std::vector<In> a, b;
    for (int z = 0; z < batch; ++z) {
      for (int i = 0; i < m; ++i)
        a.push_back(is_integer ? In((i - 18) * (z + 1)) : In(float(left_of(i) * (z + 1))));
      for (int j = 0; j < n; ++j) b.push_back(is_integer ? In(j - 20) : In(float((j - 20) * 0.25)));
    }
    const device_buffer<In> on_a = uploaded(a), on_b = uploaded(b);
    problem<In, Out, Epilogue> p{.m = m, .n = n, .k = 1, .epilogue = epilogue};
    p.a = on_a.data(), p.lda = 1, p.stride_a = m;
    p.b = on_b.data(), p.ldb = n, p.stride_b = n;
    p.c = c.data(), p.ldc = ldc, p.stride_c = m * ldc;
    p.batch = batch;
    EXPECT_EQ(explain_invalid(p), "");
    const stream on;
    EXPECT_EQ(gemm_tc::wmma::launch(p, on, {}), cudaSuccess);
    std::vector<Out> seen(c.size());
    copy_async<Out>(seen, c.view(), on);
    on.synchronize();
    return seen;
  }

  /// Every element of C within `tolerance` (relative) of expected(row, col, product); what is
  /// between the rows is as it was.
  template <class In, class Out, class Epilogue>
  static void expect(const Epilogue& epilogue, double tolerance,
                     const std::function<double(int, int, int)>& expected) {
    const std::vector<Out> untouched(batch * m * ldc, Out(3.0f));
    device_buffer<Out> c = uploaded(untouched);
    const std::vector<Out> seen = run<In, Out>(epilogue, c);
    for (int i = 0; i < int(seen.size()); ++i) {
      const int row = i / ldc % m, col = i % ldc, z = i / (m * ldc);
      const double want = col < n ? expected(row, col, z) : 3.0;
      if (std::isnan(want)) {
        EXPECT_TRUE(std::isnan(value_of(seen[i]))) << "row " << row << ", column " << col;
      } else {
        EXPECT_NEAR(value_of(seen[i]), want, tolerance * std::fabs(want))
            << "row " << row << ", column " << col << ", product " << z;
      }
    }
  }

  /// One epilogue on every way from sums to C: through a warp's shared memory (02), element by
  /// element (05, 12), by the threads or by the copy engine (10, 15). Whole numbers: nobody rounds.
  template <class In, class Out>
  static void expect_on_every_way_to_c() {
    device_facts facts;
    WARPLADDER_TRY(query_device(facts));
    if (facts.compute_capability < warp_mma<In>::min_compute_capability)
      GTEST_SKIP() << "needs compute capability " << warp_mma<In>::min_compute_capability;
    using steps = chain<bias<float, per::row>, residual<float>, relu, scale>;
    using product = problem<In, Out, steps>;
    constexpr int rows = 133, depth = 32;
    std::mt19937 random(5);
    const auto numbers = [&]<class T>(T, std::size_t count) {
      std::vector<T> made(count);
      for (T& one : made) one = T(float(int(random() % 5) - 2));
      return made;
    };
    const stream on;
    for (const int cols : {264, 45}) {  // the copy engine takes whole 16 bytes of C
      const int ld = cols + (cols % 8 == 0 ? 8 : 3);
      const auto a = numbers(In{}, batch * rows * depth), b = numbers(In{}, cols * depth);
      const auto old = numbers(Out{}, batch * rows * ld);
      const auto of_rows = numbers(0.0f, rows), added = numbers(0.0f, batch * rows * cols);
      const auto on_a = uploaded(a), on_b = uploaded(b);
      const auto on_rows = uploaded(of_rows), on_added = uploaded(added);
      for (const auto& rung : make_table<product>(
               rung_list<mma_sync, gemm_tc::wgmma, tile_order, split_k, pingpong>{})) {
        SCOPED_TRACE(std::string(rung.info.name) + ", " + std::to_string(cols) + " columns");
        device_buffer<Out> c = uploaded(old);
        const product p{
            .m = rows,
            .n = cols,
            .k = depth,
            .a = on_a.data(),
            .lda = depth,
            .b = on_b.data(),
            .ldb = depth,
            .c = c.data(),
            .ldc = ld,
            .alpha = -1,
            .beta = 2,
            .trans_b = transpose::yes,
            .batch = batch,
            .stride_a = rows * depth,
            .stride_c = rows * ld,
            .epilogue = {{on_rows.data()}, {on_added.data(), cols, rows * cols}, {}, {0.5f}}};
        ASSERT_EQ(explain_invalid(p), "");
        if (facts.compute_capability < rung.info.min_compute_capability || !rung.supports(p))
          continue;
        ASSERT_EQ(rung.launch(p, on, {}), cudaSuccess);
        std::vector<Out> seen(c.size());
        copy_async<Out>(seen, c.view(), on);
        on.synchronize();
        int wrong = 0;
        for (int i = 0; i < int(seen.size()) && wrong < 3; ++i) {
          const int row = i / ld % rows, col = i % ld, z = i / (rows * ld);
          double want = value_of(old[i]);
          if (col < cols) {
            double x = 2 * want + of_rows[row] + added[(z * rows + row) * cols + col];
            for (int k = 0; k < depth; ++k)
              x -= value_of(a[(z * rows + row) * depth + k]) * value_of(b[col * depth + k]);
            want = std::fmax(x, 0) / 2;
          }
          if (value_of(seen[i]) == want) continue;
          ++wrong;
          ADD_FAILURE() << "row " << row << ", column " << col << ", product " << z << ": "
                        << value_of(seen[i]) << ", expected " << want;
        }
      }
    }
  }
};

/// What `count` rows or columns share in both products.
std::vector<float> shared_values(int count) {
  std::vector<float> values;
  for (int i = 0; i < batch * count; ++i) values.push_back(float(i % 13) - 6);
  return values;
}

TEST_F(gemm_tc_epilogue, bias_of_columns_and_rows) {
  const std::vector<float> of_columns = shared_values(n), of_rows = shared_values(m);
  const std::vector<__half> halves(of_rows.begin(), of_rows.end());
  const device_buffer<float> columns = uploaded(of_columns);
  const device_buffer<__half> rows = uploaded(halves);
  expect<float, float>(bias<float>{columns.data(), n}, 0, [&](int row, int col, int z) {
    return before(row, col, z) + of_columns[z * n + col];
  });
  expect<float, float>(bias<float>{columns.data()}, 0, [&](int row, int col, int z) {
    return before(row, col, z) + of_columns[col];
  });
  expect<__half, float>(bias<__half, per::row>{rows.data(), m}, 0, [&](int row, int col, int z) {
    return before(row, col, z) + of_rows[z * m + row];
  });
}

TEST_F(gemm_tc_epilogue, integer_bias_wraps_around) {
  const std::vector<std::int32_t> values(n, INT32_MAX);
  const device_buffer<std::int32_t> columns = uploaded(values);
  expect<std::int8_t, std::int32_t>(bias<std::int32_t>{columns.data()}, 0,
                                    [](int row, int col, int z) {
                                      const std::int64_t x = (row - 18) * (z + 1) * (col - 20);
                                      return double(x > 0 ? x + INT32_MIN - 1 : x + INT32_MAX);
                                    });
}

TEST_F(gemm_tc_epilogue, residual_may_be_the_output) {
  std::vector<float> old(batch * m * ldc);
  for (int i = 0; i < int(old.size()); ++i) old[i] = float(i);
  device_buffer<float> c = uploaded(old);
  const auto seen = run<float, float>(residual<float>{c.data(), ldc, m * ldc}, c);
  for (int i = 0; i < int(seen.size()); ++i) {
    const int row = i / ldc % m, col = i % ldc, z = i / (m * ldc);
    if (col < n && row > 0) {
      EXPECT_EQ(seen[i], float(before(row, col, z) + i));
    }
    if (col >= n) {
      EXPECT_EQ(seen[i], float(i));
    }
  }
}

TEST_F(gemm_tc_epilogue, scales) {
  const std::vector<float> of_columns = shared_values(n), of_rows = shared_values(m), one{-0.5f};
  const device_buffer<float> columns = uploaded(of_columns), rows = uploaded(of_rows),
                             factor = uploaded(one);
  expect<float, float>(scale{0.25f}, 0,
                       [](int row, int col, int z) { return before(row, col, z) * 0.25; });
  expect<float, float>(scale_from{factor.data()}, 0,
                       [](int row, int col, int z) { return before(row, col, z) * -0.5; });
  expect<std::int8_t, float>(
      chain{scale_each<per::row>{rows.data(), m}, scale_each<per::column>{columns.data(), n}}, 0,
      [&](int row, int col, int z) {
        return double((row - 18) * (z + 1) * (col - 20)) * of_rows[z * m + row] *
               of_columns[z * n + col];
      });
}

TEST_F(gemm_tc_epilogue, activations) {
  const auto normal_below = [](double x) { return std::erfc(-x * std::sqrt(0.5)) / 2; };
  expect<float, float>(relu{}, 0, [](int row, int col, int z) {
    const double x = before(row, col, z);
    return x < 0 ? 0 : x;
  });
  expect<std::int8_t, std::int32_t>(relu{}, 0, [](int row, int col, int z) {
    return std::max(0.0, double((row - 18) * (z + 1) * (col - 20)));
  });
  // What is small is the difference of numbers near 1: an absolute error.
  const auto expect_near = [](auto epilogue, double error, const auto& function) {
    std::vector<float> poison(batch * m * ldc, nan);
    device_buffer<float> c = uploaded(poison);
    const auto seen = run<float, float>(epilogue, c);
    for (int i = 0; i < int(seen.size()); ++i) {
      const int row = i / ldc % m, col = i % ldc, z = i / (m * ldc);
      if (col >= n) continue;
      const double x = before(row, col, z);
      if (std::isnan(x)) {
        EXPECT_TRUE(std::isnan(seen[i]));
      } else {
        EXPECT_NEAR(seen[i], function(x), error * std::max(1.0, std::fabs(x))) << "of " << x;
      }
    }
  };
  expect_near(gelu{}, 4e-7, [&](double x) { return x * normal_below(x); });
  expect_near(gelu_tanh{}, 5e-4, [&](double x) { return x * normal_below(x); });
  expect_near(gelu_tanh{}, 4e-7, [](double x) {
    return 0.5 * x * (1 + std::tanh(std::sqrt(2 / std::acos(-1.0)) * (x + 0.044715 * x * x * x)));
  });
  expect_near(silu{}, 4e-7, [](double x) { return x / (1 + std::exp(-x)); });
}

TEST_F(gemm_tc_epilogue, quantises) {
  expect<float, std::int8_t>(quantise<std::int8_t>{4.0f}, 0, [](int row, int col, int z) {
    const double x = before(row, col, z) * 4;
    return std::isnan(x) ? 0.0 : std::fmin(std::fmax(std::nearbyint(x), -128), 127);
  });
  expect<float, __nv_fp8_e4m3>(quantise<__nv_fp8_e4m3>{8.0f}, 0, [](int row, int col, int z) {
    return value_of(__nv_fp8_e4m3(float(before(row, col, z) * 8)));
  });
}

TEST_F(gemm_tc_epilogue, chains_keep_their_order) {
  const std::vector<float> of_columns = shared_values(n);
  const device_buffer<float> columns = uploaded(of_columns);
  const chain steps{bias<float>{columns.data()}, relu{}, scale{2.0f}, quantise<std::int8_t>{1.0f}};
  expect<std::int8_t, std::int8_t>(steps, 0, [&](int row, int col, int z) {
    const double x = (row - 18) * (z + 1) * (col - 20) + double(of_columns[col]);
    return std::fmin(std::fmax(x, 0) * 2, 127);
  });
}

TEST_F(gemm_tc_epilogue, on_every_way_to_16_bits) {
  expect_on_every_way_to_c<__nv_fp8_e4m3, __half>();
}

TEST_F(gemm_tc_epilogue, on_every_way_to_32_bits) {
  expect_on_every_way_to_c<std::int8_t, float>();
}

}  // namespace
}  // namespace warpladder::test
