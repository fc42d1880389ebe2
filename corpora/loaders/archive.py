"""A guard for files that are zip archives inside: DOCX, PPTX, XLSX.

It runs before a library opens the file, so that the library meets no archive that unpacks to more
than the limits, no XML with a document type definition (and so no entity bomb) and no name that
leaves the container.
"""

from __future__ import annotations

import io
import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import PurePosixPath

from assay.corpora.loaders.loaded import Limits, Source, Unreadable

MEMBERS = 20_000
"""Most files in one archive."""

TREE_BYTES = 128 * 1024 * 1024
"""Most XML that a loader may have read into a tree, which takes about ten times as much memory."""

FREE_BYTES = 1024 * 1024
"""Unpacked bytes below which the ratio does not matter: short repetitive parts pack very well."""

_PIECE = 256 * 1024
_OLD_FORMAT = bytes.fromhex("D0CF11E0A1B11AE1")
_ENCRYPTED = ("EncryptedPackage", "EncryptionInfo")
_MODERN = {".doc": ".docx", ".xls": ".xlsx", ".ppt": ".pptx"}
_DECLARATIONS = tuple(
    word.encode(encoding)
    for word in ("<!DOCTYPE", "<!ENTITY")
    for encoding in ("ascii", "utf-16-le", "utf-16-be")
)
_XML = (".xml", ".rels", ".vml")
# Pictures and HTML may declare a document type. A file that passes its main part off as one of
# them meets parsers that resolve no entities (python-docx, python-pptx, openpyxl: see the tests).
_FREE_TO_DECLARE = (".svg", ".htm", ".html", ".xhtml", ".mht")
_ENCODING = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9._\-]+)[\"']")
_ENCODINGS = (b"utf-8", b"utf8", b"utf-16", b"us-ascii", b"ascii", b"iso-8859-1", b"windows-1252")
_EMBEDDED = ("embeddings/", "activex/", "afchunk", "altchunk")


def checked(raw: bytes, source: Source, *, tree_bytes: int | None = None) -> None:
    """Refuse an archive that is broken, protected, or costs more than the limits.

    Every member is unpacked once, piece by piece, and thrown away: what the central directory
    says of sizes is not believed. An archive inside the archive (an XLSX inside a DOCX) counts
    with its packed size: the loaders never open it.

    Args:
        raw: the file.
        source: where it came from; its limits hold.
        tree_bytes: most bytes of XML in all, None for a loader that streams it.

    Raises:
        Unreadable: with the reason and, where there is one, the next step.
    """
    _refuse_other_formats(raw, source)
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            members = archive.infolist()
            _check_directory(members, len(raw), source)
            spent = in_trees = 0
            for member in members:
                size = _unpack(archive, member, spent, len(raw), source)
                spent += size
                in_trees += size if member.filename.lower().endswith(_XML) else 0
                if tree_bytes is not None and in_trees > tree_bytes:
                    raise Unreadable(
                        f"{source.id}: holds more than {tree_bytes} bytes of XML, more than can "
                        "be read into memory; split the document"
                    )
    except zipfile.BadZipFile as error:
        raise Unreadable(
            f"{source.id}: the file is damaged or was not copied to its end ({error}); "
            "copy or download it again"
        ) from error
    except (zlib.error, lzma.LZMAError, EOFError, OSError, struct.error, ValueError) as error:
        raise Unreadable(f"{source.id}: a part of the file cannot be unpacked ({error})") from error
    except NotImplementedError as error:
        raise Unreadable(f"{source.id}: packed with an unknown method ({error})") from error


def embedded(raw: bytes) -> tuple[str, ...]:
    """The names of files that lie in the archive as they are and that the loaders do not open.

    Args:
        raw: a file that ``checked`` has passed.
    """
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        names = archive.namelist()
    return tuple(
        name
        for name in names
        if any(mark in name.lower() for mark in _EMBEDDED) and not name.lower().endswith(_XML)
    )


def as_type(raw: bytes, *, known: str, others: Sequence[str]) -> bytes:
    """The archive with its main part called what a library knows.

    python-docx and python-pptx open one kind of file only, though one with macros, a template or
    a slide show differs from it by this name alone (macros are a part that nobody opens).

    Args:
        raw: a file that ``checked`` has passed.
        known: the content type that the library expects.
        others: content types to be taken for it.
    """
    name = "[Content_Types].xml"
    buffer = io.BytesIO(raw)
    with zipfile.ZipFile(buffer, "a") as archive:
        if name not in archive.NameToInfo:
            return raw
        before = after = archive.read(name)
        for other in others:
            after = after.replace(f'"{other}"'.encode(), f'"{known}"'.encode())
        if after == before:
            return raw
        archive.filelist.remove(archive.NameToInfo.pop(name))
        archive.writestr(name, after)
    return buffer.getvalue()


