# SPDX-License-Identifier: Apache-2.0
"""Tables of reductions, scans and row-wise kernels."""

from render.ladders import front_door_rows, parse_steps, rung_title
from render.page import generator
from render.words import duration, pretty_shape, provenance, rate, ratio, share, table


@generator("reduce/front_door")
def reduce_front_door(page, name):
    return front_door_rows(page, name, "reduce")


@generator("scan/front_door")
def scan_front_door(page, name):
    return front_door_rows(page, name, "scan")


@generator("rowwise/front_door")
def rowwise_front_door(page, name, kind="f32"):
    return front_door_rows(page, name if kind == "f32" else f"{kind}/{name}", "rowwise")


TYPES = {"f32": "float", "f64": "double", "f16": "__half", "bf16": "__nv_bfloat16",
         "i32": "std::int32_t", "i64": "std::int64_t"}
OPERATIONS = ("sum", "min", "max", "argmin", "argmax", "sum_of_squares", "dot")


def front_door_of(kind, operation):
    """As the benchmark calls it."""
    name = "run" if operation == "sum" else f"run:{operation}"
    return name if kind == "f32" else f"{kind}/{name}"


@generator("reduce/types")
def reduce_types(page):
    """Type x operation: the ratio to CUB, and the rate, at 2^28 elements."""
    def render(gpu):
        rows, used = [], []
        for kind, title in TYPES.items():
            cases = [gpu.case(front_door_of(kind, operation), "268435456", topic="reduce")
                     for operation in OPERATIONS]
            used += [case for case in cases if case]
            rows.append([f"`{title}`"] + [
                f"{ratio(case['vendor_ratio'])}, {case['bytes_per_second'] * 1e-9:.0f} GB/s"
                if case else page.not_yet() for case in cases])
        if not used:
            return None
        worst = min(used, key=lambda case: case["vendor_ratio"])
        header = page.header("type") + [f"`{operation}`" for operation in OPERATIONS]
        return (f"{table(header, rows, 'l' + 'r' * len(OPERATIONS))}\n\n"
                f"x CUB, GB/s; lowest {ratio(worst['vendor_ratio'])} ({worst.rung})."
                f"\n\n{provenance(used)}")
    return page.per_gpu(render)


@generator("reduce/segments")
def reduce_segments(page):
    """A table per axis: rungs and front door by shape."""
    def render(gpu):
        rungs = parse_steps("20-23,run", page, "reduce")
        cases = [case for rung in rungs for case in gpu.cases_of(rung.full_name, "reduce")
                 if "x" in case.shape and case.mode == "stream"]
        if not cases:
            return None
        shapes = list(dict.fromkeys(case.shape for case in cases))
        rows = []
        for rung in rungs:
            found = [gpu.case(rung.full_name, shape, topic="reduce") for shape in shapes]
            rows.append([rung_title(page, "reduce", rung)] + [
                f"{rate(case)}, {share(case)}" if case else "–" for case in found])
        header = page.header("rung") + [pretty_shape(shape) for shape in shapes]
        return f"{table(header, rows, 'l' + 'r' * len(shapes))}\n\n{provenance(cases)}"
    return page.per_gpu(render)


@generator("reduce/accuracy")
def reduce_accuracy(page):
    """Errors of sums in roundings of the sum of magnitudes, and what each method costs."""
    def render(gpu):
        study = gpu.reduce_accuracy
        if not study:
            return None
        blocks = []
        for inputs in dict.fromkeys(row["inputs"] for row in study["errors"]):
            errors = {(row["label"], row["n"]): row["error_in_u"] for row in study["errors"]
                      if row["inputs"] == inputs}
            sizes = sorted({n for _, n in errors})
            rows = [[label] + [f"{errors[(label, n)]:.3g}" for n in sizes]
                    for label in dict.fromkeys(label for label, _ in errors)]
            header = [f"{inputs}, n ="] + [pretty_shape(str(n)) for n in sizes]
            blocks.append(table(header, rows, "l" + "r" * len(sizes)))
        distinct = {row["label"]: row for row in study["reproducibility"]}
        rows = []
        for row in study["prices"]:
            same = distinct.get(row["label"])
            rows.append([row["label"], duration(row["us"]), f"{row['gbps']:.0f} GB/s",
                         str(same["distinct_results"]) if same else "",
                         str(same["distinct_results_by_alignment"]) if same else ""])
        header = ["2^28 floats", "time", "rate", "different results, same address",
                  "different results, other addresses"]
        blocks.append(table(header, rows, "lrrrr"))
        return "\n\n".join(blocks + [provenance([study["context"]])])
    return page.per_gpu(render)


ROWWISE = ("softmax", "layernorm", "rmsnorm")


@generator("rowwise/columns")
def rowwise_columns(page):
    """A row per number of columns: share of the copy ceiling by function and type."""
    def render(gpu):
        cases = {(kind, name, case.shape): case for kind in ("", "bf16/") for name in ROWWISE
                 for case in gpu.cases_of(kind + name, "rowwise") if case.mode == "stream"}
        if not cases:
            return None
        shapes = sorted({shape for _, _, shape in cases}, key=lambda shape: int(shape.split("x")[1]))
        rows = [[pretty_shape(shape)] + [
            share(cases[(kind, name, shape)]) if (kind, name, shape) in cases else "–"
            for kind in ("", "bf16/") for name in ROWWISE] for shape in shapes]
        header = page.header("rows") + [f"{name}, {kind}" for kind in ("float", "bf16")
                                        for name in ROWWISE]
        header[0] += f" × {page.say('columns')}"
        return f"{table(header, rows, 'lrrrrrr')}\n\n{provenance(cases.values())}"
    return page.per_gpu(render)
