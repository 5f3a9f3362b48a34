# SPDX-License-Identifier: Apache-2.0
"""What has been measured, and the rungs it was measured of."""

import dataclasses
import json
import re


class Problem(Exception):
    """Something that the user must put right; the text says what."""


@dataclasses.dataclass
class Topic:
    shape: str  # regular expression
    shape_example: str
    usual_shapes: list  # of the row of a rung
    front_doors: dict  # as the benchmark calls them -> idea
    vendors: dict  # first digits of steps, or front doors -> whose time is compared with ours
    is_latency: bool = False  # no rates: its tables are its own
    usual_type: str = "f32"  # of its cases
    page: str = ""  # docs/<page>.md, if it is not called like the topic

    def vendor_of(self, rung):
        who = rung.split("/")[-1]  # without the type
        return next(name for key, name in self.vendors.items() if who.startswith(key))

    def page_name(self, topic):
        return f"docs/{self.page or topic}.md"


TOPICS = {
    "gemm": Topic(
        r"\d+x\d+x\d+(xb\d+)?", "64x64x64",
        ["1024x1024x1024", "2048x2048x2048", "4096x4096x4096", "8192x8192x8192"],
        {"run": "the front door, which chooses among the rungs"}, {"": "cuBLAS"}),
    "gemm_tc": Topic(
        r"\d+x\d+x\d+(xb\d+)?(:[nt]{2})?", "4096x4096x4096",
        ["1024x1024x1024", "2048x2048x2048", "4096x4096x4096", "8192x8192x8192"],
        {"run": "the front door: any type, any legal problem"}, {"": "cublasLt"},
        usual_type="bf16", page="gemm_tensor_cores"),
    "grid_sync": Topic(r"\d+x\d+", "132x256", [], {}, {"": "grid.sync()"}, is_latency=True,
                       usual_type="barrier"),
    "memory": Topic(
        r"\d+x\d+(\+\d+)?(@\d+)?|\d+particles|\d+of\d+", "8192x8192",
        ["1024x1024", "8192x8192", "16384x16384", "8191x8193", "8192x8191+1", "8192x8192@1",
         "16777216particles", "67108864of1048576", "67108864of4194304", "67108864of16777216"],
        {"transpose": "the front door: any element type, any legal problem",
         "copy_2d": "the front door: any element type, any legal problem"},
        {"0": "cuBLAS", "1": "cudaMemcpy", "2": "rung 20", "3": "rung 30",
         "transpose": "cuBLAS", "copy_2d": "cudaMemcpy"}),
    "pipeline": Topic(r"\d+[KMG]iB:(low|medium|high)", "1GiB:low", [], {}, {"": "rung 00"},
                      is_latency=True),
    "reduce": Topic(
        r"\d+(@\d+)?|\d+x\d+(:columns)?", "268435456",
        ["65536", "4194304", "16777216", "268435456", "1073741824"],
        {"run": "the front door: any operation, any type, any alignment"}, {"": "CUB"}),
    "scan": Topic(
        r"\d+(@\d+)?", "268435456",
        ["65536", "1048576", "16777216", "268435456"],
        {"run": "the front door: any operation, any alignment"}, {"": "CUB"}),
    "rowwise": Topic(
        r"\d+x\d+(\+\d+)?(@\d+)?", "65536x4096",
        ["262144x1024", "65536x4096", "16384x16384", "4096x65536"],
        {"softmax": "the front door: any length and alignment",
         "layernorm": "the front door: any length and alignment",
         "rmsnorm": "the front door: any length and alignment"},
        {"0": "rung 01", "1": "rung 11", "softmax": "rung 01", "layernorm": "rung 11",
         "rmsnorm": "rung 11"}),
    "transfer": Topic(
        r"(\d+(x|of))?\d+([KMG]iB)?(\+\d+)?(@\d+)?(:out)?", "16MiB", [], {},
        {"0": "cudaMemcpy", "1": "rung 10", "2": "rung 20", "3": "rung 30"}, is_latency=True,
        usual_type="bytes"),
    "solver": Topic(
        r"\d+x\d+", "1024x1024", [],
        {"jacobi": "the front door: on chip where it fits, any size",
         "conjugate_gradient": "the front door: on chip where it fits, any size"},
        {"": "relaunch"}, is_latency=True),
}  # fmt: skip


@dataclasses.dataclass
class Case:
    """One case of a benchmark program, <topic>/<type>/<rung>/<shape>[/<mode>]. Where the type is
    not f32, it stands before the rung: "bf16/softmax"."""

    topic: str
    rung: str
    shape: str
    mode: str
    label: str
    values: dict
    context: dict

    def __getitem__(self, counter):
        return self.values[counter]

    @property
    def size(self):
        return int(self.shape.split("x")[0])

    @property
    def is_cube(self):
        return len(set(self.shape.split("x"))) == 1


