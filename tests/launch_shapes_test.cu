// SPDX-License-Identifier: Apache-2.0
//
// The kernels of kernels/warpladder/launch/, whose results must not depend on the launch, and the
// advisor: that what it suggests is legal, follows its rules, and is refused with a reason where
// nothing is legal. How fast it is, is measured by benchmarks/launch_shapes.cpp.

#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>
#include <warpladder/launch/chase.cuh>
#include <warpladder/launch/histogram.cuh>
#include <warpladder/launch/iterate.cuh>
#include <warpladder/launch/records.cuh>
#include <warpladder/launch/small_products.cuh>
#include <warpladder/launch/triad.cuh>

#include "support/backend.hpp"
#include "support/guarded_array.hpp"
#include "support/run_kernel.hpp"

namespace warpladder::test {
namespace {

using namespace launch;  // what is tested

// ---- The kernels
// ---------------------------------------------------------------------------------

/// A problem with its arrays: what the output was, what it must become.
template <class Problem, class Out>
struct specimen {
  Problem problem;
  std::int64_t units;  ///< what the advisor is asked for
  guarded_array<Out> out, want;
  std::vector<std::shared_ptr<void>> inputs;
};

template <class T, class Value>
std::shared_ptr<guarded_array<T>> input(std::int64_t size, Value value) {
  auto array = std::make_shared<guarded_array<T>>(size, 0, true);
  for (std::int64_t i = 0; i < size; ++i) (*array)[i] = value(i);
  array->upload();
  return array;
}

/// Small integers: exact in every order, and neighbours differ.
float small(std::int64_t i) {
  return float(i * 7 % 31 - 15);
}

template <class Vector>
auto triad_specimen(std::int64_t vectors) {
  constexpr int width = sizeof(Vector) / sizeof(float);
  const std::int64_t n = vectors * width;
  const auto b = input<float>(n, small), c = input<float>(n, [](auto i) { return small(i + 3); });
  guarded_array<float> out(n, 0, true), want = out.clone();
  for (std::int64_t i = 0; i < n; ++i) want[i] = std::fma(0.5f, small(i + 3), small(i));
  const triad_problem<Vector> p{vectors, 0.5f, reinterpret_cast<const Vector*>(b->device()),
                                reinterpret_cast<const Vector*>(c->device()),
                                reinterpret_cast<Vector*>(out.device())};
  return specimen<triad_problem<Vector>, float>{
      p, vectors, std::move(out), std::move(want), {b, c}};
}

auto iterate_specimen(std::int64_t n) {
  guarded_array<float> out(n, 0, true), want = out.clone();
  for (std::int64_t i = 0; i < n; ++i) {
    const float c = float(i % 4096) * (2.25f / 4096) - 2.0f;
    float x = 0;
    for (int step = 0; step < 256; ++step) x = std::fma(x, x, c);
    want[i] = x;
  }
  const iterate_problem p{n, out.device()};
  return specimen<iterate_problem, float>{p, n, std::move(out), std::move(want), {}};
}

auto chase_specimen(std::int64_t n) {
  const auto next = [](std::int64_t list, std::int64_t at) {
    return std::uint32_t((13 * at + 2 * list + 1) % 64);
  };
  const auto link = input<std::uint32_t>(64 * n, [&](auto i) { return next(i / 64, i % 64); });
  guarded_array<std::uint32_t> out(n, 0, true), want = out.clone();
  for (std::int64_t i = 0; i < n; ++i) {
    want[i] = 0;
    for (std::uint32_t step = 0, at = 0; step < 64; ++step) {
      at = next(i, at);
      want[i] = want[i] * 31 + at;
    }
  }
  const chase_problem p{n, link->device(), out.device()};
  return specimen<chase_problem, std::uint32_t>{p, n, std::move(out), std::move(want), {link}};
}

template <int Rows>
auto small_products_specimen(std::int64_t n) {
  const auto left = input<float>(64 * n, small);
  const auto right = input<float>(64 * n, [](auto i) { return small(i / 3 + 5); });
  guarded_array<float> out(64 * n, 0, true), want = out.clone();
  for (std::int64_t element = 0; element < 64 * n; ++element) {
    const std::int64_t i = element % n, r = element / n / 8, c = element / n % 8;
    float sum = 0;
    for (int k = 0; k < 8; ++k) sum += (*left)[(r * 8 + k) * n + i] * (*right)[(k * 8 + c) * n + i];
    want[element] = sum;
  }
  const small_products_problem p{n, left->device(), right->device(), out.device()};
  return specimen<small_products_problem, float>{
      p, small_products_threads<Rows>(n), std::move(out), std::move(want), {left, right}};
}

auto records_specimen(std::int64_t n) {
  const auto in = input<float>(32 * n, small);
  guarded_array<float> out(n, 0, true), want = out.clone();
  for (std::int64_t i = 0; i < n; ++i) {
    float sum = 0;
    for (int k = 31; k >= 0; --k) sum = std::fma(sum, 0.75f, small(32 * i + k));
    want[i] = sum;
  }
  const records_problem p{n, 0.75f, in->device(), out.device()};
  return specimen<records_problem, float>{p, n, std::move(out), std::move(want), {in}};
}

auto histogram_specimen(std::int64_t n) {
  const auto key_of = [](std::int64_t i) { return std::uint32_t(i) * 2654435761u; };
  const auto key = input<std::uint32_t>(n, key_of);
  guarded_array<std::uint32_t> out(2048, 0, true);
  for (int bin = 0; bin < 2048; ++bin) out[bin] = 7;  // it adds
  guarded_array<std::uint32_t> want = out.clone();
  for (std::int64_t i = 0; i < n; ++i) ++want[key_of(i) >> 21];
  const histogram_problem p{n, key->device(), out.device()};
  return specimen<histogram_problem, std::uint32_t>{p, n, std::move(out), std::move(want), {key}};
}

template <class Problem>
unsigned largest_block(const shipped<Problem>& kernel) {
  cudaFuncAttributes uses;
  WARPLADDER_TRY(cudaFuncGetAttributes(&uses, reinterpret_cast<const void*>(kernel.kernel)));
  return std::min(kernel.asks.max_block, unsigned(uses.maxThreadsPerBlock));
}

/// The kernel on hostile sizes up to `largest`, in launches good and bad, and as advised.
template <class Problem, class Make>
void is_right_in_every_launch(const shipped<Problem>& kernel, std::int64_t largest, Make make) {
  const unsigned max_block = largest_block(kernel);
  for (const std::int64_t n : {0, 1, 31, 33, 1000, 3001, 100003}) {
    if (n > largest || (sanitized && n > 1000)) continue;
    const auto subject = make(n);
    const advice advised = suggest(kernel.kernel, subject.units, kernel.asks);
    ASSERT_TRUE(advised) << describe(advised);
    std::vector<std::pair<unsigned, unsigned>> shapes{{advised.block, advised.grid}};
    for (const unsigned block : {32u, 96u, 256u, 1024u}) {
      if (block > max_block) continue;
      const std::int64_t tile = std::int64_t{block} * kernel.asks.items;
      const auto tiles = unsigned(std::max<std::int64_t>(1, ceil_div(subject.units, tile)));
      shapes.push_back({block, tiles});
      if (n > 3001 && !on_gpu) continue;
      shapes.push_back({block, 1});
      shapes.push_back({block, tiles + 3});
      if (tiles > 2) shapes.push_back({block, tiles / 2});
    }
    for (const auto& [block, grid] : shapes) {
      SCOPED_TRACE(std::string(kernel.name) + ", " + std::to_string(n) + " elements, " +
                   std::to_string(grid) + " blocks of " + std::to_string(block));
      const std::size_t shared =
          kernel.asks.shared_bytes + kernel.asks.shared_bytes_per_thread * block;
      for_each_schedule(n <= 1000 ? 2 : 0, [&](const std::string& order) {
        SCOPED_TRACE(order);
        subject.out.upload();
        ASSERT_EQ(run({grid, block, shared}, kernel.kernel, subject.problem), cudaSuccess);
        const auto got = subject.out.download();
        ASSERT_TRUE(got.same_bits(subject.want))
            << "first at " << got.first_difference(subject.want);
      });
      if (::testing::Test::HasFatalFailure()) return;
    }
  }
}

class launch_kernels : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!why_no_device().empty()) GTEST_SKIP() << why_no_device();
  }
};

