# SPDX-License-Identifier: Apache-2.0
"""Tables and plots of gemm_tc_shapes: what shape, alignment and type do to tensor cores."""

import re
import statistics

from render.page import generator
from render.plots import PLOTS, Plot
from render.results import Problem
from render.words import duration, number, provenance, ratio, table

SIDE = 4096
TILE_M, TILE_N = 128, 256  # what the arithmetic of waves assumes


def study_block(page, render):
    def of_gpu(gpu):
        study = gpu.gemm_tc_shapes
        if not study:
            return None
        text = render(study)
        return f"{text}\n\n{provenance([study['context']])}" if text else None
    return page.per_gpu(of_gpu)


def tflops(row, key):
    return f"{row[key]:.0f}" if row and key in row else "–"


def has_ours(rows):
    return any("tflops" in row for row in rows)


def sides(page, rows):
    """The columns: the vendor, and us where we took part."""
    names = {"vendor_tflops": "cublasLt"}
    if has_ours(rows):
        names["tflops"] = "`gemm_tc::run`"
    return {key: page.say(name) for key, name in names.items()}


@generator("gemm_tc_shapes/alignment")
def alignment_table(page, which):
    """A row per length near 4096: rows as long as that, and padded to 16 bytes."""
    keys = {"widths": "n", "depths": "k"}
    if which not in keys:
        raise Problem(f"gemm_tc_shapes/alignment: '{which}' is neither widths nor depths")
    key = keys[which]

    def render(study):
        near = [row for row in study[which] if abs(row[key] - SIDE) <= 64]
        found = {(row[key], row["padded_to"] > 1): row for row in near}
        columns = sides(page, near)
        rows = []
        for length in sorted({length for length, _ in found}):
            whole = min(length & -length, 64) * 2
            cells = [str(length), f"{whole} B" if whole < 128 else "≥ 128 B"]
            for column in columns:
                cells += [tflops(found.get((length, padded)), column) for padded in (False, True)]
            rows.append(cells)
        header = [key, page.say("rows begin on multiples of")]
        for name in columns.values():
            header += [name, f"{name}, {page.say('rows padded to 16 bytes')}"]
        return f"TFLOP/s, bf16:\n\n{table(header, rows, 'r' * len(header))}"
    return study_block(page, render)


@generator("gemm_tc_shapes/depths")
def depths_table(page):
    """4096 x 4096 x k from 64 on: what a tile costs besides its sum."""
    def render(study):
        far = sorted((row for row in study["depths"]
                      if row["padded_to"] == 1 and row["k"] & (row["k"] - 1) == 0),
                     key=lambda row: row["k"])
        columns = sides(page, far)
        rows = [[str(row["k"]), duration(row["vendor_us"])]
                + [tflops(row, column) for column in columns] for row in far]
        header = ["k", f"cublasLt, {page.say('time')}"] + [f"{name}, TFLOP/s"
                                                         for name in columns.values()]
        return f"4096 × 4096 × k, bf16:\n\n{table(header, rows, 'r' * len(header))}"
    return study_block(page, render)


