from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from assay.corpora.dataset import load, to_query
from assay.corpora.local import LocalCorpus
from assay.models.hash_embedder import HashEmbedder, HashEmbedderConfig
from assay.models.onnx_embedder import OnnxEmbedder, OnnxEmbedderConfig
from assay.models.protocols import Embedder
from assay.pipeline.context import RunContext
from assay.pipeline.errors import UsageError
from assay.pipeline.words import Hit, Passage, Query, Ranking, Scope, Score, ScoreKind
from assay.stages.fuse.adaptive import Adaptive, AdaptiveConfig
from assay.stages.fuse.rrf import Rrf, RrfConfig
from assay.stages.fuse.weight_model import WeightModel
from assay.stages.fuse.weighted import Weighted, WeightedConfig
from assay.training.fusion_weights import out_of_order
from tests.conformance.node import check_node

SHARED = Path(__file__).parents[4] / "shared" / "data"


def ranked(texts: Mapping[str, str], *, text: str = "fox", tenant: str = "local") -> Ranking:
    scope = Scope(tenant)
    hits = (
        Hit(Passage(name, name, own, scope), Score(1 - place / 4, ScoreKind.COSINE, "t"))
        for place, (name, own) in enumerate(texts.items())
    )
    return Ranking(Query(text, scope), tuple(hits), "t")


TEXTS = {"x": "red fox runs home", "y": "blue cow sits down", "z": "old owl flies up"}
PLAIN = AdaptiveConfig(phrases=0, titles=0)
GOOD, BAD = ranked(TEXTS), ranked({name: TEXTS[name] for name in "zyx"})


def fused(config: AdaptiveConfig, **rankings: Ranking) -> tuple[Ranking, Mapping[str, object]]:
    node, context = Adaptive(config), RunContext()
    node.start()
    return node.run(rankings, context), context.notes


def test_weights_are_shares_of_reliability_by_hand() -> None:
    # Reliabilities 0.6537 and 0.2878 (test_evidence): shares 0.6943 and 0.3057.
    found, notes = fused(PLAIN, good=GOOD, bad=BAD)
    assert notes == pytest.approx({"weight.good": 0.6943, "weight.bad": 0.3057}, abs=1e-4)
    # Normalised scores are 1, 1/2, 0 by place.
    assert [hit.score.value for hit in found.hits] == pytest.approx([0.6943, 0.5, 0.3057], abs=1e-4)
    assert found.ids == ("x", "y", "z")
    assert {hit.score.kind for hit in found.hits} == {ScoreKind.FUSED}


def test_passages_rise_that_have_words_of_the_query_side_by_side() -> None:
    texts = {"x": "runs home a red old fox", "y": "blue cow sits down", "z": "red fox runs"}
    question = "Which red fox runs?"
    rankings = {"a": ranked(texts, text=question), "b": ranked(texts, text=question)}
    assert fused(PLAIN, **rankings)[0].ids == ("x", "y", "z")
    assert fused(AdaptiveConfig(phrases=2), **rankings)[0].ids == ("z", "x", "y")
    cut, _ = fused(AdaptiveConfig(phrases=2, depth=1), **rankings)
    assert cut.ids == ("z",)


def test_given_weights_multiply_the_reliabilities() -> None:
    _, notes = fused(AdaptiveConfig(weights={"good": 1.0, "bad": 3.0}), good=GOOD, bad=BAD)
    share = 0.6537 / (0.6537 + 3 * 0.2878)
    assert notes == pytest.approx({"weight.good": share, "weight.bad": 1 - share}, abs=1e-4)


def test_where_both_are_alike_it_is_the_weighted_fusion() -> None:
    weights = {"a": 2.0, "b": 1.0}
    found, _ = fused(AdaptiveConfig(weights=weights, phrases=0, titles=0), a=GOOD, b=GOOD)
    plain = Weighted(WeightedConfig(weights=weights)).run({"a": GOOD, "b": GOOD})
    assert found.ids == plain.ids
    assert [hit.score.value for hit in found.hits] == pytest.approx(
        [hit.score.value for hit in plain.hits]
    )


def test_one_ranking_keeps_its_order_and_empty_ones_change_none() -> None:
    found, notes = fused(AdaptiveConfig(), only=GOOD)
    assert (found.ids, notes) == (GOOD.ids, {"weight.only": 1.0})
    beside, _ = fused(AdaptiveConfig(), only=GOOD, none=ranked({}))
    assert beside.ids == GOOD.ids
    nothing, notes = fused(AdaptiveConfig(), a=ranked({}), b=ranked({}))
    assert (nothing.hits, notes) == ((), {"weight.a": 0.5, "weight.b": 0.5})


