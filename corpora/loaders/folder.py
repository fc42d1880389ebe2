"""One's own files as documents: files and folders of any kinds, read one at a time.

What goes wrong with one file never stops the others, and nothing is left out in silence:

- ``skipped``: a file (or folder) that nothing was read of, with the reason;
- ``problems``: what is missing of a file that was read, such as a page without text;
- ``left_out``: how many files of a folder are no documents, by suffix.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from assay.corpora.document import Document
from assay.corpora.loaders import kinds, labelled
from assay.corpora.loaders.documents import documents_of
from assay.corpora.loaders.loaded import Limits, Loaded, Source, Unreadable
from assay.corpora.loaders.names import safe
from assay.corpora.loaders.reasons import reason_of, why_empty, without_name
from assay.corpora.loaders.walk import special, walk
from assay.pipeline.errors import UsageError
from assay.pipeline.words import Scope


@dataclass(frozen=True, slots=True)
class Entry:
    """A file to read.

    Args:
        id: the path below the folder that was named, safe to show.
        path: where it lies.
        named: whether the user named the file itself.
    """

    id: str
    path: Path
    named: bool = False


class Files:
    """Documents read from files and folders, one at a time.

    Folders are walked in name order, through links but never twice through the
    same folder; names that begin with a dot are left out. A file may change from
    one iteration to the next: each one reads anew.

    Args:
        paths: files and folders.
        scope: who may read the documents.
        limits: what a file may cost.
        options: settings for loaders, such as a field map.
        source: where the documents come from, where nothing in them says so.
        tier: how far they are trusted.

    Raises:
        UsageError: if a path does not exist, if nothing to read is found, or if two
            files would be called alike.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        scope: Scope,
        limits: Limits | None = None,
        options: Mapping[str, object] | None = None,
        source: str = "",
        tier: str = "",
    ) -> None:
        self.skipped: dict[str, str] = {}
        """Id of a file (or folder) to the reason why nothing of it was read; complete after
        iteration."""
        self.problems: dict[str, tuple[str, ...]] = {}
        """Id of a file to what could not be read of it; complete after iteration."""
        self.left_out: Counter[str] = Counter()
        """Suffix to how many files of the folders have it and are no documents."""
        self.done = 0
        """Files behind us in this iteration."""
        self._scope = scope
        self._limits = limits or Limits()
        self._options = dict(options or {})
        self._source, self._tier = source, tier
        self._unreadable: dict[str, str] = {}
        self._issued: set[str] = set()
        self._entries = self._listed(paths)
        if not self._entries and not self._unreadable:
            raise UsageError(_nothing(paths, self.left_out))

    def __len__(self) -> int:
        """How many files were found, readable or not."""
        return len(self._entries)

    def __iter__(self) -> Iterator[Document]:
        """Read the files, in order; fills ``skipped`` and ``problems`` on the way."""
        self.skipped.clear()
        self.skipped.update(self._unreadable)
        self.problems.clear()
        self._issued.clear()
        for number, entry in enumerate(self._entries):
            self.done = number
            yield from self._read(entry)
        self.done = len(self._entries)

    def _read(self, entry: Entry) -> Iterator[Document]:
        """A file's documents; what goes wrong is put into ``skipped`` or ``problems``."""
        found = 0
        problems: list[str] = []
        reason = ""
        try:
            before = _regular(entry.path, self._limits)
            kind = self._kind(entry)
            markup, name = kind.markup, entry.path.name
            load = kinds.loader_of(kind)
            source = Source(entry.path, entry.id, self._limits, self._options)
            for loaded in load(source):
                problems += loaded.problems
                for document in self._documents(loaded, entry.id, safe(name), markup):
                    found += 1
                    yield document
            if _state(os.stat(entry.path)) != _state(before):
                problems.append("the file changed while it was read: index again")
        except Exception as error:  # noqa: BLE001 - a parser may raise anything; the next file is read
            reason = reason_of(error, entry.id)
        plain = [without_name(problem, entry.id) for problem in problems]
        if found and reason:
            plain.append(f"read only in part: {reason}")
        elif not found:
            self.skipped[entry.id] = reason or why_empty(plain)
            plain = []
        if plain:
            self.problems[entry.id] = tuple(dict.fromkeys(plain))

    def _documents(self, loaded: Loaded, file: str, name: str, markup: str) -> Iterator[Document]:
        for document in documents_of(
            loaded, file=file, name=name, scope=_readers(self._scope, loaded), markup=markup
        ):
            if document.id in self._issued:
                raise Unreadable(f"two parts of it have the id '{document.id}'")
            self._issued.add(document.id)
            yield replace(document, source=self._source, tier=self._tier)

    def _kind(self, entry: Entry) -> kinds.FileKind:
        if entry.path.name == labelled.CORPUS and labelled.is_collection(entry.path.parent):
            return kinds.LABELLED
        kind = kinds.kind_of(entry.path, named=entry.named)
        if kind is None:
            advice = kinds.UNREAD.get(entry.path.suffix.lower(), "not a kind of file that is read")
            raise Unreadable(advice)
        return kind

    def _listed(self, paths: Sequence[Path]) -> list[Entry]:
        entries: dict[str, Entry] = {}
        known: set[str] = set()
        for path in paths:
            for entry in self._below(path, prefixed=len(paths) > 1):
                place = os.path.abspath(entry.path)
                if place in known:
                    continue
                known.add(place)
                if entry.id in entries:
                    raise UsageError(
                        f"'{entries[entry.id].path}' and '{path}' would both be called"
                        f" '{entry.id}': name a folder above both of them instead"
                    )
                entries[entry.id] = entry
        return list(entries.values())

    def _below(self, path: Path, *, prefixed: bool) -> Iterator[Entry]:
        if not path.is_dir():
            if not os.path.lexists(path):
                raise UsageError(f"no such file or folder: '{safe(str(path))}'")
            yield Entry(safe(path.name), path, named=True)
            return
        prefix = f"{path.resolve().name}/" if prefixed else ""

        def called(place: Path) -> str:
            return safe(prefix + place.relative_to(path).as_posix())

        def refused(error: OSError) -> None:
            place = Path(os.fsdecode(error.filename or path))
            what = "the folder cannot be listed"
            self._unreadable[f"{called(place)}/"] = f"{what}: {error.strerror or error}"

        for place in walk(path, refused):
            if self._is_wanted(place):
                yield Entry(called(place), place)
            else:
                self.left_out[place.suffix.lower() or "without a suffix"] += 1

    def _is_wanted(self, path: Path) -> bool:
        """Whether a file of a folder is to be read, or at least to be told of."""
        suffix = path.suffix.lower()
        if suffix in kinds.BY_SUFFIX or suffix in kinds.UNREAD:
            return True
        try:
            if special(os.stat(path).st_mode):
                return True
            return kinds.kind_of(path) is not None
        except OSError:
            return True  # the reason is found again, and told, when it is read


