// SPDX-License-Identifier: Apache-2.0
//
// The core headers: owners, errors, the launch wrapper, dynamic shared memory, asynchronous copies,
// the rung table.

#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <limits>
#include <numeric>
#include <span>
#include <vector>
#include <warpladder/core/async_copy.cuh>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/dependent_launch.cuh>
#include <warpladder/core/event.hpp>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/math.hpp>
#include <warpladder/core/operations.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/core/shared_memory.cuh>
#include <warpladder/core/stream.hpp>
#include <warpladder/core/warp_shuffle.cuh>

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
  ASSERT_EQ(
      launch_kernel(write_index, {.grid = 8, .block = 128, .stream = on}, memory.data(), count),
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
    EXPECT_NE(launch_kernel(write_index, config, memory.data(), 1), cudaSuccess);
    cudaGetLastError();
    EXPECT_EQ(cudaStreamSynchronize(on), cudaSuccess);
  }
  EXPECT_EQ(launch_kernel(write_index, {.grid = 1, .block = 32, .stream = on}, memory.data(), 1),
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
    ASSERT_EQ(
        launch_kernel(reverse_through_shared,
                      {.grid = 1, .block = 256, .shared_bytes = count * sizeof(int), .stream = on},
                      in.data(), out.data(), count),
        cudaSuccess);
    copy_async<int>(seen, out.view(), on);
    on.synchronize();
    EXPECT_EQ(seen, std::vector<int>(numbers.rbegin(), numbers.rend()));
  }
}

// ---- Dependent launches
// --------------------------------------------------------------------------

/// Adds 1 to every element and turns their order: a kernel that reads too early spoils the result.
__global__ void add_one_and_turn(const int* in, int* out, int count) {
  let_next_kernel_start();  // as early as can be, so that a missing wait shows
  wait_for_kernels_before();
  const int i = int(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < count) out[count - 1 - i] = in[i] + 1;
}

/// A chain of kernels that may overlap, in a stream and replayed by a graph.
void dependent_launches_see_what_is_before_them() {
  device_facts facts;
  WARPLADDER_TRY(query_device(facts));
  if (facts.compute_capability < 90) GTEST_SKIP() << "needs compute capability 90";
  const stream on;
  const int count = 100'000, kernels = 20;
  std::vector<int> expected(count), seen(count);
  std::iota(expected.begin(), expected.end(), kernels);
  device_buffer<int> one(count), other(count);
  const auto enqueue = [&] {
    for (int i = 0; i < kernels; ++i) {
      const launch_config config{.grid = unsigned(ceil_div(count, 256)),
                                 .block = 256,
                                 .stream = on,
                                 .overlaps_kernel_before = true};
      ASSERT_EQ(launch_kernel(add_one_and_turn, config, one.data(), other.data(), count),
                cudaSuccess);
      std::swap(one, other);
    }
  };
  const auto expect_result = [&] {
    copy_async<int>(seen, one.view(), on);
    on.synchronize();
    EXPECT_EQ(seen, expected);
  };
  std::vector<int> numbers(count);
  std::iota(numbers.begin(), numbers.end(), 0);
  copy_async<int>(one.view(), numbers, on);
  enqueue();
  expect_result();

  cudaGraph_t graph = nullptr;
  cudaGraphExec_t instance = nullptr;
  copy_async<int>(one.view(), numbers, on);
  WARPLADDER_TRY(cudaStreamBeginCapture(on, cudaStreamCaptureModeThreadLocal));
  enqueue();
  WARPLADDER_TRY(cudaStreamEndCapture(on, &graph));
  WARPLADDER_TRY(cudaGraphInstantiate(&instance, graph, 0));
  WARPLADDER_TRY(cudaGraphLaunch(instance, on));
  expect_result();
  WARPLADDER_TRY(cudaGraphExecDestroy(instance));
  WARPLADDER_TRY(cudaGraphDestroy(graph));
}

// ---- Shuffles of any type
// ------------------------------------------------------------------------

template <int Bytes>
struct bytes {
  unsigned char at[Bytes];
};

