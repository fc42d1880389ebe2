from __future__ import annotations

from datetime import date as Day
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.corpora.times import Span, times, without_times

DAYS = st.dates(min_value=Day(1800, 1, 1), max_value=Day(2099, 12, 31))


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("on 2021-03-04", "2021-03-04", "2021-03-04"),
        ("on March 4, 2021", "2021-03-04", "2021-03-04"),
        ("on 4th of march 2021", "2021-03-04", "2021-03-04"),
        ("in Sept. 2021", "2021-09-01", "2021-09-30"),
        ("in 2021-02", "2021-02-01", "2021-02-28"),
        ("in Feb 2024", "2024-02-01", "2024-02-29"),
        ("in Q3 2021", "2021-07-01", "2021-09-30"),
        ("report_2021-q3.pdf", "2021-07-01", "2021-09-30"),
        ("4Q19 results", "2019-10-01", "2019-12-31"),
        ("the second quarter of fiscal year 2021", "2021-04-01", "2021-06-30"),
        ("H2 2022", "2022-07-01", "2022-12-31"),
        ("the first half of 2022", "2022-01-01", "2022-06-30"),
        ("FY20", "2020-01-01", "2020-12-31"),
        ("fiscal 2020", "2020-01-01", "2020-12-31"),
        ("fiscal year 2020's", "2020-01-01", "2020-12-31"),
        ("3M_2018_10K", "2018-01-01", "2018-12-31"),
        ("2017-2019", "2017-01-01", "2019-12-31"),
        ("season 2019/20", "2019-01-01", "2020-12-31"),
        ("in 2010-11", "2010-01-01", "2011-12-31"),
        ("in 1914.", "1914-01-01", "1914-12-31"),
    ],
)
def test_a_time_in_any_of_its_spellings_is_a_span_of_days(text: str, first: str, last: str) -> None:
    assert times(text) == (Span(Day.fromisoformat(first), Day.fromisoformat(last)),)


@pytest.mark.parametrize(
    "text",
    [
        "$2,019 and $2019 and €1,999.50",
        "2019%",
        "12,019 and 2,019 and 2019.5",
        "A2019x",
        "120190",
        "2021-02-31",
        "2021-13",
        "1450 and 2150",
        "in May and in the third quarter",
        "",
    ],
)
def test_what_is_no_time_gives_none(text: str) -> None:
    assert times(text) == ()
    assert without_times(text) == text


def test_several_times_come_once_each_in_order() -> None:
    found = times("In 2019, in 2018, and (in Q1 2019 as in 2019).")
    assert found == (Span.year(2019), Span.year(2018), Span.months(2019, 1, 3))


def test_a_range_that_runs_backwards_names_no_time() -> None:
    assert times("2019-2017") == ()


def test_agreement_is_the_mean_of_the_two_shares() -> None:
    # the quarter has 92 days, all of them in the year's 365: (1 + 92/365) / 2
    assert Span.months(2021, 7, 3).agreement(Span.year(2021)) == pytest.approx((1 + 92 / 365) / 2)
    # 2020 and 2021 have 731 days, of which 2021 has 365
    both = Span(Day(2020, 1, 1), Day(2021, 12, 31))
    assert both.agreement(Span.year(2021)) == pytest.approx((1 + 365 / 731) / 2)


@given(DAYS, st.integers(0, 800), DAYS, st.integers(0, 800))
def test_agreement_is_symmetric_and_1_for_equal_spans_only(
    first: Day, days: int, other_first: Day, other_days: int
) -> None:
    one = Span(first, first + timedelta(days))
    other = Span(other_first, other_first + timedelta(other_days))
    assert one.agreement(other) == other.agreement(one)
    assert 0 <= one.agreement(other) <= 1
    assert (one.agreement(other) == 1) == (one == other)


@given(DAYS)
def test_every_iso_date_is_found_and_taken_out(day: Day) -> None:
    text = f"as of {day.isoformat()}, all"
    assert times(text) == (Span(day, day),)
    assert without_times(text) == "as of  , all"


@given(st.text(max_size=80))
def test_no_text_is_too_odd(text: str) -> None:
    for span in times(text):
        assert span.first <= span.last
