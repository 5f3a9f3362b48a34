// SPDX-License-Identifier: Apache-2.0
//
// Every kind of host memory, both ways, over sizes: how long until everything has arrived, and how
// long the calls kept the host.
#include <fmt/format.h>

#include <cstring>
#include <optional>
#include <stdexcept>
#include <transfer_pattern.hpp>
#include <transfer_study/kernels.hpp>
#include <transfer_study/runtime.hpp>
#include <transfer_study/sections.hpp>
#include <transfer_study/staged.hpp>
#include <utility>

namespace warpladder::bench {
namespace {

/// A method and where its bytes arrive.
struct checked_method {
  method how;
  std::byte* destination = nullptr;  ///< null: what moves stays where it is, as managed memory does
  direction where = direction::to_device;
};

/// Managed memory is moved by whoever touches it, by a prefetch, or not at all; `prepare` puts it
/// back to where it came from.
std::vector<method> managed_methods(transfer_lab& lab, direction where, std::size_t bytes) {
  std::byte* const data = lab.host(memory_kind::managed, bytes);
  const stream_view on = lab.on;
  unsigned* const scratch = lab.scratch();
  const bool to_device = where == direction::to_device;
  const auto bring_back = [=] {
    WARPLADDER_TRY(prefetch(data, bytes, to_device ? place::host : place::device, on));
    on.synchronize();
    if (to_device) touch_pages(data, bytes);
  };
  const auto wait = [=] { on.synchronize(); };
  const auto gpu_reads = [=] { WARPLADDER_TRY(read_by_kernel(data, bytes, scratch, on)); };
  const auto with = [=](cudaMemoryAdvise advice, cudaMemoryAdvise undo, place whose) {
    return [=] {
      WARPLADDER_TRY(advise(data, bytes, undo, whose));
      bring_back();
      WARPLADDER_TRY(advise(data, bytes, advice, whose));
    };
  };
  const auto prefetching = [=] {
    WARPLADDER_TRY(prefetch(data, bytes, to_device ? place::device : place::host, on));
  };
  std::vector<method> all;
  all.push_back({"managed, cudaMemPrefetchAsync", prefetching, wait, bring_back});
  if (to_device) {
    all.push_back({"managed, touched by a kernel", gpu_reads, wait, bring_back});
    all.push_back({"managed, read-mostly, touched by a kernel", gpu_reads, wait,
                   with(cudaMemAdviseSetReadMostly, cudaMemAdviseUnsetReadMostly, place::device)});
    all.push_back({"managed, read where it is by a kernel", gpu_reads, wait, [=] {
                     WARPLADDER_TRY(advise(data, bytes, cudaMemAdviseUnsetReadMostly, place::host));
                     WARPLADDER_TRY(
                         advise(data, bytes, cudaMemAdviseSetPreferredLocation, place::host));
                     WARPLADDER_TRY(advise(data, bytes, cudaMemAdviseSetAccessedBy, place::device));
                     bring_back();
                   }});
  } else {
    all.push_back(
        {"managed, touched by the CPU", [=] { touch_pages(data, bytes); }, [] {}, bring_back});
  }
  return all;
}

/// Advice outlives the method that gave it.
void forget_advice(transfer_lab& lab, std::size_t bytes) {
  std::byte* const data = lab.host(memory_kind::managed, bytes);
  WARPLADDER_TRY(advise(data, bytes, cudaMemAdviseUnsetReadMostly, place::host));
  WARPLADDER_TRY(advise(data, bytes, cudaMemAdviseUnsetPreferredLocation, place::host));
  WARPLADDER_TRY(advise(data, bytes, cudaMemAdviseUnsetAccessedBy, place::device));
}

bool has_managed_memory() {
  int device = 0, concurrent = 0;
  WARPLADDER_TRY(cudaGetDevice(&device));
  WARPLADDER_TRY(cudaDeviceGetAttribute(&concurrent, cudaDevAttrConcurrentManagedAccess, device));
  return concurrent != 0;
}

std::vector<method> copies(transfer_lab& lab, direction where, std::size_t bytes) {
  std::byte* const on_device = lab.device_memory(bytes);
  std::vector<method> all;
  for (const memory_kind kind : {memory_kind::pageable, memory_kind::pinned}) {
    const auto [to, from] = ends_of(where, lab.host(kind, bytes), on_device);
    all.push_back(lab.copy_sync(fmt::format("{}, cudaMemcpy", name(kind)), to, from, bytes, where));
    all.push_back(
        lab.copy_async(fmt::format("{}, cudaMemcpyAsync", name(kind)), to, from, bytes, where));
  }
  return all;
}

std::vector<method> other_kinds(transfer_lab& lab, direction where, std::size_t bytes) {
  std::byte* const on_device = lab.device_memory(bytes);
  const stream_view on = lab.on;
  std::vector<method> all;
  for (const memory_kind kind : {memory_kind::registered, memory_kind::write_combined}) {
    const auto [to, from] = ends_of(where, lab.host(kind, bytes), on_device);
    all.push_back(
        lab.copy_async(fmt::format("{}, cudaMemcpyAsync", name(kind)), to, from, bytes, where));
  }
  const auto wait = [=] { on.synchronize(); };
  const auto [to, from] = ends_of(where, lab.host(memory_kind::pinned, bytes), on_device);
  all.push_back({"pinned, copied by a kernel",
                 [=, to = to, from = from] { WARPLADDER_TRY(copy_by_kernel(to, from, bytes, on)); },
                 wait});
  if (where == direction::to_device) {
    all.push_back({"pinned, read by a kernel",
                   [=, from = from, scratch = lab.scratch()] {
                     WARPLADDER_TRY(read_by_kernel(from, bytes, scratch, on));
                   },
                   wait});
  } else {
    all.push_back({"pinned, written by a kernel",
                   [=, to = to] { WARPLADDER_TRY(fill_pattern(to, bytes, 1, on)); }, wait});
  }
  return all;
}

/// Every repetition copies into pages that nobody has touched.
method copy_to_untouched(transfer_lab& lab, std::size_t bytes) {
  const auto pages = std::make_shared<std::optional<fresh_pages>>();
  std::byte* const from = lab.device_memory(bytes);
  return {
      "pageable and untouched, cudaMemcpy",
      [=] { WARPLADDER_TRY(cudaMemcpy((*pages)->data(), from, bytes, cudaMemcpyDeviceToHost)); },
      [] {}, [=] { pages->emplace(bytes); }};
}

/// The same size in both directions at once, from and to pinned memory.
method both_ways(transfer_lab& lab, std::size_t bytes, const stream& other) {
  std::byte* const from = lab.host(memory_kind::pinned, bytes);
  std::byte* const to = lab.host(memory_kind::registered, bytes);
  std::byte* const on_device = lab.device_memory(2 * bytes);
  const stream_view first = lab.on, second = other;
  return {"pinned, both directions at once",
          [=] {
            WARPLADDER_TRY(cudaMemcpyAsync(on_device, from, bytes, cudaMemcpyHostToDevice, first));
            WARPLADDER_TRY(
                cudaMemcpyAsync(to, on_device + bytes, bytes, cudaMemcpyDeviceToHost, second));
          },
          [=] {
            first.synchronize();
            second.synchronize();
          }};
}

void add_row(table& to, const transfer_lab& lab, const method& how, const char* where,
             std::size_t bytes, std::size_t moved) {
  const transfer_time time = lab.time(how);
  to.add({{"what", how.what},
          {"direction", where},
          {"bytes", bytes},
          {"size", size_text(bytes)},
          {"gbps", gb_per_s(moved, time.whole)},
          {"time", time.whole.json()},
          {"host", time.host.json()}});
}

/// Runs each way once into bytes that are not the pattern's, and looks whether they are afterwards.
void check(transfer_lab& lab, direction where, std::size_t bytes) {
  auto all = copies(lab, where, bytes);
  const auto others = other_kinds(lab, where, bytes);
  all.insert(all.end(), others.begin(), others.end());
  const memory_kind kinds[] = {memory_kind::pageable,   memory_kind::pageable,
                               memory_kind::pinned,     memory_kind::pinned,
                               memory_kind::registered, memory_kind::write_combined,
                               memory_kind::pinned,     memory_kind::pinned};
  std::byte* const on_device = lab.device_memory(bytes);
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i].what == "pinned, read by a kernel") continue;  // it keeps nothing
    std::byte* const on_host = lab.host(kinds[i], bytes);
    const bool to_device = where == direction::to_device;
    WARPLADDER_TRY(to_device ? cudaMemsetAsync(on_device, 0xff, bytes, lab.on) : cudaSuccess);
    if (!to_device) std::memset(on_host, 0xff, bytes);
    lab.wait();
    all[i].start();
    all[i].finish();
    const std::size_t wrong = to_device ? count_wrong(on_device, bytes, 1, lab.on)
                                        : count_wrong_on_host(on_host, bytes, 1);
    if (wrong != 0)
      throw std::runtime_error(fmt::format("{}, {}, {}: {} bytes are wrong", all[i].what,
                                           name(where), size_text(bytes), wrong));
  }
}

