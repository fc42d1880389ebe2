"""A cross-encoder without a model, for tests and dry runs."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from assay.models.account import book, check
from assay.models.protocols import CrossEncoder, Floats
from assay.pipeline.canonical import digest
from assay.pipeline.component import register
from assay.pipeline.context import RunContext
from assay.pipeline.text import content_words, words


@register("models.overlap_cross_encoder@1")
class OverlapCrossEncoder(CrossEncoder):
    """The log-odds of the share of the query's content words that a passage holds.

    For tests and dry runs. With h of q distinct words found the logit is
    ln((h + 1/2) / (q - h + 1/2)), which is finite and grows with h.
    Cost: one call a pair, no FLOPs.
    """

    def fingerprint(self) -> str:
        """Over the name: there is nothing to set."""
        return digest({"name": self.name})

    def score(self, pairs: Sequence[tuple[str, str]], contexts: Sequence[RunContext]) -> Floats:
        """Raw logits, shape ``(len(pairs),)``."""
        check(contexts)
        lengths = [len(words(query)) + len(words(passage)) for query, passage in pairs]
        book(contexts, lengths, [0.0] * len(pairs))
        return np.asarray([_logit(*pair) for pair in pairs], dtype=np.float32)


def _logit(query: str, passage: str) -> float:
    wanted = set(content_words(query))
    held = len(wanted & set(content_words(passage)))
    return math.log((held + 0.5) / (len(wanted) - held + 0.5))
