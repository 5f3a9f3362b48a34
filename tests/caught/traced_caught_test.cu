// SPDX-License-Identifier: Apache-2.0
//
// Every known-bad kernel is reported by the detector that is meant for it, in every order of the
// threads, with the lines and threads at fault; the kernel without the defect is not.

#include <algorithm>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <simt/trace.hpp>

#include "barriers.cuh"
#include "bounds.cuh"
#include "copies.cuh"
#include "global_races.cuh"
#include "grid_barrier_specimens.hpp"
#include "innocent.cuh"
#include "shared_races.cuh"
#include "support/backend.hpp"

namespace warpladder::caught {
namespace {

using lines = std::set<int>;

/// The lines that the source marks for this specimen.
lines marked_lines(const traced_specimen& s) {
  const std::regex mark("// BAD: (.*, )?" + s.name + "(,.*)?$");
  std::ifstream source(s.file);
  lines found;
  int number = 1;
  for (std::string line; std::getline(source, line); ++number)
    if (std::regex_search(line, mark)) found.insert(number);
  return found;
}

lines named_lines(const std::string& text, const std::string& file) {
  lines found;
  for (std::size_t at = 0; (at = text.find(file + ":", at)) != text.npos;) {
    at += file.size() + 1;
    found.insert(std::stoi(text.substr(at)));
  }
  return found;
}

lines missing(const lines& wanted, const lines& present) {
  lines result;
  std::set_difference(wanted.begin(), wanted.end(), present.begin(), present.end(),
                      std::inserter(result, result.end()));
  return result;
}

bool names_a_thread(const std::string& text) {
  return std::regex_search(text, std::regex("thread [0-9(][0-9,)]* of block \\([0-9,]+\\)"));
}

struct outcome {
  cudaError_t status;
  std::vector<simt::trace::finding> findings;
};

outcome check(const std::function<cudaError_t()>& run) {
  simt::trace::start({.count = false, .check = true});
  const cudaError_t status = run();
  return {status, simt::trace::stop().findings};
}

constexpr int random_schedules = 3;

void expect_caught(const traced_specimen& s) {
  const lines marked = marked_lines(s);
  ASSERT_FALSE(marked.empty()) << "no line of " << s.file << " is marked for " << s.name;
  test::for_each_schedule(random_schedules, [&](const std::string& order) {
    SCOPED_TRACE(order);
    const outcome bad = check(s.bad);
    lines named;
    bool said = false;
    std::string all;
    for (const simt::trace::finding& f : bad.findings) {
      all += f.detector + ": " + f.text + "\n";
      EXPECT_EQ(f.detector, s.detector) << f.text;
      EXPECT_TRUE(names_a_thread(f.text)) << f.text;
      named.merge(named_lines(f.text, s.file));
      said |= f.text.find(s.says) != f.text.npos;
    }
    EXPECT_EQ(missing(marked, named), lines{}) << all;
    // Where a launch breaks off, the text tells what every thread was doing, and where.
    if (all.find("simt: ") == all.npos) {
      EXPECT_EQ(missing(named, marked), lines{}) << all;
    }
    EXPECT_TRUE(said) << "nothing says '" << s.says << "':\n" << all;
  });
}

void expect_silence(const std::function<cudaError_t()>& run) {
  test::for_each_schedule(random_schedules, [&](const std::string& order) {
    const outcome good = check(run);
    EXPECT_EQ(good.status, cudaSuccess) << order;
    for (const auto& f : good.findings)
      ADD_FAILURE() << order << ": " << f.detector << ": " << f.text;
  });
}

}  // namespace

void add_tests() {
  for (const auto& theme :
       {shared_memory_specimens(), global_memory_specimens(), bounds_specimens(),
        barrier_specimens(), grid_barrier_specimens(), copy_specimens()}) {
    for (const traced_specimen& s : theme) {
      test::device_test::add("Caught", s.name, [s] { expect_caught(s); });
      test::device_test::add("Corrected", s.name, [s] { expect_silence(s.good); });
    }
  }
  for (const innocent& kernel : innocents())
    test::device_test::add("Innocent", kernel.name, [kernel] { expect_silence(kernel.run); });
}

}  // namespace warpladder::caught

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  warpladder::caught::add_tests();
  return RUN_ALL_TESTS();
}
