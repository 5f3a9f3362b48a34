# SPDX-License-Identifier: Apache-2.0
"""Tables of pipeline::run, the front door of pipelines: docs/pipeline_run.md."""

from render.page import generator
from render.pipeline import INTENSITIES, milliseconds, pretty_bytes
from render.results import Problem
from render.words import provenance, table


def percent(value):
    return f"{100 * value:.1f}%"


def study_table(page, rows_of):
    """`rows_of(study)` returns header, rows and alignment."""
    def render(gpu):
        study = gpu.pipeline_run_study
        if not study:
            return None
        header, rows, align = rows_of(study)
        if not rows:
            return None
        return f"{table(page.header(*header), rows, align)}\n\n{provenance([study['context']])}"
    return page.per_gpu(render)


@generator("pipeline_run/advice")
def advice_table(page):
    """The advisor's choice, with measured rates and with the defaults, against bound and sweep."""
    def rows_of(study):
        return (["kernel", "bound", "advised: chunk × slots", "time", "% of bound", "least times",
                 "with default rates", "% of bound", "best of the sweep", "time", "best / advised"],
                [[page.say(row["intensity"]), milliseconds(row["bound_ms"]),
                  f"{pretty_bytes(row['chunk_bytes'])} × {row['slots']}", milliseconds(row["ms"]),
                  percent(row["of_bound"]), percent(row["least_of_bound"]),
                  f"{pretty_bytes(row['default_chunk_bytes'])} × {row['default_slots']}",
                  percent(row["default_of_bound"]),
                  f"{pretty_bytes(row['best_chunk_bytes'])} × {row['best_slots']}",
                  milliseconds(row["best_again_ms"]), percent(row["of_best"])]
                 for row in study["advice"]], "lrlrrrlrlrr")
    return study_table(page, rows_of)


@generator("pipeline_run/sweep")
def sweep_table(page, intensity):
    """A row per chunk, a column per number of slots, in % of the bound; the best in bold."""
    if intensity not in INTENSITIES:
        raise Problem(f"'{intensity}' is none of {', '.join(INTENSITIES)}")

    def rows_of(study):
        found = {(row["chunk_bytes"], row["slots"]): row["of_bound"] for row in study["sweep"]
                 if row["intensity"] == intensity}
        best = max(found.values())
        slots = sorted({width for _, width in found})
        rows = []
        for chunk in sorted({chunk for chunk, _ in found}):
            shares = [found[(chunk, width)] for width in slots]
            rows.append([pretty_bytes(chunk)] + [
                f"**{percent(one)}**" if one == best else percent(one) for one in shares])
        return ["chunk", *(f"{page.say('slots')}: {width}" for width in slots)], rows, \
            "r" * (len(slots) + 1)
    return study_table(page, rows_of)


@generator("pipeline_run/sources")
def sources_table(page):
    """What stands around the pipeline decides: pinned, filled, staged."""
    return study_table(page, lambda study: (
        ["1 GiB, and as much back", "time", "GB/s each way"],
        [[page.say(row["says"]), milliseconds(row["ms"]), f"{row['gbps_each_way']:.1f}"]
         for row in study["sources"]], "lrr"))


@generator("pipeline_run/examples")
def examples_table(page):
    """What the programs in examples/ print."""
    def rows_of(study):
        rows = []
        for row in study["examples"]:
            measured = {key: value for key, value in row.items()
                        if key not in ("program", "arguments")}
            rows.append([f"`{row['program']} {row['arguments']}`".replace(" `", "`"),
                         ", ".join(f"{key}: {value:g}" for key, value in measured.items())])
        return ["program", "it prints"], rows, "ll"
    return study_table(page, rows_of)
