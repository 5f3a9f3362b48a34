// SPDX-License-Identifier: Apache-2.0
//
// How a product is said in cuBLAS's words: the ways in which cublasLt and cublasGemmEx can compute
// it, and a process-wide memory of the way that was found best.
#pragma once

#include <cublasLt.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <type_traits>
#include <vector>
#include <warpladder/core/workspace.hpp>
#include <warpladder/detail/cublas.cuh>
#include <warpladder/gemm_tc/problem.hpp>

namespace warpladder::gemm_tc::detail {

template <class T>
inline constexpr bool is_fp8 = std::is_same_v<T, __nv_fp8_e4m3> || std::is_same_v<T, __nv_fp8_e5m2>;

template <class T>
constexpr cudaDataType cuda_type() {
  if constexpr (std::is_same_v<T, __nv_bfloat16>) return CUDA_R_16BF;
  if constexpr (std::is_same_v<T, __half>) return CUDA_R_16F;
  if constexpr (std::is_same_v<T, float>) return CUDA_R_32F;
  if constexpr (std::is_same_v<T, __nv_fp8_e4m3>) return CUDA_R_8F_E4M3;
  if constexpr (std::is_same_v<T, __nv_fp8_e5m2>) return CUDA_R_8F_E5M2;
  if constexpr (std::is_same_v<T, std::int8_t>) return CUDA_R_8I;
  if constexpr (std::is_same_v<T, std::int32_t>) return CUDA_R_32I;
}

template <class In>
inline constexpr cublasComputeType_t compute_type =
    std::is_same_v<In, float>         ? CUBLAS_COMPUTE_32F_FAST_TF32
    : std::is_same_v<In, std::int8_t> ? CUBLAS_COMPUTE_32I
                                      : CUBLAS_COMPUTE_32F;

/// cuBLAS is column-major. A row-major matrix read column-major is its transpose, and
/// (op(A) op(B))^T = op(B)^T op(A)^T: so cuBLAS's first operand is B, its second A, its m our n,
/// and each operand keeps its transpose flag. No copy, no extra work.
inline cublasOperation_t operation(transpose t) {
  return t == transpose::yes ? CUBLAS_OP_T : CUBLAS_OP_N;
}

/// One way to compute a product: an algorithm of cublasLt, or cublasGemmEx if there is none.
struct vendor_plan {
  std::optional<cublasLtMatmulAlgo_t> algorithm;
};

/// What an algorithm of cublasLt can be configured with; 0 if there is nothing to choose.
inline std::vector<std::uint32_t> lt_choices(const cublasLtMatmulAlgo_t& algorithm,
                                             cublasLtMatmulAlgoCapAttributes_t what) {
  std::size_t bytes = 0;
  cublasLtMatmulAlgoCapGetAttribute(&algorithm, what, nullptr, 0, &bytes);
  std::vector<std::uint32_t> all(bytes / sizeof(std::uint32_t));
  cublasLtMatmulAlgoCapGetAttribute(&algorithm, what, all.data(), bytes, &bytes);
  if (all.empty()) all.push_back(0);
  return all;
}

/// Every algorithm of cublasLt for these types, with every tile and number of stages.
inline std::vector<vendor_plan> lt_configurations(cublasLtHandle_t handle,
                                                  cublasComputeType_t compute, cudaDataType scale,
                                                  cudaDataType in, cudaDataType out) {
  std::vector<int> ids(1024);
  int count = 0;
  if (cublasLtMatmulAlgoGetIds(handle, compute, scale, in, in, out, out, int(ids.size()),
                               ids.data(), &count) != CUBLAS_STATUS_SUCCESS)
    return {};
  ids.resize(std::size_t(count));
  std::vector<vendor_plan> all;
  for (const int id : ids) {
    cublasLtMatmulAlgo_t one = {};
    if (cublasLtMatmulAlgoInit(handle, compute, scale, in, in, out, out, id, &one) !=
        CUBLAS_STATUS_SUCCESS)
      continue;
    for (const std::uint32_t tile : lt_choices(one, CUBLASLT_ALGO_CAP_TILE_IDS)) {
      for (const std::uint32_t stages : lt_choices(one, CUBLASLT_ALGO_CAP_STAGES_IDS)) {
        if (cublasLtMatmulAlgoConfigSetAttribute(&one, CUBLASLT_ALGO_CONFIG_TILE_ID, &tile,
                                                 sizeof tile) == CUBLAS_STATUS_SUCCESS &&
            cublasLtMatmulAlgoConfigSetAttribute(&one, CUBLASLT_ALGO_CONFIG_STAGES_ID, &stages,
                                                 sizeof stages) == CUBLAS_STATUS_SUCCESS)
          all.push_back({one});
      }
    }
  }
  return all;
}

/// The descriptors of one product for cublasLt. They hold no memory: making them costs the host
/// tens of nanoseconds, so that nothing has to be kept between launches.
template <class Problem>
class lt_product {
 public:
  explicit lt_product(const Problem& p) : p_(p) {
    using input = typename Problem::input;
    constexpr cudaDataType in = cuda_type<input>(), out = cuda_type<typename Problem::output>();
    expect(cublasLtMatmulDescInit(&operation_, compute_type<input>,
                                  cuda_type<typename Problem::scalar>()));
    set(CUBLASLT_MATMUL_DESC_TRANSA, operation(p.trans_b));
    set(CUBLASLT_MATMUL_DESC_TRANSB, operation(p.trans_a));
    // Otherwise partial sums move to float registers every few instructions: slower, and nothing
    // that the rungs do.
    if constexpr (is_fp8<input>) set(CUBLASLT_MATMUL_DESC_FAST_ACCUM, std::int8_t{1});
    const bool ta = p.trans_a == transpose::yes, tb = p.trans_b == transpose::yes;
    init(first_, in, tb ? p.k : p.n, tb ? p.n : p.k, p.ldb, p.stride_b);
    init(second_, in, ta ? p.m : p.k, ta ? p.k : p.m, p.lda, p.stride_a);
    init(result_, out, p.n, p.m, p.ldc, p.stride_c);
  }

