"""``select.conformal`` in the cross-validation: fitted on the other folds of the same set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from assay.pipeline.words import Hit, Ranking, Score, ScoreKind
from assay.stages.select.conformal_rule import ConformalRule
from assay.training.conformal_selection import fit
from assay.training.labelled_rankings import LabelledRankings
from benchmarks.select_figures.cases import Case
from benchmarks.select_figures.protocol import Chooser, Method
from benchmarks.select_figures.simple import Probabilities

ALPHA = 0.2
"""At .1 most of the sets cannot promise anything: retrieval alone misses more."""


def by_rule(rule: ConformalRule, probabilities: Probabilities | None) -> Chooser:
    """What a fitted rule keeps."""

    def choose(case: Case) -> list[str]:
        ranking = _ranking(case, probabilities)
        return [name for name, yes in zip(ranking.ids, rule.kept(ranking), strict=True) if yes]

    return choose


def conformal(name: str, probabilities: Probabilities | None = None) -> Method:
    """In expectation all needed evidence is kept for a share of 1 - ALPHA of the questions.

    Args:
        name: of its row.
        probabilities: decide instead of the judge's logits where they are given.
    """

    def learn(cases: Sequence[Case]) -> Chooser:
        told = [
            LabelledRankings(
                {"ranking": _ranking(one, probabilities)}, one.labelled.grades, one.group, one.drawn
            )
            for one in cases
        ]
        rule = fit(told, alpha=ALPHA, guarantee="expectation", whole_clusters=True)
        return by_rule(rule, probabilities)

    return Method(name, learn)


def _ranking(case: Case, probabilities: Probabilities | None) -> Ranking:
    if probabilities is None:
        return case.ranking
    known = probabilities(case)
    hits = [
        Hit(hit.passage, Score(known[hit.passage.id], ScoreKind.PROBABILITY, "select.learned@1"))
        for hit in case.ranking.hits
    ]
    hits.sort(key=lambda hit: -hit.score.value)
    return replace(case.ranking, hits=tuple(hits), source="select.learned@1")
