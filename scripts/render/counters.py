# SPDX-License-Identifier: Apache-2.0
"""The host executor's counters against the hardware's, and the mutants that check catches."""

import pathlib

from render.page import generator
from render.results import Problem, TOPICS, read_json
from render.words import table

SHOWN_QUANTITIES = ("global load sectors", "global store sectors", "shared load wavefronts",
                    "shared store wavefronts")


def per_result(page, file, render):
    """One block per benchmarks/results/<gpu>/<file>, else "not measured yet"."""
    paths = sorted((page.root / "benchmarks/results").glob(f"*/{file}"))
    return "\n\n".join(render(read_json(path)) for path in paths) or page.not_yet()


def counters_provenance(context):
    return (f"<sub>{context['device']} · Nsight Compute · {context['date']} · "
            f"commit {context['commit']}</sub>")


def counters_agree(host, gpu):
    """As scripts/measure_counters --check has it."""
    return abs(host - gpu) <= 0.01 * max(host, gpu)


def both(host, gpu, text=str):
    return text(host) if counters_agree(host, gpu) else f"{text(host)} / **{text(gpu)}**"


@generator("explain/agreement")
def counters_agreement(page, length="full"):
    if length not in ("full", "brief"):
        raise Problem(f"explain/agreement: '{length}' is not brief")
    reasons = read_json(page.root / "tests/counter_deviations.json")

    def render(report):
        kernels = report["kernels"]
        values = [(host, kernel["gpu"][name]) for kernel in kernels
                  for name, host in kernel["host"].items()]
        equal = sum(host == gpu for host, gpu in values)
        agreeing = sum(counters_agree(host, gpu) for host, gpu in values)
        listed = {(rung, name) for entry in reasons for rung in entry["rungs"]
                  for name in entry["quantities"]}
        unexplained = sum((kernel["rung"], name) not in listed for kernel in kernels
                          for name, host in kernel["host"].items()
                          if not counters_agree(host, kernel["gpu"][name]))
        rows, rest, rest_values = [], 0, 0
        for kernel in kernels:
            host, gpu = kernel["host"], kernel["gpu"]
            deviating = [name for name in host if not counters_agree(host[name], gpu[name])]
            if not deviating:
                rest, rest_values = rest + 1, rest_values + len(host)
                continue
            others = [f"{name} {both(host[name], gpu[name])}" for name in deviating
                      if name not in SHOWN_QUANTITIES]
            rows.append([kernel["rung"], f"{len(host) - len(deviating)} / {len(host)}"]
                        + [both(host[name], gpu[name]) if name in host else ""
                           for name in SHOWN_QUANTITIES] + ["; ".join(others)])
        colon = "：" if page.chinese else ": "
        rows.append([f"{page.say('all other kernels')}{colon}{rest}", f"{rest_values} / {rest_values}"])
        header = page.header("rung", "agree", *SHOWN_QUANTITIES, "other deviations")
        if page.chinese:
            text = (f"在 {report['context']['device']} 上比较了 {len(kernels)} 个 kernel 的 "
                    f"{len(values)} 个计数：{agreeing} 个相差不超过 1%，其中 {equal} 个完全相等；"
                    f"其余 {len(values) - agreeing} 个中，未列明原因的有 {unexplained} 个。"
                    "下表列出有差异的 kernel，"
                    "写作“主机 / **GPU**”；只有一个数的，两边一致。")
        else:
            text = (f"{report['context']['device']}: {len(kernels)} kernels, {len(values)} values. "
                    f"{agreeing} agree within 1%, {equal} of them are equal. Of the other "
                    f"{len(values) - agreeing}, {unexplained} are not listed with a reason. The "
                    "table has the kernels that deviate somewhere: host / **GPU**, or one number "
                    "where they agree.")
        blocks = [text, table(header, rows, "lrrrrrl")]
        if length == "full":
            blocks.append("\n".join(
                f"* {', '.join(entry['quantities'])} ({', '.join(entry['rungs'])}): "
                f"{entry['reason']}" for entry in reasons))
        return "\n\n".join(blocks + [counters_provenance(report["context"])])
    return per_result(page, "counters.json", render)


