// SPDX-License-Identifier: Apache-2.0
//
// 19 tuned. Before: every rung is the best somewhere, and none everywhere.
//
// Idea: predict, then choose. Each method below says how its time grows, in three numbers measured
// on an H100 (132 multiprocessors): what a launch costs, and microseconds per 1000 k for the blocks
// that the busiest multiprocessor gets. The cheapest method that fits the device, the layout and
// the lent workspace runs. Only the order of the predictions matters, and that follows from tile
// sizes and waves: it carries over to other devices better than the numbers do.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <string_view>
#include <warpladder/core/device.hpp>
#include <warpladder/gemm/05_thread_tile_2d.cuh>
#include <warpladder/gemm/11_large_tile.cuh>
#include <warpladder/gemm/12_tensor_copy.cuh>
#include <warpladder/gemm/13_skinny.cuh>
#include <warpladder/gemm/14_slice_k.cuh>
#include <warpladder/gemm/15_split_k.cuh>
#include <warpladder/gemm/16_cluster_split_k.cuh>
#include <warpladder/gemm/17_batched.cuh>
#include <warpladder/gemm/18_stream_k.cuh>
#include <warpladder/gemm/detail/pack.cuh>

namespace warpladder::gemm {

namespace detail {

/// How the work of a method is shared out, which decides how its time grows.
enum class tuned_sharing {
  tiles,   ///< whole tiles: the busiest multiprocessor counts
  evenly,  ///< multiply-adds, whatever the tiles
  bytes    ///< limited by device memory: us_per_k is microseconds per million bytes
};

struct tuned_method {
  std::string_view name;
  int min_compute_capability;
  tuned_sharing sharing;
  int tile_m, tile_n;
  double launch_us;       ///< with everything that does not depend on k
  double us_per_k;        ///< per 1000 k, once
  double us_per_block_k;  ///< per 1000 k and block of the busiest multiprocessor
  bool needs_alignment;   ///< works on packed copies of operands that are not 16-byte aligned
  // The device is asked once per launch, not by each method: hence the number of multiprocessors.
  bool (*fits)(const problem<float>&, int multiprocessors);
  int (*splits)(const problem<float>&, int multiprocessors);  ///< of k; nullptr: not a split-k
  std::size_t (*workspace_bytes)(const problem<float>&, int multiprocessors);
  cudaError_t (*launch)(const problem<float>&, cudaStream_t, workspace_view);

