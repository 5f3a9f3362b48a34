// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp8.h>
#include <cuda_runtime.h>

#include <cstdint>
#include <type_traits>
#ifdef WARPLADDER_HOST_EXECUTOR
#include <bit>
#include <simt/simt.hpp>
#endif

// What a warp does with its tensor cores: ldmatrix and stmatrix between shared memory and
// registers, mma on registers. PTX ISA, "Warp Level Matrix Multiply-Accumulate Instructions". The
// device instruction and its host meaning stand side by side. All 32 lanes call together.
//
// One picture serves all element types, because the hardware thinks in 32-bit words: a word holds
// 1, 2 or 4 elements that are neighbours along k. With g = lane / 4 and q = lane % 4
//
//   A, 16 rows x 8 words   a[0] = (row g, word q)       a[1] = (row g + 8, word q)
//                          a[2] = (row g, word q + 4)   a[3] = (row g + 8, word q + 4)
//   B, 8 words x 8 cols    b[0] = (word q, col g)       b[1] = (word q + 4, col g)
//   C, 16 rows x 8 cols    c[0], c[1] = (row g, cols 2q, 2q + 1)
//                          c[2], c[3] = (row g + 8, the same columns)
//
// ldmatrix brings 8 rows of 4 words in just this order: a register of A, or of B if the rows are
// B's columns.

namespace warpladder {

/// Loads `Count` (1, 2 or 4) matrices of 8 rows of 16 bytes. Lane i < 8 * Count passes the address
/// in shared memory, aligned to 16 bytes, of row i % 8 of matrix i / 8; the other lanes' addresses
/// are not used. fragment[m] is then word q of row g of matrix m. Each 8 rows are one transaction,
/// free of bank conflicts if they lie in 8 different sixteenths of 128 bytes.
///
/// Like other reads of shared memory it needs a barrier between it and other threads' writes.
template <int Count>
__device__ __forceinline__ void ldmatrix(unsigned (&fragment)[Count], const void* row);

/// The same, each matrix of 8 x 8 elements of 16 bits turned over: fragment[m] holds the elements g
/// of rows 2q and 2q + 1.
template <int Count>
__device__ __forceinline__ void ldmatrix_transposed(unsigned (&fragment)[Count], const void* row);

/// The inverse of ldmatrix, with the same addresses (compute capability 9.0; traps before).
template <int Count>
__device__ __forceinline__ void stmatrix(void* row, const unsigned (&fragment)[Count]);

/// The inverse of ldmatrix_transposed (compute capability 9.0; traps before).
template <int Count>
__device__ __forceinline__ void stmatrix_transposed(void* row, const unsigned (&fragment)[Count]);

inline constexpr int stmatrix_min_compute_capability = 90;

/// The mma instruction for inputs of type In: bf16, half, float (of which it takes the upper 19
/// bits: tf32), int8_t, e4m3 or e5m2. The 8-bit floats are instructions of compute capability 8.9;
/// for 9.0 the compiler makes them of products of halves and float additions, at half the speed.
template <class In>
struct warp_mma {
  static constexpr bool is_byte_float =
      std::is_same_v<In, __nv_fp8_e4m3> || std::is_same_v<In, __nv_fp8_e5m2>;
  using accumulator = std::conditional_t<std::is_same_v<In, std::int8_t>, std::int32_t, float>;
  static constexpr int m = 16, n = 8, k = 32 / int{sizeof(In)};
  static constexpr int min_compute_capability = is_byte_float ? 89 : 80;

