// SPDX-License-Identifier: Apache-2.0
//
// Times the rungs of the topic scan and its front door against CUB: running sums of floats, and
// other kinds, types and operations.

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <array_inputs.hpp>
#include <competitors.hpp>
#include <cstdint>
#include <harness/harness.hpp>
#include <limits>
#include <memory>
#include <reduce_shape.hpp>
#include <reduce_types.hpp>
#include <scan.hpp>
#include <scan_verify.hpp>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/math.hpp>

namespace {

namespace wl = warpladder;
using wl::bench::array_shape, wl::bench::case_list, wl::bench::ceilings, wl::bench::competitor;
using wl::bench::from_front_door, wl::bench::from_rung, wl::bench::job, wl::bench::options;
using wl::scan::kind;

/// Arrays that begin at 256-byte boundaries, but for the offset that `in` may have.
template <class T, class Op>
class array_operands {
 public:
  using problem = wl::scan::problem<T, Op>;
  using result = typename Op::result;
  static_assert(sizeof(result) == sizeof(T));

  array_operands(const array_shape& shape, kind what, std::size_t copies) {
    constexpr std::int64_t line = 256 / sizeof(T);
    const std::int64_t of_in = wl::round_up<std::int64_t>(shape.offset + shape.count, line);
    const std::int64_t of_out = wl::round_up<std::int64_t>(shape.count, line);
    in_ = wl::device_buffer<T>(copies * std::size_t(of_in));
    out_ = wl::device_buffer<result>(copies * std::size_t(of_out));
    for (std::size_t copy = 0; copy < copies; ++copy) {
      problem p{.n = shape.count};
      p.in = in_.data() + std::int64_t(copy) * of_in + shape.offset;
      p.out = out_.data() + std::int64_t(copy) * of_out;
      p.what = what;
      problems_.push_back(p);
    }
    first_ = in_.data() + shape.offset;
  }

  const problem& operator[](std::size_t copy) const { return problems_[copy]; }

  void fill(wl::stream_view stream) {
    WARPLADDER_TRY(wl::bench::fill_random(in_.data(), std::int64_t(in_.size()), 2, stream));
  }

  void check(const competitor<problem>& who, wl::workspace_view scratch, wl::stream_view stream) {
    const problem& p = problems_[0];
    if (const auto reason = explain_invalid(p); !reason.empty())
      throw std::invalid_argument(std::string(reason));
    if constexpr (std::is_same_v<Op, wl::sum<T>> && !std::is_integral_v<T>) {
      const std::int64_t amplitude = wl::bench::exact_amplitude<T>(p.n);
      WARPLADDER_TRY(
          wl::bench::fill_integers(first_, p.n, {.amplitude = amplitude, .seed = 3}, stream));
    } else {
      fill(stream);
    }
    WARPLADDER_TRY(cudaMemsetAsync(out_.data(), 0xff, out_.size_bytes(), stream));
    WARPLADDER_TRY(who.launch(p, stream, scratch));
    const auto wrong = wl::bench::find_wrong(p, stream);
    if (wrong.count != 0)
      throw std::runtime_error(
          fmt::format("{} is wrong in {} of {} elements, the first is number {}", who.name,
                      wrong.count, p.n, wrong.first));
  }

