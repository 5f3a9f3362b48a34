// SPDX-License-Identifier: Apache-2.0
//
// A ladder of our own: Warpladder's first two rungs and the one of 03_split_sum.cuh, each verified
// against a float64 computation on problems that kernels tend to get wrong.

#include <cstdio>
#include <random>
#include <vector>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/stream.hpp>
#include <warpladder/gemm/01_naive.cuh>
#include <warpladder/gemm/02_coalesced.cuh>
#include <warpladder/gemm/verify.cuh>

#include "03_split_sum.cuh"

namespace {

namespace gemm = warpladder::gemm;
using gemm::transpose;
using warpladder::device_buffer;

// The registry: a new rung is one include above and one type here.
using ladder = warpladder::rung_list<gemm::naive, gemm::coalesced, split_sum>;

device_buffer<float> random_matrix(std::size_t size, cudaStream_t stream) {
  static std::mt19937 random(1);
  std::vector<float> values(size);
  for (float& value : values) value = std::uniform_real_distribution<float>(-1, 1)(random);
  device_buffer<float> matrix(size);
  warpladder::copy_async<float>(matrix.view(), values, stream);
  WARPLADDER_TRY(cudaStreamSynchronize(stream));  // `values` ends here
  return matrix;
}

/// Runs one rung on one problem; true if every element of C is within the error bound.
bool is_right(const warpladder::rung_entry<gemm::problem<float>>& rung, gemm::problem<float> p,
              cudaStream_t stream) {
  p.lda = (p.trans_a == transpose::yes ? p.m : p.k) + 3;  // rows lie further apart than they must
  p.ldb = (p.trans_b == transpose::yes ? p.k : p.n) + 1;
  p.ldc = p.n + 2;
  const auto a =
      random_matrix(std::size_t(p.lda) * (p.trans_a == transpose::yes ? p.k : p.m), stream);
  const auto b =
      random_matrix(std::size_t(p.ldb) * (p.trans_b == transpose::yes ? p.n : p.k), stream);
  const auto before = random_matrix(std::size_t(p.ldc) * p.m, stream);
  const device_buffer<float> c(before.size());
  warpladder::copy_async<float>(c.view(), before.view(), stream);
  p.a = a.data(), p.b = b.data(), p.c = c.data();

  if (const auto can = rung.supports(p); !can) {
    std::printf("  %lldx%lldx%lld skipped: %s\n", (long long)p.m, (long long)p.n, (long long)p.k,
                can.why_not.data());
    return true;
  }
  const device_buffer<unsigned char> scratch(rung.workspace_bytes(p));
  const device_buffer<gemm::verification> result(1);
  WARPLADDER_TRY(rung.launch(p, stream, {scratch.data(), scratch.size()}));
  WARPLADDER_TRY(gemm::verify(p, before.data(), result.data(), stream));
  std::vector<gemm::verification> found(1);
  warpladder::copy_async<gemm::verification>(found, result.view(), stream);
  WARPLADDER_TRY(cudaStreamSynchronize(stream));

  const gemm::verification& v = found[0];
  const bool right = v.wrong == 0 && v.checked == static_cast<unsigned long long>(p.m * p.n);
  if (!right) {
    std::printf("  %lldx%lldx%lld WRONG: %llu elements, for one C(%lld, %lld) = %g, not %g\n",
                (long long)p.m, (long long)p.n, (long long)p.k, v.wrong, (long long)v.row,
                (long long)v.col, v.got, v.expected);
  }
  return right;
}

}  // namespace

int main() {
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    std::puts("no GPU: nothing to run on");
    return 77;
  }
  std::vector<gemm::problem<float>> problems;
  for (const int size : {1, 3, 31, 32, 33, 100}) {  // below, at and above the block's sizes
    problems.push_back({.m = size, .n = size, .k = size});
    problems.push_back({.m = size, .n = 2 * size + 1, .k = 7, .alpha = -0.5f, .beta = 1});
    problems.push_back({.m = 5,
                        .n = size,
                        .k = size + 1,
                        .beta = 0.5f,
                        .trans_a = transpose::yes,
                        .trans_b = transpose::yes});
  }
  problems.push_back({.m = 4, .n = 4, .k = 0, .beta = 1});

  const warpladder::stream stream;
  bool all_right = true;
  for (const auto& rung : warpladder::make_table<gemm::problem<float>>(ladder{})) {
    bool right = true;
    for (const auto& problem : problems) right = is_right(rung, problem, stream) && right;
    std::printf("%02d %-12s %-45s %s\n", rung.info.step, rung.info.name.data(),
                rung.info.idea.data(), right ? "right" : "WRONG");
    all_right = all_right && right;
  }
  return all_right ? 0 : 1;
}
