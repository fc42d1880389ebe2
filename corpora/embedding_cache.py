"""Embeddings that were paid for once, kept in a SQLite file."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from assay.models.protocols import Floats
from assay.pipeline.errors import CorpusError

BATCH = 64

_SCHEMA = """
CREATE TABLE IF NOT EXISTS embeddings (
    embedder TEXT NOT NULL, text TEXT NOT NULL, vector BLOB NOT NULL,
    PRIMARY KEY (embedder, text)
) WITHOUT ROWID
"""


def embed_cached(
    path: Path,
    texts: Sequence[str],
    *,
    embedder: str,
    dimension: int,
    embed: Callable[[Sequence[str]], Floats],
    progress: Callable[[int, int], None],
) -> Floats:
    """Vectors of texts; only those that the cache lacks are computed.

    Every batch is committed, so an interrupted run loses at most one.

    Args:
        path: the SQLite file; made where missing.
        texts: what to embed; the same text is embedded once.
        embedder: fingerprint of the embedder, part of the key.
        dimension: length of a vector.
        embed: computes vectors, shape ``(n, dimension)``.
        progress: told how many of all are done.

    Returns:
        float32, shape ``(len(texts), dimension)``.

    Raises:
        CorpusError: if the file is damaged or the embedder gives another shape.
    """
    keys = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
    try:
        with closing(sqlite3.connect(path)) as database:
            database.execute(_SCHEMA)
            known = _read(database, embedder, set(keys), dimension)
            missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
            # Texts of like length share a batch: less padding, the longest first.
            order = sorted(missing, key=lambda key: (-len(missing[key]), key))
            total = len(set(keys))
            progress(total - len(order), total)
            for place in range(0, len(order), BATCH):
                batch = order[place : place + BATCH]
                vectors = embed([missing[key] for key in batch])
                if vectors.shape != (len(batch), dimension):
                    raise CorpusError(
                        f"the embedder gave shape {vectors.shape} for {len(batch)} texts, "
                        f"expected {(len(batch), dimension)}"
                    )
                found = np.ascontiguousarray(vectors, dtype="<f4")
                rows = [
                    (embedder, key, row.tobytes()) for key, row in zip(batch, found, strict=True)
                ]
                with database:
                    database.executemany("INSERT OR REPLACE INTO embeddings VALUES (?,?,?)", rows)
                known.update(zip(batch, found, strict=True))
                progress(total - len(order) + place + len(batch), total)
    except sqlite3.DatabaseError as error:
        raise CorpusError(
            f"the embedding cache '{path}' cannot be used ({error}): make room on"
            " the disk, or delete the file if it is damaged, and index again"
        ) from error
    result = np.empty((len(keys), dimension), dtype=np.float32)
    for row, key in enumerate(keys):
        result[row] = known[key]
    return result


def _read(
    database: sqlite3.Connection, embedder: str, wanted: set[str], dimension: int
) -> dict[str, Floats]:
    known: dict[str, Floats] = {}
    rows = database.execute("SELECT text, vector FROM embeddings WHERE embedder = ?", (embedder,))
    for key, blob in rows:
        if key in wanted and len(blob) == 4 * dimension:
            known[key] = np.frombuffer(blob, dtype="<f4").astype(np.float32)
    return known
