"""The frame of all pages: what is data stays text, what is markup is the caller's word."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.evaluation.report.shell import Html, Section, page, plain, safe, table


def made(**other: object) -> str:
    return page(**{"title": "T", "facts": "F", "sections": []} | other)  # type: ignore[arg-type]


@given(st.text())
def test_a_text_is_shown_as_it_is_but_for_letters_that_no_page_can_hold(text: str) -> None:
    shown = safe(text)
    assert not {"<", ">", '"', "'"} & set(shown)
    assert unescape(shown) == plain(text)
    assert len(plain(text)) == len(text)
    assert all(new in {old, "\ufffd"} for old, new in zip(text, plain(text), strict=True))
    shown.encode("utf-8")


def test_halves_of_surrogates_and_control_characters_are_replaced() -> None:
    assert plain("a\ud800b\x00c\x1bd\te\nf") == "a\ufffdb\ufffdc\ufffdd\te\nf"


def test_markup_is_trusted_only_where_it_says_so() -> None:
    assert safe(Html("<b>x</b>")) == "<b>x</b>"
    assert safe(Html("<b>") + "<i>") == "&lt;b&gt;&lt;i&gt;", "a sum is a plain text again"


def test_title_facts_notices_headlines_and_cells_are_escaped() -> None:
    bad = "<script>1</script>"
    found = made(
        title=bad, facts=bad, notices=[bad], sections=[Section(bad, table([bad], [[bad]]))]
    )
    assert bad not in found
    assert found.count("&lt;script&gt;1&lt;/script&gt;") == 7, "the title stands twice"


def test_only_the_scripts_that_were_given_may_run() -> None:
    script = "document.title = 'a'"
    policy = re.findall(r'Content-Security-Policy" content="([^"]*)"', made(scripts=[script]))[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in policy
    assert "default-src 'none'" in policy
    assert "script-src" not in made(), "a page without scripts allows none"


@pytest.mark.parametrize("evil", ["</script><script>alert(1)</script>", "<!--<script>", "]]>"])
def test_data_for_scripts_cannot_end_its_element(evil: str) -> None:
    found = made(data=json.dumps({"a": evil}))
    inside = re.findall(r'id="data">(.*?)</script>', found, re.DOTALL)[0]
    assert "<" not in inside
    assert json.loads(inside) == {"a": evil}


def test_columns_of_numbers_are_set_right_and_short_rows_are_allowed() -> None:
    found = table(["a", "b"], [["x", "1"], ["y"]], numeric=[1], caption="what it is")
    assert '<th scope="col" class="n">b</th>' in found
    assert '<td>x</td><td class="n">1</td></tr><tr><td>y</td></tr>' in found
    assert "<caption>what it is</caption>" in found


def test_dollar_signs_and_braces_of_texts_are_not_placeholders() -> None:
    assert "cost: $title ${facts}" in made(title="x", facts="cost: $title ${facts}")
