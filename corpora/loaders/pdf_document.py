"""Reads a PDF file with PDFium: words in reading order, every stretch with its page.

PDFium (through pypdfium2) finds the characters; the modules beside this one put them in order:
``pdf_words`` asks for words, ``pdf_running`` takes repeated headers and footers out,
``pdf_tables`` reads ruled tables, ``pdf_layout`` finds columns, ``pdf_paragraphs`` joins lines
and finds headings, ``pdf_guard`` refuses files that are built to exhaust their reader. All of it
runs in a process of its own; see ``pdf``.

A place is ``{"page": 3}``, with ``"label": "iii"`` where the file numbers its pages otherwise,
and with ``"last_page": 4`` where a paragraph goes on over a page break.
"""

from __future__ import annotations

import datetime
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from assay.corpora.loaders.loaded import Limits, Loaded, Source, Unreadable
from assay.corpora.loaders.pdf_guard import refuse_bombs
from assay.corpora.loaders.pdf_layout import lines_of
from assay.corpora.loaders.pdf_paragraphs import Paragraph, add_page, build, title_key
from assay.corpora.loaders.pdf_running import PreparedPage, without_running
from assay.corpora.loaders.pdf_tables import split_tables
from assay.corpora.loaders.pdf_words import LOCK, Word, read_page
from assay.corpora.loaders.reading import read
from assay.pipeline.words import Scalar

_MOST_ENTRIES = 5000  # of the table of contents
_UNKNOWN_SHARE = 0.2  # of a page's characters without meaning, above which it is reported
_NOTHING = ("untitled", "anonymous", "unspecified", "(anonymous)", "(unspecified)")  # by writers
_DATE = re.compile(r"(?:D:)?(\d{4})(\d{2})?(\d{2})?")


def read_document(source: Source) -> Loaded:
    """The one document of a PDF file.

    Args:
        source: the file. A file that is encrypted with an empty user password is opened.

    Returns:
        Its text, with problems for pages without text and for what cannot be read. Headers and
        footers that repeat are taken out; ``metadata["running_lines"]`` has one of each.

    Raises:
        Unreadable: if it is no PDF, needs a password, is broken beyond reading, is built to
            exhaust its reader, or has no text at all.
        ImportError: if pypdfium2 is not installed.
        OSError: if the file cannot be opened.
    """
    import pypdfium2

    data = read(source)
    refuse_bombs(data, source.limits, source.id)
    with LOCK:
        try:
            document = pypdfium2.PdfDocument(data)
        except pypdfium2.PdfiumError as error:
            raise Unreadable(_why(source.id, data, error)) from error
    try:
        return _load(document, data, source)
    finally:
        with LOCK:
            document.close()


def _why(name: str, data: bytes, error: Any) -> str:
    from pypdfium2 import raw

    if error.err_code == raw.FPDF_ERR_PASSWORD:
        return f"{name}: encrypted with a password; save a copy without it and load that"
    if error.err_code == raw.FPDF_ERR_SECURITY:
        return f"{name}: encrypted in a way that PDFium does not know; save a copy without it"
    if b"%PDF-" not in data[:1024]:
        return f"{name}: expected a PDF file, but it does not begin as one ('%PDF-')"
    cut = "" if b"%%EOF" in data[-2048:] else " and its end is missing: it may have been cut off"
    return f"{name}: the PDF is broken{cut}; get the file again ({error})"


def _load(document: Any, data: bytes, source: Source) -> Loaded:
    reader = _Reader(document, source)
    with LOCK:
        metadata = _metadata(document)
        title = _title(document.get_metadata_value("Title"))
        date = _day(document.get_metadata_value("CreationDate"))
        outline, contents = _outline(document)
        attached = document.count_attachments()
    paragraphs: list[Paragraph] = []
    removed: Counter[str] = Counter()
    for page in without_running(reader.pages()):
        add_page(paragraphs, lines_of(page.words, page.tables), page.number)
        for turn in sorted({word.turn for word in page.turned}):
            turned = [word for word in page.turned if word.turn == turn]
            add_page(paragraphs, lines_of(turned, ()), page.number)
        removed.update(re.sub(r"\d+", "#", text) for text in page.removed)
    if not paragraphs:
        reasons = "; ".join(reader.problems()) or "it has no pages"
        raise Unreadable(f"{source.id}: no text was found: {reasons}")
    made = build(paragraphs, labels=reader.labels, outline=outline)
    metadata |= {"pages": reader.count}
    if contents:
        metadata["outline"] = contents
    if removed:
        metadata["running_lines"] = "\n".join(text for text, _ in removed.most_common(100))
    problems = reader.problems()
    if b"%%EOF" not in data[-2048:]:
        problems.insert(0, "the end of the file is missing: it may have been cut off")
    if attached > 0:
        problems.append(f"{attached} attached files are not read; save them as files of their own")
    return Loaded(
        text=made.text,
        blocks=made.blocks,
        title=title,
        date=date,
        metadata=metadata,
        problems=tuple(problems),
    )


