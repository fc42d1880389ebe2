"""What the tests of searches share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.evaluation.search.small import lay


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with ``p.yaml`` and ``set/``, and a cache of its own."""
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "cache.sqlite"))
    return lay(tmp_path)
