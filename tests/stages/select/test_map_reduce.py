"""More passages than a prompt holds are chosen from in rounds, with the places of the whole list."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.stages.select.map_reduce import map_reduce

Batches = Sequence[Sequence[int]]


class Chooser:
    """Picks by a rule and keeps what it saw."""

    def __init__(self, keep: set[int] | None = None, first: int | None = None) -> None:
        self.keep = keep
        self.first = first
        self.seen: list[list[list[int]]] = []

    def __call__(self, batches: Batches) -> list[list[int]]:
        self.seen.append([list(one) for one in batches])
        return [
            [place for place in one if self.keep is None or place in self.keep][: self.first]
            for one in batches
        ]


def test_the_first_of_each_batch_has_its_place_in_the_whole_list() -> None:
    found = map_reduce(45, Chooser(first=1), batch=40, max_rounds=3, join=False)
    assert (found.places, found.rounds, found.unjoined) == ((0, 40), 1, False)


def test_survivors_are_looked_at_together() -> None:
    chooser = Chooser(first=1)
    found = map_reduce(45, chooser, batch=40, max_rounds=3)
    assert (found.places, found.rounds) == ((0,), 2)
    assert chooser.seen[1] == [[0, 40]]
    assert [len(one) for one in chooser.seen[0]] == [40, 5]


def test_rounds_end_where_nothing_shrinks_or_they_are_used_up() -> None:
    everything = Chooser()
    found = map_reduce(45, everything, batch=40, max_rounds=3)
    assert (found.rounds, found.unjoined, len(found.places)) == (1, True, 45)
    half = map_reduce(100, lambda some: [one[::2] for one in some], batch=10, max_rounds=2)
    assert (half.rounds, half.unjoined, len(half.places)) == (2, True, 25)


@pytest.mark.parametrize(("n", "rounds"), [(0, 0), (1, 1), (40, 1), (41, 2)])
def test_one_batch_takes_one_round(n: int, rounds: int) -> None:
    assert map_reduce(n, Chooser(first=1), batch=40, max_rounds=3).rounds == rounds


@given(
    st.integers(0, 200),
    st.sets(st.integers(0, 199)),
    st.integers(1, 50),
    st.integers(1, 4),
    st.booleans(),
)
def test_a_chooser_that_knows_what_is_needed_finds_all_of_it_and_no_more(
    n: int, needed: set[int], batch: int, max_rounds: int, join: bool
) -> None:
    chooser = Chooser(keep=needed)
    found = map_reduce(n, chooser, batch=batch, max_rounds=max_rounds, join=join)
    assert set(found.places) == needed & set(range(n))
    assert len(chooser.seen) == found.rounds <= max_rounds
    assert all(len(one) <= batch for seen in chooser.seen for one in seen)
