// SPDX-License-Identifier: Apache-2.0
//
// Every rung of the grid_sync ladder on the same grids. Tests are registered from the ladder's
// table: a new rung is tested without an edit here.
//   GridSync/<NN_rung>.<group>

#include "grid_sync.hpp"

#include <cstdio>
#include <functional>
#include <string>
#include <utility>
#include <vector>
#include <warpladder/core/stream.hpp>

#include "support/backend.hpp"
#include "support/captured.hpp"
#include "support/guarded_array.hpp"
#include "support/lent_workspace.hpp"

namespace warpladder::test {
namespace {

using grid_sync::problem;
using rung = rung_entry<problem>;

std::string describe(const problem& p) {
  return std::to_string(p.blocks) + " blocks x " + std::to_string(p.threads) + " threads, " +
         std::to_string(p.rounds) + " rounds, late by up to " + std::to_string(p.max_delay) +
         " clocks, seed " + std::to_string(p.seed);
}

/// The board and the counter of a problem, between canaries.
class operands {
 public:
  explicit operands(problem p)
      : posed_(p), board_(2 * std::int64_t{p.blocks}, 0, !sanitized), wrong_(1, 0, !sanitized) {
    for (std::int64_t i = 0; i < 2 * std::int64_t{p.blocks}; ++i) board_[i] = blank;
    wrong_[0] = 0;
    posed_.board = board_.device();
    posed_.wrong = wrong_.device();
  }

  const problem& posed() const { return posed_; }

  void upload() const {
    board_.upload();
    wrong_.upload();
  }

  /// No block has seen a wrong token, and the board holds those of the last two rounds.
  ::testing::AssertionResult check() const {
    guarded_array<unsigned long long> wrong = wrong_.download();
    if (wrong[0] != 0) return ::testing::AssertionFailure() << wrong[0] << " tokens were wrong";
    guarded_array<unsigned> board = board_.download(), want = board_.clone();
    for (std::uint32_t back = 1; back <= 2 && back <= posed_.rounds; ++back) {
      const std::uint32_t round = posed_.rounds - back;
      for (unsigned block = 0; block < posed_.blocks; ++block)
        want[round % 2 * std::int64_t{posed_.blocks} + block] = (round + 1) * 0x9e3779b1u ^ block;
    }
    if (!board.same_bits(want))
      return ::testing::AssertionFailure() << "the board's word " << board.first_difference(want)
                                           << " is not what the last rounds leave there";
    wrong[0] = wrong_[0];
    if (!wrong.same_bits(wrong_))
      return ::testing::AssertionFailure() << "memory beside the counter was written";
    return ::testing::AssertionSuccess();
  }

  bool is_untouched() const {
    return board_.download().same_bits(board_) && wrong_.download().same_bits(wrong_);
  }

