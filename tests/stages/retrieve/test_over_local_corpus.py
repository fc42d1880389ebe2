"""The retrieve nodes over a corpus on disk give what they give over the one that is reckoned."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from assay.corpora.corpus import Corpus
from assay.corpora.document import Document
from assay.corpora.local import LocalCorpus
from assay.models.hash_embedder import HashEmbedder, HashEmbedderConfig
from assay.models.word_sparse_encoder import WordSparseEncoder
from assay.pipeline import registry
from assay.pipeline.component import Config
from assay.pipeline.context import RunContext
from assay.pipeline.words import Query, Ranking
from tests.corpora.fake_corpus import FakeCorpus
from tests.stages.retrieve.zoo import KEEPER, VISITOR, ask

BIRDS = "# Owls\n\nThe owl sleeps by day.\n\n# Hunting\n\nThe owl hunts mice at night in the barn."
DOCUMENTS = [
    Document("birds", BIRDS, VISITOR, title="Birds", markup="markdown", date=date(2020, 5, 1)),
    Document("cats", "A cat sleeps. Cats hunt mice.", VISITOR, metadata={"legs": 4}),
    Document("bats", "The bat flies at night and sleeps by day.", VISITOR, metadata={"legs": 2}),
    Document("wages", "The keeper of owls is paid at night.", KEEPER, metadata={"legs": 0}),
]
QUERIES = (
    ask("which owl hunts at night"),
    ask("birds"),
    ask("who is paid at night", KEEPER),
    ask("sleeps by day", where="legs >= 2 or date < 2021-01-01"),
    ask("zebra"),
)
CASES: list[tuple[str, dict[str, Any]]] = [
    ("retrieve.bm25@1", {"k": 3}),
    ("retrieve.bm25@1", {"k": 3, "field": "title"}),
    ("retrieve.bm25@1", {"k": 3, "where": "legs is not null"}),
    ("retrieve.dense@1", {"k": 3}),
    ("retrieve.sparse@1", {"k": 3, "where": "not legs = 4"}),
    ("retrieve.hybrid@1", {"k": 3, "fusion": "weighted"}),
    ("retrieve.hybrid@1", {"k": 3, "fusion": "adaptive", "parts": ["sparse", "dense"]}),
    ("retrieve.document@1", {"k": 9, "max_words": 20}),
    ("retrieve.prf@1", {"mode": "dense", "k": 4, "top": 2}),
    ("retrieve.prf@1", {"mode": "words", "k": 4, "top": 1}),
    ("retrieve.expand_neighbours@1", {}),
    ("filter.metadata@1", {"where": "legs >= 2 or title = 'Birds'"}),
    ("filter.date@1", {"before": "2020-12-31"}),
]


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> tuple[Corpus, Corpus]:
    embedder = HashEmbedder(HashEmbedderConfig(dimension=64))
    settings = {"path": str(tmp_path_factory.mktemp("corpus")), "stemmer": "none"}
    encoder = WordSparseEncoder(Config())
    local = LocalCorpus(
        LocalCorpus.Config.model_validate(settings), embedder=embedder, sparse_encoder=encoder
    )
    local.index(DOCUMENTS, skipped={}, progress=lambda stage, done, total: None)
    local.start()
    return local, FakeCorpus(documents=DOCUMENTS, embedder=embedder, encoder=encoder)


def answer(corpus: Corpus, name: str, config: dict[str, Any], query: Query) -> Ranking:
    component: Any = registry.find(name)
    resources = {"corpus": corpus} if name.startswith("retrieve") else {}
    node = component(component.Config.model_validate(config), **resources)
    assert not list(node.prepare(Path()))
    first = Ranking(query, tuple(corpus.search_bm25(query, 2)), "first")
    ports: dict[str, Any] = {"query": query, "ranking": first, "context": RunContext()}
    asked = {key: value for key, value in ports.items() if key in component.run.__annotations__}
    found: Ranking = node.run(**asked)
    return found


@pytest.mark.parametrize(("name", "config"), CASES)
def test_a_node_gives_the_same_over_both(
    name: str, config: dict[str, Any], corpora: tuple[Corpus, Corpus]
) -> None:
    found = 0
    for query in QUERIES:
        local, fake = (answer(corpus, name, config, query) for corpus in corpora)
        assert local.ids == fake.ids
        assert [hit.score.kind for hit in local.hits] == [hit.score.kind for hit in fake.hits]
        assert [hit.score.value for hit in local.hits] == pytest.approx(
            [hit.score.value for hit in fake.hits], rel=0.2
        )
        found += len(local.hits)
    assert found
