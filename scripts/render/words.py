# SPDX-License-Identifier: Apache-2.0
"""How figures are written, in two languages."""

import math
import re

from render.results import Case

NOT_YET = "not measured yet"

CHINESE = {
    NOT_YET: "尚未测量（not measured yet）",
    "rung": "阶", "idea": "思路", "shape": "形状", "time": "时间", "rate": "速率",
    "% of ceiling": "占实测上限", "x cuBLAS": "相对 cuBLAS", "chosen": "选用", "method": "方法",
    "stream": "流", "graph": "graph", "cold": "冷缓存", "cuBLAS time": "cuBLAS 时间",
    "round trip": "调用并等待", "host call": "主机侧", "µs per product": "单次乘法耗时（µs）",
    "first call": "首次调用", "second call": "第二次调用",
    "largest error / gamma_K": "最大误差 / γ_K", "normwise, K = 4096": "范数相对误差，K = 4096",
    "one stream": "单流", "two streams": "两流并发", "equal": "逐位相同", "differs at K = ": "不同：K = ",
    "not supported": "不支持", "same bits as cuBLAS FP32": "与 cuBLAS FP32 逐位相同",
    "of the elements overflow": "的元素溢出",
    "x CUB": "相对 CUB", "CUB time": "CUB 时间", "n": "n", "type": "类型", "columns": "列数",
    "rows": "行", "error in u": "误差（u）", "time at 2^28": "2^28 时的时间",
    "different results in 20 runs": "20 次运行的不同结果数",
    "x rung 01": "相对 01 阶", "x rung 11": "相对 11 阶",
    "x cudaMemcpy": "相对 cudaMemcpy", "cudaMemcpy time": "cudaMemcpy 时间",
    "x rung 20": "相对 20 阶", "x rung 30": "相对 30 阶", "every ... float": "每几个 float 读一个",
    "used": "有用的", "moved in whole sectors": "按整扇区搬运的", "GB/s, `in` off by": "GB/s，`in` 偏移",
    "table": "表", "back to back": "连续运行", "after a flood": "L2 被冲刷后",
    "agree": "一致", "all other kernels": "其余 kernel",
    "global load sectors": "全局读扇区", "global store sectors": "全局写扇区",
    "shared load wavefronts": "共享读波前", "shared store wavefronts": "共享写波前",
    "other deviations": "其他差异", "global load, sectors per request": "全局读：每请求扇区",
    "global store, sectors per request": "全局写：每请求扇区",
    "shared load, wavefronts per request": "共享读：每请求波前",
    "shared store, wavefronts per request": "共享写：每请求波前",
    "µs per barrier": "每次屏障（µs）", "x grid.sync()": "相对 grid.sync()",
    "as a graph, µs": "graph 重放（µs）", "blocks × threads": "block 数 × 线程数",
    "threads per block": "线程/block", "resident": "可同时驻留",
    "`launch_resident` says": "`launch_resident` 返回", "bounded barrier": "带上限的屏障",
    "after": "耗时", "gives up, {} arrived": "放弃等待，已到 {} 个", "opens": "正常通过",
    "`warpladder::grid_barrier`: {} µs ({}) to {} µs ({}) per barrier, "
    "{} ({}) to {} ({}) times as fast as `grid.sync()`.":
        "`warpladder::grid_barrier`：每次屏障 {} µs（{}）至 {} µs（{}），"
        "速度是 `grid.sync()` 的 {} 倍（{}）至 {} 倍（{}）。",
    "mutant": "变异", "change": "改动", "verdict": "结果", "proof": "证明",
    "launched": "启动方式", "enqueued one by one": "逐个入队",
    "queued before": "预先排好队", "call and wait": "调用并等待", "call": "调用",
    "blocks": "block 数", "32 threads": "32 线程",
    "256 threads": "256 线程", "1024 threads": "1024 线程", "ns per block, 32": "每 block（ns），32 线程",
    "ns per block, 1024": "每 block（ns），1024 线程", "kernels": "kernel", "each": "每个",
    "A and B are": "A 与 B", "between them": "夹在中间的", "the one between begins at": "中间的开始于",
    "B begins at": "B 开始于", "all done at": "全部结束于", "A and B overlap": "A 与 B 重叠",
    "idle device": "设备空闲", "kernel in a non-blocking stream": "非阻塞流里有 kernel",
    "kernel in a blocking stream": "阻塞流里有 kernel", "waits": "是否等待", "streams": "流数",
    "overlap": "重叠倍数", "overlap, released together": "重叠倍数，同时放行", "at once": "同时运行",
    "first to last": "首尾用时", "kernel": "kernel",
    "stream, host": "流，主机侧",
    "graph, host": "graph，主机侧", "stream, device": "流，设备侧", "graph, device": "graph，设备侧",
    "stream, call and wait": "流，调用并等待", "graph, call and wait": "graph，调用并等待",
    "instantiate": "实例化", "branches": "分支数", "one after the other": "逐个执行",
    "loop": "循环", "{} iterations": "{} 次迭代", "the work is": "谁来做", "pieces": "份数",
    "all": "合计",
    "yes": "是", "no": "否", "none": "无", "blocking": "阻塞流", "non-blocking": "非阻塞流",
    "legacy": "传统默认流", "per thread": "每线程默认流", "not available": "不可用",
    "\\*: the host did not get ahead of the device": "\\*：主机没能跑在设备前面",
    "empty kernel, <<<>>>": "空 kernel，<<<>>>",
    "empty kernel, cudaLaunchKernel": "空 kernel，cudaLaunchKernel",
    "empty kernel, cudaLaunchKernelEx": "空 kernel，cudaLaunchKernelEx",
    "one thread counts, cudaLaunchKernelEx": "一个线程计数，cudaLaunchKernelEx",
    "inline function, in a loop": "内联函数，循环调用",
    "__noinline__ function, in a loop": "__noinline__ 函数，循环调用",
    "kernel launched by the host": "主机启动的 kernel",
    "child kernel, fire and forget, by 1 thread": "子 kernel，fire and forget，1 个线程启动",
    "child kernel, fire and forget, by 32 threads": "子 kernel，fire and forget，32 个线程启动",
    "child kernel, fire and forget, by 256 threads": "子 kernel，fire and forget，256 个线程启动",
    "child kernel, fire and forget, by 64 blocks": "子 kernel，fire and forget，64 个 block 启动",
    "child kernel, fire and forget, by 512 blocks": "子 kernel，fire and forget，512 个 block 启动",
    "tail launches of one parent": "同一个父 kernel 的 tail launch",
    "tail launch of the next link by every link": "tail launch 链，每一环启动下一环",
    "launch, non-blocking stream": "启动 kernel，非阻塞流",
    "launch, legacy default stream": "启动 kernel，传统默认流",
    "first launch of a kernel": "首次启动某个 kernel",
    "cudaMemcpy to device, 4 KiB pageable": "cudaMemcpy 到设备，4 KiB 可分页",
    "cudaMemcpy to device, 4 MiB pageable": "cudaMemcpy 到设备，4 MiB 可分页",
    "cudaMemcpy to host, 4 KiB pageable": "cudaMemcpy 到主机，4 KiB 可分页",
    "cudaMemcpy on the device, 4 MiB": "cudaMemcpy 设备内，4 MiB",
    "cudaMemcpyAsync to device, 4 KiB pageable": "cudaMemcpyAsync 到设备，4 KiB 可分页",
    "cudaMemcpyAsync to device, 4 MiB pageable": "cudaMemcpyAsync 到设备，4 MiB 可分页",
    "cudaMemcpyAsync to device, 4 MiB pinned": "cudaMemcpyAsync 到设备，4 MiB 锁页",
    "cudaMemcpyAsync to host, 4 KiB pageable": "cudaMemcpyAsync 到主机，4 KiB 可分页",
    "cudaStreamSynchronize of an idle stream": "cudaStreamSynchronize，空闲的流",
    "cudaStreamSynchronize of the legacy stream": "cudaStreamSynchronize，传统默认流",
    "cudaGraphInstantiate, one node": "cudaGraphInstantiate，1 个节点",
    "capture": "捕获", "cudaGraphUpload of a new one": "cudaGraphUpload，新建的 graph",
    "first launch and wait": "首次启动并等待",
    "first launch, uploaded before, and wait": "先 upload，首次启动并等待",
    "launch and wait": "启动并等待", "launch and wait behind it": "其后的启动并等待",
    "cudaGraphExecKernelNodeSetParams, one node": "cudaGraphExecKernelNodeSetParams，1 个节点",
    "cudaGraphExecUpdate, all nodes": "cudaGraphExecUpdate，全部节点",
    "chain of nodes, no decision": "节点链，不做判断",
    "kernels in a stream, no decision": "流中逐个启动，不做判断",
    "the host reads back and decides": "主机读回结果再判断", "WHILE node": "WHILE 节点",
    "block": "block", "occupancy": "占用率", "a tile per block": "每 block 一块数据", "looping": "循环",
    "`{}`, {} registers per thread:": "`{}`，每线程 {} 个寄存器：", "kernel": "kernel",
    "suggested: blocks × threads": "建议：block 数 × 线程数", "resident": "驻留",
    "best of the sweep": "扫描最优", "time x best": "时间 / 最优",
    "Times the best: geometric mean {}, at most {}.": "与最优之比：几何平均 {}，最大 {}。",
    "elements per thread": "每线程元素数", "registers": "寄存器",
    "as many threads as that leaves": "线程数随之减少", "256 per multiprocessor": "每 SM 固定 256 线程",
    "rows of a product per thread": "每线程负责的行数", "blocks that must fit": "要求驻留的 block 数",
    "spilled per thread": "每线程溢出", "ballast per block, KiB": "每 block 的占位共享内存（KiB）",
    "resident there": "此时驻留", "most that a block size allows": "各 block 大小可达的最高占用率",
    "worst of the sweep, x best": "扫描最差 / 最优",
    "µs per step": "µs/步", "µs per iteration": "µs/迭代", "x relaunch": "相对逐步启动",
    "on chip": "全在片上",
    "kernel: low": "轻 kernel", "kernel: medium": "中 kernel", "kernel: high": "重 kernel",
    "low": "轻", "medium": "中", "high": "重", "% of bound": "占上限", "job": "任务", "bound": "上限",
    "x rung 00": "相对 00 阶", "multiply-adds per element": "每元素乘加次数", "copy in": "拷入",
    "copy out": "拷出", "both copies at once": "双向同时", "kernel alone": "只有 kernel",
    "copies in, GB/s": "拷入（GB/s）", "copies out, GB/s": "拷出（GB/s）",
    "both at once, GB/s": "双向同时（GB/s）", "each copy, µs": "每次拷贝（µs）",
    "each launch, µs": "每次启动（µs）", "each chunk for the host, µs": "主机每块（µs）",
    "advised: chunk × slots": "建议：块 × 槽", "chunk": "块", "predicted": "预测",
    "measured": "实测", "measured again": "复测", "{} each way": "进、出各 {}", "stream / graph": "流 / graph",
    "best / advised": "最优 / 建议", "slots": "槽数", "program": "写法", "hardware queues": "硬件队列数",
    "pinned memory, four streams": "锁页内存，四条流",
    "kernels in the default stream": "kernel 放进默认流",
    "cudaStreamSynchronize after every chunk": "每块之后 cudaStreamSynchronize",
    "cudaMalloc and cudaFree for every chunk": "每块 cudaMalloc/cudaFree",
    "pageable memory": "可分页内存",
    "{0} instead of {1} with a {2} kernel ({3} of the bound)":
        "{2} kernel {0}（原 {1}），达上限的 {3}",
    "x rung 10": "相对 10 阶", "bytes": "字节数", "% of pinned": "占锁页拷贝",
    "{} rows of {}": "{} 行，每行 {}", "{} pieces of {}": "{} 块，每块 {}", ", {} B off": "，偏移 {} B",
    "{}, 1 GiB: {} GB/s, {} times `cudaMemcpy`, {}% of pinned memory; from 64 KiB up never less "
    "than {} times ({}).":
        "{}，1 GiB：{} GB/s，是 `cudaMemcpy` 的 {} 倍，达到锁页拷贝的 {}%；64 KiB 以上最低 {} 倍（{}）。",
    "way": "方式", "arrived after": "全部到达", "host kept for": "占住主机", "get; give back": "申请；释放",
    "never": "永不", "pageable, cudaMemcpy": "可分页，cudaMemcpy",
    "pageable, cudaMemcpyAsync": "可分页，cudaMemcpyAsync",
    "pageable, staged copier": "可分页，分段拷贝器", "staged copier": "分段拷贝器",
    "pageable": "可分页", "pinned": "锁页", "registered": "注册", "write-combined": "写合并",
    "managed": "托管", "pinned, cudaMemcpy": "锁页，cudaMemcpy",
    "pinned, cudaMemcpyAsync": "锁页，cudaMemcpyAsync",
    "registered, cudaMemcpyAsync": "注册，cudaMemcpyAsync",
    "write-combined, cudaMemcpyAsync": "写合并，cudaMemcpyAsync",
    "pinned, copied by a kernel": "锁页，kernel 拷贝", "pinned, read by a kernel": "锁页，kernel 直接读",
    "pinned, written by a kernel": "锁页，kernel 直接写",
    "pinned, both directions at once": "锁页，双向同时",
    "pageable and untouched, cudaMemcpy": "可分页且从未访问，cudaMemcpy",
    "managed, cudaMemPrefetchAsync": "托管，cudaMemPrefetchAsync",
    "managed, touched by a kernel": "托管，kernel 访问（缺页）",
    "managed, read-mostly, touched by a kernel": "托管，read-mostly，kernel 访问",
    "managed, read where it is by a kernel": "托管，不迁移，kernel 直接读",
    "managed, touched by the CPU": "托管，CPU 访问（缺页）",
    "pinned, cudaMemcpyAsync and wait": "锁页，cudaMemcpyAsync 加等待",
    "pageable, cudaMemcpyAsync and wait": "可分页，cudaMemcpyAsync 加等待",
    "fresh pages, touched; munmap": "新页并逐页访问；munmap",
    "cudaHostAlloc, write-combined; cudaFreeHost": "cudaHostAlloc 写合并；cudaFreeHost",
    "cudaMallocManaged, touched; cudaFree": "cudaMallocManaged 并逐页访问；cudaFree",
    "pinned_pool, warm": "pinned_pool，已有空闲块",
    "cudaMallocHost pays after": "cudaMallocHost 回本次数",
    "cudaHostRegister pays after": "cudaHostRegister 回本次数",
    "cudaMallocHost, against the copier": "cudaMallocHost，对比拷贝器",
    "cudaHostRegister, against the copier": "cudaHostRegister，对比拷贝器",
    "{}, {}: pageable memory {} GB/s, the same through the staged copier {} GB/s, page-locked {} "
    "GB/s: {} and {} times.":
        "{}，{}：可分页 {} GB/s，经分段拷贝器 {} GB/s，锁页 {} GB/s，分别是 {} 倍和 {} 倍。",
    "Page-locking {}: `cudaMallocHost` {} and `cudaFreeHost` {}, which pays from copy number {} to "
    "the device on; `cudaHostRegister` {} and `cudaHostUnregister` {}, from number {} on.":
        "锁页 {}：`cudaMallocHost` {}、`cudaFreeHost` {}，拷往设备第 {} 次起回本；"
        "`cudaHostRegister` {}、`cudaHostUnregister` {}，第 {} 次起回本。",
    "read, 1 thread": "读，1 线程", "write, 1 thread": "写，1 线程", "read, {} threads": "读，{} 线程",
    "write, {} threads": "写，{} 线程", "CPU work hidden": "掩盖的 CPU 工作",
    "kernel before the call hidden": "掩盖的 kernel，先入队",
    "kernel behind the call hidden": "掩盖的 kernel，后入队",
    "row by row, cudaMemcpyAsync": "逐行 cudaMemcpyAsync",
    "packed by the CPU, one copy": "CPU 打包，一次拷贝", "one copy, unpacked by the CPU": "一次拷贝，CPU 拆包",
    "by a kernel": "用 kernel", "cudaMemcpy2DAsync, pageable": "cudaMemcpy2DAsync，可分页",
    "everything with its gaps, one copy": "连同间隙一次拷贝",
    "one by one, cudaMemcpyAsync": "逐个 cudaMemcpyAsync", "a graph of copies": "拷贝组成的 graph",
    "by a kernel, one launch": "用 kernel，一次启动", "gathered by the CPU, one copy": "CPU 汇集，一次拷贝",
    "one copy, scattered by the CPU": "一次拷贝，CPU 分发", "µs per piece": "每块（µs）",
    "By itself: {}: {} GB/s, {}% of the best of the sweep.": "自动选择：{}：{} GB/s，达到扫描最优的 {}%。",
    "threads": "线程数", "piece": "每份大小", "{} chunks": "{} 块",
    "copier, by itself": "copier 自行选择", "staged by {} threads": "{} 个线程中转",
    "there is one GPU": "只有一块 GPU", "The host: {}.": "主机：{}。", "{} cores": "{} 个核",
    "{} NUMA nodes": "{} 个 NUMA 节点", "one NUMA node": "1 个 NUMA 节点", "transparent huge pages: {}": "透明大页：{}",
    "these two GPUs cannot reach each other's memory": "这两块 GPU 不能直接访问彼此的显存",
    "cudaMemcpyPeerAsync, no peer access": "cudaMemcpyPeerAsync，未开 peer access",
    "cudaMemcpyPeerAsync, peer access": "cudaMemcpyPeerAsync，已开 peer access",
    "Over {} products, the first algorithm that cublasLt names takes {} times as long as the "
    "best of all (geometric mean), at most {} times ({} × {} × {}: {} instead of {}); it is "
    "within 2% of the best for {} of them.":
        "共 {} 个乘法：cublasLt 推荐的第一个算法，耗时是全部候选中最优者的 {} 倍（几何平均），最多 {} 倍"
        "（{} × {} × {}：{}，最优 {}）；其中 {} 个与最优相差不到 2%。",
    "rows begin on multiples of": "行首对齐到", "rows padded to 16 bytes": "行补齐到 16 字节",
    "tiles of 128 × 256": "128 × 256 tile 数", "waves": "波数", "full": "填满程度",
    "weights, GB/s": "权重，GB/s", "µs per token": "每 token（µs）", "x cublasLt": "相对 cublasLt",
    "under load, TFLOP/s": "持续负载，TFLOP/s", "SM clock": "SM 时钟", "power": "功耗",
    "{}, cublasLt's best: bf16 at 4096 × n × 4096 runs at {} TFLOP/s for n = 4096, {} for n "
    "= 4097, and {} for 4097 with rows padded to 16 bytes. The deepest step of a sweep over "
    "m is {} to {} TFLOP/s from m = {} to {}. One token takes {}, 64 tokens {}. By type at "
    "4096³, TFLOP/s: {}.":
        "{}，cublasLt 最优算法：bf16，4096 × n × 4096，n = 4096 时 {} TFLOP/s，n = 4097 时 {}，"
        "4097 但每行补齐到 16 字节时 {}。沿 m 扫描，最大的一级台阶从 {} 掉到 {} TFLOP/s（m 从 {} 到 {}）。"
        "1 个 token 用 {}，64 个用 {}。4096³ 各类型，TFLOP/s：{}。",
    "TFLOP/s (int8: TOP/s), in brackets times the best of cublasLt.":
        "单位 TFLOP/s（int8 为 TOP/s），括号内为相对 cublasLt 最优算法的倍数。",
    "{}: geometric mean {}, lowest {} ({} × {} × {})": "{} 几何平均 {}，最低 {}（{} × {} × {}）",
    "Times the best of cublasLt": "相对 cublasLt 最优算法",
    "first / best, geometric mean": "首个 / 最优，几何平均", "at most": "最差", "shapes": "形状数",
    "`gemm_tc::run`, in brackets times the best of cublasLt":
        "`gemm_tc::run`，括号内为相对 cublasLt 最优算法的倍数",
    "{}: {} at 4096³ and {} at 8192³": "{}：4096³ {}，8192³ {}",
    "24 products of transformers": "24 个 transformer 乘法",
    "16³ to 512³, graph replay": "16³ 到 512³，graph 重放",
    "1 to 64 tokens, graph replay": "1 到 64 个 token，graph 重放",
    "removed": "删除", "weakened": "放宽", "redundant": "多余", "survives": "存活",
}  # fmt: skip