@generator("explain/requests")
def counters_per_request(page, topic, steps):
    first, _, last = steps.partition("-")

    def cell(kernel, quantity):
        group, what = quantity.rsplit(" ", 1)
        if not kernel["host"].get(quantity):
            return ""
        each = [kernel[side][quantity] / kernel[side][f"{group} requests"]
                for side in ("host", "gpu")]
        return both(*each, text=lambda value: f"{value:.2f}".removesuffix(".00"))

    def render(report):
        rows = []
        for kernel in report["kernels"]:
            kind, name = kernel["rung"].split("/")
            if kind == topic and first <= name[:2] <= (last or first):
                target = page.link(TOPICS[topic].page_name(topic))
                rows.append([f"[{name.replace('_', ' ', 1)}]({target}"
                             f"#{name.replace('_', '-', 1)})", f"`{kernel['kernel']}`"]
                            + [cell(kernel, quantity) for quantity in SHOWN_QUANTITIES])
        if not rows:
            return page.not_yet()
        titles = [f"{group}, {what} per request" for group, what in
                  (quantity.rsplit(" ", 1) for quantity in SHOWN_QUANTITIES)]
        return (f"{table(page.header('rung') + ['kernel'] + page.header(*titles), rows, 'llrrrr')}"
                f"\n\n{counters_provenance(report['context'])}")
    return per_result(page, "counters.json", render)


@generator("explain/rungs")
def counters_of_rungs(page, prefix):
    """What moves, for the rungs of a topic: every kernel of them that was measured."""
    quantities = ("global load sectors", "async copy sectors", "bulk load bytes",
                  "shared load wavefronts", "shared load conflicts", "shared store wavefronts")

    def render(report):
        kernels = [kernel for kernel in report["kernels"] if kernel["rung"].startswith(prefix)]
        if not kernels:
            return page.not_yet()
        rows = [[kernel["rung"], kernel["shape"]]
                + [both(kernel["host"][name], kernel["gpu"][name]) if name in kernel["host"] else ""
                   for name in quantities] for kernel in kernels]
        return (f"{table(page.header('rung', 'shape', *quantities), rows, 'llrrrrrr')}\n\n"
                f"{counters_provenance(report['context'])}")
    return per_result(page, "counters.json", render)


@generator("explain/patterns")
def access_patterns(page):
    def render(report):
        patterns = report["patterns"]
        kinds = {(pattern["kind"], pattern["width"]) for pattern in patterns}
        if page.chinese:
            text = (f"{len(patterns)} 个单次访问，{len(kinds)} 种访问类型与宽度的组合，"
                    "有规则的也有随机的。")
        else:
            text = (f"{len(patterns)} single accesses, regular ones and random ones, in "
                    f"{len(kinds)} combinations of kind and width.")
        return f"{text}\n\n{counters_provenance(report['context'])}"
    return per_result(page, "access_patterns.json", render)


@generator("explain/mutants")
def mutants_table(page):
    path = page.root / "tests/mutants/score.json"
    if not path.exists():
        return page.not_yet()
    report = read_json(path)
    listed = read_json(page.root / "tests/mutants/redundant.json")
    left = [mutant for mutant in report["mutants"] if not mutant["caught_by"]]
    redundant = sum(mutant["redundant"] for mutant in left)
    by_detector = {}
    for mutant in report["mutants"]:
        for detector in mutant["caught_by"]:
            detector = detector.split(",")[0]  # "hang, stopped after ..."
            by_detector[detector] = by_detector.get(detector, 0) + 1
    counted = sorted(by_detector.items(), key=lambda one: (-one[1], one[0]))
    if page.chinese:
        text = (f"{report['total']} 个变异中 {report['caught']} 个被发现，{redundant} 个可证明是多余的，"
                f"{len(left) - redundant} 个存活。"
                + "各检测器发现的个数（一个变异可能被多个检测器发现）："
                + "、".join(f"`{name}` {count}" for name, count in counted) + "。")
    else:
        text = (f"{report['caught']} of {report['total']} mutants are caught, {redundant} are "
                f"redundant and listed with a proof, {len(left) - redundant} survive. By detector "
                "(some mutants are caught by several): "
                + ", ".join(f"`{name}` {count}" for name, count in counted) + ".")
    if not left:
        return text
    rows = []
    for mutant in left:
        proofs = [entry["proof"] for entry in listed
                  if (entry["file"], entry["change"]) == (mutant["file"], mutant["change"])
                  and mutant["call"] in " ".join(entry["line"].split())]
        rows.append([f"`{pathlib.Path(mutant['file']).name}:{mutant['line']}` `{mutant['call']}`",
                     page.say(mutant["change"]),
                     page.say("redundant" if mutant["redundant"] else "survives"),
                     " ".join(dict.fromkeys(proofs)) if mutant["redundant"] else ""])
    return f"{text}\n\n{table(page.header('mutant', 'change', 'verdict', 'proof'), rows, 'llll')}"
