"""RankVicuna and RankZephyr: all passages in one turn."""

from __future__ import annotations

from assay.models.prompt import Message, Prompt
from assay.stages.windows.template import Reading, Template, numbered


def write(reading: Reading) -> Prompt:
    """One turn with passages, query and instruction."""
    n = reading.size
    return (
        Message(
            "system",
            "You are RankLLM, an intelligent assistant that can rank passages based on their"
            " relevancy to the query.",
        ),
        Message(
            "user",
            (
                f"I will provide you with {n} passages, each indicated by a numerical identifier"
                " []. Rank the passages based on their relevance to the search query: ",
                reading.query,
                ".\n\n",
                numbered(reading),
                "\n\nSearch Query: ",
                reading.query,
                f".\nRank the {n} passages above based on their relevance to the search query. All"
                " the passages should be included and listed using identifiers, in descending"
                " order of relevance. The output format should be [] > [], e.g., [4] > [2]. Only"
                " respond with the ranking results, do not say any word or explain.",
            ),
        ),
    )


TEMPLATE = Template(write, "number", "Pradeep et al. 2023 (RankVicuna, RankZephyr)")
