// SPDX-License-Identifier: Apache-2.0
#include "stream.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

#include "errors.hpp"
#include "faults.hpp"
#include "options.hpp"
#include "stream_dice.hpp"
#include "trace/stream_work.hpp"
#include "trace/tracer.hpp"

namespace simt {
namespace {

using clock = std::chrono::steady_clock;

struct capture;

// A point in a stream: its first `count` operations.
struct stream_point {
  std::shared_ptr<CUstream_st> stream;
  std::uint64_t count = 0;
  std::shared_ptr<const trace::stream_clock> covers;  // traced: with all that comes before them
};

struct queued_operation {
  operation op;
  std::vector<stream_point> after;
  std::shared_ptr<trace::stream_work> work;  // traced
};

}  // namespace
}  // namespace simt

struct CUstream_st {
  unsigned flags = 0;
  int priority = 0;
  bool legacy = false;
  bool closing = false;
  bool busy = false;         // its thread has taken an operation from the queue
  std::uint64_t number = 0;  // in the order of creation
  std::uint64_t issued = 0;
  std::uint64_t completed = 0;
  std::deque<simt::queued_operation> queue;
  std::condition_variable work_ready;
  std::shared_ptr<simt::capture> capturing;
  simt::trace::stream_clock reached;  // traced: its operations, and what comes before them

  bool blocking() const { return !(flags & cudaStreamNonBlocking) && !legacy; }
};

namespace simt {
namespace {

struct graph_node {
  operation op;
  std::vector<std::size_t> after;            // earlier nodes
  std::vector<std::uintptr_t> submitted_by;  // traced
};

}  // namespace
}  // namespace simt

struct CUgraph_st {
  std::vector<simt::graph_node> nodes;
};

struct CUgraphExec_st {
  std::shared_ptr<const std::vector<simt::graph_node>> nodes;
};

namespace simt {
namespace {

// Which operations of a capture come before a point: for each stream, how many of its own.
using coverage = std::map<const CUstream_st*, std::uint64_t>;

void merge(coverage& into, const coverage& from) {
  for (const auto& [stream, count] : from) into[stream] = std::max(into[stream], count);
}

// Operations of one or several streams in the order of the calls, which respects every dependency.
struct capture {
  unsigned long long id;
  cudaStreamCaptureMode mode;
  std::thread::id owner;
  std::shared_ptr<CUstream_st> origin;
  std::set<std::shared_ptr<CUstream_st>> members;
  std::vector<graph_node> nodes;
  std::map<const CUstream_st*, std::vector<std::size_t>> recorded;  // nodes of each stream
  std::map<const CUstream_st*, coverage> before;  // what each stream's next operation comes after
  bool invalid = false;

  void record(const CUstream_st* stream, operation op) {
    coverage& covered = before[stream];
    std::vector<std::size_t> after;
    for (const auto& [other, count] : covered) after.push_back(recorded[other][count - 1]);
    recorded[stream].push_back(nodes.size());
    covered[stream] = recorded[stream].size();
    nodes.push_back({std::move(op), std::move(after), trace::call_stack()});
  }
};

struct event_record {
  stream_point point;
  clock::time_point time;
  std::shared_ptr<capture> captured_in;
  coverage captured_after;
};

}  // namespace
}  // namespace simt

struct CUevent_st {
  unsigned flags = 0;
  std::shared_ptr<simt::event_record> last;
};

namespace simt {
namespace {

// What a waiting host thread waits for.
struct demand {
  std::vector<stream_point> points;
  bool only_what_is_needed;  // no other operation is to run meanwhile

  bool is_met() const {
    return std::all_of(points.begin(), points.end(),
                       [](const stream_point& p) { return p.stream->completed >= p.count; });
  }
};

// Every stream has a thread that performs its operations. In the random order it needs a turn for
// each. Turns are given one at a time, and only while a host thread waits or by the dice: then the
// same program has the same order every time. Two clocks keep that from becoming a deadlock.
class engine {
 public:
  engine() { legacy_->legacy = true; }

  // All state of all streams. Operations run without it.
  std::mutex mutex;
  std::condition_variable completed;
  std::map<CUstream_st*, std::shared_ptr<CUstream_st>> streams;
  std::set<CUevent_st*> events;
  std::set<std::shared_ptr<capture>> captures;
  unsigned long long captures_begun = 0;
  std::size_t streams_open = 0;  // without those of cudaStreamPerThread
  std::size_t graphs = 0, executable_graphs = 0;

