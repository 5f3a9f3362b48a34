// SPDX-License-Identifier: Apache-2.0
//
// The registry of the topic. A new rung is one new file and two lines here.
#pragma once

#include <warpladder/rowwise/01_thread_per_row.cuh>
#include <warpladder/rowwise/02_block_per_row.cuh>
#include <warpladder/rowwise/03_online.cuh>
#include <warpladder/rowwise/04_in_registers.cuh>
#include <warpladder/rowwise/05_tuned_softmax.cuh>
#include <warpladder/rowwise/11_three_pass_norm.cuh>
#include <warpladder/rowwise/12_welford.cuh>
#include <warpladder/rowwise/13_norm_in_registers.cuh>
#include <warpladder/rowwise/14_tuned_norm.cuh>

namespace warpladder::rowwise {

// clang-format off
/// out = softmax of every row.
using softmax_ladder = rung_list<
    thread_per_row,
    block_per_row,
    online,
    in_registers,
    tuned_softmax>;

/// out = every row, normalized.
using norm_ladder = rung_list<
    three_pass_norm,
    welford,
    norm_in_registers,
    tuned_norm>;
// clang-format on

}  // namespace warpladder::rowwise
