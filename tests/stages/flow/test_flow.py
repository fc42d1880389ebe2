"""Pipelines inside pipelines, and repeated ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.pipeline import (
    Abstention,
    AbstentionReason,
    Answer,
    Node,
    Query,
    RunContext,
    Scope,
    Score,
    ScoreKind,
    build,
    register,
)
from assay.pipeline.errors import BuildError

STARTED: list[str] = []


@register("flowtest.draw@1")
class Draw(Node):
    """Its confidence grows with the seed; an even seed abstains when asked about evens."""

    def start(self) -> None:
        STARTED.append("start")

    def close(self) -> None:
        STARTED.append("close")

    def run(self, query: Query, context: RunContext) -> Answer | Abstention:
        context.spend(calls=1)
        if query.text == "even" and context.seed % 2 == 0:
            return Abstention("draw", AbstentionReason.NO_EVIDENCE, "even")
        sure = Score(context.seed / 10, ScoreKind.PROBABILITY, self.name)
        return Answer(f"{query.text} {context.seed}", (), (), sure)


INNER = """
assay: 1
name: inner
nodes: {draw: {use: flowtest.draw@1, inputs: {query: query}}}
output: draw
"""
OUTER = """
assay: 1
name: outer
nodes:
  sub: {use: USE, config: {CONFIG}, inputs: {query: query}}
