// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp8.h>
#include <cuda_runtime.h>

#include <cstdint>
#include <type_traits>
#include <warpladder/core/transaction_barrier.cuh>
#ifdef WARPLADDER_HOST_EXECUTOR
#include <bit>
#include <cstring>
#endif

// wgmma (compute capability 9.0, and only there: compile for sm_90a): four consecutive warps, the
// first of which has an index divisible by 4, multiply 64 rows of A by up to 256 columns of B. Both
// operands are read from shared memory by the tensor core itself, behind the warps' backs; the sums
// are the registers of the 128 threads. PTX ISA, "Asynchronous Warpgroup Level Matrix
// Instructions". The device instruction and its host meaning stand side by side; the host
// multiplies as late as the contract allows. On other targets the code compiles and traps: ask
// warpgroup_mma_available().

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define WARPLADDER_WARPGROUP_MMA 1
#else
#define WARPLADDER_WARPGROUP_MMA 0
#endif

namespace warpladder {

/// How an operand lies in shared memory. Either way it consists of rows of 128 bytes, swizzled as
/// tensor_copy() does it; 8 rows are an atom of 1024 bytes.
enum class operand_major {
  k,      ///< a row holds 128 bytes along k of one row of A (one column of B): any type
  outer,  ///< a row holds 64 elements along m of A (along n of B) at one k: 16-bit types
};

/// Where an operand of one instruction lies.
struct matrix_descriptor {
#ifdef WARPLADDER_HOST_EXECUTOR
  const std::byte* start;
  int chunk_bytes;
#else
  std::uint64_t bits;
#endif

  matrix_descriptor() = default;
  /// `tile` is aligned to 1024 bytes. Major k: its rows follow each other densely. Major outer: a
  /// chunk holds 64 columns, in it the values of k follow each other densely, and chunk_bytes (128
  /// times the tile's extent along k) lie from chunk to chunk.
  __device__ __forceinline__ matrix_descriptor(const void* tile, int chunk_bytes);
  /// The operand that begins `bytes` further on, a multiple of 16.
  __device__ __forceinline__ matrix_descriptor advanced(int bytes) const;
};

/// The instruction for elements of type In takes so many values of k: always 32 bytes.
template <class In>
inline constexpr int warpgroup_mma_k = 32 / int(sizeof(In));

/// What it adds up in.
template <class In>
using warpgroup_sum_t = std::conditional_t<std::is_same_v<In, std::int8_t>, std::int32_t, float>;

/// Where the i-th sum of a thread (0..127) lies in the 64 x N product of its warpgroup.
__host__ __device__ constexpr int warpgroup_sum_row(int thread, int i) {
  return thread / 32 * 16 + thread % 32 / 4 + i / 2 % 2 * 8;
}
__host__ __device__ constexpr int warpgroup_sum_col(int thread, int i) {
  return i / 4 * 8 + thread % 4 * 2 + i % 2;
}

/// The products that one warpgroup has under way. All its 128 threads make the same calls.
class warpgroup_products {
 public:
  /// Before the first start(), and whenever the threads have touched their sums since the last.
  WARPLADDER_ENGINE void begin();

