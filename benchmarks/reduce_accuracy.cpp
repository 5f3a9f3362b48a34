// SPDX-License-Identifier: Apache-2.0
//
// How exact a sum of floats is, by the ways there are to compute it; what more exactness costs; and
// whether equal inputs give equal bits.
//
// The elements are multiples of 2^-24, so their sums as integers are exact. Errors are in units of
// u sum |x|, u = 2^-24: a sum along a tree of depth d errs by at most d of them (Higham, Accuracy
// and Stability of Numerical Algorithms, 2nd ed., section 4.2).

#include <cuda_runtime_api.h>
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <functional>
#include <harness/ceilings.hpp>
#include <harness/median.hpp>
#include <harness/random.hpp>
#include <harness/workload.hpp>
#include <reduce.hpp>
#include <reduce_accuracy_kernels.hpp>
#include <reduce_types.hpp>
#include <set>
#include <stdexcept>
#include <string>
#include <study.hpp>
#include <vector>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/stream.hpp>

namespace {

namespace wl = warpladder;
using nlohmann::ordered_json;
using float_sum = wl::reduce::problem<float, wl::sum<float>>;

constexpr int smallest = 10, largest = 28;  // log2 of n
constexpr std::int64_t max_n = std::int64_t{1} << largest;
constexpr std::int64_t runs_n = std::int64_t{1} << 24;
constexpr double unit_roundoff = 0x1p-24;
constexpr int runs = 20;
constexpr int most_offset = 3;  // floats that an array is shifted by

/// A way to sum `n` floats on the device; `out` takes a float, or a double if `is_wide`.
struct method {
  std::string key, label;
  bool is_wide = false;
  std::function<std::size_t(const float* in, std::int64_t n)> workspace_bytes;
  std::function<cudaError_t(const float* in, std::int64_t n, void* out, cudaStream_t,
                            wl::workspace_view)>
      launch;
};

method from_rung(const char* key, const char* label, int step) {
  for (const auto& rung : wl::tables::reduce_rungs<float, wl::sum<float>>()) {
    if (rung.info.step != step) continue;
    return {
        key, label, false,
        [=](const float* in, std::int64_t n) { return rung.workspace_bytes({.n = n, .in = in}); },
        [=](const float* in, std::int64_t n, void* out, cudaStream_t to,
            wl::workspace_view scratch) {
          return rung.launch({.n = n, .in = in, .out = static_cast<float*>(out)}, to, scratch);
        }};
  }
  throw std::logic_error(fmt::format("there is no rung {}", step));
}

std::vector<method> all_methods() {
  std::vector<method> all;
  all.push_back(from_rung("cub", "CUB", 0));
  all.push_back(from_rung("atomics", "10 atomics", 10));
  all.push_back(
      {"front_door", "reduce::run", false,
       [](const float* in, std::int64_t n) {
         return wl::tables::reduce_workspace_bytes(float_sum{.n = n, .in = in});
       },
       [](const float* in, std::int64_t n, void* out, cudaStream_t to, wl::workspace_view scratch) {
         return wl::tables::reduce_run(float_sum{.n = n, .in = in, .out = static_cast<float*>(out)},
                                       to, scratch);
       }});
  all.push_back(
      {"compensated", "compensated_sum<float>", false, wl::bench::sum_compensated_workspace_bytes,
       [](const float* in, std::int64_t n, void* out, cudaStream_t to, wl::workspace_view scratch) {
         return wl::bench::sum_compensated(in, n, static_cast<float*>(out), to, scratch);
       }});
  all.push_back(
      {"double", "summed in double", true, wl::bench::sum_in_double_workspace_bytes,
       [](const float* in, std::int64_t n, void* out, cudaStream_t to, wl::workspace_view scratch) {
         return wl::bench::sum_in_double(in, n, static_cast<double*>(out), to, scratch);
       }});
  return all;
}

/// A method with memory for up to max_n elements.
class runner {
 public:
  explicit runner(const method& how)
      : how_(how),
        scratch_(std::max(how.workspace_bytes(aligned(), max_n),
                          how.workspace_bytes(aligned(), runs_n))) {}

