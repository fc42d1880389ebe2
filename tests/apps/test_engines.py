"""The demo's pipeline on other engines: the same file but for one line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from assay.apps.examples import folder
from assay.apps.main import cli
from assay.models.files.store import default_store
from assay.pipeline.errors import ModelError
from tests.models.llama_server import llama_server

MODEL = "smollm2-135m-instruct-q4_1"
WRITER = re.compile(r"^  writer: .*$", re.MULTILINE)
RIGHT = re.compile("(three|3) weeks")
QUESTION = "How long may a member keep a book?"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's own pipeline file over a small folder of documents, indexed once."""
    for key in (MODEL, "bge-small-en-v1.5-int8", "ms-marco-minilm-l12-v2-int8"):
        try:
            default_store().locate(key)
        except ModelError as error:
            pytest.skip(str(error))
    place = tmp_path_factory.mktemp("engines")
    (place / "data").mkdir()
    passages = {
        "Loans": "A member may keep a book for three weeks and renew the loan once.",
        "Opening hours": "The reading room is open from nine to five on weekdays.",
    }
    lines = [
        json.dumps({"id": title, "title": title, "text": text, "meta": {"source": "library"}})
        for title, text in passages.items()
    ]
    (place / "data" / "corpus.jsonl").write_text("\n".join(lines), encoding="utf-8")
    asked = {"id": "q", "text": QUESTION, "answers": ["three weeks"], "answerable": True}
    (place / "data" / "queries.jsonl").write_text(json.dumps(asked), encoding="utf-8")
    (place / "data" / "qrels.tsv").write_text("q\tLoans\t1\n", encoding="utf-8")
    example = folder() / "python-reference"
    text = (example / "pipeline.yaml").read_text(encoding="utf-8")
    text = re.sub(r"trusted: \[python-reference\]", "trusted: [library]", text)
    (place / "pipeline.yaml").write_text(text, encoding="utf-8")
    (place / "calibrator.json").write_bytes((example / "calibrator.json").read_bytes())
    done = call("index", place / "pipeline.yaml", "--data", place / "data")
    assert done.exit_code == 0, done.output
    return place


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(one) for one in arguments])


def draft_of(project: Path, line: str) -> tuple[str, dict[str, float]]:
    """What the engine drafted, and what the node that asked it spent."""
    whole = (project / "pipeline.yaml").read_text(encoding="utf-8")
    changed, count = WRITER.subn(f"  writer: {line}", whole)
    assert count == 1
    assert sum(a != b for a, b in zip(whole.splitlines(), changed.splitlines(), strict=True)) == 1
    file = project / "other.yaml"
    file.write_text(changed, encoding="utf-8")
    result = call("ask", file, QUESTION, "--json")
    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)
    assert record["outcome"] in ("answered", "abstained")
    drafted = record["stages"]["drafted"]
    text = drafted["answer"]["text"] if "answer" in drafted else drafted["abstention"]["detail"]
    return text, record["cost"]["by_node"]["drafted"]


@pytest.mark.models
def test_the_same_pipeline_runs_on_llama_cpp_and_on_a_server(project: Path) -> None:
    pytest.importorskip("llama_cpp")
    settings = f"config: {{model: {MODEL}, context_tokens: 2048"
    text, cost = draft_of(project, f"{{use: models.llama_cpp@1, {settings}}}}}")
    assert RIGHT.search(text)
    assert cost["calls"] == 1
    assert cost["tokens_out"] > 0
    assert cost["flops"] > 0
    with llama_server(context_tokens=2048) as address:
        server = f"{settings}, base_url: '{address}', api: completions}}"
        served, served_cost = draft_of(project, f"{{use: models.openai@1, {server}}}")
    assert RIGHT.search(served)
    assert served_cost["calls"] == 1
    assert served_cost["tokens_out"] > 0


@pytest.mark.models
def test_the_same_pipeline_runs_on_transformers(project: Path) -> None:
    for library in ("torch", "transformers", "gguf", "accelerate"):
        pytest.importorskip(library)
    settings = f"config: {{model: {MODEL}, context_tokens: 2048"
    text, cost = draft_of(project, f"{{use: models.transformers@1, {settings}}}}}")
    assert RIGHT.search(text)
    assert cost["calls"] == 1
    assert cost["flops"] > 0
