// SPDX-License-Identifier: Apache-2.0
//
// On Hopper cublasLt's heuristics name kernels for Hopper alone. Its older ones can be had by
// asking for an algorithm, a tile and a number of stages: this tries them all, and takes those
// whose kernel's name says that it was made for sm_80.
#include <cuda.h>
#include <cudaTypedefs.h>

#include <algorithm>
#include <functional>
#include <gemm_tc_sm_80.hpp>
#include <harness/median.hpp>
#include <harness/random.hpp>
#include <stdexcept>
#include <string>
#include <vector>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/error.hpp>
#include <warpladder/core/event.hpp>
#include <warpladder/gemm_tc/04_cp_async.cuh>
#include <warpladder/gemm_tc/vendor_search.cuh>

namespace warpladder::bench {
namespace {

using gemm_tc::cp_async;
using product = gemm_tc::problem<__nv_bfloat16, __nv_bfloat16>;
using gemm_tc::detail::owned;
using gemm_tc::detail::vendor_plan;

template <class Function>
Function driver_function(const char* name, unsigned version) {
  void* entry = nullptr;
  cudaDriverEntryPointQueryResult found;
#if CUDART_VERSION >= 12050
  WARPLADDER_TRY(
      cudaGetDriverEntryPointByVersion(name, &entry, version, cudaEnableDefault, &found));
#else
  WARPLADDER_TRY(cudaGetDriverEntryPoint(name, &entry, cudaEnableDefault, &found));
#endif
  if (entry == nullptr) throw std::runtime_error(std::string("the driver has no ") + name);
  return reinterpret_cast<Function>(entry);
}

/// The only kernel that the plan launches, or "".
std::string kernel_of(const vendor_plan& plan, const product& p, stream_view stream,
                      workspace_view workspace) {
  static const auto params_of =
      driver_function<PFN_cuGraphKernelNodeGetParams_v12000>("cuGraphKernelNodeGetParams", 12000);
  static const auto name_of = driver_function<PFN_cuFuncGetName_v12030>("cuFuncGetName", 12030);
  WARPLADDER_TRY(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  const bool good = launch_plan(plan, p, stream, workspace) == CUBLAS_STATUS_SUCCESS;
  cudaGraph_t captured = nullptr;
  const cudaError_t ended = cudaStreamEndCapture(stream, &captured);
  const owned<cudaGraph_t> graph(captured);
  std::size_t count = 1;
  cudaGraphNode_t node = nullptr;
  if (!good || ended != cudaSuccess ||
      cudaGraphGetNodes(graph.get(), nullptr, &count) != cudaSuccess || count != 1 ||
      cudaGraphGetNodes(graph.get(), &node, &count) != cudaSuccess) {
    cudaGetLastError();
    return "";
  }
  CUDA_KERNEL_NODE_PARAMS params{};
  const char* name = nullptr;
  if (params_of(node, &params) != CUDA_SUCCESS || name_of(&name, params.func) != CUDA_SUCCESS)
    return "";
  return name;
}

}  // namespace

sm_80_race race_sm_80(std::int64_t n, bool trans_b, stream_view stream) {
  const auto a = uniform_buffer<__nv_bfloat16>(n * n, 1, stream);
  const auto b = uniform_buffer<__nv_bfloat16>(n * n, 2, stream);
  const device_buffer<__nv_bfloat16> c(std::size_t(n * n));
  product p;
  p.m = p.n = p.k = p.lda = p.ldb = p.ldc = n;
  p.a = a.data(), p.b = b.data(), p.c = c.data();
  if (trans_b) p.trans_b = gemm_tc::transpose::yes;
  const device_buffer<std::byte> lent(gemm_tc::cublaslt::workspace_bytes(p));
  const workspace_view workspace{lent.data(), lent.size()};

  const event begin(event::timing::on), end(event::timing::on);
  const auto seconds = [&](int launches, const std::function<void()>& launch) {
    stream.record(begin);
    for (int i = 0; i < launches; ++i) launch();
    stream.record(end);
    end.synchronize();
    return elapsed_ms(begin, end) * 1e-3 / launches;
  };
  const auto theirs = [&](const vendor_plan& plan) {
    if (launch_plan(plan, p, stream, workspace) != CUBLAS_STATUS_SUCCESS)
      throw std::runtime_error("a kernel of the vendor's failed");
  };

  struct rival {
    vendor_plan plan;
    std::string name;
    std::vector<double> seconds = {};
  };
  std::vector<rival> field;
  for (const vendor_plan& plan : gemm_tc::detail::lt_product(p).configured(workspace.bytes)) {
    const std::string name = kernel_of(plan, p, stream, workspace);
    if (name.find("_80_") != name.npos) field.push_back({plan, name});
  }
  if (field.empty()) return {};
  sm_80_race race;
  race.vendor_kernels = int(field.size());
  // In turns, so that a change of the clock hits all; who is far behind after one drops out.
  const auto turn = [&] {
    for (rival& one : field) one.seconds.push_back(seconds(3, [&] { theirs(one.plan); }));
  };
  const auto leader = [&] {
    return std::min_element(field.begin(), field.end(), [](const rival& x, const rival& y) {
      return median(x.seconds) < median(y.seconds);
    });
  };
  turn();
  for (rival& one : field) one.seconds.clear();  // the first launch loads the kernel
  turn();
  const double bound = 1.15 * median(leader()->seconds);
  std::erase_if(field, [&](const rival& one) { return median(one.seconds) > bound; });
  for (int i = 0; i < 14; ++i) turn();
  const vendor_plan best = leader()->plan;
  const double least = median(leader()->seconds);
  race.vendor_kernel = leader()->name;

  std::vector<double> their_seconds, our_seconds;
  const int launches = std::max(3, int(2e-3 / least));
  for (int round = 0; round < 21; ++round) {
    their_seconds.push_back(seconds(launches, [&] { theirs(best); }));
    our_seconds.push_back(
        seconds(launches, [&] { WARPLADDER_TRY(cp_async::launch(p, stream, {})); }));
  }
  race.vendor_seconds = median(their_seconds), race.seconds = median(our_seconds);
  return race;
}

}  // namespace warpladder::bench
