// SPDX-License-Identifier: Apache-2.0
//
// Times the rungs of the topic reduce and its front doors against CUB: sums of an array of floats,
// every operation on every type, and sums of the rows or columns of a matrix.

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <array_inputs.hpp>
#include <cmath>
#include <competitors.hpp>
#include <cstdint>
#include <harness/harness.hpp>
#include <limits>
#include <memory>
#include <reduce.hpp>
#include <reduce_segments.hpp>
#include <reduce_shape.hpp>
#include <reduce_types.hpp>
#include <reduce_verify.hpp>
#include <segment_shape.hpp>
#include <stdexcept>
#include <string>
#include <vector>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/math.hpp>

namespace {

namespace wl = warpladder;
using wl::bench::array_shape, wl::bench::case_list, wl::bench::ceilings, wl::bench::competitor;
using wl::bench::from_front_door, wl::bench::from_rung, wl::bench::job, wl::bench::options;
using wl::bench::segment_shape, wl::bench::traffic;
using segments = wl::reduce::segmented_problem<float, wl::sum<float>>;

/// The name of an operation behind that of a front door; "" for sums.
template <class Op>
constexpr const char* op_suffix = nullptr;
template <class T>
inline constexpr const char* op_suffix<wl::sum<T>> = "";
template <class T>
inline constexpr const char* op_suffix<wl::minimum<T>> = ":min";
template <class T>
inline constexpr const char* op_suffix<wl::maximum<T>> = ":max";
template <class T>
inline constexpr const char* op_suffix<wl::argmin<T>> = ":argmin";
template <class T>
inline constexpr const char* op_suffix<wl::argmax<T>> = ":argmax";
template <class T>
inline constexpr const char* op_suffix<wl::sum_of_squares<T>> = ":sum_of_squares";
template <class T>
inline constexpr const char* op_suffix<wl::dot<T>> = ":dot";

template <class T>
std::string text_of(const T& result) {
  return fmt::format("{}", result);
}
template <class T>
std::string text_of(const wl::indexed<T>& result) {
  return fmt::format("{} at {}", result.value, result.index);
}

template <class T>
bool equal(const T& a, const T& b) {
  return a == b;
}
template <class T>
bool equal(const wl::indexed<T>& a, const wl::indexed<T>& b) {
  return a.value == b.value && a.index == b.index;
}

/// Arrays that begin at 256-byte boundaries, but for the offset that a shape may have.
template <class T, class Op>
class array_operands {
 public:
  using problem = wl::reduce::problem<T, Op>;

  array_operands(const array_shape& shape, std::size_t copies) {
    const std::int64_t each =
        wl::round_up<std::int64_t>(shape.offset + shape.count, 256 / sizeof(T));
    memory_ = wl::device_buffer<T>(copies * std::size_t(each) * Op::inputs);
    results_ = wl::device_buffer<typename Op::result>(copies);
    for (std::size_t copy = 0; copy < copies; ++copy) {
      T* const in = memory_.data() + std::int64_t(copy) * each * Op::inputs + shape.offset;
      problem p{.n = shape.count, .in = in, .out = results_.data() + copy};
      if (Op::inputs == 2) p.with = in + each;
      problems_.push_back(p);
    }
    in_ = memory_.data() + shape.offset;
    with_ = in_ + each;
  }

  const problem& operator[](std::size_t copy) const { return problems_[copy]; }

  void fill(wl::stream_view stream) {
    WARPLADDER_TRY(wl::bench::fill_random(memory_.data(), std::int64_t(memory_.size()), 2, stream));
  }

  /// All elements count, and exactly: see exact_amplitude().
  void check(const competitor<problem>& who, wl::workspace_view scratch, wl::stream_view stream) {
    if (const auto reason = explain_invalid(problems_[0]); !reason.empty())
      throw std::invalid_argument(std::string(reason));
    if constexpr (!wl::bench::adds_up<Op>) {
      check_extremum(who, scratch, stream);
    } else if constexpr (std::is_integral_v<T>) {
      fill(stream);
      expect_right(who, scratch, "random integers", stream);
    } else if constexpr (std::is_same_v<Op, wl::sum_of_squares<T>>) {
      check_squares(who, scratch, stream);
    } else {
      check_sum(who, scratch, stream);
    }
  }

