"""Which loader reads a file: by its suffix, and by its content where the suffix says nothing.

The rule, in this order:

1. A file that begins with ``%PDF-``, or a ZIP archive that holds a Word, PowerPoint or Excel
   document, is that, whatever its name ends in.
2. A file that begins with an HTML tag (``<!doctype html``, ``<html`` ...) is HTML, where its
   suffix is unknown, promises a binary format (a page saved as ``.xls``), plain text or JSON.
3. Else the suffix decides, and the loader says what is wrong with a file that lies.
4. A file without a suffix is JSON if it begins with ``{`` or ``[`` and parses as that, else plain
   text if it looks like text. A file with an unknown suffix is read like this only where the user
   named the file itself: a folder of source code or pictures is not a folder of documents.
"""

from __future__ import annotations

import importlib
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from assay.corpora.loaders.loaded import Load

SNIFFED_BYTES = 4096
"""How much of a file's beginning is looked at."""

MOST_MEMBERS = 20_000
"""An archive with more members is not opened to see what it is."""


@dataclass(frozen=True, slots=True)
class FileKind:
    """A kind of file.

    Args:
        name: as a person calls it.
        module: the module of this folder that reads it.
        suffixes: what its names end in, lower case, with the dot.
        markup: how headings are written in the loaded text, see ``Document.markup``.
        binary: whether its content is never plain text.
    """

    name: str
    module: str
    suffixes: tuple[str, ...]
    markup: str = "markdown"
    binary: bool = False


TEXT = FileKind("text", "text", (".txt", ".text", ".log"), markup="plain")
RST = FileKind("reStructuredText", "markdown", (".rst",), markup="underlined")
MARKDOWN = FileKind("Markdown", "markdown", (".md", ".markdown"))
HTML = FileKind("HTML", "html", (".html", ".htm", ".xhtml"))
PDF = FileKind("PDF", "pdf", (".pdf",), binary=True)
WORD = FileKind("Word", "docx", (".docx", ".docm"), binary=True)
POWERPOINT = FileKind("PowerPoint", "pptx", (".pptx", ".pptm", ".ppsx"), binary=True)
EXCEL = FileKind("Excel", "xlsx", (".xlsx", ".xlsm"), binary=True)
CSV = FileKind("CSV", "csv", (".csv", ".tsv", ".tab"))
JSON = FileKind("JSON", "json_records", (".json", ".jsonl", ".ndjson"))
LABELLED = FileKind("labelled set", "labelled", (".trec",), markup="plain")

KINDS = (TEXT, RST, MARKDOWN, HTML, PDF, WORD, POWERPOINT, EXCEL, CSV, JSON, LABELLED)

BY_SUFFIX = {suffix: kind for kind in KINDS for suffix in kind.suffixes}
"""What is looked for in a folder."""

UNREAD = {
    ".doc": "an old Word file: save it as .docx",
    ".xls": "an old Excel file: save it as .xlsx",
    ".ppt": "an old PowerPoint file: save it as .pptx",
    ".rtf": "rich text: save it as .docx",
    ".odt": "an OpenDocument text: save it as .docx",
    ".ods": "an OpenDocument table: save it as .xlsx",
    ".odp": "an OpenDocument presentation: save it as .pptx",
    ".epub": "an electronic book: convert it to HTML",
}
"""Documents that no loader reads, with what to do; other unknown suffixes are no documents."""

_INSIDE = {"word/": WORD, "ppt/": POWERPOINT, "xl/": EXCEL}
_TAGS = (b"<!doctype html", b"<html", b"<head>", b"<body")
_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


def loader_of(kind: FileKind) -> Load:
    """The function of a kind's loader; its module is imported now and not before."""
    module = importlib.import_module(f"{__package__}.{kind.module}")
    return cast(Load, module.load)


def kind_of(path: Path, *, named: bool = False) -> FileKind | None:
    """What a regular file is, by the rule of this module.

    Args:
        path: a file that may be opened (never a pipe or a device).
        named: whether the user named this very file, rather than a folder above it.

    Returns:
        None where it is no document that is read.

    Raises:
        OSError: if it cannot be opened.
    """
    suffix = path.suffix.lower()
    by_suffix = BY_SUFFIX.get(suffix)
    with path.open("rb") as file:
        head = file.read(SNIFFED_BYTES)
    by_content = _signature(path, head)
    if by_content is not None:
        return by_content
    trusted = by_suffix is not None and not by_suffix.binary and by_suffix not in (TEXT, JSON)
    if not trusted and _decoded(head).lstrip().lower().startswith(_TAGS):
        return HTML
    if by_suffix is not None:
        return by_suffix
    if suffix in UNREAD or (suffix and not named):
        return None
    if _is_json(path, head):
        return JSON
    return TEXT if looks_like_text(head) or named else None


def looks_like_text(head: bytes) -> bool:
    """Whether the beginning of a file is text: no zero byte, hardly a control character.

    >>> looks_like_text(b"Opening hours"), looks_like_text(b"\\x7fELF\\x02\\x01\\x00")
    (True, False)
    """
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    control = sum(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in head)
    return b"\0" not in head and control * 100 <= len(head)


def _signature(path: Path, head: bytes) -> FileKind | None:
    """A kind that shows in the first bytes."""
    if head.startswith(b"%PDF-"):
        return PDF
    if not head.startswith(b"PK\x03\x04") or not 0 < _members(path) <= MOST_MEMBERS:
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        return None  # the loader of its suffix says what is wrong with it
    if "[Content_Types].xml" not in names:
        return None
    return next(
        (kind for start, kind in _INSIDE.items() if any(name.startswith(start) for name in names)),
        None,
    )


def _members(path: Path) -> int:
    """How many members an archive's last record promises, 0 where it has none."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - 65_557))
        tail = file.read(65_557)
    place = tail.rfind(b"PK\x05\x06")
    return int.from_bytes(tail[place + 10 : place + 12], "little") if place >= 0 else 0


def _decoded(head: bytes) -> bytes:
    """The beginning in a form that ASCII words can be looked for in."""
    for mark, encoding in _MARKS.items():
        if head.startswith(mark):
            return head.decode(encoding, errors="ignore").encode()
    return head


def _is_json(path: Path, head: bytes) -> bool:
    """Whether a short file parses as JSON, or a long one's first line does."""
    if not _decoded(head).lstrip().startswith((b"{", b"[")):
        return False
    first = head.lstrip().split(b"\n", 1)[0]
    for text in (first, path.read_bytes() if path.stat().st_size <= 16 * 1024 * 1024 else b""):
        try:
            parsed = json.loads(text)
        except (ValueError, RecursionError):
            continue
        return isinstance(parsed, dict | list)
    return False
