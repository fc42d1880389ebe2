"""A small corpus for tests of retrieve and filter nodes, and an embedder that counts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from assay.models.hash_embedder import HashEmbedder, HashEmbedderConfig
from assay.models.protocols import Floats
from assay.pipeline.context import RunContext
from assay.pipeline.words import Passage, Query, Scope
from tests.corpora.fake_corpus import FakeCorpus, passage

KEEPER = Scope("zoo", ("keeper",))
VISITOR = Scope("zoo")

PASSAGES = (
    passage("owl#0", "The owl sleeps by day.", tenant="zoo", title="Birds › Owls", metadata={"legs": 2}),
    passage("owl#1", "The owl hunts mice at night.", tenant="zoo", title="Birds › Owls", metadata={"legs": 2}),
    passage("owl#2", "Owls see far in the dark of night.", tenant="zoo", title="Birds › Owls", metadata={"legs": 2}),
    passage("owl#3", "A keeper feeds it at dusk.", tenant="zoo", title="Birds › Food", metadata={"legs": 2}),
    passage("cat#0", "The cat hunts mice in the barn.", tenant="zoo", title="Cats", date=date(2020, 5, 1), metadata={"legs": 4}),
    passage("cat#1", "A cat sleeps most of the day.", tenant="zoo", title="Cats", date=date(2020, 5, 1), metadata={"legs": 4}),
    passage("bat#0", "The bat flies at night and sleeps by day.", tenant="zoo", date=date(2022, 1, 1)),
    passage("pay#0", "The keeper is paid at night.", tenant="zoo", roles=("keeper",), metadata={"legs": 0}),
    passage("shop#0", "The owl of the shop sleeps at night, night, night.", tenant="shop"),
)  # fmt: skip


class Counting(HashEmbedder):
    """Tells how many texts each call had."""

    def __init__(self) -> None:
        super().__init__(HashEmbedderConfig(dimension=64))
        self.batches: list[int] = []

    def embed_queries(self, texts: Sequence[str], contexts: Sequence[RunContext]) -> Floats:
        self.batches.append(len(texts))
        return super().embed_queries(texts, contexts)


def zoo(*more: Passage, embedder: HashEmbedder | None = None) -> FakeCorpus:
    """The corpus, with more passages."""
    return FakeCorpus((*PASSAGES, *more), embedder=embedder)


def ask(text: str, scope: Scope = VISITOR, **more: Any) -> Query:
    """A visitor's question."""
    return Query(text, scope, **more)
