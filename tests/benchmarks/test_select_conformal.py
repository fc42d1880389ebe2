"""The figure of ``select.conformal``: many splits at once give what the fit gives one by one."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from assay.pipeline.errors import UsageError
from assay.pipeline.words import Query, Scope
from assay.stages.select.conformal_rule import Guarantee, Loss, Measure
from assay.training.conformal_evidence import evidence_of
from assay.training.conformal_selection import fit
from assay.training.labelled_rankings import LabelledRankings
from benchmarks.select_conformal import (
    ALPHAS,
    allowed_sum,
    losses,
    main,
    measured,
    table,
    thresholds,
)
from benchmarks.select_figures.rankings import Asked, Vectors, write
from tests.training.test_conformal_selection import example
from tests.words import passage


@pytest.fixture(scope="module")
def population() -> list[LabelledRankings]:
    draw = np.random.default_rng(3)
    return [
        example(
            [
                None if draw.random() < 0.01 else round(float(draw.beta(4, 2)), 2)
                for _ in range(1 + number % 3)
            ],
            np.round(draw.random(6), 2).tolist(),
            number=number,
        )
        for number in range(120)
    ]


@pytest.mark.parametrize("guarantee", ["confidence", "expectation"])
@pytest.mark.parametrize("loss", ["all", "recall"])
@pytest.mark.parametrize("measure", ["score", "place"])
def test_many_sets_at_once_give_the_rules_that_the_fit_gives(
    population: list[LabelledRankings], measure: Measure, loss: Loss, guarantee: Guarantee
) -> None:
    evidence = evidence_of(population, measure)
    drawn = np.random.default_rng(1).integers(0, 120, (12, 60))
    allowed = allowed_sum(guarantee, 60, 0.1, 0.1, loss == "all")
    found = thresholds(evidence, drawn, loss, allowed)
    for places, at in zip(drawn, found, strict=True):
        own = [population[place] for place in places]
        try:
            rule = fit(own, alpha=0.1, delta=0.1, measure=measure, loss=loss, guarantee=guarantee)
        except UsageError:
            assert math.isnan(at)
        else:
            assert abs(at) == rule.threshold
            assert losses(evidence_of(own, measure), np.array([at]), loss)[0] == pytest.approx(
                rule.lost / 60
            )


@pytest.mark.parametrize("loss", ["all", "recall"])
@pytest.mark.parametrize("alpha", ALPHAS)
def test_the_promise_is_kept_and_the_halves_stay_below_what_they_may(
    population: list[LabelledRankings], loss: Loss, alpha: float
) -> None:
    row = measured("toy", population, ranking="ranking", measure="score", loss=loss, alpha=alpha)
    assert row.kept
    assert row.loss_mean is None or row.size is not None
    if row.halves_above is not None and row.halves_may is not None:
        noise = 3 * math.sqrt(row.halves_may * (1 - row.halves_may) / 500)
        assert row.halves_above <= row.halves_may + noise


def test_a_rule_by_place_costs_about_what_the_fixed_k_of_the_same_loss_costs(
    population: list[LabelledRankings],
) -> None:
    row = measured("toy", population, ranking="ranking", measure="place", alpha=0.2)
    assert row.fixed_size is not None and row.size is not None
    assert abs(row.fixed_size - row.size) <= 1


def test_where_retrieval_misses_too_much_every_split_is_refused() -> None:
    examples = [example([None if n % 2 else 0.5], number=n) for n in range(60)]
    row = measured("toy", examples, ranking="ranking", measure="score", alpha=0.1)
    assert (row.refused, row.above, row.size, row.fixed_k) == (1.0, 0.0, None, None)
    assert "| – | – | – |" in table([row])


def test_the_command_reads_kept_rankings_and_writes_table_and_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scope = Scope("local")
    passages = [passage(f"p{n}", f"Text {n}.") for n in range(6)]
    asked = [
        Asked(
            Query(f"question {n}", scope, id=f"q{n}"),
            {f"p{n % 3}": 1},
            cluster="",
            answers=(),
            meta={},
            spans={},
            found={"hybrid": [(f"p{i}", 1 - i / 10) for i in range(6)]},
        )
        for n in range(40)
    ]
    one = np.ones(2, dtype=np.float32)
    vectors = Vectors({p.id: one for p in passages}, {a.query.id: one for a in asked}, {})
    write(tmp_path / "kept", "toy", asked, passages, vectors)
    lines = [
        {"question": f"q{n}", "logits": {f"p{i}": 5.0 - i for i in range(6)}} for n in range(40)
    ]
    (tmp_path / "kept" / "toy.judge.jsonl").write_text(
        "".join(json.dumps(line) + "\n" for line in lines)
    )
    out = tmp_path / "out"
    assert main(["--rankings", str(tmp_path / "kept"), "--out", str(out), "--splits", "20"]) == 0
    said = capsys.readouterr().out
    assert "0 of 48 rows break their promise" in said
    assert len(json.loads((out / "figures.json").read_text())) == 48
    assert "| toy | judge, score | 0.05 |" in (out / "table.md").read_text()
