// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>
#include <warpladder/core/rung.hpp>

namespace warpladder::test {

/// Runs body(operands, case) for the cases that a method supports. The others are counted and
/// named; if there are no others, the test is skipped with the method's own reason. Operands are
/// made of a case and a kind of values; std::invoke(problem_of, operands) is their problem.
template <class Operands, class Method, class Case, class Kind, class ProblemOf, class Body>
void for_supported_cases(const Method& how, const std::vector<Case>& cases, Kind kind,
                         ProblemOf problem_of, const Body& body) {
  std::size_t unsupported = 0;
  std::string reason;
  for (const Case& c : cases) {
    SCOPED_TRACE(::testing::PrintToString(c));
    Operands operands(c, kind);
    ASSERT_EQ(explain_invalid(std::invoke(problem_of, operands)), "")
        << "the test posed an illegal problem";
    if (const support can = how.supports(std::invoke(problem_of, operands)); !can) {
      ++unsupported;
      reason = can.why_not;
      continue;
    }
    body(operands, c);
    if (::testing::Test::HasFatalFailure()) return;
  }
  if (unsupported == 0) return;
  if (unsupported == cases.size()) GTEST_SKIP() << how.name << ": " << reason;
  std::printf("  %zu of %zu cases not supported by %s, for example: %s\n", unsupported,
              cases.size(), how.name.c_str(), reason.c_str());
}

}  // namespace warpladder::test
