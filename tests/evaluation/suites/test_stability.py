"""The stability suite: what moves when nothing that matters changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from assay.corpora.dataset import Dataset
from assay.evaluation.plan import Plan
from assay.evaluation.suites.stability import StabilitySuite
from assay.pipeline.errors import UsageError
from tests.evaluation.made import document
from tests.evaluation.suites.small import runner, towns


def larger(count: int = 40) -> Dataset:
    """The towns and passages that no question needs."""
    data = towns()
    more = [
        document(f"extra{n}", f"Notice {n}: the ferry leaves at {n} sharp.") for n in range(count)
    ]
    return replace(data, documents=(*data.documents, *more))


def test_unrelated_passages_that_no_question_matches_move_nothing(tmp_path: Path) -> None:
    data = larger()
    suite = StabilitySuite(added=(1, 10), removed=(5,), repeated=(5,))
    with runner(tmp_path, data) as one:
        found = suite.measure(data, one, seed=0)
    names = [row.name for row in found.rows]
    assert names == ["41 passages", "1 % added", "10 % added", "5 % removed", "5 % repeated"]
    for row in found.rows[1:]:
        assert row.values["answers changed"].value == 0.0
        assert row.values["same first"].value == 1.0
        assert row.differences["right"].value == 0.0
        for key in ("overlap@10", "rbo"):
            value = row.values[key].value
            assert value is not None
            assert 0.5 < value <= 1.0
    assert {one["row"] for one in found.per_query} == set(names[1:])


def test_a_passage_that_takes_the_first_place_is_seen(tmp_path: Path) -> None:
    data = towns()
    loud = "Who established the village of Aldermoor? Aldermoor established the village."
    data = replace(
        data, documents=(*data.documents, document("loud", loud), document("quiet", "Rain."))
    )
    moved = 0
    with runner(tmp_path, data) as one:
        for seed in (0, 1, 2, 3, 4):
            suite = StabilitySuite(added=(10,), removed=(), repeated=())
            found = suite.measure(data, one, seed=seed)
            same = {told["query_id"]: told["same_first"] for told in found.per_query}
            moved += not same["aldermoor-who"]
            assert found.rows[1].values["same first"].value == sum(same.values()) / len(same)
    assert 0 < moved < 5  # in each draw one of the two passages is added


def test_too_few_free_passages_are_refused_with_the_next_step(tmp_path: Path) -> None:
    data = towns()
    with runner(tmp_path, data) as one:
        with pytest.raises(UsageError, match=r"only 0 of 6 passages .* --limit"):
            StabilitySuite().measure(data, one, seed=0)
        few = replace(data, queries=data.queries[:8])
        found = StabilitySuite(added=(), removed=(50,), repeated=()).measure(few, one, seed=0)
    assert list(found.notes) == [
        "50 % removed: only 2 passages of 6, since all others are relevant to an asked question."
    ]


def test_a_pipeline_without_a_ranking_is_refused(tmp_path: Path) -> None:
    class Blind:
        plan = Plan()

        def run(self, *given: object, **more: object) -> list[object]:
            raise AssertionError("nothing is to be run")

    with pytest.raises(UsageError, match="makes no ranking"):
        StabilitySuite().measure(towns(), Blind(), seed=0)  # type: ignore[arg-type]
