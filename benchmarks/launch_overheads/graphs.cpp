// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <launch_overheads/device_launches.hpp>
#include <launch_overheads/reports.hpp>
#include <launch_overheads/sections.hpp>

namespace warpladder::bench {
namespace {

/// `length` nodes that count, one after the other; the counter is not told to expect them.
owned_graph make_chain(lab& in, int length, unsigned add = 1) {
  unsigned* const counter = in.counted.expect(0);
  return capture(
      [&](cudaStream_t on) {
        cudaError_t status = cudaSuccess;
        for (int i = 0; i < length && status == cudaSuccess; ++i)
          status = launch_kernel(count_kernel, {.grid = dim3(1), .block = dim3(32), .stream = on},
                                 counter, add);
        return status;
      },
      in.on);
}

/// A launch of a graph of which `adds` is expected.
lab::launcher replay(lab& in, cudaGraphExec_t exec, unsigned adds) {
  return [&in, exec, adds](cudaStream_t on) {
    in.counted.expect(adds);
    return cudaGraphLaunch(exec, on);
  };
}

ordered_json measure_chains(lab& in) {
  table rows("kernels in a row, in a stream and as a graph");
  for (const int length : {1, 3, 10, 30, 100, 300, 1000}) {
    const auto stream_chain = [&, length](cudaStream_t on) {
      cudaError_t status = cudaSuccess;
      for (int i = 0; i < length && status == cudaSuccess; ++i) status = in.launch_count(on);
      return status;
    };
    const auto graph = make_chain(in, length);
    const timing made = in.repeat([&] {
      const stopwatch watch;
      const auto exec = instantiate(graph.get());
      return watch.us();
    });
    const auto exec = instantiate(graph.get());
    const auto launch = replay(in, exec.get(), unsigned(length));
    // Enough to fill the queue with neither; a graph counts about as its nodes.
    const int chains = std::clamp(300 / length, 1, 100);
    ordered_json row{{"kernels", length}};
    row["stream_host"] = in.host_call(stream_chain, chains).json();
    row["stream_wall"] = in.call_and_wait(stream_chain).json();
    row["stream_device"] = in.queued(stream_chain, chains).json();
    row["graph_host"] = in.host_call(launch, chains).json();
    row["graph_wall"] = in.call_and_wait(launch).json();
    row["graph_device"] = in.queued(launch, chains).json();
    row["instantiate"] = made.json();
    rows.add(row);
    in.counted.check(fmt::format("a graph of {} nodes", length));
  }
  return rows.json();
}

ordered_json measure_branches(lab& in) {
  constexpr double each_us = 5;
  table rows(fmt::format("one node, then that many of {:.0f} us side by side, then one", each_us));
  for (const int width : {1, 4, 16, 64}) {
    unsigned* counter = in.counted.expect(0);
    unsigned one = 1;
    void* count_arguments[] = {&counter, &one};
    unsigned long long clocks = in.clocks(each_us);
    const device_buffer<stamps> log(static_cast<std::size_t>(width));
    stamps* page = nullptr;
    void* spin_arguments[] = {&clocks, &page};
    const auto node = [](const auto& kernel, void** arguments) {
      cudaKernelNodeParams params = {};
      params.func = reinterpret_cast<void*>(kernel);
      params.gridDim = dim3(1);
      params.blockDim = dim3(32);
      params.kernelParams = arguments;
      return params;
    };
    const cudaKernelNodeParams count = node(&count_kernel, count_arguments);
    cudaGraph_t made = nullptr;
    WARPLADDER_TRY(cudaGraphCreate(&made, 0));
    const owned_graph graph(made);
    cudaGraphNode_t fork = nullptr, join = nullptr;
    WARPLADDER_TRY(cudaGraphAddKernelNode(&fork, made, nullptr, 0, &count));
    std::vector<cudaGraphNode_t> branches(std::size_t(width), nullptr);
    for (int i = 0; i < width; ++i) {
      page = log.data() + i;
      const cudaKernelNodeParams spin = node(&spin_kernel, spin_arguments);
      WARPLADDER_TRY(cudaGraphAddKernelNode(&branches[std::size_t(i)], made, &fork, 1, &spin));
    }
    WARPLADDER_TRY(cudaGraphAddKernelNode(&join, made, branches.data(), branches.size(), &count));
    const auto exec = instantiate(made);
    WARPLADDER_TRY(cudaMemset(log.data(), 0, log.size_bytes()));
    const auto launch = replay(in, exec.get(), 2);
    const timing wall = in.call_and_wait(launch);
    const timing device = in.queued(launch, std::clamp(200 / width, 3, 30));
    rows.add({{"branches", width},
              {"one_after_the_other_us", each_us * width},
              {"graph_host", in.host_call(launch, std::clamp(200 / width, 3, 30)).json()},
              {"graph_wall", wall.json()},
              {"graph_device", device.json()}});
    in.counted.check(fmt::format("a graph of {} branches", width));
    std::vector<stamps> seen(log.size());
    copy_async<stamps>(seen, log.view(), in.on);
    in.on.synchronize();
    for (const stamps& branch : seen)
      if (branch.begin == 0) throw std::runtime_error("a branch of a graph did not run");
  }
  return {{"each_us", each_us}, {"rows", rows.json()}};
}

ordered_json measure_updates(lab& in) {
  constexpr int length = 100;
  table rows(fmt::format("changing a graph of {} nodes, host time", length));
  const auto ones = make_chain(in, length, 1), twos = make_chain(in, length, 2);
  const auto exec = instantiate(ones.get());
  const auto add = [&](const std::string& what, const timing& time) {
    rows.add({{"what", what}, {"host", time.json()}});
  };
  const auto timed = [&](const std::function<void()>& call) {
    return in.repeat([&] {
      in.on.synchronize();
      const stopwatch watch;
      call();
      return watch.us();
    });
  };

  // Destroying what was made is outside of the time.
  std::vector<owned_graph> captured;
  add("capture", timed([&] { captured.push_back(make_chain(in, length)); }));
  std::vector<owned_exec> instantiated;
  add("cudaGraphInstantiate", timed([&] { instantiated.push_back(instantiate(ones.get())); }));
  captured.clear();
  instantiated.clear();
  add("cudaGraphUpload of a new one", in.repeat([&] {
    const auto fresh = instantiate(ones.get());
    in.on.synchronize();
    const stopwatch watch;
    WARPLADDER_TRY(cudaGraphUpload(fresh.get(), in.on));
    in.on.synchronize();
    return watch.us();
  }));
  for (const bool uploaded : {false, true}) {
    add(uploaded ? "first launch, uploaded before, and wait" : "first launch and wait",
        in.repeat([&] {
          const auto fresh = instantiate(ones.get());
          if (uploaded) WARPLADDER_TRY(cudaGraphUpload(fresh.get(), in.on));
          in.on.synchronize();
          const stopwatch watch;
          WARPLADDER_TRY(replay(in, fresh.get(), length)(in.on));
          in.on.synchronize();
          return watch.us();
        }));
  }
  const auto launch_and_wait = [&](unsigned adds) {
    WARPLADDER_TRY(replay(in, exec.get(), adds)(in.on));
    in.on.synchronize();
  };
  launch_and_wait(length);
  add("launch and wait", timed([&] { launch_and_wait(length); }));

  // One node of the executable graph, to add 2 and back.
  std::size_t count = 0;
  WARPLADDER_TRY(cudaGraphGetNodes(ones.get(), nullptr, &count));
  std::vector<cudaGraphNode_t> nodes(count);
  WARPLADDER_TRY(cudaGraphGetNodes(ones.get(), nodes.data(), &count));
  cudaKernelNodeParams params = {};
  WARPLADDER_TRY(cudaGraphKernelNodeGetParams(nodes.front(), &params));
  unsigned* counter = in.counted.expect(0);
  unsigned addend = 1;
  void* arguments[] = {&counter, &addend};
  params.kernelParams = arguments;
  const auto set_one = [&] {
    addend = 3 - addend;
    WARPLADDER_TRY(cudaGraphExecKernelNodeSetParams(exec.get(), nodes.front(), &params));
  };
  add("cudaGraphExecKernelNodeSetParams, one node", timed(set_one));
  add("launch and wait behind it", in.repeat([&] {
    set_one();
    const stopwatch watch;
    launch_and_wait(length - 1 + addend);
    return watch.us();
  }));
  in.counted.check("a graph with one changed node");

  bool to_twos = false;
  const auto update = [&] {
    to_twos = !to_twos;
    cudaGraphExecUpdateResultInfo info = {};
    WARPLADDER_TRY(cudaGraphExecUpdate(exec.get(), to_twos ? twos.get() : ones.get(), &info));
  };
  add("cudaGraphExecUpdate, all nodes", timed(update));
  add("launch and wait behind it", in.repeat([&] {
    update();
    const stopwatch watch;
    launch_and_wait(to_twos ? 2 * length : length);
    return watch.us();
  }));
  in.counted.check("an updated graph");
  return {{"nodes", length}, {"rows", rows.json()}};
}

/// Adds a conditional node behind `before`, of which there may be none. Returns it and its body.
struct conditional {
  cudaGraphNode_t node;
  cudaGraph_t body;
};
conditional add_conditional(cudaGraph_t graph, const cudaGraphNode_t* before,
                            cudaGraphConditionalHandle handle, cudaGraphConditionalNodeType type) {
  cudaGraphNodeParams params = {};
  params.type = cudaGraphNodeTypeConditional;
  params.conditional.handle = handle;
  params.conditional.type = type;
  params.conditional.size = 1;
  conditional made = {};
  const std::size_t count = before == nullptr ? 0 : 1;
#if CUDART_VERSION >= 13000
  WARPLADDER_TRY(cudaGraphAddNode(&made.node, graph, before, nullptr, count, &params));
#else
  WARPLADDER_TRY(cudaGraphAddNode(&made.node, graph, before, count, &params));
#endif
  made.body = params.conditional.phGraph_out[0];
  return made;
}

cudaGraphConditionalHandle make_handle(cudaGraph_t graph, unsigned value) {
  cudaGraphConditionalHandle handle = {};
  const cudaError_t status =
      cudaGraphConditionalHandleCreate(&handle, graph, value, cudaGraphCondAssignDefault);
  if (status == cudaErrorNotSupported) {
    cudaGetLastError();
    throw unavailable("the driver does not know conditional nodes");
  }
  WARPLADDER_TRY(status);
  return handle;
}

template <class Kernel>
cudaGraphNode_t add_kernel(cudaGraph_t graph, const Kernel& kernel, void** arguments) {
  cudaKernelNodeParams params = {};
  params.func = reinterpret_cast<void*>(kernel);
  params.gridDim = dim3(1);
  params.blockDim = dim3(1);
  params.kernelParams = arguments;
  cudaGraphNode_t node = nullptr;
  WARPLADDER_TRY(cudaGraphAddKernelNode(&node, graph, nullptr, 0, &params));
  return node;
}

/// IF nodes in a row, all taken or none.
ordered_json measure_ifs(lab& in) {
  constexpr int length = 32;
  table rows(fmt::format("{} nodes in a row, device time per node", length));
  const auto chain = make_chain(in, length);
  const auto plain = instantiate(chain.get());
  rows.add({{"what", "kernel"},
            {"queued", in.queued(replay(in, plain.get(), length), 5).per(length).json()}});
  for (const bool taken : {true, false}) {
    cudaGraph_t made = nullptr;
    WARPLADDER_TRY(cudaGraphCreate(&made, 0));
    const owned_graph graph(made);
    unsigned* counter = in.counted.expect(0);
    unsigned one = 1;
    void* arguments[] = {&counter, &one};
    cudaGraphNode_t before = nullptr;
    for (int i = 0; i < length; ++i) {
      const conditional next = add_conditional(made, i == 0 ? nullptr : &before,
                                               make_handle(made, taken), cudaGraphCondTypeIf);
      add_kernel(next.body, &count_kernel, arguments);
      before = next.node;
    }
    const auto exec = instantiate(made);
    const auto launch = replay(in, exec.get(), taken ? length : 0);
    rows.add({{"what", taken ? "IF, taken: a kernel" : "IF, not taken"},
              {"queued", in.queued(launch, 5).per(length).json()}});
    in.counted.check("IF nodes");
  }
  return rows.json();
}

/// A loop of one tiny kernel, `iterations` times, in every way that there is.
ordered_json measure_loops(lab& in) {
  table rows("a loop of one tiny kernel that decides whether to go on, per iteration");
  reports report(in.on);
  for (const int iterations : {10, 100, 1000}) {
    const auto add = [&](const char* what, const timing& whole) {
      rows.add({{"what", what},
                {"iterations", iterations},
                {"whole", whole.json()},
                {"per_iteration", whole.per(iterations).json()}});
    };
    const auto wait = [&](const lab::launcher& launch) { return in.call_and_wait(launch); };
    const auto chain = make_chain(in, iterations);
    const auto unrolled = instantiate(chain.get());
    add("chain of nodes, no decision", wait(replay(in, unrolled.get(), unsigned(iterations))));
    in.counted.check("a chain of nodes");

    add("kernels in a stream, no decision", wait([&](cudaStream_t on) {
          cudaError_t status = cudaSuccess;
          for (int i = 0; i < iterations && status == cudaSuccess; ++i)
            status = in.launch_count(on);
          return status;
        }));
    in.counted.check("a chain in a stream");

    const pinned_buffer<unsigned> read_back(1);
    add("the host reads back and decides", wait([&](cudaStream_t on) {
          for (int i = 0; i < iterations; ++i) {
            WARPLADDER_TRY(in.launch_count(on));
            WARPLADDER_TRY(cudaMemcpyAsync(read_back.data(), in.counted.expect(0), sizeof(unsigned),
                                           cudaMemcpyDeviceToHost, on));
            WARPLADDER_TRY(cudaStreamSynchronize(on));
          }
          return cudaSuccess;
        }));
    in.counted.check("a loop of the host");

    cudaGraph_t made = nullptr;
    WARPLADDER_TRY(cudaGraphCreate(&made, 0));
    const owned_graph graph(made);
    cudaGraphConditionalHandle again = make_handle(made, 1);
    const conditional loop = add_conditional(made, nullptr, again, cudaGraphCondTypeWhile);
    launch_report* on_device = report.device();
    void* arguments[] = {&on_device, &again};
    add_kernel(loop.body, &while_kernel, arguments);
    const auto exec = instantiate(made);
    add("WHILE node", report.waiting_for(in, unsigned(iterations), [&](cudaStream_t on) {
      return cudaGraphLaunch(exec.get(), on);
    }));
    report.check("a WHILE node");
  }
  return rows.json();
}

}  // namespace

ordered_json measure_graphs(lab& in) {
  const ordered_json chains = measure_chains(in), branches = measure_branches(in);
  return {{"chains", chains}, {"branches", branches}, {"updates", measure_updates(in)}};
}

ordered_json measure_device_graphs(lab& in) {
  table rows("graphs of one node, launched by the device");
  reports report(in.on);
  constexpr unsigned most = 64;  // a graph may have 120 that were fired and not forgotten
  launch_report* on_device = report.device();

  const auto self = capture(
      [&](cudaStream_t on) {
        return launch_kernel(relaunch_kernel, {.grid = dim3(1), .block = dim3(1), .stream = on},
                             on_device);
      },
      in.on);
  const auto relaunched = instantiate(self.get(), cudaGraphInstantiateFlagDeviceLaunch);
  WARPLADDER_TRY(cudaGraphUpload(relaunched.get(), in.on));
  in.on.synchronize();
  for (const unsigned links : {1u, 100u, 1000u}) {
    const timing whole = report.waiting_for(
        in, links, [&](cudaStream_t on) { return cudaGraphLaunch(relaunched.get(), on); });
    report.check("a graph that launches itself");
    rows.add({{"what", "tail: it launches itself"},
              {"launches", links},
              {"whole", whole.json()},
              {"each", whole.per(links).json()}});
  }

  const auto one_node = make_chain(in, 1);
  std::vector<owned_exec> children;
  std::vector<cudaGraphExec_t> handles;
  for (unsigned i = 0; i < most; ++i) {
    children.push_back(instantiate(one_node.get(), cudaGraphInstantiateFlagDeviceLaunch));
    WARPLADDER_TRY(cudaGraphUpload(children.back().get(), in.on));
    handles.push_back(children.back().get());
  }
  const device_buffer<cudaGraphExec_t> on_device_handles(most);
  copy_async<cudaGraphExec_t>(on_device_handles.view(), handles, in.on);
  in.on.synchronize();
  for (const unsigned launches : {1u, 16u, most}) {
    const auto parent = capture(
        [&](cudaStream_t on) {
          return launch_kernel(launch_graphs_kernel,
                               {.grid = dim3(1), .block = dim3(1), .stream = on}, on_device,
                               on_device_handles.data(), launches);
        },
        in.on);
    const auto exec = instantiate(parent.get());
    const timing whole = in.call_and_wait(replay(in, exec.get(), launches));
    in.counted.check("graphs fired by a graph");
    report.check("graphs fired by a graph");
    rows.add({{"what", "fire and forget: one kernel launches them"},
              {"launches", launches},
              {"whole", whole.json()},
              {"each", whole.per(launches).json()}});
    const timing by_host = in.call_and_wait([&](cudaStream_t on) {
      in.counted.expect(launches);
      cudaError_t status = cudaSuccess;
      for (unsigned i = 0; i < launches && status == cudaSuccess; ++i)
        status = cudaGraphLaunch(handles[i], on);
      return status;
    });
    in.counted.check("graphs launched by the host");
    rows.add({{"what", "the host launches them, in a stream"},
              {"launches", launches},
              {"whole", by_host.json()},
              {"each", by_host.per(launches).json()}});
  }
  return rows.json();
}

ordered_json measure_conditional_nodes(lab& in) {
  const ordered_json ifs = measure_ifs(in);
  return {{"ifs", ifs}, {"loops", measure_loops(in)}};
}

}  // namespace warpladder::bench
