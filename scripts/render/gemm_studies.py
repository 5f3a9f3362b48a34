# SPDX-License-Identifier: Apache-2.0
"""Tables and sentences of gemm_latency and gemm_accuracy."""

from render.page import generator
from render.results import Problem
from render.words import duration, number, provenance, table

METHOD_NAMES = {"00_cublas": "cuBLAS", "run": "`warpladder::gemm::run`"}


def method_name(key):
    return METHOD_NAMES.get(key, f"`{key}`")


@generator("gemm/first_calls")
def first_calls_table(page):
    def render(gpu):
        if not gpu.latency:
            return None
        rows = [[method_name(row["method"]), duration(row["first_us"]), duration(row["second_us"])]
                for row in gpu.latency["first_calls"]]
        return (f"{table(page.header('method', 'first call', 'second call'), rows, 'lrr')}\n\n"
                f"{provenance([gpu.latency['context']])}")
    return page.per_gpu(render)


@generator("gemm/latency")
def latency_table(page, quantities):
    titles = {"round_trip": "round trip", "host": "host call", "stream": "stream",
              "graph": "graph"}
    wanted = quantities.split(",")
    if not set(wanted) <= titles.keys():
        raise Problem(f"gemm/latency: '{quantities}' is not a list of {', '.join(titles)}")

    def render(gpu):
        if not gpu.latency:
            return None
        splits = {(row["n"], row["method"]): row for row in gpu.latency["splits"]}
        methods = list(dict.fromkeys(method for _, method in splits))
        rows = [[str(size)] + [" / ".join(number(splits[(size, method)][f"{key}_us"])
                                          for key in wanted) for method in methods]
                for size in sorted({size for size, _ in splits})]
        header = ["N"] + [method_name(method) for method in methods]
        what = " / ".join(page.say(titles[key]) for key in wanted)
        return (f"{what}, {page.say('µs per product')}:\n\n"
                f"{table(header, rows, 'r' * len(header))}\n\n"
                f"{provenance([gpu.latency['context']])}")
    return page.per_gpu(render)


def where_faster(splits, ours, key):
    """The sizes at which `ours` beats cuBLAS, as (first, last) of each unbroken run of sizes."""
    times = {(row["method"], row["n"]): row[key] for row in splits}
    runs, previous = [], False
    for size in sorted({row["n"] for row in splits}):
        faster = times[(ours, size)] < times[("00_cublas", size)]
        if faster and previous:
            runs[-1] = (runs[-1][0], size)
        elif faster:
            runs.append((size, size))
        previous = faster
    return runs


@generator("gemm/latency_answer")
def latency_answer(page):
    def render(gpu):
        if not gpu.latency:
            return None
        splits = gpu.latency["splits"]
        times = {(row["method"], row["n"]): row for row in splits}
        small = min(row["n"] for row in splits if row["n"] >= 32)
        methods = ("00_cublas", "01_naive", "02_coalesced")
        lines = []
        for mode in ("stream", "graph"):
            key = f"{mode}_us"
            fixed = [(method_name(method), duration(times[(method, small)][key]))
                     for method in methods]
            crossings = [(method_name(method), where_faster(splits, method, key))
                         for method in methods[1:]]
            if page.chinese:
                how = {"stream": "逐个入队", "graph": "graph 重放"}[mode]
                facts = "，".join(f"{name} {time}" for name, time in fixed)
                wins = "；".join(
                    f"{name} 快于 cuBLAS 的尺寸：" + ("、".join(
                        str(low) if low == high else f"{low} 至 {high}" for low, high in runs)
                        or "无")
                    for name, runs in crossings)
                lines.append(f"* {how}：N = {small} 时 {facts}。{wins}。")
            else:
                how = {"stream": "Enqueued one by one", "graph": "Replayed by a graph"}[mode]
                facts = ", ".join(f"{name} {time}" for name, time in fixed)
                wins = "; ".join(
                    f"{name} is faster than cuBLAS at " + (", ".join(
                        f"N = {low}" if low == high else f"N = {low} to {high}"
                        for low, high in runs) or "no size measured")
                    for name, runs in crossings)
                lines.append(f"* {how}, at N = {small}: {facts}. {wins}.")
        title = gpu.latency["context"]["gpu"]
        title += "，单次乘法耗时：" if page.chinese else ", per product:"
        body = "\n".join(lines)
        return f"{title}\n\n{body}\n\n{provenance([gpu.latency['context']])}"
    return page.per_gpu(render)


