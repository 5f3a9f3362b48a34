// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cmath>
#include <memory>
#include <reduce_shape.hpp>
#include <scan.hpp>
#include <vector>
#include <warpladder/core/buffer.hpp>

#include "rung_case.hpp"
#include "rungs.hpp"

namespace warpladder::cli {
namespace {

using problem = scan::problem<float>;

/// Inclusive sums of integers from -4 to 4: no addition rounds, whatever the order.
struct operands {
  explicit operands(const bench::array_shape& shape)
      : in(std::size_t(shape.offset + shape.count)), out(in.size()) {
    std::vector<float> values(in.size());
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = float(i * 7919 % 9) - 4;
    WARPLADDER_TRY(cudaMemcpy(in.data(), values.data(), in.size_bytes(), cudaMemcpyHostToDevice));
    WARPLADDER_TRY(cudaMemset(out.data(), 0xff, out.size_bytes()));  // NaN
    WARPLADDER_TRY(cudaDeviceSynchronize());
    name_buffer(in.data(), "in");
    name_buffer(out.data(), "out");
    float sum = 0;
    for (std::size_t i = std::size_t(shape.offset); i < values.size(); ++i)
      expected.push_back(sum += values[i]);
    p.n = shape.count;
    p.in = in.data() + shape.offset, p.out = out.data() + shape.offset;
  }

  std::string explain_wrong() const {
    std::vector<float> got(out.size());
    WARPLADDER_TRY(cudaMemcpy(got.data(), out.data(), out.size_bytes(), cudaMemcpyDeviceToHost));
    const std::size_t offset = got.size() - expected.size();
    for (std::size_t i = 0; i < got.size(); ++i) {
      if (i < offset && !std::isnan(got[i])) return "memory before out was written";
      if (i >= offset && got[i] != expected[i - offset])
        return fmt::format("element {} is {}, expected {}", i - offset, got[i],
                           expected[i - offset]);
    }
    return "";
  }

  device_buffer<float> in, out;
  device_buffer<std::byte> scratch{0};
  std::vector<float> expected;
  problem p;
};

template <class Supports, class WorkspaceBytes, class Launch>
rung_case make_case(const std::string& text, Supports supports, WorkspaceBytes workspace_bytes,
                    Launch launch) {
  const bench::array_shape shape = bench::parse_array_shape(text);
  rung_case made{.shape = shape.name(), .bytes = 2 * shape.bytes()};
  const auto on = std::make_shared<operands>(shape);
  if (const support can = supports(on->p); !can) {
    made.why_not = can.why_not;
    return made;
  }
  on->scratch = device_buffer<std::byte>(workspace_bytes(on->p));
  if (on->scratch.size() > 0) name_buffer(on->scratch.data(), "the workspace");
  made.launch = [on, launch](cudaStream_t to) {
    return launch(on->p, to, workspace_view{on->scratch.data(), on->scratch.size()});
  };
  made.explain_wrong = [on] { return on->explain_wrong(); };
  return made;
}

}  // namespace

void add_scan_rungs(std::vector<runnable_rung>& to) {
  const std::vector<std::string> shapes = {"16384", "1", "1000", "33@1", "4099@3", "70000"};
  const std::string help = bench::array_shape_help;
  for (const auto& rung : tables::scan_rungs<float>()) {
    to.push_back(
        {"scan/" + full_name(rung.info), rung.info, help, shapes, [rung](const std::string& shape) {
           return make_case(shape, rung.supports, rung.workspace_bytes, rung.launch);
         }});
  }
  to.push_back({"scan/run",
                {.step = 99, .name = "run", .idea = "the front door"},
                help,
                shapes,
                [](const std::string& shape) {
                  return make_case(
                      shape, [](const problem&) { return support{}; },
                      tables::scan_workspace_bytes<float, sum<float>>,
                      tables::scan_run<float, sum<float>>);
                }});
}

}  // namespace warpladder::cli
