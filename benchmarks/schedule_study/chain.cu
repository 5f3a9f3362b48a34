// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <schedule_study/chain.hpp>
#include <warpladder/core/device_clock.cuh>
#include <warpladder/core/launch.cuh>

namespace warpladder::bench {
namespace {

/// 3 x 3 binomial filter, edges repeated. The first of a chain also notes when it began, and clears
/// the counts.
__global__ void smooth_kernel(const std::uint8_t* from, std::uint8_t* to, int width, int height,
                              unsigned* clear, unsigned long long* started) {
  const int x = int(blockIdx.x * blockDim.x + threadIdx.x);
  const int y = int(blockIdx.y * blockDim.y + threadIdx.y);
  if (blockIdx.x + blockIdx.y == 0) {
    const unsigned thread = threadIdx.y * blockDim.x + threadIdx.x;
    if (clear != nullptr) clear[thread] = 0;
    if (started != nullptr && thread == 0) *started = device_nanoseconds();
  }
  if (x >= width || y >= height) return;
  int sum = 8;
  for (int dy = -1; dy <= 1; ++dy) {
    const std::uint8_t* row = from + std::size_t(min(max(y + dy, 0), height - 1)) * unsigned(width);
    const int across = row[max(x - 1, 0)] + 2 * row[x] + row[min(x + 1, width - 1)];
    sum += across * (dy == 0 ? 2 : 1);
  }
  to[std::size_t(y) * unsigned(width) + unsigned(x)] = std::uint8_t(sum / 16);
}

/// Counts how far the frame is from its smoothed self.
__global__ void count_kernel(const std::uint8_t* frame, const std::uint8_t* smooth, unsigned pixels,
                             unsigned* counts) {
  __shared__ unsigned local[classes];
  local[threadIdx.x] = 0;
  __syncthreads();
  for (unsigned i = blockIdx.x * blockDim.x + threadIdx.x; i < pixels; i += gridDim.x * blockDim.x)
    atomicAdd(&local[(unsigned(frame[i]) - smooth[i]) & 255u], 1u);
  __syncthreads();
  if (local[threadIdx.x] != 0) atomicAdd(&counts[threadIdx.x], local[threadIdx.x]);
}

/// state <- 7/8 state + 1/8 counts of what is consumed, class by class.
__global__ void blend_kernel(const frame_header* header, const unsigned* consumed0,
                             const unsigned* consumed1, const unsigned* consumed2,
                             const unsigned* consumed3, int count, float* state, unsigned* result) {
  const unsigned* const consumed[] = {consumed0, consumed1, consumed2, consumed3};
  const int i = int(threadIdx.x);
  float sum = 0;
  for (int c = 0; c < count; ++c) {
    const int place = header->place[c];
    if (place >= 0) sum += float(consumed[c][place * result_words + i]);
  }
  // One rounding, spelled out: else every compiler would choose, and backends would differ.
  state[i] = fmaf(0.875f, state[i], 0.125f * sum);
  result[classes + i] = __float_as_uint(state[i]);
}

/// Adds to the place of the first count, as a float.
__global__ void float_atomics_kernel(const std::uint8_t* frame, unsigned pixels, float* sum) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < pixels) atomicAdd(sum, 1.0f / float(1 + frame[i]));
}

__global__ void clock_kernel(unsigned long long* out) {
  *out = device_nanoseconds();
}

__global__ void noise_kernel(unsigned rounds, unsigned* out) {
  unsigned value = blockIdx.x * blockDim.x + threadIdx.x + 1;
  for (unsigned i = 0; i < rounds; ++i) {  // xorshift (Marsaglia), which no compiler shortens
    value ^= value << 13;
    value ^= value >> 17;
    value ^= value << 5;
  }
  if (value == 1) atomicAdd(out, 1u);
}

}  // namespace

cudaError_t enqueue_job(const job_operands& job, cudaEvent_t ended, cudaStream_t stream) {
  const unsigned pixels = job.width * job.height;
  cudaError_t status =
      cudaMemcpyAsync(job.frame, job.frame_host, pixels, cudaMemcpyHostToDevice, stream);

  const dim3 block(32, 8), grid((job.width + 31) / 32, (job.height + 7) / 8);
  const std::uint8_t* from = job.frame;
  for (int pass = 0; pass < job.passes && status == cudaSuccess; ++pass) {
    std::uint8_t* const to = job.smooth[pass % 2];
    const bool first = pass == 0;
    status = launch_kernel(smooth_kernel, {.grid = grid, .block = block, .stream = stream}, from,
                           to, int(job.width), int(job.height), first ? job.result : nullptr,
                           first ? job.started : nullptr);
    from = to;
  }
  const unsigned blocks = std::clamp(pixels / 4096, 1u, 264u);
  if (status == cudaSuccess)
    status = launch_kernel(count_kernel, {.grid = blocks, .block = classes, .stream = stream},
                           job.frame, from, pixels, job.result);
  if (status == cudaSuccess && job.consumed_count > 0)
    status = launch_kernel(blend_kernel, {.grid = 1, .block = classes, .stream = stream},
                           reinterpret_cast<const frame_header*>(job.frame), job.consumed[0],
                           job.consumed[1], job.consumed[2], job.consumed[3], job.consumed_count,
                           job.state, job.result);
  if (status == cudaSuccess && job.float_atomics)
    status = launch_kernel(float_atomics_kernel,
                           {.grid = (pixels + 255) / 256, .block = 256, .stream = stream},
                           job.frame, pixels, reinterpret_cast<float*>(job.result));
  if (status == cudaSuccess)
    status = cudaMemcpyAsync(job.result_host, job.result, result_words * sizeof(unsigned),
                             cudaMemcpyDeviceToHost, stream);
  if (status != cudaSuccess || ended == nullptr) return status;
#ifdef WARPLADDER_HOST_EXECUTOR
  return cudaSuccess;  // knows no time worth recording
#else
  cudaStreamCaptureStatus capture{};
  status = cudaStreamIsCapturing(stream, &capture);
  if (status != cudaSuccess) return status;
  return cudaEventRecordWithFlags(
      ended, stream,
      capture == cudaStreamCaptureStatusActive ? cudaEventRecordExternal : cudaEventRecordDefault);
#endif
}

cudaError_t enqueue_clock_reading(unsigned long long* out, cudaStream_t stream) {
  return launch_kernel(clock_kernel, {.grid = 1, .block = 1, .stream = stream}, out);
}

cudaError_t enqueue_noise(unsigned blocks, unsigned rounds, unsigned* out, cudaStream_t stream) {
  return launch_kernel(noise_kernel, {.grid = blocks, .block = 256, .stream = stream}, rounds, out);
}

}  // namespace warpladder::bench
