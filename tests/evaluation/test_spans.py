"""Spans of whole documents are found inside the passages that were cut from them."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.corpora.dataset import EvidenceSpan, load
from assay.evaluation.spans import inside_passages
from tests.evaluation.made import dataset, document, question

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "chunkeval"
TEXT = "The first part. The second part. The third."


def test_a_span_over_two_passages_becomes_two() -> None:
    cut = [(0, 15), (16, 32), (33, 43)]
    documents = [
        document(f"d#{n}", TEXT[start:end], corpus="d", start=start, end=end)
        for n, (start, end) in enumerate(cut)
    ]
    whole = EvidenceSpan("d", 4, 26, TEXT[4:26])
    strange = EvidenceSpan("other", 0, 3, "The")
    known = EvidenceSpan("d#2", 0, 3, "The")
    made = dataset([question("a")], documents, spans={"a": (whole, strange, known)})
    placed, lost = inside_passages(made)
    assert placed.spans["a"] == (
        EvidenceSpan("d#0", 4, 15, "first part."),
        EvidenceSpan("d#1", 0, 10, "The second"),
        known,
    )
    assert lost == 1


def test_a_passage_that_reads_otherwise_is_not_taken() -> None:
    documents = [document("d#0", "something else was here", corpus="d", start=0, end=23)]
    made = dataset([question("a")], documents, spans={"a": (EvidenceSpan("d", 4, 9, "first"),)})
    placed, lost = inside_passages(made)
    assert (placed.spans["a"], lost) == ((), 1)


def test_a_set_whose_spans_lie_in_its_passages_stays_as_it_is() -> None:
    made = dataset(
        [question("a")], [document("p")], spans={"a": (EvidenceSpan("p", 0, 4, "some"),)}
    )
    assert inside_passages(made) == (made, 0)


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.exists(), reason="needs chunkeval beside the project")
def test_the_spans_of_chunkeval_lie_exactly_in_the_judged_passages() -> None:
    made = load(SHARED)
    placed, lost = inside_passages(made)
    assert lost == 0
    for query in made.queries:
        judged = {name for name, grade in made.qrels[query.id].items() if grade}
        assert {span.document_id for span in placed.spans[query.id]} == judged
