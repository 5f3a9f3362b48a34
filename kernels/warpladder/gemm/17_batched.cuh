// SPDX-License-Identifier: Apache-2.0
//
// 17 batched. Before: a product of 32 x 32 matrices occupies one multiprocessor for about 2 us, of
// which 0.2 us is arithmetic, and every launch costs 3.3 us in a stream.
//
// Idea: many small products in one launch, the batch in the grid. Each multiprocessor holds many
// blocks, and while one waits for memory or at a barrier the others compute: latency is hidden by
// other products instead of by clever staging. Hence the opposite tuning of slice_k: small blocks
// (128 threads, 18 KiB of shared memory: 6 on a multiprocessor), two slices, a shallow pipeline.
// Strides are free, 0 shares an input among all products. The grid has 65535 rows of blocks along
// z: a longer batch is walked in steps of gridDim.z.
//
// Traffic: 32 x 32 x 32 reads and writes 12 KiB and multiplies 32768 times: limited by device
// memory, 4 ns per product and at best, as long as the batch fills the machine (132 * 6 blocks).
#pragma once

#include <warpladder/gemm/14_slice_k.cuh>

namespace warpladder::gemm {

template <class Tuning>
__global__ void __launch_bounds__(Tuning::threads, Tuning::blocks)
    batched_kernel(problem<float> p, slice_k_wide wide) {
  const std::int64_t row0 = std::int64_t(blockIdx.y) * Tuning::tile_m;
  const std::int64_t column0 = std::int64_t(blockIdx.x) * Tuning::tile_n;
  const float *a = p.a, *b = p.b;
  for (std::int64_t item = blockIdx.z; item < p.batch; item += gridDim.z) {
    p.a = a + item * p.stride_a;
    p.b = b + item * p.stride_b;
    float* c = p.c + item * p.stride_c;
    slice_k_tile<Tuning>(p, wide, row0, column0, 0, p.depth(), dynamic_shared<float>(),
                         [&](int row, int column, float sum) {
                           if (row0 + row < p.m && column0 + column < p.n)
                             store_scaled(&c[(row0 + row) * p.ldc + column0 + column], sum, p.alpha,
                                          p.beta);
                         });
    __syncthreads();  // the partial sums have been read: the next panels may land on them
  }
}

struct batched {
  static constexpr rung_info info{.step = 17,
                                  .name = "batched",
                                  .idea = "many products per launch hide each other's latency",
                                  .min_compute_capability = 80};
  using tuning = slice_k_tuning<32, 32, 4, 4, 2, 32, 2, 6>;

  static support supports(const problem<float>& p) {
    if (ceil_div<std::int64_t>(p.m, tuning::tile_m) > 65535) return {"m exceeds grid.y"};
    return {};
  }

  static std::size_t workspace_bytes(const problem<float>&) { return 0; }

  template <class Tuning = tuning>
  static cudaError_t launch_tuned(const problem<float>& p, cudaStream_t stream) {
    if (p.is_empty()) return cudaSuccess;
    const dim3 grid(ceil_div<std::int64_t>(p.n, Tuning::tile_n),
                    ceil_div<std::int64_t>(p.m, Tuning::tile_m),
                    std::min<std::int64_t>(p.batch, 65535));
    return warpladder::launch_kernel(batched_kernel<Tuning>,
                                     {.grid = grid,
                                      .block = dim3(Tuning::threads),
                                      .shared_bytes = slice_k_shared_bytes<Tuning>(p.depth()),
                                      .stream = stream},
                                     p, slice_k_choose_wide(p));
  }

  static cudaError_t launch(const problem<float>& p, cudaStream_t stream, workspace_view) {
    return launch_tuned(p, stream);
  }
};

}  // namespace warpladder::gemm
