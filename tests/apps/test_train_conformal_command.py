"""``assay train conformal`` on a small real corpus: fit, use, refuse, and note what was used."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from assay.apps.training.conformal import conformal
from assay.corpora.dataset import load, to_query
from assay.evaluation.uses import read_uses, record_use, use_of
from assay.pipeline import build
from assay.pipeline.errors import UsageError
from assay.stages.select.conformal_rule import read
from tests.evaluation.search.small import PIPELINE, lay

SELECTOR = "{use: select.top_k@1, config: {k: 1}, inputs"
TUNED = {f"q{n:02}" for n in range(0, 30, 2)}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "cache.sqlite"))
    lay(tmp_path)
    text = PIPELINE.replace(
        SELECTOR, "{use: select.conformal@1, config: {path: rules/rule.json}, inputs"
    )
    (tmp_path / "p.yaml").write_text(text)
    return tmp_path


def call(place: Path, *more: str) -> Result:
    arguments = [
        str(place / "p.yaml"), "--data", str(place / "set"), "--node", "chosen", *more,
    ]  # fmt: skip
    return CliRunner().invoke(conformal, arguments, catch_exceptions=False)


def test_the_rule_lands_where_the_node_reads_it_and_the_pipeline_answers(place: Path) -> None:
    result = call(place, "--alpha", "0.3")
    assert result.exit_code == 0, result.output
    assert "keeps the first 1 passages, scored by retrieve.bm25@1" in result.output
    assert (
        "promise: on at most 30 % of the questions evidence is missing, with confidence 90 %"
        in " ".join(result.output.split())
    )
    assert "use it:" not in result.output
    rule = read(place / "rules" / "rule.json")
    assert (rule.n, rule.name, rule.measure) == (8, "set", "place")
    assert rule.left_out == {"another question of the cluster is taken": 7}
    query = to_query(load(place / "set").queries[1])
    with build(place / "p.yaml") as pipeline:
        stage = pipeline.run(query).to_json()["stages"]["chosen"]
    assert stage["kept"] == ["d1"]
    assert stage["notes"]["guarantee"] == rule.promise()
    assert stage["dropped"][0]["reason"] == "place 2, behind the first 1"


def test_the_questions_are_noted_and_never_those_of_the_report_fold(place: Path) -> None:
    call(place, "--alpha", "0.3")
    (use,) = read_uses(place / "p.yaml.uses.jsonl")
    assert (use.purpose, use.command, use.fold) == ("calibration", "assay train conformal", "tune")
    assert len(use.questions) == len(TUNED)
    assert CliRunner().invoke(conformal, ["p.yaml", "--fold", "report"]).exit_code == 2


def test_two_folds_and_whole_clusters_make_more_questions(place: Path) -> None:
    path = place / "set" / "queries.jsonl"
    path.write_text(path.read_text().replace('"fold": "report"', '"fold": "certify"'))
    call(place, "--alpha", "0.3", "--fold", "tune", "--fold", "certify", "--whole-clusters")
    assert read(place / "rules" / "rule.json").n == 30


def test_fitting_again_gives_the_same_file(place: Path) -> None:
    call(place, "--alpha", "0.3")
    first = (place / "rules" / "rule.json").read_bytes()
    assert "weakened" not in call(place, "--alpha", "0.3").output
    assert (place / "rules" / "rule.json").read_bytes() == first


def test_what_made_the_rankings_is_part_of_the_file(place: Path) -> None:
    call(place, "--alpha", "0.3")
    first = read(place / "rules" / "rule.json").upstream
    call(place, "--alpha", "0.3", "--set", "quoted.answer_sentences=2")
    assert read(place / "rules" / "rule.json").upstream == first
    call(place, "--alpha", "0.3", "--set", "found.k=3")
    assert read(place / "rules" / "rule.json").upstream != first


def test_questions_that_chose_the_pipeline_weaken_the_promise_and_it_says_so(place: Path) -> None:
    whole = load(place / "set")
    use = use_of(
        whole,
        TUNED,
        purpose="search",
        date=date(2026, 11, 1).isoformat(),
        command="assay tune",
        fold="tune",
    )
    record_use(place / "p.yaml.uses.jsonl", use)
    result = call(place, "--alpha", "0.3")
    assert "the promise is weakened: 15 of the 15 questions" in " ".join(result.output.split())
    rule = read(place / "rules" / "rule.json")
    assert "which had been used to choose the pipeline" in rule.promise()


def test_a_promise_that_cannot_be_kept_is_refused_and_nothing_is_written(place: Path) -> None:
    with pytest.raises(
        UsageError, match=r"alpha 0\.05 cannot .* from 8 questions; 7 more are left out"
    ):
        call(place, "--alpha", "0.05")
    assert not (place / "rules").exists()


def test_behind_another_selector_it_tells_the_line_that_uses_the_rule(place: Path) -> None:
    (place / "p.yaml").write_text(PIPELINE)
    with pytest.raises(UsageError, match="--out is missing: 'chosen' is no"):
        call(place, "--alpha", "0.3")
    target = place / "rule.json"
    result = call(
        place, "--alpha", "0.3", "--guarantee", "expectation", "--loss", "recall", "--out",
        str(target),
    )  # fmt: skip
    assert "use it: {use: select.conformal@1, config: {path:" in result.output
    assert json.loads(target.read_text())["delta"] is None


def test_a_mistyped_node_is_named_with_the_nearest_before_anything_runs(place: Path) -> None:
    with pytest.raises(UsageError, match="no node 'chosn'; did you mean 'chosen'"):
        call(place, "--node", "chosn")
    assert not (place / "index").exists()
    assert not (place / "p.yaml.uses.jsonl").exists()


def test_questions_about_one_document_without_a_cluster_are_told(place: Path) -> None:
    path = place / "set" / "queries.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for number, line in enumerate(lines):
        line["meta"] = {
            "fold": line["meta"]["fold"],
            "scope": {"field": "room", "value": number // 5},
        }
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    corpus = [
        json.loads(line) for line in (place / "set" / "corpus.jsonl").read_text().splitlines()
    ]
    for number, line in enumerate(corpus):
        line["meta"] = {"room": number // 5}
    (place / "set" / "corpus.jsonl").write_text("".join(json.dumps(one) + "\n" for one in corpus))
    said = " ".join(call(place, "--alpha", "0.3").output.split())
    assert "the 15 questions are about 6 scopes and name no cluster" in said