  /// Up to `most` algorithms, those first that cublasLt believes to be fastest.
  std::vector<cublasLtMatmulAlgo_t> heuristics(int most, std::size_t workspace_bytes) {
    cublasLtMatmulPreferenceOpaque_t preference;
    expect(cublasLtMatmulPreferenceInit(&preference));
    const auto prefer = [&](cublasLtMatmulPreferenceAttributes_t what, auto value) {
      expect(cublasLtMatmulPreferenceSetAttribute(&preference, what, &value, sizeof value));
    };
    prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, std::uint64_t{workspace_bytes});
    prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignment(p_.b));
    prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignment(p_.a));
    prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignment(p_.c));
    prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignment(p_.c));
    if (status_ != CUBLAS_STATUS_SUCCESS) return {};

    std::vector<cublasLtMatmulHeuristicResult_t> found(static_cast<std::size_t>(most));
    int count = 0;
    if (cublasLtMatmulAlgoGetHeuristic(handle(), &operation_, &first_, &second_, &result_, &result_,
                                       &preference, most, found.data(),
                                       &count) != CUBLAS_STATUS_SUCCESS)
      return {};
    std::vector<cublasLtMatmulAlgo_t> algorithms;
    for (int i = 0; i < count; ++i) {
      if (found[i].state == CUBLAS_STATUS_SUCCESS) algorithms.push_back(found[i].algo);
    }
    return algorithms;
  }

  /// Every algorithm in every configuration of tile and stages that can do this product. (On
  /// Hopper these are kernels for sm_80; its own ones are given by the heuristics alone.)
  std::vector<vendor_plan> configured(std::size_t workspace_bytes) {
    using input = typename Problem::input;
    std::vector<vendor_plan> plans =
        lt_configurations(handle(), compute_type<input>, cuda_type<typename Problem::scalar>(),
                          cuda_type<input>(), cuda_type<typename Problem::output>());
    std::erase_if(plans, [&](const vendor_plan& one) {
      cublasLtMatmulHeuristicResult_t found = {};
      return cublasLtMatmulAlgoCheck(handle(), &operation_, &first_, &second_, &result_, &result_,
                                     &*one.algorithm, &found) != CUBLAS_STATUS_SUCCESS ||
             found.workspaceSize > workspace_bytes;
    });
    return plans;
  }

  cublasStatus_t launch(const cublasLtMatmulAlgo_t& algorithm, cudaStream_t stream,
                        workspace_view workspace) {
    if (status_ != CUBLAS_STATUS_SUCCESS) return status_;
    return cublasLtMatmul(handle(), &operation_, &p_.alpha, p_.b, &first_, p_.a, &second_, &p_.beta,
                          p_.c, &result_, p_.c, &result_, &algorithm, workspace.data,
                          workspace.bytes, stream);
  }

  static std::uint32_t alignment(const void* pointer) {
    const auto address = reinterpret_cast<std::uintptr_t>(pointer) | 256;
    return 1u << std::countr_zero(address);
  }

 private:
  /// Any handle of cuBLAS is one of cublasLt.
  static cublasLtHandle_t handle() {
    return reinterpret_cast<cublasLtHandle_t>(warpladder::detail::cublas_handle());
  }
  void expect(cublasStatus_t status) {
    if (status_ == CUBLAS_STATUS_SUCCESS) status_ = status;
  }
  template <class Value>
  void set(cublasLtMatmulDescAttributes_t what, Value value) {
    expect(cublasLtMatmulDescSetAttribute(&operation_, what, &value, sizeof value));
  }
  void init(cublasLtMatrixLayoutOpaque_t& layout, cudaDataType type, std::int64_t rows,
            std::int64_t cols, std::int64_t ld, std::int64_t stride) {
    expect(cublasLtMatrixLayoutInit(&layout, type, std::uint64_t(rows), std::uint64_t(cols), ld));
    const auto batch = static_cast<std::int32_t>(p_.batch);
    expect(cublasLtMatrixLayoutSetAttribute(&layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &batch,
                                            sizeof batch));
    expect(cublasLtMatrixLayoutSetAttribute(&layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET,
                                            &stride, sizeof stride));
  }

  Problem p_;
  cublasStatus_t status_ = CUBLAS_STATUS_SUCCESS;
  cublasLtMatmulDescOpaque_t operation_;
  cublasLtMatrixLayoutOpaque_t first_, second_, result_;
};

