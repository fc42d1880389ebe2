from __future__ import annotations

import os
from pathlib import Path

import pytest

from assay.corpora.indexes import folders
from assay.corpora.indexes.folders import SEAL, link, seal, verify
from assay.pipeline.errors import CorpusError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "index"
    place.mkdir()
    (place / "numbers").write_bytes(b"123456")
    (place / "nothing").write_bytes(b"")
    seal(place)
    return place


def test_a_folder_that_stayed_as_it_was_is_fine(folder: Path) -> None:
    verify(folder)
    (folder / "lock").write_bytes(b"came later")
    verify(folder)


@pytest.mark.parametrize(
    ("name", "content", "finding"),
    [
        ("numbers", b"12345", "numbers has 5 bytes instead of 6"),
        ("numbers", b"123457", "the content of numbers is not what was written"),
        ("nothing", b"x", "nothing has 1 bytes instead of 0"),
        ("numbers", None, "numbers cannot be read"),
        (SEAL, None, "files.json cannot be read"),
        (SEAL, b"", "files.json cannot be read"),
        (SEAL, b"\xff", "files.json cannot be read"),
        (SEAL, b"[]", "files.json cannot be read"),
        (SEAL, b'{"numbers": {}}', "files.json cannot be read"),
        (SEAL, b'{"numbers": 3}', "files.json cannot be read"),
    ],
)
def test_damage_is_named(folder: Path, name: str, content: bytes | None, finding: str) -> None:
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    with pytest.raises(CorpusError, match=finding):
        verify(folder)


def test_of_a_large_file_only_the_size_counts(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "DIGESTED", 5)
    seal(folder)
    (folder / "numbers").write_bytes(b"654321")
    verify(folder)
    (folder / "numbers").write_bytes(b"65432")
    with pytest.raises(CorpusError, match="5 bytes instead of 6"):
        verify(folder)


def test_a_linked_seal_is_replaced_and_never_written_into(folder: Path, tmp_path: Path) -> None:
    new = tmp_path / "new"
    new.mkdir()
    link(folder, new)
    (new / "more").write_bytes(b"7")
    before = (folder / SEAL).read_bytes()
    seal(new)
    assert (folder / SEAL).read_bytes() == before != (new / SEAL).read_bytes()
    assert sorted(os.listdir(new)) == [SEAL, "more", "nothing", "numbers"]
    verify(folder)
    verify(new)