 private:
  void expect_right(const competitor<problem>& who, wl::workspace_view scratch, const char* inputs,
                    wl::stream_view stream) const {
    const problem& p = problems_[0];
    WARPLADDER_TRY(cudaMemsetAsync(p.out, 0xff, sizeof *p.out, stream));
    WARPLADDER_TRY(who.launch(p, stream, scratch));
    typename Op::result got;
    wl::copy_async<typename Op::result>({&got, 1}, {p.out, 1}, stream);
    const typename Op::result expected = wl::bench::expected(p, stream);  // waits
    if (!equal(got, expected))
      throw std::runtime_error(fmt::format("{} is wrong for {}: got {}, expected {}", who.name,
                                           inputs, text_of(got), text_of(expected)));
  }

  void check_sum(const competitor<problem>& who, wl::workspace_view scratch,
                 wl::stream_view stream) {
    std::int64_t amplitude = wl::bench::exact_amplitude<T>(problems_[0].n);
    if (Op::inputs == 2)
      amplitude = std::max<std::int64_t>(1, std::int64_t(std::sqrt(double(amplitude))));
    const std::int64_t n = problems_[0].n;
    WARPLADDER_TRY(wl::bench::fill_integers(in_, n, {.amplitude = amplitude, .seed = 3}, stream));
    if (Op::inputs == 2)
      WARPLADDER_TRY(
          wl::bench::fill_integers(with_, n, {.amplitude = amplitude, .seed = 4}, stream));
    expect_right(who, scratch, "integers", stream);
  }

  /// Squares do not cancel. So that their sum stays exact, all but some elements are zero, until
  /// each has had its turn not to be.
  void check_squares(const competitor<problem>& who, wl::workspace_view scratch,
                     wl::stream_view stream) {
    constexpr double exact = wl::bench::exact_range<typename Op::accumulator>();
    constexpr std::int64_t amplitude = std::is_same_v<T, double> ? 1024 : 3;
    const std::int64_t n = problems_[0].n;
    // The mean square of -3 ... 3 without 0 is below 5; one to spare.
    const bool at_once = double(n) * double(amplitude * amplitude) < exact;
    const std::int64_t parts = at_once ? 1 : std::int64_t(std::ceil(double(n) * 6 / exact));
    for (std::int64_t part = 0; part < parts; ++part) {
      WARPLADDER_TRY(wl::bench::fill_integers(
          in_, n, {.amplitude = amplitude, .seed = 3, .parts = parts, .part = part}, stream));
      expect_right(who, scratch, "integers", stream);
    }
  }

  /// Random elements, then the extreme value at one place after the other, and at two.
  void check_extremum(const competitor<problem>& who, wl::workspace_view scratch,
                      wl::stream_view stream) {
    fill(stream);
    expect_right(who, scratch, "random elements", stream);
    const std::int64_t last = problems_[0].n - 1;
    const std::int64_t places[] = {0,        1,   last / 7, last / 3, last / 2, last * 2 / 3,
                                   last - 1, last};
    for (const std::int64_t place : places) {
      const std::int64_t at = std::clamp<std::int64_t>(place, 0, last);
      const T original = exchange(at, extreme(), stream);
      expect_right(who, scratch, "an extremum in one place", stream);
      const T original_of_last = exchange(last, extreme(), stream);
      expect_right(who, scratch, "an extremum in two places", stream);
      exchange(last, original_of_last, stream);
      exchange(at, original, stream);
    }
  }

  T exchange(std::int64_t at, T value, wl::stream_view stream) {
    T before;
    wl::copy_async<T>({&before, 1}, {in_ + at, 1}, stream);
    stream.synchronize();
    wl::copy_async<T>({in_ + at, 1}, {&value, 1}, stream);
    stream.synchronize();
    return before;
  }

  static T extreme() {
    constexpr bool smallest =
        std::is_same_v<Op, wl::minimum<T>> || std::is_same_v<Op, wl::argmin<T>>;
    if constexpr (std::is_integral_v<T>) {
      return smallest ? std::numeric_limits<T>::min() : std::numeric_limits<T>::max();
    } else {
      return T(smallest ? -2.0f : 2.0f);  // the others lie in [-1, 1)
    }
  }

