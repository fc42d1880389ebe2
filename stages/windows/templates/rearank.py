"""REARANK: a listwise agent that reasons first."""

from __future__ import annotations

from assay.models.prompt import Prompt
from assay.stages.windows.reasoning_template import answer_in_marks, asked_to_reason
from assay.stages.windows.template import Reading, Template

SYSTEM = (
    "You are DeepRerank, an intelligent assistant that ranks passages by their "
    "relevance to a search query. Think about the query and every passage first, "
    "between <think> and </think>; then write the ranking between <answer> and "
    "</answer>."
)


def write(reading: Reading) -> Prompt:
    """A system turn, and one with passages and query."""
    return asked_to_reason(SYSTEM, reading)


TEMPLATE = Template(
    write,
    "number",
    "Zhang et al. 2025 (REARANK)",
    stop=("</answer>",),
    thinking=True,
    ideal=answer_in_marks,
)
