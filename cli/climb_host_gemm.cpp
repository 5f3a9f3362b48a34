// SPDX-License-Identifier: Apache-2.0
//
// GEMM without a GPU: every rung is executed on the CPU and compared with float64.

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <gemm.hpp>
#include <gemm_shape.hpp>
#include <nlohmann/json.hpp>
#include <random>
#include <stdexcept>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/device.hpp>

#include "climb_host.hpp"
#include "published_gpus.hpp"
#include "rungs.hpp"
#include "table.hpp"

namespace warpladder::cli {

using simt::report::published_gpu;
using simt::report::table;
namespace {

using problem = gemm::problem<float>;
using bench::gemm_shape;

/// What one rung did with one shape.
struct outcome {
  std::string name, idea;
  std::string why_skipped = {};  ///< "" if it ran
  std::string error = {};        ///< "" if it ran to its end
  gemm::verification found = {};
  std::string choice = {};  ///< the front door's

  bool is_right() const { return error.empty() && found.wrong == 0 && found.checked > 0; }
};

/// A, B and C with fixed random inputs, uniform in [-1, 1).
struct operands {
  explicit operands(const gemm_shape& shape)
      : a(std::size_t(shape.m * shape.k * shape.batch)),
        b(std::size_t(shape.k * shape.n * shape.batch)),
        c(std::size_t(shape.m * shape.n * shape.batch)) {
    std::mt19937 generator(2);
    std::uniform_real_distribution<float> values(-1, 1);
    for (const auto& matrix : {a.view(), b.view()}) {
      std::vector<float> inputs(matrix.size());
      std::generate(inputs.begin(), inputs.end(), [&] { return values(generator); });
      WARPLADDER_TRY(
          cudaMemcpy(matrix.data(), inputs.data(), matrix.size_bytes(), cudaMemcpyHostToDevice));
    }
    p.m = shape.m, p.n = shape.n, p.k = shape.k, p.batch = shape.batch;
    p.a = a.data(), p.lda = shape.k, p.stride_a = shape.m * shape.k;
    p.b = b.data(), p.ldb = shape.n, p.stride_b = shape.k * shape.n;
    p.c = c.data(), p.ldc = shape.n, p.stride_c = shape.m * shape.n;
  }

