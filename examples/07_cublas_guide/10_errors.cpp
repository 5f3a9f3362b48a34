// SPDX-License-Identifier: Apache-2.0
//
// 10 errors. How cuBLAS says no, by provoking it:
//
//   CUBLAS_STATUS_INVALID_VALUE      an argument breaks a rule of the interface: a negative size,
//                                    a leading dimension below the row. The old interface also
//                                    prints the number of the parameter
//   CUBLAS_STATUS_NOT_SUPPORTED      legal, but nobody has written that kernel: a combination of
//                                    types, layouts, alignments or epilogues. Lt says it when
//                                    asked for heuristics
//   CUBLAS_STATUS_NOT_INITIALIZED    no handle, or the CUDA context could not be made
//   CUBLAS_STATUS_EXECUTION_FAILED   the launch failed; often an error of an earlier kernel that
//                                    nobody has asked for
//
// A pointer that is wrong is not among them: the kernel faults later, and the next synchronisation
// reports an illegal address. For the reason behind a status let the library log its arguments:
//
//   CUBLASLT_LOG_LEVEL=5 ./my_program                             every call of Lt
//   CUBLAS_LOGINFO_DBG=1 CUBLAS_LOGDEST_DBG=stdout ./my_program   every call of cuBLAS

#include "lt.hpp"

namespace {

void expect(const char* what, cublasStatus_t got, cublasStatus_t wanted) {
  std::printf("   %-46s %s\n", what, cublasGetStatusName(got));
  if (got != wanted)
    throw std::runtime_error(std::string(what) + ": expected " + cublasGetStatusName(wanted));
}

}  // namespace

int main() {
  return guide::run(75, [] {
    const int n = 64;
    const warpladder::device_buffer<float> a(n * n), b(n * n), c(n * n);
    const guide::cublas_handle handle;
    const float one = 1, zero = 0;
    const auto sgemm = [&](cublasHandle_t with, int rows, int ld) {
      return cublasSgemm(with, CUBLAS_OP_N, CUBLAS_OP_N, rows, n, n, &one, b.data(), ld, a.data(),
                         n, &zero, c.data(), n);
    };
    std::puts("10 errors: provoked, and what each looks like");
    expect("leading dimension shorter than a row", sgemm(handle, n, n - 1),
           CUBLAS_STATUS_INVALID_VALUE);
    expect("negative size", sgemm(handle, -1, n), CUBLAS_STATUS_INVALID_VALUE);
    expect("no handle", sgemm(nullptr, n, n), CUBLAS_STATUS_NOT_INITIALIZED);
    expect("an empty product is none", sgemm(handle, 0, n), CUBLAS_STATUS_SUCCESS);

    // bf16 times half: both types exist, such a kernel does not.
    const auto lt = guide::make_lt();
    const auto descriptor = guide::make_descriptor(CUBLAS_COMPUTE_32F, CUDA_R_32F);
    const auto bf16 = guide::row_major(CUDA_R_16BF, n, n, n);
    const auto fp16 = guide::row_major(CUDA_R_16F, n, n, n);
    std::vector<cublasLtMatmulHeuristicResult_t> found(1);
    const auto asked = guide::ask_for_algorithms(lt, descriptor, bf16, fp16, bf16, 0, found);
    std::printf("   %-46s %s\n", "bf16 times half, asked of Lt", cublasGetStatusName(asked));
    if (!found.empty()) throw std::runtime_error("Lt multiplies bf16 by half by now");
    WARPLADDER_TRY(cudaDeviceSynchronize());  // nothing ran, and nothing faulted
  });
}
