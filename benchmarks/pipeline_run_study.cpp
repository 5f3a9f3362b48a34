// SPDX-License-Identifier: Apache-2.0
//
// pipeline::run, the product, for A13 in docs/faq.md and docs/pipeline_run.md:
//
//   advice    pinned memory in place, three kernels: the advisor's choice against the bound and
//             against every chunk and number of slots
//   sources   the same bytes from pageable memory: filled and taken, through staged copiers, and by
//             plain cudaMemcpy
//   examples  the throughput of the programs in examples/, as they print it

#include <cuda_runtime_api.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <pipeline.hpp>
#include <pipeline_lab.hpp>
#include <pipeline_verify.hpp>
#include <stdexcept>
#include <string>
#include <study.hpp>
#include <vector>
#include <warpladder/pipeline.hpp>
#include <warpladder/transfer.hpp>

namespace {

namespace wl = warpladder;
namespace pipeline = wl::pipeline;
using nlohmann::ordered_json;
using wl::bench::intensity, wl::bench::pipeline_lab;
using wl::bench::least, wl::bench::median, wl::bench::turns_against_the_bound;

constexpr std::array intensities{intensity::low, intensity::medium, intensity::high};

struct options {
  bool quick = false;
  std::string examples;  // a build folder's; none are run if it is not there

  std::int64_t bytes() const { return std::int64_t{1} << (quick ? 27 : 30); }
};

std::string name_of(intensity work) {
  return std::string(wl::bench::intensity_names[std::size_t(work)]);
}

/// The lab's kernel as a stage.
pipeline::stage stage_of(const pipeline::problem& p) {
  return {.name = "transform",
          .enqueue =
              [rounds = p.rounds](auto, auto data, const pipeline::chunk&, wl::stream_view on) {
                const std::span<float> x = pipeline::as<float>(data);
                return wl::tables::pipeline_transform(x.data(), std::int64_t(x.size()), rounds, on);
              },
          .in_place = true,
          .independent = true};
}

pipeline::source source_of(const pipeline::problem& p) {
  return pipeline::from_memory(std::span(p.in, std::size_t(p.n)));
}
pipeline::sink sink_of(const pipeline::problem& p) {
  return pipeline::to_memory(std::span(p.out, std::size_t(p.n)));
}

/// A pipeline from pinned memory to pinned memory, ready to run.
class in_place {
 public:
  in_place(const pipeline::problem& p, std::size_t chunk_bytes, std::size_t slots)
      : problem_(p),
        runner_({stage_of(p)},
                {.chunk_bytes = chunk_bytes,
                 .slots = slots,
                 .total_bytes = std::uint64_t(p.n) * sizeof(float),
                 .rates = p.rates},
                {.input = false, .output = false}) {}

  /// Wall-clock seconds of one run, from the call to its return.
  double seconds() { return runner_.run(source_of(problem_), sink_of(problem_), stream_).seconds; }
  double median_of(int runs) {
    std::vector<double> all;
    seconds();
    for (int run = 0; run < runs; ++run) all.push_back(seconds());
    return median(all);
  }
  std::uint64_t wrong_elements() {
    WARPLADDER_TRY(wl::bench::poison_output(problem_, stream_));
    seconds();
    return wl::bench::count_wrong(problem_, stream_);
  }
  std::size_t chunk_bytes() const { return runner_.chunk_bytes(); }
  std::size_t slots() const { return runner_.slots(); }

