// SPDX-License-Identifier: Apache-2.0
//
// Every rung of the tensor core GEMMs, and the front door, on the same hostile problems. Tests are
// registered from the ladder's tables: a new rung is tested without an edit here.
//   GemmTc/<types>/<NN_rung or front_door>.<group of problems>

#include "gemm_tc.hpp"

#include <cstdio>
#include <optional>
#include <random>
#include <warpladder/core/stream.hpp>

#include "gemm_tc_test.hpp"
#include "support/backend.hpp"
#include "support/captured.hpp"
#include "support/for_supported.hpp"
#include "support/gemm_tc_case.hpp"
#include "support/lent_workspace.hpp"

namespace warpladder::test {
namespace {

using enum gemm::transpose;

/// What a test needs of a rung or of the front door.
template <class In, class Out>
struct method {
  using problem = gemm_tc::problem<In, Out>;

  std::string name;
  std::string why_not_here;  ///< not empty: this device cannot run the method at all
  /// How often a sum may be rounded to Out on its way: the vendor's splits along k do so.
  int more_roundings;
  std::function<support(const problem&)> supports;
  std::function<std::size_t(const problem&)> workspace_bytes;
  std::function<cudaError_t(const problem&, cudaStream_t, workspace_view)> launch;
};

/// Scratch for one launch after the other: made anew only when another size is asked for, as the
/// vendor wants 32 MiB every time.
class scratch {
 public:
  workspace_view of(std::size_t bytes) {
    if (!lent_ || bytes_ != bytes) lent_.emplace(bytes), bytes_ = bytes;
    return lent_->view();
  }
  bool guards_intact() const { return !lent_ || lent_->guards_intact(); }

