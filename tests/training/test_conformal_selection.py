"""The fitted rule keeps its promise, keeps no more than it must, and refuses what it cannot keep."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.guards.risk.conformal import lower_conformal_quantile
from assay.pipeline import Hit, Ranking, Score, ScoreKind
from assay.pipeline.errors import DataError, UsageError
from assay.stages.select.conformal_rule import Guarantee, Loss, Measure
from assay.training.conformal_evidence import evidence_of, threshold_of
from assay.training.conformal_selection import fit
from assay.training.labelled_rankings import LabelledRankings
from tests.words import passage, query

GOLD = [0.41, *(round(0.55 + 0.02 * i, 2) for i in range(17)), 0.95]


def example(
    needed: Sequence[float | None],
    others: Sequence[float] = (0.5, 0.3, 0.1),
    *,
    kind: ScoreKind = ScoreKind.PROBABILITY,
    source: str = "test",
    number: int = 0,
    cluster: str = "",
) -> LabelledRankings:
    """A question whose needed passages have these scores; None: retrieval missed it."""
    scored = [(f"gold{i}", one) for i, one in enumerate(needed) if one is not None]
    scored += [(f"other{i}", one) for i, one in enumerate(others)]
    hits = tuple(
        Hit(passage(name, "A text."), Score(value, kind, source))
        for name, value in sorted(scored, key=lambda one: -one[1])
    )
    asked = query(f"question {number}", id=f"q{number}")
    grades = {f"gold{i}": 1 for i in range(len(needed))} | {"other0": 0}
    return LabelledRankings({"ranking": Ranking(asked, hits, source)}, grades, "toy", cluster)


def many(scores: Sequence[float | None], **more: object) -> list[LabelledRankings]:
    return [
        example([one], number=number, **more)  # type: ignore[arg-type]
        for number, one in enumerate(scores)
    ]


def test_in_expectation_it_is_the_lower_quantile_of_the_needed_scores() -> None:
    rule = fit(many(GOLD), alpha=0.1, guarantee="expectation")
    assert rule.threshold == 0.55 == lower_conformal_quantile(GOLD, 0.1)
    assert (rule.n, rule.lost, rule.delta, rule.measure) == (19, 1.0, None, "score")


def test_with_confidence_it_allows_as_many_misses_as_the_exact_test() -> None:
    scores = [round(0.2 + number / 1000, 3) for number in range(100)]
    rule = fit(many(scores), alpha=0.1, delta=0.05)
    assert rule.lost == 4  # of 100 questions at 10 % and 5 %
    assert rule.threshold == scores[4]


def test_the_worst_of_several_needed_passages_decides() -> None:
    rule = fit([example([0.9, 0.2], number=n) for n in range(30)], alpha=0.1, delta=0.1)
    assert rule.threshold == 0.2
    assert rule.size == 4  # the two that are needed, and 0.5 and 0.3


def test_graded_recall_may_lose_a_part_of_the_evidence() -> None:
    examples = [example([0.9, 0.6 if n % 5 else 0.2], number=n) for n in range(60)]
    every = fit(examples, alpha=0.2, guarantee="expectation")
    graded = fit(examples, alpha=0.2, guarantee="expectation", loss="recall")
    assert every.threshold == 0.2
    assert graded.threshold == 0.6
    assert graded.lost == pytest.approx(6.0)  # half of the evidence of 12 questions


def test_recall_of_single_passages_is_tested_as_zero_and_one() -> None:
    scores = [0.2 + number / 1000 for number in range(100)]
    assert fit(many(scores), loss="recall").threshold == fit(many(scores)).threshold


@pytest.mark.parametrize(
    ("guarantee", "loss", "said"),
    [
        (
            "confidence",
            "all",
            r"alpha 0\.1 cannot be promised from 100 questions\. With everything kept the lowest"
            r" alpha is 0\.1267, since the ranking lacks a needed passage of 8 of them\. It takes"
            r" about \d+ questions",
        ),
        ("expectation", "all", None),
        ("confidence", "recall", r"lowest alpha is 0\.1267"),
    ],
)
def test_what_retrieval_misses_is_missed_at_every_threshold(
    guarantee: Guarantee, loss: Loss, said: str | None
) -> None:
    examples = many([None] * 8 + [0.6] * 92)
    if said is None:
        rule = fit(examples, guarantee=guarantee, loss=loss)
        assert (rule.missed_by_retrieval, rule.lost) == (8, 8.0)
    else:
        with pytest.raises(UsageError, match=said):
            fit(examples, guarantee=guarantee, loss=loss)


def test_the_lowest_level_and_the_number_of_questions_it_names_are_right() -> None:
    examples = many([None] * 8 + [0.6] * 92)
    assert fit(examples, alpha=0.1267, delta=0.1).lost == 8
    with pytest.raises(UsageError, match=r"lowest alpha is 0\.1267"):
        fit(examples, alpha=0.1266, delta=0.1)
    with pytest.raises(UsageError, match="It takes about 22 questions"):
        fit(many([0.6] * 21), alpha=0.1, delta=0.1)
    assert fit(many([0.6] * 22), alpha=0.1, delta=0.1).lost == 0
    with pytest.raises(UsageError, match="It takes about 9 questions"):
        fit(many([0.6] * 8), alpha=0.1, guarantee="expectation")
    assert fit(many([0.6] * 9), alpha=0.1, guarantee="expectation").lost == 0


def test_where_retrieval_misses_more_than_the_level_no_number_of_questions_helps() -> None:
    with pytest.raises(UsageError, match="More questions do not help: rank more passages"):
        fit(many([None] * 20 + [0.6] * 80), alpha=0.1)


def test_scores_that_two_questions_cannot_share_are_measured_by_place() -> None:
    examples = [example([30.0 if n % 2 else 0.4], number=n, kind=ScoreKind.BM25) for n in range(40)]
    rule = fit(examples, alpha=0.1, delta=0.1)
    assert (rule.measure, rule.threshold, rule.kind) == ("place", 2.0, ScoreKind.BM25)
    assert rule.size == 2
    gap = fit(examples, alpha=0.1, delta=0.1, measure="gap")
    assert gap.threshold == pytest.approx(0.1)
    with pytest.raises(UsageError, match="cannot be compared"):
        fit(examples, measure="score")


def test_of_a_cluster_one_question_is_taken_whatever_the_order() -> None:
    examples = [example([0.4 + n / 1000], number=n, cluster=f"c{n % 30}") for n in range(90)]
    rule = fit(examples)
    assert (rule.n, rule.left_out) == (30, {"another question of the cluster is taken": 60})
    assert fit(examples[::-1]) == rule
    assert fit(examples, seed=1).data != rule.data
    assert fit(examples, whole_clusters=True).n == 90


def test_questions_that_need_nothing_do_not_dilute_the_promise() -> None:
    examples = many([0.6] * 30)
    nothing = [replace(example([0.5], number=n), grades={}) for n in range(100, 300)]
    assert fit(examples + nothing).threshold == fit(examples).threshold
    assert fit(examples + nothing).left_out == {"nothing is needed": 200}


@pytest.mark.parametrize(
    ("examples", "said"),
    [
        ([], "none of the 0 calibration questions needs a passage"),
        ([replace(example([0.5]), grades={})], "none of the 1 calibration questions"),
        ([example([None], [])], "has a passage in the ranking 'ranking'"),
        (
            [example([0.5]), example([0.5], kind=ScoreKind.LOGIT, number=1)],
            "kind 'probability' from test, others of kind 'logit' from test",
        ),
    ],
)
def test_examples_that_teach_nothing_are_refused(
    examples: list[LabelledRankings], said: str
) -> None:
    with pytest.raises(DataError, match=said):
        fit(examples)


def test_a_ranking_that_is_not_there_is_named() -> None:
    with pytest.raises(UsageError, match="no ranking 'dense', only ranking"):
        fit(many(GOLD), ranking="dense")


@pytest.mark.parametrize(("alpha", "delta"), [(0.0, 0.1), (1.0, 0.1), (math.nan, 0.1), (0.1, 0.0)])
def test_levels_outside_zero_and_one_are_refused(alpha: float, delta: float) -> None:
    with pytest.raises(UsageError, match="must lie in"):
        fit(many(GOLD), alpha=alpha, delta=delta)


@given(
    st.lists(
        st.lists(st.integers(0, 8) | st.none(), min_size=1, max_size=4), min_size=5, max_size=40
    ),
    st.sampled_from(["all", "recall"]),
    st.sampled_from(["score", "place", "gap"]),
    st.floats(0.2, 0.9),
)
def test_the_rule_loses_what_it_says_and_the_next_stricter_one_would_lose_too_much(
    needed: list[list[int | None]], loss: Loss, measure: Measure, alpha: float
) -> None:
    examples = [
        example([None if v is None else v / 8 for v in one], number=n)
        for n, one in enumerate(needed)
    ]
    allowed = alpha * (len(examples) + 1) - 1
    try:
        rule = fit(examples, alpha=alpha, guarantee="expectation", loss=loss, measure=measure)
    except UsageError:
        assert sum(_loss(one, set(one.rankings["ranking"].ids), loss) for one in examples) > allowed
        return
    kept = [_kept(one, rule.kept(one.rankings["ranking"])) for one in examples]
    lost = sum(_loss(one, own, loss) for one, own in zip(examples, kept, strict=True))
    assert lost == pytest.approx(rule.lost)
    assert lost <= allowed + 1e-6
    assert sum(map(len, kept)) / len(kept) == pytest.approx(rule.size)
    values = {
        value
        for one in examples
        for value in rule.values(one.rankings["ranking"])
        if value is not None and rule.keeps(value) and value != rule.threshold
    }
    if values:  # the least strict of the stricter rules
        tighter = replace(rule, threshold=min(values) if measure == "score" else max(values))
        kept = [_kept(one, tighter.kept(one.rankings["ranking"])) for one in examples]
        assert sum(_loss(one, own, loss) for one, own in zip(examples, kept, strict=True)) > (
            allowed - 1e-6
        ) or not _drops_needed(examples, rule.threshold, measure)


def _kept(one: LabelledRankings, keeps: list[bool]) -> set[str]:
    return {name for name, keep in zip(one.rankings["ranking"].ids, keeps, strict=True) if keep}


def _loss(one: LabelledRankings, kept: set[str], loss: Loss) -> float:
    missing = len(one.needed - kept)
    return float(missing > 0) if loss == "all" else missing / len(one.needed)


def _drops_needed(examples: list[LabelledRankings], threshold: float, measure: Measure) -> bool:
    evidence = evidence_of(examples, measure)
    sign = 1 if measure == "score" else -1
    return bool((evidence.needed == sign * threshold).any())


def test_a_threshold_stands_at_a_needed_passage_and_ties_stay_together() -> None:
    evidence = evidence_of(many([0.4, 0.4, 0.4, 0.7]), "score")
    assert threshold_of(evidence, "all", 0) == 0.4
    assert threshold_of(evidence, "all", 2) == 0.4  # the three stand or fall together
    assert threshold_of(evidence, "all", 3) == 0.7
    assert threshold_of(evidence_of(many([None, 0.4]), "score"), "all", 0) is None


@pytest.mark.parametrize("loss", ["all", "recall"])
def test_the_promise_holds_over_many_calibration_sets(loss: Loss) -> None:
    """A population of which the missed share is known exactly; draws with replacement."""
    draw = np.random.default_rng(3)
    examples = [
        example(
            [None if draw.random() < 0.02 else float(draw.beta(4, 2)) for _ in range(1 + n % 3)],
            draw.random(6).tolist(),
            number=n,
        )
        for n in range(300)
    ]
    alpha, delta, splits, above = 0.15, 0.2, 60, 0
    for _ in range(splits):
        drawn = [examples[n] for n in draw.integers(0, 300, 120)]
        rule = fit(drawn, alpha=alpha, delta=delta, loss=loss)
        risk = sum(
            _loss(one, _kept(one, rule.kept(one.rankings["ranking"])), loss) for one in examples
        )
        above += risk / 300 > alpha
    assert above / splits <= delta + 3 * math.sqrt(delta * (1 - delta) / splits)
