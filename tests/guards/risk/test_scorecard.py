"""Points that a person can add up, and what the rounding costs."""

from __future__ import annotations

import json

import numpy as np
import pytest

from assay.guards.risk.scorecard import Item, Scorecard, fit_scorecard
from assay.pipeline.errors import DataError, UsageError

CARD = Scorecard((Item("evidence", 0.5, 3), Item("entropy", 1.0, -2)), 0.8, -1.0, 0.4, 0.35)


def world(n: int, seed: int) -> tuple[list[dict[str, float]], list[bool]]:
    rng = np.random.default_rng(seed)
    evidence, entropy, noise = rng.random(n), rng.random(n), rng.random(n)
    chance = 1 / (1 + np.exp(-(4 * (evidence > 0.5) - 3 * (entropy > 0.7) - 1)))
    rows = [
        {"evidence": a, "entropy": b, "noise": c}
        for a, b, c in zip(evidence.tolist(), entropy.tolist(), noise.tolist(), strict=True)
    ]
    return rows, (rng.random(n) < chance).tolist()


def test_points_are_added_by_hand() -> None:
    assert CARD.points({"evidence": 0.5, "entropy": 0.2}) == 3
    assert CARD.points({"evidence": 0.9, "entropy": 1.0}) == 1
    assert CARD.points({"evidence": 0.49, "entropy": 9.0}) == -2
    assert CARD.probability({"evidence": 0.5, "entropy": 0.2}) == pytest.approx(0.802184, abs=1e-6)
    assert CARD.lines()[:3] == ("+3  evidence >= 0.5", "-2  entropy >= 1", "-2 points: 0.07")


def test_a_card_finds_what_matters_and_leaves_out_noise() -> None:
    rows, right = world(1500, seed=3)
    card = fit_scorecard(rows, right)
    assert {item.signal for item in card.items} == {"evidence", "entropy"}
    worth = {item.signal: item.points for item in card.items}
    assert worth["evidence"] > 0 > worth["entropy"]
    assert all(abs(item.points) <= 5 for item in card.items)
    others, truth = world(1500, seed=4)
    chances = np.array([card.probability(row) for row in others])
    loss = -np.mean(np.where(truth, np.log(chances), np.log(1 - chances)))
    assert loss < card.full_loss + 0.02  # steps suit this world better than a line


def test_a_card_is_the_same_every_time_and_survives_its_file() -> None:
    rows, right = world(200, seed=5)
    card = fit_scorecard(rows, right, most_items=3, most_points=2)
    turned = list(zip(rows, right, strict=True))[::-1]
    again = fit_scorecard(
        [a for a, _ in turned], [b for _, b in turned], most_items=3, most_points=2
    )
    assert again.items == card.items
    assert Scorecard.from_json(json.loads(json.dumps(card.to_json()))) == card
    assert len(card.items) <= 3
    assert max(abs(item.points) for item in card.items) <= 2


def test_signals_that_tell_nothing_give_the_base_rate() -> None:
    rows = [{"a": 1.0}] * 40
    card = fit_scorecard(rows, [True] * 30 + [False] * 10)
    assert card.items == ()
    assert card.probability({"a": 1.0}) == pytest.approx(0.75, abs=0.01)


def test_what_cannot_be_learned_from_is_refused() -> None:
    with pytest.raises(UsageError, match="some of both"):
        fit_scorecard([{"a": 1.0}, {"a": 2.0}], [True, True])
    with pytest.raises(UsageError, match="same signals"):
        fit_scorecard([{"a": 1.0}, {"b": 2.0}], [True, False])
    with pytest.raises(UsageError, match="finite"):
        fit_scorecard([{"a": float("nan")}, {"a": 2.0}], [True, False])
    with pytest.raises(UsageError, match="missing"):
        CARD.points({"evidence": 1.0})
    with pytest.raises(DataError, match="no scorecard"):
        Scorecard.from_json({"items": [{"signal": "a"}]})
