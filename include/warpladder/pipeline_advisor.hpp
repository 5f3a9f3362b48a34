// SPDX-License-Identifier: Apache-2.0
//
// How large the chunks of a pipeline should be, and how many of them a device should hold.
//
// A chunk passes three engines: the one that copies to the device, the multiprocessors, the one
// that copies back. All chunks but one pass in the shadow of the engine that needs longest, so
//
//   seconds = (a + k + b) of one chunk + (chunks - 1) * max(a, k, b, both copies at once, host)
//
// where k has the fixed cost of a kernel, its launch and the idle multiprocessors at its end, only
// if kernels are not enqueued in a way that the next one hides it.
//
// Large chunks fill and drain the pipeline slowly, which is the first term; small ones pay the
// fixed cost of a copy or launch more often, which is in the second. Between them is a flat
// minimum.
#pragma once

#include <cuda_runtime_api.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/event.hpp>
#include <warpladder/core/stream.hpp>

namespace warpladder::pipeline {

/// What the engines do on one machine with one kernel. The first four come from a data sheet or
/// from measure_rates(); the fixed costs are what an H100 and its host had.
struct engine_rates {
  double h2d_bytes_per_second = 0;     ///< pinned memory to the device, nothing else going on
  double d2h_bytes_per_second = 0;     ///< and back
  double both_bytes_per_second = 0;    ///< the sum of both directions at the same time
  double kernel_seconds_per_byte = 0;  ///< of input; 0: no kernel
  double copy_seconds = 4e-6;          ///< of each copy, beyond its bytes
  double kernel_seconds = 6e-6;        ///< of each launch and its tail, beyond its bytes
  double host_seconds = 10e-6;         ///< the host's, to enqueue all that is done with a chunk
};

/// Chunks that may be chosen, and what the pipeline does with them. Bytes are of input, which the
/// output follows in proportion.
struct chunk_limits {
  std::size_t granularity = 256;  ///< chunks are multiples of it: a row, a frame, an alignment
  std::size_t smallest = std::size_t{64} << 10;
  std::size_t largest = std::size_t{1} << 40;  ///< what the device memory that is lent allows
  int max_slots = 8;                           ///< at least 1
  int kernels_at_once = 1;  ///< 2: kernels of two chunks overlap, as in rung 07, at least 1
};

struct advice {
  std::size_t chunk_bytes = 0;  ///< of input
  int slots = 1;                ///< chunks that are on the device at a time
  double seconds = 0;           ///< predicted, from the first copy to the last
  double bound_seconds = 0;     ///< what the busiest engine needs for all bytes, and nothing else
};

/// Why rates say nothing, in words, or an empty string if they can be used.
inline std::string_view explain_invalid(const engine_rates& r) {
  const auto is_rate = [](double rate) { return std::isfinite(rate) && rate > 0; };
  const auto is_time = [](double seconds) { return std::isfinite(seconds) && seconds >= 0; };
  if (!is_rate(r.h2d_bytes_per_second)) return "the rate of copies to the device is not positive";
  if (!is_rate(r.d2h_bytes_per_second)) return "the rate of copies from the device is not positive";
  if (!is_rate(r.both_bytes_per_second)) return "the rate of both copies at once is not positive";
  if (!is_time(r.kernel_seconds_per_byte)) return "the kernel's time per byte is negative";
  if (!is_time(r.copy_seconds) || !is_time(r.kernel_seconds) || !is_time(r.host_seconds))
    return "a fixed cost is negative";
  return {};
}

namespace detail {

/// Seconds that each engine needs for some bytes in and out.
struct stage_seconds {
  double in, kernel, out, both;  ///< both: the two copies at the same time

  stage_seconds(const engine_rates& r, double bytes_in, double bytes_out)
      : in(bytes_in / r.h2d_bytes_per_second),
        kernel(bytes_in * r.kernel_seconds_per_byte),
        out(bytes_out / r.d2h_bytes_per_second),
        both((bytes_in + bytes_out) / r.both_bytes_per_second) {}

