"""What every store does alike: check what is put, name passages, label them, look at who reads."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

from assay.corpora.document import Document
from assay.pipeline.errors import DataError, ScopeError, UsageError
from assay.pipeline.words import Passage, Scalar, Scope

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode
_PLACED = re.compile(r"(.*)#(0|[1-9][0-9]{0,17})", re.DOTALL)


def passage_id(document: Document, position: int) -> str:
    """The id of a document's passage."""
    return document.id if document.whole else f"{document.id}#{position}"


def parted(passage_id: str) -> tuple[str, int] | None:
    """Document and position of a passage id, if it is of the form ``<document>#<position>``.

    >>> parted("a#b#12"), parted("a#012"), parted("a")
    (('a#b', 12), None, None)
    """
    match = _PLACED.fullmatch(passage_id)
    return (match[1], int(match[2])) if match else None


def storable(*texts: str) -> bool:
    """Whether texts can be written as UTF-8: no half characters (lone surrogates)."""
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        return False
    return True


def inherited(document: Document) -> dict[str, Scalar]:
    """The metadata of a document's passages: its own, and its source and tier unless these are
    empty or its metadata say otherwise."""
    labels = dict(document.metadata)
    for key, value in (("source", document.source), ("tier", document.tier)):
        if value:
            labels.setdefault(key, value)
    return labels


def metadata_json(document: Document) -> str:
    """A document's metadata as JSON, in their order.

    Raises:
        DataError: if a value is none that a label can have.
    """
    for key, value in document.metadata.items():
        if not isinstance(value, str | bool | int | float) or not isinstance(key, str):
            raise DataError(
                f"document '{shown(document.id)}': label {key!r:.60} has the value {value!r:.60};"
                " expected a text, a number, true or false"
            )
    try:
        return _encode(dict(document.metadata))
    except ValueError as error:
        raise DataError(
            f"document '{shown(document.id)}': a label is not a finite number ({error})"
        ) from error


def check_put(
    document: Document, digest: str, passages: Sequence[Passage], vocabulary: Mapping[str, int]
) -> None:
    """Nothing, where a document and its passages fit one another and can be stored.

    Raises:
        DataError: naming the document and what is wrong.
    """
    name = f"document '{shown(document.id)}'"
    if not document.id:
        raise DataError("a document has an empty id; ids are unique within a tenant and not empty")
    if isinstance(document.date, datetime):
        raise DataError(f"{name}: its date has a time of day ({document.date}); give a day")
    if not passages or (document.whole and len(passages) != 1):
        wanted = "exactly one, for it is whole" if document.whole else "one at least"
        raise DataError(f"{name} has {len(passages)} passages; expected {wanted}")
    for position, passage in enumerate(passages):
        wanted = passage_id(document, position)
        found = (passage.id, passage.position, passage.document_id, passage.scope, passage.date)
        if found != (wanted, position, document.id, document.scope, document.date):
            raise DataError(
                f"{name}: passage {position} is '{shown(passage.id)}' at position"
                f" {passage.position}; expected '{shown(wanted)}' at {position}, of this document,"
                " with its scope and date"
            )
        if not 0 <= passage.start <= passage.end <= len(document.text):
            raise DataError(
                f"{name}: passage {position} is cut from {passage.start} to {passage.end};"
                f" the text has {len(document.text)} characters"
            )
    joined = "\0".join(vocabulary)
    counts = vocabulary.values()
    if joined.count("\0") != max(len(vocabulary) - 1, 0):
        raise DataError(f"{name}: a word of its vocabulary holds a NUL")
    if min(counts, default=1) < 1 or max(counts, default=1) >= 2**32:
        raise DataError(f"{name}: a word is counted {min(counts)} to {max(counts)} times")
    texts = [document.id, document.text, document.title, document.source, document.tier]
    texts += [document.markup, document.scope.tenant, *document.scope.roles, digest]
    texts += [text for one in passages for text in (one.title, one.text)]
    texts += [metadata_json(document), joined]
    if not storable(*texts):
        raise DataError(
            f"{name}: a text holds half a character (a lone surrogate), which UTF-8 cannot write;"
            " replace it, for instance by U+FFFD"
        )


def require_readable(passage: Passage, reader: Scope) -> None:
    """Nothing, where the reader may read the passage.

    Raises:
        ScopeError: naming the passage, never its text.
    """
    if not passage.scope.admits(reader):
        raise ScopeError(
            f"the store was asked for passage '{shown(passage.id)}' of tenant"
            f" '{shown(passage.scope.tenant)}' by a reader of tenant '{shown(reader.tenant)}' who"
            " may not read it: this is a defect of what asked; nothing was answered"
        )


def put_twice(document: Document) -> DataError:
    """The error for a document that comes a second time in one update."""
    return DataError(
        f"two documents of tenant '{shown(document.scope.tenant)}' have the id"
        f" '{shown(document.id)}'; ids are unique within a tenant"
    )


def taken(document: Document, other: str, passage_id: str) -> DataError:
    """The error for a passage whose id another document's passage has."""
    return DataError(
        f"two passages would have the id '{shown(passage_id)}': one of document"
        f" '{shown(document.id)}', one of document '{shown(other)}'; rename one of these documents,"
        " or take the old one out first"
    )


State = Literal["open", "merged", "committed", "failed", "ended"]
"""How far an update is."""


def require_state(state: State, *allowed: State) -> None:
    """Nothing, where an update is as far as it must be.

    Raises:
        UsageError: saying what it is too late for.
    """
    if state not in allowed:
        why = {
            "open": "changes come first",
            "merged": "puts and removals come before changes, indexed and commit",
            "committed": "it was committed already; begin another one",
            "failed": "it failed already; begin another one",
            "ended": "its block has ended; begin another one",
        }
        raise UsageError(f"this update cannot do that: {why[state]}")


def shown(text: str) -> str:
    """A text as messages can show it, whatever is in it."""
    return text.encode("utf-8", "backslashreplace").decode()
