// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cmath>
#include <memory>
#include <random>
#include <reduce.hpp>
#include <reduce_segments.hpp>
#include <reduce_shape.hpp>
#include <reduce_types.hpp>
#include <segment_shape.hpp>
#include <vector>
#include <warpladder/core/buffer.hpp>

#include "rung_case.hpp"
#include "rungs.hpp"

namespace warpladder::cli {
namespace {

using array_problem = reduce::problem<float, sum<float>>;
using segmented_problem = reduce::segmented_problem<float, sum<float>>;

/// The operands of one problem; `problem` points into the buffers.
template <class Problem>
struct operands {
  device_buffer<float> in, out;
  device_buffer<std::byte> scratch{0};
  std::vector<float> expected;  ///< of `out`
  Problem problem;

  std::string explain_wrong() const {
    std::vector<float> got(out.size());
    WARPLADDER_TRY(cudaMemcpy(got.data(), out.data(), out.size_bytes(), cudaMemcpyDeviceToHost));
    for (std::size_t i = 0; i < got.size(); ++i) {
      if (got[i] != expected[i])
        return fmt::format("sum {} is {}, expected {}", i, got[i], expected[i]);
    }
    return "";
  }
};

device_buffer<float> upload(const std::vector<float>& values, const char* name) {
  device_buffer<float> buffer(values.size());
  WARPLADDER_TRY(
      cudaMemcpy(buffer.data(), values.data(), buffer.size_bytes(), cudaMemcpyHostToDevice));
  name_buffer(buffer.data(), name);
  return buffer;
}

/// Random integers from -8 to 8 without 0: a lost element shows, and sums are exact in any order,
/// as a sum of n of them is beyond 64 sqrt(n) with a probability of 3e-14 (Hoeffding): below 2^24
/// for any array that fits into memory. `offset` NaN stand before them.
std::vector<float> integers(std::int64_t count, std::int64_t offset = 0) {
  std::vector<float> values(static_cast<std::size_t>(offset), NAN);
  std::mt19937 random(5);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::uint32_t bits = random();
    values.push_back(float(bits % 8 + 1) * (bits & 8 ? 1 : -1));
  }
  return values;
}

/// Of an array, whose text is "1000@3".
std::shared_ptr<operands<array_problem>> make_operands(const std::string& text,
                                                       const array_problem&) {
  const bench::array_shape shape = bench::parse_array_shape(text);
  auto made = std::make_shared<operands<array_problem>>();
  const std::vector<float> in = integers(shape.count, shape.offset);
  made->expected = {0};
  for (std::size_t i = std::size_t(shape.offset); i < in.size(); ++i) made->expected[0] += in[i];
  made->in = upload(in, "in");
  made->out = upload({NAN}, "out");
  made->problem = {shape.count, made->in.data() + shape.offset, made->out.data()};
  return made;
}

/// Of the rows or columns of a matrix, whose text is "100x30" or "100x30:columns".
std::shared_ptr<operands<segmented_problem>> make_operands(const std::string& text,
                                                           const segmented_problem&) {
  const bench::segment_shape shape = bench::parse_segment_shape(text);
  auto made = std::make_shared<operands<segmented_problem>>();
  auto& p = made->problem;
  p.axis = shape.axis, p.rows = shape.rows, p.cols = p.ld = shape.cols;
  const std::vector<float> in = integers(p.rows * p.cols);
  made->expected.resize(std::size_t(p.segments()));
  for (std::int64_t i = 0; i < p.rows; ++i) {
    for (std::int64_t j = 0; j < p.cols; ++j)
      made->expected[std::size_t(p.axis == reduce::along::rows ? i : j)] +=
          in[std::size_t(i * p.cols + j)];
  }
  made->in = upload(in, "in");
  made->out = upload(std::vector<float>(made->expected.size(), NAN), "out");
  p.in = made->in.data(), p.out = made->out.data();
  return made;
}

template <class Problem>
rung_case make_case(const std::string& text, const rung_entry<Problem>& rung) {
  const auto on = make_operands(text, Problem{});
  rung_case made{.shape = text, .bytes = double(on->in.size_bytes() + on->out.size_bytes())};
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

template <class Problem>
void add_rung(std::vector<runnable_rung>& to, const std::string& name,
              const rung_entry<Problem>& rung, const char* help,
              const std::vector<std::string>& shapes) {
  to.push_back({"reduce/" + name, rung.info, help, shapes,
                [rung](const std::string& text) { return make_case(text, rung); }});
}

template <class Problem>
rung_entry<Problem> front_door(const char* name,
                               decltype(rung_entry<Problem>::workspace_bytes) bytes,
                               decltype(rung_entry<Problem>::launch) run) {
  return {{.step = 99, .name = name, .idea = "the front door"},
          [](const Problem&) { return support{}; },
          bytes,
          run};
}

}  // namespace

void add_reduce_rungs(std::vector<runnable_rung>& to) {
  const std::vector<std::string> shapes = {"65536", "1", "1000", "33@1", "4099@3"};
  // More than 4 vectors for each of 2 * 512 threads on 132 multiprocessors: loops over the grid go
  // round a second time. For one rung: the others walk in the same way, and a traced cooperative
  // grid of that size takes all memory.
  std::vector<std::string> with_long = shapes;
  with_long.push_back("2200003@1");
  for (const auto& rung : tables::reduce_rungs<float, sum<float>>())
    add_rung(to, full_name(rung.info), rung, bench::array_shape_help,
             rung.info.name == "loads_in_flight" ? with_long : shapes);
  add_rung(to, "run",
           front_door<array_problem>("run", tables::reduce_workspace_bytes<float, sum<float>>,
                                     tables::reduce_run<float, sum<float>>),
           bench::array_shape_help, shapes);

  // Few long ones, many short ones, and ragged ones, in both directions.
  const std::vector<std::string> segments = {"64x256",          "64x256:columns",  "3x70001",
                                             "70001x3:columns", "5000x7",          "7x5000:columns",
                                             "33x1001",         "1001x33:columns", "1x1"};
  for (const auto& rung : tables::segmented_rungs<float, sum<float>>())
    add_rung(to, full_name(rung.info), rung, bench::segment_shape_help, segments);
  add_rung(to, "run_segments",
           front_door<segmented_problem>("run_segments",
                                         tables::segmented_workspace_bytes<float, sum<float>>,
                                         tables::segmented_run<float, sum<float>>),
           bench::segment_shape_help, segments);
}

}  // namespace warpladder::cli
