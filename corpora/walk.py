"""A random walk from seeds, over a graph that is looked at only where the walk comes by."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from assay.pipeline.errors import UsageError

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""

Edges = Callable[[str], Mapping[str, float]]
"""Where a walk may go on to from a node, with weights from 0 up; their scale does not matter."""


@dataclass(frozen=True, slots=True)
class Walk:
    """Where a walk is found.

    Args:
        masses: node to the share of walks that end there, above 0; the sum is at most 1.
        left: what is missing to 1: walks that were not followed to their end.
        expanded: nodes whose edges were asked for, in that order.
    """

    masses: Mapping[str, float]
    left: float
    expanded: tuple[str, ...]


def walk(
    seeds: Mapping[str, float],
    edges: Edges,
    *,
    restart: float,
    precision: float,
    most: int,
) -> Walk:
    """Personalised PageRank by pushing, from the seeds outwards.

    A walk begins at a seed, by the seeds' weights. At each node it ends with probability
    ``restart``, else it takes an edge, by the edges' weights; where there is none it ends. The
    share of walks that end at a node is its personalised PageRank (Page, Brin, Motwani and
    Winograd 1999, section 2.6; Haveliwala 2002, "Topic-sensitive PageRank", WWW), with damping
    ``1 - restart``.

    It is computed by local push (Andersen, Chung and Lang 2006, "Local graph partitioning using
    PageRank vectors", FOCS, section 3; there on undirected graphs, with thresholds by degree).
    Walks wait at nodes; those at the node with the most of them are moved on: ``restart`` of them
    end there, the rest goes along the edges. No node's edges are asked for unless it is the
    fullest, and they are asked for once. When no node holds more than ``precision``, or ``most``
    nodes have been expanded and only others hold more, of the waiting walks the share
    ``restart`` ends where it waits. So every mass is at most the true one, and all that lack
    together are ``left``. Without ``most`` that is at most ``(1 - restart) * precision`` times the
    number of nodes that were reached.

    Cost: no model calls; at most ``1 / (restart * precision)`` pushes.

    Args:
        seeds: node to weight, above 0.
        edges: asked for at most ``most`` nodes; an edge to the node itself is allowed.
        restart: probability to end at a node, above 0, at most 1.
        precision: share of all walks that may wait at a node, above 0.
        most: how many nodes are expanded at most; from 0.

    Raises:
        UsageError: for no seed, a weight of a seed that is not above 0, and a negative or
            infinite weight of an edge.

    >>> edges = {"a": {"b": 1.0}, "b": {}}.__getitem__
    >>> found = walk({"a": 1.0}, edges, restart=0.15, precision=1e-6, most=9)
    >>> {node: round(mass, 6) for node, mass in found.masses.items()}, found.left
    ({'a': 0.15, 'b': 0.85}, 0.0)
    """
    total = math.fsum(seeds.values())
    if not seeds or not math.isfinite(total) or min(seeds.values()) <= 0:
        raise UsageError("a walk needs a seed or more, each with a finite weight above 0")
    ended: dict[str, float] = {}
    waiting = {node: weight / total for node, weight in seeds.items()}
    known: dict[str, Mapping[str, float]] = {}
    fullest = [(-share, node) for node, share in waiting.items()]
    heapq.heapify(fullest)
    while fullest:
        share, node = heapq.heappop(fullest)
        if -share != waiting.get(node) or -share <= precision:
            continue  # it has changed since and stands further up, or it is not worth a push
        if node not in known:
            if len(known) >= most:
                continue
            known[node] = _shares(node, edges(node))
        moved = waiting.pop(node)
        ended[node] = ended.get(node, 0.0) + (restart * moved if known[node] else moved)
        for other, part in sorted(known[node].items()):
            waiting[other] = waiting.get(other, 0.0) + (1 - restart) * moved * part
            heapq.heappush(fullest, (-waiting[other], other))
    for node, share in waiting.items():
        ended[node] = ended.get(node, 0.0) + restart * share
    left = (1 - restart) * math.fsum(waiting.values())
    return Walk({node: mass for node, mass in ended.items() if mass > 0}, left, tuple(known))


def _shares(node: str, weights: Mapping[str, float]) -> dict[str, float]:
    """Weights above 0, so that their sum is 1; empty where there are none."""
    largest = max(weights.values(), default=0.0)
    if not all(0 <= weight < math.inf for weight in weights.values()):
        raise UsageError(f"the edges of '{node}' need finite weights of at least 0")
    if largest == 0:
        return {}
    relative = {other: weight / largest for other, weight in weights.items() if weight > 0}
    total = math.fsum(relative.values())
    return {other: weight / total for other, weight in relative.items()}
