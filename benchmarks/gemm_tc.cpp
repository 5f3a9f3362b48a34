// SPDX-License-Identifier: Apache-2.0
//
// Times every rung of the tensor core GEMMs, and the front door, against the vendor's best: all
// algorithms of cublasLt, and cublasGemmEx, are tried for each problem before it is measured.

#include <benchmark/benchmark.h>
#include <cublas_v2.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <gemm_tc.hpp>
#include <gemm_tc_ceiling.hpp>
#include <gemm_tc_shape.hpp>
#include <gemm_tc_shapes.hpp>
#include <harness/harness.hpp>
#include <harness/random.hpp>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/device.hpp>
#include <warpladder/core/math.hpp>

namespace {

namespace wl = warpladder;
using wl::bench::bench_case, wl::bench::ceilings, wl::bench::contest, wl::bench::gemm_tc_shape;
using wl::bench::mode, wl::bench::options;

/// Whoever can compute the product: a rung or the front door.
template <class Problem>
struct competitor {
  std::string name;
  std::function<std::size_t(const Problem&)> workspace_bytes;
  std::function<cudaError_t(const Problem&, cudaStream_t, wl::workspace_view)> launch;
  bool rounds_once = true;  ///< false: partial sums of splits along k may be rounded to the output
  std::function<std::string(const Problem&, wl::workspace_view)> choice = {};
};

template <class Problem>
competitor<Problem> from_rung(const wl::rung_entry<Problem>& rung) {
  return {fmt::format("{:02}_{}", rung.info.step, rung.info.name), rung.workspace_bytes,
          rung.launch, rung.info.step != 0};
}

/// A and B read once, C written once: what any algorithm must move at beta = 0.
template <class Problem>
double bytes_of(const gemm_tc_shape& shape) {
  const double m = double(shape.m), n = double(shape.n), k = double(shape.k);
  return double(shape.batch) * ((m * k + k * n) * sizeof(typename Problem::input) +
                                m * n * sizeof(typename Problem::output));
}

/// A, B and C of one shape, in as many copies as asked, each matrix aligned to 256 bytes.
template <class Problem>
class operands {
  using input = typename Problem::input;
  using output = typename Problem::output;

 public:
  operands(const gemm_tc_shape& shape, std::size_t copies) {
    Problem p = wl::bench::packed_gemm_tc<Problem>(shape);
    const auto lines = [&](std::int64_t stride, std::size_t bytes) {
      return wl::round_up<std::size_t>(std::size_t(stride * p.batch) * bytes, 256);
    };
    const std::size_t a = lines(p.stride_a, sizeof(input)), b = lines(p.stride_b, sizeof(input)),
                      c = lines(p.stride_c, sizeof(output));
    inputs_ = wl::device_buffer<input>(copies * (a + b) / sizeof(input));
    outputs_ = wl::device_buffer<output>(copies * c / sizeof(output));
    for (std::size_t i = 0; i < copies; ++i) {
      p.a = inputs_.data() + i * (a + b) / sizeof(input);
      p.b = p.a + a / sizeof(input);
      p.c = outputs_.data() + i * c / sizeof(output);
      problems_.push_back(p);
    }
  }

  const Problem& operator[](std::size_t copy) const { return problems_[copy]; }

  /// What is timed: numbers uniform in [-1, 1), or from -127 to 127 for int8.
  void fill(wl::stream_view stream) {
    WARPLADDER_TRY(wl::bench::fill_uniform(inputs_.data(), inputs_.size(), 2, stream));
  }

