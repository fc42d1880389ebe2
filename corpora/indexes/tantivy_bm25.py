"""BM25 by tantivy: quick to build, incremental, mapped into memory.

Rows are only ever added to tantivy's files. A row that is removed goes into a list beside them,
which every search leaves out, so that the statistics of terms are those of all rows since the
index was begun anew, whatever tantivy merged meanwhile: results depend on the rows that are there,
the rows that were removed, and nothing else. When those are too many, the index asks to be begun
anew.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from assay.corpora.indexes.folders import SEAL, damaged, flush, link, seal, verify
from assay.corpora.indexes.index import Rows, Terms
from assay.corpora.indexes.lexical import EVERYTHING, LexicalIndex
from assay.corpora.indexes.tantivy_searcher import ROW, TantivySearcher, damage_told, library
from assay.pipeline.errors import UsageError

K1, B = 1.2, 0.75
"""What tantivy computes with."""

FACTS, GONE = "index.json", "gone.npy"

HEAP = 64 * 1024 * 1024
"""Bytes of memory for each writing thread."""

FEW = 5_000
"""Rows that one thread writes on its own; two or more would leave many small files."""


@dataclass(frozen=True, slots=True)
class _Facts:
    """What a folder says of itself.

    Args:
        fields: names of the fields.
        rows: all rows in tantivy's files, removed ones included.
        total: sum of the digests of those rows, modulo 2**128.
    """

    fields: tuple[str, ...]
    rows: int = 0
    total: int = 0


class TantivyBm25(LexicalIndex):
    """BM25 with k1 = 1.2 and b = 0.75 by tantivy, which knows no others.

    The score of a term is ``ln(1 + (N - n + 0.5) / (n + 0.5)) * 2.2 * tf / (tf + 1.2 * (0.25 +
    0.75 * length / mean length))`` in single precision; see ``assay.corpora.indexes.lexical``.
    Lengths are kept in one byte: exact up to 39 terms, then cut to the next of 40, 42, ... 56, 60,
    64 ... 88, 96 and so on (the mean is of exact lengths). N, n and the mean count rows that were
    removed since the index was begun anew.

    Args:
        fields: names of the fields.
        k1: 1.2.
        b: 0.75.
        renew_share: the share of removed rows from which the index is begun anew.
        renew_below: with fewer rows, every removal begins it anew: that is cheap, and exact.

    Raises:
        UsageError: for another k1 or b, and where tantivy is not installed.
    """

    library = "tantivy"

    def __init__(
        self,
        fields: Sequence[str] = (EVERYTHING,),
        *,
        k1: float = K1,
        b: float = B,
        renew_share: float = 0.2,
        renew_below: int = 5_000,
    ) -> None:
        super().__init__(fields, k1=k1, b=b)
        if (k1, b) != (K1, B):
            raise UsageError(
                f"tantivy computes BM25 with k1 = {K1} and b = {B}; found k1 = {k1}, b = {b}:"
                " leave them out, or choose the library numpy"
            )
        self._renew_share = renew_share
        self._renew_below = renew_below

    def update(
        self,
        old: Path | None,
        new: Path,
        *,
        added: Iterable[tuple[int, Terms]],
        removed: Rows,
    ) -> bool:
        """See ``Index.update``; cost: the rows that are added, and a link for each old file."""
        facts, gone = _Facts(self._fields), np.empty(0, dtype=np.int64)
        if old is not None:
            facts, before = _read(old)
            gone = np.union1d(before, removed)
            if facts.fields != self._fields or self._is_due(facts.rows, len(gone), len(removed)):
                return False
            link(old, new, wanted=_stays)
        facts = self._write(new, facts, added)
        np.save(new / GONE, gone, allow_pickle=False)
        noted = {"fields": facts.fields, "rows": facts.rows, "total": f"{facts.total:032x}"}
        (new / FACTS).write_text(json.dumps(noted), encoding="utf-8")
        _unlock(new)
        seal(new)
        flush(new)
        return True

    def open(self, folder: Path) -> TantivySearcher:
        """See ``Index.open``; cost: one read of the smaller files, to check them."""
        facts, gone = _read(folder)
        tantivy = library()
        with damage_told(folder):
            index = tantivy.Index.open(str(folder))
            index.config_reader("manual")
            searcher = index.searcher()
        _unlock(folder)
        if searcher.num_docs != facts.rows:
            raise damaged(folder, f"{searcher.num_docs} rows are there instead of {facts.rows}")
        mark = hashlib.sha256(json.dumps(self.settings(), sort_keys=True).encode())
        if len(gone):
            mark.update(gone.astype("<i8").tobytes())
            mark.update(f"{facts.total:032x}".encode())
        return TantivySearcher(
            facts.fields,
            folder=folder,
            schema=index.schema,
            searcher=searcher,
            gone=gone,
            mark=mark.hexdigest(),
        )

    def _is_due(self, rows: int, gone: int, removed: int) -> bool:
        if not removed:
            return False
        return rows < self._renew_below or gone > self._renew_share * rows

    def _write(self, folder: Path, facts: _Facts, added: Iterable[tuple[int, Terms]]) -> _Facts:
        items = iter(added)
        first = list(islice(items, FEW))
        if not first and facts.rows:
            return facts
        threads = 1 if len(first) < FEW else min(4, os.cpu_count() or 1)
        tantivy = library()
        rows, total = facts.rows, facts.total
        try:
            index = tantivy.Index(self._schema(tantivy), path=str(folder))
            writer = index.writer(heap_size=HEAP * threads, num_threads=threads)
        except ValueError as error:
            raise _refusal(folder, error) from error
        for row, item in chain(first, items):
            texts = self._spelled(row, item)
            document = tantivy.Document()
            document.add_unsigned(ROW, row)
            for name, text in zip(self._fields, texts, strict=True):
                document.add_text(name, text)
            try:
                writer.add_document(document)
            except ValueError as error:
                raise _refusal(folder, error) from error
            rows += 1
            total += _digest(row, texts)
        try:
            writer.commit()
            writer.wait_merging_threads()
        except ValueError as error:
            raise _refusal(folder, error) from error
        return _Facts(facts.fields, rows, total % 2**128)

    def _schema(self, tantivy: Any) -> Any:
        builder = tantivy.SchemaBuilder()
        builder.add_unsigned_field(ROW, indexed=True, fast=True)
        for name in self._fields:
            builder.add_text_field(name, tokenizer_name="whitespace", index_option="freq")
        return builder.build()


def _read(folder: Path) -> tuple[_Facts, Rows]:
    verify(folder)
    try:
        noted = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        facts = _Facts(tuple(noted["fields"]), int(noted["rows"]), int(noted["total"], 16))
        return facts, np.load(folder / GONE, allow_pickle=False)
    except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
        raise damaged(folder, f"{FACTS} or {GONE} cannot be read") from error


def _unlock(folder: Path) -> None:
    """Take away tantivy's lock files: they are for writers, and nobody writes here any more."""
    for lock in folder.glob("*.lock"):
        lock.unlink(missing_ok=True)


def _stays(name: str) -> bool:
    return name not in {FACTS, GONE, SEAL} and not name.endswith(".lock")


def _digest(row: int, texts: Sequence[str]) -> int:
    content = f"{row}\n" + "\n".join(texts)
    return int.from_bytes(hashlib.blake2b(content.encode(), digest_size=16).digest(), "big")


def _refusal(folder: Path, error: ValueError) -> OSError:
    return OSError(f"tantivy could not write the index in {folder}: {error}")
