// SPDX-License-Identifier: Apache-2.0
//
// Every rung of the two solver ladders, and the front doors, on the same hostile problems. Tests
// are registered from the ladders' tables: a new rung is tested without an edit here.
//   Jacobi/<NN_rung or front_door>.<group>, ConjugateGradient/...

#include "solver.hpp"

#include <cstdio>
#include <cstring>
#include <functional>
#include <string>
#include <type_traits>
#include <vector>
#include <warpladder/core/stream.hpp>

#include "support/backend.hpp"
#include "support/captured.hpp"
#include "support/lent_workspace.hpp"
#include "support/solver_case.hpp"

namespace warpladder::test {
namespace {

using solver::cg_problem, solver::jacobi_problem;

/// What a test needs of a rung or of a front door.
template <class Problem>
struct method {
  std::string name;
  std::string why_not_here;  ///< not empty: this device cannot run the method at all
  std::function<support(const Problem&)> supports;
  std::function<std::size_t(const Problem&)> workspace_bytes;
  std::function<cudaError_t(const Problem&, cudaStream_t, workspace_view)> launch;
};

template <class Problem>
inline constexpr bool is_jacobi = std::is_same_v<Problem, jacobi_problem>;
template <class Problem>
using operands_of = std::conditional_t<is_jacobi<Problem>, jacobi_operands, cg_operands>;

template <class Problem>
bool launch_and_wait(const method<Problem>& how, const Problem& p, cudaStream_t on) {
  const lent_workspace workspace(how.workspace_bytes(p));
  const cudaError_t launched = how.launch(p, on, workspace.view());
  EXPECT_EQ(launched, cudaSuccess) << cudaGetErrorString(launched);
  const cudaError_t ran = cudaStreamSynchronize(on);
  EXPECT_EQ(ran, cudaSuccess) << cudaGetErrorString(ran);
  const bool guarded = workspace.guards_intact();
  EXPECT_TRUE(guarded) << "memory outside of the workspace was written";
  return launched == cudaSuccess && ran == cudaSuccess && guarded;
}

/// Runs `body` for the cases that the method supports; if there are none, the test is skipped.
template <class Problem, class Body>
void for_supported(const method<Problem>& how, const std::vector<solver_case>& cases,
                   const Body& body) {
  std::size_t unsupported = 0;
  std::string reason;
  for (const solver_case& c : cases) {
    SCOPED_TRACE(::testing::PrintToString(c));
    operands_of<Problem> operands(c);
    ASSERT_EQ(explain_invalid(operands.problem()), "") << "the test posed an illegal problem";
    if (const support can = how.supports(operands.problem()); !can) {
      ++unsupported;
      reason = can.why_not;
      continue;
    }
    body(operands);
    if (::testing::Test::HasFatalFailure()) return;
  }
  if (unsupported == cases.size()) GTEST_SKIP() << how.name << ": " << reason;
}

template <class Problem>
void expect_right(const method<Problem>& how, const std::vector<solver_case>& cases) {
  const stream on;
  for_supported(how, cases, [&](const auto& operands) {
    operands.upload();
    if (launch_and_wait(how, operands.problem(), on)) {
      EXPECT_TRUE(operands.check());
    }
  });
}

// ---- Problems
// ------------------------------------------------------------------------------------

/// Every kind of rim, ragged patches and bands, rows of one warp and of several.
std::vector<solver_case> shapes() {
  std::vector<solver_case> cases;
  const std::vector<std::pair<int, int>> sizes = {
      {1, 1},    {1, 2},   {2, 1},    {2, 2},     {1, 40},   {40, 1},
      {2, 70},   {3, 3},   {3, 40},   {40, 3},    {4, 131},  {31, 33},
      {17, 130}, {66, 34}, {34, 258}, {127, 129}, {18, 514}, {300, 64}};
  for (const auto& [rows, cols] : sizes) {
    for (const int steps : {1, 2, 17}) {
      if (sanitized && rows * cols > 5000 && steps != 2) continue;
      cases.push_back({.rows = rows, .cols = cols, .steps = steps});
    }
  }
  if (on_gpu) {
    for (const auto& [rows, cols] : {std::pair{256, 256},
                                     {257, 255},
                                     {511, 1000},
                                     {1023, 1025},
                                     {1536, 1536},
                                     {2048, 2048},
                                     {2050, 2050},
                                     {1500, 3074},
                                     {5000, 300},
                                     {2300, 2303},
                                     {3000, 3001}})
      cases.push_back({.rows = rows, .cols = cols, .steps = 17});
  }
  return cases;
}

/// Long rows, and so many that the host's few multiprocessors take every shape of patch: between
/// them these meet all shapes that a thread may hold, ghost rows included.
std::vector<solver_case> every_patch(bool heat) {
  if (!heat)
    return {{.rows = 20, .cols = 2048, .steps = 2}, {.rows = 40, .cols = 1900, .steps = 2}};
  if (sanitized)
    return {{.rows = 40, .cols = 2060, .steps = 2}, {.rows = 40, .cols = 1500, .steps = 5}};
  return {{.rows = 50, .cols = 2049, .steps = 6},  {.rows = 70, .cols = 2050, .steps = 5},
          {.rows = 100, .cols = 2048, .steps = 2}, {.rows = 120, .cols = 1538, .steps = 6},
          {.rows = 170, .cols = 2049, .steps = 2}, {.rows = 200, .cols = 1537, .steps = 6},
          {.rows = 210, .cols = 2050, .steps = 2}, {.rows = 40, .cols = 2060, .steps = 3},
          {.rows = 30, .cols = 2400, .steps = 3}};
}

std::vector<solver_case> without_steps() {
  return {{.rows = 1, .cols = 1, .steps = 0},
          {.rows = 31, .cols = 33, .steps = 0, .gap_out = 3},
          {.rows = 40, .cols = 200, .steps = 0}};
}

std::vector<solver_case> layouts() {
  std::vector<solver_case> cases;
  for (const int gap : {0, 1, 5}) {
    for (const int offset : {0, 1, 2, 3}) {
      cases.push_back({.rows = 12,
                       .cols = 70,
                       .steps = 3,
                       .gap_in = gap,
                       .gap_out = 5 - gap,
                       .offset_in = offset,
                       .offset_out = 3 - offset});
    }
  }
  return cases;
}

std::vector<solver_case> random_cases(int count) {
  solver_random random{77};
  const auto below = [&](int bound) { return int(random.bits() % unsigned(bound)); };
  std::vector<solver_case> cases;
  for (int i = 0; i < count; ++i) {
    const int limit = on_gpu ? 800 : sanitized ? 50 : 90;
    cases.push_back({.rows = 1 + below(limit),
                     .cols = 1 + below(limit),
                     .steps = below(12),
                     .gap_in = below(2) * below(9),
                     .gap_out = below(2) * below(9),
                     .offset_in = below(2) * below(9),
                     .offset_out = below(2) * below(9)});
  }
  return cases;
}

/// Small enough for many schedules: several bands, several warps, a ragged rim.
std::vector<solver_case> some_of_everything() {
  return {{.rows = 5, .cols = 7, .steps = 4},
          {.rows = 19, .cols = 60, .steps = 7, .gap_in = 2, .gap_out = 1},
          {.rows = 40, .cols = 140, .steps = 5, .offset_in = 1, .offset_out = 3}};
}

// ---- Groups of tests
// -----------------------------------------------------------------------------

/// No cells: nothing is read or written, and pointers may be null. The norm of nothing is 0.
template <class Problem>
void empty(const method<Problem>& how) {
  const stream on;
  for (const auto& [rows, cols] : {std::pair{0, 0}, {0, 5}, {5, 0}}) {
    const operands_of<Problem> operands({.rows = rows, .cols = cols, .gap_in = 1, .gap_out = 1});
    operands.upload();
    ASSERT_TRUE(launch_and_wait(how, operands.problem(), on));
    EXPECT_TRUE(operands.is_untouched());
    if constexpr (!is_jacobi<Problem>) {
      EXPECT_EQ(operands.residual(), 0);
    }
  }
}

/// The same bits in every order in which the threads may run, and in every repetition.
template <class Problem>
void schedules(const method<Problem>& how) {
  const stream on;
  for_supported(how, some_of_everything(), [&](const auto& operands) {
    std::vector<float> first;
    for_each_schedule(sanitized ? 2 : 5, [&](const std::string& order) {
      SCOPED_TRACE(order);
      for (int repetition = 0; repetition < (on_gpu ? 20 : 1); ++repetition) {
        operands.upload();
        if (!launch_and_wait(how, operands.problem(), on)) return;
        EXPECT_TRUE(operands.check());
        const std::vector<float> got = operands.results();
        if (first.empty()) first = got;
        EXPECT_EQ(std::memcmp(first.data(), got.data(), got.size() * sizeof(float)), 0)
            << "other bits than the first time";
      }
    });
  });
}

/// Launches one after the other on one workspace, of different sizes: what the last one left there
/// must not be taken for this one's.
template <class Problem>
void one_workspace(const method<Problem>& how) {
  const stream on;
  std::size_t bytes = 0;
  for_supported(how, some_of_everything(), [&](const auto& operands) {
    bytes = std::max(bytes, how.workspace_bytes(operands.problem()));
  });
  const lent_workspace workspace(bytes);
  for (int repetition = 0; repetition < 3; ++repetition) {
    for_supported(how, some_of_everything(), [&](const auto& operands) {
      operands.upload();
      for (int launch = 0; launch < 3; ++launch)
        ASSERT_EQ(how.launch(operands.problem(), on, workspace.view()), cudaSuccess);
      ASSERT_EQ(cudaStreamSynchronize(on), cudaSuccess);
      EXPECT_TRUE(operands.check());
    });
  }
  EXPECT_TRUE(workspace.guards_intact()) << "memory outside of the workspace was written";
}

/// The legacy default stream, and a captured graph that runs twice on one workspace.
template <class Problem>
void streams_and_capture(const method<Problem>& how) {
  const stream own;
  for_supported(how, some_of_everything(), [&](const auto& operands) {
    operands.upload();
    if (!launch_and_wait(how, operands.problem(), cudaStream_t{})) return;
    EXPECT_TRUE(operands.check()) << "on the default stream";

    const lent_workspace workspace(how.workspace_bytes(operands.problem()));
    replay_captured(
        own, [&] { return how.launch(operands.problem(), own, workspace.view()); },
        [&] { operands.upload(); }, [&] { return operands.check(); });
    EXPECT_TRUE(workspace.guards_intact()) << "memory outside of the workspace was written";
  });
}

/// Too little scratch, none, or misaligned: a refusal, and nothing is written.
template <class Problem>
void bad_workspace(const method<Problem>& how) {
  const stream on;
  const operands_of<Problem> operands({.rows = 20, .cols = 30, .steps = 5});
  const std::size_t bytes = how.workspace_bytes(operands.problem());
  ASSERT_GT(bytes, 0u);
  const lent_workspace workspace(bytes + 256);
  void* const begin = workspace.view().data;
  operands.upload();
  for (const workspace_view& bad :
       {workspace_view{begin, bytes - 1}, workspace_view{nullptr, bytes}, workspace_view{},
        workspace_view{static_cast<char*>(begin) + 16, bytes}}) {
    EXPECT_EQ(how.launch(operands.problem(), on, bad), cudaErrorInvalidValue)
        << bad.data << " " << bad.bytes;
  }
  EXPECT_EQ(cudaStreamSynchronize(on), cudaSuccess);
  EXPECT_TRUE(operands.is_untouched());
}

/// Rows at distances that no memory has: legal where there is one row.
template <class Problem>
void absurd_distances(const method<Problem>& how) {
  const stream on;
  const operands_of<Problem> operands({.rows = 1, .cols = 50, .steps = 3});
  Problem p = operands.problem();
  if constexpr (is_jacobi<Problem>) {
    p.ld_in = std::int64_t{1} << 55, p.ld_out = (std::int64_t{1} << 56) + 8;
  } else {
    p.ld_b = std::int64_t{1} << 55, p.ld_x = (std::int64_t{1} << 56) + 8;
  }
  ASSERT_EQ(explain_invalid(p), "");
  operands.upload();
  ASSERT_TRUE(launch_and_wait(how, p, on));
  EXPECT_TRUE(operands.check());
}

/// What is not finite spreads as the formula says, and -0 stays -0 on the rim. NaNs are compared as
/// NaNs: which one comes out is the hardware's choice.
void special_values(const method<jacobi_problem>& how) {
  const stream on;
  for_supported(how, {{.rows = 20, .cols = 50, .steps = 3}, {.rows = 9, .cols = 140, .steps = 2}},
                [&](auto& operands) {
                  operands.fill_special();
                  operands.upload();
                  if (launch_and_wait(how, operands.problem(), on)) {
                    EXPECT_TRUE(operands.check());
                  }
                });
}

/// Small integers: both dot products of the first iteration are exact in any order, and what comes
/// out is one quotient and one product per element, equal in every bit.
void first_iteration(const method<cg_problem>& how) {
  const stream on;
  std::vector<solver_case> cases = shapes();
  std::erase_if(cases, [](const solver_case& c) { return c.rows * c.cols > 40'000; });
  for (solver_case& c : cases) c.steps = 1;
  for_supported(how, cases, [&](auto& operands) {
    const std::int64_t rows = operands.shape().rows, cols = operands.shape().cols;
    solver_random random{5};
    for (std::int64_t k = 0; k < rows * cols; ++k)
      operands.at(k / cols, k % cols) = float(int(random.bits() % 7) - 3);
    operands.upload();
    if (!launch_and_wait(how, operands.problem(), on)) return;
    const vector64 b = operands.b();
    const double pq = dot(b, laplacian(b, rows, cols));
    const float alpha = pq == 0 ? 0 : float(dot(b, b)) / float(pq);
    const std::vector<float> got = operands.results();
    for (std::size_t k = 0; k < got.size(); ++k)
      ASSERT_EQ(got[k], alpha * float(b[k])) << "element " << k;
  });
}

/// b = 0: x = 0 and no NaN, however many iterations. And NaN in b: no number comes out.
void nothing_to_do(const method<cg_problem>& how) {
  const stream on;
  for_supported(how, some_of_everything(), [&](auto& operands) {
    const std::int64_t cells = operands.shape().rows * operands.shape().cols;
    const std::int64_t cols = operands.shape().cols;
    for (const float last : {0.0f, NAN}) {
      for (std::int64_t k = 0; k < cells; ++k) operands.at(k / cols, k % cols) = 0;
      operands.at((cells - 1) / cols, (cells - 1) % cols) = last;
      operands.upload();
      if (!launch_and_wait(how, operands.problem(), on)) return;
      EXPECT_EQ(std::isnan(operands.residual()), std::isnan(last));
      const std::vector<float> got = operands.results();
      EXPECT_EQ(std::isnan(got.back()), std::isnan(last));
      if (last == 0) {
        for (const float x : got) ASSERT_EQ(x, 0);
      }
    }
  });
}

/// Far more iterations than there are unknowns: what is solved stays solved.
void solved(const method<cg_problem>& how) {
  expect_right(how, {{.rows = 1, .cols = 1, .steps = 50},
                     {.rows = 1, .cols = 3, .steps = 60},
                     {.rows = 4, .cols = 5, .steps = 300},
                     {.rows = 12, .cols = 9, .steps = 200}});
}

/// Nobody asks for the residual.
void without_residual(const method<cg_problem>& how) {
  const stream on;
  const cg_operands operands({.rows = 20, .cols = 30, .steps = 5});
  cg_problem p = operands.problem();
  operands.upload();
  ASSERT_TRUE(launch_and_wait(how, p, on));
  const std::vector<float> with = operands.results();
  operands.upload();
  p.residual = nullptr;
  ASSERT_TRUE(launch_and_wait(how, p, on));
  const std::vector<float> without = operands.results();
  EXPECT_EQ(std::memcmp(with.data(), without.data(), with.size() * sizeof(float)), 0);
}

// ---- Registration
// --------------------------------------------------------------------------------

template <class Problem>
void add_tests(const std::string& ladder, const method<Problem>& how) {
  const auto add = [&](const std::string& name, std::function<void()> body) {
    device_test::add(ladder + "/" + how.name, name, [how, body] {
      if (!how.why_not_here.empty()) GTEST_SKIP() << how.name << ": " << how.why_not_here;
      body();
    });
  };
  const auto add_right = [&](const std::string& name, std::vector<solver_case> cases) {
    add(name, [how, cases] { expect_right(how, cases); });
  };
  add("empty", [how] { empty(how); });
  add_right("shapes", shapes());
  add_right("without_steps", without_steps());
  add_right("layouts", layouts());
  add_right("every_patch", every_patch(is_jacobi<Problem>));
  add_right("random", random_cases(on_gpu ? 100 : sanitized ? 10 : 25));
  add("schedules", [how] { schedules(how); });
  add("one_workspace", [how] { one_workspace(how); });
  add("streams_and_capture", [how] { streams_and_capture(how); });
  add("bad_workspace", [how] { bad_workspace(how); });
  add("absurd_distances", [how] { absurd_distances(how); });
  if constexpr (is_jacobi<Problem>) {
    add("special_values", [how] { special_values(how); });
  } else {
    add("first_iteration", [how] { first_iteration(how); });
    add("nothing_to_do", [how] { nothing_to_do(how); });
    add("solved", [how] { solved(how); });
    add("without_residual", [how] { without_residual(how); });
  }
}

template <class Problem>
void add_ladder(const std::string& name, std::span<const rung_entry<Problem>> rungs,
                std::size_t (*front_door_bytes)(const Problem&),
                cudaError_t (*front_door)(const Problem&, cudaStream_t, workspace_view)) {
  device_facts facts;
  const bool has_device = why_no_device().empty() && query_device(facts) == cudaSuccess;
  for (const auto& rung : rungs) {
    char step[16];
    std::snprintf(step, sizeof step, "%02d_", rung.info.step);
    std::string why_not_here;
    if (has_device && facts.compute_capability < rung.info.min_compute_capability)
      why_not_here = "needs compute capability " + std::to_string(rung.info.min_compute_capability);
    add_tests<Problem>(name, {step + std::string(rung.info.name), why_not_here, rung.supports,
                              rung.workspace_bytes, rung.launch});
  }
  add_tests<Problem>(name, {"front_door", "", [](const Problem&) { return support{}; },
                            front_door_bytes, front_door});
}

// ---- Refusals: no device needed
// ------------------------------------------------------------------

/// Addresses that nobody dereferences.
float* address(std::uintptr_t at) {
  return reinterpret_cast<float*>(at);
}

jacobi_problem legal_jacobi() {
  return {.rows = 10,
          .cols = 20,
          .steps = 3,
          .in = address(4096),
          .ld_in = 20,
          .out = address(8192),
          .ld_out = 20};
}
cg_problem legal_cg() {
  return {.rows = 10,
          .cols = 20,
          .iterations = 3,
          .b = address(4096),
          .ld_b = 20,
          .x = address(8192),
          .ld_x = 20,
          .residual = address(256)};
}

template <class Problem, class Edit>
::testing::AssertionResult refuses(Problem p, const Edit& edit, const std::string& word) {
  edit(p);
  const std::string reason(explain_invalid(p));
  if (reason.find(word) == reason.npos || word.empty() != reason.empty())
    return ::testing::AssertionFailure() << "explain_invalid says '" << reason << "'";
  if (word.empty()) return ::testing::AssertionSuccess();
  cudaError_t status;
  if constexpr (is_jacobi<Problem>) {
    status = tables::solver_jacobi(p, {}, {});
  } else {
    status = tables::solver_conjugate_gradient(p, {}, {});
  }
  if (status != cudaErrorInvalidValue)
    return ::testing::AssertionFailure() << "the front door does not refuse";
  return ::testing::AssertionSuccess();
}

TEST(jacobi_refusal, refuses_what_is_illegal) {
  const auto expect = [](auto edit, const char* word) {
    EXPECT_TRUE(refuses(legal_jacobi(), edit, word));
  };
  using problem = jacobi_problem;
  expect([](problem&) {}, "");
  expect([](problem& p) { p.rows = -1; }, "negative");
  expect([](problem& p) { p.cols = -1; }, "negative");
  expect([](problem& p) { p.steps = -1; }, "steps");
  expect([](problem& p) { p.ld_in = 19; }, "leading");
  expect([](problem& p) { p.ld_out = 19; }, "leading");
  expect([](problem& p) { p.ld_in = std::int64_t{1} << 58; }, "address");
  expect([](problem& p) { p.in = nullptr; }, "null");
  expect([](problem& p) { p.out = nullptr; }, "null");
  expect([](problem& p) { p.in = address(4097); }, "aligned");
  expect([](problem& p) { p.out = address(8193); }, "aligned");
  expect([](problem& p) { p.out = address(4096); }, "overlaps");
  expect([](problem& p) { p.out = address(4096 + 199 * 4); }, "overlaps");
  expect([](problem& p) { p.out = address(4096 + 200 * 4); }, "");
  expect([](problem& p) { p.ld_in = p.ld_out = 40, p.out = address(4096 + 80); }, "");
  expect([](problem& p) { p.rows = 0, p.in = nullptr, p.out = nullptr; }, "");
}

TEST(cg_refusal, refuses_what_is_illegal) {
  const auto expect = [](auto edit, const char* word) {
    EXPECT_TRUE(refuses(legal_cg(), edit, word));
  };
  using problem = cg_problem;
  expect([](problem&) {}, "");
  expect([](problem& p) { p.iterations = -1; }, "iterations");
  expect([](problem& p) { p.rows = -1; }, "negative");
  expect([](problem& p) { p.ld_b = 19; }, "leading");
  expect([](problem& p) { p.b = nullptr; }, "null");
  expect([](problem& p) { p.x = address(4096 + 4); }, "overlaps");
  expect([](problem& p) { p.residual = nullptr; }, "");
  expect([](problem& p) { p.residual = address(258); }, "residual is not aligned");
  expect([](problem& p) { p.residual = address(8192 + 4 * 199); }, "residual overlaps");
  expect([](problem& p) { p.residual = address(4096); }, "residual overlaps");
  expect([](problem& p) { p.residual = address(8192 + 4 * 200); }, "");
}

}  // namespace
}  // namespace warpladder::test

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  using namespace warpladder;
  test::add_ladder("Jacobi", tables::jacobi_rungs(), tables::solver_jacobi_workspace_bytes,
                   tables::solver_jacobi);
  test::add_ladder("ConjugateGradient", tables::cg_rungs(), tables::solver_cg_workspace_bytes,
                   tables::solver_conjugate_gradient);
  return RUN_ALL_TESTS();
}
