"""A document's passages: what a chunker cut, with ids, titles and scope."""

from __future__ import annotations

from assay.corpora.chunkers.chunker import Chunker, line_start
from assay.corpora.document import Document
from assay.pipeline.words import Passage

SEPARATOR = " › "
"""Between the parts of a title."""


def passages_of(document: Document, chunker: Chunker) -> list[Passage]:
    """A document's passages, in order.

    A passage is titled by the document's title, the headings it stands under, and the term that
    its beginning goes on about; headings at its head are left out of its text. All other labels
    are the document's own: a page, a sheet or a row is a document by itself
    (``loaders.documents``), and ``citing`` tells the lines of a text.

    Args:
        document: where ``document.whole``, the one passage is the document itself and carries its
            id; else ids are ``<document id>#<position>``.
        chunker: how it is cut.

    Returns:
        Passages with ``document.text[start:end] == text``; none for a text of white space.

    Raises:
        DataError: for an unknown markup.

    >>> from assay.corpora.chunkers.by_structure import ByStructure
    >>> from assay.pipeline.words import Scope
    >>> text = "# Loans\\n\\nThree weeks."
    >>> document = Document("d", text, Scope("t"), "Rules", markup="markdown")
    >>> [(one.id, one.title, one.text) for one in passages_of(document, ByStructure())]
    [('d#0', 'Rules › Loans', 'Three weeks.')]
    """
    passages: list[Passage] = []
    known = {"source": document.source, "tier": document.tier}
    metadata = {key: value for key, value in known.items() if value} | dict(document.metadata)
    for position, chunk in enumerate(chunker.cut(document)):
        start = line_start(document.text, chunk.body)
        passage = Passage(
            id=document.id if document.whole else f"{document.id}#{position}",
            document_id=document.id,
            text=document.text[start : chunk.end],
            scope=document.scope,
            title=titled(document.title, *chunk.heading_path, chunk.term),
            position=position,
            start=start,
            end=chunk.end,
            date=document.date,
            metadata=metadata,
        )
        passages.append(passage)
    return passages


def titled(*parts: str) -> str:
    """A title of parts, empty ones and those that stood before left out.

    >>> titled("House › Rules", "", "Loans", "rules")
    'House › Rules › Loans'
    """
    kept: dict[str, str] = {}
    for part in SEPARATOR.join(parts).split(SEPARATOR):
        if part:
            kept.setdefault(part.casefold(), part)
    return SEPARATOR.join(kept.values())
