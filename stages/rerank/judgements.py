"""How rerankers that reason before they judge are asked, and what their answers say.

Each style restates what its models were trained on, to the character.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

from assay.models.language_model import Generation
from assay.models.prompt import Message, Prompt
from assay.stages.rerank.pair_prompts import spaced

StyleName = Literal["rank1", "erank"]

CLOSED = "</think>"
"""What ends the reasoning."""

_ANSWER = re.compile(r"<answer>\s*(\d{1,3})\s*</answer>", re.IGNORECASE)
_DEFINITION = "A document is relevant if it answers the query."


@dataclass(frozen=True, slots=True)
class Judgement:
    """What an answer says.

    Args:
        grade: the whole number that was given.
        probability: with which the model wrote it, 1 where it tells none.
        weighted: whether the model told that.
    """

    grade: int
    probability: float
    weighted: bool

    @property
    def score(self) -> float:
        """The grade times its probability."""
        return self.grade * self.probability


def rank1_prompt(query: str, passage: str) -> Prompt:
    """Rank1: the answer is already begun with its reasoning.

    Source: Weller et al. 2025 (Rank1), the prompt of its code.
    """
    return (
        "Determine if the following passage is relevant to the query. Answer only with 'true' or"
        " 'false'.\nQuery:",
        spaced(query),
        "\nPassage:",
        spaced(passage),
        "\n<think>",
    )


def erank_prompt(query: str, passage: str, definition: str = "") -> Prompt:
    """ERank: a turn that asks for a grade from 0 to 10.

    Source: ERank (arXiv 2509.00520), figure 5. Whether the code beside the weights writes "0~10",
    as here, or "0 to 10" was not verified.

    Args:
        query: the question.
        passage: what may answer it.
        definition: what relevant means, a sentence.
    """
    return (
        Message(
            "user",
            (
                "Given a query and a document, please give a relevance score of 0~10.\nThe goal or"
                f" relevance definition is: {definition or _DEFINITION}\n\nHere is the query:\n",
                query,
                "\n\nHere is the document:\n",
                passage,
                "\n\nAfter thinking, directly choose a relevance score from [0, 1, 2, 3, 4, 5, 6,"
                " 7, 8, 9, 10].\n- 0 represents completely not related\n- 10 means perfectly"
                " related.\n\nDesired output format:\n<think>put your thinking here</think><answer>"
                "Only allows an integer here</answer>\n\nYour output:\n",
            ),
        ),
    )


def grade_of(generation: Generation, highest: int = 10) -> Judgement | None:
    """The grade in the last answer block behind the reasoning; None where there is none.

    Reasoning that is begun and not ended has no answer, whatever stands in it. The probability
    is the product over the tokens that the number was written in.

    Args:
        generation: what the model wrote.
        highest: a larger number is no grade.
    """
    text = generation.text
    if "<think>" in text and CLOSED not in text:
        return None
    begin = text.rfind(CLOSED) + len(CLOSED) if CLOSED in text else 0
    blocks = list(_ANSWER.finditer(text, begin))
    if not blocks or int(blocks[-1][1]) > highest:
        return None
    first, last = blocks[-1].span(1)
    if generation.pieces is None:
        return Judgement(int(blocks[-1][1]), 1.0, weighted=False)
    total, place = 0.0, 0
    for piece in generation.pieces:
        end = place + len(piece.text)
        if place < last and end > first:
            total += piece.logprob
        place = end
    return Judgement(int(blocks[-1][1]), math.exp(total), weighted=True)


def chain_of(text: str) -> str:
    """The reasoning of an answer: what stands before its end, without the mark that begins it.

    >>> chain_of("<think> it says so </think><answer>8</answer>")
    'it says so'
    """
    chain = text.rpartition(CLOSED)[0] if CLOSED in text else text
    return chain.strip().removeprefix("<think>").strip()