/// Copies between two devices, through the host and directly.
ordered_json measure_peers(transfer_lab& lab) {
  int devices = 0, here = 0, can = 0;
  WARPLADDER_TRY(cudaGetDeviceCount(&devices));
  WARPLADDER_TRY(cudaGetDevice(&here));
  if (devices < 2) return {{"why_not", "there is one GPU"}};
  const int there = (here + 1) % devices;
  WARPLADDER_TRY(cudaDeviceCanAccessPeer(&can, here, there));
  std::byte* const from = lab.device_memory(lab.largest());
  WARPLADDER_TRY(cudaSetDevice(there));
  const device_buffer<std::byte> to(lab.largest());
  WARPLADDER_TRY(cudaSetDevice(here));
  table rows("copies from one GPU to another");
  for (const bool direct : {false, true}) {
    if (direct && !can) break;
    if (direct) WARPLADDER_TRY(cudaDeviceEnablePeerAccess(there, 0));
    for (const std::size_t bytes : lab.sizes()) {
      const stream_view on = lab.on;
      add_row(rows, lab,
              {direct ? "cudaMemcpyPeerAsync, peer access" : "cudaMemcpyPeerAsync, no peer access",
               [=, &to] {
                 WARPLADDER_TRY(cudaMemcpyPeerAsync(to.data(), there, from, here, bytes, on));
               },
               [=] { on.synchronize(); }},
              "P2P", bytes, bytes);
    }
  }
  if (can) WARPLADDER_TRY(cudaDeviceDisablePeerAccess(there));
  ordered_json result{{"rows", rows.json()}};
  if (!can) result["without_access"] = "these two GPUs cannot reach each other's memory";
  return result;
}

}  // namespace

