// SPDX-License-Identifier: Apache-2.0
//
// How fast the host itself reads and writes each kind of memory.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <numeric>
#include <transfer_pattern.hpp>
#include <transfer_study/runtime.hpp>
#include <transfer_study/sections.hpp>

namespace warpladder::bench {
namespace {

std::atomic<std::uint64_t> kept;  // so that reading is not left out

void read_words(const std::byte* from, std::size_t begin, std::size_t end) {
  const auto* const words = reinterpret_cast<const std::uint64_t*>(from);
  kept += std::accumulate(words + begin / 8, words + end / 8, std::uint64_t{0});
}

void write_words(std::byte* to, std::size_t begin, std::size_t end) {
  auto* const words = reinterpret_cast<std::uint64_t*>(to);
  std::fill(words + begin / 8, words + end / 8, std::uint64_t{0x0123456789abcdef});
}

/// Threads begin and end within the time: what a program that forks has.
timing time_access(const transfer_lab& lab, std::byte* data, std::size_t bytes, int threads,
                   bool reads) {
  std::vector<double> each;
  for (int run = 0; run < (lab.quick ? 2 : 4); ++run) {
    const stopwatch watch;
    for_each_slice(threads, bytes, [=](std::size_t begin, std::size_t end) {
      if (reads) {
        read_words(data, begin, end);
      } else {
        write_words(data, begin, end);
      }
    });
    if (run != 0) each.push_back(watch.us());
  }
  return summarise(each);
}

}  // namespace

ordered_json measure_cpu(transfer_lab& lab) {
  table rows("the CPU's own reads and writes, GB/s");
  const std::size_t usual = lab.quick ? 16 * mib : 256 * mib;
  for (const memory_kind kind :
       {memory_kind::pageable, memory_kind::pinned, memory_kind::registered,
        memory_kind::write_combined, memory_kind::managed}) {
    ordered_json row{{"what", name(kind)}};
    try {
      std::byte* const data = lab.host(kind, usual);
      if (kind == memory_kind::managed) {
        WARPLADDER_TRY(prefetch(data, usual, place::host, lab.on));
        lab.on.synchronize();
      }
      for (const int threads : {1, lab.cores}) {
        for (const bool reads : {true, false}) {
          // Write-combined memory is not cached: a read of it may take a thousand times as long.
          const std::size_t bytes =
              kind == memory_kind::write_combined && reads ? std::min(usual, 4 * mib) : usual;
          const timing time = time_access(lab, data, bytes, threads, reads);
          row[fmt::format("{}_{}_gbps", reads ? "read" : "write", threads == 1 ? "one" : "all")] =
              gb_per_s(bytes, time);
        }
        if (lab.cores == 1) break;
      }
    } catch (const unavailable& reason) {
      row["why_not"] = reason.what();
    } catch (const cuda_error& error) {
      if (kind != memory_kind::managed) throw;
      row["why_not"] = error.what();
    }
    rows.add(row);
  }
  return {{"threads", lab.cores}, {"bytes", usual}, {"rows", rows.json()}};
}

}  // namespace warpladder::bench
