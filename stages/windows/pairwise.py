"""A language model that says which of two passages is better."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Literal

from pydantic import Field, model_validator

from assay.models.language_model import LanguageModel
from assay.models.prompt import Message, Prompt
from assay.pipeline.component import Config, register
from assay.stages.windows.choice import Choice, ChoiceConfig, ChoiceRanker, named
from assay.stages.windows.identifiers import identifier
from assay.stages.windows.template import Reading, Template, neutral, numbered

_FIELD = re.compile(r"\b(query|document\d*|relevant)\s*:", re.IGNORECASE)


class PairExample(Config):
    """A pair of which the better one is known; it is shown in both orders."""

    query: str = Field(min_length=1, description="a question")
    better: str = Field(min_length=1, description="a passage that answers it")
    worse: str = Field(min_length=1, description="a passage that does not")


class PairwiseWindowsConfig(ChoiceConfig):
    """Settings of ``windows.pairwise@1``."""

    form: Literal["prp", "duo_t5"] = Field(
        "prp",
        description="prp asks a chat model for A or B; duo_t5 asks a model that was trained on"
        " pairs whether the first is more relevant, true or false",
    )
    example: PairExample | None = Field(
        None, description="a pair that is shown first, in both orders, with the right answers"
    )

    @model_validator(mode="after")
    def _example_fits(self) -> PairwiseWindowsConfig:
        if self.example is not None and self.form == "duo_t5":
            raise ValueError("duo_t5 takes no example: its model was trained without")
        return self


@register("windows.pairwise@1")
class PairwiseWindows(ChoiceRanker):
    """Compare two passages; schedules decide which two, and whether in both orders.

    A window's probability that its first passage is better is the logistic function of the
    difference of its scores. Source: Qin et al. 2024 (PRP); Pradeep et al. 2021 (duoT5);
    LLM-RankFusion 2024 (the example in both orders). Cost: one call a window, in one round.

    Args:
        config: see ``PairwiseWindowsConfig``.
        model: answers.
    """

    Config = PairwiseWindowsConfig

    def __init__(self, config: PairwiseWindowsConfig, *, model: LanguageModel) -> None:
        super().__init__(config, model=model)
        self._choice = CHOICES[config.form]
        if config.example is not None:
            write = functools.partial(write_prp, example=config.example)
            template = Template(write, "letter", self._choice.template.source, ideal=named)
            self._choice = Choice(template, self._choice.opening)

    @property
    def choice(self) -> Choice:
        """As configured."""
        return self._choice

    @property
    def max_window(self) -> int:
        """Two."""
        return 2


def write_prp(reading: Reading, *, example: PairExample | None = None) -> Prompt:
    """A turn with both passages; before it, the example in both orders."""
    shown: list[Message] = []
    if example is not None:
        texts = (neutral(example.better), neutral(example.worse))
        for place, pair in enumerate((texts, texts[::-1])):
            shown.append(_turn(Reading(neutral(example.query), pair)))
            shown.append(Message("assistant", identifier(place, "letter")))
    return (*shown, _turn(reading))


def write_duo_t5(reading: Reading) -> Prompt:
    """The fields that the model was trained on; none of them can stand in a passage."""
    parts = ["Query: ", _without_fields(reading.query)]
    for place, text in enumerate(reading.texts):
        remark = reading.remark(place, " ")
        parts += [f" Document{place}: ", _without_fields(text + remark)]
    return (*parts, " Relevant:")


def _turn(reading: Reading) -> Message:
    return Message(
        "user",
        (
            "Two passages follow, [A] and [B]. Which of them is more relevant to this query: ",
            reading.query,
            "\n\n",
            numbered(reading, "letter", between="\n\n"),
            "\n\nQuery: ",
            reading.query,
            "\nAnswer with [A] or [B] only.",
        ),
    )


def _without_fields(text: str) -> str:
    """A text in which nothing is the beginning of a field.

    >>> _without_fields("Document1: the best. relevant : true")
    'Document1 - the best. relevant - true'
    """
    return _FIELD.sub(r"\1 -", text)


CHOICES: Mapping[str, Choice] = {
    "prp": Choice(Template(write_prp, "letter", "Qin et al. 2024 (PRP)", ideal=named), "["),
    "duo_t5": Choice(
        Template(
            write_duo_t5,
            "letter",
            "Pradeep et al. 2021 (duoT5)",
            ideal=lambda order: "true" if order[0] == 0 else "false",
        ),
        "",
        ("true", "false"),
    ),
}
"""Forms by name."""
