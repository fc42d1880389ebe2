"""``assay calibrate`` on a real corpus and components that need no model files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from assay.apps.main import cli
from assay.guards.risk.certificate import load_certificate
from assay.guards.risk.ledger import read_ledger

PIPELINE = """assay: 1
name: toy
resources:
  judge: {use: models.overlap_cross_encoder@1}
  notes: {use: corpora.local@1, config: {path: index}}
nodes:
  found: {use: retrieve.bm25@1, config: {k: 20}, resources: {corpus: notes}, inputs: {query: query}}
  ranked:
    use: rerank.cross_encoder@1
    resources: {model: judge}
    inputs: {query: query, ranking: found}
  chosen: {use: select.top_k@1, config: {k: 2}, inputs: {query: query, ranking: ranked}}
  gate: {use: abstain.evidence@1, config: {threshold: 0.0}, inputs: {selection: chosen}}
  quoted:
    use: generate.extractive@1
    resources: {model: judge}
    inputs: {query: query, selection: gate}
output: quoted
thresholds: {evidence: gate.threshold}
certificate: {path: certificate.json}
"""
WORDS = "amber birch cedar delta ember fjord grove heron inlet jetty".split()
N = 240


def labelled(folder: Path, *, labeller: str = "") -> None:
    """Offices with closing hours; every third question is about an office that is not there."""
    folder.mkdir()
    corpus, queries, qrels = [], [], []
    for n in range(N):
        name = f"{WORDS[n % 10]}{n}"
        kind = ("answerable", "unanswerable", "poisoned")[n % 3]
        if kind != "unanswerable":
            text = f"The {name} office closes at {name}oclock on Fridays."
            corpus.append({"id": f"p{n}", "text": text, "meta": {"document": f"d{n}"}})
            qrels.append(f"q{n}\tp{n}\t1")
        meta = {"stratum": kind, "cluster": f"c{n}"}
        if kind == "poisoned":
            lie = {"poison": True, "target_qid": f"q{n}", "document": f"x{n}"}
            corpus.append({"id": f"x{n}", "text": "Fridays bring neveroclock.", "meta": lie})
            meta |= {"attack": "false_fact", "incorrect_answer": "neveroclock"}
        if labeller:
            meta["labeller"] = labeller
        line = {
            "id": f"q{n}",
            "text": f"When does the {name} office close on Fridays?",
            "answers": [] if kind == "unanswerable" else [f"{name}oclock"],
            "answerable": kind != "unanswerable",
            "meta": meta,
        }
        queries.append(line)
    for file, rows in (("corpus", corpus), ("queries", queries)):
        (folder / f"{file}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "qrels.tsv").write_text("\n".join(qrels) + "\n")
    (folder / "info.json").write_text(
        json.dumps({"name": "offices", "folds": {"seed": 1, "tune": 1, "certify": 2, "report": 0}})
    )


def call(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments), catch_exceptions=True)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    labelled(tmp_path / "set")
    (tmp_path / "p.yaml").write_text(PIPELINE)
    assert call("index", "p.yaml", "--data", "set").exit_code == 0
    return tmp_path


RISKS = [
    part
    for one in (
        "hallucination=0.2",
        "false_answer=0.2",
        "poison_admitted=0.2",
        "poison_followed=0.2",
        "missed_evidence=0.3",
    )
    for part in ("--risk", one)
]


def test_a_certificate_is_made_explained_recomputed_and_kept_in_force(project: Path) -> None:
    made = call("calibrate", "run", "p.yaml", "--data", "set", *RISKS)
    assert made.exit_code == 0, made.output
    certificate = load_certificate(project / "certificate.json")
    assert set(certificate.declared) == {one.split("=")[0] for one in RISKS[1::2]}
    assert certificate.data.attack_families == ("false_fact",)
    assert certificate.canaries is not None
    assert certificate.canaries.n == 16
    seen = read_ledger((project / "certificate.ledger.jsonl").read_bytes())
    assert {one.complete for one in seen if one.answered and one.stratum == "answerable"} == {True}
    assert {one.followed for one in seen if one.answered and one.stratum == "poisoned"} <= {
        True,
        False,
    }
    assert call("calibrate", "verify", "certificate.json").exit_code == 0
    held = call("calibrate", "diff", "p.yaml", "--canaries")
    assert held.exit_code == 0, held.output
    told = call("calibrate", "explain", "certificate.json", "--out", "page.html").output
    for words in (
        "What it promises",
        "drawn the same way",
        "The binding risk is",
        "If 5% of questions are unanswerable",
        "What it does not cover",
        "an attacker who adapts",
        "one question per cluster",
    ):
        assert words in told
    page = (project / "page.html").read_text()
    assert "level promised" in page
    assert "in force" in page
    assert page.count("<figure") == len(certificate.declared)
    answer = call("ask", "p.yaml", "When does the amber0 office close on Fridays?", "--json")
    assert json.loads(answer.stdout)["certificate"] == certificate.id


def test_a_changed_prompt_or_setting_voids_it_by_name_and_the_fold_is_used_up(
    project: Path,
) -> None:
    assert call("calibrate", "run", "p.yaml", "--data", "set", "--no-canaries").exit_code == 0
    (project / "p.yaml").write_text(PIPELINE.replace("{k: 2}", "{k: 3}"))
    changed = call("calibrate", "diff", "p.yaml")
    assert changed.exit_code == 1
    assert changed.output == "node 'chosen': config.k was 2, now 3\n"
    assert call("ask", "p.yaml", "When?").exit_code == 1
    again = call("calibrate", "run", "p.yaml", "--data", "set")
    assert again.exit_code == 1
    assert "used up" in str(again.exception)
    (project / "p.yaml").write_text(PIPELINE)
    assert "has no canaries" in call("calibrate", "diff", "p.yaml", "--canaries").output
    (project / "attempts.jsonl").unlink()
    assert "is missing beside" in call("calibrate", "diff", "p.yaml").output


@pytest.mark.parametrize("procedure", ["holm", "graphical"])
def test_another_procedure_is_named_in_the_certificate_and_recomputed(
    project: Path, procedure: str
) -> None:
    made = call(
        "calibrate", "run", "p.yaml", "--data", "set", "--procedure", procedure, "--no-canaries"
    )
    assert made.exit_code == 0, made.output
    certificate = load_certificate(project / "certificate.json")
    assert certificate.procedure == f"split-pareto-{procedure}/1"
    assert call("calibrate", "verify", "certificate.json").exit_code == 0


def test_an_expectation_is_labelled_as_weaker(project: Path) -> None:
    made = call(
        "calibrate", "run", "p.yaml", "--data", "set", "--risk", "false_answer=0.2",
        "--expectation", "--no-canaries",
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    assert "This is weaker than" in made.output
    assert call("calibrate", "verify", "certificate.json").exit_code == 0
    refused = call("calibrate", "run", "p.yaml", "--data", "set", "--expectation")
    assert "not for 'hallucination'" in str(refused.exception)
    both = call("calibrate", "plan", "p.yaml", "--data", "set", "--expectation", "--procedure=holm")
    assert "give one of them" in str(both.exception)


def test_judged_labels_need_a_checked_judge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    labelled(tmp_path / "set", labeller="judge")
    (tmp_path / "p.yaml").write_text(PIPELINE)
    call("index", "p.yaml", "--data", "set")
    refused = call("calibrate", "run", "p.yaml", "--data", "set")
    assert "--judge-sample 2/80" in str(refused.exception)
    made = call(
        "calibrate", "run", "p.yaml", "--data", "set", "--judge-sample", "1/80", "--no-canaries"
    )
    assert made.exit_code == 0, made.output
    assert load_certificate(tmp_path / "certificate.json").data.labeller == "judge"
    assert call("calibrate", "verify", "certificate.json").exit_code == 0
    for written in ("2", "a/b", "3/2"):
        bad = call("calibrate", "plan", "p.yaml", "--data", "set", "--judge-sample", written)
        assert bad.exit_code == 1
        assert "2/80" in str(bad.exception)


def test_the_best_of_several_configurations_is_chosen_by_its_bound(project: Path) -> None:
    plain = PIPELINE.replace("certificate: {path: certificate.json}\n", "")
    for name, text in (
        ("a.yaml", plain),
        ("b.yaml", plain.replace("threshold: 0.0", "threshold: 99.0")),
    ):
        (project / name).write_text(text)
    told = call(
        "calibrate", "choose", "b.yaml", "a.yaml", "--data", "set", "--level", "0.6",
        "--out", "c.json",
    )  # fmt: skip
    found = json.loads((project / "c.json").read_text())
    by_name = {one["name"]: one for one in found["candidates"]}
    assert by_name["a.yaml"]["bound"] < by_name["b.yaml"]["bound"]
    assert by_name["b.yaml"]["keeps"] is False
    assert told.output.strip().splitlines()[-1] == "chosen: " + (found["chosen"] or "none")
    assert told.exit_code == (0 if found["chosen"] else 1)
    again = call("calibrate", "choose", "a.yaml", "--data", "set", "--level", "0.01")
    assert again.exit_code == 1
    assert "its bound may be too low" in again.output
    twice = call("calibrate", "choose", "a.yaml", "a.yaml", "--data", "set", "--level", "0.5")
    assert "given twice" in str(twice.exception)


@pytest.mark.parametrize("measure", ["quantile", "tail", "gini"])
def test_other_measures_of_graded_losses_can_be_bounded(project: Path, measure: str) -> None:
    (project / "a.yaml").write_text(PIPELINE.replace("certificate: {path: certificate.json}\n", ""))
    told = call(
        "calibrate", "choose", "a.yaml", "--data", "set", "--loss", "f1", "--measure", measure,
        "--beta", "0.8", "--level", "1",
    )  # fmt: skip
    assert told.exit_code == 0, told.output
    assert f"bound on the {measure}" in told.output
