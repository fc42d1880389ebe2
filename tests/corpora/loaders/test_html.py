from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from assay.corpora.loaders import html
from assay.corpora.loaders.html_facts import page_date
from assay.corpora.loaders.loaded import Limits, Loaded, Source, Unreadable

pytest.importorskip("lxml")

PAGE = """<!DOCTYPE html>
<html lang="en"><head><title>Loans &amp; fees</title><meta name="author" content="Ann Lee">
<meta property="article:published_time" content="2024-02-03T00:00Z"></head><body>
<header><a href="/">Logo</a><h1>All <em>loans</em></h1></header>
<nav><ul><li><a href="a">Home</a></ul></nav><main><article>
<p>Caf&eacute;&nbsp;loans<br>last <a href="x">three</a> weeks.</p>
<h2 id="s1">Section</h2>
<ul><li>one<li>two<ol start="3"><li>x<li>y</ol></ul>
<table><caption>Fees</caption><thead><tr><th rowspan="2">Item<th colspan="2">Year</tr>
<tr><th>2020<th>2021</tr></thead><tbody>
<tr><td rowspan="2">Loan<td>$ 5<td>6 %
<tr><td>3<td></tbody></table>
<pre>  def f():
      return 1</pre>
<figure><img src="x"><figcaption>Figure 1</figcaption></figure>
</article></main><aside>Buy now</aside><footer>Imprint</footer></body></html>"""


def load(path: Path, page: str | bytes, **limits: int) -> Loaded:
    path.write_bytes(page.encode() if isinstance(page, str) else page)
    (made,) = html.load(Source(path, path.name, Limits(**limits)))
    return made


def test_a_page_in_reading_order_without_what_stands_around_it(tmp_path: Path) -> None:
    made = load(tmp_path / "a.html", PAGE)
    assert [(one.kind, one.place["line"], made.text[one.start : one.end]) for one in made.blocks] == [
        ("heading", 4, "# All loans"),
        ("paragraph", 6, "Café loans\nlast three weeks."),
        ("heading", 7, "## Section"),
        ("list", 8, "- one"),
        ("list", 8, "- two"),
        ("list", 8, "3. x"),
        ("list", 8, "4. y"),
        ("caption", 9, "Fees"),
        ("table_row", 11, "Item: Loan; Year / 2020: $ 5; Year / 2021: 6 %"),
        ("table_row", 12, "Item: Loan; Year / 2020: 3"),
        ("code", 13, "```\n  def f():\n      return 1\n```"),
        ("caption", 15, "Figure 1"),
    ]  # fmt: skip
    assert made.blocks[2].place["element"] == "s1"
    assert made.title == "Loans & fees" and made.date == datetime.date(2024, 2, 3)
    assert made.metadata == {"author": "Ann Lee", "language": "en"}
    assert made.problems == ()


@pytest.mark.parametrize(
    "hidden",
    [
        "<p hidden>SECRET</p>",
        "<div style='color:red; DISPLAY : none'><p>SECRET</div>",
        "<p style='visibility:hidden'>SECRET</p>",
        "<span aria-hidden='true'>SECRET</span>",
        "<!-- SECRET -->",
        "<template><p>SECRET</p></template>",
        "<noscript>SECRET</noscript>",
        "<script>'</p>SECRET'</script>",
        "<style>SECRET</style>",
        "<svg><title>SECRET</title><text>SECRET</text></svg>",
        "<table hidden><tr><td>SECRET<td>SECRET<tr><td>1<td>2</table>",
        "<ul style='display:none'><li>SECRET</ul>",
        "<dialog>SECRET</dialog>",
        "<?php SECRET ?>",
    ],
)
def test_what_is_hidden_never_enters_the_text(hidden: str, tmp_path: Path) -> None:
    made = load(tmp_path / "a.html", f"<body><p>before</p>{hidden}<p>after</p>")
    assert "SECRET" not in made.text + made.title
    assert made.text.startswith("before") and made.text.endswith("after")


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("Hi <b>you</b>", "Hi you"),
        ("<nav>Only navigation</nav>", "Only navigation"),
        ("<form><div class=sidebar>In a form</div></form>", "In a form"),
        ("<body><aside>x</aside><div class='nav'>Named so, but all</div>", "Named so, but all"),
        ("<table><tr><th>A<th>B<tr><td>1<td>2</table>", "A: 1; B: 2"),
        ("<table><tr><td>Name<td>Price<tr><td>Pear<td>4 EUR</table>", "Name: Pear; Price: 4 EUR"),
        ("<table><tr><td>menu<td><h1>Head</h1>words</table>", "menu\n\n# Head\n\nwords"),
        ("<table><tr><th>only<th>heads</table>", "only; heads"),
        ("<main>Loading</main><p>The text is outside of the main element.</p>",
         "Loading\n\nThe text is outside of the main element."),
        ("<ul><li><a>a</a><li><a>b</a><li><a>c</a></ul>", "- a\n- b\n- c"),
    ],
)  # fmt: skip
def test_a_small_or_odd_page_is_not_emptied(page: str, text: str, tmp_path: Path) -> None:
    assert load(tmp_path / "a.html", page).text == text


