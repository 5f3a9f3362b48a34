// SPDX-License-Identifier: Apache-2.0
//
// 00 cub. What the vendor's library makes of a scan: the bar of the ladder.
//
// cub::DeviceScan, a single pass with decoupled look-back like 06 look_back. Plain sums are given
// to it as pointers and cuda::std::plus, for which it has policies tuned per device. Other
// operations pass through iterators that lift and finish. Its results of floating point may differ
// in rounding from run to run.
#pragma once

#include <thrust/iterator/counting_iterator.h>
#include <thrust/iterator/transform_iterator.h>
#include <thrust/iterator/transform_output_iterator.h>

#include <cstdint>
#include <cstring>
#include <cub/device/device_scan.cuh>
#include <cuda/std/functional>
#include <limits>
#include <type_traits>
#include <warpladder/core/rung.hpp>
#include <warpladder/scan/problem.hpp>

namespace warpladder::scan {

namespace detail {

template <class T, class Op>
struct lift_element {
  const T* in;
  Op op;
  __host__ __device__ typename Op::accumulator operator()(std::int64_t i) const {
    return op.lift(in[i], i);
  }
};

template <class Op>
struct finish_element {
  Op op;
  __host__ __device__ typename Op::result operator()(const typename Op::accumulator& a) const {
    return op.finish(a);
  }
};

template <class Op>
struct combine_elements {
  Op op;
  __host__ __device__ typename Op::accumulator operator()(const typename Op::accumulator& a,
                                                          const typename Op::accumulator& b) const {
    return op.combine(a, b);
  }
};

}  // namespace detail

struct cub {
  static constexpr rung_info info{0, "cub", "cub::DeviceScan", 75, false};

  template <class T, class Op>
  static support supports(const problem<T, Op>&) {
    return {};
  }

  template <class T, class Op>
  static std::size_t workspace_bytes(const problem<T, Op>& p) {
    std::size_t bytes = 0;
    if (p.n > 0 && call(p, nullptr, bytes, cudaStream_t{}) != cudaSuccess) return 0;
    return bytes;
  }

  template <class T, class Op>
  static cudaError_t launch(const problem<T, Op>& p, cudaStream_t stream,
                            workspace_view workspace) {
    if (p.n == 0) return cudaSuccess;
    // CUB compares the size itself; to ask it first would cost a microsecond per launch.
    if (lacks(workspace, 1)) return cudaErrorInvalidValue;
    return call(p, workspace.data, workspace.bytes, stream);
  }

 private:
  template <class T, class Op>
  static cudaError_t call(const problem<T, Op>& p, void* scratch, std::size_t& bytes,
                          cudaStream_t stream) {
    if constexpr (std::is_same_v<Op, sum<T>> && std::is_arithmetic_v<T>) {
      return scan(p, p.in, p.out, ::cuda::std::plus<>{}, scratch, bytes, stream);
    } else {
      return scan(p,
                  thrust::make_transform_iterator(thrust::counting_iterator<std::int64_t>(0),
                                                  detail::lift_element<T, Op>{p.in, p.op}),
                  thrust::make_transform_output_iterator(p.out, detail::finish_element<Op>{p.op}),
                  detail::combine_elements<Op>{p.op}, scratch, bytes, stream);
    }
  }

  /// With no scratch it only tells how many bytes of it there must be. Lengths of 32 bits where
  /// they suffice: CUB's best policies are for them.
  template <class T, class Op, class In, class Out, class Combine>
  static cudaError_t scan(const problem<T, Op>& p, In in, Out out, Combine combine, void* scratch,
                          std::size_t& bytes, cudaStream_t stream) {
    using device_scan = ::cub::DeviceScan;
    const typename Op::accumulator none = p.op.identity();
    const bool begins_with_nothing = std::memcmp(&p.initial, &none, sizeof none) == 0;
    const auto scan_counting = [&](auto n) {
      if (p.what == kind::exclusive)
        return device_scan::ExclusiveScan(scratch, bytes, in, out, combine, p.initial, n, stream);
      if (begins_with_nothing)
        return device_scan::InclusiveScan(scratch, bytes, in, out, combine, n, stream);
      return device_scan::InclusiveScanInit(scratch, bytes, in, out, combine, p.initial, n, stream);
    };
    return p.n <= std::numeric_limits<std::int32_t>::max() ? scan_counting(std::int32_t(p.n))
                                                           : scan_counting(p.n);
  }
};

}  // namespace warpladder::scan