def test_rankings_of_noise_are_left_out_on_the_mean() -> None:
    generator = np.random.default_rng(0)
    texts = {f"p{n:03}": f"{'fox' if n < 40 else 'owl'} word{n}" for n in range(100)}
    sound, shares = ranked(texts), []
    for _ in range(20):
        noise = out_of_order(sound, generator)
        _, notes = fused(AdaptiveConfig(), a=sound, b=sound, c=noise)
        shares.append(float(str(notes["weight.c"])))
    assert float(np.median(shares)) < 0.001
    assert sum(shares) / len(shares) < 0.05


def test_languages_of_the_comparison_can_be_chosen() -> None:
    houses = {"x": "Häuser am See", "y": "ein rotes Boot", "z": "der dunkle Wald"}
    german = AdaptiveConfig(stemmer="german", stop_words="german")
    rankings = {
        "a": ranked(houses, text="das Haus"),
        "b": ranked({name: houses[name] for name in "zyx"}, text="das Haus"),
    }
    _, folded = fused(german, **rankings)
    _, plain = fused(AdaptiveConfig(stemmer="none", stop_words="none"), **rankings)
    assert float(str(folded["weight.a"])) > 0.6
    assert plain["weight.a"] == 0.5


def test_a_model_takes_the_place_of_the_formula_and_is_in_the_fingerprint(tmp_path: Path) -> None:
    path = tmp_path / "weights.json"
    path.write_text(WeightModel({"coverage": 1.0}).to_json(), encoding="utf-8")
    config = AdaptiveConfig.model_validate({"model": "weights.json"}, context={"base": tmp_path})
    _, notes = fused(config, good=GOOD, bad=BAD)
    assert notes == pytest.approx({"weight.good": 0.5, "weight.bad": 0.5})
    node = Adaptive(config)
    node.start()
    assert node.parts() == {"model": WeightModel({"coverage": 1.0}).digest()}
    assert node.parts() != Adaptive(AdaptiveConfig()).parts()


def test_a_missing_model_is_told_when_the_pipeline_is_built(tmp_path: Path) -> None:
    node = Adaptive(AdaptiveConfig(model=str(tmp_path / "none.json")))
    assert [str(tmp_path / "none.json") in one for one in node.prepare(tmp_path)] == [True]
    assert list(Adaptive(AdaptiveConfig()).prepare(tmp_path)) == []
    with pytest.raises(UsageError, match="leave 'model' out"):
        node.start()


def test_weights_must_name_the_inputs() -> None:
    node = Adaptive(AdaptiveConfig(weights={"god": 1.0, "bad": 1.0}))
    assert len(node.check_ports({"rankings": ["good", "bad"]})) == 2
    with pytest.raises(UsageError, match="no weight for the input 'good'"):
        node.run({"good": GOOD, "bad": BAD}, RunContext())
    with pytest.raises(UsageError, match="different readers"):
        Adaptive(AdaptiveConfig()).run(
            {"a": GOOD, "b": ranked(TEXTS, tenant="other")}, RunContext()
        )


def test_an_input_that_was_left_out_of_a_run_leaves_its_weight_behind() -> None:
    node = Adaptive(AdaptiveConfig(weights={"good": 1.0, "reranked": 0.5}))
    alone = Adaptive(AdaptiveConfig()).run({"good": GOOD}, RunContext())
    assert node.run({"good": GOOD}, RunContext()) == alone


def test_it_keeps_what_nodes_promise() -> None:
    def of(tenant: str, text: str) -> Mapping[str, Ranking]:
        names = {f"{tenant}{name}": own for name, own in TEXTS.items()}
        turned = dict(reversed(list(names.items())))
        return {
            "a": ranked(names, text=text, tenant=tenant),
            "b": ranked(turned, text=text, tenant=tenant),
            "c": ranked({}, text=text, tenant=tenant),
        }

    check_node(
        Adaptive,
        config={"weights": {"a": 1.0, "b": 0.5, "c": 1.0}, "look": 50, "depth": 3},
        resources={},
        inputs=[{"rankings": of("a", "fox")}, {"rankings": of("b", "owl")}],
    )


def ndcg(ids: Sequence[str], grades: Mapping[str, int]) -> float:
    def dcg(gains: Sequence[int]) -> float:
        return sum(gain / math.log2(place + 2) for place, gain in enumerate(gains[:10]))

    return dcg([grades.get(one, 0) for one in ids]) / dcg(sorted(grades.values(), reverse=True))


