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

void describe(CLI::App& app, options& wanted, const help_texts& texts) {
  app.set_help_flag();  // --help is answered by print_help()
  app.option_defaults()->always_capture_default();
  app.add_option("--suite", wanted.suite, "Which list of cases: quick (about a minute) or full")
      ->check(CLI::IsMember({"quick", "full"}));
  app.add_option("--sizes", wanted.sizes,
                 "Cases of your own instead, comma-separated: " + texts.sizes)
      ->delimiter(',');
  app.add_option(
         "--rungs", wanted.rungs,
         "Only rungs whose name contains one of these, comma-separated; " + texts.front_doors)
      ->delimiter(',');
  app.add_option("--modes", wanted.modes,
                 "Only these of stream, graph, cold, comma-separated (the quick suite: stream, "
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

constexpr const char* output_help = R"(What is printed
  time       device time of one launch, median over the pairs
  % ceiling  of the multiply-add rate, or where memory is what limits of the bandwidth (of copies;
             of reading, for what writes next to nothing), that this GPU reached in this run
  x vendor   time of {} / ours, median over pairs of batches that ran right after each other
  cv         standard deviation / mean of our batches
Every rung is compared with {} before it is timed; a wrong one makes the program exit with 1.

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

options parse_options(int argc, char** argv, const help_texts& texts) {
  options wanted;
  CLI::App app;
  describe(app, wanted, texts);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::cerr << error.what() << "\n--help lists the flags.\n";
    std::exit(2);
  }
  return wanted;
}

void print_help(const help_texts& texts) {
  options wanted;
  CLI::App app("Times every rung of the ladder against the vendor's library, on this GPU.",
               program_invocation_short_name);
  describe(app, wanted, texts);
  std::cout << app.help() << "\nExamples\n"
            << texts.examples << '\n'
            << fmt::format(output_help, texts.vendor, texts.judge) << std::flush;
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
