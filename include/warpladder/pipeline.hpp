// SPDX-License-Identifier: Apache-2.0
//
// The front door of pipelines: a stream of bytes that is too long, too slow or too endless to be
// copied to the device, computed on and copied back in one go. run() cuts it into chunks and keeps
// both copy engines and the multiprocessors busy at the same time:
//
//   source -> [pinned] -> copy in -> [device] -> stages -> [device] -> copy out -> [pinned] -> sink
//
// How. One stream per engine, two in turn for stages that do not mind, and a ring of slots, each
// with the memory of one chunk. Two events per chunk order the streams; a third tells the host that
// the output has arrived. The host asks for chunk k when chunk k - slots has been delivered: this
// one rule frees the memory, and it is the back-pressure. No callbacks, no default stream, no
// allocation while it runs.
//
// Threads. The source and the stages are called by the thread that called run(). A sink that takes
// chunks has a second thread: a source and a sink that each move 10 GB/s by themselves (a memcpy by
// one core) would move 5 GB/s by turns, and reading a file does not wait for writing one. A sink
// that only gives a place needs no thread, as nobody has to be called when a chunk arrives.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/capture.hpp>
#include <warpladder/core/event.hpp>
#include <warpladder/core/stream.hpp>
#include <warpladder/pipeline_advisor.hpp>

namespace warpladder::pipeline {

// ---- What the user says -------------------------------------------------------------------------

/// One piece of the input on its way, and of the output that it becomes.
struct chunk {
  std::size_t index = 0;                ///< 0, 1, 2, ...
  std::uint64_t first_byte = 0;         ///< where it begins in all that the source gives
  std::size_t bytes = 0;                ///< of input; 0 while the source is being asked for it
  std::uint64_t first_output_byte = 0;  ///< where its output begins in all that the sink gets
  std::size_t output_bytes = 0;
};

/// Bytes as elements of type T; a rest that fills no element is left out.
template <class T>
std::span<const T> as(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
}
template <class T>
std::span<T> as(std::span<std::byte> bytes) {
  return {reinterpret_cast<T*>(bytes.data()), bytes.size() / sizeof(T)};
}

/// Work on the device, chunk by chunk in order.
struct stage {
  /// What errors call it.
  std::string name;
  /// Enqueues the work of one chunk on the stream given, and nowhere else; returns what the launch
  /// returned, or throws. `in` and `out` are device memory aligned to 256 bytes. Called by the
  /// thread that called run(), for one chunk after the other. On the device, too, chunks pass the
  /// stage one after the other, unless all stages are independent: it may keep device memory of its
  /// own, such as a running sum or scratch.
  std::function<cudaError_t(std::span<const std::byte> in, std::span<std::byte> out, const chunk&,
                            stream_view)>
      enqueue;
  /// Bytes that leave for so many that enter, known without looking at them, and never fewer for
  /// more. Empty: as many as enter.
  std::function<std::size_t(std::size_t)> output_bytes = {};
  /// Works in the memory of its input, so that `out` is `in`: less memory, and as many bytes.
  bool in_place = false;
  /// What it does with a chunk touches nothing but `in` and `out` (and what nobody writes): so it
  /// may run while it does the same with the next chunk. If all stages say so, the kernels of two
  /// chunks overlap on the device, and none waits for the last block of the one before; worth it
  /// where kernels take longer than copies. Whether they do overlap is up to the device. The stages
  /// of one chunk follow each other, and the sink gets chunks in order, as ever.
  /// False unless said: a stage with scratch of its own would be wrong only now and then.
  bool independent = false;
};

/// Where chunks come from: one of three ways, called by the thread that called run() for chunk
/// after chunk, until it gives nothing.
struct source {
  /// Writes the next bytes into pinned memory; returns how many. Fewer than the slot holds are
  /// fine.
  std::function<std::size_t(std::span<std::byte> slot, const chunk&)> fill = {};
  /// Says where the next bytes are, at most so many: no copy by the CPU. They must stay as they are
  /// until the sink has the chunk; at the latest when `slots` chunks later are asked for. Memory
  /// that is not pinned is right too, but copied by the driver, with nothing beside it.
  std::function<std::span<const std::byte>(std::size_t at_most, const chunk&)> lend = {};
  /// Enqueues on the stream given what brings the next bytes into device memory, by any engine;
  /// returns how many.
  std::function<std::size_t(std::span<std::byte> device, const chunk&, stream_view)> feed = {};
  /// For progress and the choice of chunks; 0: not known.
  std::uint64_t total_bytes = 0;
};

/// Where chunks go, in order: taken, put in their place, both of these, or fetched.
struct sink {
  /// Gets the output of a chunk, in pinned memory that is its own until it returns. Called by a
  /// second thread that lives as long as run().
  std::function<void(std::span<const std::byte> output, const chunk&)> take = {};
  /// Says where the output of a chunk shall go: pinned memory of at least so many bytes, without a
  /// copy by the CPU. Called by the thread that called run(), before the chunk's work is enqueued.
  /// With `take` too, that gets the memory when the bytes are there.
  std::function<std::span<std::byte>(std::size_t bytes, const chunk&)> place = {};
  /// Brings the output of a chunk to wherever it shall be, by work on the stream given, which waits
  /// for the stages; the device memory is its own until that is done. Called by the second thread.
  std::function<void(std::span<const std::byte> device, const chunk&, stream_view)> fetch = {};

