// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#ifdef WARPLADDER_HOST_EXECUTOR
#include <cstring>
#else
#include <cuda.h>
#include <cudaTypedefs.h>
#endif

// The tensor memory accelerator (TMA) of compute capability 9.0: one thread asks for a whole
// two-dimensional box, the copy engine computes every address, fills what lies outside the matrix
// with zeros and counts the bytes on a barrier in shared memory. No register, no predicate, no
// instruction per element. PTX ISA, "Asynchronous copy: Tensor copy" and "mbarrier"; CUDA driver
// API, "Tensor Map Object Management".
//
// The device instruction and its host meaning stand side by side. Compiles for older devices, but
// traps there: rungs that use it say min_compute_capability 90.

namespace warpladder {

/// A row-major float matrix in global memory, and the box that one tensor_copy() moves. Passed to
/// kernels by value as `const __grid_constant__ tensor_map`.
struct tensor_map {
#ifdef WARPLADDER_HOST_EXECUTOR
  const float* base;
  std::int64_t cols, rows, ld;
  int box_cols, box_rows;
  bool swizzle;
#else
  CUtensorMap native;
#endif
};

/// True if a matrix can have a tensor map: 16-byte aligned, rows a multiple of 16 bytes apart.
inline bool can_tensor_map(const float* base, std::int64_t ld) {
  return reinterpret_cast<std::uintptr_t>(base) % 16 == 0 && ld % 4 == 0 &&
         ld < (std::int64_t{1} << 38);
}

/// Describes rows x cols elements at `base`, rows `ld` elements apart, moved in boxes of
/// box_rows x box_cols (each 1..256, box_cols a multiple of 4). The box lands densely, row by row;
/// with `swizzle` (box_cols == 32, target aligned to 1024 bytes) the 16-byte piece i of row r lands
/// at piece i ^ (r % 8), so that 8 rows read at one column lie in 8 different groups of 4 banks.
/// Host only, no device work, legal under capture, about a microsecond. The driver's entry point is
/// fetched through the runtime: nothing links to libcuda.
inline cudaError_t make_tensor_map(tensor_map& map, const float* base, std::int64_t rows,
                                   std::int64_t cols, std::int64_t ld, int box_rows, int box_cols,
                                   bool swizzle) {
  if (rows < 1 || cols < 1 || !can_tensor_map(base, ld)) return cudaErrorInvalidValue;
#ifdef WARPLADDER_HOST_EXECUTOR
  map = {base, cols, rows, ld, box_cols, box_rows, swizzle};
  return cudaSuccess;
#else
  static const auto encode = [] {
    void* entry = nullptr;
    cudaDriverEntryPointQueryResult found;
#if CUDART_VERSION >= 12050
    const cudaError_t status = cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &entry,
                                                                12000, cudaEnableDefault, &found);
#else
    const cudaError_t status =
        cudaGetDriverEntryPoint("cuTensorMapEncodeTiled", &entry, cudaEnableDefault, &found);
#endif
    if (status != cudaSuccess || found != cudaDriverEntryPointSuccess) entry = nullptr;
    return reinterpret_cast<PFN_cuTensorMapEncodeTiled_v12000>(entry);
  }();
  if (encode == nullptr) return cudaErrorNotSupported;
  const cuuint64_t sizes[] = {cuuint64_t(cols), cuuint64_t(rows)};
  const cuuint64_t row_bytes[] = {cuuint64_t(ld) * sizeof(float)};
  const cuuint32_t box[] = {cuuint32_t(box_cols), cuuint32_t(box_rows)};
  const cuuint32_t steps[] = {1, 1};
  const CUresult result =
      encode(&map.native, CU_TENSOR_MAP_DATA_TYPE_FLOAT32, 2, const_cast<float*>(base), sizes,
             row_bytes, box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE,
             swizzle ? CU_TENSOR_MAP_SWIZZLE_128B : CU_TENSOR_MAP_SWIZZLE_NONE,
             CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  return result == CUDA_SUCCESS ? cudaSuccess : cudaErrorInvalidValue;
#endif
}

/// A barrier in shared memory that completes a phase when its one arrival has come and all bytes
/// announced by it have landed. Phases have parity 0, 1, 0, ... Initialise it in one thread;
/// __syncthreads() before others use it.
class transaction_barrier {
 public:
  __device__ __forceinline__ void init();
  /// The arrival of the current phase, announcing `bytes` of copies.
  __device__ __forceinline__ void arrive_and_expect(unsigned bytes);
  /// Returns when the phase of this parity is complete; what its copies wrote is then visible.
  __device__ __forceinline__ void wait(unsigned parity);

#ifdef WARPLADDER_HOST_EXECUTOR
  void add_pending(float* to, const tensor_map& map, int col, int row);

 private:
  void complete_phase_if_due();

