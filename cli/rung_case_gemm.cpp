// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <gemm.hpp>
#include <gemm_shape.hpp>
#include <memory>
#include <random>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/stream.hpp>

#include "rung_case.hpp"
#include "rungs.hpp"

namespace warpladder::cli {
namespace {

using problem = gemm::problem<float>;

/// A, B and C with fixed random inputs, uniform in [-1, 1), and a C full of NaN.
struct operands {
  explicit operands(const bench::gemm_shape& shape)
      : a(std::size_t(shape.m * shape.k * shape.batch)),
        b(std::size_t(shape.k * shape.n * shape.batch)),
        c(std::size_t(shape.m * shape.n * shape.batch)) {
    std::mt19937 generator(2);
    for (const auto& matrix : {a.view(), b.view()}) {
      std::vector<float> inputs(matrix.size());
      for (float& x : inputs) x = float(generator()) * 0x1p-31f - 1;
      WARPLADDER_TRY(
          cudaMemcpy(matrix.data(), inputs.data(), matrix.size_bytes(), cudaMemcpyHostToDevice));
    }
    WARPLADDER_TRY(cudaMemset(c.data(), 0xff, c.size_bytes()));
    WARPLADDER_TRY(cudaDeviceSynchronize());
    name_buffer(a.data(), "A");
    name_buffer(b.data(), "B");
    name_buffer(c.data(), "C");
    p.m = shape.m, p.n = shape.n, p.k = shape.k, p.batch = shape.batch;
    p.a = a.data(), p.lda = shape.k, p.stride_a = shape.m * shape.k;
    p.b = b.data(), p.ldb = shape.n, p.stride_b = shape.k * shape.n;
    p.c = c.data(), p.ldc = shape.n, p.stride_c = shape.m * shape.n;
  }

  std::string explain_wrong() {
    const stream to;
    const device_buffer<gemm::verification> result(1);
    WARPLADDER_TRY(tables::gemm_verify<float>(p, nullptr, result.data(), to));
    copy_async<gemm::verification>({&found, 1}, result.view(), to);
    to.synchronize();
    if (found.wrong == 0) return "";
    return fmt::format(
        "{} of {} elements are wrong, the first is C[{}][{}] = {:.9g}, expected {:.9g}",
        found.wrong, found.checked, found.row, found.col, found.got, found.expected);
  }

  device_buffer<float> a, b, c;
  device_buffer<std::byte> scratch{0};
  problem p;
  gemm::verification found = {};
};

template <class Launch, class WorkspaceBytes>
rung_case make_case(const std::string& text, const std::function<support(const problem&)>& supports,
                    WorkspaceBytes workspace_bytes, Launch launch) {
  const bench::gemm_shape shape = bench::parse_gemm_shape(text);
  rung_case made{
      .shape = shape.name(), .flops = shape.flops(), .bytes = shape.bytes(sizeof(float))};
  const auto on = std::make_shared<operands>(shape);
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
  made.error_over_bound = [on] { return double(on->found.worst_permille) * 1e-3; };
  return made;
}

rung_case make_front_door_case(const std::string& shape) {
  const auto chosen = std::make_shared<std::string>();
  rung_case made = make_case(
      shape, [](const problem&) { return support{}; }, tables::gemm_workspace_bytes<float>,
      [chosen](const problem& p, cudaStream_t to, workspace_view scratch) {
        *chosen = tables::gemm_choice(p, scratch);
        return tables::gemm_run(p, to, scratch);
      });
  made.choice = [chosen] { return *chosen; };
  return made;
}

}  // namespace

void add_gemm_rungs(std::vector<runnable_rung>& to) {
  // Aligned and ragged; several blocks of every rung and several k-tiles; batches; slivers of
  // either orientation, whole vectors or not, for 13.
  const std::vector<std::string> shapes = {
      "128x128x128", "64x96x32",     "65x33x47",  "130x132x20", "132x260x100", "36x68x276",
      "32x32x32xb5", "3x200x100xb2", "4x256x130", "1x97x33",    "200x3x64",    "96x1x130"};
  const std::string help = "N for a cube, MxNxK, or MxNxKxbBATCH";
  for (const auto& rung : tables::gemm<float>()) {
    to.push_back(
        {"gemm/" + full_name(rung.info), rung.info, help, shapes, [rung](const std::string& shape) {
           return make_case(shape, rung.supports, rung.workspace_bytes, rung.launch);
         }});
  }
  to.push_back({"gemm/run",
                {.step = 99, .name = "run", .idea = "the front door"},
                help,
                shapes,
                make_front_door_case});
}

}  // namespace warpladder::cli
