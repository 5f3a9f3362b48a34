// SPDX-License-Identifier: Apache-2.0
//
// How exact a float32 product is, by the ways there are to compute it, against float64; and whether
// equal inputs give equal bits. Answers A1b in docs/faq.md. Types with a range smaller than that of
// the inputs, e4m3 and int8, get a scale per matrix: its largest magnitude becomes the type's.
//
// The error of an element is judged relative to (|A| |B|) there, the scale at which rounding errors
// arise: Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.5. A sum of k
// products in float32, in any order, errs by at most gamma_k |A| |B|, gamma_k = k u / (1 - k u),
// u = 2^-24.

#include <cublasLt.h>
#include <cublas_v2.h>
#include <cuda_runtime_api.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <gemm.hpp>
#include <gemm_accuracy_kernels.hpp>
#include <gemm_tc.hpp>
#include <harness/random.hpp>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <study.hpp>
#include <type_traits>
#include <utility>
#include <vector>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/device.hpp>
#include <warpladder/core/stream.hpp>

namespace {

namespace wl = warpladder;
using nlohmann::ordered_json;

constexpr int m = 512, n = 512;
constexpr int depths[] = {64, 1024, 4096, 16384};
constexpr double unit_roundoff = 0x1p-24;
constexpr int repeats = 10;  // runs per stream that must agree

void try_cublas(cublasStatus_t status, const char* what) {
  if (status != CUBLAS_STATUS_SUCCESS)
    throw std::runtime_error(fmt::format("{}: {}", what, cublasGetStatusName(status)));
}

/// The two operands in one format.
template <class T>
struct operands {
  explicit operands(int k) : a(std::size_t(m) * k), b(std::size_t(k) * n) {}
  wl::device_buffer<T> a, b;
};

/// Both operands divided by their scales and rounded. B is n x k: 8-bit types want it so.
template <class T>
struct scaled_operands : operands<T> {
  using operands<T>::operands;
  float scale_of_a = 1, scale_of_b = 1;
  wl::device_buffer<float> device_scale_of_a{1}, device_scale_of_b{1};  // for cublasLt
  float scale() const { return scale_of_a * scale_of_b; }
};

/// The operands as given and rounded to, or split into, the narrower formats.
struct inputs {
  explicit inputs(int depth) : k(depth) {}
  int k;
  operands<float> given{k}, tf32_high{k}, tf32_low{k};
  operands<__nv_bfloat16> bf16_high{k}, bf16_low{k};
  operands<__half> fp16{k};
  scaled_operands<__nv_fp8_e4m3> e4m3{k};
  scaled_operands<std::int8_t> int8{k};
};

float largest_magnitude(const wl::device_buffer<float>& x, wl::stream_view stream) {
  std::vector<float> on_host(x.size());
  wl::copy_async<float>(on_host, x.view(), stream);
  stream.synchronize();
  float largest = 0;
  for (const float one : on_host) largest = std::max(largest, std::fabs(one));
  return largest;
}

/// `top`: the largest magnitude of T.
template <class T>
void quantise_operands(const operands<float>& given, int k, float top, scaled_operands<T>& out,
                       wl::stream_view stream) {
  const wl::device_buffer<float> b_by_columns(given.b.size());
  WARPLADDER_TRY(wl::bench::transpose(given.b.data(), k, n, b_by_columns.data(), stream));
  out.scale_of_a = largest_magnitude(given.a, stream) / top;
  out.scale_of_b = largest_magnitude(given.b, stream) / top;
  WARPLADDER_TRY(
      wl::bench::quantise(given.a.data(), given.a.size(), out.scale_of_a, out.a.data(), stream));
  WARPLADDER_TRY(wl::bench::quantise(b_by_columns.data(), b_by_columns.size(), out.scale_of_b,
                                     out.b.data(), stream));
  wl::copy_async<float>(out.device_scale_of_a.view(), {&out.scale_of_a, 1}, stream);
  wl::copy_async<float>(out.device_scale_of_b.view(), {&out.scale_of_b, 1}, stream);
  stream.synchronize();
}

template <class T>
void split_operands(const operands<float>& given, operands<T>& high, operands<T>* low,
                    wl::stream_view stream) {
  WARPLADDER_TRY(wl::bench::split(given.a.data(), given.a.size(), high.a.data(),
                                  low != nullptr ? low->a.data() : nullptr, stream));
  WARPLADDER_TRY(wl::bench::split(given.b.data(), given.b.size(), high.b.data(),
                                  low != nullptr ? low->b.data() : nullptr, stream));
}

/// Uniform in [-1, 1); if `scaled`, every row of A and every column of B is multiplied by a power
/// of two between 2^-20 and 2^20.
std::unique_ptr<inputs> make_inputs(int k, bool scaled, wl::stream_view stream) {
  auto made = std::make_unique<inputs>(k);
  WARPLADDER_TRY(wl::bench::fill_uniform(made->given.a.data(), made->given.a.size(), 1, stream));
  WARPLADDER_TRY(wl::bench::fill_uniform(made->given.b.data(), made->given.b.size(), 2, stream));
  if (scaled) {
    std::mt19937 random(3);
    std::vector<int> exponents(m + n);
    for (int& exponent : exponents) exponent = int(random() % 41) - 20;
    const wl::device_buffer<int> on_device(exponents.size());
    wl::copy_async<int>(on_device.view(), exponents, stream);
    WARPLADDER_TRY(wl::bench::scale_by_powers_of_two(made->given.a.data(), m, k, on_device.data(),
                                                     true, stream));
    WARPLADDER_TRY(wl::bench::scale_by_powers_of_two(made->given.b.data(), k, n,
                                                     on_device.data() + m, false, stream));
    stream.synchronize();
  }
  split_operands(made->given, made->tf32_high, &made->tf32_low, stream);
  split_operands(made->given, made->bf16_high, &made->bf16_low, stream);
  split_operands<__half>(made->given, made->fp16, nullptr, stream);
  quantise_operands(made->given, k, 448, made->e4m3, stream);
  quantise_operands(made->given, k, 127, made->int8, stream);
  stream.synchronize();
  return made;
}

/// cuBLAS with one handle, as most programs use it. Row-major C = A B is column-major
/// C^T = B^T A^T, so the operands swap places.
class vendor {
 public:
  vendor() {
    try_cublas(cublasCreate(&handle_), "cublasCreate");
#if CUBLAS_VERSION >= 120900
    try_cublas(cublasSetEmulationStrategy(handle_, CUBLAS_EMULATION_STRATEGY_EAGER),
               "cublasSetEmulationStrategy");  // regards only products that ask for emulation
#endif
  }
  vendor(const vendor&) = delete;
  vendor& operator=(const vendor&) = delete;
  ~vendor() {
    cublasDestroy(handle_);
  }

