"""Embeddings that were paid for once, kept in a SQLite file."""

from __future__ import annotations

import hashlib
import itertools
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from assay.models.protocols import Floats
from assay.pipeline.errors import CorpusError

BATCH = 64
"""Texts that are embedded together."""

AHEAD = 512
"""Texts that are looked up, sorted by length and embedded before the first vector is given."""

ASKED = 500
"""Texts that the file is asked for at once."""

_SCHEMA = """
PRAGMA page_size = 16384;  -- several vectors fit into a page
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;  -- a batch costs no wait for the disk; a power cut may lose some
CREATE TABLE IF NOT EXISTS embeddings (
    embedder TEXT NOT NULL, text TEXT NOT NULL, vector BLOB NOT NULL,
    PRIMARY KEY (embedder, text)
) WITHOUT ROWID
"""


def embed_cached(
    path: Path,
    texts: Iterable[str],
    *,
    embedder: str,
    dimension: int,
    embed: Callable[[Sequence[str]], Floats],
) -> Iterator[Floats]:
    """Vectors of texts, one after the other; only those that the cache lacks are computed.

    Every batch is committed, so an interrupted run loses at most one.

    Args:
        path: the SQLite file; made where missing.
        texts: what to embed; read ``AHEAD`` at a time.
        embedder: fingerprint of the embedder, part of the key.
        dimension: length of a vector.
        embed: computes vectors, shape ``(n, dimension)``.

    Returns:
        For each text float32, shape ``(dimension,)``.

    Raises:
        CorpusError: if the file is damaged or the embedder gives another shape.
    """
    waiting = iter(texts)
    while some := list(itertools.islice(waiting, AHEAD)):
        keys = [hashlib.sha256(text.encode()).hexdigest() for text in some]
        try:
            with closing(sqlite3.connect(path)) as database:
                database.executescript(_SCHEMA)
                known = _read(database, embedder, set(keys), dimension)
                missing = {k: text for k, text in zip(keys, some, strict=True) if k not in known}
                # Texts of like length share a batch: less padding, the longest first.
                order = sorted(missing, key=lambda key: (-len(missing[key]), key))
                for place in range(0, len(order), BATCH):
                    batch = order[place : place + BATCH]
                    vectors = embed([missing[key] for key in batch])
                    if vectors.shape != (len(batch), dimension):
                        raise CorpusError(
                            f"the embedder gave shape {vectors.shape} for {len(batch)} texts, "
                            f"expected {(len(batch), dimension)}"
                        )
                    found = np.ascontiguousarray(vectors, dtype="<f4")
                    pairs = list(zip(batch, found, strict=True))
                    with database:
                        database.executemany(
                            "INSERT OR REPLACE INTO embeddings VALUES (?,?,?)",
                            [(embedder, key, row.tobytes()) for key, row in pairs],
                        )
                    known.update(pairs)
        except sqlite3.DatabaseError as error:
            raise CorpusError(
                f"the embedding cache '{path}' cannot be used ({error}): make room on"
                " the disk, or delete the file if it is damaged, and index again"
            ) from error
        yield from (known[key] for key in keys)


def _read(
    database: sqlite3.Connection, embedder: str, wanted: set[str], dimension: int
) -> dict[str, Floats]:
    known: dict[str, Floats] = {}
    keys = sorted(wanted)
    for place in range(0, len(keys), ASKED):
        some = keys[place : place + ASKED]
        marks = ",".join("?" * len(some))
        rows = database.execute(
            f"SELECT text, vector FROM embeddings WHERE embedder = ? AND text IN ({marks})",
            (embedder, *some),
        )
        for key, blob in rows:
            if len(blob) == 4 * dimension:
                known[key] = np.frombuffer(blob, dtype="<f4").astype(np.float32)
    return known
