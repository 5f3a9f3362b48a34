// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <transfer.hpp>
#include <transfer_shape.hpp>
#include <vector>
#include <warpladder/core/buffer.hpp>
#include <warpladder/transfer.hpp>

#include "rung_case.hpp"
#include "rungs.hpp"

namespace warpladder::cli {
namespace {

using bench::transfer_shape;
using transfer::direction;

/// Memory of the host that the runtime knows nothing of, and page-locked memory.
using pageable_memory = std::vector<std::byte>;
using locked_memory = pinned_buffer<std::byte>;

/// Both sides of a transfer, and which bytes it moves where.
template <class HostMemory>
struct sides {
  struct move {
    std::size_t host, device, bytes;
  };

  explicit sides(const transfer_shape& of)
      : shape(of),
        count(std::size_t(of.count)),
        width(std::size_t(of.width)),
        pitch(std::size_t(of.pitch())),
        to_device(of.way == direction::to_device),
        host(count * width + std::size_t(of.offset)),
        device(count * pitch) {
    std::vector<std::byte> filled(std::max(host.size(), device.size()));
    for (std::size_t i = 0; i < filled.size(); ++i) filled[i] = std::byte((i * 7 + i / 251) % 251);
    std::fill_n(host.data(), host.size(), poison);
    if (to_device) std::copy_n(filled.data(), host.size(), host.data());
    WARPLADDER_TRY(cudaMemset(device.data(), int(poison), device.size()));
    if (!to_device) {
      WARPLADDER_TRY(
          cudaMemcpy(device.data(), filled.data(), device.size(), cudaMemcpyHostToDevice));
    }
    WARPLADDER_TRY(cudaDeviceSynchronize());
    name_buffer(device.data(), "the device's side");
  }

  std::byte* on_host(std::size_t at) { return host.data() + std::size_t(shape.offset) + at; }
  std::byte* on_device(std::size_t at) { return device.data() + at; }
  void* to(const move& one) { return to_device ? on_device(one.device) : on_host(one.host); }
  void* from(const move& one) { return to_device ? on_host(one.host) : on_device(one.device); }

  /// Everything is where it was to go, and nothing else was written.
  std::string explain_wrong(const std::vector<move>& moves) {
    std::vector<std::byte> there(device.size());
    WARPLADDER_TRY(cudaMemcpy(there.data(), device.data(), device.size(), cudaMemcpyDeviceToHost));
    const std::size_t offset = std::size_t(shape.offset);
    std::byte* const got = to_device ? there.data() : host.data();
    const std::byte* const source = to_device ? host.data() : there.data();
    std::vector<std::byte> expected(to_device ? device.size() : host.size(), poison);
    for (const move& one : moves) {
      const std::size_t here = one.host + offset;
      std::copy_n(source + (to_device ? here : one.device), one.bytes,
                  expected.data() + (to_device ? one.device : here));
    }
    const auto wrong = std::mismatch(expected.begin(), expected.end(), got);
    if (wrong.first == expected.end()) return "";
    return fmt::format("byte {} of the destination is {}, expected {}",
                       wrong.first - expected.begin(), int(*wrong.second), int(*wrong.first));
  }

  static constexpr std::byte poison{0xff};
  transfer_shape shape;
  std::size_t count, width, pitch;
  bool to_device;
  HostMemory host;
  device_buffer<std::byte> device, scratch{0};
};

// A case makes the problem of its ladder in its constructor.

struct staged_case : sides<pageable_memory> {
  using problem_type = transfer::staged_problem;
  explicit staged_case(const transfer_shape& of) : sides(of), moves{{0, 0, width}} {
    problem = {.to = to(moves[0]),
               .from = from(moves[0]),
               .bytes = width,
               .way = of.way,
               .lent = ring.view(),
               .threads = threads,
               .copier = &copier};
  }

  // Small chunks and several threads, so that small copies go through many.
  static constexpr unsigned threads = 3;
  static constexpr std::size_t chunk = 4096;
  transfer::staging ring{2 * threads, chunk};
  transfer::copier copier{
      {.threads = threads, .chunk_bytes = chunk, .direct_below = 0, .small_up_to = 0}};
  std::vector<move> moves;
  problem_type problem;
};

struct pinned_case : sides<locked_memory> {
  using problem_type = transfer::pinned_problem;
  explicit pinned_case(const transfer_shape& of)
      : sides(of), moves{{0, 0, width}}, problem{to(moves[0]), from(moves[0]), width, of.way} {}

