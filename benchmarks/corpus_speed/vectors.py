"""Vectors of the benchmark's passages without embedding a million texts.

Every sentence of the pool and every question is embedded by the embedded embedder; a passage gets
the mean of its sentences' vectors, brought to length 1. ``MeanEmbedder`` hands these out as an
embedder, so that a corpus is built and searched by its own code.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from assay.corpora.embedding_cache import embed_cached
from assay.models.onnx_embedder import OnnxEmbedder, OnnxEmbedderConfig
from assay.models.protocols import Embedder, Floats
from assay.pipeline.canonical import digest
from assay.pipeline.component import Config
from assay.pipeline.context import RunContext

from .passages import PER_DOCUMENT, SEED, Pool, make

MODEL = "bge-small-en-v1.5-int8"


def embed(texts: Sequence[str], cache: Path, *, questions: bool) -> Floats:
    """Vectors of texts, shape ``(len(texts), dimension)``; computed once and kept in ``cache``.

    Args:
        texts: what to embed.
        cache: folder of the file of vectors.
        questions: whether they are embedded as questions or as passages.
    """
    cache.mkdir(parents=True, exist_ok=True)
    model = OnnxEmbedder(OnnxEmbedderConfig(model=MODEL))
    model.start()
    context = RunContext()
    method = model.embed_queries if questions else model.embed_passages
    begin = told = time.monotonic()
    made: list[Floats] = []
    try:
        for vector in embed_cached(
            cache / "embeddings.sqlite",
            texts,
            embedder=f"{model.fingerprint()}/{'questions' if questions else 'passages'}",
            dimension=model.dimension,
            embed=lambda some: method(some, [context] * len(some)),
        ):
            made.append(vector)
            if time.monotonic() - told > 20:
                told = time.monotonic()
                print(
                    f"embedded {len(made)} of {len(texts)}, {told - begin:.0f} s", file=sys.stderr
                )
    finally:
        model.close()
    return np.stack(made)


def means(sentences: Floats, passages: Sequence[Sequence[int]]) -> Floats:
    """Passages' vectors of length 1, shape ``(len(passages), dimension)``."""
    flat = np.fromiter((one for passage in passages for one in passage), dtype=np.int64)
    starts = np.cumsum([0, *(len(passage) for passage in passages[:-1])])
    sums = np.add.reduceat(sentences[flat], starts, axis=0)
    unit: Floats = sums / np.linalg.norm(sums, axis=1, keepdims=True)
    return unit


def write_vectors(
    path: Path, pool: Pool, sentences: Floats, passages: int, *, seed: int = SEED
) -> None:
    """The vectors of all passages of the main tenant, in order, as a file of numpy's.

    Args:
        path: of the file; made whole or not at all.
        pool: of sentences.
        sentences: their vectors.
        passages: how many; a multiple of ``PER_DOCUMENT``.
        seed: of the passages.
    """
    shape = (passages, sentences.shape[1])
    fresh = path.with_suffix(".new")
    made = np.lib.format.open_memmap(fresh, mode="w+", dtype=np.float32, shape=shape)
    step = 500
    for first in range(0, passages // PER_DOCUMENT, step):
        numbers = range(first, min(first + step, passages // PER_DOCUMENT))
        some = [one for number in numbers for one in make(pool, number, seed=seed).passages]
        made[first * PER_DOCUMENT : first * PER_DOCUMENT + len(some)] = means(sentences, some)
    made.flush()
    del made
    fresh.replace(path)


class MeanEmbedder(Embedder):
    """Gives the vectors of this benchmark's passages and questions; knows no other texts.

    Args:
        folder: with ``sentences.npy``, ``sentences.txt`` (a sentence a line), ``questions.npy`` and
            ``questions.txt``. Sentences are read when the first passage is asked for.
    """

    name = "benchmark.mean_embedder@1"

    def __init__(self, folder: Path) -> None:
        super().__init__(Config())
        self._folder = folder
        self._questions = np.load(folder / "questions.npy", allow_pickle=False)
        self._asked = _numbers(folder / "questions.txt")
        self._sentences: Floats | None = None
        self._known: dict[str, int] = {}
        self.seconds = 0.0
        """Spent in ``embed_passages``."""

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return int(self._questions.shape[1])

    def fingerprint(self) -> str:
        """Over the names of model and method: the texts' own vectors never change."""
        return digest([self.name, MODEL])

    def embed_queries(self, texts: Sequence[str], contexts: Sequence[RunContext]) -> Floats:
        """See ``Embedder.embed_queries``; for this benchmark's questions only."""
        found: Floats = self._questions[[self._asked[text] for text in texts]]
        return found

    def embed_passages(self, texts: Sequence[str], contexts: Sequence[RunContext]) -> Floats:
        """See ``Embedder.embed_passages``; for passages of the pool's sentences only."""
        begin = time.perf_counter()
        if self._sentences is None:
            self._sentences = np.load(self._folder / "sentences.npy", allow_pickle=False)
            self._known = _numbers(self._folder / "sentences.txt")
        # The first line is the title.
        passages = [[self._known[line] for line in text.split("\n")[1:]] for text in texts]
        found = means(self._sentences, passages)
        self.seconds += time.perf_counter() - begin
        return found


def _numbers(path: Path) -> dict[str, int]:
    lines = path.read_text(encoding="utf-8").split("\n")
    return {line: number for number, line in enumerate(lines)}
