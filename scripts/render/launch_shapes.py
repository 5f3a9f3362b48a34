# SPDX-License-Identifier: Apache-2.0
"""Tables of launch_shapes."""

import math

from render.page import generator
from render.results import Problem
from render.words import duration, number, power_of_two, provenance, ratio, table


def of_kernel(rows, kernel):
    found = [row for row in rows if row["kernel"] == kernel]
    if not found:
        raise Problem(f"launch_shapes has no kernel '{kernel}'; it has "
                      f"{', '.join(dict.fromkeys(row['kernel'] for row in rows))}")
    return found


def percent(share):
    return f"{100 * share:.0f}%"


def study_block(gpu, text):
    return f"{text}\n\n{provenance([gpu.launch_shapes['context']])}"


def emphasised(text, is_best):
    return f"**{text}**" if is_best else text


@generator("launch_shapes/blocks")
def blocks(page, kernel):
    """Per block: a tile per block, and the best of the grids that loop. The best in bold."""
    def render(gpu):
        if not gpu.launch_shapes:
            return None
        rows = of_kernel(gpu.launch_shapes["sweep"], kernel)
        facts = of_kernel(gpu.launch_shapes["kernels"], kernel)[0]
        sizes = sorted({row["n"] for row in rows})
        best = {n: min(row["us"] for row in rows if row["n"] == n) for n in sizes}

        def cell(block, n, loops):
            times = [row["us"] for row in rows if (row["block"], row["n"]) == (block, n)
                     and (row["grid_kind"] != "one tile") == loops]
            return emphasised(duration(min(times)), min(times) == best[n]) if times else "–"

        lines = []
        for block in sorted({row["block"] for row in rows}):
            occupancy = next(row["occupancy"] for row in rows if row["block"] == block)
            lines.append([str(block), percent(occupancy)] + [
                cell(block, n, loops) for n in sizes for loops in (False, True)])
        header = page.header("block", "occupancy") + [
            f"{power_of_two(n)}, {page.say(kind)}" for n in sizes
            for kind in ("a tile per block", "looping")]
        said = page.say("`{}`, {} registers per thread:").format(kernel, facts["registers"])
        return study_block(gpu, f"{said}\n\n{table(header, lines, 'r' * len(header))}")
    return page.per_gpu(render)


@generator("launch_shapes/advice")
def advice(page):
    def render(gpu):
        if not gpu.launch_shapes:
            return None
        rows = gpu.launch_shapes["advice"]
        lines = [[f"`{row['kernel']}`", power_of_two(row["n"]),
                  f"{row['grid']} × {row['block']}", percent(row["occupancy"]),
                  duration(row["us"]), f"{row['best_grid']} × {row['best_block']}",
                  percent(row["best_occupancy"]), duration(row["best_us"]), ratio(row["ratio"])]
                 for row in rows]
        header = page.header("kernel", "n", "suggested: blocks × threads", "resident", "time",
                             "best of the sweep", "resident", "time", "time x best")
        ratios = [row["ratio"] for row in rows]
        mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
        said = page.say("Times the best: geometric mean {}, at most {}.").format(
            ratio(mean), ratio(max(ratios)))
        return study_block(gpu, f"{table(header, lines, 'lrrrrrrrr')}\n\n{said}")
    return page.per_gpu(render)


@generator("launch_shapes/work")
def work(page, kernel):
    def render(gpu):
        if not gpu.launch_shapes:
            return None
        rows = of_kernel(gpu.launch_shapes["work"], kernel)
        sizes = sorted({row["n"] for row in rows})
        found = {(row["n"], row["items"]): row for row in rows}
        kinds = {"us": "as many threads as that leaves", "fixed_us": "256 per multiprocessor"}
        best = {(n, kind): min(row[kind] for row in rows if row["n"] == n)
                for n in sizes for kind in kinds}
        lines = []
        for items in sorted({row["items"] for row in rows}):
            first = found[(sizes[0], items)]
            spill = f" + {first['local_bytes']} B" if first["local_bytes"] else ""
            lines.append([str(items), f"{first['registers']}{spill}",
                          percent(first["occupancy"])] + [
                emphasised(duration(found[(n, items)][kind]),
                           found[(n, items)][kind] == best[(n, kind)])
                for n in sizes for kind in kinds])
        header = page.header("elements per thread", "registers", "occupancy") + [
            f"{power_of_two(n)}, {page.say(kind)}" for n in sizes for kind in kinds.values()]
        return study_block(gpu, table(header, lines, "r" * len(header)))
    return page.per_gpu(render)


@generator("launch_shapes/registers")
def registers(page):
    def render(gpu):
        if not gpu.launch_shapes:
            return None
        rows = gpu.launch_shapes["registers"]
        best = min(row["us"] for row in rows)
        lines = [[str(row["rows"]), str(row["min_blocks"]), str(row["registers"]),
                  f"{row['local_bytes']} B", percent(row["occupancy"]),
                  emphasised(duration(row["us"]), row["us"] == best)] for row in rows]
        header = page.header("rows of a product per thread", "blocks that must fit", "registers",
                             "spilled per thread", "occupancy", "time")
        return study_block(gpu, table(header, lines, "rrrrrr"))
    return page.per_gpu(render)


@generator("launch_shapes/shared")
def shared(page):
    def render(gpu):
        if not gpu.launch_shapes:
            return None
        rows = gpu.launch_shapes["shared"]
        kernels = list(dict.fromkeys(row["kernel"] for row in rows))
        found = {(row["kernel"], row["ballast_kib"]): row for row in rows}
        lines = []
        for kib in sorted({row["ballast_kib"] for row in rows}):
            cells = [str(kib)]
            for kernel in kernels:
                row = found.get((kernel, kib))
                cells += [percent(row["occupancy"]), duration(row["us"])] if row else ["–", "–"]
            lines.append(cells)
        header = page.header("ballast per block, KiB")
        for kernel in kernels:
            header += [f"`{kernel}`, {page.say('occupancy')}", page.say("time")]
        return study_block(gpu, table(header, lines, "r" * len(header)))
    return page.per_gpu(render)


@generator("launch_shapes/answer")
def answer(page):
    """One line per kernel: the best at its largest n, and the most occupancy that any block has."""
    def render(gpu):
        if not gpu.launch_shapes:
            return None
        lines = []
        for kernel in dict.fromkeys(row["kernel"] for row in gpu.launch_shapes["advice"]):
            row = of_kernel(gpu.launch_shapes["advice"], kernel)[-1]
            swept = [one for one in of_kernel(gpu.launch_shapes["sweep"], kernel)
                     if one["n"] == row["n"]]
            fullest = min((one for one in swept
                           if one["occupancy"] >= max(other["occupancy"] for other in swept)),
                          key=lambda one: one["us"])
            lines.append([f"`{kernel}`", power_of_two(row["n"]),
                          f"{row['best_grid']} × {row['best_block']}",
                          percent(row["best_occupancy"]), percent(fullest["occupancy"]),
                          number(max(one["us"] for one in swept) / row["best_us"])])
        header = page.header("kernel", "n", "best of the sweep", "resident there",
                             "most that a block size allows", "worst of the sweep, x best")
        return study_block(gpu, table(header, lines, "lrrrrr"))
    return page.per_gpu(render)
