// SPDX-License-Identifier: Apache-2.0
//
// How many threads, how large chunks, and how they store: the staged copier over its options, and
// what it chooses by itself beside them.
#include <fmt/format.h>

#include <transfer_study/sections.hpp>
#include <transfer_study/staged.hpp>

namespace warpladder::bench {
namespace {

using transfer::copier_options, transfer::stores;

constexpr double enough_us = 15e3;

void add_row(table& to, transfer_lab& lab, std::string what, staged_copier& staged,
             const std::vector<std::size_t>& sizes, ordered_json facts) {
  for (const std::size_t bytes : sizes) {
    for (const direction where : directions) {
      const ends between =
          ends_of(where, lab.host(memory_kind::pageable, bytes), lab.device_memory(bytes));
      const transfer_time time = lab.time(staged.copy("", between, bytes, where), enough_us);
      ordered_json row{
          {"what", what}, {"direction", name(where)}, {"size", size_text(bytes)}, {"bytes", bytes}};
      row.update(facts);
      row["gbps"] = gb_per_s(bytes, time.whole);
      row["time"] = time.whole.json();
      to.add(row);
    }
  }
}

ordered_json facts_of(const copier_options& made) {
  return {{"threads", made.threads},
          {"chunk_bytes", made.chunk_bytes},
          {"chunks", made.chunks},
          {"piece_bytes", made.piece_bytes},
          {"streaming", made.stores == stores::streaming}};
}

void add(table& to, transfer_lab& lab, const copier_options& wanted,
         const std::vector<std::size_t>& sizes) {
  staged_copier staged(lab, wanted);
  add_row(to, lab, staged.describe(), staged, sizes, facts_of(staged.chosen()));
}

}  // namespace

ordered_json measure_tuning(transfer_lab& lab) {
  const std::vector<std::size_t> sizes =
      lab.quick ? std::vector{16 * mib} : std::vector{16 * mib, gib};
  std::vector<unsigned> threads{1, 2, 4, 8, 12, 16};
  std::erase_if(threads, [&](unsigned one) { return one > unsigned(lab.cores); });
  if (lab.quick) threads = {1, threads.back()};
  lab.host(memory_kind::pageable, sizes.back());
  lab.device_memory(sizes.back());

  table chosen("the staged copier as it chooses by itself");
  add(chosen, lab, {}, sizes);

  // In the sweeps every copy is done as large ones are, or the options would not count.
  table sweep("threads, chunks, stores");
  for (const unsigned count : threads) {
    for (std::size_t chunk = 256 * kib; chunk <= 8 * mib; chunk *= lab.quick ? 8 : 2) {
      for (const stores how : {stores::cached, stores::streaming})
        add(sweep, lab, {.threads = count, .chunk_bytes = chunk, .stores = how, .small_up_to = 0},
            sizes);
    }
  }

  table ring("pieces, and chunks of the ring");
  for (const std::size_t piece : {64 * kib, 128 * kib, 512 * kib, 2 * mib}) {
    for (const unsigned chunks : {2u, 4u, 8u, 16u})
      add(ring, lab, {.chunks = chunks, .piece_bytes = piece, .small_up_to = 0}, sizes);
  }

  // Where copies are so small that waking a thread counts.
  table small("small copies, over the threads");
  const std::vector<std::size_t> small_sizes{64 * kib, 128 * kib, 256 * kib, 512 * kib,
                                             mib,      2 * mib,   4 * mib};
  for (const std::size_t bytes : small_sizes) {
    for (const direction where : directions) {
      const ends between =
          ends_of(where, lab.host(memory_kind::pageable, bytes), lab.device_memory(bytes));
      const transfer_time time =
          lab.time(lab.copy_sync("", between.to, between.from, bytes, where), enough_us);
      small.add({{"what", "cudaMemcpy"},
                 {"direction", name(where)},
                 {"size", size_text(bytes)},
                 {"bytes", bytes},
                 {"gbps", gb_per_s(bytes, time.whole)},
                 {"time", time.whole.json()}});
    }
  }
  add(small, lab, {}, small_sizes);
  for (const unsigned count : {1u, 2u, 4u, 8u}) {
    add(small, lab,
        {.threads = count,
         .chunk_bytes = 256 * kib,
         .piece_bytes = 64 * kib,
         .stores = stores::streaming,
         .direct_below = 0,
         .small_up_to = 0},
        small_sizes);
  }
  return {{"chosen", chosen.json()},
          {"sweep", sweep.json()},
          {"ring", ring.json()},
          {"small", small.json()}};
}

}  // namespace warpladder::bench
