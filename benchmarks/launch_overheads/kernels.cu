// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <launch_overheads/kernels.hpp>
#include <utility>
#include <warpladder/core/dependent_launch.cuh>
#include <warpladder/core/device_clock.cuh>

namespace warpladder::bench {
namespace {

__device__ void spin(unsigned long long clocks) {
  const long long begin = clock64();
  while ((unsigned long long)(clock64() - begin) < clocks) {
  }
}

__device__ void count(unsigned* counter, unsigned add) {
  if (blockIdx.x == gridDim.x - 1 && threadIdx.x == 0) atomicAdd(counter, add);
}

template <int Bytes>
struct arguments {
  unsigned* counter;
  unsigned words[(Bytes - 8) / 4];
};

template <int Bytes>
__global__ void many_arguments_kernel(const __grid_constant__ arguments<Bytes> all) {
  static_assert(sizeof all == Bytes);
  if (all.words[(Bytes - 8) / 4 - 1] == argument_mark) count(all.counter, 1);
}

__global__ void one_argument_kernel(unsigned* counter) {
  count(counter, 1);
}

template <int Index>
__global__ void fresh(unsigned* counter) {
  count(counter, 1);
}

template <int... Indices>
std::array<kernel_address, sizeof...(Indices)> all_fresh(std::integer_sequence<int, Indices...>) {
  return {reinterpret_cast<kernel_address>(&fresh<Indices>)...};
}

}  // namespace

__global__ void empty_kernel() {}

__global__ void count_kernel(unsigned* counter, unsigned add) {
  count(counter, add);
}

__global__ void other_count_kernel(unsigned* counter, unsigned add) {
  count(counter, add);
}

__global__ void spin_kernel(unsigned long long clocks, stamps* out) {
  const unsigned long long begin = device_nanoseconds();
  spin(clocks);
  if (out != nullptr && blockIdx.x == 0 && threadIdx.x == 0) *out = {begin, device_nanoseconds()};
}

__global__ void flag_kernel(unsigned* counter, volatile unsigned* flag, unsigned value) {
  count(counter, 1);
  *flag = value;
  __threadfence_system();
}

__global__ void timer_step_kernel(unsigned long long* smallest) {
  unsigned long long best = ~0ull, before = device_nanoseconds();
  for (int i = 0; i < 1 << 16; ++i) {
    const unsigned long long now = device_nanoseconds();
    if (now != before && now - before < best) best = now - before;
    before = now;
  }
  *smallest = best;
}

__global__ void dependent_kernel(unsigned long long prologue_clocks, volatile unsigned* value) {
  let_next_kernel_start();
  spin(prologue_clocks);
  wait_for_kernels_before();
  if (threadIdx.x == 0) *value = *value + 1;
}

kernel_address arguments_kernel(int bytes) {
  switch (bytes) {
    case 8:
      return reinterpret_cast<kernel_address>(&one_argument_kernel);
    case 64:
      return reinterpret_cast<kernel_address>(&many_arguments_kernel<64>);
    case 256:
      return reinterpret_cast<kernel_address>(&many_arguments_kernel<256>);
    case 1024:
      return reinterpret_cast<kernel_address>(&many_arguments_kernel<1024>);
    case 4000:
      return reinterpret_cast<kernel_address>(&many_arguments_kernel<4000>);
    case 32760:
      return reinterpret_cast<kernel_address>(&many_arguments_kernel<32760>);
    default:
      return nullptr;
  }
}

kernel_address fresh_kernel(int index) {
  static const auto all = all_fresh(std::make_integer_sequence<int, fresh_kernels>());
  return all.at(std::size_t(index));
}

cudaError_t launch_empty_in_brackets(cudaStream_t stream) {
  empty_kernel<<<1, 32, 0, stream>>>();
  return cudaGetLastError();
}

}  // namespace warpladder::bench
