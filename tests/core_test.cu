// SPDX-License-Identifier: Apache-2.0
//
// The core headers: owners, errors, the launch wrapper, dynamic shared memory, asynchronous copies,
// the rung table.

#include <array>
#include <numeric>
#include <span>
#include <vector>
#include <warpladder/core/async_copy.cuh>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/event.hpp>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/math.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/core/shared_memory.cuh>
#include <warpladder/core/stream.hpp>

#include "support/backend.hpp"

namespace warpladder::test {
namespace {

// ---- What the compiler can check
// -----------------------------------------------------------------

template <class Owner>
constexpr bool move_only =
    !std::is_copy_constructible_v<Owner> && !std::is_copy_assignable_v<Owner> &&
    std::is_nothrow_move_constructible_v<Owner> && std::is_nothrow_move_assignable_v<Owner> &&
    std::is_nothrow_destructible_v<Owner>;
static_assert(move_only<stream>);
static_assert(move_only<event>);
static_assert(move_only<device_buffer<float>>);
static_assert(move_only<pinned_buffer<float>>);

// A view costs what the handle costs, and a literal 0 is not a handle.
static_assert(std::is_trivially_copyable_v<stream_view>);
static_assert(sizeof(stream_view) == sizeof(cudaStream_t));
static_assert(std::is_trivially_copyable_v<event_view>);
static_assert(!std::is_constructible_v<stream_view, int>);
static_assert(!std::is_constructible_v<stream_view, std::nullptr_t>);
static_assert(!std::is_constructible_v<event_view, int>);
static_assert(!std::is_constructible_v<event_view, std::nullptr_t>);

static_assert(ceil_div(0, 4) == 0);
static_assert(ceil_div(1, 4) == 1);
static_assert(ceil_div(8, 4) == 2);
static_assert(ceil_div(std::numeric_limits<int>::max(), 2) == 1 << 30);
static_assert(round_up(9, 4) == 12);
static_assert(round_up(8, 4) == 8);

// ---- Errors: no device needed
// --------------------------------------------------------------------

TEST(CoreError, SaysExpressionNameFileAndLine) {
  const auto fails = [] { return cudaErrorInvalidValue; };
  int line = 0;
  try {
    line = __LINE__ + 1;
    WARPLADDER_TRY(fails());
    FAIL() << "nothing was thrown";
  } catch (const cuda_error& error) {
    EXPECT_EQ(error.code(), cudaErrorInvalidValue);
    const std::string what = error.what();
    EXPECT_NE(what.find("fails()"), what.npos) << what;
    EXPECT_NE(what.find("cudaErrorInvalidValue"), what.npos) << what;
    EXPECT_NE(what.find("core_test.cu:" + std::to_string(line)), what.npos) << what;
  }
}

TEST(CoreError, SuccessIsSilent) {
  EXPECT_NO_THROW(WARPLADDER_TRY(cudaSuccess));
}

TEST(CoreError, ReportsWhereNothingMayBeThrown) {
  ::testing::internal::CaptureStderr();
  WARPLADDER_TRY_NOTHROW(cudaErrorMemoryAllocation);
  const std::string text = ::testing::internal::GetCapturedStderr();
  EXPECT_NE(text.find("cudaErrorMemoryAllocation"), text.npos) << text;
  EXPECT_NE(text.find("core_test.cu"), text.npos) << text;
}

TEST(CoreBuffer, RefusesSizesThatOverflow) {
  EXPECT_THROW(device_buffer<double>(SIZE_MAX / 4), std::bad_array_new_length);
}

TEST(CoreBuffer, EmptyNeedsNoDevice) {
  device_buffer<float> empty(0), defaulted;
  EXPECT_EQ(empty.data(), nullptr);
  EXPECT_EQ(empty.size_bytes(), 0u);
  EXPECT_TRUE(defaulted.view().empty());
}

// ---- The rung table
// ------------------------------------------------------------------------------

struct number {
  int value;
};

template <int Step>
struct numbered {
  static constexpr rung_info info{Step, "numbered", "is a number"};
  static support supports(const number& n) {
    if (n.value > Step) return {"too large"};
    return {};
  }
  static std::size_t workspace_bytes(const number& n) { return std::size_t(n.value) * Step; }
  static cudaError_t launch(const number&, cudaStream_t, workspace_view) { return cudaSuccess; }
};

TEST(CoreRung, TableKeepsOrderAndCallsTheRightRung) {
  constexpr auto table = make_table<number>(rung_list<numbered<0>, numbered<3>, numbered<7>>{});
  static_assert(table.size() == 3);
  EXPECT_EQ(table[0].info.step, 0);
  EXPECT_EQ(table[2].info.step, 7);
  EXPECT_EQ(table[1].workspace_bytes({5}), 15u);
  EXPECT_TRUE(table[1].supports({3}));
  EXPECT_FALSE(table[1].supports({4}));
  EXPECT_EQ(table[1].supports({4}).why_not, "too large");
}

// ---- Owners
// --------------------------------------------------------------------------------------

void buffer_moves() {
  device_buffer<int> first(100);
  int* const memory = first.data();
  ASSERT_NE(memory, nullptr);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory) % 256, 0u);

