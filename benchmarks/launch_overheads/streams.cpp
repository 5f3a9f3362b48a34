// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <launch_overheads/sections.hpp>
#include <stdexcept>
#include <utility>

namespace warpladder::bench {
namespace {

cudaError_t launch_spin(lab& in, double us, stamps* out, cudaStream_t stream) {
  return launch_kernel(spin_kernel, {.grid = dim3(1), .block = dim3(32), .stream = stream},
                       in.clocks(us), out);
}

/// Where kernels leave their stamps.
class logbook {
 public:
  explicit logbook(std::size_t kernels) : on_device_(kernels), seen_(kernels) {}

  stamps* page(std::size_t kernel) { return on_device_.data() + kernel; }
  void clear() {
    WARPLADDER_TRY(cudaMemset(on_device_.data(), 0, on_device_.size_bytes()));
    WARPLADDER_TRY(cudaDeviceSynchronize());
  }
  /// Waits for the device. Throws if a kernel has not signed.
  const std::vector<stamps>& read() {
    WARPLADDER_TRY(cudaDeviceSynchronize());
    WARPLADDER_TRY(cudaMemcpy(seen_.data(), on_device_.data(), on_device_.size_bytes(),
                              cudaMemcpyDeviceToHost));
    for (const stamps& one : seen_) {
      if (one.begin == 0 || one.end < one.begin)
        throw std::runtime_error("a kernel that was launched has left no stamps");
    }
    return seen_;
  }

 private:
  device_buffer<stamps> on_device_;
  std::vector<stamps> seen_;
};

double since_us(unsigned long long later, unsigned long long earlier) {
  return (double(later) - double(earlier)) * 1e-3;
}

struct overlap {
  double times;  // the kernels' durations together, over the time from first to last
  int at_once;   // most of them at one instant
  double first_to_last_us;
};

overlap find_overlap(const std::vector<stamps>& kernels) {
  std::vector<std::pair<unsigned long long, int>> changes;
  double together = 0;
  for (const stamps& one : kernels) {
    changes.push_back({one.begin, 1});
    changes.push_back({one.end, -1});
    together += since_us(one.end, one.begin);
  }
  std::sort(changes.begin(), changes.end());  // at equal times, ends before beginnings
  int now = 0, most = 0;
  for (const auto& [when, change] : changes) most = std::max(most, now += change);
  const double all = since_us(changes.back().first, changes.front().first);
  return {together / all, most, all};
}

struct several_overlaps {
  timing times, first_to_last_us;
  int at_once = 0;

