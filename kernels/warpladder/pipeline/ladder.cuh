// SPDX-License-Identifier: Apache-2.0
//
// The registry of the topic. A new rung is one new file and two lines here.
#pragma once

#include <warpladder/pipeline/00_whole.cuh>
#include <warpladder/pipeline/01_serial.cuh>
#include <warpladder/pipeline/02_two_streams.cuh>
#include <warpladder/pipeline/03_depth_first.cuh>
#include <warpladder/pipeline/04_breadth_first.cuh>
#include <warpladder/pipeline/05_events.cuh>
#include <warpladder/pipeline/06_ring.cuh>
#include <warpladder/pipeline/07_overlapping.cuh>
#include <warpladder/pipeline/08_ramped.cuh>
#include <warpladder/pipeline/09_tuned.cuh>

namespace warpladder::pipeline {

// clang-format off
using ladder = rung_list<
    whole,
    serial,
    two_streams,
    depth_first,
    breadth_first,
    events,
    ring,
    overlapping,
    ramped,
    tuned>;
// clang-format on

}  // namespace warpladder::pipeline