  // Null for a handle that is not, or no longer, a stream.
  std::shared_ptr<CUstream_st> find(cudaStream_t handle) {
    if (handle == nullptr || handle == cudaStreamLegacy) return started(legacy_);
    if (handle == cudaStreamPerThread) {
      thread_local std::shared_ptr<CUstream_st> mine;
      if (!mine) {
        mine = std::make_shared<CUstream_st>();
        start(mine);
      }
      return mine;
    }
    const auto found = streams.find(handle);
    return found == streams.end() || found->second->closing ? nullptr : found->second;
  }

  void start(const std::shared_ptr<CUstream_st>& stream) {
    stream->number = ++streams_started_;
    if (!stream->legacy) streams[stream.get()] = stream;
    std::thread([this, stream] { serve(stream); }).detach();
  }

  // The mutex is held, here and in all that follows.
  void enqueue(const std::shared_ptr<CUstream_st>& stream, operation op,
               std::vector<stream_point> after = {}) {
    const auto add = [&](const std::shared_ptr<CUstream_st>& other) {
      if (traced || other->issued > other->completed) after.push_back(now_of(other));
    };
    if (stream->legacy) {
      for (const auto& [handle, other] : streams) {
        if (other->blocking()) add(other);
      }
    } else if (stream->blocking()) {
      add(legacy_);
    }
    notice_host();
    ++stream->issued;
    auto work = traced ? work_of(*stream, after) : nullptr;
    stream->queue.push_back({std::move(op), std::move(after), std::move(work)});
    stream->work_ready.notify_one();
  }

  // All that the stream has been given so far.
  stream_point now_of(const std::shared_ptr<CUstream_st>& stream) const {
    if (!traced) return {stream, stream->issued, nullptr};
    return {stream, stream->issued, std::make_shared<const trace::stream_clock>(stream->reached)};
  }

  // A host thread waits.
  void wait(std::unique_lock<std::mutex>& lock, std::vector<stream_point> points) {
    notice_host();
    demand mine{std::move(points), random_ && dice_.only_what_is_needed()};
    demands_.insert(&mine);
    go_on();
    wait_for_operations(lock, [&] { return mine.is_met(); });
    demands_.erase(&mine);
    for (const stream_point& point : mine.points) host_has_seen(point);
  }

  // The same for everything.
  void wait_for_all(std::unique_lock<std::mutex>& lock) {
    const std::uint64_t last = operations_;
    std::vector<stream_point> points;
    for (const auto& [handle, stream] : streams) points.push_back(now_of(stream));
    points.push_back(now_of(legacy_));
    wait(lock, std::move(points));
    if (!traced) return;
    all_before_ = last;
    if (operations_ > last) return;
    host_clock_.clear();
    for (const auto& [handle, stream] : streams) stream->reached.clear();
    legacy_->reached.clear();
  }

  // A host thread has submitted work: some of it may be done before the thread goes on.
  void after_submission(std::unique_lock<std::mutex>& lock) {
    if (random_) perform(lock, dice_.head_start(), nullptr);
  }

  // A host thread asks whether this is done.
  bool is_done(std::unique_lock<std::mutex>& lock, const stream_point& point) {
    notice_host();
    const demand mine{{point}, random_ && dice_.only_what_is_needed()};
    if (random_ && !mine.is_met() && dice_.moves_on()) perform(lock, 1, &mine);
    if (!mine.is_met()) return false;
    host_has_seen(point);
    return true;
  }

  // A capturing blocking stream forbids the use of the legacy stream.
  cudaError_t refuse_legacy() {
    bool refused = false;
    for (const auto& c : captures) {
      for (const auto& member : c->members) {
        if (member->blocking()) refused = c->invalid = true;
      }
    }
    return refused ? cudaErrorStreamCaptureImplicit : cudaSuccess;
  }

  // An order of the nodes that respects their dependencies: that of the capture, or a random one.
  std::vector<std::size_t> order_of(const std::vector<graph_node>& nodes) {
    std::vector<std::size_t> order, ready, missing(nodes.size());
    std::vector<std::vector<std::size_t>> followers(nodes.size());
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      missing[i] = nodes[i].after.size();
      for (const std::size_t before : nodes[i].after) followers[before].push_back(i);
      if (!random_) order.push_back(i);
      if (random_ && missing[i] == 0) ready.push_back(i);
    }
    while (!ready.empty()) {
      std::swap(ready[dice_.below(ready.size())], ready.back());
      order.push_back(ready.back());
      ready.pop_back();
      for (const std::size_t follower : followers[order.back()]) {
        if (--missing[follower] == 0) ready.push_back(follower);
      }
    }
    return order;
  }

