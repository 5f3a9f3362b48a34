// SPDX-License-Identifier: Apache-2.0
//
// 20 row_by_row. A part of a matrix: rows of `width` bytes, `pitch` bytes apart, on either side.
//
// Idea: what one knows already. One cudaMemcpyAsync per row.
// Traffic: what is to be moved, and per row a command.
// Limited by: the commands. One takes the host about 2 us to submit and the engine about 1 us to
// begin: 4096 rows are 8 ms, in which PCIe moves 450 MB. So rows of less than 110 KB are limited by
// their number, not by their bytes.
#pragma once

#include <warpladder/core/rung.hpp>
#include <warpladder/transfer/problem.hpp>

namespace warpladder::transfer {

struct row_by_row {
  static constexpr rung_info info{20, "row_by_row", "a copy per row"};

  static support supports(const rows_problem&) { return {}; }
  static std::size_t workspace_bytes(const rows_problem&) { return 0; }

  static cudaError_t launch(const rows_problem& p, cudaStream_t stream, workspace_view) {
    if (p.width == 0) return cudaSuccess;
    const cudaMemcpyKind kind =
        p.way == direction::to_device ? cudaMemcpyHostToDevice : cudaMemcpyDeviceToHost;
    for (std::size_t row = 0; row < p.rows; ++row) {
      const cudaError_t status = cudaMemcpyAsync(
          static_cast<std::byte*>(p.to) + row * p.to_pitch,
          static_cast<const std::byte*>(p.from) + row * p.from_pitch, p.width, kind, stream);
      if (status != cudaSuccess) return status;
    }
    return cudaSuccess;
  }
};

}  // namespace warpladder::transfer
