// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <gemm_tc.hpp>
#include <gemm_tc_shape.hpp>
#include <memory>
#include <random>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/stream.hpp>

#include "rung_case.hpp"
#include "rungs.hpp"

namespace warpladder::cli {
namespace {

using element = __nv_bfloat16;
using problem = gemm_tc::problem<element, element>;

/// From this rung on kernels are chosen, by tables that change with every tuning.
constexpr int tuned_step = 16;

/// A, B and C with fixed random inputs, uniform in [-1, 1), and a C full of NaN.
struct operands {
  explicit operands(const bench::gemm_tc_shape& shape)
      : p(bench::packed_gemm_tc<problem>(shape)),
        a(std::size_t(p.stride_a * p.batch)),
        b(std::size_t(p.stride_b * p.batch)),
        c(std::size_t(p.stride_c * p.batch)) {
    std::mt19937 generator(2);
    for (const auto& matrix : {a.view(), b.view()}) {
      std::vector<element> inputs(matrix.size());
      for (element& x : inputs) x = element(float(generator()) * 0x1p-31f - 1);
      WARPLADDER_TRY(
          cudaMemcpy(matrix.data(), inputs.data(), matrix.size_bytes(), cudaMemcpyHostToDevice));
    }
    WARPLADDER_TRY(cudaMemset(c.data(), 0xff, c.size_bytes()));
    WARPLADDER_TRY(cudaDeviceSynchronize());
    name_buffer(a.data(), "A");
    name_buffer(b.data(), "B");
    name_buffer(c.data(), "C");
    p.a = a.data(), p.b = b.data(), p.c = c.data();
  }

  std::string explain_wrong() {
    const stream to;
    const device_buffer<gemm_tc::verification> result(1);
    const element* const before = nullptr;
    WARPLADDER_TRY(tables::gemm_tc_verify(p, before, result.data(), to));
    copy_async<gemm_tc::verification>({&found, 1}, result.view(), to);
    to.synchronize();
    if (found.wrong == 0) return "";
    return fmt::format(
        "{} of {} elements are wrong, the first is C[{}][{}] = {:.9g}, expected {:.9g}",
        found.wrong, found.checked, found.row, found.col, found.got, found.expected);
  }

  problem p;
  device_buffer<element> a, b, c;
  device_buffer<std::byte> scratch{0};
  gemm_tc::verification found = {};
};

template <class WorkspaceBytes, class Launch>
rung_case make_case(const std::string& text, const std::function<support(const problem&)>& supports,
                    WorkspaceBytes workspace_bytes, Launch launch) {
  const bench::gemm_tc_shape shape = bench::parse_gemm_tc_shape(text, false);
  rung_case made{.shape = shape.name(),
                 .flops = shape.flops(),
                 .on_tensor_cores = true,
                 .bytes = shape.bytes(sizeof(element))};
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
      shape, [](const problem&) { return support{}; },
      tables::gemm_tc_workspace_bytes<element, element>,
      [chosen](const problem& p, cudaStream_t to, workspace_view scratch) {
        *chosen = tables::gemm_tc_choice(p, scratch);
        return tables::gemm_tc_run(p, to, scratch);
      });
  made.choice = [chosen] { return *chosen; };
  return made;
}

}  // namespace

void add_gemm_tc_rungs(std::vector<runnable_rung>& to) {
  // Whole tiles of every rung, and ragged ones, also with rows of C that the copy engine cannot
  // write; several along every side; a batch of deep ones, of which each of two multiprocessors
  // gets several; a batch; slivers for 13.
  const std::vector<std::string> shapes = {"256x256x128",  "136x260x72:nt", "72x136x584xb2",
                                           "64x64x64xb3",  "65x40x47",      "3x200x104:nt",
                                           "4x256x136:nt", "200x48x64:tt"};
  // What is chosen is also to be seen at work in pairs of tiles: as two halves, one tile and the
  // rest, and two equal tiles.
  std::vector<std::string> chosen_shapes = shapes;
  for (const char* const more : {"130x128x1024", "257x128x576:nt", "64x128x2048"})
    chosen_shapes.push_back(more);
  for (const auto& rung : tables::gemm_tc<element, element>()) {
    to.push_back({.name = "gemm_tc/" + full_name(rung.info),
                  .info = rung.info,
                  .shape_help = bench::gemm_tc_shape_help,
                  .shapes = rung.info.step < tuned_step ? shapes : chosen_shapes,
                  .make =
                      [rung](const std::string& shape) {
                        return make_case(shape, rung.supports, rung.workspace_bytes, rung.launch);
                      },
                  .has_counters = rung.info.step < tuned_step});
  }
  to.push_back({.name = "gemm_tc/run",
                .info = {.step = 99, .name = "run", .idea = "the front door"},
                .shape_help = bench::gemm_tc_shape_help,
                .shapes = chosen_shapes,
                .make = make_front_door_case,
                .has_counters = false});
}

}  // namespace warpladder::cli
