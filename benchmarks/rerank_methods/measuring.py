"""Runs a method with simulated rankers over many made rankings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import numpy as np
from numpy.typing import NDArray

from assay.pipeline.context import RunContext
from assay.pipeline.registry import find
from assay.pipeline.words import Passage, Scope
from assay.stages.rerank.windowed import WindowedRerank
from assay.stages.schedules.schedule import Places, drive
from assay.stages.windows.self_consistent import SelfConsistent, SelfConsistentConfig
from assay.stages.windows.window import Ordered, Window, WindowRanker
from benchmarks.rerank_methods.methods import Method
from benchmarks.rerank_methods.problems import ndcg, problem
from benchmarks.rerank_methods.rankers import RANKERS, SimulatedRanker

MOST = 1000
"""Passages that the simulated rankers read at a time; each method keeps to its own windows."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A method with one ranker over all rankings.

    Args:
        ndcg: nDCG@10 of each.
        calls: windows asked for.
        rounds: of windows, one after another.
        read: passages in all windows.
    """

    ndcg: tuple[float, ...]
    calls: tuple[int, ...]
    rounds: tuple[int, ...]
    read: tuple[int, ...]

    def then(self, more: Measured) -> Measured:
        """These rankings and further ones."""
        return Measured(
            self.ndcg + more.ndcg,
            self.calls + more.calls,
            self.rounds + more.rounds,
            self.read + more.read,
        )


def first_stage(n: int, seeds: Sequence[int]) -> list[float]:
    """nDCG@10 before reranking."""
    return [ndcg(problem(n, seed).grades, range(n)) for seed in seeds]


def measured(method: Method, ranker: str, n: int, seeds: Sequence[int]) -> Measured:
    """Run a method; the same rankings for every method and ranker, the noise its own each.

    Args:
        method: of the table.
        ranker: a name in ``RANKERS``.
        n: passages.
        seeds: of the rankings.
    """
    number = list(RANKERS).index(ranker)
    rows = [_once(method, ranker, n, (seed, number, n)) for seed in seeds]
    return Measured(*cast(tuple[tuple[float, ...], ...], tuple(zip(*rows, strict=True))))  # type: ignore[arg-type]


def _once(method: Method, ranker: str, n: int, seed: Sequence[int]) -> tuple[float, int, int, int]:
    made = problem(n, seed[0])
    noisy = SimulatedRanker(RANKERS[ranker], made.relevance, seed=seed, most=MOST)
    rounds = 0

    def ask(asked: Sequence[tuple[int, Places]]) -> list[Ordered]:
        nonlocal rounds
        rounds += 1
        windows = [places for _, places in asked]
        if method.samples == 1:
            return noisy.answers(windows)
        return _consistent(noisy, method.samples, windows)

    node = reranker(method, n, noisy)
    generator = np.random.default_rng([*seed, 1])
    (found,) = drive([node.schedule(n, generator)], ask)
    sizes = noisy.windows
    return ndcg(made.grades, found.order), len(sizes), rounds, sum(sizes)


def reranker(method: Method, n: int, ranker: WindowRanker) -> WindowedRerank:
    """The method's node for n passages."""
    component = cast(type[WindowedRerank], find(f"rerank.{method.use}@1"))
    config = component.Config.model_validate({"depth": n, **method.config})
    return component(config, ranker=ranker)  # type: ignore[arg-type]


def _consistent(ranker: SimulatedRanker, samples: int, windows: Sequence[Places]) -> list[Ordered]:
    """The registered window ranker over the simulated one."""
    asked = SelfConsistent(SelfConsistentConfig(samples=samples), ranker=ranker)
    scope = Scope("benchmark")
    shown = [
        Window("query", tuple(Passage(str(one), str(one), "", scope) for one in places))
        for places in windows
    ]
    return asked.rank(shown, [RunContext() for _ in shown])


def intervals(
    values: NDArray[np.float64], *, resamples: int = 2000, seed: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """95 % intervals of means by bootstrap over rankings, the same draws for every row.

    Args:
        values: shape ``(rows, rankings)``.
        resamples: draws.
        seed: of the draws.

    Returns:
        Low and high ends, shape ``(rows,)`` each.
    """
    means = values @ _weights(values.shape[1], resamples, seed).T
    low, high = np.quantile(means, [0.025, 0.975], axis=1)
    return low, high


@lru_cache(maxsize=8)
def _weights(count: int, resamples: int, seed: int) -> NDArray[np.float64]:
    drawn = np.random.default_rng(seed).integers(0, count, (resamples, count))
    weights: NDArray[np.float64] = np.stack([np.bincount(one, minlength=count) for one in drawn])
    return weights / count
