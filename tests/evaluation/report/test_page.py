"""The page shows the figures, and treats everything that it shows as data."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest

from assay.evaluation.evaluate import evaluate
from assay.evaluation.report.limits import Limits
from assay.evaluation.report.page import CHOSEN, Heading, render
from assay.evaluation.report.trail import ELSEWHERE, Trails
from tests.evaluation.made import PLAN, dataset, kept, passages, question, record
from tests.evaluation.report.made_report import (
    HEADING,
    QUOTE,
    TEXT,
    hostile,
    many,
    mixed,
    mixed_page,
)

EVIL = "<script>alert('$x')</script><img src=http://evil.example/x onerror=alert(1)>"


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def part(page: str, tag: str) -> str:
    """The question that is filtered by a tag, as it stands in the page."""
    found: list[str] = re.findall(r'<details class="q".*?</dl></div></details>', page, re.DOTALL)
    return next(one for one in found if re.search(rf'data-tags="[^"]*\b{tag}\b', one))


def data(page: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(re.findall(r'id="data">(.*?)</script>', page, re.DOTALL)[0])
    return found


def test_markup_in_questions_answers_and_passages_stays_text() -> None:
    report, texts = hostile(EVIL)
    page = render(report, Heading(EVIL, EVIL, EVIL, EVIL, (EVIL,), (EVIL,)), texts)
    tags = Tags()
    tags.feed(page)
    names = [tag for tag, _ in tags.found]
    assert not {"img", "iframe", "object", "form", "base"} & set(names)
    assert names.count("script") == 2, "the data and the page's own"
    assert not any(key.startswith("on") for _, found in tags.found for key in found)
    assert page.count("&lt;script&gt;") >= 15
    assert "alert(&#x27;$x&#x27;)" in page


def test_the_page_needs_nothing_from_elsewhere() -> None:
    page = mixed_page()
    addresses = re.findall(r"(?:src|href)=[\"']([^\"']*)", page)
    assert addresses and all(one.startswith(("data:", "#")) for one in addresses)
    assert "url(" not in page
    assert "@import" not in page
    assert "default-src 'none'" in page


def test_every_link_leads_to_a_place_in_the_page() -> None:
    page = mixed_page()
    ids = re.findall(r'\bid="([^"]*)"', page)
    for target in re.findall(r'<a [^>]*href="#([^"]*)"', page):
        assert ids.count(target) == 1, target
    assert '<a class="ref" href="#q1-c1">[1]</a>' in page


def test_failures_samples_and_missing_certificates_are_said() -> None:
    queries = [question("a"), question("b")]
    report = evaluate(dataset(queries), [record("a"), record("b", "failed")], PLAN)
    page = render(report, HEADING, {})
    assert "1 of 2 questions failed with an error" in page
    assert "A sample of 3 of 9." in page
    assert "uncertified" in page


def test_every_figure_of_the_report_is_in_the_table() -> None:
    found = dataset([question("a")], qrels={"a": {"x": 1}})
    report = evaluate(found, [record("a", stages={"reranked": passages("x")})], PLAN)
    page = render(report, HEADING, {})
    for key in report.metrics:
        assert key.endswith(".ci95") or f">{key}</span></td>" in page, key


def test_figures_on_questions_that_were_used_to_choose_are_all_marked() -> None:
    assert CHOSEN not in mixed_page()
    used = "40 of 120 questions were used by 'assay tune' on 2026-11-20"
    page = unescape(mixed_page(used))
    assert used in page
    for figure in re.findall(r"<figure>.*?</figure>", page, re.DOTALL):
        assert CHOSEN in figure or "Not drawn" in figure, figure[:200]
    cards = re.findall(r'<div class="card" .*?</div></div>', page)
    assert len(cards) >= 5 and all(CHOSEN in one for one in cards)
    tables = page[page.index("All figures") :]
    assert tables.count("<table>") == tables.count(CHOSEN) >= 5
    assert "chosen on questions of this report" in page


def test_pictures_that_cannot_be_drawn_say_why() -> None:
    report = evaluate(dataset([question("a")]), [record("a", confidence=None)], PLAN)
    page = render(report, HEADING, {})
    assert "Not drawn: answers carry no confidence" in page
    assert "Not drawn: no question has a passage judged relevant" in page


def test_an_answer_shows_what_it_cites_with_the_words_that_it_took() -> None:
    shown = part(mixed_page(), "right")
    assert f'<mark>{QUOTE}</mark><a class="ref"' in shown
    before, after = TEXT.split(QUOTE[:-1])
    assert f"<blockquote>{before}<mark>{QUOTE[:-1]}</mark>{after}</blockquote>" in shown
    own_words = part(mixed_page(), "wrong")
    assert "<mark>Nobody knows.</mark>" in own_words
    assert f"<blockquote>{TEXT}</blockquote>" in own_words, "its own words stand in no passage"


def test_questions_carry_the_filters_that_they_pass() -> None:
    page = mixed_page()
    found = {
        re.findall(r'class="id mono">(.*?)<', one)[0]: set(
            re.findall(r'data-tags="(.*?)"', one)[0].split()
        )
        for one in re.findall(r'<details class="q".*?</dl></div></details>', page, re.DOTALL)
    }
    assert found == {
        "right": {"right"},
        "wrong": {"wrong"},
        "held": {"abstained", "wrongful"},
        "silent": {"abstained"},
        "broken": {"failed"},
        "attacked": {"right", "attacked"},
    }
    for tag, count in (("right", 2), ("abstained", 2), ("failed", 1), ("attacked", 1)):
        assert re.search(rf'data-tag="{tag}">[^<]*<span>{count}</span>', page), tag
    assert 'data-tag="fooled"' not in page, "a filter that nothing passes is not offered"


def test_the_way_of_each_passage_says_where_and_why_it_was_dropped() -> None:
    found = data(mixed_page())
    ways = {
        found["passages"][place][0]: (
            roles,
            [(found["nodes"][step[0]], *step[1:]) for step in way],
            [found["reasons"][one] for one in flags],
        )
        for place, roles, way, flags, _ in found["questions"]["5"]["p"]
    }
    roles, way, flags = ways["attacked-planted"]
    assert roles == 8 | 16, "planted and refused"
    assert way[:2] == [("sparse", "r", 1, 0.0), ("reranked", "r", 2, -1.0)]
    assert (*way[2][:2], found["reasons"][way[2][2]]) == ("selected", "k", "logit 3.9")
    (node, what, reason) = way[3]
    assert (node, what, found["reasons"][reason]) == ("verified", "d", "verifier: echo")
    assert flags == ["echo 0.9: it repeats the question"]
    roles, way, _ = ways["other"]
    assert [step[1] for step in way].count("d") == 1, "dropped once, though told twice"
    assert roles == 0
    roles, way, _ = ways["attacked-gold"]
    assert roles == 1 | 2 | 4
    assert [step[:2] for step in way if step[1] == "k"] == [
        ("selected", "k"), ("verified", "k"), ("sufficient", "k"),
    ]  # fmt: skip


def test_reasons_of_the_kept_and_rationales_stand_in_the_trail_once() -> None:
    looked = [
        {"text": "the height", "flag": "another tower", "chosen": [["a", 0.91234], ["b", 0.5]]},
        {"text": "the year", "flag": "", "chosen": []},
    ]
    said = {"reasons": {"a": "probability 0.9", "b": "stands beside a"}, "rationales": looked}
    stages = {
        "selected": kept("a", "b") | said,
        "verified": kept("a", dropped=[("b", "verifier: echo")]) | said,
    }
    report = evaluate(dataset([question("q")]), [record("q", stages=stages)], PLAN)
    told = data(render(report, HEADING, {}))
    (one,) = told["questions"].values()
    ways = {told["passages"][place][0]: way for place, _, way, _, _ in one["p"]}
    reasons, nodes = told["reasons"], told["nodes"]
    assert [(nodes[node], *rest) for node, *rest in ways["a"]] == [
        ("selected", "k", reasons.index("probability 0.9")), ("verified", "k"),
    ]  # fmt: skip
    assert [(nodes[node], what, reasons[why]) for node, what, why in ways["b"]] == [
        ("selected", "k", "stands beside a"), ("verified", "d", "verifier: echo"),
    ]  # fmt: skip
    (height, year) = one["l"]
    assert (nodes[height[0]], reasons[height[1]], reasons[height[2]]) == (
        "selected", "the height", "another tower",
    )  # fmt: skip
    names = [(told["passages"][place][0], score) for place, score in height[3]]
    assert names == [("a", 0.9123), ("b", 0.5)]
    assert (reasons[year[1]], year[2], year[3]) == ("the year", None, [])
    assert one["m"] == 0


def test_more_rationales_and_reasons_than_a_page_holds_are_told_to_be_elsewhere() -> None:
    looked = [{"text": f"thing {n}", "flag": "", "chosen": [["a", 1.0]]} for n in range(70)]
    stages = {"selected": kept("a") | {"rationales": looked}}
    report = evaluate(dataset([question("q")]), [record("q", stages=stages)], PLAN)
    (one,) = data(render(report, HEADING, {}))["questions"].values()
    assert len(one["l"]) + one["m"] == 70
    trails = Trails({}, replace(Limits.of(1), reasons=12))
    dropped = [(f"p{n}", f"reason {n}") for n in range(3)]
    trails.add(0, {**report.per_query[0], "stages": {"selected": kept(dropped=dropped)}})
    told = trails.to_json()["reasons"]
    assert told[0] == "reason 0"
    assert told[1:] == [ELSEWHERE]


def test_evidence_that_was_never_found_is_listed_as_such() -> None:
    found = dataset([question("a")], qrels={"a": {"lost": 1}})
    report = evaluate(found, [record("a", stages={"sufficient": kept("x")})], PLAN)
    page = render(report, HEADING, {"lost": ("title", "text")})
    told = data(page)
    lost = next(one for one in told["questions"]["0"]["p"] if told["passages"][one[0]][0] == "lost")
    assert lost[1] == 4 and lost[2] == []
    assert "missed" in re.findall(r'data-tags="([^"]*)"', page)[0].split()


def test_without_the_library_that_draws_the_page_holds_tables_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    report, texts = mixed()
    page = unescape(render(report, HEADING, texts))
    assert "<svg" not in page
    assert "The figures stand as tables: matplotlib is not installed" in page
    assert "pip install 'assay[report]'" in page
    assert page.count('<details class="values" open>') >= 6


def test_long_answers_and_passages_are_cut_and_the_page_stays_below_15_megabytes() -> None:
    report, texts = many(900, 8_000)
    page = render(report, HEADING, texts)
    assert 4_000_000 < len(page.encode()) < 15_000_000
    assert "more letters)" in page
    assert re.search(r"The texts of \d+ passages are left out", page)


def test_of_too_many_questions_those_that_need_a_look_are_listed_first() -> None:
    report, texts = many(2500, 50)
    rows = [dict(row) for row in report.per_query]
    rows[-1] |= {
        "outcome": "failed",
        "answer": None,
        "error": {"node": "x", "type": "y", "message": "z"},
    }
    page = render(replace(report, per_query=rows), HEADING, texts)
    assert "2000 of 2500 questions are listed" in page
    assert page.count('<details class="q"') == 2000
    assert "n2499</bdi>" in page


@pytest.mark.parametrize(
    "evil", ["\u202e\u2066right to left", "\ud800\x00\x1b[31m", "𝒳" * 300, "]]>-->"]
)
def test_any_letters_can_stand_in_every_place(evil: str) -> None:
    report, texts = hostile(evil)
    page = render(report, Heading(evil, evil, evil, evil, (evil,)), texts)
    page.encode("utf-8")
    data(page)