  /// Lets the competitor run on inputs of which nothing may be rounded and on what is timed, into a
  /// C of NaNs, and compares it with float64: whole if that takes no longer than a glance, else
  /// every 61st row, which meets every tile.
  void check(const competitor<Problem>& who, wl::workspace_view scratch, wl::stream_view stream) {
    if (const auto reason = wl::gemm_tc::explain_invalid(problems_[0]); !reason.empty())
      throw std::invalid_argument(std::string(reason));
    if (who.rounds_once) {
      WARPLADDER_TRY(wl::bench::fill_digits(inputs_.data(), inputs_.size(), 2, stream));
      expect_right(who, scratch, wl::gemm_tc::sums::exact, stream);
    }
    fill(stream);
    expect_right(who, scratch, wl::gemm_tc::sums::rounded, stream);
  }

 private:
  void expect_right(const competitor<Problem>& who, wl::workspace_view scratch,
                    wl::gemm_tc::sums kind, wl::stream_view stream) const {
    const Problem& p = problems_[0];
    const double products = double(p.m) * double(p.n) * double(p.k) * double(p.batch);
    const int row_step = products <= 1e10 ? 1 : 61;
    WARPLADDER_TRY(cudaMemsetAsync(outputs_.data(), 0xff, outputs_.size_bytes(), stream));
    WARPLADDER_TRY(who.launch(p, stream, scratch));
    const wl::device_buffer<wl::gemm_tc::verification> on_device(1);
    WARPLADDER_TRY(wl::tables::gemm_tc_verify(p, static_cast<const output*>(nullptr),
                                              on_device.data(), stream, kind, row_step));
    wl::gemm_tc::verification found;
    wl::copy_async<wl::gemm_tc::verification>({&found, 1}, on_device.view(), stream);
    stream.synchronize();
    const auto elements =
        static_cast<unsigned long long>(wl::ceil_div<std::int64_t>(p.m, row_step) * p.n * p.batch);
    if (found.wrong != 0 || found.checked != elements) {
      throw std::runtime_error(fmt::format(
          "{} is wrong in {} of {} elements for {}, for example C[{}][{}] of product {}: got "
          "{:.9g}, expected {:.9g}, allowed error {:.3g}",
          who.name, found.wrong, elements,
          kind == wl::gemm_tc::sums::exact ? "small whole numbers" : "random numbers", found.row,
          found.col, found.batch, found.got, found.expected, found.bound));
    }
  }

  wl::device_buffer<input> inputs_;
  wl::device_buffer<output> outputs_;
  std::vector<Problem> problems_;
};

/// The vendor's best for one problem. e5m2 by e5m2 it cannot do; e4m3 on the same bits takes as
/// long.
template <class Problem>
class vendor {
  using input = typename Problem::input;
  using output = typename Problem::output;
  static constexpr bool stands_in = std::is_same_v<input, __nv_fp8_e5m2>;
  using known_input = std::conditional_t<stands_in, __nv_fp8_e4m3, input>;

 public:
  using known_problem = wl::gemm_tc::problem<known_input, output>;

  static known_problem known(const Problem& p) {
    if constexpr (stands_in) {
      known_problem q;
      q.m = p.m, q.n = p.n, q.k = p.k, q.batch = p.batch;
      q.a = reinterpret_cast<const known_input*>(p.a), q.lda = p.lda, q.stride_a = p.stride_a;
      q.b = reinterpret_cast<const known_input*>(p.b), q.ldb = p.ldb, q.stride_b = p.stride_b;
      q.c = p.c, q.ldc = p.ldc, q.stride_c = p.stride_c;
      q.trans_a = p.trans_a, q.trans_b = p.trans_b;
      return q;
    } else {
      return p;
    }
  }

  /// "", or why there is no vendor to compare with.
  static std::string why_not(const Problem& p) {
    return std::string(rung().supports(known(p)).why_not);
  }

  static std::size_t workspace_bytes(const Problem& p) { return rung().workspace_bytes(known(p)); }

  static cudaError_t launch(const Problem& p, cudaStream_t stream, wl::workspace_view scratch) {
    return rung().launch(known(p), stream, scratch);
  }

  static cudaError_t launch_first(const Problem& p, cudaStream_t stream,
                                  wl::workspace_view scratch) {
    return wl::tables::gemm_tc_vendor_first(known(p), stream, scratch);
  }

