// SPDX-License-Identifier: Apache-2.0
//
// Launches one warp per access pattern and writes the patterns as JSON, in the order of the
// launches. Run under Nsight Compute (scripts/measure_counters), it tells what the hardware makes
// of each pattern: the ground truth of the host executor's cost model (simt/src/trace/cost.hpp).

#include <fmt/format.h>

#include <cstdio>

#include "access_patterns.hpp"

int main(int argc, char** argv) {
  using namespace warpladder;
  using namespace warpladder::bench;
  if (argc != 2) {
    fmt::print(stderr, "usage: access_patterns <patterns.json to write>\n");
    return 2;
  }
  const auto patterns = make_access_patterns();
  const device_buffer<unsigned char> memory(pattern_bytes + 64);
  WARPLADDER_TRY(cudaMemset(memory.data(), 0, memory.size_bytes()));
  std::FILE* const out = std::fopen(argv[1], "w");
  if (out == nullptr) {
    std::perror(argv[1]);
    return 1;
  }
  fmt::print(out, "[");
  for (const access_pattern& p : patterns) {
    run(p, memory);
    fmt::print(out, "{}\n{{\"kind\": \"{}\", \"width\": {}, \"active\": {}, \"offsets\": [{}]}}",
               &p == patterns.data() ? "" : ",", access_kind_names[int(p.kind)], p.width, p.active,
               fmt::join(p.offset, ", "));
  }
  fmt::print(out, "\n]\n");
  std::fclose(out);
  WARPLADDER_TRY(cudaDeviceSynchronize());
  fmt::print("{} patterns\n", patterns.size());
}
