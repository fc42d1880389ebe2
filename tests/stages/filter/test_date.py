from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from assay.pipeline.context import RunContext
from assay.pipeline.errors import UsageError
from assay.pipeline.words import Hit, Passage, Ranking, Score, ScoreKind
from assay.stages.filter.date import Date, DateConfig
from tests.corpora.fake_corpus import passage
from tests.stages.retrieve.zoo import ask

TODAY = date(2024, 3, 1)


def at(days: int | None, name: str = "", **metadata: str) -> Passage:
    day = None if days is None else TODAY + timedelta(days=days)
    return passage(name or f"{days}", "x", tenant="zoo", date=day, metadata=metadata)


def ranking(*passages: Passage, as_of: date | None = TODAY) -> Ranking:
    hits = tuple(
        Hit(one, Score(-float(rank), ScoreKind.LOGIT, "first")) for rank, one in enumerate(passages)
    )
    return Ranking(ask("x", as_of=as_of), hits, "first")


WEEK = ranking(*(at(days) for days in (3, -8, -7, 0, 1, -1, 8)))


def kept(first: Ranking, context: RunContext | None = None, **config: Any) -> list[str]:
    found = Date(DateConfig.model_validate(config)).run(first, context or RunContext())
    assert found == Ranking(
        first.query, tuple(hit for hit in first.hits if hit.passage.id in found.ids), "first"
    )
    return list(found.ids)


@pytest.mark.parametrize(
    ("config", "ids"),
    [
        ({"days_before": 7}, ["3", "-7", "0", "1", "-1", "8"]),
        ({"days_after": 1}, ["-8", "-7", "0", "1", "-1"]),
        ({"days_before": 7, "days_after": 1}, ["-7", "0", "1", "-1"]),
        ({"days_before": 0, "days_after": 0}, ["0"]),
        ({"after": "2024-03-02"}, ["3", "1", "8"]),
        ({"before": "2024-02-23"}, ["-8", "-7"]),
        ({"after": "2024-02-29", "before": "2024-03-02"}, ["0", "1", "-1"]),
        ({"days_before": 7, "before": "2024-02-29"}, ["-7", "-1"]),
        ({"days_after": 3, "after": "2024-03-02"}, ["3", "1"]),
        ({"days_after": 0, "after": "2024-03-02"}, []),
        ({"days_before": 7, "after": "2024-03-01"}, ["3", "0", "1", "8"]),
        ({"days_after": 3, "before": "2024-03-01"}, ["-8", "-7", "0", "-1"]),
    ],
)
def test_both_ends_are_inside_and_every_bound_counts(config: Any, ids: list[str]) -> None:
    assert kept(WEEK, **config) == ids


def test_what_was_dropped_is_counted() -> None:
    context = RunContext()
    kept(ranking(at(0), at(None, "a"), at(9), at(None, "b")), context, days_after=1)
    assert context.notes == {"kept": 1, "dropped": 3, "undated": 2}


@pytest.mark.parametrize(("missing", "ids"), [("keep", ["u", "0"]), ("drop", ["0"])])
def test_a_passage_without_a_date_goes_by_the_policy(missing: str, ids: list[str]) -> None:
    assert kept(ranking(at(None, "u"), at(5), at(0)), days_after=1, missing=missing) == ids


def test_the_label_date_goes_before_the_document_s_as_in_filters() -> None:
    first = ranking(at(0, "a", date="2030-01-01"), at(9, "b", date="2024-03-01T12:00:00Z"))
    assert kept(first, days_after=1) == ["b"]


def test_a_label_that_is_no_day_is_no_date() -> None:
    assert kept(ranking(at(0, "a", date="last spring")), days_after=1) == []
    assert kept(ranking(at(0, "a", date="last spring")), days_after=1, missing="keep") == ["a"]


class TestWithoutAsOf:
    FIRST = ranking(at(-9), at(0), at(9), as_of=None)

    def test_it_fails_with_the_next_step_unless_told_otherwise(self) -> None:
        with pytest.raises(UsageError, match=r"no 'as_of'.*as_of_missing: keep"):
            kept(self.FIRST, days_before=1)

    def test_keep_leaves_the_relative_days_out_of_account(self) -> None:
        config: dict[str, Any] = {"days_before": 1, "as_of_missing": "keep"}
        assert kept(self.FIRST, **config) == ["-9", "0", "9"]
        assert kept(self.FIRST, before="2024-03-01", **config) == ["-9", "0"]

    def test_drop_drops_everything(self) -> None:
        first = ranking(at(0), at(None, "u"), as_of=None)
        config: dict[str, Any] = {"days_before": 1, "as_of_missing": "drop", "missing": "keep"}
        assert kept(first, **config) == []

    def test_fixed_days_need_none(self) -> None:
        assert kept(self.FIRST, after="2024-03-01") == ["0", "9"]


def test_the_calendar_ends_without_an_error() -> None:
    first = ranking(passage("a", "x", tenant="zoo", date=date.min), as_of=date(1, 1, 2))
    assert kept(first, days_before=1_000_000, days_after=1_000_000) == ["a"]
    last = ranking(passage("a", "x", tenant="zoo", date=date.max), as_of=date(9999, 12, 30))
    assert kept(last, days_before=1_000_000, days_after=1_000_000) == ["a"]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"after": "2024-02-30"}, "expected a day such as 2024-01-31, found '2024-02-30'"),
        ({"after": "2024-01-31T10:00"}, "expected a day such as"),
        ({"after": 20240131}, "valid date"),
        ({"after": "2024-02-02", "before": "2024-02-01"}, "no day lies from"),
        ({"days_before": -1}, "greater than or equal to 0"),
        ({"days_before": 1, "missing": "maybe"}, "keep"),
    ],
)
def test_wrong_settings_are_refused(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        DateConfig.model_validate(config)


def test_a_window_without_a_bound_is_told_when_a_pipeline_is_built() -> None:
    (sentence,) = Date(DateConfig(missing="keep")).prepare(Path())
    assert sentence.startswith("expected a window")
    assert not list(Date(DateConfig(days_after=0)).prepare(Path()))


@given(
    days=st.lists(st.integers(-40, 40), unique=True),
    before=st.none() | st.integers(0, 30),
    after=st.integers(0, 30),
)
def test_exactly_the_days_of_the_window_stay(
    days: list[int], before: int | None, after: int
) -> None:
    found = kept(ranking(*(at(day) for day in days)), days_before=before, days_after=after)
    assert found == [f"{d}" for d in days if d <= after and (before is None or -d <= before)]
