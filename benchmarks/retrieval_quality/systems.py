"""What is compared: fusions of the same two rankings, some with one of them spoilt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from assay.pipeline.context import RunContext
from assay.pipeline.words import Ranking
from assay.stages.fuse.adaptive import Adaptive, AdaptiveConfig
from assay.stages.fuse.interleave import Interleave, InterleaveConfig
from assay.stages.fuse.rrf import Rrf, RrfConfig
from assay.stages.fuse.weighted import Weighted, WeightedConfig
from assay.training.fusion_weights import out_of_order
from benchmarks.retrieval_quality.source import Found, Fusion

PARTS = ("bm25", "dense")
FUSIONS = ("rrf", "weighted", "interleave", "adaptive")

WITH_FEEDBACK = "adaptive with feedback"
FEEDBACK_WEIGHTS: Mapping[str, float] = {"bm25": 0.34, "dense": 0.41, "feedback": 0.25}
"""Of the parts and the second search in ``WITH_FEEDBACK``, chosen on the dev folds."""


def fusions(weights: Mapping[str, float], *, model: str | None = None) -> dict[str, Fusion]:
    """The fusion nodes, by the names of ``FUSIONS``, and ``WITH_FEEDBACK`` for three rankings.

    Args:
        weights: of the parts, for ``weighted`` and ``adaptive``.
        model: file with fitted weights for ``adaptive``; None for its formula.
    """
    adaptive = Adaptive(AdaptiveConfig(weights=dict(weights), model=model))
    again = Adaptive(AdaptiveConfig(weights=dict(FEEDBACK_WEIGHTS), model=model))
    adaptive.start()
    again.start()
    return {
        "rrf": Rrf(RrfConfig()).run,
        "weighted": Weighted(WeightedConfig(weights=dict(weights))).run,
        "interleave": Interleave(InterleaveConfig(first="dense")).run,
        "adaptive": lambda rankings: adaptive.run(rankings, RunContext()),
        WITH_FEEDBACK: lambda rankings: again.run(rankings, RunContext()),
    }


def shuffled(found: Sequence[Found], part: str, *, seed: int = 0) -> list[Mapping[str, Ranking]]:
    """Each question's rankings, those of one part in random order (scores stay at their places)."""
    generator = np.random.default_rng(seed)
    return [{**one.rankings, part: out_of_order(one.rankings[part], generator)} for one in found]


def exchanged(found: Sequence[Found], part: str, *, seed: int = 0) -> list[Mapping[str, Ranking]]:
    """Each question's rankings, that of one part made for another question.

    The other one is drawn from all questions that see the same passages; where there is none, the
    ranking is the question's own.
    """
    generator = np.random.default_rng(seed)
    by_filters: dict[tuple[tuple[str, object], ...], list[int]] = {}
    for place, one in enumerate(found):
        by_filters.setdefault(tuple(one.question.query.filters.items()), []).append(place)
    spoilt: list[Mapping[str, Ranking]] = []
    for place, one in enumerate(found):
        alike = by_filters[tuple(one.question.query.filters.items())]
        others = [other for other in alike if other != place] or [place]
        strange = found[others[int(generator.integers(len(others)))]].rankings[part]
        own = Ranking(one.question.query, strange.hits, strange.source)
        spoilt.append({**one.rankings, part: own})
    return spoilt
