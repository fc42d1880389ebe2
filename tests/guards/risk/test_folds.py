from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.guards.risk.folds import (
    CalibrationItem,
    Fold,
    Shares,
    check_disjoint,
    one_per_cluster,
    split,
)
from assay.pipeline.errors import DataError, UsageError


def item(name: str, cluster: str, *documents: str) -> CalibrationItem:
    return CalibrationItem(name, "answerable", cluster, documents)


@st.composite
def labelled(draw: st.DrawFn) -> list[CalibrationItem]:
    size = draw(st.integers(1, 40))
    few = st.integers(0, 25)
    return [
        item(f"q{i}", f"c{draw(few)}", *(f"d{one}" for one in draw(st.lists(few, max_size=2))))
        for i in range(size)
    ]


@given(labelled(), st.integers(0, 1000), st.randoms())
def test_folds_share_nothing_lose_nothing_and_do_not_depend_on_order(
    items: list[CalibrationItem], seed: int, random: object
) -> None:
    folds = split(items, seed=seed, shares=Shares(0.3, 0.5, 0.2))
    check_disjoint(folds)
    assert sorted(one.id for fold in folds.values() for one in fold) == sorted(
        one.id for one in items
    )
    assert split(items[::-1], seed=seed, shares=Shares(0.3, 0.5, 0.2)) == folds


def test_questions_linked_through_others_share_a_fold() -> None:
    for seed in range(30):
        chain = [item("a", "c1", "d1"), item("b", "c2", "d1", "d2"), item("c", "c3", "d2")]
        assert sorted(len(fold) for fold in split(chain, seed=seed).values()) == [0, 0, 3]


def test_a_document_and_a_cluster_of_the_same_name_are_not_the_same_thing() -> None:
    pair = [item("a", "x"), item("b", "y", "x")]
    assert any(len(split(pair, seed=seed)["tune"]) == 1 for seed in range(30))


def test_questions_stay_in_their_fold_when_others_are_added() -> None:
    old = [item(f"q{i}", f"c{i}", f"d{i}") for i in range(100)]
    new = [item(f"n{i}", f"m{i}", f"e{i}") for i in range(100)]
    before, after = split(old, seed=3), split(old + new, seed=3)
    for fold, members in before.items():
        assert set(members) <= set(after[fold])


def test_folds_are_about_as_large_as_asked_for() -> None:
    folds = split([item(f"q{i}", f"c{i}") for i in range(3000)], seed=0)
    assert 900 < len(folds["tune"]) < 1100
    assert folds["report"] == ()
    with_report = split(
        [item(f"q{i}", f"c{i}") for i in range(3000)], seed=0, shares=Shares(0.3, 0.5, 0.2)
    )
    assert 520 < len(with_report["report"]) < 680


def test_one_question_of_each_cluster_is_picked_by_seed() -> None:
    items = [item(f"q{i}", f"c{i % 7}") for i in range(70)]
    picked = one_per_cluster(items, seed=1)
    assert sorted(one.cluster for one in picked) == [f"c{i}" for i in range(7)]
    assert one_per_cluster(items[::-1], seed=1) == picked
    assert any(one_per_cluster(items, seed=seed) != picked for seed in range(2, 6))


@pytest.mark.parametrize(
    ("other", "shared"),
    [
        (item("a", "c2"), "question 'a'"),
        (item("b", "c1"), "cluster 'c1'"),
        (item("b", "c2", "d1"), "document 'd1'"),
    ],
)
def test_folds_that_share_something_are_refused(other: CalibrationItem, shared: str) -> None:
    with pytest.raises(DataError, match=shared):
        check_disjoint({"tune": [item("a", "c1", "d1")], "certify": [other]})


def test_ids_twice_and_missing_clusters_and_odd_strata_and_shares_are_refused() -> None:
    with pytest.raises(DataError, match="'a' occurs twice"):
        split([item("a", "c"), item("a", "d")], seed=0)
    with pytest.raises(DataError, match="cluster"):
        item("a", "")
    with pytest.raises(DataError, match="stratum 'odd'"):
        CalibrationItem("a", "odd", "c")  # type: ignore[arg-type]
    for shares in ((0.5, 0.6, 0.0), (1.0, 0.0, 0.0), (0.6, 0.6, -0.2)):
        with pytest.raises(UsageError):
            Shares(*shares)


def test_of_a_shared_cluster_the_question_of_the_rarer_stratum_is_tested() -> None:
    common = [item(f"a{n}", f"c{n}") for n in range(5)]
    rare = [CalibrationItem(f"p{n}", "poisoned", f"c{n}") for n in range(3)]
    for seed in range(5):
        tested = one_per_cluster([*common, *rare], seed=seed)
        assert [one.id for one in tested] == ["a3", "a4", "p0", "p1", "p2"]


def test_a_question_stays_in_the_fold_that_its_labeller_named() -> None:
    folds: tuple[Fold, ...] = ("report", "tune", "certify")
    named = [CalibrationItem(f"n{n}", "answerable", f"c{n}", fold=folds[n % 3]) for n in range(30)]
    free = [item(f"q{n}", f"d{n}") for n in range(60)]
    for seed in range(3):
        cut = split([*named, *free], seed=seed, shares=Shares(1 / 3, 1 / 3, 1 / 3))
        for fold, members in cut.items():
            assert {one.fold for one in members} <= {None, fold}
        alone = split(free, seed=seed, shares=Shares(1 / 3, 1 / 3, 1 / 3))
        assert all(set(alone[fold]) <= set(cut[fold]) for fold in folds)


def test_named_folds_that_share_a_cluster_or_a_document_are_refused() -> None:
    for first, second in (
        (("c", "d1"), ("c", "d2")),
        (("c1", "d"), ("c2", "d")),
    ):
        pair = [
            CalibrationItem("a", "answerable", first[0], (first[1],), fold="tune"),
            CalibrationItem("b", "answerable", second[0], (second[1],), fold="report"),
        ]
        with pytest.raises(DataError, match="put both into one fold"):
            split(pair, seed=0)


def test_an_unknown_fold_is_refused() -> None:
    with pytest.raises(DataError, match="expected one of tune, certify, report"):
        CalibrationItem("a", "answerable", "c", fold="dev")  # type: ignore[arg-type]