Found = list[tuple[dict[str, Ranking], Mapping[str, int]]]


def retrieved(
    folder: Path, index: Path, embedder: Embedder, *, contracts: int | None, limit: int
) -> Found:
    """Rankings by two searches for labelled questions, with grades; of so many contracts only."""
    data = load(folder)
    labelled = [one for one in data.queries if data.qrels.get(one.id)]
    documents = data.documents
    if contracts is not None:
        scopes = list(dict.fromkeys(to_query(one).filters["contract"] for one in labelled))
        scopes = scopes[:contracts]
        labelled = [one for one in labelled if to_query(one).filters["contract"] in scopes]
        documents = tuple(one for one in documents if one.metadata["contract"] in scopes)
    asked = [to_query(one) for one in labelled[:limit]]
    corpus = LocalCorpus(
        LocalCorpus.Config(path=str(index), stop_words="english", stemmer="english"),
        embedder=embedder,
    )
    corpus.index(documents, skipped={}, progress=lambda stage, done, total: None)
    corpus.start()
    dense = corpus.search_dense(asked, 100, [RunContext() for _ in asked])
    found = [
        (
            {
                "bm25": Ranking(one, tuple(corpus.search_bm25(one, 100)), "t"),
                "dense": Ranking(one, tuple(near), "t"),
            },
            data.qrels[one.id],
        )
        for one, near in zip(asked, dense, strict=True)
    ]
    corpus.close()
    return found


def spoilt(found: Found, part: str, kind: str) -> Found:
    """One of the rankings shuffled, or that of another question about the same passages."""
    generator = np.random.default_rng(0)
    made: Found = []
    for place, (own, grades) in enumerate(found):
        strange = out_of_order(own[part], generator)
        if kind == "exchanged":
            query = own[part].query
            others = [
                one
                for other, (one, _) in enumerate(found)
                if other != place and one[part].query.filters == query.filters
            ]
            hits = others[int(generator.integers(len(others)))][part].hits
            strange = Ranking(query, hits, "t")
        made.append(({**own, part: strange}, grades))
    return made


def mean(found: Found, make: Callable[[Mapping[str, Ranking]], Ranking]) -> float:
    return sum(ndcg(make(own).ids, grades) for own, grades in found) / len(found)


def costs(found: Found, bad: str, kind: str) -> tuple[float, float]:
    """Of the sound partner's nDCG@10 what adaptive and rank fusion lose to a bad one, as shares."""
    alone = mean(found, lambda own: own["dense" if bad == "bm25" else "bm25"])
    lost = spoilt(found, bad, kind)
    adaptive = Adaptive(AdaptiveConfig(weights={"bm25": 0.45, "dense": 0.55}))
    careful = mean(lost, lambda own: adaptive.run(own, RunContext()))
    return 1 - careful / alone, 1 - mean(lost, Rrf(RrfConfig()).run) / alone


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.exists(), reason="needs data sets beside the project")
def test_a_bad_partner_costs_less_than_a_tenth_on_a_labelled_set(tmp_path: Path) -> None:
    embedder = HashEmbedder(HashEmbedderConfig(dimension=2048))
    found = retrieved(SHARED / "hotpotqa100", tmp_path, embedder, contracts=None, limit=40)
    for bad in ("bm25", "dense"):
        for kind in ("shuffled", "exchanged"):
            careful, plain = costs(found, bad, kind)
            assert careful < 0.1
            assert plain > 0.25
    adaptive = Adaptive(AdaptiveConfig())
    weighted = mean(found, Weighted(WeightedConfig()).run)
    assert mean(found, lambda own: adaptive.run(own, RunContext())) > weighted - 0.01


@pytest.mark.shared
@pytest.mark.models
@pytest.mark.skipif(not SHARED.exists(), reason="needs data sets beside the project")
def test_a_ranking_for_another_question_about_the_same_contract_costs_less_than_a_tenth(
    tmp_path: Path,
) -> None:
    embedder = OnnxEmbedder(OnnxEmbedderConfig(model="bge-small-en-v1.5-int8"))
    embedder.start()
    with closing(embedder):
        found = retrieved(SHARED / "contractnli_dev", tmp_path, embedder, contracts=16, limit=200)
    for bad in ("bm25", "dense"):
        careful, plain = costs(found, bad, "exchanged")
        assert careful < 0.1
        assert plain > 0.15
