// SPDX-License-Identifier: Apache-2.0
#include "access_patterns.hpp"

#include <functional>
#include <random>

namespace warpladder::bench {
namespace {

/// std::uniform_int_distribution differs between standard libraries; the generator does not.
class dice {
 public:
  int below(int n) { return int(generator_() % unsigned(n)); }
  std::uint32_t bits() { return generator_(); }

 private:
  std::mt19937 generator_{7};
};

}  // namespace

std::vector<access_pattern> make_access_patterns() {
  std::vector<access_pattern> patterns;
  dice roll;
  const auto add = [&](access_kind kind, int width, std::uint32_t active,
                       const std::function<int(int)>& element) {
    access_pattern p{kind, width, active, {}};
    const int elements = (pattern_bytes - 16) / width;
    for (int lane = 0; lane < 32; ++lane)
      p.offset[lane] = std::uint16_t(element(lane) % elements * width);
    patterns.push_back(p);
  };

  for (int k = 0; k < int(std::size(access_kind_names)); ++k) {
    const auto kind = access_kind(k);
    const bool is_load = kind == access_kind::shared_load || kind == access_kind::global_load;
    const bool is_store = kind == access_kind::shared_store || kind == access_kind::global_store;
    const std::vector<int> widths =
        is_load || is_store ? std::vector{4, 8, 16, 2, 1} : std::vector{4};
    for (const int width : widths) {
      constexpr std::uint32_t all = ~0u;
      for (const int stride : {0, 1, 2, 3, 4, 5, 8, 9, 16, 17, 31, 32, 33, 64}) {
        if (width < 4 && stride > 4) break;
        add(kind, width, all, [&](int lane) { return lane * stride; });
      }
      add(kind, width, all, [](int lane) { return lane + 1; });  // off by one element
      add(kind, width, all, [](int lane) { return lane * 33 + 7; });
      add(kind, width, 0x0000ffffu, [](int lane) { return lane; });  // half a warp
      add(kind, width, 0x55555555u, [](int lane) { return lane; });  // every other lane
      add(kind, width, 1u, [](int lane) { return lane; });
      if (width < 4) continue;
      for (int bit = 0; bit < 5; ++bit)  // lanes that differ in one bit share an address
        add(kind, width, all, [&](int lane) { return lane & ~(1 << bit); });
      for (int low = 0; low < 4; ++low)  // the two-dimensional lane grids of GEMM
        for (int pitch : {8, 16, 36, 64})
          add(kind, width, all,
              [&](int lane) { return (lane >> (low + 1)) * pitch + (lane & ((2 << low) - 1)); });
      for (int low = 0; low < 3; ++low)
        add(kind, width, all, [&](int lane) { return lane >> (low + 1); });
      add(kind, width, all, [](int lane) { return lane % 4; });
      add(kind, width, all, [](int lane) { return lane % 8; });
      add(kind, width, all, [](int lane) { return lane % 2 + lane / 16 * 2; });
      add(kind, width, all, [](int lane) { return lane / 2 % 8; });
      add(kind, width, all, [](int lane) { return lane ^ lane / 8; });  // a swizzle
      for (int i = 0; i < 10; ++i) {  // random: anywhere, in few rows, few distinct, part active
        add(kind, width, all, [&](int) { return roll.below(1 << 30); });
        add(kind, width, all, [&](int) { return roll.below(64); });
        add(kind, width, all, [&](int) { return roll.below(3) * 32 + roll.below(4); });
        add(kind, width, roll.bits() | 1u, [&](int) { return roll.below(128); });
        const int base = roll.below(64);
        add(kind, width, roll.bits() | 1u, [&](int lane) { return base + lane; });
      }
    }
  }
  return patterns;
}

}  // namespace warpladder::bench
