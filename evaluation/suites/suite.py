"""What a suite is: one question about a pipeline that its plain figures do not answer.

A suite gets a labelled set and a ``Runner``, asks the pipeline what it needs to ask
(the questions as they are, changed questions, a changed corpus), and hands back a
table. One suite a file; ``assay suite NAME`` finds the file by its name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from assay.corpora.dataset import Dataset, LabelledQuery
from assay.corpora.document import Document
from assay.evaluation.plan import Plan
from assay.evaluation.statistics.resampling import Estimate

Record = Mapping[str, Any]
"""A run record as JSON."""


class Runner(Protocol):
    """Runs the pipeline that a suite looks at; what was run once is not run again."""

    @property
    def plan(self) -> Plan:
        """The pipeline's rankings and selections."""
        ...

    def run(
        self,
        queries: Sequence[LabelledQuery],
        *,
        label: str,
        documents: Sequence[Document] | None = None,
        overrides: Collection[str] = (),
    ) -> list[Record]:
        """One run record a question, in the order of the questions.

        Args:
            queries: what to ask.
            label: names this run: a second call with the same label, questions,
                documents and overrides takes the records from disk.
            documents: ask over a corpus of exactly these passages, indexed aside; None
                asks over the pipeline's own corpus.
            overrides: fields to set, as ``--set`` takes them (``node.field=value``).

        Raises:
            UsageError: if an override names nothing of the pipeline, or the pipeline has
                no corpus of this machine where ``documents`` are given.
        """
        ...


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a suite's table.

    Args:
        name: what was asked, such as ``"one typo a question"``.
        n: questions behind it.
        values: metric to its value and interval.
        differences: metric to the paired difference from the first row, with its
            interval; empty for the first row and where nothing is paired.
    """

    name: str
    n: int
    values: Mapping[str, Estimate]
    differences: Mapping[str, Estimate] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Findings:
    """What a suite found.

    Args:
        suite: its name.
        title: what it shows, one line.
        rows: the table; the first row is what the others are compared with.
        notes: what a reader must know: counts left out and why, what was not measurable.
        per_query: one mapping a question or pair, for ``per_query.jsonl``.
    """

    suite: str
    title: str
    rows: Sequence[Row]
    notes: Sequence[str] = ()
    per_query: Sequence[Mapping[str, Any]] = ()


class Suite(ABC):
    """One suite. Subclasses are frozen pydantic models or dataclasses; fields are options."""

    title: ClassVar[str]
    """What it shows, one line."""

    @abstractmethod
    def measure(self, dataset: Dataset, runner: Runner, *, seed: int) -> Findings:
        """Ask and compare.

        Args:
            dataset: the questions to use, with their labels and passages.
            runner: runs the pipeline.
            seed: of every random choice.

        Raises:
            UsageError: if the set or the pipeline lacks what the suite needs; the message
                says what.
        """
