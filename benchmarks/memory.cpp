// SPDX-License-Identifier: Apache-2.0
//
// Times the rungs of the topic memory and its front doors: transposes against cuBLAS, 2D copies
// against the runtime's, layouts and lookups, for which no vendor has a function, against the
// lowest rung of their ladder.

#include <benchmark/benchmark.h>
#include <cublas_v2.h>
#include <fmt/format.h>

#include <cstdio>
#include <functional>
#include <harness/harness.hpp>
#include <harness/random.hpp>
#include <map>
#include <memory.hpp>
#include <memory>
#include <memory_shape.hpp>
#include <memory_verify.hpp>
#include <persisting_l2.hpp>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/device.hpp>
#include <warpladder/core/math.hpp>

namespace {

namespace wl = warpladder;
namespace memory = warpladder::memory;
using wl::bench::bench_case, wl::bench::ceilings, wl::bench::contest, wl::bench::memory_shape;
using wl::bench::mismatches, wl::bench::mode, wl::bench::options;
using transpose_problem = memory::transpose_problem<float>;
using copy_problem = memory::copy_problem<float>;
using lookup_problem = memory::lookup_problem<float>;
using memory::layout_problem;

/// Whoever can do the job: a rung or a front door.
template <class Problem>
struct competitor {
  std::string name;
  wl::rung_info info;
  std::function<wl::support(const Problem&)> supports;
  std::function<std::size_t(const Problem&)> workspace_bytes;
  std::function<cudaError_t(const Problem&, cudaStream_t, wl::workspace_view)> launch;
};

template <class Problem>
using front_door = cudaError_t (*)(const Problem&, cudaStream_t);

template <class Problem>
competitor<Problem> from_rung(const wl::rung_entry<Problem>& rung) {
  return {fmt::format("{:02}_{}", rung.info.step, rung.info.name), rung.info, rung.supports,
          rung.workspace_bytes, rung.launch};
}

template <class Problem>
competitor<Problem> from_front_door(const char* name, front_door<Problem> run) {
  return {
      name,
      {.step = 99, .name = name, .idea = "the front door"},
      [](const Problem&) { return wl::support{}; },
      [](const Problem&) { return std::size_t{0}; },
      [run](const Problem& p, cudaStream_t stream, wl::workspace_view) { return run(p, stream); }};
}

// The memory of each kind of problem: floats() counts what place() lays out.

template <class Problem>
concept matrix_move = requires(const Problem& p) {
  p.out_cols();
};

std::int64_t whole_lines(std::int64_t elements) {
  return wl::round_up<std::int64_t>(elements, 64);
}

template <matrix_move Problem>
std::int64_t floats(const Problem& p, const memory_shape& shape) {
  return whole_lines(shape.offset + p.rows * p.ld_in) + whole_lines(p.out_rows() * p.ld_out);
}

template <matrix_move Problem>
void place(Problem& p, const memory_shape& shape, float* memory, wl::stream_view) {
  p.in = memory + shape.offset;
  p.out = memory + whole_lines(shape.offset + p.rows * p.ld_in);
}

std::int64_t floats(const layout_problem& p, const memory_shape&) {
  return memory::state_elements(p.stored_as, p.n);
}

void place(layout_problem& p, const memory_shape&, float* memory, wl::stream_view) {
  p.state = memory;
  p.dt = 0x1p-10f;  // small: a state is moved on by every launch
}

std::int64_t floats(const lookup_problem& p, const memory_shape&) {
  return 2 * whole_lines(p.n) + p.table_size;
}

void place(lookup_problem& p, const memory_shape&, float* memory, wl::stream_view stream) {
  auto* const index = reinterpret_cast<std::int32_t*>(memory);
  WARPLADDER_TRY(
      wl::bench::fill_indices(index, std::size_t(p.n), std::int32_t(p.table_size), 3, stream));
  p.index = index;
  p.out = memory + whole_lines(p.n);
  p.table = memory + 2 * whole_lines(p.n);
}

/// Equal problems with memory of their own, random floats in [-1, 1), each array aligned to 256
/// bytes, but for the offset that a shape may have.
template <class Problem>
class operands {
 public:
  operands(const memory_shape& shape, Problem p, std::size_t copies, wl::stream_view stream)
      : floats_each_(std::size_t(whole_lines(floats(p, shape)))), memory_(copies * floats_each_) {
    WARPLADDER_TRY(wl::bench::fill_uniform(memory_.data(), memory_.size(), 2, stream));
    for (std::size_t i = 0; i < copies; ++i) {
      place(p, shape, memory_.data() + i * floats_each_, stream);
      problems_.push_back(p);
    }
  }

  const Problem& operator[](std::size_t copy) const { return problems_[copy]; }

