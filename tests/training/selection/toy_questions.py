"""Labelled rankings from which it can be learned what is needed, and what cannot."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from assay.models.passage_set import Numbers
from assay.pipeline import Hit, Passage, Query, Ranking, Score, ScoreKind
from assay.training.labelled_rankings import LabelledRankings
from tests.words import LOCAL

DIMENSION = 8


def questions(count: int, *, seed: int = 0, group: str = "toy") -> list[LabelledRankings]:
    """Of six passages those are needed that a second ranking scores above 0.7; sometimes none."""
    generator = np.random.default_rng(seed)
    found = []
    for number in range(count):
        query = Query(f"question {number} of {group}", LOCAL, id=f"{group}-{number}")
        passages = [
            Passage(f"{group}{number}-{place}", f"d{place}", f"text {place}", LOCAL)
            for place in range(6)
        ]
        second = generator.uniform(size=6)
        found.append(
            LabelledRankings(
                {
                    "ranking": _ranked(query, passages, generator.uniform(size=6)),
                    "second": _ranked(query, passages, second),
                },
                {one.id: 1 for one, score in zip(passages, second, strict=True) if score > 0.7},
                group,
                f"{group}-{number // 2}",
            )
        )
    return found


def _ranked(query: Query, passages: Sequence[Passage], scores: NDArray[np.float64]) -> Ranking:
    hits = [
        Hit(one, Score(float(score), ScoreKind.COSINE, "toy"))
        for one, score in zip(passages, scores, strict=True)
    ]
    return Ranking(query, tuple(sorted(hits, key=lambda hit: -hit.score.value)), "toy")


def vectors(query: Query, passages: Sequence[Passage]) -> tuple[Numbers, Numbers]:
    """Vectors that tell nothing."""
    generator = np.random.default_rng(list(query.id.encode()))
    return (
        generator.normal(size=DIMENSION).astype(np.float32),
        generator.normal(size=(len(passages), DIMENSION)).astype(np.float32),
    )
