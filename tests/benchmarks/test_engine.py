"""The engines' benchmark runs as it is documented, with few runs and no peer needed."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

import assay.pipeline
from benchmarks import engine
from benchmarks.engines.protocol import Answer, answer

FEW = (
    "--runs 3 --turn 2 --warm-ups 1 --naps 1 --queries 4 --batches 1 --builds 2 --imports 1".split()
)


def rows(table: str) -> dict[str, list[str]]:
    cells = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("|")]
    return {first.strip(): [one.strip() for one in others] for first, *others in cells}


def without_packages(folder: Path) -> Path:
    """An interpreter that sees no installed package."""
    script = folder / "python"
    script.write_text(f'#!/bin/sh\nunset PYTHONPATH\nexec "{sys.executable}" -S "$@"\n')
    script.chmod(0o755)
    return script


@pytest.mark.skipif(os.name == "nt", reason="the bare interpreter is a shell script")
def test_a_peer_that_is_not_installed_is_a_column_that_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    peers = [name for name in engine.TITLES if name != engine.OURS]
    bare = without_packages(tmp_path)
    assert engine.main(["--systems", *peers, "--python", f"peers={bare}", *FEW]) == 0
    table = rows(capsys.readouterr().out)
    assert table["version"] == ["not installed"] * 4
    assert table["chain of 8 nodes, µs a run"] == ["not installed"] * 4


@pytest.mark.skipif(os.name == "nt", reason="the broken interpreter is a shell script")
def test_a_system_that_breaks_is_a_column_and_a_nonzero_exit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    arguments = ["--systems", "haystack", "--python", f"haystack={broken}", *FEW]
    assert engine.main(arguments) == 1
    assert rows(capsys.readouterr().out)["version"] == ["failed"]


def test_an_interpreter_for_an_unknown_system_is_refused() -> None:
    with pytest.raises(SystemExit, match="expected NAME=PATH"):
        engine.main(["--python", f"haystak={sys.executable}"])


def test_our_own_engine_has_a_figure_in_every_row(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "figures.json"
    assert engine.main(["--systems", "assay", "--json", str(file), *FEW]) == 0
    table = rows(capsys.readouterr().out)
    assert "–" not in str(table)
    assert table["of torch, transformers, faiss, langchain imported"] == ["none"]
    seconds = json.loads(file.read_text())["systems"]["assay"]["seconds"]
    singles = dict.fromkeys(("chain", "unrecorded", "read", "diamond"), 3)
    counts = {**singles, "naps": 1, "batch": 1, "build": 2}
    assert {task: len(figures) for task, figures in seconds.items()} == counts
    assert all(one > 0 for figures in seconds.values() for one in figures)
    assert seconds["naps"][0] >= 0.3


def test_the_peers_last_node_makes_an_answer_with_the_fields_of_ours() -> None:
    from benchmarks.engines import ours

    assert Answer.__slots__ == assay.pipeline.Answer.__slots__
    theirs, own = answer("x"), ours.answer("x")
    assert all(getattr(theirs, key) == getattr(own, key) for key in Answer.__slots__)


def test_the_large_file_has_thirty_nodes_and_the_others_eight() -> None:
    from benchmarks.engines import ours

    assert ours.diamond_file(30).count("use:") == 30
    assert ours.diamond_file(8).count("use:") == ours.chain_file(8).count("use:") == 8


def test_the_figure_is_the_median_with_its_quartiles() -> None:
    assert engine._figure([0.004, 0.001, 0.002, 0.003, 0.005], 1e6) == "3,000 [2,000, 4,000]"
    assert engine._figure([0.5], 1) == "0.50 [0.50, 0.50]"
    assert engine._figure([], 1) == "–"
