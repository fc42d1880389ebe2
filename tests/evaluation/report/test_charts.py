"""Pictures show the numbers that they were given, in the page's colours, as safe markup."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Mapping
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.evaluation.report import charts

EVIL = "<script>alert(1)</script> $x_1$ \u202e\ud800 _日本 \x00"


def svg(figure: str) -> ElementTree.Element:
    found = re.findall(r"<svg .*?</svg>", figure, re.DOTALL)
    assert len(found) == 1
    return ElementTree.fromstring(found[0])


def shapes(figure: str, colour: str) -> list[list[tuple[float, float]]]:
    """Corners of the filled paths of a colour."""
    return [
        [(float(x), float(y)) for x, y in re.findall(r"(-?[\d.]+) (-?[\d.]+)", one.get("d", ""))]
        for one in svg(figure).iter("path")
        if f"fill: var(--{colour})" in one.get("style", "")
    ]


def texts(figure: str) -> list[str]:
    return [one.text or "" for one in svg(figure).iter("text")]


def test_bars_are_as_long_as_their_values_and_say_them() -> None:
    found = charts.bars({"one": 1.0, "two": 2.0, "none": 0.0}, title="T", x="length")
    widths = [
        max(x for x, _ in corners) - min(x for x, _ in corners)
        for corners in shapes(found, "series-1")
    ]
    assert widths[1] == pytest.approx(2 * widths[0], abs=0.1)
    assert widths[0] > 50
    assert {"one", "two", "1", "2", "length"} <= set(texts(found))


def test_upright_bars_show_values_between_that_were_not_seen() -> None:
    found = charts.histogram({0: 4, 3: 2}, title="T", x="size", y="questions")
    heights = [
        max(y for _, y in corners) - min(y for _, y in corners)
        for corners in shapes(found, "series-1")
    ]
    assert heights[0] == pytest.approx(2 * heights[-1], abs=0.1)
    assert [name for name in texts(found) if name.isdigit()][:4] == ["0", "1", "2", "3"]
    assert "<td>1</td>" in found and "<td>2</td>" in found


def test_a_long_range_of_whole_numbers_is_taken_together_without_loss() -> None:
    found = charts.histogram({0: 1, 5: 2, 199: 3}, title="T", x="size", y="questions")
    rows = re.findall(r'<td>(\d+–\d+)</td><td class="n">(\d+)</td>', found)
    assert rows[0] == ("0–4", "1") and rows[1] == ("5–9", "2") and rows[-1] == ("195–199", "3")
    assert sum(int(count) for _, count in rows) == 6


def test_every_colour_is_a_variable_of_the_page() -> None:
    figures = [
        charts.lines(
            {str(number): [(0, number), (1, 2)] for number in range(7)},
            bands={"1": [(0, 0, 1), (1, 1, 3)]}, mark=(0.5, 1), title="T", x="x", y="y",
        ),
        charts.points({"a": (1, 2), "b": (2, 3)}, whiskers={"a": (1, 3)}, title="T", x="x", y="y"),
        charts.bars({"a": -1, "b": 2}, intervals={"a": (-2, 0)}, title="T", x="x"),
        charts.histogram({"a": 1}, title="T", x="x", y="y"),
    ]  # fmt: skip
    for figure in figures:
        for one in svg(figure).iter():
            assert not re.search(r"#[0-9a-f]{6}", one.get("style", "")), one.attrib
        assert "font-family" not in figure
        assert "<style" not in figure, "a style of one picture would reach the whole page"
        assert "http" not in figure


@pytest.mark.parametrize(
    "figure",
    [
        lambda name: charts.lines(
            {name: [(0, 1), (1, 2)], "b": [(0, 0)]}, title=name, x=name, y=name
        ),
        lambda name: charts.points({name: (0, 1)}, title=name, x=name, y=name),
        lambda name: charts.bars({name: 3}, title=name, x=name, y=name, caption=name),
        lambda name: charts.histogram({name: 3}, title=name, x=name, y=name),
    ],
)
def test_names_are_shown_as_they_are_and_never_as_markup(figure: object) -> None:
    found = figure(EVIL)  # type: ignore[operator]
    assert "<script" not in found
    assert "alert(1)" in found
    assert "$x_1$" in found, "no formula is made of it"
    found.encode("utf-8")
    svg(found)


def test_values_that_no_axis_can_hold_are_left_out_and_counted() -> None:
    bad = [(0.0, math.nan), (math.inf, 1.0), (1e300, 2.0)]
    found = charts.lines({"a": [(0.0, 1.0), (1.0, 2.0), *bad]}, title="T", x="x", y="y")
    assert "3 values are left out" in found
    assert "nan" not in found
    on_log = charts.points({"a": (0.0, 1.0), "b": (1.0, 1.0)}, log_x=True, title="T", x="x", y="y")
    assert "1 value is left out" in on_log
    assert "mathdefault" not in on_log


@pytest.mark.parametrize(
    "figure",
    [
        charts.lines({}, title="T", x="x", y="y"),
        charts.lines({"a": []}, title="T", x="x", y="y"),
        charts.points({}, title="T", x="x", y="y"),
        charts.bars({"a": math.nan}, title="T", x="x"),
        charts.histogram({}, title="T", x="x", y="y"),
    ],
)
def test_nothing_to_draw_is_said(figure: str) -> None:
    assert "Nothing to draw" in figure
    assert "<svg" not in figure


def test_a_line_of_very_many_points_stays_small_and_keeps_its_end() -> None:
    many = [(place / 100_000, (place % 7) / 7) for place in range(100_001)]
    found = charts.lines({"a": many}, title="T", x="x", y="y")
    assert len(found) < 60_000
    line = next(
        one for one in svg(found).iter("path") if "stroke: var(--series-1)" in one.get("style", "")
    )
    last = max(float(x) for x in re.findall(r"L ([\d.]+) [\d.]+", line.get("d", "")))
    tick = next(one for one in svg(found).iter("text") if one.text == "1.0")
    assert last == pytest.approx(float(tick.get("x", "0")), abs=0.1)


def test_names_of_points_that_lie_close_do_not_cover_each_other() -> None:
    close = {"sparse": (0.0062, 0.858), "dense": (0.017, 0.918), "fused": (0.0173, 0.861)}
    found = charts.points(close, title="T", x="x", y="y")
    spots = {
        one.text: (float(one.get("x", "0")), float(one.get("y", "0")))
        for one in svg(found).iter("text")
        if one.text in close
    }
    assert set(spots) == set(close)
    for one, other in (("sparse", "fused"), ("fused", "dense"), ("sparse", "dense")):
        (x1, y1), (x2, y2) = spots[one], spots[other]
        assert abs(y1 - y2) >= 9 or abs(x1 - x2) >= 30, (one, other, spots)


def test_the_circled_point_is_named_only_if_it_can_be_drawn() -> None:
    line = {"a": [(0.0, 0.0), (1.0, 1.0)]}
    named = charts.lines(line, mark=(0.5, 0.5), mark_name="as it ran", title="T", x="x", y="y")
    assert "as it ran" in named
    lost = charts.lines(line, mark=(math.nan, 1), mark_name="as it ran", title="T", x="x", y="y")
    assert "as it ran" not in lost


def test_without_the_library_the_table_is_open_and_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    found = charts.bars({"a": 1.0, "b": 2.0}, title="T", x="length", intervals={"a": (0.5, 1.5)})
    assert "<svg" not in found
    assert '<details class="values" open>' in found
    assert "matplotlib is not installed (pip install &#x27;assay[report]&#x27;)" in found
    assert "0.5 to 1.5" in found


NUMBERS = st.floats(allow_nan=True, allow_infinity=True)


@settings(max_examples=8)
@given(st.dictionaries(st.text(max_size=30), st.tuples(NUMBERS, NUMBERS), max_size=6))
def test_any_names_and_numbers_make_a_picture_or_say_why_not(
    values: Mapping[str, tuple[float, float]],
) -> None:
    for found in (
        charts.points(values, title="T", x="x", y="y"),
        charts.bars({name: pair[0] for name, pair in values.items()}, title="T", x="x"),
        charts.lines({name: [pair] for name, pair in values.items()}, title="T", x="x", y="y"),
    ):
        assert "<svg" in found or "Nothing to draw" in found
        if "<svg" in found:
            svg(found)