  double microseconds(const problem<float>& p, int multiprocessors, std::size_t pack_bytes) const {
    double us = launch_us, k = p.depth() / 1000.0;
    double tiles =
        double(ceil_div<std::int64_t>(p.m, tile_m)) * double(ceil_div<std::int64_t>(p.n, tile_n));
    if (pack_bytes > 0) us += 4.0 + 1e-6 * double(pack_bytes);  // one launch; read and write
    if (splits != nullptr) {
      const int count = splits(p, multiprocessors);
      us += 0.03 * count +
            0.6e-6 * double(workspace_bytes(p, multiprocessors));  // written, read and added
      k /= count;
      tiles *= count;
    }
    switch (sharing) {
      case tuned_sharing::tiles: {
        const double busiest = double(std::int64_t((tiles - 1) / multiprocessors) + 1);
        return us + k * (us_per_k + us_per_block_k * busiest);
      }
      case tuned_sharing::evenly: {
        // Beyond two pieces per tile the hand-over of partial tiles becomes a chain.
        const double pieces = multiprocessors / tiles;
        return us + (pieces > 1 ? 8 * (pieces - 1) : 0) +
               k * us_per_block_k * tiles / multiprocessors;
      }
      default: {
        const double mb = 4e-6 * (double(p.m) * p.k + double(p.k) * p.n + double(p.m) * p.n);
        return us + us_per_k * mb;
      }
    }
  }
};

inline bool tuned_fits_always(const problem<float>&, int) {
  return true;
}
inline bool tuned_fits_tensor(const problem<float>& p) {
  return bool(tensor_copy::supports(p));
}
inline bool tuned_fits_rows(const problem<float>& p, int) {
  return p.m <= 65535 * 16;
}
inline bool tuned_fits_skinny(const problem<float>& p, int) {
  return bool(skinny::supports(p));
}
inline std::size_t tuned_no_workspace(const problem<float>&, int) {
  return 0;
}

/// Splitting pays while C is small against the products.
inline bool tuned_fits_split(const problem<float>& p, int) {
  return p.m * p.n <= std::int64_t{1} << 21 && tuned_fits_rows(p, 0);
}

template <class Tuning>
cudaError_t tuned_slice(const problem<float>& p, cudaStream_t stream, workspace_view) {
  return slice_k::launch_tuned<Tuning>(p, stream);
}

template <class Tuning>
cudaError_t tuned_cluster(const problem<float>& p, cudaStream_t stream, workspace_view) {
  return cluster_split_k::launch_tuned<Tuning>(p, stream, 2);
}

template <class Tuning>
cudaError_t tuned_large(const problem<float>& p, cudaStream_t stream, workspace_view) {
  return large_tile::launch_tuned<Tuning>(p, stream);
}

/// Calls visit.operator()<TurnA, TurnB>() for the layout of p, as tensor_copy names it.
template <class Visit>
cudaError_t tuned_for_layout(const problem<float>& p, Visit&& visit) {
  const bool turn_a = p.trans_a == transpose::no, turn_b = p.trans_b == transpose::yes;
  if (turn_a) {
    return turn_b ? visit.template operator()<true, true>()
                  : visit.template operator()<true, false>();
  }
  return turn_b ? visit.template operator()<false, true>()
                : visit.template operator()<false, false>();
}

template <class Tuning>
cudaError_t tuned_tensor(const problem<float>& p, cudaStream_t stream, workspace_view) {
  return tuned_for_layout(p, [&]<bool TurnA, bool TurnB> {
    return tensor_copy::launch_tuned<Tuning, TurnA, TurnB>(p, stream);
  });
}

template <class Tuning>
std::size_t tuned_stream_k_workspace(const problem<float>& p, int) {
  return stream_k::workspace_bytes_tuned<Tuning>(p);
}

template <class Tuning>
cudaError_t tuned_stream_k(const problem<float>& p, cudaStream_t stream, workspace_view scratch) {
  return tuned_for_layout(p, [&]<bool TurnA, bool TurnB> {
    return stream_k::launch_tuned<Tuning, TurnA, TurnB>(p, stream, scratch);
  });
}

/// Into how many parts to cut k so that `tiles` tiles become about `Waves` blocks for every
/// multiprocessor, none with less than 64 k.
template <int Waves, int TileM, int TileN>
int tuned_split_count(const problem<float>& p, int multiprocessors) {
  if (p.is_empty()) return 1;
  const std::int64_t tiles =
      ceil_div<std::int64_t>(p.m, TileM) * ceil_div<std::int64_t>(p.n, TileN);
  const std::int64_t most = std::max(1, p.depth() / 64);
  return int(std::clamp<std::int64_t>(Waves * multiprocessors / tiles, 1, most));
}

template <int Waves, class Tuning>
struct tuned_split {
  static int count(const problem<float>& p, int multiprocessors) {
    return tuned_split_count<Waves, Tuning::tile_m, Tuning::tile_n>(p, multiprocessors);
  }
  static bool fits(const problem<float>& p, int multiprocessors) {
    return tuned_fits_split(p, multiprocessors) && count(p, multiprocessors) > 1;
  }
  static std::size_t workspace_bytes(const problem<float>& p, int multiprocessors) {
    return std::size_t(count(p, multiprocessors)) * p.m * p.n * sizeof(float);
  }
  static cudaError_t launch(const problem<float>& p, cudaStream_t stream, workspace_view scratch) {
    device_facts device;
    if (const cudaError_t status = query_device(device); status != cudaSuccess) return status;
    return split_k::launch_tuned<Tuning>(p, stream, scratch, count(p, device.multiprocessors));
  }
};

/// split_k with the tiles of tensor_copy.
template <int Waves, class Tuning>
struct tuned_tensor_split {
  static int count(const problem<float>& p, int multiprocessors) {
    return tuned_split_count<Waves, Tuning::block_m, Tuning::block_n>(p, multiprocessors);
  }
  static bool fits(const problem<float>& p, int multiprocessors) {
    return tuned_fits_split(p, multiprocessors) && count(p, multiprocessors) > 1;
  }
  static std::size_t workspace_bytes(const problem<float>& p, int multiprocessors) {
    return std::size_t(count(p, multiprocessors)) * p.m * p.n * sizeof(float);
  }
  static cudaError_t launch(const problem<float>& p, cudaStream_t stream, workspace_view scratch) {
    device_facts device;
    if (const cudaError_t status = query_device(device); status != cudaSuccess) return status;
    if (scratch.bytes < workspace_bytes(p, device.multiprocessors)) return cudaErrorInvalidValue;
    const int splits = count(p, device.multiprocessors);
    auto* const partial = static_cast<float*>(scratch.data);
    problem<float> slice = p;
    slice.k = round_up<std::int64_t>(ceil_div<std::int64_t>(p.k, splits), 4);
    slice.alpha = 1;
    slice.beta = 0;
    slice.c = partial;
    slice.ldc = p.n;
    slice.stride_c = p.m * p.n;
    const cudaError_t launched = tuned_for_layout(p, [&]<bool TurnA, bool TurnB> {
      return tensor_copy::launch_slices<Tuning, TurnA, TurnB>(slice, p.k, splits, stream);
    });
    return launched != cudaSuccess ? launched : split_k::add_up(p, partial, splits, stream);
  }
};

using tuned_tensor_large = tensor_copy_tuning<128, 256, 64, 64, 64, 1>;
using tuned_tensor_64x128 = tensor_copy_tuning<64, 128, 32, 64, 32, 4>;
using tuned_tensor_64x64 = tensor_copy_tuning<64, 64, 32, 32, 32, 4>;
using tuned_tensor_32x64 = tensor_copy_tuning<32, 64, 32, 32, 16, 6>;
using tuned_slice_16x16 = slice_k_tuning<16, 16, 4, 2, 8, 128, 3>;
using tuned_slice_16x32 = slice_k_tuning<16, 32, 4, 4, 8, 64, 3>;
using tuned_slice_32x32 = slice_k_tuning<32, 32, 8, 4, 8, 64, 3>;
using tuned_slice_16x64 = slice_k_tuning<16, 64, 4, 8, 8, 64, 3>;
using tuned_slice_64x16 = slice_k_tuning<64, 16, 8, 4, 8, 64, 3>;
using tuned_slice_64x64 = slice_k_tuning<64, 64, 8, 4, 2, 32, 4>;
using tuned_split_32x32 = tuned_split<1, tuned_slice_32x32>;
using tuned_split_64x64 = tuned_split<1, tuned_slice_64x64>;
using tuned_split_64x64_twice = tuned_split<2, tuned_slice_64x64>;
using tuned_large_64x128 = large_tile_tuning<64, 128, 16, 64, 32, 4, 3>;
using tuned_large_64x64 = large_tile_tuning<64, 64, 16, 32, 32, 4, 4>;
using tuned_tensor_split_64x128 = tuned_tensor_split<2, tuned_tensor_64x128>;

// clang-format off
inline constexpr tuned_method tuned_methods[] = {
    {"14_slice_k 16x16", 80, tuned_sharing::tiles, 16, 16, 1.5, 2.0, 6.2, false,
     tuned_fits_rows, nullptr, tuned_no_workspace, tuned_slice<tuned_slice_16x16>},
    {"14_slice_k 16x32", 80, tuned_sharing::tiles, 16, 32, 1.9, 1.3, 7.5, false,
     tuned_fits_rows, nullptr, tuned_no_workspace, tuned_slice<tuned_slice_16x32>},
    {"14_slice_k 32x32", 80, tuned_sharing::tiles, 32, 32, 2.6, 0, 10.6, false,
     tuned_fits_rows, nullptr, tuned_no_workspace, tuned_slice<tuned_slice_32x32>},
    {"13_skinny", 75, tuned_sharing::bytes, 1, 1, 1.5, 0.345, 0, false,
     tuned_fits_skinny, nullptr, tuned_no_workspace, skinny::launch},
    {"16_cluster_split_k 16x64", 90, tuned_sharing::bytes, 16, 64, 5.0, 0.385, 0, false,
     [](const problem<float>& p, int) { return p.m <= 16 && p.n >= 2048; },
     nullptr, tuned_no_workspace, tuned_cluster<tuned_slice_16x64>},
    {"16_cluster_split_k 64x16", 90, tuned_sharing::bytes, 64, 16, 5.0, 0.45, 0, false,
     [](const problem<float>& p, int) { return p.n <= 16 && p.m >= 2048 && tuned_fits_rows(p, 0); },
     nullptr, tuned_no_workspace, tuned_cluster<tuned_slice_64x16>},
    {"15_split_k 32x32", 80, tuned_sharing::tiles, 32, 32, 5.0, 0, 10.6, false,
     tuned_split_32x32::fits, tuned_split_32x32::count,
     tuned_split_32x32::workspace_bytes, tuned_split_32x32::launch},
    {"15_split_k 64x64", 80, tuned_sharing::tiles, 64, 64, 5.0, 0, 30.0, false,
     tuned_split_64x64::fits, tuned_split_64x64::count,
     tuned_split_64x64::workspace_bytes, tuned_split_64x64::launch},
    {"15_split_k 64x64 twice", 80, tuned_sharing::tiles, 64, 64, 5.0, 0, 30.3, false,
     tuned_split_64x64_twice::fits, tuned_split_64x64_twice::count,
     tuned_split_64x64_twice::workspace_bytes, tuned_split_64x64_twice::launch},
    {"15_split_k 64x128", 90, tuned_sharing::tiles, 64, 128, 4.0, 13.0, 38.0, true,
     tuned_tensor_split_64x128::fits, tuned_tensor_split_64x128::count,
     tuned_tensor_split_64x128::workspace_bytes, tuned_tensor_split_64x128::launch},
    {"12_tensor_copy 32x64", 90, tuned_sharing::tiles, 32, 64, 2.3, 14.5, 10.5, true,
     tuned_fits_always, nullptr, tuned_no_workspace, tuned_tensor<tuned_tensor_32x64>},
    {"12_tensor_copy 64x64", 90, tuned_sharing::tiles, 64, 64, 2.5, 15.0, 20.0, true,
     tuned_fits_always, nullptr, tuned_no_workspace, tuned_tensor<tuned_tensor_64x64>},
    {"12_tensor_copy 64x128", 90, tuned_sharing::tiles, 64, 128, 2.5, 13.0, 40.0, true,
     tuned_fits_always, nullptr, tuned_no_workspace, tuned_tensor<tuned_tensor_64x128>},
    {"12_tensor_copy 128x256", 90, tuned_sharing::tiles, 128, 256, 3.0, 0, 158.5, true,
     tuned_fits_always, nullptr, tuned_no_workspace,
     [](const problem<float>& p, cudaStream_t stream, workspace_view scratch) {
       return tensor_copy::launch(p, stream, scratch);
     }},
    {"18_stream_k 64x64", 90, tuned_sharing::evenly, 64, 64, 13.5, 0, 22.5, true,
     tuned_fits_always, nullptr, tuned_stream_k_workspace<tuned_tensor_64x64>,
     tuned_stream_k<tuned_tensor_64x64>},
    {"18_stream_k 128x256", 90, tuned_sharing::evenly, 128, 256, 17.0, 0, 158.5, true,
     tuned_fits_always, nullptr, tuned_stream_k_workspace<tuned_tensor_large>,
     [](const problem<float>& p, cudaStream_t stream, workspace_view scratch) {
       return stream_k::launch(p, stream, scratch);
     }},
    {"11_large_tile 64x64", 80, tuned_sharing::tiles, 64, 64, 3.0, 17.0, 24.0, false,
     tuned_fits_always, nullptr, tuned_no_workspace, tuned_large<tuned_large_64x64>},
    {"11_large_tile 64x128", 80, tuned_sharing::tiles, 64, 128, 3.0, 15.0, 53.0, false,
     tuned_fits_always, nullptr, tuned_no_workspace, tuned_large<tuned_large_64x128>},
    {"11_large_tile 128x256", 80, tuned_sharing::tiles, 128, 256, 3.5, 0, 175.0, false,
     tuned_fits_always, nullptr, tuned_no_workspace, tuned_large<large_tile::tuning>},
    {"05_thread_tile_2d", 75, tuned_sharing::tiles, 128, 128, 4.0, 0, 200.0, false,
     tuned_fits_always, nullptr, tuned_no_workspace,
     [](const problem<float>& p, cudaStream_t stream, workspace_view scratch) {
       return thread_tile_2d::launch(p, stream, scratch);
     }},
};
// clang-format on

}  // namespace detail

struct tuned {
  static constexpr rung_info info{19, "tuned", "predict every rung, run the cheapest"};

