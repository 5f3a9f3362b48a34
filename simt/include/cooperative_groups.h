// SPDX-License-Identifier: Apache-2.0
// Cooperative groups: thread block, warp tiles, cluster and grid.
#pragma once

#include "cuda_runtime.h"
#include "simt/cluster.hpp"

namespace cooperative_groups {

namespace detail {

inline unsigned long long volume(const dim3& v) {
  return static_cast<unsigned long long>(v.x) * v.y * v.z;
}
inline unsigned long long rank_in(const uint3& index, const dim3& extent) {
  return index.x + static_cast<unsigned long long>(extent.x) *
                       (index.y + static_cast<unsigned long long>(extent.y) * index.z);
}
inline const simt::block_context& block() {
  return *simt::current_thread->block;
}

}  // namespace detail

// ---- thread block ------------------------------------------------------------------------------

class thread_block {
 public:
  static void sync(simt::site where = simt::site::current()) { __syncthreads(where); }
  static unsigned thread_rank() { return simt::current_thread->linear_index; }
  static unsigned size() { return detail::block().thread_count; }
  static unsigned num_threads() { return size(); }
  static dim3 group_index() { return detail::block().block_index; }
  static dim3 thread_index() { return simt::current_thread->thread_index; }
  static dim3 group_dim() { return detail::block().block_dim; }
  static dim3 dim_threads() { return group_dim(); }
};

inline thread_block this_thread_block() {
  return {};
}

// ---- tiles of a warp ---------------------------------------------------------------------------

template <unsigned Size, class Parent = void>
class thread_block_tile {
  static_assert(Size >= 1 && Size <= 32 && (Size & (Size - 1)) == 0,
                "a tile has 1, 2, 4, 8, 16 or 32 threads");

 public:
  static unsigned thread_rank() { return simt::current_thread->lane() % Size; }
  static constexpr unsigned size() { return Size; }
  static constexpr unsigned num_threads() { return Size; }
  static unsigned meta_group_rank() { return rank_in_parent() / Size; }
  static unsigned meta_group_size() { return (parent_size() + Size - 1) / Size; }

  static void sync(simt::site where = simt::site::current()) { __syncwarp(mask(), where); }

  template <class T>
  static T shfl(T value, int source, simt::site where = simt::site::current()) {
    return simt::detail::shuffle_index(mask(), value, source, Size, where);
  }
  template <class T>
  static T shfl_up(T value, unsigned delta, simt::site where = simt::site::current()) {
    return simt::detail::shuffle_up(mask(), value, delta, Size, where);
  }
  template <class T>
  static T shfl_down(T value, unsigned delta, simt::site where = simt::site::current()) {
    return simt::detail::shuffle_down(mask(), value, delta, Size, where);
  }
  template <class T>
  static T shfl_xor(T value, int lane_mask, simt::site where = simt::site::current()) {
    return simt::detail::shuffle_xor(mask(), value, lane_mask, Size, where);
  }
  static int any(int predicate, simt::site where = simt::site::current()) {
    return __any_sync(mask(), predicate, where);
  }
  static int all(int predicate, simt::site where = simt::site::current()) {
    return __all_sync(mask(), predicate, where);
  }
  // Bit i is the tile's thread i.
  static unsigned ballot(int predicate, simt::site where = simt::site::current()) {
    return __ballot_sync(mask(), predicate, where) >> first_lane();
  }
  template <class T>
  static unsigned match_any(T value, simt::site where = simt::site::current()) {
    return __match_any_sync(mask(), value, where) >> first_lane();
  }
  template <class T>
  static unsigned match_all(T value, int& all_equal, simt::site where = simt::site::current()) {
    return __match_all_sync(mask(), value, &all_equal, where) >> first_lane();
  }

  // The lanes of the warp that form this tile.
  static unsigned mask() {
    return (Size == 32 ? 0xffffffffu : (1u << (Size % 32)) - 1) << first_lane();
  }

