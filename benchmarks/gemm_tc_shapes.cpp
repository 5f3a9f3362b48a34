// SPDX-License-Identifier: Apache-2.0
//
// What the shape of a product does to its speed on tensor cores, for the vendor's best algorithm
// and for our front door. Answers B4 in docs/faq.md.
//
//   widths   n around 4096: rows of B and C that do not begin on 16 bytes; and the same n with rows
//            padded to whole 16 bytes
//   depths   k around 4096 (rows of A likewise), and k from 64 on: what a tile costs besides its
//            sum
//   waves    m from 128 to 4096: how full the last wave of tiles is
//   tokens   m from 1 to 8192 with n = k = 4096: a layer of weights, not in L2, few tokens to many
//   types    one product in every type, both operands contiguous along k, with clock and power
//   sm_80    rung 04, which knows compute capability 8.0 alone, and the vendor's kernels for it
//
// Everything is bf16 but for the types, and replayed by graphs, but for sm_80, whose launches take
// long enough: no host in the times. The vendor and we take turns.

#include <cuda_runtime_api.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <gemm_tc.hpp>
#include <gemm_tc_sm_80.hpp>
#include <harness/harness.hpp>
#include <harness/median.hpp>
#include <harness/nvml.hpp>
#include <harness/random.hpp>
#include <harness/workload.hpp>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <study.hpp>
#include <vector>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/device.hpp>
#include <warpladder/core/event.hpp>
#include <warpladder/core/math.hpp>
#include <warpladder/core/stream.hpp>

namespace {

namespace wl = warpladder;
using nlohmann::ordered_json;
using wl::gemm_tc::transpose;

constexpr int rounds = 9;
constexpr double batch_seconds = 2e-3, busy_seconds = 0.5, quick_busy_seconds = 0.02;
constexpr std::size_t most_per_graph = 128;
constexpr std::int64_t side = 4096;

struct shape {
  std::int64_t m = side, n = side, k = side;
  std::int64_t row_elements = 1;  // rows are padded to a multiple of this
  bool trans_b = false;
  bool cold = false;  // every launch finds B in DRAM, as a layer finds its weights
};

/// The rung behind the front door, if it can do this here and now.
template <class Problem>
const wl::rung_entry<Problem>* our_choice(std::span<const wl::rung_entry<Problem>> ladder,
                                          const Problem& p, int compute_capability) {
  const auto found = std::find_if(ladder.begin(), ladder.end(),
                                  [](const auto& rung) { return rung.info.name == "tuned"; });
  return found != ladder.end() && compute_capability >= found->info.min_compute_capability &&
                 found->supports(p)
             ? &*found
             : nullptr;
}

class study {
 public:
  explicit study(bool quick) : quick_(quick) { WARPLADDER_TRY(wl::query_device(device_)); }

  ordered_json measure();

 private:
  template <class In, class Out>
  ordered_json time(const shape& s, bool sustained = false);
  template <class In, class Out>
  void check(const wl::gemm_tc::problem<In, Out>& p);
  void load(wl::bench::workload& work, double seconds, double operations, ordered_json& row);

