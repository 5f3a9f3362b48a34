// SPDX-License-Identifier: Apache-2.0
//
// The one translation unit that instantiates the ladders of the topic memory: once per backend.

#include <complex>
#include <cstdint>
#include <warpladder/memory.cuh>
#include <warpladder/memory/ladder.cuh>

#include "memory.hpp"

namespace warpladder::tables {

std::span<const rung_entry<memory::transpose_problem<float>>> transpose_rungs() {
  static constexpr auto table =
      make_table<memory::transpose_problem<float>>(memory::transpose_ladder{});
  return table;
}

std::span<const rung_entry<memory::copy_problem<float>>> copy_rungs() {
  static constexpr auto table = make_table<memory::copy_problem<float>>(memory::copy_ladder{});
  return table;
}

std::span<const rung_entry<memory::layout_problem>> layout_rungs() {
  static constexpr auto table = make_table<memory::layout_problem>(memory::layout_ladder{});
  return table;
}

std::span<const rung_entry<memory::lookup_problem<float>>> lookup_rungs() {
  static constexpr auto table = make_table<memory::lookup_problem<float>>(memory::lookup_ladder{});
  return table;
}

template <class T>
cudaError_t memory_transpose(const memory::transpose_problem<T>& problem, cudaStream_t stream) {
  return memory::transpose(problem, stream);
}

template <class T>
cudaError_t memory_copy_2d(const memory::copy_problem<T>& problem, cudaStream_t stream) {
  return memory::copy_2d(problem, stream);
}

#define WARPLADDER_INSTANTIATE(T)                                                           \
  template cudaError_t memory_transpose(const memory::transpose_problem<T>&, cudaStream_t); \
  template cudaError_t memory_copy_2d(const memory::copy_problem<T>&, cudaStream_t);
WARPLADDER_INSTANTIATE(float)
#ifndef SIMT_TRACED  // explain and check run floats alone
WARPLADDER_INSTANTIATE(std::uint8_t)
WARPLADDER_INSTANTIATE(std::uint16_t)
WARPLADDER_INSTANTIATE(double)
WARPLADDER_INSTANTIATE(float4)
WARPLADDER_INSTANTIATE(std::complex<float>)
#endif
#undef WARPLADDER_INSTANTIATE

}  // namespace warpladder::tables
