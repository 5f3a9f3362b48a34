// SPDX-License-Identifier: Apache-2.0
//
// The compiled ladder of the topic grid_sync, for code that is not compiled by nvcc. Internal, not
// installed: a product includes <warpladder/grid_barrier.cuh> instead.
#pragma once

#include <span>
#include <warpladder/core/rung.hpp>
#include <warpladder/grid_sync/problem.hpp>

namespace warpladder::tables {

std::span<const rung_entry<grid_sync::problem>> grid_sync_rungs();

}  // namespace warpladder::tables
