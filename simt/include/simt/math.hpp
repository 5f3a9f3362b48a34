// SPDX-License-Identifier: Apache-2.0
// CUDA's device mathematics that <cmath> does not have. Fast variants (__expf, ...) are computed
// accurately: the host says whether a kernel is right, not how far a GPU's approximation is off.
#pragma once

#include <math.h>

#include <bit>
#include <cstdint>
#include <cstdlib>
#include <type_traits>

// ---- min, max: CUDA has them in the global namespace, for mixed arguments too -------------------

#define SIMT_MIN_MAX(result, first, second)                                          \
  constexpr result min(first a, second b) {                                          \
    return static_cast<result>(a) < static_cast<result>(b) ? static_cast<result>(a)  \
                                                           : static_cast<result>(b); \
  }                                                                                  \
  constexpr result max(first a, second b) {                                          \
    return static_cast<result>(a) > static_cast<result>(b) ? static_cast<result>(a)  \
                                                           : static_cast<result>(b); \
  }
SIMT_MIN_MAX(int, int, int)
SIMT_MIN_MAX(unsigned, unsigned, unsigned)
SIMT_MIN_MAX(unsigned, int, unsigned)
SIMT_MIN_MAX(unsigned, unsigned, int)
SIMT_MIN_MAX(long, long, long)
SIMT_MIN_MAX(unsigned long, unsigned long, unsigned long)
SIMT_MIN_MAX(unsigned long, long, unsigned long)
SIMT_MIN_MAX(unsigned long, unsigned long, long)
SIMT_MIN_MAX(long long, long long, long long)
SIMT_MIN_MAX(unsigned long long, unsigned long long, unsigned long long)
SIMT_MIN_MAX(unsigned long long, long long, unsigned long long)
SIMT_MIN_MAX(unsigned long long, unsigned long long, long long)
#undef SIMT_MIN_MAX
// A NaN operand loses, as on the device.
inline float min(float a, float b) {
  return fminf(a, b);
}
inline float max(float a, float b) {
  return fmaxf(a, b);
}
inline double min(double a, double b) {
  return fmin(a, b);
}
inline double max(double a, double b) {
  return fmax(a, b);
}
inline double min(float a, double b) {
  return fmin(a, b);
}
inline double max(float a, double b) {
  return fmax(a, b);
}
inline double min(double a, float b) {
  return fmin(a, b);
}
inline double max(double a, float b) {
  return fmax(a, b);
}

// ---- floating point ----------------------------------------------------------------------------

#if !defined(__GLIBC_PREREQ) || !__GLIBC_PREREQ(2, 42)  // C23 brought these two to <math.h>
inline float rsqrtf(float x) {
  return 1.0f / sqrtf(x);
}
inline double rsqrt(double x) {
  return 1.0 / sqrt(x);
}
#endif

#define SIMT_UNARY(name, type, expression) \
  inline type name(type x) {               \
    return expression;                     \
  }
#define SIMT_BINARY(name, type, expression) \
  inline type name(type x, type y) {        \
    return expression;                      \
  }
#define SIMT_TERNARY(name, type, expression) \
  inline type name(type x, type y, type z) { \
    return expression;                       \
  }

SIMT_UNARY(__expf, float, expf(x))
SIMT_UNARY(__exp10f, float, powf(10.0f, x))
SIMT_UNARY(__logf, float, logf(x))
SIMT_UNARY(__log2f, float, log2f(x))
SIMT_UNARY(__log10f, float, log10f(x))
SIMT_UNARY(__sinf, float, sinf(x))
SIMT_UNARY(__cosf, float, cosf(x))
SIMT_UNARY(__tanf, float, tanf(x))
SIMT_UNARY(__saturatef, float, x > 0.0f ? (x < 1.0f ? x : 1.0f) : 0.0f)  // NaN becomes 0
SIMT_UNARY(__frcp_rn, float, 1.0f / x)
SIMT_UNARY(__fsqrt_rn, float, sqrtf(x))
SIMT_UNARY(__frsqrt_rn, float, static_cast<float>(1.0 / sqrt(static_cast<double>(x))))
SIMT_UNARY(__drcp_rn, double, 1.0 / x)
SIMT_UNARY(__dsqrt_rn, double, sqrt(x))
SIMT_BINARY(__powf, float, powf(x, y))
SIMT_BINARY(__fdividef, float, x / y)
SIMT_BINARY(fdividef, float, x / y)
SIMT_BINARY(__fadd_rn, float, x + y)
SIMT_BINARY(__fsub_rn, float, x - y)
SIMT_BINARY(__fmul_rn, float, x* y)
SIMT_BINARY(__fdiv_rn, float, x / y)
SIMT_BINARY(__dadd_rn, double, x + y)
SIMT_BINARY(__dsub_rn, double, x - y)
SIMT_BINARY(__dmul_rn, double, x* y)
SIMT_BINARY(__ddiv_rn, double, x / y)
SIMT_TERNARY(__fmaf_rn, float, fmaf(x, y, z))
SIMT_TERNARY(__fma_rn, double, fma(x, y, z))

