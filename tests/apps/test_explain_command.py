"""``assay explain --cost`` says what a question will cost, and the account of a run agrees."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from assay.apps.main import cli

QUESTION = "Which harbour keeps the oldest lantern of the coast?"
WORDS = "harbour lantern keeper tide vessel ledger signal quay rope winter island chart".split()

HEAD = """assay: 1
name: toy
resources:
  judge: {use: JUDGE}
  pairs: {use: windows.cross_encoder@1, resources: {model: judge}}
  steady: {use: windows.self_consistent@1, config: {samples: 3}, resources: {ranker: pairs}}
  writer: {use: models.echo@1, config: {rules: [], otherwise: "[2] > [1] > [3]"}}
  lists: {use: windows.listwise@1, config: {template: rank_zephyr}, resources: {model: writer}}
  notes: {use: corpora.local@1, config: {path: index}}
nodes:
  found: {use: retrieve.bm25@1, config: {k: 60}, resources: {corpus: notes}, inputs: {query: query}}
"""
TAIL = """  chosen: {use: select.top_k@1, config: {k: 3}, inputs: {query: query, ranking: reranked}}
  said: {use: generate.llm@1, resources: {model: writer}, inputs: {query: query, selection: chosen}}
output: said
"""
OVERLAP = "models.overlap_cross_encoder@1"
EMBEDDED = "models.onnx_cross_encoder@1"


def call(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments), catch_exceptions=False)


def project(use: str, settings: str, resource: str, judge: str = OVERLAP) -> None:
    """Writes a pipeline with one reranker and indexes 80 made documents of 20 to 60 words."""
    chance = random.Random(5)
    docs = Path("docs")
    docs.mkdir()
    for number in range(80):
        some = chance.choices(WORDS, k=chance.randrange(20, 60))
        (docs / f"{number}.txt").write_text(f"The harbour {number} has {' '.join(some)}.")
    reranked = (
        f"  reranked:\n    use: {use}\n    config: {settings}\n    resources: {resource}\n"
        "    inputs: {query: query, ranking: found}\n"
    )
    parts = {"judge", "pairs", "steady", "writer", "lists"}
    needed = {"{model: judge}": {"judge"}, "{ranker: pairs}": {"judge", "pairs"},
              "{ranker: steady}": {"judge", "pairs", "steady"}, "{ranker: lists}": {"lists"}}  # fmt: skip
    kept = [
        line
        for line in HEAD.replace("JUDGE", judge).splitlines()
        if line.split(":")[0].strip() not in parts - needed[resource] - {"writer"}
    ]
    Path("p.yaml").write_text("\n".join(kept) + "\n" + reranked + TAIL)
    assert call("index", "p.yaml", "--docs", "docs").exit_code == 0


def told(*options: str) -> dict[str, list[str]]:
    """The table's cells by node."""
    lines = call("explain", "p.yaml", "--cost", "--query", QUESTION, *options).output.splitlines()
    return {line.split()[0]: line.split() for line in lines if line.strip()}


def figures(cells: list[str]) -> list[int]:
    """Calls, rounds, tokens in, tokens out."""
    return [int(one.replace(",", "")) for one in cells[3:7]]


def spent(node: str) -> list[int]:
    record = json.loads(call("ask", "p.yaml", QUESTION, "--json").stdout)
    cost = record["cost"]["by_node"][node]
    return [cost[key] for key in ("calls", "rounds", "tokens_in", "tokens_out")]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("use", "settings", "resource"),
    [
        ("rerank.cross_encoder@1", "{depth: 40}", "{model: judge}"),
        ("rerank.sliding_window@1", "{}", "{ranker: pairs}"),
        ("rerank.jointrank@1", "{block: 10}", "{ranker: pairs}"),
        ("rerank.successive_halving@1", "{window: 10}", "{ranker: pairs}"),
        ("rerank.tour_rank@1", "{}", "{ranker: steady}"),
        ("rerank.sliding_window@1", "{}", "{ranker: lists}"),
        ("rerank.pairwise@1", "{sampler: neighbours}", "{ranker: lists}"),
    ],
)
def test_the_account_of_a_run_confirms_what_was_told_within_a_tenth(
    use: str, settings: str, resource: str
) -> None:
    project(use, settings, resource)
    before, after = figures(told()["reranked"]), spent("reranked")
    assert after[0] > 0
    for name, one, other in zip(("calls", "rounds", "in"), before, after, strict=False):
        assert one == pytest.approx(other, rel=0.1), name


