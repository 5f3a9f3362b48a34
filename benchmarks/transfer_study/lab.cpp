// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <new>
#include <transfer_pattern.hpp>
#include <transfer_study/lab.hpp>
#include <utility>

namespace warpladder::bench {

std::string size_text(std::size_t bytes) {
  return bytes >= gib   ? fmt::format("{} GiB", bytes / gib)
         : bytes >= mib ? fmt::format("{} MiB", bytes / mib)
         : bytes >= kib ? fmt::format("{} KiB", bytes / kib)
                        : fmt::format("{} B", bytes);
}

double gb_per_s(std::size_t bytes, const timing& time) {
  return double(bytes) / time.median * 1e-3;
}

fresh_pages::fresh_pages(std::size_t bytes) : bytes_(bytes) {
  void* const mapped =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) throw std::bad_alloc();
  data_ = static_cast<std::byte*>(mapped);
}

fresh_pages::~fresh_pages() {
  munmap(data_, bytes_);
}

void touch_pages(std::byte* data, std::size_t bytes) {
  const auto page = std::size_t(sysconf(_SC_PAGESIZE));
  for (std::size_t at = 0; at < bytes; at += page) {
    static_cast<volatile std::byte*>(data)[at] = std::byte{1};
  }
}

const char* name(memory_kind which) {
  constexpr const char* names[] = {"pageable", "pinned", "registered", "write-combined", "managed"};
  return names[int(which)];
}

std::shared_ptr<std::byte> allocate_host(memory_kind which, std::size_t bytes) {
  void* data = nullptr;
  const auto released_by = [&](auto release) {
    return std::shared_ptr<std::byte>(static_cast<std::byte*>(data), release);
  };
  switch (which) {
    case memory_kind::pageable:
    case memory_kind::registered: {
      const auto pages = std::make_shared<fresh_pages>(bytes);
      data = pages->data();
      touch_pages(pages->data(), bytes);
      if (which == memory_kind::pageable) return released_by([pages](std::byte*) {});
      WARPLADDER_TRY(cudaHostRegister(data, bytes, cudaHostRegisterDefault));
      return released_by(
          [pages](std::byte* at) { WARPLADDER_TRY_NOTHROW(cudaHostUnregister(at)); });
    }
    case memory_kind::pinned:
      WARPLADDER_TRY(cudaMallocHost(&data, bytes));
      return released_by([](std::byte* at) { WARPLADDER_TRY_NOTHROW(cudaFreeHost(at)); });
    case memory_kind::write_combined:
      WARPLADDER_TRY(cudaHostAlloc(&data, bytes, cudaHostAllocWriteCombined));
      return released_by([](std::byte* at) { WARPLADDER_TRY_NOTHROW(cudaFreeHost(at)); });
    case memory_kind::managed: {
      std::size_t free = 0, total = 0;
      WARPLADDER_TRY(cudaMemGetInfo(&free, &total));
      if (bytes > free / 2)
        throw unavailable(
            fmt::format("{} of managed memory would be more than half of the {} MiB "
                        "that are free on the device",
                        size_text(bytes), free / mib));
      WARPLADDER_TRY(cudaMallocManaged(&data, bytes));
      return released_by([](std::byte* at) { WARPLADDER_TRY_NOTHROW(cudaFree(at)); });
    }
  }
  throw std::logic_error("no such kind of memory");
}

transfer_lab::transfer_lab(bool quick) : lab(quick), cores(usable_cores()) {}

std::vector<std::size_t> transfer_lab::sizes() const {
  if (quick) return {64 * kib, 4 * mib, 64 * mib};
  std::vector<std::size_t> all;
  for (std::size_t bytes = 4 * kib; bytes <= gib; bytes *= 4) all.push_back(bytes);
  return all;
}

std::byte* transfer_lab::host(memory_kind which, std::size_t bytes) {
  owned_host& mine = hosts_[which];
  if (mine.bytes < bytes) {
    mine = {};
    mine = {allocate_host(which, bytes), bytes};
    fill_pattern_on_host(mine.memory.get(), bytes, 1);
  }
  return mine.memory.get();
}

std::byte* transfer_lab::device_memory(std::size_t bytes) {
  if (device_memory_.size() < bytes) {
    device_memory_ = {};
    device_memory_ = device_buffer<std::byte>(bytes);
    WARPLADDER_TRY(fill_pattern(device_memory_.data(), bytes, 1, on));
    on.synchronize();
  }
  return device_memory_.data();
}

transfer_time transfer_lab::time(const method& how, double enough_us) const {
  if (quick) enough_us /= 5;
  const std::size_t least = quick ? 2 : 3, most = quick ? 5 : 101;
  std::vector<double> whole, host;
  const stopwatch spent;
  for (bool first = true; whole.size() < least || (whole.size() < most && spent.us() < enough_us);
       first = false) {
    if (how.prepare) how.prepare();
    wait();
    const stopwatch watch;
    how.start();
    const double host_us = watch.us();
    how.finish();
    const double whole_us = watch.us();
    if (first) continue;  // it may have loaded kernels, made pools, or found cold pages
    whole.push_back(whole_us);
    host.push_back(host_us);
  }
  return {summarise(whole), summarise(host)};
}

void transfer_lab::wait() const {
  WARPLADDER_TRY(cudaStreamSynchronize(cudaStreamLegacy));
  on.synchronize();
}

method transfer_lab::copy_sync(std::string what, std::byte* to, const std::byte* from,
                               std::size_t bytes, direction where) const {
  return {std::move(what), [=] { WARPLADDER_TRY(cudaMemcpy(to, from, bytes, kind_of(where))); },
          [] { WARPLADDER_TRY(cudaStreamSynchronize(cudaStreamLegacy)); }};
}

method transfer_lab::copy_async(std::string what, std::byte* to, const std::byte* from,
                                std::size_t bytes, direction where) const {
  const stream_view stream = on;
  return {std::move(what),
          [=] { WARPLADDER_TRY(cudaMemcpyAsync(to, from, bytes, kind_of(where), stream)); },
          [=] { stream.synchronize(); }};
}

}  // namespace warpladder::bench
