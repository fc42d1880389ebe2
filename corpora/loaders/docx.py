"""Reads Word documents (.docx): headings, lists, tables, notes, in document order.

Tracked changes are read as accepted: inserted text stands, deleted text does not. Left out, and
said so in ``Loaded.problems``: headers and footers, comments, embedded files. Left out silently:
hidden text, field codes, page numbers.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date as Day
from datetime import datetime
from typing import Any

from assay.corpora.loaders.archive import TREE_BYTES, as_type, checked, embedded
from assay.corpora.loaders.docx_text import (
    Element,
    Paragraph,
    Styles,
    local,
    paragraph,
    qualified,
    without_marks,
)
from assay.corpora.loaders.loaded import Loaded, Source, TextBuilder, Unreadable
from assay.corpora.loaders.reading import read, refuse_long
from assay.corpora.loaders.tables import (
    SAMPLE_ROWS,
    header_text,
    join_header,
    looks_like_header,
    row_text,
)
from assay.pipeline.errors import UsageError
from assay.pipeline.words import Scalar

_TRANSPARENT = ("sdt", "sdtContent", "customXml", "ins", "moveTo", "smartTag")
_MAIN = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
_OTHERS = (
    "application/vnd.ms-word.document.macroEnabled.main+xml",
    "application/vnd.ms-word.template.macroEnabledTemplate.main+xml",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.template.main+xml",
)
_COLUMNS = 1_000  # of a table; Word itself stops at 63


def load(source: Source) -> Iterator[Loaded]:
    """The document in a .docx, .docm or .dotx file, as one ``Loaded``.

    Blocks of body text have the place ``{"paragraph": n}``, with every paragraph of the body
    outside tables counted; rows ``{"table": n, "row": m}``; a note the place of its reference
    and ``{"note": k}``; text boxes that of the paragraph that holds them.

    Args:
        source: the file.

    Raises:
        Unreadable: if it is no Word document, is broken, or is protected by a password.
        UsageError: if python-docx is not installed.
        OSError: if it cannot be opened.
    """
    raw = read(source)
    checked(raw, source, tree_bytes=TREE_BYTES)
    try:
        import docx
    except ImportError as error:
        raise UsageError(
            "reading .docx files needs python-docx; pip install 'assay[documents]'"
        ) from error
    try:
        plain = as_type(raw, known=_MAIN, others=_OTHERS)
        made = _Reader(docx.Document(io.BytesIO(plain)), raw).loaded()
    except Exception as error:  # python-docx raises anything on a file that breaks the format
        raise Unreadable(
            f"{source.id}: cannot be read as a Word document ({type(error).__name__}: {error}); "
            "open it in Word and save it as .docx again"
        ) from error
    refuse_long(made.text, source)
    yield made


@dataclass(slots=True)
class _Row:
    """A table's row: a text for each column, what it refers to, and what lies inside its cells."""

    number: int
    cells: list[str] = field(default_factory=list)
    parts: list[Paragraph] = field(default_factory=list)
    nested: list[Element] = field(default_factory=list)
    is_header: bool = False


