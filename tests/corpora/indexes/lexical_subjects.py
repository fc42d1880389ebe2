"""The lexical indexes for the kit: random passages and queries, and the stated formulas by hand."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from assay.corpora.indexes.bm25s_bm25 import Bm25sBm25
from assay.corpora.indexes.index import Terms
from assay.corpora.indexes.lexical import LexicalIndex, Words
from assay.corpora.indexes.numpy_bm25 import NumpyBm25
from assay.corpora.indexes.rank_bm25_bm25 import RankBm25Bm25
from assay.corpora.indexes.tantivy_bm25 import TantivyBm25
from tests.conformance.index_subject import IndexSubject

FIELDS = ("body", "title")
VOCABULARY = ("if", "str.format", "%g", "->", "東京", "naïve", *"abcdefghijklmnopqrstuvwxyz")
Passages = Mapping[int, Sequence[str]]
Scores = dict[int, float]


def item(rng: np.random.Generator) -> Terms:
    """A passage: some are empty, some long, some without a title, common words more often."""
    body = words(rng, int(rng.choice([0, 1, 3, 8, 30, 39, 40, 41, 75])))
    title = words(rng, int(rng.integers(0, 4)))
    return {"body": body, "title": title} if title else {"body": body}


def words(rng: np.random.Generator, count: int) -> list[str]:
    """Terms with a few common ones and many rare ones."""
    places = np.minimum(rng.zipf(1.3, count) - 1, len(VOCABULARY) - 1)
    return [VOCABULARY[place] for place in places]


def asked(rng: np.random.Generator) -> Words:
    """One to five terms, one of them perhaps twice, one perhaps unknown."""
    terms = words(rng, int(rng.integers(1, 6)))
    if rng.random() < 0.3:
        terms.append(terms[0])
    if rng.random() < 0.2:
        terms.append("unknown")
    return Words(tuple(terms), str(rng.choice(FIELDS)))


def cut(length: int) -> int:
    """A length as tantivy keeps it: exact below 40, then three binary digits after the first."""
    if length < 40:
        return length
    rest = length - 24
    shift = max(0, rest.bit_length() - 4)
    return 24 + (rest >> shift << shift)


def lucene(
    passages: Passages,
    terms: Sequence[str],
    *,
    k1: float = 1.2,
    b: float = 0.75,
    gain: float = 1.0,
    kept: Callable[[int], int] = int,
) -> Scores:
    """The formula of tantivy (gain k1 + 1, lengths cut) and of bm25s (gain 1, exact lengths)."""
    count = len(passages)
    mean = sum(map(len, passages.values())) / max(count, 1)
    scores: Scores = {}
    for term in terms:
        holders = [row for row, held in passages.items() if term in held]
        idf = math.log(1 + (count - len(holders) + 0.5) / (len(holders) + 0.5))
        for row in holders:
            held = passages[row]
            times = held.count(term)
            size = 1 - b + b * kept(len(held)) / mean
            part = idf * times * gain / (times + k1 * size)
            scores[row] = scores.get(row, 0.0) + part
    return scores


def okapi(passages: Passages, terms: Sequence[str], *, k1: float = 1.5, b: float = 0.75) -> Scores:
    """The formula of rank_bm25, with its floor under negative idf."""
    count = len(passages)
    known = {term for held in passages.values() for term in held}
    if not known:
        return {}
    numbers = {term: sum(term in held for held in passages.values()) for term in known}
    idfs = {t: math.log(count - n + 0.5) - math.log(n + 0.5) for t, n in numbers.items()}
    least = 0.25 * sum(idfs.values()) / len(idfs)
    mean = sum(map(len, passages.values())) / count
    scores: Scores = {}
    for row, held in passages.items():
        total = 0.0
        for term in terms:
            if term in idfs:
                idf = idfs[term] if idfs[term] >= 0 else least
                times = held.count(term)
                size = 1 - b + b * len(held) / mean
                total += idf * times * (k1 + 1) / (times + k1 * size)
        scores[row] = total
    return {row: score for row, score in scores.items() if score > 1e-9}


def _field(items: Mapping[int, Terms], name: str) -> Passages:
    return {row: list(held.get(name, ())) for row, held in items.items()}


def _by_tantivy(live: Mapping[int, Terms], gone: Mapping[int, Terms], query: Words) -> Scores:
    passages = _field({**live, **gone}, query.field)
    scores = lucene(passages, sorted(query.terms), gain=2.2, kept=cut)
    return {row: score for row, score in scores.items() if row in live}


def _by_numpy(live: Mapping[int, Terms], gone: Mapping[int, Terms], query: Words) -> Scores:
    return lucene(_field(live, query.field), sorted(query.terms), k1=0.9, b=0.4, gain=1.9)


def _by_bm25s(live: Mapping[int, Terms], gone: Mapping[int, Terms], query: Words) -> Scores:
    return lucene(_field(live, query.field), sorted(query.terms), k1=0.9, b=0.4)


def _by_rank_bm25(live: Mapping[int, Terms], gone: Mapping[int, Terms], query: Words) -> Scores:
    return okapi(_field(live, query.field), sorted(query.terms))


Subject = IndexSubject[Terms, Words]


def _subject(
    name: str,
    make: Callable[[], LexicalIndex],
    scores: Callable[[Mapping[int, Terms], Mapping[int, Terms], Words], Scores],
) -> Subject:
    return IndexSubject(name=name, make=make, item=item, asked=asked, scores=scores, tolerance=2e-5)


SUBJECTS: Mapping[str, Subject] = {
    one.name: one
    for one in (
        _subject("tantivy", lambda: TantivyBm25(FIELDS), _by_tantivy),
        _subject(
            "tantivy, removed rows kept",
            lambda: TantivyBm25(FIELDS, renew_below=0, renew_share=0.5),
            _by_tantivy,
        ),
        _subject("numpy", lambda: NumpyBm25(FIELDS, k1=0.9, b=0.4), _by_numpy),
        _subject("bm25s", lambda: Bm25sBm25(FIELDS, k1=0.9, b=0.4), _by_bm25s),
        _subject("rank_bm25", lambda: RankBm25Bm25(FIELDS), _by_rank_bm25),
    )
}
"""The kinds of lexical index by name."""
