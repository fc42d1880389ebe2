"""Which passages are merged, and which of them stands for all.

Two passages say the same where their texts are equal once white space is folded. They are merged
where they are also of one tenant, for readers of the same roles, and of the same date. Passages of
documents that are ``whole`` are never merged: labels name them one by one.

Of merged passages the one from the smallest document stands for all (a text is most at home where
it has most of the room), then the one whose document's id comes first, then the first in it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from assay.corpora.document import Document


class Member(NamedTuple):
    """A passage of a group of equal ones; the least is the one that stands for all.

    Args:
        size: characters of its document.
        document: its document's id.
        position: its place in the document.
        row: its own row.
        indexed: the row that stands for it; its own where it is indexed.
        number: the store's number of its document.
    """

    size: int
    document: str
    position: int
    row: int
    indexed: int
    number: int

    @property
    def is_indexed(self) -> bool:
        """Whether it stands for itself."""
        return self.row == self.indexed


def merge_keys(document: Document, texts: Iterable[str]) -> list[bytes]:
    """What passages of a document have in common with those that they are merged with.

    Args:
        document: which one; its own text does not count.
        texts: of its passages.

    Returns:
        For each text 16 bytes of blake2b (RFC 7693); none for a document that is ``whole``.

    Raises:
        UnicodeEncodeError: for a text with half characters.
    """
    if document.whole:
        return []
    day = document.date.isoformat() if document.date else ""
    readers = [document.scope.tenant, sorted(set(document.scope.roles)), day]
    shared = hashlib.blake2b(json.dumps(readers, ensure_ascii=False).encode(), digest_size=16)
    keys: list[bytes] = []
    for text in texts:
        one = shared.copy()
        one.update(" ".join(text.split()).encode())
        keys.append(one.digest())
    return keys


def settle(
    members: Sequence[Member], first_new: int, take_row: Callable[[], int]
) -> list[tuple[Member, Member]]:
    """Find who stands for all in a group of equal passages.

    Args:
        members: all of the group, in any order; at least one. One that was put in this update
            stands for itself so far.
        first_new: the first row that was given out in this update.
        take_row: gives out the next row; asked where a passage that was merged before this update
            stands for itself again, because indexes know rows that they lost as lost for good.

    Returns:
        Those that change, as they were and as they are now.

    >>> small, large = Member(10, "s", 0, 7, 7, 2), Member(90, "l", 4, 5, 5, 1)
    >>> [(before.row, after.indexed) for before, after in settle([large, small], 6, lambda: 8)]
    [(5, 7)]
    """
    best = min(members)
    again = best.row < first_new and not best.is_indexed
    row = take_row() if again else best.row
    changed: list[tuple[Member, Member]] = []
    for member in members:
        after = member._replace(row=row if member is best else member.row, indexed=row)
        if after != member:
            changed.append((member, after))
    return changed
