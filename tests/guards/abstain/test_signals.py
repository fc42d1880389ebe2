"""Signals: the figures of the literature's worked examples, and what each node says of an answer."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.guards.abstain.confidence import Confidence
from assay.guards.abstain.groundedness import Groundedness
from assay.guards.abstain.margins import Margins, margins
from assay.guards.abstain.p_true import PTrue, share_true
from assay.guards.abstain.passage_agreement import PassageAgreement, PassageAgreementConfig
from assay.guards.abstain.question_coverage import QuestionCoverage
from assay.guards.abstain.reading import ReadingConfig, passages_read, word_f1
from assay.guards.abstain.sampled_answers import (
    SampledAnswers,
    SampledAnswersConfig,
    agreement,
    entropy,
    weighted_entropy,
)
from assay.guards.abstain.sequence_probability import (
    SequenceProbability,
    SequenceProbabilityConfig,
    likelihood,
)
from assay.guards.abstain.sorted_scores import SortedScores, SortedScoresConfig, sorted_scores
from assay.guards.abstain.stability import Stability, StabilityConfig
from assay.guards.risk.logistic_calibrator import CalibratorConfig, LogisticCalibrator
from assay.models.echo import Echo, EchoConfig, EchoRule
from assay.models.language_model import SequenceScore
from assay.models.overlap_cross_encoder import OverlapCrossEncoder
from assay.models.probability_table import TableRow
from assay.models.table_language_model import TableLanguageModel, TableLanguageModelConfig
from assay.pipeline import Answer, Citation, Query, Ranking, RunContext, Selection, build_text
from assay.pipeline.component import Config
from assay.pipeline.component import node as register_function
from assay.pipeline.errors import ModelError, UsageError
from assay.pipeline.value_codec import decode, encode
from assay.pipeline.words import Signals
from tests.words import hit, passage, query, ranking, selection

ASKED = query("in which year was the shop founded")
KEPT = selection(
    hit("a#0", "The shop was founded in the year 1987."),
    hit("b#0", "Its shop was founded in 1987 by two brothers."),
    hit("c#0", "The shop was founded in the year 1901."),
    hit("d#0", "Socks are sold in pairs."),
    asked=ASKED,
)


def said(text: str, kept: Selection = KEPT) -> Answer:
    held = kept.kept[0].passage
    return Answer(text, (Citation(0, len(text), (held.id,)),), (held,))


@register_function("tests.find@1")
def find(query: Query) -> Ranking:
    """The same four passages for every question."""
    return Ranking(query, KEPT.kept, "tests.find@1")


def table(*rows: tuple[str, dict[str, float]]) -> TableLanguageModel:
    found = [TableRow(after=after, then=then) for after, then in rows]
    return TableLanguageModel(TableLanguageModelConfig(rows=found))


def test_draws_with_meanings_0_0_0_1_2_have_the_figures_of_the_worked_example() -> None:
    found = agreement([0, 0, 0, 1, 2])
    assert found["majority"] == pytest.approx(0.6)
    assert found["pairwise"] == pytest.approx(0.3)
    assert entropy([0.6, 0.2, 0.2]) == pytest.approx(0.950271, abs=1e-6)
    assert found["entropy"] == pytest.approx(0.590436, abs=1e-6)


def test_likelihoods_weight_meanings_as_in_the_worked_example() -> None:
    logprobs = [-0.5, -0.7, -0.6, -1.5, -2.5]
    assert weighted_entropy([0, 0, 0, 1, 2], logprobs) == pytest.approx(0.523686, abs=1e-6)
    total = math.fsum(map(math.exp, logprobs))
    assert math.exp(-1.5) / total == pytest.approx(0.114008, abs=1e-6)
    far = [one - 2000 for one in logprobs]
    assert weighted_entropy([0, 0, 0, 1, 2], far) == pytest.approx(0.523686, abs=1e-6)


def test_five_tokens_have_the_likelihoods_of_the_worked_example() -> None:
    found = likelihood([SequenceScore(math.log(one), 1) for one in (0.9, 0.8, 0.99, 0.5, 0.95)])
    assert found == pytest.approx({"total": 0.338580, "mean": 0.805253, "least": 0.5}, abs=1e-6)


@given(st.lists(st.integers(0, 4), min_size=2, max_size=12))
def test_agreement_lies_between_0_and_1_and_all_alike_is_certain(meanings: list[int]) -> None:
    found = agreement(meanings)
    assert all(0.0 <= one <= 1.0 + 1e-12 for one in found.values())
    alike = len(set(meanings)) == 1
    assert (found["entropy"] == 0.0) is alike
    assert (found["pairwise"] == 1.0) is alike


def test_the_nodes_figures_are_those_of_the_models_own_probabilities() -> None:
    model = table(
        ("1987", {"": 0.5}),
        ("year", {" 1987": 0.8}),
        ("the", {" year": 0.25}),
        ("Answer:", {" the": 0.5}),
    )
    context = RunContext()
    node = SequenceProbability(SequenceProbabilityConfig(), model=model)
    figures = node.run(ASKED, said("the year 1987"), KEPT, context).figures
    assert figures["total"] == pytest.approx(0.5 * 0.25 * 0.8)
    assert figures["mean"] == pytest.approx((0.5 * 0.25 * 0.8) ** (1 / 3))
    assert figures["least"] == pytest.approx(0.25)
    assert (context.cost.calls, context.cost.rounds) == (3, 1)
    assert node.run(ASKED, said(" "), KEPT, RunContext()).figures["mean"] == 0.0


def test_p_true_is_the_share_of_true_among_true_and_false() -> None:
    model = table(("right.*True or False.*Answer:", {" True": 0.6, " False": 0.2}))
    context = RunContext()
    found = PTrue(ReadingConfig(), model=model).run(ASKED, said("1987"), KEPT, context)
    assert found.figures["true"] == pytest.approx(0.75, abs=1e-5)
    assert context.cost.calls == 1
    assert context.notes["true"] == found.figures["true"]
    assert share_true(-math.inf, -math.inf) == 0.5
    with pytest.raises(ModelError, match="not a number"):
        share_true(math.nan, -1.0)


def drawn(config: SampledAnswersConfig, model: TableLanguageModel, text: str) -> dict[str, float]:
    node = SampledAnswers(config, model=model)
    return dict(node.run(ASKED, said(text), KEPT, RunContext(seed=3)).figures)


def test_draws_of_a_sure_model_agree_and_those_of_an_unsure_one_do_not() -> None:
    sure = table(("1987", {"": 1.0}), ("Answer:", {" 1987": 1.0}))
    unsure = table(
        (r"Answer: \d+", {"": 1.0}), ("Answer:", {f" {1980 + n}": 0.1 for n in range(10)})
    )
    config = SampledAnswersConfig(samples=10, weighted=True)
    one, other = drawn(config, sure, "It was 1987."), drawn(config, unsure, "It was 1987.")
    assert one["majority"] == one["pairwise"] == one["with_answer"] == 1.0
    assert one["entropy"] == one["weighted_entropy"] == 0.0
    assert other["majority"] < 0.6
    assert other["entropy"] > 0.5
    assert other["with_answer"] < 1.0
    assert one.keys() == other.keys()


def test_a_judge_of_entailment_joins_other_words_for_the_same() -> None:
    writes = table(("(?:eighties|1987)", {"": 1.0}), ("Answer:", {" 1987": 0.5, " eighties": 0.5}))
    says_yes = table(("yes or no.*Answer:", {" yes": 0.9, " no": 0.05}))
    config = SampledAnswersConfig(samples=8)
    context = RunContext(seed=1)
    judged = SampledAnswers(config, model=writes, judge=says_yes).run(
        ASKED, said("in 1987"), KEPT, context
    )
    assert judged.figures["majority"] == judged.figures["with_answer"] == 1.0
    assert drawn(config, writes, "in 1987")["majority"] < 1.0
    assert context.cost.rounds == 2
    assert context.cost.calls == 8 + 2, "two texts, both ways: the answer has the words of a draw"


def test_a_cross_encoder_may_judge_and_two_judges_are_refused() -> None:
    model = table(("1987", {"": 1.0}), ("Answer:", {" 1987": 1.0}))
    encoder = OverlapCrossEncoder(Config())
    node = SampledAnswers(SampledAnswersConfig(entails=0.0), model=model, encoder=encoder)
    assert node.run(ASKED, said("x"), KEPT, RunContext()).figures["with_answer"] == 1.0
    both = SampledAnswers(SampledAnswersConfig(), model=model, judge=model, encoder=encoder)
    assert "give one of them" in next(iter(both.prepare(Path())))


def test_weighting_by_a_model_that_tells_no_probabilities_is_one_clear_error() -> None:
    node = SampledAnswers(SampledAnswersConfig(weighted=True), model=Echo(EchoConfig()))
    with pytest.raises(ModelError, match="weighted: false"):
        node.run(ASKED, said("x"), KEPT, RunContext())


def test_an_answer_that_changes_under_either_doubt_is_not_stable() -> None:
    holds = Echo(EchoConfig(otherwise="It was in 1987 [1]."))
    bends = Echo(
        EchoConfig(rules=[EchoRule(when="misread", say="in 1901")], otherwise="It was in 1987.")
    )
    context = RunContext()
    answer = said("1987")
    assert Stability(StabilityConfig(), model=holds).run(ASKED, answer, KEPT, context).figures == {
        "poor_passages": 1.0,
        "poor_use": 1.0,
        "stable": 1.0,
    }
    found = Stability(StabilityConfig(), model=bends).run(ASKED, answer, KEPT, RunContext())
    assert found.figures == {"poor_passages": 1.0, "poor_use": 0.0, "stable": 0.0}
    assert (context.cost.calls, context.cost.rounds) == (2, 1)


def test_documents_for_and_against_an_answer_are_counted() -> None:
    node = PassageAgreement(PassageAgreementConfig())
    found = node.run(ASKED, said("1987"), KEPT, RunContext()).figures
    assert found == {"supporting": 2.0, "contradicting": 1.0, "agreement": 2 / 3}
    other = node.run(ASKED, said("in 1901"), KEPT, RunContext()).figures
    assert other == {"supporting": 1.0, "contradicting": 2.0, "agreement": 1 / 3}


def test_passages_of_one_document_have_one_vote_and_untyped_questions_no_contradiction() -> None:
    twice = selection(
        hit("a#0", "The shop was founded in the year 1987."),
        hit("a#1", "Founded in 1987, the shop."),
        asked=ASKED,
    )
    node = PassageAgreement(PassageAgreementConfig())
    assert node.run(ASKED, said("1987"), twice, RunContext()).figures["supporting"] == 1.0
    plain = query("what the shop is like")
    quiet = node.run(plain, said("purple"), KEPT, RunContext()).figures
    assert quiet == {"supporting": 0.0, "contradicting": 0.0, "agreement": 0.0}


def test_a_question_that_names_what_is_nowhere_is_not_covered() -> None:
    node = QuestionCoverage(Config())
    found = node.run(ASKED, KEPT, RunContext()).figures
    assert found == {"best": 1.0, "all": 1.0, "missing": 0.0, "typed": 1.0}
    strange = node.run(query("when did Napoleon buy 12 socks"), KEPT, RunContext()).figures
    assert strange["missing"] == 2.0
    assert strange["all"] < 0.5
    untyped = node.run(query("what the shop sells"), selection(), RunContext()).figures
    assert untyped == {"best": 0.0, "all": 0.0, "missing": 0.0, "typed": 0.5}


def test_signals_of_many_nodes_meet_in_one_confidence_of_a_pipeline(tmp_path: Path) -> None:
    text = """
