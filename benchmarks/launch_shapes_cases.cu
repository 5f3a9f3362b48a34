// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstring>
#include <launch_shapes_cases.hpp>
#include <memory>
#include <utility>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/launch.cuh>
#include <warpladder/launch/chase.cuh>
#include <warpladder/launch/histogram.cuh>
#include <warpladder/launch/iterate.cuh>
#include <warpladder/launch/records.cuh>
#include <warpladder/launch/small_products.cuh>
#include <warpladder/launch/triad.cuh>

namespace warpladder::bench {
namespace {

/// 32 bits that look random (the finaliser of MurmurHash3, A. Appleby).
std::uint32_t scrambled(std::uint32_t x) {
  x ^= x >> 16, x *= 0x85ebca6bu, x ^= x >> 13, x *= 0xc2b2ae35u, x ^= x >> 16;
  return x;
}

std::vector<float> uniform(std::int64_t count, std::uint32_t seed) {
  std::vector<float> values(std::size_t(count), 0.0f);
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = float(std::int32_t(scrambled(std::uint32_t(i) + seed))) * 0x1p-31f;
  return values;
}

/// The arrays of a case, in device memory.
struct case_data {
  std::vector<device_buffer<std::uint32_t>> in;
  device_buffer<std::uint32_t> out, want;
};

template <class T>
device_buffer<std::uint32_t> on_device(const std::vector<T>& values) {
  static_assert(sizeof(T) == 4);
  device_buffer<std::uint32_t> buffer(values.size());
  WARPLADDER_TRY(
      cudaMemcpy(buffer.data(), values.data(), buffer.size_bytes(), cudaMemcpyHostToDevice));
  WARPLADDER_TRY(cudaDeviceSynchronize());
  return buffer;
}

template <class T>
void expect(case_data& data, const std::vector<T>& want) {
  data.want = on_device(want);
  data.out = device_buffer<std::uint32_t>(want.size());
}

using shared_data = std::shared_ptr<case_data>;

template <class Problem>
launch_case make_case(const launch::shipped<Problem>& kernel, const Problem& problem,
                      std::int64_t n, std::int64_t units, const shared_data& data) {
  const auto* const address = reinterpret_cast<const void*>(kernel.kernel);
  cudaFuncAttributes uses;
  WARPLADDER_TRY(cudaFuncGetAttributes(&uses, address));
  const auto shared = [asks = kernel.asks](unsigned block, std::size_t ballast) {
    return asks.shared_bytes + asks.shared_bytes_per_thread * block + ballast;
  };
  launch_case made;
  made.kernel = kernel.name, made.bound_by = kernel.bound_by;
  made.items = kernel.asks.items, made.n = n, made.units = units;
  made.registers = uses.numRegs, made.local_bytes = int(uses.localSizeBytes);
  made.static_shared_bytes = int(uses.sharedSizeBytes);
  made.max_block = unsigned(uses.maxThreadsPerBlock);
  made.launch = [=](unsigned block, unsigned grid, std::size_t ballast, cudaStream_t stream) {
    static_cast<void>(data);  // kept as long as it may be launched
    return launch_kernel(kernel.kernel,
                         {.grid = dim3(grid),
                          .block = dim3(block),
                          .shared_bytes = shared(block, ballast),
                          .stream = stream},
                         problem);
  };
  made.suggest = [=] { return launch::suggest(kernel.kernel, units, kernel.asks); };
  made.resident = [=](unsigned block, std::size_t ballast) {
    const std::size_t bytes = shared(block, ballast);
    if (bytes > 32 * 1024 &&
        cudaFuncSetAttribute(address, cudaFuncAttributeMaxDynamicSharedMemorySize, int(bytes)) !=
            cudaSuccess) {
      cudaGetLastError();
      return 0;
    }
    int blocks = 0;
    WARPLADDER_TRY(
        cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, address, int(block), bytes));
    return blocks;
  };
  made.out = data->out.data(), made.want = data->want.data();
  made.words = std::int64_t(data->out.size());
  return made;
}

constexpr float triad_factor = 0.75f;

shared_data triad_data(std::int64_t n) {
  auto data = std::make_shared<case_data>();
  const std::vector<float> b = uniform(n, 1), c = uniform(n, 0x40000000);
  std::vector<float> a(b.size());
  for (std::size_t i = 0; i < a.size(); ++i) a[i] = std::fma(triad_factor, c[i], b[i]);
  data->in.push_back(on_device(b));
  data->in.push_back(on_device(c));
  expect(*data, a);
  return data;
}

template <class Vector, int Items>
launch_case triad_case(std::int64_t n, const shared_data& data) {
  const std::int64_t vectors = n / std::int64_t(sizeof(Vector) / sizeof(float));
  const launch::triad_problem<Vector> problem{vectors, triad_factor,
                                              reinterpret_cast<const Vector*>(data->in[0].data()),
                                              reinterpret_cast<const Vector*>(data->in[1].data()),
                                              reinterpret_cast<Vector*>(data->out.data())};
  return make_case(launch::triad<Vector, Items>(), problem, n, vectors, data);
}

shared_data iterate_data(std::int64_t n) {
  std::vector<float> period(launch::iterate_constants), x(std::size_t(n), 0.0f);
  for (std::size_t i = 0; i < period.size(); ++i) {
    const float c = launch::iterate_constant(std::int64_t(i));
    for (int step = 0; step < launch::iterate_steps; ++step)
      period[i] = std::fma(period[i], period[i], c);
  }
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = period[i % period.size()];
  auto data = std::make_shared<case_data>();
  expect(*data, x);
  return data;
}

template <int Items>
launch_case iterate_case(std::int64_t n, const shared_data& data) {
  const launch::iterate_problem problem{n, reinterpret_cast<float*>(data->out.data())};
  return make_case(launch::iterate<Items>(), problem, n, n, data);
}

shared_data chase_data(std::int64_t n) {
  // 5 * at + odd modulo a power of two passes every place once before it comes back (Hull, Dobell).
  constexpr std::uint32_t links = launch::chase_links;
  std::vector<std::uint32_t> link(std::size_t(n) * links), out(std::size_t(n), 0u);
  for (std::uint32_t list = 0; list < out.size(); ++list) {
    const std::uint32_t odd = scrambled(list) | 1;
    std::uint32_t* const mine = &link[std::size_t(list) * links];
    for (std::uint32_t at = 0; at < links; ++at) mine[at] = (5 * at + odd) % links;
    for (std::uint32_t step = 0, at = 0; step < links; ++step) {
      at = mine[at];
      out[list] = launch::chase_met(out[list], at);
    }
  }
  auto data = std::make_shared<case_data>();
  data->in.push_back(on_device(link));
  expect(*data, out);
  return data;
}

template <int Items>
launch_case chase_case(std::int64_t n, const shared_data& data) {
  const launch::chase_problem problem{n, data->in[0].data(), data->out.data()};
  return make_case(launch::chase<Items>(), problem, n, n, data);
}

shared_data small_products_data(std::int64_t n) {
  const std::vector<float> left = uniform(64 * n, 1), right = uniform(64 * n, 0x40000000);
  std::vector<float> out(left.size());
  for (int r = 0; r < 8; ++r) {
    for (int c = 0; c < 8; ++c) {
      float* const sums = &out[std::size_t((r * 8 + c) * n)];
      for (int k = 0; k < 8; ++k) {
        const float* const one = &left[std::size_t((r * 8 + k) * n)];
        const float* const other = &right[std::size_t((k * 8 + c) * n)];
        for (std::int64_t i = 0; i < n; ++i) sums[i] = std::fma(one[i], other[i], sums[i]);
      }
    }
  }
  auto data = std::make_shared<case_data>();
  data->in.push_back(on_device(left));
  data->in.push_back(on_device(right));
  expect(*data, out);
  return data;
}

template <int Rows, int MinBlocks>
launch_case small_products_case(std::int64_t n, const shared_data& data) {
  const launch::small_products_problem problem{n,
                                               reinterpret_cast<const float*>(data->in[0].data()),
                                               reinterpret_cast<const float*>(data->in[1].data()),
                                               reinterpret_cast<float*>(data->out.data())};
  return make_case(launch::small_products<Rows, MinBlocks>(), problem, n,
                   launch::small_products_threads<Rows>(n), data);
}

launch_case records_case(std::int64_t n) {
  constexpr float x = 0.5f;
  constexpr int floats = launch::record_floats;
  const std::vector<float> in = uniform(n * floats, 1);
  std::vector<float> out(std::size_t(n), 0.0f);
  for (std::size_t i = 0; i < out.size(); ++i) {
    for (int k = floats - 1; k >= 0; --k) out[i] = std::fma(out[i], x, in[i * floats + k]);
  }
  auto data = std::make_shared<case_data>();
  data->in.push_back(on_device(in));
  expect(*data, out);
  const launch::records_problem problem{n, x, reinterpret_cast<const float*>(data->in[0].data()),
                                        reinterpret_cast<float*>(data->out.data())};
  return make_case(launch::records(), problem, n, n, data);
}

launch_case histogram_case(std::int64_t n) {
  std::vector<std::uint32_t> key(std::size_t(n), 0u), counts(launch::histogram_bins, 0u);
  for (std::size_t i = 0; i < key.size(); ++i) {
    key[i] = scrambled(std::uint32_t(i));
    ++counts[key[i] >> (32 - launch::histogram_bits)];
  }
  auto data = std::make_shared<case_data>();
  data->in.push_back(on_device(key));
  expect(*data, counts);
  const launch::histogram_problem problem{n, data->in[0].data(), data->out.data()};
  launch_case made = make_case(launch::histogram(), problem, n, n, data);
  made.adds = true;
  return made;
}

__global__ void compare_kernel(const std::uint32_t* out, const std::uint32_t* want,
                               std::int64_t words, unsigned long long* wrong) {
  const std::int64_t step = std::int64_t{gridDim.x} * blockDim.x;
  unsigned mine = 0;
  for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < words; i += step)
    mine += out[i] != want[i];
  if (mine != 0) atomicAdd(wrong, mine);
}

}  // namespace

