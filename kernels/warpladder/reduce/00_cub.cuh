// SPDX-License-Identifier: Apache-2.0
//
// 00 cub. The vendor's reduction, cub::DeviceReduce, given what it can make the most of:
//   * sums pass a raw pointer and cuda::std::plus, for which CUB has vector loads and tuned sizes;
//     minima and maxima of integers cuda::minimum and cuda::maximum;
//   * operations whose lift() needs no index are a transformation that CUB applies to what its
//     vector loads bring;
//   * the others, argmin and argmax among them, read through an iterator that counts: element by
//     element. (CUB's own ArgMin and ArgMax promise nothing about NaNs.)
// n is passed as 32 bits if it fits: some of CUB's tuned sizes are for those alone. Minima and
// maxima of floats are combined by our operations, as cuda::minimum may lose a NaN. 16-bit floats
// are added in float, as everywhere here.
#pragma once

#include <thrust/iterator/counting_iterator.h>
#include <thrust/iterator/transform_iterator.h>
#include <thrust/iterator/transform_output_iterator.h>

#include <cstdint>
#include <cub/device/device_reduce.cuh>
#include <cuda/functional>
#include <cuda/std/functional>
#include <limits>
#include <type_traits>
#include <warpladder/core/rung.hpp>
#include <warpladder/reduce/problem.hpp>

namespace warpladder::reduce {

namespace detail {

/// For which operations lift() ignores the index.
template <class Op>
inline constexpr bool lifts_without_index = false;
template <class T>
inline constexpr bool lifts_without_index<sum<T>> = true;
template <class T>
inline constexpr bool lifts_without_index<minimum<T>> = true;
template <class T>
inline constexpr bool lifts_without_index<maximum<T>> = true;
template <class T>
inline constexpr bool lifts_without_index<sum_of_squares<T>> = true;
template <class T>
inline constexpr bool lifts_without_index<compensated_sum<T>> = true;
template <class T, class A, class Combine, class Transform>
inline constexpr bool lifts_without_index<custom_operation<T, A, Combine, Transform>> = true;

template <class Op>
struct cub_combine {
  using accumulator = typename Op::accumulator;
  Op op;
  __host__ __device__ accumulator operator()(accumulator a, accumulator b) const {
    return op.combine(a, b);
  }
};

/// What combines accumulators: CUB's name for it, if there is one.
template <class Op>
auto cub_operator(const Op& op) {
  return cub_combine<Op>{op};
}
template <class T>
auto cub_operator(const sum<T>&) {
  return cuda::std::plus<accumulator_t<T>>{};
}
template <class T>
auto cub_operator(const sum_of_squares<T>&) {
  return cuda::std::plus<accumulator_t<T>>{};
}
template <class T>
requires std::is_integral_v<T>
auto cub_operator(const minimum<T>&) {
  return cuda::minimum<T>{};
}
template <class T>
requires std::is_integral_v<T>
auto cub_operator(const maximum<T>&) {
  return cuda::maximum<T>{};
}

template <class T, class Op>
struct cub_lift {
  Op op;
  __host__ __device__ typename Op::accumulator operator()(T x) const { return op.lift(x, 0); }
};

template <class T, class Op>
struct cub_lift_indexed {
  Op op;
  const T* in;
  __device__ typename Op::accumulator operator()(std::int64_t i) const { return op.lift(in[i], i); }
};

template <class Op>
struct cub_finish {
  Op op;
  __host__ __device__ typename Op::result operator()(typename Op::accumulator a) const {
    return op.finish(a);
  }
};

/// One call of CUB with n as a Count.
template <class Count, class T, class Op>
cudaError_t call_cub_counting(const problem<T, Op>& p, void* scratch, std::size_t& bytes,
                              cudaStream_t stream) {
  static_assert(Op::inputs == 1, "this rung reads one array");
  constexpr bool keeps_elements = std::is_same_v<Op, sum<T>> || std::is_same_v<Op, minimum<T>> ||
                                  std::is_same_v<Op, maximum<T>>;
  const auto combine = cub_operator(p.op);
  const auto identity = p.op.identity();
  const Count n = Count(p.n);
  if constexpr (keeps_elements) {
    return ::cub::DeviceReduce::Reduce(scratch, bytes, p.in, p.out, n, combine, identity, stream);
  } else {
    const auto out = thrust::make_transform_output_iterator(p.out, cub_finish<Op>{p.op});
    if constexpr (lifts_without_index<Op>) {
      return ::cub::DeviceReduce::TransformReduce(scratch, bytes, p.in, out, n, combine,
                                                  cub_lift<T, Op>{p.op}, identity, stream);
    } else {
      const auto elements = thrust::make_transform_iterator(
          thrust::make_counting_iterator(std::int64_t{0}), cub_lift_indexed<T, Op>{p.op, p.in});
      return ::cub::DeviceReduce::Reduce(scratch, bytes, elements, out, n, combine, identity,
                                         stream);
    }
  }
}

/// One call of CUB; with scratch == nullptr it writes the size of scratch to `bytes`.
template <class T, class Op>
cudaError_t call_cub(const problem<T, Op>& p, void* scratch, std::size_t& bytes,
                     cudaStream_t stream) {
  return p.n <= std::numeric_limits<std::int32_t>::max()
             ? call_cub_counting<std::int32_t>(p, scratch, bytes, stream)
             : call_cub_counting<std::int64_t>(p, scratch, bytes, stream);
}

}  // namespace detail

struct cub {
  static constexpr rung_info info{.step = 0,
                                  .name = "cub",
                                  .idea = "the vendor's library: cub::DeviceReduce",
                                  .runs_on_host = false};

  template <class T, class Op>
  static support supports(const problem<T, Op>&) {
    return {};
  }

  template <class T, class Op>
  static std::size_t workspace_bytes(const problem<T, Op>& p) {
    std::size_t bytes = 0;
    return detail::call_cub(p, nullptr, bytes, nullptr) == cudaSuccess ? bytes : 0;
  }

  template <class T, class Op>
  static cudaError_t launch(const problem<T, Op>& p, cudaStream_t stream,
                            workspace_view workspace) {
    // CUB compares the size itself; to ask it first would cost a microsecond per launch.
    if (lacks(workspace, 1)) return cudaErrorInvalidValue;
    return detail::call_cub(p, workspace.data, workspace.bytes, stream);
  }
};

}  // namespace warpladder::reduce