  ordered_json json() const {
    return {{"overlap", times.median},
            {"low", times.low},
            {"high", times.high},
            {"at_once", at_once},
            {"us", first_to_last_us.median}};
  }
};

several_overlaps summarise_overlaps(const std::vector<overlap>& runs) {
  std::vector<double> times, all;
  std::vector<int> at_once;
  for (const overlap& run : runs) {
    times.push_back(run.times);
    all.push_back(run.first_to_last_us);
    at_once.push_back(run.at_once);
  }
  std::sort(at_once.begin(), at_once.end());
  return {summarise(times), summarise(all), at_once[at_once.size() / 2]};
}

/// `per_stream` kernels on each of `streams`, enqueued in turn. `released`: all of them wait for
/// one event, so that the host's time to enqueue them does not count.
several_overlaps run_small_kernels(lab& in, const std::vector<stream>& streams, int per_stream,
                                   double us, bool released) {
  logbook log(streams.size() * std::size_t(per_stream));
  const event gate;
  std::vector<overlap> runs;
  for (int run = 0; run <= in.repetitions; ++run) {
    double held_us = 200 + 10.0 * double(streams.size());
    for (bool again = true; again; held_us *= 2) {
      log.clear();
      if (released) {
        in.hold(in.on, held_us);
        in.on.record(gate);
        for (const stream& one : streams) one.wait(gate);
      }
      std::size_t kernel = 0;
      for (int turn = 0; turn < per_stream; ++turn) {
        for (const stream& one : streams)
          WARPLADDER_TRY(launch_spin(in, us, log.page(kernel++), one));
      }
      again = released && gate.is_done() && held_us < 50e3;
      const std::vector<stamps>& seen = log.read();
      if (!again && run > 0) runs.push_back(find_overlap(seen));
    }
  }
  return summarise_overlaps(runs);
}

}  // namespace

ordered_json measure_implicit_synchronisation(lab& in) {
  constexpr double long_us = 500;
  const auto blocking_a = make_blocking_stream(), blocking_b = make_blocking_stream();
  const stream free_a, free_b;
  const struct {
    const char *what, *others, *middle;
    cudaStream_t a, between, b;  // between == nullptr: nothing is launched there
  } cases[] = {
      {"nothing between", "blocking", "none", blocking_a.get(), nullptr, blocking_b.get()},
      {"legacy default stream between", "blocking", "legacy", blocking_a.get(), cudaStreamLegacy,
       blocking_b.get()},
      {"per-thread default stream between", "blocking", "per thread", blocking_a.get(),
       cudaStreamPerThread, blocking_b.get()},
      {"non-blocking stream between", "blocking", "non-blocking", blocking_a.get(), in.on.get(),
       blocking_b.get()},
      {"legacy default stream between", "non-blocking", "legacy", free_a.get(), cudaStreamLegacy,
       free_b.get()},
      {"legacy default stream between", "per thread", "legacy", cudaStreamPerThread,
       cudaStreamLegacy, blocking_b.get()},
  };
  table rows(
      fmt::format("{:.0f} us in stream A, a tiny kernel, {:.0f} us in stream B", long_us, long_us));
  for (const auto& one : cases) {
    std::vector<double> middle, b, all;
    int overlapping = 0;
    for (int run = 0; run <= in.repetitions; ++run) {
      logbook log(one.between == nullptr ? 2 : 3);
      log.clear();
      WARPLADDER_TRY(launch_spin(in, long_us, log.page(0), one.a));
      if (one.between != nullptr) WARPLADDER_TRY(launch_spin(in, 0, log.page(2), one.between));
      WARPLADDER_TRY(launch_spin(in, long_us, log.page(1), one.b));
      const auto& seen = log.read();
      if (run == 0) continue;
      const auto begin = seen[0].begin;
      if (one.between != nullptr) middle.push_back(since_us(seen[2].begin, begin));
      b.push_back(since_us(seen[1].begin, begin));
      all.push_back(since_us(seen[1].end, begin));
      overlapping += seen[1].begin < seen[0].end;
    }
    ordered_json row{{"what", one.what}, {"a_and_b", one.others}, {"between", one.middle}};
    row["between_begins"] = middle.empty() ? ordered_json("-") : summarise(middle).json();
    row["b_begins"] = summarise(b).json();
    row["all"] = summarise(all).json();
    row["overlap"] = 2 * overlapping > in.repetitions;
    rows.add(row);
  }
  return {{"long_us", long_us}, {"cases", rows.json()}};
}

ordered_json measure_blocking_calls(lab& in) {
  constexpr double busy_us = 2000;
  constexpr std::size_t kib = 1024, mib = 1024 * kib;
  const auto blocking = make_blocking_stream();
  const stream busy, other;
  const device_buffer<std::byte> device_bytes(8 * mib);
  const pinned_buffer<std::byte> pinned(4 * mib);
  std::vector<std::byte> pageable(4 * mib);
  std::byte* const destination = device_bytes.data();
  void* made = nullptr;
  cudaEvent_t made_event = nullptr;
  cudaStream_t made_stream = nullptr;
  owned_exec made_exec;
  const event recorded;
  const auto graph = capture([&](cudaStream_t on) { return in.launch_count(on, 0); }, in.on);

  const auto nothing = [] { return cudaSuccess; };
  using step = std::function<cudaError_t()>;
  struct call {
    const char* what;
    step run, before, after;
  };
  const auto allocate = [&] { return cudaMalloc(&made, mib); };
  const auto release = [&] { return cudaFree(made); };
  const auto allocate_async = [&] { return cudaMallocAsync(&made, mib, other); };
  const auto release_async = [&] { return cudaFreeAsync(made, other); };
  const auto allocate_pinned = [&] { return cudaMallocHost(&made, mib); };
  const auto release_pinned = [&] { return cudaFreeHost(made); };
  const auto enrol = [&] { return cudaHostRegister(pageable.data(), mib, 0); };
  const auto strike = [&] { return cudaHostUnregister(pageable.data()); };
  const auto make_stream = [&] {
    return cudaStreamCreateWithFlags(&made_stream, cudaStreamNonBlocking);
  };
  const auto end_stream = [&] { return cudaStreamDestroy(made_stream); };
  const auto copy_async = [&](void* to, const void* from, std::size_t bytes) {
    return [=, &other] { return cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, other); };
  };
  const auto copy = [](void* to, const void* from, std::size_t bytes) {
    return [=] { return cudaMemcpy(to, from, bytes, cudaMemcpyDefault); };
  };
  const auto launch_in = [&](cudaStream_t on) { return [&in, on] { return in.launch_count(on); }; };

