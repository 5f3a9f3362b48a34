# SPDX-License-Identifier: Apache-2.0
"""Tables and plots of the topic pipeline, in shares of the busiest engine."""

import re

from render.ladders import parse_steps, rung_title
from render.page import generator
from render.plots import PLOTS, Plot
from render.results import Problem
from render.words import duration, provenance, ratio, share, table

TOPIC = "pipeline"
INTENSITIES = ("low", "medium", "high")
MODES = ("stream", "graph")


def case_of(gpu, rung, size, intensity, mode="stream"):
    return gpu.case(rung, f"{size}:{intensity}", mode, TOPIC)


def pretty_bytes(count):
    unit = "KiB" if count < 2**20 else "MiB"
    return f"{count / (2**10 if unit == 'KiB' else 2**20):g} {unit}"


def each_way(page, size):
    if not re.fullmatch(r"\d+[KMG]iB", size):
        raise Problem(f"'{size}' is not a size like 1GiB")
    return page.say("{} each way").format(f"{size[:-3]} {size[-3:]}")


def job_name(page, shape):
    size, intensity = shape.split(":")
    return f"{each_way(page, size)}, {page.say(f'kernel: {intensity}')}"


@generator("pipeline/ladder")
def ladder_table(page, size, steps):
    """A row per rung; per intensity the time and its share of the bound."""
    chosen = parse_steps(steps, page, TOPIC)

    def render(gpu):
        rows, used = [], []
        for rung in chosen:
            cases = [case_of(gpu, rung.full_name, size, intensity) for intensity in INTENSITIES]
            rows.append([rung_title(page, TOPIC, rung), rung.idea]
                        + [text for case in cases for text in
                           ((duration(case["median_us"]), share(case)) if case else ("–", "–"))])
            used += [case for case in cases if case]
        if not used:
            return None
        header = page.header("rung", "idea")
        for intensity in INTENSITIES:
            header += page.header(f"kernel: {intensity}", "% of bound")
        return (f"{used[0].context['gpu']}, {each_way(page, size)}:\n\n"
                f"{table(header, rows, 'llrrrrrr')}\n\n{provenance(used)}")
    return page.per_gpu(render)


@generator("pipeline/rung")
def rung_table(page, name):
    """A row per job, in a stream and as a graph."""
    def render(gpu):
        used = gpu.cases_of(name, TOPIC)
        if not used:
            return None
        rows = [[job_name(page, case.shape) + ("" if case.mode == "stream"
                                               else f", {page.say(case.mode)}"),
                 duration(case["median_us"]),
                 duration(case["bound_us"]), share(case), ratio(case["vendor_ratio"])]
                for case in used]
        header = page.header("job", "time", "bound", "% of bound", "x rung 00")
        return f"{table(header, rows, 'lrrrr')}\n\n{provenance(used)}"
    return page.per_gpu(render)


@generator("pipeline/graphs")
def graphs_table(page):
    """A row per rung and job that ran both ways."""
    def render(gpu):
        graphs = [case for rung in page.rungs[TOPIC] for case in gpu.cases_of(rung.full_name, TOPIC)
                  if case.mode == "graph"]
        pairs = [(gpu.case(case.rung, case.shape, "stream", TOPIC), case) for case in graphs]
        pairs = [pair for pair in pairs if pair[0]]
        if not pairs:
            return None
        rows = [[f"`{graph.rung}`", job_name(page, graph.shape), duration(stream["median_us"]),
                 duration(graph["median_us"]), ratio(stream["median_us"] / graph["median_us"])]
                for stream, graph in pairs]
        header = page.header("rung", "job", "stream", "graph", "stream / graph")
        return (f"{table(header, rows, 'llrrr')}\n\n"
                f"{provenance([case for pair in pairs for case in pair])}")
    return page.per_gpu(render)


def study_table(page, rows_of):
    """`rows_of(study)` returns header, rows and alignment."""
    def render(gpu):
        study = gpu.pipeline_study
        if not study:
            return None
        header, rows, align = rows_of(study)
        return f"{table(page.header(*header), rows, align)}\n\n{provenance([study['context']])}"
    return page.per_gpu(render)


def milliseconds(value):
    return duration(value * 1e3)


@generator("pipeline/engines")
def engines_table(page):
    return study_table(page, lambda study: (
        ["kernel", "multiply-adds per element", "copy in", "copy out", "both copies at once",
         "kernel alone", "bound"],
        [[page.say(row["intensity"]), str(row["rounds"])]
         + [milliseconds(row[f"{key}_ms"]) for key in ("h2d", "d2h", "both", "kernel", "bound")]
         for row in study["engines"]], "lrrrrrr"))


