"""Makes filters of JSON-like data; ``filters.from_mapping`` says how it is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from assay.corpora.filters import (
    LONGEST,
    OPERATORS,
    And,
    Compare,
    Filter,
    In,
    IsNull,
    Not,
    Operator,
    Or,
    Value,
    check_depth,
)
from assay.pipeline.errors import UsageError


def build(mapping: Mapping[str, object]) -> Filter:
    """The filter that a mapping says.

    Raises:
        UsageError: naming the key, what was expected and what was found.
    """
    made = _filter(mapping, "", 0)
    if (length := len(made.to_text())) > LONGEST:
        raise UsageError(f"a filter has at most {LONGEST} characters as text, found {length}")
    return made


def _filter(given: object, place: str, depth: int) -> Filter:
    check_depth(depth)
    where = f"filter, '{place}'" if place else "filter"
    if not isinstance(given, Mapping) or not given:
        raise UsageError(f"{where}: expected a mapping with one key or more, found {given!r:.60}")
    made: list[Filter] = []
    for key, value in given.items():
        inner = f"{place}.{key}" if place else str(key)
        if not isinstance(key, str):
            raise UsageError(f"{where}: expected the name of a field, found {key!r:.60}")
        if key in ("all", "any"):
            if not isinstance(value, list | tuple) or not value:
                raise UsageError(f"filter, '{inner}': expected a list, found {value!r:.60}")
            inside = [
                _filter(one, f"{inner}[{index}]", depth + 1) for index, one in enumerate(value)
            ]
            made.append(_joined(inside, And if key == "all" else Or))
        elif key == "not":
            made.append(Not(_filter(value, inner, depth + 1)))
        elif isinstance(value, Mapping):
            made.append(_joined(_tests(key, value, inner), And))
        else:
            made.append(_equal(key, value))
    return _joined(made, And)


def _tests(field: str, given: Mapping[Any, Any], place: str) -> list[Filter]:
    made: list[Filter] = []
    for key, value in given.items():
        if key in OPERATORS:
            made.append(Compare(field, cast(Operator, key), value))
        elif key in ("in", "not in") and isinstance(value, list | tuple):
            one = In(field, tuple(value))
            made.append(one if key == "in" else Not(one))
        elif key == "null" and isinstance(value, bool):
            made.append(IsNull(field) if value else Not(IsNull(field)))
        else:
            raise UsageError(
                f"filter, '{place}': expected {' '.join(OPERATORS)} with a value, 'in' or 'not in'"
                f" with a list, or 'null' with true or false, found {key!r:.60}: {value!r:.60}"
            )
    if not made:
        raise UsageError(f"filter, '{place}': expected a comparison such as {{'>=': 2020}}")
    return made


def _equal(field: str, value: object) -> Filter:
    if value is None:
        return IsNull(field)
    if isinstance(value, list | tuple):
        return In(field, tuple(value))
    return Compare(field, "=", cast(Value, value))


def _joined(parts: list[Filter], kind: type[And] | type[Or]) -> Filter:
    return parts[0] if len(parts) == 1 else kind(tuple(parts))
