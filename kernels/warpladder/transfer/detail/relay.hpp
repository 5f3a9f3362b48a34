// SPDX-License-Identifier: Apache-2.0
//
// A copy of pageable memory by a conductor and its helpers. The conductor, who is the calling
// thread, alone talks to the driver: threads that submit and ask queue for the driver's lock, and
// 16 of them are slower than 4. Helpers only copy.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <thread>
#include <warpladder/core/stream.hpp>
#include <warpladder/transfer/detail/host_copy.hpp>
#include <warpladder/transfer/problem.hpp>
#include <warpladder/transfer/staging.hpp>

namespace warpladder::transfer::detail {

/// Chunks are what the device copies at once, pieces what a thread copies at once. Both go in order
/// of their addresses; chunk i travels through place i % places of the ring. A piece is open while
/// its place is the host's: to be filled on the way to the device, to be emptied on the way back.
class relay {
 public:
  static constexpr std::size_t most_places = 64;

  struct how {
    std::size_t piece_bytes;
    std::size_t pieces_per_chunk;  ///< so many fit into a chunk of the ring
    transfer::stores stores = stores::cached;
    std::chrono::nanoseconds patience = usual_patience;
    std::stop_token stop = {};
  };

  /// `ring` has at most `most_places` chunks.
  relay(direction way, void* to, const void* from, std::size_t bytes, const staging_view& ring,
        const how& how)
      : way_(way),
        to_(static_cast<std::byte*>(to)),
        from_(static_cast<const std::byte*>(from)),
        bytes_(bytes),
        ring_(ring),
        how_(how),
        pieces_((bytes + how.piece_bytes - 1) / how.piece_bytes),
        chunks_((pieces_ + how.pieces_per_chunk - 1) / how.pieces_per_chunk) {}

  std::size_t pieces() const { return pieces_; }

  /// The conductor's part: returns when all is copied, as far as it was not to stop, or the first
  /// error. Helpers may still copy a piece then, and chunks may be under way on the device.
  cudaError_t conduct(stream_view on) {
    const cudaError_t status = way_ == direction::to_device ? send(on) : fetch(on);
    open_.store(closed, std::memory_order_release);
    open_.notify_all();
    return status;
  }

  /// A helper's part: returns when the conductor's is over.
  void help() {
    for (auto begin = std::chrono::steady_clock::now();;) {
      const std::size_t open = open_.load(std::memory_order_acquire);
      if (open == closed) return;
      if (copy_a_piece()) {
        begin = std::chrono::steady_clock::now();
      } else if (std::chrono::steady_clock::now() - begin < how_.patience) {
        std::this_thread::yield();
      } else {
        open_.wait(open, std::memory_order_acquire);
      }
    }
  }

  /// So many bytes from the beginning on were copied, if nothing failed.
  std::size_t copied_bytes() const { return std::min(bytes_, copied_chunks_ * chunk_bytes()); }

 private:
  static constexpr std::size_t closed = SIZE_MAX;

  std::size_t chunk_bytes() const { return how_.piece_bytes * how_.pieces_per_chunk; }
  std::size_t place(std::size_t chunk) const { return chunk % ring_.chunks(); }
  std::size_t pieces_of(std::size_t chunk) const {
    return std::min(how_.pieces_per_chunk, pieces_ - chunk * how_.pieces_per_chunk);
  }

  void open(std::size_t chunk) {
    done_[place(chunk)].store(0, std::memory_order_relaxed);
    open_.store(chunk * how_.pieces_per_chunk + pieces_of(chunk), std::memory_order_release);
    open_.notify_all();
  }
  bool is_done(std::size_t chunk) const {
    return done_[place(chunk)].load(std::memory_order_acquire) == pieces_of(chunk);
  }

  /// False if no piece is open.
  bool copy_a_piece() {
    std::size_t piece = next_.load(std::memory_order_relaxed);
    do {
      const std::size_t open = open_.load(std::memory_order_acquire);
      if (piece >= open || open == closed) return false;
    } while (!next_.compare_exchange_weak(piece, piece + 1, std::memory_order_relaxed));
    const std::size_t chunk = piece / how_.pieces_per_chunk;
    const std::size_t begin = piece * how_.piece_bytes;
    const std::size_t bytes = std::min(how_.piece_bytes, bytes_ - begin);
    std::byte* const locked = ring_.chunk(place(chunk)) + (begin - chunk * chunk_bytes());
    if (way_ == direction::to_device) {
      copy_on_host(how_.stores, locked, from_ + begin, bytes);
    } else {
      copy_on_host(how_.stores, to_ + begin, locked, bytes);
    }
    done_[place(chunk)].fetch_add(1, std::memory_order_release);
    return true;
  }

