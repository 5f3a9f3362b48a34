// SPDX-License-Identifier: Apache-2.0
//
// Every rung of the layout ladder and of the lookup ladder. Values are coded by their index, and
// results are compared bit by bit, with everything around them.
//   Layout/<NN_rung>.<group>, Lookup/<NN_rung>.<group>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <limits>
#include <random>
#include <set>
#include <vector>
#include <warpladder/core/stream.hpp>

#include "memory.hpp"
#include "support/backend.hpp"
#include "support/captured.hpp"
#include "support/guarded_array.hpp"

namespace warpladder::test {
namespace {

using memory::field, memory::layout, memory::layout_problem;
using lookup_problem = memory::lookup_problem<float>;

constexpr layout all_layouts[] = {layout::array_of_structures, layout::structure_of_arrays,
                                  layout::tiled_structure};

/// Around warps, blocks and blocks of four items per thread.
std::vector<std::int64_t> sizes() {
  std::vector<std::int64_t> all = {0, 1, 3, 31, 32, 33, 255, 256, 257, 1000, 1023, 1024, 1025};
  all.push_back(sanitized ? 10'007 : 100'003);
  if (on_gpu) all.push_back((1 << 22) + 5);
  return all;
}

// ---- Operands
// ------------------------------------------------------------------------------------

/// The state of n particles in a layout, `offset` floats beyond an aligned address.
class particles {
 public:
  particles(std::int64_t n, layout stored_as, int offset)
      : problem_{.n = n, .stored_as = stored_as, .dt = 0.1f},
        before_(memory::state_elements(stored_as, n), offset, true) {
    // Padding holds numbers: a NaN that is moved may keep its bits.
    for (std::int64_t i = 0; i < memory::state_elements(stored_as, n); ++i) before_[i] = 1;
    for (std::int64_t i = 0; i < n; ++i) {
      for (int f = 0; f < field::count; ++f) at(before_, i, f) = initial(i, f);
    }
    problem_.state = before_.device();
  }

  const layout_problem& problem() const { return problem_; }
  void upload() const { before_.upload(); }

  /// Positions have moved, and nothing else: neither other fields nor padding nor guards.
  ::testing::AssertionResult check() const {
    guarded_array<float> expected = before_.clone();
    for (std::int64_t i = 0; i < problem_.n; ++i) {
      for (const int f : {field::x, field::y, field::z})
        at(expected, i, f) =
            std::fma(initial(i, f - field::x + field::vx), problem_.dt, initial(i, f));
    }
    const guarded_array<float> got = before_.download();
    if (got.same_bits(expected)) return ::testing::AssertionSuccess();
    const std::int64_t wrong = got.first_difference(expected);
    return ::testing::AssertionFailure() << "float " << wrong << " of the state is " << got[wrong]
                                         << ", expected " << expected[wrong];
  }

 private:
  /// No two alike. A mass is a NaN that carries its index: arithmetic would be seen. Velocities
  /// have all bits of a float: a second rounding would be seen.
  static float initial(std::int64_t i, int f) {
    if (f == field::mass) return std::bit_cast<float>(0x7fc0'0000u | unsigned(i & 0x3f'ffff));
    const float code = static_cast<float>(i * field::count + f);
    return f < field::mass ? code : -std::sqrt(code);
  }
  float& at(guarded_array<float>& state, std::int64_t i, int f) const {
    return state[memory::element(problem_.stored_as, problem_.n, i, f)];
  }

  layout_problem problem_;
  guarded_array<float> before_;
};

enum class order { random, ascending, equal, last };
constexpr order all_orders[] = {order::random, order::ascending, order::equal, order::last};

struct lookup_case {
  std::int64_t n, table_size;
  order indices = order::random;
  int index_offset = 0, table_offset = 0, out_offset = 0;

