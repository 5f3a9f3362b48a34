// SPDX-License-Identifier: Apache-2.0
// Finds races, and reads of shared memory that nobody has written, while a block runs. One object
// per OS thread; what several blocks share is in launch_checker.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "knowledge.hpp"

namespace simt::trace {

struct access {
  std::uintptr_t address;
  unsigned bytes;
  std::uintptr_t site;  // return address
  bool writes;
  bool atomic;
  bool reads = !writes;  // both: an atomic update
};

enum class defect {
  shared_race,
  global_race,
  uninitialized_shared,
  unwaited_copy,
};

struct conflict {
  defect what;
  stamp other;  // the earlier access
  std::uintptr_t other_site = 0;
  bool other_writes = false;
};

// One 4-byte word of memory: who wrote it last, who has read it since, who is about to write it.
struct word_state {
  struct visit {
    stamp when;
    std::uint8_t bytes = 0;  // mask of the word's bytes; 0: none
    enum class how : std::uint8_t { plain, atomic, unfinished_copy } manner = how::plain;
    std::uintptr_t site = 0;
  };
  std::uint32_t generation = 0;    // the launch, or the block, that this is about
  std::uint8_t written_bytes = 0;  // in this generation
  visit write;
  visit read, read_in_warp, read_elsewhere;  // the last, of other threads of its warp, of others
  visit lent;                                // to the copy engine, which is going to read it
};

// The shared memory of one block, static and dynamic. Blocks of a cluster reach into each other's.
struct shared_words {
  std::uint32_t generation = 0;  // the block
  std::vector<word_state> words;
  bool has_peers = false;  // blocks of a cluster, which run on other OS threads
  std::mutex mutex;

  std::unique_lock<std::mutex> lock() {
    return has_peers ? std::unique_lock(mutex) : std::unique_lock<std::mutex>();
  }

  word_state& at(std::size_t index) {
    word_state& word = words[index];
    if (word.generation != generation) {
      word = {};
      word.generation = generation;
    }
    return word;
  }
};

// What the blocks of one launch share.
class launch_checker {
 public:
  explicit launch_checker(std::uint32_t generation) : generation_(generation) {}

  std::uint32_t generation() const { return generation_; }

  // Objects through which threads synchronise: flags, counters, barriers. `update` runs alone.
  template <class Update>
  void with_object(const void* object, Update update) {
    std::lock_guard lock(mutex_);
    update(objects_[object]);
  }

 private:
  std::uint32_t generation_;
  std::mutex mutex_;
  std::unordered_map<const void*, shared_knowledge> objects_;
};

class checker {
 public:
  checker();

  void begin_block(launch_checker& launch, std::uint32_t block, unsigned threads);

  // ---- order ----
  void block_barrier();
  void warp_collective(unsigned warp, std::uint32_t lanes);
  void fence(unsigned thread);
  // A synchronisation object, as a barrier among blocks is one. `local`: only this block sees it.
  void release(unsigned thread, const void* object, bool local);
  void acquire(unsigned thread, const void* object, bool local);
  // Relaxed atomics carry what fences around them allow.
  void atomic_write(unsigned thread, const void* object, bool local, bool reads_too);
  void atomic_read(unsigned thread, const void* object, bool local);

  // ---- accesses; the conflict, if there is one ----
  bool touch_global(unsigned thread, const access& a, conflict& found);
  // `shared` holds the address, `offset` bytes from its start.
  bool touch_shared(unsigned thread, const access& a, shared_words& shared, std::size_t offset,
                    conflict& found);

  // An asynchronous copy has been asked for: until somebody has waited for it, nobody may touch its
  // target. Then it counts as written by the one who waited.
  bool copy_begins(unsigned thread, const access& a, shared_words& shared, std::size_t offset,
                   conflict& found);
  void copy_lands(unsigned thread, const access& a, shared_words& shared, std::size_t offset);
  // The copy engine reads shared memory: until then nobody may write it, its own thread neither.
  bool source_is_lent(unsigned thread, const access& a, shared_words& shared, std::size_t offset,
                      conflict& found);
  void source_is_read(const access& a, shared_words& shared, std::size_t offset);
  // The block, as one, at a barrier among blocks: what each thread did before it arrived.
  void arrive_at_group(unsigned thread);
  void release_group(const void* object, bool local);

 private:
  struct thread_state {
    std::uint32_t clock = 1;
    std::uint32_t arrived = 0;             // its clock when it came to the barrier among blocks
    std::array<std::uint32_t, 32> warp{};  // what it knows of its warp's lanes in this epoch
    std::unique_ptr<std::vector<std::uint32_t>> block;  // of other warps' threads, if anything
    shared_knowledge beyond;                            // of other blocks
    shared_knowledge fenced;                            // what its next atomic write passes on
    // Objects of its atomic reads since the last fence, and whether they are local. They are asked
    // at the fence, when the reads have surely happened.
    std::vector<std::pair<const void*, bool>> seen;
  };

  stamp now(unsigned thread) const {
    return {block_, epoch_, threads_[thread].clock, static_cast<std::uint16_t>(thread)};
  }
  template <class Update>
  void with_object(const void* object, bool local, Update update);
  bool happened_before(const stamp& s, unsigned thread) const;
  shared_knowledge all_that(unsigned thread) const;
  void learn(unsigned thread, const shared_knowledge& k);
  shared_knowledge merged_once(const shared_knowledge& a, const shared_knowledge& b);
  bool check_word(unsigned thread, const access& a, std::uint8_t bytes, word_state& word,
                  conflict& found) const;
  void record(unsigned thread, const access& a, std::uint8_t bytes, word_state& word) const;

  launch_checker* launch_ = nullptr;
  std::unordered_map<const void*, shared_knowledge> local_objects_;
  std::uint32_t block_ = 0;
  std::uint32_t epoch_ = 0;
  unsigned thread_count_ = 0;
  std::vector<thread_state> threads_;
  struct {
    shared_knowledge a, b, result;
  } last_merge_;                 // all threads of a block learn the same from a barrier
  bool beyond_differs_ = false;  // threads' knowledge of other blocks, or of fences
  word_state* global_words_;
  std::uintptr_t global_base_;
};

}  // namespace simt::trace
