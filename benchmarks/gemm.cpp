// SPDX-License-Identifier: Apache-2.0
//
// Times every rung of the GEMM ladder, and the front door, against cuBLAS.

#include <benchmark/benchmark.h>
#include <cublas_v2.h>
#include <fmt/format.h>

#include <cstdio>
#include <gemm.hpp>
#include <gemm_shape.hpp>
#include <harness/harness.hpp>
#include <harness/random.hpp>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/device.hpp>
#include <warpladder/core/math.hpp>

namespace {

namespace wl = warpladder;
using wl::bench::bench_case, wl::bench::ceilings, wl::bench::contest, wl::bench::gemm_shape;
using wl::bench::mode, wl::bench::options;
using problem = wl::gemm::problem<float>;

/// Whoever can compute the product: a rung or the front door.
struct competitor {
  std::string name;
  std::function<std::size_t(const problem&)> workspace_bytes;
  std::function<cudaError_t(const problem&, cudaStream_t, wl::workspace_view)> launch;
  std::function<std::string(const problem&, wl::workspace_view)> choice;
};

competitor from_rung(const wl::rung_entry<problem>& rung) {
  return {fmt::format("{:02}_{}", rung.info.step, rung.info.name), rung.workspace_bytes,
          rung.launch, nullptr};
}

competitor front_door() {
  return {"run", wl::tables::gemm_workspace_bytes<float>, wl::tables::gemm_run<float>,
          wl::tables::gemm_choice<float>};
}

problem packed(const gemm_shape& shape) {
  problem p;
  p.m = shape.m, p.n = shape.n, p.k = shape.k, p.batch = shape.batch;
  p.lda = shape.k, p.ldb = shape.n, p.ldc = shape.n;
  p.stride_a = shape.m * shape.k, p.stride_b = shape.k * shape.n, p.stride_c = shape.m * shape.n;
  return p;
}

/// A, B and C of one shape, in as many copies as asked, each matrix aligned to 256 bytes. Random
/// inputs in [-1, 1), alpha = 1, beta = 0.
class operands {
 public:
  operands(const gemm_shape& shape, std::size_t copies, wl::stream_view stream) {
    problem p = packed(shape);
    const auto floats = [&](std::int64_t stride) {
      return wl::round_up<std::size_t>(std::size_t(stride) * std::size_t(p.batch), 64);
    };
    const std::size_t a = floats(p.stride_a), b = floats(p.stride_b), c = floats(p.stride_c);
    memory_ = wl::device_buffer<float>(copies * (a + b + c));
    WARPLADDER_TRY(wl::bench::fill_uniform(memory_.data(), memory_.size(), 2, stream));
    for (std::size_t i = 0; i < copies; ++i) {
      float* const base = memory_.data() + i * (a + b + c);
      p.a = base, p.b = base + a, p.c = base + a + b;
      problems_.push_back(p);
    }
  }

  const problem& operator[](std::size_t copy) const { return problems_[copy]; }

 private:
  wl::device_buffer<float> memory_;
  std::vector<problem> problems_;
};

/// Runs the competitor once into a C full of NaN and compares every element with float64.
void check(const competitor& who, const problem& p, wl::workspace_view scratch,
           wl::stream_view stream) {
  if (const auto reason = wl::gemm::explain_invalid(p); !reason.empty())
    throw std::invalid_argument(std::string(reason));
  const std::size_t c_bytes = std::size_t(p.stride_c * p.batch) * sizeof(float);
  WARPLADDER_TRY(cudaMemsetAsync(p.c, 0xff, c_bytes, stream));
  WARPLADDER_TRY(who.launch(p, stream, scratch));

  const wl::device_buffer<wl::gemm::verification> on_device(1);
  WARPLADDER_TRY(wl::tables::gemm_verify<float>(p, nullptr, on_device.data(), stream));
  wl::gemm::verification found;
  wl::copy_async<wl::gemm::verification>({&found, 1}, on_device.view(), stream);
  stream.synchronize();
  if (found.wrong != 0 || found.checked != static_cast<unsigned long long>(p.m * p.n * p.batch)) {
    throw std::runtime_error(fmt::format(
        "{} is wrong in {} of {} elements ({} checked), for example C[{}][{}] of product {}: got "
        "{:.9g}, expected {:.9g}, allowed error {:.3g}",
        who.name, found.wrong, p.m * p.n * p.batch, found.checked, found.row, found.col,
        found.batch, found.got, found.expected, found.bound));
  }
}

class gemm_topic {
 public:
  gemm_topic() {
    for (const auto& rung : wl::tables::gemm<float>()) {
      if (rung.info.step == 0) vendor_ = from_rung(rung);
    }
  }

