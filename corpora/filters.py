"""Filters on metadata: a small language with typed values that always comes to an end.

Grammar::

    filter      = conjunction, {"or", conjunction} ;
    conjunction = negation, {"and", negation} ;
    negation    = "not", negation | "(", filter, ")" | test ;
    test        = field, (operator, value | ["not"], "in", "(", value, {",", value}, ")"
                          | "is", ["not"], "null") ;
    operator    = "=" | "!=" | "<" | "<=" | ">" | ">=" ;
    field       = name | "`", any text, "`" ;
    value       = number | date | "'", text, "'" | '"', text, '"' | "true" | "false" ;

Words may be written in capitals. A quotation mark inside its own quotes is doubled. A date is
``2024-01-31``, and a quoted text of just that form is a date too.

Truth has three values. A comparison is *unknown* where the field is missing and where the
types differ; the value in the filter decides the type: a number is compared with numbers, a
truth value with truth values, a text with texts (by code point), a date with dates and with
texts that begin with an ISO date (of a timestamp, its day). ``not`` of unknown is unknown;
``and`` is false if one part is false, else unknown if one is; ``or`` is true if one part is
true, else unknown if one is; ``in`` is ``or`` over ``=``. ``is null`` is true where the field
is missing, never unknown. A filter holds only where it is true, so neither ``year = 2020`` nor
``not year = 2020`` holds for a document without a year.
"""

from __future__ import annotations

import math
import operator
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date as Day
from datetime import datetime
from typing import Any, Literal, TypeAlias, get_args

from assay.pipeline.errors import UsageError
from assay.pipeline.words import Scalar

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""

LONGEST = 50_000
"""Most characters of a filter as text."""

DEEPEST = 50
"""Most filters inside one another, and most brackets and negations."""

Operator = Literal["=", "!=", "<", "<=", ">", ">="]
Value: TypeAlias = Scalar | Day
Filter: TypeAlias = "And | Or | Not | Compare | In | IsNull"

OPERATORS: tuple[str, ...] = get_args(Operator)
_TESTS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
RESERVED = ("and", "or", "not", "in", "is", "null", "true", "false")
"""Words that are a field only between backticks."""

_NAME = re.compile(r"[^\W\d][\w.-]*")
_ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_INTEGERS = range(-(2**63), 2**63)


class _Node(ABC):
    """What all six share."""

    __slots__ = ()

    @abstractmethod
    def truth(self, metadata: Mapping[str, Value]) -> bool | None:
        """Whether it is true of these labels; None where that is unknown."""

    @abstractmethod
    def to_text(self) -> str:
        """The filter as text; ``parse`` makes the same filter of it. Right as a cache's key,
        which the filter itself is not: in Python ``1 == True``."""

    @property
    @abstractmethod
    def parts(self) -> tuple[Filter, ...]:
        """The filters directly inside."""

    def holds(self, metadata: Mapping[str, Value]) -> bool:
        """Whether it is known to be true of these labels."""
        return self.truth(metadata) is True

    def fields(self) -> frozenset[str]:
        """The names of all fields that it looks at."""
        return frozenset().union(*(part.fields() for part in self.parts))

    @property
    def depth(self) -> int:
        """How many filters lie inside one another, itself not counted."""
        return max((part.depth + 1 for part in self.parts), default=0)


class _Leaf(_Node):
    """What the three that look at one field share."""

    __slots__ = ()
    field: str

    @property
    def parts(self) -> tuple[Filter, ...]:
        """None."""
        return ()

    def fields(self) -> frozenset[str]:
        """The one field."""
        return frozenset((self.field,))


