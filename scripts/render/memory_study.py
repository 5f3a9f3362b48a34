# SPDX-License-Identifier: Apache-2.0
"""Tables of memory_study."""

from render.page import generator
from render.words import duration, provenance, table


@generator("memory/strided")
def strided_table(page):
    def render(gpu):
        if not gpu.memory_study:
            return None
        rows = [[str(row["stride"])] + [f"{row[key]:.0f} GB/s" for key in
                                        ("used_gbps", "sectors_gbps")]
                for row in gpu.memory_study["strided"]]
        header = page.header("every ... float", "used", "moved in whole sectors")
        return (f"{table(header, rows, 'rrr')}\n\n"
                f"{provenance([gpu.memory_study['context']])}")
    return page.per_gpu(render)


@generator("memory/misaligned")
def misaligned_table(page):
    def render(gpu):
        if not gpu.memory_study:
            return None
        rates = {(row["rung"], row["offset"]): row["gbps"] for row in gpu.memory_study["misaligned"]}
        offsets = sorted({offset for _, offset in rates})
        rows = [[f"`{rung}`"] + [f"{rates[(rung, offset)]:.0f}" for offset in offsets]
                for rung in dict.fromkeys(rung for rung, _ in rates)]
        header = page.header("GB/s, `in` off by") + [str(offset) for offset in offsets]
        return (f"{table(header, rows, 'l' + 'r' * len(offsets))}\n\n"
                f"{provenance([gpu.memory_study['context']])}")
    return page.per_gpu(render)


@generator("memory/hot_table")
def hot_table(page):
    def render(gpu):
        if not gpu.memory_study:
            return None
        times = {(row["rung"], row["table_mib"]): row for row in gpu.memory_study["hot_table"]}
        rungs = list(dict.fromkeys(rung for rung, _ in times))
        rows = [[f"{size} MiB"] + [duration(times[(rung, size)][key]) for key in
                                   ("back_to_back_us", "after_flood_us") for rung in rungs]
                for size in sorted({size for _, size in times})]
        header = page.header("table") + [f"`{rung}`, {page.say(when)}" for when in
                                         ("back to back", "after a flood") for rung in rungs]
        return (f"{table(header, rows, 'r' * len(header))}\n\n"
                f"{provenance([gpu.memory_study['context']])}")
    return page.per_gpu(render)
