// SPDX-License-Identifier: Apache-2.0
//
// What the shape of a launch costs, for A2 and A6 in docs/faq.md:
//
//   sweep      every kernel of kernels/warpladder/launch/ in blocks of 32 to 1024 threads, one tile
//              of elements per block or fewer blocks that loop; beside it what the occupancy API
//              says
//   advice     warpladder::launch::suggest against the best of the sweep, measured in turns
//   work       1 to 64 elements per thread, with the threads that this leaves and with a fixed
//   number registers  a kernel that wants many, forced to have fewer, and written to need fewer
//   shared     ballast in shared memory, which takes threads away and leaves the kernel as it is
//
// Every shape's result is checked before it is timed. Launches of less than 100 us are replayed by
// graphs, so that no host is in the figures; operands that fit stay in L2.

#include <cuda_runtime_api.h>
#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <harness/ceilings.hpp>
#include <harness/median.hpp>
#include <harness/workload.hpp>
#include <launch_shapes_cases.hpp>
#include <limits>
#include <stdexcept>
#include <string>
#include <study.hpp>
#include <utility>
#include <vector>
#include <warpladder/core/math.hpp>
#include <warpladder/core/stream.hpp>

namespace {

namespace wl = warpladder;
using nlohmann::ordered_json;
using wl::bench::launch_case;

constexpr double graph_below_seconds = 100e-6;
constexpr std::size_t graph_launches = 20;

struct shape {
  unsigned block, grid;
  std::size_t ballast = 0;
};

/// What every measurement stands on.
struct bench_device {
  int multiprocessors = 0, threads = 0;  ///< threads: resident per multiprocessor, at most

  bench_device() {
    int device = 0;
    WARPLADDER_TRY(cudaGetDevice(&device));
    WARPLADDER_TRY(
        cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device));
    WARPLADDER_TRY(
        cudaDeviceGetAttribute(&threads, cudaDevAttrMaxThreadsPerMultiProcessor, device));
  }
};

std::string name_of(const launch_case& of, const shape& as) {
  return fmt::format("{}, {} items, n = {}, {} blocks of {}", of.kernel, of.items, of.n, as.grid,
                     as.block);
}

/// One shape of a case: checked, then ready to be timed.
class timed {
 public:
  timed(const launch_case& of, const shape& as, wl::stream_view stream)
      : work_([of, as](cudaStream_t on,
                       std::size_t) { return of.launch(as.block, as.grid, as.ballast, on); },
              only_copy_, stream) {
    if (const auto wrong = wl::bench::wrong_words(of, as.block, as.grid, as.ballast, stream))
      throw std::runtime_error(fmt::format("{}: {} words are wrong", name_of(of, as), wrong));
    const double once = std::min(work_.seconds_per_launch(1), work_.seconds_per_launch(1));
    if (once < graph_below_seconds) work_.use_graph(graph_launches);
    launches_ = once < graph_below_seconds ? graph_launches : 1;
  }

  void lasting(double seconds) { launches_ = work_.launches_lasting(seconds); }
  double seconds() { return work_.seconds_per_launch(launches_); }

  /// The median of some batches.
  double seconds(int batches) {
    std::vector<double> each;
    for (int batch = 0; batch < batches; ++batch) each.push_back(seconds());
    return wl::bench::median(each);
  }

 private:
  wl::bench::rotation only_copy_;
  wl::bench::workload work_;
  std::size_t launches_ = 1;
};

double occupancy_of(const bench_device& device, std::int64_t resident, unsigned block) {
  return double(resident) * block / device.threads;
}

/// Grids by the name that they have in the results; loops: blocks per block that can be resident.
constexpr struct {
  const char* name;
  double loops;  ///< 0: one tile of elements per block
} grid_kinds[] = {{"one tile", 0}, {"1/4 resident", 0.25}, {"1/2 resident", 0.5},
                  {"resident", 1}, {"2 x resident", 2},    {"4 x resident", 4}};

