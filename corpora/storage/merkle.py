"""Merkle roots over documents, and a form of them that is cheap to keep up to date.

Hashing is that of RFC 6962, section 2.1: a leaf is the sha256 of a 0 byte and its content, a node
that of a 1 byte and both children; a node without a partner moves up, which gives the tree of the
RFC. Each document is a leaf. Documents lie in ``BUCKETS`` buckets by a digest of tenant and id; a
bucket's root is that of its leaves in rising order, and the root of all is that of the buckets'
roots in their order. A change of one document costs its bucket and ``2 * BUCKETS`` hashes.

Equal content gives the same root, whatever it was before and in whatever order it came.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterable, Sequence

from assay.corpora.document import Document
from assay.pipeline.words import Passage

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

BUCKETS = 4096
"""How many; with 100,000 documents there are about 24 in each."""

EMPTY = hashlib.sha256().digest()
"""The root over nothing."""


def tree_root(leaves: Iterable[bytes]) -> bytes:
    """Root over leaves in the order given; 32 bytes.

    >>> tree_root([b"a"]) == hashlib.sha256(bytes(1) + b"a").digest()
    True
    """
    level = [hashlib.sha256(b"\0" + leaf).digest() for leaf in leaves]
    while len(level) > 1:
        pairs = zip(level[::2], level[1::2], strict=False)
        above = [hashlib.sha256(b"\1" + left + right).digest() for left, right in pairs]
        level = above + level[-1:] if len(level) % 2 else above
    return level[0] if level else EMPTY


def merkle_root(leaves: Iterable[bytes]) -> bytes:
    """Root over a set of leaves; their order does not matter.

    >>> merkle_root([b"b", b"a"]) == merkle_root([b"a", b"b"]) != merkle_root([b"ab"])
    True
    """
    return tree_root(sorted(leaves))


def bucket_of(tenant: str, document_id: str) -> int:
    """The bucket that a document lies in, from 0 to ``BUCKETS - 1``."""
    digest = hashlib.sha256(_encode([tenant, document_id]).encode()).digest()
    return int.from_bytes(digest[:4], "big") % BUCKETS


def leaf_of(document: Document, digest: str, passages: Sequence[Passage]) -> bytes:
    """A document's leaf: sha256 over who and what it is and what it was cut into.

    Args:
        document: its tenant and id count; all else of it is in ``digest``.
        digest: of all that its passages depend on.
        passages: id, title, text and offsets of each count.

    Raises:
        UnicodeEncodeError: for a text with half characters.
    """
    cut = [[one.id, one.title, one.start, one.end, one.text] for one in passages]
    content = [document.scope.tenant, document.id, digest, cut]
    return hashlib.sha256(_encode(content).encode()).digest()


def root_of(buckets: Sequence[bytes]) -> str:
    """The root of all, in hex.

    Args:
        buckets: the root of each bucket, in order; ``BUCKETS`` of them.
    """
    return tree_root(buckets).hex()


@functools.cache
def empty_root() -> str:
    """The root of all where there is no document, in hex."""
    return root_of([EMPTY] * BUCKETS)
