// SPDX-License-Identifier: Apache-2.0
// The 16-bit floats: what they hold, their conversions with CUDA's roundings, their arithmetic in
// float with one rounding at the end, as the hardware's is.
#pragma once

#include <bit>
#include <cstdint>

#include "simt/keywords.hpp"

namespace simt::detail {

// A binary float of 16 bits, of which `Mantissa` are fraction: 10 for half, 7 for bfloat16.
template <int Mantissa>
constexpr std::uint16_t round_to_16_bits(float value) {
  constexpr int exponent_bits = 15 - Mantissa, bias = (1 << (exponent_bits - 1)) - 1;
  constexpr int dropped = 23 - Mantissa;
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7fffffffu;
  constexpr std::uint32_t infinity = ((1u << exponent_bits) - 1) << Mantissa;
  if (magnitude > 0x7f800000u) return 0x7fffu;  // CUDA's one NaN
  constexpr std::uint32_t rebias = (127u - bias) << 23;
  std::uint32_t kept;
  if (magnitude >= rebias + (1u << 23) || bias == 127) {  // normal in both
    const std::uint32_t rebased = magnitude - rebias;
    const std::uint32_t half_less_one = (1u << (dropped - 1)) - 1 + (rebased >> dropped & 1u);
    kept = (rebased + half_less_one) >> dropped;
  } else {  // a multiple of the smallest subnormal, counted by adding what pushes the rest out
    constexpr float magic = std::bit_cast<float>(std::uint32_t((127 - bias + 1 + dropped) << 23));
    kept = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + magic) -
           std::bit_cast<std::uint32_t>(magic);
  }
  return static_cast<std::uint16_t>(sign | (kept > infinity ? infinity : kept));
}

template <int Mantissa>
constexpr float widen_16_bits(std::uint16_t bits) {
  constexpr int exponent_bits = 15 - Mantissa, bias = (1 << (exponent_bits - 1)) - 1;
  const std::uint32_t sign = (bits & 0x8000u) << 16, magnitude = bits & 0x7fffu;
  constexpr std::uint32_t infinity = ((1u << exponent_bits) - 1) << Mantissa;
  std::uint32_t wide = magnitude << (23 - Mantissa);
  if (magnitude >= infinity) {
    wide |= 0x7f800000u;
  } else if (magnitude >= (1u << Mantissa) || bias == 127) {
    wide += (127u - bias) << 23;
  } else {  // subnormal in half, normal in float
    wide = std::bit_cast<std::uint32_t>(float(magnitude) * 0x1p-24f);
  }
  return std::bit_cast<float>(sign | wide);
}

template <int Mantissa>
class small_float {
 public:
  small_float() = default;
  constexpr small_float(float value) : bits_(round_to_16_bits<Mantissa>(value)) {}
  constexpr small_float(double value) : small_float(round_to_odd(value)) {}
  constexpr small_float(int value) : small_float(double(value)) {}
  constexpr operator float() const { return widen_16_bits<Mantissa>(bits_); }

  friend constexpr small_float operator+(small_float a, small_float b) {
    return float(a) + float(b);
  }
  friend constexpr small_float operator-(small_float a, small_float b) {
    return float(a) - float(b);
  }
  friend constexpr small_float operator*(small_float a, small_float b) {
    return float(a) * float(b);
  }
  friend constexpr small_float operator/(small_float a, small_float b) {
    return float(a) / float(b);
  }
  friend constexpr bool operator==(small_float a, small_float b) { return float(a) == float(b); }
  friend constexpr bool operator<(small_float a, small_float b) { return float(a) < float(b); }
  friend constexpr bool operator>(small_float a, small_float b) { return float(a) > float(b); }
  friend constexpr bool operator<=(small_float a, small_float b) { return float(a) <= float(b); }
  friend constexpr bool operator>=(small_float a, small_float b) { return float(a) >= float(b); }

 private:
  // Truncated, with the last bit set if anything was lost: rounding once more is then exact.
  static constexpr float round_to_odd(double value) {
    const auto near = static_cast<float>(value);
    if (double(near) == value || value != value || near - near != 0) return near;
    auto bits = std::bit_cast<std::uint32_t>(near);
    const bool too_far = value > 0 ? double(near) > value : double(near) < value;
    if (too_far) --bits;
    return std::bit_cast<float>(bits | 1u);
  }

  std::uint16_t bits_;
};

}  // namespace simt::detail
