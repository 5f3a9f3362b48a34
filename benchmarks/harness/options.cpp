// SPDX-License-Identifier: Apache-2.0
#include <benchmark/benchmark.h>
#include <errno.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <harness/options.hpp>
#include <iostream>

namespace warpladder::bench {
namespace {

void describe(CLI::App& app, options& wanted) {
  app.set_help_flag();  // Google Benchmark answers --help, by print_help()
  app.option_defaults()->always_capture_default();
  app.add_option("--suite", wanted.suite, "Which list of cases: default (about a minute) or full")
      ->check(CLI::IsMember({"default", "full"}));
  app.add_option("--sizes", wanted.sizes,
                 "Cases of your own instead: N, MxNxK or MxNxKxbBATCH, comma-separated")
      ->delimiter(',');
  app.add_option("--rungs", wanted.rungs,
                 "Only rungs whose name contains one of these, comma-separated; `run` is the "
                 "front door")
      ->delimiter(',');
  app.add_option("--modes", wanted.modes,
                 "Only these of stream, graph, cold, comma-separated (the default suite: stream, "
                 "graph)")
      ->delimiter(',')
      ->check(CLI::IsMember({"stream", "graph", "cold"}));
  app.add_option("--pairs", wanted.pairs, "Vendor/rung pairs of batches per case")
      ->check(CLI::Range(3, 1001));
  app.add_option("--batch-ms", wanted.batch_ms, "Least milliseconds of one batch of launches")
      ->check(CLI::Range(1.0, 1000.0));
  app.add_option("--case-seconds", wanted.case_seconds,
                 "Stop pairing after this long (3 pairs are always made)")
      ->check(CLI::Range(0.05, 600.0));
  app.add_flag("--slow", wanted.slow, "Slow rungs at large sizes too");
}

constexpr const char* examples = R"(Examples
  {0}                                    the default suite
  {0} --sizes=2048,1000x300x77           every rung on shapes of your own
  {0} --rungs=warp,run --sizes=4096 --pairs=31
  {0} --benchmark_filter='/run/.*/graph$'  cases by name, as in any Google Benchmark program
  {0} --suite=full --benchmark_out=results.json

What is printed
  time       device time of one launch, median over the pairs
  % ceiling  of the multiply-add rate, or of the copy bandwidth where memory is what limits, that
             this GPU reached in this run
  x vendor   vendor's time / ours, median over pairs of batches that ran right after each other
  cv         standard deviation / mean of our batches
Every rung is checked against float64 before it is timed; a wrong one makes the program exit with 1.

Standard flags of Google Benchmark
)";

}  // namespace

bool options::wants_rung(std::string_view name) const {
  return rungs.empty() || std::any_of(rungs.begin(), rungs.end(), [&](const std::string& part) {
           return name.find(part) != name.npos;
         });
}

bool options::wants_mode(mode which) const {
  if (modes.empty()) return is_full() || which != mode::cold;
  constexpr const char* names[] = {"stream", "graph", "cold"};
  return std::find(modes.begin(), modes.end(), names[int(which)]) != modes.end();
}

options parse_options(int argc, char** argv) {
  options wanted;
  CLI::App app;
  describe(app, wanted);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::cerr << error.what() << "\n--help lists the flags.\n";
    std::exit(2);
  }
  return wanted;
}

void print_help() {
  options wanted;
  CLI::App app("Times every rung of the ladder against the vendor's library, on this GPU.",
               program_invocation_short_name);
  describe(app, wanted);
  std::cout << app.help() << '\n'
            << fmt::format(examples, program_invocation_short_name) << std::flush;
  benchmark::PrintDefaultHelp();
}

std::string standard_flag(std::string_view name, int argc, char** argv) {
  const std::string flag = "--" + std::string(name);
  for (int i = argc - 1; i > 0; --i) {
    const std::string_view argument = argv[i];
    if (argument == flag) return "true";
    if (argument.starts_with(flag + "=")) return std::string(argument.substr(flag.size() + 1));
  }
  std::string variable(name);
  std::transform(variable.begin(), variable.end(), variable.begin(),
                 [](unsigned char c) { return char(std::toupper(c)); });
  const char* value = std::getenv(variable.c_str());
  return value != nullptr ? value : "";
}

}  // namespace warpladder::bench
