// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <warpladder/gemm/verification.hpp>

namespace warpladder::gemm_tc {

using gemm::verification;

/// What may be expected of a result: that it is within the bound of verify.cuh, or, if the inputs
/// are whole numbers so small that no partial sum needs more than 13 bits, that it is the exact
/// result, rounded once to the output type.
enum class sums { rounded, exact };

}  // namespace warpladder::gemm_tc
