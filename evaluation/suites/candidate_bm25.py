"""BM25 over a few texts: how well words alone tell one question's candidates apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from assay.corpora.analyzer import Analyzer
from assay.corpora.stop_words import StopWords

K1, B = 1.5, 0.75


def analyzer_for(language: StopWords) -> Analyzer:
    """Folds word endings and leaves out function words; neither for ``none``."""
    return Analyzer(stop_words=language, stemmer=language)


class CandidateBm25:
    """BM25 by bm25s (method ``lucene``), indexed over exactly these texts.

    The inverse document frequency is of these texts too, so scores of different candidate
    lists are on different scales; with few texts a term that all of them hold weighs almost
    nothing.

    Args:
        texts: the candidates.
        analyzer: makes terms of texts and questions.
    """

    def __init__(self, texts: Sequence[str], analyzer: Analyzer) -> None:
        import bm25s

        self._analyzer = analyzer
        self._size = len(texts)
        terms = [analyzer.terms(text) for text in texts]
        self._engine: bm25s.BM25 | None = None
        if any(terms):
            self._engine = bm25s.BM25(k1=K1, b=B, method="lucene")
            self._engine.index(terms, show_progress=False)

    def scores(self, question: str) -> NDArray[np.float64]:
        """A score for each text, shape ``(n_texts,)``; 0 where no word is shared."""
        if self._engine is None:
            return np.zeros(self._size)
        known = [one for one in self._analyzer.terms(question) if one in self._engine.vocab_dict]
        if not known:
            return np.zeros(self._size)
        return np.asarray(self._engine.get_scores(known), dtype=float)


def order_by(scores: Sequence[float] | NDArray[np.float64], names: Sequence[str]) -> list[str]:
    """Names by falling score, ties by name, so that no ranking is favoured by them.

    >>> order_by([1.0, 2.0, 2.0], ["c", "b", "a"])
    ['a', 'b', 'c']
    """
    pairs = sorted(zip(scores, names, strict=True), key=lambda one: (-float(one[0]), one[1]))
    return [name for _, name in pairs]
