"""Exact binomial tests and bounds for losses that are 0 or 1.

Every function takes integer counts. A mean loses the count: ``floor(n * (k / n))``
is below ``k`` for k=15, n=22, and a test on it rejects what it must not.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

from assay.pipeline.errors import UsageError

NEGLIGIBLE = 1e-26
"""A term this small beside the largest cannot change a double, nor can thousands of them."""
LARGEST_SAMPLE = 5_000
"""Where ``sample_size`` gives up: few would label more questions than this."""


def binomial_cdf(k: int, n: int, p: float) -> float:
    """P(X <= k) for X ~ Binomial(n, p).

    Terms follow from their neighbours, outwards from the largest, and are summed with
    ``math.fsum``: the absolute error stays under 1e-11 for n up to 3000.

    Args:
        k: count, any integer.
        n: number of draws, at least 0.
        p: probability of a success, in [0, 1].

    Raises:
        UsageError: for counts that are not integers or a ``p`` outside [0, 1].

    >>> round(binomial_cdf(4, 100, 0.10), 6)
    0.023711
    """
    _integers(k=k, n=n)
    if n < 0 or not 0.0 <= p <= 1.0:
        raise UsageError(f"expected n >= 0 and p in [0, 1], found n={n}, p={p}")
    if k < 0:
        return 0.0
    if k >= n or p == 0.0:
        return 1.0
    if p == 1.0:
        return 0.0
    start = min(k, int((n + 1) * p))
    log_start = math.lgamma(n + 1) - math.lgamma(start + 1) - math.lgamma(n - start + 1)
    log_start += start * math.log(p) + (n - start) * math.log1p(-p)
    odds = p / (1.0 - p)
    return min(1.0, _sum_of(log_start, start, k, lambda i: (n - i + 1) / i * odds))


def beta_binomial_cdf(k: int, n: int, a: float, b: float) -> float:
    """P(X <= k) for X ~ Binomial(n, r) with r ~ Beta(a, b).

    Args:
        k: count, any integer.
        n: number of draws, at least 0.
        a: above 0.
        b: above 0.

    Raises:
        UsageError: for counts that are not integers or shapes that are not positive.

    >>> beta_binomial_cdf(1, 4, 1.0, 1.0)  # a uniform risk makes all counts equally likely
    0.4
    """
    _integers(k=k, n=n)
    if n < 0 or not (a > 0.0 and b > 0.0):
        raise UsageError(f"expected n >= 0, a > 0 and b > 0, found {n=}, {a=}, {b=}")
    if k < 0:
        return 0.0
    if k >= n:
        return 1.0
    inner = a > 1.0 and b > 1.0
    peak = (n + 1) * (a - 1) / (a + b - 2) if inner else 0.0 if a <= b else float(n)
    start = min(k, n, max(0, int(peak)))
    log_start = math.lgamma(n + 1) - math.lgamma(start + 1) - math.lgamma(n - start + 1)
    log_start += math.lgamma(start + a) + math.lgamma(n - start + b) - math.lgamma(n + a + b)
    log_start += math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    total = _sum_of(
        log_start,
        start,
        k,
        lambda i: (n - i + 1) / i * (i - 1 + a) / (n - i + b),
        whole=not inner,  # it may rise at both ends
    )
    return round(min(1.0, total), 12)


def p_value(k: int, n: int, alpha: float) -> float:
    """p-value of "the risk exceeds alpha" after ``k`` losses in ``n`` questions.

    Exact at the boundary, hence valid for every risk above ``alpha``. Also valid
    for a risk given a condition (wrong given answered): given which questions
    are answered, their losses are independent draws at that risk.

    Args:
        k: losses, in [0, n].
        n: questions that the risk is about; 0 tells nothing, so p is 1.
        alpha: the level, in (0, 1).

    Raises:
        UsageError: for impossible counts.
    """
    _integers(k=k, n=n)
    if not 0 <= k <= n:
        raise UsageError(f"expected 0 <= k <= n, found k={k}, n={n}")
    return 1.0 if n == 0 else binomial_cdf(k, n, alpha)


def clopper_pearson_upper(k: int, n: int, delta: float) -> float:
    """One-sided upper bound on a probability, Clopper and Pearson (1934).

    A bound at one threshold fixed beforehand; at a threshold that was selected
    on the same data it is a description, not a guarantee.

    Args:
        k: losses, in [0, n].
        n: questions; 0 gives 1.
        delta: probability that the bound is below the truth, in (0, 1).

    Returns:
        The largest p with ``P(X <= k) > delta``, rounded upwards.
    """
    _integers(k=k, n=n)
    if not 0 <= k <= n or not 0.0 < delta < 1.0:
        raise UsageError(f"expected 0 <= k <= n and 0 < delta < 1, found {k=}, {n=}, {delta=}")
    if k == n:
        return 1.0
    low, high = k / n, 1.0
    for _ in range(200):
        middle = (low + high) / 2
        if binomial_cdf(k, n, middle) > delta:
            low = middle
        else:
            high = middle
    return high


def clopper_pearson_lower(k: int, n: int, delta: float) -> float:
    """One-sided lower bound on a probability; 0 when ``k`` is 0."""
    return 1.0 - clopper_pearson_upper(n - k, n, delta)


def n_min(alpha: float, delta: float) -> int:
    """Smallest sample that certifies ``alpha`` when it shows no failure at all.

    >>> n_min(0.05, 0.05), n_min(0.01, 0.05)
    (59, 299)
    """
    _levels(alpha, delta)
    n = max(1, math.ceil(math.log(delta) / math.log1p(-alpha)) - 1)
    while p_value(0, n, alpha) > delta:
        n += 1
    return n


def max_failures(n: int, alpha: float, delta: float) -> int | None:
    """Most failures in ``n`` questions that still certify ``alpha``; None if not even 0 does."""
    _levels(alpha, delta)
    if p_value(0, n, alpha) > delta:
        return None
    # The normal approximation is near; doubling steps from there bracket the answer.
    spread = math.sqrt(n * alpha * (1 - alpha))
    guess = n * alpha - NormalDist().inv_cdf(1 - delta) * spread
    low = high = min(max(0, int(guess)), n)
    step = 1
    while low > 0 and p_value(low, n, alpha) > delta:
        low, high, step = max(0, low - step), low, 2 * step
    step = 1
    while high == low and high < n:
        following = min(n, high + step)
        if p_value(following, n, alpha) <= delta:
            low = high = following
            step *= 2
        else:
            high = following
    while high - low > 1:
        middle = (low + high) // 2
        if p_value(middle, n, alpha) <= delta:
            low = middle
        else:
            high = middle
    return low


def sample_size(rate: float, alpha: float, delta: float, *, power: float = 0.9) -> int | None:
    """Smallest sample that certifies ``alpha`` with probability ``power``.

    Between two samples that allow the same number of failures the smaller one
    has more power, so only the first sample for each number is tried.

    Args:
        rate: the true risk that is assumed, in [0, 1].
        alpha: the level, in (0, 1).
        delta: size of the test, in (0, 1).
        power: probability of success, in (0, 1).

    Returns:
        The size; None if no sample up to ``LARGEST_SAMPLE`` does it.

    >>> sample_size(0.05, 0.10, 0.05)
    239
    """
    _levels(alpha, delta)
    if rate >= alpha:
        return None
    failures, n = 0, n_min(alpha, delta)
    while n <= LARGEST_SAMPLE:
        if binomial_cdf(failures, n, rate) >= power:
            return n
        failures += 1
        n = _first_sample(failures, n + 1, alpha, delta)
    return None


def _sum_of(
    log_start: float, start: int, k: int, ratio: Callable[[int], float], *, whole: bool = False
) -> float:
    """Sum of terms 0 to ``k`` of a distribution with one peak, beginning at its highest.

    Terms too small to change the sum are left out unless ``whole``, so that the work grows with
    the width of the peak and not with ``k``.

    Args:
        log_start: logarithm of term ``start``.
        start: the largest term's place.
        k: the last.
        ratio: term i over term i - 1, for i from 1.
        whole: leave none out.
    """
    least = 0.0 if whole else NEGLIGIBLE
    terms = [1.0]
    value = 1.0
    for i in range(start, 0, -1):
        value /= ratio(i)
        if value < least:
            break
        terms.append(value)
    value = 1.0
    for i in range(start + 1, k + 1):
        value *= ratio(i)
        if value < least:
            break
        terms.append(value)
    return math.exp(log_start) * math.fsum(terms)


def _first_sample(failures: int, start: int, alpha: float, delta: float) -> int:
    low, high = start - 1, start
    while binomial_cdf(failures, high, alpha) > delta:
        low, high = high, high + 2 * (high - low)
    while high - low > 1:
        middle = (low + high) // 2
        if binomial_cdf(failures, middle, alpha) > delta:
            low = middle
        else:
            high = middle
    return high


def _integers(**counts: int) -> None:
    for name, value in counts.items():
        if not isinstance(value, int) or isinstance(value, bool):
            raise UsageError(
                f"{name} must be an integer count, found {value!r}: pass counts, never means"
            )


def _levels(alpha: float, delta: float) -> None:
    if not (0.0 < alpha < 1.0 and 0.0 < delta < 1.0):
        raise UsageError(f"alpha and delta must lie in (0, 1), found {alpha=}, {delta=}")
