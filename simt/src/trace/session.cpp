// SPDX-License-Identifier: Apache-2.0
#include "session.hpp"

#include <algorithm>
#include <memory>
#include <tuple>

#include "../grid.hpp"
#include "../symbols.hpp"
#include "arena.hpp"
#include "simt/runtime_api.hpp"
#include "simt/trace.hpp"
#include "sites.hpp"

namespace simt::trace {

session& the_session() {
  static session& instance = *new session;
  return instance;
}

bool available() {
  return true;
}
void start(const settings& wanted) {
  the_session().start(wanted);
}
report stop() {
  return the_session().stop();
}

std::optional<settings> session::wanted() {
  std::lock_guard lock(mutex_);
  return wanted_;
}

void session::start(const settings& wanted) {
  std::lock_guard lock(mutex_);
  wanted_ = wanted;
  kernels_.clear();
  findings_.clear();
  suspects_.clear();
}

void session::add(raw_finding found) {
  std::lock_guard lock(mutex_);
  for (raw_finding& known : findings_) {
    const bool same_places =
        std::minmax(known.site, known.other_site) == std::minmax(found.site, found.other_site);
    if (known.detector == found.detector && same_places &&
        (found.site != 0 || known.text == found.text)) {
      known.times += found.times;
      return;
    }
  }
  findings_.push_back(std::move(found));
}

void session::suspect(std::uintptr_t site, const std::string& who) {
  std::lock_guard lock(mutex_);
  suspects_.try_emplace(site, who);
}

void session::add(launch_record& record, const grid& launch) {
  const launch_plan& plan = launch.plan();
  std::lock_guard lock(mutex_);
  const auto same = [](const dim3& a, const dim3& b) {
    return a.x == b.x && a.y == b.y && a.z == b.z;
  };
  auto total = std::find_if(kernels_.begin(), kernels_.end(), [&](const kernel_total& k) {
    return k.facts.kernel == record.kernel && same(k.facts.grid, plan.grid) &&
           same(k.facts.block, plan.block) && same(k.facts.cluster, plan.cluster) &&
           k.facts.dynamic_shared_bytes == plan.dynamic_shared_bytes;
  });
  if (total == kernels_.end()) {
    kernels_.emplace_back();
    total = std::prev(kernels_.end());
    total->facts.kernel = record.kernel;
    total->facts.grid = plan.grid;
    total->facts.block = plan.block;
    total->facts.cluster = plan.cluster;
    total->facts.dynamic_shared_bytes = plan.dynamic_shared_bytes;
  }
  ++total->facts.launches;
  total->facts.barriers += record.barriers;
  total->facts.collectives += record.collectives;
  total->facts.distinct_read_bytes += arena::instance().touched_bytes(false);
  total->facts.distinct_written_bytes += arena::instance().touched_bytes(true);
  for (const auto& [key, more] : record.totals) total->lines[key] += more;
}

report session::stop() {
  cudaDeviceSynchronize();
  std::lock_guard lock(mutex_);
  wanted_.reset();

  std::vector<std::uintptr_t> sites;
  for (const auto& [site, who] : suspects_) sites.push_back(site);
  for (const kernel_total& kernel : kernels_) {
    for (const auto& [key, seen] : kernel.lines) sites.push_back(key.site);
  }
  for (const raw_finding& found : findings_) {
    for (const std::uintptr_t site : {found.site, found.other_site}) {
      if (site != 0) sites.push_back(site);
    }
  }
  auto lines = lines_of(sites);

  report result;
  for (const kernel_total& kernel : kernels_) {
    kernel_counters out = kernel.facts;
    using line_key = std::tuple<std::string, unsigned, memory_space, operation, unsigned>;
    std::map<line_key, line_counters> merged_lines;
    for (const auto& [key, seen] : kernel.lines) {
      const source_line& where = lines[key.site];
      line_counters& line = merged_lines[{where.file, where.line, key.space, key.what, key.width}];
      line.file = where.file;
      line.line = where.line;
      line.space = key.space;
      line.what = key.what;
      line.width = key.width;
      line.requests += seen.requests;
      line.lanes += seen.lanes;
      line.bytes += seen.bytes;
      line.used_bytes += seen.used_bytes;
      line.sectors += seen.sectors;
      line.wavefronts += seen.wavefronts;
      line.conflicts += seen.conflicts;
    }
    for (auto& [key, line] : merged_lines) out.lines.push_back(std::move(line));
    result.kernels.push_back(std::move(out));
  }
  const auto replace = [](std::string& text, std::string_view what, const std::string& by) {
    for (std::size_t at; (at = text.find(what)) != text.npos;) text.replace(at, what.size(), by);
  };
  const auto raced = [&](std::uintptr_t site) {
    return std::any_of(findings_.begin(), findings_.end(), [&](const raw_finding& f) {
      return f.detector == "shared-race" && (f.site == site || f.other_site == site);
    });
  };
  for (const raw_finding& found : findings_) {
    // Who reads too early reads what is not there yet: the race says it better.
    if (found.detector == "uninitialized-shared" && raced(found.site)) continue;
    finding out{found.detector, found.text, found.times};
    if (found.site != 0) replace(out.text, "{site}", lines[found.site].text());
    if (found.other_site != 0) replace(out.text, "{other}", lines[found.other_site].text());
    result.findings.push_back(std::move(out));
  }
  for (const auto& [site, who] : suspects_) {
    if (is_executor_code(site)) continue;
    result.findings.push_back(
        {"host-pointer", "host memory that the device cannot reach is touched\n  " + who + " at " +
                             lines[site].text() +
                             "\n  pass memory from cudaMalloc, or pinned memory, to the kernel"});
  }
  return result;
}

std::string detector_of_failure(const std::string& report) {
  struct rule {
    std::string_view headline;
    const char* detector;
  };
  constexpr rule rules[] = {
      {"simt: divergent __syncthreads()", "divergent-barrier"},
      {"simt: warp collective", "bad-mask"},
      {"simt: a thread exited while other lanes wait", "bad-mask"},
      {"simt: deadlock", "deadlock"},
      {"simt: no progress", "no-progress"},
      {"simt: async_copy(): misaligned", "misaligned"},
      {"simt: assertion", "assertion"},
      {"simt: global memory out of bounds", ""},
      {"simt: shared memory out of bounds", ""},
      {"simt: index ", ""},
      {"simt: misaligned access", ""},
      {"simt: a null pointer", ""},
      {"simt: there is no memory", ""},
  };
  for (const rule& r : rules) {
    if (report.starts_with(r.headline)) return r.detector;
  }
  return "launch-failure";
}

const static_shared_map& static_shared_of(const void* module) {
  static std::mutex mutex;
  static auto& known = *new std::map<const void*, std::unique_ptr<static_shared_map>>;
  std::lock_guard lock(mutex);
  auto& entry = known[module];
  if (entry != nullptr) return *entry;
  entry = std::make_unique<static_shared_map>();
  entry->module = module;
  for (const thread_segment& s : thread_segments()) {
    if (s.module == module) entry->bytes = s.bytes;
  }
  entry->variable_of_word.assign((entry->bytes + 3) / 4, -1);
  for (const named_shared_variable& v : all_shared_variables(module)) {
    const auto index = static_cast<std::int32_t>(entry->variables.size());
    entry->variables.push_back({v.offset, v.bytes, v.name});
    for (std::size_t word = v.offset / 4; word < (v.offset + v.bytes + 3) / 4; ++word) {
      if (word < entry->variable_of_word.size()) entry->variable_of_word[word] = index;
    }
  }
  return *entry;
}

}  // namespace simt::trace
