// SPDX-License-Identifier: Apache-2.0
//
// What the results of the topic memory must be, element by element and bit by bit, by kernels that
// are too simple to be wrong.
#pragma once

#include <cuda_runtime_api.h>

#include <warpladder/memory/layout_problem.hpp>
#include <warpladder/memory/lookup_problem.hpp>
#include <warpladder/memory/problem.hpp>

namespace warpladder::bench {

struct mismatches {
  unsigned long long count = 0;
  unsigned long long first = ~0ull;  ///< the lowest number of a wrong element
};

/// Compares every element of a result with the definition; `found` is in device memory.
cudaError_t compare(const memory::transpose_problem<float>& p, mismatches* found,
                    cudaStream_t stream);
cudaError_t compare(const memory::copy_problem<float>& p, mismatches* found, cudaStream_t stream);
cudaError_t compare(const memory::lookup_problem<float>& p, mismatches* found, cudaStream_t stream);
/// `before` is the state before the step, in the same layout.
cudaError_t compare(const memory::layout_problem& p, const float* before, mismatches* found,
                    cudaStream_t stream);

}  // namespace warpladder::bench
