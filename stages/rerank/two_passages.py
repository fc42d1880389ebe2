"""Which of two passages is more relevant, by the probabilities of A and B."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from assay.models.fit import cut
from assay.models.language_model import LanguageModel
from assay.models.prompt import Message, Prompt
from assay.pipeline.context import RunContext
from assay.pipeline.errors import ModelError, UsageError
from assay.stages.rerank.pair_prompts import SLACK, spaced
from assay.stages.windows.template import neutral
from assay.stages.windows.window import Sizes

ANSWERS = ("A", "B")


class TwoPassages:
    """Asks about two passages at a time; their own names for passages are neutralised.

    Args:
        model: tells log-probabilities of the next token.
        chat: whether the model's chat template writes the prompt.
        query_tokens: most tokens of a question.
        passage_tokens: most tokens of each passage; fewer where the model reads less.
        name: of the node, for messages.
    """

    def __init__(
        self,
        model: LanguageModel,
        *,
        chat: bool,
        query_tokens: int,
        passage_tokens: int,
        name: str,
    ) -> None:
        self._model = model
        self._chat = chat
        self._query_tokens = query_tokens
        self._passage_tokens = passage_tokens
        self._name = name

    def first_wins(
        self, pairs: Sequence[tuple[str, str, str]], contexts: Sequence[RunContext]
    ) -> list[float]:
        """The probability that the first of two passages is preferred. Cost: one call a pair.

        Args:
            pairs: a question and two passages each.
            contexts: one for each pair.

        Returns:
            In [0, 1], of A among A and B.

        Raises:
            UsageError: if two passages do not fit beside task and question.
            ModelError: if the model gives neither answer any probability.
        """
        if not pairs:
            return []
        questions: dict[str, tuple[str, int]] = {}
        passages: dict[tuple[str, int], str] = {}
        prompts = []
        for query, one, other in pairs:
            if query not in questions:
                short = self._fitting(query, self._query_tokens)
                questions[query] = short, self._room(self._count(short))
            short, room = questions[query]
            for text in (one, other):
                if (text, room) not in passages:
                    passages[text, room] = self._fitting(neutral(text), room)
            prompts.append(self._written(short, passages[one, room], passages[other, room]))
        found = self._model.next_token_logprobs(prompts, ANSWERS, contexts)
        if not np.isfinite(found.max(axis=1)).all():
            raise ModelError(
                f"{self._name}: {self._model.name} gives neither A nor B any probability: is it a"
                " model that answers?"
            )
        return [float(1.0 / (1.0 + np.exp(np.clip(b - a, -700.0, 700.0)))) for a, b in found]

    def tokens(self, sizes: Sizes) -> int:
        """Tokens of a prompt, estimated from the lengths of its texts."""
        taken = self._count("") + min(sizes.query, self._query_tokens)
        return taken + 2 * min(sizes.passage, self._room(taken))

    def _count(self, query: str) -> int:
        return self._model.count_prompt(self._written(query, "", ""))

    def _room(self, taken: int) -> int:
        length = self._model.context_length
        room = min(self._passage_tokens, (length - taken - SLACK - 1) // 2)
        if room < 1:
            raise UsageError(
                f"{self._name}: two passages do not fit beside the {taken} tokens of task and"
                f" question in the {length} that {self._model.name} reads: raise its"
                " context_tokens, or set 'refine: 0'"
            )
        return room

    def _fitting(self, text: str, room: int) -> str:
        if text.isascii() and len(text) < room:
            return text
        return cut(text, room, self._model.count_tokens, "head")

    def _written(self, query: str, one: str, other: str) -> Prompt:
        parts = (
            "Query:",
            spaced(query),
            "\n\nPassage A:",
            spaced(one),
            "\n\nPassage B:",
            spaced(other),
            "\n\nWhich of the two passages is more relevant to the query, A or B?\nAnswer:",
        )
        return (Message("user", parts),) if self._chat else parts