  friend void PrintTo(const lookup_case& c, std::ostream* to) {
    *to << c.n << " lookups in " << c.table_size << ", order " << int(c.indices) << ", offsets "
        << c.index_offset << ' ' << c.table_offset << ' ' << c.out_offset;
  }
};

class lookups {
 public:
  explicit lookups(const lookup_case& c)
      : index_(c.n, c.index_offset, !sanitized),
        table_(c.table_size, c.table_offset, !sanitized),
        out_(c.n, c.out_offset, true),
        problem_{.n = c.n,
                 .index = index_.device(),
                 .table = table_.device(),
                 .table_size = c.table_size,
                 .out = out_.device()} {
    std::mt19937 random(1234);
    const auto last = static_cast<std::int32_t>(c.table_size - 1);
    for (std::int64_t i = 0; i < c.n; ++i) {
      index_[i] = c.indices == order::random      ? std::int32_t(random() % unsigned(c.table_size))
                  : c.indices == order::ascending ? std::int32_t(i * c.table_size / c.n)
                  : c.indices == order::equal     ? last / 2
                                                  : last;
    }
    for (std::int64_t i = 0; i < c.table_size; ++i) table_[i] = static_cast<float>(i) + 0.5f;
  }

  const lookup_problem& problem() const { return problem_; }
  void upload() const {
    index_.upload();
    table_.upload();
    out_.upload();
  }

  ::testing::AssertionResult check() const {
    guarded_array<float> expected = out_.clone();
    for (std::int64_t i = 0; i < problem_.n; ++i) expected[i] = table_[index_[i]];
    const guarded_array<float> got = out_.download();
    if (!got.same_bits(expected)) {
      const std::int64_t wrong = got.first_difference(expected);
      return ::testing::AssertionFailure()
             << "out[" << wrong << "] is " << got[wrong] << ", expected " << expected[wrong];
    }
    if (!index_.download().same_bits(index_))
      return ::testing::AssertionFailure() << "index was written";
    if (!table_.download().same_bits(table_))
      return ::testing::AssertionFailure() << "the table was written";
    return ::testing::AssertionSuccess();
  }

