"""``assay cache``: figures, emptying, explaining and mending."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from assay.apps.main import cli
from assay.pipeline.cache import Cache, cache_key
from assay.pipeline.errors import UsageError, WorldError

PARTS = {"component": "toys.a@1", "config": "0123456789abcdef" * 4, "seed": "0"}
KEY = cache_key(PARTS)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "nodes.sqlite"
    monkeypatch.setenv("ASSAY_CACHE", str(path))
    with Cache(path) as cache:
        cache.get(KEY, component="toys.a@1")
        cache.put(KEY, b"[1]", component="toys.a@1", parts=PARTS)
        cache.put("other", b"[2]", component="toys.b@1", parts={})
        cache.get(KEY)
    return path


def call(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["cache", *arguments])


def told(*arguments: str) -> str:
    done = call(*arguments)
    assert done.exception is None, done.exception
    return done.output


def test_stats_are_a_table_or_one_json_object(file: Path) -> None:
    lines = told("stats").splitlines()
    assert lines[0] == str(file)
    assert [line.split()[0] for line in lines[2:]] == ["toys.a@1", "toys.b@1", "total"]
    assert lines[2].split()[3:] == ["1", "1"]
    found = json.loads(told("stats", "--json"))
    assert found["components"]["toys.a@1"]["hits"] == 1
    assert found["total"]["entries"] == 2
    assert found["path"] == str(file)


def test_looking_for_a_cache_that_is_not_there_makes_none(tmp_path: Path) -> None:
    missing = tmp_path / "none.sqlite"
    assert "nothing is cached" in told("stats", "--path", str(missing))
    assert "nothing is cached" in told("clear", "--path", str(missing))
    done = call("explain", KEY, "--path", str(missing))
    assert isinstance(done.exception, UsageError)
    assert not missing.exists()


def test_one_component_can_be_cleared_and_then_all(file: Path) -> None:
    assert "1 entries removed" in told("clear", "--component", "toys.a@1")
    assert json.loads(told("stats", "--json"))["components"].keys() == {"toys.b@1"}
    assert "1 entries removed" in told("clear")
    assert json.loads(told("stats", "--json"))["total"]["entries"] == 0


def test_a_mistyped_component_is_answered_with_the_nearest(file: Path) -> None:
    done = call("clear", "--component", "toy.a@1")
    assert isinstance(done.exception, UsageError)
    assert "did you mean 'toys.a@1'?" in str(done.exception)


def test_explain_lists_what_went_into_a_key(file: Path) -> None:
    lines = dict(line.split() for line in told("explain", KEY).splitlines())
    assert lines == {"component": "toys.a@1", "config": "0123456789abcdef", "seed": "0"}
    done = call("explain", "unknown")
    assert isinstance(done.exception, UsageError)
    assert "no entry 'unknown'" in str(done.exception)


def test_a_damaged_file_is_mended_by_clear_alone(file: Path) -> None:
    with file.open("rb+") as raw:
        raw.truncate(5000)
    for arguments in (("stats",), ("explain", KEY), ("clear", "--component", "toys.a@1")):
        error = call(*arguments).exception
        assert isinstance(error, WorldError)
        assert "assay cache clear" in str(error)
    assert "was damaged" in told("clear")
    assert json.loads(told("stats", "--json"))["total"]["entries"] == 0