 private:
  pipeline::problem problem_;
  wl::stream stream_;
  pipeline::runner runner_;
};

void advice(pipeline_lab& lab, const options& wanted, ordered_json& results) {
  results["sweep"] = ordered_json::array();
  results["advice"] = ordered_json::array();
  for (const intensity work : intensities) {
    const pipeline::problem p = lab.job(work);
    const double bound = lab.engines(work).bound();
    struct {
      std::size_t chunk_bytes, slots;
      double seconds = std::numeric_limits<double>::infinity();
    } best{};
    for (int power = 18; power <= 27; power += wanted.quick ? 3 : 1) {
      for (const std::size_t slots : {1, 2, 3, 4, 6, 8}) {
        const std::size_t chunk_bytes = std::size_t{1} << power;
        const double seconds = in_place(p, chunk_bytes, slots).median_of(2);
        results["sweep"].push_back({{"intensity", name_of(work)},
                                    {"chunk_bytes", chunk_bytes},
                                    {"slots", slots},
                                    {"ms", seconds * 1e3},
                                    {"of_bound", bound / seconds}});
        if (seconds < best.seconds) best = {chunk_bytes, slots, seconds};
      }
    }
    // The least of many times is too good by luck: the best runs again, in turns with the advised
    // and with the engines, as often as it takes for medians that bursts of others do not spoil.
    in_place advised(p, 0, 0), again(p, best.chunk_bytes, best.slots);
    const std::uint64_t wrong = advised.wrong_elements() + again.wrong_elements();
    if (wrong != 0) throw std::runtime_error(fmt::format("{} wrong elements", wrong));
    std::vector<double> advised_seconds, again_seconds, bounds, of_bounds, of_best;
    for (int turn = 0; turn < turns_against_the_bound; ++turn) {
      bounds.push_back(lab.bound_now(work));
      advised_seconds.push_back(advised.seconds());
      again_seconds.push_back(again.seconds());
      of_bounds.push_back(bounds.back() / advised_seconds.back());
      of_best.push_back(again_seconds.back() / advised_seconds.back());
    }
    const double ours = median(advised_seconds), theirs = median(again_seconds);
    const double bound_beside = median(bounds);
    // With the defaults' rates, as somebody who measures nothing has them.
    pipeline::problem unmeasured = p;
    unmeasured.rates = pipeline::options{}.rates;
    in_place guessed(unmeasured, 0, 0);
    const double guess = guessed.median_of(5);
    results["advice"].push_back({{"intensity", name_of(work)},
                                 {"bytes", p.n * std::int64_t{sizeof(float)}},
                                 {"chunk_bytes", advised.chunk_bytes()},
                                 {"slots", advised.slots()},
                                 {"ms", ours * 1e3},
                                 {"bound_ms", bound_beside * 1e3},
                                 {"of_bound", median(of_bounds)},
                                 {"least_of_bound", least(bounds) / least(advised_seconds)},
                                 {"turns", turns_against_the_bound},
                                 {"best_chunk_bytes", best.chunk_bytes},
                                 {"best_slots", best.slots},
                                 {"best_of_sweep_ms", best.seconds * 1e3},
                                 {"best_again_ms", theirs * 1e3},
                                 {"of_best", median(of_best)},
                                 {"of_best_of_sweep", best.seconds / ours},
                                 {"default_chunk_bytes", guessed.chunk_bytes()},
                                 {"default_slots", guessed.slots()},
                                 {"default_ms", guess * 1e3},
                                 {"default_of_bound", bound_beside / guess}});
    fmt::print(
        "{:<8} advised {:>6} KiB x {}: {:.3f} ms, {:.1f}% of the bound; unmeasured {:>6} KiB x {}: "
        "{:.1f}%; best of the sweep {} KiB x {}: {:.3f} ms, again {:.3f} ms\n",
        name_of(work), advised.chunk_bytes() >> 10, advised.slots(), ours * 1e3,
        100 * median(of_bounds), guessed.chunk_bytes() >> 10, guessed.slots(),
        100 * bound_beside / guess, best.chunk_bytes >> 10, best.slots, best.seconds * 1e3,
        theirs * 1e3);
  }
}

/// The medium kernel, between arrays in pageable memory.
ordered_json sources(pipeline_lab& lab) {
  const pipeline::problem p = lab.job(intensity::medium);
  const std::size_t n = std::size_t(p.n), bytes = n * sizeof(float);
  const std::vector<float> in(p.in, p.in + p.n);
  std::vector<float> out(n, 0.0f);
  WARPLADDER_TRY(cudaMemset(p.out, 0xff, bytes));
  in_place(p, 0, 0).seconds();
  const std::vector<float> expected(p.out, p.out + p.n);
  const wl::stream stream;
  wl::transfer::copier inwards, outwards;

  pipeline::options usual{.total_bytes = bytes, .rates = p.rates};
  pipeline::runner pinned({stage_of(p)}, usual), staged({stage_of(p)}, usual, {false, false});
  const wl::device_buffer<float> whole(n);
  const pipeline::source nothing{.fill = [&](std::span<std::byte> slot, const pipeline::chunk& c) {
    return std::min<std::size_t>(slot.size(), bytes - c.first_byte);
  }};
  const pipeline::sink nowhere{.take = [](auto, const pipeline::chunk&) {}};
  const auto timed = [](const auto& work) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  };
  const auto run = [&](pipeline::runner& how, const pipeline::source& from,
                       const pipeline::sink& to) { return how.run(from, to, stream).seconds; };

