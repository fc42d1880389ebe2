"""Several rankings of one question into one: by ranks, by normalised scores, by turns.

What all have in common: rankings come by name and the order of the mapping does not matter; a
passage comes once; ties go to the better best rank, then to the lower passage id.
No function here calls a model.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Literal

from assay.pipeline.errors import UsageError, nearest
from assay.pipeline.words import Hit, Query, Ranking, Score, ScoreKind

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""

Scheme = Literal["min_max", "z_score", "theoretical", "softmax", "rank"]
"""How scores become comparable; see ``normalised``."""

LOWEST: Mapping[ScoreKind, float] = MappingProxyType(
    {
        ScoreKind.BM25: 0.0,
        ScoreKind.SPARSE: 0.0,
        ScoreKind.COSINE: -1.0,
        ScoreKind.RRF: 0.0,
        ScoreKind.FUSED: 0.0,
        ScoreKind.PAGERANK: 0.0,
        ScoreKind.PROBABILITY: 0.0,
    }
)
"""The least value that a score of a kind can have, where there is one."""

INTERLEAVED_K = 60


def reciprocal_rank_fusion(
    query: Query,
    rankings: Mapping[str, Ranking],
    *,
    k: int,
    source: str,
    weights: Mapping[str, float] | None = None,
    limit: int | None = None,
) -> Ranking:
    """Order passages by the sum of ``weight / (k + rank)``, ranks counted from 1.

    Source: Cormack, Clarke and Buettcher, SIGIR 2009, section 2, with weights added.

    Args:
        query: the query of the result.
        rankings: by name.
        k: damping; 60 in the paper.
        source: what the result names as its maker.
        weights: by the same names; None weighs all alike.
        limit: length of the result; None for no limit.
    """
    shares = {
        name: {
            hit.passage.id: (1.0 if weights is None else weights[name]) / (k + rank)
            for rank, hit in enumerate(ranking.hits, start=1)
        }
        for name, ranking in rankings.items()
    }
    return _summed(query, rankings, shares, ScoreKind.RRF, source, limit)


def weighted_fusion(
    query: Query,
    rankings: Mapping[str, Ranking],
    *,
    scheme: Scheme | Mapping[str, Scheme],
    source: str,
    weights: Mapping[str, float] | None = None,
    limit: int | None = None,
) -> Ranking:
    """Order passages by the weighted mean of their normalised scores (kind ``fused``, 0 to 1).

    ``score(d) = sum over rankings r of w(r) * n(r, d) / sum of w``, where ``n(r, d)`` is the
    normalised score and 0 for a passage that ranking r lacks. An empty ranking keeps its
    weight: what the others found is then worth less, in the same order.

    Source: the convex combination of Bruch, Gai and Ingber 2023, "An Analysis of Fusion
    Functions for Hybrid Retrieval", ACM TOIS 42(1), for any number of rankings.

    Args:
        query: the query of the result.
        rankings: by name.
        scheme: one for all rankings, or by the same names; see ``normalised``.
        source: what the result names as its maker.
        weights: by the same names, at least 0 and not all 0; None weighs all alike.
        limit: length of the result; None for no limit.

    Raises:
        UsageError: if a ranking's scores do not fit its scheme.
    """
    chosen = {name: 1.0 if weights is None else weights[name] for name in rankings}
    largest = max(chosen.values(), default=1.0)
    relative = {name: weight / largest for name, weight in chosen.items()}
    total = math.fsum(relative.values())
    shares: dict[str, dict[str, float]] = {}
    for name, ranking in rankings.items():
        try:
            values = normalised(ranking, scheme if isinstance(scheme, str) else scheme[name])
        except UsageError as error:
            raise UsageError(f"ranking '{name}': {error}") from error
        shares[name] = {
            hit.passage.id: relative[name] / total * value
            for hit, value in zip(ranking.hits, values, strict=True)
        }
    return _summed(query, rankings, shares, ScoreKind.FUSED, source, limit)


def normalised(ranking: Ranking, scheme: Scheme) -> list[float]:
    """A ranking's scores on a scale of 0 to 1, where 0 is what a passage that it lacks gets.

    Scores of two kinds are never compared: of a ranking that was rescored at its head only, the
    head counts (``Ranking.alike``) and what follows gets 0, except by ``rank``. With ``s`` a hit's
    score and minimum, maximum, mean and standard deviation (of the whole, divisor n) over the n
    hits that count:

    * ``min_max``: ``(s - min) / (max - min)``; where all are equal (or there is one hit): 1.
    * ``z_score``: ``1 / (1 + exp(-z))`` with ``z = (s - mean) / deviation``; where all are
      equal: 1/2.
    * ``theoretical``: ``(s - low) / (max - low)``, with ``low`` the least value that the kind
      allows (``LOWEST``: BM25 0, cosine -1); where the best hit has that value: 0.
    * ``softmax``: ``exp(z)`` over the sum of ``exp(z)``, z as above, so that the unit of the
      scores does not matter; where all are equal: 1/n.
    * ``rank``: ``1 - (rank - 1) / n``, rank from 1; scores do not count.

    Sources: Montague and Aslam 2001, "Relevance score normalization for metasearch", CIKM
    (``min_max`` is their standard, ``z_score`` their zero-mean unit-variance, here squashed so
    that it has bounds); Bruch, Gai and Ingber 2023 (``theoretical``, there "theoretical
    min-max"); Aslam and Montague 2001, "Models for metasearch", SIGIR (``rank``,
    Borda counts over the ranking's own length).

    Raises:
        UsageError: ``theoretical``, for scores of a kind without a bound.
    """
    if scheme == "rank":
        size = len(ranking.hits)
        return [1 - place / size for place in range(size)]
    head = ranking.alike
    return _of_one_kind(head, scheme) + [0.0] * (len(ranking.hits) - len(head))


def _of_one_kind(hits: Sequence[Hit], scheme: Scheme) -> list[float]:
    size = len(hits)
    if not size:
        return []
    scores = [hit.score.value for hit in hits]
    if scheme == "theoretical":
        return _above(scores, _bound(hits[0].score.kind))
    spread = _above(scores, min(scores))
    if scheme == "min_max":
        return spread if max(spread) > 0 else [1.0] * size
    # z does not change with unit and origin of the scores, so it is taken of the spread ones.
    mean = math.fsum(spread) / size
    deviation = math.sqrt(math.fsum((one - mean) ** 2 for one in spread) / size)
    standard = [(one - mean) / deviation if deviation > 0 else 0.0 for one in spread]
    if scheme == "z_score":
        return [1 / (1 + math.exp(-one)) for one in standard]
    powers = [math.exp(one - max(standard)) for one in standard]
    total = math.fsum(powers)
    return [one / total for one in powers]


def interleaved(
    query: Query,
    rankings: Mapping[str, Ranking],
    *,
    first: str | None = None,
    source: str,
    limit: int | None = None,
) -> Ranking:
    """Take from the rankings by turns, each time the best passage that was not taken yet.

    The score of the hit at place p (from 1) is ``1 / (60 + p)``, of kind ``rrf``: it says the
    place and nothing else.

    Source: Wrzalik and Krechel 2021, "CoRT: Complementary Rankings from Transformers", NAACL,
    for any number of rankings.

    Args:
        query: the query of the result.
        rankings: by name.
        first: whose turn comes first; the others follow in the order of the alphabet. None for
            the first of the alphabet.
        source: what the result names as its maker.
        limit: length of the result; None for no limit.

    Raises:
        UsageError: if no ranking has the name ``first``.
    """
    if first is not None and first not in rankings:
        raise UsageError(f"no ranking is called '{first}'; there are {sorted(rankings)}")
    names = sorted(rankings, key=lambda name: (name != first, name))
    taken: dict[str, Hit] = {}
    waiting = [iter(rankings[name].hits) for name in names]
    while waiting:
        waiting = [hits for hits in waiting if _take(hits, taken)]
    hits = tuple(
        Hit(hit.passage, Score(1 / (INTERLEAVED_K + place), ScoreKind.RRF, source))
        for place, hit in enumerate(list(taken.values())[:limit], start=1)
    )
    return Ranking(query, hits, source)


def joint_query(rankings: Mapping[str, Ranking], problems: Sequence[str], source: str) -> Query:
    """The query that a fused ranking carries: that of the first name in the alphabet.

    Args:
        rankings: by name.
        problems: what the caller found wrong already, a sentence each.
        source: who asks, for messages.

    Raises:
        UsageError: if there is no ranking or a problem, or the rankings were made for different
            readers.
    """
    if not rankings:
        raise UsageError(f"{source} needs at least one ranking under 'rankings'")
    if problems:
        raise UsageError("; ".join(problems))
    queries = [rankings[name].query for name in sorted(rankings)]
    if any(query.scope != queries[0].scope for query in queries):
        raise UsageError("the rankings were made for different readers; they cannot be joined")
    return queries[0]


def weight_problems(weights: Mapping[str, float] | None, inputs: Collection[str]) -> list[str]:
    """What is wrong between weights and the inputs that they are for, a sentence each.

    >>> weight_problems({"dense": 1.0, "spare": 1.0}, ["dense", "sparse"])
    ["weight for 'spare', which is no input; did you mean 'sparse'?",
     "no weight for the input 'sparse'; weigh every input or none"]
    """
    if weights is None:
        return []
    names = sorted(inputs)
    unknown = [
        f"weight for '{name}', which is no input; {nearest(name, names)}"
        for name in sorted(set(weights) - set(names))
    ]
    return unknown + unweighted(weights, names)


def unweighted(weights: Mapping[str, float] | None, inputs: Collection[str]) -> list[str]:
    """Inputs without a weight where there are weights, a sentence each.

    What a run checks: a weight for an input that was left out of this run is no mistake.
    """
    return [
        f"no weight for the input '{name}'; weigh every input or none"
        for name in sorted(inputs)
        if weights is not None and name not in weights
    ]


def _take(hits: Iterator[Hit], taken: dict[str, Hit]) -> bool:
    """Take the next hit that is new; False where there is none."""
    for hit in hits:
        if hit.passage.id not in taken:
            taken[hit.passage.id] = hit
            return True
    return False


def _bound(kind: ScoreKind) -> float:
    if kind not in LOWEST:
        raise UsageError(
            f"scores of kind '{kind}' have no known lowest value, which 'theoretical' needs:"
            " choose 'min_max' or 'z_score'"
        )
    return LOWEST[kind]


def _above(scores: Sequence[float], low: float) -> list[float]:
    """``(s - low) / (max - low)`` in [0, 1]; all 0 where the largest is not above ``low``."""
    # Halves: the difference of two numbers at the ends of the range would be infinite.
    width = max(scores) / 2 - low / 2
    if width <= 0:
        return [0.0] * len(scores)
    return [min(1.0, max(0.0, (score / 2 - low / 2) / width)) for score in scores]


def _summed(
    query: Query,
    rankings: Mapping[str, Ranking],
    shares: Mapping[str, Mapping[str, float]],
    kind: ScoreKind,
    source: str,
    limit: int | None,
) -> Ranking:
    """Order by the sum of each passage's shares, given by ranking and passage id."""
    sums: dict[str, float] = {}
    best: dict[str, int] = {}
    found: dict[str, Hit] = {}
    for name in sorted(rankings):
        for rank, hit in enumerate(rankings[name].hits, start=1):
            passage_id = hit.passage.id
            found.setdefault(passage_id, hit)
            sums[passage_id] = sums.get(passage_id, 0.0) + shares[name][passage_id]
            best[passage_id] = min(rank, best.get(passage_id, rank))
    order = sorted(sums, key=lambda one: (-sums[one], best[one], one))[:limit]
    return Ranking(
        query,
        tuple(
            Hit(found[one].passage, Score(_value(sums[one], kind), kind, source)) for one in order
        ),
        source,
    )


def _value(total: float, kind: ScoreKind) -> float:
    """The sum; where rounding carried it over the end of its scale, the end."""
    return min(1.0, total) if kind is ScoreKind.FUSED else total
