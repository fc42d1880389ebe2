"""What indexes over words have in common: the query, BM25 and its statistics, order and ties.

An index is made over named fields (all of a passage, or its body, title, headings), and a search
is over one of them; fields are fused by rank outside.

BM25 (Robertson et al. 1994, "Okapi at TREC-3"; the variants are compared by Kamphuis et al. 2020,
"Which BM25 do you mean?", table 1) scores a passage by the sum, over the query's terms, of

    idf(term) * tf * gain / (tf + k1 * (1 - b + b * length / mean length))

where ``tf`` is how often the passage holds the term. A term that the query holds twice counts
twice. With N passages, of which n hold the term:

============  =========================================  ========  =================================
index         idf                                        gain      length
============  =========================================  ========  =================================
numpy         ln(1 + (N - n + 0.5) / (n + 0.5))          k1 + 1    in terms
tantivy       ln(1 + (N - n + 0.5) / (n + 0.5))          k1 + 1    from 40 terms on cut to 3 binary
                                                                   digits after the first
bm25s         ln(1 + (N - n + 0.5) / (n + 0.5))          1         in terms
rank_bm25     ln(N - n + 0.5) - ln(n + 0.5); where that  k1 + 1    in terms
              is below 0: epsilon * its mean over terms
============  =========================================  ========  =================================

Means are over all N passages, with and without the field. So numpy and bm25s put passages in the
same order, with scores that differ by the factor k1 + 1, and numpy and tantivy give passages of up
to 39 terms the same scores.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.corpora.corpus import TermStatistics
from assay.corpora.indexes.index import Found, Index, Rows, Searcher, Terms
from assay.pipeline.errors import UsageError, nearest

EVERYTHING = "all"
"""The field that holds all words of a passage, where an index has no other."""

_FIELD = re.compile(r"[a-z]+")
_BREAK = re.compile(r"[\t\n\f\r]")


@dataclass(frozen=True, slots=True)
class Words:
    """A query of index terms over one field.

    Args:
        terms: as the analyzer gives them; their order does not count, repetitions do.
        field: one of the index's fields.
    """

    terms: tuple[str, ...]
    field: str = EVERYTHING


class LexicalSearcher(Searcher[Words]):
    """An index over words that was opened.

    Scores are above 0. Those that differ by no more than the order of addition does are ties (see
    ``floor``).

    Args:
        fields: names of the fields that can be searched.
    """

    def __init__(self, fields: Sequence[str]) -> None:
        self._fields = tuple(fields)

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that can be searched."""
        return self._fields

    def search(self, asked: Words, k: int, *, allowed: Rows | None = None) -> Found:
        """See ``Searcher.search``; rows that hold none of the terms are not found.

        Raises:
            UsageError: for an unknown field, or k below 1.
        """
        self._known(asked.field)
        if k < 1:
            raise UsageError(f"a search gives the best k from 1; asked for {k}")
        terms = counted(asked.terms)
        if not terms or not self.size or (allowed is not None and not len(allowed)):
            return best(np.empty(0, dtype=np.int64), np.empty(0), k, parts=0)
        return self._find(asked.field, terms, k, allowed)

    def statistics(self, terms: Sequence[str], *, field: str = EVERYTHING) -> TermStatistics:
        """How many passages hold each term in a field, as scores see it.

        Raises:
            UsageError: for an unknown field.
        """
        self._known(field)
        return self._statistics(tuple(dict.fromkeys(terms)), field)

    @abstractmethod
    def _find(self, field: str, terms: Mapping[str, int], k: int, allowed: Rows | None) -> Found:
        """The search, once the question is in order: terms with counts, in a fixed order."""

    @abstractmethod
    def _statistics(self, terms: Sequence[str], field: str) -> TermStatistics:
        """The statistics of distinct terms in a field that is there."""

    def _known(self, field: str) -> None:
        if field not in self._fields:
            raise UsageError(
                f"the index has no field '{field}'; {nearest(field, self._fields)};"
                " set the corpus's fields and index again to have others"
            )


