"""Names in pictures: short enough, and beside their points without covering each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LETTER = 6.4
"""Width of a letter of a label, in points."""

HEIGHT = 13.0
"""Height of a line of a label, in points."""

PLACES = ((8, 0), (-8, 0), (8, 10), (-8, 10), (8, -11), (-8, -11), (8, 21), (-8, 21), (8, -22))
"""Where a label may stand beside its point, in points, best first."""

Box = tuple[float, float, float, float]


def shorten(text: str, most: int = 26) -> str:
    """A text in one line of at most ``most`` letters.

    >>> shorten("a  long name", 7)
    'a long…'
    """
    line = "".join(letter if letter.isprintable() else " " for letter in text)
    line = " ".join(line.split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def place_labels(
    axes: Axes,
    points: Mapping[str, tuple[float, float]],
    whiskers: Mapping[str, tuple[float, float]],
) -> None:
    """Write each point's name beside it, where it covers least.

    Each name takes the first of a few places in which it meets the fewest names, points
    and whiskers; O(n²) boxes.

    Args:
        axes: with its points drawn.
        points: name to (x, y).
        whiskers: name to the ends of an interval of y.
    """
    axes.figure.canvas.draw()  # only now do the axes know their limits and size

    def on_page(x: float, y: float) -> tuple[float, float]:
        found = axes.transData.transform((x, y))
        return float(found[0]), float(found[1])

    frame = axes.get_window_extent()
    taken: list[Box] = []
    for name, (x, y) in points.items():
        across, up = on_page(x, y)
        low, high = (on_page(x, end)[1] for end in whiskers.get(name, (y, y)))
        taken += [(across - 5, up - 5, across + 5, up + 5), (across - 1, low, across + 1, high)]
    for name, (x, y) in points.items():
        text = shorten(name, 20)
        width = LETTER * len(text)
        at = on_page(x, y)

        def box(shift: tuple[float, float], at: tuple[float, float] = at, w: float = width) -> Box:
            left = at[0] + shift[0] - (w if shift[0] < 0 else 0)
            middle = at[1] + shift[1]
            return left, middle - HEIGHT / 2, left + w, middle + HEIGHT / 2

        def cost(shift: tuple[float, float]) -> float:
            found = box(shift)
            outside = max(0.0, float(frame.x0) - found[0]) + max(0.0, found[2] - float(frame.x1))
            return sum(_meet(found, other) for other in taken) + outside

        best = min(PLACES, key=cost)
        taken.append(box(best))
        axes.annotate(
            text, (x, y), best, textcoords="offset points", va="center",
            ha="right" if best[0] < 0 else "left", annotation_clip=False,
        )  # fmt: skip


def _meet(one: Box, other: Box) -> float:
    """The area that two boxes share."""
    across = min(one[2], other[2]) - max(one[0], other[0])
    up = min(one[3], other[3]) - max(one[1], other[1])
    return across * up if across > 0 and up > 0 else 0.0
