"""Numbers with signs, separators and scales."""

from __future__ import annotations

import pytest

from assay.evaluation.metrics.scaled_numbers import same_number


@pytest.mark.parametrize(
    ("text", "accepted", "scale", "right"),
    [
        ("Sales were $1,496.5 million in 2019.", ["$1,496.5"], "million", True),
        ("1496.5", ["$1,496.5"], "million", True),
        ("1,496,500,000", ["$1,496.5"], "million", True),
        ("1,496.5 thousand", ["$1,496.5"], "million", False),
        ("-22.22%", ["-22.22"], "percent", True),
        ("-0.2222", ["-22.22"], "percent", True),
        ("22.22%", ["-22.22"], "percent", False),
        ("(12.6) million", ["-12.6"], "million", True),
        ("It fell by −12.6 million", ["-12.6"], "million", True),
        ("1,497.9", ["$1,496.5"], "million", True),
        ("1,498.1", ["$1,496.5"], "million", False),
        ("2018", ["2019"], "", False),
        ("in 2019", ["2019"], "", True),
        ("no number", ["2019"], "", False),
        ("$ 0.5bn", ["500"], "million", True),
        ("pages 3-5", ["-5"], "", False),
        ("12019", ["2019"], "", False),
    ],
)
def test_a_number_is_right_in_its_scale(
    text: str, accepted: list[str], scale: str, right: bool
) -> None:
    assert same_number(text, accepted, scale) is right
