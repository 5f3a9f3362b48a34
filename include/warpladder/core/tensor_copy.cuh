// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <type_traits>
#include <warpladder/core/bulk_copy.cuh>
#include <warpladder/core/transaction_barrier.cuh>
#ifdef WARPLADDER_HOST_EXECUTOR
#include <cstddef>
#include <cstring>
#else
#include <cuda.h>
#include <cudaTypedefs.h>
#endif

// The tensor memory accelerator (TMA) of compute capability 9.0: one thread asks for a whole
// two-dimensional box of a matrix, the copy engine computes every address, fills what lies outside
// the matrix with zeros and counts the bytes on a barrier in shared memory. No register, no
// predicate, no instruction per element. PTX ISA, "Asynchronous copy: Tensor copy" and "mbarrier";
// CUDA driver API, "Tensor Map Object Management".
//
// The device instruction and its host meaning stand side by side. Compiles for older devices, but
// traps there: rungs that use it say min_compute_capability 90.

namespace warpladder {

/// Row-major matrices in global memory, all of one shape and `stride` elements apart, and the box
/// that one copy moves.
template <class T>
struct tensor_shape {
  const T* base;
  std::int64_t rows, cols, ld;  ///< of one matrix; ld: elements from row to row
  int box_rows, box_cols;       ///< each 1..256; a row of the box is a multiple of 16 bytes
  /// A row of the box is 128 bytes and its target aligned to 1024: the 16-byte piece i of row r
  /// lands at piece i ^ (r % 8), so that 8 rows read at one column lie in 8 groups of 4 banks.
  bool swizzle = false;
  std::int64_t matrices = 1, stride = 0;  ///< stride > 0 if there are several
  int box_matrices = 1;                   ///< a box has so many boxes, one behind the other
};

/// A tensor_shape as the copy engine wants it. Passed to kernels by value as
/// `const __grid_constant__ tensor_map`.
struct tensor_map {
#ifdef WARPLADDER_HOST_EXECUTOR
  std::byte* base;
  std::int64_t cols, rows, matrices, ld, stride;  // ld, stride in bytes
  int element_bytes, box_cols, box_rows, box_matrices;
  bool swizzle;
#else
  CUtensorMap native;
#endif
};

/// True if matrices can have a tensor map: 16-byte aligned, rows (and matrices, if more than one)
/// a multiple of 16 bytes apart.
template <class T>
bool can_tensor_map(const T* base, std::int64_t ld, std::int64_t stride = 0) {
  constexpr std::int64_t unit = 16 / sizeof(T);
  return reinterpret_cast<std::uintptr_t>(base) % 16 == 0 && ld % unit == 0 && stride % unit == 0 &&
         ld < (std::int64_t{1} << 40) / std::int64_t(sizeof(T)) &&
         stride < (std::int64_t{1} << 40) / std::int64_t(sizeof(T));
}

/// Host only, no device work, legal under capture, about a microsecond. The driver's entry point is
/// fetched through the runtime: nothing links to libcuda.
template <class T>
cudaError_t make_tensor_map(tensor_map& map, const tensor_shape<T>& of) {
  if (of.rows < 1 || of.cols < 1 || of.matrices < 1 || (of.matrices > 1 && of.stride == 0) ||
      !can_tensor_map(of.base, of.ld, of.stride))
    return cudaErrorInvalidValue;
#ifdef WARPLADDER_HOST_EXECUTOR
  constexpr int bytes = sizeof(T);
  map = {reinterpret_cast<std::byte*>(const_cast<T*>(of.base)),
         of.cols,
         of.rows,
         of.matrices,
         of.ld * bytes,
         of.stride * bytes,
         bytes,
         of.box_cols,
         of.box_rows,
         of.box_matrices,
         of.swizzle};
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
  // Bytes are moved, not numbers: the type matters only where something is converted or filled in.
  constexpr CUtensorMapDataType type = sizeof(T) == 1   ? CU_TENSOR_MAP_DATA_TYPE_UINT8
                                       : sizeof(T) == 2 ? CU_TENSOR_MAP_DATA_TYPE_UINT16
                                                        : CU_TENSOR_MAP_DATA_TYPE_UINT32;
  static_assert(sizeof(T) == 1 || sizeof(T) == 2 || sizeof(T) == 4);
  const cuuint64_t sizes[] = {cuuint64_t(of.cols), cuuint64_t(of.rows), cuuint64_t(of.matrices)};
  // With one matrix the distance is never used, but must be legal.
  const std::int64_t stride = of.stride != 0 ? of.stride : of.ld;
  const cuuint64_t distances[] = {cuuint64_t(of.ld) * sizeof(T), cuuint64_t(stride) * sizeof(T)};
  const cuuint32_t box[] = {cuuint32_t(of.box_cols), cuuint32_t(of.box_rows),
                            cuuint32_t(of.box_matrices)};
  const cuuint32_t steps[] = {1, 1, 1};
  const CUresult result =
      encode(&map.native, type, 3, const_cast<T*>(of.base), sizes, distances, box, steps,
             CU_TENSOR_MAP_INTERLEAVE_NONE,
             of.swizzle ? CU_TENSOR_MAP_SWIZZLE_128B : CU_TENSOR_MAP_SWIZZLE_NONE,
             CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  return result == CUDA_SUCCESS ? cudaSuccess : cudaErrorInvalidValue;
#endif
}

/// Asks for a map ahead of the first copy, which would wait about half a microsecond for it. Maps
/// are parameters of a kernel: this may come before the kernels that write the matrices have ended.
/// Not for a map that was never made.
__device__ __forceinline__ void prefetch_tensor_map(const tensor_map& map);

/// Starts the copy of the map's box at (row, col) of matrix `matrix` (and the next ones, if a box
/// has several), any part of which may lie outside the matrix, to `shared` (16-byte aligned, 1024
/// if swizzled); `barrier` counts all bytes of the box. Called by one thread.
__device__ __forceinline__ void tensor_copy(void* shared, const tensor_map& map, int row, int col,
                                            transaction_barrier& barrier, int matrix = 0);

/// The same box into the shared memory of every block of the cluster whose bit is set in `ranks`,
/// at the place that `shared` has in this block; the same barrier of each counts it there.
__device__ __forceinline__ void tensor_copy_multicast(void* shared, const tensor_map& map, int row,
                                                      int col, transaction_barrier& barrier,
                                                      unsigned ranks, int matrix = 0);

/// Starts the copy of a box in shared memory to (row, col); rows outside of the matrix are left
/// out, and columns by 16 bytes: where a row of the matrix ends inside of 16 bytes, all of them are
/// written (as seen on an H100). It belongs to the thread's next group of `stores`: bulk_copy.cuh.
__device__ __forceinline__ void tensor_store(bulk_stores& stores, const tensor_map& map, int row,
                                             int col, const void* shared, int matrix = 0);

#ifdef WARPLADDER_HOST_EXECUTOR

namespace detail {

/// Calls visit(place in the box, element in global memory or nullptr) for each element of a box;
/// from `cols` on columns are outside.
template <class Visit>
SIMT_UNTRACED void for_each_in_box(const tensor_map& map, std::int64_t cols, std::int64_t first_row,
                                   std::int64_t first_col, std::int64_t first_matrix,
                                   const Visit& visit) {
  const int per_piece = 16 / map.element_bytes;
  for (int i = 0; i < map.box_matrices * map.box_rows; ++i) {  // rows of all boxes
    const std::int64_t matrix = first_matrix + i / map.box_rows, row = first_row + i % map.box_rows;
    for (int c = 0; c < map.box_cols; ++c) {
      const std::int64_t col = first_col + c;
      const int piece = map.swizzle ? c / per_piece ^ i % 8 : c / per_piece;
      const bool inside = row >= 0 && row < map.rows && col >= 0 && col < cols && matrix >= 0 &&
                          matrix < map.matrices;
      visit((i * map.box_cols + piece * per_piece + c % per_piece) * map.element_bytes,
            inside ? map.base + matrix * map.stride + row * map.ld + col * map.element_bytes
                   : nullptr);
    }
  }
}

inline unsigned box_bytes(const tensor_map& map) {
  return unsigned(map.box_cols * map.box_rows * map.box_matrices * map.element_bytes);
}

inline void check_box(const tensor_map& map, const void* shared) {
  const std::uintptr_t alignment = map.swizzle ? 1024 : 16;
  if (reinterpret_cast<std::uintptr_t>(shared) % alignment != 0) __trap();
  if (map.swizzle && map.box_cols * map.element_bytes != 128) __trap();
}

/// Tells traced mode which rows of a box lie inside the matrix; inline, so that it knows who asks.
template <class Note>
__forceinline__ void note_rows(const tensor_map& map, int row, int col, int matrix,
                               const Note& note) {
  const std::int64_t cols_inside = map.cols - col < map.box_cols ? map.cols - col : map.box_cols;
  for (std::int64_t of = matrix; of < matrix + map.box_matrices && of < map.matrices; ++of) {
    for (std::int64_t r = row; r < row + map.box_rows && r < map.rows && cols_inside > 0; ++r)
      note(map.base + of * map.stride + r * map.ld + col * map.element_bytes,
           unsigned(cols_inside * map.element_bytes));
  }
}

__forceinline__ void copy_box_to(transaction_barrier& barrier, void* shared, const tensor_map& map,
                                 int row, int col, int matrix) {
  const auto copy_box = [](const transaction_barrier::pending_copy& copy) SIMT_UNTRACED {
    const auto& map = *static_cast<const tensor_map*>(copy.from);
    auto* const to = static_cast<std::byte*>(copy.to);
    for_each_in_box(map, map.cols, copy.row, copy.col, copy.matrix,
                    [&](int at, const std::byte* from) {
                      if (from != nullptr) {
                        std::memcpy(to + at, from, std::size_t(map.element_bytes));
                      } else {
                        std::memset(to + at, 0, std::size_t(map.element_bytes));
                      }
                    });
  };
  simt::trace::note_bulk_copy_begins(shared, box_bytes(map));
  // The map is a parameter of the thread, which may end before its copies do.
  const void* const kept = simt::detail::kept_by_launch(&map, sizeof map);
  barrier.add_pending({copy_box, shared, kept, box_bytes(map), row, col, matrix});
}

}  // namespace detail

__forceinline__ void prefetch_tensor_map(const tensor_map& map) {
  if (map.base == nullptr) __trap();
}

__forceinline__ void tensor_copy(void* shared, const tensor_map& map, int row, int col,
                                 transaction_barrier& barrier, int matrix) {
  detail::check_box(map, shared);
  detail::note_rows(map, row, col, matrix, simt::trace::note_bulk_read);
  detail::copy_box_to(barrier, shared, map, row, col, matrix);
}

__forceinline__ void tensor_copy_multicast(void* shared, const tensor_map& map, int row, int col,
                                           transaction_barrier& barrier, unsigned ranks,
                                           int matrix) {
  detail::check_box(map, shared);
  detail::note_rows(map, row, col, matrix, simt::trace::note_bulk_read);
  for (unsigned rank = 0; ranks >> rank != 0; ++rank) {
    if ((ranks >> rank & 1) == 0) continue;
    detail::copy_box_to(barrier.of_block(rank),
                        simt::detail::map_shared(shared, rank, simt::site::current()), map, row,
                        col, matrix);
  }
}

__forceinline__ void tensor_store(bulk_stores& stores, const tensor_map& map, int row, int col,
                                  const void* shared, int matrix) {
  detail::check_box(map, shared);
  simt::trace::note_bulk_source(shared, detail::box_bytes(map));
  detail::note_rows(map, row, col, matrix, simt::trace::note_bulk_write);
  const auto copy_box = [](const bulk_stores::pending_copy& copy) SIMT_UNTRACED {
    const auto& map = *static_cast<const tensor_map*>(copy.to);
    const auto* const from = static_cast<const std::byte*>(copy.from);
    const int unit = 16 / map.element_bytes;
    const std::int64_t cols = (map.cols + unit - 1) / unit * unit;
    detail::for_each_in_box(map, cols, copy.row, copy.col, copy.matrix, [&](int at, std::byte* to) {
      if (to != nullptr) std::memcpy(to, from + at, std::size_t(map.element_bytes));
    });
  };
  stores.add_pending({copy_box, const_cast<tensor_map*>(&map), shared, detail::box_bytes(map), row,
                      col, matrix, 0});
}

#elif !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900

__device__ __forceinline__ void prefetch_tensor_map(const tensor_map& map) {
  asm volatile("prefetch.tensormap [%0];" ::"l"(&map) : "memory");
}

__device__ __forceinline__ void tensor_copy(void* shared, const tensor_map& map, int row, int col,
                                            transaction_barrier& barrier, int matrix) {
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes "
      "[%0], [%1, {%2, %3, %4}], [%5];" ::"r"(
          static_cast<unsigned>(__cvta_generic_to_shared(shared))),
      "l"(&map), "r"(col), "r"(row), "r"(matrix), "r"(barrier.address())
      : "memory");
}

__device__ __forceinline__ void tensor_copy_multicast(void* shared, const tensor_map& map, int row,
                                                      int col, transaction_barrier& barrier,
                                                      unsigned ranks, int matrix) {
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes"
      ".multicast::cluster [%0], [%1, {%2, %3, %4}], [%5], %6;" ::"r"(
          static_cast<unsigned>(__cvta_generic_to_shared(shared))),
      "l"(&map), "r"(col), "r"(row), "r"(matrix), "r"(barrier.address()),
      "h"(static_cast<unsigned short>(ranks))
      : "memory");
}

__device__ __forceinline__ void tensor_store(bulk_stores&, const tensor_map& map, int row, int col,
                                             const void* shared, int matrix) {
  asm volatile(
      "cp.async.bulk.tensor.3d.global.shared::cta.bulk_group [%0, {%1, %2, %3}], [%4];" ::"l"(&map),
      "r"(col), "r"(row), "r"(matrix), "r"(static_cast<unsigned>(__cvta_generic_to_shared(shared)))
      : "memory");
}

#else

__device__ __forceinline__ void prefetch_tensor_map(const tensor_map&) {
  __trap();
}
__device__ __forceinline__ void tensor_copy(void*, const tensor_map&, int, int,
                                            transaction_barrier&, int) {
  __trap();
}
__device__ __forceinline__ void tensor_copy_multicast(void*, const tensor_map&, int, int,
                                                      transaction_barrier&, unsigned, int) {
  __trap();
}
__device__ __forceinline__ void tensor_store(bulk_stores&, const tensor_map&, int, int, const void*,
                                             int) {
  __trap();
}

#endif

}  // namespace warpladder
