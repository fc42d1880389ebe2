"""One entry for passages that say the same to the same readers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from assay.pipeline.canonical import digest
from assay.pipeline.codec import to_json
from assay.pipeline.words import Passage, Scalar, Scope


@dataclass(frozen=True, slots=True)
class Alias:
    """A passage that is not indexed because another has its text."""

    id: str
    metadata: Mapping[str, Scalar]


@dataclass(frozen=True, slots=True)
class Entry:
    """An indexed passage and those that it stands for.

    A filter that one of the aliases fulfils finds the entry, too.
    """

    passage: Passage
    aliases: tuple[Alias, ...] = ()

    @property
    def digest(self) -> str:
        """sha256 in hex over everything in it."""
        return digest(to_json(self))


def merge_duplicates(
    passages: Iterable[Passage], sizes: Mapping[str, int], whole: frozenset[str]
) -> list[Entry]:
    """Keep each text once a scope and date; the one from the smallest document stays.

    Texts are compared with white space folded. The result is sorted by passage id
    and does not depend on the order of the input.

    Args:
        passages: all passages.
        sizes: document id to the length of its text.
        whole: documents that are passages by themselves. Labels name them one by
            one, so they are never merged.
    """
    groups: dict[tuple[str, Scope, date | None], list[Passage]] = {}
    entries: list[Entry] = []
    for passage in passages:
        if passage.document_id in whole:
            entries.append(Entry(passage))
            continue
        folded = hashlib.sha256(" ".join(passage.text.split()).encode()).hexdigest()
        groups.setdefault((folded, passage.scope, passage.date), []).append(passage)
    for group in groups.values():
        group.sort(key=lambda item: (sizes[item.document_id], item.document_id, item.position))
        aliases = tuple(Alias(item.id, item.metadata) for item in group[1:])
        entries.append(Entry(group[0], aliases))
    return sorted(entries, key=lambda entry: entry.passage.id)


def merkle_root(leaves: Iterable[str]) -> str:
    """Root over a set of digests; their order does not matter.

    Leaves are sorted; a node is the sha256 of a 1 byte and both children, a leaf
    of a 0 byte and itself (RFC 6962, section 2.1), a node without a partner moves up.

    >>> merkle_root(["b", "a"]) == merkle_root(["a", "b"]) != merkle_root(["ab"])
    True
    """
    level = [hashlib.sha256(b"\0" + leaf.encode()).digest() for leaf in sorted(leaves)]
    while len(level) > 1:
        pairs = [level[place : place + 2] for place in range(0, len(level), 2)]
        level = [
            hashlib.sha256(b"\1" + b"".join(pair)).digest() if len(pair) == 2 else pair[0]
            for pair in pairs
        ]
    return (level[0] if level else hashlib.sha256().digest()).hex()