def _refuse_other_formats(raw: bytes, source: Source) -> None:
    if not raw:
        raise Unreadable(f"{source.id}: the file is empty")
    if raw.startswith(_OLD_FORMAT):
        if any(name.encode("utf-16-le") in raw for name in _ENCRYPTED):
            raise Unreadable(
                f"{source.id}: protected by a password; open it, remove the password and save it"
            )
        suffix = source.path.suffix.lower()
        modern = _MODERN.get(suffix, suffix if suffix in _MODERN.values() else ".docx")
        raise Unreadable(
            f"{source.id}: written in the binary format of Office 97 to 2003, whatever its name "
            f"says; open it and save it as {modern}"
        )
    if not raw.startswith(b"PK"):
        raise Unreadable(
            f"{source.id}: expected an Office file (a zip archive), found bytes that start with "
            f"{raw[:8]!r}; check what the file is"
        )


def _check_directory(members: list[zipfile.ZipInfo], packed: int, source: Source) -> None:
    """What the central directory says, before anything is unpacked."""
    if len(members) > MEMBERS:
        raise Unreadable(
            f"{source.id}: {len(members)} files in the archive, at most {MEMBERS} expected"
        )
    seen: set[str] = set()
    for member in members:
        name = member.filename
        parts = PurePosixPath(name.replace("\\", "/")).parts
        if ".." in parts or name.startswith(("/", "\\")) or ":" in name.partition("/")[0]:
            raise Unreadable(f"{source.id}: the name {name!r} leaves the archive")
        if name in seen:
            raise Unreadable(f"{source.id}: two parts of the archive are called {name!r}")
        seen.add(name)
        if member.flag_bits & 0x1:
            raise Unreadable(
                f"{source.id}: protected by a password; open it, remove the password and save it"
            )
    _check_size(sum(member.file_size for member in members), packed, source)


def _check_size(unpacked: int, packed: int, source: Source) -> None:
    limits: Limits = source.limits
    if unpacked > limits.unpacked_bytes:
        raise Unreadable(
            f"{source.id}: unpacks to {unpacked} bytes or more, at most "
            f"{limits.unpacked_bytes} are allowed (Limits.unpacked_bytes)"
        )
    if unpacked > FREE_BYTES and unpacked > packed * limits.ratio:
        raise Unreadable(
            f"{source.id}: unpacks to {unpacked // max(packed, 1)} times its size or more, at "
            f"most {limits.ratio} times is allowed (Limits.ratio); it looks like a zip bomb"
        )


def _unpack(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, spent: int, packed: int, source: Source
) -> int:
    """Unpack one member to nothing, watching its size and, in XML, its declarations.

    Returns:
        Its unpacked bytes.
    """
    suffix = PurePosixPath(member.filename).suffix.lower()
    watched = suffix not in _FREE_TO_DECLARE
    size = 0
    before = b""
    with archive.open(member) as part:
        while piece := part.read(_PIECE):
            if not size:
                watched = watched and (suffix in _XML or _starts_like_xml(piece))
                if watched:
                    _check_encoding(piece, member.filename, source)
            size += len(piece)
            _check_size(spent + size, packed, source)
            if watched:
                window = before + piece
                if any(word in window for word in _DECLARATIONS):
                    raise Unreadable(
                        f"{source.id}: {member.filename!r} declares a document type or an entity, "
                        "which no Office file needs; it may be an entity bomb"
                    )
                before = piece[-32:]
    return size


def _starts_like_xml(piece: bytes) -> bool:
    return piece.lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n\x00").startswith(b"<")


def _check_encoding(piece: bytes, name: str, source: Source) -> None:
    """Office writes UTF-8 and UTF-16; in another encoding a declaration could hide."""
    start = piece[:4]
    wide = start.count(b"\x00") > 2 or (start == b"\xff\xfe\x00\x00")
    declared = _ENCODING.match(piece.removeprefix(b"\xef\xbb\xbf"))
    if wide or (declared and declared.group(1).lower() not in _ENCODINGS):
        said = declared.group(1).decode("ascii", "replace") if declared else "UTF-32"
        raise Unreadable(f"{source.id}: {name!r} is written in {said}; expected UTF-8 or UTF-16")
    if not piece[:2].strip(b"\xef\xbb\xff\xfe \t\r\n<\x00") or piece[:1] == b"<":
        return
    raise Unreadable(f"{source.id}: {name!r} is not XML; it starts with {piece[:8]!r}")
