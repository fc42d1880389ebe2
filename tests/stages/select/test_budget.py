"""A selection within a number of tokens; what is left of it still points at its source."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.corpora.corpus import Corpus
from assay.models.echo import Echo, EchoConfig
from assay.models.overlap_cross_encoder import OverlapCrossEncoder
from assay.pipeline import Hit, Passage, RunContext, Scope, Score, ScoreKind, Selection
from assay.pipeline.component import Config
from assay.stages.select.budget import Budget, BudgetConfig
from tests.conformance.samples import Sample, picked
from tests.stages.select.test_shortening import is_found
from tests.words import hit, query, selection

RAW = "Cats purr at night. A tuple is short. Dogs bark at noon. A tuple is fixed. Cows moo."
ENDS = (0, 19, 37, 56, 74, 84)


def sample(corpus: Corpus) -> Sample:
    return Sample(picked(), config={"budget": 9, "overflow": "truncate", "least": 1})


def part(first: int, last: int, *, position: int = 0, name: str = "", title: str = "") -> Hit:
    start, end = ENDS[first] + bool(first), ENDS[last]
    passage = Passage(
        name or f"d#{position}", "d", RAW[start:end], Scope("local"), title, position, start, end
    )
    return Hit(passage, Score(1.0, ScoreKind.LOGIT, "test"))


WHOLE = part(0, 5)


def run(*hits: Hit, judge: bool = False, **config: Any) -> Selection:
    node = Budget(
        BudgetConfig(**{"least": 1} | config),
        judge=OverlapCrossEncoder(Config()) if judge else None,
    )
    context = RunContext()
    found = node.run(query("what is a tuple"), selection(*hits), context)
    assert context.notes["words"] <= config["budget"]
    return found


def texts(found: Selection) -> list[str]:
    return [one.passage.text for one in found.kept]


def test_what_does_not_fit_is_dropped_and_a_later_one_may_still_fit() -> None:
    found = run(hit("a", "one two three"), hit("b", "one two three"), hit("c", "one"), budget=5)
    assert found.ids == ("a", "c")
    assert found.reasons == {
        "a": "3 words; 2 of 5 are left",
        "c": "1 words; 1 of 5 are left",
    }
    assert found.dropped[0].reason == "its 3 words do not fit: 2 of 5 are left"


def test_a_title_counts_with_its_passage() -> None:
    assert run(hit("a", "one two", title="Long title"), budget=3).kept == ()


def test_writing_without_spaces_is_counted_by_its_signs() -> None:
    assert run(hit("a", "東京都は大きい。"), budget=5).kept == ()


def test_tokens_are_those_of_the_model() -> None:
    model = Echo(EchoConfig())
    text = "one two three, four."
    size = model.count_tokens(text)
    for budget, kept in ((size, 1), (size - 1, 0)):
        node = Budget(BudgetConfig(budget=budget), model=model)
        context = RunContext()
        assert len(node.run(query(), selection(hit("a", text)), context).kept) == kept
        assert context.notes["tokens"] == kept * size


def test_the_beginning_is_kept_where_passages_are_truncated() -> None:
    found = run(WHOLE, budget=6, overflow="truncate")
    assert texts(found) == ["Cats purr at night. A tuple"]
    assert found.reasons["d#0"] == "6 of its 18 words; 0 of 6 are left"
    assert is_found(RAW, found.kept[0].passage)


def test_of_a_split_passage_the_run_of_sentences_that_fits_the_question_best_is_kept() -> None:
    found = run(WHOLE, budget=8, overflow="split")
    assert texts(found) == ["A tuple is short. Dogs bark at noon."]
    assert is_found(RAW, found.kept[0].passage)
    assert found.kept[0].passage.pieces == ()


@pytest.mark.parametrize("judge", [False, True])
def test_compressed_passages_have_their_best_sentences_in_order(judge: bool) -> None:
    found = run(hit("z", "Fish swim."), WHOLE, budget=8, overflow="compress", judge=judge)
    assert texts(found) == ["A tuple is short.\n\nA tuple is fixed."]
    assert found.kept[0].passage.pieces == ((20, 37), (57, 74))
    assert is_found(RAW, found.kept[0].passage)
    assert found.reasons["d#0"] == "2 of its 5 sentences, 8 words of 8"
    assert found.dropped[0].reason == "none of its sentences is among the best 8 words"


def test_what_fits_is_left_as_it_is_and_no_judge_is_asked() -> None:
    node = Budget(
        BudgetConfig(budget=100, overflow="compress"), judge=OverlapCrossEncoder(Config())
    )
    context = RunContext()
    found = node.run(query(), selection(WHOLE), context)
    assert found.kept == (WHOLE,)
    assert context.cost.calls == 0


def test_too_small_a_rest_is_no_passage() -> None:
    assert run(WHOLE, budget=6, overflow="truncate", least=7).kept == ()
    assert run(WHOLE, budget=6, overflow="split", least=7).kept == ()


def test_passages_that_touch_are_merged_with_their_offsets_joined() -> None:
    parts = [
        part(2, 3, position=2), hit("z", "Fish."), part(0, 1, position=0), part(1, 2, position=1)
    ]  # fmt: skip
    found = run(*parts, budget=100, merge=True)
    assert found.ids == ("d#2", "z")
    whole = found.kept[0].passage
    assert whole.text == "Cats purr at night.\n\nA tuple is short.\n\nDogs bark at noon."
    assert (whole.start, whole.end) == (0, 56)
    assert is_found(RAW, whole)
    assert {one.hit.passage.id: one.reason for one in found.dropped} == {
        "d#0": "joined with d#2, which holds its text",
        "d#1": "joined with d#2, which holds its text",
    }


def test_overlapping_passages_are_merged_without_saying_anything_twice() -> None:
    found = run(part(0, 3, position=0), part(1, 5, position=1), budget=100, merge=True)
    assert texts(found) == [RAW]


def test_passages_under_different_titles_are_not_merged() -> None:
    found = run(part(0, 3, title="One"), part(1, 5, position=1, title="Two"), budget=99, merge=True)
    assert len(found.kept) == 2


def test_no_more_passages_than_asked_for() -> None:
    found = run(hit("a"), hit("b"), budget=100, max_k=1)
    assert found.ids == ("a",)
    assert found.dropped[0].reason == "behind the first 1 passages"


def test_a_judge_that_nothing_asks_is_refused(tmp_path: Any) -> None:
    judge = OverlapCrossEncoder(Config())
    assert list(Budget(BudgetConfig(), judge=judge).prepare(tmp_path))
    assert not list(Budget(BudgetConfig(overflow="split"), judge=judge).prepare(tmp_path))


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(1, 5)), max_size=5),
    st.integers(1, 30),
    st.sampled_from(get_args(BudgetConfig.model_fields["overflow"].annotation)),
    st.booleans(),
)
def test_the_budget_holds_and_all_that_is_kept_is_found_in_the_source(
    spans: list[tuple[int, int]], budget: int, overflow: str, merge: bool
) -> None:
    hits = [
        part(first, min(5, first + size), position=first, name=f"d#{n}")
        for n, (first, size) in enumerate(spans)
    ]
    found = run(*hits, budget=budget, overflow=overflow, merge=merge)
    assert all(is_found(RAW, one.passage) for one in found.kept)
    names = [one.passage.id for one in hits]
    assert sorted([*found.ids, *(one.hit.passage.id for one in found.dropped)]) == names
    assert set(found.reasons) == set(found.ids)
