// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <warpladder/rowwise/detail/packet.cuh>
#include <warpladder/rowwise/problem.hpp>

namespace warpladder::rowwise::detail {

/// Weights and biases of the N columns from `column`.
template <class T, int N>
class per_column {
 public:
  __device__ __forceinline__ per_column(const norm_problem<T>& p, std::int64_t column)
      : has_weight_(p.weight != nullptr), has_bias_(p.bias != nullptr) {
    if (has_weight_) weight_ = read(p.weight + column);
    if (has_bias_) bias_ = read(p.bias + column);
  }
  __device__ __forceinline__ void apply(float (&value)[N]) const {
    float of_column[N];
    if (has_weight_) {
      unpack<T, N>(weight_, of_column);
#pragma unroll
      for (int j = 0; j < N; ++j) value[j] *= of_column[j];
    }
    if (has_bias_) {
      unpack<T, N>(bias_, of_column);
#pragma unroll
      for (int j = 0; j < N; ++j) value[j] += of_column[j];
    }
  }

 private:
  /// To be kept: every row needs them.
  static __device__ __forceinline__ packet<T, N> read(const T* from) {
    return __ldg(reinterpret_cast<const packet<T, N>*>(from));
  }

  bool has_weight_, has_bias_;
  packet<T, N> weight_ = {}, bias_ = {};
};

}  // namespace warpladder::rowwise::detail
