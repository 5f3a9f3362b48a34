// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstdio>
#include <stdexcept>
#include <string>

namespace warpladder {

/// A CUDA call failed. what() reads "expression: cudaErrorName (text) at file:line".
class cuda_error : public std::runtime_error {
 public:
  cuda_error(cudaError_t code, const char* expression, const char* file, int line)
      : std::runtime_error(std::string(expression) + ": " + cudaGetErrorName(code) + " (" +
                           cudaGetErrorString(code) + ") at " + file + ":" + std::to_string(line)),
        code_(code) {}

  cudaError_t code() const noexcept { return code_; }

 private:
  cudaError_t code_;
};

namespace detail {

inline void throw_on_error(cudaError_t code, const char* expression, const char* file, int line) {
  if (code != cudaSuccess) throw cuda_error(code, expression, file, line);
}

/// For destructors: they must not throw, and a failure there must not pass in silence.
inline void report_on_error(cudaError_t code, const char* expression, const char* file,
                            int line) noexcept {
  if (code != cudaSuccess) {
    std::fprintf(stderr, "warpladder: %s: %s at %s:%d\n", expression, cudaGetErrorName(code), file,
                 line);
  }
}

}  // namespace detail
}  // namespace warpladder

/// Evaluates a call that returns cudaError_t; throws warpladder::cuda_error unless it succeeded.
#define WARPLADDER_TRY(expression) \
  ::warpladder::detail::throw_on_error((expression), #expression, __FILE__, __LINE__)

/// The same for places that must not throw: reports to stderr and goes on.
#define WARPLADDER_TRY_NOTHROW(expression) \
  ::warpladder::detail::report_on_error((expression), #expression, __FILE__, __LINE__)
