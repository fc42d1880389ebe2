"""The path of thresholds: chosen on the tune fold, frozen, walked on the certify fold."""

from __future__ import annotations

import itertools
import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from assay.guards.risk.binomial import beta_binomial_cdf, max_failures
from assay.guards.risk.conformal import allowed_with_confidence
from assay.guards.risk.folds import STRATA, Stratum
from assay.guards.risk.losses import (
    Count,
    Observation,
    Risk,
    Thresholds,
    max_p_value,
)
from assay.guards.risk.procedures import Look, ProcedureName, certified
from assay.guards.risk.tally import Tally
from assay.pipeline.canonical import canonical_json
from assay.pipeline.errors import DataError, UsageError

CAP = 16
"""Most points on a path."""

HOPELESS = 0.05
"""Points that would pass the test with a smaller chance are left out; so they spend no attempt."""


@dataclass(frozen=True, slots=True)
class PathPoint:
    """Thresholds and what they did on the tune fold.

    Args:
        thresholds: threshold name to value.
        power: predicted chance, in [0, 1], that it passes the test on the certify fold.
        utility: right answers per answerable question.
    """

    thresholds: Mapping[str, float]
    power: float
    utility: float


@dataclass(frozen=True, slots=True)
class Step:
    """A point of the path on the certify fold.

    Args:
        thresholds: threshold name to value.
        counts: losses of each risk, in the order of the risks.
        p_value: largest p-value over the risks; conformal risk control does not use it.
    """

    thresholds: Mapping[str, float]
    counts: tuple[Count, ...]
    p_value: float

    def p_values(self, risks: Sequence[Risk]) -> tuple[float, ...]:
        """Each risk's own p-value."""
        pairs = zip(risks, self.counts, strict=True)
        return tuple(risk.p_value(one) for risk, one in pairs)


@dataclass(frozen=True, slots=True)
class Walk:
    """A walked path.

    Args:
        steps: the points that were looked at, from the first on.
        places: which of them are certified, jointly; rising.
    """

    steps: tuple[Step, ...] = ()
    places: tuple[int, ...] = ()

    @property
    def rejected(self) -> int:
        """How many points are certified."""
        return len(self.places)

    @property
    def certified(self) -> tuple[Step, ...]:
        """The certified points, from the surest to the most useful."""
        return tuple(self.steps[place] for place in self.places)

    @property
    def chosen(self) -> Step | None:
        """The last certified point, the most useful one; None if there is none."""
        return self.steps[self.places[-1]] if self.places else None

    @property
    def stopped_at(self) -> int | None:
        """The first point that is not certified, from 0; None if all are."""
        return next((place for place in range(len(self.steps)) if place not in self.places), None)


