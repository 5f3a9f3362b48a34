// SPDX-License-Identifier: Apache-2.0
//
// The ladders of the topic reductions: of whole arrays, and of the rows or columns of a matrix.
#pragma once

#include <warpladder/core/rung.hpp>
#ifndef WARPLADDER_HOST_EXECUTOR
#include <warpladder/reduce/00_cub.cuh>
#endif
#include <warpladder/reduce/01_interleaved.cuh>
#include <warpladder/reduce/02_strided.cuh>
#include <warpladder/reduce/03_sequential.cuh>
#include <warpladder/reduce/04_first_add.cuh>
#include <warpladder/reduce/05_shuffle.cuh>
#include <warpladder/reduce/06_warp_reduce.cuh>
#include <warpladder/reduce/07_loads_in_flight.cuh>
#include <warpladder/reduce/08_two_kernels.cuh>
#include <warpladder/reduce/09_last_block.cuh>
#include <warpladder/reduce/10_atomics.cuh>
#include <warpladder/reduce/11_cooperative.cuh>
#include <warpladder/reduce/12_cluster.cuh>
#include <warpladder/reduce/13_bulk_pipeline.cuh>
#include <warpladder/reduce/14_tuned.cuh>
#ifndef WARPLADDER_HOST_EXECUTOR
#include <warpladder/reduce/20_cub_segments.cuh>
#endif
#include <warpladder/reduce/21_thread_per_segment.cuh>
#include <warpladder/reduce/22_block_per_segment.cuh>
#include <warpladder/reduce/23_tuned_segments.cuh>

namespace warpladder::reduce {

// clang-format off
/// *out = the combination of all elements.
using array_ladder = rung_list<
#ifndef WARPLADDER_HOST_EXECUTOR
    cub,
#endif
    interleaved,
    strided,
    sequential,
    first_add,
    shuffle,
    warp_reduce,
    loads_in_flight,
    two_kernels,
    last_block,
    atomics,
    cooperative,
    cluster,
    bulk_pipeline,
    tuned>;

/// out[i] = the combination of row i, or of column i.
using segmented_ladder = rung_list<
#ifndef WARPLADDER_HOST_EXECUTOR
    cub_segments,
#endif
    thread_per_segment,
    block_per_segment,
    tuned_segments>;
// clang-format on

}  // namespace warpladder::reduce
