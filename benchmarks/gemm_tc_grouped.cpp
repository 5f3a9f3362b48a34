// SPDX-License-Identifier: Apache-2.0
//
// Products of layers of experts (mixture of experts): one launch of ours for all experts, against
// cublasGemmGroupedBatchedEx, and against a graph of one cublasLt product per expert. The two of
// the vendor are told on the host how many rows each expert has; ours finds them in device memory.
//
// Rows go to experts evenly, at random with equal chances, or by a power law, expert i with a
// chance of 1 / (i + 1). Inputs are uniform random numbers, weights are not in L2, and the three
// take turns.

#include <cuda_runtime_api.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <gemm_tc.hpp>
#include <gemm_tc_grouped.hpp>
#include <harness/harness.hpp>
#include <harness/median.hpp>
#include <harness/nvml.hpp>
#include <harness/random.hpp>
#include <harness/workload.hpp>
#include <memory>
#include <numeric>
#include <optional>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <study.hpp>
#include <type_traits>
#include <vector>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/stream.hpp>
#include <warpladder/gemm_tc/grouped_cublas.cuh>

namespace {

namespace wl = warpladder;
using nlohmann::ordered_json;
using wl::gemm_tc::transpose;

constexpr int rounds = 9;
constexpr double batch_seconds = 4e-3;
constexpr std::size_t most_searches = 16;  ///< sizes for which all of cublasLt's ways are timed

/// A product of a layer: rows of `tokens` times the experts that each goes to.
struct layer {
  const char* model;
  int experts;
  std::int64_t n, k;
  std::int64_t tokens, experts_per_token;
};

// Mixtral 8x7B; DeepSeekMoE 16B and DeepSeek-V3 without their shared experts: up (or gate), down.
const std::vector<layer> layers = {
    {"Mixtral 8x7B, up", 8, 14336, 4096, 4096, 2},
    {"Mixtral 8x7B, down", 8, 4096, 14336, 4096, 2},
    {"Mixtral 8x7B, up", 8, 14336, 4096, 64, 2},
    {"DeepSeekMoE 16B, up", 64, 1408, 2048, 4096, 6},
    {"DeepSeekMoE 16B, down", 64, 2048, 1408, 4096, 6},
    {"DeepSeek-V3, up", 256, 2048, 7168, 4096, 8},
    {"DeepSeek-V3, down", 256, 7168, 2048, 4096, 8},
    {"DeepSeek-V3, up", 256, 2048, 7168, 128, 8},
};
const std::vector<layer> quick_layers = {{"small", 8, 520, 256, 700, 2},
                                         {"many experts", 70, 256, 128, 50, 4}};

enum class routing { even, random, skewed };
constexpr const char* name_of(routing r) {
  return r == routing::even ? "even" : r == routing::random ? "random" : "skewed";
}

std::vector<std::int32_t> offsets_of(const layer& l, routing how) {
  const std::int64_t rows = l.tokens * l.experts_per_token;
  std::vector<std::int64_t> sizes(std::size_t(l.experts), 0);
  if (how == routing::even) {
    for (std::int64_t row = 0; row < rows; ++row) ++sizes[std::size_t(row % l.experts)];
  } else {
    std::vector<double> up_to;  // chances, added up
    for (int i = 0; i < l.experts; ++i)
      up_to.push_back((up_to.empty() ? 0 : up_to.back()) +
                      (how == routing::random ? 1.0 : 1.0 / (i + 1)));
    std::mt19937_64 bits(2026);
    for (std::int64_t row = 0; row < rows; ++row) {
      const double drawn = double(bits() >> 11) * 0x1p-53 * up_to.back();
      const auto at = std::upper_bound(up_to.begin(), up_to.end(), drawn) - up_to.begin();
      ++sizes[std::size_t(std::min<std::ptrdiff_t>(at, l.experts - 1))];
    }
  }
  std::vector<std::int32_t> offsets{0};
  for (const std::int64_t size : sizes) offsets.push_back(offsets.back() + std::int32_t(size));
  return offsets;
}

class study {
 public:
  explicit study(bool quick) : quick_(quick) {}
  ordered_json measure();

 private:
  template <class In, class Out>
  void layer_of(const char* type, const layer& l, ordered_json& rows);
  template <class In, class Out>
  ordered_json time(const layer& l, wl::gemm_tc::grouped_problem<In, Out> p, routing how);
  template <class In, class Out>
  void check(const wl::gemm_tc::grouped_problem<In, Out>& p,
             const std::vector<std::int32_t>& offsets);

