"""Ask a language model for other wordings of the question."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import Field

from assay.models.language_model import Ability, Generation, LanguageModel
from assay.pipeline.component import Config, Node, register
from assay.pipeline.context import RunContext
from assay.pipeline.words import Query, QueryVariants

_EXAMPLES = (
    (
        "How long is a parental leave request kept on file?",
        (
            "retention period for parental leave requests",
            "For how many years do we store applications for parental leave?",
            "When are parental leave forms deleted?",
            "storage time of records about parental leave",
        ),
    ),
    (
        "What happens if the invoice is paid late?",
        (
            "consequences of late payment of an invoice",
            "Which fee or interest is charged on an overdue invoice?",
            "penalty for paying after the due date",
            "What does the customer owe when payment is delayed?",
        ),
    ),
)
_MARK = re.compile(r"^\s*(?:\(?\d{1,2}[.):]|[-*•–])\s*")
_TOKENS_A_WORDING = 48
_LONGEST = 400
_STOP = ("\n\n", "Question:")


class MultiQueryConfig(Config):
    """Settings of ``rewrite.multi_query@1``."""

    n: int = Field(3, ge=1, le=10, description="most wordings beside the question itself")


@register("rewrite.multi_query@1")
class MultiQuery(Node):
    """The question and up to n other wordings, to be searched side by side.

    Fewer come back where the model repeats itself or writes anything that is no
    wording; the question itself always comes first. Cost: one call; those of many
    queries go to the model together.

    Args:
        config: see ``MultiQueryConfig``.
        language_model: writes the wordings; a plain completion model is enough.
    """

    Config = MultiQueryConfig
    needs = {"language_model": (Ability.GENERATE,)}

    def __init__(self, config: MultiQueryConfig, *, language_model: LanguageModel) -> None:
        super().__init__(config)
        self._language_model = language_model

    def run(self, query: Query, context: RunContext) -> QueryVariants:
        """The question first, then the wordings, each once."""
        generation = self._language_model.generate(
            prompt_for(query.text, self.config.n),
            context,
            max_tokens=_TOKENS_A_WORDING * self.config.n,
            stop=_STOP,
        )
        return self._variants(query, generation)

    def run_batch(
        self, items: Sequence[Mapping[str, Any]], contexts: Sequence[RunContext]
    ) -> list[QueryVariants]:
        """As ``run`` for each, with the prompts of all queries in one call of the model."""
        queries = [item["query"] for item in items]
        generations = self._language_model.generate_batch(
            [prompt_for(query.text, self.config.n) for query in queries],
            contexts,
            max_tokens=_TOKENS_A_WORDING * self.config.n,
            stop=_STOP,
        )
        return [
            self._variants(query, generation)
            for query, generation in zip(queries, generations, strict=True)
        ]

    def _variants(self, query: Query, generation: Generation) -> QueryVariants:
        wordings = parse_wordings(generation.text, query.text, self.config.n)
        return QueryVariants((query, *(replace(query, text=text) for text in wordings)))


def prompt_for(question: str, n: int) -> tuple[str, str]:
    """A few-shot prompt that a model without chat template continues, too.

    Returns:
        The beginning, which is the same for every question, and the question's own part.
    """
    parts = ["Other wordings of a search question, one a line.\n"]
    for example, wordings in _EXAMPLES:
        lines = [f"{number}. {text}" for number, text in enumerate(wordings[:n], start=1)]
        parts.append(f"Question: {example}\n" + "\n".join(lines) + "\n")
    return "\n".join([*parts, ""]), f"Question: {' '.join(question.split())}\n1."


def parse_wordings(text: str, question: str, n: int) -> tuple[str, ...]:
    """Wordings out of a model's text: a line each, numbers, bullets and quotes dropped.

    >>> parse_wordings(' one\\n2) "two"\\n- One\\n\\n4. three', "Q?", 2)
    ('one', 'two')
    """
    seen = {_key(question)}
    found: list[str] = []
    for line in text.splitlines():
        wording = " ".join(_MARK.sub("", line).strip().strip("\"'“”`").split())
        key = _key(wording)
        if not key or key in seen or len(wording) > _LONGEST:
            continue
        seen.add(key)
        found.append(wording)
    return tuple(found[:n])


def _key(text: str) -> str:
    return " ".join(re.findall(r"[\w.]*\w", text.casefold()))
