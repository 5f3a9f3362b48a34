// SPDX-License-Identifier: Apache-2.0
// The host executor: every feature that kernels rely on, and every defect that it promises to
// catch.
#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cfloat>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

namespace cg = cooperative_groups;

constexpr unsigned full_mask = 0xffffffffu;

// ---- helpers -----------------------------------------------------------------------------------

struct launch_shape {
  dim3 grid, block;
  size_t shared = 0;
  unsigned cluster = 0;  // 0: none
  bool cooperative = false;
  cudaStream_t stream = nullptr;
};

template <class... P, class... A>
cudaError_t launch(const launch_shape& shape, void (*kernel)(P...), A&&... arguments) {
  cudaLaunchAttribute attributes[2] = {};
  cudaLaunchConfig_t config{};
  config.gridDim = shape.grid;
  config.blockDim = shape.block;
  config.dynamicSmemBytes = shape.shared;
  config.stream = shape.stream;
  config.attrs = attributes;
  if (shape.cluster != 0) {
    attributes[config.numAttrs].id = cudaLaunchAttributeClusterDimension;
    attributes[config.numAttrs].val.clusterDim = {shape.cluster, 1, 1};
    ++config.numAttrs;
  }
  if (shape.cooperative) {
    attributes[config.numAttrs].id = cudaLaunchAttributeCooperative;
    attributes[config.numAttrs].val.cooperative = 1;
    ++config.numAttrs;
  }
  return cudaLaunchKernelEx(&config, kernel, std::forward<A>(arguments)...);
}

template <class... P, class... A>
cudaError_t run(const launch_shape& shape, void (*kernel)(P...), A&&... arguments) {
  const cudaError_t error = launch(shape, kernel, std::forward<A>(arguments)...);
  return error != cudaSuccess ? error : cudaDeviceSynchronize();
}

// A device array, filled and read through the runtime API.
template <class T>
class device_array {
 public:
  explicit device_array(size_t count) : count_(count) {
    EXPECT_EQ(cudaMalloc(&data_, count * sizeof(T)), cudaSuccess);
  }
  explicit device_array(const std::vector<T>& values) : device_array(values.size()) {
    EXPECT_EQ(cudaMemcpy(data_, values.data(), count_ * sizeof(T), cudaMemcpyHostToDevice),
              cudaSuccess);
  }
  ~device_array() { EXPECT_EQ(cudaFree(data_), cudaSuccess); }
  device_array(const device_array&) = delete;
  device_array& operator=(const device_array&) = delete;

  operator T*() { return data_; }
  std::vector<T> read() const {
    std::vector<T> values(count_);
    EXPECT_EQ(cudaMemcpy(values.data(), data_, count_ * sizeof(T), cudaMemcpyDeviceToHost),
              cudaSuccess);
    return values;
  }

 private:
  T* data_ = nullptr;
  size_t count_;
};

std::vector<float> iota(size_t n) {
  std::vector<float> v(n);
  std::iota(v.begin(), v.end(), 0.0f);
  return v;
}

simt::options with_schedule(simt::schedule schedule, unsigned seed = 0) {
  simt::options options = simt::current_options();
  options.schedule = schedule;
  options.seed = seed;
  return options;
}

// Tests that must hold for every order of the threads.
class AnySchedule : public ::testing::TestWithParam<int> {
 protected:
  AnySchedule()
      : scope_(GetParam() == 0
                   ? with_schedule(simt::schedule::round_robin)
                   : with_schedule(simt::schedule::random, static_cast<unsigned>(GetParam()))) {}

 private:
  simt::scoped_options scope_;
};
INSTANTIATE_TEST_SUITE_P(Schedules, AnySchedule, ::testing::Range(0, 5), [](const auto& info) {
  return info.param == 0 ? std::string("RoundRobin") : "Random" + std::to_string(info.param);
});

// Tests of launches that must fail.
class Caught : public ::testing::Test {
 protected:
  void SetUp() override {
    cudaDeviceSynchronize();
    cudaGetLastError();
    simt::clear_report();
  }

 private:
  // Which threads wait where at the moment of the failure depends on the order.
  simt::scoped_options scope_{with_schedule(simt::schedule::round_robin)};

 protected:
  void TearDown() override { EXPECT_EQ(cudaGetLastError(), cudaSuccess) << "an error was left"; }

  static void expect_report(std::initializer_list<std::string> parts) {
    const std::string report = simt::last_report();
    for (const std::string& part : parts) {
      EXPECT_NE(report.find(part), std::string::npos) << "no '" << part << "' in:\n" << report;
    }
    cudaGetLastError();
  }
};

std::string here(int line) {
  return "simt_test.cpp:" + std::to_string(line);
}

// ---- built-in variables and memory -------------------------------------------------------------

__global__ void write_coordinates(uint3* thread, uint3* block, unsigned* extents) {
  const unsigned b = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  const unsigned t = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  const unsigned i = b * blockDim.x * blockDim.y * blockDim.z + t;
  thread[i] = threadIdx;
  block[i] = blockIdx;
  extents[i] = cg::this_thread_block().thread_rank() == t && warpSize == 32 ? gridDim.z : 99;
}

TEST(BuiltIns, CoordinatesCoverTheGridOnce) {
  const dim3 grid(3, 2, 4), block(5, 3, 2);
  const unsigned n = 24 * 30;
  device_array<uint3> thread(n), where(n);
  device_array<unsigned> extents(n);
  ASSERT_EQ(run({grid, block}, write_coordinates, thread, where, extents), cudaSuccess);
  const auto t = thread.read(), b = where.read();
  const auto e = extents.read();
  for (unsigned i = 0; i < n; ++i) {
    EXPECT_EQ(t[i].x + 5 * (t[i].y + 3 * t[i].z), i % 30);
    EXPECT_EQ(b[i].x + 3 * (b[i].y + 2 * b[i].z), i / 30);
    EXPECT_EQ(e[i], 4u);
  }
}

static_assert(alignof(float4) == 16 && sizeof(float3) == 12 && alignof(float2) == 8);
static_assert(alignof(double4) == 16 && alignof(char4) == 4 && alignof(uchar2) == 2);
static_assert(alignof(short4) == 8 && alignof(ulonglong2) == 16 && sizeof(longlong4) == 32);
static_assert(std::is_same_v<decltype(threadIdx.x + 0u), unsigned>);

__constant__ float coefficients[4];

__global__ void use_constant(float* out) {
  out[threadIdx.x] = coefficients[threadIdx.x];
}

TEST(Memory, ConstantSymbols) {
  const float values[4] = {1, 2, 3, 4};
  ASSERT_EQ(cudaMemcpyToSymbol(coefficients, values, sizeof values), cudaSuccess);
  device_array<float> out(4);
  ASSERT_EQ(run({1, 4}, use_constant, out), cudaSuccess);
  EXPECT_EQ(out.read(), std::vector<float>(values, values + 4));
  float second = 0;
  ASSERT_EQ(cudaMemcpyFromSymbol(&second, coefficients, sizeof second, sizeof second), cudaSuccess);
  EXPECT_EQ(second, 2);
  EXPECT_EQ(cudaMemcpyToSymbol(coefficients, values, sizeof values, 4), cudaErrorInvalidValue);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidValue);
}

TEST(Memory, FreshMemoryIsNotANumber) {
  device_array<float> fresh(100);
  for (float value : fresh.read()) EXPECT_TRUE(std::isnan(value));
}

TEST(Memory, WrongDirectionAndLengthAreErrors) {
  device_array<float> device(8);
  float host[16] = {};
  EXPECT_EQ(cudaMemcpy(device, host, 8 * 4, cudaMemcpyDeviceToHost), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(device, host, 9 * 4, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(host, host + 8, 4, cudaMemcpyDefault), cudaSuccess);
  EXPECT_EQ(cudaMemset(host, 0, 4), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFree(host), cudaErrorInvalidValue);
  EXPECT_EQ(cudaPeekAtLastError(), cudaErrorInvalidValue);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidValue);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
  EXPECT_EQ(cudaFree(nullptr), cudaSuccess);
}

TEST(Memory, PitchedCopies) {
  size_t pitch = 0;
  float* device = nullptr;
  ASSERT_EQ(cudaMallocPitch(&device, &pitch, 3 * sizeof(float), 4), cudaSuccess);
  EXPECT_EQ(pitch % 512, 0u);
  const auto values = iota(12);
  ASSERT_EQ(cudaMemcpy2D(device, pitch, values.data(), 12, 12, 4, cudaMemcpyHostToDevice),
            cudaSuccess);
  std::vector<float> back(12);
  ASSERT_EQ(cudaMemcpy2D(back.data(), 12, device, pitch, 12, 4, cudaMemcpyDeviceToHost),
            cudaSuccess);
  EXPECT_EQ(back, values);
  EXPECT_EQ(cudaMemcpy2D(back.data(), 8, device, pitch, 12, 4, cudaMemcpyDeviceToHost),
            cudaErrorInvalidPitchValue);
  cudaGetLastError();
  EXPECT_EQ(cudaFree(device), cudaSuccess);
}

TEST(Memory, PointerAttributes) {
  device_array<int> device(4);
  int* pinned = nullptr;
  ASSERT_EQ(cudaMallocHost(&pinned, 16), cudaSuccess);
  int pageable = 0;
  cudaPointerAttributes a;
  ASSERT_EQ(cudaPointerGetAttributes(&a, static_cast<int*>(device) + 3), cudaSuccess);
  EXPECT_EQ(a.type, cudaMemoryTypeDevice);
  ASSERT_EQ(cudaPointerGetAttributes(&a, pinned), cudaSuccess);
  EXPECT_EQ(a.type, cudaMemoryTypeHost);
  ASSERT_EQ(cudaPointerGetAttributes(&a, &pageable), cudaSuccess);
  EXPECT_EQ(a.type, cudaMemoryTypeUnregistered);
  ASSERT_EQ(cudaHostRegister(&pageable, 4, 0), cudaSuccess);
  EXPECT_EQ(cudaHostRegister(&pageable, 4, 0), cudaErrorHostMemoryAlreadyRegistered);
  ASSERT_EQ(cudaPointerGetAttributes(&a, &pageable), cudaSuccess);
  EXPECT_EQ(a.type, cudaMemoryTypeHost);
  EXPECT_EQ(cudaHostUnregister(&pageable), cudaSuccess);
  EXPECT_EQ(cudaHostUnregister(&pageable), cudaErrorHostMemoryNotRegistered);
  EXPECT_EQ(cudaFreeHost(pinned), cudaSuccess);
  cudaGetLastError();
}

TEST(Memory, TheDeviceCanBeFull) {
  size_t before = 0, total = 0, after = 0;
  ASSERT_EQ(cudaMemGetInfo(&before, &total), cudaSuccess);
  EXPECT_EQ(total, simt::current_options().memory_bytes);
  void* pointer = nullptr;
  EXPECT_EQ(cudaMalloc(&pointer, total + 1), cudaErrorMemoryAllocation);
  EXPECT_EQ(pointer, nullptr);
  EXPECT_EQ(cudaGetLastError(), cudaErrorMemoryAllocation);
  ASSERT_EQ(cudaMalloc(&pointer, 1000), cudaSuccess);
  ASSERT_EQ(cudaMemGetInfo(&after, &total), cudaSuccess);
  EXPECT_EQ(before - after, 1000u);
  EXPECT_EQ(cudaFree(pointer), cudaSuccess);
}

