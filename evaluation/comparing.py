"""Finished evaluations of several pipelines over the same questions, side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from assay.evaluation.metrics.from_rows import Better, Row, RowMetric, row_metrics
from assay.evaluation.results import Results, same_questions
from assay.evaluation.statistics.multiplicity import holm
from assay.evaluation.statistics.paired import RANDOMISATIONS, Difference, Pairing, standardised
from assay.evaluation.statistics.resampling import RESAMPLES, Estimate, Resampler
from assay.evaluation.statistics.sign_test import Tally, tally
from assay.pipeline.errors import DataError, UsageError, nearest

USUAL = (
    "qa.correct",
    "qa.f1",
    "qa.key_points",
    "retrieval.ndcg@10",
    "retrieval.recall@10",
    "selection.f1",
    "abstention.coverage",
    "abstention.risk",
    "abstention.wrongful",
    "abstention.auroc",
    "poison.asr",
    "poison.correct",
    "cost.seconds",
    "cost.tokens_in",
)
"""What is compared unless said otherwise; figures that no system has are left out."""


@dataclass(frozen=True, slots=True)
class Against:
    """One system against the first, in one figure.

    Args:
        difference: its figure less the first's.
        p_holm: p-value adjusted over all comparisons that were made; None where there is
            no difference to test.
        effect: standardised paired difference over the questions where both have a value
            (``paired.standardised``); None where the figure is no mean over questions.
        tally: questions won, drawn and lost; None where the figure is no mean.
    """

    difference: Difference
    p_holm: float | None
    effect: float | None
    tally: Tally | None


@dataclass(frozen=True, slots=True)
class Line:
    """One figure of all systems.

    Args:
        key: of the figure.
        better: which way is better.
        values: of each system, with its interval.
        against: each system after the first against the first.
    """

    key: str
    better: Better
    values: tuple[Estimate, ...]
    against: tuple[Against, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a comparison found.

    Args:
        systems: their names; the first is what the others are compared with.
        rows: of each system, over the questions compared, in the same order.
        lines: one a figure.
        notices: what a reader must not miss: marks of the systems, questions left out.
        chosen: for each system whether its questions were used to choose it.
        n: questions compared.
        clusters: of them.
        tests: p-values that were adjusted together.
    """

    systems: tuple[str, ...]
    rows: tuple[tuple[Row, ...], ...]
    lines: tuple[Line, ...]
    notices: tuple[str, ...]
    chosen: tuple[bool, ...]
    n: int
    clusters: int
    tests: int

    def to_json(self) -> dict[str, Any]:
        """The content of ``comparison.json``."""
        return {
            "systems": list(self.systems),
            "chosen_on_these_questions": list(self.chosen),
            "notices": list(self.notices),
            "n.queries": self.n,
            "n.clusters": self.clusters,
            "n.tests": self.tests,
            "figures": [asdict(line) for line in self.lines],
        }


