"""Ask a language model whether the answer is right, and read its probability of saying so."""

from __future__ import annotations

import math

from assay.guards.abstain.reading import Lengths, ReadingConfig, cost_of, passages_read, quoted
from assay.models.language_model import Ability, LanguageModel
from assay.pipeline.component import Node, register
from assay.pipeline.context import Cost, RunContext
from assay.pipeline.errors import ModelError
from assay.pipeline.words import Answer, Query, Selection, Signals

CANDIDATES = ("True", "False")
FLOOR = -40.0
"""Log-probabilities below this count as this, so that a ratio of two stays finite."""


@register("abstain.p_true@1")
class PTrue(Node):
    """``true``: the model's probability of "True" against "False", 0 to 1; not calibrated.

    Source: Kadavath and others, Language models (mostly) know what they know (2022), section 3,
    with the passages in the prompt. Cost: one call that writes nothing.
    """

    Config = ReadingConfig
    needs = {"model": (Ability.NEXT_TOKEN_LOGPROBS,)}

    def __init__(self, config: ReadingConfig, *, model: LanguageModel) -> None:
        super().__init__(config)
        self.model = model

    def run(
        self, query: Query, answer: Answer, selection: Selection, context: RunContext
    ) -> Signals:
        """The one figure.

        Raises:
            ModelError: if the model gives a probability that is not a number.
        """
        prompt = truth_prompt(query.text, answer.text, passages_read(selection.kept, self.config))
        ((true, false),) = self.model.next_token_logprobs([prompt], CANDIDATES, [context])
        figures = {"true": share_true(float(true), float(false))}
        context.note(**figures)
        return Signals(self.name, figures)

    def estimate(self, n: int, sizes: Lengths) -> Cost:
        """One prompt."""
        own = self.model.count_prompt(truth_prompt("", "", ""))
        return cost_of(1, n, sizes, self.config, own=own + sizes.query, out=0)


def truth_prompt(question: str, answer: str, passages: str) -> str:
    """What "True" or "False" follows."""
    return (
        f"{passages}\nQuestion: {quoted(question)}\nProposed answer: {quoted(answer)}\n"
        "By these passages, is the proposed answer right? Write True or False.\nAnswer:"
    )


def share_true(true: float, false: float) -> float:
    """Probability of one of two things out of their log-probabilities; 0.5 where both are none.

    >>> round(share_true(math.log(0.6), math.log(0.2)), 6)
    0.75
    """
    if math.isnan(true) or math.isnan(false):
        raise ModelError("a model gave a log-probability that is not a number")
    gap = max(false, FLOOR) - max(true, FLOOR)
    return 1.0 / (1.0 + math.exp(gap))