std::vector<std::function<launch_case()>> swept_cases() {
  std::vector<std::function<launch_case()>> cases;
  const auto add = [&](std::initializer_list<int> exponents, auto make) {
    for (const int exponent : exponents)
      cases.push_back([=] { return make(std::int64_t{1} << exponent); });
  };
  add({14, 20, 26}, [](std::int64_t n) { return triad_case<float, 1>(n, triad_data(n)); });
  add({14, 20, 26}, [](std::int64_t n) { return triad_case<float4, 4>(n, triad_data(n)); });
  add({14, 20, 26}, [](std::int64_t n) { return iterate_case<1>(n, iterate_data(n)); });
  add({14, 17, 20}, [](std::int64_t n) { return chase_case<1>(n, chase_data(n)); });
  add({12, 15, 18},
      [](std::int64_t n) { return small_products_case<8, 1>(n, small_products_data(n)); });
  add({14, 18, 21}, records_case);
  add({14, 20, 26}, histogram_case);
  return cases;
}

std::vector<launch_case> work_cases(const std::string& kernel, std::int64_t n) {
  const auto sizes = std::integer_sequence<int, 1, 2, 4, 8, 16, 32, 64>();
  std::vector<launch_case> cases;
  const auto add = [&]<int... Items>(std::integer_sequence<int, Items...>) {
    if (kernel == "triad") {
      const auto data = triad_data(n);
      (cases.push_back(triad_case<float, Items>(n, data)), ...);
    } else if (kernel == "iterate") {
      const auto data = iterate_data(n);
      (cases.push_back(iterate_case<Items>(n, data)), ...);
    } else if (kernel == "chase") {
      const auto data = chase_data(n);
      (cases.push_back(chase_case<Items>(n, data)), ...);
    }
  };
  add(sizes);
  return cases;
}

