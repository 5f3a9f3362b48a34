// SPDX-License-Identifier: Apache-2.0
//
// Seventeen ways to get streams wrong. Each function is a small pipeline, right when `right`, and
// with a single mistake otherwise. All of them work most of the time, on most machines: whoever is
// usually early enough is right by luck. caught_pipelines_test.cu runs them in orders without luck.
//
// The work is always the same: chunks of integers go up, a kernel makes 3x + 1 of each x, and the
// results come back. Copies up, kernels and copies down have a stream each, so that three chunks
// can be under way at once; only events order the streams among each other.
#pragma once

#include <array>
#include <span>
#include <vector>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/event.hpp>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/stream.hpp>

namespace warpladder::caught {

inline constexpr int chunks = 6;       ///< per run
inline constexpr unsigned items = 64;  ///< per chunk
inline constexpr int lanes = 2;  ///< buffers that take turns, where not every chunk has its own

/// What the host has for chunk number `chunk`, and what must come back.
constexpr int input_item(int chunk, unsigned i) {
  return 1000 * (chunk + 1) + int(i);
}
constexpr int expected_item(int chunk, unsigned i) {
  return 3 * input_item(chunk, i) + 1;
}

template <class T>
__global__ void triple_plus_one(const T* in, T* out) {
  out[threadIdx.x] = 3 * in[threadIdx.x] + 1;
}

template <class T>
__global__ void add_to(const T* in, T* sum) {
  sum[threadIdx.x] += in[threadIdx.x];
}

/// Streams, events and memory for `chunks` chunks, of which a pipeline uses what it needs.
struct workshop {
  stream up, work, down;
  std::array<event, chunks> copied, computed, returned;
  pinned_buffer<int> host_in{chunks * items}, host_out{chunks * items};
  device_buffer<int> device_in{chunks * items}, device_out{chunks * items};
  std::vector<int> results = std::vector<int>(chunks * items, -1);

  workshop() {
    for (int chunk = 0; chunk < chunks; ++chunk) fill(chunk, chunk);
    for (int& item : host_out.view()) item = -1;
  }

  static std::span<int> slot(const device_buffer<int>& of, int i) {
    return of.view().subspan(i * items, items);
  }
  static std::span<int> slot(const pinned_buffer<int>& of, int i) {
    return of.view().subspan(i * items, items);
  }

  /// The host's part: its data goes into a pinned buffer, and results out of one.
  void fill(int to, int chunk) {
    for (unsigned i = 0; i < items; ++i) slot(host_in, to)[i] = input_item(chunk, i);
  }
  void collect(int from, int chunk) {
    for (unsigned i = 0; i < items; ++i) results[chunk * items + i] = slot(host_out, from)[i];
  }

  /// The device's part. None of these waits for anything.
  void copy_up(int from, int to, stream_view on) {
    copy_async(slot(device_in, to), slot(host_in, from), on);
  }
  void compute(int from, int to, stream_view on) {
    WARPLADDER_TRY(launch_kernel(triple_plus_one<int>, {.grid = 1, .block = items, .stream = on},
                                 slot(device_in, from).data(), slot(device_out, to).data()));
  }
  void copy_down(int from, int to, stream_view on) {
    copy_async(slot(host_out, to), slot(device_out, from), on);
  }

