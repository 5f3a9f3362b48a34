// SPDX-License-Identifier: Apache-2.0
//
// The registry of the topic. A new rung is one new file and two lines here.
#pragma once

#include <cuda_runtime.h>  // tells which backend this is

#ifndef WARPLADDER_HOST_EXECUTOR
#include <warpladder/scan/00_cub.cuh>
#endif
#include <warpladder/scan/01_hillis_steele.cuh>
#include <warpladder/scan/02_blelloch.cuh>
#include <warpladder/scan/03_warp_shuffle.cuh>
#include <warpladder/scan/04_block_scan.cuh>
#include <warpladder/scan/05_three_kernels.cuh>
#include <warpladder/scan/06_look_back.cuh>
#include <warpladder/scan/07_rounds.cuh>
#include <warpladder/scan/08_tuned.cuh>

namespace warpladder::scan {

// clang-format off
using ladder = rung_list<
#ifndef WARPLADDER_HOST_EXECUTOR
    cub,
#endif
    hillis_steele,
    blelloch,
    warp_shuffle,
    block_scan,
    three_kernels,
    look_back,
    rounds,
    tuned>;
// clang-format on

}  // namespace warpladder::scan
