// SPDX-License-Identifier: Apache-2.0
//
// Times the rungs of the topic rowwise and its front doors, softmax, layernorm and RMSnorm of
// float and bfloat16, against the lowest rung of each ladder, which takes the vendor's place where
// there is none.

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <array_inputs.hpp>
#include <competitors.hpp>
#include <cstdint>
#include <harness/harness.hpp>
#include <memory>
#include <rowwise.hpp>
#include <rowwise_shape.hpp>
#include <rowwise_verify.hpp>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/math.hpp>

namespace {

namespace wl = warpladder;
using wl::bench::case_list, wl::bench::ceilings, wl::bench::competitor, wl::bench::from_rung;
using wl::bench::job, wl::bench::options, wl::bench::row_pattern, wl::bench::rows_of;
using wl::bench::rowwise_shape;
using wl::rowwise::norm;

template <class Problem>
inline constexpr bool is_norm = false;
template <class T>
inline constexpr bool is_norm<wl::rowwise::norm_problem<T>> = true;

/// Norms have a weight, and layernorm a bias. Each array begins at a 256-byte boundary, but for the
/// offset that `in` may have.
template <class T, class Problem>
class operands {
 public:
  operands(const rowwise_shape& shape, const Problem& blank, std::size_t copies) {
    const auto lines = [](std::int64_t elements) {
      return wl::round_up<std::int64_t>(elements, 256 / sizeof(T));
    };
    const std::int64_t matrix = lines(shape.offset + blank.rows * blank.ld_in);
    const std::int64_t row = lines(blank.cols), each = 2 * matrix + 2 * row;
    memory_ = wl::device_buffer<T>(copies * std::size_t(each));
    out_bytes_ = std::size_t(blank.rows * blank.ld_out) * sizeof(T);
    for (std::size_t copy = 0; copy < copies; ++copy) {
      T* const begin = memory_.data() + std::int64_t(copy) * each;
      Problem p = blank;
      p.in = begin + shape.offset;
      p.out = begin + matrix;
      if constexpr (is_norm<Problem>) {
        p.weight = begin + 2 * matrix;
        if (p.what == norm::layer) p.bias = begin + 2 * matrix + row;
      }
      problems_.push_back(p);
    }
    in_ = memory_.data() + shape.offset;
  }

  const Problem& operator[](std::size_t copy) const { return problems_[copy]; }

  void fill(wl::stream_view stream) {
    WARPLADDER_TRY(wl::bench::fill_random(memory_.data(), std::int64_t(memory_.size()), 2, stream));
  }

  void check(const competitor<Problem>& who, wl::workspace_view scratch, wl::stream_view stream) {
    const Problem& p = problems_[0];
    if (const auto reason = explain_invalid(p); !reason.empty())
      throw std::invalid_argument(std::string(reason));
    fill(stream);
    expect_right(who, scratch, "random rows", stream);
    if constexpr (is_norm<Problem>) {
      fill_rows({.what = rows_of::spikes, .signs = true, .low = 0}, stream);
      expect_right(who, scratch, "rows with some large elements", stream);
    } else {
      fill_rows({.what = rows_of::spikes, .signs = false, .low = -100}, stream);
      expect_right(who, scratch, "rows with some large elements", stream);
      fill_rows({.what = rows_of::peaks}, stream);
      expect_right(who, scratch, "rows with one large element", stream);
    }
  }

 private:
  void fill_rows(const row_pattern& pattern, wl::stream_view stream) {
    const Problem& p = problems_[0];
    WARPLADDER_TRY(wl::bench::fill_rows(in_, p.rows, p.cols, p.ld_in, pattern, stream));
  }

  void expect_right(const competitor<Problem>& who, wl::workspace_view scratch, const char* inputs,
                    wl::stream_view stream) const {
    const Problem& p = problems_[0];
    WARPLADDER_TRY(cudaMemsetAsync(p.out, 0xff, out_bytes_, stream));
    WARPLADDER_TRY(who.launch(p, stream, scratch));
    if (const auto wrong = wl::bench::count_wrong(p, stream); wrong != 0)
      throw std::runtime_error(fmt::format("{} is wrong for {} in {} of {} elements", who.name,
                                           inputs, wrong, p.rows * p.cols));
  }

