// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "simt/simt.hpp"

namespace simt {

// One more call of this kind is made: the error that it is to fail with, or cudaSuccess.
cudaError_t next_failure(fault where);

}  // namespace simt
