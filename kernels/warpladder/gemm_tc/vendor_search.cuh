// SPDX-License-Identifier: Apache-2.0
//
// The search for the vendor's best: every algorithm that cublasLt names for the very problem, and
// cublasGemmEx, timed on it. What the library's users can do without a kernel of their own, short
// of going through the parameters of algorithms one by one.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>
#include <warpladder/core/error.hpp>
#include <warpladder/core/event.hpp>
#include <warpladder/core/stream.hpp>
#include <warpladder/gemm_tc/00_cublaslt.cuh>
#include <warpladder/gemm_tc/vendor_search.hpp>

namespace warpladder::gemm_tc {

namespace detail {

struct destroy_graph {
  void operator()(cudaGraph_t graph) const { cudaGraphDestroy(graph); }
  void operator()(cudaGraphExec_t graph) const { cudaGraphExecDestroy(graph); }
};
template <class Graph>
using owned = std::unique_ptr<std::remove_pointer_t<Graph>, destroy_graph>;

/// One way and the times that it took. It is timed by replaying a graph: a small product takes
/// less time than the host needs to ask for it.
struct candidate {
  vendor_plan plan;
  std::string name;
  owned<cudaGraphExec_t> graph = nullptr;
  std::vector<double> seconds = {};

  double median() const {
    if (seconds.empty()) return std::numeric_limits<double>::infinity();
    std::vector<double> sorted = seconds;
    std::nth_element(sorted.begin(), sorted.begin() + sorted.size() / 2, sorted.end());
    return sorted[sorted.size() / 2];
  }
};

/// `launches` of the plan as a graph, or null if it cannot be captured.
template <class Problem>
owned<cudaGraphExec_t> capture_plan(const vendor_plan& plan, const Problem& p, int launches,
                                    stream_view stream, workspace_view workspace) {
  WARPLADDER_TRY(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  bool good = true;
  for (int i = 0; i < launches && good; ++i)
    good = launch_plan(plan, p, stream, workspace) == CUBLAS_STATUS_SUCCESS;
  cudaGraph_t captured = nullptr;
  good = cudaStreamEndCapture(stream, &captured) == cudaSuccess && good;
  const owned<cudaGraph_t> graph(captured);
  cudaGraphExec_t executable = nullptr;
  if (!good || cudaGraphInstantiate(&executable, graph.get(), 0) != cudaSuccess) {
    cudaGetLastError();  // it is said by the null
    return nullptr;
  }
  return owned<cudaGraphExec_t>(executable);
}

}  // namespace detail

/// Times every way in which the vendor can compute `p` and keeps the fastest for cublaslt::launch.
/// The ways take turns, so that a change of the clock hits all; each round drops those that are
/// hopeless. Synchronises `stream`, overwrites C, allocates host memory, throws on CUDA errors.
/// Takes about 200 launches of the slower ways' time, or 0.3 s. `workspace` as cublaslt asks.
template <class Problem>
vendor_search search_vendor(const Problem& p, stream_view stream, workspace_view workspace) {
  using detail::candidate;
  if (p.is_empty() || !cublaslt::supports(p)) return {};
  constexpr int most = 128;
  std::vector<candidate> field;
  for (const auto& algorithm : detail::lt_product(p).heuristics(most, workspace.bytes))
    field.push_back({.plan = {algorithm}, .name = std::to_string(field.size() + 1)});
  for (candidate& one : field)
    one.name = "cublasLt " + one.name + " of " + std::to_string(field.size());
  const bool has_first = !field.empty();
  field.push_back({.plan = {}, .name = "cublasGemmEx"});

  // Who can run at all. This loads kernels and makes handles, too.
  const event begin(event::timing::on), end(event::timing::on);
  double fastest = std::numeric_limits<double>::infinity();
  const std::string first_name = field.front().name;
  std::erase_if(field, [&](candidate& one) {
    for (int time = 0; time < 2; ++time) {  // the second is warm
      stream.record(begin);
      if (detail::launch_plan(one.plan, p, stream, workspace) != CUBLAS_STATUS_SUCCESS) {
        cudaGetLastError();
        return true;
      }
      stream.record(end);
      end.synchronize();
    }
    fastest = std::min(fastest, elapsed_ms(begin, end) * 1e-3);
    return false;
  });
  if (field.empty()) return {};

  // Batches of about 200 us, at least 3 launches unless they are very long.
  const int launches = std::clamp(int(200e-6 / fastest), fastest > 1e-3 ? 1 : 3, 50);
  std::erase_if(field, [&](candidate& one) {
    one.graph = detail::capture_plan(one.plan, p, launches, stream, workspace);
    return one.graph == nullptr;
  });
  if (field.empty()) return {};
  const auto first_of = [&] { return has_first && field.front().name == first_name; };
  vendor_search found;
  found.candidates = int(field.size());
  const auto round = [&] {
    for (candidate& one : field) {
      stream.record(begin);
      WARPLADDER_TRY(cudaGraphLaunch(one.graph.get(), stream));
      stream.record(end);
      end.synchronize();
      one.seconds.push_back(elapsed_ms(begin, end) * 1e-3 / launches);
    }
  };
  const auto keep_within = [&](double factor) {
    double best = std::numeric_limits<double>::infinity();
    for (const candidate& one : field) best = std::min(best, one.median());
    const bool keep_first = first_of();  // its time is reported
    for (std::size_t i = field.size(); i-- > (keep_first ? 1 : 0);) {
      if (field[i].median() > factor * best) field.erase(field.begin() + std::ptrdiff_t(i));
    }
  };
  round();
  for (candidate& one : field) one.seconds.clear();  // graphs are uploaded by their first launch
  for (int i = 0; i < 2; ++i) round();
  keep_within(1.5);
  for (int i = 0; i < 5; ++i) round();
  keep_within(1.1);
  for (int i = 0; i < 14; ++i) round();

  const auto best = std::min_element(
      field.begin(), field.end(),
      [](const candidate& x, const candidate& y) { return x.median() < y.median(); });
  found.winner = best->name;
  found.best_seconds = best->median();
  found.first_seconds = first_of() ? field.front().median() : 0;
  detail::vendor_plans::keep(p, detail::plan_is::the_best, best->plan);
  return found;
}

}  // namespace warpladder::gemm_tc
