from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.corpora.loaders import markdown, text
from assay.corpora.loaders.loaded import Limits, Load, Loaded, Source, Unreadable

SIGNS = st.sampled_from(["a", "b c", "\n", "\n\n", "\r\n", "- ", "# ", "---", "===", "|", "```",
                         "    ", "+--+", "= =", "::", ".. code:: x", "> ", "1. ", "\t", "* * *",
                         "\x0c", "\x85", "~~~"])  # fmt: skip


def load(path: Path, written: str, **limits: int) -> Loaded:
    path.write_bytes(written.encode())
    loader: Load = text.load if path.suffix in (".txt", ".log") else markdown.load
    (made,) = loader(Source(path, path.name, Limits(**limits)))
    return made


def stretches(made: Loaded, kind: str) -> list[str]:
    return [made.text[one.start : one.end] for one in made.blocks if one.kind == kind]


@pytest.mark.parametrize("suffix", [".txt", ".log", ".md", ".rst"])
@given(signs=st.lists(SIGNS, max_size=25))
def test_the_text_is_the_file_and_all_words_lie_in_one_block(
    suffix: str, signs: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    written = "".join(signs)
    made = load(tmp_path_factory.getbasetemp() / f"any{suffix}", written)
    assert made.text == written
    behind = 0
    for one in made.blocks:
        assert not written[behind : one.start].strip()
        assert one.start < one.end
        before = written[: one.start].replace("\r\n", "\n")
        assert one.place["line"] == before.count("\n") + before.count("\r") + 1
        behind = one.end
    assert not written[behind:].strip()


def test_paragraphs_of_a_text_and_entries_of_a_log(tmp_path: Path) -> None:
    made = load(tmp_path / "a.txt", "one\r\ntwo\r\n\r\n  three\r\n")
    assert stretches(made, "paragraph") == ["one\r\ntwo", "three"]
    made = load(tmp_path / "a.log", "10:01 fail\n  at x\n10:02 fine\n")
    assert stretches(made, "paragraph") == ["10:01 fail\n  at x", "10:02 fine"]


def test_an_empty_file_says_so(tmp_path: Path) -> None:
    made = load(tmp_path / "a.txt", " \n")
    assert not made.blocks and "has no text" in made.problems[0]


def test_too_many_characters_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="limit is 3"):
        load(tmp_path / "a.md", "four", characters=3)


def test_many_tiny_paragraphs_are_put_together(tmp_path: Path) -> None:
    many = "a\n\n" * 700_000
    made = load(tmp_path / "a.txt", many)
    assert len(made.blocks) <= text.MOST_BLOCKS
    assert made.blocks[-1].end == len(many.rstrip())


def test_markdown_structure(tmp_path: Path) -> None:
    made = load(
        tmp_path / "a.md",
        "---\ntitle: 'A title'\nauthor: Ann\ndate: 2024-05-06\n---\n"
        "# One\n\nwords\n***\nTwo\n---\n- a\n  more\n- b\n  - c\n\n"
        "| h | i |\n|---|--:|\n| 1 | 2 |\n| 3 | 4 |\n\n```py\n# no heading\n\nx = 1\n```\n",
    )
    assert made.title == "A title" and made.date == datetime.date(2024, 5, 6)
    assert made.metadata == {"author": "Ann"}
    levels = [(one.level, one.place["line"]) for one in made.blocks if one.kind == "heading"]
    assert stretches(made, "heading") == ["# One", "Two\n---"] and levels == [(1, 6), (2, 10)]
    assert stretches(made, "list") == ["- a\n  more", "- b", "- c"]
    assert stretches(made, "table_row") == ["| h | i |\n|---|--:|", "| 1 | 2 |", "| 3 | 4 |"]
    assert stretches(made, "code")[-1] == "```py\n# no heading\n\nx = 1\n```"


def test_the_title_is_the_first_great_heading(tmp_path: Path) -> None:
    assert load(tmp_path / "a.md", "x\n\n# C# basics #\n").title == "C# basics"
    assert load(tmp_path / "a.md", "Under\nlined\n=====\n").title == "Under lined"


def test_restructured_text_structure(tmp_path: Path) -> None:
    made = load(
        tmp_path / "a.rst",
        "=====\nTitle\n=====\n\n:Author: Me\n\nPart\n----\n\nSee::\n\n  # code\n\n  more\n\n"
        "- a\n- b\n\n+---+---+\n| a | b |\n+===+===+\n| 1 | 2 |\n+---+---+\n\n"
        "=== ===\nA   B\n=== ===\n1   2\n3   4\n=== ===\n\nDeep\n~~~~\n",
    )
    assert made.title == "Title" and made.metadata == {"author": "Me"}
    assert [one.level for one in made.blocks if one.kind == "heading"] == [1, 2, 3]
    assert stretches(made, "code") == ["  # code\n\n  more"]
    assert stretches(made, "list") == ["- a", "- b"]
    assert stretches(made, "table_row")[1::2] == ["| 1 | 2 |\n+---+---+", "1   2"]


@pytest.mark.parametrize("unit", ["# \t ", "- ", "|-", "ab ", "> ", "`", "===", "\\"])
def test_a_line_of_millions_of_signs_is_one_block(unit: str, tmp_path: Path) -> None:
    made = load(tmp_path / "a.md", f"x{unit * 1_000_000}y")
    assert len(made.blocks) == 1


def test_more_lines_than_the_limit_are_read_as_plain_text(tmp_path: Path) -> None:
    made = load(tmp_path / "a.md", "# a\n\n" * 260_000)
    assert "plain text" in made.problems[0]
    assert made.blocks[-1].end == len(made.text.rstrip())
