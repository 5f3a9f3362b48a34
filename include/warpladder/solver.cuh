// SPDX-License-Identifier: Apache-2.0
//
// The front doors of the solvers: steps of the heat equation, and conjugate gradients for the
// five-point Laplacian, for any legal problem. Header-only; needs cudart alone.
#pragma once

#include <cstddef>
#include <warpladder/core/device.hpp>
#include <warpladder/core/workspace.hpp>
#include <warpladder/solver/01_relaunch.cuh>
#include <warpladder/solver/02_dependent_launch.cuh>
#include <warpladder/solver/06_neighbours.cuh>
#include <warpladder/solver/07_tagged_halo.cuh>
#include <warpladder/solver/08_deep_halo.cuh>
#include <warpladder/solver/12_cg_fused.cuh>
#include <warpladder/solver/15_cg_on_chip.cuh>
#include <warpladder/solver/problem.hpp>

namespace warpladder::solver {

namespace detail {

/// Calls visit(rung): cells on chip where they fit, else a kernel per step. On chip the length of
/// the rows that are exchanged decides: ghost rows cost arithmetic, of which short rows have
/// little, tags double the bytes, a flag costs a fence. Columns up to which the first and the
/// second win on an H100: docs/solver.md, Worklog.
template <class Visit>
auto with_best_rung(const jacobi_problem& p, const Visit& visit) {
  constexpr std::int64_t ghost_rows_pay = 768, tags_pay = 1792;
  if (p.cols <= ghost_rows_pay && deep_halo::supports(p)) return visit(deep_halo{});
  if (p.cols <= tags_pay && tagged_halo::supports(p)) return visit(tagged_halo{});
  if (neighbours::supports(p)) return visit(neighbours{});
  device_facts device;
  if (query_device(device) == cudaSuccess && device.compute_capability >= 90)
    return visit(dependent_launch{});
  return visit(relaunch{});
}

/// The same for conjugate gradients; beyond the chip two kernels per iteration.
template <class Visit>
auto with_best_rung(const cg_problem& p, const Visit& visit) {
  return cg_on_chip::supports(p) ? visit(cg_on_chip{}) : visit(cg_fused{});
}

template <class Problem>
std::size_t best_workspace_bytes(const Problem& p) {
  if (!explain_invalid(p).empty()) return 0;
  return with_best_rung(p, [&](auto rung) { return rung.workspace_bytes(p); });
}

template <class Problem>
cudaError_t launch_best(const Problem& p, cudaStream_t stream, workspace_view workspace) {
  if (!explain_invalid(p).empty()) return cudaErrorInvalidValue;
  return with_best_rung(p, [&](auto rung) {
    if (!rung.supports(p)) return cudaErrorNotSupported;
    return rung.launch(p, stream, workspace);
  });
}

}  // namespace detail

/// Bytes of scratch device memory, aligned to 256, that jacobi(p, ...) and conjugate_gradient(p,
/// ...) need on the current device: some MiB where the problem fits on chip; else, for jacobi, a
/// second matrix, for conjugate_gradient four.
inline std::size_t workspace_bytes(const jacobi_problem& p) {
  return detail::best_workspace_bytes(p);
}
inline std::size_t workspace_bytes(const cg_problem& p) {
  return detail::best_workspace_bytes(p);
}

/// Enqueues the steps of a heat equation on `stream` and returns at once: one kernel where the
/// cells fit into the registers of the device (on an H100 up to about 2300 x 2300), else one per
/// step. Bits do not depend on which. The one kernel is a cooperative launch: all its blocks are
/// resident together, and it waits until the device has room for them. `workspace` may be
/// overwritten until the work is done; its contents need no preparation. Two calls that may run at
/// the same time need two. Never allocates, never synchronises, never touches another stream; legal
/// under stream capture. Returns cudaErrorInvalidValue before anything is enqueued if
/// explain_invalid(p) has something to say or if `workspace` is too small or misaligned,
/// cudaErrorNotSupported if a grid would be too large (2^31 tiles of 1024 cells); otherwise the
/// status of the launches.
inline cudaError_t jacobi(const jacobi_problem& p, cudaStream_t stream,
                          workspace_view workspace = {}) {
  return detail::launch_best(p, stream, workspace);
}

/// Enqueues the iterations of conjugate gradients on `stream` and returns at once: one kernel where
/// the vectors fit into registers and shared memory (on an H100 up to about 1500 x 1500), else two
/// per iteration. The same promises as jacobi(); equal inputs give equal bits on one device.
inline cudaError_t conjugate_gradient(const cg_problem& p, cudaStream_t stream,
                                      workspace_view workspace = {}) {
  return detail::launch_best(p, stream, workspace);
}

}  // namespace warpladder::solver
