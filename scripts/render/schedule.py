# SPDX-License-Identifier: Apache-2.0
"""Tables and plots of schedule_study: periodic tasks with deadlines, and replays."""

from render.page import generator
from render.plots import PLOTS, Plot
from render.words import CHINESE, duration, provenance, table

CHINESE.update({
    "task": "任务", "period": "周期", "phase": "相位", "deadline": "截止期", "priority": "优先级",
    "frame": "每帧数据", "kernels per job": "每个作业的 kernel 数", "in the table": "表中时长",
    "policy": "策略", "other work": "其他负载", "missed": "错过", "dropped": "丢弃", "jobs": "作业数",
    "starts late, p99": "启动延迟 p99", "starts late, max": "启动延迟最大", "max seen": "观测最大",
    "calls": "调用数", "host time": "主机时间", "per hyperperiod": "每超周期",
    "all missed": "错过合计", "decided otherwise": "决策不同", "results differ": "结果不同",
    "recorded under": "录制于", "replayed under": "回放于", "every byte equal": "逐字节相同",
    "{} of {} differ": "{} / {} 个不同", "by arrival": "取最后到达者",
    "in one run only": "只在一次运行中出现", "no table": "没有可行的表",
    "{} jobs each.": "每次 {} 个作业。",
    "Replayed in {} to {} of the recorded time.": "回放耗时为录制时长的 {} 至 {}。",
})  # fmt: skip

COLORS = {"greedy": "#cc6677", "greedy_priorities": "#ddaa33", "table": "#4477aa",
          "table_graphs": "#228833", "table_stretches": "#aa3377"}
LEVELS = {"p50": 1, "p99": 100, "p99_9": 1000, "max": 1}  # -> jobs below which it says nothing


def study_table(page, rows_of):
    """`rows_of(study)` returns header, rows and alignment, and perhaps a line to stand below."""
    def render(gpu):
        study = gpu.schedule_study
        if not study:
            return None
        header, rows, align, *below = rows_of(study)
        lines = "".join(f"\n\n{line}" for line in below)
        return (f"{table(page.header(*header), rows, align)}{lines}\n\n"
                f"{provenance([study['context']])}")
    return page.per_gpu(render)


def yes_no(page, value):
    return page.say("yes" if value else "no")


def who(run):
    return f"`{run['policy']}`"


@generator("schedule/tasks")
def tasks_table(page):
    """What is scheduled."""
    return study_table(page, lambda study: (
        ["task", "period", "phase", "deadline", "priority", "frame", "kernels per job",
         "in the table"],
        [[f"`{row['name']}`", f"{row['period_us']:,} µs".replace(",", " "),
          f"{row['phase_us']:,} µs".replace(",", " "),
          f"{row['deadline_us']:,} µs".replace(",", " "), str(row["priority"]),
          f"{row['width'] * row['height'] / 1024:.0f} KiB", str(row["kernels"]),
          f"{row['cost_us']} µs"] for row in study["tasks"]], "lrrrrrrr"))


def task_row(run, name):
    return next(row for row in run["tasks"] if row["task"] == name)


def response_cells(row):
    if row["response_us"] is None:
        return ["–"] * len(LEVELS)
    return [duration(row["response_us"][level]) if row["jobs"] >= least else "–"
            for level, least in LEVELS.items()]


@generator("schedule/policies")
def policies_table(page, task):
    """A row per policy, alone and with other work: all misses, and how one task responds."""
    def rows_of(study):
        rows = []
        for run in study["runs"]:
            first = [who(run), yes_no(page, run["noise"])]
            if "why_not" in run:
                rows.append(first + [f"{page.say('no table')}: {run['why_not']}"])
                continue
            one = task_row(run, task)
            late = one["late_us"]
            missed = sum(row["missed"] for row in run["tasks"])
            jobs = sum(row["jobs"] for row in run["tasks"])
            rows.append(first + [f"{missed} / {jobs}", f"{one['missed']} / {one['jobs']}"]
                        + response_cells(one)
                        + ([duration(late["p99"]), duration(late["max"])] if late
                           else ["–", "–"]))
        return (["policy", "other work", "all missed", f"`{task}` {page.say('missed')}",
                 "p50", "p99", "p99.9", "max seen", "starts late, p99", "starts late, max"],
                rows, "llrrrrrrrr")
    return study_table(page, rows_of)