struct swept_shape {
  shape as;
  std::string grid_kind;
  int resident;
  double us;
};

/// Blocks of every size, with every grid that makes a difference. Also printed: how far each is
/// behind the best, a row per size.
std::vector<swept_shape> sweep(const launch_case& of, const bench_device& device,
                               wl::stream_view stream) {
  std::vector<swept_shape> swept;
  double best = std::numeric_limits<double>::infinity();
  for (const unsigned block : {32, 64, 96, 128, 192, 256, 384, 512, 768, 1024}) {
    const int resident = block <= of.max_block ? of.resident(block, 0) : 0;
    if (resident == 0) continue;
    const std::int64_t tiles = wl::ceil_div<std::int64_t>(of.units, std::int64_t{block} * of.items);
    for (const auto& [kind, loops] : grid_kinds) {
      const std::int64_t looping = std::int64_t(loops * resident) * device.multiprocessors;
      if (loops != 0 && (looping == 0 || looping >= tiles)) continue;
      const shape as{block, unsigned(loops == 0 ? tiles : looping)};
      swept.push_back({as, kind, resident, timed(of, as, stream).seconds(3) * 1e6});
      best = std::min(best, swept.back().us);
    }
  }

  fmt::print("\n{}, n = {}, {} registers: times the best of {:.2f} us\n{:>6} {:>10}", of.kernel,
             of.n, of.registers, best, "block", "occupancy");
  for (const auto& kind : grid_kinds) fmt::print(" {:>13}", kind.name);
  for (std::size_t i = 0; i < swept.size();) {
    const auto& first = swept[i];
    fmt::print("\n{:>6} {:>9.0f}%", first.as.block,
               100 * occupancy_of(device, first.resident, first.as.block));
    for (const auto& kind : grid_kinds) {
      const bool measured = i < swept.size() && swept[i].as.block == first.as.block &&
                            swept[i].grid_kind == kind.name;
      fmt::print(" {:>13}", measured ? fmt::format("{:.3f}", swept[i++].us / best) : "");
    }
  }
  fmt::print("\n");
  return swept;
}

/// The advice and the best three of the sweep, measured in turns.
ordered_json judge(const launch_case& of, std::vector<swept_shape> swept,
                   const bench_device& device, wl::stream_view stream) {
  constexpr int turns = 11;
  constexpr double batch_seconds = 0.5e-3;
  const auto advice = of.suggest();
  if (!advice) throw std::runtime_error(of.kernel + ": " + wl::launch::describe(advice));
  std::sort(swept.begin(), swept.end(), [](const auto& a, const auto& b) { return a.us < b.us; });
  swept.resize(std::min<std::size_t>(swept.size(), 3));

  // The first is the advice. It is among the competitors too: no shape is better than itself.
  std::vector<shape> shapes{{advice.block, advice.grid}};
  std::vector<int> residents{of.resident(advice.block, 0)};
  for (const auto& one : swept) {
    if (one.as.block == advice.block && one.as.grid == advice.grid) continue;
    shapes.push_back(one.as);
    residents.push_back(one.resident);
  }
  std::deque<timed> competitors;
  for (const shape& as : shapes) {
    competitors.emplace_back(of, as, stream);
    competitors.back().lasting(batch_seconds);
  }
  std::vector<std::vector<double>> seconds(shapes.size());
  for (int turn = 0; turn < turns; ++turn) {
    for (std::size_t i = 0; i < shapes.size(); ++i) seconds[i].push_back(competitors[i].seconds());
  }
  std::vector<double> us;
  for (const auto& one : seconds) us.push_back(wl::bench::median(one) * 1e6);
  const auto best = std::size_t(std::min_element(us.begin(), us.end()) - us.begin());
  const auto resident = [&](std::size_t i) {
    return std::min<std::int64_t>(
        residents[i], wl::ceil_div<std::int64_t>(shapes[i].grid, device.multiprocessors));
  };
  fmt::print("suggested: {}\n{:.2f} us; best {} blocks of {}, {:.2f} us; ratio {:.3f}\n",
             wl::launch::describe(advice), us[0], shapes[best].grid, shapes[best].block, us[best],
             us[0] / us[best]);
  return {{"kernel", of.kernel},
          {"n", of.n},
          {"block", advice.block},
          {"grid", advice.grid},
          {"occupancy", advice.occupancy},
          {"why", advice.why},
          {"us", us[0]},
          {"best_block", shapes[best].block},
          {"best_grid", shapes[best].grid},
          {"best_occupancy", occupancy_of(device, resident(best), shapes[best].block)},
          {"best_us", us[best]},
          {"ratio", us[0] / us[best]}};
}

