"""Pictures for any page: each is a ``<figure>`` with its numbers as a table beside it.

Points that are not finite are left out and counted in the caption. Without the library
that draws, the table stands open in the picture's place.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from assay.evaluation.report import drawing
from assay.evaluation.report.figure import figure, legend
from assay.evaluation.report.labels import place_labels, shorten
from assay.evaluation.report.shell import Html, safe
from assay.evaluation.report.values import short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

Point = tuple[float, float]
Interval = tuple[float, float]
_Numbers = TypeVar("_Numbers", bound=tuple[float, ...])

DASHES: tuple[tuple[str, tuple[int, tuple[float, ...]]], ...] = (
    ("solid", (0, ())),
    ("dashed", (0, (5, 2))),
    ("dotted", (0, (1, 1.5))),
)
MOST_POINTS = 500
MOST_BARS = 40
HUGE = 1e100


def lines(
    series: Mapping[str, Sequence[Point]],
    *,
    title: str,
    x: str,
    y: str,
    bands: Mapping[str, Sequence[tuple[float, float, float]]] | None = None,
    mark: Point | None = None,
    mark_name: str = "",
    percent_x: bool = False,
    percent_y: bool = False,
    caption: str = "",
) -> str:
    """Lines over a common axis.

    Args:
        series: name to points, x rising.
        title: headline.
        x: what the horizontal axis is, with its unit.
        y: what the vertical axis is, with its unit.
        bands: name of a series to (x, low, high) of the stretch around it.
        mark: a point to circle.
        mark_name: what the circled point is.
        percent_x: whether x is a share, shown in per cent.
        percent_y: whether y is a share, shown in per cent.
        caption: sentences under the picture.

    Returns:
        Markup.
    """
    shown = {name: _thin([one for one in points if _fine(*one)]) for name, points in series.items()}
    left_out = sum(not _fine(*one) for points in series.values() for one in points)
    around = {
        name: _thin([one for one in band if _fine(*one)]) for name, band in (bands or {}).items()
    }
    circled = mark if mark is not None and _fine(*mark) else None

    def paint(axes: Axes) -> None:
        for place, (name, points) in enumerate(shown.items()):
            colour = drawing.colour(drawing.SERIES[place % len(drawing.SERIES)])
            if around.get(name):
                at, low, high = zip(*around[name], strict=True)
                axes.fill_between(
                    at, low, high, color=colour, alpha=0.18, linewidth=0, clip_on=False
                )
            if points:
                across, up = zip(*points, strict=True)
                style = DASHES[place % len(DASHES)][1]
                # A line of one point would not be seen.
                dot = "o" if len(points) == 1 else ""
                axes.plot(
                    across, up, color=colour, linewidth=2.2, linestyle=style, marker=dot,
                    clip_on=False,
                )  # fmt: skip
        if circled is not None:
            axes.plot(
                *circled, "o", markersize=10, markeredgewidth=2.5, clip_on=False,
                markerfacecolor="none", markeredgecolor=drawing.colour("bad"),
            )  # fmt: skip
        _axis(axes, x, y, percent_x=percent_x, percent_y=percent_y)

    rows = [
        (name, short(across, percent=percent_x), short(up, percent=percent_y))
        for name, points in shown.items()
        for across, up in points
    ]
    keys = dict(enumerate(shown)) if len(shown) > 1 else {}
    names = legend(keys, mark_name if circled is not None else "")
    picture = _draw(paint, f"{title}: {y} over {x}", 250, empty=not rows)
    return figure(
        title, picture, ("", x, y), rows, numeric=(1, 2),
        legend=names, caption=caption, left_out=left_out,
    )  # fmt: skip


def points(
    values: Mapping[str, Point],
    *,
    title: str,
    x: str,
    y: str,
    whiskers: Mapping[str, Interval] | None = None,
    percent_x: bool = False,
    percent_y: bool = False,
    log_x: bool = False,
    labelled: bool = True,
    diagonal: bool = False,
    caption: str = "",
) -> str:
    """Single points with their names.

    Args:
        values: name to point.
        title: headline.
        x: what the horizontal axis is, with its unit.
        y: what the vertical axis is, with its unit.
        whiskers: name to the lowest and highest y of an interval.
        percent_x: whether x is a share, shown in per cent.
        percent_y: whether y is a share, shown in per cent.
        log_x: a logarithmic horizontal axis; points with x at or below 0 are left out.
        labelled: whether names stand beside the points.
        diagonal: draws the line on which y equals x.
        caption: sentences under the picture.

    Returns:
        Markup.
    """
    shown = {name: one for name, one in values.items() if _fine(*one) and (one[0] > 0 or not log_x)}
    reach = {
        name: ends
        for name, ends in (whiskers or {}).items()
        if name in shown and _fine(*ends)
    }  # fmt: skip

    def paint(axes: Axes) -> None:
        colour = drawing.colour("series-1")
        if log_x:
            axes.set_xscale("log")
            _decades(axes.xaxis)
        if diagonal:
            axes.plot(
                (0, 1), (0, 1), color=drawing.colour("soft"), linestyle=DASHES[1][1], linewidth=1.2
            )
        for name, (low, high) in reach.items():
            at = shown[name][0]
            axes.plot((at, at), (low, high), color=colour, linewidth=1.6, clip_on=False)
        across, up = zip(*shown.values(), strict=True)
        axes.plot(across, up, "o", color=colour, markersize=7, clip_on=False)
        if not (log_x or percent_x):
            axes.margins(x=0.12)
        _axis(axes, f"{x} (log scale)" if log_x else x, y, percent_x=percent_x, percent_y=percent_y)
        if labelled:
            place_labels(axes, shown, reach)

    with_reach = bool(reach)
    rows = [
        (
            name,
            short(one[0], percent=percent_x),
            short(one[1], percent=percent_y),
            *([_span(reach.get(name), percent=percent_y)] if with_reach else []),
        )
        for name, one in shown.items()
    ]
    headers = ("", x, y, *(["95 % interval"] if with_reach else []))
    picture = _draw(paint, f"{title}: {y} over {x}", 270, empty=not rows)
    return figure(
        title, picture, headers, rows, numeric=(1, 2, 3),
        caption=caption, left_out=len(values) - len(shown),
    )  # fmt: skip


def bars(
    values: Mapping[str, float],
    *,
    title: str,
    x: str,
    y: str = "",
    intervals: Mapping[str, Interval] | None = None,
    percent: bool = False,
    caption: str = "",
) -> str:
    """Bars that lie on their side, from top to bottom, so that long names fit.

    Args:
        values: name to length, 0 or more or below 0.
        title: headline.
        x: what the length is, with its unit.
        y: what the names are.
        intervals: name to the lowest and highest value of an interval.
        percent: whether values are shares, shown in per cent.
        caption: sentences under the picture.

    Returns:
        Markup.
    """
    fine = {name: value for name, value in values.items() if _fine(value)}
    drawn = dict(list(fine.items())[:MOST_BARS])
    reach = {name: ends for name, ends in (intervals or {}).items() if _fine(*ends)}

    def paint(axes: Axes) -> None:
        places = range(len(drawn))
        axes.barh(
            places, list(drawn.values()), height=0.66, color=drawing.colour("series-1"),
            clip_on=False,
        )  # fmt: skip
        edge = max([0.0, *drawn.values()] + [reach[name][1] for name in drawn if name in reach])
        low = min([0.0, *drawn.values()] + [reach[name][0] for name in drawn if name in reach])
        for place, (name, value) in zip(places, drawn.items(), strict=True):
            end = max(value, 0.0)
            if name in reach and reach[name][0] < reach[name][1]:
                axes.plot(
                    reach[name], (place, place), color=drawing.colour("ink"), linewidth=1.4,
                    clip_on=False,
                )  # fmt: skip
                end = max(end, reach[name][1])
            axes.annotate(
                short(value, percent=percent), (end, place), (5, 0),
                textcoords="offset points", va="center", annotation_clip=False,
            )  # fmt: skip
        axes.set_yticks(list(places), [shorten(name) for name in drawn])
        axes.tick_params(axis="y", labelcolor=drawing.colour("ink"))
        axes.invert_yaxis()
        if low < 0:
            axes.axvline(0, color=drawing.colour("soft"), linewidth=1)
        axes.set_xlim(low, (edge + 0.16 * (edge - low)) or 1.0)
        _axis(axes, x, y, percent_x=percent)
        axes.grid(visible=False, axis="y")

    rows = [
        (
            name,
            short(value, percent=percent),
            *([_span(reach.get(name), percent=percent)] if reach else []),
        )
        for name, value in fine.items()
    ]
    headers = (y, x, *(["95 % interval"] if reach else []))
    more = f" Drawn: the first {MOST_BARS} of {len(fine)}." if len(fine) > MOST_BARS else ""
    picture = _draw(paint, f"{title}: {x}", 62 + 30 * len(drawn), empty=not rows)
    return figure(
        title, picture, headers, rows, numeric=(1, 2),
        caption=Html(safe(caption) + more), left_out=len(values) - len(fine),
    )  # fmt: skip


def histogram(
    counts: Mapping[int, float] | Mapping[str, float],
    *,
    title: str,
    x: str,
    y: str,
    caption: str = "",
) -> str:
    """Upright bars, one for each value that was counted.

    Whole numbers stand at their place on the axis, those between them that were not
    counted at 0; where they reach too far, neighbours are taken together. Texts stand
    in their order.

    Args:
        counts: value to how often it was seen.
        title: headline.
        x: what was counted.
        y: what the height is.
        caption: sentences under the picture.

    Returns:
        Markup.
    """
    fine = {key: value for key, value in counts.items() if _fine(value)}
    numbers = {key: value for key, value in fine.items() if isinstance(key, int)}
    names = (
        _filled(numbers)
        if len(numbers) == len(fine)
        else {str(key): value for key, value in fine.items()}
    )

    def paint(axes: Axes) -> None:
        from matplotlib.ticker import MaxNLocator

        drawn = dict(list(names.items())[:MOST_BARS])
        axes.bar(
            range(len(drawn)), list(drawn.values()), width=0.8, color=drawing.colour("series-1"),
            clip_on=False,
        )  # fmt: skip
        # As many names as can stand side by side.
        letters = max(len(shorten(name, 12)) for name in drawn) + 2
        step = math.ceil(len(drawn) * letters / 54)
        places = range(0, len(drawn), step)
        texts = [shorten(name, 12) for name in drawn]
        axes.set_xticks(list(places), [texts[place] for place in places])
        if all(value == int(value) for value in drawn.values()):
            axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        _axis(axes, x, y)
        axes.grid(visible=False, axis="x")

    rows = [(name, short(value)) for name, value in names.items()]
    more = f" Drawn: the first {MOST_BARS} of {len(names)}." if len(names) > MOST_BARS else ""
    picture = _draw(paint, f"{title}: {y} by {x}", 230, empty=not rows)
    return figure(
        title, picture, (x, y), rows, numeric=(1,),
        caption=Html(safe(caption) + more), left_out=len(counts) - len(fine),
    )  # fmt: skip


def _filled(counts: Mapping[int, float]) -> dict[str, float]:
    """Counts of all whole numbers of the range, or of ranges where it is long."""
    if not counts:
        return {}
    low, high = min(counts), max(counts)
    width = math.ceil((high - low + 1) / MOST_BARS)
    found: dict[str, float] = {}
    for start in range(low, high + 1, width):
        end = start + width - 1
        found[str(start) if width == 1 else f"{start}–{end}"] = 0.0
    keys = list(found)
    for key, value in counts.items():
        found[keys[(key - low) // width]] += value
    return found


def _axis(axes: Axes, x: str, y: str, *, percent_x: bool = False, percent_y: bool = False) -> None:
    axes.set_xlabel(shorten(x, 64))
    axes.set_ylabel(shorten(y, 40))
    for axis, percent in ((axes.xaxis, percent_x), (axes.yaxis, percent_y)):
        if percent:
            _as_percent(axis)


def _decades(axis: Axis) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1.0, 3.0), numticks=8))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _as_percent(axis: Axis) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axis.set_major_locator(MaxNLocator(5))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.3g} %"))


def _draw(paint: Callable[[Axes], None], label: str, height: float, *, empty: bool) -> str | None:
    if empty or not drawing.available():
        return None
    return drawing.draw(paint, label=label, height=height)


def _thin(points: Sequence[_Numbers]) -> Sequence[_Numbers]:
    """Every n-th point of too many, and always the last one."""
    step = -(-len(points) // MOST_POINTS)
    return [*points[:-1:step], points[-1]] if step > 1 else points


def _span(ends: Interval | None, *, percent: bool) -> str:
    return "" if ends is None else " to ".join(short(end, percent=percent) for end in ends)


def _fine(*values: float) -> bool:
    """Whether numbers can stand on an axis."""
    return all(math.isfinite(value) and abs(value) < HUGE for value in values)
