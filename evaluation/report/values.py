"""Numbers as people read them."""

from __future__ import annotations

from collections.abc import Sequence


def show(value: float | int | Sequence[float] | None, *, percent: bool = False) -> str:
    """A figure as people read it.

    >>> show(0.12345), show(0.5, percent=True), show(1234567.0), show(None)
    ('0.123', '50.0 %', '1.23e+06', '–')
    """
    if value is None or isinstance(value, Sequence):
        return "–"
    if percent:
        return f"{100 * value:.1f} %"
    if isinstance(value, int):
        return str(value)
    return f"{value:.3f}" if 0.001 <= abs(value) < 1000 or value == 0 else f"{value:.3g}"


def show_interval(value: float | int | Sequence[float] | None, *, percent: bool = False) -> str:
    """An interval as people read it, '' where there is none.

    >>> show_interval([0.25, 0.5], percent=True)
    '25.0 % to 50.0 %'
    """
    if not isinstance(value, Sequence):
        return ""
    low, high = (show(one, percent=percent) for one in value)
    return f"{low} to {high}"


def short(value: float, *, percent: bool = False) -> str:
    """A number beside a bar or in a small table: four digits at most.

    >>> short(3.0), short(0.12345), short(0.125, percent=True), short(123456.0)
    ('3', '0.1235', '12.5 %', '1.235e+05')
    """
    return f"{100 * value:.3g} %" if percent else f"{value:.4g}"
