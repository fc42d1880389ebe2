from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from assay.corpora.loaders import kinds
from assay.corpora.loaders.kinds import FileKind, kind_of


def office(path: Path, inside: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr(inside, "<x/>")
    return path


@pytest.mark.parametrize("suffix", sorted(kinds.BY_SUFFIX))
def test_the_suffix_decides_in_any_case(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix.upper()}"
    path.write_bytes(b"some words")
    assert kind_of(path) is kinds.BY_SUFFIX[suffix]


@pytest.mark.parametrize("name", ["a", "a.dat", "a.txt", "a.docx", "a.doc", "a.md"])
@pytest.mark.parametrize(
    ("inside", "kind"),
    [
        ("word/document.xml", kinds.WORD),
        ("ppt/presentation.xml", kinds.POWERPOINT),
        ("xl/workbook.xml", kinds.EXCEL),
    ],
)
def test_an_office_archive_is_known_whatever_it_is_called(
    tmp_path: Path, name: str, inside: str, kind: FileKind
) -> None:
    assert kind_of(office(tmp_path / name, inside)) is kind


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.docx", b"%PDF-1.7\n", kinds.PDF),
        ("a", b"%PDF-1.7\n", kinds.PDF),
        ("a.txt", b"About %PDF-1.7", kinds.TEXT),
        ("page.xls", b"\xef\xbb\xbf <!DOCTYPE html><p>x", kinds.HTML),
        ("page.json", b"<html><body>404", kinds.HTML),
        ("page", "<html>".encode("utf-16"), kinds.HTML),
        ("page.txt", b"<html>\n<p>x</p>", kinds.HTML),
        ("page.md", b"<html>\n<p>x</p>", kinds.MARKDOWN),
        ("list.txt", b"[1, 2]", kinds.TEXT),
        ("records", b'{"a": 1}\n{"a": 2}\n', kinds.JSON),
        ("records", b"[\n1,\n2]", kinds.JSON),
        ("notes", b"[see above] we agreed", kinds.TEXT),
        ("notes", b"{" * 4000, kinds.TEXT),
        ("README", "Grüße".encode("cp1252"), kinds.TEXT),
        ("README", "Grüße".encode("utf-16"), kinds.TEXT),
        ("program", b"\x7fELF\0\0", None),
        ("code.py", b"x = 1", None),
        ("old.doc", b"\xd0\xcf\x11\xe0", None),
        ("bundle.zip", b"PK\x03\x04 broken", None),
        ("a.docx", b"PK\x03\x04 broken", kinds.WORD),
        ("a.pdf", b"no pdf", kinds.PDF),
    ],
)
def test_the_rule_holds(tmp_path: Path, name: str, content: bytes, kind: FileKind | None) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert kind_of(path) is kind


def test_a_common_archive_is_no_document(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("word/document.xml", "<x/>")
    assert kind_of(tmp_path / "a.zip") is None


def test_an_archive_of_countless_members_is_not_opened_to_see_what_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = office(tmp_path / "a", "word/document.xml")
    monkeypatch.setattr(kinds, "MOST_MEMBERS", 1)
    assert kind_of(path) is None


def test_a_file_that_is_named_is_text_where_nothing_else_fits(tmp_path: Path) -> None:
    path = tmp_path / "code.py"
    path.write_bytes(b"x = 1")
    assert kind_of(path, named=True) is kinds.TEXT
