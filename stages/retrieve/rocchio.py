"""Rocchio's formula: a query moved towards what was found, as a vector or as weighted words.

``q' = alpha q + beta mean(top) - gamma mean(bottom)``, after Rocchio 1971, "Relevance feedback in
information retrieval", in Salton (ed.), The SMART Retrieval System; in the form of Manning,
Raghavan and Schuetze 2008, "Introduction to Information Retrieval", equation 9.3. Here nobody
judges: the best hits are taken to be relevant, and the last ones not (section 9.1.6).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from assay.models.protocols import Floats

_SURFACE = re.compile(r"\w+")

FINEST = 20
"""How often the heaviest word is repeated in a query that says weights by repetition."""


@dataclass(frozen=True, slots=True)
class Weights:
    """How much the query, the best and the last passages count, each at least 0."""

    alpha: float
    beta: float
    gamma: float


@dataclass(frozen=True, slots=True)
class Expansion:
    """Words to search for besides those of the query.

    Args:
        own: weight of the query's words.
        words: weight of each further word, heaviest first.
    """

    own: float
    words: Mapping[str, float]

    def text(self, query: str) -> str:
        """The query with its expansion, each repeated in proportion to its weight."""
        largest = max((self.own, *self.words.values()), default=0.0)
        if not self.words or largest <= 0:
            return query
        parts = [query] * round(FINEST * self.own / largest)
        for word, weight in self.words.items():
            parts += [word] * round(FINEST * weight / largest)
        return "\n".join(parts)


def moved(query: Floats, top: Floats, bottom: Floats, weights: Weights) -> Floats:
    """A query vector moved; the query itself where nothing is left of it.

    Args:
        query: shape ``(dimension,)``.
        top: shape ``(n, dimension)``, n from 1.
        bottom: shape ``(n, dimension)``, n from 0.
        weights: of the three.
    """
    found = weights.alpha * query + weights.beta * top.mean(axis=0)
    if len(bottom):
        found = found - weights.gamma * bottom.mean(axis=0)
    return found if float(np.linalg.norm(found)) > 1e-6 else query


def expansion(
    query: str,
    top: Sequence[str],
    bottom: Sequence[str],
    *,
    count: int,
    weights: Weights,
    terms: Callable[[str], list[str]],
    idf: Callable[[Sequence[str]], Mapping[str, float]],
) -> Expansion:
    """The best words of passages by Rocchio's weights.

    Texts are vectors of ``(1 + ln tf) idf`` of length 1, the query one of ``tf idf``. The search
    that follows weighs each term by its idf again, so a term's weight there is its share of
    the moved vector divided by its idf. Terms of the query keep at least their own weight: a
    word that is said already can be repeated and not taken back. A term is handed on as the word
    that gave it most often, since the search analyses it anew.

    Args:
        query: its text.
        top: texts taken to be relevant, at least one.
        bottom: texts taken not to be.
        count: most words that the query does not have.
        weights: of the three.
        terms: a text's index terms.
        idf: inverse document frequencies of those terms that the corpus has, above 0.
    """
    asked = Counter(terms(query))
    counted = {text: Counter(terms(text)) for text in dict.fromkeys((*top, *bottom))}
    rare = idf(sorted({*asked, *(term for one in counted.values() for term in one)}))
    length = math.sqrt(sum((n * rare[term]) ** 2 for term, n in asked.items() if term in rare))
    gains: dict[str, float] = {}
    for texts, factor in ((top, weights.beta), (bottom, -weights.gamma)):
        for text in texts:
            for term, share in _shares(counted[text], rare).items():
                gains[term] = gains.get(term, 0.0) + factor / len(texts) * share
    order = sorted((one for one in gains if gains[one] > 0), key=lambda one: (-gains[one], one))
    surfaces = _surfaces(top, terms)
    new = [one for one in order if one not in asked and one in surfaces][:count]
    known = [one for one in order if one in asked and one in surfaces]
    chosen = sorted((*new, *known), key=lambda one: (-gains[one] / rare[one], one))
    return Expansion(
        weights.alpha / (length or 1.0),
        {surfaces[one]: gains[one] / rare[one] for one in chosen},
    )


def _shares(counts: Mapping[str, int], rare: Mapping[str, float]) -> dict[str, float]:
    """A text's vector, of length 1."""
    shares = {term: (1 + math.log(n)) * rare[term] for term, n in counts.items() if term in rare}
    length = math.sqrt(math.fsum(share**2 for share in shares.values()))
    return {term: share / length for term, share in shares.items()}


def _surfaces(texts: Sequence[str], terms: Callable[[str], list[str]]) -> dict[str, str]:
    """Term to the word that is analysed as this term alone, the most frequent of several."""
    words = Counter(word for text in texts for word in _SURFACE.findall(text.lower()))
    found: dict[str, str] = {}
    for word in sorted(words, key=lambda one: (-words[one], one)):
        match terms(word):
            case [term]:
                found.setdefault(term, word)
            case several:
                # Pieces of a script without spaces are their own words.
                for term in several:
                    if term not in found and terms(term) == [term]:
                        found[term] = term
    return found