  /// sum = A B, or sum += A B if `accumulate`: 64 rows, N columns (16, 32, 64, 96, 128, 160, 176,
  /// 192 or 256), 32 bytes along k. Nobody may touch sum, A or B until wait() says so.
  template <class In, int N, operand_major MajorA, operand_major MajorB>
  WARPLADDER_ENGINE void start(warpgroup_sum_t<In> (&sum)[N / 2], matrix_descriptor a,
                               matrix_descriptor b, bool accumulate);
  /// Closes a group of products.
  WARPLADDER_ENGINE void commit();
  /// Returns when at most the `Groups` youngest groups are unfinished.
  template <int Groups>
  WARPLADDER_ENGINE void wait();

#ifdef WARPLADDER_HOST_EXECUTOR
 private:
  struct pending_product {
    void (*multiply)(const pending_product&);
    void* sum;
    matrix_descriptor a, b;
    bool accumulate;
    int group;
  };
  static constexpr int max_pending = 32;
  pending_product products_[max_pending];
  int pending_ = 0, group_ = 0;
#endif
};

/// What the calling thread wrote into shared memory by ordinary stores becomes visible to the copy
/// engine and the tensor core. Then let the threads meet at a barrier.
__device__ __forceinline__ void fence_for_engines();

/// Gives registers of the calling warps back to the multiprocessor, or takes them: a whole
/// warpgroup together, which then has `Registers` (24..256, a multiple of 8) per thread. Needs
/// __launch_bounds__(threads, 1).
template <int Registers>
__device__ __forceinline__ void shrink_registers();
template <int Registers>
__device__ __forceinline__ void grow_registers();

/// A barrier for `threads` threads of the block, one of those with number 1 ... 15; __syncthreads()
/// is number 0.
__device__ __forceinline__ void numbered_barrier(int number, int threads);

#ifdef WARPLADDER_HOST_EXECUTOR

inline matrix_descriptor::matrix_descriptor(const void* tile, int bytes)
    : start(static_cast<const std::byte*>(tile)), chunk_bytes(bytes) {}

inline matrix_descriptor matrix_descriptor::advanced(int bytes) const {
  return {start + bytes, chunk_bytes};
}

namespace detail {

/// Where element (outer, k) of an operand is, of which `outer` is a row of A or a column of B.
template <class In, operand_major Major>
SIMT_UNTRACED inline const void* operand_address(const matrix_descriptor& of, int outer, int k) {
  constexpr int bytes = sizeof(In);
  auto address = reinterpret_cast<std::uintptr_t>(of.start);
  if constexpr (Major == operand_major::k) {
    address += unsigned(outer * 128 + k * bytes);
  } else {
    address += unsigned(outer / 64 * of.chunk_bytes + k * 128 + outer % 64 * bytes);
  }
  return reinterpret_cast<const void*>(address ^ (address >> 7 & 7) << 4);
}

/// Tells traced mode what is read of an operand: `count` rows of A, or columns of B, by 16 bytes.
template <class In, operand_major Major>
SIMT_UNTRACED inline void note_operand(const matrix_descriptor& of, int first, int count) {
  constexpr bool along_k = Major == operand_major::k;
  constexpr int piece = 16 / int{sizeof(In)};
  for (int outer = first; outer < first + count; outer += along_k ? 1 : piece) {
    for (int k = 0; k < warpgroup_mma_k<In>; k += along_k ? piece : 1)
      simt::trace::note_engine_read(operand_address<In, Major>(of, outer, k), 16);
  }
}

template <class In, operand_major Major>
SIMT_UNTRACED inline warpgroup_sum_t<In> operand_element(const matrix_descriptor& of, int outer,
                                                         int k) {
  In element;
  std::memcpy(&element, operand_address<In, Major>(of, outer, k), sizeof element);
  if constexpr (std::is_same_v<In, float>)  // tf32: the low 13 bits are not looked at
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(element) & 0xffffe000u);
  else
    return warpgroup_sum_t<In>(element);
}

}  // namespace detail

WARPLADDER_ENGINE void warpgroup_products::begin() {}

