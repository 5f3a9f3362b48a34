// SPDX-License-Identifier: Apache-2.0
//
// Transfers that are not one run of bytes: sub-matrices, and many small pieces. The same bytes in
// every way, from pinned memory and back.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string>
#include <transfer_pattern.hpp>
#include <transfer_study/kernels.hpp>
#include <transfer_study/runtime.hpp>
#include <transfer_study/sections.hpp>
#include <vector>

namespace warpladder::bench {
namespace {

void add_row(table& to, const transfer_lab& lab, const method& how, direction where,
             ordered_json shape, std::size_t bytes) {
  const transfer_time time = lab.time(how);
  ordered_json row{{"what", how.what}, {"direction", name(where)}};
  row.update(shape);
  row["gbps"] = gb_per_s(bytes, time.whole);
  row["time"] = time.whole.json();
  row["host"] = time.host.json();
  to.add(row);
}

/// Every other `width` bytes of the host's matrix, packed on the device.
struct half_matrix {
  std::size_t width, rows;
  std::size_t pitch() const { return 2 * width; }
};

/// Rows between a matrix with gaps and a packed one, by the CPU.
void move_rows(std::byte* matrix, std::byte* packed, const half_matrix& shape, direction where) {
  for (std::size_t row = 0; row < shape.rows; ++row) {
    std::byte* const apart = matrix + row * shape.pitch();
    std::byte* const together = packed + row * shape.width;
    if (where == direction::to_device) {
      std::memcpy(together, apart, shape.width);
    } else {
      std::memcpy(apart, together, shape.width);
    }
  }
}

/// Rows with gaps and packed ones, compared on the host, after each way has copied them.
void check_rows(transfer_lab& lab, const half_matrix& shape, direction where, const method& how) {
  const std::size_t bytes = shape.width * shape.rows;
  std::byte* const matrix = lab.host(memory_kind::pinned, 2 * bytes);
  std::byte* const packed = lab.device_memory(2 * bytes);
  const bool to_device = where == direction::to_device;
  if (to_device) {
    fill_pattern_on_host(matrix, 2 * bytes, 3);
    WARPLADDER_TRY(cudaMemsetAsync(packed, 0xff, bytes, lab.on));
  } else {
    std::memset(matrix, 0xff, 2 * bytes);
    WARPLADDER_TRY(fill_pattern(packed, bytes, 4, lab.on));
  }
  lab.wait();
  how.start();
  how.finish();
  std::vector<std::byte> got(bytes);
  WARPLADDER_TRY(cudaMemcpy(got.data(), packed, bytes, cudaMemcpyDeviceToHost));
  for (std::size_t row = 0; row < shape.rows; ++row) {
    if (std::memcmp(got.data() + row * shape.width, matrix + row * shape.pitch(), shape.width) != 0)
      throw std::runtime_error(fmt::format("{}, {}, {} bytes wide: row {} is wrong", how.what,
                                           name(where), shape.width, row));
  }
}

/// The first of them move the matrix that check_rows() looks at.
constexpr std::size_t ways_to_check = 4;

std::vector<method> ways_to_copy_rows(transfer_lab& lab, const half_matrix& shape,
                                      direction where) {
  const std::size_t width = shape.width, rows = shape.rows, pitch = shape.pitch();
  const std::size_t bytes = width * rows;
  const bool to_device = where == direction::to_device;
  std::byte* const matrix = lab.host(memory_kind::pinned, 2 * bytes);
  std::byte* const staging = lab.host(memory_kind::registered, bytes);
  std::byte* const pageable = lab.host(memory_kind::pageable, 2 * bytes);
  std::byte* const packed = lab.device_memory(2 * bytes);
  const stream_view on = lab.on;
  const cudaMemcpyKind kind = kind_of(where);
  const auto wait = [=] { on.synchronize(); };
  const auto copy_2d = [=](std::byte* host) {
    WARPLADDER_TRY(to_device
                       ? cudaMemcpy2DAsync(packed, width, host, pitch, width, rows, kind, on)
                       : cudaMemcpy2DAsync(host, pitch, packed, width, width, rows, kind, on));
  };
  std::vector<method> all;
  all.push_back({"cudaMemcpy2DAsync", [=] { copy_2d(matrix); }, wait});
  all.push_back({"row by row, cudaMemcpyAsync",
                 [=] {
                   for (std::size_t row = 0; row < rows; ++row) {
                     const ends one = ends_of(where, matrix + row * pitch, packed + row * width);
                     WARPLADDER_TRY(cudaMemcpyAsync(one.to, one.from, width, kind, on));
                   }
                 },
                 wait});
  all.push_back({to_device ? "packed by the CPU, one copy" : "one copy, unpacked by the CPU",
                 [=] {
                   if (to_device) move_rows(matrix, staging, shape, where);
                   const ends both = ends_of(where, staging, packed);
                   WARPLADDER_TRY(cudaMemcpyAsync(both.to, both.from, bytes, kind, on));
                 },
                 [=] {
                   on.synchronize();
                   if (!to_device) move_rows(matrix, staging, shape, where);
                 }});
  all.push_back({"by a kernel",
                 [=] {
                   WARPLADDER_TRY(
                       to_device
                           ? copy_rows_by_kernel(packed, width, matrix, pitch, width, rows, on)
                           : copy_rows_by_kernel(matrix, pitch, packed, width, width, rows, on));
                 },
                 wait});
  all.push_back({"cudaMemcpy2DAsync, pageable", [=] { copy_2d(pageable); }, wait});
  if (to_device)
    all.push_back({"everything with its gaps, one copy",
                   [=] { WARPLADDER_TRY(cudaMemcpyAsync(packed, matrix, 2 * bytes, kind, on)); },
                   wait});
  return all;
}

/// `count` pieces that lie apart, at both ends.
class pieces {
 public:
  pieces(transfer_lab& lab, std::size_t count, std::size_t bytes, direction where)
      : lists_(2 * count), sizes_(count, bytes), count_(count), bytes_(bytes), where_(where) {
    const std::size_t apart = 2 * bytes;
    host_ = lab.host(memory_kind::pinned, count * apart);
    staging_ = lab.host(memory_kind::registered, count * bytes);
    on_device_ = lab.device_memory(count * apart);
    for (std::size_t i = 0; i < count; ++i) {
      // Neighbours in the list are none in memory: 7919 is prime, and no factor of count.
      const std::size_t at = i * 7919 % count * apart;
      const ends one = ends_of(where, host_ + at, on_device_ + i * apart);
      lists_.data()[i] = one.to;
      lists_.data()[count + i] = const_cast<std::byte*>(one.from);
    }
  }

