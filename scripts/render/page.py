# SPDX-License-Identifier: Apache-2.0
"""The page that is written, and the generators of what stands on it."""

import functools
import os

from render.results import Problem, TOPICS
from render.words import CHINESE, NOT_YET


class Page:
    """What generators know: the results, the ladder, and the page that they write for."""

    def __init__(self, root, gpus, rungs, path):
        self.root, self.gpus, self.path = root, gpus, path
        self.rungs = rungs  # topic -> list
        self.chinese = path.parent.name == "zh"

    def say(self, text):
        return CHINESE.get(text, text) if self.chinese else text

    def not_yet(self):
        return f"*{self.say(NOT_YET)}*"

    def per_gpu(self, render):
        """One block per GPU that has something to say, else "not measured yet"."""
        blocks = [block for block in map(render, self.gpus) if block]
        return "\n\n".join(blocks) if blocks else self.not_yet()

    def header(self, *texts):
        return [self.say(text) for text in texts]

    def link(self, target):
        return os.path.relpath(self.root / target, self.path.parent).replace(os.sep, "/")


GENERATORS = {}


def generator(name):
    """TOPIC/... stands for one generator per topic with rates, which it gets as an argument."""
    def register(function):
        if name.startswith("TOPIC/"):
            for topic in (one for one in TOPICS if not TOPICS[one].is_latency):
                GENERATORS[name.replace("TOPIC", topic)] = functools.partial(function, topic=topic)
        else:
            GENERATORS[name] = function
        return function
    return register


@generator("quote")
def quote(page, file, region, language=None):
    region = region.replace("_", " ")
    lines = (page.root / file).read_text(encoding="utf-8").splitlines()
    begin = [i for i, line in enumerate(lines) if line.strip().endswith(f"[{region}]")]
    end = [i for i, line in enumerate(lines) if line.strip().endswith(f"[/{region}]")]
    if len(begin) != 1 or len(end) != 1 or begin[0] >= end[0]:
        raise Problem(f"{file}: has no region between [{region}] and [/{region}]")
    inside = lines[begin[0] + 1:end[0]]
    indent = min(len(line) - len(line.lstrip()) for line in inside if line.strip())
    return "\n".join([f"```{language or 'cpp'}"] + [line[indent:] for line in inside] + ["```"])
