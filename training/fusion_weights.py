"""Fit the coefficients of ``fuse.adaptive`` to labelled rankings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from assay.corpora.analyzer import Analyzer
from assay.corpora.fusion import Scheme, normalised
from assay.pipeline.errors import UsageError
from assay.pipeline.words import Hit, Ranking
from assay.stages.fuse.evidence import signals_of
from assay.stages.fuse.weight_model import SIGNALS, WeightModel

CUT = 10
STEPS = (-2.0, -1.0, -0.5, -0.25, -0.1, 0.1, 0.25, 0.5, 1.0, 2.0)
SWEEPS = 10
LEAST_GAIN = 1e-5
"""A step must better the mean by more than this, so that noise moves nothing."""


@dataclass(frozen=True, slots=True)
class LabelledRankings:
    """The rankings of one query with what is relevant to it.

    Args:
        rankings: by name.
        grades: passage id to grade; above 0 for at least one.
        group: examples of one group count together as much as every other group, such as a
            data set.
    """

    rankings: Mapping[str, Ranking]
    grades: Mapping[str, int]
    group: str = ""


@dataclass(frozen=True, slots=True)
class _Example:
    """Arrays of one query: signals ``(rankings, signals)``, prior ``(rankings,)``, normalised
    scores ``(rankings, passages)``, gains ``(passages,)`` and the best possible DCG."""

    signals: NDArray[np.float64]
    prior: NDArray[np.float64]
    scores: NDArray[np.float64]
    gains: NDArray[np.float64]
    ideal: float
    weight: float


def fit(
    examples: Sequence[LabelledRankings],
    *,
    analyzer: Analyzer,
    look: int = 100,
    normalise: Scheme = "min_max",
    prior: Mapping[str, float] | None = None,
    facts: Mapping[str, object] | None = None,
) -> WeightModel:
    """The coefficients with the best mean nDCG@10 (linear gain), by coordinate ascent.

    It begins with the formula (reliability 1, all others 0), tries for one coefficient after the
    other every step of ``STEPS``, keeps the best, and stops after a sweep that betters nothing.
    Examples with a bad partner (``out_of_order``) among the others keep it careful. Use the same
    settings in ``fuse.adaptive``, and questions that no figure is made on.

    Source: Metzler and Croft 2007, "Linear feature-based models for information retrieval",
    Information Retrieval 10(3), section on coordinate ascent; here with a fixed set of steps.

    Args:
        examples: at least one.
        analyzer: as the node has it.
        look: as the node has it.
        normalise: as the node has it.
        prior: the node's ``weights``.
        facts: told in the model's file.

    Raises:
        UsageError: if there is nothing to learn from.
    """
    if not examples:
        raise UsageError("cannot fit fusion weights without labelled rankings")
    sizes: dict[str, int] = {}
    for one in examples:
        sizes[one.group] = sizes.get(one.group, 0) + 1
    arrays = [
        _arrays(one, analyzer, look, normalise, prior, 1 / (sizes[one.group] * len(sizes)))
        for one in examples
    ]
    coefficients = np.array([1.0 if name == "reliability" else 0.0 for name in SIGNALS])
    best = _mean_ndcg(arrays, coefficients)
    for _ in range(SWEEPS):
        before = best
        for place in range(len(SIGNALS)):
            tried = np.repeat(coefficients[None], len(STEPS), axis=0)
            tried[:, place] += STEPS
            values = [_mean_ndcg(arrays, one) for one in tried]
            if max(values) > best + LEAST_GAIN:
                best = max(values)
                coefficients = tried[values.index(best)]
        if best == before:
            break
    return WeightModel(
        {name: round(float(one), 6) for name, one in zip(SIGNALS, coefficients, strict=True)},
        {**(facts or {}), "examples": len(examples), "ndcg@10": round(best, 6)},
    )


def out_of_order(ranking: Ranking, generator: np.random.Generator) -> Ranking:
    """The ranking with its passages in random order; the scores stay at their places.

    Args:
        ranking: what is shuffled.
        generator: makes the order.
    """
    order = generator.permutation(len(ranking.hits)).tolist()
    hits = tuple(
        Hit(ranking.hits[place].passage, hit.score)
        for place, hit in zip(order, ranking.hits, strict=True)
    )
    return Ranking(ranking.query, hits, ranking.source)


def _arrays(
    one: LabelledRankings,
    analyzer: Analyzer,
    look: int,
    normalise: Scheme,
    prior: Mapping[str, float] | None,
    weight: float,
) -> _Example:
    names = sorted(one.rankings)
    if not names:
        raise UsageError("an example without rankings has nothing to weigh")
    text = one.rankings[names[0]].query.text
    signals = signals_of(text, one.rankings, analyzer=analyzer, look=look)
    places = {
        hit: place
        for place, hit in enumerate(sorted({i for name in names for i in one.rankings[name].ids}))
    }
    scores = np.zeros((len(names), len(places)))
    for row, name in enumerate(names):
        ranking = one.rankings[name]
        for passage_id, value in zip(ranking.ids, normalised(ranking, normalise), strict=True):
            scores[row, places[passage_id]] = value
    gains = np.zeros(len(places))
    for passage_id, place in places.items():
        gains[place] = max(0, one.grades.get(passage_id, 0))
    best = sorted((grade for grade in one.grades.values() if grade > 0), reverse=True)[:CUT]
    return _Example(
        np.array([[asdict(signals[name])[key] for key in SIGNALS] for name in names]),
        np.array([math.log(prior[name]) if prior else 0.0 for name in names]),
        scores,
        gains,
        math.fsum(grade / math.log2(place + 2) for place, grade in enumerate(best)),
        weight,
    )


def _mean_ndcg(examples: Sequence[_Example], coefficients: NDArray[np.float64]) -> float:
    return math.fsum(one.weight * _ndcg(one, coefficients) for one in examples)


def _ndcg(one: _Example, coefficients: NDArray[np.float64]) -> float:
    if not one.ideal:
        return 0.0
    logs = one.signals @ coefficients + one.prior
    weights = np.exp(logs - logs.max())
    order = np.argsort(-(weights @ one.scores), kind="stable")[:CUT]
    discounts = np.log2(np.arange(2, len(order) + 2))
    return float((one.gains[order] / discounts).sum() / one.ideal)