/// Byte `i` of the value of a lane: no two bytes are alike in a lane or beside it.
__host__ __device__ unsigned char byte_of_lane(int lane, int i) {
  return static_cast<unsigned char>(lane * 7 + i * 37 + 1);
}

constexpr int shuffles = 4, warp_lanes = 32;

/// out: the results of every shuffle, lane by lane.
template <class T>
__global__ void shuffle_every_way(T* out, int distance) {
  const int lane = int(threadIdx.x);
  unsigned char raw[sizeof(T)];
  for (int i = 0; i < int{sizeof(T)}; ++i) raw[i] = byte_of_lane(lane, i);
  T mine;
  memcpy(&mine, raw, sizeof(T));
  out[0 * warp_lanes + lane] = shuffle_down(mine, unsigned(distance));
  out[1 * warp_lanes + lane] = shuffle_up(mine, unsigned(distance));
  out[2 * warp_lanes + lane] = shuffle_xor(mine, distance);
  out[3 * warp_lanes + lane] = shuffle_from(mine, distance);
}

void expect_shuffles(
    int size, const std::function<cudaError_t(void* out, int distance, cudaStream_t)>& launch) {
  constexpr int lanes = warp_lanes;
  const stream on;
  device_buffer<unsigned char> out(std::size_t(shuffles * lanes * size));
  std::vector<unsigned char> seen(out.size()), expected(out.size());
  for (const int distance : {0, 1, 5, 16, 31}) {
    for (int lane = 0; lane < lanes; ++lane) {
      const int source[shuffles] = {lane + distance < lanes ? lane + distance : lane,
                                    lane >= distance ? lane - distance : lane, lane ^ distance,
                                    distance};
      for (int kind = 0; kind < shuffles; ++kind) {
        for (int i = 0; i < size; ++i)
          expected[std::size_t((kind * lanes + lane) * size + i)] = byte_of_lane(source[kind], i);
      }
    }
    ASSERT_EQ(launch(out.data(), distance, on), cudaSuccess);
    copy_async<unsigned char>(seen, out.view(), on);
    on.synchronize();
    EXPECT_EQ(seen, expected) << size << " bytes, distance " << distance;
  }
}

/// Types without padding, whose bytes need not survive a copy.
template <class... T>
void shuffles_of() {
  (expect_shuffles(int{sizeof(T)},
                   [](void* out, int distance, cudaStream_t on) {
                     return launch_kernel(shuffle_every_way<T>,
                                          {.grid = 1, .block = warp_lanes, .stream = on},
                                          static_cast<T*>(out), distance);
                   }),
   ...);
}

struct alignas(16) quad {
  std::uint64_t low, high;
};

// ---- Operations
// ----------------------------------------------------------------------------------

/// Equal numbers, or both NaN.
template <class T>
__host__ __device__ bool same(T a, T b) {
  return a == b || (a != a && b != b);
}
template <class T>
__host__ __device__ bool same(indexed<T> a, indexed<T> b) {
  return same(a.value, b.value) && a.index == b.index;
}

/// What an operation makes of an array, against what it should, and which laws hold for elements.
struct verdict {
  bool folded, folded_backwards, of_nothing;
  int broken_identities, broken_associations;
};

template <class Op>
struct posed {
  Op op;
  const typename Op::input *x, *y;  ///< y: of operations with two inputs
  int count;
  typename Op::result folded, of_nothing;  ///< what is expected

  __host__ __device__ typename Op::accumulator lift(int i) const {
    if constexpr (Op::inputs == 2) {
      return op.lift(x[i], y[i], i);
    } else {
      return op.lift(x[i], i);
    }
  }

  __host__ __device__ verdict judge() const {
    auto all = op.identity(), backwards = op.identity();
    verdict seen = {};
    for (int i = 0; i < count; ++i) {
      const auto a = lift(i);
      all = op.combine(all, a);
      backwards = op.combine(lift(count - 1 - i), backwards);
      seen.broken_identities += !same(op.finish(op.combine(op.identity(), a)), op.finish(a));
      seen.broken_identities += !same(op.finish(op.combine(a, op.identity())), op.finish(a));
      for (int jk = 0; jk < count * count; ++jk) {
        const auto b = lift(jk / count), c = lift(jk % count);
        const auto left = op.combine(op.combine(a, b), c), right = op.combine(a, op.combine(b, c));
        seen.broken_associations += !same(op.finish(left), op.finish(right));
      }
    }
    seen.folded = same(op.finish(all), folded);
    seen.folded_backwards = same(op.finish(backwards), folded);
    seen.of_nothing = same(op.finish(op.identity()), of_nothing);
    return seen;
  }
};

