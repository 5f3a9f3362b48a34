// SPDX-License-Identifier: Apache-2.0
//
// The compiled ladders of the topic rowwise, for code that is not compiled by nvcc. Internal, not
// installed: a product includes <warpladder/rowwise.cuh> instead.
#pragma once

#include <span>
#include <warpladder/core/rung.hpp>
#include <warpladder/rowwise/problem.hpp>

namespace warpladder::tables {

/// T is float or __nv_bfloat16.
template <class T>
std::span<const rung_entry<rowwise::softmax_problem<T>>> softmax_rungs();
template <class T>
std::span<const rung_entry<rowwise::norm_problem<T>>> norm_rungs();

/// warpladder::rowwise::softmax and rowwise::normalize behind a link boundary.
template <class T>
cudaError_t rowwise_softmax(const rowwise::softmax_problem<T>& problem, cudaStream_t stream);
template <class T>
cudaError_t rowwise_normalize(const rowwise::norm_problem<T>& problem, cudaStream_t stream);

}  // namespace warpladder::tables