#undef SIMT_UNARY
#undef SIMT_BINARY
#undef SIMT_TERNARY

// ---- conversions -------------------------------------------------------------------------------

namespace simt::detail {
// CUDA saturates where C++ leaves the behaviour undefined; NaN becomes 0.
template <class Integer>
Integer saturate(double x) {
  constexpr double low = static_cast<double>(
      std::is_signed_v<Integer> ? Integer(1) << (sizeof(Integer) * 8 - 1) : Integer(0));
  constexpr double past =
      2.0 * static_cast<double>(1ull << (sizeof(Integer) * 8 - 1 - std::is_signed_v<Integer>));
  constexpr Integer highest = std::is_signed_v<Integer>
                                  ? static_cast<Integer>(~(Integer(1) << (sizeof(Integer) * 8 - 1)))
                                  : static_cast<Integer>(~Integer(0));
  if (!(x == x)) return 0;
  if (x < low) return static_cast<Integer>(low);
  if (x >= past) return highest;
  return static_cast<Integer>(x);
}
}  // namespace simt::detail

#define SIMT_FLOAT_TO_INTEGER(prefix, source, suffix, type) \
  inline type __##prefix##2##suffix##_rn(source x) {        \
    return simt::detail::saturate<type>(rint(x));           \
  }                                                         \
  inline type __##prefix##2##suffix##_rz(source x) {        \
    return simt::detail::saturate<type>(trunc(x));          \
  }                                                         \
  inline type __##prefix##2##suffix##_rd(source x) {        \
    return simt::detail::saturate<type>(floor(x));          \
  }                                                         \
  inline type __##prefix##2##suffix##_ru(source x) {        \
    return simt::detail::saturate<type>(ceil(x));           \
  }
SIMT_FLOAT_TO_INTEGER(float, float, int, int)
SIMT_FLOAT_TO_INTEGER(float, float, uint, unsigned)
SIMT_FLOAT_TO_INTEGER(float, float, ll, long long)
SIMT_FLOAT_TO_INTEGER(float, float, ull, unsigned long long)
SIMT_FLOAT_TO_INTEGER(double, double, int, int)
SIMT_FLOAT_TO_INTEGER(double, double, uint, unsigned)
SIMT_FLOAT_TO_INTEGER(double, double, ll, long long)
SIMT_FLOAT_TO_INTEGER(double, double, ull, unsigned long long)
#undef SIMT_FLOAT_TO_INTEGER

inline float __int2float_rn(int x) {
  return static_cast<float>(x);
}
inline float __uint2float_rn(unsigned x) {
  return static_cast<float>(x);
}
inline float __ll2float_rn(long long x) {
  return static_cast<float>(x);
}
inline float __ull2float_rn(unsigned long long x) {
  return static_cast<float>(x);
}
inline float __double2float_rn(double x) {
  return static_cast<float>(x);
}
inline double __int2double_rn(int x) {
  return x;
}
inline double __uint2double_rn(unsigned x) {
  return x;
}

