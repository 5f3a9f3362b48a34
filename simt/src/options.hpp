// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "simt/simt.hpp"

namespace simt {

void set_last_report(std::string report);

}  // namespace simt
