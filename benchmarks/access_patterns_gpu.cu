// SPDX-License-Identifier: Apache-2.0
//
// One kernel per kind and width of access: one warp, one access.

#include <cuda_runtime.h>

#include <warpladder/core/buffer.hpp>
#include <warpladder/core/launch.cuh>

#include "access_patterns.hpp"

namespace warpladder::bench {
namespace {

// Addresses come from the parameters, that is constant memory, and results go nowhere unless a
// value is found that is not there: the one access under test is the only one that is counted.

template <class Vector>
__device__ bool is_improbable(Vector v) {
  const auto* words = reinterpret_cast<const unsigned char*>(&v);
  bool all = true;
  for (unsigned i = 0; i < sizeof v; ++i) all &= words[i] == 0xa7 + i;
  return all;
}

template <class Vector, access_kind Kind>
__global__ void one_access(const __grid_constant__ access_pattern p, unsigned char* global,
                           Vector value, bool never, Vector* sink) {
  __shared__ alignas(128) unsigned char shared[pattern_bytes];
  const bool in_shared = Kind == access_kind::shared_load || Kind == access_kind::shared_store ||
                         Kind == access_kind::shared_atomic;
  if (!((p.active >> threadIdx.x) & 1)) return;
  auto* const at = reinterpret_cast<Vector*>((in_shared ? shared : global) + p.offset[threadIdx.x]);
  if constexpr (Kind == access_kind::shared_load || Kind == access_kind::global_load) {
    const Vector seen = *at;
    if (is_improbable(seen)) *sink = seen;
  } else if constexpr (Kind == access_kind::shared_store || Kind == access_kind::global_store) {
    *at = value;
  } else if constexpr (Kind == access_kind::global_reduction) {
    atomicAdd(reinterpret_cast<unsigned*>(at), threadIdx.x);
  } else {
    const unsigned seen = atomicAdd(reinterpret_cast<unsigned*>(at), threadIdx.x);
    if (seen == 0xdeadbeef) *reinterpret_cast<unsigned*>(sink) = seen;
  }
  if (never) *sink = *reinterpret_cast<Vector*>(shared + pattern_bytes - 16);  // keeps the stores
}

template <class Vector, access_kind Kind>
void run(const access_pattern& p, const device_buffer<unsigned char>& memory) {
  WARPLADDER_TRY(launch_kernel(
      one_access<Vector, Kind>, {.grid = 1, .block = 32, .stream = nullptr}, p, memory.data(),
      Vector{}, false, reinterpret_cast<Vector*>(memory.data() + pattern_bytes)));
}

template <access_kind Kind>
void run_width(const access_pattern& p, const device_buffer<unsigned char>& memory) {
  if constexpr (Kind == access_kind::shared_atomic || Kind == access_kind::global_atomic ||
                Kind == access_kind::global_reduction) {
    run<uint1, Kind>(p, memory);
  } else {
    switch (p.width) {
      case 1:
        return run<uchar1, Kind>(p, memory);
      case 2:
        return run<ushort1, Kind>(p, memory);
      case 4:
        return run<uint1, Kind>(p, memory);
      case 8:
        return run<uint2, Kind>(p, memory);
      default:
        return run<uint4, Kind>(p, memory);
    }
  }
}

}  // namespace

void run(const access_pattern& p, const device_buffer<unsigned char>& memory) {
  switch (p.kind) {
    case access_kind::shared_load:
      return run_width<access_kind::shared_load>(p, memory);
    case access_kind::shared_store:
      return run_width<access_kind::shared_store>(p, memory);
    case access_kind::shared_atomic:
      return run_width<access_kind::shared_atomic>(p, memory);
    case access_kind::global_load:
      return run_width<access_kind::global_load>(p, memory);
    case access_kind::global_store:
      return run_width<access_kind::global_store>(p, memory);
    case access_kind::global_reduction:
      return run_width<access_kind::global_reduction>(p, memory);
    case access_kind::global_atomic:
      return run_width<access_kind::global_atomic>(p, memory);
  }
}

}  // namespace warpladder::bench