  bool has_thread() const { return take || fetch; }
};

/// How far a run has come: what the sink has.
struct progress {
  std::size_t chunks = 0;
  std::uint64_t bytes = 0;        ///< of input
  std::uint64_t total_bytes = 0;  ///< what the source said; 0: not known
  double seconds = 0;             ///< since run() was called
};

struct options {
  /// Largest chunk, in bytes of input, a multiple of `granularity`; 0: what advise() says.
  std::size_t chunk_bytes = 0;
  /// Chunks on their way at most; 0: what advise() says.
  std::size_t slots = 0;
  /// What must not be cut, in bytes: a frame, a record. The default suits all arithmetic types.
  std::size_t granularity = 256;
  /// What advise() works with. The input in all, 0: from the source, or else 1 GiB...
  std::uint64_t total_bytes = 0;
  /// ...the bytes of device memory that it may spend, and at most as many of pinned memory again...
  std::size_t memory_bytes = std::size_t{256} << 20;
  /// ...and the engines, by default those of an H100 on PCIe 5 with a kernel that takes no time.
  /// The best chunk depends on the root of a rate, so measure_rates() is for the last percents.
  engine_rates rates = {
      .h2d_bytes_per_second = 55e9, .d2h_bytes_per_second = 55e9, .both_bytes_per_second = 84e9};
  /// Of the streams, as cudaStreamCreateWithPriority wants it: lower goes first.
  int priority = 0;
  /// Called by the thread that called run(), between chunks, at most once in `progress_every` and
  /// once at the end.
  std::function<void(const progress&)> on_progress = {};
  std::chrono::milliseconds progress_every{100};
  /// Cancels: no chunk is asked for any more, and those on their way still arrive.
  std::stop_token stop = {};
};

enum class outcome { done, cancelled };

/// What a run did. Cancelled or not, the sink has every byte that the source gave.
struct summary {
  std::size_t chunks = 0;
  std::uint64_t bytes_in = 0, bytes_out = 0;
  double seconds = 0;
  outcome end = outcome::done;
};

/// A source, a stage, a sink or the device failed. The sink has the chunks before delivered(), all
/// of each of them, and of the others nothing but places, which may hold anything. Nested in it
/// (std::rethrow_if_nested) is what was thrown; what() has both.
class failed : public std::runtime_error {
 public:
  failed(const std::string& where, const chunk& at, std::size_t delivered, const std::string& why)
      : std::runtime_error("pipeline: " + where + " failed at chunk " + std::to_string(at.index) +
                           " (from input byte " + std::to_string(at.first_byte) + "): " + why),
        where_(where),
        at_(at),
        delivered_(delivered) {}

  /// "source", "sink", "progress", the name of a stage; "copy in" or "copy out" for a copy that was
  /// refused; "device" for what was accepted and went wrong while it ran: at() is then the first
  /// chunk that did not arrive.
  const std::string& where() const noexcept { return where_; }
  const chunk& at() const noexcept { return at_; }
  std::size_t delivered() const noexcept { return delivered_; }

 private:
  std::string where_;
  chunk at_;
  std::size_t delivered_;
};

// ---- The machine --------------------------------------------------------------------------------

/// What one chunk needs, `slots` times, with four streams: everything that is allocated. For one
/// run after the other; two at the same time need two runners.
class runner {
 public:
  /// Which of the pinned memory there is: a source that lends and a sink that has places need none.
  struct pinned_slots {
    bool input = true, output = true;
  };