  struct pending_copy {
    float* to;
    const tensor_map* map;
    int col, row;
  };
  static constexpr int max_pending = 8;
  pending_copy copies_[max_pending];
  int pending_;
  unsigned bytes_expected_, parity_;
  bool arrived_;
#else
  __device__ __forceinline__ unsigned address() const {
    return static_cast<unsigned>(__cvta_generic_to_shared(&state_));
  }

 private:
  std::uint64_t state_;
#endif
};

/// Starts the copy of the map's box at (row, col), any part of which may lie outside the matrix, to
/// `shared` (16-byte aligned, 1024 if swizzled); `barrier` counts all bytes of the box. Called by
/// one thread.
__device__ __forceinline__ void tensor_copy(float* shared, const tensor_map& map, int row, int col,
                                            transaction_barrier& barrier);

#ifdef WARPLADDER_HOST_EXECUTOR

// The host copies when somebody waits for the phase, the latest moment that is legal: a missing
// wait reads old data.

inline void transaction_barrier::init() {
  pending_ = 0;
  bytes_expected_ = parity_ = 0;
  arrived_ = false;
}

inline void transaction_barrier::arrive_and_expect(unsigned bytes) {
  if (arrived_) complete_phase_if_due();
  if (arrived_) __trap();  // a second arrival while copies of the phase are still missing
  arrived_ = true;
  bytes_expected_ = bytes;
}

inline void transaction_barrier::add_pending(float* to, const tensor_map& map, int col, int row) {
  if (pending_ == max_pending) __trap();
  copies_[pending_++] = {to, &map, col, row};
}

inline void transaction_barrier::complete_phase_if_due() {
  unsigned bytes = 0;
  for (int i = 0; i < pending_; ++i)
    bytes += copies_[i].map->box_cols * copies_[i].map->box_rows * sizeof(float);
  if (!arrived_ || bytes != bytes_expected_) return;
  for (int i = 0; i < pending_; ++i) {
    const auto& [to, map, col, row] = copies_[i];
    for (int r = 0; r < map->box_rows; ++r) {
      for (int c = 0; c < map->box_cols; ++c) {
        const bool inside = row + std::int64_t{r} < map->rows && col + std::int64_t{c} < map->cols;
        const int piece = map->swizzle ? c / 4 ^ r % 8 : c / 4;
        to[r * map->box_cols + piece * 4 + c % 4] =
            inside ? map->base[(row + std::int64_t{r}) * map->ld + col + c] : 0.0f;
      }
    }
  }
  pending_ = 0;
  arrived_ = false;
  parity_ ^= 1;
}

inline void transaction_barrier::wait(unsigned parity) {
  for (int spins = 0;; ++spins) {
    complete_phase_if_due();
    if (parity_ != parity) return;
    if (spins == 1'000'000) __trap();  // nobody will ever complete this phase
    __nanosleep(32);
  }
}

inline void tensor_copy(float* shared, const tensor_map& map, int row, int col,
                        transaction_barrier& barrier) {
  const std::uintptr_t alignment = map.swizzle ? 1024 : 16;
  if (reinterpret_cast<std::uintptr_t>(shared) % alignment != 0) __trap();
  barrier.add_pending(shared, map, col, row);
}

#elif !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900

__device__ __forceinline__ void transaction_barrier::init() {
  asm volatile(
      "mbarrier.init.shared::cta.b64 [%0], 1;\n"
      "fence.proxy.async.shared::cta;"  // the copy engine must see it initialised
      ::"r"(address())
      : "memory");
}

__device__ __forceinline__ void transaction_barrier::arrive_and_expect(unsigned bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(address()), "r"(bytes)
               : "memory");
}

__device__ __forceinline__ void transaction_barrier::wait(unsigned parity) {
  unsigned done;
  do {
    asm volatile(
        "{ .reg .pred complete;\n"
        "  mbarrier.try_wait.parity.shared::cta.b64 complete, [%1], %2;\n"
        "  selp.u32 %0, 1, 0, complete; }"
        : "=r"(done)
        : "r"(address()), "r"(parity)
        : "memory");
  } while (done == 0);
}

__device__ __forceinline__ void tensor_copy(float* shared, const tensor_map& map, int row, int col,
                                            transaction_barrier& barrier) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes "
      "[%0], [%1, {%2, %3}], [%4];" ::"r"(static_cast<unsigned>(__cvta_generic_to_shared(shared))),
      "l"(&map), "r"(col), "r"(row), "r"(barrier.address())
      : "memory");
}

#else

__device__ __forceinline__ void transaction_barrier::init() {
  __trap();
}
__device__ __forceinline__ void transaction_barrier::arrive_and_expect(unsigned) {
  __trap();
}
__device__ __forceinline__ void transaction_barrier::wait(unsigned) {
  __trap();
}
__device__ __forceinline__ void tensor_copy(float*, const tensor_map&, int, int,
                                            transaction_barrier&) {
  __trap();
}

#endif

}  // namespace warpladder
