// SPDX-License-Identifier: Apache-2.0
// What the random order of streams leaves to chance. A GPU may be ahead of its host or far behind,
// and any stream may be ahead of any other: the seeds take turns in going to the extremes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace simt {

class stream_dice {
 public:
  void reseed(std::uint64_t seed) {
    random_.seed(seed);
    temper_ = seed % 4 == 1 ? temper::late : seed % 4 == 2 ? temper::early : temper::mixed;
    favourite_ = 0;
  }

  // Host work that is submitted: so many operations are performed before the host goes on.
  std::size_t head_start() {
    if (temper_ == temper::late) return 0;
    if (temper_ == temper::early) return SIZE_MAX;
    return below(4) == 0 ? std::size_t{1} << below(5) : 0;
  }

  // A host thread waits: is only that performed which it waits for? Not for ever, or work that
  // nobody waits for would never be done.
  bool only_what_is_needed() {
    switch (temper_) {
      case temper::late:
        return below(64) != 0;
      case temper::early:
        return false;
      case temper::mixed:
        return below(2) == 0;
    }
    return false;
  }

  // A host thread asks whether something is done: is an operation performed first? Often enough for
  // threads that go on asking.
  bool moves_on() { return temper_ == temper::early || below(2) == 0; }

  // The stream whose turn it is, of these numbers (not empty). One stream likes to go on for a
  // while, which makes streams drift apart.
  std::uint64_t choose(const std::vector<std::uint64_t>& streams) {
    for (const std::uint64_t stream : streams) {
      if (stream == favourite_ && below(4) != 0) return stream;
    }
    return favourite_ = streams[below(streams.size())];
  }

  std::size_t below(std::size_t count) { return random_() % count; }

 private:
  enum class temper { late, early, mixed };

  std::mt19937_64 random_;
  temper temper_ = temper::mixed;
  std::uint64_t favourite_ = 0;
};

}  // namespace simt