class LexicalIndex(Index[Terms, Words]):
    """A kind of index over words.

    Args:
        fields: names in small letters; an item may hold these and no others.
        k1: how soon repetitions of a term stop counting, from 0.
        b: how far long passages are marked down, 0 to 1.

    Raises:
        UsageError: if a parameter is out of its range.
    """

    library: str

    def __init__(self, fields: Sequence[str] = (EVERYTHING,), *, k1: float, b: float) -> None:
        if not fields or not all(map(_FIELD.fullmatch, fields)) or len({*fields}) < len(fields):
            raise UsageError(
                f"fields of an index are distinct names in small letters; found {list(fields)}"
            )
        if not (0 <= k1 < float("inf") and 0 <= b <= 1):
            raise UsageError(f"BM25 takes k1 from 0 and b from 0 to 1; found k1 = {k1}, b = {b}")
        self._fields = tuple(fields)
        self._names = frozenset(fields)
        self._k1 = float(k1)
        self._b = float(b)

    def settings(self) -> Mapping[str, object]:
        """Library, fields, k1 and b."""
        return {
            "library": self.library,
            "fields": list(self._fields),
            "k1": self._k1,
            "b": self._b,
        }

    def _spelled(self, row: int, item: Terms) -> list[str]:
        """An item's terms, field by field, joined by single spaces.

        Raises:
            UsageError: for a field that the index does not have, or a term with a space in it.
        """
        if not item.keys() <= self._names:
            strange = sorted(item.keys() - self._names)
            raise UsageError(f"row {row} has fields {strange}; the index has {list(self._fields)}")
        return [joined(item.get(name, ()), row) for name in self._fields]


def joined(terms: Sequence[str], row: int) -> str:
    """Terms with single spaces between them; half characters, which no file takes, as ``?``.

    Raises:
        UsageError: if a term is empty or has white space in it.
    """
    text = " ".join(terms)
    if not terms:
        return ""
    spaced = text.count(" ") == len(terms) - 1 and "  " not in text and text.strip(" ") == text
    broken = not text.isprintable() and _BREAK.search(text) is not None
    if broken or not spaced or not text:
        raise UsageError(f"a term of row {row} is empty or has white space in it")
    return text if text.isascii() else whole(text)


def counted(terms: Sequence[str]) -> dict[str, int]:
    """A query's terms with how often they come, in one order for all orders of the terms."""
    counts = Counter(whole(term) for term in terms if term)
    return {term: counts[term] for term in sorted(counts)}


def whole(text: str) -> str:
    """The text, with half characters (lone surrogates) as ``?``."""
    return text if _whole(text) else text.encode("utf-8", "replace").decode("utf-8")


def among(rows: Rows, members: Rows) -> NDArray[np.bool_]:
    """Which rows are members.

    Args:
        rows: in any order.
        members: in rising order.
    """
    if not len(members):
        return np.zeros(len(rows), dtype=np.bool_)
    places = np.minimum(np.searchsorted(members, rows), len(members) - 1)
    return np.asarray(members[places] == rows)


def positions(rows: Rows, chosen: Rows) -> NDArray[np.intp]:
    """Where those of the chosen rows that are there stand; both in rising order."""
    return np.searchsorted(rows, chosen[among(chosen, rows)])


def best(rows: Rows, scores: NDArray[np.floating], k: int, *, parts: int) -> Found:
    """The best k with all ties, out of candidates.

    Args:
        rows: in any order; every row whose score is not below ``floor`` must be there.
        scores: of these rows; only those above 0 are taken.
        k: from 1.
        parts: how many addends a score may have; see ``floor``.
    """
    rows, _, raised = _in_order(rows, scores, parts)
    last = min(k, len(rows))
    count = int(np.sum(raised >= raised[last - 1])) if last else 0
    return Found(rows[:count].astype(np.int64), raised[:count].astype(np.float32))


def floor(rows: Rows, scores: NDArray[np.floating], k: int, *, parts: int) -> float:
    """The score below which nothing can tie with the k-th of these rows; there are k or more.

    A library adds the parts of a score as it meets them, so that passages that hold the same may
    differ in the last digits of single precision. Of m parts two sums differ by at most
    (m - 1) * 2**-23 of their value (of two parts they never do): scores that lie so near one
    another, one by one, are ties, and take the value of the highest.
    """
    _, values, raised = _in_order(rows, scores, parts)
    lowest = float(values[raised >= raised[k - 1]][-1])
    return lowest - _noise(parts) * lowest


def _in_order(
    rows: Rows, scores: NDArray[np.floating], parts: int
) -> tuple[Rows, NDArray[np.float64], NDArray[np.float64]]:
    good = scores > 0
    rows, values = rows[good], scores[good].astype(np.float32).astype(np.float64)
    order = np.argsort(-values, kind="stable")
    rows, values = rows[order], values[order]
    opens = np.ones(len(values), dtype=np.bool_)
    opens[1:] = values[:-1] - values[1:] > _noise(parts) * values[:-1]
    raised = values[opens][np.cumsum(opens) - 1]
    order = np.lexsort((rows, -raised))
    return rows[order], values, raised


def _noise(parts: int) -> float:
    return 0.0 if parts <= 2 else (parts - 1) * 2.0**-23


def _whole(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