  std::byte* const* to() const { return lists_.data(); }
  const std::byte* const* from() const { return lists_.data() + count_; }

  void copy_each(stream_view on) const {
    for (std::size_t i = 0; i < count_; ++i) {
      WARPLADDER_TRY(cudaMemcpyAsync(to()[i], from()[i], bytes_, kind_of(where_), on));
    }
  }

  /// Pieces meet in pinned memory and travel together; on the device they stay together.
  method gathered(const transfer_lab& lab) const {
    const stream_view on = lab.on;
    if (where_ == direction::to_device)
      return {"gathered by the CPU, one copy",
              [this, on] {
                for (std::size_t i = 0; i < count_; ++i)
                  std::memcpy(staging_ + i * bytes_, from()[i], bytes_);
                WARPLADDER_TRY(cudaMemcpyAsync(on_device_, staging_, count_ * bytes_,
                                               cudaMemcpyHostToDevice, on));
              },
              [=] { on.synchronize(); }};
    return {"one copy, scattered by the CPU",
            [this, on] {
              WARPLADDER_TRY(cudaMemcpyAsync(staging_, on_device_, count_ * bytes_,
                                             cudaMemcpyDeviceToHost, on));
            },
            [this, on] {
              on.synchronize();
              for (std::size_t i = 0; i < count_; ++i)
                std::memcpy(to()[i], staging_ + i * bytes_, bytes_);
            }};
  }

  const std::vector<std::size_t>& sizes() const { return sizes_; }

