"""The search itself: all trials on the first rung, the better ones on the next, and so on.

Source: successive halving (Jamieson and Talwalkar 2016), synchronous: a rung is begun when
the one before is done, so that all its trials have answered the same questions and are
compared on these alone. The unchanged pipeline, trial 0, is on every rung.

Cost: with n trials, q questions and reduction 3, about n * q / 3 ** (rungs - 1) * rungs
questions, less what the cache of node outputs has.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from assay.corpora.dataset import Dataset, LabelledQuery, to_query
from assay.evaluation.evaluate import evaluate
from assay.evaluation.plan import plan_of
from assay.evaluation.records import Advance, Say, run_records
from assay.evaluation.search.goals import Constraint, Objective
from assay.evaluation.search.journal import Journal, Score
from assay.evaluation.search.optimiser import WORST, Optimiser, Told
from assay.evaluation.search.rungs import promoted, rungs_of
from assay.evaluation.search.space import Settings, Space, shown
from assay.evaluation.search.workbench import Workbench
from assay.pipeline.errors import AssayError, BuildError, CorpusError, ModelError, UsageError

RESAMPLES = 2  # a search looks at values, never at their intervals


@dataclass(frozen=True, slots=True)
class Search:
    """What to search and how.

    Args:
        space: what may change.
        objective: the figure to make as good as can be.
        constraints: bounds that the winner must keep.
        trials: how many pipelines to try beside the unchanged one.
        seed: of every random choice.
        tenant: on whose behalf questions are asked.
    """

    space: Space
    objective: Objective
    constraints: tuple[Constraint, ...]
    trials: int
    seed: int
    tenant: str

    @property
    def costs(self) -> bool:
        """Whether a figure of it is a cost, which kept outputs would hide."""
        keys = (self.objective.key, *(one.key for one in self.constraints))
        return any(key.startswith("cost.") for key in keys)


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found.

    Args:
        winner: the best trial on all questions of the tune fold; the unchanged pipeline
            where nothing is better.
        unchanged: trial 0 on the same questions.
        scores: every trial on every rung that it reached.
        rungs: questions of each rung.
        exhausted: whether every pipeline of the space was tried.
    """

    winner: Score
    unchanged: Score
    scores: Sequence[Score]
    rungs: tuple[int, ...]
    exhausted: bool


def search(
    bench: Workbench,
    search: Search,
    tune: Dataset,
    folder: Path,
    journal: Journal,
    *,
    advance: Advance,
    say: Say,
) -> Found:
    """Search; what is in the journal already is not run again.

    A trial that comes before another is better if it keeps the constraints and the other
    does not; if neither does, if it misses them by less; else by the objective; among
    equals the earlier one, so that the unchanged pipeline has to be beaten.

    Args:
        bench: entered.
        search: what to search.
        tune: the questions of the tune fold, and the passages.
        folder: where records lie, a folder a trial.
        journal: scores so far.
        advance: told how far a rung has come.
        say: told what a person should know.

    Raises:
        AssayError: what the unchanged pipeline raises; a trial that cannot be built or
            loaded is noted as impossible instead.
    """
    runner = _Runner(bench, search, tune, folder, journal)
    rungs = rungs_of(tune, seed=search.seed)
    first = runner.score(0, {}, 0, rungs[0])
    if first.objective is None and not first.problem:
        say(
            f"'{search.objective.key}' is not measurable on the unchanged pipeline: any trial"
            " that has it is better"
        )
    scores = [first]
    optimiser = Optimiser(search.space, bench.current(search.space), seed=search.seed)
    _tell(optimiser, search, first)
    exhausted = False
    for number in range(1, search.trials + 1):
        settings = optimiser.propose(number)
        if settings is None:
            exhausted = True
            break
        score = runner.score(number, settings, 0, rungs[0])
        scores.append(score)
        _tell(optimiser, search, score)
        advance("trials on rung 1", number, search.trials)
        say(f"trial {number}: {shown(settings)} -> {told(score, search)}")
    if exhausted:
        say(f"the space is exhausted after {len(scores) - 1} trials")
    for rung, questions in enumerate(rungs[1:], 1):
        going = _best(scores, search, promoted(search.trials, rung))
        scores = []
        for number, before in enumerate(going, 1):
            scores.append(runner.score(before.trial, before.settings, rung, questions))
            advance(f"trials on rung {rung + 1}", number, len(going))
            say(
                f"trial {before.trial} on {len(questions)} questions:"
                f" {shown(before.settings)} -> {told(scores[-1], search)}"
            )
    final = _ranked(scores, search)
    return Found(
        winner=final[0],
        unchanged=next(one for one in scores if one.trial == 0),
        scores=journal.scores,
        rungs=tuple(len(one) for one in rungs),
        exhausted=exhausted,
    )


