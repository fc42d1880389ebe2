"""What window rankers share that ask a language model for the best of a few passages."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import Field

from assay.models.language_model import Ability, Generation, LanguageModel
from assay.models.prompt import Prompt
from assay.pipeline.canonical import digest
from assay.pipeline.component import Config
from assay.pipeline.context import Cost, RunContext
from assay.pipeline.errors import ModelError
from assay.stages.windows.first import ordered_by
from assay.stages.windows.identifiers import (
    LETTERS,
    answer_of,
    identifier,
    parse_order,
    reasoning_of,
)
from assay.stages.windows.template import Template
from assay.stages.windows.window import Ordered, Sizes, Window, WindowAbility, WindowRanker
from assay.stages.windows.written import SHORTEST, answered, begun, prompt_tokens, reading_of

_PASSAGE = re.compile(r"\b[Pp]assage:?\s+([A-Z])(?![A-Za-z])")
SLACK = 8
"""Tokens that an answer may have over those of the ideal one."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A way to ask for the best of a window.

    Args:
        template: writes the prompt; its ``ideal`` is the answer that names the best.
        opening: how the answer begins whose next token names the best; None for a form of which
            no probabilities can be read.
        labels: what that token may be, by place in the window; None for letters.
    """

    template: Template
    opening: str | None
    labels: tuple[str, ...] | None = None

    def label(self, place: int) -> str:
        """The token that names a place."""
        return LETTERS[place] if self.labels is None else self.labels[place]

    def read(self, text: str, size: int) -> int | None:
        """The place that a written answer names first; None for none."""
        if self.labels is not None:
            words = text.casefold().split()
            said = words[0].strip(".,:;!\"'*") if words else ""
            return self.labels.index(said) if said in self.labels[:size] else None
        parsed = parse_order(text, size, style=self.template.style)
        if not parsed.failed:
            return parsed.order[0]
        written = _PASSAGE.findall(answer_of(text) or "")
        place = LETTERS.index(written[0]) if len(set(written)) == 1 else size
        return place if place < size and self.template.style == "letter" else None


def named(order: tuple[int, ...]) -> str:
    """The ideal answer where passages have letters: the first one's."""
    return identifier(order[0], "letter")


class ChoiceConfig(Config):
    """Settings that all rankers have which ask for the best."""

    answer: Literal["logprobs", "text"] = Field(
        "logprobs",
        description="read the probabilities of the labels, or let the model write one of them",
    )
    words: int = Field(300, ge=SHORTEST, le=10_000, description="most words of a passage")
    temperature: float | None = Field(
        0.0,
        ge=0.0,
        le=2.0,
        description="of a written answer; 0 takes the likeliest token, null leaves it to the model",
    )
    reasoning_tokens: int = Field(
        4096, ge=16, le=131_072, description="most tokens of reasoning, where a form has any"
    )


