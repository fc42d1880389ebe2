from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from assay.pipeline import build_text
from assay.pipeline.component import Node
from assay.pipeline.context import RunContext
from assay.pipeline.errors import BuildError
from assay.pipeline.words import Query, QueryVariants, Ranking
from assay.stages.fuse.adaptive import Adaptive, AdaptiveConfig
from assay.stages.fuse.interleave import Interleave, InterleaveConfig
from assay.stages.fuse.rrf import Rrf, RrfConfig
from assay.stages.fuse.weight_model import WeightModel
from assay.stages.fuse.weighted import Weighted, WeightedConfig
from assay.stages.retrieve.bm25 import Bm25, Bm25Config
from assay.stages.retrieve.dense import Dense, DenseConfig
from assay.stages.retrieve.hybrid import Hybrid, HybridConfig
from assay.stages.retrieve.sparse import Sparse, SparseConfig
from tests.stages.retrieve.zoo import KEEPER, Counting, ask, zoo

FILE = """
assay: 1
name: zoo
resources:
  corpus: {use: given}
  judge: {use: models.overlap_cross_encoder@1}
nodes:
  words: {use: retrieve.bm25@1, config: {k: 3}, resources: {corpus: corpus}, inputs: {query: query}}
  meaning: {use: retrieve.dense@1, config: {k: 3}, resources: {corpus: corpus}, inputs: {query: query}}
  found: {use: fuse.rrf@1, config: {depth: 4}, inputs: {rankings: {bm25: words, dense: meaning}}}
  kept: {use: select.top_k@1, config: {k: 4}, inputs: {query: query, ranking: found}}
  said:
    use: generate.extractive@1
    resources: {model: judge}
    inputs: {query: query, selection: kept}
output: said
"""
HYBRID = "\n".join(
    "  found: {use: retrieve.hybrid@1, config: {k: 4, depth: 3, fusion: rrf}, resources: {corpus: corpus},"
    " inputs: {query: query}}"
    if line.startswith("  found")
    else line
    for line in FILE.splitlines()
    if not line.startswith(("  words", "  meaning"))
)

QUESTIONS: tuple[Query | QueryVariants, ...] = (
    ask("which bird sleeps at night"),
    ask("who hunts mice", KEEPER, filters={"legs": 4}),
    QueryVariants((ask("owl"), ask("keeper feeds at dusk"))),
    ask("zebra"),
    ask(""),
)

FUSIONS: dict[str, tuple[dict[str, Any], Any]] = {
    "rrf": ({"fusion": "rrf"}, Rrf(RrfConfig(depth=4))),
    "rrf, damped": ({"fusion": "rrf", "damping": 3}, Rrf(RrfConfig(depth=4, k=3))),
    "weighted": ({"fusion": "weighted"}, Weighted(WeightedConfig(depth=4))),
    "weighted, by z": (
        {"fusion": "weighted", "normalise": "z_score"},
        Weighted(WeightedConfig(depth=4, normalise="z_score")),
    ),
    "adaptive": ({}, Adaptive(AdaptiveConfig(depth=4))),
    "adaptive, by rank": (
        {"fusion": "adaptive", "normalise": "rank"},
        Adaptive(AdaptiveConfig(depth=4, normalise="rank")),
    ),
    "interleave": (
        {"fusion": "interleave"},
        Interleave(InterleaveConfig(depth=4, first="dense")),
    ),
}
WEIGHTS = {"bm25": 0.5, "dense": 2.0, "sparse": 1.0}


def by_hand(names: list[str], fusion: Any, query: Query | QueryVariants, where: str) -> Ranking:
    corpus = zoo()
    parts: dict[str, Any] = {
        "bm25": lambda: Bm25(Bm25Config(k=3, where=where), corpus=corpus).run(query),
        "dense": lambda: Dense(DenseConfig(k=3, where=where), corpus=corpus).run(
            query, RunContext()
        ),
        "sparse": lambda: Sparse(SparseConfig(k=3, where=where), corpus=corpus).run(
            query, RunContext()
        ),
    }
    rankings = {name: parts[name]() for name in names}
    context = {"context": RunContext()} if isinstance(fusion, Adaptive) else {}
    found: Ranking = fusion.run(rankings, **context)
    return found


