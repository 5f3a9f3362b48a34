// SPDX-License-Identifier: Apache-2.0
//
// Every rung of the GEMM ladder, and the front door, on the same hostile problems. Tests are
// registered from the ladder's table: a new rung is tested without an edit here.
//   Gemm/<type>/<NN_rung or front_door>.<group of problems>

#include "gemm.hpp"

#include <algorithm>
#include <cstdio>
#include <optional>
#include <random>
#include <warpladder/core/stream.hpp>

#include "gemm_test.hpp"
#include "support/backend.hpp"
#include "support/captured.hpp"
#include "support/for_supported.hpp"
#include "support/gemm_case.hpp"
#include "support/lent_workspace.hpp"

namespace warpladder::test {
namespace {

using enum gemm::transpose;

/// What a test needs of a rung or of the front door.
template <class T>
struct method {
  std::string name;
  std::string why_not_here;  ///< not empty: this device cannot run the method at all
  std::function<support(const gemm::problem<T>&)> supports;
  std::function<std::size_t(const gemm::problem<T>&)> workspace_bytes;
  std::function<cudaError_t(const gemm::problem<T>&, cudaStream_t, workspace_view)> launch;
};

/// Launches once on `stream` and waits; false and a failed expectation if anything complains.
template <class T>
bool launch_and_wait(const method<T>& how, const gemm_operands<T>& operands, cudaStream_t stream) {
  const lent_workspace workspace(how.workspace_bytes(operands.problem()));
  const cudaError_t launched = how.launch(operands.problem(), stream, workspace.view());
  EXPECT_EQ(launched, cudaSuccess) << cudaGetErrorString(launched);
  const cudaError_t ran = cudaStreamSynchronize(stream);
  EXPECT_EQ(ran, cudaSuccess) << cudaGetErrorString(ran);
  const bool guarded = workspace.guards_intact();
  EXPECT_TRUE(guarded) << "memory outside of the workspace was written";
  return launched == cudaSuccess && ran == cudaSuccess && guarded;
}

/// Runs `body` for the cases that the method supports. The others are counted and named; if there
/// are no others, the test is skipped with the method's own reason.
template <class T, class Body>
void for_supported(const method<T>& how, const std::vector<gemm_case>& cases, values kind,
                   const Body& body) {
  for_supported_cases<gemm_operands<T>>(
      how, cases, kind, [](const auto& operands) { return operands.problem(); }, body);
}

/// The whole check of a list of cases: right values, nothing else touched.
template <class T>
void expect_right(const method<T>& how, const std::vector<gemm_case>& cases, values kind,
                  cudaStream_t stream) {
  for_supported(how, cases, kind, [&](gemm_operands<T>& operands, const gemm_case&) {
    operands.upload();
    if (launch_and_wait(how, operands, stream)) {
      EXPECT_TRUE(operands.check());
    }
  });
}

// ---- Problems
// ------------------------------------------------------------------------------------

/// Around every tile size that a rung may use: all three sizes one off, and each one off alone.
std::vector<gemm_case> tile_edges() {
  std::vector<gemm_case> cases;
  const std::vector<int> tiles = sanitized ? std::vector{8, 32} : std::vector{8, 16, 32, 64, 128};
  for (const int tile : tiles) {
    for (const int size : {tile - 1, tile, tile + 1}) cases.push_back({size, size, size});
    for (const int off : {-1, 1}) {
      cases.push_back({tile + off, tile, tile});
      cases.push_back({tile, tile + off, tile});
      cases.push_back({tile, tile, tile + off});
    }
  }
  if (sanitized) cases.push_back({129, 127, 65});
  if (on_gpu) {
    for (const int tile : {256, 512}) {
      cases.push_back({tile - 1, tile + 1, 64});
      cases.push_back({tile, tile, tile});
      cases.push_back({tile + 1, tile - 1, 130});
    }
  }
  return cases;
}

std::vector<gemm_case> ragged_and_skinny() {
  std::vector<gemm_case> cases = {
      {1, 1, 1},    {1, 2, 3},    {5, 7, 11},    {33, 65, 17},  {100, 3, 50}, {3, 100, 7},
      {64, 64, 1},  {1, 64, 1},   {1, 257, 64},  {257, 1, 64},  {300, 2, 2},  {2, 300, 5},
      {1, 1, 1025}, {2, 3, 1000}, {17, 130, 33}, {130, 17, 29}, {3, 132, 36}, {130, 4, 40}};
  if (!sanitized) {
    for (const gemm_case& more : {gemm_case{200, 31, 77},
                                  {77, 200, 130},
                                  {8, 8, 2048},
                                  {1, 1, 4097},
                                  {16, 1000, 16},
                                  {1000, 16, 16}})
      cases.push_back(more);
  }
  if (on_gpu) {
    for (const gemm_case& more :
         {gemm_case{1, 1, 100'003}, {3, 5, 50'001}, {1, 10'007, 65}, {10'007, 1, 65}})
      cases.push_back(more);
  }
  return cases;
}

std::vector<gemm_case> empty() {
  std::vector<gemm_case> cases = {{.m = 4, .n = 5, .k = 3, .batch = 0},
                                  {.m = 70, .n = 40, .k = 0, .beta = -0.5, .gap = 1}};
  for (const std::int64_t n : {5, 8}) {  // 8 for the rungs that want whole vectors
    cases.push_back({0, n, 4});
    cases.push_back({5, 0, 4});
    cases.push_back({0, 0, 0});
    cases.push_back({4, n, 0});
    cases.push_back({.m = 4, .n = n, .k = 0, .beta = 2});
    cases.push_back({.m = 4, .n = n, .k = 0, .gap = 4});
  }
  return cases;
}

/// All transposes x distances between rows x alignments, in sizes that vector loads can use and
/// in sizes that they cannot.
std::vector<gemm_case> layouts() {
  std::vector<gemm_case> cases;
  const std::vector<gemm_case> sizes =
      sanitized ? std::vector<gemm_case>{{33, 20, 16}, {3, 36, 40}}
                : std::vector<gemm_case>{
                      {64, 64, 64}, {65, 33, 47}, {20, 132, 24}, {3, 132, 68}, {70, 2, 35}};
  for (const gemm_case& size : sizes) {
    for (const auto trans_a : {no, yes}) {
      for (const auto trans_b : {no, yes}) {
        for (const int gap : {0, 1, 4}) {
          for (const int offset : {0, 1, 2}) {
            gemm_case c = size;
            c.trans_a = trans_a, c.trans_b = trans_b, c.gap = gap, c.offset = offset;
            cases.push_back(c);
          }
        }
      }
    }
  }
  return cases;
}

std::vector<gemm_case> scalars() {
  std::vector<gemm_case> cases;
  for (const double alpha : {0.0, 1.0, -0.5, 2.0}) {
    for (const double beta : {0.0, 1.0, -0.5, 2.0}) {
      cases.push_back({.m = 33, .n = 40, .k = 20, .alpha = alpha, .beta = beta});
      cases.push_back({.m = 64, .n = 64, .k = 32, .alpha = alpha, .beta = beta, .gap = 4});
      cases.push_back(
          {.m = 1, .n = 70, .k = 65, .trans_b = yes, .alpha = alpha, .beta = beta, .gap = 1});
    }
  }
  return cases;
}

std::vector<gemm_case> batches() {
  std::vector<gemm_case> cases;
  for (const auto layout : {batching::packed, batching::gapped, batching::shared_a,
                            batching::shared_b, batching::shared_both}) {
    for (const std::int64_t batch : {2, 5}) {
      cases.push_back({.m = 17, .n = 33, .k = 9, .beta = 0.5, .batch = batch, .layout = layout});
      cases.push_back(
          {.m = 32, .n = 32, .k = 32, .trans_a = yes, .gap = 4, .batch = batch, .layout = layout});
      cases.push_back({.m = 5,
                       .n = 70,
                       .k = 65,
                       .trans_b = yes,
                       .alpha = -0.5,
                       .gap = 1,
                       .offset = 1,
                       .batch = batch,
                       .layout = layout});
    }
  }
  cases.push_back({.m = 1, .n = 1, .k = 3, .batch = 300, .layout = batching::packed});
  return cases;
}

/// More than 65535 blocks in one direction, the limit of grid.y and grid.z. The host executor has
/// the same limits, but not the speed for large tiles: there the front door alone is asked.
std::vector<gemm_case> many_blocks() {
  const std::int64_t many = on_gpu ? 65'535 * 130 : 600'001;
  return {{many, 1, 1},
          {1, many, 1},
          {.m = 2, .n = 1, .k = 3, .batch = 70'001, .layout = batching::packed},
          {.m = 1, .n = 2, .k = 1, .beta = 1, .batch = 70'001, .layout = batching::shared_both}};
}

/// Draws from everything above, with sizes that follow no pattern. What the method does not support
/// is tamed: whole vectors, no transposes, no batch; at last, few rows.
template <class T>
std::vector<gemm_case> random_cases(const method<T>& how, int count) {
  std::mt19937 random(2718);
  const auto below = [&](int bound) { return static_cast<int>(random() % unsigned(bound)); };
  const auto pick = [&](auto... choices) {
    const double all[] = {double(choices)...};
    return all[below(sizeof...(choices))];
  };
  std::vector<gemm_case> cases;
  for (int i = 0; i < count; ++i) {
    const int limit = on_gpu ? 300 : sanitized ? 70 : 140;
    gemm_case c{.m = 1 + below(limit), .n = 1 + below(limit), .k = below(limit)};
    c.trans_a = below(2) ? yes : no;
    c.trans_b = below(2) ? yes : no;
    c.alpha = pick(0, 1, 1, 1, -0.5, 2);
    c.beta = pick(0, 0, 1, -0.5);
    c.gap = static_cast<int>(pick(0, 0, 1, 3, 4, 8));
    c.offset = static_cast<int>(pick(0, 0, 0, 1, 2, 3));
    if (below(6) == 0) {
      c.m = 1 + c.m / 3, c.n = 1 + c.n / 3;
      c.batch = 1 + below(4);
      c.layout = static_cast<batching>(below(5));
    }
    const auto supported = [&] {
      return bool(how.supports(gemm_operands<T>(c, values::integers).problem()));
    };
    if (!supported()) {
      c.n = (c.n + 3) / 4 * 4, c.k = (c.k + 3) / 4 * 4;
      c.gap = c.gap / 4 * 4, c.offset = c.offset / 4 * 4;
      c.trans_a = c.trans_b = no;
      c.batch = 1;
    }
    if (!supported()) c.m = 1 + c.m % 4;
    cases.push_back(c);
  }
  return cases;
}

// ---- Groups of tests
// -----------------------------------------------------------------------------

/// Both kinds of values: the bound for rounding, equality for missing products.
template <class T>
void both_kinds(const method<T>& how, const std::vector<gemm_case>& cases) {
  const stream on;
  expect_right(how, cases, values::integers, on);
  if (!sanitized && !::testing::Test::IsSkipped()) expect_right(how, cases, values::reals, on);
}

/// NaNs and infinities go where the arithmetic sends them and nowhere else; what must not be read
/// is not read.
template <class T>
void special_values(const method<T>& how) {
  const T nan = std::numeric_limits<T>::quiet_NaN(), infinity = std::numeric_limits<T>::infinity();
  const stream on;
  const std::vector<gemm_case> sizes = {
      {.m = 33, .n = 40, .k = 19, .beta = 0.5, .gap = 1},
      {.m = 32, .n = 32, .k = 32, .beta = 0.5},
      {.m = 40, .n = 33, .k = 35, .trans_a = yes, .trans_b = yes, .beta = 0.5},
      {.m = 70, .n = 132, .k = 36, .beta = 0.5, .gap = 4},
      {.m = 1, .n = 65, .k = 130, .beta = 0.5},
      {.m = 40, .n = 3, .k = 66, .trans_b = yes, .beta = 0.5, .offset = 1}};
  using edit = std::function<void(gemm_operands<T>&, const gemm_case&)>;
  const std::pair<const char*, edit> edits[] = {
      {"NaN in the first element of A",
       [&](auto& operands, const auto&) { operands.a_at(0, 0) = nan; }},
      {"NaN in the last element of A",
       [&](auto& operands, const auto& c) { operands.a_at(c.m - 1, c.k - 1) = nan; }},
      {"NaN in the last element of B",
       [&](auto& operands, const auto& c) { operands.b_at(c.k - 1, c.n - 1) = nan; }},
      {"infinity in A, a zero to meet it in B",
       [&](auto& operands, const auto& c) {
         operands.a_at(c.m / 2, c.k / 2) = infinity;
         operands.b_at(c.k / 2, c.n / 3) = 0;
       }},
      {"infinities of both signs in one row of A",
       [&](auto& operands, const auto& c) {
         operands.a_at(c.m - 1, 0) = infinity;
         operands.a_at(c.m - 1, c.k - 1) = -infinity;
       }},
      {"minus infinity in B",
       [&](auto& operands, const auto& c) { operands.b_at(0, c.n - 1) = -infinity; }},
      {"NaN and infinity in C, which beta reads",
       [&](auto& operands, const auto& c) {
         operands.c_at(0, 0) = nan;
         operands.c_at(c.m - 1, c.n - 1) = infinity;
       }},
      {"products that underflow",
       [&](auto& operands, const auto& c) {
         const T tiny = std::numeric_limits<T>::min();
         for (std::int64_t k = 0; k < c.k; ++k) {
           operands.a_at(0, k) = tiny;
           operands.b_at(k, c.n - 1) = tiny;
         }
       }},
      {"products that overflow", [&](auto& operands, const auto& c) {
         for (std::int64_t k = 0; k < c.k; ++k) operands.a_at(0, k) = 0;
         operands.a_at(0, c.k - 1) = std::numeric_limits<T>::max();
         operands.b_at(c.k - 1, 0) = 4;
         operands.b_at(c.k - 1, c.n - 1) = -4;
       }}};
  for (const auto& [what, apply] : edits) {
    SCOPED_TRACE(what);
    for_supported(how, sizes, values::reals,
                  [&](gemm_operands<T>& operands, const gemm_case& size) {
                    apply(operands, size);
                    operands.upload();
                    if (launch_and_wait(how, operands, on)) {
                      EXPECT_TRUE(operands.check());
                    }
                  });
    if (::testing::Test::IsSkipped()) return;
  }

  // A and B hold nothing but NaNs: alpha == 0 must not look.
  const std::vector<gemm_case> no_product = {{.m = 33, .n = 40, .k = 20, .alpha = 0},
                                             {.m = 33, .n = 40, .k = 20, .alpha = 0, .beta = 0.5},
                                             {.m = 3, .n = 40, .k = 20, .alpha = 0, .beta = 0.5}};
  for_supported(how, no_product, values::reals,
                [&](gemm_operands<T>& operands, const gemm_case& size) {
                  for (std::int64_t k = 0; k < size.k; ++k) {
                    for (std::int64_t row = 0; row < size.m; ++row) operands.a_at(row, k) = nan;
                    for (std::int64_t col = 0; col < size.n; ++col) operands.b_at(k, col) = nan;
                  }
                  operands.upload();
                  if (launch_and_wait(how, operands, on)) {
                    EXPECT_TRUE(operands.check());
                  }
                });
}

/// Problems that the determinism and stream tests run on.
std::vector<gemm_case> some_of_everything() {
  return {{.m = 33, .n = 40, .k = 19, .beta = 0.5, .gap = 1},
          {.m = 64, .n = 64, .k = 64},
          {.m = 70, .n = 65, .k = 33, .trans_a = yes, .trans_b = yes, .alpha = -0.5, .offset = 1},
          {.m = 8, .n = 8, .k = 500, .beta = 1},
          {.m = 2, .n = 200, .k = 130, .trans_b = yes},
          {.m = 150, .n = 3, .k = 64, .trans_a = yes, .alpha = -0.5, .beta = 1, .gap = 1},
          {.m = 130, .n = 72, .k = 100, .beta = 1, .gap = 4},
          {.m = 9, .n = 20, .k = 17, .beta = 1, .batch = 3}};
}

/// The same bits in every run, in every order in which the threads may run.
template <class T>
void deterministic(const method<T>& how) {
  const stream on;
  for_supported(
      how, some_of_everything(), values::reals, [&](gemm_operands<T>& operands, const gemm_case&) {
        std::optional<guarded_array<T>> first;
        for (int repetition = 0; repetition < 2; ++repetition) {
          for_each_schedule(sanitized ? 2 : 4, [&](const std::string& order) {
            SCOPED_TRACE(order);
            operands.upload();
            if (!launch_and_wait(how, operands, on)) return;
            EXPECT_TRUE(operands.check());
            if (!first) {
              first.emplace(operands.download_c());
            } else {
              EXPECT_TRUE(operands.download_c().same_bits(*first)) << "the bits of C differ";
            }
          });
        }
      });
}

/// The legacy default stream, a stream of one's own, and a captured graph that runs twice.
template <class T>
void streams_and_capture(const method<T>& how) {
  const stream own;
  for_supported(
      how, some_of_everything(), values::reals, [&](gemm_operands<T>& operands, const gemm_case&) {
        operands.upload();
        if (!launch_and_wait(how, operands, cudaStream_t{})) return;
        EXPECT_TRUE(operands.check()) << "on the default stream";
        const guarded_array<T> expected = operands.download_c();

        const lent_workspace workspace(how.workspace_bytes(operands.problem()));
        replay_captured(
            own, [&] { return how.launch(operands.problem(), own, workspace.view()); },
            [&] { operands.upload(); }, [&] { return operands.download_c().same_bits(expected); });
        EXPECT_TRUE(workspace.guards_intact()) << "memory outside of the workspace was written";
      });
}

/// Sizes that occupy a whole GPU, judged by gemm::verify (which has tests of its own).
template <class T>
void large(const method<T>& how) {
  const stream on;
  const std::vector<gemm_case> cases = {
      {1024, 1024, 512},
      {1000, 1500, 300},
      {2049, 1023, 257},
      {.m = 1111, .n = 2222, .k = 333, .trans_a = yes, .beta = 0.5, .gap = 1, .offset = 1},
      {.m = 2048, .n = 512, .k = 768, .trans_b = yes, .alpha = -0.5, .gap = 4},
      {.m = 64, .n = 64, .k = 32768},
      {.m = 300, .n = 200, .k = 100, .beta = 1, .gap = 2, .batch = 50}};
  for_supported(how, cases, values::reals, [&](gemm_operands<T>& operands, const gemm_case&) {
    operands.upload();
    if (!launch_and_wait(how, operands, on)) return;
    const auto& p = operands.problem();
    const guarded_array<T> before = operands.initial_c();
    before.upload();
    device_buffer<gemm::verification> result(1);
    ASSERT_EQ(tables::gemm_verify(p, before.device(), result.data(), on), cudaSuccess);
    ASSERT_EQ(cudaStreamSynchronize(on), cudaSuccess);
    gemm::verification found;
    ASSERT_EQ(cudaMemcpy(&found, result.data(), sizeof found, cudaMemcpyDefault), cudaSuccess);
    EXPECT_EQ(found.checked, static_cast<unsigned long long>(p.m * p.n * p.batch));
    EXPECT_EQ(found.wrong, 0u) << "C(" << found.row << ", " << found.col << ") is " << found.got
                               << ", expected " << found.expected << " +- " << found.bound;
    EXPECT_TRUE(operands.surroundings_intact()) << "memory outside of C was written";
  });
}

/// Matrices of more than 2^31 elements: 32-bit index arithmetic breaks here. Each problem makes one
/// matrix huge, by its size or by its leading dimension.
template <class T>
void beyond_32_bits(const method<T>& how) {
  const std::int64_t giant = (std::int64_t{1} << 30) + 64;  // three rows pass 2^31
  const std::int64_t elements = 2 * giant + 200'000;
  std::size_t free = 0, total = 0;
  ASSERT_EQ(cudaMemGetInfo(&free, &total), cudaSuccess);
  const std::size_t needed =
      static_cast<std::size_t>(elements) * sizeof(T) + (std::size_t{1} << 30);
  if (free < needed) {
    GTEST_SKIP() << "needs " << (needed >> 20) << " MiB of device memory, " << (free >> 20)
                 << " are free";
  }
  device_buffer<T> huge(static_cast<std::size_t>(elements));
  device_buffer<T> small(1 << 20), other(1 << 20);
  device_buffer<gemm::verification> result(1);
  const stream on;

  std::vector<T> random_values(1 << 20);
  std::mt19937 random(31);
  for (T& value : random_values) value = std::uniform_real_distribution<T>(T(-1), T(1))(random);
  for (const auto* buffer : {&small, &other}) {
    WARPLADDER_TRY(cudaMemcpy(buffer->data(), random_values.data(), buffer->size_bytes(),
                              cudaMemcpyHostToDevice));
  }

  struct giant_case {
    const char* what;
    gemm::problem<T> p;
  };
  const gemm::problem<T> a_huge{.m = 3,
                                .n = 65,
                                .k = 130,
                                .a = huge.data(),
                                .lda = giant,
                                .b = small.data(),
                                .ldb = 65,
                                .c = other.data(),
                                .ldc = 65};
  gemm::problem<T> a_huge_transposed = a_huge;
  a_huge_transposed.m = 130, a_huge_transposed.k = 3, a_huge_transposed.trans_a = yes;
  const gemm::problem<T> b_huge{.m = 65,
                                .n = 130,
                                .k = 3,
                                .a = small.data(),
                                .lda = 3,
                                .b = huge.data(),
                                .ldb = giant,
                                .c = other.data(),
                                .ldc = 130};
  const gemm::problem<T> c_huge_ld{.m = 3,
                                   .n = 130,
                                   .k = 5,
                                   .a = small.data(),
                                   .lda = 5,
                                   .b = other.data(),
                                   .ldb = 130,
                                   .c = huge.data(),
                                   .ldc = giant};
  const gemm::problem<T> c_huge{.m = 65'537,
                                .n = 32'769,
                                .k = 3,
                                .a = small.data(),
                                .lda = 3,
                                .b = other.data(),
                                .ldb = 32'769,
                                .c = huge.data(),
                                .ldc = 32'769};
  bool any = false;
  std::string reason;
  for (const giant_case& c : {giant_case{"A with a huge lda", a_huge},
                              {"A transposed with a huge lda", a_huge_transposed},
                              {"B with a huge ldb", b_huge},
                              {"C with a huge ldc", c_huge_ld},
                              {"C of 65537 x 32769", c_huge}}) {
    SCOPED_TRACE(c.what);
    ASSERT_EQ(gemm::explain_invalid(c.p), "");
    if (const support can = how.supports(c.p); !can) {
      reason = can.why_not;
      std::printf("  %s: not supported by %s: %s\n", c.what, how.name.c_str(), reason.c_str());
      continue;
    }
    any = true;
    ASSERT_EQ(cudaMemset(huge.data(), 0xFF, huge.size_bytes()), cudaSuccess);  // NaN everywhere
    const bool transposed_a = c.p.trans_a == yes;
    for (int row = 0; row < 3; ++row) {  // the rows that a huge input has
      if (c.p.a == huge.data()) {
        WARPLADDER_TRY(cudaMemcpy(huge.data() + row * giant, random_values.data() + row * 1000,
                                  (transposed_a ? c.p.m : c.p.k) * sizeof(T),
                                  cudaMemcpyHostToDevice));
      } else if (c.p.b == huge.data()) {
        WARPLADDER_TRY(cudaMemcpy(huge.data() + row * giant, random_values.data() + row * 1000,
                                  c.p.n * sizeof(T), cudaMemcpyHostToDevice));
      }
    }
    const lent_workspace workspace(how.workspace_bytes(c.p));
    ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);  // `on` does not wait for what is above
    ASSERT_EQ(how.launch(c.p, on, workspace.view()), cudaSuccess);
    ASSERT_EQ(tables::gemm_verify<T>(c.p, nullptr, result.data(), on), cudaSuccess);
    ASSERT_EQ(cudaStreamSynchronize(on), cudaSuccess);
    gemm::verification found;
    ASSERT_EQ(cudaMemcpy(&found, result.data(), sizeof found, cudaMemcpyDefault), cudaSuccess);
    EXPECT_EQ(found.checked, static_cast<unsigned long long>(c.p.m * c.p.n));
    EXPECT_EQ(found.wrong, 0u) << "C(" << found.row << ", " << found.col << ") is " << found.got
                               << ", expected " << found.expected << " +- " << found.bound;
    if (c.p.c == other.data()) {  // the next problem reads it
      WARPLADDER_TRY(cudaMemcpy(other.data(), random_values.data(), other.size_bytes(),
                                cudaMemcpyHostToDevice));
    }
  }
  if (!any) GTEST_SKIP() << how.name << ": " << reason;
}

// ---- Registration
// --------------------------------------------------------------------------------

template <class T>
void add_tests(const std::string& type, const method<T>& how) {
  const auto add = [&](const std::string& name, std::function<void()> body) {
    device_test::add("Gemm/" + type + "/" + how.name, name, [how, body] {
      if (!how.why_not_here.empty()) GTEST_SKIP() << how.name << ": " << how.why_not_here;
      body();
    });
  };
  add("tile_edges", [how] { both_kinds(how, tile_edges()); });
  add("ragged_and_skinny", [how] { both_kinds(how, ragged_and_skinny()); });
  add("empty", [how] { both_kinds(how, empty()); });
  add("layouts", [how] { both_kinds(how, layouts()); });
  add("scalars", [how] { both_kinds(how, scalars()); });
  add("batches", [how] { both_kinds(how, batches()); });
  add("random", [how] { both_kinds(how, random_cases(how, on_gpu ? 300 : sanitized ? 20 : 60)); });
  add("special_values", [how] { special_values(how); });
  add("deterministic", [how] { deterministic(how); });
  add("streams_and_capture", [how] { streams_and_capture(how); });
  if (on_gpu || (!sanitized && how.name == "front_door")) {
    add("many_blocks", [how] { expect_right(how, many_blocks(), values::integers, stream()); });
  }
  if (on_gpu) {
    add("large", [how] { large(how); });
    add("beyond_32_bits", [how] { beyond_32_bits(how); });
  }
}

template <class T>
void add_all(const std::string& type) {
  device_facts facts;
  const bool has_device = why_no_device().empty() && query_device(facts) == cudaSuccess;
  for (const auto& rung : tables::gemm<T>()) {
    char step[16];
    std::snprintf(step, sizeof step, "%02d_", rung.info.step);
    std::string why_not_here;
    if (!on_gpu && !rung.info.runs_on_host) why_not_here = "has no host version";
    if (has_device && facts.compute_capability < rung.info.min_compute_capability)
      why_not_here = "needs compute capability " + std::to_string(rung.info.min_compute_capability);
    add_tests<T>(type, {step + std::string(rung.info.name), why_not_here, rung.supports,
                        rung.workspace_bytes, rung.launch});
  }
  const auto everything = [](const gemm::problem<T>&) { return support{}; };
  add_tests<T>(
      type, {"front_door", "", everything, tables::gemm_workspace_bytes<T>, tables::gemm_run<T>});
  add_tests<T>(type, {"front_door_no_workspace", "", everything,
                      [](const gemm::problem<T>&) { return std::size_t{0}; }, tables::gemm_run<T>});
}

}  // namespace

void add_gemm_tests() {
  add_all<float>("f32");
  add_all<double>("f64");
}

}  // namespace warpladder::test

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  warpladder::test::add_gemm_tests();
  warpladder::test::add_gemm_front_door_tests();
  warpladder::test::add_gemm_verify_tests();
  return RUN_ALL_TESTS();
}