  double longest() const { return std::max({in, kernel, out, both}); }
};

}  // namespace detail

/// What the busiest engine needs for all bytes: no pipeline is faster, nor one with fewer bytes.
inline double bound_seconds(const engine_rates& r, double bytes_in, double bytes_out) {
  return detail::stage_seconds(r, bytes_in, bytes_out).longest();
}

/// What a pipeline with chunks of this size needs, and how many slots keep its engines busy.
inline advice predict(const engine_rates& r, double bytes_in, double bytes_out, double chunk_bytes,
                      const chunk_limits& limits = {}) {
  const double at_once = std::max(1, limits.kernels_at_once);
  const double chunks = std::max(1.0, bytes_in / chunk_bytes);
  detail::stage_seconds chunk(r, bytes_in / chunks, bytes_out / chunks);
  chunk.in += r.copy_seconds;
  chunk.both += r.copy_seconds;
  chunk.out += r.copy_seconds;
  const double kernel_alone = chunk.kernel > 0 ? chunk.kernel + r.kernel_seconds : 0;
  // Kernels that overlap share the multiprocessors: their fixed costs hide behind each other's
  // work, as far as there is enough of it.
  chunk.kernel = std::max(chunk.kernel, kernel_alone / at_once);

  const double period = std::max(chunk.longest(), r.host_seconds);
  // A slot is taken while its chunk passes the engines, with each copy as slow as it is beside the
  // other one, and kernels that share. One more, so that no copy has to start at the very moment at
  // which another ends.
  const int busy = int(std::ceil((2 * chunk.both + at_once * chunk.kernel) / period));
  const int useful = int(std::min(std::ceil(chunks), double(busy + 1)));
  return {.chunk_bytes = std::size_t(chunk_bytes),
          .slots = std::clamp(useful, 1, std::max(1, limits.max_slots)),
          .seconds = chunk.in + kernel_alone + chunk.out + (chunks - 1) * period,
          .bound_seconds = bound_seconds(r, bytes_in, bytes_out)};
}

/// The chunk with the least predicted time, among the smallest one, its doubles, and the middles
/// between them; the minimum is flat, and of those within half a percent of it this takes the
/// largest, which leaves the host most time. Touches no device. Throws std::invalid_argument if the
/// rates say nothing, if there is no input, or if no multiple of the granularity is within the
/// limits.
inline advice advise(const engine_rates& r, std::size_t bytes_in, std::size_t bytes_out,
                     const chunk_limits& limits = {}) {
  if (const auto reason = explain_invalid(r); !reason.empty())
    throw std::invalid_argument(std::string(reason));
  if (bytes_in == 0) throw std::invalid_argument("a pipeline without input has no chunks");
  if (limits.granularity == 0 || limits.granularity > limits.largest)
    throw std::invalid_argument("no chunk is both a multiple of the granularity and small enough");

  const double unit = double(limits.granularity);
  const auto down = [&](double bytes) { return std::floor(bytes / unit) * unit; };
  const auto up = [&](double bytes) { return std::ceil(bytes / unit) * unit; };
  const double highest = std::min(down(double(limits.largest)), up(double(bytes_in)));
  const double lowest = std::clamp(up(double(limits.smallest)), unit, highest);
  const auto time = [&](double bytes) {
    const double chunk = std::clamp(up(bytes), lowest, highest);
    return predict(r, double(bytes_in), double(bytes_out), chunk, limits);
  };

  std::vector<advice> all;
  for (double power = lowest; power < highest; power *= 2) {
    for (const double bytes : {power, 1.5 * power}) all.push_back(time(bytes));
  }
  all.push_back(time(highest));
  const double least = std::ranges::min_element(all, {}, &advice::seconds)->seconds;
  return *std::find_if(all.rbegin(), all.rend(),
                       [&](const advice& one) { return one.seconds <= 1.005 * least; });
}

/// The kernel of a pipeline on device memory that measure_rates() lends: enqueues its work on the
/// first `bytes_in` bytes of `in`.
using sample_kernel =
    std::function<cudaError_t(const void* in, void* out, std::size_t bytes_in, cudaStream_t)>;

namespace detail {

/// Times work on the device, and what it costs the host to enqueue it.
class rate_meter {
 public:
  struct result {
    double device_seconds, host_seconds;
  };

  /// The least of several runs after one to warm up. `enqueue(first, second)` may use two streams.
  template <class Enqueue>
  result least(const Enqueue& enqueue) const {
    result best{std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity()};
    for (int run = 0; run < 6; ++run) {
      using clock = std::chrono::steady_clock;
      first_.record(begin_);
      second_.wait(begin_);
      const auto before = clock::now();
      enqueue(first_, second_);
      const std::chrono::duration<double> host = clock::now() - before;
      second_.record(handed_over_);
      first_.wait(handed_over_);
      first_.record(end_);
      end_.synchronize();
      if (run > 0)
        best = {std::min(best.device_seconds, elapsed_ms(begin_, end_) * 1e-3),
                std::min(best.host_seconds, host.count())};
    }
    return best;
  }

  /// What a stage of a pipeline does before each chunk: it waits for another stream, here in vain.
  void hand_over(stream_view to) const {
    idle_.record(handed_over_);
    to.wait(handed_over_);
  }

