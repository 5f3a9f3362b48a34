// SPDX-License-Identifier: Apache-2.0
//
// The front door of GEMM: C = alpha * op(A) * op(B) + beta * C for any legal problem, by the rung
// that is fastest for the device and the shape. Header-only; needs cudart alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <warpladder/core/device.hpp>
#include <warpladder/gemm/05_thread_tile_2d.cuh>
#include <warpladder/gemm/19_tuned.cuh>
#include <warpladder/gemm/problem.hpp>

namespace warpladder::gemm {

/// Scratch bytes that let run() use every method it has for this problem on the current device; 0
/// for many shapes. Optional: with less, run() picks the best method that does with it.
template <class T>
std::size_t workspace_bytes(const problem<T>& p) {
  static_assert(std::is_same_v<T, float> || std::is_same_v<T, double>);
  if (!explain_invalid(p).empty()) return 0;
  if constexpr (std::is_same_v<T, float>) {
    return tuned::workspace_bytes(p);
  } else {
    return 0;
  }
}

/// Enqueues the product on `stream` and returns at once. T is float or double.
/// `scratch` is device memory aligned to 256 bytes that the product may overwrite until it is done.
/// Never allocates, never synchronises, never touches another stream; legal under stream capture.
/// Returns cudaErrorInvalidValue before anything is enqueued if explain_invalid(p) has something to
/// say or if scratch is not aligned; otherwise the status of the launch. Equal inputs, device and
/// scratch size give equal bits.
template <class T>
cudaError_t run(const problem<T>& p, cudaStream_t stream, workspace_view scratch = {}) {
  static_assert(std::is_same_v<T, float> || std::is_same_v<T, double>);
  if (!explain_invalid(p).empty()) return cudaErrorInvalidValue;
  if (reinterpret_cast<std::uintptr_t>(scratch.data) % 256 != 0) return cudaErrorInvalidValue;
  if constexpr (std::is_same_v<T, float>) {
    return tuned::launch(p, stream, scratch);
  } else {
    if (p.is_empty()) return cudaSuccess;
    problem<T> one = p;
    one.batch = 1;
    if (!thread_tile_2d::supports(one)) return cudaErrorNotSupported;  // C beyond 2^45 elements
    for (std::int64_t i = 0; i < p.batch; ++i) {
      const cudaError_t status = thread_tile_2d::launch(one, stream, {});
      if (status != cudaSuccess) return status;
      one.c += p.stride_c;
      if (p.depth() == 0) continue;  // a and b may be null
      one.a += p.stride_a;
      one.b += p.stride_b;
    }
    return cudaSuccess;
  }
}

/// The method that run() would use for this problem on the current device, for people to read.
template <class T>
std::string describe_choice(const problem<T>& p, workspace_view scratch = {}) {
  if (const auto reason = explain_invalid(p); !reason.empty())
    return "none: " + std::string(reason);
  if (p.is_empty()) return "none: nothing to compute";
  if constexpr (std::is_same_v<T, float>) {
    device_facts device;
    if (query_device(device) != cudaSuccess) return "none: no device";
    if (tuned::runs_together(p)) return "one launch for the batch";
    problem<T> one = p;
    one.batch = 1;
    const std::size_t lent = scratch.data == nullptr ? 0 : scratch.bytes;
    return std::string(tuned::choose(one, device, lent).name);
  } else {
    return "05_thread_tile_2d";
  }
}

}  // namespace warpladder::gemm
