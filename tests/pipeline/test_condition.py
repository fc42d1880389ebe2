"""The language of conditions."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.pipeline import Abstention, AbstentionReason, Answer, Query, Ranking, Scope, Skipped
from assay.pipeline.condition import check_types, read_condition
from assay.pipeline.errors import UsageError

QUERY = Query("why", Scope("acme", ("audit",)), id="q1", language="en")
VALUES: dict[str, Any] = {
    "query": QUERY,
    "found": Ranking(QUERY, (), "test"),
    "said": Answer("yes", (), ()),
    "silent": Abstention("silent", AbstentionReason.NO_EVIDENCE, "nothing"),
    "past": Skipped("past", "routed"),
}
TYPES = {
    "query": Query,
    "found": Ranking,
    "said": Answer | Abstention,
    "silent": Answer | Abstention,
    "past": Answer | Skipped,
}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("query.language == 'en'", True),
        ('query.language != "en"', False),
        ("query.language in ['de', 'en']", True),
        ("not query.language in ['de']", True),
        ("found.size == 0", True),
        ("found.size > 0 or query.scope.tenant == 'acme'", True),
        ("found.size > 0 and query.scope.tenant == 'acme'", False),
        ("found.size > 0 and query.id == 'q1' or query.id == 'q1'", True),
        ("found.size > 0 and (query.id == 'q1' or query.id == 'q1')", False),
        ("not (found.size >= 1) and query.text", True),
        ("said.text == 'yes'", True),
        ("said.confidence.value >= 0.0", False),
        ("said.confidence == none", True),
        ("silent.text == 'yes'", False),
        ("silent.text != 'yes'", False),
        ("past.text == 'yes'", False),
        ("query.as_of == none", True),
        ("found.size < 1", True),
        ("found.size <= -1", False),
    ],
)
def test_a_condition_says_what_it_reads_like(text: str, holds: bool) -> None:
    condition = read_condition(text)
    assert condition.test(VALUES) is holds
    assert "confidence == none" in text or check_types(condition, TYPES) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "expected a field"),
        ("query.language =", "expected 'and', 'or' or the end, found '='"),
        ("query.language == ", "expected a number, a quoted text"),
        ("query.language == en", "expected a number, a quoted text, true, false or none"),
        ("(query.id", "expected ')'"),
        ("query.id in 'x'", "expected '['"),
        ("query.id in ['x' 'y']", "expected ']'"),
        ("and query.id", "expected a field"),
        ("query.id == 'x' query.id", "expected 'and', 'or' or the end"),
        ("__import__('os')", "expected 'and', 'or' or the end"),
        ("not " * 40 + "query.id", "at most 20"),
        ("(" * 40 + "query.id" + ")" * 40, "at most 20"),
        ("query.id or " * 200 + "query.id", "at most 1000 characters"),
    ],
)
def test_what_is_no_condition_is_told_with_its_place(text: str, words: str) -> None:
    with pytest.raises(UsageError) as told:
        read_condition(text)
    assert words in str(told.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("query.langage == 'en'", "did you mean 'language'?"),
        ("query.language > 3", "is text or nothing, 3.0 is number"),
        ("found.size == 'x'", "is number, 'x' is text"),
        ("query == 'x'", "is a Query; compare a field"),
        ("query.scope == 'x'", "is a Scope; compare a field"),
        ("query.__class__", "has no field '__class__'"),
        ("found.hits.size.x == 1", "has no field 'x'"),
    ],
)
def test_fields_and_types_are_checked_before_anything_runs(text: str, words: str) -> None:
    (sentence,) = check_types(read_condition(text), TYPES)
    assert words in sentence


@pytest.mark.parametrize("text", ["query < 0", "query.id >= 0", "query.as_of > 'a'", "query < 'a'"])
def test_things_without_an_order_are_not_before_one_another(text: str) -> None:
    assert read_condition(text).test({"query": QUERY}) is False


@given(st.text(st.sampled_from("query.id()[]'\"<>=! andornt01,-"), max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        condition = read_condition(text)
    except UsageError:
        return
    assert condition.test(dict.fromkeys(condition.names, QUERY)) in (True, False)