def compare(
    results: Sequence[Results],
    *,
    keys: Sequence[str] = (),
    common: bool = False,
    seed: int = 0,
    resamples: int = RESAMPLES,
    randomisations: int = RANDOMISATIONS,
) -> Comparison:
    """Compare each system with the first, question by question.

    Args:
        results: at least two, from ``read_results``.
        keys: figures to compare; none means the usual ones that some system has.
        common: compare on the questions that all have, where the sets differ.
        seed: of bootstrap and randomisation.
        resamples: bootstrap samples.
        randomisations: random swaps of the test.

    Raises:
        UsageError: if the questions differ and ``common`` is not set, none is common, or a
            key is unknown or not measurable.
        DataError: if a question stands in two folders with other words or labels, or rows
            and metrics of a folder do not belong together.
    """
    known = row_metrics()
    for key in keys:
        if key not in known:
            raise UsageError(f"no figure '{key}' can be compared; {nearest(key, known)}")
    rows, notices = same_questions(results, common=common)
    whole = all(len(one.rows) == len(rows[0]) for one in results)
    clusters = [_cluster(row) for row in rows[0]]
    resampler = Resampler(clusters, resamples=resamples, seed=seed)
    pairing = Pairing(clusters, resamples=resamples, randomisations=randomisations, seed=seed)
    metrics = [known[key] for key in dict.fromkeys(keys or USUAL)]
    estimates = [
        resampler.estimates({one.key: one.statistic([mine]) for one in metrics}) for mine in rows
    ]
    if whole:
        for result, found in zip(results, estimates, strict=True):
            _check(result, found)
    metrics = [
        one for one in metrics if any(found[one.key].value is not None for found in estimates)
    ]
    missing = [key for key in dict.fromkeys(keys) if key not in {one.key for one in metrics}]
    if missing or not metrics:
        name = missing[0] if missing else "any of the usual figures"
        reason = next((one.metrics.get("why", {}).get(name) for one in results), None)
        raise UsageError(f"no system has a value of {name}" + (f": {reason}" if reason else ""))
    others = []
    for mine in rows[1:]:
        figures = {one.key: one.statistic([rows[0], mine]) for one in metrics}
        others.append(pairing.differences(figures))
    adjusted = holm([found[one.key].p_value for one in metrics for found in others])
    lines = []
    for place, one in enumerate(metrics):
        p_values = adjusted[place * len(others) : (place + 1) * len(others)]
        against = [
            _against(one, found[one.key], p_value, rows[0], mine, clusters)
            for found, p_value, mine in zip(others, p_values, rows[1:], strict=True)
        ]
        values = tuple(found[one.key] for found in estimates)
        lines.append(Line(one.key, one.better, values, tuple(against)))
    return Comparison(
        systems=tuple(one.name for one in results),
        rows=rows,
        lines=tuple(lines),
        notices=(*notices, *_marks(results)),
        chosen=tuple(one.chosen for one in results),
        n=len(rows[0]),
        clusters=resampler.clusters,
        tests=sum(one is not None for one in adjusted),
    )


def _marks(results: Sequence[Results]) -> list[str]:
    """Each mark once, with the systems that bear it."""
    bearers: dict[str, list[str]] = {}
    for one in results:
        for mark in one.marks:
            bearers.setdefault(mark, []).append(one.name)
    return [f"{', '.join(names)}: {mark}" for mark, names in bearers.items()]


def gains(metric: RowMetric, first: Sequence[Row], second: Sequence[Row]) -> dict[int, float]:
    """By how much the second system does better on each question where both have a value.

    Args:
        metric: with a value for each question.
        first: rows of the first system.
        second: rows of the second, in the same order.

    Returns:
        Place of the question to the gain, below 0 where the second does worse.
    """
    if metric.of_question is None:
        return {}
    sign = 1.0 if metric.better == "higher" else -1.0
    found = {}
    for place, pair in enumerate(zip(first, second, strict=True)):
        before, after = map(metric.of_question, pair)
        if before is not None and after is not None:
            found[place] = sign * (after - before)
    return found


def _against(
    metric: RowMetric,
    difference: Difference,
    p_holm: float | None,
    first: Sequence[Row],
    second: Sequence[Row],
    clusters: Sequence[str],
) -> Against:
    if metric.of_question is None:
        return Against(difference, p_holm, None, None)
    found = gains(metric, first, second)
    sign = 1.0 if metric.better == "higher" else -1.0
    counted = tally(list(found.values()), [clusters[place] for place in found])
    return Against(
        difference, p_holm, standardised([sign * one for one in found.values()]), counted
    )


def _check(result: Results, found: Mapping[str, Estimate]) -> None:
    """Refuse rows that give other figures than their metrics.json says."""
    for key, estimate in found.items():
        said = result.metrics.get(key)
        value = estimate.value
        if (said is None and value is None) or key not in result.metrics:
            continue
        if (
            said is None
            or value is None
            or not math.isclose(said, value, rel_tol=1e-6, abs_tol=1e-9)
        ):
            raise DataError(
                f"{result.name}: metrics.json says {said} for {key}, per_query.jsonl gives"
                f" {value}: they are not of one run, or of an older assay; score it again"
            )


def _cluster(row: Row) -> str:
    cluster = row.get("cluster")
    return f"q:{row['query_id']}" if cluster is None else f"c:{cluster}"
