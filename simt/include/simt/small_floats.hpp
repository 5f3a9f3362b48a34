// SPDX-License-Identifier: Apache-2.0
// The 16-bit floats: what they hold, their conversions with CUDA's roundings, their arithmetic in
// float with one rounding at the end, as the hardware's is. And the 8-bit floats, which convert
// only.
#pragma once

#include <bit>
#include <cstdint>

#include "simt/keywords.hpp"

namespace simt::detail {

// The bits of a float without its sign, rounded to nearest even to a shorter binary float. What is
// too large for it goes on counting where its infinity would be.
template <int Exponent, int Mantissa>
constexpr std::uint32_t round_magnitude(std::uint32_t magnitude) {
  constexpr int bias = (1 << (Exponent - 1)) - 1, dropped = 23 - Mantissa;
  constexpr std::uint32_t rebias = (127u - bias) << 23;
  if (magnitude >= rebias + (1u << 23) || bias == 127) {  // normal in both
    const std::uint32_t rebased = magnitude - rebias;
    const std::uint32_t half_less_one = (1u << (dropped - 1)) - 1 + (rebased >> dropped & 1u);
    return (rebased + half_less_one) >> dropped;
  }
  // A multiple of the smallest subnormal, counted by adding what pushes the rest out.
  constexpr float magic = std::bit_cast<float>(std::uint32_t((127 - bias + 1 + dropped) << 23));
  return std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + magic) -
         std::bit_cast<std::uint32_t>(magic);
}

// A binary float of 16 bits, of which `Mantissa` are fraction: 10 for half, 7 for bfloat16.
template <int Mantissa>
constexpr std::uint16_t round_to_16_bits(float value) {
  constexpr int exponent_bits = 15 - Mantissa;
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7fffffffu;
  constexpr std::uint32_t infinity = ((1u << exponent_bits) - 1) << Mantissa;
  if (magnitude > 0x7f800000u) return 0x7fffu;  // CUDA's one NaN
  const std::uint32_t kept = round_magnitude<exponent_bits, Mantissa>(magnitude);
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

// Truncated, with the last bit set if anything was lost: rounding once more is then exact.
constexpr float round_to_odd(double value) {
  const auto near = static_cast<float>(value);
  if (double(near) == value || value != value || near - near != 0) return near;
  auto bits = std::bit_cast<std::uint32_t>(near);
  const bool too_far = value > 0 ? double(near) > value : double(near) < value;
  if (too_far) --bits;
  return std::bit_cast<float>(bits | 1u);
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
  std::uint16_t bits_;
};

// e4m3 and e5m2: `Mantissa` bits of fraction, of codes the `Largest` finite one. What is too large
// becomes that, infinities too.
template <int Mantissa, std::uint8_t Largest>
class byte_float {
 public:
  byte_float() = default;
  explicit constexpr byte_float(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    const std::uint32_t sign = bits >> 24 & 0x80u, magnitude = bits & 0x7fffffffu;
    const std::uint32_t kept = round_magnitude<7 - Mantissa, Mantissa>(magnitude);
    __x = static_cast<std::uint8_t>(sign | (kept > Largest ? Largest : kept));
    if (magnitude > 0x7f800000u) __x = 0x7f;  // CUDA's one NaN
  }
  explicit constexpr byte_float(double value) : byte_float(round_to_odd(value)) {}
  template <int Fraction>
  explicit constexpr byte_float(small_float<Fraction> value) : byte_float(float(value)) {}
  explicit constexpr byte_float(int value) : byte_float(double(value)) {}

  // Shifted into place they are halves, but for the bias of e4m3's exponent and its lack of
  // infinities.
  explicit constexpr operator float() const {
    if (Mantissa == 3 && (__x & 0x7f) == 0x7f) return widen_16_bits<10>(0x7fff);
    const auto bits =
        static_cast<std::uint16_t>((__x & 0x80) << 8 | (__x & 0x7f) << (10 - Mantissa));
    return widen_16_bits<10>(bits) * (Mantissa == 3 ? 256.0f : 1.0f);
  }

  std::uint8_t __x;
};

}  // namespace simt::detail