def test_menus_forms_and_named_boxes_are_left_out_of_a_full_page(tmp_path: Path) -> None:
    menu = "".join(f"<li><a href=x>Entry {number}</a>" for number in range(5))
    body = f"<p>{'Words of the page. ' * 20}</p>"
    made = load(
        tmp_path / "a.html",
        f"<div class='cookie-banner'>Accept</div><ul>{menu}</ul>{body}<form>Search</form>",
    )
    assert made.text == ("Words of the page. " * 20).strip()


def test_words_stand_on_the_line_where_they_begin(tmp_path: Path) -> None:
    made = load(tmp_path / "a.html", "<div>\n<p>\n one\ntwo\n</p>\n\nbare\n<p\nid=x>last</div>")
    assert [one.place["line"] for one in made.blocks] == [3, 7, 9]


def test_the_declared_charset_is_used(tmp_path: Path) -> None:
    page = "<html><head><meta charset=windows-1251></head><body><p>Привет"
    made = load(tmp_path / "a.html", page.encode("cp1251"))
    assert made.text == "Привет" and made.problems == ()


def test_xhtml_with_empty_elements_cdata_and_an_entity_bomb(tmp_path: Path) -> None:
    bomb = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">\n' for n in range(9))
    made = load(
        tmp_path / "a.xhtml",
        f'<?xml version="1.0"?>\n<!DOCTYPE html [\n<!ENTITY l0 "lol">\n{bomb}]>\n'
        '<html xmlns="http://www.w3.org/1999/xhtml"><head><title/><script src="a"/></head>\n'
        "<body><div/><p>a &l9; b</p><p><![CDATA[x < y]]></p></body></html>",
    )
    assert made.text == "a &l9; b\n\nx < y"
    assert "declares 10 entities" in made.problems[0]
    assert made.blocks[0].place["line"] == 15


def test_a_page_without_words_says_so(tmp_path: Path) -> None:
    for page in ("", " \n", "<html><body></body></html>", "<!-- never closed"):
        made = load(tmp_path / "a.html", page)
        assert not made.blocks and "has no text" in made.problems[0]


def test_a_hundred_thousand_nested_elements_are_read(tmp_path: Path) -> None:
    deep = "<div>" * 100_000 + "deep" + "</div>" * 100_000
    assert load(tmp_path / "a.html", f"{deep}<p>after</p>").text == "deep\n\nafter"


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        ("<div>" * 250_000, "nested more than 200000"),
        ("<b>" * 50_000 + "</i>" * 60_000, "end tags go on"),
        ("<table><tr><th>a<th>b" + "<tr><td rowspan=60000>xxxxxx<td>y" * 2000, "characters"),
    ],
)
def test_a_page_built_to_cost_much_is_refused(page: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match=reason):
        load(tmp_path / "a.html", page, characters=1_000_000)


@pytest.mark.parametrize(
    "page",
    [
        "<p " + " ".join(f"a{number}" for number in range(50_000)) + ">x",
        "<p>x<!--" + "<!--" * 200_000 + "-->",
        "<p>x" + "<![CDATA[" * 100_000,
        "<p>x" + "&" * 1_000_000,
        "<p>x" + "<" * 1_000_000,
        "<p>" + "ab " * 3_000_000,
        "<table>" + "<tr>" + "<th colspan=1000>x" * 1000 + "<tr><td>a<td>b</table>",
    ],
)
@pytest.mark.parametrize("suffix", ["html", "xhtml"])
def test_a_hostile_page_is_read_in_bounded_time(page: str, suffix: str, tmp_path: Path) -> None:
    assert load(tmp_path / f"a.{suffix}", page).blocks


def test_the_first_date_that_exists_is_taken() -> None:
    assert page_date({"date": "2024-02-31", "last-modified": "Tue, 05 Mar 2024 10:00:00 GMT"}) == (
        datetime.date(2024, 3, 5)
    )
    assert page_date({"citation_date": "2024/3/1"}) == datetime.date(2024, 3, 1)
    assert page_date({"date": "soon"}) is None