 private:
  guarded_array<std::int32_t> index_;
  guarded_array<float> table_, out_;
  lookup_problem problem_;
};

std::vector<lookup_case> lookup_cases() {
  std::vector<lookup_case> cases;
  for (const std::int64_t n : sizes()) {
    for (const std::int64_t table_size : {1, 33, 5000}) {
      for (const order indices : all_orders) cases.push_back({n, table_size, indices});
    }
    for (const int offset : {1, 4}) {
      cases.push_back({.n = n, .table_size = 100, .index_offset = offset});
      cases.push_back({.n = n, .table_size = 100, .table_offset = offset});
      cases.push_back({.n = n, .table_size = 100, .out_offset = offset});
    }
  }
  return cases;
}

// ---- What all rungs are asked
// --------------------------------------------------------------------

template <class Problem>
bool launch_and_wait(const rung_entry<Problem>& rung, const Problem& p, cudaStream_t stream) {
  EXPECT_EQ(explain_invalid(p), "") << "the test posed an illegal problem";
  EXPECT_EQ(rung.workspace_bytes(p), 0u) << "these ladders need no scratch";
  const cudaError_t launched = rung.launch(p, stream, {});
  EXPECT_EQ(launched, cudaSuccess) << cudaGetErrorString(launched);
  const cudaError_t ran = cudaStreamSynchronize(stream);
  EXPECT_EQ(ran, cudaSuccess) << cudaGetErrorString(ran);
  return launched == cudaSuccess && ran == cudaSuccess;
}

/// Every schedule of the executor, from the same initial state.
template <class Problem, class Operands>
void right_in_any_order(const rung_entry<Problem>& rung, const Operands& operands) {
  const stream on;
  for_each_schedule(3, [&](const std::string& schedule) {
    SCOPED_TRACE(schedule);
    operands.upload();
    if (launch_and_wait(rung, operands.problem(), on)) {
      EXPECT_TRUE(operands.check());
    }
  });
}

/// The legacy default stream, and a captured graph that runs twice.
template <class Problem, class Operands>
void right_when_captured(const rung_entry<Problem>& rung, const Operands& operands) {
  operands.upload();
  if (!launch_and_wait(rung, operands.problem(), cudaStream_t{})) return;
  EXPECT_TRUE(operands.check()) << "on the default stream";

  const stream own;
  replay_captured(
      own, [&] { return rung.launch(operands.problem(), own, {}); }, [&] { operands.upload(); },
      [&] { return operands.check(); });
}

bool has_free_memory(std::int64_t bytes) {
  std::size_t free = 0, total = 0;
  WARPLADDER_TRY(cudaMemGetInfo(&free, &total));
  return free > static_cast<std::size_t>(bytes) + (std::size_t{1} << 30);
}

template <class T>
void put(T* device, T value) {
  WARPLADDER_TRY(cudaMemcpy(device, &value, sizeof value, cudaMemcpyHostToDevice));
}
template <class T>
T get(const T* device) {
  T value;
  WARPLADDER_TRY(cudaMemcpy(&value, device, sizeof value, cudaMemcpyDeviceToHost));
  return value;
}

// ---- Layouts
// -------------------------------------------------------------------------------------

using layout_rung = rung_entry<layout_problem>;

/// The one layout that a rung works on.
layout layout_of(const layout_rung& rung) {
  alignas(16) static float nothing[4];
  std::vector<layout> taken;
  for (const layout stored_as : all_layouts) {
    if (rung.supports({.n = 1, .stored_as = stored_as, .state = nothing}))
      taken.push_back(stored_as);
  }
  EXPECT_EQ(taken.size(), 1u) << "a rung of this ladder works on one layout";
  return taken.empty() ? layout{} : taken.front();
}

void moves_particles(const layout_rung& rung) {
  for (const std::int64_t n : sizes()) {
    for (const int offset : {0, 1, 4}) {
      SCOPED_TRACE(std::to_string(n) + " particles, offset " + std::to_string(offset));
      const particles operands(n, layout_of(rung), offset);
      if (const support can = rung.supports(operands.problem()); !can) {
        EXPECT_NE(offset % 4, 0) << "only alignment is a reason: " << can.why_not;
        continue;
      }
      right_in_any_order(rung, operands);
    }
  }
}

/// Particles at both ends and around 2^31 floats.
void layout_beyond_32_bits(const layout_rung& rung) {
  const layout_problem shape{.n = (std::int64_t{1} << 28) + 1000, .stored_as = layout_of(rung)};
  const std::int64_t floats = memory::state_elements(shape.stored_as, shape.n);
  if (!has_free_memory(floats * 4)) GTEST_SKIP() << "needs " << (floats >> 18) << " MiB";
  device_buffer<float> state(static_cast<std::size_t>(floats));
  WARPLADDER_TRY(cudaMemset(state.data(), 0, state.size_bytes()));
  layout_problem p = shape;
  p.state = state.data(), p.dt = 0.5f;
  const auto at = [&](std::int64_t i, int f) {
    return p.state + memory::element(p.stored_as, p.n, i, f);
  };
  const std::int64_t around = std::int64_t{1} << 28;
  const std::int64_t watched[] = {0, 1, around / 8, around / 3, around - 1, around, p.n - 1};
  for (const std::int64_t i : watched) {
    for (int f = 0; f < field::count; ++f) put(at(i, f), static_cast<float>(i % 1000 + 10 * f));
  }
  WARPLADDER_TRY(cudaDeviceSynchronize());
  const stream on;
  ASSERT_TRUE(launch_and_wait(rung, p, on));
  for (const std::int64_t i : watched) {
    for (int f = 0; f < field::count; ++f) {
      const auto old = [&](int which) { return static_cast<float>(i % 1000 + 10 * which); };
      const float expected = f <= field::z ? old(f) + 0.5f * old(f + field::vx) : old(f);
      EXPECT_EQ(get(at(i, f)), expected) << "field " << f << " of particle " << i;
    }
  }
}

void layouts_are_one_to_one() {
  for (const layout stored_as : all_layouts) {
    for (const std::int64_t n : {1, 31, 32, 33, 100}) {
      std::set<std::int64_t> taken;
      for (std::int64_t i = 0; i < n; ++i) {
        for (int f = 0; f < field::count; ++f) taken.insert(memory::element(stored_as, n, i, f));
      }
      EXPECT_EQ(std::int64_t(taken.size()), n * field::count);
      EXPECT_GE(*taken.begin(), 0);
      EXPECT_LT(*taken.rbegin(), memory::state_elements(stored_as, n));
    }
    EXPECT_EQ(memory::state_elements(stored_as, 0), 0);
  }
  EXPECT_EQ(memory::element(layout::array_of_structures, 100, 33, field::vx), 33 * 8 + 4);
  EXPECT_EQ(memory::element(layout::structure_of_arrays, 100, 33, field::vx), 4 * 128 + 33);
  EXPECT_EQ(memory::element(layout::tiled_structure, 100, 33, field::vx), 256 + 4 * 32 + 1);
}

// ---- Lookups
// -------------------------------------------------------------------------------------

using lookup_rung = rung_entry<lookup_problem>;

void looks_up(const lookup_rung& rung) {
  for (const lookup_case& c : lookup_cases()) {
    SCOPED_TRACE(::testing::PrintToString(c));
    const lookups operands(c);
    if (const support can = rung.supports(operands.problem()); !can) {
      EXPECT_TRUE(c.index_offset % 4 != 0 || c.out_offset % 4 != 0)
          << "only alignment is a reason: " << can.why_not;
      continue;
    }
    right_in_any_order(rung, operands);
    if (::testing::Test::HasFailure()) return;
  }
}

/// Lookups at both ends and around 2^31.
void lookup_beyond_32_bits(const lookup_rung& rung) {
  constexpr std::int64_t around = std::int64_t{1} << 31, n = around + 1001;
  if (!has_free_memory(n * 8)) GTEST_SKIP() << "needs " << (n >> 17) << " MiB";
  device_buffer<std::int32_t> index(n);
  device_buffer<float> out(n), table(1000);
  WARPLADDER_TRY(cudaMemset(index.data(), 0, index.size_bytes()));
  WARPLADDER_TRY(cudaMemset(out.data(), 0xFF, out.size_bytes()));
  for (int i = 0; i < 1000; ++i) put(table.data() + i, static_cast<float>(i) + 0.5f);
  const std::int64_t watched[] = {0, 1, around / 4, around / 2, around - 1, around, n - 2, n - 1};
  for (const std::int64_t i : watched)
    put(index.data() + i, static_cast<std::int32_t>(i % 997 + 1));
  WARPLADDER_TRY(cudaDeviceSynchronize());
  const stream on;
  ASSERT_TRUE(launch_and_wait(
      rung,
      {.n = n, .index = index.data(), .table = table.data(), .table_size = 1000, .out = out.data()},
      on));
  for (const std::int64_t i : watched)
    EXPECT_EQ(get(out.data() + i), static_cast<float>(i % 997 + 1) + 0.5f) << "lookup " << i;
  EXPECT_EQ(get(out.data() + around + 1), 0.5f);
}

// ---- Refusals
// ------------------------------------------------------------------------------------

template <class Problem>
struct refusal {
  const char* what;
  std::string_view says;  ///< words that the reason must hold
  std::function<void(Problem&)> spoil;
};

template <class Problem>
void refuses(const Problem& legal, const std::vector<refusal<Problem>>& all) {
  EXPECT_EQ(explain_invalid(legal), "");
  for (const refusal<Problem>& bad : all) {
    SCOPED_TRACE(bad.what);
    Problem p = legal;
    bad.spoil(p);
    const std::string_view reason = explain_invalid(p);
    EXPECT_NE(reason.find(bad.says), reason.npos) << "the reason given: '" << reason << "'";
  }
}

template <class T>
T* shifted(const T* pointer, int bytes) {
  return reinterpret_cast<T*>(reinterpret_cast<std::uintptr_t>(pointer) + bytes);
}

void refuses_illegal_layout_problems() {
  using problem = layout_problem;
  float state[64] = {};
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  refuses<problem>({.n = 8, .state = state},
                   {{"n negative", "negative", [](problem& p) { p.n = -1; }},
                    {"n beyond any address", "address", [](problem& p) { p.n = most; }},
                    {"no such layout", "layout", [](problem& p) { p.stored_as = layout{3}; }},
                    {"no state", "state is null", [](problem& p) { p.state = nullptr; }},
                    {"state misaligned", "state is not aligned",
                     [](problem& p) { p.state = shifted(p.state, 2); }}});
  EXPECT_EQ(explain_invalid(problem{}), "") << "nothing to move, no pointer";
  for (const layout stored_as : all_layouts) {
    const problem most_legal{.n = std::int64_t{1} << 56, .stored_as = stored_as, .state = state};
    EXPECT_EQ(explain_invalid(most_legal), "");
    for (const layout_rung& rung : tables::layout_rungs())
      EXPECT_FALSE(rung.supports(most_legal)) << rung.info.name << ": no grid is that large";
  }
}

void refuses_illegal_lookups() {
  using problem = lookup_problem;
  static float memory[100];
  std::int32_t index[10] = {};
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  const problem legal{
      .n = 10, .index = index, .table = memory, .table_size = 50, .out = memory + 50};
  refuses<problem>(
      legal,
      {{"n negative", "negative", [](problem& p) { p.n = -1; }},
       {"table_size negative", "table_size", [](problem& p) { p.table_size = -1; }},
       {"n beyond any address", "address", [](problem& p) { p.n = most; }},
       {"table beyond any address", "address", [](problem& p) { p.table_size = most; }},
       {"empty table", "nothing to look up", [](problem& p) { p.table_size = 0; }},
       {"no index", "index is null", [](problem& p) { p.index = nullptr; }},
       {"no table", "table is null", [](problem& p) { p.table = nullptr; }},
       {"no out", "out is null", [](problem& p) { p.out = nullptr; }},
       {"index misaligned", "index is not aligned",
        [](problem& p) { p.index = shifted(p.index, 1); }},
       {"table misaligned", "table is not aligned",
        [](problem& p) { p.table = shifted(p.table, 2); }},
       {"out misaligned", "out is not aligned", [](problem& p) { p.out = shifted(p.out, 2); }},
       {"out is index", "overlaps index",
        [](problem& p) { p.out = reinterpret_cast<float*>(const_cast<int*>(p.index)); }},
       {"out ends on the first index", "overlaps index",
        [](problem& p) { p.out = reinterpret_cast<float*>(const_cast<int*>(p.index)) - 9; }},
       {"out begins on the last element of the table", "overlaps table",
        [](problem& p) { p.out = memory + 49; }},
       {"out ends on the first element of the table", "overlaps table",
        [](problem& p) { p.table = memory + 59; }}});
  EXPECT_EQ(explain_invalid(problem{}), "") << "nothing to look up, no pointers";
  problem one_element = legal;
  one_element.table_size = 1;
  EXPECT_EQ(explain_invalid(one_element), "");
  problem huge = legal;
  huge.n = std::int64_t{1} << 50;
  for (const lookup_rung& rung : tables::lookup_rungs())
    EXPECT_FALSE(rung.supports(huge)) << rung.info.name << ": no grid is that large";
}

// ---- Registration
// --------------------------------------------------------------------------------

template <class Problem>
std::function<void()> where_it_runs(const rung_entry<Problem>& rung, std::function<void()> body) {
  device_facts facts;
  const bool has_device = why_no_device().empty() && query_device(facts) == cudaSuccess;
  if (!has_device || facts.compute_capability >= rung.info.min_compute_capability) return body;
  return [needed = rung.info.min_compute_capability] {
    GTEST_SKIP() << "needs compute capability " << needed;
  };
}

template <class Problem>
std::string file_stem(const rung_entry<Problem>& rung) {
  return std::to_string(rung.info.step) + "_" + std::string(rung.info.name);
}

void add_layout_tests() {
  device_test::add("Layout", "one_to_one", layouts_are_one_to_one);
  device_test::add("Layout", "refuses_illegal_problems", refuses_illegal_layout_problems);
  for (const layout_rung& rung : tables::layout_rungs()) {
    const auto add = [&](const char* name, std::function<void()> body) {
      device_test::add("Layout/" + file_stem(rung), name, where_it_runs(rung, body));
    };
    add("moves_particles", [&rung] { moves_particles(rung); });
    add("streams_and_capture",
        [&rung] { right_when_captured(rung, particles(1000, layout_of(rung), 0)); });
    if (on_gpu) add("beyond_32_bits", [&rung] { layout_beyond_32_bits(rung); });
  }
}

void add_lookup_tests() {
  device_test::add("Lookup", "refuses_illegal_problems", refuses_illegal_lookups);
  for (const lookup_rung& rung : tables::lookup_rungs()) {
    const auto add = [&](const char* name, std::function<void()> body) {
      device_test::add("Lookup/" + file_stem(rung), name, where_it_runs(rung, body));
    };
    add("looks_up", [&rung] { looks_up(rung); });
    add("streams_and_capture",
        [&rung] { right_when_captured(rung, lookups({.n = 1000, .table_size = 333})); });
    if (on_gpu) add("beyond_32_bits", [&rung] { lookup_beyond_32_bits(rung); });
  }
}

}  // namespace
}  // namespace warpladder::test

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  warpladder::test::add_layout_tests();
  warpladder::test::add_lookup_tests();
  return RUN_ALL_TESTS();
}
