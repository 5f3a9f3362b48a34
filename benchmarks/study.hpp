// SPDX-License-Identifier: Apache-2.0
//
// What the studies share: programs beside the benchmarks that measure one question once and write
// JSON of their own shape, where Google Benchmark's shape does not fit.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>

namespace CLI {
class App;
}

namespace warpladder::bench {

/// Who measured what, and when: the same keys as in the context of the benchmarks' JSON.
nlohmann::ordered_json describe_study();

/// The main() of a study. Parses `--out FILE`, makes sure that there is a GPU and no environment
/// variable that changes cuBLAS's arithmetic, runs `measure`, which returns the JSON after having
/// printed it for people, and writes the file. `add_options` may add options of the study's own.
/// Returns the exit code: 0 fine, 1 something failed, 2 cannot measure: no GPU, a debug build, or a
/// wrong argument.
int run_study(int argc, char** argv, const std::string& what_for,
              const std::function<nlohmann::ordered_json()>& measure,
              const std::function<void(CLI::App&)>& add_options = {});

}  // namespace warpladder::bench
