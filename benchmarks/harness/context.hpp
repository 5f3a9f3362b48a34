// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <harness/ceilings.hpp>
#include <harness/nvml.hpp>

namespace warpladder::bench {

/// Writes into the JSON context what a reader needs to judge or repeat the run: GPU, clocks,
/// power limit, measured ceilings, versions and commit.
void describe_run(const nvml& chip, const ceilings& limits);

}  // namespace warpladder::bench