def told(score: Score, search: Search) -> str:
    """A score in one line."""
    if score.problem:
        return f"impossible: {score.problem}"
    figures = [f"{search.objective.key} {_number(score.objective)}"]
    for one, violation in zip(search.constraints, score.violations, strict=True):
        kept = "" if violation == 0 else " (not kept)"
        figures.append(f"{one.key} {_number(score.constraints[one.key])}{kept}")
    if score.failed:
        figures.append(f"{score.failed} questions failed")
    return ", ".join(figures)


def _number(value: float | None) -> str:
    return "not measurable" if value is None else f"{value:.4g}"


def _best(scores: Sequence[Score], search: Search, count: int) -> list[Score]:
    """The unchanged pipeline and the ``count`` best of the others that are possible."""
    ranked = _ranked([one for one in scores if not one.problem], search)
    others = [one for one in ranked if one.trial != 0][:count]
    return [next(one for one in scores if one.trial == 0), *others]


def _ranked(scores: Sequence[Score], search: Search) -> list[Score]:
    def place(score: Score) -> tuple[bool, bool, bool, float, float, int]:
        unknown = score.objective is None
        missing = sum(WORST if one is None else one for one in score.violations)
        value = 0.0 if score.objective is None else search.objective.signed(score.objective)
        return (bool(score.problem), unknown, missing > 0, missing, value, score.trial)

    return sorted(scores, key=place)


def _tell(optimiser: Optimiser, search: Search, score: Score) -> None:
    value = None if score.objective is None else search.objective.signed(score.objective)
    violations = tuple(WORST if one is None else one for one in score.violations)
    optimiser.tell(Told(score.settings, value, violations))


@dataclass(frozen=True, slots=True)
class _Runner:
    """Runs a trial on the questions of a rung and scores it."""

    bench: Workbench
    search: Search
    tune: Dataset
    folder: Path
    journal: Journal

    def score(
        self, trial: int, settings: Settings, rung: int, questions: Sequence[LabelledQuery]
    ) -> Score:
        known = self.journal.find(trial, rung)
        if known is not None:
            return known
        begin = time.perf_counter()
        try:
            found = self._run(trial, settings, questions)
        except (BuildError, CorpusError, ModelError, UsageError) as error:
            if trial == 0:
                raise
            found = {"problem": _sentence(error)}
        made = Score(
            trial=trial,
            settings=settings,
            rung=rung,
            questions=len(questions),
            objective=None,
            seconds=round(time.perf_counter() - begin, 3),
        )
        score = replace(made, **found)
        self.journal.add(score)
        return score

    def _run(
        self, trial: int, settings: Settings, questions: Sequence[LabelledQuery]
    ) -> dict[str, Any]:
        asked = [to_query(one, tenant=self.search.tenant) for one in questions]
        with self.bench.opened(self.search.space, settings) as pipeline:
            records = run_records(
                pipeline, asked, self.folder / f"{trial:04}", seed=self.search.seed
            )
            fingerprint, plan = pipeline.fingerprint(), plan_of(pipeline)
        chosen = replace(self.tune, queries=tuple(questions))
        report = evaluate(chosen, records, plan, seed=self.search.seed, resamples=RESAMPLES)
        metrics = report.metrics
        constraints = {one.key: _figure(metrics, one.key) for one in self.search.constraints}
        return {
            "objective": _figure(metrics, self.search.objective.key),
            "constraints": constraints,
            "violations": tuple(
                None if constraints[one.key] is None else one.violation(constraints[one.key])
                for one in self.search.constraints
            ),
            "failed": report.failed,
            "fingerprint": fingerprint,
        }


def _figure(metrics: Mapping[str, Any], key: str) -> float | None:
    value = metrics[key]
    return None if value is None else float(value)


def _sentence(error: AssayError) -> str:
    """The first problem, on one line."""
    if isinstance(error, BuildError):
        return error.problems[0].message
    return str(error).splitlines()[0]