 private:
  static constexpr unsigned blank = 0xffffffffu;
  problem posed_;
  guarded_array<unsigned> board_;
  guarded_array<unsigned long long> wrong_;
};

bool launch_and_wait(const rung& how, const problem& p, workspace_view workspace, cudaStream_t on) {
  const cudaError_t launched = how.launch(p, on, workspace);
  EXPECT_EQ(launched, cudaSuccess) << cudaGetErrorString(launched);
  const cudaError_t ran = cudaStreamSynchronize(on);
  EXPECT_EQ(ran, cudaSuccess) << cudaGetErrorString(ran);
  return launched == cudaSuccess && ran == cudaSuccess;
}

/// Runs `body` for the problems that the rung supports here; if there are none, skips the test.
template <class Body>
void for_supported(const rung& how, const std::vector<problem>& problems, const Body& body) {
  std::size_t unsupported = 0;
  std::string reason;
  for (const problem& p : problems) {
    SCOPED_TRACE(describe(p));
    const operands on(p);
    ASSERT_EQ(explain_invalid(on.posed()), "") << "the test posed an illegal problem";
    if (const support can = how.supports(on.posed()); !can) {
      ++unsupported;
      reason = can.why_not;
      continue;
    }
    body(on);
    if (::testing::Test::HasFatalFailure()) return;
  }
  if (unsupported == problems.size()) GTEST_SKIP() << reason;
}

void expect_right(const rung& how, const std::vector<problem>& problems) {
  const stream queue;
  for_supported(how, problems, [&](const operands& on) {
    const lent_workspace workspace(how.workspace_bytes(on.posed()));
    on.upload();
    if (launch_and_wait(how, on.posed(), workspace.view(), queue)) {
      EXPECT_TRUE(on.check());
      EXPECT_TRUE(workspace.guards_intact()) << "memory outside of the workspace was written";
    }
  });
}

// ---- Problems
// ------------------------------------------------------------------------------------

std::vector<problem> shapes() {
  std::vector<problem> all;
  for (const unsigned blocks : {1u, 2u, 3u, 7u, 33u, 64u}) {
    for (const unsigned threads : {1u, 32u, 33u, 96u, 256u, 1024u}) {
      // Threads of the host executor are fibers, and a sanitized one takes ten times as long.
      if (!on_gpu && blocks * threads > (sanitized ? 2048u : 8192u)) continue;
      for (const std::uint32_t rounds : {0u, 1u, 2u, 5u})
        all.push_back({.blocks = blocks, .threads = threads, .rounds = rounds});
    }
  }
  return all;
}

std::vector<problem> many_rounds() {
  std::vector<problem> all;
  for (const unsigned blocks : {2u, 7u, 33u}) {
    for (const unsigned threads : {1u, 33u, 64u})
      all.push_back({.blocks = blocks, .threads = threads, .rounds = on_gpu ? 1000u : 100u});
  }
  return all;
}

std::vector<problem> delays() {
  std::vector<problem> all;
  for (const unsigned seed : {1u, 2u, 3u, 4u}) {
    for (const auto& [blocks, threads] : {std::pair{2u, 33u}, {8u, 64u}, {33u, 32u}}) {
      all.push_back({.blocks = blocks,
                     .threads = threads,
                     .rounds = on_gpu ? 1000u : 30u,
                     .max_delay = seed * (on_gpu ? 2000 : 200),
                     .seed = seed});
    }
  }
  return all;
}

std::vector<problem> some_of_everything() {
  return {{.blocks = 1, .threads = 32, .rounds = 4},
          {.blocks = 2, .threads = 33, .rounds = 21, .max_delay = 300, .seed = 5},
          {.blocks = 10, .threads = 64, .rounds = 20, .max_delay = 500, .seed = 6}};
}

/// Full multiprocessors, one and two blocks on each of an H100's; on smaller devices these are not
/// supported, but for the kernels that end.
std::vector<problem> device_filling() {
  return {{.blocks = 132, .threads = 1024, .rounds = 100'000},
          {.blocks = 264, .threads = 256, .rounds = 100'000},
          {.blocks = 264, .threads = 1024, .rounds = 50'000, .max_delay = 2000, .seed = 7},
          {.blocks = 2112, .threads = 32, .rounds = 20'000}};
}

// ---- Groups of tests
// -----------------------------------------------------------------------------

/// The same in every order in which the threads may run.
void schedules(const rung& how) {
  const stream queue;
  for_supported(how, some_of_everything(), [&](const operands& on) {
    const lent_workspace workspace(how.workspace_bytes(on.posed()));
    for_each_schedule(5, [&](const std::string& order) {
      SCOPED_TRACE(order);
      on.upload();
      if (launch_and_wait(how, on.posed(), workspace.view(), queue)) {
        EXPECT_TRUE(on.check());
      }
    });
  });
}

/// The default stream, several launches in a row on one workspace, and a graph that runs twice.
void streams_and_capture(const rung& how) {
  const stream own;
  for_supported(how, some_of_everything(), [&](const operands& on) {
    const lent_workspace workspace(how.workspace_bytes(on.posed()));
    on.upload();
    if (!launch_and_wait(how, on.posed(), workspace.view(), cudaStream_t{})) return;
    EXPECT_TRUE(on.check()) << "on the default stream";

    for (int launch = 0; launch < 3; ++launch)
      EXPECT_EQ(how.launch(on.posed(), own, workspace.view()), cudaSuccess);
    ASSERT_EQ(cudaStreamSynchronize(own), cudaSuccess);
    EXPECT_TRUE(on.check()) << "three launches in a row";

    replay_captured(
        own, [&] { return how.launch(on.posed(), own, workspace.view()); }, [&] { on.upload(); },
        [&] { return on.check(); });
    EXPECT_TRUE(workspace.guards_intact()) << "memory outside of the workspace was written";
  });
}

/// As benchmarks run it: barriers and nothing else.
void without_board(const rung& how) {
  const stream queue;
  const problem p{.blocks = 6, .threads = 64, .rounds = 50};
  if (const support can = how.supports(p); !can) GTEST_SKIP() << can.why_not;
  const lent_workspace workspace(how.workspace_bytes(p));
  EXPECT_TRUE(launch_and_wait(how, p, workspace.view(), queue));
  EXPECT_TRUE(workspace.guards_intact());
}

/// Too little scratch, none, or misaligned: a refusal, and nothing is written.
void bad_workspace(const rung& how) {
  const stream queue;
  const operands on({.blocks = 4, .threads = 32, .rounds = 3});
  const std::size_t bytes = how.workspace_bytes(on.posed());
  if (bytes == 0) GTEST_SKIP() << "needs no workspace";
  const lent_workspace workspace(bytes + 256);
  void* const begin = workspace.view().data;
  on.upload();
  for (const workspace_view& bad :
       {workspace_view{begin, bytes - 1}, workspace_view{nullptr, bytes}, workspace_view{},
        workspace_view{static_cast<char*>(begin) + 16, bytes}}) {
    EXPECT_EQ(how.launch(on.posed(), queue, bad), cudaErrorInvalidValue)
        << bad.data << " " << bad.bytes;
  }
  EXPECT_EQ(cudaStreamSynchronize(queue), cudaSuccess);
  EXPECT_TRUE(on.is_untouched());
}

/// A grid of which only a part can be resident: refused where blocks wait for each other, done
/// where kernels end.
void too_large(const rung& how) {
  const stream queue;
  const bool may_exceed = how.info.name == "relaunch" || how.info.name == "dependent_launch";
  const operands on({.blocks = on_gpu ? 20'000u : 5000u, .threads = 1, .rounds = 2});
  EXPECT_EQ(bool(how.supports(on.posed())), may_exceed);
  const lent_workspace workspace(how.workspace_bytes(on.posed()));
  on.upload();
  if (may_exceed) {
    ASSERT_TRUE(launch_and_wait(how, on.posed(), workspace.view(), queue));
    EXPECT_TRUE(on.check());
  } else {
    EXPECT_EQ(how.launch(on.posed(), queue, workspace.view()), cudaErrorCooperativeLaunchTooLarge);
    EXPECT_EQ(cudaStreamSynchronize(queue), cudaSuccess);
    EXPECT_TRUE(on.is_untouched());
  }
  cudaGetLastError();
}

// ---- Registration
// --------------------------------------------------------------------------------

void add_grid_sync_tests() {
  device_facts facts;
  const bool has_device = why_no_device().empty() && query_device(facts) == cudaSuccess;
  for (const rung& how : tables::grid_sync_rungs()) {
    char step[16];
    std::snprintf(step, sizeof step, "%02d_", how.info.step);
    std::string why_not_here;
    if (has_device && facts.compute_capability < how.info.min_compute_capability)
      why_not_here = "needs compute capability " + std::to_string(how.info.min_compute_capability);
    const auto add = [&](const std::string& name, std::function<void(const rung&)> body) {
      device_test::add("GridSync/" + (step + std::string(how.info.name)), name,
                       [how, body, why_not_here] {
                         if (!why_not_here.empty()) GTEST_SKIP() << why_not_here;
                         body(how);
                       });
    };
    const auto add_right = [&](const std::string& name, std::vector<problem> problems) {
      add(name, [problems](const rung& rung) { expect_right(rung, problems); });
    };
    add_right("shapes", shapes());
    add_right("many_rounds", many_rounds());
    add_right("delays", delays());
    if (on_gpu) add_right("device_filling", device_filling());
    add("schedules", schedules);
    add("streams_and_capture", streams_and_capture);
    add("without_board", without_board);
    add("bad_workspace", bad_workspace);
    add("too_large", too_large);
  }
}

TEST(grid_sync_problem, explains_what_is_illegal) {
  unsigned board[4];
  unsigned long long wrong;
  const problem legal{.blocks = 2, .threads = 64, .rounds = 9, .board = board, .wrong = &wrong};
  EXPECT_EQ(explain_invalid(legal), "");
  EXPECT_EQ(explain_invalid(problem{}), "");
  const auto says = [&](auto edit) {
    problem p = legal;
    edit(p);
    return std::string(explain_invalid(p));
  };
  EXPECT_NE(says([](problem& p) { p.blocks = 0; }).find("block"), std::string::npos);
  EXPECT_NE(says([](problem& p) { p.blocks = (1u << 30) + 1; }).find("2^30"), std::string::npos);
  EXPECT_NE(says([](problem& p) { p.threads = 0; }).find("thread"), std::string::npos);
  EXPECT_NE(says([](problem& p) { p.threads = 1025; }).find("1024"), std::string::npos);
  EXPECT_NE(says([](problem& p) { p.wrong = nullptr; }).find("wrong"), std::string::npos);
  EXPECT_NE(says([](problem& p) {
              p.board = reinterpret_cast<unsigned*>(reinterpret_cast<char*>(p.board) + 1);
            }).find("board"),
            std::string::npos);
}

}  // namespace
}  // namespace warpladder::test

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
#ifdef WARPLADDER_HOST_EXECUTOR
  simt::options options = simt::current_options();
  options.sm_count = 64;  // grids that are small for a GPU are resident on it
  simt::configure(options);
#endif
  warpladder::test::add_grid_sync_tests();
  return RUN_ALL_TESTS();
}