std::vector<register_case> register_cases(std::int64_t n) {
  const auto data = small_products_data(n);
  return {{small_products_case<8, 1>(n, data), 8, 1}, {small_products_case<8, 2>(n, data), 8, 2},
          {small_products_case<8, 3>(n, data), 8, 3}, {small_products_case<8, 4>(n, data), 8, 4},
          {small_products_case<8, 6>(n, data), 8, 6}, {small_products_case<8, 8>(n, data), 8, 8},
          {small_products_case<4, 1>(n, data), 4, 1}, {small_products_case<2, 1>(n, data), 2, 1},
          {small_products_case<1, 1>(n, data), 1, 1}};
}

std::vector<launch_case> ballast_cases() {
  constexpr std::int64_t n = std::int64_t{1} << 26, lists = std::int64_t{1} << 20;
  const auto data = triad_data(n);
  return {triad_case<float, 1>(n, data), triad_case<float4, 4>(n, data),
          chase_case<1>(lists, chase_data(lists))};
}

std::int64_t wrong_words(const launch_case& of, unsigned block, unsigned grid, std::size_t ballast,
                         cudaStream_t stream) {
  const std::size_t bytes = std::size_t(of.words) * sizeof(std::uint32_t);
  WARPLADDER_TRY(cudaMemsetAsync(of.out, of.adds ? 0 : 0xff, bytes, stream));
  WARPLADDER_TRY(of.launch(block, grid, ballast, stream));
  const device_buffer<unsigned long long> on_device(1);
  WARPLADDER_TRY(cudaMemsetAsync(on_device.data(), 0, on_device.size_bytes(), stream));
  WARPLADDER_TRY(launch_kernel(compare_kernel,
                               {.grid = dim3(1024), .block = dim3(256), .stream = stream}, of.out,
                               of.want, of.words, on_device.data()));
  unsigned long long wrong = 0;
  WARPLADDER_TRY(
      cudaMemcpyAsync(&wrong, on_device.data(), sizeof wrong, cudaMemcpyDeviceToHost, stream));
  WARPLADDER_TRY(cudaStreamSynchronize(stream));
  return std::int64_t(wrong);
}

}  // namespace warpladder::bench
