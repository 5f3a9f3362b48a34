// SPDX-License-Identifier: Apache-2.0
//
// One function per part of the study. Each measures, prints, and returns what it found.
#pragma once

#include <transfer_study/lab.hpp>

namespace warpladder::bench {

ordered_json describe_host();  // cores, nodes, pages, and the link to the GPU

ordered_json measure_kinds(transfer_lab&);    // every kind of memory, both ways, over sizes
ordered_json measure_costs(transfer_lab&);    // getting and releasing memory; break-even
ordered_json measure_cpu(transfer_lab&);      // the host's own access to each kind
ordered_json measure_overlap(transfer_lab&);  // what asynchronous calls buy
ordered_json measure_rows(transfer_lab&);     // sub-matrices
ordered_json measure_pieces(transfer_lab&);   // many small copies
ordered_json measure_tuning(transfer_lab&);   // threads and chunks of the staged copier

}  // namespace warpladder::bench
