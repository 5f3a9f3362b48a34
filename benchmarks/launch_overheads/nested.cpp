// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cstddef>
#include <launch_overheads/reports.hpp>
#include <launch_overheads/sections.hpp>
#include <stdexcept>

namespace warpladder::bench {

reports::reports(stream_view on) : on_(on), on_device_(1) {
  WARPLADDER_TRY(cudaMemsetAsync(on_device_.data(), 0, on_device_.size_bytes(), on));
  on.synchronize();
}

timing reports::waiting_for(lab& in, unsigned iterations, const lab::launcher& launch) {
  return in.repeat([&] {
    WARPLADDER_TRY(cudaMemcpyAsync(&on_device_.data()->remaining, &iterations, sizeof iterations,
                                   cudaMemcpyHostToDevice, on_));
    on_.synchronize();
    expect(iterations);
    const stopwatch watch;
    WARPLADDER_TRY(launch(on_));
    on_.synchronize();
    return watch.us();
  });
}

void reports::check(const std::string& who) {
  WARPLADDER_TRY(cudaDeviceSynchronize());
  launch_report seen = {};
  copy_async<launch_report>({&seen, 1}, on_device_.view(), on_);
  on_.synchronize();
  if (seen.error != 0)
    throw std::runtime_error(fmt::format("{}: a launch on the device failed: {}", who,
                                         cudaGetErrorString(cudaError_t(seen.error))));
  if (seen.count != expected_ || seen.remaining != 0)
    throw std::runtime_error(fmt::format("{}: kernels counted to {} instead of {}, {} remaining",
                                         who, seen.count, expected_, seen.remaining));
}

ordered_json measure_nested(lab& in) {
  table rows("a little work, done by whom: device time each");
  reports report(in.on);
  const auto config = [](unsigned blocks, unsigned threads, cudaStream_t on) {
    return launch_config{.grid = dim3(blocks), .block = dim3(threads), .stream = on};
  };
  const auto add = [&](const char* what, unsigned pieces, int launches,
                       const lab::launcher& launch) {
    const timing whole = in.queued(launch, launches);
    report.check(what);
    rows.add({{"what", what},
              {"pieces", pieces},
              {"whole", whole.json()},
              {"each", whole.per(pieces).json()}});
  };
  constexpr unsigned calls = 1000;
  add("inline function, in a loop", calls, 10, [&](cudaStream_t on) {
    return launch_kernel(inline_calls_kernel, config(1, 1, on), report.expect(calls), calls);
  });
  add("__noinline__ function, in a loop", calls, 10, [&](cudaStream_t on) {
    return launch_kernel(noinline_calls_kernel, config(1, 1, on), report.expect(calls), calls);
  });
  add("kernel launched by the host", 1, 200, [&](cudaStream_t on) {
    return launch_kernel(work_kernel, config(1, 1, on), report.expect(1), 1.0f);
  });

  // Fired and forgotten; the device runtime keeps at most 2048 that have not begun.
  const struct {
    const char* what;
    unsigned blocks, threads, children;
  } parents[] = {{"child kernel, fire and forget, by 1 thread", 1, 1, 1},
                 {"child kernel, fire and forget, by 1 thread", 1, 1, 10},
                 {"child kernel, fire and forget, by 1 thread", 1, 1, 512},
                 {"child kernel, fire and forget, by 32 threads", 1, 32, 16},
                 {"child kernel, fire and forget, by 256 threads", 1, 256, 2},
                 {"child kernel, fire and forget, by 64 blocks", 64, 1, 8},
                 {"child kernel, fire and forget, by 512 blocks", 512, 1, 1}};
  for (const auto& parent : parents) {
    const unsigned children = parent.blocks * parent.threads * parent.children;
    add(parent.what, children, 3, [&](cudaStream_t on) {
      return launch_kernel(launch_children_kernel, config(parent.blocks, parent.threads, on),
                           report.expect(children), parent.children,
                           nested_stream::fire_and_forget);
    });
  }
  for (const unsigned links : {1u, 10u, 512u}) {
    add("tail launches of one parent", links, 3, [&, links](cudaStream_t on) {
      return launch_kernel(launch_children_kernel, config(1, 1, on), report.expect(links), links,
                           nested_stream::tail);
    });
  }
  constexpr unsigned deepest = 16;  // kernels nest 24 deep
  add("tail launch of the next link by every link", deepest, 3, [&](cudaStream_t on) {
    return launch_kernel(tail_chain_kernel, config(1, 1, on), report.expect(deepest), deepest);
  });
  return rows.json();
}

}  // namespace warpladder::bench
