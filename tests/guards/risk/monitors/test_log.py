"""Logs that are still written, renamed, cut, or broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.guards.risk.monitors.log import Log, Position
from assay.pipeline.errors import DataError, UsageError


def new(path: Path, known: dict[str, Position]) -> list[int]:
    """What is new; positions are kept."""
    log = Log(path, known)
    found = [int(fields["n"]) for _, fields in log]
    if log.head is not None and log.position is not None:
        known[log.head] = log.position
    return found


def no_position() -> dict[str, Position]:
    return {}


def lines(*numbers: int) -> str:
    return "".join(f'{{"n": {number}}}\n' for number in numbers)


def test_a_half_written_last_line_is_read_next_time(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    whole = lines(1, 2, 3)
    for cut in range(len(whole) + 1):
        path.write_text(whole[:cut], encoding="utf-8")
        known = no_position()
        first = new(path, known)
        path.write_text(whole, encoding="utf-8")
        assert first + new(path, known) == [1, 2, 3]


def test_it_is_said_that_a_line_is_unfinished(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_text(lines(1) + '{"n":', encoding="utf-8")
    log = Log(path)
    assert [number for number, _ in log] == [1]
    assert log.unfinished


def test_a_renamed_log_goes_on_and_its_follower_starts(tmp_path: Path) -> None:
    path, old, known = tmp_path / "run.jsonl", tmp_path / "run.jsonl.1", no_position()
    path.write_text(lines(1, 2), encoding="utf-8")
    assert new(path, known) == [1, 2]
    with path.open("a", encoding="utf-8") as file:
        file.write(lines(3))
    path.rename(old)
    path.write_text(lines(4), encoding="utf-8")
    assert new(old, known) == [3]
    assert new(path, known) == [4]


def test_a_log_that_was_cut_or_changed_is_read_from_its_start(tmp_path: Path) -> None:
    path, known = tmp_path / "run.jsonl", no_position()
    path.write_text(lines(1, 2, 3), encoding="utf-8")
    new(path, known)
    path.write_text(lines(1, 5), encoding="utf-8")
    assert new(path, known) == [1, 5]
    path.write_text(lines(1, 6, 7, 8), encoding="utf-8")
    assert new(path, known) == [1, 6, 7, 8]


@pytest.mark.parametrize("line", ["no json", "[1]", "\x00", "[" * 100_000])
def test_a_whole_line_that_is_no_object_names_its_place(tmp_path: Path, line: str) -> None:
    path = tmp_path / "run.jsonl"
    path.write_text(lines(1) + "\n" + line + "\n", encoding="utf-8")
    log = Log(path)
    with pytest.raises(DataError, match=r"run\.jsonl:3"):
        list(log)
    assert log.position is None


def test_a_missing_file_is_a_mistake(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(UsageError, match="is no file"):
            list(Log(path))