 private:
  pinned_buffer<std::byte*> lists_;  // destinations, then sources; kernels read them too
  std::vector<std::size_t> sizes_;
  std::size_t count_, bytes_;
  direction where_;
  std::byte *host_ = nullptr, *staging_ = nullptr, *on_device_ = nullptr;
};

/// Throws unless the pieces arrive, each at its place.
void check(transfer_lab& lab, const pieces& all, const method& how, std::size_t count,
           std::size_t bytes, direction where) {
  const bool to_device = where == direction::to_device;
  std::vector<std::byte> got(bytes), expected(bytes);
  for (std::size_t i = 0; i < count; ++i) {
    WARPLADDER_TRY(to_device ? cudaMemsetAsync(all.to()[i], 0xff, bytes, lab.on) : cudaSuccess);
    if (!to_device) std::memset(all.to()[i], 0xff, bytes);
    WARPLADDER_TRY(fill_pattern(const_cast<std::byte*>(all.from()[i]), bytes, 100 + i, lab.on));
  }
  lab.wait();
  how.start();
  how.finish();
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < count; ++i) wrong += count_wrong(all.to()[i], bytes, 100 + i, lab.on);
  if (wrong != 0)
    throw std::runtime_error(
        fmt::format("{}, {}: {} bytes are wrong", how.what, name(where), wrong));
}

}  // namespace

ordered_json measure_rows(transfer_lab& lab) {
  table rows("every other `width` bytes of a matrix");
  const std::size_t bytes = lab.quick ? mib : 4 * mib;
  const std::vector<std::size_t> widths =
      lab.quick ? std::vector{256ul, 16 * kib}
                : std::vector{64ul, 256ul, kib, 4 * kib, 16 * kib, 64 * kib};
  for (const std::size_t width : widths) {
    const half_matrix shape{width, bytes / width};
    for (const direction where : directions) {
      const auto ways = ways_to_copy_rows(lab, shape, where);
      for (std::size_t i = 0; i < ways_to_check; ++i) check_rows(lab, shape, where, ways[i]);
      for (const method& how : ways)
        add_row(rows, lab, how, where, {{"width", width}, {"rows", shape.rows}}, bytes);
    }
  }
  return rows.json();
}

ordered_json measure_pieces(transfer_lab& lab) {
  table rows("many small copies");
  const std::vector<std::size_t> counts =
      lab.quick ? std::vector{64ul} : std::vector{16ul, 128ul, 1024ul};
  for (const std::size_t bytes : {kib, 4 * kib, 16 * kib, 64 * kib}) {
    for (const std::size_t count : counts) {
      for (const direction where : directions) {
        const pieces all(lab, count, bytes, where);
        const stream_view on = lab.on;
        const auto wait = [=] { on.synchronize(); };
        const owned_graph graph = capture(
            [&](cudaStream_t captured) {
              all.copy_each(captured);
              return cudaSuccess;
            },
            lab.on);
        const owned_exec replay = instantiate(graph.get());
        WARPLADDER_TRY(cudaGraphUpload(replay.get(), lab.on));
        std::vector<method> ways{
            {"one by one, cudaMemcpyAsync", [&] { all.copy_each(on); }, wait},
            {"a graph of copies", [&] { WARPLADDER_TRY(cudaGraphLaunch(replay.get(), on)); }, wait},
            {"by a kernel, one launch",
             [&] { WARPLADDER_TRY(copy_pieces_by_kernel(all.to(), all.from(), count, bytes, on)); },
             wait}};
        if (has_batched_copies)
          ways.push_back({"cudaMemcpyBatchAsync",
                          [&] {
                            WARPLADDER_TRY(
                                copy_batch(all.to(), all.from(), all.sizes().data(), count, on));
                          },
                          wait});
        if (count <= 64 || lab.quick)
          for (const method& how : ways) check(lab, all, how, count, bytes, where);
        ways.push_back(all.gathered(lab));
        for (const method& how : ways)
          add_row(rows, lab, how, where, {{"pieces", count}, {"bytes", bytes}}, count * bytes);
      }
    }
  }
  ordered_json result{{"rows", rows.json()}};
  if (!has_batched_copies)
    result["batch_why_not"] = "cudaMemcpyBatchAsync needs CUDA 12.8 or later";
  return result;
}

}  // namespace warpladder::bench
