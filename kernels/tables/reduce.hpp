// SPDX-License-Identifier: Apache-2.0
//
// The compiled ladders of the topic reductions, for code that is not compiled by nvcc. Internal,
// not installed: a product includes <warpladder/reduce.cuh> instead.
#pragma once

#include <span>
#include <warpladder/core/operations.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/reduce/problem.hpp>

namespace warpladder::tables {

/// Compiled for <float, sum<float>>, <std::int32_t, sum<std::int32_t>> and <float, argmax<float>>.
template <class T, class Op>
std::span<const rung_entry<reduce::problem<T, Op>>> reduce_rungs();

/// The same for the rows or columns of a matrix.
template <class T, class Op>
std::span<const rung_entry<reduce::segmented_problem<T, Op>>> segmented_rungs();

}  // namespace warpladder::tables
