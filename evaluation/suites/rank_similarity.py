"""How alike two rankings are."""

from __future__ import annotations

from collections.abc import Sequence


def overlap_at(first: Sequence[str], second: Sequence[str], depth: int) -> float:
    """Share of passages in common among the first ``depth``; 1 where both are empty.

    >>> overlap_at("abcd", "bcde", 4)
    0.75
    """
    one, other = set(first[:depth]), set(second[:depth])
    longest = max(len(one), len(other))
    return len(one & other) / longest if longest else 1.0


def rank_biased_overlap(
    first: Sequence[str], second: Sequence[str], *, persistence: float = 0.9
) -> float:
    """Extrapolated rank-biased overlap, 0 to 1; 1 where both are empty.

    The share of common items at each depth, weighted so that a reader who goes on to the
    next rank with probability ``persistence`` sees it; the agreement at the end is taken
    to go on. At .9 the first ten ranks have 86 % of the weight.

    Source: Webber, Moffat and Zobel 2010, equation 32 (lists of different length).

    Args:
        first: items, best first, each once.
        second: likewise.
        persistence: above 0 and below 1.

    >>> rank_biased_overlap("abc", "abc")
    1.0
    >>> round(rank_biased_overlap("ab", "cd"), 3)
    0.0
    """
    short, long = sorted((list(first), list(second)), key=len)
    if not long:
        return 1.0
    if not short:
        return 0.0
    s, l, p = len(short), len(long), persistence  # noqa: E741 - the paper's letters
    common = [len(set(short[:d]) & set(long[:d])) for d in range(1, l + 1)]
    total = sum(common[d - 1] / d * p**d for d in range(1, l + 1))
    total += sum(common[s - 1] * (d - s) / (s * d) * p**d for d in range(s + 1, l + 1))
    tail = ((common[l - 1] - common[s - 1]) / l + common[s - 1] / s) * p**l
    return min(1.0, (1 - p) / p * total + tail)


def kendall_tau(first: Sequence[str], second: Sequence[str]) -> float | None:
    """Kendall's tau over the items that both rankings have; None where they share under two.

    Source: Kendall 1938; through scipy.

    >>> kendall_tau("abc", "cba"), kendall_tau("a", "a") is None
    (-1.0, True)
    """
    from scipy.stats import kendalltau

    places = {name: place for place, name in enumerate(second)}
    shared = [places[name] for name in first if name in places]
    if len(shared) < 2:
        return None
    return round(float(kendalltau(range(len(shared)), shared).statistic), 12)
