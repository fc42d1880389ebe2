"""The guard before archives."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import pytest

from assay.corpora.loaders.archive import MEMBERS, checked, embedded
from assay.corpora.loaders.loaded import Limits, Source, Unreadable

OLE = bytes.fromhex("D0CF11E0A1B11AE1")


def zipped(parts: dict[str, bytes], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return out.getvalue()


def source(name: str = "a.docx", **limits: int) -> Source:
    return Source(Path(name), name, Limits(**limits))


def refused(raw: bytes, at: Source | None = None) -> str:
    with pytest.raises(Unreadable) as caught:
        checked(raw, at or source())
    assert str(caught.value).startswith((at or source()).id)
    return str(caught.value)


def test_a_plain_archive_passes() -> None:
    checked(zipped({"a.xml": b"<a/>", "b.png": b"\x89PNG<!DOCTYPE"}), source())


def test_a_bomb_is_refused_by_its_ratio() -> None:
    assert "Limits.ratio" in refused(zipped({"a.bin": bytes(20_000_000)}))


def test_a_small_part_that_packs_well_passes() -> None:
    checked(zipped({"a.bin": bytes(900_000)}), source())


def test_an_archive_beyond_the_byte_limit_is_refused() -> None:
    raw = zipped({"a.bin": bytes(3000), "b.bin": bytes(3000)}, method=zipfile.ZIP_STORED)
    assert "Limits.unpacked_bytes" in refused(raw, source(unpacked_bytes=5000))
    checked(raw, source(unpacked_bytes=6000))


def test_a_directory_that_lies_about_sizes_does_not_help_a_bomb() -> None:
    raw = bytearray(zipped({"a.bin": bytes(20_000_000)}))
    at = raw.index(b"PK\x01\x02")
    struct.pack_into("<I", raw, at + 24, 10)
    # Python's reader stops at the size that is written, and then the checksum is wrong
    assert "damaged" in refused(bytes(raw))


def test_an_archive_in_the_archive_is_not_opened() -> None:
    bomb = zipped({"a.bin": bytes(20_000_000)})
    raw = zipped({"word/embeddings/b.xlsx": bomb, "word/document.xml": b"<a/>"})
    checked(raw, source())
    assert embedded(raw) == ("word/embeddings/b.xlsx",)


def test_too_many_members_are_refused() -> None:
    raw = zipped({f"{n}": b"" for n in range(MEMBERS + 1)}, method=zipfile.ZIP_STORED)
    assert str(MEMBERS) in refused(raw)


@pytest.mark.parametrize("name", ["../a.xml", "a/../../b", "/etc/a", "C:/a", "a\\..\\..\\b"])
def test_a_name_that_leaves_the_archive_is_refused(name: str) -> None:
    assert "leaves the archive" in refused(zipped({name: b""}))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_parts_of_one_name_are_refused() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.xml", "<a/>")
        archive.writestr("a.xml", "<b/>")
    assert "two parts" in refused(out.getvalue())


LAUGHS = '<!DOCTYPE a [<!ENTITY b "lol"><!ENTITY c "&b;&b;&b;&b;">]><a>&c;</a>'


@pytest.mark.parametrize("name", ["word/document.xml", "_rels/.rels", "custom.bin"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_an_entity_bomb_is_refused_whatever_the_part_is_called(name: str, encoding: str) -> None:
    assert "entity" in refused(zipped({name: LAUGHS.encode(encoding)}))


def test_a_declaration_behind_much_white_space_is_found() -> None:
    pad = b"<?xml version='1.0'?>" + b" " * (256 * 1024 - 25)
    assert "entity" in refused(zipped({"a.xml": pad + LAUGHS.encode()}))


@pytest.mark.parametrize("encoding", ["utf-7", "utf-32", "utf-32-be"])
def test_an_encoding_that_could_hide_a_declaration_is_refused(encoding: str) -> None:
    text = f'<?xml version="1.0" encoding="{encoding}"?>' + LAUGHS
    raw = text.encode("ascii") if encoding == "utf-7" else text.encode(encoding)
    clean = raw.replace(b"<!DOCTYPE", b"+ADw-!DOCTYPE").replace(b"<!ENTITY", b"+ADw-!ENTITY")
    assert "expected UTF-8" in refused(zipped({"a.xml": clean}))


def test_pictures_may_declare_their_type() -> None:
    checked(zipped({"word/media/a.svg": b"<!DOCTYPE svg><svg/>"}), source())


def test_xml_beyond_the_size_for_trees_is_refused_only_where_trees_are_made() -> None:
    raw = zipped({"a.xml": b"<a/>" + b" " * 2000, "b.png": bytes(5000)})
    checked(raw, source())
    checked(raw, source(), tree_bytes=2004)
    with pytest.raises(Unreadable, match="2003 bytes of XML"):
        checked(raw, source(), tree_bytes=2003)


def test_the_old_binary_format_is_named_with_the_next_step() -> None:
    assert "save it as .docx" in refused(OLE + bytes(600), source("a.doc"))
    assert "save it as .xlsx" in refused(OLE + bytes(600), source("a.xlsx"))


def test_a_password_is_named() -> None:
    raw = OLE + bytes(600) + "EncryptedPackage".encode("utf-16-le") + bytes(600)
    assert "password" in refused(raw)


def test_an_encrypted_member_is_named() -> None:
    raw = bytearray(zipped({"a.xml": b"<a/>"}))
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    assert "password" in refused(bytes(raw))


def test_an_empty_file_and_another_format_are_told_apart() -> None:
    assert "empty" in refused(b"")
    assert "%PDF" in refused(b"%PDF-1.7 ...")


def test_a_truncated_or_damaged_archive_is_refused_at_any_place() -> None:
    raw = zipped({"a.xml": b"<a>" + bytes(range(32, 127)) * 40 + b"</a>", "b": b"12345" * 99})
    for end in range(2, len(raw) - 1, 7):
        refused(raw[:end])
    flipped = bytearray(raw)
    flipped[60] ^= 0xFF
    refused(bytes(flipped))
