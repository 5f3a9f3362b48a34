// SPDX-License-Identifier: Apache-2.0
//
// What the study concludes from times; in a header of its own because it can be wrong on its own.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>

namespace warpladder::bench {

/// After how many copies something that costs `once_us` and makes every copy take `fast_us` instead
/// of `slow_us` has paid: the least n >= 1 with once + n fast <= n slow. None: never, or after more
/// copies than anybody makes.
inline std::optional<std::int64_t> break_even(double once_us, double slow_us, double fast_us) {
  const double copies = std::ceil(once_us / (slow_us - fast_us));
  if (!(slow_us > fast_us) || copies > 1e9) return std::nullopt;
  return std::max<std::int64_t>(1, std::int64_t(copies));
}

/// Which share of the shorter of two pieces of work was hidden behind the longer, given the time of
/// each alone and of both: 0, one after the other; 1, entirely.
inline double hidden_share(double one_us, double other_us, double both_us) {
  const double shorter = std::min(one_us, other_us);
  return shorter > 0 ? std::clamp((one_us + other_us - both_us) / shorter, 0.0, 1.0) : 0;
}

}  // namespace warpladder::bench
