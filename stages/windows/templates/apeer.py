"""APEER: a prompt that was found by automatic engineering, with marks around the ranking."""

from __future__ import annotations

from assay.models.prompt import Message, Prompt
from assay.stages.windows.identifiers import identifier
from assay.stages.windows.template import Reading, Template, numbered


def write(reading: Reading) -> Prompt:
    """One turn; the answer stands between [rankstart] and [rankend]."""
    n = reading.size
    return (
        Message(
            "user",
            (
                f"As RankLLM, your task is to evaluate and rank {n} unique passages by how relevant"
                " and accurate they are for the query: ",
                reading.query,
                ". Weigh the facts, the fit to the query, and the clarity of each passage.\n\n",
                numbered(reading),
                "\n\nList the identifiers of all passages from the most to the least relevant,"
                " without comments, between the marks: [rankstart] [3] > [1] > [2] [rankend].",
            ),
        ),
    )


def ideal(order: tuple[int, ...]) -> str:
    """The ranking between its marks."""
    chain = " > ".join(identifier(place, "number") for place in order)
    return f"[rankstart] {chain} [rankend]"


TEMPLATE = Template(write, "number", "Jin et al. 2024 (APEER)", stop=("[rankend]",), ideal=ideal)
