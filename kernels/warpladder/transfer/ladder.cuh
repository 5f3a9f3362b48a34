// SPDX-License-Identifier: Apache-2.0
//
// The registry of the topic. A new rung is one new file and two lines here.
#pragma once

#include <cuda_runtime.h>  // tells which backend this is

#include <warpladder/transfer/00_vendor_copy.cuh>
#include <warpladder/transfer/01_one_chunk.cuh>
#include <warpladder/transfer/02_two_chunks.cuh>
#include <warpladder/transfer/03_many_threads.cuh>
#include <warpladder/transfer/04_streaming_stores.cuh>
#include <warpladder/transfer/05_standing_threads.cuh>
#include <warpladder/transfer/10_pinned_async.cuh>
#include <warpladder/transfer/11_kernel_copy.cuh>
#include <warpladder/transfer/12_few_blocks.cuh>
#include <warpladder/transfer/20_row_by_row.cuh>
#include <warpladder/transfer/21_copy_2d.cuh>
#include <warpladder/transfer/22_packed_rows.cuh>
#include <warpladder/transfer/23_kernel_rows.cuh>
#include <warpladder/transfer/30_one_by_one.cuh>
#ifndef WARPLADDER_HOST_EXECUTOR
#include <warpladder/transfer/31_batched_copy.cuh>
#endif
#include <warpladder/transfer/32_gathered.cuh>
#include <warpladder/transfer/33_kernel_batch.cuh>

namespace warpladder::transfer {

// clang-format off
/// Pageable host memory.
using staged_ladder = rung_list<
    vendor_copy,
    one_chunk,
    two_chunks,
    many_threads,
    streaming_stores,
    standing_threads>;

/// Page-locked host memory.
using pinned_ladder = rung_list<
    pinned_async,
    kernel_copy,
    few_blocks>;

/// Rows that lie apart.
using rows_ladder = rung_list<
    row_by_row,
    copy_2d,
    packed_rows,
    kernel_rows>;

/// Many small copies.
using batch_ladder = rung_list<
    one_by_one,
#ifndef WARPLADDER_HOST_EXECUTOR
    batched_copy,
#endif
    gathered,
    kernel_batch>;
// clang-format on

}  // namespace warpladder::transfer
