// SPDX-License-Identifier: Apache-2.0
//
// The registry of the topic. A new rung is one new file and two lines here.
#pragma once

#include <cuda_runtime.h>  // tells which backend this is

#ifndef WARPLADDER_HOST_EXECUTOR
#include <warpladder/memory/00_cublas_geam.cuh>
#endif
#include <warpladder/memory/01_naive.cuh>
#include <warpladder/memory/02_coalesced_writes.cuh>
#include <warpladder/memory/03_shared_tile.cuh>
#include <warpladder/memory/04_padded.cuh>
#include <warpladder/memory/05_swizzled.cuh>
#include <warpladder/memory/06_vectorized.cuh>
#include <warpladder/memory/07_async_tile.cuh>
#include <warpladder/memory/08_tuned_transpose.cuh>
#include <warpladder/memory/10_vendor_copy.cuh>
#include <warpladder/memory/11_strided.cuh>
#include <warpladder/memory/12_coalesced.cuh>
#include <warpladder/memory/13_row_pointers.cuh>
#include <warpladder/memory/14_vectorized_copy.cuh>
#include <warpladder/memory/15_loads_in_flight.cuh>
#include <warpladder/memory/16_bulk_copy.cuh>
#include <warpladder/memory/17_tuned_copy.cuh>
#include <warpladder/memory/20_array_of_structures.cuh>
#include <warpladder/memory/21_aligned_structure.cuh>
#include <warpladder/memory/22_structure_of_arrays.cuh>
#include <warpladder/memory/23_tiled_structure.cuh>
#include <warpladder/memory/24_staged_structure.cuh>
#include <warpladder/memory/30_gather.cuh>
#include <warpladder/memory/31_read_only.cuh>
#include <warpladder/memory/32_in_flight.cuh>
#include <warpladder/memory/33_streaming_hints.cuh>
#include <warpladder/memory/34_l2_persistence.cuh>

namespace warpladder::memory {

// clang-format off
/// out = transpose of in.
using transpose_ladder = rung_list<
#ifndef WARPLADDER_HOST_EXECUTOR
    cublas_geam,
#endif
    naive,
    coalesced_writes,
    shared_tile,
    padded,
    swizzled,
    vectorized,
    async_tile,
    tuned_transpose>;

/// out = in, rows with distances of their own.
using copy_ladder = rung_list<
    vendor_copy,
    strided,
    coalesced,
    row_pointers,
    vectorized_copy,
    loads_in_flight,
    bulk_copy,
    tuned_copy>;

/// Particles in the layout of the rung.
using layout_ladder = rung_list<
    array_of_structures,
    aligned_structure,
    structure_of_arrays,
    tiled_structure,
    staged_structure>;

/// out[i] = table[index[i]].
using lookup_ladder = rung_list<
    gather,
    read_only,
    in_flight,
    streaming_hints,
    l2_persistence>;
// clang-format on

}  // namespace warpladder::memory
