"""The demo from nothing, without a language model, and a second time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from assay.apps.commands.models import SETS
from assay.apps.main import cli
from assay.models.files.store import default_store
from assay.pipeline.errors import ModelError


def here(key: str) -> bool:
    try:
        default_store().locate(key)
    except ModelError:
        return False
    return True


@pytest.mark.models
def test_the_demo_answers_abstains_refuses_planted_passages_and_repeats(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = [key for key in SETS["extractive"] if not here(key)]
    if missing:
        pytest.skip(f"models not in the cache: {', '.join(missing)}; run 'assay models pull'")
    monkeypatch.chdir(tmp_path)
    first = CliRunner().invoke(cli, ["demo", "--generator", "extractive"])
    assert first.exit_code == 0, first.output
    for words in ("1. models", "12. ", "(under attack)", "(not in the reference)", "retrieved "):
        assert words in first.output
    metrics = json.loads((tmp_path / "demo" / "metrics.json").read_text())
    assert metrics["retrieval.fused.recall@10"] >= 0.85
    assert metrics["poison.admitted"] <= 1 / 12
    assert metrics["n.failed"] == 0
    assert 0 < metrics["abstention.coverage"] < 1
    assert (tmp_path / "demo" / "report.html").stat().st_size > 10_000
    second = CliRunner().invoke(cli, ["demo", "--generator", "extractive"])
    assert second.exit_code == 0
    assert "questions taken from" in second.output
    again = json.loads((tmp_path / "demo" / "metrics.json").read_text())
    assert {k: v for k, v in again.items() if k != "run"} == {
        k: v for k, v in metrics.items() if k != "run"
    }
