// SPDX-License-Identifier: Apache-2.0
//
// The element types that reductions, scans and row-wise kernels take, and what they compute in.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

namespace warpladder {

namespace detail {
template <class T>
struct accumulator_of {
  using type = T;
};
template <>
struct accumulator_of<__half> {
  using type = float;
};
template <>
struct accumulator_of<__nv_bfloat16> {
  using type = float;
};
}  // namespace detail

/// The type in which values of type T are combined: float for the 16-bit floats, else T itself.
template <class T>
using accumulator_t = typename detail::accumulator_of<T>::type;

}  // namespace warpladder
