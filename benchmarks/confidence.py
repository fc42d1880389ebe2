"""How well do signals that need no language model tell questions that can be answered?

    python -m benchmarks.confidence --data SETS --rankings FOLDER --out build/confidence

squad2_dev and clapnq_dev ask one paragraph, cut into sentences; contractnli_dev asks one contract,
cut as it is. BM25, the embedded embedder and the embedded cross-encoder rank; a question counts as
answerable if a passage of its scope is needed. Rankings are made once and kept in FOLDER.

Each signal is judged as it stands, larger or smaller whichever its node says. The fused ones are
fitted on four fifths of the clusters (articles, paragraphs, contracts) and judged on the fifth, so
that no question is judged by a fit that saw its cluster; the five parts are put together. Nothing
is tuned beyond that. ``prior`` is the share of answerable questions of the same wording, from the
other clusters; it is shown where most wordings come again, as in contractnli.

AUGRC and coverage count an answer to a question that cannot be answered as wrong; coverage at a
risk is the best threshold on these very questions, a bound of what is possible and no promise.
Intervals are by bootstrap over clusters.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from assay.evaluation.metrics.risk_curves import Groups, augrc, auroc, coverage_at_risk
from assay.evaluation.statistics.resampling import Estimate, Resampler
from assay.guards.abstain.margins import margins
from assay.guards.abstain.question_coverage import coverage
from assay.guards.abstain.sorted_scores import sorted_scores
from assay.guards.risk.logistic_calibrator import CalibratorConfig, LogisticCalibrator
from assay.guards.risk.ridge_calibrator import RidgeCalibrator, RidgeCalibratorConfig
from assay.guards.risk.scorecard import ScorecardCalibrator, ScorecardConfig
from assay.guards.risk.signal_calibrator import SignalCalibrator
from assay.training.labelled_rankings import LabelledRankings
from benchmarks.select_figures.making import make
from benchmarks.select_figures.rankings import load
from benchmarks.select_figures.sets import LabelledSet

SETS = (
    LabelledSet("squad2_dev", scope="paragraph", document="paragraph", limit=600),
    LabelledSet("clapnq_dev", scope="paragraph", document="paragraph"),
    LabelledSet("contractnli_dev", scope="contract", document="contract", limit=408),
)
FOLDS = 5
FALLING = ("cover.missing", "judge.entropy", "dense.entropy", "bm25.entropy")
"""Signals of which less speaks for the answer."""
DEPTH = 10
"""Best passages that margins look at, so that long and short scopes can be compared."""


@dataclass(frozen=True, slots=True)
class Row:
    """One question.

    Args:
        signals: of its rankings, by name.
        answerable: whether a passage is needed.
        cluster: what it shares its fate with.
        text: the question.
    """

    signals: Mapping[str, float]
    answerable: bool
    cluster: str
    text: str


def main() -> int:
    """Print a table and write JSON beside it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the sets")
    parser.add_argument("--rankings", type=Path, required=True, help="made where missing")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sets", default=",".join(one.name for one in SETS))
    options = parser.parse_args()
    chosen = tuple(one for one in SETS if one.name in options.sets.split(","))
    make(options.rankings, options.data, chosen, limit=None)
    options.out.mkdir(parents=True, exist_ok=True)
    report: dict[str, Any] = {}
    for one in chosen:
        rows = [row_of(case, one.name) for case in load(options.rankings, one.name)]
        found = figures(rows)
        report[one.name] = {"n": len(rows), "clusters": len({row.cluster for row in rows})}
        report[one.name] |= {"answerable": sum(row.answerable for row in rows), "signals": found}
        print(table(one.name, report[one.name]), flush=True)
    out = options.out / "confidence.json"
    out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0


def row_of(case: LabelledRankings, name: str) -> Row:
    """The signals of a question's rankings."""
    signals: dict[str, float] = {}
    for ranking in ("bm25", "dense", "judge"):
        scores = [hit.score.value for hit in case.rankings[ranking].hits[:DEPTH]]
        signals |= {f"{ranking}.{key}": value for key, value in margins(scores).items()}
    judge = case.rankings["judge"].hits
    best = sorted_scores([hit.score.value for hit in judge], k=DEPTH)
    signals |= {f"scores.{key}": value for key, value in best.items()}
    query = judge[0].passage if judge else None
    text = case.rankings["judge"].query.text
    signals |= {
        f"cover.{key}": value
        for key, value in coverage(text, [hit.passage for hit in judge[:3]]).items()
    }
    article = query.title if query is not None and name == "squad2_dev" else ""
    answerable = any(grade > 0 for grade in case.grades.values())
    return Row(signals, answerable, article or case.cluster, text)


