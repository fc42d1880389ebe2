"""When it is worth to answer: costs, drawn candidates, and evidence that is scored ever dearer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from assay.guards.abstain.best_of import BestOf, BestOfConfig, false_acceptance
from assay.guards.abstain.cost import CostConfig, CostRule, threshold, wrong_worth
from assay.guards.abstain.early_exit import (
    EarlyExit,
    EarlyExitConfig,
    early_exit,
    excess,
    width_factor,
)
from assay.guards.risk.conformal import conformal_quantile
from assay.models.echo import Echo, EchoConfig
from assay.models.overlap_cross_encoder import OverlapCrossEncoder
from assay.models.probability_table import TableRow
from assay.models.table_language_model import TableLanguageModel, TableLanguageModelConfig
from assay.pipeline import (
    Abstention,
    AbstentionReason,
    Answer,
    Citation,
    RunContext,
    Score,
    ScoreKind,
    Selection,
)
from assay.pipeline.component import Config
from assay.pipeline.errors import UsageError
from tests.words import hit, passage, query, selection

SCORES = [[0.50, 0.55, 0.60, 0.62], [0.52, 0.50, 0.48, 0.47], [0.30, 0.35, 0.33, 0.34]]
WIDTHS = [0.20, 0.12, 0.05, 0.0]


def answer(value: float, kind: ScoreKind = ScoreKind.PROBABILITY, **signals: float) -> Answer:
    score = Score(value, kind, "t")
    return Answer("x", (Citation(0, 1, ("a",)),), (passage("a", "x"),), score, signals=signals)


def test_chow_answers_from_four_fifths_where_an_error_costs_four() -> None:
    assert threshold(right=1.0, wrong=-4.0, abstain=0.0) == pytest.approx(0.8)


@pytest.mark.parametrize(("value", "passes"), [(0.8, True), (0.7999, False)])
def test_the_rule_answers_where_that_is_worth_no_less(value: float, passes: bool) -> None:
    outcome = CostRule(CostConfig()).run(answer(value), RunContext())
    assert isinstance(outcome, Answer) is passes
    if isinstance(outcome, Abstention):
        assert outcome.reason is AbstentionReason.LOW_CONFIDENCE
        assert outcome.threshold == pytest.approx(0.8)
        assert outcome.evidence
        assert outcome.next_step


@given(st.floats(0.1, 9), st.floats(-9, -0.1), st.floats(0, 1))
def test_at_every_probability_the_better_of_both_is_chosen(
    right: float, wrong: float, p: float
) -> None:
    worth = p * right + (1 - p) * wrong
    assert (p >= threshold(right=right, wrong=wrong, abstain=0.0)) is (worth >= 0) or abs(
        worth
    ) < 1e-9


def test_kinds_of_error_weigh_by_their_share_and_else_the_worst_counts() -> None:
    kinds = {"outdated": -2.0, "invented": -9.0}
    assert wrong_worth(kinds, {}) == -9.0
    assert wrong_worth(kinds, {"outdated": 0.5, "invented": 0.5}) == pytest.approx(-5.5)
    careful = CostRule(CostConfig(wrong=kinds)).run(answer(0.89), RunContext())
    informed = CostRule(CostConfig(wrong=kinds, shares={"outdated": 0.9, "invented": 0.1})).run(
        answer(0.89), RunContext()
    )
    assert isinstance(careful, Abstention)
    assert isinstance(informed, Answer)


@pytest.mark.parametrize(
    ("settings", "finding"),
    [
        ({"right": -5.0}, "worth more than 'abstain'"),
        ({"abstain": -4.5}, "every kind of wrong answer"),
        ({"shares": {"other": 1.0}}, "give each kind"),
        ({"shares": {"wrong": 0.4}}, "their sum is 0.4"),
    ],
)
def test_worths_that_make_no_sense_are_refused(settings: dict[str, object], finding: str) -> None:
    with pytest.raises(ValidationError, match=finding):
        CostConfig(**settings)  # type: ignore[arg-type]


def test_before_a_fit_a_named_signal_is_the_probability_and_nothing_else_is() -> None:
    raw = answer(7.0, ScoreKind.LOGIT, **{"p_true.true": 0.9, "lead": 3.0})
    assert CostRule(CostConfig(signal="p_true.true")).run(raw, RunContext()) is raw
    with pytest.raises(UsageError, match="no calibrated confidence"):
        CostRule(CostConfig()).run(raw, RunContext())
    with pytest.raises(UsageError, match=r"'lead' is 3\.0"):
        CostRule(CostConfig(signal="lead")).run(raw, RunContext())


def test_every_further_draw_is_a_further_chance_to_accept_a_wrong_answer() -> None:
    found = [false_acceptance(0.05, n) for n in (4, 8, 16)]
    assert found == pytest.approx([0.185494, 0.336580, 0.559873], abs=1e-6)


def test_the_loop_accepts_as_often_as_the_formula_says() -> None:
    rng = np.random.default_rng(5)
    accepted = (rng.random((20_000, 8)) < 0.05).any(axis=1).mean()
    assert accepted == pytest.approx(false_acceptance(0.05, 8), abs=0.01)


def drawing() -> TableLanguageModel:
    """Draws a wrong colour most of the time, and knows which one is right."""
    rows = [
        TableRow(after='answer: "green".*Answer:', then={" True": 0.9, " False": 0.1}),
        TableRow(after="True or False.*Answer:", then={" True": 0.1, " False": 0.9}),
        TableRow(after="Answer: (?:green|red)", then={"": 1.0}),
        TableRow(after="Answer:", then={" red": 0.7, " green": 0.3}),
    ]
    return TableLanguageModel(TableLanguageModelConfig(rows=rows))


KEPT = selection(hit("a", "The door is green."), hit("b", "Red paint."))
ASKED = query("what colour is the door")


def test_the_first_batch_whose_best_is_good_enough_answers_and_none_abstains() -> None:
    found: list[int] = []
    for seed in range(12):
        context = RunContext(seed=seed)
        node = BestOf(BestOfConfig(accept=1.0, batch=2, batches=3), model=drawing())
        outcome = node.run(ASKED, KEPT, context)
        drawn = context.notes["drawn"]
        assert isinstance(drawn, int)
        if isinstance(outcome, Answer):
            assert outcome.text == "green"
            assert outcome.evidence[0].id == "a"
            assert outcome.signals["candidate_score"] == pytest.approx(np.log(9))
            found.append(drawn)
        else:
            assert outcome.reason is AbstentionReason.LOW_CONFIDENCE
            assert outcome.threshold == 1.0
            assert outcome.score is not None
            assert outcome.score.value == pytest.approx(-np.log(9))
            assert drawn == 6
            found.append(0)
    assert {0, 2} <= set(found)
    assert found.count(2) > found.count(0)


def test_a_refusal_is_never_accepted_and_no_passage_draws_nothing() -> None:
    config = BestOfConfig(accept=-99.0, score="encoder")
    node = BestOf(config, model=Echo(EchoConfig()), encoder=OverlapCrossEncoder(Config()))
    outcome = node.run(ASKED, KEPT, RunContext())
    assert isinstance(outcome, Abstention)
    assert outcome.score is None
    context = RunContext()
    nothing = node.run(ASKED, selection(), context)
    assert isinstance(nothing, Abstention)
    assert nothing.reason is AbstentionReason.NO_EVIDENCE
    assert context.cost.calls == 0


def test_the_same_draw_is_scored_once() -> None:
    context = RunContext()
    writer = Echo(EchoConfig(otherwise="the door is green"))
    node = BestOf(
        BestOfConfig(accept=99.0, batch=3, batches=2, score="encoder"),
        model=writer,
        encoder=OverlapCrossEncoder(Config()),
    )
    assert isinstance(node.run(ASKED, KEPT, context), Abstention)
    assert context.cost.calls == 6 + 1


def test_the_worked_example_picks_the_first_at_seven_of_twelve() -> None:
    first = [row[0] for row in SCORES]
    found = early_exit(first, lambda place, level: SCORES[place][level], half_widths=WIDTHS)
    assert (found.best, found.calls, found.depths) == (0, 7, (3, 1, 0))


def test_the_conformal_factor_of_the_worked_example_is_two() -> None:
    excesses = [0.5, 0.7, 0.9, 1, 1.2, 1.3, 1.6, 2, 2.4]
    assert conformal_quantile(excesses, 0.2) == 2.0
    questions = [[[one, 0.0]] for one in excesses]
    assert width_factor(questions, half_widths=[1.0, 0.0], alpha=0.2) == 2.0
    assert excess(SCORES, WIDTHS) == pytest.approx(0.12 / 0.20)


worlds = st.lists(st.lists(st.integers(-8, 8), min_size=3, max_size=3), min_size=1, max_size=5)


@given(worlds, st.none() | st.integers(-9, 9))
def test_with_half_widths_that_hold_the_decision_is_that_of_full_compute(
    scores: list[list[int]], gate: int | None
) -> None:
    widths = [float(max(abs(row[2] - row[level]) for row in scores)) for level in range(2)] + [0.0]
    found = early_exit(
        [float(row[0]) for row in scores],
        lambda place, level: float(scores[place][level]),
        half_widths=widths,
        threshold=gate,
    )
    best = max(row[2] for row in scores)
    if gate is None:
        assert scores[found.best][2] == best
    else:
        assert (found.score >= gate) is (best >= gate)
    assert found.calls == len(scores) + sum(found.depths) <= 3 * len(scores)


def gate(threshold: float | None, half_width: float) -> EarlyExit:
    config = EarlyExitConfig.model_validate(
        {
            "levels": [{"score": "incoming", "half_width": half_width}, {"score": "encoder"}],
            "threshold": threshold,
        }
    )
    return EarlyExit(config, encoder=OverlapCrossEncoder(Config()))


def test_a_clear_case_calls_no_model_and_a_close_one_does() -> None:
    kept = selection(hit("a", "The door is green.", 0.9), hit("b", "Red paint.", 0.1))
    clear, close = RunContext(), RunContext()
    assert isinstance(gate(0.5, 0.2).run(ASKED, kept, clear), Selection)
    outcome = gate(50.0, 100.0).run(ASKED, kept, close)
    assert isinstance(outcome, Abstention)
    assert outcome.evidence[0].id == "a"
    assert (clear.cost.calls, close.cost.calls > 0) == (0, True)


def test_an_open_gate_notes_the_best_score_of_the_last_level() -> None:
    kept = selection(hit("a", "The door is green.", 0.9), hit("b", "Red paint.", 0.1))
    context = RunContext()
    assert gate(None, 0.2).run(ASKED, kept, context) is kept
    full = OverlapCrossEncoder(Config()).score([(ASKED.text, "The door is green.")], [RunContext()])
    assert context.notes["score"] == pytest.approx(float(full[0]))
    empty = gate(0.5, 0.2).run(ASKED, selection(), RunContext())
    assert isinstance(empty, Abstention)


def test_levels_without_their_model_or_with_an_unsure_end_are_refused() -> None:
    config = EarlyExitConfig.model_validate(
        {"levels": [{"score": "incoming", "half_width": 1.0}, {"score": "judge"}]}
    )
    assert "no resource of that name" in next(iter(EarlyExit(config).prepare(Path())))
    with pytest.raises(ValidationError, match="leave its half_width at 0"):
        EarlyExitConfig.model_validate({"levels": [{"score": "incoming", "half_width": 1.0}]})
    with pytest.raises(ValidationError, match="may come once"):
        EarlyExitConfig.model_validate({"levels": [{"score": "judge"}, {"score": "judge"}]})
