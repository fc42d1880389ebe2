"""A task at one depth: every system's nDCG@10, and what it cost."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from assay.evaluation.statistics.resampling import Estimate
from benchmarks.rerank_figures.first_stage import Candidates
from benchmarks.rerank_figures.language_models import Ordered, reordered
from benchmarks.rerank_figures.scores import Scores
from benchmarks.rerank_figures.systems import ALONE, INPUT, Cost, System, cost_of, reranked
from benchmarks.retrieval_quality.scoring import interval, ndcg
from benchmarks.retrieval_quality.tasks import Question, Task

PETA = 1e15


@dataclass(frozen=True, slots=True)
class Row:
    """A task at one depth over one input.

    Args:
        task: its name.
        source: the input's name.
        depth: passages that were reranked.
        questions: in order.
        values: nDCG@10 by system, in that order.
        costs: by system, in that order.
        left_out: questions of the fold that have no scores yet.
    """

    task: str
    source: str
    depth: int
    questions: Sequence[Question]
    values: Mapping[str, Sequence[float]]
    costs: Mapping[str, Sequence[Cost]]
    left_out: int

    def mean(self, system: str) -> float:
        """Of its nDCG@10."""
        return sum(self.values[system]) / len(self.questions)

    def difference(self, system: str) -> Estimate:
        """To the input, with the paired interval."""
        pairs = zip(self.values[system], self.values[INPUT], strict=True)
        return interval(self.questions, [one - before for one, before in pairs])

    def asked(self, system: str) -> float:
        """Share of the questions for which the reranker was asked."""
        return sum(one.calls > 0 for one in self.costs[system]) / len(self.questions)

    def cost(self, system: str) -> Cost:
        """Mean of a question; calls and tokens rounded."""
        own, n = self.costs[system], len(self.questions)
        return Cost(
            round(sum(one.calls for one in own) / n),
            round(sum(one.tokens for one in own) / n),
            sum(one.flops for one in own) / n,
            sum(one.seconds for one in own) / n,
        )

    def per_petaflop(self, system: str) -> tuple[float | None, float | None]:
        """RPP and QPP (E2R-FLOPs, Peng et al. 2025); None where nothing was computed."""
        rpp = [
            value / (one.flops / PETA)
            for value, one in zip(self.values[system], self.costs[system], strict=True)
            if one.flops
        ]
        mean = self.cost(system).flops
        return (sum(rpp) / len(rpp) if rpp else None, PETA / mean if mean else None)

    def to_json(self) -> dict[str, Any]:
        """All figures."""
        return {
            "task": self.task,
            "input": self.source,
            "depth": self.depth,
            "n": len(self.questions),
            "left_out": self.left_out,
            "systems": {
                name: {
                    "ndcg@10": self.mean(name),
                    "difference": self.difference(name).value,
                    "difference.ci95": self.difference(name).interval,
                    "asked": self.asked(name),
                    "rpp": self.per_petaflop(name)[0],
                    "qpp": self.per_petaflop(name)[1],
                    **asdict(self.cost(name)),
                }
                for name in self.values
            },
        }


def oracle(row: Row) -> float:
    """Mean of the better one of input and reranker for each question: what a perfect gate has.

    Args:
        row: with the reranker alone among its systems.
    """
    pairs = zip(row.values[INPUT], row.values[ALONE], strict=True)
    return sum(max(pair) for pair in pairs) / len(row.questions)


def measured(
    task: Task,
    found: Sequence[Candidates],
    known: Scores,
    source: str,
    depth: int,
    fold: str,
    compared: Mapping[str, System],
) -> list[Row]:
    """One row, or none where no question has its scores.

    Args:
        task: what was asked.
        found: its questions with their rankings.
        known: scores that are there.
        source: the input's name.
        depth: passages that are reranked.
        fold: ``dev``, ``report`` or ``all``.
        compared: by name.
    """
    wanted = [one for one in found if fold in ("all", one.question.fold)]
    kept = [
        one
        for one in wanted
        if all(
            hit.passage.id in known.get(one.question.query.id, {})
            for hit in one.ranking.hits[:depth]
        )
    ]
    left_out = len(wanted) - len(kept)
    if left_out:
        print(
            f"{task.name}, {source}, {depth}: {left_out} without scores left out", file=sys.stderr
        )
    if not kept:
        return []
    questions = [one.question for one in kept]
    own = [known[one.question.query.id] for one in kept]
    new = [reranked(one, pairs, depth) for one, pairs in zip(kept, own, strict=True)]
    spent = [cost_of(one, pairs, depth) for one, pairs in zip(kept, own, strict=True)]
    values, costs = {}, {}
    for name, system in compared.items():
        made = [system(one, again) for one, again in zip(kept, new, strict=True)]
        values[name] = ndcg(questions, [one.ranking for one in made])
        costs[name] = [
            (cost if one.asked else Cost()) + one.more
            for cost, one in zip(spent, made, strict=True)
        ]
    return [Row(task.name, source, depth, questions, values, costs, left_out)]


def measured_orders(
    task: Task,
    found: Sequence[Candidates],
    orders: Mapping[str, Mapping[str, Ordered]],
    source: str,
    depth: int,
) -> list[Row]:
    """What language models made of it: a row over the questions that all of them have ordered.

    Args:
        task: what was asked.
        found: its questions with their rankings.
        orders: by method, then question id.
        source: the input's name.
        depth: passages that were ordered.
    """
    kept = [one for one in found if all(one.question.query.id in own for own in orders.values())]
    if not kept:
        return []
    questions = [one.question for one in kept]
    values = {INPUT: ndcg(questions, [one.ranking for one in kept])}
    costs = {INPUT: [Cost() for _ in kept]}
    for name, own in orders.items():
        told = [own[one.question.query.id] for one in kept]
        new = [reordered(one, order.ids) for one, order in zip(kept, told, strict=True)]
        values[name] = ndcg(questions, new)
        costs[name] = [order.cost for order in told]
    return [Row(task.name, source, depth, questions, values, costs, len(found) - len(kept))]