  /// Finds the best; says which it is.
  static std::string search(const Problem& p, wl::stream_view stream, wl::workspace_view scratch) {
    const auto found = wl::tables::gemm_tc_search_vendor(known(p), stream, scratch);
    if (found.winner.empty()) throw std::runtime_error("no algorithm of the vendor can run");
    return fmt::format("{}{}, {:.3f} of the first's time", stands_in ? "e4m3 instead: " : "",
                       found.winner,
                       found.first_seconds > 0 ? found.best_seconds / found.first_seconds : 1.0);
  }

 private:
  static const wl::rung_entry<known_problem>& rung() {
    return wl::tables::gemm_tc<known_input, output>().front();
  }
};

/// Which cases of a type the suites have beside the ladder at cubes.
struct plan {
  std::string_view type;
  bool transformers = false, decode = false, small = false;
};

class gemm_tc_topic {
 public:
  std::vector<bench_case> cases(const options& wanted, const ceilings& limits) {
    WARPLADDER_TRY(wl::query_device(device_));
    wanted_ = wanted, limits_ = limits;
    add_type<__nv_bfloat16, __nv_bfloat16>(
        {.type = "bf16", .transformers = true, .decode = true, .small = true});
    add_type<__half, __half>({.type = "f16", .transformers = true, .decode = true, .small = true});
    add_type<float, float>({.type = "tf32", .small = true});
    add_type<__nv_fp8_e4m3, __nv_bfloat16>(
        {.type = "e4m3", .transformers = true, .decode = true, .small = true});
    add_type<__nv_fp8_e5m2, __nv_bfloat16>({.type = "e5m2"});
    add_type<std::int8_t, std::int32_t>({.type = "i8", .decode = true, .small = true});
    add_type<__nv_bfloat16, float>({.type = "bf16_f32"});
    add_type<__nv_fp8_e4m3, float>({.type = "e4m3_f32"});
    for (const auto& [what, shapes] : skipped_)
      fmt::print(stderr, "skipped: {} at {}\n", what, shapes);
    return std::move(cases_);
  }

 private:
  using sizes = std::vector<std::string>;

  template <class In, class Out>
  void add_type(const plan& of) {
    using problem = wl::gemm_tc::problem<In, Out>;
    const bool is_full = wanted_.is_full(), is_main = of.type.find('_') == of.type.npos;
    sizes ladder, door;
    sizes small, decode;  // so short that in a stream the host would be measured
    if (!wanted_.sizes.empty()) {
      ladder = door = wanted_.sizes;
    } else if (!is_full) {
      ladder = door = {"4096"};
    } else {
      if (is_main) ladder = {"1024", "2048", "4096", "8192"};
      door = {"2048", "4096", "8192", "16384x4096x4096"};
      if (of.transformers) append(door, wl::bench::transformer_shapes());
      if (of.small)
        small = {"16", "32", "48", "64", "96", "128", "192", "256", "320", "384", "448", "512"};
      if (of.decode) decode = wl::bench::decode_shapes();
    }
    for (const std::string& size : ladder) {
      for (const auto& rung : wl::tables::gemm_tc<In, Out>())
        add<problem>(of.type, rung.info.min_compute_capability, rung.supports, from_rung(rung),
                     size, all_modes);
    }
    const auto anything = [](const problem&) { return wl::support{}; };
    for (const std::string& size : door) {
      add<problem>(of.type, 0, anything, first_heuristic<problem>(), size, {mode::stream});
    }
    const competitor<problem> run{"run", wl::tables::gemm_tc_workspace_bytes<In, Out>,
                                  wl::tables::gemm_tc_run<In, Out>, true,
                                  wl::tables::gemm_tc_choice<In, Out>};
    const auto add_run = [&](const sizes& these, const std::vector<mode>& modes) {
      for (const std::string& size : these) add<problem>(of.type, 0, anything, run, size, modes);
    };
    add_run(door, all_modes);
    add_run(small, {mode::graph});
    add_run(decode, {mode::graph, mode::cold});
  }

