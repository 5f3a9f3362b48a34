// SPDX-License-Identifier: Apache-2.0
//
// Sum, least and largest element of a file of 32-bit integers that does not fit into the memory
// given to it: read, copied and reduced chunk by chunk, all three at the same time.

#include <chrono>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/stream.hpp>
#include <warpladder/pipeline.hpp>
#include <warpladder/reduce.cuh>

namespace {

namespace pipeline = warpladder::pipeline;
namespace reduce = warpladder::reduce;

#ifdef WARPLADDER_HOST_EXECUTOR
constexpr bool on_gpu = false;  // how fast an emulation is says nothing
constexpr std::size_t default_file_kib = 1024, default_memory_kib = 128;
#else
constexpr bool on_gpu = true;
constexpr std::size_t default_file_kib = 1 << 20, default_memory_kib = 64 << 10;
#endif

// ---- What is computed --------------------------------------------------------------------------

struct totals {
  long long sum;  // exact up to 2^32 elements
  int least, most;

  bool operator==(const totals&) const = default;
};

/// All three in one pass: an operation as core/operations.hpp describes it.
struct sum_and_range {
  using input = int;
  using accumulator = totals;
  using result = totals;
  static constexpr int inputs = 1;

  __host__ __device__ totals identity() const { return {0, INT_MAX, INT_MIN}; }
  __host__ __device__ totals lift(int x, std::int64_t) const { return {x, x, x}; }
  __host__ __device__ totals combine(totals a, totals b) const {
    return {a.sum + b.sum, a.least < b.least ? a.least : b.least,
            a.most > b.most ? a.most : b.most};
  }
  __host__ __device__ totals finish(totals a) const { return a; }
};

// ---- Files -------------------------------------------------------------------------------------

struct close_file {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using file = std::unique_ptr<std::FILE, close_file>;

file open(const std::string& path, const char* mode) {
  file opened(std::fopen(path.c_str(), mode));
  if (!opened) throw std::runtime_error("cannot open " + path);
  std::setvbuf(opened.get(), nullptr, _IONBF, 0);  // whole chunks are read, past any buffer
  return opened;
}

std::size_t read(const file& from, std::span<int> to) {
  const std::size_t read = std::fread(to.data(), sizeof(int), to.size(), from.get());
  if (std::ferror(from.get())) throw std::runtime_error("reading failed");
  return read;
}

void write_random_integers(const std::string& path, std::size_t bytes) {
  const file to = open(path, "wb");
  std::vector<int> block(1 << 16);
  std::uint64_t state = 1;
  for (std::size_t left = bytes / sizeof(int); left > 0;) {
    const std::size_t n = std::min(left, block.size());
    for (std::size_t i = 0; i < n; ++i) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      block[i] = int(state >> 32);
    }
    if (std::fwrite(block.data(), sizeof(int), n, to.get()) != n)
      throw std::runtime_error("cannot write " + path);
    left -= n;
  }
}

/// The plain loop, one core, in the same chunks: what the pipeline has to agree with exactly.
totals reference(const std::string& path, std::size_t chunk_bytes) {
  const file from = open(path, "rb");
  const sum_and_range op;
  totals all = op.identity();
  std::vector<int> chunk(chunk_bytes / sizeof(int));
  while (const std::size_t n = read(from, chunk)) {
    for (std::size_t i = 0; i < n; ++i) all = op.combine(all, op.lift(chunk[i], 0));
  }
  return all;
}

// ---- The pipeline ------------------------------------------------------------------------------

void print_progress(const pipeline::progress& now) {
  std::printf("  %5.1f%%  %8.1f MiB", 100.0 * double(now.bytes) / double(now.total_bytes),
              double(now.bytes) / double(1 << 20));
  if (on_gpu) std::printf("  %5.2f GB/s", 1e-9 * double(now.bytes) / now.seconds);
  std::printf("\n");
}

bool run(const std::string& path, std::size_t memory_bytes) {
  const file from = open(path, "rb");
  const std::size_t file_bytes = std::filesystem::file_size(path);
  const warpladder::stream stream;

  // [the pipeline]
  warpladder::device_buffer<std::byte> scratch;  // of the reduction; chunks take turns
  const pipeline::stage reducing{
      .name = "reduce",
      .enqueue =
          [&](auto in, auto out, const pipeline::chunk&, warpladder::stream_view on) {
            const auto elements = pipeline::as<int>(in);
            const reduce::problem<int, sum_and_range> problem{
                .n = std::int64_t(elements.size()),
                .in = elements.data(),
                .out = pipeline::as<totals>(out).data()};
            return reduce::run(problem, on, {scratch.data(), scratch.size()});
          },
      .output_bytes = [](std::size_t) { return sizeof(totals); }};  // of each chunk
  pipeline::runner runner(
      {reducing},
      {.total_bytes = file_bytes, .memory_bytes = memory_bytes, .on_progress = print_progress});
  scratch = warpladder::device_buffer<std::byte>(reduce::workspace_bytes(
      reduce::problem<int, sum_and_range>{.n = std::int64_t(runner.chunk_bytes() / sizeof(int))}));

  const sum_and_range op;
  totals all = op.identity();
  const auto done = runner.run(
      {.fill = [&](auto slot, auto&) { return read(from, pipeline::as<int>(slot)) * sizeof(int); },
       .total_bytes = file_bytes},
      {.take = [&](auto output,
                   auto&) { all = op.combine(all, pipeline::as<totals>(output).front()); }},
      stream);
  // [/the pipeline]

  std::printf(
      "%zu chunks of at most %.1f KiB, %zu on their way: %.1f KiB on the device, as much "
      "pinned\n",
      done.chunks, double(runner.chunk_bytes()) / 1024, runner.slots(),
      double(runner.chunk_bytes() * runner.slots()) / 1024);
  const auto begin = std::chrono::steady_clock::now();
  const bool right = all == reference(path, runner.chunk_bytes()) && done.bytes_in == file_bytes;
  const std::chrono::duration<double> loop = std::chrono::steady_clock::now() - begin;
  if (on_gpu) {
    std::printf("GB/s: %.2f\n", 1e-9 * double(file_bytes) / done.seconds);
    std::printf("GB/s of a loop on one core: %.2f\n", 1e-9 * double(file_bytes) / loop.count());
  }
  std::printf("sum %lld, least %d, largest %d: %s\n", all.sum, all.least, all.most,
              right ? "exactly what a loop on the CPU finds" : "WRONG");
  return right;
}

}  // namespace

int main(int argc, char** argv) try {
  const std::size_t file_kib = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : default_file_kib;
  const std::size_t memory_kib =
      argc > 2 ? std::strtoull(argv[2], nullptr, 10) : default_memory_kib;
  if (argc > 4 || file_kib == 0 || memory_kib == 0) {
    std::fprintf(stderr, "usage: %s [KiB of file [KiB of memory [file of 32-bit integers]]]\n",
                 argv[0]);
    return 2;
  }
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    std::puts("no GPU: nothing to run on");
    return 77;
  }
  if (argc > 3) return run(argv[3], memory_kib * 1024) ? 0 : 1;

  const auto unique = std::to_string(std::chrono::steady_clock::now().time_since_epoch().count());
  const std::string path = std::filesystem::temp_directory_path() / ("out_of_core_sum." + unique);
  struct removed_at_the_end {
    const std::string& path;
    ~removed_at_the_end() { std::remove(path.c_str()); }
  } const temporary{path};
  write_random_integers(path, file_kib * 1024);
  std::printf("%zu KiB of random integers, %zu KiB of memory\n", file_kib, memory_kib);
  return run(path, memory_kib * 1024) ? 0 : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