TEST(Memory, ManagedMemoryIsThereForBoth) {
  int* managed = nullptr;
  ASSERT_EQ(cudaMallocManaged(&managed, 8 * sizeof(int)), cudaSuccess);
  cudaPointerAttributes a;
  ASSERT_EQ(cudaPointerGetAttributes(&a, managed + 7), cudaSuccess);
  EXPECT_EQ(a.type, cudaMemoryTypeManaged);
  const cudaMemLocation device{cudaMemLocationTypeDevice, 0}, host{cudaMemLocationTypeHost, 0};
  EXPECT_EQ(cudaMemAdvise(managed, 32, cudaMemAdviseSetReadMostly, device), cudaSuccess);
  EXPECT_EQ(cudaMemAdvise(managed, 32, cudaMemAdviseSetPreferredLocation, cudaCpuDeviceId),
            cudaSuccess);
  EXPECT_EQ(cudaMemPrefetchAsync(managed, 32, device, 0, nullptr), cudaSuccess);
  EXPECT_EQ(cudaMemPrefetchAsync(managed, 32, host, 0, nullptr), cudaSuccess);
  EXPECT_EQ(cudaMemPrefetchAsync(managed, 32, 0, nullptr), cudaSuccess);
  EXPECT_EQ(cudaMemPrefetchAsync(managed, 33, 0, nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemPrefetchAsync(managed, 32, 1, nullptr), cudaErrorInvalidDevice);
  const int host_values[2] = {1, 2};
  EXPECT_EQ(cudaMemcpy(managed, host_values, 8, cudaMemcpyHostToDevice), cudaSuccess);
  EXPECT_EQ(cudaMemcpy(managed + 2, host_values, 8, cudaMemcpyHostToHost), cudaSuccess);
  EXPECT_EQ(managed[1] + managed[3], 4);
  EXPECT_EQ(cudaFree(managed), cudaSuccess);
  EXPECT_EQ(cudaMemAdvise(managed, 32, cudaMemAdviseSetReadMostly, device), cudaErrorInvalidValue);
  cudaGetLastError();
}

TEST(Memory, FlagsOfHostMemory) {
  int* pinned = nullptr;
  ASSERT_EQ(cudaHostAlloc(&pinned, 16, cudaHostAllocMapped | cudaHostAllocWriteCombined),
            cudaSuccess);
  unsigned flags = 0;
  EXPECT_EQ(cudaHostGetFlags(&flags, pinned), cudaSuccess);
  EXPECT_EQ(flags, cudaHostAllocMapped | cudaHostAllocWriteCombined);
  EXPECT_EQ(cudaFreeHost(pinned), cudaSuccess);
  EXPECT_EQ(cudaHostGetFlags(&flags, pinned), cudaErrorInvalidValue);
  cudaGetLastError();
}

TEST(Memory, TheOnlyDeviceHasNoPeers) {
  int can = -1;
  EXPECT_EQ(cudaDeviceCanAccessPeer(&can, 0, 0), cudaSuccess);
  EXPECT_EQ(can, 0);
  EXPECT_EQ(cudaDeviceCanAccessPeer(&can, 0, 1), cudaErrorInvalidDevice);
  device_array<int> from(std::vector<int>{7}), to(1);
  EXPECT_EQ(cudaMemcpyPeerAsync(to, 0, from, 0, sizeof(int)), cudaSuccess);
  EXPECT_EQ(to.read()[0], 7);
  EXPECT_EQ(cudaMemcpyPeer(to, 1, from, 0, sizeof(int)), cudaErrorInvalidDevice);
  cudaGetLastError();
}

// ---- shared memory and the block barrier -------------------------------------------------------

template <bool Barrier>
__global__ void reverse_block(const float* in, float* out) {
  __shared__ float s[256];
  const unsigned base = blockIdx.x * 256;
  s[threadIdx.x] = in[base + threadIdx.x];
  if constexpr (Barrier) __syncthreads();
  out[base + threadIdx.x] = s[255 - threadIdx.x];
}

template <bool Barrier>
int wrong_reversals() {
  const auto values = iota(1024);
  device_array<float> in(values), out(1024);
  EXPECT_EQ(run({4, 256}, reverse_block<Barrier>, in, out), cudaSuccess);
  const auto got = out.read();
  int wrong = 0;
  for (int i = 0; i < 1024; ++i) wrong += got[i] != values[i / 256 * 256 + 255 - i % 256];
  return wrong;
}

TEST_P(AnySchedule, BarrierOrdersSharedMemory) {
  EXPECT_EQ(wrong_reversals<true>(), 0);
  EXPECT_GT(wrong_reversals<false>(), 0) << "a missing barrier must show";
}

template <bool Barrier>
__global__ void broadcast_from_thread_0(float* out) {
  __shared__ float value;
  if (threadIdx.x == 0) value = 42;
  if constexpr (Barrier) __syncthreads();
  out[threadIdx.x] = value;
}

TEST(RandomSchedule, FindsTheMissingBarrierThatRoundRobinHides) {
  const std::vector<float> right(64, 42);
  device_array<float> out(64);
  int wrong = 0;
  for (unsigned seed = 0; seed < 10; ++seed) {
    const simt::scoped_options scope(with_schedule(simt::schedule::random, seed));
    ASSERT_EQ(run({1, 64}, broadcast_from_thread_0<false>, out), cudaSuccess);
    wrong += !(out.read() == right);
    ASSERT_EQ(run({1, 64}, broadcast_from_thread_0<true>, out), cudaSuccess);
    EXPECT_EQ(out.read(), right);
  }
  EXPECT_GE(wrong, 8);
}

__global__ void record_order(unsigned* order, unsigned* next) {
  order[atomicAdd(next, 1)] = threadIdx.x;
}

TEST(RandomSchedule, SeedDecidesTheOrder) {
  const auto order_of = [](unsigned seed) {
    const simt::scoped_options scope(with_schedule(simt::schedule::random, seed));
    device_array<unsigned> order(64), next(std::vector<unsigned>{0});
    EXPECT_EQ(run({1, 64}, record_order, order, next), cudaSuccess);
    return order.read();
  };
  EXPECT_EQ(order_of(1), order_of(1));
  EXPECT_NE(order_of(1), order_of(2));
}

__global__ void votes_of_the_block(int* out) {
  const int t = threadIdx.x;
  out[t * 4 + 0] = __syncthreads_count(t % 3 == 0);
  out[t * 4 + 1] = __syncthreads_and(t < 200);
  out[t * 4 + 2] = __syncthreads_or(t == 77);
  out[t * 4 + 3] = __syncthreads_and(t < 100) + 2 * __syncthreads_or(t > 1000);
}

TEST_P(AnySchedule, BarriersWithVotes) {
  device_array<int> out(100 * 4);
  ASSERT_EQ(run({1, 100}, votes_of_the_block, out), cudaSuccess);
  const auto got = out.read();
  for (int t = 0; t < 100; ++t) {
    EXPECT_EQ(got[t * 4], 34);
    EXPECT_EQ(got[t * 4 + 1], 1);
    EXPECT_EQ(got[t * 4 + 2], 1);
    EXPECT_EQ(got[t * 4 + 3], 1);
  }
}

__global__ void early_return(int n, int* sum) {
  const int t = threadIdx.x;
  if (t >= n) return;
  atomicAdd(sum, 1);
  __syncthreads();
  const int seen = *sum;
  __syncthreads();
  atomicAdd(sum, seen == n ? 1 : 1000);
}

TEST_P(AnySchedule, ThreadsThatReturnedDoNotHoldTheBarrier) {
  device_array<int> sum(std::vector<int>{0});
  ASSERT_EQ(run({1, 128}, early_return, 70, sum), cudaSuccess);
  EXPECT_EQ(sum.read()[0], 140);
}

__global__ void read_shared_first(float* out, bool write) {
  __shared__ float fixed[32];
  auto* dynamic = static_cast<float*>(simt::dynamic_shared());
  out[blockIdx.x * 64 + threadIdx.x] = fixed[threadIdx.x];
  out[blockIdx.x * 64 + 32 + threadIdx.x] = dynamic[threadIdx.x];
  __syncthreads();
  if (write) fixed[threadIdx.x] = dynamic[threadIdx.x] = 1;
}

TEST(SharedMemory, IsPoisonedBeforeEachBlock) {
  device_array<float> out(64 * 8);
  ASSERT_EQ(run({8, 32, 128}, read_shared_first, out, true), cudaSuccess);
  for (float value : out.read()) EXPECT_TRUE(std::isnan(value));
  auto options = simt::current_options();
  options.poison_shared = false;
  options.workers = 1;
  const simt::scoped_options scope(options);
  ASSERT_EQ(run({8, 32, 128}, read_shared_first, out, true), cudaSuccess);
  EXPECT_EQ(out.read()[64 * 7], 1) << "without poison the previous block shows";
}

__global__ void fill_dynamic(size_t bytes, int* out) {
  auto* words = static_cast<unsigned*>(simt::dynamic_shared());
  const bool aligned = reinterpret_cast<uintptr_t>(words) % 1024 == 0;
  for (size_t i = threadIdx.x; i < bytes / 4; i += blockDim.x) words[i] = blockIdx.x;
  __syncthreads();
  int right = aligned;
  for (size_t i = threadIdx.x; i < bytes / 4; i += blockDim.x) right &= words[i] == blockIdx.x;
  atomicAnd(out, right);
}

TEST(SharedMemory, OptIn) {
  device_array<int> ok(std::vector<int>{1});
  EXPECT_EQ(run({2, 32, 48 * 1024}, fill_dynamic, size_t{48 * 1024}, ok), cudaSuccess);
  EXPECT_EQ(launch({2, 32, 48 * 1024 + 16}, fill_dynamic, size_t{0}, ok), cudaErrorInvalidValue);
  EXPECT_EQ(
      cudaFuncSetAttribute(fill_dynamic, cudaFuncAttributeMaxDynamicSharedMemorySize, 228 * 1024),
      cudaErrorInvalidValue);
  EXPECT_EQ(
      cudaFuncSetAttribute(fill_dynamic, cudaFuncAttributeMaxDynamicSharedMemorySize, 227 * 1024),
      cudaSuccess);
  EXPECT_EQ(run({8, 32, 227 * 1024}, fill_dynamic, size_t{227 * 1024}, ok), cudaSuccess);
  EXPECT_EQ(ok.read()[0], 1);
  cudaGetLastError();
}

// ---- warps -------------------------------------------------------------------------------------

template <class T>
__global__ void all_shuffles(T* out) {
  const int lane = threadIdx.x;
  const T mine = static_cast<T>(lane * 3 + 1);
  out[lane * 6 + 0] = __shfl_sync(full_mask, mine, 5);
  out[lane * 6 + 1] = __shfl_sync(full_mask, mine, 9, 8);  // wraps: lane 1 of each segment
  out[lane * 6 + 2] = __shfl_up_sync(full_mask, mine, 3);
  out[lane * 6 + 3] = __shfl_down_sync(full_mask, mine, 3, 16);
  out[lane * 6 + 4] = __shfl_xor_sync(full_mask, mine, 31);
  out[lane * 6 + 5] = __shfl_xor_sync(full_mask, mine, 5, 8);
}

template <class T>
void expect_shuffles() {
  device_array<T> out(32 * 6);
  ASSERT_EQ(run({1, 32}, all_shuffles<T>, out), cudaSuccess);
  const auto got = out.read();
  const auto value = [](int lane) { return static_cast<T>(lane * 3 + 1); };
  for (int lane = 0; lane < 32; ++lane) {
    EXPECT_EQ(got[lane * 6 + 0], value(5));
    EXPECT_EQ(got[lane * 6 + 1], value(lane / 8 * 8 + 1));
    EXPECT_EQ(got[lane * 6 + 2], value(lane >= 3 ? lane - 3 : lane));
    EXPECT_EQ(got[lane * 6 + 3], value(lane % 16 + 3 < 16 ? lane + 3 : lane));
    EXPECT_EQ(got[lane * 6 + 4], value(lane ^ 31));
    EXPECT_EQ(got[lane * 6 + 5], value(lane ^ 5));
  }
}

TEST_P(AnySchedule, Shuffles) {
  expect_shuffles<int>();
  expect_shuffles<unsigned>();
  expect_shuffles<long long>();
  expect_shuffles<unsigned long long>();
  expect_shuffles<float>();
  expect_shuffles<double>();
}

__global__ void votes_and_matches(unsigned* out) {
  const unsigned lane = threadIdx.x;
  int same = 7;
  unsigned* mine = out + lane * 8;
  mine[0] = __ballot_sync(full_mask, lane % 2);
  mine[1] = __any_sync(full_mask, lane == 31);
  mine[2] = __all_sync(full_mask, lane < 31);
  mine[3] = __match_any_sync(full_mask, lane / 8);
  mine[4] = __match_all_sync(full_mask, 5.0f, &same);
  mine[5] = same;
  mine[6] = __match_all_sync(full_mask, lane, &same);
  mine[7] = same;
}

TEST_P(AnySchedule, VotesAndMatches) {
  device_array<unsigned> out(32 * 8);
  ASSERT_EQ(run({1, 32}, votes_and_matches, out), cudaSuccess);
  const auto got = out.read();
  for (unsigned lane = 0; lane < 32; ++lane) {
    const std::vector<unsigned> mine(got.begin() + lane * 8, got.begin() + lane * 8 + 8);
    EXPECT_EQ(mine, (std::vector<unsigned>{0xAAAAAAAAu, 1, 0, 0xFFu << (lane / 8 * 8), full_mask, 1,
                                           0, 0}));
  }
}

__global__ void warp_reductions(unsigned* out, int* signed_out) {
  const unsigned lane = threadIdx.x;
  out[0] = __reduce_add_sync(full_mask, lane);
  out[1] = __reduce_min_sync(full_mask, lane + 3);
  out[2] = __reduce_max_sync(full_mask, lane);
  out[3] = __reduce_and_sync(full_mask, lane | 64);
  out[4] = __reduce_or_sync(full_mask, lane);
  out[5] = __reduce_xor_sync(full_mask, 1u << lane);
  signed_out[0] = __reduce_add_sync(full_mask, static_cast<int>(lane) - 31);
  signed_out[1] = __reduce_min_sync(full_mask, -static_cast<int>(lane));
  signed_out[2] = __reduce_max_sync(full_mask, -static_cast<int>(lane));
}

TEST_P(AnySchedule, WarpReductions) {
  device_array<unsigned> out(6);
  device_array<int> signed_out(3);
  ASSERT_EQ(run({1, 32}, warp_reductions, out, signed_out), cudaSuccess);
  EXPECT_EQ(out.read(), (std::vector<unsigned>{496, 3, 31, 64, 31, full_mask}));
  EXPECT_EQ(signed_out.read(), (std::vector<int>{-496, -31, 0}));
}

// Two halves of a warp take different branches and do different numbers of collectives.
__global__ void divergent_halves(int* out) {
  const int lane = threadIdx.x;
  int value = lane;
  if (lane < 16) {
    for (int offset = 8; offset > 0; offset /= 2) {
      value += __shfl_down_sync(0x0000ffffu, value, offset, 16);
    }
  } else {
    value = __shfl_sync(0xffff0000u, value, 20);
    __syncwarp(0xffff0000u);
  }
  __syncwarp();
  out[lane] = value;
}

TEST_P(AnySchedule, SubMasksInDivergentBranches) {
  device_array<int> out(32);
  ASSERT_EQ(run({1, 32}, divergent_halves, out), cudaSuccess);
  const auto got = out.read();
  EXPECT_EQ(got[0], 120);
  for (int lane = 16; lane < 32; ++lane) EXPECT_EQ(got[lane], 20);
}

__global__ void read_outside_the_mask(float* out) {
  if (threadIdx.x < 8) out[threadIdx.x] = __shfl_sync(0xffu, 1.0f, 12);
}

TEST(Warps, ReadingALaneOutsideTheMaskGivesPoison) {
  device_array<float> out(8);
  ASSERT_EQ(run({1, 32}, read_outside_the_mask, out), cudaSuccess);
  for (float value : out.read()) EXPECT_TRUE(std::isnan(value));
}

__global__ void partial_warp(unsigned* out) {
  __syncwarp();
  out[threadIdx.x] = __ballot_sync(full_mask, 1) + __all_sync(full_mask, 1);
}

TEST_P(AnySchedule, LastWarpMayBePartial) {
  device_array<unsigned> out(40);
  ASSERT_EQ(run({1, 40}, partial_warp, out), cudaSuccess);
  EXPECT_EQ(out.read()[39], 0xFFu + 1);
}

template <int Threads>
__device__ float block_sum(float value) {
  __shared__ float partial[Threads / 32];
  for (int offset = 16; offset > 0; offset /= 2) {
    value += __shfl_xor_sync(full_mask, value, offset);
  }
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = value;
  __syncthreads();
  if (threadIdx.x < 32) {
    value = threadIdx.x < Threads / 32 ? partial[threadIdx.x] : 0.0f;
    for (int offset = 16; offset > 0; offset /= 2) {
      value += __shfl_xor_sync(full_mask, value, offset);
    }
  }
  __syncthreads();
  return value;
}

__global__ void __launch_bounds__(256)
    reduce_last_block(const float* x, int n, float* partial, unsigned* ticket, float* out) {
  __shared__ bool last;
  float value = 0;
  for (unsigned i = blockIdx.x * 256 + threadIdx.x; i < unsigned(n); i += gridDim.x * 256) {
    value += x[i];
  }
  value = block_sum<256>(value);
  if (threadIdx.x == 0) {
    partial[blockIdx.x] = value;
    __threadfence();
    last = atomicInc(ticket, gridDim.x - 1) == gridDim.x - 1;
  }
  __syncthreads();
  if (last) {
    value = 0;
    for (unsigned i = threadIdx.x; i < gridDim.x; i += 256) value += partial[i];
    value = block_sum<256>(value);
    if (threadIdx.x == 0) *out = value;
  }
}

TEST_P(AnySchedule, ReductionInOnePass) {
  std::vector<float> values(100000);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i * 7 % 11) - 5;
  device_array<float> x(values), partial(20), out(1);
  device_array<unsigned> ticket(std::vector<unsigned>{0});
  for (int repeat = 0; repeat < 2; ++repeat) {
    ASSERT_EQ(run({20, 256}, reduce_last_block, x, int(values.size()), partial, ticket, out),
              cudaSuccess);
    EXPECT_EQ(out.read()[0], std::accumulate(values.begin(), values.end(), 0.0f));
  }
}

