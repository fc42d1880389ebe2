"""RankGPT: a conversation in which every passage is handed over and acknowledged."""

from __future__ import annotations

from assay.models.prompt import Message, Prompt
from assay.stages.windows.template import Reading, Template


def write(reading: Reading) -> Prompt:
    """A turn for each passage, the order asked for in the last one."""
    n = reading.size
    turns = [
        Message(
            "system",
            "You are an intelligent assistant that can rank passages based on their relevancy to"
            " a query.",
        ),
        Message(
            "user",
            (
                f"I will give you {n} passages, each with a number in brackets. Rank them by their"
                " relevance to the query: ",
                reading.query,
            ),
        ),
        Message("assistant", "Please give me the passages."),
    ]
    for place, text in enumerate(reading.texts, 1):
        remark = reading.remark(place - 1, "\n")
        turns.append(Message("user", (f"[{place}] ", text, remark)))
        turns.append(Message("assistant", f"Received passage [{place}]."))
    turns.append(
        Message(
            "user",
            (
                "Query: ",
                reading.query,
                f"\nRank the {n} passages above by their relevance to the query, the most relevant"
                " first. Write all numbers in the form [] > [], for instance [1] > [2]. Answer"
                " with the ranking only.",
            ),
        )
    )
    return tuple(turns)


TEMPLATE = Template(write, "number", "Sun et al. 2023 (RankGPT)")
