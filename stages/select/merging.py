"""Join the passages of a selection that touch in their document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from assay.pipeline.words import Dropped, Hit
from assay.stages.select.shortening import joined, touching

COMPUTES = True
"""What is below decides what selectors give, so it counts for fingerprints."""


def merged(hits: Sequence[Hit]) -> tuple[list[Hit], list[Dropped]]:
    """Passages that overlap or follow one another as one, at the place of the first in order.

    Cost: no model calls; the square of the number of hits in comparisons.

    Args:
        hits: in the order in which they are read.

    Returns:
        The hits, where several were joined with the first one's id and score, and those that went
        into others, each with the id of the one that holds its text.
    """
    groups: list[list[Hit]] = []
    for hit in hits:
        near = [
            group for group in groups if any(touching(one.passage, hit.passage) for one in group)
        ]
        if not near:
            groups.append([hit])
            continue
        near[0].append(hit)
        for group in near[1:]:
            near[0].extend(group)
        groups = [group for group in groups if not any(group is other for other in near[1:])]
    places = {hit.passage.id: place for place, hit in enumerate(hits)}
    kept: list[Hit] = []
    gone: list[Dropped] = []
    for group in groups:
        first, *others = sorted(group, key=lambda hit: places[hit.passage.id])
        whole = first.passage
        for other in others:
            both = joined(whole, other.passage)
            if both is None:
                kept.append(other)
            else:
                whole = both
                gone.append(Dropped(other, f"joined with {first.passage.id}, which holds its text"))
        kept.append(replace(first, passage=whole))
    return sorted(kept, key=lambda hit: places[hit.passage.id]), gone
