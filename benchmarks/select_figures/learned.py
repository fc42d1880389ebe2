"""``select.learned`` and its decodings, beside boosted trees that are decoded in the same ways.

One model for all seven sets (``learned``): for the questions of a fold it is trained on the other
folds' of every set together; or one for each set (``own set``). A decoding with something to set
chooses that for a set on its other folds, by the probabilities that these questions got from models
which never saw them (nor their documents); the models of two folds share most of what they were
trained on, as in any cross-validation.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.models.protocols import Floats
from assay.pipeline.canonical import digest
from assay.pipeline.words import Passage, Query
from assay.stages.select.decode import by_expected_f1, greedy
from benchmarks.select_figures.cases import Case
from benchmarks.select_figures.conformal import conformal
from benchmarks.select_figures.features import Boosted, Known, Logistic, probabilities_of
from benchmarks.select_figures.protocol import Chooser, Method
from benchmarks.select_figures.simple import (
    MOST,
    Probabilities,
    at_least,
    best,
    best_cut,
    first,
    fixed_k,
    mass,
    needing,
)

Train = Callable[[Sequence[Case], Path], Probabilities]
"""Trains on questions, with a folder for what can be gone on with."""

CUTS = tuple(np.round(np.arange(0.04, 0.84, 0.02), 2).tolist())


class CrossFitted:
    """Probabilities of every question by a model that was trained on other folds.

    Args:
        name: folder of what is kept.
        cases: all of them, by set.
        train: makes a model.
        work: folder.
        together: whether one model learns from all sets; else each set has its own.
    """

    def __init__(
        self,
        name: str,
        cases: Mapping[str, Sequence[Case]],
        train: Train,
        work: Path,
        *,
        together: bool = True,
    ) -> None:
        every = [one for own in cases.values() for one in own]
        self._parts = {"all": every} if together else dict(cases)
        told = [(one.group, one.query.id, one.fold) for one in every]
        self._folder = work / "probabilities" / f"{name}-{digest(told)[:12]}"
        self._train = train
        self._known: dict[tuple[str, str], Mapping[str, float]] = {}

        self._part_of = {one.group: part for part, own in self._parts.items() for one in own}

    def __call__(self, case: Case) -> Mapping[str, float]:
        """Probability by passage."""
        key = (case.group, case.query.id)
        if key not in self._known:
            self._known.update(self.fold(self._part_of[case.group], case.fold))
        return self._known[key]

    def fold(self, part: str, fold: int) -> dict[tuple[str, str], Mapping[str, float]]:
        """The probabilities of a fold's questions, kept or from a model that is trained now.

        Args:
            part: a set, or ``all`` where one model learns from all of them.
            fold: its number.
        """
        path = self._folder / f"{part}-fold-{fold}.json"
        if not path.exists():
            cases = self._parts[part]
            print(f"{path.parent.name}, {part}: fold {fold + 1}", file=sys.stderr, flush=True)
            judge = self._train(
                [one for one in cases if one.fold != fold], self._folder / f"{part}-model-{fold}"
            )
            told = [
                [one.group, one.query.id, dict(judge(one))] for one in cases if one.fold == fold
            ]
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_suffix(".part")
            partial.write_text(json.dumps(told), encoding="utf-8")
            partial.replace(path)
        found = json.loads(path.read_text(encoding="utf-8"))
        return {(group, question): own for group, question, own in found}


def network(cases: Sequence[Case], folder: Path) -> Probabilities:
    """What ``assay train select`` trains.

    Within a single set parts are dealt by the units of the bootstrap: a set of few documents has
    too few to deal out.
    """
    from assay.training.selection.fit import fit

    def vectors(query: Query, passages: Sequence[Passage]) -> tuple[Floats, Floats]:
        own = sources[query.id].vectors
        return own.queries[query.id], np.stack([own.passages[one.id] for one in passages])

    def judge(case: Case) -> Mapping[str, float]:
        sources[case.query.id] = case
        return model.probabilities(case.labelled.rankings, vectors)

    sources = {one.query.id: one for one in cases}
    labelled = [one.labelled for one in cases]
    if len({one.group for one in cases}) == 1:
        labelled = [replace(one.labelled, cluster=one.drawn) for one in cases]
    model = fit(
        labelled,
        base="ranking",
        vectors=vectors,
        seed=0,
        depth=MOST,
        checkpoint=folder / "checkpoint",
    )
    model.save(folder / "model")
    return judge


def classifier(make: Callable[[], Any], known: Known) -> Train:
    """A classifier over plain features.

    Args:
        make: gives an unfitted one.
        known: the features.
    """

    def train(cases: Sequence[Case], _: Path) -> Probabilities:
        return probabilities_of(cases, known, make)

    return train


def expected_f1(probabilities: Probabilities, empty: float) -> Chooser:
    """As many of the most probable as make the expected F1 largest."""

    def choose(case: Case) -> list[str]:
        found = probabilities(case)
        names = list(found)
        places = by_expected_f1(np.array(list(found.values())), empty=empty)
        return [names[place] for place in places]

    return choose


def by_greedy(probabilities: Probabilities, cut: float, redundancy: float) -> Chooser:
    """Greedy marginal gain with a penalty for what is like what is kept."""

    def choose(case: Case) -> list[str]:
        found = probabilities(case)
        names = list(found)
        alike = (case.matrix @ case.matrix.T).astype(np.float64)
        values = np.array(list(found.values()))
        places = greedy(values, alike, threshold=cut, redundancy=redundancy)
        return [names[place] for place in places]

    return choose


def mean_recall(cases: Sequence[Case], chooser: Chooser) -> float:
    """Over the questions that need a passage."""
    own = needing(cases)
    return sum(len(one.needed & set(chooser(one))) / len(one.needed) for one in own) / len(own)


def matched(
    probabilities: Probabilities, reference: Callable[[Sequence[Case]], Chooser]
) -> Callable[[Sequence[Case]], Chooser]:
    """The highest cut whose recall on the other folds is at least a reference's there."""

    def fit(cases: Sequence[Case]) -> Chooser:
        wanted = mean_recall(cases, reference(cases))
        values = sorted({p for one in needing(cases) for p in probabilities(one).values()})
        low, high = 0, len(values) - 1  # recall falls as the cut rises
        while low < high:
            middle = (low + high + 1) // 2
            if mean_recall(cases, at_least(probabilities, values[middle])) >= wanted:
                low = middle
            else:
                high = middle - 1
        return at_least(probabilities, values[low])

    return fit


