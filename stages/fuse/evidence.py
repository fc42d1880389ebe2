"""How well each of several rankings stands up to its passages' texts, without labels or models.

The yardstick is plain word overlap with the query. For a passage d, over the pool of all passages
that are looked at (the first ``look`` of each ranking), with Lucene's BM25 and the pool as corpus:

    evidence(d) = sum over the query's terms t of
                  idf(t) * tf / (tf + k1 * (1 - b + b * length / mean length))
    idf(t) = ln(1 + (N - n(t) + 1/2) / (n(t) + 1/2)),  k1 = 0.9,  b = 0.4

A ranking that is in earnest has more of it above than below, whatever it was made by. A ranking
that is out of order, or made for another question, has not: over random orders of the same n
passages the correlation ``order`` between place and evidence has mean 0 and variance 1 / (n - 1).
If it is about normal, with mean 0 or mean 0.4 and that variance, then at even odds the probability
of the second, after the correlation was seen, is

    reliability = 1 / (1 + exp(-0.4 * (n - 1) * (order - 0.2)))

so a short ranking can neither prove nor lose much. 0.4 is what nine of ten rankings of embeddings
reach on labelled sets, and more of BM25's (``benchmarks/retrieval.py --choose``).

What it cannot see: a ranking whose passages have the query's words in the right order of frequency
and miss its sense; and it takes passages in another language, or questions whose words nobody
uses, for a poor order.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from assay.corpora.analyzer import Analyzer
from assay.corpora.fusion import normalised
from assay.corpora.rendering import readable, rendered
from assay.pipeline.words import Passage, Ranking

EXPECTED = 0.4
"""Correlation of place and evidence that is expected of a ranking in earnest."""

TOP, SHAPE = 5, 10
"""Hits that coverage and names are looked for in; hits that the drop of scores is taken over."""

K1, B = 0.9, 0.4

_NAME = re.compile(r"[^\W_][\w.,'’-]*[^\W_]|[^\W_]")


@dataclass(frozen=True, slots=True)
class Signals:
    """What is known of one ranking; 0 where there is nothing to know it from.

    Args:
        order: correlation (Pearson) of ``-ln(place)`` and evidence over the hits looked at, -1 to
            1; places count from 1.
        reliability: natural logarithm of the probability above, at most 0; of 1/2 where none of
            the passages of any ranking has more evidence than another.
        coverage: mean over the first five hits of the share of the query's terms that a passage
            has, terms weighted by idf; 0 to 1.
        names: share of the query's names and numbers that the first five hits have, 0 to 1.
        drop: 1 less the mean of the min-max-normalised scores of hits 2 to 10: how far the first
            stands out, 0 to 1.
        agreement: correlation of ``-ln(place)`` here and ``-ln(best place)`` elsewhere, which is
            the one behind the last for a passage that no other ranking has; -1 to 1.
    """

    order: float = 0.0
    reliability: float = math.log(0.5)
    coverage: float = 0.0
    names: float = 0.0
    drop: float = 0.0
    agreement: float = 0.0


@dataclass(frozen=True, slots=True)
class _Pool:
    """The passages looked at: evidence, and share of the query's terms, by passage id."""

    evidence: Mapping[str, float]
    coverage: Mapping[str, float]

    @property
    def tells(self) -> bool:
        """Whether some passage has more evidence than another."""
        return len(set(self.evidence.values())) > 1


def signals_of(
    text: str, rankings: Mapping[str, Ranking], *, analyzer: Analyzer, look: int
) -> dict[str, Signals]:
    """The signals of each ranking, by its name.

    Cost: no model calls; every passage that is looked at is cut into words once.

    Args:
        text: the query's.
        rankings: by name.
        analyzer: cuts query and passages into terms.
        look: hits of each ranking that are looked at, from 1.
    """
    seen = {name: ranking.hits[:look] for name, ranking in rankings.items()}
    passages = {hit.passage.id: hit.passage for hits in seen.values() for hit in hits}
    pool = _pool(analyzer.terms(readable(text)), list(passages.values()), analyzer)
    places = {
        name: {hit.passage.id: place for place, hit in enumerate(hits, start=1)}
        for name, hits in seen.items()
    }
    wanted = names_and_numbers(text)
    found: dict[str, Signals] = {}
    for name, hits in seen.items():
        ids = list(places[name])
        others = [own for other, own in places.items() if other != name]
        order = _trend([pool.evidence[one] for one in ids])
        found[name] = Signals(
            order=order,
            reliability=_reliability(order, len(ids)) if pool.tells else math.log(0.5),
            coverage=_mean([pool.coverage[one] for one in ids[:TOP]]),
            names=_named(wanted, [hit.passage for hit in hits[:TOP]]),
            drop=_drop(rankings[name]),
            agreement=_trend([-math.log(_best(one, others, look + 1)) for one in ids]),
        )
    return found