template <class In, int N, operand_major MajorA, operand_major MajorB>
WARPLADDER_ENGINE void warpgroup_products::start(warpgroup_sum_t<In> (&sum)[N / 2],
                                                 matrix_descriptor a, matrix_descriptor b,
                                                 bool accumulate) {
  static_assert(sizeof(In) == 2 || (MajorA == operand_major::k && MajorB == operand_major::k));
  if (pending_ == max_pending) __trap();
  const auto multiply = [](const pending_product& product) SIMT_UNTRACED {
    using sum_type = warpgroup_sum_t<In>;
    constexpr int depth = warpgroup_mma_k<In>;
    auto* const sum = static_cast<sum_type*>(product.sum);
    const int thread = int(threadIdx.x % 128);
    if (thread % 32 == 0) {  // for its warp
      detail::note_operand<In, MajorA>(product.a, thread / 32 * 16, 16);
      detail::note_operand<In, MajorB>(product.b, 0, N);
    }
    sum_type a[2][depth];  // the two rows of this thread
    for (int half = 0; half < 2; ++half) {
      for (int k = 0; k < depth; ++k)
        a[half][k] =
            detail::operand_element<In, MajorA>(product.a, warpgroup_sum_row(thread, 2 * half), k);
    }
    for (int i = 0; i < N / 2; ++i) {
      using wide = std::conditional_t<std::is_integral_v<sum_type>, std::uint32_t, float>;
      wide total = product.accumulate ? wide(sum[i]) : wide(0);
      for (int k = 0; k < depth; ++k)
        total += wide(a[i / 2 % 2][k]) * wide(detail::operand_element<In, MajorB>(
                                             product.b, warpgroup_sum_col(thread, i), k));
      sum[i] = sum_type(total);
    }
  };
  products_[pending_++] = {multiply, sum, a, b, accumulate, group_};
}

WARPLADDER_ENGINE void warpgroup_products::commit() {
  ++group_;
}

template <int Groups>
WARPLADDER_ENGINE void warpgroup_products::wait() {
  int left = 0;
  for (int i = 0; i < pending_; ++i) {
    if (products_[i].group >= group_ - Groups)
      products_[left++] = products_[i];
    else
      products_[i].multiply(products_[i]);
  }
  pending_ = left;
}

inline void fence_for_engines() {}
template <int Registers>
void shrink_registers() {}
template <int Registers>
void grow_registers() {}
inline void numbered_barrier(int number, int threads) {
  simt::numbered_barrier(number, unsigned(threads));
}

#else

namespace detail {

/// Its shared memory tells the host for which target the device code was compiled.
template <int>
__global__ void warpgroup_mma_probe() {
#if WARPLADDER_WARPGROUP_MMA
  __shared__ volatile char there[64];
  there[threadIdx.x] = 0;
#endif
}

}  // namespace detail

__device__ __forceinline__ matrix_descriptor::matrix_descriptor(const void* tile, int chunk_bytes)
    // In units of 16 bytes: bits 0-13 the address, 16-29 from chunk to chunk, 32-45 from atom to
    // atom. Bits 62-63: 1, the swizzle of 128 bytes.
    : bits((static_cast<std::uint64_t>(__cvta_generic_to_shared(tile)) >> 4 & 0x3fff) |
           static_cast<std::uint64_t>(chunk_bytes >> 4) << 16 | std::uint64_t{1024 >> 4} << 32 |
           std::uint64_t{1} << 62) {}

__device__ __forceinline__ matrix_descriptor matrix_descriptor::advanced(int bytes) const {
  matrix_descriptor further;
  further.bits = bits + unsigned(bytes >> 4);
  return further;
}

#if WARPLADDER_WARPGROUP_MMA

WARPLADDER_ENGINE void warpgroup_products::begin() {
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}

WARPLADDER_ENGINE void warpgroup_products::commit() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}

template <int Groups>
WARPLADDER_ENGINE void warpgroup_products::wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(Groups) : "memory");
}

// Register lists: the text of %0 ... %N/2-1, and the operands that go with it.
#define WARPLADDER_TEN(tens)                                                              \
  "%" #tens "0, %" #tens "1, %" #tens "2, %" #tens "3, %" #tens "4, %" #tens "5, %" #tens \
  "6, "                                                                                   \
  "%" #tens "7, %" #tens "8, %" #tens "9, "
#define WARPLADDER_NAMES_8 "%0, %1, %2, %3, %4, %5, %6, %7"
#define WARPLADDER_NAMES_16 "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15"
#define WARPLADDER_NAMES_32 \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, " WARPLADDER_TEN(1) WARPLADDER_TEN(2) "%30, %31"
#define WARPLADDER_NAMES_48                                                      \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, " WARPLADDER_TEN(1) WARPLADDER_TEN(2) \
      WARPLADDER_TEN(3) "%40, %41, %42, %43, %44, %45, %46, %47"
