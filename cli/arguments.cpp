// SPDX-License-Identifier: Apache-2.0
#include "arguments.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

namespace warpladder::cli {
namespace {

constexpr const char* examples = R"(
Examples
  warpladder list                                  every rung and the one idea in it
  warpladder climb                                 check and measure every ladder
  warpladder climb gemm --sizes 512,256x128x64     on shapes of your own
  warpladder climb gemm --rungs tile,run           only rungs with these words in their name
  warpladder climb memory --sizes 1000x300,8192@1  transposes and copies; the second is misaligned
  warpladder climb reduce --sizes 1000003@1        an array of floats that is not aligned
  warpladder climb --backend host                  the same kernels on the CPU, no GPU needed
  warpladder climb --backend host --gpu l4         ... with the roofline of another GPU
  warpladder climb --json > climb.json             for machines
  warpladder explain gemm/06 --against gemm/05     memory requests per source line, without a GPU
  warpladder explain padded --html padded.html     the annotated source as a page
  warpladder check memory/                         races and other mistakes, without a GPU
  warpladder devices                               what the programs see of this computer

A ladder is one problem solved by many kernels: rung 00 is the vendor's library, 01 the naive
kernel, and each rung above changes one idea. On a GPU, climb measures; on the host it executes and
verifies, and shows no times, because the time of an emulation says nothing about a GPU.

Exit codes: 0 fine, 1 a rung is wrong or failed, 2 a mistake in the arguments or nothing to run on.)";

}  // namespace

arguments parse_arguments(int argc, char** argv, const help_texts& texts) {
  CLI::App app("CUDA kernels as ladders: list them, run them, measure them.", "warpladder");
  app.footer(examples);
  app.set_version_flag("--version", texts.version);
  app.require_subcommand(1);
  app.fallthrough();  // options of the program may also follow the command

  arguments wanted;
  app.add_option("--backend", wanted.backend, "gpu, host, or auto: the GPU if there is one")
      ->check(CLI::IsMember({"gpu", "host", "auto"}))
      ->capture_default_str();
  climb_options& climb = wanted.climb;
  explain_options& explain = wanted.explain;
  check_options& check = wanted.check;

  CLI::App* const list = app.add_subcommand("list", "The rungs of every ladder, or of one");
  CLI::App* const run = app.add_subcommand("climb", "Run every rung: check it, measure it");
  CLI::App* const explaining = app.add_subcommand(
      "explain", "What a rung asks of the memory system, per source line (no GPU needed)");
  CLI::App* const checking = app.add_subcommand(
      "check", "Races, out-of-bounds accesses and other mistakes of a rung (no GPU needed)");
  CLI::App* const counting = app.add_subcommand(
      "counters",
      "One launch of every rung: its counters as JSON, or, with --backend gpu, for "
      "Nsight Compute to watch (scripts/measure_counters)");
  CLI::App* const devices = app.add_subcommand("devices", "What there is to run on");
  for (CLI::App* const command : {list, run})
    command->add_option("topic", wanted.topic, fmt::format("{}; all if left out", texts.topics));
  for (CLI::App* const command : {list, run, devices, explaining, checking})
    command->add_flag("--json", wanted.json, "Print JSON instead of a table");

  run->add_option(
         "--rungs,--filter", climb.rungs,
         fmt::format("Only rungs whose name contains one of these words, comma-separated. Front "
                     "doors: {}",
                     texts.front_doors))
      ->delimiter(',');
  run->add_option("--sizes", climb.sizes, "Comma-separated. " + texts.sizes)->delimiter(',');
  run->add_option("--gpu", climb.gpu,
                  "Host backend: the GPU whose roofline is shown (`--gpu list` names them)")
      ->capture_default_str();
  run->add_flag("--quick", climb.quick, "Fewer sizes and repetitions");
  run->add_flag("--slow", climb.slow, "GPU backend: the slow rungs at large sizes too");

  explaining
      ->add_option("rung", explain.rung, "gemm/06_vectorized, or a part of it: gemm/06, vectorized")
      ->required();
  explaining->add_option("--against", explain.against, "A rung to compare the totals with");
  explaining->add_option("--shape", explain.shape,
                         "The size of the problem, as climb's --sizes takes it; for tables and "
                         "particles of the topic memory the count alone will do");
  explaining->add_option("--gpu", explain.gpu, "The GPU whose roofline is shown")
      ->capture_default_str();
  explaining->add_option("--html", explain.html, "Write the annotated source to this file");
  checking->add_option("rung", check.rung, "A part of the rungs' names; every rung if left out");
  checking->add_option("--shape", check.shape, "Only this size");
  checking->add_option("--schedules", check.schedules, "Random orders of the threads to try")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  counting->add_option("rung", wanted.counters.rung, "A part of the rungs' names");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    wanted.exit_code = app.exit(error) == 0 ? 0 : 2;
    return wanted;
  }
  wanted.command = app.get_subcommands().front()->get_name();
  return wanted;
}

}  // namespace warpladder::cli
