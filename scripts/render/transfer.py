# SPDX-License-Identifier: Apache-2.0
"""Tables of the topic transfer: both directions beside each other, and what transfer_study found."""

import re

from render.ladders import parse_steps, rung_title
from render.launch_overheads import timing
from render.page import generator
from render.results import Problem, TOPICS
from render.words import duration, number, provenance, ratio, table

COPIER = "05_standing_threads"
UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
FEW_SIZES = [2**12, 2**16, 2**20, 2**24, 2**28, 2**30]
SHAPE = re.compile(r"(?:(\d+)(x|of))?(\d+)([KMG]iB)?(\+\d+)?(@\d+)?(:out)?")


def size_of(text):
    """Bytes of a size like 16MiB; None for rows and pieces."""
    count, _, size, unit, *_ = SHAPE.fullmatch(text).groups()
    return None if count else int(size) * UNITS[unit or "B"]


def size_text(count):
    unit = next(unit for unit in reversed(UNITS) if count % UNITS[unit] == 0)
    return f"{count // UNITS[unit]} {unit}"


def pretty(page, shape, mode):
    """16 MiB; 4096 rows of 1 KiB; 1024 pieces of 4 KiB."""
    count, of, size, unit, _, offset, _ = SHAPE.fullmatch(shape).groups()
    text = f"{size} {unit or 'B'}"
    if of:
        text = page.say("{} rows of {}" if of == "x" else "{} pieces of {}").format(count, text)
    if offset:
        text += page.say(", {} B off").format(offset[1:])
    return text if mode == "stream" else f"{text}, {page.say(mode)}"


def parse(where):
    shape, _, mode = where.partition("/")
    if not SHAPE.fullmatch(shape) or shape.endswith(":out") or mode not in ("", "graph"):
        raise Problem(f"'{where}' is not a size like 16MiB, 4096x1KiB+1024 or 1024of4KiB/graph")
    return shape, mode or "stream"


def both_ways(gpu, rung, shape, mode):
    return [gpu.case(rung, shape + way, mode, "transfer") for way in ("", ":out")]


def gigabytes(value):
    return number(value) if value < 100 else f"{value:.0f}"


def figures(case):
    if not case:
        return ["–"] * 4
    return [duration(case["median_us"]), gigabytes(case["bytes_per_second"] * 1e-9),
            f"{100 * case['ceiling_ratio']:.0f}%", ratio(case["vendor_ratio"])]


def header(page, vendor, *first):
    each = ("time", "GB/s", "% of pinned", f"x {vendor}")
    return page.header(*first) + [f"{way}: {page.say(one)}" for way in ("H2D", "D2H")
                                  for one in each]


@generator("transfer/ladder")
def ladder(page, where, steps):
    shape, mode = parse(where)
    chosen = parse_steps(steps, page, "transfer")
    vendor = TOPICS["transfer"].vendor_of(chosen[0].step)

    def render(gpu):
        rows, used = [], []
        for rung in chosen:
            found = both_ways(gpu, rung.full_name, shape, mode)
            rows.append([rung_title(page, "transfer", rung), rung.idea]
                        + (figures(found[0]) + figures(found[1]) if any(found)
                           else [page.not_yet()]))
            used += [case for case in found if case]
        if not used:
            return None
        return (f"{used[0].context['gpu']}, {pretty(page, shape, mode)}:\n\n"
                f"{table(header(page, vendor, 'rung', 'idea'), rows, 'll' + 8 * 'r')}\n\n"
                f"{provenance(used)}")
    return page.per_gpu(render)


@generator("transfer/rung")
def rung_table(page, name, *shapes):
    """Without shapes: everything that was measured."""
    vendor = TOPICS["transfer"].vendor_of(name)

    def render(gpu):
        wanted = [parse(where) for where in shapes]
        if not wanted:
            wanted = list(dict.fromkeys((case.shape.removesuffix(":out"), case.mode)
                                        for case in gpu.cases_of(name, "transfer")))
        rows, used = [], []
        for shape, mode in wanted:
            found = both_ways(gpu, name, shape, mode)
            rows.append([pretty(page, shape, mode)] + figures(found[0]) + figures(found[1]))
            used += [case for case in found if case]
        if not used:
            return None
        return f"{table(header(page, vendor, 'bytes'), rows, 9 * 'r')}\n\n{provenance(used)}"
    return page.per_gpu(render)


