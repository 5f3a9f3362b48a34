// SPDX-License-Identifier: Apache-2.0
// Device and pinned memory, and the copies between them. "Device" memory is host memory that the
// executor has a record of: that is enough to notice a copy in the wrong direction or past the end.
#include "memory.hpp"

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "errors.hpp"
#include "faults.hpp"
#include "simt/runtime_api.hpp"
#include "simt/simt.hpp"
#include "stream.hpp"
#include "trace/stream_work.hpp"
#include "trace/tracer.hpp"

namespace simt {
namespace {

enum class memory_kind { device, managed, symbol, pinned, registered };

struct allocation {
  std::uintptr_t start = 0;
  std::size_t bytes = 0;
  memory_kind kind = memory_kind::device;
  unsigned flags = 0;  // of host memory, as given by the program

  bool is_device() const { return kind == memory_kind::device || kind == memory_kind::symbol; }
  bool is_host() const { return kind == memory_kind::pinned || kind == memory_kind::registered; }
};

class allocation_table {
 public:
  // Bytes from cudaMalloc; the rest of the table does not count.
  std::size_t device_bytes() {
    std::lock_guard lock(mutex_);
    return device_bytes_;
  }

  bool reserve(std::size_t bytes) {
    const std::size_t limit = current_options().memory_bytes;
    std::lock_guard lock(mutex_);
    if (bytes > limit || device_bytes_ > limit - bytes) return false;
    device_bytes_ += bytes;
    return true;
  }
  void unreserve(std::size_t bytes) {
    std::lock_guard lock(mutex_);
    device_bytes_ -= bytes;
  }

  void insert(const void* pointer, std::size_t bytes, memory_kind kind, unsigned flags = 0) {
    std::lock_guard lock(mutex_);
    const auto start = reinterpret_cast<std::uintptr_t>(pointer);
    entries_[start] = {start, bytes, kind, flags};
  }

  // Removes the entry that begins at `pointer` if it is of this kind.
  bool remove(const void* pointer, memory_kind kind, std::size_t* bytes = nullptr) {
    std::lock_guard lock(mutex_);
    const auto found = entries_.find(reinterpret_cast<std::uintptr_t>(pointer));
    if (found == entries_.end() || found->second.kind != kind) return false;
    if (bytes != nullptr) *bytes = found->second.bytes;
    entries_.erase(found);
    return true;
  }

  // The allocation that contains the address; its `bytes` is 0 if there is none.
  allocation find(const void* pointer) {
    std::lock_guard lock(mutex_);
    const auto address = reinterpret_cast<std::uintptr_t>(pointer);
    auto after = entries_.upper_bound(address);
    if (after == entries_.begin()) return {};
    const allocation& candidate = std::prev(after)->second;
    return address - candidate.start < candidate.bytes ? candidate : allocation{};
  }

  void count(object_counts& counts) {
    std::lock_guard lock(mutex_);
    for (const auto& [start, entry] : entries_) {
      switch (entry.kind) {
        case memory_kind::device:
        case memory_kind::managed:
          ++counts.device_allocations;
          counts.device_bytes += entry.bytes;
          break;
        case memory_kind::pinned:
          ++counts.pinned_allocations;
          counts.pinned_bytes += entry.bytes;
          break;
        case memory_kind::registered:
          ++counts.registrations;
          counts.registered_bytes += entry.bytes;
          break;
        case memory_kind::symbol:
          break;
      }
    }
  }