// ---- cooperative groups ------------------------------------------------------------------------

__global__ void tiles(int* out) {
  const auto block = cg::this_thread_block();
  const auto warp = cg::tiled_partition<32>(block);
  const auto tile = cg::tiled_partition<8>(warp);
  const int t = static_cast<int>(block.thread_rank());
  int* mine = out + t * 10;
  mine[0] = tile.thread_rank();
  mine[1] = tile.meta_group_rank();
  mine[2] = tile.meta_group_size();
  mine[3] = cg::reduce(tile, t, cg::plus<int>());
  mine[4] = cg::reduce(warp, t, cg::less<int>());
  mine[5] = cg::reduce(warp, t, cg::greater<int>());
  mine[6] = tile.shfl(t, 2);
  mine[7] = tile.shfl_down(t, 1) - tile.shfl_up(t, 1) + tile.shfl_xor(t, 1);
  mine[8] =
      tile.ballot(tile.thread_rank() >= 6) + tile.any(t == 9) * 1000 + tile.all(t < 64) * 2000;
  tile.sync();
  mine[9] = warp.meta_group_rank() * 100 + block.size();
  block.sync();
}

TEST_P(AnySchedule, Tiles) {
  device_array<int> out(64 * 10);
  ASSERT_EQ(run({1, 64}, tiles, out), cudaSuccess);
  const auto got = out.read();
  for (int t = 0; t < 64; ++t) {
    const int first = t / 8 * 8, rank = t % 8;
    const int* mine = &got[t * 10];
    EXPECT_EQ(mine[0], rank);
    EXPECT_EQ(mine[1], t % 32 / 8);
    EXPECT_EQ(mine[2], 4);
    EXPECT_EQ(mine[3], first * 8 + 28);
    EXPECT_EQ(mine[4], t / 32 * 32);
    EXPECT_EQ(mine[5], t / 32 * 32 + 31);
    EXPECT_EQ(mine[6], first + 2);
    EXPECT_EQ(mine[7], (rank < 7 ? t + 1 : t) - (rank > 0 ? t - 1 : t) + (t ^ 1));
    EXPECT_EQ(mine[8], 0xC0 + (first == 8) * 1000 + 2000);
    EXPECT_EQ(mine[9], t / 32 * 100 + 64);
  }
}

__global__ void reduce_with_grid_sync(const float* x, int n, float* partial, float* out) {
  const auto grid = cg::this_grid();
  float value = 0;
  for (unsigned long long i = grid.thread_rank(); i < unsigned(n); i += grid.size()) value += x[i];
  value = block_sum<256>(value);
  if (threadIdx.x == 0) partial[blockIdx.x] = value;
  grid.sync();
  value = 0;
  for (unsigned i = threadIdx.x; i < gridDim.x; i += 256) value += partial[i];
  value = block_sum<256>(value);
  grid.sync();  // nobody may still read
  if (threadIdx.x == 0) partial[blockIdx.x] = value;
  grid.sync();
  if (threadIdx.x == 0 && blockIdx.x == 0) {
    *out = partial[gridDim.x - 1] == partial[0] ? value : -1;
  }
}

TEST_P(AnySchedule, GridSyncOf64Blocks) {
  auto options = simt::current_options();
  options.sm_count = 8;  // 8 blocks of 256 threads fit on one
  const simt::scoped_options scope(options);
  std::vector<float> values(50000);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 5) - 1;
  device_array<float> x(values), partial(64), out(1);
  ASSERT_EQ(run({64, 256, 0, 0, true}, reduce_with_grid_sync, x, int(values.size()), partial, out),
            cudaSuccess);
  EXPECT_EQ(out.read()[0], std::accumulate(values.begin(), values.end(), 0.0f));
  EXPECT_EQ(launch({65, 256, 0, 0, true}, reduce_with_grid_sync, x, 1, partial, out),
            cudaErrorCooperativeLaunchTooLarge);
  EXPECT_EQ(cudaGetLastError(), cudaErrorCooperativeLaunchTooLarge);
}

// Sums over a cluster through the static and the dynamic shared memory of the peers.
__global__ void cluster_sums(int* out) {
  __shared__ int fixed;
  const auto cluster = cg::this_cluster();
  auto* dynamic = static_cast<int*>(simt::dynamic_shared());
  if (threadIdx.x == 0) {
    fixed = static_cast<int>(blockIdx.x) + 1;
    dynamic[3] = 10 * fixed;
  }
  cluster.sync();
  if (threadIdx.x == 0) {
    int sum = 0;
    for (unsigned rank = 0; rank < cluster.num_blocks(); ++rank) {
      sum += *cluster.map_shared_rank(&fixed, static_cast<int>(rank));
      sum += *cluster.map_shared_rank(dynamic + 3, static_cast<int>(rank));
    }
    out[blockIdx.x] = sum + 1000 * static_cast<int>(cluster.block_rank());
  }
  auto token = cluster.barrier_arrive();
  cluster.barrier_wait(std::move(token));
}

TEST_P(AnySchedule, ClustersShareTheirMemory) {
  device_array<int> out(24);
  for (unsigned size : {1u, 2u, 4u, 8u}) {
    ASSERT_EQ(run({24, 64, 64, size}, cluster_sums, out), cudaSuccess);
    const auto got = out.read();
    for (unsigned b = 0; b < 24; ++b) {
      const unsigned first = b / size * size;
      int sum = 0;
      for (unsigned i = 0; i < size; ++i) sum += 11 * static_cast<int>(first + i + 1);
      EXPECT_EQ(got[b], sum + 1000 * static_cast<int>(b % size)) << "cluster of " << size;
    }
  }
}

// A thread may do other work between arrive and wait, and others may exit.
__global__ void cluster_push(int* out) {
  __shared__ int inbox[32];
  const auto cluster = cg::this_cluster();
  inbox[threadIdx.x] = 0;
  cluster.barrier_arrive();
  const int mine = static_cast<int>(threadIdx.x * 10 + cluster.block_rank());
  cluster.barrier_wait();
  const int next = static_cast<int>((cluster.block_rank() + 1) % cluster.num_blocks());
  cluster.map_shared_rank(inbox, next)[threadIdx.x] = mine;
  cluster.sync();
  out[cluster.thread_rank()] = inbox[threadIdx.x];
}

