// SPDX-License-Identifier: Apache-2.0
//
// Where the time of a small product goes: the first call, the host's share of every later call, the
// GPU's share. Answers A1a in docs/faq.md.
//
//   first call   wall time of call and wait, in a process that has not yet used the method
//   round trip   wall time of call and wait, everything warm: what a program that waits feels
//   host         wall time of the call alone, with nothing queued: enqueueing is all it does
//   stream       device time per product, many enqueued back to back
//   graph        the same launches as one graph: what is left when the host's share is gone

#include <cublas_v2.h>
#include <cuda_runtime_api.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <gemm.hpp>
#include <harness/median.hpp>
#include <harness/random.hpp>
#include <harness/workload.hpp>
#include <stdexcept>
#include <string>
#include <study.hpp>
#include <vector>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/stream.hpp>

namespace {

namespace wl = warpladder;
using nlohmann::ordered_json;
using problem = wl::gemm::problem<float>;

constexpr int sizes[] = {16, 32, 64, 96, 128, 192, 256, 384, 512};
constexpr int waited_calls = 201;  // each alone, with a wait behind it
constexpr int batches = 9;
constexpr double batch_seconds = 4e-3;
constexpr std::size_t launches_per_graph = 128;

struct method {
  std::string key;
  std::function<std::size_t(const problem&)> workspace_bytes;
  std::function<cudaError_t(const problem&, cudaStream_t, wl::workspace_view)> launch;
};

std::vector<method> all_methods() {
  std::vector<method> all;
  for (const auto& rung : wl::tables::gemm<float>()) {
    if (rung.info.step <= 2)
      all.push_back({fmt::format("{:02}_{}", rung.info.step, rung.info.name), rung.workspace_bytes,
                     rung.launch});
  }
  all.push_back({"run", wl::tables::gemm_workspace_bytes<float>, wl::tables::gemm_run<float>});
  return all;
}

/// The operands of one size, and a method ready to work on them.
class product {
 public:
  product(const method& how, int size, wl::stream_view stream)
      : how_(how), stream_(stream), a_(square(size)), b_(square(size)), c_(square(size)) {
    WARPLADDER_TRY(wl::bench::fill_uniform(a_.data(), a_.size(), 1, stream));
    WARPLADDER_TRY(wl::bench::fill_uniform(b_.data(), b_.size(), 2, stream));
    WARPLADDER_TRY(cudaMemsetAsync(c_.data(), 0xff, c_.size_bytes(), stream));
    p_.m = p_.n = p_.k = p_.lda = p_.ldb = p_.ldc = size;
    p_.a = a_.data(), p_.b = b_.data(), p_.c = c_.data();
    scratch_ = wl::device_buffer<std::byte>(how.workspace_bytes(p_));
    stream.synchronize();
  }

  void launch() const {
    WARPLADDER_TRY(how_.launch(p_, stream_, {scratch_.data(), scratch_.size()}));
  }

  void check() const {
    const wl::device_buffer<wl::gemm::verification> on_device(1);
    WARPLADDER_TRY(wl::tables::gemm_verify<float>(p_, nullptr, on_device.data(), stream_));
    wl::gemm::verification found;
    wl::copy_async<wl::gemm::verification>({&found, 1}, on_device.view(), stream_);
    stream_.synchronize();
    if (found.wrong != 0 || found.checked != static_cast<unsigned long long>(p_.m * p_.n))
      throw std::runtime_error(fmt::format("{} is wrong at {}", how_.key, p_.m));
  }

 private:
  static std::size_t square(int size) { return std::size_t(size) * std::size_t(size); }

  const method& how_;
  wl::stream_view stream_;
  wl::device_buffer<float> a_, b_, c_;
  wl::device_buffer<std::byte> scratch_;
  problem p_;
};

struct waited {
  double host_us, round_trip_us;
};

/// One call with an idle stream before it and a wait behind it.
waited call_and_wait(const product& one, wl::stream_view stream) {
  using clock = std::chrono::steady_clock;
  using microseconds = std::chrono::duration<double, std::micro>;
  const auto begin = clock::now();
  one.launch();
  const auto returned = clock::now();
  stream.synchronize();
  const auto done = clock::now();
  return {microseconds(returned - begin).count(), microseconds(done - begin).count()};
}

double device_us(wl::bench::workload& work) {
  const std::size_t launches = work.launches_lasting(batch_seconds);
  std::vector<double> each;
  for (int batch = 0; batch < batches; ++batch)
    each.push_back(work.seconds_per_launch(launches) * 1e6);
  return wl::bench::median(each);
}

ordered_json measure() {
  const wl::stream stream;
  const std::vector<method> methods = all_methods();

  // The CUDA context exists by now; what is timed is what the method itself loads and makes.
  ordered_json first_calls = ordered_json::array();
  fmt::print("{:<16} {:>14} {:>14}\n", "32 x 32 x 32", "first call", "second call");
  for (const method& how : methods) {
    const product one(how, 32, stream);
    const double first = call_and_wait(one, stream).round_trip_us;
    const double second = call_and_wait(one, stream).round_trip_us;
    one.check();
    first_calls.push_back(
        {{"method", how.key}, {"n", 32}, {"first_us", first}, {"second_us", second}});
    fmt::print("{:<16} {:>11.0f} us {:>11.1f} us\n", how.key, first, second);
  }

  ordered_json splits = ordered_json::array();
  fmt::print("\n{:<16} {:>6} {:>14} {:>12} {:>12} {:>12}\n", "us per product", "N", "round trip",
             "host", "stream", "graph");
  for (const int size : sizes) {
    for (const method& how : methods) {
      const product one(how, size, stream);
      one.launch();
      one.check();
      std::vector<double> host, round_trip;
      for (int call = 0; call < waited_calls; ++call) {
        const waited times = call_and_wait(one, stream);
        host.push_back(times.host_us);
        round_trip.push_back(times.round_trip_us);
      }
      wl::bench::rotation only_copy;
      wl::bench::workload work(
          [&](cudaStream_t, std::size_t) {
            one.launch();
            return cudaSuccess;
          },
          only_copy, stream);
      const double in_stream = device_us(work);
      work.use_graph(launches_per_graph);
      const double in_graph = device_us(work);
      splits.push_back({{"method", how.key},
                        {"n", size},
                        {"round_trip_us", wl::bench::median(round_trip)},
                        {"host_us", wl::bench::median(host)},
                        {"stream_us", in_stream},
                        {"graph_us", in_graph}});
      fmt::print("{:<16} {:>6} {:>14.2f} {:>12.2f} {:>12.2f} {:>12.2f}\n", how.key, size,
                 wl::bench::median(round_trip), wl::bench::median(host), in_stream, in_graph);
    }
  }
  return {
      {"context", wl::bench::describe_study()}, {"first_calls", first_calls}, {"splits", splits}};
}

}  // namespace

int main(int argc, char** argv) {
  return wl::bench::run_study(
      argc, argv,
      "Measures where the time of a small float32 product goes: first call, "
      "host, GPU.\nTakes some seconds.",
      measure);
}
