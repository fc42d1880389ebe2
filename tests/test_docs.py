"""The code in the documents runs."""

from __future__ import annotations

import importlib
import re
from datetime import date
from pathlib import Path

import pytest

from assay.pipeline import (
    Answer,
    Hit,
    Passage,
    Query,
    Ranking,
    Scope,
    Score,
    ScoreKind,
    build_text,
    node,
)
from assay.pipeline.condition import read_condition
from assay.pipeline.policy import PolicyEntry
from assay.pipeline.source import read

PAGE = Path(__file__).resolve().parent.parent / "docs" / "write-a-node.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@node("docs.three@1")
def three(query: Query) -> Ranking:
    days = (date(2024, 1, 1), date(2026, 1, 1), date(2025, 1, 1))
    hits = tuple(
        Hit(
            Passage(str(day.year), "doc", "text", query.scope, date=day),
            Score(1.0, ScoreKind.BM25, "docs"),
        )
        for day in days
    )
    return Ranking(query, hits, "docs.three@1")


@node("docs.say@1")
def say(ranking: Ranking) -> Answer:
    return Answer(" ".join(hit.passage.id for hit in ranking.hits), (), ())


def test_the_node_in_ten_lines_has_ten_lines_and_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (code,) = blocks("python")
    body = code[code.index("@node") :].strip().splitlines()
    assert len(code.strip().splitlines()) - code.count("\n\n") <= 11 and len(body) <= 10
    (tmp_path / "page_of_the_docs.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("page_of_the_docs")
    text = (
        "assay: 1\nname: page\nnodes:\n"
        "  fused: {use: docs.three@1, inputs: {query: query}}\n"
        + re.sub(r"^nodes:\n", "", blocks("yaml")[0]).replace("keep: 3", "keep: 2")
        + "  said: {use: docs.say@1, inputs: {ranking: fresh}}\noutput: said\n"
    )
    with build_text(text, name="page.yaml", base=Path()) as pipeline:
        outcome = pipeline.run(Query("what", Scope("local"))).outcome
    assert isinstance(outcome, Answer)
    assert outcome.text == "2026 2025"


def test_the_policy_in_the_page_is_one() -> None:
    written = read(blocks("yaml")[1], "page").data
    read_condition(written["when"])
    PolicyEntry.model_validate(written["policy"])
