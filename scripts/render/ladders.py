# SPDX-License-Identifier: Apache-2.0
"""Tables of benchmark cases."""

import re
import statistics

from render.page import generator
from render.results import Problem, Rung, TOPICS
from render.words import duration, pretty_shape, provenance, rate, ratio, share, table


def parse_steps(text, page, topic):
    wanted, rungs = [], page.rungs[topic]
    for part in text.split(","):
        if part in TOPICS[topic].front_doors:
            wanted.append(Rung("", part, TOPICS[topic].front_doors[part]))
            continue
        first, _, last = part.partition("-")
        if not re.fullmatch(r"\d\d", first) or not re.fullmatch(r"(\d\d)?", last):
            raise Problem(f"'{text}' is not a list of steps like 00-12,18,run")
        wanted += [rung for rung in rungs if first <= rung.step <= (last or first)]
    return wanted


def parse_shape(text, topic):
    shape, _, mode = text.partition("/")
    if not re.fullmatch(TOPICS[topic].shape, shape) or mode not in ("", "graph", "cold"):
        example = TOPICS[topic].shape_example
        raise Problem(f"'{text}' is not a shape like {example} or {example}/graph")
    return shape, mode or "stream"


def figures(case):
    return [duration(case["median_us"]), rate(case), share(case), ratio(case["vendor_ratio"])]


def rung_title(page, topic, rung):
    if not rung.step:
        return f"`{rung.name}`"
    target = page.link(TOPICS[topic].page_name(topic))
    return f"[{rung.step} {rung.name}]({target}#{rung.step}-{rung.name})"


@generator("TOPIC/ladder")
def ladder_table(page, where, steps, *, topic):
    shape, mode = parse_shape(where, topic)
    chosen = parse_steps(steps, page, topic)
    vendor = TOPICS[topic].vendor_of(chosen[0].step or chosen[0].name)

    def render(gpu):
        rows, used = [], []
        for rung in chosen:
            case = gpu.case(rung.full_name, shape, mode, topic)
            rows.append([rung_title(page, topic, rung), rung.idea]
                        + (figures(case) if case else [page.not_yet()]))
            used += [case] if case else []
        if not used:
            return None
        header = page.header("rung", "idea", "time", "rate", "% of ceiling", f"x {vendor}")
        return (f"{used[0].context['gpu']}, {pretty_shape(shape, mode)}:\n\n"
                f"{table(header, rows, 'llrrrr')}\n\n{provenance(used)}")
    return page.per_gpu(render)


@generator("TOPIC/rung")
def rung_table(page, name, *shapes, topic):
    def render(gpu):
        rows, used = [], []
        for where in shapes or TOPICS[topic].usual_shapes:
            shape, mode = parse_shape(where, topic)
            case = gpu.case(name, shape, mode, topic)
            if not case and not shapes:
                continue  # the benchmark leaves the slowest rungs out of the largest sizes
            rows.append([pretty_shape(shape, mode)] + (figures(case) if case else [page.not_yet()]))
            used += [case] if case else []
        if not used:
            return None
        header = page.header("shape", "time", "rate", "% of ceiling",
                             f"x {TOPICS[topic].vendor_of(name)}")
        return f"{table(header, rows, 'lrrrr')}\n\n{provenance(used)}"
    return page.per_gpu(render)


MODES = ("stream", "graph", "cold")


def ratios(case_of_mode):
    return [ratio(case["vendor_ratio"]) if case else "–" for case in case_of_mode.values()]


def summary_of_ratios(cases):
    summaries = []
    for mode in MODES:
        found = {case.shape: case["vendor_ratio"] for case in cases if case.mode == mode}
        if found:
            worst = min(found, key=found.get)
            summaries.append(f"{mode}: geometric mean "
                             f"{ratio(statistics.geometric_mean(found.values()))} over "
                             f"{len(found)} shapes, lowest {ratio(found[worst])} at "
                             f"{pretty_shape(worst)}")
    return "; ".join(summaries)


def front_door_shapes(gpu, cubes):
    shapes = list(dict.fromkeys(case.shape for case in gpu.cases_of("run")))
    shapes = [shape for shape in shapes if (len(set(shape.split("x"))) == 1) == cubes]
    return sorted(shapes, key=lambda shape: int(shape.split("x")[0])) if cubes else shapes


@generator("gemm/front_door")
def front_door_table(page, kind):
    if kind not in ("cubes", "others"):
        raise Problem(f"gemm/front_door: '{kind}' is neither cubes nor others")

    def render(gpu):
        rows, used = [], []
        for shape in front_door_shapes(gpu, kind == "cubes"):
            modes = {mode: gpu.case("run", shape, mode) for mode in MODES}
            first = modes["stream"] or modes["graph"] or modes["cold"]
            rows.append([pretty_shape(shape), first.label, duration(first["median_us"]),
                         duration(first["vendor_us"])] + ratios(modes))
            used += [case for case in modes.values() if case]
        if not used:
            return None
        header = page.header("shape", "chosen", "time", "cuBLAS time", "x cuBLAS")
        header[-1:] = [f"{header[-1]}, {page.say(mode)}" for mode in MODES]
        return (f"{table(header, rows, 'llrrrrr')}\n\n"
                f"Times x cuBLAS, {summary_of_ratios(used)}.\n\n{provenance(used)}")
    return page.per_gpu(render)


@generator("memory/front_door")
def memory_front_door_table(page, name):
    return front_door_rows(page, name, "memory")


def front_door_rows(page, name, topic):
    """A row per shape: time, rate, the vendor's time, and the ratio in every mode."""
    vendor = TOPICS[topic].vendor_of(name)

    def render(gpu):
        used = gpu.cases_of(name, topic)
        if not used:
            return None
        rows = []
        for shape in dict.fromkeys(case.shape for case in used):
            modes = {mode: gpu.case(name, shape, mode, topic) for mode in MODES}
            first = modes["stream"] or modes["graph"] or modes["cold"]
            rows.append([pretty_shape(shape), duration(first["median_us"]), rate(first),
                         share(first), duration(first["vendor_us"])]
                        + ratios(modes))
        header = page.header("shape", "time", "rate", "% of ceiling", f"{vendor} time")
        header += [f"{page.say(f'x {vendor}')}, {page.say(mode)}" for mode in MODES]
        return (f"{table(header, rows, 'lrrrrrrr')}\n\n"
                f"Times x {vendor}, {summary_of_ratios(used)}.\n\n{provenance(used)}")
    return page.per_gpu(render)
