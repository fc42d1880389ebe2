"""The pages in a real browser: nothing complains, nothing overflows, everything opens."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from assay.evaluation.report import charts
from assay.evaluation.report.page import Heading, render
from assay.evaluation.report.shell import Section, page, table
from tests.evaluation.report.browser import Browser
from tests.evaluation.report.made_report import HEADING, QUOTE, hostile, many, mixed_page

EVIL = (
    "<img src=x onerror=\"document.title='fooled'\"><script>document.title='fooled'</script>"
    "'\"&lt;\u202e\u2066 $1 " + "unbroken" * 60
)
OPEN_ALL = "document.querySelectorAll('details.q').forEach((one) => { one.open = true; })"
OPEN_PASSAGES = (
    "document.querySelectorAll('.passage, .values').forEach((one) => { one.open = true; })"
)
SETTLED = "new Promise((done) => setTimeout(done, 50))"
SHOWN = "[...document.querySelectorAll('details.q')].filter((one) => one.checkVisibility()).map((one) => one.querySelector('.id').textContent)"

Written = Callable[[str], Path]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    def write(text: str) -> Path:
        file = tmp_path / "page.html"
        file.write_text(text, encoding="utf-8")
        return file

    return write


def open_everything(browser: Browser) -> None:
    browser.ask(OPEN_ALL)
    browser.ask(SETTLED)
    browser.ask(OPEN_PASSAGES)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 1100])
def test_nothing_complains_and_nothing_is_wider_than_the_screen(
    browser: Browser, written: Written, width: int, dark: bool
) -> None:
    browser.open(written(mixed_page("40 of 120 questions")), width=width, dark=dark)
    open_everything(browser)
    assert browser.complaints == []
    assert browser.ask("document.documentElement.scrollWidth") <= width
    assert browser.ask("document.querySelectorAll('.trail').length") == 6
    assert browser.ask("document.querySelectorAll('svg').length") >= 6


def test_evil_texts_in_every_place_do_nothing_and_fit_on_a_phone(
    browser: Browser, written: Written
) -> None:
    report, texts = hostile(EVIL, size=100)
    text = render(report, Heading(EVIL, EVIL, EVIL, EVIL, (EVIL,), (EVIL,)), texts)
    browser.open(written(text), width=390)
    open_everything(browser)
    assert browser.complaints == []
    assert "fooled" not in browser.ask("document.title")[:6]
    assert browser.ask("document.querySelectorAll('img, main script').length") == 0
    assert browser.ask("document.documentElement.scrollWidth") <= 390
    assert browser.ask("document.querySelectorAll('.passage .step').length") > 3


def test_light_and_dark_and_paper_have_their_own_colours(
    browser: Browser, written: Written
) -> None:
    file = written(mixed_page("40 of 120 questions"))
    colours = """(() => {
        const of = (what) => getComputedStyle(document.querySelector(what));
        return [of('body').backgroundColor, of('body').color, of('figure svg path[style*=series-1]').fill];
    })()"""
    browser.open(file)
    light = browser.ask(colours)
    browser.open(file, dark=True)
    dark = browser.ask(colours)
    assert all(one != other for one, other in zip(light, dark, strict=True))
    browser.open(file, dark=True, paper=True)
    paper = browser.ask(colours)
    assert paper[0] == "rgb(255, 255, 255)"
    assert paper[1] == light[1], "dark ink on paper, also where the screen is dark"


def test_filters_and_search_show_the_questions_that_they_name(
    browser: Browser, written: Written
) -> None:
    browser.open(written(mixed_page("40 of 120 questions")))
    press = "document.querySelector('[data-tag={}]').click()"
    assert len(browser.ask(SHOWN)) == 6
    browser.ask(press.format("right"))
    assert browser.ask(SHOWN) == ["right", "attacked"]
    browser.ask(press.format("attacked"))
    assert browser.ask(SHOWN) == ["attacked"], "both filters hold"
    assert browser.ask("document.getElementById('count').textContent") == "1 of 6 shown"
    browser.ask(press.format("right"))
    browser.ask(press.format("attacked"))
    search = """(() => {{
        const field = document.querySelector('#find input');
        field.value = {!r};
        field.dispatchEvent(new Event('input'));
        return new Promise((done) => setTimeout(done, 300));
    }})()"""
    browser.ask(search.format("NOBODY knows"))
    assert browser.ask(SHOWN) == ["wrong"]
    browser.ask(search.format("no such words"))
    assert browser.ask(SHOWN) == []
    browser.ask(search.format(""))
    browser.ask("document.querySelector('[data-do=open]').click()")
    assert browser.ask("document.querySelectorAll('details.q[open]').length") == 6
    browser.ask("document.querySelector('[data-do=close]').click()")
    assert browser.ask("document.querySelectorAll('details.q[open]').length") == 0
    assert browser.complaints == []


def test_an_open_question_shows_the_cited_words_also_behind_letters_of_two_units(
    browser: Browser, written: Written
) -> None:
    browser.open(written(mixed_page("40 of 120 questions")), fragment="#q1-c1")
    browser.ask(SETTLED)
    assert browser.ask("document.getElementById('q1').open"), "its address opened it"
    marks = browser.ask(
        "[...document.querySelectorAll('#q1 .passage mark')].map((one) => one.textContent)"
    )
    assert marks == [QUOTE[:-1]]
    fates = browser.ask("[...document.querySelectorAll('#q1 .fate')].map((one) => one.textContent)")
    assert fates == [
        "kept to the end: logit 4.1, place 1 of the first 2, before a drop of 6.2",
        "verified: dropped, verifier: echo",
        "selected: dropped, behind the elbow",
        "selected: dropped, behind the elbow",
    ]
    sought = browser.ask(
        "[...document.querySelectorAll('#q1 .sought li')].map((one) => one.textContent)"
    )
    assert sought == [
        "how tall the tower is selected: right-gold (0.91), right-planted (0.4)"
        " Suspicious would be: another tower",
        "who asks selected: no passage was found for it",
    ]


def test_without_scripts_the_essentials_are_there(browser: Browser, written: Written) -> None:
    browser.open(written(mixed_page("40 of 120 questions")), script=False)
    assert browser.ask("document.getElementById('find').checkVisibility()") is False
    browser.ask(OPEN_ALL)
    text = browser.ask("document.getElementById('q1').innerText")
    for said in (QUOTE, "expected", "0.900 (probability)", "right-gold", "model calls: 2"):
        assert said in text, said
    assert browser.complaints == []


def test_paper_leaves_out_what_only_a_screen_needs(browser: Browser, written: Written) -> None:
    report, texts = many(150, 100)
    file = written(render(report, HEADING, texts))
    browser.open(file, paper=True)
    for gone in ("#find", ".values", "#q101"):
        assert browser.ask(f"document.querySelector('{gone}').checkVisibility()") is False, gone
    assert browser.ask("document.querySelector('.print-only').checkVisibility()")
    browser.ask("document.getElementById('q120').open = true")
    assert browser.ask("document.getElementById('q120').checkVisibility()"), "open ones are printed"
    assert browser.paper().startswith(b"%PDF")


def test_a_page_of_2000_questions_opens_and_searches(browser: Browser, written: Written) -> None:
    report, texts = many(2000, 300)
    browser.open(written(render(report, HEADING, texts)))
    assert browser.ask("document.getElementById('count').textContent") == "2000 of 2000 shown"
    browser.ask("document.getElementById('q2000').open = true")
    browser.ask(SETTLED)
    assert browser.ask("document.querySelectorAll('#q2000 .passage').length") == 4
    assert browser.complaints == []


def test_pictures_and_tables_fit_any_page(browser: Browser, written: Written) -> None:
    name = "a_name_of_a_pipeline_that_is_long_" * 6
    figures = [
        charts.lines({name: [(0, 1), (1, 2)], "b": [(0, 2)]}, title=name, x=name, y=name),
        charts.points({name: (1, 2), "b": (900, 3)}, log_x=True, title=name, x=name, y=name),
        charts.bars({name: 1, "b": -2}, intervals={name: (0, 3)}, title=name, x=name),
        charts.histogram({name: 1, "b": 2}, title=name, x=name, y=name),
    ]
    wide = table([name] * 5, [[name] * 5])
    html = f'<div class="pictures">{"".join(figures)}</div>{wide}'
    browser.open(
        written(page(title=name, facts=name, notices=[name], sections=[Section(name, html)])),
        width=390,
    )
    browser.ask(OPEN_PASSAGES)
    assert browser.complaints == []
    assert browser.ask("document.documentElement.scrollWidth") <= 390
    assert browser.ask(
        "[...document.querySelectorAll('svg')].every((one) => one.clientHeight > 80)"
    )


@pytest.mark.parametrize(
    ("trouble", "heard"),
    [
        ("<script>window.x = 1</script>", "Content Security Policy"),
        ("<img src='https://example.invalid/x.png'>", "Content Security Policy"),
        (
            "<p onclick='1' style='background: url(https://example.invalid/y)'>x</p>",
            "Content Security Policy",
        ),
    ],
)
def test_what_the_policy_forbids_is_stopped_and_heard(
    browser: Browser, written: Written, trouble: str, heard: str
) -> None:
    browser.open(written(page(title="x", facts="", sections=[Section("", trouble)])))
    browser.ask(SETTLED)
    assert heard in " ".join(browser.complaints)
    assert browser.ask("window.x") is None


def test_an_error_in_a_script_is_heard(browser: Browser, written: Written) -> None:
    browser.open(written(page(title="x", facts="", sections=[], scripts=["missing()"])))
    assert "missing is not defined" in " ".join(browser.complaints)
