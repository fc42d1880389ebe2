"""What can go wrong while setting up is one sentence with the next step."""

from __future__ import annotations

import importlib.util
import shutil
from collections import namedtuple
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def bootstrap() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bootstrap", ROOT / "scripts" / "bootstrap.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_missing_compiler_names_the_package_and_the_way_around(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(bootstrap.Stop) as stop:
        bootstrap._check_compiler()
    said = str(stop.value)
    for words in ("C++ compiler", "build-essential", "cmake", "GENERATOR=extractive"):
        assert words in said


def test_a_full_disk_is_told_before_anything_is_made(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda place: usage(10, 9, 1))
    with pytest.raises(bootstrap.Stop, match=r"0\.0 GB are free"):
        bootstrap.install(tmp_path / "new" / "venv", generator="llm", dev=False)
    assert not (tmp_path / "new").exists()


def test_the_lock_files_hold_a_hash_for_every_package(bootstrap: ModuleType) -> None:
    for name in ("extractive", "demo", "dev"):
        text = (ROOT / "requirements" / f"{name}.txt").read_text()
        entries = [line for line in text.splitlines() if line and line[0] not in " #"]
        assert len(entries) > 15
        assert text.count("==") <= text.count("--hash=sha256:")
        assert all(entry.endswith("\\") for entry in entries), name
        assert "://" not in text
        assert "file:" not in text


def test_the_compiled_package_is_locked_where_it_is_needed_only(bootstrap: ModuleType) -> None:
    assert bootstrap.COMPILED in (ROOT / "requirements" / "demo.txt").read_text()
    assert bootstrap.COMPILED not in (ROOT / "requirements" / "extractive.txt").read_text()
