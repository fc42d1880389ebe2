"""Keep the hits of a ranking whose date lies in a window."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date as Day
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from assay.corpora.filters import iso_day
from assay.corpora.labels import labels_of_passage
from assay.pipeline.component import Config, Node, register
from assay.pipeline.context import RunContext
from assay.pipeline.errors import UsageError
from assay.pipeline.words import Passage, Query, Ranking


def _day(value: object) -> object:
    """A text of the form 2024-01-31 as the day that it is; anything else as it comes."""
    if not isinstance(value, str):
        return value
    found = iso_day(value) if len(value) == 10 else None
    if found is None:
        raise ValueError(f"expected a day such as 2024-01-31, found '{value:.40}'")
    return found


IsoDay = Annotated[Day, BeforeValidator(_day)]
"""A day; in a file its ISO form."""


class DateConfig(Config):
    """Settings of ``filter.date@1``; one of the first four is needed."""

    days_before: int | None = Field(
        None,
        ge=0,
        le=1_000_000,
        description="oldest passages kept, in days before the query's 'as_of'; none for any age",
    )
    days_after: int | None = Field(
        None,
        ge=0,
        le=1_000_000,
        description="newest passages kept, in days after the query's 'as_of', 0 for nothing later;"
        " none for no limit",
    )
    after: IsoDay | None = Field(None, description="first day that is kept, such as 2024-01-31")
    before: IsoDay | None = Field(None, description="last day that is kept, such as 2024-01-31")
    as_of_missing: Literal["keep", "drop", "error"] = Field(
        "error",
        description="what to do for a query without 'as_of': leave the days before and after out"
        " of account, drop every hit, or fail",
    )
    missing: Literal["keep", "drop"] = Field(
        "drop", description="what to do with passages without a date"
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.after is not None and self.before is not None and self.after > self.before:
            raise ValueError(f"no day lies from {self.after} to {self.before}")
        return self


@dataclass(frozen=True, slots=True)
class _Window:
    """Days from ``first`` to ``last``, both included."""

    first: Day = Day.min
    last: Day = Day.max

    def and_from(self, day: Day | None) -> _Window:
        return self if day is None else _Window(max(self.first, day), self.last)

    def and_up_to(self, day: Day | None) -> _Window:
        return self if day is None else _Window(self.first, min(self.last, day))


@register("filter.date@1")
class Date(Node):
    """A ranking without the hits whose date lies outside of a window.

    The window goes from ``days_before`` days before the query's ``as_of`` to ``days_after`` days
    after it, and from ``after`` to ``before``; all four days are inside, and all bounds that are
    given count. The query is the ranking's. A passage's date is the one that filters see
    (``labels_of_passage``): the label ``date`` where its metadata have one, else the document's.

    Order, scores and their kinds stay. The run record says how many hits were kept and dropped,
    and how many have no date (``undated``). It looks at what was found already, so fewer than k
    may remain: let the retrieve node go deeper, and give it fixed days as ``where``
    (``date >= 2024-01-31``). Cost: no model calls.
    """

    Config = DateConfig

    def prepare(self, base: Path) -> Iterable[str]:
        """That no bound is given, where none is."""
        config = self.config
        bounds = (config.days_before, config.days_after, config.after, config.before)
        if all(one is None for one in bounds):
            return ("expected a window: 'days_before', 'days_after', 'after' or 'before'",)
        return ()

    def run(self, ranking: Ranking, context: RunContext) -> Ranking:
        """Keep what lies in the window; an empty ranking stays empty.

        Raises:
            UsageError: if the window needs an ``as_of`` that the query does not have, and the
                policy is ``error``.
        """
        window = self._window(ranking.query)
        dates = [_date(hit.passage) for hit in ranking.hits]
        kept = tuple(
            hit
            for hit, day in zip(ranking.hits, dates, strict=True)
            if window is not None and self._inside(window, day)
        )
        context.note(
            kept=len(kept), dropped=len(ranking.hits) - len(kept), undated=dates.count(None)
        )
        return replace(ranking, hits=kept)

    def _inside(self, window: _Window, day: Day | None) -> bool:
        if day is None:
            return bool(self.config.missing == "keep")
        return window.first <= day <= window.last

    def _window(self, query: Query) -> _Window | None:
        """None where nothing is to be kept."""
        config = self.config
        fixed = _Window().and_from(config.after).and_up_to(config.before)
        if config.days_before is None and config.days_after is None:
            return fixed
        if query.as_of is not None:
            return fixed.and_from(_moved(query.as_of, -1, config.days_before)).and_up_to(
                _moved(query.as_of, 1, config.days_after)
            )
        match config.as_of_missing:
            case "keep":
                return fixed
            case "drop":
                return None
            case _:
                raise UsageError(
                    f"{self.name}: the query has no 'as_of' to count days from: give it one, or"
                    " write 'as_of_missing: keep' (or 'drop') in the node's config"
                )


def _moved(day: Day, direction: int, days: int | None) -> Day | None:
    """A day so many days earlier or later, or the end of the calendar; None for no days."""
    if days is None:
        return None
    try:
        return day + timedelta(days=direction * days)
    except OverflowError:
        return Day.min if direction < 0 else Day.max


def _date(passage: Passage) -> Day | None:
    found = labels_of_passage(passage).get("date")
    return iso_day(found) if isinstance(found, str) else None
