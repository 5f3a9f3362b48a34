// SPDX-License-Identifier: Apache-2.0
//
// Each of the wrong pipelines of pipelines.cuh must give a wrong result in one of eight orders of
// the streams, and its right twin in none of many.

#include <string>

#include "pipelines.cuh"
#include "support/backend.hpp"

namespace warpladder::caught {
namespace {

int wrong_items(const std::vector<int>& results) {
  int wrong = 0;
  for (int chunk = 0; chunk < chunks; ++chunk) {
    for (unsigned i = 0; i < items; ++i)
      wrong += results[chunk * items + i] != expected_item(chunk, i);
  }
  return wrong;
}

class CaughtPipeline : public ::testing::TestWithParam<wrong_pipeline> {};
INSTANTIATE_TEST_SUITE_P(Specimens, CaughtPipeline, ::testing::ValuesIn(wrong_pipelines),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_P(CaughtPipeline, the_right_one_is_not) {
  if (!test::why_no_device().empty()) GTEST_SKIP() << test::why_no_device();
  test::for_each_stream_schedule(24, [](const std::string& schedule) {
    EXPECT_EQ(wrong_items(GetParam().run(true)), 0) << schedule;
  });
}

TEST_P(CaughtPipeline, in_one_of_eight_orders) {
  if (!test::why_no_device().empty()) GTEST_SKIP() << test::why_no_device();
  if (test::on_gpu) GTEST_SKIP() << "whether a GPU shows this is luck; the host executor must";
  if (test::sanitized && GetParam().run == freed_in_another_stream) {
    const auto in_any_order = [] {
      test::for_each_stream_schedule(8, [](const std::string&) { GetParam().run(false); });
    };
    EXPECT_DEATH(in_any_order(), "heap-use-after-free");
    return;
  }
  int caught = 0;
  test::for_each_stream_schedule(8, [&](const std::string& schedule) {
    if (schedule.find("random") == std::string::npos) return;  // luck as well
    caught += wrong_items(GetParam().run(false)) > 0;
  });
  EXPECT_GT(caught, 0);
  RecordProperty("orders_that_show_it", caught);
}

}  // namespace
}  // namespace warpladder::caught