template <int... Items>
void triads_are_right() {
  (is_right_in_every_launch(triad<float, Items>(), 100003, triad_specimen<float>), ...);
  (is_right_in_every_launch(triad<float4, Items>(), 3001, triad_specimen<float4>), ...);
}
TEST_F(launch_kernels, triad) {
  triads_are_right<1, 4, 64>();
}

TEST_F(launch_kernels, iterate) {
  is_right_in_every_launch(iterate<1>(), on_gpu ? 100003 : 3001, iterate_specimen);
  is_right_in_every_launch(iterate<8>(), 100003, iterate_specimen);
  is_right_in_every_launch(iterate<64>(), 3001, iterate_specimen);
}

TEST_F(launch_kernels, chase) {
  is_right_in_every_launch(chase<1>(), on_gpu ? 100003 : 3001, chase_specimen);
  is_right_in_every_launch(chase<4>(), 3001, chase_specimen);
  is_right_in_every_launch(chase<64>(), 3001, chase_specimen);
}

TEST_F(launch_kernels, small_products) {
  is_right_in_every_launch(small_products<8>(), 3001, small_products_specimen<8>);
  is_right_in_every_launch(small_products<8, 8>(), 1000, small_products_specimen<8>);
  is_right_in_every_launch(small_products<4>(), 1000, small_products_specimen<4>);
  is_right_in_every_launch(small_products<1>(), 1000, small_products_specimen<1>);
}

