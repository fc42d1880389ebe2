"""A language model that names the best of a few passages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, model_validator

from assay.models.prompt import Message, Prompt
from assay.pipeline.component import register
from assay.stages.windows.choice import Choice, ChoiceConfig, ChoiceRanker, named
from assay.stages.windows.identifiers import MOST_LETTERS, identifier
from assay.stages.windows.template import Reading, Template, numbered


class SetwiseWindowsConfig(ChoiceConfig):
    """Settings of ``windows.setwise@1``."""

    form: Literal["setwise", "rank_r1"] = Field(
        "setwise",
        description="setwise asks for a letter; rank_r1 for reasoning and a number, as text",
    )
    max_window: int = Field(20, ge=2, le=1000, description="most passages of a window")

    @model_validator(mode="after")
    def _form_fits(self) -> SetwiseWindowsConfig:
        if self.form == "rank_r1" and self.answer == "logprobs":
            raise ValueError("rank_r1 reasons before it answers: set answer to 'text'")
        return self


@register("windows.setwise@1")
class SetwiseWindows(ChoiceRanker):
    """Name the best of a window, for schedules that need no more.

    ``rerank.setwise_heapsort``, ``rerank.setwise_bubble_sort`` and ``rerank.tournament`` with one
    winner read only the first of an answer. With ``logprobs`` the whole window is in order.
    Source: Zhuang et al. 2024 (Setwise); Rank-R1 (2025) for reasoning. Cost: one call a window,
    in one round.

    Args:
        config: see ``SetwiseWindowsConfig``.
        model: answers.
    """

    Config = SetwiseWindowsConfig

    @property
    def choice(self) -> Choice:
        """As configured."""
        return CHOICES[self.config.form]

    @property
    def max_window(self) -> int:
        """As configured; no more than there are letters where passages are named by letters."""
        most = int(self.config.max_window)
        return min(most, MOST_LETTERS) if self.choice.template.style == "letter" else most


def write_setwise(reading: Reading) -> Prompt:
    """One turn that asks for a letter."""
    return (
        Message(
            "user",
            (
                f"Which of the {reading.size} passages below is the most relevant to this query: ",
                reading.query,
                "\n\n",
                numbered(reading, "letter", between="\n\n"),
                "\n\nQuery: ",
                reading.query,
                "\nAnswer with the letter of the most relevant passage only, such as [A].",
            ),
        ),
    )


def write_rank_r1(reading: Reading) -> Prompt:
    """A system turn that asks for reasoning, and the passages by number."""
    return (
        Message(
            "system",
            "You reason about a question in your mind and then give the answer. The reasoning"
            " stands within <think> </think> and the answer within <answer> </answer>.",
        ),
        Message(
            "user",
            (
                'Given the query: "',
                reading.query,
                '", which of the following passages is the most relevant?\n\n',
                numbered(reading, between="\n\n"),
                "\n\nQuery: ",
                reading.query,
                "\nReason first. Then give the label of the most relevant passage alone within"
                " the answer marks, for instance <answer>[3]</answer>.",
            ),
        ),
    )


CHOICES: Mapping[str, Choice] = {
    "setwise": Choice(
        Template(write_setwise, "letter", "Zhuang et al. 2024 (Setwise)", ideal=named), "["
    ),
    "rank_r1": Choice(
        Template(
            write_rank_r1,
            "number",
            "Rank-R1 (2025)",
            thinking=True,
            ideal=lambda order: f"<answer>{identifier(order[0], 'number')}</answer>",
        ),
        None,
    ),
}
"""Forms by name."""