TEST_P(AnySchedule, ClustersWriteToTheirPeers) {
  device_array<int> out(128);
  ASSERT_EQ(run({4, 32, 0, 4}, cluster_push, out), cudaSuccess);
  const auto got = out.read();
  for (int i = 0; i < 128; ++i) EXPECT_EQ(got[i], i % 32 * 10 + (i / 32 + 3) % 4);
}

// Threads that are late at the wait of one phase must not wake those that sleep at the next.
__global__ void cluster_late_waiters(int* too_early) {
  __shared__ int passed;
  const auto cluster = cg::this_cluster();
  if (threadIdx.x == 0) passed = 0;
  auto token = cluster.barrier_arrive();
  __syncthreads();
  cluster.barrier_wait(std::move(token));
  atomicAdd(&passed, 1);
  cluster.sync();
  if (passed != int(blockDim.x)) atomicAdd(too_early, 1);
}

TEST_P(AnySchedule, ClustersCountEachPhaseApart) {
  for (const unsigned size : {1u, 2u}) {
    device_array<int> too_early(std::vector<int>{0});
    ASSERT_EQ(run({4, 64, 0, size}, cluster_late_waiters, too_early), cudaSuccess);
    EXPECT_EQ(too_early.read()[0], 0) << "cluster of " << size;
  }
}

// ---- spinning ----------------------------------------------------------------------------------

__device__ unsigned load_acquire(unsigned* address) {
  return __atomic_load_n(address, __ATOMIC_ACQUIRE);
}

__global__ void look_back_chain(unsigned* ready, unsigned* value) {
  if (threadIdx.x == 0) {
    const unsigned b = blockIdx.x;
    while (b != 0 && load_acquire(&ready[b - 1]) == 0) __nanosleep(20);
    value[b] = (b != 0 ? value[b - 1] : 0) + 1;
    __threadfence();
    atomicExch(&ready[b], 1u);
  }
  __syncthreads();
}

TEST_P(AnySchedule, DecoupledLookBack) {
  for (unsigned workers : {1u, 2u, 8u}) {
    auto options = simt::current_options();
    options.workers = workers;
    const simt::scoped_options scope(options);
    device_array<unsigned> ready(std::vector<unsigned>(300, 0)), value(300);
    ASSERT_EQ(run({300, 64}, look_back_chain, ready, value), cudaSuccess);
    EXPECT_EQ(value.read()[299], 300u);
  }
}

__global__ void wait_for_another_warp(unsigned* out) {
  __shared__ unsigned flag;
  if (threadIdx.x == 0) flag = 0;
  __syncthreads();
  if (threadIdx.x == 0) {
    while (load_acquire(&flag) == 0) __nanosleep(1);
    *out = flag;
  }
  if (threadIdx.x == 63) atomicAdd(&flag, 7u);
}

TEST_P(AnySchedule, SpinningInsideABlock) {
  device_array<unsigned> out(1);
  ASSERT_EQ(run({1, 64}, wait_for_another_warp, out), cudaSuccess);
  EXPECT_EQ(out.read()[0], 7u);
}

// ---- cp.async ----------------------------------------------------------------------------------

enum class async_bug { none, no_wait, no_barrier };

template <async_bug Bug>
__global__ void copy_asynchronously(const float* in, float* out) {
  __shared__ __align__(16) float s[256];
  const unsigned t = threadIdx.x;
  for (int i = 0; i < 4; ++i) s[t * 4 + i] = -1;
  __syncthreads();
  simt::async_copy(&s[t * 4], &in[t * 4], 16, 16);
  simt::async_commit();
  if constexpr (Bug != async_bug::no_wait) simt::async_wait(0);
  if constexpr (Bug != async_bug::no_barrier) __syncthreads();
  for (int i = 0; i < 4; ++i) out[t * 4 + i] = s[255 - (t * 4 + i)];
}

template <async_bug Bug>
int wrong_copies() {
  device_array<float> in(iota(256)), out(256);
  EXPECT_EQ(run({1, 64}, copy_asynchronously<Bug>, in, out), cudaSuccess);
  const auto got = out.read();
  int wrong = 0;
  for (int i = 0; i < 256; ++i) wrong += got[i] != 255 - i;
  return wrong;
}

TEST_P(AnySchedule, AsyncCopies) {
  EXPECT_EQ(wrong_copies<async_bug::none>(), 0);
  // Threads that have ended without waiting have their copies completed: some values are there.
  EXPECT_GT(wrong_copies<async_bug::no_wait>(), 0);
  EXPECT_GT(wrong_copies<async_bug::no_barrier>(), 0);
}

__global__ void async_groups(const int* in, int* out) {
  __shared__ __align__(16) int s[12];
  for (int i = 0; i < 12; ++i) s[i] = -1;
  simt::async_copy(&s[0], &in[0], 16, 16);
  simt::async_commit();
  simt::async_copy(&s[4], &in[4], 8, 4);  // the second word is filled with zero
  simt::async_copy(&s[8], &in[8], 16, 0);
  simt::async_commit();
  simt::async_wait(1);
  for (int i = 0; i < 12; ++i) out[i] = s[i];
  simt::async_wait(0);
  for (int i = 0; i < 12; ++i) out[12 + i] = s[i];
  for (int i = 0; i < 500; ++i) simt::async_copy(&s[i % 4], &in[i % 12], 4, 4);  // more than a ring
  simt::async_wait_all();
  for (int i = 0; i < 12; ++i) out[24 + i] = s[i];
}

TEST(AsyncCopy, GroupsCompleteInOrder) {
  std::vector<int> values(12);
  std::iota(values.begin(), values.end(), 100);
  device_array<int> in(values), out(36);
  ASSERT_EQ(run({1, 1}, async_groups, in, out), cudaSuccess);
  EXPECT_EQ(out.read(), (std::vector<int>{100, 101, 102, 103, -1,  -1, -1, -1, -1, -1, -1, -1,  //
                                          100, 101, 102, 103, 104, 0,  -1, -1, 0,  0,  0,  0,   //
                                          104, 105, 106, 107, 104, 0,  -1, -1, 0,  0,  0,  0}));
}

// ---- atomics and mathematics -------------------------------------------------------------------

__global__ void all_atomics(int* i, unsigned* u, unsigned long long* l, float* f, double* d) {
  const int t = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  atomicAdd(&i[0], 1);
  atomicSub(&i[1], 2);
  atomicMin(&i[2], -t);
  atomicMax(&i[3], t);
  atomicAnd_block(&i[4], ~(1 << (t % 8)));
  atomicOr_system(&i[5], 1 << (t % 8));
  atomicXor(&i[6], 1);
  atomicInc(&u[0], 99u);
  atomicDec(&u[1], 99u);
  atomicMax(&u[2], unsigned(t));
  atomicAdd(&l[0], 1ull << 33);
  atomicMax(&l[1], static_cast<unsigned long long>(t) << 32);
  atomicAdd(f, 1);
  atomicAdd(d, 0.5);
  for (unsigned long long seen = l[2];;) {
    const unsigned long long before = atomicCAS(&l[2], seen, seen + 3);
    if (before == seen) break;
    seen = before;
  }
}

TEST_P(AnySchedule, Atomics) {
  device_array<int> i(std::vector<int>{0, 0, 0, 0, 255, 0, 0});
  device_array<unsigned> u(std::vector<unsigned>{0, 0, 0});
  device_array<unsigned long long> l(std::vector<unsigned long long>{0, 0, 0});
  device_array<float> f(std::vector<float>{0});
  device_array<double> d(std::vector<double>{0});
  ASSERT_EQ(run({10, 128}, all_atomics, i, u, l, f, d), cudaSuccess);
  EXPECT_EQ(i.read(), (std::vector<int>{1280, -2560, -1279, 1279, 0, 255, 0}));
  EXPECT_EQ(u.read(), (std::vector<unsigned>{80, 20, 1279}));
  EXPECT_EQ(l.read(), (std::vector<unsigned long long>{1280ull << 33, 1279ull << 32, 3840}));
  EXPECT_EQ(f.read()[0], 1280);
  EXPECT_EQ(d.read()[0], 640);
}

TEST(Math, DeviceFunctions) {
  EXPECT_EQ(__popc(0xF0F0u), 8);
  EXPECT_EQ(__clz(1), 31);
  EXPECT_EQ(__clz(0), 32);
  EXPECT_EQ(__ffs(8), 4);
  EXPECT_EQ(__brev(1u), 0x80000000u);
  EXPECT_EQ(__brevll(2), 0x4000000000000000ull);
  EXPECT_EQ(__float_as_int(1.0f), 0x3f800000);
  EXPECT_EQ(__int_as_float(0x40000000), 2.0f);
  EXPECT_EQ(__umul64hi(1ull << 63, 6), 3u);
  EXPECT_EQ(__mul64hi(-1, 1), -1);
  EXPECT_EQ(__byte_perm(0x03020100u, 0x07060504u, 0x7531u), 0x07050301u);
  EXPECT_EQ(__funnelshift_l(0x80000000u, 1u, 1), 3u);
  EXPECT_EQ(__umulhi(0x80000000u, 4u), 2u);
  EXPECT_EQ(rsqrtf(4.0f), 0.5f);
  EXPECT_EQ(__fdividef(1.0f, 4.0f), 0.25f);
  EXPECT_EQ(__fmaf_rn(2, 3, 4), 10);
  EXPECT_EQ(__saturatef(std::nanf("")), 0.0f);
  EXPECT_EQ(__float2int_rn(2.5f), 2);
  EXPECT_EQ(__float2int_rz(-2.9f), -2);
  EXPECT_EQ(__float2int_rn(1e20f), std::numeric_limits<int>::max());
  EXPECT_EQ(__float2int_rn(-1e20f), std::numeric_limits<int>::min());
  EXPECT_EQ(__float2uint_rz(-1.0f), 0u);
  EXPECT_EQ(__float2ull_rz(1e30f), ~0ull);
  EXPECT_EQ(__dp4a(0x01020304, 0x01010101, 5), 15);
  EXPECT_EQ(max(3, 4), 4);
  EXPECT_EQ(min(3u, 4), 3u);
  EXPECT_EQ(max(std::nanf(""), 1.0f), 1.0f);
  const float4 v = make_float4(1, 2, 3, 4);
  EXPECT_EQ(__ldg(&v).w, 4);
}

// ---- 16-bit floats -----------------------------------------------------------------------------

template <class T>
class SmallFloats : public ::testing::Test {
 protected:
  static constexpr int mantissa = std::is_same_v<T, __half> ? 10 : 7;
  static constexpr int bias = (1 << (14 - mantissa)) - 1;
  static constexpr unsigned infinity = 0x7fffu >> mantissa << mantissa, nan = 0x7fff;

  static T of_bits(unsigned bits) { return std::bit_cast<T>(static_cast<std::uint16_t>(bits)); }
  static unsigned bits_of(T value) { return std::bit_cast<std::uint16_t>(value); }

  // What a pattern stands for, by the definition of the format. Infinity is the number that would
  // follow the largest one: there rounding to infinity begins.
  static double meaning(unsigned bits) {
    const int exponent = int(bits & 0x7fffu) >> mantissa;
    const int fraction = int(bits) & ((1 << mantissa) - 1);
    const double magnitude =
        exponent == 0 ? std::ldexp(fraction, 1 - bias - mantissa)
                      : std::ldexp((1 << mantissa) + fraction, exponent - bias - mantissa);
    return bits & 0x8000u ? -magnitude : magnitude;
  }
};
using small_float_types = ::testing::Types<__half, __nv_bfloat16>;
TYPED_TEST_SUITE(SmallFloats, small_float_types);

TYPED_TEST(SmallFloats, EveryPatternIsTheNumberThatItStandsFor) {
  using self = SmallFloats<TypeParam>;
  for (unsigned bits = 0; bits < 0x10000; ++bits) {
    const float wide = self::of_bits(bits);
    if ((bits & 0x7fffu) > self::infinity) {
      ASSERT_TRUE(std::isnan(wide)) << bits;
      ASSERT_EQ(self::bits_of(wide), self::nan) << bits;
      continue;
    }
    const double expected = (bits & 0x7fffu) == self::infinity
                                ? std::copysign(INFINITY, self::meaning(bits))
                                : self::meaning(bits);
    ASSERT_EQ(double(wide), expected) << bits;
    ASSERT_EQ(std::signbit(wide), bits >> 15 == 1) << bits;
    ASSERT_EQ(self::bits_of(wide), bits);
    ASSERT_EQ(self::bits_of(double(wide)), bits);
  }
}

