// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <reduce_verify.hpp>
#include <vector>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/launch.cuh>

namespace warpladder::bench {
namespace {

/// The operation that judges Op: itself, or the same in float64.
template <class Op>
struct judge {
  using type = Op;
};
template <class T>
requires(!std::is_integral_v<T>) struct judge<sum<T>> {
  using type = sum<double>;
};
template <class T>
requires(!std::is_integral_v<T>) struct judge<sum_of_squares<T>> {
  using type = sum_of_squares<double>;
};
template <class T>
requires(!std::is_integral_v<T>) struct judge<dot<T>> {
  using type = dot<double>;
};

template <class To, class From>
__device__ To widen(From x) {
  if constexpr (std::is_same_v<To, From>) {
    return x;
  } else {
    return To(accumulator_t<From>(x));
  }
}

constexpr int blocks = 512, threads = 256;

/// Thread t combines elements t, t + blocks * threads, ...
template <class Judge, class T, class Op>
__global__ void parts_kernel(Judge judge, reduce::problem<T, Op> p,
                             typename Judge::accumulator* parts) {
  using input = typename Judge::input;
  const int thread = int(blockIdx.x) * threads + int(threadIdx.x);
  auto total = judge.identity();
  for (std::int64_t i = thread; i < p.n; i += blocks * threads) {
    if constexpr (Op::inputs == 2) {
      total = judge.combine(total, judge.lift(widen<input>(p.in[i]), widen<input>(p.with[i]), i));
    } else {
      total = judge.combine(total, judge.lift(widen<input>(p.in[i]), i));
    }
  }
  parts[thread] = total;
}

/// A block per segment.
__global__ void count_wrong_kernel(reduce::segmented_problem<float, sum<float>> p,
                                   unsigned long long* wrong) {
  const std::int64_t segment = blockIdx.x;
  const bool by_rows = p.axis == reduce::along::rows;
  const float* const first = p.in + segment * (by_rows ? p.ld : 1);
  double total = 0;
  for (std::int64_t i = threadIdx.x; i < p.length(); i += threads) {
    total += double(first[i * (by_rows ? 1 : p.ld)]);
  }
  __shared__ double part[threads];
  part[threadIdx.x] = total;
  __syncthreads();
  if (threadIdx.x != 0) return;
  for (int i = 1; i < threads; ++i) total += part[i];
  if (!(p.out[segment] == float(total))) atomicAdd(wrong, 1ull);
}

}  // namespace

template <class T, class Op>
typename Op::result expected(const reduce::problem<T, Op>& p, stream_view stream) {
  using judge_of_op = typename judge<Op>::type;
  using accumulator = typename judge_of_op::accumulator;
  const judge_of_op judge{};
  const device_buffer<accumulator> parts(blocks * threads);
  WARPLADDER_TRY(launch_kernel(parts_kernel<judge_of_op, T, Op>,
                               {.grid = blocks, .block = threads, .stream = stream}, judge, p,
                               parts.data()));
  std::vector<accumulator> on_host(parts.size());
  copy_async<accumulator>(on_host, parts.view(), stream);
  stream.synchronize();
  accumulator total = judge.identity();
  for (const accumulator& part : on_host) total = judge.combine(total, part);
  return static_cast<typename Op::result>(judge.finish(total));
}

std::int64_t count_wrong(const reduce::segmented_problem<float, sum<float>>& p,
                         stream_view stream) {
  if (p.segments() == 0) return 0;
  const device_buffer<unsigned long long> on_device(1);
  WARPLADDER_TRY(cudaMemsetAsync(on_device.data(), 0, on_device.size_bytes(), stream));
  WARPLADDER_TRY(
      launch_kernel(count_wrong_kernel,
                    {.grid = dim3(unsigned(p.segments())), .block = threads, .stream = stream}, p,
                    on_device.data()));
  unsigned long long wrong = 0;
  copy_async<unsigned long long>({&wrong, 1}, on_device.view(), stream);
  stream.synchronize();
  return std::int64_t(wrong);
}

#define WARPLADDER_INSTANTIATE_OP(T, Op) \
  template Op::result expected(const reduce::problem<T, Op>&, stream_view);
#define WARPLADDER_INSTANTIATE(T)                 \
  WARPLADDER_INSTANTIATE_OP(T, sum<T>)            \
  WARPLADDER_INSTANTIATE_OP(T, minimum<T>)        \
  WARPLADDER_INSTANTIATE_OP(T, maximum<T>)        \
  WARPLADDER_INSTANTIATE_OP(T, argmin<T>)         \
  WARPLADDER_INSTANTIATE_OP(T, argmax<T>)         \
  WARPLADDER_INSTANTIATE_OP(T, sum_of_squares<T>) \
  WARPLADDER_INSTANTIATE_OP(T, dot<T>)
WARPLADDER_INSTANTIATE(float)
WARPLADDER_INSTANTIATE(double)
WARPLADDER_INSTANTIATE(__half)
WARPLADDER_INSTANTIATE(__nv_bfloat16)
WARPLADDER_INSTANTIATE(std::int32_t)
WARPLADDER_INSTANTIATE(std::int64_t)
#undef WARPLADDER_INSTANTIATE
#undef WARPLADDER_INSTANTIATE_OP

}  // namespace warpladder::bench
