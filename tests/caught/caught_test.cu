// SPDX-License-Identifier: Apache-2.0
//
// Tests must be able to fail: every known-bad kernel of defects.cuh is run the way rungs are run,
// and must be caught by the detector named for it.

#include <warpladder/core/stream.hpp>
#include <warpladder/gemm/verify.cuh>

#include "defects.cuh"
#include "support/backend.hpp"
#include "support/gemm_case.hpp"

namespace warpladder::caught {
namespace {

using test::gemm_case;
using test::gemm_operands;
using test::values;

/// What is meant to catch a defect.
enum class detector {
  wrong_result,  ///< the reference and gemm::verify both object, in at least one schedule
  guards,        ///< the reference says that memory outside of C was written
  report,        ///< the host executor stops the launch and names the place
  sanitizer,     ///< AddressSanitizer or the bounds check ends the process
};

struct specimen {
  const char* name;
  detector by;
  gemm_case shape;
  cudaError_t (*bad)(const gemm::problem<float>&, cudaStream_t);
  cudaError_t (*good)(const gemm::problem<float>&, cudaStream_t);
  std::string report_says = {};
  void (*prepare)(gemm_operands<float>&) = nullptr;
  bool out_of_bounds = false;     ///< the sanitized build ends before any result can be wrong
  bool only_by_schedule = false;  ///< a race: whether it shows on a GPU is luck
};

template <defect Defect>
constexpr auto tiled = launch_tiled<Defect>;
template <defect Defect>
constexpr auto warp = launch_warp<Defect>;

std::vector<specimen> specimens() {
  using enum defect;
  using enum detector;
  using enum gemm::transpose;
  const gemm_case ragged{.m = 33, .n = 40, .k = 41, .gap = 3};
  const auto good = tiled<none>;
  return {
      {.name = "no_barrier_before_reading",
       .by = wrong_result,
       .shape = ragged,
       .bad = tiled<no_barrier_before_reading>,
       .good = good,
       .only_by_schedule = true},
      {.name = "no_barrier_before_refilling",
       .by = wrong_result,
       .shape = ragged,
       .bad = tiled<no_barrier_before_refilling>,
       .good = good,
       .only_by_schedule = true},
      {.name = "no_async_wait",
       .by = wrong_result,
       .shape = ragged,
       .bad = tiled<no_async_wait>,
       .good = good,
       .only_by_schedule = true},
      {.name = "no_barrier_after_async_wait",
       .by = wrong_result,
       .shape = ragged,
       .bad = tiled<no_barrier_after_async_wait>,
       .good = good,
       .only_by_schedule = true},
      {.name = "divergent_barrier",
       .by = report,
       .shape = ragged,
       .bad = tiled<divergent_barrier>,
       .good = good,
       .report_says = "defects.cuh",
       .only_by_schedule = true},
      {.name = "early_return_before_barrier",
       .by = wrong_result,
       .shape = ragged,
       .bad = tiled<early_return_before_barrier>,
       .good = good},
      {.name = "no_row_guard_on_store",
       .by = guards,
       .shape = {.m = 15, .n = 16, .k = 8},
       .bad = tiled<no_row_guard_on_store>,
       .good = good},
      {.name = "no_column_guard_on_store",
       .by = guards,
       .shape = {.m = 16, .n = 15, .k = 8, .gap = 1},
       .bad = tiled<no_column_guard_on_store>,
       .good = good},
      {.name = "no_row_guard_on_load",
       .by = sanitizer,
       .shape = {.m = 15, .n = 16, .k = 16},
       .bad = tiled<no_row_guard_on_load>,
       .good = good},
      {.name = "no_depth_guard_on_load",
       .by = wrong_result,
       .shape = ragged,
       .bad = tiled<no_depth_guard_on_load>,
       .good = good,
       .out_of_bounds = true},
      {.name = "shared_tile_one_short",
       .by = sanitizer,
       .shape = {.m = 16, .n = 16, .k = 16},
       .bad = tiled<shared_tile_one_short>,
       .good = good},
      {.name = "reads_c_when_beta_is_zero",
       .by = wrong_result,
       .shape = ragged,
       .bad = tiled<reads_c_when_beta_is_zero>,
       .good = good},
      {.name = "reads_inputs_when_alpha_is_zero",
       .by = wrong_result,
       .shape = {.m = 5, .n = 6, .k = 7, .alpha = 0},
       .bad = tiled<reads_inputs_when_alpha_is_zero>,
       .good = good,
       .prepare =
           [](gemm_operands<float>& operands) {
             operands.a_at(2, 3) = std::numeric_limits<float>::quiet_NaN();
           }},
      {.name = "ignores_transposed_stride",
       .by = wrong_result,
       .shape = {.m = 20, .n = 20, .k = 20, .trans_a = yes},
       .bad = tiled<ignores_transposed_stride>,
       .good = good},
      {.name = "forgets_last_tile_of_k",
       .by = wrong_result,
       .shape = ragged,
       .bad = tiled<forgets_last_tile_of_k>,
       .good = good},
      {.name = "ignores_batch_stride",
       .by = wrong_result,
       .shape = {.m = 9, .n = 8, .k = 7, .batch = 3},
       .bad = tiled<ignores_batch_stride>,
       .good = good},
      {.name = "ignores_ldc",
       .by = wrong_result,
       .shape = ragged,
       .bad = tiled<ignores_ldc>,
       .good = good},
      {.name = "hides_nan",
       .by = wrong_result,
       .shape = ragged,
       .bad = tiled<hides_nan>,
       .good = good,
       .prepare =
           [](gemm_operands<float>& operands) {
             operands.a_at(2, 3) = std::numeric_limits<float>::quiet_NaN();
           }},
      {.name = "leaves_last_element",
       .by = wrong_result,
       .shape = ragged,
       .bad = tiled<leaves_last_element>,
       .good = good},
      {.name = "mask_without_caller",
       .by = report,
       .shape = {.m = 2, .n = 3, .k = 50},
       .bad = warp<mask_without_caller>,
       .good = warp<none>,
       .report_says = "defects.cuh",
       .only_by_schedule = true},
      {.name = "mask_names_exited_lanes",
       .by = report,
       .shape = {.m = 2, .n = 3, .k = 20},
       .bad = warp<mask_names_exited_lanes>,
       .good = warp<none>,
       .report_says = "defects.cuh",
       .only_by_schedule = true},
      {.name = "half_the_lanes",
       .by = wrong_result,
       .shape = {.m = 2, .n = 3, .k = 50},
       .bad = warp<half_the_lanes>,
       .good = warp<none>},
  };
}

/// What running a kernel once brought to light.
struct findings {
  bool finished = true;  ///< no error from the launch or from the wait
  bool reference_objects = false, guards_object = false, verify_objects = false;
  std::string report;
};

findings run_once(const specimen& s,
                  cudaError_t (*kernel)(const gemm::problem<float>&, cudaStream_t)) {
  findings found;
  gemm_operands<float> operands(s.shape, values::reals);
  if (s.prepare != nullptr) s.prepare(operands);
  operands.upload();
  const auto before = operands.initial_c();
  before.upload();
  const stream on;
#ifdef WARPLADDER_HOST_EXECUTOR
  simt::clear_report();
#endif
  const cudaError_t launched = kernel(operands.problem(), on);
  const cudaError_t ran = cudaStreamSynchronize(on);
#ifdef WARPLADDER_HOST_EXECUTOR
  found.report = simt::last_report();
#endif
  if (launched != cudaSuccess || ran != cudaSuccess) {
    found.finished = false;
    return found;
  }
  const auto judgement = operands.check();
  found.guards_object = !operands.surroundings_intact();
  found.reference_objects = !judgement;
  device_buffer<gemm::verification> result(1);
  gemm::verification verdict;
  WARPLADDER_TRY(gemm::verify(operands.problem(), before.device(), result.data(), on));
  WARPLADDER_TRY(cudaStreamSynchronize(on));
  WARPLADDER_TRY(cudaMemcpy(&verdict, result.data(), sizeof verdict, cudaMemcpyDefault));
  found.verify_objects = verdict.wrong > 0;
  return found;
}

constexpr int random_schedules = 4;

/// Without the defect nothing may object, or being caught would mean nothing.
void expect_innocent(const specimen& s) {
  test::for_each_schedule(random_schedules, [&](const std::string& order) {
    const findings found = run_once(s, s.good);
    EXPECT_TRUE(found.finished) << order << ": " << found.report;
    EXPECT_FALSE(found.reference_objects) << order;
    EXPECT_FALSE(found.guards_object) << order;
    EXPECT_FALSE(found.verify_objects) << order;
  });
}

void expect_caught(const specimen& s) {
  expect_innocent(s);
  if (s.by == detector::sanitizer || (test::sanitized && s.out_of_bounds)) {
    if (!test::sanitized) GTEST_SKIP() << "caught by the sanitized build";
    EXPECT_DEATH(run_once(s, s.bad), "AddressSanitizer|runtime error: index .* out of bounds");
    return;
  }
  if (test::on_gpu && s.only_by_schedule) {
    GTEST_SKIP() << "whether a GPU shows this is luck; the host executor must";
  }
  int reference = 0, guards = 0, verify = 0, reports = 0;
  test::for_each_schedule(random_schedules, [&](const std::string&) {
    const findings found = run_once(s, s.bad);
    reference += found.reference_objects;
    guards += found.guards_object;
    verify += found.verify_objects;
    if (!found.finished) {
      ++reports;
      EXPECT_NE(found.report.find(s.report_says), std::string::npos) << found.report;
    }
  });
  switch (s.by) {
    case detector::wrong_result:
      EXPECT_GT(reference, 0) << "the reference did not object in any schedule";
      EXPECT_GT(verify, 0) << "gemm::verify did not object in any schedule";
      break;
    case detector::guards:
      EXPECT_GT(guards, 0) << "no guard was hurt";
      break;
    case detector::report:
      EXPECT_GT(reports, 0) << "the executor reported nothing";
      break;
    case detector::sanitizer:
      break;
  }
}

}  // namespace

void add_caught_tests() {
  for (const specimen& s : specimens())
    test::device_test::add("CaughtGemm", s.name, [s] { expect_caught(s); });
}

}  // namespace warpladder::caught

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  warpladder::caught::add_caught_tests();
  return RUN_ALL_TESTS();
}
