// SPDX-License-Identifier: Apache-2.0
// Programs made by warpladder_add_traced_executable() trace themselves from start to end and print
// what was seen when they leave. Nothing in their source says so.
//
//   WARPLADDER_TRACE        explain, check, off, or explain,check (the default)
//   WARPLADDER_TRACE_HTML   file for the annotated source
//   WARPLADDER_TRACE_JSON   file for everything
//   WARPLADDER_TRACE_GPU    whose roofline is shown: h100 (the default), a100, ...
//
// Without fmt, whose functions a program may be looking for: the linker would find them here and
// take this file unasked.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>

#include "explain.hpp"
#include "simt/trace.hpp"

namespace {

using namespace simt;

std::string variable(const char* name, const char* otherwise) {
  const char* const value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : otherwise;
}

void write(const std::string& path, const std::string& text) {
  std::ofstream out(path);
  if (!(out << text)) std::fprintf(stderr, "warpladder: %s can not be written\n", path.c_str());
}

class whole_program {
 public:
  whole_program() {
    const std::string mode = variable("WARPLADDER_TRACE", "explain,check");
    const trace::settings wanted{.count = mode.find("explain") != mode.npos,
                                 .check = mode.find("check") != mode.npos};
    if (!wanted.count && !wanted.check) return;
    explains_ = wanted.count;
    checks_ = wanted.check;
    trace::start(wanted);
    std::atexit([] { the_program().finish(); });
  }
  static whole_program& the_program();

 private:
  void finish() const try {
    const report::published_gpu& gpu = report::find_gpu(variable("WARPLADDER_TRACE_GPU", "h100"));
    const trace::report seen = trace::stop();
    std::fflush(stdout);
    if (explains_) std::puts(report::explain_text(seen.kernels, {}, gpu).c_str());
    if (checks_) std::fputs(report::findings_text(seen.findings).c_str(), stdout);
    if (const std::string path = variable("WARPLADDER_TRACE_HTML", ""); !path.empty()) {
      write(path, report::explain_html(seen.kernels, {.title = "traced program"}, gpu));
    }
    if (const std::string path = variable("WARPLADDER_TRACE_JSON", ""); !path.empty()) {
      auto json = report::explain_json(seen.kernels, {}, gpu);
      json["findings"] = report::findings_json(seen.findings);
      write(path, json.dump(2) + "\n");
    }
    std::fflush(stdout);
    if (!seen.findings.empty())
      std::_Exit(1);  // exit() has been called: too late for a return value
  } catch (const std::exception& error) {
    std::fprintf(stderr, "warpladder: %s\n", error.what());
  }

  bool explains_ = false, checks_ = false;
};

whole_program the_whole_program;
whole_program& whole_program::the_program() {
  return the_whole_program;
}

}  // namespace

// By this name the linker is asked for this file.
extern "C" char warpladder_trace_whole_program;
char warpladder_trace_whole_program = 0;
