// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <harness/random.hpp>
#include <pipeline.hpp>
#include <pipeline_lab.hpp>
#include <vector>

namespace warpladder::bench {

double engine_seconds::bound() const {
  return std::max({h2d, d2h, both, kernel});
}

double pipeline_lab::seconds(const std::function<cudaError_t(cudaStream_t)>& enqueue, int runs,
                             bool warms_up) const {
  const event begin(event::timing::on), end(event::timing::on);
  std::vector<double> all;
  for (int run = warms_up ? 0 : 1; run <= runs; ++run) {
    stream_.record(begin);
    WARPLADDER_TRY(enqueue(stream_));
    stream_.record(end);
    end.synchronize();
    if (run > 0) all.push_back(elapsed_ms(begin, end) * 1e-3);
  }
  return median(std::move(all));
}

pipeline_lab::pipeline_lab(std::int64_t bytes)
    : n_(bytes / std::int64_t{sizeof(float)}),
      in_(std::size_t(n_)),
      out_(std::size_t(n_)),
      there_(std::size_t(n_)),
      back_(std::size_t(n_)) {
  WARPLADDER_TRY(fill_uniform(there_.data(), there_.size(), 5, stream_));
  WARPLADDER_TRY(fill_uniform(back_.data(), back_.size(), 6, stream_));
  copy_async<float>(in_.view(), there_.view(), stream_);
  stream_.synchronize();
  h2d_ = seconds([&](cudaStream_t on) {
    return cudaMemcpyAsync(there_.data(), in_.data(), in_.size_bytes(), cudaMemcpyDefault, on);
  });
  d2h_ = seconds([&](cudaStream_t on) {
    return cudaMemcpyAsync(out_.data(), back_.data(), out_.size_bytes(), cudaMemcpyDefault, on);
  });
  // The bus shares itself differently among long and short copies: a bound is the best of them.
  both_ = both_copies(1);
  for (const int parts : {8, 32, 128}) {
    if (const double these = both_copies(parts); these < both_) both_ = these, best_parts_ = parts;
  }
  const double gigabytes = double(bytes) * 1e-9;
  fmt::print(stderr, "engines: {:.1f} GB/s in, {:.1f} GB/s out, {:.1f} GB/s both at once\n",
             gigabytes / h2d_, gigabytes / d2h_, 2 * gigabytes / both_);
}

/// Both copies at the same time, each in so many parts.
double pipeline_lab::both_copies(int parts, int runs, bool warms_up) const {
  const event forked, joined;
  const stream_view other = lanes_.view().streams[0];
  const std::size_t part = std::size_t(n_) / std::size_t(parts), bytes = part * sizeof(float);
  const auto enqueue = [&](cudaStream_t on) {
    stream_view(on).record(forked);
    other.wait(forked);
    for (std::size_t i = 0; i < std::size_t(parts); ++i) {
      WARPLADDER_TRY(cudaMemcpyAsync(there_.data() + i * part, in_.data() + i * part, bytes,
                                     cudaMemcpyHostToDevice, on));
      WARPLADDER_TRY(cudaMemcpyAsync(out_.data() + i * part, back_.data() + i * part, bytes,
                                     cudaMemcpyDeviceToHost, other));
    }
    other.record(joined);
    stream_view(on).wait(joined);
    return cudaSuccess;
  };
  return seconds(enqueue, runs, warms_up);
}

double pipeline_lab::kernel(float* data, int rounds) const {
  return seconds([&](cudaStream_t on) { return tables::pipeline_transform(data, n_, rounds, on); });
}

const pipeline_lab::of_intensity& pipeline_lab::measured(intensity work) {
  const auto found = measured_.find(work);
  if (found != measured_.end()) return found->second;
  const device_buffer<float> data(in_.size());
  copy_async<float>(data.view(), in_.view(), stream_);
  of_intensity made{};
  made.rounds = 1;
  if (work != intensity::low) {
    const double wanted = work == intensity::medium ? both_ : 2 * both_;
    // Rounds cost time in proportion once there are many; the second guess is a good one.
    for (double rounds = 1024, guess = 0; guess < 2; ++guess) {
      rounds *= wanted / kernel(data.data(), int(rounds));
      made.rounds = std::max(1, int(std::lround(rounds)));
    }
  }
  made.kernel_seconds = kernel(data.data(), made.rounds);
  made.rates =
      pipeline::measure_rates([&](const void* in, void*, std::size_t bytes, cudaStream_t on) {
        return tables::pipeline_transform(static_cast<float*>(const_cast<void*>(in)),
                                          std::int64_t(bytes / sizeof(float)), made.rounds, on);
      });
  fmt::print(stderr, "{}: {} rounds, kernel alone {:.2f} ms\n", intensity_names[std::size_t(work)],
             made.rounds, made.kernel_seconds * 1e3);
  return measured_[work] = made;
}

pipeline::problem pipeline_lab::job(intensity work) {
  const of_intensity& known = measured(work);
  pipeline::lent_lanes lanes = lanes_.view();
  lanes.streams = lanes.streams.first(4);
  return {.n = n_,
          .in = in_.data(),
          .out = out_.data(),
          .rounds = known.rounds,
          .chunk = std::max<std::int64_t>(1, n_ / 64),
          .slots = 4,
          .lanes = lanes,
          .rates = known.rates};
}

engine_seconds pipeline_lab::engines(intensity work) {
  const double kernel = measured(work).kernel_seconds;
  both_ = std::min(both_, both_copies(best_parts_));
  return {.h2d = h2d_, .d2h = d2h_, .both = both_, .kernel = kernel};
}

double pipeline_lab::bound_now(intensity work) {
  const double both = both_copies(best_parts_, 1, false);
  return engine_seconds{h2d_, d2h_, both, measured(work).kernel_seconds}.bound();
}

}  // namespace warpladder::bench
