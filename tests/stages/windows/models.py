"""Language models that rank by what a passage's text says: ``relevance 0.25``."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from assay.models.account import book, check
from assay.models.echo import Scripted, written_out
from assay.models.language_model import Ability
from assay.models.prompt import Candidate, Prompt
from assay.pipeline.component import Config, register
from assay.pipeline.context import RunContext

_NAMED = re.compile(r"(?:\[(\w+)\]|PASSAGE(\d+) =) \"?relevance (-?[\d.]+)")


class ReadsRelevanceConfig(Config):
    context_tokens: int = Field(100_000)


@register("tests.reads_relevance@1")
class ReadsRelevance(Scripted):
    """Writes the identifiers that stand before "relevance x", the largest x first."""

    Config = ReadsRelevanceConfig

    def __init__(
        self,
        say: Callable[[list[str]], str] = " > ".join,
        *,
        context_tokens: int = 100_000,
    ) -> None:
        super().__init__(ReadsRelevanceConfig(context_tokens=context_tokens))
        self._say = say
        self.prompts: list[str] = []

    @property
    def abilities(self) -> frozenset[Ability]:
        return frozenset({Ability.GENERATE, Ability.NEXT_TOKEN_LOGPROBS})

    def answer(self, prompt: str) -> str:
        self.prompts.append(prompt)
        return self._say([name for name, _ in _ranked(prompt)])

    def next_token_logprobs(
        self,
        prompts: Sequence[Prompt],
        candidates: Sequence[Candidate],
        contexts: Sequence[RunContext],
    ) -> NDArray[np.float64]:
        check(contexts)
        texts = ["".join(text for text, _ in written_out(prompt)) for prompt in prompts]
        self.prompts += texts
        book(contexts, [self.count_tokens(text) for text in texts], [0.0] * len(texts))
        rows = []
        for text in texts:
            known = {name.strip("[]"): float(value) for name, value in _ranked(text)}
            logits = np.array([known.get(str(one), -np.inf) for one in candidates])
            rows.append(logits - np.logaddexp.reduce(logits))
        return np.array(rows)


def _ranked(prompt: str) -> list[tuple[str, str]]:
    found: dict[str, str] = {}
    for bracketed, named, value in _NAMED.findall(prompt):
        found.setdefault(f"[{bracketed}]" if bracketed else f"PASSAGE{named}", value)
    return sorted(found.items(), key=lambda one: -float(one[1]))
