// SPDX-License-Identifier: Apache-2.0
//
// An advisor for launches: how many threads per block, and how many blocks.
//
//   const auto shape = warpladder::launch::suggest(my_kernel, n);
//   if (!shape) return shape.status;  // shape.why says what is wrong
//   launch_kernel(my_kernel, {.grid = shape.grid, .block = shape.block, .stream = stream}, ...);
//
// It knows the kernel only by its registers, its shared memory and what `options` tell. Its rules
// are few, and docs/launch_shapes.md shows how far behind the best of a sweep they are:
//
//   1. Enough company: sizes that allow 9/10 of the most resident threads that any size allows, or
//      of which all blocks are resident anyway. Registers and shared memory decide what the most
//      is; a kernel that needs many is not asked to need fewer.
//   2. The busiest multiprocessor has at most 1/20 more to do than with the best size. So few
//      elements are spread over all multiprocessors before blocks are filled, and the last wave
//      counts.
//   3. Of what is left, sizes of which four blocks can be resident, so that some work while one
//      begins or ends; of these the nearest to 256. Where a block is expensive, the nearest to 512.
//   4. Many waves: a tile of elements per block, and the hardware hands out blocks. Fewer than six:
//      as many blocks as can be resident, and they loop, because each start would count and the
//      last wave is not full. So too where a block is expensive, or threads compete for L1.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <string>
#include <string_view>
#include <warpladder/core/math.hpp>

namespace warpladder::launch {

/// What the runtime cannot tell about a kernel.
struct options {
  int items = 1;      ///< elements that a thread takes at a time
  bool loops = true;  ///< right for any grid (a grid-stride loop); else one pass must cover n
  unsigned max_block = 1024;                ///< threads per block that the kernel copes with
  std::size_t shared_bytes = 0;             ///< dynamic shared memory of a block of any size ...
  std::size_t shared_bytes_per_thread = 0;  ///< ... and what every thread adds
  /// What a block does before and after its share, in elements that it could have handled instead:
  /// 2048 counters to clear and to add up are about 1024. Zero: nothing that matters.
  std::int64_t setup_elements = 0;
  /// What a thread reads several times, lines of 128 bytes counted whole, and wants to find in L1.
  std::size_t cached_bytes_per_thread = 0;
};

/// A launch. Valid if `status` is cudaSuccess.
struct advice {
  unsigned block = 0;                 ///< threads, a multiple of 32
  unsigned grid = 0;                  ///< blocks, at least 1
  std::size_t shared_bytes = 0;       ///< dynamic shared memory per block
  int blocks_per_multiprocessor = 0;  ///< expected to be resident at once
  double occupancy = 0;               ///< expected resident threads per resident threads possible
  std::string_view why;               ///< the reason, or what is wrong
  cudaError_t status = cudaSuccess;

  explicit operator bool() const { return status == cudaSuccess; }
};

namespace detail {

/// Block sizes, the one that is preferred first: the nearest to 256 in doublings.
inline constexpr unsigned block_sizes[] = {256, 192, 384, 128, 512, 96, 768, 64, 1024, 32};

struct device_limits {
  int multiprocessors, threads, shared_bytes_per_block, shared_bytes;
};

inline cudaError_t query_limits(device_limits& limits) {
  int device = 0;
  if (const cudaError_t status = cudaGetDevice(&device); status != cudaSuccess) return status;
  const struct {
    int* value;
    cudaDeviceAttr attribute;
  } wanted[] = {{&limits.multiprocessors, cudaDevAttrMultiProcessorCount},
                {&limits.threads, cudaDevAttrMaxThreadsPerMultiProcessor},
                {&limits.shared_bytes_per_block, cudaDevAttrMaxSharedMemoryPerBlockOptin},
                {&limits.shared_bytes, cudaDevAttrMaxSharedMemoryPerMultiprocessor}};
  for (const auto& [value, attribute] : wanted) {
    const cudaError_t status = cudaDeviceGetAttribute(value, attribute, device);
    if (status != cudaSuccess) return status;
  }
  return cudaSuccess;
}

inline advice refuse(cudaError_t status, std::string_view why) {
  advice none;
  none.status = status, none.why = why;
  return none;
}

/// A block size under consideration.
struct candidate {
  unsigned block = 0;
  std::int64_t grid = 0;
  std::int64_t resident = 0;  ///< blocks per multiprocessor that fit and are wanted
  double busiest = 0;         ///< elements of the multiprocessor that has most, with setup
  std::size_t shared_bytes = 0;
  bool at_once = false;  ///< all blocks are resident at once

