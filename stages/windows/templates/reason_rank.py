"""ReasonRank: reasoning, then the order between answer marks."""

from __future__ import annotations

from assay.models.prompt import Prompt
from assay.stages.windows.reasoning_template import answer_in_marks, asked_to_reason
from assay.stages.windows.template import Reading, Template

SYSTEM = (
    "You are RankLLM, an intelligent assistant that can rank passages based on their "
    "relevance to the query. Given a query and a passage list, first think about the "
    "reasoning process in the mind and then provide the answer, the reranked passage "
    "list. The reasoning process and answer are enclosed within <think> </think> and "
    "<answer> </answer> marks."
)


def write(reading: Reading) -> Prompt:
    """A system turn, and one with passages and query."""
    return asked_to_reason(SYSTEM, reading)


TEMPLATE = Template(
    write,
    "number",
    "Liu et al. 2025 (ReasonRank)",
    stop=("</answer>",),
    thinking=True,
    ideal=answer_in_marks,
)
