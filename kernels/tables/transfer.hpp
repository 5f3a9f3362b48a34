// SPDX-License-Identifier: Apache-2.0
//
// The compiled ladders of the topic transfer, for code that is not compiled by nvcc. Internal, not
// installed: a product includes <warpladder/transfer.hpp> instead.
#pragma once

#include <span>
#include <warpladder/core/rung.hpp>
#include <warpladder/transfer/problem.hpp>

namespace warpladder::tables {

std::span<const rung_entry<transfer::staged_problem>> staged_rungs();
std::span<const rung_entry<transfer::pinned_problem>> pinned_rungs();
std::span<const rung_entry<transfer::rows_problem>> rows_rungs();
std::span<const rung_entry<transfer::batch_problem>> batch_rungs();

}  // namespace warpladder::tables
