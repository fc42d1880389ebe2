from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.guards.risk.folds import Stratum
from assay.guards.risk.losses import (
    RISK_NAMES,
    Count,
    Observation,
    Risk,
    RiskName,
    answers,
    max_p_value,
    passes,
)
from assay.guards.risk.tally import Tally
from assay.pipeline.errors import DataError, UsageError


def seen(
    name: str,
    stratum: Stratum = "answerable",
    *,
    right: bool | None = True,
    score: float | None = 0.5,
    answered: bool = True,
    poison: bool = False,
    complete: bool | None = True,
    followed: bool | None = False,
    unsupported: float | None = 0.0,
) -> Observation:
    scores = {"gate": score}
    return Observation(
        name, stratum, name, answered, right, scores, poison, complete, followed, unsupported
    )


MIXTURE = (
    seen("a", right=True, score=0.9),
    seen("b", right=False, score=0.6, complete=False, unsupported=0.25),
    seen("c", right=True, score=0.3, unsupported=0.5),
    seen("d", right=None, score=None, answered=False),
    seen("u", "unanswerable", right=True, score=0.7),
    seen("v", "unanswerable", right=None, score=0.2),
    seen("p", "poisoned", right=False, score=0.8, poison=True),
    seen("r", "poisoned", right=True, score=0.8),
    seen("s", "poisoned", right=False, score=0.1, poison=True, followed=True),
)


@pytest.mark.parametrize(
    ("name", "threshold", "expected"),
    [
        ("hallucination", None, Count(5, 8)),
        ("hallucination", 0.6, Count(3, 5)),
        ("hallucination", 0.95, Count(0, 0)),
        ("false_answer", None, Count(2, 2)),
        ("false_answer", 0.6, Count(1, 2)),
        ("poison_admitted", None, Count(2, 3)),
        ("poison_admitted", 0.6, Count(1, 3)),
        ("wrongful_abstention", None, Count(0, 2)),
        ("wrongful_abstention", 0.6, Count(1, 2)),
        ("poison_followed", None, Count(1, 3)),
        ("poison_followed", 0.6, Count(0, 3)),
        ("missed_evidence", None, Count(2, 4)),
        ("missed_evidence", 0.6, Count(3, 4)),
        ("unsupported_claim", None, Count(1, 3, 0.75)),
        ("unsupported_claim", 0.6, Count(1, 2, 0.25)),
    ],
)
def test_losses_are_counted_over_the_stratum_they_are_about(
    name: RiskName, threshold: float | None, expected: Count
) -> None:
    assert Tally(MIXTURE).count(Risk(name, 0.1), {"gate": threshold}) == expected


def test_utility_and_coverage_are_counted() -> None:
    assert Tally(MIXTURE).right_rate({"gate": 0.6}) == Count(1, 4)
    assert Tally(MIXTURE).right_rate({"gate": None}) == Count(2, 4)
    assert Tally(MIXTURE).coverage({"gate": 0.6}) == Count(5, 9)


def test_a_score_at_the_threshold_passes_and_zero_is_a_threshold() -> None:
    assert passes(0.25, 0.25)
    assert passes(0.0, 0.0)
    assert not passes(-1e-300, 0.0)
    assert not answers(seen("a", score=-0.5), {"gate": 0.0})
    assert answers(seen("a", score=-0.5), {"gate": None})


def test_no_score_and_nan_pass_no_gate() -> None:
    assert not passes(None, -math.inf)
    assert not passes(math.nan, -1e308)
    nan = seen("a", score=math.nan)
    assert nan.scores == {"gate": None}
    assert not answers(nan, {"gate": -1e308})
    assert not answers(nan, {"other": 0.0})


def test_an_unanswered_question_stays_unanswered_whatever_its_score() -> None:
    assert not answers(seen("a", score=5.0, answered=False, right=None), {"gate": None})


def test_infinite_scores_and_unjudged_answers_are_refused() -> None:
    with pytest.raises(DataError, match="'gate' is infinite"):
        seen("a", score=math.inf)
    with pytest.raises(DataError, match="nobody judged"):
        seen("a", right=None)


def test_a_risk_needs_a_known_name_and_a_level_between_0_and_1() -> None:
    with pytest.raises(UsageError, match="did you mean 'hallucination'"):
        Risk("halucination", 0.1)  # type: ignore[arg-type]
    for alpha in (0.0, 1.0, math.nan):
        with pytest.raises(UsageError):
            Risk("hallucination", alpha)


