// SPDX-License-Identifier: Apache-2.0
// One block while it runs: its fibers, who of them is ready, and everything they can wait for.
// A block belongs to one OS thread and is reused for the blocks that this thread runs later.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "async_copy_queue.hpp"
#include "fiber.hpp"
#include "grid.hpp"
#include "simt/cluster.hpp"
#include "simt/context.hpp"
#include "simt/site.hpp"
#include "simt/synchronization.hpp"
#include "simt/warp.hpp"
#include "thread_set.hpp"

namespace simt {

inline constexpr int group_count = 2;

struct fiber : thread_context {
  execution_context context;
  site where;         // last synchronisation
  unsigned mask = 0;  // of the warp collective it waits in
  void* fake_stack = nullptr;
  struct {
    bool arrived = false;  // has arrived, has not yet waited
    std::uint64_t token = 0;
  } group[group_count];
};

namespace detail {

struct warp_rendezvous {
  unsigned mask;     // as the lanes gave it
  unsigned present;  // without lanes that the block does not have
  unsigned arrived;
  const void* kind;
  site where;
  unsigned warp;
  void* slots[32];
};

}  // namespace detail

class block : public block_context {
 public:
  // The calling OS thread's block.
  static block& of_this_os_thread(std::size_t stack_bytes);
  // The block whose fiber is running.
  static block& running() { return static_cast<block&>(*current_thread->block); }

  explicit block(std::size_t stack_bytes) : stacks_(stack_bytes) {}
  ~block();

  // Runs the block of the given index to its end, or to the launch's failure. `team` is null for
  // blocks that form no cluster.
  void run(grid& launch, uint3 index, cluster* team, unsigned rank);

  // ---- called by fibers ----
  detail::barrier_votes barrier(bool predicate, site where);
  detail::warp_rendezvous* join(unsigned mask, void* slot, const void* kind, site where);
  void finish(detail::warp_rendezvous& rendezvous);
  void group_arrive(detail::block_group which, site where);
  void group_wait(detail::block_group which, site where);
  void back_off();
  void numbered_barrier(int number, unsigned threads, site where);
  void give_way();  // lets the other ready threads run; no sign of being stuck
  void* map_shared(const void* mine, unsigned rank, site where);
  grid& launch() { return *grid_; }
  async_copy_queue& copies();
  // `what` and `detail` together are the headline. No std::string here: the caller's frame is
  // abandoned, and what it owned would leak.
  [[noreturn]] void fail(cudaError_t error, std::string_view what, std::string_view advice,
                         site where, std::string_view detail = {});

 private:
  struct warp {
    unsigned live = 0;     // lanes that have not exited
    unsigned present = 0;  // lanes that exist
    unsigned pending = 0;
    std::array<detail::warp_rendezvous, 32> rendezvous;
  };
  struct group {
    group_barrier* barrier = nullptr;
    unsigned arrived = 0;         // threads that arrived for the phase in progress
    std::uint64_t submitted = 0;  // phases for which the whole block has arrived
    unsigned waiting_count = 0;
    std::uint64_t waiting_token = 0;
    thread_set waiting;
  };

  struct numbered_state {
    unsigned arrived = 0, phase = 0;
  };

  static fiber& self() { return static_cast<fiber&>(*current_thread); }
  static void fiber_main();

  void prepare(grid& launch, uint3 index, cluster* team, unsigned rank);
  void prepare_shared_memory();
  void poison_shared_memory();
  void exit_thread();
  void release_barrier();
  void submit(group& g);
  static const void* phase_object(const group& g, std::uint64_t phase);
  void release_waiters(group& g);
  bool sleep_for_a_group();
  void check_watchdog();

  // Suspends the calling fiber, which must have left `ready_` unless it only gives way.
  void run_another();
  void search_another();
  void give_way_if_random() {
    if (random_) run_another();
  }
  void switch_to(fiber& next, bool for_ever);
  [[noreturn]] void return_to_scheduler();
  [[noreturn]] void abandon();
  unsigned next_start(unsigned after);
  std::uint64_t random_number();
  std::string describe_failure(std::string_view what, std::string_view advice, site where,
                               std::string_view detail) const;
  std::string describe_threads() const;
  std::string describe_thread(unsigned i) const;

  grid* grid_ = nullptr;
  cluster* team_ = nullptr;
  stack_pool stacks_;
  sanitizer::stack_bounds os_stack_;
  execution_context scheduler_;
  std::vector<fiber> fibers_;
  std::vector<warp> warps_;
  std::unique_ptr<async_copy_queue[]> copies_;
  std::vector<thread_segment> segments_;
  std::size_t dynamic_capacity_ = 0;
  bool abandoned_ = false;
  char thrown_[256] = "";  // of an exception; not on the fiber, whose stack must stay cheap

  unsigned alive_ = 0;
  thread_set ready_;
  thread_set exited_;

  thread_set at_barrier_;
  unsigned barrier_arrived_ = 0;
  unsigned barrier_in_favour_ = 0;
  bool barrier_sites_differ_ = false;
  site barrier_site_;
  detail::barrier_votes votes_{};

  std::array<numbered_state, 16> numbered_;

  group groups_[group_count];
  group_barrier solo_cluster_{1, group_barrier::leaving::counts_as_arrived};

  bool random_ = false;
  std::uint64_t random_state_ = 1;
  unsigned back_offs_ = 0;
  std::uint64_t progress_ = 0;
  std::uint64_t watched_progress_ = 0;
  std::chrono::steady_clock::time_point watched_since_;
};

}  // namespace simt
