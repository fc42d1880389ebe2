"""What every selector gives: each passage kept or dropped, and a sentence that says why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from assay.pipeline.words import Dropped, Hit, Query, Ranking, Rationale, Selection

COMPUTES = True
"""What is below decides what a selector gives, so it counts for fingerprints."""


def chosen(
    query: Query,
    ranking: Ranking,
    kept: Iterable[tuple[Hit, str]],
    dropped: Callable[[int, Hit], str],
    *,
    rationales: Sequence[Rationale] = (),
) -> Selection:
    """A selection that leaves no passage of a ranking unaccounted for.

    Args:
        query: that was selected for.
        ranking: that was selected from.
        kept: hits in the order in which the generator reads them, each with the reason why it is
            kept. They may hold passages that are not in the ranking, such as neighbours; of a
            passage that comes twice the first counts.
        dropped: says of a hit that is not kept, with its 0-based place in the ranking, why not.
        rationales: what the passages were chosen by.

    Raises:
        ValueError: if a reason is empty.
    """
    first: dict[str, tuple[Hit, str]] = {}
    for hit, reason in kept:
        first.setdefault(hit.passage.id, (hit, reason))
    reasons = {name: reason for name, (_, reason) in first.items()}
    left = tuple(
        Dropped(hit, dropped(place, hit))
        for place, hit in enumerate(ranking.hits)
        if hit.passage.id not in first
    )
    if not all(reasons.values()) or not all(one.reason for one in left):
        raise ValueError("a selector must say of every passage why it is kept or dropped")
    return Selection(
        query, tuple(hit for hit, _ in first.values()), left, reasons, tuple(rationales)
    )
