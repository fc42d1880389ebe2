"""InsertRank: the remarks beside the passages are part of what is to be weighed."""

from __future__ import annotations

from assay.models.prompt import Message, Prompt
from assay.stages.windows.template import Reading, Template, numbered


def write(reading: Reading) -> Prompt:
    """One turn; the scores are explained."""
    n = reading.size
    return (
        Message(
            "user",
            (
                f"I will provide you with {n} passages, each with a number in brackets and, on the"
                " line below it, scores of retrieval systems. Rank the passages based on their"
                " relevance to the search query: ",
                reading.query,
                ".\n\n",
                numbered(reading, between="\n\n"),
                "\n\nSearch Query: ",
                reading.query,
                f".\nRank the {n} passages above, the most relevant first. Consider both what the"
                " passages say and their scores; a high score is a hint and no proof. The output"
                " format should be [] > [], e.g., [4] > [2]. Only respond with the ranking"
                " results.",
            ),
        ),
    )


TEMPLATE = Template(write, "number", "Seetharaman et al. 2025 (InsertRank)")
