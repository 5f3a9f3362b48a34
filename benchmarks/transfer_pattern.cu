// SPDX-License-Identifier: Apache-2.0
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <harness/mix.cuh>
#include <thread>
#include <transfer_pattern.hpp>
#include <vector>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/math.hpp>

namespace warpladder::bench {
namespace {

constexpr std::size_t word = sizeof(std::uint64_t);

__host__ __device__ std::uint64_t pattern_word(std::uint64_t seed, std::size_t index) {
  return mix((seed << 40) + index);
}

__global__ void fill_pattern_kernel(std::byte* to, std::size_t bytes, std::uint64_t seed) {
  const std::size_t step = std::size_t(gridDim.x) * blockDim.x;
  for (std::size_t i = std::size_t(blockIdx.x) * blockDim.x + threadIdx.x; i * word < bytes;
       i += step) {
    const std::uint64_t value = pattern_word(seed, i);
    if ((i + 1) * word <= bytes) {
      reinterpret_cast<std::uint64_t*>(to)[i] = value;
    } else {
      memcpy(to + i * word, &value, bytes - i * word);
    }
  }
}

__device__ unsigned wrong_bytes(std::uint64_t got, std::uint64_t expected, std::size_t bytes) {
  unsigned wrong = 0;
  for (std::size_t b = 0; b < bytes; ++b) wrong += ((got ^ expected) >> (8 * b) & 0xff) != 0;
  return wrong;
}

__global__ void count_wrong_kernel(const std::byte* in, std::size_t bytes, std::uint64_t seed,
                                   unsigned long long* wrong) {
  const std::size_t step = std::size_t(gridDim.x) * blockDim.x;
  unsigned long long mine = 0;
  for (std::size_t i = std::size_t(blockIdx.x) * blockDim.x + threadIdx.x; i * word < bytes;
       i += step) {
    const std::size_t present = min(word, bytes - i * word);
    std::uint64_t got = 0;
    if (present == word) {
      got = reinterpret_cast<const std::uint64_t*>(in)[i];
    } else {
      memcpy(&got, in + i * word, present);
    }
    mine += wrong_bytes(got, pattern_word(seed, i), present);
  }
  if (mine != 0) atomicAdd(wrong, mine);
}

}  // namespace

int usable_cores() {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) return CPU_COUNT(&allowed);
  return int(std::max(1u, std::thread::hardware_concurrency()));
}

void for_each_slice(int threads, std::size_t bytes,
                    const std::function<void(std::size_t, std::size_t)>& work) {
  const std::size_t slice =
      round_up<std::size_t>(ceil_div<std::size_t>(bytes, std::size_t(threads)), 4096);
  std::vector<std::jthread> running;
  for (std::size_t begin = slice; begin < bytes; begin += slice)
    running.emplace_back(work, begin, std::min(begin + slice, bytes));
  if (bytes != 0) work(0, std::min(slice, bytes));
}

void fill_pattern_on_host(std::byte* to, std::size_t bytes, std::uint64_t seed) {
  for_each_slice(usable_cores(), bytes, [=](std::size_t begin, std::size_t end) {
    for (std::size_t at = begin; at < end; at += word) {
      const std::uint64_t value = pattern_word(seed, at / word);
      std::memcpy(to + at, &value, std::min(word, end - at));
    }
  });
}

cudaError_t fill_pattern(std::byte* to, std::size_t bytes, std::uint64_t seed,
                         cudaStream_t stream) {
  return launch_kernel(fill_pattern_kernel, {.grid = 1024, .block = 256, .stream = stream}, to,
                       bytes, seed);
}

std::size_t count_wrong_on_host(const std::byte* in, std::size_t bytes, std::uint64_t seed) {
  std::atomic<std::size_t> wrong = 0;
  for_each_slice(usable_cores(), bytes, [&](std::size_t begin, std::size_t end) {
    std::size_t mine = 0;
    for (std::size_t at = begin; at < end; at += word) {
      const std::uint64_t value = pattern_word(seed, at / word);
      const std::size_t present = std::min(word, end - at);
      if (std::memcmp(in + at, &value, present) == 0) continue;
      for (std::size_t b = 0; b < present; ++b)
        mine += in[at + b] != reinterpret_cast<const std::byte*>(&value)[b];
    }
    wrong += mine;
  });
  return wrong;
}

std::size_t count_wrong(const std::byte* in, std::size_t bytes, std::uint64_t seed,
                        stream_view stream) {
  const device_buffer<unsigned long long> wrong(1);
  WARPLADDER_TRY(cudaMemsetAsync(wrong.data(), 0, wrong.size_bytes(), stream));
  WARPLADDER_TRY(launch_kernel(count_wrong_kernel, {.grid = 1024, .block = 256, .stream = stream},
                               in, bytes, seed, wrong.data()));
  unsigned long long found = 0;
  copy_async<unsigned long long>({&found, 1}, wrong.view(), stream);
  stream.synchronize();
  return found;
}

}  // namespace warpladder::bench
