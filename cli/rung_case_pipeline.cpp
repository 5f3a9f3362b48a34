// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <memory>
#include <pipeline.hpp>
#include <pipeline_shape.hpp>
#include <vector>
#include <warpladder/core/buffer.hpp>
#include <warpladder/pipeline/lanes.hpp>

#include "rung_case.hpp"
#include "rungs.hpp"

namespace warpladder::cli {
namespace {

using pipeline::problem;
using rung = rung_entry<problem>;

/// Values between -1 and 1, in some seven chunks of a size that divides nothing.
struct operands {
  explicit operands(const bench::pipeline_shape& shape)
      : in(std::size_t(shape.elements())), out(in.size()) {
    for (std::size_t i = 0; i < in.size(); ++i) {
      in.data()[i] = float(i * 7919 % 2003) / 1002 - 1;
      out.data()[i] = std::numeric_limits<float>::quiet_NaN();
    }
    p.n = shape.elements();
    p.in = in.data();
    p.out = out.data();
    p.rounds = 1 + int(shape.work);  // nothing is timed here: a few rounds stand for many
    p.chunk = p.n / 7 + 1;
    p.slots = 3;
    p.lanes = lent.view();
    // Of a slow bus, for which small chunks are worth while; 08 tuned goes by them.
    p.rates = {.h2d_bytes_per_second = 1e8,
               .d2h_bytes_per_second = 1e8,
               .both_bytes_per_second = 1.5e8,
               .kernel_seconds_per_byte = 1e-8 * int(shape.work)};
  }

  std::string explain_wrong() const {
    for (std::size_t i = 0; i < out.size(); ++i) {
      float expected = in.data()[i];
      for (int round = 0; round < p.rounds; ++round) expected = std::fma(expected, expected, -1.9f);
      if (out.data()[i] != expected)
        return fmt::format("element {} is {}, expected {}", i, out.data()[i], expected);
    }
    return "";
  }

  pinned_buffer<float> in, out;
  pipeline::lanes lent{4};
  device_buffer<std::byte> scratch{0};
  problem p;
};

rung_case make_case(const std::string& text, const rung& how) {
  const bench::pipeline_shape shape = bench::parse_pipeline_shape(text);
  rung_case made{.shape = shape.name()};
  const auto on = std::make_shared<operands>(shape);
  if (const support can = how.supports(on->p); !can) {
    made.why_not = can.why_not;
    return made;
  }
  on->scratch = device_buffer<std::byte>(how.workspace_bytes(on->p));
  name_buffer(on->scratch.data(), "the slots");
  made.launch = [on, how](cudaStream_t to) {
    return how.launch(on->p, to, {on->scratch.data(), on->scratch.size()});
  };
  made.explain_wrong = [on] { return on->explain_wrong(); };
  return made;
}

}  // namespace

void add_pipeline_rungs(std::vector<runnable_rung>& to) {
  const std::vector<std::string> shapes = {"64KiB:low", "32KiB:medium", "1KiB:high"};
  for (const rung& how : tables::pipeline_rungs()) {
    to.push_back({.name = "pipeline/" + full_name(how.info),
                  .info = how.info,
                  .shape_help = bench::pipeline_shape_help,
                  .shapes = shapes,
                  .make = [how](const std::string& shape) { return make_case(shape, how); },
                  .has_counters = false});
  }
}

}  // namespace warpladder::cli
