# SPDX-License-Identifier: Apache-2.0
"""Tables of the topic grid_sync: microseconds per barrier, where other topics have rates."""

from render.ladders import parse_shape, parse_steps, rung_title
from render.page import generator
from render.results import Problem
from render.words import number, pretty_shape, provenance, ratio, table

TOPIC = "grid_sync"


def microseconds(case):
    return number(case["median_us"]) if case else "–"


@generator("grid_sync/ladder")
def ladder_table(page, shape, steps):
    """A row per rung: in a stream, against grid.sync(), and as a graph where that is a difference."""
    parse_shape(shape, TOPIC)

    def render(gpu):
        rows, used = [], []
        for rung in parse_steps(steps, page, TOPIC):
            case, graph = (gpu.case(rung.full_name, shape, mode, TOPIC)
                           for mode in ("stream", "graph"))
            rows.append([rung_title(page, TOPIC, rung), rung.idea]
                        + ([microseconds(case), ratio(case["vendor_ratio"]),
                            microseconds(graph) if graph else ""] if case else [page.not_yet()]))
            used += [one for one in (case, graph) if one]
        if not used:
            return None
        header = page.header("rung", "idea", "µs per barrier", "x grid.sync()", "as a graph, µs")
        return (f"{used[0].context['gpu']}, {pretty_shape(shape)}:\n\n"
                f"{table(header, rows, 'llrrr')}\n\n{provenance(used)}")
    return page.per_gpu(render)


@generator("grid_sync/rung")
def rung_table(page, name, *shapes):
    """A row per grid."""
    usual = ["2x256", "32x256", "132x32", "132x256", "132x1024", "264x1024", "1056x256", "2112x32"]

    def render(gpu):
        rows, used = [], []
        for shape in shapes or usual:
            parse_shape(shape, TOPIC)
            case, graph = (gpu.case(name, shape, mode, TOPIC) for mode in ("stream", "graph"))
            if not case:
                continue
            rows.append([pretty_shape(shape), microseconds(case), ratio(case["vendor_ratio"]),
                         microseconds(graph) if graph else ""])
            used += [one for one in (case, graph) if one]
        if not used:
            return None
        header = page.header("blocks × threads", "µs per barrier", "x grid.sync()",
                             "as a graph, µs")
        if not any(row[-1] for row in rows):
            header, rows = header[:-1], [row[:-1] for row in rows]
        return f"{table(header, rows, 'l' + 'r' * (len(header) - 1))}\n\n{provenance(used)}"
    return page.per_gpu(render)


@generator("grid_sync/cost")
def cost_table(page, threads, steps):
    """A row per number of blocks, a column per rung, the fastest in bold."""
    if not threads.isdigit():
        raise Problem(f"'{threads}' is not a number of threads")
    rungs = parse_steps(steps, page, TOPIC)

    def render(gpu):
        cases = {(case.size, case.rung, case.mode): case for rung in rungs
                 for case in gpu.cases_of(rung.full_name, TOPIC)
                 if case.shape.endswith(f"x{threads}")}
        columns = [(rung, mode) for rung in rungs for mode in ("stream", "graph")
                   if any(key[1:] == (rung.full_name, mode) for key in cases)]
        rows = []
        for blocks in sorted({blocks for blocks, _, _ in cases}):
            row = [cases.get((blocks, rung.full_name, mode)) for rung, mode in columns]
            fastest = min(case["median_us"] for case in row if case)
            rows.append([str(blocks)] + [
                f"**{microseconds(case)}**" if case and case["median_us"] == fastest
                else microseconds(case) for case in row])
        if not rows:
            return None
        header = page.header("blocks") + [
            f"{rung.step} {rung.name}" + (f", {page.say('graph')}" if mode == "graph" else "")
            for rung, mode in columns]
        return (f"{page.say('µs per barrier')}, {threads} {page.say('threads per block')}:\n\n"
                f"{table(header, rows, 'r' * len(header))}\n\n{provenance(cases.values())}")
    return page.per_gpu(render)


