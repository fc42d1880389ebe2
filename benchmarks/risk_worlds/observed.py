"""Worlds that hand out observations, for the very functions that ``assay calibrate`` calls.

``certified`` is its middle part: grid, measure, path, walk, on observations of both folds. In the
world of tied scores, scores take five values, so that a group of ties is large and ``>`` and ``>=``
differ by all of it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from assay.guards.risk.folds import STRATA
from assay.guards.risk.losses import Observation, Risk, Thresholds
from assay.guards.risk.path import HOPELESS, grid, measure, pareto_path, walk
from benchmarks.risk_worlds.worlds import Floats, Mask, TwoGates

Folds = tuple[list[Observation], list[Observation]]


def certified(
    folds: Folds, names: Sequence[str], risks: Sequence[Risk], delta: float, *, size: int
) -> Thresholds | None:
    """Thresholds that a walk certifies; None for none.

    Args:
        folds: tune and certify.
        names: of the thresholds.
        risks: all must hold at once.
        delta: of the walk.
        size: quantiles of each threshold.
    """
    tune, certify = folds
    points = measure(
        tune,
        grid(tune, names, size),
        risks,
        tested=Counter(one.stratum for one in certify),
        delta=delta,
    )
    path = pareto_path(point for point in points if point.power >= HOPELESS)
    if not path:
        return None
    chosen = walk([one.thresholds for one in path], certify, risks, delta).chosen
    return None if chosen is None else chosen.thresholds


@dataclass(frozen=True, slots=True)
class Ties:
    """W8. Five scores; at the middle one 40 % of the answers are wrong, above it hardly any.

    Answers that score 3 or more are wrong in 1.5 % of cases, those that score 2 or more in 14.3 %.
    """

    tune: int = 150
    certify: int = 300

    WRONG = (0.5, 0.5, 0.4, 0.02, 0.01)
    RISKS = (Risk("hallucination", 0.1),)

    def draws(self, trials: int, seed: int) -> Iterator[Folds]:
        """Independent draws of both folds."""
        rng = np.random.default_rng(seed)
        shares = np.array(self.WRONG)
        for _ in range(trials):
            made = []
            for n in (self.tune, self.certify):
                scores = rng.integers(0, 5, n)
                wrong = rng.random(n) < shares[scores]
                made.append(_one_gate(scores.astype(float), wrong))
            yield made[0], made[1]

    def safe(self, thresholds: Thresholds) -> bool:
        """Whether what a gate lets through, at its threshold or above, keeps the level."""
        at = thresholds["gate"]
        assert at is not None
        passed = [bad for score, bad in enumerate(self.WRONG) if score >= at]
        return not passed or sum(passed) / len(passed) <= self.RISKS[0].alpha


def at_or_above(folds: Folds, delta: float) -> Thresholds | None:
    """Ours: what is counted is what a gate lets through."""
    return certified(folds, ["gate"], Ties.RISKS, delta, size=8)


def above(folds: Folds, delta: float) -> Thresholds | None:
    """Wrong: counted is ``score > threshold``, and the gate lets ``score >= threshold`` through."""
    shifted = certified(folds, ["gate"], Ties.RISKS, delta, size=8)
    if shifted is None or shifted["gate"] is None:
        return None
    below = [
        one.scores["gate"]
        for one in folds[0]
        if one.scores["gate"] is not None and one.scores["gate"] < shifted["gate"]
    ]
    # Above the highest lower score lies the same as at the threshold: it looks just as good.
    return {"gate": max(below)} if below else shifted


def two_gates(world: TwoGates, trials: int, seed: int) -> Iterator[Folds]:
    """W3 as observations, made with open gates."""
    rng = np.random.default_rng(seed)
    for _ in range(trials):
        made = []
        for n in (world.size // 3, world.size - world.size // 3):
            strata, right, planted = world.questions(rng, n)
            scores = world.scores(rng, right)
            columns = [one.tolist() for one in (strata, right, planted, *scores)]
            made.append(
                [
                    Observation(
                        str(place),
                        STRATA[stratum],
                        str(place),
                        answered=True,
                        right=good,
                        scores={"first": first, "second": second},
                        poison_in_context=poison,
                    )
                    for place, (stratum, good, poison, first, second) in enumerate(
                        zip(*columns, strict=True)
                    )
                ]
            )
        yield made[0], made[1]


def judged_gates(world: TwoGates, thresholds: Thresholds | None) -> tuple[bool, float]:
    """Whether thresholds break a level in truth, and what they are worth."""
    if thresholds is None:
        return False, 0.0
    first, second = (
        np.array([-math.inf if thresholds[name] is None else thresholds[name]], dtype=np.float64)
        for name in ("first", "second")
    )
    risks, worth = world.true_risks(first, second)
    broken = bool((risks[:, 0] > np.array(world.levels)).any())
    return broken, float(worth[0])


def _one_gate(scores: Floats, wrong: Mask) -> list[Observation]:
    pairs = zip(scores.tolist(), wrong.tolist(), strict=True)
    return [
        Observation(str(place), "answerable", str(place), True, not bad, {"gate": score})
        for place, (score, bad) in enumerate(pairs)
    ]