/// cublasGemmEx, which knows no 8-bit floats.
template <class Problem>
cublasStatus_t launch_gemm_ex(const Problem& p, cudaStream_t stream, workspace_view workspace) {
  using input = typename Problem::input;
  if constexpr (is_fp8<input>) {
    return CUBLAS_STATUS_NOT_SUPPORTED;
  } else {
    cublasHandle_t handle = warpladder::detail::cublas_handle();
    if (handle == nullptr) return CUBLAS_STATUS_NOT_INITIALIZED;
    cublasStatus_t status = cublasSetStream(handle, stream);
    if (status == CUBLAS_STATUS_SUCCESS)  // after the stream, which takes back a lent workspace
      status = cublasSetWorkspace(handle, workspace.data, workspace.bytes);
    if (status != CUBLAS_STATUS_SUCCESS) return status;
    constexpr cudaDataType in = cuda_type<input>(), out = cuda_type<typename Problem::output>();
    status = p.batch == 1
                 ? cublasGemmEx_64(handle, operation(p.trans_b), operation(p.trans_a), p.n, p.m,
                                   p.k, &p.alpha, p.b, in, p.ldb, p.a, in, p.lda, &p.beta, p.c, out,
                                   p.ldc, compute_type<input>, CUBLAS_GEMM_DEFAULT)
                 : cublasGemmStridedBatchedEx_64(
                       handle, operation(p.trans_b), operation(p.trans_a), p.n, p.m, p.k, &p.alpha,
                       p.b, in, p.ldb, p.stride_b, p.a, in, p.lda, p.stride_a, &p.beta, p.c, out,
                       p.ldc, p.stride_c, p.batch, compute_type<input>, CUBLAS_GEMM_DEFAULT);
    cublasSetStream(handle, stream);  // the lent workspace may be gone when others use the handle
    return status;
  }
}

template <class Problem>
cublasStatus_t launch_plan(const vendor_plan& plan, const Problem& p, cudaStream_t stream,
                           workspace_view workspace) {
  if (plan.algorithm) return lt_product(p).launch(*plan.algorithm, stream, workspace);
  return launch_gemm_ex(p, stream, workspace);
}

enum class plan_is : std::int64_t { the_first, the_best };

/// The plans of this process, by everything that decides which is best: types, sizes, layout,
/// alignment, whether C is read, and the device.
class vendor_plans {
 public:
  template <class Problem>
  static std::optional<vendor_plan> find(const Problem& p, plan_is which) {
    const std::lock_guard lock(all().mutex_);
    const auto found = all().plans_.find(key_of(p, which));
    if (found == all().plans_.end()) return std::nullopt;
    return found->second;
  }
  template <class Problem>
  static void keep(const Problem& p, plan_is which, const vendor_plan& plan) {
    const std::lock_guard lock(all().mutex_);
    all().plans_[key_of(p, which)] = plan;
  }

 private:
  using key = std::array<std::int64_t, 20>;

  static vendor_plans& all() {
    static vendor_plans one;
    return one;
  }

  template <class Problem>
  static key key_of(const Problem& p, plan_is which) {
    int device = 0;
    cudaGetDevice(&device);
    using product = lt_product<Problem>;
    return {static_cast<std::int64_t>(which),
            cuda_type<typename Problem::input>(),
            cuda_type<typename Problem::output>(),
            p.m,
            p.n,
            p.k,
            p.lda,
            p.ldb,
            p.ldc,
            p.trans_a == transpose::yes,
            p.trans_b == transpose::yes,
            p.batch,
            p.stride_a,
            p.stride_b,
            p.stride_c,
            product::alignment(p.a),
            product::alignment(p.b),
            product::alignment(p.c),
            p.beta != typename Problem::scalar(0),
            device};
  }

  std::mutex mutex_;
  std::map<key, vendor_plan> plans_;
};

}  // namespace warpladder::gemm_tc::detail