// All places where the rounded value changes, from both sides, in float and in double; the last are
// those where overflow begins.
TYPED_TEST(SmallFloats, RoundToTheNearestAndTiesToEven) {
  using self = SmallFloats<TypeParam>;
  for (const unsigned sign : {0u, 0x8000u}) {
    for (unsigned low = 0; low < self::infinity; ++low) {
      const unsigned below = sign | low, above = below + 1;
      const double tie = (self::meaning(below) + self::meaning(above)) / 2;
      const double outside = std::copysign(INFINITY, tie);
      const unsigned even = low % 2 == 0 ? below : above;
      ASSERT_EQ(double(float(tie)), tie) << below;
      ASSERT_EQ(self::bits_of(float(tie)), even) << below;
      ASSERT_EQ(self::bits_of(tie), even) << below;
      ASSERT_EQ(self::bits_of(std::nextafter(float(tie), 0.0f)), below);
      ASSERT_EQ(self::bits_of(std::nextafter(tie, 0.0)), below) << "rounded twice";
      ASSERT_EQ(self::bits_of(std::nextafter(float(tie), float(outside))), above);
      ASSERT_EQ(self::bits_of(std::nextafter(tie, outside)), above) << "rounded twice";
    }
    const double direction = sign ? -1 : 1;
    EXPECT_EQ(self::bits_of(float(direction * FLT_MAX)), sign | self::infinity);
    EXPECT_EQ(self::bits_of(direction * DBL_MAX), sign | self::infinity);
    EXPECT_EQ(self::bits_of(direction * DBL_MIN), sign);
    EXPECT_EQ(self::bits_of(float(direction * INFINITY)), sign | self::infinity);
    EXPECT_EQ(self::bits_of(float(std::copysign(NAN, direction))), self::nan);
    EXPECT_EQ(self::bits_of(std::copysign(double(NAN), direction)), self::nan);
  }
  EXPECT_EQ(float(TypeParam((2 << self::mantissa) + 1)), float(2 << self::mantissa));
}

TYPED_TEST(SmallFloats, ArithmeticRoundsOnce) {
  using self = SmallFloats<TypeParam>;
  std::mt19937 generator(5);
  for (int i = 0; i < 100'000; ++i) {
    const TypeParam a = self::of_bits(generator() & 0xffffu);
    // Every other time of a magnitude that leaves something of both in the sum.
    const TypeParam b = self::of_bits(i % 2 == 0 ? generator() & 0xffffu
                                                 : self::bits_of(a) ^ (generator() & 0x83ffu));
    const double x = float(a), y = float(b);
    ASSERT_EQ(self::bits_of(a + b), self::bits_of(x + y)) << x << " " << y;
    ASSERT_EQ(self::bits_of(a - b), self::bits_of(x - y)) << x << " " << y;
    ASSERT_EQ(self::bits_of(a * b), self::bits_of(x * y)) << x << " " << y;
    ASSERT_EQ(self::bits_of(a / b), self::bits_of(x / y)) << x << " " << y;
    ASSERT_EQ(a < b, x < y);
    ASSERT_EQ(a > b, x > y);
    ASSERT_EQ(a <= b, x <= y);
    ASSERT_EQ(a >= b, x >= y);
    ASSERT_EQ(a == b, x == y);
    ASSERT_EQ(a != b, x != y);
  }
}

TEST(SmallFloatPairs, HaveTheFirstInTheLowerHalf) {
  const float2 values{1.5f, -2.0f};
  const __half2 half = __float22half2_rn(values);
  EXPECT_EQ(std::bit_cast<std::uint32_t>(half), 0xc0003e00u);
  EXPECT_EQ(std::bit_cast<std::uint32_t>(__floats2half2_rn(values.x, values.y)), 0xc0003e00u);
  EXPECT_EQ(__half22float2(half).x, values.x);
  EXPECT_EQ(__half22float2(half).y, values.y);
  const __nv_bfloat162 bfloat = __float22bfloat162_rn(values);
  EXPECT_EQ(std::bit_cast<std::uint32_t>(bfloat), 0xc0003fc0u);
  EXPECT_EQ(std::bit_cast<std::uint32_t>(__floats2bfloat162_rn(values.x, values.y)), 0xc0003fc0u);
  EXPECT_EQ(__bfloat1622float2(bfloat).x, values.x);
  EXPECT_EQ(__bfloat1622float2(bfloat).y, values.y);
}

// ---- launches: what CUDA refuses ---------------------------------------------------------------

__global__ void nothing() {}
__global__ void add(int* out, int value) {
  atomicAdd(out, value);
}

TEST(Launch, ConfigurationIsCheckedBeforeRunning) {
  EXPECT_EQ(launch({0, 32}, nothing), cudaErrorInvalidConfiguration);
  EXPECT_EQ(launch({1, 0}, nothing), cudaErrorInvalidConfiguration);
  EXPECT_EQ(launch({1, 1025}, nothing), cudaErrorInvalidConfiguration);
  EXPECT_EQ(launch({1, dim3(32, 33)}, nothing), cudaErrorInvalidConfiguration);
  EXPECT_EQ(launch({1, dim3(1, 1, 65)}, nothing), cudaErrorInvalidConfiguration);
  EXPECT_EQ(launch({dim3(1, 65536), 32}, nothing), cudaErrorInvalidConfiguration);
  EXPECT_EQ(launch({dim3(0x80000000u), 32}, nothing), cudaErrorInvalidConfiguration);
  EXPECT_EQ(launch({16, 32, 0, 16}, nothing), cudaErrorInvalidClusterSize);
  EXPECT_EQ(launch({6, 32, 0, 4}, nothing), cudaErrorInvalidConfiguration);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidConfiguration);
  EXPECT_EQ(run({1, 1024}, nothing), cudaSuccess);
  EXPECT_STREQ(cudaGetErrorName(cudaErrorInvalidConfiguration), "cudaErrorInvalidConfiguration");
  EXPECT_STREQ(cudaGetErrorString(cudaErrorInvalidConfiguration), "invalid configuration argument");
}

TEST(Launch, OtherLaunchFunctions) {
  device_array<int> out(std::vector<int>{0});
  int* pointer = out;
  int value = 3;
  void* arguments[] = {&pointer, &value};
  EXPECT_EQ(cudaLaunchKernel(add, dim3(2), dim3(4), arguments), cudaSuccess);
  EXPECT_EQ(cudaLaunchCooperativeKernel(add, dim3(2), dim3(4), arguments), cudaSuccess);
  EXPECT_EQ(out.read()[0], 48);
}

TEST(Device, DescribesItself) {
  cudaDeviceProp p;
  ASSERT_EQ(cudaGetDeviceProperties(&p, 0), cudaSuccess);
  EXPECT_STREQ(p.name, "Warpladder host executor");
  EXPECT_EQ(p.major, 9);
  EXPECT_EQ(p.multiProcessorCount, simt::current_options().sm_count);
  int value = 0;
  ASSERT_EQ(cudaDeviceGetAttribute(&value, cudaDevAttrMaxSharedMemoryPerBlockOptin, 0),
            cudaSuccess);
  EXPECT_EQ(value, 227 * 1024);
  EXPECT_EQ(cudaSetDevice(1), cudaErrorInvalidDevice);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidDevice);
  int blocks = 0;
  ASSERT_EQ(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, nothing, 256, 0), cudaSuccess);
  EXPECT_EQ(blocks, 8);
  ASSERT_EQ(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, nothing, 32, 48 * 1024),
            cudaSuccess);
  EXPECT_EQ(blocks, 4);
  cudaLaunchAttribute four{cudaLaunchAttributeClusterDimension, {}};
  four.val.clusterDim = {4, 1, 1};
  const cudaLaunchConfig_t of_1024{dim3(4), dim3(1024), 0, nullptr, &four, 1};
  int clusters = 0;
  ASSERT_EQ(cudaOccupancyMaxActiveClusters(&clusters, nothing, &of_1024), cudaSuccess);
  EXPECT_EQ(clusters, 2 * simt::current_options().sm_count / 4);
  cudaFuncAttributes attributes;
  ASSERT_EQ(cudaFuncGetAttributes(&attributes, reverse_block<true>), cudaSuccess);
  EXPECT_EQ(attributes.sharedSizeBytes, 1024u);
}

// ---- streams and events ------------------------------------------------------------------------

class stream {
 public:
  explicit stream(unsigned flags = cudaStreamNonBlocking) {
    EXPECT_EQ(cudaStreamCreateWithFlags(&handle_, flags), cudaSuccess);
  }
  ~stream() { EXPECT_EQ(cudaStreamDestroy(handle_), cudaSuccess); }
  stream(const stream&) = delete;
  operator cudaStream_t() const { return handle_; }

 private:
  cudaStream_t handle_ = nullptr;
};

class event {
 public:
  event() { EXPECT_EQ(cudaEventCreate(&handle_), cudaSuccess); }
  ~event() { EXPECT_EQ(cudaEventDestroy(handle_), cudaSuccess); }
  event(const event&) = delete;
  operator cudaEvent_t() const { return handle_; }

 private:
  cudaEvent_t handle_ = nullptr;
};

// Holds a stream until it is opened.
class gate {
 public:
  explicit gate(cudaStream_t stream) {
    EXPECT_EQ(cudaLaunchHostFunc(
                  stream, [](void* g) { static_cast<gate*>(g)->wait(); }, this),
              cudaSuccess);
  }
  ~gate() {
    open();
    while (!passed_) std::this_thread::yield();
  }
  void open() { open_ = true; }

 private:
  void wait() {
    while (!open_) std::this_thread::yield();
    passed_ = true;
  }
  std::atomic<bool> open_{false}, passed_{false};
};

TEST(Streams, AreAsynchronousAndInOrder) {
  stream s;
  device_array<int> out(std::vector<int>{0});
  gate closed(s);
  ASSERT_EQ(launch({1, 1, 0, 0, false, s}, add, out, 5), cudaSuccess);
  int* pinned = nullptr;
  ASSERT_EQ(cudaMallocHost(&pinned, sizeof(int)), cudaSuccess);
  *pinned = -1;
  ASSERT_EQ(cudaMemcpyAsync(pinned, out, sizeof(int), cudaMemcpyDeviceToHost, s), cudaSuccess);
  EXPECT_EQ(cudaStreamQuery(s), cudaErrorNotReady);
  EXPECT_EQ(*pinned, -1);
  closed.open();
  EXPECT_EQ(cudaStreamSynchronize(s), cudaSuccess);
  EXPECT_EQ(cudaStreamQuery(s), cudaSuccess);
  EXPECT_EQ(*pinned, 5);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess) << "not ready is not an error";
  EXPECT_EQ(cudaFreeHost(pinned), cudaSuccess);
}

TEST(Streams, EventsOrderThem) {
  stream first, second;
  event done;
  device_array<int> out(std::vector<int>{0});
  int* pinned = nullptr;
  ASSERT_EQ(cudaMallocHost(&pinned, sizeof(int)), cudaSuccess);
  gate closed(first);
  ASSERT_EQ(launch({1, 1, 0, 0, false, first}, add, out, 5), cudaSuccess);
  ASSERT_EQ(cudaEventRecord(done, first), cudaSuccess);
  ASSERT_EQ(cudaStreamWaitEvent(second, done), cudaSuccess);
  ASSERT_EQ(cudaMemcpyAsync(pinned, out, sizeof(int), cudaMemcpyDeviceToHost, second), cudaSuccess);
  EXPECT_EQ(cudaEventQuery(done), cudaErrorNotReady);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(cudaStreamQuery(second), cudaErrorNotReady);
  closed.open();
  ASSERT_EQ(cudaStreamSynchronize(second), cudaSuccess);
  EXPECT_EQ(*pinned, 5);
  EXPECT_EQ(cudaEventSynchronize(done), cudaSuccess);
  event later;
  ASSERT_EQ(cudaEventRecord(later, second), cudaSuccess);
  ASSERT_EQ(cudaEventSynchronize(later), cudaSuccess);
  float milliseconds = -1;
  ASSERT_EQ(cudaEventElapsedTime(&milliseconds, done, later), cudaSuccess);
  EXPECT_GE(milliseconds, 0.0f);
  EXPECT_EQ(cudaFreeHost(pinned), cudaSuccess);
}

