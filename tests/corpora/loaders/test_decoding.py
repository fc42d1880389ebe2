from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.corpora.loaders.decoding import declared_charset, decode
from assay.corpora.loaders.loaded import Unreadable

RUSSIAN = "Привет, это обычный русский текст для проверки кодировки."


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cc"])))
def test_utf_8_comes_back_as_it_was_and_silently(text: str) -> None:
    if not text.startswith("\ufeff"):
        assert decode(text.encode(), "a") == (text, [])


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_decides_and_is_no_part_of_the_text(encoding: str) -> None:
    assert decode(RUSSIAN.encode(encoding), "a") == (RUSSIAN, [])


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_unmarked_wide_text_is_read_and_the_guess_is_said(encoding: str) -> None:
    text, problems = decode(RUSSIAN.encode(encoding), "a")
    assert text == RUSSIAN
    assert len(problems) == 1 and encoding in problems[0]


def test_line_ends_stay_as_they_are() -> None:
    assert decode(b"a\r\nb\rc\n", "a")[0] == "a\r\nb\rc\n"


def test_the_declared_encoding_is_used_where_it_fits() -> None:
    assert decode(RUSSIAN.encode("koi8-r"), "a", declared="KOI8-R") == (RUSSIAN, [])
    assert decode("これは".encode("iso2022_jp"), "a", declared="iso-2022-jp") == ("これは", [])
    assert decode(b"\x93x\x94", "a", declared="iso-8859-1") == ("“x”", [])


def test_valid_utf_8_wins_over_another_declaration_and_says_so() -> None:
    text, problems = decode("é".encode(), "a", declared="iso-8859-1")
    assert text == "é"
    assert "iso-8859-1" in problems[0]


@pytest.mark.parametrize("name", ["zip", "rot13", "unicode-escape", "nonsense", "x\0y"])
def test_a_declaration_that_is_no_encoding_is_said_and_not_used(name: str) -> None:
    text, problems = decode(b"\\u0041", "a", declared=name)
    assert text == "\\u0041"
    assert "unknown encoding" in problems[0]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Le café est très agréable à l'été.", "cp1252"),
        (RUSSIAN, "cp1251"),
        ("これは日本語のテキストです。東京は日本の首都です。", "shift_jis"),
        ("这是一个中文文本。北京是中国的首都。", "gb18030"),
    ],
)
def test_a_legacy_encoding_is_guessed_and_named(text: str, encoding: str) -> None:
    pytest.importorskip("charset_normalizer")
    found, problems = decode(text.encode(encoding), "a.txt")
    assert found == text
    assert problems[0].startswith("a.txt: ") and "guessed" in problems[0]


def test_single_broken_bytes_in_utf_8_are_replaced_counted_and_placed() -> None:
    raw = "Größe\nÜbermaß äöü".encode() + b"\xff\xfe end"
    text, problems = decode(raw, "a")
    assert text == "Größe\nÜbermaß äöü\ufffd\ufffd end"
    assert problems == ["a: 2 bytes are not valid utf-8, the first in line 2; replaced by U+FFFD"]


@pytest.mark.parametrize(
    "raw",
    [b"PK\x03\x04\x00\x00", b"\x7fELF\x02\x01\x00", bytes(range(256)) * 4, b"\x01\x02\x03ab"],
)
def test_a_binary_file_is_refused(raw: bytes) -> None:
    with pytest.raises(Unreadable, match="binary file"):
        decode(raw, "a")


@given(st.binary(max_size=300))
def test_any_bytes_give_text_or_a_refusal(raw: bytes) -> None:
    try:
        text, problems = decode(raw, "a")
    except Unreadable:
        return
    assert problems or text.encode() == raw.removeprefix(b"\xef\xbb\xbf") or raw[:2] in (
        b"\xff\xfe", b"\xfe\xff", b"\0\0",
    )  # fmt: skip


def test_the_charset_of_html_and_xml_is_found_in_their_heads() -> None:
    assert declared_charset(b"<meta charset=windows-1251>") == "windows-1251"
    assert declared_charset(b'<?xml version="1.0" encoding="ISO-8859-2"?>') == "ISO-8859-2"
    assert declared_charset(b"<meta charset=utf-16>") == "utf-8"
    assert declared_charset(b"<p>charset=koi8-r") == ""
