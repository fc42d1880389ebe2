"""Questions find their evidence in the passages, and the set can be read back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from assay.corpora.dataset import LabelledQuery, load
from assay.evaluation.building.quotes import locate
from assay.evaluation.reference_set import build_reference_set, write_reference_set
from assay.pipeline.errors import DataError, UsageError
from assay.pipeline.words import Passage, Scope
from tests.evaluation.made import question
from tests.evaluation.test_attacks import TEMPLATES

LOCAL = Scope("local")
TEXT = 'The call "divmod()" gives\n   both results. Elsewhere divmod() is named.'
PASSAGES = (
    Passage("binary#0", "binary", TEXT, LOCAL, title="Binary", start=5, end=80, metadata={"topic": "binary"}),
    Passage("types#3", "types", "Sequences have a length.", LOCAL, position=3),
    Passage("planted-x-0", "planted-x-0", "a length of 3", LOCAL, metadata={"poison": True}),
)  # fmt: skip


def asked(name: str, quote: str, topic: str = "binary", **meta: Any) -> LabelledQuery:
    return question(
        name, ["divmod()", "length"], evidence=[{"topic": topic, "quote": quote}], **meta
    )


QUESTIONS = (
    asked("a", "gives both results"),
    asked("b", "have a length", topic="sequences"),
    asked("c", "was removed in this version"),
    asked(
        "d", "gives both results", attack="prefix", m=2, subject="the root", incorrect_answer="x()"
    ),
    question("u", answerable=False),
)


def test_a_quote_is_found_across_line_breaks_and_the_span_is_its_text() -> None:
    (span,) = locate("gives both results", "binary", PASSAGES)
    assert span.document_id == "binary#0"
    assert TEXT[span.start : span.end] == span.text == "gives\n   both results"


def test_evidence_answers_and_planted_passages_make_a_set_that_loads(tmp_path: Path) -> None:
    made = build_reference_set(PASSAGES, QUESTIONS, TEMPLATES, tenant="local")
    assert made.left_out == {"c": "this Python's reference lacks 'was removed in this version'"}
    write_reference_set(made, tmp_path / "set", description="made for a test")
    loaded = load(tmp_path / "set")
    assert [one.id for one in loaded.queries] == ["a", "b", "d", "u"]
    assert loaded.qrels == {"a": {"binary#0": 1}, "b": {"types#3": 1}, "d": {"binary#0": 1}}
    assert {one.id for one in loaded.documents} == {
        "binary#0", "types#3", "planted-d-0", "planted-d-1"
    }  # fmt: skip
    # The nearest answer counts, not the one at the passage's end.
    assert [one.text for one in loaded.spans["a"]] == ["gives\n   both results", "divmod()"]
    assert loaded.spans["a"][1].start < loaded.spans["a"][0].start
    planted = next(one for one in loaded.documents if one.id == "planted-d-0")
    assert planted.scope.roles == ("attack-d",)
    assert loaded.queries[2].meta["roles"] == ["attack-d"]
    assert loaded.queries[0].meta["gold_passages"] == [["binary#0"]]


def test_writing_again_replaces_the_set_and_nothing_else(tmp_path: Path) -> None:
    made = build_reference_set(PASSAGES, QUESTIONS[:1], TEMPLATES, tenant="local")
    for _ in range(2):
        write_reference_set(made, tmp_path / "set", description="made for a test")
    assert [one.name for one in tmp_path.iterdir()] == ["set"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="no data set"):
        write_reference_set(made, tmp_path / "mine", description="made for a test")


def test_an_answerable_question_without_evidence_is_a_mistake() -> None:
    with pytest.raises(DataError, match=r"needs 'meta\.evidence'"):
        build_reference_set(PASSAGES, [question("a")], TEMPLATES, tenant="local")
