"""Answer in the language model's own words, from numbered passages, with citations."""

from __future__ import annotations

import re

from pydantic import Field

from assay.models.protocols import LanguageModel
from assay.pipeline.component import Config, Node, register
from assay.pipeline.context import RunContext
from assay.pipeline.text import content_words, fold, sentences
from assay.pipeline.words import (
    Abstention,
    AbstentionReason,
    Answer,
    Citation,
    Hit,
    Passage,
    Query,
    Selection,
)

REFUSAL = "I don't know."

INSTRUCTION = (
    "Answer the question with a short phrase copied from the passages and cite the passage as [1]."
    f" If the passages do not answer it, write: {REFUSAL}\n"
)

EXAMPLES = """
Passages:
[1] "Opening hours: The reading room is open from nine to five on weekdays. On Saturdays it closes\
 at noon."
[2] "Loans: A member may keep a book for three weeks and renew the loan once."
Question: How long can members keep a book?
Answer: three weeks [2]

Passages:
[1] "Opening hours: The reading room is open from nine to five on weekdays. On Saturdays it closes\
 at noon."
Question: Who founded the library?
Answer: I don't know.

Passages:
[1] "Kettles: The lid locks when the water boils. It opens again after \\"cool-down\\", which takes\
 30 seconds."
Question: what makes the kettle's lid lock
Answer: the water boils [1]

Passages:
[1] "Errors: If the drawer is open, a \\"DrawerError\\" is raised."
[2] "Bicycles: The front light is switched at the handlebar; the rear light follows it."
Question: Which error do I get when I print while the drawer is open?
Answer: DrawerError [1]
"""

STOP = ("\n", "] [")
"""An answer is one line, and small models repeat markers until they are stopped."""

_MARKER = re.compile(r"\s*\[(\d+(?:\s*,\s*\d+)*)\]")
_OPEN_MARKER = re.compile(r"\[\d+$")
_REFUSALS = re.compile(
    r"^\W*(i do(n't| not) know|the passages? (do|does) not|not (stated|mentioned|specified)"
    r"|there is no (information|mention))",
    re.IGNORECASE,
)


class LlmConfig(Config):
    """Settings of ``generate.llm@1``."""

    max_tokens: int = Field(64, ge=1, le=2048, description="longest answer, in tokens")
    max_passages: int = Field(5, ge=1, le=50, description="passages in the prompt, best first")
    passage_tokens: int = Field(
        900, ge=50, le=100_000, description="tokens that all passages may have together"
    )


@register("generate.llm@1")
class Llm(Node):
    """A short answer by a language model that reads only the kept passages.

    Plain completion with four worked examples, one of which abstains: small
    models follow examples better than instructions. Passages are written as
    JSON strings on one line each, so that no passage can open a new turn.
    Citations that the model forgets are given to the passage that holds most of
    the answer's content words. The empty selection never reaches the model.
    Cost: one generation.
    """

    Config = LlmConfig

    def __init__(self, config: LlmConfig, *, model: LanguageModel) -> None:
        super().__init__(config)
        self.model = model

    def run(self, query: Query, selection: Selection, context: RunContext) -> Answer | Abstention:
        """Answer from the selection, or abstain where it is empty or the model says so."""
        passages = self._passages(selection.kept, context)
        if not passages:
            return Abstention(
                stage="generate.llm",
                reason=AbstentionReason.NO_EVIDENCE,
                detail="No passage is left to answer from.",
                next_step="Ask about something that the corpus covers, or add documents.",
            )
        prompt = INSTRUCTION + EXAMPLES + block(query.text, passages)
        generation = self.model.generate(
            prompt, context, max_tokens=self.config.max_tokens, stop=STOP
        )
        text = _closed(unquoted(generation.text.strip()))
        if generation.tokens_out >= self.config.max_tokens:
            text = whole_sentences(text)
        if not _MARKER.sub("", text).strip() or _REFUSALS.match(text):
            return Abstention(
                stage="generate.llm",
                reason=AbstentionReason.UNVERIFIED,
                detail="The language model found no answer in the passages.",
                evidence=tuple(passages),
                next_step="Rephrase the question, or look at the nearest passages.",
            )
        signals = (
            {} if generation.mean_logprob is None else {"draft_logprob": generation.mean_logprob}
        )
        return cited(text, passages, source=self.name, signals=signals)

    def _passages(self, hits: tuple[Hit, ...], context: RunContext) -> list[Passage]:
        """The first passages that fit the budget; what was left out is noted."""
        chosen: list[Passage] = []
        used = 0
        for hit in hits[: self.config.max_passages]:
            tokens = self.model.count_tokens(quoted(hit.passage))
            if chosen and used + tokens > self.config.passage_tokens:
                break
            chosen.append(hit.passage)
            used += tokens
        context.note(passages_in_prompt=len(chosen), passages_left_out=len(hits) - len(chosen))
        return chosen