  std::int64_t threads() const { return resident * block; }
};

}  // namespace detail

/// How to launch `kernel` for `n` elements on the calling thread's current device. Answers from
/// attributes of kernel and device, with up to ten calls of the occupancy API: allocates nothing on
/// the device and synchronises nothing; legal under stream capture once the kernel is loaded, which
/// the first question or launch does. Ask once and keep the answer.
/// Where options ask for more than 48 KiB of dynamic shared memory, the kernel is opted in to it.
/// Refused with a reason: no kernel (cudaErrorInvalidDeviceFunction); n < 0, items < 1, max_block <
/// 32, setup_elements < 0, more shared memory than a block can have, or, where a kernel does not
/// loop, more than 2^31 - 1 blocks (cudaErrorInvalidValue). Errors of the runtime, such as no code
/// for this device, are passed on.
template <class... Parameters>
advice suggest(void (*kernel)(Parameters...), std::int64_t n, const options& asks = {}) {
  using detail::refuse, detail::candidate;
  if (kernel == nullptr) return refuse(cudaErrorInvalidDeviceFunction, "there is no kernel");
  if (n < 0) return refuse(cudaErrorInvalidValue, "n is negative");
  if (asks.items < 1) return refuse(cudaErrorInvalidValue, "a thread takes no element");
  if (asks.max_block < 32) return refuse(cudaErrorInvalidValue, "max_block is below a warp");
  if (asks.setup_elements < 0) return refuse(cudaErrorInvalidValue, "setup_elements is negative");

  const auto* const address = reinterpret_cast<const void*>(kernel);
  cudaFuncAttributes uses;
  detail::device_limits device;
  if (const auto status = cudaFuncGetAttributes(&uses, address); status != cudaSuccess)
    return refuse(status, "the kernel cannot be asked: no code for this device?");
  if (const auto status = detail::query_limits(device); status != cudaSuccess)
    return refuse(status, "the device cannot be asked");
  const std::int64_t multiprocessors = device.multiprocessors;
  const unsigned max_block = std::min(asks.max_block, unsigned(uses.maxThreadsPerBlock));
  const std::size_t may_share = std::size_t(device.shared_bytes_per_block) > uses.sharedSizeBytes
                                    ? device.shared_bytes_per_block - uses.sharedSizeBytes
                                    : 0;
  constexpr std::int64_t max_grid = std::numeric_limits<std::int32_t>::max(), many_waves = 6;
  const bool keeps_blocks =
      asks.loops && (asks.setup_elements > 0 || asks.cached_bytes_per_thread > 0);

  // Threads per multiprocessor. L1 and shared memory are one; three fifths of it, as not every line
  // finds its place.
  std::int64_t max_threads = device.threads;
  if (asks.loops && asks.cached_bytes_per_thread > 0) {
    const auto cached = std::int64_t(device.shared_bytes / 5 * 3 / asks.cached_bytes_per_thread);
    max_threads = std::clamp<std::int64_t>(cached, 32, max_threads);
  }

  // What fits.
  candidate all[std::size(detail::block_sizes)];
  int count = 0;
  bool grid_fits = true;
  for (const unsigned block : detail::block_sizes) {
    if (block > max_block || block > max_threads) continue;
    // Divided, not multiplied: what is asked for may be nonsense.
    if (asks.shared_bytes > may_share ||
        asks.shared_bytes_per_thread > (may_share - asks.shared_bytes) / block)
      continue;
    candidate one;
    one.block = block;
    one.shared_bytes = asks.shared_bytes + asks.shared_bytes_per_thread * block;
    if (one.shared_bytes > std::size_t(uses.maxDynamicSharedSizeBytes)) {
      const auto status = cudaFuncSetAttribute(address, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                               int(one.shared_bytes));
      if (status != cudaSuccess) return refuse(status, "dynamic shared memory was refused");
      uses.maxDynamicSharedSizeBytes = int(one.shared_bytes);
    }
    int resident = 0;
    if (const auto status = cudaOccupancyMaxActiveBlocksPerMultiprocessor(
            &resident, address, int(block), one.shared_bytes);
        status != cudaSuccess)
      return refuse(status, "the occupancy is unknown");
    if (resident == 0) continue;
    one.resident = std::min<std::int64_t>(resident, max_threads / block);

    const std::int64_t tile = std::int64_t{block} * asks.items;
    const std::int64_t tiles = std::max<std::int64_t>(1, ceil_div(n, tile));
    const std::int64_t at_once = one.resident * multiprocessors;
    one.grid = tiles;
    if (keeps_blocks) {
      // As many rounds as the resident blocks need, with no more blocks than these rounds need.
      const std::int64_t rounds = ceil_div(tiles, at_once);
      const std::int64_t even = ceil_div(tiles, rounds * multiprocessors) * multiprocessors;
      const std::int64_t worth_it = ceil_div(n, std::max(tile, asks.setup_elements));
      one.grid = std::max<std::int64_t>(1, std::min({tiles, even, worth_it}));
    }
    if (one.grid > max_grid) {
      grid_fits = grid_fits && asks.loops;
      if (!asks.loops) continue;
      one.grid = max_grid / multiprocessors * multiprocessors;
    }
    one.at_once = tiles <= at_once;
    one.busiest = double(ceil_div(tiles, multiprocessors) * tile);
    if (keeps_blocks) {
      const std::int64_t blocks = ceil_div(one.grid, multiprocessors);
      one.busiest = double(blocks * (ceil_div(tiles, one.grid) * tile + asks.setup_elements));
      // Its blocks are few, and each is as slow as one of its threads.
      if (asks.setup_elements > 0) one.busiest /= block;
    } else if (asks.loops && !one.at_once && tiles < many_waves * at_once) {
      one.grid = at_once;
    }
    all[count++] = one;
  }
  if (count == 0) {
    return grid_fits ? refuse(cudaErrorInvalidValue,
                              "no block of 32 threads or more gets the registers and the shared "
                              "memory that it asks for")
                     : refuse(cudaErrorInvalidValue, "n needs more than 2^31 - 1 blocks");
  }
  candidate* const end = all + count;

  // 1. Enough company.
  std::int64_t most = 0;
  for (int i = 0; i < count; ++i) most = std::max(most, all[i].threads());
  candidate* kept = std::stable_partition(all, end, [&](const candidate& one) {
    return one.at_once || 10 * one.threads() >= 9 * most;
  });
  // 2. No multiprocessor waits for another.
  double least = std::numeric_limits<double>::max();
  for (const candidate* one = all; one != kept; ++one) least = std::min(least, one->busiest);
  kept = std::stable_partition(all, kept,
                               [&](const candidate& one) { return one.busiest <= 1.05 * least; });
  // 3. The first is the preferred one.
  if (!keeps_blocks)
    std::stable_partition(all, kept, [](const candidate& one) { return one.resident >= 4; });
  const candidate* chosen = all;
  if (asks.setup_elements > 0) {
    const auto from_512 = [](const candidate& one) {
      return std::abs(std::log2(double(one.block) / 512));
    };
    chosen = std::min_element(all, kept, [&](const candidate& a, const candidate& b) {
      return from_512(a) < from_512(b);
    });
  }

  advice result;
  result.block = chosen->block;
  result.grid = unsigned(chosen->grid);
  result.shared_bytes = chosen->shared_bytes;
  result.blocks_per_multiprocessor =
      int(std::min(chosen->resident, ceil_div(chosen->grid, multiprocessors)));
  result.occupancy =
      double(result.blocks_per_multiprocessor) * chosen->block / double(device.threads);
  const bool spread = chosen->at_once && chosen->grid <= 2 * multiprocessors;
  result.why = spread ? "few elements: spread over all multiprocessors before blocks are filled"
               : asks.setup_elements > 0
                   ? "a block is expensive: few and large ones, resident, which loop"
               : asks.cached_bytes_per_thread > 0 && asks.loops
                   ? "threads compete for L1: only as many as find their data there"
               : chosen->grid == chosen->resident * multiprocessors && !chosen->at_once
                   ? "a few waves: resident blocks loop, so that no start and no last wave counts"
               : 2 * most < device.threads
                   ? "registers or shared memory allow few threads: what each has in flight must do"
                   : "enough threads are resident, and blocks are small enough to share out evenly";
  return result;
}

/// The advice in words, for people.
inline std::string describe(const advice& shape) {
  if (!shape) {
    return "no launch: " + std::string(shape.why) + " (" + cudaGetErrorName(shape.status) + ")";
  }
  return std::to_string(shape.grid) + " blocks of " + std::to_string(shape.block) +
         " threads, up to " + std::to_string(shape.blocks_per_multiprocessor) +
         " per multiprocessor (occupancy " + std::to_string(std::lround(100 * shape.occupancy)) +
         "%): " + std::string(shape.why);
}

}  // namespace warpladder::launch
