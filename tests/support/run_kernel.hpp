// SPDX-License-Identifier: Apache-2.0
//
// Running one kernel, for tests of what it does.
#pragma once

#include <cstddef>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/stream.hpp>

namespace warpladder::test {

struct shape {
  dim3 grid, block;
  std::size_t shared_bytes = 0;
  unsigned cluster = 1;
  bool cooperative = false;
};

/// Launches and waits: what the launch or else the kernel came to.
template <class... Parameters, class... Arguments>
cudaError_t run(const shape& of, void (*kernel)(Parameters...), Arguments... arguments) {
  const stream on;
  const cudaError_t launched = launch_kernel(kernel,
                                             {.grid = of.grid,
                                              .block = of.block,
                                              .shared_bytes = of.shared_bytes,
                                              .stream = on,
                                              .cluster = of.cluster,
                                              .cooperative = of.cooperative},
                                             arguments...);
  const cudaError_t ran = cudaStreamSynchronize(on);
  return launched != cudaSuccess ? launched : ran;
}

template <class T>
device_buffer<T> zeros(std::size_t count) {
  device_buffer<T> memory(count);
  WARPLADDER_TRY(cudaMemset(memory.data(), 0, memory.size_bytes()));
  WARPLADDER_TRY(cudaDeviceSynchronize());  // run() uses a stream that does not wait for it
  return memory;
}

}  // namespace warpladder::test
