// SPDX-License-Identifier: Apache-2.0
//
// A7: is an asynchronous copy and a wait more than a synchronous copy? Each is timed alone, with
// work of the CPU between call and wait, and with a kernel in another stream, enqueued before the
// call or behind it. The work is made to last as long as the copy.
#include <fmt/format.h>

#include <cmath>
#include <transfer_study/arithmetic.hpp>
#include <transfer_study/sections.hpp>
#include <transfer_study/staged.hpp>

namespace warpladder::bench {
namespace {

/// Arithmetic that touches no memory.
void burn(std::uint64_t iterations) {
  volatile double kept = 1;
  double value = kept;
  for (std::uint64_t i = 0; i < iterations; ++i) value = value * 0.999999 + 1e-6;
  kept = value;
}

class burner {
 public:
  burner() {
    constexpr std::uint64_t tried = 20'000'000;
    for (int run = 0; run < 2; ++run) {  // the second time counts
      const stopwatch watch;
      burn(tried);
      per_us_ = double(tried) / watch.us();
    }
  }
  std::uint64_t iterations(double us) const { return std::uint64_t(per_us_ * us); }

 private:
  double per_us_ = 1;
};

}  // namespace

ordered_json measure_overlap(transfer_lab& lab) {
  table rows("what can be done meanwhile: shares of the shorter that were hidden");
  const burner cpu;
  const stream other;
  staged_copier staged(lab);
  const std::vector<std::size_t> sizes =
      lab.quick ? std::vector{4 * mib} : std::vector{64 * kib, 4 * mib, 256 * mib};
  lab.host(memory_kind::pageable, sizes.back());
  lab.host(memory_kind::pinned, sizes.back());
  lab.device_memory(sizes.back());
  for (const std::size_t bytes : sizes) {
    for (const direction where : directions) {
      std::byte* const on_device = lab.device_memory(bytes);
      const auto pageable = ends_of(where, lab.host(memory_kind::pageable, bytes), on_device);
      const auto pinned = ends_of(where, lab.host(memory_kind::pinned, bytes), on_device);
      const method all[] = {
          lab.copy_sync("pinned, cudaMemcpy", pinned.to, pinned.from, bytes, where),
          lab.copy_async("pinned, cudaMemcpyAsync and wait", pinned.to, pinned.from, bytes, where),
          lab.copy_sync("pageable, cudaMemcpy", pageable.to, pageable.from, bytes, where),
          lab.copy_async("pageable, cudaMemcpyAsync and wait", pageable.to, pageable.from, bytes,
                         where),
          staged.copy("pageable, staged copier", pageable, bytes, where)};
      for (const method& how : all) {
        const transfer_time alone = lab.time(how);
        const double copy_us = alone.whole.median;
        const std::uint64_t iterations = cpu.iterations(copy_us);
        const auto wait_for_other = [&] {
          how.finish();
          other.synchronize();
        };
        const auto whole = [&](std::function<void()> start, std::function<void()> finish) {
          return lab.time({"", std::move(start), std::move(finish)}).whole.median;
        };
        const double cpu_us = whole([&] { burn(iterations); }, [] {});
        const double with_cpu_us = whole(how.start, [&] {
          burn(iterations);
          how.finish();
        });
        const double kernel_us =
            whole([&] { lab.hold(other, copy_us); }, [&] { other.synchronize(); });
        const double kernel_before_us = whole(
            [&] {
              lab.hold(other, copy_us);
              how.start();
            },
            wait_for_other);
        const double kernel_behind_us = whole(
            [&] {
              how.start();
              lab.hold(other, copy_us);
            },
            wait_for_other);
        rows.add({{"what", how.what},
                  {"direction", name(where)},
                  {"bytes", bytes},
                  {"size", size_text(bytes)},
                  {"time", alone.whole.json()},
                  {"host", alone.host.json()},
                  {"with_cpu_us", with_cpu_us},
                  {"cpu_hidden", hidden_share(copy_us, cpu_us, with_cpu_us)},
                  {"kernel_before_hidden", hidden_share(copy_us, kernel_us, kernel_before_us)},
                  {"kernel_behind_hidden", hidden_share(copy_us, kernel_us, kernel_behind_us)}});
      }
    }
  }
  return rows.json();
}

}  // namespace warpladder::bench
