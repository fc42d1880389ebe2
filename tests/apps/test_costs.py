"""Which nodes call a model, and what a search, a wording and an inner pipeline cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from assay.apps.costs import estimates, lengths_of
from assay.apps.passage_counts import Count, incoming
from assay.corpora.corpus import Corpus
from assay.corpora.document import Document
from assay.corpora.local import LocalCorpus
from assay.models.hash_embedder import HashEmbedder, HashEmbedderConfig
from assay.models.word_sparse_encoder import WordSparseEncoder
from assay.pipeline.builder import build_text
from assay.pipeline.component import Config, Node
from assay.pipeline.context import RunContext
from assay.pipeline.graph import Pipeline
from assay.pipeline.registry import find
from assay.pipeline.types import signature
from assay.pipeline.words import Query, QueryVariants, Scope
from assay.stages.retrieve.hybrid import Hybrid, HybridConfig
from assay.stages.windows.text_lengths import models_of
from tests.conformance.samples import Sample, samples, small_corpus

ANYBODY = Scope("default")
TUPLES = [f"A tuple number {one} is a sequence." for one in range(9)]
UNKNOWN = {"flow.pipeline@1", "flow.repeat@1"}
"""They call what the pipeline within calls."""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Corpus]:
    made = small_corpus(tmp_path_factory.mktemp("corpus") / "index")
    yield made
    made.close()


@pytest.fixture(scope="module")
def known(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Sample]:
    return samples(corpus, tmp_path_factory.mktemp("files"))


def started(name: str, sample: Sample) -> Node:
    component = find(name)
    node = component(component.Config.model_validate(sample.config), **sample.resources)
    assert isinstance(node, Node)
    assert not list(node.prepare(sample.base))
    node.start()
    return node


def spent(node: Node, item: Any) -> RunContext:
    context = RunContext()
    name = signature(node.run).context
    if name is not None:
        node.run(**item, **{name: context})
    return context


def test_a_node_that_reaches_no_model_calls_none_and_one_that_calls_reaches_one(
    known: dict[str, Sample],
) -> None:
    callers = []
    for name, sample in known.items():
        if name in UNKNOWN or name.startswith("rerank.hosted"):  # which calls a server itself
            continue
        node = started(name, sample)
        calls = sum(spent(node, item).cost.calls for item in sample.inputs)
        assert not calls or models_of(node), name
        callers += [name] * bool(calls)
        node.close()
    assert {"retrieve.dense@1", "generate.llm@1", "rerank.cross_encoder@1"} <= set(callers)
    for name in ("retrieve.bm25@1", "select.elbow@1", "retrieve.graph@1", "rewrite.repair@1"):
        assert not models_of(started(name, known[name])), name


SEARCHES = [f"retrieve.{one}@1" for one in ("dense", "sparse", "hybrid", "document_first", "prf")]


@pytest.mark.parametrize("name", SEARCHES)
def test_the_account_confirms_what_a_search_says_that_it_costs(
    name: str, known: dict[str, Sample]
) -> None:
    node = started(name, known[name])
    asked = [item for item in known[name].inputs if isinstance(item["query"], Query)]
    assert asked
    for item in asked:
        sizes, _ = lengths_of(node, item["query"].text, [])
        n = len(item["ranking"].hits) if "ranking" in item else 0
        told, context = node.estimate(n, sizes), spent(node, item)  # type: ignore[attr-defined]
        assert (told.calls, told.rounds) == (context.cost.calls, context.cost.rounds)
        assert told.tokens_in == context.cost.tokens_in


def test_parts_of_a_hybrid_search_that_call_no_model_cost_nothing(corpus: Corpus) -> None:
    for parts, calls in ((["bm25"], 0), (["dense"], 1), (["bm25", "dense", "sparse"], 2)):
        node = Hybrid(HybridConfig.model_validate({"parts": parts, "fusion": "rrf"}), corpus=corpus)
        sizes, _ = lengths_of(node, "what is a tuple", [])
        assert node.estimate(0, sizes).calls == calls
        assert len(models_of(node)) == calls


TEXT = """
assay: 1
name: toy
resources:
  judge: {use: models.overlap_cross_encoder@1}
  embedder: {use: models.hash_embedder@1, config: {dimension: 64}}
  encoder: {use: models.word_sparse_encoder@1}
  writer: {use: models.echo@1, config: {rules: [], otherwise: "one\\n2. two"}}
  notes:
    use: corpora.local@1
    config: {path: index, max_words: 20}
    resources: {embedder: embedder, sparse_encoder: encoder}
nodes:
  worded:
    use: rewrite.multi_query@1
    config: {n: 2}
    resources: {language_model: writer}
    inputs: {query: query}
  found: {use: retrieve.bm25@1, resources: {corpus: notes}, inputs: {query: FOUND}}
  near: {use: retrieve.dense@1, resources: {corpus: notes}, inputs: {query: QUERY}}
  both: {use: fuse.rrf@1, inputs: {rankings: {found: found, near: near}}}
  kept: {use: select.top_k@1, inputs: {query: query, ranking: both}}
  said: {use: generate.llm@1, resources: {model: writer}, inputs: {query: query, selection: kept}}