@dataclasses.dataclass
class Gpu:
    folder: str
    cases: dict = dataclasses.field(default_factory=dict)  # (topic, rung, shape, mode) -> Case
    accuracy: dict | None = None
    latency: dict | None = None
    memory_study: dict | None = None
    reduce_accuracy: dict | None = None
    grid_sync_study: dict | None = None
    launch_overheads: dict | None = None
    launch_shapes: dict | None = None
    schedule_study: dict | None = None
    pipeline_study: dict | None = None
    pipeline_run_study: dict | None = None
    transfer_study: dict | None = None
    gemm_tc_shapes: dict | None = None
    gemm_tc_grouped: dict | None = None
    gemm_tc_limits: dict | None = None

    def case(self, rung, shape, mode="stream", topic="gemm"):
        return self.cases.get((topic, rung, shape, mode))

    def cases_of(self, rung, topic="gemm"):
        return [case for case in self.cases.values() if (case.topic, case.rung) == (topic, rung)]


def read_json(path):
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise Problem(f"{path}: not JSON: {error}") from error


def add_cases(gpu, path):
    report = read_json(path)
    for run in report["benchmarks"]:
        if run.get("run_type") != "iteration":
            continue
        name = run["name"]
        if run.get("error_occurred") or run.get("skipped") or "median_us" not in run:
            raise Problem(f"{path}: {name} failed; results with failures are not published")
        parts = name.split("/")
        if len(parts) not in (4, 5) or parts[0] not in TOPICS:
            raise Problem(f"{path}: cannot read the case name {name}")
        mode = parts[4] if len(parts) == 5 else "stream"
        usual_type = TOPICS[parts[0]].usual_type
        rung = parts[2] if parts[1] == usual_type else f"{parts[1]}/{parts[2]}"
        key = (parts[0], rung, parts[3], mode)
        if key in gpu.cases:
            raise Problem(f"{path}: {name} has been measured twice; keep one")
        gpu.cases[key] = Case(*key, run.get("label", ""), run, report["context"])


# Results that are not cases: the file, and the attribute of Gpu.
STUDIES = {"gemm_accuracy": "accuracy", "gemm_latency": "latency", "memory_study": "memory_study",
           "reduce_accuracy": "reduce_accuracy", "launch_overheads": "launch_overheads",
           "launch_shapes": "launch_shapes", "pipeline_study": "pipeline_study",
           "pipeline_run_study": "pipeline_run_study",
           "schedule_study": "schedule_study",
           "transfer_study": "transfer_study",
           "grid_sync_study": "grid_sync_study", "gemm_tc_shapes": "gemm_tc_shapes",
           "gemm_tc_grouped": "gemm_tc_grouped", "gemm_tc_limits": "gemm_tc_limits"}


def read_results(folder):
    gpus = []
    for gpu_folder in sorted(path for path in folder.glob("*") if path.is_dir()):
        gpu = Gpu(gpu_folder.name)
        for path in sorted(gpu_folder.glob("*.json")):
            if path.stem in STUDIES:
                setattr(gpu, STUDIES[path.stem], read_json(path))
            elif any(f"{path.stem}_".startswith(f"{topic}_") for topic in TOPICS):
                add_cases(gpu, path)
        gpus.append(gpu)
    return gpus


@dataclasses.dataclass
class Rung:
    step: str  # two digits; "": a front door
    name: str
    idea: str

    @property
    def full_name(self):
        return f"{self.step}_{self.name}" if self.step else self.name


def read_rungs(root, topic):
    """The rungs that ladder.cuh includes, with what their rung_info says."""
    folder = root / "kernels/warpladder" / topic
    ladder = (folder / "ladder.cuh").read_text(encoding="utf-8")
    rungs = []
    for step, name in re.findall(rf"<warpladder/{topic}/(\d\d)_(\w+)\.cuh>", ladder):
        path = folder / f"{step}_{name}.cuh"
        info = re.search(r"rung_info info\s*\{(.*?)\};", path.read_text(encoding="utf-8"), re.S)
        texts = re.findall(r'"((?:[^"\\]|\\.)*)"', info.group(1)) if info else []
        if len(texts) < 2 or texts[0] != name:
            raise Problem(f"{path}: cannot read its rung_info")
        rungs.append(Rung(step, name, "".join(texts[1:])))
    return rungs
