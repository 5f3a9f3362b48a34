// SPDX-License-Identifier: Apache-2.0
//
// Not a study of its own: run by scripts/measure_limits under Nsight Compute, which shall see one
// product of one rung and nothing else. bf16, `--size` cubed, C = A B^T, random inputs.

#include <cuda_profiler_api.h>
#include <cuda_runtime_api.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <gemm_tc.hpp>
#include <harness/random.hpp>
#include <stdexcept>
#include <string>
#include <study.hpp>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/device.hpp>
#include <warpladder/core/stream.hpp>

namespace {

namespace wl = warpladder;
using problem = wl::gemm_tc::problem<__nv_bfloat16, __nv_bfloat16>;

std::string full_name(const wl::rung_info& rung) {
  return fmt::format("{:02}_{}", rung.step, rung.name);
}

/// The rungs that this GPU can run on the product, and who asks.
nlohmann::ordered_json list(const problem& p) {
  wl::device_facts device;
  WARPLADDER_TRY(wl::query_device(device));
  auto names = nlohmann::ordered_json::array();
  for (const auto& rung : wl::tables::gemm_tc<__nv_bfloat16, __nv_bfloat16>()) {
    if (device.compute_capability >= rung.info.min_compute_capability && rung.supports(p))
      names.push_back(full_name(rung.info));
  }
  return {{"context", wl::bench::describe_study()}, {"rungs", names}};
}

void launch(problem p, const std::string& name) {
  const wl::stream stream;
  const wl::device_buffer<__nv_bfloat16> a(std::size_t(p.m * p.k)), b(std::size_t(p.n * p.k)),
      c(std::size_t(p.m * p.n));
  WARPLADDER_TRY(wl::bench::fill_uniform(a.data(), a.size(), 1, stream));
  WARPLADDER_TRY(wl::bench::fill_uniform(b.data(), b.size(), 2, stream));
  p.a = a.data(), p.b = b.data(), p.c = c.data();
  for (const auto& rung : wl::tables::gemm_tc<__nv_bfloat16, __nv_bfloat16>()) {
    if (full_name(rung.info) != name) continue;
    const wl::device_buffer<std::byte> own(rung.workspace_bytes(p));
    if (rung.info.step == 0)  // keeps the fastest of the vendor's ways for the launch below
      wl::tables::gemm_tc_search_vendor(p, stream, {own.data(), own.size()});
    WARPLADDER_TRY(rung.launch(p, stream, {own.data(), own.size()}));  // warm
    stream.synchronize();
    WARPLADDER_TRY(cudaProfilerStart());
    WARPLADDER_TRY(rung.launch(p, stream, {own.data(), own.size()}));
    stream.synchronize();
    WARPLADDER_TRY(cudaProfilerStop());
    return;
  }
  throw std::runtime_error("there is no rung " + name);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Launches one rung of the tensor core GEMMs, for a profiler.");
  std::string rung;
  std::int64_t size = 4096;
  app.add_option("rung", rung, "Such as 05_wgmma; none: lists those that can run, as JSON");
  app.add_option("--size", size, "m = n = k")->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  problem p;
  p.m = p.n = p.k = p.lda = p.ldb = p.ldc = size;
  p.trans_b = wl::gemm_tc::transpose::yes;
  try {
    if (rung.empty()) {
      fmt::print("{}\n", list(p).dump(1));
    } else {
      launch(p, rung);
    }
  } catch (const std::exception& error) {
    fmt::print(stderr, "FAILED: {}\n", error.what());
    return 1;
  }
  return 0;
}