  cudaError_t launch(const float* in, std::int64_t n, cudaStream_t stream) const {
    return how_.launch(in, n, out_.data(), stream, {scratch_.data(), scratch_.size()});
  }

  double sum(const float* in, std::int64_t n, wl::stream_view stream) const {
    WARPLADDER_TRY(cudaMemsetAsync(out_.data(), 0xff, out_.size_bytes(), stream));  // NaN
    WARPLADDER_TRY(launch(in, n, stream));
    double wide;
    wl::copy_async<double>({&wide, 1}, out_.view(), stream);
    stream.synchronize();
    // A float lies in the first bytes.
    return how_.is_wide
               ? wide
               : double(std::bit_cast<float>(std::uint32_t(std::bit_cast<std::uint64_t>(wide))));
  }

 private:
  static const float* aligned() { return nullptr; }

  const method& how_;
  wl::device_buffer<std::byte> scratch_;
  wl::device_buffer<double> out_{1};
};

/// The first elements of an array, summed up: exactly, their magnitudes, and in float by a loop.
struct prefix {
  std::int64_t n = 0;
  double exact = 0, magnitude = 0;
  float by_loop = 0;
};

/// For n = 2^10, 2^12, ..., 2^28; each loop goes on where the last one stopped, as adding in order
/// does. `loop_seconds`: what the loop in float took for all.
std::vector<prefix> sum_on_host(const std::vector<float>& x, double& loop_seconds) {
  std::vector<prefix> found;
  std::int64_t exact = 0, magnitude = 0, i = 0;
  float by_loop = 0;
  loop_seconds = 0;
  for (int log2_n = smallest; log2_n <= largest; log2_n += 2) {
    const std::int64_t n = std::int64_t{1} << log2_n;
    const auto begin = std::chrono::steady_clock::now();
    for (std::int64_t k = i; k < n; ++k) by_loop += x[std::size_t(k)];
    loop_seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    for (; i < n; ++i) {
      const auto scaled = std::int64_t(double(x[std::size_t(i)]) * 0x1p24);
      exact += scaled;
      magnitude += std::abs(scaled);
    }
    found.push_back({n, double(exact) * 0x1p-24, double(magnitude) * 0x1p-24, by_loop});
  }
  return found;
}

ordered_json error_row(const std::string& key, const std::string& label, const char* inputs,
                       const prefix& of, double got) {
  const double error = std::fabs(got - of.exact);
  if (!std::isfinite(got)) throw std::runtime_error(label + " gives no number");
  return {{"method", key},
          {"label", label},
          {"inputs", inputs},
          {"n", of.n},
          {"sum", of.exact},
          {"error", error},
          {"error_in_u", error / (unit_roundoff * of.magnitude)},
          {"relative_error", error / std::fabs(of.exact)}};
}

void print_errors(const ordered_json& rows, const char* inputs, const std::vector<prefix>& sums) {
  fmt::print("\nerror / sum |x|, in u = 2^-24, {}\n{:<24}", inputs, "");
  for (const prefix& of : sums)
    fmt::print(" {:>9}", fmt::format("2^{}", std::bit_width(std::uint64_t(of.n)) - 1));
  std::string last;
  for (const ordered_json& row : rows) {
    if (row["inputs"] != inputs) continue;
    if (row["method"] != last) fmt::print("\n{:<24}", row["label"].get<std::string>());
    last = row["method"];
    fmt::print(" {:>9.3g}", row["error_in_u"].get<double>());
  }
  fmt::print("\n");
}

double device_seconds(const runner& who, const float* in, wl::stream_view stream) {
  wl::bench::rotation only_copy;
  wl::bench::workload work([&](cudaStream_t on, std::size_t) { return who.launch(in, max_n, on); },
                           only_copy, stream);
  const std::size_t launches = work.launches_lasting(4e-3);
  std::vector<double> each;
  for (int batch = 0; batch < 9; ++batch) each.push_back(work.seconds_per_launch(launches));
  return wl::bench::median(each);
}

ordered_json measure() {
  const wl::stream stream;
  ordered_json context = wl::bench::describe_study();
  context["cub"] = wl::tables::cub_version();
  const auto limits = wl::bench::measure_ceilings(stream);
  context["ceiling_read_gbps"] = limits.read_bytes_per_second * 1e-9;

  const std::vector<method> methods = all_methods();
  std::vector<runner> runners;
  for (const method& how : methods) runners.emplace_back(how);
  const wl::device_buffer<float> x(max_n), shifted(runs_n + most_offset);
  std::vector<float> on_host(x.size());
  ordered_json errors = ordered_json::array(), prices = ordered_json::array(),
               reproducibility = ordered_json::array();

  for (const bool is_positive : {true, false}) {
    const char* const inputs = is_positive ? "uniform in [0, 1)" : "uniform in [-1, 1)";
    WARPLADDER_TRY(wl::bench::fill_uniform(x.data(), x.size(), 1, stream));
    if (is_positive) WARPLADDER_TRY(wl::bench::move_to_unit_interval(x.data(), max_n, stream));
    wl::copy_async<float>(on_host, x.view(), stream);
    stream.synchronize();
    double loop_seconds = 0;
    const std::vector<prefix> sums = sum_on_host(on_host, loop_seconds);
    const auto add_price = [&](const std::string& key, const std::string& label, double seconds) {
      prices.push_back({{"method", key},
                        {"label", label},
                        {"n", max_n},
                        {"us", seconds * 1e6},
                        {"gbps", double(max_n) * sizeof(float) / seconds * 1e-9}});
    };
    for (const prefix& of : sums)
      errors.push_back(error_row("cpu_loop", "loop on the CPU", inputs, of, double(of.by_loop)));
    if (!is_positive) add_price("cpu_loop", "loop on the CPU", loop_seconds);
    for (std::size_t i = 0; i < methods.size(); ++i) {
      const auto& [key, label, is_wide, bytes, launch] = methods[i];
      for (const prefix& of : sums)
        errors.push_back(error_row(key, label, inputs, of, runners[i].sum(x.data(), of.n, stream)));
      if (is_positive) continue;
      add_price(key, label, device_seconds(runners[i], x.data(), stream));

      std::set<std::uint64_t> repeated, moved;
      for (int run = 0; run < runs; ++run)
        repeated.insert(std::bit_cast<std::uint64_t>(runners[i].sum(x.data(), runs_n, stream)));
      for (int offset = 0; offset <= most_offset; ++offset) {
        wl::copy_async<float>(shifted.view().subspan(std::size_t(offset), runs_n),
                              x.view().first(runs_n), stream);
        moved.insert(
            std::bit_cast<std::uint64_t>(runners[i].sum(shifted.data() + offset, runs_n, stream)));
      }
      reproducibility.push_back({{"method", key},
                                 {"label", label},
                                 {"n", runs_n},
                                 {"runs", runs},
                                 {"distinct_results", repeated.size()},
                                 {"alignments", most_offset + 1},
                                 {"distinct_results_by_alignment", moved.size()}});
    }
    print_errors(errors, inputs, sums);
  }

  fmt::print("\n2^{} floats{:<14} {:>12} {:>12}\n", largest, "", "time", "rate");
  for (const ordered_json& row : prices)
    fmt::print("{:<24} {:>9.0f} us {:>7.0f} GB/s\n", row["label"].get<std::string>(),
               row["us"].get<double>(), row["gbps"].get<double>());
  fmt::print("\ndifferent results of 2^24 floats\n{:<24} {:>12} {:>14}\n", "",
             fmt::format("in {} runs", runs), fmt::format("{} alignments", most_offset + 1));
  for (const ordered_json& row : reproducibility)
    fmt::print("{:<24} {:>12} {:>14}\n", row["label"].get<std::string>(),
               row["distinct_results"].get<int>(), row["distinct_results_by_alignment"].get<int>());
  return {{"context", context},
          {"errors", errors},
          {"prices", prices},
          {"reproducibility", reproducibility}};
}

}  // namespace

int main(int argc, char** argv) {
  return wl::bench::run_study(
      argc, argv,
      "Measures how exact a sum of floats is, by a loop, by CUB, by atomics and by reduce::run "
      "with\n"
      "three operations; what each costs; and whether equal inputs give equal bits.\n"
      "Takes some seconds.",
      measure);
}