TEST_F(launch_kernels, records) {
  is_right_in_every_launch(records(), on_gpu ? 100003 : 3001, records_specimen);
}

TEST_F(launch_kernels, histogram) {
  is_right_in_every_launch(histogram(), 100003, histogram_specimen);
}

// ---- The advisor
// ---------------------------------------------------------------------------------

class launch_advice : public launch_kernels {
 protected:
  /// What must hold of any advice, whatever the kernel and the device are.
  template <class... Parameters>
  static advice legal(void (*kernel)(Parameters...), std::int64_t n, const options& asks = {}) {
    const advice one = suggest(kernel, n, asks);
    EXPECT_TRUE(one) << describe(one);
    if (!one) return one;
    SCOPED_TRACE(std::to_string(n) + " elements: " + describe(one));
    int device = 0, threads = 0;
    cudaFuncAttributes uses;
    WARPLADDER_TRY(cudaGetDevice(&device));
    WARPLADDER_TRY(
        cudaDeviceGetAttribute(&threads, cudaDevAttrMaxThreadsPerMultiProcessor, device));
    WARPLADDER_TRY(cudaFuncGetAttributes(&uses, reinterpret_cast<const void*>(kernel)));
    EXPECT_GE(one.block, 32u);
    EXPECT_EQ(one.block % 32, 0u);
    EXPECT_LE(one.block, std::min(unsigned(uses.maxThreadsPerBlock), asks.max_block));
    EXPECT_GE(one.grid, 1u);
    EXPECT_LE(one.grid, unsigned(std::numeric_limits<std::int32_t>::max()));
    EXPECT_EQ(one.shared_bytes, asks.shared_bytes + asks.shared_bytes_per_thread * one.block);
    EXPECT_GE(one.blocks_per_multiprocessor, 1);
    EXPECT_LE(one.blocks_per_multiprocessor * int(one.block), threads);
    EXPECT_DOUBLE_EQ(one.occupancy, double(one.blocks_per_multiprocessor) * one.block / threads);
    EXPECT_FALSE(one.why.empty());
    const std::int64_t tile = std::int64_t{one.block} * asks.items;
    if (!asks.loops) {
      EXPECT_GE(std::int64_t{one.grid} * tile, n);
    }
    EXPECT_LE(one.grid, std::max<std::int64_t>(1, ceil_div(n, tile))) << "blocks without work";
    return one;
  }

