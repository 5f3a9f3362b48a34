// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace warpladder::gemm {

/// What verify() found. Zero-initialise before (verify() does it on the stream).
struct verification {
  unsigned long long wrong = 0;    ///< elements outside the bound
  unsigned long long checked = 0;  ///< elements looked at: m * n * batch
  unsigned worst_permille = 0;     ///< largest error / bound, in thousandths, saturated at 2^32-1
  unsigned claimed = 0;            ///< set once: the fields below describe one wrong element
  std::int64_t batch = 0, row = 0, col = 0;
  double got = 0, expected = 0, bound = 0;
};

}  // namespace warpladder::gemm
