"""Reads PowerPoint presentations (.pptx) slide by slide: title, body, tables, charts, notes.

Hidden slides are read and named in ``Loaded.problems``. Slide numbers, dates and footers that a
layout repeats on each slide are left out, and so are comments.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from datetime import date as Day
from datetime import datetime
from typing import Any

from assay.corpora.block import Kind
from assay.corpora.loaders.archive import TREE_BYTES, as_type, checked
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

_MAIN = "application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml"
_OTHERS = (
    "application/vnd.ms-powerpoint.presentation.macroEnabled.main+xml",
    "application/vnd.ms-powerpoint.slideshow.macroEnabled.main+xml",
    "application/vnd.openxmlformats-officedocument.presentationml.slideshow.main+xml",
    "application/vnd.openxmlformats-officedocument.presentationml.template.main+xml",
)
_BANDS = 40  # shapes whose tops lie within this part of a slide's height stand side by side
_DEPTH = 50  # of groups in groups


def load(source: Source) -> Iterator[Loaded]:
    """The presentation in a .pptx, .pptm, .ppsx or .potx file, as one ``Loaded``.

    Each slide begins with a heading: its title, or ``Slide 3`` where it has none. Its shapes
    follow from the top left to the bottom right. Places are ``{"slide": n}``, for the speaker's
    notes ``{"slide": n, "notes": True}``, for rows ``{"slide": n, "table": k, "row": m}``.

    Args:
        source: the file.

    Raises:
        Unreadable: if it is no presentation, is broken, or is protected by a password.
        UsageError: if python-pptx is not installed.
        OSError: if it cannot be opened.
    """
    raw = read(source)
    checked(raw, source, tree_bytes=TREE_BYTES)
    try:
        import pptx
    except ImportError as error:
        raise UsageError(
            "reading .pptx files needs python-pptx; pip install 'assay[documents]'"
        ) from error
    try:
        plain = as_type(raw, known=_MAIN, others=_OTHERS)
        made = _Reader(pptx.Presentation(io.BytesIO(plain))).loaded()
    except Exception as error:  # python-pptx raises anything on a file that breaks the format
        raise Unreadable(
            f"{source.id}: cannot be read as a presentation ({type(error).__name__}: {error}); "
            "open it in PowerPoint and save it as .pptx again"
        ) from error
    refuse_long(made.text, source)
    yield made


class _Reader:
    """One pass over a presentation's slides."""

    def __init__(self, presentation: Any) -> None:
        self._presentation = presentation
        self._band = max(1, (presentation.slide_height or 0) // _BANDS)
        self._made = TextBuilder()
        self._problems: list[str] = []
        self._slide = 0
        self._tables = 0

    def loaded(self) -> Loaded:
        for number, slide in enumerate(self._presentation.slides, start=1):
            self._slide, self._tables = number, 0
            self._add_slide(slide)
        title, day, metadata = _properties(self._presentation)
        return Loaded(
            text=self._made.text,
            blocks=self._made.blocks,
            title=title,
            date=day,
            metadata=metadata,
            problems=tuple(self._problems),
        )

    def _add(self, text: str, kind: Kind, *, level: int = 0, **place: Scalar) -> None:
        self._made.add(text, kind, level=level, place={"slide": self._slide, **place})

    def _add_slide(self, slide: Any) -> None:
        if slide._element.get("show") in ("0", "false"):
            self._problems.append(f"slide {self._slide}: hidden in the show; it was read")
        title = slide.shapes.title
        named = _plain(title.text_frame.text) if title is not None else ""
        self._add(named or f"Slide {self._slide}", "heading", level=2)
        skipped = title.shape_id if named else None
        for shape in self._in_order(slide.shapes):
            if shape.shape_id != skipped or not shape.is_placeholder:
                self._try_shape(shape)
        if slide.has_notes_slide:
            frame = slide.notes_slide.notes_text_frame
            for paragraph in frame.paragraphs if frame is not None else ():
                self._add(_plain(paragraph.text), "paragraph", notes=True)

    def _try_shape(self, shape: Any) -> None:
        try:
            self._add_shape(shape, 0)
        except Exception as error:  # noqa: BLE001 - python-pptx may raise anything; it is reported
            self._problems.append(
                f"slide {self._slide}: the shape {shape.name!r} cannot be read, or not to its end "
                f"({type(error).__name__}: {error})"
            )

    def _in_order(self, shapes: Any) -> list[Any]:
        """From the top left to the bottom right; a shape without a position keeps its turn."""
        return sorted(shapes, key=lambda shape: ((shape.top or 0) // self._band, shape.left or 0))

    def _add_shape(self, shape: Any, depth: int) -> None:
        from pptx.enum.shapes import MSO_SHAPE_TYPE, PP_PLACEHOLDER

        if shape.is_placeholder and shape.placeholder_format.type in (
            PP_PLACEHOLDER.SLIDE_NUMBER,
            PP_PLACEHOLDER.DATE,
            PP_PLACEHOLDER.FOOTER,
        ):
            return
        if hasattr(shape, "shapes"):  # a group
            if depth >= _DEPTH:
                self._problems.append(f"slide {self._slide}: groups nested too deep are left out")
                return
            for inner in self._in_order(shape.shapes):
                self._add_shape(inner, depth + 1)
        elif getattr(shape, "has_table", False):
            self._add_table(shape.table)
        elif getattr(shape, "has_chart", False):
            self._add_chart(shape)
        elif shape.has_text_frame:
            self._add_frame(shape)
        elif shape._element.xpath(".//*[local-name()='relIds']"):
            self._add_diagram(shape)
        elif getattr(shape, "shape_type", None) in (
            MSO_SHAPE_TYPE.EMBEDDED_OLE_OBJECT,
            MSO_SHAPE_TYPE.LINKED_OLE_OBJECT,
        ):
            self._problems.append(
                f"slide {self._slide}: the embedded object {shape.name!r} is not read; index it "
                "as a file of its own"
            )
        else:
            described = shape._element.xpath("./*/p:cNvPr/@descr")
            if described and described[0].strip():
                self._add(f"Picture: {_plain(described[0])}", "caption")

    def _add_frame(self, shape: Any) -> None:
        paragraphs = [part for part in shape.text_frame.paragraphs if part.text.strip()]
        body = shape.is_placeholder and len(paragraphs) > 1
        for part in paragraphs:
            bullet = part._p.xpath("./a:pPr/a:buChar | ./a:pPr/a:buAutoNum")
            plain = part._p.xpath("./a:pPr/a:buNone")
            if bullet or part.level or (body and not plain):
                self._add(f"- {_plain(part.text)}", "list")
            else:
                self._add(_plain(part.text), "paragraph")

    def _add_table(self, table: Any) -> None:
        rows = [[_plain(text) for text in row] for row in _cells(table)]
        count = looks_like_header(rows[:SAMPLE_ROWS])
        if not count and table.first_row and len(rows) > 1:
            count = 1
        self._add_rows(rows, count)

    def _add_rows(self, rows: Sequence[Sequence[str]], count: int) -> None:
        self._tables += 1
        header = join_header(rows[:count])
        self._add(header_text(header), "table_row", table=self._tables, row=1)
        for number, row in enumerate(rows[count:], start=count + 1):
            self._add(row_text(header, row), "table_row", table=self._tables, row=number)

    def _add_chart(self, shape: Any) -> None:
        chart = shape.chart
        if chart.has_title and chart.chart_title.has_text_frame:
            self._add(_plain(chart.chart_title.text_frame.text), "caption")
        for plot in chart.plots:
            series = list(plot.series)
            categories = [_plain(str(category)) for category in plot.categories]
            if not categories:
                self._problems.append(
                    f"slide {self._slide}: the values of the chart {shape.name!r} are not read; "
                    "only charts with categories are"
                )
                continue
            rows = [["Category", *(_plain(one.name) for one in series)]]
            for index, category in enumerate(categories):
                values = [one.values[index] if index < len(one.values) else None for one in series]
                rows.append([category, *(_number(value) for value in values)])
            self._add_rows(rows, 1)

    def _add_diagram(self, shape: Any) -> None:
        """The words of a SmartArt drawing, which stand in a part of their own."""
        from pptx.oxml import parse_xml

        keys = shape._element.xpath(".//*[local-name()='relIds']/@*[local-name()='dm']")
        tree = parse_xml(shape.part.related_part(keys[0]).blob)
        for point in tree.xpath("//*[local-name()='pt']"):
            self._add(_plain("".join(point.xpath(".//*[local-name()='t']//text()"))), "paragraph")


def _cells(table: Any) -> list[list[str]]:
    """The texts of a table's cells, merged cells carried to all rows and columns they cover."""
    cells = [list(row.cells) for row in table.rows]
    texts = [[cell.text for cell in row] for row in cells]
    for top, row in enumerate(cells):
        for left, cell in enumerate(row):
            if cell.is_merge_origin:
                for down in range(top, min(top + cell.span_height, len(cells))):
                    for right in range(left, min(left + cell.span_width, len(cells[down]))):
                        texts[down][right] = texts[top][left]
    return texts


def _number(value: object) -> str:
    if value is None:
        return ""
    return repr(value).removesuffix(".0")


def _plain(text: str) -> str:
    return " ".join(text.split())  # \v, PowerPoint's line break, is white space as well


def _properties(presentation: Any) -> tuple[str, Day | None, dict[str, Scalar]]:
    """Title, day of the last change, and labels; nothing where the file has no properties."""
    relations = presentation.part.package._rels.values()
    if not any(relation.reltype.endswith("/core-properties") for relation in relations):
        return "", None, {}  # python-pptx would make some up
    core = presentation.core_properties
    said = {"author": core.author, "language": core.language}
    metadata: dict[str, Scalar] = {name: text for name, text in said.items() if text}
    day = core.modified.date() if isinstance(core.modified, datetime) else None
    return core.title or "", day, metadata
