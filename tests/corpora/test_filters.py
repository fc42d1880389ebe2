from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date as Day
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.corpora.filters import (
    DEEPEST,
    LONGEST,
    OPERATORS,
    And,
    Compare,
    Filter,
    In,
    IsNull,
    Not,
    Or,
    Value,
    from_mapping,
    parse,
)
from assay.pipeline.errors import UsageError

FIELDS = st.one_of(
    st.sampled_from(
        ["year", "lang", "day", "and", "NULL", "Preis in EUR", "a`b", "größe", "a.b-c"]
    ),
    st.text(min_size=1, max_size=5),
)
TEXTS = st.one_of(
    st.sampled_from(["", "en", "it's", 'say "x"', "2024-01-31", "2024-02-31", "1", "true", "a\nb"]),
    st.text(max_size=5),
)
VALUES: st.SearchStrategy[Any] = st.one_of(
    TEXTS,
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-2, 2),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.dates(),
    st.dates(Day(2024, 1, 1), Day(2024, 1, 4)),
)
LEAVES: st.SearchStrategy[Any] = st.one_of(
    st.builds(
        Compare, FIELDS, st.sampled_from(OPERATORS), VALUES.filter(lambda v: v not in (True, False))
    ),
    st.builds(Compare, FIELDS, st.sampled_from(["=", "!="]), VALUES),
    st.builds(In, FIELDS, st.lists(VALUES, min_size=1, max_size=4).map(tuple)),
    st.builds(IsNull, FIELDS),
)
FILTERS: st.SearchStrategy[Any] = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(And, st.lists(inner, min_size=2, max_size=3).map(tuple)),
        st.builds(Or, st.lists(inner, min_size=2, max_size=3).map(tuple)),
        st.builds(Not, inner),
    ),
    max_leaves=8,
)
METADATA = st.dictionaries(
    st.sampled_from(["year", "lang", "day", "and"]),
    st.one_of(
        st.sampled_from(
            ["2024-01-01", "2024-01-03T10:00", "2024-02-31", "en", "it's", "", 0, 1, 1.0, -1]
        ),
        st.sampled_from([True, False, float("nan"), 0.5, Day(2024, 1, 2)]),
    ),
)


@given(FILTERS)
def test_a_filter_written_as_text_is_read_as_the_same_filter(one: Filter) -> None:
    again = parse(one.to_text())
    assert again == one
    assert again.to_text() == one.to_text()  # tells 1 from true, which == does not


@given(FILTERS, METADATA)
def test_holds_agrees_with_a_reference_evaluator(one: Filter, metadata: dict[str, Value]) -> None:
    assert one.truth(metadata) is TRUTH[reference(one, metadata)]
    assert one.holds(metadata) is (reference(one, metadata) == 2)


@given(FILTERS, METADATA)
def test_the_opposite_never_holds_beside_the_filter(
    one: Filter, metadata: dict[str, Value]
) -> None:
    assert not (one.holds(metadata) and Not(one).holds(metadata))


@given(FILTERS)
def test_only_named_fields_matter(one: Filter) -> None:
    assert one.truth({}) is one.truth({"\0 not a field \0": 1})
    written = set(re.findall(r"(?:field|part)='", repr(one)))
    assert bool(one.fields()) or not written


TRUTH = {0: False, 1: None, 2: True}


def reference(one: Filter, metadata: Mapping[str, Value]) -> int:
    """Kleene's logic in numbers: 0 false, 1 unknown, 2 true; and is min, or is max."""
    match one:
        case And(parts):
            return min(reference(part, metadata) for part in parts)
        case Or(parts):
            return max(reference(part, metadata) for part in parts)
        case Not(part):
            return 2 - reference(part, metadata)
        case In(field, values):
            return max(reference(Compare(field, "=", value), metadata) for value in values)
        case IsNull(field):
            return 0 if field in metadata else 2
        case Compare(field, sign, value):
            left, right = typed(metadata.get(field), value), typed(value, value)
            if left is None or right is None or left[0] != right[0]:
                return 1
            a, b = left[1], right[1]
            below, same = bool(a < b), bool(a == b)
            return 2 * {
                "=": same, "!=": not same, "<": below, "<=": below or same,
                ">": not (below or same), ">=": not below,
            }[sign]  # fmt: skip


