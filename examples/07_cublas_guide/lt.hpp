// SPDX-License-Identifier: Apache-2.0
//
// What every call of cublasLtMatmul needs, once. Lt splits a product into questions that
// cublasSgemm answers by itself:
//
//   descriptor    the arithmetic: compute type, transposes, epilogue, scales
//   layouts       one per matrix: type, rows, columns, leading dimension; by columns, as in 01
//   preference    how much workspace an algorithm may use
//   heuristics    which algorithms there are, the most promising first
//
// All of it is host work of some microseconds: keep it, and call cublasLtMatmul alone in the loop.
#pragma once

#include <cublasLt.h>

#include <cstdint>
#include <memory>
#include <type_traits>

#include "guide.hpp"

namespace guide {

struct destroy {
  void operator()(cublasLtHandle_t one) const { cublasLtDestroy(one); }
  void operator()(cublasLtMatmulDesc_t one) const { cublasLtMatmulDescDestroy(one); }
  void operator()(cublasLtMatrixLayout_t one) const { cublasLtMatrixLayoutDestroy(one); }
  void operator()(cublasLtMatmulPreference_t one) const { cublasLtMatmulPreferenceDestroy(one); }
};
template <class Handle>
using owned = std::unique_ptr<std::remove_pointer_t<Handle>, destroy>;

inline owned<cublasLtHandle_t> make_lt() {
  cublasLtHandle_t made = nullptr;
  TRY_CUBLAS(cublasLtCreate(&made));
  return owned<cublasLtHandle_t>(made);
}

inline owned<cublasLtMatmulDesc_t> make_descriptor(cublasComputeType_t sums,
                                                   cudaDataType_t type_of_alpha) {
  cublasLtMatmulDesc_t made = nullptr;
  TRY_CUBLAS(cublasLtMatmulDescCreate(&made, sums, type_of_alpha));
  return owned<cublasLtMatmulDesc_t>(made);
}

template <class T>
void set(const owned<cublasLtMatmulDesc_t>& descriptor, cublasLtMatmulDescAttributes_t what,
         T value) {
  TRY_CUBLAS(cublasLtMatmulDescSetAttribute(descriptor.get(), what, &value, sizeof value));
}

/// A row-major matrix of ours, rows of `length` elements `ld` apart, as cuBLAS sees it: by columns,
/// `length` x `rows`.
inline owned<cublasLtMatrixLayout_t> row_major(cudaDataType_t type, int rows, int length, int ld) {
  cublasLtMatrixLayout_t made = nullptr;
  TRY_CUBLAS(
      cublasLtMatrixLayoutCreate(&made, type, std::uint64_t(length), std::uint64_t(rows), ld));
  return owned<cublasLtMatrixLayout_t>(made);
}

/// Fills `found` with as many algorithms for first * second -> c as it can hold, at most.
inline cublasStatus_t ask_for_algorithms(const owned<cublasLtHandle_t>& lt,
                                         const owned<cublasLtMatmulDesc_t>& descriptor,
                                         const owned<cublasLtMatrixLayout_t>& first,
                                         const owned<cublasLtMatrixLayout_t>& second,
                                         const owned<cublasLtMatrixLayout_t>& c,
                                         std::size_t workspace_bytes,
                                         std::vector<cublasLtMatmulHeuristicResult_t>& found) {
  cublasLtMatmulPreference_t made = nullptr;
  TRY_CUBLAS(cublasLtMatmulPreferenceCreate(&made));
  const owned<cublasLtMatmulPreference_t> preference(made);
  TRY_CUBLAS(cublasLtMatmulPreferenceSetAttribute(made, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                                  &workspace_bytes, sizeof workspace_bytes));
  int count = 0;
  const cublasStatus_t status =
      cublasLtMatmulAlgoGetHeuristic(lt.get(), descriptor.get(), first.get(), second.get(), c.get(),
                                     c.get(), made, int(found.size()), found.data(), &count);
  found.resize(status == CUBLAS_STATUS_SUCCESS ? std::size_t(count) : 0);
  return status;
}

/// Up to `at_most` algorithms, at least one; throws if there is none.
inline std::vector<cublasLtMatmulHeuristicResult_t> find_algorithms(
    const owned<cublasLtHandle_t>& lt, const owned<cublasLtMatmulDesc_t>& descriptor,
    const owned<cublasLtMatrixLayout_t>& first, const owned<cublasLtMatrixLayout_t>& second,
    const owned<cublasLtMatrixLayout_t>& c, std::size_t workspace_bytes, int at_most = 1) {
  std::vector<cublasLtMatmulHeuristicResult_t> found(static_cast<std::size_t>(at_most));
  TRY_CUBLAS(ask_for_algorithms(lt, descriptor, first, second, c, workspace_bytes, found));
  if (found.empty()) throw std::runtime_error("cublasLt knows no algorithm for this product");
  return found;
}

}  // namespace guide