  cublasStatus_t sgemm(const operands<float>& x, int k, cublasMath_t math, float* c,
                       cudaStream_t stream) const {
    try_cublas(cublasSetStream(handle_, stream), "cublasSetStream");
    try_cublas(cublasSetMathMode(handle_, math), "cublasSetMathMode");
    const float one = 1, zero = 0;
    const cublasStatus_t status = cublasSgemm(handle_, CUBLAS_OP_N, CUBLAS_OP_N, n, m, k, &one,
                                              x.b.data(), n, x.a.data(), k, &zero, c, n);
    try_cublas(cublasSetMathMode(handle_, CUBLAS_DEFAULT_MATH), "cublasSetMathMode");
    return status;
  }

  /// C = A B + beta C, with C and the sums in float32.
  template <class T>
  cublasStatus_t product(const wl::device_buffer<T>& a, const wl::device_buffer<T>& b, int k,
                         cublasComputeType_t compute, float beta, float* c,
                         cudaStream_t stream) const {
    constexpr cudaDataType_t type = std::is_same_v<T, float>    ? CUDA_R_32F
                                    : std::is_same_v<T, __half> ? CUDA_R_16F
                                                                : CUDA_R_16BF;
    try_cublas(cublasSetStream(handle_, stream), "cublasSetStream");
    const float one = 1;
    return cublasGemmEx(handle_, CUBLAS_OP_N, CUBLAS_OP_N, n, m, k, &one, b.data(), type, n,
                        a.data(), type, k, &beta, c, CUDA_R_32F, n, compute, CUBLAS_GEMM_DEFAULT);
  }

