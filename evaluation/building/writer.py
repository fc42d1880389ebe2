"""A language model that writes questions, answers and facts for a build, in batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assay.evaluation.building import asking
from assay.models.language_model import LanguageModel
from assay.models.prompt import Prompt
from assay.pipeline.context import RunContext

DRAWN = 0.8
"""Temperature of every draw but the first."""


@dataclass(frozen=True, slots=True)
class Writer:
    """Asks a language model. Cost: one generation a prompt.

    Args:
        model: started.
        context: pays, and has the seed.
    """

    model: LanguageModel
    context: RunContext

    def questions(self, asked: Sequence[tuple[str, str]], *, draw: int = 0) -> list[str]:
        """A question for each (what is read, answer)."""
        prompts = [asking.question_prompt(read, answer) for read, answer in asked]
        written = self._write(prompts, asking.QUESTION_TOKENS, asking.LINE_STOP, draw)
        return [asking.question_of(one) for one in written]

    def answers(self, asked: Sequence[tuple[str, str]]) -> list[str]:
        """The answer to each (question, what is read); '' where the model finds none."""
        prompts = [asking.answer_prompt(question, read) for question, read in asked]
        written = self._write(prompts, asking.ANSWER_TOKENS, asking.LINE_STOP, 0)
        return [asking.answer_of(one) for one in written]

    def facts(self, question: str, answer: str, read: str) -> tuple[str, ...]:
        """The facts that an answer needs, as the model sees it."""
        prompt = asking.facts_prompt(question, answer, read)
        (written,) = self._write([prompt], asking.FACT_TOKENS, asking.FACTS_STOP, 0)
        return asking.facts_of(written)

    def _write(
        self, prompts: Sequence[Prompt], tokens: int, stop: Sequence[str], draw: int
    ) -> list[str]:
        made = self.model.generate_batch(
            prompts,
            [self.context] * len(prompts),
            max_tokens=tokens,
            stop=stop,
            temperature=DRAWN if draw else 0.0,
            draw=draw,
        )
        return [one.text for one in made]
