"""How signals ask a language model about one answer: what it reads, and what that costs."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Protocol

from pydantic import Field

from assay.pipeline.component import Config
from assay.pipeline.context import Cost
from assay.pipeline.text import content_words, fold
from assay.pipeline.words import Hit

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""

_MARKER = re.compile(r"\[\d+(?:\s*,\s*\d+)*\]")

STOP = ("\n",)
"""An answer is one line."""

ASKED = (
    "Answer the question with a short phrase from the passages. If they do not answer it, write:"
    " I don't know.\n\n"
)
"""What the prompts of drawn answers begin with."""


class ReadingConfig(Config):
    """What every signal that reads passages can be told."""

    max_passages: int = Field(5, ge=1, le=50, description="passages that are read, best first")
    passage_words: int = Field(150, ge=8, le=10_000, description="most words of a passage")


class Lengths(Protocol):
    """Tokens of the question, and of a passage at the mean."""

    @property
    def query(self) -> int:
        """Of the question."""

    @property
    def passage(self) -> int:
        """Of a passage with its title."""


def passages_read(hits: Sequence[Hit], config: ReadingConfig) -> str:
    """The passages as numbered JSON strings, a line each, so that none can open a new turn."""
    lines = ["Passages:"]
    for number, hit in enumerate(hits[: config.max_passages], 1):
        passage = hit.passage
        text = fold(f"{passage.title}: {passage.text}" if passage.title else passage.text)
        short = " ".join(text.split(" ")[: config.passage_words])
        lines.append(f"[{number}] {json.dumps(short, ensure_ascii=False)}")
    return "\n".join(lines)


def quoted(text: str) -> str:
    """A question or an answer on one line, as a JSON string.

    >>> quoted('so "it" is')
    '"so \\\\"it\\\\" is"'
    """
    return json.dumps(fold(text), ensure_ascii=False)


def cost_of(
    prompts: int, passages: int, sizes: Lengths, config: ReadingConfig, *, own: int, out: int
) -> Cost:
    """Of prompts that all show the passages, in one round; tokens at most.

    Args:
        prompts: how many.
        passages: that come in.
        sizes: lengths in tokens.
        config: how much of the passages is read.
        own: tokens of a prompt beside passages and question.
        out: most tokens that each prompt has written.
    """
    shown = min(passages, config.max_passages)
    each = own + sizes.query + shown * min(sizes.passage, config.passage_words * 4 // 3)
    return Cost(calls=prompts, rounds=1, tokens_in=prompts * each, tokens_out=prompts * out)


def spoken(text: str) -> str:
    """What a model wrote, on one line and without markers of citations.

    >>> spoken("in 1987 [1, 2]")
    'in 1987'
    """
    return fold(_MARKER.sub(" ", text))


def word_f1(one: str, other: str) -> float:
    """F1 of two texts' sets of content words, 0 to 1; 1 for two texts without any.

    >>> word_f1("In Bergen, Norway", "Bergen")
    0.6666666666666666
    """
    mine, theirs = set(content_words(one)), set(content_words(other))
    if not mine and not theirs:
        return 1.0
    return 2 * len(mine & theirs) / (len(mine) + len(theirs))