constexpr int __float_as_int(float x) {
  return std::bit_cast<int>(x);
}
constexpr unsigned __float_as_uint(float x) {
  return std::bit_cast<unsigned>(x);
}
constexpr float __int_as_float(int x) {
  return std::bit_cast<float>(x);
}
constexpr float __uint_as_float(unsigned x) {
  return std::bit_cast<float>(x);
}
constexpr long long __double_as_longlong(double x) {
  return std::bit_cast<long long>(x);
}
constexpr double __longlong_as_double(long long x) {
  return std::bit_cast<double>(x);
}
constexpr int __double2hiint(double x) {
  return static_cast<int>(std::bit_cast<std::uint64_t>(x) >> 32);
}
constexpr int __double2loint(double x) {
  return static_cast<int>(static_cast<std::uint32_t>(std::bit_cast<std::uint64_t>(x)));
}
constexpr double __hiloint2double(int high, int low) {
  return std::bit_cast<double>(
      (static_cast<std::uint64_t>(static_cast<std::uint32_t>(high)) << 32) |
      static_cast<std::uint32_t>(low));
}

// ---- integers ----------------------------------------------------------------------------------

constexpr int __popc(unsigned x) {
  return std::popcount(x);
}
constexpr int __popcll(unsigned long long x) {
  return std::popcount(x);
}
constexpr int __clz(int x) {
  return std::countl_zero(static_cast<unsigned>(x));
}
constexpr int __clzll(long long x) {
  return std::countl_zero(static_cast<unsigned long long>(x));
}
constexpr int __ffs(int x) {
  return __builtin_ffs(x);
}
constexpr int __ffsll(long long x) {
  return __builtin_ffsll(x);
}
constexpr unsigned __brev(unsigned x) {
  x = ((x >> 1) & 0x55555555u) | ((x & 0x55555555u) << 1);
  x = ((x >> 2) & 0x33333333u) | ((x & 0x33333333u) << 2);
  x = ((x >> 4) & 0x0F0F0F0Fu) | ((x & 0x0F0F0F0Fu) << 4);
  return __builtin_bswap32(x);
}
constexpr unsigned long long __brevll(unsigned long long x) {
  return (static_cast<unsigned long long>(__brev(static_cast<unsigned>(x))) << 32) |
         __brev(static_cast<unsigned>(x >> 32));
}
// Each selector nibble picks one of the eight bytes of (y:x); its top bit replicates the byte's
// sign.
constexpr unsigned __byte_perm(unsigned x, unsigned y, unsigned selector) {
  const std::uint64_t bytes = (static_cast<std::uint64_t>(y) << 32) | x;
  unsigned result = 0;
  for (int i = 0; i < 4; ++i) {
    const unsigned pick = selector >> (4 * i);
    unsigned byte = static_cast<unsigned>(bytes >> (8 * (pick & 7u))) & 0xFFu;
    if (pick & 8u) byte = byte & 0x80u ? 0xFFu : 0u;
    result |= byte << (8 * i);
  }
  return result;
}
constexpr unsigned __funnelshift_l(unsigned low, unsigned high, unsigned shift) {
  const std::uint64_t pair = (static_cast<std::uint64_t>(high) << 32) | low;
  return static_cast<unsigned>((pair << (shift & 31u)) >> 32);
}
constexpr unsigned __funnelshift_r(unsigned low, unsigned high, unsigned shift) {
  const std::uint64_t pair = (static_cast<std::uint64_t>(high) << 32) | low;
  return static_cast<unsigned>(pair >> (shift & 31u));
}
constexpr int __mulhi(int x, int y) {
  return static_cast<int>((static_cast<std::int64_t>(x) * y) >> 32);
}
constexpr unsigned __umulhi(unsigned x, unsigned y) {
  return static_cast<unsigned>((static_cast<std::uint64_t>(x) * y) >> 32);
}
namespace simt::detail {
__extension__ typedef __int128 int128;
__extension__ typedef unsigned __int128 uint128;
}  // namespace simt::detail
constexpr long long __mul64hi(long long x, long long y) {
  return static_cast<long long>((static_cast<simt::detail::int128>(x) * y) >> 64);
}
constexpr unsigned long long __umul64hi(unsigned long long x, unsigned long long y) {
  return static_cast<unsigned long long>((static_cast<simt::detail::uint128>(x) * y) >> 64);
}
constexpr int __dp4a(int a, int b, int c) {
  for (int i = 0; i < 4; ++i) {
    c += static_cast<signed char>(a >> (8 * i)) * static_cast<signed char>(b >> (8 * i));
  }
  return c;
}
constexpr unsigned __dp4a(unsigned a, unsigned b, unsigned c) {
  for (int i = 0; i < 4; ++i) c += ((a >> (8 * i)) & 0xFFu) * ((b >> (8 * i)) & 0xFFu);
  return c;
}
