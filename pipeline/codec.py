"""Words to JSON and back."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from assay.pipeline.errors import DataError
from assay.pipeline.record import RunRecord

Word = TypeVar("Word")


@lru_cache(maxsize=64)
def _adapter(word: Any) -> TypeAdapter[Any]:
    return TypeAdapter(word)


def to_json(word: object) -> Any:
    """A word as plain JSON values (dict, list, str, int, float, bool, None)."""
    if isinstance(word, RunRecord):
        word = word.settled()
    kind: Any = type(word)
    return _adapter(kind).dump_python(word, mode="json")


def from_json(word: type[Word], data: object) -> Word:
    """A word from plain JSON values.

    Raises:
        DataError: if the data does not fit the word.

    >>> from assay.pipeline.words import Scope
    >>> from_json(Scope, to_json(Scope("acme", ("audit",))))
    Scope(tenant='acme', roles=('audit',))
    """
    kind: Any = word
    try:
        result: Word = _adapter(kind).validate_python(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the value"
        raise DataError(f"not a {word.__name__}: {place}: {first['msg']}") from error
    return result
