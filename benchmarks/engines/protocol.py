"""What each measured system must offer, so that all are measured by the same code."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar

NAP = 0.3
"""Seconds that each node of the graph ``Shape.NAPS`` sleeps."""


class Shape(StrEnum):
    """The graphs that are run."""

    CHAIN = "chain"
    """Eight nodes in a row; the first takes the question, the last makes an answer."""
    DIAMOND = "diamond"
    """One node, two branches of three, one node that joins them: eight nodes."""
    NAPS = "naps"
    """Two nodes that sleep and do not need one another, and a node that joins them."""
    UNRECORDED = "unrecorded"
    """The chain without records of what the nodes gave; only for a system that has them."""
    READ = "read"
    """The chain, and its record read: entries are made when they are first looked at."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a peer's last node makes: field by field as much work as our own answer."""

    text: str
    citations: tuple[Any, ...]
    evidence: tuple[Any, ...]
    confidence: Any | None = None
    source: str = ""
    signals: Mapping[str, float] = field(default_factory=dict)
    certificate: str | None = None


def answer(text: str) -> Answer:
    """The work of every peer's last node."""
    return Answer(text, (), (), source="bench.answer@1")


class Engine(ABC):
    """One system with its graphs, built once and run many times."""

    distribution: ClassVar[str]
    """The installed package whose version is shown."""
    batch_call: ClassVar[str] = "loop"
    """How many questions are run: the system's own call, or a loop over single runs."""
    single_call: ClassVar[str]
    """How one question is run."""

    def close(self) -> None:  # noqa: B027 - most systems hold nothing
        """Release what the system holds."""

    @abstractmethod
    def given(self, text: str) -> Any:
        """What a run takes, made beforehand: it is not part of the time."""

    @abstractmethod
    def run(self, shape: Shape, given: Any) -> Any:
        """Run a graph once and return what the system returns."""

    @abstractmethod
    def text(self, output: Any) -> str:
        """The text of the answer in what ``run`` returned."""

    def timed(self, shape: Shape, inputs: Sequence[Any]) -> tuple[list[float], list[Any]]:
        """Seconds and output of each run, one after the other."""
        seconds, outputs = [], []
        for one in inputs:
            begin = time.perf_counter()
            output = self.run(shape, one)
            seconds.append(time.perf_counter() - begin)
            outputs.append(output)
        return seconds, outputs

    def batch(self, inputs: Sequence[Any]) -> list[Any]:
        """Run the chain for many inputs, as the system's documentation says."""
        return [self.run(Shape.CHAIN, one) for one in inputs]

    def build(self) -> None:
        """Build a file of 30 nodes with all checks; only for a system that reads files."""
        raise ValueError(f"{self.distribution} reads no pipeline file")
