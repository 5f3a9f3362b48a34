// SPDX-License-Identifier: Apache-2.0
#include "tracer.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <unordered_map>
#include <unordered_set>

#include "../block.hpp"
#include "../errors.hpp"
#include "../grid.hpp"
#include "../memory.hpp"
#include "arena.hpp"
#include "callbacks.hpp"
#include "checker.hpp"
#include "cost.hpp"
#include "launch_record.hpp"
#include "request_counter.hpp"
#include "session.hpp"
#include "simt/trace_hooks.hpp"
#include "sites.hpp"

namespace simt::trace {

namespace {

// "(3,0,0)": where the index-th member of an array of this shape is.
std::string position_text(std::uint64_t index, const dim3& shape) {
  return "(" + std::to_string(index % shape.x) + "," + std::to_string(index / shape.x % shape.y) +
         "," + std::to_string(index / shape.x / shape.y) + ")";
}

std::string bytes_text(std::uint64_t bytes) {
  return std::to_string(bytes) + (bytes == 1 ? " byte" : " bytes");
}

}  // namespace

// One per OS thread; attached to the block that the thread runs.
class tracer {
 public:
  void begin(launch_record& record, const block_facts& facts);
  void meet_cluster(unsigned rank, unsigned size);
  void end();

  // `writes`, and `ordered` for accesses that may meet others without being a race.
  void touch(std::uintptr_t address, unsigned bytes, operation what, bool writes, bool ordered,
             std::uintptr_t site);
  void note_order(const void* address, bool reads, bool writes);
  void barrier(unsigned warps);
  void collective(unsigned warp, std::uint32_t lanes);
  void async_copy_begins(char* shared, const char* global, unsigned bytes, unsigned source_bytes,
                         std::uintptr_t site);
  void landed(char* shared, unsigned bytes);
  void bulk_copy_begins(char* shared, unsigned bytes, std::uintptr_t site);
  void count_bulk(operation what, unsigned bytes, std::uintptr_t site);
  void bulk_source(const void* shared, unsigned bytes, std::uintptr_t site);
  void source_read(const char* shared, unsigned bytes);
  void bulk_global(const void* global, unsigned bytes, bool writes, std::uintptr_t site);
  void engine_read(const void* shared, unsigned bytes, std::uintptr_t site);

  [[noreturn]] void fail_index(const std::string& what, const char* file, unsigned line);

  checker* order() { return record_->with.check ? &checker_ : nullptr; }
  unsigned thread() const { return current_thread->linear_index; }
  bool is_shared(const void* address) const;
  bool takes_a_break() { return requests_.takes_a_break(); }
  bool is_local(const void* object) const { return cluster_.size() < 2 && is_shared(object); }

 private:
  struct place {
    memory_space space;
    tracer* owner = nullptr;  // of shared memory
    std::size_t offset = 0;   // in the owner's shared memory
    bool known = false;       // false: not memory that a GPU would have
  };

  enum class host_page { program, other };

  place locate(std::uintptr_t address, unsigned bytes, std::uintptr_t site);
  place locate_elsewhere(std::uintptr_t address, unsigned bytes, std::uintptr_t site);
  host_page kind_of_host_page(std::uintptr_t address, std::uintptr_t site);
  bool offset_in_own_shared(std::uintptr_t address, std::size_t& offset) const;
  void demand_alignment(std::uintptr_t address, unsigned bytes, const place& where,
                        std::uintptr_t site);
  void check(const access& a, const place& where);
  void report(const conflict& found, const access& a, const place& where);
  std::string describe(std::uintptr_t address, const place& where) const;
  std::string who(std::uint32_t block_index, unsigned thread) const;
  [[noreturn]] void fail_access(const char* detector, cudaError_t error, const std::string& what,
                                const char* advice, std::uintptr_t site);

  launch_record* record_ = nullptr;
  block_facts facts_{};
  unsigned warps_ = 0;
  std::uint64_t barriers_ = 0, collectives_ = 0;
  checker checker_;
  shared_words shared_;