@generator("schedule/run")
def run_table(page, policy, noise):
    """A row per task under one policy; noise: alone or noise."""
    def rows_of(study):
        run = next(run for run in study["runs"]
                   if run["policy"] == policy and run["noise"] == (noise == "noise"))
        header = ["task", "jobs", "missed", "dropped", "p50", "p99", "p99.9", "max seen"]
        if "why_not" in run:
            return header, [[f"{page.say('no table')}: {run['why_not']}"]], "lrrrrrrr"
        return (header, [[f"`{row['task']}`", str(row["jobs"]), str(row["missed"]),
                          str(row["dropped"])] + response_cells(row) for row in run["tasks"]],
                "lrrrrrrr")
    return study_table(page, rows_of)


@generator("schedule/host")
def host_table(page):
    """What dispatching costs the host: C7."""
    def rows_of(study):
        rows = []
        for run in study["runs"]:
            if "why_not" not in run:
                rows.append([who(run), yes_no(page, run["noise"]),
                             str(run["calls_per_hyperperiod"]),
                             duration(run["host_us_per_hyperperiod"]),
                             f"{100 * run['host_us_per_hyperperiod'] / study['hyperperiod_us']:.1f}%"])
        return (["policy", "other work", "calls", "host time", "per hyperperiod"], rows, "llrrr")
    return study_table(page, rows_of)


@generator("schedule/twice")
def twice_table(page):
    """Two live runs: how far are they the same without a recording?"""
    return study_table(page, lambda study: (
        ["policy", "jobs", "in one run only", "decided otherwise", "results differ"],
        [[who(row), str(row["jobs"]), str(row["in_one_run_only"]), str(row["decisions_differ"]),
          str(row["results_differ"])] for row in study["live_twice"]], "lrrrr"))


@generator("schedule/replays")
def replays_table(page):
    """Recorded under a row, replayed under a column."""
    def rows_of(study):
        again = list(dict.fromkeys(row["replayed"] for row in study["replays"]))
        columns = [(name, False) for name in again]
        columns += [(row["replayed"], True) for row in study["replays"]
                    if row["by_arrival"] and row["recorded"] == row["replayed"]][:1]
        rows = []
        for live in dict.fromkeys(row["recorded"] for row in study["replays"]):
            cells = []
            for name, by_arrival in columns:
                row = next((row for row in study["replays"] if row["recorded"] == live
                            and row["replayed"] == name and row["by_arrival"] == by_arrival), None)
                cells.append("" if row is None
                             else page.say("every byte equal") if row["different"] == 0
                             else page.say("{} of {} differ").format(row["different"], row["jobs"]))
            rows.append([f"`{live}`"] + cells)
        header = ["recorded under"] + [f"`{name}`" + (f", {page.say('by arrival')}" if late else "")
                                       for name, late in columns]
        used = [row for row in study["replays"] if not row["by_arrival"]]
        parts = [row["seconds"] / row["recorded_seconds"] for row in used]
        below = ("" if page.chinese else " ").join([
            page.say("{} jobs each.").format(
                "–".join(dict.fromkeys(str(pick(row["jobs"] for row in used))
                                       for pick in (min, max)))),
            page.say("Replayed in {} to {} of the recorded time.").format(
                f"{100 * min(parts):.0f}%", f"{100 * max(parts):.0f}%")])
        return header, rows, "l" * len(header), below
    return study_table(page, rows_of)


@generator("schedule/answer")
def answer(page):
    """B2 in two sentences: the task with the shortest deadline, with other work."""
    def render(gpu):
        study = gpu.schedule_study
        if not study:
            return None
        urgent = min(study["tasks"], key=lambda row: row["deadline_us"])
        lines = []
        for run in study["runs"]:
            if not run["noise"] or "why_not" in run:
                continue
            one = task_row(run, urgent["name"])
            if one["response_us"] is None:
                continue
            missed = sum(row["missed"] for row in run["tasks"])
            text = ("{}：`{}` 的 p99 为 {}，观测最大 {}（截止期 {}）；全部任务共错过 {} 次。"
                    if page.chinese else
                    "{}: `{}` responds within {} in 99%, at most {} was seen, of {} allowed; "
                    "{} deadlines missed by all tasks together.")
            lines.append("* " + text.format(
                who(run), urgent["name"], duration(one["response_us"]["p99"]),
                duration(one["response_us"]["max"]), duration(urgent["deadline_us"]),
                missed))
        return "\n".join([*lines, "", provenance([study["context"]])]) if lines else None
    return page.per_gpu(render)


