// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <rowwise.hpp>
#include <rowwise_shape.hpp>
#include <span>
#include <warpladder/core/buffer.hpp>
#include <warpladder/rowwise/verification.hpp>

#include "rung_case.hpp"
#include "rungs.hpp"

namespace warpladder::cli {
namespace {

using bench::rowwise_shape;

/// The operands of one problem; `problem` points into the buffers.
template <class Problem>
struct operands {
  static constexpr bool is_norm = std::is_same_v<Problem, rowwise::norm_problem<float>>;

  Problem problem;
  std::vector<float> in, weight, bias;  ///< as the device has them; `in` from its first element
  device_buffer<float> device_in, device_out, device_weight, device_bias;
  device_buffer<std::byte> scratch;

  explicit operands(const rowwise_shape& shape, const Problem& like = {}) : problem(like) {
    std::mt19937 random(3);
    std::normal_distribution<float> normal;
    const auto numbers = [&](std::int64_t count) {
      std::vector<float> made(static_cast<std::size_t>(count));
      for (float& x : made) x = 1 + 2 * normal(random);
      return made;
    };
    const std::int64_t ld = shape.cols + shape.gap, extent = shape.rows * ld;
    in = numbers(extent);
    std::vector<float> with_offset(static_cast<std::size_t>(shape.offset), NAN);
    with_offset.insert(with_offset.end(), in.begin(), in.end());
    device_in = upload(with_offset, "in");
    device_out = upload(std::vector<float>(static_cast<std::size_t>(extent), NAN), "out");
    problem.rows = shape.rows, problem.cols = shape.cols;
    problem.in = device_in.data() + shape.offset, problem.ld_in = ld;
    problem.out = device_out.data(), problem.ld_out = ld;
    if constexpr (is_norm) {
      weight = numbers(shape.cols), bias = numbers(shape.cols);
      device_weight = upload(weight, "weight"), device_bias = upload(bias, "bias");
      problem.weight = device_weight.data(), problem.bias = device_bias.data();
    }
  }

  /// Calls see(row, column, result, expected) for every element.
  template <class See>
  void compare(const See& see) const {
    std::vector<float> got(device_out.size());
    WARPLADDER_TRY(
        cudaMemcpy(got.data(), device_out.data(), device_out.size_bytes(), cudaMemcpyDeviceToHost));
    const auto cols = static_cast<std::size_t>(problem.cols);
    for (std::int64_t i = 0; i < problem.rows; ++i) {
      const auto begin = static_cast<std::size_t>(i * problem.ld_in);
      const std::span<const float> row = std::span<const float>(in).subspan(begin, cols);
      std::vector<rowwise::expected_element> expected;
      if constexpr (is_norm) {
        expected = rowwise::expected_norm<float>(problem, row, weight, bias);
      } else {
        expected = rowwise::expected_softmax<float>(row);
      }
      for (std::size_t j = 0; j < cols; ++j) see(i, j, got[begin + j], expected[j]);
    }
  }

 private:
  static device_buffer<float> upload(const std::vector<float>& values, const char* name) {
    device_buffer<float> buffer(values.size());
    WARPLADDER_TRY(
        cudaMemcpy(buffer.data(), values.data(), buffer.size_bytes(), cudaMemcpyHostToDevice));
    name_buffer(buffer.data(), name);
    return buffer;
  }
};

template <class Problem>
rung_case make_case(const std::string& text, const std::shared_ptr<operands<Problem>>& on,
                    const rowwise_shape& shape) {
  rung_case made{.shape = text, .bytes = shape.bytes(sizeof(float))};
  made.explain_wrong = [on] {
    std::string wrong;
    on->compare([&](std::int64_t i, std::size_t j, float result, const auto& expected) {
      if (wrong.empty() && !expected.accepts(double(result)))
        wrong = fmt::format("row {}, column {} is {}, expected {} +- {}", i, j, result,
                            expected.value, expected.bound);
    });
    return wrong;
  };
  made.error_over_bound = [on] {
    double worst = 0;
    on->compare([&](std::int64_t, std::size_t, float result, const auto& expected) {
      worst = std::max(worst, std::abs(double(result) - expected.value) / expected.bound);
    });
    return worst;
  };
  return made;
}

template <class Problem>
void add_ladder(std::vector<runnable_rung>& to, std::span<const rung_entry<Problem>> ladder,
                const std::vector<std::string>& shapes) {
  for (const rung_entry<Problem>& rung : ladder) {
    to.push_back({"rowwise/" + full_name(rung.info), rung.info, bench::rowwise_shape_help, shapes,
                  [rung](const std::string& text) {
                    const rowwise_shape shape = bench::parse_rowwise_shape(text);
                    const auto on = std::make_shared<operands<Problem>>(shape);
                    rung_case made = make_case(text, on, shape);
                    if (const support can = rung.supports(on->problem); !can) {
                      made.why_not = can.why_not;
                      return made;
                    }
                    on->scratch = device_buffer<std::byte>(rung.workspace_bytes(on->problem));
                    made.launch = [on, launch = rung.launch](cudaStream_t stream) {
                      return launch(on->problem, stream, {on->scratch.data(), on->scratch.size()});
                    };
                    return made;
                  }});
  }
}

template <class Problem>
void add_front_door(std::vector<runnable_rung>& to, const char* name,
                    cudaError_t (*run)(const Problem&, cudaStream_t),
                    const std::vector<std::string>& shapes, const Problem& like = {}) {
  const rung_info info{.step = 99, .name = name, .idea = "the front door"};
  to.push_back({"rowwise/" + std::string(name), info, bench::rowwise_shape_help, shapes,
                [run, like](const std::string& text) {
                  const rowwise_shape shape = bench::parse_rowwise_shape(text);
                  const auto on = std::make_shared<operands<Problem>>(shape, like);
                  rung_case made = make_case(text, on, shape);
                  made.launch = [on, run](cudaStream_t stream) { return run(on->problem, stream); };
                  return made;
                }});
}

}  // namespace

void add_rowwise_rungs(std::vector<runnable_rung>& to) {
  // Rows of some lanes, of a warp, of a block and of a cluster; whole packets and ragged rows; more
  // than a block's registers, and more than a cluster's.
  const std::vector<std::string> shapes = {"64x256",       "33x100+5@1", "7x1000+24", "5x2053",
                                           "3x8192",       "2x9000+1",   "2x20000",   "1x40001",
                                           "1x262152+8@4", "130x7"};
  add_ladder(to, tables::softmax_rungs<float>(), shapes);
  add_front_door(to, "softmax", tables::rowwise_softmax<float>, shapes);
  add_ladder(to, tables::norm_rungs<float>(), shapes);
  for (const auto what : {rowwise::norm::layer, rowwise::norm::rms}) {
    add_front_door(to, what == rowwise::norm::layer ? "layernorm" : "rmsnorm",
                   tables::rowwise_normalize<float>, shapes, {.what = what});
  }
}

}  // namespace warpladder::cli