def number(value, digits=3):
    """With this many significant digits, never in powers of ten."""
    if value == 0:
        return "0"
    places = digits - 1 - math.floor(math.log10(abs(value)))
    return f"{round(value, places):.{max(places, 0)}f}"


def duration(us):
    if us < 1e3:
        return f"{number(us)} µs"
    return f"{number(us * 1e-3)} ms" if us < 1e6 else f"{number(us * 1e-6)} s"


def items(shape):
    """The count in the shape of a layout or of lookups, with its unit."""
    count, unit = re.fullmatch(r"(\d+)(particles|of\d+)", shape).groups()
    return int(count), "particles" if unit == "particles" else "lookups"


def rate(case):
    if case["bound_by_memory"]:
        if case.topic == "gemm":
            return f"{number(case['bytes_per_second'] * 1e-9)} GB/s"
        text = f"{case['bytes_per_second'] * 1e-9:.0f} GB/s"
        if re.search("particles|of", case.shape):
            count, unit = items(case.shape)
            text += f", {number(count / case['median_us'] * 1e-3)} G {unit}/s"
        return text
    return f"{number(case['flops_per_second'] * 1e-12)} TFLOP/s"


def share(case):
    return f"{100 * case['ceiling_ratio']:.1f}%"


def ratio(value):
    return f"{value:.2f}"