  /// Allocates on the current device: per slot, a chunk of input and one of output on the device,
  /// and in pinned memory what `pinned` says; once, or twice if all stages are independent, what
  /// lies between two stages. Throws
  /// std::invalid_argument for options that make no sense, and cuda_error.
  runner(std::vector<stage> stages, const options& how, pinned_slots pinned);
  runner(std::vector<stage> stages, const options& how)
      : runner(std::move(stages), how, pinned_slots{}) {}
  runner(const runner&) = delete;
  runner& operator=(const runner&) = delete;

  /// Runs all of `from` through the stages into `to`; returns when the sink has the last chunk. The
  /// device's work starts after what `around` holds already, and has ended when run() returns or
  /// throws: what is enqueued there afterwards finds it done.
  /// Throws `failed` for errors on the way. Before the source has been asked:
  /// std::invalid_argument, cuda_error, and std::system_error if there is no thread for the sink.
  /// Then, too, the streams are idle, and this runner and `around` can be used.
  summary run(const source& from, const sink& to, stream_view around) {
    return run(from, to, around, options_.stop);
  }
  summary run(const source& from, const sink& to, stream_view around, std::stop_token stop);

  /// What is used: the options', or the advisor's choice.
  std::size_t chunk_bytes() const noexcept { return capacity_.front(); }
  std::size_t slots() const noexcept { return slots_.size(); }

 private:
  using clock = std::chrono::steady_clock;

  /// Where the stages of every second chunk run, or of all.
  struct lane {
    stream compute;
    // What stage i leaves to the next, if not in the slot's out.
    std::vector<device_buffer<std::byte>> between;
  };
  struct slot {
    pinned_buffer<std::byte> pinned_in, pinned_out;
    device_buffer<std::byte> in, out;
    event copied_in, computed;
    event copied_out{event::timing::off, event::host_wait::sleeps};
    chunk what;
    std::span<std::byte> output;  // of what is in it now; on the host, unless it is fetched
  };
  struct fault {
    std::string where;
    chunk at;
    std::exception_ptr what;
  };

  void check(const source& from, const sink& to, stream_view around) const;
  bool submit(const source& from, const sink& to, std::string& where);
  bool submit_all(const source& from, const sink& to, const std::stop_token& stop);
  bool wait_for_slot(std::size_t index, const sink& to);
  bool deliver(std::size_t index, const sink& to);
  void deliver_on_this_thread(const sink& to);
  void deliver_on_sink_thread(const sink& to);
  void wait_for_the_sink();
  void report(bool at_any_rate = false);
  void fail(std::string where, const chunk& at);
  [[noreturn]] void rethrow() const;
  slot& slot_of(std::size_t index) { return slots_[index % slots_.size()]; }
  const lane& lane_of(std::size_t index) const { return lanes_[index % lanes_.size()]; }

  std::vector<stage> stages_;
  options options_;
  pinned_slots pinned_;
  int device_ = 0;
  stream copy_in_, copy_out_;
  event begun_;
  std::vector<std::size_t> capacity_;  // bytes that enter stage i at most; and that leave
  std::vector<lane> lanes_;
  std::vector<slot> slots_;

