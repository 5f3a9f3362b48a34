// SPDX-License-Identifier: Apache-2.0
//
// 21 copy_2d. Before: a command per row.
//
// Idea: one command for all of them, cudaMemcpy2DAsync. The copy engine counts rows itself.
// Traffic: what is to be moved. PCIe and memory move at least 32, better 128 bytes at a time, so
// that narrow rows carry what nobody asked for.
// Limited by: PCIe for wide rows. An engine works on rows one after the other, so narrow ones are
// limited by their number again, at some tens of ns instead of 2 us.
#pragma once

#include <warpladder/core/rung.hpp>
#include <warpladder/transfer/problem.hpp>

namespace warpladder::transfer {

struct copy_2d {
  static constexpr rung_info info{21, "copy_2d", "cudaMemcpy2DAsync: one command"};

  static support supports(const rows_problem& p) {
    const std::size_t largest = std::size_t{1} << 31;  // cudaDevAttrMaxPitch is 2^31 - 1
    if (p.rows > 1 && (p.to_pitch >= largest || p.from_pitch >= largest))
      return {"the runtime copies rows that are less than 2^31 bytes apart"};
    return {};
  }
  static std::size_t workspace_bytes(const rows_problem&) { return 0; }

  static cudaError_t launch(const rows_problem& p, cudaStream_t stream, workspace_view) {
    if (p.rows == 0 || p.width == 0) return cudaSuccess;
    const cudaMemcpyKind kind =
        p.way == direction::to_device ? cudaMemcpyHostToDevice : cudaMemcpyDeviceToHost;
    if (p.rows == 1) return cudaMemcpyAsync(p.to, p.from, p.width, kind, stream);
    return cudaMemcpy2DAsync(p.to, p.to_pitch, p.from, p.from_pitch, p.width, p.rows, kind, stream);
  }
};

}  // namespace warpladder::transfer
