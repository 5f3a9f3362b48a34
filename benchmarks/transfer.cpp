// SPDX-License-Identifier: Apache-2.0
//
// Times the rungs of the topic transfer, both ways.
//
// Rungs of pageable memory meet cudaMemcpy, which is faster than 00, the same copy by
// cudaMemcpyAsync. A job is the call and a wait until everything has arrived: these calls keep the
// host anyway, and some return before their last bytes have arrived. The harness then measures what
// it always does, from an event before the first job of a batch to one behind the last: both are
// recorded in an idle stream, so that the span is the host's time of the batch but for some
// microseconds. Jobs cannot be captured, and there is one mode.
//
// Rungs of page-locked memory are asynchronous and measured like kernels, back to back in a stream
// and replayed by a graph; the lowest rung of each ladder takes the vendor's place.
//
// The ceiling of everything is the copy engine: as many bytes from or to page-locked memory, by
// cudaMemcpyAsync, back to back.

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <competitors.hpp>
#include <cstdint>
#include <cstring>
#include <harness/harness.hpp>
#include <limits>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <transfer.hpp>
#include <transfer_pattern.hpp>
#include <transfer_shape.hpp>
#include <utility>
#include <vector>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/stream.hpp>
#include <warpladder/transfer.hpp>

namespace {

namespace wl = warpladder;
using wl::bench::case_list, wl::bench::ceilings, wl::bench::competitor, wl::bench::from_rung,
    wl::bench::job, wl::bench::mode, wl::bench::options, wl::bench::transfer_shape;
using wl::transfer::batch_problem, wl::transfer::direction, wl::transfer::pinned_problem,
    wl::transfer::rows_problem, wl::transfer::staged_problem;

constexpr std::size_t mib = std::size_t{1} << 20;

constexpr cudaMemcpyKind kind_of(direction way) {
  return way == direction::to_device ? cudaMemcpyHostToDevice : cudaMemcpyDeviceToHost;
}

/// Every check has a pattern of its own, so that nothing is right because of the one before.
std::uint64_t next_seed() {
  static std::uint64_t seed = 10;
  return ++seed;
}

/// Page-locked memory, its counterpart on the device, and a chunk to gather into: made when first
/// needed, and kept, as page-locking takes longer than most cases.
struct arena {
  static constexpr std::size_t bytes = 256 * mib, gathered_bytes = 80 * mib;

  wl::pinned_buffer<std::byte> host{bytes};
  wl::device_buffer<std::byte> device{bytes};
  wl::transfer::staging gathered{1, gathered_bytes};

  static const std::shared_ptr<arena>& get() {
    static const auto only = std::make_shared<arena>();
    return only;
  }
};

/// Seconds that the copy engine takes for so many bytes, the best of five batches. More than the
/// arena has are copied from the same place again and again.
double engine_seconds(direction way, std::size_t bytes) {
  static std::map<std::pair<direction, std::size_t>, double> known;
  const auto found = known.find({way, bytes});
  if (found != known.end()) return found->second;
  const auto memory = arena::get();
  const wl::stream on;
  const wl::event begin(wl::event::timing::on), end(wl::event::timing::on);
  const std::size_t copies = std::clamp<std::size_t>(64 * mib / bytes, 1, 500);
  double best = std::numeric_limits<double>::infinity();
  for (int batch = 0; batch < 5; ++batch) {
    on.record(begin);
    for (std::size_t copy = 0; copy < copies; ++copy) {
      for (std::size_t at = 0; at < bytes; at += arena::bytes) {
        const std::size_t part = std::min(bytes - at, arena::bytes);
        void *to = memory->device.data(), *from = memory->host.data();
        if (way == direction::to_host) std::swap(to, from);
        WARPLADDER_TRY(cudaMemcpyAsync(to, from, part, kind_of(way), on));
      }
    }
    on.record(end);
    end.synchronize();
    best = std::min(best, wl::elapsed_ms(begin, end) * 1e-3 / double(copies));
  }
  return known[{way, bytes}] = best;
}

// Pageable memory.

/// What staging rungs are lent: as many threads as the copier chose for itself, and chunks of 2
/// MiB, the best size where each thread has its own.
struct lent_to_rungs {
  wl::transfer::copier copier;
  wl::transfer::staging ring{std::size_t{2} * copier.chosen().threads, std::size_t{2} << 20};