def grid(
    observations: Sequence[Observation], names: Sequence[str], size: int
) -> tuple[dict[str, float], ...]:
    """Every combination of quantiles of the scores on the tune fold.

    A grid value is a score that occurred, so that a gate admits its whole group
    of ties and never cuts inside one.

    Args:
        observations: of the tune fold, made with open gates.
        names: the thresholds.
        size: quantiles per threshold, at least 1; the lowest score is one.

    Raises:
        UsageError: if a gate saw no score at all.
    """
    values: list[list[float]] = []
    for name in names:
        scores = [one.scores.get(name) for one in observations]
        known = sorted(score for score in scores if score is not None)
        if not known:
            raise UsageError(
                f"no question of the tune fold has a score for threshold '{name}': its gate was"
                " never reached, or it notes no 'score' in the run record"
            )
        values.append(sorted({known[i * len(known) // size] for i in range(size)}))
    return tuple(
        dict(zip(names, combination, strict=True)) for combination in itertools.product(*values)
    )


def measure(
    observations: Sequence[Observation],
    candidates: Iterable[Mapping[str, float]],
    risks: Sequence[Risk],
    *,
    tested: Mapping[Stratum, int],
    delta: float,
) -> list[PathPoint]:
    """Predicted power and utility of each candidate.

    Args:
        observations: of the tune fold.
        candidates: thresholds.
        risks: what is to be certified.
        tested: certify questions of each stratum, one per cluster.
        delta: size of the test on them.
    """
    sizes = Counter(one.stratum for one in observations)
    tally = Tally(observations)
    points = []
    for thresholds in candidates:
        power = 1.0
        for risk in risks:
            strata = STRATA if risk.stratum is None else (risk.stratum,)
            growth = sum(tested.get(one, 0) for one in strata) / max(
                1, sum(sizes[one] for one in strata)
            )
            seen = tally.count(risk, thresholds)
            n = round(seen.n * growth)
            power *= predicted_power(seen, n, risk.alpha, delta, graded=risk.graded)
            if power == 0.0:
                break
        right = tally.right_rate(thresholds)
        points.append(PathPoint(thresholds, power, right.k / right.n if right.n else 0.0))
    return points


def predicted_power(
    seen: Count, n: int, alpha: float, delta: float, *, graded: bool = False
) -> float:
    """Chance that ``n`` new questions certify a risk, after ``seen``.

    The posterior predictive probability under the Jeffreys prior Beta(1/2, 1/2) that
    new losses are few enough. Unlike a small p-value it does not mistake luck on
    few answers for safety, and it counts what few answers cost: a test needs them.

    Args:
        seen: losses on the tune fold.
        n: questions of the test.
        alpha: the level, in (0, 1).
        delta: size of the test, in (0, 1).
        graded: whether losses are in part; they are then taken as so many whole ones, which
            spread more, and tested by Hoeffding-Bentkus.
    """
    if graded:
        allowed = allowed_with_confidence(n, alpha, delta, binary=False) if n else -1.0
        most = None if allowed < 0 else math.floor(allowed)
    else:
        most = max_failures(n, alpha, delta)
    if most is None:
        return 0.0
    return beta_binomial_cdf(most, n, seen.k + 0.5, seen.n - seen.k + 0.5)


def threshold_path(points: Iterable[PathPoint]) -> tuple[PathPoint, ...]:
    """From the highest value of the only threshold to the lowest, for conformal risk control."""
    return tuple(sorted(points, key=lambda point: [-one for one in point.thresholds.values()]))


def pareto_path(points: Iterable[PathPoint], *, cap: int = CAP) -> tuple[PathPoint, ...]:
    """From the surest point to the most useful, each more useful than all before.

    Source: Laufer-Goldshtein and others, Efficiently Controlling Multiple Risks
    with Pareto Testing (2022). Differs: points are ordered by the predicted chance
    to pass, not by their largest p-value on the tune fold. A risk that can never look
    better, such as none of 12 attacks admitted, has one p-value everywhere, hides
    the order of the others, and the most useful, that is the riskiest of the tied
    points would be tested first; and of many points with few answers some have a
    small p-value by luck. The first failure ends the walk, so its first point
    must be the surest. Any order is valid that looks at the tune fold only. Ties go
    to the stricter thresholds. A longer path is thinned evenly; its two ends stay.

    Args:
        points: candidates, measured on the tune fold.
        cap: most points that are kept, at least 2.
    """

    def order(point: PathPoint) -> tuple[float, float, list[tuple[str, float]]]:
        strictness = sorted((name, -value) for name, value in point.thresholds.items())
        return -point.power, -point.utility, strictness

    path: list[PathPoint] = []
    for point in sorted(points, key=order):
        if not path or point.utility > path[-1].utility:
            path.append(point)
    if len(path) <= cap:
        return tuple(path)
    return tuple(path[i * (len(path) - 1) // (cap - 1)] for i in range(cap))


def walk(
    points: Iterable[Mapping[str, float]],
    observations: Sequence[Observation],
    risks: Sequence[Risk],
    delta: float,
    *,
    procedure: ProcedureName = "fixed-sequence",
) -> Walk:
    """Test along a frozen path; in order, nothing is counted beyond the first failure.

    Args:
        points: thresholds, in the frozen order.
        observations: of the certify fold, independent of how ``points`` were chosen.
        risks: all must hold at once, with the levels that they are tested at.
        delta: family-wise error rate.
        procedure: which points are certified.
    """
    steps: list[Step] = []
    tally = Tally(observations)

    def look_at(thresholds: Mapping[str, float]) -> Look:
        counts = tuple(tally.count(risk, thresholds) for risk in risks)
        steps.append(Step(thresholds, counts, max_p_value(risks, counts)))
        return steps[-1].p_value, counts

    def looks() -> Iterator[Callable[[], Look]]:
        for thresholds in points:
            yield partial(look_at, thresholds)

    places = certified(procedure, looks(), risks, delta)
    return Walk(tuple(steps), places)


def loosest(points: Sequence[Mapping[str, float]]) -> Thresholds:
    """The lowest value of each threshold along the path."""
    return {name: min(point[name] for point in points) for name in points[0]}


def frozen_path(
    points: Sequence[PathPoint],
    settings: Mapping[str, Any],
    seen: Sequence[Mapping[str, Any]] | None = None,
) -> bytes:
    """The path file: canonical JSON, thresholds as hexadecimal floats.

    Args:
        points: in their order.
        settings: what was asked for.
        seen: for each point what more the tune fold showed, for the picture.
    """
    more = seen or [{} for _ in points]
    body = {
        "schema": "assay-path/1",
        "settings": dict(settings),
        "points": [
            {
                "thresholds": {name: value.hex() for name, value in point.thresholds.items()},
                "tune": {"power": point.power, "utility": point.utility, **extra},
            }
            for point, extra in zip(points, more, strict=True)
        ],
    }
    return canonical_json(body) + b"\n"


def thawed_path(data: bytes) -> tuple[dict[str, float], ...]:
    """The thresholds in a path file.

    Raises:
        DataError: if it is no path file.
    """
    try:
        body = json.loads(data)
        return tuple(
            {name: float.fromhex(value) for name, value in point["thresholds"].items()}
            for point in body["points"]
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"this is no path file: {error}") from error
