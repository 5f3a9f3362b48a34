// SPDX-License-Identifier: Apache-2.0
//
// 10 vendor_copy. What the runtime does when it is asked to copy within a device: the bar of the
// copy ladder, and the ceiling of the transposition's.
//
// Rows without gaps are one run of bytes: cudaMemcpyAsync. Others go to cudaMemcpy2DAsync, whose
// distances between rows end at 2^31 - 1 bytes.
#pragma once

#include <limits>
#include <warpladder/core/rung.hpp>
#include <warpladder/memory/detail/dense.hpp>
#include <warpladder/memory/problem.hpp>

namespace warpladder::memory {

struct vendor_copy {
  static constexpr rung_info info{10, "vendor_copy", "cudaMemcpyAsync or cudaMemcpy2DAsync"};

  template <class T>
  static support supports(const copy_problem<T>& p) {
    constexpr std::int64_t max_pitch = std::numeric_limits<std::int32_t>::max() / sizeof(T);
    if (!detail::is_dense(p) && (p.ld_in > max_pitch || p.ld_out > max_pitch))
      return {"rows are more than 2^31 - 1 bytes apart"};
    return {};
  }

  template <class T>
  static std::size_t workspace_bytes(const copy_problem<T>&) {
    return 0;
  }

  template <class T>
  static cudaError_t launch(const copy_problem<T>& p, cudaStream_t stream, workspace_view) {
    if (p.is_empty()) return cudaSuccess;
    if (detail::is_dense(p))
      return cudaMemcpyAsync(p.out, p.in, p.rows * p.cols * sizeof(T), cudaMemcpyDeviceToDevice,
                             stream);
    return cudaMemcpy2DAsync(p.out, p.ld_out * sizeof(T), p.in, p.ld_in * sizeof(T),
                             p.cols * sizeof(T), p.rows, cudaMemcpyDeviceToDevice, stream);
  }
};

}  // namespace warpladder::memory
