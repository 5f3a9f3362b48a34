// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <grid_shape.hpp>
#include <grid_sync.hpp>
#include <memory>
#include <vector>
#include <warpladder/core/buffer.hpp>

#include "rung_case.hpp"
#include "rungs.hpp"

namespace warpladder::cli {
namespace {

using grid_sync::problem;
using rung = rung_entry<problem>;

/// A few barriers with a board, and blocks that are late.
struct operands {
  operands(const bench::grid_shape& shape, const rung& how)
      : board(2 * shape.blocks), wrong(1), p(shape.barriers(rounds)) {
    p.board = board.data();
    p.wrong = wrong.data();
    p.max_delay = 500;
    p.seed = 1;
    scratch = device_buffer<std::byte>(how.workspace_bytes(p));
    WARPLADDER_TRY(cudaMemset(board.data(), 0xff, board.size_bytes()));
    WARPLADDER_TRY(cudaMemset(wrong.data(), 0, wrong.size_bytes()));
    WARPLADDER_TRY(cudaDeviceSynchronize());
    name_buffer(board.data(), "the board");
    name_buffer(wrong.data(), "the count of wrong tokens");
    if (scratch.size() > 0) name_buffer(scratch.data(), "the words of the barrier");
  }

  std::string explain_wrong() const {
    unsigned long long count = 0;
    WARPLADDER_TRY(cudaMemcpy(&count, wrong.data(), sizeof count, cudaMemcpyDeviceToHost));
    if (count != 0) return fmt::format("{} tokens were not those of the round", count);
    std::vector<unsigned> left(board.size());
    WARPLADDER_TRY(
        cudaMemcpy(left.data(), board.data(), board.size_bytes(), cudaMemcpyDeviceToHost));
    for (const unsigned word : left) {
      if (word == 0xffffffffu) return "a block has not written its token";
    }
    return "";
  }

  static constexpr unsigned rounds = 4;
  device_buffer<unsigned> board;
  device_buffer<unsigned long long> wrong;
  device_buffer<std::byte> scratch{0};
  problem p;
};

rung_case make_case(const std::string& text, const rung& how) {
  const bench::grid_shape shape = bench::parse_grid_shape(text);
  rung_case made{.shape = shape.name()};
  if (const support can = how.supports(shape.barriers(operands::rounds)); !can) {
    made.why_not = can.why_not;
    return made;
  }
  const auto on = std::make_shared<operands>(shape, how);
  made.launch = [on, how](cudaStream_t to) {
    return how.launch(on->p, to, {on->scratch.data(), on->scratch.size()});
  };
  made.explain_wrong = [on] { return on->explain_wrong(); };
  return made;
}

}  // namespace

void add_grid_sync_rungs(std::vector<runnable_rung>& to) {
  const std::vector<std::string> shapes = {"8x64", "1x32", "2x33", "6x1", "7x96"};
  for (const rung& how : tables::grid_sync_rungs()) {
    to.push_back({.name = "grid_sync/" + full_name(how.info),
                  .info = how.info,
                  .shape_help = bench::grid_shape_help,
                  .shapes = shapes,
                  .make = [how](const std::string& shape) { return make_case(shape, how); },
                  .has_counters = false});
  }
}

}  // namespace warpladder::cli