@dataclass(frozen=True, slots=True)
class And(_Node):
    """All of two or more filters.

    Raises:
        UsageError: for fewer than two, and where they are too deep.
    """

    parts: tuple[Filter, ...]

    def __post_init__(self) -> None:
        _check_parts(self, "and")

    def truth(self, metadata: Mapping[str, Value]) -> bool | None:
        """False if one part is, else unknown if one part is."""
        found: bool | None = True
        for part in self.parts:
            one = part.truth(metadata)
            if one is False:
                return False
            found = None if one is None else found
        return found

    def to_text(self) -> str:
        """See the module."""
        return " and ".join(_enclosed(part) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Or(_Node):
    """At least one of two or more filters.

    Raises:
        UsageError: for fewer than two, and where they are too deep.
    """

    parts: tuple[Filter, ...]

    def __post_init__(self) -> None:
        _check_parts(self, "or")

    def truth(self, metadata: Mapping[str, Value]) -> bool | None:
        """True if one part is, else unknown if one part is."""
        found: bool | None = False
        for part in self.parts:
            one = part.truth(metadata)
            if one is True:
                return True
            found = None if one is None else found
        return found

    def to_text(self) -> str:
        """See the module."""
        return " or ".join(_enclosed(part) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Not(_Node):
    """The opposite of a filter; unknown where that is unknown.

    Raises:
        UsageError: where it is too deep.
    """

    part: Filter

    def __post_init__(self) -> None:
        check_depth(self.depth)

    @property
    def parts(self) -> tuple[Filter, ...]:
        """The one filter inside."""
        return (self.part,)

    def truth(self, metadata: Mapping[str, Value]) -> bool | None:
        """The opposite."""
        found = self.part.truth(metadata)
        return None if found is None else not found

    def to_text(self) -> str:
        """See the module."""
        return f"not {_enclosed(self.part)}"


@dataclass(frozen=True, slots=True)
class Compare(_Leaf):
    """A field against a value.

    Args:
        field: the label's name.
        operator: one of the six; truth values know only ``=`` and ``!=``.
        value: a text that is an ISO date becomes a date.

    Raises:
        UsageError: for a value that cannot be compared, and for an unknown operator.
    """

    field: str
    operator: Operator
    value: Value

    def __post_init__(self) -> None:
        _check_field(self.field)
        if self.operator not in OPERATORS:
            raise UsageError(
                f"filter on '{self.field}': expected one of {' '.join(OPERATORS)},"
                f" found '{self.operator}'"
            )
        object.__setattr__(self, "value", _checked(self.field, self.value))
        if isinstance(self.value, bool) and self.operator not in ("=", "!="):
            raise UsageError(
                f"filter on '{self.field}': truth values have no order; expected = or !=,"
                f" found '{self.operator}'"
            )

    def truth(self, metadata: Mapping[str, Value]) -> bool | None:
        """Unknown for a missing field and another type."""
        found = _alike(metadata.get(self.field), self.value)
        return None if found is None else _TESTS[self.operator](found, self.value)

    def to_text(self) -> str:
        """See the module."""
        return f"{_field_text(self.field)} {self.operator} {_value_text(self.value)}"


@dataclass(frozen=True, slots=True)
class In(_Leaf):
    """A field that equals one of some values; the same as ``Or`` over ``=``.

    Raises:
        UsageError: for no value, and for a value that cannot be compared.
    """

    field: str
    values: tuple[Value, ...]

    def __post_init__(self) -> None:
        _check_field(self.field)
        if not self.values:
            raise UsageError(
                f"filter on '{self.field}': 'in' expects one value or more, found none"
            )
        checked = tuple(_checked(self.field, value) for value in self.values)
        object.__setattr__(self, "values", checked)

    def truth(self, metadata: Mapping[str, Value]) -> bool | None:
        """True if one is equal, else unknown if one has another type."""
        raw = metadata.get(self.field)
        unknown = False
        for value in self.values:
            found = _alike(raw, value)
            if found is None:
                unknown = True
            elif found == value:
                return True
        return None if unknown else False

    def to_text(self) -> str:
        """See the module."""
        return f"{_field_text(self.field)} in ({', '.join(map(_value_text, self.values))})"


@dataclass(frozen=True, slots=True)
class IsNull(_Leaf):
    """A field that is missing; never unknown. An empty text is not missing."""

    field: str

    def __post_init__(self) -> None:
        _check_field(self.field)

    def truth(self, metadata: Mapping[str, Value]) -> bool | None:
        """Whether it is missing."""
        return metadata.get(self.field) is None

    def to_text(self) -> str:
        """See the module."""
        return f"{_field_text(self.field)} is null"


def parse(text: str) -> Filter:
    """Read a filter.

    Raises:
        UsageError: naming the place in the text, what was expected and what was found.

    >>> found = parse("year >= 2020 and not kind in ('draft', 'note')")
    >>> found.holds({"year": 2021, "kind": "report"}), found.holds({"year": 2021})
    (True, False)
    >>> parse(found.to_text()) == found
    True
    """
    from assay.corpora.filter_reader import read  # it builds what this module defines

    return read(text)


def from_mapping(mapping: Mapping[str, object]) -> Filter:
    """A filter from JSON-like data; several keys are all needed.

    ``{"lang": "en"}`` is ``=``, ``{"lang": ["en", "de"]}`` is ``in``, ``{"lang": None}`` is
    ``is null``, ``{"year": {">=": 2020, "<": 2024}}`` are comparisons, with the six operators,
    ``in``, ``not in`` and ``null`` (true or false). ``all`` and ``any`` take lists of mappings
    and ``not`` a mapping; fields with these three names need the language of ``parse``.

    Raises:
        UsageError: naming the key, what was expected and what was found.

    >>> from_mapping({"year": {">=": 2020}, "any": [{"lang": "en"}, {"lang": None}]}).to_text()
    "year >= 2020 and (lang = 'en' or lang is null)"
    """
    from assay.corpora.filter_mapping import build  # it builds what this module defines

    return build(mapping)


def iso_day(text: str) -> Day | None:
    """The date that a text is in ISO form, or begins with before a time; else None.

    >>> iso_day("2024-01-31T10:00:00Z"), iso_day("2024-02-31"), iso_day("31.1.2024")
    (datetime.date(2024, 1, 31), None, None)
    """
    if not _ISO_DAY.match(text) or (len(text) > 10 and text[10] not in "Tt "):
        return None
    try:
        return Day.fromisoformat(text[:10])
    except ValueError:
        return None  # such as the 31st of February: a text like any other


def _alike(found: Value | None, value: Value) -> Value | None:
    """What a label holds, as something of the value's type; None where it is not that."""
    match value:
        case bool():
            return found if isinstance(found, bool) else None
        case int() | float():
            if isinstance(found, bool) or not isinstance(found, int | float):
                return None
            return None if math.isnan(found) else found
        case str():
            return found if isinstance(found, str) else None
        case _:
            if isinstance(found, datetime):
                return found.date()
            return iso_day(found) if isinstance(found, str) else _day(found)


def _day(found: Value | None) -> Day | None:
    return found if isinstance(found, Day) else None


def _checked(field: str, value: object) -> Value:
    if isinstance(value, datetime):
        value = value.date()
    if isinstance(value, str):
        day = iso_day(value) if len(value) == 10 else None
        return value if day is None else day
    if isinstance(value, bool | Day):
        return value
    if isinstance(value, int) and value in _INTEGERS:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    kind = "" if value is None else f" ({type(value).__name__})"
    advice = "; test for a missing field with 'is null'" if value is None else ""
    shown = f"{value:.3g}" if isinstance(value, float) else ""
    if isinstance(value, int):
        shown = f"one of {value.bit_length()} bits"
    raise UsageError(
        f"filter on '{field:.60}': expected a text, a finite number of at most 64 bits, a date,"
        f" true or false, found {shown or f'{value!r:.60}'}{kind}{advice}"
    )


def _check_field(field: str) -> None:
    if not isinstance(field, str) or not field:
        raise UsageError(f"a filter expects the name of a field, found {field!r:.60}")


def _check_parts(node: And | Or, word: str) -> None:
    if len(node.parts) < 2:
        raise UsageError(f"'{word}' joins two filters or more, found {len(node.parts)}")
    check_depth(node.depth)


def check_depth(depth: int) -> None:
    """Nothing up to ``DEEPEST``.

    Raises:
        UsageError: for more.
    """
    if depth > DEEPEST:
        raise UsageError(f"a filter is at most {DEEPEST} deep")


def _enclosed(part: Filter) -> str:
    return f"({part.to_text()})" if isinstance(part, And | Or) else part.to_text()


def _field_text(field: str) -> str:
    if _NAME.fullmatch(field) and field.lower() not in RESERVED:
        return field
    return f"`{field.replace('`', '``')}`"


def _value_text(value: Value) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return "'" + value.replace("'", "''") + "'"
        case int() | float():
            return repr(value)
        case _:
            return value.isoformat()
