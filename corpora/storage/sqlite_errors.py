"""What errors of SQLite mean for a store, and checksums that notice what SQLite does not."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from assay.pipeline.errors import CorpusError, DataError

START_ANEW = "delete the folder '{folder}' and index again with 'assay index PIPELINE --docs PATH'"

_REFUSALS = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_TOOBIG,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_PROTOCOL,
    }
)
"""Errors of the disk and of the machine; those that are not named here mean damage."""


@contextmanager
def told(folder: Path) -> Iterator[None]:
    """Turn errors of SQLite into ours.

    Raises:
        CorpusError: saying whether another run writes, the disk refuses or the file is damaged.
        DataError: for a text that UTF-8 cannot write.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise explained(error, folder) from error
    except UnicodeDecodeError as error:
        raise damaged(folder, f"a text in it is no UTF-8 ({error.reason})") from error
    except UnicodeEncodeError as error:
        raise DataError(f"a text holds half a character: {error.reason}") from error


def explained(error: sqlite3.Error, folder: Path) -> CorpusError:
    """What an error of SQLite means for this store, with the next step."""
    code = primary_code(error)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return CorpusError(
            f"another index run is writing to '{folder}'; wait until it has ended and try again"
        )
    if code in _REFUSALS:
        return CorpusError(
            f"the corpus in '{folder}' cannot be read or written ({error}): see that the disk has"
            " room and that you may write there, then index again with"
            " 'assay index PIPELINE --docs PATH'; what was committed before is whole"
        )
    return damaged(folder, str(error))


def primary_code(error: sqlite3.Error) -> int | None:
    """SQLite's result code without its extension; None for errors that Python makes itself."""
    code: Any = getattr(error, "sqlite_errorcode", None)
    return None if code is None else int(code) & 0xFF


def damaged(folder: Path, reason: str) -> CorpusError:
    """The error for a file that is not as it was written."""
    return CorpusError(
        f"the corpus in '{folder}' is damaged ({reason}): {START_ANEW.format(folder=folder)}"
    )


def no_row(folder: Path, row: int, generation: int) -> CorpusError:
    """The error for a row that is not there."""
    return CorpusError(
        f"the corpus in '{folder}' has no row {row} in generation {generation}; an index of another"
        f" generation gave it, or the store is damaged: {START_ANEW.format(folder=folder)}"
    )


def missing(folder: Path) -> CorpusError:
    """The error where nothing was ever indexed."""
    return CorpusError(f"no index in '{folder}': make one with 'assay index PIPELINE --docs PATH'")


def checksum(*values: object) -> int:
    """CRC-32 over values as text; tells damage, not intent."""
    return zlib.crc32("\0".join(map(str, values)).encode("utf-8", "surrogatepass"))


def sealed(content: bytes) -> bytes:
    """Bytes with their CRC-32 behind them."""
    return content + zlib.crc32(content).to_bytes(4, "little")


def unsealed(packed: bytes, folder: Path, what: str) -> bytes:
    """The bytes again.

    Raises:
        CorpusError: if they are not as they were written.
    """
    content = packed[:-4] if isinstance(packed, bytes) else b""
    if sealed(content) != packed:
        raise damaged(folder, f"{what} are not as they were written")
    return content
