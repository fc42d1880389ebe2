"""What stands around a picture: headline, legend, caption, and its numbers as a table."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from assay.evaluation.report import drawing
from assay.evaluation.report.shell import safe, table

MOST_ROWS = 60


def figure(
    title: str,
    picture: str | None,
    headers: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    numeric: Collection[int] = (),
    legend: str = "",
    caption: str = "",
    left_out: int = 0,
) -> str:
    """A ``<figure>``.

    Args:
        title: headline.
        picture: SVG; None where the library that draws is missing: the table is open.
        headers: of the table.
        rows: of the table; only every n-th is shown of more than 60.
        numeric: columns of numbers.
        legend: markup that names the colours.
        caption: sentences under the picture; ``str`` is escaped, ``Html`` is not.
        left_out: values that are not finite, or cannot stand on the axis.

    Returns:
        Markup.
    """
    said = [safe(caption)] if caption else []
    if left_out:
        what = "value is" if left_out == 1 else "values are"
        said.append(safe(f"{left_out} {what} left out: no place on the axis."))
    if rows and picture is None:
        said.append(safe(f"Not drawn: matplotlib is not installed ({drawing.NEEDS})."))
    shown = f"{picture or ''}{legend}" if rows else "<p>Nothing to draw.</p>"
    values = _values(headers, rows, numeric, is_open=picture is None) if rows else ""
    below = f"<figcaption>{' '.join(said)}{values}</figcaption>" if said or values else ""
    return f"<figure><h3>{safe(title)}</h3>{shown}{below}</figure>"


def _values(
    headers: Sequence[str],
    rows: Sequence[Sequence[str]],
    numeric: Collection[int],
    *,
    is_open: bool,
) -> str:
    step = -(-len(rows) // MOST_ROWS)
    note = f"Every {_ordinal(step)} of {len(rows)} points." if step > 1 else ""
    inside = table(headers, rows[::step], numeric=numeric, caption=note)
    state = " open" if is_open else ""
    return f'<details class="values"{state}><summary>as a table</summary>{inside}</details>'


def legend(names: Mapping[int, str], mark: str = "") -> str:
    """Names beside a stroke in their colour.

    Args:
        names: place of a series to its name.
        mark: what the circled point is, '' for none.

    Returns:
        Markup, '' where there is nothing to name.
    """
    keys = [
        f'<li><span class="stroke series-{place % 6 + 1} dash-{place % 3 + 1}"></span>'
        f"{safe(name)}</li>"
        for place, name in names.items()
    ]
    if mark:
        keys.append(f'<li><span class="ring"></span>{safe(mark)}</li>')
    return f'<ul class="legend">{"".join(keys)}</ul>' if keys else ""


def _ordinal(number: int) -> str:
    return {2: "second", 3: "third"}.get(number, f"{number}th")
