# SPDX-License-Identifier: Apache-2.0
"""Tables of gemm_tc_bench: a column per type, against the best of cublasLt."""

import statistics

from render.ladders import parse_shape, parse_steps, rung_title
from render.page import generator
from render.results import Problem, TOPICS
from render.words import duration, number, provenance, ratio, table

TOPIC = "gemm_tc"
TYPES = {"bf16": "bf16", "f16": "f16", "tf32": "tf32", "e4m3": "e4m3", "e5m2": "e5m2", "i8": "int8"}
CUBES = ("4096x4096x4096", "8192x8192x8192")


def typed(kind, rung):
    """The name of a rung's cases, as Gpu has them."""
    return rung if kind == TOPICS[TOPIC].usual_type else f"{kind}/{rung}"


def tera(case):
    return number(case["flops_per_second"] * 1e-12)


def tera_cell(case):
    return f"{tera(case)} ({ratio(case['vendor_ratio'])})" if case else "–"


def time_cell(case):
    return f"{duration(case['median_us'])} ({ratio(case['vendor_ratio'])})" if case else "–"


def block(header, rows, used, text=""):
    align = "l" + "r" * (len(header) - 1)
    return f"{table(header, rows, align)}\n\n{text}{provenance(used)}"


@generator("gemm_tc/types")
def types_table(page, where, steps):
    """The ladder at one shape, a column per type."""
    shape, mode = parse_shape(where, TOPIC)
    chosen = parse_steps(steps, page, TOPIC)

    def render(gpu):
        rows, used = [], []
        for rung in chosen:
            cases = [gpu.case(typed(kind, rung.full_name), shape, mode, TOPIC) for kind in TYPES]
            if any(cases):
                rows.append([rung_title(page, TOPIC, rung)] + [tera_cell(case) for case in cases])
            used += [case for case in cases if case]
        if not used:
            return None
        text = page.say("TFLOP/s (int8: TOP/s), in brackets times the best of cublasLt.") + "\n\n"
        return block([page.say("rung"), *TYPES.values()], rows, used, text)
    return page.per_gpu(render)


@generator("gemm_tc/rung_types")
def rung_types_table(page, name):
    """One rung at 4096 and 8192, a column per type."""
    def render(gpu):
        rows, used = [], []
        for shape in CUBES:
            cases = [gpu.case(typed(kind, name), shape, topic=TOPIC) for kind in TYPES]
            if any(cases):
                rows.append([f"{shape.split('x')[0]}³"] + [tera_cell(case) for case in cases])
            used += [case for case in cases if case]
        return block([page.say("shape"), *TYPES.values()], rows, used) if used else None
    return page.per_gpu(render)


def sizes(shape):
    """m, n and k; types differ in which layout goes without saying."""
    return tuple(int(size) for size in shape.partition(":")[0].split("x")[:3])


def kind_of(shape):
    m, n, k = sizes(shape)
    if m == n == k and ":" not in shape:
        return "large" if m > 1024 else "small"
    if m <= 64:
        return "decode"
    return "large" if ":" not in shape and (m, n, k) == (16384, 4096, 4096) else "transformers"


def cases_of_kind(gpu, name, what):
    """type -> (m, n, k) -> the case, by graph replay where the host would be measured."""
    mode = "graph" if what in ("small", "decode") else "stream"
    found = {kind: {sizes(case.shape): case for case in gpu.cases_of(typed(kind, name), TOPIC)
                    if kind_of(case.shape) == what and case.mode == mode} for kind in TYPES}
    return {kind: cases for kind, cases in found.items() if cases}


def summary(page, by_type):
    parts = []
    for kind, cases in by_type.items():
        ratios = {size: case["vendor_ratio"] for size, case in cases.items()}
        worst = min(ratios, key=ratios.get)
        parts.append(page.say("{}: geometric mean {}, lowest {} ({} × {} × {})").format(
            TYPES[kind], ratio(statistics.geometric_mean(ratios.values())), ratio(ratios[worst]),
            *worst))
    return page.say("Times the best of cublasLt") + ", " + "; ".join(parts) + ".\n\n"


@generator("gemm_tc/front_door")
def front_door_table(page, what):
    """A row per shape, a column per type: how fast, and times the best of cublasLt."""
    if what not in ("large", "transformers", "small", "decode"):
        raise Problem(f"gemm_tc/front_door: '{what}' is not large, transformers, small or decode")
    cell = tera_cell if what in ("large", "transformers") else time_cell

    def render(gpu):
        by_type = cases_of_kind(gpu, "run", what)
        if not by_type:
            return None
        shapes = list(dict.fromkeys(size for cases in by_type.values() for size in cases))
        rows = [[" × ".join(map(str, size))] + [cell(cases.get(size)) for cases in by_type.values()]
                for size in shapes]
        used = [case for cases in by_type.values() for case in cases.values()]
        header = ["m × n × k"] + [TYPES[kind] for kind in by_type]
        return block(header, rows, used, summary(page, by_type))
    return page.per_gpu(render)


@generator("gemm_tc/search")
def search_table(page):
    """What searching gains: the first algorithm that cublasLt names, against the best."""
    def render(gpu):
        by_type = {}
        for what in ("large", "transformers"):
            for kind, cases in cases_of_kind(gpu, "first_heuristic", what).items():
                by_type.setdefault(kind, {}).update(cases)
        rows = []
        for kind, cases in by_type.items():
            loss = [1 / case["vendor_ratio"] for case in cases.values()]
            rows.append([TYPES[kind], str(len(loss)), ratio(statistics.geometric_mean(loss)),
                         ratio(max(loss))])
        used = [case for cases in by_type.values() for case in cases.values()]
        header = page.header("type", "shapes", "first / best, geometric mean", "at most")
        return block(header, rows, used) if used else None
    return page.per_gpu(render)


@generator("gemm_tc/answer")
def answer(page):
    def render(gpu):
        lines, used = [], []
        for kind, name in TYPES.items():
            found = [gpu.case(typed(kind, "run"), shape, topic=TOPIC) for shape in CUBES]
            if not all(found):
                continue
            used += found
            unit = "TOP/s" if kind == "i8" else "TFLOP/s"
            lines.append(page.say("{}: {} at 4096³ and {} at 8192³").format(
                name, *(f"{tera(case)} {unit} ({ratio(case['vendor_ratio'])})" for case in found)))
        if not used:
            return None
        text = page.say("`gemm_tc::run`, in brackets times the best of cublasLt") + ": "
        text += "; ".join(lines) + "."
        for what, words in (("transformers", "24 products of transformers"),
                            ("small", "16³ to 512³, graph replay"),
                            ("decode", "1 to 64 tokens, graph replay")):
            if by_type := cases_of_kind(gpu, "run", what):
                means = ", ".join(
                    f"{TYPES[kind]} {ratio(statistics.geometric_mean(ratios))}"
                    for kind, ratios in ((kind, [case["vendor_ratio"] for case in cases.values()])
                                         for kind, cases in by_type.items()))
                text += f" {page.say(words)}: {means}."
        return f"{text}\n\n{provenance(used)}"
    return page.per_gpu(render)
