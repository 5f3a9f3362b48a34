// SPDX-License-Identifier: Apache-2.0
// Stands in for the CUDA toolkit's header of this name: the same vocabulary, on the CPU.
#pragma once

#if defined(__CUDACC__)
#error "This is the host executor's cuda_runtime.h; nvcc must see the toolkit's own."
#endif

#define WARPLADDER_HOST_EXECUTOR 1

// Kernels use these without including them; CUDA's own header brings them along too.
#include <cassert>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "simt/async_copy.hpp"
#include "simt/atomics.hpp"
#include "simt/context.hpp"
#include "simt/keywords.hpp"
#include "simt/launch.hpp"
#include "simt/math.hpp"
#include "simt/memory_access.hpp"
#include "simt/runtime_api.hpp"
#include "simt/simt.hpp"
#include "simt/synchronization.hpp"
#include "simt/vector_types.hpp"
#include "simt/warp.hpp"