void measure_blocks(const bench_device& device, wl::stream_view stream, ordered_json& results) {
  results["kernels"] = results["sweep"] = results["advice"] = ordered_json::array();
  std::string last;
  for (const auto& make : wl::bench::swept_cases()) {
    const launch_case of = make();
    fmt::print(stderr, "launch_shapes: {}, n = {}\n", of.kernel, of.n);
    if (of.kernel != last) {
      results["kernels"].push_back({{"kernel", of.kernel},
                                    {"bound_by", of.bound_by},
                                    {"items", of.items},
                                    {"registers", of.registers},
                                    {"local_bytes", of.local_bytes},
                                    {"static_shared_bytes", of.static_shared_bytes},
                                    {"max_block", of.max_block}});
      last = of.kernel;
    }
    const auto swept = sweep(of, device, stream);
    for (const auto& one : swept) {
      results["sweep"].push_back({{"kernel", of.kernel},
                                  {"n", of.n},
                                  {"block", one.as.block},
                                  {"grid", one.as.grid},
                                  {"grid_kind", one.grid_kind},
                                  {"occupancy", occupancy_of(device, one.resident, one.as.block)},
                                  {"us", one.us}});
    }
    results["advice"].push_back(judge(of, swept, device, stream));
  }
  fmt::print("\n{:<15} {:>9} {:>10} {:>10} {:>7}\n", "kernel", "n", "suggested", "best", "ratio");
  for (const auto& row : results["advice"]) {
    fmt::print("{:<15} {:>9} {:>7.2f} us {:>7.2f} us {:>7.3f}\n", row["kernel"].get<std::string>(),
               row["n"].get<std::int64_t>(), row["us"].get<double>(), row["best_us"].get<double>(),
               row["ratio"].get<double>());
  }
}

ordered_json measure_work(const bench_device& device, wl::stream_view stream) {
  constexpr unsigned block = 256;
  const std::pair<const char*, std::vector<int>> problems[] = {
      {"triad", {16, 26}}, {"iterate", {16, 24}}, {"chase", {14, 20}}};
  ordered_json rows = ordered_json::array();
  fmt::print("\n{:<10} {:>9} {:>6} {:>10} {:>6} {:>20} {:>22}\n", "kernel", "n", "items",
             "registers", "spill", "n / items threads", "256 per multiprocessor");
  for (const auto& [kernel, exponents] : problems) {
    for (const int exponent : exponents) {
      fmt::print(stderr, "launch_shapes: work per thread, {}, 2^{}\n", kernel, exponent);
      for (const auto& of : wl::bench::work_cases(kernel, std::int64_t{1} << exponent)) {
        const auto tiles = unsigned(wl::ceil_div<std::int64_t>(of.n, block * of.items));
        const auto fixed = std::min(tiles, unsigned(device.multiprocessors));
        const double all = timed(of, {block, tiles}, stream).seconds(5) * 1e6;
        const double few = timed(of, {block, fixed}, stream).seconds(5) * 1e6;
        const int resident = of.resident(block, 0);
        rows.push_back({{"kernel", kernel},
                        {"n", of.n},
                        {"items", of.items},
                        {"registers", of.registers},
                        {"local_bytes", of.local_bytes},
                        {"occupancy", occupancy_of(device, resident, block)},
                        {"blocks", tiles},
                        {"us", all},
                        {"fixed_blocks", fixed},
                        {"fixed_us", few}});
        fmt::print("{:<10} {:>9} {:>6} {:>10} {:>6} {:>17.2f} us {:>19.2f} us\n", kernel, of.n,
                   of.items, of.registers, of.local_bytes, all, few);
      }
    }
  }
  return rows;
}

