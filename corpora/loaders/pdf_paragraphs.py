"""Lines of a PDF become paragraphs, across columns and pages, and paragraphs become a text.

A sentence that goes on over a page or column break stays one: the part behind the break is put
to the paragraph that it continues, whose place is the page on which it begins, with
``last_page`` for the page on which it ends. Notes at the foot of the page, which are smaller,
are stepped over and follow behind it.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

from assay.corpora.block import Kind
from assay.corpora.loaders.loaded import TextBuilder
from assay.corpora.loaders.pdf_layout import Line
from assay.pipeline.words import Scalar

_BULLET = re.compile(r"[•▪◦‣●○■–*-]\s+(?=\S)")
_NUMBERED = re.compile(r"\(?(?:\d{1,3}|[a-z]|[ivx]{1,5})[.)]\s+(?=\S)")
_ENDED = re.compile(r"[.!?:;。！？…][\"'”’»)\]]*$")
_COMPOUND = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)+")
_CJK = re.compile(r"[\u3000-\u30ff\u3400-\u9fff\uff00-\uffef]")
_LARGER = 1.12  # a heading's size against the body's
_LONGEST_HEADING = 200  # characters


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Lines that belong together.

    Args:
        lines: of the paragraph, from the top.
        page: on which it begins, from 1.
        last_page: on which it ends.
        kind: before headings are known.
    """

    lines: tuple[Line, ...]
    page: int
    last_page: int
    kind: Kind

    @property
    def size(self) -> float:
        """Font size of its first line, in points."""
        return self.lines[0].size

    @property
    def bold(self) -> bool:
        """Whether all of it is bold."""
        return all(line.bold for line in self.lines)


def add_page(paragraphs: list[Paragraph], lines: Sequence[Line], page: int) -> None:
    """Put the lines of the next page behind the paragraphs of those before."""
    leads = _leads(lines)
    previous: Line | None = None
    current = 0  # place of the paragraph that the line above belongs to
    for line in lines:
        place: int | None = None
        if line.row:
            pass
        elif previous is None or previous.row or _turns_back(previous, line):
            place = _continued(paragraphs, line)
        elif _same(paragraphs[current], previous, line, leads):
            place = current
        if place is None:
            kind: Kind = "table_row" if line.row else "list" if _marked(line) else "paragraph"
            paragraphs.append(Paragraph((line,), page, page, kind))
            current = len(paragraphs) - 1
        else:
            known = paragraphs[place]
            paragraphs[place] = replace(known, lines=(*known.lines, line), last_page=page)
            current = place
        previous = line


def _leads(lines: Sequence[Line]) -> dict[int, float]:
    """The usual distance of baselines by font size."""
    steps: dict[int, list[float]] = {}
    for above, below in itertools.pairwise(lines):
        step = below.base - above.base
        if round(above.size) == round(below.size) and 0 < step < 3 * above.size:
            steps.setdefault(round(above.size), []).append(step)
    return {size: min(median(found), 2.2 * size) for size, found in steps.items()}


def _turns_back(above: Line, below: Line) -> bool:
    return below.base <= above.base or below.left >= above.column[1]


def _marked(line: Line) -> bool:
    return bool(_BULLET.match(line.text) or _NUMBERED.match(line.text))


def _alike(one: Line, other: Line) -> bool:
    return abs(one.size - other.size) <= 0.08 * max(one.size, other.size)


def _same(known: Paragraph, above: Line, below: Line, leads: Mapping[int, float]) -> bool:
    """Whether a line belongs to the paragraph of the line above it."""
    if not _alike(above, below) or (above.bold != below.bold and len(known.lines) == 1):
        return False
    size = below.size
    lead = leads.get(round(size), 1.25 * size)
    if below.base - above.base > max(1.3 * lead, lead + 0.25 * size):
        return False
    ended = bool(_ENDED.search(above.text))
    if _BULLET.match(below.text) and not below.text.startswith(("-", "–", "*")):
        return False
    if _marked(below) and (ended or known.kind == "list"):
        return False
    room = above.column[1] - above.right
    first_word = 0.5 * size * (len(below.text.split(" ", 1)[0]) + 1)
    if ended and room > first_word + size:
        return False  # the next word would have fitted: the break is meant
    centred = abs(above.left + above.right - below.left - below.right) < 0.8 * size
    shift = below.left - above.left
    if centred or abs(shift) <= 0.8 * size:
        return True
    if shift > 0:  # an indent begins a paragraph, unless lines hang below their first one
        return known.kind == "list" or (len(known.lines) == 1 and not ended)
    return len(known.lines) == 1 or (known.kind == "list" and not ended)


