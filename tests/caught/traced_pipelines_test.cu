// SPDX-License-Identifier: Apache-2.0
//
// The wrong pipelines of pipelines.cuh, by their missing order instead of their results: reported
// in whatever order the operations have run, with both lines. The right ones are not.

#include <simt/trace.hpp>
#include <string>

#include "pipelines.cuh"
#include "support/backend.hpp"

namespace warpladder::caught {
namespace {

std::vector<simt::trace::finding> check(bool right, const wrong_pipeline& pipeline) {
  simt::trace::start({.count = false, .check = true});
  pipeline.run(right);
  return simt::trace::stop().findings;
}

std::size_t occurrences(const std::string& text, const std::string& of) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = text.find(of, at)) != text.npos; at += of.size()) ++count;
  return count;
}

class TracedPipeline : public ::testing::TestWithParam<wrong_pipeline> {};
INSTANTIATE_TEST_SUITE_P(Specimens, TracedPipeline, ::testing::ValuesIn(wrong_pipelines),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_P(TracedPipeline, is_reported_in_any_order) {
  if (!GetParam().is_traced) GTEST_SKIP() << "not an access that is traced";
  test::for_each_stream_schedule(4, [](const std::string& schedule) {
    const auto findings = check(false, GetParam());
    EXPECT_FALSE(findings.empty()) << schedule;
    for (const simt::trace::finding& f : findings) {
      EXPECT_EQ(f.detector, "stream-race") << schedule << ": " << f.text;
      EXPECT_GE(occurrences(f.text, "pipelines.cuh:"), 2u) << schedule << ": " << f.text;
    }
  });
}

TEST_P(TracedPipeline, right_one_is_not) {
  test::for_each_stream_schedule(4, [](const std::string& schedule) {
    for (const simt::trace::finding& f : check(true, GetParam()))
      ADD_FAILURE() << schedule << ": " << f.detector << ": " << f.text;
  });
}

}  // namespace
}  // namespace warpladder::caught
