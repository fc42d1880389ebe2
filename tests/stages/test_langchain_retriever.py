"""A langchain-core retriever as a node: passages that the asker may read, in its order."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("langchain_core", reason="needs langchain-core: pip install 'assay[langchain]'")

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.retrievers import BaseRetriever
from langchain_core.vectorstores import InMemoryVectorStore

from assay.pipeline import Answer, Query, QueryVariants, RunContext, Scope, ScoreKind, build_text
from assay.pipeline.errors import BuildError, DataError, UsageError, WorldError
from assay.pipeline.record import stage
from assay.stages.retrieve.langchain import LangchainRetriever

ACME = Scope("acme", ("audit",))


class Listed(BaseRetriever):
    """Finds the documents that hold the question's first letter, in their order."""

    documents: list[Document]

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        return [one for one in self.documents if query[:1] in one.page_content or query == "all"]


class Broken(BaseRetriever):
    """Raises what no built-in exception is the parent of."""

    class NotReachableError(Exception):
        pass

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        raise Broken.NotReachableError("port 9200")


def document(text: str, name: str | None = None, **metadata: Any) -> Document:
    return Document(text, id=name, metadata=metadata)


def asked(text: str = "all", scope: Scope = ACME, **more: Any) -> Query:
    return Query(text, scope, **more)


def find(*documents: Document, query: Query | None = None, **more: Any) -> Any:
    node = LangchainRetriever(Listed(documents=list(documents)), **{"tenant": "acme", **more})
    return node.run(query or asked(), RunContext())


def test_documents_become_passages_in_the_retrievers_order() -> None:
    ranking = find(
        document("first", "x#1", source="x", title="Loans", date="2024-05-31", page=3, nested={}),
        document("second", date=date(2023, 1, 2)),
    )
    one, two = (hit.passage for hit in ranking.hits)
    assert ranking.source == "given.langchain_retriever@1"
    assert (one.id, one.document_id, one.text, one.title) == ("x#1", "x", "first", "Loans")
    assert (one.date, one.scope) == (date(2024, 5, 31), Scope("acme"))
    assert one.metadata == {"source": "x", "page": 3}
    assert two.id == two.document_id == hashlib.sha256(b"second").hexdigest()
    assert two.date == date(2023, 1, 2)


def test_without_given_scores_the_score_tells_the_rank_alone() -> None:
    scores = [hit.score for hit in find(document("a"), document("b")).hits]
    assert [one.value for one in scores] == pytest.approx([1 / 61, 1 / 62])
    assert {one.kind for one in scores} == {ScoreKind.RRF}
    assert {one.source for one in scores} == {"given.langchain_retriever@1"}


def test_given_scores_keep_their_value_and_kind() -> None:
    ranking = find(
        document("a", near=0.9), document("b", near=0.4), score="near", score_kind=ScoreKind.COSINE
    )
    assert [(hit.score.value, hit.score.kind) for hit in ranking.hits] == [
        (0.9, ScoreKind.COSINE), (0.4, ScoreKind.COSINE),
    ]  # fmt: skip
    assert all("near" not in hit.passage.metadata for hit in ranking.hits)


@pytest.mark.parametrize("value", [None, "high", float("nan")])
def test_a_score_that_is_none_is_an_error_with_its_rank(value: object) -> None:
    with pytest.raises(DataError, match=r"must be a number of kind cosine, found .* at rank 1"):
        find(document("a", near=value), score="near", score_kind=ScoreKind.COSINE)


def test_a_distance_given_as_a_score_is_refused() -> None:
    with pytest.raises(DataError, match=r"does not fall along the ranking.*distance"):
        find(document("a", d=0.1), document("b", d=0.7), score="d", score_kind=ScoreKind.COSINE)


def test_a_score_and_its_kind_come_together() -> None:
    for half in ({"score": "near"}, {"score_kind": ScoreKind.COSINE}):
        with pytest.raises(UsageError, match="'score' and 'score_kind' together"):
            find(document("a"), **half)


def test_documents_that_the_asker_may_not_read_are_left_out_and_counted() -> None:
    node = LangchainRetriever(
        Listed(
            documents=[
                document("ours", tenant="acme"),
                document("theirs", tenant="other"),
                document("for auditors", tenant="acme", roles=["audit", "board"]),
                document("for the board", tenant="acme", roles=["board"]),
                document("nobody's"),
            ]
        )
    )
    context = RunContext()
    ranking = node.run(asked(), context)
    assert [hit.passage.text for hit in ranking.hits] == ["ours", "for auditors"]
    assert ranking.hits[1].passage.scope == Scope("acme", ("audit", "board"))
    assert context.notes == {"left_out_scope": 3}
    assert "their" not in json.dumps(stage(ranking, context))


@given(
    st.lists(
        st.tuples(
            st.sampled_from([None, "acme", "other"]),
            st.lists(st.sampled_from(["audit", "board"]), max_size=2),
        ),
        max_size=8,
    ),
    st.sampled_from(["acme", "other"]),
    st.lists(st.sampled_from(["audit", "board"]), max_size=2),
    st.sampled_from([None, "acme"]),
)
def test_no_mix_of_scopes_shows_a_passage_to_who_may_not_read_it(
    marks: list[tuple[str | None, list[str]]],
    tenant: str,
    roles: list[str],
    default: str | None,
) -> None:
    documents = [
        document(f"text {place}", roles=needed, **({"tenant": owner} if owner else {}))
        for place, (owner, needed) in enumerate(marks)
    ]
    shown = find(*documents, query=asked(scope=Scope(tenant, tuple(roles))), tenant=default)
    expected = [
        f"text {place}"
        for place, (owner, needed) in enumerate(marks)
        if (owner or default) == tenant and (not needed or set(needed) & set(roles))
    ]
    assert [hit.passage.text for hit in shown.hits] == expected


