// SPDX-License-Identifier: Apache-2.0
//
// A known-bad kernel for traced mode, and the kernel that it should have been. In the source, every
// line that the finding has to name ends in the comment "BAD: " and the specimen's name.
#pragma once

#include <functional>
#include <string>
#include <type_traits>
#include <utility>

#include "support/run_kernel.hpp"

namespace warpladder::caught {

struct traced_specimen {
  std::string name;
  std::string detector;
  std::function<cudaError_t()> bad, good;
  std::string says;  ///< what the finding mentions besides lines and threads
  std::string file;  ///< that holds the kernel
};

/// `run` takes std::true_type for the bad kernel, std::false_type for the right one.
template <class Run>
traced_specimen specimen(std::string name, std::string detector, Run run, std::string says = {},
                         std::string file = __builtin_FILE()) {
  return {std::move(name),
          std::move(detector),
          [run] { return run(std::true_type{}); },
          [run] { return run(std::false_type{}); },
          std::move(says),
          std::move(file)};
}

/// A right kernel of a kind that a careless detector would object to.
struct innocent {
  std::string name;
  std::function<cudaError_t()> run;
};

using test::run;
using test::shape;
using test::zeros;

}  // namespace warpladder::caught
