"""Our own engine under measurement."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar

from assay.pipeline import Answer, Pipeline, Query, Scope, build_text, node
from benchmarks.engines.protocol import NAP, Engine, Shape


@node("bench.read@1")
def read(query: Query) -> str:
    """Take the text out of a question."""
    return query.text


@node("bench.forward@1")
def forward(text: str) -> str:
    """Do nothing."""
    return text


@node("bench.nap@1")
def nap(query: Query) -> str:
    """Wait, as for a server that answers slowly."""
    time.sleep(NAP)
    return query.text


@node("bench.answer@1")
def answer(text: str) -> Answer:
    """Make an answer."""
    return Answer(text, (), (), source="bench.answer@1")


@node("bench.join@1")
def join(left: str, right: str) -> Answer:
    """Make an answer of two branches."""
    return Answer(left, (), (), source="bench.join@1")


def chain_file(length: int) -> str:
    """A pipeline file with nodes in a row."""
    nodes = {"step_1": ("bench.read@1", {"query": "query"})}
    for place in range(2, length):
        nodes[f"step_{place}"] = ("bench.forward@1", {"text": f"step_{place - 1}"})
    nodes[f"step_{length}"] = ("bench.answer@1", {"text": f"step_{length - 1}"})
    return _file(nodes)


def diamond_file(length: int) -> str:
    """A pipeline file with two branches of ``(length - 2) / 2`` nodes each."""
    nodes = {"first": ("bench.read@1", {"query": "query"})}
    last = {}
    for branch in ("left", "right"):
        last[branch] = "first"
        for place in range(1, (length - 2) // 2 + 1):
            nodes[f"{branch}_{place}"] = ("bench.forward@1", {"text": last[branch]})
            last[branch] = f"{branch}_{place}"
    nodes["last"] = ("bench.join@1", last)
    return _file(nodes)


def naps_file() -> str:
    """A pipeline file with two nodes that sleep and do not need one another."""
    nodes = {side: ("bench.nap@1", {"query": "query"}) for side in ("left", "right")}
    nodes["last"] = ("bench.join@1", {"left": "left", "right": "right"})
    return _file(nodes)


def _file(nodes: Mapping[str, tuple[str, Mapping[str, str]]]) -> str:
    lines = ["assay: 1", "name: bench", "nodes:"]
    for name, (use, feeds) in nodes.items():
        ports = ", ".join(f"{port}: {feed}" for port, feed in feeds.items())
        lines.append(f"  {name}: {{use: {use}, inputs: {{{ports}}}}}")
    return "\n".join([*lines, f"output: {list(nodes)[-1]}", ""])


class Ours(Engine):
    """Pipelines built from files."""

    distribution = "assay"
    batch_call = "`pipeline.batch`"
    single_call = "`pipeline.run`"
    files: ClassVar[Mapping[Shape, str]] = {
        Shape.CHAIN: chain_file(8),
        Shape.DIAMOND: diamond_file(8),
        Shape.NAPS: naps_file(),
    }

    def __init__(self) -> None:
        self._life = ExitStack()
        self._large = diamond_file(30)
        self._pipelines = {
            shape: self._life.enter_context(_built(text)) for shape, text in self.files.items()
        }

    def close(self) -> None:
        """End the pipelines' threads."""
        self._life.close()

    def given(self, text: str) -> Query:
        """A question of one tenant."""
        return Query(text, Scope("bench"))

    def run(self, shape: Shape, given: Query) -> Any:
        """One run, with records or without."""
        if shape is Shape.UNRECORDED:
            return self._pipelines[Shape.CHAIN].run(given, record=False)
        if shape is Shape.READ:
            record = self._pipelines[Shape.CHAIN].run(given)
            if len(dict(record.stages)) != 8 or len(dict(record.cost)) != 8:
                raise ValueError(f"a record of {len(record.stages)} stages, expected 8")
            return record
        return self._pipelines[shape].run(given)

    def text(self, output: Any) -> str:
        """The text of the record's answer."""
        return str(output.outcome.text)

    def batch(self, inputs: Sequence[Query]) -> list[Any]:
        """The pipeline's own batch call."""
        return list(self._pipelines[Shape.CHAIN].batch(inputs))

    def build(self) -> None:
        """Read, check and plan a diamond of 30 nodes."""
        _built(self._large)


def _built(text: str) -> Pipeline:
    return build_text(text, name="bench", base=Path())