  /// C = A B in half, sums too.
  cublasStatus_t half_sums(const operands<__half>& x, int k, __half* c, cudaStream_t stream) const {
    try_cublas(cublasSetStream(handle_, stream), "cublasSetStream");
    const __half one(1.0f), zero(0.0f);
    return cublasGemmEx(handle_, CUBLAS_OP_N, CUBLAS_OP_N, n, m, k, &one, x.b.data(), CUDA_R_16F, n,
                        x.a.data(), CUDA_R_16F, k, &zero, c, CUDA_R_16F, n, CUBLAS_COMPUTE_16F,
                        CUBLAS_GEMM_DEFAULT);
  }

  /// C = A B^T in int32, exact.
  cublasStatus_t int8(const operands<std::int8_t>& x, int k, std::int32_t* c,
                      cudaStream_t stream) const {
    try_cublas(cublasSetStream(handle_, stream), "cublasSetStream");
    const std::int32_t one = 1, zero = 0;
    return cublasGemmEx(handle_, CUBLAS_OP_T, CUBLAS_OP_N, n, m, k, &one, x.b.data(), CUDA_R_8I, k,
                        x.a.data(), CUDA_R_8I, k, &zero, c, CUDA_R_32I, n, CUBLAS_COMPUTE_32I,
                        CUBLAS_GEMM_DEFAULT);
  }

  /// C = A B^T of e4m3 with both scales; `fast`: sums of fewer bits are allowed.
  cublasStatus_t e4m3(const scaled_operands<__nv_fp8_e4m3>& x, int k, bool fast, float* c,
                      cudaStream_t stream) const {
    cublasLtMatmulDescOpaque_t what;
    cublasLtMatrixLayoutOpaque_t first, second, result;
    cublasLtMatmulPreferenceOpaque_t preference;
    const auto set = [&](cublasLtMatmulDescAttributes_t attribute, auto value) {
      try_cublas(cublasLtMatmulDescSetAttribute(&what, attribute, &value, sizeof value),
                 "cublasLtMatmulDescSetAttribute");
    };
    try_cublas(cublasLtMatmulDescInit(&what, CUBLAS_COMPUTE_32F, CUDA_R_32F), "MatmulDescInit");
    set(CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_T);
    set(CUBLASLT_MATMUL_DESC_A_SCALE_POINTER, static_cast<const void*>(x.device_scale_of_b.data()));
    set(CUBLASLT_MATMUL_DESC_B_SCALE_POINTER, static_cast<const void*>(x.device_scale_of_a.data()));
    set(CUBLASLT_MATMUL_DESC_FAST_ACCUM, std::int8_t{fast});
    try_cublas(cublasLtMatrixLayoutInit(&first, CUDA_R_8F_E4M3, k, n, k), "MatrixLayoutInit");
    try_cublas(cublasLtMatrixLayoutInit(&second, CUDA_R_8F_E4M3, k, m, k), "MatrixLayoutInit");
    try_cublas(cublasLtMatrixLayoutInit(&result, CUDA_R_32F, n, m, n), "MatrixLayoutInit");
    try_cublas(cublasLtMatmulPreferenceInit(&preference), "MatmulPreferenceInit");
    const auto handle = reinterpret_cast<cublasLtHandle_t>(handle_);  // any handle is one of Lt
    cublasLtMatmulHeuristicResult_t found;
    int count = 0;
    if (const auto status = cublasLtMatmulAlgoGetHeuristic(handle, &what, &first, &second, &result,
                                                           &result, &preference, 1, &found, &count);
        status != CUBLAS_STATUS_SUCCESS)
      return status;
    const float one = 1, zero = 0;
    return cublasLtMatmul(handle, &what, &one, x.b.data(), &first, x.a.data(), &second, &zero, c,
                          &result, c, &result, &found.algo, nullptr, 0, stream);
  }

