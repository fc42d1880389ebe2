"""The key of a cached output: a digest of everything that the output depends on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from assay.pipeline.value_codec import encode
from assay.pipeline.words import Scope

FORMAT = 1
"""Raised when the codec or the parts change their meaning; older entries are then not found."""


def cache_key(parts: Mapping[str, bytes | str]) -> str:
    """sha256 in hex over the parts, in the order of their names.

    Every name and every value is written with its length before it, and text is
    told from bytes, so two different mappings never give one byte string.

    >>> cache_key({"a": "bc"}) == cache_key({"ab": "c"})
    False
    """
    total = hashlib.sha256()
    for name in sorted(parts):
        for piece in (name, parts[name]):
            text = isinstance(piece, str)
            data = piece.encode("utf-8", "surrogatepass") if isinstance(piece, str) else piece
            total.update((b"t" if text else b"b") + len(data).to_bytes(8, "big"))
            total.update(data)
    return total.hexdigest()


def key_parts(
    *,
    component: str,
    code: str,
    config: BaseModel | Mapping[str, Any],
    resources: Mapping[str, str],
    inputs: Mapping[str, Any],
    scope: Scope,
    seed: int,
) -> Mapping[str, str]:
    """Everything that a node's output depends on, by name; ``cache_key`` takes it as it is.

    Long values stand as sha256. Inputs count exactly as the node sees them:
    other Unicode forms, another order of a mapping or 1 for 1.0 are other inputs.
    That costs a miss now and then, and never gives a wrong value.

    Args:
        component: registered name with version, ``rerank.cross_encoder@1``.
        code: digest of the component's code and of the libraries that it calls.
        config: the values in force, calibrated thresholds included.
        resources: fingerprint of each model and index, by parameter name.
        inputs: what the node is given, by port.
        scope: who asks.
        seed: the run's seed.

    Raises:
        NotEncodable: if an input or the config cannot be encoded; the node is not cacheable.
    """
    return {
        "format": str(FORMAT),
        "component": component,
        "code": code,
        "config": _sha256(_canonical(config)),
        "tenant": _sha256(scope.tenant),
        "roles": _sha256(scope.roles),
        "seed": str(seed),
        **{f"resource:{name}": fingerprint for name, fingerprint in resources.items()},
        **{f"input:{port}": _sha256(value) for port, value in inputs.items()},
    }


def _sha256(value: object) -> str:
    return hashlib.sha256(encode(value)).hexdigest()


def _canonical(value: Any) -> Any:
    """Models as dicts of all their fields (a dump may leave some out), dicts sorted by key."""
    match value:
        case BaseModel():
            return {
                name: _canonical(getattr(value, name)) for name in sorted(type(value).model_fields)
            }
        case Mapping():
            return {key: _canonical(value[key]) for key in sorted(value)}
        case list():
            return [_canonical(item) for item in value]
        case tuple():
            return tuple(_canonical(item) for item in value)
        case _:
            return value
