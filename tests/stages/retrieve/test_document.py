from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from assay.corpora.document import Document
from assay.pipeline.context import RunContext
from assay.pipeline.errors import UsageError
from assay.pipeline.words import Query, Ranking, Score, ScoreKind
from assay.stages.fuse.rrf import Rrf, RrfConfig
from assay.stages.retrieve.bm25 import Bm25, Bm25Config
from assay.stages.retrieve.dense import Dense, DenseConfig
from assay.stages.retrieve.document import DocumentConfig, DocumentQuery
from tests.corpora.fake_corpus import FakeCorpus
from tests.stages.retrieve.zoo import KEEPER, VISITOR, Counting, ask, zoo

PAPER = (
    "# Hunters\n\nThe owl hunts mice at night.\n\n# Sleepers\n\nA cat sleeps most of the day.\n\n"
    "# Others\n\nThe bat flies at night.\n"
)
SECTIONS = (
    "Hunters\nThe owl hunts mice at night.",
    "Sleepers\nA cat sleeps most of the day.",
    "Others\nThe bat flies at night.",
)


def found(
    query: Query, corpus: FakeCorpus | None = None, context: RunContext | None = None, **config: Any
) -> Ranking:
    settings = DocumentConfig.model_validate({"markup": "markdown", **config})
    node = DocumentQuery(settings, corpus=corpus or zoo())
    return node.run(query, context or RunContext())


def test_every_section_is_searched_and_the_ranks_are_fused() -> None:
    corpus = zoo()
    rankings: dict[str, Ranking] = {}
    for number, section in enumerate(SECTIONS):
        words = Bm25(Bm25Config(k=4), corpus=corpus).run(ask(section))
        meaning = Dense(DenseConfig(k=4), corpus=corpus).run(ask(section), RunContext())
        rankings |= {f"{number} bm25": words, f"{number} dense": meaning}
    expected = Rrf(RrfConfig(depth=5)).run(rankings)
    context = RunContext()
    ranking = found(ask(PAPER), corpus, context, depth=4, k=5)
    assert ranking.ids == expected.ids
    assert [one.score for one in ranking.hits] == [
        Score(one.score.value, ScoreKind.RRF, "retrieve.document@1") for one in expected.hits
    ]
    assert ranking.query == ask(PAPER)
    assert context.notes == {"sections": 3, "sections_left_out": 0}
    assert context.cost.calls == 3


def test_each_section_brings_what_it_is_about() -> None:
    assert set(found(ask(PAPER), parts=["bm25"], depth=1).ids) == {"owl#1", "cat#1", "bat#0"}


def test_all_sections_of_a_batch_are_embedded_at_once() -> None:
    corpus = zoo(embedder=(embedder := Counting()))
    node = DocumentQuery(DocumentConfig(markup="markdown"), corpus=corpus)
    asked = [ask(PAPER), ask("owl"), ask(""), ask("cat", KEEPER)]
    contexts = [RunContext() for _ in asked]
    together = node.run_batch([{"query": one} for one in asked], contexts)
    assert embedder.batches == [5]
    assert [one.cost.calls for one in contexts] == [3, 1, 0, 1]
    assert together == [node.run(one, RunContext()) for one in asked]


def test_one_short_text_is_one_query_and_its_scores_are_of_the_same_kind() -> None:
    ranking = found(ask("the owl hunts"), parts=["bm25"], k=2)
    assert ranking.ids[0] == "owl#1"
    assert [one.score.value for one in ranking.hits] == [1 / 61, 1 / 62]


def test_text_without_a_word_finds_nothing() -> None:
    context = RunContext()
    assert found(ask(" \n "), context=context).hits == ()
    assert context.notes["sections"] == 0


def test_of_too_many_sections_evenly_spread_ones_are_searched_and_the_rest_is_told() -> None:
    words = ["owl", "cat", "bat", "zebra", "dusk"]
    paper = "\n\n".join(f"# {word}\n\n{word} {word}" for word in words)
    context = RunContext()
    ranking = found(ask(paper), context=context, max_sections=3, parts=["bm25"])
    assert context.notes == {"sections": 3, "sections_left_out": 2}
    assert {one.split("#")[0] for one in ranking.ids} == {"owl", "bat"}
    assert "owl#3" in ranking.ids  # found by the last section: dusk
    assert not {"cat#0", "cat#1"} & set(ranking.ids)