  static void append(sizes& to, const sizes& more) {
    to.insert(to.end(), more.begin(), more.end());
  }

  /// What everybody gets who does not search.
  template <class Problem>
  static competitor<Problem> first_heuristic() {
    return {"first_heuristic", vendor<Problem>::workspace_bytes, vendor<Problem>::launch_first,
            false};
  }

  static inline const std::vector<mode> all_modes{mode::stream, mode::graph, mode::cold};

  /// In the first of `modes`, and in the others where they suit.
  template <class Problem, class Supports>
  void add(std::string_view type, int min_compute_capability, const Supports& supports,
           const competitor<Problem>& who, const std::string& size,
           const std::vector<mode>& modes) {
    if (!wanted_.wants_rung(who.name)) return;
    const gemm_tc_shape shape =
        wl::bench::parse_gemm_tc_shape(size, sizeof(typename Problem::input) != 2);
    const auto p = wl::bench::packed_gemm_tc<Problem>(shape);
    std::string why_not(supports(p).why_not);
    const int needed = std::max(min_compute_capability,
                                wl::gemm_tc::first_compute_capability<typename Problem::input>);
    if (needed > device_.compute_capability)
      why_not = fmt::format("needs compute capability {}", needed);
    if (why_not.empty() && !vendor<Problem>::why_not(p).empty())
      why_not = "nothing to compare with: " + vendor<Problem>::why_not(p);
    if (!why_not.empty()) {
      std::string& shapes = skipped_[fmt::format("{} {} ({})", type, who.name, why_not)];
      shapes.append(shapes.empty() ? "" : ", ").append(shape.name());
      return;
    }
    for (const mode how : modes) {
      const bool fits = how == modes.front() || suits<Problem>(how, shape);
      if (!wanted_.wants_mode(how) || !fits) continue;
      constexpr const char* suffix[] = {"", "/graph", "/cold"};
      const std::string name =
          fmt::format("gemm_tc/{}/{}/{}{}", type, who.name, shape.name(), suffix[int(how)]);
      // A layer's product may be one of the cubes.
      if (!named_.insert(name).second) continue;
      cases_.push_back({name, how, [=, this, type = std::string(type)](wl::stream_view stream) {
                          return prepare(type, who, shape, how, stream);
                        }});
    }
  }

  /// Graphs are for what takes less than about 20 us; cold differs from warm only where the
  /// operands fit into L2.
  template <class Problem>
  bool suits(mode how, const gemm_tc_shape& shape) const {
    const double bytes = bytes_of<Problem>(shape);
    const double at_the_ceiling = std::max(shape.flops() / (10 * limits_.fma_flops_per_second),
                                           bytes / limits_.copy_bytes_per_second);
    if (how == mode::graph) return 2 * at_the_ceiling < 20e-6;
    return how == mode::stream || bytes < device_.l2_bytes;
  }