 private:
  // Host threads that wait for something other than a stream, such as a flag in mapped memory, must
  // get there: when the host has been silent for so long, the streams go on without being asked.
  static constexpr auto silence = std::chrono::milliseconds(10);
  // An operation that itself waits for the host, or for other streams, gives up its turn.
  static constexpr auto longest_turn = std::chrono::milliseconds(100);

  std::shared_ptr<CUstream_st> started(const std::shared_ptr<CUstream_st>& stream) {
    if (stream->number == 0) start(stream);
    return stream;
  }

  void serve(const std::shared_ptr<CUstream_st>& stream) {
    std::unique_lock lock(mutex);
    for (;;) {
      while (!may_begin(*stream)) {
        if (stream->queue.empty() && stream->closing) return;
        if (stream->queue.empty()) {
          stream->work_ready.wait(lock);
        } else if (stream->work_ready.wait_for(lock, silence) == std::cv_status::timeout) {
          look_at_the_clocks();
        }
      }
      stream->busy = true;
      queued_operation next = std::move(stream->queue.front());
      stream->queue.pop_front();
      for (const stream_point& point : next.after) {
        completed.wait(lock, [&] { return point.stream->completed >= point.count; });
      }
      lock.unlock();
      if (next.op.work && (next.op.run_after_failure || peek_asynchronous_error() == cudaSuccess)) {
        if (traced) trace::perform(next.work);
        const cudaError_t error = next.op.work();
        if (traced) trace::perform(nullptr);
        if (error != cudaSuccess) set_asynchronous_error(error);
      }
      next = {};  // what it owned is released before the operation counts as done
      lock.lock();
      stream->busy = false;
      ++stream->completed;
      if (turn_ == stream.get()) turn_ = nullptr;
      go_on();
      completed.notify_all();
    }
  }

  bool may_begin(const CUstream_st& stream) const {
    return !stream.queue.empty() && (!random_ || turn_ == &stream);
  }

  // ---- the order that the program asks for, for the tracer ----

  std::shared_ptr<trace::stream_work> work_of(CUstream_st& stream,
                                              const std::vector<stream_point>& after) {
    auto work = std::make_shared<trace::stream_work>();
    work->stream = stream.number;
    work->position = stream.issued;
    work->serial = ++operations_;
    work->all_before = all_before_;
    stream.reached.merge(host_clock_);
    for (const stream_point& point : after) {
      if (point.covers) stream.reached.merge(*point.covers);
    }
    work->before = stream.reached;
    work->submitted_by = trace::call_stack();
    stream.reached.reach(stream.number, stream.issued);
    return work;
  }

  // What one host thread has waited for comes before all that any submits from now on: how threads
  // tell each other is not known here.
  void host_has_seen(const stream_point& point) {
    if (point.covers) host_clock_.merge(*point.covers);
  }

  // ---- the random order ----

  // A host thread calls: options may be new, and there is no silence.
  void notice_host() {
    last_call_ = clock::now();
    const std::uint64_t generation = options_generation();
    if (generation == generation_) return;
    generation_ = generation;
    const options wanted = current_options();
    random_ = wanted.streams == stream_order::random;
    dice_.reseed(wanted.stream_seed);
    if (random_) return;
    for (const auto& [handle, stream] : streams) stream->work_ready.notify_one();
    legacy_->work_ready.notify_one();
  }

  bool is_ready(const CUstream_st& stream) const {
    return !stream.busy && !stream.queue.empty() &&
           demand{stream.queue.front().after, false}.is_met();
  }

  // What has to be done for these points: of each stream so many operations.
  std::map<const CUstream_st*, std::uint64_t> needed_for(std::vector<stream_point> points) const {
    std::map<const CUstream_st*, std::uint64_t> needed;
    while (!points.empty()) {
      const stream_point point = points.back();
      points.pop_back();
      std::uint64_t& count = needed[point.stream.get()];
      if (point.count <= count) continue;
      std::uint64_t position = point.stream->completed + point.stream->busy;
      for (const queued_operation& queued : point.stream->queue) {
        if (++position > point.count) break;
        if (position <= count) continue;
        points.insert(points.end(), queued.after.begin(), queued.after.end());
      }
      count = point.count;
    }
    return needed;
  }

