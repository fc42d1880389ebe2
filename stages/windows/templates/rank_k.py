"""Rank-K: a reasoning model that ranks a list at test time."""

from __future__ import annotations

from assay.models.prompt import Prompt
from assay.stages.windows.reasoning_template import answer_in_marks, asked_to_reason
from assay.stages.windows.template import Reading, Template

SYSTEM = (
    "Determine a ranking of the passages based on how relevant they are to the query. "
    "Reason about it between <think> and </think>. If the query is a question, how "
    "relevant a passage is depends on how well it answers it. Then write the ranking "
    "between <answer> and </answer>."
)


def write(reading: Reading) -> Prompt:
    """A system turn, and one with passages and query."""
    return asked_to_reason(SYSTEM, reading)


TEMPLATE = Template(
    write,
    "number",
    "Yang et al. 2025 (Rank-K)",
    stop=("</answer>",),
    thinking=True,
    ideal=answer_in_marks,
)
