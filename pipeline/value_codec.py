"""Values to bytes and back, exactly: what the cache keeps and what its keys are made of.

JSON, with a tag wherever JSON alone would forget something::

    None, bool, int, str, finite float   as they are
    list, dict with plain text keys      as they are
    tuple                                {"$tuple": [...]}
    any other dict                       {"$dict": [[key, value], ...]}
    nan, inf                             {"$float": "7ff8000000000000"}, IEEE 754, big-endian
    date                                 {"$date": "2024-02-29"}
    enum                                 {"$enum": ["ScoreKind", "BM25"]}
    dataclass                            {"$word": "Score", "value": 0.5, ...}

``assay.pipeline.codec`` is for files that people write: it converts and fills in.
This module converts nothing. Text keeps its code points (no Unicode normal form)
and an int in the place of a float stays an int. The bytes name classes, and
only the classes of the annotation and the words are ever made from them.
"""

from __future__ import annotations

import dataclasses
import json
import math
import struct
import types
from collections.abc import Mapping, Sequence
from datetime import date as Day
from enum import Enum
from functools import lru_cache
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from assay.pipeline import words
from assay.pipeline.errors import DataError, UsageError
from assay.pipeline.types import describe, members

_SCALARS = (types.NoneType, bool, int, float, str)
_ANYTHING = (Any, object)
_ABSTENTION = b'{"$word":"Abstention"'


class NotEncodable(UsageError):
    """A value or an annotation that the codec does not know; its node cannot be cached."""


def encode(value: object) -> bytes:
    """The value as UTF-8 JSON; equal bytes mean equal values of equal types.

    Args:
        value: a word or another dataclass, an enum, a date, a list, tuple, dict or scalar.

    Raises:
        NotEncodable: if it holds anything else, holds itself, or nests too deeply.

    >>> encode((1, 0.5, float("inf")))
    b'{"$tuple":[1,0.5,{"$float":"7ff0000000000000"}]}'
    """
    try:
        text = json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except NotEncodable as error:
        raise NotEncodable(
            f"{type(value).__name__} cannot be cached: {error}; return words, dataclasses and"
            " plain values, or leave 'cache' off for this node"
        ) from error
    except (RecursionError, ValueError) as error:
        raise NotEncodable(
            f"{type(value).__name__} cannot be cached: it holds itself, nests too deeply, or has"
            f" a number of thousands of digits ({error}); leave 'cache' off for this node"
        ) from error
    return text.encode("utf-8", "surrogatepass")


def decode(data: bytes, annotation: Any) -> Any:
    """The value that ``encode`` was given.

    Args:
        data: what ``encode`` made.
        annotation: the type that it must have, for instance a node's return annotation.

    Raises:
        DataError: if the bytes are not an encoded value, or not one of this type.

    >>> decode(encode((1, "a")), tuple[int, str])
    (1, 'a')
    """
    try:
        return _read(json.loads(data.decode("utf-8", "surrogatepass")), annotation)
    except (ValueError, TypeError, KeyError, IndexError, RecursionError, struct.error) as error:
        raise DataError(
            f"not an encoded {describe(annotation)}: {type(error).__name__}: {error}"
        ) from error


def is_abstention(data: bytes) -> bool:
    """Whether encoded bytes are an abstention, without decoding them."""
    return data.startswith(_ABSTENTION)


def check(annotation: Any) -> None:
    """See at build time whether values of this type can be cached.

    Raises:
        NotEncodable: naming the part of the annotation that cannot.

    >>> check(list[words.Ranking] | None)
    """
    _check(annotation, set())


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        if type(value).__members__.get(value.name) is not value:
            raise NotEncodable(f"{value!r} is not a member of its enum")
        return {"$enum": [_label(type(value)), value.name]}
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {"$float": struct.pack(">d", value).hex()}
    if isinstance(value, int):
        return int(value)
    kind = type(value)
    if kind is list:
        return [_plain(item) for item in value]
    if kind is tuple:
        return {"$tuple": [_plain(item) for item in value]}
    if kind in (dict, types.MappingProxyType):
        if all(type(key) is str and not key.startswith("$") for key in value):
            return {key: _plain(item) for key, item in value.items()}
        return {"$dict": [[_plain(key), _plain(item)] for key, item in value.items()]}
    if kind is Day:
        return {"$date": value.isoformat()}
    if dataclasses.is_dataclass(kind):
        return {
            "$word": _label(kind),
            **{name: _plain(getattr(value, name)) for name in _fields(kind)},
        }
    raise NotEncodable(f"it holds a {kind.__module__}.{kind.__qualname__}")


def _read(item: Any, annotation: Any) -> Any:
    options = members(annotation)
    if len(options) == 1:
        return _read_as(item, options[0])
    for option in options:
        try:
            return _read_as(item, option)
        except (TypeError, ValueError, KeyError):
            continue
    raise TypeError(f"{_found(item)} where {describe(annotation)} was expected")


