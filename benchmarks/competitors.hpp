// SPDX-License-Identifier: Apache-2.0
//
// What the benchmarks of arrays and rows share: who competes, in which modes, and how a case is
// made ready and checked.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdio>
#include <functional>
#include <harness/harness.hpp>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/device.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/core/workspace.hpp>

namespace warpladder::bench {

/// Whoever can do the job: a rung, a front door, or a library. Two that do different jobs on the
/// same type and shape need different names.
template <class Problem>
struct competitor {
  std::string name;
  int min_compute_capability = 0;
  std::function<support(const Problem&)> supports;
  std::function<std::size_t(const Problem&)> workspace_bytes;
  std::function<cudaError_t(const Problem&, cudaStream_t, workspace_view)> launch;
};

/// `what` is appended to the name, as in 11_two_passes:rms.
template <class Problem>
competitor<Problem> from_rung(const rung_entry<Problem>& rung, std::string_view what = "") {
  return {fmt::format("{:02}_{}{}", rung.info.step, rung.info.name, what),
          rung.info.min_compute_capability, rung.supports, rung.workspace_bytes, rung.launch};
}

template <class Problem>
competitor<Problem> from_front_door(std::string name,
                                    std::size_t (*workspace_bytes)(const Problem&),
                                    cudaError_t (*run)(const Problem&, cudaStream_t,
                                                       workspace_view)) {
  return {std::move(name), 0, [](const Problem&) { return support{}; }, workspace_bytes, run};
}

/// The memory of a case: problems that are equal but for where they lie.
template <class Operands, class Problem>
concept operands_of = requires(Operands& on, const Operands& ready, const competitor<Problem>& who,
                               workspace_view scratch, stream_view stream, std::size_t copy) {
  { ready[copy] } -> std::convertible_to<const Problem&>;
  /// Fills copy 0 with what shows mistakes, lets the competitor run, throws if it was wrong.
  on.check(who, scratch, stream);
  /// Fills all copies with what is timed.
  on.fill(stream);
};

/// One job at one size.
template <class Problem>
struct job {
  std::string type, shape;  ///< as in names of cases
  Problem blank;            ///< without memory; its pointers tell supports() their alignment
  double bytes = 0;
  traffic kind = traffic::copy;
  double repeats = 1;  ///< how often one launch does the job: times are those of once
  std::vector<mode> modes = {mode::stream, mode::graph, mode::cold};  ///< if they suit
  /// Least seconds by a ceiling of the topic's own (contest::bound_seconds), asked for when a case
  /// is made ready. Empty: there is none.
  std::function<double()> bound_seconds = {};
};

/// Collects the cases of a topic.
class case_list {
 public:
  /// Graphs are for jobs that move up to `graph_bytes`.
  case_list(std::string topic, const options& wanted, double graph_bytes)
      : topic_(std::move(topic)), wanted_(wanted), graph_bytes_(graph_bytes) {
    WARPLADDER_TRY(query_device(device_));
  }

  /// Adds `who` at this job in all modes that suit, unless it is not wanted or cannot do it.
  /// `vendors`: whose time is compared, the first of them that can do it. make_operands(copies)
  /// returns a shared_ptr of operands_of<Problem>.
  template <class Problem, class MakeOperands>
  void add(const competitor<Problem>& who, const std::vector<competitor<Problem>>& vendors,
           const job<Problem>& what, const MakeOperands& make_operands) {
    if (!wanted_.wants_rung(who.name)) return;
    if (const std::string why_not = why_not_by(who, what.blank); !why_not.empty()) {
      std::string& shapes = skipped_[fmt::format("{} {} ({})", what.type, who.name, why_not)];
      shapes.append(shapes.empty() ? "" : ", ").append(what.shape);
      return;
    }
    const competitor<Problem>* vendor = nullptr;
    for (const auto& one : vendors) {
      if (vendor == nullptr && why_not_by(one, what.blank).empty()) vendor = &one;
    }
    if (vendor == nullptr) throw std::logic_error("nobody to compare with: " + what.shape);
    for (const mode how : what.modes) {
      if (!wanted_.wants_mode(how) || !suits(how, what.bytes)) continue;
      constexpr const char* suffix[] = {"", "/graph", "/cold"};
      cases_.push_back(
          {fmt::format("{}/{}/{}/{}{}", topic_, what.type, who.name, what.shape, suffix[int(how)]),
           how,
           [who, what, make_operands, how, vendor = *vendor,
            checked = checked_](stream_view stream) {
             return prepare(who, vendor, what, make_operands, how, *checked, stream);
           }});
    }
  }