def _continued(paragraphs: Sequence[Paragraph], line: Line) -> int | None:
    """The paragraph that a line at the top of a column or page goes on with, if one."""
    if _marked(line):
        return None
    for place in range(len(paragraphs) - 1, max(-1, len(paragraphs) - 30), -1):
        known = paragraphs[place]
        last = known.lines[-1]
        if known.kind != "table_row" and last.size < 0.93 * line.size:
            continue  # a note at the foot
        if known.kind == "table_row" or not _alike(last, line) or last.bold != line.bold:
            return None
        if _ENDED.search(last.text):
            return None
        full = last.right >= last.column[1] - 0.12 * (last.column[1] - last.column[0])
        indented = line.left > line.column[0] + 0.8 * line.size
        lower = line.text[:1].islower()
        if lower or last.text.endswith(("-", ",")) or (full and not indented):
            return place
        return None
    return None


def build(
    paragraphs: Sequence[Paragraph],
    *,
    labels: Mapping[int, str],
    outline: Mapping[tuple[int, str], int],
) -> TextBuilder:
    """The text with its blocks.

    Args:
        paragraphs: of the whole document, in reading order.
        labels: labels of the pages that have one other than their number.
        outline: levels of the headings that the table of contents names, by page and by
            title as ``title_key`` gives it.
    """
    compounds = {
        found.casefold()
        for paragraph in paragraphs
        for line in paragraph.lines
        for found in _COMPOUND.findall(line.text.rstrip("-"))
    }
    body, levels, lightly = _sizes(paragraphs)
    made = TextBuilder()
    for paragraph in paragraphs:
        text = _joined([line.text for line in paragraph.lines], compounds)
        place: dict[str, Scalar] = {"page": paragraph.page}
        if paragraph.page in labels:
            place["label"] = labels[paragraph.page]
        if paragraph.last_page != paragraph.page:
            place["last_page"] = paragraph.last_page
        level = 0
        if paragraph.kind != "table_row":
            level = outline.get((paragraph.page, title_key(text)), 0)
            level = level or _level(paragraph, text, body, levels, lightly)
        if level:
            made.add(text, "heading", level=level, place=place)
        elif paragraph.kind == "list":
            made.add(_BULLET.sub("- ", text, count=1), "list", place=place)
        else:
            made.add(text, paragraph.kind, place=place)
    return made


def title_key(title: str) -> str:
    """A heading's letters and figures, to compare it with the table of contents."""
    return "".join(letter for letter in title.casefold() if letter.isalnum())


def _sizes(paragraphs: Iterable[Paragraph]) -> tuple[float, list[float], bool]:
    """The body's font size, the larger ones from the largest, and whether bold is rare."""
    letters: Counter[float] = Counter()
    bold = 0
    large: set[float] = set()
    for paragraph in paragraphs:
        for line in paragraph.lines:
            letters[round(2 * line.size) / 2] += len(line.text)
            bold += line.bold * len(line.text)
    body = max(letters, key=lambda size: (letters[size], -size)) if letters else 10.0
    for paragraph in paragraphs:
        if paragraph.kind != "table_row" and paragraph.size > _LARGER * body:
            large.add(round(2 * paragraph.size) / 2)
    return body, sorted(large, reverse=True), bold < 0.3 * letters.total()


def _level(paragraph: Paragraph, text: str, body: float, levels: list[float], lightly: bool) -> int:
    """A heading's level by its font, 0 for what is none."""
    if sum(letter.isalpha() for letter in text) < 2 or len(text) > _LONGEST_HEADING:
        return 0
    if paragraph.size > _LARGER * body and len(paragraph.lines) <= 4:
        return min(6, levels.index(round(2 * paragraph.size) / 2) + 1)
    short = len(paragraph.lines) <= 2 and len(text) <= 120 and not text.endswith((".", ",", ":"))
    if lightly and paragraph.bold and short and paragraph.size > 0.93 * body:
        return min(6, len(levels) + 1)
    return 0


def _joined(lines: Sequence[str], compounds: set[str]) -> str:
    """Lines as one, words that were divided at a line's end put together again."""
    text = lines[0]
    for line in lines[1:]:
        if text.endswith("-") and len(text) > 1 and not text[-2].isspace():
            text = (text[:-1] if _is_divided(text[-80:], line, compounds) else text) + line
        elif text and _CJK.match(text[-1]) and _CJK.match(line[:1]):
            text += line
        else:
            text += " " + line
    return text


def _is_divided(text: str, line: str, compounds: set[str]) -> bool:
    """Whether the hyphen at the end of a text only says that its last word goes on."""
    before = re.search(r"([^\W\d_]+(?:-[^\W\d_]+)*)-$", text)
    after = re.match(r"[^\W\d_]+", line)
    if before is None or after is None or not line[:1].islower() or "-" in before.group(1):
        return False
    return f"{before.group(1)}-{after.group()}".casefold() not in compounds
