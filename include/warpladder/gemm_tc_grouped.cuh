// SPDX-License-Identifier: Apache-2.0
//
// The front door of grouped GEMM on tensor cores: many products with their own numbers of rows, one
// matrix B each, in one launch; the device alone needs to know the numbers. Header-only; needs
// cudart alone. Compile for sm_90a on Hopper: only then there is code for wgmma, and without it the
// kernel for older devices runs.
#pragma once

#include <string>
#include <string_view>
#include <warpladder/core/device.hpp>
#include <warpladder/core/warp_mma.cuh>
#include <warpladder/gemm_tc/epilogue.cuh>
#include <warpladder/gemm_tc/grouped_cp_async.cuh>
#include <warpladder/gemm_tc/grouped_problem.hpp>
#include <warpladder/gemm_tc/grouped_wgmma.cuh>

namespace warpladder::gemm_tc {

namespace detail {

enum class grouped_method { none, cp_async, wgmma };

/// The method for a problem on a device, and if there is none the reason.
template <class Problem>
grouped_method choose_grouped(const Problem& p, const device_facts& device,
                              std::string_view& why_not) {
  if (device.compute_capability < warp_mma<typename Problem::input>::min_compute_capability) {
    why_not = "this device has no tensor cores for the type";
    return grouped_method::none;
  }
  if (device.compute_capability == 90 && grouped_wgmma::supports(p)) return grouped_method::wgmma;
  why_not = grouped_cp_async::supports(p).why_not;
  return why_not.empty() ? grouped_method::cp_async : grouped_method::none;
}

}  // namespace detail

/// Enqueues the products of all groups on `stream` and returns at once.
/// Needs no scratch, never allocates, never synchronises, never touches another stream; legal under
/// stream capture. The kernel reads p.row_offsets when it runs, not when it is enqueued.
/// Returns cudaErrorInvalidValue before anything is enqueued if explain_invalid(p) has something to
/// say; cudaErrorNotSupported if the device has no tensor cores for the type (8.0; 8-bit floats:
/// 8.9) or if rows of A or B do not begin on 16 bytes; otherwise the status of the launch. Equal
/// inputs and device give equal bits, and a row of C does not depend on what other rows there are.
template <class In, class Out, class Epilogue>
cudaError_t run_grouped(const grouped_problem<In, Out, Epilogue>& p, cudaStream_t stream) {
  if (!explain_invalid(p).empty()) return cudaErrorInvalidValue;
  if (p.is_empty()) return cudaSuccess;
  device_facts device;
  if (const cudaError_t status = query_device(device); status != cudaSuccess) return status;
  std::string_view why_not;
  switch (detail::choose_grouped(p, device, why_not)) {
    case detail::grouped_method::wgmma:
      return grouped_wgmma::launch(p, stream, {});
    case detail::grouped_method::cp_async:
      return grouped_cp_async::launch(p, stream, {});
    case detail::grouped_method::none:
      break;
  }
  return cudaErrorNotSupported;
}

/// The method that run_grouped() would use on the current device, for people to read.
template <class In, class Out, class Epilogue>
std::string describe_grouped_choice(const grouped_problem<In, Out, Epilogue>& p) {
  if (const auto reason = explain_invalid(p); !reason.empty())
    return "none: " + std::string(reason);
  if (p.is_empty()) return "none: nothing to compute";
  device_facts device;
  if (query_device(device) != cudaSuccess) return "none: no device";
  std::string_view why_not;
  switch (detail::choose_grouped(p, device, why_not)) {
    case detail::grouped_method::wgmma:
      return std::string(grouped_wgmma::info.name);
    case detail::grouped_method::cp_async:
      return std::string(grouped_cp_async::info.name);
    case detail::grouped_method::none:
      break;
  }
  return "none: " + std::string(why_not);
}

}  // namespace warpladder::gemm_tc
