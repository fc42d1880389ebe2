"""A right node, from which the wrong ones derive, and which checks a node fails."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import Field

from assay.pipeline import Config, Node, Query, Ranking, RunContext, Selection
from tests.conformance.node import CHECKS
from tests.conformance.samples import A, B, ranked
from tests.conformance.subject import Subject

INPUTS = tuple({"query": one, "ranking": ranked(one)} for one in (A, B))


class HeadConfig(Config):
    k: int = Field(2, ge=1, le=5, description="hits kept")


class Head(Node):
    """Keeps what promises there are; the wrong nodes derive from it."""

    name = "toys.head@1"
    Config = HeadConfig

    def run(self, query: Query, ranking: Ranking, context: RunContext) -> Selection:
        context.check()
        context.spend(calls=1)
        context.note(found=len(ranking.hits))
        return Selection(query, ranking.hits[: getattr(self.config, "k", 2)])

    def run_batch(
        self, items: Sequence[Mapping[str, Any]], contexts: Sequence[RunContext]
    ) -> Sequence[Selection]:
        return [self.run(**item, context=one) for item, one in zip(items, contexts, strict=True)]

    def stream(
        self, query: Query, ranking: Ranking, context: RunContext
    ) -> Iterator[str | Selection]:
        yield from ranking.ids
        yield self.run(query, ranking, context)


def failing(component: type[Node], *, inputs: Sequence[Mapping[str, Any]] = INPUTS) -> set[str]:
    """Names of the checks that the node fails."""
    subject = Subject(component, {}, {}, inputs)
    found = set()
    for name, check in CHECKS.items():
        try:
            check(subject)
        except AssertionError:
            found.add(name)
    return found
