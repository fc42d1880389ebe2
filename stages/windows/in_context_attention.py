"""ICR: no text is generated; passages are ordered by how much the query looks at them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import Field

from assay.models.language_model import Ability, LanguageModel
from assay.models.prompt import Message, Prompt
from assay.pipeline.canonical import digest
from assay.pipeline.component import Config, register
from assay.pipeline.context import Cost, RunContext
from assay.stages.windows.attention_scores import Tokens, Variant, passage_scores
from assay.stages.windows.window import Ordered, Sizes, Window, WindowAbility, WindowRanker
from assay.stages.windows.written import SHORTEST, reading_of, shortened

EMPTY = "N/A"
"""The query without content that calibrates the look of the real one."""

TASKS = {
    "question": (
        "Here are some paragraphs:\n\n",
        "Please answer the following question based on the paragraphs above.",
    ),
    "search": (
        "Here are some paragraphs:\n\n",
        "Please find information that is relevant to the following query in the paragraphs above.",
    ),
}


class InContextAttentionConfig(Config):
    """Settings of ``windows.in_context_attention@1``."""

    max_window: int = Field(100, ge=2, le=1000, description="most passages of a window")
    words: int = Field(300, ge=SHORTEST, le=10_000, description="most words of a passage")
    task: Literal["question", "search"] = Field(
        "search", description="what the model is told to do with the paragraphs"
    )
    variant: Variant = Field("calibrated", description="what is made of the attention")
    reverse: bool = Field(False, description="show the first passage last, next to the query")


@register("windows.in_context_attention@1")
class InContextAttention(WindowRanker):
    """Score each passage by the attention that instruction and query pay to its tokens.

    The same is done for a query without content and taken off; what both share, the passages, is
    computed once. All passages belong into one window (``rerank.full_list``): a sliding window
    hurts. Scores are sums of attention weights and can be compared within a window only.
    Source: Chen et al. 2025 (in-context re-ranking). Cost: two calls a window, one after the
    other, of which the second reads the query only; one for ``query_only`` and ``bias_only``.

    Args:
        config: see ``InContextAttentionConfig``.
        model: tells its attention (``models.transformers``).
    """

    Config = InContextAttentionConfig
    needs = {"model": (Ability.ATTENTION,)}

    def __init__(self, config: InContextAttentionConfig, *, model: LanguageModel) -> None:
        super().__init__(config)
        self.model = model

    @property
    def abilities(self) -> frozenset[str]:
        """It tells scores and reads remarks."""
        return frozenset({WindowAbility.SCORES, WindowAbility.REMARKS})

    @property
    def max_window(self) -> int:
        """As configured."""
        return int(self.config.max_window)

    def fingerprint(self) -> str:
        """Over the name, the config and the model."""
        settings = self.config.model_dump(mode="json")
        return digest({"name": self.name, "config": settings, "model": self.model.fingerprint()})

    def rank(self, windows: Sequence[Window], contexts: Sequence[RunContext]) -> list[Ordered]:
        """One window after another: the model gives attention for one prompt at a time."""
        found = []
        for window, context in zip(windows, contexts, strict=True):
            context.count(windows=1)
            scores = self._scores(window, context)
            order = sorted(range(len(scores)), key=lambda place: -scores[place])
            found.append(Ordered(tuple(order), tuple(scores)))
        return found

    def estimate(self, window: int, sizes: Sizes) -> Cost:
        """Two calls; the passages of the second are taken from the first."""
        own = self.model.count_prompt(self._prompt("", ("",) * window)[0])
        passages = window * min(sizes.passage, self.config.words * 4 // 3)
        passes = self._passes()
        once = own + passages + sizes.query
        cached = (passes - 1) * passages
        return Cost(calls=passes, rounds=passes, tokens_in=passes * once, tokens_cached=cached)

    def _passes(self) -> int:
        return 2 if self.config.variant in ("calibrated", "no_filter") else 1

    def _scores(self, window: Window, context: RunContext) -> list[float]:
        """Of the passages in the order of the window; shorter ones where they do not fit."""

        def asked(
            windows: Sequence[Window], words: int, contexts: Sequence[RunContext]
        ) -> list[list[float]]:
            found = []
            for one, own in zip(windows, contexts, strict=True):
                reading = reading_of(one, words)
                texts = [
                    text + reading.remark(place, "\n") for place, text in enumerate(reading.texts)
                ]
                found.append(self._of_texts(reading.query, texts, own))
            return found

        return shortened(asked, window, context, int(self.config.words))

    def _of_texts(self, query: str, texts: Sequence[str], context: RunContext) -> list[float]:
        variant: Variant = self.config.variant
        shown = list(texts)[::-1] if self.config.reverse else list(texts)
        if variant == "query_only":
            scores = passage_scores(self._look(query, shown, context), None, variant)
        elif variant == "bias_only":
            empty = self._look(EMPTY, shown, context)
            scores = passage_scores(empty, empty, variant)
        else:
            prompt, _ = self._prompt(EMPTY, shown)
            self.model.keep(prompt)
            try:
                empty = self._look(EMPTY, shown, context)
                looks = self._look(query, shown, context)
            finally:
                self.model.release(prompt)
            scores = passage_scores(looks, empty, variant)
        return scores[::-1] if self.config.reverse else scores

    def _look(self, query: str, texts: Sequence[str], context: RunContext) -> list[Tokens]:
        """Attention of instruction and query to each passage's tokens, over layers and heads."""
        prompt, rows = self._prompt(query, texts)
        seen = self.model.attention(prompt, rows, context).parts
        return [
            np.asarray(part, dtype=np.float64).sum(axis=(0, 1)) for part in seen[1 : len(texts) + 1]
        ]

    def _prompt(self, query: str, texts: Sequence[str]) -> tuple[Prompt, list[int]]:
        """The prompt in parts, passages first, and the parts that look: all behind them."""
        opening, instruction = TASKS[self.config.task]
        passages = [f"[{place}] {text}\n\n" for place, text in enumerate(texts, 1)]
        parts = (opening, *passages, f"{instruction}\nQuery: ", f"{query} ")
        return (Message("user", parts),), [len(texts) + 1, len(texts) + 2]