  // Streams that can go on, by number; of these only those that are needed.
  std::map<std::uint64_t, CUstream_st*> ready_streams(
      const std::map<const CUstream_st*, std::uint64_t>* needed) const {
    std::map<std::uint64_t, CUstream_st*> ready;
    const auto consider = [&](CUstream_st* stream) {
      if (!is_ready(*stream)) return;
      if (needed != nullptr) {
        const auto found = needed->find(stream);
        if (found == needed->end() || found->second <= stream->completed) return;
      }
      ready[stream->number] = stream;
    };
    for (const auto& [handle, stream] : streams) consider(handle);
    consider(legacy_.get());
    return ready;
  }

  // Gives the turn to one of the streams that can go on, if there are any.
  bool give_turn_for(const demand* waiting) {
    std::map<std::uint64_t, CUstream_st*> ready;
    if (waiting != nullptr && waiting->only_what_is_needed) {
      const auto needed = needed_for(waiting->points);
      ready = ready_streams(&needed);
    }
    // What is needed may itself wait, for the host or for other streams: then any will do.
    if (ready.empty()) ready = ready_streams(nullptr);
    if (ready.empty()) return false;
    std::vector<std::uint64_t> numbers;
    for (const auto& [number, stream] : ready) numbers.push_back(number);
    turn_ = ready[dice_.choose(numbers)];
    turn_since_ = clock::now();
    turn_->work_ready.notify_one();
    return true;
  }

  // For the threads that wait, or if the host is silent.
  void go_on() {
    if (!random_ || turn_ != nullptr) return;
    for (const demand* each : demands_) {
      if (!each->is_met() && give_turn_for(each)) return;
    }
    if (hosts_inside_ == 0 && clock::now() - last_call_ > silence) give_turn_for(nullptr);
  }

  // Performs up to `count` operations, as far as there are any that can be.
  void perform(std::unique_lock<std::mutex>& lock, std::size_t count, const demand* asked) {
    for (; count > 0; --count) {
      wait_for_operations(lock, [&] { return turn_ == nullptr; });
      if (!random_ || !give_turn_for(asked)) return;
    }
    wait_for_operations(lock, [&] { return turn_ == nullptr; });
  }

  template <class Condition>
  void wait_for_operations(std::unique_lock<std::mutex>& lock, const Condition& condition) {
    ++hosts_inside_;
    while (!condition()) {
      if (!random_) {
        completed.wait(lock);
      } else if (completed.wait_for(lock, silence) == std::cv_status::timeout) {
        look_at_the_clocks();
      }
    }
    --hosts_inside_;
    last_call_ = clock::now();
  }

  void look_at_the_clocks() {
    if (turn_ != nullptr && clock::now() - turn_since_ > longest_turn) {
      turn_ = nullptr;
      completed.notify_all();
    }
    go_on();
  }

  std::shared_ptr<CUstream_st> legacy_ = std::make_shared<CUstream_st>();
  std::uint64_t streams_started_ = 0;

  trace::stream_clock host_clock_;
  std::uint64_t operations_ = 0, all_before_ = 0;

  std::uint64_t generation_ = 0;  // of the options
  bool random_ = false;
  stream_dice dice_;
  CUstream_st* turn_ = nullptr;
  clock::time_point turn_since_, last_call_;
  int hosts_inside_ = 0;  // host threads that wait for operations
  std::set<const demand*> demands_;
};

// Never destroyed: stream threads may still wait in it while the process ends.
engine& the_engine() {
  static engine& instance = *new engine;
  return instance;
}

// The mutex is held.
cudaError_t submit_locked(engine& e, const std::shared_ptr<CUstream_st>& stream, operation op) {
  if (!stream) return cudaErrorInvalidResourceHandle;
  if (const auto& c = stream->capturing) {
    if (c->invalid) return cudaErrorStreamCaptureInvalidated;
    c->record(stream.get(), std::move(op));
    return cudaSuccess;
  }
  if (stream->legacy) {
    if (const cudaError_t refused = e.refuse_legacy()) return refused;
  }
  e.enqueue(stream, std::move(op));
  return cudaSuccess;
}

// Calls that must not be made on a capturing stream end the capture.
cudaError_t refuse_capturing(const CUstream_st& stream) {
  if (!stream.capturing) return cudaSuccess;
  stream.capturing->invalid = true;
  return cudaErrorStreamCaptureUnsupported;
}

// What cudaThreadExchangeStreamCaptureMode has set: whose captures the thread's calls respect.
thread_local cudaStreamCaptureMode unsafe_calls = cudaStreamCaptureModeGlobal;

cudaError_t refuse_during_capture_locked(engine& e, bool uses_legacy_stream) {
  if (uses_legacy_stream) {
    if (const cudaError_t refused = e.refuse_legacy()) return refused;
  }
  bool refused = false;
  for (const auto& c : e.captures) {
    const bool forbids =
        c->owner == std::this_thread::get_id()
            ? c->mode != cudaStreamCaptureModeRelaxed
            : c->mode == cudaStreamCaptureModeGlobal && unsafe_calls == cudaStreamCaptureModeGlobal;
    if (forbids && unsafe_calls != cudaStreamCaptureModeRelaxed) refused = c->invalid = true;
  }
  return refused ? cudaErrorStreamCaptureUnsupported : cudaSuccess;
}

void end_capture(engine& e, const std::shared_ptr<capture>& c) {
  for (const auto& member : c->members) member->capturing = nullptr;
  e.captures.erase(c);
}

}  // namespace

