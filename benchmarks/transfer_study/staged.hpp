// SPDX-License-Identifier: Apache-2.0
//
// The staged copier as one method among the others.
#pragma once

#include <string>
#include <transfer_study/lab.hpp>
#include <utility>
#include <warpladder/transfer.hpp>

namespace warpladder::bench {

/// A copier in the stream of the laboratory; outlives the methods that it made.
class staged_copier {
 public:
  explicit staged_copier(const transfer_lab& lab, const transfer::copier_options& wanted = {})
      : on_(lab.on), copier_(wanted) {}

  method copy(std::string what, const ends& between, std::size_t bytes, direction where) {
    const auto start = [this, between, bytes, where] {
      const transfer::outcome done = where == direction::to_device
                                         ? copier_.to_device(between.to, between.from, bytes, on_)
                                         : copier_.to_host(between.to, between.from, bytes, on_);
      if (done.bytes != bytes) throw std::runtime_error("the copier did not finish");
    };
    return {std::move(what), start, [on = on_] { on.synchronize(); }};
  }

  const transfer::copier_options& chosen() const { return copier_.chosen(); }
  std::string describe() const { return copier_.describe(); }

 private:
  stream_view on_;
  transfer::copier copier_;
};

}  // namespace warpladder::bench
