"""JointRank: all blocks side by side, then one order out of all their comparisons."""

from __future__ import annotations

import numpy as np

from assay.stages.comparisons.aggregator import aggregator
from assay.stages.comparisons.comparisons import Comparisons, by_score
from assay.stages.schedules.block_designs import DESIGNS, blocks_of
from assay.stages.schedules.schedule import Arrangement, Schedule, sorted_places

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""


def joint_rank(
    n: int,
    *,
    generator: np.random.Generator,
    design: str = "equi_replicate",
    block: int = 20,
    repeats: int = 4,
    combine: str = "pagerank",
    final: int = 0,
    prior: float = 0.0,
) -> Schedule:
    """Rank overlapping blocks in one round and aggregate.

    Every order of a block gives all its ordered pairs; a block whose answer could not be read
    gives none. Source: JointRank (2025). Differs: the first stage may vote, too; a last window
    may settle the head; any n is padded.

    Cost: repeats * n / block windows in one round (two by the square and the triangle), and one
    more window in a second round with ``final``.

    Args:
        n: candidates.
        generator: for the blocks.
        design: see ``DESIGNS``.
        block: candidates of a block.
        repeats: blocks of each candidate, where the design leaves it open.
        combine: an aggregator.
        final: how many of the best are ranked once more, 0 for none.
        prior: weight of the first-stage order as one more vote, spread over all pairs so that
            its pairs together weigh ``prior`` times what those of the blocks do.
    """
    blocks = blocks_of(DESIGNS[design], n, k=block, r=repeats, generator=generator)
    comparisons = Comparisons(n)
    said = yield blocks
    read = 0
    for places, one in zip(blocks, said, strict=True):
        if not one.failed:
            comparisons.add_order(sorted_places(places, one))
            read += 1
    if prior and n > 1:
        pairs = n * (n - 1) / 2
        weight = prior * float(comparisons.wins.sum()) / pairs if read else 1.0
        comparisons.wins += weight * np.triu(np.ones((n, n)), 1)
    order = by_score(aggregator(combine)(comparisons, generator))
    if final > 1 and n > 1:
        (last,) = yield [order[:final]]
        order = (*sorted_places(order[:final], last), *order[final:])
    met = float((comparisons.counts[np.triu_indices(n, 1)] > 0).mean()) if n > 1 else 1.0
    return Arrangement(order, {"blocks": len(blocks), "pairs_met": round(met, 6)})
