"""Proposals: new each time, the same by seed, better with what was told."""

from __future__ import annotations

import statistics

from assay.evaluation.search.domain import Choice, Range
from assay.evaluation.search.optimiser import Optimiser, Told
from assay.evaluation.search.space import Alternative, Settings, Space

SMALL = Space({"a.k": Choice((1, 2, 3))}, {"b": {"other": Alternative({"use": "x.y@1"})}})
LARGE = Space({"a.x": Range(0.0, 1.0), "a.y": Range(1, 1000, log=True, whole=True)}, {})


def proposals(
    space: Space, current: dict[str, object], count: int, seed: int = 0
) -> list[Settings]:
    optimiser = Optimiser(space, current, seed=seed)
    found: list[Settings] = []
    for number in range(1, count + 1):
        settings = optimiser.propose(number)
        if settings is None:
            break
        found.append(settings)
        optimiser.tell(Told(settings, float(len(found) % 3), ()))
    return found


def test_a_small_space_is_gone_through_without_a_pipeline_twice() -> None:
    found = proposals(SMALL, {"a.k": 2}, 50)
    assert len(found) == SMALL.size - 1 == 5  # beside the unchanged one, which lies in it
    assert len({str(one) for one in found}) == 5
    assert all(one.get("a.k") != 2 for one in found)


def test_a_current_value_outside_of_the_space_leaves_all_of_it_to_try() -> None:
    assert len(proposals(SMALL, {"a.k": 7}, 50)) == SMALL.size


def test_a_stopped_search_goes_on_with_the_same_proposals() -> None:
    whole = proposals(LARGE, {"a.x": 0.5, "a.y": 10}, 25)
    assert whole == proposals(LARGE, {"a.x": 0.5, "a.y": 10}, 25)
    again = Optimiser(LARGE, {"a.x": 0.5, "a.y": 10}, seed=0)
    for place, settings in enumerate(whole[:20], 1):
        again.tell(Told(settings, float(place % 3), ()))
    assert again.propose(21) == whole[20]
    assert proposals(LARGE, {"a.x": 0.5, "a.y": 10}, 5, seed=1) != whole[:5]


def test_it_learns_where_the_objective_is_small() -> None:
    optimiser = Optimiser(LARGE, {"a.x": 0.0, "a.y": 1}, seed=0)
    distances = []
    for number in range(1, 61):
        settings = optimiser.propose(number)
        assert settings is not None
        distance = abs(float(settings.get("a.x", 0.0)) - 0.8)
        distances.append(distance)
        optimiser.tell(Told(settings, distance, ()))
    assert statistics.mean(distances[-20:]) < 0.5 * statistics.mean(distances[:10])


def test_it_keeps_away_from_where_a_constraint_is_missed() -> None:
    optimiser = Optimiser(LARGE, {"a.x": 0.0, "a.y": 1}, seed=0)
    tried = []
    for number in range(1, 61):
        settings = optimiser.propose(number)
        assert settings is not None
        x = float(settings.get("a.x", 0.0))
        tried.append(x)
        # the objective asks for a large x, the constraint for one of at most a half
        optimiser.tell(Told(settings, -x, (max(0.0, x - 0.5),)))
    assert sum(x <= 0.5 for x in tried[-20:]) > sum(x <= 0.5 for x in tried[:20])
    assert max(x for x in tried[-20:] if x <= 0.5) > 0.4


def test_a_trial_without_a_value_is_taken() -> None:
    optimiser = Optimiser(SMALL, {"a.k": 2}, seed=0)
    settings = optimiser.propose(1)
    assert settings is not None
    optimiser.tell(Told(settings, None, (float("inf"),)))
    assert optimiser.propose(2) not in (settings, None)
