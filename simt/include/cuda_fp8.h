// SPDX-License-Identifier: Apache-2.0
// __nv_fp8_e4m3 and __nv_fp8_e5m2, as far as kernels use them: bytes that convert, saturating.
#pragma once

#include "cuda_bf16.h"
#include "cuda_fp16.h"
#include "cuda_runtime.h"
#include "simt/small_floats.hpp"

using __nv_fp8_storage_t = unsigned char;
using __nv_fp8_e4m3 = simt::detail::byte_float<3, 0x7e>;  // up to 448, no infinities
using __nv_fp8_e5m2 = simt::detail::byte_float<2, 0x7b>;  // up to 57344