 private:
  wl::device_buffer<T> in_;
  wl::device_buffer<result> out_;
  std::vector<problem> problems_;
  T* first_ = nullptr;
};

template <class T, class Op>
using competitors = std::vector<competitor<wl::scan::problem<T, Op>>>;

template <class T, class Op>
competitors<T, Op> ladder(const char* suffix = "") {
  competitors<T, Op> all;
  for (const auto& rung : wl::tables::scan_rungs<T, Op>()) all.push_back(from_rung(rung, suffix));
  return all;
}

template <class T, class Op>
competitors<T, Op> front_door(const char* name) {
  using problem = wl::scan::problem<T, Op>;
  return {from_front_door<problem>(name, wl::tables::scan_workspace_bytes<T, Op>,
                                   wl::tables::scan_run<T, Op>)};
}

template <class T, class Op>
void add(case_list& to, const competitors<T, Op>& all, const competitors<T, Op>& vendors,
         const array_shape& shape, kind what = kind::inclusive) {
  using problem = wl::scan::problem<T, Op>;
  job<problem> at{
      .type = wl::bench::type_name<T>, .shape = shape.name(), .blank = {.n = shape.count}};
  at.blank.in = reinterpret_cast<const T*>(std::uintptr_t(shape.offset) * sizeof(T));
  at.blank.what = what;
  at.bytes = double(shape.count) * (sizeof(T) + sizeof(typename Op::result));
  for (const auto& who : all) {
    to.add(who, vendors, at, [shape, what](std::size_t copies) {
      return std::make_shared<array_operands<T, Op>>(shape, what, copies);
    });
  }
}

std::vector<wl::bench::bench_case> cases(const options& wanted, const ceilings&) {
  using sum = wl::sum<float>;
  using int_sum = wl::sum<std::int32_t>;
  using maximum = wl::maximum<float>;
  // Graphs up to 2^22 floats: they show by how much a small scan is more than its launch.
  case_list list("scan", wanted, 2.0 * sizeof(float) * double(1 << 22));
  const auto parse = [&](const char* suite) {
    std::vector<array_shape> shapes;
    for (const std::string& size : wl::bench::sizes_or(wanted, suite))
      shapes.push_back(wl::bench::parse_array_shape(size));
    return shapes;
  };
  const bool full = wanted.is_full();

  const auto rungs = ladder<float, sum>();
  auto all = rungs;
  all.push_back(front_door<float, sum>("run")[0]);
  for (const auto& shape : parse(full ? "65536 262144 1048576 4194304 16777216 67108864 268435456"
                                      : "65536 4194304 268435456"))
    add<float, sum>(list, all, rungs, shape);

  for (const auto& shape : parse(full ? "268435456" : ""))
    add<float, sum>(list, front_door<float, sum>("run:exclusive"), ladder<float, sum>(":exclusive"),
                    shape, kind::exclusive);
  for (const auto& shape : parse(full ? "16777216 268435456" : "")) {
    add<std::int32_t, int_sum>(list, front_door<std::int32_t, int_sum>("run"),
                               ladder<std::int32_t, int_sum>(), shape);
    if (shape.count > std::numeric_limits<std::int32_t>::max()) continue;  // CUB has 32-bit lengths
    const auto cub = from_front_door<wl::scan::problem<float, maximum>>(
        "cub:max", wl::bench::cub_running_maximum_workspace_bytes, wl::bench::cub_running_maximum);
    add<float, maximum>(list, front_door<float, maximum>("run:max"), {cub}, shape);
  }
  return list.take();
}

void describe_vendor() {
  benchmark::AddCustomContext("cub", wl::tables::cub_version());
  benchmark::AddCustomContext("counting_rule",
                              "bytes: every element read once, every result written once");
}

}  // namespace

int main(int argc, char** argv) {
  return wl::bench::run(
      argc, argv,
      {.cases = cases,
       .describe = describe_vendor,
       .help = {.sizes = wl::bench::array_shape_help,
                .front_doors =
                    "`run` is the front door, `run:exclusive` and `run:max` the same with "
                    "another kind or operation",
                .examples = R"(  scan_bench                                    the quick suite
  scan_bench --sizes=1000003,4194304@1          arrays of your own, one of them not aligned
  scan_bench --sizes=268435456 --rungs=run      the front door on every kind, type and operation
  scan_bench --rungs=look_back,run --modes=graph --pairs=31
  scan_bench --suite=full --benchmark_out=results.json
)",
                .vendor = "CUB",
                .judge = "the definition, on integers that are exact in every order,"}});
}