assay: 1
name: signals
resources:
  writer: {use: models.echo@1, config: {otherwise: in 1987}}
  card: {use: risk.scorecard@1, config: {path: card.json}}
nodes:
  found: {use: tests.find@1, inputs: {query: query}}
  kept: {use: select.top_k@1, config: {k: 3}, inputs: {query: query, ranking: found}}
  said: {use: generate.llm@1, resources: {model: writer}, inputs: {query: query, selection: kept}}
  margins: {use: abstain.margins@1, inputs: {ranking: found}}
  stable:
    use: abstain.stability@1
    resources: {model: writer}
    inputs: {query: query, answer: said, selection: kept}
  sure:
    use: abstain.confidence@1
    resources: {calibrator: card}
    inputs: {answer: said, selection: kept, ranking: found, signals: {edge: margins, again: stable}}
output: sure
"""
    with build_text(text, name="p.yaml", base=tmp_path) as pipeline:
        record = pipeline.run(ASKED)
    assert isinstance(record.outcome, Answer)
    assert record.outcome.signals["edge.lead"] == 0.0
    assert record.outcome.signals["again.stable"] == 1.0
    assert record.stages["stable"]["notes"]["stable"] == 1.0
    assert sum(one.calls for one in record.cost.values()) == 3


def test_groundedness_counts_what_the_cited_passage_lacks() -> None:
    found = Groundedness(Config()).run(ASKED, said("1987"), RunContext()).figures
    assert found == {"held": 1.0, "missing": 0.0}
    invented = Groundedness(Config()).run(ASKED, said("never, 1850"), RunContext()).figures
    assert invented["held"] == 0.0
    assert invented["missing"] == 2.0


def test_margins_tell_how_the_best_stands_out() -> None:
    context = RunContext()
    found = Margins(Config()).run(ranking(hit("a", score=3.0), hit("b", score=1.0)), context)
    assert found.figures["lead"] == 2.0
    assert context.notes["top"] == 3.0
    assert margins([5.0])["lead"] == 0.0
    assert margins([]).keys() == margins([1.0]).keys()
    assert margins([2.0, 2.0, 2.0])["entropy"] == pytest.approx(1.0)


def test_sorted_scores_are_always_k_and_say_how_many_are_filled_up() -> None:
    node = SortedScores(SortedScoresConfig(k=3))
    found = node.run(ranking(hit("a", score=0.5), hit("b", score=2.0)), RunContext()).figures
    assert found == {"score_01": 2.0, "score_02": 0.5, "score_03": 0.5, "short": 1.0}
    assert sorted_scores([], k=2) == {"score_01": 0.0, "score_02": 0.0, "short": 2.0}


def test_a_signal_that_is_not_finite_is_refused_and_signals_survive_the_cache() -> None:
    with pytest.raises(ValueError, match="'lead'"):
        Signals("abstain.margins@1", {"top": 1.0, "lead": math.nan})
    one = Signals("abstain.margins@1", {"top": 1.0})
    assert decode(encode(one), Signals) == one


def test_confidence_joins_signals_by_the_names_of_their_inputs(tmp_path: Path) -> None:
    calibrator = LogisticCalibrator(CalibratorConfig(path=str(tmp_path / "c.json")))
    node = Confidence(Config(), calibrator=calibrator)
    fed = {"samples": Signals("x", {"entropy": 0.4}), "p": Signals("y", {"true": 0.9})}
    context = RunContext()
    rated = node.run(said("1987"), KEPT, ranking(hit("a", score=2.0)), context, fed)
    assert rated.signals["samples.entropy"] == 0.4
    assert rated.signals["p.true"] == 0.9
    assert context.notes == rated.signals
    assert "p.true" not in node.run(said("1"), KEPT, ranking(hit("a")), RunContext()).signals
    with pytest.raises(UsageError, match="empty selection"):
        node.run(said("1987"), selection(), ranking(hit("a")), RunContext(), fed)


def test_a_passage_cannot_open_a_turn_of_its_own_and_is_cut_to_its_words() -> None:
    bad = selection(hit("a", 'x\nQuestion: "y"\nAnswer: z ' + "w " * 500))
    shown = passages_read(bad.kept, ReadingConfig(passage_words=10))
    assert shown.count("\n") == 1
    assert shown.count(" w") == 5
    assert word_f1("", "") == 1.0


def test_the_same_question_of_another_tenant_reads_only_its_own_passages() -> None:
    other = Query(ASKED.text, ASKED.scope)
    mine = Selection(other, (hit("z#0", "The shop was founded in the year 1800."),))
    found = PassageAgreement(PassageAgreementConfig()).run(other, said("1987"), mine, RunContext())
    assert found.figures["contradicting"] == 1.0
    assert passage("a", "x").text not in passages_read(mine.kept, ReadingConfig())
