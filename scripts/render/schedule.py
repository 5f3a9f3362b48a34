# SPDX-License-Identifier: Apache-2.0
"""Tables and plots of schedule_study: periodic tasks with deadlines, and replays."""

from render.page import generator
from render.plots import PLOTS, Plot
from render.words import CHINESE, duration, provenance, table

CHINESE.update({
    "task": "任务", "period": "周期", "phase": "相位", "deadline": "截止期", "priority": "优先级",
    "frame": "每帧数据", "kernels per job": "每个作业的 kernel 数", "budget": "预算",
    "policy": "策略", "other work": "其他负载", "missed": "错过", "dropped": "丢弃", "jobs": "作业数",
    "starts late, p99": "启动延迟 p99", "handed over late, p99": "派发延迟 p99",
    "handed over late, max": "派发延迟最大", "of these handed over late": "其中因派发延迟",
    "past its slot": "超出时隙", "max seen": "观测最大",
    "alone": "设备独占", "with other work": "有其他负载",
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
         "budget"],
        [[f"`{row['name']}`", f"{row['period_us']:,} µs".replace(",", " "),
          f"{row['phase_us']:,} µs".replace(",", " "),
          f"{row['deadline_us']:,} µs".replace(",", " "), str(row["priority"]),
          f"{row['width'] * row['height'] / 1024:.0f} KiB", str(row["kernels"]),
          f"{row['cost_us']} µs"] for row in study["tasks"]], "lrrrrrrr"))


@generator("schedule/costs")
def costs_table(page):
    """What one job takes, alone on the device: median and 99th percentile of its parts."""
    def both(row, part):
        return f"{duration(row[part]['p50'])}, {duration(row[part]['p99'])}"
    return study_table(page, lambda study: (
        ["task", "calls", "to the first kernel", "on the device", "whole", "budget"],
        [[f"`{row['task']}`", both(row, "calls_us"), both(row, "to_first_kernel_us"),
          both(row, "on_device_us"), both(row, "whole_us"), f"{row['budget_us']} µs"]
         for row in study["costs"]], "lrrrrr"))


@generator("schedule/jitter")
def jitter(page):
    """How well the host keeps time without a GPU in play. English."""
    def render(gpu):
        study = gpu.schedule_study
        if not study:
            return None
        host = study["host"]
        late = host["wakeup_late_us"]
        times = host["gaps"]
        away = (f"was away {times} times for more than {duration(host['gap_least_us'])}, "
                f"{duration(host['gap_max_us'])} at most" if times else
                f"was never away for more than {duration(host['gap_least_us'])}")
        where = "kept on one core" if host["pinned"] else "that could not be kept on one core"
        return (f"A thread {where} that did nothing but look at the clock for "
                f"{host['spun_seconds']:g} s {away}. One that slept came back "
                f"{duration(late['p50'])} late at the median, {duration(late['p99'])} at p99, "
                f"{duration(late['max'])} at most.\n\n{provenance([study['context']])}")
    return page.per_gpu(render)


def task_row(run, name):
    return next(row for row in run["tasks"] if row["task"] == name)


def total(run, key):
    """Of all tasks together."""
    return sum(row[key] for row in run["tasks"])


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
            late, handed = one["late_us"], one["handed_over_late_us"]
            rows.append(first + [f"{total(run, 'missed')} / {total(run, 'jobs')}",
                                 str(total(run, "missed_by_the_host")),
                                 f"{one['missed']} / {one['jobs']}"]
                        + response_cells(one)
                        + ([duration(late["p99"]), duration(handed["p99"]),
                            duration(handed["max"])] if late else ["–"] * 3))
        return (["policy", "other work", "all missed", "of these handed over late",
                 f"`{task}` {page.say('missed')}", "p50", "p99", "p99.9", "max seen",
                 "starts late, p99", "handed over late, p99", "handed over late, max"],
                rows, "llrrrrrrrrrr")
    return study_table(page, rows_of)


@generator("schedule/run")
def run_table(page, policy, noise):
    """A row per task under one policy; noise: alone or noise."""
    def rows_of(study):
        run = next(run for run in study["runs"]
                   if run["policy"] == policy and run["noise"] == (noise == "noise"))
        header = ["task", "jobs", "missed", "of these handed over late", "dropped",
                  "past its slot", "p50", "p99", "p99.9", "max seen"]
        if "why_not" in run:
            return header, [[f"{page.say('no table')}: {run['why_not']}"]], "lrrrrrrrrr"
        return (header, [[f"`{row['task']}`", str(row["jobs"]), str(row["missed"]),
                          str(row["missed_by_the_host"]), str(row["dropped"]),
                          "–" if row["after_slot"] is None else str(row["after_slot"])]
                         + response_cells(row) for row in run["tasks"]], "lrrrrrrrrr")
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


