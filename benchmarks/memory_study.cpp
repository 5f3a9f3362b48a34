// SPDX-License-Identifier: Apache-2.0
//
// What access patterns cost, one at a time, for A3 and A10 in docs/faq.md:
//
//   strided      reading every 1st, 2nd, ... 32nd float
//   misaligned   copying from an address 0 to 8 floats behind an aligned one
//   hot table    lookups in a table, back to back and after L2 was flooded; with and without a part
//                of L2 reserved for the table

#include <cuda_runtime_api.h>
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <functional>
#include <harness/ceilings.hpp>
#include <harness/median.hpp>
#include <harness/random.hpp>
#include <harness/workload.hpp>
#include <memory.hpp>
#include <memory_study_kernels.hpp>
#include <memory_verify.hpp>
#include <optional>
#include <persisting_l2.hpp>
#include <stdexcept>
#include <string>
#include <study.hpp>
#include <vector>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/event.hpp>
#include <warpladder/core/stream.hpp>

namespace {

namespace wl = warpladder;
using nlohmann::ordered_json;

constexpr int batches = 9;
constexpr double batch_seconds = 4e-3;

/// Device seconds of one launch, back to back.
double seconds(const std::function<cudaError_t(cudaStream_t)>& launch, wl::stream_view stream) {
  wl::bench::rotation only_copy;
  wl::bench::workload work([&](cudaStream_t on, std::size_t) { return launch(on); }, only_copy,
                           stream);
  const std::size_t launches = work.launches_lasting(batch_seconds);
  std::vector<double> each;
  for (int batch = 0; batch < batches; ++batch) each.push_back(work.seconds_per_launch(launches));
  return wl::bench::median(each);
}

template <class Problem>
const wl::rung_entry<Problem>& find_rung(std::span<const wl::rung_entry<Problem>> ladder,
                                         int step) {
  return *std::find_if(ladder.begin(), ladder.end(),
                       [&](const auto& rung) { return rung.info.step == step; });
}

std::string full_name(const wl::rung_info& rung) {
  return fmt::format("{:02}_{}", rung.step, rung.name);
}

template <class Problem>
void check(const Problem& p, const std::string& who, wl::stream_view stream) {
  const wl::device_buffer<wl::bench::mismatches> on_device(1);
  WARPLADDER_TRY(wl::bench::compare(p, on_device.data(), stream));
  wl::bench::mismatches found;
  wl::copy_async<wl::bench::mismatches>({&found, 1}, on_device.view(), stream);
  stream.synchronize();
  if (found.count != 0)
    throw std::runtime_error(fmt::format("{} is wrong in {} elements", who, found.count));
}

ordered_json measure_strides(wl::stream_view stream) {
  constexpr std::int64_t floats = std::int64_t{1} << 28;
  const wl::device_buffer<float> in(floats);
  const wl::device_buffer<std::uint32_t> parts(wl::bench::strided_read_blocks);
  WARPLADDER_TRY(wl::bench::fill_uniform(in.data(), in.size(), 1, stream));
  std::vector<float> on_host(in.size());
  std::vector<std::uint32_t> got(parts.size());
  wl::copy_async<float>(on_host, in.view(), stream);
  stream.synchronize();

  ordered_json rows = ordered_json::array();
  fmt::print("{:<24} {:>14} {:>14}\n", "every ... float", "used GB/s", "sectors GB/s");
  for (const std::int64_t stride : {1, 2, 4, 8, 16, 32}) {
    const std::int64_t count = floats / stride;
    const double each = seconds(
        [&](cudaStream_t on) {
          return wl::bench::strided_read(in.data(), count, stride, parts.data(), on);
        },
        stream);
    wl::copy_async<std::uint32_t>(got, parts.view(), stream);
    stream.synchronize();
    std::uint32_t bits = 0;
    for (const std::uint32_t part : got) bits ^= part;
    for (std::int64_t i = 0; i < count; ++i)
      bits ^= std::bit_cast<std::uint32_t>(on_host[std::size_t(i * stride)]);
    if (bits != 0) throw std::runtime_error(fmt::format("stride {} read something else", stride));

    const double used = 4.0 * double(count) / each * 1e-9;
    const double sectors = used * double(std::min<std::int64_t>(stride, 8));
    rows.push_back({{"stride", stride}, {"used_gbps", used}, {"sectors_gbps", sectors}});
    fmt::print("{:<24} {:>14.0f} {:>14.0f}\n", stride, used, sectors);
  }
  return rows;
}

ordered_json measure_offsets(wl::stream_view stream) {
  constexpr std::int64_t side = 8192, furthest = 8;
  const wl::device_buffer<float> in(side * side + furthest), out(side * side);
  WARPLADDER_TRY(wl::bench::fill_uniform(in.data(), in.size(), 1, stream));
  ordered_json rows = ordered_json::array();
  fmt::print("\n{:<24} {:>14} {:>14}\n", "copy, floats off", "rung", "GB/s");
  for (std::int64_t offset = 0; offset <= furthest; ++offset) {
    const wl::memory::copy_problem<float> p{side, side, in.data() + offset, side, out.data(), side};
    for (const int step : {10, 12, 17}) {
      const auto& rung = find_rung(wl::tables::copy_rungs(), step);
      WARPLADDER_TRY(cudaMemsetAsync(out.data(), 0xff, out.size_bytes(), stream));
      const double each = seconds([&](cudaStream_t on) { return rung.launch(p, on, {}); }, stream);
      check(p, full_name(rung.info), stream);
      const double gbps = 8.0 * double(side * side) / each * 1e-9;
      rows.push_back({{"offset", offset}, {"rung", full_name(rung.info)}, {"gbps", gbps}});
      fmt::print("{:<24} {:>14} {:>14.0f}\n", offset, full_name(rung.info), gbps);
    }
  }
  return rows;
}

/// Median device seconds of one launch, each after `flood`.
double seconds_after(const std::function<void()>& flood,
                     const std::function<cudaError_t(cudaStream_t)>& launch,
                     wl::stream_view stream) {
  const wl::event begin(wl::event::timing::on), end(wl::event::timing::on);
  std::vector<double> each;
  for (int run = 0; run < 21; ++run) {
    flood();
    stream.record(begin);
    WARPLADDER_TRY(launch(stream));
    stream.record(end);
    end.synchronize();
    each.push_back(wl::elapsed_ms(begin, end) * 1e-3);
  }
  return wl::bench::median(each);
}

ordered_json measure_hot_tables(wl::stream_view stream) {
  constexpr std::int64_t n = std::int64_t{1} << 22, mib = (1 << 20) / sizeof(float);
  constexpr std::int64_t largest = 64 * mib;
  const wl::device_buffer<std::int32_t> index(n);
  const wl::device_buffer<float> table(largest), out(n), other(128 * mib);
  WARPLADDER_TRY(wl::bench::fill_uniform(table.data(), table.size(), 1, stream));
  const auto flood = [&] {
    WARPLADDER_TRY(cudaMemcpyAsync(other.data(), other.data() + 64 * mib, other.size_bytes() / 2,
                                   cudaMemcpyDeviceToDevice, stream));
  };
  ordered_json rows = ordered_json::array();
  fmt::print("\n{:<24} {:>18} {:>14} {:>14}\n", "4M lookups, table MiB", "rung", "back to back",
             "after a flood");
  for (const std::int64_t size : {4, 8, 16, 24, 32, 48, 64}) {
    const wl::memory::lookup_problem<float> p{n, index.data(), table.data(), size * mib,
                                              out.data()};
    WARPLADDER_TRY(
        wl::bench::fill_indices(index.data(), index.size(), std::int32_t(size * mib), 2, stream));
    for (const int step : {33, 34}) {
      const auto& rung = find_rung(wl::tables::lookup_rungs(), step);
      const auto launch = [&](cudaStream_t on) { return rung.launch(p, on, {}); };
      std::optional<wl::bench::persisting_l2> reserved;
      if (step == 34) reserved.emplace();
      WARPLADDER_TRY(cudaMemsetAsync(out.data(), 0xff, out.size_bytes(), stream));
      const double warm = seconds(launch, stream) * 1e6;
      const double flooded = seconds_after(flood, launch, stream) * 1e6;
      check(p, full_name(rung.info), stream);
      rows.push_back({{"table_mib", size},
                      {"rung", full_name(rung.info)},
                      {"back_to_back_us", warm},
                      {"after_flood_us", flooded}});
      fmt::print("{:<24} {:>18} {:>11.1f} us {:>11.1f} us\n", size, full_name(rung.info), warm,
                 flooded);
    }
  }
  return rows;
}

ordered_json measure() {
  const wl::stream stream;
  ordered_json context = wl::bench::describe_study();
  const auto limits = wl::bench::measure_ceilings(stream);
  context["ceiling_fma_tflops"] = limits.fma_flops_per_second * 1e-12;
  context["ceiling_copy_gbps"] = limits.copy_bytes_per_second * 1e-9;
  fmt::print("a copy moves {:.0f} GB/s\n\n", limits.copy_bytes_per_second * 1e-9);
  const ordered_json strided = measure_strides(stream), misaligned = measure_offsets(stream);
  return {{"context", context},
          {"strided", strided},
          {"misaligned", misaligned},
          {"hot_table", measure_hot_tables(stream)}};
}

}  // namespace

int main(int argc, char** argv) {
  return wl::bench::run_study(
      argc, argv,
      "Measures what access patterns cost: strides, misalignment, tables in L2.\n"
      "Takes some seconds.",
      measure);
}