  // Of the run that is going on. The thread that runs writes these...
  clock::time_point start_, next_report_;
  std::uint64_t total_bytes_ = 0;
  chunk next_;
  // ...and shares these with the sink's thread.
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t submitted_ = 0;
  summary delivered_;
  bool ended_ = false;  // nothing will be submitted any more
  std::optional<fault> fault_;
};

/// A runner for one run: everything is allocated, used once and freed. Allocating costs
/// milliseconds, most of them for pinned memory; who runs often keeps a runner.
inline summary run(std::vector<stage> stages, const source& from, const sink& to,
                   stream_view around, options how = {}) {
  if (how.total_bytes == 0) how.total_bytes = from.total_bytes;
  return runner(std::move(stages), how,
                {.input = bool(from.fill), .output = !to.place && !to.fetch})
      .run(from, to, around);
}

// ---- Memory as source and sink ------------------------------------------------------------------

namespace detail {

inline bool is_pinned(const void* pointer) {
  if (pointer == nullptr) return false;
  cudaPointerAttributes attributes{};
  WARPLADDER_TRY(cudaPointerGetAttributes(&attributes, pointer));
  return attributes.type == cudaMemoryTypeHost;
}

/// What of an array is a chunk's input, and where in one its output belongs.
inline std::span<const std::byte> piece_of(std::span<const std::byte> all, std::size_t at_most,
                                           const chunk& c) {
  return all.subspan(c.first_byte, std::min<std::size_t>(at_most, all.size() - c.first_byte));
}
inline std::span<std::byte> place_in(std::span<std::byte> all, std::size_t bytes, const chunk& c) {
  if (c.first_output_byte + bytes > all.size())
    throw std::length_error("the output does not fit into the " + std::to_string(all.size()) +
                            " bytes given for it");
  return all.subspan(c.first_output_byte, bytes);
}

}  // namespace detail

/// All of an array: in place if it is pinned, else copied into the slots by the calling thread.
template <class Array>
source from_memory(const Array& all) {
  const std::span<const std::byte> bytes = std::as_bytes(std::span(all));
  source made{.total_bytes = bytes.size()};
  if (detail::is_pinned(bytes.data())) {
    made.lend = [bytes](std::size_t at_most, const chunk& c) {
      return detail::piece_of(bytes, at_most, c);
    };
  } else {
    made.fill = [bytes](std::span<std::byte> slot, const chunk& c) {
      const std::span<const std::byte> next = detail::piece_of(bytes, slot.size(), c);
      std::ranges::copy(next, slot.begin());
      return next.size();
    };
  }
  return made;
}

/// Into an array, from its beginning: in place if it is pinned, else copied out of the slots by the
/// sink's thread. More output than fits is an error.
template <class Array>
sink to_memory(Array&& all) {
  const std::span<std::byte> bytes = std::as_writable_bytes(std::span(all));
  if (detail::is_pinned(bytes.data()))
    return {.place = [bytes](std::size_t wanted, const chunk& c) {
      return detail::place_in(bytes, wanted, c);
    }};
  return {.take = [bytes](std::span<const std::byte> output, const chunk& c) {
    std::ranges::copy(output, detail::place_in(bytes, output.size(), c).begin());
  }};
}

/// All of an array in pageable memory, as the threads of a transfer::copier bring it to the device.
template <class Array, class Copier>
source from_memory(const Array& all, Copier& through) {
  const std::span<const std::byte> bytes = std::as_bytes(std::span(all));
  return {.feed =
              [bytes, &through](std::span<std::byte> device, const chunk& c, stream_view on) {
                const std::span<const std::byte> next = detail::piece_of(bytes, device.size(), c);
                static_cast<void>(through.to_device(device.data(), next.data(), next.size(), on));
                return next.size();
              },
          .total_bytes = bytes.size()};
}

/// Into an array in pageable memory by the threads of another transfer::copier.
template <class Array, class Copier>
sink to_memory(Array&& all, Copier& through) {
  const std::span<std::byte> bytes = std::as_writable_bytes(std::span(all));
  return {.fetch = [bytes, &through](std::span<const std::byte> device, const chunk& c,
                                     stream_view on) {
    const std::span<std::byte> to = detail::place_in(bytes, device.size(), c);
    static_cast<void>(through.to_host(to.data(), device.data(), to.size(), on));
  }};
}

// ---- How it works -------------------------------------------------------------------------------

namespace detail {

inline std::size_t leaving(const stage& s, std::size_t entering) {
  return s.output_bytes ? s.output_bytes(entering) : entering;
}

/// Chunks whose stages may run at the same time.
inline int kernels_at_once(const std::vector<stage>& stages) {
  return !stages.empty() && std::ranges::all_of(stages, &stage::independent) ? 2 : 1;
}

/// The chunks and slots of a runner, with as many slots more as the host holds at a time: one that
/// is being filled, one that is being emptied.
inline advice choose(const std::vector<stage>& stages, const options& how, bool fills, bool takes) {
  const std::size_t total = how.total_bytes != 0 ? how.total_bytes : std::size_t{1} << 30;
  const std::size_t sample =
      how.chunk_bytes != 0
          ? how.chunk_bytes
          : (std::size_t{1} << 20) / how.granularity * how.granularity + how.granularity;
  // Bytes per byte of input: what leaves, and what lies in every slot and once in a lane.
  std::size_t bytes = sample, between = 0;
  bool is_elsewhere = false;  // than in the memory of the input
  for (const stage& each : stages) {
    if (each.in_place) continue;
    if (is_elsewhere) between += bytes;
    bytes = leaving(each, bytes);
    is_elsewhere = true;
  }
  const double output = double(bytes) / double(sample);
  const int lanes = kernels_at_once(stages);
  const double once = lanes * double(between) / double(sample);
  const double on_device = 1 + (is_elsewhere ? output : 0);
  const double pinned = (fills ? 1 : 0) + (takes ? output : 0);
  const double in_slot = std::max(on_device, pinned);

  // No more slots than there is memory for when chunks are as small as they can be.
  const double least = double(how.granularity);
  const double fitting = (double(how.memory_bytes) - once * least) / (in_slot * least);
  const int most = how.slots != 0 ? int(how.slots) : int(std::clamp(fitting, 1.0, 8.0));
  const int held_by_host = int(fills) + int(takes);
  const int for_engines = std::max(1, most - held_by_host);
  const std::size_t total_output = std::size_t(output * double(total));
  advice made;
  if (how.chunk_bytes != 0) {
    made = predict(how.rates, double(total), double(total_output), double(how.chunk_bytes),
                   {.max_slots = for_engines, .kernels_at_once = lanes});
    made.chunk_bytes = how.chunk_bytes;
  } else {
    made = advise(how.rates, total, total_output,
                  {.granularity = how.granularity,
                   .largest = std::size_t(double(how.memory_bytes) / (most * in_slot + once)),
                   .max_slots = for_engines,
                   .kernels_at_once = lanes});
  }
  made.slots = how.slots != 0 ? most : std::min(most, made.slots + held_by_host);
  return made;
}

}  // namespace detail

inline runner::runner(std::vector<stage> stages, const options& how, pinned_slots pinned)
    : stages_(std::move(stages)),
      options_(how),
      pinned_(pinned),
      copy_in_(how.priority),
      copy_out_(how.priority) {
  if (how.granularity == 0 || how.chunk_bytes % how.granularity != 0)
    throw std::invalid_argument("pipeline: chunk_bytes is not a multiple of granularity");
  WARPLADDER_TRY(cudaGetDevice(&device_));
  const advice chosen = detail::choose(stages_, how, pinned.input, pinned.output);
  capacity_.push_back(chosen.chunk_bytes);
  const auto last = std::find_if(stages_.rbegin(), stages_.rend(),
                                 [](const stage& each) { return !each.in_place; });
  for (int i = 0; i < detail::kernels_at_once(stages_); ++i)
    lanes_.push_back({stream(how.priority), {}});
  for (const stage& each : stages_) {
    if (!each.enqueue)
      throw std::invalid_argument("pipeline: stage " + each.name + " does nothing");
    if (each.in_place && each.output_bytes)
      throw std::invalid_argument("pipeline: stage " + each.name +
                                  " is in place and changes sizes");
    capacity_.push_back(detail::leaving(each, capacity_.back()));
    const bool is_between = !each.in_place && &each != &*last;
    for (lane& one : lanes_) one.between.emplace_back(is_between ? capacity_.back() : 0);
  }
  for (int i = 0; i < chosen.slots; ++i) {
    slot& made = slots_.emplace_back();
    made.in = device_buffer<std::byte>(capacity_.front());
    if (last != stages_.rend()) made.out = device_buffer<std::byte>(capacity_.back());
    if (pinned.input) made.pinned_in = pinned_buffer<std::byte>(capacity_.front());
    if (pinned.output) made.pinned_out = pinned_buffer<std::byte>(capacity_.back());
  }
}

inline void runner::check(const source& from, const sink& to, stream_view around) const {
  if (int(bool(from.fill)) + int(bool(from.lend)) + int(bool(from.feed)) != 1)
    throw std::invalid_argument("pipeline: a source fills, lends, or feeds");
  if (bool(to.fetch) == (to.take || to.place))
    throw std::invalid_argument("pipeline: a sink takes and gives places, or fetches");
  if (from.fill && !pinned_.input)
    throw std::invalid_argument("pipeline: a runner without pinned input, and a source that fills");
  if (!to.place && !to.fetch && !pinned_.output)
    throw std::invalid_argument(
        "pipeline: a runner without pinned output, and a sink without places");
  WARPLADDER_TRY(refuse_capture(around));
}

inline summary runner::run(const source& from, const sink& to, stream_view around,
                           std::stop_token stop) {
  const beside_captures unaffected;
  check(from, to, around);
  start_ = clock::now();
  next_report_ = start_ + options_.progress_every;
  total_bytes_ = from.total_bytes;
  next_ = {};
  submitted_ = 0, delivered_ = {}, ended_ = false, fault_.reset();

  around.record(begun_);
  copy_in_.wait(begun_);
  std::thread receiver;
  if (to.has_thread()) receiver = std::thread([&] { deliver_on_sink_thread(to); });

  // From here to join() nothing throws: what is thrown inside becomes fault_.
  const bool cancelled = submit_all(from, to, stop);
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  changed_.notify_all();
  if (receiver.joinable()) {
    wait_for_the_sink();
    receiver.join();
  } else {
    deliver_on_this_thread(to);
  }
  if (!fault_) report(true);

  delivered_.seconds = std::chrono::duration<double>(clock::now() - start_).count();
  delivered_.end = cancelled ? outcome::cancelled : outcome::done;
  if (fault_) rethrow();
  return delivered_;
}

/// Chunk after chunk until the input ends, somebody fails, or the run is cancelled: then true.
inline bool runner::submit_all(const source& from, const sink& to, const std::stop_token& stop) {
  for (; wait_for_slot(next_.index, to); ++next_.index) {
    report();
    if (stop.stop_requested()) return true;
    std::string where;
    try {
      if (!submit(from, to, where)) break;
    } catch (...) {
      fail(std::move(where), next_);
      break;
    }
    {
      const std::lock_guard lock(mutex_);
      ++submitted_;
    }
    changed_.notify_all();
    next_.first_byte += next_.bytes;
    next_.first_output_byte += next_.output_bytes;
  }
  return false;
}

/// Asks the source for next_ and enqueues all its work; false at the end of the input.
inline bool runner::submit(const source& from, const sink& to, std::string& where) {
  chunk& next = next_;
  slot& s = slot_of(next.index);
  next.bytes = next.output_bytes = 0;

  where = "source";
  std::span<const std::byte> input;
  std::size_t bytes;
  if (from.lend) {
    input = from.lend(capacity_.front(), next);
    bytes = input.size();
  } else if (from.fill) {
    input = s.pinned_in.view();
    bytes = from.fill(s.pinned_in.view(), next);
  } else {
    bytes = from.feed(s.in.view(), next, copy_in_);
  }
  if (bytes == 0) return false;
  if (bytes > capacity_.front())
    throw std::length_error("gave " + std::to_string(bytes) + " bytes, asked for at most " +
                            std::to_string(capacity_.front()));
  next.bytes = next.output_bytes = bytes;
  for (std::size_t i = 0; i < stages_.size(); ++i) {
    where = stages_[i].name;
    next.output_bytes = detail::leaving(stages_[i], next.output_bytes);
    if (next.output_bytes > capacity_[i + 1])
      throw std::length_error("more bytes leave the stage than for a whole chunk");
  }
  where = "sink";
  if (!to.fetch) s.output = to.place ? to.place(next.output_bytes, next) : s.pinned_out.view();
  if (!to.fetch && s.output.size() < next.output_bytes)
    throw std::length_error("gave a place of " + std::to_string(s.output.size()) +
                            " bytes, asked for " + std::to_string(next.output_bytes));
  s.what = next;

  where = "copy in";
  std::span<std::byte> data = s.in.view().first(bytes);
  if (!from.feed) copy_async<std::byte>(data, input.first(bytes), copy_in_);
  copy_in_.record(s.copied_in);
  const lane& on = lane_of(next.index);
  on.compute.wait(s.copied_in);
  for (std::size_t i = 0; i < stages_.size(); ++i) {
    where = stages_[i].name;
    std::span<std::byte> out = data;
    if (!stages_[i].in_place) {
      const auto& memory = on.between[i].size() != 0 ? on.between[i] : s.out;
      out = memory.view().first(detail::leaving(stages_[i], data.size()));
    }
    const cudaError_t returned = stages_[i].enqueue(data, out, next, on.compute);
    WARPLADDER_TRY(returned);
    data = out;
  }
  where = "copy out";
  on.compute.record(s.computed);
  if (to.fetch) {
    s.output = data;
    return true;
  }
  copy_out_.wait(s.computed);
  s.output = s.output.first(data.size());
  copy_async<std::byte>(s.output, data, copy_out_);
  copy_out_.record(s.copied_out);
  return true;
}

/// True when the slot of chunk `index` is free; false if it never will be, as something failed.
inline bool runner::wait_for_slot(std::size_t index, const sink& to) {
  if (!to.has_thread() && index >= slots_.size() && !deliver(index - slots_.size(), to))
    return false;
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return fault_ || index < delivered_.chunks + slots_.size(); });
  return !fault_;
}