  template <class Problem>
  static advice legal(const shipped<Problem>& kernel, std::int64_t n) {
    return legal(kernel.kernel, n, kernel.asks);
  }

  static void refused(const advice& one, cudaError_t status) {
    EXPECT_FALSE(one);
    EXPECT_EQ(one.status, status);
    EXPECT_FALSE(one.why.empty());
    EXPECT_NE(describe(one).find(std::string(one.why)), std::string::npos);
    cudaGetLastError();
  }
};

constexpr std::int64_t any_n[] = {0,
                                  1,
                                  31,
                                  32,
                                  33,
                                  1000,
                                  4097,
                                  100003,
                                  1 << 20,
                                  1 << 26,
                                  (std::int64_t{1} << 31) + 1,
                                  std::int64_t{1} << 45};

TEST_F(launch_advice, is_legal_for_every_shipped_kernel) {
  for (const std::int64_t n : any_n) {
    legal(triad<float, 1>(), n), legal(triad<float4, 4>(), n), legal(triad<float, 64>(), n);
    legal(iterate<1>(), n), legal(iterate<64>(), n);
    legal(chase<1>(), n), legal(chase<64>(), n);
    legal(small_products<8>(), n), legal(small_products<1>(), n);
    legal(records(), n), legal(histogram(), n);
  }
}

TEST_F(launch_advice, covers_all_elements_unless_the_kernel_loops) {
  const auto kernel = triad<float, 1>().kernel;
  for (const std::int64_t n : any_n) {
    if (n < std::int64_t{1} << 36) {
      legal(kernel, n, {.loops = false});
    } else {
      refused(suggest(kernel, n, {.loops = false}), cudaErrorInvalidValue);
    }
  }
  EXPECT_EQ(legal(kernel, 0).grid, 1u);
}

TEST_F(launch_advice, respects_the_bounds_of_the_kernel) {
  for (const unsigned bound : {32u, 33u, 64u, 100u, 256u, 1000u, 1024u, 5000u}) {
    for (const std::int64_t n : any_n) {
      legal(iterate<1>().kernel, n, {.max_block = bound});
      legal(histogram().kernel, n, {.items = 8, .max_block = bound, .setup_elements = 2048});
    }
  }
  if (on_gpu) {  // the host knows no __launch_bounds__
    EXPECT_LE(suggest(small_products<8>().kernel, 1 << 20).block, 256u);
  }
}

TEST_F(launch_advice, fits_dynamic_shared_memory) {
  for (const std::size_t per_thread : {0, 4, 132, 500, 1000, 1500}) {
    for (const std::size_t fixed : {0, 1000, 15000}) {
      for (const std::int64_t n : any_n) {
        const options asks{.shared_bytes = fixed, .shared_bytes_per_thread = per_thread};
        legal(records().kernel, n, asks);
      }
    }
  }
  // Not only on paper: more than 48 KiB need the kernel to be opted in.
  const std::int64_t n = 1000;
  const auto subject = records_specimen(n);
  const options asks{.shared_bytes = 56 * 1024, .shared_bytes_per_thread = 132};
  const advice one = legal(records().kernel, n, asks);
  subject.out.upload();
  ASSERT_EQ(run({one.grid, one.block, one.shared_bytes}, records().kernel, subject.problem),
            cudaSuccess);
  EXPECT_TRUE(subject.out.download().same_bits(subject.want));
}

