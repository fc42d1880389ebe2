"""The m-ary tournament: groups send their best on, and answers are never asked for twice."""

from __future__ import annotations

from collections.abc import Sequence

from assay.stages.schedules.schedule import Arrangement, Places, Schedule, Step, sorted_places

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""

DUMMY = 21
"""How far behind a winner's slot its replacement is looked for."""


def tournament(n: int, *, group: int, advance: int, top: int) -> Schedule:
    """The best ``top``, each the winner of a tournament from which earlier winners are taken.

    Groups of ``group`` in list order send ``advance`` on until one group is left. A winner's slot
    is then given to another candidate, so only the groups on its path are asked again; the
    answers of all others are kept, by who stands in the group. Source: Yoon et al. 2024 (ListT5).

    Cost: for n = 100 and groups of 5, 35 windows for the first winner and about 88 for ten
    (advance 2), or 25 and about 53 (advance 1). The groups of a stage go side by side.

    Args:
        n: candidates.
        group: candidates of a group, at least 2.
        advance: how many of a group go on, below ``group``.
        top: winners.
    """
    if n <= group:
        if n < 2:
            return Arrangement(tuple(range(n)))
        (said,) = yield [tuple(range(n))]
        return Arrangement(sorted_places(tuple(range(n)), said))
    slots = list(range(n))
    known: dict[frozenset[int], Places] = {}
    winners: list[int] = []
    while len(winners) < min(top, n):
        left = n - len(winners)
        if left <= group:
            rest = [one for one in range(n) if one not in winners]
            order = yield from _ranked([rest], known)
            winners += order[0]
            break
        winner = yield from _winner(slots, group, advance, n, winners, known)
        winners.append(winner)
        taken = set(winners)
        for place, one in enumerate(slots):
            if one == winner:
                slots[place] = _replacement(place, n, taken)
    winners = winners[: max(top, 0)]
    taken = set(winners)
    return Arrangement((*winners, *(one for one in range(n) if one not in taken)))


def _winner(
    slots: Sequence[int],
    group: int,
    advance: int,
    n: int,
    excluded: Sequence[int],
    known: dict[frozenset[int], Places],
) -> Step[int]:
    """Who wins a whole tournament over the slots."""
    out = set(excluded)
    left = list(slots)
    while True:
        parts = [left[start : start + group] for start in range(0, len(left), group)]
        orders = yield from _ranked([_filled(part, group, n, out) for part in parts], known)
        if len(parts) == 1:
            return orders[0][0]
        # A group that was filled up sends on in proportion, or the tournament would never end.
        left = [
            one
            for part, order in zip(parts, orders, strict=True)
            for one in order[: max(1, len(part) * advance // group)]
        ]


def _ranked(
    groups: Sequence[Sequence[int]], known: dict[frozenset[int], Places]
) -> Step[list[Places]]:
    """The orders of groups; those that were never asked are asked in one round."""
    # Shown in first-stage order, so that a group which cannot be read changes nothing.
    new = {frozenset(one): tuple(sorted(one)) for one in groups if frozenset(one) not in known}
    if new:
        said = yield list(new.values())
        for (key, places), answer in zip(new.items(), said, strict=True):
            known[key] = sorted_places(places, answer)
    return [known[frozenset(one)] for one in groups]


def _filled(members: Sequence[int], group: int, n: int, out: set[int]) -> list[int]:
    """A group without repetitions, filled up with candidates that are still in."""
    found = list(dict.fromkeys(members))
    place = found[-1] if found else 0
    for _ in range(n):
        if len(found) >= group:
            break
        place = (place + 1) % n
        if place not in out and place not in found:
            found.append(place)
    return found


def _replacement(place: int, n: int, out: set[int]) -> int:
    """Who takes a winner's slot: the first one still in, ``DUMMY`` places on."""
    one = (place + DUMMY) % n
    while one in out:
        one = (one + 1) % n
    return one