 private:
  std::mutex mutex_;
  std::map<std::uintptr_t, allocation> entries_;
  std::size_t device_bytes_ = 0;
};

allocation_table& the_table() {
  static allocation_table& instance = *new allocation_table;
  return instance;
}

// What cudaMalloc guarantees on GPUs.
constexpr std::size_t device_alignment = 256;

void* allocate_aligned(std::size_t bytes) {
#if defined(__SANITIZE_ADDRESS__)
  // Not rounded up: the sanitizer's red zone begins at the first byte past the end.
  void* pointer = nullptr;
  return posix_memalign(&pointer, device_alignment, bytes) == 0 ? pointer : nullptr;
#else
  return std::aligned_alloc(device_alignment,
                            (bytes + device_alignment - 1) / device_alignment * device_alignment);
#endif
}

// A traced program keeps device memory apart, to know it from all other memory by its address.
void* allocate_device_memory(std::size_t bytes) {
  return traced ? trace::allocate_device(bytes) : allocate_aligned(bytes);
}
void free_device_memory(void* pointer) {
  traced ? trace::release_device(pointer) : std::free(pointer);
}

cudaError_t allocate_device(void** pointer, std::size_t bytes,
                            memory_kind kind = memory_kind::device) {
  if (pointer == nullptr) return cudaErrorInvalidValue;
  *pointer = nullptr;
  if (bytes == 0) return cudaSuccess;
  if (const cudaError_t failure = next_failure(fault::device_allocation)) return failure;
  if (!the_table().reserve(bytes)) return cudaErrorMemoryAllocation;
  void* made = allocate_device_memory(bytes);
  if (made == nullptr) {
    the_table().unreserve(bytes);
    return cudaErrorMemoryAllocation;
  }
  if (current_options().poison_global) std::memset(made, 0xFF, bytes);
  the_table().insert(made, bytes, kind);
  *pointer = made;
  return cudaSuccess;
}

// Memory freed in stream order, which work of other streams may still use by mistake: poisoned, and
// kept for a while. The address sanitizer and the tracer do that themselves, and name the culprit.
class freed_in_stream_order {
 public:
  static freed_in_stream_order& instance() {
    static freed_in_stream_order& made = *new freed_in_stream_order;
    return made;
  }

  void add(void* pointer, std::size_t bytes) {
    if (!kept) return free_device_memory(pointer);
    if (current_options().poison_global) std::memset(pointer, 0xFF, bytes);
    std::lock_guard lock(mutex_);
    memory_.push_back({pointer, bytes});
    for (bytes_ += bytes; bytes_ > most_bytes; memory_.pop_front()) {
      bytes_ -= memory_.front().bytes;
      free_device_memory(memory_.front().pointer);
    }
  }