  device_buffer<float> a, b, c;
  problem p;
};

/// Runs `launch` into a C full of NaN and compares every element with float64.
void run_and_verify(const operands& on, std::size_t workspace_bytes,
                    const std::function<cudaError_t(cudaStream_t, workspace_view)>& launch,
                    outcome& result) {
  try {
    const stream to;
    const device_buffer<std::byte> scratch(workspace_bytes);
    const device_buffer<gemm::verification> found(1);
    WARPLADDER_TRY(cudaMemsetAsync(on.c.data(), 0xff, on.c.size_bytes(), to));
    WARPLADDER_TRY(launch(to, {scratch.data(), scratch.size()}));
    WARPLADDER_TRY(tables::gemm_verify<float>(on.p, nullptr, found.data(), to));
    copy_async<gemm::verification>({&result.found, 1}, found.view(), to);
    to.synchronize();
  } catch (const std::exception& failure) {
    result.error = failure.what();
  }
}

std::vector<outcome> climb_shape(const gemm_shape& shape, const climb_options& wanted,
                                 const device_facts& device) {
  const operands on(shape);
  std::vector<outcome> results;
  const auto announce = [&](const std::string& name) {
    fmt::print(stderr, "running {} at {} ...\n", name, shape.name());
  };
  for (const auto& rung : tables::gemm<float>()) {
    outcome result{.name = full_name(rung.info), .idea = std::string(rung.info.idea)};
    if (!is_wanted(result.name, wanted.rungs)) continue;
    if (!rung.info.runs_on_host) {
      result.why_skipped = "has no host version";
    } else if (const auto support = rung.supports(on.p); !support) {
      result.why_skipped = support.why_not;
    } else {
      result.why_skipped = why_not_on(rung.info, device);
    }
    if (result.why_skipped.empty()) {
      announce(result.name);
      const auto launch = [&](cudaStream_t to, workspace_view scratch) {
        return rung.launch(on.p, to, scratch);
      };
      run_and_verify(on, rung.workspace_bytes(on.p), launch, result);
    }
    results.push_back(result);
  }
  if (is_wanted("run", wanted.rungs)) {
    outcome result{.name = "run", .idea = "the front door, which chooses among the rungs"};
    announce("the front door");
    const auto launch = [&](cudaStream_t to, workspace_view scratch) {
      result.choice = tables::gemm_choice(on.p, scratch);
      return tables::gemm_run(on.p, to, scratch);
    };
    run_and_verify(on, tables::gemm_workspace_bytes(on.p), launch, result);
    results.push_back(result);
  }
  return results;
}

std::string verdict(const outcome& result) {
  return result.is_right() ? "correct" : fmt::format("WRONG in {}", result.found.wrong);
}

table make_table(const std::vector<outcome>& results) {
  table rows({{"rung", table::align::left, 26},
              {"idea", table::align::left, 52},
              {"result", table::align::left, 20},
              {"worst error / bound", table::align::right}});
  for (const outcome& result : results) {
    const std::string idea = result.choice.empty() ? result.idea : "chose " + result.choice;
    if (!result.why_skipped.empty()) {
      rows.add({result.name, idea, "skipped: " + result.why_skipped});
    } else if (!result.error.empty()) {
      rows.add({result.name, idea, "FAILED: " + result.error});
    } else {
      const double worst = double(result.found.worst_permille) * 1e-3;
      rows.add({result.name, idea, verdict(result),
                result.is_right() ? fmt::format("{:.3f}", worst) : "above 1"});
    }
  }
  return rows;
}

nlohmann::ordered_json to_json(const outcome& result) {
  nlohmann::ordered_json row{{"name", result.name}, {"idea", result.idea}};
  if (!result.why_skipped.empty()) {
    row["skipped"] = result.why_skipped;
    return row;
  }
  row["correct"] = result.is_right();
  if (!result.error.empty()) row["error"] = result.error;
  row["wrong_elements"] = result.found.wrong;
  row["checked_elements"] = result.found.checked;
  if (result.is_right()) row["worst_error_over_bound"] = double(result.found.worst_permille) * 1e-3;
  if (!result.choice.empty()) row["choice"] = result.choice;
  return row;
}

std::string describe_wrong(const outcome& result) {
  const auto& found = result.found;
  return fmt::format("{}: C[{}][{}] of product {} is {:.9g}, expected {:.9g}, allowed error {:.3g}",
                     result.name, found.row, found.col, found.batch, found.got, found.expected,
                     found.bound);
}

}  // namespace

topic_outcome climb_gemm(const climb_options& wanted) {
  const published_gpu& gpu = simt::report::find_gpu(wanted.gpu);
  std::vector<gemm_shape> shapes;
  for (const std::string& size : wanted.sizes) shapes.push_back(bench::parse_gemm_shape(size));
  if (shapes.empty()) {
    shapes = {{128, 128, 128}, {132, 68, 100}, {97, 65, 129}};
    if (wanted.quick) shapes = {{65, 33, 47}};
  }
  device_facts device;
  WARPLADDER_TRY(query_device(device));

  topic_outcome done;
  nlohmann::ordered_json& all = done.report;
  all = {{"backend", "host"},
         {"topic", "gemm"},
         {"dtype", "float32"},
         {"gpu", gpu.name},
         {"published_float32_tflops", gpu.float32_tflops},
         {"published_memory_gbps", gpu.memory_gbps}};
  for (const gemm_shape& shape : shapes) {
    const std::vector<outcome> results = climb_shape(shape, wanted, device);
    if (results.empty()) break;
    const double flops = shape.flops(), bytes = shape.bytes(sizeof(float));
    const double at_memory = flops / bytes * gpu.memory_gbps * 1e-3;
    const double bound = std::min(at_memory, gpu.float32_tflops);
    const char* const limit = at_memory < gpu.float32_tflops ? "memory" : "arithmetic";

    nlohmann::ordered_json block{{"shape", shape.name()},     {"flops", flops},
                                 {"compulsory_bytes", bytes}, {"flops_per_byte", flops / bytes},
                                 {"roofline_tflops", bound},  {"roofline_limit", limit}};
    std::string complaints;
    for (const outcome& result : results) {
      block["rungs"].push_back(to_json(result));
      if (!result.why_skipped.empty()) continue;
      ++done.ran;
      if (result.is_right()) continue;
      done.all_right = false;
      complaints += result.error.empty() ? describe_wrong(result) + "\n" : "";
    }
    all["shapes"].push_back(block);
    if (wanted.json) continue;
    fmt::print(
        "\ngemm, float32, {}\n"
        "{:.4g} Mflop on at least {:.4g} KB: {:.3g} flop per byte. Roofline of one {}: at most "
        "{:.3g} TFLOP/s, set by {}.\n\n{}{}",
        shape.name(), flops * 1e-6, bytes * 1e-3, flops / bytes, gpu.name, bound, limit,
        make_table(results).text(), complaints);
  }
  if (done.ran != 0 && !wanted.json)
    fmt::print(
        "\nEvery element was compared with float64: a ratio below 1 is within the proven bound.\n");
  return done;
}

}  // namespace warpladder::cli
