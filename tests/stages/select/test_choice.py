"""A choice accounts for each passage once, with a reason."""

from __future__ import annotations

import pytest

from assay.pipeline.words import Rationale
from assay.stages.select.choice import chosen
from tests.words import hit, query, ranking

RANKING = ranking(hit("a"), hit("b"), hit("c"))


def test_what_is_not_kept_is_dropped_with_its_place() -> None:
    kept = [(RANKING.hits[2], "needed"), (hit("beside"), "stands beside c")]
    found = chosen(query(), RANKING, kept, lambda place, one: f"{place} {one.passage.id}")
    assert found.ids == ("c", "beside")
    assert found.reasons == {"c": "needed", "beside": "stands beside c"}
    assert [one.reason for one in found.dropped] == ["0 a", "1 b"]


def test_a_passage_that_is_chosen_twice_is_kept_once_for_its_first_reason() -> None:
    kept = [(RANKING.hits[0], "first"), (RANKING.hits[0], "second")]
    found = chosen(query(), RANKING, kept, lambda *_: "left")
    assert found.ids == ("a",)
    assert found.reasons == {"a": "first"}


@pytest.mark.parametrize("kept", [(), [(RANKING.hits[0], "")]])
def test_a_passage_without_a_reason_is_refused(kept: list[tuple[object, str]]) -> None:
    with pytest.raises(ValueError, match="of every passage why"):
        chosen(query(), RANKING, kept, lambda *_: "" if not kept else "left")  # type: ignore[arg-type]


def test_rationales_are_handed_on() -> None:
    one = Rationale("the year of the release", chosen=(("a", 0.9),))
    assert chosen(query(), RANKING, (), lambda *_: "left", rationales=[one]).rationales == (one,)