def shown(ranking: Ranking) -> list[tuple[str, float, str]]:
    return [(hit.passage.id, hit.score.value, hit.score.kind.value) for hit in ranking.hits]


@pytest.mark.parametrize(
    "names", [["dense", "bm25"], ["dense", "sparse"], ["dense", "sparse", "bm25"]]
)
@pytest.mark.parametrize("fusion", FUSIONS)
def test_it_gives_what_its_nodes_wired_by_hand_give(names: list[str], fusion: str) -> None:
    config, node = FUSIONS[fusion]
    for query, where in itertools.product(QUESTIONS, ("", "legs > 1")):
        hybrid = Hybrid(
            HybridConfig.model_validate(
                {"k": 4, "depth": 3, "parts": names, "where": where, **config}
            ),
            corpus=zoo(),
        )
        ranking = hybrid.run(query, RunContext())
        expected = by_hand(names, node, query, where)
        assert shown(ranking) == shown(expected)
        assert ranking.query == expected.query
        assert {hit.score.source for hit in ranking.hits} <= {"retrieve.hybrid@1"}
        assert {hit.score.kind.value for hit in ranking.hits} <= set(hybrid.gives)


@pytest.mark.parametrize("fusion", ["rrf", "weighted", "adaptive"])
def test_weights_go_to_the_fusion(fusion: str) -> None:
    names = ["bm25", "dense"]
    weights = {name: WEIGHTS[name] for name in names}
    node: Any = {
        "rrf": Rrf(RrfConfig(depth=4, weights=weights)),
        "weighted": Weighted(WeightedConfig(depth=4, weights=weights)),
        "adaptive": Adaptive(AdaptiveConfig(depth=4, weights=weights)),
    }[fusion]
    config = {"k": 4, "depth": 3, "fusion": fusion, "weights": weights}
    hybrid = Hybrid(HybridConfig.model_validate(config), corpus=zoo())
    query = ask("which bird sleeps at night")
    found = shown(hybrid.run(query, RunContext()))
    assert found == shown(by_hand(names, node, query, ""))
    plain = Hybrid(HybridConfig.model_validate({**config, "weights": None}), corpus=zoo())
    assert found != shown(plain.run(query, RunContext()))


def test_a_file_with_it_gives_the_record_of_the_file_wired_by_hand() -> None:
    records = []
    for text in (FILE, HYBRID):
        with build_text(text, name="x", base=Path(), resources={"corpus": zoo()}) as pipeline:
            records.append(pipeline.run(ask("which bird sleeps at night")))
    wired, one = records
    assert one.outcome == wired.outcome
    assert one.stages["kept"] == wired.stages["kept"]
    assert one.cost["found"].calls == wired.cost["meaning"].calls == 1


def test_adaptive_weights_stand_in_the_record_and_its_model_is_seen_from_the_file(
    tmp_path: Path,
) -> None:
    model = WeightModel({"drop": 9.0}).to_json()
    (tmp_path / "fusion.json").write_text(model, encoding="utf-8")
    wired = FILE.replace("fuse.rrf@1, config: {", "fuse.adaptive@1, config: {model: fusion.json, ")
    one = HYBRID.replace("fusion: rrf", "fusion: adaptive, model: fusion.json")
    plain = one.replace(", model: fusion.json", "")
    stages, inner = [], []
    for text in (wired, one, plain):
        with build_text(text, name="x", base=tmp_path, resources={"corpus": zoo()}) as pipeline:
            stages.append(pipeline.run(ask("which bird sleeps at night")).stages["found"])
            inner.append(dict(pipeline.steps["found"].node.parts()))
    assert set(stages[0]["notes"]) == {"weight.bm25", "weight.dense"}
    assert stages[1]["notes"] == stages[0]["notes"] != stages[2]["notes"]
    assert inner[1]["fusion"]["inner"] == inner[0] != inner[2]["fusion"]["inner"]


