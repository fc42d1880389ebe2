"""``assay attack`` as a user calls it, and the twin through ``assay evaluate``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from assay.apps.commands.attack import command
from assay.apps.commands.evaluate import command as evaluate
from assay.corpora.dataset import load
from assay.evaluation.attacks import ATTACKS
from assay.pipeline.errors import UsageError
from tests.apps.test_suite_command import write_set
from tests.evaluation.suites.small import WRITER, towns, write_pipeline


@pytest.fixture
def place(tmp_path: Path) -> Path:
    write_pipeline(tmp_path)
    write_set(tmp_path / "set", towns())
    return tmp_path


def call(place: Path, *more: str) -> Result:
    arguments = [str(place / "set"), "--out", str(place / "twin"), *more]
    return CliRunner().invoke(command, arguments, catch_exceptions=False)


def test_a_twin_is_made_told_indexed_and_evaluated(place: Path) -> None:
    result = call(place, "--variant", "none,gold_edit", "--m", "1,5", "--limit", "6")
    assert result.exit_code == 0, result.output
    # gold_edit with m=5 cannot be made: the passages have four sentences.
    assert "6 questions attacked, 18 times in all, 6 asked clean; 42 passages" in result.stdout
    assert "left out: gold_edit: 6 fewer than 5 different passages" in result.stderr
    assert "left out: questions: 1 unanswerable" in result.stderr
    assert len(load(place / "twin").queries) == 24
    scored = CliRunner().invoke(
        evaluate,
        [str(place / "p.yaml"), "--data", str(place / "twin"), "--out", str(place / "out")],
        catch_exceptions=False,
    )
    assert scored.exit_code == 0, scored.output
    metrics = json.loads((place / "out" / "metrics.json").read_text())
    assert metrics["n.attacked"] == 18
    assert metrics["n.queries"] == 24
    classes = [metrics[f"poison.{key}"] for key in ("correct", "asr", "abstained", "other")]
    assert sum(classes) == pytest.approx(1.0)


def test_the_same_call_makes_the_same_twin_in_the_place_of_the_old_one(place: Path) -> None:
    call(place, "--seed", "3", "--m", "2")
    names = ("corpus.jsonl", "queries.jsonl", "qrels.tsv", "info.json")
    before = [(place / "twin" / name).read_bytes() for name in names]
    call(place, "--seed", "4", "--m", "2")
    assert (place / "twin" / "corpus.jsonl").read_bytes() != before[0]
    call(place, "--seed", "3", "--m", "2")
    assert [(place / "twin" / name).read_bytes() for name in names] == before
    info = json.loads((place / "twin" / "info.json").read_text())["attack"]
    assert (info["seed"], info["m"], info["variants"]) == (3, [2], ["prefix"])


def test_a_pipeline_lends_its_language_model(place: Path) -> None:
    (place / "p.yaml").write_text(WRITER.replace("It was 1851.", "The river: Simon Oakes, 1902."))
    result = call(
        place, "--variant", "written", "--m", "1", "--pipeline", str(place / "p.yaml")
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    texts = {
        one.text for one in load(place / "twin").documents if one.metadata.get("poison") is True
    }
    assert texts == {"The river: Simon Oakes, 1902."}
    assert "left out: written:" in result.stderr
    assert not (place / "index").exists()


def test_help_names_every_variant_and_what_is_not_there() -> None:
    said = CliRunner().invoke(command, ["--help"]).output
    for variant in ATTACKS:
        assert variant in said
    assert "HotFlip" in said


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--variant", "prefx"), "did you mean 'prefix'"),
        (("--variant", ","), "at least one variant"),
        (("--m", "1,two"), "expected whole numbers"),
        (("--m", "99"), "give 20 different passages"),
        (("--variant", "written"), "--pipeline"),
        (("--templates", "gone.json"), "no attack templates at 'gone.json'"),
    ],
)
def test_wrong_input_is_one_clear_error_and_nothing_is_written(
    place: Path, more: tuple[str, ...], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        call(place, *more)
    assert not (place / "twin").exists()


def test_the_set_itself_is_never_overwritten(place: Path) -> None:
    before = (place / "set" / "corpus.jsonl").read_bytes()
    with pytest.raises(UsageError, match="is the set itself"):
        CliRunner().invoke(
            command, [str(place / "set"), "--out", str(place / "set")], catch_exceptions=False
        )
    assert (place / "set" / "corpus.jsonl").read_bytes() == before
