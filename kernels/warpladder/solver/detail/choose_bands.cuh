// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <warpladder/core/device.hpp>
#include <warpladder/core/math.hpp>
#include <warpladder/core/residency.cuh>

namespace warpladder::solver::detail {

/// How a grid is cut into bands, one per block.
struct band_plan {
  bool fits;  ///< are all bands resident at once?
  unsigned threads;
  int bands;
};

/// Bands of `own` rows each, `width` columns per thread, as blocks of `kernel`.
template <class... Parameters>
band_plan plan_bands(void (*kernel)(Parameters...), std::int64_t rows, std::int64_t cols, int own,
                     int width, int max_threads, std::size_t shared_bytes_per_thread = 0) {
  const std::int64_t threads = round_up<std::int64_t>(ceil_div<std::int64_t>(cols, width), 32);
  const std::int64_t bands = ceil_div<std::int64_t>(rows, own);
  if (threads > max_threads) return {};
  std::size_t fit = 0;
  const cudaError_t status =
      max_resident_blocks(kernel,
                          {.grid = {},
                           .block = dim3(unsigned(threads)),
                           .shared_bytes = std::size_t(threads) * shared_bytes_per_thread,
                           .stream = {}},
                          fit);
  return {status == cudaSuccess && std::size_t(bands) <= fit, unsigned(threads), int(bands)};
}

/// What a rung may choose from, flattest bands first.
template <class... Shapes>
struct band_shapes {};

/// Calls visit(shape, plan) for the shape with the fewest bands per multiprocessor, as each band
/// has two rows to exchange; of several, for the flattest, which uses the most multiprocessors.
/// False if none fits. plan_of(shape): its plan.
template <class PlanOf, class Visit, class... Shapes>
bool choose_bands(band_shapes<Shapes...>, const PlanOf& plan_of, const Visit& visit) {
  device_facts device;
  if (query_device(device) != cudaSuccess) return false;
  band_plan chosen{};
  int index = 0, best = -1, least = std::numeric_limits<int>::max();
  const auto look = [&](auto shape) {
    const band_plan plan = plan_of(shape);
    const int each = ceil_div(plan.bands, device.multiprocessors);
    if (plan.fits && each < least) chosen = plan, least = each, best = index;
    ++index;
  };
  (look(Shapes{}), ...);
  index = 0;
  const auto take = [&](auto shape) {
    if (index++ == best) visit(shape, chosen);
  };
  (take(Shapes{}), ...);
  return best >= 0;
}

}  // namespace warpladder::solver::detail
