"""``corpora.local@1``: a corpus in one folder of this machine.

Documents and passages lie in SQLite (``storage``), and each tenant has indexes of its own: BM25,
vectors where there is an embedder, learned sparse weights where there is a sparse encoder. A search
opens the indexes of the asker's tenant and of no other; roles and filters become the rows that it
may choose from. ``indexing`` has the index run, ``opened`` a generation that is searched.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from assay.corpora.analyzer import Analyzer
from assay.corpora.chunkers.by_tokens import Offsets
from assay.corpora.chunkers.making import REVISION, make_chunker, offsets_of
from assay.corpora.chunkers.spans import word_offsets
from assay.corpora.corpus import Corpus, IndexReport, Progress, TermStatistics
from assay.corpora.document import Document
from assay.corpora.filters import Filter
from assay.corpora.fusion import reciprocal_rank_fusion
from assay.corpora.indexes.index import Searcher
from assay.corpora.indexes.lexical import LexicalSearcher, Words
from assay.corpora.indexing import IndexRun
from assay.corpora.kinds import BM25, DENSE, SCORES, SPARSE, bm25_kind, dense_kind, sparse_kind
from assay.corpora.local_config import LocalCorpusConfig
from assay.corpora.opened import Opened
from assay.corpora.passages import passages_of
from assay.corpora.storage.sqlite_store import SqliteStore
from assay.corpora.storage.store import DocumentFacts
from assay.corpora.visible import wanted
from assay.models.protocols import Embedder, Floats, SparseEncoder
from assay.pipeline.canonical import canonical_json
from assay.pipeline.component import register
from assay.pipeline.context import RunContext
from assay.pipeline.errors import CorpusError, ScopeError, UsageError
from assay.pipeline.words import Hit, Passage, Query, Ranking, Scalar, Score

RRF_K = 60
"""Damping where several fields are searched and fused by rank."""


@register("corpora.local@1")
class LocalCorpus(Corpus):
    """Documents, passages and indexes in a folder; one index run at a time, many readers.

    Args:
        config: see ``LocalCorpusConfig``.
        embedder: makes vectors; None for a corpus that is not searched by meaning.
        sparse_encoder: makes learned sparse weights; None for a corpus without them.
    """

    Config = LocalCorpusConfig

    def __init__(
        self,
        config: LocalCorpusConfig,
        *,
        embedder: Embedder | None = None,
        sparse_encoder: SparseEncoder | None = None,
    ) -> None:
        super().__init__(config)
        self._embedder = embedder
        self._encoder = sparse_encoder
        self._folder = Path(config.path)
        self._store = SqliteStore(self._folder)
        self._analyzer = Analyzer(
            stop_words=config.stop_words, stemmer=config.stemmer, cjk=config.cjk
        )
        self._open: Opened | None = None

    @property
    def abilities(self) -> frozenset[str]:
        """The ways in which it can be searched."""
        models = {DENSE: self._embedder, SPARSE: self._encoder}
        return frozenset({BM25, *(kind for kind, model in models.items() if model is not None)})

    def prepare(self, base: Path) -> tuple[str, ...]:
        """See ``Component.prepare``: an embedder whose vectors are not compared by cosine."""
        return self._unsuited()

    def start(self) -> None:
        """Open the newest generation.

        Raises:
            UsageError: if the embedder's vectors are not compared by cosine.
            CorpusError: if it is missing, damaged, or was made with other settings.
        """
        for sentence in self._unsuited():
            raise UsageError(f"{self.name}: {sentence}")
        snapshot = self._store.snapshot()
        try:
            if not snapshot.generation:
                raise CorpusError(
                    f"no index in '{self._folder}': make one with 'assay index PIPELINE --docs"
                    " PATH'"
                )
            for name, said in self._settings().items():
                if snapshot.settings.get(name) != said:
                    raise CorpusError(
                        f"the index in '{self._folder}' was made with"
                        f" {name}={snapshot.settings.get(name)!r}, the pipeline says {said!r}:"
                        " index again with 'assay index PIPELINE --docs PATH'"
                    )
            opened = Opened(self._folder, snapshot, self._kinds())
        except BaseException:
            snapshot.close()
            raise
        self.close()
        self._open = opened

    @property
    def indexed(self) -> bool:
        """Whether there is an index to start from; it may still be damaged."""
        return self._store.exists

    @property
    def generation(self) -> int:
        """Number of the generation that is searched."""
        return self._opened().snapshot.generation

    def close(self) -> None:
        """Let the generation go."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def fingerprint(self) -> str:
        """sha256 over passages (Merkle root), settings, embedder and indexes; not the path."""
        return self._opened().fingerprint

    def every_passage(self) -> Iterator[Passage]:
        """All passages, of every scope: for building labelled sets, not for answers."""
        return self._opened().every_passage()

    # -- writing --------------------------------------------------------------

    def index(
        self,
        documents: Iterable[Document],
        *,
        skipped: Mapping[str, str],
        progress: Progress,
        keep: bool = False,
    ) -> IndexReport:
        """See ``Corpus.index``. Models must be started, the corpus need not be.

        Raises:
            UsageError: if no document has any text, or the embedder's vectors are not compared
                by cosine.
            DataError: if two documents, or two passages, have one id.
            CorpusError: if another run is writing, or the disk refuses.
        """
        for sentence in self._unsuited():
            raise UsageError(f"{self.name}: {sentence}")
        report = self._run().index(documents, skipped=skipped, progress=progress, keep=keep)
        if self._open is not None:
            self.start()
        return report

    def remove(
        self, tenant: str, document_ids: Iterable[str], *, progress: Progress
    ) -> IndexReport:
        """See ``Corpus.remove``."""
        report = self._run().remove(tenant, document_ids, progress)
        if self._open is not None:
            self.start()
        return report

    # -- searching ------------------------------------------------------------

    def search_bm25(
        self, query: Query, k: int, *, where: Filter | None = None, field: str = ""
    ) -> Sequence[Hit]:
        """See ``Corpus.search_bm25``; with several fields scores are of kind ``rrf``.

        Raises:
            UsageError: for a field that is not kept.
        """
        fields = [field] if field else list(self.config.fields)
        terms = tuple(self._analyzer.terms(query.text))
        searcher = self._searcher(query, BM25)
        found = {
            name: self._hits(searcher, Words(terms, name), query, k, where, BM25) for name in fields
        }
        if len(fields) == 1:
            return found[fields[0]]
        return reciprocal_rank_fusion(
            query,
            {name: Ranking(query, tuple(hits), self.name) for name, hits in found.items()},
            k=RRF_K,
            source=self.name,
            weights=self.config.fields,
            limit=k,
        ).hits

    def search_dense(
        self,
        queries: Sequence[Query],
        k: int,
        contexts: Sequence[RunContext],
        *,
        where: Filter | None = None,
    ) -> list[Sequence[Hit]]:
        """See ``Corpus.search_dense``.

        Raises:
            UsageError: if the corpus has no embedder.
        """
        vectors = self.embed([query.text for query in queries], contexts)
        return [
            self._hits(self._searcher(query, DENSE), vector, query, k, where, DENSE)
            for query, vector in zip(queries, vectors, strict=True)
        ]

    def search_vector(
        self, vector: Floats, query: Query, k: int, *, where: Filter | None = None
    ) -> Sequence[Hit]:
        """See ``Corpus.search_vector``.

        Raises:
            UsageError: if the corpus has no embedder, or for a vector of another length or of
                zeros.
        """
        embedder = self._embeds()
        length = float(np.linalg.norm(vector))
        if vector.shape != (embedder.dimension,) or not np.isfinite(length) or not length:
            raise UsageError(
                f"expected a vector of {embedder.dimension} finite numbers that are not all 0,"
                f" found shape {vector.shape} of length {length:.3g}"
            )
        unit = np.asarray(vector / length, dtype=np.float32)
        return self._hits(self._searcher(query, DENSE), unit, query, k, where, DENSE)

    def search_sparse(
        self,
        queries: Sequence[Query],
        k: int,
        contexts: Sequence[RunContext],
        *,
        where: Filter | None = None,
    ) -> list[Sequence[Hit]]:
        """See ``Corpus.search_sparse``.

        Raises:
            UsageError: if the corpus has no sparse encoder.
        """
        if self._encoder is None:
            raise UsageError(
                "this corpus has no sparse encoder: name one under its 'resources' as"
                " 'sparse_encoder' and index again, or use retrieve.bm25"
            )
        weights = self._encoder.encode_queries([query.text for query in queries], contexts)
        return [
            self._hits(self._searcher(query, SPARSE), one, query, k, where, SPARSE)
            for query, one in zip(queries, weights, strict=True)
        ]

    def embed(self, texts: Sequence[str], contexts: Sequence[RunContext]) -> Floats:
        """See ``Corpus.embed``."""
        return self._embeds().embed_queries(texts, contexts)

    def vectors(self, passages: Sequence[Passage], query: Query) -> Floats:
        """See ``Corpus.vectors``."""
        from assay.corpora.indexes.dense import DenseSearcher

        embedder = self._embeds()
        searcher = self._searcher(query, DENSE)
        if not passages or not isinstance(searcher, DenseSearcher):
            return np.zeros((0, embedder.dimension), dtype=np.float32)
        self.get([one.id for one in passages], query)  # refuses what the reader may not read
        return searcher.vectors(np.array(self._rows([one.id for one in passages], query)))

    # -- reading --------------------------------------------------------------

    def terms(self, text: str) -> list[str]:
        """See ``Corpus.terms``."""
        return self._analyzer.terms(text)

    def statistics(self, terms: Sequence[str], query: Query) -> TermStatistics:
        """See ``Corpus.statistics``; of the first of the corpus's fields."""
        searcher = self._searcher(query, BM25)
        if not isinstance(searcher, LexicalSearcher):
            return TermStatistics(0, dict.fromkeys(terms, 0))
        return searcher.statistics(terms, field=next(iter(self.config.fields)))

    def get(self, ids: Sequence[str], query: Query) -> Sequence[Passage]:
        """See ``Corpus.get``."""
        snapshot = self._opened().snapshot
        try:
            return snapshot.passages(self._rows(ids, query), query.scope)
        except ScopeError as error:
            raise UsageError(_not_there("', '".join(ids))) from error

    def neighbours(self, passage: Passage, query: Query, distance: int) -> Sequence[Passage]:
        """See ``Corpus.neighbours``.

        Where a neighbour's text was indexed under another document that holds the same text,
        that passage is given.
        """
        snapshot = self._opened().snapshot
        first, last = passage.position - distance, passage.position + distance
        rows = snapshot.near(query.scope.tenant, passage.document_id, first, last)
        found = snapshot.passages(rows, query.scope)
        return [one for one in found if one.id != passage.id]

    def documents(self, query: Query, *, where: Filter | None = None) -> Sequence[DocumentFacts]:
        """See ``Corpus.documents``."""
        opened = self._opened()
        numbers = set(opened.visible.numbers(query.scope, wanted(query, where)).tolist())
        found = opened.documents(query.scope.tenant)
        return [one for one in found if one.number in numbers]

    def document(self, document_id: str, query: Query) -> Document:
        """See ``Corpus.document``."""
        found = self._opened().snapshot.document(query.scope.tenant, document_id)
        if found is None or not found.scope.admits(query.scope):
            raise UsageError(f"no document '{document_id}' in this corpus for this reader")
        return found

    def vocabulary(self, query: Query) -> Mapping[str, int]:
        """See ``Corpus.vocabulary``."""
        return self._opened().vocabulary(query.scope.tenant)

    def holds(self, ids: Iterable[str], tenant: str) -> frozenset[str]:
        """See ``Corpus.holds``."""
        names = list(ids)
        rows = self._opened().snapshot.find(tenant, names)
        return frozenset(name for name, row in zip(names, rows, strict=True) if row is not None)

    # -- inside ---------------------------------------------------------------

    def _hits(
        self,
        searcher: Searcher[Any] | None,
        asked: object,
        query: Query,
        k: int,
        where: Filter | None,
        kind: str,
    ) -> Sequence[Hit]:
        """The best k of an index that the query may see."""
        if k < 1:
            raise UsageError(f"k must be at least 1, found {k}")
        opened = self._opened()
        view = opened.visible.view(query.scope, wanted(query, where))
        if searcher is None or (view.rows is not None and not len(view.rows)):
            return []
        found = searcher.search(asked, k, allowed=view.rows)
        rows = [view.shown.get(row, row) for row in found.rows.tolist()]
        passages = opened.snapshot.passages(rows, query.scope)
        hits = [
            Hit(passage, Score(score, SCORES[kind], self.name))
            for passage, score in zip(passages, found.scores.tolist(), strict=True)
        ]
        return sorted(hits, key=lambda hit: (-hit.score.value, hit.passage.id))[:k]

    def _searcher(self, query: Query, kind: str) -> Searcher[Any] | None:
        return self._opened().searcher(query.scope.tenant, kind)

    def _rows(self, ids: Sequence[str], query: Query) -> list[int]:
        rows = self._opened().snapshot.find(query.scope.tenant, ids)
        for name, row in zip(ids, rows, strict=True):
            if row is None:
                raise UsageError(_not_there(name))
        return [row for row in rows if row is not None]

    def _opened(self) -> Opened:
        if self._open is None:
            raise CorpusError(f"the corpus in '{self._folder}' is not loaded: call start() first")
        return self._open

    def _embeds(self) -> Embedder:
        if self._embedder is None:
            raise UsageError(
                "this corpus has no embedder, so it cannot be searched by meaning: name one "
                "under its 'resources' as 'embedder' and index again, or use retrieve.bm25"
            )
        return self._embedder

    def _run(self) -> IndexRun:
        config = self.config
        tokens = self._tokens()
        chunker = make_chunker(
            config.chunker,
            max_words=config.max_words,
            overlap=config.overlap,
            offsets=tokens or word_offsets,
        )
        cut_with = [config.chunker, config.max_words, config.overlap, REVISION]
        if tokens is not None and self._embedder is not None:
            cut_with.append(self._embedder.fingerprint())
        return IndexRun(
            self._folder,
            self._store,
            self._kinds(),
            cut=lambda document: passages_of(document, chunker),
            cut_with=cut_with,
            settings=self._settings(),
        )

    def _tokens(self) -> Offsets | None:
        """The embedder's tokens where passages are cut by them; None for words."""
        return offsets_of(self._embedder) if self.config.chunker == "tokens" else None

    def _unsuited(self) -> tuple[str, ...]:
        """What is wrong with the embedder, in a sentence."""
        if self._embedder is None or self._embedder.similarity == "cosine":
            return ()
        return (
            f"passages are ranked by cosine, but the vectors of {self._embedder.name} are compared"
            f" by {self._embedder.similarity} product: write 'normalise: true' for it",
        )

    def _settings(self) -> dict[str, Scalar | None]:
        """What an index is made with; another setting asks for another index run."""
        without = {"path", "device"}
        said: dict[str, Scalar | None] = self.config.model_dump(mode="json", exclude=without)
        said["fields"] = canonical_json(dict(self.config.fields)).decode()
        for name, model in (("embedder", self._embedder), ("sparse_encoder", self._encoder)):
            said[name] = None if model is None else model.fingerprint()
        if self.config.chunker == "tokens":
            said["counted"] = "words" if self._tokens() is None else "tokens of the embedder"
        return said

    def _kinds(self) -> list[Any]:
        found: list[Any] = [bm25_kind(self.config, self._analyzer)]
        if self._embedder is not None:
            found.append(dense_kind(self.config, self._embedder, self._folder))
        if self._encoder is not None:
            found.append(sparse_kind(self._encoder))
        return found


def _not_there(name: str) -> str:
    return f"no passage '{name}' in this corpus for this reader"
