"""The text of a Word paragraph, and what its style makes of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Element: TypeAlias = Any  # of lxml, which has no types of its own

_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_SKIPPED = {"del", "moveFrom", "Fallback", "pPr", "rPr", "rt", "instrText", "delText", "sdtPr"}
_FALSE = ("0", "false", "off", "none")
_BODY_LEVEL = 9  # what Word calls body text in an outline
_NOTE = "\ue000"  # private use: stands in for a note's number until it is known
_MARK = re.compile(rf"{_NOTE}\d+{_NOTE}")


def local(element: Element) -> str:
    """An element's name without its namespace; '' for comments and instructions."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def qualified(name: str) -> str:
    """A name in Word's namespace as lxml writes it."""
    return f"{{{_WORD}}}{name}"


@dataclass(slots=True)
class Paragraph:
    """What a paragraph says and what hangs on it.

    Args:
        text: its text; a reference to a note is ``mark(index)``.
        notes: for each reference ``footnote`` or ``endnote`` and the note's id.
        boxes: the contents of its text boxes.
        pictures: descriptions of its pictures.
        first: number of the first mark, so that the marks of a row's cells differ.
    """

    text: str = ""
    notes: list[tuple[str, str]] = field(default_factory=list)
    boxes: list[Element] = field(default_factory=list)
    pictures: list[str] = field(default_factory=list)
    first: int = 0

    def mark(self, index: int) -> str:
        """What stands in the text for the reference to a note."""
        return f"{_NOTE}{self.first + index}{_NOTE}"


def paragraph(element: Element, *, first: int = 0) -> Paragraph:
    """Read a paragraph as it looks with all changes accepted.

    Args:
        element: a ``w:p``.
        first: see ``Paragraph``.
    """
    made = Paragraph(first=first)
    pieces: list[str] = []
    _collect(element, made, pieces)
    made.text = "".join(pieces)
    return made


def without_marks(text: str) -> str:
    """A text without its references to notes."""
    return _MARK.sub("", text)


def _collect(parent: Element, made: Paragraph, pieces: list[str]) -> None:
    for child in parent:
        name = local(child)
        if name == "t":
            pieces.append((child.text or "").replace(_NOTE, ""))
        elif name in ("tab", "ptab"):
            pieces.append("\t")
        elif name in ("br", "cr"):
            pieces.append("\n")
        elif name == "noBreakHyphen":
            pieces.append("\u2011")
        elif name in ("footnoteReference", "endnoteReference"):
            pieces.append(made.mark(len(made.notes)))
            made.notes.append((name.removesuffix("Reference"), child.get(qualified("id"), "")))
        elif name == "txbxContent":
            made.boxes.append(child)
        elif name == "docPr":
            described = child.get("descr", "").strip()
            if described:
                made.pictures.append(" ".join(described.split()))
        elif name not in _SKIPPED and not (name == "r" and _hidden(child)):
            _collect(child, made, pieces)


def _hidden(run: Element) -> bool:
    properties = run.find(qualified("rPr"))
    if properties is None:
        return False
    vanish = properties.find(qualified("vanish"))
    return vanish is not None and vanish.get(qualified("val"), "1") not in _FALSE


class Styles:
    """What a document's styles say of headings and lists.

    Args:
        element: the root of the styles part.
    """

    def __init__(self, element: Element) -> None:
        self._styles = {
            style.get(qualified("styleId"), ""): style for style in element.iter(qualified("style"))
        }
        self._known: dict[str, tuple[int, bool, str]] = {}

    def kind(self, element: Element) -> tuple[int, bool]:
        """The level of a heading, 0 for none, and whether it is a list's item."""
        properties = element.find(qualified("pPr"))
        level, is_list, _ = self._of(_style_id(properties))
        if properties is not None:
            own = _outline(properties)
            level = level if own is None else own
            numbered = _numbered(properties)
            is_list = is_list if numbered is None else numbered
        return level, is_list and not level

    def is_caption(self, element: Element) -> bool:
        """Whether the paragraph's style is Word's for captions."""
        return self._of(_style_id(element.find(qualified("pPr"))))[2] == "caption"

    def _of(self, style_id: str) -> tuple[int, bool, str]:
        """Level, list and name of a style, its ancestors asked where it says nothing."""
        if style_id in self._known:
            return self._known[style_id]
        level: int | None = None
        is_list: bool | None = None
        first_name = ""
        seen: set[str] = set()
        at = style_id
        while at in self._styles and at not in seen:  # a style may be based on itself
            seen.add(at)
            style = self._styles[at]
            name = _value(style, "name").lower()
            first_name = first_name or name
            properties = style.find(qualified("pPr"))
            if level is None:
                level = _named_level(name)
            if properties is not None:
                level = _outline(properties) if level is None else level
                is_list = _numbered(properties) if is_list is None else is_list
            if is_list is None and name.startswith(("list bullet", "list number")):
                is_list = True
            at = _value(style, "basedOn")
        self._known[style_id] = (level or 0, bool(is_list), first_name)
        return self._known[style_id]


def _named_level(name: str) -> int | None:
    if name == "title":
        return 1
    number = name.removeprefix("heading ")
    return int(number) if number != name and number.isdecimal() and len(number) == 1 else None


def _value(element: Element, name: str) -> str:
    found = element.find(qualified(name))
    return "" if found is None else found.get(qualified("val"), "")


def _style_id(properties: Element | None) -> str:
    return "" if properties is None else _value(properties, "pStyle")


def _outline(properties: Element) -> int | None:
    said = _value(properties, "outlineLvl")
    if not said.isdecimal() or len(said) > 1:
        return None
    return 0 if int(said) == _BODY_LEVEL else int(said) + 1


def _numbered(properties: Element) -> bool | None:
    numbering = properties.find(qualified("numPr"))
    if numbering is None:
        return None
    return _value(numbering, "numId") != "0"
