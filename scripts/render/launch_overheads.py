# SPDX-License-Identifier: Apache-2.0
"""Tables of launch_overheads."""

import dataclasses

from render.page import generator
from render.words import duration, number, provenance, table

WIDE_SPREAD = 0.1  # quartiles further than this from the median are shown


@dataclasses.dataclass
class Table:
    path: tuple  # to the rows in the JSON
    columns: dict  # header -> key of a row
    pivot: tuple = ()  # (key of what becomes columns, how it is called, key of the cells)


TABLES = {
    "launch/empty": Table(("empty", "launches"), {
        "launched": "what", "host call": "host_call", "enqueued one by one": "enqueued",
        "queued before": "queued", "call and wait": "call_and_wait"}),
    "launch/waits": Table(("empty", "waits"), {
        "waited by": "what", "call and wait": "call_and_wait"}),
    "launch/first": Table(("first_launches",), {"call": "what", "call and wait": "call_and_wait"}),
    "launch/arguments": Table(("arguments",), {
        "bytes of arguments": "bytes", "host call": "host_call",
        "enqueued one by one": "enqueued", "queued before": "queued"}),
    "launch/grid": Table(("grids",), {
        "blocks": "blocks", "32 threads": "threads_32", "256 threads": "threads_256",
        "1024 threads": "threads_1024", "ns per block, 32": "ns_per_block_32",
        "ns per block, 1024": "ns_per_block_1024"}),
    "launch/carve_outs": Table(("carve_outs",), {"kernels": "what", "each": "queued"}),
    "launch/cluster": Table(("clusters",), {
        "launch": "what", "host call": "host_call", "queued before": "queued"}),
    "launch/implicit_sync": Table(("implicit_synchronisation", "cases"), {
        "A and B are": "a_and_b", "between them": "between",
        "the one between begins at": "between_begins", "B begins at": "b_begins",
        "all done at": "all", "A and B overlap": "overlap"}),
    "launch/blocking_calls": Table(("blocking_calls", "calls"), {
        "call": "what", "idle device": "idle",
        "kernel in a non-blocking stream": "busy_non_blocking", "waits": "waits_non_blocking",
        "kernel in a blocking stream": "busy_blocking", "waits ": "waits_blocking"}),
    "launch/concurrency": Table(("concurrency", "streams"), {
        "streams": "streams", "overlap": "enqueued", "at once": "enqueued_at_once",
        "first to last": "enqueued_us", "overlap, released together": "released",
        "at once ": "released_at_once", "first to last ": "released_us"}),
    "launch/durations": Table(("concurrency", "durations"), {
        "kernel": "kernel_us", "overlap": "overlap", "at once": "at_once",
        "first to last": "all_us"}),
    "launch/events": Table(("events", "calls"), {"call": "what", "host call": "host_call"}),
    "launch/events_between": Table(("events", "between_kernels"), {
        "kernels in a row": "what", "per kernel": "queued"}),
    "launch/event_waits": Table(("events", "waits", "rows"), {
        "waited by": "what", "wall": "wall", "CPU": "cpu"}),
    "launch/graphs": Table(("graphs", "chains"), {
        "kernels": "kernels", "stream, host": "stream_host", "graph, host": "graph_host",
        "stream, device": "stream_device", "graph, device": "graph_device",
        "stream, call and wait": "stream_wall", "graph, call and wait": "graph_wall",
        "instantiate": "instantiate"}),
    "launch/branches": Table(("graphs", "branches", "rows"), {
        "branches": "branches", "one after the other": "one_after_the_other_us",
        "graph, device": "graph_device", "graph, call and wait": "graph_wall",
        "graph, host": "graph_host"}),
    "launch/updates": Table(("graphs", "updates", "rows"), {"call": "what", "time": "host"}),
    "launch/device_graphs": Table(("device_graphs",), {
        "launched": "what", "launches": "launches", "call and wait": "whole", "each": "each"}),
    "launch/conditional": Table(("conditional_nodes", "ifs"), {
        "node": "what", "each": "queued"}),
    "launch/loops": Table(("conditional_nodes", "loops"), {"loop": "what"},
                          ("iterations", "{} iterations", "per_iteration")),
    "launch/nested": Table(("nested",), {
        "the work is": "what", "pieces": "pieces", "each": "each", "all": "whole"}),
    "launch/dependent": Table(("dependent_launches",), {
        "prologue": "prologue_us", "stream": "stream_plain",
        "stream, overlapping": "stream_overlapping", "graph": "graph_plain",
        "graph, overlapping": "graph_overlapping"}),
}  # fmt: skip


