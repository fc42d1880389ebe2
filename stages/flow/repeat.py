"""A pipeline again and again, until its outcome is good enough."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from assay.pipeline import Abstention, Answer, Query, RunContext
from assay.pipeline.component import register
from assay.pipeline.condition import check_types, read_condition
from assay.pipeline.errors import UsageError
from assay.stages.flow.pipeline import Inner, PipelineConfig

OUTCOME = "outcome"
"""What a condition calls the inner pipeline's outcome."""


class RepeatConfig(PipelineConfig):
    """Settings of ``flow.repeat@1``."""

    times: int = Field(3, ge=1, le=100, description="most runs")
    until: str = Field(
        min_length=1, description="condition on 'outcome', such as outcome.confidence.value >= 0.8"
    )


@register("flow.repeat@1")
class Repeat(Inner):
    """Runs another pipeline with seed, seed + 1 and so on until a condition holds.

    Gives the first outcome that meets the condition, else the last; an abstention
    meets none that looks at an answer's fields. Of use where the inner pipeline draws:
    a generator with a temperature, a shuffled order. Cost: at most ``times`` that
    of the inner pipeline, in as many rounds.
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
        return (*wrong, *super().prepare(base))

    def run(self, query: Query, context: RunContext) -> Answer | Abstention:
        """The first outcome that meets the condition, else the last."""
        until = read_condition(self.config.until)
        runs, met = 0, False
        while not met and runs < self.config.times:
            outcome = self.ask(query, context, seed=context.seed + runs)
            met = until.test({OUTCOME: outcome})
            runs += 1
        context.note(runs=runs, met=met)
        return outcome