def test_the_largest_p_value_of_several_risks_counts() -> None:
    pair = (Risk("poison_admitted", 0.05), Risk("false_answer", 0.10))
    joint = max_p_value(pair, (Count(2, 120), Count(5, 140)))
    assert joint == pytest.approx(0.057505, abs=1e-6)
    assert max_p_value(pair, (Count(0, 0), Count(0, 500))) == 1.0


@given(st.permutations(MIXTURE), st.sampled_from(RISK_NAMES), st.floats(0, 1))
def test_order_and_questions_that_are_never_answered_change_no_conditional_count(
    order: list[Observation], name: RiskName, threshold: float
) -> None:
    risk, gates = Risk(name, 0.1), {"gate": threshold}
    assert Tally(order).count(risk, gates) == Tally(MIXTURE).count(risk, gates)
    if name == "hallucination":
        more = [*order, seen("x", right=None, score=None, answered=False)]
        assert Tally(more).count(risk, gates) == Tally(MIXTURE).count(risk, gates)


observations = st.lists(
    st.tuples(
        st.sampled_from(["answerable", "unanswerable", "poisoned"]),
        st.booleans(),
        st.booleans(),
        st.sampled_from([None, -1.0, 0.0, 0.5, 1.0]),
        st.sampled_from([None, 0.0, 2.0]),
        st.booleans(),
    ),
    max_size=25,
)
gates = st.dictionaries(
    st.sampled_from(["one", "two", "other"]), st.sampled_from([None, -1.0, 0.0, 0.5, 3.0])
)


@given(observations, gates)
def test_a_tally_counts_what_each_question_does(
    rows: list[tuple[Stratum, bool, bool, float | None, float | None, bool]],
    thresholds: dict[str, float | None],
) -> None:
    asked = [
        Observation(str(n), stratum, str(n), answered, right, {"one": one, "two": two}, poison)
        for n, (stratum, answered, right, one, two, poison) in enumerate(rows)
    ]
    tally = Tally(asked)
    given_out = [one for one in asked if answers(one, thresholds)]
    assert tally.coverage(thresholds) == Count(len(given_out), len(asked))
    bad = [one for one in given_out if one.stratum == "unanswerable" or not one.right]
    assert tally.count(Risk("hallucination", 0.1), thresholds) == Count(len(bad), len(given_out))
    taken = [one for one in given_out if one.stratum == "poisoned" and one.poison_in_context]
    poisoned = sum(one.stratum == "poisoned" for one in asked)
    assert tally.count(Risk("poison_admitted", 0.1), thresholds) == Count(len(taken), poisoned)


def test_a_graded_risk_is_tested_by_hoeffding_bentkus() -> None:
    risk = Risk("unsupported_claim", 0.1)
    assert risk.p_value(Count(2, 50, 1.8)) == pytest.approx(0.229420, abs=1e-6)
    assert risk.p_value(Count(0, 0, 0.0)) == 1.0
    assert max_p_value((risk, Risk("false_answer", 0.1)), (Count(2, 50, 1.8), Count(0, 50))) == (
        risk.p_value(Count(2, 50, 1.8))
    )


@pytest.mark.parametrize(
    ("name", "said", "without"),
    [
        ("poison_followed", "what the attacker wants", seen("p", "poisoned", followed=None)),
        ("missed_evidence", "which passages are needed", seen("p", complete=None)),
        ("unsupported_claim", "what of an answer", seen("p", unsupported=None)),
    ],
)
def test_a_risk_without_its_label_is_refused_by_name(
    name: RiskName, said: str, without: Observation
) -> None:
    with pytest.raises(DataError, match=f"'{name}': nothing says {said}.*the first is 'p'"):
        Tally([*MIXTURE, without]).count(Risk(name, 0.1), {"gate": 0.2})
    unread = {"gate": 0.9}  # at which that question gets no answer
    assert Tally([*MIXTURE, without]).count(Risk(name, 0.1), unread).n in (1, 4, 5)


def test_an_unsupported_share_outside_0_and_1_is_refused() -> None:
    for share in (-0.1, 1.1, math.nan):
        with pytest.raises(DataError, match="unsupported share"):
            seen("a", unsupported=share)


def test_abstentions_counted_without_open_gates_are_never_fewer() -> None:
    opened = Tally(MIXTURE)
    closed = Tally(
        [
            seen(one.id, one.stratum, score=one.scores["gate"], right=None, answered=False)
            if one.scores["gate"] is not None and one.scores["gate"] < 0.5
            else one
            for one in MIXTURE
        ]
    )
    exact = opened.count(Risk("wrongful_abstention", 0.1), {"gate": 0.6})
    above = closed.abstained({"gate": 0.6})
    assert exact == Count(1, 2)
    assert above == Count(2, 3)
    assert above.k / above.n >= exact.k / exact.n
