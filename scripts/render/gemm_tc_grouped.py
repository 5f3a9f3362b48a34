# SPDX-License-Identifier: Apache-2.0
"""Tables of gemm_tc_grouped: the products of layers of experts, against cuBLAS."""

import statistics

from render.page import generator
from render.results import Problem
from render.words import duration, provenance, ratio, span, table


def study_block(page, render):
    def of_gpu(gpu):
        study = gpu.gemm_tc_grouped
        return study and f"{render(study['products'])}\n\n{provenance([study['context']])}"
    return page.per_gpu(of_gpu)


def against(row, key):
    """Our time, and how many times as fast that is."""
    return f"{duration(row[key])} ({ratio(row[key] / row['us'])})" if key in row else "–"


@generator("gemm_tc_grouped/layers")
def layers_table(page, kind):
    """A row per layer and routing, for one type of inputs."""
    if kind not in ("bf16", "e4m3"):
        raise Problem(f"gemm_tc_grouped/layers: '{kind}' is neither bf16 nor e4m3")

    def render(products):
        found = [row for row in products if row["type"] == kind]
        with_grouped = any("grouped_us" in row for row in found)
        rows = []
        for row in found:
            cells = [f"{row['layer']}, {row['experts']} × {row['n']} × {row['k']}", str(row["rows"]),
                     row["routing"], span([row["least_rows"], row["most_rows"]]),
                     duration(row["us"]), f"{row['tflops']:.0f}", f"{row['weights_gb_per_s']:.0f}"]
            if with_grouped:
                cells.append(against(row, "grouped_us"))
            cells.append(against(row, "loop_us") + ("" if row["loop_searched"] else " \\*"))
            rows.append(cells)
        header = page.header("layer, experts × n × k", "rows", "routing", "rows per expert",
                             "`run_grouped`", "TFLOP/s", "weights, GB/s")
        if with_grouped:
            header.append("cublasGemmGroupedBatchedEx")
        header.append(page.say("graph of cublasLt products"))
        return table(header, rows, "lrlr" + "r" * (len(header) - 4))
    return study_block(page, render)


@generator("gemm_tc_grouped/answer")
def answer(page):
    """How many times as fast as the vendor, over all products."""
    def render(products):
        texts = []
        for key, name in (("grouped_us", "`cublasGemmGroupedBatchedEx`"),
                          ("loop_us", page.say("a graph of cublasLt products"))):
            ratios = [row[key] / row["us"] for row in products if key in row]
            if ratios:
                texts.append(page.say("{} times as fast as {} (geometric mean of {}; {} to {})").format(
                    ratio(statistics.geometric_mean(ratios)), name, len(ratios), ratio(min(ratios)),
                    ratio(max(ratios))))
        return f"`run_grouped`: {', '.join(texts)}."
    return study_block(page, render)
