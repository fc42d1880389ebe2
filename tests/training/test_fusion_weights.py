from __future__ import annotations

import math

import numpy as np
import pytest

from assay.corpora.analyzer import Analyzer
from assay.pipeline.context import RunContext
from assay.pipeline.errors import UsageError
from assay.pipeline.words import Hit, Passage, Query, Ranking, Scope, Score, ScoreKind
from assay.stages.fuse.adaptive import Adaptive, AdaptiveConfig
from assay.stages.fuse.weight_model import WeightModel
from assay.training.fusion_weights import fit, out_of_order
from assay.training.labelled_rankings import LabelledRankings

LOCAL = Scope("local")
ANALYZER = Analyzer()


def ranked(scores: dict[str, float]) -> Ranking:
    hits = (
        Hit(Passage(name, name, "plain words", LOCAL), Score(own, ScoreKind.COSINE, "t"))
        for name, own in scores.items()
    )
    return Ranking(Query("fox", LOCAL), tuple(hits), "t")


def example(right: str, group: str = "") -> LabelledRankings:
    """One ranking whose first hit stands out and is right, one that is flat and wrong."""
    others = {f"o{n}": 0.5 - n / 100 for n in range(10)}
    steep = ranked({"good": 1.0, **others})
    flat = ranked({"bad": 0.55, **{name: own + 0.04 for name, own in others.items()}, "end": 0.0})
    names = ("a", "b") if right == "a" else ("b", "a")
    return LabelledRankings(dict(zip(names, (steep, flat), strict=True)), {"good": 1}, group)


def test_the_signal_that_tells_who_is_right_gets_a_coefficient() -> None:
    examples = [example("a"), example("b")]
    model = fit(examples, analyzer=ANALYZER, prior={"a": 1.0, "b": 1.0}, facts={"sets": ["x"]})
    assert model.coefficients["drop"] > 0
    assert model.facts["examples"] == 2
    assert model.facts["ndcg@10"] == 1.0
    assert model.facts["sets"] == ["x"]


def test_where_nothing_can_be_bettered_the_formula_stays() -> None:
    one = LabelledRankings({"a": ranked({"good": 1.0, "x": 0.5})}, {"good": 1})
    model = fit([one], analyzer=ANALYZER)
    changed = {name: own for name, own in model.coefficients.items() if own}
    assert changed == WeightModel().coefficients


def test_the_same_examples_give_the_same_model_in_any_order_of_names() -> None:
    one = example("a")
    turned = LabelledRankings(dict(reversed(list(one.rankings.items()))), one.grades)
    assert fit([one], analyzer=ANALYZER) == fit([turned], analyzer=ANALYZER)


def test_groups_count_alike_whatever_their_size() -> None:
    lost = LabelledRankings({"a": ranked({"x": 1.0})}, {"good": 1}, "lost")
    one = example("a", "won")
    even = fit([lost, one], analyzer=ANALYZER).facts["ndcg@10"]
    assert fit([lost] * 5 + [one], analyzer=ANALYZER).facts["ndcg@10"] == even


def test_without_examples_there_is_nothing_to_learn() -> None:
    with pytest.raises(UsageError, match="without labelled rankings"):
        fit([], analyzer=ANALYZER)
    with pytest.raises(UsageError, match="nothing to weigh"):
        fit([LabelledRankings({}, {"good": 1})], analyzer=ANALYZER)


def test_a_shuffled_ranking_keeps_passages_and_the_scores_at_their_places() -> None:
    ranking = ranked({f"p{n}": 1 - n / 100 for n in range(50)})
    shuffled = out_of_order(ranking, np.random.default_rng(1))
    assert shuffled.ids != ranking.ids
    assert sorted(shuffled.ids) == sorted(ranking.ids)
    assert [hit.score for hit in shuffled.hits] == [hit.score for hit in ranking.hits]
    assert out_of_order(ranking, np.random.default_rng(1)) == shuffled


def test_the_texts_count_as_they_do_in_the_node() -> None:
    texts = {
        "first": ("a kite that is red", ""),
        "second": ("flown by anna lee", ""),
        "third": ("a red kite is here", ""),
        "fourth": ("born in may", "Anna Lee"),
    }
    hits = tuple(
        Hit(Passage(name, name, text, LOCAL, title=title), Score(own, ScoreKind.COSINE, "t"))
        for (name, (text, title)), own in zip(texts.items(), (1.0, 0.9, 0.8, 0.7), strict=True)
    )
    rankings = {"a": Ranking(Query("who flew the red kite", LOCAL), hits, "t")}
    for right, phrases, titles, gain in (
        ("third", 0.0, 0.0, 1 / math.log2(4)),
        ("third", 10.0, 0.0, 1.0),
        ("fourth", 0.0, 0.0, 1 / math.log2(5)),
        ("fourth", 0.0, 5.0, 1.0),
    ):
        example = LabelledRankings(rankings, {right: 1})
        model = fit([example], analyzer=ANALYZER, phrases=phrases, titles=titles)
        assert model.facts["ndcg@10"] == pytest.approx(gain, abs=1e-6)
        config = AdaptiveConfig(phrases=phrases, titles=titles, stemmer="none", stop_words="none")
        place = Adaptive(config).run(rankings, RunContext()).ids.index(right)
        assert 1 / math.log2(place + 2) == pytest.approx(gain)