def typed(value: Any, like: Any) -> tuple[str, Any] | None:
    if value is None or value != value:  # noqa: PLR0124  (not a number)
        return None
    if isinstance(value, str) and isinstance(like, Day):
        if len(value) > 10 and value[10] != "T":
            return None
        try:
            return ("day", Day.fromisoformat(value[:10]))
        except ValueError:
            return None
    for name, kind in (("truth", bool), ("number", (int, float)), ("text", str), ("day", Day)):
        if isinstance(value, kind):
            return (name, value)
    raise AssertionError(value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("year = 2020", Compare("year", "=", 2020)),
        ("a = 1 or b = 2 and c = 3", Or((Compare("a", "=", 1), And((Compare("b", "=", 2), Compare("c", "=", 3)))))),
        ("(a = 1 or b = 2) and c = 3", And((Or((Compare("a", "=", 1), Compare("b", "=", 2))), Compare("c", "=", 3)))),
        ("NOT x IS NOT NULL", Not(Not(IsNull("x")))),
        ("x not in ('it''s', \"a\"\"b\", -1.5e3)", Not(In("x", ("it's", 'a"b', -1500.0)))),
        ("d>=2024-01-31", Compare("d", ">=", Day(2024, 1, 31))),
        ("d >= '2024-01-31'", Compare("d", ">=", Day(2024, 1, 31))),
        ("`Preis in EUR`<=9.5", Compare("Preis in EUR", "<=", 9.5)),
        ("`and` = true", Compare("and", "=", True)),
    ],
)  # fmt: skip
def test_the_language_reads_as_its_grammar_says(text: str, expected: Filter) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("text", "place", "expected", "found"),
    [
        ("", 1, "a field", "the end"),
        ("year", 5, "behind a field", "the end"),
        ("year == 2020", 6, "one of = !=", "'=='"),
        ("year = ", 8, "a number", "the end"),
        ("year = null", 8, "'is null'", "'null'"),
        ("year = 2020 and", 16, "a field", "the end"),
        ("year = 2020 lang = 'en'", 13, "'and', 'or' or the end", "'lang'"),
        ("(year = 2020", 13, "')'", "the end"),
        ("lang in ()", 10, "a number", "')'"),
        ("lang in ('a' 'b'", 14, "',' or ')'", "''b''"),
        ("lang = 'en", 8, "a quoted text", "not closed"),
        ("lang is en", 9, "'null'", "'en'"),
        ("lang not like 'x'", 10, "'in'", "'like'"),
        ("day = 2024-02-31", 7, "a date", "'2024-02-31'"),
        ("year = 99999999999999999999999", 8, "a number", "'999"),
        ("x = 1e999", 5, "a number", "'1e999'"),
        ("ok < true", 4, "no order", "'<'"),
        ("a = 1 ; b", 7, "the end", "';"),
        ("a = 12abc", 5, "a number", "'12abc'"),
    ],
)
def test_an_error_names_the_place_and_what_was_expected_and_found(
    text: str, place: int, expected: str, found: str
) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    message = str(caught.value)
    assert f"character {place}: " in message
    before, after = message.split(", found ")
    assert expected in before
    assert found in after


def test_a_missing_year_is_neither_2020_nor_not_2020() -> None:
    for text in (
        "year = 2020",
        "year != 2020",
        "not year = 2020",
        "year in (2020)",
        "not year in (2020)",
    ):
        assert parse(text).truth({}) is None
        assert not parse(text).holds({"year": "2020"})  # a text never equals a number
    assert parse("year is null or year != 2020").holds({})


def test_the_day_of_a_timestamp_is_compared() -> None:
    assert parse("d <= 2024-01-31").holds({"d": "2024-01-31T23:59:59+02:00"})
    assert parse("d = 2024-01-31").holds({"d": Day(2024, 1, 31)})
    assert parse("d > 2024-01-31").truth({"d": "31.1.2024"}) is None
    assert parse("d != 'n/a'").holds({"d": "2024-01-31"})


@pytest.mark.parametrize("text", ["(" * 100_00 + "a = 1" + ")" * 100_00, "not " * 10_000 + "a = 1"])
def test_deep_nesting_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(UsageError, match=f"at most {DEEPEST} brackets"):
        parse(text)


def test_deep_and_long_filters_are_refused_however_they_are_made() -> None:
    one: Filter = IsNull("a")
    for _ in range(DEEPEST):
        one = Not(one)
    assert parse(one.to_text()) == one
    with pytest.raises(UsageError, match=f"at most {DEEPEST} deep"):
        Not(one)
    nested: dict[str, object] = {"a": 1}
    for _ in range(10_000):
        nested = {"not": nested}
    with pytest.raises(UsageError, match="deep"):
        from_mapping(nested)
    with pytest.raises(UsageError, match=f"at most {LONGEST} characters"):
        parse("a = 1 and " * LONGEST)
    with pytest.raises(UsageError, match=f"at most {LONGEST} characters"):
        from_mapping({"id": [f"{number:09}" for number in range(10_000)]})


@pytest.mark.parametrize(
    ("mapping", "text"),
    [
        ({"lang": "en"}, "lang = 'en'"),
        ({"lang": ["en", "de"]}, "lang in ('en', 'de')"),
        ({"lang": None}, "lang is null"),
        (
            {"year": {">=": 2020, "<": 2024}, "ok": True},
            "(year >= 2020 and year < 2024) and ok = true",
        ),
        ({"any": [{"a": 1}, {"not": {"b": {"not in": [2]}}}]}, "a = 1 or not not b in (2)"),
        ({"all": [{"a": {"null": False}}]}, "not a is null"),
        ({"d": {">": "2024-01-31"}}, "d > 2024-01-31"),
    ],
)
def test_a_filter_is_made_of_a_mapping(mapping: dict[str, object], text: str) -> None:
    assert from_mapping(mapping).to_text() == text
    assert parse(text) == from_mapping(mapping)


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({}, "expected a mapping with one key or more"),
        ({"any": []}, "'any': expected a list"),
        ({"any": [{"a": 1}, 3]}, r"'any\[1\]': expected a mapping"),
        ({"year": {"=>": 2020}}, "'year': expected = != < <= > >= with a value"),
        ({"year": {}}, "'year': expected a comparison"),
        ({"year": {"in": 3}}, "'in' or 'not in' with a list"),
        ({"year": []}, "'in' expects one value or more"),
        ({"year": {"=": None}}, "'is null'"),
        ({"year": float("nan")}, "finite number"),
        ({"year": 10**5000}, "64 bits"),
        ({"year": b"x"}, "bytes"),
        ({1: 2}, "the name of a field"),
    ],
)
def test_a_wrong_mapping_is_refused_with_its_key(mapping: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        from_mapping(mapping)


def test_the_fields_of_a_filter_are_listed_once() -> None:
    assert parse("a = 1 and (b in (1) or not a is null)").fields() == {"a", "b"}