@pytest.mark.models
@pytest.mark.parametrize(
    ("use", "resource"),
    [
        ("rerank.cross_encoder@1", "{model: judge}"),
        ("rerank.top_down_partitioning@1", "{ranker: pairs}"),
    ],
)
def test_the_embedded_cross_encoder_confirms_it_too_with_its_operations(
    use: str, resource: str
) -> None:
    project(use, "{depth: 30}", resource, EMBEDDED)
    cells = told()["reranked"]
    before = figures(cells)
    record = json.loads(call("ask", "p.yaml", QUESTION, "--json").stdout)
    cost = record["cost"]["by_node"]["reranked"]
    if use == "rerank.cross_encoder@1":  # what partitioning asks depends on the answers
        assert before[:2] == [cost["calls"], cost["rounds"]]
    per_call = cost["tokens_in"] / cost["calls"]
    assert before[2] / before[0] == pytest.approx(per_call, rel=0.1)
    assert float(cells[7]) / before[0] == pytest.approx(cost["flops"] / cost["calls"], rel=0.15)


def test_an_answer_is_one_call_and_the_sum_adds_up() -> None:
    project("rerank.jointrank@1", "{block: 10}", "{ranker: pairs}")
    cells = told()
    assert figures(cells["said"])[:2] == spent("said")[:2] == [1, 1]
    assert figures(cells["said"])[2] == pytest.approx(spent("said")[2], rel=0.1)
    rows = [figures(cells[node]) for node in ("reranked", "said")]
    total = [int(one.replace(",", "")) for one in cells["sum"][1:5]]
    assert total == [sum(column) for column in zip(*rows, strict=True)]


def test_passages_and_their_length_may_be_given() -> None:
    project("rerank.cross_encoder@1", "{depth: 1000}", "{model: judge}")
    assert figures(told()["reranked"])[0] == 60
    few, many = (
        figures(told("--passages", "500", "--passage-tokens", length)["reranked"])
        for length in ("10", "210")
    )
    assert few[0] == many[0] == 500
    assert many[2] - few[2] == 500 * 200


def test_a_cut_before_the_reranker_counts_and_a_condition_is_told() -> None:
    project("rerank.cross_encoder@1", "{}", "{model: judge}")
    text = Path("p.yaml").read_text()
    text = text.replace("  reranked:\n", "  worth: {use: rerank.gate@1, inputs: {query: query,"
                        " ranking: found}}\n  reranked:\n    when: worth\n")  # fmt: skip
    Path("p.yaml").write_text(text)
    assert told()["reranked"][-3:] == ["only", "if", "worth"]
    assert figures(told("--set", "found.k=7")["reranked"])[0] == 7


def test_a_node_that_cannot_tell_is_named_and_left_out_of_the_sum() -> None:
    project("rerank.cross_encoder@1", "{}", "{model: judge}")
    text = Path("p.yaml").read_text().replace("generate.llm@1", "generate.extractive@1")
    text = text.replace("resources: {model: writer}", "resources: {model: judge}")
    lines = [line for line in text.splitlines() if not line.strip().startswith("writer:")]
    Path("p.yaml").write_text("\n".join(lines))
    cells = told()
    assert "cannot tell how much" in " ".join(cells["said"])
    assert cells["sum"][-2:] == ["without", "said"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--passages", "5"], "--passages goes with --cost"),
        (["--cost", "--query", "  "], "--query: expected 1 to"),
        (["--cost", "--passages", "0"], "0 is not in the range"),
    ],
)
def test_what_makes_no_sense_is_said(options: list[str], words: str) -> None:
    project("rerank.cross_encoder@1", "{}", "{model: judge}")
    result = CliRunner().invoke(cli, ["explain", "p.yaml", *options])
    assert result.exit_code != 0
    assert words in result.output + str(result.exception)