 private:
  std::optional<lent_workspace> lent_;
  std::size_t bytes_ = 0;
};

/// Launches once on `stream` and waits; false and a failed expectation if anything complains.
template <class In, class Out>
bool launch_and_wait(const method<In, Out>& how, const tc_operands<In, Out>& operands,
                     cudaStream_t stream, scratch& workspace) {
  const workspace_view lent = workspace.of(how.workspace_bytes(operands.get()));
  const cudaError_t launched = how.launch(operands.get(), stream, lent);
  EXPECT_EQ(launched, cudaSuccess) << cudaGetErrorString(launched);
  const cudaError_t ran = cudaStreamSynchronize(stream);
  EXPECT_EQ(ran, cudaSuccess) << cudaGetErrorString(ran);
  return launched == cudaSuccess && ran == cudaSuccess;
}

/// Runs `body` for the cases that the method supports. The others are counted and named; if there
/// are no others, the test is skipped with the method's own reason.
template <class In, class Out, class Body>
void for_supported(const method<In, Out>& how, const std::vector<tc_case>& cases, tc_values kind,
                   const Body& body) {
  for_supported_cases<tc_operands<In, Out>>(
      how, cases, kind, [](const auto& operands) { return operands.get(); }, body);
}

/// The whole check of a list of cases: right values, nothing else touched.
template <class In, class Out>
void expect_right(const method<In, Out>& how, const std::vector<tc_case>& cases, tc_values kind) {
  const stream on;
  scratch workspace;
  for_supported(how, cases, kind, [&](tc_operands<In, Out>& operands, const tc_case&) {
    operands.upload();
    if (launch_and_wait(how, operands, on, workspace)) {
      EXPECT_TRUE(operands.check(how.more_roundings));
    }
  });
  EXPECT_TRUE(workspace.guards_intact()) << "memory outside of the workspace was written";
}

// ---- Problems
// ------------------------------------------------------------------------------------
//
// B is stored n x k, as all types have it, where nothing else is said; `layouts` has the others.

/// Around every tile size that a rung may use: each of the sizes one off.
std::vector<tc_case> tile_edges() {
  std::vector<tc_case> cases;
  const std::vector<int> tiles = sanitized ? std::vector{64}
                                 : on_gpu  ? std::vector{16, 32, 64, 96, 128, 160, 176, 192, 256}
                                           : std::vector{16, 64, 128};
  for (const int tile : tiles) {
    for (const int off : {-1, 1}) {
      cases.push_back({tile + off, tile, 64});
      cases.push_back({tile, tile + off, 64});
      cases.push_back({tile, 64, tile + off});
    }
    cases.push_back({tile, tile, tile});
  }
  if (!sanitized) {
    cases.push_back({129, 257, 33});
    cases.push_back({257, 130, 65});
  }
  if (on_gpu) {
    cases.push_back({256, 256, 512});
    cases.push_back({300, 700, 1000});
    cases.push_back({1024, 512, 130});
  }
  return cases;
}

std::vector<tc_case> ragged_and_skinny() {
  std::vector<tc_case> cases = {{1, 1, 1},  {1, 2, 3},    {5, 7, 11},   {33, 65, 17}, {64, 64, 1},
                                {1, 64, 1}, {1, 257, 64}, {129, 1, 64}, {2, 100, 70}, {1, 1, 1025}};
  if (!sanitized) {
    for (const tc_case& more : {tc_case{8, 8, 2048}, {16, 200, 300}, {17, 130, 33}, {200, 31, 77}})
      cases.push_back(more);
  }
  if (on_gpu) {
    for (const tc_case& more : {tc_case{1, 1, 20'000},
                                {3, 5, 10'001},
                                {1, 10'007, 65},
                                {4'099, 1, 65},
                                {64, 1000, 4096},
                                {7, 4096, 1024}})
      cases.push_back(more);
  }
  return cases;
}

/// More tiles than the host's four multiprocessors take at once: what loops over tiles, loops.
std::vector<tc_case> many_tiles() {
  if (sanitized) return {{260, 520, 72}};
  return {{300, 600, 96},
          {129, 1030, 160},
          {.m = 520, .n = 257, .k = 200, .beta = 1},
          {.m = 130, .n = 264, .k = 72, .batch = 3}};
}

/// Rows that fill one, two and more tiles of 32 to 192 rows, evenly and not, for tiles that come in
/// pairs; the last two turn their ring more than once.
std::vector<tc_case> pairs() {
  if (sanitized) return {{48, 72, 208}, {77, 64, 32}};
  return {{16, 136, 64},  {48, 72, 208},  {62, 200, 96}, {77, 64, 32},   {100, 80, 144},
          {130, 264, 80}, {190, 64, 112}, {250, 72, 96}, {302, 136, 64}, {370, 80, 48},
          {390, 72, 64},  {42, 72, 2304}, {63, 80, 2320}};
}

std::vector<tc_case> empty() {
  return {{.m = 4, .n = 5, .k = 3, .batch = 0},
          {0, 16, 4},
          {5, 0, 4},
          {0, 0, 0},
          {16, 16, 0},
          {.m = 16, .n = 16, .k = 0, .beta = 2},
          {.m = 70, .n = 40, .k = 0, .beta = -0.5, .gap = 1}};
}

/// All transposes x distances between rows x alignments, in sizes that whole vectors can use and in
/// sizes that they cannot.
std::vector<tc_case> layouts() {
  std::vector<tc_case> cases;
  const std::vector<tc_case> sizes =
      sanitized ? std::vector<tc_case>{{48, 32, 64}, {33, 20, 17}}
                : std::vector<tc_case>{{64, 64, 64}, {65, 33, 47}, {3, 144, 80}, {144, 2, 35}};
  const struct {
    int align, gap, offset;
  } places[] = {{16, 0, 0}, {1, 0, 0}, {16, 16, 16}, {16, 0, 1}, {8, 8, 0}, {1, 3, 2}};
  for (const tc_case& size : sizes) {
    for (const auto trans_a : {no, yes}) {
      for (const auto trans_b : {no, yes}) {
        for (const auto& place : places) {
          tc_case c = size;
          c.trans_a = trans_a, c.trans_b = trans_b;
          c.align = place.align, c.gap = place.gap, c.offset = place.offset;
          cases.push_back(c);
        }
      }
    }
  }
  return cases;
}

/// Products that the front door copies into aligned rows first: enough work, and enough uses of
/// each element.
std::vector<tc_case> rows_off_16_bytes() {
  std::vector<tc_case> cases = {{.m = 130, .n = 96, .k = 2731, .beta = 1, .align = 1}};
  if (sanitized) return cases;
  cases.push_back({.m = 101, .n = 150, .k = 2301, .trans_a = yes, .align = 1, .gap = 3});
  cases.push_back({.m = 128, .n = 160, .k = 2048, .offset = 1});
  for (const auto layout : {batching::gapped, batching::shared_b})
    cases.push_back({.m = 99, .n = 97, .k = 1203, .align = 1, .batch = 3, .layout = layout});
  return cases;
}

std::vector<tc_case> scalars() {
  std::vector<tc_case> cases;
  for (const double alpha : {0.0, 1.0, -0.5, 2.0}) {
    for (const double beta : {0.0, 1.0, -0.5, 2.0}) {
      cases.push_back({.m = 33, .n = 40, .k = 20, .alpha = alpha, .beta = beta});
      if (!sanitized)
        cases.push_back({.m = 64, .n = 80, .k = 96, .alpha = alpha, .beta = beta, .gap = 16});
    }
  }
  return cases;
}

std::vector<tc_case> batches() {
  std::vector<tc_case> cases;
  for (const auto layout : {batching::packed, batching::gapped, batching::shared_a,
                            batching::shared_b, batching::shared_both}) {
    cases.push_back({.m = 17, .n = 33, .k = 20, .beta = 0.5, .batch = 3, .layout = layout});
    cases.push_back({.m = 48, .n = 32, .k = 64, .batch = 2, .layout = layout});
    if (!sanitized)
      cases.push_back(
          {.m = 5, .n = 70, .k = 65, .alpha = -0.5, .offset = 1, .batch = 2, .layout = layout});
  }
  cases.push_back({.m = 1, .n = 16, .k = 16, .batch = sanitized ? 20 : 100});
  return cases;
}

/// The weights of all but `layouts`: stored n x k.
std::vector<tc_case> weights_transposed(std::vector<tc_case> cases) {
  for (tc_case& c : cases) c.trans_b = yes;
  return cases;
}

/// Draws from everything above, with sizes that follow no pattern. What the method does not support
/// is tamed step by step: the types' own layout, whole rows, no batch; at last, few rows.
template <class In, class Out>
std::vector<tc_case> random_cases(const method<In, Out>& how, int count) {
  std::mt19937 random(2718);
  const auto below = [&](int bound) { return static_cast<int>(random() % unsigned(bound)); };
  const auto pick = [&](auto... choices) {
    const double all[] = {double(choices)...};
    return all[below(sizeof...(choices))];
  };
  std::vector<tc_case> cases;
  for (int i = 0; i < count; ++i) {
    const int limit = on_gpu ? 300 : sanitized ? 70 : 140;
    tc_case c{.m = 1 + below(limit), .n = 1 + below(limit), .k = below(limit)};
    c.trans_a = below(2) ? yes : no;
    c.trans_b = below(2) ? yes : no;
    c.alpha = pick(0, 1, 1, 1, -0.5, 2);
    c.beta = pick(0, 0, 1, -0.5);
    c.align = static_cast<int>(pick(1, 1, 2, 8, 16));
    c.gap = static_cast<int>(pick(0, 0, 1, 3, 16));
    c.offset = static_cast<int>(pick(0, 0, 0, 1, 2, 8));
    if (below(6) == 0) {
      c.m = 1 + c.m / 3, c.n = 1 + c.n / 3;
      c.batch = 1 + below(4);
      c.layout = static_cast<batching>(below(5));
    }
    const auto supported = [&] {
      return bool(how.supports(tc_operands<In, Out>(c, tc_values::integers).get()));
    };
    if (!supported()) c.trans_a = no, c.trans_b = yes;
    if (!supported()) c.align = 16, c.gap = c.gap / 16 * 16, c.offset = 0;
    if (!supported()) c.batch = 1, c.layout = batching::packed;
    if (!supported()) c.n = (c.n + 15) / 16 * 16, c.k = c.k / 16 * 16 + 16;
    if (!supported()) c.m = 1 + c.m % 16;
    cases.push_back(c);
  }
  return cases;
}

// ---- Groups of tests
// -----------------------------------------------------------------------------

/// Both kinds of values: the bound for rounding, equality for missing products.
template <class In, class Out>
void both_kinds(const method<In, Out>& how, const std::vector<tc_case>& cases) {
  expect_right(how, cases, tc_values::integers);
  if (!sanitized && !::testing::Test::IsSkipped()) expect_right(how, cases, tc_values::reals);
}

/// Inputs that rounding is hard on: of very different sizes, and sums that nearly vanish.
template <class In, class Out>
void ill_scaled(const method<In, Out>& how) {
  const std::vector<tc_case> cases = {{.m = 33, .n = 48, .k = 70, .trans_b = yes, .beta = 0.5},
                                      {.m = 64, .n = 64, .k = 129, .trans_b = yes},
                                      {.m = 5, .n = 80, .k = 257, .trans_b = yes, .alpha = -0.5},
                                      {.m = 130, .n = 16, .k = 64, .trans_b = yes}};
  expect_right(how, cases, tc_values::wide);
  if (!::testing::Test::IsSkipped()) expect_right(how, cases, tc_values::cancelling);
}

/// NaNs and infinities go where the arithmetic sends them and nowhere else; what must not be read
/// is not read.
template <class In, class Out>
void special_values(const method<In, Out>& how) {
  const In nan = numbers<In>::nan();
  // The rungs cut tf32 off, so that the largest float stays finite. The vendor may round it up, to
  // infinity: from it we ask for the largest that either way leaves alone.
  const double largest =
      std::is_same_v<In, float> && how.more_roundings > 0 ? 0x1.ffcp127 : numbers<In>::largest;
  const stream on;
  scratch workspace;
  const std::vector<tc_case> sizes = {
      {.m = 33, .n = 48, .k = 19, .trans_b = yes, .beta = 0.5},
      {.m = 64, .n = 64, .k = 64, .trans_b = yes, .beta = 0.5},
      {.m = 1, .n = 80, .k = 130, .trans_b = yes, .beta = 0.5},
      {.m = 40, .n = 33, .k = 35, .trans_a = yes, .beta = 0.5, .align = 1}};
  using operands_type = tc_operands<In, Out>;
  using edit = std::function<void(operands_type&, const tc_case&)>;
  std::vector<std::pair<const char*, edit>> edits = {
      {"NaN in the first element of A",
       [&](auto& operands, const auto&) { operands.a_at(0, 0) = nan; }},
      {"NaN in the last element of A",
       [&](auto& operands, const auto& c) { operands.a_at(c.m - 1, c.k - 1) = nan; }},
      {"NaN in the last element of B",
       [&](auto& operands, const auto& c) { operands.b_at(c.k - 1, c.n - 1) = nan; }},
      {"NaN and infinity in C, which beta reads",
       [&](auto& operands, const auto& c) {
         operands.c_at(0, 0) = numbers<Out>::nan();
         operands.c_at(c.m - 1, c.n - 1) = numbers<Out>::infinity();
       }},
      {"the smallest products",
       [&](auto& operands, const auto& c) {
         for (std::int64_t k = 0; k < c.k; ++k) {
           operands.a_at(0, k) = In(float(numbers<In>::smallest_normal));
           operands.b_at(k, c.n - 1) = In(float(numbers<In>::smallest_normal));
         }
       }},
      {"the largest products", [&](auto& operands, const auto& c) {
         for (std::int64_t k = 0; k < c.k; ++k) operands.a_at(0, k) = In(0.0f);
         operands.a_at(0, c.k - 1) = In(float(largest));
         operands.b_at(c.k - 1, 0) = In(4.0f);
         operands.b_at(c.k - 1, c.n - 1) = In(-4.0f);
       }}};
  if constexpr (numbers<In>::has_infinity) {
    const In infinity = numbers<In>::infinity();
    In minus_infinity = infinity;
    auto* const top = reinterpret_cast<unsigned char*>(&minus_infinity) + sizeof(In) - 1;
    *top |= 0x80;
    edits.push_back({"infinity in A, a zero to meet it in B", [=](auto& operands, const auto& c) {
                       operands.a_at(c.m / 2, c.k / 2) = infinity;
                       operands.b_at(c.k / 2, c.n / 3) = In(0.0f);
                     }});
    edits.push_back(
        {"infinities of both signs in one row of A", [=](auto& operands, const auto& c) {
           operands.a_at(c.m - 1, 0) = infinity;
           operands.a_at(c.m - 1, c.k - 1) = minus_infinity;
         }});
    edits.push_back({"minus infinity in B", [=](auto& operands, const auto& c) {
                       operands.b_at(0, c.n - 1) = minus_infinity;
                     }});
  }
  const auto run = [&](operands_type& operands) {
    operands.upload();
    if (launch_and_wait(how, operands, on, workspace)) {
      EXPECT_TRUE(operands.check(how.more_roundings));
    }
  };
  for (const auto& [what, apply] : edits) {
    SCOPED_TRACE(what);
    for_supported(how, sizes, tc_values::reals, [&](operands_type& operands, const tc_case& size) {
      apply(operands, size);
      run(operands);
    });
    if (::testing::Test::IsSkipped()) return;
  }

  // A and B hold nothing but NaNs: alpha == 0 must not look.
  const std::vector<tc_case> no_product = {
      {.m = 33, .n = 48, .k = 20, .trans_b = yes, .alpha = 0},
      {.m = 3, .n = 64, .k = 20, .trans_b = yes, .alpha = 0, .beta = 0.5}};
  for_supported(how, no_product, tc_values::reals,
                [&](operands_type& operands, const tc_case& size) {
                  for (std::int64_t k = 0; k < size.k; ++k) {
                    for (std::int64_t row = 0; row < size.m; ++row) operands.a_at(row, k) = nan;
                    for (std::int64_t col = 0; col < size.n; ++col) operands.b_at(k, col) = nan;
                  }
                  run(operands);
                });
}

/// Problems that the determinism and stream tests run on.
std::vector<tc_case> some_of_everything() {
  std::vector<tc_case> cases = {
      {.m = 33, .n = 48, .k = 19, .trans_b = yes, .beta = 0.5, .gap = 1},
      {.m = 64, .n = 64, .k = 192, .trans_b = yes},
      {.m = 8, .n = 16, .k = 500, .trans_b = yes, .beta = 1},
      {.m = 130, .n = 80, .k = 100, .trans_b = yes, .beta = 1, .gap = 16}};
  if (!sanitized) {
    cases.push_back(
        {.m = 70, .n = 65, .k = 33, .trans_a = yes, .alpha = -0.5, .align = 1, .offset = 1});
    cases.push_back({.m = 9, .n = 32, .k = 17, .trans_b = yes, .beta = 1, .batch = 3});
  }
  return cases;
}

/// The same bits in every run, in every order in which the threads may run.
template <class In, class Out>
void deterministic(const method<In, Out>& how) {
  const stream on;
  scratch workspace;
  for_supported(how, some_of_everything(), tc_values::reals,
                [&](tc_operands<In, Out>& operands, const tc_case&) {
                  std::optional<guarded_array<Out>> first;
                  for (int repetition = 0; repetition < (on_gpu ? 3 : 1); ++repetition) {
                    for_each_schedule(sanitized ? 1 : 3, [&](const std::string& order) {
                      SCOPED_TRACE(order);
                      operands.upload();
                      if (!launch_and_wait(how, operands, on, workspace)) return;
                      EXPECT_TRUE(operands.check(how.more_roundings));
                      if (!first) {
                        first.emplace(operands.download_c());
                      } else {
                        EXPECT_TRUE(operands.download_c().same_bits(*first)) << "other bits";
                      }
                    });
                  }
                });
}

/// The legacy default stream, a stream of one's own, and a captured graph that runs twice.
template <class In, class Out>
void streams_and_capture(const method<In, Out>& how) {
  const stream own;
  scratch workspace;
  for_supported(how, some_of_everything(), tc_values::reals,
                [&](tc_operands<In, Out>& operands, const tc_case&) {
                  operands.upload();
                  if (!launch_and_wait(how, operands, cudaStream_t{}, workspace)) return;
                  EXPECT_TRUE(operands.check(how.more_roundings)) << "on the default stream";
                  const guarded_array<Out> expected = operands.download_c();
                  const workspace_view lent = workspace.of(how.workspace_bytes(operands.get()));
                  replay_captured(
                      own, [&] { return how.launch(operands.get(), own, lent); },
                      [&] { operands.upload(); },
                      [&] { return operands.download_c().same_bits(expected); });
                });
  EXPECT_TRUE(workspace.guards_intact()) << "memory outside of the workspace was written";
}

/// What gemm_tc::verify, which has tests of its own, says of a result.
template <class In, class Out>
void expect_verified(const gemm_tc::problem<In, Out>& p, const Out* before, stream_view on,
                     gemm_tc::sums kind) {
  device_buffer<gemm_tc::verification> result(1);
  ASSERT_EQ(tables::gemm_tc_verify(p, before, result.data(), on, kind), cudaSuccess);
  ASSERT_EQ(cudaStreamSynchronize(on), cudaSuccess);
  gemm_tc::verification found;
  ASSERT_EQ(cudaMemcpy(&found, result.data(), sizeof found, cudaMemcpyDefault), cudaSuccess);
  EXPECT_EQ(found.checked, static_cast<unsigned long long>(p.m * p.n * p.batch));
  EXPECT_EQ(found.wrong, 0u) << "C(" << found.row << ", " << found.col << ") of product "
                             << found.batch << " is " << found.got << ", expected "
                             << found.expected << " +- " << found.bound;
}

/// Sizes that occupy a whole GPU.
template <class In, class Out>
void large(const method<In, Out>& how) {
  const stream on;
  scratch workspace;
  const std::vector<tc_case> cases = {
      {.m = 1024, .n = 1024, .k = 512, .trans_b = yes},
      {.m = 1000, .n = 1504, .k = 304, .trans_b = yes},
      {.m = 2049, .n = 1023, .k = 257, .trans_b = yes},
      {.m = 2049, .n = 1023, .k = 257, .beta = 0.5},
      {.m = 1111, .n = 2222, .k = 333, .trans_a = yes, .beta = 0.5, .gap = 16},
      {.m = 2048, .n = 512, .k = 768, .trans_b = yes, .alpha = -0.5, .align = 1, .offset = 1},
      {.m = 64, .n = 4096, .k = 4096, .trans_b = yes},
      {.m = 3000, .n = 5000, .k = 96, .trans_b = yes, .beta = 1},
      {.m = 2100, .n = 3300, .k = 1000, .trans_b = yes},
      {.m = 128, .n = 128, .k = 16384, .trans_b = yes},
      {.m = 304, .n = 208, .k = 112, .trans_b = yes, .beta = 1, .batch = 50},
      {.m = 2, .n = 8, .k = 16, .trans_b = yes, .batch = 70'000}};  // no grid is so deep
  for (const tc_values kind : {tc_values::integers, tc_values::reals}) {
    for_supported(how, cases, kind, [&](tc_operands<In, Out>& operands, const tc_case& c) {
      if (how.more_roundings > 0 && c.batch > 65'535) return;  // the vendor promises no such batch
      operands.upload();
      if (!launch_and_wait(how, operands, on, workspace)) return;
      const guarded_array<Out> before = operands.initial_c();
      before.upload();
      // The vendor may round parts of a sum to Out (seen for unaligned bf16): other groups judge
      // it.
      if (how.more_roundings == 0)
        expect_verified(
            operands.get(), static_cast<const Out*>(before.device()), on,
            kind == tc_values::integers ? gemm_tc::sums::exact : gemm_tc::sums::rounded);
      EXPECT_TRUE(operands.surroundings_intact()) << "memory outside of C was written";
    });
    if (::testing::Test::IsSkipped()) return;
  }
}

/// Matrices of more than 2^31 elements: 32-bit index arithmetic breaks here. Each problem makes one
/// matrix huge by its leading dimension.
template <class In, class Out>
void beyond_32_bits(const method<In, Out>& how) {
  const std::int64_t giant = (std::int64_t{1} << 30) + 64;  // three rows pass 2^31
  constexpr std::size_t element = std::max(sizeof(In), sizeof(Out));
  const std::size_t bytes = std::size_t(2 * giant + 4096) * element;
  std::size_t free = 0, total = 0;
  ASSERT_EQ(cudaMemGetInfo(&free, &total), cudaSuccess);
  if (free < bytes + (std::size_t{1} << 30)) {
    GTEST_SKIP() << "needs " << (bytes >> 20) << " MiB of device memory, " << (free >> 20)
                 << " are free";
  }
  device_buffer<unsigned char> huge(bytes), small(1 << 20), other(1 << 20);
  std::vector<In> digits((1 << 20) / sizeof(In));
  splitmix64 random{31};
  for (In& digit : digits) {
    const int value = random.integer(9) - 4;
    if constexpr (std::is_integral_v<In>) {
      digit = In(value);
    } else {
      digit = In(float(value));
    }
  }
  const auto copy_to = [](void* to, const void* from, std::size_t size) {
    WARPLADDER_TRY(cudaMemcpy(to, from, size, cudaMemcpyHostToDevice));
  };
  const stream on;
  scratch workspace;
  bool any = false;
  std::string reason;
  for (const char which : {'a', 'b', 'c'}) {
    SCOPED_TRACE(std::string("a huge leading dimension of ") + which);
    gemm_tc::problem<In, Out> p{.m = 3, .n = 48, .k = 128};
    p.trans_b = yes;
    p.lda = p.ldb = 128, p.ldc = 48;
    if (which == 'b') p.m = 48, p.n = 3, p.ldc = 16;
    const auto place = [&](char matrix, device_buffer<unsigned char>& usual) {
      return matrix == which ? huge.data() : usual.data();
    };
    p.a = reinterpret_cast<const In*>(place('a', small));
    p.b = reinterpret_cast<const In*>(which == 'a' ? small.data() + (1 << 19) : place('b', other));
    p.c = reinterpret_cast<Out*>(which == 'c' ? huge.data() : other.data() + (1 << 19));
    (which == 'a' ? p.lda : which == 'b' ? p.ldb : p.ldc) = giant;
    ASSERT_EQ(gemm_tc::explain_invalid(p), "");
    if (const support can = how.supports(p); !can) {
      reason = can.why_not;
      continue;
    }
    any = true;
    WARPLADDER_TRY(cudaMemset(huge.data(), 0xff, huge.size_bytes()));
    copy_to(small.data(), digits.data(), 1 << 20);
    copy_to(other.data(), digits.data(), 1 << 20);
    for (int row = 0; row < 3 && which != 'c'; ++row) {
      copy_to(huge.data() + std::size_t(row * giant) * sizeof(In), digits.data() + row * 1000,
              128 * sizeof(In));
    }
    const workspace_view lent = workspace.of(how.workspace_bytes(p));
    ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);  // `on` does not wait for what is above
    ASSERT_EQ(how.launch(p, on, lent), cudaSuccess);
    expect_verified(p, static_cast<const Out*>(nullptr), on,
                    how.more_roundings == 0 ? gemm_tc::sums::exact : gemm_tc::sums::rounded);
  }
  if (!any) GTEST_SKIP() << how.name << ": " << reason;
}

// ---- Registration
// --------------------------------------------------------------------------------

template <class In, class Out>
void add_tests(const std::string& type, const method<In, Out>& how) {
  const auto add = [&](const std::string& name, std::function<void()> body) {
    device_test::add("GemmTc/" + type + "/" + how.name, name, [how, body] {
      if (!how.why_not_here.empty()) GTEST_SKIP() << how.name << ": " << how.why_not_here;
      body();
    });
  };
  add("tile_edges", [how] { both_kinds(how, weights_transposed(tile_edges())); });
  add("ragged_and_skinny", [how] { both_kinds(how, weights_transposed(ragged_and_skinny())); });
  add("many_tiles", [how] { both_kinds(how, weights_transposed(many_tiles())); });
  if (how.name.find("_paired_") != how.name.npos)
    add("pairs", [how] { both_kinds(how, weights_transposed(pairs())); });
  add("empty", [how] { both_kinds(how, weights_transposed(empty())); });
  add("layouts", [how] { both_kinds(how, layouts()); });
  add("scalars", [how] { both_kinds(how, weights_transposed(scalars())); });
  add("batches", [how] { both_kinds(how, weights_transposed(batches())); });
  add("random", [how] { both_kinds(how, random_cases(how, on_gpu ? 200 : sanitized ? 10 : 25)); });
  add("ill_scaled", [how] { ill_scaled(how); });
  if (how.name == "16_tuned" || how.name == "front_door")
    add("rows_off_16_bytes", [how] { both_kinds(how, rows_off_16_bytes()); });
  add("deterministic", [how] { deterministic(how); });
  add("streams_and_capture", [how] { streams_and_capture(how); });
  if constexpr (!std::is_integral_v<In>) add("special_values", [how] { special_values(how); });
  if (on_gpu) {
    add("large", [how] { large(how); });
    add("beyond_32_bits", [how] { beyond_32_bits(how); });
  }
}

template <class In, class Out>
void add_all(const std::string& type) {
  device_facts facts;
  const bool has_device = why_no_device().empty() && query_device(facts) == cudaSuccess;
  constexpr int needed_by_type = gemm_tc::first_compute_capability<In>;
  const auto add_rung = [&](const rung_entry<gemm_tc::problem<In, Out>>& rung) {
    char step[16];
    std::snprintf(step, sizeof step, "%02d_", rung.info.step);
    std::string why_not_here;
    if (!on_gpu && !rung.info.runs_on_host) why_not_here = "has no host version";
    const int needed = std::max(rung.info.min_compute_capability, needed_by_type);
    if (has_device && facts.compute_capability < needed)
      why_not_here = "needs compute capability " + std::to_string(needed);
    add_tests<In, Out>(
        type, {step + std::string(rung.info.name), why_not_here, rung.info.step == 0 ? 33 : 0,
               rung.supports, rung.workspace_bytes, rung.launch});
  };
  for (const auto& rung : tables::gemm_tc<In, Out>()) add_rung(rung);
  for (const auto& tile : tables::gemm_tc_tuned_tiles<In, Out>()) add_rung(tile);
  const auto everything = [](const gemm_tc::problem<In, Out>&) { return support{}; };
  std::string why_no_front_door;
  if (has_device && facts.compute_capability < needed_by_type)
    why_no_front_door = "needs compute capability " + std::to_string(needed_by_type);
  add_tests<In, Out>(type,
                     {"front_door", why_no_front_door, 0, everything,
                      tables::gemm_tc_workspace_bytes<In, Out>, tables::gemm_tc_run<In, Out>});
}

}  // namespace

void add_gemm_tc_tests() {
  add_all<__nv_bfloat16, __nv_bfloat16>("bf16");
  add_all<float, float>("tf32");
  add_all<std::int8_t, std::int32_t>("i8");
  add_all<__nv_fp8_e4m3, __nv_bfloat16>("e4m3");
  if (sanitized) return;  // the same code with other numbers
  add_all<__half, __half>("f16");
  add_all<__nv_fp8_e5m2, __nv_bfloat16>("e5m2");
  add_all<__nv_bfloat16, float>("bf16_f32");
  add_all<__nv_fp8_e4m3, float>("e4m3_f32");
}

}  // namespace warpladder::test

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  warpladder::test::add_gemm_tc_tests();
  warpladder::test::add_gemm_tc_front_door_tests();
  warpladder::test::add_gemm_tc_verify_tests();
  return RUN_ALL_TESTS();
}
