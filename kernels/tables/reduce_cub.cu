// SPDX-License-Identifier: Apache-2.0
//
// What CUB has for every reduction of the tables, in the form in which it is fastest: raw pointers
// wherever it takes them, because it then loads vectors (TransformReduce of a pointer does, Reduce
// of a transform_iterator does not), 32-bit offsets, and its own operators, for which it is tuned.
//   sum                 Sum; of 16-bit floats as float, as ours: TransformReduce
//   minimum, maximum    Min, Max; 16-bit floats are compared as they are
//   argmin, argmax      ArgMin, ArgMax with value and index apart: pairs with 4-byte indices inside
//   sum_of_squares      TransformReduce
//   dot                 TransformReduce of two arrays zipped

#include <thrust/iterator/counting_iterator.h>
#include <thrust/iterator/zip_iterator.h>
#include <thrust/tuple.h>

#include <cstdint>
#include <cub/device/device_reduce.cuh>
#include <cub/version.cuh>
#include <cuda/std/functional>
#include <limits>

#include "reduce_types.hpp"

namespace warpladder::tables {
namespace {

template <class T>
struct widen {
  __host__ __device__ accumulator_t<T> operator()(const T& x) const { return accumulator_t<T>(x); }
};

template <class T>
struct square {
  __host__ __device__ accumulator_t<T> operator()(const T& x) const {
    return accumulator_t<T>(x) * accumulator_t<T>(x);
  }
};

template <class T>
struct product {
  __host__ __device__ accumulator_t<T> operator()(const thrust::tuple<T, T>& pair) const {
    return accumulator_t<T>(thrust::get<0>(pair)) * accumulator_t<T>(thrust::get<1>(pair));
  }
};

#if CUB_VERSION < 200800
/// Before 2.8 ArgMin and ArgMax write their pairs, which are not ours.
template <class T, class Op>
struct lift {
  const T* in;
  __host__ __device__ typename Op::accumulator operator()(std::int32_t i) const {
    return Op{}.lift(in[i], i);
  }
};
template <class Op>
struct combine {
  using accumulator = typename Op::accumulator;
  __host__ __device__ accumulator operator()(const accumulator& a, const accumulator& b) const {
    return Op{}.combine(a, b);
  }
};
template <class T, class Op>
cudaError_t extremum_of_pairs(void* scratch, std::size_t& bytes, const reduce::problem<T, Op>& p,
                              std::int32_t n, cudaStream_t stream) {
  return cub::DeviceReduce::TransformReduce(
      scratch, bytes, thrust::counting_iterator<std::int32_t>(0), p.out, n, combine<Op>{},
      lift<T, Op>{p.in}, Op{}.identity(), stream);
}
#endif

/// As CUB's functions: with scratch == nullptr says how many bytes it needs.
template <class T>
cudaError_t call_cub(void* scratch, std::size_t& bytes, const reduce::problem<T, sum<T>>& p,
                     std::int32_t n, cudaStream_t stream) {
  if constexpr (std::is_same_v<T, accumulator_t<T>>) {
    return cub::DeviceReduce::Sum(scratch, bytes, p.in, p.out, n, stream);
  } else {
    return cub::DeviceReduce::TransformReduce(scratch, bytes, p.in, p.out, n, cuda::std::plus<>{},
                                              widen<T>{}, accumulator_t<T>(0), stream);
  }
}

template <class T>
cudaError_t call_cub(void* scratch, std::size_t& bytes, const reduce::problem<T, minimum<T>>& p,
                     std::int32_t n, cudaStream_t stream) {
  return cub::DeviceReduce::Min(scratch, bytes, p.in, p.out, n, stream);
}

template <class T>
cudaError_t call_cub(void* scratch, std::size_t& bytes, const reduce::problem<T, maximum<T>>& p,
                     std::int32_t n, cudaStream_t stream) {
  return cub::DeviceReduce::Max(scratch, bytes, p.in, p.out, n, stream);
}

template <class T>
cudaError_t call_cub(void* scratch, std::size_t& bytes, const reduce::problem<T, argmin<T>>& p,
                     std::int32_t n, cudaStream_t stream) {
#if CUB_VERSION < 200800
  return extremum_of_pairs(scratch, bytes, p, n, stream);
#else
  return cub::DeviceReduce::ArgMin(scratch, bytes, p.in, &p.out->value, &p.out->index, n, stream);
#endif
}

template <class T>
cudaError_t call_cub(void* scratch, std::size_t& bytes, const reduce::problem<T, argmax<T>>& p,
                     std::int32_t n, cudaStream_t stream) {
#if CUB_VERSION < 200800
  return extremum_of_pairs(scratch, bytes, p, n, stream);
#else
  return cub::DeviceReduce::ArgMax(scratch, bytes, p.in, &p.out->value, &p.out->index, n, stream);
#endif
}

template <class T>
cudaError_t call_cub(void* scratch, std::size_t& bytes,
                     const reduce::problem<T, sum_of_squares<T>>& p, std::int32_t n,
                     cudaStream_t stream) {
  return cub::DeviceReduce::TransformReduce(scratch, bytes, p.in, p.out, n, cuda::std::plus<>{},
                                            square<T>{}, accumulator_t<T>(0), stream);
}

template <class T>
cudaError_t call_cub(void* scratch, std::size_t& bytes, const reduce::problem<T, dot<T>>& p,
                     std::int32_t n, cudaStream_t stream) {
  const auto pairs = thrust::make_zip_iterator(thrust::make_tuple(p.in, p.with));
  return cub::DeviceReduce::TransformReduce(scratch, bytes, pairs, p.out, n, cuda::std::plus<>{},
                                            product<T>{}, accumulator_t<T>(0), stream);
}

}  // namespace

template <class T, class Op>
cudaError_t reduce_cub(const reduce::problem<T, Op>& p, cudaStream_t stream,
                       workspace_view workspace) {
  if (p.n > std::numeric_limits<std::int32_t>::max()) return cudaErrorNotSupported;
  return call_cub(workspace.data, workspace.bytes, p, std::int32_t(p.n), stream);
}

template <class T, class Op>
std::size_t reduce_cub_workspace_bytes(const reduce::problem<T, Op>& p) {
  std::size_t bytes = 0;
  if (p.n > std::numeric_limits<std::int32_t>::max() ||
      call_cub(nullptr, bytes, p, std::int32_t(p.n), cudaStream_t{}) != cudaSuccess)
    return 0;
  return bytes;
}

std::string cub_version() {
  return std::to_string(CUB_MAJOR_VERSION) + "." + std::to_string(CUB_MINOR_VERSION) + "." +
         std::to_string(CUB_SUBMINOR_VERSION);
}

#define WARPLADDER_INSTANTIATE_OP(T, Op)                                                        \
  template cudaError_t reduce_cub(const reduce::problem<T, Op>&, cudaStream_t, workspace_view); \
  template std::size_t reduce_cub_workspace_bytes(const reduce::problem<T, Op>&);
#define WARPLADDER_INSTANTIATE(T)                 \
  WARPLADDER_INSTANTIATE_OP(T, sum<T>)            \
  WARPLADDER_INSTANTIATE_OP(T, minimum<T>)        \
  WARPLADDER_INSTANTIATE_OP(T, maximum<T>)        \
  WARPLADDER_INSTANTIATE_OP(T, argmin<T>)         \
  WARPLADDER_INSTANTIATE_OP(T, argmax<T>)         \
  WARPLADDER_INSTANTIATE_OP(T, sum_of_squares<T>) \
  WARPLADDER_INSTANTIATE_OP(T, dot<T>)
WARPLADDER_INSTANTIATE(float)
WARPLADDER_INSTANTIATE(double)
WARPLADDER_INSTANTIATE(__half)
WARPLADDER_INSTANTIATE(__nv_bfloat16)
WARPLADDER_INSTANTIATE(std::int32_t)
WARPLADDER_INSTANTIATE(std::int64_t)
#undef WARPLADDER_INSTANTIATE
#undef WARPLADDER_INSTANTIATE_OP

}  // namespace warpladder::tables