template <class Op>
__global__ void judge_in_a_kernel(posed<Op> problem, verdict* seen) {
  *seen = problem.judge();
}

enum class rounds { never, yes };

/// Not a template, as there are many operations.
void expect_good(const verdict& seen, rounds exactness, const char* where, int line) {
  SCOPED_TRACE(std::string(where) + ", for line " + std::to_string(line));
  EXPECT_TRUE(seen.folded);
  EXPECT_TRUE(seen.folded_backwards);
  EXPECT_TRUE(seen.of_nothing);
  EXPECT_EQ(seen.broken_identities, 0);
  if (exactness == rounds::never) {
    EXPECT_EQ(seen.broken_associations, 0);
  }
}

void expect_good_in_a_kernel(const void* x, const void* y, std::size_t bytes, rounds exactness,
                             int line,
                             const std::function<cudaError_t(const void* x, const void* y, verdict*,
                                                             cudaStream_t)>& launch) {
  const stream on;
  device_buffer<std::byte> x_there(bytes), y_there(bytes);
  device_buffer<verdict> seen_there(1);
  WARPLADDER_TRY(cudaMemcpyAsync(x_there.data(), x, bytes, cudaMemcpyHostToDevice, on));
  WARPLADDER_TRY(cudaMemcpyAsync(y_there.data(), y, bytes, cudaMemcpyHostToDevice, on));
  ASSERT_EQ(launch(x_there.data(), y_there.data(), seen_there.data(), on), cudaSuccess);
  verdict seen;
  copy_async<verdict>({&seen, 1}, seen_there.view(), on);
  on.synchronize();
  expect_good(seen, exactness, "called in a kernel", line);
}

/// The operation called here and in a kernel: forwards and backwards the array gives `folded`, and
/// nothing gives `of_nothing`.
template <class Op>
void expect_of(const Op& op, std::initializer_list<typename Op::input> x,
               typename Op::result folded, typename Op::result of_nothing,
               rounds exactness = rounds::never, const typename Op::input* y = nullptr,
               int line = __builtin_LINE()) {
  using input = typename Op::input;
  if (y == nullptr) y = x.begin();
  posed<Op> problem{op, x.begin(), y, int(x.size()), folded, of_nothing};
  expect_good(problem.judge(), exactness, "called by the host", line);
  expect_good_in_a_kernel(
      x.begin(), y, x.size() * sizeof(input), exactness, line,
      [&](const void* x_there, const void* y_there, verdict* seen, cudaStream_t on) {
        problem.x = static_cast<const input*>(x_there);
        problem.y = static_cast<const input*>(y_there);
        return launch_kernel(judge_in_a_kernel<Op>, {.grid = 1, .block = 1, .stream = on}, problem,
                             seen);
      });
}

template <class Op>
void expect_exact(std::initializer_list<typename Op::input> x, typename Op::result folded,
                  typename Op::result of_nothing, int line = __builtin_LINE()) {
  expect_of(Op{}, x, folded, of_nothing, rounds::never, nullptr, line);
}

constexpr float infinite = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr float largest = std::numeric_limits<float>::max();

void sums_are_exact_where_nothing_rounds() {
  expect_exact<sum<float>>({1, 2, -8, 0.5f}, -4.5f, 0.0f);
  expect_exact<sum<double>>({1, 2, -8, 0x1p-40}, -5 + 0x1p-40, 0.0);
  expect_exact<sum<int>>({1, -5, 7}, 3, 0);
  expect_exact<sum<unsigned char>>({200, 100}, 44, 0);
  expect_exact<sum<float>>({infinite, 1, 2}, infinite, 0.0f);
  expect_exact<sum<float>>({infinite, 1, -infinite}, not_a_number, 0.0f);
  expect_exact<sum<float>>({1, not_a_number}, not_a_number, 0.0f);
  expect_exact<sum_of_squares<float>>({3, -4}, 25.0f, 0.0f);
  const float others[] = {4, 5, 6};
  expect_of(dot<float>{}, {1, 2, 3}, 32.0f, 0.0f, rounds::never, others);
}

