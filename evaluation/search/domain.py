"""What a setting may be: one of some values, or a number of a range."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from assay.pipeline.errors import nearest

_KEYS = ("low", "high", "log", "int", "step")


def same(one: object, other: object) -> bool:
    """Whether two values of a config are the same: 1 and 1.0 are, 1 and true are not."""
    return isinstance(one, bool) == isinstance(other, bool) and one == other


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some values, each plain data."""

    values: tuple[Any, ...]

    @property
    def ordered(self) -> bool:
        """Whether the values are numbers that rise, so that near ones are alike."""
        numbers = [one for one in self.values if type(one) in (int, float)]
        return len(numbers) == len(self.values) and all(
            left < right for left, right in pairwise(numbers)
        )

    @property
    def ends(self) -> tuple[Any, ...]:
        """Values to try when the space is checked: all."""
        return self.values

    def holds(self, value: object) -> bool:
        """Whether it is one of the values."""
        return any(same(one, value) for one in self.values)

    def place(self, value: object) -> int:
        """Where a value stands, counted from 0; ValueError if it is none of them."""
        for place, one in enumerate(self.values):
            if same(one, value):
                return place
        raise ValueError(f"{value!r} is none of the values")

    @property
    def size(self) -> float:
        """How many values there are."""
        return len(self.values)


@dataclass(frozen=True, slots=True)
class Range:
    """A number from ``low`` to ``high``, both included.

    Args:
        low: least value.
        high: largest value.
        log: whether factors count rather than differences.
        whole: whether only whole numbers are taken.
        step: distance of the values from one another, None for any.
    """

    low: float
    high: float
    log: bool = False
    whole: bool = False
    step: float | None = None

    def rounded(self, value: float) -> float:
        """A value of the range as people write it: four digits, or on its step.

        >>> Range(0.0, 2.0).rounded(0.96034192), Range(0.12344, 1.0).rounded(0.123441)
        (0.9603, 0.12344)
        """
        digits = 4 if self.step is None else 12
        return min(max(float(f"{value:.{digits}g}"), self.low), self.high)

    @property
    def ends(self) -> tuple[Any, ...]:
        """Values to try when the space is checked: the two ends."""
        if self.step is None or math.isinf(self.size):
            return (self.low, self.high)
        last = self.low + self.step * (int(self.size) - 1)
        return (self.low, last if self.whole else self.rounded(last))

    def holds(self, value: object) -> bool:
        """Whether a number lies in the range, on a step."""
        if not isinstance(value, int if self.whole else (int, float)) or isinstance(value, bool):
            return False
        if not self.low <= value <= self.high:
            return False
        steps = 0.0 if self.step is None else float(value - self.low) / self.step
        return abs(steps - round(steps)) < 1e-9

    @property
    def size(self) -> float:
        """How many values there are; infinite for a range of fractions without a step."""
        if self.step is None and not self.whole:
            return math.inf
        return math.floor((self.high - self.low) / (self.step or 1) + 1e-9) + 1


Domain = Choice | Range


def domain_of(written: Any) -> tuple[Domain | None, str]:
    """A domain as a space file writes it, or what is wrong with it.

    >>> domain_of([1, 2])
    (Choice(values=(1, 2)), '')
    >>> domain_of({"low": 1, "hihg": 3})[1]
    "unknown key 'hihg'; did you mean 'high'?"
    """
    if isinstance(written, list):
        return _choice(written)
    if not isinstance(written, dict):
        return None, "expected a list of values, or a range such as {low: 1, high: 50}"
    for key in written:
        if key not in _KEYS:
            return None, f"unknown key '{key}'; {nearest(str(key), _KEYS)}"
    return _range(written)


def _choice(written: Sequence[Any]) -> tuple[Domain | None, str]:
    if len(written) < 2:
        return None, f"a list needs at least two values to choose from, found {len(written)}"
    for place, value in enumerate(written):
        if Choice(tuple(written[:place])).holds(value):
            return None, f"the value {value!r} stands twice"
    return Choice(tuple(written)), ""


def _range(written: dict[str, Any]) -> tuple[Domain | None, str]:
    for key in ("low", "high"):
        if key not in written:
            return None, f"a range needs '{key}'"
    for key in ("log", "int"):
        if type(written.get(key, False)) is not bool:
            return None, f"'{key}' must be true or false, found {written[key]!r}"
    whole, log = written.get("int", False), written.get("log", False)
    for key in ("low", "high", "step"):
        value = written.get(key, 1)
        if type(value) not in (int, float) or not math.isfinite(value):
            return None, f"'{key}' must be a number, found {value!r}"
        if whole and type(value) is not int:
            return None, f"'{key}' must be a whole number, since 'int' is true; found {value!r}"
    low, high, step = written["low"], written["high"], written.get("step")
    if not low < high:
        return None, f"'low' must be below 'high', found {low} and {high}"
    if log and low <= 0:
        return None, f"'low' must be above 0, since 'log' is true; found {low}"
    if step is not None and (log or not 0 < step <= high - low):
        return None, "'step' must be above 0, not larger than the range, and without 'log'"
    return Range(low, high, log, whole, step), ""
