"""How selectors write a figure in a reason."""

from __future__ import annotations

from assay.pipeline.words import Score, ScoreKind

_NAMES = {ScoreKind.BM25: "BM25", ScoreKind.RRF: "RRF", ScoreKind.PAGERANK: "PageRank"}


def figure(value: float) -> str:
    """Four digits at most.

    >>> figure(0.83333), figure(2.0), figure(123456.0), figure(-0.0)
    ('0.8333', '2', '1.235e+05', '0')
    """
    return f"{value + 0.0:.4g}"


def named(kind: ScoreKind) -> str:
    """A kind of score as a sentence names it.

    >>> named(ScoreKind.PROBABILITY), named(ScoreKind.FUSED), named(ScoreKind.BM25)
    ('probability', 'fused score', 'BM25')
    """
    if kind in _NAMES:
        return _NAMES[kind]
    whole = (ScoreKind.PROBABILITY, ScoreKind.LOGIT, ScoreKind.COSINE, ScoreKind.RATING)
    return kind.value if kind in whole else f"{kind.value} score"


def told(score: Score) -> str:
    """A score with its kind.

    >>> told(Score(0.825, ScoreKind.PROBABILITY, "test"))
    'probability 0.825'
    """
    return f"{named(score.kind)} {figure(score.value)}"
