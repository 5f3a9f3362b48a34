// SPDX-License-Identifier: Apache-2.0
//
// 10 atomics. Before: partials were stored, counted and loaded again.
//
// Idea: no partials. Every block adds its result to *out by an atomic addition, which L2 carries
// out where the number lies.
// Not deterministic for floats, and the one rung that is not: blocks add in the order in which they
// end, and (a + b) + c rounds otherwise than a + (b + c). Integers are exact in any order.
// Traffic: 264 atomics on one address. L2 does them one after another, at one per clock or two
// 0.2 us if all came at once (a prediction); nobody waits for an answer.
// Price: *out must be 0 first, so again a memset in front of the kernel. And it is only for what
// has an atomic addition: sums of float, double and integers of 32 and 64 bits.
// Limited by: the memset, as 09. Gained is the last block's trip to L2 and back.
#pragma once

#include <warpladder/reduce/07_loads_in_flight.cuh>

namespace warpladder::reduce {

namespace detail {

/// Sums that the hardware adds atomically; their zero is all zero bits.
template <class Op, class A = typename Op::accumulator>
inline constexpr bool adds_atomically = (std::is_same_v<A, float> || std::is_same_v<A, double> ||
                                         (std::is_integral_v<A> &&
                                          (sizeof(A) == 4 || sizeof(A) == 8))) &&
                                        adds<Op>;

template <class A>
__device__ __forceinline__ void add_atomically(A* to, A value) {
  if constexpr (std::is_floating_point_v<A>) {
    atomicAdd(to, value);
  } else {  // signed or not, the sum has the same bits
    using bits = std::conditional_t<sizeof(A) == 4, unsigned, unsigned long long>;
    atomicAdd(reinterpret_cast<bits*>(to), bits(value));
  }
}

}  // namespace detail

template <class T, class Op, class Tuning>
__global__ void __launch_bounds__(Tuning::threads, Tuning::blocks_per_sm)
    atomics_kernel(problem<T, Op> p) {
  const auto share = detail::combine_share<Tuning>(p);
  const auto total = detail::reduce_block<Tuning::threads>(p.op, share);
  if (threadIdx.x == 0) detail::add_atomically(p.out, total);
}

struct atomics {
  static constexpr rung_info info{10, "atomics",
                                  "blocks add to the result: any order, any rounding"};
  using tuning = loads_in_flight_tuning;

  template <class T, class Op>
  static support supports(const problem<T, Op>&) {
    if (!detail::adds_atomically<Op>)
      return {"only sums of float, double and integers of 4 or 8 bytes are added atomically"};
    return {};
  }

  template <class T, class Op>
  static std::size_t workspace_bytes(const problem<T, Op>&) {
    return 0;
  }

  template <class T, class Op>
  static cudaError_t launch(const problem<T, Op>& p, cudaStream_t stream, workspace_view) {
    if constexpr (!detail::adds_atomically<Op>) {
      return cudaErrorNotSupported;
    } else {
      int blocks = 0;
      cudaError_t status = detail::choose_blocks<tuning>(p, blocks);
      if (status == cudaSuccess) status = cudaMemsetAsync(p.out, 0, sizeof(*p.out), stream);
      if (status != cudaSuccess) return status;
      return warpladder::launch_kernel(
          atomics_kernel<T, Op, tuning>,
          {.grid = dim3(unsigned(blocks)), .block = dim3(tuning::threads), .stream = stream}, p);
    }
  }
};

}  // namespace warpladder::reduce
