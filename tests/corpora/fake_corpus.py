"""A corpus in memory that looks at every passage: small, complete, and easy to reckon after."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from assay.corpora.analyzer import Analyzer, words
from assay.corpora.chunkers.making import make_chunker
from assay.corpora.corpus import Corpus, IndexReport, Progress, TermStatistics
from assay.corpora.document import Document
from assay.corpora.filters import Compare, Filter, parse
from assay.corpora.passages import SEPARATOR, passages_of
from assay.corpora.rendering import rendered
from assay.corpora.storage.store import DocumentFacts, labels_of
from assay.models.hash_embedder import HashEmbedder, HashEmbedderConfig
from assay.models.protocols import Embedder, Floats, SparseEncoder
from assay.models.word_sparse_encoder import WordSparseEncoder
from assay.pipeline.canonical import digest
from assay.pipeline.codec import to_json
from assay.pipeline.component import Config
from assay.pipeline.context import RunContext
from assay.pipeline.errors import UsageError
from assay.pipeline.words import Hit, Passage, Query, Scope, Score, ScoreKind

K1, B = 1.2, 0.75


class FakeCorpus(Corpus):
    """Passages as they are given, or cut from documents; no duplicates are merged.

    BM25 is tantivy's with exact lengths, over terms of title and text.

    Args:
        passages: in any order.
        documents: added to them, cut by structure.
        embedder: started.
        encoder: started.
        analyzer: makes terms.
        max_words: of a passage that is cut.
    """

    def __init__(
        self,
        passages: Iterable[Passage] = (),
        *,
        documents: Iterable[Document] = (),
        embedder: Embedder | None = None,
        encoder: SparseEncoder | None = None,
        analyzer: Analyzer | None = None,
        max_words: int = 120,
    ) -> None:
        super().__init__(Config())
        self.embedder = embedder or HashEmbedder(HashEmbedderConfig(dimension=64))
        self.encoder = encoder or WordSparseEncoder(Config())
        self.analyzer = analyzer or Analyzer()
        self.chunker = make_chunker("structure", max_words=max_words)
        self._documents: dict[tuple[str, str], Document] = {}
        self._passages: dict[tuple[str, str], Passage] = {}
        self._terms: dict[tuple[str, str], dict[str, list[str]]] = {}
        self._vectors: dict[tuple[str, str], Floats] = {}
        self._weights: dict[tuple[str, str], Mapping[str, float]] = {}
        for passage in sorted(passages, key=lambda one: (one.document_id, one.position)):
            self._add(passage)
        self._put(documents)

    @property
    def abilities(self) -> frozenset[str]:
        return frozenset({"bm25", "dense", "sparse"})

    def fingerprint(self) -> str:
        passages = [to_json(one) for _, one in sorted(self._passages.items())]
        return digest([passages, self.embedder.fingerprint(), self.encoder.fingerprint()])

    # -- writing ------------------------------------------------------------

    def index(
        self,
        documents: Iterable[Document],
        *,
        skipped: Mapping[str, str],
        progress: Progress,
        keep: bool = False,
    ) -> IndexReport:
        given = list(documents)
        wanted = {_key(one) for one in given}
        tenants = {tenant for tenant, _ in wanted}
        before = dict(self._documents)
        gone = [key for key in before if key[0] in tenants and key not in wanted and not keep]
        for key in gone:
            self._drop(key)
        self._put(given)
        progress("write", 1, 1)
        changed = [one.id for one in given if before.get(_key(one), one) != one]
        return IndexReport(
            added=tuple(sorted(one.id for one in given if _key(one) not in before)),
            changed=tuple(sorted(changed)),
            removed=tuple(sorted(name for _, name in gone)),
            unchanged=sum(before.get(_key(one)) == one for one in given),
            skipped=skipped,
            passages=len(self._passages),
        )

    def remove(
        self, tenant: str, document_ids: Iterable[str], *, progress: Progress
    ) -> IndexReport:
        asked = list(dict.fromkeys(document_ids))
        there = [name for name in asked if (tenant, name) in self._documents]
        for name in there:
            self._drop((tenant, name))
        progress("write", 1, 1)
        return IndexReport(
            added=(),
            changed=(),
            removed=tuple(there),
            unchanged=sum(own == tenant for own, _ in self._documents),
            skipped={name: "no such document" for name in asked if name not in there},
            passages=len(self._passages),
        )

    # -- searching ----------------------------------------------------------

    def search_bm25(
        self, query: Query, k: int, *, where: Filter | None = None, field: str = ""
    ) -> Sequence[Hit]:
        own = [one for one in self._passages.values() if one.scope.tenant == query.scope.tenant]
        read = {one.id: Counter(self._terms[_key(one)][field]) for one in own}
        sizes = {name: sum(counts.values()) for name, counts in read.items()}
        mean = sum(sizes.values()) / max(1, len(sizes))
        scores = dict.fromkeys(read, 0.0)
        for term, times in Counter(self.analyzer.terms(query.text)).items():
            having = [name for name, counts in read.items() if counts[term]]
            idf = math.log(1 + (len(own) - len(having) + 0.5) / (len(having) + 0.5))
            for name in having:
                count = read[name][term]
                norm = K1 * (1 - B + B * sizes[name] / mean)
                scores[name] += times * idf * count * (K1 + 1) / (count + norm)
        return self._best(query, k, where, ScoreKind.BM25, lambda one: scores[one.id], above=0.0)

    def search_dense(
        self,
        queries: Sequence[Query],
        k: int,
        contexts: Sequence[RunContext],
        *,
        where: Filter | None = None,
    ) -> list[Sequence[Hit]]:
        vectors = self.embed([one.text for one in queries], contexts)
        return [
            self.search_vector(vector, query, k, where=where)
            for vector, query in zip(vectors, queries, strict=True)
        ]

    def search_vector(
        self, vector: Floats, query: Query, k: int, *, where: Filter | None = None
    ) -> Sequence[Hit]:
        length = float(np.linalg.norm(vector))
        if vector.shape != (self.embedder.dimension,) or not (0 < length < math.inf):
            raise UsageError(
                f"expected a finite vector of shape ({self.embedder.dimension},) and of a length"
                f" above 0, found shape {vector.shape} and length {length}"
            )
        asked = vector / length
        return self._best(query, k, where, ScoreKind.COSINE, lambda one: self._cosine(one, asked))

    def search_sparse(
        self,
        queries: Sequence[Query],
        k: int,
        contexts: Sequence[RunContext],
        *,
        where: Filter | None = None,
    ) -> list[Sequence[Hit]]:
        weights = self.encoder.encode_queries([one.text for one in queries], contexts)
        return [
            self._best(
                query, k, where, ScoreKind.SPARSE, partial(self._product, asked=asked), above=0.0
            )
            for query, asked in zip(queries, weights, strict=True)
        ]

    def embed(self, texts: Sequence[str], contexts: Sequence[RunContext]) -> Floats:
        if not texts:
            return np.zeros((0, self.embedder.dimension), dtype=np.float32)
        return self.embedder.embed_queries(texts, contexts)

    def vectors(self, passages: Sequence[Passage], query: Query) -> Floats:
        self.get([one.id for one in passages], query)
        rows = [self._vectors[_key(one)] for one in passages]
        return np.stack(rows) if rows else np.zeros((0, self.embedder.dimension), dtype=np.float32)

    # -- reading ------------------------------------------------------------

    def terms(self, text: str) -> list[str]:
        return self.analyzer.terms(text)

    def statistics(self, terms: Sequence[str], query: Query) -> TermStatistics:
        own = [set(self._terms[key][""]) for key in self._passages if key[0] == query.scope.tenant]
        return TermStatistics(len(own), {term: sum(term in one for one in own) for term in terms})

    def get(self, ids: Sequence[str], query: Query) -> Sequence[Passage]:
        found = []
        for name in ids:
            passage = self._passages.get((query.scope.tenant, name))
            if passage is None or not passage.scope.admits(query.scope):
                raise UsageError(f"no passage '{name}' in this corpus for this reader")
            found.append(passage)
        return found

    def neighbours(self, passage: Passage, query: Query, distance: int) -> Sequence[Passage]:
        return sorted(
            (
                one
                for one in self._passages.values()
                if one.document_id == passage.document_id
                and one.scope.admits(query.scope)
                and 0 < abs(one.position - passage.position) <= distance
            ),
            key=lambda one: one.position,
        )

    def documents(self, query: Query, *, where: Filter | None = None) -> Sequence[DocumentFacts]:
        found = []
        for number, (key, one) in enumerate(sorted(self._documents.items())):
            wanted = _wanted(query, where)
            labels = labels_of(one)
            if one.scope.admits(query.scope) and all(part.holds(labels) for part in wanted):
                own = [it for it in self._passages.values() if _home(it) == key]
                found.append(DocumentFacts(number, replace(one, text=""), len(one.text), len(own)))
        return found

    def document(self, document_id: str, query: Query) -> Document:
        found = self._documents.get((query.scope.tenant, document_id))
        if found is None or not found.scope.admits(query.scope):
            raise UsageError(f"no document '{document_id}' in this corpus for this reader")
        return found

    def vocabulary(self, query: Query) -> Mapping[str, int]:
        own = [one for key, one in self._passages.items() if key[0] == query.scope.tenant]
        return dict(sorted(Counter(word for one in own for word in words(rendered(one))).items()))

    def holds(self, ids: Iterable[str], tenant: str) -> frozenset[str]:
        return frozenset(name for name in ids if (tenant, name) in self._passages)

    # -- inside -------------------------------------------------------------

    def _best(
        self,
        query: Query,
        k: int,
        where: Filter | None,
        kind: ScoreKind,
        score: Callable[[Passage], float],
        above: float = -math.inf,
    ) -> list[Hit]:
        if k < 1:
            raise UsageError(f"k must be at least 1, found {k}")
        wanted = _wanted(query, where)
        hits = [
            Hit(one, Score(value, kind, "fake"))
            for one in self._passages.values()
            if one.scope.admits(query.scope)
            and all(part.holds(self._labels(one)) for part in wanted)
            and (value := score(one)) > above
        ]
        return sorted(hits, key=lambda hit: (-hit.score.value, hit.passage.id))[:k]

    def _product(self, passage: Passage, asked: Mapping[str, float]) -> float:
        own = self._weights[_key(passage)]
        return math.fsum(weight * own.get(term, 0.0) for term, weight in asked.items())

    def _cosine(self, passage: Passage, asked: Floats) -> float:
        return float(np.clip(np.dot(self._vectors[_key(passage)], asked), -1.0, 1.0))

    def _labels(self, passage: Passage) -> Mapping[str, str | int | float | bool]:
        """Those of its document, as the store sees them, and what the passage itself says."""
        return labels_of(self._documents[_home(passage)]) | dict(passage.metadata)

    def _put(self, documents: Iterable[Document]) -> None:
        for document in documents:
            found = passages_of(document, self.chunker)
            if found:
                self._drop(_key(document))
                for passage in found:
                    self._add(passage)
                self._documents[_key(document)] = document

    def _drop(self, key: tuple[str, str]) -> None:
        self._documents.pop(key, None)
        for inner in [name for name, one in self._passages.items() if _home(one) == key]:
            for held in (self._passages, self._terms, self._vectors, self._weights):
                del held[inner]

    def _add(self, passage: Passage) -> None:
        key = _key(passage)
        if key in self._passages:
            raise UsageError(f"two passages have the id '{passage.id}'")
        title, _, headings = passage.title.partition(SEPARATOR)
        fields = {
            "": rendered(passage),
            "body": passage.text,
            "title": title,
            "headings": headings,
        }
        self._passages[key] = passage
        self._terms[key] = {name: self.analyzer.terms(text) for name, text in fields.items()}
        vector = self.embedder.embed_passages([rendered(passage)], [RunContext()])[0]
        self._vectors[key] = vector / max(float(np.linalg.norm(vector)), 1e-12)
        (self._weights[key],) = self.encoder.encode_passages([rendered(passage)], [RunContext()])
        home = _home(passage)
        before = self._documents.get(home)
        text = passage.text if before is None else f"{before.text}\n\n{passage.text}"
        self._documents[home] = Document(
            passage.document_id,
            text,
            passage.scope,
            title=title,
            date=passage.date,
            metadata=passage.metadata,
        )


def passage(
    name: str,
    text: str,
    *,
    tenant: str = "local",
    roles: tuple[str, ...] = (),
    **more: object,
) -> Passage:
    """A passage whose id ``document#position`` says where it stands; without '#' its own document.

    >>> passage("d#2", "x").position
    2
    """
    document, _, position = name.partition("#")
    place = int(position) if position.isdigit() else 0
    known = {"document_id": document, "position": place, "end": len(text), **more}
    return Passage(id=name, text=text, scope=Scope(tenant, roles), **known)  # type: ignore[arg-type]


def _wanted(query: Query, where: Filter | None) -> list[Filter]:
    parts: list[Filter] = [Compare(key, "=", value) for key, value in query.filters.items()]
    if query.where:
        parts.append(parse(query.where))
    return parts if where is None else [*parts, where]


def _key(one: Passage | Document) -> tuple[str, str]:
    return (one.scope.tenant, one.id)


def _home(passage: Passage) -> tuple[str, str]:
    return (passage.scope.tenant, passage.document_id)
