// SPDX-License-Identifier: Apache-2.0
//
// The parts of gemm_tc_test, each in a file of its own; every function registers its tests.
#pragma once

namespace warpladder::test {

void add_gemm_tc_tests();             ///< every rung and the front door on legal problems
void add_gemm_tc_front_door_tests();  ///< refusals and choices of the front door
void add_gemm_tc_verify_tests();  ///< gemm_tc::verify catches what is wrong, accepts what is right

}  // namespace warpladder::test
