// SPDX-License-Identifier: Apache-2.0
// What spans blocks: barriers of a cluster or grid, shared memory of a peer, the launch itself.
#pragma once

#include <cstddef>

#include "simt/context.hpp"
#include "simt/site.hpp"

namespace simt::detail {

enum class block_group { cluster, grid };

void group_arrive(block_group group, site where);
void group_wait(block_group group, site where);

// The address, in the shared memory of cluster block `rank`, of the object that the calling block
// knows as `mine`.
void* map_shared(const void* mine, unsigned rank, site where);

// A copy of these bytes that lasts as long as the launch, for an engine that still works when the
// thread that asked it has ended. Equal bytes are kept once.
const void* kept_by_launch(const void* bytes, std::size_t size);

}  // namespace simt::detail