  const bool quick_;
  const wl::stream stream_;
  const wl::bench::nvml chip_;
};

/// The product of one group, as the host sees it.
template <class In, class Out>
wl::gemm_tc::problem<In, Out> group_of(const wl::gemm_tc::grouped_problem<In, Out>& p,
                                       const std::vector<std::int32_t>& offsets, std::size_t g) {
  auto one = p.of_group(std::int64_t(g), offsets[g + 1] - offsets[g]);
  one.a += offsets[g] * p.lda, one.c += offsets[g] * p.ldc;
  return one;
}

/// Throws unless some rows of every group, which were NaN before, are within the bound of the
/// arithmetic.
template <class In, class Out>
void study::check(const wl::gemm_tc::grouped_problem<In, Out>& p,
                  const std::vector<std::int32_t>& offsets) {
  const wl::device_buffer<wl::gemm_tc::verification> on_device(std::size_t(p.groups));
  for (std::size_t g = 0; g < std::size_t(p.groups); ++g) {
    const auto one = group_of(p, offsets, g);
    const int every = std::max(1, int(one.m / 3));
    const cudaError_t judged = wl::tables::gemm_tc_verify<In, Out>(
        one, nullptr, on_device.data() + g, stream_, wl::gemm_tc::sums::rounded, every);
    WARPLADDER_TRY(judged);
  }
  std::vector<wl::gemm_tc::verification> found(std::size_t(p.groups));
  wl::copy_async<wl::gemm_tc::verification>({found.data(), found.size()}, on_device.view(),
                                            stream_);
  stream_.synchronize();
  for (std::size_t g = 0; g < found.size(); ++g) {
    if (found[g].wrong != 0 || (found[g].checked == 0 && offsets[g + 1] > offsets[g]))
      throw std::runtime_error(fmt::format("group {} of {} rows, n = {}, k = {}: {} of {} wrong", g,
                                           offsets[g + 1] - offsets[g], p.n, p.k, found[g].wrong,
                                           found[g].checked));
  }
}

template <class In, class Out>
ordered_json study::time(const layer& l, wl::gemm_tc::grouped_problem<In, Out> p, routing how) {
  const auto offsets = offsets_of(l, how);
  const wl::device_buffer<std::int32_t> on_device(offsets.size());
  WARPLADDER_TRY(cudaMemcpyAsync(on_device.data(), offsets.data(), on_device.size_bytes(),
                                 cudaMemcpyHostToDevice, stream_));
  p.row_offsets = on_device.data();
  std::vector<std::int32_t> sizes(offsets.size());
  std::adjacent_difference(offsets.begin(), offsets.end(), sizes.begin());
  sizes.erase(sizes.begin());
  wl::bench::rotation one_copy;

  // Ours: right, then fast.
  const auto launch = [&](cudaStream_t on, std::size_t) {
    return wl::tables::gemm_tc_run_grouped(p, on);
  };
  const auto c_bytes = std::size_t(p.rows * p.ldc) * sizeof(Out);
  WARPLADDER_TRY(cudaMemsetAsync(p.c, 0xff, c_bytes, stream_));
  WARPLADDER_TRY(launch(stream_, 0));
  check(p, offsets);
  wl::bench::workload ours(launch, one_copy, stream_);
  const std::size_t our_launches = ours.launches_lasting(batch_seconds);
  ours.use_graph(1);

  // One product of cublasLt per group, as a graph. The best of its ways if there are few sizes.
  const auto& lt = wl::tables::gemm_tc<In, Out>().front();
  const auto first = group_of(p, offsets, 0);
  const wl::device_buffer<std::byte> lent(lt.workspace_bytes(first));
  const wl::workspace_view scratch{lent.data(), lent.size()};
  const bool searched = std::set(sizes.begin(), sizes.end()).size() <= most_searches;
  std::set<std::int32_t> known;
  for (std::size_t g = 0; g < sizes.size() && searched; ++g) {
    if (sizes[g] > 0 && known.insert(sizes[g]).second)
      wl::tables::gemm_tc_search_vendor(group_of(p, offsets, g), stream_, scratch);
  }
  wl::bench::workload loop(
      [&](cudaStream_t on, std::size_t) {
        cudaError_t status = cudaSuccess;
        for (std::size_t g = 0; g < sizes.size() && status == cudaSuccess; ++g)
          status = lt.launch(group_of(p, offsets, g), on, scratch);
        return status;
      },
      one_copy, stream_);
  const std::size_t loop_launches = loop.launches_lasting(batch_seconds);
  loop.use_graph(1);

  // cuBLAS's grouped product, one call after the other, if it knows the type.
  std::optional<wl::gemm_tc::grouped_cublas<In, Out>> grouped_call;
  std::optional<wl::bench::workload> grouped;
  std::size_t grouped_launches = 0;
  if constexpr (sizeof(In) == 2) {
    grouped_call.emplace(p, offsets);
    if (grouped_call->launch(stream_) == cudaSuccess) {
      grouped.emplace([&](cudaStream_t on, std::size_t) { return grouped_call->launch(on); },
                      one_copy, stream_);
      grouped_launches = grouped->launches_lasting(batch_seconds);
    } else {
      cudaGetLastError();  // told by the missing time
    }
  }

  std::vector<double> our_seconds, loop_seconds, grouped_seconds;
  for (int round = 0; round < rounds; ++round) {
    if (grouped) grouped_seconds.push_back(grouped->seconds_per_launch(grouped_launches));
    loop_seconds.push_back(loop.seconds_per_launch(loop_launches));
    our_seconds.push_back(ours.seconds_per_launch(our_launches));
  }
  ours.enqueue(our_launches);
  const wl::bench::chip_state chip = chip_.sample();
  stream_.synchronize();

  const auto [least, most] = std::minmax_element(sizes.begin(), sizes.end());
  const auto empty = std::count(sizes.begin(), sizes.end(), 0);
  const double operations = 2.0 * double(p.rows) * double(p.n) * double(p.k);
  const double weights = double(p.groups - empty) * double(p.n) * double(p.k) * sizeof(In);
  const double seconds = wl::bench::median(our_seconds);
  ordered_json row{{"layer", l.model},
                   {"experts", l.experts},
                   {"tokens", l.tokens},
                   {"rows", p.rows},
                   {"n", p.n},
                   {"k", p.k},
                   {"routing", name_of(how)},
                   {"least_rows", *least},
                   {"most_rows", *most},
                   {"empty", empty},
                   {"us", seconds * 1e6},
                   {"tflops", operations / seconds * 1e-12},
                   {"weights_gb_per_s", weights / seconds * 1e-9},
                   {"loop_us", wl::bench::median(loop_seconds) * 1e6},
                   {"loop_searched", searched}};
  if (grouped) row["grouped_us"] = wl::bench::median(grouped_seconds) * 1e6;
  if (chip.sm_clock_mhz) row["sm_clock_mhz"] = *chip.sm_clock_mhz;
  if (chip.power_milliwatt) row["power_w"] = *chip.power_milliwatt * 1e-3;
  fmt::print(
      "{:<22} {:>7} {:>6} {:>6} {:>6} {:>7} {:>5}..{:<5} {:>10.1f} us {:>7.1f} {:>7.0f} {:>12} "
      "{:>10.1f} us{}\n",
      l.model, l.experts, p.rows, p.n, p.k, name_of(how), *least, *most, seconds * 1e6,
      row["tflops"].get<double>(), row["weights_gb_per_s"].get<double>(),
      grouped ? fmt::format("{:.1f} us", wl::bench::median(grouped_seconds) * 1e6) : "-",
      wl::bench::median(loop_seconds) * 1e6, searched ? ", best" : ", first");
  return row;
}

template <class In, class Out>
void study::layer_of(const char* type, const layer& l, ordered_json& rows) {
  wl::gemm_tc::grouped_problem<In, Out> p;
  p.rows = l.tokens * l.experts_per_token, p.n = l.n, p.k = l.k, p.groups = l.experts;
  p.lda = p.ldb = l.k, p.ldc = l.n, p.stride_b = l.n * l.k, p.trans_b = transpose::yes;
  const auto a = wl::bench::uniform_buffer<In>(p.rows * p.lda, 1, stream_);
  const auto b = wl::bench::uniform_buffer<In>(p.groups * p.stride_b, 2, stream_);
  const wl::device_buffer<Out> c(std::size_t(p.rows * p.ldc));
  p.a = a.data(), p.b = b.data(), p.c = c.data();
  for (const routing how : {routing::even, routing::random, routing::skewed}) {
    ordered_json row{{"type", type}};
    row.update(time(l, p, how));
    rows.push_back(row);
  }
}

ordered_json study::measure() {
  const auto title = [](const char* type) {
    fmt::print(
        "\n{}\n{:<22} {:>7} {:>6} {:>6} {:>6} {:>7} {:>12} {:>13} {:>7} {:>7} {:>12} {:>13}\n",
        type, "layer", "experts", "rows", "n", "k", "routing", "per expert", "run_grouped",
        "TFLOP/s", "GB/s", "cuBLAS", "cublasLt loop");
  };
  ordered_json rows = ordered_json::array();
  title("bf16; GB/s: weights that are used, once");
  for (const layer& l : quick_ ? quick_layers : layers)
    layer_of<__nv_bfloat16, __nv_bfloat16>("bf16", l, rows);
  title("e4m3 -> bf16");
  for (const layer& l : quick_ ? quick_layers : layers) {
    if (quick_ || l.experts == 256) layer_of<__nv_fp8_e4m3, __nv_bfloat16>("e4m3", l, rows);
  }
  return {{"context", wl::bench::describe_study()}, {"products", rows}};
}

}  // namespace

int main(int argc, char** argv) {
  bool quick = false;
  return wl::bench::run_study(
      argc, argv,
      "Measures the products of layers of experts: one launch for all of them, against cuBLAS's\n"
      "grouped product and a graph of one cublasLt product each. Takes about a minute.",
      [&] { return study(quick).measure(); },
      [&](CLI::App& app) { app.add_flag("--quick", quick, "Small layers, to see that it works"); });
}
