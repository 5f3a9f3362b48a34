// SPDX-License-Identifier: Apache-2.0
//
// What transfer_study concludes from times.

#include <gtest/gtest.h>

#include <limits>
#include <transfer_study/arithmetic.hpp>

namespace {

using warpladder::bench::break_even, warpladder::bench::hidden_share;

TEST(break_even, is_the_first_copy_after_which_the_cost_is_saved) {
  EXPECT_EQ(break_even(10, 3, 1), 5);    // 5 copies: 15 without, 10 + 5 with
  EXPECT_EQ(break_even(10.1, 3, 1), 6);  // 5 copies: 15 without, 15.1 with
  EXPECT_EQ(break_even(9.9, 3, 1), 5);   // 4 copies: 12 without, 13.9 with
  EXPECT_EQ(break_even(1e6, 1, 0.5), 2'000'000);
}

TEST(break_even, takes_one_copy_at_least) {
  EXPECT_EQ(break_even(0, 2, 1), 1);
  EXPECT_EQ(break_even(0.5, 2, 1), 1);
}

TEST(break_even, is_never_where_nothing_is_saved) {
  EXPECT_EQ(break_even(10, 1, 1), std::nullopt);
  EXPECT_EQ(break_even(10, 1, 2), std::nullopt);
  EXPECT_EQ(break_even(0, 1, 1), std::nullopt);
  EXPECT_EQ(break_even(10, std::numeric_limits<double>::quiet_NaN(), 1), std::nullopt);
}

TEST(break_even, is_never_where_no_count_is_large_enough) {
  EXPECT_EQ(break_even(1e9, 1 + 1e-15, 1), std::nullopt);
}

TEST(hidden_share, is_of_the_shorter_piece_of_work) {
  EXPECT_DOUBLE_EQ(hidden_share(10, 10, 20), 0);
  EXPECT_DOUBLE_EQ(hidden_share(10, 10, 10), 1);
  EXPECT_DOUBLE_EQ(hidden_share(10, 4, 12), 0.5);
  EXPECT_DOUBLE_EQ(hidden_share(4, 10, 12), 0.5);
}

TEST(hidden_share, stays_a_share_whatever_the_noise) {
  EXPECT_DOUBLE_EQ(hidden_share(10, 10, 25), 0);
  EXPECT_DOUBLE_EQ(hidden_share(10, 10, 9), 1);
  EXPECT_DOUBLE_EQ(hidden_share(10, 0, 10), 0);
}

}  // namespace
