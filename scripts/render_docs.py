#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes every measured figure of the docs from the committed results.

Reads  benchmarks/results/<gpu>/<topic>.json, <topic>_*.json   cases, as <topic>_bench writes them
       benchmarks/results/<gpu>/gemm_accuracy.json, gemm_latency.json, memory_study.json,
                                    reduce_accuracy.json, launch_overheads.json,
                                    grid_sync_study.json, launch_shapes.json, pipeline_study.json,
                                    pipeline_run_study.json, transfer_study.json, schedule_study.json,
                                    gemm_tc_shapes.json, gemm_tc_grouped.json
       benchmarks/results/<gpu>/gemm_tc_limits.json                   of scripts/measure_limits
                                                         as the programs of these names write them
       benchmarks/results/<gpu>/counters.json, access_patterns.json   of scripts/measure_counters
       tests/counter_deviations.json, tests/mutants/score.json        (scripts/mutants --json)
Writes what stands between `<!-- generated: NAME ... -->` and `<!-- end -->` in README.md,
CONTRIBUTING.md, docs/*.md and docs/zh/*.md, and the plots docs/img/<gpu>/*.svg. Without a result
the text is "not measured yet".

The names, with their arguments; a TOPIC is gemm, gemm_tc, memory, reduce, scan or rowwise:
  TOPIC/ladder SHAPE[/MODE] STEPS   a row per rung; STEPS like 00-12,18,run
  TOPIC/rung RUNG [SHAPE[/MODE]...] a row per shape; without shapes the usual ones that were
                                    measured, such as 1024, 2048, 4096 and 8192
  gemm/front_door cubes|others      a row per shape: the choice, and the ratio in every mode
  memory/front_door transpose|copy_2d, reduce/front_door run, scan/front_door run,
  rowwise/front_door softmax|layernorm|rmsnorm [bf16]
  reduce/types, reduce/segments, reduce/accuracy, rowwise/columns
  gemm/first_calls, gemm/latency_answer                      small products
  gemm/latency QUANTITIES           a row per size; of round_trip,host,stream,graph
  gemm/accuracy uniform|scaled, gemm/reproducibility, gemm/accuracy_answer
  explain/agreement [brief]         the host's counters against the GPU's; brief: without reasons
  explain/requests TOPIC STEPS      a row per rung: sectors and wavefronts per request
  explain/patterns, explain/mutants
  memory/strided, memory/misaligned, memory/hot_table        what memory_study has measured
  launch/empty, launch/waits, launch/first, launch/arguments, launch/grid, launch/carve_outs,
  launch/cluster, launch/implicit_sync, launch/blocking_calls, launch/concurrency,
  launch/durations, launch/events, launch/events_between, launch/event_waits, launch/resolution,
  launch/graphs, launch/branches, launch/updates, launch/device_graphs, launch/conditional,
  launch/loops, launch/nested, launch/dependent              what launch_overheads has measured
  grid_sync/ladder SHAPE STEPS, grid_sync/rung RUNG [SHAPE...], grid_sync/cost THREADS STEPS,
  grid_sync/crossovers, grid_sync/answer                     microseconds per barrier
  solver/ladder SHAPE STEPS, solver/rung RUNG                microseconds per step or iteration
  solver/front_door jacobi|conjugate_gradient                a row per size, in a stream and a graph
  pipeline/ladder SIZE STEPS        a row per rung, in shares of the bound, for three kernels
  pipeline/rung RUNG, pipeline/answer SIZE, pipeline/graphs  SIZE like 1GiB
  pipeline/engines, pipeline/rates, pipeline/advice, pipeline/sweep low|medium|high ring|depth_first,
  pipeline/mistakes, pipeline/queues                         what pipeline_study has measured
  pipeline_run/advice, pipeline_run/sweep low|medium|high, pipeline_run/sources,
  pipeline_run/examples                                      what pipeline_run_study has measured
  transfer/ladder SIZE[/MODE] STEPS, transfer/rung RUNG [SIZE[/MODE]...]
                                    both ways beside each other; SIZE like 16MiB, 4096x1KiB+1024
                                    (rows) or 1024of4KiB (pieces)
  transfer/copier_answer            the copier against cudaMemcpy, in words
  transfer/kinds WAY, transfer/host_blocked SIZE, transfer/costs, transfer/break_even WAY,
  transfer/answer, transfer/cpu, transfer/overlap SIZE, transfer/rows WAY, transfer/pieces WAY COUNT,
  transfer/tuning WAY SIZE, transfer/ring WAY SIZE, transfer/small WAY, transfer/peers,
  transfer/host                     what transfer_study has measured; a WAY is H2D or D2H
  grid_sync/soak, grid_sync/parts, grid_sync/stragglers, grid_sync/oversubscription
                                                             what grid_sync_study has measured
  schedule/tasks, schedule/costs, schedule/jitter, schedule/policies TASK,
  schedule/run POLICY alone|noise, schedule/host, schedule/twice, schedule/replays,
  schedule/predictions, schedule/answer          what schedule_study has measured
  gemm_tc/limits RUNG, gemm_tc/limits_table                  what measure_limits found
  gemm_tc/types SHAPE[/MODE] STEPS, gemm_tc/rung_types RUNG, gemm_tc/search, gemm_tc/answer,
  gemm_tc/front_door large|transformers|small|decode         a column per type
  gemm_tc_grouped/layers bf16|e4m3, gemm_tc_grouped/answer   what gemm_tc_grouped has measured
  gemm_tc_shapes/alignment widths|depths, gemm_tc_shapes/depths, gemm_tc_shapes/waves,
  gemm_tc_shapes/tokens, gemm_tc_shapes/types, gemm_tc_shapes/answer, gemm_tc_shapes/heuristics
                                                             what gemm_tc_shapes has measured
  launch_shapes/blocks KERNEL, launch_shapes/work KERNEL, launch_shapes/advice,
  launch_shapes/answer, launch_shapes/registers, launch_shapes/shared
                                    what launch_shapes has measured; a KERNEL is one of
                                    kernels/warpladder/launch/
  plot NAME                         gemm_ladder, gemm_front_door, gemm_latency, gemm_accuracy,
                                    memory_transposes, memory_strided, reduce_ladder,
                                    reduce_front_door, scan_ladder, scan_front_door,
                                    rowwise_columns, launch_blocks, launch_work,
                                    launch_concurrency, launch_graphs,
                                    grid_sync_cost, grid_sync_waits,
                                    pipeline_timelines, pipeline_sweep,
                                    transfer_kinds, transfer_copier, transfer_break_even,
                                    schedule_response, schedule_timeline,
                                    gemm_tc_ladder, gemm_tc_front_door,
                                    gemm_tc_waves, gemm_tc_alignment,
                                    solver_jacobi or solver_cg
  quote FILE REGION [LANGUAGE]      the lines between `[REGION]` and `[/REGION]` comments of a file

A plot is drawn again only if its data or its drawing code have changed: it carries the hash of
both, and one of its own text. So --check needs no matplotlib, and another version of it, which
draws other bytes from the same data, changes nothing.
"""

import argparse
import difflib
import inspect
import pathlib
import re
import sys

from render import (arrays, counters, gemm_studies, gemm_tc, gemm_tc_grouped,  # noqa: F401
                    gemm_tc_limits, gemm_tc_plots, gemm_tc_shapes, grid_sync, ladders, launch_overheads,
                    launch_shapes, memory_study, pipeline, pipeline_run, schedule, solver, transfer)
from render.page import GENERATORS, Page
from render.plots import PLOTS, STAMP, is_current, picture_hash, render_svg
from render.results import Problem, TOPICS, read_results, read_rungs

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
    gpus = read_results(root / "benchmarks/results")
    rungs = {topic: read_rungs(root, topic) for topic in TOPICS}
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
