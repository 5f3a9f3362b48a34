// SPDX-License-Identifier: Apache-2.0
//
// What the results of reductions must be, by kernels that are too simple to be wrong.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <type_traits>
#include <warpladder/core/operations.hpp>
#include <warpladder/core/stream.hpp>
#include <warpladder/reduce/problem.hpp>

namespace warpladder::bench {

/// Does Op add up?
template <class Op>
inline constexpr bool adds_up = false;
template <class T>
inline constexpr bool adds_up<sum<T>> = true;
template <class T>
inline constexpr bool adds_up<sum_of_squares<T>> = true;
template <class T>
inline constexpr bool adds_up<dot<T>> = true;

/// *p.out as it should be. Sums of floats are added in float64 and rounded at last: exact where
/// exact_amplitude() chose the elements. Waits for `stream`. Exists for sum, minimum, maximum,
/// argmin, argmax, sum_of_squares and dot of the six types of array_inputs.hpp.
template <class T, class Op>
typename Op::result expected(const reduce::problem<T, Op>& p, stream_view stream);

/// How many elements of p.out differ from the sum in float64. Waits for `stream`.
std::int64_t count_wrong(const reduce::segmented_problem<float, sum<float>>& p, stream_view stream);

}  // namespace warpladder::bench