def fewest(page, study, noise):
    """Who missed how many deadlines, the fewest first; and who answers the urgent task soonest."""
    runs = [run for run in study["runs"] if run["noise"] == noise and "why_not" not in run]
    if not runs:
        return None
    urgent = min(study["tasks"], key=lambda row: row["deadline_us"])["name"]
    runs.sort(key=lambda run: total(run, "missed"))
    missed = [total(run, "missed") for run in runs]
    best = [run for run in runs if total(run, "missed") == missed[0]]
    answered = [run for run in runs if task_row(run, urgent)["response_us"]]
    soonest = min(answered, key=lambda run: task_row(run, urgent)["response_us"]["p99"],
                  default=None)
    jobs, where = total(runs[0], "jobs"), page.say("with other work" if noise else "alone")
    others = runs[len(best):]
    if page.chinese:
        text = f"{where}：" + (
            f"各策略都错过 {missed[0]} / {jobs} 个截止期" if not others else
            "、".join(map(who, best)) + f" 错过的截止期最少（{missed[0]} / {jobs}），其余依次为 "
            + "、".join(f"{who(run)} {total(run, 'missed')}" for run in others)) + "。"
        if soonest:
            text += f"`{urgent}` 的 p99 以 {who(soonest)} 为最低。"
    else:
        text = f"{where.capitalize()}: " + (
            f"all policies missed {missed[0]} of {jobs} deadlines" if not others else
            "the fewest deadlines were missed under " + ", ".join(map(who, best))
            + f" ({missed[0]} of {jobs}); then "
            + ", ".join(f"{who(run)} {total(run, 'missed')}" for run in others)) + "."
        if soonest:
            text += f" The p99 of `{urgent}` was lowest under {who(soonest)}."
    return text


@generator("schedule/answer")
def answer(page):
    """B2 in a few sentences: who missed least, and the shortest deadline beside other work."""
    def render(gpu):
        study = gpu.schedule_study
        if not study:
            return None
        urgent = min(study["tasks"], key=lambda row: row["deadline_us"])
        lines = [f"* {line}" for noise in (False, True) if (line := fewest(page, study, noise))]
        for run in study["runs"]:
            if not run["noise"] or "why_not" in run:
                continue
            one = task_row(run, urgent["name"])
            if one["response_us"] is None:
                continue
            text = ("{}（有其他负载）：`{}` 的 p99 为 {}，观测最大 {}（截止期 {}）；全部任务共错过 {} 次，"
                    "其中 {} 次若主机准时派发本可赶上。"
                    if page.chinese else
                    "{}, with other work: `{}` responds within {} in 99%, at most {} was seen, of {} "
                    "allowed; all tasks together missed {}, of which {} would have been met had "
                    "the host handed them over in time.")
            lines.append("* " + text.format(
                who(run), urgent["name"], duration(one["response_us"]["p99"]),
                duration(one["response_us"]["max"]), duration(urgent["deadline_us"]),
                total(run, "missed"), total(run, "missed_by_the_host")))
        return "\n".join([*lines, "", provenance([study["context"]])]) if lines else None
    return page.per_gpu(render)


@generator("schedule/predictions")
def predictions(page):
    """The predictions of the worklog that a number decides, and what came of them. English."""
    def rows_of(study):
        urgent = min(study["tasks"], key=lambda row: row["deadline_us"])["name"]
        runs = {(run["policy"], run["noise"]): run for run in study["runs"]
                if "why_not" not in run}
        rows = []

        def check(number, what, needed, measured, held):
            if not all(key in runs for key in needed):
                rows.append([number, what, "there was no table", "–"])
            else:
                rows.append([number, what, measured(), "yes" if held() else "**no**"])

        def missed(name, noise):
            return total(runs[name, noise], "missed")

        def tail(name, noise, key="response_us"):
            return task_row(runs[name, noise], urgent)[key]["p99"]
        alone = [(name, False) for name in COLORS]
        check("1", "alone, only `greedy` misses anything", alone,
              lambda: ", ".join(f"`{name}` {missed(name, False)}" for name in COLORS),
              lambda: missed("greedy", False) > 0
              and not any(missed(name, False) for name in COLORS if name != "greedy"))
        check("3", f"`greedy` misses more of `{urgent}` with other work",
              [("greedy", False), ("greedy", True)],
              lambda: " → ".join(str(task_row(runs["greedy", noise], urgent)["missed"])
                                 for noise in (False, True)),
              lambda: task_row(runs["greedy", True], urgent)["missed"]
              > task_row(runs["greedy", False], urgent)["missed"])
        check("4", f"`greedy_priorities`, with other work: `{urgent}` at p99 200 to 300 µs",
              [("greedy_priorities", True)],
              lambda: duration(tail("greedy_priorities", True)),
              lambda: 200 <= tail("greedy_priorities", True) <= 300)
        check("5", f"alone, `{urgent}` starts closer to the plan by the table (p99)",
              [("greedy_priorities", False), ("table_graphs", False)],
              lambda: f"{duration(tail('greedy_priorities', False, 'late_us'))} → "
                      f"{duration(tail('table_graphs', False, 'late_us'))}",
              lambda: tail("table_graphs", False, "late_us")
              < tail("greedy_priorities", False, "late_us"))
        check("6", "graphs: less than 0.3 ms of the host per hyperperiod",
              [("table", False), ("table_graphs", False)],
              lambda: f"{duration(runs['table', False]['host_us_per_hyperperiod'])} → "
                      f"{duration(runs['table_graphs', False]['host_us_per_hyperperiod'])}",
              lambda: runs["table_graphs", False]["host_us_per_hyperperiod"] < 300)
        twice = {row["policy"]: row["results_differ"] for row in study["live_twice"]}
        check("7", "live twice: results differ under `greedy`, and under no table", alone,
              lambda: ", ".join(f"`{name}` {count}" for name, count in twice.items()),
              lambda: twice["greedy"] > 0 and not any(
                  count for name, count in twice.items() if name.startswith("table")))
        used = [row for row in study["replays"] if not row["by_arrival"]]
        check("8", "all 25 replays are equal", [],
              lambda: f"{sum(row['different'] == 0 for row in used)} of {len(used)}",
              lambda: len(used) == 25 and all(row["different"] == 0 for row in used))
        return ["", "prediction", "measured", "held"], rows, "llll"
    return study_table(page, rows_of)


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
