// SPDX-License-Identifier: Apache-2.0
//
// Times the rungs of the topic pipeline: pinned host memory to the device, a kernel, and back. Rung
// 00 takes the vendor's place, so that vendor_ratio says by how much a rung is faster than what
// everybody writes first. The ceiling is the busiest engine, measured in the same process.

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <competitors.hpp>
#include <harness/harness.hpp>
#include <memory>
#include <pipeline.hpp>
#include <pipeline_lab.hpp>
#include <pipeline_shape.hpp>
#include <pipeline_verify.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

namespace wl = warpladder;
using wl::bench::case_list, wl::bench::ceilings, wl::bench::competitor, wl::bench::from_rung,
    wl::bench::intensity, wl::bench::job, wl::bench::options, wl::bench::pipeline_lab,
    wl::bench::pipeline_shape;
using wl::pipeline::problem;

/// A job in the lab's memory, which outlives the case: pinned memory takes half a second to make.
class operands {
 public:
  operands(std::shared_ptr<pipeline_lab> lab, intensity work)
      : lab_(std::move(lab)), posed_(lab_->job(work)) {}

  const problem& operator[](std::size_t) const { return posed_; }

  void fill(wl::stream_view) {}

  void check(const competitor<problem>& who, wl::workspace_view scratch, wl::stream_view stream) {
    WARPLADDER_TRY(wl::bench::poison_output(posed_, stream));
    WARPLADDER_TRY(who.launch(posed_, stream, scratch));
    if (const auto wrong = wl::bench::count_wrong(posed_, stream); wrong != 0)
      throw std::runtime_error(
          fmt::format("{} is wrong in {} of {} elements", who.name, wrong, posed_.n));
  }

 private:
  std::shared_ptr<pipeline_lab> lab_;
  problem posed_;
};

/// The lab for jobs of a size: made when the first case needs it, kept for those that follow.
std::shared_ptr<pipeline_lab> lab_for(std::int64_t bytes) {
  static std::shared_ptr<pipeline_lab> last;
  static std::int64_t last_bytes = 0;
  if (last_bytes != bytes) {
    last.reset();  // before the next takes its memory
    last = std::make_shared<pipeline_lab>(bytes);
    last_bytes = bytes;
  }
  return last;
}

std::vector<wl::bench::bench_case> cases(const options& wanted, const ceilings&) {
  case_list list("pipeline", wanted, 1e15);
  std::vector<competitor<problem>> all;
  for (const auto& rung : wl::tables::pipeline_rungs()) all.push_back(from_rung(rung));
  const std::vector vendors{all[0]};
  const wl::pipeline::lanes lanes(4);
  for (const std::string& text :
       wl::bench::sizes_or(wanted, wanted.is_full() ? "1GiB:low 1GiB:medium 1GiB:high 16MiB:low"
                                                    : "128MiB:low 128MiB:medium 128MiB:high")) {
    const pipeline_shape shape = wl::bench::parse_pipeline_shape(text);
    job<problem> at{.type = "f32", .shape = shape.name(), .blank = {}};
    // For supports() alone: streams, and rates of any machine.
    at.blank.n = shape.elements();
    at.blank.lanes = lanes.view();
    at.blank.rates = {
        .h2d_bytes_per_second = 1, .d2h_bytes_per_second = 1, .both_bytes_per_second = 2};
    at.bytes = 2 * double(shape.bytes);
    at.bound_seconds = [shape] { return lab_for(shape.bytes)->engines(shape.work).bound(); };
    for (const auto& who : all) {
      // A graph saves the host's share, which matters where chunks are enqueued in many pieces.
      const auto starts = [&](const char* step) { return who.name.starts_with(step); };
      at.modes = {wl::bench::mode::stream};
      if (starts("03") || starts("06") || starts("09")) at.modes.push_back(wl::bench::mode::graph);
      list.add(who, vendors, at, [shape](std::size_t) {
        return std::make_shared<operands>(lab_for(shape.bytes), shape.work);
      });
    }
  }
  return list.take();
}

void describe() {
  benchmark::AddCustomContext("counting_rule",
                              "bytes: every element copied in once and copied out once");
  benchmark::AddCustomContext("pipeline",
                              "01 to 08 with chunks of a 64th, 4 lanes and 4 slots; the bound is "
                              "the busiest of: copies in, copies out, both at once, the kernel");
}

}  // namespace

int main(int argc, char** argv) {
  return wl::bench::run(
      argc, argv,
      {.cases = cases,
       .describe = describe,
       .help = {.sizes = wl::bench::pipeline_shape_help,
                .front_doors = "`tuned` takes the advisor's chunk and slots",
                .examples = R"(  pipeline_bench                                the quick suite
  pipeline_bench --sizes=1GiB:low,256MiB:high   jobs of your own
  pipeline_bench --rungs=ring,tuned --modes=graph
  pipeline_bench --suite=full --benchmark_out=results.json
)",
                .vendor = "rung 00",
                .judge = "the definition, bit by bit,"}});
}
