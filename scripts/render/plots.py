# SPDX-License-Identifier: Apache-2.0
"""The plots: their data, how they are drawn, and when they are drawn again."""

import dataclasses
import hashlib
import inspect
import io
import json
import math
import re

from render.page import generator
from render.results import Problem
from render.words import power_of_two, pretty_shape


def ladder_data(gpu, rungs):
    """The climb at 4096: every rung but those for small products, and the two lines to compare."""
    shape = "4096x4096x4096"
    small_product_rungs = {"skinny", "slice_k", "split_k", "cluster_split_k", "batched"}
    bars = [(rung.full_name, gpu.case(rung.full_name, shape)) for rung in rungs["gemm"]
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
        cases = [case for case in gpu.cases_of("run") if case.mode == mode and case.is_cube]
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
    labels = list(dict.fromkeys(label for _, label, _, _ in data["errors"]))
    height = 3.7 + 0.05 * len(labels)
    figure, both = pyplot.subplots(1, 2, figsize=(9, height), sharey=True)
    titles = {"uniform": "uniform in [-1, 1]", "scaled": "rows and columns scaled by 2^-20 … 2^20"}
    for axes, inputs in zip(both, titles):
        for index, label in enumerate(labels):
            points = [(k, error) for kind, name, k, error in data["errors"]
                      if kind == inputs and name == label]
            if points:
                axes.plot(*zip(*points), marker="o", markersize=4, color=f"C{index % 10}",
                          linestyle=("-", "--")[index // 10], label=label)
        depths = sorted({k for _, _, k, _ in data["errors"]})
        bound = [k / (1 - k * 2**-24) for k in depths]
        axes.plot(depths, bound, color="#222222", linestyle=":", linewidth=1,
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
    figure.subplots_adjust(bottom=(0.75 + 0.045 * len(labels)) / height)
    figure.suptitle(data["gpu"], fontsize=10)
    return figure


def transposes_data(gpu, rungs):
    """Share of the copy ceiling of every rung that transposes, one series per shape."""
    names = [rung.full_name for rung in rungs["memory"] if rung.step < "10"]
    series = {}
    for shape in ("8192x8192", "8191x8193"):
        cases = [gpu.case(name, shape, topic="memory") for name in names]
        if not any(cases):
            return None
        context = next(case for case in cases if case).context
        series[pretty_shape(shape)] = [case and 100 * case["ceiling_ratio"] for case in cases]
    return {"gpu": context["gpu"], "ceiling": float(context["ceiling_copy_gbps"]), "names": names,
            "series": series}


def draw_transposes(pyplot, data):
    figure, axes = pyplot.subplots(figsize=(8, 4))
    width = 0.8 / len(data["series"])
    for index, (shape, shares) in enumerate(data["series"].items()):
        places = [i + (index - (len(data["series"]) - 1) / 2) * width for i in range(len(shares))]
        bars = axes.bar(places, [one or 0 for one in shares], width,
                        color=("#4477aa", "#ee8866")[index], label=shape)
        axes.bar_label(bars, ["" if one is None else f"{one:.0f}" for one in shares], fontsize=7)
    axes.axhline(100, color="#222222", linestyle="--", linewidth=1,
                 label=f"measured copy ceiling, {data['ceiling']:.0f} GB/s")
    axes.set_xticks(range(len(data["names"])), data["names"], rotation=40,
                    horizontalalignment="right", fontsize=8)
    axes.set_ylabel("% of the copy ceiling")
    axes.set_ylim(0, 125)
    axes.set_title(f"float32 transposes, {data['gpu']}", fontsize=10)
    axes.legend(loc="upper left", ncol=3, fontsize=8, frameon=False)
    return figure


def strided_data(gpu, rungs):
    del rungs
    if not gpu.memory_study:
        return None
    study = gpu.memory_study
    return {"gpu": study["context"]["gpu"], "rows": [
        (row["stride"], row["used_gbps"], row["sectors_gbps"]) for row in study["strided"]]}


def draw_strided(pyplot, data):
    figure, axes = pyplot.subplots(figsize=(8, 4))
    strides, used, sectors = zip(*data["rows"])
    axes.plot(strides, used, marker="o", markersize=4, color="#4477aa", label="used")
    axes.plot(strides, sectors, marker="o", markersize=4, color="#ee8866",
              label="moved, counted in whole sectors")
    axes.plot(strides, [used[0] / min(stride, 8) for stride in strides], color="#222222",
              linestyle="--", linewidth=1, label="predicted by sectors")
    axes.set_xscale("log", base=2)
    axes.set_xticks(strides, [str(stride) for stride in strides])
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.set_xlabel("every ... float is read")
    axes.set_ylabel("GB/s")
    axes.set_title(f"strided reads, {data['gpu']}", fontsize=10)
    axes.legend(fontsize=8, frameon=False)
    return figure


def array_ladder_data(topic, steps, ceiling):
    """Rates of the rungs at 2^28 floats."""
    def data(gpu, rungs):
        cases = [(rung.full_name, gpu.case(rung.full_name, "268435456", topic=topic))
                 for rung in rungs[topic] if "00" < rung.step <= steps]
        vendor = gpu.case("00_cub", "268435456", topic=topic)
        bars = [(name, case["bytes_per_second"] * 1e-9) for name, case in cases if case]
        if not bars or not vendor:
            return None
        kind = "read" if ceiling == "ceiling_read_gbps" else "copy"
        return {"gpu": vendor.context["gpu"], "topic": topic, "bars": bars, "kind": kind,
                "cub": vendor["bytes_per_second"] * 1e-9,
                "ceiling": float(vendor.context[ceiling])}
    return data


def draw_array_ladder(pyplot, data):
    figure, axes = pyplot.subplots(figsize=(8, 4))
    names, values = zip(*data["bars"])
    bars = axes.bar(names, values, color="#4477aa")
    axes.bar_label(bars, fmt="%.0f", fontsize=8, padding=1,
                   bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6})
    axes.axhline(data["ceiling"], color="#222222", linestyle="--", linewidth=1,
                 label=f"measured {data['kind']} ceiling {data['ceiling']:.0f}")
    axes.axhline(data["cub"], color="#cc6677", linewidth=1.2, label=f"CUB {data['cub']:.0f}")
    axes.set_ylabel("GB/s")
    axes.set_ylim(0, 1.25 * max(data["ceiling"], max(values)))
    axes.set_title(f"{data['topic']}, 2^28 floats, {data['gpu']}", fontsize=10)
    pyplot.setp(axes.get_xticklabels(), rotation=40, horizontalalignment="right", fontsize=8)
    axes.legend(loc="upper left", ncol=2, fontsize=8, frameon=False)
    return figure


def array_front_door_data(topic, lines):
    """Ratio to CUB over n, per mode; `lines` to draw across."""
    def data(gpu, rungs):
        del rungs
        cases = [case for case in gpu.cases_of("run", topic) if case.shape.isdigit()]
        if not cases:
            return None
        modes = {mode: sorted((int(case.shape), case["vendor_ratio"]) for case in cases
                              if case.mode == mode) for mode in ("stream", "graph", "cold")}
        return {"gpu": cases[0].context["gpu"], "topic": topic, "lines": lines,
                "modes": {mode: points for mode, points in modes.items() if points}}
    return data


def draw_array_front_door(pyplot, data):
    figure, axes = pyplot.subplots(figsize=(8, 4))
    for (mode, points), color in zip(data["modes"].items(), ("#4477aa", "#ee8866", "#66ccee")):
        sizes, ratios = zip(*points)
        axes.plot(sizes, ratios, marker="o", markersize=4, color=color,
                  label={"stream": "enqueued in a stream", "graph": "replayed by a graph",
                         "cold": "in a stream, not in L2"}[mode])
    for line in data["lines"]:
        axes.axhline(line, color="#cc6677" if line == 1 else "#222222", linewidth=1,
                     linestyle="-" if line == 1 else "--", label="CUB" if line == 1 else f"{line}")
    axes.set_xscale("log", base=2)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("floats")
    axes.set_ylabel("times as fast as CUB")
    axes.set_title(f"warpladder::{data['topic']}::run, {data['gpu']}", fontsize=10)
    axes.legend(fontsize=8, frameon=False)
    return figure


def rowwise_data(gpu, rungs):
    del rungs
    lines, context = {}, None
    for kind in ("", "bf16/"):
        for name in ("softmax", "layernorm", "rmsnorm"):
            cases = [case for case in gpu.cases_of(kind + name, "rowwise") if case.mode == "stream"]
            if cases:
                context = cases[0].context
                lines[f"{name}, {'bf16' if kind else 'float'}"] = sorted(
                    (int(case.shape.split("x")[1]), 100 * case["ceiling_ratio"]) for case in cases)
    if not lines:
        return None
    return {"gpu": context["gpu"], "lines": lines, "ceiling": float(context["ceiling_copy_gbps"])}


def draw_rowwise(pyplot, data):
    figure, axes = pyplot.subplots(figsize=(8, 4))
    colors = ("#4477aa", "#228833", "#ddaa33")
    for index, (label, points) in enumerate(data["lines"].items()):
        columns, shares = zip(*points)
        axes.plot(columns, shares, marker="o", markersize=4, color=colors[index % 3], label=label,
                  linestyle="--" if label.endswith("bf16") else "-")
    axes.axhline(100, color="#222222", linestyle=":", linewidth=1,
                 label=f"measured copy ceiling, {data['ceiling']:.0f} GB/s")
    axes.set_xscale("log", base=2)
    axes.set_ylim(0, 125)
    axes.set_xlabel("columns")
    axes.set_ylabel("% of the copy ceiling")
    axes.set_title(f"softmax and norms, 2^28 elements, {data['gpu']}", fontsize=10)
    axes.legend(loc="lower right", fontsize=8, frameon=False)
    return figure


def concurrency_data(gpu, rungs):
    """How many small kernels run at once over the number of streams."""
    del rungs
    if not gpu.launch_overheads or "concurrency" not in gpu.launch_overheads:
        return None
    study = gpu.launch_overheads["concurrency"]
    return {"gpu": gpu.launch_overheads["context"]["gpu"], "kernel_us": study["kernel_us"],
            "rows": [(row["streams"], row["enqueued"], row["released"])
                     for row in study["streams"]]}


def draw_concurrency(pyplot, data):
    figure, axes = pyplot.subplots(figsize=(8, 4))
    streams, enqueued, released = zip(*data["rows"])
    axes.plot(streams, streams, color="#222222", linestyle="--", linewidth=1, label="all at once")
    axes.plot(streams, released, marker="o", markersize=4, color="#4477aa",
              label="released together by an event")
    axes.plot(streams, enqueued, marker="o", markersize=4, color="#ee8866",
              label="enqueued one after the other")
    for scale in (axes.set_xscale, axes.set_yscale):
        scale("log", base=2)
    axes.set_xticks(streams, [str(count) for count in streams])
    axes.set_yticks(streams, [str(count) for count in streams])
    axes.minorticks_off()
    axes.set_xlabel("streams, a kernel of one block on each")
    axes.set_ylabel("time of all kernels / time from first to last")
    axes.set_title(f"kernels of {data['kernel_us']:.0f} µs, {data['gpu']}", fontsize=10)
    axes.legend(fontsize=8, frameon=False)
    return figure


def graph_chains_data(gpu, rungs):
    del rungs
    if not gpu.launch_overheads or "graphs" not in gpu.launch_overheads:
        return None
    keys = ("stream_wall", "graph_wall", "stream_host", "graph_host")
    return {"gpu": gpu.launch_overheads["context"]["gpu"],
            "rows": [[row["kernels"]] + [row[key]["us"] for key in keys]
                     for row in gpu.launch_overheads["graphs"]["chains"]]}


def draw_graph_chains(pyplot, data):
    figure, axes = pyplot.subplots(figsize=(8, 4))
    kernels, *lines = zip(*data["rows"])
    looks = (("stream, call and wait", "#ee8866", "-"), ("graph, call and wait", "#4477aa", "-"),
             ("stream, host alone", "#ee8866", ":"), ("graph, host alone", "#4477aa", ":"))
    for points, (label, color, style) in zip(lines, looks):
        axes.plot(kernels, points, marker="o", markersize=4, color=color, linestyle=style,
                  label=label)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(kernels, [str(count) for count in kernels])
    axes.minorticks_off()
    axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    axes.set_xlabel("tiny kernels, each after the one before")
    axes.set_ylabel("µs")
    axes.set_title(f"a chain of kernels in a stream and as a graph, {data['gpu']}", fontsize=10)
    axes.legend(fontsize=8, frameon=False)
    return figure


def barrier_cost_data(gpu, rungs):
    """Lines of (blocks, microseconds) per rung and mode, of blocks of 256 threads."""
    lines = {}
    for rung in rungs["grid_sync"]:
        for mode in ("stream", "graph"):
            cases = [case for case in gpu.cases_of(rung.full_name, "grid_sync")
                     if case.shape.endswith("x256") and case.mode == mode]
            if cases:
                name = rung.full_name + (", as a graph" if mode == "graph" else "")
                lines[name] = sorted((case.size, case["median_us"]) for case in cases)
                context = cases[0].context
    return {"gpu": context["gpu"], "lines": lines} if lines else None


def draw_barrier_cost(pyplot, data):
    figure, axes = pyplot.subplots(figsize=(8, 4.6))
    colors = pyplot.get_cmap("tab10")
    looks = {"00": ("#cc6677", "-"), "08": ("#4477aa", "-")}
    for index, (name, points) in enumerate(data["lines"].items()):
        color, style = looks.get(name[:2], (colors(index % 10), "--"))
        axes.plot(*zip(*points), marker="o", markersize=3, color=color, linestyle=style,
                  linewidth=2 if name[:2] in looks else 1.1, label=name)
    blocks = sorted({count for points in data["lines"].values() for count, _ in points})
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(blocks, [str(count) for count in blocks], fontsize=8)
    ticks = [0.5, 0.7, 1, 1.5, 2, 3, 5]
    axes.set_yticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    axes.set_xlabel("blocks of 256 threads")
    axes.set_ylabel("µs per barrier")
    axes.set_title(f"Barriers across a grid, {data['gpu']}", fontsize=10)
    axes.legend(fontsize=7, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def barrier_waits_data(gpu, rungs):
    del rungs
    study = gpu.grid_sync_study
    if not study:
        return None
    lines = {}
    for row in study["waits"]:
        line = lines.setdefault(pretty_shape(row["grid"]), {"points": [], "chosen": None})
        if row.get("chosen"):
            line["chosen"] = (row["wait_clocks"], row["us"])
        else:
            line["points"].append((row["wait_clocks"], row["us"]))
    return {"gpu": study["context"]["gpu"], "lines": lines}


def draw_barrier_waits(pyplot, data):
    figure, axes = pyplot.subplots(figsize=(8, 4))
    for index, (grid, line) in enumerate(data["lines"].items()):
        axes.plot(*zip(*line["points"]), marker="o", markersize=2.5, color=f"C{index}",
                  linewidth=1.1, label=grid)
        if line["chosen"]:
            axes.plot(*line["chosen"], marker="D", markersize=7, color=f"C{index}",
                      markeredgecolor="#222222", linestyle="none")
    axes.plot([], [], marker="D", markersize=7, color="white", markeredgecolor="#222222",
              linestyle="none", label="what grid_barrier waits")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("clocks between the arrival and the first poll")
    axes.set_ylabel("µs per barrier")
    axes.set_title(f"release, wait, relaxed polls, one fence, {data['gpu']}", fontsize=10)
    axes.legend(fontsize=8, frameon=False)
    return figure


def launch_blocks_data(gpu, rungs):
    """Per kernel and n: block, time with a tile per block relative to the best of the sweep, and
    what the occupancy API says."""
    del rungs
    if not gpu.launch_shapes:
        return None
    panels = {}
    for kernel in ("triad", "iterate", "chase", "small_products", "records", "histogram"):
        rows = [row for row in gpu.launch_shapes["sweep"] if row["kernel"] == kernel]
        best = {n: min(row["us"] for row in rows if row["n"] == n) for n in {row["n"] for row in rows}}
        panels[kernel] = {
            "occupancy": sorted({(row["block"], 100 * row["occupancy"]) for row in rows}),
            "lines": {power_of_two(n): [(row["block"], row["us"] / best[n]) for row in rows
                                        if row["n"] == n and row["grid_kind"] == "one tile"]
                      for n in sorted(best)}}
    return {"gpu": gpu.launch_shapes["context"]["gpu"], "panels": panels}


def draw_launch_blocks(pyplot, data):
    figure, grid = pyplot.subplots(2, 3, figsize=(11, 6), layout="constrained")
    for axes, (kernel, panel) in zip(grid.flat, data["panels"].items()):
        blocks, occupancy = zip(*panel["occupancy"])
        places = range(len(blocks))
        behind = axes.twinx()
        behind.bar(places, occupancy, color="#dddddd", width=0.8)
        behind.set_ylim(0, 100)
        behind.set_ylabel("occupancy by the API, %", fontsize=7, color="#888888")
        behind.tick_params(labelsize=7, colors="#888888")
        behind.spines["right"].set_visible(True)
        axes.set_zorder(behind.get_zorder() + 1)
        axes.patch.set_visible(False)
        for color, (n, points) in zip(("#66ccee", "#ee8866", "#4477aa"), panel["lines"].items()):
            axes.plot([blocks.index(block) for block, _ in points],
                      [time for _, time in points], marker="o", markersize=4, color=color,
                      label=f"n = {n.replace('2^', '$2^{') + '}$' if n.startswith('2^') else n}")
        axes.set_yscale("log", base=2)
        axes.set_yticks([1, 2, 4, 8, 16], ["1", "2", "4", "8", "16"])
        axes.minorticks_off()
        axes.set_ylim(0.9, max(2.2, 1.1 * max(time for points in panel["lines"].values()
                                             for _, time in points)))
        axes.set_xticks(places, [str(block) for block in blocks], rotation=60, fontsize=7)
        axes.set_title(kernel, fontsize=9)
        axes.legend(fontsize=7, loc="upper right")
    for axes in grid[:, 0]:
        axes.set_ylabel("time, a tile per block / best of all", fontsize=8)
    for axes in grid[1]:
        axes.set_xlabel("threads per block", fontsize=8)
    figure.suptitle(data["gpu"], fontsize=10)
    return figure


def launch_work_data(gpu, rungs):
    del rungs
    if not gpu.launch_shapes:
        return None
    panels = {}
    for row in gpu.launch_shapes["work"]:
        panel = panels.setdefault(row["kernel"], {})
        for kind, us in (("n / items threads", "us"), ("256 per multiprocessor", "fixed_us")):
            panel.setdefault(f"{power_of_two(row['n'])}, {kind}", []).append((row["items"], row[us]))
    return {"gpu": gpu.launch_shapes["context"]["gpu"], "panels": panels}


def draw_launch_work(pyplot, data):
    figure, each = pyplot.subplots(1, len(data["panels"]), figsize=(11, 4), layout="constrained")
    for axes, (kernel, lines) in zip(each, data["panels"].items()):
        for index, (label, points) in enumerate(lines.items()):
            items, times = zip(*points)
            axes.plot(items, [time / min(times) for time in times], marker="o", markersize=4,
                      color=("#ee8866", "#4477aa")[index // 2], linestyle=("-", "--")[index % 2],
                      label=label)
        axes.set_xscale("log", base=2)
        axes.set_yscale("log", base=2)
        axes.set_xticks(items, [str(one) for one in items])
        axes.set_yticks([1, 2, 4, 8, 16], ["1", "2", "4", "8", "16"])
        axes.minorticks_off()
        axes.set_xlabel("elements per thread")
        axes.set_title(kernel, fontsize=9)
        axes.legend(fontsize=7)
    each[0].set_ylabel("time / best of its line")
    figure.suptitle(data["gpu"], fontsize=10)
    return figure


def solver_data(ladder, steps, context_key):
    """Microseconds per step over the cells, a line per rung; the lowest rung as a graph too."""
    def data(gpu, rungs):
        lines, context = {}, None
        for index, rung in enumerate(one for one in rungs["solver"]
                                     if one.step[0] == steps):
            for mode in ("stream", "graph") if index == 0 else ("stream",):
                cases = [case for case in gpu.cases_of(rung.full_name, "solver")
                         if case.mode == mode]
                if not cases:
                    continue
                context = cases[0].context
                count = float(context[context_key])
                points = sorted((math.prod(map(int, case.shape.split("x"))) ** 0.5,
                                 case["median_us"] / count) for case in cases)
                lines[rung.full_name + (", graph" if mode == "graph" else "")] = points
        if not lines:
            return None
        return {"gpu": context["gpu"], "ladder": ladder, "lines": lines}
    return data


def draw_solver(pyplot, data):
    figure, axes = pyplot.subplots(figsize=(8, 4))
    sides = sorted({side for points in data["lines"].values() for side, _ in points})
    for index, (name, points) in enumerate(data["lines"].items()):
        axes.plot(*zip(*points), marker="o", markersize=3, linewidth=1.2, color=f"C{index}",
                  linestyle="--" if name.endswith("graph") else "-", label=name)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(sides, [f"{side:.0f}" for side in sides], fontsize=7, rotation=40)
    axes.minorticks_off()
    axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    axes.set_xlabel("rows = columns")
    axes.set_ylabel("µs")
    axes.set_title(f"{data['ladder']}, {data['gpu']}", fontsize=10)
    axes.legend(fontsize=7, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


TRANSFER_KINDS = {
    "pageable, cudaMemcpy": ("#cc6677", "-"), "pageable, staged copier": ("#4477aa", "-"),
    "pinned, cudaMemcpyAsync": ("#222222", "-"), "write-combined, cudaMemcpyAsync": ("#999933", "--"),
    "pinned, copied by a kernel": ("#228833", "-"), "managed, cudaMemPrefetchAsync": ("#ee8866", "-"),
    "managed, touched by a kernel": ("#ee8866", "--"), "managed, touched by the CPU": ("#ee8866", ":"),
}  # fmt: skip


def transfer_kinds_data(gpu, rungs):
    """GB/s over bytes, a line per kind of memory and way to copy."""
    del rungs
    if not gpu.transfer_study or "kinds" not in gpu.transfer_study:
        return None
    rows = gpu.transfer_study["kinds"]["rows"]
    lines = {way: {what: sorted((row["bytes"], row["gbps"]) for row in rows
                                if (row["direction"], row["what"]) == (way, what))
                   for what in TRANSFER_KINDS} for way in ("H2D", "D2H")}
    return {"gpu": gpu.transfer_study["context"]["gpu"],
            "lines": {way: {what: points for what, points in of_way.items() if points}
                      for way, of_way in lines.items()}}


def bytes_axis(axes, sizes):
    names = {12: "4 KiB", 16: "64 KiB", 20: "1 MiB", 24: "16 MiB", 28: "256 MiB", 32: "4 GiB"}
    axes.set_xscale("log", base=2)
    ticks = [power for power in names if min(sizes) <= 2**power <= max(sizes)]
    axes.set_xticks([2**power for power in ticks], [names[power] for power in ticks], fontsize=7)
    axes.minorticks_off()


def draw_transfer_kinds(pyplot, data):
    figure, both = pyplot.subplots(1, 2, figsize=(9, 4.4), sharey=True)
    for axes, (way, lines) in zip(both, data["lines"].items()):
        for what, points in lines.items():
            color, style = TRANSFER_KINDS[what]
            axes.plot(*zip(*points), marker="o", markersize=3, color=color, linestyle=style,
                      label=what)
        bytes_axis(axes, [size for points in lines.values() for size, _ in points])
        axes.set_ylim(bottom=0)
        axes.grid(axis="y", color="#dddddd", linewidth=0.6)
        axes.set_title(way, fontsize=9)
    both[0].set_ylabel("GB/s")
    labels = {}
    for axes in both:
        labels.update({text: handle for handle, text in zip(*axes.get_legend_handles_labels())})
    figure.legend(labels.values(), labels.keys(), loc="lower center", ncol=3, fontsize=7,
                  frameon=False)
    figure.subplots_adjust(bottom=0.24)
    figure.suptitle(f"from the call until everything has arrived, {data['gpu']}", fontsize=10)
    return figure


def transfer_copier_data(gpu, rungs):
    """The copier and what it is compared with over bytes, paired in one process."""
    del rungs
    lines, context = {}, None
    for way, suffix in (("H2D", ""), ("D2H", ":out")):
        cases = [case for case in gpu.cases_of("05_standing_threads", "transfer")
                 if case.shape.endswith(":out") == bool(suffix) and "@" not in case.shape]
        if not cases:
            return None
        context = cases[0].context
        units = {"": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
        rows = []
        for case in cases:
            count, unit = re.match(r"(\d+)([KMG]iB)?", case.shape).groups()
            size = int(count) * units[unit or ""]
            rows.append((size, size / case["median_us"] * 1e-3, size / case["vendor_us"] * 1e-3,
                         size / case["bound_us"] * 1e-3))
        lines[way] = sorted(rows)
    return {"gpu": context["gpu"], "lines": lines}


def draw_transfer_copier(pyplot, data):
    figure, both = pyplot.subplots(1, 2, figsize=(9, 4), sharey=True)
    looks = (("pageable, copier", "#4477aa"), ("pageable, cudaMemcpy", "#cc6677"),
             ("pinned, back to back", "#222222"))
    for axes, (way, rows) in zip(both, data["lines"].items()):
        sizes, *rates = zip(*rows)
        for (label, color), values in zip(looks, rates):
            axes.plot(sizes, values, marker="o", markersize=3.5, color=color, label=label)
        bytes_axis(axes, sizes)
        axes.set_ylim(bottom=0)
        axes.grid(axis="y", color="#dddddd", linewidth=0.6)
        axes.set_title(way, fontsize=9)
    both[0].set_ylabel("GB/s")
    both[1].legend(loc="upper left", bbox_to_anchor=(0, 0.72), fontsize=8, frameon=False)
    figure.suptitle(f"warpladder::transfer::copier, {data['gpu']}", fontsize=10)
    return figure


def break_even_data(gpu, rungs):
    """What page-locking costs over bytes, and after how many copies it has paid."""
    del rungs
    if not gpu.transfer_study or "costs" not in gpu.transfer_study:
        return None
    costs = gpu.transfer_study["costs"]
    prices = {}
    for row in costs["prices"]:
        prices.setdefault(row["what"].split(";")[0], []).append(
            (row["bytes"], row["get"]["us"] + row["give_back"]["us"]))
    keys = {"allocate_for_pageable": "cudaMallocHost, against cudaMemcpy",
            "register_for_pageable": "cudaHostRegister, against cudaMemcpy",
            "allocate_for_staged": "cudaMallocHost, against the copier",
            "register_for_staged": "cudaHostRegister, against the copier"}
    paid = {label: sorted((row["bytes"], row[key]) for row in costs["break_even"]
                          if row["direction"] == "H2D" and row[key] is not None)
            for key, label in keys.items()}
    return {"gpu": gpu.transfer_study["context"]["gpu"], "prices": prices,
            "paid": {label: points for label, points in paid.items() if points}}


def draw_break_even(pyplot, data):
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 4))
    for what, points in data["prices"].items():
        left.plot(*zip(*sorted(points)), marker="o", markersize=3, label=what)
    left.set_ylabel("µs, to get it and to give it back")
    for index, (label, points) in enumerate(data["paid"].items()):
        right.plot(*zip(*points), marker="o", markersize=3, label=label,
                   color=("#cc6677", "#4477aa")[index % 2], linestyle=("-", "--")[index // 2])
    right.set_ylabel("copies to the device until it has paid")
    for axes, of in ((left, data["prices"]), (right, data["paid"])):
        bytes_axis(axes, [size for points in of.values() for size, _ in points])
        axes.set_yscale("log")
        axes.grid(axis="y", color="#dddddd", linewidth=0.6)
        axes.legend(fontsize=7, frameon=False)
    figure.suptitle(data["gpu"], fontsize=10)
    figure.subplots_adjust(wspace=0.3)
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
    "memory_transposes": Plot("Transposes in % of the copy ceiling, rung by rung", transposes_data,
                              draw_transposes),
    "memory_strided": Plot("Bandwidth of strided reads", strided_data, draw_strided),
    "reduce_ladder": Plot("Rates of the rungs that reduce 2^28 floats",
                          array_ladder_data("reduce", "14", "ceiling_read_gbps"),
                          draw_array_ladder),
    "reduce_front_door": Plot("The front door of reductions against CUB over n",
                              array_front_door_data("reduce", [1, 1.3]), draw_array_front_door),
    "scan_ladder": Plot("Rates of the rungs that scan 2^28 floats",
                        array_ladder_data("scan", "08", "ceiling_copy_gbps"), draw_array_ladder),
    "scan_front_door": Plot("The front door of scans against CUB over n",
                            array_front_door_data("scan", [1, 1.1]), draw_array_front_door),
    "rowwise_columns": Plot("Softmax and norms in % of the copy ceiling over the columns",
                            rowwise_data, draw_rowwise),
    "grid_sync_cost": Plot("Microseconds per barrier over the blocks of the grid",
                           barrier_cost_data, draw_barrier_cost),
    "grid_sync_waits": Plot("Microseconds per barrier over the clocks before the first poll",
                            barrier_waits_data, draw_barrier_waits),
    "solver_jacobi": Plot("Microseconds per step of the heat equation over the size",
                          solver_data("a step of the heat equation", "0", "jacobi_steps"),
                          draw_solver),
    "solver_cg": Plot("Microseconds per iteration of conjugate gradients over the size",
                      solver_data("an iteration of conjugate gradients", "1", "cg_iterations"),
                      draw_solver),
    "transfer_kinds": Plot("GB/s over bytes, for every kind of memory", transfer_kinds_data,
                           draw_transfer_kinds),
    "transfer_copier": Plot("The copier against cudaMemcpy and page-locked memory over bytes",
                            transfer_copier_data, draw_transfer_copier),
    "transfer_break_even": Plot("What page-locking costs, and after how many copies it has paid",
                                break_even_data, draw_break_even),
    "launch_blocks": Plot("Time over threads per block, with the occupancy that the API reports",
                          launch_blocks_data, draw_launch_blocks),
    "launch_work": Plot("Time over elements per thread", launch_work_data, draw_launch_work),
    "launch_concurrency": Plot("How many small kernels run at once, over the number of streams",
                               concurrency_data, draw_concurrency),
    "launch_graphs": Plot("A chain of kernels in a stream and as a graph", graph_chains_data,
                          draw_graph_chains),
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