  static lent_to_rungs& get() {
    static lent_to_rungs only;
    return only;
  }
};

/// Touched pageable memory and its counterpart; the last that was asked for is kept.
struct pageable_memory {
  explicit pageable_memory(std::size_t bytes) : host(new std::byte[bytes]), device(bytes) {
    wl::bench::fill_pattern_on_host(host.get(), bytes, 1);
    WARPLADDER_TRY(cudaMemset(device.data(), 0, bytes));
  }
  std::unique_ptr<std::byte[]> host;  // not std::vector, which would write it by one thread
  wl::device_buffer<std::byte> device;

  static std::shared_ptr<pageable_memory> get(std::size_t bytes) {
    static std::shared_ptr<pageable_memory> last;
    if (!last || last->device.size() != bytes) {
      last.reset();  // before the next takes its memory
      last = std::make_shared<pageable_memory>(bytes);
    }
    return last;
  }
};

class staged_operands {
 public:
  staged_operands(const staged_problem& blank, std::size_t offset)
      : memory_(pageable_memory::get(blank.bytes + offset)),
        host_(memory_->host.get() + offset),
        posed_(blank) {
    std::byte* const device = memory_->device.data();
    const bool to_device = blank.way == direction::to_device;
    posed_.to = to_device ? device : host_;
    posed_.from = to_device ? host_ : device;
  }

  const staged_problem& operator[](std::size_t) const { return posed_; }

  void fill(wl::stream_view) {}  // with what the last check has left

  void check(const competitor<staged_problem>& who, wl::workspace_view scratch,
             wl::stream_view stream) {
    const std::uint64_t seed = next_seed();
    std::byte* const device = memory_->device.data();
    const bool to_device = posed_.way == direction::to_device;
    if (to_device) {
      wl::bench::fill_pattern_on_host(host_, posed_.bytes, seed);
      WARPLADDER_TRY(cudaMemsetAsync(device, 0xff, posed_.bytes, stream));
    } else {
      std::memset(host_, 0xff, posed_.bytes);
      WARPLADDER_TRY(wl::bench::fill_pattern(device, posed_.bytes, seed, stream));
    }
    stream.synchronize();
    WARPLADDER_TRY(who.launch(posed_, stream, scratch));
    const std::size_t wrong = to_device ? wl::bench::count_wrong(device, posed_.bytes, seed, stream)
                                        : wl::bench::count_wrong_on_host(host_, posed_.bytes, seed);
    if (wrong != 0)
      throw std::runtime_error(
          fmt::format("{} is wrong in {} of {} bytes", who.name, wrong, posed_.bytes));
  }