 private:
#if defined(__SANITIZE_ADDRESS__)
  static constexpr bool kept = false;
#else
  static constexpr bool kept = !traced;
#endif
  static constexpr std::size_t most_bytes = std::size_t{64} << 20;
  struct freed {
    void* pointer;
    std::size_t bytes;
  };
  std::mutex mutex_;
  std::deque<freed> memory_;
  std::size_t bytes_ = 0;
};

enum class release { at_once, in_stream_order };

cudaError_t release_device(void* pointer, release when) {
  std::size_t bytes = 0;
  if (!the_table().remove(pointer, memory_kind::device, &bytes) &&
      !the_table().remove(pointer, memory_kind::managed, &bytes)) {
    return cudaErrorInvalidValue;
  }
  the_table().unreserve(bytes);
  if (when == release::at_once) {
    free_device_memory(pointer);
  } else {
    freed_in_stream_order::instance().add(pointer, bytes);
  }
  return cudaSuccess;
}

enum class place { device, managed, pinned, pageable };

// Where `bytes` bytes at the address lie; false if they run past the end of an allocation.
bool locate(const void* pointer, std::size_t bytes, place& result) {
  const allocation found = the_table().find(pointer);
  if (found.bytes == 0) {
    result = place::pageable;
    return true;
  }
  result = found.is_device()                    ? place::device
           : found.kind == memory_kind::managed ? place::managed
                                                : place::pinned;
  return bytes <= found.bytes - (reinterpret_cast<std::uintptr_t>(pointer) - found.start);
}

struct copy_request {
  void* dst;
  std::size_t dst_pitch;
  const void* src;
  std::size_t src_pitch;
  std::size_t width, height;
};

void perform(const copy_request& c) {
  for (std::size_t row = 0; row < c.height; ++row) {
    char* const to = static_cast<char*>(c.dst) + row * c.dst_pitch;
    const char* const from = static_cast<const char*>(c.src) + row * c.src_pitch;
    trace::note_work("a copy", from, c.width, false);
    trace::note_work("a copy", to, c.width, true);
    std::memmove(to, from, c.width);
  }
}

std::size_t extent(std::size_t pitch, std::size_t width, std::size_t height) {
  return (height - 1) * pitch + width;
}

// Managed memory may be called either.
bool is_called_right(place memory, bool device) {
  return memory == place::managed || device == (memory == place::device);
}

bool is_host(place memory) {
  return memory == place::pinned || memory == place::pageable;
}

cudaError_t copy(copy_request c, cudaMemcpyKind kind, cudaStream_t stream, bool synchronous) {
  if (kind < cudaMemcpyHostToHost || kind > cudaMemcpyDefault) {
    return cudaErrorInvalidMemcpyDirection;
  }
  if (c.width > c.dst_pitch || c.width > c.src_pitch) return cudaErrorInvalidPitchValue;
  if (synchronous) {
    if (const cudaError_t refused = refuse_during_capture(/*uses_legacy_stream=*/true)) {
      return refused;
    }
  }
  if (c.width == 0 || c.height == 0) return cudaSuccess;
  if (c.dst == nullptr || c.src == nullptr) return cudaErrorInvalidValue;
  place to, from;
  if (!locate(c.dst, extent(c.dst_pitch, c.width, c.height), to) ||
      !locate(c.src, extent(c.src_pitch, c.width, c.height), from)) {
    return cudaErrorInvalidValue;
  }
  const bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  const bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  if (kind != cudaMemcpyDefault &&
      (!is_called_right(to, to_device) || !is_called_right(from, from_device))) {
    return cudaErrorInvalidValue;
  }
  if (const cudaError_t failure = next_failure(fault::copy_submit)) return failure;
  const cudaError_t outcome = next_failure(fault::copy_execution);
  const bool capturing = is_capturing(stream);
  if (from == place::pageable && !is_host(to) && !synchronous && !capturing) {
    // As on a GPU the source may be reused at once: it is copied to a staging buffer now.
    auto staged = std::make_shared<std::vector<char>>(c.width * c.height);
    perform({staged->data(), c.width, c.src, c.src_pitch, c.width, c.height});
    c.src_pitch = c.width;
    return submit(stream, {[c, staged, outcome]() mutable {
                    c.src = staged->data();
                    if (outcome == cudaSuccess) perform(c);
                    return outcome;
                  }});
  }
  const cudaError_t error = submit(stream, {[c, outcome] {
                                     if (outcome == cudaSuccess) perform(c);
                                     return outcome;
                                   }});
  if (error != cudaSuccess) return error;
  // Copies to pageable memory, and between host buffers, have happened when the call returns.
  const bool waits =
      synchronous || (!capturing && (to == place::pageable || (is_host(to) && is_host(from))));
  return waits ? drain(stream) : cudaSuccess;
}

struct fill_request {
  void* dst;
  std::size_t pitch;
  int value;
  std::size_t width, height;
};

cudaError_t fill(const fill_request& f, cudaStream_t stream) {
  if (f.width > f.pitch) return cudaErrorInvalidValue;
  if (f.width == 0 || f.height == 0) return cudaSuccess;
  place to;
  if (f.dst == nullptr || !locate(f.dst, extent(f.pitch, f.width, f.height), to) ||
      to == place::pageable) {
    return cudaErrorInvalidValue;
  }
  return submit(stream, {[f] {
                  for (std::size_t row = 0; row < f.height; ++row) {
                    char* const to = static_cast<char*>(f.dst) + row * f.pitch;
                    trace::note_work("a fill", to, f.width, true);
                    std::memset(to, f.value, f.width);
                  }
                  return cudaSuccess;
                }});
}

}  // namespace

bool is_host_memory_of_the_device(const void* pointer) {
  const allocation found = the_table().find(pointer);
  return found.bytes != 0 && found.is_host();
}

void count_memory(object_counts& counts) {
  the_table().count(counts);
}

std::size_t device_bytes_in_use() {
  return the_table().device_bytes();
}

void detail::register_symbol(void* symbol, size_t bytes) {
  the_table().insert(symbol, bytes, memory_kind::symbol);
}

cudaError_t detail::copy_symbol(void* symbol, size_t symbol_bytes, size_t offset, void* host,
                                size_t bytes, cudaMemcpyKind kind, bool to_symbol,
                                bool asynchronous, cudaStream_t stream) {
  if (offset > symbol_bytes || bytes > symbol_bytes - offset) return noted(cudaErrorInvalidValue);
  register_symbol(symbol, symbol_bytes);
  void* const inside = static_cast<char*>(symbol) + offset;
  const copy_request request = to_symbol ? copy_request{inside, bytes, host, bytes, bytes, 1}
                                         : copy_request{host, bytes, inside, bytes, bytes, 1};
  return noted(copy(request, kind, stream, !asynchronous));
}

}  // namespace simt

