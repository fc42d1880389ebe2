"""Text that markup hides from a reader.

One pass over the tags, linear in the text's length. Tags that hide nothing stay
as they are: a passage is not rewritten, and ``<identifier>`` in a grammar is text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_TAG = re.compile(
    r"<(?P<close>/?)(?P<name>[a-zA-Z][\w:-]*+)"
    r"(?P<rest>(?:\s(?:[^<>\"']|\"[^\"<]*+\"|'[^'<]*+')*+)?+/?)>"
)
_ATTRIBUTE = re.compile(
    r"(?<=\s)(?P<name>[a-zA-Z][\w:-]*+)"
    r"(?:\s*+=\s*+(?P<value>\"[^\"]*+\"|'[^']*+'|[^\s\"'>]++))?+"
)
_NEVER_SHOWN = frozenset(("script", "style", "template"))
_VOID = frozenset("area base br col embed hr img input link meta param source track wbr".split())
_LENGTH = re.compile(r"(-?\d*\.?\d+)\s*(px|pt|em|rem|%)?")
_UNIT = {"px": 1.0, "pt": 1.33, "em": 16.0, "rem": 16.0, "%": 0.16, None: 1.0}


@dataclass(frozen=True, slots=True)
class HiddenSpan:
    """A stretch that a page does not show; ``inner`` is what it says."""

    carrier: str
    start: int
    end: int
    inner_start: int
    inner_end: int


def hidden_spans(text: str) -> list[HiddenSpan]:
    """Comments, scripts, styles and hidden elements, in order, none inside another.

    What is not closed hides everything up to the end, as in a browser.

    >>> [one.carrier for one in hidden_spans("a <!-- b --> <p hidden>c</p>")]
    ['html_comment', 'html_hidden']
    """
    if "<" not in text:
        return []
    spans: list[HiddenSpan] = []
    dark_page = "background" in text
    at = 0
    while (at := text.find("<", at)) >= 0:
        if text.startswith("<!--", at):
            close = text.find("-->", at + 4)
            inner_end, end = (close, close + 3) if close >= 0 else (len(text), len(text))
            spans.append(HiddenSpan("html_comment", at, end, at + 4, inner_end))
            at = end
            continue
        tag = _TAG.match(text, at)
        if tag is None or tag["close"] or not _hides(tag, dark_page):
            at = tag.end() if tag else at + 1
            continue
        inner_end, end = _closing(text, tag)
        spans.append(HiddenSpan("html_hidden", at, end, tag.end(), inner_end))
        at = end
    return spans


def _closing(text: str, tag: re.Match[str]) -> tuple[int, int]:
    """Where the element's content ends, and where the element does."""
    name, depth = tag["name"].lower(), 1
    for other in _TAG.finditer(text, tag.end()):
        if other["name"].lower() == name and not other["rest"].endswith("/"):
            depth += -1 if other["close"] else 1
        if depth == 0:
            return other.span()
    return len(text), len(text)


def _hides(tag: re.Match[str], dark_page: bool) -> bool:
    name = tag["name"].lower()
    if name in _VOID or tag["rest"].endswith("/"):
        return False
    if name in _NEVER_SHOWN:
        return True
    for one in _ATTRIBUTE.finditer(tag["rest"]):
        value = (one["value"] or "").strip("\"'").lower()
        key = one["name"].lower()
        if key == "hidden" or (key == "aria-hidden" and value == "true"):
            return True
        if key == "style" and _invisible(value, dark_page):
            return True
    return False


def _invisible(style: str, dark_page: bool) -> bool:
    rules: dict[str, str] = {}
    for rule in style.split(";"):
        key, _, value = rule.partition(":")
        rules[key.strip()] = value.replace("!important", "").strip()
    if rules.get("display") == "none" or rules.get("visibility") in ("hidden", "collapse"):
        return True
    if _pixels(rules.get("font-size"), 16) < 2 or _share(rules.get("opacity")) < 0.1:
        return True
    if any(_pixels(rules.get(side), 0) <= -500 for side in ("left", "top", "text-indent")):
        return True
    colour = _colour(rules.get("color"))
    behind = _colour(rules.get("background-color") or rules.get("background"))
    if behind is None and not dark_page:
        behind = "#ffffff"
    return colour is not None and colour in (behind, "transparent")


def _pixels(value: str | None, default: float) -> float:
    match = _LENGTH.match(value or "")
    return float(match[1]) * _UNIT[match[2]] if match else default


def _share(value: str | None) -> float:
    match = _LENGTH.match(value or "")
    return float(match[1]) / (100 if match[2] == "%" else 1) if match else 1.0


def _colour(value: str | None) -> str | None:
    if not value:
        return None
    folded = "".join(value.split())
    named = {"white": "#ffffff", "black": "#000000", "rgb(255,255,255)": "#ffffff"}
    if re.fullmatch("#[0-9a-f]{3}", folded):
        return "#" + "".join(one * 2 for one in folded[1:])
    return named.get(folded, folded)
