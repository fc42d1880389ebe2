"""FIRST: the order of a window out of one token's probabilities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import Field

from assay.models.language_model import Ability, LanguageModel, PromptTooLong
from assay.pipeline.canonical import digest
from assay.pipeline.component import Config, register
from assay.pipeline.context import Cost, RunContext
from assay.stages.windows.identifiers import LETTERS, MOST_LETTERS
from assay.stages.windows.template import template
from assay.stages.windows.window import Ordered, Sizes, Window, WindowAbility, WindowRanker
from assay.stages.windows.written import (
    SHORTEST,
    begun,
    prompt_tokens,
    reading_of,
    shortened,
)

OPENING = "["
"""How the answer begins; the token behind it is the identifier of the best passage."""


class FirstConfig(Config):
    """Settings of ``windows.first@1``."""

    max_window: int = Field(20, ge=2, le=MOST_LETTERS, description="most passages of a window")
    words: int = Field(300, ge=SHORTEST, le=10_000, description="most words of a passage")


@register("windows.first@1")
class First(WindowRanker):
    """Sort a window by the log-probabilities of the letter with which an answer would begin.

    No text is generated. Letters that the model tells no probability for follow in the order in
    which they were shown; scores can be compared within a window only. A window that does not fit
    is written again with shorter passages (``windows_shortened``).
    Source: Reddy et al. 2024 (FIRST). Cost: one call a window, all in one round, no generated
    token.

    Args:
        config: see ``FirstConfig``.
        model: gives the probabilities; each letter must be one of its tokens.
    """

    Config = FirstConfig
    needs = {"model": (Ability.NEXT_TOKEN_LOGPROBS,)}

    def __init__(self, config: FirstConfig, *, model: LanguageModel) -> None:
        super().__init__(config)
        self.model = model
        self._template = template("alphabetic")

    @property
    def abilities(self) -> frozenset[str]:
        """It tells scores and reads remarks."""
        return frozenset({WindowAbility.SCORES, WindowAbility.REMARKS})

    @property
    def max_window(self) -> int:
        """As configured, at most 26."""
        return int(self.config.max_window)

    def fingerprint(self) -> str:
        """Over the name, the config and the model."""
        settings = self.config.model_dump(mode="json")
        return digest({"name": self.name, "config": settings, "model": self.model.fingerprint()})

    def rank(self, windows: Sequence[Window], contexts: Sequence[RunContext]) -> list[Ordered]:
        """One call for all windows of the same size."""
        found: dict[int, Ordered] = {}
        for size in sorted({len(window.passages) for window in windows}):
            places = [place for place, window in enumerate(windows) if len(window.passages) == size]
            own = [contexts[place] for place in places]
            for place, row in zip(
                places, self._scored([windows[place] for place in places], own, size), strict=True
            ):
                contexts[place].count(windows=1)
                found[place] = ordered_by(row)
        return [found[place] for place in range(len(windows))]

    def estimate(self, window: int, sizes: Sizes) -> Cost:
        """One call of the whole prompt."""
        tokens = prompt_tokens(self.model, self._template, window, sizes, self.config.words)
        return Cost(calls=1, rounds=1, tokens_in=tokens + 1)

    def _scored(
        self, windows: Sequence[Window], contexts: Sequence[RunContext], size: int
    ) -> list[list[float]]:
        letters = list(LETTERS[:size])

        def asked(
            some: Sequence[Window], words: int, own: Sequence[RunContext]
        ) -> list[list[float]]:
            prompts = [
                begun(self._template.write(reading_of(window, words)), OPENING) for window in some
            ]
            found: list[list[float]] = self.model.next_token_logprobs(
                prompts, letters, own
            ).tolist()
            return found

        words = int(self.config.words)
        try:
            return asked(windows, words, contexts)
        except PromptTooLong:
            pass  # one of them is too long: each by itself
        return [
            shortened(asked, window, context, words)
            for window, context in zip(windows, contexts, strict=True)
        ]


def ordered_by(logprobs: Sequence[float]) -> Ordered:
    """The order of log-probabilities; minus infinity stands for unknown and comes last.

    >>> ordered_by([-2.0, -0.1, float("-inf"), -3.0]).order
    (1, 0, 3, 2)
    """
    order = sorted(range(len(logprobs)), key=lambda place: -logprobs[place])
    known = [one for one in logprobs if np.isfinite(one)]
    floor = min(known, default=0.0) - 10.0
    return Ordered(tuple(order), tuple(one if np.isfinite(one) else floor for one in logprobs))
