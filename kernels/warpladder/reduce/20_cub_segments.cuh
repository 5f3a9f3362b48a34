// SPDX-License-Identifier: Apache-2.0
//
// 20 cub_segments. The vendor's reduction of segments, cub::DeviceSegmentedReduce::Reduce: a block
// per segment whatever its length, and iterators that say where each segment begins and ends.
//
// Rows only: segments are runs of neighbours to CUB, so that columns would have to be read through
// an iterator that turns the matrix, one element at a time. Sums, minima and maxima pass the bare
// pointer, for which CUB loads vectors; the others lift through an iterator. The overload for
// segments of one size comes with CCCL 3.1, and CUDA 13.0 has 3.0.
#pragma once

#include <thrust/iterator/counting_iterator.h>
#include <thrust/iterator/transform_iterator.h>

#include <cstdint>
#include <cub/device/device_segmented_reduce.cuh>
#include <iterator>
#include <limits>
#include <type_traits>
#include <warpladder/core/rung.hpp>
#include <warpladder/reduce/problem.hpp>

namespace warpladder::reduce {

namespace detail {

/// Where a row begins, or ends if `extra` is its length.
struct row_offset {
  std::int64_t ld, extra;
  __host__ __device__ std::int64_t operator()(std::int64_t row) const { return row * ld + extra; }
};

/// The element at a distance from the first of the matrix, lifted.
template <class T, class Op>
struct lifted_element {
  const T* in;
  std::int64_t ld;
  Op op;
  __host__ __device__ typename Op::accumulator operator()(std::int64_t i) const {
    return op.lift(in[i], i % ld);
  }
};

template <class Op>
struct combines {
  Op op;
  using accumulator = typename Op::accumulator;
  __host__ __device__ accumulator operator()(accumulator a, accumulator b) const {
    return op.combine(a, b);
  }
};

/// Where CUB leaves a total: takes accumulators, stores results.
template <class Op>
struct finishing_output {
  using accumulator = typename Op::accumulator;
  using value_type = accumulator;  // CUB initialises its sums with one of these
  using difference_type = std::int64_t;
  using pointer = void;
  using iterator_category = std::random_access_iterator_tag;
  struct reference {
    typename Op::result* to;
    Op op;
    __host__ __device__ void operator=(accumulator total) const { *to = op.finish(total); }
  };

  typename Op::result* out;
  Op op;
  __host__ __device__ reference operator*() const { return {out, op}; }
  __host__ __device__ reference operator[](std::int64_t i) const { return {out + i, op}; }
  __host__ __device__ finishing_output operator+(std::int64_t i) const { return {out + i, op}; }
};

/// Does lifting do no more than convert?
template <class T, class Op>
inline constexpr bool lift_converts =
    std::is_same_v<Op, sum<T>> || std::is_same_v<Op, minimum<T>> || std::is_same_v<Op, maximum<T>>;

}  // namespace detail

struct cub_segments {
  static constexpr rung_info info{.step = 20,
                                  .name = "cub_segments",
                                  .idea = "the vendor's library: a block per row",
                                  .runs_on_host = false};

  template <class T, class Op>
  static support supports(const segmented_problem<T, Op>& p) {
    if (p.axis == along::columns) return {"CUB has no reduction of columns"};
    if (p.rows > std::numeric_limits<std::int32_t>::max())
      return {"CUB before 2.8 counts segments in an int"};
    return {};
  }

  template <class T, class Op>
  static std::size_t workspace_bytes(const segmented_problem<T, Op>& p) {
    std::size_t bytes = 0;
    if (p.rows > 0) static_cast<void>(reduce_rows(p, nullptr, bytes, cudaStream_t{}));
    return bytes;
  }

  template <class T, class Op>
  static cudaError_t launch(const segmented_problem<T, Op>& p, cudaStream_t stream,
                            workspace_view workspace) {
    if (p.rows == 0) return cudaSuccess;
    if (lacks(workspace, 1)) return cudaErrorInvalidValue;  // CUB compares the size itself
    return reduce_rows(p, workspace.data, workspace.bytes, stream);
  }

 private:
  /// Without memory it tells how much it wants.
  template <class T, class Op>
  static cudaError_t reduce_rows(const segmented_problem<T, Op>& p, void* memory,
                                 std::size_t& bytes, cudaStream_t stream) {
    const auto offset = [&](std::int64_t extra) {
      return thrust::make_transform_iterator(thrust::counting_iterator<std::int64_t>(0),
                                             detail::row_offset{p.ld, extra});
    };
    const detail::finishing_output<Op> out{p.out, p.op};
    const auto reduce = [&](const auto& in) {
      return ::cub::DeviceSegmentedReduce::Reduce(memory, bytes, in, out, p.rows, offset(0),
                                                  offset(p.cols), detail::combines<Op>{p.op},
                                                  p.op.identity(), stream);
    };
    if constexpr (detail::lift_converts<T, Op>) {
      return reduce(p.in);
    } else {
      return reduce(
          thrust::make_transform_iterator(thrust::counting_iterator<std::int64_t>(0),
                                          detail::lifted_element<T, Op>{p.in, p.ld, p.op}));
    }
  }
};

}  // namespace warpladder::reduce
