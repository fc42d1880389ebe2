"""Conditions on nodes: a tiny language over typed fields that always comes to an end.

Grammar::

    condition  = conjunction, {"or", conjunction} ;
    conjunction = negation, {"and", negation} ;
    negation   = "not", negation | "(", condition, ")" | comparison ;
    comparison = path, [operator, literal | "in", "[", literal, {",", literal}, "]"] ;
    operator   = "==" | "!=" | "<" | "<=" | ">" | ">=" ;
    path       = name, {".", name} ;          (* 'query' or a node, then its fields *)
    literal    = number | "'", text, "'" | '"', text, '"' | "true" | "false" | "none" ;

``size`` is the number of things in a ranking, a selection or a list. A path by
itself is true if its value is. Where a node gave an abstention or did not run, or a
field holds nothing, a comparison is false. There are no calls, no loops and no
access to anything but declared fields.
"""

from __future__ import annotations

import dataclasses
import operator
import re
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Any, Literal, get_args, get_origin, get_type_hints

from assay.pipeline.errors import UsageError, nearest
from assay.pipeline.types import describe, members
from assay.pipeline.words import Abstention, Ranking, Selection, Skipped

LONGEST = 1000
"""Most characters of a condition."""

DEEPEST = 20
"""Most brackets and negations inside one another."""

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'[^']*'|\"[^\"]*\")|(?P<number>-?\d+(?:\.\d+)?)|(?P<operator>==|!=|<=|>=|<|>)"
    r"|(?P<sign>[()\[\],])|(?P<path>[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z_][A-Za-z0-9_-]*)*))"
)
_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_WORDS: Mapping[str, bool | None] = {"true": True, "false": False, "none": None}
_RESERVED = {"and", "or", "not", "in", *_WORDS}
_NOTHING = object()

Scalar = str | float | bool | None
Test = Callable[[Mapping[str, Any]], bool]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A path, and what its value is compared with.

    Args:
        path: the node (or ``query``), then fields.
        operator: one of the six, ``in``, or ``""`` for a path by itself.
        literals: one, or the members of a list.
    """

    path: tuple[str, ...]
    operator: str
    literals: tuple[Scalar, ...]


@dataclass(frozen=True)
class Condition:
    """A condition that was read.

    Args:
        text: as written.
        comparisons: in the order written.
        test: whether it holds, given the outputs of ``names`` by name.
    """

    text: str
    comparisons: tuple[Comparison, ...]
    test: Test

    @property
    def names(self) -> tuple[str, ...]:
        """The nodes it looks at, ``query`` among them, each once."""
        return tuple(dict.fromkeys(one.path[0] for one in self.comparisons))


def read_condition(text: str) -> Condition:
    """Read a condition.

    Raises:
        UsageError: naming the place in the text and what was expected.

    >>> read_condition("fused.size >= 3 and not query.language == 'de'").names
    ('fused', 'query')
    """
    if len(text) > LONGEST:
        raise UsageError(f"a condition has at most {LONGEST} characters, found {len(text)}")
    reader = _Reader(text)
    test = reader.alternatives(0)
    reader.end()
    return Condition(text, tuple(reader.comparisons), test)


def check_types(condition: Condition, outputs: Mapping[str, Any]) -> list[str]:
    """What is wrong with the paths and literals of a condition, a sentence each.

    Args:
        condition: names only nodes that are in ``outputs``.
        outputs: name to the type of what it gives.
    """
    wrong = []
    for one in condition.comparisons:
        for member in members(outputs[one.path[0]]):
            if member in (Abstention, Skipped):
                continue
            sentence = _check_path(one, member)
            if sentence:
                wrong.append(sentence)
                break
    return wrong


def _check_path(one: Comparison, kind: Any) -> str | None:
    walked = one.path[0]
    for field in one.path[1:]:
        parts = [part for part in members(kind) if part is not types.NoneType]
        known: dict[str, Any] = {}
        for part in parts:
            known.update(_fields(part))
        if field not in known:
            return f"'{walked}' ({describe(kind)}) has no field '{field}'; {nearest(field, known)}"
        walked, kind = f"{walked}.{field}", known[field]
    scalars = [_scalar(part) for part in members(kind)]
    if None in scalars:
        return f"'{walked}' is a {describe(kind)}; compare a field of it that is text or a number"
    for literal in one.literals:
        found = "nothing" if literal is None else _scalar(type(literal))
        if found not in scalars and found != "nothing":
            return f"'{walked}' is {' or '.join(map(str, scalars))}, {literal!r} is {found}"
        if one.operator in ("<", "<=", ">", ">=") and found not in ("number", "text"):
            return f"'{one.operator}' compares numbers or texts, found {literal!r}"
    return None


def _fields(kind: Any) -> dict[str, Any]:
    origin = get_origin(kind) or kind
    found: dict[str, Any] = {}
    if origin in (tuple, list, dict) or origin in (Ranking, Selection):
        found["size"] = int
    if dataclasses.is_dataclass(origin) and isinstance(origin, type):
        hints = get_type_hints(origin)
        found |= {one.name: hints[one.name] for one in dataclasses.fields(origin)}
    return found


def _scalar(kind: Any) -> str | None:
    """What a field's type is called in messages; None for what cannot be compared."""
    if kind is types.NoneType:
        return "nothing"
    if get_origin(kind) is Literal:
        return _scalar(type(get_args(kind)[0]))
    if isinstance(kind, type):
        if issubclass(kind, bool):
            return "truth value"
        if issubclass(kind, int | float):
            return "number"
        if issubclass(kind, str | Enum | date):
            return "text"
    return None