  wl::device_buffer<T> memory_;
  T* in_ = nullptr;
  std::size_t out_bytes_ = 0;
  std::vector<Problem> problems_;
};

template <class T, class Problem>
void add(case_list& to, std::span<const wl::rung_entry<Problem>> ladder,
         cudaError_t (*front_door)(const Problem&, cudaStream_t), const char* door_name,
         const char* suffix, const rowwise_shape& shape, const Problem& blank) {
  std::vector<competitor<Problem>> rungs;
  for (const auto& rung : ladder) rungs.push_back(from_rung(rung, suffix));
  auto all = rungs;
  all.push_back({door_name, 0, [](const Problem&) { return wl::support{}; },
                 [](const Problem&) { return std::size_t{0}; },
                 [front_door](const Problem& p, cudaStream_t stream, wl::workspace_view) {
                   return front_door(p, stream);
                 }});
  const job<Problem> what{.type = wl::bench::type_name<T>,
                          .shape = shape.name(),
                          .blank = blank,
                          .bytes = shape.bytes(sizeof(T))};
  for (const auto& who : all) {
    to.add(who, rungs, what, [shape, blank](std::size_t copies) {
      return std::make_shared<operands<T, Problem>>(shape, blank, copies);
    });
  }
}

template <class T>
void add_type(case_list& to, const rowwise_shape& shape) {
  using softmax_problem = wl::rowwise::softmax_problem<T>;
  using norm_problem = wl::rowwise::norm_problem<T>;
  add<T, softmax_problem>(to, wl::tables::softmax_rungs<T>(), wl::tables::rowwise_softmax<T>,
                          "softmax", "", shape,
                          wl::bench::rowwise_problem_of<softmax_problem>(shape));
  auto blank = wl::bench::rowwise_problem_of<norm_problem>(shape);
  add<T, norm_problem>(to, wl::tables::norm_rungs<T>(), wl::tables::rowwise_normalize<T>,
                       "layernorm", "", shape, blank);
  blank.what = norm::rms;
  add<T, norm_problem>(to, wl::tables::norm_rungs<T>(), wl::tables::rowwise_normalize<T>, "rmsnorm",
                       ":rms", shape, blank);
}

/// 2^28 elements in rows of one length after the other.
std::string suite(bool full) {
  std::string text;
  for (const int cols : {64, 256, 1024, 2048, 4096, 8192, 16384, 32768, 65536}) {
    if (!full && cols != 256 && cols != 4096 && cols != 32768) continue;
    text += fmt::format("{}{}x{}", text.empty() ? "" : " ", (1 << 28) / cols, cols);
  }
  return text;
}

std::vector<wl::bench::bench_case> cases(const options& wanted, const ceilings& limits) {
  // Graphs are for kernels below 20 us; few reach more than half of the ceiling at such sizes.
  case_list list("rowwise", wanted, 10e-6 * limits.copy_bytes_per_second);
  for (const std::string& size : wl::bench::sizes_or(wanted, suite(wanted.is_full()))) {
    const rowwise_shape shape = wl::bench::parse_rowwise_shape(size);
    add_type<float>(list, shape);
    if (wanted.is_full() || !wanted.sizes.empty()) add_type<__nv_bfloat16>(list, shape);
  }
  return list.take();
}

void describe_vendor() {
  benchmark::AddCustomContext(
      "counting_rule",
      "bytes: every element read once, every result written once, without weight and bias; vendor: "
      "the lowest rung of the ladder");
}

}  // namespace

int main(int argc, char** argv) {
  return wl::bench::run(
      argc, argv,
      {.cases = cases,
       .describe = describe_vendor,
       .help = {
           .sizes = wl::bench::rowwise_shape_help,
           .front_doors = "`softmax`, `layernorm` and `rmsnorm` are the front doors; rungs of "
                          "norms compute layernorm, those with `:rms` RMSnorm",
           .examples = R"(  rowwise_bench                                 the quick suite: float
  rowwise_bench --sizes=4096x4096,1000x777      float and bfloat16, shapes of your own
  rowwise_bench --sizes=65536x1000+1,65536x1000@1  rows with gaps; an input that is not aligned
  rowwise_bench --sizes=65536x1024 --rungs=norm --pairs=31
  rowwise_bench --suite=full --benchmark_out=results.json
)",
           .vendor = "the lowest rung",
           .judge = "float64"}});
}
