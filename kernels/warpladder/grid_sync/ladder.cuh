// SPDX-License-Identifier: Apache-2.0
//
// The registry of the topic. A new rung is one new file and two lines here.
#pragma once

#include <warpladder/grid_sync/00_cooperative_groups.cuh>
#include <warpladder/grid_sync/01_relaunch.cuh>
#include <warpladder/grid_sync/02_dependent_launch.cuh>
#include <warpladder/grid_sync/03_atomic_counter.cuh>
#include <warpladder/grid_sync/04_sense_reversal.cuh>
#include <warpladder/grid_sync/05_tree.cuh>
#include <warpladder/grid_sync/06_cluster_arrival.cuh>
#include <warpladder/grid_sync/07_release_acquire.cuh>
#include <warpladder/grid_sync/08_patient.cuh>

namespace warpladder::grid_sync {

// clang-format off
using ladder = rung_list<
    cooperative_groups,
    relaunch,
    dependent_launch,
    atomic_counter,
    sense_reversal,
    tree,
    cluster_arrival,
    release_acquire,
    patient>;
// clang-format on

}  // namespace warpladder::grid_sync