@generator("transfer/copier_answer")
def copier_answer(page):
    """One line: the copier against cudaMemcpy, at 1 GiB and where it is slowest from 64 KiB up."""
    def render(gpu):
        lines = []
        for way, called in (("", "H2D"), (":out", "D2H")):
            cases = [case for case in gpu.cases_of(COPIER, "transfer")
                     if case.shape.endswith(":out") == bool(way) and size_of(case.shape) >= 2**16]
            large = next((case for case in cases if case.shape == f"1GiB{way}"), None)
            if not large:
                return None
            worst = min(cases, key=lambda case: case["vendor_ratio"])
            lines.append("* " + page.say(
                "{}, 1 GiB: {} GB/s, {} times `cudaMemcpy`, {}% of pinned memory; from 64 KiB up "
                "never less than {} times ({}).").format(
                    called, gigabytes(large["bytes_per_second"] * 1e-9),
                    number(large["vendor_ratio"]), f"{100 * large['ceiling_ratio']:.0f}",
                    ratio(worst["vendor_ratio"]), pretty(page, worst.shape, "stream")))
        return "\n".join(lines) + f"\n\n{provenance([large])}"
    return page.per_gpu(render)


def study(name):
    """Decorates a function of (page, part of the study, ...), which returns text or None."""
    def decorate(function):
        @generator(f"transfer/{name}")
        def generate(page, *arguments):
            def render(gpu):
                results = gpu.transfer_study
                part = name_of_part(name)
                if not results or part not in results:
                    return None
                text = function(page, results[part], *arguments)
                return f"{text}\n\n{provenance([results['context']])}" if text else None
            return page.per_gpu(render)
        return generate
    return decorate


def name_of_part(name):
    return {"host_blocked": "kinds", "answer": "costs", "break_even": "costs", "ring": "tuning",
            "small": "tuning", "peers": "kinds"}.get(name, name)


def pivot(rows, key, column, value):
    """key -> column -> value, both in the order of the rows."""
    found = {}
    for row in rows:
        found.setdefault(key(row), {})[column(row)] = value(row)
    return found


def grid(page, first, found, columns, title):
    lines = [[page.say(key)] + [cells.get(column, "–") for column in columns]
             for key, cells in found.items()]
    head = [page.say(first)] + [title(column) for column in columns]
    return table(head, lines, "l" + "r" * len(columns))


def check_way(way):
    if way not in ("H2D", "D2H", "both"):
        raise Problem(f"'{way}' is neither H2D nor D2H nor both")


@study("kinds")
def kinds(page, part, way):
    """GB/s over sizes, a row per kind of memory and way to copy."""
    check_way(way)
    rows = [row for row in part["rows"] if row["direction"] in (way, "both")]
    sizes = sorted({row["bytes"] for row in rows} & {*FEW_SIZES, 2**32})
    found = pivot(rows, lambda row: row["what"], lambda row: row["bytes"],
                  lambda row: gigabytes(row["gbps"]))
    text = grid(page, f"GB/s, {way}", found, sizes, size_text)
    if "managed_why_not" in part:
        text += f"\n\n{page.say('not available')}: {page.say(part['managed_why_not'])}"
    return text


@study("host_blocked")
def host_blocked(page, part, size):
    """Of each way: until everything has arrived, and how long the calls kept the host."""
    rows = [row for row in part["rows"] if row["bytes"] == size_of(size)]
    found = {}
    for row in rows:
        cells = found.setdefault(row["what"], {})
        cells[row["direction"], "whole"] = timing(row["time"])
        cells[row["direction"], "host"] = timing(row["host"])
    columns = [(way, which) for way in ("H2D", "D2H", "both") for which in ("whole", "host")
               if any((way, which) in cells for cells in found.values())]
    said = {"whole": "arrived after", "host": "host kept for"}
    return grid(page, "way", found, columns,
                lambda column: f"{page.say(column[0])}: {page.say(said[column[1]])}")


@study("costs")
def costs(page, part):
    """Getting memory / giving it back."""
    rows = [row for row in part["prices"] if row["bytes"] in FEW_SIZES]
    found = pivot(rows, lambda row: row["what"], lambda row: row["bytes"],
                  lambda row: f"{timing(row['get'])}; {timing(row['give_back'])}")
    return grid(page, "get; give back", found, sorted({row["bytes"] for row in rows}), size_text)