 private:
  stream first_, second_, idle_;
  event begin_{event::timing::on}, end_{event::timing::on}, handed_over_;
};

}  // namespace detail

/// Measures the rates of the current device, in a fraction of a second with the default sample.
/// Explicit and to be taken once: allocates pinned and device memory for the sample, and waits for
/// its own streams. The device and its bus should have nothing else to do. `kernel` may be empty;
/// `bytes_in` and `bytes_out` are of the sample, of which bytes_out / bytes_in is the pipeline's.
/// Throws cuda_error, and std::invalid_argument if a sample is below 64 KiB.
inline engine_rates measure_rates(const sample_kernel& kernel,
                                  std::size_t bytes_in = std::size_t{64} << 20,
                                  std::size_t bytes_out = std::size_t{64} << 20) {
  constexpr std::size_t few = 16, many = 64;
  if (bytes_in < many * 1024 || bytes_out < many * 1024)
    throw std::invalid_argument("a sample needs at least 64 KiB each way");
  const pinned_buffer<std::byte> host_in(bytes_in), host_out(bytes_out);
  const device_buffer<std::byte> in(bytes_in), out(bytes_out);
  WARPLADDER_TRY(cudaMemset(in.data(), 0, bytes_in));
  WARPLADDER_TRY(cudaMemset(out.data(), 0, bytes_out));
  WARPLADDER_TRY(cudaDeviceSynchronize());
  const detail::rate_meter meter;

  // Bytes that are whole kilobytes, so that parts are as aligned as the whole.
  const std::size_t all_in = bytes_in / many / 1024 * 1024 * many;
  const std::size_t all_out = bytes_out / many / 1024 * 1024 * many;
  const auto copy_in = [&](std::size_t part, std::size_t parts, cudaStream_t on) {
    const std::size_t bytes = all_in / parts, at = part * bytes;
    WARPLADDER_TRY(
        cudaMemcpyAsync(in.data() + at, host_in.data() + at, bytes, cudaMemcpyHostToDevice, on));
  };
  const auto copy_out = [&](std::size_t part, std::size_t parts, cudaStream_t on) {
    const std::size_t bytes = all_out / parts, at = part * bytes;
    WARPLADDER_TRY(
        cudaMemcpyAsync(host_out.data() + at, out.data() + at, bytes, cudaMemcpyDeviceToHost, on));
  };
  const auto run_kernel = [&](std::size_t part, std::size_t parts, cudaStream_t on) {
    const std::size_t bytes = all_in / parts;
    WARPLADDER_TRY(
        kernel(in.data() + part * bytes, out.data() + part * (all_out / parts), bytes, on));
  };
  const auto both_in = [&](std::size_t parts) {
    return meter.least([&](stream_view one, stream_view other) {
      for (std::size_t part = 0; part < parts; ++part) {
        meter.hand_over(one);
        copy_in(part, parts, one);
        meter.hand_over(other);
        copy_out(part, parts, other);
      }
    });
  };
  const auto kernels_in = [&](std::size_t parts) {
    return meter.least([&](stream_view on, stream_view) {
      for (std::size_t part = 0; part < parts; ++part) {
        meter.hand_over(on);
        run_kernel(part, parts, on);
      }
    });
  };

  const auto whole_in = meter.least([&](stream_view on, stream_view) { copy_in(0, 1, on); });
  const auto whole_out = meter.least([&](stream_view on, stream_view) { copy_out(0, 1, on); });
  // Both directions share the bus in another way when copies are long, and no pipeline has two
  // copies of everything. So the line through two pipelines: what a copy costs, and its bytes.
  const auto both_few = both_in(few), both_many = both_in(many);

  engine_rates rates;
  rates.h2d_bytes_per_second = double(all_in) / whole_in.device_seconds;
  rates.d2h_bytes_per_second = double(all_out) / whole_out.device_seconds;
  // Less than a microsecond is noise, and would advise chunks that only a perfect machine can keep;
  // more than half of a part is noise, too.
  rates.copy_seconds =
      std::clamp((both_many.device_seconds - both_few.device_seconds) / double(many - few),
                 std::min(1e-6, 0.5 * both_few.device_seconds / double(few)),
                 0.5 * both_few.device_seconds / double(few));
  rates.both_bytes_per_second =
      double(all_in + all_out) / (both_few.device_seconds - double(few) * rates.copy_seconds);
  double host = both_many.host_seconds / double(many);
  rates.kernel_seconds = 0;
  if (kernel) {
    const auto whole = meter.least([&](stream_view on, stream_view) { run_kernel(0, 1, on); });
    const auto pieces = kernels_in(few);
    rates.kernel_seconds_per_byte = whole.device_seconds / double(all_in);
    rates.kernel_seconds =
        std::max(1e-6, (pieces.device_seconds - whole.device_seconds) / double(few));
    host += pieces.host_seconds / double(few);
  }
  rates.host_seconds = host;
  return rates;
}

}  // namespace warpladder::pipeline
