// SPDX-License-Identifier: Apache-2.0
//
// The compiled ladders of the topic memory, for code that is not compiled by nvcc. Internal, not
// installed: a product includes <warpladder/memory.cuh> instead.
#pragma once

#include <span>
#include <warpladder/core/rung.hpp>
#include <warpladder/memory/layout_problem.hpp>
#include <warpladder/memory/lookup_problem.hpp>
#include <warpladder/memory/problem.hpp>

namespace warpladder::tables {

std::span<const rung_entry<memory::transpose_problem<float>>> transpose_rungs();
std::span<const rung_entry<memory::copy_problem<float>>> copy_rungs();
std::span<const rung_entry<memory::layout_problem>> layout_rungs();
std::span<const rung_entry<memory::lookup_problem<float>>> lookup_rungs();

/// warpladder::memory::transpose and memory::copy_2d behind a link boundary; T is std::uint8_t,
/// std::uint16_t, float, double, float4 or std::complex<float>.
template <class T>
cudaError_t memory_transpose(const memory::transpose_problem<T>& problem, cudaStream_t stream);
template <class T>
cudaError_t memory_copy_2d(const memory::copy_problem<T>& problem, cudaStream_t stream);

}  // namespace warpladder::tables
