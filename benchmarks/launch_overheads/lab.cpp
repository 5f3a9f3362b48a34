// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <launch_overheads/lab.hpp>
#include <stdexcept>
#include <utility>

namespace warpladder::bench {

timing summarise(std::vector<double> microseconds) {
  std::sort(microseconds.begin(), microseconds.end());
  const auto at = [&](double share) {
    return microseconds[std::size_t(share * double(microseconds.size() - 1) + 0.5)];
  };
  return {at(0.5), at(0.25), at(0.75)};
}

ordered_json timing::json() const {
  ordered_json all{{"us", median}, {"low", low}, {"high", high}};
  if (host_bound) all["host_bound"] = true;
  return all;
}

tally::tally() : counter_(1) {
  WARPLADDER_TRY(cudaMemset(counter_.data(), 0, sizeof(unsigned)));
}

void tally::check(const std::string& who) {
  WARPLADDER_TRY(cudaDeviceSynchronize());
  unsigned counted = 0;
  WARPLADDER_TRY(cudaMemcpy(&counted, counter_.data(), sizeof counted, cudaMemcpyDeviceToHost));
  if (counted != expected_)
    throw std::runtime_error(
        fmt::format("{}: kernels counted to {} instead of {}", who, counted, expected_));
}

lab::lab(bool quick) : quick(quick), repetitions(quick ? 3 : 11) {
  WARPLADDER_TRY(query_device(device));
  // Long enough for the clocks to settle; the second time counts.
  const device_buffer<stamps> written(1);
  constexpr unsigned long long spun = 100'000'000;
  stamps seen;
  for (int run = 0; run < 2; ++run) {
    WARPLADDER_TRY(launch_kernel(spin_kernel, {.grid = dim3(1), .block = dim3(1), .stream = on},
                                 spun, written.data()));
    copy_async<stamps>({&seen, 1}, written.view(), on);
    on.synchronize();
  }
  clocks_per_us_ = double(spun) / (double(seen.end - seen.begin) * 1e-3);
}

timing lab::repeat(const std::function<double()>& measure_us) const {
  measure_us();
  std::vector<double> each;
  for (int run = 0; run < repetitions; ++run) each.push_back(measure_us());
  return summarise(each);
}

timing lab::host_call(const launcher& launch, int calls) const {
  return repeat([&] {
    const stopwatch watch;
    for (int i = 0; i < calls; ++i) WARPLADDER_TRY(launch(on));
    const double us = watch.us();
    on.synchronize();
    return us / calls;
  });
}

timing lab::call_and_wait(const launcher& launch, const std::function<void()>& wait) const {
  const int most = quick ? 20 : 200, least = quick ? 5 : 15, to_warm_up = 3;
  constexpr double enough_us = 200e3;
  std::vector<double> each;
  double total_us = 0;
  for (int run = 0; run < most && (run < least || total_us < enough_us); ++run) {
    on.synchronize();
    const stopwatch watch;
    WARPLADDER_TRY(launch(on));
    if (wait) {
      wait();
    } else {
      on.synchronize();
    }
    const double us = watch.us();
    total_us += us;
    if (run >= to_warm_up) each.push_back(us);
  }
  return summarise(each);
}

timing lab::enqueued(const launcher& launch, int calls) const {
  const event begin(event::timing::on), end(event::timing::on);
  return repeat([&] {
    on.record(begin);
    for (int i = 0; i < calls; ++i) WARPLADDER_TRY(launch(on));
    on.record(end);
    end.synchronize();
    return double(elapsed_ms(begin, end)) * 1e3 / calls;
  });
}

timing lab::queued(const launcher& launch, int calls) const {
  const event begin(event::timing::on), end(event::timing::on);
  WARPLADDER_TRY(launch(on));  // the first may take long, and is none of the host's usual ones
  on.synchronize();
  double held_us = 200;
  bool host_bound = false;
  timing result = repeat([&] {
    for (;; held_us *= 2) {
      hold(on, held_us);
      on.record(begin);
      for (int i = 0; i < calls; ++i) WARPLADDER_TRY(launch(on));
      on.record(end);
      const bool in_time = !begin.is_done();
      end.synchronize();
      if (!in_time && held_us < 10e3) continue;
      host_bound |= !in_time;
      return double(elapsed_ms(begin, end)) * 1e3 / calls;
    }
  });
  result.host_bound = host_bound;
  return result;
}

void lab::hold(cudaStream_t stream, double us) const {
  WARPLADDER_TRY(launch_kernel(spin_kernel, {.grid = dim3(1), .block = dim3(1), .stream = stream},
                               clocks(us), static_cast<stamps*>(nullptr)));
}

cudaError_t lab::launch_count(cudaStream_t stream, unsigned add) {
  return launch_kernel(count_kernel, {.grid = dim3(1), .block = dim3(32), .stream = stream},
                       counted.expect(add), add);
}

void table::add(ordered_json row) {
  constexpr int first_width = 44, width = 18;
  const auto is_why_not = row.contains("why_not");
  if (rows_.empty()) {
    fmt::print("\n{}\n", title_);
    for (const auto& item : row.items()) {
      if (item.key() == row.begin().key()) {
        fmt::print("{:<{}}", item.key(), first_width);
      } else {
        fmt::print("{:>{}}", item.key(), width);
      }
    }
    fmt::print("\n");
  }
  int column = 0;
  for (const auto& item : row.items()) {
    const ordered_json& value = item.value();
    std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    if (value.is_number_float()) text = fmt::format("{:.3f}", value.get<double>());
    if (value.is_object() && value.contains("us"))
      text = fmt::format("{:.3f} us{}", value["us"].get<double>(),
                         value.contains("host_bound") ? "*" : "");
    if (column++ == 0) {
      fmt::print("{:<{}}", text, first_width);
    } else {
      fmt::print("{}{:>{}}", is_why_not ? "  " : "", text, width);
    }
  }
  fmt::print("\n");
  std::fflush(stdout);
  rows_.push_back(std::move(row));
}

owned<cudaStream_t> make_blocking_stream() {
  cudaStream_t made = nullptr;
  WARPLADDER_TRY(cudaStreamCreate(&made));
  return owned<cudaStream_t>(made);
}

owned_graph capture(const lab::launcher& launch, stream_view on) {
  WARPLADDER_TRY(cudaStreamBeginCapture(on, cudaStreamCaptureModeThreadLocal));
  const cudaError_t status = launch(on);
  cudaGraph_t captured = nullptr;
  const cudaError_t end_status = cudaStreamEndCapture(on, &captured);
  owned_graph graph(captured);
  WARPLADDER_TRY(status);
  WARPLADDER_TRY(end_status);
  return graph;
}

owned_exec instantiate(cudaGraph_t graph, unsigned long long flags) {
  cudaGraphExec_t made = nullptr;
  const cudaError_t status = cudaGraphInstantiateWithFlags(&made, graph, flags);
  if (status == cudaErrorNotSupported) {
    cudaGetLastError();
    throw unavailable("cudaGraphInstantiate: not supported here");
  }
  WARPLADDER_TRY(status);
  return owned_exec(made);
}

}  // namespace warpladder::bench