TEST_F(launch_advice, refuses_with_a_reason) {
  const auto kernel = records().kernel;
  void (*const none)(records_problem) = nullptr;
  constexpr std::size_t mib = 1 << 20, nonsense = std::numeric_limits<std::size_t>::max();
  refused(suggest(none, 1), cudaErrorInvalidDeviceFunction);
  refused(suggest(kernel, -1), cudaErrorInvalidValue);
  refused(suggest(kernel, 1, {.items = 0}), cudaErrorInvalidValue);
  refused(suggest(kernel, 1, {.max_block = 31}), cudaErrorInvalidValue);
  refused(suggest(kernel, 1, {.setup_elements = -1}), cudaErrorInvalidValue);
  refused(suggest(kernel, 1, {.shared_bytes = mib}), cudaErrorInvalidValue);
  refused(suggest(kernel, 1, {.shared_bytes = nonsense}), cudaErrorInvalidValue);
  refused(suggest(kernel, 1, {.shared_bytes_per_thread = mib}), cudaErrorInvalidValue);
  refused(suggest(kernel, 1, {.shared_bytes_per_thread = nonsense}), cudaErrorInvalidValue);
}

TEST_F(launch_advice, is_legal_under_capture_and_leaves_no_error) {
  legal(histogram(), 1), legal(records(), 1);  // the first question loads the kernel
  const stream on;
  WARPLADDER_TRY(cudaStreamBeginCapture(on, cudaStreamCaptureModeGlobal));
  const advice one = suggest(histogram().kernel, 1 << 20, histogram().asks);
  const advice shared = suggest(records().kernel, 1 << 20, {.shared_bytes = 60 * 1024});
  cudaGraph_t graph = nullptr;
  EXPECT_EQ(cudaStreamEndCapture(on, &graph), cudaSuccess);
  WARPLADDER_TRY(cudaGraphDestroy(graph));
  EXPECT_TRUE(one) << describe(one);
  EXPECT_TRUE(shared) << describe(shared);
  EXPECT_EQ(cudaPeekAtLastError(), cudaSuccess);
}

TEST_F(launch_advice, says_it_in_words) {
  const advice one = legal(iterate<1>(), 1 << 20);
  const std::string words = describe(one);
  EXPECT_NE(words.find(std::to_string(one.grid) + " blocks of " + std::to_string(one.block)),
            std::string::npos);
  EXPECT_NE(words.find(std::string(one.why)), std::string::npos);
}

#ifdef WARPLADDER_HOST_EXECUTOR
// The rules, on devices of which everything is known: 2048 threads, 32 blocks and 228 KiB of shared
// memory per multiprocessor, registers for all.

struct of_size {
  explicit of_size(int multiprocessors) : scope(options_with(multiprocessors)) {}
  static simt::options options_with(int multiprocessors) {
    simt::options wanted = simt::current_options();
    wanted.sm_count = multiprocessors;
    return wanted;
  }
  simt::scoped_options scope;
};

TEST_F(launch_advice, spreads_few_elements_over_all_multiprocessors) {
  for (const int multiprocessors : {1, 4, 20, 132, 200}) {
    const of_size device(multiprocessors);
    for (const int per_multiprocessor : {32, 64, 128, 256}) {
      const advice one = legal(iterate<1>(), std::int64_t{multiprocessors} * per_multiprocessor);
      EXPECT_GE(one.grid, unsigned(multiprocessors)) << describe(one);
      EXPECT_EQ(ceil_div(one.grid, unsigned(multiprocessors)) * one.block,
                unsigned(per_multiprocessor))
          << describe(one);
    }
  }
}