ordered_json measure_registers(const bench_device& device, wl::stream_view stream) {
  constexpr unsigned block = 256;
  constexpr std::int64_t n = std::int64_t{1} << 18;
  fmt::print(stderr, "launch_shapes: registers\n");
  fmt::print("\n{:<8} {:>12} {:>10} {:>12} {:>10} {:>12}\n", "rows", "min blocks", "registers",
             "spill bytes", "occupancy", "time");
  ordered_json rows = ordered_json::array();
  for (const auto& [of, per_thread, min_blocks] : wl::bench::register_cases(n)) {
    const auto grid = unsigned(wl::ceil_div<std::int64_t>(of.units, block));
    const double occupancy = occupancy_of(device, of.resident(block, 0), block);
    const double us = timed(of, {block, grid}, stream).seconds(5) * 1e6;
    rows.push_back({{"rows", per_thread},
                    {"min_blocks", min_blocks},
                    {"n", n},
                    {"registers", of.registers},
                    {"local_bytes", of.local_bytes},
                    {"occupancy", occupancy},
                    {"us", us}});
    fmt::print("{:<8} {:>12} {:>10} {:>12} {:>9.0f}% {:>9.1f} us\n", per_thread, min_blocks,
               of.registers, of.local_bytes, 100 * occupancy, us);
  }
  return rows;
}

ordered_json measure_shared(const bench_device& device, wl::stream_view stream) {
  constexpr unsigned block = 256;
  fmt::print(stderr, "launch_shapes: shared memory\n");
  fmt::print("\n{:<15} {:>12} {:>10} {:>12}\n", "kernel", "ballast KiB", "occupancy", "time");
  ordered_json rows = ordered_json::array();
  for (const auto& of : wl::bench::ballast_cases()) {
    const auto grid = unsigned(wl::ceil_div<std::int64_t>(of.units, block * of.items));
    for (const std::size_t kib : {0, 27, 31, 36, 44, 56, 75, 112, 200}) {
      const int resident = of.resident(block, kib * 1024);
      if (resident == 0) continue;  // a GPU with less shared memory
      const double occupancy = occupancy_of(device, resident, block);
      const double us = timed(of, {block, grid, kib * 1024}, stream).seconds(5) * 1e6;
      rows.push_back({{"kernel", of.kernel},
                      {"n", of.n},
                      {"ballast_kib", kib},
                      {"blocks_per_multiprocessor", resident},
                      {"occupancy", occupancy},
                      {"us", us}});
      fmt::print("{:<15} {:>12} {:>9.0f}% {:>9.1f} us\n", of.kernel, kib, 100 * occupancy, us);
    }
  }
  return rows;
}

ordered_json measure() {
  const wl::stream stream;
  const bench_device device;
  ordered_json results;
  results["context"] = wl::bench::describe_study();
  const auto limits = wl::bench::measure_ceilings(stream);
  results["context"]["ceiling_fma_tflops"] = limits.fma_flops_per_second * 1e-12;
  results["context"]["ceiling_copy_gbps"] = limits.copy_bytes_per_second * 1e-9;
  results["context"]["max_threads_per_multiprocessor"] = device.threads;
  measure_blocks(device, stream, results);
  results["work"] = measure_work(device, stream);
  results["registers"] = measure_registers(device, stream);
  results["shared"] = measure_shared(device, stream);
  return results;
}

}  // namespace

int main(int argc, char** argv) {
  return wl::bench::run_study(
      argc, argv,
      "Measures what the shape of a launch costs: threads per block, blocks, work per thread,\n"
      "registers, shared memory; and how good warpladder::launch::suggest is.\n"
      "Takes about a minute.",
      measure);
}
