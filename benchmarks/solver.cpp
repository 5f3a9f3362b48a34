// SPDX-License-Identifier: Apache-2.0
//
// Times the rungs of the topic solver and its front doors: 200 steps of the heat equation, 100
// iterations of conjugate gradients. The lowest rung of each ladder takes the vendor's place, so
// that vendor_ratio says by how much a rung is faster than a kernel per step in the same mode.

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <competitors.hpp>
#include <cstdint>
#include <harness/harness.hpp>
#include <harness/random.hpp>
#include <limits>
#include <memory>
#include <solver.hpp>
#include <solver_shape.hpp>
#include <solver_verify.hpp>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/math.hpp>

namespace {

namespace wl = warpladder;
using wl::bench::case_list, wl::bench::ceilings, wl::bench::competitor;
using wl::bench::from_front_door, wl::bench::from_rung, wl::bench::is_heat, wl::bench::job;
using wl::bench::options, wl::bench::solver_shape;

/// Packed matrices that begin at 256-byte boundaries, and a residual.
template <class Problem>
class operands {
 public:
  operands(const Problem& blank, std::size_t copies) {
    const std::int64_t matrix = wl::round_up<std::int64_t>(blank.rows * blank.cols, 64);
    in_ = wl::device_buffer<float>(copies * std::size_t(matrix));
    out_ = wl::device_buffer<float>(copies * std::size_t(matrix));
    for (std::size_t copy = 0; copy < copies; ++copy) {
      const float* const in = in_.data() + std::int64_t(copy) * matrix;
      float* const out = out_.data() + std::int64_t(copy) * matrix;
      Problem p = blank;
      if constexpr (is_heat<Problem>) {
        p.in = in, p.out = out;
      } else {
        p.b = in, p.x = out, p.residual = residual_.data();
      }
      problems_.push_back(p);
    }
  }

  const Problem& operator[](std::size_t copy) const { return problems_[copy]; }

  void fill(wl::stream_view stream) {
    WARPLADDER_TRY(wl::bench::fill_uniform(in_.data(), in_.size(), 2, stream));
  }

  void check(const competitor<Problem>& who, wl::workspace_view scratch, wl::stream_view stream) {
    const Problem& p = problems_[0];
    if (const auto reason = explain_invalid(p); !reason.empty())
      throw std::invalid_argument(std::string(reason));
    fill(stream);
    WARPLADDER_TRY(cudaMemsetAsync(out_.data(), 0xff, out_.size_bytes(), stream));
    WARPLADDER_TRY(cudaMemsetAsync(residual_.data(), 0xff, residual_.size_bytes(), stream));
    WARPLADDER_TRY(who.launch(p, stream, scratch));
    if (const std::string why = explain_wrong(p, stream); !why.empty())
      throw std::runtime_error(fmt::format("{} is wrong: {}", who.name, why));
  }

 private:
  std::string explain_wrong(const wl::solver::jacobi_problem& p, wl::stream_view stream) const {
    const auto wrong = wl::bench::count_wrong(p, stream);
    return wrong == 0 ? ""
                      : fmt::format("{} of {} elements differ in a bit", wrong, p.rows * p.cols);
  }
  std::string explain_wrong(const wl::solver::cg_problem& p, wl::stream_view stream) const {
    const auto evidence = wl::bench::examine(p, stream);
    float residual = 0;
    WARPLADDER_TRY(cudaMemcpyAsync(&residual, residual_.data(), sizeof residual,
                                   cudaMemcpyDeviceToHost, stream));
    WARPLADDER_TRY(cudaStreamSynchronize(stream));
    return wl::solver::explain_wrong_cg(evidence, residual, p.rows, p.cols, p.iterations);
  }

  wl::device_buffer<float> in_, out_, residual_{64};
  std::vector<Problem> problems_;
};

template <class Problem>
void add(case_list& to, std::span<const wl::rung_entry<Problem>> ladder,
         const competitor<Problem>& front_door, const solver_shape& shape) {
  std::vector<competitor<Problem>> rungs;
  for (const auto& rung : ladder) rungs.push_back(from_rung(rung));
  auto all = rungs;
  all.push_back(front_door);
  const double steps = wl::bench::solver_steps<Problem>;
  const job<Problem> what{
      .type = "f32",
      .shape = shape.name(),
      .blank = wl::bench::solver_problem_of<Problem>(shape),
      .bytes = shape.cells() * steps * wl::bench::solver_bytes_per_cell<Problem>};
  for (const auto& who : all) {
    to.add(who, rungs, what, [blank = what.blank](std::size_t copies) {
      return std::make_shared<operands<Problem>>(blank, copies);
    });
  }
}

std::vector<wl::bench::bench_case> cases(const options& wanted, const ceilings&) {
  options with_modes = wanted;  // after the first step nothing is cold
  if (with_modes.modes.empty()) with_modes.modes = {"stream", "graph"};
  case_list list("solver", with_modes, std::numeric_limits<double>::infinity());
  const char* const suite =
      wanted.is_full()
          ? "256x256 512x512 1024x1024 1536x1536 2048x2048 2304x2304 2560x2560 3072x3072 4096x4096 "
            "8192x8192"
          : "256x256 1024x1024 2048x2048 4096x4096";
  for (const std::string& size : wl::bench::sizes_or(wanted, suite)) {
    const solver_shape shape = wl::bench::parse_solver_shape(size);
    add<wl::solver::jacobi_problem>(
        list, wl::tables::jacobi_rungs(),
        from_front_door<wl::solver::jacobi_problem>(
            "jacobi", wl::tables::solver_jacobi_workspace_bytes, wl::tables::solver_jacobi),
        shape);
    add<wl::solver::cg_problem>(list, wl::tables::cg_rungs(),
                                from_front_door<wl::solver::cg_problem>(
                                    "conjugate_gradient", wl::tables::solver_cg_workspace_bytes,
                                    wl::tables::solver_conjugate_gradient),
                                shape);
  }
  return list.take();
}

void describe_vendor() {
  benchmark::AddCustomContext("jacobi_steps",
                              std::to_string(wl::bench::solver_steps<wl::solver::jacobi_problem>));
  benchmark::AddCustomContext("cg_iterations",
                              std::to_string(wl::bench::solver_steps<wl::solver::cg_problem>));
  benchmark::AddCustomContext("counting_rule",
                              "a case is 200 steps or 100 iterations; bytes: 8 per cell and step, "
                              "40 per cell and iteration, "
                              "what goes through memory where nothing stays on chip; vendor: the "
                              "lowest rung of the ladder");
}

}  // namespace

int main(int argc, char** argv) {
  return wl::bench::run(
      argc, argv,
      {.cases = cases,
       .describe = describe_vendor,
       .help = {.sizes = wl::bench::solver_shape_help,
                .front_doors =
                    "`jacobi` and `conjugate_gradient` are the front doors; rungs 01.. are "
                    "steps of the heat equation, 11.. conjugate gradients",
                .examples = R"(  solver_bench                                   the quick suite
  solver_bench --sizes=1000x700                  a grid of your own
  solver_bench --sizes=256x256,2048x2048 --rungs=halo,tagged --modes=stream,graph --pairs=31
  solver_bench --suite=full --benchmark_out=results.json
)",
                .vendor = "the lowest rung",
                .judge = "the formula bit by bit, and conjugate gradients of float64,"}});
}