namespace {

// Traced: what the nodes of a launched graph are among the operations of all streams.
std::vector<std::shared_ptr<trace::stream_work>> works_of(
    const std::vector<graph_node>& nodes, const std::shared_ptr<trace::stream_work>& launch) {
  std::vector<std::shared_ptr<trace::stream_work>> works;
  if (!traced || launch == nullptr) return works;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    auto work = std::make_shared<trace::stream_work>(*launch);
    work->node = i;
    work->submitted_by = nodes[i].submitted_by;
    for (const std::size_t before : nodes[i].after) {
      work->nodes_before.insert(before);
      work->nodes_before.insert(works[before]->nodes_before.begin(),
                                works[before]->nodes_before.end());
    }
    works.push_back(std::move(work));
  }
  return works;
}

}  // namespace

cudaError_t submit(cudaStream_t handle, operation op) {
  engine& e = the_engine();
  std::unique_lock lock(e.mutex);
  const cudaError_t error = submit_locked(e, e.find(handle), std::move(op));
  if (error == cudaSuccess) e.after_submission(lock);
  return error;
}

cudaError_t drain(cudaStream_t handle) {
  engine& e = the_engine();
  std::unique_lock lock(e.mutex);
  const auto stream = e.find(handle);
  if (!stream) return cudaErrorInvalidResourceHandle;
  if (const cudaError_t refused = refuse_capturing(*stream)) return refused;
  if (const cudaError_t refused = refuse_during_capture_locked(e, stream->legacy)) return refused;
  if (stream->legacy) {
    // The legacy stream is done when the blocking streams are: an empty operation waits for both.
    e.enqueue(stream, {});
  }
  e.wait(lock, {e.now_of(stream)});
  return take_asynchronous_error();
}

cudaError_t drain_all() {
  engine& e = the_engine();
  std::unique_lock lock(e.mutex);
  if (const cudaError_t refused = refuse_during_capture_locked(e, false)) return refused;
  e.wait_for_all(lock);
  return take_asynchronous_error();
}

bool is_capturing(cudaStream_t handle) {
  engine& e = the_engine();
  std::lock_guard lock(e.mutex);
  const auto stream = e.find(handle);
  return stream && stream->capturing;
}

void count_handles(object_counts& counts) {
  engine& e = the_engine();
  std::lock_guard lock(e.mutex);
  counts.streams = e.streams_open;
  counts.events = e.events.size();
  counts.graphs = e.graphs;
  counts.executable_graphs = e.executable_graphs;
}

cudaError_t refuse_during_capture(bool uses_legacy_stream) {
  engine& e = the_engine();
  std::lock_guard lock(e.mutex);
  return refuse_during_capture_locked(e, uses_legacy_stream);
}

}  // namespace simt

using simt::noted;
using simt::refuse_capturing;
using simt::the_engine;

// ---- streams -----------------------------------------------------------------------------------

cudaError_t cudaStreamCreate(cudaStream_t* stream) {
  return cudaStreamCreateWithFlags(stream, cudaStreamDefault);
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  return cudaStreamCreateWithPriority(stream, flags, 0);
}

// Priorities are remembered, but all streams have the same claim to the CPU.
constexpr int greatest_priority = -5, least_priority = 0;

cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned flags, int priority) {
  if (stream == nullptr || (flags & ~cudaStreamNonBlocking)) return noted(cudaErrorInvalidValue);
  if (const cudaError_t failure = simt::next_failure(simt::fault::stream_creation)) {
    return noted(failure);
  }
  auto& e = the_engine();
  std::lock_guard lock(e.mutex);
  auto made = std::make_shared<CUstream_st>();
  made->flags = flags;
  made->priority = std::clamp(priority, greatest_priority, least_priority);
  ++e.streams_open;
  e.start(made);
  *stream = made.get();
  return cudaSuccess;
}

