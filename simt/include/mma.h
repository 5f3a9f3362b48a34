// SPDX-License-Identifier: Apache-2.0
// nvcuda::wmma, as far as kernels use it. Which lane holds what is nobody's business, as on a GPU.
// Here it is as in mma.sync, which decides how wide the accesses are: lane 4 g + q has of lines g,
// g + 8, ... the packets q, q + 4, ...; a line is a row of A or of the sums, or a column of B, and
// a packet two sums, or 32 bits along k.
#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

#include "cuda_bf16.h"
#include "cuda_fp16.h"
#include "simt/context.hpp"
#include "simt/trace_hooks.hpp"
#include "simt/warp.hpp"

namespace nvcuda::wmma {

struct matrix_a;
struct matrix_b;
struct accumulator;
struct row_major;
struct col_major;
enum layout_t { mem_row_major, mem_col_major };
namespace precision {
struct tf32;
}

template <class Use, int M, int N, int K, class T, class Layout = void>
struct fragment {
  static constexpr bool is_sum = std::is_same_v<Use, accumulator>;
  static constexpr int lines = std::is_same_v<Use, matrix_b> ? N : M;
  static constexpr int line_elements = is_sum ? N : K;
  static constexpr int num_elements = lines * line_elements / 32;
  using storage_element_type = std::conditional_t<std::is_same_v<T, precision::tf32>, float, T>;
  static constexpr int packet_elements = is_sum ? 2 : 4 / int{sizeof(storage_element_type)};
  storage_element_type x[num_elements];
};

template <class Use, int M, int N, int K, class T, class Layout>
void fill_fragment(fragment<Use, M, N, K, T, Layout>& target, const auto& value) {
  for (auto& element : target.x) element = value;
}

namespace detail {

struct place {
  unsigned line, along;
};

// Where in the matrix x[i] of a lane is.
template <class Fragment>
SIMT_UNTRACED inline place place_of(unsigned lane, int i) {
  constexpr unsigned line_groups = Fragment::lines / 8, size = Fragment::packet_elements;
  const unsigned packet = unsigned(i) / size;
  return {packet % line_groups * 8 + lane / 4,
          (packet / line_groups * 4 + lane % 4) * size + unsigned(i) % size};
}

template <class Fragment>
struct packet {
  static constexpr int size = Fragment::packet_elements;
  using element_type = typename Fragment::storage_element_type;
  struct alignas(size * sizeof(element_type)) type {
    element_type element[size];
  };
};

// CUDA asks for 32 bytes, and for rows a multiple of 16 bytes apart.
template <class T>
__forceinline__ void check_alignment(const T* matrix, unsigned ldm) {
  if (reinterpret_cast<std::uintptr_t>(matrix) % 32 != 0 || ldm * sizeof(T) % 16 != 0) __trap();
}

// What the tensor cores see of an element.
template <class T, class Stored>
auto widened(Stored value) {
  if constexpr (std::is_same_v<T, precision::tf32>) {
    return double(std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) & 0xffffe000u));
  } else if constexpr (std::is_integral_v<T>) {
    return std::int64_t{value};
  } else {
    return double(float(value));
  }
}

template <class D, class A, class B, class C>
struct operands {
  D& d;
  const A& a;
  const B& b;
  const C& c;
};

template <class T, class D, class A, class B, class C>
SIMT_UNTRACED void multiply(operands<D, A, B, C>** lanes) {
  constexpr int m = A::lines, n = B::lines, k = A::line_elements;
  using wide = decltype(widened<T>(A{}.x[0]));
  wide a[m][k], b[n][k];
  for (unsigned lane = 0; lane < 32; ++lane) {
    for (int i = 0; i < A::num_elements; ++i) {
      const place at = place_of<A>(lane, i);
      a[at.line][at.along] = widened<T>(lanes[lane]->a.x[i]);
    }
    for (int i = 0; i < B::num_elements; ++i) {
      const place at = place_of<B>(lane, i);
      b[at.line][at.along] = widened<T>(lanes[lane]->b.x[i]);
    }
  }
  for (unsigned lane = 0; lane < 32; ++lane) {
    for (int i = 0; i < D::num_elements; ++i) {
      const place at = place_of<D>(lane, i);
      wide sum = wide(lanes[lane]->c.x[i]);
      for (int j = 0; j < k; ++j) sum += a[at.line][j] * b[at.along][j];
      auto& target = lanes[lane]->d.x[i];
      target = static_cast<std::remove_reference_t<decltype(target)>>(sum);  // integers wrap around
    }
  }
}

}  // namespace detail

template <class Use, int M, int N, int K, class T, class Layout, class Element>
__forceinline__ void load_matrix_sync(fragment<Use, M, N, K, T, Layout>& target,
                                      const Element* from, unsigned ldm) {
  using source = fragment<Use, M, N, K, T, Layout>;
  using packet = detail::packet<source>;
  constexpr bool by_packets = std::is_same_v<Layout, row_major> == std::is_same_v<Use, matrix_a>;
  detail::check_alignment(from, ldm);
  for (int i = 0; i < source::num_elements; i += packet::size) {
    const detail::place at = detail::place_of<source>(simt::current_thread->lane(), i);
    if constexpr (by_packets) {
      const Element* const first = from + std::size_t{at.line} * ldm + at.along;
      const auto values = *reinterpret_cast<const typename packet::type*>(first);
      for (int j = 0; j < packet::size; ++j) target.x[i + j] = values.element[j];
    } else {
      for (int j = 0; j < packet::size; ++j)
        target.x[i + j] = from[std::size_t{at.along + unsigned(j)} * ldm + at.line];
    }
  }
}

template <int M, int N, int K, class T>
__forceinline__ void store_matrix_sync(T* to, const fragment<accumulator, M, N, K, T>& source,
                                       unsigned ldm, layout_t layout) {
  using sums = fragment<accumulator, M, N, K, T>;
  using packet = detail::packet<sums>;
  detail::check_alignment(to, ldm);
  for (int i = 0; i < sums::num_elements; i += packet::size) {
    const detail::place at = detail::place_of<sums>(simt::current_thread->lane(), i);
    if (layout == mem_row_major) {
      typename packet::type values;
      for (int j = 0; j < packet::size; ++j) values.element[j] = source.x[i + j];
      T* const first = to + std::size_t{at.line} * ldm + at.along;
      *reinterpret_cast<typename packet::type*>(first) = values;
    } else {
      for (int j = 0; j < packet::size; ++j)
        to[std::size_t{at.along + unsigned(j)} * ldm + at.line] = source.x[i + j];
    }
  }
}

// d = a * b + c, the sums of floats in double and rounded once.
template <int M, int N, int K, class T, class LayoutA, class LayoutB, class Sum>
void mma_sync(fragment<accumulator, M, N, K, Sum>& d,
              const fragment<matrix_a, M, N, K, T, LayoutA>& a,
              const fragment<matrix_b, M, N, K, T, LayoutB>& b,
              const fragment<accumulator, M, N, K, Sum>& c,
              simt::site where = simt::site::current()) {
  using sums = fragment<accumulator, M, N, K, Sum>;
  using slot = detail::operands<sums, std::remove_cvref_t<decltype(a)>,
                                std::remove_cvref_t<decltype(b)>, sums>;
  slot mine{d, a, b, c};
  simt::collective(
      ~0u, mine, [](slot** lanes, unsigned) SIMT_UNTRACED { detail::multiply<T>(lanes); }, where);
}

}  // namespace nvcuda::wmma