class ChoiceRanker(WindowRanker):
    """Base of rankers that ask for the best of a window.

    With ``logprobs`` passages are sorted by the log-probability of their label, and these are the
    scores. With ``text`` the passage whose label is written comes first and the others follow as
    shown; there are no scores. Counted in the run record: ``windows``, ``windows_failed`` (no
    label was said, or none has a known probability, or the model failed; the window keeps its
    order) and ``windows_shortened`` (written again with shorter passages to fit).

    Cost: one call a window, all in one round; no token is generated for ``logprobs``.

    Args:
        config: at least the fields of ``ChoiceConfig``.
        model: answers.
    """

    def __init__(self, config: ChoiceConfig, *, model: LanguageModel) -> None:
        super().__init__(config)
        self.model = model

    @property
    @abstractmethod
    def choice(self) -> Choice:
        """How is asked."""

    @property
    def needs(self) -> Mapping[str, tuple[str, ...]]:  # type: ignore[override]
        """Probabilities, or text."""
        reads = self.config.answer == "logprobs"
        return {"model": (Ability.NEXT_TOKEN_LOGPROBS if reads else Ability.GENERATE,)}

    @property
    def abilities(self) -> frozenset[str]:
        """It reads remarks; it tells scores where probabilities are read."""
        scores = {WindowAbility.SCORES} if self.config.answer == "logprobs" else set()
        return frozenset({WindowAbility.REMARKS, *scores})

    def fingerprint(self) -> str:
        """Over the name, the config and the model."""
        settings = self.config.model_dump(mode="json")
        return digest({"name": self.name, "config": settings, "model": self.model.fingerprint()})

    def rank(self, windows: Sequence[Window], contexts: Sequence[RunContext]) -> list[Ordered]:
        """Ask for all windows of the same size in one call.

        Raises:
            ModelError: if the model fails for every window.
            PromptTooLong: if a window does not fit with ``SHORTEST`` words a passage.
        """
        found: dict[int, Ordered] = {}
        failures: list[ModelError] = []
        for size in sorted({len(window.passages) for window in windows}):
            places = [place for place, window in enumerate(windows) if len(window.passages) == size]
            some = [windows[place] for place in places]
            own = [contexts[place] for place in places]
            answers: list[Ordered | None]
            if self.config.answer == "logprobs":
                rows = answered(self._rows, some, own, self.config.words, failures)
                answers = [None if row is None else _by_row(row) for row in rows]
            else:
                texts = answered(self._texts, some, own, self.config.words, failures)
                answers = [None if one is None else self._by_text(one, size) for one in texts]
            for place, answer in zip(places, answers, strict=True):
                found[place] = answer or Ordered(tuple(range(size)), failed=True)
                contexts[place].count(windows=1, windows_failed=int(found[place].failed))
        if windows and len(failures) == len(windows):
            raise failures[0]
        return [found[place] for place in range(len(windows))]

    def estimate(self, window: int, sizes: Sizes) -> Cost:
        """One call of the whole prompt; a written answer is a label, reasoning half its limit."""
        template = self.choice.template
        tokens = prompt_tokens(self.model, template, window, sizes, self.config.words)
        if self.config.answer == "logprobs":
            opening = self.model.count_tokens(self.choice.opening or "")
            return Cost(calls=1, rounds=1, tokens_in=tokens + opening)
        out = self._label_tokens(window)
        if template.thinking:
            out += self.config.reasoning_tokens // 2
        return Cost(calls=1, rounds=1, tokens_in=tokens, tokens_out=out)

    def _rows(
        self, windows: Sequence[Window], words: int, contexts: Sequence[RunContext]
    ) -> list[list[float]]:
        prompts = self._prompts(windows, words, self.choice.opening or "")
        labels = [self.choice.label(place) for place in range(len(windows[0].passages))]
        rows = self.model.next_token_logprobs(prompts, labels, contexts)
        return [[float(one) for one in row] for row in rows]

    def _texts(
        self, windows: Sequence[Window], words: int, contexts: Sequence[RunContext]
    ) -> list[Generation]:
        template = self.choice.template
        budget = self._label_tokens(len(windows[0].passages)) + SLACK
        if template.thinking:
            budget += self.config.reasoning_tokens
        return self.model.generate_batch(
            self._prompts(windows, words, ""),
            contexts,
            max_tokens=budget,
            stop=template.stop,
            temperature=self.config.temperature,
        )

    def _prompts(self, windows: Sequence[Window], words: int, opening: str) -> list[Prompt]:
        template = self.choice.template
        written = [template.write(reading_of(window, words)) for window in windows]
        return [begun(prompt, opening) for prompt in written] if opening else written

    def _by_text(self, generation: Generation, size: int) -> Ordered:
        best = self.choice.read(generation.text, size)
        reasoning = reasoning_of(generation.text)
        if best is None:
            return Ordered(tuple(range(size)), failed=True, reasoning=reasoning)
        others = (place for place in range(size) if place != best)
        return Ordered((best, *others), reasoning=reasoning)

    def _label_tokens(self, size: int) -> int:
        return self.model.count_tokens(self.choice.template.answer(tuple(range(size))))


def _by_row(row: Sequence[float]) -> Ordered:
    """Sorted by label; failed where no label has a known probability."""
    if not np.isfinite(row).any():
        return Ordered(tuple(range(len(row))), failed=True)
    return ordered_by(row)
