// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cmath>
#include <memory>
#include <random>
#include <reduce.hpp>
#include <reduce_shape.hpp>
#include <vector>
#include <warpladder/core/buffer.hpp>

#include "rung_case.hpp"
#include "rungs.hpp"

namespace warpladder::cli {
namespace {

using sum_problem = reduce::problem<float, sum<float>>;

/// The operands of one problem; `problem` points into the buffers.
struct operands {
  device_buffer<float> in, out{1};
  device_buffer<std::byte> scratch{0};
  float expected = 0;
  sum_problem problem;

  std::string explain_wrong() const {
    float got = 0;
    WARPLADDER_TRY(cudaMemcpy(&got, out.data(), sizeof(got), cudaMemcpyDeviceToHost));
    return got == expected ? "" : fmt::format("the sum is {}, expected {}", got, expected);
  }
};

/// Random integers from -8 to 8 without 0: a lost element shows, and sums are exact in any order,
/// as a sum of n of them is beyond 64 sqrt(n) with a probability of 3e-14 (Hoeffding): below 2^24
/// for any array that fits into memory.
std::shared_ptr<operands> make_operands(const bench::array_shape& shape) {
  auto made = std::make_shared<operands>();
  std::vector<float> in(static_cast<std::size_t>(shape.offset + shape.count), NAN);
  std::mt19937 random(5);
  for (std::int64_t i = 0; i < shape.count; ++i) {
    const std::uint32_t bits = random();
    const float x = float(bits % 8 + 1) * (bits & 8 ? 1 : -1);
    in[std::size_t(shape.offset + i)] = x;
    made->expected += x;
  }
  made->in = device_buffer<float>(in.size());
  const float poison = NAN;
  WARPLADDER_TRY(
      cudaMemcpy(made->in.data(), in.data(), made->in.size_bytes(), cudaMemcpyHostToDevice));
  WARPLADDER_TRY(cudaMemcpy(made->out.data(), &poison, sizeof(poison), cudaMemcpyHostToDevice));
  name_buffer(made->in.data(), "in");
  name_buffer(made->out.data(), "out");
  made->problem = {shape.count, made->in.data() + shape.offset, made->out.data()};
  return made;
}

rung_case make_case(const std::string& text, const rung_entry<sum_problem>& rung) {
  const bench::array_shape shape = bench::parse_array_shape(text);
  const auto on = make_operands(shape);
  rung_case made{.shape = text, .bytes = shape.bytes()};
  if (const support can = rung.supports(on->problem); !can) {
    made.why_not = can.why_not;
    return made;
  }
  on->scratch = device_buffer<std::byte>(rung.workspace_bytes(on->problem));
  if (on->scratch.size() > 0) name_buffer(on->scratch.data(), "the workspace");
  made.launch = [on, launch = rung.launch](cudaStream_t to) {
    return launch(on->problem, to, {on->scratch.data(), on->scratch.size()});
  };
  made.explain_wrong = [on] { return on->explain_wrong(); };
  return made;
}

}  // namespace

void add_reduce_rungs(std::vector<runnable_rung>& to) {
  // The last is more than 4 vectors for each of 2 * 512 threads on 132 multiprocessors: loops over
  // the grid go round a second time.
  const std::vector<std::string> shapes = {"65536", "1", "1000", "33@1", "4099@3", "2200003@1"};
  for (const auto& rung : tables::reduce_rungs<float, sum<float>>()) {
    to.push_back({"reduce/" + full_name(rung.info), rung.info, bench::array_shape_help, shapes,
                  [rung](const std::string& text) { return make_case(text, rung); }});
  }
}

}  // namespace warpladder::cli