using simt::memory_kind;
using simt::noted;
using simt::the_table;

// ---- device memory -----------------------------------------------------------------------------

cudaError_t cudaMalloc(void** pointer, size_t bytes) {
  if (const cudaError_t refused = simt::refuse_during_capture()) return noted(refused);
  return noted(simt::allocate_device(pointer, bytes));
}

cudaError_t cudaMallocPitch(void** pointer, size_t* pitch, size_t width_bytes, size_t height) {
  if (pitch == nullptr) return noted(cudaErrorInvalidValue);
  *pitch = (width_bytes + 511) / 512 * 512;
  return cudaMalloc(pointer, *pitch * height);
}

cudaError_t cudaFree(void* pointer) {
  if (const cudaError_t refused = simt::refuse_during_capture()) return noted(refused);
  if (pointer == nullptr) return cudaSuccess;
  // Like the real one, waits for all work, which may still use the memory.
  const cudaError_t pending = simt::drain_all();
  const cudaError_t released = simt::release_device(pointer, simt::release::at_once);
  return noted(released != cudaSuccess ? released : pending);
}

cudaError_t cudaMallocAsync(void** pointer, size_t bytes, cudaStream_t stream) {
  const cudaError_t error = simt::allocate_device(pointer, bytes);
  if (error != cudaSuccess || bytes == 0 || simt::is_capturing(stream)) return noted(error);
  if (!simt::current_options().poison_global) return cudaSuccess;
  // What other streams have written before this one comes here is lost.
  const cudaError_t submitted =
      simt::submit(stream, {[memory = *pointer, bytes] {
                     simt::trace::note_work("cudaMallocAsync", memory, bytes, true);
                     std::memset(memory, 0xFF, bytes);
                     return cudaSuccess;
                   }});
  if (submitted != cudaSuccess) {
    simt::release_device(*pointer, simt::release::at_once);
    *pointer = nullptr;
  }
  return noted(submitted);
}

cudaError_t cudaFreeAsync(void* pointer, cudaStream_t stream) {
  if (pointer == nullptr) return cudaSuccess;
  const auto found = the_table().find(pointer);
  if (found.bytes == 0 || found.kind != memory_kind::device ||
      found.start != reinterpret_cast<std::uintptr_t>(pointer)) {
    return noted(cudaErrorInvalidValue);
  }
  // A graph may be launched again and then needs the memory again: it keeps it.
  if (simt::is_capturing(stream)) return noted(simt::submit(stream, {}));
  const auto release = [pointer, bytes = found.bytes] {
    simt::trace::note_work("cudaFreeAsync", pointer, bytes, true);
    const cudaError_t error = simt::release_device(pointer, simt::release::in_stream_order);
    // Again: what was known of the memory has gone with it.
    simt::trace::note_work("cudaFreeAsync", pointer, bytes, true);
    return error;
  };
  return noted(simt::submit(stream, {release, true}));
}

cudaError_t cudaMallocManaged(void** pointer, size_t bytes, unsigned flags) {
  if (const cudaError_t refused = simt::refuse_during_capture()) return noted(refused);
  if (bytes == 0 || (flags != cudaMemAttachGlobal && flags != cudaMemAttachHost)) {
    return noted(cudaErrorInvalidValue);
  }
  return noted(simt::allocate_device(pointer, bytes, memory_kind::managed));
}

