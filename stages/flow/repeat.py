"""A pipeline again and again, until its outcome is good enough."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from assay.pipeline import Abstention, Answer, Query, RunContext
from assay.pipeline.component import register
from assay.pipeline.condition import check_types, read_condition
from assay.pipeline.errors import UsageError, nearest
from assay.pipeline.record import RunRecord
from assay.stages.flow.pipeline import Inner, PipelineConfig

OUTCOME = "outcome"
"""What a condition calls the inner pipeline's outcome."""


class RepeatConfig(PipelineConfig):
    """Settings of ``flow.repeat@1``."""

    times: int = Field(3, ge=1, le=100, description="most runs")
    until: str = Field(
        min_length=1, description="condition on 'outcome', such as outcome.confidence.value >= 0.8"
    )
    next_query: str = Field(
        "",
        pattern=r"^(\w+\.\w+)?$",
        description="NODE.NOTE of the inner pipeline, a text of its run record that is the next"
        " run's question, such as kept.missing; '' asks the same question again",
    )
    wording: Literal["appended", "alone"] = Field(
        "appended",
        description="whether that text follows the question that was asked, or stands for it",
    )

    @model_validator(mode="after")
    def _wording_is_used(self) -> Self:
        if self.wording != "appended" and not self.next_query:
            raise ValueError("'wording' belongs to 'next_query', which is not given")
        return self


@register("flow.repeat@1")
class Repeat(Inner):
    """Runs another pipeline with seed, seed + 1 and so on until a condition holds.

    Gives the first outcome that meets the condition, else the last; an abstention
    meets none that looks at an answer's fields. Of use where the inner pipeline draws:
    a generator with a temperature, a shuffled order.

    With ``next_query`` each run asks what the one before found to be missing, and the outcome is
    to that question. A question that was asked already is not asked again, nor is there a next one
    where nothing was noted; the last outcome then stands. The run record says ``ended`` (``met``,
    ``times``, ``no next question``, ``question repeated``), and ``question_2``, ``question_3`` and
    so on what was asked.

    Source of that: ReZero (2025), the retry, without its training. Cost: at most ``times`` that of
    the inner pipeline, in as many rounds.
    """

    Config = RepeatConfig

    def prepare(self, base: Path) -> tuple[str, ...]:
        """Check the condition, and build the inner file."""
        try:
            condition = read_condition(self.config.until)
        except UsageError as error:
            return (str(error), *super().prepare(base))
        strange = [one for one in condition.names if one != OUTCOME]
        wrong = [f"'until' looks at '{one}'; only '{OUTCOME}' is there" for one in strange]
        if not strange:
            wrong = check_types(condition, {OUTCOME: Answer | Abstention})
        wrong += super().prepare(base)
        node = self.config.next_query.partition(".")[0]
        if node and self.pipeline is not None and node not in self.pipeline.steps:
            known = list(self.pipeline.steps)
            wrong.append(f"'next_query': no node '{node}' inside; {nearest(node, known)}")
        return tuple(wrong)

    def run(self, query: Query, context: RunContext) -> Answer | Abstention:
        """The first outcome that meets the condition, else the last."""
        until = read_condition(self.config.until)
        now, asked = query, {_key(query.text)}
        runs = 0
        while True:
            record = self.recorded(now, context, seed=context.seed + runs)
            outcome = record.outcome
            assert outcome is not None
            runs += 1
            met = until.test({OUTCOME: outcome})
            ended = "met" if met else "times" if runs == self.config.times else ""
            if not ended and self.config.next_query:
                now = self._next(query, record)
                ended = _ended(query, now, asked)
                if not ended:
                    asked.add(_key(now.text))
                    context.note(**{f"question_{runs + 1}": now.text})
            if ended:
                context.note(runs=runs, met=met, ended=ended)
                return outcome

    def _next(self, query: Query, record: RunRecord) -> Query:
        """The question of the next run; the query itself where nothing was noted."""
        node, _, note = self.config.next_query.partition(".")
        notes = record.stages.get(node, {}).get("notes", {})
        text = " ".join(str(notes.get(note, "")).split())
        if not text:
            return query
        appended = self.config.wording == "appended"
        return replace(query, text=f"{query.text} {text}" if appended else text)


def _ended(query: Query, following: Query, asked: set[str]) -> str:
    """Why there is no other run; '' where there is."""
    if following is query:
        return "no next question"
    return "question repeated" if _key(following.text) in asked else ""


def _key(text: str) -> str:
    """What makes two questions the same: their words."""
    return " ".join(re.findall(r"\w+", text.casefold()))