@generator("pipeline/rates")
def rates_table(page):
    """What measure_rates() found: what the advisor calculates with."""
    return study_table(page, lambda study: (
        ["kernel", "copies in, GB/s", "copies out, GB/s", "both at once, GB/s",
         "each copy, µs", "each launch, µs", "each chunk for the host, µs"],
        [[page.say(row["intensity"])] + [f"{row[f'{key}_gbps']:.1f}" for key in ("h2d", "d2h", "both")]
         + [f"{row[f'{key}_us']:.1f}" for key in ("copy", "kernel", "host")]
         for row in study["engines"]], "lrrrrrr"))


@generator("pipeline/advice")
def advice_table(page):
    def rows_of(study):
        rows = []
        for row in study["advice"]:
            rows.append([page.say(row["intensity"]),
                         f"{pretty_bytes(row['chunk_bytes'])} × {row['slots']}",
                         milliseconds(row["predicted_ms"]), milliseconds(row["ms"]),
                         f"{100 * row['of_bound']:.1f}%", f"{100 * row['least_of_bound']:.1f}%",
                         f"{row['best_rung']}, {pretty_bytes(row['best_chunk_bytes'])} × "
                         f"{row['best_width']}",
                         milliseconds(row["best_again_ms"]),
                         f"{100 * row['of_best']:.1f}%"])
        return (["kernel", "advised: chunk × slots", "predicted", "measured", "% of bound", "least times",
                 "best of the sweep", "measured again", "best / advised"], rows, "llrrrrlrr")
    return study_table(page, rows_of)


def sweep_grid(study, intensity, rung):
    """Shares of the bound: {(chunk bytes, slots or streams): share}."""
    key = "streams" if rung == "depth_first" else "slots"
    return {(row["chunk_bytes"], row[key]): row["of_bound"] for row in study["sweep"]
            if (row["intensity"], row["rung"]) == (intensity, rung)}


@generator("pipeline/sweep")
def sweep_table(page, intensity, rung):
    """A row per chunk, a column per number of slots or streams, in % of the bound; best in bold."""
    if intensity not in INTENSITIES or rung not in ("ring", "overlapping", "depth_first"):
        raise Problem(f"pipeline/sweep: '{intensity} {rung}' is no sweep")

    def rows_of(study):
        found = sweep_grid(study, intensity, rung)
        best = max(found.values())
        widths = sorted({width for _, width in found})
        unit = page.say("streams" if rung == "depth_first" else "slots")
        rows = []
        for chunk in sorted({chunk for chunk, _ in found}):
            shares = [found[(chunk, width)] for width in widths]
            rows.append([pretty_bytes(chunk)] + [
                f"**{100 * one:.1f}%**" if one == best else f"{100 * one:.1f}%" for one in shares])
        return (["chunk", *(f"{unit}: {width}" for width in widths)], rows,
                "r" * (len(widths) + 1))
    return study_table(page, rows_of)


@generator("pipeline/mistakes")
def mistakes_table(page):
    def rows_of(study):
        right = study["mistakes"][0]["ms"]
        return (["program", "time", "x"],
                [[page.say(row["says"]), milliseconds(row["ms"]), ratio(row["ms"] / right)]
                 for row in study["mistakes"]], "lrr")
    return study_table(page, rows_of)


@generator("pipeline/queues")
def queues_table(page):
    def rows_of(study):
        found = {(row["queues"], row["intensity"], row["rung"]): row["ms"]
                 for row in study["queues"]}
        columns = list(dict.fromkeys(key[1:] for key in found))
        rows = [[str(queues)] + [milliseconds(found[(queues, *column)]) for column in columns]
                for queues in dict.fromkeys(key[0] for key in found)]
        return (["hardware queues", *(f"{rung}, {page.say(intensity)}"
                                      for intensity, rung in columns)],
                rows, "r" * (len(columns) + 1))
    return study_table(page, rows_of)


