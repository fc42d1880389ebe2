"""Whether an answer stays the same when its maker is told that it is wrong."""

from __future__ import annotations

from pydantic import Field

from assay.guards.abstain.reading import (
    STOP,
    Lengths,
    ReadingConfig,
    cost_of,
    passages_read,
    quoted,
    spoken,
    word_f1,
)
from assay.models.language_model import Ability, LanguageModel
from assay.pipeline.component import Node, register
from assay.pipeline.context import Cost, RunContext
from assay.pipeline.words import Answer, Query, Selection, Signals

DOUBTS = {
    "poor_passages": "Assume that it is wrong because the passages do not answer the question.",
    "poor_use": "Assume that it is wrong because the passages were misread.",
}
"""What is assumed in each re-ask, by the signal that tells what came of it."""

AGAIN = "Answer the question with a short phrase from the passages.\n\n"
"""Without a way to refuse: small models take it as soon as they are doubted."""


class StabilityConfig(ReadingConfig):
    """Settings of ``abstain.stability@1``."""

    tokens: int = Field(48, ge=1, le=2048, description="most tokens of an answer")


@register("abstain.stability@1")
class Stability(Node):
    """Asks twice more, each time under the assumption that the answer is wrong.

    ``poor_passages`` and ``poor_use``: F1 of the content words of the answer and of what is said
    then, 0 to 1; ``stable``: the smaller one.

    Source: RC-RAG, counterfactual prompting for risk control (2024); it keeps an answer that is
    the same in both, this node leaves the threshold to whoever reads the figures. Cost: two
    generations in one round.
    """

    Config = StabilityConfig
    needs = {"model": (Ability.GENERATE,)}

    def __init__(self, config: StabilityConfig, *, model: LanguageModel) -> None:
        super().__init__(config)
        self.model = model

    def run(
        self, query: Query, answer: Answer, selection: Selection, context: RunContext
    ) -> Signals:
        """The three figures."""
        shown = passages_read(selection.kept, self.config)
        written = self.model.generate_batch(
            [doubt_prompt(query.text, answer.text, shown, doubt) for doubt in DOUBTS.values()],
            [context] * len(DOUBTS),
            max_tokens=self.config.tokens,
            stop=STOP,
        )
        figures = {
            name: word_f1(answer.text, spoken(one.text))
            for name, one in zip(DOUBTS, written, strict=True)
        }
        figures["stable"] = min(figures.values())
        context.note(**figures)
        return Signals(self.name, figures)

    def estimate(self, n: int, sizes: Lengths) -> Cost:
        """Two prompts."""
        own = self.model.count_prompt(doubt_prompt("", "", "", DOUBTS["poor_passages"]))
        tokens = self.config.tokens
        return cost_of(2, n, sizes, self.config, own=own + tokens, out=tokens)


def doubt_prompt(question: str, answer: str, passages: str, doubt: str) -> str:
    """What the second answer follows."""
    return (
        f"{AGAIN}{passages}\nQuestion: {quoted(question)}\nA first answer was: {quoted(answer)}\n"
        f"{doubt} Answer again; if the first answer was right after all, repeat it.\nAnswer:"
    )