def _value(path: tuple[str, ...], values: Mapping[str, Any]) -> Any:
    """The value at a path as a scalar; ``_NOTHING`` where there is none."""
    value = values[path[0]]
    for field in path[1:]:
        if value is None or isinstance(value, Abstention | Skipped):
            return _NOTHING
        if field == "size" and not hasattr(value, "size"):
            value = len(_things(value))
        else:
            value = getattr(value, field, _NOTHING)
    if isinstance(value, Abstention | Skipped):
        return _NOTHING
    if isinstance(value, Enum):
        return value.value
    return value.isoformat() if isinstance(value, date) else value


def _things(value: Any) -> Any:
    match value:
        case Ranking():
            return value.hits
        case Selection():
            return value.kept
        case _:
            return value


class _Reader:
    """Recursive descent over the grammar in the module's docstring."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.place = 0
        self.comparisons: list[Comparison] = []

    def alternatives(self, depth: int) -> Test:
        tests = [self.conjunction(depth)]
        while self.take("or"):
            tests.append(self.conjunction(depth))
        return tests[0] if len(tests) == 1 else lambda values: any(one(values) for one in tests)

    def conjunction(self, depth: int) -> Test:
        tests = [self.negation(depth)]
        while self.take("and"):
            tests.append(self.negation(depth))
        return tests[0] if len(tests) == 1 else lambda values: all(one(values) for one in tests)

    def negation(self, depth: int) -> Test:
        if depth > DEEPEST:
            raise UsageError(f"a condition is at most {DEEPEST} brackets and negations deep")
        if self.take("not"):
            inner = self.negation(depth + 1)
            return lambda values: not inner(values)
        if self.take("("):
            inner = self.alternatives(depth + 1)
            self.need(")")
            return inner
        return self.comparison()

    def comparison(self) -> Test:
        kind, word = self.next("a field such as query.language")
        if kind != "path" or word in _RESERVED:
            raise self.wrong("a field such as query.language", word)
        path = tuple(word.split("."))
        sign = ""
        literals: tuple[Scalar, ...] = ()
        ahead = self.peek()
        if ahead[0] == "operator":
            sign = self.next("")[1]
            literals = (self.literal(),)
        elif ahead == ("path", "in"):
            sign = self.next("")[1]
            self.need("[")
            found = [self.literal()]
            while self.take(","):
                found.append(self.literal())
            self.need("]")
            literals = tuple(found)
        one = Comparison(path, sign, literals)
        self.comparisons.append(one)
        return lambda values: _holds(one, values)

    def literal(self) -> Scalar:
        kind, word = self.next("a number, a quoted text, true, false or none")
        if kind == "text":
            return word[1:-1]
        if kind == "number":
            return float(word)
        if word in _WORDS:
            return _WORDS[word]
        raise self.wrong("a number, a quoted text, true, false or none", word)

    def peek(self) -> tuple[str, str]:
        found = _TOKEN.match(self.text, self.place)
        if found is None or found.lastgroup is None:
            return ("end", "")
        return (found.lastgroup, found[found.lastgroup])

    def next(self, expected: str) -> tuple[str, str]:
        kind, word = self.peek()
        found = _TOKEN.match(self.text, self.place)
        if found is None:
            raise self.wrong(expected, self.text[self.place :].strip()[:10])
        self.place = found.end()
        return kind, word

    def take(self, word: str) -> bool:
        if self.peek()[1] == word and self.peek()[0] in ("path", "sign"):
            self.next(word)
            return True
        return False

    def need(self, word: str) -> None:
        if not self.take(word):
            raise self.wrong(f"'{word}'", self.peek()[1])

    def end(self) -> None:
        rest = self.text[self.place :].strip()
        if rest:
            raise self.wrong("'and', 'or' or the end", rest[:10])

    def wrong(self, expected: str, found: str) -> UsageError:
        what = f"'{found}'" if found else "the end"
        return UsageError(
            f"condition '{self.text}', character {self.place + 1}: expected {expected},"
            f" found {what}"
        )


def _holds(one: Comparison, values: Mapping[str, Any]) -> bool:
    value = _value(one.path, values)
    if value is _NOTHING:
        return False
    if not one.operator:
        return bool(value)
    if one.operator == "in":
        return value in one.literals
    if one.operator in ("==", "!="):
        return _OPERATORS[one.operator](value, one.literals[0])
    return _ordered(value, one.literals[0]) and _OPERATORS[one.operator](value, one.literals[0])


def _ordered(value: Any, literal: Scalar) -> bool:
    """Whether one comes before the other: two numbers or two texts; nothing else does."""
    kinds = ((int, float), str)
    return any(isinstance(value, kind) and isinstance(literal, kind) for kind in kinds)
