"""Canonical JSON and digests: the one way in which assay fingerprints a value."""

from __future__ import annotations

import hashlib
import json
import unicodedata


def normalise(value: object) -> object:
    """The value with every string in Unicode NFC, containers rebuilt as list and dict."""
    match value:
        case str():
            return unicodedata.normalize("NFC", value)
        case dict():
            return {normalise(str(key)): normalise(item) for key, item in value.items()}
        case list() | tuple():
            return [normalise(item) for item in value]
        case _:
            return value


def canonical_json(value: object) -> bytes:
    """UTF-8 JSON with sorted keys, no spaces, NFC strings.

    Raises:
        ValueError: for NaN and infinities, which have no place in a fingerprint.

    >>> canonical_json({"b": [1, 2.5, None], "a": "é"})
    b'{"a":"\\xc3\\xa9","b":[1,2.5,null]}'
    """
    return json.dumps(
        normalise(value),
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
        allow_nan=False,
    ).encode()


def digest(value: object) -> str:
    """sha256 in hex of the value's canonical JSON."""
    return hashlib.sha256(canonical_json(value)).hexdigest()
