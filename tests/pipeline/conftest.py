"""Registers the toy nodes as a plug-in would."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from assay.pipeline import Pipeline, build_text, registry
from assay.pipeline.component import Component
from tests.pipeline import toys


@pytest.fixture(autouse=True)
def plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {
        one.name: one
        for one in vars(toys).values()
        if isinstance(one, type) and issubclass(one, Component) and one.name.startswith("toys.")
    }
    monkeypatch.setattr(registry, "_plugins", lambda: found)


@pytest.fixture
def make(tmp_path: Path) -> Callable[[str], Pipeline]:
    return lambda text: build_text(text, name="p.yaml", base=tmp_path)
