// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace warpladder::gemm_tc {

/// What search_vendor() found.
struct vendor_search {
  int candidates = 0;        ///< ways that ran: algorithms of cublasLt, and cublasGemmEx
  std::string winner;        ///< "cublasLt 7 of 23", "cublasGemmEx"; "" if none could run
  double first_seconds = 0;  ///< of the first algorithm that cublasLt names; 0 if it cannot run
  double best_seconds = 0;   ///< of the winner
};

}  // namespace warpladder::gemm_tc
