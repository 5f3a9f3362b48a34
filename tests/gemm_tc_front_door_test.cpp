// SPDX-License-Identifier: Apache-2.0
//
// What the front door refuses, what it says then, and what it promises about its choices.

#include <warpladder/core/stream.hpp>

#include "gemm_tc.hpp"
#include "gemm_tc_test.hpp"
#include "support/backend.hpp"
#include "support/gemm_tc_case.hpp"

namespace warpladder::test {
namespace {

using gemm_tc::transpose;

template <class T>
struct refusal {
  const char* what;
  std::string_view says;  ///< words that the reason must hold
  std::function<void(gemm_tc::problem<T, T>&)> spoil;
};

template <class T>
std::vector<refusal<T>> refusals() {
  using problem = gemm_tc::problem<T, T>;
  constexpr std::int64_t too_many = std::int64_t{1} << 31;
  return {
      {"m negative", "negative", [](problem& p) { p.m = -1; }},
      {"n negative", "negative", [](problem& p) { p.n = -7; }},
      {"k negative", "negative", [](problem& p) { p.k = -1; }},
      {"batch negative", "negative", [](problem& p) { p.batch = -1; }},
      {"m negative, n zero", "negative", [](problem& p) { p.m = -1, p.n = 0; }},
      {"m too large", "2^31", [](problem& p) { p.m = too_many; }},
      {"n too large", "2^31", [](problem& p) { p.n = p.ldb = p.ldc = too_many; }},
      {"k too large", "2^31", [](problem& p) { p.k = p.lda = too_many; }},
      {"batch too large", "2^31", [](problem& p) { p.batch = too_many; }},
      {"smallest size", "negative",
       [](problem& p) { p.m = std::numeric_limits<std::int64_t>::min(); }},
      {"stride_a negative", "stride_a", [](problem& p) { p.batch = 2, p.stride_a = -1; }},
      {"stride_b negative", "stride_b", [](problem& p) { p.batch = 2, p.stride_b = -1; }},
      {"stride_c negative", "stride_c", [](problem& p) { p.batch = 2, p.stride_c = -1; }},
      {"lda short", "lda", [](problem& p) { p.lda = p.k - 1; }},
      {"lda short, transposed", "lda",
       [](problem& p) { p.trans_a = transpose::yes, p.lda = p.m - 1; }},
      {"lda zero with k zero", "lda", [](problem& p) { p.k = p.lda = 0; }},
      {"lda negative", "lda", [](problem& p) { p.lda = -p.lda; }},
      {"ldb short", "ldb", [](problem& p) { p.ldb = p.n - 1; }},
      {"ldb short, transposed", "ldb",
       [](problem& p) { p.trans_b = transpose::yes, p.ldb = p.k - 1; }},
      {"ldb zero with n zero", "ldb", [](problem& p) { p.n = p.ldb = 0; }},
      {"ldc short", "ldc", [](problem& p) { p.ldc = p.n - 1; }},
      {"ldc zero with n zero", "ldc", [](problem& p) { p.n = p.ldc = 0; }},
      {"a null", "a is null", [](problem& p) { p.a = nullptr; }},
      {"b null", "b is null", [](problem& p) { p.b = nullptr; }},
      {"c null", "c is null", [](problem& p) { p.c = nullptr; }},
      {"a misaligned", "a is not aligned",
       [](problem& p) { p.a = reinterpret_cast<const T*>(std::uintptr_t(p.a) + 1); }},
      {"b misaligned", "b is not aligned",
       [](problem& p) { p.b = reinterpret_cast<const T*>(std::uintptr_t(p.b) + 1); }},
      {"c misaligned", "c is not aligned",
       [](problem& p) { p.c = reinterpret_cast<T*>(std::uintptr_t(p.c) + 1); }},
      {"c is a", "c overlaps a", [](problem& p) { p.c = const_cast<T*>(p.a); }},
      {"c is b", "c overlaps b", [](problem& p) { p.c = const_cast<T*>(p.b); }},
      {"c begins on the last element of a", "c overlaps a",
       [](problem& p) { p.c = const_cast<T*>(p.a) + (p.m - 1) * p.lda + p.k - 1; }},
      {"c ends on the first element of b", "c overlaps b",
       [](problem& p) { p.c = const_cast<T*>(p.b) - (p.m - 1) * p.ldc - p.n + 1; }},
      {"products of a batch overlap", "stride_c",
       [](problem& p) { p.batch = 2, p.stride_c = (p.m - 1) * p.ldc + p.n - 1; }},
      {"all products in one place", "stride_c", [](problem& p) { p.batch = 2, p.stride_c = 0; }},
      {"c overlaps a later matrix of a's batch", "c overlaps a",
       [](problem& p) {
         p.batch = 3, p.stride_a = 10'000, p.stride_b = 0, p.stride_c = 1000;
         p.c = const_cast<T*>(p.a) + 2 * p.stride_a;
       }},
      {"lda beyond any address", "address",
       [](problem& p) { p.lda = std::numeric_limits<std::int64_t>::max(); }},
      {"ldb beyond any address", "address", [](problem& p) { p.ldb = std::int64_t{1} << 61; }},
      {"ldc beyond any address", "address", [](problem& p) { p.ldc = std::int64_t{1} << 61; }},
      {"stride beyond any address", "address",
       [](problem& p) {
         p.batch = 3, p.stride_a = std::numeric_limits<std::int64_t>::max(), p.stride_c = 1000;
       }},
  };
}

/// Refused with words, before anything is enqueued: a capture of the call holds no node.
template <class T>
void refuses_illegal_problems() {
  const stream on;
  for (const refusal<T>& bad : refusals<T>()) {
    SCOPED_TRACE(bad.what);
    tc_operands<T, T> operands({.m = 6, .n = 5, .k = 4, .beta = 0.5, .align = 1, .gap = 1},
                               tc_values::reals);
    operands.upload();
    gemm_tc::problem<T, T> p = operands.get();
    bad.spoil(p);
    const std::string_view reason = gemm_tc::explain_invalid(p);
    EXPECT_NE(reason.find(bad.says), reason.npos) << "the reason given: '" << reason << "'";

    const guarded_array<T> before = operands.download_c();
    EXPECT_EQ(tables::gemm_tc_run(p, on, {}), cudaErrorInvalidValue);
    EXPECT_EQ(cudaStreamSynchronize(on), cudaSuccess);
    EXPECT_EQ(cudaGetLastError(), cudaSuccess) << "an error was left behind";
    EXPECT_TRUE(operands.download_c().same_bits(before)) << "C was written";

    cudaGraph_t graph{};
    ASSERT_EQ(cudaStreamBeginCapture(on, cudaStreamCaptureModeGlobal), cudaSuccess);
    EXPECT_EQ(tables::gemm_tc_run(p, on, {}), cudaErrorInvalidValue);
    ASSERT_EQ(cudaStreamEndCapture(on, &graph), cudaSuccess);
    std::size_t nodes = 1;
    EXPECT_EQ(cudaGraphGetNodes(graph, nullptr, &nodes), cudaSuccess);
    EXPECT_EQ(nodes, 0u) << "something was enqueued";
    EXPECT_EQ(cudaGraphDestroy(graph), cudaSuccess);
  }
}

/// Legal, though it looks odd: none of these may be refused.
template <class T>
void accepts_odd_but_legal_problems() {
  device_facts facts;
  WARPLADDER_TRY(query_device(facts));
  if (facts.compute_capability < 80) GTEST_SKIP() << "needs compute capability 80";
  const auto accepts = [](const char* what, const gemm_tc::problem<T, T>& p) {
    SCOPED_TRACE(what);
    EXPECT_EQ(gemm_tc::explain_invalid(p), "");
    EXPECT_EQ(tables::gemm_tc_run(p, cudaStream_t{}, {}), cudaSuccess);
    EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  };
  device_buffer<T> memory(1000);
  T* const x = memory.data();
  WARPLADDER_TRY(cudaMemset(x, 0, memory.size_bytes()));
  accepts("nothing to write, no pointers", {.m = 0, .n = 5, .k = 4, .lda = 4, .ldb = 5, .ldc = 5});
  accepts("an empty batch, no pointers",
          {.m = 6, .n = 5, .k = 4, .lda = 4, .ldb = 5, .ldc = 5, .batch = 0});
  accepts("k is 0: no A, no B", {.m = 6, .n = 5, .k = 0, .lda = 1, .ldb = 5, .c = x, .ldc = 5});
  accepts("alpha is 0: no A, no B",
          {.m = 6, .n = 5, .k = 4, .lda = 4, .ldb = 5, .c = x, .ldc = 5, .alpha = 0});
  accepts("A and B are one matrix",
          {.m = 5, .n = 5, .k = 5, .a = x, .lda = 5, .b = x, .ldb = 5, .c = x + 100, .ldc = 5});
  accepts(
      "C begins where A ends",
      {.m = 6, .n = 5, .k = 4, .a = x, .lda = 4, .b = x + 200, .ldb = 5, .c = x + 24, .ldc = 5});
  accepts(
      "C ends where B begins",
      {.m = 6, .n = 5, .k = 4, .a = x + 200, .lda = 4, .b = x + 30, .ldb = 5, .c = x, .ldc = 5});
  accepts("one row: its leading dimension may be anything",
          {.m = 1,
           .n = 5,
           .k = 1,
           .a = x,
           .lda = std::numeric_limits<std::int64_t>::max(),
           .b = x,
           .ldb = std::numeric_limits<std::int64_t>::max(),
           .c = x + 100,
           .ldc = std::numeric_limits<std::int64_t>::max()});
}

/// There is a choice for every legal problem, and the same with the same inputs.
template <class T>
void names_its_choice() {
  device_facts facts;
  WARPLADDER_TRY(query_device(facts));
  for (const std::int64_t size : {1, 16, 100, 1000, 8192}) {
    for (const std::int64_t batch : {1, 20, 70'000}) {  // more than a grid is deep
      // Addresses far apart that nobody dereferences: a choice touches no memory.
      const auto address = [](std::uintptr_t nth) { return reinterpret_cast<T*>(nth << 45); };
      const gemm_tc::problem<T, T> p{.m = size,
                                     .n = size,
                                     .k = size,
                                     .a = address(1),
                                     .lda = size,
                                     .b = address(2),
                                     .ldb = size,
                                     .c = address(3),
                                     .ldc = size,
                                     .batch = batch,
                                     .stride_a = size * size,
                                     .stride_b = size * size,
                                     .stride_c = size * size};
      ASSERT_EQ(gemm_tc::explain_invalid(p), "");
      const std::size_t bytes = tables::gemm_tc_workspace_bytes(p);
      for (const workspace_view lent : {workspace_view{}, workspace_view{address(4), bytes}}) {
        const std::string choice = tables::gemm_tc_choice(p, lent);
        EXPECT_EQ(choice.starts_with("none"), facts.compute_capability < 80) << choice;
        EXPECT_EQ(choice, tables::gemm_tc_choice(p, lent));
        if (facts.compute_capability >= 80) {
          EXPECT_EQ(choice.starts_with("copies into aligned rows"), lent.bytes > 0) << choice;
        }
      }
    }
  }
}

/// A workspace that is too small by one byte, or larger than asked, is no reason to fail.
template <class T>
void any_workspace_will_do() {
  device_facts facts;
  WARPLADDER_TRY(query_device(facts));
  if (facts.compute_capability < 80) GTEST_SKIP() << "needs compute capability 80";
  const stream on;
  std::vector<tc_case> sizes = {{.m = 8, .n = 16, .k = 2000, .trans_b = transpose::yes},
                                {.m = 64, .n = 64, .k = 64, .trans_b = transpose::yes},
                                {.m = 130, .n = 20, .k = 40}};
  if (!sanitized) sizes.push_back({.m = 99, .n = 97, .k = 2001, .align = 1});  // asks for some
  for (const tc_case& size : sizes) {
    tc_operands<T, T> operands(size, tc_values::integers);
    const std::size_t bytes = tables::gemm_tc_workspace_bytes(operands.get());
    EXPECT_EQ(bytes > 0, size.align == 1);
    for (const std::size_t lent : {std::size_t{0}, bytes / 2, bytes - (bytes > 0), bytes + 1}) {
      SCOPED_TRACE(::testing::PrintToString(size) + " with " + std::to_string(lent) + " of " +
                   std::to_string(bytes) + " bytes");
      guarded_array<unsigned char> scratch(static_cast<std::int64_t>(lent), 0, true);
      scratch.upload();
      operands.upload();
      EXPECT_EQ(tables::gemm_tc_run(operands.get(), on, {scratch.device(), lent}), cudaSuccess);
      EXPECT_EQ(cudaStreamSynchronize(on), cudaSuccess);
      EXPECT_TRUE(operands.check());
      guarded_array<unsigned char> after = scratch.download();
      for (std::size_t i = 0; i < lent; ++i) after[static_cast<std::int64_t>(i)] = 0xA5;
      EXPECT_TRUE(after.same_bits(scratch)) << "memory outside of the workspace was written";
    }
  }
}

template <class T>
void add_all(const std::string& type) {
  const std::string suite = "GemmTcFrontDoor/" + type;
  device_test::add(suite, "refuses_illegal_problems", refuses_illegal_problems<T>);
  device_test::add(suite, "accepts_odd_but_legal_problems", accepts_odd_but_legal_problems<T>);
  device_test::add(suite, "names_its_choice", names_its_choice<T>);
  device_test::add(suite, "any_workspace_will_do", any_workspace_will_do<T>);
}

}  // namespace

void add_gemm_tc_front_door_tests() {
  add_all<__nv_bfloat16>("bf16");
  add_all<float>("tf32");
}

}  // namespace warpladder::test
