// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <launch_overheads/sections.hpp>
#include <stdexcept>

namespace warpladder::bench {
namespace {

cudaError_t launch_by_address(kernel_address kernel, void** arguments, cudaStream_t stream) {
  return cudaLaunchKernel(kernel, dim3(1), dim3(32), arguments, 0, stream);
}

/// Device time per launch, of as many launches as take about 2 ms.
timing device_time(lab& in, const lab::launcher& launch) {
  const double about_us = std::max(1.0, in.enqueued(launch, 3).median);
  return in.queued(launch, std::clamp(int(2000 / about_us), 3, 200));
}

ordered_json all_times(lab& in, const std::string& what, const lab::launcher& launch) {
  return {{"what", what},
          {"host_call", in.host_call(launch).json()},
          {"enqueued", in.enqueued(launch).json()},
          {"queued", in.queued(launch).json()},
          {"call_and_wait", in.call_and_wait(launch).json()}};
}

ordered_json measure_waits(lab& in) {
  const event end;
  const pinned_buffer<unsigned> flag(1);
  volatile unsigned* const seen = flag.data();
  *seen = 0;
  unsigned wanted = 0;

  table rows("one thread counts: launched, then waited for");
  const auto count = [&](cudaStream_t on) { return in.launch_count(on); };
  const auto count_and_record = [&](cudaStream_t on) {
    const cudaError_t status = in.launch_count(on);
    return status == cudaSuccess ? cudaEventRecord(end, on) : status;
  };
  const auto add = [&](const char* what, const lab::launcher& launch,
                       const std::function<void()>& wait) {
    rows.add({{"what", what}, {"call_and_wait", in.call_and_wait(launch, wait).json()}});
  };
  add("cudaStreamSynchronize", count, [&] { in.on.synchronize(); });
  add("cudaDeviceSynchronize", count, [] { WARPLADDER_TRY(cudaDeviceSynchronize()); });
  add("cudaStreamQuery in a loop", count, [&] {
    cudaError_t status;
    while ((status = cudaStreamQuery(in.on)) == cudaErrorNotReady) {
    }
    WARPLADDER_TRY(status);
  });
  add("event, cudaEventSynchronize", count_and_record, [&] { end.synchronize(); });
  add("event, cudaEventQuery in a loop", count_and_record, [&] {
    while (!end.is_done()) {
    }
  });
  add(
      "flag in pinned memory, written by the kernel",
      [&](cudaStream_t on) {
        return launch_kernel(flag_kernel, {.grid = dim3(1), .block = dim3(1), .stream = on},
                             in.counted.expect(), static_cast<volatile unsigned*>(flag.data()),
                             ++wanted);
      },
      [&] {
        const stopwatch watch;
        while (*seen != wanted) {
          if (watch.us() > 10e6) throw std::runtime_error("the host does not see the flag");
        }
      });
  in.counted.check("waiting");
  return rows.json();
}

/// Wall time of a call and of waiting for it.
double wall_us(lab& in, const std::function<cudaError_t()>& call) {
  const stopwatch watch;
  WARPLADDER_TRY(call());
  in.on.synchronize();
  return watch.us();
}

}  // namespace

ordered_json measure_empty(lab& in) {
  table rows("what launching one warp costs");
  rows.add(all_times(in, "empty kernel, <<<>>>", launch_empty_in_brackets));
  rows.add(all_times(in, "empty kernel, cudaLaunchKernel", [](cudaStream_t on) {
    return launch_by_address(reinterpret_cast<kernel_address>(&empty_kernel), nullptr, on);
  }));
  rows.add(all_times(in, "empty kernel, cudaLaunchKernelEx", [](cudaStream_t on) {
    return launch_kernel(empty_kernel, {.grid = dim3(1), .block = dim3(32), .stream = on});
  }));
  rows.add(all_times(in, "one thread counts, cudaLaunchKernelEx",
                     [&](cudaStream_t on) { return in.launch_count(on); }));
  in.counted.check("empty");
  return {{"launches", rows.json()}, {"waits", measure_waits(in)}};
}

ordered_json measure_first_launches(lab& in) {
  const int kernels = in.quick ? 3 : 8;
  table rows("launch and wait, of kernels that nobody has launched before");
  std::vector<double> first, second, preload, first_of_loaded;
  const auto launch = [&](kernel_address kernel) {
    unsigned* counter = in.counted.expect();
    void* arguments[] = {&counter};
    return launch_by_address(kernel, arguments, in.on);
  };
  for (int i = 0; i < kernels; ++i) {
    const kernel_address kernel = fresh_kernel(in.fresh_kernels_used++);
    first.push_back(wall_us(in, [&] { return launch(kernel); }));
    second.push_back(wall_us(in, [&] { return launch(kernel); }));
  }
  for (int i = 0; i < kernels; ++i) {
    const kernel_address kernel = fresh_kernel(in.fresh_kernels_used++);
    cudaFuncAttributes attributes;
    preload.push_back(wall_us(in, [&] { return cudaFuncGetAttributes(&attributes, kernel); }));
    first_of_loaded.push_back(wall_us(in, [&] { return launch(kernel); }));
  }
  in.counted.check("first launches");
  const auto add = [&](const char* what, const std::vector<double>& us) {
    rows.add({{"what", what}, {"call_and_wait", summarise(us).json()}});
  };
  add("first launch", first);
  add("second launch", second);
  add("cudaFuncGetAttributes instead", preload);
  add("first launch after cudaFuncGetAttributes", first_of_loaded);
  return rows.json();
}

ordered_json measure_arguments(lab& in) {
  constexpr int old_limit = 4096;
  int driver = 0;
  WARPLADDER_TRY(cudaDriverGetVersion(&driver));
  table rows("over the bytes of a kernel's arguments");
  for (const int bytes : argument_sizes) {
    if (bytes > old_limit && driver < 12010) {
      rows.add({{"bytes", bytes}, {"why_not", "the driver is older than CUDA 12.1"}});
      continue;
    }
    const kernel_address kernel = arguments_kernel(bytes);
    alignas(8) std::byte arguments[32768] = {};
    std::memcpy(arguments + bytes - sizeof argument_mark, &argument_mark, sizeof argument_mark);
    const auto launch = [&](cudaStream_t on) {
      unsigned* const counter = in.counted.expect();
      std::memcpy(arguments, &counter, sizeof counter);
      void* all[] = {arguments};
      return launch_by_address(kernel, all, on);
    };
    const int calls = bytes > old_limit ? 30 : 200;
    rows.add({{"bytes", bytes},
              {"host_call", in.host_call(launch, calls).json()},
              {"enqueued", in.enqueued(launch, calls).json()},
              {"queued", in.queued(launch, calls).json()}});
    in.counted.check(fmt::format("{} bytes of arguments", bytes));
  }
  return rows.json();
}

ordered_json measure_grids(lab& in) {
  table rows("device time over blocks and threads per block");
  for (const unsigned blocks : {1u, 132u, 1056u, 10'000u, 100'000u, 1'000'000u}) {
    ordered_json row{{"blocks", blocks}};
    for (const unsigned threads : {32u, 256u, 1024u}) {
      const timing each = device_time(in, [&](cudaStream_t on) {
        return launch_kernel(count_kernel,
                             {.grid = dim3(blocks), .block = dim3(threads), .stream = on},
                             in.counted.expect(), 1u);
      });
      row[fmt::format("threads_{}", threads)] = each.json();
      row[fmt::format("ns_per_block_{}", threads)] = each.median * 1e3 / blocks;
    }
    rows.add(row);
    in.counted.check(fmt::format("{} blocks", blocks));
  }
  return rows.json();
}

ordered_json measure_carve_outs(lab& in) {
  const auto shared_bytes = std::size_t(in.device.shared_bytes_per_block);
  const auto blocks = unsigned(in.device.multiprocessors);
  const auto set_carve_out = [](int percent) {
    WARPLADDER_TRY(cudaFuncSetAttribute(reinterpret_cast<kernel_address>(&count_kernel),
                                        cudaFuncAttributePreferredSharedMemoryCarveout, percent));
  };
  const auto without = [&](cudaStream_t on) {
    return launch_kernel(count_kernel, {.grid = dim3(blocks), .block = dim3(256), .stream = on},
                         in.counted.expect(), 1u);
  };
  // The runtime's attribute is set once: launch_kernel would ask for it at every launch.
  WARPLADDER_TRY(cudaFuncSetAttribute(reinterpret_cast<kernel_address>(&other_count_kernel),
                                      cudaFuncAttributeMaxDynamicSharedMemorySize,
                                      int(shared_bytes)));
  const auto with = [&](cudaStream_t on) {
    unsigned* counter = in.counted.expect();
    unsigned add = 1;
    void* arguments[] = {&counter, &add};
    return cudaLaunchKernel(reinterpret_cast<kernel_address>(&other_count_kernel), dim3(blocks),
                            dim3(256), arguments, shared_bytes, on);
  };
  bool turn = false;
  const auto alternately = [&](cudaStream_t on) { return (turn = !turn) ? without(on) : with(on); };

  table rows("a block per multiprocessor: kernels that need another split of L1 and shared memory");
  const std::string kib = fmt::format("{} KiB of dynamic shared memory", shared_bytes / 1024);
  rows.add({{"what", "no shared memory"}, {"queued", in.queued(without).json()}});
  rows.add({{"what", kib}, {"queued", in.queued(with).json()}});
  rows.add({{"what", "in turn"}, {"queued", in.queued(alternately).json()}});
  set_carve_out(cudaSharedmemCarveoutMaxL1);
  rows.add({{"what", "in turn, the first prefers L1"}, {"queued", in.queued(alternately).json()}});
  set_carve_out(cudaSharedmemCarveoutMaxShared);
  rows.add({{"what", "in turn, the first prefers shared memory"},
            {"queued", in.queued(alternately).json()}});
  set_carve_out(cudaSharedmemCarveoutDefault);
  in.counted.check("carve-outs");
  return rows.json();
}

ordered_json measure_clusters(lab& in) {
  constexpr unsigned blocks = 1056, threads = 256;
  table rows(fmt::format("{} blocks of {} threads", blocks, threads));
  const auto add = [&](const char* what, const launch_config& config) {
    const auto launch = [&](cudaStream_t on) {
      launch_config here = config;
      here.stream = on;
      return launch_kernel(count_kernel, here, in.counted.expect(), 1u);
    };
    rows.add({{"what", what},
              {"host_call", in.host_call(launch).json()},
              {"queued", in.queued(launch).json()}});
  };
  add("plain", {.grid = dim3(blocks), .block = dim3(threads), .stream = in.on});
  const auto resident = unsigned(in.device.multiprocessors);
  add("a block per multiprocessor",
      {.grid = dim3(resident), .block = dim3(threads), .stream = in.on});
  add("a block per multiprocessor, cooperative",
      {.grid = dim3(resident), .block = dim3(threads), .stream = in.on, .cooperative = true});

  if (in.device.compute_capability < 90) {
    rows.add({{"what", "clusters"}, {"why_not", "clusters need compute capability 9.0"}});
  } else {
    WARPLADDER_TRY(cudaFuncSetAttribute(reinterpret_cast<kernel_address>(&count_kernel),
                                        cudaFuncAttributeNonPortableClusterSizeAllowed, 1));
    for (const unsigned size : {2u, 4u, 8u, 16u}) {
      cudaLaunchAttribute attribute = {};
      attribute.id = cudaLaunchAttributeClusterDimension;
      attribute.val.clusterDim = {size, 1, 1};
      cudaLaunchConfig_t native = {};
      native.gridDim = dim3(blocks);
      native.blockDim = dim3(threads);
      native.attrs = &attribute;
      native.numAttrs = 1;
      int clusters = 0;
      WARPLADDER_TRY(cudaOccupancyMaxActiveClusters(&clusters, count_kernel, &native));
      const std::string what = fmt::format("clusters of {}", size);
      if (clusters == 0) {
        rows.add({{"what", what}, {"why_not", "no such cluster fits this device"}});
        continue;
      }
      add(what.c_str(),
          {.grid = dim3(blocks), .block = dim3(threads), .stream = in.on, .cluster = size});
    }
  }
  in.counted.check("clusters");
  return rows.json();
}

ordered_json measure_dependent_launches(lab& in) {
  table rows("kernels in a row, each with a prologue that does not need the one before");
  if (in.device.compute_capability < 90) {
    rows.add({{"prologue_us", 0}, {"why_not", "needs compute capability 9.0"}});
    return rows.json();
  }
  constexpr int length = 100;
  tally values;
  for (const int prologue_us : {0, 1, 2, 5}) {
    ordered_json row{{"prologue_us", prologue_us}};
    for (const bool overlapping : {false, true}) {
      // The first of a chain waits in full: it stands behind whatever was there before.
      const auto launch = [&](cudaStream_t on) {
        return launch_kernel(dependent_kernel,
                             {.grid = dim3(1),
                              .block = dim3(32),
                              .stream = on,
                              .overlaps_kernel_before = overlapping},
                             in.clocks(prologue_us), values.expect());
      };
      const auto chain = capture(
          [&](cudaStream_t on) {
            cudaError_t status = cudaSuccess;
            for (int i = 0; i < length && status == cudaSuccess; ++i)
              status = launch_kernel(dependent_kernel,
                                     {.grid = dim3(1),
                                      .block = dim3(32),
                                      .stream = on,
                                      .overlaps_kernel_before = overlapping && i > 0},
                                     in.clocks(prologue_us), values.expect(0));
            return status;
          },
          in.on);
      const auto exec = instantiate(chain.get());
      const auto replay = [&](cudaStream_t on) {
        values.expect(length);
        return cudaGraphLaunch(exec.get(), on);
      };
      const char* how = overlapping ? "overlapping" : "plain";
      row[fmt::format("stream_{}", how)] = in.queued(launch).json();
      row[fmt::format("graph_{}", how)] = in.queued(replay, 3).per(length).json();
      values.check(fmt::format("dependent launches, {}", how));
    }
    rows.add(row);
  }
  return rows.json();
}

}  // namespace warpladder::bench
