"""One's own text files as documents."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from assay.corpora.document import Document
from assay.corpora.headings import headings
from assay.pipeline.errors import UsageError
from assay.pipeline.words import Scope

MARKUP_BY_SUFFIX = {
    ".txt": "plain",
    ".md": "markdown",
    ".markdown": "markdown",
    ".rst": "underlined",
}
"""What is looked for in a folder. A file that is named itself may have any suffix."""

DEFAULT_MAX_BYTES = 64 * 1024 * 1024


class TextFiles:
    """Documents read from files and folders, one at a time.

    Folders are walked in name order, through links but never twice through the
    same folder; names that begin with a dot are left out. A file that cannot be
    read as text does not stop the others: it goes to ``skipped``.

    Args:
        paths: files and folders.
        scope: who may read the documents.
        max_bytes: larger files are skipped.

    Raises:
        UsageError: if a path does not exist, or if nothing to read is found.
    """

    def __init__(
        self, paths: Sequence[Path], *, scope: Scope, max_bytes: int = DEFAULT_MAX_BYTES
    ) -> None:
        self.skipped: dict[str, str] = {}
        """Document id to the reason why it was left out; complete after iteration."""
        self._scope = scope
        self._max_bytes = max_bytes
        self._files = [item for path in paths for item in _files(path, prefixed=len(paths) > 1)]
        if not self._files:
            places = ", ".join(f"'{path}'" for path in paths) or "no path"
            raise UsageError(
                f"no documents found in {places}: looked for files ending in "
                f"{', '.join(MARKUP_BY_SUFFIX)}; name a file itself to read another kind of text"
            )

    def __len__(self) -> int:
        """How many files were found, readable or not."""
        return len(self._files)

    def __iter__(self) -> Iterator[Document]:
        """Read the files, in order; fills ``skipped`` on the way."""
        self.skipped.clear()
        for document_id, path in self._files:
            text = self._read(document_id, path)
            if text is not None:
                markup = MARKUP_BY_SUFFIX.get(path.suffix.lower(), "plain")
                found = headings(text, markup)
                yield Document(
                    id=document_id,
                    text=text,
                    scope=self._scope,
                    title=found[0].title if found and found[0].title else path.name,
                    markup=markup,
                )

    def _read(self, document_id: str, path: Path) -> str | None:
        """The file's text; None where it was put into ``skipped``."""
        try:
            size = path.stat().st_size
            if size > self._max_bytes:
                self.skipped[document_id] = (
                    f"larger than the bound: {size} bytes, at most {self._max_bytes}; split it"
                )
                return None
            text = path.read_bytes().decode("utf-8-sig")
        except OSError as error:
            self.skipped[document_id] = f"cannot be read: {error.strerror or error}"
            return None
        except UnicodeDecodeError as error:
            self.skipped[document_id] = (
                f"not UTF-8 text: byte 0x{error.object[error.start]:02x} at offset {error.start}; "
                "convert it to UTF-8"
            )
            return None
        if "\0" in text:
            self.skipped[document_id] = "not text: it holds a zero byte"
            return None
        if not text.strip():
            self.skipped[document_id] = "empty"
            return None
        return text


def _files(path: Path, *, prefixed: bool) -> list[tuple[str, Path]]:
    if path.is_dir():
        prefix = f"{path.resolve().name}/" if prefixed else ""
        return [(prefix + found.relative_to(path).as_posix(), found) for found in _walk(path)]
    if not path.exists():
        raise UsageError(f"no such file or folder: '{path}'")
    return [(path.name, path)]


def _walk(folder: Path) -> Iterator[Path]:
    seen: set[tuple[int, int]] = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        status = os.stat(place)
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and Path(name).suffix.lower() in MARKUP_BY_SUFFIX:
                yield Path(place) / name
