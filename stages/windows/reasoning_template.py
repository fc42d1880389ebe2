"""What templates of reasoning rerankers share."""

from __future__ import annotations

from assay.models.prompt import Message, Prompt
from assay.stages.windows.identifiers import identifier
from assay.stages.windows.template import Reading, numbered


def asked_to_reason(system: str, reading: Reading) -> Prompt:
    """A system turn, and a turn with the passages, the query and the form of the answer."""
    n = reading.size
    return (
        Message("system", system),
        Message(
            "user",
            (
                f"I will provide you with {n} passages, each indicated by a numerical identifier"
                " []. Rank the passages based on their relevance to the search query:\n[QUERY] ",
                reading.query,
                "\n\n",
                numbered(reading, between="\n\n"),
                "\n\n[QUERY] ",
                reading.query,
                f"\n\nRank the {n} passages above, all of them, in descending order of relevance."
                " The format of the answer is <answer> [4] > [2] </answer>.",
            ),
        ),
    )


def answer_in_marks(order: tuple[int, ...]) -> str:
    """The ranking between its marks."""
    chain = " > ".join(identifier(place, "number") for place in order)
    return f"<answer> {chain} </answer>"
