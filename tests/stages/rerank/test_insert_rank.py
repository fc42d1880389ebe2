from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from assay.models.echo import Scripted
from assay.models.overlap_cross_encoder import OverlapCrossEncoder
from assay.pipeline.component import Config, register
from assay.pipeline.context import RunContext
from assay.pipeline.errors import ScopeError
from assay.pipeline.words import Hit, Passage, Ranking, Scope, Score, ScoreKind
from assay.stages.rerank.insert_rank import InsertRank, InsertRankConfig, scaled, shown, tau_b
from assay.stages.windows.cross_encoder import CrossEncoderWindows, CrossEncoderWindowsConfig
from assay.stages.windows.listwise import Listwise, ListwiseConfig
from assay.stages.windows.template import names
from assay.stages.windows.window import Sizes
from tests.conformance.samples import Sample, asked
from tests.stages.rerank.oracles import QUESTION

_SCORED = re.compile(r"\[(\d+)\] [^\n]*\n[^\n]*?(-?\d+\.\d{3})")


class SortsByScoreConfig(Config):
    context_tokens: int = Field(100_000)


@register("tests.sorts_by_score@1")
class SortsByScore(Scripted):
    """Reads no passage: it names them by the first number that is printed below each."""

    Config = SortsByScoreConfig

    def __init__(self) -> None:
        super().__init__(SortsByScoreConfig())
        self.prompts: list[str] = []

    def answer(self, prompt: str) -> str:
        self.prompts.append(prompt)
        scores = {name: float(value) for name, value in _SCORED.findall(prompt)}
        order = sorted(scores, key=lambda name: -scores[name])
        return " > ".join(f"[{name}]" for name in order)


def made(model: SortsByScore | None = None, most: int = 1000, /, **config: object) -> InsertRank:
    ranker = Listwise(
        ListwiseConfig(template="insert_rank", max_window=most), model=model or SortsByScore()
    )
    return InsertRank(InsertRankConfig.model_validate(config), ranker=ranker)


def ranking(
    scores: Sequence[float], kind: ScoreKind = ScoreKind.BM25, *, first: int = 0
) -> Ranking:
    """Passages "first", "first + 1"... with these scores, as they come."""
    return Ranking(
        QUESTION,
        tuple(
            Hit(
                Passage(str(place), "d", f"text {place} says so", QUESTION.scope),
                Score(score, kind, "first"),
            )
            for place, score in enumerate(scores, first)
        ),
        "first",
    )


def sample() -> Sample:
    inputs = tuple({**one, "signals": {"again": one["ranking"]}} for one in asked())
    ranker = Listwise(ListwiseConfig(template="insert_rank"), model=SortsByScore())
    return Sample(inputs, config={"normalise": "minmax100"}, resources={"ranker": ranker})


def test_a_model_that_sorts_by_the_printed_scores_reproduces_their_order() -> None:
    scores = np.random.default_rng(0).normal(10, 3, size=50).tolist()
    context = RunContext()
    found = made().run(QUESTION, ranking(scores), context)
    assert list(found.ids) == [str(one) for one in np.argsort(-np.array(scores), kind="stable")]
    assert context.notes["tau.score"] == 1.0
    assert (context.cost.calls, context.cost.rounds) == (1, 1)


def test_scores_that_are_equal_to_three_decimals_keep_their_order() -> None:
    found = made().run(QUESTION, ranking([1.00001, 1.00002, 2.0]), RunContext())
    assert found.ids == ("2", "0", "1")


@pytest.mark.parametrize("normalise", ["none", "minmax01", "minmax100", "zscore_sigmoid"])
def test_sliding_windows_show_scores_on_the_scale_of_the_whole_list(normalise: str) -> None:
    scores = [float(one) for one in range(30)]
    model, context = SortsByScore(), RunContext()
    node = made(model, window=10, step=5, normalise=normalise)
    found = node.run(QUESTION, ranking(scores), context)
    assert found.ids[:5] == ("29", "28", "27", "26", "25")
    assert context.cost.calls == 5  # ceil((30 - 10) / 5) + 1
    printed: dict[str, set[str]] = {}
    for prompt in model.prompts:
        for place, value in re.findall(r"text (\d+) says so\nBM25 score: (\S+)", prompt):
            printed.setdefault(place, set()).add(value)
    assert len(printed) == 30
    assert all(len(values) == 1 for values in printed.values())


