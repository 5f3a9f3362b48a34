# SPDX-License-Identifier: Apache-2.0
"""Plots of gemm_tc_bench."""

from render.gemm_tc import TOPIC, TYPES, cases_of_kind, sizes
from render.plots import PLOTS, Plot

CUBE = "4096x4096x4096"
COLORS = ("#4477aa", "#ee8866", "#228833", "#ddaa33", "#aa3377", "#66ccee")


def ladder_data(gpu, rungs):
    """bf16 at 4096, rung by rung, against the best of cublasLt and against the probe."""
    cases = [(rung.full_name, gpu.case(rung.full_name, CUBE, topic=TOPIC))
             for rung in rungs[TOPIC] if rung.step != "00" and not "12" <= rung.step <= "14"]
    bars = [(name, case["flops_per_second"] * 1e-12) for name, case in cases if case]
    vendor = gpu.case("00_cublaslt", CUBE, topic=TOPIC)
    if not bars or not vendor:
        return None
    return {"gpu": vendor.context["gpu"], "bars": bars,
            "vendor": vendor["flops_per_second"] * 1e-12,
            "ceiling": float(vendor.context["ceiling_bf16_tflops"])}


def draw_ladder(pyplot, data):
    figure, axes = pyplot.subplots(figsize=(8, 4))
    names, values = zip(*data["bars"])
    bars = axes.bar(names, values, color="#4477aa")
    axes.bar_label(bars, fmt="%.0f", fontsize=8, padding=1,
                   bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6})
    axes.axhline(data["ceiling"], color="#222222", linestyle="--", linewidth=1,
                 label=f"what tensor cores reach on data in shared memory {data['ceiling']:.0f}")
    axes.axhline(data["vendor"], color="#cc6677", linewidth=1.2,
                 label=f"cublasLt, best of all algorithms {data['vendor']:.0f}")
    axes.set_ylabel("TFLOP/s")
    axes.set_ylim(0, 1.25 * max(data["ceiling"], max(values)))
    axes.set_title(f"bf16, 4096 × 4096 × 4096, {data['gpu']}", fontsize=10)
    pyplot.setp(axes.get_xticklabels(), rotation=40, horizontalalignment="right", fontsize=8)
    axes.legend(loc="upper left", fontsize=8, frameon=False)
    return figure


def ratios_data(gpu, rungs):
    """The front door against the best of cublasLt: cubes, decoding, transformers."""
    del rungs
    panels, context = {}, None
    for what in ("small", "decode", "transformers"):
        lines = {}
        for kind, cases in cases_of_kind(gpu, "run", what).items():
            context = next(iter(cases.values())).context
            points = {}
            for size, case in sorted(cases.items()):
                at = sizes(case.shape)[0]  # m: of equal ones the worst
                points[at] = min(points.get(at, case["vendor_ratio"]), case["vendor_ratio"])
            lines[TYPES[kind]] = sorted(points.items())
        if lines:
            panels[what] = lines
    return {"gpu": context["gpu"], "panels": panels} if panels else None


def draw_ratios(pyplot, data):
    titles = {"small": ("cubes, graph replay", "N"),
              "decode": ("decoding, graph replay, worst per m", "m"),
              "transformers": ("transformers, worst per m", "m")}
    figure, every = pyplot.subplots(1, len(data["panels"]), figsize=(9, 4), sharey=True,
                                    squeeze=False)
    colors = dict(zip(TYPES.values(), COLORS))
    for axes, (what, lines) in zip(every[0], data["panels"].items()):
        for name, points in lines.items():
            axes.plot(*zip(*points), marker="o", markersize=3.5, color=colors[name], label=name)
        axes.axhline(1, color="#cc6677", linewidth=1.2)
        ticks = sorted({at for points in lines.values() for at, _ in points if at & (at - 1) == 0})
        axes.set_xscale("log", base=2)
        axes.set_xticks(ticks, [str(tick) for tick in ticks], fontsize=7)
        axes.minorticks_off()
        axes.set_title(titles[what][0], fontsize=9)
        axes.set_xlabel(titles[what][1])
        axes.legend(fontsize=7, frameon=False, loc="lower right")
    every[0][0].set_ylim(bottom=0)
    every[0][0].set_ylabel("times as fast as the best of cublasLt")
    figure.suptitle(f"warpladder::gemm_tc::run, {data['gpu']}", fontsize=10)
    return figure


PLOTS["gemm_tc_ladder"] = Plot("TFLOP/s in bf16 of every rung at 4096", ladder_data, draw_ladder)
PLOTS["gemm_tc_front_door"] = Plot("The front door against the best of cublasLt", ratios_data,
                                   draw_ratios)
