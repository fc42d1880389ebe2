from __future__ import annotations

from pathlib import Path

import pytest

from assay.corpora.text_files import TextFiles
from assay.pipeline.errors import UsageError
from tests.corpora.doubles import LOCAL


def test_a_folder_gives_its_texts_with_titles_and_ids(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.md").write_text("intro\n\n# Head\n\ntext", encoding="utf-8")
    (tmp_path / "a.txt").write_text("plain", encoding="utf-8")
    (tmp_path / "c.rst").write_text("Deep\n====\n\ntext", encoding="utf-8")
    (tmp_path / "code.py").write_text("x = 1", encoding="utf-8")
    (tmp_path / ".hidden.md").write_text("# no", encoding="utf-8")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "d.md").write_text("# no", encoding="utf-8")
    found = list(TextFiles([tmp_path], scope=LOCAL))
    assert {(one.id, one.title, one.markup) for one in found} == {
        ("a.txt", "a.txt", "plain"),
        ("c.rst", "Deep", "underlined"),
        ("sub/b.md", "Head", "markdown"),
    }


def test_a_file_named_itself_may_have_any_suffix(tmp_path: Path) -> None:
    path = tmp_path / "code.py"
    path.write_text("x = 1", encoding="utf-8")
    assert [one.id for one in TextFiles([path], scope=LOCAL)] == ["code.py"]


def test_bad_files_are_skipped_with_their_reason_and_stop_nothing(tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_bytes(b"caf\xe9")
    (tmp_path / "bom.txt").write_bytes(b"\xef\xbb\xbfwith mark")
    (tmp_path / "empty.txt").write_bytes(b" \n")
    (tmp_path / "large.txt").write_bytes(b"x" * 101)
    (tmp_path / "zero.txt").write_bytes(b"a\0b")
    (tmp_path / "gone.txt").symlink_to(tmp_path / "nowhere")
    files = TextFiles([tmp_path], scope=LOCAL, max_bytes=100)
    assert [(one.id, one.text) for one in files] == [("bom.txt", "with mark")]
    reasons = {name: reason.split(":")[0] for name, reason in files.skipped.items()}
    assert reasons == {
        "bad.txt": "not UTF-8 text",
        "empty.txt": "empty",
        "large.txt": "larger than the bound",
        "zero.txt": "not text",
        "gone.txt": "cannot be read",
    }
    assert "0xe9 at offset 3" in files.skipped["bad.txt"]


def test_a_loop_of_links_ends(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text", encoding="utf-8")
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    assert [one.id for one in TextFiles([tmp_path], scope=LOCAL)] == ["a.txt"]


def test_an_empty_folder_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.txt, \.md"):
        TextFiles([tmp_path], scope=LOCAL)


def test_a_missing_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nowhere"):
        TextFiles([tmp_path / "nowhere"], scope=LOCAL)


def test_two_folders_are_told_apart_by_their_names(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_text(name, encoding="utf-8")
    files = TextFiles([tmp_path / "one", tmp_path / "two"], scope=LOCAL)
    assert [one.id for one in files] == ["one/a.txt", "two/a.txt"]
