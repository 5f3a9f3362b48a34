// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <memory.hpp>
#include <memory>
#include <memory_shape.hpp>
#include <random>
#include <stdexcept>
#include <warpladder/core/buffer.hpp>

#include "rung_case.hpp"
#include "rungs.hpp"

namespace warpladder::cli {
namespace {

using bench::memory_shape;
using enum memory_shape::kind;

/// Where a count is wanted a number alone is one, and a table has a quarter as many elements.
memory_shape parse_shape(const std::string& text, memory_shape::kind wanted) {
  std::string full = text;
  if (text.find_first_not_of("0123456789") == text.npos) {
    if (wanted == particles) full += "particles";
    if (wanted == lookups)
      full += fmt::format("of{}", std::max(1LL, std::strtoll(text.c_str(), nullptr, 10) / 4));
  }
  const memory_shape shape = bench::parse_memory_shape(full);
  if (shape.of != wanted)
    throw std::invalid_argument(fmt::format("'{}' is not a size for this ladder. Write {}.", text,
                                            bench::memory_shape_help));
  return shape;
}

template <class T>
device_buffer<T> upload(const std::vector<T>& values, const char* name) {
  device_buffer<T> buffer(values.size());
  WARPLADDER_TRY(
      cudaMemcpy(buffer.data(), values.data(), buffer.size_bytes(), cudaMemcpyHostToDevice));
  name_buffer(buffer.data(), name);
  return buffer;
}

template <class T>
std::vector<T> download(const device_buffer<T>& buffer) {
  std::vector<T> values(buffer.size());
  WARPLADDER_TRY(
      cudaMemcpy(values.data(), buffer.data(), buffer.size_bytes(), cudaMemcpyDeviceToHost));
  return values;
}

/// The operands of one problem; `problem` points into the buffers.
template <class Problem>
struct operands {
  device_buffer<float> in, out;
  device_buffer<std::int32_t> index;
  device_buffer<std::byte> scratch{0};
  std::vector<float> expected;  ///< of `out`
  Problem problem;

