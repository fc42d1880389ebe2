"""The rule by which a threshold is chosen on a tune fold."""

from __future__ import annotations

from benchmarks.shared_sets import best_threshold


def test_the_threshold_with_most_right_minus_wrong_is_named() -> None:
    scored = [(5.0, True), (4.0, True), (3.0, False), (2.0, True), (1.0, False), (0.0, False)]
    assert best_threshold(scored, 6).startswith("threshold 4.00 answers 2: +2 right minus wrong")


def test_items_of_one_score_are_answered_together() -> None:
    scored = [(5.0, True), (5.0, False), (4.0, True)]
    assert best_threshold(scored, 3).startswith("threshold 4.00 answers 3: +1")


def test_a_threshold_that_answers_hardly_anything_is_no_choice() -> None:
    scored = [(5.0, True)] + [(4.0 - n, False) for n in range(19)]
    assert best_threshold(scored, 20).startswith("no threshold")
