// SPDX-License-Identifier: Apache-2.0
//
// What it costs to get memory of each kind and to give it back, and after how many copies that has
// paid.
#include <fmt/format.h>
#include <sys/mman.h>

#include <optional>
#include <transfer_study/arithmetic.hpp>
#include <transfer_study/sections.hpp>
#include <transfer_study/staged.hpp>

namespace warpladder::bench {
namespace {

struct price {
  timing get, give_back;
  double both_us() const { return get.median + give_back.median; }
};

/// `get` returns what `give_back` takes; each is timed on its own. prepare: not timed.
template <class Get, class GiveBack>
price time_price(const transfer_lab& lab, const Get& get, const GiveBack& give_back) {
  const double enough_us = lab.quick ? 5e3 : 40e3;
  const std::size_t least = lab.quick ? 1 : 3, most = lab.quick ? 3 : 51;
  std::vector<double> got, given;
  const stopwatch spent;
  for (bool first = true; got.size() < least || (got.size() < most && spent.us() < enough_us);
       first = false) {
    lab.wait();
    const stopwatch getting;
    const auto held = get();
    const double get_us = getting.us();
    const stopwatch giving;
    give_back(held);
    const double give_us = giving.us();
    if (first && least > 1) continue;
    got.push_back(get_us);
    given.push_back(give_us);
  }
  return {summarise(got), summarise(given)};
}

void* map_pages(std::size_t bytes) {
  void* const data =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) throw std::bad_alloc();
  return data;
}

price price_of_pages(const transfer_lab& lab, std::size_t bytes) {
  return time_price(
      lab,
      [=] {
        void* const data = map_pages(bytes);
        touch_pages(static_cast<std::byte*>(data), bytes);
        return data;
      },
      [=](void* data) { munmap(data, bytes); });
}

price price_of_pinned(const transfer_lab& lab, std::size_t bytes, unsigned flags) {
  return time_price(
      lab,
      [=] {
        void* data = nullptr;
        WARPLADDER_TRY(cudaHostAlloc(&data, bytes, flags));
        return data;
      },
      [](void* data) { WARPLADDER_TRY(cudaFreeHost(data)); });
}

/// Of memory that is there and touched.
price price_of_registering(const transfer_lab& lab, std::size_t bytes) {
  const fresh_pages pages(bytes);
  touch_pages(pages.data(), bytes);
  return time_price(
      lab,
      [&] {
        WARPLADDER_TRY(cudaHostRegister(pages.data(), bytes, cudaHostRegisterDefault));
        return pages.data();
      },
      [](void* data) { WARPLADDER_TRY(cudaHostUnregister(data)); });
}

price price_of_managed(const transfer_lab& lab, std::size_t bytes) {
  return time_price(
      lab,
      [=] {
        void* data = nullptr;
        WARPLADDER_TRY(cudaMallocManaged(&data, bytes));
        touch_pages(static_cast<std::byte*>(data), bytes);
        return data;
      },
      [](void* data) { WARPLADDER_TRY(cudaFree(data)); });
}

/// From a pool that holds a block of this size already.
price price_of_pool(const transfer_lab& lab, std::size_t bytes) {
  transfer::pinned_pool pool;
  pool.deallocate(pool.allocate(bytes), bytes);
  return time_price(
      lab, [&] { return pool.allocate(bytes); }, [&](void* data) { pool.deallocate(data, bytes); });
}

ordered_json number_or_null(std::optional<std::int64_t> value) {
  return value ? ordered_json(*value) : ordered_json(nullptr);
}

}  // namespace

ordered_json measure_costs(transfer_lab& lab) {
  table prices("getting memory, and giving it back");
  table worth("copies after which page-locking has paid; never: it does not");
  staged_copier staged(lab);
  lab.device_memory(lab.largest());
  for (const memory_kind kind : {memory_kind::pageable, memory_kind::pinned})
    lab.host(kind, lab.largest());
  for (const std::size_t bytes : lab.sizes()) {
    const price pinned = price_of_pinned(lab, bytes, cudaHostAllocDefault);
    const price registered = price_of_registering(lab, bytes);
    const struct {
      const char* what;
      price costs;
    } all[] = {{"fresh pages, touched; munmap", price_of_pages(lab, bytes)},
               {"cudaMallocHost; cudaFreeHost", pinned},
               {"cudaHostAlloc, write-combined; cudaFreeHost",
                price_of_pinned(lab, bytes, cudaHostAllocWriteCombined)},
               {"cudaHostRegister; cudaHostUnregister", registered},
               {"cudaMallocManaged, touched; cudaFree", price_of_managed(lab, bytes)},
               {"pinned_pool, warm", price_of_pool(lab, bytes)}};
    for (const auto& [what, costs] : all) {
      prices.add({{"what", what},
                  {"bytes", bytes},
                  {"size", size_text(bytes)},
                  {"get", costs.get.json()},
                  {"give_back", costs.give_back.json()}});
    }
    for (const direction where : directions) {
      std::byte* const on_device = lab.device_memory(bytes);
      const auto pageable_ends = ends_of(where, lab.host(memory_kind::pageable, bytes), on_device);
      const auto pinned_ends = ends_of(where, lab.host(memory_kind::pinned, bytes), on_device);
      const double pageable_us =
          lab.time(lab.copy_sync("", pageable_ends.to, pageable_ends.from, bytes, where))
              .whole.median;
      const double pinned_us =
          lab.time(lab.copy_async("", pinned_ends.to, pinned_ends.from, bytes, where)).whole.median;
      const double staged_us = lab.time(staged.copy("", pageable_ends, bytes, where)).whole.median;
      const auto reuses = [&](const price& once, double instead_of) {
        return number_or_null(break_even(once.both_us(), instead_of, pinned_us));
      };
      worth.add({{"what", fmt::format("{} {}", name(where), size_text(bytes))},
                 {"direction", name(where)},
                 {"bytes", bytes},
                 {"pageable_us", pageable_us},
                 {"staged_us", staged_us},
                 {"pinned_us", pinned_us},
                 {"allocate_for_pageable", reuses(pinned, pageable_us)},
                 {"register_for_pageable", reuses(registered, pageable_us)},
                 {"allocate_for_staged", reuses(pinned, staged_us)},
                 {"register_for_staged", reuses(registered, staged_us)}});
    }
  }
  return {{"prices", prices.json()}, {"break_even", worth.json()}};
}

}  // namespace warpladder::bench