/// Waits for a chunk's output and gives it to the sink; false if that failed.
inline bool runner::deliver(std::size_t index, const sink& to) {
  const slot& s = slot_of(index);
  std::string where = "device";
  try {
    if (to.fetch) {
      copy_out_.wait(s.computed);
      where = "sink";
      to.fetch(s.output, s.what, copy_out_);
      where = "device";
      copy_out_.record(s.copied_out);
    }
    s.copied_out.synchronize();
    where = "sink";
    if (to.take) to.take(s.output, s.what);
  } catch (...) {
    fail(std::move(where), s.what);
    return false;
  }
  {
    const std::lock_guard lock(mutex_);
    delivered_.chunks = index + 1;
    delivered_.bytes_in += s.what.bytes;
    delivered_.bytes_out += s.what.output_bytes;
  }
  changed_.notify_all();
  return true;
}

/// Delivers what is submitted until no more will be, or up to the chunk that failed. After a
/// failure of the source or of a stage, too: the chunks before it are whole.
inline void runner::deliver_on_this_thread(const sink& to) {
  for (;;) {
    std::unique_lock lock(mutex_);
    const std::size_t next = delivered_.chunks;
    changed_.wait(lock, [&] { return next < submitted_ || ended_; });
    if (next == submitted_ || (fault_ && fault_->at.index <= next)) return;
    lock.unlock();
    if (!deliver(next, to)) return;
  }
}

