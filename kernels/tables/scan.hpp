// SPDX-License-Identifier: Apache-2.0
//
// The compiled ladder of the topic scan, for code that is not compiled by nvcc. Internal, not
// installed: a product includes <warpladder/scan.cuh> instead.
#pragma once

#include <cstdint>
#include <span>
#include <type_traits>
#include <warpladder/core/rung.hpp>
#include <warpladder/scan/problem.hpp>

namespace warpladder::tables {

/// y -> factor * y + shift, modulo 2^32 or 2^64.
template <class Unsigned>
struct affine_map {
  Unsigned factor, shift;
};

/// Composition of affine maps, one per element and the first one applied first: exact, and by no
/// means commutative. The map of an element depends on its index, so that an index that is wrong
/// shows.
template <class T>
struct composition {
  using word = std::make_unsigned_t<T>;
  using input = T;
  using accumulator = affine_map<word>;
  using result = accumulator;
  static constexpr int inputs = 1;

  __host__ __device__ accumulator identity() const { return {1, 0}; }
  __host__ __device__ accumulator lift(T x, std::int64_t index) const {
    return {2 * word(x) + 1, word(x) + word(index)};
  }
  __host__ __device__ accumulator combine(accumulator a, accumulator b) const {
    return {b.factor * a.factor, b.factor * a.shift + b.shift};
  }
  __host__ __device__ result finish(accumulator a) const { return a; }
};

/// The same, of which the value at 1 comes out: a result of another type than the accumulator, of
/// the size of the elements.
template <class T>
struct composition_at_one : composition<T> {
  using result = T;
  __host__ __device__ result finish(typename composition<T>::accumulator a) const {
    return result(a.factor + a.shift);
  }
};

/// The ladder; <T, Op> is <float, sum<float>>, <std::int32_t, sum<std::int32_t>>,
/// <std::int32_t, composition_at_one<std::int32_t>> or <std::int64_t, composition<std::int64_t>>,
/// whose accumulators have 4, 4, 8 and 16 bytes.
template <class T, class Op = sum<T>>
std::span<const rung_entry<scan::problem<T, Op>>> scan_rungs();

/// warpladder::scan::run behind a link boundary; <T, Op> as above, or <double, sum<double>>,
/// <std::int64_t, sum<std::int64_t>>, <float, maximum<float>>.
template <class T, class Op>
cudaError_t scan_run(const scan::problem<T, Op>& problem, cudaStream_t stream,
                     workspace_view workspace);
template <class T, class Op>
std::size_t scan_workspace_bytes(const scan::problem<T, Op>& problem);

}  // namespace warpladder::tables