void integers_wrap_around() {
  using limits = std::numeric_limits<int>;
  using wide = std::numeric_limits<std::int64_t>;
  expect_exact<sum<int>>({limits::max(), 1}, limits::min(), 0);
  expect_exact<sum<std::int64_t>>({wide::min(), -1}, wide::max(), 0);
  expect_exact<sum_of_squares<int>>({1 << 20}, 0, 0);
  expect_exact<sum_of_squares<std::uint16_t>>({65535}, 1, 0);
  const int two = 2;
  expect_of(dot<int>{}, {limits::max()}, -2, 0, rounds::never, &two);
}

/// 2048 + 1 is no half, and 256 + 1 no bfloat16.
void small_floats_are_combined_as_floats() {
  static_assert(std::is_same_v<sum<__half>::result, float>);
  static_assert(std::is_same_v<maximum<__nv_bfloat16>::result, float>);
  expect_exact<sum<__half>>({2048.0f, 1.0f, 1.0f}, 2050.0f, 0.0f);
  expect_exact<sum<__nv_bfloat16>>({256.0f, 1.0f, 1.0f}, 258.0f, 0.0f);
  expect_exact<sum_of_squares<__half>>({1024.0f}, 1048576.0f, 0.0f);
  expect_exact<maximum<__nv_bfloat16>>({-2.0f, -3.0f}, -2.0f, -infinite);
}

void extremes_keep_nan_and_ends_of_range() {
  using limits = std::numeric_limits<int>;
  expect_exact<minimum<float>>({3, -infinite, 7}, -infinite, infinite);
  expect_exact<maximum<float>>({-largest, -infinite}, -largest, -infinite);
  expect_exact<minimum<float>>({infinite, infinite}, infinite, infinite);
  expect_exact<minimum<int>>({limits::max(), 5, limits::min()}, limits::min(), limits::max());
  expect_exact<maximum<int>>({limits::min()}, limits::min(), limits::min());
  expect_exact<maximum<std::uint64_t>>({1, ~0ull}, ~0ull, 0);
  for (const int at : {0, 1, 3}) {
    float with_nan[] = {1, -infinite, infinite, 2};
    with_nan[at] = not_a_number;
    expect_exact<minimum<float>>({with_nan[0], with_nan[1], with_nan[2], with_nan[3]}, not_a_number,
                                 infinite);
    expect_exact<maximum<float>>({with_nan[0], with_nan[1], with_nan[2], with_nan[3]}, not_a_number,
                                 -infinite);
  }
}

/// The first of equal elements, or the first NaN; elements that equal the identity are elements.
void positions_are_those_of_the_first() {
  using limits = std::numeric_limits<int>;
  expect_exact<argmax<float>>({1, 5, 5, 2}, {5, 1}, {-infinite, -1});
  expect_exact<argmin<float>>({4, 3, 3}, {3, 1}, {infinite, -1});
  expect_exact<argmin<float>>({0.0f, -0.0f}, {0, 0}, {infinite, -1});
  expect_exact<argmax<float>>({1, not_a_number, infinite, not_a_number}, {not_a_number, 1},
                              {-infinite, -1});
  expect_exact<argmin<float>>({-infinite, 1, not_a_number}, {not_a_number, 2}, {infinite, -1});
  expect_exact<argmax<float>>({-infinite, -infinite}, {-infinite, 0}, {-infinite, -1});
  expect_exact<argmin<float>>({infinite}, {infinite, 0}, {infinite, -1});
  expect_exact<argmax<int>>({limits::min(), limits::min()}, {limits::min(), 0},
                            {limits::min(), -1});
  expect_exact<argmin<__half>>({2.0f, 1.0f}, {1, 1}, {infinite, -1});
}