  /// Three products of the halves of split operands, the small ones first; low * low is left out.
  template <class T>
  cublasStatus_t three_products(const operands<T>& high, const operands<T>& low, int k,
                                cublasComputeType_t compute, float* c, cudaStream_t stream) const {
    cublasStatus_t status = product(low.a, high.b, k, compute, 0, c, stream);
    if (status == CUBLAS_STATUS_SUCCESS) status = product(high.a, low.b, k, compute, 1, c, stream);
    if (status == CUBLAS_STATUS_SUCCESS) status = product(high.a, high.b, k, compute, 1, c, stream);
    return status;
  }

 private:
  cublasHandle_t handle_ = nullptr;
};

/// One way to compute the product. `lane` numbers the stream, for scratch that must not be shared.
struct method {
  std::string key, label;
  int min_compute_capability;
  std::function<cublasStatus_t(const inputs&, float* c, cudaStream_t, int lane)> launch;
};

wl::gemm::problem<float> front_door_problem(const inputs& x, float* c) {
  wl::gemm::problem<float> p;
  p.m = m, p.n = n, p.k = x.k;
  p.a = x.given.a.data(), p.lda = x.k;
  p.b = x.given.b.data(), p.ldb = n;
  p.c = c, p.ldc = n;
  return p;
}

/// What one stream needs beside the product: scratch, and C in another type than float.
struct lane_memory {
  wl::device_buffer<std::byte> scratch;
  wl::device_buffer<__half> half{std::size_t(m) * n};
  wl::device_buffer<std::int32_t> int32{std::size_t(m) * n};
};

/// Lets `launch` fill C of another type, all ones before, and widens it.
template <class Narrow, class Launch>
cublasStatus_t widened(const wl::device_buffer<Narrow>& narrow, float scale, float* c,
                       cudaStream_t to, Launch launch) {
  WARPLADDER_TRY(cudaMemsetAsync(narrow.data(), 0xff, narrow.size_bytes(), to));
  const cublasStatus_t status = launch(narrow.data());
  WARPLADDER_TRY(wl::bench::widen(narrow.data(), narrow.size(), scale, c, to));
  return status;
}

/// The front door for tensor cores, if it is there.
template <class In, class Out>
const wl::rung_entry<wl::gemm_tc::problem<In, Out>>* tensor_front_door() {
  const auto ladder = wl::tables::gemm_tc<In, Out>();
  const auto found = std::find_if(ladder.begin(), ladder.end(),
                                  [](const auto& rung) { return rung.info.name == "tuned"; });
  return found != ladder.end() ? &*found : nullptr;
}

template <class In, class Out>
wl::gemm_tc::problem<In, Out> tensor_problem(const operands<In>& x, int k, Out* c) {
  wl::gemm_tc::problem<In, Out> p;
  p.m = m, p.n = n, p.k = k;
  p.a = x.a.data(), p.lda = k;
  p.b = x.b.data(), p.ldb = n;
  p.c = c, p.ldc = n;
  if (sizeof(In) == 1) p.trans_b = wl::gemm_tc::transpose::yes, p.ldb = k;
  return p;
}

template <class In, class Out>
std::size_t tensor_scratch_bytes(const operands<In>& x, int k) {
  const auto* const rung = tensor_front_door<In, Out>();
  return rung != nullptr ? rung->workspace_bytes(tensor_problem<In, Out>(x, k, nullptr)) : 0;
}

/// C = alpha A B by the front door for tensor cores.
template <class In, class Out>
cublasStatus_t on_tensor_cores(const operands<In>& x, int k, float alpha, Out* c, cudaStream_t to,
                               const lane_memory& own) {
  const auto& rung = *tensor_front_door<In, Out>();
  auto p = tensor_problem<In, Out>(x, k, c);
  p.alpha = static_cast<typename wl::gemm_tc::problem<In, Out>::scalar>(alpha);
  if (!rung.supports(p)) return CUBLAS_STATUS_NOT_SUPPORTED;
  WARPLADDER_TRY(rung.launch(p, to, {own.scratch.data(), own.scratch.size()}));
  return CUBLAS_STATUS_SUCCESS;
}

std::vector<method> all_methods(const vendor& cublas, const std::vector<lane_memory>& lanes) {
  constexpr auto plain = CUBLAS_COMPUTE_32F, tf32 = CUBLAS_COMPUTE_32F_FAST_TF32;
  std::vector<method> all;
  all.push_back({"cublas_fp32", "cuBLAS FP32, default math", 0,
                 [&](const inputs& x, float* c, cudaStream_t to, int) {
                   return cublas.sgemm(x.given, x.k, CUBLAS_DEFAULT_MATH, c, to);
                 }});
  all.push_back({"cublas_fp32_pedantic", "cuBLAS FP32, pedantic math", 0,
                 [&](const inputs& x, float* c, cudaStream_t to, int) {
                   return cublas.sgemm(x.given, x.k, CUBLAS_PEDANTIC_MATH, c, to);
                 }});
  all.push_back({"front_door", "warpladder::gemm::run", 0,
                 [&](const inputs& x, float* c, cudaStream_t to, int lane) {
                   const auto& own = lanes[std::size_t(lane)].scratch;
                   WARPLADDER_TRY(wl::tables::gemm_run<float>(front_door_problem(x, c), to,
                                                              {own.data(), own.size()}));
                   return CUBLAS_STATUS_SUCCESS;
                 }});
#if CUBLAS_VERSION >= 120900
  all.push_back({"cublas_bf16x9", "cuBLAS BF16x9 emulation", 0,
                 [&](const inputs& x, float* c, cudaStream_t to, int) {
                   return cublas.product(x.given.a, x.given.b, x.k,
                                         CUBLAS_COMPUTE_32F_EMULATED_16BFX9, 0, c, to);
                 }});
#endif
  all.push_back({"tf32x3", "3xTF32", 80, [&](const inputs& x, float* c, cudaStream_t to, int) {
                   return cublas.three_products(x.tf32_high, x.tf32_low, x.k, tf32, c, to);
                 }});
  all.push_back({"bf16x3", "3xBF16", 80, [&](const inputs& x, float* c, cudaStream_t to, int) {
                   return cublas.three_products(x.bf16_high, x.bf16_low, x.k, plain, c, to);
                 }});
  all.push_back(
      {"cublas_tf32", "cuBLAS TF32", 80, [&](const inputs& x, float* c, cudaStream_t to, int) {
         return cublas.product(x.given.a, x.given.b, x.k, tf32, 0, c, to);
       }});
  all.push_back({"cublas_fp16", "FP16 inputs, FP32 sums", 0,
                 [&](const inputs& x, float* c, cudaStream_t to, int) {
                   return cublas.product(x.fp16.a, x.fp16.b, x.k, plain, 0, c, to);
                 }});
  all.push_back({"cublas_bf16", "BF16 inputs, FP32 sums", 80,
                 [&](const inputs& x, float* c, cudaStream_t to, int) {
                   return cublas.product(x.bf16_high.a, x.bf16_high.b, x.k, plain, 0, c, to);
                 }});
  all.push_back({"cublas_fp16_sums", "FP16 inputs, FP16 sums", 0,
                 [&](const inputs& x, float* c, cudaStream_t to, int lane) {
                   return widened(lanes[std::size_t(lane)].half, 1, c, to, [&](__half* half) {
                     return cublas.half_sums(x.fp16, x.k, half, to);
                   });
                 }});
  all.push_back({"cublas_e4m3", "E4M3 inputs, scaled, FP32 sums", 89,
                 [&](const inputs& x, float* c, cudaStream_t to, int) {
                   return cublas.e4m3(x.e4m3, x.k, false, c, to);
                 }});
  all.push_back({"cublas_e4m3_fast", "E4M3 inputs, scaled, fast sums", 89,
                 [&](const inputs& x, float* c, cudaStream_t to, int) {
                   return cublas.e4m3(x.e4m3, x.k, true, c, to);
                 }});
  all.push_back({"cublas_int8", "INT8 inputs, scaled, INT32 sums", 75,
                 [&](const inputs& x, float* c, cudaStream_t to, int lane) {
                   return widened(
                       lanes[std::size_t(lane)].int32, x.int8.scale(), c, to,
                       [&](std::int32_t* sums) { return cublas.int8(x.int8, x.k, sums, to); });
                 }});

  // Ours on tensor cores, as far as they are there.
  if (const auto* const door = tensor_front_door<float, float>()) {
    all.push_back({"tc_tf32", "warpladder::gemm_tc::run, TF32", door->info.min_compute_capability,
                   [&](const inputs& x, float* c, cudaStream_t to, int lane) {
                     return on_tensor_cores(x.given, x.k, 1, c, to, lanes[std::size_t(lane)]);
                   }});
    all.push_back({"tc_bf16", "warpladder::gemm_tc::run, BF16", door->info.min_compute_capability,
                   [&](const inputs& x, float* c, cudaStream_t to, int lane) {
                     return on_tensor_cores(x.bf16_high, x.k, 1, c, to, lanes[std::size_t(lane)]);
                   }});
    all.push_back({"tc_fp16", "warpladder::gemm_tc::run, FP16, also of C",
                   door->info.min_compute_capability,
                   [&](const inputs& x, float* c, cudaStream_t to, int lane) {
                     const auto& own = lanes[std::size_t(lane)];
                     return widened(own.half, 1, c, to, [&](__half* half) {
                       return on_tensor_cores(x.fp16, x.k, 1, half, to, own);
                     });
                   }});
    all.push_back({"tc_e4m3", "warpladder::gemm_tc::run, E4M3", 90,
                   [&](const inputs& x, float* c, cudaStream_t to, int lane) {
                     return on_tensor_cores<__nv_fp8_e4m3, float>(x.e4m3, x.k, x.e4m3.scale(), c,
                                                                  to, lanes[std::size_t(lane)]);
                   }});
    all.push_back({"tc_int8", "warpladder::gemm_tc::run, INT8", door->info.min_compute_capability,
                   [&](const inputs& x, float* c, cudaStream_t to, int lane) {
                     const auto& own = lanes[std::size_t(lane)];
                     return widened(own.int32, x.int8.scale(), c, to, [&](std::int32_t* sums) {
                       return on_tensor_cores<std::int8_t, std::int32_t>(x.int8, x.k, 1, sums, to,
                                                                         own);
                     });
                   }});
  }
  return all;
}

using result = std::vector<float>;  // m x n

/// Runs the method `count` times, in turn on each of the streams, all of them enqueued before any
/// is waited for, each into a C of its own full of NaN. Returns nothing if cuBLAS does not support
/// it.
std::optional<std::vector<result>> run(const method& how, const inputs& x, int count,
                                       const std::vector<wl::stream_view>& streams) {
  constexpr std::size_t elements = std::size_t(m) * n;
  const wl::device_buffer<float> c(elements * std::size_t(count));
  WARPLADDER_TRY(cudaMemset(c.data(), 0xff, c.size_bytes()));
  WARPLADDER_TRY(cudaDeviceSynchronize());
  for (int i = 0; i < count; ++i) {
    const int lane = i % int(streams.size());
    const cublasStatus_t status =
        how.launch(x, c.data() + elements * std::size_t(i), streams[std::size_t(lane)], lane);
    if (status == CUBLAS_STATUS_NOT_SUPPORTED || status == CUBLAS_STATUS_ARCH_MISMATCH) {
      WARPLADDER_TRY(cudaDeviceSynchronize());
      return std::nullopt;
    }
    try_cublas(status, how.label.c_str());
  }
  for (const wl::stream_view stream : streams) stream.synchronize();
  std::vector<result> all(static_cast<std::size_t>(count), result(elements));
  for (int i = 0; i < count; ++i) {
    WARPLADDER_TRY(cudaMemcpy(all[std::size_t(i)].data(), c.data() + elements * std::size_t(i),
                              elements * sizeof(float), cudaMemcpyDeviceToHost));
  }
  return all;
}

bool same_bits(const result& x, const result& y) {
  return std::memcmp(x.data(), y.data(), x.size() * sizeof(float)) == 0;
}

bool all_equal(const std::vector<result>& results, const result& to) {
  return std::all_of(results.begin(), results.end(),
                     [&](const result& one) { return same_bits(one, to); });
}

/// The exact product and |A| |B|, in float64.
struct reference {
  std::vector<double> product, magnitude;

