// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <warpladder/core/error.hpp>
#include <warpladder/core/stream.hpp>

namespace warpladder {

/// For what cannot be captured: cudaErrorStreamCaptureUnsupported if `stream` is capturing. Unlike
/// an illegal call, this does not invalidate the capture.
inline cudaError_t refuse_capture(cudaStream_t stream) noexcept {
  cudaStreamCaptureStatus capturing{};
  const cudaError_t status = cudaStreamIsCapturing(stream, &capturing);
  if (status != cudaSuccess) return status;
  return capturing == cudaStreamCaptureStatusNone ? cudaSuccess : cudaErrorStreamCaptureUnsupported;
}

/// While it lives, this thread may lock memory and ask events although another thread captures in
/// mode `global`, whose capture such a call would invalidate. For work that has nothing to do with
/// any capture.
class beside_captures {
 public:
  beside_captures() noexcept { exchange(); }
  ~beside_captures() { exchange(); }
  beside_captures(const beside_captures&) = delete;
  beside_captures& operator=(const beside_captures&) = delete;

 private:
  void exchange() noexcept { WARPLADDER_TRY_NOTHROW(cudaThreadExchangeStreamCaptureMode(&mode_)); }

  cudaStreamCaptureMode mode_ = cudaStreamCaptureModeRelaxed;
};

}  // namespace warpladder