#define WARPLADDER_NAMES_64                                                                        \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, " WARPLADDER_TEN(1) WARPLADDER_TEN(2) WARPLADDER_TEN(3) \
      WARPLADDER_TEN(4) WARPLADDER_TEN(5) "%60, %61, %62, %63"
#define WARPLADDER_NAMES_80                                                                        \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, " WARPLADDER_TEN(1) WARPLADDER_TEN(2) WARPLADDER_TEN(3) \
      WARPLADDER_TEN(4) WARPLADDER_TEN(5)                                                          \
          WARPLADDER_TEN(6) "%70, %71, %72, %73, %74, %75, %76, %77, %78, %79"
#define WARPLADDER_NAMES_88                                                                        \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, " WARPLADDER_TEN(1) WARPLADDER_TEN(2) WARPLADDER_TEN(3) \
      WARPLADDER_TEN(4) WARPLADDER_TEN(5) WARPLADDER_TEN(6)                                        \
          WARPLADDER_TEN(7) "%80, %81, %82, %83, %84, %85, %86, %87"
#define WARPLADDER_NAMES_96                                                                        \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, " WARPLADDER_TEN(1) WARPLADDER_TEN(2) WARPLADDER_TEN(3) \
      WARPLADDER_TEN(4) WARPLADDER_TEN(5) WARPLADDER_TEN(6) WARPLADDER_TEN(7)                      \
          WARPLADDER_TEN(8) "%90, %91, %92, %93, %94, %95"
#define WARPLADDER_NAMES_128                                                                       \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, " WARPLADDER_TEN(1) WARPLADDER_TEN(2) WARPLADDER_TEN(3) \
      WARPLADDER_TEN(4) WARPLADDER_TEN(5) WARPLADDER_TEN(6) WARPLADDER_TEN(7) WARPLADDER_TEN(8)    \
          WARPLADDER_TEN(9) WARPLADDER_TEN(10)                                                     \
              WARPLADDER_TEN(11) "%120, %121, %122, %123, %124, %125, %126, %127"
#define WARPLADDER_4_SUMS(kind, i) \
  kind(sum[i]), kind(sum[i + 1]), kind(sum[i + 2]), kind(sum[i + 3])
#define WARPLADDER_16_SUMS(kind, i)                                                           \
  WARPLADDER_4_SUMS(kind, i), WARPLADDER_4_SUMS(kind, i + 4), WARPLADDER_4_SUMS(kind, i + 8), \
      WARPLADDER_4_SUMS(kind, i + 12)
#define WARPLADDER_SUMS_8(kind) WARPLADDER_4_SUMS(kind, 0), WARPLADDER_4_SUMS(kind, 4)
#define WARPLADDER_SUMS_16(kind) WARPLADDER_16_SUMS(kind, 0)
#define WARPLADDER_SUMS_32(kind) WARPLADDER_16_SUMS(kind, 0), WARPLADDER_16_SUMS(kind, 16)
#define WARPLADDER_SUMS_48(kind) WARPLADDER_SUMS_32(kind), WARPLADDER_16_SUMS(kind, 32)
#define WARPLADDER_SUMS_64(kind) \
  WARPLADDER_SUMS_32(kind), WARPLADDER_16_SUMS(kind, 32), WARPLADDER_16_SUMS(kind, 48)
#define WARPLADDER_SUMS_80(kind) WARPLADDER_SUMS_64(kind), WARPLADDER_16_SUMS(kind, 64)
#define WARPLADDER_SUMS_88(kind) \
  WARPLADDER_SUMS_80(kind), WARPLADDER_4_SUMS(kind, 80), WARPLADDER_4_SUMS(kind, 84)
#define WARPLADDER_SUMS_96(kind) \
  WARPLADDER_SUMS_64(kind), WARPLADDER_16_SUMS(kind, 64), WARPLADDER_16_SUMS(kind, 80)
