"""Whatever a node does wrong, no passage leaves it for a reader who may not read it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from assay.pipeline import (
    Abstention,
    AbstentionReason,
    Answer,
    Node,
    Passage,
    Query,
    Ranking,
    Scope,
    Score,
    ScoreKind,
    Selection,
    build_text,
    register,
)
from assay.pipeline.component import Config
from assay.pipeline.errors import NodeError, ScopeError
from assay.pipeline.words import Dropped, Hit


def passage(tenant: str, *roles: str) -> Passage:
    return Passage("p", "d", "the text nobody else may see", Scope(tenant, roles))


def hit(one: Passage) -> Hit:
    return Hit(one, Score(1.0, ScoreKind.BM25, "leaky"))


class LeakyConfig(Config):
    tenant: str = "other"
    role: str = ""
    raised: bool = False


class Leaky(Node):
    Config = LeakyConfig

    def found(self) -> Passage:
        if self.config.raised:
            raise ScopeError("the corpus refused")
        return passage(self.config.tenant, *([self.config.role] if self.config.role else []))


@register("leaky.ranking@1")
class LeakyRanking(Leaky):
    def run(self, query: Query) -> Ranking:
        return Ranking(query, (hit(self.found()),), self.name)


@register("leaky.selection@1")
class LeakySelection(Leaky):
    def run(self, query: Query) -> Selection:
        return Selection(query, (), (Dropped(hit(self.found()), "too long"),))


@register("leaky.answer@1")
class LeakyAnswer(Leaky):
    def run(self, query: Query) -> Answer:
        return Answer("yes", (), (self.found(),))


@register("leaky.abstention@1")
class LeakyAbstention(Leaky):
    def run(self, query: Query) -> Answer | Abstention:
        return Abstention("x", AbstentionReason.NO_EVIDENCE, "none", evidence=(self.found(),))


@register("leaky.answered@1")
class Answered(Node):
    def run(self, ranking: Ranking) -> Answer:
        return Answer("from a ranking", (), ())


@register("leaky.told@1")
class Told(Node):
    def run(self, selection: Selection) -> Answer:
        return Answer("from a selection", (), ())


@register("leaky.nothing@1")
class Nothing(Node):
    def run(self, query: Query) -> Ranking:
        return Ranking(query, (), self.name)


ENDS = {"ranking": "leaky.answered", "selection": "leaky.told", "answer": "", "abstention": ""}


def pipeline(kind: str, more: str = "", **config: Any) -> Any:
    settings = ", ".join(f"{key}: {value}" for key, value in config.items())
    ask = "inputs: {query: query}"
    lines = [
        "assay: 1",
        "name: leaky",
        "nodes:",
        f"  made: {{use: leaky.{kind}, config: {{{settings}}}, {ask}{more}}}",
        *([f"  other: {{use: leaky.nothing, {ask}}}"] if more else []),
        *([f"  end: {{use: {ENDS[kind]}, inputs: {{{kind}: made}}}}"] if ENDS[kind] else []),
        f"output: {'end' if ENDS[kind] else 'made'}",
    ]
    text = "\n".join(lines) + "\n"
    return build_text(text, name="leaky.yaml", base=Path())


ASKER = Query("what is it", Scope("mine", ("staff",)))


@pytest.mark.parametrize("kind", ENDS)
@pytest.mark.parametrize("config", [{}, {"tenant": "mine", "role": "boss"}])
def test_a_passage_of_another_reader_stops_the_run_in_all_four_ways(
    kind: str, config: dict[str, str]
) -> None:
    with pipeline(kind, **config) as built:
        with pytest.raises(NodeError) as plain:
            built.run(ASKER)
        with pytest.raises(NodeError) as later:
            asyncio.run(built.arun(ASKER))
        with pytest.raises(NodeError):
            list(built.stream(ASKER))
        (record,) = list(built.batch([ASKER]))
    for caught in (plain, later):
        assert isinstance(caught.value.__cause__, ScopeError)
        assert "nobody else" not in str(caught.value)
    assert record.outcome is None
    assert "ScopeError" in str(record.to_json()["error"])


@pytest.mark.parametrize("kind", ENDS)
def test_a_passage_that_the_asker_may_read_goes_through(kind: str) -> None:
    with pipeline(kind, tenant="mine", role="staff") as built:
        assert built.run(ASKER).outcome is not None


def test_no_fallback_passes_over_it() -> None:
    built = pipeline("ranking", ", policy: {fallback: {any: other}}", raised="true")
    with built, pytest.raises(NodeError) as caught:
        built.run(ASKER)
    assert isinstance(caught.value.__cause__, ScopeError)