def _readers(scope: Scope, loaded: Loaded) -> Scope:
    """Who may read a document: a label ``visible_to`` names the one role that may.

    It is heeded in every kind of file, so that a set's corpus which lies alone is no leak.
    """
    roles = [
        str(value)
        for key, value in loaded.metadata.items()
        if key.rpartition(".")[2] == "visible_to" and value != ""
    ]
    return Scope(scope.tenant, (" and ".join(roles),)) if roles else scope


def _regular(path: Path, limits: Limits) -> os.stat_result:
    """What the system says of a file that may be opened.

    Raises:
        Unreadable: if it is none, empty or too large.
        OSError: if it is gone.
    """
    if path.is_symlink() and not path.exists():
        raise Unreadable(
            f"cannot be read: a link to '{safe(os.readlink(path))}', which leads nowhere"
        )
    found = os.stat(path)
    if what := special(found.st_mode):
        raise Unreadable(f"not a regular file: {what}")
    if not found.st_size and not stat.S_ISDIR(found.st_mode):
        raise Unreadable("empty: it has no bytes")
    if found.st_size > limits.file_bytes:
        raise Unreadable(
            f"larger than the bound: {found.st_size} bytes, at most {limits.file_bytes}; split it,"
            " or raise the bound with --max-megabytes"
        )
    return found


def _state(found: os.stat_result) -> tuple[int, int, int, int]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _nothing(paths: Sequence[Path], left_out: Counter[str]) -> str:
    places = ", ".join(f"'{safe(str(path))}'" for path in paths) or "no path"
    others = ", ".join(f"{count} {suffix}" for suffix, count in left_out.most_common(5))
    return (
        f"no documents found in {places}: looked for files ending in {', '.join(kinds.BY_SUFFIX)}"
        + (f" (found {others})" if others else "")
        + "; name a file itself to read another kind of text"
    )
