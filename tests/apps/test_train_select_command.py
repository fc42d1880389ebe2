"""``assay train select`` on a small real corpus: train, use, resume, refuse, note what was used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from assay.apps.commands.train import command
from assay.corpora.dataset import load, to_query
from assay.evaluation.uses import read_uses
from assay.pipeline import build
from assay.pipeline.errors import BuildError, UsageError
from assay.stages.select.selection_model import CARD
from tests.evaluation.search.small import PIPELINE, lay

pytest.importorskip("torch", reason="needs torch: pip install 'assay[torch]'")

RETRIEVE = (
    "{use: retrieve.bm25@1, config: {k: 5}, resources: {corpus: corpus}, inputs: {query: query}}"
)
LEARNED = PIPELINE.replace(
    "  corpus: {use: corpora.local@1, config: {path: index}}",
    "  vectors: {use: models.hash_embedder@1, config: {dimension: 16}}\n"
    "  corpus:\n    use: corpora.local@1\n    config: {path: index}\n"
    "    resources: {embedder: vectors}",
).replace(
    "  chosen: {use: select.top_k@1, config: {k: 1}, inputs: {query: query, ranking: found}}",
    f"  meant: {RETRIEVE.replace('bm25', 'dense')}\n"
    "  chosen:\n    use: select.learned@1\n    config: {path: selector}\n"
    "    resources: {corpus: corpus}\n"
    "    inputs: {query: query, ranking: found, signals: {dense: meant}}",
).replace("kind: bm25", "kind: probability")  # fmt: skip
TUNED = {f"q{n:02}" for n in range(0, 30, 2)}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "cache.sqlite"))
    lay(tmp_path)
    queries = tmp_path / "set" / "queries.jsonl"
    rows = [json.loads(line) for line in queries.read_text().splitlines()]
    for row in rows:
        row["meta"].pop("cluster")
    queries.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "p.yaml").write_text(LEARNED)
    return tmp_path


def call(place: Path, *more: str) -> Result:
    arguments = ["select", str(place / "p.yaml"), "--node", "chosen", *more]
    if "--data" not in more:
        arguments += ["--data", str(place / "set")]
    return CliRunner().invoke(command, arguments, catch_exceptions=False)


def test_the_model_lands_where_the_node_reads_it_and_the_pipeline_answers(place: Path) -> None:
    result = call(place, "--epochs", "2")
    assert result.exit_code == 0, result.output
    assert "trained on 15 questions of the fold tune" in result.output
    assert "rankings: ranking, dense" in result.output
    card = json.loads((place / "selector" / CARD).read_text())
    assert card["trained_on"]["questions"] == {"set": 15}
    assert not (place / "selector" / "checkpoint").exists()
    with build(place / "p.yaml") as pipeline:
        [asked] = [one for one in load(place / "set").queries if one.id == "q03"]
        record = pipeline.run(to_query(asked)).to_json()
    told = record["stages"]["chosen"]
    assert {one["kind"] for one in told["passages"]} <= {"probability"}
    assert all("probability" in one["reason"] for one in told["dropped"])
    [use] = read_uses(place / "p.yaml.uses.jsonl")
    assert (use.command, use.fold, len(use.questions)) == ("assay train select", "tune", 15)


def test_a_stopped_training_is_resumed_only_when_asked_for(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call(place, "--epochs", "3").exit_code == 0
    card = (place / "selector" / CARD).read_text()
    from assay.training.selection import checkpoint

    writes: list[int] = []

    def stop(path: Path, progress: checkpoint.Progress, identity: str) -> None:
        write(path, progress, identity)
        writes.append(progress.epochs)
        if len(writes) == 4:
            raise KeyboardInterrupt

    write = checkpoint.write
    monkeypatch.setattr(checkpoint, "write", stop)
    stopped = CliRunner().invoke(
        command,
        ["select", str(place / "p.yaml"), "--node", "chosen", "--data", str(place / "set"),
         "--epochs", "3"],
    )  # fmt: skip
    assert stopped.exit_code != 0
    monkeypatch.setattr(checkpoint, "write", write)
    with pytest.raises(UsageError, match="add --resume"):
        call(place, "--epochs", "3")
    assert call(place, "--epochs", "3", "--resume").exit_code == 0
    assert (place / "selector" / CARD).read_text() == card


def test_renamed_rankings_are_an_error_of_the_file(place: Path) -> None:
    assert call(place, "--epochs", "1").exit_code == 0
    (place / "p.yaml").write_text(LEARNED.replace("{dense: meant}", "{meaning: meant}"))
    with pytest.raises(BuildError, match="'signals' lacks dense"):
        build(place / "p.yaml")


def test_another_node_is_refused_with_the_line_to_write(place: Path) -> None:
    with pytest.raises(UsageError, match=r"no node .chosn..*chosen"):
        CliRunner().invoke(
            command,
            ["select", str(place / "p.yaml"), "--node", "chosn", "--data", str(place / "set")],
            catch_exceptions=False,
        )
    with pytest.raises(UsageError, match=r"use: select\.learned@1"):
        CliRunner().invoke(
            command,
            ["select", str(place / "p.yaml"), "--node", "found", "--data", str(place / "set")],
            catch_exceptions=False,
        )


def test_the_group_lists_what_can_be_trained() -> None:
    told = CliRunner().invoke(command, ["--help"]).output
    assert "conformal" in told and "select" in told
    assert CliRunner().invoke(command, ["nothing"]).exit_code == 2
