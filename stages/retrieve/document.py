"""Retrieve with a whole document as the query."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from assay.corpora.chunkers.making import make_chunker
from assay.corpora.corpus import Corpus
from assay.corpora.document import Document
from assay.corpora.filters import Compare, Filter, Not, iso_day
from assay.corpora.fusion import reciprocal_rank_fusion
from assay.corpora.passages import passages_of
from assay.corpora.rendering import rendered
from assay.corpora.where import DESCRIPTION, filter_of, where_problems
from assay.pipeline.component import Config, Node, register
from assay.pipeline.context import RunContext
from assay.pipeline.words import Query, Ranking
from assay.stages.retrieve.parts import PartName, parts_of, rankings_of, repeated
from assay.stages.retrieve.wordings import RRF_K, check_where


class DocumentConfig(Config):
    """Settings of ``retrieve.document@1``."""

    given: Literal["text", "document", "passage"] = Field(
        "text",
        description="what the query's text is: the document itself, or the id of a document or"
        " passage of the corpus",
    )
    markup: Literal["plain", "markdown", "underlined"] = Field(
        "plain", description="how headings of a given text are written"
    )
    parts: list[PartName] = Field(
        ["bm25", "dense"], min_length=1, max_length=3, description="searches made for each section"
    )
    k: int = Field(50, ge=1, le=10_000, description="most passages retrieved")
    depth: int = Field(
        20, ge=1, le=1000, description="most passages that each search of a section gives"
    )
    max_words: int = Field(
        120, ge=20, le=2000, description="most words of a section; a tail may exceed it"
    )
    max_sections: int = Field(
        32, ge=1, le=1000, description="most sections searched; of more, evenly spread ones"
    )
    leave_out: bool = Field(
        True, description="leave passages of the document that is asked with out of the result"
    )
    where: str = Field("", description=DESCRIPTION)

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        for name in repeated(self.parts):
            raise ValueError(f"'parts' has '{name}' more than once")
        return self


@dataclass(frozen=True, slots=True)
class _Asked:
    """What one query asks with.

    Args:
        sections: queries, one a section.
        own: id of the document to leave out; '' for none.
    """

    sections: tuple[Query, ...]
    own: str


@register("retrieve.document@1")
class DocumentQuery(Node):
    """Passages like a document: its sections are searched one by one and their ranks fused.

    The text is cut along its headings and paragraphs, by the same rules as documents that are
    indexed, and each section is searched by words and by meaning. All rankings are merged by
    reciprocal rank fusion (k = 60), so what answers several sections comes first. A text that fits
    one section is one query.

    Nothing is cut off: a section over the embedder's length is windowed by it, and of more than
    ``max_sections`` sections the run record says how many were left out (``sections_left_out``,
    beside ``sections``).

    Of a document or passage that the corpus holds, ``leave_out`` takes the document's own passages
    out before the best are taken. A given text has no id; name what shall not come back in the
    query's ``where`` (``document != 'contract.pdf'``).

    Cost: for ``dense`` and for ``sparse`` one model call a section, those of all queries of a batch
    in one round; ``bm25`` asks no model.

    Args:
        config: see ``DocumentConfig``.
        corpus: what is searched.
    """

    Config = DocumentConfig
    gives = ("rrf",)

    def __init__(self, config: DocumentConfig, *, corpus: Corpus) -> None:
        super().__init__(config)
        self._corpus = corpus

    @property
    def needs(self) -> Mapping[str, tuple[str, ...]]:  # type: ignore[override]
        """What its parts search."""
        return {"corpus": tuple(self.config.parts)}

    def prepare(self, base: Path) -> Iterable[str]:
        """What is wrong with ``where``."""
        return where_problems(self.config.where)

    def run(self, query: Query, context: RunContext) -> Ranking:
        """Search; the ranking's query is the one that came in, whatever its length."""
        return self.run_batch([{"query": query}], [context])[0]

    def run_batch(
        self, items: Sequence[Mapping[str, Any]], contexts: Sequence[RunContext]
    ) -> list[Ranking]:
        """Search for several documents, embedded in one call; see ``run``.

        Raises:
            UsageError: if the query's text is an id and nothing of this id may be read, or the
                query's own filter cannot be read.
        """
        config = self.config
        asked = [
            self._asked(item["query"], context)
            for item, context in zip(items, contexts, strict=True)
        ]
        found = rankings_of(
            parts_of(config.parts, self._corpus, k=config.depth, where=config.where),
            [{"query": section} for one in asked for section in one.sections],
            [context for one, context in zip(asked, contexts, strict=True) for _ in one.sections],
        )
        waiting = iter(found)
        return [
            self._fused(item["query"], [next(waiting) for _ in one.sections], one.own)
            for item, one in zip(items, asked, strict=True)
        ]

    def _fused(self, query: Query, sections: Sequence[Mapping[str, Ranking]], own: str) -> Ranking:
        rankings = {
            f"{number:04d} {name}": replace(
                ranking,
                hits=tuple(hit for hit in ranking.hits if hit.passage.document_id != own),
            )
            for number, section in enumerate(sections)
            for name, ranking in section.items()
        }
        return reciprocal_rank_fusion(
            query, rankings, k=RRF_K, source=self.name, limit=self.config.k
        )

    def _asked(self, query: Query, context: RunContext) -> _Asked:
        context.check()
        check_where(query)
        document = self._document(query)
        own = document.id if self.config.leave_out and self.config.given != "text" else ""
        chunker = make_chunker("structure", max_words=self.config.max_words)
        found = passages_of(document, chunker)
        chosen = _spread(len(found), self.config.max_sections)
        context.note(sections=len(chosen), sections_left_out=len(found) - len(chosen))
        where = _without(query.where, own)
        return _Asked(
            tuple(replace(query, text=rendered(found[one]), where=where) for one in chosen), own
        )

    def _document(self, query: Query) -> Document:
        """What is asked with."""
        match self.config.given:
            case "document":
                return replace(self._corpus.document(query.text.strip(), query), whole=False)
            case "passage":
                passage = self._corpus.get([query.text.strip()], query)[0]
                return Document(
                    passage.document_id, passage.text, passage.scope, title=passage.title
                )
            case _:
                return Document("query", query.text, query.scope, markup=self.config.markup)


def _spread(size: int, most: int) -> list[int]:
    """Numbers below ``size``: all, or so many of them, evenly spread from the first to the last.

    >>> _spread(3, 5), _spread(9, 3), _spread(9, 1)
    ([0, 1, 2], [0, 4, 8], [0])
    """
    if size <= most:
        return list(range(size))
    return [place * (size - 1) // max(1, most - 1) for place in range(most)]


def _without(where: str, document_id: str) -> str:
    """A query's filter and that the passage is not of a document.

    An id that reads as a date would be compared as one, and so leave out more; then the hits are
    looked at afterwards alone.
    """
    if not document_id or iso_day(document_id) is not None:
        return where
    other: Filter = Not(Compare("document", "=", document_id))
    before = filter_of(where)
    return other.to_text() if before is None else f"({before.to_text()}) and {other.to_text()}"
