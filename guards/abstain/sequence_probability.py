"""How likely a language model finds an answer that is already there."""

from __future__ import annotations

import math
import re

from pydantic import Field

from assay.guards.abstain.reading import (
    ASKED,
    Lengths,
    ReadingConfig,
    cost_of,
    passages_read,
    quoted,
)
from assay.models.language_model import Ability, LanguageModel, SequenceScore
from assay.pipeline.component import Node, register
from assay.pipeline.context import Cost, RunContext
from assay.pipeline.errors import ModelError
from assay.pipeline.text import fold
from assay.pipeline.words import Answer, Query, Selection, Signals

_WORD = re.compile(r"\s*\S+")
FLOOR = -60.0
"""Log-probability of a word below this counts as this: a word that cannot stand there."""


class SequenceProbabilityConfig(ReadingConfig):
    """Settings of ``abstain.sequence_probability@1``."""

    words: int = Field(40, ge=1, le=1000, description="words of the answer that are read")


@register("abstain.sequence_probability@1")
class SequenceProbability(Node):
    """``total`` (product of the tokens' probabilities), ``mean`` (their geometric mean) and
    ``least`` (that of the word with the lowest geometric mean), each 0 to 1.

    Works for every answer, also one that another model or a person wrote: each word is scored
    behind the passages, the question and the words before it. An answer without a word gives 0.
    Sources: sequence and length-normalised likelihood (Malinin and Gales 2021). Cost: one call a
    word, all in one round; an engine that keeps beginnings computes the answer once.
    """

    Config = SequenceProbabilityConfig
    needs = {"model": (Ability.SEQUENCE_LOGPROB,)}

    def __init__(self, config: SequenceProbabilityConfig, *, model: LanguageModel) -> None:
        super().__init__(config)
        self.model = model

    def run(
        self, query: Query, answer: Answer, selection: Selection, context: RunContext
    ) -> Signals:
        """The three figures."""
        beginning = answer_prompt(query.text, passages_read(selection.kept, self.config))
        pieces = _WORD.findall(f" {fold(answer.text)}")[: self.config.words]
        pairs = [(beginning + "".join(pieces[:place]), one) for place, one in enumerate(pieces)]
        scores = self.model.sequence_logprobs(pairs, [context] * len(pairs)) if pairs else []
        figures = likelihood(scores)
        context.note(**figures)
        return Signals(self.name, figures)

    def estimate(self, n: int, sizes: Lengths) -> Cost:
        """As many prompts as words are read at most."""
        own = self.model.count_prompt(answer_prompt("", "")) + self.config.words
        return cost_of(self.config.words, n, sizes, self.config, own=own, out=0)


def likelihood(scores: list[SequenceScore]) -> dict[str, float]:
    """The figures of ``abstain.sequence_probability`` out of the scores of an answer's words.

    Raises:
        ModelError: if a log-probability is not a number.
    """
    if any(math.isnan(one.logprob) for one in scores):
        raise ModelError("a model gave a log-probability that is not a number")
    if not scores:
        return {"total": 0.0, "mean": 0.0, "least": 0.0}
    total = math.fsum(max(one.logprob, FLOOR) for one in scores)
    return {
        "total": math.exp(total),
        "mean": math.exp(total / sum(one.tokens for one in scores)),
        "least": min(math.exp(max(one.logprob, FLOOR) / one.tokens) for one in scores),
    }


def answer_prompt(question: str, passages: str) -> str:
    """What an answer follows, with a space before its first word."""
    return f"{ASKED}{passages}\nQuestion: {quoted(question)}\nAnswer:"
