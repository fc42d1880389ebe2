"""Letters as identifiers: one token each, which FIRST reads."""

from __future__ import annotations

from assay.models.prompt import Message, Prompt
from assay.stages.windows.template import Reading, Template, numbered


def write(reading: Reading) -> Prompt:
    """One turn with letters from A on."""
    n = reading.size
    return (
        Message(
            "user",
            (
                f"I will provide you with {n} passages, each indicated by an alphabetical"
                " identifier []. Rank the passages based on their relevance to the search query: ",
                reading.query,
                ".\n\n",
                numbered(reading, "letter"),
                "\n\nSearch Query: ",
                reading.query,
                f".\nRank the {n} passages above based on their relevance to the search query, the"
                " most relevant first. The output format should be [] > [], e.g., [D] > [B]. Only"
                " respond with the ranking results.",
            ),
        ),
    )


TEMPLATE = Template(write, "letter", "Reddy et al. 2024 (FIRST)")
