// SPDX-License-Identifier: Apache-2.0
//
// The counters of traced mode, on kernels small enough to count by hand, and its cost model against
// what the hardware counted.

#include <cooperative_groups.h>
#include <gtest/gtest.h>
#include <mma.h>

#include <fstream>
#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>
#include <simt/trace.hpp>
#include <string>
#include <tuple>
#include <vector>
#include <warpladder/core/async_copy.cuh>
#include <warpladder/core/bulk_copy.cuh>
#include <warpladder/core/shared_memory.cuh>
#include <warpladder/core/tensor_copy.cuh>
#include <warpladder/core/warp_mma.cuh>

#include "support/run_kernel.hpp"
#include "trace/cost.hpp"

namespace warpladder::test {
namespace {

using simt::trace::kernel_counters;
using simt::trace::line_counters;
using enum simt::trace::memory_space;
using op = simt::trace::operation;

// ---- helpers -----------------------------------------------------------------------------------

simt::trace::report traced(const std::function<void()>& work) {
  simt::trace::start({});
  work();
  return simt::trace::stop();
}

/// Traces one launch on zeroed arrays of 4096 floats, the input and the output.
template <class In, class Out>
kernel_counters trace(const shape& how, void (*kernel)(const In*, Out*)) {
  const auto in = zeros<float>(4096), out = zeros<float>(4096);
  const auto report = traced([&] {
    EXPECT_EQ(run(how, kernel, reinterpret_cast<const In*>(in.data()),
                  reinterpret_cast<Out*>(out.data())),
              cudaSuccess);
  });
  EXPECT_EQ(report.kernels.size(), 1u);
  EXPECT_TRUE(report.findings.empty());
  return report.kernels.empty() ? kernel_counters{} : report.kernels.front();
}

/// The counters of the one line that does `what` to `space`.
line_counters only(const kernel_counters& kernel, simt::trace::memory_space space,
                   simt::trace::operation what) {
  line_counters found;
  int lines = 0;
  for (const line_counters& line : kernel.lines) {
    if (line.space != space || line.what != what) continue;
    found = line;
    ++lines;
  }
  EXPECT_EQ(lines, 1) << name_of(space) << " " << name_of(what);
  return found;
}

/// What most tests are about.
struct cost {
  std::uint64_t width, requests, lanes, sectors, wavefronts;
  bool operator==(const cost&) const = default;
};
std::ostream& operator<<(std::ostream& out, const cost& c) {
  return out << c.requests << " requests of " << c.width << " bytes, " << c.lanes << " lanes, "
             << c.sectors << " sectors, " << c.wavefronts << " wavefronts";
}
cost cost_of(const line_counters& line) {
  EXPECT_EQ(line.bytes, line.lanes * line.width);
  return {line.width, line.requests, line.lanes, line.sectors, line.wavefronts};
}

auto key_of(const line_counters& l) {
  return std::tuple(l.file, l.line, l.space, l.what, l.width, l.requests, l.lanes, l.bytes,
                    l.used_bytes, l.sectors, l.wavefronts, l.conflicts);
}

// ---- requests and sectors ----------------------------------------------------------------------

template <int Stride, int Offset, class T>
__global__ void strided(const T* in, T* out) {
  out[threadIdx.x] = in[threadIdx.x * Stride + Offset];
}

TEST(Sectors, NeighboursShareThem) {
  const auto kernel = trace({1, 32}, strided<1, 0, float>);
  EXPECT_EQ(cost_of(only(kernel, global, op::load)), (cost{4, 1, 32, 4, 0}));
  EXPECT_EQ(cost_of(only(kernel, global, op::store)), (cost{4, 1, 32, 4, 0}));
}
TEST(Sectors, OffByOneElementIsOneMore) {
  EXPECT_EQ(cost_of(only(trace({1, 32}, strided<1, 1, float>), global, op::load)),
            (cost{4, 1, 32, 5, 0}));
}
TEST(Sectors, StridesSpreadLanesOverThem) {
  EXPECT_EQ(cost_of(only(trace({1, 32}, strided<2, 0, float>), global, op::load)),
            (cost{4, 1, 32, 8, 0}));
  EXPECT_EQ(cost_of(only(trace({1, 32}, strided<32, 0, float>), global, op::load)),
            (cost{4, 1, 32, 32, 0}));
}
TEST(Sectors, BroadcastIsOne) {
  const auto line = only(trace({1, 32}, strided<0, 5, float>), global, op::load);
  EXPECT_EQ(cost_of(line), (cost{4, 1, 32, 1, 0}));
  EXPECT_EQ(line.bytes, 128u);
  EXPECT_EQ(line.used_bytes, 4u);
}
TEST(Requests, AreOfTheWidthOfTheAccess) {
  EXPECT_EQ(cost_of(only(trace({1, 32}, strided<1, 0, float4>), global, op::load)),
            (cost{16, 1, 32, 16, 0}));
  EXPECT_EQ(cost_of(only(trace({1, 32}, strided<1, 0, float2>), global, op::store)),
            (cost{8, 1, 32, 8, 0}));
  EXPECT_EQ(cost_of(only(trace({1, 32}, strided<1, 0, short>), global, op::load)),
            (cost{2, 1, 32, 2, 0}));
  EXPECT_EQ(cost_of(only(trace({1, 32}, strided<1, 0, unsigned char>), global, op::store)),
            (cost{1, 1, 32, 1, 0}));
}

struct alignas(16) eight_floats {
  float value[8];
};
TEST(Requests, LargeObjectsAreSplitIntoAccessesOf16Bytes) {
  const auto kernel = trace({1, 32}, strided<1, 0, eight_floats>);
  EXPECT_EQ(cost_of(only(kernel, global, op::load)), (cost{16, 2, 64, 64, 0}));
  EXPECT_EQ(cost_of(only(kernel, global, op::store)), (cost{16, 2, 64, 64, 0}));
}
TEST(Requests, ObjectsAreSplitAsTheirAlignmentAllows) {
  EXPECT_EQ(cost_of(only(trace({1, 32}, strided<1, 0, float3>), global, op::load)),
            (cost{4, 3, 96, 36, 0}));
}

TEST(Requests, PartialWarpsHaveFewerLanes) {
  EXPECT_EQ(cost_of(only(trace({1, 40}, strided<1, 0, float>), global, op::load)),
            (cost{4, 2, 40, 5, 0}));
}

__global__ void odd_lanes(const float* in, float* out) {
  if (threadIdx.x % 2 == 1) out[threadIdx.x] = in[threadIdx.x];
}
TEST(Requests, DivergentLanesAreNotCounted) {
  EXPECT_EQ(cost_of(only(trace({1, 64}, odd_lanes), global, op::load)), (cost{4, 2, 32, 8, 0}));
}

__global__ void loop(const float* in, float* out) {
  float sum = 0;
  for (unsigned k = 0; k < 4; ++k) sum += in[k * 32 + threadIdx.x];
  out[threadIdx.x] = sum;
}
TEST(Requests, EveryIterationIsOne) {
  EXPECT_EQ(cost_of(only(trace({1, 32}, loop), global, op::load)), (cost{4, 4, 128, 16, 0}));
}

__global__ void uneven_loop(const float* in, float* out) {
  float sum = 0;
  for (unsigned k = 0; k <= threadIdx.x % 4; ++k) sum += in[k * 32 + threadIdx.x];
  out[threadIdx.x] = sum;
}
TEST(Requests, LanesThatLeaveALoopAreMissingInTheRest) {
  EXPECT_EQ(cost_of(only(trace({1, 32}, uneven_loop), global, op::load)),
            (cost{4, 4, 8 * (4 + 3 + 2 + 1), 16, 0}));
}

__global__ void long_loop(const float* in, float* out) {
  float sum = 0;
  for (unsigned k = 0; k < 20000; ++k) sum += in[(k + threadIdx.x) % 4096];
  out[threadIdx.x] = sum;
}
TEST(Requests, LanesOfALongLoopStayTogether) {
  // 32 neighbours starting at k touch 5 sectors unless k is a multiple of 8, or they wrap around.
  const auto line = only(trace({1, 32}, long_loop), global, op::load);
  EXPECT_EQ(line.requests, 20000u);
  EXPECT_EQ(line.lanes, 32u * 20000);
  EXPECT_EQ(line.sectors, 20000u / 8 * (4 + 7 * 5));
}

__global__ void halves_in_turn(const float* in, float* out) {
  for (unsigned k = 0; k < 2; ++k) {
    if (threadIdx.x / 16 == k) out[threadIdx.x] = in[threadIdx.x];
    __syncwarp();
  }
}
TEST(Requests, AccessesBeforeAndAfterACollectiveAreDifferentOnes) {
  EXPECT_EQ(cost_of(only(trace({1, 32}, halves_in_turn), global, op::load)),
            (cost{4, 2, 32, 4, 0}));
}

// ---- shared memory -----------------------------------------------------------------------------

__global__ void transpose_directly(const float* in, float* out) {
  out[threadIdx.x * 32 + threadIdx.y] = in[threadIdx.y * 32 + threadIdx.x];
}
template <int Padding>
__global__ void transpose_in_shared_memory(const float* in, float* out) {
  __shared__ float tile[32][32 + Padding];
  tile[threadIdx.y][threadIdx.x] = in[threadIdx.y * 32 + threadIdx.x];
  __syncthreads();
  out[threadIdx.y * 32 + threadIdx.x] = tile[threadIdx.x][threadIdx.y];
}

TEST(Transpose, DirectStoresTouchASectorPerLane) {
  const auto kernel = trace({1, dim3(32, 32)}, transpose_directly);
  EXPECT_EQ(cost_of(only(kernel, global, op::load)), (cost{4, 32, 1024, 32 * 4, 0}));
  EXPECT_EQ(cost_of(only(kernel, global, op::store)), (cost{4, 32, 1024, 32 * 32, 0}));
}
TEST(Transpose, ColumnsOfAnUnpaddedTileLieInOneBank) {
  const auto kernel = trace({1, dim3(32, 32)}, transpose_in_shared_memory<0>);
  EXPECT_EQ(cost_of(only(kernel, global, op::store)), (cost{4, 32, 1024, 32 * 4, 0}));
  EXPECT_EQ(cost_of(only(kernel, shared, op::store)), (cost{4, 32, 1024, 0, 32}));
  EXPECT_EQ(cost_of(only(kernel, shared, op::load)), (cost{4, 32, 1024, 0, 32 * 32}));
  EXPECT_EQ(only(kernel, shared, op::load).conflicts, 32u * 31);
}
TEST(Transpose, PaddingSpreadsColumnsOverTheBanks) {
  const auto kernel = trace({1, dim3(32, 32)}, transpose_in_shared_memory<1>);
  EXPECT_EQ(cost_of(only(kernel, shared, op::load)), (cost{4, 32, 1024, 0, 32}));
  EXPECT_EQ(only(kernel, shared, op::load).conflicts, 0u);
}

__global__ void through_dynamic_memory(const float* in, float* out) {
  auto* const tile = dynamic_shared<float>();
  tile[threadIdx.x * 2] = in[threadIdx.x];
  out[threadIdx.x] = tile[threadIdx.x * 2];
}
TEST(SharedMemory, DynamicMemoryCounts) {
  const auto kernel = trace({1, 32, 256}, through_dynamic_memory);
  EXPECT_EQ(kernel.dynamic_shared_bytes, 256u);
  EXPECT_EQ(cost_of(only(kernel, shared, op::store)), (cost{4, 1, 32, 0, 2}));
  EXPECT_EQ(cost_of(only(kernel, shared, op::load)), (cost{4, 1, 32, 0, 2}));
}

__global__ void read_peer(const float* in, float* out) {
  namespace cg = cooperative_groups;
  __shared__ float tile[32];
  const auto cluster = cg::this_cluster();
  tile[threadIdx.x] = in[threadIdx.x];
  cluster.sync();
  const float* const theirs = cluster.map_shared_rank(tile, int(cluster.block_rank()) ^ 1);
  out[blockIdx.x * 32 + threadIdx.x] = theirs[threadIdx.x];
  cluster.sync();
}
TEST(SharedMemory, AnotherBlocksIsASpaceOfItsOwn) {
  const auto kernel = trace({.grid = 2, .block = 32, .cluster = 2}, read_peer);
  EXPECT_EQ(cost_of(only(kernel, distributed, op::load)), (cost{4, 2, 64, 0, 2}));
  EXPECT_EQ(cost_of(only(kernel, shared, op::store)), (cost{4, 2, 64, 0, 2}));
}

TEST(HostMemory, PinnedMemoryIsASpaceOfItsOwn) {
  const pinned_buffer<float> in(32);
  const auto out = zeros<float>(32);
  const auto report = traced([&] {
    run({1, 32}, strided<1, 0, float>, const_cast<const float*>(in.data()), out.data());
  });
  EXPECT_TRUE(report.findings.empty());
  EXPECT_EQ(cost_of(only(report.kernels.at(0), host, op::load)), (cost{4, 1, 32, 4, 0}));
}

// ---- atomics, hints, copies --------------------------------------------------------------------

template <int Stride>
__global__ void add_globally(const int* in, int* out) {
  atomicAdd(&out[threadIdx.x * Stride], in[0]);
}
TEST(Atomics, OnOneAddressVisitTheSectorForEveryLane) {
  const auto kernel = trace({1, 32}, add_globally<0>);
  EXPECT_EQ(cost_of(only(kernel, global, op::atomic)), (cost{4, 1, 32, 32, 0}));
  EXPECT_EQ(kernel.distinct_read_bytes, 64u);  // the counter's sector, and in[0]'s
  EXPECT_EQ(kernel.distinct_written_bytes, 32u);
}
TEST(Atomics, OnNeighboursShareSectors) {
  EXPECT_EQ(cost_of(only(trace({1, 32}, add_globally<1>), global, op::atomic)),
            (cost{4, 1, 32, 4, 0}));
}

template <int Stride>
__global__ void add_in_shared_memory(const int* in, int* out) {
  __shared__ int bins[32];
  bins[threadIdx.x] = 0;
  __syncthreads();
  atomicAdd(&bins[threadIdx.x * Stride], in[0]);
  __syncthreads();
  out[threadIdx.x] = bins[threadIdx.x];
}
TEST(Atomics, InOneBankTakeTurns) {
  const auto line = only(trace({1, 32}, add_in_shared_memory<0>), shared, op::atomic);
  EXPECT_EQ(cost_of(line), (cost{4, 1, 32, 0, 32}));
  EXPECT_EQ(line.conflicts, 31u);
  EXPECT_EQ(cost_of(only(trace({1, 32}, add_in_shared_memory<1>), shared, op::atomic)),
            (cost{4, 1, 32, 0, 1}));
}

constexpr unsigned hint_line = __LINE__ + 2;
__global__ void hints(const float4* in, float4* out) {
  const float4 value = __ldg(in + threadIdx.x);
  __stcs(out + threadIdx.x, value);
}
TEST(Lines, AccessesThroughWrappersBelongToTheKernelsLine) {
  const auto kernel = trace({1, 32}, hints);
  const auto loads = only(kernel, global, op::load), stores = only(kernel, global, op::store);
  EXPECT_EQ(cost_of(loads), (cost{16, 1, 32, 16, 0}));
  EXPECT_EQ(cost_of(stores), (cost{16, 1, 32, 16, 0}));
  EXPECT_EQ(loads.file, __FILE__);
  EXPECT_EQ(loads.line, hint_line);
  EXPECT_EQ(stores.file, __FILE__);
  EXPECT_EQ(stores.line, hint_line + 1);
}

constexpr unsigned copy_line = __LINE__ + 3;
__global__ void asynchronously(const float* in, float* out) {
  alignas(16) __shared__ float tile[128];
  async_copy<16>(&tile[threadIdx.x * 4], in + threadIdx.x * 4);
  async_copy_commit();
  async_copy_wait<0>();
  out[threadIdx.x] = tile[threadIdx.x * 4];
}
TEST(Copies, AsynchronousOnesCountOnceInEitherMemory) {
  const auto kernel = trace({1, 32}, asynchronously);
  const auto source = only(kernel, global, op::async_copy),
             target = only(kernel, shared, op::async_copy);
  EXPECT_EQ(cost_of(source), (cost{16, 1, 32, 16, 0}));
  EXPECT_EQ(cost_of(target), (cost{16, 1, 32, 0, 4}));
  EXPECT_EQ(source.line, copy_line);
  EXPECT_EQ(target.line, copy_line);
  EXPECT_EQ(kernel.distinct_read_bytes, 512u);
  only(kernel, shared, op::load);  // and no other load or store of the tile
  only(kernel, global, op::store);
}

__global__ void by_the_engine(const float* in, float* out) {
  auto* const tile = dynamic_shared<float>();
  __shared__ transaction_barrier landed;
  if (threadIdx.x != 0) return;
  landed.init();
  landed.arrive_and_expect(1024);
  bulk_copy_to_shared(tile, in + 4, 1024, landed);
  landed.wait(0);
  bulk_stores stores;
  stores.start(out, tile, 512);
  stores.commit();
  stores.wait_until_read<0>();
}
TEST(Copies, BulkOnesAreOneRequest) {
  const auto kernel = trace({1, 32, 1024}, by_the_engine);
  ASSERT_EQ(kernel.lines.size(), 2u) << "what barrier and engine touch is not the kernel's doing";
  const line_counters& fill = kernel.lines[0];
  const line_counters& drain = kernel.lines[1];
  EXPECT_LT(fill.line, drain.line);
  for (const line_counters& line : kernel.lines) {
    EXPECT_EQ(line.space, global);
    EXPECT_EQ(line.requests, 1u);
  }
  EXPECT_EQ(fill.what, op::bulk_load);
  EXPECT_EQ(fill.bytes, 1024u);
  EXPECT_EQ(fill.sectors, 33u);  // starts in the middle of one
  EXPECT_EQ(drain.what, op::bulk_store);
  EXPECT_EQ(drain.bytes, 512u);
  EXPECT_EQ(drain.sectors, 16u);
  EXPECT_EQ(kernel.distinct_read_bytes, 33u * 32);
  EXPECT_EQ(kernel.distinct_written_bytes, 512u);
}

constexpr unsigned box_line = __LINE__ + 8;
__global__ void a_box(tensor_map from, tensor_map to) {
  alignas(1024) __shared__ float tile[8 * 32];
  __shared__ transaction_barrier landed;
  if (threadIdx.x != 0) return;
  landed.init();
  landed.arrive_and_expect(sizeof tile);
  bulk_stores stores;
  tensor_copy(tile, from, 4, 0, landed);
  landed.wait(0);
  tensor_store(stores, to, 0, 32, tile);
  stores.commit();
  stores.wait_until_read<0>();
}
TEST(Copies, ABoxBelongsToTheLineThatAsksAndItsSectorsAreThoseInsideOfTheMatrix) {
  const auto in = zeros<float>(4096), out = zeros<float>(4096);
  tensor_map from, to;
  ASSERT_EQ(make_tensor_map<float>(from, {in.data(), 10, 32, 64, 8, 32, true}), cudaSuccess);
  ASSERT_EQ(make_tensor_map<float>(to, {out.data(), 8, 64, 64, 8, 32, true}), cudaSuccess);
  const auto report = traced([&] { run({1, 32}, a_box, from, to); });
  ASSERT_EQ(report.kernels.size(), 1u);
  const auto fill = only(report.kernels[0], global, op::bulk_load),
             drain = only(report.kernels[0], global, op::bulk_store);
  EXPECT_EQ(fill.line, box_line);
  EXPECT_EQ(drain.line, box_line + 2);
  for (const line_counters& line : {fill, drain}) {
    EXPECT_EQ(line.requests, 1u);
    EXPECT_EQ(line.bytes, 1024u);
  }
  EXPECT_EQ(fill.sectors, 6u * 4);  // rows 4 to 9
  EXPECT_EQ(drain.sectors, 8u * 4);
  EXPECT_EQ(report.kernels[0].lines.size(), 2u);
}

// ---- matrices for the tensor cores -------------------------------------------------------------

/// Rows of RowBytes, the pieces of 16 bytes in place or swizzled.
template <int RowBytes, bool Swizzled, int Count>
__global__ void matrices(const float* in, float* out) {
  alignas(128) __shared__ unsigned char tile[32 * RowBytes];
  const unsigned row = threadIdx.x, piece = Swizzled ? row % 8 : 0;
  unsigned words[Count];
  for (unsigned& word : words) word = unsigned(in[threadIdx.x]);
  stmatrix(tile + row * RowBytes + piece * 16, words);
  __syncthreads();
  ldmatrix(words, tile + row * RowBytes + piece * 16);
  out[threadIdx.x] = float(words[0]);
}
TEST(Matrices, EightRowsAreOneWavefrontIfTheyLieInDifferentPlaces) {
  const auto kernel = trace({1, 32}, matrices<128, true, 4>);
  EXPECT_EQ(cost_of(only(kernel, shared, op::load)), (cost{16, 1, 32, 0, 4}));
  EXPECT_EQ(cost_of(only(kernel, shared, op::store)), (cost{16, 1, 32, 0, 4}));
}
TEST(Matrices, RowsInOnePlaceTakeTurns) {
  const auto kernel = trace({1, 32}, matrices<128, false, 4>);
  EXPECT_EQ(cost_of(only(kernel, shared, op::load)), (cost{16, 1, 32, 0, 32}));
  EXPECT_EQ(cost_of(only(kernel, shared, op::store)), (cost{16, 1, 32, 0, 32}));
  // Rows of 64 bytes: every other one lies where the first does.
  EXPECT_EQ(cost_of(only(trace({1, 32}, matrices<64, false, 4>), shared, op::load)),
            (cost{16, 1, 32, 0, 16}));
}
TEST(Matrices, OfOneOnlyTheLanesWithAddressesTakePart) {
  EXPECT_EQ(cost_of(only(trace({1, 32}, matrices<128, true, 1>), shared, op::load)),
            (cost{16, 1, 8, 0, 1}));
  EXPECT_EQ(cost_of(only(trace({1, 32}, matrices<128, true, 2>), shared, op::load)),
            (cost{16, 1, 16, 0, 2}));
}

/// Loads A row by row, or column by column, and stores the sums.
template <class Layout, int Stride>
__global__ void portable_matrices(const __nv_bfloat16* in, float* out) {
  namespace wmma = nvcuda::wmma;
  wmma::fragment<wmma::matrix_a, 16, 16, 16, __nv_bfloat16, Layout> a;
  wmma::fragment<wmma::accumulator, 16, 16, 16, float> sum;
  wmma::load_matrix_sync(a, in, Stride);
  wmma::fill_fragment(sum, float(a.x[0]));
  wmma::store_matrix_sync(out, sum, 32, wmma::mem_row_major);
}
TEST(Matrices, WmmaMovesWordsOfAAndPairsOfSums) {
  const auto kernel = trace({1, 32}, portable_matrices<nvcuda::wmma::row_major, 16>);
  // 8 rows of 32 bytes, of each 4 words; 4 times. 8 rows of 128 bytes, of each 4 pairs; 4 times.
  EXPECT_EQ(cost_of(only(kernel, global, op::load)), (cost{4, 4, 128, 32, 0}));
  EXPECT_EQ(cost_of(only(kernel, global, op::store)), (cost{8, 4, 128, 32, 0}));
}
TEST(Matrices, WmmaMovesSingleElementsOfATurnedOver) {
  const auto kernel = trace({1, 32}, portable_matrices<nvcuda::wmma::col_major, 16>);
  EXPECT_EQ(cost_of(only(kernel, global, op::load)).width, 2u);
}

// ---- whole kernels -----------------------------------------------------------------------------

__global__ void read_all_twice(const float* in, float* out) {
  out[threadIdx.x] = in[threadIdx.x] + in[63 - threadIdx.x];
}
TEST(Kernel, DistinctBytesAreCountedOnce) {
  const auto kernel = trace({3, 64}, read_all_twice);
  EXPECT_EQ(kernel.distinct_read_bytes, 256u);
  EXPECT_EQ(kernel.distinct_written_bytes, 256u);
}

__global__ void meet(const float* in, float* out) {
  float value = in[threadIdx.x];
  for (int k = 0; k < 3; ++k) {
    __syncthreads();
    value += __shfl_xor_sync(0xffffffffu, value, 1);
  }
  __syncwarp();
  out[threadIdx.x] = value;
}
TEST(Kernel, BarriersAndCollectivesCountPerWarp) {
  const auto kernel = trace({2, 64}, meet);
  EXPECT_EQ(kernel.barriers, 2u * 2 * 3);
  EXPECT_EQ(kernel.collectives, 2u * 2 * 4);
}

__global__ void second_warp_leaves(const float* in, float* out) {
  if (threadIdx.x >= 32) return;
  __syncthreads();
  out[threadIdx.x] = in[threadIdx.x];
}
TEST(Kernel, WarpsThatHaveLeftComeToNoBarrier) {
  EXPECT_EQ(trace({1, 64}, second_warp_leaves).barriers, 1u);
}

// ---- sessions ----------------------------------------------------------------------------------

TEST(Session, IsAvailableInThisProgram) {
  EXPECT_TRUE(simt::trace::available());
}

TEST(Session, LaunchesOfOneConfigurationAddUp) {
  const auto in = zeros<float>(128), out = zeros<float>(128);
  const auto kernel = strided<1, 0, float>;
  const auto report = traced([&] {
    for (const unsigned blocks : {1u, 2u, 1u})
      run({blocks, 32}, kernel, const_cast<const float*>(in.data()), out.data());
  });
  ASSERT_EQ(report.kernels.size(), 2u);
  EXPECT_NE(report.kernels[0].kernel.find("strided<1, 0, float>"), std::string::npos);
  EXPECT_EQ(report.kernels[0].grid.x, 1u);
  EXPECT_EQ(report.kernels[0].block.x, 32u);
  EXPECT_EQ(report.kernels[0].launches, 2u);
  EXPECT_EQ(cost_of(only(report.kernels[0], global, op::load)), (cost{4, 2, 64, 8, 0}));
  EXPECT_EQ(report.kernels[0].distinct_read_bytes, 256u);
  EXPECT_EQ(report.kernels[1].grid.x, 2u);
  EXPECT_EQ(report.kernels[1].launches, 1u);
  EXPECT_EQ(cost_of(only(report.kernels[1], global, op::load)), (cost{4, 2, 64, 8, 0}));
}

TEST(Session, ClustersOfAnotherSizeAreAnotherConfiguration) {
  const auto in = zeros<float>(32), out = zeros<float>(32);
  const auto report = traced([&] {
    for (const unsigned cluster : {1u, 2u})
      run({.grid = 2, .block = 32, .cluster = cluster}, strided<1, 0, float>,
          const_cast<const float*>(in.data()), out.data());
  });
  EXPECT_EQ(report.kernels.size(), 2u);
}

TEST(Session, OnlyLaunchesBetweenStartAndStopAreSeen) {
  const auto in = zeros<float>(32), out = zeros<float>(32);
  const auto launch_one = [&] {
    run({1, 32}, strided<1, 0, float>, const_cast<const float*>(in.data()), out.data());
  };
  launch_one();
  EXPECT_EQ(traced(launch_one).kernels.at(0).launches, 1u);
  launch_one();
  EXPECT_TRUE(traced([] {}).kernels.empty());
}

__global__ void store_too_far(const float* in, float* out) {
  out[threadIdx.x] = in[threadIdx.x];
  out[threadIdx.x + 32 * 1024] = 1;
}
TEST(Session, ALaunchThatFailsIsReportedAndTheNextOneWorks) {
  const auto in = zeros<float>(32), out = zeros<float>(32);
  const auto report = traced([&] {
    EXPECT_EQ(run({1, 32}, store_too_far, const_cast<const float*>(in.data()), out.data()),
              cudaErrorIllegalAddress);
    EXPECT_EQ(run({1, 32}, strided<1, 0, float>, const_cast<const float*>(in.data()), out.data()),
              cudaSuccess);
  });
  ASSERT_EQ(report.findings.size(), 1u);
  EXPECT_EQ(report.findings[0].detector, "out-of-bounds");
  ASSERT_EQ(report.kernels.size(), 2u);
  EXPECT_EQ(only(report.kernels[0], global, op::load).lanes,
            1u);  // the first thread ended the launch
  EXPECT_EQ(cost_of(only(report.kernels[1], global, op::load)), (cost{4, 1, 32, 4, 0}));
}

TEST(Session, CanCheckWithoutCounting) {
  const auto in = zeros<float>(32), out = zeros<float>(32);
  simt::trace::start({.count = false, .check = true});
  run({1, 32}, strided<1, 0, float>, const_cast<const float*>(in.data()), out.data());
  EXPECT_TRUE(simt::trace::stop().kernels.empty());
}

/// Of everything a little, with trip counts that differ between lanes, warps and blocks.
__global__ void mixture(const float* in, float* out) {
  __shared__ float tile[128];
  __shared__ int count;
  const unsigned t = threadIdx.x, i = blockIdx.x * 128 + t;
  if (t == 0) count = 0;
  float sum = 0;
  for (unsigned k = 0; k <= (t + blockIdx.x) % 5; ++k) sum += in[(i + k * 33) % 4096];
  tile[t * 7 % 128] = sum;
  __syncthreads();
  if (t % 3 == 0) atomicAdd(&count, 1);
  for (int distance = 16; distance > 0; distance /= 2)
    sum += __shfl_xor_sync(0xffffffffu, sum, distance);
  sum += tile[t * 2 % 128];
  if (sum >= 0) atomicAdd(&out[t % 8], sum);
  __syncthreads();
  if (t < 32) out[32 + i] = float(count);
}
TEST(Session, CountersDoNotDependOnScheduleOrWorkers) {
  const auto count_with = [](simt::schedule schedule, std::uint64_t seed, unsigned workers) {
    simt::options options = simt::current_options();
    options.schedule = schedule;
    options.seed = seed;
    options.workers = workers;
    const simt::scoped_options scope(options);
    return trace({12, 128}, mixture);
  };
  const auto expected = count_with(simt::schedule::round_robin, 0, 1);
  EXPECT_GE(expected.lines.size(), 8u);
  const auto expect_equal = [&](const kernel_counters& other) {
    EXPECT_EQ(other.barriers, expected.barriers);
    EXPECT_EQ(other.collectives, expected.collectives);
    EXPECT_EQ(other.distinct_read_bytes, expected.distinct_read_bytes);
    EXPECT_EQ(other.distinct_written_bytes, expected.distinct_written_bytes);
    ASSERT_EQ(other.lines.size(), expected.lines.size());
    for (std::size_t i = 0; i < expected.lines.size(); ++i) {
      EXPECT_EQ(key_of(other.lines[i]), key_of(expected.lines[i]))
          << "line " << expected.lines[i].line << ", " << name_of(expected.lines[i].what);
    }
  };
  expect_equal(count_with(simt::schedule::round_robin, 0, 4));
  for (const std::uint64_t seed : {1, 2, 3}) {
    expect_equal(count_with(simt::schedule::random, seed, 1));
    expect_equal(count_with(simt::schedule::random, seed, 4));
  }
}

// ---- the cost model ----------------------------------------------------------------------------

/// What the model says of one measured access, in the hardware's terms.
struct predicted {
  unsigned sectors = 0, wavefronts = 0, conflicts = 0;
};
predicted predict(const std::string& kind, unsigned width, const simt::trace::request& r) {
  const auto of = [](simt::trace::shared_cost c) {
    return predicted{0, c.wavefronts, c.conflicts};
  };
  if (kind == "shared_load") return of(simt::trace::shared_wavefronts(r, width, true));
  if (kind == "shared_store") return of(simt::trace::shared_wavefronts(r, width, false));
  if (kind == "shared_atomic") return of(simt::trace::shared_atomic_wavefronts(r));
  if (kind == "global_load" || kind == "global_store") {
    return {simt::trace::global_sectors(r, width), 0, 0};
  }
  if (kind == "global_atomic" || kind == "global_reduction") {
    return {simt::trace::global_atomic_sectors(r), 0, 0};
  }
  ADD_FAILURE() << "no model of " << kind;
  return {};
}

TEST(CostModel, AgreesWithTheHardwareOnEveryPattern) {
  std::ifstream file(WARPLADDER_ACCESS_PATTERNS);
  ASSERT_TRUE(file) << WARPLADDER_ACCESS_PATTERNS;
  const auto patterns = nlohmann::json::parse(file).at("patterns");
  EXPECT_GT(patterns.size(), 1000u);
  for (const auto& p : patterns) {
    simt::trace::request r;
    p.at("active").get_to(r.lanes);
    for (std::size_t lane = 0; lane < 32; ++lane) r.address[lane] = p.at("offsets").at(lane);
    const auto [sectors, wavefronts, conflicts] = predict(p.at("kind"), p.at("width"), r);
    EXPECT_EQ(p.at("requests"), 1);
    // The hardware counts sectors of global memory, and wavefronts of shared memory.
    if (p.contains("sectors")) {
      EXPECT_EQ(sectors, p.at("sectors")) << p;
    } else {
      EXPECT_EQ(wavefronts, p.at("wavefronts")) << p;
      EXPECT_EQ(conflicts, p.at("conflicts")) << p;
    }
  }
}

}  // namespace
}  // namespace warpladder::test
