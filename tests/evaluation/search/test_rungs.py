"""Rungs of questions: nested, clusters whole, kinds in proportion."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from assay.evaluation.search.rungs import promoted, rungs_of
from tests.evaluation.made import dataset, question


@given(
    st.lists(st.tuples(st.integers(0, 30), st.booleans()), min_size=1, max_size=120),
    st.integers(0, 5),
)
def test_rungs_grow_to_the_whole_and_tear_no_cluster(
    kinds: list[tuple[int, bool]], seed: int
) -> None:
    whole = dataset(
        [
            question(f"q{n}", answerable=able, cluster=f"c{cluster}")
            for n, (cluster, able) in enumerate(kinds)
        ]
    )
    rungs = rungs_of(whole, seed=seed, smallest=5)
    assert rungs == rungs_of(whole, seed=seed, smallest=5)
    ids = [[one.id for one in rung] for rung in rungs]
    assert sorted(ids[-1]) == sorted(one.id for one in whole.queries)
    for smaller, larger in pairwise(ids):
        assert larger[: len(smaller)] == smaller
        assert len(larger) > len(smaller)
    for rung in rungs:
        inside = {one.meta["cluster"] for one in rung}
        outside = {one.meta["cluster"] for one in whole.queries if one not in rung}
        assert inside.isdisjoint(outside)
    assert len(rungs[0]) >= min(5, len(kinds))


def test_the_first_rung_has_both_kinds_in_their_proportion() -> None:
    whole = dataset([question(f"q{n:03}", answerable=n % 3 > 0) for n in range(180)])
    first = rungs_of(whole, seed=1)[0]
    assert len(first) == 20
    assert abs(sum(not one.answerable for one in first) - 20 / 3) <= 1


def test_the_first_rung_has_attacked_questions_where_there_are_enough() -> None:
    whole = dataset([question(f"q{n:03}", attacked=n % 20 == 7) for n in range(180)])
    first = rungs_of(whole, seed=3)[0]
    assert sum(bool(one.meta["attacked"]) for one in first) == 1


def test_sizes_are_thirds_and_a_small_set_has_one_rung() -> None:
    sizes = [
        len(rung) for rung in rungs_of(dataset([question(f"q{n}") for n in range(200)]), seed=0)
    ]
    assert sizes == [22, 66, 200]
    assert len(rungs_of(dataset([question(f"q{n}") for n in range(50)]), seed=0)) == 1


def test_a_third_of_the_trials_goes_on_and_never_none() -> None:
    assert [promoted(10, rung) for rung in range(5)] == [10, 4, 2, 1, 1]