#define WARPLADDER_SUMS_128(kind)                                                       \
  WARPLADDER_SUMS_64(kind), WARPLADDER_16_SUMS(kind, 64), WARPLADDER_16_SUMS(kind, 80), \
      WARPLADDER_16_SUMS(kind, 96), WARPLADDER_16_SUMS(kind, 112)

// d0, d1, ...: numbers of the operands behind the sums. `signs`: the optional operands of a type.
#define WARPLADDER_WGMMA(n, sums, d0, d1, d2, type, kind, signs, ...)            \
  asm volatile(                                                                  \
      "{ .reg .pred accumulate;\n"                                               \
      "  setp.ne.b32 accumulate, %" #d2                                          \
      ", 0;\n"                                                                   \
      "  wgmma.mma_async.sync.aligned.m64n" #n type " {" WARPLADDER_NAMES_##sums \
      "}, %" #d0 ", %" #d1 ", accumulate" signs "; }"                            \
      : WARPLADDER_SUMS_##sums(kind)                                             \
      : "l"(a.bits), "l"(b.bits), "r"(int(accumulate))__VA_OPT__(, ) __VA_ARGS__)

#define WARPLADDER_WGMMA_TYPES(n, sums, d0, d1, d2, d3, d4)                                     \
  if constexpr (std::is_same_v<In, __nv_bfloat16>)                                              \
    WARPLADDER_WGMMA(n, sums, d0, d1, d2, "k16.f32.bf16.bf16", "+f", ", 1, 1, %" #d3 ", %" #d4, \
                     "n"(turn_a), "n"(turn_b));                                                 \
  else if constexpr (std::is_same_v<In, __half>)                                                \
    WARPLADDER_WGMMA(n, sums, d0, d1, d2, "k16.f32.f16.f16", "+f", ", 1, 1, %" #d3 ", %" #d4,   \
                     "n"(turn_a), "n"(turn_b));                                                 \
  else if constexpr (std::is_same_v<In, float>)                                                 \
    WARPLADDER_WGMMA(n, sums, d0, d1, d2, "k8.f32.tf32.tf32", "+f", ", 1, 1");                  \
  else if constexpr (std::is_same_v<In, __nv_fp8_e4m3>)                                         \
    WARPLADDER_WGMMA(n, sums, d0, d1, d2, "k32.f32.e4m3.e4m3", "+f", ", 1, 1");                 \
  else if constexpr (std::is_same_v<In, __nv_fp8_e5m2>)                                         \
    WARPLADDER_WGMMA(n, sums, d0, d1, d2, "k32.f32.e5m2.e5m2", "+f", ", 1, 1");                 \
  else                                                                                          \
    WARPLADDER_WGMMA(n, sums, d0, d1, d2, "k32.s32.s8.s8", "+r", "")

template <class In, int N, operand_major MajorA, operand_major MajorB>
WARPLADDER_ENGINE void warpgroup_products::start(warpgroup_sum_t<In> (&sum)[N / 2],
                                                 matrix_descriptor a, matrix_descriptor b,
                                                 bool accumulate) {
  constexpr int turn_a = MajorA == operand_major::outer, turn_b = MajorB == operand_major::outer;
  static_assert(sizeof(In) == 2 || (turn_a == 0 && turn_b == 0),
                "only 16-bit operands may be major along m or n");
  static_assert(N == 16 || N == 32 || N == 64 || N == 96 || N == 128 || N == 160 || N == 176 ||
                N == 192 || N == 256);
  if constexpr (N == 16)
    WARPLADDER_WGMMA_TYPES(16, 8, 8, 9, 10, 11, 12);
  else if constexpr (N == 32)
    WARPLADDER_WGMMA_TYPES(32, 16, 16, 17, 18, 19, 20);
  else if constexpr (N == 64)
    WARPLADDER_WGMMA_TYPES(64, 32, 32, 33, 34, 35, 36);
  else if constexpr (N == 96)
    WARPLADDER_WGMMA_TYPES(96, 48, 48, 49, 50, 51, 52);
  else if constexpr (N == 128)
    WARPLADDER_WGMMA_TYPES(128, 64, 64, 65, 66, 67, 68);
  else if constexpr (N == 160)
    WARPLADDER_WGMMA_TYPES(160, 80, 80, 81, 82, 83, 84);
  else if constexpr (N == 176)
    WARPLADDER_WGMMA_TYPES(176, 88, 88, 89, 90, 91, 92);
  else if constexpr (N == 192)
    WARPLADDER_WGMMA_TYPES(192, 96, 96, 97, 98, 99, 100);
  else
    WARPLADDER_WGMMA_TYPES(256, 128, 128, 129, 130, 131, 132);
}

