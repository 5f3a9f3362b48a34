// SPDX-License-Identifier: Apache-2.0
//
// histogram: how many keys begin with each of the 2048 patterns of 11 bits, bound by what a block
// costs: it clears 2048 counters in shared memory, counts its share there, and adds what it has
// counted to the result.
//
// Traffic: 4 bytes per key; 2^26 keys are 268 MB, 89 us at 3 TB/s. Per block 8 KiB are cleared,
// read and added by atomics at L2: about 1024 keys' worth. 9 KiB per block (1 is the system's)
// allow 25 blocks per multiprocessor, so blocks of 32 threads have 800 threads (39%).
//
// Predicted: a tile of 8 keys per thread and block of 32 threads costs 9 times what it should;
// blocks that loop, 2 of 1024 per multiprocessor, pay 264 times for 2^26 keys, 0.8%. Few keys want
// few blocks: 2^14 keys are 8 shares that are worth a block.
#pragma once

#include <warpladder/launch/shipped.cuh>

namespace warpladder::launch {

/// Adds the number of keys with key >> 21 == i to counts[i]; counts has histogram_bins elements.
struct histogram_problem {
  std::int64_t n;
  const std::uint32_t* key;
  std::uint32_t* counts;
};

inline constexpr int histogram_bits = 11, histogram_bins = 1 << histogram_bits;

template <int Items>
__global__ void histogram_kernel(histogram_problem p) {
  __shared__ std::uint32_t counted[histogram_bins];
  for (unsigned bin = threadIdx.x; bin < histogram_bins; bin += blockDim.x) counted[bin] = 0;
  __syncthreads();  // all is zero
  detail::for_each_tile<Items>(p.n, [&](std::int64_t first) {
    std::uint32_t key[Items];
#pragma unroll
    for (int k = 0; k < Items; ++k) {
      const std::int64_t at = first + k * blockDim.x;
      if (at < p.n) key[k] = p.key[at];
    }
#pragma unroll
    for (int k = 0; k < Items; ++k) {
      const std::int64_t at = first + k * blockDim.x;
      if (at < p.n) atomicAdd(&counted[key[k] >> (32 - histogram_bits)], 1u);
    }
  });
  __syncthreads();  // all is counted
  for (unsigned bin = threadIdx.x; bin < histogram_bins; bin += blockDim.x) {
    if (counted[bin] != 0) atomicAdd(&p.counts[bin], counted[bin]);
  }
}

template <int Items = 8>
shipped<histogram_problem> histogram() {
  return {"histogram",
          "what a block costs",
          histogram_kernel<Items>,
          {.items = Items, .setup_elements = histogram_bins / 2}};
}

}  // namespace warpladder::launch
