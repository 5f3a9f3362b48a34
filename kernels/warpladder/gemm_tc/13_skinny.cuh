// SPDX-License-Identifier: Apache-2.0
//
// 13 skinny. Before: a product with few rows, such as one step of a language model for 1 to 64
// sequences, is a sliver of a tile, and its time is that of reading the weights once.
//
// Idea: nothing between memory and the tensor cores. Let the large matrix be the 16-row operand of
// mma.sync and the few rows the 8-row one: C^T = B^T A^T if m is small. Which k stands where in a
// fragment is free as long as both operands agree (detail/direct_operand.cuh), so every lane loads
// 16 bytes that are its fragment: no shared memory, no ldmatrix, no barrier until the end. The
// warps of a block slice k between them and walk independently, many loads each in flight; their
// sums meet in shared memory once, in the order of the slices.
//
// Arithmetic, m <= 8: two mma for 1 KiB of weights, and as many for each further 8 rows. Even with
// one row, where 7/8 of the mma is padding, that is less than the 16 conversions and 16
// multiply-adds that a warp would need for 1 KiB otherwise.
//
// Bytes in flight: 3.0 TB/s * 0.7 us / 132 SMs = 16 KB, from L2 about twice that. A warp has 4 to 8
// KiB of weights in flight, an SM 16 warps: 64 KiB or more. Where weights come from device memory,
// a block asks L2 for its first ones while the kernel before it still runs.
//
// Predicted, 8 x 4096 x 4096 of bf16: 32 MiB from L2 at 5.5 TB/s: 6.1 us, and 2 us to start, fill
// the pipe and add up. 8 x 14336 x 4096: 112 MiB from device memory at 3.0 TB/s: 39 us.
// Limited by: the memory of the weights, which is the vendor's limit too. And every block of 16 or
// 32 weights reads the few rows anew, from L2: at 16 rows half as many bytes as weights, at 64 rows
// twice as many -> shared memory and larger tiles: 12, or the rungs of wgmma.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <warpladder/core/dependent_launch.cuh>
#include <warpladder/core/device.hpp>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/math.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/core/shared_memory.cuh>
#include <warpladder/core/warp_mma.cuh>
#include <warpladder/gemm_tc/detail/direct_operand.cuh>
#include <warpladder/gemm_tc/problem.hpp>

namespace warpladder::gemm_tc {

/// A warp computes 16 * Strips rows of x times 8 * Groups rows of y, `Chunks` chunks of k at a
/// time. A block has `Across` of them side by side along x, each `Slices` times with another part
/// of k. `Blocks` are to fit on a multiprocessor: it bounds the registers.
template <int Strips, int Groups, int Chunks, int Across, int Slices, int Blocks>
struct direct_tuning {
  static constexpr int strips = Strips, groups = Groups, chunks = Chunks, across = Across;
  static constexpr int slices = Slices, blocks = Blocks, threads = 32 * Across * Slices;
  static constexpr int warp_x = 16 * Strips, tile_x = warp_x * Across, tile_y = 8 * Groups;
  // Lanes that hold neighbours along x, and pairs along y, hit 32 different banks.
  static constexpr int pitch = tile_x + 4;
  static constexpr std::size_t shared_bytes = std::size_t{4} * Slices * tile_y * pitch;
};

/// A product seen from its 16-row operand: C(i, j) or C(j, i) = sum over k of x(i, k) * y(j, k).
template <class In>
struct direct_view {
  detail::direct_matrix<In> x, y;
  bool x_is_a;  // its rows are rows of C, not columns