#undef WARPLADDER_TEN
#undef WARPLADDER_NAMES_8
#undef WARPLADDER_NAMES_16
#undef WARPLADDER_NAMES_32
#undef WARPLADDER_NAMES_48
#undef WARPLADDER_NAMES_64
#undef WARPLADDER_NAMES_80
#undef WARPLADDER_NAMES_88
#undef WARPLADDER_NAMES_96
#undef WARPLADDER_NAMES_128
#undef WARPLADDER_4_SUMS
#undef WARPLADDER_16_SUMS
#undef WARPLADDER_SUMS_8
#undef WARPLADDER_SUMS_16
#undef WARPLADDER_SUMS_32
#undef WARPLADDER_SUMS_48
#undef WARPLADDER_SUMS_64
#undef WARPLADDER_SUMS_80
#undef WARPLADDER_SUMS_88
#undef WARPLADDER_SUMS_96
#undef WARPLADDER_SUMS_128
#undef WARPLADDER_WGMMA
#undef WARPLADDER_WGMMA_TYPES

template <int Registers>
__device__ __forceinline__ void shrink_registers() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(Registers));
}
template <int Registers>
__device__ __forceinline__ void grow_registers() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(Registers));
}

#else

WARPLADDER_ENGINE void warpgroup_products::begin() {
  __trap();
}
WARPLADDER_ENGINE void warpgroup_products::commit() {
  __trap();
}
template <int Groups>
WARPLADDER_ENGINE void warpgroup_products::wait() {
  __trap();
}
template <class In, int N, operand_major MajorA, operand_major MajorB>
WARPLADDER_ENGINE void warpgroup_products::start(warpgroup_sum_t<In> (&)[N / 2], matrix_descriptor,
                                                 matrix_descriptor, bool) {
  __trap();
}
template <int Registers>
__device__ __forceinline__ void shrink_registers() {}
template <int Registers>
__device__ __forceinline__ void grow_registers() {}

#endif

__device__ __forceinline__ void fence_for_engines() {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
#endif
}

__device__ __forceinline__ void numbered_barrier(int number, int threads) {
  asm volatile("bar.sync %0, %1;" ::"r"(number), "r"(threads) : "memory");
}

#endif

/// Can the current device run warpgroup products with the code that it was given? True on the host
/// executor; on a GPU of compute capability 9.0 if this was compiled for sm_90a. A thread asks the
/// runtime once, and again when its device has changed; legal under capture.
inline bool warpgroup_mma_available() {
#ifdef WARPLADDER_HOST_EXECUTOR
  return true;
#else
  thread_local int asked_device = -1;
  thread_local bool available = false;
  int device = 0;
  if (cudaGetDevice(&device) != cudaSuccess) return false;
  if (device != asked_device) {
    cudaFuncAttributes attributes;
    const bool has_code =
        cudaFuncGetAttributes(&attributes, detail::warpgroup_mma_probe<0>) == cudaSuccess;
    if (!has_code) cudaGetLastError();  // for no target of this device: the launch will say so
    available = has_code && attributes.sharedSizeBytes > 0;
    asked_device = device;
  }
  return available;
#endif
}

}  // namespace warpladder