def power_of_two(count):
    if count >= 2**10 and count & (count - 1) == 0:
        return f"2^{count.bit_length() - 1}"
    return f"{count:,}".replace(",", " ")


def pretty_shape(shape, mode="stream"):
    if match := re.fullmatch(r"(\d+)(@\d+)?", shape):
        text = power_of_two(int(match[1])) + (f", {match[2][1:]} off" if match[2] else "")
    elif re.match(r"\d+x", shape):
        text = shape.replace("x", " × ").replace(" × b", " × batch ").replace(":", ", ")
        text = re.sub(r"\+(\d+)", r", gaps of \1", text)
        text = re.sub(r"@(\d+)", r", `in` \1 off", text)
    elif match := re.fullmatch(r"(\d+)([KMG]iB):(\w+)", shape):
        text = f"{match[1]} {match[2]} each way, kernel {match[3]}"
    else:
        count, unit = items(shape)
        text = f"{count:,} {unit}".replace(",", " ")
        if unit == "lookups":
            text += f" in {int(shape.partition('of')[2]) / 2**18:g} MiB"
    return text if mode == "stream" else f"{text}, {mode}"


def table(header, rows, align):
    """align: l or r per column."""
    lines = ["| " + " | ".join(header) + " |"]
    lines.append("|" + "|".join("---" if one == "l" else "--:" for one in align) + "|")
    for row in rows:
        cells = list(row) + [""] * (len(header) - len(row))
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def span(values, unit=""):
    low, high = min(values), max(values)
    return f"{low:.0f}{unit}" if low == high else f"{low:.0f}–{high:.0f}{unit}"


