// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <memory>
#include <random>
#include <solver.hpp>
#include <solver_shape.hpp>
#include <vector>
#include <warpladder/core/buffer.hpp>
#include <warpladder/solver/verification.hpp>

#include "rung_case.hpp"
#include "rungs.hpp"

namespace warpladder::cli {
namespace {

using bench::is_heat;

/// Few: what is traced stays in memory, and what can go wrong does so by the third step.
template <class Problem>
constexpr int steps = is_heat<Problem> ? 4 : 3;

/// A problem on random numbers; `p` points into the buffers.
template <class Problem>
struct operands {
  Problem p;
  std::vector<float> in;
  device_buffer<float> device_in, device_out, residual{1};
  device_buffer<std::byte> scratch{0};

  explicit operands(const bench::solver_shape& shape)
      : p(bench::solver_problem_of<Problem>(shape, steps<Problem>)),
        in(std::size_t(shape.rows * shape.cols)),
        device_in(in.size()),
        device_out(in.size()) {
    std::mt19937 random(3);
    std::uniform_real_distribution<float> uniform(-1, 1);
    for (float& x : in) x = uniform(random);
    WARPLADDER_TRY(
        cudaMemcpy(device_in.data(), in.data(), device_in.size_bytes(), cudaMemcpyHostToDevice));
    for (auto* buffer : {&device_out, &residual})
      WARPLADDER_TRY(cudaMemset(buffer->data(), 0xff, buffer->size_bytes()));  // NaN
    WARPLADDER_TRY(cudaDeviceSynchronize());
    name_buffer(device_in.data(), is_heat<Problem> ? "in" : "b");
    name_buffer(device_out.data(), is_heat<Problem> ? "out" : "x");
    name_buffer(residual.data(), "residual");
    if constexpr (is_heat<Problem>) {
      p.in = device_in.data(), p.out = device_out.data();
    } else {
      p.b = device_in.data(), p.x = device_out.data(), p.residual = residual.data();
    }
  }

  std::string explain_wrong() const {
    const std::vector<float> got = download(device_out);
    if constexpr (is_heat<Problem>) {
      const auto want = solver::heat_reference(in, p.rows, p.cols, p.steps, p.alpha);
      for (std::size_t k = 0; k < got.size(); ++k) {
        if (std::bit_cast<std::uint32_t>(got[k]) != std::bit_cast<std::uint32_t>(want[k]))
          return fmt::format("row {}, column {} is {}, expected {}, bit for bit",
                             std::int64_t(k) / p.cols, std::int64_t(k) % p.cols, got[k], want[k]);
      }
      return "";
    } else {
      return solver::explain_wrong_cg(solver::examine_cg(in, got, p.rows, p.cols, p.iterations),
                                      download(residual)[0], p.rows, p.cols, p.iterations);
    }
  }

 private:
  static std::vector<float> download(const device_buffer<float>& from) {
    std::vector<float> got(from.size());
    WARPLADDER_TRY(cudaMemcpy(got.data(), from.data(), from.size_bytes(), cudaMemcpyDeviceToHost));
    return got;
  }
};

template <class Problem, class Supports, class WorkspaceBytes, class Launch>
rung_case make_case(const std::string& text, Supports supports, WorkspaceBytes workspace_bytes,
                    Launch launch) {
  const bench::solver_shape shape = bench::parse_solver_shape(text);
  rung_case made{.shape = shape.name(),
                 .bytes = shape.cells() * steps<Problem> * bench::solver_bytes_per_cell<Problem>};
  const auto on = std::make_shared<operands<Problem>>(shape);
  if (const support can = supports(on->p); !can) {
    made.why_not = can.why_not;
    return made;
  }
  on->scratch = device_buffer<std::byte>(workspace_bytes(on->p));
  if (on->scratch.size() > 0) name_buffer(on->scratch.data(), "the workspace");
  made.launch = [on, launch](cudaStream_t to) {
    return launch(on->p, to, workspace_view{on->scratch.data(), on->scratch.size()});
  };
  made.explain_wrong = [on] { return on->explain_wrong(); };
  return made;
}

/// A kernel per step waits for no other block; those that stay poll.
bool ends_with_every_step(const rung_info& rung) {
  return rung.step % 10 == 1 || rung.step % 10 == 2;
}

template <class Problem>
void add_ladder(std::vector<runnable_rung>& to, std::span<const rung_entry<Problem>> rungs,
                const char* door, std::size_t (*workspace_bytes)(const Problem&),
                cudaError_t (*run)(const Problem&, cudaStream_t, workspace_view)) {
  // Several bands and warps, ragged in every direction; one cell.
  const std::vector<std::string> shapes = {"24x64", "1x1", "3x3", "9x140", "33x31"};
  const std::string help = bench::solver_shape_help;
  for (const auto& rung : rungs) {
    to.push_back({.name = "solver/" + full_name(rung.info),
                  .info = rung.info,
                  .shape_help = help,
                  .shapes = shapes,
                  .make =
                      [rung](const std::string& shape) {
                        return make_case<Problem>(shape, rung.supports, rung.workspace_bytes,
                                                  rung.launch);
                      },
                  .has_counters = ends_with_every_step(rung.info)});
  }
  to.push_back({.name = "solver/" + std::string(door),
                .info = {.step = 99, .name = door, .idea = "the front door"},
                .shape_help = help,
                .shapes = shapes,
                .make =
                    [=](const std::string& shape) {
                      return make_case<Problem>(
                          shape, [](const Problem&) { return support{}; }, workspace_bytes, run);
                    },
                .has_counters = false});
}

}  // namespace

void add_solver_rungs(std::vector<runnable_rung>& to) {
  add_ladder(to, tables::jacobi_rungs(), "jacobi", tables::solver_jacobi_workspace_bytes,
             tables::solver_jacobi);
  add_ladder(to, tables::cg_rungs(), "conjugate_gradient", tables::solver_cg_workspace_bytes,
             tables::solver_conjugate_gradient);
}

}  // namespace warpladder::cli
