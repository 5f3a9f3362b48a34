// SPDX-License-Identifier: Apache-2.0
#include "explain.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>

#include "source_text.hpp"
#include "table.hpp"

namespace simt::report {

using trace::kernel_counters;
using trace::line_counters;
using trace::memory_space;
using trace::operation;

namespace {

constexpr double sector_bytes = 32;

bool is_banked(const line_counters& line) {
  return line.space == memory_space::shared || line.space == memory_space::distributed;
}

double per(std::uint64_t total, std::uint64_t count) {
  return count == 0 ? 0 : double(total) / double(count);
}

/// Clocks of one multiprocessor's memory pipes: a wavefront takes one, and L2 delivers two sectors.
double clocks(const line_counters& line) {
  return is_banked(line) ? double(line.wavefronts) : double(line.sectors) / 2;
}

/// The same, had every request used all that it moved; it moves one sector at least.
double least_clocks(const line_counters& line) {
  if (is_banked(line)) return double(line.wavefronts - line.conflicts);
  const double needed = std::max(double(line.requests), double(line.used_bytes) / sector_bytes);
  return std::min(double(line.sectors), needed) / 2;
}

double efficiency(const line_counters& line) {
  return is_banked(line) ? per(line.wavefronts - line.conflicts, line.wavefronts)
                         : double(line.used_bytes) / (sector_bytes * double(line.sectors));
}

std::string access_name(const line_counters& line) {
  if (line.width == 0) return fmt::format("{} {}", name_of(line.space), name_of(line.what));
  return fmt::format("{} {} {}B", name_of(line.space), name_of(line.what), line.width);
}

std::string per_request(const line_counters& line) {
  return is_banked(line) ? fmt::format("{:.2f} wavefronts", per(line.wavefronts, line.requests))
                         : fmt::format("{:.2f} sectors", per(line.sectors, line.requests));
}

std::string bytes_text(double bytes) {
  if (bytes < 1e4) return fmt::format("{:.0f} B", bytes);
  if (bytes < 1e7) return fmt::format("{:.1f} KB", bytes * 1e-3);
  return fmt::format("{:.1f} MB", bytes * 1e-6);
}

std::string time_text(double seconds) {
  return seconds < 1e-4 ? fmt::format("{:.3g} us", seconds * 1e6)
                        : fmt::format("{:.3g} ms", seconds * 1e3);
}

std::string configuration(const kernel_counters& kernel) {
  const auto size = [](const dim3& d) {
    return d.z > 1   ? fmt::format("{}x{}x{}", d.x, d.y, d.z)
           : d.y > 1 ? fmt::format("{}x{}", d.x, d.y)
                     : fmt::format("{}", d.x);
  };
  const bool one = kernel.block.x * kernel.block.y * kernel.block.z == 1;
  std::string text = fmt::format("{} blocks of {} thread{}", size(kernel.grid), size(kernel.block),
                                 one ? "" : "s");
  if (kernel.dynamic_shared_bytes > 0)
    text += fmt::format(", {} of dynamic shared memory",
                        bytes_text(double(kernel.dynamic_shared_bytes)));
  if (kernel.launches > 1) text += fmt::format(", {} launches together", kernel.launches);
  return text;
}

struct verdict {
  const line_counters* line = nullptr;
  std::string text;
};

/// The line that wastes most, or failing that costs most, and why, in one plain sentence.
verdict worst_line(const std::vector<kernel_counters>& kernels) {
  verdict worst;
  double most_waste = 0, most_cost = 0, all = 0;
  const line_counters* dearest = nullptr;
  for (const kernel_counters& kernel : kernels) {
    for (const line_counters& line : kernel.lines) {
      const double cost = clocks(line), waste = cost - least_clocks(line);
      all += cost;
      if (cost > most_cost) most_cost = cost, dearest = &line;
      if (waste > most_waste) most_waste = waste, worst.line = &line;
    }
  }
  if (dearest == nullptr) return {nullptr, "No access to global or shared memory was seen."};

  const auto place = [](const line_counters& line) {
    return fmt::format("{}:{}", short_path(line.file), line.line);
  };
  if (most_waste < 0.02 * all) {
    return {dearest,
            fmt::format("No line wastes bandwidth. Most of the work, {:.0f}%, is the {} at "
                        "{}: only fewer or wider accesses would help.",
                        100 * most_cost / all, access_name(*dearest), place(*dearest))};
  }
  const line_counters& line = *worst.line;
  const double lanes = per(line.lanes, line.requests);
  std::string text = fmt::format("The {} at {} ", access_name(line), place(line));
  if (is_banked(line)) {
    const double wavefronts = per(line.wavefronts, line.requests);
    const double needed = per(line.wavefronts - line.conflicts, line.requests);
    text +=
        fmt::format("takes {:.1f} passes through the banks instead of {:.0f}", wavefronts, needed);
    if (line.what == operation::atomic) {
      text += ": lanes that update the same bank, or the same word, take turns.";
    } else if (wavefronts >= 0.9 * lanes && lanes > 4) {
      text +=
          ": all lanes fall into one bank, as in a column of rows that are a multiple of 32 "
          "words long. Pad the rows or swizzle.";
    } else {
      text += ": lanes that differ in address share banks.";
    }
    return {&line, text};
  }
  const double sectors = per(line.sectors, line.requests);
  text += fmt::format("touches {:.1f} sectors per request and uses {:.0f}% of what it moves",
                      sectors, 100 * efficiency(line));
  if (line.what == operation::atomic) {
    text += ": lanes that update one address take turns.";
  } else if (line.used_bytes * 4 < line.bytes) {
    text += ": the lanes read the same few words, of which every request fetches the whole sector.";
  } else if (sectors > 0.9 * lanes && lanes > 2 && line.width < sector_bytes) {
    text += ": neighbouring threads are 32 bytes or more apart, a column or a long structure.";
  } else if (efficiency(line) > 0.7) {
    text += ": rows begin off a 32-byte boundary.";
  } else {
    text += ": neighbouring threads do not touch neighbouring addresses.";
  }
  if (lanes < 24) text += fmt::format(" Only {:.0f} of 32 lanes take part.", lanes);
  return {&line, text};
}

nlohmann::ordered_json group_json(const totals::group& g, bool banked) {
  nlohmann::ordered_json json{{"requests", g.requests}, {"bytes", g.bytes}};
  if (banked) {
    json["wavefronts"] = g.wavefronts;
    json["conflicts"] = g.conflicts;
  } else {
    json["sectors"] = g.sectors;
  }
  return json;
}

struct named_group {
  const char* name;
  const totals::group* group;
  bool banked;
};
std::vector<named_group> groups_of(const totals& all) {
  std::vector<named_group> result;
  for (const named_group& g : {named_group{"global load", &all.global_load, false},
                               {"global store", &all.global_store, false},
                               {"global atomic", &all.global_atomic, false},
                               {"global async copy", &all.global_async, false},
                               {"global bulk load", &all.global_bulk_load, false},
                               {"global bulk store", &all.global_bulk_store, false},
                               {"shared load", &all.shared_load, true},
                               {"shared store", &all.shared_store, true},
                               {"shared atomic", &all.shared_atomic, true},
                               {"shared async copy", &all.shared_async, true},
                               {"distributed shared", &all.distributed, true}}) {
    if (g.group->requests > 0) result.push_back(g);
  }
  return result;
}

std::string bounds_text(const totals& all, const work& done, const published_gpu& gpu) {
  const bounds b = bounds_of(all, done, gpu);
  const double distinct = double(all.distinct_read_bytes + all.distinct_written_bytes);
  std::string text =
      fmt::format("{} distinct bytes of global memory, requested {:.2f} times. ",
                  bytes_text(distinct), distinct > 0 ? all.global_bytes() / distinct : 0);
  if (done.flops > 0)
    text += fmt::format("{:.4g} Mflop, {:.3g} flop per distinct byte.", done.flops * 1e-6,
                        done.flops / std::max(1.0, distinct));
  text += fmt::format(
      "\nAt its published peaks one {} needs at least {} for device memory, {} for shared memory",
      gpu.name, time_text(b.memory), time_text(b.shared));
  if (done.flops > 0) text += fmt::format(", {} for arithmetic", time_text(b.arithmetic));
  return text + fmt::format(": {} limits.\n", b.limit());
}

}  // namespace

double totals::global_bytes() const {
  return sector_bytes *
         double(global_load.sectors + global_store.sectors + global_atomic.sectors +
                global_async.sectors + global_bulk_load.sectors + global_bulk_store.sectors);
}

double totals::shared_wavefronts() const {
  return double(shared_load.wavefronts + shared_store.wavefronts + shared_atomic.wavefronts +
                shared_async.wavefronts + distributed.wavefronts);
}

totals total_of(const std::vector<kernel_counters>& kernels) {
  totals all;
  for (const kernel_counters& kernel : kernels) {
    all.barriers += kernel.barriers;
    all.collectives += kernel.collectives;
    all.distinct_read_bytes += kernel.distinct_read_bytes;
    all.distinct_written_bytes += kernel.distinct_written_bytes;
    for (const line_counters& line : kernel.lines) {
      totals::group* group = nullptr;
      const bool shared = line.space == memory_space::shared;
      if (line.space == memory_space::distributed) {
        group = &all.distributed;
      } else if (line.space == memory_space::host) {
        continue;
      } else {
        switch (line.what) {
          case operation::load:
            group = shared ? &all.shared_load : &all.global_load;
            break;
          case operation::store:
            group = shared ? &all.shared_store : &all.global_store;
            break;
          case operation::atomic:
            group = shared ? &all.shared_atomic : &all.global_atomic;
            break;
          case operation::async_copy:
            group = shared ? &all.shared_async : &all.global_async;
            break;
          case operation::bulk_load:
            group = &all.global_bulk_load;
            break;
          case operation::bulk_store:
            group = &all.global_bulk_store;
            break;
        }
      }
      group->requests += line.requests;
      group->sectors += line.sectors;
      group->wavefronts += line.wavefronts;
      group->conflicts += line.conflicts;
      group->bytes += line.bytes;
      group->used_sectors += double(line.used_bytes) / sector_bytes;
    }
  }
  return all;
}

double bounds::largest() const {
  return std::max({arithmetic, memory, shared});
}
const char* bounds::limit() const {
  return arithmetic >= largest() ? "arithmetic"
         : memory >= largest()   ? "device memory"
                                 : "shared memory";
}

bounds bounds_of(const totals& all, const work& done, const published_gpu& gpu) {
  const double distinct = double(all.distinct_read_bytes + all.distinct_written_bytes);
  return {done.flops / (gpu.tflops(done.on_tensor_cores) * 1e12),
          distinct / (gpu.memory_gbps * 1e9),
          all.shared_wavefronts() / (gpu.multiprocessors * gpu.boost_ghz * 1e9)};
}

std::string explain_text(const std::vector<kernel_counters>& kernels, const work& done,
                         const published_gpu& gpu) {
  std::string out = done.title.empty() ? "" : done.title + "\n";
  source_text sources;
  for (const kernel_counters& kernel : kernels) {
    out += fmt::format("\n{}\n{}\n", short_kernel_name(kernel.kernel), configuration(kernel));
    std::string file;
    table rows({{"line", table::align::right},
                {"source", table::align::left, 44},
                {"access"},
                {"requests", table::align::right},
                {"lanes", table::align::right},
                {"per request", table::align::right},
                {"used", table::align::right},
                {"bytes", table::align::right}});
    for (const line_counters& line : kernel.lines) {
      if (line.file != file) {
        file = line.file;
        rows.add({"", short_path(file)});
      }
      rows.add({std::to_string(line.line), sources.line(line.file, line.line), access_name(line),
                std::to_string(line.requests),
                fmt::format("{:.1f}", per(line.lanes, line.requests)), per_request(line),
                fmt::format("{:.0f}%", 100 * efficiency(line)), bytes_text(double(line.bytes))});
    }
    out += "\n" + rows.text();
  }
  const totals all = total_of(kernels);
  table sums({{"in all"},
              {"requests", table::align::right},
              {"sectors", table::align::right},
              {"wavefronts", table::align::right},
              {"of these conflicts", table::align::right},
              {"bytes", table::align::right}});
  for (const auto& [name, group, banked] : groups_of(all)) {
    sums.add({name, std::to_string(group->requests), banked ? "" : std::to_string(group->sectors),
              banked ? std::to_string(group->wavefronts) : "",
              banked ? std::to_string(group->conflicts) : "", bytes_text(double(group->bytes))});
  }
  if (all.barriers > 0) sums.add({"__syncthreads(), warps", std::to_string(all.barriers)});
  if (all.collectives > 0) sums.add({"warp collectives", std::to_string(all.collectives)});
  out += "\n" + sums.text() + "\n" + bounds_text(all, done, gpu);
  return out + "\n" + worst_line(kernels).text + "\n";
}

std::string compare_text(const std::vector<kernel_counters>& before, const work& before_work,
                         const std::vector<kernel_counters>& after, const work& after_work) {
  const totals a = total_of(before), b = total_of(after);
  table rows({{"what changed"},
              {before_work.title, table::align::right},
              {after_work.title, table::align::right},
              {"factor", table::align::right}});
  const auto add = [&](const std::string& what, double x, double y) {
    if (x == 0 && y == 0) return;
    rows.add({what, fmt::format("{:.0f}", x), fmt::format("{:.0f}", y),
              x > 0 ? fmt::format("{:.2f}", y / x) : "new"});
  };
  const auto add_group = [&](const std::string& name, const totals::group& x,
                             const totals::group& y, bool banked) {
    add(name + " requests", double(x.requests), double(y.requests));
    add(name + (banked ? " wavefronts" : " sectors"), double(banked ? x.wavefronts : x.sectors),
        double(banked ? y.wavefronts : y.sectors));
    if (banked) add(name + " conflicts", double(x.conflicts), double(y.conflicts));
  };
  add_group("global load", a.global_load, b.global_load, false);
  add_group("global store", a.global_store, b.global_store, false);
  add_group("global atomic", a.global_atomic, b.global_atomic, false);
  add_group("global async copy", a.global_async, b.global_async, false);
  add_group("global bulk load", a.global_bulk_load, b.global_bulk_load, false);
  add_group("global bulk store", a.global_bulk_store, b.global_bulk_store, false);
  add_group("shared load", a.shared_load, b.shared_load, true);
  add_group("shared store", a.shared_store, b.shared_store, true);
  add_group("shared atomic", a.shared_atomic, b.shared_atomic, true);
  add_group("shared async copy", a.shared_async, b.shared_async, true);
  add("bytes between L2 and the multiprocessors", a.global_bytes(), b.global_bytes());
  add("distinct bytes", double(a.distinct_read_bytes + a.distinct_written_bytes),
      double(b.distinct_read_bytes + b.distinct_written_bytes));
  add("barriers, warps", double(a.barriers), double(b.barriers));
  return rows.text();
}

nlohmann::ordered_json explain_json(const std::vector<kernel_counters>& kernels, const work& done,
                                    const published_gpu& gpu) {
  nlohmann::ordered_json out{{"title", done.title}};
  for (const kernel_counters& kernel : kernels) {
    nlohmann::ordered_json one{{"kernel", kernel.kernel},
                               {"grid", {kernel.grid.x, kernel.grid.y, kernel.grid.z}},
                               {"block", {kernel.block.x, kernel.block.y, kernel.block.z}},
                               {"dynamic_shared_bytes", kernel.dynamic_shared_bytes},
                               {"launches", kernel.launches}};
    const totals sums = total_of({kernel});
    for (const auto& [name, group, banked] : groups_of(sums)) {
      one["totals"][name] = group_json(*group, banked);
    }
    for (const line_counters& line : kernel.lines) {
      one["lines"].push_back({{"file", short_path(line.file)},
                              {"line", line.line},
                              {"space", name_of(line.space)},
                              {"operation", name_of(line.what)},
                              {"width", line.width},
                              {"requests", line.requests},
                              {"lanes", line.lanes},
                              {"sectors", line.sectors},
                              {"wavefronts", line.wavefronts},
                              {"conflicts", line.conflicts},
                              {"bytes", line.bytes},
                              {"used_bytes", line.used_bytes}});
    }
    out["kernels"].push_back(one);
  }
  const totals all = total_of(kernels);
  const bounds b = bounds_of(all, done, gpu);
  out["distinct_read_bytes"] = all.distinct_read_bytes;
  out["distinct_written_bytes"] = all.distinct_written_bytes;
  out["flops"] = done.flops;
  out["gpu"] = gpu.name;
  out["least_seconds"] = {{"memory", b.memory}, {"shared", b.shared}, {"arithmetic", b.arithmetic}};
  out["worst"] = worst_line(kernels).text;
  return out;
}

std::string findings_text(const std::vector<trace::finding>& findings) {
  if (findings.empty()) return "Nothing was found.\n";
  std::string out;
  for (const trace::finding& found : findings) {
    out += fmt::format("[{}] {}{}\n\n", found.detector, found.text,
                       found.times > 1 ? fmt::format("\n  seen {} times", found.times) : "");
  }
  return out;
}

nlohmann::ordered_json findings_json(const std::vector<trace::finding>& findings) {
  nlohmann::ordered_json out = nlohmann::ordered_json::array();
  for (const trace::finding& found : findings) {
    out.push_back({{"detector", found.detector}, {"text", found.text}, {"times", found.times}});
  }
  return out;
}

// ---- HTML --------------------------------------------------------------------------------------

namespace {

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

constexpr const char* page_head = R"(<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{}</title>
<style>
body {{ font: 15px/1.4 system-ui, sans-serif; margin: 2em; color: #222; background: #fff }}
table {{ border-collapse: collapse; font: 13px/1.35 ui-monospace, monospace }}
td {{ padding: 0 .8em; white-space: pre; vertical-align: top }}
td.n {{ text-align: right; color: #777 }}
td.c {{ color: #444; font-size: 12px }}
.verdict {{ border-left: 4px solid #c33; padding: .4em 1em; background: #fff4f2 }}
details {{ margin: 1.5em 0 }} summary {{ cursor: pointer; font-weight: 600 }}
@media (prefers-color-scheme: dark) {{
  body {{ color: #ddd; background: #1b1b1b }} td.c {{ color: #bbb }} .verdict {{ background: #3a2422 }}
}}
</style>
<h1>{}</h1>
<p class="verdict">{}</p>
<p>{}</p>
<p>Lines are coloured by their share of the clocks that the memory pipes of one multiprocessor spend.</p>
)";

}  // namespace

std::string explain_html(const std::vector<kernel_counters>& kernels, const work& done,
                         const published_gpu& gpu) {
  const totals all = total_of(kernels);
  std::string out =
      fmt::format(page_head, escaped(done.title), escaped(done.title),
                  escaped(worst_line(kernels).text), escaped(bounds_text(all, done, gpu)));
  double cost = 0;
  std::map<std::string, std::map<unsigned, std::vector<const line_counters*>>> by_file;
  for (const kernel_counters& kernel : kernels) {
    out += fmt::format("<p><code>{}</code><br>{}</p>\n", escaped(short_kernel_name(kernel.kernel)),
                       escaped(configuration(kernel)));
    for (const line_counters& line : kernel.lines) {
      cost += clocks(line);
      by_file[line.file][line.line].push_back(&line);
    }
  }
  source_text sources;
  for (const auto& [file, lines] : by_file) {
    out += fmt::format("<details open><summary>{}</summary>\n<table>\n", escaped(short_path(file)));
    for (unsigned number = 1; number <= sources.line_count(file); ++number) {
      double here = 0;
      std::string notes;
      if (const auto found = lines.find(number); found != lines.end()) {
        for (const line_counters* line : found->second) {
          here += clocks(*line);
          notes += fmt::format("{}{}: {} requests of {:.1f} lanes, {}, {:.0f}% used",
                               notes.empty() ? "" : "\n", access_name(*line), line->requests,
                               per(line->lanes, line->requests), per_request(*line),
                               100 * efficiency(*line));
        }
      }
      const double share = cost > 0 ? here / cost : 0;
      const std::string colour =
          share > 0 ? fmt::format(" style=\"background: rgba(224, 64, 32, {:.2f})\"",
                                  0.08 + 0.6 * std::sqrt(share))
                    : "";
      out += fmt::format(
          "<tr{}><td class=n>{}</td><td>{}</td><td class=n>{}</td><td class=c>{}</td></tr>\n",
          colour, number, escaped(sources.raw_line(file, number)),
          share > 0 ? fmt::format("{:.1f}%", 100 * share) : "", escaped(notes));
    }
    out += "</table></details>\n";
  }
  return out + "</html>\n";
}

}  // namespace simt::report