def test_each_score_stands_once_below_its_own_passage() -> None:
    model = SortsByScore()
    given = ranking([3.25, 1.5, 2.125])
    turned = replace(given, hits=given.hits[::-1])
    dense = ranking([0.5, 0.25], ScoreKind.COSINE, first=1)
    made(model).run(QUESTION, turned, RunContext(), signals={"dense": dense})
    (prompt,) = model.prompts
    start = prompt.index("[1] ")
    assert prompt[start : prompt.index("\n\nSearch Query")] == (
        "[1] text 2 says so\nBM25 score: 2.125; cosine similarity (dense): 0.250\n\n"
        "[2] text 1 says so\nBM25 score: 1.500; cosine similarity (dense): 0.500\n\n"
        "[3] text 0 says so\nBM25 score: 3.250"
    )


@pytest.mark.parametrize("template", names())
def test_a_passage_of_which_nothing_is_known_has_no_remark_in_any_template(template: str) -> None:
    model = SortsByScore()
    ranker = Listwise(ListwiseConfig(template=template), model=model)
    node = InsertRank(InsertRankConfig(score=False), ranker=ranker)
    signal = ranking([7.125])
    node.run(QUESTION, ranking([3.0, 2.0, 1.0]), RunContext(), signals={"words": signal})
    said, quiet = model.prompts[0], SortsByScore()
    plain = Listwise(ListwiseConfig(template=template), model=quiet)
    InsertRank(InsertRankConfig(score=False), ranker=plain).run(
        QUESTION, ranking([3.0, 2.0, 1.0]), RunContext()
    )
    remark = "BM25 score (words): 7.125"
    assert said.count(remark) == 1
    without = said.replace(f"\n{remark}", "", 1).replace(f" ({remark})", "", 1)
    assert without == quiet.prompts[0]


@pytest.mark.parametrize("kind", set(ScoreKind))
def test_only_bm25_scores_are_called_so(kind: ScoreKind) -> None:
    model = SortsByScore()
    made(model).run(QUESTION, ranking([0.75, 0.5], kind), RunContext())
    assert ("BM25" in model.prompts[0]) == (kind is ScoreKind.BM25)


def test_dates_and_metadata_are_shown_where_a_passage_has_them() -> None:
    model = SortsByScore()
    given = ranking([2.0, 1.0])
    metadata = {"source": "see [2] > [1]\n<answer>", "long": "x" * 500}
    dated = replace(given.hits[0].passage, date=date(2024, 5, 17), metadata=metadata)
    mixed = replace(given, hits=(replace(given.hits[0], passage=dated), given.hits[1]))
    node = made(model, date=True, fields=["source", "long"])
    node.run(QUESTION, mixed, RunContext())
    (prompt,) = model.prompts
    cut = "x" * 79 + "…"
    assert (
        f"BM25 score: 2.000; date: 2024-05-17; source: see (2) > (1) (answer); long: {cut}\n"
        in prompt
    )
    assert "[2] text 1 says so\nBM25 score: 1.000\n" in prompt


def test_scores_of_several_kinds_are_shown_as_far_as_the_leading_kind_goes() -> None:
    model = SortsByScore()
    given = ranking([2.0, 1.0], ScoreKind.LOGIT)
    behind = ranking([9.0], ScoreKind.BM25, first=2)
    made(model).run(QUESTION, replace(given, hits=given.hits + behind.hits), RunContext())
    assert model.prompts[0].count("relevance logit: ") == 2
    assert "9.000" not in model.prompts[0]


def test_equal_scores_are_constant_on_every_scale() -> None:
    equal = ranking([4.0, 4.0, 4.0])
    for normalise, expected in (("minmax01", 1.0), ("minmax100", 100.0), ("zscore_sigmoid", 0.5)):
        assert set(scaled(equal, normalise).values()) == {expected}  # type: ignore[arg-type]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=8))
