"""Which of the points that a long answer must make it makes."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping, Sequence
from typing import Any

from assay.pipeline.errors import DataError

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)

Point = tuple[tuple[str, ...], ...]
"""The wordings of one key point, each as its tokens."""


def key_points(meta: Mapping[str, Any]) -> tuple[Point, ...]:
    """The key points of a question, from ``meta.key_points``.

    A list; each point is a text, or a list of texts of which any one will do.

    Raises:
        DataError: if it is no such list, or a wording has no word in it.

    >>> key_points({"key_points": ["The sun", ["9 am", "nine"]]})
    ((('sun',),), (('9', 'am'), ('nine',)))
    """
    written = meta.get("key_points")
    if written is None:
        return ()
    if not isinstance(written, list | tuple):
        raise DataError(
            f"meta.key_points must be a list of texts or of lists of texts, found {written!r}"
        )
    return tuple(_point(one) for one in written)


def key_point_recall(text: str, points: Sequence[Point]) -> float:
    """The share of key points that a text contains, 0 to 1.

    A wording is contained where its tokens stand in the text side by side, after
    SQuAD's normalisation of both (case, punctuation and the articles dropped): token
    boundaries hold, so ``3`` is not found in ``13``. No model is asked: a point that is
    made in other words than those listed counts as missing.

    Source: the idea of key-point recall is that of Qi et al. 2024 (Long2RAG), who ask a
    language model for entailment where this compares tokens.

    Args:
        text: the answer.
        points: at least one, as ``key_points`` gives them.

    >>> key_point_recall("It opens at nine.", key_points({"key_points": ["sun", ["9", "nine"]]}))
    0.5
    """
    # Tokens hold no white space, so one search in the joined text respects their boundaries.
    found = f" {' '.join(squad_tokens(text))} "
    made = sum(any(f" {' '.join(wording)} " in found for wording in point) for point in points)
    return made / len(points)


def squad_tokens(text: str) -> tuple[str, ...]:
    """A text's tokens as SQuAD compares them.

    Source: Rajpurkar et al. 2016, evaluation script v1.1.

    >>> squad_tokens("The cat's A-team!")
    ('cats', 'ateam')
    """
    return tuple(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def _point(written: object) -> Point:
    wordings = [written] if isinstance(written, str) else written
    if not isinstance(wordings, list | tuple) or not wordings:
        raise DataError(f"a key point must be a text or a list of texts, found {written!r}")
    found = []
    for wording in wordings:
        tokens = squad_tokens(wording) if isinstance(wording, str) else ()
        if not tokens:
            raise DataError(f"a key point must have a word in it, found {wording!r}")
        found.append(tokens)
    return tuple(found)