ordered_json measure_kinds(transfer_lab& lab) {
  ordered_json result;
  // The largest first, so that nothing has to be allocated twice. Twice on the device: both_ways.
  constexpr std::size_t huge = 4 * gib;
  const std::size_t most = lab.quick ? lab.largest() : huge;
  lab.device_memory(std::max(most, 2 * lab.largest()));
  for (const memory_kind kind : {memory_kind::pageable, memory_kind::pinned}) lab.host(kind, most);
  for (const memory_kind kind : {memory_kind::registered, memory_kind::write_combined})
    lab.host(kind, lab.largest());

  for (const direction where : directions) check(lab, where, lab.quick ? 64 * kib : 16 * mib);

  table rows("kinds of memory: from the call until everything has arrived");
  const stream other;
  staged_copier staged(lab);
  const auto add_staged = [&](direction where, std::size_t bytes) {
    const ends between =
        ends_of(where, lab.host(memory_kind::pageable, bytes), lab.device_memory(bytes));
    add_row(rows, lab, staged.copy("pageable, staged copier", between, bytes, where), name(where),
            bytes, bytes);
  };
  for (const std::size_t bytes : lab.sizes()) {
    for (const direction where : directions) {
      for (const method& how : copies(lab, where, bytes))
        add_row(rows, lab, how, name(where), bytes, bytes);
      add_staged(where, bytes);
      if (where == direction::to_host)
        add_row(rows, lab, copy_to_untouched(lab, bytes), name(where), bytes, bytes);
      for (const method& how : other_kinds(lab, where, bytes))
        add_row(rows, lab, how, name(where), bytes, bytes);
    }
    add_row(rows, lab, both_ways(lab, bytes, other), "both", bytes, 2 * bytes);
  }
  if (most > lab.largest()) {
    for (const direction where : directions) {
      for (const method& how : copies(lab, where, most))
        add_row(rows, lab, how, name(where), most, most);
      add_staged(where, most);
    }
  }
  result["rows"] = rows.json();
  result["copier"] = staged.describe();

  if (has_managed_memory()) {
    try {
      table managed("managed memory");
      for (const std::size_t bytes : lab.sizes()) {
        for (const direction where : directions) {
          lab.host(memory_kind::managed, lab.largest());
          for (const method& how : managed_methods(lab, where, bytes)) {
            forget_advice(lab, bytes);
            add_row(managed, lab, how, name(where), bytes, bytes);
          }
          forget_advice(lab, bytes);
        }
      }
      for (const auto& row : managed.json()) result["rows"].push_back(row);
    } catch (const unavailable& reason) {
      result["managed_why_not"] = reason.what();
    }
  } else {
    result["managed_why_not"] = "this system does not let host and device share managed memory";
  }
  result["peers"] = measure_peers(lab);
  return result;
}

}  // namespace warpladder::bench
