"""Does ``select.conformal`` keep its promise, and what does it cost?

    python -m benchmarks.select_conformal --rankings build/select/rankings --out build/conformal

Takes the rankings that ``benchmarks/selection.py`` keeps. Two questions, 500 splits each:

* Draws: the promise is about a population. A set's questions are taken as the population, so that
  the share of them with missed evidence is known exactly; calibration questions are drawn from it
  with replacement. ``above``: share of the draws whose rule misses evidence on more than alpha of
  the population; it is to stay at most delta, but for Monte-Carlo error.
* Halves: a rule fitted to a random half, tried on the other. There the rate itself is an estimate,
  so that even where the promise holds it lies above alpha more often; ``may`` is how often at most,
  exactly, since the questions are exchangeable (the misses among m new questions below the c + 1-th
  of n scores are beta-binomial with parameters m, c + 1, n - c).

A draw whose promise cannot be kept is refused, as ``assay train conformal`` does: nothing is
promised, so it is never ``above``. The promise is about all draws, not about those that are not
refused: where retrieval misses more than alpha, nearly all are refused, and the few that are not
are wrong. ``size`` is the mean number of passages kept; beside it the
smallest fixed k that misses evidence on no more of the questions than the rules do on the mean.
Questions that need nothing are left out. Seeds: --seed and the set's place in the alphabet.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assay.guards.risk.binomial import beta_binomial_cdf
from assay.guards.risk.conformal import allowed_in_expectation, allowed_with_confidence
from assay.stages.select.conformal_rule import Guarantee, Loss, Measure
from assay.training.conformal_evidence import Evidence, evidence_of
from assay.training.labelled_rankings import LabelledRankings

ALPHAS = (0.05, 0.1, 0.2)
DELTA = 0.1
SPLITS = 500
QUESTIONS = 200
"""Size of a calibration set that is drawn from the population."""

PROMISES: tuple[tuple[Guarantee, Loss], ...] = (
    ("confidence", "all"),
    ("confidence", "recall"),
    ("expectation", "all"),
    ("expectation", "recall"),
)

NOISE = 0.005
"""Three standard errors of a mean loss over ``SPLITS`` draws, whose deviation is below 0.035."""

RANKED: tuple[tuple[str, Measure], ...] = (
    ("judge", "score"),
    ("judge", "place"),
    ("hybrid", "place"),
    ("hybrid", "gap"),
)
"""Rankings and how they are measured; scores of the hybrid ranking hold within a query only."""


@dataclass(frozen=True, slots=True)
class Row:
    """What came of one rule on one set.

    Args:
        name: of the set.
        ranking: that was selected from.
        measure: what the rule cuts by.
        guarantee: what it promises.
        loss: of which loss.
        alpha: the level.
        delta: the confidence; of the expectation, None.
        questions: in the population.
        calibration: in a calibration set.
        above: share of the splits whose loss on the population is above the level.
        refused: share of the splits in which nothing could be promised.
        loss_mean: mean loss on the population over the splits that were not refused; None if all
            were.
        size: mean number of passages kept there.
        fixed_k: smallest k whose loss is no larger than ``loss_mean``; None if none is.
        fixed_size: mean number of passages that it keeps.
        missed: share of the population of which the ranking lacks a needed passage.
        halves_above: share of the half splits with a test rate above the level; None for recall.
        halves_may: the most that share may be.
        halves_refused: share of the half splits in which nothing could be promised.
    """

    name: str
    ranking: str
    measure: Measure
    guarantee: Guarantee
    loss: Loss
    alpha: float
    delta: float | None
    questions: int
    calibration: int
    above: float
    refused: float
    loss_mean: float | None
    size: float | None
    fixed_k: int | None
    fixed_size: float | None
    missed: float
    halves_above: float | None = None
    halves_may: float | None = None
    halves_refused: float | None = None

    @property
    def kept(self) -> bool:
        """Whether the promise was kept, but for three standard errors of ``SPLITS`` draws.

        A split that is refused counts as one without loss: the promise is about what is issued.
        """
        if self.delta is None:
            return (self.loss_mean or 0.0) * (1 - self.refused) <= self.alpha + NOISE
        return self.above <= self.delta + 3 * math.sqrt(self.delta * (1 - self.delta) / SPLITS)


def thresholds(
    evidence: Evidence, drawn: NDArray[np.intp], loss: Loss, allowed: float
) -> NDArray[np.float64]:
    """``threshold_of`` for many calibration sets at once; NaN where nothing can be promised.

    Args:
        evidence: of the population.
        drawn: places of the questions of each set, shape ``(sets, questions)``.
        loss: see ``ConformalRule``.
        allowed: see ``threshold_of``.
    """
    if loss == "all":
        rank = math.floor(allowed + 1e-9)
        if rank < 0:
            return np.full(len(drawn), np.nan)
        found = np.partition(evidence.worst[drawn], rank, axis=1)[:, rank]
        return np.where(np.isfinite(found), found, np.nan)
    order = np.argsort(evidence.needed, kind="stable")
    step = evidence.needed[order]
    times = np.stack([np.bincount(one, minlength=evidence.n) for one in drawn])
    own = times[:, evidence.owner[order]]
    lost = np.concatenate([np.zeros((len(drawn), 1)), np.cumsum(own * evidence.share[order], 1)], 1)
    before = lost[:, np.searchsorted(step, step, side="left")]
    good = np.isfinite(step) & (own > 0) & (before <= allowed + 1e-9)
    last = good.shape[1] - 1 - np.argmax(good[:, ::-1], axis=1)
    return np.where(good.any(axis=1), step[last], np.nan)


def losses(evidence: Evidence, at: NDArray[np.float64], loss: Loss = "all") -> NDArray[np.float64]:
    """Mean loss over all questions at each threshold; NaN at NaN."""
    values = evidence.worst if loss == "all" else evidence.needed
    shares = np.ones(evidence.n) if loss == "all" else evidence.share
    order = np.argsort(values, kind="stable")
    total = np.concatenate([[0.0], np.cumsum(shares[order])])
    found = total[np.searchsorted(values[order], at, side="left")] / evidence.n
    return np.where(np.isnan(at), np.nan, found)


def measured(
    name: str,
    examples: Sequence[LabelledRankings],
    *,
    ranking: str,
    measure: Measure,
    guarantee: Guarantee = "confidence",
    loss: Loss = "all",
    alpha: float,
    delta: float = DELTA,
    splits: int = SPLITS,
    questions: int = QUESTIONS,
    seed: int = 0,
) -> Row:
    """One row: draws from the population and, where losses are 0 or 1, halves.

    Args:
        name: of the set.
        examples: its questions; those that need nothing are left out.
        ranking: see ``Row``, like the rest.
        measure: see ``Row``.
        guarantee: see ``Row``.
        loss: see ``Row``.
        alpha: see ``Row``.
        delta: see ``Row``.
        splits: how many draws, and how many halvings.
        questions: in a calibration set that is drawn.
        seed: of the draws.
    """
    needing = [one for one in examples if one.needed]
    evidence = evidence_of(needing, measure, ranking=ranking)
    places = evidence_of(needing, "place", ranking=ranking)
    binary = loss == "all" or evidence.single
    draw = np.random.default_rng(seed)
    drawn = draw.integers(0, evidence.n, (splits, questions))
    allowed = allowed_sum(guarantee, questions, alpha, delta, binary)
    at = thresholds(evidence, drawn, loss, allowed)
    truth = losses(evidence, at, loss)
    some = not bool(np.isnan(at).all())
    mean = float(np.nanmean(truth)) if some else None
    k = _fixed_k(places, mean, loss)
    row = Row(
        name=name,
        ranking=ranking,
        measure=measure,
        guarantee=guarantee,
        loss=loss,
        alpha=alpha,
        delta=delta if guarantee == "confidence" else None,
        questions=evidence.n,
        calibration=questions,
        above=float((truth > alpha + 1e-9).mean()),
        refused=float(np.isnan(at).mean()),
        loss_mean=mean,
        size=_size(evidence, at) if some else None,
        fixed_k=k,
        fixed_size=None if k is None else places.size(-k),
        missed=float(np.isneginf(evidence.worst).mean()),
    )
    return row if loss == "recall" else _with_halves(row, evidence, splits, draw)


def _with_halves(row: Row, evidence: Evidence, splits: int, draw: np.random.Generator) -> Row:
    """The row with what came of fitting to one half and trying the other."""
    n = evidence.n // 2
    m = evidence.n - n
    places = np.stack([draw.permutation(evidence.n) for _ in range(splits)])
    allowed = allowed_sum(row.guarantee, n, row.alpha, row.delta or DELTA, True)
    at = thresholds(evidence, places[:, :n], "all", allowed)
    with np.errstate(invalid="ignore"):
        rates = (evidence.worst[places[:, n:]] < at[:, None]).mean(axis=1)
    rank = math.floor(allowed + 1e-9)
    most = math.floor(row.alpha * m + 1e-9)
    may = 1 - beta_binomial_cdf(most, m, rank + 1, n - rank) if rank >= 0 else 0.0
    told = asdict(row) | {
        "halves_above": float(((rates > row.alpha + 1e-9) & ~np.isnan(at)).mean()),
        "halves_may": may,
        "halves_refused": float(np.isnan(at).mean()),
    }
    return Row(**told)


def allowed_sum(guarantee: Guarantee, n: int, alpha: float, delta: float, binary: bool) -> float:
    """The largest sum of n losses at which the promise is kept; below 0 where none is."""
    if guarantee == "expectation":
        return allowed_in_expectation(n, alpha)
    return allowed_with_confidence(n, alpha, delta, binary=binary)


def _size(evidence: Evidence, at: NDArray[np.float64]) -> float:
    known = at[~np.isnan(at)]
    left = np.searchsorted(evidence.all, known, side="left")
    return float((len(evidence.all) - left).mean() / evidence.n)


def _fixed_k(places: Evidence, most: float | None, loss: Loss) -> int | None:
    """The smallest k that loses no more than ``most``."""
    if most is None:
        return None
    deepest = int(-places.all.min())
    lost = losses(places, -np.arange(1.0, deepest + 1), loss)
    good = np.nonzero(lost <= most + 1e-9)[0]
    return int(good[0]) + 1 if len(good) else None


def table(rows: Sequence[Row]) -> str:
    """The rows as Markdown."""
    lines = [
        "| set | ranking, cut by | alpha | above | refused | missed | size | fixed k (size) |"
        " halves above (may) |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        halves = (
            "–"
            if row.halves_above is None
            else f"{row.halves_above:.3f} ({row.halves_may:.3f})"
            + (f", {row.halves_refused:.0%} refused" if row.halves_refused else "")
        )
        fixed = "–" if row.fixed_k is None else f"{row.fixed_k} ({row.fixed_size:.1f})"
        lines.append(
            f"| {row.name} | {row.ranking}, {row.measure} | {row.alpha:g} | {row.above:.3f}"
            f"{'' if row.kept else ' !'} | {row.refused:.1%} | {_shown(row.loss_mean, 3)}"
            f" | {_shown(row.size, 1)} | {fixed} | {halves} |"
        )
    return "\n".join(lines) + "\n"


def _shown(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the tables."""
    from benchmarks.select_figures import rankings

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rankings", type=Path, required=True, help="folder of the rankings")
    parser.add_argument("--out", type=Path, help="folder for table.md and figures.json")
    parser.add_argument("--sets", nargs="+", help="names of sets; all that are there if left out")
    parser.add_argument("--splits", type=int, default=SPLITS)
    parser.add_argument("--questions", type=int, default=QUESTIONS)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(arguments)
    names = asked.sets or rankings.sets_of(asked.rankings)
    rows: list[Row] = []
    begin = time.process_time()
    seconds = 0.0
    for place, name in enumerate(sorted(names)):
        examples = rankings.load(asked.rankings, name)
        start = time.process_time()
        rows += [
            measured(
                name,
                examples,
                ranking=ranking,
                measure=measure,
                guarantee=guarantee,
                loss=loss,
                alpha=alpha,
                splits=asked.splits,
                questions=asked.questions,
                seed=1000 * asked.seed + place,
            )
            for guarantee, loss in PROMISES
            for ranking, measure in RANKED
            for alpha in ALPHAS
        ]
        seconds += time.process_time() - start
    parts = []
    for (guarantee, loss), own in _grouped(rows).items():
        parts.append(f"## {guarantee}, loss {loss}\n\n{table(own)}")
    text = "\n".join(parts)
    sys.stdout.write(text)
    promised = [row for row in rows if row.delta is not None]
    sys.stdout.write(
        f"\n{sum(not row.kept for row in rows)} of {len(rows)} rows break their promise; largest"
        f" share above: {max(row.above for row in promised):.3f}, delta {DELTA}; {asked.splits}"
        f" splits of {asked.questions} questions; {seconds:.1f} s of processor time for the draws,"
        f" {time.process_time() - begin:.1f} s with reading\n"
    )
    if asked.out is not None:
        asked.out.mkdir(parents=True, exist_ok=True)
        (asked.out / "table.md").write_text(text, encoding="utf-8")
        told = json.dumps([asdict(row) for row in rows], indent=1, allow_nan=False)
        (asked.out / "figures.json").write_text(told + "\n", encoding="utf-8")
    return 0


def _grouped(rows: Sequence[Row]) -> dict[tuple[Guarantee, Loss], list[Row]]:
    found: dict[tuple[Guarantee, Loss], list[Row]] = {}
    for row in rows:
        found.setdefault((row.guarantee, row.loss), []).append(row)
    return found


if __name__ == "__main__":
    raise SystemExit(main())
