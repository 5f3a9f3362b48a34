// SPDX-License-Identifier: Apache-2.0
// The functions at the end of this file are what the device headers call. They are here so that the
// compiler can put the whole path from __syncthreads() to the switch into one function.
#include "block.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <thread>

#include "simt/async_copy.hpp"

constinit thread_local uint3 blockIdx{};
constinit thread_local dim3 blockDim;
constinit thread_local dim3 gridDim;

namespace simt {

constinit thread_local thread_context* current_thread = nullptr;

namespace {

bool same_site(const site& a, const site& b) {
  return a.line == b.line && (a.file == b.file || std::strcmp(a.file, b.file) == 0);
}

constexpr const char* group_name(int g) {
  return g == 0 ? "cluster barrier" : "grid.sync()";
}

}  // namespace

// ---- choosing who runs -------------------------------------------------------------------------

std::uint64_t block::random_number() {
  random_state_ ^= random_state_ << 13;
  random_state_ ^= random_state_ >> 7;
  random_state_ ^= random_state_ << 17;
  return random_state_ >> 11;
}

unsigned block::next_start(unsigned after) {
  if (random_) return static_cast<unsigned>(random_number() % thread_count);
  return after + 1 == thread_count ? 0 : after + 1;
}

inline void block::switch_to(fiber& next, bool for_ever) {
  fiber& me = self();
  current_thread = &next;
  sanitizer::leave_stack(for_ever ? nullptr : &me.fake_stack,
                         {stacks_.bottom(next.linear_index), stacks_.stack_bytes()});
  execution_context::switch_stacks(me.context, next.context);
  sanitizer::enter_stack(me.fake_stack);
}

// Kept small, as it is on the path of every barrier.
inline void block::run_another() {
  const unsigned following = self().linear_index + 1;
  if (!random_ && following < thread_count && ready_.contains(following)) {
    switch_to(fibers_[following], false);
  } else {
    search_another();
  }
}

void block::search_another() {
  fiber& me = self();
  for (;;) {
    const int next = ready_.next(next_start(me.linear_index), thread_count);
    if (next >= 0) {
      if (static_cast<unsigned>(next) != me.linear_index) {
        switch_to(fibers_[static_cast<unsigned>(next)], exited_.contains(me.linear_index));
      }
      return;
    }
    if (alive_ == 0) return_to_scheduler();
    if (!sleep_for_a_group()) {
      fail(cudaErrorLaunchFailure, "deadlock: every thread of the block waits, or has exited",
           "look for a barrier or warp collective that only part of its threads reach", me.where);
    }
  }
}

void block::return_to_scheduler() {
  fiber& me = self();
  sanitizer::leave_stack(nullptr, os_stack_);
  execution_context::switch_stacks(me.context, scheduler_);
  std::abort();
}

// Leaves all fibers of the block where they are. Their destructors do not run.
void block::abandon() {
  abandoned_ = true;
  return_to_scheduler();
}

void block::back_off() {
  fiber& me = self();
  if (grid_->failed()) abandon();
  const int next = ready_.next(next_start(me.linear_index), thread_count);
  // Once per round of the block, let other OS threads run: what is waited for may be theirs.
  if (static_cast<unsigned>(next) == me.linear_index || ++back_offs_ >= thread_count) {
    back_offs_ = 0;
    for (group& g : groups_) {
      if (g.waiting_count > 0 && g.barrier->phase() > g.waiting_token) release_waiters(g);
    }
    check_watchdog();
    std::this_thread::yield();
  }
  if (static_cast<unsigned>(next) != me.linear_index) {
    switch_to(fibers_[static_cast<unsigned>(next)], false);
  }
}

void block::give_way() {
  ++progress_;
  run_another();
}

void block::check_watchdog() {
  const double limit = grid_->plan().with.watchdog_seconds;
  if (limit <= 0) return;
  const auto now = std::chrono::steady_clock::now();
  if (progress_ != watched_progress_ || watched_since_ == std::chrono::steady_clock::time_point{}) {
    watched_progress_ = progress_;
    watched_since_ = now;
  } else if (std::chrono::duration<double>(now - watched_since_).count() > limit) {
    fail(cudaErrorLaunchTimeout, "no progress: threads spin in __nanosleep for too long",
         "what they wait for never happens, or options::watchdog_seconds is too short",
         self().where);
  }
}

// ---- life of a block ---------------------------------------------------------------------------

block& block::of_this_os_thread(std::size_t stack_bytes) {
  thread_local std::unique_ptr<block> mine;
  if (!mine || mine->stacks_.stack_bytes() < stack_bytes) {
    mine.reset();
    mine = std::make_unique<block>(stack_bytes);
  }
  return *mine;
}

block::~block() {
  sanitizer::unpoison(dynamic_shared, dynamic_capacity_);
  std::free(dynamic_shared);
}

void block::prepare(grid& launch, uint3 index, cluster* team, unsigned rank) {
  const launch_plan& plan = launch.plan();
  grid_ = &launch;
  team_ = team;
  block_index = blockIdx = index;
  block_dim = blockDim = plan.block;
  grid_dim = gridDim = plan.grid;
  cluster_dim = plan.cluster;
  cluster_rank = rank;
  thread_count = alive_ = plan.block_threads();
  dynamic_shared_bytes = plan.dynamic_shared_bytes;

  random_ = plan.with.schedule == schedule::random;
  // Every block gets its own order; the multiplier only spreads neighbouring seeds.
  const std::uint64_t linear =
      index.x + std::uint64_t{plan.grid.x} * (index.y + std::uint64_t{plan.grid.y} * index.z);
  random_state_ = (plan.with.seed + 1) * 0x9E3779B97F4A7C15ull + linear * 0xD1B54A32D192ED03ull;
  if (random_state_ == 0) random_state_ = 1;

  barrier_arrived_ = barrier_in_favour_ = 0;
  barrier_sites_differ_ = false;
  at_barrier_.clear();
  exited_.clear();
  ready_.clear();
  groups_[0].barrier = team ? &team->barrier : &solo_cluster_;
  groups_[1].barrier = launch.barrier();
  for (group& g : groups_) {
    g.arrived = g.waiting_count = 0;
    g.submitted = g.barrier ? g.barrier->phase() : 0;
    g.waiting.clear();
  }
  numbered_.fill({});
  back_offs_ = 0;
  watched_since_ = {};

  stacks_.reserve(thread_count);
  if (fibers_.size() < thread_count) fibers_.resize(thread_count);
  warps_.resize((thread_count + 31) / 32);
  for (unsigned w = 0; w < warps_.size(); ++w) {
    const unsigned lanes = thread_count - w * 32;
    warps_[w].live = warps_[w].present = lanes >= 32 ? ~0u : (1u << lanes) - 1;
    warps_[w].pending = 0;
  }
  // Only the frames at the top of a stack are still marked after a thread has ended in order. What
  // an abandoned thread left behind can be anywhere.
  const std::size_t marked = abandoned_ ? stacks_.stack_bytes() : std::size_t{4096};
  uint3 position{0, 0, 0};
  for (unsigned i = 0; i < thread_count; ++i) {
    fiber& f = fibers_[i];
    f.thread_index = position;
    f.linear_index = i;
    f.block = this;
    f.where = {};
    f.fake_stack = nullptr;
    for (auto& g : f.group) g = {};
    sanitizer::unpoison(stacks_.bottom(i) + stacks_.stack_bytes() - marked, marked);
    // Within the page, tops are staggered by cache lines, so that the same local variable of many
    // threads does not always fall into the same cache set.
    const std::size_t stagger = (i * 5 % 32) * 64;
    f.context.prepare(stacks_.bottom(i), stacks_.stack_bytes() - stagger, &block::fiber_main);
    ready_.insert(i);
    if (++position.x == block_dim.x) {
      position.x = 0;
      if (++position.y == block_dim.y) {
        position.y = 0;
        ++position.z;
      }
    }
    if (copies_) copies_[i].reset();
  }
  abandoned_ = false;
}

void block::prepare_shared_memory() {
  const std::size_t needed = dynamic_shared_bytes + trace::dynamic_shared_gap;
  if (dynamic_capacity_ < needed) {
    sanitizer::unpoison(dynamic_shared, dynamic_capacity_);
    std::free(dynamic_shared);
    dynamic_capacity_ = (needed + 1023) / 1024 * 1024;
    dynamic_shared = std::aligned_alloc(1024, dynamic_capacity_);
    if (dynamic_shared == nullptr) throw std::bad_alloc();
  }
  auto* bytes = static_cast<char*>(dynamic_shared);
  sanitizer::unpoison(bytes, dynamic_shared_bytes);
  sanitizer::poison(bytes + dynamic_shared_bytes, dynamic_capacity_ - dynamic_shared_bytes);
  if (grid_->plan().with.poison_shared) poison_shared_memory();
}

// Shared memory is not initialised on a GPU, and what the previous block left there is often right
// by accident.
void block::poison_shared_memory() {
  std::memset(dynamic_shared, 0xFF, dynamic_shared_bytes);
  const kernel_symbols& symbols = grid_->symbols();
  const thread_segment* segment = nullptr;
  for (int attempt = 0; attempt < 2 && segment == nullptr; ++attempt) {
    for (const thread_segment& s : segments_) {
      if (s.module == symbols.module && s.address != nullptr) segment = &s;
    }
    if (segment == nullptr) segments_ = thread_segments();
  }
  if (segment == nullptr) return;  // never touched by this OS thread: nothing stale in it
  // Thread-local storage may lie where an earlier OS thread had its stack, marks and all. All of
  // it, as device functions may have shared memory that is not among the variables.
  sanitizer::unpoison(segment->address, segment->bytes);
  for (const shared_variable& v : symbols.variables)
    std::memset(segment->address + v.offset, 0xFF, v.bytes);
}

void block::run(grid& launch, uint3 index, cluster* team, unsigned rank) {
  prepare(launch, index, team, rank);
  prepare_shared_memory();
  const auto linear = static_cast<std::uint32_t>(
      index.x + std::uint64_t{grid_dim.x} * (index.y + std::uint64_t{grid_dim.y} * index.z));
  trace::block_begins(launch.record(),
                      {.index = linear,
                       .threads = thread_count,
                       .grid = grid_dim,
                       .block = block_dim,
                       .dynamic_shared = static_cast<char*>(dynamic_shared),
                       .dynamic_shared_bytes = dynamic_shared_bytes,
                       .stack_bytes = stacks_.stack_bytes(),
                       .executor_data = {{fibers_.data(), fibers_.size() * sizeof(fiber)},
                                         {static_cast<block_context*>(this), sizeof *this}}});
  if (team != nullptr) {
    // Peers may use this block's shared memory from here on, as on a GPU, where the blocks of a
    // cluster start together.
    if (segments_.empty()) segments_ = thread_segments();
    team->blocks[rank] = this;
    team->start.arrive();
    if (team->start.wait(0) != group_barrier::outcome::completed) return;
    trace::block_meets_cluster(rank, static_cast<unsigned>(team->blocks.size()));
  }
  os_stack_ = sanitizer::this_thread_stack();
  fiber& first = fibers_[random_ ? random_number() % thread_count : 0];
  current_thread = &first;
  void* fake_stack = nullptr;
  sanitizer::leave_stack(&fake_stack, {stacks_.bottom(first.linear_index), stacks_.stack_bytes()});
  execution_context::switch_stacks(scheduler_, first.context);
  sanitizer::enter_stack(fake_stack);
  current_thread = nullptr;
  trace::block_ends();

  for (group& g : groups_) {
    if (g.barrier != nullptr && g.barrier != &solo_cluster_) g.barrier->leave();
  }
  // A peer that still reads this block's shared memory must not find the right values there.
  if (team != nullptr && launch.plan().with.poison_shared) poison_shared_memory();
}

SIMT_NO_ASAN void block::fiber_main() {
  sanitizer::enter_stack(nullptr);
  block& b = running();
  // The failure is reported after the handler: leaving a handler for good would keep its exception.
  bool threw = false;
  try {
    b.grid_->plan().body();
  } catch (const std::exception& e) {
    threw = true;
    std::snprintf(b.thrown_, sizeof b.thrown_, "%s", e.what());
  } catch (...) {
    threw = true;
    std::snprintf(b.thrown_, sizeof b.thrown_, "not a std::exception");
  }
  if (threw) {
    b.fail(cudaErrorLaunchFailure, "an exception left the kernel: ", "device code can not throw",
           self().where, b.thrown_);
  }
  b.exit_thread();
  std::abort();  // an exited thread is never resumed
}

void block::exit_thread() {
  fiber& me = self();
  if (copies_) copies_[me.linear_index].finish_unwaited();
  trace::group_arrives();  // at every barrier among blocks from now on
  warp& w = warps_[me.linear_index / 32];
  const unsigned lane_bit = 1u << me.lane();
  for (unsigned i = 0; i < w.pending; ++i) {
    if (w.rendezvous[i].mask & lane_bit) {
      exited_.insert(me.linear_index);
      fail(cudaErrorLaunchFailure,
           "a thread exited while other lanes wait for it in a warp collective",
           "the mask must name exactly the lanes that reach the call", w.rendezvous[i].where);
    }
  }
  w.live &= ~lane_bit;
  ++progress_;
  --alive_;
  ready_.erase(me.linear_index);
  exited_.insert(me.linear_index);
  for (int g = 0; g < group_count; ++g) {
    if (me.group[g].arrived && me.group[g].token == groups_[g].submitted) --groups_[g].arrived;
  }
  if (alive_ > 0) {
    // The others no longer wait for this thread.
    if (barrier_arrived_ == alive_) release_barrier();
    for (group& g : groups_) {
      if (g.arrived == alive_) submit(g);
    }
  }
  search_another();
}

// ---- block barrier -----------------------------------------------------------------------------

detail::barrier_votes block::barrier(bool predicate, site where) {
  fiber& me = self();
  me.where = where;
  if (barrier_arrived_ == 0) {
    barrier_site_ = where;
  } else if (!same_site(barrier_site_, where)) {
    barrier_sites_differ_ = true;
  }
  barrier_in_favour_ += predicate;
  if (++barrier_arrived_ == alive_) {
    if (barrier_sites_differ_) at_barrier_.insert(me.linear_index);
    release_barrier();
    give_way_if_random();
  } else {
    ready_.erase(me.linear_index);
    at_barrier_.insert(me.linear_index);
    run_another();
  }
  return votes_;  // stays until all have arrived at the next barrier, hence have read it
}

void block::release_barrier() {
  if (barrier_sites_differ_) {
    fail(cudaErrorLaunchFailure, "divergent __syncthreads(): threads wait at different calls",
         "move the barrier out of the branch, so that all threads reach the same call",
         self().where);
  }
  if (grid_->failed()) abandon();
  if constexpr (traced) {
    trace::barrier(static_cast<unsigned>(
        std::count_if(warps_.begin(), warps_.end(), [](const warp& w) { return w.live != 0; })));
  }
  votes_ = {barrier_in_favour_, barrier_arrived_};
  barrier_arrived_ = barrier_in_favour_ = 0;
  ++progress_;
  ready_.take(at_barrier_, thread_count);
}

// A named barrier of the hardware. Who waits, spins: few threads do, and not for long.
void block::numbered_barrier(int number, unsigned threads, site where) {
  self().where = where;
  if (number < 1 || number >= int(numbered_.size()) || threads % 32 != 0) {
    fail(cudaErrorLaunchFailure, "numbered_barrier(): illegal number or count of threads",
         "numbers go from 1 to 15, whole warps take part", where);
  }
  numbered_state& state = numbered_[unsigned(number)];
  trace::note_release(&state);
  const unsigned phase = state.phase;
  if (++state.arrived == threads) {
    state.arrived = 0;
    ++state.phase;
    ++progress_;
  } else {
    while (state.phase == phase) back_off();
  }
  trace::note_acquire(&state);
}

// ---- warp collectives --------------------------------------------------------------------------

detail::warp_rendezvous* block::join(unsigned mask, void* slot, const void* kind, site where) {
  fiber& me = self();
  warp& w = warps_[me.linear_index / 32];
  const unsigned lane = me.lane();
  me.where = where;
  me.mask = mask;
  if (!((mask >> lane) & 1u)) {
    fail(cudaErrorLaunchFailure, "warp collective: the calling lane is not in its own mask",
         "every lane that makes the call must be named in the mask", where);
  }
  const unsigned present = mask & w.present;
  if (present & ~w.live) {
    fail(cudaErrorLaunchFailure, "warp collective: the mask names lanes that have exited",
         "threads that return early may not be in the mask of a later collective", where);
  }
  detail::warp_rendezvous* rendezvous = nullptr;
  for (unsigned i = 0; i < w.pending; ++i) {
    if (w.rendezvous[i].mask == mask) {
      rendezvous = &w.rendezvous[i];
      break;
    }
  }
  if (rendezvous == nullptr) {
    rendezvous = &w.rendezvous[w.pending++];
    rendezvous->mask = mask;
    rendezvous->present = present;
    rendezvous->arrived = 0;
    rendezvous->kind = kind;
    rendezvous->where = where;
    rendezvous->warp = me.linear_index / 32;
  } else if (rendezvous->kind != kind || !same_site(rendezvous->where, where)) {
    fail(cudaErrorLaunchFailure, "warp collective: lanes of one mask are at different calls",
         "all lanes that the mask names must make the same call", where);
  }
  rendezvous->slots[lane] = slot;
  rendezvous->arrived |= 1u << lane;
  if (rendezvous->arrived == present) return rendezvous;
  ready_.erase(me.linear_index);
  run_another();
  return nullptr;
}

void block::finish(detail::warp_rendezvous& rendezvous) {
  warp& w = warps_[rendezvous.warp];
  trace::collective(rendezvous.warp, rendezvous.present);
  for (unsigned lanes = rendezvous.present; lanes != 0; lanes &= lanes - 1) {
    ready_.insert(rendezvous.warp * 32 + static_cast<unsigned>(std::countr_zero(lanes)));
  }
  detail::warp_rendezvous& last = w.rendezvous[--w.pending];
  if (&rendezvous != &last) rendezvous = last;
  ++progress_;
  give_way_if_random();
}

// ---- barriers among blocks ---------------------------------------------------------------------

void block::group_arrive(detail::block_group which, site where) {
  const int index = static_cast<int>(which);
  group& g = groups_[index];
  fiber& me = self();
  me.where = where;
  if (g.barrier == nullptr) {
    fail(cudaErrorLaunchFailure, "grid.sync() in a launch that is not cooperative",
         "set cudaLaunchAttributeCooperative on the launch", where);
  }
  if (me.group[index].arrived) {
    fail(cudaErrorLaunchFailure, "barrier_arrive() twice without a barrier_wait()",
         "every arrive needs its wait before the next one", where);
  }
  me.group[index] = {true, g.submitted};
  trace::group_arrives();
  if (++g.arrived == alive_) submit(g);
}

void block::submit(group& g) {
  trace::group_is_complete(phase_object(g, g.submitted), g.barrier == &solo_cluster_);
  g.arrived = 0;
  ++g.submitted;
  ++progress_;
  g.barrier->arrive();
}

void block::group_wait(detail::block_group which, site where) {
  const int index = static_cast<int>(which);
  group& g = groups_[index];
  fiber& me = self();
  me.where = where;
  if (!me.group[index].arrived) {
    fail(cudaErrorLaunchFailure, "barrier_wait() without a barrier_arrive()",
         "every wait needs an arrive before it", where);
  }
  const std::uint64_t token = me.group[index].token;
  me.group[index].arrived = false;
  if (g.barrier->phase() > token) {
    // Those of this block that sleep wait for the same phase, an earlier one, or already the next.
    if (g.waiting_count > 0 && g.barrier->phase() > g.waiting_token) release_waiters(g);
    give_way_if_random();
  } else {
    ready_.erase(me.linear_index);
    g.waiting.insert(me.linear_index);
    g.waiting_token = token;
    ++g.waiting_count;
    run_another();
  }
  trace::group_leaves(phase_object(g, token), g.barrier == &solo_cluster_);
}

// A phase of the barrier, for the tracer. Nobody is two phases ahead of anybody.
const void* block::phase_object(const group& g, std::uint64_t phase) {
  return reinterpret_cast<const char*>(g.barrier) + phase % 2;
}

void block::release_waiters(group& g) {
  g.waiting_count = 0;
  ++progress_;
  ready_.take(g.waiting, thread_count);
}

// With no thread ready, the OS thread itself waits for the other blocks. False if that would be for
// ever, because this block has not arrived.
bool block::sleep_for_a_group() {
  for (int index = 0; index < group_count; ++index) {
    group& g = groups_[index];
    if (g.waiting_count == 0 || g.submitted <= g.waiting_token) continue;
    switch (g.barrier->wait(g.waiting_token)) {
      case group_barrier::outcome::completed:
        release_waiters(g);
        return true;
      case group_barrier::outcome::interrupted:
        abandon();
      case group_barrier::outcome::can_not_complete:
        fail(cudaErrorLaunchFailure, "deadlock: a block has exited that others wait for at ",
             "every block must reach every grid.sync()", self().where, group_name(index));
    }
  }
  return false;
}

void* block::map_shared(const void* mine, unsigned rank, site where) {
  if (rank >= cluster_dim.x * cluster_dim.y * cluster_dim.z) {
    fail(cudaErrorLaunchFailure, "map_shared_rank(): there is no block of this rank in the cluster",
         "ranks go from 0 to num_blocks() - 1", where);
  }
  const block& peer = team_ != nullptr ? *team_->blocks[rank] : *this;
  const auto* address = static_cast<const char*>(mine);
  const auto offset_in = [address](const void* start) {
    return static_cast<std::size_t>(reinterpret_cast<std::uintptr_t>(address) -
                                    reinterpret_cast<std::uintptr_t>(start));
  };
  if (offset_in(dynamic_shared) < dynamic_capacity_) {
    return static_cast<char*>(peer.dynamic_shared) + offset_in(dynamic_shared);
  }
  if (&peer == this) return const_cast<void*>(mine);
  for (const thread_segment& segment : thread_segments()) {
    if (segment.address == nullptr || offset_in(segment.address) >= segment.bytes) continue;
    for (const thread_segment& theirs : peer.segments_) {
      if (theirs.module == segment.module && theirs.address != nullptr) {
        return theirs.address + offset_in(segment.address);
      }
    }
  }
  fail(cudaErrorLaunchFailure, "map_shared_rank(): not an address in this block's shared memory",
       "pass the address of a __shared__ object or one inside simt::dynamic_shared()", where);
}

async_copy_queue& block::copies() {
  if (!copies_) copies_ = std::make_unique<async_copy_queue[]>(max_block_threads);
  return copies_[self().linear_index];
}

// ---- failure -----------------------------------------------------------------------------------

namespace {

std::string text(dim3 v) {
  return "(" + std::to_string(v.x) + "," + std::to_string(v.y) + "," + std::to_string(v.z) + ")";
}
std::string text(const site& where) {
  return std::string(where.file) + ":" + std::to_string(where.line);
}

}  // namespace

std::string block::describe_thread(unsigned i) const {
  const fiber& f = fibers_[i];
  if (exited_.contains(i)) return "exited";
  if (at_barrier_.contains(i)) return "waiting in __syncthreads() at " + text(f.where);
  for (int g = 0; g < group_count; ++g) {
    if (groups_[g].waiting.contains(i)) {
      return std::string("waiting in ") + group_name(g) + " at " + text(f.where);
    }
  }
  if (!ready_.contains(i)) {
    char mask[16];
    std::snprintf(mask, sizeof mask, "0x%08x", f.mask);
    return std::string("waiting in a warp collective of mask ") + mask + " at " + text(f.where);
  }
  if (f.where.line == 0) return "able to run, has not synchronised yet";
  return "able to run, last synchronised at " + text(f.where);
}

std::string block::describe_threads() const {
  constexpr int most_lines = 24;
  std::string lines;
  int line_count = 0;
  for (unsigned first = 0; first < thread_count;) {
    const std::string state = describe_thread(first);
    unsigned end = first + 1;
    while (end < thread_count && describe_thread(end) == state) ++end;
    if (++line_count > most_lines) return lines + "  ...\n";
    lines += end - first == 1
                 ? "  thread " + std::to_string(first)
                 : "  threads " + std::to_string(first) + ".." + std::to_string(end - 1);
    lines += ": " + state + "\n";
    first = end;
  }
  return lines;
}

std::string block::describe_failure(std::string_view what, std::string_view advice, site where,
                                    std::string_view detail) const {
  std::string report = "simt: ";
  report.append(what).append(detail).append("\n");
  report += "  in thread " + std::to_string(self().linear_index) + " of block " +
            text(dim3(block_index)) + ", grid " + text(grid_dim) + ", " +
            std::to_string(thread_count) + " threads per block\n";
  report += "  kernel " + grid_->symbols().name + "\n";
  if (where.line != 0) report += "  at " + text(where) + "\n";
  report += describe_threads();
  report.append("  advice: ").append(advice).append("\n");
  return report;
}

void block::fail(cudaError_t error, std::string_view what, std::string_view advice, site where,
                 std::string_view detail) {
  grid_->fail(error, describe_failure(what, advice, where, detail));
  abandon();
}

// ---- what the inline device headers call: the running thread's block does it -------------------

namespace detail {

barrier_votes block_barrier(bool predicate, site where) {
  return block::running().barrier(predicate, where);
}

void back_off() {
  block::running().back_off();
}

void trap(site where) {
  block::running().fail(cudaErrorLaunchFailure, "__trap()", "the kernel gave up on purpose", where);
}

warp_rendezvous* join_collective(unsigned mask, void* slot, const void* kind, site where,
                                 void*** slots, unsigned* present) {
  warp_rendezvous* last = block::running().join(mask, slot, kind, where);
  if (last != nullptr) {
    *slots = last->slots;
    *present = last->present;
  }
  return last;
}

void finish_collective(warp_rendezvous* rendezvous) {
  block::running().finish(*rendezvous);
}

void group_arrive(block_group group, site where) {
  block::running().group_arrive(group, where);
}
void group_wait(block_group group, site where) {
  block::running().group_wait(group, where);
}

void numbered_barrier(int number, unsigned threads, site where) {
  block::running().numbered_barrier(number, threads, where);
}

const void* kept_by_launch(const void* bytes, std::size_t size) {
  return block::running().launch().keep(bytes, size);
}

void* map_shared(const void* mine, unsigned rank, site where) {
  return block::running().map_shared(mine, rank, where);
}

}  // namespace detail

void async_copy(void* shared_dst, const void* global_src, int bytes, int src_bytes, site where) {
  block& b = block::running();
  const auto dst = reinterpret_cast<std::uintptr_t>(shared_dst);
  const auto src = reinterpret_cast<std::uintptr_t>(global_src);
  if ((bytes != 4 && bytes != 8 && bytes != 16) || src_bytes < 0 || src_bytes > bytes) {
    b.fail(cudaErrorLaunchFailure, "async_copy(): illegal size",
           "cp.async moves 4, 8 or 16 bytes, of which at most that many come from the source",
           where);
  }
  trace::async_copy_begins(shared_dst, global_src, static_cast<unsigned>(bytes),
                           static_cast<unsigned>(src_bytes), __builtin_return_address(0));
  if (((dst | src) & static_cast<std::uintptr_t>(bytes - 1)) != 0) {
    b.fail(cudaErrorMisalignedAddress, "async_copy(): misaligned address",
           "both addresses must be multiples of the copy's size", where);
  }
  b.copies().push(shared_dst, global_src, bytes, src_bytes);
}

void async_commit() {
  block::running().copies().commit();
}
void async_wait(int groups_left) {
  block::running().copies().wait(static_cast<std::uint32_t>(groups_left));
}
void async_wait_all() {
  block::running().copies().wait_all();
}

}  // namespace simt

// A failed assert() in a kernel ends the launch with cudaErrorAssert, not the process. This takes
// the place of the C library's function of the same name, whose behaviour it keeps outside kernels.
extern "C" [[noreturn]] void __assert_fail(const char* expression, const char* file, unsigned line,
                                           const char* function) noexcept {
  if (simt::current_thread != nullptr) {
    simt::block::running().fail(cudaErrorAssert,
                                "assertion failed: ", "the kernel checked this itself",
                                {file, line}, expression);
  }
  std::fprintf(stderr, "%s:%u: %s: Assertion `%s' failed.\n", file, line, function, expression);
  std::abort();
}
