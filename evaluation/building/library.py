"""What a tenant's corpus holds, as whoever builds a labelled set reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from assay.corpora.corpus import Corpus
from assay.corpora.document import Document
from assay.corpora.storage.store import DocumentFacts
from assay.pipeline.errors import UsageError
from assay.pipeline.words import Passage, Query, Scope

Told = Callable[[str, int, int], None]
"""Told a stage's name, items done and items in all."""


def _quiet(stage: str, done: int, total: int) -> None:
    """Tells nobody."""


@dataclass(frozen=True, slots=True)
class Library:
    """A tenant's passages and documents.

    Args:
        passages: each once; of passages that say the same, the one that stands for all.
        by_document: document id to its passages in order, those of others that stand for one
            of them included.
        facts: what is known of each document besides its text.
        raw: document id to the document with its text.
    """

    passages: tuple[Passage, ...]
    by_document: Mapping[str, tuple[Passage, ...]]
    facts: tuple[DocumentFacts, ...] = field(repr=False)
    raw: Callable[[str], Document] = field(repr=False)


def read_library(
    corpus: Corpus, tenant: str, *, roles: Sequence[str] = (), tell: Told = _quiet
) -> Library:
    """Everything that a reader may see.

    Args:
        corpus: started.
        tenant: whose.
        roles: of the reader.
        tell: told how many documents were read.

    Raises:
        UsageError: if there is nothing.
    """
    query = Query("", Scope(tenant, tuple(roles)))
    facts = tuple(corpus.documents(query))
    if not facts:
        raise UsageError(
            f"the corpus holds no document of tenant '{tenant}': index some first with"
            " 'assay index PIPELINE --docs FOLDER', or name another --tenant"
        )
    by_document: dict[str, tuple[Passage, ...]] = {}
    for number, one in enumerate(facts, 1):
        name = one.document.id
        ids = [name] if one.document.whole else [f"{name}#{at}" for at in range(one.passages)]
        by_document[name] = tuple(corpus.get(ids, query))
        tell("reading", number, len(facts))
    each = {passage.id: passage for passage in chain.from_iterable(by_document.values())}
    return Library(
        tuple(each.values()), by_document, facts, lambda name: corpus.document(name, query)
    )


def as_documents(passages: Sequence[Passage]) -> tuple[Document, ...]:
    """Passages as the documents of a labelled set, each whole, with where it was cut from."""
    return tuple(
        Document(
            id=one.id,
            text=one.text,
            scope=one.scope,
            title=one.title,
            date=one.date,
            metadata={
                **one.metadata,
                "document": one.document_id,
                "start": one.start,
                "end": one.end,
            },
            whole=True,
        )
        for one in passages
    )


def file_of(passage: Passage) -> str:
    """The file that a passage comes from: questions about one file share fate."""
    return str(passage.metadata.get("file", passage.document_id))