  std::vector<bench_case> cases(const options& wanted, const ceilings& limits) {
    WARPLADDER_TRY(wl::query_device(device_));
    std::vector<bench_case> list;
    const auto add = [&](const competitor& who, const gemm_shape& shape) {
      for (const mode how : {mode::stream, mode::graph, mode::cold}) {
        if (!wanted.wants_mode(how) || !suits(how, shape, limits)) continue;
        constexpr const char* suffix[] = {"", "/graph", "/cold"};
        list.push_back(
            {fmt::format("gemm/f32/{}/{}{}", who.name, shape.name(), suffix[int(how)]), how,
             [=, this](wl::stream_view stream) { return prepare(who, shape, how, stream); }});
      }
    };

    std::vector<gemm_shape> rung_shapes, door_shapes;
    for (const std::string& size : wanted.sizes)
      rung_shapes.push_back(wl::bench::parse_gemm_shape(size));
    door_shapes = rung_shapes;
    if (wanted.sizes.empty()) {
      rung_shapes = suite_for_rungs(wanted.is_full());
      door_shapes = suite_for_front_door(wanted.is_full());
    }

    for (const gemm_shape& shape : rung_shapes) {
      for (const auto& rung : wl::tables::gemm<float>()) {
        const competitor who = from_rung(rung);
        if (wanted.wants_rung(who.name) && can_run(rung, who.name, shape) &&
            is_worth_the_time(rung, shape, wanted))
          add(who, shape);
      }
    }
    if (wanted.wants_rung("run")) {
      for (const gemm_shape& shape : door_shapes) add(front_door(), shape);
    }
    for (const auto& [what, shapes] : skipped_)
      fmt::print(stderr, "skipped: {} at {}\n", what, shapes);
    return list;
  }

 private:
  static std::vector<gemm_shape> parse_all(const std::string& sizes) {
    std::vector<gemm_shape> shapes;
    std::istringstream rest(sizes);
    for (std::string size; rest >> size;) shapes.push_back(wl::bench::parse_gemm_shape(size));
    return shapes;
  }

  static std::vector<gemm_shape> suite_for_rungs(bool full) {
    return parse_all(full ? "256 1024 2048 4096 8192" : "1024 4096");
  }

  /// Powers of two and between, skinny, ragged, and batches.
  static std::vector<gemm_shape> suite_for_front_door(bool full) {
    if (!full)
      return parse_all("32 128 256 512 1024 2048 4096 1000x1000x1000 16x4096x4096 64x64x16384");
    return parse_all(
        "16 32 64 96 128 192 256 384 512 768 1024 2048 4096 8192 "
        "1x4096x4096 16x4096x4096 4096x16x4096 4096x4096x16 64x64x16384 256x256x8192 "
        "1000x1000x1000 1023x1025x1027 129x65x4099 333x777x1111 2047x2049x2050 "
        "8192x128x1024 128x8192x512 5000x300x700 "
        "32x32x32xb1000 64x64x64xb256 128x128x64xb64");
  }

  /// Graph replay is for kernels below about 20 us; a kernel rarely reaches more than half of the
  /// ceiling at such sizes. Cold differs from warm only where the operands fit into L2.
  bool suits(mode how, const gemm_shape& shape, const ceilings& limits) const {
    const double bytes = shape.bytes(sizeof(float));
    const double at_the_ceiling =
        std::max(shape.flops() / limits.fma_flops_per_second, bytes / limits.copy_bytes_per_second);
    if (how == mode::graph) return 2 * at_the_ceiling < 20e-6;
    return how == mode::stream || bytes < device_.l2_bytes;
  }