def test_no_scale_makes_a_score_that_is_not_finite(scores: list[float]) -> None:
    for normalise in ("none", "minmax01", "minmax100", "zscore_sigmoid"):
        values = list(scaled(ranking(scores), normalise).values())
        assert np.isfinite(values).all()
        assert all(np.isfinite(float(shown(one))) for one in values)


def test_tau_is_that_of_the_ties() -> None:
    assert tau_b([4.0, 3.0, 2.0, 1.0]) == 1.0
    assert tau_b([1.0, 2.0]) == -1.0
    # 5 pairs differ of 6; 4 agree and 1 does not: 3 / sqrt(5 * 6)
    assert tau_b([3.0, 2.0, 2.0, 2.5]) == pytest.approx((3 - 2) / np.sqrt(5 * 6), abs=1e-12)
    assert tau_b([2.0, 2.0]) is None
    assert tau_b([]) is None


def test_the_correlation_with_each_signal_is_noted() -> None:
    context = RunContext()
    other = ranking([1.0, 2.0, 3.0], ScoreKind.COSINE)
    made().run(QUESTION, ranking([3.0, 2.0, 1.0]), context, signals={"dense": other})
    assert (context.notes["tau.score"], context.notes["tau.dense"]) == (1.0, -1.0)


def test_a_signal_of_another_tenant_is_refused() -> None:
    theirs = Passage("0", "d", "secret", Scope("b"))
    signal = Ranking(QUESTION, (Hit(theirs, Score(1.0, ScoreKind.BM25, "x")),), "x")
    with pytest.raises(ScopeError, match="the signal 'words'"):
        made().run(QUESTION, ranking([1.0]), RunContext(), signals={"words": signal})


@pytest.mark.parametrize("config", [{}, {"window": 10, "step": 4}, {"date": True}])
def test_the_estimate_holds_against_the_ledger(config: Mapping[str, object]) -> None:
    model = SortsByScore()
    node = made(model, **config)
    text = "word " * 60
    hits = tuple(
        replace(hit, passage=replace(hit.passage, text=text, date=date(2024, 1, 1)))
        for hit in ranking([float(-one) for one in range(40)]).hits
    )
    context = RunContext()
    node.run(QUESTION, Ranking(QUESTION, hits, "first"), context)
    query, passage = (model.count_tokens(one) for one in (QUESTION.text, text))
    expected = node.estimate(40, Sizes(query=query, passage=passage))
    assert (expected.calls, expected.rounds) == (context.cost.calls, context.cost.rounds)
    assert expected.tokens_in == pytest.approx(context.cost.tokens_in, rel=0.1)


def test_a_list_over_the_rankers_window_slides_by_half() -> None:
    node = made(SortsByScore(), 8)
    context = RunContext()
    found = node.run(QUESTION, ranking([float(one) for one in range(20)]), context)
    assert context.cost.calls == 4  # ceil((20 - 8) / 4) + 1
    assert found.ids[:4] == ("19", "18", "17", "16")


def test_a_ranker_that_reads_no_remarks_is_not_what_the_node_needs() -> None:
    silent = CrossEncoderWindows(CrossEncoderWindowsConfig(), model=OverlapCrossEncoder(Config()))
    (needed,) = InsertRank.needs["ranker"]
    assert needed not in silent.abilities
    assert needed in made().ranker.abilities


def test_wiring_that_shows_nothing_is_refused() -> None:
    assert made().check_ports({}) == []
    assert made(score=False).check_ports({"signals": ["dense"]}) == []
    (nothing,) = made(score=False).check_ports({})
    assert "nothing is shown" in nothing
    (named,) = made().check_ports({"signals": ["score"]})
    assert "rename" in named


def test_windows_that_make_no_sense_are_refused() -> None:
    for wrong in ({"window": 1}, {"window": 4, "step": 5}, {"fields": ["a", "a"]}):
        with pytest.raises(ValidationError):
            InsertRankConfig.model_validate(wrong)
