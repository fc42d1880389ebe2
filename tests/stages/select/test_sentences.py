"""Shortened evidence keeps order, ids and only what bears on the question."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from assay.corpora.corpus import Corpus
from assay.models.overlap_cross_encoder import OverlapCrossEncoder
from assay.pipeline import RunContext, Selection
from assay.pipeline.component import Config
from assay.stages.select.sentences import Sentences, SentencesConfig
from tests.conformance.samples import Sample, picked
from tests.words import hit, query, selection

FIRST = hit("a", "Lists grow. A tuple cannot change. Sets have no order.")
SECOND = hit("b", "Bytes are small. What a tuple is good for is keys.")


def sample(corpus: Corpus) -> Sample:
    return Sample(
        picked(),
        config={"max_sentences": 2, "after": 1},
        resources={"model": OverlapCrossEncoder(Config())},
    )


def run(given_selection: Selection, **config: int) -> Selection:
    node = Sentences(SentencesConfig(**config), model=OverlapCrossEncoder(Config()))
    return node.run(query("what is a tuple"), given_selection, RunContext())


def test_only_the_best_sentences_stay_in_their_passages() -> None:
    result = run(selection(FIRST, SECOND), max_sentences=2)
    assert [one.passage.text for one in result.kept] == [
        "A tuple cannot change.",
        "What a tuple is good for is keys.",
    ]
    assert result.ids == ("a", "b")


def test_a_passage_without_any_is_dropped_with_its_reason() -> None:
    result = run(selection(FIRST, hit("c", "Nothing of the kind.")), max_sentences=1)
    assert result.ids == ("a",)
    assert [one.hit.passage.id for one in result.dropped] == ["c"]


def test_offsets_are_those_of_what_was_kept() -> None:
    kept = run(selection(FIRST), max_sentences=1).kept[0].passage
    assert FIRST.passage.text[kept.start : kept.end] == kept.text


def test_where_the_middle_is_left_out_each_piece_keeps_its_offsets() -> None:
    text = "A tuple is short. Cats purr. A tuple is fixed."
    kept = run(selection(hit("a", text)), max_sentences=2).kept[0].passage
    assert kept.text == "A tuple is short.\n\nA tuple is fixed."
    assert [text[start:end] for start, end in kept.pieces] == [
        "A tuple is short.", "A tuple is fixed.",
    ]  # fmt: skip


def test_reasons_have_the_figures_that_decided() -> None:
    result = run(selection(FIRST, hit("c", "Nothing of the kind.")), max_sentences=1)
    said = result.reasons["a"]
    assert said.startswith("1 of its 3 sentences, the best with logit ")
    assert ", at least " in said
    assert result.dropped[0].reason.startswith("its best sentence has logit ")


def test_neighbouring_sentences_come_along_when_asked_for() -> None:
    text = run(selection(FIRST), max_sentences=1, after=1).kept[0].passage.text
    assert text == "A tuple cannot change. Sets have no order."


def test_queries_of_a_batch_each_get_what_they_would_get_alone() -> None:
    node = Sentences(SentencesConfig(max_sentences=2), model=OverlapCrossEncoder(Config()))
    asked = [
        (query("what is a tuple"), selection(FIRST, SECOND)),
        (query("what are bytes"), selection()),
        (query("what are bytes"), selection(SECOND)),
    ]
    contexts = [RunContext() for _ in asked]
    items = [{"query": one, "selection": other} for one, other in asked]
    found = node.run_batch(items, contexts)
    assert found == [node.run(one, other, RunContext()) for one, other in asked]
    assert [one.cost.calls for one in contexts] == [5, 0, 2]
    assert found[2].kept[0].passage.text.startswith("Bytes are small.")


def test_the_empty_selection_stays_empty() -> None:
    assert run(selection()).kept == ()


@given(st.lists(st.text(alphabet="ab. \n", min_size=1, max_size=40), max_size=5), st.integers(1, 9))
def test_never_more_sentences_than_asked_for_and_never_another_order(
    texts: list[str], most: int
) -> None:
    hits = [hit(f"p{n}", text) for n, text in enumerate(texts)]
    result = run(selection(*hits), max_sentences=most)
    assert list(result.ids) == [one.passage.id for one in hits if one.passage.id in result.ids]
    assert len(result.kept) <= most
