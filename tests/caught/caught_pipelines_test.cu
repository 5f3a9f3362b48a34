// SPDX-License-Identifier: Apache-2.0
//
// Each of the wrong pipelines of pipelines.cuh must give a wrong result in one of eight orders of
// the streams, and its right twin in none of many.

#include <string>

#include "pipelines.cuh"
#include "support/backend.hpp"

namespace warpladder::caught {
namespace {

struct specimen {
  const char* name;
  std::vector<int> (*pipeline)(bool right);
};

constexpr specimen specimens[] = {
#define WARPLADDER_SPECIMEN(pipeline) \
  { #pipeline, pipeline }
    WARPLADDER_SPECIMEN(no_wait_before_the_kernel),
    WARPLADDER_SPECIMEN(no_wait_before_the_copy_down),
    WARPLADDER_SPECIMEN(device_input_refilled_too_early),
    WARPLADDER_SPECIMEN(device_output_overwritten_too_early),
    WARPLADDER_SPECIMEN(pinned_input_refilled_too_early),
    WARPLADDER_SPECIMEN(pinned_output_read_too_early),
    WARPLADDER_SPECIMEN(synchronizes_the_wrong_stream),
    WARPLADDER_SPECIMEN(freed_in_another_stream),
    WARPLADDER_SPECIMEN(allocated_in_another_stream),
    WARPLADDER_SPECIMEN(default_stream_in_the_middle),
    WARPLADDER_SPECIMEN(memset_taken_for_synchronous),
    WARPLADDER_SPECIMEN(event_recorded_too_early),
    WARPLADDER_SPECIMEN(waits_before_the_record),
    WARPLADDER_SPECIMEN(one_event_for_two_lanes),
    WARPLADDER_SPECIMEN(waits_for_the_other_lane),
    WARPLADDER_SPECIMEN(graph_without_an_edge),
    WARPLADDER_SPECIMEN(graph_replayed_over_its_input),
#undef WARPLADDER_SPECIMEN
};

int wrong_items(const std::vector<int>& results) {
  int wrong = 0;
  for (int chunk = 0; chunk < chunks; ++chunk) {
    for (unsigned i = 0; i < items; ++i)
      wrong += results[chunk * items + i] != expected_item(chunk, i);
  }
  return wrong;
}

class CaughtPipeline : public ::testing::TestWithParam<specimen> {};
INSTANTIATE_TEST_SUITE_P(Specimens, CaughtPipeline, ::testing::ValuesIn(specimens),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_P(CaughtPipeline, the_right_one_is_not) {
  if (!test::why_no_device().empty()) GTEST_SKIP() << test::why_no_device();
  test::for_each_stream_schedule(24, [](const std::string& schedule) {
    EXPECT_EQ(wrong_items(GetParam().pipeline(true)), 0) << schedule;
  });
}

TEST_P(CaughtPipeline, in_one_of_eight_orders) {
  if (!test::why_no_device().empty()) GTEST_SKIP() << test::why_no_device();
  if (test::on_gpu) GTEST_SKIP() << "whether a GPU shows this is luck; the host executor must";
  if (test::sanitized && GetParam().pipeline == freed_in_another_stream) {
    const auto in_any_order = [] {
      test::for_each_stream_schedule(8, [](const std::string&) { GetParam().pipeline(false); });
    };
    EXPECT_DEATH(in_any_order(), "heap-use-after-free");
    return;
  }
  int caught = 0;
  test::for_each_stream_schedule(8, [&](const std::string& schedule) {
    if (schedule.find("random") == std::string::npos) return;  // luck as well
    caught += wrong_items(GetParam().pipeline(false)) > 0;
  });
  EXPECT_GT(caught, 0);
  RecordProperty("orders_that_show_it", caught);
}

}  // namespace
}  // namespace warpladder::caught