 private:
  std::shared_ptr<pageable_memory> memory_;
  std::byte* host_;
  staged_problem posed_;
};

/// The call, and a wait until everything has arrived.
competitor<staged_problem> with_arrival(competitor<staged_problem> who) {
  who.launch = [launch = std::move(who.launch)](const staged_problem& p, cudaStream_t stream,
                                                wl::workspace_view scratch) {
    const cudaError_t status = launch(p, stream, scratch);
    return status != cudaSuccess ? status : cudaStreamSynchronize(stream);
  };
  return who;
}

/// In the legacy default stream: cudaMemcpy has no other.
competitor<staged_problem> vendor() {
  return {"cudaMemcpy", 0, [](const staged_problem&) { return wl::support{}; },
          [](const staged_problem&) { return std::size_t{0}; },
          [](const staged_problem& p, cudaStream_t, wl::workspace_view) {
            const cudaError_t status = cudaMemcpy(p.to, p.from, p.bytes, kind_of(p.way));
            return status != cudaSuccess ? status : cudaStreamSynchronize(cudaStreamLegacy);
          }};
}

// Page-locked memory.

/// A run of bytes that is to be moved, by where it begins in the host's and the device's memory.
struct moved_run {
  std::size_t host, device, bytes;
};

/// A problem in the arena, and what is to be moved.
template <class Problem>
struct posed {
  Problem problem;
  std::vector<moved_run> runs;
  // The arrays of a batch.
  std::vector<void*> to;
  std::vector<const void*> from;
  std::vector<std::size_t> bytes;
};

std::shared_ptr<posed<pinned_problem>> pose(const pinned_problem& blank,
                                            const transfer_shape& shape) {
  const auto memory = arena::get();
  auto made = std::make_shared<posed<pinned_problem>>();
  std::byte* const host = memory->host.data() + shape.offset;
  std::byte* const device = memory->device.data();
  const bool to_device = shape.way == direction::to_device;
  made->problem = blank;
  made->problem.to = to_device ? device : host;
  made->problem.from = to_device ? host : device;
  made->problem.bytes = std::size_t(shape.bytes());
  made->runs = {{std::size_t(shape.offset), 0, made->problem.bytes}};
  return made;
}

/// Dense on the host, with gaps on the device.
std::shared_ptr<posed<rows_problem>> pose(const rows_problem& blank, const transfer_shape& shape) {
  const auto memory = arena::get();
  auto made = std::make_shared<posed<rows_problem>>();
  rows_problem& p = made->problem = blank;
  const auto width = std::size_t(shape.width), pitch = std::size_t(shape.pitch());
  const auto offset = std::size_t(shape.offset);
  p.rows = std::size_t(shape.count), p.width = width;
  p.to = memory->device.data(), p.to_pitch = pitch;
  p.from = memory->host.data() + offset, p.from_pitch = width;
  if (shape.way == direction::to_host) {
    p.to = memory->host.data() + offset, p.to_pitch = width;
    p.from = memory->device.data(), p.from_pitch = pitch;
  }
  for (std::size_t row = 0; row < p.rows; ++row)
    made->runs.push_back({offset + row * width, row * pitch, width});
  return made;
}

/// Pieces that lie apart on both sides, and in another order on the one than on the other.
std::shared_ptr<posed<batch_problem>> pose(const batch_problem& blank,
                                           const transfer_shape& shape) {
  const auto memory = arena::get();
  auto made = std::make_shared<posed<batch_problem>>();
  const auto count = std::size_t(shape.count), bytes = std::size_t(shape.width);
  const std::size_t apart = 2 * bytes;
  for (std::size_t i = 0; i < count; ++i) {
    const moved_run run{std::size_t(shape.offset) + i * 7919 % count * apart, i * apart, bytes};
    std::byte* const host = memory->host.data() + run.host;
    std::byte* const device = memory->device.data() + run.device;
    const bool to_device = shape.way == direction::to_device;
    made->runs.push_back(run);
    made->to.push_back(to_device ? device : host);
    made->from.push_back(to_device ? host : device);
    made->bytes.push_back(bytes);
  }
  made->problem = blank;
  made->problem.count = count;
  made->problem.to = made->to.data();
  made->problem.from = made->from.data();
  made->problem.bytes = made->bytes.data();
  made->problem.lent = memory->gathered.view();
  return made;
}

template <class Problem>
class pinned_operands {
 public:
  explicit pinned_operands(std::shared_ptr<posed<Problem>> what) : what_(std::move(what)) {}

  const Problem& operator[](std::size_t) const { return what_->problem; }

  void fill(wl::stream_view) {}