  std::vector<move> moves;
  problem_type problem;
};

struct rows_case : sides<locked_memory> {
  using problem_type = transfer::rows_problem;
  explicit rows_case(const transfer_shape& of) : sides(of) {
    for (std::size_t row = 0; row < count; ++row)
      moves.push_back({row * width, row * pitch, width});
    problem = {.to = to(moves[0]),
               .from = from(moves[0]),
               .rows = count,
               .width = width,
               .to_pitch = to_device ? pitch : width,
               .from_pitch = to_device ? width : pitch,
               .way = of.way};
  }

  std::vector<move> moves;
  problem_type problem;
};

/// In another order on the device than on the host.
struct batch_case : sides<locked_memory> {
  using problem_type = transfer::batch_problem;
  explicit batch_case(const transfer_shape& of)
      : sides(of), lent(1, count * (width + 64)), bytes(count, width) {
    for (std::size_t i = 0; i < count; ++i) {
      moves.push_back({i * width, (count - 1 - i) * pitch, width});
      destinations.push_back(to(moves[i]));
      sources.push_back(from(moves[i]));
    }
    problem = {.count = count,
               .to = destinations.data(),
               .from = sources.data(),
               .bytes = bytes.data(),
               .way = of.way,
               .lent = lent.view()};
  }

  transfer::staging lent;
  std::vector<move> moves;
  std::vector<void*> destinations;
  std::vector<const void*> sources;
  std::vector<std::size_t> bytes;
  problem_type problem;
};

template <class Case>
rung_case make_case(const transfer_shape& shape,
                    const rung_entry<typename Case::problem_type>& rung) {
  rung_case made{.shape = shape.name(), .bytes = double(shape.bytes())};
  const auto on = std::make_shared<Case>(shape);
  if (const support can = rung.supports(on->problem); !can) {
    made.why_not = can.why_not;
    return made;
  }
  on->scratch = device_buffer<std::byte>(rung.workspace_bytes(on->problem));
  if (on->scratch.size() > 0) name_buffer(on->scratch.data(), "the workspace");
  made.launch = [on, launch = rung.launch](cudaStream_t stream) {
    return launch(on->problem, stream, {on->scratch.data(), on->scratch.size()});
  };
  made.explain_wrong = [on] { return on->explain_wrong(on->moves); };
  return made;
}

template <class Case>
void add_ladder(std::vector<runnable_rung>& to, transfer_shape::kind sizes,
                std::span<const rung_entry<typename Case::problem_type>> ladder,
                const std::vector<std::string>& shapes) {
  for (const auto& rung : ladder) {
    const auto make = [=](const std::string& text) {
      const transfer_shape shape = bench::parse_transfer_shape(text);
      if (shape.of != sizes)
        throw std::invalid_argument(fmt::format("'{}' is not a size for this ladder. Write {}.",
                                                text, bench::transfer_shape_help));
      return make_case<Case>(shape, rung);
    };
    // Kernels that read the host's memory have no traffic that the counters' model knows.
    to.push_back({.name = "transfer/" + full_name(rung.info),
                  .info = rung.info,
                  .shape_help = bench::transfer_shape_help,
                  .shapes = shapes,
                  .make = make,
                  .has_counters = false});
  }
}

}  // namespace

void add_transfer_rungs(std::vector<runnable_rung>& to) {
  using enum transfer_shape::kind;
  const std::vector<std::string> sizes = {"100KiB", "100KiB:out", "1",          "4097",
                                          "1:out",  "33333@3",    "33333@1:out"};
  add_ladder<staged_case>(to, one_piece, tables::staged_rungs(), sizes);
  add_ladder<pinned_case>(to, one_piece, tables::pinned_rungs(), sizes);
  add_ladder<rows_case>(to, rows, tables::rows_rungs(),
                        {"64x1KiB+1024", "64x1KiB+1024:out", "1x1", "33x100+28", "33x100+28:out",
                         "500x4+12@1", "500x4+12@1:out"});
  add_ladder<batch_case>(to, batch, tables::batch_rungs(),
                         {"200of1KiB", "200of1KiB:out", "1of1", "33of100@1", "300of4:out"});
}

}  // namespace warpladder::cli