  bool can_run(const wl::rung_entry<problem>& rung, const std::string& name,
               const gemm_shape& shape) {
    std::string why_not(rung.supports(packed(shape)).why_not);
    if (rung.info.min_compute_capability > device_.compute_capability) {
      why_not =
          fmt::format("needs compute capability {}.{}, this GPU has {}.{}",
                      rung.info.min_compute_capability / 10, rung.info.min_compute_capability % 10,
                      device_.compute_capability / 10, device_.compute_capability % 10);
    }
    if (why_not.empty()) return true;
    std::string& shapes = skipped_[fmt::format("{} ({})", name, why_not)];
    shapes.append(shapes.empty() ? "" : ", ").append(shape.name());
    return false;
  }

  /// The lowest rungs take a second for what the highest do in a hundredth.
  static bool is_worth_the_time(const wl::rung_entry<problem>& rung, const gemm_shape& shape,
                                const options& wanted) {
    if (wanted.slow || !wanted.sizes.empty() || rung.info.step == 0) return true;
    return wanted.is_full() ? rung.info.step > 3 || shape.m <= 4096
                            : rung.info.step > 2 || shape.m <= 1024;
  }

  contest prepare(const competitor& who, const gemm_shape& shape, mode how,
                  wl::stream_view stream) {
    const std::size_t copies =
        how == mode::cold
            ? wl::bench::copies_for_cold_cache(std::size_t(shape.bytes(sizeof(float))))
            : 1;
    const auto on = std::make_shared<operands>(shape, copies, stream);
    contest match{.copies = copies, .flops = shape.flops(), .bytes = shape.bytes(sizeof(float))};
    const auto ready = [&](const competitor& one) -> wl::bench::launcher {
      const auto memory =
          std::make_shared<wl::device_buffer<std::byte>>(one.workspace_bytes((*on)[0]));
      const wl::workspace_view scratch{memory->data(), memory->size()};
      if (!checked_.contains({one.name, shape.name()})) {
        check(one, (*on)[0], scratch, stream);
        checked_.insert({one.name, shape.name()});
      }
      if (one.choice) match.label = one.choice((*on)[0], scratch);
      return [on, memory, scratch, launch = one.launch](cudaStream_t to, std::size_t copy) {
        return launch((*on)[copy], to, scratch);
      };
    };
    match.vendor = ready(vendor_);
    match.rung = ready(who);
    return match;
  }

  competitor vendor_;
  wl::device_facts device_;
  std::set<std::pair<std::string, std::string>> checked_;  // competitor, shape
  std::map<std::string, std::string> skipped_;             // who and why -> shapes
};

void describe_vendor() {
  int major = 0, minor = 0, patch = 0;
  cublasGetProperty(MAJOR_VERSION, &major);
  cublasGetProperty(MINOR_VERSION, &minor);
  cublasGetProperty(PATCH_LEVEL, &patch);
  benchmark::AddCustomContext("cublas", fmt::format("{}.{}.{}", major, minor, patch));
  benchmark::AddCustomContext(
      "counting_rule", "flops: 2 m n k batch; bytes: A and B read once, C written once; beta = 0");
}

}  // namespace

int main(int argc, char** argv) {
  gemm_topic gemm;
  return wl::bench::run(
      argc, argv,
      {.cases = [&](const options& wanted,
                    const ceilings& limits) { return gemm.cases(wanted, limits); },
       .describe = describe_vendor,
       .help = {.sizes = "N, MxNxK or MxNxKxbBATCH",
                .front_doors = "`run` is the front door",
                .examples = R"(  gemm_bench                                    the quick suite
  gemm_bench --sizes=2048,1000x300x77           every rung on shapes of your own
  gemm_bench --rungs=warp,run --sizes=4096 --pairs=31
  gemm_bench --benchmark_filter='/run/.*/graph$'  cases by name, as in any Google Benchmark program
  gemm_bench --suite=full --benchmark_out=results.json
)",
                .vendor = "cuBLAS",
                .judge = "float64"}});
}
