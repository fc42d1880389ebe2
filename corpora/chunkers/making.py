"""A chunker by its name and settings."""

from __future__ import annotations

from typing import Literal

from assay.corpora.chunkers.by_rows import ByRows
from assay.corpora.chunkers.by_sentences import BySentences
from assay.corpora.chunkers.by_structure import ByStructure
from assay.corpora.chunkers.by_tokens import ByTokens, Offsets
from assay.corpora.chunkers.chunker import Chunker
from assay.corpora.chunkers.spans import Count, count_words, word_offsets
from assay.models.protocols import Embedder

ChunkerName = Literal["structure", "sentences", "tokens", "rows"]

REVISION = 2
"""Raised whenever equal documents and settings are cut otherwise than before, so that a corpus
knows that its passages are old. A test holds it to what is cut."""


def make_chunker(
    name: ChunkerName,
    *,
    max_words: int = 120,
    overlap: int = 0,
    count: Count = count_words,
    offsets: Offsets = word_offsets,
) -> Chunker:
    """A chunker for a corpus.

    Args:
        name: ``structure`` (headings, then blocks), ``sentences`` (across headings), ``tokens``
            (windows of one size) or ``rows`` (each row of a table by itself, else by structure).
        max_words: what a chunk may cost, in what ``count`` and ``offsets`` count.
        overlap: what a chunk repeats of the one before: sentences, with ``tokens`` tokens; with
            ``rows`` as many rows as that, and one more in each chunk.
        count: what a stretch costs: words, or tokens of the model that reads the passages, without
            those that it adds at the ends. The last chunk of a section may cost a fifth more.
        offsets: the same as offsets of tokens; used by ``tokens`` only.

    Raises:
        UsageError: for a setting out of its range.

    >>> make_chunker("sentences", max_words=80).budget
    80
    """
    match name:
        case "structure":
            return ByStructure(max_words, count, overlap=overlap)
        case "sentences":
            return BySentences(max_words, count, overlap=overlap)
        case "tokens":
            return ByTokens(offsets, max_words, overlap=overlap)
        case "rows":
            return ByRows(max_words, count, rows=overlap + 1, overlap=overlap)


def offsets_of(embedder: Embedder | None) -> Offsets | None:
    """Where an embedder's tokens stand in a text; None where it does not tell.

    Args:
        embedder: started; None for none.
    """
    if embedder is None or embedder.token_offsets("") is None:
        return None
    told = embedder.token_offsets
    return lambda text: told(text) or ()
