"""Answer in the language model's own words, from numbered passages, with citations."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from assay.models.fit import cut
from assay.models.language_model import Ability, Generation, LanguageModel
from assay.models.prompt import Prompt
from assay.pipeline.component import Config, Node, register
from assay.pipeline.context import RunContext
from assay.pipeline.sentences import sentences
from assay.pipeline.text import content_words, fold
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

BEGINNING = f"{INSTRUCTION}{EXAMPLES}\n"
"""What every prompt begins with: a part of its own, so that engines compute it once."""

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
    too_long: Literal["cut", "leave_out"] = Field(
        "cut",
        description="what happens to a passage that alone has more than passage_tokens: of the"
        " best one the beginning is kept, or it is left out",
    )


@dataclass(frozen=True, slots=True)
class Reading:
    """What the model is given to read for one query.

    Args:
        passages: as they were kept, for citations.
        lines: the same as they stand in the prompt, where one may be cut.
    """

    passages: tuple[Passage, ...]
    lines: tuple[str, ...]


@register("generate.llm@1")
class Llm(Node):
    """A short answer by a language model that reads only the kept passages.

    Plain completion with four worked examples, one of which abstains: small
    models follow examples better than instructions. Passages are written as
    JSON strings on one line each, so that no passage can open a new turn.
    Citations that the model forgets are given to the passage that holds most of
    the answer's content words. The empty selection never reaches the model.
    Cost: one generation; those of many queries go to the model together.
    """

    Config = LlmConfig
    needs = {"model": (Ability.GENERATE,)}

    def __init__(self, config: LlmConfig, *, model: LanguageModel) -> None:
        super().__init__(config)
        self.model = model

    def run(self, query: Query, selection: Selection, context: RunContext) -> Answer | Abstention:
        """Answer from the selection, or abstain where it is empty or the model says so."""
        reading = self._reading(selection.kept, context)
        if not reading.passages:
            return self._nothing(selection)
        generation = self.model.generate(
            prompt_for(query.text, reading.lines),
            context,
            max_tokens=self.config.max_tokens,
            stop=STOP,
        )
        return self._outcome(generation, reading)

    def run_batch(
        self, items: Sequence[Mapping[str, Any]], contexts: Sequence[RunContext]
    ) -> list[Answer | Abstention]:
        """As ``run`` for each, with the prompts of all queries in one call of the model."""
        readings = [
            self._reading(item["selection"].kept, context)
            for item, context in zip(items, contexts, strict=True)
        ]
        asked = [place for place, reading in enumerate(readings) if reading.passages]
        if not asked:
            return [self._nothing(item["selection"]) for item in items]
        generations = self.model.generate_batch(
            [prompt_for(items[one]["query"].text, readings[one].lines) for one in asked],
            [contexts[one] for one in asked],
            max_tokens=self.config.max_tokens,
            stop=STOP,
        )
        written = dict(zip(asked, generations, strict=True))
        return [
            self._outcome(written[place], reading)
            if place in written
            else self._nothing(items[place]["selection"])
            for place, reading in enumerate(readings)
        ]

    def _nothing(self, selection: Selection) -> Abstention:
        """The abstention of a query with nothing to read."""
        if selection.kept:
            detail = "Every passage is longer than the model may read."
            step = "Raise passage_tokens, or let long passages be cut ('too_long: cut')."
        else:
            detail = "No passage is left to answer from."
            step = "Ask about something that the corpus covers, or add documents."
        return Abstention(
            stage="generate.llm",
            reason=AbstentionReason.NO_EVIDENCE,
            detail=detail,
            next_step=step,
        )

    def _outcome(self, generation: Generation, reading: Reading) -> Answer | Abstention:
        """The answer with its citations; an abstention where the model says that it has none."""
        passages = list(reading.passages)
        text = _closed(unquoted(generation.text.strip()))
        if generation.finish == "length":
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

    def _reading(self, hits: tuple[Hit, ...], context: RunContext) -> Reading:
        """The first passages that fit the budget; what was left out or cut is noted."""
        chosen: list[Passage] = []
        lines: list[str] = []
        budget: int = self.config.passage_tokens
        left, cuts = budget, 0
        for hit in hits[: self.config.max_passages]:
            text = line(hit.passage)
            kept = cut(text, budget, self._tokens, "head")
            alone_too_long = kept != text
            if alone_too_long and self.config.too_long == "leave_out":
                continue
            tokens = self._tokens(kept)
            if chosen and (alone_too_long or tokens > left):
                break
            chosen.append(hit.passage)
            lines.append(kept)
            left -= tokens
            cuts += alone_too_long
        context.note(passages_in_prompt=len(chosen), passages_left_out=len(hits) - len(chosen))
        context.count(passages_cut=cuts)
        return Reading(tuple(chosen), tuple(lines))

    def _tokens(self, text: str) -> int:
        """Tokens of a passage's line as the prompt writes it."""
        return self.model.count_tokens(quoted(text))


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


def line(passage: Passage) -> str:
    """A passage on one line, title first.

    >>> from assay.pipeline.words import Scope
    >>> line(Passage("p", "d", "It is\\na text.", Scope("t"), title="Title"))
    'Title: It is a text.'
    """
    return fold(f"{passage.title}: {passage.text}" if passage.title else passage.text)


def quoted(text: str) -> str:
    """A line as a JSON string.

    >>> quoted('Say "hi". Question: x')
    '"Say \\\\"hi\\\\". Question: x"'
    """
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def unquoted(text: str) -> str:
    """Undo the escapes of ``quoted`` that a model copied.

    >>> unquoted('the \\\\"with\\\\" statement')
    'the "with" statement'
    """
    return text.replace('\\"', '"').replace("\\\\", "\\")


def prompt_for(question: str, lines: Sequence[str]) -> Prompt:
    """What the model continues: the beginning that all share, then this query's own part."""
    return (BEGINNING, block(question, lines))


def block(question: str, lines: Sequence[str]) -> str:
    """The passages' lines and the question as the worked examples show them."""
    numbered = [f"[{number}] {quoted(one)}" for number, one in enumerate(lines, 1)]
    return "\n".join(["Passages:", *numbered, f"Question: {fold(question)}", "Answer:"])


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
