"""Filters over columns give what filters over each document's labels give."""

from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from assay.corpora.chunkers.by_structure import ByStructure
from assay.corpora.document import Document
from assay.corpora.filters import And, Compare, Filter, In, IsNull, Not, Or
from assay.corpora.passages import passages_of
from assay.corpora.storage.memory_store import MemoryStore
from assay.corpora.storage.store import labels_of
from assay.corpora.visible import Visible, wanted
from assay.pipeline.words import Query, Scope

READER = Scope("local", ("staff",))
VALUES = st.sampled_from([True, False, 0, 1, 2, 1.0, "a", "b", "1", "2024-01-31", "2024-02-01x"])
LABELS = st.dictionaries(st.sampled_from(["x", "y", "document"]), VALUES, max_size=3)
DOCUMENTS = st.lists(st.tuples(LABELS, st.sampled_from([(), ("staff",), ("boss",)])), max_size=8)
FIELDS = st.sampled_from(["x", "y", "z", "document"])
LEAVES: st.SearchStrategy[Filter] = st.one_of(
    st.builds(Compare, FIELDS, st.sampled_from(["=", "!="]), VALUES),
    st.builds(Compare, FIELDS, st.sampled_from(["<", ">="]), st.sampled_from([1, "a"])),
    st.builds(Compare, FIELDS, st.just("<="), st.just(date(2024, 1, 31))),
    st.builds(In, FIELDS, st.lists(VALUES, min_size=1, max_size=3).map(tuple)),
    st.builds(IsNull, FIELDS),
)
FILTERS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(And, st.lists(inner, min_size=2, max_size=3).map(tuple)),
        st.builds(Or, st.lists(inner, min_size=2, max_size=3).map(tuple)),
    ),
    max_leaves=6,
)


@given(DOCUMENTS, FILTERS)
def test_the_rows_of_a_filter_are_those_for_which_it_holds(
    made: list[tuple[dict[str, object], tuple[str, ...]]], asked: Filter
) -> None:
    documents = [
        Document(f"d{n}", f"text {n}", Scope("local", roles), metadata=labels)  # type: ignore[arg-type]
        for n, (labels, roles) in enumerate(made)
    ]
    store = MemoryStore()
    with store.updating() as update:
        for document in documents:
            update.put(document, "digest", passages_of(document, ByStructure()), {})
        for tenant in update.touched():
            update.changes(tenant)
        update.commit(settings={}, indexes={})
    snapshot = store.snapshot()
    visible = Visible(snapshot)
    rows = visible.view(READER, asked).rows
    expected = {
        document.id
        for document in documents
        if document.scope.admits(READER) and asked.holds(labels_of(document))
    }
    assert rows is not None
    found = snapshot.passages(rows.tolist(), READER)
    assert {passage.document_id for passage in found} == expected
    numbers = set(visible.numbers(READER, asked).tolist())
    listed = snapshot.documents("local")
    assert {one.document.id for one in listed if one.number in numbers} == expected


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), min_size=1, max_size=8),
    st.integers(0, 3),
)
def test_a_merged_passage_is_handed_out_of_a_document_for_which_the_filter_holds(
    made: list[tuple[int, int]], year: int
) -> None:
    store = MemoryStore()
    with store.updating() as update:
        for n, (text, own) in enumerate(made):
            document = Document(
                f"d{n}", f"text {text}", Scope("local", ("staff",)), metadata={"year": own}
            )
            update.put(document, "digest", passages_of(document, ByStructure()), {})
        update.changes("local")
        update.commit(settings={}, indexes={})
    snapshot = store.snapshot()
    view = Visible(snapshot).view(READER, Compare("year", "=", year))
    assert view.rows is not None
    rows = [view.shown.get(row, row) for row in view.rows.tolist()]
    found = snapshot.passages(rows, READER)
    assert [one.metadata["year"] for one in found] == [year] * len(rows)
    assert {one.text for one in found} == {f"text {text}" for text, own in made if own == year}


def test_a_query_that_asks_nothing_may_see_all_rows() -> None:
    store = MemoryStore()
    document = Document("d", "text", Scope("local", ("staff",)))
    with store.updating() as update:
        update.put(document, "digest", passages_of(document, ByStructure()), {})
        update.changes("local")
        update.commit(settings={}, indexes={})
    visible = Visible(store.snapshot())
    assert visible.view(READER, wanted(Query("x", READER))).rows is None
    none = visible.view(Scope("local"), None).rows
    assert none is not None
    assert none.tolist() == []
