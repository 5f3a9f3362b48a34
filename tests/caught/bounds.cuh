// SPDX-License-Identifier: Apache-2.0
//
// Addresses that a GPU does not have, or not at this alignment.
#pragma once

#include <iterator>
#include <vector>
#include <warpladder/core/async_copy.cuh>
#include <warpladder/core/shared_memory.cuh>

#include "simt/trace.hpp"
#include "traced_specimen.hpp"

namespace warpladder::caught {

// ---- outside of a buffer -----------------------------------------------------------------------

template <bool Bad>
__global__ void copy(int n, const float* in, float* out) {
  const int i = int(blockIdx.x * blockDim.x + threadIdx.x);
  if (!Bad && i >= n) return;
  out[i] = in[i];  // BAD: no_tail_guard
}

template <bool Bad>
__global__ void store(int n, float* out) {
  const int i = int(blockIdx.x * blockDim.x + threadIdx.x);
  if (Bad || i < n) out[i] = 1;  // BAD: no_tail_guard_on_store, freed_memory, null_pointer
}

template <bool Bad>
__global__ void difference(const float* in, float* out) {
  const int i = int(threadIdx.x);
  out[i] = in[i] - (Bad || i > 0 ? in[i - 1] : 0);  // BAD: before_the_start
}

template <bool Bad>
__global__ void unsigned_difference(const float* in, float* out) {
  const unsigned i = threadIdx.x;
  out[i] = in[i] - (Bad || i > 0 ? in[i - 1] : 0);  // BAD: unsigned_index_below_zero
}

/// The buffer's last, partial vector.
template <bool Bad>
__global__ void copy_vectors(int n, const float4* in, float4* out) {
  const int i = int(threadIdx.x);
  if (4 * i + (Bad ? 0 : 3) < n) out[i] = in[i];  // BAD: vector_beyond_the_end
}

template <bool Bad>
__global__ void copy_asynchronously(int n, const float* in, float* out) {
  __shared__ float tile[32];
  const int t = int(threadIdx.x);
  async_copy<4>(&tile[t], in + t, Bad || t < n);  // BAD: asynchronous_copy_beyond_the_end
  async_copy_commit();
  async_copy_wait<0>();
  out[t] = tile[t];
}

template <bool Bad>
__global__ void add_atomically(int n, int* out) {
  const int i = int(threadIdx.x);
  if (Bad || i < n) atomicAdd(&out[i], 1);  // BAD: atomic_beyond_the_end
}

// ---- outside of shared memory ------------------------------------------------------------------

template <bool Bad>
__global__ void static_neighbour(const float* in, float* out) {
  __shared__ float tile[32];
  const unsigned t = threadIdx.x;
  tile[t] = in[t];
  __syncthreads();
  out[t] = tile[Bad ? t + 1 : (t + 1) % 32];  // BAD: static_array_too_short
}

template <bool Bad>
__global__ void dynamic_neighbour(const float* in, float* out) {
  float* const tile = dynamic_shared<float>();
  const unsigned t = threadIdx.x;
  tile[t] = in[t];
  __syncthreads();
  out[t] = tile[Bad ? t + 1 : (t + 1) % 32];  // BAD: dynamic_memory_too_short
}

template <bool Bad>
__global__ void dynamic_vectors(int n, float* out) {
  auto* const tile = dynamic_shared<float4>();
  const int t = int(threadIdx.x);
  if (4 * t + (Bad ? 0 : 3) < n)
    tile[t] = make_float4(float(t), 0, 0, 0);  // BAD: dynamic_memory_half_a_vector_short
  out[t] = 0;
}

template <bool Bad>
__global__ void fill_dynamic(float* out) {
  float* const tile = dynamic_shared<float>();
  tile[threadIdx.x] = 1;  // BAD: launched_without_dynamic_memory
  out[threadIdx.x] = tile[threadIdx.x];
}

// ---- memory of the host ------------------------------------------------------------------------

template <bool Bad>
__global__ void read_host(const float* in, float* out) {
  out[threadIdx.x] = in[threadIdx.x];  // BAD: host_vector
}

/// Through the executor's headers, and on a page that they touch.
template <bool Bad>
__global__ void read_host_hinted(const float* in, float* out) {
  float value = __ldg(in + threadIdx.x);  // BAD: host_vector_through_ldg
  value += in[threadIdx.x ^ 1];           // BAD: host_vector_through_ldg
  out[threadIdx.x] = value;
}

// ---- alignment ---------------------------------------------------------------------------------

template <class Vector, bool Bad>
__global__ void load_vector(const float* in, Vector* out) {
  const auto* const vectors = reinterpret_cast<const Vector*>(in + (Bad ? 1 : 4));
  out[threadIdx.x] = vectors[threadIdx.x];  // BAD: misaligned_float2, misaligned_float4
}

template <bool Bad>
__global__ void load_shared_vector(const float* in, float4* out) {
  alignas(16) __shared__ float tile[64 * 4 + 2];
  const unsigned t = threadIdx.x;
  for (unsigned i = t; i < std::size(tile); i += 64) tile[i] = in[i];
  __syncthreads();
  const float* const from = &tile[4 * t + (Bad ? 2 : 0)];
  out[t] = *reinterpret_cast<const float4*>(from);  // BAD: misaligned_shared
}

template <bool Bad>
__global__ void misaligned_copy(const float* in, float* out) {
  alignas(16) __shared__ float tile[4];
  async_copy<16>(tile, in + (Bad ? 2 : 4));  // BAD: misaligned_asynchronous_copy
  async_copy_commit();
  async_copy_wait<0>();
  *out = tile[0];
}

inline std::vector<traced_specimen> bounds_specimens() {
  constexpr auto bounds = "out-of-bounds", misaligned = "misaligned", host = "host-pointer";
  // An input of so many floats, and an output with plenty of room.
  const auto from_device = [](std::size_t count, const shape& how, auto kernel, auto... first) {
    const auto in = zeros<float>(count), out = zeros<float>(1024);
    simt::trace::name_buffer(in.data(), "the input");
    return run(how, kernel, first..., in.data(), out.data());
  };
  const auto to_device = [](std::size_t count, const shape& how, auto kernel, auto... first) {
    const auto out = zeros<float>(count);
    simt::trace::name_buffer(out.data(), "the output");
    return run(how, kernel, first..., out.data());
  };
  const auto from_host = [](auto kernel) {
    const std::vector<float> in(32);
    const auto out = zeros<float>(32);
    return run({1, 32}, kernel, in.data(), out.data());
  };
  return {
      specimen(
          "no_tail_guard", bounds,
          [=](auto bad) {
            return from_device(100, {2, 64}, copy<bad>, 100);
          },
          "past the end of the input (400 bytes)"),
      specimen(
          "no_tail_guard_on_store", bounds,
          [=](auto bad) {
            return to_device(100, {2, 64}, store<bad>, 100);
          },
          "past the end of the output (400 bytes)"),
      specimen(
          "freed_memory", bounds,
          [](auto bad) {
            auto out = zeros<float>(32);
            float* const kept = out.data();
            simt::trace::name_buffer(kept, "the output");
            if (bad) out = {};
            return run({1, 32}, store<bad>, 32, kept);
          },
          "in the output, which has been freed"),
      specimen(
          "null_pointer", bounds,
          [](auto bad) {
            const auto out = zeros<float>(32);
            return run({1, 32}, store<bad>, 32, bad ? nullptr : out.data());
          },
          "null pointer"),
      specimen(
          "before_the_start", bounds,
          [=](auto bad) {
            return from_device(32, {1, 32}, difference<bad>);
          },
          "4 bytes before the input (128 bytes)"),
      specimen("unsigned_index_below_zero", bounds,
               [=](auto bad) {
                 return from_device(32, {1, 32}, unsigned_difference<bad>);
               }),
      specimen(
          "vector_beyond_the_end", bounds,
          [](auto bad) {
            const auto in = zeros<float>(30), out = zeros<float>(32);
            simt::trace::name_buffer(in.data(), "the input");
            return run({1, 32}, copy_vectors<bad>, 30, reinterpret_cast<const float4*>(in.data()),
                       reinterpret_cast<float4*>(out.data()));
          },
          "past the end of the input (120 bytes)"),
      specimen(
          "asynchronous_copy_beyond_the_end", bounds,
          [=](auto bad) {
            return from_device(30, {1, 32}, copy_asynchronously<bad>, 30);
          },
          "past the end of the input (120 bytes)"),
      specimen(
          "atomic_beyond_the_end", bounds,
          [](auto bad) {
            const auto out = zeros<int>(30);
            simt::trace::name_buffer(out.data(), "the output");
            return run({1, 32}, add_atomically<bad>, 30, out.data());
          },
          "past the end of the output (120 bytes)"),
      specimen(
          "static_array_too_short", bounds,
          [=](auto bad) {
            return from_device(32, {1, 32}, static_neighbour<bad>);
          },
          "index 32 is out of bounds for 'float [32]'"),
      specimen(
          "dynamic_memory_too_short", bounds,
          [=](auto bad) {
            return from_device(32, {1, 32, 128}, dynamic_neighbour<bad>);
          },
          "past the end of the dynamic shared memory (128 bytes)"),
      specimen(
          "dynamic_memory_half_a_vector_short", bounds,
          [=](auto bad) {
            return to_device(32, {1, 32, 120}, dynamic_vectors<bad>, 30);
          },
          "past the end of the dynamic shared memory (120 bytes)"),
      specimen("launched_without_dynamic_memory", bounds,
               [=](auto bad) {
                 return to_device(32, {1, 32, bad ? 0u : 128u}, fill_dynamic<bad>);
               }),
      specimen("host_vector", host,
               [=](auto bad) {
                 return bad ? from_host(read_host<bad>) : from_device(32, {1, 32}, read_host<bad>);
               }),
      specimen("host_vector_through_ldg", host,
               [=](auto bad) {
                 return bad ? from_host(read_host_hinted<bad>)
                            : from_device(32, {1, 32}, read_host_hinted<bad>);
               }),
      specimen(
          "misaligned_float2", misaligned,
          [](auto bad) {
            const auto in = zeros<float>(80);
            const auto out = zeros<float2>(32);
            return run({1, 32}, load_vector<float2, bad>, in.data(), out.data());
          },
          "access of 8 bytes, 4 bytes past"),
      specimen(
          "misaligned_float4", misaligned,
          [](auto bad) {
            const auto in = zeros<float>(160);
            const auto out = zeros<float4>(32);
            return run({1, 32}, load_vector<float4, bad>, in.data(), out.data());
          },
          "access of 16 bytes, 4 bytes past"),
      specimen(
          "misaligned_shared", misaligned,
          [](auto bad) {
            const auto in = zeros<float>(258);
            const auto out = zeros<float4>(64);
            return run({1, 64}, load_shared_vector<bad>, in.data(), out.data());
          },
          "of tile"),
      specimen("misaligned_asynchronous_copy", misaligned,
               [=](auto bad) {
                 return from_device(8, {1, 1}, misaligned_copy<bad>);
               }),
  };
}

}  // namespace warpladder::caught