  wl::device_buffer<T> memory_;
  wl::device_buffer<typename Op::result> results_;
  std::vector<problem> problems_;
  T *in_ = nullptr, *with_ = nullptr;
};

/// Matrices without gaps.
class segment_operands {
 public:
  segment_operands(const segments& blank, std::size_t copies)
      : memory_(copies * line(blank.rows * blank.cols)), results_(copies * line(blank.segments())) {
    for (std::size_t copy = 0; copy < copies; ++copy) {
      segments p = blank;
      p.in = memory_.data() + copy * line(blank.rows * blank.cols);
      p.out = results_.data() + copy * line(blank.segments());
      problems_.push_back(p);
    }
  }

  const segments& operator[](std::size_t copy) const { return problems_[copy]; }

  void fill(wl::stream_view stream) {
    WARPLADDER_TRY(wl::bench::fill_random(memory_.data(), std::int64_t(memory_.size()), 2, stream));
  }

  void check(const competitor<segments>& who, wl::workspace_view scratch, wl::stream_view stream) {
    const segments& p = problems_[0];
    if (const auto reason = explain_invalid(p); !reason.empty())
      throw std::invalid_argument(std::string(reason));
    WARPLADDER_TRY(wl::bench::fill_integers(
        memory_.data(), p.rows * p.cols,
        {.amplitude = wl::bench::exact_amplitude<float>(p.length()), .seed = 3}, stream));
    WARPLADDER_TRY(cudaMemsetAsync(results_.data(), 0xff, results_.size_bytes(), stream));
    WARPLADDER_TRY(who.launch(p, stream, scratch));
    if (const auto wrong = wl::bench::count_wrong(p, stream); wrong != 0)
      throw std::runtime_error(
          fmt::format("{} is wrong in {} of {} segments", who.name, wrong, p.segments()));
  }

 private:
  static std::size_t line(std::int64_t floats) {
    return std::size_t(wl::round_up<std::int64_t>(floats, 64));
  }

