"""Questions that share fate: one loss a cluster, so that a test counts what is independent."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import TypeVar

from assay.guards.risk.mean_bounds import hoeffding_bentkus_p_value

Item = TypeVar("Item")


def one_each(items: Mapping[str, Sequence[Item]], *, salt: str) -> dict[str, Item]:
    """One item of each cluster, drawn by a hash of salt and cluster: the same for everybody.

    Losses of the drawn items are independent, so the exact binomial holds for them.

    Args:
        items: cluster to its items, in an order that does not depend on their losses.
        salt: from the fingerprint of the data.
    """
    return {
        name: own[int(hashlib.sha256(f"{salt}\0{name}".encode()).hexdigest(), 16) % len(own)]
        for name, own in items.items()
        if own
    }


def cluster_p_value(losses: Mapping[str, Sequence[float]], alpha: float) -> float:
    """p-value of "the mean loss of clusters exceeds alpha", from the mean loss of each.

    Uses every question and is valid whatever happens inside a cluster, at the price of a bound for
    graded losses (``hoeffding_bentkus_p_value``).

    Args:
        losses: cluster to the losses of its questions, each in [0, 1].
        alpha: the level, in (0, 1).
    """
    means = [sum(own) / len(own) for own in losses.values() if own]
    return hoeffding_bentkus_p_value(math.fsum(means), len(means), alpha)
