"""The seven sets of the selectors' figures: what is asked, in what, and what is needed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from assay.corpora.dataset import Dataset, LabelledQuery, load
from assay.corpora.document import Document
from assay.evaluation.spans import inside_passages
from assay.pipeline.sentences import sentences
from assay.pipeline.words import Scalar

SAMPLE = "select-0"
"""Seed: put before a cluster's name, hashed, to draw whole clusters."""


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """A set and how it is asked.

    Args:
        name: its folder below the data root.
        scope: metadata field by which ``meta.scope`` limits a question; '' for the whole corpus.
        document: metadata field that names the document of a passage; '' where every passage is a
            document of its own. Its passages stand in the order of the file.
        limit: most questions, whole clusters by a hash of their names.
    """

    name: str
    scope: str = ""
    document: str = ""
    limit: int = 400


SETS = (
    LabelledSet("ramdocs_dev", scope="qid"),
    LabelledSet("tatqa_dev", scope="context"),
    LabelledSet("clapnq_dev", scope="paragraph", document="paragraph"),
    LabelledSet("hotpotqa100"),
    LabelledSet("musique100"),
    LabelledSet("contractnli_dev", scope="contract", document="contract", limit=408),
    LabelledSet("chunkeval", scope="corpus", document="corpus", limit=472),
)
"""In the order in which they are scored: the cheap ones first."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A set that is ready to be asked.

    Args:
        data: its passages; its questions are those that were drawn, with spans inside passages.
        clusters: question id to the document or pool that it is about, its own id without one.
        places: passage id to its document and its 0-based place there.
    """

    data: Dataset
    clusters: Mapping[str, str]
    places: Mapping[str, tuple[str, int]]


def prepare(one: LabelledSet, root: Path, *, limit: int | None = None) -> Prepared:
    """Read a set, cut what has to be cut, and draw its questions.

    Args:
        one: which.
        root: folder of the sets.
        limit: instead of its own.
    """
    data = load(root / one.name)
    data = _by_sentence(data) if one.scope == "paragraph" else inside_passages(data)[0]
    clusters = {query.id: _cluster(query) for query in data.queries}
    kept = _drawn(data.queries, clusters, one.limit if limit is None else limit)
    places: dict[str, tuple[str, int]] = {}
    sizes: dict[str, int] = {}
    for document in data.documents:
        name = str(document.metadata[one.document]) if one.document else document.id
        places[document.id] = (name, sizes.get(name, 0))
        sizes[name] = sizes.get(name, 0) + 1
    data = replace(data, queries=kept)
    return Prepared(data, {query.id: clusters[query.id] for query in kept}, places)


def _cluster(query: LabelledQuery) -> str:
    scope = query.meta.get("scope")
    return query.id if scope is None else str(scope["value"])


def _drawn(
    queries: Sequence[LabelledQuery], clusters: Mapping[str, str], limit: int
) -> tuple[LabelledQuery, ...]:
    """Whole clusters in the order of a hash, as long as no more than ``limit`` questions."""
    order = sorted(set(clusters.values()), key=lambda name: _hash(SAMPLE, name))
    members: dict[str, list[str]] = {name: [] for name in order}
    for query in queries:
        members[clusters[query.id]].append(query.id)
    kept: set[str] = set()
    for name in order:
        if len(kept) + len(members[name]) > limit:
            break
        kept.update(members[name])
    return tuple(query for query in queries if query.id in kept)


def _hash(*parts: str) -> str:
    return hashlib.sha256("|".join(parts).encode()).hexdigest()


def _by_sentence(data: Dataset) -> Dataset:
    """The paragraphs that were asked about, a sentence a passage.

    A question is about its paragraph (``meta.paragraph``) and searches its sentences. Needed are
    the sentences that share a character with an annotated span; a question that the paragraph does
    not answer needs none.
    """
    asked = {str(query.meta["paragraph"]) for query in data.queries}
    documents: list[Document] = []
    inside: dict[str, list[tuple[int, int, str]]] = {}
    for document in data.documents:
        if document.id not in asked:
            continue
        for place, piece in enumerate(sentences(document.text)):
            name = f"{document.id}#{place}"
            metadata: dict[str, Scalar] = {"paragraph": document.id}
            metadata |= {"start": piece.start, "end": piece.end}
            documents.append(replace(document, id=name, text=piece.text, metadata=metadata))
            inside.setdefault(document.id, []).append((piece.start, piece.end, name))
    queries, qrels = [], {}
    for query in data.queries:
        paragraph = str(query.meta["paragraph"])
        scope = {"field": "paragraph", "value": paragraph}
        queries.append(replace(query, meta={**query.meta, "scope": scope}))
        qrels[query.id] = {
            name: 1
            for start, end, name in inside[paragraph]
            for span in data.spans.get(query.id, ())
            if span.document_id == paragraph and max(start, span.start) < min(end, span.end)
        }
    return replace(data, documents=tuple(documents), queries=tuple(queries), qrels=qrels, spans={})
