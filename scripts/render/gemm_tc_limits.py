# SPDX-License-Identifier: Apache-2.0
"""What every rung of the tensor core GEMMs keeps busy, as scripts/measure_limits found."""

import re

from render.page import generator
from render.words import duration, provenance, table

# Counters whose names say little to those who do not read them every day.
UNITS = (
    ("sm__inst_executed_pipe_tensor", "tensor pipe, instructions"),
    ("sm__pipe_tensor", "tensor pipe"),
    ("sm__pipe_shared", "tensor pipe"),  # of the four schedulers together
    ("sm__ops_path_tensor", "tensor pipe, operations"),
    ("sm__inst_issued", "instruction issue"),
    ("sm__issue_active", "instruction issue"),
    ("sm__instruction_throughput", "instruction issue"),
    ("sm__inst_executed_pipe_lsu", "load/store pipe"),
    ("sm__inst_executed_pipe_uniform", "uniform pipe"),
    ("sm__inst_executed_pipe_cbu", "branches and barriers"),
    ("sm__inst_executed", "instructions"),
    ("sm__pipe_alu", "integer pipe"),
    ("sm__pipe_fma", "FMA pipe"),
    ("sm__mio", "queue of shared memory and the like"),
    ("l1tex__data_bank_reads", "shared memory and L1, banks read"),
    ("l1tex__data_bank_writes", "shared memory and L1, banks written"),
    ("l1tex__data_pipe_lsu_wavefronts", "shared memory and L1, wavefronts"),
    ("l1tex__lsuin_requests", "shared memory and L1, requests"),
    ("l1tex__lsu_writeback", "shared memory and L1, results"),
    ("l1tex__m_xbar2l1tex", "L2 to L1"),
    ("l1tex__m_l1tex2xbar", "L1 to L2"),
    ("lts__t_sectors", "L2, sectors"),
    ("lts__t_tag_requests", "L2, tags"),
    ("lts__d_sectors", "L2, data"),
    ("lts__lts2xbar", "L2 to the crossbar"),
    ("lts__xbar2lts", "the crossbar to L2"),
    ("l2", "L2"),
    ("gpu__dram", "DRAM"),
    ("dram__", "DRAM"),
)


def unit(counter):
    name = next((name for start, name in UNITS if counter.startswith(start)), None)
    return name or f"`{re.sub(r'[.].*', '', counter)}`"


def busiest(row, count=3):
    """The busiest units, each named once."""
    named = {}
    for one in row["busiest"]:
        named.setdefault(unit(one["counter"]), one["percent"])
    return list(named.items())[:count]


@generator("gemm_tc/limits")
def limits(page, name):
    def render(gpu):
        study = gpu.gemm_tc_limits
        row = study and next((row for row in study["rungs"] if row["rung"] == name), None)
        if not row:
            return None
        shares = ", ".join(f"{page.say(what)} {share:.0f}%" for what, share in busiest(row))
        return (f"{page.say('Busiest at 4096³, bf16')}: {shares}.\n\n"
                f"{provenance([study['context']])}")
    return page.per_gpu(render)


@generator("gemm_tc/limits_table")
def limits_table(page):
    def render(gpu):
        study = gpu.gemm_tc_limits
        if not study:
            return None
        rows = []
        for row in study["rungs"]:
            rows.append([f"`{row['rung']}`", f"`{row['kernel'].split('::')[-1]}`",
                         duration(row["us"])]
                        + [f"{page.say(what)} {share:.0f}%" for what, share in busiest(row)])
        header = page.header("rung", "kernel", "under the profiler", "busiest", "then", "then")
        return f"{table(header, rows, 'llrlll')}\n\n{provenance([study['context']])}"
    return page.per_gpu(render)
