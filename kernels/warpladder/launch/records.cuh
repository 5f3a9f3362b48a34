// SPDX-License-Identifier: Apache-2.0
//
// records: a polynomial per record of 32 floats, bound by shared memory: a block brings in the
// records of its threads together, so that lanes read neighbouring floats, then each thread has
// one.
//
// Traffic: 128 bytes in and 4 out per record; 2^21 records are 277 MB, 92 us at 3 TB/s. Shared
// memory: 33 floats per thread, one of them padding against bank conflicts. 228 KiB less 1 KiB per
// block hold at most 1536 threads (75%), in blocks of 64 to 768; one block of 1024 threads (50%),
// as a second finds no room; and 1024 threads in blocks of 32 (50%), of which no more than 32 are
// kept.
//
// Predicted: a block waits twice per tile, and only other blocks use the time. Several of 128 to
// 256 threads keep device memory busy; 1024 threads in one block are slower although they are as
// many as in blocks of 32.
#pragma once

#include <warpladder/core/shared_memory.cuh>
#include <warpladder/launch/shipped.cuh>

namespace warpladder::launch {

/// out[i] = in[32 i] + x * in[32 i + 1] + ... + x^31 * in[32 i + 31].
struct records_problem {
  std::int64_t n;
  float x;
  const float* in;
  float* out;
};

inline constexpr int record_floats = 32;
inline constexpr int record_shared_floats = record_floats + 1;

template <int InFlight>
__global__ void records_kernel(records_problem p) {
  float* const staged = dynamic_shared<float>();
  detail::for_each_tile<1>(p.n, [&](std::int64_t record) {
    const std::int64_t begin = (record - threadIdx.x) * record_floats;
#pragma unroll 1
    for (int round = 0; round < record_floats / InFlight; ++round) {
      float loaded[InFlight];
      const int first = round * InFlight * int(blockDim.x) + int(threadIdx.x);
#pragma unroll
      for (int k = 0; k < InFlight; ++k) {
        const int at = first + k * int(blockDim.x);
        if (begin + at < p.n * record_floats) loaded[k] = p.in[begin + at];
      }
#pragma unroll
      for (int k = 0; k < InFlight; ++k) {
        const int at = first + k * int(blockDim.x);
        if (begin + at < p.n * record_floats)
          staged[at / record_floats * record_shared_floats + at % record_floats] = loaded[k];
      }
    }
    __syncthreads();  // the records are there
    if (record < p.n) {
      const float* const mine = staged + threadIdx.x * record_shared_floats;
      float sum = 0;
#pragma unroll
      for (int k = record_floats - 1; k >= 0; --k) sum = __fmaf_rn(sum, p.x, mine[k]);
      p.out[record] = sum;
    }
    __syncthreads();  // and have been read
  });
}

template <int InFlight = 8>
shipped<records_problem> records() {
  return {"records",
          "shared memory",
          records_kernel<InFlight>,
          {.shared_bytes_per_thread = record_shared_floats * sizeof(float)}};
}

}  // namespace warpladder::launch