def timing(value):
    text = duration(value["us"])
    low, high = value["low"], value["high"]
    if max(high - value["us"], value["us"] - low) > WIDE_SPREAD * value["us"]:
        per_unit = 1 if value["us"] < 1e3 else 1e-3 if value["us"] < 1e6 else 1e-6
        text += f" ({number(low * per_unit)}–{number(high * per_unit)})"
    return text + (" \\*" if value.get("host_bound") else "")


def cell(page, key, value):
    if isinstance(value, bool):
        return page.say("yes" if value else "no")
    if isinstance(value, dict):
        return timing(value)
    if isinstance(value, str):
        return page.say(value)
    if key.endswith("_us"):
        return "0" if value == 0 else duration(value)
    return f"{value:,}".replace(",", " ") if isinstance(value, int) else number(value)


def pivoted(page, rows, what, call, cells):
    """One row per text, one column per value of `what`."""
    by_text = {}
    for row in rows:
        by_text.setdefault(row["what"], {"what": row["what"]})[row[what]] = row[cells]
    columns = {page.say(call).format(value): value for value in dict.fromkeys(row[what] for row in rows)}
    return list(by_text.values()), columns


def study_table(page, name):
    wanted = TABLES[name]

    def render(gpu):
        found = study = gpu.launch_overheads
        if not study or wanted.path[0] not in study:
            return None
        for key in wanted.path:
            found = found[key]
            if "why_not" in found:
                return f"{page.say('not available')}: {page.say(found['why_not'])}"
        columns = dict(wanted.columns)
        if wanted.pivot:
            found, more = pivoted(page, found, *wanted.pivot)
            columns.update(more)
        rows = []
        for row in found:
            first, *others = columns.values()
            if "why_not" in row:
                rows.append([cell(page, first, row[first]), page.say(row["why_not"])])
            else:
                rows.append([cell(page, str(key), row[key]) for key in columns.values()])
        header = [page.say(title.strip()) for title in columns]
        align = "".join("l" if isinstance(found[0].get(key), str) and "_begins" not in str(key)
                        else "r" for key in columns.values())
        note = page.say("\\*: the host did not get ahead of the device") + "\n\n" if any(
            one.endswith("\\*") for row in rows for one in row) else ""
        return f"{table(header, rows, align)}\n\n{note}{provenance([study['context']])}"
    return page.per_gpu(render)


def register(name):
    generator(name)(lambda page: study_table(page, name))


for table_name in TABLES:
    register(table_name)


@generator("launch/resolution")
def resolution(page):
    """One line: how finely events and the device's timer measure."""
    def render(gpu):
        if not gpu.launch_overheads:
            return None
        found = gpu.launch_overheads["events"]["resolution"]
        between, step = duration(found["nothing_between"]["us"]), duration(found["step_us"])
        timer = f"{found['global_timer_step_ns']} ns"
        return (f"两个事件紧挨着记录，测得 {between}；读数的最小步长为 {step}；`%globaltimer` 的步长为 {timer}。"
                if page.chinese else
                f"Two events with nothing between them are {between} apart, readings differ by "
                f"{step} at least, and `%globaltimer` goes in steps of {timer}.")
    return page.per_gpu(render)