  template <class Problem>
  direct_view(const Problem& p, bool x_is_a)
      : x{p.b, p.b_col(), p.b_row(), p.stride_b, p.n},
        y{p.a, p.a_row(), p.a_col(), p.stride_a, p.m},
        x_is_a(x_is_a) {
    if (x_is_a) std::swap(x, y);
    if (p.k == 1) x.k_stride = y.k_stride = 0;  // walked by nobody, so it may be of any size
  }
};

/// Grid: tiles of x, tiles of y, batch. With `reads_ahead` L2 is asked for the first loads of x
/// while the kernel before this one still runs.
template <class Tuning, detail::direct_layout LayoutX, detail::direct_layout LayoutY, class Problem>
__global__ void __launch_bounds__(Tuning::threads, Tuning::blocks)
    direct_kernel(Problem p, direct_view<typename Problem::input> v, bool reads_ahead) {
  using input = typename Problem::input;
  using scalar = typename Problem::scalar;
  using operand_x = detail::direct_operand<input, 2 * Tuning::strips, LayoutX, reuse::none>;
  using operand_y = detail::direct_operand<input, Tuning::groups, LayoutY, reuse::likely>;
  const int warp = int(threadIdx.x / 32), lane = int(threadIdx.x % 32);
  const int strip_x = warp % Tuning::across * Tuning::warp_x, slice = warp / Tuning::across;
  const unsigned first_x = blockIdx.x * Tuning::tile_x, first_y = blockIdx.y * Tuning::tile_y;
  const unsigned batch = blockIdx.z;

  let_next_kernel_start();
  scalar sum[Tuning::strips][Tuning::groups][4] = {};
  constexpr int step = Tuning::chunks * operand_x::chunk;
  const int k_end = p.depth();
  int k = slice * step;
  if (k < k_end) {
    const operand_x x(v.x, first_x + strip_x, batch);
    const operand_y y(v.y, first_y, batch);
    if (reads_ahead) {
#pragma unroll
      for (int c = 0; c < Tuning::chunks; ++c) x.prefetch(k + c * operand_x::chunk, k_end);
    }
    wait_for_kernels_before();
#pragma unroll 1
    do {
      typename operand_x::packet px[Tuning::chunks];
      typename operand_y::packet py[Tuning::chunks];
#pragma unroll
      for (int c = 0; c < Tuning::chunks; ++c) {
        x.load(px[c], k + c * operand_x::chunk, k_end);
        y.load(py[c], k + c * operand_x::chunk, k_end);
      }
#pragma unroll
      for (int i = 0; i < 2 * Tuning::chunks; ++i) {
        const auto& from_x = px[i / 2];
        const auto& from_y = py[i / 2];
        const int low = i % 2 * 2, high = low + 1;  // the words that are q and q + 4 to mma
#pragma unroll
        for (int strip = 0; strip < Tuning::strips; ++strip) {
          const unsigned a[4] = {operand_x::word(from_x, 2 * strip, low),
                                 operand_x::word(from_x, 2 * strip + 1, low),
                                 operand_x::word(from_x, 2 * strip, high),
                                 operand_x::word(from_x, 2 * strip + 1, high)};
#pragma unroll
          for (int group = 0; group < Tuning::groups; ++group) {
            const unsigned b[2] = {operand_y::word(from_y, group, low),
                                   operand_y::word(from_y, group, high)};
            warp_mma<input>::multiply_add(sum[strip][group], a, b);
          }
        }
      }
      k += Tuning::slices * step;
    } while (k < k_end);
  } else {
    wait_for_kernels_before();
  }

  constexpr int part = Tuning::tile_y * Tuning::pitch;  // one slice's sums
  scalar* const shared = dynamic_shared<scalar>();
  scalar* const mine = shared + slice * part + lane % 4 * 2 * Tuning::pitch + strip_x + lane / 4;
#pragma unroll
  for (int strip = 0; strip < Tuning::strips; ++strip)
#pragma unroll
    for (int group = 0; group < Tuning::groups; ++group)
#pragma unroll
      for (int i = 0; i < 4; ++i)
        mine[(8 * group + i % 2) * Tuning::pitch + 16 * strip + i / 2 * 8] = sum[strip][group][i];
  __syncthreads();

  const int rows_x = int(min(v.x.rows - first_x, std::int64_t{Tuning::tile_x}));
  const int rows_y = int(min(v.y.rows - first_y, std::int64_t{Tuning::tile_y}));
  // Neighbouring threads write neighbours in C.
  const unsigned count = v.x_is_a ? rows_x * Tuning::tile_y : rows_y * Tuning::tile_x;
#pragma unroll 1
  for (unsigned i = threadIdx.x; i < count; i += Tuning::threads) {
    const int at_x = v.x_is_a ? i / Tuning::tile_y : i % Tuning::tile_x;
    const int at_y = v.x_is_a ? i % Tuning::tile_y : i / Tuning::tile_x;
    if (at_x >= rows_x || at_y >= rows_y) continue;
    const scalar* const sums = shared + operand_y::place_of(at_y) * Tuning::pitch +
                               at_x / Tuning::warp_x * Tuning::warp_x +
                               operand_x::place_of(at_x % Tuning::warp_x);
    scalar total = 0;
#pragma unroll
    for (int s = 0; s < Tuning::slices; ++s) total = wrapping_add(total, sums[s * part]);
    const std::int64_t i_x = first_x + at_x, i_y = first_y + at_y;
    finish(p, total, v.x_is_a ? i_x : i_y, v.x_is_a ? i_y : i_x, batch);
  }
}

namespace detail {

/// How a launch follows the kernel before it.
struct direct_start {
  bool overlaps = true;      ///< it may be set up while that kernel still runs
  bool reads_ahead = false;  ///< and ask for its first loads of x
};

template <class Tuning, direct_layout LayoutX, direct_layout LayoutY, class Problem>
cudaError_t launch_direct(const Problem& p, const direct_view<typename Problem::input>& v,
                          cudaStream_t stream, direct_start start = {}) {
  const dim3 grid(unsigned(ceil_div<std::int64_t>(v.x.rows, Tuning::tile_x)),
                  unsigned(ceil_div<std::int64_t>(v.y.rows, Tuning::tile_y)), unsigned(p.batch));
  return warpladder::launch_kernel(direct_kernel<Tuning, LayoutX, LayoutY, Problem>,
                                   {.grid = grid,
                                    .block = dim3(Tuning::threads),
                                    .shared_bytes = Tuning::shared_bytes,
                                    .stream = stream,
                                    .overlaps_kernel_before = start.overlaps},
                                   p, v, start.reads_ahead);
}

}  // namespace detail

struct skinny {
  static constexpr rung_info info{.step = 13,
                                  .name = "skinny",
                                  .idea = "weights from memory straight into fragments",
                                  .min_compute_capability = 80};
  /// From 33 rows on the sums take up to 144 KiB of shared memory: blocks of compute capability 8.6
  /// and 8.9, which have 99, cannot be launched (cudaErrorInvalidValue).
  static constexpr int max_rows = 64;