def recalibrated(probabilities: Probabilities) -> Callable[[Sequence[Case]], Chooser]:
    """Expected F1 by probabilities that are set right for one set (Platt 1999).

    A model of all sets has one calibration for all of them, and was told of questions that need
    nothing. Here the logit gets a slope and an offset by what the set's other folds say of the
    questions that need something, which are those that F1 is about.
    """

    def fit(cases: Sequence[Case]) -> Chooser:
        linear: Any = import_module("sklearn.linear_model")
        told = [pair for one in needing(cases) for pair in _labelled(one, probabilities)]
        logits = _logit(np.array([p for p, _ in told]))
        model = linear.LogisticRegression(C=100.0)
        model.fit(logits[:, None], np.array([yes for _, yes in told]))

        def again(case: Case) -> Mapping[str, float]:
            found = probabilities(case)
            if not found:
                return {}
            own = model.predict_proba(_logit(np.array(list(found.values())))[:, None])[:, 1]
            return dict(zip(found, own.tolist(), strict=True))

        return expected_f1(again, 0.0)

    return fit


def _labelled(case: Case, probabilities: Probabilities) -> list[tuple[float, bool]]:
    return [(p, name in case.needed) for name, p in probabilities(case).items()]


def _logit(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    kept = np.clip(probabilities, 1e-6, 1 - 1e-6)
    found: NDArray[np.float64] = np.log(kept / (1 - kept))
    return found


MATCHED: Mapping[str, tuple[str, Callable[[Sequence[Case]], Chooser]]] = {
    "recall of fixed k": ("best fixed k", fixed_k),
    "recall of fixed 3": ("fixed 3", lambda _: first(3)),
    "recall of fixed 5": ("fixed 5", lambda _: first(5)),
}
"""Decodings whose cut is set for another method's recall: that method's name, and its fit."""


def decodings(name: str, probabilities: Probabilities) -> tuple[Method, ...]:
    """Every way to a set.

    Args:
        name: of the model.
        probabilities: by models that did not see the question.
    """
    return (
        Method(f"{name}, expected F1", lambda _: expected_f1(probabilities, 0.0), "none"),
        Method(f"{name}, expected F1 or none", lambda _: expected_f1(probabilities, 1.0), "none"),
        Method(f"{name}, recalibrated, expected F1", recalibrated(probabilities)),
        Method(f"{name}, threshold .5", lambda _: at_least(probabilities, 0.5), "none"),
        Method(
            f"{name}, threshold",
            lambda cases: at_least(probabilities, best_cut(cases, probabilities, CUTS)),
        ),
        Method(
            f"{name}, greedy",
            lambda cases: best(
                cases,
                [
                    by_greedy(probabilities, cut, redundancy)
                    for redundancy in (0.1, 0.3, 0.5)
                    for cut in CUTS[2::3]
                ],
            ),
        ),
        Method(
            f"{name}, top-p",
            lambda cases: best(
                cases, [mass(probabilities, share) for share in np.arange(0.1, 1.0, 0.05)]
            ),
        ),
        *(
            Method(f"{name}, {how}", matched(probabilities, reference))
            for how, (_, reference) in MATCHED.items()
        ),
    )


def learned(cases: Mapping[str, Sequence[Case]], work: Path) -> tuple[Method, ...]:
    """Networks, trees and logistic regression, for all sets together and for each by itself."""
    known = Known()
    trees, lines = classifier(Boosted, known), classifier(Logistic, known)
    own = CrossFitted("network", cases, network, work)
    return (
        *decodings("logistic, own set", CrossFitted("lines", cases, lines, work, together=False)),
        *decodings("boosted, own set", CrossFitted("trees", cases, trees, work, together=False)),
        *decodings("boosted, all sets", CrossFitted("boosted", cases, trees, work)),
        *decodings("learned", own),
        *decodings("learned, own set", CrossFitted("own", cases, network, work, together=False)),
        conformal("conformal on the judge's logits"),
        conformal("conformal on learned", own),
    )