def names_and_numbers(text: str) -> frozenset[str]:
    """Words of a text that are written with a capital or hold a digit, in lower case.

    The first word counts only with a digit or a second capital, for any may stand there.

    >>> sorted(names_and_numbers("Who bought ACME Corp. in 2019?")), names_and_numbers("Who is it?")
    (['2019', 'acme', 'corp'], frozenset())
    """
    found = set()
    for place, match in enumerate(_NAME.finditer(text)):
        word = match.group()
        is_name = word[0].isupper() and (place > 0 or any(one.isupper() for one in word[1:]))
        if is_name or any(one.isdigit() for one in word):
            found.add(word.lower())
    return frozenset(found)


def _pool(asked: Sequence[str], passages: Sequence[Passage], analyzer: Analyzer) -> _Pool:
    terms = dict.fromkeys(asked)
    held: dict[str, Counter[str]] = {}
    lengths: dict[str, int] = {}
    for passage in passages:
        own = analyzer.terms(rendered(passage))
        lengths[passage.id] = len(own)
        held[passage.id] = Counter(term for term in own if term in terms)
    size = len(passages)
    mean = _mean(list(lengths.values())) or 1.0
    idf: dict[str, float] = {}
    for term in terms:
        having = sum(1 for counts in held.values() if term in counts)
        idf[term] = math.log(1 + (size - having + 0.5) / (having + 0.5))
    total = math.fsum(idf.values()) or 1.0
    return _Pool(
        {
            name: math.fsum(
                idf[term] * tf / (tf + K1 * (1 - B + B * lengths[name] / mean))
                for term, tf in counts.items()
            )
            for name, counts in held.items()
        },
        {name: math.fsum(idf[term] for term in counts) / total for name, counts in held.items()},
    )


def _trend(values: Sequence[float]) -> float:
    """Correlation of ``-ln(place)`` with values by place; 0 where either does not vary."""
    size = len(values)
    if size < 3:
        return 0.0
    places = [-math.log(place) for place in range(1, size + 1)]
    centre, middle = _mean(places), _mean(values)
    across = [place - centre for place in places]
    down = [value - middle for value in values]
    spread = math.fsum(one * one for one in across) * math.fsum(one * one for one in down)
    # Rounding leaves a trace where all values are the same.
    if len(set(values)) == 1 or spread <= 0:
        return 0.0
    joint = math.fsum(one * other for one, other in zip(across, down, strict=True))
    return max(-1.0, min(1.0, joint / math.sqrt(spread)))


def _reliability(order: float, size: int) -> float:
    """``ln(1 / (1 + exp(-x)))`` for the exponent in the module's text."""
    exponent = EXPECTED * max(0, size - 1) * (order - EXPECTED / 2)
    return (
        -math.log1p(math.exp(-exponent))
        if exponent > 0
        else exponent - math.log1p(math.exp(exponent))
    )


def _drop(ranking: Ranking) -> float:
    behind = normalised(ranking, "min_max")[1:SHAPE]
    return 1 - _mean(behind) if behind else 0.0


def _best(passage_id: str, places: Sequence[Mapping[str, int]], otherwise: int) -> int:
    return min((own[passage_id] for own in places if passage_id in own), default=otherwise)


def _named(wanted: frozenset[str], passages: Sequence[Passage]) -> float:
    if not wanted:
        return 0.0
    there = {
        match.group().lower() for passage in passages for match in _NAME.finditer(rendered(passage))
    }
    return len(wanted & there) / len(wanted)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else 0.0
