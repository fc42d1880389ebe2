"""Areas under the curves of risk over coverage, as figures that can be resampled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from assay.evaluation.statistics.resampling import Statistic, Values, Weights, divide


@dataclass(frozen=True, slots=True)
class Sums:
    """Of one block of samples; each of shape ``(n_samples, n_groups)``.

    Args:
        items: items of each group.
        wrong: errors among them.
        covered: items of this group and those above it.
        errors: errors of this group and those above it.
    """

    items: Values
    wrong: Values
    covered: Values
    errors: Values


class Groups:
    """Items by falling confidence, ties together; sums per group for each sample.

    Statistics of the same items should share one of these: the sums for the last
    weights are kept.

    Args:
        confidences: shape ``(n_items,)``; minus infinity for none.
        errors: 1 for wrong, 0 for right, shape ``(n_items,)``.
        places: number of each item's question, shape ``(n_items,)``; several items may
            be of one question. Without it, items are the questions themselves.
        counts: how many alike each item stands for, shape ``(n_items,)``; 1 without it.
    """

    def __init__(
        self,
        confidences: Values,
        errors: Values,
        places: NDArray[np.intp] | None = None,
        counts: Values | None = None,
    ) -> None:
        order = np.argsort(-confidences, kind="stable")
        ordered = confidences[order]
        starts = np.concatenate([[True], ordered[1:] != ordered[:-1]])
        self.confidences: Values = ordered[starts]
        """Of each group, falling, shape ``(n_groups,)``."""
        group_of = np.cumsum(starts) - 1
        number = (np.arange(len(order)) if places is None else places)[order]
        count = (np.ones(len(order)) if counts is None else counts)[order]
        shape = (len(self.confidences), int(number.max(initial=-1)) + 1)
        # How many items each question has in each group, and how many errors.
        self._items = sparse.csr_array((count, (group_of, number)), shape=shape)
        self._wrong = sparse.csr_array((count * errors[order], (group_of, number)), shape=shape)
        self._wrong.eliminate_zeros()
        self._harmonic = Harmonic()
        self._last: tuple[Weights, Sums] | None = None

    def sums(self, weights: Weights) -> Sums:
        """What the statistics are made of, for each sample."""
        if self._last is None or self._last[0] is not weights:
            # One question a row: rows are chosen much faster than columns.
            turned = np.ascontiguousarray(weights[:, : self._items.shape[1]].T)
            items = np.ascontiguousarray((self._items @ turned).T)
            wrong = np.ascontiguousarray((self._wrong @ turned).T)
            found = Sums(items, wrong, np.cumsum(items, axis=1), np.cumsum(wrong, axis=1))
            self._last = (weights, found)
        return self._last[1]

    def harmonic(self, numbers: Values) -> Values:
        """Harmonic numbers H(n), the shape of ``numbers``."""
        return self._harmonic(numbers)


def auroc(groups: Groups) -> Statistic:
    """Chance that a right item has a higher confidence than a wrong one; ties count half."""

    def statistic(weights: Weights) -> Values:
        sums = groups.sums(weights)
        right, total = sums.items - sums.wrong, sums.errors[:, -1]
        above = total[:, None] - sums.errors + sums.wrong / 2
        won = np.einsum("ij,ij->i", right, above)
        return divide(won, (sums.covered[:, -1] - total) * total)

    return statistic


def aurc(groups: Groups) -> Statistic:
    """Area under the risk-coverage curve: mean selective risk over all coverages.

    Ties are expected over all their orders, which has a closed form: with E errors
    among the N items above a group of m items with e errors, the group adds
    ``e + (E - e N / m) (H(N + m) - H(N))``, H the harmonic numbers.

    Source: Geifman, Uziel and El-Yaniv 2019.
    """

    def statistic(weights: Weights) -> Values:
        return _area(groups, groups.sums(weights))

    return statistic


def eaurc(groups: Groups) -> Statistic:
    """Excess AURC: how far the area is above that of the best order, 0 for the best.

    The best order has all right items first. With E errors among N items its area is
    ``(E - (N - E) (H(N) - H(N - E))) / N``; the well-known ``r + (1 - r) ln(1 - r)`` is
    what this tends to for many items.

    Source: Geifman, Uziel and El-Yaniv 2019, section 3.
    """

    def statistic(weights: Weights) -> Values:
        sums = groups.sums(weights)
        total, errors = sums.covered[:, -1], sums.errors[:, -1]
        steps = groups.harmonic(total) - groups.harmonic(total - errors)
        best = divide(errors - (total - errors) * steps, total)
        result: Values = _area(groups, sums) - best
        return result

    return statistic


def _area(groups: Groups, sums: Sums) -> Values:
    reached = groups.harmonic(sums.covered)
    # H(N) above each group is H(N + m) of the group before it, and 0 for the first.
    steps = reached.copy()
    steps[:, 1:] -= reached[:, :-1]
    before = sums.covered - sums.items
    rate = sums.wrong / np.maximum(sums.items, 1)
    within = sums.errors - sums.wrong - rate * before
    area = sums.errors[:, -1] + np.einsum("ij,ij->i", within, steps)
    return divide(area, sums.covered[:, -1])


def augrc(groups: Groups) -> Statistic:
    """Area under the generalised risk-coverage curve: mean of coverage times risk.

    The average risk of an error that goes unnoticed. Ties are expected over all
    their orders.

    Source: Traub et al. 2024 (arXiv 2407.01032).
    """

    def statistic(weights: Weights) -> Values:
        sums = groups.sums(weights)
        area = np.einsum("ij,ij->i", sums.items, sums.errors - sums.wrong)
        area += np.einsum("ij,ij->i", sums.wrong, sums.items + 1) / 2
        return divide(area, sums.covered[:, -1] ** 2)

    return statistic


def coverage_at_risk(groups: Groups, risk: float) -> Statistic:
    """Largest coverage that a threshold reaches with a selective risk of at most ``risk``.

    Chosen on these very questions: it shows what is possible, it promises nothing.
    Ties are admitted together, items without a confidence never; 0 where no
    threshold will do.
    """
    possible = np.isfinite(groups.confidences)

    def statistic(weights: Weights) -> Values:
        sums = groups.sums(weights)
        good = possible & (sums.errors <= risk * sums.covered + 1e-9)
        return divide(np.where(good, sums.covered, 0.0).max(axis=1), sums.covered[:, -1])

    return statistic


def rate_at_rate(groups: Groups, limit: float) -> Statistic:
    """Largest share of right items above a threshold that at most ``limit`` of the wrong pass.

    For a detector, whose 'right' items are those to be found: its true positive rate
    at a false positive rate. The threshold is chosen on these very items, ties pass
    together.
    """

    def statistic(weights: Weights) -> Values:
        sums = groups.sums(weights)
        passed, false = sums.covered - sums.errors, sums.errors
        good = false <= limit * false[:, -1:] + 1e-9
        found = divide(np.where(good, passed, 0.0).max(axis=1), passed[:, -1])
        result: Values = np.where(false[:, -1] > 0, found, np.nan)
        return result

    return statistic


class Harmonic:
    """Harmonic numbers of whole numbers, kept as far as they were needed."""

    def __init__(self) -> None:
        self._known = np.zeros(1)

    def __call__(self, numbers: Values) -> Values:
        """H(n) of each number, the same shape."""
        size = int(numbers.max(initial=0)) + 1
        if len(self._known) < size:
            # Twice as far, as the next sample may hold a few more items.
            steps = 1.0 / np.arange(1, 2 * size)
            self._known = np.concatenate([[0.0], np.cumsum(steps)])
        found: Values = self._known[numbers.astype(np.intp)]
        return found
