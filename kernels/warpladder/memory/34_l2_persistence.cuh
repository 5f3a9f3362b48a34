// SPDX-License-Identifier: Apache-2.0
//
// 34 l2_persistence. Before: hints tell L2 what to evict first. They are kept by this kernel alone;
// whatever runs between two launches may take the table's place.
//
// Idea: the launch carries an access policy window over the table, whose lines persist: they have
// precedence in a part of L2 that is set aside. An attribute of the launch and not of the stream,
// so no other work is changed. The caller owns the device-wide part of it:
//   before: cudaDeviceSetLimit(cudaLimitPersistingL2CacheSize, bytes), at best all that
//           cudaDevAttrMaxPersistingL2CacheSize allows (3/4 of the L2 of an A100);
//   after:  cudaCtxResetPersistingL2Cache(), or the lines may stay long after they are of use.
// Without the first the window is legal and nothing is set aside: this is 33 then, as it is where
// nothing can be (multi-instance GPUs). A larger table persists with as many of its first bytes as
// can be set aside: more would evict each other. For uniformly random indices that is as good as
// any choice, such as the random share that a hitRatio below 1 makes; a table sorted by how often
// it is asked gains more.
// Traffic: request by request that of 33. Back to back, where 33 already keeps the table, no gain
// is predicted. After a kernel that filled L2, 33 brings a table of S bytes back from device memory
// within its first lookups, S / 3.0 TB/s at least: 10 us for 30 MB; this rung does not.
// Limited by: sectors at L2.
#pragma once

#include <algorithm>
#include <warpladder/memory/33_streaming_hints.cuh>

namespace warpladder::memory {

template <class T, class Tuning>
__global__ void __launch_bounds__(Tuning::threads) l2_persistence_kernel(lookup_problem<T> p) {
  streaming_lookup<T, Tuning::threads>(p);
}

struct l2_persistence {
  static constexpr rung_info info{.step = 34,
                                  .name = "l2_persistence",
                                  .idea = "a part of L2 reserved for the table",
                                  .min_compute_capability = 80};
  struct tuning {
    static constexpr int threads = 256;
  };

  template <class T>
  static support supports(const lookup_problem<T>& p) {
    return streaming_hints::supports(p);
  }

  template <class T>
  static std::size_t workspace_bytes(const lookup_problem<T>&) {
    return 0;
  }

  /// The part of the table that can persist on the current device.
  template <class T>
  static cudaError_t find_window(const lookup_problem<T>& p, cudaAccessPolicyWindow& window) {
    int device = 0, reservable = 0;
    if (const cudaError_t status = cudaGetDevice(&device); status != cudaSuccess) return status;
    const cudaError_t status =
        cudaDeviceGetAttribute(&reservable, cudaDevAttrMaxPersistingL2CacheSize, device);
    const std::int64_t table_bytes = p.table_size * sizeof(T);
    window.base_ptr = const_cast<T*>(p.table);
    window.num_bytes = std::min<std::int64_t>(table_bytes, reservable);
    window.hitRatio = 1;
    window.hitProp = cudaAccessPropertyPersisting;
    window.missProp = cudaAccessPropertyNormal;
    return status;
  }

  template <class T>
  static cudaError_t launch(const lookup_problem<T>& p, cudaStream_t stream, workspace_view) {
    if (p.is_empty()) return cudaSuccess;
    cudaAccessPolicyWindow table = {};
    if (const cudaError_t status = find_window(p, table); status != cudaSuccess) return status;
    const dim3 block(tuning::threads), grid(detail::block_count(p.n, 4 * tuning::threads));
    return warpladder::launch_kernel(
        l2_persistence_kernel<T, tuning>,
        {.grid = grid, .block = block, .stream = stream, .l2_window = table}, p);
  }
};

}  // namespace warpladder::memory
