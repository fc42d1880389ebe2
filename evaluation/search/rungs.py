"""Rungs of questions: all trials on a few, the better ones on more, the best on all."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from assay.corpora.dataset import Dataset, LabelledQuery
from assay.evaluation.sampling import calibration_items

REDUCTION = 3
"""A rung has so many times the questions of the one before and a so-manieth of its trials."""

SMALLEST = 20
"""Questions that the first rung has at least, if the set has as many."""


def rungs_of(
    dataset: Dataset, *, seed: int, reduction: int = REDUCTION, smallest: int = SMALLEST
) -> list[tuple[LabelledQuery, ...]]:
    """Growing parts of a set, each within the next, the last one the whole.

    Questions of one cluster come together, so that a rung may be a little larger than
    meant. Clusters are drawn by seed and dealt so that each part has answerable,
    unanswerable and attacked questions about as the whole has them.

    Source: successive halving (Jamieson and Talwalkar 2016), with questions as the
    budget; rungs are nested, so that what was asked on one is not asked again.

    Args:
        dataset: the questions.
        seed: of the draw.
        reduction: ratio of one rung's size to the one before.
        smallest: least size of the first rung.

    Returns:
        The rungs, questions in the order in which they were dealt.
    """
    order = _dealt(dataset, seed)
    total = len(dataset.queries)
    sizes = [total]
    while sizes[0] // reduction >= smallest:
        sizes.insert(0, sizes[0] // reduction)
    rungs: list[tuple[LabelledQuery, ...]] = []
    for size in sizes:
        taken: list[LabelledQuery] = []
        for cluster in order:
            if len(taken) >= size:
                break
            taken += cluster
        if not rungs or len(taken) > len(rungs[-1]):
            rungs.append(tuple(taken))
    return rungs


def promoted(trials: int, rung: int, *, reduction: int = REDUCTION) -> int:
    """How many of ``trials`` reach a rung, counted from 0; at least one.

    >>> [promoted(30, rung) for rung in range(4)]
    [30, 10, 4, 2]
    """
    for _ in range(rung):
        trials = math.ceil(trials / reduction)
    return max(1, trials)


def _dealt(dataset: Dataset, seed: int) -> list[list[LabelledQuery]]:
    """Clusters in a drawn order in which every stretch has the kinds in their proportion."""
    queries = {query.id: query for query in dataset.queries}
    clusters: dict[str, list[LabelledQuery]] = {}
    for item in calibration_items(dataset):
        clusters.setdefault(item.cluster, []).append(queries[item.id])
    kinds: dict[str, list[list[LabelledQuery]]] = {}
    for name in sorted(clusters):
        members = clusters[name]
        kinds.setdefault(_rarest(members), []).append(members)
    generator = random.Random(f"rungs|{seed}")
    placed: list[tuple[float, str, list[LabelledQuery]]] = []
    for kind in sorted(kinds):
        generator.shuffle(kinds[kind])
        count = len(kinds[kind])
        placed += [((place + 0.5) / count, kind, one) for place, one in enumerate(kinds[kind])]
    return [one for _, _, one in sorted(placed, key=lambda entry: entry[:2])]


def _rarest(members: Sequence[LabelledQuery]) -> str:
    """A cluster's kind: attacked if any of it is, else unanswerable if any is."""
    if any(query.meta.get("attacked") or query.meta.get("attack") for query in members):
        return "attacked"
    return "answerable" if all(query.answerable for query in members) else "unanswerable"