 private:
  std::size_t floats_each_;
  wl::device_buffer<float> memory_;
  std::vector<Problem> problems_;
};

/// Runs once and compares. What the launch shall write is NaN before.
template <class Problem>
void run_and_compare(const competitor<Problem>& who, const Problem& p, wl::workspace_view scratch,
                     mismatches* found, wl::stream_view stream) {
  std::int64_t written;
  if constexpr (matrix_move<Problem>) {
    written = wl::detail::matrix_extent(p.out_rows(), p.out_cols(), p.ld_out);
  } else {
    written = p.n;
  }
  WARPLADDER_TRY(cudaMemsetAsync(p.out, 0xff, std::size_t(written) * sizeof(float), stream));
  WARPLADDER_TRY(who.launch(p, stream, scratch));
  WARPLADDER_TRY(wl::bench::compare(p, found, stream));
}

void run_and_compare(const competitor<layout_problem>& who, const layout_problem& p,
                     wl::workspace_view scratch, mismatches* found, wl::stream_view stream) {
  const std::span<float> state(p.state, std::size_t(memory::state_elements(p.stored_as, p.n)));
  const wl::device_buffer<float> before(state.size());
  wl::copy_async<float>(before.view(), state, stream);
  WARPLADDER_TRY(who.launch(p, stream, scratch));
  WARPLADDER_TRY(wl::bench::compare(p, before.data(), found, stream));
  stream.synchronize();  // before `before` is gone
}

template <class Problem>
void check(const competitor<Problem>& who, const Problem& p, wl::workspace_view scratch,
           wl::stream_view stream) {
  if (const auto reason = memory::explain_invalid(p); !reason.empty())
    throw std::invalid_argument(std::string(reason));
  const wl::device_buffer<mismatches> on_device(1);
  run_and_compare(who, p, scratch, on_device.data(), stream);
  mismatches found;
  wl::copy_async<mismatches>({&found, 1}, on_device.view(), stream);
  stream.synchronize();
  if (found.count != 0)
    throw std::runtime_error(fmt::format("{} is wrong in {} elements, the first is number {}",
                                         who.name, found.count, found.first));
}

/// Who takes part in a ladder, and on which shapes by default. The first is the vendor, or takes
/// its place.
template <class Problem>
struct ladder {
  std::vector<competitor<Problem>> competitors;
  memory_shape::kind shapes;
  const char *quick, *full;
};

template <class Problem>
ladder<Problem> make_ladder(std::span<const wl::rung_entry<Problem>> rungs,
                            memory_shape::kind shapes, const char* quick, const char* full) {
  ladder<Problem> made{.competitors = {}, .shapes = shapes, .quick = quick, .full = full};
  for (const auto& rung : rungs) made.competitors.push_back(from_rung(rung));
  return made;
}

class memory_topic {
 public:
  memory_topic() {
    using enum memory_shape::kind;
    transposes_ = make_ladder(wl::tables::transpose_rungs(), matrix, "8192 8191x8193 16384",
                              "256 512x2048 1024 4096 4099 8192 8191x8193 10000x3000 16384");
    transposes_.competitors.push_back(
        from_front_door("transpose", wl::tables::memory_transpose<float>));
    copies_ = make_ladder(wl::tables::copy_rungs(), matrix, "8192", "512 8192 8192x8191+1 8192@1");
    copies_.competitors.push_back(from_front_door("copy_2d", wl::tables::memory_copy_2d<float>));
    layouts_ = make_ladder(wl::tables::layout_rungs(), particles, "16777216particles",
                           "16777216particles");
    lookups_ = make_ladder(wl::tables::lookup_rungs(), lookups, "67108864of4194304",
                           "67108864of1048576 67108864of4194304 67108864of16777216");
  }

  std::vector<bench_case> cases(const options& wanted, const ceilings& limits) {
    WARPLADDER_TRY(wl::query_device(device_));
    std::vector<bench_case> list;
    add(list, transposes_, wanted, limits);
    add(list, copies_, wanted, limits);
    add(list, layouts_, wanted, limits);
    add(list, lookups_, wanted, limits);
    for (const auto& [what, shapes] : skipped_)
      fmt::print(stderr, "skipped: {} at {}\n", what, shapes);
    return list;
  }

 private:
  template <class Problem>
  static std::vector<memory_shape> choose_shapes(const ladder<Problem>& from,
                                                 const options& wanted) {
    std::vector<std::string> sizes = wanted.sizes;
    if (sizes.empty()) {
      std::istringstream rest(wanted.is_full() ? from.full : from.quick);
      for (std::string size; rest >> size;) sizes.push_back(size);
    }
    std::vector<memory_shape> shapes;
    for (const std::string& size : sizes) {
      const memory_shape shape = wl::bench::parse_memory_shape(size);
      if (shape.of == from.shapes) shapes.push_back(shape);
    }
    return shapes;
  }

  template <class Problem>
  void add(std::vector<bench_case>& to, const ladder<Problem>& from, const options& wanted,
           const ceilings& limits) {
    for (const memory_shape& shape : choose_shapes(from, wanted)) {
      for (const competitor<Problem>& who : from.competitors) {
        if (!wanted.wants_rung(who.name) || !can_run(who, shape)) continue;
        for (const mode how : {mode::stream, mode::graph, mode::cold}) {
          if (!wanted.wants_mode(how) || !suits(how, shape, limits)) continue;
          constexpr const char* suffix[] = {"", "/graph", "/cold"};
          to.push_back({fmt::format("memory/f32/{}/{}{}", who.name, shape.name(), suffix[int(how)]),
                        how, [=, this, vendor = from.competitors[0]](wl::stream_view stream) {
                          return prepare(who, vendor, shape, how, stream);
                        }});
        }
      }
    }
  }

