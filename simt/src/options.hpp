// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "simt/simt.hpp"

namespace simt {

// Grows with every configure().
std::uint64_t options_generation();

void set_last_report(std::string report);

}  // namespace simt