def test_long_text_without_headings_is_cut_by_the_budget_and_nothing_is_lost() -> None:
    text = " ".join(f"Sentence {number} says nothing at all." for number in range(40))
    context = RunContext()
    ranking = found(ask(f"{text} The owl hunts mice."), context=context, max_words=40)
    assert int(str(context.notes["sections"])) >= 6
    assert "owl#1" in ranking.ids


PAPERS = [
    Document("one", PAPER, VISITOR, title="One", markup="markdown"),
    Document("two", PAPER.replace("mice", "voles"), VISITOR, markup="markdown"),
    Document("2020-01-02", PAPER.replace("mice", "shrews"), VISITOR, markup="markdown"),
    Document("2020-01-02 more", PAPER.replace("mice", "moles"), VISITOR, markup="markdown"),
    Document("secret", "The owl hunts mice at night.", KEEPER),
]
LIBRARY = FakeCorpus(documents=PAPERS)


def documents(ranking: Ranking) -> set[str]:
    return {hit.passage.document_id for hit in ranking.hits}


def test_a_document_of_the_corpus_asks_by_its_id_and_does_not_find_itself() -> None:
    ranking = found(ask("one"), LIBRARY, given="document", depth=3, k=9)
    assert documents(ranking) == {"two", "2020-01-02", "2020-01-02 more"}
    assert ranking.query.text == "one"


def test_it_is_left_out_before_the_best_are_taken() -> None:
    assert len(found(ask("one"), LIBRARY, given="document", depth=1, parts=["bm25"]).hits) == 3


def test_it_finds_itself_where_it_is_told_to() -> None:
    ranking = found(ask("one"), LIBRARY, given="document", leave_out=False)
    assert ranking.ids[0].startswith("one#")


def test_an_id_that_reads_as_a_date_leaves_out_its_own_document_only() -> None:
    ranking = found(ask("2020-01-02"), LIBRARY, given="document")
    assert documents(ranking) == {"one", "two", "2020-01-02 more"}


def test_a_passage_of_the_corpus_asks_by_its_id_and_leaves_out_its_document() -> None:
    ranking = found(ask("one#1"), LIBRARY, given="passage", parts=["bm25"], depth=3)
    assert documents(ranking) == {"two", "2020-01-02", "2020-01-02 more"}
    assert {hit.passage.title for hit in ranking.hits} == {"Sleepers"}


def test_the_query_s_own_filter_counts_beside_what_is_left_out() -> None:
    query = ask("one", where="document = 'two' or document = 'one'")
    assert documents(found(query, LIBRARY, given="document")) == {"two"}


def test_a_given_text_leaves_out_what_its_filter_names() -> None:
    query = ask(PAPER, where="document != 'one'")
    assert "one" not in documents(found(query, LIBRARY))


@pytest.mark.parametrize("given", ["document", "passage"])
def test_an_id_that_is_not_there_or_not_to_be_read_is_an_error(given: str) -> None:
    for name in ("nothing", "secret" if given == "document" else "secret#0"):
        with pytest.raises(UsageError, match=f"no {given} '{name}'"):
            found(ask(name), LIBRARY, given=given)


def test_a_bad_filter_of_the_query_is_one_clear_error() -> None:
    with pytest.raises(UsageError, match=r"^the query's 'where'"):
        found(ask("one", where="("), LIBRARY, given="document")


def test_scope_reaches_every_section() -> None:
    keeper = replace(ask(PAPER), scope=KEEPER)
    assert "secret" in documents(found(keeper, LIBRARY))
    assert "secret" not in documents(found(ask(PAPER), LIBRARY))


def test_a_part_is_named_once() -> None:
    with pytest.raises(ValidationError, match="'parts' has 'bm25' more than once"):
        DocumentConfig(parts=["bm25", "bm25"])