output: sub
"""


def files(folder: Path, use: str, config: str, inner: str = INNER) -> Path:
    (folder / "parts").mkdir(exist_ok=True)
    (folder / "parts" / "inner.yaml").write_text(inner, encoding="utf-8")
    outer = folder / "outer.yaml"
    outer.write_text(OUTER.replace("USE", use).replace("CONFIG", config), encoding="utf-8")
    return outer


def ask(text: str) -> Query:
    return Query(text, Scope("local"), id="q")


def test_a_pipeline_is_a_node_of_another(tmp_path: Path) -> None:
    STARTED.clear()
    outer = files(tmp_path, "flow.pipeline@1", "path: parts/inner.yaml")
    with build(outer) as pipeline, build(tmp_path / "parts" / "inner.yaml") as inner:
        record, alone = pipeline.run(ask("x"), seed=7), inner.run(ask("x"), seed=7)
        assert record.outcome == alone.outcome
        assert record.cost["sub"].calls == 1
        assert pipeline.parts()["nodes"]["sub"]["inner"] == inner.parts()
    assert STARTED == ["start", "start", "close", "close"]


def test_a_change_in_the_inner_file_is_another_pipeline(tmp_path: Path) -> None:
    outer = files(tmp_path, "flow.pipeline@1", "path: parts/inner.yaml")
    with build(outer) as pipeline:
        before = pipeline.fingerprint()
    files(tmp_path, "flow.pipeline@1", "path: parts/inner.yaml", INNER.replace("draw", "drawn", 1))
    files(
        tmp_path,
        "flow.pipeline@1",
        "path: parts/inner.yaml",
        INNER.replace("{draw:", "{drawn:").replace("output: draw", "output: drawn"),
    )
    with build(outer) as pipeline:
        assert pipeline.fingerprint() != before


def test_errors_of_the_inner_file_name_their_own_line(tmp_path: Path) -> None:
    broken = INNER.replace("flowtest.draw@1", "flowtest.drow@1")
    outer = files(tmp_path, "flow.pipeline@1", "path: parts/inner.yaml", broken)
    with pytest.raises(BuildError, match=r"inner\.yaml:4:\d+: unknown component 'flowtest.drow@1'"):
        build(outer)


def test_a_file_that_contains_itself_or_is_not_there_is_refused(tmp_path: Path) -> None:
    outer = files(tmp_path, "flow.pipeline@1", "path: outer.yaml")
    with pytest.raises(BuildError, match="contains itself"):
        build(outer)
    outer = files(tmp_path, "flow.pipeline@1", "path: nowhere.yaml")
    with pytest.raises(BuildError, match="no pipeline file"):
        build(outer)


@pytest.mark.parametrize(
    ("text", "until", "seed", "runs", "answer"),
    [
        ("x", "outcome.confidence.value >= 0.3", 1, 3, "x 3"),
        ("x", "outcome.confidence.value >= 0.1", 1, 1, "x 1"),
        ("x", "outcome.confidence.value >= 0.9", 1, 4, "x 4"),
        ("even", "outcome.confidence.value >= 0.0", 2, 2, "even 3"),
    ],
)
def test_a_pipeline_is_repeated_until_the_condition_holds_or_the_runs_are_up(
    tmp_path: Path, text: str, until: str, seed: int, runs: int, answer: str
) -> None:
    outer = files(tmp_path, "flow.repeat@1", f"path: parts/inner.yaml, times: 4, until: '{until}'")
    with build(outer) as pipeline:
        record = pipeline.run(ask(text), seed=seed)
    assert isinstance(record.outcome, Answer)
    assert record.outcome.text == answer
    assert record.stages["sub"]["notes"]["runs"] == runs == record.cost["sub"].calls


@pytest.mark.parametrize(
    ("until", "words"),
    [
        ("answer.text == 'x'", "only 'outcome' is there"),
        ("outcome.confidnce.value > 1", "did you mean 'confidence'"),
        ("outcome.text > 3", "'outcome.text' is text, 3.0 is number"),
        ("outcome.text >", "expected a number"),
    ],
)
def test_a_wrong_condition_is_found_by_build(tmp_path: Path, until: str, words: str) -> None:
    outer = files(tmp_path, "flow.repeat@1", f'path: parts/inner.yaml, until: "{until}"')
    with pytest.raises(BuildError, match=words):
        build(outer)


SEARCHED: list[str] = []


@register("flowtest.search@1")
class Search(Node):
    """Finds nothing for the first two questions, then the gold passage; notes what to look for."""

    def run(self, query: Query, context: RunContext) -> Answer | Abstention:
        SEARCHED.append(query.text)
        wordings = {"who": "the founder", "who the founder": "the first owner"}
        context.note(missing=wordings.get(query.text, "the founder"), other=3)
        if query.text != GOLD:
            return Abstention("search", AbstentionReason.NO_EVIDENCE, "nothing found")
        return Answer("Ada", (), (), Score(0.9, ScoreKind.PROBABILITY, self.name))


GOLD = "who the first owner"
SEARCH = INNER.replace("flowtest.draw@1", "flowtest.search@1")
UNTIL = "until: 'outcome.confidence.value >= 0.5'"


@pytest.mark.parametrize(
    ("text", "times", "searched", "ended"),
    [
        ("who", 5, ["who", "who the founder", GOLD], "met"),
        ("who", 2, ["who", "who the founder"], "times"),
        ("what", 5, ["what", "what the founder"], "question repeated"),
    ],
)
def test_what_is_missing_is_the_next_question_and_no_question_is_asked_twice(
    tmp_path: Path, text: str, times: int, searched: list[str], ended: str
) -> None:
    SEARCHED.clear()
    config = f"path: parts/inner.yaml, times: {times}, {UNTIL}, next_query: draw.missing"
    outer = files(tmp_path, "flow.repeat@1", config, SEARCH)
    with build(outer) as pipeline:
        record = pipeline.run(ask(text), seed=0)
    assert searched == SEARCHED
    assert isinstance(record.outcome, Answer) == (ended == "met")
    notes = record.stages["sub"]["notes"]
    assert (notes["runs"], notes["ended"]) == (len(searched), ended)
    assert [notes[f"question_{number}"] for number in range(2, len(searched) + 1)] == searched[1:]


def test_the_missing_part_may_stand_for_the_question(tmp_path: Path) -> None:
    SEARCHED.clear()
    config = f"path: parts/inner.yaml, times: 4, {UNTIL}, next_query: draw.missing, wording: alone"
    outer = files(tmp_path, "flow.repeat@1", config, SEARCH)
    with build(outer) as pipeline:
        pipeline.run(ask("who"), seed=0)
    assert SEARCHED == ["who", "the founder"]


def test_without_a_note_there_is_no_next_question(tmp_path: Path) -> None:
    SEARCHED.clear()
    config = f"path: parts/inner.yaml, {UNTIL}, next_query: draw.nothing"
    outer = files(tmp_path, "flow.repeat@1", config, SEARCH)
    with build(outer) as pipeline:
        record = pipeline.run(ask("who"), seed=0)
    assert SEARCHED == ["who"]
    assert record.stages["sub"]["notes"]["ended"] == "no next question"


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("next_query: drow.missing", "'next_query': no node 'drow' inside; did you mean 'draw'"),
        ("next_query: missing", "next_query"),
        ("wording: alone", "'wording' belongs to 'next_query'"),
    ],
)
def test_a_wrong_next_question_is_found_by_build(tmp_path: Path, config: str, words: str) -> None:
    outer = files(tmp_path, "flow.repeat@1", f"path: parts/inner.yaml, {UNTIL}, {config}", SEARCH)
    with pytest.raises(BuildError, match=words):
        build(outer)