  device_buffer<int> second(std::move(first));
  EXPECT_EQ(second.data(), memory);
  EXPECT_EQ(second.size(), 100u);
  EXPECT_EQ(first.data(), nullptr);
  EXPECT_EQ(first.size(), 0u);

  device_buffer<int>& same = second;
  second = std::move(same);
  EXPECT_EQ(second.data(), memory);
  EXPECT_EQ(second.size(), 100u);

  device_buffer<int> third(7);
  third = std::move(second);  // frees the 7 elements, once
  EXPECT_EQ(third.data(), memory);
  EXPECT_EQ(second.data(), nullptr);
  second = device_buffer<int>(3);  // a moved-from owner can own again
  EXPECT_EQ(second.size(), 3u);
}

void stream_and_event_move() {
  stream first;
  const cudaStream_t handle = first.get();
  stream second(std::move(first));
  EXPECT_EQ(second.get(), handle);
  EXPECT_EQ(first.get(), cudaStream_t{});
  stream& same = second;
  second = std::move(same);
  EXPECT_EQ(second.get(), handle);
  first = std::move(second);
  EXPECT_EQ(first.get(), handle);
  EXPECT_NO_THROW(first.synchronize());

  event begin(event::timing::on);
  const cudaEvent_t event_handle = begin.get();
  event moved(std::move(begin));
  EXPECT_EQ(moved.get(), event_handle);
  EXPECT_EQ(begin.get(), cudaEvent_t{});
  begin = std::move(moved);
  EXPECT_EQ(begin.get(), event_handle);
  EXPECT_EQ(moved.get(), cudaEvent_t{});
}

/// A failure in a destructor goes to stderr; here nothing may fail.
void owners_free_exactly_once() {
  ::testing::internal::CaptureStderr();
  buffer_moves();
  stream_and_event_move();
  pinned_buffer<int> pinned(5), moved(std::move(pinned));
  moved = pinned_buffer<int>(6);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
}

void events_order_and_time() {
  const stream one, other;
  const event begin(event::timing::on), end(event::timing::on);
  device_buffer<int> memory(1000);
  one.record(begin);
  WARPLADDER_TRY(cudaMemsetAsync(memory.data(), 1, memory.size_bytes(), one));
  one.record(end);
  other.wait(end);
  std::vector<int> seen(1000);
  copy_async<int>(seen, memory.view(), other);
  other.synchronize();
  EXPECT_EQ(seen, std::vector<int>(1000, 0x01010101));
  EXPECT_TRUE(end.is_done());
  EXPECT_GE(elapsed_ms(begin, end), 0.0f);
}