inline void runner::deliver_on_sink_thread(const sink& to) {
  const beside_captures unaffected;
  try {
    WARPLADDER_TRY(cudaSetDevice(device_));
  } catch (...) {
    return fail("sink", {});
  }
  deliver_on_this_thread(to);
}

inline void runner::wait_for_the_sink() {
  std::unique_lock lock(mutex_);
  while (!fault_ && delivered_.chunks < submitted_) {
    const std::size_t seen = delivered_.chunks;
    changed_.wait(lock, [&] { return fault_ || delivered_.chunks > seen; });
    lock.unlock();
    report();
    lock.lock();
  }
}

inline void runner::report(bool at_any_rate) {
  const clock::time_point now = clock::now();
  if (!options_.on_progress || (!at_any_rate && now < next_report_)) return;
  next_report_ = now + options_.progress_every;
  progress made{.total_bytes = total_bytes_,
                .seconds = std::chrono::duration<double>(now - start_).count()};
  {
    const std::lock_guard lock(mutex_);
    made.chunks = delivered_.chunks;
    made.bytes = delivered_.bytes_in;
  }
  try {
    options_.on_progress(made);
  } catch (...) {
    fail("progress", next_);
  }
}

/// Called where something was caught. Of two failures the one of the earlier chunk counts: a device
/// that is lost also refuses the work of later chunks.
inline void runner::fail(std::string where, const chunk& at) {
  {
    const std::lock_guard lock(mutex_);
    if (!fault_ || at.index < fault_->at.index)
      fault_ = fault{std::move(where), at, std::current_exception()};
  }
  changed_.notify_all();
}

inline void runner::rethrow() const {
  // What is on its way is waited for, and nothing else can go wrong with it: the result is ignored.
  cudaStreamSynchronize(copy_in_);
  for (const lane& one : lanes_) cudaStreamSynchronize(one.compute);
  cudaStreamSynchronize(copy_out_);
  cudaGetLastError();  // it is thrown: the caller's next launch shall not find it
  const auto with_the_place = [this](const std::string& why) {
    return failed(fault_->where, fault_->at, delivered_.chunks, why);
  };
  try {
    std::rethrow_exception(fault_->what);
  } catch (const std::exception& error) {
    std::throw_with_nested(with_the_place(error.what()));
  } catch (...) {
    std::throw_with_nested(with_the_place("an exception that is no std::exception"));
  }
}

}  // namespace warpladder::pipeline
