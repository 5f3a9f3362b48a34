// SPDX-License-Identifier: Apache-2.0
//
// Times the barriers of the topic grid_sync: microseconds per barrier, from launches of many of
// them with nothing in between.

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <competitors.hpp>
#include <cstdint>
#include <grid_shape.hpp>
#include <grid_sync.hpp>
#include <harness/harness.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>
#include <warpladder/core/buffer.hpp>

namespace {

namespace wl = warpladder;
using wl::bench::case_list, wl::bench::ceilings, wl::bench::competitor, wl::bench::from_rung,
    wl::bench::grid_shape, wl::bench::job, wl::bench::options;
using wl::grid_sync::problem;

constexpr unsigned rounds = 1000;  ///< of one launch; the start of a kernel is a thousandth of it

/// Barriers are timed without a board and checked with one, blocks being late at random.
class barriers {
 public:
  explicit barriers(const grid_shape& shape)
      : timed_(shape.barriers(rounds)), board_(2 * std::size_t(shape.blocks)), wrong_(1) {}

  const problem& operator[](std::size_t) const { return timed_; }

  void fill(wl::stream_view) {}

  void check(const competitor<problem>& who, wl::workspace_view scratch, wl::stream_view stream) {
    for (const unsigned max_delay : {0u, 1000u}) {
      problem p = timed_;
      p.board = board_.data();
      p.wrong = wrong_.data();
      p.max_delay = max_delay;
      p.seed = 1;
      WARPLADDER_TRY(cudaMemsetAsync(p.board, 0xff, board_.size_bytes(), stream));
      WARPLADDER_TRY(cudaMemsetAsync(p.wrong, 0, wrong_.size_bytes(), stream));
      WARPLADDER_TRY(who.launch(p, stream, scratch));
      unsigned long long wrong = 0;
      wl::copy_async<unsigned long long>({&wrong, 1}, wrong_.view(), stream);
      stream.synchronize();
      if (wrong != 0)
        throw std::runtime_error(fmt::format("{} let {} wrong tokens pass", who.name, wrong));
    }
  }

 private:
  problem timed_;
  wl::device_buffer<unsigned> board_;
  wl::device_buffer<unsigned long long> wrong_;
};

std::string shapes_of(bool full) {
  if (!full) return "132x32 132x256 132x1024 264x256 264x1024";
  std::string all;
  for (const unsigned threads : {32u, 256u, 1024u}) {
    for (const unsigned blocks : {1u, 2u, 4u, 8u, 16u, 32u, 66u, 132u, 264u, 528u, 1056u, 2112u})
      all += fmt::format("{}x{} ", blocks, threads);
  }
  return all.substr(0, all.size() - 1);
}

std::vector<wl::bench::bench_case> cases(const options& wanted, const ceilings&) {
  case_list list("grid_sync", wanted, 1);
  std::vector<competitor<problem>> all;
  for (const auto& rung : wl::tables::grid_sync_rungs()) all.push_back(from_rung(rung));
  const std::vector vendors{all[0]};
  for (const std::string& text : wl::bench::sizes_or(wanted, shapes_of(wanted.is_full()))) {
    const grid_shape shape = wl::bench::parse_grid_shape(text);
    job<problem> at{.type = "barrier", .shape = shape.name(), .blank = shape.barriers(rounds)};
    at.repeats = rounds;
    if (const wl::support fits = all[0].supports(at.blank); !fits) {
      fmt::print(stderr, "skipped: {} ({})\n", shape.name(), fits.why_not);
      continue;
    }
    for (const auto& who : all) {
      // A graph changes nothing for what is one kernel.
      const bool many_kernels = who.name.starts_with("01") || who.name.starts_with("02");
      at.modes = {wl::bench::mode::stream};
      if (many_kernels) at.modes.push_back(wl::bench::mode::graph);
      list.add(who, vendors, at,
               [shape](std::size_t) { return std::make_shared<barriers>(shape); });
    }
  }
  return list.take();
}

void describe() {
  benchmark::AddCustomContext(
      "counting_rule", fmt::format("time: of one barrier, a launch of {} divided by {}; 01 and 02 "
                                   "launch {} kernels for them",
                                   rounds, rounds, rounds + 1));
}

}  // namespace

int main(int argc, char** argv) {
  return wl::bench::run(
      argc, argv,
      {.cases = cases,
       .describe = describe,
       .help = {.sizes = wl::bench::grid_shape_help,
                .front_doors = "`patient` is what warpladder::grid_barrier does",
                .examples = R"(  grid_sync_bench                               the quick suite
  grid_sync_bench --sizes=132x256,264x128       grids of your own
  grid_sync_bench --rungs=relaunch --modes=graph
  grid_sync_bench --suite=full --benchmark_out=results.json
)",
                .vendor = "grid.sync()",
                .judge = "tokens that every block has to read from all others,"}});
}
