// SPDX-License-Identifier: Apache-2.0
#include "checker.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>

#include "arena.hpp"

namespace simt::trace {
namespace {

using how = word_state::visit::how;

// Global memory is touched by several OS threads; a word is guarded by one of these.
class spin_lock {
 public:
  void lock() {
    while (flag_.test_and_set(std::memory_order_acquire)) {
    }
  }
  void unlock() { flag_.clear(std::memory_order_release); }

 private:
  std::atomic_flag flag_;
};
spin_lock guards[1024];

// Calls visit(word index, mask of the bytes in it); stops when it returns true.
template <class Visit>
bool for_each_word(std::uintptr_t offset, unsigned bytes, Visit visit) {
  const std::uintptr_t end = offset + bytes;
  for (std::uintptr_t at = offset; at < end;) {
    const unsigned first = at % 4;
    const unsigned count = std::min<std::uintptr_t>(4 - first, end - at);
    if (visit(at / 4, static_cast<std::uint8_t>(((1u << count) - 1) << first))) return true;
    at += count;
  }
  return false;
}

// The same over shared memory, with the state of each word.
template <class Visit>
bool for_each_word(shared_words& shared, std::size_t offset, unsigned bytes, Visit visit) {
  const auto lock = shared.lock();
  return for_each_word(offset, bytes, [&](std::uintptr_t index, std::uint8_t mask) {
    return visit(shared.at(index), mask);
  });
}

}  // namespace

checker::checker()
    : global_words_(static_cast<word_state*>(
          arena::instance().shadow(arena::purpose::order_of_threads, sizeof(word_state)))),
      global_base_(arena::instance().base()) {}

void checker::begin_block(launch_checker& launch, std::uint32_t block, unsigned threads) {
  launch_ = &launch;
  block_ = block;
  epoch_ = 0;
  thread_count_ = threads;
  threads_.clear();
  threads_.resize(threads);
  local_objects_.clear();
  beyond_differs_ = false;
}

// ---- order -------------------------------------------------------------------------------------

bool checker::happened_before(const stamp& s, unsigned thread) const {
  const thread_state& me = threads_[thread];
  if (s.block != block_) return knows(me.beyond, s);
  if (s.epoch < epoch_ || s.thread == thread) return true;
  if (s.thread / 32u == thread / 32u) return me.warp[s.thread % 32u] >= s.clock;
  return me.block != nullptr && (*me.block)[s.thread] >= s.clock;
}

void checker::block_barrier() {
  if (beyond_differs_) {
    shared_knowledge beyond, fenced;
    for (thread_state& t : threads_) {
      beyond = merged(beyond, t.beyond);
      fenced = merged(fenced, t.fenced);
    }
    for (thread_state& t : threads_) {
      t.beyond = beyond;
      t.fenced = fenced;
    }
    beyond_differs_ = false;
  }
  ++epoch_;
  for (thread_state& t : threads_) {
    t.warp.fill(0);
    t.block.reset();
  }
}

void checker::warp_collective(unsigned warp, std::uint32_t lanes) {
  thread_state* const first = &threads_[warp * 32];
  std::array<std::uint32_t, 32> joined{};
  std::unique_ptr<std::vector<std::uint32_t>> block;
  shared_knowledge beyond, fenced;
  for (std::uint32_t left = lanes; left != 0; left &= left - 1) {
    const unsigned lane = static_cast<unsigned>(std::countr_zero(left));
    const thread_state& t = first[lane];
    for (unsigned i = 0; i < 32; ++i) joined[i] = std::max(joined[i], t.warp[i]);
    joined[lane] = std::max(joined[lane], t.clock);
    if (t.block != nullptr) {
      if (block == nullptr) block = std::make_unique<std::vector<std::uint32_t>>(thread_count_);
      for (unsigned i = 0; i < thread_count_; ++i)
        (*block)[i] = std::max((*block)[i], (*t.block)[i]);
    }
    beyond = merged(beyond, t.beyond);
    fenced = merged(fenced, t.fenced);
  }
  for (std::uint32_t left = lanes; left != 0; left &= left - 1) {
    thread_state& t = first[std::countr_zero(left)];
    t.warp = joined;
    ++t.clock;
    if (block != nullptr) t.block = std::make_unique<std::vector<std::uint32_t>>(*block);
    t.beyond = beyond;
    t.fenced = fenced;
  }
}

shared_knowledge checker::all_that(unsigned thread) const {
  const thread_state& me = threads_[thread];
  block_view own{epoch_, {}};
  for (unsigned lane = 0; lane < 32; ++lane) {
    if (me.warp[lane] > 0) {
      own.clocks[static_cast<std::uint16_t>(thread / 32 * 32 + lane)] = me.warp[lane];
    }
  }
  if (me.block != nullptr) {
    for (unsigned t = 0; t < thread_count_; ++t) {
      if ((*me.block)[t] > 0) own.clocks[static_cast<std::uint16_t>(t)] = (*me.block)[t];
    }
  }
  own.clocks[static_cast<std::uint16_t>(thread)] = me.clock;
  auto result = me.beyond != nullptr ? std::make_shared<knowledge>(*me.beyond)
                                     : std::make_shared<knowledge>();
  (*result)[block_].merge(own);
  return result;
}

shared_knowledge checker::merged_once(const shared_knowledge& a, const shared_knowledge& b) {
  if (last_merge_.a != a || last_merge_.b != b) last_merge_ = {a, b, merged(a, b)};
  return last_merge_.result;
}

void checker::learn(unsigned thread, const shared_knowledge& k) {
  if (k == nullptr) return;
  thread_state& me = threads_[thread];
  me.beyond = merged_once(me.beyond, k);
  beyond_differs_ = true;
  const auto own = k->find(block_);
  if (own == k->end() || own->second.epoch != epoch_) return;
  for (const auto& [other, clock] : own->second.clocks) {
    if (other / 32u == thread / 32u) {
      auto& mine = me.warp[other % 32u];
      mine = std::max(mine, clock);
    } else {
      if (me.block == nullptr) {
        me.block = std::make_unique<std::vector<std::uint32_t>>(thread_count_);
      }
      auto& mine = (*me.block)[other];
      mine = std::max(mine, clock);
    }
  }
}

template <class Update>
void checker::with_object(const void* object, bool local, Update update) {
  if (local) {
    update(local_objects_[object]);
  } else {
    launch_->with_object(object, update);
  }
}

void checker::release(unsigned thread, const void* object, bool local) {
  with_object(object, local, [&](shared_knowledge& k) { k = merged(k, all_that(thread)); });
  ++threads_[thread].clock;
}

void checker::acquire(unsigned thread, const void* object, bool local) {
  shared_knowledge seen;
  with_object(object, local, [&](shared_knowledge& k) { seen = k; });
  learn(thread, seen);
}

void checker::fence(unsigned thread) {
  thread_state& me = threads_[thread];
  for (const auto& [object, local] : me.seen) acquire(thread, object, local);
  me.seen.clear();
  me.fenced = merged(me.fenced, all_that(thread));
  ++me.clock;
  beyond_differs_ = true;
}

void checker::atomic_write(unsigned thread, const void* object, bool local, bool reads_too) {
  with_object(object, local, [&](shared_knowledge& k) {
    // A read-modify-write continues what earlier writers passed on; a plain store ends it.
    k = reads_too ? merged(k, threads_[thread].fenced) : threads_[thread].fenced;
  });
}

void checker::atomic_read(unsigned thread, const void* object, bool local) {
  auto& seen = threads_[thread].seen;
  const std::pair entry(object, local);
  if (std::find(seen.begin(), seen.end(), entry) == seen.end()) seen.push_back(entry);
}

void checker::arrive_at_group(unsigned thread) {
  thread_state& me = threads_[thread];
  me.arrived = me.clock++;
}

void checker::release_group(const void* object, bool local) {
  block_view own{epoch_, {}};
  shared_knowledge all;
  for (unsigned t = 0; t < thread_count_; ++t) {
    own.clocks[static_cast<std::uint16_t>(t)] = threads_[t].arrived;
    all = merged_once(all, threads_[t].beyond);
  }
  auto result = all != nullptr ? std::make_shared<knowledge>(*all) : std::make_shared<knowledge>();
  (*result)[block_].merge(own);
  with_object(object, local, [&](shared_knowledge& k) { k = merged(k, result); });
}

// ---- accesses ----------------------------------------------------------------------------------

bool checker::check_word(unsigned thread, const access& a, std::uint8_t bytes, word_state& word,
                         conflict& found) const {
  const auto clashes = [&](const word_state::visit& v, bool other_writes) {
    if ((v.bytes & bytes) == 0) return false;
    if (v.manner == how::unfinished_copy) {
      found = {defect::unwaited_copy, v.when, v.site, true};
      return true;
    }
    if ((a.atomic && v.manner == how::atomic) || happened_before(v.when, thread)) return false;
    found = {defect::shared_race, v.when, v.site, other_writes};
    return true;
  };
  if (clashes(word.write, true)) return true;
  if (!a.writes) return false;
  if (clashes(word.read, false) || clashes(word.read_in_warp, false) ||
      clashes(word.read_elsewhere, false)) {
    return true;
  }
  if ((word.lent.bytes & bytes) == 0) return false;
  found = {defect::unwaited_copy, word.lent.when, word.lent.site, false};
  return true;
}

void checker::record(unsigned thread, const access& a, std::uint8_t bytes, word_state& word) const {
  const word_state::visit mine{now(thread), bytes, a.atomic ? how::atomic : how::plain, a.site};
  if (a.writes) {
    word.write = mine;
    word.written_bytes |= bytes;
    if (!a.atomic) word.read = word.read_in_warp = word.read_elsewhere = {};
    return;
  }
  const stamp& last = word.read.when;
  if (word.read.bytes != 0 && (last.block != block_ || last.thread / 32u != thread / 32u)) {
    word.read_elsewhere = word.read;
    word.read_in_warp = {};
  } else if (word.read.bytes != 0 && last.thread != thread) {
    word.read_in_warp = word.read;
  }
  word.read = mine;
}

bool checker::touch_global(unsigned thread, const access& a, conflict& found) {
  const bool clashed =
      for_each_word(a.address - global_base_, a.bytes, [&](std::uintptr_t index, auto bytes) {
        std::lock_guard lock(guards[index / 4 % std::size(guards)]);
        word_state& word = global_words_[index];
        if (word.generation != launch_->generation()) {
          word = {};
          word.generation = launch_->generation();
        }
        const bool clash = check_word(thread, a, bytes, word, found);
        record(thread, a, bytes, word);
        return clash;
      });
  if (clashed) found.what = defect::global_race;
  return clashed;
}

bool checker::touch_shared(unsigned thread, const access& a, shared_words& shared,
                           std::size_t offset, conflict& found) {
  return for_each_word(shared, offset, a.bytes, [&](word_state& word, std::uint8_t bytes) {
    const bool clash = check_word(thread, a, bytes, word, found);
    const bool uninitialized = a.reads && (bytes & ~word.written_bytes) != 0;
    if (uninitialized && !clash) found = {defect::uninitialized_shared, {}, 0, false};
    if (!clash || found.what != defect::unwaited_copy) record(thread, a, bytes, word);
    if (uninitialized) word.written_bytes |= bytes;  // one report is enough
    return clash || uninitialized;
  });
}

bool checker::copy_begins(unsigned thread, const access& a, shared_words& shared,
                          std::size_t offset, conflict& found) {
  return for_each_word(shared, offset, a.bytes, [&](word_state& word, std::uint8_t bytes) {
    const bool clash = check_word(thread, a, bytes, word, found);
    record(thread, a, bytes, word);
    word.write.manner = how::unfinished_copy;
    return clash;
  });
}

void checker::copy_lands(unsigned thread, const access& a, shared_words& shared,
                         std::size_t offset) {
  for_each_word(shared, offset, a.bytes, [&](word_state& word, std::uint8_t bytes) {
    access landed = a;
    landed.site = word.write.site;  // of the copy, which readers will want to see
    record(thread, landed, bytes, word);
    return false;
  });
}

bool checker::source_is_lent(unsigned thread, const access& a, shared_words& shared,
                             std::size_t offset, conflict& found) {
  return for_each_word(shared, offset, a.bytes, [&](word_state& word, std::uint8_t bytes) {
    const bool clash = check_word(thread, a, bytes, word, found);
    record(thread, a, bytes, word);
    word.lent = word.read;
    return clash;
  });
}

void checker::source_is_read(const access& a, shared_words& shared, std::size_t offset) {
  for_each_word(shared, offset, a.bytes, [&](word_state& word, std::uint8_t) {
    word.lent = {};
    return false;
  });
}

}  // namespace simt::trace
