"""Likeness of rankings, by worked numbers and by what must hold of any two."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.evaluation.suites.rank_similarity import kendall_tau, overlap_at, rank_biased_overlap

RANKINGS = st.lists(st.sampled_from("abcdefghijkl"), unique=True, max_size=10)


def test_worked_numbers() -> None:
    # X = 1, 1, 3: (.9 * 1 + .81 / 2 + .729) / 9 + .729
    assert rank_biased_overlap("abc", "acb") == pytest.approx(0.955)
    assert rank_biased_overlap("ab", "ba", persistence=0.5) == pytest.approx(0.5)
    assert kendall_tau("abcd", "abdc") == pytest.approx(2 / 3)
    assert kendall_tau("abx", "bay") == -1.0
    assert overlap_at("abcd", "xbyz", 2) == 0.5


@given(RANKINGS, RANKINGS)
def test_overlaps_are_shares_and_do_not_care_which_comes_first(a: list[str], b: list[str]) -> None:
    for measure in (rank_biased_overlap, lambda x, y: overlap_at(x, y, 10)):
        value = measure(a, b)
        assert 0 <= value <= 1
        assert value == pytest.approx(measure(b, a))
        assert measure(a, a) == pytest.approx(1)
    if not set(a) & set(b) and (a or b):
        assert rank_biased_overlap(a, b) == pytest.approx(0)


@given(RANKINGS, st.integers(1, 10))
def test_a_ranking_agrees_with_its_own_beginning(ranking: list[str], size: int) -> None:
    if ranking:
        assert rank_biased_overlap(ranking, ranking[:size]) == pytest.approx(1)


def test_what_is_empty_is_defined() -> None:
    assert rank_biased_overlap("", "") == overlap_at("", "", 10) == 1.0
    assert rank_biased_overlap("a", "") == overlap_at("a", "", 10) == 0.0
    assert kendall_tau("", "") is None
