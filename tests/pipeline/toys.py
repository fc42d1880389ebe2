"""Small nodes that need no model, for tests of the core."""

from __future__ import annotations

import time
from collections.abc import Mapping

from pydantic import Field

from assay.pipeline import (
    Abstention,
    AbstentionReason,
    Answer,
    Citation,
    Config,
    Hit,
    Node,
    Passage,
    Query,
    Ranking,
    Resource,
    RunContext,
    Scope,
    Score,
    ScoreKind,
    register,
)


class Shelf(Resource):
    """Counts how often it is started and closed."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.started = 0
        self.closed = 0

    def start(self) -> None:
        self.started += 1

    def close(self) -> None:
        self.closed += 1

    def fingerprint(self) -> str:
        return "shelf"


register("toys.shelf@1")(Shelf)


class FindConfig(Config):
    letter: str = Field("a", min_length=1, max_length=1)
    wait: float = Field(0.0, ge=0)


@register("toys.find@1")
class Find(Node):
    Config = FindConfig

    def __init__(self, config: FindConfig, *, shelf: Shelf) -> None:
        super().__init__(config)
        self.shelf = shelf

    def run(self, query: Query, context: RunContext) -> Ranking:
        time.sleep(self.config.wait)
        context.note(letter=self.config.letter)
        passage = Passage(self.config.letter, "doc", query.text, query.scope)
        return Ranking(query, (Hit(passage, Score(1.0, ScoreKind.BM25, self.name)),), self.name)


@register("toys.join@1")
class Join(Node):
    def run(self, rankings: Mapping[str, Ranking]) -> Ranking:
        first = next(iter(rankings.values()))
        hits = tuple(hit for ranking in rankings.values() for hit in ranking.hits)
        return Ranking(first.query, hits, "+".join(rankings))


class SayConfig(Config):
    threshold: float | None = None


@register("toys.say@1")
class Say(Node):
    Config = SayConfig

    def run(self, ranking: Ranking, context: RunContext) -> Answer | Abstention:
        context.spend(calls=1, rounds=1, tokens_in=3)
        if self.config.threshold is not None and self.config.threshold > 1.0:
            return Abstention("say", AbstentionReason.LOW_CONFIDENCE, "too low")
        text = ranking.hits[0].passage.text
        cited = (Citation(0, len(text), (ranking.hits[0].passage.id,)),)
        return Answer(text, cited, (ranking.hits[0].passage,))


@register("toys.polish@1")
class Polish(Node):
    def run(self, answer: Answer) -> Answer:
        return answer


@register("toys.broken@1")
class Broken(Node):
    def run(self, ranking: Ranking) -> Answer:
        raise ValueError("the paper jammed")


@register("toys.liar@1")
class Liar(Node):
    def run(self, ranking: Ranking) -> Answer:
        return "not an answer"  # type: ignore[return-value]


def ask(text: str = "what is a list") -> Query:
    return Query(text, Scope("local"), id="q1")
