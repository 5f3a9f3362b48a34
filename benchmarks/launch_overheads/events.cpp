// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <launch_overheads/sections.hpp>

namespace warpladder::bench {
namespace {

double cpu_us() {
  timespec now = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return double(now.tv_sec) * 1e6 + double(now.tv_nsec) * 1e-3;
}

ordered_json measure_calls(lab& in) {
  const event timed(event::timing::on), untimed;
  table rows("host time of a call");
  const auto add = [&](const char* what, const lab::launcher& call) {
    rows.add({{"what", what}, {"host_call", in.host_call(call).json()}});
  };
  add("cudaEventRecord, without timing",
      [&](cudaStream_t on) { return cudaEventRecord(untimed, on); });
  add("cudaEventRecord, with timing", [&](cudaStream_t on) { return cudaEventRecord(timed, on); });
  add("cudaStreamWaitEvent", [&](cudaStream_t on) { return cudaStreamWaitEvent(on, untimed, 0); });
  add("cudaEventQuery, done", [&](cudaStream_t) { return cudaEventQuery(untimed); });
  add("cudaEventSynchronize, done", [&](cudaStream_t) { return cudaEventSynchronize(untimed); });
  add("cudaStreamSynchronize, idle", [](cudaStream_t on) { return cudaStreamSynchronize(on); });

  const timing pending = in.repeat([&] {
    in.hold(in.on, 2000);
    in.on.record(untimed);
    constexpr int calls = 200;
    const stopwatch watch;
    for (int i = 0; i < calls; ++i) (void)untimed.is_done();
    const double us = watch.us() / calls;
    in.on.synchronize();
    return us;
  });
  rows.add({{"what", "cudaEventQuery, pending"}, {"host_call", pending.json()}});
  return rows.json();
}

/// What events cost the device.
ordered_json measure_between_kernels(lab& in) {
  constexpr int hops = 100;
  const stream second;
  std::vector<event> untimed(2 * hops);
  const event timed(event::timing::on), one;
  table rows("device time per kernel, with an event between any two");
  const auto add = [&](const char* what, const lab::launcher& launch, int kernels) {
    rows.add(
        {{"what", what}, {"queued", in.queued(launch, kernels > 1 ? 1 : 200).per(kernels).json()}});
  };
  const auto count = [&](cudaStream_t on) { return in.launch_count(on); };
  add("no event", count, 1);
  add(
      "event without timing recorded",
      [&](cudaStream_t on) {
        const cudaError_t status = count(on);
        return status == cudaSuccess ? cudaEventRecord(one, on) : status;
      },
      1);
  add(
      "event with timing recorded",
      [&](cudaStream_t on) {
        const cudaError_t status = count(on);
        return status == cudaSuccess ? cudaEventRecord(timed, on) : status;
      },
      1);
  // From stream to stream and back: every kernel waits for the one before it in the other stream.
  add(
      "next kernel in another stream, which waits for the event",
      [&](cudaStream_t on) {
        const stream_view ways[] = {on, second};
        for (int hop = 0; hop < 2 * hops; ++hop) {
          const stream_view from = ways[hop % 2], to = ways[(hop + 1) % 2];
          WARPLADDER_TRY(count(from));
          from.record(untimed[std::size_t(hop)]);
          to.wait(untimed[std::size_t(hop)]);
        }
        return cudaSuccess;
      },
      2 * hops);
  in.counted.check("events between kernels");
  return rows.json();
}

/// How the host waits. The device's flags are put back.
ordered_json measure_ways_to_wait(lab& in) {
  constexpr double kernel_us = 500;
  table rows(fmt::format("waiting for a kernel of {:.0f} us", kernel_us));
  const auto add = [&](const std::string& what, event_view end, bool by_event) {
    std::vector<double> cpu;
    const timing wall = in.repeat([&] {
      in.on.synchronize();
      const double begin = cpu_us();
      const stopwatch watch;
      in.hold(in.on, kernel_us);
      in.on.record(end);
      if (by_event) {
        end.synchronize();
      } else {
        in.on.synchronize();
      }
      const double us = watch.us();
      cpu.push_back(cpu_us() - begin);
      return us;
    });
    rows.add({{"what", what}, {"wall", wall.json()}, {"cpu", summarise(cpu).json()}});
  };
  unsigned flags = 0;
  WARPLADDER_TRY(cudaGetDeviceFlags(&flags));
  const struct {
    const char* name;
    unsigned flag;
  } schedules[] = {{"cudaDeviceScheduleAuto", cudaDeviceScheduleAuto},
                   {"cudaDeviceScheduleSpin", cudaDeviceScheduleSpin},
                   {"cudaDeviceScheduleYield", cudaDeviceScheduleYield},
                   {"cudaDeviceScheduleBlockingSync", cudaDeviceScheduleBlockingSync}};
  const event plain;
  for (const auto& [name, flag] : schedules) {
    const cudaError_t status = cudaSetDeviceFlags((flags & ~cudaDeviceScheduleMask) | flag);
    if (status != cudaSuccess) {
      cudaGetLastError();
      rows.add({{"what", name}, {"why_not", cudaGetErrorString(status)}});
      continue;
    }
    add(fmt::format("cudaStreamSynchronize, {}", name), plain, false);
    WARPLADDER_TRY(cudaSetDeviceFlags(flags));
  }
  add("cudaEventSynchronize, plain event", plain, true);
  cudaEvent_t made = nullptr;
  WARPLADDER_TRY(cudaEventCreateWithFlags(&made, cudaEventBlockingSync | cudaEventDisableTiming));
  const owned<cudaEvent_t> sleeping(made);
  add("cudaEventSynchronize, cudaEventBlockingSync", sleeping.get(), true);
  return {{"kernel_us", kernel_us}, {"rows", rows.json()}};
}

/// What cudaEventElapsedTime says of two events with nothing between them.
ordered_json measure_resolution(lab& in) {
  const event begin(event::timing::on), end(event::timing::on);
  std::vector<double> each;
  for (int pair = 0; pair < (in.quick ? 50 : 500); ++pair) {
    in.hold(in.on, 30);  // so that both are enqueued before the first is due
    in.on.record(begin);
    in.on.record(end);
    end.synchronize();
    each.push_back(double(elapsed_ms(begin, end)) * 1e3);
  }
  std::sort(each.begin(), each.end());
  double step = 0;  // the smallest difference between any two answers
  for (std::size_t i = 1; i < each.size(); ++i) {
    const double difference = each[i] - each[i - 1];
    if (difference > 1e-3 && (step == 0 || difference < step)) step = difference;
  }
  const device_buffer<unsigned long long> smallest(1);
  unsigned long long timer_ns = 0;
  WARPLADDER_TRY(launch_kernel(
      timer_step_kernel, {.grid = dim3(1), .block = dim3(1), .stream = in.on}, smallest.data()));
  copy_async<unsigned long long>({&timer_ns, 1}, smallest.view(), in.on);
  in.on.synchronize();
  ordered_json found{{"nothing_between", summarise(each).json()},
                     {"least_us", each.front()},
                     {"most_us", each.back()},
                     {"step_us", step},
                     {"global_timer_step_ns", timer_ns}};
  fmt::print(
      "\ntwo events with nothing between: {:.3f} us ({:.3f} to {:.3f}), in steps of {:.3f} us; "
      "%globaltimer in steps of {} ns\n",
      found["nothing_between"]["us"].get<double>(), each.front(), each.back(), step, timer_ns);
  return found;
}

}  // namespace

ordered_json measure_events(lab& in) {
  const ordered_json calls = measure_calls(in), between = measure_between_kernels(in),
                     waits = measure_ways_to_wait(in);
  return {{"calls", calls},
          {"between_kernels", between},
          {"waits", waits},
          {"resolution", measure_resolution(in)}};
}

}  // namespace warpladder::bench