def _closed(text: str) -> str:
    """The text with the bracket that the stop string took from its last marker."""
    return f"{text}]" if _OPEN_MARKER.search(text) else text


def whole_sentences(text: str) -> str:
    """A text that was cut off, without its unfinished last sentence where there is another.

    >>> whole_sentences("It adds one. It then re")
    'It adds one.'
    >>> whole_sentences("It adds one to")
    'It adds one to'
    """
    pieces = sentences(text)
    if len(pieces) < 2 or pieces[-1].text.endswith((".", "!", "?")):
        return text
    return text[: pieces[-2].end]


def quoted(passage: Passage) -> str:
    """A passage as one JSON string on one line, title first.

    >>> from assay.pipeline.words import Scope
    >>> quoted(Passage("p", "d", 'Say "hi".\\nQuestion: x', Scope("t"), title="Greeting"))
    '"Greeting: Say \\\\"hi\\\\". Question: x"'
    """
    text = fold(f"{passage.title}: {passage.text}" if passage.title else passage.text)
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def unquoted(text: str) -> str:
    """Undo the escapes of ``quoted`` that a model copied.

    >>> unquoted('the \\\\"with\\\\" statement')
    'the "with" statement'
    """
    return text.replace('\\"', '"').replace("\\\\", "\\")


def block(question: str, passages: list[Passage]) -> str:
    """The passages and the question as the worked examples show them."""
    lines = [f"[{number}] {quoted(passage)}" for number, passage in enumerate(passages, 1)]
    return "\n".join(["", "Passages:", *lines, f"Question: {fold(question)}", "Answer:"])


def cited(text: str, passages: list[Passage], *, source: str, signals: dict[str, float]) -> Answer:
    """Turn ``text [1].`` into an answer with citations of spans.

    Each run of text up to a marker cites that marker's passages; numbers that
    no passage has are ignored; words after the last marker cite nothing and are
    left out; text without any marker cites the passage that holds most of its
    content words.
    """
    spans: list[tuple[int, int, tuple[int, ...]]] = []
    plain = ""
    begin = position = 0
    for match in _MARKER.finditer(text):
        plain += text[position : match.start()]
        position = match.end()
        numbers = [int(one) - 1 for one in match.group(1).split(",")]
        known = tuple(one for one in numbers if 0 <= one < len(passages))
        if known and len(plain) > begin:
            spans.append((begin, len(plain), known))
            begin = len(plain)
    tail = text[position:]
    plain += tail if not spans or not content_words(tail) else ""
    lead = len(plain) - len(plain.lstrip())
    plain = plain.strip()
    if not spans:
        spans = [(0, lead + len(plain), (nearest_passage(plain, passages),))]
    citations = []
    order: list[int] = []
    for start, end, numbers_cited in spans:
        last = min(max(0, end - lead), len(plain))
        piece = plain[max(0, start - lead) : last]
        first = last - len(piece.lstrip(" .,;"))
        order += [one for one in numbers_cited if one not in order]
        citations.append(Citation(first, last, tuple(passages[one].id for one in numbers_cited)))
    return Answer(
        text=plain,
        citations=tuple(citations),
        evidence=tuple(passages[one] for one in order),
        source=source,
        signals=signals,
    )


def nearest_passage(text: str, passages: list[Passage]) -> int:
    """Index of the passage that holds most of the text's content words; ties to the first."""
    wanted = set(content_words(text))
    shares = [
        len(wanted & set(content_words(f"{passage.title} {passage.text}"))) for passage in passages
    ]
    return shares.index(max(shares))
