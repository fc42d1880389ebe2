"""The learned selector keeps what its model finds needed, and says with which probability."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from assay.corpora.corpus import Corpus
from assay.models.hash_embedder import HashEmbedder, HashEmbedderConfig
from assay.pipeline import Hit, Passage, Ranking, ScoreKind
from assay.pipeline.context import RunContext
from assay.pipeline.errors import DataError, UsageError
from assay.stages.select.learned import Learned, LearnedConfig
from assay.stages.select.selection_model import CARD, WEIGHTS, SelectionModel
from tests.conformance.samples import A, Sample, asked, ranked
from tests.stages.select.learned_models import drawn_model, vectors
from tests.words import LOCAL, hit, query, ranking

pytest.importorskip("safetensors", reason="needs safetensors: pip install 'assay[embedded]'")


def saved(model: SelectionModel) -> Path:
    folder = Path(tempfile.mkdtemp()) / "selector"
    model.save(folder)
    return folder


def sample(corpus: Corpus) -> Sample:
    folder = saved(drawn_model(("ranking", "other"), seed=4))
    inputs = tuple({**item, "signals": {"other": turned(item["ranking"])}} for item in asked())
    return Sample(
        inputs, config={"path": str(folder), "decode": "threshold"}, resources={"corpus": corpus}
    )


def turned(one: Ranking) -> Ranking:
    return Ranking(one.query, one.hits[::-1], one.source)


def node(folder: Path, **config: Any) -> Learned:
    embedder = HashEmbedder(HashEmbedderConfig(dimension=64))
    made = Learned(LearnedConfig(path=str(folder), **config), embedder=embedder)
    assert list(made.prepare(Path())) == []
    made.start()
    return made


def found(*names: str) -> Ranking:
    return ranking(*(hit(name, f"The text of {name}.", 9.0 - n) for n, name in enumerate(names)))


def test_the_kept_carry_calibrated_probabilities_most_probable_first() -> None:
    own = node(saved(drawn_model()), decode="threshold", threshold=0.0)
    result = own.run(query(), found("a", "b", "c"), RunContext())
    values = [one.score.value for one in result.kept]
    assert len(values) == 3
    assert values == sorted(values, reverse=True)
    assert {one.score.kind for one in result.kept} == {ScoreKind.PROBABILITY}
    assert {one.score.source for one in result.kept} == {"select.learned@1"}


def test_the_reasons_tell_the_figures_that_decided() -> None:
    folder = saved(drawn_model(depth=3))
    items = found("a", "b", "c", "d")
    result = node(folder, decode="threshold", max_k=1, threshold=0.0).run(
        query(), items, RunContext()
    )
    assert "at most 1" in next(iter(result.reasons.values()))
    assert result.dropped[-1].reason == "place 4, behind the best 3 that are judged"
    best = node(folder, min_k=2).run(query(), items, RunContext())
    assert all("with the best expected F1, 0." in one for one in best.reasons.values())
    chosen = node(folder, decode="greedy", threshold=0.01).run(query(), items, RunContext())
    assert all("adds 0." in one and "at least 0.01" in one for one in chosen.reasons.values())


def test_every_passage_may_be_dropped() -> None:
    own = node(saved(drawn_model()), decode="threshold", threshold=1.0)
    result = own.run(query(), found("a", "b"), RunContext())
    assert result.kept == ()
    assert all("below 1" in one.reason for one in result.dropped)


def test_a_smaller_depth_judges_fewer() -> None:
    own = node(saved(drawn_model()), depth=1, decode="threshold", threshold=0.0)
    assert own.run(query(), found("a", "b"), RunContext()).ids == ("a",)


def test_the_rankings_of_training_must_be_there() -> None:
    folder = saved(drawn_model(("ranking", "dense", "sparse")))
    own = node(folder)
    [problem] = own.check_ports({"signals": ("dense", "spares")})
    assert "lacks sparse" in problem and "trained with the rankings ranking, dense" in problem
    assert own.check_ports({"signals": ("dense", "sparse", "more")}) == []
    assert "must not name one 'ranking'" in own.check_ports({"signals": ("ranking",)})[0]
    with pytest.raises(UsageError, match="trained with the ranking 'dense'"):
        own.run(query(), found("a"), RunContext())


def test_vectors_of_another_length_are_refused() -> None:
    own = node(saved(drawn_model(dimension=32)))
    with pytest.raises(UsageError, match="trained with vectors of 32 numbers"):
        own.run(query(), found("a"), RunContext())


def test_what_is_not_trained_yet_says_how_to_train_it() -> None:
    embedder = HashEmbedder(HashEmbedderConfig(dimension=64))
    own = Learned(LearnedConfig(path="nowhere"), embedder=embedder)
    assert own.check_ports({"signals": ()}) == []
    with pytest.raises(UsageError, match="assay train select"):
        own.start()
    with pytest.raises(UsageError, match="not started"):
        own.run(query(), found("a"), RunContext())


def test_a_model_of_a_ranking_with_another_name_is_refused() -> None:
    with pytest.raises(UsageError, match="ranking called 'judge'"):
        node(saved(drawn_model(("judge", "ranking"))))


def test_one_source_of_vectors_is_asked_for() -> None:
    assert list(Learned(LearnedConfig(path="x")).prepare(Path()))


@pytest.mark.parametrize(
    "odd", [{"decode": "best"}, {"threshold": 2.0}, {"path": ""}, {"min_k": 9, "max_k": 2}]
)
def test_odd_settings_are_refused(odd: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        LearnedConfig.model_validate({"path": "x", **odd})


def test_a_model_comes_back_as_it_was_saved() -> None:
    model = drawn_model(("ranking", "dense"))
    again = SelectionModel.load(saved(model))
    rankings = {"ranking": found("a", "b", "c"), "dense": found("c", "x", "a")}
    assert again.probabilities(rankings, vectors) == model.probabilities(rankings, vectors)
    assert again.digest() == model.digest()
    assert again.facts == {"a": 1}


def test_the_fingerprint_covers_weights_and_calibration() -> None:
    assert drawn_model(seed=1).digest() != drawn_model(seed=2).digest()
    assert node(saved(drawn_model())).parts() == {"model": drawn_model().digest()}


def test_a_changed_or_damaged_model_is_refused() -> None:
    folder = saved(drawn_model())
    card = (folder / CARD).read_text()
    (folder / CARD).write_text(card.replace('"shift": 0.2', '"shift": 3.0'))
    with pytest.raises(DataError, match="changed after it was trained"):
        SelectionModel.load(folder)
    (folder / CARD).write_text("{}")
    with pytest.raises(DataError, match="no trained selector"):
        SelectionModel.load(folder)
    (folder / CARD).write_text(card)
    (folder / WEIGHTS).write_bytes(b"nothing of the kind")
    with pytest.raises(DataError, match="damaged"):
        SelectionModel.load(folder)
    (folder / WEIGHTS).unlink()
    with pytest.raises(DataError, match="lacks weights"):
        SelectionModel.load(folder)


def test_odd_texts_and_scores_give_finite_probabilities() -> None:
    odd = [
        Hit(Passage(name, name, text, LOCAL, title=text[:5], position=n * 10**6), hit("x", score=s).score)
        for n, (name, text, s) in enumerate(
            [("a", "\u200b\ud83d\ude00 NaN", 1e300), ("b", "x" * 50_000, 1e300), ("c", " ", -1e300)]
        )
    ]  # fmt: skip
    asked_for = query("¿ \u0000 " + "why " * 500)
    model = drawn_model()
    values = model.probabilities({"ranking": ranking(*odd, asked=asked_for)}, vectors)
    assert all(0 <= one <= 1 for one in values.values())
    assert model.probabilities({"ranking": ranking()}, vectors) == {}
    assert ranked(A).hits  # the sample's own are not empty
