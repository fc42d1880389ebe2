"""Samples and folds of a labelled set."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.evaluation.sampling import Cut, cut_of, only_fold, stratified_sample
from assay.guards.risk.folds import FOLDS, Shares
from assay.pipeline.errors import DataError, UsageError
from tests.evaluation.made import dataset, question


@given(st.lists(st.booleans(), min_size=1, max_size=40), st.integers(1, 50), st.integers(0, 5))
def test_a_sample_keeps_size_order_and_both_strata(
    kinds: list[bool], limit: int, seed: int
) -> None:
    whole = dataset([question(f"{n:02}", answerable=kind) for n, kind in enumerate(kinds)])
    drawn = stratified_sample(whole, limit, seed=seed)
    ids = [one.id for one in drawn.queries]
    assert len(ids) == len(set(ids)) == min(limit, len(kinds))
    assert ids == sorted(ids)
    if limit > 1 and len(set(kinds)) == 2:
        assert {one.answerable for one in drawn.queries} == {True, False}
    exact = len(ids) * sum(kinds) / len(kinds)
    assert abs(sum(one.answerable for one in drawn.queries) - exact) <= 1
    assert drawn == stratified_sample(whole, limit, seed=seed)


def test_a_limit_below_one_is_refused() -> None:
    with pytest.raises(UsageError, match="at least 1"):
        stratified_sample(dataset([question("a")]), 0)


def test_folds_are_disjoint_and_keep_clusters_and_shared_passages_together() -> None:
    queries = [question(f"q{n}", cluster=f"c{n // 3}") for n in range(90)]
    qrels = {"q0": {"p": 1}, "q50": {"p": 1}}
    written = {"seed": 0, "tune": 3, "certify": 4, "report": 3}
    whole = replace(dataset(queries, qrels=qrels), info={"folds": written})
    assert cut_of(whole) == Cut(0, Shares(0.3, 0.4, 0.3))
    folds = {fold: {one.id for one in only_fold(whole, fold).queries} for fold in FOLDS}
    assert sum(map(len, folds.values())) == 90
    assert set.union(*folds.values()) == {one.id for one in queries}
    for members in folds.values():
        for query in queries:
            mates = {one.id for one in queries if one.meta["cluster"] == query.meta["cluster"]}
            assert members.isdisjoint(mates) or mates <= members
        assert ("q0" in members) == ("q50" in members)


def test_an_empty_fold_is_an_error() -> None:
    written = {"seed": 0, "tune": 1, "certify": 1, "report": 0}
    whole = replace(dataset([question("a")]), info={"folds": written})
    with pytest.raises(UsageError, match="no question in the fold 'report'"):
        only_fold(whole, "report")


def test_a_set_that_says_nothing_is_cut_into_thirds() -> None:
    cut = cut_of(dataset([question("a")]))
    assert (cut.seed, cut.shares) == (0, Shares(1 / 3, 1 / 3, 1 / 3))


@pytest.mark.parametrize("written", [[1, 1, 1], {"seed": 0, "tune": 1}, {"tune": "x"}])
def test_a_cut_in_another_form_is_an_error(written: object) -> None:
    with pytest.raises(DataError, match="'folds' must be an object with seed, tune, certify"):
        cut_of(replace(dataset([question("a")]), info={"folds": written}))
