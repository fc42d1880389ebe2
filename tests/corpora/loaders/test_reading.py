from __future__ import annotations

import os
from pathlib import Path

import pytest

from assay.corpora.loaders import reading
from assay.corpora.loaders.loaded import Limits, Source, Unreadable


def source(path: Path, **limits: int) -> Source:
    return Source(path, path.name, Limits(**limits))


def test_a_file_comes_whole(tmp_path: Path) -> None:
    path = tmp_path / "ä b\n.bin"
    path.write_bytes(b"\0\r\n\xff" * 1000)
    assert reading.read(source(path)) == b"\0\r\n\xff" * 1000


def test_the_limit_is_the_largest_size_that_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x" * 10)
    assert len(reading.read(source(path, file_bytes=10))) == 10
    with pytest.raises(Unreadable, match="10 bytes, the limit is 9; split"):
        reading.read(source(path, file_bytes=9))


def test_a_huge_file_is_refused_unopened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "huge.txt"
    with path.open("wb") as file:
        file.truncate(2**30)
    monkeypatch.setattr("builtins.open", lambda *_: pytest.fail("opened"))
    with pytest.raises(Unreadable, match=f"{2**30} bytes, the limit is {2**28}"):
        reading.read(source(path))


def test_pipes_and_folders_are_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Unreadable, match="found a pipe"):
        reading.read(source(tmp_path / "pipe"))
    with pytest.raises(Unreadable, match="found a folder"):
        reading.read(source(tmp_path))


class Writer:
    """Changes a file each time that it has been opened."""

    def __init__(self, path: Path, times: int) -> None:
        self.path, self.left, self.open = path, times, open

    def __call__(self, name: Path, mode: str) -> object:
        file = self.open(name, mode)
        if self.left:
            self.left -= 1
            self.path.write_bytes(self.path.read_bytes() + b"more")
        return file


@pytest.mark.parametrize("times", [1, 2])
def test_a_file_that_changes_is_read_again_once(
    times: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old ")
    writer = Writer(path, times)
    monkeypatch.setattr(reading, "open", writer, raising=False)
    if times == 1:
        assert reading.read(source(path)) == b"old more"
    else:
        with pytest.raises(Unreadable, match="changed while it was read, in 2 attempts"):
            reading.read(source(path))


def test_a_file_that_is_not_there_is_the_callers_to_report(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        reading.read(source(tmp_path / "none"))


def test_too_many_characters_are_refused_with_both_numbers(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="11 characters, the limit is 10"):
        reading.refuse_long("x" * 11, source(tmp_path, characters=10))
    reading.refuse_long("x" * 10, source(tmp_path, characters=10))
