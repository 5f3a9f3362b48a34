// SPDX-License-Identifier: Apache-2.0
// nvcuda::wmma, as far as kernels use it. Which lane holds what is nobody's business, as on a GPU:
// here element i of lane l is number 32 i + l of the matrix, row after row.
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
  static constexpr int rows = std::is_same_v<Use, matrix_b> ? K : M;
  static constexpr int cols = std::is_same_v<Use, matrix_a> ? K : N;
  static constexpr int num_elements = rows * cols / 32;
  using storage_element_type = std::conditional_t<std::is_same_v<T, precision::tf32>, float, T>;
  storage_element_type x[num_elements];
};

template <class Use, int M, int N, int K, class T, class Layout>
void fill_fragment(fragment<Use, M, N, K, T, Layout>& target, const auto& value) {
  for (auto& element : target.x) element = value;
}

namespace detail {

// Calls visit(element, offset in memory) for this lane's elements.
template <class Fragment, class Visit>
__forceinline__ void for_each_element(Fragment& f, unsigned ldm, bool by_rows, Visit visit) {
  for (int i = 0; i < f.num_elements; ++i) {
    const unsigned number = unsigned(i) * 32 + simt::current_thread->lane();
    const unsigned row = number / f.cols, col = number % f.cols;
    visit(f.x[i], by_rows ? std::size_t{row} * ldm + col : std::size_t{col} * ldm + row);
  }
}

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
  constexpr int m = A::rows, n = B::cols, k = A::cols;
  using wide = decltype(widened<T>(A{}.x[0]));
  wide a[m * k], b[k * n];
  for (int i = 0; i < m * k; ++i) a[i] = widened<T>(lanes[i % 32]->a.x[i / 32]);
  for (int i = 0; i < k * n; ++i) b[i] = widened<T>(lanes[i % 32]->b.x[i / 32]);
  for (int i = 0; i < m * n; ++i) {
    wide sum = wide(lanes[i % 32]->c.x[i / 32]);
    for (int j = 0; j < k; ++j) sum += a[i / n * k + j] * b[j * n + i % n];
    auto& target = lanes[i % 32]->d.x[i / 32];
    target = static_cast<std::remove_reference_t<decltype(target)>>(sum);  // integers wrap around
  }
}

}  // namespace detail

template <class Use, int M, int N, int K, class T, class Layout, class Element>
__forceinline__ void load_matrix_sync(fragment<Use, M, N, K, T, Layout>& target,
                                      const Element* from, unsigned ldm) {
  detail::check_alignment(from, ldm);
  detail::for_each_element(target, ldm, std::is_same_v<Layout, row_major>,
                           [=](auto& element, std::size_t offset) { element = from[offset]; });
}

template <int M, int N, int K, class T>
__forceinline__ void store_matrix_sync(T* to, const fragment<accumulator, M, N, K, T>& source,
                                       unsigned ldm, layout_t layout) {
  detail::check_alignment(to, ldm);
  detail::for_each_element(source, ldm, layout == mem_row_major,
                           [=](const T& element, std::size_t offset) { to[offset] = element; });
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