output: said
"""


def piped(text: str, folder: Path, texts: Sequence[str] = TUPLES) -> Pipeline:
    corpus = LocalCorpus(
        LocalCorpus.Config.model_validate({"path": str(folder / "index"), "max_words": 20}),
        embedder=HashEmbedder(HashEmbedderConfig(dimension=64)),
        sparse_encoder=WordSparseEncoder(Config()),
    )
    documents = [Document(f"d{place}", one, ANYBODY) for place, one in enumerate(texts)]
    corpus.index(documents, skipped={}, progress=lambda stage, done, total: None)
    corpus.close()
    pipeline = build_text(text, name="toy.yaml", base=folder)
    pipeline.start()
    return pipeline


def test_only_nodes_that_call_a_model_are_told_and_wordings_count(tmp_path: Path) -> None:
    one = piped(TEXT.replace("FOUND", "worded").replace("QUERY", "query"), tmp_path)
    told = {it.node: it for it in estimates(one, question="what is a tuple").nodes}
    assert set(told) == {"worded", "near", "said"}
    assert told["worded"].cost is None and told["near"].note == ""
    assert told["near"].cost is not None and told["near"].cost.calls == 1
    one.close()
    many = piped(TEXT.replace("FOUND", "worded").replace("QUERY", "worded"), tmp_path)
    near = {it.node: it for it in estimates(many, question="what is a tuple").nodes}["near"]
    assert near.cost is not None and (near.cost.calls, near.cost.rounds) == (3, 1)
    assert near.note == "at most, for 3 wordings"
    node, context = many.steps["near"].node, RunContext()
    wordings = tuple(
        Query(text, ANYBODY) for text in ("what is a tuple", "one is a tuple", "two is a one")
    )
    node.run(QueryVariants(wordings), context=context)
    assert (near.cost.calls, near.cost.rounds) == (context.cost.calls, context.cost.rounds)
    many.close()


OUTER = """
assay: 1
name: outer
nodes:
  again: {use: flow.repeat@1, config: {path: toy.yaml, times: 3, until: "UNTIL"},
          inputs: {query: query}}
output: again
"""


def test_a_pipeline_within_costs_what_its_nodes_cost_so_often(tmp_path: Path) -> None:
    text = TEXT.replace("FOUND", "query").replace("QUERY", "query")
    inner = "\n".join(line for line in text.splitlines() if "worded" not in line)
    start = inner.index("    use: rewrite.multi_query")
    inner = inner[:start] + inner[inner.index("  found:") :]
    piped(inner, tmp_path).close()
    (tmp_path / "toy.yaml").write_text(inner)
    never = OUTER.replace("UNTIL", "outcome.confidence.value >= 2")
    outer = build_text(never, name="outer.yaml", base=tmp_path)
    outer.start()
    (told,) = estimates(outer, question="what is a tuple", passage_tokens=8).nodes
    assert told.cost is not None and (told.cost.calls, told.cost.rounds) == (6, 6)
    assert told.note == "at most, for 3 runs"
    outer.close()


def test_with_a_question_the_passages_that_have_its_words_are_counted(tmp_path: Path) -> None:
    text = TEXT.replace("FOUND", "query").replace("QUERY", "query")
    start = text.index("  worded:")
    text = text[:start] + text[text.index("  found:") :]
    long_ones = [f"A tuple number {one} is a sequence" + " of items" * 5 for one in range(12)]
    short = [f"List {one}." for one in range(60)]
    piped(text, tmp_path, long_ones + short).close()
    pipeline = build_text(text, name="toy.yaml", base=tmp_path)
    pipeline.start()
    drawn, found, unknown = (
        estimates(pipeline, question=question, look=look)
        for question, look in (("tuple", False), ("tuple", True), ("whale", True))
    )
    assert [one.looked for one in (drawn, found, unknown)] == [False, True, False]
    assert found.lengths["writer"].passage > 2 * drawn.lengths["writer"].passage
    assert unknown.lengths["writer"].passage == drawn.lengths["writer"].passage
    pipeline.close()


def test_a_fusion_gives_up_to_all_that_it_takes_and_no_more_than_there_is(tmp_path: Path) -> None:
    text = TEXT.replace("FOUND", "worded").replace("QUERY", "worded")
    pipeline = build_text(text, name="toy.yaml", base=tmp_path)
    assert incoming(pipeline, "found") is None
    assert incoming(pipeline, "both") == Count(50, 100)  # where k, 60, is a damping
    assert incoming(pipeline, "kept") == Count(50, 100)
    assert incoming(pipeline, "kept", held=70) == Count(50, 70)
    assert incoming(pipeline, "kept", passages=7) == Count(7, 14)
    assert incoming(pipeline, "said") == Count(5, 5)
