from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from assay.pipeline.context import RunContext
from assay.pipeline.errors import ModelError, UsageError
from assay.pipeline.words import ScoreKind
from assay.stages.rerank.cross_encoder import CrossEncoderConfig, CrossEncoderRerank
from assay.stages.rerank.rerankers import RerankersRerank
from tests.conformance.samples import A, ranked
from tests.stages.rerank.oracles import QUESTION, ranking_of


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of two layers with one label, made here."""
    pytest.importorskip("rerankers", reason="needs the library rerankers")
    pytest.importorskip("transformers", reason="needs the extra torch")
    from tests.models.test_torch_cross_encoder import save

    folder = tmp_path_factory.mktemp("models") / "judge"
    save(folder, labels=1)
    return folder


@pytest.fixture(scope="module")
def ranker(model: Path) -> Any:
    library: Any = importlib.import_module("rerankers")
    return library.Reranker(str(model), model_type="cross-encoder", verbose=0, device="cpu")


def test_scores_are_those_of_the_same_model_here(model: Path, ranker: Any) -> None:
    from assay.models.torch_cross_encoder import TorchCrossEncoder, TorchCrossEncoderConfig

    judge = TorchCrossEncoder(
        TorchCrossEncoderConfig(model=str(model), max_tokens=128, device="cpu")
    )
    judge.start()
    own = CrossEncoderRerank(CrossEncoderConfig(depth=2), model=judge)
    expected = own.run(A, ranked(A), RunContext())
    judge.close()
    found = RerankersRerank(ranker, depth=2).run(A, ranked(A), RunContext())
    assert found.ids == expected.ids
    for hit, other in zip(found.hits, expected.hits, strict=True):
        assert hit.score.value == pytest.approx(other.score.value, abs=1e-3)
        assert hit.score.kind == other.score.kind


def test_the_tail_follows_and_the_ledger_counts_a_call_a_passage(ranker: Any) -> None:
    context = RunContext()
    ranking = ranking_of([0.25] * 4)
    found = RerankersRerank(ranker, depth=2).run(QUESTION, ranking, context)
    assert found.hits[2:] == ranking.hits[2:]
    assert {hit.score.kind for hit in found.hits[:2]} == {ScoreKind.LOGIT}
    assert (context.cost.calls, context.cost.rounds) == (2, 1)


def test_one_passage_and_none_are_ranked_too(ranker: Any) -> None:
    node = RerankersRerank(ranker)
    assert node.run(QUESTION, ranking_of([0.5]), RunContext()).ids == ("0",)
    assert node.run(QUESTION, ranking_of([]), RunContext()).hits == ()


class Broken:
    def rank(self, **_: object) -> object:
        raise RuntimeError("out of memory")


def test_a_ranker_that_fails_is_one_error_with_its_words() -> None:
    with pytest.raises(ModelError, match="Broken failed: RuntimeError: out of memory"):
        RerankersRerank(Broken()).run(QUESTION, ranking_of([0.5]), RunContext())


def test_what_is_no_ranker_is_refused() -> None:
    with pytest.raises(UsageError, match="expected a ranker of the library rerankers"):
        RerankersRerank(object())
