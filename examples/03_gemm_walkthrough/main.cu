// SPDX-License-Identifier: Apache-2.0
//
// The float32 GEMM ladder, climbed in code: what each rung changes and why that wins.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <random>
#include <string>
#include <vector>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/device.hpp>
#include <warpladder/core/event.hpp>
#include <warpladder/core/stream.hpp>
#include <warpladder/gemm/ladder.cuh>
#include <warpladder/gemm/verify.cuh>

namespace {

namespace gemm = warpladder::gemm;
using problem = gemm::problem<float>;
using warpladder::device_buffer;

#ifdef WARPLADDER_HOST_EXECUTOR
constexpr bool on_gpu = false;
#else
constexpr bool on_gpu = true;
#endif

/// Elements that a rung loads for each multiply-add. From the caches a block of block_m x block_n
/// outputs loads block_m + block_n elements per k for block_m * block_n multiply-adds; from shared
/// memory a thread of thread_m x thread_n outputs likewise.
struct loads {
  double global, shared;
};

template <class Rung>
std::optional<loads> loads_per_multiply_add() {
  if constexpr (requires { Rung::tuning::block_k; }) {
    double thread_m = 1, thread_n = 1;
    if constexpr (requires { Rung::tuning::thread_m; }) thread_m = Rung::tuning::thread_m;
    if constexpr (requires { Rung::tuning::thread_n; }) thread_n = Rung::tuning::thread_n;
    if constexpr (
        requires { Rung::tuning::warp_m; } && !requires { Rung::tuning::thread_m; }) {
      thread_m = Rung::tuning::warp_m / 8.0;  // from rung 11 on a warp's lanes stand 8 x 4
      thread_n = Rung::tuning::warp_n / 4.0;
    }
    return loads{1.0 / Rung::tuning::block_m + 1.0 / Rung::tuning::block_n,
                 1 / thread_m + 1 / thread_n};
  } else if constexpr (requires { Rung::tuning::block_rows; }) {
    return loads{2, 0};  // no tiles: both operands, every time
  } else {
    return std::nullopt;
  }
}

/// Why a step wins where the two numbers do not say it.
std::string why(std::string_view rung) {
  const std::pair<std::string_view, const char*> reasons[] = {
      {"cublas", "The vendor's kernels, chosen by its heuristics: the bar to pass."},
      {"naive", "Where everybody starts: each lane of a warp reads a different row of A."},
      {"coalesced", "The same loads, but the lanes of a warp now share cache sectors."},
      {"smem_tiled", "A tile in shared memory serves a whole block: few trips to L2 are left."},
      {"thread_tile_1d", "An element of B in a register serves 8 multiply-adds."},
      {"thread_tile_2d", "8 + 8 elements in registers meet in 64 multiply-adds."},
      {"vectorized", "The same bytes in a quarter of the load and store instructions."},
      {"conflict_free", "The same loads, spread over all 32 banks: no access waits for another."},
      {"register_prefetch", "The next tile is on its way while this one is computed on."},
      {"cp_async", "Several tiles are on their way, and none of them occupies registers."},
      {"warp_tile", "A warp's tile is compact, so its lanes ask shared memory for fewer words."},
  };
  for (const auto& [name, reason] : reasons) {
    if (name == rung) return reason;
  }
  return {};
}

struct workplace {
  problem p;
  warpladder::stream_view stream;
  device_buffer<gemm::verification> result{1};
  loads below{};          ///< of the last rung that has tiles or loads to speak of
  double time_below = 0;  ///< milliseconds
  bool all_right = true;
};

/// Best of several launches, in milliseconds, each between two events.
template <class Rung>
float best_time(const workplace& w, warpladder::workspace_view scratch) {
  const warpladder::event begin(warpladder::event::timing::on), end(warpladder::event::timing::on);
  float best = 1e30f;
  for (int run = 0; run < 10; ++run) {
    w.stream.record(begin);
    WARPLADDER_TRY(Rung::launch(w.p, w.stream, scratch));
    w.stream.record(end);
    end.synchronize();
    best = std::min(best, elapsed_ms(begin, end));
  }
  return best;
}

template <class Rung>
void climb(workplace& w) {
  constexpr warpladder::rung_info info = Rung::info;
  std::printf("\n%02d %s: %s\n", info.step, info.name.data(), info.idea.data());
  if (const std::string reason = why(info.name); !reason.empty())
    std::printf("   %s\n", reason.c_str());
  if (const auto now = loads_per_multiply_add<Rung>()) {
    std::printf("   loads per multiply-add: %.4f from the caches, %.4f from shared memory",
                now->global, now->shared);
    if (w.below.global > now->global)
      std::printf("; %.0f times fewer from the caches", w.below.global / now->global);
    if (w.below.shared > now->shared)
      std::printf("; %.1f times fewer from shared memory", w.below.shared / now->shared);
    std::printf("\n");
    w.below = *now;
  }

  warpladder::device_facts device;
  WARPLADDER_TRY(query_device(device));
  if (device.compute_capability < info.min_compute_capability || (!on_gpu && !info.runs_on_host)) {
    std::printf("   skipped: cannot run on this device\n");
    return;
  }
  if (const warpladder::support can = Rung::supports(w.p); !can) {
    std::printf("   skipped at this size: %s\n", can.why_not.data());
    return;
  }
  const device_buffer<unsigned char> memory(Rung::workspace_bytes(w.p));
  const warpladder::workspace_view scratch{memory.data(), memory.size()};

  // NaN where C will be, so that an element that is not written is noticed.
  WARPLADDER_TRY(cudaMemsetAsync(w.p.c, 0xFF, w.p.m * w.p.ldc * sizeof(float), w.stream));
  WARPLADDER_TRY(Rung::launch(w.p, w.stream, scratch));
  WARPLADDER_TRY(gemm::verify<float>(w.p, nullptr, w.result.data(), w.stream));
  std::vector<gemm::verification> found(1);
  warpladder::copy_async<gemm::verification>(found, w.result.view(), w.stream);
  w.stream.synchronize();
  const bool right = found[0].wrong == 0 && found[0].checked == (unsigned long long)(w.p.m * w.p.n);
  std::printf("   %s: %llu elements against float64, largest error %.1f%% of its bound\n",
              right ? "right" : "WRONG", found[0].checked, found[0].worst_permille / 10.0);
  w.all_right = w.all_right && right;

  if constexpr (on_gpu) {
    const double milliseconds = best_time<Rung>(w, scratch);
    std::printf("   %.3f ms, %.2f TFLOP/s", milliseconds,
                2e-9 * double(w.p.m) * double(w.p.n) * double(w.p.k) / milliseconds);
    if (info.step > 1 && w.time_below > 0)
      std::printf(", %.2f times as fast as the rung below", w.time_below / milliseconds);
    std::printf("\n");
    if (info.step > 0) w.time_below = milliseconds;
  }
}

template <class... Rungs>
void climb_all(workplace& w, warpladder::rung_list<Rungs...>) {
  (climb<Rungs>(w), ...);
}

device_buffer<float> random_matrix(std::size_t size) {
  static std::mt19937 random(1);
  std::vector<float> values(size);
  for (float& value : values) value = std::uniform_real_distribution<float>(-1, 1)(random);
  device_buffer<float> matrix(size);
  WARPLADDER_TRY(cudaMemcpy(matrix.data(), values.data(), size * sizeof(float), cudaMemcpyDefault));
  // Back when the last bytes are staged; a stream of our own would not wait until they are there.
  WARPLADDER_TRY(cudaStreamSynchronize(cudaStream_t{}));
  return matrix;
}

}  // namespace

int main(int argc, char** argv) {
  const int size = argc > 1 ? std::atoi(argv[1]) : on_gpu ? 2048 : 128;
  if (size < 1 || size > 32768) {
    std::fprintf(stderr, "usage: %s [size, 1 to 32768]\n", argv[0]);
    return 2;
  }
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    std::puts("no GPU: nothing to run on");
    return 77;
  }
  const std::size_t elements = std::size_t(size) * size;
  const auto a = random_matrix(elements), b = random_matrix(elements);
  const device_buffer<float> c(elements);
  const warpladder::stream stream;
  workplace w{{.m = size,
               .n = size,
               .k = size,
               .a = a.data(),
               .lda = size,
               .b = b.data(),
               .ldb = size,
               .c = c.data(),
               .ldc = size},
              stream};
  std::printf("C = A B, float32, %d x %d x %d, %s\n", size, size, size,
              on_gpu ? "on the GPU" : "on the host executor: verified, not timed");
  climb_all(w, gemm::ladder{});
  return w.all_right ? 0 : 1;
}