@generator("pipeline/answer")
def answer(page, size):
    """The ladder in one sentence: from 00 to the rung that chooses by itself."""
    def render(gpu):
        whole, tuned = ([case_of(gpu, rung, size, intensity) for intensity in INTENSITIES]
                        for rung in ("00_whole", "09_tuned"))
        if not all(whole) or not all(tuned):
            return None
        says = page.say("{0} instead of {1} with a {2} kernel ({3} of the bound)")
        parts = [says.format(duration(after["median_us"]), duration(before["median_us"]),
                             page.say(intensity), share(after))
                 for intensity, before, after in zip(INTENSITIES, whole, tuned)]
        text = "；".join(parts) + "。" if page.chinese else "; ".join(parts) + "."
        return (f"{tuned[0].context['gpu']}, {each_way(page, size)}: {text}\n\n"
                f"{provenance(tuned)}")
    return page.per_gpu(render)


COLORS = ("#4477aa", "#ee8866", "#228833")
STAGES = ("copy in", "kernel", "copy out")


def timelines_data(gpu, rungs):
    del rungs
    if not gpu.pipeline_study:
        return None
    return {"gpu": gpu.pipeline_study["context"]["gpu"],
            "rungs": [(row["rung"], row["chunks_ms"]) for row in gpu.pipeline_study["timelines"]]}


def draw_timelines(pyplot, data):
    """Three lanes per rung, one for each engine; chunks alternate between two shades."""
    count = len(data["rungs"])
    figure, all_axes = pyplot.subplots(count, 1, figsize=(9, 1.35 * count + 0.8), sharex=True)
    for axes, (name, chunks) in zip(all_axes, data["rungs"]):
        for index, times in enumerate(chunks):
            for stage, color in enumerate(COLORS):
                begin, end = times[2 * stage], times[2 * stage + 1]
                axes.barh(2 - stage, end - begin, left=begin, height=0.8, color=color,
                          alpha=0.95 if index % 2 == 0 else 0.6, edgecolor="white", linewidth=0.4)
        axes.set_yticks([2, 1, 0], STAGES, fontsize=8)
        axes.set_title(f"{name}: {max(times[-1] for times in chunks):.1f} ms", fontsize=9,
                       loc="left")
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    all_axes[-1].set_xlabel("ms; every bar is the stage of one chunk, from event to event")
    figure.suptitle(f"12 chunks, a kernel as long as the copies, {data['gpu']}", fontsize=10)
    figure.tight_layout()
    return figure


def sweep_data(gpu, rungs):
    del rungs
    study = gpu.pipeline_study
    if not study:
        return None
    grids = {intensity: [(chunk, width, one) for (chunk, width), one in
                         sorted(sweep_grid(study, intensity, "overlapping").items())]
             for intensity in INTENSITIES}
    chosen = {row["intensity"]: (row["chunk_bytes"], row["of_bound"]) for row in study["advice"]}
    return {"gpu": study["context"]["gpu"], "grids": grids, "advised": chosen}


def draw_sweep(pyplot, data):
    """% of the bound over the chunk, a line per number of slots, a star for the advisor."""
    figure, all_axes = pyplot.subplots(1, 3, figsize=(10.5, 3.6), sharey=True)
    looks = {2: "#ddaa33", 3: "#228833", 4: "#4477aa", 5: "#66ccee", 8: "#aa3377"}
    for axes, (intensity, points) in zip(all_axes, data["grids"].items()):
        for width, color in looks.items():
            line = [(chunk / 2**20, 100 * one) for chunk, slots, one in points if slots == width]
            if line:
                axes.plot(*zip(*line), marker="o", markersize=3, color=color,
                          label=f"{width} slots")
        chunk, one = data["advised"][intensity]
        axes.plot([chunk / 2**20], [100 * one], marker="*", markersize=13, color="#cc3311",
                  linestyle="none", label="09 tuned")
        axes.axhline(100, color="#222222", linestyle="--", linewidth=0.8)
        axes.set_xscale("log", base=2)
        axes.set_xticks([0.25, 1, 4, 16, 64], ["¼", "1", "4", "16", "64"])
        axes.minorticks_off()
        axes.set_xlabel("chunk, MiB")
        axes.set_title(f"kernel: {intensity}", fontsize=9)
    all_axes[0].set_ylabel("% of the busiest engine")
    all_axes[0].set_ylim(0, 108)
    all_axes[0].legend(loc="lower center", fontsize=7, frameon=False, ncol=2)
    figure.suptitle(f"Chunks through rung 07, 1 GiB each way, {data['gpu']}", fontsize=10)
    figure.tight_layout()
    return figure


PLOTS["pipeline_timelines"] = Plot("When each stage of each chunk ran", timelines_data,
                                   draw_timelines)
PLOTS["pipeline_sweep"] = Plot("Share of the bound over chunk and slots", sweep_data, draw_sweep)