namespace {

cudaError_t check_managed(const void* pointer, size_t bytes, const cudaMemLocation& location) {
  const auto found = the_table().find(pointer);
  if (bytes == 0 || found.bytes == 0 || found.kind != memory_kind::managed ||
      bytes > found.bytes - (reinterpret_cast<std::uintptr_t>(pointer) - found.start)) {
    return cudaErrorInvalidValue;
  }
  const bool known = location.type == cudaMemLocationTypeDevice
                         ? location.id == 0
                         : location.type >= cudaMemLocationTypeHost &&
                               location.type <= cudaMemLocationTypeHostNumaCurrent;
  return known ? cudaSuccess : cudaErrorInvalidDevice;
}

cudaMemLocation location_of(int device) {
  return {device == cudaCpuDeviceId ? cudaMemLocationTypeHost : cudaMemLocationTypeDevice, device};
}

}  // namespace

cudaError_t cudaMemAdvise(const void* pointer, size_t bytes, cudaMemoryAdvise advice,
                          cudaMemLocation location) {
  if (advice < cudaMemAdviseSetReadMostly || advice > cudaMemAdviseUnsetAccessedBy) {
    return noted(cudaErrorInvalidValue);
  }
  // Advice that is not about a place does not look at it.
  const bool has_place =
      advice >= cudaMemAdviseSetPreferredLocation && advice != cudaMemAdviseUnsetPreferredLocation;
  return noted(check_managed(pointer, bytes, has_place ? location : location_of(0)));
}

cudaError_t cudaMemAdvise(const void* pointer, size_t bytes, cudaMemoryAdvise advice, int device) {
  return cudaMemAdvise(pointer, bytes, advice, location_of(device));
}

cudaError_t cudaMemPrefetchAsync(const void* pointer, size_t bytes, cudaMemLocation location,
                                 unsigned flags, cudaStream_t stream) {
  if (flags != 0) return noted(cudaErrorInvalidValue);
  const cudaError_t wrong = check_managed(pointer, bytes, location);
  return noted(wrong != cudaSuccess ? wrong : simt::submit(stream, {}));
}

cudaError_t cudaMemPrefetchAsync(const void* pointer, size_t bytes, int device,
                                 cudaStream_t stream) {
  return cudaMemPrefetchAsync(pointer, bytes, location_of(device), 0, stream);
}

// ---- host memory -------------------------------------------------------------------------------

cudaError_t cudaMallocHost(void** pointer, size_t bytes, unsigned flags) {
  if (const cudaError_t refused = simt::refuse_during_capture()) return noted(refused);
  if (pointer == nullptr || flags > 7) return noted(cudaErrorInvalidValue);
  *pointer = nullptr;
  if (bytes == 0) return cudaSuccess;
  if (const cudaError_t failure = simt::next_failure(simt::fault::pinned_allocation)) {
    return noted(failure);
  }
  void* made = simt::allocate_aligned(bytes);
  if (made == nullptr) return noted(cudaErrorMemoryAllocation);
  the_table().insert(made, bytes, memory_kind::pinned, flags);
  *pointer = made;
  return cudaSuccess;
}

cudaError_t cudaHostAlloc(void** pointer, size_t bytes, unsigned flags) {
  return cudaMallocHost(pointer, bytes, flags);
}

cudaError_t cudaFreeHost(void* pointer) {
  if (const cudaError_t refused = simt::refuse_during_capture()) return noted(refused);
  if (pointer == nullptr) return cudaSuccess;
  const cudaError_t pending = simt::drain_all();
  if (!the_table().remove(pointer, memory_kind::pinned)) return noted(cudaErrorInvalidValue);
  std::free(pointer);
  return noted(pending);
}

cudaError_t cudaHostRegister(void* pointer, size_t bytes, unsigned flags) {
  if (pointer == nullptr || bytes == 0 || flags > 15) return noted(cudaErrorInvalidValue);
  if (the_table().find(pointer).bytes != 0) return noted(cudaErrorHostMemoryAlreadyRegistered);
  if (const cudaError_t failure = simt::next_failure(simt::fault::registration)) {
    return noted(failure);
  }
  the_table().insert(pointer, bytes, memory_kind::registered, flags);
  return cudaSuccess;
}

cudaError_t cudaHostUnregister(void* pointer) {
  const bool removed = the_table().remove(pointer, memory_kind::registered);
  return removed ? cudaSuccess : noted(cudaErrorHostMemoryNotRegistered);
}