TEST_F(launch_advice, prefers_256_threads_where_all_else_is_equal) {
  const of_size device(132);
  const advice one = legal(triad<float, 1>(), 1 << 26);
  EXPECT_EQ(one.block, 256u);
  EXPECT_EQ(one.grid, (1u << 26) / 256);
  EXPECT_DOUBLE_EQ(one.occupancy, 1.0);
}

TEST_F(launch_advice, avoids_a_last_wave_with_few_blocks) {
  // 133 * 256 elements: in blocks of 256, one multiprocessor would have twice the others' work.
  const of_size device(132);
  const advice one = legal(iterate<1>(), 133 * 256);
  EXPECT_LE(ceil_div(one.grid, 132u) * one.block, 288u) << describe(one);
}

TEST_F(launch_advice, lets_blocks_loop_through_a_few_waves) {
  const of_size device(132);
  const std::int64_t resident = 132 * 8, wave = resident * 256;
  const auto kernel = triad<float, 1>().kernel;
  for (const std::int64_t n : {wave + 1, 2 * wave, 4 * wave, 6 * wave - 256}) {
    const advice one = legal(kernel, n);
    EXPECT_EQ(one.grid, 132 * unsigned(one.blocks_per_multiprocessor)) << n;
    EXPECT_LT(std::int64_t{one.grid} * one.block, n);
  }
  for (const std::int64_t n : {wave, 6 * wave, 100 * wave})
    EXPECT_EQ(legal(kernel, n).grid, unsigned(n / 256)) << n;
  EXPECT_EQ(legal(kernel, 4 * wave, {.loops = false}).grid, unsigned(4 * resident));
}

TEST_F(launch_advice, takes_what_shared_memory_allows) {
  const of_size device(132);
  const advice one = legal(records(), 1 << 20);
  EXPECT_EQ(one.block, 256u);
  EXPECT_EQ(one.blocks_per_multiprocessor, 6);
  EXPECT_DOUBLE_EQ(one.occupancy, 0.75);
}

TEST_F(launch_advice, wants_company) {
  // Four blocks fit, whatever their size.
  const of_size device(132);
  const advice one = legal(records().kernel, 1 << 26, {.shared_bytes = 50000});
  EXPECT_EQ(one.block, 512u);
  EXPECT_DOUBLE_EQ(one.occupancy, 1.0);
}

TEST_F(launch_advice, prefers_four_blocks_to_two_of_twice_the_size) {
  // Blocks of 256 and of 128 both allow 512 threads.
  const of_size device(132);
  const advice one = legal(records().kernel, 1 << 26, {.shared_bytes_per_thread = 440});
  EXPECT_EQ(one.block, 128u);
  EXPECT_EQ(one.blocks_per_multiprocessor, 4);
}

TEST_F(launch_advice, lets_few_large_blocks_loop_where_a_block_is_expensive) {
  const of_size device(132);
  const advice many = legal(histogram(), 1 << 26);
  EXPECT_EQ(many.block, 1024u);
  EXPECT_EQ(many.grid, 264u);
  const advice few = legal(histogram(), 1 << 14);
  EXPECT_LE(few.grid, 8u) << "each would clear 2048 counters for fewer keys: " << describe(few);
}

TEST_F(launch_advice, leaves_room_in_l1) {
  const of_size device(132);
  for (const std::int64_t n : {1 << 17, 1 << 20}) {
    const advice one = legal(chase<1>(), n);
    EXPECT_LE(one.blocks_per_multiprocessor * one.block * 256, 228u * 1024 / 5 * 3)
        << describe(one);
    EXPECT_LE(one.grid, 132u * unsigned(one.blocks_per_multiprocessor));
    const std::int64_t rounds = ceil_div(n, std::int64_t{one.grid} * one.block);
    EXPECT_LE(double(one.blocks_per_multiprocessor * rounds * one.block), 1.1 * double(n) / 132)
        << "the last round is not full: " << describe(one);
  }
}
#endif

}  // namespace
}  // namespace warpladder::test