  struct row {
    const char* says;
    std::function<double()> seconds;
    bool writes = true;
  };
  const row rows[] = {
      {"one core: memcpy of the input",
       [&] { return timed([&] { std::memcpy(out.data(), in.data(), bytes); }); }, false},
      {"cudaMemcpy in, kernel, cudaMemcpy out",
       [&] {
         return timed([&] {
           WARPLADDER_TRY(cudaMemcpy(whole.data(), in.data(), bytes, cudaMemcpyHostToDevice));
           WARPLADDER_TRY(wl::tables::pipeline_transform(whole.data(), p.n, p.rounds, stream));
           stream.synchronize();
           WARPLADDER_TRY(cudaMemcpy(out.data(), whole.data(), bytes, cudaMemcpyDeviceToHost));
         });
       }},
      {"run: slots, a source and a sink that do nothing",
       [&] { return run(pinned, nothing, nowhere); }, false},
      {"run: one core fills", [&] { return run(pinned, pipeline::from_memory(in), nowhere); },
       false},
      {"run: one core fills, another takes",
       [&] { return run(pinned, pipeline::from_memory(in), pipeline::to_memory(out)); }},
      {"run: staged copiers, in and out",
       [&] {
         return run(staged, pipeline::from_memory(in, inwards), pipeline::to_memory(out, outwards));
       }},
      {"run: pinned memory in place", [&] { return run(staged, source_of(p), sink_of(p)); },
       false}};
  ordered_json results = ordered_json::array();
  for (const row& each : rows) {
    std::ranges::fill(out, 0.0f);
    std::vector<double> all;
    for (int turn = 0; turn < 4; ++turn) {
      const double seconds = each.seconds();
      if (turn > 0) all.push_back(seconds);
    }
    if (each.writes && out != expected)
      throw std::runtime_error(fmt::format("{}: wrong", each.says));
    const double seconds = median(all);
    results.push_back({{"says", each.says},
                       {"bytes", bytes},
                       {"ms", seconds * 1e3},
                       {"gbps_each_way", double(bytes) * 1e-9 / seconds}});
    fmt::print("{:<52} {:>9.3f} ms {:>7.2f} GB/s each way\n", each.says, seconds * 1e3,
               double(bytes) * 1e-9 / seconds);
  }
  return results;
}

/// The lines that a program prints.
std::vector<std::string> lines_of(const std::string& command) {
  std::vector<std::string> lines(1);
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  if (!pipe) throw std::runtime_error("cannot run " + command);
  for (int c; (c = std::fgetc(pipe.get())) != EOF;) {
    if (c == '\n') {
      lines.emplace_back();
    } else {
      lines.back() += char(c);
    }
  }
  return lines;
}

ordered_json examples(const options& wanted) {
  const std::filesystem::path folder =
      wanted.examples.empty()
          ? std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path() / "examples"
          : std::filesystem::path(wanted.examples);
  ordered_json results = ordered_json::array();
  const auto run = [&](const std::string& folder_name, const std::string& program,
                       const std::string& arguments) {
    const std::filesystem::path path = folder / folder_name / program;
    if (!std::filesystem::exists(path)) {
      fmt::print("{} is not built: left out\n", path.string());
      return;
    }
    ordered_json row{{"program", program}, {"arguments", arguments}};
    // "name: value" lines, of which the programs print what they have measured.
    for (const std::string& line : lines_of("'" + path.string() + "' " + arguments)) {
      char key[64] = {};
      double value = 0;
      if (std::sscanf(line.c_str(), "%63[a-zA-Z/ ]: %lf", key, &value) == 2) {
        row[key] = value;
        fmt::print("{} {}: {}\n", program, arguments, line);
      }
    }
    results.push_back(row);
  };
  const bool quick = wanted.quick;
  run("05_video_frames", "video_frames_gpu", quick ? "200" : "3000");
  run("05_video_frames", "video_frames_gpu",
      quick ? "50 3840x2160 1280x720" : "800 3840x2160 1280x720");
  run("06_out_of_core_sum", "out_of_core_sum_gpu", quick ? "131072 65536" : "4194304 65536");
  return results;
}

ordered_json measure(const options& wanted) {
  ordered_json results{{"context", wl::bench::describe_study()}};
  pipeline_lab lab(wanted.bytes());
  advice(lab, wanted, results);
  results["sources"] = sources(lab);
  results["examples"] = examples(wanted);
  return results;
}

}  // namespace

int main(int argc, char** argv) {
  options wanted;
  return wl::bench::run_study(
      argc, argv, "pipeline::run: chunks, slots, sources and sinks, examples",
      [&] { return measure(wanted); },
      [&](CLI::App& app) {
        app.add_flag("--quick", wanted.quick, "128 MiB and a quarter of the chunks");
        app.add_option("--examples", wanted.examples,
                       "folder of the built examples (beside the folder of this program)");
      });
}