TEST(Streams, LegacyStreamWaitsForBlockingStreamsOnly) {
  {
    stream blocking(cudaStreamDefault);
    gate closed(blocking);
    ASSERT_EQ(launch({1, 1}, nothing), cudaSuccess);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    EXPECT_EQ(cudaStreamQuery(nullptr), cudaErrorNotReady);
    closed.open();
    EXPECT_EQ(cudaStreamSynchronize(nullptr), cudaSuccess);
  }
  stream independent;
  gate closed(independent);
  ASSERT_EQ(launch({1, 1}, nothing), cudaSuccess);
  EXPECT_EQ(cudaStreamSynchronize(nullptr), cudaSuccess);
  EXPECT_EQ(cudaStreamQuery(independent), cudaErrorNotReady);
  closed.open();
}

TEST(Streams, BlockingStreamsWaitForTheLegacyStream) {
  stream blocking(cudaStreamDefault);
  gate closed(nullptr);
  ASSERT_EQ(launch({1, 1, 0, 0, false, blocking}, nothing), cudaSuccess);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(cudaStreamQuery(blocking), cudaErrorNotReady);
  closed.open();
  EXPECT_EQ(cudaStreamSynchronize(blocking), cudaSuccess);
}

TEST(Streams, PageableSourceMayBeReusedAtOnce) {
  stream s;
  device_array<int> out(1);
  gate closed(s);
  int value = 1;
  ASSERT_EQ(cudaMemcpyAsync(out, &value, sizeof value, cudaMemcpyHostToDevice, s), cudaSuccess);
  value = 2;
  closed.open();
  ASSERT_EQ(cudaStreamSynchronize(s), cudaSuccess);
  EXPECT_EQ(out.read()[0], 1);
}

TEST(Streams, StreamOrderedMemory) {
  stream s;
  int* pointer = nullptr;
  ASSERT_EQ(cudaMallocAsync(&pointer, 4, s), cudaSuccess);
  ASSERT_EQ(cudaMemsetAsync(pointer, 0, 4, s), cudaSuccess);
  ASSERT_EQ(launch({1, 8, 0, 0, false, s}, add, pointer, 2), cudaSuccess);
  int value = 0;
  ASSERT_EQ(cudaMemcpyAsync(&value, pointer, 4, cudaMemcpyDeviceToHost, s), cudaSuccess);
  EXPECT_EQ(value, 16) << "a copy to pageable memory is complete when the call returns";
  ASSERT_EQ(cudaFreeAsync(pointer, s), cudaSuccess);
  ASSERT_EQ(cudaStreamSynchronize(s), cudaSuccess);
  EXPECT_EQ(cudaFreeAsync(pointer, s), cudaErrorInvalidValue);
  cudaGetLastError();
}

TEST(Streams, RememberTheirPriority) {
  int least = 1, greatest = 1, priority = 1;
  ASSERT_EQ(cudaDeviceGetStreamPriorityRange(&least, &greatest), cudaSuccess);
  EXPECT_LT(greatest, least) << "a smaller number is a greater priority";
  cudaStream_t urgent = nullptr;
  ASSERT_EQ(cudaStreamCreateWithPriority(&urgent, cudaStreamNonBlocking, greatest - 1),
            cudaSuccess);
  EXPECT_EQ(cudaStreamGetPriority(urgent, &priority), cudaSuccess);
  EXPECT_EQ(priority, greatest);
  EXPECT_EQ(cudaStreamDestroy(urgent), cudaSuccess);
}

TEST(Streams, BadHandles) {
  cudaStream_t gone = nullptr;
  ASSERT_EQ(cudaStreamCreate(&gone), cudaSuccess);
  ASSERT_EQ(cudaStreamDestroy(gone), cudaSuccess);
  EXPECT_EQ(cudaStreamSynchronize(gone), cudaErrorInvalidResourceHandle);
  EXPECT_EQ(launch({1, 1, 0, 0, false, gone}, nothing), cudaErrorInvalidResourceHandle);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidResourceHandle);
}

// ---- capture -----------------------------------------------------------------------------------

TEST(Capture, RecordsAndReplays) {
  stream s;
  device_array<int> out(std::vector<int>{0});
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t executable = nullptr;
  ASSERT_EQ(cudaStreamBeginCapture(s, cudaStreamCaptureModeGlobal), cudaSuccess);
  cudaStreamCaptureStatus status;
  ASSERT_EQ(cudaStreamIsCapturing(s, &status), cudaSuccess);
  EXPECT_EQ(status, cudaStreamCaptureStatusActive);
  event inside;
  ASSERT_EQ(launch({1, 4, 0, 0, false, s}, add, out, 1), cudaSuccess);
  ASSERT_EQ(cudaEventRecord(inside, s), cudaSuccess);
  ASSERT_EQ(cudaStreamWaitEvent(s, inside), cudaSuccess);
  ASSERT_EQ(launch({1, 4, 0, 0, false, s}, add, out, 10), cudaSuccess);
  ASSERT_EQ(cudaStreamEndCapture(s, &graph), cudaSuccess);
  ASSERT_EQ(cudaStreamSynchronize(s), cudaSuccess);
  EXPECT_EQ(out.read()[0], 0) << "capturing must not run anything";
  size_t nodes = 0;
  ASSERT_EQ(cudaGraphGetNodes(graph, nullptr, &nodes), cudaSuccess);
  EXPECT_EQ(nodes, 2u);
  ASSERT_EQ(cudaGraphInstantiate(&executable, graph), cudaSuccess);
  ASSERT_EQ(cudaGraphDestroy(graph), cudaSuccess);
  for (int i = 0; i < 3; ++i) ASSERT_EQ(cudaGraphLaunch(executable, s), cudaSuccess);
  ASSERT_EQ(cudaStreamSynchronize(s), cudaSuccess);
  EXPECT_EQ(out.read()[0], 3 * 44);
  ASSERT_EQ(cudaGraphExecDestroy(executable), cudaSuccess);
}

TEST(Capture, ForksAndJoins) {
  stream origin, side;
  event fork, join;
  device_array<int> out(std::vector<int>{0});
  for (bool joined : {true, false}) {
    ASSERT_EQ(cudaStreamBeginCapture(origin, cudaStreamCaptureModeGlobal), cudaSuccess);
    ASSERT_EQ(cudaEventRecord(fork, origin), cudaSuccess);
    ASSERT_EQ(cudaStreamWaitEvent(side, fork), cudaSuccess);
    ASSERT_EQ(launch({1, 1, 0, 0, false, side}, add, out, 1), cudaSuccess);
    ASSERT_EQ(cudaEventRecord(join, side), cudaSuccess);
    if (joined) {
      ASSERT_EQ(cudaStreamWaitEvent(origin, join), cudaSuccess);
    }
    cudaGraph_t graph = nullptr;
    EXPECT_EQ(cudaStreamEndCapture(origin, &graph),
              joined ? cudaSuccess : cudaErrorStreamCaptureUnjoined);
    if (graph != nullptr) cudaGraphDestroy(graph);
    cudaStreamCaptureStatus status;
    ASSERT_EQ(cudaStreamIsCapturing(side, &status), cudaSuccess);
    EXPECT_EQ(status, cudaStreamCaptureStatusNone);
  }
  cudaGetLastError();
}

// Each of these hides a synchronisation, and makes the capture fail.
void expect_forbidden(unsigned stream_flags, cudaError_t expected,
                      cudaError_t (*call)(cudaStream_t)) {
  stream s(stream_flags);
  ASSERT_EQ(cudaStreamBeginCapture(s, cudaStreamCaptureModeGlobal), cudaSuccess);
  EXPECT_EQ(call(s), expected);
  EXPECT_EQ(cudaGetLastError(), expected);
  cudaStreamCaptureStatus status;
  EXPECT_EQ(cudaStreamIsCapturing(s, &status), cudaSuccess);
  EXPECT_EQ(status, cudaStreamCaptureStatusInvalidated);
  cudaGraph_t graph = nullptr;
  EXPECT_EQ(cudaStreamEndCapture(s, &graph), cudaErrorStreamCaptureInvalidated);
  EXPECT_EQ(graph, nullptr);
  cudaGetLastError();
}

TEST(Capture, HiddenSynchronisationsAreErrors) {
  const auto unsupported = cudaErrorStreamCaptureUnsupported;
  const auto implicit = cudaErrorStreamCaptureImplicit;
  for (unsigned flags : {cudaStreamDefault, cudaStreamNonBlocking}) {
    expect_forbidden(flags, unsupported, [](cudaStream_t s) { return cudaStreamSynchronize(s); });
    expect_forbidden(flags, unsupported, [](cudaStream_t s) { return cudaStreamQuery(s); });
    expect_forbidden(flags, unsupported, [](cudaStream_t) { return cudaDeviceSynchronize(); });
    expect_forbidden(flags, unsupported, [](cudaStream_t) {
      void* pointer = nullptr;
      return cudaMalloc(&pointer, 4);
    });
    expect_forbidden(flags, unsupported, [](cudaStream_t) { return cudaFree(nullptr); });
  }
  expect_forbidden(cudaStreamDefault, implicit, [](cudaStream_t) {
    return launch({1, 1}, nothing);
  });
  expect_forbidden(cudaStreamDefault, implicit, [](cudaStream_t) {
    int from = 0, to = 0;
    return cudaMemcpy(&to, &from, sizeof to, cudaMemcpyHostToHost);
  });
}

TEST(Capture, IllegalStates) {
  stream s;
  cudaGraph_t graph = nullptr;
  EXPECT_EQ(cudaStreamEndCapture(s, &graph), cudaErrorIllegalState);
  EXPECT_EQ(cudaStreamBeginCapture(nullptr, cudaStreamCaptureModeGlobal),
            cudaErrorStreamCaptureUnsupported);
  event before;
  ASSERT_EQ(cudaEventRecord(before, s), cudaSuccess);
  ASSERT_EQ(cudaStreamBeginCapture(s, cudaStreamCaptureModeRelaxed), cudaSuccess);
  EXPECT_EQ(cudaStreamBeginCapture(s, cudaStreamCaptureModeRelaxed), cudaErrorIllegalState);
  void* pointer = nullptr;
  EXPECT_EQ(cudaMalloc(&pointer, 4), cudaSuccess) << "relaxed captures allow it";
  EXPECT_EQ(cudaFree(pointer), cudaSuccess);
  EXPECT_EQ(cudaStreamWaitEvent(s, before), cudaErrorStreamCaptureIsolation);
  EXPECT_EQ(cudaStreamEndCapture(s, &graph), cudaErrorStreamCaptureInvalidated);
  cudaGetLastError();
}

// ---- streams in random order -------------------------------------------------------------------

simt::options with_stream_order(simt::stream_order order, unsigned seed = 0) {
  simt::options options = simt::current_options();
  options.streams = order;
  options.stream_seed = seed;
  return options;
}

struct pinned_ints {
  explicit pinned_ints(size_t count) {
    EXPECT_EQ(cudaMallocHost(&data, count * sizeof(int)), cudaSuccess);
    std::fill_n(data, count, -1);
  }
  ~pinned_ints() { EXPECT_EQ(cudaFreeHost(data), cudaSuccess); }
  pinned_ints(const pinned_ints&) = delete;
  int* data = nullptr;
};

// The order in which three streams of five operations come to pass.
std::string order_of_streams() {
  std::string order;
  stream streams[3];
  std::pair<std::string*, char> steps[3] = {{&order, 'a'}, {&order, 'b'}, {&order, 'c'}};
  for (int i = 0; i < 15; ++i) {
    EXPECT_EQ(cudaLaunchHostFunc(
                  streams[i % 3],
                  [](void* step) {
                    const auto& [to, name] = *static_cast<std::pair<std::string*, char>*>(step);
                    *to += name;
                  },
                  &steps[i % 3]),
              cudaSuccess);
  }
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  return order;
}