  cudaError_t submit(std::size_t chunk, stream_view on) const {
    const std::size_t begin = chunk * chunk_bytes();
    const std::size_t bytes = std::min(chunk_bytes(), bytes_ - begin);
    std::byte* const locked = ring_.chunk(place(chunk));
    const cudaError_t status =
        way_ == direction::to_device
            ? cudaMemcpyAsync(to_ + begin, locked, bytes, cudaMemcpyHostToDevice, on)
            : cudaMemcpyAsync(locked, from_ + begin, bytes, cudaMemcpyDeviceToHost, on);
    return status != cudaSuccess ? status : cudaEventRecord(ring_.copied[place(chunk)], on);
  }

  /// Has the device done its last copy through the place of `chunk`? cudaErrorNotReady: not yet.
  cudaError_t ask(std::size_t chunk) const {
    return poll_for(ring_.copied[place(chunk)], std::chrono::nanoseconds{0});
  }

  /// Copies a piece, if one is open. Otherwise waits: for a helper that has one, or for the device
  /// to be through with the place of `chunk`.
  cudaError_t copy_or_wait(bool helpers_are_busy, std::size_t chunk) {
    if (copy_a_piece()) return cudaSuccess;
    if (!helpers_are_busy) return wait_for(ring_.copied[place(chunk)], how_.patience);
    std::this_thread::yield();
    return cudaSuccess;
  }

  bool is_to_stop(std::size_t begun) {
    if (!how_.stop.stop_requested()) return false;
    chunks_ = begun;
    return true;
  }

  cudaError_t send(stream_view on) {
    std::size_t opened = 0, submitted = 0;
    while (submitted < chunks_) {
      cudaError_t status = cudaSuccess;
      bool acted = false;
      if (opened < chunks_ && opened < submitted + ring_.chunks()) {
        if (is_to_stop(opened)) continue;
        status = ask(opened);
        acted = status == cudaSuccess;
        if (acted) open(opened++);
        if (status == cudaErrorNotReady) status = cudaSuccess;
      }
      if (status == cudaSuccess && submitted < opened && is_done(submitted)) {
        status = submit(submitted++, on);
        acted = true;
      }
      if (status == cudaSuccess && !acted) status = copy_or_wait(submitted < opened, opened);
      if (status != cudaSuccess) return status;
      copied_chunks_ = submitted;
    }
    return cudaSuccess;
  }

  cudaError_t fetch(stream_view on) {
    std::size_t submitted = 0, opened = 0, emptied = 0;
    while (emptied < chunks_) {
      cudaError_t status = cudaSuccess;
      bool acted = false;
      if (submitted < chunks_ && submitted < emptied + ring_.chunks()) {
        if (is_to_stop(submitted)) continue;
        // Another copy, perhaps in another stream, may have used the place before.
        if (submitted < ring_.chunks()) status = wait_for(ring_.copied[submitted], how_.patience);
        if (status == cudaSuccess) status = submit(submitted++, on);
        acted = true;
      } else if (opened < submitted) {
        status = ask(opened);
        acted = status == cudaSuccess;
        if (acted) open(opened++);
        if (status == cudaErrorNotReady) status = cudaSuccess;
      }
      if (status == cudaSuccess && emptied < opened && is_done(emptied)) {
        ++emptied;
        acted = true;
      }
      if (status == cudaSuccess && !acted) status = copy_or_wait(emptied < opened, opened);
      if (status != cudaSuccess) return status;
      copied_chunks_ = emptied;
    }
    return cudaSuccess;
  }

  const direction way_;
  std::byte* const to_;
  const std::byte* const from_;
  const std::size_t bytes_;
  const staging_view ring_;
  const how how_;
  const std::size_t pieces_;
  std::size_t chunks_;  // fewer when it was to stop
  std::size_t copied_chunks_ = 0;
  std::array<std::atomic<std::size_t>, most_places> done_{};  // pieces, for each place
  // Lines of their own: all threads write the one, and poll the other.
  alignas(64) std::atomic<std::size_t> next_{0};  // the first piece that nobody has taken
  alignas(64) std::atomic<std::size_t> open_{0};  // the first piece that is not open yet
};

}  // namespace warpladder::transfer::detail