  std::string explain_wrong() const {
    const std::vector<float> got = download(out);
    for (std::size_t i = 0; i < got.size(); ++i) {
      if (std::bit_cast<std::uint32_t>(got[i]) != std::bit_cast<std::uint32_t>(expected[i]))
        return fmt::format("element {} is {}, expected {}", i, got[i], expected[i]);
    }
    return "";
  }
};

std::vector<float> numbered(std::int64_t count) {
  std::vector<float> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = float(i % (1 << 23)) + 1;
  return values;
}

std::vector<float> poisoned(std::int64_t count) {
  return std::vector<float>(static_cast<std::size_t>(count), NAN);
}

template <template <class> class Problem>
std::shared_ptr<operands<Problem<float>>> make_operands(const memory_shape& shape,
                                                        const Problem<float>&) {
  auto made = std::make_shared<operands<Problem<float>>>();
  auto& p = made->problem;
  p.rows = shape.rows, p.cols = shape.cols;
  p.ld_in = p.cols + shape.gap, p.ld_out = p.out_cols() + shape.gap;
  const std::vector<float> in = numbered(shape.offset + p.rows * p.ld_in);
  made->expected = poisoned(p.out_rows() * p.ld_out);
  constexpr bool turns = std::is_same_v<Problem<float>, memory::transpose_problem<float>>;
  for (std::int64_t i = 0; i < p.rows; ++i) {
    for (std::int64_t j = 0; j < p.cols; ++j)
      made->expected[std::size_t(turns ? j * p.ld_out + i : i * p.ld_out + j)] =
          in[std::size_t(shape.offset + i * p.ld_in + j)];
  }
  made->in = upload(in, "in");
  made->out = upload(poisoned(p.out_rows() * p.ld_out), "out");
  p.in = made->in.data() + shape.offset, p.out = made->out.data();
  return made;
}

std::shared_ptr<operands<memory::lookup_problem<float>>> make_operands(
    const memory_shape& shape, const memory::lookup_problem<float>&) {
  const std::int64_t n = shape.count, table_size = shape.table_size;
  auto made = std::make_shared<operands<memory::lookup_problem<float>>>();
  const std::vector<float> table = numbered(table_size);
  std::mt19937 generator(3);
  std::vector<std::int32_t> index(static_cast<std::size_t>(n));
  for (std::int32_t& i : index) i = std::int32_t(generator() % std::uint64_t(table_size));
  for (const std::int32_t i : index) made->expected.push_back(table[std::size_t(i)]);
  made->in = upload(table, "table");
  made->index = upload(index, "index");
  made->out = upload(poisoned(n), "out");
  made->problem = {n, made->index.data(), made->in.data(), table_size, made->out.data()};
  return made;
}

std::shared_ptr<operands<memory::layout_problem>> make_layout_operands(const memory_shape& shape,
                                                                       memory::layout stored_as) {
  const std::int64_t n = shape.count;
  auto made = std::make_shared<operands<memory::layout_problem>>();
  made->expected = numbered(memory::state_elements(stored_as, n));
  made->out = upload(made->expected, "state");
  made->problem = {n, stored_as, made->out.data(), 0.5f};
  for (std::int64_t i = 0; i < n; ++i) {
    const auto at = [&](int field) -> float& {
      return made->expected[std::size_t(memory::element(stored_as, n, i, field))];
    };
    for (int axis = 0; axis < 3; ++axis) {
      at(memory::field::x + axis) =
          std::fma(at(memory::field::vx + axis), 0.5f, at(memory::field::x + axis));
    }
  }
  return made;
}

template <class Problem>
rung_case make_case(const std::string& text, const memory_shape& shape,
                    const std::shared_ptr<operands<Problem>>& on, const rung_entry<Problem>& rung) {
  rung_case made{.shape = text, .bytes = shape.bytes()};
  if (const support can = rung.supports(on->problem); !can) {
    made.why_not = can.why_not;
    return made;
  }
  on->scratch = device_buffer<std::byte>(rung.workspace_bytes(on->problem));
  if (on->scratch.size() > 0) name_buffer(on->scratch.data(), "the workspace");
  made.launch = [on, launch = rung.launch](cudaStream_t to) {
    return launch(on->problem, to, {on->scratch.data(), on->scratch.size()});
  };
  made.explain_wrong = [on] { return on->explain_wrong(); };
  return made;
}

template <class Problem>
void add_ladder(std::vector<runnable_rung>& to, std::span<const rung_entry<Problem>> ladder,
                memory_shape::kind sizes, const std::string& help,
                const std::vector<std::string>& shapes) {
  for (const rung_entry<Problem>& rung : ladder) {
    to.push_back({"memory/" + full_name(rung.info), rung.info, help, shapes,
                  [rung, sizes](const std::string& text) {
                    const memory_shape shape = parse_shape(text, sizes);
                    return make_case(text, shape, make_operands(shape, Problem{}), rung);
                  }});
  }
}

template <class Problem>
void add_front_door(std::vector<runnable_rung>& to, const std::string& name,
                    cudaError_t (*run)(const Problem&, cudaStream_t), const std::string& help,
                    const std::vector<std::string>& shapes) {
  const rung_info info{.step = 99, .name = name, .idea = "the front door"};
  to.push_back({"memory/" + name, info, help, shapes, [run](const std::string& text) {
                  const memory_shape shape = parse_shape(text, matrix);
                  const auto on = make_operands(shape, Problem{});
                  rung_case made{.shape = text, .bytes = shape.bytes()};
                  made.launch = [on, run](cudaStream_t to) { return run(on->problem, to); };
                  made.explain_wrong = [on] { return on->explain_wrong(); };
                  return made;
                }});
}

}  // namespace

void add_memory_rungs(std::vector<runnable_rung>& to) {
  const std::string size = bench::memory_shape_help;
  // Whole vectors and ragged rows, side by side and apart. The last has five pieces for some of the
  // 6 * 132 blocks of 16 bulk_copy, which then uses a slot again.
  const std::vector<std::string> matrices = {"256x256", "65x33",     "32x100",   "1x97",
                                             "64x4",    "33x65+5@1", "100x72+4", "3300x4+4"};
  const std::vector<std::string> counts = {"8192", "1", "1000", "33"};
  add_ladder(to, tables::transpose_rungs(), matrix, size, matrices);
  add_front_door(to, "transpose", tables::memory_transpose<float>, size, matrices);
  add_ladder(to, tables::copy_rungs(), matrix, size, matrices);
  add_front_door(to, "copy_2d", tables::memory_copy_2d<float>, size, matrices);
  for (const auto& rung : tables::layout_rungs()) {
    to.push_back({"memory/" + full_name(rung.info), rung.info, size, counts,
                  [rung](const std::string& text) {
                    const memory_shape shape = parse_shape(text, particles);
                    rung_case made{.shape = text, .why_not = "supports no layout"};
                    for (const auto stored_as :
                         {memory::layout::array_of_structures, memory::layout::structure_of_arrays,
                          memory::layout::tiled_structure}) {
                      made = make_case(text, shape, make_layout_operands(shape, stored_as), rung);
                      if (made.why_not.empty()) break;
                    }
                    return made;
                  }});
  }
  add_ladder(to, tables::lookup_rungs(), lookups, size, counts);
}

}  // namespace warpladder::cli
