"""Runs a pipeline for calibration: what came of each labelled question, at open gates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

from assay.apps.console import notes, progress
from assay.corpora.dataset import Dataset, to_query
from assay.corpora.matching import is_correct
from assay.evaluation import observation as evaluated
from assay.evaluation.plan import plan_of
from assay.evaluation.sampling import calibration_items, cut_of
from assay.guards.risk.canaries import Canary, observe
from assay.guards.risk.folds import CalibrationItem
from assay.guards.risk.judge_sample import JudgeSample
from assay.guards.risk.losses import Observation, Risk, Thresholds
from assay.guards.risk.procedures import ProcedureName
from assay.guards.risk.signal_calibrator import SignalCalibrator
from assay.guards.risk.trial import Settings
from assay.pipeline import Pipeline, RunRecord
from assay.pipeline.errors import DataError, UsageError


def settings_of(
    pipeline: Pipeline,
    dataset: Dataset,
    risks: tuple[Risk, ...],
    *,
    delta: float,
    grid: int,
    procedure: ProcedureName = "fixed-sequence",
    judge: JudgeSample | None = None,
    expires: date | None = None,
    allow_retired: bool = False,
) -> Settings:
    """What to certify, with the cut that the set's info.json gives."""
    cut = cut_of(dataset)
    return Settings(
        risks=risks,
        thresholds=tuple(pipeline.thresholds),
        delta=delta,
        grid=grid,
        seed=cut.seed,
        shares=cut.shares,
        procedure=procedure,
        judge=judge,
        attacks={
            query.id: str(query.meta["attack"])
            for query in dataset.queries
            if query.meta.get("attack")
        },
        expires=expires,
        allow_retired=allow_retired,
    )


def labelled_items(dataset: Dataset) -> tuple[CalibrationItem, ...]:
    """The set's questions; those with ``meta.labeller: judge`` as judged by a model.

    Raises:
        DataError: for a labeller that is neither ``people`` nor ``judge``, and as
            ``calibration_items`` does.
    """
    labellers = {query.id: query.meta.get("labeller", "people") for query in dataset.queries}
    for name, labeller in labellers.items():
        if labeller not in ("people", "judge"):
            raise DataError(
                f"question '{name}' has labeller {labeller!r}; expected 'people' or 'judge'"
            )
    return tuple(
        replace(item, judged=labellers[item.id] == "judge") for item in calibration_items(dataset)
    )