@generator("grid_sync/crossovers")
def crossovers(page):
    """Who is fastest from how many blocks on: a line per number of threads."""
    def render(gpu):
        cases = [case for rung in page.rungs[TOPIC] for case in gpu.cases_of(rung.full_name, TOPIC)]
        lines = []
        for threads in sorted({int(case.shape.split("x")[1]) for case in cases}):
            fastest = {}
            for case in (one for one in cases if one.shape.endswith(f"x{threads}")):
                best = fastest.setdefault(case.size, case)
                fastest[case.size] = min(best, case, key=lambda one: one["median_us"])
            parts, last = [], None
            for blocks in sorted(fastest):
                case = fastest[blocks]
                name = f"`{case.rung}`" + (", as a graph" if case.mode == "graph" else "")
                if name != last:
                    parts.append(f"{name} from {blocks} blocks on")
                last = name
            lines.append(f"* {threads} threads: {'; '.join(parts)}.")
        return "\n".join(["Fastest:", "", *lines, "", provenance(cases)]) if lines else None
    return page.per_gpu(render)


@generator("grid_sync/answer")
def answer(page):
    """The barrier of the class in one sentence: over all grids that were measured."""
    def render(gpu):
        cases = [case for case in gpu.cases_of("08_patient", TOPIC)
                 if case.mode == "stream" and case.size > 1]
        if not cases:
            return None
        low, high = (pick(cases, key=lambda case: case["median_us"]) for pick in (min, max))
        worst, best = (pick(cases, key=lambda case: case["vendor_ratio"]) for pick in (min, max))
        text = page.say("`warpladder::grid_barrier`: {} µs ({}) to {} µs ({}) per barrier, "
                        "{} ({}) to {} ({}) times as fast as `grid.sync()`.")
        return text.format(
            microseconds(low), pretty_shape(low.shape), microseconds(high),
            pretty_shape(high.shape), ratio(worst["vendor_ratio"]), pretty_shape(worst.shape),
            ratio(best["vendor_ratio"]), pretty_shape(best.shape)) + f"\n\n{provenance(cases)}"
    return page.per_gpu(render)


def study_table(page, rows_of):
    """`rows_of(study)` returns header, rows and alignment."""
    def render(gpu):
        study = gpu.grid_sync_study
        if not study:
            return None
        header, rows, align = rows_of(study)
        return f"{table(page.header(*header), rows, align)}\n\n{provenance([study['context']])}"
    return page.per_gpu(render)


@generator("grid_sync/soak")
def soak_table(page):
    return study_table(page, lambda study: (
        ["blocks × threads", "barriers", "late by up to, clocks", "seconds", "wrong tokens"],
        [[pretty_shape(row["grid"]), f"{row['rounds']:,}".replace(",", " "),
          str(row["max_delay_clocks"]), number(row["seconds"]), str(row["wrong_tokens"])]
         for row in study["soak"]], "lrrrr"))


@generator("grid_sync/parts")
def parts_table(page):
    def rows_of(study):
        grids = list(dict.fromkeys(row["grid"] for row in study["parts"]))
        found = {(row["says"], row["grid"]): row for row in study["parts"]}
        rows = []
        for says in dict.fromkeys(says for says, _ in found):
            of_grids = [found[(says, grid)] for grid in grids]
            wrong = sum(row["wrong_tokens"] for row in of_grids)
            rows.append([says] + [number(row["us"]) for row in of_grids]
                        + ["yes" if of_grids[0]["is_barrier"] else "no", f"{wrong:.3g}"])
        return (["the counter of 07", *(f"{pretty_shape(grid)}, µs" for grid in grids),
                 "a barrier", "wrong tokens"], rows, "l" + "r" * len(grids) + "lr")
    return study_table(page, rows_of)


@generator("grid_sync/stragglers")
def stragglers_table(page):
    def rows_of(study):
        delays = sorted({row["late_clocks"] for row in study["stragglers"]})
        found = {(row["grid"], row["barrier"], row["late_clocks"]): row["us"]
                 for row in study["stragglers"]}
        rows = [[pretty_shape(grid), barrier] + [number(found[(grid, barrier, late)])
                                                 for late in delays]
                for grid, barrier in dict.fromkeys(key[:2] for key in found)]
        return (["blocks × threads", "barrier", *(f"{late} clocks late, µs" for late in delays)],
                rows, "ll" + "r" * len(delays))
    return study_table(page, rows_of)


@generator("grid_sync/oversubscription")
def oversubscription_table(page):
    return study_table(page, lambda study: (
        ["blocks × threads", "resident", "`launch_resident` says", "bounded barrier", "after"],
        [[pretty_shape(row["grid"]), str(row["resident"]), f"`{row['launch_resident']}`",
          page.say("gives up, {} arrived").format(row["arrived"]) if row["given_up"]
          else page.say("opens"),
          f"{number(row['ms'])} ms"] for row in study["oversubscription"]], "lrllr"))