  /// The cases. Says on stderr who was left out, and why.
  std::vector<bench_case> take() {
    for (const auto& [who, shapes] : skipped_)
      fmt::print(stderr, "skipped: {} at {}\n", who, shapes);
    return std::move(cases_);
  }

 private:
  using set_of_checked = std::set<std::string>;  // type, competitor and shape

  template <class Problem>
  std::string why_not_by(const competitor<Problem>& who, const Problem& p) const {
    const int needed = who.min_compute_capability, present = device_.compute_capability;
    if (needed > present)
      return fmt::format("needs compute capability {}.{}, this GPU has {}.{}", needed / 10,
                         needed % 10, present / 10, present % 10);
    return std::string(who.supports(p).why_not);
  }

  /// Cold differs from warm only where the operands fit into L2.
  bool suits(mode how, double bytes) const {
    if (how == mode::graph) return bytes <= graph_bytes_;
    return how == mode::stream || bytes < device_.l2_bytes;
  }

  template <class Problem, class MakeOperands>
  static contest prepare(const competitor<Problem>& who, const competitor<Problem>& vendor,
                         const job<Problem>& what, const MakeOperands& make_operands, mode how,
                         set_of_checked& checked, stream_view stream) {
    const std::size_t copies =
        how == mode::cold ? copies_for_cold_cache(std::size_t(what.bytes)) : 1;
    const auto on = make_operands(copies);
    using operands = typename decltype(on)::element_type;
    static_assert(operands_of<operands, Problem>);
    const auto ready = [&](const competitor<Problem>& one) -> launcher {
      const auto memory = std::make_shared<device_buffer<std::byte>>(one.workspace_bytes((*on)[0]));
      const workspace_view scratch{memory->data(), memory->size()};
      const std::string id = fmt::format("{} {} {}", what.type, one.name, what.shape);
      if (!checked.contains(id)) {
        WARPLADDER_TRY(cudaMemsetAsync(scratch.data, 0xff, scratch.bytes, stream));
        on->check(one, scratch, stream);
        checked.insert(id);
      }
      return [on, memory, scratch, launch = one.launch](cudaStream_t to, std::size_t copy) {
        return launch((*on)[copy], to, scratch);
      };
    };
    contest match{
        .copies = copies, .repeats = what.repeats, .bytes = what.bytes, .kind = what.kind};
    match.vendor = ready(vendor);
    match.rung = ready(who);
    match.label = "vendor: " + vendor.name;
    if (what.bound_seconds) match.bound_seconds = what.bound_seconds();
    on->fill(stream);
    return match;
  }

  std::string topic_;
  options wanted_;
  double graph_bytes_;
  device_facts device_;
  std::vector<bench_case> cases_;
  std::map<std::string, std::string> skipped_;  // type, who and why -> shapes
  std::shared_ptr<set_of_checked> checked_ = std::make_shared<set_of_checked>();
};

/// The shapes that the user asked for, or the suite's list, both as text.
inline std::vector<std::string> sizes_or(const options& wanted, std::string_view suite) {
  if (!wanted.sizes.empty()) return wanted.sizes;
  std::vector<std::string> sizes;
  for (std::size_t begin = 0; begin < suite.size();) {
    const std::size_t end = std::min(suite.find(' ', begin), suite.size());
    sizes.emplace_back(suite.substr(begin, end - begin));
    begin = end + 1;
  }
  return sizes;
}

}  // namespace warpladder::bench