def reuses(page, value):
    return page.say("never") if value is None else f"{value:,}".replace(",", " ")


@study("break_even")
def break_even(page, part, way):
    check_way(way)
    rows = [row for row in part["break_even"]
            if row["direction"] == way and row["bytes"] in FEW_SIZES]
    lines = [[size_text(row["bytes"])]
             + [duration(row[key]) for key in ("pageable_us", "staged_us", "pinned_us")]
             + [reuses(page, row[key]) for key in (
                 "allocate_for_pageable", "register_for_pageable",
                 "allocate_for_staged", "register_for_staged")] for row in rows]
    head = page.header("bytes", "pageable, cudaMemcpy", "staged copier", "pinned",
                       "cudaMallocHost pays after", "cudaHostRegister pays after",
                       "cudaMallocHost, against the copier",
                       "cudaHostRegister, against the copier")
    return table(head, lines, "r" * len(head))


@study("answer")
def answer(page, part):
    """In words: what pinning buys and costs, at 1 GiB or the largest size that was measured."""
    size = max(row["bytes"] for row in part["break_even"])
    lines = []
    for row in part["break_even"]:
        if row["bytes"] != size:
            continue
        rates = [gigabytes(size / row[key] * 1e-3)
                 for key in ("pageable_us", "staged_us", "pinned_us")]
        lines.append("* " + page.say(
            "{}, {}: pageable memory {} GB/s, the same through the staged copier {} GB/s, "
            "page-locked {} GB/s: {} and {} times.").format(
                row["direction"], size_text(size), *rates,
                number(row["pageable_us"] / row["staged_us"]),
                number(row["pageable_us"] / row["pinned_us"])))
    price = {row["what"].split(";")[0]: row for row in part["prices"] if row["bytes"] == size}
    first = part["break_even"]
    allocate, register = (next(row[key] for row in first if row["bytes"] == size
                               and row["direction"] == "H2D")
                          for key in ("allocate_for_pageable", "register_for_pageable"))
    lines.append("* " + page.say(
        "Page-locking {}: `cudaMallocHost` {} and `cudaFreeHost` {}, which pays from copy number {} to "
        "the device on; `cudaHostRegister` {} and `cudaHostUnregister` {}, from number {} on.").format(
            size_text(size), duration(price["cudaMallocHost"]["get"]["us"]),
            duration(price["cudaMallocHost"]["give_back"]["us"]), reuses(page, allocate),
            duration(price["cudaHostRegister"]["get"]["us"]),
            duration(price["cudaHostRegister"]["give_back"]["us"]), reuses(page, register)))
    return "\n".join(lines)


@study("cpu")
def cpu(page, part):
    keys = ("read_one_gbps", "write_one_gbps", "read_all_gbps", "write_all_gbps")
    lines = [[page.say(row["what"])]
             + ([page.say(row["why_not"])] if "why_not" in row
                else [gigabytes(row[key]) if key in row else "–" for key in keys])
             for row in part["rows"]]
    head = page.header("GB/s", "read, 1 thread", "write, 1 thread") + [
        page.say(text).format(part["threads"]) for text in ("read, {} threads",
                                                            "write, {} threads")]
    return table(head, lines, "lrrrr")


def percent(value):
    return f"{100 * value:.0f}%"


@study("overlap")
def overlap(page, part, size):
    rows = [row for row in part if row["bytes"] == size_of(size)]
    lines = [[row["direction"], page.say(row["what"]), timing(row["time"]), timing(row["host"]),
              percent(row["cpu_hidden"]),
              percent(row["kernel_before_hidden"]), percent(row["kernel_behind_hidden"])]
             for row in rows]
    head = page.header("", "way", "arrived after", "host kept for", "CPU work hidden",
                       "kernel before the call hidden", "kernel behind the call hidden")
    return table(head, lines, "llrrrrr") if lines else None


@study("rows")
def rows_of_matrices(page, part, way):
    check_way(way)
    rows = [row for row in part if row["direction"] == way]
    found = pivot(rows, lambda row: row["what"], lambda row: row["width"],
                  lambda row: gigabytes(row["gbps"]))
    return grid(page, f"GB/s, {way}", found, sorted({row["width"] for row in rows}), size_text)