class _Reader:
    """One pass over a document's body."""

    def __init__(self, document: Any, raw: bytes) -> None:
        self._document = document
        self._raw = raw
        self._made = TextBuilder()
        self._styles = Styles(document.styles.element)
        self._notes = {kind: _notes(document, kind) for kind in ("footnote", "endnote")}
        self._paragraphs = 0
        self._tables = 0
        self._note_count = 0

    def loaded(self) -> Loaded:
        self._walk(self._document.element.body)
        title, day, metadata = _properties(self._document)
        return Loaded(
            text=self._made.text,
            blocks=self._made.blocks,
            title=title,
            date=day,
            metadata=metadata,
            problems=tuple(_left_out(self._document, self._raw)),
        )

    def _walk(self, parent: Element) -> None:
        for child in parent:
            name = local(child)
            if name == "p":
                self._paragraphs += 1
                self._add_paragraph(child, {"paragraph": self._paragraphs})
            elif name == "tbl":
                self._add_table(child)
            elif name in _TRANSPARENT:
                self._walk(child)

    def _add_paragraph(self, element: Element, place: Mapping[str, Scalar]) -> None:
        read_paragraph = paragraph(element)
        text = self._with_marks(read_paragraph)
        level, is_list = self._styles.kind(element)
        if level and text.strip():
            self._made.add(text, "heading", level=level, place=place)
        elif is_list:
            self._made.add(f"- {text.strip()}" if text.strip() else "", "list", place=place)
        else:
            is_caption = self._styles.is_caption(element)
            self._made.add(text, "caption" if is_caption else "paragraph", place=place)
        self._add_attached(read_paragraph, place)

    def _with_marks(self, part: Paragraph) -> str:
        """The paragraph's text with ``[^1]`` where a note is referred to."""
        text = part.text
        for index in range(len(part.notes)):
            text = text.replace(part.mark(index), f"[^{self._note_count + index + 1}]", 1)
        return text

    def _add_attached(self, part: Paragraph, place: Mapping[str, Scalar]) -> None:
        """What hangs on a paragraph: its notes, its text boxes, its pictures' descriptions."""
        for kind, key in part.notes:
            self._note_count += 1
            body = self._notes[kind].get(key)
            words = " ".join(_texts(body)) if body is not None else ""
            if words:
                note = {**place, "note": self._note_count}
                self._made.add(f"[^{self._note_count}]: {words}", "paragraph", place=note)
        for description in part.pictures:
            self._made.add(f"Picture: {description}", "caption", place=place)
        for box in part.boxes:
            for child in box:
                if local(child) == "p":
                    self._add_paragraph(child, place)
                elif local(child) == "tbl":
                    self._add_table(child)

    def _add_table(self, element: Element) -> None:
        self._tables += 1
        number = self._tables
        rows = _rows(element)
        cells = [row.cells for row in rows]
        marked = 0
        while marked < len(rows) and rows[marked].is_header:
            marked += 1
        count = marked if marked < len(rows) else 0
        count = count or looks_like_header(cells[:SAMPLE_ROWS])
        single = max((len(row) for row in cells), default=0) < 2
        if single:
            count = 0
        header = self._add_header(rows[:count], number)
        for row in rows[count:]:
            place: dict[str, Scalar] = {"table": number, "row": row.number}
            written, _ = _marked(row, self._note_count)
            if single:
                self._made.add(" ".join(written), "paragraph", place=place)
            else:
                self._made.add(row_text(header, written), "table_row", place=place)
            self._add_parts(row, place)

    def _add_header(self, rows: list[_Row], number: int) -> tuple[str, ...]:
        if not rows:
            return ()
        count = self._note_count
        cells: list[list[str]] = []
        for row in rows:
            written, count = _marked(row, count)
            cells.append(written)
        header = join_header(cells)
        place: dict[str, Scalar] = {"table": number, "row": rows[0].number}
        self._made.add(header_text(header), "table_row", place=place)
        for row in rows:
            self._add_parts(row, {"table": number, "row": row.number})
        return header

    def _add_parts(self, row: _Row, place: Mapping[str, Scalar]) -> None:
        for part in row.parts:
            self._add_attached(part, place)
        for nested in row.nested:
            self._add_table(nested)


def _marked(row: _Row, count: int) -> tuple[list[str], int]:
    """A row's cells with its notes' marks numbered on from ``count``, and the last number."""
    cells = row.cells
    for part in row.parts:
        for index in range(len(part.notes)):
            count += 1
            cells = [cell.replace(part.mark(index), f"[^{count}]") for cell in cells]
    return cells, count


