// SPDX-License-Identifier: Apache-2.0
//
// Every rung of the transpose ladder and of the copy ladder, and their front doors, on the same
// hostile problems. Results are compared bit by bit, with everything around them. Tests are
// registered from the ladders' tables: a new rung is tested without an edit here.
//   Transpose/<type>/<NN_rung or front_door>.<group>, Copy/<type>/...

#include "memory.hpp"

#include <complex>
#include <cstdio>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <vector>
#include <warpladder/core/stream.hpp>

#include "support/backend.hpp"
#include "support/captured.hpp"
#include "support/lent_workspace.hpp"
#include "support/memory_case.hpp"

namespace warpladder::test {
namespace {

using memory::copy_problem, memory::transpose_problem;

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
bool launch_and_wait(const method<Problem>& how, const Problem& p, cudaStream_t stream) {
  const lent_workspace workspace(how.workspace_bytes(p));
  const cudaError_t launched = how.launch(p, stream, workspace.view());
  EXPECT_EQ(launched, cudaSuccess) << cudaGetErrorString(launched);
  const cudaError_t ran = cudaStreamSynchronize(stream);
  EXPECT_EQ(ran, cudaSuccess) << cudaGetErrorString(ran);
  const bool guarded = workspace.guards_intact();
  EXPECT_TRUE(guarded) << "memory outside of the workspace was written";
  return launched == cudaSuccess && ran == cudaSuccess && guarded;
}

/// Runs `body` for the cases that the method supports; if there are none, the test is skipped.
template <class T, template <class> class Problem, class Body>
void for_supported(const method<Problem<T>>& how, const std::vector<memory_case>& cases,
                   const Body& body) {
  std::size_t unsupported = 0;
  std::string reason;
  for (const memory_case& c : cases) {
    SCOPED_TRACE(::testing::PrintToString(c));
    const memory_operands<T, Problem> operands(c);
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

template <class T, template <class> class Problem>
void expect_right(const method<Problem<T>>& how, const std::vector<memory_case>& cases) {
  const stream on;
  for_supported<T, Problem>(how, cases, [&](const auto& operands) {
    operands.upload();
    if (launch_and_wait(how, operands.problem(), on)) {
      EXPECT_TRUE(operands.check());
    }
  });
}

// ---- Problems
// ------------------------------------------------------------------------------------

std::vector<memory_case> tile_edges() {
  std::vector<memory_case> cases;
  const std::vector<int> tiles = sanitized ? std::vector{32} : std::vector{16, 32, 64, 128};
  for (const int tile : tiles) {
    for (const int rows : {tile - 1, tile, tile + 1, tile + 4}) {
      for (const int cols : {tile - 1, tile, tile + 1, tile + 4}) cases.push_back({rows, cols});
    }
  }
  cases.push_back({260, 516});  // more tiles than one on either side, in whole vectors
  if (on_gpu) {
    cases.push_back({512, 1024});
    cases.push_back({2047, 1025});
    cases.push_back({3000, 2004});
  }
  return cases;
}

std::vector<memory_case> ragged_and_thin() {
  std::vector<memory_case> cases = {{1, 1},    {1, 2},   {2, 1},    {5, 7},     {33, 65},
                                    {3, 100},  {100, 3}, {4, 700},  {700, 4},   {1, 1000},
                                    {1000, 1}, {8, 520}, {520, 16}, {16, 1030}, {1030, 17}};
  for (const std::int64_t n : {1, 31, 1000, 4096}) {
    for (const int gap : {1, 3, 4}) {
      cases.push_back({.rows = 1, .cols = n, .gap_in = gap, .gap_out = gap, .offset_in = 1});
      cases.push_back({.rows = n, .cols = 1, .gap_in = gap, .gap_out = gap, .offset_out = 1});
      cases.push_back({.rows = n, .cols = 1, .gap_in = gap});
      cases.push_back({.rows = 1, .cols = n, .gap_out = gap});
    }
  }
  if (!sanitized) {
    cases.push_back({1, 100'003});
    cases.push_back({100'003, 1});
    cases.push_back({3, 30'001});
    cases.push_back({30'001, 2});
  }
  return cases;
}

std::vector<memory_case> empty() {
  return {{0, 4}, {4, 0}, {0, 0}, {.rows = 0, .cols = 4, .gap_in = 4, .gap_out = 4}};
}

/// Distances between rows x alignments on both sides.
std::vector<memory_case> layouts() {
  std::vector<memory_case> cases;
  const std::vector<memory_case> sizes =
      sanitized ? std::vector<memory_case>{{12, 40}}
                : std::vector<memory_case>{{64, 64}, {36, 132}, {65, 33}, {7, 300}};
  for (const memory_case& size : sizes) {
    for (const int gap_in : {0, 1, 4}) {
      for (const int gap_out : {0, 3, 4}) {
        for (const int offset_in : {0, 1, 2, 3}) {
          for (const int offset_out : {0, 1, 2, 3}) {
            if (sanitized && offset_in == 2) continue;
            cases.push_back({size.rows, size.cols, gap_in, gap_out, offset_in, offset_out});
          }
        }
      }
    }
  }
  return cases;
}

std::vector<memory_case> some_of_everything() {
  return {{64, 64},
          {1, 3000},
          {.rows = 33, .cols = 40, .gap_in = 1, .offset_out = 1},
          {.rows = 132, .cols = 68, .gap_in = 4, .gap_out = 8},
          {.rows = 70, .cols = 65, .offset_in = 3, .offset_out = 2},
          {.rows = 200, .cols = 4, .gap_out = 4}};
}

std::vector<memory_case> random_cases(int count) {
  std::mt19937 random(31);
  const auto below = [&](int bound) { return static_cast<int>(random() % unsigned(bound)); };
  std::vector<memory_case> cases;
  for (int i = 0; i < count; ++i) {
    const int limit = on_gpu ? 2000 : sanitized ? 60 : 200;
    memory_case c{.rows = 1 + below(limit), .cols = 1 + below(limit)};
    if (below(4) == 0) c.rows = 1 + c.rows % 16;
    if (below(4) == 0) c.cols = 1 + c.cols % 16;
    c.gap_in = below(2) * below(9), c.gap_out = below(2) * below(9);
    c.offset_in = below(2) * below(17), c.offset_out = below(2) * below(17);
    if (i % 2 == 0) {  // for the methods that want whole vectors
      c.rows = (c.rows + 3) / 4 * 4, c.cols = (c.cols + 3) / 4 * 4;
      c.gap_in = c.gap_in / 4 * 4, c.gap_out = c.gap_out / 4 * 4;
      c.offset_in = c.offset_in / 4 * 4, c.offset_out = c.offset_out / 4 * 4;
    }
    cases.push_back(c);
  }
  return cases;
}

/// More than 65535 blocks in one direction, the limit of grid.y.
std::vector<memory_case> many_blocks() {
  const std::int64_t many = on_gpu ? 65'535 * 130 : 600'004;
  return {{.rows = many, .cols = 1, .gap_in = 1}, {.rows = 1, .cols = many, .gap_out = 1}};
}

// ---- Groups of tests
// -----------------------------------------------------------------------------

/// The same bits in every order in which the threads may run.
template <class T, template <class> class Problem>
void schedules(const method<Problem<T>>& how) {
  const stream on;
  for_supported<T, Problem>(how, some_of_everything(), [&](const auto& operands) {
    for_each_schedule(3, [&](const std::string& order) {
      SCOPED_TRACE(order);
      operands.upload();
      if (launch_and_wait(how, operands.problem(), on)) {
        EXPECT_TRUE(operands.check());
      }
    });
  });
}

/// The legacy default stream, and a captured graph that runs twice.
template <class T, template <class> class Problem>
void streams_and_capture(const method<Problem<T>>& how) {
  const stream own;
  for_supported<T, Problem>(how, some_of_everything(), [&](const auto& operands) {
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

/// Two windows of one matrix, side by side and one above the other: legal, for no element is in
/// both.
template <class T, template <class> class Problem>
void windows_of_one_matrix(const method<Problem<T>>& how) {
  constexpr std::int64_t size = 40, ld = 2 * size + 8;
  const stream on;
  const guarded_array<T> matrix = [&] {
    guarded_array<T> all(2 * size * ld, 0, true);
    for (std::int64_t i = 0; i < 2 * size * ld; ++i) all[i] = coded<T>(std::uint64_t(i));
    return all;
  }();
  for (const std::int64_t target : {size, size * ld, size * ld + size}) {
    SCOPED_TRACE(target);
    matrix.upload();
    const Problem<T> p{size, size, matrix.device(), ld, matrix.device() + target, ld};
    ASSERT_EQ(explain_invalid(p), "");
    if (const support can = how.supports(p); !can) GTEST_SKIP() << how.name << ": " << can.why_not;
    ASSERT_TRUE(launch_and_wait(how, p, on));
    guarded_array<T> expected = matrix.clone();
    constexpr bool transposes = std::is_same_v<Problem<T>, transpose_problem<T>>;
    for (std::int64_t i = 0; i < size; ++i) {
      for (std::int64_t j = 0; j < size; ++j)
        expected[target + (transposes ? j * ld + i : i * ld + j)] = matrix[i * ld + j];
    }
    EXPECT_TRUE(matrix.download().same_bits(expected));
  }
}

/// Elements that are aligned to a half of their size, as their type allows.
template <template <class> class Problem>
void under_aligned(const method<Problem<std::complex<float>>>& how) {
  constexpr std::int64_t rows = 30, cols = 41;
  constexpr bool transposes = std::is_same_v<Problem<int>, transpose_problem<int>>;
  guarded_array<float> in(2 * rows * cols, 1, true), out(2 * rows * cols, 1, true);
  guarded_array<float> expected = out.clone();
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < cols; ++j) {
      for (const int part : {0, 1})
        expected[2 * (transposes ? j * rows + i : i * cols + j) + part] =
            in[2 * (i * cols + j) + part] = coded<float>(std::uint64_t(2 * (i * cols + j) + part));
    }
  }
  in.upload();
  out.upload();
  Problem<std::complex<float>> p{.rows = rows, .cols = cols};
  p.in = reinterpret_cast<const std::complex<float>*>(in.device());
  p.ld_in = cols;
  p.out = reinterpret_cast<std::complex<float>*>(out.device());
  p.ld_out = p.out_cols();
  ASSERT_TRUE(launch_and_wait(how, p, stream()));
  EXPECT_TRUE(out.download().same_bits(expected));
}

/// An index beyond 2^31 elements on either side, by the distance between rows.
template <class T, template <class> class Problem>
void beyond_32_bits(const method<Problem<T>>& how) {
  constexpr std::int64_t giant = (std::int64_t{1} << 30) + 64;  // three rows pass 2^31
  constexpr std::int64_t cols = 2052;
  constexpr bool transposes = std::is_same_v<Problem<T>, transpose_problem<T>>;
  const std::int64_t elements = 4 * giant;
  std::size_t free = 0, total = 0;
  ASSERT_EQ(cudaMemGetInfo(&free, &total), cudaSuccess);
  const std::size_t needed = std::size_t(elements) * sizeof(T) + (std::size_t{1} << 28);
  if (free < needed) {
    GTEST_SKIP() << "needs " << (needed >> 20) << " MiB of device memory, " << (free >> 20)
                 << " are free";
  }
  device_buffer<T> huge(static_cast<std::size_t>(elements));
  const device_buffer<T> small(4 * cols);
  std::vector<T> values(4 * cols);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = coded<T>(i);
  const stream on;

  bool any = false;
  std::string reason;
  for (const bool huge_in : {true, false}) {
    SCOPED_TRACE(huge_in ? "in" : "out");
    // The huge side has 4 rows of cols; a transposition turns the other one.
    const bool tall = transposes && !huge_in;
    Problem<T> p{.rows = tall ? cols : 4, .cols = tall ? 4 : cols};
    p.in = huge_in ? huge.data() : small.data();
    p.out = huge_in ? small.data() : huge.data();
    p.ld_in = huge_in ? giant : p.cols;
    p.ld_out = huge_in ? p.out_cols() : giant;
    ASSERT_EQ(explain_invalid(p), "");
    if (const support can = how.supports(p); !can) {
      reason = can.why_not;
      continue;
    }
    any = true;
    WARPLADDER_TRY(cudaMemset(huge.data(), 0xFF, huge.size_bytes()));
    WARPLADDER_TRY(cudaMemset(small.data(), 0xFF, small.size_bytes()));
    constexpr std::size_t row_bytes = cols * sizeof(T);
    if (huge_in) {
      for (int row = 0; row < 4; ++row)
        WARPLADDER_TRY(cudaMemcpy(huge.data() + row * giant, &values[row * cols], row_bytes,
                                  cudaMemcpyHostToDevice));
    } else {
      WARPLADDER_TRY(
          cudaMemcpy(small.data(), values.data(), small.size_bytes(), cudaMemcpyHostToDevice));
    }
    ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);  // `on` does not wait for what is above
    ASSERT_TRUE(launch_and_wait(how, p, on));
    std::vector<T> got(values.size()), expected(values.size());
    if (huge_in) {
      WARPLADDER_TRY(
          cudaMemcpy(got.data(), small.data(), small.size_bytes(), cudaMemcpyDeviceToHost));
    } else {
      for (int row = 0; row < 4; ++row)
        WARPLADDER_TRY(cudaMemcpy(&got[row * cols], huge.data() + row * giant, row_bytes,
                                  cudaMemcpyDeviceToHost));
    }
    for (std::int64_t i = 0; i < p.rows; ++i) {
      for (std::int64_t j = 0; j < p.cols; ++j)
        expected[transposes ? j * p.rows + i : i * p.cols + j] = values[i * p.cols + j];
    }
    EXPECT_EQ(std::memcmp(got.data(), expected.data(), got.size() * sizeof(T)), 0);
  }
  if (!any) GTEST_SKIP() << how.name << ": " << reason;
}

/// More than 2^31 elements, of one byte each.
template <template <class> class Problem>
void many_elements(const method<Problem<std::uint8_t>>& how) {
  constexpr std::int64_t rows = 65'537, cols = 32'771;
  std::size_t free = 0, total = 0;
  ASSERT_EQ(cudaMemGetInfo(&free, &total), cudaSuccess);
  if (free < 2 * rows * cols + (std::size_t{1} << 28)) GTEST_SKIP() << "too little device memory";
  std::vector<std::uint8_t> values(rows * cols);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = coded<std::uint8_t>(i ^ i >> 13);
  device_buffer<std::uint8_t> in(values.size()), out(values.size());
  WARPLADDER_TRY(cudaMemcpy(in.data(), values.data(), in.size_bytes(), cudaMemcpyHostToDevice));
  Problem<std::uint8_t> p{.rows = rows, .cols = cols, .in = in.data(), .ld_in = cols};
  p.out = out.data();
  p.ld_out = p.out_cols();
  ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  ASSERT_TRUE(launch_and_wait(how, p, stream()));
  std::vector<std::uint8_t> got(values.size());
  WARPLADDER_TRY(cudaMemcpy(got.data(), out.data(), out.size_bytes(), cudaMemcpyDeviceToHost));
  constexpr bool transposes = std::is_same_v<Problem<int>, transpose_problem<int>>;
  std::int64_t wrong = 0;
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < cols; ++j)
      wrong += got[transposes ? j * rows + i : i * cols + j] != values[i * cols + j];
  }
  EXPECT_EQ(wrong, 0);
}

// ---- Registration
// --------------------------------------------------------------------------------

template <class T, template <class> class Problem>
void add_tests(const std::string& ladder, const std::string& type, const method<Problem<T>>& how) {
  const auto add = [&](const std::string& name, std::function<void()> body) {
    device_test::add(ladder + "/" + type + "/" + how.name, name, [how, body] {
      if (!how.why_not_here.empty()) GTEST_SKIP() << how.name << ": " << how.why_not_here;
      body();
    });
  };
  const auto add_right = [&](const std::string& name, std::vector<memory_case> cases) {
    add(name, [how, cases] { expect_right<T, Problem>(how, cases); });
  };
  add_right("tile_edges", tile_edges());
  add_right("ragged_and_thin", ragged_and_thin());
  add_right("empty", empty());
  add_right("layouts", layouts());
  add_right("random", random_cases(on_gpu ? 300 : sanitized ? 20 : 80));
  add("schedules", [how] { schedules<T, Problem>(how); });
  add("streams_and_capture", [how] { streams_and_capture<T, Problem>(how); });
  add("windows_of_one_matrix", [how] { windows_of_one_matrix<T, Problem>(how); });
  if constexpr (std::is_same_v<T, std::complex<float>>)
    add("under_aligned", [how] { under_aligned<Problem>(how); });
  if (!sanitized) add_right("many_blocks", many_blocks());
  if (on_gpu) {
    add_right("large", {{4096, 8192}, {4099, 2047}, {.rows = 1024, .cols = 10'000, .gap_in = 4}});
    if constexpr (sizeof(T) <= 4) add("beyond_32_bits", [how] { beyond_32_bits<T, Problem>(how); });
    if constexpr (sizeof(T) == 1) add("many_elements", [how] { many_elements<Problem>(how); });
  }
}

template <template <class> class Problem>
void add_rungs(const std::string& ladder, std::span<const rung_entry<Problem<float>>> rungs) {
  device_facts facts;
  const bool has_device = why_no_device().empty() && query_device(facts) == cudaSuccess;
  for (const auto& rung : rungs) {
    char step[16];
    std::snprintf(step, sizeof step, "%02d_", rung.info.step);
    std::string why_not_here;
    if (!on_gpu && !rung.info.runs_on_host) why_not_here = "has no host version";
    if (has_device && facts.compute_capability < rung.info.min_compute_capability)
      why_not_here = "needs compute capability " + std::to_string(rung.info.min_compute_capability);
    add_tests<float, Problem>(ladder, "f32",
                              {step + std::string(rung.info.name), why_not_here, rung.supports,
                               rung.workspace_bytes, rung.launch});
  }
}

template <class T, template <class> class Problem>
void add_front_door(const std::string& ladder, const std::string& type,
                    cudaError_t (*run)(const Problem<T>&, cudaStream_t)) {
  add_tests<T, Problem>(
      ladder, type,
      {"front_door", "", [](const Problem<T>&) { return support{}; },
       [](const Problem<T>&) { return std::size_t{0}; },
       [run](const Problem<T>& p, cudaStream_t on, workspace_view) { return run(p, on); }});
}

template <class T>
void add_front_doors(const std::string& type) {
  add_front_door<T, transpose_problem>("Transpose", type, tables::memory_transpose<T>);
  add_front_door<T, copy_problem>("Copy", type, tables::memory_copy_2d<T>);
}

// ---- Refusals: no device needed
// ------------------------------------------------------------------

template <template <class> class Problem>
class refusal : public ::testing::Test {
 protected:
  /// Addresses that nobody dereferences.
  static float* address(std::uintptr_t at) { return reinterpret_cast<float*>(at); }

  Problem<float> legal() const {
    return {.rows = 10,
            .cols = 10,
            .in = address(4096),
            .ld_in = 12,
            .out = address(8192),
            .ld_out = 12};
  }
  static bool refuses(const Problem<float>& p, const std::string& word) {
    const std::string reason(explain_invalid(p));
    return reason.find(word) != std::string::npos && enqueue(p) == cudaErrorInvalidValue;
  }
  static cudaError_t enqueue(const transpose_problem<float>& p) {
    return tables::memory_transpose(p, cudaStream_t{});
  }
  static cudaError_t enqueue(const copy_problem<float>& p) {
    return tables::memory_copy_2d(p, cudaStream_t{});
  }

  void refuses_what_is_illegal() const {
    const auto with = [&](auto edit) {
      Problem<float> p = legal();
      edit(p);
      return p;
    };
    EXPECT_EQ(explain_invalid(legal()), "");
    EXPECT_TRUE(refuses(with([](auto& p) { p.rows = -1; }), "negative"));
    EXPECT_TRUE(refuses(with([](auto& p) { p.cols = -1; }), "negative"));
    EXPECT_TRUE(refuses(with([](auto& p) { p.ld_in = 9; }), "ld_in"));
    EXPECT_TRUE(refuses(with([](auto& p) { p.ld_out = 9; }), "ld_out"));
    EXPECT_TRUE(refuses(with([](auto& p) { p.cols = 0, p.ld_in = 0; }), "ld_in"));
    EXPECT_TRUE(refuses(with([](auto& p) { p.in = nullptr; }), "in is null"));
    EXPECT_TRUE(refuses(with([](auto& p) { p.out = nullptr; }), "out is null"));
    EXPECT_TRUE(refuses(with([](auto& p) { p.in = address(4098); }), "in is not aligned"));
    EXPECT_TRUE(refuses(with([](auto& p) { p.out = address(8193); }), "out is not aligned"));
    const std::int64_t huge = std::int64_t{1} << 61;
    EXPECT_TRUE(refuses(with([&](auto& p) { p.ld_in = huge; }), "address"));
    EXPECT_TRUE(refuses(with([&](auto& p) { p.ld_out = huge; }), "address"));
    EXPECT_TRUE(refuses(with([&](auto& p) { p.ld_in = std::int64_t{1} << 58; }), "address"));
    EXPECT_EQ(explain_invalid(with([](auto& p) { p.rows = 0, p.in = p.out = nullptr; })), "");
  }

  void knows_what_overlaps() const {
    const auto at = [&](std::int64_t elements, std::int64_t ld_out = 12) {
      Problem<float> p = legal();
      p.out = const_cast<float*>(p.in) + elements;
      p.ld_out = ld_out;
      return p;
    };
    EXPECT_TRUE(refuses(at(0), "overlaps"));   // in place
    EXPECT_TRUE(refuses(at(9), "overlaps"));   // the last column of in
    EXPECT_TRUE(refuses(at(10), "overlaps"));  // wraps into the next row's first columns
    EXPECT_TRUE(refuses(at(-9), "overlaps"));
    EXPECT_TRUE(refuses(at(9 * 12), "overlaps"));
    EXPECT_EQ(explain_invalid(at(9 * 12 + 10)), "");  // begins behind the last element of in
    EXPECT_EQ(explain_invalid(at(10 * 12)), "");      // below
    EXPECT_EQ(explain_invalid(at(-10 * 12)), "");
    EXPECT_TRUE(refuses(at(50, 13), "overlaps"));  // other distances: the ranges decide
    Problem<float> beside = at(10, 20);
    beside.ld_in = 20;
    EXPECT_EQ(explain_invalid(beside), "");
    beside.out -= 1;
    EXPECT_TRUE(refuses(beside, "overlaps"));
  }
};

using transpose_refusal = refusal<transpose_problem>;
using copy_refusal = refusal<copy_problem>;
TEST_F(transpose_refusal, refuses_what_is_illegal) {
  refuses_what_is_illegal();
}
TEST_F(transpose_refusal, knows_what_overlaps) {
  knows_what_overlaps();
}
TEST_F(copy_refusal, refuses_what_is_illegal) {
  refuses_what_is_illegal();
}
TEST_F(copy_refusal, knows_what_overlaps) {
  knows_what_overlaps();
}

void add_memory_tests() {
  add_rungs<transpose_problem>("Transpose", tables::transpose_rungs());
  add_rungs<copy_problem>("Copy", tables::copy_rungs());
  add_front_doors<std::uint8_t>("u8");
  add_front_doors<std::uint16_t>("u16");
  add_front_doors<float>("f32");
  add_front_doors<double>("f64");
  add_front_doors<float4>("float4");
  add_front_doors<std::complex<float>>("complex_f32");
}

}  // namespace
}  // namespace warpladder::test

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  warpladder::test::add_memory_tests();
  return RUN_ALL_TESTS();
}
