"""Plain features of each passage, and the two textbook learners over them as baselines.

This is the reference's way: every passage by itself, its scores, places and neighbours as numbers,
a classifier from scikit-learn, one cut. What it cannot do is to weigh the passages of a question
together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from benchmarks.select_figures.cases import Case
from benchmarks.select_figures.simple import Probabilities

Matrix: TypeAlias = NDArray[np.float64]
SIGNALS = ("bm25", "dense", "hybrid", "judge")


def features(case: Case) -> Matrix:
    """One row a passage of the ranking, shape ``(n_passages, n_features)``.

    For each signal: the score, its distance to the best one's, its share of the range, one over
    the place, the gap to the next, and whether it is missing. Then: place, passages and how many
    of these there are of the same document, largest and mean cosine to the other passages, to
    those before, lengths.
    """
    ids = case.ids
    if not ids:
        return np.zeros((0, 6 * len(SIGNALS) + 9))
    columns: list[Matrix] = []
    for name in SIGNALS:
        values = case.scores(name)
        places = {one: place for place, one in enumerate(case.labelled.rankings[name].ids, 1)}
        low, high = min(values.values(), default=0.0), max(values.values(), default=0.0)
        own = np.array([values.get(one, low) for one in ids], dtype=np.float64)
        order = np.argsort(-own, kind="stable")
        below = np.zeros(len(ids))
        below[order[:-1]] = own[order[:-1]] - own[order[1:]]
        columns += [
            own,
            own - high,
            (own - low) / (high - low) if high > low else np.ones(len(ids)),
            np.array([1 / places.get(one, 200) for one in ids]),
            below,
            np.array([float(one not in values) for one in ids]),
        ]
    passages = [hit.passage for hit in case.ranking.hits]
    alike = (case.matrix @ case.matrix.T).astype(np.float64)
    np.fill_diagonal(alike, -1.0)
    count = len(ids)
    before = np.tril(np.ones((count, count)), -1) > 0
    together = [sum(one.document_id == other.document_id for other in passages) for one in passages]
    nearby = [
        sum(
            one.document_id == other.document_id and abs(one.position - other.position) == 1
            for other in passages[:5]
        )
        for one in passages
    ]
    columns += [
        np.arange(count, dtype=np.float64),
        np.full(count, float(count)),
        np.array(together, dtype=np.float64),
        np.array(nearby, dtype=np.float64),
        alike.max(axis=1),
        (alike.sum(axis=1) + 1) / max(count - 1, 1),
        np.where(before, alike, -1.0).max(axis=1),
        np.array([len(one.text.split()) for one in passages], dtype=np.float64),
        np.full(count, float(len(case.query.text.split()))),
    ]
    return np.stack(columns, axis=1)


class Known:
    """The features of cases, computed once.

    >>> Known()._rows
    {}
    """

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], Matrix] = {}

    def __call__(self, case: Case) -> Matrix:
        """Of a case."""
        key = (case.group, case.query.id)
        if key not in self._rows:
            self._rows[key] = features(case)
        return self._rows[key]


def probabilities_of(cases: Sequence[Case], known: Known, make: Callable[[], Any]) -> Probabilities:
    """A classifier fitted to the passages of cases; each set counts alike."""
    told = [one for one in cases if one.ids]
    rows = np.concatenate([known(one) for one in told])
    labels = np.array([name in one.needed for one in told for name in one.ids])
    sizes: dict[str, int] = {}
    for one in told:
        sizes[one.group] = sizes.get(one.group, 0) + len(one.ids)
    weights = np.array([1.0 / sizes[one.group] for one in told for _ in one.ids])
    model = make()
    model.fit(rows, labels, weights * len(weights) / weights.sum())

    def probabilities(case: Case) -> Mapping[str, float]:
        if not case.ids:
            return {}
        found = model.predict(known(case))
        return dict(zip(case.ids, found.tolist(), strict=True))

    return probabilities


class Logistic:
    """Logistic regression over standardised features."""

    def fit(self, rows: Matrix, labels: NDArray[np.bool_], weights: Matrix) -> None:
        """Fit."""
        linear: Any = import_module("sklearn.linear_model")
        preprocessing: Any = import_module("sklearn.preprocessing")
        self._scaler = preprocessing.StandardScaler().fit(rows)
        self._model = linear.LogisticRegression(C=0.3, max_iter=500)
        self._model.fit(self._scaler.transform(rows), labels, sample_weight=weights)

    def predict(self, rows: Matrix) -> Matrix:
        """Probabilities."""
        found: Matrix = self._model.predict_proba(self._scaler.transform(rows))[:, 1]
        return found


class Boosted:
    """Gradient-boosted trees."""

    def fit(self, rows: Matrix, labels: NDArray[np.bool_], weights: Matrix) -> None:
        """Fit."""
        ensemble: Any = import_module("sklearn.ensemble")
        self._model = ensemble.HistGradientBoostingClassifier(
            learning_rate=0.06,
            max_iter=120,
            max_leaf_nodes=15,
            min_samples_leaf=30,
            l2_regularization=1.0,
            random_state=0,
        )
        self._model.fit(rows, labels, sample_weight=weights)

    def predict(self, rows: Matrix) -> Matrix:
        """Probabilities."""
        found: Matrix = self._model.predict_proba(rows)[:, 1]
        return found