def _rows(table: Element) -> list[_Row]:
    """The rows of a table, merged cells carried to every row and column that they cover."""
    rows: list[_Row] = []
    above: list[str] = []
    for number, element in enumerate(_inside(table, "tr"), start=1):
        properties = element.find(qualified("trPr"))
        if properties is not None and properties.find(qualified("del")) is not None:
            continue
        row = _Row(number)
        if properties is not None:
            row.is_header = properties.find(qualified("tblHeader")) is not None
            before = properties.find(qualified("gridBefore"))
            row.cells += [""] * (_number(before) if before is not None else 0)
        for cell in _inside(element, "tc"):
            text = _cell(cell, row)
            span, continues = _span(cell)
            for _ in range(min(span, _COLUMNS - len(row.cells))):
                column = len(row.cells)
                carried = continues and column < len(above)
                row.cells.append(without_marks(above[column]) if carried else text)
                text = without_marks(text)
        above = row.cells
        rows.append(row)
    return rows


def _cell(cell: Element, row: _Row) -> str:
    texts: list[str] = []
    for child in _inside(cell, "p", "tbl"):
        if local(child) == "tbl":
            row.nested.append(child)
            continue
        part = paragraph(child, first=sum(len(other.notes) for other in row.parts))
        row.parts.append(part)
        texts.append(part.text)
    return " ".join(text for text in texts if text.strip())


def _span(cell: Element) -> tuple[int, bool]:
    """How many columns a cell covers, and whether it goes on from the row above."""
    properties = cell.find(qualified("tcPr"))
    if properties is None:
        return 1, False
    span = properties.find(qualified("gridSpan"))
    merge = properties.find(qualified("vMerge"))
    continues = merge is not None and merge.get(qualified("val"), "continue") == "continue"
    return (max(1, _number(span)) if span is not None else 1), continues


def _number(element: Element) -> int:
    said = element.get(qualified("val"), "")
    return min(int(said), _COLUMNS) if said.isdecimal() else 0


def _inside(parent: Element, *names: str) -> Iterator[Element]:
    """Children of these names, also those wrapped in content controls."""
    for child in parent:
        name = local(child)
        if name in names:
            yield child
        elif name in _TRANSPARENT:
            yield from _inside(child, *names)


def _texts(parent: Element) -> list[str]:
    texts = [without_marks(paragraph(child).text) for child in parent.iter(qualified("p"))]
    return [text.strip() for text in texts if text.strip()]


def _notes(document: Any, kind: str) -> dict[str, Element]:
    """The footnotes or endnotes by their id."""
    from docx.oxml.parser import parse_xml

    for relation in document.part.rels.values():
        if relation.reltype.endswith(f"/{kind}s") and not relation.is_external:
            tree = parse_xml(relation.target_part.blob)
            return {
                note.get(qualified("id")): note
                for note in tree.iter(qualified(kind))
                if note.get(qualified("type"), "normal") == "normal"
            }
    return {}


def _left_out(document: Any, raw: bytes) -> Iterator[str]:
    from docx.oxml.parser import parse_xml

    counts = {"header": 0, "footer": 0, "comment": 0}
    for relation in document.part.rels.values():
        kind = relation.reltype.rsplit("/", 1)[-1].removesuffix("s")
        if kind in counts and not relation.is_external:
            tree = parse_xml(relation.target_part.blob)
            if kind == "comment":
                counts[kind] += sum(1 for _ in tree.iter(qualified("comment")))
            else:
                counts[kind] += bool(_texts(tree))
    for kind, count in counts.items():
        if count:
            yield f"left out: {count} {kind}{'s' if count > 1 else ''}"
    for name in embedded(raw):
        yield f"the embedded file {name} is not read; index it as a file of its own"


def _properties(document: Any) -> tuple[str, Day | None, dict[str, Scalar]]:
    """Title, day of the last change, and labels; nothing where the file has no properties."""
    relations = document.part.package.rels.values()
    if not any(relation.reltype.endswith("/core-properties") for relation in relations):
        return "", None, {}  # python-docx would make some up
    core = document.core_properties
    said = {"author": core.author, "language": core.language}
    metadata: dict[str, Scalar] = {name: text for name, text in said.items() if text}
    changed = core.modified
    return (
        core.title or "",
        changed.date() if isinstance(changed, datetime) else None,
        metadata,
    )