cudaError_t cudaDeviceGetStreamPriorityRange(int* least, int* greatest) {
  if (least != nullptr) *least = least_priority;
  if (greatest != nullptr) *greatest = greatest_priority;
  return cudaSuccess;
}

cudaError_t cudaStreamGetPriority(cudaStream_t handle, int* priority) {
  auto& e = the_engine();
  std::lock_guard lock(e.mutex);
  const auto stream = e.find(handle);
  if (!stream) return noted(cudaErrorInvalidResourceHandle);
  if (priority == nullptr) return noted(cudaErrorInvalidValue);
  *priority = stream->priority;
  return cudaSuccess;
}

cudaError_t cudaStreamGetFlags(cudaStream_t handle, unsigned* flags) {
  auto& e = the_engine();
  std::lock_guard lock(e.mutex);
  const auto stream = e.find(handle);
  if (!stream) return noted(cudaErrorInvalidResourceHandle);
  *flags = stream->flags;
  return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t handle) {
  auto& e = the_engine();
  std::lock_guard lock(e.mutex);
  const auto found = e.streams.find(handle);
  if (found == e.streams.end()) return noted(cudaErrorInvalidResourceHandle);
  if (const auto captured = found->second->capturing) {
    captured->invalid = true;
    if (captured->origin == found->second) end_capture(e, captured);
  }
  --e.streams_open;
  found->second->closing = true;  // its thread ends once the queue is empty
  found->second->work_ready.notify_one();
  // Unfinished work still counts for the legacy stream's ordering and for cudaDeviceSynchronize.
  if (found->second->issued > found->second->completed) {
    e.enqueue(found->second, {[&e, handle] {
                                std::lock_guard inner(e.mutex);
                                e.streams.erase(handle);
                                return cudaSuccess;
                              },
                              true});
  } else {
    e.streams.erase(found);
  }
  return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  return noted(simt::drain(stream));
}

cudaError_t cudaStreamQuery(cudaStream_t handle) {
  auto& e = the_engine();
  std::unique_lock lock(e.mutex);
  const auto stream = e.find(handle);
  if (!stream) return noted(cudaErrorInvalidResourceHandle);
  if (const cudaError_t refused = refuse_capturing(*stream)) return noted(refused);
  if (const cudaError_t refused = simt::refuse_during_capture_locked(e, stream->legacy)) {
    return noted(refused);
  }
  if (!e.is_done(lock, e.now_of(stream))) return cudaErrorNotReady;
  return noted(simt::take_asynchronous_error());
}

cudaError_t cudaDeviceSynchronize() {
  return noted(simt::drain_all());
}

cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void* user_data) {
  if (function == nullptr) return noted(cudaErrorInvalidValue);
  return noted(simt::submit(stream, {[=] {
                                       function(user_data);
                                       return cudaSuccess;
                                     },
                                     true}));
}

// ---- events ------------------------------------------------------------------------------------

cudaError_t cudaEventCreate(cudaEvent_t* event) {
  return cudaEventCreateWithFlags(event, 0);
}
cudaError_t cudaEventCreate(cudaEvent_t* event, unsigned flags) {
  return cudaEventCreateWithFlags(event, flags);
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  if (event == nullptr || flags > 7) return noted(cudaErrorInvalidValue);
  if (const cudaError_t failure = simt::next_failure(simt::fault::event_creation)) {
    return noted(failure);
  }
  auto& e = the_engine();
  std::lock_guard lock(e.mutex);
  *event = new CUevent_st{flags, nullptr};
  e.events.insert(*event);
  return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  auto& e = the_engine();
  std::lock_guard lock(e.mutex);
  if (e.events.erase(event) == 0) return noted(cudaErrorInvalidResourceHandle);
  delete event;
  return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t handle) {
  auto& e = the_engine();
  std::lock_guard lock(e.mutex);
  const auto stream = e.find(handle);
  if (!stream || !e.events.contains(event)) return noted(cudaErrorInvalidResourceHandle);
  auto record = std::make_shared<simt::event_record>();
  if (const auto& c = stream->capturing) {
    if (c->invalid) return noted(cudaErrorStreamCaptureInvalidated);
    record->captured_in = c;
    record->captured_after = c->before[stream.get()];
  } else {
    const cudaError_t error = submit_locked(e, stream,
                                            {[record] {
                                               record->time = simt::clock::now();
                                               return cudaSuccess;
                                             },
                                             true});
    if (error != cudaSuccess) return noted(error);
    record->point = e.now_of(stream);
  }
  event->last = record;
  return cudaSuccess;
}