 private:
  static unsigned first_lane() { return simt::current_thread->lane() & ~(Size - 1); }
  static unsigned rank_in_parent() {
    if constexpr (requires { Parent::num_threads(); }) {
      return Parent::thread_rank();
    } else {
      return simt::current_thread->linear_index;
    }
  }
  static unsigned parent_size() {
    if constexpr (requires { Parent::num_threads(); }) {
      return Parent::num_threads();
    } else {
      return detail::block().thread_count;
    }
  }
};

template <unsigned Size, class Parent>
thread_block_tile<Size, Parent> tiled_partition(const Parent&) {
  if constexpr (requires { Parent::size(); } && !std::is_same_v<Parent, thread_block>) {
    static_assert(Size <= Parent::size(), "a tile can not be larger than the tile it divides");
  }
  return {};
}

// ---- cluster -----------------------------------------------------------------------------------

class cluster_group {
 public:
  struct arrival_token {};

  static void sync(simt::site where = simt::site::current()) {
    barrier_arrive(where);
    barrier_wait(where);
  }
  static arrival_token barrier_arrive(simt::site where = simt::site::current()) {
    simt::detail::group_arrive(simt::detail::block_group::cluster, where);
    return {};
  }
  static void barrier_wait(arrival_token&&, simt::site where = simt::site::current()) {
    simt::detail::group_wait(simt::detail::block_group::cluster, where);
  }
  static void barrier_wait(simt::site where = simt::site::current()) {
    simt::detail::group_wait(simt::detail::block_group::cluster, where);
  }

  static unsigned block_rank() { return detail::block().cluster_rank; }
  static unsigned num_blocks() {
    return static_cast<unsigned>(detail::volume(detail::block().cluster_dim));
  }
  static dim3 dim_blocks() { return detail::block().cluster_dim; }
  static dim3 block_index() {
    const dim3 extent = detail::block().cluster_dim;
    const uint3 index = detail::block().block_index;
    return dim3(index.x % extent.x, index.y % extent.y, index.z % extent.z);
  }
  static unsigned num_threads() { return num_blocks() * detail::block().thread_count; }
  static unsigned size() { return num_threads(); }
  static unsigned thread_rank() {
    return block_rank() * detail::block().thread_count + simt::current_thread->linear_index;
  }

  template <class T>
  static T* map_shared_rank(T* address, int rank, simt::site where = simt::site::current()) {
    return static_cast<T*>(simt::detail::map_shared(address, static_cast<unsigned>(rank), where));
  }
};

inline cluster_group this_cluster() {
  return {};
}

// ---- grid --------------------------------------------------------------------------------------

class grid_group {
 public:
  static bool is_valid() { return true; }
  static void sync(simt::site where = simt::site::current()) {
    simt::detail::group_arrive(simt::detail::block_group::grid, where);
    simt::detail::group_wait(simt::detail::block_group::grid, where);
  }
  static unsigned long long num_blocks() { return detail::volume(detail::block().grid_dim); }
  static unsigned long long block_rank() {
    return detail::rank_in(detail::block().block_index, detail::block().grid_dim);
  }
  static dim3 dim_blocks() { return detail::block().grid_dim; }
  static dim3 group_dim() { return detail::block().grid_dim; }
  static dim3 block_index() { return detail::block().block_index; }
  static unsigned long long num_threads() { return num_blocks() * detail::block().thread_count; }
  static unsigned long long size() { return num_threads(); }
  static unsigned long long thread_rank() {
    return block_rank() * detail::block().thread_count + simt::current_thread->linear_index;
  }
};

inline grid_group this_grid() {
  return {};
}

// ---- free functions ----------------------------------------------------------------------------

template <class Group>
void sync(const Group& group, simt::site where = simt::site::current()) {
  group.sync(where);
}
template <class Group>
auto thread_rank(const Group& group) {
  return group.thread_rank();
}
template <class Group>
auto group_size(const Group& group) {
  return group.num_threads();
}

}  // namespace cooperative_groups
