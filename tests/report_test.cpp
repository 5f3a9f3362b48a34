// SPDX-License-Identifier: Apache-2.0
//
// What explain makes of counters: sums, bounds, and above all whether its one sentence names the
// right line for the right reason.

#include <gtest/gtest.h>

#include <cstdio>
#include <explain.hpp>
#include <filesystem>
#include <fstream>
#include <regex>
#include <string>

namespace simt::report {
namespace {

using trace::kernel_counters;
using trace::line_counters;
using trace::memory_space;
using trace::operation;

::testing::AssertionResult contains(const std::string& text, const std::string& part) {
  return text.find(part) != text.npos ? ::testing::AssertionSuccess()
                                      : ::testing::AssertionFailure()
                                            << '"' << part << "\" is not in:\n"
                                            << text;
}

/// `requests` full warps of 4-byte accesses, of which each costs so many sectors or wavefronts.
line_counters global(operation what, unsigned line, std::uint64_t requests, std::uint64_t sectors) {
  return {.file = "kernel.cu",
          .line = line,
          .space = memory_space::global,
          .what = what,
          .width = 4,
          .requests = requests,
          .lanes = 32 * requests,
          .bytes = 128 * requests,
          .used_bytes = 128 * requests,
          .sectors = sectors * requests};
}
line_counters shared(operation what, unsigned line, std::uint64_t requests,
                     std::uint64_t wavefronts) {
  return {.file = "kernel.cu",
          .line = line,
          .space = memory_space::shared,
          .what = what,
          .width = 4,
          .requests = requests,
          .lanes = 32 * requests,
          .bytes = 128 * requests,
          .used_bytes = 128 * requests,
          .wavefronts = wavefronts * requests,
          .conflicts = (wavefronts - 1) * requests};
}
kernel_counters kernel(std::vector<line_counters> lines) {
  kernel_counters made;
  made.kernel = "void warpladder::memory::some_kernel<float>(float const*, float*)";
  made.grid = dim3(8), made.block = dim3(256);
  made.launches = 1;
  made.lines = std::move(lines);
  return made;
}

const published_gpu& h100 = find_gpu("h100");

std::string explained(std::vector<line_counters> lines) {
  return explain_text({kernel(std::move(lines))}, {.title = "test"}, h100);
}

TEST(Report, NamesTheColumnAccess) {
  const std::string text =
      explained({global(operation::load, 10, 100, 4), global(operation::store, 20, 100, 32)});
  EXPECT_TRUE(contains(text, "The global store 4B at kernel.cu:20 touches 32.0 sectors"));
  EXPECT_TRUE(contains(text, "a column or a long structure"));
}

TEST(Report, NamesTheBankConflict) {
  const std::string text =
      explained({global(operation::load, 10, 100, 4), shared(operation::store, 11, 100, 1),
                 shared(operation::load, 12, 100, 32)});
  EXPECT_TRUE(contains(text, "kernel.cu:12 takes 32.0 passes through the banks instead of 1"));
  EXPECT_TRUE(contains(text, "all lanes fall into one bank"));
}

TEST(Report, NamesTheMisalignedRow) {
  EXPECT_TRUE(contains(explained({global(operation::load, 10, 100, 5)}), "off a 32-byte boundary"));
}

TEST(Report, WeighsWhatTheLinesCostAndNotHowBadTheyLook) {
  // 100 requests with 31 conflicts each waste less than 100 000 with one sector too many.
  const std::string text =
      explained({global(operation::load, 10, 100'000, 5), shared(operation::load, 12, 100, 32)});
  EXPECT_TRUE(contains(text, "kernel.cu:10 touches"));
}

TEST(Report, FindsNoFaultWithFullRequests) {
  const std::string text =
      explained({global(operation::load, 10, 100, 4), global(operation::store, 20, 100, 4)});
  EXPECT_TRUE(contains(text, "No line wastes bandwidth"));
  // All lanes want the same 8 bytes: one sector is the least there is.
  line_counters broadcast = global(operation::load, 10, 100, 1);
  broadcast.used_bytes = 800;
  EXPECT_TRUE(contains(explained({broadcast}), "No line wastes bandwidth"));
  EXPECT_TRUE(contains(explained({}), "No access to global or shared memory was seen"));
}

TEST(Report, SaysWhenLanesAreMissing) {
  line_counters thin = global(operation::load, 10, 100, 8);
  thin.lanes = 800, thin.bytes = 3200, thin.used_bytes = 3200;
  EXPECT_TRUE(contains(explained({thin}), "Only 8 of 32 lanes take part"));
}

TEST(Report, SumsByKindOfAccess) {
  const totals all = total_of(
      {kernel({global(operation::load, 1, 10, 4), global(operation::load, 2, 10, 32),
               global(operation::async_copy, 3, 10, 4), shared(operation::async_copy, 3, 10, 1),
               shared(operation::load, 4, 10, 2)})});
  EXPECT_EQ(all.global_load.requests, 20u);
  EXPECT_EQ(all.global_load.sectors, 360u);
  EXPECT_EQ(all.global_async.sectors, 40u);
  EXPECT_EQ(all.shared_async.wavefronts, 10u);
  EXPECT_EQ(all.shared_load.conflicts, 10u);
  EXPECT_DOUBLE_EQ(all.global_bytes(), 400 * 32.0);
  EXPECT_DOUBLE_EQ(all.shared_wavefronts(), 30.0);
}

TEST(Report, BoundsAreTheSlowestOfThreeResources) {
  kernel_counters one = kernel({shared(operation::load, 1, 1'000'000, 1)});
  one.distinct_read_bytes = 3'350'000;
  const bounds b = bounds_of(total_of({one}), {.title = "", .flops = 66.9e6}, h100);
  EXPECT_NEAR(b.memory, 1e-6, 1e-12);
  EXPECT_NEAR(b.arithmetic, 1e-6, 1e-12);
  EXPECT_NEAR(b.shared, 1e6 / (132 * 1.98e9), 1e-12);
  EXPECT_STREQ(b.limit(), "shared memory");
  const bounds on_tensor_cores =
      bounds_of(total_of({one}), {.title = "", .flops = 989e6, .on_tensor_cores = true}, h100);
  EXPECT_NEAR(on_tensor_cores.arithmetic, 1e-6, 1e-12);
}

TEST(Report, UnknownGpuNamesTheKnownOnes) {
  try {
    find_gpu("voodoo");
    FAIL();
  } catch (const std::invalid_argument& error) {
    EXPECT_TRUE(contains(error.what(), "voodoo"));
    EXPECT_TRUE(contains(error.what(), "h100"));
  }
}

TEST(Report, JsonHoldsLinesAndTotals) {
  const auto json = explain_json({kernel({global(operation::store, 20, 100, 32)})},
                                 {.title = "test", .flops = 5}, h100);
  const auto& only = json["kernels"][0];
  EXPECT_EQ(only["lines"][0]["sectors"], 3200);
  EXPECT_EQ(only["lines"][0]["line"], 20);
  EXPECT_EQ(only["totals"]["global store"]["requests"], 100);
  EXPECT_EQ(json["flops"], 5);
}

TEST(Report, HtmlAnnotatesAndEscapesTheSource) {
  const auto file = std::filesystem::temp_directory_path() / "warpladder_report_test.cu";
  std::ofstream(file) << "if (a < b && c) x = 1;\nout[i] = x;\n";
  line_counters line = global(operation::store, 2, 100, 32);
  line.file = file.string();
  const std::string page = explain_html({kernel({line})}, {.title = "a<b>"}, h100);
  std::filesystem::remove(file);
  EXPECT_TRUE(contains(page, "if (a &lt; b &amp;&amp; c) x = 1;"));
  EXPECT_TRUE(contains(page, "100 requests of 32.0 lanes, 32.00 sectors, 12% used"));
  EXPECT_TRUE(contains(page, "<h1>a&lt;b&gt;</h1>"));
  EXPECT_FALSE(contains(page, "a<b>"));
}

TEST(Report, CompareSaysWhatChanged) {
  const std::string text =
      compare_text({kernel({global(operation::store, 1, 100, 32)})}, {.title = "before"},
                   {kernel({global(operation::store, 1, 100, 4)})}, {.title = "after"});
  EXPECT_TRUE(std::regex_search(text, std::regex("global store sectors +3200 +400 +0.12"))) << text;
}

TEST(Report, FindingsAreCountedAndTheirAbsenceIsSaid) {
  EXPECT_EQ(findings_text({}), "Nothing was found.\n");
  const std::string text = findings_text({{"shared-race", "who and where", 7}});
  EXPECT_TRUE(contains(text, "[shared-race] who and where"));
  EXPECT_TRUE(contains(text, "seen 7 times"));
}

}  // namespace
}  // namespace simt::report
