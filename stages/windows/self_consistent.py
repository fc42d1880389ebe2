"""Permutation self-consistency: any ranker, asked several times in several orders."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from pydantic import Field

from assay.pipeline.canonical import digest
from assay.pipeline.component import Config, register
from assay.pipeline.context import Cost, RunContext
from assay.stages.comparisons.aggregator import AggregatorName, aggregator, aggregator_digest
from assay.stages.comparisons.comparisons import by_score
from assay.stages.comparisons.votes import agreement, bounded_weights, comparisons_of
from assay.stages.windows.window import Ordered, Sizes, Window, WindowAbility, WindowRanker


class SelfConsistentConfig(Config):
    """Settings of ``windows.self_consistent@1``."""

    samples: int = Field(5, ge=1, le=100, description="orders in which a window is shown")
    aggregator: AggregatorName = Field("kemeny", description="how the votes become one order")
    robust: bool = Field(
        False, description="votes far from the consensus count less, so that none moves it far"
    )
    seed: int = Field(0, ge=0, description="of the shuffles, with the window's own content")


@register("windows.self_consistent@1")
class SelfConsistent(WindowRanker):
    """Show each window in several random orders and take the order that fits all answers best.

    Removes what comes of the place at which a passage is shown. An answer that cannot be read
    is no vote, since it would vote for its shuffle; a window without any vote failed. How far
    votes agree (mean Kendall tau) is noted as ``agreement``, of several windows the least, and
    says how sure the order is. Scores are log-odds that a passage beats another one of the
    window, one more win and loss added to the votes.

    Source: Tang et al. 2024 (permutation self-consistency); Kemeny 1959. Cost: ``samples``
    windows for each, in the same round.

    Args:
        config: see ``SelfConsistentConfig``.
        ranker: who is asked.
    """

    Config = SelfConsistentConfig

    def __init__(self, config: SelfConsistentConfig, *, ranker: WindowRanker) -> None:
        super().__init__(config)
        self.ranker = ranker

    @property
    def abilities(self) -> frozenset[str]:
        """It tells scores, whatever the ranker does, and reads remarks where the ranker does."""
        return frozenset({WindowAbility.SCORES}) | (self.ranker.abilities & {WindowAbility.REMARKS})

    @property
    def max_window(self) -> int:
        """The ranker's."""
        return self.ranker.max_window

    def fingerprint(self) -> str:
        """Over the name, the config and the ranker."""
        settings = self.config.model_dump(mode="json")
        return digest(
            {
                "name": self.name,
                "config": settings,
                "aggregator": aggregator_digest(self.config.aggregator),
                "ranker": self.ranker.fingerprint(),
            }
        )

    def rank(self, windows: Sequence[Window], contexts: Sequence[RunContext]) -> list[Ordered]:
        """Ask for all shuffles of all windows in one round."""
        shuffles = [self._shuffles(window) for window in windows]
        asked = [
            _shown(window, order)
            for window, orders in zip(windows, shuffles, strict=True)
            for order in orders
        ]
        owners = [
            context for context, orders in zip(contexts, shuffles, strict=True) for _ in orders
        ]
        said = iter(self.ranker.rank(asked, owners))
        return [
            self._agreed(len(window.passages), orders, said, context)
            for window, orders, context in zip(windows, shuffles, contexts, strict=True)
        ]

    def estimate(self, window: int, sizes: Sizes) -> Cost:
        """``samples`` times the ranker's, in as many rounds."""
        one = self.ranker.estimate(window, sizes)
        samples = self.config.samples
        return replace(
            one,
            calls=samples * one.calls,
            tokens_in=samples * one.tokens_in,
            tokens_out=samples * one.tokens_out,
            tokens_cached=samples * one.tokens_cached,
            flops=samples * one.flops,
        )

    def _shuffles(self, window: Window) -> list[tuple[int, ...]]:
        """As shown, then random orders that depend on the seed and the window alone."""
        n = len(window.passages)
        told = "|".join([str(self.config.seed), window.query, *(one.id for one in window.passages)])
        seed = int.from_bytes(hashlib.sha256(told.encode()).digest()[:8], "big")
        generator = np.random.default_rng(seed)
        drawn = [generator.permutation(n) for _ in range(self.config.samples - 1)]
        return [tuple(range(n)), *(tuple(int(one) for one in order) for order in drawn)]

    def _agreed(
        self,
        n: int,
        shuffles: Sequence[tuple[int, ...]],
        said: Iterator[Ordered],
        context: RunContext,
    ) -> Ordered:
        votes, reasoning = [], ""
        for shown in shuffles:
            one = next(said)
            if not one.failed:
                votes.append(tuple(shown[place] for place in one.order))
                reasoning = reasoning or one.reasoning
        if not votes:
            return Ordered(tuple(range(n)), None, failed=True)
        least = context.notes.get("agreement", 1.0)
        now = round(agreement(votes), 6)
        context.note(agreement=min(now, float(least)) if isinstance(least, float) else now)
        weights = bounded_weights(votes, n) if self.config.robust else None
        comparisons = comparisons_of(votes, n, weights=weights)
        combine = aggregator(self.config.aggregator)
        order = by_score(combine(comparisons, np.random.default_rng(self.config.seed)))
        won, lost = comparisons.wins.sum(axis=1) + 1, comparisons.wins.sum(axis=0) + 1
        scores = tuple(float(one) for one in np.log(won / lost))
        return Ordered(order, scores, reasoning=reasoning)


def _shown(window: Window, order: Sequence[int]) -> Window:
    """The same window in another order."""
    return Window(
        window.query,
        tuple(window.passages[place] for place in order),
        tuple(window.remarks[place] for place in order) if window.remarks else (),
    )
