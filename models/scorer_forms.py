"""How rerankers that answer yes or no want to be asked: their prompts, as data.

A published form restates what its model was trained on, to the character: a prompt is the
model's interface. Parts are turned into tokens one by one. They end where the published code
ends them, or before a space, where the tokens are the same; and what pairs of one query share
stands in parts of its own at the beginning, so that an engine computes it once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from assay.models.prompt import Message, Prompt, parts_of

_PLACE = re.compile(r"\{(instruction|query|passage)\}")


@dataclass(frozen=True, slots=True)
class ScorerForm:
    """A prompt with places, and the two answers.

    The places ``{instruction}``, ``{query}`` and ``{passage}`` are filled once and literally:
    nothing in a filled-in text is a place, and every other brace stays as it is.

    Args:
        user: parts of the user's turn; without ``chat`` parts of the whole text.
        yes: exact spellings of the answer "relevant"; one word alone may stand for the word with
            and without a space before it.
        no: the same for "not relevant".
        system: parts of the system turn; none if empty.
        answer: what the assistant's turn begins with; without it the turn is just opened.
        chat: whether the model's chat template writes the turns.
        instruction: what is said in place of none.
        instructed: what fills ``{instruction}`` where there is an instruction.
    """

    user: tuple[str, ...]
    yes: str | tuple[str, ...]
    no: str | tuple[str, ...]
    system: tuple[str, ...] = ()
    answer: str = ""
    chat: bool = True
    instruction: str = ""
    instructed: str = "{instruction}"

    @property
    def parts(self) -> tuple[str, ...]:
        """All parts in the order in which a model reads them."""
        return (*self.system, *self.user, self.answer)

    def holds(self, place: str) -> int:
        """How often a place stands in the form."""
        return sum(part.count(f"{{{place}}}") for part in self.parts)

    def prompt(self, query: str, passage: str, instruction: str = "") -> Prompt:
        """The form filled in.

        Args:
            query: the question.
            passage: what may answer it.
            instruction: what relevant means; the form's own by default.
        """
        said = instruction or self.instruction
        values = {
            "instruction": _filled(self.instructed, {"instruction": said}) if said else "",
            "query": query,
            "passage": passage,
        }
        user = tuple(_filled(part, values) for part in self.user)
        if not self.chat:
            return user
        turns = [Message("user", user)]
        if self.system:
            turns.insert(0, Message("system", tuple(_filled(part, values) for part in self.system)))
        if self.answer:
            answer = _filled(self.answer, values)
            turns.append(Message("assistant", answer, trusted=answer == self.answer))
        return tuple(turns)

    def texts(self, query: str, passage: str, instruction: str = "") -> tuple[str, ...]:
        """The parts of the filled form, to be counted."""
        return parts_of(self.prompt(query, passage, instruction))


def _filled(part: str, values: Mapping[str, str]) -> str:
    """A part with its places filled, in one pass.

    >>> _filled("{query} {other} {passage}", {"query": "{passage}?", "passage": "{}"})
    '{passage}? {other} {}'
    """
    return _PLACE.sub(lambda place: values.get(place[1], place[0]), part)


QWEN3 = ScorerForm(
    system=(
        "Judge whether the Document meets the requirements based on the Query and the Instruct"
        ' provided. Note that the answer can only be "yes" or "no".',
    ),
    user=("<Instruct>: {instruction}\n<Query>: {query}\n<Document>:", " {passage}"),
    answer="<think>\n\n</think>\n\n",
    instruction="Given a web search query, retrieve relevant passages that answer the query",
    yes=("yes",),
    no=("no",),
)
"""Qwen3-Reranker (0.6B, 4B, 8B).

Source: the model cards and the README of QwenLM/Qwen3-Embedding (2025). They give the softmax of
the two logits, P(yes) / (P(yes) + P(no)), which is the logistic function of the score here.
"""

MXBAI = ScorerForm(
    system=("You are Qwen, created by Alibaba Cloud. You are a helpful assistant.",),
    user=(
        "{instruction}query: {query}",
        "\n",
        "document: {passage}",
        "\n",
        "You are a search relevance expert who evaluates how well documents match search queries."
        " For each query-document pair, carefully analyze the semantic relationship between them,"
        " then provide your binary relevance judgment (0 for not relevant, 1 for relevant)."
        "\nRelevance:",
    ),
    instructed="instruction: {instruction}\n",
    yes=("1",),
    no=("0",),
)
"""mxbai-rerank-base-v2 and -large-v2.

Source: ``mxbai_rerank_v2.py`` of mixedbread-ai/mxbai-rerank (2025). Its raw score is the
difference of the two logits, as here.
"""

ZERANK = ScorerForm(
    system=("{query}",),
    user=("{passage}",),
    yes=("Yes",),
    no=("No",),
)
"""zerank-1, zerank-1-small and zerank-2.

Source: ``modeling_zeranker.py`` beside the weights (ZeroEntropy, 2025): the query is the system
turn, the passage the user's. The published score is the logistic function of a fifth of the raw
logit of "Yes". A raw logit is no probability: it cannot be had from log-probabilities, where all
logits of a prompt are shifted by one unknown number. The score here is logit("Yes") minus
logit("No"), in which the shift falls away; it is another number than the published one by the
logit of "No", and may order some passages otherwise.
"""

MONOT5 = ScorerForm(
    user=("Query: {query} Document: {passage} Relevant:",),
    chat=False,
    yes="true",
    no="false",
)
"""monoT5 (castorini/monot5-*), an encoder-decoder.

Source: Nogueira, Jiang, Pradeep and Lin, "Document Ranking with a Pretrained Sequence-to-Sequence
Model" (EMNLP Findings 2020), section 3; pygaggle's ``MonoT5``. It gives the log-softmax of the two
logits, which orders as the score here does. Trained on 512 tokens.
"""

PLAIN = ScorerForm(
    user=(
        "Does the passage say what the question asks for?\n\n"
        "Question: how tall is the tower of Pisa\n"
        "Passage: The leaning tower of Pisa stands 56 metres high on its lower side.\n"
        "Answer: yes\n\n"
        "Question: who painted the ceiling of the chapel\n"
        "Passage: The chapel opens at nine, and its ceiling was cleaned in the 1980s.\n"
        "Answer: no\n\n"
        "Question: how long do eggs boil\n"
        "Passage: Six minutes in boiling water leave the yolk soft.\n"
        "Answer: yes\n\n",
        "Question: {query}\nPassage:",
        " {passage}\nAnswer:",
    ),
    chat=False,
    yes=(" yes", "yes", " Yes", "Yes"),
    no=(" no", "no", " No", "No"),
)
"""Any language model: three worked examples, then the pair, as one text to continue.

Written for this library. Small models follow examples better than instructions. How well one
ranks by it has to be measured: models that were not trained to rerank are mostly better asked for
the likelihood of the query.
"""

FormName = Literal["plain", "qwen3", "mxbai", "zerank", "monot5", "custom"]

FORMS: Mapping[str, ScorerForm] = MappingProxyType(
    {"plain": PLAIN, "qwen3": QWEN3, "mxbai": MXBAI, "zerank": ZERANK, "monot5": MONOT5}
)
"""Each form by its name in a pipeline file; ``custom`` is described there."""
