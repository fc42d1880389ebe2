"""The kinds of indexes of a corpus on this machine, and what each is told of a passage."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path

from assay.corpora.analyzer import Analyzer
from assay.corpora.embedding_cache import embed_cached
from assay.corpora.indexes.index import Index, Terms, Weights
from assay.corpora.indexes.lexical import Words
from assay.corpora.indexing import Kind
from assay.corpora.local_config import LocalCorpusConfig
from assay.corpora.passages import SEPARATOR
from assay.corpora.rendering import readable, rendered
from assay.models.protocols import Embedder, Floats, SparseEncoder
from assay.pipeline.context import RunContext
from assay.pipeline.words import Passage, ScoreKind

BM25, DENSE, SPARSE = "bm25", "dense", "sparse"

SCORES = {BM25: ScoreKind.BM25, DENSE: ScoreKind.COSINE, SPARSE: ScoreKind.SPARSE}
"""What the scores of each kind are."""

ALWAYS_KEPT = "title"
"""A field that is searched to find documents, whatever else is."""

ENCODED_AT_ONCE = 64


def bm25_kind(config: LocalCorpusConfig, analyzer: Analyzer) -> Kind[Terms, Words]:
    """Words, by field."""
    fields = tuple(sorted({*config.fields, ALWAYS_KEPT}))

    def items(passages: Iterable[tuple[int, Passage]]) -> Iterator[tuple[int, Terms]]:
        for row, passage in passages:
            texts = _fields(passage)
            yield row, {name: analyzer.terms(texts[name]) for name in fields}

    return Kind(BM25, _lexical(config, fields), items, analyzer.settings(), "index words")


def dense_kind(config: LocalCorpusConfig, embedder: Embedder, folder: Path) -> Kind[Floats, Floats]:
    """Vectors; those that were paid for once are kept in ``folder``."""
    from assay.corpora.indexes.faiss_vectors import FaissVectors

    def items(passages: Iterable[tuple[int, Passage]]) -> Iterator[tuple[int, Floats]]:
        rows, texts = itertools.tee(passages)
        context = RunContext()
        vectors = embed_cached(
            folder / "embeddings.sqlite",
            (rendered(passage) for _, passage in texts),
            embedder=embedder.fingerprint(),
            dimension=embedder.dimension,
            embed=lambda some: embedder.embed_passages(some, [context] * len(some)),
        )
        for (row, _), vector in zip(rows, vectors, strict=True):
            yield row, vector

    index = FaissVectors(kind=config.dense, quantise=config.quantise, device=config.device)
    return Kind(DENSE, index, items, embedder.fingerprint(), "embed")


def sparse_kind(encoder: SparseEncoder) -> Kind[Weights, Weights]:
    """Learned weights by term."""
    from assay.corpora.indexes.sparse_weights import SparseWeights

    def items(passages: Iterable[tuple[int, Passage]]) -> Iterator[tuple[int, Weights]]:
        waiting = iter(passages)
        context = RunContext()
        while some := list(itertools.islice(waiting, ENCODED_AT_ONCE)):
            texts = [rendered(passage) for _, passage in some]
            weights = encoder.encode_passages(texts, [context] * len(texts))
            yield from ((row, one) for (row, _), one in zip(some, weights, strict=True))

    return Kind(SPARSE, SparseWeights(), items, encoder.fingerprint(), "encode")


def _lexical(config: LocalCorpusConfig, fields: tuple[str, ...]) -> Index[Terms, Words]:
    match config.lexical:
        case "numpy":
            from assay.corpora.indexes.numpy_bm25 import NumpyBm25

            return NumpyBm25(fields=fields, k1=config.k1, b=config.b)
        case "tantivy":
            from assay.corpora.indexes.tantivy_bm25 import TantivyBm25

            return TantivyBm25(fields=fields)
        case "bm25s":
            from assay.corpora.indexes.bm25s_bm25 import Bm25sBm25

            return Bm25sBm25(fields=fields, k1=config.k1, b=config.b)
        case "rank_bm25":
            from assay.corpora.indexes.rank_bm25_bm25 import RankBm25Bm25

            return RankBm25Bm25(fields=fields, k1=config.k1, b=config.b)


def _fields(passage: Passage) -> dict[str, str]:
    title, _, headings = passage.title.partition(SEPARATOR)
    return {
        "all": rendered(passage),
        "body": readable(passage.text),
        "title": readable(title),
        "headings": readable(headings),
    }
