"""From matplotlib to an SVG that lies in a page: its colours and letters are the page's.

Figures are drawn in colours that stand for the page's CSS variables and are renamed in
the SVG, so one picture serves light, dark and paper. Letters stay text.
"""

from __future__ import annotations

import hashlib
import io
import re
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from assay.evaluation.report.shell import safe

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH = 420
"""Width of every picture, in units of its own; the page scales it."""

NEEDS = "pip install 'assay[report]'"

COLOURS = ("ink", "soft", "line", "card", "accent", "bad", *(f"series-{n}" for n in range(1, 7)))
SERIES = tuple(f"series-{number}" for number in range(1, 7))

_SENTINELS = {name: f"#0a0b{place:02x}" for place, name in enumerate(COLOURS)}
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "axes.unicode_minus": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.spines.bottom": False,
    "axes.axisbelow": True,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "axes.edgecolor": _SENTINELS["line"],
    "axes.labelcolor": _SENTINELS["soft"],
    "axes.labelsize": 12,
    "text.color": _SENTINELS["ink"],
    "font.size": 12,
    "xtick.color": _SENTINELS["soft"],
    "ytick.color": _SENTINELS["soft"],
    "xtick.labelsize": 12,
    "ytick.labelsize": 12,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "axes.grid": True,
    "grid.color": _SENTINELS["line"],
    "grid.linewidth": 1,
}
_NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")


def available() -> bool:
    """Whether the library that draws is installed; without it pages hold tables."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError:
        return False
    return True


def colour(name: str) -> str:
    """What to draw in to get one of the page's ``COLOURS``."""
    return _SENTINELS[name]


def draw(paint: Callable[[Axes], None], *, label: str, height: float = 240) -> str:
    """One picture as inline SVG.

    Args:
        paint: draws into the axes that it is given; it clips nothing.
        label: what the picture shows, for those who do not see it.
        height: of the picture, where its width is ``WIDTH``.

    Returns:
        An ``<svg>`` element of 5 to 100 KB.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    salt = hashlib.sha256(label.encode("utf-8", "replace")).hexdigest()[:12]
    stream = io.StringIO()
    with mpl.rc_context(_STYLE | {"svg.hashsalt": salt}), warnings.catch_warnings():
        # Letters that the font on this machine lacks: the reader's fonts draw them.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure = Figure(figsize=(WIDTH / 72, height / 72), dpi=72, layout="constrained")
        axes = figure.add_subplot()
        figure.patch.set_visible(False)
        axes.patch.set_visible(False)
        paint(axes)
        nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
        figure.savefig(stream, format="svg", metadata=nothing)
    return _themed(stream.getvalue(), label, height)


def _themed(text: str, label: str, height: float) -> str:
    root = ElementTree.fromstring(text)
    used = {
        value[1:]
        for one in root.iter()
        for key, value in one.attrib.items()
        if _plain(key) == "href"
    }
    parts = "".join(_write(one, used) for one in root if _plain(one.tag) == "g")
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{safe(label)}"'
        f' stroke-linejoin="round">{parts}</svg>'
    )


def _write(element: ElementTree.Element, used: set[str]) -> str:
    tag = _plain(element.tag)
    inside = "".join(_write(one, used) for one in element)
    if tag == "text":
        inside = safe(element.text or "")
    if tag in {"g", "defs"} and not inside:
        return ""
    attributes = {_plain(key): value for key, value in element.attrib.items()}
    attributes.pop("clip-path", None)  # nothing is clipped, and the page needs no url()
    if attributes.get("id") not in used:
        attributes.pop("id", None)
    if "style" in attributes:
        attributes["style"] = _restyled(attributes["style"])
    for key in ("d", "x", "y", "transform"):
        if key in attributes:
            short = _NUMBER.sub(lambda found: f"{float(found[0]):.2f}", attributes[key])
            attributes[key] = " ".join(short.split())
    if tag == "g" and not attributes:
        return inside
    shown = "".join(f' {key}="{safe(value)}"' for key, value in attributes.items() if value)
    return f"<{tag}{shown}>{inside}</{tag}>" if inside else f"<{tag}{shown}/>"


def _restyled(style: str) -> str:
    """A style in the page's colours and, by leaving the family out, in its letters."""
    kept = [one.strip() for one in style.split(";") if "font-family" not in one]
    text = "; ".join(kept)
    for name, sentinel in _SENTINELS.items():
        text = text.replace(sentinel, f"var(--{name})")
    return text


def _plain(name: str) -> str:
    """A tag or attribute without its namespace."""
    return name.rsplit("}", 1)[-1]
