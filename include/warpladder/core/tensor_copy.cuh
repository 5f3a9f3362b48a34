// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <warpladder/core/transaction_barrier.cuh>
#ifndef WARPLADDER_HOST_EXECUTOR
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

/// Starts the copy of the map's box at (row, col), any part of which may lie outside the matrix, to
/// `shared` (16-byte aligned, 1024 if swizzled); `barrier` counts all bytes of the box. Called by
/// one thread.
__device__ __forceinline__ void tensor_copy(float* shared, const tensor_map& map, int row, int col,
                                            transaction_barrier& barrier);

#ifdef WARPLADDER_HOST_EXECUTOR

__forceinline__ void tensor_copy(float* shared, const tensor_map& map, int row, int col,
                                 transaction_barrier& barrier) {
  const std::uintptr_t alignment = map.swizzle ? 1024 : 16;
  if (reinterpret_cast<std::uintptr_t>(shared) % alignment != 0) __trap();
  const auto copy_box = [](const transaction_barrier::pending_copy& copy) SIMT_UNTRACED {
    const auto& map = *static_cast<const tensor_map*>(copy.from);
    float* const to = static_cast<float*>(copy.to);
    for (int r = 0; r < map.box_rows; ++r) {
      for (int c = 0; c < map.box_cols; ++c) {
        const std::int64_t row = copy.row + std::int64_t{r}, col = copy.col + std::int64_t{c};
        const int piece = map.swizzle ? c / 4 ^ r % 8 : c / 4;
        to[r * map.box_cols + piece * 4 + c % 4] =
            row < map.rows && col < map.cols ? map.base[row * map.ld + col] : 0.0f;
      }
    }
  };
  const auto bytes = static_cast<unsigned>(map.box_cols * map.box_rows * sizeof(float));
  const std::int64_t cols_inside = map.cols - col < map.box_cols ? map.cols - col : map.box_cols;
  for (std::int64_t r = row; r < row + map.box_rows && r < map.rows && cols_inside > 0; ++r)
    simt::trace::note_bulk_read(map.base + r * map.ld + col, unsigned(cols_inside * sizeof(float)));
  simt::trace::note_bulk_copy_begins(shared, bytes);
  barrier.add_pending({copy_box, shared, &map, bytes, row, col});
}

#elif !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900

__device__ __forceinline__ void tensor_copy(float* shared, const tensor_map& map, int row, int col,
                                            transaction_barrier& barrier) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes "
      "[%0], [%1, {%2, %3}], [%4];" ::"r"(static_cast<unsigned>(__cvta_generic_to_shared(shared))),
      "l"(&map), "r"(col), "r"(row), "r"(barrier.address())
      : "memory");
}

#else

__device__ __forceinline__ void tensor_copy(float*, const tensor_map&, int, int,
                                            transaction_barrier&) {
  __trap();
}

#endif

}  // namespace warpladder
