"""Rows of a suite's table: figures with intervals, and paired differences from the first row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from assay.corpora.dataset import Dataset
from assay.evaluation.evaluate import cluster_of
from assay.evaluation.metrics import abstention, answers, ranking
from assay.evaluation.observation import Observation, observe
from assay.evaluation.plan import Plan
from assay.evaluation.statistics.resampling import Resampler, Statistic, Values, Weights
from assay.evaluation.suites.suite import Record, Row

ANSWERING: Mapping[str, str] = {
    "recall@10": "retrieval.recall@10",
    "ndcg@10": "retrieval.ndcg@10",
    "correct": "qa.correct",
    "coverage": "abstention.coverage",
    "risk": "abstention.risk",
}
"""Columns of a suite that asks changed questions, by the keys of ``metrics.json``."""


def observed(dataset: Dataset, records: Sequence[Record], plan: Plan) -> list[Observation]:
    """The set's questions with their records; changed questions keep their ids and labels."""
    return observe(dataset, records, plan)


def answering(observations: Sequence[Observation]) -> dict[str, Statistic]:
    """The statistics of ``ANSWERING``; one that is not measurable is NaN everywhere."""
    figures = {
        **ranking.measure(observations).figures,
        **answers.measure(observations).figures,
        **abstention.measure(observations).figures,
    }
    return {column: figures[key].statistic for column, key in ANSWERING.items()}


def clusters_of(observations: Sequence[Observation]) -> list[str]:
    """The cluster of each question."""
    return [cluster_of(one) for one in observations]


def compared(
    name: str,
    clusters: Sequence[str],
    now: Mapping[str, Statistic],
    before: Mapping[str, Statistic] | None = None,
    *,
    seed: int,
) -> Row:
    """A row with its differences from another run of the same questions.

    Args:
        name: what was asked.
        clusters: of the questions, in the order that the statistics know them in.
        now: column to statistic.
        before: the same of the first row, over exactly these questions; None for the
            first row itself. Columns that it lacks get no difference.
        seed: of the bootstrap, which draws whole clusters and both sides together.
    """
    resampler = Resampler(clusters, seed=seed)
    differences = {
        key: _difference(statistic, before[key])
        for key, statistic in now.items()
        if before is not None and key in before
    }
    return Row(
        name=name,
        n=len(clusters),
        values={key: resampler.estimate(one) for key, one in now.items()},
        differences={key: resampler.estimate(one) for key, one in differences.items()},
    )


def only(dataset: Dataset, places: Sequence[int]) -> Dataset:
    """The set with some of its questions, by their places."""
    return replace(dataset, queries=tuple(dataset.queries[place] for place in places))


def right(one: Observation) -> bool | None:
    """Whether a question came out as it should; None where the set does not say.

    A right answer where there is one, an abstention where there is none.
    """
    if not one.query.answerable:
        return one.abstained
    if not one.query.answers:
        return None
    return one.text is not None and bool(one.right(one.text))


def came_out(one: Observation) -> dict[str, Any]:
    """What became of a question, for the per-query file."""
    return {"outcome": one.record["outcome"], "answer": one.text, "right": right(one)}


def counted(number: int, thing: str) -> str:
    """A number with its noun.

    >>> counted(1, "typo"), counted(0, "typo")
    ('1 typo', '0 typos')
    """
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _difference(now: Statistic, before: Statistic) -> Statistic:
    def statistic(weights: Weights) -> Values:
        return now(weights) - before(weights)

    return statistic
