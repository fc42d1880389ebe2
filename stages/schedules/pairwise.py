"""Compare pairs in one round, then make one order of all comparisons."""

from __future__ import annotations

import numpy as np

from assay.pipeline.words import Scalar
from assay.stages.comparisons.aggregator import aggregator
from assay.stages.comparisons.comparisons import Comparisons, by_score
from assay.stages.schedules.pair_sampling import Pairs, in_both_orders
from assay.stages.schedules.preference import consistency, made_one, preference
from assay.stages.schedules.schedule import Arrangement, Schedule

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""


def pairwise(
    n: int,
    *,
    pairs: Pairs,
    both_orders: bool,
    combine: str,
    generator: np.random.Generator,
    most_windows: int | None = None,
) -> Schedule:
    """Ask all pairs side by side and aggregate.

    A pair that could not be read is no comparison: what the ranker would say by keeping its
    order is only the order in which it was shown. With more pairs than a budget allows, random
    ones are left out and counted as ``pairs_left_out``.

    Source: Qin et al. 2024 (PRP, all pairs); Gienapp et al. 2022 (sampled pairs); LLM-RankFusion
    2024 (both orders).

    Cost: one window a pair, two with both orders, in one round.

    Args:
        n: candidates.
        pairs: which to compare, see ``pair_sampling``.
        both_orders: show each pair both ways and take the mean of the log-odds.
        combine: name of the aggregator.
        generator: for the budget's choice and the aggregator.
        most_windows: the budget; None for no limit.
    """
    wanted = in_both_orders(pairs) if both_orders else list(dict.fromkeys(pairs))
    groups = [wanted[place : place + 2] for place in range(0, len(wanted), 2)]
    if not both_orders:
        groups = [[pair] for pair in wanted]
    most = len(groups)
    if most_windows is not None:
        most = min(most, max(1, most_windows // (2 if both_orders else 1)))
    chosen = sorted(generator.choice(len(groups), most, replace=False)) if groups else []
    asked = [pair for group in chosen for pair in groups[group]]
    answers = (yield asked) if asked else []
    found = Comparisons(n)
    notes: dict[str, Scalar] = {"pairs": most, "pairs_left_out": len(groups) - most}
    if both_orders:
        joined = made_one(asked, answers)
        for (low, high), probability in joined.preferences.items():
            found.add(low, high, probability)
        notes |= consistency(n, joined)
    else:
        for (first, second), answer in zip(asked, answers, strict=True):
            said = preference(answer)
            if said is not None:
                found.add(first, second, said)
    return Arrangement(by_score(aggregator(combine)(found, generator)), notes)
