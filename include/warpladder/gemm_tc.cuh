// SPDX-License-Identifier: Apache-2.0
//
// The front door of GEMM on tensor cores: C = epilogue(alpha * op(A) * op(B) + beta * C) for any
// legal problem of types that tensor cores multiply, by the rung that is fastest for the device and
// the shape. Header-only; needs cudart alone. Compile for sm_90a on Hopper: only then there is code
// for wgmma, and without it the rungs for older devices run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <warpladder/core/device.hpp>
#include <warpladder/core/warp_mma.cuh>
#include <warpladder/gemm_tc/16_tuned.cuh>
#include <warpladder/gemm_tc/epilogue.cuh>
#include <warpladder/gemm_tc/problem.hpp>

namespace warpladder::gemm_tc {

/// Scratch bytes that let run() use every method it has for this problem on the current device.
template <class Problem>
std::size_t workspace_bytes(const Problem& p) {
  return explain_invalid(p).empty() ? tuned::workspace_bytes(p) : 0;
}

/// Enqueues the product on `stream` and returns at once: 2 m n k batch operations. Several threads
/// may call it.
///
///   problem<__nv_bfloat16, __nv_bfloat16> p{.m = m, .n = n, .k = k, .a = x, .lda = k,
///                                           .b = weights, .ldb = k, .c = y, .ldc = n};
///   p.trans_b = transpose::yes;  // weights are stored n x k
///   const cudaError_t status = run(p, stream);
///
/// Every layout and alignment that problem.hpp allows is right; fastest is what begins its rows on
/// multiples of 16 bytes: with workspace_bytes(p) of scratch other operands are copied into such
/// rows first, without it they are multiplied at a tenth of the speed. On Hopper tf32, 8-bit floats
/// and int8 also want k contiguous in both operands: trans_a no, trans_b yes.
///
/// `scratch` is device memory aligned to 256 bytes that the product may overwrite until it is done.
/// Never allocates, never synchronises, never touches another stream; legal under stream capture.
/// Returns cudaErrorInvalidValue before anything is enqueued if explain_invalid(p) has something to
/// say or if scratch is not aligned, cudaErrorNotSupported if the device has no tensor cores for
/// the type (8.0; 8-bit floats: 8.9); otherwise the status of the launch. Equal inputs, device and
/// scratch size give equal bits.
template <class Problem>
cudaError_t run(const Problem& p, cudaStream_t stream, workspace_view scratch = {}) {
  if (!explain_invalid(p).empty()) return cudaErrorInvalidValue;
  if (reinterpret_cast<std::uintptr_t>(scratch.data) % 256 != 0) return cudaErrorInvalidValue;
  if (p.is_empty()) return cudaSuccess;
  device_facts device;
  if (const cudaError_t status = query_device(device); status != cudaSuccess) return status;
  if (device.compute_capability < warp_mma<typename Problem::input>::min_compute_capability ||
      !tuned::supports(p))
    return cudaErrorNotSupported;
  return tuned::launch(p, stream, scratch);
}

/// The method that run() would use for this problem on the current device, for people to read.
template <class Problem>
std::string describe_choice(const Problem& p, workspace_view scratch = {}) {
  if (const auto reason = explain_invalid(p); !reason.empty())
    return "none: " + std::string(reason);
  if (p.is_empty()) return "none: nothing to compute";
  device_facts device;
  if (query_device(device) != cudaSuccess) return "none: no device";
  if (device.compute_capability < warp_mma<typename Problem::input>::min_compute_capability)
    return "none: this device has no tensor cores for the type";
  if (const support can = tuned::supports(p); !can) return "none: " + std::string(can.why_not);
  const auto copies = tuned::realign(p, scratch);
  return (copies.bytes > 0 ? "copies into aligned rows, " : "") +
         std::string(tuned::name_of(tuned::choose(copies.applied_to(p), device)));
}

}  // namespace warpladder::gemm_tc