  // Static shared memory: the part of this OS thread's thread-local storage that is __shared__.
  std::uintptr_t static_start_ = 0;
  const static_shared_map* static_map_ = nullptr;
  std::vector<thread_segment> segments_;
  std::vector<tracer*> cluster_;

  std::uintptr_t global_first_ = 1, global_end_ = 0;  // the buffer found last
  std::unordered_map<std::uintptr_t, host_page> host_pages_;
  std::unordered_set<std::uintptr_t> suspects_;

  request_counter requests_;
};

namespace {

thread_local std::unique_ptr<tracer> this_tracer;
thread_local tracer* attached = nullptr;  // to the block that this OS thread runs, if traced
thread_local tracer* active = nullptr;    // the same, but null while the tracer itself works

std::atomic<std::uint32_t> generations{0};

}  // namespace

// ---- life of a block ---------------------------------------------------------------------------

void tracer::begin(launch_record& record, const block_facts& facts) {
  record_ = &record;
  facts_ = facts;
  warps_ = (facts.threads + 31) / 32;
  barriers_ = collectives_ = 0;
  cluster_.clear();
  shared_.has_peers = false;
  host_pages_.clear();
  suspects_.clear();
  if (static_map_ == nullptr || static_map_->module != record.kernel_module) {
    static_map_ = &static_shared_of(record.kernel_module);
    static_start_ = 0;
    for (const thread_segment& s : thread_segments()) {
      if (s.module == record.kernel_module && s.address != nullptr) {
        static_start_ = reinterpret_cast<std::uintptr_t>(s.address);
      }
    }
  }
  const std::size_t words = (static_map_->bytes + 3) / 4 + (facts.dynamic_shared_bytes + 3) / 4;
  shared_.generation = ++generations;
  if (record.with.check) {
    if (shared_.words.size() < words) shared_.words.resize(words);
    checker_.begin_block(record.order, facts.index, facts.threads);
  }
  requests_.begin_block(warps_);
  global_first_ = 1, global_end_ = 0;
}

void tracer::meet_cluster(unsigned rank, unsigned size) {
  std::lock_guard lock(record_->mutex);
  for (unsigned peer = 0; peer < size; ++peer) {
    cluster_.push_back(record_->running[facts_.index - rank + peer]);
  }
  shared_.has_peers = true;
}

void tracer::end() {
  std::lock_guard lock(record_->mutex);
  requests_.end_block(*record_);
  record_->barriers += barriers_;
  record_->collectives += collectives_;
  record_->running.erase(facts_.index);
}

// ---- where an address is -----------------------------------------------------------------------

bool tracer::offset_in_own_shared(std::uintptr_t address, std::size_t& offset) const {
  const std::uintptr_t in_dynamic =
      address - reinterpret_cast<std::uintptr_t>(facts_.dynamic_shared);
  if (in_dynamic < facts_.dynamic_shared_bytes) {
    offset = (static_map_->bytes + 3) / 4 * 4 + in_dynamic;
    return true;
  }
  offset = address - static_start_;
  return static_start_ != 0 && offset < static_map_->bytes &&
         static_map_->variable_of_word[offset / 4] >= 0;
}

bool tracer::is_shared(const void* address) const {
  std::size_t offset;
  return offset_in_own_shared(reinterpret_cast<std::uintptr_t>(address), offset);
}

tracer::place tracer::locate(std::uintptr_t address, unsigned bytes, std::uintptr_t site) {
  if (address >= global_first_ && address + bytes <= global_end_) {
    return {memory_space::global, nullptr, 0, true};
  }
  arena& memory = arena::instance();
  if (memory.contains(address)) {
    const auto found = memory.find(address);
    if (found && address + bytes <= found->start + found->bytes) {
      global_first_ = found->start;
      global_end_ = found->start + found->bytes;
      return {memory_space::global, nullptr, 0, true};
    }
    const auto meant = memory.nearest(address);
    std::string what = "global memory out of bounds: " + bytes_text(bytes);
    if (meant) {
      const std::uintptr_t end = meant->start + meant->bytes;
      if (meant->freed && address - meant->start < meant->bytes) {
        what += " in " + meant->name + ", which has been freed";
      } else if (address >= meant->start) {
        what += ", " + bytes_text(address >= end ? address - end : 0) + " past the end of " +
                meant->name + " (" + bytes_text(meant->bytes) + ")";
      } else {
        what += ", " + bytes_text(meant->start - address) + " before " + meant->name + " (" +
                bytes_text(meant->bytes) + ")";
      }
    }
    fail_access("out-of-bounds", cudaErrorIllegalAddress, what,
                "check the index against the size of the buffer; ragged edges need a guard", site);
  }
  std::size_t offset, last;
  if (offset_in_own_shared(address + bytes - 1, last) && offset_in_own_shared(address, offset)) {
    return {memory_space::shared, this, offset, true};
  }
  return locate_elsewhere(address, bytes, site);
}

// Rare, or uninteresting: the executor's own data, stacks, shared memory of other blocks.
tracer::place tracer::locate_elsewhere(std::uintptr_t address, unsigned bytes,
                                       std::uintptr_t site) {
  const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  const bool on_stack = address - (here - facts_.stack_bytes) < 2 * facts_.stack_bytes;
  const bool in_executor =
      std::any_of(std::begin(facts_.executor_data), std::end(facts_.executor_data),
                  [&](const block_facts::range& r) {
                    return address - reinterpret_cast<std::uintptr_t>(r.start) < r.bytes;
                  });
  if (on_stack || in_executor || address - static_start_ < static_map_->bytes) {
    return {memory_space::host, nullptr, 0, false};
  }
  const std::uintptr_t dynamic_end =
      reinterpret_cast<std::uintptr_t>(facts_.dynamic_shared) + facts_.dynamic_shared_bytes;
  if (address + bytes - 1 - dynamic_end < dynamic_shared_gap) {
    const std::uintptr_t past = address < dynamic_end ? 0 : address - dynamic_end;
    fail_access("out-of-bounds", cudaErrorIllegalAddress,
                "shared memory out of bounds: " + bytes_text(bytes) + ", " + bytes_text(past) +
                    " past the end of the dynamic shared memory (" +
                    bytes_text(facts_.dynamic_shared_bytes) + ")",
                "give the launch as much dynamic shared memory as the kernel indexes", site);
  }
  for (tracer* peer : cluster_) {
    std::size_t offset;
    if (peer != nullptr && peer != this && peer->offset_in_own_shared(address, offset)) {
      return {memory_space::distributed, peer, offset, true};
    }
  }
  if (address < 4096) {
    fail_access("out-of-bounds", cudaErrorIllegalAddress, "a null pointer is dereferenced",
                "check the kernel's arguments", site);
  }
  // Not by page: pinned memory shares pages with the rest of the heap.
  if (is_host_memory_of_the_device(reinterpret_cast<const void*>(address))) {
    return {memory_space::host, nullptr, 0, true};
  }
  const std::uintptr_t page = address / 4096;
  auto known = host_pages_.find(page);
  if (known == host_pages_.end()) {
    known = host_pages_.emplace(page, kind_of_host_page(address, site)).first;
  }
  // A host pointer, unless this is the executor's own code: the line tells, later.
  if (known->second == host_page::other && suspects_.insert(site).second) {
    the_session().suspect(site, who(facts_.index, thread()));
  }
  return {memory_space::host, nullptr, 0, false};
}

tracer::host_page tracer::kind_of_host_page(std::uintptr_t address, std::uintptr_t site) {
  // __device__ variables are there.
  if (is_program_data(reinterpret_cast<const void*>(address))) return host_page::program;
  // mincore() knows whether there is memory at all without touching it.
  unsigned char resident;
  if (address >> 47 != 0 ||
      mincore(reinterpret_cast<void*>(address / 4096 * 4096), 1, &resident) != 0) {
    char text[32];
    std::snprintf(text, sizeof text, "%#zx", std::size_t(address));
    fail_access("out-of-bounds", cudaErrorIllegalAddress,
                std::string("there is no memory at ") + text,
                "an uninitialised pointer, or an index far out of range", site);
  }
  return host_page::other;
}

// ---- accesses ----------------------------------------------------------------------------------

void tracer::touch(std::uintptr_t address, unsigned bytes, operation what, bool writes,
                   bool ordered, std::uintptr_t site) {
  // A GPU has no access wider than 16 bytes: the compiler splits a larger object, as finely as its
  // alignment demands, which is at most the greatest power of two in its size.
  unsigned piece = std::min(16u, bytes & (0u - bytes));
  if (piece < bytes) {
    while (address % piece != 0) piece /= 2;
    for (unsigned done = 0; done < bytes; done += piece)
      touch(address + done, piece, what, writes, ordered, site);
    return;
  }
  const place where = locate(address, bytes, site);
  if (!where.known) return;
  demand_alignment(address, bytes, where, site);
  if (record_->with.count) {
    requests_.add({site, where.space, what, bytes}, thread(), address);
    if (where.space == memory_space::global) {
      if (what != operation::store) arena::instance().touch(address, address + bytes - 1, false);
      if (writes) arena::instance().touch(address, address + bytes - 1, true);
    }
  }
  if (record_->with.check) {
    check({address, bytes, site, writes, ordered, what != operation::store}, where);
  }
}

void tracer::demand_alignment(std::uintptr_t address, unsigned bytes, const place& where,
                              std::uintptr_t site) {
  if (address % bytes == 0) return;
  fail_access("misaligned", cudaErrorMisalignedAddress,
              "misaligned access of " + bytes_text(bytes) + ", " + bytes_text(address % bytes) +
                  " past a multiple of its size, in " + describe(address, where),
              "vector types need addresses that are multiples of their size", site);
}

// An atomic, or volatile, access of the running thread: a flag or counter for all we know.
void tracer::note_order(const void* address, bool reads, bool writes) {
  if (!record_->with.check) return;
  if (reads) checker_.atomic_read(thread(), address, is_local(address));
  if (writes) checker_.atomic_write(thread(), address, is_local(address), reads);
}

void tracer::check(const access& a, const place& where) {
  conflict found;
  bool clashed = false;
  if (where.owner != nullptr) {
    clashed = checker_.touch_shared(thread(), a, where.owner->shared_, where.offset, found);
  } else if (where.space == memory_space::global) {
    clashed = checker_.touch_global(thread(), a, found);
    if (record_->work) note_kernel_work(*record_->work, a.address, a.bytes, a.writes, a.atomic);
  }
  if (clashed) report(found, a, where);
}

// ---- synchronisation ---------------------------------------------------------------------------

void tracer::barrier(unsigned warps) {
  barriers_ += warps;
  for (unsigned w = 0; w < warps_; ++w) requests_.warp_meets(w);
  if (record_->with.check) checker_.block_barrier();
}

void tracer::collective(unsigned warp, std::uint32_t lanes) {
  ++collectives_;
  // Part of a warp that meets says nothing about the others, which may still be behind.
  const unsigned in_warp = std::min(32u, facts_.threads - warp * 32);
  if (unsigned(std::popcount(lanes)) == in_warp) requests_.warp_meets(warp);
  if (record_->with.check) checker_.warp_collective(warp, lanes);
}

// ---- asynchronous copies -----------------------------------------------------------------------

void tracer::async_copy_begins(char* shared, const char* global, unsigned bytes,
                               unsigned source_bytes, std::uintptr_t site) {
  if (source_bytes > 0) {
    touch(reinterpret_cast<std::uintptr_t>(global), source_bytes, operation::async_copy, false,
          false, site);
  }
  const auto address = reinterpret_cast<std::uintptr_t>(shared);
  const place where = locate(address, bytes, site);
  if (!where.known || where.owner == nullptr) return;
  demand_alignment(address, bytes, where, site);
  if (record_->with.count) {
    requests_.add({site, where.space, operation::async_copy, bytes}, thread(), address);
  }
  conflict found;
  const access a{address, bytes, site, true, false};
  if (record_->with.check &&
      checker_.copy_begins(thread(), a, where.owner->shared_, where.offset, found)) {
    report(found, a, where);
  }
}

void tracer::landed(char* shared, unsigned bytes) {
  std::size_t offset;
  const auto address = reinterpret_cast<std::uintptr_t>(shared);
  if (record_->with.check && offset_in_own_shared(address, offset)) {
    checker_.copy_lands(thread(), {address, bytes, 0, true, false}, shared_, offset);
  }
}

// The engine's requests and bytes are what the kernel asks for, zeros beyond an edge included; the
// sectors are those that there are.
void tracer::count_bulk(operation what, unsigned bytes, std::uintptr_t site) {
  if (!record_->with.count) return;
  counts& c = requests_.totals({site, memory_space::global, what, 0});
  ++c.requests;
  ++c.lanes;
  c.bytes += bytes;
}

void tracer::bulk_copy_begins(char* shared, unsigned bytes, std::uintptr_t site) {
  const auto address = reinterpret_cast<std::uintptr_t>(shared);
  const place where = locate(address, 1, site);
  if (!where.known || where.owner == nullptr) return;
  locate(address + bytes - 1, 1, site);
  count_bulk(operation::bulk_load, bytes, site);
  if (!record_->with.check) return;
  conflict found;
  const access a{address, bytes, site, true, false};
  if (checker_.copy_begins(thread(), a, where.owner->shared_, where.offset, found)) {
    report(found, a, where);
  }
}

void tracer::bulk_source(const void* shared, unsigned bytes, std::uintptr_t site) {
  const auto address = reinterpret_cast<std::uintptr_t>(shared);
  const place where = locate(address, 1, site);
  if (!where.known) return;
  count_bulk(operation::bulk_store, bytes, site);
  if (!record_->with.check || where.owner == nullptr) return;
  conflict found;
  const access a{address, bytes, site, false, false};
  if (checker_.source_is_lent(thread(), a, where.owner->shared_, where.offset, found)) {
    report(found, a, where);
  }
}

void tracer::source_read(const char* shared, unsigned bytes) {
  std::size_t offset;
  const auto address = reinterpret_cast<std::uintptr_t>(shared);
  if (record_->with.check && offset_in_own_shared(address, offset)) {
    checker_.source_is_read({address, bytes, 0, false, false}, shared_, offset);
  }
}

void tracer::bulk_global(const void* global, unsigned bytes, bool writes, std::uintptr_t site) {
  const auto address = reinterpret_cast<std::uintptr_t>(global);
  const place where = locate(address, bytes, site);
  if (!where.known) return;
  if (record_->with.count && where.space == memory_space::global) {
    const operation what = writes ? operation::bulk_store : operation::bulk_load;
    counts& c = requests_.totals({site, where.space, what, 0});
    c.used_bytes += bytes;
    c.sectors += (address + bytes - 1) / sector_bytes - address / sector_bytes + 1;
    arena::instance().touch(address, address + bytes - 1, writes);
  }
  if (record_->with.check) check({address, bytes, site, writes, false}, where);
}

void tracer::engine_read(const void* shared, unsigned bytes, std::uintptr_t site) {
  if (!record_->with.check) return;
  const auto address = reinterpret_cast<std::uintptr_t>(shared);
  const place where = locate(address, bytes, site);
  if (where.known) check({address, bytes, site, false, false}, where);
}

// ---- findings ----------------------------------------------------------------------------------

std::string tracer::who(std::uint32_t block_index, unsigned thread) const {
  return "thread " + position_text(thread, facts_.block) + " of block " +
         position_text(block_index, facts_.grid);
}

std::string tracer::describe(std::uintptr_t address, const place& where) const {
  if (where.owner != nullptr) {
    const std::size_t dynamic_start = (static_map_->bytes + 3) / 4 * 4;
    if (where.offset >= dynamic_start) {
      return "byte " + std::to_string(where.offset - dynamic_start) +
             " of the dynamic shared memory";
    }
    const auto& variable =
        static_map_->variables[std::size_t(static_map_->variable_of_word[where.offset / 4])];
    return "byte " + std::to_string(where.offset - variable.offset) + " of " + variable.name;
  }
  const auto buffer = arena::instance().find(address);
  if (!buffer) return "host memory";
  return "byte " + std::to_string(address - buffer->start) + " of " + buffer->name;
}

void tracer::report(const conflict& found, const access& a, const place& where) {
  const std::string me = who(facts_.index, thread());
  const std::string other = who(found.other.block, found.other.thread);
  const std::string target = describe(a.address, where);
  raw_finding raw;
  raw.site = a.site;
  raw.other_site = found.other_site;
  switch (found.what) {
    case defect::shared_race:
    case defect::global_race: {
      const bool shared = found.what == defect::shared_race;
      raw.detector = shared ? "shared-race" : "global-race";
      const char* const missing = shared                              ? "no barrier"
                                  : found.other.block == facts_.index ? "no barrier"
                                                                      : "nothing";
      raw.text = std::string(shared ? "race on shared memory, " : "race on global memory, ") +
                 target + "\n  " + other + (found.other_writes ? " writes" : " reads") +
                 " it at {other}\n  " + me + (a.writes ? " writes" : " reads") +
                 " it at {site}\n  and " + missing + " orders the two";
      break;
    }
    case defect::uninitialized_shared:
      raw.detector = "uninitialized-shared";
      raw.text = "shared memory is read before it is written, " + target + "\n  " + me +
                 " reads it at {site}";
      break;
    case defect::unwaited_copy:
      raw.detector = "unwaited-copy";
      raw.text = std::string("an asynchronous copy may still be ") +
                 (found.other_writes ? "writing, " : "reading, ") + target + "\n  " + other +
                 " started it at {other}\n  " + me + (a.writes ? " writes" : " reads") +
                 " there at {site}, and nobody has waited for the copy";
      break;
  }
  record_->add(std::move(raw));
}

void launch_record::add(raw_finding found) {
  found.text += "\n  kernel " + kernel;
  the_session().add(std::move(found));
}

void tracer::fail_access(const char* detector, cudaError_t error, const std::string& what,
                         const char* advice, std::uintptr_t site) {
  raw_finding raw;
  raw.detector = detector;
  raw.site = site;
  raw.text = what + "\n  " + who(facts_.index, thread()) + " at {site}";
  record_->add(std::move(raw));
  // The calling frames are abandoned, and what they own is lost: a traced program can afford it.
  static thread_local char headline[512];
  std::snprintf(headline, sizeof headline, "%s", what.c_str());
  const source_line& line = line_of(site);
  block::running().fail(error, headline, advice, {line.file.c_str(), line.line});
}

void tracer::fail_index(const std::string& what, const char* file, unsigned line) {
  raw_finding raw;
  raw.detector = "out-of-bounds";
  raw.text =
      what + "\n  " + who(facts_.index, thread()) + " at " + file + ":" + std::to_string(line);
  record_->add(std::move(raw));
  static thread_local char headline[512];
  std::snprintf(headline, sizeof headline, "%s", what.c_str());
  block::running().fail(cudaErrorIllegalAddress, headline, "check the index against the array",
                        {file, line});
}

// ---- called by the executor --------------------------------------------------------------------

std::shared_ptr<launch_record> launch_begins(const grid& launch) {
  const auto wanted = the_session().wanted();
  if (!wanted) return nullptr;
  auto record = std::make_shared<launch_record>(*wanted, ++generations);
  record->kernel_module = launch.symbols().module;
  record->kernel = launch.symbols().name;
  record->work = performed_now();
  if (record->work) record->work->what = "kernel " + record->kernel;
  if (wanted->count) arena::instance().clear_touched();
  return record;
}

void launch_ends(const std::shared_ptr<launch_record>& record, const grid& launch) {
  if (record == nullptr) return;
  if (launch.failed()) {
    raw_finding raw;
    raw.detector = detector_of_failure(launch.report());
    raw.text = launch.report();
    if (!raw.detector.empty()) the_session().add(std::move(raw));
  }
  if (record->with.count) the_session().add(*record, launch);
}

void block_begins(launch_record* record, const block_facts& facts) {
  attached = active = nullptr;
  if (record == nullptr) return;
  if (this_tracer == nullptr) this_tracer = std::make_unique<tracer>();
  this_tracer->begin(*record, facts);
  {
    std::lock_guard lock(record->mutex);
    record->running[facts.index] = this_tracer.get();
  }
  attached = active = this_tracer.get();
}

void block_meets_cluster(unsigned rank, unsigned size) {
  if (active != nullptr) active->meet_cluster(rank, size);
}

void block_ends() {
  if (attached != nullptr) attached->end();
  attached = active = nullptr;
}

// While the tracer works on a CUDA thread's stack, functions of the standard library that it shares
// with instrumented code must not report to it.
class pause {
 public:
  pause() : was_(active) { active = nullptr; }
  ~pause() { active = was_; }
  tracer* operator->() const { return was_; }
  explicit operator bool() const { return was_ != nullptr; }

