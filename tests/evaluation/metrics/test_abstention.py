"""Coverage, risk and the areas under their curves."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.evaluation.evaluate import evaluate
from assay.evaluation.metrics.abstention import equal_mass
from assay.evaluation.metrics.rc_rag import figure
from assay.evaluation.metrics.risk_curves import (
    Groups,
    augrc,
    aurc,
    auroc,
    coverage_at_risk,
    eaurc,
    rate_at_rate,
)
from assay.pipeline.errors import DataError
from tests.evaluation.made import PLAN, answer, dataset, kept, question, record

CONFIDENCES = np.array([0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2])
ERRORS = np.array([0, 0, 0, 1, 0, 0, 1, 0, 1, 1], dtype=float)
ONCE = np.ones((1, 10))


def test_the_worked_example_gives_its_areas() -> None:
    groups = Groups(CONFIDENCES, ERRORS)
    assert aurc(groups)(ONCE)[0] == pytest.approx(0.188571, abs=1e-6)
    assert eaurc(groups)(ONCE)[0] == pytest.approx(0.075952, abs=1e-6)
    assert augrc(groups)(ONCE)[0] == pytest.approx(0.14)
    assert coverage_at_risk(groups, 0.2)(ONCE)[0] == pytest.approx(0.6)
    # One error of four above the third right item: 5 of 6 right ones at 1 of 4 wrong ones.
    assert rate_at_rate(groups, 0.25)(ONCE)[0] == pytest.approx(5 / 6)
    assert rate_at_rate(groups, 0.0)(ONCE)[0] == pytest.approx(3 / 6)


def test_the_best_possible_order_has_the_optimal_area() -> None:
    best = Groups(CONFIDENCES, np.sort(ERRORS))
    assert aurc(best)(ONCE)[0] == pytest.approx(0.112619, abs=1e-6)
    assert eaurc(best)(ONCE)[0] == pytest.approx(0.0, abs=1e-12)


def test_a_set_without_errors_or_without_right_answers_has_no_excess_area() -> None:
    for errors in (np.zeros(10), np.ones(10)):
        assert eaurc(Groups(CONFIDENCES, errors))(ONCE)[0] == pytest.approx(0.0, abs=1e-12)


items = st.lists(st.tuples(st.sampled_from([0.1, 0.5, 0.9]), st.booleans()), min_size=1, max_size=6)


def by_orders(confidences: list[float], errors: list[float]) -> tuple[float, float]:
    """AURC and AUGRC averaged over every order that the confidences allow."""
    areas = []
    for order in itertools.permutations(range(len(errors))):
        falling = [confidences[place] for place in order]
        if falling != sorted(confidences, reverse=True):
            continue
        wrong = np.cumsum([errors[place] for place in order])
        areas.append((np.mean(wrong / np.arange(1, len(errors) + 1)), wrong.mean() / len(errors)))
    return tuple(np.mean(areas, axis=0))


@given(items)
def test_ties_are_expected_over_all_their_orders(found: list[tuple[float, bool]]) -> None:
    confidences, errors = [one for one, _ in found], [float(wrong) for _, wrong in found]
    groups, once = Groups(np.array(confidences), np.array(errors)), np.ones((1, len(found)))
    expected = by_orders(confidences, errors)
    assert aurc(groups)(once)[0] == pytest.approx(expected[0])
    assert augrc(groups)(once)[0] == pytest.approx(expected[1])


@given(items, st.lists(st.integers(0, 3), min_size=6, max_size=6))
def test_a_weight_counts_like_so_many_copies(
    found: list[tuple[float, bool]], counts: list[int]
) -> None:
    weights = np.array([counts[: len(found)]], dtype=float)
    copies = [one for one, count in zip(found, counts, strict=False) for _ in range(count)]
    for statistic in (aurc, eaurc, augrc, auroc, lambda one: coverage_at_risk(one, 0.3)):
        weighted = statistic(Groups(*map(np.array, zip(*found, strict=True))))(weights)[0]
        if not copies:
            assert np.isnan(weighted)
            continue
        again = Groups(*map(np.array, zip(*copies, strict=True)))
        repeated = statistic(again)(np.ones((1, len(copies))))[0]
        assert weighted == pytest.approx(repeated, nan_ok=True)


@given(items)
def test_auroc_counts_ordered_pairs(found: list[tuple[float, bool]]) -> None:
    right = [one for one, wrong in found if not wrong]
    wrong = [one for one, is_wrong in found if is_wrong]
    pairs = [(a > b) + 0.5 * (a == b) for a in right for b in wrong]
    groups = Groups(*map(np.array, zip(*found, strict=True)))
    value = auroc(groups)(np.ones((1, len(found))))[0]
    assert value == pytest.approx(np.mean(pairs) if pairs else np.nan, nan_ok=True)


def test_the_last_gate_keeps_the_answer_that_it_refused_for_the_curve() -> None:
    queries = [question(name) for name in "abc"]
    records = [
        record("a", confidence=0.9),
        record("b", "abstained", stages={"rated": {"answer": answer("right", 0.4)}},
               score={"value": 0.4, "kind": "probability"}),
        record("c", "abstained", score={"value": 3.0, "kind": "logit"}),
    ]  # fmt: skip
    metrics = evaluate(dataset(queries), records, PLAN).metrics
    assert metrics["abstention.coverage"] == pytest.approx(1 / 3)
    assert metrics["abstention.risk"] == 0.0
    assert metrics["abstention.aurc"] == pytest.approx((0 + 0 + 1 / 3) / 3)
    # c's logit is of another kind than the probabilities: it never comes first.
    assert metrics["abstention.auroc"] == 1.0
    assert metrics["abstention.coverage@risk05"] == pytest.approx(2 / 3)


def test_an_answer_to_an_unanswerable_question_is_wrong() -> None:
    queries = [question("a"), question("u", answerable=False)]
    report = evaluate(dataset(queries), [record("a"), record("u", text="right")], PLAN)
    assert report.metrics["abstention.risk"] == 0.5


def test_wrongful_abstention_needs_complete_evidence_in_the_last_selection() -> None:
    queries = [question(name) for name in "abc"] + [question("d", gold_passages=[["p"], ["q"]])]
    qrels = {name: {"p": 1, "q": 1} for name in "abcd"}
    full = {"selected": kept("p", "q")}
    records = [
        record("a", "abstained", stages=full),
        record("b", "abstained", stages={"selected": kept("p")}),
        record("c", stages=full),
        record("d", "abstained", stages={"selected": kept("q")}),
    ]
    metrics = evaluate(dataset(queries, qrels=qrels), records, PLAN).metrics
    assert metrics["abstention.wrongful"] == pytest.approx(2 / 3)


def test_without_confidence_the_curve_is_unknown_with_a_reason() -> None:
    report = evaluate(dataset([question("a")]), [record("a", confidence=None)], PLAN)
    assert report.metrics["abstention.aurc"] is None
    assert "no confidence" in report.why["abstention.aurc"]


def test_alike_items_of_one_question_count_as_many_times_as_they_are_counted() -> None:
    places = np.array([0, 0, 1, 2, 2, 2])
    confidences, errors = np.array([0.5, 0.5, 0.2, 0.9, 0.5, 0.5]), np.array([1, 1, 0, 0, 1, 1.0])
    whole = Groups(confidences, errors, places)
    folded = Groups(
        np.array([0.5, 0.2, 0.9, 0.5]),
        np.array([1.0, 0, 0, 1]),
        np.array([0, 1, 2, 2]),
        np.array([2.0, 1, 1, 2]),
    )
    weights = np.array([[1.0, 1, 1], [0, 2, 1], [3, 0, 1]])
    for statistic in (auroc, augrc, aurc):
        assert statistic(whole)(weights) == pytest.approx(statistic(folded)(weights))


def test_rc_rags_figures_are_those_of_the_worked_example() -> None:
    classes = ["AK"] * 50 + ["AD"] * 10 + ["UK"] * 5 + ["UD"] * 35
    found = {
        key: figure(classes, key)(np.ones((1, 100)))[0]
        for key in ("risk", "carefulness", "alignment", "coverage", "recall")
    }
    assert found == pytest.approx(
        {"risk": 1 / 11, "carefulness": 0.875, "alignment": 0.85, "coverage": 0.55, "recall": 5 / 6}
    )


def test_rc_rag_sorts_questions_by_what_they_had_and_what_became_of_it() -> None:
    queries = [question(name) for name in "abcdf"] + [question("u", answerable=False)]
    held = {"rated": {"answer": answer("right", 0.4)}}
    records = [
        record("a"),
        record("b", text="no"),
        record("c", "abstained", stages=held),
        record("d", "abstained"),  # no draft: nobody knows
        record("f", "failed"),
        record("u", "abstained"),
    ]
    report = evaluate(dataset(queries), records, PLAN)
    classes = [row["abstention_metrics"]["rcrag"] for row in report.per_query]
    assert classes == ["AK", "UK", "AD", None, None, "UD"]
    assert report.metrics["abstention.rcrag.risk"] == 0.5
    assert report.metrics["abstention.rcrag.carefulness"] == 0.5
    assert report.metrics["abstention.rcrag.alignment"] == 0.5
    assert report.metrics["abstention.rcrag.coverage"] == 0.5


def test_rc_rag_without_an_answer_is_unknown_and_never_a_division_by_zero() -> None:
    report = evaluate(dataset([question("a")]), [record("a", "abstained")], PLAN)
    for key in ("risk", "carefulness", "alignment", "coverage"):
        assert report.metrics[f"abstention.rcrag.{key}"] is None
        assert report.why[f"abstention.rcrag.{key}"]


def test_the_calibration_error_is_the_mean_distance_over_the_bins() -> None:
    queries = [question(f"q{place}") for place in range(40)]
    # Half say 0.9 and are right 15 of 20 times, half say 0.2 and are right 4 of 20 times.
    records = [
        record(one.id, text="right" if place % 20 < (15 if place < 20 else 4) else "no",
               confidence=0.9 if place < 20 else 0.2)
        for place, one in enumerate(queries)
    ]  # fmt: skip
    report = evaluate(dataset(queries), records, PLAN)
    assert report.metrics["abstention.ece"] == pytest.approx((0.15 + 0.0) / 2)
    assert report.confidence == "probability"
    low, high = report.reliability
    assert low == pytest.approx((0.2, 0.2, 20))
    assert high == pytest.approx((0.9, 0.75, 20))


def test_a_score_that_is_no_probability_has_bins_but_no_calibration_error() -> None:
    records = [record("a", confidence=3.5, kind="logit"), record("b", confidence=-2, kind="logit")]
    report = evaluate(dataset([question("a"), question("b")]), records, PLAN)
    assert report.metrics["abstention.ece"] is None
    assert "'logit'" in report.why["abstention.ece"]
    assert report.confidence == "logit"
    assert [size for _, _, size in report.reliability] == [1, 1]


@pytest.mark.parametrize("confidence", [float("nan"), float("inf"), 1.5, -0.1])
def test_a_confidence_that_cannot_be_stops_the_evaluation_and_names_the_question(
    confidence: float,
) -> None:
    with pytest.raises(DataError, match=r"'abstention' on the question 'b': .*confidence"):
        evaluate(
            dataset([question("a"), question("b")]),
            [record("a"), record("b", confidence=confidence)],
            PLAN,
        )


@given(st.lists(st.sampled_from([0.1, 0.2, 0.5, 0.9]), min_size=1, max_size=60))
def test_bins_of_equal_mass_keep_equal_values_together_and_rise(values: list[float]) -> None:
    bins = equal_mass(np.array(values))
    assert bins.min() >= 0
    assert bins.max() < 10
    ordered = sorted(zip(values, bins.tolist(), strict=True))
    assert [one for _, one in ordered] == sorted(bins.tolist())
    assert len(set(ordered)) == len(set(values))


def test_values_without_ties_fall_into_bins_of_equal_size() -> None:
    assert np.bincount(equal_mass(np.random.default_rng(0).random(1000))).tolist() == [100] * 10
