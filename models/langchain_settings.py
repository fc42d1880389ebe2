"""What is known of a langchain-core object from outside: its class, settings and text lengths."""

from __future__ import annotations

import importlib
import math
from enum import Enum
from typing import Any

from pydantic import BaseModel

from assay.pipeline.canonical import canonical_json
from assay.pipeline.errors import UsageError

_SILENT = frozenset({"name", "verbose", "callbacks", "tags", "metadata"})
"""Fields of the object itself that outputs do not depend on."""

_DEEPEST = 8

BYTES_PER_TOKEN = 3
"""English has about four bytes a token; three errs on the side of too many tokens."""


def described(thing: object) -> dict[str, Any]:
    """Class and settings of an object as plain JSON values, for a fingerprint.

    Settings are the fields of a pydantic model, or the public attributes of another
    object. A setting that is no plain value, list, mapping or pydantic model stands
    there by the name of its class alone: what a client, an index or a stream holds
    cannot be seen from outside. Secrets (``SecretStr``) stand there by class too.

    Args:
        thing: a chat model, an embedder or a retriever.

    Returns:
        ``{"class": ..., "settings": {...}}``.

    >>> class Model:
    ...     def __init__(self):
    ...         self.size, self.client = 3, object()
    >>> described(Model())["settings"]
    {'client': 'builtins.object', 'size': 3}
    """
    return _described(thing, _SILENT, 0)


def class_of(thing: object) -> str:
    """Module and name of an object's class."""
    return f"{type(thing).__module__}.{type(thing).__qualname__}"


def require(thing: object, module: str, name: str, *, hint: str) -> None:
    """Refuse what is not an object of a langchain-core class.

    Args:
        thing: what the program passed.
        module: below ``langchain_core``.
        name: of the class in it.
        hint: what to pass instead.

    Raises:
        UsageError: if it is something else, or langchain-core is not installed.
    """
    try:
        wanted = getattr(importlib.import_module(f"langchain_core.{module}"), name)
    except ImportError as error:
        raise UsageError(
            f"wrapping a {name} needs langchain-core: `pip install 'assay[langchain]'`"
        ) from error
    if not isinstance(thing, wanted):
        raise UsageError(f"expected a langchain-core {name}, found {class_of(thing)}: {hint}")


def estimated_tokens(text: str) -> int:
    """Number of tokens where no tokenizer tells: UTF-8 bytes by three, rounded up.

    >>> estimated_tokens("a question"), estimated_tokens("")
    (4, 0)
    """
    return math.ceil(len(text.encode("utf-8", errors="replace")) / BYTES_PER_TOKEN)


def _described(thing: object, silent: frozenset[str], depth: int) -> dict[str, Any]:
    if isinstance(thing, BaseModel):
        fields = type(thing).model_fields
        values = {key: getattr(thing, key) for key, one in fields.items() if not one.exclude}
    else:
        public = getattr(thing, "__dict__", {})
        values = {key: value for key, value in public.items() if not key.startswith("_")}
    settings = {key: _plain(values[key], depth + 1) for key in sorted(values) if key not in silent}
    return {"class": class_of(thing), "settings": settings}


def _plain(value: Any, depth: int) -> Any:
    match value:
        case Enum():
            return _plain(value.value, depth)
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else repr(value)
    if depth > _DEEPEST:
        return class_of(value)
    match value:
        case list() | tuple():
            return [_plain(one, depth + 1) for one in value]
        case set() | frozenset():
            return sorted((_plain(one, depth + 1) for one in value), key=canonical_json)
        case dict():
            return {str(key): _plain(one, depth + 1) for key, one in value.items()}
        case BaseModel():
            return _described(value, frozenset(), depth)
    return class_of(value)
