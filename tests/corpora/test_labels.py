from __future__ import annotations

from datetime import date

import pytest

from assay.corpora.chunkers.making import make_chunker
from assay.corpora.document import Document
from assay.corpora.labels import labels_of_passage
from assay.corpora.passages import passages_of
from assay.corpora.storage.store import labels_of
from assay.corpora.where import filter_of, where_problems
from assay.pipeline.errors import UsageError
from assay.pipeline.words import Scope

LOCAL = Scope("local")


@pytest.mark.parametrize(
    "document",
    [
        Document("d", "x", LOCAL),
        Document("d", "# Fines\n\nx", LOCAL, title="Loans", markup="markdown"),
        Document("d", "x", LOCAL, title="Loans", date=date(2020, 1, 2), source="site", tier="a"),
        Document(
            "d", "x", LOCAL, title="Loans", metadata={"title": "Mine", "date": "then", "n": 1}
        ),
        Document("d", "x", LOCAL, source="site", metadata={"source": "mine", "document": "other"}),
    ],
)
def test_a_passage_has_the_labels_of_its_document(document: Document) -> None:
    (passage,) = passages_of(document, make_chunker("structure"))
    assert labels_of_passage(passage) == labels_of(document)


def test_a_setting_without_words_is_no_filter() -> None:
    assert filter_of("") is None
    assert filter_of(" \n") is None


def test_a_wrong_setting_is_told_by_name_and_raised() -> None:
    (sentence,) = where_problems("year = ")
    assert sentence.startswith("'where': ")
    with pytest.raises(UsageError):
        filter_of("year = ")
