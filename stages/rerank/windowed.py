"""What all rerankers over windows share: from a ranking to a schedule and back."""

from __future__ import annotations

import functools
import hashlib
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from pydantic import BaseModel, Field

from assay.pipeline.component import Config, Node
from assay.pipeline.context import Cost, RunContext
from assay.pipeline.words import Hit, Query, Ranking, Score, ScoreKind
from assay.stages.schedules.schedule import Demand, Places, Schedule, demand, drive
from assay.stages.windows.window import Ordered, Sizes, Window, WindowRanker

FEW, MANY = 10, 40
"""Simulated runs of which the mean is the estimate, and those where they differ."""


class WindowedConfig(Config):
    """Settings that all rerankers over windows have."""

    depth: int = Field(
        100,
        ge=1,
        le=1000,
        description="passages that are reranked; those behind them follow in the order in which"
        " they came",
    )


class WindowedRerank(Node):
    """Base of rerankers that show a few passages at a time to a window ranker.

    A subclass has a config and one method, ``schedule``. The output is always a permutation of
    the ranking that came in; each hit's score is 1 / its place, which says nothing but the order.
    Windows of all queries of a batch go to the ranker together.

    Args:
        config: at least the fields of ``WindowedConfig``.
        ranker: orders the windows.
    """

    gives = ("order",)

    def __init__(self, config: WindowedConfig, *, ranker: WindowRanker) -> None:
        super().__init__(config)
        self.ranker = ranker
        self._demands: dict[int, Sequence[Demand]] = {}  # by depth, see _simulated

    def with_config(self, config: BaseModel) -> Self:
        """The same node with another config, sharing its ranker."""
        twin = super().with_config(config)
        twin._demands = {}
        return twin

    @abstractmethod
    def schedule(self, n: int, generator: np.random.Generator) -> Schedule:
        """The schedule for n candidates.

        Args:
            n: candidates, at least 1.
            generator: for every random choice; seeded by the request and the question.
        """

    def run(self, query: Query, ranking: Ranking, context: RunContext) -> Ranking:
        """Rerank the best ``depth`` hits; the others follow as they came."""
        return self.run_batch([{"query": query, "ranking": ranking}], [context])[0]

    def run_batch(
        self, items: Sequence[Mapping[str, Any]], contexts: Sequence[RunContext]
    ) -> list[Ranking]:
        """Rerank for several queries side by side; see ``run``."""
        heads = [item["ranking"].hits[: self.config.depth] for item in items]
        remarks = [self.remarks(item, head) for item, head in zip(items, heads, strict=True)]
        busy = [number for number, head in enumerate(heads) if head]

        def ask(asked: Sequence[tuple[int, Places]]) -> list[Ordered]:
            owners = [busy[one] for one, _ in asked]
            windows = [
                Window(
                    items[number]["query"].text,
                    tuple(heads[number][place].passage for place in places),
                    tuple(remarks[number][place] for place in places) if remarks[number] else (),
                )
                for number, (_, places) in zip(owners, asked, strict=True)
            ]
            return self.ranker.rank(windows, [contexts[number] for number in owners])

        schedules = [
            self.schedule(
                len(heads[number]), generator_of(items[number]["query"], contexts[number])
            )
            for number in busy
        ]
        orders: dict[int, Places] = {}
        for number, arranged in zip(busy, drive(schedules, ask), strict=True):
            orders[number] = arranged.order
            contexts[number].note(**arranged.notes)
        return [
            self._ranking(item["query"], item["ranking"], orders.get(number, ()))
            for number, item in enumerate(items)
        ]

    def remarks(self, item: Mapping[str, Any], head: Sequence[Hit]) -> Sequence[str]:
        """A line for each hit that the ranker reads beside the passage; none by default.

        Args:
            item: values of the ports.
            head: the hits that are reranked.
        """
        return ()

    def estimate(self, n: int, sizes: Sizes) -> Cost:
        """What a ranking of n passages will cost; once started.

        What a schedule asks may depend on the answers: it is run with perfect rankers, each of
        which knows another random order of the passages, and the mean is told.
        """
        total, simulated = Cost(), self._simulated(n)
        runs = max(1, len(simulated))
        for asked in simulated:
            for size, count in asked.windows.items():
                one = self.ranker.estimate(size, sizes)
                total.calls += count * one.calls
                total.tokens_in += count * one.tokens_in
                total.tokens_out += count * one.tokens_out
                total.tokens_cached += count * one.tokens_cached
                total.flops += count * one.flops
            total.rounds += asked.rounds
        return Cost(
            calls=round(total.calls / runs),
            rounds=round(total.rounds / runs),
            tokens_in=round(total.tokens_in / runs),
            tokens_out=round(total.tokens_out / runs),
            tokens_cached=round(total.tokens_cached / runs),
            flops=total.flops / runs,
        )

    def estimate_note(self, n: int) -> str:
        """How far the estimate is a mean: the least and the most that perfect rankers cost."""
        simulated = self._simulated(n)
        figures = {
            "windows": [asked.windows.total() for asked in simulated],
            "passages shown": [_shown(asked) for asked in simulated],
            "rounds": [asked.rounds for asked in simulated],
        }
        told = [
            f"{min(found)} to {max(found)} {unit}"
            for unit, found in figures.items()
            if len(set(found)) > 1
        ]
        return f"mean, by the answers {', '.join(told)}" if told else ""

    def _simulated(self, n: int) -> Sequence[Demand]:
        """What is asked of perfect rankers, each of which knows another order; none for n = 0.

        ``FEW`` of them where all are asked the same, else ``MANY``.
        """
        depth = min(n, self.config.depth)
        if not depth:
            return ()
        if depth not in self._demands:
            found = [self._demand(depth, seed) for seed in range(FEW)]
            if any(one != found[0] for one in found):
                found += [self._demand(depth, seed) for seed in range(FEW, MANY)]
            self._demands[depth] = found
        return self._demands[depth]

    def _demand(self, depth: int, seed: int) -> Demand:
        hidden = np.random.default_rng(seed).permutation(depth).tolist()
        schedule = self.schedule(depth, np.random.default_rng(seed))
        return demand(schedule, functools.partial(sorted_by, hidden))

    def _ranking(self, query: Query, ranking: Ranking, order: Places) -> Ranking:
        hits = [ranking.hits[place] for place in order] + list(ranking.hits[len(order) :])
        return Ranking(
            query,
            tuple(
                Hit(hit.passage, Score(1 / place, ScoreKind.ORDER, self.name))
                for place, hit in enumerate(hits, 1)
            ),
            self.name,
        )


def _shown(asked: Demand) -> int:
    return sum(size * count for size, count in asked.windows.items())


def generator_of(query: Query, context: RunContext) -> np.random.Generator:
    """A generator that depends on the request's seed and the question alone."""
    mixed = hashlib.sha256(f"{context.seed}|{query.text}".encode()).digest()
    return np.random.default_rng(int.from_bytes(mixed[:8], "big"))


def sorted_by(relevance: Sequence[int], places: Places) -> Ordered:
    """What a ranker says who knows how relevant each place is, larger is better."""
    scores = tuple(float(relevance[place]) for place in places)
    order = sorted(range(len(places)), key=lambda one: -scores[one])
    return Ordered(tuple(order), scores)
