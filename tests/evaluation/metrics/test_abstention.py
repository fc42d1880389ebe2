"""Coverage, risk and the areas under their curves."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.evaluation.evaluate import evaluate
from assay.evaluation.metrics.abstention import augrc, aurc, auroc, coverage_at_risk
from tests.evaluation.made import PLAN, answer, dataset, kept, question, record

CONFIDENCES = np.array([0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2])
ERRORS = np.array([0, 0, 0, 1, 0, 0, 1, 0, 1, 1], dtype=float)
ONCE = np.ones((1, 10))


def test_the_worked_example_gives_its_areas() -> None:
    assert aurc(CONFIDENCES, ERRORS)(ONCE)[0] == pytest.approx(0.188571, abs=1e-6)
    assert augrc(CONFIDENCES, ERRORS)(ONCE)[0] == pytest.approx(0.14)
    assert coverage_at_risk(CONFIDENCES, ERRORS, 0.2)(ONCE)[0] == pytest.approx(0.6)


def test_the_best_possible_order_has_the_optimal_area() -> None:
    assert aurc(CONFIDENCES, np.sort(ERRORS))(ONCE)[0] == pytest.approx(0.112619, abs=1e-6)


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
    arguments, once = (np.array(confidences), np.array(errors)), np.ones((1, len(found)))
    expected = by_orders(confidences, errors)
    assert aurc(*arguments)(once)[0] == pytest.approx(expected[0])
    assert augrc(*arguments)(once)[0] == pytest.approx(expected[1])


@given(items, st.lists(st.integers(0, 3), min_size=6, max_size=6))
def test_a_weight_counts_like_so_many_copies(
    found: list[tuple[float, bool]], counts: list[int]
) -> None:
    weights = np.array([counts[: len(found)]], dtype=float)
    copies = [one for one, count in zip(found, counts, strict=False) for _ in range(count)]
    for statistic in (aurc, augrc, auroc, lambda c, e: coverage_at_risk(c, e, 0.3)):
        weighted = statistic(*map(np.array, zip(*found, strict=True)))(weights)[0]
        if not copies:
            assert np.isnan(weighted)
            continue
        repeated = statistic(*map(np.array, zip(*copies, strict=True)))(np.ones((1, len(copies))))[
            0
        ]
        assert weighted == pytest.approx(repeated, nan_ok=True)


@given(items)
def test_auroc_counts_ordered_pairs(found: list[tuple[float, bool]]) -> None:
    right = [one for one, wrong in found if not wrong]
    wrong = [one for one, is_wrong in found if is_wrong]
    pairs = [(a > b) + 0.5 * (a == b) for a in right for b in wrong]
    value = auroc(*map(np.array, zip(*found, strict=True)))(np.ones((1, len(found))))[0]
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