def _read_as(item: Any, kind: Any) -> Any:  # noqa: PLR0912 - one branch a tag
    origin = get_origin(kind) or kind
    if origin is Annotated:
        return _read(item, get_args(kind)[0])
    if isinstance(kind, TypeVar):
        origin = kind = Any
    free = kind in _ANYTHING
    if isinstance(item, list):
        if free or origin in (list, Sequence):
            return [_read(one, _argument(kind, 0)) for one in item]
    elif not isinstance(item, dict):
        if free or (isinstance(origin, type) and isinstance(item, origin)):
            return item
        if (kind is None and item is None) or (kind is float and isinstance(item, int)):
            return item
        if origin is Literal and any(
            type(one) is type(item) and one == item for one in get_args(kind)
        ):
            return item
    else:
        tag = next(iter(item), "")
        if not tag.startswith("$"):
            if free or origin in (dict, Mapping):
                inner = _argument(kind, 1)
                return {key: _read(one, inner) for key, one in item.items()}
        elif tag == "$dict":
            if free or origin in (dict, Mapping):
                keys, inner = _argument(kind, 0), _argument(kind, 1)
                return {_read(key, keys): _read(one, inner) for key, one in item[tag]}
        elif tag == "$tuple":
            if free or origin in (tuple, Sequence):
                return _tuple(item[tag], kind)
        elif tag == "$float":
            if free or kind is float:
                return struct.unpack(">d", bytes.fromhex(item[tag]))[0]
        elif tag == "$date":
            if free or kind is Day:
                return Day.fromisoformat(item[tag])
        elif tag == "$enum":
            label, name = item[tag]
            return _class(label, _enum_of(kind))[name]
        elif tag == "$word":
            return _word(item, _class(item[tag], kind))
    raise TypeError(f"{_found(item)} where {describe(kind)} was expected")


def _tuple(items: list[Any], kind: Any) -> tuple[Any, ...]:
    arguments = get_args(kind)
    if get_origin(kind) is not tuple or arguments[1:] == (Ellipsis,):
        inner = _argument(kind, 0)
        return tuple(_read(one, inner) for one in items)
    if len(arguments) != len(items):
        raise TypeError(f"{len(items)} items where {describe(kind)} was expected")
    return tuple(_read(one, inner) for one, inner in zip(items, arguments, strict=True))


def _word(item: dict[str, Any], kind: Any) -> Any:
    hints = _fields(kind)
    if item.keys() - {"$word"} != hints.keys():
        raise TypeError(f"{kind.__name__} with the fields {', '.join(sorted(item))}")
    return kind(**{name: _read(item[name], hint) for name, hint in hints.items()})


def _argument(kind: Any, place: int) -> Any:
    arguments = get_args(kind)
    return arguments[place] if place < len(arguments) else Any


def _enum_of(kind: Any) -> Any:
    """The enum that a literal's members come from; other annotations as they are."""
    if get_origin(kind) is Literal:
        return next((type(one) for one in get_args(kind) if isinstance(one, Enum)), kind)
    return kind


def _class(label: str, kind: Any) -> Any:
    if kind in _ANYTHING:
        kind = getattr(words, label, None)
        if getattr(kind, "__module__", "") != words.__name__:
            raise TypeError(f"{label} where only words can be told from their name")
    if not isinstance(kind, type) or label != _label(kind):
        raise TypeError(f"{label} where {describe(kind)} was expected")
    return kind


def _label(kind: type) -> str:
    """A word's bare name; the full name of other classes, so that no two share one."""
    if kind.__module__ == words.__name__:
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


@lru_cache(maxsize=256)
def _fields(kind: Any) -> Mapping[str, Any]:
    """Fields of a dataclass with their types.

    Raises:
        NotEncodable: if the fields do not make the whole value, or it has no equality.
    """
    if not all(field.init for field in dataclasses.fields(kind)):
        raise NotEncodable(f"{kind.__name__} has fields that its constructor does not take")
    if kind.__eq__ is object.__eq__:
        raise NotEncodable(f"{kind.__name__} is not equal by value")
    try:
        hints = get_type_hints(kind, include_extras=True)
    except NameError as error:
        raise NotEncodable(f"a type of {kind.__name__} cannot be found: {error}") from error
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def _check(annotation: Any, seen: set[Any]) -> None:
    for kind in members(annotation):
        origin = get_origin(kind) or kind
        if origin is Annotated:
            _check(get_args(kind)[0], seen)
        elif origin in (list, tuple, dict, Mapping, Sequence):
            for one in get_args(kind):
                if one is not Ellipsis:
                    _check(one, seen)
        elif isinstance(kind, type) and dataclasses.is_dataclass(kind):
            if kind not in seen:
                seen.add(kind)
                for hint in _fields(kind).values():
                    _check(hint, seen)
        elif not (
            kind in _ANYTHING
            or kind is None
            or kind in _SCALARS
            or kind is Day
            or origin is Literal
            or (isinstance(kind, type) and issubclass(kind, Enum))
        ):
            raise NotEncodable(
                f"values of type {describe(kind)} cannot be cached: return words, dataclasses and"
                " plain values, or leave 'cache' off for this node"
            )


def _found(item: Any) -> str:
    if isinstance(item, dict):
        tag = next(iter(item), "")
        return str(item[tag] if tag == "$word" else tag if tag.startswith("$") else "dict")
    return type(item).__name__
