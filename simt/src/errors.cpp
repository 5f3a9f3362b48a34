// SPDX-License-Identifier: Apache-2.0
#include "errors.hpp"

#include <atomic>
#include <utility>

namespace simt {
namespace {

thread_local cudaError_t last_error = cudaSuccess;
std::atomic<cudaError_t> asynchronous_error{cudaSuccess};

}  // namespace

cudaError_t noted(cudaError_t error) {
  // "Not ready" is an answer, not an error.
  if (error != cudaSuccess && error != cudaErrorNotReady) last_error = error;
  return error;
}

void set_asynchronous_error(cudaError_t error) {
  cudaError_t none = cudaSuccess;
  asynchronous_error.compare_exchange_strong(none, error);
}
cudaError_t peek_asynchronous_error() {
  return asynchronous_error.load();
}
cudaError_t take_asynchronous_error() {
  return asynchronous_error.exchange(cudaSuccess);
}

}  // namespace simt

cudaError_t cudaGetLastError() {
  const cudaError_t asynchronous = simt::take_asynchronous_error();
  const cudaError_t own = std::exchange(simt::last_error, cudaSuccess);
  return own != cudaSuccess ? own : asynchronous;
}

cudaError_t cudaPeekAtLastError() {
  return simt::last_error != cudaSuccess ? simt::last_error : simt::peek_asynchronous_error();
}

const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
#define SIMT_NAME(name, value, description) \
  case name:                                \
    return #name;
    SIMT_CUDA_ERRORS(SIMT_NAME)
#undef SIMT_NAME
  }
  return "unrecognized error code";
}

const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
#define SIMT_DESCRIPTION(name, value, description) \
  case name:                                       \
    return description;
    SIMT_CUDA_ERRORS(SIMT_DESCRIPTION)
#undef SIMT_DESCRIPTION
  }
  return "unrecognized error code";
}
