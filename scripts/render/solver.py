# SPDX-License-Identifier: Apache-2.0
"""Tables of the topic solver: microseconds per step or iteration, where other topics have rates."""

from render.ladders import parse_shape, parse_steps, rung_title
from render.page import generator
from render.results import Problem
from render.words import number, pretty_shape, provenance, ratio, table

TOPIC = "solver"
DOORS = {"jacobi": ("µs per step", "relaunch", "06_neighbours"),
         "conjugate_gradient": ("µs per iteration", "relaunch", "15_cg_on_chip")}
MODES = ("stream", "graph")


def door_of(rung):
    """The front door of a rung's ladder."""
    if rung in DOORS:
        return rung
    return "jacobi" if rung.startswith("0") else "conjugate_gradient"


def microseconds(case):
    """Of one step, or one iteration: a case is many."""
    key = "jacobi_steps" if door_of(case.rung) == "jacobi" else "cg_iterations"
    return case["median_us"] / float(case.context[key])


def cells(shape):
    rows, cols = shape.split("x")
    return int(rows) * int(cols)


def both_modes(gpu, name, shape):
    return [gpu.case(name, shape, mode, TOPIC) for mode in MODES]


def figures(cases):
    """Time and ratio in a stream and as a graph."""
    return [text for case in cases
            for text in ((number(microseconds(case)), ratio(case["vendor_ratio"])) if case
                         else ("–", "–"))]


def header_of(page, first, door):
    unit, vendor, _ = DOORS[door]
    return page.header(*first) + [f"{page.say(text)}, {page.say(mode)}" for mode in MODES
                                  for text in (unit, f"x {vendor}")]


@generator("solver/ladder")
def ladder_table(page, shape, steps):
    """A row per rung; "–" for one that cannot do this size."""
    parse_shape(shape, TOPIC)
    chosen = parse_steps(steps, page, TOPIC)
    door = door_of(chosen[0].full_name)

    def render(gpu):
        rows, used = [], []
        for rung in chosen:
            cases = both_modes(gpu, rung.full_name, shape)
            rows.append([rung_title(page, TOPIC, rung), rung.idea] + figures(cases))
            used += [case for case in cases if case]
        if not used:
            return None
        return (f"{used[0].context['gpu']}, {pretty_shape(shape)}:\n\n"
                f"{table(header_of(page, ('rung', 'idea'), door), rows, 'llrrrr')}\n\n"
                f"{provenance(used)}")
    return page.per_gpu(render)


@generator("solver/rung")
def rung_table(page, name):
    """A row per size that the rung can do."""
    def render(gpu):
        used = gpu.cases_of(name, TOPIC)
        if not used:
            return None
        shapes = sorted({case.shape for case in used}, key=cells)
        rows = [[pretty_shape(shape)] + figures(both_modes(gpu, name, shape)) for shape in shapes]
        header = header_of(page, ("shape",), door_of(name))
        return f"{table(header, rows, 'lrrrr')}\n\n{provenance(used)}"
    return page.per_gpu(render)


@generator("solver/front_door")
def front_door_table(page, name):
    """A row per size: does it fit on chip, and what is gained."""
    if name not in DOORS:
        raise Problem(f"solver/front_door: '{name}' is none of {', '.join(DOORS)}")

    def render(gpu):
        used = gpu.cases_of(name, TOPIC)
        if not used:
            return None
        rows, fitting, best = [], [], {}
        for shape in sorted({case.shape for case in used}, key=cells):
            on_chip = gpu.case(DOORS[name][2], shape, topic=TOPIC) is not None
            cases = both_modes(gpu, name, shape)
            rows.append([pretty_shape(shape), page.say("yes" if on_chip else "no")]
                        + figures(cases))
            if on_chip:
                fitting.append(shape)
                for case in filter(None, cases):
                    best.setdefault(case.mode, []).append(case["vendor_ratio"])
        text = table(header_of(page, ("shape", "on chip"), name), rows, "llrrrr")
        if best and not page.chinese:
            lowest = ", ".join(f"{ratio(min(ratios))} ({mode})" for mode, ratios in best.items())
            text += (f"\n\nOn chip up to {pretty_shape(fitting[-1])} of these sizes; lowest ratio "
                     f"there: {lowest}.")
        return f"{text}\n\n{provenance(used)}"
    return page.per_gpu(render)
