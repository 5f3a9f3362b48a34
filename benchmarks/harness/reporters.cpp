// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <harness/options.hpp>
#include <harness/reporters.hpp>
#include <ostream>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

namespace warpladder::bench {
namespace {

class json_reporter : public benchmark::JSONReporter {
 public:
  bool ReportContext(const Context& context) override {
    std::ostream& out = GetOutputStream();
    std::ostringstream text;
    SetOutputStream(&text);
    const bool go_on = JSONReporter::ReportContext(context);
    SetOutputStream(&out);
    static const std::regex private_lines(R"re(\n *"(host_name|executable)": "[^\n]*",(?=\n))re");
    out << std::regex_replace(text.str(), private_lines, "");
    return go_on;
  }

  void ReportRuns(const std::vector<Run>& runs) override {
    std::vector<Run> plain = runs;
    for (Run& run : plain) {
      run.run_name.iterations.clear();
      run.run_name.time_type.clear();
    }
    JSONReporter::ReportRuns(plain);
  }
};

class table_reporter : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override {
    GetOutputStream() << fmt::format("{:<44} {:>12} {:>17} {:>10} {:>9} {:>7}\n", "case", "time",
                                     "rate", "% ceiling", "x vendor", "cv");
    return true;
  }

  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      const auto& counters = run.counters;
      if (run.run_type != Run::RT_Iteration || counters.find("median_us") == counters.end())
        continue;  // a failed case has no counters and has told its story already
      const auto counter = [&](const char* name) { return counters.at(name).value; };
      const bool by_memory = counter("bound_by_memory") != 0;
      const double rate =
          by_memory ? counter("bytes_per_second") * 1e-9 : counter("flops_per_second") * 1e-12;
      const std::string of_ceiling =
          rate == 0 ? ""  // a latency
                    : fmt::format("{:>9.2f} {} {:>9.1f}%", rate, by_memory ? "GB/s   " : "TFLOP/s",
                                  100 * counter("ceiling_ratio"));
      GetOutputStream() << fmt::format("{:<44} {:>9.2f} us {:>28} {:>9.3f} {:>6.1f}%\n",
                                       run.run_name.function_name, counter("median_us"), of_ceiling,
                                       counter("vendor_ratio"), 100 * counter("cv"));
    }
    GetOutputStream().flush();
  }
};

}  // namespace

reporters make_reporters(int argc, char** argv) {
  const auto flag = [&](const char* name) { return standard_flag(name, argc, argv); };
  reporters made;
  if (flag("benchmark_format") == "json") {
    made.display = std::make_unique<json_reporter>();
  } else if (flag("benchmark_format").empty() && flag("benchmark_counters_tabular").empty() &&
             flag("benchmark_color").empty()) {
    made.display = std::make_unique<table_reporter>();
  }
  const std::string file_format = flag("benchmark_out_format");
  if (!flag("benchmark_out").empty() && (file_format.empty() || file_format == "json")) {
    made.file = std::make_unique<json_reporter>();
  }
  return made;
}

}  // namespace warpladder::bench
