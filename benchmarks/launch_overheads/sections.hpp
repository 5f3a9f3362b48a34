// SPDX-License-Identifier: Apache-2.0
//
// One function per table or two of docs/launch.md. Each measures, prints, makes sure that what it
// measured took place (throws if not), and returns what it found.
#pragma once

#include <launch_overheads/lab.hpp>

namespace warpladder::bench {

// single_launches.cpp
ordered_json measure_empty(lab&);           // what launching nothing costs, and waiting for it
ordered_json measure_first_launches(lab&);  // loading a kernel
ordered_json measure_arguments(lab&);       // over their bytes
ordered_json measure_grids(lab&);           // over blocks and threads
ordered_json measure_carve_outs(lab&);  // kernels that need another split of L1 and shared memory
ordered_json measure_clusters(lab&);    // cluster and cooperative launches
ordered_json measure_dependent_launches(lab&);

// streams.cpp
ordered_json measure_implicit_synchronisation(lab&);  // what the legacy default stream orders
ordered_json measure_blocking_calls(lab&);            // which calls wait for a running kernel
ordered_json measure_concurrency(lab&);               // small kernels on many streams

// events.cpp
ordered_json measure_events(lab&);

// graphs.cpp
ordered_json measure_graphs(lab&);         // chains, branches, updates
ordered_json measure_device_graphs(lab&);  // launched by the device
ordered_json measure_conditional_nodes(lab&);

// nested.cpp
ordered_json measure_nested(lab&);  // kernels that launch kernels, against function calls

}  // namespace warpladder::bench
