// SPDX-License-Identifier: Apache-2.0
// Barriers that span blocks (cluster, grid) and access to a peer block's shared memory.
#pragma once

#include "simt/context.hpp"
#include "simt/site.hpp"

namespace simt::detail {

enum class block_group { cluster, grid };

void group_arrive(block_group group, site where);
void group_wait(block_group group, site where);

// The address, in the shared memory of cluster block `rank`, of the object that the calling block
// knows as `mine`.
void* map_shared(const void* mine, unsigned rank, site where);

}  // namespace simt::detail