  /// The method for one product on this device with so much workspace.
  static const detail::tuned_method& choose(const problem<float>& p, const device_facts& device,
                                            std::size_t workspace) {
    const std::size_t pack_bytes = detail::packing(p).bytes();
    const detail::tuned_method* best = nullptr;
    double best_us = std::numeric_limits<double>::infinity();
    for (const auto& method : detail::tuned_methods) {
      if (device.compute_capability < method.min_compute_capability ||
          !method.fits(p, device.multiprocessors))
        continue;
      const std::size_t pack = method.needs_alignment ? pack_bytes : 0;
      const double us = method.microseconds(p, device.multiprocessors, pack);
      if (us >= best_us || pack + method.workspace_bytes(p, device.multiprocessors) > workspace)
        continue;
      best = &method;
      best_us = us;
    }
    return *best;  // the last method fits everything
  }

  /// Small products fill the machine together, in one launch; larger ones do so alone, and run one
  /// after the other.
  static bool runs_together(const problem<float>& p) {
    constexpr double small = 384.0 * 384.0 * 384.0;
    return p.batch > 1 && double(p.m) * double(p.n) * p.depth() <= small && batched::supports(p);
  }

  static support supports(const problem<float>&) { return {}; }

  static std::size_t workspace_bytes(const problem<float>& p) {
    device_facts device;
    if (p.is_empty() || runs_together(p) || query_device(device) != cudaSuccess) return 0;
    problem<float> one = p;
    one.batch = 1;
    const auto& method = choose(one, device, std::numeric_limits<std::size_t>::max());
    return (method.needs_alignment ? detail::packing(one).bytes() : 0) +
           method.workspace_bytes(one, device.multiprocessors);
  }

