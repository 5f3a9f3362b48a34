// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <benchmark/benchmark.h>

#include <memory>

namespace warpladder::bench {

/// The reporters for RunSpecifiedBenchmarks; null where Google Benchmark's own is the right one.
struct reporters {
  std::unique_ptr<benchmark::BenchmarkReporter> display, file;
};

/// By the --benchmark_format, --benchmark_out and --benchmark_out_format of the command line.
///
/// Display: unless a format is asked for, one readable line per case: time, rate, share of the
/// ceiling, ratio to the vendor (the console reporter would print fifteen counters beside each
/// other). JSON: the standard one, but with case names as they are given and not followed by
/// "/iterations:9/manual_time", and without host name and paths, so that a result can be published.
reporters make_reporters(int argc, char** argv);

}  // namespace warpladder::bench
