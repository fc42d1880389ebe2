"""Selectors that look at scores and places: their few settings are chosen on the other folds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from assay.corpora.fusion import normalised
from assay.stages.rerank.diversity import marginal_relevances
from assay.stages.select.gaps import elbow
from benchmarks.select_figures.cases import Case
from benchmarks.select_figures.protocol import Chooser, Method
from benchmarks.select_figures.scoring import f1

Orders: TypeAlias = dict[tuple[str, str, float], list[str]]
"""Passages in the order in which mmr takes them, by set, question and share."""

MOST = 30
"""Largest fixed k: the length of the ranking."""


def needing(cases: Sequence[Case]) -> list[Case]:
    """The questions that need a passage: F1 is defined on these only."""
    return [one for one in cases if one.needed]


def mean_f1(cases: Sequence[Case], chooser: Chooser) -> float:
    """Mean F1 over the questions that need a passage; each set counts alike."""
    own: dict[str, list[float]] = {}
    for one in needing(cases):
        own.setdefault(one.group, []).append(f1(one.needed, chooser(one)))
    return sum(sum(values) / len(values) for values in own.values()) / max(len(own), 1)


def best(cases: Sequence[Case], choosers: Iterable[Chooser]) -> Chooser:
    """The one with the largest mean F1, the first of equal ones."""
    return max(choosers, key=lambda one: mean_f1(cases, one))


def first(k: int, name: str = "ranking") -> Chooser:
    """The best k of a ranking."""
    return lambda case: case.labelled.rankings[name].ids[:k]


def fixed_k(cases: Sequence[Case]) -> Chooser:
    """The best k of the ranking, k with the largest F1."""
    return best(cases, [first(k) for k in range(1, MOST + 1)])


def fixed_k_any(cases: Sequence[Case]) -> Chooser:
    """The same with the ranking chosen as well: by words, by meaning, both, or the judge's.

    It may keep passages behind the judge's depth, which no other selector here can.
    """
    names = ("bm25", "dense", "hybrid", "judge")
    return best(cases, [first(k, name) for name in names for k in range(1, MOST + 1)])


def oracle_k(_: Sequence[Case]) -> Chooser:
    """The k that is best for each question: it is told what is needed."""

    def choose(case: Case) -> Sequence[str]:
        if not case.needed:
            return ()
        return case.ids[: max(range(1, MOST + 1), key=lambda k: f1(case.needed, case.ids[:k]))]

    return choose


def everything(_: Sequence[Case]) -> Chooser:
    """All of the ranking."""
    return lambda case: case.ids


Values = Callable[[Case], Mapping[str, float]]
"""A number by passage of the ranking, larger for what is kept sooner; some may have none."""


def at_least(values: Values, cut: float) -> Chooser:
    """Passages with at least this number."""
    return lambda case: [name for name, value in values(case).items() if value >= cut]


def best_cut(cases: Sequence[Case], values: Values, cuts: Sequence[float]) -> float:
    """The cut for ``at_least`` with the largest mean F1, the first of equal ones.

    Args:
        cases: of one set.
        values: what is cut.
        cuts: at least one.
    """
    total = np.zeros(len(cuts))
    for one in needing(cases):
        known = values(one)
        every = np.sort(list(known.values()))
        good = np.sort([value for name, value in known.items() if name in one.needed])
        kept = len(every) - np.searchsorted(every, cuts, side="left")
        both = len(good) - np.searchsorted(good, cuts, side="left")
        total += 2 * both / (kept + len(one.needed))
    return float(cuts[int(np.argmax(total))])


def by_signal(name: str, *, gap: bool = False) -> Values:
    """A ranking's scores of the passages that are selected from, or their gaps to the best."""

    def values(case: Case) -> dict[str, float]:
        scores = case.scores(name)
        known = {one: scores[one] for one in case.ids if one in scores}
        top = max(known.values(), default=0.0) if gap else 0.0
        return {one: value - top for one, value in known.items()}

    return values


def threshold(signal: str, *, gap: bool = False) -> Method:
    """One cut for all questions of a set, with the largest F1 on the other folds."""
    values = by_signal(signal, gap=gap)

    def fit(cases: Sequence[Case]) -> Chooser:
        found = [value for one in cases for value in values(one).values()]
        cuts = np.unique(np.quantile(found, np.linspace(0, 1, 401)))
        return at_least(values, best_cut(cases, values, cuts.tolist()))

    return Method(f"threshold {signal}{' gap' if gap else ''}", fit)


def by_elbow(z: float, least: int, most: int) -> Chooser:
    """The ranking's elbow between two sizes."""

    def choose(case: Case) -> Sequence[str]:
        scores = [hit.score.value for hit in case.ranking.hits]
        return case.ids[: min(max(elbow(scores, z=z).size, least), most)]

    return choose


def fitted_elbow(cases: Sequence[Case]) -> Chooser:
    """z rule and sizes with the largest F1."""
    zs, leasts, mosts = (0.5, 1.0, 1.5, 2.0, 3.0), (0, 1, 2, 3), (1, 2, 3, 5, 8, 30)
    return best(
        cases,
        [
            by_elbow(z, least, most)
            for z in zs
            for least in leasts
            for most in mosts
            if least <= most
        ],
    )


def by_mmr(orders: Orders, share: float, k: int) -> Chooser:
    """``select.mmr`` with these settings: relevance by z-score of the ranking's scores."""

    def order(case: Case) -> list[str]:
        relevance = np.array(normalised(case.ranking, "z_score"))
        likeness = np.maximum(case.matrix @ case.matrix.T, 0.0).astype(np.float64)
        return [case.ids[one.place] for one in marginal_relevances(relevance, likeness, share)]

    def choose(case: Case) -> list[str]:
        key = (case.group, case.query.id, share)
        if key not in orders:
            orders[key] = order(case)
        return orders[key][:k]

    return choose


def mmr() -> Method:
    """Share and k with the largest F1."""
    orders: Orders = {}
    settings = [(share, k) for share in (0.3, 0.5, 0.7, 0.9) for k in range(1, 13)]
    return Method(
        "mmr", lambda cases: best(cases, [by_mmr(orders, share, k) for share, k in settings])
    )


Probabilities = Values
"""Probability of being needed by passage, for a question."""


def mass(probabilities: Probabilities, share: float) -> Chooser:
    """Top-p: the most probable passages that hold this share of all probability of the question."""

    def choose(case: Case) -> list[str]:
        found = sorted(probabilities(case).items(), key=lambda pair: -pair[1])
        total, held, kept = sum(p for _, p in found), 0.0, []
        for name, p in found:
            if held >= share * total:
                break
            kept.append(name)
            held += p
        return kept

    return choose


SIMPLE: tuple[Method, ...] = (
    Method("best fixed k", fixed_k),
    Method("best fixed k of any ranking", fixed_k_any),
    Method("oracle k", oracle_k, "none"),
    Method("fixed 3", lambda _: first(3), "none"),
    Method("fixed 5", lambda _: first(5), "none"),
    Method("everything", everything, "none"),
    threshold("judge"),
    threshold("dense"),
    threshold("hybrid"),
    threshold("bm25"),
    threshold("judge", gap=True),
    Method("elbow z=1", lambda _: by_elbow(1.0, 0, MOST), "none"),
    Method("elbow fitted", fitted_elbow),
    mmr(),
)
