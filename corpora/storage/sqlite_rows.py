"""Documents and passages as lines of SQLite's tables, and back."""

from __future__ import annotations

import json
import sqlite3
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date as Day
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from assay.corpora.block import WITHIN, Block
from assay.corpora.document import Document
from assay.corpora.indexes.index import Rows
from assay.corpora.storage.rules import inherited, metadata_json, passage_id
from assay.corpora.storage.sqlite_errors import checksum, damaged, sealed, unsealed
from assay.pipeline.words import Passage, Scalar, Scope

FACTS = (
    "number, tenant, id, whole, size, title, date, source, tier, markup, roles, metadata, digest,"
    " checksum"
)
"""The columns that ``Facts`` is made of."""

ASKED_AT_ONCE = 500
"""Values that one SELECT asks for."""

REMEMBERED = 20_000
"""Documents whose facts are kept at hand."""


@dataclass(frozen=True, slots=True)
class Facts:
    """A document without its text, as the store knows it.

    Args:
        number: the store's number for it.
        tenant: the store's number for its tenant.
        size: characters of its text.
        document: with an empty text.
        labels: the metadata of its passages.
        digest: as it was put with.
    """

    number: int
    tenant: int
    size: int
    document: Document
    labels: Mapping[str, Scalar]
    digest: str


def facts_line(number: int, tenant: int, document: Document, digest: str) -> tuple[Any, ...]:
    """A document's values for ``FACTS``."""
    values = (
        number,
        tenant,
        document.id,
        int(document.whole),
        len(document.text),
        document.title,
        document.date.isoformat() if document.date else "",
        document.source,
        document.tier,
        document.markup,
        json.dumps(document.scope.roles, ensure_ascii=False),
        metadata_json(document),
        digest,
    )
    return (*values, checksum(*values))


def facts_of(line: Sequence[Any], tenants: Mapping[int, str], folder: Path) -> Facts:
    """A document from the values of ``FACTS``.

    Args:
        line: may go on behind them.
        tenants: number to name.
        folder: for the message.

    Raises:
        CorpusError: if they are not as they were written.
    """
    number, tenant, name, whole, size, title, day, source, tier, markup, roles, labels = line[:12]
    if checksum(*line[:13]) != line[13] or tenant not in tenants:
        raise damaged(folder, f"document {number} is not as it was written")
    document = Document(
        id=name,
        text="",
        scope=Scope(tenants[tenant], tuple(json.loads(roles))),
        title=title,
        date=Day.fromisoformat(day) if day else None,
        metadata=json.loads(labels),
        markup=markup,
        source=source,
        tier=tier,
        whole=bool(whole),
    )
    return Facts(number, tenant, size, document, inherited(document), line[12])


def pack(places: Rows) -> bytes:
    """Where a document's passages are, as bytes with a checksum.

    Args:
        places: shape ``(n_passages, 2)``, by position: the own row and the row that stands for it.
    """
    return sealed(places.astype("<i8").tobytes())


def unpack(packed: bytes, folder: Path) -> Rows:
    """The places again; shape ``(n_passages, 2)``.

    Raises:
        CorpusError: if they are not as they were written.
    """
    return np.frombuffer(_content(packed, folder), dtype="<i8").astype(np.int64).reshape(-1, 2)


