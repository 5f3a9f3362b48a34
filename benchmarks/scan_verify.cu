// SPDX-License-Identifier: Apache-2.0
#include <cuda_runtime.h>  // tells which backend this is

#ifndef WARPLADDER_HOST_EXECUTOR
#include <cub/device/device_scan.cuh>
#include <cuda/functional>
#endif
#include <limits>
#include <scan_verify.hpp>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/math.hpp>

namespace warpladder::bench {
namespace {

constexpr std::int64_t chunk = 8192;  // elements that one thread walks along
constexpr int threads = 128;

template <class T, class Op>
__device__ std::int64_t chunk_end(const scan::problem<T, Op>& p, std::int64_t begin) {
  return begin + chunk < p.n ? begin + chunk : p.n;
}

template <class T, class Op>
__global__ void chunk_totals_kernel(scan::problem<T, Op> p, typename Op::accumulator* totals) {
  const std::int64_t which = std::int64_t(blockIdx.x) * threads + threadIdx.x;
  if (which * chunk >= p.n) return;
  auto total = p.op.identity();
  for (std::int64_t i = which * chunk; i < chunk_end(p, which * chunk); ++i) {
    total = p.op.combine(total, p.op.lift(p.in[i], i));
  }
  totals[which] = total;
}

/// One thread: what stands before a chunk takes the place of its total.
template <class T, class Op>
__global__ void before_chunks_kernel(scan::problem<T, Op> p, typename Op::accumulator* totals) {
  auto before = p.initial;
  for (std::int64_t which = 0; which * chunk < p.n; ++which) {
    const auto total = totals[which];
    totals[which] = before;
    before = p.op.combine(before, total);
  }
}

template <class T, class Op>
__global__ void compare_kernel(scan::problem<T, Op> p, const typename Op::accumulator* before,
                               wrong_prefixes* wrong) {
  const std::int64_t which = std::int64_t(blockIdx.x) * threads + threadIdx.x;
  if (which * chunk >= p.n) return;
  auto running = before[which];
  for (std::int64_t i = which * chunk; i < chunk_end(p, which * chunk); ++i) {
    const auto up_to_here = p.op.combine(running, p.op.lift(p.in[i], i));
    const auto expected = p.op.finish(p.what == scan::kind::inclusive ? up_to_here : running);
    running = up_to_here;
    if (p.out[i] == expected) continue;
    atomicAdd(&wrong->count, 1ull);
    atomicMin(&wrong->first, static_cast<unsigned long long>(i));
  }
}

}  // namespace

template <class T, class Op>
wrong_prefixes find_wrong(const scan::problem<T, Op>& p, stream_view stream) {
  wrong_prefixes found;
  if (p.n == 0) return found;
  const std::int64_t chunks = ceil_div<std::int64_t>(p.n, chunk);
  const device_buffer<typename Op::accumulator> before{std::size_t(chunks)};
  const device_buffer<wrong_prefixes> on_device(1);
  copy_async<wrong_prefixes>(on_device.view(), {&found, 1}, stream);
  const launch_config config{.grid = dim3(unsigned(ceil_div<std::int64_t>(chunks, threads))),
                             .block = threads,
                             .stream = stream};
  WARPLADDER_TRY(launch_kernel(chunk_totals_kernel<T, Op>, config, p, before.data()));
  WARPLADDER_TRY(launch_kernel(before_chunks_kernel<T, Op>,
                               {.grid = 1, .block = 1, .stream = stream}, p, before.data()));
  WARPLADDER_TRY(launch_kernel(compare_kernel<T, Op>, config, p, before.data(), on_device.data()));
  copy_async<wrong_prefixes>({&found, 1}, on_device.view(), stream);
  stream.synchronize();
  return found;
}

template wrong_prefixes find_wrong(const scan::problem<float, sum<float>>&, stream_view);
template wrong_prefixes find_wrong(const scan::problem<std::int32_t, sum<std::int32_t>>&,
                                   stream_view);
template wrong_prefixes find_wrong(const scan::problem<float, maximum<float>>&, stream_view);

#ifndef WARPLADDER_HOST_EXECUTOR
namespace {

/// With no scratch it only tells how many bytes of it there must be.
cudaError_t call_cub(void* scratch, std::size_t& bytes,
                     const scan::problem<float, maximum<float>>& p, cudaStream_t stream) {
  if (p.n > std::numeric_limits<std::int32_t>::max()) return cudaErrorNotSupported;
  return cub::DeviceScan::InclusiveScan(scratch, bytes, p.in, p.out, cuda::maximum<>{},
                                        std::int32_t(p.n), stream);
}

}  // namespace

cudaError_t cub_running_maximum(const scan::problem<float, maximum<float>>& p, cudaStream_t stream,
                                workspace_view workspace) {
  return call_cub(workspace.data, workspace.bytes, p, stream);
}

std::size_t cub_running_maximum_workspace_bytes(const scan::problem<float, maximum<float>>& p) {
  std::size_t bytes = 0;
  return call_cub(nullptr, bytes, p, cudaStream_t{}) == cudaSuccess ? bytes : 0;
}
#endif

}  // namespace warpladder::bench
