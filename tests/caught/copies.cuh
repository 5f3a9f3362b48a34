// SPDX-License-Identifier: Apache-2.0
//
// Copies that run behind the threads' backs: cp.async, and those of the copy engine.
#pragma once

#include <vector>
#include <warpladder/core/async_copy.cuh>
#include <warpladder/core/bulk_copy.cuh>
#include <warpladder/core/shared_memory.cuh>
#include <warpladder/core/tensor_copy.cuh>
#include <warpladder/core/warpgroup_mma.cuh>

#include "traced_specimen.hpp"

namespace warpladder::caught {

// ---- cp.async ----------------------------------------------------------------------------------

template <bool Bad>
__global__ void read_without_wait(const float* in, float* out) {
  __shared__ float tile[64];
  const unsigned t = threadIdx.x;
  async_copy<4>(&tile[t], in + t);  // BAD: asynchronous_copy_without_wait
  async_copy_commit();
  if constexpr (!Bad) async_copy_wait<0>();
  __syncthreads();
  out[t] = tile[t ^ 1];  // BAD: asynchronous_copy_without_wait
}

template <bool Bad>
__global__ void commit_forgotten(const float* in, float* out) {
  __shared__ float tile[64];
  const unsigned t = threadIdx.x;
  async_copy<4>(&tile[t], in + t);  // BAD: asynchronous_copy_never_committed
  if constexpr (!Bad) async_copy_commit();
  async_copy_wait<0>();
  out[t] = tile[t];  // BAD: asynchronous_copy_never_committed
}

template <bool Bad>
__global__ void one_thread_waits(const float* in, float* out) {
  __shared__ float tile[64];
  const unsigned t = threadIdx.x;
  async_copy<4>(&tile[t], in + t);  // BAD: only_one_thread_waits
  async_copy_commit();
  if (!Bad || t == 0) async_copy_wait<0>();
  __syncthreads();
  out[t] = tile[(t + 1) % 64];  // BAD: only_one_thread_waits
}

template <bool Bad>
__global__ void wait_without_barrier(const float* in, float* out) {
  __shared__ float tile[64];
  const unsigned t = threadIdx.x;
  async_copy<4>(&tile[t], in + t);  // BAD: asynchronous_wait_without_barrier
  async_copy_commit();
  async_copy_wait<0>();
  if constexpr (!Bad) __syncthreads();
  out[t] = tile[(t + 1) % 64];  // BAD: asynchronous_wait_without_barrier
}

template <bool Bad>
__global__ void wait_for_too_few_groups(const float* in, float* out) {
  __shared__ float tile[2][64];
  const unsigned t = threadIdx.x;
  for (int k = 0; k < 2; ++k) {
    async_copy<4>(&tile[k][t], in + k * 64 + t);  // BAD: wait_for_too_few_groups
    async_copy_commit();
  }
  async_copy_wait<Bad ? 1 : 0>();
  __syncthreads();
  out[t] = tile[0][t ^ 1];
  out[64 + t] = tile[1][t ^ 1];  // BAD: wait_for_too_few_groups
}

/// The next copy goes where others may still read the last one.
template <bool Bad>
__global__ void overwrite_stage(const float* in, float* out) {
  __shared__ float tile[64];
  const unsigned t = threadIdx.x;
  float sum = 0;
  for (int k = 0; k < 4; ++k) {
    async_copy<4>(&tile[t], in + k * 64 + t);  // BAD: stage_overwritten_while_read
    async_copy_commit();
    async_copy_wait<0>();
    __syncthreads();
    sum += tile[63 - t];  // BAD: stage_overwritten_while_read
    if constexpr (!Bad) __syncthreads();
  }
  out[t] = sum;
}

template <bool Bad>
__global__ void store_into_copy(const float* in, float* out) {
  __shared__ float tile[64];
  const unsigned t = threadIdx.x;
  async_copy<4>(&tile[t], in + t);  // BAD: store_into_unfinished_copy
  async_copy_commit();
  if constexpr (!Bad) async_copy_wait<0>();
  tile[t] = 0;  // BAD: store_into_unfinished_copy
  async_copy_wait<0>();
  out[t] = tile[t];
}

// ---- the copy engine ---------------------------------------------------------------------------

template <bool Bad>
__global__ void bulk_tile(unsigned parity, const float* in, float* out) {
  auto* const tile = dynamic_shared<float>();
  __shared__ transaction_barrier landed;
  const unsigned t = threadIdx.x;
  if (t == 0) {
    landed.init();
    landed.arrive_and_expect(256);
    bulk_copy_to_shared(tile, in, 256, landed);  // BAD: bulk_copy_without_wait, wrong_parity
  }
  __syncthreads();
  if constexpr (!Bad) landed.wait(parity);
  out[t] = tile[t];  // BAD: bulk_copy_without_wait, wrong_parity
  __syncthreads();
  landed.wait(0);
}

template <bool Bad>
__global__ void refill_bulk_tile(const float* in, float* out) {
  auto* const tile = dynamic_shared<float>();
  __shared__ transaction_barrier landed[2];
  const unsigned t = threadIdx.x;
  if (t == 0) {
    landed[0].init();
    landed[1].init();
  }
  __syncthreads();
  float sum = 0;
  for (unsigned k = 0; k < 2; ++k) {
    if (t == 0) {
      landed[k].arrive_and_expect(256);
      bulk_copy_to_shared(tile, in + k * 64, 256, landed[k]);  // BAD: bulk_refill_while_read
    }
    landed[k].wait(0);
    sum += tile[t];  // BAD: bulk_refill_while_read
    if constexpr (!Bad) __syncthreads();
  }
  out[t] = sum;
}

template <bool Bad>
__global__ void tensor_tile(const __grid_constant__ tensor_map map, float* out) {
  auto* const tile = dynamic_shared<float>();
  __shared__ transaction_barrier landed;
  const unsigned t = threadIdx.x;
  if (t == 0) {
    landed.init();
    landed.arrive_and_expect(256);
    tensor_copy(tile, map, 0, 0, landed);  // BAD: tensor_copy_without_wait
  }
  __syncthreads();
  if constexpr (!Bad) landed.wait(0);
  out[t] = tile[t];  // BAD: tensor_copy_without_wait
  __syncthreads();
}

/// The next copy goes where the tensor core may still read the last one.
template <bool Bad>
__global__ void refill_under_products(const float* in, float* out) {
  auto* const tile = dynamic_shared<unsigned char>();
  __shared__ transaction_barrier landed;
  constexpr unsigned bytes = 64 * 128;
  if (threadIdx.x == 0) landed.init();
  __syncthreads();
  if (threadIdx.x == 0) {
    landed.arrive_and_expect(bytes);
    bulk_copy_to_shared(tile, in, bytes, landed);
  }
  landed.wait(0);
  float sum[32] = {};
  warpgroup_products products;
  const matrix_descriptor rows(tile, 0);
  products.begin();
  products.start<float, 64, operand_major::k, operand_major::k>(sum, rows, rows, true);
  products.commit();
  if constexpr (!Bad) products.wait<0>();
  __syncthreads();
  if (threadIdx.x == 0) {
    landed.arrive_and_expect(bytes);
    bulk_copy_to_shared(tile, in, bytes, landed);  // BAD: refill_under_products
  }
  __syncthreads();
  if constexpr (Bad) products.wait<0>();
  __syncthreads();
  landed.wait(1);
  out[threadIdx.x] = sum[0];
}

/// The tile that the engine is to store is still being written.
template <bool Bad>
__global__ void bulk_store(float* out) {
  auto* const tile = dynamic_shared<float>();
  const unsigned t = threadIdx.x;
  tile[t] = float(t);  // BAD: bulk_store_before_barrier
  if constexpr (!Bad) __syncthreads();
  if (t != 0) return;
  bulk_stores stores;
  stores.start(out, tile, 256);  // BAD: bulk_store_before_barrier
  stores.commit();
  stores.wait_until_read<0>();
}

template <bool Bad>
__global__ void bulk_copy_past_the_end(unsigned bytes, const float* in, float* out) {
  auto* const tile = dynamic_shared<float>();
  __shared__ transaction_barrier landed;
  if (threadIdx.x != 0) return;
  landed.init();
  landed.arrive_and_expect(bytes);
  bulk_copy_to_shared(tile, in, bytes, landed);  // BAD: bulk_copy_past_the_end
  landed.wait(0);
  *out = *tile;
}

inline std::vector<traced_specimen> copy_specimens() {
  const auto floats = [](const shape& how, auto kernel, auto... first) {
    const auto in = zeros<float>(256), out = zeros<float>(256);
    simt::trace::name_buffer(in.data(), "the input");
    return run(how, kernel, first..., in.data(), out.data());
  };
  constexpr auto unwaited = "unwaited-copy", race = "shared-race";
  return {
      specimen("asynchronous_copy_without_wait", unwaited,
               [=](auto bad) {
                 return floats({1, 64}, read_without_wait<bad>);
               }),
      specimen("asynchronous_copy_never_committed", unwaited,
               [=](auto bad) {
                 return floats({1, 64}, commit_forgotten<bad>);
               }),
      specimen("only_one_thread_waits", unwaited,
               [=](auto bad) {
                 return floats({1, 64}, one_thread_waits<bad>);
               }),
      specimen("asynchronous_wait_without_barrier", race,
               [=](auto bad) {
                 return floats({1, 64}, wait_without_barrier<bad>);
               }),
      specimen("wait_for_too_few_groups", unwaited,
               [=](auto bad) {
                 return floats({1, 64}, wait_for_too_few_groups<bad>);
               }),
      specimen("stage_overwritten_while_read", race,
               [=](auto bad) {
                 return floats({1, 64}, overwrite_stage<bad>);
               }),
      specimen("store_into_unfinished_copy", unwaited,
               [=](auto bad) {
                 return floats({1, 64}, store_into_copy<bad>);
               }),
      specimen("bulk_copy_without_wait", unwaited,
               [=](auto bad) {
                 return floats({1, 64, 256}, bulk_tile<bad>, 0u);
               }),
      specimen("wrong_parity", unwaited,
               [=](auto bad) {
                 return floats({1, 64, 256}, bulk_tile<false>, bad ? 1u : 0u);
               }),
      specimen("bulk_refill_while_read", race,
               [=](auto bad) {
                 return floats({1, 64, 256}, refill_bulk_tile<bad>);
               }),
      specimen("refill_under_products", unwaited,
               [](auto bad) {
                 const auto in = zeros<float>(2048), out = zeros<float>(128);
                 return run({1, 128, 8192}, refill_under_products<bad>, in.data(), out.data());
               }),
      specimen("tensor_copy_without_wait", unwaited,
               [](auto bad) {
                 const auto in = zeros<float>(256), out = zeros<float>(64);
                 tensor_map map;
                 WARPLADDER_TRY(make_tensor_map<float>(map, {in.data(), 16, 16, 16, 8, 8}));
                 return run({1, 64, 256}, tensor_tile<bad>, map, out.data());
               }),
      specimen("bulk_store_before_barrier", race,
               [](auto bad) {
                 const auto out = zeros<float>(64);
                 return run({1, 64, 256}, bulk_store<bad>, out.data());
               }),
      specimen(
          "bulk_copy_past_the_end", "out-of-bounds",
          [=](auto bad) {
            return floats({1, 1, 2048}, bulk_copy_past_the_end<bad>, bad ? 1040u : 1024u);
          },
          "past the end of the input (1024 bytes)"),
  };
}

}  // namespace warpladder::caught
