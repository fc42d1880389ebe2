"""What may stand next, found among the likeliest tokens that a server tells."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from assay.models.openai_api.events import UnreadableReply
from assay.models.openai_api.replies import Reply, TokenLogprob, read_whole
from assay.models.openai_api.tokens import TokenCounter
from assay.models.prompt import Candidate
from assay.pipeline.errors import UsageError


def spellings_of(candidates: Sequence[Candidate], counter: TokenCounter) -> list[frozenset[str]]:
    """What each candidate's token may look like.

    Raises:
        UsageError: if two candidates share a spelling, or the tokenizer, where there is one,
            knows none of a candidate's as one token, or if there is no candidate.
    """
    if not candidates:
        raise UsageError("give at least one candidate")
    taken: dict[str, Candidate] = {}
    found: list[frozenset[str]] = []
    for one in candidates:
        spellings = frozenset(
            (one.strip(" "), f" {one.strip(' ')}") if isinstance(one, str) else one
        ) - {""}
        if not counter.estimates:
            spellings = frozenset(text for text in spellings if counter.count(text) == 1)
        if not spellings:
            raise UsageError(f"no spelling of the candidate {one!r} is one token")
        for text in spellings:
            if text in taken:
                raise UsageError(f"the candidates {taken[text]!r} and {one!r} share a token")
            taken[text] = one
        found.append(spellings)
    return found


def floored_logprobs(
    told: TokenLogprob, spellings: Sequence[frozenset[str]]
) -> tuple[list[float], int]:
    """Log-probability of each candidate, with a floor for those that were not told.

    Args:
        told: the token that was generated and the likeliest in its place.
        spellings: the texts that each candidate's token may have.

    Returns:
        One number a candidate, and how many of them are the floor.

    >>> told = TokenLogprob("yes", -0.5, (("yes", -0.5), (" yes", -2.0), ("maybe", -3.0)))
    >>> found, floored = floored_logprobs(told, [frozenset({"yes", " yes"}), frozenset({"no"})])
    >>> [round(one, 3) for one in found], floored
    ([-0.299, -3.0], 1)
    """
    rows = list(told.top)
    if told.logprob is not None and all(text != told.token for text, _ in rows):
        rows.append((told.token, told.logprob))
    found = [[logprob for text, logprob in rows if text in own] for own in spellings]
    missing = sum(not one for one in found)
    left = max(1.0 - math.fsum(math.exp(logprob) for _, logprob in rows), 1e-9)
    floor = min(*(logprob for _, logprob in rows), math.log(left / max(1, missing)))
    sums = [float(np.logaddexp.reduce(one)) if one else floor for one in found]
    return [min(0.0, one) for one in sums], missing


def read_next_token(answer: Any) -> Reply:
    """A whole answer whose first token has log-probabilities.

    Raises:
        UnreadableReply: if it has none.
    """
    reply = read_whole(answer)
    if reply.tokens == () and not reply.text and reply.finish == "stop":
        raise UnreadableReply(
            "the model ended at once, and the server tells nothing of the token that ends",
            "write the prompt so that an answer follows, or take a server that tells",
        )
    if not reply.tokens or (not reply.tokens[0].top and reply.tokens[0].logprob is None):
        raise UnreadableReply(
            "the server told no log-probabilities of the next token",
            "start it so that it tells them, or set logprobs to 0",
        )
    return reply