def figures(rows: Sequence[Row]) -> dict[str, dict[str, list[float]]]:
    """Every signal alone and every fusion, each with the estimate and its interval."""
    labels = np.array([row.answerable for row in rows], dtype=np.float64)
    resampler = Resampler([row.cluster for row in rows])
    names = [name for name in rows[0].signals if not name.startswith("scores.")]
    alone = {
        name: np.array([row.signals[name] for row in rows]) * (-1 if name in FALLING else 1)
        for name in names
    }
    fused = {
        "ridge on sorted scores": crossed(rows, _ridge),
        "scorecard": crossed(_only(rows, names), _scorecard),
        "fused": crossed(_only(rows, names), _logistic),
        "fused with sorted scores": crossed(rows, _logistic),
    }
    if len({row.text for row in rows}) < len(rows) / 2:
        fused["prior"] = np.array([_prior(rows, row) for row in rows])
        fused["fused with prior"] = crossed_with_prior(_only(rows, names))
    found: dict[str, dict[str, list[float]]] = {}
    for name, values in (alone | fused).items():
        groups = Groups(values, 1 - labels)
        found[name] = {
            "auroc": _three(resampler.estimate(auroc(groups))),
            "augrc": _three(resampler.estimate(augrc(groups))),
            "coverage@risk05": _three(resampler.estimate(coverage_at_risk(groups, 0.05))),
            "coverage@risk10": _three(resampler.estimate(coverage_at_risk(groups, 0.10))),
        }
    return found


Fit = Callable[[str], SignalCalibrator]


def crossed(rows: Sequence[Row], fit: Fit) -> Any:
    """Probabilities of each question by a fit on the other folds' clusters, shape ``(n,)``."""
    folds = np.array([_fold(row.cluster) for row in rows])
    out = np.zeros(len(rows))
    for fold in range(FOLDS):
        train = [row for row, own in zip(rows, folds, strict=True) if own != fold]
        with tempfile.TemporaryDirectory() as folder:
            one = fit(str(Path(folder) / "fit.json"))
            one.fit([row.signals for row in train], [row.answerable for row in train])
            for place in np.flatnonzero(folds == fold).tolist():
                out[place] = one.probability(rows[place].signals)
    return out


def crossed_with_prior(rows: Sequence[Row]) -> Any:
    """As ``crossed`` with the logistic fusion, and the prior of each wording as a signal more.

    A question of the training folds takes its prior from their other clusters, one of the judged
    fold from all of them.
    """
    folds = np.array([_fold(row.cluster) for row in rows])
    out = np.zeros(len(rows))
    for fold in range(FOLDS):
        train = [row for row, own in zip(rows, folds, strict=True) if own != fold]
        known = [{**row.signals, "prior": _prior(train, row)} for row in train]
        with tempfile.TemporaryDirectory() as folder:
            one = _logistic(str(Path(folder) / "fit.json"))
            one.fit(known, [row.answerable for row in train])
            for place in np.flatnonzero(folds == fold).tolist():
                row = rows[place]
                out[place] = one.probability({**row.signals, "prior": _prior(train, row)})
    return out


def table(name: str, found: Mapping[str, Any]) -> str:
    """A set's figures for the terminal, the best AUROC first."""
    lines = [
        f"{name}: {found['n']} questions of {found['clusters']} clusters,"
        f" {found['answerable']} answerable",
        f"{'':24}{'AUROC':>20}{'AUGRC':>8}{'cov@.05':>9}{'cov@.1':>8}",
    ]
    order = sorted(found["signals"].items(), key=lambda item: -item[1]["auroc"][0])
    for signal, own in order:
        value, low, high = own["auroc"]
        lines.append(
            f"{signal:24}{value:7.3f} [{low:.3f} {high:.3f}]{own['augrc'][0]:8.3f}"
            f"{own['coverage@risk05'][0]:9.3f}{own['coverage@risk10'][0]:8.3f}"
        )
    return "\n".join(lines)


def _prior(rows: Sequence[Row], row: Row) -> float:
    """Share of answerable questions of one wording in other clusters, drawn to the mean by 2."""
    others = [one.answerable for one in rows if one.cluster != row.cluster]
    mean = sum(others) / len(others)
    same = [one.answerable for one in rows if one.cluster != row.cluster and one.text == row.text]
    return (sum(same) + 2 * mean) / (len(same) + 2)


def _only(rows: Sequence[Row], names: Sequence[str]) -> list[Row]:
    return [
        Row({name: row.signals[name] for name in names}, row.answerable, row.cluster, row.text)
        for row in rows
    ]


def _fold(cluster: str) -> int:
    return int(hashlib.sha256(f"confidence-0|{cluster}".encode()).hexdigest()[:8], 16) % FOLDS


def _three(estimate: Estimate) -> list[float]:
    low, high = estimate.interval or (float("nan"), float("nan"))
    return [float(estimate.value or 0.0), low, high]


def _logistic(path: str) -> SignalCalibrator:
    return LogisticCalibrator(CalibratorConfig(path=path))


def _scorecard(path: str) -> SignalCalibrator:
    return ScorecardCalibrator(ScorecardConfig(path=path))


def _ridge(path: str) -> SignalCalibrator:
    return RidgeCalibrator(RidgeCalibratorConfig(path=path, signals="scores."))


if __name__ == "__main__":
    raise SystemExit(main())