  /// Weights that lie across: loads of 16 bytes need tiles of 64.
  template <int Groups>
  struct across_tuning {
    using narrow = direct_tuning<2, Groups, Groups == 1 ? 4 : Groups == 8 ? 1 : 2, 1, 16, 1>;
    using wide = direct_tuning<4, Groups, Groups == 8 ? 1 : 2, 1, 8, 1>;
  };

  template <class Problem>
  static support supports(const Problem& p) {
    using enum detail::direct_layout;
    if (p.is_empty()) return {};
    if (std::min(p.m, p.n) > max_rows) return {"neither m nor n is 64 or less"};
    if (p.batch > 65535) return {"batch exceeds grid.z"};
    if (p.k > 1 << 30) return {"k exceeds 2^30"};
    const view_of<Problem> v(p);
    if (v.layout_x == anyhow || v.layout_y == anyhow ||
        (v.layout_x == across && v.layout_y == across))
      return {"needs rows of whole, aligned 16 bytes, and k contiguous in one operand at least"};
    return {};
  }

  template <class Problem>
  static std::size_t workspace_bytes(const Problem&) {
    return 0;
  }

  template <class Problem>
  static cudaError_t launch(const Problem& p, cudaStream_t stream, workspace_view) {
    if (p.is_empty()) return cudaSuccess;
    device_facts device;
    if (const cudaError_t status = query_device(device); status != cudaSuccess) return status;
    const view_of<Problem> v(p);
    const std::int64_t row_bytes = p.k * std::int64_t{sizeof(typename Problem::input)};
    const std::int64_t bytes = v.x.rows * row_bytes * p.batch;
    // The halves of L2 keep copies of their own: weights that just fit are found at once only if
    // the same multiprocessor read them last time, and blocks that start early land anywhere.
    const choice which{
        .is_wide = v.x.rows * p.batch >= std::int64_t{64} * device.multiprocessors,
        .start = {.overlaps = bytes <= device.l2_bytes / 2 || bytes > device.l2_bytes,
                  .reads_ahead = bytes > device.l2_bytes}};
    switch (v.groups) {
      case 1:
        if (bytes <= device.l2_bytes)
          return start<direct_tuning<2, 1, 4, 1, 16, 1>, across_tuning<1>>(p, v, which, stream);
        if (row_bytes >= 8192)
          return start<direct_tuning<1, 1, 4, 1, 16, 1>, across_tuning<1>>(p, v, which, stream);
        return start<direct_tuning<1, 1, 4, 1, 8, 2>, across_tuning<1>>(p, v, which, stream);
      case 2:
        return start<direct_tuning<1, 2, 4, 1, 8, 2>, across_tuning<2>>(p, v, which, stream);
      case 4:
        if (which.is_wide)
          return start<direct_tuning<2, 4, 2, 1, 8, 2>, across_tuning<4>>(p, v, which, stream);
        return start<direct_tuning<2, 4, 2, 1, 16, 1>, across_tuning<4>>(p, v, which, stream);
      default:
        if (which.is_wide)
          return start<direct_tuning<4, 8, 1, 2, 4, 1>, across_tuning<8>>(p, v, which, stream);
        return start<direct_tuning<1, 8, 2, 2, 8, 1>, across_tuning<8>>(p, v, which, stream);
    }
  }