  wl::device_buffer<float> memory_, results_;
  std::vector<segments> problems_;
};

/// What supports() is asked about.
template <class T, class Op>
job<wl::reduce::problem<T, Op>> job_of(const array_shape& shape) {
  wl::reduce::problem<T, Op> blank{.n = shape.count};
  blank.in = reinterpret_cast<const T*>(std::uintptr_t(shape.offset) * sizeof(T));
  blank.with = blank.in;
  return {.type = wl::bench::type_name<T>,
          .shape = shape.name(),
          .blank = blank,
          .bytes = double(shape.count) * sizeof(T) * Op::inputs,
          .kind = traffic::read};
}

template <class T, class Op>
auto operands_maker(const array_shape& shape) {
  return [shape](std::size_t copies) {
    return std::make_shared<array_operands<T, Op>>(shape, copies);
  };
}

/// The ladder of float sums, and the front doors beside it.
void add_float_sums(case_list& to, const std::vector<array_shape>& shapes) {
  using op = wl::sum<float>;
  using problem = wl::reduce::problem<float, op>;
  std::vector<competitor<problem>> rungs;
  for (const auto& rung : wl::tables::reduce_rungs<float, op>()) rungs.push_back(from_rung(rung));
  auto all = rungs;
  all.push_back(from_front_door<problem>("run", wl::tables::reduce_workspace_bytes<float, op>,
                                         wl::tables::reduce_run<float, op>));
  for (const array_shape& shape : shapes) {
    for (const auto& who : all)
      to.add(who, rungs, job_of<float, op>(shape), operands_maker<float, op>(shape));
  }
}

template <class T, class Op>
void add_front_door(case_list& to, const array_shape& shape) {
  if constexpr (std::is_same_v<Op, wl::sum<float>>) {
    return;  // beside its ladder
  } else {
    using problem = wl::reduce::problem<T, Op>;
    const auto who = from_front_door<problem>(fmt::format("run{}", op_suffix<Op>),
                                              wl::tables::reduce_workspace_bytes<T, Op>,
                                              wl::tables::reduce_run<T, Op>);
    const auto cub = from_front_door<problem>(fmt::format("cub{}", op_suffix<Op>),
                                              wl::tables::reduce_cub_workspace_bytes<T, Op>,
                                              wl::tables::reduce_cub<T, Op>);
    to.add(who, {cub}, job_of<T, Op>(shape), operands_maker<T, Op>(shape));
  }
}

template <class T>
void add_type(case_list& to, const array_shape& shape) {
  if (shape.count > std::numeric_limits<std::int32_t>::max())
    return;  // CUB is asked for 32-bit offsets
  add_front_door<T, wl::sum<T>>(to, shape);
  add_front_door<T, wl::minimum<T>>(to, shape);
  add_front_door<T, wl::maximum<T>>(to, shape);
  add_front_door<T, wl::argmin<T>>(to, shape);
  add_front_door<T, wl::argmax<T>>(to, shape);
  add_front_door<T, wl::sum_of_squares<T>>(to, shape);
  add_front_door<T, wl::dot<T>>(to, shape);
}

void add_segments(case_list& to, const segment_shape& shape) {
  segments blank;
  blank.axis = shape.axis;
  blank.rows = shape.rows, blank.cols = blank.ld = shape.cols;
  std::vector<competitor<segments>> rungs;
  for (const auto& rung : wl::tables::segmented_rungs<float, wl::sum<float>>())
    rungs.push_back(from_rung(rung));
  const job<segments> what{
      .type = "f32",
      .shape = shape.name(),
      .blank = blank,
      .bytes = double(sizeof(float)) * (double(blank.rows * blank.cols) + double(blank.segments())),
      .kind = traffic::read};
  auto all = rungs;
  all.push_back(
      from_front_door<segments>("run", wl::tables::segmented_workspace_bytes<float, wl::sum<float>>,
                                wl::tables::segmented_run<float, wl::sum<float>>));
  for (const auto& who : all) {
    to.add(who, rungs, what, [blank](std::size_t copies) {
      return std::make_shared<segment_operands>(blank, copies);
    });
  }
}

std::vector<wl::bench::bench_case> cases(const options& wanted, const ceilings&) {
  // Graphs up to 2^24 floats: they show by how much a small reduction is more than its launch.
  case_list list("reduce", wanted, double(1 << 24) * sizeof(float));
  std::vector<array_shape> arrays;
  std::vector<segment_shape> matrices;
  const char* const suite =
      wanted.is_full() ? "4096 16384 65536 262144 1048576 4194304 16777216 268435456 1073741824 "
                         "1048576x256 16384x16384 256x1048576 "
                         "1048576x256:columns 16384x16384:columns 256x1048576:columns"
                       : "65536 4194304 268435456 16384x16384 16384x16384:columns";
  for (const std::string& size : wl::bench::sizes_or(wanted, suite)) {
    if (size.find('x') == size.npos) {
      arrays.push_back(wl::bench::parse_array_shape(size));
    } else {
      matrices.push_back(wl::bench::parse_segment_shape(size));
    }
  }
  add_float_sums(list, arrays);

  std::vector<array_shape> of_types = arrays;
  if (wanted.sizes.empty()) of_types.clear();
  if (wanted.sizes.empty() && wanted.is_full())
    of_types.push_back(wl::bench::parse_array_shape("268435456"));
  for (const array_shape& shape : of_types) {
    add_type<float>(list, shape);
    add_type<double>(list, shape);
    add_type<__half>(list, shape);
    add_type<__nv_bfloat16>(list, shape);
    add_type<std::int32_t>(list, shape);
    add_type<std::int64_t>(list, shape);
  }
  for (const segment_shape& shape : matrices) add_segments(list, shape);
  return list.take();
}

void describe_vendor() {
  benchmark::AddCustomContext("cub", wl::tables::cub_version());
  benchmark::AddCustomContext(
      "counting_rule",
      "bytes: every element read once, every result written once; vendor: CUB, for columns, which "
      "it has no function for, the lowest rung");
}

}  // namespace

int main(int argc, char** argv) {
  return wl::bench::run(
      argc, argv,
      {.cases = cases,
       .describe = describe_vendor,
       .help = {.sizes = fmt::format("{} for arrays; {}", wl::bench::array_shape_help,
                                     wl::bench::segment_shape_help),
                .front_doors = "`run` is the front door, "
                               "`run:min`, `run:argmax`, `run:dot` ... with another operation",
                .examples = R"(  reduce_bench                                  the quick suite
  reduce_bench --sizes=4096,1000003@1           arrays of your own, one of them not aligned
  reduce_bench --sizes=268435456 --rungs=run    every operation on every type
  reduce_bench --sizes=268435456 --rungs=run:argmin
  reduce_bench --sizes=1000x300,1000x300:columns --rungs=segment
  reduce_bench --suite=full --benchmark_out=results.json
)",
                .vendor = "CUB (columns: of the lowest rung)",
                .judge = "integers that are exact in every order"}});
}
