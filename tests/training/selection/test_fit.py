"""Training finds what is needed, says how sure, and goes on after a stop as if there were none."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from assay.pipeline.errors import DataError, UsageError
from assay.training.labelled_rankings import LabelledRankings
from assay.training.selection import Recipe, SelectionModel, fit
from assay.training.selection.batches import PARTS, parts_of
from tests.training.selection.toy_questions import questions, vectors

pytest.importorskip("torch", reason="needs torch: pip install 'assay[torch]'")
pytest.importorskip("safetensors", reason="needs safetensors: pip install 'assay[embedded]'")

SMALL = Recipe(width=8, heads=2, layers=1, products=2, members=1, batch=16, rate=0.01, decay=0.01)


@pytest.fixture(scope="module")
def model() -> SelectionModel:
    recipe = replace(SMALL, members=2, dropout=0.1)
    return fit(questions(240), base="ranking", vectors=vectors, epochs=12, recipe=recipe)


def test_it_finds_what_another_ranking_tells(model: SelectionModel) -> None:
    needed: list[float] = []
    others: list[float] = []
    for one in questions(40, seed=9):
        for name, value in model.probabilities(one.rankings, vectors).items():
            (needed if name in one.needed else others).append(value)
    assert np.mean(needed) > 0.8
    assert np.mean(others) < 0.2


def test_probabilities_fit_on_questions_that_it_never_saw(model: SelectionModel) -> None:
    rows = [
        (value, name in one.needed)
        for one in questions(200, seed=5)
        for name, value in model.probabilities(one.rankings, vectors).items()
    ]
    for low, high in ((0.0, 0.3), (0.7, 1.0)):
        inside = [(value, right) for value, right in rows if low <= value <= high]
        gap = np.mean([value for value, _ in inside]) - np.mean([right for _, right in inside])
        assert abs(gap) < 0.08


def test_the_card_tells_what_it_was_trained_on(model: SelectionModel) -> None:
    facts = model.facts
    assert facts["trained_on"]["questions"] == {"toy": 240}
    assert set(facts["calibration_figures"]) == {"before", "after", "passages"}
    assert [one["calibrated_on"] for one in facts["members"]] == [0, 2]
    assert sum(facts["parts"].values()) == 240
    assert model.rankings == ("ranking", "second")
    assert model.depth == 6  # no more than it ever saw
    json.dumps(dict(facts), allow_nan=False)


def test_a_stopped_training_ends_with_the_same_weights(tmp_path: Path) -> None:
    examples = questions(60)

    class Stop(Exception):
        pass

    def stop(stage: str, done: int, total: int) -> None:
        if stage.startswith("training") and done == 3:
            raise Stop

    options = {"base": "ranking", "vectors": vectors, "epochs": 6, "recipe": SMALL}
    whole = fit(examples, **options)  # type: ignore[arg-type]
    with pytest.raises(Stop):
        fit(examples, checkpoint=tmp_path, progress=stop, **options)  # type: ignore[arg-type]
    begun: list[int] = []

    def watch(stage: str, done: int, total: int) -> None:
        if stage.startswith("training"):
            begun.append(done)

    resumed = fit(examples, checkpoint=tmp_path, progress=watch, **options)  # type: ignore[arg-type]
    assert begun[0] == 4
    assert resumed.digest() == whole.digest()
    with pytest.raises(UsageError, match="of other data"):
        fit(examples, checkpoint=tmp_path, seed=1, **options)  # type: ignore[arg-type]
    (tmp_path / "member-0.safetensors").write_bytes(b"broken")
    with pytest.raises(DataError, match="no checkpoint"):
        fit(examples, checkpoint=tmp_path, **options)  # type: ignore[arg-type]


def test_the_seed_decides_all_and_the_order_of_examples_is_no_part_of_the_data() -> None:
    examples = questions(60)
    options = {"base": "ranking", "vectors": vectors, "epochs": 1, "recipe": SMALL}
    one, same, other, turned = (
        fit(own, seed=seed, **options)  # type: ignore[arg-type]
        for own, seed in ((examples, 3), (examples, 3), (examples, 4), (examples[::-1], 3))
    )
    assert one.digest() == same.digest() != other.digest()
    assert one.facts["trained_on"] == turned.facts["trained_on"]


def test_a_saved_model_judges_as_the_trained_one(model: SelectionModel, tmp_path: Path) -> None:
    model.save(tmp_path / "m")
    again = SelectionModel.load(tmp_path / "m")
    [one] = questions(1, seed=7)
    assert again.probabilities(one.rankings, vectors) == model.probabilities(one.rankings, vectors)


def test_a_twin_of_the_base_is_not_read_twice() -> None:
    examples = [
        replace(one, rankings={**one.rankings, "again": one.rankings["ranking"]})
        for one in questions(40)
    ]
    made = fit(examples, base="ranking", vectors=vectors, epochs=1, recipe=SMALL)
    assert made.rankings == ("ranking", "second")


def test_questions_of_one_cluster_are_in_one_part_and_parts_are_alike_in_size() -> None:
    clusters = [("a", f"c{n // 5}") for n in range(300)] + [("b", f"c{n // 5}") for n in range(60)]
    parts = parts_of(clusters, 0)
    for group in ("a", "b"):
        own = [
            (name, part) for (one, name), part in zip(clusters, parts, strict=True) if one == group
        ]
        assert len(set(own)) == len({name for name, _ in own})
        sizes = np.bincount([part for _, part in own], minlength=PARTS)
        assert sizes.max() - sizes.min() <= 5
    assert parts != parts_of(clusters, 1)


@pytest.mark.parametrize(
    ("examples", "sentence"),
    [
        ([], "no labelled rankings"),
        (questions(6), "clusters of questions have a needed passage"),
        (
            [
                *questions(30),
                LabelledRankings({"ranking": questions(1)[0].rankings["ranking"]}, {}),
            ],
            "all need the same",
        ),
    ],
)
def test_too_little_to_learn_from_is_refused(
    examples: list[LabelledRankings], sentence: str
) -> None:
    with pytest.raises(UsageError, match=sentence):
        fit(examples, base="ranking", vectors=vectors, epochs=1)


def test_odd_numbers_are_refused() -> None:
    with pytest.raises(UsageError, match="begin at 1"):
        fit(questions(30), base="ranking", vectors=vectors, epochs=0)
    with pytest.raises(UsageError, match="no ranking 'best'"):
        fit(questions(30), base="best", vectors=vectors, epochs=1)
