"""Values as a spreadsheet shows them."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.corpora.loaders.number_format import written


@pytest.mark.parametrize(
    ("value", "code", "shown"),
    [
        (5, "General", "5"),
        (0.1 + 0.2, "General", "0.3"),
        (1234.5, "#,##0", "1,235"),
        (2.5, "0", "3"),
        (1234567.891, "#,##0.00", "1,234,567.89"),
        (0.125, "0%", "13%"),
        (0.125, "0.0 %", "12.5 %"),
        (1.5, "0.00#", "1.50"),
        (1.2345, "0.00#", "1.235"),
        (7, "000", "007"),
        (1234567, "#,##0,", "1,235"),
        (1234567, '0.0,,"m"', "1.2m"),
        (12.5, "[$€-407] #,##0.00", "€ 12.50"),
        (12.5, '"EUR" 0.0', "EUR 12.5"),
        (-12.5, "$#,##0.00", "-$12.50"),
        (-3, "0;(0)", "(3)"),
        (-0.001, "0.0", "0.0"),
        (0, '0;-0;"none"', "none"),
        (5, ";;;", "5"),
        (-1234, "#,##0_);[Red](#,##0)", "(1,234)"),
        (1234, "_-* #,##0.00_-", "1,234.00"),
        (12345, "0.00E+00", "1.23E+04"),
        (0.5, "# ?/?", "0.5"),
        (3, "[>100]0.0;0.00", "3"),
        (4, "@", "4"),
        (12, 'General" km"', "12 km"),
        (True, "General", "TRUE"),
        (None, "0", ""),
        ("text", "0", "text"),
        (float("inf"), "0", "inf"),
        (1e300, "0", "1" + "0" * 300),
        (datetime(2024, 3, 31), "dd/mm/yyyy", "2024-03-31"),
        (datetime(2024, 3, 1), "mmm yyyy", "2024-03"),
        (datetime(2024, 1, 1), "yyyy", "2024"),
        (datetime(2024, 3, 31, 14, 5), "General", "2024-03-31 14:05"),
        (date(2024, 3, 31), "General", "2024-03-31"),
        (time(14, 5), "hh:mm", "14:05:00"),
        (timedelta(hours=30, seconds=5), "[h]:mm:ss", "30:00:05"),
    ],
)
def test_a_value_is_written_as_its_format_shows_it(value: object, code: str, shown: str) -> None:
    assert written(value, code) == shown


@given(st.floats() | st.integers(), st.text(alphabet='0#?.,%;E+-"\\[]_* $@/aG', max_size=12))
def test_no_format_hides_a_number_or_fails(value: float, code: str) -> None:
    written(value, code)


@given(st.integers(-(10**12), 10**12))
def test_thousands_are_grouped_and_nothing_is_lost(value: int) -> None:
    assert int(written(value, "#,##0").replace(",", "")) == value
