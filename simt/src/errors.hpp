// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "simt/runtime_api.hpp"

namespace simt {

// Remembers an error of the calling host thread for cudaGetLastError() and passes it on.
cudaError_t noted(cudaError_t error);

// The error of work that failed while running, which is nobody's return value yet. A GPU's context
// would be lost; here the error is handed out once and later launches work again.
void set_asynchronous_error(cudaError_t error);
cudaError_t peek_asynchronous_error();
cudaError_t take_asynchronous_error();

}  // namespace simt