void copies_need_equal_sizes() {
  const stream on;
  device_buffer<int> memory(10);
  std::vector<int> host(11), same(10);
  std::iota(same.begin(), same.end(), 5);
  EXPECT_THROW(copy_async<int>(memory.view(), host, on), std::invalid_argument);
  copy_async<int>(memory.view(), same, on);
  std::vector<int> back(10);
  copy_async<int>(back, memory.view(), on);
  on.synchronize();
  EXPECT_EQ(back, same);
}

void allocation_failure_throws() {
  EXPECT_THROW(device_buffer<char>(std::size_t{1} << 46), cuda_error);
  cudaGetLastError();
  EXPECT_NO_THROW(device_buffer<char>(100));
}

// ---- Launching
// -----------------------------------------------------------------------------------

__global__ void write_index(int* out, int count) {
  const int i = int(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < count) out[i] = i;
}

void launch_converts_arguments_and_runs() {
  const stream on;
  device_buffer<int> memory(1000);
  const std::int64_t count = 1000;  // converted to the kernel's int
  ASSERT_EQ(launch(write_index, {.grid = 8, .block = 128, .stream = on}, memory.data(), count),
            cudaSuccess);
  std::vector<int> seen(1000), expected(1000);
  std::iota(expected.begin(), expected.end(), 0);
  copy_async<int>(seen, memory.view(), on);
  on.synchronize();
  EXPECT_EQ(seen, expected);
}

/// An illegal launch is told at once, and leaves the device usable.
void illegal_launches_return_errors() {
  const stream on;
  device_buffer<int> memory(1);
  const launch_config bad[] = {
      {.grid = 1, .block = 2048, .stream = on},
      {.grid = 1, .block = 0, .stream = on},
      {.grid = 0, .block = 32, .stream = on},
      {.grid = dim3(1, 1 << 20), .block = 32, .stream = on},
      {.grid = 1, .block = 32, .shared_bytes = std::size_t{1} << 24, .stream = on}};
  for (const launch_config& config : bad) {
    SCOPED_TRACE(&config - bad);
    EXPECT_NE(launch(write_index, config, memory.data(), 1), cudaSuccess);
    cudaGetLastError();
    EXPECT_EQ(cudaStreamSynchronize(on), cudaSuccess);
  }
  EXPECT_EQ(launch(write_index, {.grid = 1, .block = 32, .stream = on}, memory.data(), 1),
            cudaSuccess);
  EXPECT_EQ(cudaStreamSynchronize(on), cudaSuccess);
}

/// Writes the dynamic shared memory from both ends and reads it back reversed.
__global__ void reverse_through_shared(const int* in, int* out, int count) {
  int* const shared = dynamic_shared<int>();
  for (int i = int(threadIdx.x); i < count; i += int(blockDim.x)) shared[i] = in[i];
  __syncthreads();
  for (int i = int(threadIdx.x); i < count; i += int(blockDim.x)) out[i] = shared[count - 1 - i];
}

void dynamic_shared_memory_beyond_48_kib() {
  const stream on;
  for (const int kib : {1, 48, 60}) {
    SCOPED_TRACE(std::to_string(kib) + " KiB");
    const int count = kib * 256;
    std::vector<int> numbers(count), seen(count);
    std::iota(numbers.begin(), numbers.end(), 1);
    device_buffer<int> in(count), out(count);
    copy_async<int>(in.view(), numbers, on);
    ASSERT_EQ(launch(reverse_through_shared,
                     {.grid = 1, .block = 256, .shared_bytes = count * sizeof(int), .stream = on},
                     in.data(), out.data(), count),
              cudaSuccess);
    copy_async<int>(seen, out.view(), on);
    on.synchronize();
    EXPECT_EQ(seen, std::vector<int>(numbers.rbegin(), numbers.rend()));
  }
}

