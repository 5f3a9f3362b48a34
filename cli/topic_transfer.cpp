// SPDX-License-Identifier: Apache-2.0
#include <transfer.hpp>
#include <transfer_shape.hpp>

#include "topics.hpp"

namespace warpladder::cli {
namespace {

using kind = bench::transfer_shape::kind;

// Problems without memory: their pointers are good for nothing but supports(), which looks whether
// there is one.

template <class T>
T* somewhere() {
  return reinterpret_cast<T*>(4096);
}

transfer::staged_problem pose(const bench::transfer_shape& shape, transfer::staged_problem p) {
  p.bytes = std::size_t(shape.bytes());
  p.lent = {somewhere<std::byte>(), 4096, {somewhere<const event>(), 2}};
  p.copier = somewhere<transfer::copier>();
  return p;
}

transfer::pinned_problem pose(const bench::transfer_shape& shape, transfer::pinned_problem p) {
  p.bytes = std::size_t(shape.bytes());
  return p;
}

transfer::rows_problem pose(const bench::transfer_shape& shape, transfer::rows_problem p) {
  p.rows = std::size_t(shape.count), p.width = std::size_t(shape.width);
  const bool to_device = shape.way == transfer::direction::to_device;
  p.to_pitch = to_device ? std::size_t(shape.pitch()) : p.width;
  p.from_pitch = to_device ? p.width : std::size_t(shape.pitch());
  return p;
}

/// A rung that says yes to no piece at all says yes to many.
transfer::batch_problem pose(const bench::transfer_shape&, transfer::batch_problem p) {
  p.lent = {somewhere<std::byte>(), 4096, {somewhere<const event>(), 1}};
  return p;
}

template <class Problem>
ladder_facts ladder(const std::string& name, const char* vendor, kind sizes,
                    std::span<const rung_entry<Problem>> rungs) {
  ladder_facts facts{.title = "transfer: " + name, .name = name, .vendor = vendor};
  facts.takes = [=](const std::string& size) {
    return bench::parse_transfer_shape(size).of == sizes;
  };
  return with_rungs(facts, rungs, [](const std::string& text, const auto&) {
    const bench::transfer_shape shape = bench::parse_transfer_shape(text);
    return pose(shape, Problem{.way = shape.way});
  });
}

}  // namespace

topic transfer_topic() {
  return {.name = "transfer",
          .size_help = bench::transfer_shape_help,
          .quick_sizes = "64MiB,64MiB:out,4096x1KiB+1024:out,1000of4KiB",
          .checked = "byte by byte",
          .is_arithmetic = false,
          .bound = "the copy engine, with page-locked memory",
          .ladders = {ladder("pageable", "cudaMemcpy", kind::one_piece, tables::staged_rungs()),
                      ladder("page-locked", "rung 10", kind::one_piece, tables::pinned_rungs()),
                      ladder("rows", "rung 20", kind::rows, tables::rows_rungs()),
                      ladder("small copies", "rung 30", kind::batch, tables::batch_rungs())},
          .check_size = [](const std::string& size) { bench::parse_transfer_shape(size); },
          .add_rungs = add_transfer_rungs};
}

}  // namespace warpladder::cli
