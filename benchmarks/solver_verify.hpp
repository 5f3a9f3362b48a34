// SPDX-License-Identifier: Apache-2.0
//
// What solvers must compute, by kernels that are too simple to be wrong.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <warpladder/core/stream.hpp>
#include <warpladder/solver/problem.hpp>
#include <warpladder/solver/verification.hpp>

namespace warpladder::bench {

/// How many elements of p.out differ in a bit from the formula, computed by a thread per cell. For
/// packed matrices. Allocates, and waits for `stream`.
std::int64_t count_wrong(const solver::jacobi_problem& p, stream_view stream);

/// What a check of p.x looks at, in float64, the iterate of float64 included. For packed matrices.
/// Allocates, and waits for `stream`.
solver::cg_evidence examine(const solver::cg_problem& p, stream_view stream);

}  // namespace warpladder::bench
