"""Stability: how much do rankings and answers move when the corpus changes a little?"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from assay.corpora.dataset import Dataset
from assay.corpora.document import Document
from assay.corpora.matching import normalise_answer
from assay.evaluation.observation import Observation
from assay.evaluation.statistics.resampling import Statistic, mean
from assay.evaluation.suites.comparing import clusters_of, compared, counted, observed, right
from assay.evaluation.suites.rank_similarity import kendall_tau, overlap_at, rank_biased_overlap
from assay.evaluation.suites.suite import Findings, Row, Runner, Suite
from assay.pipeline.errors import UsageError

DEPTH = 10
"""Ranks that are compared."""

Percent = Annotated[float, Field(gt=0, le=50)]

_COPY = "-copy"


@dataclass(frozen=True, slots=True)
class _Corpus:
    """A changed corpus.

    Args:
        name: of its row.
        documents: what it holds.
    """

    name: str
    documents: tuple[Document, ...]


class StabilitySuite(BaseModel, Suite):
    """Adds, removes and repeats passages that no asked question needs.

    Passages that are relevant to no asked question are set aside, and the corpus without
    them is the first row; some of them are then added, others removed, others repeated
    under a new id with a sentence behind. Each row says how alike the first ten
    passages of the last ranking before the selection are to those of the first row
    (overlap, rank-biased overlap, Kendall's tau of the shared ones; a repeated passage is
    taken for its original), how many questions have another outcome or answer, and how
    many are right.

    Nothing of this changes what is true, so a movement is noise: of scores that depend on
    the collection, of an approximate index, of ties.
    Cost: the pipeline's cost for each question, once a row; a corpus is indexed a row.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: ClassVar[str] = "How far small changes of the corpus move rankings and answers"

    added: tuple[Percent, ...] = Field(
        default=(1, 5, 10), description="unrelated passages added, in percent of the corpus"
    )
    removed: tuple[Percent, ...] = Field(
        default=(5,), description="unrelated passages removed, in percent of the corpus"
    )
    repeated: tuple[Percent, ...] = Field(
        default=(5,), description="unrelated passages repeated, in percent of the corpus"
    )

    def measure(self, dataset: Dataset, runner: Runner, *, seed: int) -> Findings:
        """See ``Suite.measure``."""
        if runner.plan.ranking is None:
            raise UsageError(
                "the pipeline makes no ranking before it selects: there is nothing to compare"
            )
        notes: list[str] = []
        base, corpora = self._corpora(dataset, seed, notes)
        records = runner.run(dataset.queries, label="stability first", documents=base)
        before = observed(dataset, records, runner.plan)
        rows = [
            compared(
                f"{len(base)} passages",
                clusters_of(before),
                {"right": mean([_number(right(one)) for one in before])},
                seed=seed,
            )
        ]
        per_query: list[Mapping[str, Any]] = []
        for corpus in corpora:
            records = runner.run(
                dataset.queries, label=f"stability {corpus.name}", documents=corpus.documents
            )
            now = observed(dataset, records, runner.plan)
            moved = [_moved(one, other) for one, other in zip(before, now, strict=True)]
            rows.append(_row(corpus.name, before, now, moved, seed))
            per_query += [
                {"query_id": one.query.id, "row": corpus.name, "text": one.query.text}
                | found
                | {"answer": one.text, "answer_before": old.text}
                for old, one, found in zip(before, now, moved, strict=True)
            ]
        return Findings("stability", self.title, rows, notes, per_query)

    def _corpora(
        self, dataset: Dataset, seed: int, notes: list[str]
    ) -> tuple[tuple[Document, ...], list[_Corpus]]:
        """The first corpus and the changed ones."""
        asked = {one.id for one in dataset.queries}
        needed = {
            name
            for query_id, grades in dataset.qrels.items()
            if query_id in asked
            for name, grade in grades.items()
            if grade > 0
        }
        free = [one for one in dataset.documents if one.id not in needed]
        random.Random(f"{seed}|stability").shuffle(free)
        aside = round(max(self.added, default=0) / 100 * len(dataset.documents))
        if len(free) < 2 or aside >= len(free):
            raise UsageError(
                f"only {len(free)} of {counted(len(dataset.documents), 'passage')} of the set"
                f" '{dataset.name}' are relevant to no asked question, and {aside} are to be set"
                " aside: ask fewer questions with --limit, or lower 'added'"
            )
        outside, inside = free[:aside], free[aside:]
        out = {one.id for one in outside}
        base = tuple(one for one in dataset.documents if one.id not in out)
        corpora = list(self._changed(base, outside, inside, notes))
        return base, corpora

    def _changed(
        self,
        base: tuple[Document, ...],
        outside: Sequence[Document],
        inside: Sequence[Document],
        notes: list[str],
    ) -> Iterator[_Corpus]:
        for percent in self.added:
            some = outside[: _count(percent, base)]
            yield _Corpus(f"{percent:g} % added", (*base, *some))
        for percent in self.removed:
            some = inside[: _count(percent, base)]
            if len(some) < _count(percent, base):
                notes.append(_few("removed", percent, some, base))
            gone = {one.id for one in some}
            left = tuple(one for one in base if one.id not in gone)
            yield _Corpus(f"{percent:g} % removed", left)
        for percent in self.repeated:
            some = inside[: _count(percent, base)]
            if len(some) < _count(percent, base):
                notes.append(_few("repeated", percent, some, base))
            yield _Corpus(f"{percent:g} % repeated", (*base, *map(_copied, some)))


def _moved(before: Observation, now: Observation) -> dict[str, Any]:
    """What changed for one question."""
    node = now.plan.ranking or ""
    first, second = _top(before, node), _top(now, node)
    same = before.record["outcome"] == now.record["outcome"] and normalise_answer(
        before.text or ""
    ) == normalise_answer(now.text or "")
    return {
        "overlap@10": overlap_at(first, second, DEPTH),
        "rbo": rank_biased_overlap(first, second),
        "tau": kendall_tau(first, second),
        "same_first": first[:1] == second[:1],
        "changed": not same,
    }


def _row(
    name: str,
    before: Sequence[Observation],
    now: Sequence[Observation],
    moved: Sequence[Mapping[str, Any]],
    seed: int,
) -> Row:
    statistics: dict[str, Statistic] = {"right": mean([_number(right(one)) for one in now])}
    for column, key in (
        ("overlap@10", "overlap@10"),
        ("rbo", "rbo"),
        ("tau", "tau"),
        ("same first", "same_first"),
        ("answers changed", "changed"),
    ):
        statistics[column] = mean([None if one[key] is None else float(one[key]) for one in moved])
    first: dict[str, Statistic] = {"right": mean([_number(right(one)) for one in before])}
    return compared(name, clusters_of(before), statistics, first, seed=seed)


def _top(one: Observation, node: str) -> list[str]:
    """The first passages, copies taken for their originals."""
    names = dict.fromkeys(name.removesuffix(_COPY) for name in one.ranked(node))
    return list(names)[:DEPTH]


def _copied(one: Document) -> Document:
    return replace(
        one, id=f"{one.id}{_COPY}", text=f"{one.text}\n\nThis text was taken over unchanged."
    )


def _count(percent: float, base: Sequence[Document]) -> int:
    return max(1, round(percent / 100 * len(base)))


def _few(what: str, percent: float, some: Sequence[Document], base: Sequence[Document]) -> str:
    return (
        f"{percent:g} % {what}: only {counted(len(some), 'passage')} of {len(base)}, since all"
        " others are relevant to an asked question."
    )


def _number(value: bool | None) -> float | None:
    return None if value is None else float(value)