# ---- plots ---------------------------------------------------------------------------------------

def response_data(gpu, rungs):
    """Response time and the part of jobs that took longer, of the most urgent and the first task."""
    del rungs
    study = gpu.schedule_study
    if not study or "runs" not in study:
        return None
    tasks = [min(study["tasks"], key=lambda row: row["deadline_us"]), study["tasks"][0]]
    panels = []
    for task in tasks:
        for noise in (False, True):
            lines = {}
            for run in study["runs"]:
                if run["noise"] != noise or "why_not" in run:
                    continue
                found = task_row(run, task["name"])["response_us"]
                if found:
                    count = task_row(run, task["name"])["jobs"]
                    lines[run["policy"]] = [(us, max(1 - part, 0.5 / count))
                                            for part, us in found["curve"]]
            panels.append({"task": task["name"], "deadline_us": task["deadline_us"],
                           "noise": noise, "lines": lines})
    return {"gpu": study["context"]["gpu"], "panels": panels, "colors": COLORS}


def draw_response(pyplot, data):
    figure, grid = pyplot.subplots(2, 2, figsize=(9, 7), sharey=True)
    for axes, panel in zip(grid.flat, data["panels"]):
        for policy, points in panel["lines"].items():
            axes.plot(*zip(*points), drawstyle="steps-post", color=data["colors"][policy],
                      label=policy)
        axes.axvline(panel["deadline_us"], color="#222222", linestyle="--", linewidth=1,
                     label="deadline")
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.grid(color="#eeeeee", linewidth=0.6)
        axes.set_title(f"{panel['task']}, "
                       f"{'with other work' if panel['noise'] else 'alone'}", fontsize=9)
        axes.set_xlabel("µs from release to result")
    for axes in grid[:, 0]:
        axes.set_ylabel("part of the jobs that took longer")
    grid[0][0].legend(fontsize=7, frameon=False)
    figure.suptitle(f"Response times, {data['gpu']}", fontsize=10)
    figure.tight_layout()
    return figure


def timeline_data(gpu, rungs):
    """One hyperperiod with other work, under a greedy policy and under the table."""
    del rungs
    study = gpu.schedule_study
    if not study or "runs" not in study:
        return None
    wanted = [("greedy", True), ("greedy_priorities", True), ("table_graphs", True)]
    panels = [{"policy": run["policy"], "jobs": run["timeline"]} for name, noise in wanted
              for run in study["runs"]
              if run["policy"] == name and run["noise"] == noise and "why_not" not in run]
    return {"gpu": study["context"]["gpu"], "hyperperiod_us": study["hyperperiod_us"],
            "tasks": [(row["name"], row["deadline_us"]) for row in study["tasks"]],
            "panels": panels}


def draw_timeline(pyplot, data):
    figure, rows = pyplot.subplots(len(data["panels"]), 1, sharex=True, squeeze=False,
                                   figsize=(9, 2.3 * len(data["panels"])))
    for (axes,), panel in zip(rows, data["panels"]):
        for task, release, start, end in panel["jobs"]:
            late = end - release > data["tasks"][task][1]
            axes.barh(task, (end - start) * 1e-3, left=start * 1e-3, height=0.6,
                      color="#cc6677" if late else "#4477aa")
            axes.plot([release * 1e-3] * 2, [task - 0.45, task + 0.45], color="#222222",
                      linewidth=0.6)
        axes.set_yticks(range(len(data["tasks"])), [name for name, _ in data["tasks"]], fontsize=7)
        axes.invert_yaxis()
        axes.set_title(panel["policy"], fontsize=9, loc="left")
    rows[-1][0].set_xlabel("ms of one hyperperiod; lines: releases; red: the deadline was missed")
    figure.suptitle(f"From the first kernel to the result, with other work, {data['gpu']}",
                    fontsize=10)
    figure.tight_layout()
    return figure


PLOTS["schedule_response"] = Plot("Response times under five policies, alone and with other work",
                                  response_data, draw_response)
PLOTS["schedule_timeline"] = Plot("Who has the device when, in one hyperperiod", timeline_data,
                                  draw_timeline)