@study("pieces")
def pieces(page, part, way, count):
    """Microseconds per piece."""
    check_way(way)
    rows = [row for row in part["rows"]
            if row["direction"] == way and row["pieces"] == int(count)]
    if not rows:
        return None
    found = pivot(rows, lambda row: row["what"], lambda row: row["bytes"],
                  lambda row: number(row["time"]["us"] / row["pieces"]))
    text = grid(page, "µs per piece", found, sorted({row["bytes"] for row in rows}), size_text)
    if "batch_why_not" in part:
        text += f"\n\n{page.say(part['batch_why_not'])}"
    return text


def default_line(page, part, way, size):
    chosen = next(row for row in part["chosen"]
                  if row["direction"] == way and row["bytes"] == size)
    best = max((row for row in part["sweep"] if row["direction"] == way and row["bytes"] == size),
               key=lambda row: row["gbps"])
    return page.say("By itself: {}: {} GB/s, {}% of the best of the sweep.").format(
        chosen["what"], gigabytes(chosen["gbps"]), f"{100 * chosen['gbps'] / best['gbps']:.0f}")


@study("tuning")
def tuning(page, part, way, size):
    """GB/s over threads and chunk; cached stores, behind them streaming ones. The best in bold."""
    check_way(way)
    rows = [row for row in part["sweep"]
            if row["direction"] == way and row["bytes"] == size_of(size)]
    if not rows:
        return None
    best = max(row["gbps"] for row in rows)

    def cell(threads, chunk):
        values = {row["streaming"]: row["gbps"] for row in rows
                  if (row["threads"], row["chunk_bytes"]) == (threads, chunk)}
        return " / ".join(f"**{gigabytes(values[which])}**" if values[which] == best
                          else gigabytes(values[which])
                          for which in (False, True) if which in values) or "–"

    chunks = sorted({row["chunk_bytes"] for row in rows})
    lines = [[str(threads)] + [cell(threads, chunk) for chunk in chunks]
             for threads in sorted({row["threads"] for row in rows})]
    head = page.header("threads") + [size_text(chunk) for chunk in chunks]
    return (f"{table(head, lines, 'r' * len(head))}\n\n"
            f"{default_line(page, part, way, size_of(size))}")


@study("ring")
def ring(page, part, way, size):
    check_way(way)
    rows = [row for row in part["ring"]
            if row["direction"] == way and row["bytes"] == size_of(size)]
    if not rows:
        return None
    found = pivot(rows, lambda row: size_text(row["piece_bytes"]), lambda row: row["chunks"],
                  lambda row: gigabytes(row["gbps"]))
    return grid(page, "piece", found, sorted({row["chunks"] for row in rows}),
                lambda chunks: page.say("{} chunks").format(chunks))


@study("small")
def small(page, part, way):
    check_way(way)
    rows = [row for row in part["small"] if row["direction"] == way]
    found = {}
    for row in rows:
        what = ("cudaMemcpy" if row["what"] == "cudaMemcpy" else
                page.say("copier, by itself") if row["piece_bytes"] == 0 else
                page.say("staged by {} threads").format(row["threads"]))
        found.setdefault(what, {})[row["bytes"]] = duration(row["time"]["us"])
    return grid(page, way, found, sorted({row["bytes"] for row in rows}), size_text)


@study("peers")
def peers(page, part):
    found = part["peers"]
    if "why_not" in found:
        return f"{page.say('not available')}: {page.say(found['why_not'])}"
    by_what = pivot(found["rows"], lambda row: row["what"], lambda row: row["bytes"],
                    lambda row: gigabytes(row["gbps"]))
    text = grid(page, "GB/s", by_what, sorted({row["bytes"] for row in found["rows"]}
                                              & set(FEW_SIZES)), size_text)
    return f"{text}\n\n{page.say(found['without_access'])}" if "without_access" in found else text


@study("host")
def host(page, part):
    """One line about the machine."""
    facts = [part["cpu"], page.say("{} cores").format(part["cores"]),
             page.say("{} NUMA nodes" if part["numa_nodes"] != 1 else "one NUMA node").format(
                 part["numa_nodes"])]
    if "pcie_generation" in part:
        facts.append(f"PCIe {part['pcie_generation']}.0 x{part.get('pcie_width', '?')}")
    chosen = re.search(r"\[(\w+)\]", part["transparent_huge_pages"])
    facts.append(page.say("transparent huge pages: {}").format(chosen[1] if chosen else "?"))
    return page.say("The host: {}.").format(", ".join(facts))