def test_filters_empty_texts_and_repetitions_leave_documents_out() -> None:
    node = LangchainRetriever(
        Listed(
            documents=[
                document("a", year=1), document("b", year=True), document("c", year=2),
                document("  ", year=1), document("a", year=1), document("d", year=1),
            ]
        ),
        tenant="acme",
    )  # fmt: skip
    context = RunContext()
    ranking = node.run(asked(filters={"year": 1}), context)
    assert [hit.passage.text for hit in ranking.hits] == ["a", "d"]
    assert [hit.score.value for hit in ranking.hits] == pytest.approx([1 / 61, 1 / 62])
    assert context.notes == {"left_out_filters": 2, "left_out_empty": 1, "left_out_repeated": 1}


def test_k_counts_what_may_be_read() -> None:
    ranking = find(*(document(str(n), tenant="other" if n < 2 else "acme") for n in range(6)), k=3)
    assert [hit.passage.text for hit in ranking.hits] == ["2", "3", "4"]


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"tenant": 7}, "'tenant' must be text, found 7"),
        ({"tenant": ""}, "'tenant' must be text, found ''"),
        ({"roles": "audit"}, "'roles' must be a list of text, found 'audit'"),
        ({"date": "in May"}, "'date' must be a day like"),
        ({"date": 20240531}, "'date' must be a day like"),
    ],
)
def test_metadata_that_cannot_be_read_name_the_document(
    metadata: dict[str, Any], words: str
) -> None:
    with pytest.raises(DataError, match=f"document x1: metadata {words}"):
        find(document("a", "x1", **metadata))


def test_another_tenants_broken_document_does_not_stop_the_query() -> None:
    assert find(document("a", date="in May", tenant="other"), document("b")).hits


def test_several_wordings_are_merged_by_rank() -> None:
    words = QueryVariants((asked("a"), asked("b")))
    node = LangchainRetriever(
        Listed(documents=[document("a"), document("b"), document("ab")]), tenant="acme", k=2
    )
    ranking = node.run(words, RunContext())
    assert ranking.query == words.main
    assert ranking.hits[0].passage.text == "ab"
    assert len(ranking.hits) == 2
    assert ranking.hits[0].score.value == pytest.approx(2 / 62)


def test_whatever_the_retriever_raises_becomes_an_error_of_the_world() -> None:
    with pytest.raises(WorldError, match="NotReachableError: port 9200") as caught:
        LangchainRetriever(Broken()).run(asked(), RunContext())
    assert isinstance(caught.value.__cause__, Broken.NotReachableError)


def test_a_vector_store_itself_is_refused_with_the_way_out() -> None:
    store = InMemoryVectorStore(DeterministicFakeEmbedding(size=4))
    with pytest.raises(UsageError, match=r"store\.as_retriever\(\)"):
        LangchainRetriever(store)  # type: ignore[arg-type]


def test_the_fingerprint_follows_settings_and_identity() -> None:
    def mark(text: str = "a", **more: Any) -> str:
        return LangchainRetriever(Listed(documents=[document(text)]), **more).fingerprint()

    assert mark() == mark()
    assert len({mark(), mark("b"), mark(k=3), mark(tenant="x"), mark(identity="may")}) == 5


FILE = """assay: 1
name: given
resources:
  judge: {use: models.overlap_cross_encoder@1}
nodes:
  sparse: {use: given, inputs: {query: query}}
  kept: {use: select.top_k@1, inputs: {query: query, ranking: sparse}}
  said:
    use: generate.extractive@1
    resources: {model: judge}
    inputs: {query: query, selection: kept}
output: said
"""


def test_a_vector_store_answers_in_a_pipeline_and_its_identity_is_in_the_fingerprint() -> None:
    store = InMemoryVectorStore(DeterministicFakeEmbedding(size=8))
    store.add_documents([document("A tuple is an immutable sequence.", "t1")])

    def made(identity: str) -> Any:
        node = LangchainRetriever(store.as_retriever(), tenant="local", identity=identity)
        return build_text(FILE, name="p.yaml", base=Path("."), nodes={"sparse": node})

    with made("v1") as first, made("v2") as second:
        record = first.run(Query("What is a tuple?", Scope("local")))
        assert first.fingerprint() != second.fingerprint()
    assert isinstance(record.outcome, Answer)
    assert [one["id"] for one in record.stages["sparse"]["passages"]] == ["t1"]


def test_ports_of_a_given_node_are_checked_as_usual() -> None:
    node = LangchainRetriever(Listed(documents=[]))
    for old, new, words in (
        ("inputs: {query: query}", "inputs: {qery: query}", "did you mean 'query'?"),
        ("ranking: sparse}", "ranking: query}", "takes Ranking; 'query' gives Query"),
    ):
        with pytest.raises(BuildError) as caught:
            build_text(
                FILE.replace(old, new), name="p.yaml", base=Path("."), nodes={"sparse": node}
            )
        assert words in str(caught.value)


def test_a_given_node_that_is_missing_or_no_node_is_told() -> None:
    with pytest.raises(BuildError, match=r'node "sparse" is given by the program: pass build\('):
        build_text(FILE, name="p.yaml", base=Path("."))
    raw: Any = Listed(documents=[])
    with pytest.raises(BuildError, match='"sparse" must be a Node; build was given a Listed'):
        build_text(FILE, name="p.yaml", base=Path("."), nodes={"sparse": raw})
