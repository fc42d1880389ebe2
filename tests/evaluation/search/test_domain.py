"""What a setting may be, as a space file writes it."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.evaluation.search.domain import Choice, Range, domain_of


@pytest.mark.parametrize(
    ("written", "domain", "size"),
    [
        ([10, 20], Choice((10, 20)), 2),
        (["a", None, True], Choice(("a", None, True)), 3),
        ([1, True], Choice((1, True)), 2),
        ({"low": 1, "high": 9, "int": True}, Range(1, 9, whole=True), 9),
        ({"low": 1, "high": 9, "int": True, "step": 3}, Range(1, 9, whole=True, step=3), 3),
        ({"low": 0.0, "high": 1.0, "step": 0.1}, Range(0.0, 1.0, step=0.1), 11),
        ({"low": 0.001, "high": 1, "log": True}, Range(0.001, 1, log=True), math.inf),
    ],
)
def test_a_domain_is_read(written: Any, domain: Choice | Range, size: float) -> None:
    found, problem = domain_of(written)
    assert (found, problem) == (domain, "")
    assert domain.size == size
    assert all(domain.holds(end) for end in domain.ends)


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        (3, "expected a list"),
        ("10", "expected a list"),
        (None, "expected a list"),
        ([], "at least two values"),
        ([1], "at least two values"),
        ([1, 2, 1.0], "the value 1.0 stands twice"),
        ({"low": 1}, "a range needs 'high'"),
        ({"low": 1, "hihg": 2}, "did you mean 'high'"),
        ({"low": 2, "high": 2}, "'low' must be below 'high'"),
        ({"low": 0, "high": 2, "log": True}, "above 0, since 'log'"),
        ({"low": 0.5, "high": 2, "int": True}, "whole number"),
        ({"low": True, "high": 2}, "'low' must be a number"),
        ({"low": 1, "high": math.inf}, "'high' must be a number"),
        ({"low": math.nan, "high": 2}, "'low' must be a number"),
        ({"low": 1, "high": 2, "log": "yes"}, "'log' must be true or false"),
        ({"low": 1, "high": 2, "step": 0}, "'step' must be above 0"),
        ({"low": 1, "high": 2, "step": 3}, "'step' must be above 0"),
        ({"low": 1, "high": 2, "step": 1, "log": True}, "without 'log'"),
    ],
)
def test_what_is_no_domain_says_why(written: Any, problem: str) -> None:
    found, said = domain_of(written)
    assert found is None
    assert problem in said


def test_numbers_that_rise_are_ordered_and_true_is_no_number() -> None:
    assert Choice((1, 2.5, 10)).ordered
    assert not Choice((2, 1)).ordered
    assert not Choice((False, True)).ordered
    assert not Choice((1, True)).holds(False)
    assert Choice((1, 2)).holds(2.0)


@given(
    st.floats(-1e6, 1e6),
    st.floats(1e-3, 1e6),
    st.one_of(st.none(), st.floats(0.01, 1.0)),
    st.integers(0, 100),
)
def test_a_rounded_value_lies_in_its_range(
    low: float, width: float, share: float | None, seed: int
) -> None:
    high = low + width
    step = None if share is None else width * share
    domain = Range(low, high, step=step)
    value = random.Random(seed).uniform(low, high)
    if step is not None:
        value = low + step * int((value - low) / step)
        assert low <= domain.rounded(value) <= high
    else:
        assert domain.holds(domain.rounded(value))
