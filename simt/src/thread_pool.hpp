// SPDX-License-Identifier: Apache-2.0
// OS threads that outlive launches.
#pragma once

#include <functional>

namespace simt {

// Calls job(0) ... job(count - 1) at the same time, each on an OS thread of its own, job(0) on the
// caller's. Returns when all have. Threads are made when none is idle, and are kept.
void run_together(unsigned count, const std::function<void(unsigned)>& job);

}  // namespace simt