// ---- Asynchronous copies
// -------------------------------------------------------------------------

/// Each thread copies `Bytes` per group, two groups in flight, and reads its own copies back. Odd
/// threads copy invalidly: zeros.
template <int Bytes>
__global__ void copy_in_groups(const char* in, char* out, int groups) {
  char* const slots = dynamic_shared<char>();
  char* const mine = slots + threadIdx.x * 2 * Bytes;
  const int stride = int(blockDim.x) * Bytes;
  const char* const source = in + threadIdx.x * Bytes;
  const bool valid = threadIdx.x % 2 == 0;
  async_copy<Bytes>(mine, source, valid);
  async_copy_commit();
  for (int group = 0; group < groups; ++group) {
    if (group + 1 < groups)
      async_copy<Bytes>(mine + (group + 1) % 2 * Bytes, source + (group + 1) * stride, valid);
    async_copy_commit();  // empty in the last round, which is legal
    async_copy_wait<1>();
    for (int byte = 0; byte < Bytes; ++byte)
      out[group * stride + threadIdx.x * Bytes + byte] = mine[group % 2 * Bytes + byte];
  }
}

template <int Bytes>
void copies_arrive_in_order() {
  device_facts facts;
  WARPLADDER_TRY(query_device(facts));
  if (facts.compute_capability < 80) GTEST_SKIP() << "needs compute capability 80";
  const stream on;
  const int threads = 64, groups = 5, count = threads * groups * Bytes;
  std::vector<char> numbers(count), seen(count), expected(count);
  for (int i = 0; i < count; ++i) {
    numbers[i] = static_cast<char>(i * 7 + 1);
    expected[i] = i / Bytes % 2 == 0 ? numbers[i] : char{0};
  }
  device_buffer<char> in(count), out(count);
  copy_async<char>(in.view(), numbers, on);
  ASSERT_EQ(launch(copy_in_groups<Bytes>,
                   {.grid = 1,
                    .block = threads,
                    .shared_bytes = std::size_t{2} * threads * Bytes,
                    .stream = on},
                   in.data(), out.data(), groups),
            cudaSuccess);
  copy_async<char>(seen, out.view(), on);
  on.synchronize();
  EXPECT_EQ(seen, expected);
}

void device_facts_are_plausible() {
  device_facts facts;
  ASSERT_EQ(query_device(facts), cudaSuccess);
  EXPECT_GE(facts.compute_capability, 75);
  EXPECT_GE(facts.multiprocessors, 1);
  EXPECT_GE(facts.shared_bytes_per_block, 48 * 1024);
  EXPECT_GT(facts.l2_bytes, 0);
}

}  // namespace

void add_core_tests() {
  device_test::add("CoreOwners", "free_exactly_once", owners_free_exactly_once);
  device_test::add("CoreOwners", "allocation_failure_throws", allocation_failure_throws);
  device_test::add("CoreStream", "events_order_and_time", events_order_and_time);
  device_test::add("CoreStream", "copies_need_equal_sizes", copies_need_equal_sizes);
  device_test::add("CoreLaunch", "converts_arguments_and_runs", launch_converts_arguments_and_runs);
  device_test::add("CoreLaunch", "illegal_launches_return_errors", illegal_launches_return_errors);
  device_test::add("CoreLaunch", "dynamic_shared_memory", dynamic_shared_memory_beyond_48_kib);
  device_test::add("CoreAsyncCopy", "4_bytes", copies_arrive_in_order<4>);
  device_test::add("CoreAsyncCopy", "8_bytes", copies_arrive_in_order<8>);
  device_test::add("CoreAsyncCopy", "16_bytes", copies_arrive_in_order<16>);
  device_test::add("CoreDevice", "facts_are_plausible", device_facts_are_plausible);
}

}  // namespace warpladder::test

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  warpladder::test::add_core_tests();
  return RUN_ALL_TESTS();
}
