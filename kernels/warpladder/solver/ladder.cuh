// SPDX-License-Identifier: Apache-2.0
//
// The registry of the topic. A new rung is one new file and two lines here.
#pragma once

#include <warpladder/solver/01_relaunch.cuh>
#include <warpladder/solver/02_dependent_launch.cuh>
#include <warpladder/solver/03_grid_sync.cuh>
#include <warpladder/solver/04_light_barrier.cuh>
#include <warpladder/solver/05_on_chip.cuh>
#include <warpladder/solver/06_neighbours.cuh>
#include <warpladder/solver/07_tagged_halo.cuh>
#include <warpladder/solver/08_deep_halo.cuh>
#include <warpladder/solver/11_cg_relaunch.cuh>
#include <warpladder/solver/12_cg_fused.cuh>
#include <warpladder/solver/13_cg_grid_sync.cuh>
#include <warpladder/solver/14_cg_light_barrier.cuh>
#include <warpladder/solver/15_cg_on_chip.cuh>
#include <warpladder/solver/16_cg_tagged.cuh>

namespace warpladder::solver {

// clang-format off
/// Steps of the heat equation.
using jacobi_ladder = rung_list<
    relaunch,
    dependent_launch,
    grid_sync,
    light_barrier,
    on_chip,
    neighbours,
    tagged_halo,
    deep_halo>;

/// Conjugate gradients.
using cg_ladder = rung_list<
    cg_relaunch,
    cg_fused,
    cg_grid_sync,
    cg_light_barrier,
    cg_on_chip,
    cg_tagged>;
// clang-format on

}  // namespace warpladder::solver