  /// c += a * b. Traps on devices before min_compute_capability.
  static __device__ __forceinline__ void multiply_add(accumulator (&c)[4], const unsigned (&a)[4],
                                                      const unsigned (&b)[2]);
};

#ifdef WARPLADDER_HOST_EXECUTOR

// Every lane reads or writes the row whose address it passed, so that traced mode sees the accesses
// of the hardware: 16 bytes per lane are counted by quarters of the warp. The last lane to arrive
// then hands the words round.

namespace detail {

struct matrix_row {
  std::uint32_t word[4];
};

template <int Count>
struct matrix_words {
  matrix_row row;               // row lane % 8 of matrix lane / 8, as it is in memory
  unsigned (&fragment)[Count];  // what the registers hold
};

/// Calls visit(half of memory, half of a register) for the 16-bit elements of all matrices.
template <bool Transposed, int Count, class Visit>
SIMT_UNTRACED inline void for_each_element(matrix_words<Count>** lanes, Visit visit) {
  for (int i = 0; i < Count * 64; ++i) {
    const int matrix = i / 64, row = i / 8 % 8, col = i % 8;
    const int g = Transposed ? col : row, element = Transposed ? row : col;
    auto* const memory = reinterpret_cast<std::uint16_t*>(lanes[matrix * 8 + row]->row.word);
    auto* const registers =
        reinterpret_cast<std::uint16_t*>(&lanes[g * 4 + element / 2]->fragment[matrix]);
    visit(memory[col], registers[element % 2]);
  }
}

template <bool Transposed, int Count>
__forceinline__ void load_matrices(unsigned (&fragment)[Count], const void* row) {
  static_assert(Count == 1 || Count == 2 || Count == 4, "ldmatrix loads 1, 2 or 4 matrices");
  matrix_words<Count> mine{{}, fragment};
  if (int(threadIdx.x % 32) < 8 * Count) {
    if (reinterpret_cast<std::uintptr_t>(row) % 16 != 0) __trap();
    const uint4 words = *static_cast<const uint4*>(row);
    mine.row = {{words.x, words.y, words.z, words.w}};
  }
  simt::collective(~0u, mine, [](matrix_words<Count>** lanes, unsigned) SIMT_UNTRACED {
    for_each_element<Transposed>(
        lanes, [](std::uint16_t memory, std::uint16_t& target) { target = memory; });
  });
}

template <bool Transposed, int Count>
__forceinline__ void store_matrices(void* row, const unsigned (&fragment)[Count]) {
  static_assert(Count == 1 || Count == 2 || Count == 4, "stmatrix stores 1, 2 or 4 matrices");
  unsigned held[Count];
  for (int i = 0; i < Count; ++i) held[i] = fragment[i];
  matrix_words<Count> mine{{}, held};
  simt::collective(~0u, mine, [](matrix_words<Count>** lanes, unsigned) SIMT_UNTRACED {
    for_each_element<Transposed>(
        lanes, [](std::uint16_t& memory, std::uint16_t source) { memory = source; });
  });
  if (int(threadIdx.x % 32) < 8 * Count) {
    if (reinterpret_cast<std::uintptr_t>(row) % 16 != 0) __trap();
    const std::uint32_t(&word)[4] = mine.row.word;
    const uint4 words{word[0], word[1], word[2], word[3]};
    *static_cast<uint4*>(row) = words;
  }
}

/// Element `i` of a word, as the tensor cores see it.
template <class In>
SIMT_UNTRACED inline auto mma_element(std::uint32_t word, int i) {
  if constexpr (std::is_same_v<In, float>) {
    return std::bit_cast<float>(word & 0xffffe000u);  // tf32
  } else if constexpr (std::is_same_v<In, std::int8_t>) {
    return static_cast<std::int8_t>(word >> 8 * i);
  } else if constexpr (sizeof(In) == 1) {
    In element;
    element.__x = static_cast<std::uint8_t>(word >> 8 * i);
    return float(element);
  } else {
    return float(std::bit_cast<In>(static_cast<std::uint16_t>(word >> 16 * i)));
  }
}

template <class In>
struct mma_operands {
  unsigned a[4], b[2];
  typename warp_mma<In>::accumulator (&c)[4];
};

/// Floats are added up in double and rounded once; integers wrap around.
template <class In>
SIMT_UNTRACED inline void multiply_matrices(mma_operands<In>** lanes) {
  constexpr bool is_integer = std::is_same_v<In, std::int8_t>;
  using wide = std::conditional_t<is_integer, std::int64_t, double>;
  using mma = warp_mma<In>;
  constexpr int per_word = 4 / int{sizeof(In)};
  wide a[16][mma::k], b[mma::k][8];
  for (int lane = 0; lane < 32; ++lane) {
    const int g = lane / 4, q = lane % 4;
    for (int i = 0; i < per_word; ++i) {
      const int low = q * per_word + i, high = low + mma::k / 2;
      a[g][low] = wide(mma_element<In>(lanes[lane]->a[0], i));
      a[g + 8][low] = wide(mma_element<In>(lanes[lane]->a[1], i));
      a[g][high] = wide(mma_element<In>(lanes[lane]->a[2], i));
      a[g + 8][high] = wide(mma_element<In>(lanes[lane]->a[3], i));
      b[low][g] = wide(mma_element<In>(lanes[lane]->b[0], i));
      b[high][g] = wide(mma_element<In>(lanes[lane]->b[1], i));
    }
  }
  for (int row = 0; row < 16; ++row) {
    wide sum[8] = {};
    for (int k = 0; k < mma::k; ++k) {
      for (int col = 0; col < 8; ++col) sum[col] += a[row][k] * b[k][col];
    }
    for (int col = 0; col < 8; ++col) {
      auto& c = lanes[row % 8 * 4 + col / 2]->c[row / 8 * 2 + col % 2];
      c = static_cast<typename mma::accumulator>(wide(c) + sum[col]);
    }
  }
}

}  // namespace detail

template <int Count>
__forceinline__ void ldmatrix(unsigned (&fragment)[Count], const void* row) {
  detail::load_matrices<false>(fragment, row);
}
template <int Count>
__forceinline__ void ldmatrix_transposed(unsigned (&fragment)[Count], const void* row) {
  detail::load_matrices<true>(fragment, row);
}
template <int Count>
__forceinline__ void stmatrix(void* row, const unsigned (&fragment)[Count]) {
  detail::store_matrices<false>(row, fragment);
}
template <int Count>
__forceinline__ void stmatrix_transposed(void* row, const unsigned (&fragment)[Count]) {
  detail::store_matrices<true>(row, fragment);
}

template <class In>
__forceinline__ void warp_mma<In>::multiply_add(accumulator (&c)[4], const unsigned (&a)[4],
                                                const unsigned (&b)[2]) {
  detail::mma_operands<In> mine{{a[0], a[1], a[2], a[3]}, {b[0], b[1]}, c};
  simt::collective(~0u, mine, [](detail::mma_operands<In>** lanes, unsigned) SIMT_UNTRACED {
    detail::multiply_matrices(lanes);
  });
}

#else

// ldmatrix is volatile, so that it stays behind the barrier that it needs, but does not clobber
// "memory": the compiler may move other loads around it.

#define WARPLADDER_LOAD_MATRICES(variant)                                                      \
  static_assert(Count == 1 || Count == 2 || Count == 4, "ldmatrix loads 1, 2 or 4 matrices");  \
  const auto address = static_cast<unsigned>(__cvta_generic_to_shared(row));                   \
  if constexpr (Count == 1) {                                                                  \
    asm volatile("ldmatrix.sync.aligned.m8n8.x1" variant ".shared.b16 {%0}, [%1];"             \
                 : "=r"(fragment[0])                                                           \
                 : "r"(address));                                                              \
  } else if constexpr (Count == 2) {                                                           \
    asm volatile("ldmatrix.sync.aligned.m8n8.x2" variant ".shared.b16 {%0, %1}, [%2];"         \
                 : "=r"(fragment[0]), "=r"(fragment[1])                                        \
                 : "r"(address));                                                              \
  } else {                                                                                     \
    asm volatile("ldmatrix.sync.aligned.m8n8.x4" variant ".shared.b16 {%0, %1, %2, %3}, [%4];" \
                 : "=r"(fragment[0]), "=r"(fragment[1]), "=r"(fragment[2]), "=r"(fragment[3])  \
                 : "r"(address));                                                              \
  }

template <int Count>
__device__ __forceinline__ void ldmatrix(unsigned (&fragment)[Count], const void* row) {
  WARPLADDER_LOAD_MATRICES("")
}
template <int Count>
__device__ __forceinline__ void ldmatrix_transposed(unsigned (&fragment)[Count], const void* row) {
  WARPLADDER_LOAD_MATRICES(".trans")
}
#undef WARPLADDER_LOAD_MATRICES

#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
#define WARPLADDER_STORE_MATRICES(variant)                                                         \
  static_assert(Count == 1 || Count == 2 || Count == 4, "stmatrix stores 1, 2 or 4 matrices");     \
  const auto address = static_cast<unsigned>(__cvta_generic_to_shared(row));                       \
  if constexpr (Count == 1) {                                                                      \
    asm volatile("stmatrix.sync.aligned.m8n8.x1" variant ".shared.b16 [%0], {%1};" ::"r"(address), \
                 "r"(fragment[0])                                                                  \
                 : "memory");                                                                      \
  } else if constexpr (Count == 2) {                                                               \
    asm volatile("stmatrix.sync.aligned.m8n8.x2" variant                                           \
                 ".shared.b16 [%0], {%1, %2};" ::"r"(address),                                     \
                 "r"(fragment[0]), "r"(fragment[1])                                                \
                 : "memory");                                                                      \
  } else {                                                                                         \
    asm volatile("stmatrix.sync.aligned.m8n8.x4" variant                                           \
                 ".shared.b16 [%0], {%1, %2, %3, %4};" ::"r"(address),                             \
                 "r"(fragment[0]), "r"(fragment[1]), "r"(fragment[2]), "r"(fragment[3])            \
                 : "memory");                                                                      \
  }
#else
#define WARPLADDER_STORE_MATRICES(variant) __trap();
#endif

template <int Count>
__device__ __forceinline__ void stmatrix(void* row, const unsigned (&fragment)[Count]) {
  WARPLADDER_STORE_MATRICES("")
}
template <int Count>
__device__ __forceinline__ void stmatrix_transposed(void* row, const unsigned (&fragment)[Count]) {
  WARPLADDER_STORE_MATRICES(".trans")
}
#undef WARPLADDER_STORE_MATRICES

#define WARPLADDER_MMA(shape_and_types, constraint)                                            \
  asm("mma.sync.aligned." shape_and_types                                                      \
      " {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"                       \
      : "+" constraint(c[0]), "+" constraint(c[1]), "+" constraint(c[2]), "+" constraint(c[3]) \
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]))

