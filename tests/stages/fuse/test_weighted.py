from __future__ import annotations

import pytest
from pydantic import ValidationError

from assay.pipeline.errors import UsageError
from assay.pipeline.words import Hit, Query, Ranking, Scope, Score, ScoreKind
from assay.stages.fuse.weighted import Weighted, WeightedConfig
from tests.conformance.node import check_node
from tests.words import passage

ASKED = Query("q", Scope("local"))


def ranking(scores: dict[str, float], kind: ScoreKind = ScoreKind.BM25) -> Ranking:
    hits = (Hit(passage(name, name), Score(one, kind, "t")) for name, one in scores.items())
    return Ranking(ASKED, tuple(hits), "t")


RANKINGS = {
    "bm25": ranking({"x": 10.0, "y": 5.0, "z": 0.0}),
    "dense": ranking({"z": 1.0, "y": 0.25, "u": 0.0}, ScoreKind.COSINE),
}


def test_by_default_min_max_and_all_alike() -> None:
    fused = Weighted(WeightedConfig()).run(RANKINGS)
    found = [(hit.passage.id, hit.score.value) for hit in fused.hits]
    assert found == [("x", 0.5), ("z", 0.5), ("y", 0.375), ("u", 0.0)]
    assert fused.hits[0].score.kind is ScoreKind.FUSED
    assert fused.hits[0].score.source == fused.source == "fuse.weighted@1"


def test_weights_and_normalisation_come_from_the_config() -> None:
    config = WeightedConfig(weights={"bm25": 1.0, "dense": 3.0}, normalise="rank", depth=2)
    fused = Weighted(config).run(RANKINGS)
    assert [(hit.passage.id, round(hit.score.value, 6)) for hit in fused.hits] == [
        ("z", round((1 / 3 + 3) / 4, 6)),
        ("y", round(2 / 3, 6)),
    ]


def test_weights_must_name_the_inputs() -> None:
    node = Weighted(WeightedConfig(weights={"dens": 1.0, "bm25": 1.0}))
    assert node.check_ports({"rankings": ["bm25", "dense"]}) == [
        "weight for 'dens', which is no input; did you mean 'dense'?",
        "no weight for the input 'dense'; weigh every input or none",
    ]
    with pytest.raises(UsageError, match="no weight for the input 'dense'"):
        node.run(RANKINGS)
    with pytest.raises(UsageError, match="at least one ranking"):
        Weighted(WeightedConfig()).run({})


def test_a_scheme_that_does_not_fit_names_the_input() -> None:
    node = Weighted(WeightedConfig(normalise="theoretical"))
    with pytest.raises(UsageError, match="ranking 'model'"):
        node.run({"bm25": RANKINGS["bm25"], "model": ranking({"x": 1.0}, ScoreKind.LOGIT)})


@pytest.mark.parametrize(
    "given", [{"weights": {"a": 0.0}}, {"depth": 0}, {"normalise": "max"}, {"k": 60}]
)
def test_impossible_settings_are_refused(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        WeightedConfig.model_validate(given)


def test_it_keeps_what_nodes_promise() -> None:
    def of(tenant: str, *names: str) -> Ranking:
        asked = Query("q", Scope(tenant))
        return Ranking(
            asked,
            tuple(
                Hit(
                    type(passage("p", "p"))(f"{tenant}{name}", name, name, asked.scope),
                    Score(9.0 - place, ScoreKind.BM25, "t"),
                )
                for place, name in enumerate(names)
            ),
            "t",
        )

    check_node(
        Weighted,
        config={"weights": {"a": 1.0, "b": 0.5}, "normalise": "theoretical", "depth": 3},
        resources={},
        inputs=[
            {"rankings": {"a": of("a", "x", "y"), "b": of("a", "z", "y")}},
            {"rankings": {"a": of("b", "x"), "b": of("b")}},
        ],
    )
