"""``assay compare`` as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from assay.apps.commands.compare import command
from assay.pipeline.errors import UsageError
from tests.evaluation.test_comparing import ordinary, scored


def call(*arguments: object) -> str:
    result = CliRunner().invoke(command, [str(one) for one in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_the_table_holds_every_figure_whole_and_both_files_are_written(tmp_path: Path) -> None:
    folders = [scored(tmp_path / name, ordinary(right)) for name, right in (("a", 3), ("b", 9))]
    folders.append(scored(tmp_path / "c", ordinary(12), run={"chosen_on": ["Tuned here."]}))
    output = call(*folders, "--out", tmp_path / "compared")
    assert "12 questions in 6 clusters" in output
    assert "…" not in output
    assert "B: b, against A: a" in output
    assert "C†: c, against A: a" in output
    assert "Tuned here." in output
    row = next(one for one in output.splitlines() if one.startswith("qa.correct"))
    assert row.split()[2:5] == ["0.250", "0.750", "+0.500"]
    assert row.split()[-5:] == ["6", "/", "6", "/", "0"]
    written = json.loads((tmp_path / "compared" / "comparison.json").read_text())
    assert written["systems"] == ["a", "b", "c"]
    assert written["chosen_on_these_questions"] == [False, False, True]
    made = [one["p_holm"] for figure in written["figures"] for one in figure["against"]]
    assert written["n.tests"] == sum(one is not None for one in made) > 15
    page = (tmp_path / "compared" / "comparison.html").read_text()
    assert "<title>a against b against c</title>" in page


def test_only_the_figures_that_were_asked_for_are_compared(tmp_path: Path) -> None:
    folders = [scored(tmp_path / name, ordinary(3)) for name in "ab"]
    output = call(*folders, "--metric", "qa.em", "--metric", "abstention.aurc", "--seed", 2)
    assert "adjusted over 2 comparisons" in output
    assert "qa.em" in output
    assert "qa.f1" not in output


def test_common_questions_are_compared_only_when_asked_and_said_so(tmp_path: Path) -> None:
    folders = [
        scored(tmp_path / "a", ordinary(3)),
        scored(tmp_path / "b", {"q0": "right", "q1": "no"}),
    ]
    with pytest.raises(UsageError, match="--common"):
        CliRunner().invoke(command, [str(one) for one in folders], catch_exceptions=False)
    assert "the 2 common questions only" in call(*folders, "--common")


def test_results_are_never_overwritten(tmp_path: Path) -> None:
    folders = [scored(tmp_path / name, ordinary(3)) for name in "ab"]
    arguments = [*map(str, folders), "--out", str(folders[0])]
    with pytest.raises(UsageError, match="one of the folders compared"):
        CliRunner().invoke(command, arguments, catch_exceptions=False)
