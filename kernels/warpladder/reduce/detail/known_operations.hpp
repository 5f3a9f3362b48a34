// SPDX-License-Identifier: Apache-2.0
//
// Operations that hardware and libraries have a name for.
#pragma once

#include <type_traits>
#include <warpladder/core/operations.hpp>

namespace warpladder::reduce::detail {

/// Are accumulators combined by addition, and is the result the accumulator? Asks for the type
/// itself and not for its base: what is derived from sum may combine differently.
template <class Op>
inline constexpr bool adds = false;
template <class T>
inline constexpr bool adds<sum<T>> = true;
template <class T>
inline constexpr bool adds<sum_of_squares<T>> = true;
template <class T>
inline constexpr bool adds<dot<T>> = true;

/// The same for 32-bit integers, which a warp adds in one instruction.
template <class Op>
inline constexpr bool adds_32_bits = std::is_integral_v<typename Op::accumulator> &&
                                     sizeof(typename Op::accumulator) == 4 && adds<Op>;

}  // namespace warpladder::reduce::detail