class _Reader:
    """Reads page after page and keeps note of what could not be read."""

    def __init__(self, document: Any, source: Source) -> None:
        self._document = document
        self._limits: Limits = source.limits
        self._left = source.limits.characters
        self._empty: list[int] = []
        self._others: list[str] = []
        self.labels: dict[int, str] = {}
        with LOCK:
            self.count = len(document)

    def pages(self) -> Iterator[PreparedPage]:
        """The pages that can be read; the lock is held for one page at a time."""
        import pypdfium2

        for number in range(1, self.count + 1):
            try:
                with LOCK:
                    page = read_page(self._document, number - 1, most_characters=self._left)
                    label = self._document.get_page_label(number - 1)
            except pypdfium2.PdfiumError as error:
                self._others.append(f"page {number} cannot be read: {error}")
                continue
            if label and label != str(number):
                self.labels[number] = label
            if page.characters > self._left:
                self._others.append(
                    f"page {number} has {page.characters} characters, but only {self._left} of "
                    f"the limit of {self._limits.characters} are left; it was left out: "
                    "split the file or raise the limit 'characters'"
                )
                continue
            self._left -= page.characters
            if not page.words:
                if page.drawn:
                    self._empty.append(number)
                else:
                    self._others.append(f"page {number} has no text: nothing is drawn on it")
                continue
            if page.unknown > _UNKNOWN_SHARE * page.characters:
                self._others.append(
                    f"page {number}: {page.unknown} of {page.characters} characters have no "
                    "meaning in its fonts; run OCR on it"
                )
            yield _prepared(number, page.words, page.rules)

    def problems(self) -> list[str]:
        """What could not be read, with the pages that are empty first."""
        runs: list[list[int]] = []
        for number in self._empty:
            if runs and number == runs[-1][-1] + 1:
                runs[-1].append(number)
            else:
                runs.append([number])
        found = []
        for run in runs:
            if len(run) == 1:
                found.append(f"page {run[0]} has no text: it may be a scan; run OCR on it first")
            else:
                found.append(
                    f"pages {run[0]} to {run[-1]} have no text: they may be scans; "
                    "run OCR on them first"
                )
        return found + self._others


def _prepared(number: int, words: tuple[Word, ...], rules: Any) -> PreparedPage:
    turns = Counter(word.turn for word in words)
    main = max(turns, key=lambda turn: (turns[turn], -turn))
    upright = [word for word in words if word.turn == main]
    turned = [word for word in words if word.turn != main]
    tables, rest = split_tables(upright, rules if main == 0 else ())
    return PreparedPage(number, rest, tables, turned)


def _metadata(document: Any) -> dict[str, Scalar]:
    found: dict[str, Scalar] = {}
    for key in ("Author", "Subject", "Keywords"):
        value = " ".join(document.get_metadata_value(key).replace("\0", "").split())
        if value and value not in _NOTHING:
            found[key.lower()] = value
    return found


def _title(raw: str) -> str:
    title = " ".join(raw.replace("\0", "").split())
    return (
        "" if title in _NOTHING else re.sub(r"^Microsoft (?:Word|PowerPoint|Excel) - ", "", title)
    )


def _day(raw: str) -> datetime.date | None:
    found = _DATE.match(raw.strip())
    if found is None:
        return None
    try:
        return datetime.date(*(int(part or 1) for part in found.groups()))
    except ValueError:
        return None  # a date that no calendar has says nothing


def _outline(document: Any) -> tuple[dict[tuple[int, str], int], str]:
    """Levels of the headings in the table of contents, and the table as lines."""
    levels: dict[tuple[int, str], int] = {}
    lines: list[str] = []
    for entry in document.get_toc():
        if len(lines) >= _MOST_ENTRIES:
            break
        title = " ".join(entry.get_title().replace("\0", "").split())
        target = entry.get_dest()
        index = target.get_index() if target is not None else None
        if not title:
            continue
        where = f" (page {index + 1})" if index is not None else ""
        lines.append(f"{'  ' * entry.level}{title}{where}")
        if index is not None and title_key(title):
            levels[index + 1, title_key(title)] = min(6, entry.level + 1)
    return levels, "\n".join(lines)
