"""BM25 over index terms, by bm25s; plain arrays and JSON on disk."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import bm25s
import numpy as np
from numpy.typing import NDArray


class LexicalIndex:
    """BM25 scores of every passage at once.

    The variant is Lucene's (Kamphuis et al. 2020, "Which BM25 do you mean?",
    table 1): ``idf = ln(1 + (N - df + 0.5) / (df + 0.5))`` and the term part
    ``tf / (tf + k1 * (1 - b + b * length / mean length))``. A term that a query
    holds twice counts twice.

    Args:
        engine: the bm25s index, None where no passage holds any term.
        size: number of passages.
    """

    def __init__(self, engine: bm25s.BM25 | None, size: int) -> None:
        self._engine = engine
        self._size = size

    @classmethod
    def build(cls, terms: Sequence[Sequence[str]], *, k1: float, b: float) -> Self:
        """Index passages, given as their terms."""
        if not any(terms):
            return cls(None, len(terms))
        engine = bm25s.BM25(k1=k1, b=b, method="lucene", backend="numpy")
        engine.index([list(item) for item in terms], show_progress=False)
        return cls(engine, len(terms))

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Load what ``write`` wrote."""
        size = json.loads((folder / "size.json").read_text(encoding="utf-8"))
        if not (folder / "params.index.json").exists():
            return cls(None, size)
        return cls(bm25s.BM25.load(folder, load_corpus=False), size)

    def write(self, folder: Path) -> None:
        """Write arrays (.npy, never pickled) and JSON into a folder, made where missing."""
        folder.mkdir(parents=True, exist_ok=True)
        if self._engine is not None:
            self._engine.save(folder, show_progress=False)
        (folder / "size.json").write_text(json.dumps(self._size), encoding="utf-8")

    def scores(self, terms: Sequence[str]) -> NDArray[np.float32]:
        """Scores of all passages for a query's terms, shape ``(n_passages,)``, from 0 up."""
        known = (
            []
            if self._engine is None
            else [term for term in terms if term and term in self._engine.vocab_dict]
        )
        if self._engine is None or not known:
            return np.zeros(self._size, dtype=np.float32)
        return np.asarray(self._engine.get_scores(known), dtype=np.float32)