  const call calls[] = {
      {"launch, non-blocking stream", launch_in(other), nothing, nothing},
      {"launch, legacy default stream", launch_in(cudaStreamLegacy), nothing, nothing},
      {"first launch of a kernel",
       [&] {
         unsigned* counter = in.counted.expect();
         void* arguments[] = {&counter};
         return cudaLaunchKernel(fresh_kernel(in.fresh_kernels_used++), dim3(1), dim3(32),
                                 arguments, 0, other);
       },
       nothing, nothing},
      {"cudaMalloc, 1 MiB", allocate, nothing, release},
      {"cudaFree, 1 MiB", release, allocate, nothing},
      {"cudaMallocAsync, 1 MiB", allocate_async, nothing, release_async},
      {"cudaFreeAsync, 1 MiB", release_async, allocate_async, nothing},
      {"cudaMallocHost, 1 MiB", allocate_pinned, nothing, release_pinned},
      {"cudaFreeHost, 1 MiB", release_pinned, allocate_pinned, nothing},
      {"cudaHostRegister, 1 MiB", enrol, nothing, strike},
      {"cudaHostUnregister, 1 MiB", strike, enrol, nothing},
      {"cudaMemset", [&] { return cudaMemset(destination, 0, mib); }, nothing, nothing},
      {"cudaMemsetAsync", [&] { return cudaMemsetAsync(destination, 0, mib, other); }, nothing,
       nothing},
      {"cudaMemcpy to device, 4 KiB pageable", copy(destination, pageable.data(), 4 * kib), nothing,
       nothing},
      {"cudaMemcpy to device, 4 MiB pageable", copy(destination, pageable.data(), 4 * mib), nothing,
       nothing},
      {"cudaMemcpy to host, 4 KiB pageable", copy(pageable.data(), destination, 4 * kib), nothing,
       nothing},
      {"cudaMemcpy on the device, 4 MiB", copy(destination, destination + 4 * mib, 4 * mib),
       nothing, nothing},
      {"cudaMemcpyAsync to device, 4 KiB pageable",
       copy_async(destination, pageable.data(), 4 * kib), nothing, nothing},
      {"cudaMemcpyAsync to device, 4 MiB pageable",
       copy_async(destination, pageable.data(), 4 * mib), nothing, nothing},
      {"cudaMemcpyAsync to device, 4 MiB pinned", copy_async(destination, pinned.data(), 4 * mib),
       nothing, nothing},
      {"cudaMemcpyAsync to host, 4 KiB pageable", copy_async(pageable.data(), destination, 4 * kib),
       nothing, nothing},
      {"cudaEventCreate", [&] { return cudaEventCreate(&made_event); }, nothing,
       [&] { return cudaEventDestroy(made_event); }},
      {"cudaEventRecord", [&] { return cudaEventRecord(recorded, other); }, nothing, nothing},
      {"cudaStreamCreate", make_stream, nothing, end_stream},
      {"cudaStreamDestroy", end_stream, make_stream, nothing},
      {"cudaStreamSynchronize of an idle stream", [&] { return cudaStreamSynchronize(other); },
       nothing, nothing},
      {"cudaStreamSynchronize of the legacy stream",
       [] { return cudaStreamSynchronize(cudaStreamLegacy); }, nothing, nothing},
      {"cudaDeviceSynchronize", [] { return cudaDeviceSynchronize(); }, nothing, nothing},
      {"cudaGraphInstantiate, one node",
       [&] {
         made_exec = instantiate(graph.get());
         return cudaSuccess;
       },
       nothing,
       [&] {
         made_exec.reset();
         return cudaSuccess;
       }},
      {"cudaFuncSetAttribute",
       [] {
         return cudaFuncSetAttribute(reinterpret_cast<kernel_address>(&count_kernel),
                                     cudaFuncAttributeMaxDynamicSharedMemorySize, 64 * 1024);
       },
       nothing, nothing},
  };

