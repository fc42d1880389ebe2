"""What analysing suites read off run records: one node's ranking, and where a passage stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from assay.corpora.dataset import Dataset
from assay.corpora.document import Document
from assay.evaluation.metrics import ranking
from assay.evaluation.observation import Observation
from assay.evaluation.plan import Plan
from assay.evaluation.suites.comparing import counted
from assay.evaluation.suites.suite import Record
from assay.pipeline.errors import UsageError, nearest


def ranking_node(plan: Plan, named: str = "") -> str:
    """The node whose ranking is looked at.

    Args:
        plan: of the pipeline.
        named: a node, or '' for the last ranking before the selection.

    Raises:
        UsageError: if the pipeline makes no ranking, or none of that name.
    """
    if named:
        if named not in plan.rankings:
            raise UsageError(
                f"the pipeline has no node '{named}' that puts out a ranking;"
                f" {nearest(named, plan.rankings)}"
            )
        return named
    if plan.ranking is None:
        raise UsageError(
            "the pipeline makes no ranking before it selects: there is nothing to look at"
        )
    return plan.ranking


def judged(dataset: Dataset, notes: list[str]) -> Dataset:
    """Only the questions with a passage judged relevant; the others are counted in the notes.

    Raises:
        UsageError: if there is none.
    """
    able = tuple(
        one
        for one in dataset.queries
        if any(grade > 0 for grade in dataset.qrels.get(one.id, {}).values())
    )
    if not able:
        raise UsageError(
            f"no passage of '{dataset.name}' is judged relevant for any of"
            f" {len(dataset.queries)} questions: rankings cannot be scored"
        )
    left = len(dataset.queries) - len(able)
    if left:
        notes.append(f"{counted(left, 'question')} left out: no passage is judged relevant.")
    return replace(dataset, queries=able)


def without_ranking(records: Sequence[Record], node: str) -> int:
    """How many questions have no ranking of a node: it failed, or a gate stood before it.

    Raises:
        UsageError: if none has one.
    """
    missing = sum("passages" not in one["stages"].get(node, {}) for one in records)
    if records and missing == len(records):
        outcome = records[0]
        why = outcome.get("error") or outcome.get("abstention") or {}
        said = why.get("message") or why.get("detail") or "nothing was said"
        raise UsageError(
            f"the node '{node}' made no ranking on any of {missing} questions; the first one was"
            f" {outcome['outcome']}: {said}"
        )
    return missing


def scores_of(record: Record, node: str) -> dict[str, float]:
    """Passage to score, in the order of the node's ranking; empty if it did not run."""
    entry = record["stages"].get(node, {})
    return {str(one["id"]): float(one["score"]) for one in entry.get("passages", ())}


def kinds_of(record: Record, node: str) -> list[str]:
    """The kind of each hit's score, in the order of the node's ranking."""
    entry = record["stages"].get(node, {})
    return [str(one["kind"]) for one in entry.get("passages", ())]


def rank_in(ranked: Sequence[str], passage: str) -> int | None:
    """Rank from 1; None where the passage is not there.

    >>> rank_in(["a", "b"], "b"), rank_in(["a", "b"], "c")
    (2, None)
    """
    return ranked.index(passage) + 1 if passage in ranked else None


def with_ranking(one: Observation, node: str, ranked: Iterable[str]) -> Observation:
    """The same question as if a node had put out another ranking; its scores fall by rank."""
    passages = [
        {"id": name, "score": -float(place), "kind": "order"} for place, name in enumerate(ranked)
    ]
    stages: dict[str, Any] = {**one.record["stages"], node: {"passages": passages}}
    return replace(one, record={**one.record, "stages": stages})


def ranking_values(observations: Sequence[Observation], node: str) -> dict[str, list[float | None]]:
    """``recall@10``, ``ndcg@10`` and so on of each question, by trec_eval's code."""
    return ranking.values(observations, node)


def texts_of(documents: Iterable[Document]) -> Mapping[str, str]:
    """Passage id to what a reader of it sees: the title, a line end, the text."""
    return {one.id: f"{one.title}\n{one.text}" if one.title else one.text for one in documents}