  void check(const competitor<Problem>& who, wl::workspace_view scratch, wl::stream_view stream) {
    if (const auto reason = explain_invalid(what_->problem); !reason.empty())
      throw std::invalid_argument(std::string(reason));
    const bool to_device = what_->problem.way == direction::to_device;
    std::size_t host_bytes = 0, device_bytes = 0;
    for (const moved_run& run : what_->runs) {
      host_bytes = std::max(host_bytes, run.host + run.bytes);
      device_bytes = std::max(device_bytes, run.device + run.bytes);
    }
    std::byte* const host = memory_->host.data();
    std::byte* const device = memory_->device.data();
    const std::uint64_t seed = next_seed();
    std::memset(host, 0xff, host_bytes);
    WARPLADDER_TRY(cudaMemsetAsync(device, 0xff, device_bytes, stream));
    WARPLADDER_TRY(wl::bench::fill_pattern(to_device ? host : device,
                                           to_device ? host_bytes : device_bytes, seed, stream));
    stream.synchronize();
    WARPLADDER_TRY(who.launch(what_->problem, stream, scratch));
    stream.synchronize();

    // All bytes of the destination, those that nobody was to write too.
    std::vector<std::byte> on_device(device_bytes);
    WARPLADDER_TRY(cudaMemcpy(on_device.data(), device, device_bytes, cudaMemcpyDeviceToHost));
    const std::byte* const got = to_device ? on_device.data() : host;
    const std::byte* const source = to_device ? host : on_device.data();
    std::vector<std::byte> expected(to_device ? device_bytes : host_bytes, std::byte{0xff});
    for (const moved_run& run : what_->runs) {
      std::memcpy(expected.data() + (to_device ? run.device : run.host),
                  source + (to_device ? run.host : run.device), run.bytes);
    }
    const auto wrong = std::mismatch(expected.begin(), expected.end(), got);
    if (wrong.first != expected.end())
      throw std::runtime_error(fmt::format("{} is wrong, first in byte {} of {}", who.name,
                                           wrong.first - expected.begin(), expected.size()));
  }