cudaError_t cudaEventRecordWithFlags(cudaEvent_t event, cudaStream_t stream, unsigned flags) {
  // An event node of a graph, which the other flag asks for, is not known here.
  if (flags != cudaEventRecordDefault) return noted(cudaErrorNotSupported);
  return cudaEventRecord(event, stream);
}

cudaError_t cudaStreamWaitEvent(cudaStream_t handle, cudaEvent_t event, unsigned flags) {
  if (flags != cudaEventWaitDefault) return noted(cudaErrorNotSupported);
  auto& e = the_engine();
  std::lock_guard lock(e.mutex);
  const auto stream = e.find(handle);
  if (!stream || !e.events.contains(event)) return noted(cudaErrorInvalidResourceHandle);
  const auto record = event->last;
  if (!record) return cudaSuccess;
  if (const auto& from = record->captured_in) {
    // Waiting for a captured event draws the stream into that capture.
    if (from->invalid) return noted(cudaErrorStreamCaptureInvalidated);
    if (!e.captures.contains(from)) return noted(cudaErrorCapturedEvent);
    if (stream->capturing && stream->capturing != from) {
      stream->capturing->invalid = from->invalid = true;
      return noted(cudaErrorStreamCaptureMerge);
    }
    if (stream->legacy) {
      from->invalid = true;
      return noted(cudaErrorStreamCaptureImplicit);
    }
    stream->capturing = from;
    from->members.insert(stream);
    simt::merge(from->before[stream.get()], record->captured_after);
    return cudaSuccess;
  }
  if (const auto& c = stream->capturing) {
    if (c->invalid) return noted(cudaErrorStreamCaptureInvalidated);
    c->invalid = true;
    return noted(cudaErrorStreamCaptureIsolation);
  }
  if (stream->legacy) {
    if (const cudaError_t refused = e.refuse_legacy()) return noted(refused);
  }
  e.enqueue(stream, {}, {record->point});
  return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  auto& e = the_engine();
  std::unique_lock lock(e.mutex);
  if (!e.events.contains(event)) return noted(cudaErrorInvalidResourceHandle);
  const auto record = event->last;
  if (!record) return cudaSuccess;
  if (record->captured_in) {
    record->captured_in->invalid = true;
    return noted(cudaErrorCapturedEvent);
  }
  if (const cudaError_t refused = simt::refuse_during_capture_locked(e, false)) {
    return noted(refused);
  }
  e.wait(lock, {record->point});
  return noted(simt::take_asynchronous_error());
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
  auto& e = the_engine();
  std::unique_lock lock(e.mutex);
  if (!e.events.contains(event)) return noted(cudaErrorInvalidResourceHandle);
  const auto record = event->last;
  if (!record) return cudaSuccess;
  if (record->captured_in) {
    record->captured_in->invalid = true;
    return noted(cudaErrorCapturedEvent);
  }
  if (const cudaError_t refused = simt::refuse_during_capture_locked(e, false)) {
    return noted(refused);
  }
  if (!e.is_done(lock, record->point)) return cudaErrorNotReady;
  return noted(simt::take_asynchronous_error());
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t stop) {
  auto& e = the_engine();
  std::lock_guard lock(e.mutex);
  if (milliseconds == nullptr) return noted(cudaErrorInvalidValue);
  for (cudaEvent_t event : {start, stop}) {
    if (!e.events.contains(event) || (event->flags & cudaEventDisableTiming) || !event->last) {
      return noted(cudaErrorInvalidResourceHandle);
    }
    if (event->last->captured_in) return noted(cudaErrorCapturedEvent);
    const auto& point = event->last->point;
    if (point.stream->completed < point.count) return cudaErrorNotReady;
  }
  *milliseconds =
      std::chrono::duration<float, std::milli>(stop->last->time - start->last->time).count();
  return cudaSuccess;
}

// ---- capture and graphs ------------------------------------------------------------------------

cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode* mode) {
  if (mode == nullptr || *mode < cudaStreamCaptureModeGlobal ||
      *mode > cudaStreamCaptureModeRelaxed) {
    return noted(cudaErrorInvalidValue);
  }
  std::swap(*mode, simt::unsafe_calls);
  return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t handle, cudaStreamCaptureMode mode) {
  auto& e = the_engine();
  std::lock_guard lock(e.mutex);
  const auto stream = e.find(handle);
  if (!stream) return noted(cudaErrorInvalidResourceHandle);
  if (stream->legacy) return noted(cudaErrorStreamCaptureUnsupported);
  if (stream->capturing) return noted(cudaErrorIllegalState);
  auto made = std::make_shared<simt::capture>();
  made->id = ++e.captures_begun;
  made->mode = mode;
  made->owner = std::this_thread::get_id();
  made->origin = stream;
  made->members.insert(stream);
  stream->capturing = made;
  e.captures.insert(made);
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t handle, cudaGraph_t* graph) {
  auto& e = the_engine();
  std::lock_guard lock(e.mutex);
  const auto stream = e.find(handle);
  if (!stream) return noted(cudaErrorInvalidResourceHandle);
  if (graph == nullptr) return noted(cudaErrorInvalidValue);
  *graph = nullptr;
  const auto c = stream->capturing;
  if (!c) return noted(cudaErrorIllegalState);
  if (c->mode != cudaStreamCaptureModeRelaxed && c->owner != std::this_thread::get_id()) {
    return noted(cudaErrorStreamCaptureWrongThread);
  }
  if (c->origin != stream) {
    c->invalid = true;
    return noted(cudaErrorStreamCaptureUnmatched);
  }
  end_capture(e, c);
  if (c->invalid) return noted(cudaErrorStreamCaptureInvalidated);
  const simt::coverage& joined = c->before[stream.get()];
  for (const auto& [member, nodes] : c->recorded) {
    const auto found = joined.find(member);
    if (found == joined.end() || found->second < nodes.size()) {
      return noted(cudaErrorStreamCaptureUnjoined);
    }
  }
  *graph = new CUgraph_st{std::move(c->nodes)};
  ++e.graphs;
  return cudaSuccess;
}

cudaError_t cudaStreamIsCapturing(cudaStream_t handle, cudaStreamCaptureStatus* status) {
  return cudaStreamGetCaptureInfo(handle, status, nullptr);
}

cudaError_t cudaStreamGetCaptureInfo(cudaStream_t handle, cudaStreamCaptureStatus* status,
                                     unsigned long long* id) {
  auto& e = the_engine();
  std::lock_guard lock(e.mutex);
  const auto stream = e.find(handle);
  if (!stream) return noted(cudaErrorInvalidResourceHandle);
  if (stream->legacy) {
    if (const cudaError_t refused = e.refuse_legacy()) return noted(refused);
  }
  *status = !stream->capturing           ? cudaStreamCaptureStatusNone
            : stream->capturing->invalid ? cudaStreamCaptureStatusInvalidated
                                         : cudaStreamCaptureStatusActive;
  if (id != nullptr && *status == cudaStreamCaptureStatusActive) *id = stream->capturing->id;
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph,
                                 unsigned long long) {
  if (executable == nullptr || graph == nullptr) return noted(cudaErrorInvalidValue);
  *executable = new CUgraphExec_st{std::make_shared<std::vector<simt::graph_node>>(graph->nodes)};
  auto& e = the_engine();
  std::lock_guard lock(e.mutex);
  ++e.executable_graphs;
  return cudaSuccess;
}

cudaError_t cudaGraphUpload(cudaGraphExec_t executable, cudaStream_t stream) {
  if (executable == nullptr) return noted(cudaErrorInvalidValue);
  return noted(simt::submit(stream, {}));
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  if (executable == nullptr) return noted(cudaErrorInvalidValue);
  const auto run = [nodes = executable->nodes] {
    auto& e = the_engine();
    std::unique_lock lock(e.mutex);
    const std::vector<std::size_t> order = e.order_of(*nodes);
    lock.unlock();
    const auto works = simt::works_of(*nodes, simt::trace::performed_now());
    for (const std::size_t i : order) {
      const simt::operation& op = (*nodes)[i].op;
      if (!works.empty()) simt::trace::perform(works[i]);
      const cudaError_t error = op.work ? op.work() : cudaSuccess;
      if (error != cudaSuccess) return error;
    }
    return cudaSuccess;
  };
  return noted(simt::submit(stream, {run}));
}

cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t* nodes, size_t* count) {
  if (graph == nullptr || count == nullptr) return noted(cudaErrorInvalidValue);
  if (nodes != nullptr) return noted(cudaErrorNotSupported);  // only their number is known here
  *count = graph->nodes.size();
  return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  if (executable == nullptr) return noted(cudaErrorInvalidValue);
  delete executable;
  auto& e = the_engine();
  std::lock_guard lock(e.mutex);
  --e.executable_graphs;
  return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  if (graph == nullptr) return noted(cudaErrorInvalidValue);
  delete graph;
  auto& e = the_engine();
  std::lock_guard lock(e.mutex);
  --e.graphs;
  return cudaSuccess;
}
