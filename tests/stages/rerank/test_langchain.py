from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from assay.pipeline.context import RunContext
from assay.pipeline.errors import DataError, UsageError, WorldError
from assay.pipeline.words import ScoreKind
from assay.stages.rerank.langchain import LangchainRerank
from assay.stages.windows.window import Sizes
from tests.conformance.samples import A, ranked
from tests.stages.rerank.oracles import QUESTION, ranking_of

pytest.importorskip("langchain_core", reason="needs the extra langchain")

from langchain_core.documents import Document
from langchain_core.documents.compressor import BaseDocumentCompressor


class ByLength(BaseDocumentCompressor):
    """Keeps the longest documents, the longest first, with their length as a score."""

    keep: int = 3
    cut: bool = False

    def compress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Any = None
    ) -> Sequence[Document]:
        best = sorted(documents, key=lambda one: -len(one.page_content))[: self.keep]
        return [
            Document(
                page_content=one.page_content[:5] if self.cut else one.page_content,
                metadata=one.metadata | {"relevance_score": len(one.page_content)},
            )
            for one in best
        ]


class Fails(BaseDocumentCompressor):
    def compress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Any = None
    ) -> Sequence[Document]:
        raise KeyError("no quota")


class Invents(BaseDocumentCompressor):
    def compress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Any = None
    ) -> Sequence[Document]:
        return [Document(page_content="new"), documents[1], documents[1]]


def test_what_is_kept_comes_first_and_the_rest_follows_as_it_came() -> None:
    context = RunContext()
    found = LangchainRerank(ByLength(keep=1)).run(A, ranked(A), context)
    assert found.ids == ("a2#0", "a0#0", "a1#0")
    assert [hit.score.value for hit in found.hits] == [1.0, 1 / 2, 1 / 3]
    assert context.notes == {"tokens_estimated": True, "rows_missing": 2}
    assert (context.cost.calls, context.cost.rounds) == (1, 1)


def test_scores_are_taken_where_they_are_named() -> None:
    node = LangchainRerank(ByLength(), score="relevance_score", score_kind=ScoreKind.RATING)
    found = node.run(A, ranked(A), RunContext())
    assert node.gives == ("rating",)
    assert [hit.score.kind for hit in found.hits] == [ScoreKind.RATING] * 3
    assert found.hits[0].score.value == len(found.hits[0].passage.text)


def test_passages_keep_their_own_text_and_changes_are_counted() -> None:
    context = RunContext()
    found = LangchainRerank(ByLength(cut=True)).run(A, ranked(A), context)
    texts = {hit.passage.id: hit.passage.text for hit in ranked(A).hits}
    assert {hit.passage.id: hit.passage.text for hit in found.hits} == texts
    assert context.notes["texts_changed"] == 3


def test_new_and_repeated_documents_are_left_out_and_counted() -> None:
    context = RunContext()
    found = LangchainRerank(Invents()).run(QUESTION, ranking_of([0.0] * 3), context)
    assert found.ids == ("1", "0", "2")
    assert (context.notes["rows_unknown"], context.notes["rows_repeated"]) == (1, 1)


def test_a_failing_compressor_is_the_world_s_failure_with_its_words() -> None:
    with pytest.raises(WorldError, match=r"Fails failed: KeyError: 'no quota'"):
        LangchainRerank(Fails()).run(A, ranked(A), RunContext())


def test_a_missing_score_is_named() -> None:
    node = LangchainRerank(Invents(), score="relevance_score", score_kind=ScoreKind.LOGIT)
    with pytest.raises(DataError, match="metadata 'relevance_score' must be a number"):
        node.run(QUESTION, ranking_of([0.0] * 3), RunContext())


def test_what_is_no_compressor_and_half_a_score_are_refused() -> None:
    with pytest.raises(UsageError, match="BaseDocumentCompressor"):
        LangchainRerank(object())  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="'score' and 'score_kind' together"):
        LangchainRerank(ByLength(), score="x")


def test_settings_of_the_compressor_are_part_of_the_config() -> None:
    one, other = LangchainRerank(ByLength(keep=1)), LangchainRerank(ByLength(keep=2))
    assert one.config.settings != other.config.settings


def test_an_empty_ranking_is_no_call() -> None:
    context = RunContext()
    assert LangchainRerank(Fails()).run(QUESTION, ranking_of([]), context).hits == ()
    assert context.cost.calls == 0
    assert LangchainRerank(Fails()).estimate(0, Sizes(1, 1)).calls == 0
