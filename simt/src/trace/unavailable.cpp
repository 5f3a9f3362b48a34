// SPDX-License-Identifier: Apache-2.0
// The functions of simt/trace.hpp in programs that are not compiled for tracing.
#include "simt/trace.hpp"

namespace simt::trace {

bool available() {
  return false;
}
void start(const settings&) {}
report stop() {
  return {};
}
void name_buffer(const void*, std::string) {}

}  // namespace simt::trace