 private:
  std::shared_ptr<arena> memory_ = arena::get();
  std::shared_ptr<posed<Problem>> what_;
};

/// What fits into the arena, on both sides. 7919 must be no factor of the count, or places
/// coincide.
bool fits(const transfer_shape& shape) {
  const double apart =
      shape.of == transfer_shape::kind::batch ? 2.0 * double(shape.width) : double(shape.pitch());
  return double(shape.count) * apart + double(shape.offset) <= double(arena::bytes) &&
         shape.count % 7919 != 0;
}

template <class Problem>
void add_pinned(case_list& to, std::span<const wl::rung_entry<Problem>> ladder,
                const transfer_shape& shape) {
  if (!fits(shape)) {
    fmt::print(stderr, "skipped: {} of page-locked memory (more than {} MiB are not measured)\n",
               shape.name(), arena::bytes / mib);
    return;
  }
  std::vector<competitor<Problem>> all;
  for (const auto& rung : ladder) all.push_back(from_rung(rung));
  const std::vector vendors{all.front()};
  Problem blank;
  blank.way = shape.way;
  const auto what = pose(blank, shape);
  job<Problem> at{.type = "bytes", .shape = shape.name(), .blank = what->problem};
  at.bytes = double(shape.bytes());
  at.bound_seconds = [shape] { return engine_seconds(shape.way, std::size_t(shape.bytes())); };
  for (const auto& who : all) {
    at.modes = {mode::stream};
    const bool refuses_capture = who.name.starts_with("31") || who.name.starts_with("32");
    constexpr std::int64_t most_nodes = 4096;  // a graph of more takes seconds to make
    if (!refuses_capture && shape.count <= most_nodes) at.modes.push_back(mode::graph);
    to.add(who, vendors, at,
           [what](std::size_t) { return std::make_shared<pinned_operands<Problem>>(what); });
  }
}

void add_staged(case_list& to, const transfer_shape& shape) {
  // Beyond, seconds per batch that say nothing new.
  const bool copier_alone = shape.bytes() > std::int64_t(1024 * mib);
  lent_to_rungs& lent = lent_to_rungs::get();
  job<staged_problem> at{.type = "bytes", .shape = shape.name(), .blank = {}};
  at.blank.bytes = std::size_t(shape.bytes());
  at.blank.way = shape.way;
  at.blank.lent = lent.ring.view();
  at.blank.threads = lent.copier.chosen().threads;
  at.blank.copier = &lent.copier;
  at.bytes = double(shape.bytes());
  at.modes = {mode::stream};
  at.bound_seconds = [shape] { return engine_seconds(shape.way, std::size_t(shape.bytes())); };
  for (const auto& rung : wl::tables::staged_rungs()) {
    if (copier_alone && rung.info.step != 5) continue;
    to.add(with_arrival(from_rung(rung)), {vendor()}, at,
           [blank = at.blank, offset = std::size_t(shape.offset)](std::size_t) {
             return std::make_shared<staged_operands>(blank, offset);
           });
  }
}

std::vector<wl::bench::bench_case> cases(const options& wanted, const ceilings&) {
  constexpr double largest_graph = 8 * double(mib);
  case_list list("transfer", wanted, largest_graph);
  const char* const suite = wanted.is_full()
                                ? "4KiB 16KiB 64KiB 256KiB 1MiB 4MiB 16MiB 64MiB 256MiB 1GiB 4GiB "
                                  "16384x256+256 4096x1KiB+1024 1024x4KiB+4096 64x64KiB+65536 "
                                  "64of4KiB 1024of256 1024of1KiB 1024of4KiB 1024of16KiB 1024of64KiB"
                                : "64KiB 16MiB 256MiB 4096x1KiB+1024 1024of4KiB";
  std::vector<transfer_shape> shapes;
  for (const std::string& size : wl::bench::sizes_or(wanted, suite)) {
    shapes.push_back(wl::bench::parse_transfer_shape(size));
    if (!wanted.sizes.empty()) continue;  // the user says which way
    shapes.push_back(shapes.back());
    shapes.back().way = direction::to_host;
  }
  for (const transfer_shape& shape : shapes) {
    switch (shape.of) {
      case transfer_shape::kind::one_piece:
        add_staged(list, shape);
        add_pinned<pinned_problem>(list, wl::tables::pinned_rungs(), shape);
        break;
      case transfer_shape::kind::rows:
        add_pinned<rows_problem>(list, wl::tables::rows_rungs(), shape);
        break;
      case transfer_shape::kind::batch:
        add_pinned<batch_problem>(list, wl::tables::batch_rungs(), shape);
        break;
    }
  }
  return list.take();
}

void describe() {
  benchmark::AddCustomContext("copier", lent_to_rungs::get().copier.describe());
  benchmark::AddCustomContext("host_cores", std::to_string(wl::bench::usable_cores()));
  benchmark::AddCustomContext(
      "counting_rule",
      "bytes: each once; a job on pageable memory is the call and a wait until everything has "
      "arrived, vendor: cudaMemcpy; ceiling: the same bytes by the copy engine from page-locked "
      "memory");
}

}  // namespace

int main(int argc, char** argv) {
  return wl::bench::run(
      argc, argv,
      {.cases = cases,
       .describe = describe,
       .help = {.sizes = wl::bench::transfer_shape_help,
                .front_doors = "`standing_threads` is the copier with the options that it chooses",
                .examples = R"(  transfer_bench                                  the quick suite
  transfer_bench --sizes=64KiB,1GiB,1GiB:out --rungs=standing_threads
  transfer_bench --sizes=4096x1KiB+1024,1024of4KiB --modes=stream,graph
  transfer_bench --suite=full --benchmark_out=results.json
)",
                .vendor = "cudaMemcpy, or the lowest rung",
                .judge = "the source, byte by byte,"}});
}
