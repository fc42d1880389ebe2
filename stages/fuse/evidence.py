"""How well each of several rankings stands up to its passages' texts, without labels or models.

The yardstick is ``surplus``: how much more of the query's words a passage has than others of its
length (``assay.stages.fuse.pool``). A ranking that is in earnest has more of it above than below,
whatever it was made by. A ranking that is out of order has not: over random orders of the same n
passages the correlation ``order`` between place and surplus has mean 0 and variance 1 / (n - 1).
If it is about normal, with mean 0 or mean m and that variance, then at even odds the probability of
the second, after the correlation was seen, is

    reliability = 1 / (1 + exp(-m * (n - 1) * (order - m / 2)))

so a short ranking can neither prove nor lose much. m is 0.6 for scores that count words themselves
(BM25, learned sparse weights) and 0.45 for all others. Measured on dev folds of thirteen labelled
tasks (``benchmarks/retrieval.py --choose``): rankings by BM25 have a median of 0.75 to 0.97 (a
tenth of them less than 0.63 on the worst set), rankings by embeddings of 0.44 to 0.81, and rankings
for another question about 0, but 0.3 where all questions are about the same few passages in the
same words, as on contracts; both m were chosen for these.

What it cannot see: a ranking whose passages have the query's words in the right order of frequency
and miss its sense; it takes passages in another language, or questions whose words nobody uses,
for a poor order; and of texts of two or three words it sees little, since those that have a word of
the query are longer for it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from assay.corpora.fusion import normalised
from assay.corpora.rendering import rendered
from assay.pipeline.words import Hit, Passage, Ranking, ScoreKind
from assay.stages.fuse.pool import Pool

EXPECTED = 0.45
"""Correlation of place and surplus that is expected of a ranking in earnest."""

EXPECTED_OF_WORDS = 0.6
"""The same, of a ranking by scores that count words."""

COUNT_WORDS = frozenset({ScoreKind.BM25, ScoreKind.SPARSE})

TOP, SHAPE = 5, 10
"""Hits that coverage and names are looked for in; hits that the drop of scores is taken over."""

_NAME = re.compile(r"[^\W_][\w.,'’-]*[^\W_]|[^\W_]")


@dataclass(frozen=True, slots=True)
class Signals:
    """What is known of one ranking; 0 where there is nothing to know it from.

    Args:
        order: correlation (Pearson) of ``-ln(place)`` and surplus over the hits looked at, -1 to
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


def signals_of(rankings: Mapping[str, Ranking], pool: Pool, *, look: int) -> dict[str, Signals]:
    """The signals of each ranking, by its name.

    Args:
        rankings: by name.
        pool: what their texts say (``look_at``).
        look: hits of each ranking that it was made of, from 1.
    """
    seen = {name: ranking.hits[:look] for name, ranking in rankings.items()}
    places = {
        name: {hit.passage.id: place for place, hit in enumerate(hits, start=1)}
        for name, hits in seen.items()
    }
    wanted = names_and_numbers(pool.text)
    found: dict[str, Signals] = {}
    for name, hits in seen.items():
        ids = list(places[name])
        others = [own for other, own in places.items() if other != name]
        order = _trend([pool.surplus[one] for one in ids])
        found[name] = Signals(
            order=order,
            reliability=_reliability(order, hits) if pool.tells else math.log(0.5),
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


def _reliability(order: float, hits: Sequence[Hit]) -> float:
    """``ln(1 / (1 + exp(-x)))`` for the exponent in the module's text."""
    counts = bool(hits) and hits[0].score.kind in COUNT_WORDS
    expected = EXPECTED_OF_WORDS if counts else EXPECTED
    exponent = expected * max(0, len(hits) - 1) * (order - expected / 2)
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