 private:
  tracer* was_;
};

void barrier(unsigned warps) {
  if (pause t; t) t->barrier(warps);
}
void collective(unsigned warp, std::uint32_t lanes) {
  if (pause t; t) t->collective(warp, lanes);
}
void async_copy_begins(void* shared, const void* global, unsigned bytes, unsigned source_bytes,
                       const void* return_address) {
  if (pause t; t) {
    t->async_copy_begins(static_cast<char*>(shared), static_cast<const char*>(global), bytes,
                         source_bytes, reinterpret_cast<std::uintptr_t>(return_address));
  }
}
void async_copy_lands(void* shared, unsigned bytes) {
  if (pause t; t) t->landed(static_cast<char*>(shared), bytes);
}

void* allocate_device(std::size_t bytes) {
  return arena::instance().allocate(bytes);
}
void release_device(void* pointer) {
  arena::instance().release(pointer);
}
void name_buffer(const void* device_pointer, std::string name) {
  arena::instance().name(device_pointer, std::move(name));
}

// ---- called by the compiler's callbacks and by wrappers of instructions ------------------------

void touch(const void* address, unsigned bytes, bool writes, const void* site) {
  if (active == nullptr || current_thread == nullptr) return;
  tracer& mine = *active;
  {
    const pause t;
    t->touch(reinterpret_cast<std::uintptr_t>(address), bytes,
             writes ? operation::store : operation::load, writes, false,
             reinterpret_cast<std::uintptr_t>(site));
  }
  if (mine.takes_a_break()) block::running().give_way();
}

void touch_volatile(const void* address, unsigned bytes, bool writes, const void* site) {
  if (active == nullptr || current_thread == nullptr) return;
  const pause t;
  t->touch(reinterpret_cast<std::uintptr_t>(address), bytes,
           writes ? operation::store : operation::load, writes, true,
           reinterpret_cast<std::uintptr_t>(site));
  t->note_order(address, !writes, writes);
}

void touch_atomic(const void* address, unsigned bytes, bool reads, bool writes, int memory_order,
                  const void* site) {
  if (active == nullptr || current_thread == nullptr) return;
  const pause t;
  t->touch(reinterpret_cast<std::uintptr_t>(address), bytes, operation::atomic, writes, true,
           reinterpret_cast<std::uintptr_t>(site));
  checker* const order = t->order();
  if (order == nullptr) return;
  const bool releases = memory_order == __ATOMIC_RELEASE || memory_order == __ATOMIC_ACQ_REL ||
                        memory_order == __ATOMIC_SEQ_CST;
  t->note_order(address, reads, writes);  // first: a plain store ends what was passed on before
  if (writes && releases) order->release(t->thread(), address, t->is_local(address));
}

void touch_atomic_done(const void* address, int memory_order) {
  if (active == nullptr || current_thread == nullptr) return;
  const pause t;
  checker* const order = t->order();
  const bool acquires = memory_order == __ATOMIC_ACQUIRE || memory_order == __ATOMIC_ACQ_REL ||
                        memory_order == __ATOMIC_SEQ_CST;
  if (order != nullptr && acquires) order->acquire(t->thread(), address, t->is_local(address));
}

void index_out_of_bounds(const char* file, unsigned line, unsigned long long index,
                         const char* array_type) {
  const std::string what = "index " + std::to_string(index) + " is out of bounds for " + array_type;
  const std::string place = std::string(file) + ":" + std::to_string(line);
  if (attached == nullptr || current_thread == nullptr) {
    std::fprintf(stderr, "%s: %s\n", place.c_str(), what.c_str());
    std::abort();
  }
  active = nullptr;
  attached->fail_index(what, file, line);
}

void touch_fence() {
  if (active == nullptr || current_thread == nullptr) return;
  const pause t;
  if (checker* const order = t->order()) order->fence(t->thread());
}

#define SIMT_RETURN_ADDRESS __builtin_return_address(0)

void note_atomic(const void* address, unsigned bytes) {
  const pause t;
  if (!t) return;
  t->touch(reinterpret_cast<std::uintptr_t>(address), bytes, operation::atomic, true, true,
           reinterpret_cast<std::uintptr_t>(SIMT_RETURN_ADDRESS));
  t->note_order(address, true, true);
}
void note_bulk_read(const void* global, unsigned bytes) {
  if (pause t; t) {
    t->bulk_global(global, bytes, false, reinterpret_cast<std::uintptr_t>(SIMT_RETURN_ADDRESS));
  }
}
void note_bulk_write(const void* global, unsigned bytes) {
  if (pause t; t) {
    t->bulk_global(global, bytes, true, reinterpret_cast<std::uintptr_t>(SIMT_RETURN_ADDRESS));
  }
}
void note_bulk_copy_begins(void* shared, unsigned bytes) {
  if (pause t; t) {
    t->bulk_copy_begins(static_cast<char*>(shared), bytes,
                        reinterpret_cast<std::uintptr_t>(SIMT_RETURN_ADDRESS));
  }
}
void note_bulk_source(const void* shared, unsigned bytes) {
  if (pause t; t) {
    t->bulk_source(shared, bytes, reinterpret_cast<std::uintptr_t>(SIMT_RETURN_ADDRESS));
  }
}
void note_source_read(const void* shared, unsigned bytes) {
  if (pause t; t) t->source_read(static_cast<const char*>(shared), bytes);
}
void note_engine_read(const void* shared, unsigned bytes) {
  if (pause t; t)
    t->engine_read(shared, bytes, reinterpret_cast<std::uintptr_t>(SIMT_RETURN_ADDRESS));
}
void note_landed(void* shared, unsigned bytes) {
  if (pause t; t) t->landed(static_cast<char*>(shared), bytes);
}
void note_release(const void* object) {
  const pause t;
  if (!t) return;
  if (checker* const order = t->order()) order->release(t->thread(), object, t->is_local(object));
}
void note_acquire(const void* object) {
  const pause t;
  if (!t) return;
  if (checker* const order = t->order()) order->acquire(t->thread(), object, t->is_local(object));
}
void group_arrives() {
  const pause t;
  if (!t) return;
  if (checker* const order = t->order()) order->arrive_at_group(t->thread());
}
void group_is_complete(const void* barrier, bool one_block) {
  const pause t;
  if (!t) return;
  if (checker* const order = t->order()) order->release_group(barrier, one_block);
}
void group_leaves(const void* barrier, bool one_block) {
  const pause t;
  if (!t) return;
  if (checker* const order = t->order()) order->acquire(t->thread(), barrier, one_block);
}

}  // namespace simt::trace