TEST(RandomStreams, SeedDecidesTheOrder) {
  std::set<std::string> orders;
  for (unsigned seed = 0; seed < 8; ++seed) {
    std::string first;
    for (int repetition = 0; repetition < 3; ++repetition) {
      const simt::scoped_options scope(with_stream_order(simt::stream_order::random, seed));
      const std::string order = order_of_streams();
      EXPECT_EQ(std::count(order.begin(), order.end(), 'a'), 5) << order;
      if (repetition == 0) first = order;
      EXPECT_EQ(order, first) << "seed " << seed;
    }
    orders.insert(first);
  }
  EXPECT_GE(orders.size(), 5u) << "hardly anything is left to chance";
}

TEST(RandomStreams, EventsOrderThem) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    const simt::scoped_options scope(with_stream_order(simt::stream_order::random, seed));
    stream first, second, third;
    event copied, added;
    device_array<int> memory(std::vector<int>{0});
    pinned_ints in(1), out(1);
    in.data[0] = 7;
    ASSERT_EQ(cudaMemcpyAsync(memory, in.data, 4, cudaMemcpyHostToDevice, first), cudaSuccess);
    ASSERT_EQ(cudaEventRecord(copied, first), cudaSuccess);
    ASSERT_EQ(cudaStreamWaitEvent(second, copied), cudaSuccess);
    ASSERT_EQ(launch({1, 1, 0, 0, false, second}, add, memory, 5), cudaSuccess);
    ASSERT_EQ(cudaEventRecord(added, second), cudaSuccess);
    ASSERT_EQ(cudaStreamWaitEvent(third, added), cudaSuccess);
    ASSERT_EQ(cudaMemcpyAsync(out.data, memory, 4, cudaMemcpyDeviceToHost, third), cudaSuccess);
    ASSERT_EQ(cudaStreamSynchronize(third), cudaSuccess);
    EXPECT_EQ(out.data[0], 12) << "seed " << seed;
  }
}

TEST(RandomStreams, LegacyStreamIsOrderedWithBlockingStreams) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    const simt::scoped_options scope(with_stream_order(simt::stream_order::random, seed));
    stream before(cudaStreamDefault), after(cudaStreamDefault);
    device_array<int> memory(std::vector<int>{0});
    pinned_ints in(1), out(1);
    in.data[0] = 7;
    ASSERT_EQ(cudaMemcpyAsync(memory, in.data, 4, cudaMemcpyHostToDevice, before), cudaSuccess);
    ASSERT_EQ(launch({1, 1}, add, memory, 5), cudaSuccess);
    ASSERT_EQ(cudaMemcpyAsync(out.data, memory, 4, cudaMemcpyDeviceToHost, after), cudaSuccess);
    ASSERT_EQ(cudaStreamSynchronize(after), cudaSuccess);
    EXPECT_EQ(out.data[0], 12) << "seed " << seed;
  }
}

// The host overwrites what a copy is to read: what arrives is the old value if the device is early,
// and the new one if it is late. Either is to be seen.
TEST(RandomStreams, CopiesAreEarlyOrLate) {
  std::set<int> arrived;
  for (unsigned seed = 0; seed < 8; ++seed) {
    const simt::scoped_options scope(with_stream_order(simt::stream_order::random, seed));
    stream s;
    device_array<int> memory(1);
    pinned_ints in(1);
    in.data[0] = 1;
    ASSERT_EQ(cudaMemcpyAsync(memory, in.data, 4, cudaMemcpyHostToDevice, s), cudaSuccess);
    in.data[0] = 2;
    ASSERT_EQ(cudaStreamSynchronize(s), cudaSuccess);
    arrived.insert(memory.read()[0]);
  }
  EXPECT_EQ(arrived, (std::set<int>{1, 2}));
}

// Seed 1 is late: what nobody waits for is not done.
TEST(RandomStreams, LateMeansNotBeforeSomebodyWaits) {
  const simt::scoped_options scope(with_stream_order(simt::stream_order::random, 1));
  int early = 0;
  for (int repetition = 0; repetition < 10; ++repetition) {
    stream first, second, nobodys[3];
    event done;
    device_array<int> memory(std::vector<int>{5});
    pinned_ints out(2), of_nobody(3);
    for (int i = 0; i < 3; ++i) {
      ASSERT_EQ(cudaMemcpyAsync(of_nobody.data + i, memory, 4, cudaMemcpyDefault, nobodys[i]),
                cudaSuccess);
    }
    ASSERT_EQ(cudaMemcpyAsync(out.data, memory, 4, cudaMemcpyDefault, first), cudaSuccess);
    ASSERT_EQ(cudaEventRecord(done, first), cudaSuccess);
    ASSERT_EQ(cudaStreamWaitEvent(second, done), cudaSuccess);
    ASSERT_EQ(cudaMemcpyAsync(out.data + 1, memory, 4, cudaMemcpyDefault, second), cudaSuccess);
    ASSERT_EQ(cudaStreamSynchronize(second), cudaSuccess);
    EXPECT_EQ(out.data[0] + out.data[1], 10);
    early += static_cast<int>(std::count(of_nobody.data, of_nobody.data + 3, 5));
  }
  EXPECT_LE(early, 3) << "of 30";
}

// Whoever waits gets there, however he waits.
TEST(RandomStreams, PollingEnds) {
  for (unsigned seed = 0; seed < 8; ++seed) {
    const simt::scoped_options scope(with_stream_order(simt::stream_order::random, seed));
    stream s, other;
    event done;
    pinned_ints in(1), out(1);
    device_array<int> memory(1);
    gate closed(other);  // an operation that waits for the host holds nobody up
    ASSERT_EQ(cudaMemcpyAsync(memory, in.data, 4, cudaMemcpyHostToDevice, s), cudaSuccess);
    ASSERT_EQ(cudaEventRecord(done, s), cudaSuccess);
    int questions = 0;
    while (cudaEventQuery(done) == cudaErrorNotReady) ++questions;
    EXPECT_LT(questions, 100);
    ASSERT_EQ(launch({1, 1, 0, 0, false, s}, add, memory, 5), cudaSuccess);
    while (cudaStreamQuery(s) == cudaErrorNotReady) ++questions;
    ASSERT_EQ(cudaMemcpyAsync(out.data, memory, 4, cudaMemcpyDeviceToHost, s), cudaSuccess);
    while (std::atomic_ref(out.data[0]) != 4) std::this_thread::yield();
    closed.open();
    ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  }
}