/// Sums in which floats lose everything that is asked for.
void compensated_sums_lose_nothing_here() {
  const auto expect = [](std::initializer_list<float> x, float sum) {
    expect_of(compensated_sum<float>{}, x, sum, 0.0f, rounds::yes);
  };
  expect({0x1p60f, 1, -0x1p60f}, 1);
  expect({1, 0x1p60f, 1, -0x1p60f}, 2);
  expect({0x1p24f, 1, 1}, 0x1p24f + 2);
  expect({1, 0x1p-25f, 0x1p-25f, 0x1p-25f, 0x1p-25f}, 1 + 0x1p-23f);
  expect({infinite, 1}, infinite);
  expect({infinite, -infinite}, not_a_number);
  expect({1, not_a_number}, not_a_number);
}

struct product {
  __host__ __device__ double operator()(double a, double b) const { return a * b; }
};
struct twice {
  __host__ __device__ double operator()(int x) const { return 2.0 * x; }
};

void own_operations_are_used_as_given() {
  const auto op = reduction_of<int>(1.0, product{}, twice{});
  using operation = std::remove_const_t<decltype(op)>;
  static_assert(std::is_same_v<operation::result, double>);
  expect_of(op, {1, 2, 3}, 48.0, 1.0);
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
  ASSERT_EQ(launch_kernel(copy_in_groups<Bytes>,
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

/// Lane i copies i of 16 bytes.
__global__ void copy_parts(const char* in, char* out) {
  alignas(16) __shared__ char slots[17][16];
  if (threadIdx.x <= 16) async_copy_part(slots[threadIdx.x], in, int(threadIdx.x));
  async_copy_commit();
  async_copy_wait<0>();
  if (threadIdx.x <= 16) {
    for (int i = 0; i < 16; ++i) out[threadIdx.x * 16 + i] = slots[threadIdx.x][i];
  }
}

void parts_are_followed_by_zeros() {
  device_facts facts;
  WARPLADDER_TRY(query_device(facts));
  if (facts.compute_capability < 80) GTEST_SKIP() << "needs compute capability 80";
  const stream on;
  std::vector<char> numbers(16), seen(17 * 16), expected(17 * 16);
  for (int i = 0; i < 17 * 16; ++i) {
    numbers[i % 16] = static_cast<char>(i % 16 + 1);
    expected[i] = i % 16 < i / 16 ? static_cast<char>(i % 16 + 1) : char{0};
  }
  device_buffer<char> in(16), out(17 * 16);
  copy_async<char>(in.view(), numbers, on);
  ASSERT_EQ(
      launch_kernel(copy_parts, {.grid = 1, .block = 32, .stream = on}, in.data(), out.data()),
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
  device_test::add("CoreLaunch", "dependent_launches", dependent_launches_see_what_is_before_them);
  device_test::add("CoreShuffle", "1_to_4_bytes",
                   shuffles_of<std::uint8_t, std::uint16_t, bytes<3>, float>);
  device_test::add("CoreShuffle", "5_to_16_bytes", shuffles_of<bytes<5>, double, float3, quad>);
  device_test::add("CoreOperations", "sums", sums_are_exact_where_nothing_rounds);
  device_test::add("CoreOperations", "integers_wrap", integers_wrap_around);
  device_test::add("CoreOperations", "small_floats", small_floats_are_combined_as_floats);
  device_test::add("CoreOperations", "extremes", extremes_keep_nan_and_ends_of_range);
  device_test::add("CoreOperations", "positions", positions_are_those_of_the_first);
  device_test::add("CoreOperations", "compensated_sums", compensated_sums_lose_nothing_here);
  device_test::add("CoreOperations", "own", own_operations_are_used_as_given);
  device_test::add("CoreAsyncCopy", "4_bytes", copies_arrive_in_order<4>);
  device_test::add("CoreAsyncCopy", "8_bytes", copies_arrive_in_order<8>);
  device_test::add("CoreAsyncCopy", "16_bytes", copies_arrive_in_order<16>);
  device_test::add("CoreAsyncCopy", "parts", parts_are_followed_by_zeros);
  device_test::add("CoreDevice", "facts_are_plausible", device_facts_are_plausible);
}

}  // namespace warpladder::test

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  warpladder::test::add_core_tests();
  return RUN_ALL_TESTS();
}