template <class In>
__device__ __forceinline__ void warp_mma<In>::multiply_add(accumulator (&c)[4],
                                                           const unsigned (&a)[4],
                                                           const unsigned (&b)[2]) {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
  if constexpr (std::is_same_v<In, __nv_bfloat16>) {
    WARPLADDER_MMA("m16n8k16.row.col.f32.bf16.bf16.f32", "f");
  } else if constexpr (std::is_same_v<In, __half>) {
    WARPLADDER_MMA("m16n8k16.row.col.f32.f16.f16.f32", "f");
  } else if constexpr (std::is_same_v<In, float>) {
    WARPLADDER_MMA("m16n8k8.row.col.f32.tf32.tf32.f32", "f");
  } else if constexpr (std::is_same_v<In, std::int8_t>) {
    WARPLADDER_MMA("m16n8k32.row.col.s32.s8.s8.s32", "r");
  } else {
    static_assert(is_byte_float, "no mma instruction for this type");
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 890
    if constexpr (std::is_same_v<In, __nv_fp8_e4m3>) {
      WARPLADDER_MMA("m16n8k32.row.col.f32.e4m3.e4m3.f32", "f");
    } else {
      WARPLADDER_MMA("m16n8k32.row.col.f32.e5m2.e5m2.f32", "f");
    }
#else
    __trap();
#endif
  }
#else
  __trap();
#endif
}
#undef WARPLADDER_MMA

#endif

}  // namespace warpladder
