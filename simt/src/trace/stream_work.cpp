// SPDX-License-Identifier: Apache-2.0
#include "stream_work.hpp"

#include <execinfo.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <mutex>

#include "arena.hpp"
#include "session.hpp"
#include "sites.hpp"

namespace simt::trace {
namespace {

using work_id = std::uint32_t;  // 0: none

// One 4-byte word of device memory: who wrote it last, and the last two that have read it since.
struct word_visits {
  struct visit {
    work_id work = 0;
    std::uint8_t bytes = 0;  // mask of the word's bytes
    bool atomic = false;
  };
  visit write, reads[2];
};

// All operations that were performed while a session checked.
class known_work {
 public:
  static known_work& instance() {
    static known_work& made = *new known_work;
    return made;
  }

  work_id add(std::shared_ptr<stream_work> work) {
    std::lock_guard lock(mutex_);
    work_.push_back(std::move(work));
    return static_cast<work_id>(work_.size());
  }

  std::shared_ptr<stream_work> operator[](work_id id) {
    std::lock_guard lock(mutex_);
    return work_[id - 1];
  }

  // Asked by the later one, for the very same pair many times.
  bool is_ordered(work_id earlier, work_id later) {
    thread_local std::array<work_id, 2> asked{};
    thread_local bool answer = false;
    if (asked == std::array{earlier, later}) return answer;
    asked = {earlier, later};
    const auto first = (*this)[earlier], second = (*this)[later];
    const bool same_launch = first->serial == second->serial;
    return answer = same_launch ? second->nodes_before.contains(first->node)
                                : first->serial <= second->all_before ||
                                      second->before.covers(first->stream, first->position);
  }

 private:
  std::mutex mutex_;
  std::vector<std::shared_ptr<stream_work>> work_;
};

thread_local std::shared_ptr<stream_work> performed;

// Where the program asked for the work: the innermost line of its own, and the call that led there.
struct origin {
  std::uintptr_t site = 0;
  std::string text = "an unknown line";
};

origin origin_of(const stream_work& work) {
  origin result;
  auto lines = lines_of(work.submitted_by);
  int found = 0;
  for (const std::uintptr_t address : work.submitted_by) {
    const source_line& line = lines[address];
    if (line.line == 0 || is_executor_code(address)) continue;
    result.site = address;
    if (found++ == 0) {
      result.text = line.text();
    } else {
      result.text += ", called at " + line.text();
      break;
    }
  }
  return result;
}

void report(work_id other, bool other_writes, work_id mine, bool writes, std::uintptr_t address) {
  thread_local std::array<work_id, 2> last{};  // they may share many words
  if (last == std::array{other, mine}) return;
  last = {other, mine};
  const auto first = known_work::instance()[other], second = known_work::instance()[mine];
  const origin of_first = origin_of(*first), of_second = origin_of(*second);
  raw_finding raw;
  raw.detector = "stream-race";
  raw.other_site = of_first.site;
  raw.site = of_second.site;
  raw.text = "nothing orders two operations that touch the same memory";
  if (const auto buffer = arena::instance().find(address)) {
    raw.text += ", byte " + std::to_string(address - buffer->start) + " of " + buffer->name;
  }
  const auto add = [&](const stream_work& work, bool work_writes, const origin& from) {
    raw.text += "\n  " + work.what + " in stream " + std::to_string(work.stream) +
                (work_writes ? " writes it" : " reads it") + ", submitted at " + from.text;
  };
  add(*first, other_writes, of_first);
  add(*second, writes, of_second);
  raw.text += "\n  record an event behind the first, and let the stream of the other wait for it";
  the_session().add(std::move(raw));
}

void touch(work_id mine, std::uintptr_t address, std::size_t bytes, bool writes, bool atomic) {
  static auto* const words = static_cast<word_visits*>(
      arena::instance().shadow(arena::purpose::order_of_streams, sizeof(word_visits)));
  static std::mutex guards[64];
  auto& known = known_work::instance();
  const std::uintptr_t first = address - arena::instance().base();
  for (std::uintptr_t index = first / 4; index <= (first + bytes - 1) / 4; ++index) {
    const std::uintptr_t begin = std::max(first, index * 4),
                         end = std::min(first + bytes, index * 4 + 4);
    const auto mask = static_cast<std::uint8_t>(((1u << (end - begin)) - 1) << begin % 4);
    std::lock_guard lock(guards[index / 16 % std::size(guards)]);
    word_visits& word = words[index];
    const auto clashes = [&](const word_visits::visit& v) {
      return v.work != 0 && v.work != mine && (v.bytes & mask) != 0 && !(v.atomic && atomic) &&
             !known.is_ordered(v.work, mine);
    };
    const auto add = [&](word_visits::visit& v) {
      v = {mine, static_cast<std::uint8_t>(v.work == mine ? v.bytes | mask : mask), atomic};
    };
    if (clashes(word.write)) report(word.write.work, true, mine, writes, begin + address - first);
    if (writes) {
      for (word_visits::visit& read : word.reads) {
        if (clashes(read)) report(read.work, false, mine, true, begin + address - first);
        read = {};
      }
      add(word.write);
    } else {
      if (word.reads[0].work != mine) word.reads[1] = word.reads[0];
      add(word.reads[0]);
    }
  }
}

bool is_checking() {
  const auto wanted = the_session().wanted();
  return wanted && wanted->check;
}

}  // namespace

std::vector<std::uintptr_t> call_stack() {
  if (!is_checking()) return {};
  void* frames[16];
  const int count = backtrace(frames, static_cast<int>(std::size(frames)));
  std::vector<std::uintptr_t> result;
  for (int i = 0; i < count; ++i) result.push_back(reinterpret_cast<std::uintptr_t>(frames[i]));
  return result;
}

void perform(std::shared_ptr<stream_work> work) {
  if (work != nullptr && !is_checking()) work = nullptr;
  if (work != nullptr) work->id = known_work::instance().add(work);
  performed = std::move(work);
}

std::shared_ptr<stream_work> performed_now() {
  return performed;
}

void note_work(const char* what, const void* address, std::size_t bytes, bool writes) {
  const auto first = reinterpret_cast<std::uintptr_t>(address);
  if (performed == nullptr || bytes == 0 || !arena::instance().contains(first)) return;
  performed->what = what;
  touch(performed->id, first, bytes, writes, false);
}

void note_kernel_work(const stream_work& work, std::uintptr_t address, unsigned bytes, bool writes,
                      bool atomic) {
  touch(work.id, address, bytes, writes, atomic);
}

}  // namespace simt::trace