  reference(const inputs& x, wl::stream_view stream)
      : product(std::size_t(m) * n), magnitude(product.size()) {
    const wl::device_buffer<double> p(product.size()), q(magnitude.size());
    WARPLADDER_TRY(wl::bench::reference_product(x.given.a.data(), x.given.b.data(), m, n, x.k,
                                                p.data(), q.data(), stream));
    wl::copy_async<double>(product, p.view(), stream);
    wl::copy_async<double>(magnitude, q.view(), stream);
    stream.synchronize();
  }
};

/// Errors of one result, or the number of elements that are infinite or NaN.
ordered_json judge(const result& got, const reference& exact, int k) {
  std::vector<double> relative;
  relative.reserve(got.size());
  double squared_error = 0, squared_norm = 0;
  std::size_t not_finite = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (!std::isfinite(got[i])) {
      ++not_finite;
      continue;
    }
    if (!(exact.magnitude[i] > 0))
      throw std::runtime_error("a row or column of the inputs is zero");
    const double error = std::fabs(double(got[i]) - exact.product[i]);
    relative.push_back(error / exact.magnitude[i]);
    squared_error += error * error;
    squared_norm += exact.product[i] * exact.product[i];
  }
  if (not_finite != 0) {
    return {{"not_finite_fraction", double(not_finite) / double(got.size())}};
  }
  const auto middle = relative.begin() + std::ptrdiff_t(relative.size() / 2);
  std::nth_element(relative.begin(), middle, relative.end());
  const double median = *middle;
  const double largest = *std::max_element(relative.begin(), relative.end());
  const double gamma = k * unit_roundoff / (1 - k * unit_roundoff);
  return {{"max_in_u", largest / unit_roundoff},
          {"median_in_u", median / unit_roundoff},
          {"max_over_gamma", largest / gamma},
          {"normwise", std::sqrt(squared_error / squared_norm)}};
}