  static cudaError_t launch(const problem<float>& p, cudaStream_t stream, workspace_view scratch) {
    if (p.is_empty()) return cudaSuccess;
    device_facts device;
    if (const cudaError_t status = query_device(device); status != cudaSuccess) return status;
    if (device.compute_capability >= batched::info.min_compute_capability && runs_together(p)) {
      const bool tiny = std::max(p.m, p.n) <= 32 || !large_tile::supports(p);
      return tiny ? batched::launch(p, stream, scratch)
                  : large_tile::launch_tuned<detail::tuned_large_64x64>(p, stream);
    }
    problem<float> one = p;
    one.batch = 1;
    const std::size_t lent = scratch.data == nullptr ? 0 : scratch.bytes;
    const detail::tuned_method& method = choose(one, device, lent);
    for (std::int64_t i = 0; i < p.batch; ++i) {
      const cudaError_t status = launch_one(method, one, stream, scratch);
      if (status != cudaSuccess) return status;
      one.c += p.stride_c;
      if (p.depth() == 0) continue;  // a and b may be null
      one.a += p.stride_a;
      one.b += p.stride_b;
    }
    return cudaSuccess;
  }

 private:
  static cudaError_t launch_one(const detail::tuned_method& method, const problem<float>& p,
                                cudaStream_t stream, workspace_view scratch) {
    if (!method.needs_alignment) return method.launch(p, stream, scratch);
    const detail::packing pack(p, scratch.data);
    if (pack.bytes() == 0) return method.launch(p, stream, scratch);
    const cudaError_t status = pack.launch(stream);
    if (status != cudaSuccess) return status;
    return method.launch(
        pack.packed, stream,
        {static_cast<char*>(scratch.data) + pack.bytes(), scratch.bytes - pack.bytes()});
  }
};

}  // namespace warpladder::gemm