cudaError_t cudaHostGetDevicePointer(void** device, void* host, unsigned flags) {
  if (device == nullptr || flags != 0) return noted(cudaErrorInvalidValue);
  const auto found = the_table().find(host);
  if (found.bytes == 0 || !found.is_host()) return noted(cudaErrorInvalidValue);
  *device = host;
  return cudaSuccess;
}

cudaError_t cudaHostGetFlags(unsigned* flags, void* pointer) {
  const auto found = the_table().find(pointer);
  if (flags == nullptr || found.bytes == 0 || !found.is_host()) return noted(cudaErrorInvalidValue);
  *flags = found.flags;
  return cudaSuccess;
}

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* pointer) {
  if (attributes == nullptr) return noted(cudaErrorInvalidValue);
  const auto found = the_table().find(pointer);
  void* const address = const_cast<void*>(pointer);
  if (found.bytes == 0) {
    *attributes = {cudaMemoryTypeUnregistered, -2, nullptr, address};
  } else if (found.kind == memory_kind::managed) {
    *attributes = {cudaMemoryTypeManaged, 0, address, address};
  } else if (found.is_device()) {
    *attributes = {cudaMemoryTypeDevice, 0, address, nullptr};
  } else {
    *attributes = {cudaMemoryTypeHost, 0, address, address};
  }
  return cudaSuccess;
}

// ---- copies and fills --------------------------------------------------------------------------

cudaError_t cudaMemcpy(void* dst, const void* src, size_t bytes, cudaMemcpyKind kind) {
  return noted(simt::copy({dst, bytes, src, bytes, bytes, 1}, kind, nullptr, true));
}
cudaError_t cudaMemcpyAsync(void* dst, const void* src, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  return noted(simt::copy({dst, bytes, src, bytes, bytes, 1}, kind, stream, false));
}
cudaError_t cudaMemcpy2D(void* dst, size_t dst_pitch, const void* src, size_t src_pitch,
                         size_t width_bytes, size_t height, cudaMemcpyKind kind) {
  return noted(
      simt::copy({dst, dst_pitch, src, src_pitch, width_bytes, height}, kind, nullptr, true));
}
cudaError_t cudaMemcpy2DAsync(void* dst, size_t dst_pitch, const void* src, size_t src_pitch,
                              size_t width_bytes, size_t height, cudaMemcpyKind kind,
                              cudaStream_t stream) {
  return noted(
      simt::copy({dst, dst_pitch, src, src_pitch, width_bytes, height}, kind, stream, false));
}
cudaError_t cudaMemcpyPeer(void* dst, int dst_device, const void* src, int src_device,
                           size_t bytes) {
  if (dst_device != 0 || src_device != 0) return noted(cudaErrorInvalidDevice);
  return cudaMemcpy(dst, src, bytes, cudaMemcpyDeviceToDevice);
}
cudaError_t cudaMemcpyPeerAsync(void* dst, int dst_device, const void* src, int src_device,
                                size_t bytes, cudaStream_t stream) {
  if (dst_device != 0 || src_device != 0) return noted(cudaErrorInvalidDevice);
  return cudaMemcpyAsync(dst, src, bytes, cudaMemcpyDeviceToDevice, stream);
}
cudaError_t cudaMemset(void* dst, int value, size_t bytes) {
  return cudaMemset2D(dst, bytes, value, bytes, 1);
}
cudaError_t cudaMemsetAsync(void* dst, int value, size_t bytes, cudaStream_t stream) {
  return noted(simt::fill({dst, bytes, value, bytes, 1}, stream));
}
cudaError_t cudaMemset2D(void* dst, size_t pitch, int value, size_t width_bytes, size_t height) {
  if (const cudaError_t refused = simt::refuse_during_capture(/*uses_legacy_stream=*/true)) {
    return noted(refused);
  }
  // Asynchronous for the host even without "Async", like the real one for device memory.
  return noted(simt::fill({dst, pitch, value, width_bytes, height}, nullptr));
}
cudaError_t cudaMemset2DAsync(void* dst, size_t pitch, int value, size_t width_bytes, size_t height,
                              cudaStream_t stream) {
  return noted(simt::fill({dst, pitch, value, width_bytes, height}, stream));
}
