// SPDX-License-Identifier: Apache-2.0
//
// 00 cublaslt. The vendor's library at its best, on the ladder like any other rung so that every
// comparison runs it in the same process on the same buffers. Needs cuBLAS and cublasLt.
//
// What is "its best"? cublasLt answers a question for algorithms with a list, in the order of an
// estimate. The first is what everybody gets; the fastest is often another one. search_vendor()
// (vendor_search.cuh) times them all, cublasGemmEx too, and keeps the winner of a problem for the
// rest of the process; launch() takes the kept one, or the first of the list if nobody has
// searched: a launch neither times nor waits.
//
// Row-major problems are column-major ones with the operands swapped: detail/vendor_plan.cuh.
//
// float is multiplied as tf32. 8-bit floats add up without being promoted now and then (cublasLt
// calls it fast accumulation), as the rungs do.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <string_view>
#include <type_traits>
#include <warpladder/core/rung.hpp>
#include <warpladder/gemm_tc/detail/vendor_plan.cuh>
#include <warpladder/gemm_tc/problem.hpp>

namespace warpladder::gemm_tc {

struct cublaslt {
  static constexpr rung_info info{.step = 0,
                                  .name = "cublaslt",
                                  .idea = "the vendor's library, the best of all its algorithms",
                                  .runs_on_host = false};

  /// What cublasLt's documentation demands for its tensor core kernels of 8-bit types on Hopper.
  template <class In, class Out, class Epilogue>
  static support supports(const problem<In, Out, Epilogue>& p) {
    if (!std::is_same_v<Epilogue, no_epilogue>)
      return {"this rung knows no epilogues of one's own: see examples/07_cublas_guide for Lt's"};
    if (p.is_empty()) return {};
    if (std::max({p.lda * std::int64_t{sizeof(In)}, p.ldb * std::int64_t{sizeof(In)},
                  p.ldc * std::int64_t{sizeof(Out)}}) > std::numeric_limits<std::int32_t>::max())
      return {"cublasLt 13.1 accepts rows 2^31 bytes apart and more, but leaves the matrix there"};
    if (p.depth() == 0) return {"cublasLt has no products without terms (k = 0 or alpha = 0)"};
    if (std::is_same_v<In, __nv_fp8_e5m2>)
      return {"cublasLt multiplies e5m2 by e4m3, but not by e5m2"};
    if (sizeof(In) > 1) return {};
    if (p.trans_a == transpose::yes || p.trans_b == transpose::no)
      return {"8-bit types need A stored m x k and B stored n x k: the rows of both along k"};
    const std::int64_t bytes = detail::is_fp8<In> ? 16 : 4;
    const auto whole = [bytes](auto... values) { return ((values % bytes == 0) && ...); };
    const auto address = [](const void* pointer) {
      return static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(pointer) % 256);
    };
    if (!whole(p.n, p.k, p.lda, p.ldb, address(p.a), address(p.b), address(p.c)) ||
        !whole(p.ldc * std::int64_t{sizeof(Out)}) ||
        (p.batch > 1 && !whole(p.stride_a, p.stride_b, p.stride_c * std::int64_t{sizeof(Out)})))
      return {detail::is_fp8<In>
                  ? "8-bit floats need n, k, distances and pointers in whole 16 bytes"
                  : "int8 needs n, k, distances and pointers in whole 4 bytes"};
    return {};
  }

  /// As much as cuBLAS takes for itself on Hopper.
  template <class Problem>
  static std::size_t workspace_bytes(const Problem&) {
    return std::size_t{32} << 20;
  }

  template <class Problem>
  static cudaError_t launch(const Problem& p, cudaStream_t stream, workspace_view workspace) {
    if (p.is_empty()) return cudaSuccess;
    if (const auto best = detail::vendor_plans::find(p, detail::plan_is::the_best))
      return warpladder::detail::to_cuda_error(detail::launch_plan(*best, p, stream, workspace));
    return launch_first(p, stream, workspace);
  }

  /// What everybody gets who does not search: the first algorithm that cublasLt names. It is asked
  /// once for each problem.
  template <class Problem>
  static cudaError_t launch_first(const Problem& p, cudaStream_t stream, workspace_view workspace) {
    if (p.is_empty()) return cudaSuccess;
    auto plan = detail::vendor_plans::find(p, detail::plan_is::the_first);
    if (!plan) {
      const auto named = detail::lt_product(p).heuristics(1, workspace.bytes);
      if (named.empty()) return cudaErrorNotSupported;
      plan = {named.front()};
      detail::vendor_plans::keep(p, detail::plan_is::the_first, *plan);
    }
    return warpladder::detail::to_cuda_error(detail::launch_plan(*plan, p, stream, workspace));
  }
};

}  // namespace warpladder::gemm_tc