def waves_of(row, multiprocessors):
    """How many waves of tiles, and how full they are on average."""
    tiles = -(-row["m"] // TILE_M) * -(-row["n"] // TILE_N)
    waves = -(-tiles // multiprocessors)
    return tiles, waves, row["m"] * row["n"] / (waves * multiprocessors * TILE_M * TILE_N)


@generator("gemm_tc_shapes/waves")
def waves_table(page):
    """The rows before and after each new wave of tiles."""
    def render(study):
        multiprocessors = study["context"]["multiprocessors"]
        swept = sorted(study["waves"], key=lambda row: row["m"])
        columns = sides(page, swept)
        rows = []
        for before, after in zip(swept, swept[1:]):
            if waves_of(before, multiprocessors)[1] == waves_of(after, multiprocessors)[1]:
                continue
            for row in (before, after):
                tiles, waves, full = waves_of(row, multiprocessors)
                rows.append([str(row["m"]), str(tiles), str(waves), f"{100 * full:.0f}%",
                             duration(row["vendor_us"])]
                            + [tflops(row, column) for column in columns])
        header = (["m"] + page.header("tiles of 128 × 256", "waves", "full")
                  + [f"cublasLt, {page.say('time')}"]
                  + [f"{name}, TFLOP/s" for name in columns.values()])
        return f"m × 4096 × 4096, bf16:\n\n{table(header, rows, 'r' * len(header))}"
    return study_block(page, render)


@generator("gemm_tc_shapes/tokens")
def tokens_table(page):
    def render(study):
        swept = sorted(study["tokens"], key=lambda row: row["m"])
        columns = sides(page, swept)
        rows = []
        for row in swept:
            weights = 2 * row["n"] * row["k"]  # bytes, bf16
            cells = [str(row["m"]), duration(row["vendor_us"]), tflops(row, "vendor_tflops"),
                     f"{weights / row['vendor_us'] * 1e-3:.0f}",
                     number(row["vendor_us"] / row["m"])]
            if "tflops" in columns:
                cells += [duration(row["us"]) if "us" in row else "–", tflops(row, "tflops"),
                          ratio(row["vendor_us"] / row["us"]) if "us" in row else "–"]
            rows.append(cells)
        header = ["m"] + page.header("time", "TFLOP/s", "weights, GB/s", "µs per token")
        header[1:] = [f"cublasLt, {text}" for text in header[1:]]
        if "tflops" in columns:
            header += [f"`gemm_tc::run`, {page.say('time')}", "TFLOP/s", page.say("x cublasLt")]
        return f"m × 4096 × 4096, bf16:\n\n{table(header, rows, 'r' * len(header))}"
    return study_block(page, render)


@generator("gemm_tc_shapes/types")
def types_table(page):
    def render(study):
        rows = []
        columns = sides(page, study["types"])
        for row in study["types"]:
            clock, power = row.get("sm_clock_mhz"), row.get("power_w")
            rows.append([f"`{row['type']}`", str(row["n"])]
                        + [tflops(row, column) for column in columns]
                        + [tflops(row, "sustained_tflops"),
                           f"{clock} MHz" if clock else "–", f"{power:.0f} W" if power else "–"])
        header = (page.header("type") + ["N"] + [f"{name}, TFLOP/s" for name in columns.values()]
                  + page.header("under load, TFLOP/s", "SM clock", "power"))
        return f"N × N × N, A Bᵀ:\n\n{table(header, rows, 'l' + 'r' * (len(header) - 1))}"
    return study_block(page, render)


@generator("gemm_tc_shapes/sm_80")
def sm_80_table(page):
    """Rung 04 and the vendor's kernels for compute capability 8.0."""
    def render(study):
        races = study.get("sm_80")
        if not races:
            return None
        rows = []
        for row in races:
            name = re.search(r"cutlass_80_\w*?align\d+", row["vendor_kernel"])
            rows.append([f"{row['n']}³, {row['layout']}",
                         f"`{name.group() if name else row['vendor_kernel']}`",
                         duration(row["vendor_us"]), duration(row["us"]),
                         ratio(row["vendor_us"] / row["us"])])
        header = page.header("shape") + [page.say("fastest of {} kernels").format(
            races[0]["vendor_kernels"])] + page.header("its time", "04 cp_async", "ratio")
        return table(header, rows, "llrrr")
    return study_block(page, render)


@generator("gemm_tc_shapes/answer")
def answer(page):
    """Four figures: one length off, the worst new wave, one token, and the types."""
    def render(study):
        at = {(row["n"], row["padded_to"]): row["vendor_tflops"] for row in study["widths"]}
        good, odd, padded = at[(SIDE, 1)], at[(SIDE + 1, 1)], at[(SIDE + 1, 8)]
        swept = sorted(study["waves"], key=lambda row: row["m"])
        before, after = max(zip(swept, swept[1:]),
                            key=lambda pair: pair[0]["vendor_tflops"] / pair[1]["vendor_tflops"]
                            if pair[0]["m"] >= 1024 else 0)
        tokens = {row["m"]: row["vendor_us"] for row in study["tokens"]}
        types = {row["type"]: row["vendor_tflops"] for row in study["types"] if row["n"] == SIDE}
        of_types = ", ".join(f"{name} {rate:.0f}" for name, rate in types.items())
        text = page.say(
            "{}, cublasLt's best: bf16 at 4096 × n × 4096 runs at {} TFLOP/s for n = 4096, {} for n "
            "= 4097, and {} for 4097 with rows padded to 16 bytes. The deepest step of a sweep over "
            "m is {} to {} TFLOP/s from m = {} to {}. One token takes {}, 64 tokens {}. By type at "
            "4096³, TFLOP/s: {}.")
        return text.format(
            study["context"]["gpu"], f"{good:.0f}", f"{odd:.0f}", f"{padded:.0f}",
            f"{before['vendor_tflops']:.0f}", f"{after['vendor_tflops']:.0f}", before["m"],
            after["m"], duration(tokens[1]), duration(tokens[64]), of_types)
    return study_block(page, render)


@generator("gemm_tc_shapes/heuristics")
def heuristics(page):
    """The first algorithm that cublasLt names against the best of all, over everything measured."""
    def render(study):
        found = [row for section in ("widths", "depths", "waves", "tokens", "types")
                 for row in study[section] if "search" in row]
        if not found:
            return None

        def loss(row):
            return row["search"]["first_us"] / row["search"]["best_us"]

        worst = max(found, key=loss)
        text = page.say(
            "Over {} products, the first algorithm that cublasLt names takes {} times as long as the "
            "best of all (geometric mean), at most {} times ({} × {} × {}: {} instead of {}); it is "
            "within 2% of the best for {} of them.")
        return text.format(
            len(found), ratio(statistics.geometric_mean(map(loss, found))), ratio(loss(worst)),
            worst["m"], worst["n"], worst["k"], duration(worst["search"]["first_us"]),
            duration(worst["search"]["best_us"]), sum(loss(row) <= 1.02 for row in found))
    return study_block(page, render)


def waves_data(gpu, rungs):
    del rungs
    study = gpu.gemm_tc_shapes
    if not study:
        return None
    multiprocessors = study["context"]["multiprocessors"]
    swept = sorted(study["waves"], key=lambda row: row["m"])
    return {"gpu": study["context"]["gpu"], "m": [row["m"] for row in swept],
            "full": [waves_of(row, multiprocessors)[2] for row in swept],
            "lines": {name: [row[key] for row in swept]
                      for key, name in (("vendor_tflops", "cublasLt, best algorithm"),
                                        ("tflops", "warpladder::gemm_tc::run"))
                      if all(key in row for row in swept)}}


def draw_waves(pyplot, data):
    figure, axes = pyplot.subplots(figsize=(8, 4))
    for (name, values), color in zip(data["lines"].items(), ("#cc6677", "#4477aa")):
        axes.plot(data["m"], values, marker="o", markersize=3, color=color, label=name)
    top = max(max(values) for values in data["lines"].values())
    axes.plot(data["m"], [top * full for full in data["full"]], color="#222222", linestyle="--",
              linewidth=1, label="how full waves of 128 × 256 tiles are")
    axes.set_xticks(range(0, max(data["m"]) + 1, 512))
    axes.set_ylim(bottom=0)
    axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    axes.set_xlabel("m")
    axes.set_ylabel("TFLOP/s")
    axes.set_title(f"bf16, m × 4096 × 4096, {data['gpu']}", fontsize=10)
    axes.legend(loc="lower right", fontsize=8, frameon=False)
    return figure


def alignment_data(gpu, rungs):
    del rungs
    study = gpu.gemm_tc_shapes
    if not study:
        return None
    panels = {}
    for which, key in (("widths", "n"), ("depths", "k")):
        near = [row for row in study[which] if abs(row[key] - SIDE) <= 64]
        lines = {}
        for side, name in (("vendor_tflops", "cublasLt"), ("tflops", "gemm_tc::run")):
            for padded in (False, True):
                points = sorted((row[key], row[side]) for row in near
                                if side in row and (row["padded_to"] > 1) == padded)
                if points:
                    lines[f"{name}{', rows padded to 16 bytes' if padded else ''}"] = points
        panels[key] = lines
    return {"gpu": study["context"]["gpu"], "panels": panels}


def draw_alignment(pyplot, data):
    figure, both = pyplot.subplots(1, 2, figsize=(9, 4), sharey=True)
    for axes, (key, lines) in zip(both, data["panels"].items()):
        lengths = sorted({length for points in lines.values() for length, _ in points})
        place = {length: i for i, length in enumerate(lengths)}
        for name, points in lines.items():
            is_padded = "padded" in name
            axes.plot([place[length] for length, _ in points], [rate for _, rate in points],
                      linestyle="none" if is_padded else "-", marker="x" if is_padded else "o",
                      markersize=5 if is_padded else 3.5,
                      color="#cc6677" if name.startswith("cublasLt") else "#4477aa", label=name)
        axes.set_xticks(range(len(lengths)), [str(length) for length in lengths], rotation=60,
                        fontsize=7)
        axes.set_ylim(bottom=0)
        axes.grid(axis="y", color="#dddddd", linewidth=0.6)
        axes.set_xlabel(key)
        axes.set_title(f"{key} around 4096, the others 4096", fontsize=9)
    both[0].set_ylabel("TFLOP/s")
    both[0].legend(loc="lower left", fontsize=7, frameon=False)
    figure.suptitle(f"bf16, {data['gpu']}", fontsize=10)
    return figure


PLOTS["gemm_tc_waves"] = Plot("TFLOP/s over m, with the fullness of waves", waves_data, draw_waves)
PLOTS["gemm_tc_alignment"] = Plot("TFLOP/s around 4096, over alignment", alignment_data,
                                  draw_alignment)