std::string text_of(const ordered_json& row) {
  if (row.contains("why_not")) return row["why_not"].get<std::string>();
  if (row.contains("not_finite_fraction")) {
    return fmt::format("{:.1f}% of the elements overflow",
                       100 * row["not_finite_fraction"].get<double>());
  }
  std::string text =
      fmt::format("{:>12.4g} {:>12.4g} {:>12.3g} {:>12.3g}", row["max_in_u"].get<double>(),
                  row["median_in_u"].get<double>(), row["max_over_gamma"].get<double>(),
                  row["normwise"].get<double>());
  if (row["equals_cublas_fp32"].get<bool>()) text += "  (bits of cuBLAS FP32)";
  return text;
}

ordered_json measure() {
  wl::device_facts device;
  WARPLADDER_TRY(wl::query_device(device));
  const wl::stream first, second;
  const vendor cublas;
  std::vector<lane_memory> lanes(2);  // one per stream
  const std::vector<method> methods = all_methods(cublas, lanes);

  ordered_json errors = ordered_json::array(), reproducibility = ordered_json::array();
  for (const bool scaled : {false, true}) {
    for (const int k : depths) {
      const char* const kind = scaled ? "scaled" : "uniform";
      const std::unique_ptr<inputs> x = make_inputs(k, scaled, first);
      const reference exact(*x, first);
      const std::size_t bytes =
          std::max({wl::tables::gemm_workspace_bytes<float>(front_door_problem(*x, nullptr)),
                    tensor_scratch_bytes<float, float>(x->given, k),
                    tensor_scratch_bytes<__nv_bfloat16, float>(x->bf16_high, k),
                    tensor_scratch_bytes<__half, __half>(x->fp16, k),
                    tensor_scratch_bytes<__nv_fp8_e4m3, float>(x->e4m3, k),
                    tensor_scratch_bytes<std::int8_t, std::int32_t>(x->int8, k)});
      for (auto& own : lanes) own.scratch = wl::device_buffer<std::byte>(bytes);

      fmt::print("\n{} inputs, {} x {} x {}: error / |A||B|\n{:<40} {:>12} {:>12} {:>12} {:>12}\n",
                 kind, m, n, k, "", "max, in u", "median, in u", "max / gamma", "normwise");
      result float32;  // of cuBLAS
      for (const method& how : methods) {
        ordered_json row{{"method", how.key},
                         {"label", how.label},
                         {"inputs", kind},
                         {"m", m},
                         {"n", n},
                         {"k", k}};
        std::optional<std::vector<result>> once;
        if (device.compute_capability < how.min_compute_capability) {
          row["why_not"] =
              fmt::format("needs compute capability {}.{}", how.min_compute_capability / 10,
                          how.min_compute_capability % 10);
        } else if (once = run(how, *x, 1, {first}); !once) {
          row["why_not"] = "not supported";
        } else {
          const result& got = once->front();
          if (how.key == "cublas_fp32") float32 = got;
          row.update(judge(got, exact, k));
          row["equals_cublas_fp32"] = how.key != "cublas_fp32" && same_bits(got, float32);
          if (!scaled) {
            const auto in_one = run(how, *x, repeats, {first});
            const auto in_two = run(how, *x, 2 * repeats, {first, second});
            if (!in_one || !in_two) throw std::runtime_error(how.label + " has lost its support");
            reproducibility.push_back({{"method", how.key},
                                       {"label", how.label},
                                       {"k", k},
                                       {"runs_per_stream", repeats},
                                       {"one_stream_equal", all_equal(*in_one, got)},
                                       {"two_streams_equal", all_equal(*in_two, got)}});
          }
        }
        fmt::print("{:<40} {}\n", how.label, text_of(row));
        errors.push_back(row);
      }
    }
  }

  fmt::print("\nequal bits in {} runs per stream, uniform inputs\n{:<40} {:>8} {:>12} {:>12}\n",
             repeats, "", "k", "one stream", "two streams");
  for (const ordered_json& row : reproducibility) {
    const auto yes_or_no = [&](const char* key) { return row[key].get<bool>() ? "yes" : "NO"; };
    fmt::print("{:<40} {:>8} {:>12} {:>12}\n", row["label"].get<std::string>(), row["k"].get<int>(),
               yes_or_no("one_stream_equal"), yes_or_no("two_streams_equal"));
  }
  return {{"context", wl::bench::describe_study()},
          {"errors", errors},
          {"reproducibility", reproducibility}};
}

}  // namespace

int main(int argc, char** argv) {
  return wl::bench::run_study(
      argc, argv,
      "Measures how exact a float32 product is, by every way to compute it, against float64, and\n"
      "whether equal inputs give equal bits. Takes some seconds.",
      measure);
}
