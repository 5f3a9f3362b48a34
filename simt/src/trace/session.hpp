// SPDX-License-Identifier: Apache-2.0
// What is traced now, and what has been seen since start().
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "launch_record.hpp"

namespace simt {

class grid;

namespace trace {

class session {
 public:
  std::optional<settings> wanted();
  void start(const settings& wanted);
  report stop();

  void add(raw_finding found);
  void add(launch_record& record, const grid& launch);
  // Memory that no GPU could reach has been touched from here.
  void suspect(std::uintptr_t site, const std::string& who);

 private:
  struct kernel_total {
    kernel_counters facts;
    std::map<counter_key, counts> lines;
  };
  std::mutex mutex_;
  std::optional<settings> wanted_;
  std::vector<kernel_total> kernels_;
  std::vector<raw_finding> findings_;
  std::map<std::uintptr_t, std::string> suspects_;  // site -> who was there first
};

session& the_session();

// The detector that the executor's own report of a failed launch belongs to; empty if the tracer
// has reported it already.
std::string detector_of_failure(const std::string& report);

// Static shared memory of one module: which words of its thread-local segment are whose.
struct static_shared_map {
  struct variable {
    std::size_t offset, bytes;
    std::string name;
  };
  const void* module = nullptr;
  std::size_t bytes = 0;
  std::vector<variable> variables;
  std::vector<std::int32_t> variable_of_word;  // -1: none
};
const static_shared_map& static_shared_of(const void* module);

}  // namespace trace
}  // namespace simt
