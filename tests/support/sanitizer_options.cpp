// SPDX-License-Identifier: Apache-2.0
//
// How the sanitized tests run, however they are started. Linked into each of them.

/// Undefined behaviour ends the test like a bad address does; by default it would only be printed.
extern "C" const char* __ubsan_default_options() {
  return "halt_on_error=1:print_stacktrace=1";
}

/// The executor abandons the threads of a block that it stops with a report, as a GPU would: what
/// they had on their stacks is never destroyed, and may own memory.
extern "C" const char* __lsan_default_suppressions() {
  return "leak:simt::block::fiber_main\n";
}
