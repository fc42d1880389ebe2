"""A test that uses every question of clusters that share fate.

``assay calibrate`` tests one question of each cluster instead (``folds.one_per_cluster``), by the
exact test, which has more power.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from assay.guards.risk.mean_bounds import hoeffding_bentkus_p_value


def cluster_p_value(losses: Mapping[str, Sequence[float]], alpha: float) -> float:
    """p-value of "the mean loss of clusters exceeds alpha", from the mean loss of each.

    Valid whatever happens inside a cluster, at the price of a bound for graded losses.

    Args:
        losses: cluster to the losses of its questions, each in [0, 1].
        alpha: the level, in (0, 1).
    """
    means = [math.fsum(own) / len(own) for own in losses.values() if own]
    return hoeffding_bentkus_p_value(math.fsum(means), len(means), alpha)