def small_number(value):
    if value < 1e-2:
        return f"{value:.1e}"
    return number(value, 2) if value < 100 else f"{value:,.0f}".replace(",", " ")


@generator("gemm/accuracy")
def accuracy_table(page, inputs):
    if inputs not in ("uniform", "scaled"):
        raise Problem(f"gemm/accuracy: '{inputs}' is neither uniform nor scaled")

    def render(gpu):
        if not gpu.accuracy:
            return None
        errors = [row for row in gpu.accuracy["errors"] if row["inputs"] == inputs]
        depths = sorted({row["k"] for row in errors})
        rows = []
        for label in dict.fromkeys(row["label"] for row in errors):
            by_depth = {row["k"]: row for row in errors if row["label"] == label}
            any_row = by_depth[depths[0]]
            if "why_not" in any_row:
                rows.append([label, page.say(any_row["why_not"])])
                continue
            cells, gammas, norm = [label], [], ""
            for k in depths:
                row = by_depth[k]
                if "not_finite_fraction" in row:
                    cells.append(f"{100 * row['not_finite_fraction']:.1f}% "
                                 f"{page.say('of the elements overflow')}")
                    continue
                largest, median = small_number(row["max_in_u"]), small_number(row["median_in_u"])
                cells.append(f"{largest} ({median})")
                gammas.append(row["max_over_gamma"])
                norm = f"{row['normwise']:.1e}" if k == 4096 else norm
            cells += [small_number(max(gammas)) if gammas else "", norm]
            if all(row.get("equals_cublas_fp32") for row in by_depth.values()):
                cells[0] += f" ({page.say('same bits as cuBLAS FP32')})"
            rows.append(cells)
        header = page.header("method") + [f"K = {k}" for k in depths] + page.header(
            "largest error / gamma_K", "normwise, K = 4096")
        return (f"{table(header, rows, 'l' + 'r' * (len(depths) + 2))}\n\n"
                f"{provenance([gpu.accuracy['context']])}")
    return page.per_gpu(render)


@generator("gemm/reproducibility")
def reproducibility_table(page):
    def render(gpu):
        if not gpu.accuracy:
            return None
        runs = gpu.accuracy["reproducibility"]
        rows = []
        for label in dict.fromkeys(row["label"] for row in runs):
            mine = [row for row in runs if row["label"] == label]
            cells = [label]
            for key in ("one_stream_equal", "two_streams_equal"):
                differing = [str(row["k"]) for row in mine if not row[key]]
                cells.append(page.say("differs at K = ") + ", ".join(differing) if differing
                             else page.say("equal"))
            rows.append(cells)
        return (f"{table(page.header('method', 'one stream', 'two streams'), rows, 'lll')}\n\n"
                f"{provenance([gpu.accuracy['context']])}")
    return page.per_gpu(render)


@generator("gemm/accuracy_answer")
def accuracy_answer(page):
    def render(gpu):
        if not gpu.accuracy:
            return None
        k = 4096
        found = {row["method"]: row for row in gpu.accuracy["errors"]
                 if row["inputs"] == "uniform" and row["k"] == k and "max_in_u" in row}
        named = [(name, found[key]) for key, name in (
            ("cublas_fp32", "FP32"), ("tf32x3", "3xTF32"), ("cublas_tf32", "TF32"),
            ("cublas_fp16", "FP16"), ("cublas_bf16", "BF16"), ("cublas_int8", "INT8"),
            ("cublas_e4m3", "E4M3")) if key in found]
        worst = [f"{name} {small_number(row['max_in_u'])} u" for name, row in named]
        equal = all(row["one_stream_equal"] for row in gpu.accuracy["reproducibility"]
                    if row["method"] == "cublas_fp32")
        gpu_name = gpu.accuracy["context"]["gpu"]
        if page.chinese:
            text = (f"{gpu_name}，K = {k}，输入在 [-1, 1] 上均匀分布，误差相对 |A||B| 的最大值"
                    f"（u = 2⁻²⁴）：{'、'.join(worst)}。FP32 在单流中重复运行的结果"
                    f"{'逐位相同' if equal else '并不逐位相同'}。")
        else:
            text = (f"{gpu_name}, K = {k}, inputs uniform in [-1, 1], largest error relative to "
                    f"|A||B| (u = 2⁻²⁴): {', '.join(worst)}. FP32 repeated in one stream gave "
                    f"{'equal bits every time' if equal else 'bits that differ'}.")
        return f"{text}\n\n{provenance([gpu.accuracy['context']])}"
    return page.per_gpu(render)
