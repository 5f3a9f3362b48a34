// SPDX-License-Identifier: Apache-2.0
//
// What a warp does with its tensor cores, and the 8-bit floats: against plain loops, on every
// backend. All products and sums here are exact, so that every comparison is for equality.

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/stream.hpp>
#include <warpladder/core/warp_mma.cuh>

#include "support/backend.hpp"

namespace warpladder::test {
namespace {

int compute_capability() {
  device_facts facts;
  WARPLADDER_TRY(query_device(facts));
  return facts.compute_capability;
}

/// Runs a kernel of one warp from `in` to `count` elements that are poisoned before.
template <class Out, class In>
std::vector<Out> run_warp(void (*kernel)(const In*, Out*), const std::vector<In>& in,
                          std::size_t count) {
  const stream on;
  device_buffer<In> from(in.size());
  device_buffer<Out> to(count);
  copy_async<In>(from.view(), in, on);
  WARPLADDER_TRY(cudaMemsetAsync(to.data(), 0xee, to.size_bytes(), on));
  WARPLADDER_TRY(
      launch_kernel(kernel, {.grid = 1, .block = 32, .stream = on}, from.data(), to.data()));
  std::vector<Out> out(count);
  copy_async<Out>(out, to.view(), on);
  on.synchronize();
  return out;
}

// ---- Matrices between shared memory and registers
// ------------------------------------------------

constexpr int rows = 32, row_elements = 8;  // four matrices, one below the other

/// The rows are visited in another order than they lie in: every lane passes its own address.
__device__ int place_of_row(int row) {
  return row ^ 5;
}

template <int Count, bool Transposed>
__global__ void load_fragments(const std::uint16_t* in, unsigned* out) {
  alignas(16) __shared__ std::uint16_t matrices[rows][row_elements];
  const int lane = int(threadIdx.x);
  for (int i = 0; i < row_elements; ++i)
    matrices[place_of_row(lane)][i] = in[lane * row_elements + i];
  __syncthreads();
  unsigned fragment[Count];
  // Lanes beyond the rows pass what nobody may read.
  const void* const row = lane < 8 * Count ? matrices[place_of_row(lane)] : nullptr;
  if constexpr (Transposed) {
    ldmatrix_transposed(fragment, row);
  } else {
    ldmatrix(fragment, row);
  }
  for (int i = 0; i < Count; ++i) out[i * 32 + lane] = fragment[i];
}

template <int Count, bool Transposed>
__global__ void store_fragments(const unsigned* in, std::uint16_t* out) {
  alignas(16) __shared__ std::uint16_t matrices[rows][row_elements];
  const int lane = int(threadIdx.x);
  for (int i = 0; i < row_elements; ++i) matrices[place_of_row(lane)][i] = 0xeeee;
  __syncthreads();
  unsigned fragment[Count];
  for (int i = 0; i < Count; ++i) fragment[i] = in[i * 32 + lane];
  void* const row = lane < 8 * Count ? matrices[place_of_row(lane)] : nullptr;
  if constexpr (Transposed) {
    stmatrix_transposed(row, fragment);
  } else {
    stmatrix(row, fragment);
  }
  __syncthreads();
  for (int i = 0; i < row_elements; ++i)
    out[lane * row_elements + i] = matrices[place_of_row(lane)][i];
}

/// Element (row, col) of matrix m, all different.
std::uint16_t element_of(int m, int row, int col) {
  return static_cast<std::uint16_t>(m * 1000 + row * 100 + col);
}

std::vector<std::uint16_t> matrices_in_memory(int count) {
  std::vector<std::uint16_t> values(rows * row_elements, 0xeeee);
  for (int i = 0; i < count * 64; ++i) values[i] = element_of(i / 64, i / 8 % 8, i % 8);
  return values;
}

std::vector<unsigned> matrices_in_registers(int count, bool transposed) {
  std::vector<unsigned> values;
  for (int i = 0; i < count * 32; ++i) {
    const int m = i / 32, g = i % 32 / 4, q = i % 4;
    const unsigned low = transposed ? element_of(m, 2 * q, g) : element_of(m, g, 2 * q);
    const unsigned high = transposed ? element_of(m, 2 * q + 1, g) : element_of(m, g, 2 * q + 1);
    values.push_back(low | high << 16);
  }
  return values;
}

template <int Count, bool Transposed>
void matrices_are_loaded() {
  EXPECT_EQ((run_warp<unsigned, std::uint16_t>(load_fragments<Count, Transposed>,
                                               matrices_in_memory(Count), Count * 32)),
            matrices_in_registers(Count, Transposed));
}

template <int Count, bool Transposed>
void matrices_are_stored() {
  if (compute_capability() < stmatrix_min_compute_capability)
    GTEST_SKIP() << "needs compute capability 90";
  EXPECT_EQ((run_warp<std::uint16_t, unsigned>(store_fragments<Count, Transposed>,
                                               matrices_in_registers(Count, Transposed),
                                               rows * row_elements)),
            matrices_in_memory(Count));
}

// ---- Products
// ------------------------------------------------------------------------------------

/// a, b and the old c lie row after row; so does the new c.
template <class In>
struct operands {
  using mma = warp_mma<In>;
  In a[mma::m][mma::k], b[mma::k][mma::n];
  typename mma::accumulator c[mma::m][mma::n];
};

template <class In>
__global__ void multiply_once(const operands<In>* in, typename warp_mma<In>::accumulator* out) {
  using mma = warp_mma<In>;
  constexpr int per_word = 4 / int{sizeof(In)};
  const int lane = int(threadIdx.x), g = lane / 4, q = lane % 4;
  unsigned a[4], b[2];
  typename mma::accumulator c[4];
  for (int i = 0; i < 4; ++i)
    memcpy(&a[i], &in->a[g + i % 2 * 8][(q + i / 2 * 4) * per_word], sizeof(unsigned));
  for (int i = 0; i < 2; ++i) {
    In word[per_word];
    for (int j = 0; j < per_word; ++j) word[j] = in->b[(q + i * 4) * per_word + j][g];
    memcpy(&b[i], word, sizeof(unsigned));
  }
  for (int i = 0; i < 4; ++i) c[i] = in->c[g + i / 2 * 8][2 * q + i % 2];
  mma::multiply_add(c, a, b);
  for (int i = 0; i < 4; ++i) out[(g + i / 2 * 8) * mma::n + 2 * q + i % 2] = c[i];
}

/// -4, -3.5, ... 4, or -120, -105, ... 120.
template <class In>
In small_number(int seed) {
  const int value = seed * 2654435761u % 17 - 8;
  if constexpr (std::is_same_v<In, std::int8_t>) {
    return static_cast<In>(value * 15);
  } else {
    return In(float(value) * 0.5f);
  }
}

template <class In>
void products_are_exact() {
  using mma = warp_mma<In>;
  if (compute_capability() < mma::min_compute_capability)
    GTEST_SKIP() << "needs compute capability " << mma::min_compute_capability;
  std::vector<operands<In>> in(1);
  double expected[mma::m][mma::n];
  for (int i = 0; i < mma::m; ++i) {
    for (int k = 0; k < mma::k; ++k) in[0].a[i][k] = small_number<In>(i * 37 + k + 1);
  }
  for (int k = 0; k < mma::k; ++k) {
    for (int j = 0; j < mma::n; ++j) in[0].b[k][j] = small_number<In>(k * 11 + j * 101 + 7);
  }
  for (int i = 0; i < mma::m; ++i) {
    for (int j = 0; j < mma::n; ++j) {
      in[0].c[i][j] = typename mma::accumulator(i * 8 - j);
      expected[i][j] = i * 8 - j;
      for (int k = 0; k < mma::k; ++k)
        expected[i][j] += double(float(in[0].a[i][k])) * double(float(in[0].b[k][j]));
    }
  }
  const auto seen =
      run_warp<typename mma::accumulator, operands<In>>(multiply_once<In>, in, mma::m * mma::n);
  for (int i = 0; i < mma::m; ++i) {
    for (int j = 0; j < mma::n; ++j)
      EXPECT_EQ(double(seen[i * mma::n + j]), expected[i][j]) << "row " << i << ", column " << j;
  }
}

void integer_sums_wrap_around() {
  if (compute_capability() < 80) GTEST_SKIP() << "needs compute capability 80";
  using mma = warp_mma<std::int8_t>;
  std::vector<operands<std::int8_t>> in(1);
  std::memset(&in[0], 1, sizeof(in[0].a) + sizeof(in[0].b));
  for (auto& row : in[0].c) {
    for (std::int32_t& c : row) c = INT32_MAX;
  }
  const auto seen = run_warp<std::int32_t, operands<std::int8_t>>(multiply_once<std::int8_t>, in,
                                                                  mma::m * mma::n);
  EXPECT_EQ(seen, std::vector<std::int32_t>(mma::m * mma::n, INT32_MIN + 31));
}

/// Of a float the tensor cores take the sign, the exponent and 10 bits of fraction.
void tf32_drops_the_lowest_bits() {
  if (compute_capability() < 80) GTEST_SKIP() << "needs compute capability 80";
  using mma = warp_mma<float>;
  std::vector<operands<float>> in(1);
  in[0] = {};
  for (int i = 0; i < mma::m; ++i) in[0].a[i][0] = 1.0f + 0x1p-10f + 0x1p-11f;
  for (int j = 0; j < mma::n; ++j) in[0].b[0][j] = 1.0f;
  const auto seen = run_warp<float, operands<float>>(multiply_once<float>, in, mma::m * mma::n);
  EXPECT_EQ(seen, std::vector<float>(mma::m * mma::n, 1.0f + 0x1p-10f));
}

// ---- 8-bit floats
// --------------------------------------------------------------------------------

/// What code `bits` stands for, by the definition of the format.
template <class T>
double value_of(int bits) {
  constexpr bool is_e4m3 = std::is_same_v<T, __nv_fp8_e4m3>;
  constexpr int fraction_bits = is_e4m3 ? 3 : 2, bias = is_e4m3 ? 7 : 15;
  const int exponent = (bits & 0x7f) >> fraction_bits, fraction = bits & ((1 << fraction_bits) - 1);
  const double sign = bits & 0x80 ? -1 : 1;
  if (is_e4m3 ? (bits & 0x7f) == 0x7f : exponent == 31 && fraction != 0) return NAN;
  if (!is_e4m3 && exponent == 31) return sign * INFINITY;
  const double significand = fraction + (exponent > 0 ? 1 << fraction_bits : 0);
  return sign * std::ldexp(significand, (exponent > 0 ? exponent : 1) - bias - fraction_bits);
}

constexpr int codes = 256, float_count = 4096;

template <class T>
__global__ void convert_byte_floats(const float* in, unsigned* out) {
  for (int i = int(threadIdx.x); i < codes; i += 32) {
    T value;
    value.__x = static_cast<unsigned char>(i);
    const float wide(value);
    memcpy(&out[i], &wide, sizeof(float));
  }
  for (int i = int(threadIdx.x); i < float_count; i += 32) out[codes + i] = T(in[i]).__x;
}

/// Nearest, ties to the even code, and the largest for all that is larger.
template <class T>
int nearest_code(float x) {
  if (std::isnan(x)) return 0x7f;
  constexpr int largest = std::is_same_v<T, __nv_fp8_e4m3> ? 0x7e : 0x7b;
  const double magnitude = std::fmin(std::fabs(double(x)), value_of<T>(largest));
  int best = 0;
  for (int code = 1; code <= largest; ++code) {
    const double error = std::fabs(magnitude - value_of<T>(code));
    const double least = std::fabs(magnitude - value_of<T>(best));
    if (error < least || (error == least && code % 2 == 0)) best = code;
  }
  return best | (std::signbit(x) ? 0x80 : 0);
}

template <class T>
void byte_floats_convert() {
  std::vector<float> in;
  for (int code = 0; code < 0x7f; ++code) {  // every value, every middle, and what is beside them
    const double value = value_of<T>(code), next = value_of<T>(code + 1);
    for (const double x : {value, (value + next) / 2}) {
      const auto f = static_cast<float>(x);
      for (const float y : {f, std::nextafter(f, 0.0f), std::nextafter(f, INFINITY)}) {
        in.push_back(y);
        in.push_back(-y);
      }
    }
  }
  for (const float x : {448.0f, 464.0f, 465.0f, 57344.0f, 61440.0f, 70000.0f, 1e30f, INFINITY,
                        0x1p-10f, 0x1p-17f, 0x1p-149f, NAN}) {
    in.push_back(x);
    in.push_back(-x);
  }
  for (std::uint32_t i = 0; in.size() < float_count; ++i)
    in.push_back(std::bit_cast<float>(0x30000000u + i * 2654435761u % 0x20000000u));
  ASSERT_EQ(in.size(), float_count);
  const auto seen = run_warp<unsigned, float>(convert_byte_floats<T>, in, codes + float_count);
  for (int code = 0; code < codes; ++code) {
    const float wide = std::bit_cast<float>(seen[code]);
    if (std::isnan(value_of<T>(code))) {
      EXPECT_TRUE(std::isnan(wide)) << "code " << code;
    } else {
      EXPECT_EQ(double(wide), value_of<T>(code)) << "code " << code;
      EXPECT_EQ(std::signbit(wide), code >= 0x80) << "code " << code;
    }
  }
  for (int i = 0; i < float_count; ++i)
    EXPECT_EQ(int(seen[codes + i]), nearest_code<T>(in[i])) << in[i];
}

}  // namespace

void add_warp_mma_tests() {
  const auto add = device_test::add;
  add("WarpMatrices", "loads_1", matrices_are_loaded<1, false>);
  add("WarpMatrices", "loads_2", matrices_are_loaded<2, false>);
  add("WarpMatrices", "loads_4", matrices_are_loaded<4, false>);
  add("WarpMatrices", "loads_1_transposed", matrices_are_loaded<1, true>);
  add("WarpMatrices", "loads_2_transposed", matrices_are_loaded<2, true>);
  add("WarpMatrices", "loads_4_transposed", matrices_are_loaded<4, true>);
  add("WarpMatrices", "stores_1", matrices_are_stored<1, false>);
  add("WarpMatrices", "stores_2", matrices_are_stored<2, false>);
  add("WarpMatrices", "stores_4", matrices_are_stored<4, false>);
  add("WarpMatrices", "stores_1_transposed", matrices_are_stored<1, true>);
  add("WarpMatrices", "stores_2_transposed", matrices_are_stored<2, true>);
  add("WarpMatrices", "stores_4_transposed", matrices_are_stored<4, true>);
  add("WarpMma", "bfloat16", products_are_exact<__nv_bfloat16>);
  add("WarpMma", "half", products_are_exact<__half>);
  add("WarpMma", "tf32", products_are_exact<float>);
  add("WarpMma", "int8", products_are_exact<std::int8_t>);
  add("WarpMma", "e4m3", products_are_exact<__nv_fp8_e4m3>);
  add("WarpMma", "e5m2", products_are_exact<__nv_fp8_e5m2>);
  add("WarpMma", "integer_sums_wrap_around", integer_sums_wrap_around);
  add("WarpMma", "tf32_drops_the_lowest_bits", tf32_drops_the_lowest_bits);
  add("ByteFloats", "e4m3", byte_floats_convert<__nv_fp8_e4m3>);
  add("ByteFloats", "e5m2", byte_floats_convert<__nv_fp8_e5m2>);
}

}  // namespace warpladder::test

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  warpladder::test::add_warp_mma_tests();
  return RUN_ALL_TESTS();
}