  /// The end of most pipelines: everything has its own place in host_out.
  std::vector<int> collect_all() {
    down.synchronize();
    for (int chunk = 0; chunk < chunks; ++chunk) collect(chunk, chunk);
    return results;
  }
};

// ---- a wait is missing -------------------------------------------------------------------------

/// The kernel works on what was in device memory before its input arrived.
inline std::vector<int> no_wait_before_the_kernel(bool right) {
  workshop w;
  for (int chunk = 0; chunk < chunks; ++chunk) {
    w.copy_up(chunk, chunk, w.up);
    w.up.record(w.copied[chunk]);
    if (right) w.work.wait(w.copied[chunk]);
    w.compute(chunk, chunk, w.work);
    w.work.record(w.computed[chunk]);
    w.down.wait(w.computed[chunk]);
    w.copy_down(chunk, chunk, w.down);
  }
  return w.collect_all();
}

/// The copy down fetches what was there before the kernel wrote its results.
inline std::vector<int> no_wait_before_the_copy_down(bool right) {
  workshop w;
  for (int chunk = 0; chunk < chunks; ++chunk) {
    w.copy_up(chunk, chunk, w.up);
    w.up.record(w.copied[chunk]);
    w.work.wait(w.copied[chunk]);
    w.compute(chunk, chunk, w.work);
    w.work.record(w.computed[chunk]);
    if (right) w.down.wait(w.computed[chunk]);
    w.copy_down(chunk, chunk, w.down);
  }
  return w.collect_all();
}

// ---- a buffer is used again too early ----------------------------------------------------------

/// Two device buffers take turns. "Full" is waited for, "empty" is not: the copy up for the chunk
/// after the next overwrites what the kernel has not read yet.
inline std::vector<int> device_input_refilled_too_early(bool right) {
  workshop w;
  for (int chunk = 0; chunk < chunks; ++chunk) {
    if (right && chunk >= lanes) w.up.wait(w.computed[chunk - lanes]);
    w.copy_up(chunk, chunk % lanes, w.up);
    w.up.record(w.copied[chunk]);
    w.work.wait(w.copied[chunk]);
    w.compute(chunk % lanes, chunk, w.work);
    w.work.record(w.computed[chunk]);
    w.down.wait(w.computed[chunk]);
    w.copy_down(chunk, chunk, w.down);
  }
  return w.collect_all();
}

/// The same on the way back: the kernel writes over results that have not left yet.
inline std::vector<int> device_output_overwritten_too_early(bool right) {
  workshop w;
  for (int chunk = 0; chunk < chunks; ++chunk) {
    w.copy_up(chunk, chunk, w.up);
    w.up.record(w.copied[chunk]);
    w.work.wait(w.copied[chunk]);
    if (right && chunk >= lanes) w.work.wait(w.returned[chunk - lanes]);
    w.compute(chunk, chunk % lanes, w.work);
    w.work.record(w.computed[chunk]);
    w.down.wait(w.computed[chunk]);
    w.copy_down(chunk % lanes, chunk, w.down);
    w.down.record(w.returned[chunk]);
  }
  return w.collect_all();
}

/// An asynchronous copy reads pinned memory when its turn comes, not when it is called. The host
/// must not refill the buffer before.
inline std::vector<int> pinned_input_refilled_too_early(bool right) {
  workshop w;
  for (int chunk = 0; chunk < chunks; ++chunk) {
    if (right && chunk >= lanes) w.copied[chunk - lanes].synchronize();
    w.fill(chunk % lanes, chunk);
    w.copy_up(chunk % lanes, chunk, w.up);
    w.up.record(w.copied[chunk]);
    w.work.wait(w.copied[chunk]);
    w.compute(chunk, chunk, w.work);
    w.work.record(w.computed[chunk]);
    w.down.wait(w.computed[chunk]);
    w.copy_down(chunk, chunk, w.down);
  }
  return w.collect_all();
}

/// Nor must it read results before their copy is done. Here it waits for the kernel only.
inline std::vector<int> pinned_output_read_too_early(bool right) {
  workshop w;
  for (int chunk = 0; chunk < chunks; ++chunk) {
    w.copy_up(chunk, chunk, w.up);
    w.up.record(w.copied[chunk]);
    w.work.wait(w.copied[chunk]);
    w.compute(chunk, chunk, w.work);
    w.work.record(w.computed[chunk]);
    w.down.wait(w.computed[chunk]);
    w.copy_down(chunk, chunk, w.down);
    w.down.record(w.returned[chunk]);
    (right ? w.returned : w.computed)[chunk].synchronize();
    w.collect(chunk, chunk);
  }
  return w.results;
}

/// Synchronising a stream says nothing about the streams that wait for it.
inline std::vector<int> synchronizes_the_wrong_stream(bool right) {
  workshop w;
  for (int chunk = 0; chunk < chunks; ++chunk) {
    w.copy_up(chunk, chunk, w.work);
    w.compute(chunk, chunk, w.work);
    w.work.record(w.computed[chunk]);
    w.down.wait(w.computed[chunk]);
    w.copy_down(chunk, chunk, w.down);
  }
  (right ? w.down : w.work).synchronize();
  for (int chunk = 0; chunk < chunks; ++chunk) w.collect(chunk, chunk);
  return w.results;
}

/// Freed in the order of a stream that knows nothing of the copy which still reads the memory. Here
/// it turns to poison; on a GPU the next cudaMallocAsync gets it.
inline std::vector<int> freed_in_another_stream(bool right) {
  workshop w;
  for (int chunk = 0; chunk < chunks; ++chunk) {
    int* results = nullptr;
    WARPLADDER_TRY(cudaMallocAsync(&results, items * sizeof(int), w.work));
    w.copy_up(chunk, chunk, w.work);
    WARPLADDER_TRY(launch_kernel(triple_plus_one<int>,
                                 {.grid = 1, .block = items, .stream = w.work},
                                 w.slot(w.device_in, chunk).data(), results));
    w.work.record(w.computed[chunk]);
    w.down.wait(w.computed[chunk]);
    copy_async(w.slot(w.host_out, chunk), std::span<const int>(results, items), w.down);
    w.down.record(w.returned[chunk]);
    if (right) w.work.wait(w.returned[chunk]);
    WARPLADDER_TRY(cudaFreeAsync(results, w.work));
  }
  return w.collect_all();
}

/// The other end of it: memory from cudaMallocAsync may be used when its stream has come there, for
/// another may still be using it. The copy up knows nothing of that stream.
inline std::vector<int> allocated_in_another_stream(bool right) {
  workshop w;
  for (int chunk = 0; chunk < chunks; ++chunk) {
    int* input = nullptr;
    WARPLADDER_TRY(cudaMallocAsync(&input, items * sizeof(int), w.work));
    w.work.record(w.computed[chunk]);
    if (right) w.up.wait(w.computed[chunk]);
    copy_async(std::span<int>(input, items), w.slot(w.host_in, chunk), w.up);
    w.up.record(w.copied[chunk]);
    w.work.wait(w.copied[chunk]);
    WARPLADDER_TRY(launch_kernel(triple_plus_one<int>,
                                 {.grid = 1, .block = items, .stream = w.work}, input,
                                 w.slot(w.device_out, chunk).data()));
    WARPLADDER_TRY(cudaFreeAsync(input, w.work));
    w.copy_down(chunk, chunk, w.work);
  }
  w.work.synchronize();
  return w.collect_all();
}

// ---- the default stream in the middle ----------------------------------------------------------

/// The legacy default stream waits for all streams, and all wait for it: all but those that were
/// created with cudaStreamNonBlocking, as warpladder::stream and most libraries do.
inline std::vector<int> default_stream_in_the_middle(bool right) {
  workshop w;
  const stream_view in_the_middle = right ? stream_view(w.up) : stream_view(cudaStreamLegacy);
  for (int chunk = 0; chunk < chunks; ++chunk) {
    w.copy_up(chunk, chunk, w.up);
    w.compute(chunk, chunk, in_the_middle);
    w.copy_down(chunk, chunk, w.up);
  }
  w.up.synchronize();
  for (int chunk = 0; chunk < chunks; ++chunk) w.collect(chunk, chunk);
  return w.results;
}

/// cudaMemset sounds synchronous. It is a piece of work in the legacy default stream, and the host
/// goes on at once: what a non-blocking stream does next may come first.
inline std::vector<int> memset_taken_for_synchronous(bool right) {
  workshop w;
  for (int chunk = 0; chunk < chunks; ++chunk) w.copy_up(chunk, chunk, w.work);
  w.work.synchronize();
  for (int chunk = 0; chunk < chunks; ++chunk) {
    const std::span<int> sum = w.slot(w.device_out, chunk);
    if (right) {
      WARPLADDER_TRY(cudaMemsetAsync(sum.data(), 0, sum.size_bytes(), w.work));
    } else {
      WARPLADDER_TRY(cudaMemset(sum.data(), 0, sum.size_bytes()));
    }
    for (int times = 0; times < 3; ++times) {
      WARPLADDER_TRY(launch_kernel(add_to<int>, {.grid = 1, .block = items, .stream = w.work},
                                   w.slot(w.device_in, chunk).data(), sum.data()));
    }
    w.copy_down(chunk, chunk, w.work);
  }
  w.work.synchronize();
  for (int chunk = 0; chunk < chunks; ++chunk) w.collect(chunk, chunk);
  for (int& item : w.results) item += 1;
  return w.results;
}

// ---- the wait is there, and waits for something else -------------------------------------------

/// An event covers what was submitted to its stream before it was recorded, not what follows.
inline std::vector<int> event_recorded_too_early(bool right) {
  workshop w;
  for (int chunk = 0; chunk < chunks; ++chunk) {
    if (!right) w.up.record(w.copied[chunk]);
    w.copy_up(chunk, chunk, w.up);
    if (right) w.up.record(w.copied[chunk]);
    w.work.wait(w.copied[chunk]);
    w.compute(chunk, chunk, w.work);
    w.work.record(w.computed[chunk]);
    w.down.wait(w.computed[chunk]);
    w.copy_down(chunk, chunk, w.down);
  }
  return w.collect_all();
}

/// A wait is for the latest record at the time of the call. An event that was never recorded, or
/// long ago, is done: the wait returns success and waits for nothing.
inline std::vector<int> waits_before_the_record(bool right) {
  workshop w;
  const event copied;  // one for all chunks, which is allowed
  for (int chunk = 0; chunk < chunks; ++chunk) {
    if (!right) w.work.wait(copied);
    w.copy_up(chunk, chunk, w.up);
    w.up.record(copied);
    if (right) w.work.wait(copied);
    w.compute(chunk, chunk, w.work);
    w.work.record(w.computed[chunk]);
    w.down.wait(w.computed[chunk]);
    w.copy_down(chunk, chunk, w.down);
  }
  return w.collect_all();
}

/// Two lanes compute, each in its stream, and record the same event: the second record replaces the
/// first, and nobody waits for the first lane any more.
inline std::vector<int> one_event_for_two_lanes(bool right) {
  workshop w;
  const stream_view lane[lanes] = {w.up, w.work};
  for (int pair = 0; pair < chunks; pair += lanes) {
    for (int i = 0; i < lanes; ++i) {
      w.copy_up(pair + i, pair + i, lane[i]);
      w.compute(pair + i, pair + i, lane[i]);
      lane[i].record(w.computed[right ? pair + i : pair]);
    }
    for (int i = 0; i < lanes; ++i) w.down.wait(w.computed[right ? pair + i : pair]);
    for (int i = 0; i < lanes; ++i) w.copy_down(pair + i, pair + i, w.down);
  }
  return w.collect_all();
}

/// The right number of waits, each for the neighbour's work.
inline std::vector<int> waits_for_the_other_lane(bool right) {
  workshop w;
  const stream_view lane[lanes] = {w.up, w.work};
  const stream second_down;
  const stream_view down[lanes] = {w.down, second_down};
  for (int chunk = 0; chunk < chunks; ++chunk) {
    const int mine = chunk % lanes, other = 1 - mine;
    w.copy_up(chunk, chunk, lane[mine]);
    w.compute(chunk, chunk, lane[mine]);
    lane[mine].record(w.computed[mine]);
    down[mine].wait(w.computed[right ? mine : other]);
    w.copy_down(chunk, chunk, down[mine]);
  }
  second_down.synchronize();
  return w.collect_all();
}

// ---- graphs ------------------------------------------------------------------------------------

/// Replays `captured` once per call of `before`, on w.work.
template <class Capture, class Before>
void replay(workshop& w, int times, const Capture& captured, const Before& before) {
  cudaGraph_t graph{};
  cudaGraphExec_t executable{};
  WARPLADDER_TRY(cudaStreamBeginCapture(w.work, cudaStreamCaptureModeGlobal));
  captured();
  WARPLADDER_TRY(cudaStreamEndCapture(w.work, &graph));
  WARPLADDER_TRY(cudaGraphInstantiate(&executable, graph, 0));
  WARPLADDER_TRY(cudaGraphDestroy(graph));
  for (int i = 0; i < times; ++i) {
    before(i);
    WARPLADDER_TRY(cudaGraphLaunch(executable, w.work));
  }
  w.work.synchronize();
  WARPLADDER_TRY(cudaGraphExecDestroy(executable));
}

/// A forked stream must be joined before the capture ends, or the capture fails; that is not to say
/// that it is joined before its results are used. The edge to the copy down is missing.
inline std::vector<int> graph_without_an_edge(bool right) {
  workshop w;
  const event forked, joined;
  const auto pipeline = [&] {
    w.work.record(forked);
    w.up.wait(forked);
    for (int chunk = 0; chunk < chunks; ++chunk) {
      w.copy_up(chunk, chunk, w.up);
      w.compute(chunk, chunk, w.up);
    }
    w.up.record(joined);
    if (right) w.work.wait(joined);
    for (int chunk = 0; chunk < chunks; ++chunk) w.copy_down(chunk, chunk, w.work);
    if (!right) w.work.wait(joined);
  };
  replay(w, 1, pipeline, [](int) {});
  for (int chunk = 0; chunk < chunks; ++chunk) w.collect(chunk, chunk);
  return w.results;
}

/// A graph remembers addresses, not values. Every replay reads the same pinned buffer, which must
/// not be refilled before the replay has read it.
inline std::vector<int> graph_replayed_over_its_input(bool right) {
  workshop w;
  const auto pipeline = [&] {
    w.copy_up(0, 0, w.work);
    w.compute(0, 0, w.work);
    w.copy_down(0, 0, w.work);
  };
  replay(w, chunks, pipeline, [&](int chunk) {
    if (right) w.work.synchronize();
    if (chunk > 0) w.collect(0, chunk - 1);
    w.fill(0, chunk);
  });
  w.collect(0, chunks - 1);
  return w.results;
}

// ---- all of them -------------------------------------------------------------------------------

struct wrong_pipeline {
  const char* name;
  std::vector<int> (*run)(bool right);
  /// Both accesses are the device's, and of device memory: then the tracer names them. What the
  /// host does to its own memory it does not see.
  bool is_traced;
};

inline constexpr wrong_pipeline wrong_pipelines[] = {
    {"no_wait_before_the_kernel", no_wait_before_the_kernel, true},
    {"no_wait_before_the_copy_down", no_wait_before_the_copy_down, true},
    {"device_input_refilled_too_early", device_input_refilled_too_early, true},
    {"device_output_overwritten_too_early", device_output_overwritten_too_early, true},
    {"pinned_input_refilled_too_early", pinned_input_refilled_too_early, false},
    {"pinned_output_read_too_early", pinned_output_read_too_early, false},
    {"synchronizes_the_wrong_stream", synchronizes_the_wrong_stream, false},
    {"freed_in_another_stream", freed_in_another_stream, true},
    {"allocated_in_another_stream", allocated_in_another_stream, true},
    {"default_stream_in_the_middle", default_stream_in_the_middle, true},
    {"memset_taken_for_synchronous", memset_taken_for_synchronous, true},
    {"event_recorded_too_early", event_recorded_too_early, true},
    {"waits_before_the_record", waits_before_the_record, true},
    {"one_event_for_two_lanes", one_event_for_two_lanes, true},
    {"waits_for_the_other_lane", waits_for_the_other_lane, true},
    {"graph_without_an_edge", graph_without_an_edge, true},
    {"graph_replayed_over_its_input", graph_replayed_over_its_input, false},
};

}  // namespace warpladder::caught