  template <class Problem>
  contest prepare(const std::string& type, const competitor<Problem>& who,
                  const gemm_tc_shape& shape, mode how, wl::stream_view stream) {
    const double bytes = bytes_of<Problem>(shape);
    const std::size_t copies =
        how == mode::cold ? wl::bench::copies_for_cold_cache(std::size_t(bytes)) : 1;
    const auto on = std::make_shared<operands<Problem>>(shape, copies);
    contest match{.copies = copies,
                  .flops = shape.flops(),
                  .flops_ceiling = wl::bench::tensor_ceiling<typename Problem::input>(stream),
                  .bytes = bytes};
    const auto scratch_for = [&](std::size_t size) {
      const auto memory = std::make_shared<wl::device_buffer<std::byte>>(size);
      WARPLADDER_TRY(cudaMemsetAsync(memory->data(), 0xff, size, stream));
      return memory;
    };
    const auto view = [](const auto& memory) {
      return wl::workspace_view{memory->data(), memory->size()};
    };

    on->fill(stream);
    const auto vendor_memory = scratch_for(vendor<Problem>::workspace_bytes((*on)[0]));
    std::string& found = searched_[fmt::format("{} {}", type, shape.name())];
    if (found.empty()) found = vendor<Problem>::search((*on)[0], stream, view(vendor_memory));
    match.vendor = [on, vendor_memory, view](cudaStream_t to, std::size_t copy) {
      return vendor<Problem>::launch((*on)[copy], to, view(vendor_memory));
    };

    const auto memory = scratch_for(who.workspace_bytes((*on)[0]));
    if (checked_.insert(fmt::format("{} {} {}", type, who.name, shape.name())).second &&
        !(std::is_same_v<typename Problem::input, __nv_fp8_e5m2> && who.name == "first_heuristic"))
      on->check(who, view(memory), stream);
    if (who.choice) match.label = who.choice((*on)[0], view(memory)) + "; ";
    match.label += "vendor: " + found;
    match.rung = [on, memory, view, launch = who.launch](cudaStream_t to, std::size_t copy) {
      return launch((*on)[copy], to, view(memory));
    };
    return match;
  }

  options wanted_;
  ceilings limits_;
  wl::device_facts device_;
  std::vector<bench_case> cases_;
  std::set<std::string> named_;                  // the cases' names
  std::map<std::string, std::string> searched_;  // type and shape -> who won
  std::set<std::string> checked_;                // type, competitor and shape
  std::map<std::string, std::string> skipped_;   // type, who and why -> shapes
};

void describe_vendor() {
  int major = 0, minor = 0, patch = 0;
  cublasGetProperty(MAJOR_VERSION, &major);
  cublasGetProperty(MINOR_VERSION, &minor);
  cublasGetProperty(PATCH_LEVEL, &patch);
  benchmark::AddCustomContext("cublas", fmt::format("{}.{}.{}", major, minor, patch));
  const wl::stream on;
  const auto add_ceiling = [&]<class In>(const char* type, In) {
    benchmark::AddCustomContext(fmt::format("ceiling_{}_tflops", type),
                                fmt::format("{:.1f}", wl::bench::tensor_ceiling<In>(on) * 1e-12));
  };
  add_ceiling("bf16", __nv_bfloat16{});
  add_ceiling("f16", __half{});
  add_ceiling("tf32", float{});
  add_ceiling("e4m3", __nv_fp8_e4m3{});
  add_ceiling("e5m2", __nv_fp8_e5m2{});
  add_ceiling("i8", std::int8_t{});
  benchmark::AddCustomContext(
      "counting_rule",
      "flops: 2 m n k batch; bytes: A and B read once, C written once; alpha = 1, beta = 0; inputs "
      "uniform in [-1, 1), int8 in -127 ... 127; vendor: the fastest of all algorithms of cublasLt "
      "and cublasGemmEx");
}

}  // namespace

int main(int argc, char** argv) {
  gemm_tc_topic topic;
  return wl::bench::run(
      argc, argv,
      {.cases = [&](const options& wanted,
                    const ceilings& limits) { return topic.cases(wanted, limits); },
       .describe = describe_vendor,
       .help = {
           .sizes = wl::bench::gemm_tc_shape_help,
           .front_doors = "`run` is the front door, `first_heuristic` what cublasLt does if "
                          "nobody searches",
           .examples =
               R"(  gemm_tc_bench                                    the quick suite: every type at 4096
  gemm_tc_bench --sizes=8192 --rungs=wgmma,multicast --benchmark_filter=/bf16/
  gemm_tc_bench --sizes=4096:nt,1000x3000x200 --pairs=31
  gemm_tc_bench --suite=full --benchmark_out=results.json
)",
           .vendor = "the best of cublasLt and cublasGemmEx",
           .judge = "float64"}});
}
