"""How many of a question's words a text has, for selectors that ask no model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from assay.corpora.analyzer import Analyzer
from assay.corpora.rendering import readable
from assay.pipeline.text import words
from assay.stages.rerank.similarity_matrix import idf_of, lexical_similarities

COMPUTES = True
"""What is below decides what selectors give, so it counts for fingerprints."""


def overlaps(question: str, texts: Sequence[str], analyzer: Analyzer) -> list[float]:
    """BM25 of each text for a question, with the texts as the whole collection; at least 0.

    Args:
        question: any text.
        texts: that are compared with one another.
        analyzer: makes terms.

    >>> found = overlaps("tuple", ["A list.", "A tuple."], Analyzer())
    >>> found[0] == 0 < found[1]
    True
    """
    anchors = [analyzer.terms(readable(text)) for text in texts]
    counts = Counter(term for terms in anchors for term in set(terms))
    asked = [analyzer.terms(readable(question))]
    found = lexical_similarities(asked, anchors, idf_of(counts, len(texts)))
    return [float(value) for value in found[0]]


def content_terms(text: str, analyzer: Analyzer, plain: Analyzer) -> dict[str, str]:
    """The terms of a text, each with the word that it comes from, in order.

    Args:
        text: any text.
        analyzer: makes terms.
        plain: makes terms where the analyzer finds none, as in a question of stop words only.

    >>> content_terms("Which lists?", Analyzer(stop_words="english", stemmer="english"), Analyzer())
    {'list': 'lists'}
    """
    for one in (analyzer, plain):
        found: dict[str, str] = {}
        for word in words(readable(text)):
            terms = one.terms(word)
            for term in terms:
                found.setdefault(term, word if len(terms) == 1 else term)
        if found:
            return found
    return {}