  const bool quick_;
  const wl::stream stream_;
  const wl::bench::nvml chip_;
  wl::device_facts device_;
};

/// Throws unless some rows of C, which were NaN before, are within the bound of the arithmetic.
template <class In, class Out>
void study::check(const wl::gemm_tc::problem<In, Out>& p) {
  const wl::device_buffer<wl::gemm_tc::verification> on_device(1);
  const int every = int(p.m / 16) | 1;  // odd: another row of each tile
  const cudaError_t judged = wl::tables::gemm_tc_verify<In, Out>(
      p, nullptr, on_device.data(), stream_, wl::gemm_tc::sums::rounded, every);
  WARPLADDER_TRY(judged);
  wl::gemm_tc::verification found;
  wl::copy_async<wl::gemm_tc::verification>({&found, 1}, on_device.view(), stream_);
  stream_.synchronize();
  if (found.wrong != 0 || found.checked == 0)
    throw std::runtime_error(fmt::format("{} x {} x {}: {} of {} elements are wrong", p.m, p.n, p.k,
                                         found.wrong, found.checked));
}

/// Keeps the chip busy; tells the rate over the second half, and clock and power then.
void study::load(wl::bench::workload& work, double seconds, double operations, ordered_json& row) {
  const wl::event half(wl::event::timing::on), end(wl::event::timing::on);
  const auto launches = std::size_t((quick_ ? quick_busy_seconds : busy_seconds) / 2 / seconds) + 1;
  work.enqueue(launches);
  stream_.record(half);
  const std::size_t counted = work.enqueue(launches);
  stream_.record(end);
  half.synchronize();
  const wl::bench::chip_state chip = chip_.sample();
  end.synchronize();
  row["sustained_tflops"] =
      operations * double(counted) / (wl::elapsed_ms(half, end) * 1e-3) * 1e-12;
  if (chip.sm_clock_mhz) row["sm_clock_mhz"] = *chip.sm_clock_mhz;
  if (chip.power_milliwatt) row["power_w"] = *chip.power_milliwatt * 1e-3;
}

/// One product, by the vendor and by us if the front door can do it; `sustained`: under load, too.
template <class In, class Out>
ordered_json study::time(const shape& s, bool sustained) {
  const auto padded = [&](std::int64_t length) { return wl::round_up(length, s.row_elements); };
  wl::gemm_tc::problem<In, Out> p;
  p.m = s.m, p.n = s.n, p.k = s.k;
  p.lda = padded(s.k), p.ldb = padded(s.trans_b ? s.k : s.n), p.ldc = padded(s.n);
  if (s.trans_b) p.trans_b = transpose::yes;
  const auto a = wl::bench::uniform_buffer<In>(s.m * p.lda, 1, stream_);
  const std::int64_t size_of_b = (s.trans_b ? s.n : s.k) * p.ldb;
  wl::bench::rotation copies;
  if (s.cold) copies.copies = wl::bench::copies_for_cold_cache(std::size_t(size_of_b) * sizeof(In));
  const auto b = wl::bench::uniform_buffer<In>(size_of_b * std::int64_t(copies.copies), 2, stream_);
  const wl::device_buffer<Out> c(std::size_t(s.m * p.ldc));
  p.a = a.data(), p.b = b.data(), p.c = c.data();

  const auto ladder = wl::tables::gemm_tc<In, Out>();
  const auto& vendor = ladder.front();
  if (const auto can = vendor.supports(p); !can)
    throw std::runtime_error("the vendor: " + std::string(can.why_not));
  const wl::device_buffer<std::byte> lent(vendor.workspace_bytes(p));
  const wl::workspace_view scratch{lent.data(), lent.size()};
  const auto best = wl::tables::gemm_tc_search_vendor(p, stream_, scratch);

  const auto with_copy = [&](std::size_t copy) {
    auto other = p;
    other.b += std::int64_t(copy) * size_of_b;
    return other;
  };
  const auto prepare = [](wl::bench::workload& work) {
    const std::size_t launches = work.launches_lasting(batch_seconds);
    work.use_graph(std::min(launches, most_per_graph));
    return launches;
  };
  wl::bench::workload theirs(
      [&](cudaStream_t on, std::size_t copy) {
        return vendor.launch(with_copy(copy), on, scratch);
      },
      copies, stream_);
  const std::size_t their_launches = prepare(theirs);

  const auto* const rung = our_choice(ladder, p, device_.compute_capability);
  const wl::device_buffer<std::byte> own(rung != nullptr ? rung->workspace_bytes(p) : 0);
  std::optional<wl::bench::workload> ours;
  std::size_t our_launches = 0;
  if (rung != nullptr) {
    const auto launch = [&, rung](cudaStream_t on, std::size_t copy) {
      return rung->launch(with_copy(copy), on, {own.data(), own.size()});
    };
    WARPLADDER_TRY(cudaMemsetAsync(c.data(), 0xff, c.size_bytes(), stream_));
    WARPLADDER_TRY(launch(stream_, 0));
    check(p);
    ours.emplace(launch, copies, stream_);
    our_launches = prepare(*ours);
  }

  std::vector<double> their_seconds, our_seconds;
  for (int round = 0; round < rounds; ++round) {
    their_seconds.push_back(theirs.seconds_per_launch(their_launches));
    if (ours) our_seconds.push_back(ours->seconds_per_launch(our_launches));
  }
  const double operations = 2.0 * double(s.m) * double(s.n) * double(s.k);
  ordered_json row{{"m", s.m},
                   {"n", s.n},
                   {"k", s.k},
                   {"padded_to", s.row_elements},
                   {"vendor_us", wl::bench::median(their_seconds) * 1e6},
                   {"vendor_tflops", operations / wl::bench::median(their_seconds) * 1e-12},
                   {"vendor_algorithm", best.winner}};
  if (best.first_seconds > 0) {  // both of the search, so that they compare
    row["search"] = {{"candidates", best.candidates},
                     {"first_us", best.first_seconds * 1e6},
                     {"best_us", best.best_seconds * 1e6}};
  }
  if (ours) {
    row["us"] = wl::bench::median(our_seconds) * 1e6;
    row["tflops"] = operations / wl::bench::median(our_seconds) * 1e-12;
  }
  if (sustained)
    load(ours ? *ours : theirs, wl::bench::median(ours ? our_seconds : their_seconds), operations,
         row);
  fmt::print("{:>6} {:>6} {:>6} {:>6} {:>12.2f} us {:>8.1f} {:>12} {:>8}  {}\n", s.m, s.n, s.k,
             s.row_elements, row["vendor_us"].get<double>(), row["vendor_tflops"].get<double>(),
             ours ? fmt::format("{:.2f} us", row["us"].get<double>()) : "-",
             ours ? fmt::format("{:.1f}", row["tflops"].get<double>()) : "-", best.winner);
  return row;
}

ordered_json study::measure() {
  const auto bf16 = [&](const shape& s) { return time<__nv_bfloat16, __nv_bfloat16>(s); };
  const auto title = [](const char* what) {
    fmt::print("\n{}\n{:>6} {:>6} {:>6} {:>6} {:>15} {:>8} {:>12} {:>8}\n", what, "m", "n", "k",
               "padded", "vendor", "TFLOP/s", "ours", "TFLOP/s");
  };
  const std::vector<int> offsets =
      quick_ ? std::vector{-4, -1, 0, 8}
             : std::vector{-64, -32, -16, -8, -4, -2, -1, 0, 1, 2, 4, 8, 16, 32, 64};
  const std::vector<int> to_pad = quick_ ? std::vector{1} : std::vector{-4, -2, -1, 1, 2, 4};

  title("widths: n around 4096; rows of B and C as long as n, or padded to 16 bytes");
  ordered_json widths = ordered_json::array();
  for (const int offset : offsets) widths.push_back(bf16({.n = side + offset}));
  for (const int offset : to_pad) widths.push_back(bf16({.n = side + offset, .row_elements = 8}));

  title("depths: k around 4096, rows of A likewise, and k from 64 on");
  ordered_json depths = ordered_json::array();
  for (const int offset : offsets) depths.push_back(bf16({.k = side + offset}));
  for (const int offset : to_pad) depths.push_back(bf16({.k = side + offset, .row_elements = 8}));
  for (const int k : {64, 128, 256, 512, 1024, 2048, 8192}) depths.push_back(bf16({.k = k}));

  title("waves: m");
  ordered_json waves = ordered_json::array();
  for (std::int64_t m = 128; m <= side; m += quick_ ? 1024 : 64) waves.push_back(bf16({.m = m}));

  title("tokens: m; weights as a layer stores them, not in L2");
  ordered_json tokens = ordered_json::array();
  for (std::int64_t m = 1; m <= 8192; m *= quick_ ? 16 : 2)
    tokens.push_back(bf16({.m = m, .trans_b = true, .cold = true}));

  title("types: both operands contiguous along k");
  ordered_json types = ordered_json::array();
  const auto of_type = [&](const char* name, auto input, auto output) {
    for (std::int64_t n = side; n <= (quick_ ? side : 2 * side); n *= 2) {
      ordered_json row{{"type", name}};
      row.update(
          time<decltype(input), decltype(output)>({.m = n, .n = n, .k = n, .trans_b = true}, true));
      types.push_back(row);
    }
  };
  of_type("tf32", float{}, float{});
  of_type("bf16", __nv_bfloat16{}, __nv_bfloat16{});
  of_type("half", __half{}, __half{});
  if (device_.compute_capability >= 89) of_type("e4m3", __nv_fp8_e4m3{}, __nv_bfloat16{});
  of_type("int8", std::int8_t{}, std::int32_t{});

  fmt::print("\nsm_80: kernels for compute capability 8.0, in turns\n");
  ordered_json sm_80 = ordered_json::array();
  const bool has_sm_80 = device_.compute_capability >= 80;
  for (std::int64_t n = side; has_sm_80 && n <= (quick_ ? side : 2 * side); n *= 2) {
    for (const bool trans_b : {false, true}) {
      const auto race = wl::bench::race_sm_80(n, trans_b, stream_);
      if (race.vendor_kernels == 0) continue;
      sm_80.push_back({{"n", n},
                       {"layout", trans_b ? "nt" : "nn"},
                       {"vendor_us", race.vendor_seconds * 1e6},
                       {"us", race.seconds * 1e6},
                       {"vendor_kernel", race.vendor_kernel},
                       {"vendor_kernels", race.vendor_kernels}});
      fmt::print("{:>6} {} {:>12.2f} us {:>12.2f} us  {} of {}\n", n, trans_b ? "nt" : "nn",
                 race.vendor_seconds * 1e6, race.seconds * 1e6, race.vendor_kernel,
                 race.vendor_kernels);
    }
  }

  return {{"context", wl::bench::describe_study()},
          {"sm_80", sm_80},
          {"widths", widths},
          {"depths", depths},
          {"waves", waves},
          {"tokens", tokens},
          {"types", types}};
}

}  // namespace

int main(int argc, char** argv) {
  bool quick = false;
  return wl::bench::run_study(
      argc, argv,
      "Measures what the shape, the alignment and the type of a product do to its speed on tensor\n"
      "cores: the best that the vendor has, and the front door. Takes about a minute.",
      [&] { return study(quick).measure(); },
      [&](CLI::App& app) { app.add_flag("--quick", quick, "Fewer shapes, to see that it works"); });
}
