"""Language models whose probabilities follow from the prompt by a rule, for pointwise rerankers."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from assay.models import account
from assay.models.echo import Scripted, written_out
from assay.models.language_model import Ability, PromptTooLong, SequenceScore
from assay.models.prompt import Candidate, Prompt
from assay.pipeline.component import Config, register
from assay.pipeline.context import RunContext
from assay.pipeline.errors import UsageError
from assay.pipeline.words import Hit, Passage, Query, Ranking, Scope, Score, ScoreKind

QUERY = Query("who built it", Scope("a"))

VOCABULARY = 10
"""Words that ``Unigrams`` knows."""


def ranking_of(*texts: str, query: Query = QUERY) -> Ranking:
    """Texts in a first-stage order; ids are places."""
    hits = tuple(
        Hit(Passage(str(n), f"d{n}", text, query.scope), Score(9.0 - n, ScoreKind.BM25, "first"))
        for n, text in enumerate(texts)
    )
    return Ranking(query, hits, "first")


class RuledConfig(Config):
    context_tokens: int = Field(100_000)


@register("tests.ruled@1")
class Ruled(Scripted):
    """Writes what a rule says, and tells each candidate's log-probability by another.

    Args:
        say: the answer to a prompt that is written out.
        logits: one for each candidate of a prompt.
    """

    Config = RuledConfig

    def __init__(
        self,
        say: Callable[[str], str] = lambda prompt: "",
        logits: Callable[[str, Sequence[str]], Sequence[float]] = lambda prompt, names: (
            [0.0] * len(names)
        ),
        *,
        context_tokens: int = 100_000,
    ) -> None:
        super().__init__(RuledConfig(context_tokens=context_tokens))
        self._say = say
        self._logits = logits
        self.prompts: list[str] = []
        self.batches: list[int] = []

    @property
    def abilities(self) -> frozenset[Ability]:
        return frozenset({Ability.GENERATE, Ability.NEXT_TOKEN_LOGPROBS})

    def answer(self, prompt: str) -> str:
        self.prompts.append(prompt)
        return self._say(prompt)

    def next_token_logprobs(
        self,
        prompts: Sequence[Prompt],
        candidates: Sequence[Candidate],
        contexts: Sequence[RunContext],
    ) -> NDArray[np.float64]:
        names = [one if isinstance(one, str) else one[0] for one in candidates]
        for name in names:
            if self.count_tokens(name) != 1 or name == "10":
                raise UsageError(f"candidate {name!r} is more than one token of {self.name}")
        texts = ["".join(text for text, _ in written_out(prompt)) for prompt in prompts]
        self.prompts += texts
        self.batches.append(len(texts))
        tokens = [self.count_tokens(text) for text in texts]
        for one in tokens:
            if one + 1 > self.context_length:
                raise PromptTooLong(one, 1, self.context_length, self.name)
        account.book(contexts, tokens, [0.0] * len(texts))
        rows = np.array([self._logits(text, names) for text in texts], dtype=np.float64)
        found: NDArray[np.float64] = rows - np.logaddexp.reduce(rows, axis=1, keepdims=True)
        return found


def relevance_of(prompt: str) -> float:
    """The last "relevance x" of a prompt; 0 where it says none."""
    found = re.findall(r"relevance (-?[\d.]+\d|-?\d)", prompt)
    return float(found[-1]) if found else 0.0


class Unigrams(Ruled):
    """Draws each word from those of the passage, each counted once more than it stands there."""

    def __init__(self, *, context_tokens: int = 100_000) -> None:
        super().__init__(context_tokens=context_tokens)
        self.pairs: list[tuple[str, str]] = []

    @property
    def abilities(self) -> frozenset[Ability]:
        return frozenset({Ability.SEQUENCE_LOGPROB})

    def sequence_logprobs(
        self, pairs: Sequence[tuple[Prompt, str]], contexts: Sequence[RunContext]
    ) -> list[SequenceScore]:
        found, tokens = [], []
        for prompt, question in pairs:
            text = "".join(part for part, _ in written_out(prompt))
            self.pairs.append((text, question))
            tokens.append(self.count_tokens(text) + self.count_tokens(question))
            found.append(SequenceScore(laplace(question, passage_in(text)), len(question.split())))
        account.book(contexts, tokens, [0.0] * len(tokens))
        return found


def passage_in(prompt: str) -> str:
    """What stands between ``Passage:`` and the request."""
    return prompt.split("Passage:")[1].split(" Please write", maxsplit=1)[0]


def laplace(question: str, passage: str) -> float:
    """Query likelihood with Laplace smoothing over ``VOCABULARY`` words, in closed form."""
    counts = Counter(passage.split())
    return sum(
        math.log((counts[word] + 1) / (counts.total() + VOCABULARY)) for word in question.split()
    )
