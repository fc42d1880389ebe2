"""Choose the next comparisons by what is still open, until the best are certain."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from assay.stages.comparisons.comparisons import by_score
from assay.stages.schedules.certain_places import undecided
from assay.stages.schedules.mean_bounds import MeanBounds
from assay.stages.schedules.pair_sampling import Pairs
from assay.stages.schedules.preference import made_one
from assay.stages.schedules.schedule import Arrangement, Schedule

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""


def active_pairs(
    n: int,
    *,
    generator: np.random.Generator,
    top: int,
    in_order: bool = False,
    delta: float = 0.1,
    most_windows: int = 2000,
    both_orders: bool = True,
    repeats: bool = False,
    beam: int = 1,
) -> Schedule:
    """Find the ``top`` candidates that win most against all others, by successive elimination.

    Candidates sit round a table in random order. Who is undecided is compared with who sits one
    place away, on both sides, then two places, and so on. Bounds on each one's mean win
    probability against all others (``MeanBounds``) tell when its side of the border is certain;
    from then on it is asked about only where an undecided one needs it as an opponent.

    What is claimed: when it ends by itself (``top_is_certain``), the ``top`` candidates are those
    that win most, up to ties, with probability 1 - delta at least.

    - ``repeats=False``: no pair is asked twice, so "win most" is meant over the answers that the
      ranker would give to all n (n - 1) / 2 pairs. The chance is in the seats alone, so it holds
      for a model that always says the same. What such a model gets wrong of a pair stays wrong.
    - ``repeats=True``: seats are drawn again each time and "win most" is meant over true win
      probabilities. It holds only if each call is an independent draw, as with a temperature.
      A model that repeats itself gives the same claim as above, at more cost.

    A pair that could not be read counts a half for both.

    Source: Even-Dar, Mannor and Mansour 2006 (successive elimination); Heckel, Shah, Ramchandran
    and Wainwright 2019 (elimination on mean win probabilities against random opponents). Differs:
    bounds of Waudby-Smith and Ramdas 2024 in place of 4 sqrt(log(125 n log(1.12 t) / delta) / t),
    and a comparison tells about both of its candidates.

    Cost: at most n (n - 1) / 2 windows without ``repeats``, fewer the further apart candidates
    are; twice that with both orders. At most n / (2 beam) rounds.

    Args:
        n: candidates.
        generator: seats them.
        top: candidates that are looked for; fewer where there are fewer.
        in_order: whether the order among them must be certain too.
        delta: probability that the claim is wrong, in (0, 1).
        most_windows: no round begins that would exceed it.
        both_orders: show each pair both ways and take the mean of the log-odds; otherwise the
            one that the first stage prefers stands first.
        repeats: whether the same pair may be asked again.
        beam: distances round the table that are asked in one round.
    """
    size = None if repeats else max(1, n - 1)
    bounds = MeanBounds(n, size=size, miss=delta)
    borders = range(1, top + 1) if in_order else [top]
    open_ones = undecided(bounds.lower, bounds.upper, borders)
    turns = _turns(n, repeats, generator)
    each = 2 if both_orders else 1
    windows = 0
    while open_ones.any():
        round_ = [
            [pair for pair in next(turns, []) if open_ones[list(pair)].any()] for _ in range(beam)
        ]
        asked = [shown for turn in round_ for pair in turn for shown in _shown(pair, both_orders)]
        if not asked or windows + len(asked) > most_windows:
            break
        windows += len(asked)
        answers = yield asked
        begin = 0
        for turn in round_:
            firsts = []
            for pair in turn:
                own = slice(begin, begin + each)
                begin += each
                low_wins = made_one(asked[own], answers[own]).preferences.get(
                    (min(pair), max(pair)), 0.5
                )
                firsts.append(low_wins if pair[0] < pair[1] else 1.0 - low_wins)
            # A decided one meets chosen opponents only, which would mislead about it.
            for side, values in enumerate((firsts, [1.0 - one for one in firsts])):
                told = [number for number, pair in enumerate(turn) if open_ones[pair[side]]]
                bounds.add([turn[one][side] for one in told], [values[one] for one in told])
        open_ones = undecided(bounds.lower, bounds.upper, borders)
    return Arrangement(
        by_score(bounds.means),
        {
            "pairs": windows // each,
            "top_is_certain": not bool(open_ones.any()),
            "undecided": int(open_ones.sum()),
        },
    )


def _shown(pair: tuple[int, int], both_orders: bool) -> Pairs:
    """A pair as the ranker sees it, the one that the first stage prefers first."""
    low, high = min(pair), max(pair)
    return [(low, high), (high, low)] if both_orders else [(low, high)]


def _turns(n: int, repeats: bool, generator: np.random.Generator) -> Iterator[Pairs]:
    """For each turn the pairs in which everybody meets two others, or one where that is all.

    Nobody stands twice on the same side of a turn's pairs.
    """
    seats = generator.permutation(n).tolist()
    distance = 1
    while repeats or distance <= n // 2:
        count = n // 2 if 2 * distance == n else n
        yield [(seats[seat], seats[(seat + distance) % n]) for seat in range(count)]
        if repeats:
            seats = generator.permutation(n).tolist()
        else:
            distance += 1