def provenance(sources):
    """Where figures come from: a line per run that took part. sources: cases, or contexts."""
    contexts, clocks = [], {}
    for source in sources:
        context = source.context if isinstance(source, Case) else source
        if not any(context is other for other in contexts):
            contexts.append(context)
        values = source.values if isinstance(source, Case) else source
        if "sm_clock_mhz" in values:
            clocks.setdefault(id(context), []).append(float(values["sm_clock_mhz"]))
    lines = []
    for context in contexts:
        vendors = [f"{name} {context[key]}" for key, name in (("cublas", "cuBLAS"), ("cub", "CUB"))
                   if key in context]
        parts = [context["gpu"], f"driver {context['driver']}", f"CUDA {context['toolkit']}",
                 *vendors, context["date"][:10], f"commit {context['commit']}"]
        if id(context) in clocks:
            maximum = context.get("sm_clock_mhz_max")
            parts.append(f"SM clock {span(clocks[id(context)])} MHz while measuring"
                         + (f" (maximum {float(maximum):.0f})" if maximum else ""))
        if "ceiling_fma_tflops" in context:
            fma, copy = (float(context[f"ceiling_{key}"]) for key in ("fma_tflops", "copy_gbps"))
            read = float(context.get("ceiling_read_gbps", 0))
            parts.append(f"measured ceilings {number(fma)} TFLOP/s, {number(copy, 4)} GB/s copied"
                         f" and {number(read, 4)} GB/s read" if read else
                         f"measured ceilings {number(fma)} TFLOP/s and {number(copy, 4)} GB/s")
        lines.append("<sub>" + " · ".join(parts) + "</sub>")
    return "\n".join(lines)