def unpack_all(packed: Iterable[bytes], folder: Path) -> tuple[Rows, Rows]:
    """The places of many documents, one after another, and how many each of them has."""
    contents = [_content(one, folder) for one in packed]
    counts = np.array([len(one) // 16 for one in contents], dtype=np.int64)
    places = np.frombuffer(b"".join(contents), dtype="<i8").astype(np.int64).reshape(-1, 2)
    return places, counts


def _content(packed: bytes, folder: Path) -> bytes:
    return unsealed(packed, folder, "the rows of a document")


def pack_words(vocabulary: Mapping[str, int]) -> bytes:
    """A document's words and counts, as bytes."""
    number = len(vocabulary)
    counts = struct.pack(f"<{number + 1}I", number, *vocabulary.values())
    return zlib.compress(counts + "\0".join(vocabulary).encode(), 1)


def unpack_words(packed: bytes, folder: Path) -> dict[str, int]:
    """The words and counts again.

    Raises:
        CorpusError: if they are not as they were written.
    """
    try:
        content = zlib.decompress(packed)
    except zlib.error as error:
        raise damaged(folder, f"the words of a document cannot be read ({error})") from error
    number = int.from_bytes(content[:4], "little")
    counts = struct.unpack_from(f"<{number}I", content, 4)
    words = content[4 * number + 4 :].decode().split("\0") if number else []
    return dict(zip(words, counts, strict=True))


def pack_blocks(blocks: Iterable[Block]) -> bytes:
    """Blocks that citations name, as bytes; the others are left out."""
    kept = [
        [one.start, one.end, one.kind, one.level, dict(one.place)]
        for one in blocks
        if any(key in one.place for key in WITHIN)
    ]
    return sealed(zlib.compress(json.dumps(kept).encode(), 1)) if kept else b""


def unpack_blocks(packed: bytes, folder: Path) -> tuple[Block, ...]:
    """The blocks again.

    Raises:
        CorpusError: if they are not as they were written.
    """
    if not packed:
        return ()
    content = unsealed(packed, folder, "the blocks of a document")
    return tuple(Block(*one) for one in json.loads(zlib.decompress(content)))


def passage_line(row: int, number: int, passage: Passage) -> tuple[Any, ...]:
    """A passage's values for the table ``passages``."""
    body = (number, passage.position, passage.start, passage.end)
    texts = (passage.title, passage.text)
    return (row, *body, checksum(*body, *texts), *texts)


class TenantLine(NamedTuple):
    """A tenant with its counts, as its line says."""

    name: str
    number: int
    documents: int
    passages: int
    indexed: int


def tenant_lines(db: sqlite3.Connection, folder: Path) -> list[TenantLine]:
    """All tenants, in order of name.

    Raises:
        CorpusError: if one is not as it was written.
    """
    query = "SELECT name, number, documents, passages, indexed FROM tenants ORDER BY name"
    lines = [TenantLine(*line) for line in db.execute(query)]
    for line in lines:
        if [type(value) for value in line] != [str, int, int, int, int]:
            raise damaged(folder, f"tenant {line.number} is not as it was written")
    return lines


class Reader:
    """Reads passages by row; keeps facts of documents at hand. One thread at a time.

    Args:
        connection: open; errors of SQLite come out as they are.
        folder: for messages.
        tenants: number to name; looked at as it is when asked.
    """

    def __init__(
        self, connection: sqlite3.Connection, folder: Path, tenants: Mapping[int, str]
    ) -> None:
        self._db = connection
        self._folder = folder
        self._tenants = tenants
        self._facts: dict[int, Facts] = {}

    def passages(self, rows: Sequence[int]) -> dict[int, Passage]:
        """Passages of those rows that there are.

        Raises:
            CorpusError: if one is not as it was written.
        """
        query = "SELECT row, document, position, start, stop, checksum, title, text FROM passages"
        lines = list(self._lines(f"{query} WHERE row", rows))
        for line in lines:
            if checksum(*line[1:5], *line[6:]) != line[5]:
                raise damaged(self._folder, f"passage {line[0]} is not as it was written")
        self._learn({line[1] for line in lines})
        found: dict[int, Passage] = {}
        for row, number, position, start, stop, _, title, text in lines:
            facts = self._facts.get(number)
            if facts is None:
                raise damaged(self._folder, f"passage {row} is of no document")
            document = facts.document
            found[row] = Passage(
                id=passage_id(document, position),
                document_id=document.id,
                text=text,
                scope=document.scope,
                title=title,
                position=position,
                start=start,
                end=stop,
                date=document.date,
                metadata=facts.labels,
            )
        return found

    def _learn(self, numbers: set[int]) -> None:
        if len(self._facts) > REMEMBERED:
            self._facts.clear()
        unknown = sorted(one for one in numbers if one not in self._facts)  # not a set of all facts
        for line in self._lines(f"SELECT {FACTS} FROM documents WHERE number", unknown):
            self._facts[line[0]] = facts_of(line, self._tenants, self._folder)

    def _lines(self, query: str, numbers: Sequence[int]) -> Iterator[tuple[Any, ...]]:
        for place in range(0, len(numbers), ASKED_AT_ONCE):
            some = numbers[place : place + ASKED_AT_ONCE]
            marks = ",".join("?" * len(some))
            yield from self._db.execute(f"{query} IN ({marks})", some).fetchall()
