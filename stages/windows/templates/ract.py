"""RaCT: chain of thought, then the list."""

from __future__ import annotations

from assay.models.prompt import Prompt
from assay.stages.windows.reasoning_template import answer_in_marks, asked_to_reason
from assay.stages.windows.template import Reading, Template

SYSTEM = (
    "You rank passages by their relevance to a query. Reason step by step between "
    "<think> and </think>: name the most relevant passage that is left, and again, "
    "until none is left. Then write the whole ranking between <answer> and </answer>."
)


def write(reading: Reading) -> Prompt:
    """A system turn, and one with passages and query."""
    return asked_to_reason(SYSTEM, reading)


TEMPLATE = Template(
    write,
    "number",
    "Liu et al. 2025 (RaCT)",
    stop=("</answer>",),
    thinking=True,
    ideal=answer_in_marks,
)
