"""Are two samples from one distribution? Tests by permutation of whole clusters.

P-values are (1 + relabellings at least as far apart) / (1 + relabellings), so never 0
(Phipson and Smyth 2010). Clusters are relabelled as wholes, each sample keeping its number
of clusters; questions that share a cluster would else make every test too sure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from assay.evaluation.statistics.resampling import Statistic, Values, Weights, divide

Floats = NDArray[np.float64]

Apart = Callable[[Weights], Values]
"""Labels (1 for the first sample, 0 for the second), shape ``(n_labellings, n)``, to how far
apart the two samples are in each labelling."""

_BLOCK = 250


def permutation_p(
    apart: Apart,
    clusters: Sequence[str],
    is_first: Sequence[bool],
    *,
    permutations: int,
    generator: np.random.Generator,
) -> float:
    """How often a random split of the clusters is at least as far apart.

    Args:
        apart: the test statistic.
        clusters: of each item; none is in both samples.
        is_first: whether an item is of the first sample.
        permutations: random relabellings.
        generator: draws them.
    """
    names = {name: number for number, name in enumerate(dict.fromkeys(clusters))}
    of = np.array([names[name] for name in clusters], dtype=np.intp)
    observed = np.array(is_first, dtype=float)
    first = len(set(of[observed > 0]))
    value = float(apart(observed[None, :])[0])
    far = 0
    for start in range(0, permutations, _BLOCK):
        count = min(_BLOCK, permutations - start)
        labels = np.zeros((count, len(names)))
        for row in labels:
            row[generator.permutation(len(names))[:first]] = 1.0
        # A relabelling that leaves a sample empty speaks for no difference being surprising.
        found = apart(labels[:, of])
        far += int(np.count_nonzero(~(found < value - 1e-12)))
    return (1 + far) / (1 + permutations)


def energy_apart(distances: Floats) -> Apart:
    """The energy statistic of two samples, 0 where their distributions are alike.

    2 * mean distance between the samples - mean distance within each.

    Source: Székely and Rizzo 2013, "Energy statistics", section 3 (the V-statistic).

    Args:
        distances: between all items, shape ``(n, n)``; Euclidean ones, so that the statistic
            is 0 for equal distributions alone.
    """

    def apart(first: Weights) -> Values:
        second = 1.0 - first
        sizes, others = first.sum(axis=1), second.sum(axis=1)
        from_first = first @ distances
        within = np.einsum("ij,ij->i", from_first, first)
        between = np.einsum("ij,ij->i", from_first, second)
        rest = np.einsum("ij,ij->i", second @ distances, second)
        return (
            2 * divide(between, sizes * others) - divide(within, sizes**2) - divide(rest, others**2)
        )

    return apart


def superiority(values: Sequence[float | None], is_first: Sequence[bool]) -> Statistic:
    """Cliff's delta: how much more often an item of the first sample is larger than smaller.

    From -1 to 1; 0 where neither is, and where both samples are alike. Items without a value
    take no part.

    Source: Cliff 1993. It is 2 * AUROC - 1 of telling the samples apart by the value.

    >>> superiority([3.0, 2.0, 1.0, None], [True, True, False, False])(np.ones((1, 4))).tolist()
    [1.0]
    """
    known = np.array([one is not None for one in values])
    marks = np.array(is_first, dtype=bool)
    found = np.array([0.0 if one is None else one for one in values])
    first, second = np.flatnonzero(marks & known), np.flatnonzero(~marks & known)
    signs = np.sign(found[first][:, None] - found[second][None, :])

    def statistic(weights: Weights) -> Values:
        ours, theirs = weights[:, first], weights[:, second]
        above = np.einsum("ij,ij->i", ours @ signs, theirs)
        return divide(above, ours.sum(axis=1) * theirs.sum(axis=1))

    return statistic


def neighbours_alike(
    vectors: Floats, is_first: Sequence[bool], clusters: Sequence[str], k: int
) -> list[float]:
    """Share of each item's nearest neighbours that are of the first sample.

    Neighbours of the item's own cluster are passed over: they are alike for another reason.

    Source: the nearest-neighbour classifier of a two-sample test (Schilling 1986; Lopez-Paz
    and Oquab 2017), each item classified by all others.

    Args:
        vectors: of length 1, shape ``(n, dimension)``.
        is_first: of each item.
        clusters: of each item.
        k: neighbours, fewer where there are not so many.
    """
    order = _nearest(vectors, clusters, k)
    marks = np.array(is_first, dtype=float)
    return [float(marks[near].mean()) if len(near) else 0.5 for near in order]


def neighbours_apart(vectors: Floats, clusters: Sequence[str], k: int) -> Apart:
    """Share of nearest neighbours of an item's own sample, over both samples in equal parts."""
    size = len(vectors)
    near = np.zeros((size, size))
    for place, others in enumerate(_nearest(vectors, clusters, k)):
        near[place, others] = 1.0 / max(len(others), 1)

    def apart(first: Weights) -> Values:
        second = 1.0 - first
        ours = np.einsum("ij,ij->i", first @ near.T, first)
        theirs = np.einsum("ij,ij->i", second @ near.T, second)
        return (divide(ours, first.sum(axis=1)) + divide(theirs, second.sum(axis=1))) / 2

    return apart


def _nearest(vectors: Floats, clusters: Sequence[str], k: int) -> list[NDArray[np.intp]]:
    names = np.array(clusters)
    found = []
    for place, vector in enumerate(vectors):
        near = vectors @ vector
        near[names == names[place]] = -np.inf
        order = np.argsort(-near, kind="stable")[:k]
        found.append(order[np.isfinite(near[order])])
    return found


def distances_of(vectors: Floats) -> Floats:
    """Euclidean distances, shape ``(n, n)``; a vector of one number is a value."""
    from scipy.spatial.distance import pdist, squareform

    found: Floats = squareform(pdist(vectors))
    return found
