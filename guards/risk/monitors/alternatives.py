"""The rates that monitors bet on, for any level: odds larger or smaller by fixed factors."""

from __future__ import annotations

RISK_ODDS = (27 / 22, 27 / 17, 9 / 4, 27 / 7, 9.0)
"""Makes of a level of 0.1 the rates 0.12, 0.15, 0.2, 0.3 and 0.5."""

ABSTENTION_ODDS = (14 / 9, 7 / 3, 49 / 9)
"""Makes of a level of 0.3 the rates 0.4, 0.5 and 0.7."""


def above(level: float, factors: tuple[float, ...]) -> tuple[float, ...]:
    """Rates above a level in (0, 1), by factors above 1 of its odds.

    >>> [round(one, 6) for one in above(0.1, RISK_ODDS)]
    [0.12, 0.15, 0.2, 0.3, 0.5]
    """
    return tuple(level * factor / (1 - level + level * factor) for factor in factors)


def below(level: float, factors: tuple[float, ...]) -> tuple[float, ...]:
    """Rates below a level in (0, 1): the mirror of ``above``.

    >>> [round(one, 6) for one in below(0.7, ABSTENTION_ODDS)]
    [0.6, 0.5, 0.3]
    """
    return tuple(level / (level + (1 - level) * factor) for factor in factors)