  table rows(fmt::format("host time of a call while a kernel of {:.0f} us runs", busy_us));
  const int runs = in.quick ? 1 : 5;
  const event done;
  for (const call& one : calls) {
    ordered_json row{{"what", one.what}};
    const struct {
      const char* where;
      cudaStream_t stream;
    } kernels[] = {
        {"idle", nullptr}, {"busy_non_blocking", busy.get()}, {"busy_blocking", blocking.get()}};
    for (const auto& kernel : kernels) {
      std::vector<double> each;
      int waited = 0;
      for (int run = 0; run < runs; ++run) {
        WARPLADDER_TRY(one.before());
        WARPLADDER_TRY(cudaDeviceSynchronize());
        if (kernel.stream != nullptr) {
          in.hold(kernel.stream, busy_us);
          WARPLADDER_TRY(cudaEventRecord(done, kernel.stream));
        }
        const stopwatch watch;
        const cudaError_t status = one.run();
        each.push_back(watch.us());
        waited += kernel.stream != nullptr && done.is_done();
        WARPLADDER_TRY(status);
        WARPLADDER_TRY(cudaDeviceSynchronize());
        WARPLADDER_TRY(one.after());
      }
      row[kernel.where] = summarise(each).json();
      if (kernel.stream != nullptr)
        row[fmt::format("waits_{}", kernel.where + 5)] = 2 * waited > runs;
    }
    rows.add(row);
  }
  in.counted.check("blocking calls");
  return {{"busy_us", busy_us}, {"calls", rows.json()}};
}

ordered_json measure_concurrency(lab& in) {
  constexpr double usual_us = 20;
  std::vector<stream> streams;
  table over_streams(
      fmt::format("a kernel of one block and {:.0f} us on each of K streams", usual_us));
  for (const std::size_t count : {1, 2, 4, 8, 16, 32, 64, 128}) {
    while (streams.size() < count) streams.emplace_back();
    ordered_json row{{"streams", count}};
    for (const bool released : {false, true}) {
      const ordered_json found = run_small_kernels(in, streams, 1, usual_us, released).json();
      const std::string prefix = released ? "released" : "enqueued";
      row[prefix] = found["overlap"];
      row[prefix + "_at_once"] = found["at_once"];
      row[prefix + "_us"] = found["us"];
    }
    over_streams.add(row);
  }

  streams.resize(0);
  while (streams.size() < 32) streams.emplace_back();
  table over_durations("8 kernels on each of 32 streams, enqueued in turn, over their duration");
  for (const double us : {2.0, 5.0, 10.0, 20.0, 50.0, 100.0}) {
    const ordered_json found = run_small_kernels(in, streams, 8, us, false).json();
    over_durations.add({{"kernel_us", us},
                        {"overlap", found["overlap"]},
                        {"at_once", found["at_once"]},
                        {"all_us", found["us"]}});
  }
  const char* connections = std::getenv("CUDA_DEVICE_MAX_CONNECTIONS");
  return {{"kernel_us", usual_us},
          {"connections", connections != nullptr ? connections : "8, the default"},
          {"streams", over_streams.json()},
          {"durations", over_durations.json()}};
}

}  // namespace warpladder::bench
