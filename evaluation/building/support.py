"""Whether a passage supports a nugget: a judge by cross-encoder, by language model, or by rule.

Judging single facts, not whole answers, is the third step of FreshStack (Thakur et al. 2025),
which asks a large language model; here the judges are what a small machine has. Each of them also
asks that the passage holds what cannot be said otherwise: the numbers of the nugget, and a short
accepted answer where the nugget states it. So a passage that says the same in other figures
("21 days" for "three weeks") is judged not to support it; a reviewer may know better.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence

from assay.corpora.matching import is_correct
from assay.evaluation.building.asking import JUDGEMENTS, support_prompt
from assay.models.language_model import LanguageModel
from assay.models.protocols import CrossEncoder
from assay.pipeline.context import RunContext
from assay.pipeline.text import fold
from assay.pipeline.words import Passage

Terms = Callable[[str], list[str]]
"""A text's index terms."""

HELD = 0.75
"""Share of a nugget's terms from which the rule says that a passage supports it."""

NEAR = 0.5
"""The share that a cross-encoder's word is believed from."""

SHORT = 6
"""Words of an answer from which it may as well be said in others."""

_NUMBER = re.compile(r"(?<![\w.,])\d[\d,]*(?:\.\d+)?")


class Judge(ABC):
    """Says which of some passages support a nugget."""

    name: str

    def supports(
        self, nugget: str, passages: Sequence[Passage], accepted: Sequence[str]
    ) -> list[bool]:
        """One verdict a passage.

        Args:
            nugget: a fact.
            passages: where it may stand.
            accepted: the question's answers; one that the nugget states must stand in a passage.
        """
        stated = [
            one for one in accepted if len(one.split()) <= SHORT and is_correct(nugget, [one])
        ]
        numbers = _NUMBER.findall(nugget)
        able = [
            place
            for place, one in enumerate(passages)
            if (not stated or is_correct(_whole(one), stated))
            and all(is_correct(_whole(one), [number]) for number in numbers)
        ]
        said = self._judge(nugget, [passages[place] for place in able])
        verdicts = dict(zip(able, said, strict=True))
        return [verdicts.get(place, False) for place in range(len(passages))]

    @abstractmethod
    def _judge(self, nugget: str, passages: Sequence[Passage]) -> list[bool]:
        """The verdicts on passages that hold what they must."""


class RuleJudge(Judge):
    """By rule: a passage holds three quarters of the nugget's terms. No model calls.

    Args:
        terms: makes index terms, stop words left out.
    """

    name = "rule"

    def __init__(self, terms: Terms) -> None:
        self._terms = terms

    def _judge(self, nugget: str, passages: Sequence[Passage]) -> list[bool]:
        return [share_held(nugget, one, self._terms) >= HELD for one in passages]


class CrossEncoderJudge(Judge):
    """By a cross-encoder: even odds or better that the passage answers to the nugget.

    It was made for relevance and not for entailment, and likes nearly any passage for a long
    nugget; hence the conditions of ``Judge`` on numbers and answers, and half of the nugget's
    terms.
    Cost: one call a pair that meets them, one round a nugget.

    Args:
        model: started.
        terms: makes index terms.
        context: pays.
    """

    name = "cross_encoder"

    def __init__(self, model: CrossEncoder, terms: Terms, context: RunContext) -> None:
        self._model = model
        self._terms = terms
        self._context = context

    def _judge(self, nugget: str, passages: Sequence[Passage]) -> list[bool]:
        near = [one for one in passages if share_held(nugget, one, self._terms) >= NEAR]
        if not near:
            return [False] * len(passages)
        pairs = [(nugget, _whole(one)) for one in near]
        scores = self._model.score(pairs, [self._context] * len(pairs))
        able = {one.id for one, score in zip(near, scores.tolist(), strict=True) if score >= 0.0}
        return [one.id in able for one in passages]


class ModelJudge(Judge):
    """By a language model: ``yes`` is likelier than ``no``. Cost: one call a pair.

    Args:
        model: started; tells log-probabilities of next tokens.
        context: pays.
    """

    name = "model"

    def __init__(self, model: LanguageModel, context: RunContext) -> None:
        self._model = model
        self._context = context

    def _judge(self, nugget: str, passages: Sequence[Passage]) -> list[bool]:
        if not passages:
            return []
        prompts = [support_prompt(nugget, fold(_whole(one))) for one in passages]
        found = self._model.next_token_logprobs(prompts, JUDGEMENTS, [self._context] * len(prompts))
        return [bool(yes > no) for yes, no in found.tolist()]


def share_held(text: str, passage: Passage, terms: Terms) -> float:
    """The share of a text's terms that a passage holds, title included; 0 for none."""
    wanted = set(terms(text))
    held = wanted & set(terms(_whole(passage)))
    return len(held) / len(wanted) if wanted else 0.0


def grades_of(
    nuggets: Sequence[str], passages: Sequence[Passage], judge: Judge, accepted: Sequence[str]
) -> dict[str, int]:
    """Passage id to 2 where it supports every nugget, 1 where some, 0 where none."""
    counts = dict.fromkeys((one.id for one in passages), 0)
    for nugget in nuggets:
        for one, yes in zip(passages, judge.supports(nugget, passages, accepted), strict=True):
            counts[one.id] += yes
    return {
        name: 0 if not count or not nuggets else 2 if count == len(nuggets) else 1
        for name, count in counts.items()
    }


def with_source(grades: Mapping[str, int], source: str) -> dict[str, int]:
    """The grades with the source at 1 at least: the evidence stands in it, whoever judges."""
    return {**grades, source: max(grades.get(source, 0), 1)} if source else dict(grades)


def _whole(passage: Passage) -> str:
    return f"{passage.title}: {passage.text}" if passage.title else passage.text
