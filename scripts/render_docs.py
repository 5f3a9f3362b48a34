#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes every measured figure of the docs from the committed results.

Reads  benchmarks/results/<gpu>/gemm.json, gemm_*.json   cases, as gemm_bench writes them
       benchmarks/results/<gpu>/gemm_accuracy.json       as gemm_accuracy writes it
       benchmarks/results/<gpu>/gemm_latency.json        as gemm_latency writes it
Writes what stands between `<!-- generated: NAME ... -->` and `<!-- end -->` in README.md,
CONTRIBUTING.md, docs/*.md and docs/zh/*.md, and the plots docs/img/<gpu>/*.svg. Without a result
the text is "not measured yet".

The names, with their arguments:
  gemm/ladder SHAPE[/MODE] STEPS    a row per rung; STEPS like 00-12,18,run
  gemm/rung RUNG [SHAPE[/MODE]...]  a row per shape; without shapes those of 1024, 2048, 4096 and
                                    8192 that were measured
  gemm/front_door cubes|others      a row per shape: the choice, and the ratio in every mode
  gemm/first_calls, gemm/latency_answer                      small products
  gemm/latency QUANTITIES           a row per size; of round_trip,host,stream,graph
  gemm/accuracy uniform|scaled, gemm/reproducibility, gemm/accuracy_answer
  plot NAME                         gemm_ladder, gemm_front_door, gemm_latency or gemm_accuracy
  quote FILE REGION [LANGUAGE]      the lines between `[REGION]` and `[/REGION]` comments of a file

A plot is drawn again only if its data or its drawing code have changed: it carries the hash of
both, and one of its own text. So --check needs no matplotlib, and another version of it, which
draws other bytes from the same data, changes nothing.
"""

import argparse
import dataclasses
import difflib
import hashlib
import inspect
import io
import json
import math
import os
import pathlib
import re
import statistics
import sys

CUBES = ["1024x1024x1024", "2048x2048x2048", "4096x4096x4096", "8192x8192x8192"]
NOT_YET = "not measured yet"

CHINESE = {
    NOT_YET: "尚未测量（not measured yet）",
    "rung": "阶", "idea": "思路", "shape": "形状", "time": "时间", "rate": "速率",
    "% of ceiling": "占实测上限", "x cuBLAS": "相对 cuBLAS", "chosen": "选用", "method": "方法",
    "stream": "流", "graph": "graph", "cold": "冷缓存", "cuBLAS time": "cuBLAS 时间",
    "round trip": "调用并等待", "host call": "主机侧", "µs per product": "单次乘法耗时（µs）",
    "first call": "首次调用", "second call": "第二次调用",
    "largest error / gamma_K": "最大误差 / γ_K", "normwise, K = 4096": "范数相对误差，K = 4096",
    "one stream": "单流", "two streams": "两流并发", "equal": "逐位相同", "differs at K = ": "不同：K = ",
    "not supported": "不支持", "same bits as cuBLAS FP32": "与 cuBLAS FP32 逐位相同",
    "of the elements overflow": "的元素溢出",
}  # fmt: skip

METHOD_NAMES = {"00_cublas": "cuBLAS", "run": "`warpladder::gemm::run`"}


class Problem(Exception):
    """Something that the user must put right; the text says what."""


# Results ------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Case:
    """One case of a benchmark program, gemm/f32/<rung>/<shape>[/<mode>]."""

    rung: str
    shape: str
    mode: str
    label: str
    values: dict
    context: dict

    def __getitem__(self, counter):
        return self.values[counter]

    @property
    def size(self):
        return int(self.shape.split("x")[0])

    @property
    def is_cube(self):
        return len(set(self.shape.split("x"))) == 1


@dataclasses.dataclass
class Gpu:
    folder: str
    cases: dict = dataclasses.field(default_factory=dict)  # (rung, shape, mode) -> Case
    accuracy: dict | None = None
    latency: dict | None = None

    def case(self, rung, shape, mode="stream"):
        return self.cases.get((rung, shape, mode))


def read_json(path):
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise Problem(f"{path}: not JSON: {error}") from error


def add_cases(gpu, path):
    report = read_json(path)
    for run in report["benchmarks"]:
        if run.get("run_type") != "iteration":
            continue
        name = run["name"]
        if run.get("error_occurred") or run.get("skipped") or "median_us" not in run:
            raise Problem(f"{path}: {name} failed; results with failures are not published")
        parts = name.split("/")
        if len(parts) not in (4, 5) or parts[:2] != ["gemm", "f32"]:
            raise Problem(f"{path}: cannot read the case name {name}")
        mode = parts[4] if len(parts) == 5 else "stream"
        key = (parts[2], parts[3], mode)
        if key in gpu.cases:
            raise Problem(f"{path}: {name} has been measured twice; keep one")
        gpu.cases[key] = Case(*key, run.get("label", ""), run, report["context"])


def read_results(folder):
    gpus = []
    for gpu_folder in sorted(path for path in folder.glob("*") if path.is_dir()):
        gpu = Gpu(gpu_folder.name)
        for path in sorted(gpu_folder.glob("gemm*.json")):
            if path.name == "gemm_accuracy.json":
                gpu.accuracy = read_json(path)
            elif path.name == "gemm_latency.json":
                gpu.latency = read_json(path)
            else:
                add_cases(gpu, path)
        if gpu.cases or gpu.accuracy or gpu.latency:
            gpus.append(gpu)
    return gpus


@dataclasses.dataclass
class Rung:
    step: str  # two digits
    name: str
    idea: str

    @property
    def full_name(self):
        return f"{self.step}_{self.name}"


def read_rungs(root):
    """The rungs that ladder.cuh includes, with what their rung_info says."""
    include = root / "kernels/warpladder"
    ladder = (include / "gemm/ladder.cuh").read_text(encoding="utf-8")
    rungs = []
    for step, name in re.findall(r"<warpladder/gemm/(\d\d)_(\w+)\.cuh>", ladder):
        path = include / f"gemm/{step}_{name}.cuh"
        info = re.search(r"rung_info info\s*\{(.*?)\};", path.read_text(encoding="utf-8"), re.S)
        texts = re.findall(r'"((?:[^"\\]|\\.)*)"', info.group(1)) if info else []
        if len(texts) < 2 or texts[0] != name:
            raise Problem(f"{path}: cannot read its rung_info")
        rungs.append(Rung(step, name, "".join(texts[1:])))
    return rungs


# Words --------------------------------------------------------------------------------------------


def number(value, digits=3):
    """With this many significant digits, never in powers of ten."""
    if value == 0:
        return "0"
    places = digits - 1 - math.floor(math.log10(abs(value)))
    return f"{round(value, places):.{max(places, 0)}f}"


def duration(us):
    if us < 1e3:
        return f"{number(us)} µs"
    return f"{number(us * 1e-3)} ms" if us < 1e6 else f"{number(us * 1e-6)} s"


def rate(case):
    if case["bound_by_memory"]:
        return f"{number(case['bytes_per_second'] * 1e-9)} GB/s"
    return f"{number(case['flops_per_second'] * 1e-12)} TFLOP/s"


def share(case):
    return f"{100 * case['ceiling_ratio']:.1f}%"


def ratio(value):
    return f"{value:.2f}"


def pretty_shape(shape, mode="stream"):
    text = shape.replace("x", " × ").replace(" × b", " × batch ")
    return text if mode == "stream" else f"{text}, {mode}"


def table(header, rows, align):
    """align: l or r per column."""
    lines = ["| " + " | ".join(header) + " |"]
    lines.append("|" + "|".join("---" if one == "l" else "--:" for one in align) + "|")
    for row in rows:
        cells = list(row) + [""] * (len(header) - len(row))
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def span(values, unit=""):
    low, high = min(values), max(values)
    return f"{low:.0f}{unit}" if low == high else f"{low:.0f}–{high:.0f}{unit}"


def provenance(sources):
    """Where figures come from: a line per run that took part. sources: cases, or contexts."""
    contexts, clocks = [], {}
    for source in sources:
        context = source.context if isinstance(source, Case) else source
        if not any(context is other for other in contexts):
            contexts.append(context)
        values = source.values if isinstance(source, Case) else source
        if "sm_clock_mhz" in values:
            clocks.setdefault(id(context), []).append(float(values["sm_clock_mhz"]))
    lines = []
    for context in contexts:
        parts = [context["gpu"], f"driver {context['driver']}", f"CUDA {context['toolkit']}",
                 f"cuBLAS {context['cublas']}", context["date"][:10], f"commit {context['commit']}"]
        if id(context) in clocks:
            maximum = context.get("sm_clock_mhz_max")
            parts.append(f"SM clock {span(clocks[id(context)])} MHz while measuring"
                         + (f" (maximum {float(maximum):.0f})" if maximum else ""))
        if "ceiling_fma_tflops" in context:
            fma, copy = (float(context[f"ceiling_{key}"]) for key in ("fma_tflops", "copy_gbps"))
            parts.append(f"measured ceilings {number(fma)} TFLOP/s and {number(copy, 4)} GB/s")
        lines.append("<sub>" + " · ".join(parts) + "</sub>")
    return "\n".join(lines)


# Tables -------------------------------------------------------------------------------------------


class Page:
    """What generators know: the results, the ladder, and the page that they write for."""

    def __init__(self, root, gpus, rungs, path):
        self.root, self.gpus, self.rungs, self.path = root, gpus, rungs, path
        self.chinese = path.parent.name == "zh"

    def say(self, text):
        return CHINESE.get(text, text) if self.chinese else text

    def not_yet(self):
        return f"*{self.say(NOT_YET)}*"

    def per_gpu(self, render):
        """One block per GPU that has something to say, else "not measured yet"."""
        blocks = [block for block in map(render, self.gpus) if block]
        return "\n\n".join(blocks) if blocks else self.not_yet()

    def header(self, *texts):
        return [self.say(text) for text in texts]

    def link(self, target):
        return os.path.relpath(self.root / target, self.path.parent).replace(os.sep, "/")


GENERATORS = {}


def generator(name):
    def register(function):
        GENERATORS[name] = function
        return function
    return register


def parse_steps(text, rungs):
    wanted = []
    for part in text.split(","):
        if part == "run":
            wanted.append(Rung("", "run", "the front door, which chooses among the rungs"))
            continue
        first, _, last = part.partition("-")
        if not re.fullmatch(r"\d\d", first) or not re.fullmatch(r"(\d\d)?", last):
            raise Problem(f"'{text}' is not a list of steps like 00-12,18,run")
        wanted += [rung for rung in rungs if first <= rung.step <= (last or first)]
    return wanted


def parse_shape(text):
    shape, _, mode = text.partition("/")
    if not re.fullmatch(r"\d+x\d+x\d+(xb\d+)?", shape) or mode not in ("", "graph", "cold"):
        raise Problem(f"'{text}' is not a shape like 64x64x64 or 64x64x64/graph")
    return shape, mode or "stream"


def figures(case):
    return [duration(case["median_us"]), rate(case), share(case), ratio(case["vendor_ratio"])]


@generator("gemm/ladder")
def ladder_table(page, where, steps):
    shape, mode = parse_shape(where)
    chosen = parse_steps(steps, page.rungs)

    def render(gpu):
        rows, used = [], []
        for rung in chosen:
            key = "run" if rung.name == "run" else rung.full_name
            case = gpu.case(key, shape, mode)
            title = "`run`" if key == "run" else (
                f"[{rung.step} {rung.name}]({page.link('docs/gemm.md')}#{rung.step}-{rung.name})")
            rows.append([title, rung.idea] + (figures(case) if case else [page.not_yet()]))
            used += [case] if case else []
        if not used:
            return None
        header = page.header("rung", "idea", "time", "rate", "% of ceiling", "x cuBLAS")
        return (f"{used[0].context['gpu']}, {pretty_shape(shape, mode)}:\n\n"
                f"{table(header, rows, 'llrrrr')}\n\n{provenance(used)}")
    return page.per_gpu(render)


@generator("gemm/rung")
def rung_table(page, name, *shapes):
    def render(gpu):
        rows, used = [], []
        for where in shapes or CUBES:
            shape, mode = parse_shape(where)
            case = gpu.case(name, shape, mode)
            if not case and not shapes:
                continue  # the benchmark leaves the slowest rungs out of the largest sizes
            rows.append([pretty_shape(shape, mode)] + (figures(case) if case else [page.not_yet()]))
            used += [case] if case else []
        if not used:
            return None
        header = page.header("shape", "time", "rate", "% of ceiling", "x cuBLAS")
        return f"{table(header, rows, 'lrrrr')}\n\n{provenance(used)}"
    return page.per_gpu(render)


def front_door_shapes(gpu, cubes):
    shapes = list(dict.fromkeys(case.shape for case in gpu.cases.values() if case.rung == "run"))
    shapes = [shape for shape in shapes if (len(set(shape.split("x"))) == 1) == cubes]
    return sorted(shapes, key=lambda shape: int(shape.split("x")[0])) if cubes else shapes


@generator("gemm/front_door")
def front_door_table(page, kind):
    if kind not in ("cubes", "others"):
        raise Problem(f"gemm/front_door: '{kind}' is neither cubes nor others")

    def render(gpu):
        rows, used = [], []
        for shape in front_door_shapes(gpu, kind == "cubes"):
            modes = {mode: gpu.case("run", shape, mode) for mode in ("stream", "graph", "cold")}
            first = modes["stream"] or modes["graph"] or modes["cold"]
            rows.append([pretty_shape(shape), first.label, duration(first["median_us"]),
                         duration(first["vendor_us"])]
                        + [ratio(case["vendor_ratio"]) if case else "–" for case in modes.values()])
            used += [case for case in modes.values() if case]
        if not used:
            return None
        header = page.header("shape", "chosen", "time", "cuBLAS time", "x cuBLAS")
        header[-1:] = [f"{header[-1]}, {page.say(mode)}" for mode in ("stream", "graph", "cold")]
        summaries = []
        for mode in ("stream", "graph", "cold"):
            ratios = {case.shape: case["vendor_ratio"] for case in used if case.mode == mode}
            if ratios:
                worst = min(ratios, key=ratios.get)
                summaries.append(f"{mode}: geometric mean "
                                 f"{ratio(statistics.geometric_mean(ratios.values()))} over "
                                 f"{len(ratios)} shapes, lowest {ratio(ratios[worst])} at "
                                 f"{pretty_shape(worst)}")
        return (f"{table(header, rows, 'llrrrrr')}\n\nTimes x cuBLAS, {'; '.join(summaries)}.\n\n"
                f"{provenance(used)}")
    return page.per_gpu(render)


def method_name(key):
    return METHOD_NAMES.get(key, f"`{key}`")


@generator("gemm/first_calls")
def first_calls_table(page):
    def render(gpu):
        if not gpu.latency:
            return None
        rows = [[method_name(row["method"]), duration(row["first_us"]), duration(row["second_us"])]
                for row in gpu.latency["first_calls"]]
        return (f"{table(page.header('method', 'first call', 'second call'), rows, 'lrr')}\n\n"
                f"{provenance([gpu.latency['context']])}")
    return page.per_gpu(render)


@generator("gemm/latency")
def latency_table(page, quantities):
    titles = {"round_trip": "round trip", "host": "host call", "stream": "stream",
              "graph": "graph"}
    wanted = quantities.split(",")
    if not set(wanted) <= titles.keys():
        raise Problem(f"gemm/latency: '{quantities}' is not a list of {', '.join(titles)}")

    def render(gpu):
        if not gpu.latency:
            return None
        splits = {(row["n"], row["method"]): row for row in gpu.latency["splits"]}
        methods = list(dict.fromkeys(method for _, method in splits))
        rows = [[str(size)] + [" / ".join(number(splits[(size, method)][f"{key}_us"])
                                          for key in wanted) for method in methods]
                for size in sorted({size for size, _ in splits})]
        header = ["N"] + [method_name(method) for method in methods]
        what = " / ".join(page.say(titles[key]) for key in wanted)
        return (f"{what}, {page.say('µs per product')}:\n\n"
                f"{table(header, rows, 'r' * len(header))}\n\n"
                f"{provenance([gpu.latency['context']])}")
    return page.per_gpu(render)


def where_faster(splits, ours, key):
    """The sizes at which `ours` beats cuBLAS, as (first, last) of each unbroken run of sizes."""
    times = {(row["method"], row["n"]): row[key] for row in splits}
    runs, previous = [], False
    for size in sorted({row["n"] for row in splits}):
        faster = times[(ours, size)] < times[("00_cublas", size)]
        if faster and previous:
            runs[-1] = (runs[-1][0], size)
        elif faster:
            runs.append((size, size))
        previous = faster
    return runs


@generator("gemm/latency_answer")
def latency_answer(page):
    def render(gpu):
        if not gpu.latency:
            return None
        splits = gpu.latency["splits"]
        times = {(row["method"], row["n"]): row for row in splits}
        small = min(row["n"] for row in splits if row["n"] >= 32)
        methods = ("00_cublas", "01_naive", "02_coalesced")
        lines = []
        for mode in ("stream", "graph"):
            key = f"{mode}_us"
            fixed = [(method_name(method), duration(times[(method, small)][key]))
                     for method in methods]
            crossings = [(method_name(method), where_faster(splits, method, key))
                         for method in methods[1:]]
            if page.chinese:
                how = {"stream": "逐个入队", "graph": "graph 重放"}[mode]
                facts = "，".join(f"{name} {time}" for name, time in fixed)
                wins = "；".join(
                    f"{name} 快于 cuBLAS 的尺寸：" + ("、".join(
                        str(low) if low == high else f"{low} 至 {high}" for low, high in runs)
                        or "无")
                    for name, runs in crossings)
                lines.append(f"* {how}：N = {small} 时 {facts}。{wins}。")
            else:
                how = {"stream": "Enqueued one by one", "graph": "Replayed by a graph"}[mode]
                facts = ", ".join(f"{name} {time}" for name, time in fixed)
                wins = "; ".join(
                    f"{name} is faster than cuBLAS at " + (", ".join(
                        f"N = {low}" if low == high else f"N = {low} to {high}"
                        for low, high in runs) or "no size measured")
                    for name, runs in crossings)
                lines.append(f"* {how}, at N = {small}: {facts}. {wins}.")
        title = gpu.latency["context"]["gpu"]
        title += "，单次乘法耗时：" if page.chinese else ", per product:"
        body = "\n".join(lines)
        return f"{title}\n\n{body}\n\n{provenance([gpu.latency['context']])}"
    return page.per_gpu(render)


def small_number(value):
    if value < 1e-2:
        return f"{value:.1e}"
    return number(value, 2) if value < 100 else f"{value:,.0f}".replace(",", " ")


@generator("gemm/accuracy")
def accuracy_table(page, inputs):
    if inputs not in ("uniform", "scaled"):
        raise Problem(f"gemm/accuracy: '{inputs}' is neither uniform nor scaled")

    def render(gpu):
        if not gpu.accuracy:
            return None
        errors = [row for row in gpu.accuracy["errors"] if row["inputs"] == inputs]
        depths = sorted({row["k"] for row in errors})
        rows = []
        for label in dict.fromkeys(row["label"] for row in errors):
            by_depth = {row["k"]: row for row in errors if row["label"] == label}
            any_row = by_depth[depths[0]]
            if "why_not" in any_row:
                rows.append([label, page.say(any_row["why_not"])])
                continue
            cells, gammas, norm = [label], [], ""
            for k in depths:
                row = by_depth[k]
                if "not_finite_fraction" in row:
                    cells.append(f"{100 * row['not_finite_fraction']:.1f}% "
                                 f"{page.say('of the elements overflow')}")
                    continue
                largest, median = small_number(row["max_in_u"]), small_number(row["median_in_u"])
                cells.append(f"{largest} ({median})")
                gammas.append(row["max_over_gamma"])
                norm = f"{row['normwise']:.1e}" if k == 4096 else norm
            cells += [small_number(max(gammas)) if gammas else "", norm]
            if all(row.get("equals_cublas_fp32") for row in by_depth.values()):
                cells[0] += f" ({page.say('same bits as cuBLAS FP32')})"
            rows.append(cells)
        header = page.header("method") + [f"K = {k}" for k in depths] + page.header(
            "largest error / gamma_K", "normwise, K = 4096")
        return (f"{table(header, rows, 'l' + 'r' * (len(depths) + 2))}\n\n"
                f"{provenance([gpu.accuracy['context']])}")
    return page.per_gpu(render)


@generator("gemm/reproducibility")
def reproducibility_table(page):
    def render(gpu):
        if not gpu.accuracy:
            return None
        runs = gpu.accuracy["reproducibility"]
        rows = []
        for label in dict.fromkeys(row["label"] for row in runs):
            mine = [row for row in runs if row["label"] == label]
            cells = [label]
            for key in ("one_stream_equal", "two_streams_equal"):
                differing = [str(row["k"]) for row in mine if not row[key]]
                cells.append(page.say("differs at K = ") + ", ".join(differing) if differing
                             else page.say("equal"))
            rows.append(cells)
        return (f"{table(page.header('method', 'one stream', 'two streams'), rows, 'lll')}\n\n"
                f"{provenance([gpu.accuracy['context']])}")
    return page.per_gpu(render)


@generator("gemm/accuracy_answer")
def accuracy_answer(page):
    def render(gpu):
        if not gpu.accuracy:
            return None
        k = 4096
        found = {row["method"]: row for row in gpu.accuracy["errors"]
                 if row["inputs"] == "uniform" and row["k"] == k and "max_in_u" in row}
        named = [(name, found[key]) for key, name in (
            ("cublas_fp32", "FP32"), ("tf32x3", "3xTF32"), ("cublas_tf32", "TF32"),
            ("cublas_fp16", "FP16"), ("cublas_bf16", "BF16")) if key in found]
        worst = [f"{name} {small_number(row['max_in_u'])} u" for name, row in named]
        equal = all(row["one_stream_equal"] for row in gpu.accuracy["reproducibility"]
                    if row["method"] == "cublas_fp32")
        gpu_name = gpu.accuracy["context"]["gpu"]
        if page.chinese:
            text = (f"{gpu_name}，K = {k}，输入在 [-1, 1] 上均匀分布，误差相对 |A||B| 的最大值"
                    f"（u = 2⁻²⁴）：{'、'.join(worst)}。FP32 在单流中重复运行的结果"
                    f"{'逐位相同' if equal else '并不逐位相同'}。")
        else:
            text = (f"{gpu_name}, K = {k}, inputs uniform in [-1, 1], largest error relative to "
                    f"|A||B| (u = 2⁻²⁴): {', '.join(worst)}. FP32 repeated in one stream gave "
                    f"{'equal bits every time' if equal else 'bits that differ'}.")
        return f"{text}\n\n{provenance([gpu.accuracy['context']])}"
    return page.per_gpu(render)


@generator("plot")
def plot_links(page, name):
    if name not in PLOTS:
        raise Problem(f"there is no plot '{name}'; there are {', '.join(PLOTS)}")
    plot = PLOTS[name]

    def render(gpu):
        if not plot.data(gpu, page.rungs):
            return None
        return f"![{plot.caption}]({page.link(f'docs/img/{gpu.folder}/{name}.svg')})"
    return page.per_gpu(render)


@generator("quote")
def quote(page, file, region, language=None):
    region = region.replace("_", " ")
    lines = (page.root / file).read_text(encoding="utf-8").splitlines()
    begin = [i for i, line in enumerate(lines) if line.strip().endswith(f"[{region}]")]
    end = [i for i, line in enumerate(lines) if line.strip().endswith(f"[/{region}]")]
    if len(begin) != 1 or len(end) != 1 or begin[0] >= end[0]:
        raise Problem(f"{file}: has no region between [{region}] and [/{region}]")
    inside = lines[begin[0] + 1:end[0]]
    indent = min(len(line) - len(line.lstrip()) for line in inside if line.strip())
    return "\n".join([f"```{language or 'cpp'}"] + [line[indent:] for line in inside] + ["```"])


# Plots --------------------------------------------------------------------------------------------


def ladder_data(gpu, rungs):
    """The climb at 4096: every rung but those for small products, and the two lines to compare."""
    shape = "4096x4096x4096"
    small_product_rungs = {"skinny", "slice_k", "split_k", "cluster_split_k", "batched"}
    bars = [(rung.full_name, gpu.case(rung.full_name, shape)) for rung in rungs
            if rung.step != "00" and rung.name not in small_product_rungs]
    bars = [(name, case) for name, case in bars if case]
    vendor = gpu.case("00_cublas", shape)
    if not bars or not vendor:
        return None
    context = vendor.context
    return {"gpu": context["gpu"], "bars": [(name, case["flops_per_second"] * 1e-12)
                                            for name, case in bars],
            "cublas": vendor["flops_per_second"] * 1e-12,
            "ceiling": float(context["ceiling_fma_tflops"])}


def draw_ladder(pyplot, data):
    figure, axes = pyplot.subplots(figsize=(8, 4))
    names, values = zip(*data["bars"])
    bars = axes.bar(names, values, color="#4477aa")
    axes.bar_label(bars, fmt="%.1f", fontsize=8, padding=1,
                   bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6})
    axes.axhline(data["ceiling"], color="#222222", linestyle="--", linewidth=1,
                 label=f"measured FMA ceiling {data['ceiling']:.1f}")
    axes.axhline(data["cublas"], color="#cc6677", linewidth=1.2,
                 label=f"cuBLAS {data['cublas']:.1f}")
    axes.set_ylabel("TFLOP/s")
    axes.set_title(f"float32 GEMM, 4096 × 4096 × 4096, {data['gpu']}", fontsize=10)
    axes.set_ylim(0, 1.25 * max(data["ceiling"], max(values)))
    pyplot.setp(axes.get_xticklabels(), rotation=40, horizontalalignment="right", fontsize=8)
    axes.legend(loc="upper left", fontsize=8, frameon=False)
    return figure


def front_door_data(gpu, rungs):
    del rungs
    lines = {}
    for mode in ("stream", "graph"):
        cases = [case for case in gpu.cases.values()
                 if case.rung == "run" and case.mode == mode and case.is_cube]
        if cases:
            lines[mode] = sorted((case.size, case["vendor_ratio"]) for case in cases)
            name = cases[0].context["gpu"]
    return {"gpu": name, "lines": lines} if lines else None


def draw_front_door(pyplot, data):
    figure, axes = pyplot.subplots(figsize=(8, 4))
    for (mode, points), color in zip(data["lines"].items(), ("#4477aa", "#ee8866")):
        sizes, ratios = zip(*points)
        axes.plot(sizes, ratios, marker="o", markersize=4, color=color,
                  label={"stream": "enqueued in a stream", "graph": "replayed by a graph"}[mode])
    axes.axhline(1, color="#cc6677", linewidth=1.2, label="cuBLAS")
    axes.set_xscale("log", base=2)
    sizes = sorted({size for points in data["lines"].values() for size, _ in points
                    if size & (size - 1) == 0})
    axes.set_xticks(sizes, [str(size) for size in sizes], fontsize=8)
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.set_xlabel("N (M = N = K)")
    axes.set_ylabel("times as fast as cuBLAS")
    axes.set_title(f"warpladder::gemm::run, {data['gpu']}", fontsize=10)
    axes.legend(fontsize=8, frameon=False)
    return figure


LATENCY_LOOKS = {"00_cublas": ("cuBLAS", "#cc6677"), "01_naive": ("01 naive", "#ddaa33"),
                 "02_coalesced": ("02 coalesced", "#228833"),
                 "run": ("warpladder::gemm::run", "#4477aa")}


def latency_data(gpu, rungs):
    del rungs
    if not gpu.latency:
        return None
    lines = {label: {"color": color, "points": sorted(
                (row["n"], row["stream_us"], row["graph_us"]) for row in gpu.latency["splits"]
                if row["method"] == method and row["n"] <= 1024)}
             for method, (label, color) in LATENCY_LOOKS.items()}
    return {"gpu": gpu.latency["context"]["gpu"],
            "lines": {label: line for label, line in lines.items() if line["points"]}}


def draw_latency(pyplot, data):
    figure, both = pyplot.subplots(1, 2, figsize=(9, 4), sharey=True)
    titles = ("enqueued one by one in a stream", "the same launches replayed by a graph")
    for quantity, (axes, title) in enumerate(zip(both, titles), start=1):
        for label, line in data["lines"].items():
            axes.plot([point[0] for point in line["points"]],
                      [point[quantity] for point in line["points"]],
                      marker="o", markersize=3.5, color=line["color"], label=label)
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        sizes = [16 << doubled for doubled in range(7)]
        axes.set_xticks(sizes, [str(size) for size in sizes])
        axes.set_yticks([1, 10, 100, 1000], ["1", "10", "100", "1000"])
        axes.minorticks_off()
        axes.grid(axis="y", color="#dddddd", linewidth=0.6)
        axes.set_xlabel("N (M = N = K)")
        axes.set_title(title, fontsize=9)
    both[0].set_ylabel("µs per product")
    both[0].legend(loc="upper left", fontsize=8, frameon=False)
    figure.suptitle(data["gpu"], fontsize=10)
    return figure


def accuracy_data(gpu, rungs):
    del rungs
    if not gpu.accuracy:
        return None
    errors = [(row["inputs"], row["label"], row["k"], row["max_in_u"])
              for row in gpu.accuracy["errors"]
              if "max_in_u" in row and not row.get("equals_cublas_fp32")]
    return {"gpu": gpu.accuracy["context"]["gpu"], "errors": errors} if errors else None


def draw_accuracy(pyplot, data):
    figure, both = pyplot.subplots(1, 2, figsize=(9, 4), sharey=True)
    titles = {"uniform": "uniform in [-1, 1]", "scaled": "rows and columns scaled by 2^-20 … 2^20"}
    labels = list(dict.fromkeys(label for _, label, _, _ in data["errors"]))
    for axes, inputs in zip(both, titles):
        for index, label in enumerate(labels):
            points = [(k, error) for kind, name, k, error in data["errors"]
                      if kind == inputs and name == label]
            if points:
                axes.plot(*zip(*points), marker="o", markersize=4, color=f"C{index}", label=label)
        depths = sorted({k for _, _, k, _ in data["errors"]})
        bound = [k / (1 - k * 2**-24) for k in depths]
        axes.plot(depths, bound, color="#222222", linestyle="--", linewidth=1,
                  label="bound of FP32, gamma_K")
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.set_xticks(depths, [str(k) for k in depths])
        axes.minorticks_off()
        axes.set_xlabel("K")
        axes.set_title(titles[inputs], fontsize=9)
    both[0].set_ylabel("largest error / |A||B|, in u = 2^-24")
    figure.legend(*both[0].get_legend_handles_labels(), loc="lower center", ncol=4, fontsize=7,
                  frameon=False)
    figure.subplots_adjust(bottom=0.3)
    figure.suptitle(data["gpu"], fontsize=10)
    return figure


@dataclasses.dataclass
class Plot:
    caption: str
    data: callable
    draw: callable

    def hash(self, data):
        text = json.dumps(data, sort_keys=True) + inspect.getsource(self.draw)
        return hashlib.sha256((text + inspect.getsource(render_svg)).encode()).hexdigest()


PLOTS = {
    "gemm_ladder": Plot("TFLOP/s of every rung at 4096", ladder_data, draw_ladder),
    "gemm_front_door": Plot("The front door against cuBLAS over N", front_door_data,
                            draw_front_door),
    "gemm_latency": Plot("Time of small products in a stream and in a graph", latency_data,
                         draw_latency),
    "gemm_accuracy": Plot("Largest error over K by method", accuracy_data, draw_accuracy),
}

STAMP = re.compile(r"<!-- render_docs.py: data ([0-9a-f]{64}), picture ([0-9a-f]{64}) -->\n")


def render_svg(draw, data):
    try:
        import matplotlib
    except ImportError as error:
        raise Problem("matplotlib is needed to draw (Debian and Ubuntu: python3-matplotlib, "
                      "installed by `scripts/setup --docs`)") from error
    matplotlib.use("svg")
    from matplotlib import pyplot
    pyplot.rcdefaults()
    matplotlib.rcParams.update({"svg.hashsalt": "warpladder", "svg.fonttype": "path",
                                "axes.spines.top": False, "axes.spines.right": False})
    figure = draw(pyplot, data)
    out = io.StringIO()
    figure.savefig(out, format="svg", bbox_inches="tight",
                   metadata={"Date": None, "Creator": "scripts/render_docs.py"})
    pyplot.close(figure)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def picture_hash(svg):
    return hashlib.sha256(STAMP.sub("", svg).encode()).hexdigest()


def is_current(svg, data_hash):
    stamp = STAMP.search(svg)
    return bool(stamp) and stamp.groups() == (data_hash, picture_hash(svg))


# Files --------------------------------------------------------------------------------------------

MARKER = re.compile(r"<!-- generated: (?P<call>[^\n]*?) -->\n(?P<body>.*?)<!-- end -->", re.S)


def rewrite(text, page):
    def fill(match):
        if "<!-- generated:" in match["body"]:
            raise Problem(f"{page.path}: `generated: {match['call']}` has no `<!-- end -->`")
        name, *arguments = match["call"].split()
        if name not in GENERATORS:
            raise Problem(f"{page.path}: nothing is called '{name}'; there are "
                          f"{', '.join(GENERATORS)}")
        try:
            inspect.signature(GENERATORS[name]).bind(page, *arguments)
        except TypeError as error:
            raise Problem(f"{page.path}: `{match['call']}`: {error}") from error
        try:
            text = GENERATORS[name](page, *arguments)
        except Problem as problem:
            raise Problem(f"{page.path}: {problem}") from problem
        except KeyError as error:
            raise Problem(f"{page.path}: `{match['call']}`: a result lacks {error}") from error
        return f"<!-- generated: {match['call']} -->\n{text}\n<!-- end -->"
    if text.count("<!-- generated:") != len(MARKER.findall(text)):
        raise Problem(f"{page.path}: a `<!-- generated: ... -->` has no `<!-- end -->`")
    return MARKER.sub(fill, text)


def render(root, check, redraw):
    """Returns the files that differed; unless `check`, they are right now."""
    gpus, rungs = read_results(root / "benchmarks/results"), read_rungs(root)
    differing = []
    pages = [root / "README.md", root / "CONTRIBUTING.md", *sorted((root / "docs").glob("*.md")),
             *sorted((root / "docs/zh").glob("*.md"))]
    for path in filter(pathlib.Path.exists, pages):
        old = path.read_text(encoding="utf-8")
        new = rewrite(old, Page(root, gpus, rungs, path))
        if new == old:
            continue
        differing.append(path)
        if check:
            difference = difflib.unified_diff(old.splitlines(), new.splitlines(), "committed",
                                              "from the results", lineterm="", n=0)
            print("\n".join(list(difference)[:20]))
        else:
            path.write_text(new, encoding="utf-8")

    wanted = {}
    for gpu in gpus:
        for name, plot in PLOTS.items():
            if data := plot.data(gpu, rungs):
                wanted[root / "docs/img" / gpu.folder / f"{name}.svg"] = (plot, data)
    for path, (plot, data) in wanted.items():
        data_hash = plot.hash(data)
        old = path.read_text(encoding="utf-8") if path.exists() else ""
        if is_current(old, data_hash) and not redraw:
            continue
        if not check:
            svg = render_svg(plot.draw, data)
            declaration, _, rest = svg.partition("\n")
            stamp = f"<!-- render_docs.py: data {data_hash}, picture {picture_hash(svg)} -->"
            new = f"{declaration}\n{stamp}\n{rest}"
            if new == old:
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(new, encoding="utf-8")
        differing.append(path)
    for path in sorted((root / "docs/img").glob("*/*.svg")):
        if path not in wanted and STAMP.search(path.read_text(encoding="utf-8")):
            differing.append(path)
            if not check:
                path.unlink()
    return differing


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true",
                        help="change nothing; exit with 1 and name the files that would change")
    parser.add_argument("--redraw", action="store_true",
                        help="draw every plot again, for example after an update of matplotlib")
    parser.add_argument("--root", type=pathlib.Path, metavar="FOLDER",
                        default=pathlib.Path(__file__).resolve().parent.parent,
                        help="the repository (default: the one of this script)")
    arguments = parser.parse_args()
    if arguments.check and arguments.redraw:
        parser.error("--check and --redraw exclude each other")
    root = arguments.root.resolve()
    try:
        differing = render(root, arguments.check, arguments.redraw)
    except Problem as problem:
        print(f"render_docs: {problem}", file=sys.stderr)
        return 2
    for path in differing:
        name = path.relative_to(root)
        print(f"{name}: differs from the results; run scripts/render_docs.py" if arguments.check
              else f"wrote {name}" if path.exists() else f"removed {name}")
    return 1 if arguments.check and differing else 0


if __name__ == "__main__":
    sys.exit(main())
