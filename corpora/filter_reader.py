"""Reads the language of ``filters``: recursive descent over the grammar in its docstring."""

from __future__ import annotations

import re
from typing import cast

from assay.corpora.filters import (
    DEEPEST,
    LONGEST,
    OPERATORS,
    RESERVED,
    And,
    Compare,
    Filter,
    In,
    IsNull,
    Not,
    Operator,
    Or,
    Value,
    iso_day,
)
from assay.pipeline.errors import UsageError

_SPACE = re.compile(r"\s*")
_TOKEN = re.compile(
    r"(?P<text>'(?:[^']|'')*+'|\"(?:[^\"]|\"\")*+\")"
    r"|(?P<quoted>`(?:[^`]|``)++`)"
    r"|(?P<date>\d{4}-\d{2}-\d{2}(?![\w.-]))"
    r"|(?P<number>-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![\w.]))"
    r"|(?P<operator>==|<>|!=|<=|>=|=|<|>)"
    r"|(?P<sign>[(),])"
    r"|(?P<name>[^\W\d][\w.-]*)"
)
_VALUE = "a number, a date such as 2024-01-31, a quoted text, true or false"
_FIELD = "a field, 'not' or '('"
_SHOWN = 60


def read(text: str) -> Filter:
    """The filter that a text says.

    Raises:
        UsageError: naming the place in the text, what was expected and what was found.
    """
    if len(text) > LONGEST:
        raise UsageError(f"a filter has at most {LONGEST} characters, found {len(text)}")
    reader = _Reader(text)
    found = reader.alternatives(0)
    reader.end()
    return found


class _Reader:
    """Holds the text and the place that was reached in it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.place = 0

    def alternatives(self, depth: int) -> Filter:
        parts = [self.conjunction(depth)]
        while self.take("or"):
            parts.append(self.conjunction(depth))
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def conjunction(self, depth: int) -> Filter:
        parts = [self.negation(depth)]
        while self.take("and"):
            parts.append(self.negation(depth))
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def negation(self, depth: int) -> Filter:
        if depth > DEEPEST:
            raise self.wrong(f"at most {DEEPEST} brackets and negations inside one another")
        if self.take("not"):
            return Not(self.negation(depth + 1))
        if self.take("("):
            inner = self.alternatives(depth + 1)
            self.need(")", "'and', 'or' or ')'")
            return inner
        return self.test()

    def test(self) -> Filter:
        kind, word = self.peek()
        if kind not in ("name", "quoted"):
            raise self.wrong(_FIELD)
        self.step()
        field = word[1:-1].replace("``", "`") if kind == "quoted" else word
        if self.take("in"):
            return In(field, self.values())
        if self.take("not"):
            self.need("in", "'in'")
            return Not(In(field, self.values()))
        if self.take("is"):
            negated = self.take("not")
            self.need("null", "'null'" if negated else "'null' or 'not null'")
            return Not(IsNull(field)) if negated else IsNull(field)
        kind, word = self.peek()
        if kind != "operator" or word not in OPERATORS:
            raise self.wrong(f"one of {' '.join(OPERATORS)}, 'in', 'not in' or 'is' behind a field")
        start = self.step()
        value = self.value()
        if isinstance(value, bool) and word not in ("=", "!="):
            self.place = start
            raise self.wrong("= or != before true or false, which have no order")
        return Compare(field, cast(Operator, word), value)

    def values(self) -> tuple[Value, ...]:
        self.need("(", "'('")
        found = [self.value()]
        while self.take(","):
            found.append(self.value())
        self.need(")", "',' or ')'")
        return tuple(found)

    def value(self) -> Value:
        kind, word = self.peek()
        value: Value | None = None
        match kind:
            case "text":
                value = word[1:-1].replace(word[0] * 2, word[0])
            case "date":
                value = iso_day(word)
            case "number":
                value = _number(word)
            case "word":
                value = {"true": True, "false": False}.get(word)
        if value is None:
            advice = "; a missing field is found by 'is null'" if word == "null" else ""
            raise self.wrong(_VALUE + advice)
        self.step()
        return value

    def peek(self) -> tuple[str, str]:
        """The kind and the word of the next token; ``word`` is the kind of reserved ones."""
        self.place = cast("re.Match[str]", _SPACE.match(self.text, self.place)).end()
        found = _TOKEN.match(self.text, self.place)
        if found is None or found.lastgroup is None:
            return ("end", "")
        word = found[0]
        if found.lastgroup == "name" and word.lower() in RESERVED:
            return ("word", word.lower())
        return (found.lastgroup, word)

    def step(self) -> int:
        """Go behind the token that ``peek`` showed; returns where it began."""
        start = self.place
        self.place = cast("re.Match[str]", _TOKEN.match(self.text, start)).end()
        return start

    def take(self, word: str) -> bool:
        if self.peek() in (("word", word), ("sign", word)):
            self.step()
            return True
        return False

    def need(self, word: str, expected: str) -> None:
        if not self.take(word):
            raise self.wrong(expected)

    def end(self) -> None:
        self.peek()
        if self.place < len(self.text):
            raise self.wrong("'and', 'or' or the end")

    def wrong(self, expected: str) -> UsageError:
        kind, word = self.peek()
        rest = self.text[self.place :][:_SHOWN]
        found = f"'{word[:_SHOWN]}'" if word else "the end"
        if kind == "end" and rest:
            quote = rest[0] if rest[0] in "'\"`" else ""
            found = f"a {quote} that is not closed" if quote else f"'{rest[:10]}'"
        start = max(self.place - _SHOWN, 0)
        near = self.text[start : self.place + _SHOWN]
        shown = f"{'…' if start else ''}{near}{'…' if start + len(near) < len(self.text) else ''}"
        return UsageError(
            f"filter '{shown}', character {self.place + 1}: expected {expected}, found {found}"
        )


def _number(word: str) -> int | float | None:
    """None for what does not fit 64 bits."""
    if word.lstrip("-").isdigit():
        number = int(word) if len(word) < 21 else 2**64
        return number if -(2**63) <= number < 2**63 else None
    real = float(word)
    return real if abs(real) != float("inf") else None