TEST(RandomStreams, SeveralHostThreads) {
  for (unsigned seed = 0; seed < 8; ++seed) {
    const simt::scoped_options scope(with_stream_order(simt::stream_order::random, seed));
    std::vector<std::thread> threads;
    std::atomic<int> wrong = 0;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&wrong, t] {
        stream up, down;
        event filled;
        pinned_ints in(1), out(1);
        device_array<int> memory(1);
        for (int i = 0; i < 10; ++i) {
          in.data[0] = 100 * t + i;
          cudaMemcpyAsync(memory, in.data, 4, cudaMemcpyHostToDevice, up);
          cudaEventRecord(filled, up);
          cudaStreamWaitEvent(down, filled);
          cudaMemcpyAsync(out.data, memory, 4, cudaMemcpyDeviceToHost, down);
          if (i % 2 == 0) {
            cudaStreamSynchronize(down);
          } else {
            while (cudaStreamQuery(down) == cudaErrorNotReady) std::this_thread::yield();
          }
          wrong += out.data[0] != 100 * t + i;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(cudaGetLastError(), cudaSuccess);
  }
}

// Work that is pending when the order changes is done all the same.
TEST(RandomStreams, TheOrderMayChangeMeanwhile) {
  stream s;
  event done;
  {
    const simt::scoped_options scope(with_stream_order(simt::stream_order::random, 1));
    ASSERT_EQ(launch({1, 1, 0, 0, false, s}, nothing), cudaSuccess);
    ASSERT_EQ(cudaEventRecord(done, s), cudaSuccess);
  }
  EXPECT_EQ(cudaEventSynchronize(done), cudaSuccess);
  EXPECT_EQ(cudaStreamSynchronize(s), cudaSuccess);
}

// Two branches of a graph, which meet: each comes first in some seed, and neither too late.
TEST(RandomStreams, GraphsRunInAnyOrderThatTheirEdgesAllow) {
  std::set<int> outcomes;
  for (unsigned seed = 0; seed < 12; ++seed) {
    const simt::scoped_options scope(with_stream_order(simt::stream_order::random, seed));
    stream origin, side;
    event fork, join;
    device_array<int> memory(2);
    pinned_ints in(2), out(1);
    in.data[0] = 1, in.data[1] = 2;
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t executable = nullptr;
    ASSERT_EQ(cudaStreamBeginCapture(origin, cudaStreamCaptureModeGlobal), cudaSuccess);
    ASSERT_EQ(cudaMemsetAsync(memory, 0, 8, origin), cudaSuccess);
    ASSERT_EQ(cudaEventRecord(fork, origin), cudaSuccess);
    ASSERT_EQ(cudaStreamWaitEvent(side, fork), cudaSuccess);
    ASSERT_EQ(cudaMemcpyAsync(memory, in.data, 4, cudaMemcpyDefault, origin), cudaSuccess);
    ASSERT_EQ(cudaMemcpyAsync(memory, in.data + 1, 4, cudaMemcpyDefault, side), cudaSuccess);
    ASSERT_EQ(cudaEventRecord(join, side), cudaSuccess);
    ASSERT_EQ(cudaStreamWaitEvent(origin, join), cudaSuccess);
    ASSERT_EQ(cudaMemcpyAsync(out.data, memory, 4, cudaMemcpyDefault, origin), cudaSuccess);
    ASSERT_EQ(cudaStreamEndCapture(origin, &graph), cudaSuccess);
    ASSERT_EQ(cudaGraphInstantiate(&executable, graph), cudaSuccess);
    ASSERT_EQ(cudaGraphLaunch(executable, origin), cudaSuccess);
    ASSERT_EQ(cudaStreamSynchronize(origin), cudaSuccess);
    outcomes.insert(out.data[0]);
    ASSERT_EQ(cudaGraphExecDestroy(executable), cudaSuccess);
    ASSERT_EQ(cudaGraphDestroy(graph), cudaSuccess);
  }
  EXPECT_EQ(outcomes, (std::set<int>{1, 2})) << "0 or -1: an edge is missing";
}

// ---- failures on purpose, and what is left behind
// ------------------------------------------------

TEST(Faults, AreCountedAndPass) {
  using simt::fault;
  const simt::object_counts before = simt::live_objects();
  {
    const simt::scoped_failure second(fault::pinned_allocation, 1);
    int *first_pinned = nullptr, *second_pinned = nullptr;
    EXPECT_EQ(cudaMallocHost(&first_pinned, 4), cudaSuccess);
    EXPECT_EQ(second.count(), 0u);
    EXPECT_EQ(cudaMallocHost(&second_pinned, 4), cudaErrorMemoryAllocation);
    EXPECT_EQ(second_pinned, nullptr);
    EXPECT_EQ(second.count(), 1u);
    EXPECT_EQ(cudaGetLastError(), cudaErrorMemoryAllocation);
    EXPECT_EQ(cudaHostAlloc(&second_pinned, 4, 0), cudaSuccess) << "it fails once";
    EXPECT_EQ(cudaFreeHost(first_pinned), cudaSuccess);
    EXPECT_EQ(cudaFreeHost(second_pinned), cudaSuccess);
  }
  {
    const simt::scoped_failure all(fault::device_allocation, 0, cudaErrorMemoryAllocation, 4);
    int* memory = nullptr;
    size_t pitch = 0;
    EXPECT_EQ(cudaMalloc(&memory, 4), cudaErrorMemoryAllocation);
    EXPECT_EQ(cudaMallocPitch(&memory, &pitch, 4, 4), cudaErrorMemoryAllocation);
    EXPECT_EQ(cudaMallocManaged(&memory, 4), cudaErrorMemoryAllocation);
    EXPECT_EQ(cudaMallocAsync(&memory, 4, nullptr), cudaErrorMemoryAllocation);
    EXPECT_EQ(all.count(), 4u);
  }
  int value = 0;
  cudaStream_t stream = nullptr;
  cudaEvent_t event = nullptr;
  const simt::scoped_failure registration(fault::registration), streams(fault::stream_creation),
      events(fault::event_creation), kernels(fault::kernel_launch);
  EXPECT_EQ(cudaHostRegister(&value, 4, 0), cudaErrorMemoryAllocation);
  EXPECT_EQ(cudaStreamCreate(&stream), cudaErrorMemoryAllocation);
  EXPECT_EQ(cudaEventCreate(&event), cudaErrorMemoryAllocation);
  EXPECT_EQ(launch({1, 1}, nothing), cudaErrorLaunchOutOfResources);
  EXPECT_EQ(launch({1, 1}, nothing), cudaSuccess);
  cudaGetLastError();
  EXPECT_EQ(simt::live_objects(), before) << "what failed has left nothing";
}

TEST(Faults, CopiesFailAtTheCallOrLater) {
  using simt::fault;
  stream s;
  device_array<int> out(std::vector<int>{1});
  int* pinned = nullptr;
  ASSERT_EQ(cudaMallocHost(&pinned, sizeof(int)), cudaSuccess);
  *pinned = 2;
  const auto copy = [&] {
    return cudaMemcpyAsync(out, pinned, sizeof(int), cudaMemcpyHostToDevice, s);
  };
  {
    const simt::scoped_failure failure(fault::copy_submit);
    EXPECT_EQ(copy(), cudaErrorInvalidValue);
    EXPECT_EQ(cudaStreamSynchronize(s), cudaSuccess) << "nothing was submitted";
  }
  for (fault where : {fault::copy_execution, fault::kernel_execution}) {
    const simt::scoped_failure failure(where, 0, cudaErrorIllegalAddress);
    gate closed(s);
    EXPECT_EQ(copy(), cudaSuccess);
    EXPECT_EQ(launch({1, 1, 0, 0, false, s}, add, out, 5), cudaSuccess);
    closed.open();
    EXPECT_EQ(cudaStreamSynchronize(s), cudaErrorIllegalAddress);
    EXPECT_EQ(failure.count(), 1u);
    EXPECT_EQ(out.read()[0], where == fault::copy_execution ? 1 : 2) << "what follows is skipped";
    cudaGetLastError();
  }
  EXPECT_EQ(cudaFreeHost(pinned), cudaSuccess);
}

TEST(Faults, NothingIsLeftBehind) {
  const simt::object_counts before = simt::live_objects();
  const auto since = [&](auto member) { return simt::live_objects().*member - before.*member; };
  using simt::object_counts;
  {
    stream s;
    event e;
    device_array<int> memory(4);
    int* pinned = nullptr;
    int pageable[3];
    ASSERT_EQ(cudaMallocHost(&pinned, 8), cudaSuccess);
    ASSERT_EQ(cudaHostRegister(pageable, 12, 0), cudaSuccess);
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t executable = nullptr;
    ASSERT_EQ(cudaStreamBeginCapture(s, cudaStreamCaptureModeGlobal), cudaSuccess);
    ASSERT_EQ(cudaStreamEndCapture(s, &graph), cudaSuccess);
    ASSERT_EQ(cudaGraphInstantiate(&executable, graph), cudaSuccess);
    EXPECT_EQ(since(&object_counts::device_bytes), 16u);
    EXPECT_EQ(since(&object_counts::pinned_bytes), 8u);
    EXPECT_EQ(since(&object_counts::registered_bytes), 12u);
    EXPECT_EQ(since(&object_counts::streams), 1u);
    EXPECT_EQ(since(&object_counts::events), 1u);
    EXPECT_EQ(since(&object_counts::graphs), 1u);
    EXPECT_EQ(since(&object_counts::executable_graphs), 1u);
    EXPECT_EQ(cudaGraphExecDestroy(executable), cudaSuccess);
    EXPECT_EQ(cudaGraphDestroy(graph), cudaSuccess);
    EXPECT_EQ(cudaHostUnregister(pageable), cudaSuccess);
    EXPECT_EQ(cudaFreeHost(pinned), cudaSuccess);
  }
  EXPECT_EQ(simt::live_objects(), before);
}

// ---- defects that must be caught ---------------------------------------------------------------

constexpr int divergent_line = __LINE__ + 3;
__global__ void divergent_barrier() {
  if (threadIdx.x < 64) {
    __syncthreads();
  } else {
    __syncthreads();
  }
}

TEST_F(Caught, DivergentBarrier) {
  EXPECT_EQ(run({1, 128}, divergent_barrier), cudaErrorLaunchFailure);
  expect_report({"divergent __syncthreads()", "divergent_barrier", "block (0,0,0)",
                 "threads 0..63: waiting in __syncthreads() at ", here(divergent_line),
                 "threads 64..127: waiting in __syncthreads() at ", here(divergent_line + 2),
                 "advice: "});
}

constexpr int half_warp_line = __LINE__ + 2;
__global__ void half_warp_shuffle(float* out) {
  if (threadIdx.x < 16) *out = __shfl_xor_sync(full_mask, 1.0f, 1);
  __syncthreads();
}

TEST_F(Caught, FullMaskWithHalfAWarp) {
  device_array<float> out(1);
  EXPECT_EQ(run({1, 64}, half_warp_shuffle, out), cudaErrorLaunchFailure);
  expect_report({"deadlock", "threads 0..15: waiting in a warp collective of mask 0xffffffff at ",
                 here(half_warp_line), "threads 16..63: waiting in __syncthreads() at ",
                 here(half_warp_line + 1)});
}

__global__ void mask_names_exited_lane() {
  if (threadIdx.x >= 16) return;
  __syncwarp(0x1ffff);
}

TEST_F(Caught, MaskNamesExitedLanes) {
  EXPECT_EQ(run({1, 32}, mask_names_exited_lane), cudaErrorLaunchFailure);
  expect_report({"exited while other lanes wait", "threads 0..15: waiting in a warp collective"});
}

__global__ void caller_not_in_mask() {
  __syncwarp(0x0000ffff);
}

TEST_F(Caught, CallerNotInItsMask) {
  EXPECT_EQ(run({1, 32}, caller_not_in_mask), cudaErrorLaunchFailure);
  expect_report({"not in its own mask", "in thread 16 of block"});
}

__global__ void mismatched_collectives(int* out) {
  if (threadIdx.x < 16) {
    *out = __shfl_sync(full_mask, 1, 0);
  } else {
    *out = __any_sync(full_mask, 1);
  }
}

TEST_F(Caught, DifferentCollectivesOfOneMask) {
  device_array<int> out(1);
  EXPECT_EQ(run({1, 32}, mismatched_collectives, out), cudaErrorLaunchFailure);
  expect_report({"lanes of one mask are at different calls"});
}

__global__ void barrier_and_collective() {
  if (threadIdx.x < 32) {
    __syncwarp(0xffffffff);
    __syncthreads();
  } else if (threadIdx.x < 63) {
    __syncwarp(0xffffffff);
  }
}

TEST_F(Caught, ExitedLaneAmongWaitingOnes) {
  EXPECT_EQ(run({1, 64}, barrier_and_collective), cudaErrorLaunchFailure);
  expect_report({"exited"});
}

__global__ void sync_the_grid() {
  cg::this_grid().sync();
}

TEST_F(Caught, GridSyncWithoutCooperativeLaunch) {
  EXPECT_EQ(run({2, 32}, sync_the_grid), cudaErrorLaunchFailure);
  expect_report({"not cooperative", "cudaLaunchAttributeCooperative"});
}

__global__ void one_block_skips_the_grid_sync() {
  if (blockIdx.x != 2) cg::this_grid().sync();
}

TEST_F(Caught, BlockSkipsGridSync) {
  EXPECT_EQ(run({4, 32, 0, 0, true}, one_block_skips_the_grid_sync), cudaErrorLaunchFailure);
  expect_report({"a block has exited that others wait for", "waiting in grid.sync()"});
}

__global__ void trap_in_one_thread() {
  if (blockIdx.x == 5 && threadIdx.x == 3) __trap();
}

TEST_F(Caught, Trap) {
  EXPECT_EQ(run({100, 32}, trap_in_one_thread), cudaErrorLaunchFailure);
  expect_report({"__trap()", "in thread 3 of block (5,0,0)", "thread 3"});
}

#ifndef NDEBUG
__global__ void failing_assert(int n) {
  assert(n == 4);
}

TEST_F(Caught, Assert) {
  EXPECT_EQ(run({1, 1}, failing_assert, 4), cudaSuccess);
  EXPECT_EQ(run({1, 1}, failing_assert, 5), cudaErrorAssert);
  expect_report({"assertion failed: n == 4"});
}
#endif

__global__ void throw_something() {
  throw std::runtime_error("thrown in a kernel");
}

TEST_F(Caught, Exception) {
  EXPECT_EQ(run({2, 32}, throw_something), cudaErrorLaunchFailure);
  expect_report({"an exception left the kernel: thrown in a kernel"});
}

__global__ void spin_for_ever(unsigned* flag) {
  while (load_acquire(flag) == 0) __nanosleep(100);
}

TEST_F(Caught, EndlessSpinning) {
  auto options = simt::current_options();
  options.watchdog_seconds = 0.2;
  const simt::scoped_options scope(options);
  device_array<unsigned> flag(std::vector<unsigned>{0});
  EXPECT_EQ(run({1, 64}, spin_for_ever, flag), cudaErrorLaunchTimeout);
  expect_report({"no progress"});
}

__global__ void one_block_traps_while_others_wait(unsigned* flag) {
  if (blockIdx.x == 1) __trap();
  while (load_acquire(flag) == 0) __nanosleep(100);
}

TEST_F(Caught, OtherBlocksStop) {
  auto options = simt::current_options();
  options.workers = 2;
  const simt::scoped_options scope(options);
  device_array<unsigned> flag(std::vector<unsigned>{0});
  EXPECT_EQ(run({2, 32}, one_block_traps_while_others_wait, flag), cudaErrorLaunchFailure);
  cudaGetLastError();
}

__global__ void cluster_trap() {
  if (cg::this_cluster().block_rank() == 1) __trap();
  cg::this_cluster().sync();
}

TEST_F(Caught, OtherBlocksOfTheClusterStop) {
  EXPECT_EQ(run({8, 32, 0, 4}, cluster_trap), cudaErrorLaunchFailure);
  expect_report({"__trap()"});
}

__global__ void misaligned_async_copy(const char* in) {
  __shared__ __align__(16) char s[32];
  simt::async_copy(s, in + 4, 16, 16);
}

TEST_F(Caught, MisalignedAsyncCopy) {
  device_array<char> in(64);
  EXPECT_EQ(run({1, 1}, misaligned_async_copy, in), cudaErrorMisalignedAddress);
  expect_report({"misaligned"});
}

__global__ void map_a_local_variable() {
  int local = 0;
  *cg::this_cluster().map_shared_rank(&local, 1) = 1;
}

TEST_F(Caught, MappingWhatIsNotShared) {
  EXPECT_EQ(run({2, 1, 0, 2}, map_a_local_variable), cudaErrorLaunchFailure);
  expect_report({"not an address in this block's shared memory"});
}

TEST_F(Caught, TheNextLaunchWorksAgain) {
  device_array<int> out(std::vector<int>{0});
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(launch({4, 64}, caller_not_in_mask), cudaSuccess) << "launches are asynchronous";
    EXPECT_EQ(launch({1, 1}, add, out, 1), cudaSuccess);
    EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorLaunchFailure);
    EXPECT_EQ(cudaGetLastError(), cudaErrorLaunchFailure);
    EXPECT_EQ(run({1, 1}, add, out, 10), cudaSuccess);
    EXPECT_EQ(out.read()[0], 10 * (i + 1)) << "work queued behind the failure is skipped";
    EXPECT_EQ(wrong_reversals<true>(), 0);
  }
}

}  // namespace