class Observer:
    """Runs labelled questions and tells what calibration needs to know of each.

    Args:
        pipeline: started, without a certificate.
        dataset: the labelled set.
        tenant: on whose behalf.
    """

    def __init__(self, pipeline: Pipeline, dataset: Dataset, *, tenant: str) -> None:
        self._pipeline = pipeline
        self._dataset = dataset
        self._tenant = tenant
        self._queries = {query.id: query for query in dataset.queries}
        self._nodes = {
            name: target.split(".", 1)[0] for name, target in pipeline.thresholds.items()
        }
        self._fitted: SignalCalibrator | None = None
        self._signals = ""
        self._seen: dict[str, RunRecord] = {}

    def fit(self, items: Sequence[CalibrationItem]) -> None:
        """Fit the pipeline's calibrator, if it has one, to the answers of these questions.

        The records are kept: a fit changes the probability of an answer and
        nothing before it, so that ``observe`` need not run these questions again.

        Raises:
            UsageError: if answers are all right or all wrong.
        """
        calibrators = [
            (name, one)
            for name, one in self._pipeline.resources.items()
            if isinstance(one, SignalCalibrator)
        ]
        if not calibrators:
            return
        name, calibrator = calibrators[0]
        readers = [
            step.name for step in self._pipeline.steps.values() if name in step.resources.values()
        ]
        if len(calibrators) != 1 or len(readers) != 1:
            raise UsageError("calibration fits one calibrator that one node reads")
        self._signals = readers[0]
        calibrator.forget()
        open_gates = dict.fromkeys(self._pipeline.thresholds)
        self._seen = self._run(items, open_gates, "tuning")
        judged = [
            (self._signal_values(record), bool(self._judged(item, record).right))
            for item in items
            if (record := self._seen[item.id]).kind == "answered"
        ]
        calibrator.fit([signals for signals, _ in judged], [right for _, right in judged])
        self._fitted = calibrator
        right = sum(right for _, right in judged)
        notes.print(
            f"calibrator fitted to {len(judged)} answers of the tune fold, {right} of them right",
            markup=False,
        )
        for line in calibrator.lines():
            notes.print(f"  {line}", markup=False)

    def observe(
        self, items: Sequence[CalibrationItem], gates: Thresholds
    ) -> tuple[Observation, ...]:
        """One observation for each item, at these gates."""
        known = not any(value is not None for value in gates.values()) and all(
            item.id in self._seen for item in items
        )
        found = self._seen if known else self._run(items, gates, "certifying")
        return tuple(self._judged(item, found[item.id]) for item in items)

    def canaries(
        self, items: Sequence[CalibrationItem], thresholds: Mapping[str, float]
    ) -> tuple[Canary, ...]:
        """What the pipeline does with these questions at these thresholds."""
        running = self._pipeline.with_thresholds(thresholds)
        queries = [to_query(self._queries[item.id], self._tenant) for item in items]
        return tuple(observe(running, query) for query in queries)

    def _run(
        self, items: Sequence[CalibrationItem], gates: Thresholds, stage: str
    ) -> dict[str, RunRecord]:
        pipeline = self._pipeline.with_thresholds(gates)
        found: dict[str, RunRecord] = {}
        with progress() as advance:
            for number, item in enumerate(items, 1):
                query = to_query(self._queries[item.id], self._tenant)
                found[item.id] = pipeline.run(query)
                advance(stage, number, len(items))
        return found

    def _judged(self, item: CalibrationItem, record: RunRecord) -> Observation:
        chosen = replace(self._dataset, queries=(self._queries[item.id],))
        seen = evaluated.observe(chosen, [record.to_json()], plan_of(self._pipeline))[0]
        text = seen.text
        right = seen.right(text) if text is not None else None
        return Observation(
            id=item.id,
            stratum=item.stratum,
            cluster=item.cluster,
            answered=seen.answered,
            right=right,
            scores={name: self._score(node, record) for name, node in self._nodes.items()},
            poison_in_context=not seen.planted.isdisjoint(seen.in_context),
            complete=seen.complete(seen.in_context) if seen.relevant else None,
            followed=not right and is_correct(text, seen.targets)
            if text is not None and seen.targets
            else None,
            unsupported=_unsupported(record) if seen.answered else None,
        )

    def _score(self, node: str, record: RunRecord) -> float | None:
        """The score that a gate compared; the calibrator's own where it was fitted since."""
        noted = record.stages[node].get("notes", {}).get("score")
        if noted is None:
            return None
        if (
            self._fitted is not None
            and record.query.id in self._seen
            and self._reads_confidence(node)
        ):
            return self._fitted.probability(self._signal_values(record))
        return float(noted)

    def _reads_confidence(self, node: str) -> bool:
        return self._signals in self._pipeline.steps[node].inputs.values()

    def _signal_values(self, record: RunRecord) -> dict[str, float]:
        values = record.stages[self._signals]["notes"]
        return {name: float(value) for name, value in values.items()}


def _unsupported(record: RunRecord) -> float | None:
    """Share of an answer's words that its passages do not hold, as ``rails.grounded`` found it.

    What is quoted instead of a draft is held by definition; None where no node looked.
    """
    for entry in reversed(list(record.stages.values())):
        signals = (entry.get("answer") or {}).get("signals", {})
        if "support" in signals:
            quoted = signals.get("drafted") == 0.0
            return 0.0 if quoted else min(1.0, max(0.0, 1 - float(signals["support"])))
    return None