def test_a_model_that_is_not_there_is_a_build_error() -> None:
    text = HYBRID.replace("fusion: rrf", "fusion: adaptive, model: none.json")
    with pytest.raises(BuildError, match=r"retrieve\.hybrid@1: 'model': there is no file"):
        build_text(text, name="x", base=Path(), resources={"corpus": zoo()})


def test_a_batch_is_embedded_at_once_and_equals_runs() -> None:
    corpus = zoo(embedder=(embedder := Counting()))
    hybrid = Hybrid(HybridConfig(k=4), corpus=corpus)
    contexts = [RunContext() for _ in QUESTIONS]
    together = hybrid.run_batch([{"query": one} for one in QUESTIONS], contexts)
    assert embedder.batches == [6]
    assert [one.cost.calls for one in contexts] == [1, 1, 2, 1, 1]
    assert together == [hybrid.run(one, RunContext()) for one in QUESTIONS]


def test_words_alone_ask_no_embedder() -> None:
    corpus = zoo(embedder=(embedder := Counting()))
    hybrid = Hybrid(HybridConfig(parts=["bm25"]), corpus=corpus)
    assert hybrid.run(ask("owl"), RunContext()).ids
    assert embedder.batches == []


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"parts": ["dense", "bm25", "dense"]}, "'parts' has 'dense' more than once"),
        ({"parts": []}, "at least 1"),
        ({"fusion": "rrf", "normalise": "rank"}, "fusion 'rrf' has no 'normalise'.*weighted"),
        ({"fusion": "interleave", "weights": {"bm25": 1.0}}, "'interleave' has no 'weights'"),
        ({"fusion": "weighted", "damping": 5}, "'weighted' has no 'damping'.*choose rrf"),
        ({"fusion": "weighted", "model": "x.json"}, "'weighted' has no 'model'.*choose adaptive"),
        ({"fusion": "borda"}, "rrf"),
    ],
)
def test_settings_that_do_not_fit_one_another_are_refused(
    config: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        HybridConfig.model_validate(config)


def test_the_build_names_a_wrong_weight_and_a_wrong_filter() -> None:
    text = HYBRID.replace(
        "{k: 4, depth: 3, fusion: rrf}",
        "{parts: [bm25, dense], weights: {sparse: 1.0}, where: 'legs ='}",
    )
    with pytest.raises(BuildError) as caught:
        build_text(text, name="x", base=Path(), resources={"corpus": zoo()})
    said = str(caught.value)
    assert "weight for 'sparse', which is no input" in said
    assert "no weight for the input 'bm25'" in said
    assert "'where': " in said


def test_a_threshold_on_its_scores_must_be_of_the_kind_of_its_fusion() -> None:
    gate = (
        "  sure: {use: abstain.evidence@1, config: {kind: fused, threshold: 0.1},"
        " inputs: {selection: kept}}\noutput: sure"
    )
    text = "\n".join(
        line for line in HYBRID.splitlines() if not line.startswith(("  said", "    ", "output"))
    )
    said = (
        "  said: {use: generate.extractive@1, resources: {model: judge},"
        " inputs: {query: query, selection: sure}}"
    )
    text = f"{text}\n{gate.splitlines()[0]}\n{said}\noutput: said\n"
    with pytest.raises(BuildError, match=r"kind 'fused'; those of 'kept' are rrf"):
        build_text(text, name="x", base=Path(), resources={"corpus": zoo()})
    fused = text.replace("fusion: rrf", "fusion: weighted")
    assert build_text(fused, name="x", base=Path(), resources={"corpus": zoo()}).output == "said"


def test_its_fingerprint_has_the_code_of_its_fusion() -> None:
    def parts(fusion: str) -> Any:
        node: Node = Hybrid(HybridConfig.model_validate({"fusion": fusion}), corpus=zoo())
        return node.parts()["fusion"]

    assert parts("rrf")["use"] == "fuse.rrf@1"
    assert parts("rrf")["code"] != parts("weighted")["code"]


def test_another_config_makes_other_parts() -> None:
    node = Hybrid(HybridConfig(k=4), corpus=zoo())
    twin = node.with_config(HybridConfig(k=2, where="legs = 4"))
    assert set(twin.run(ask("sleeps at night"), RunContext()).ids) == {"cat#0", "cat#1"}