 private:
  struct choice {
    bool is_wide;  ///< tiles of 64 weights are blocks enough
    detail::direct_start start;
  };

  /// The larger operand is x. Groups: 8 rows each, a power of two.
  template <class Problem>
  struct view_of : direct_view<typename Problem::input> {
    int groups = 1;
    detail::direct_layout layout_x, layout_y;

    explicit view_of(const Problem& p) : direct_view<typename Problem::input>(p, p.m > p.n) {
      while (8 * groups < this->y.rows) groups *= 2;
      layout_x = this->x.layout(p.depth(), 2 * across_tuning<1>::narrow::strips, p.batch);
      layout_y = this->y.layout(p.depth(), groups, p.batch);
    }
  };

  template <class Along, class Across, class Problem>
  static cudaError_t start(const Problem& p, const view_of<Problem>& v, const choice& which,
                           cudaStream_t stream) {
    using enum detail::direct_layout;
    if (v.layout_x == along) {
      if (v.layout_y == along)
        return detail::launch_direct<Along, along, along>(p, v, stream, which.start);
      if constexpr (Along::groups * sizeof(typename Problem::input) >= 2)
        return detail::launch_direct<Along, along, across>(p, v, stream, which.start);
      return cudaErrorInvalidValue;  // which supports() said
    }
    using wide = typename Across::wide;
    if (which.is_wide && v.x.layout(p.depth(), 2 * wide::strips, p.batch) == v.layout_x)
      return detail::launch_direct<wide, across, along>(p, v, stream, which.start);
    return detail::launch_direct<typename Across::narrow, across, along>(p, v, stream, which.start);
  }
};

}  // namespace warpladder::gemm_tc