  /// Graph replay is for kernels below about 20 us; cold differs from warm only where the operands
  /// fit into L2.
  bool suits(mode how, const memory_shape& shape, const ceilings& limits) const {
    if (how == mode::graph) return 2 * shape.bytes() / limits.copy_bytes_per_second < 20e-6;
    return how == mode::stream || shape.bytes() < device_.l2_bytes;
  }

  template <class Problem>
  bool can_run(const competitor<Problem>& who, const memory_shape& shape) {
    std::string why_not(who.supports(wl::bench::problem_of<Problem>(shape, who.supports)).why_not);
    const int needed = who.info.min_compute_capability, present = device_.compute_capability;
    if (needed > present)
      why_not = fmt::format("needs compute capability {}.{}, this GPU has {}.{}", needed / 10,
                            needed % 10, present / 10, present % 10);
    if (why_not.empty()) return true;
    std::string& shapes = skipped_[fmt::format("{} ({})", who.name, why_not)];
    shapes.append(shapes.empty() ? "" : ", ").append(shape.name());
    return false;
  }

  template <class Problem>
  contest prepare(const competitor<Problem>& who, const competitor<Problem>& vendor,
                  const memory_shape& shape, mode how, wl::stream_view stream) {
    const std::size_t copies =
        how == mode::cold ? wl::bench::copies_for_cold_cache(std::size_t(shape.bytes())) : 1;
    const auto make_operands = [&](const competitor<Problem>& one) {
      return std::make_shared<operands<Problem>>(
          shape, wl::bench::problem_of<Problem>(shape, one.supports), copies, stream);
    };
    const auto ready = [&](const competitor<Problem>& one,
                           std::shared_ptr<operands<Problem>> on) -> wl::bench::launcher {
      const auto scratch =
          std::make_shared<wl::device_buffer<std::byte>>(one.workspace_bytes((*on)[0]));
      if (!checked_.contains({one.name, shape.name()})) {
        check(one, (*on)[0], {scratch->data(), scratch->size()}, stream);
        checked_.insert({one.name, shape.name()});
      }
      return [on, scratch, launch = one.launch](cudaStream_t to, std::size_t copy) {
        return launch((*on)[copy], to, {scratch->data(), scratch->size()});
      };
    };

    contest match{.copies = copies, .bytes = shape.bytes()};
    const auto on = make_operands(who);
    constexpr bool shares = !std::is_same_v<Problem, layout_problem>;  // layouts are the difference
    match.vendor = ready(vendor, shares ? on : make_operands(vendor));
    match.rung = ready(who, on);
    if (who.name == "34_l2_persistence") {
      match.rung = [reserved = std::make_shared<wl::bench::persisting_l2>(), launch = match.rung](
                       cudaStream_t to, std::size_t copy) { return launch(to, copy); };
      match.before_vendor = wl::bench::persisting_l2::forget;
    }
    return match;
  }

  ladder<transpose_problem> transposes_;
  ladder<copy_problem> copies_;
  ladder<layout_problem> layouts_;
  ladder<lookup_problem> lookups_;
  wl::device_facts device_;
  std::set<std::pair<std::string, std::string>> checked_;  // competitor, shape
  std::map<std::string, std::string> skipped_;             // who and why -> shapes
};

void describe_vendor() {
  int major = 0, minor = 0, patch = 0;
  cublasGetProperty(MAJOR_VERSION, &major);
  cublasGetProperty(MINOR_VERSION, &minor);
  cublasGetProperty(PATCH_LEVEL, &patch);
  benchmark::AddCustomContext("cublas", fmt::format("{}.{}.{}", major, minor, patch));
  benchmark::AddCustomContext(
      "counting_rule",
      "bytes: every element that is needed read once, every result written once; vendor: cuBLAS "
      "geam for transposes, the CUDA runtime for copies, rung 20 for layouts, rung 30 for lookups");
}

}  // namespace

int main(int argc, char** argv) {
  memory_topic topic;
  return wl::bench::run(
      argc, argv,
      {.cases = [&](const options& wanted,
                    const ceilings& limits) { return topic.cases(wanted, limits); },
       .describe = describe_vendor,
       .help = {.sizes = wl::bench::memory_shape_help,
                .front_doors = "`transpose` and `copy_2d` are the front doors",
                .examples = R"(  memory_bench                                  the quick suite
  memory_bench --sizes=4096,1000x300            transposes and copies of your own shapes
  memory_bench --sizes=8192x8191+1,8192@1       rows with gaps; an input that is not aligned
  memory_bench --sizes=1000000particles         layouts
  memory_bench --suite=full --benchmark_out=results.json
)",
                .vendor = "the vendor (layouts and lookups: of the lowest rung)",
                .judge = "the definition, bit by bit,"}});
}
