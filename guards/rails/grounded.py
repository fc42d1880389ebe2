"""Let an answer pass only if the passages that it cites hold its words."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import replace

from pydantic import Field

from assay.pipeline.component import Config, Node, register
from assay.pipeline.context import RunContext
from assay.pipeline.text import content_words, words
from assay.pipeline.words import Abstention, Answer, Passage, Query

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_NEGATIONS = frozenset(["no", "not", "never", "none", "neither", "nor", "cannot", "without"])


class GroundedConfig(Config):
    """Settings of ``rails.grounded@1``."""

    min_support: float = Field(
        0.7, ge=0, le=1, description="share of the draft's content words that its passages hold"
    )
    min_agreement: float = Field(
        0.0, ge=0, le=1, description="share of the draft's new words that the fallback holds too"
    )
    min_logprob: float | None = Field(
        None,
        le=0,
        description="lowest mean log-probability of the draft's tokens; none: not asked for",
    )


@register("rails.grounded@1")
class Grounded(Node):
    """The draft where its citations support it, else the fallback.

    A lexical floor of groundedness: the draft's content words (without those
    of the question) must occur in the cited passages to at least
    ``min_support``; every number and a negation must occur there too; and the
    fallback must hold ``min_agreement`` of the draft's new words, which asks for
    two readers to agree; and its writer must have been sure. This is a check of
    faithfulness to the passages, not of their truth. Cost: no model calls.

    The answer carries what the confidence stage needs as ``signals``:
    ``support`` (0 to 1), ``agreement`` (share of the draft's new words that the
    fallback holds too), ``drafted`` (1 where the draft passed).
    """

    Config = GroundedConfig

    def run(
        self,
        query: Query,
        draft: Answer | Abstention,
        fallback: Answer | Abstention,
        context: RunContext,
    ) -> Answer | Abstention:
        """Choose; where the fallback abstained too, its abstention is the outcome."""
        if isinstance(draft, Abstention):
            context.note(chosen="fallback", why="the draft abstained")
            return _with_signals(fallback, {"support": 1.0, "agreement": 0.0, "drafted": 0.0})
        share, missing = support(draft, query.text)
        agreement = _agreement(draft, fallback, query.text)
        doubts = [f"not held: {one}" for one in missing]
        if share < self.config.min_support:
            doubts.append(f"support {share:.2f}")
        if agreement < self.config.min_agreement:
            doubts.append(f"agreement {agreement:.2f}")
        if not self._sure(draft):
            doubts.append("the writer was not sure")
        if not doubts:
            context.note(chosen="draft", support=round(share, 4))
            merged = dict(fallback.signals) if isinstance(fallback, Answer) else {}
            signals = merged | {"support": share, "agreement": agreement, "drafted": 1.0}
            return _with_signals(draft, signals)
        context.note(chosen="fallback", support=round(share, 4), why="; ".join(doubts))
        signals = {"support": share, "agreement": agreement, "drafted": 0.0}
        return _with_signals(fallback, signals | dict(draft.signals))

    def _sure(self, draft: Answer) -> bool:
        least = self.config.min_logprob
        return least is None or draft.signals.get("draft_logprob", -math.inf) >= least


def support(answer: Answer, question: str) -> tuple[float, list[str]]:
    """How far the cited passages hold an answer.

    Returns:
        The share (0 to 1) of the answer's content words, without the question's,
        that occur in the cited passages (0 for an answer that only repeats the
        question), and the numbers and negations that do not.
    """
    held = _held(answer.evidence)
    new = _new_words(answer.text, question)
    share = sum(word in held for word in new) / len(new) if new else 0.0
    text = " ".join(f"{passage.title} {passage.text}" for passage in answer.evidence)
    numbers = set(_NUMBER.findall(text)) | set(_NUMBER.findall(question))
    missing = [number for number in _NUMBER.findall(answer.text) if number not in numbers]
    own = set(words(answer.text))
    if own & _NEGATIONS and not held & _NEGATIONS and not any("n't" in word for word in held):
        missing.append("negation")
    return share, missing


def _held(passages: Iterable[Passage]) -> set[str]:
    return {word for passage in passages for word in words(f"{passage.title} {passage.text}")}


def _new_words(text: str, question: str) -> list[str]:
    asked = set(words(question))
    return [word for word in content_words(text) if word not in asked]


def _agreement(draft: Answer, fallback: Answer | Abstention, question: str) -> float:
    if isinstance(fallback, Abstention):
        return 0.0
    new = _new_words(draft.text, question)
    other = set(words(fallback.text))
    return sum(word in other for word in new) / len(new) if new else 0.0


def _with_signals(outcome: Answer | Abstention, signals: dict[str, float]) -> Answer | Abstention:
    match outcome:
        case Answer():
            return replace(outcome, signals=dict(outcome.signals) | signals)
        case Abstention():
            return outcome
