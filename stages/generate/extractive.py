"""Answer with the sentence of the evidence that fits the question best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from assay.models.protocols import CrossEncoder
from assay.pipeline.component import Config, Node, register
from assay.pipeline.context import RunContext
from assay.pipeline.sentences import sentences
from assay.pipeline.text import fold
from assay.pipeline.words import (
    Abstention,
    AbstentionReason,
    Answer,
    Citation,
    Passage,
    Query,
    Score,
    Selection,
)


class ExtractiveConfig(Config):
    """Settings of ``generate.extractive@1``."""

    max_sentences: int = Field(
        64, ge=1, le=1000, description="sentences scored, best passages first"
    )
    answer_sentences: int = Field(
        1, ge=1, le=5, description="length of the answer: a window of so many sentences"
    )
    min_words: int = Field(3, ge=1, le=50, description="shorter pieces are no answers")


@dataclass(frozen=True, slots=True)
class _Candidate:
    passage: Passage
    text: str


@register("generate.extractive@1")
class Extractive(Node):
    """The best window of sentences, word for word, with its citation.

    Every window of ``answer_sentences`` sentences of the kept passages is scored
    by the cross-encoder against the question; the best one is the answer. It
    cannot say what no passage says. The windows of all queries of a batch go to the
    model together. Cost: one cross-encoder call a window, one round.
    """

    Config = ExtractiveConfig
    gives = ("logit",)

    def __init__(self, config: ExtractiveConfig, *, model: CrossEncoder) -> None:
        super().__init__(config)
        self.model = model

    def run(self, query: Query, selection: Selection, context: RunContext) -> Answer | Abstention:
        """Answer from the selection; abstain where it holds no sentence."""
        return self.run_batch([{"query": query, "selection": selection}], [context])[0]

    def run_batch(
        self, items: Sequence[Mapping[str, Any]], contexts: Sequence[RunContext]
    ) -> list[Answer | Abstention]:
        """Answer several queries in one call of the model; see ``run``."""
        found = [self._candidates(item["selection"]) for item in items]
        pairs = [
            (item["query"].text, _rendered(candidate))
            for item, candidates in zip(items, found, strict=True)
            for candidate in candidates
        ]
        owners = [
            context
            for context, candidates in zip(contexts, found, strict=True)
            for context in [context] * len(candidates)
        ]
        scores = iter(self.model.score(pairs, owners) if pairs else ())
        return [self._best(some, [float(next(scores)) for _ in some]) for some in found]

    def _best(
        self, candidates: Sequence[_Candidate], scores: Sequence[float]
    ) -> Answer | Abstention:
        if not candidates:
            return Abstention(
                stage="generate.extractive",
                reason=AbstentionReason.NO_EVIDENCE,
                detail="No passage is left to answer from.",
                next_step="Ask about something that the corpus covers, or add documents.",
            )
        best = max(range(len(candidates)), key=lambda index: (scores[index], -index))
        chosen = candidates[best]
        text = fold(chosen.text)
        score = Score(scores[best], self.model.kind, self.model.name)
        return Answer(
            text=text,
            citations=(Citation(0, len(text), (chosen.passage.id,)),),
            evidence=(chosen.passage,),
            confidence=score,
            source=self.name,
            signals={"span_logit": score.value},
        )

    def _candidates(self, selection: Selection) -> list[_Candidate]:
        width = self.config.answer_sentences
        found: list[_Candidate] = []
        for hit in selection.kept:
            text = hit.passage.text
            for start, end in hit.passage.stretches:  # nothing is quoted over what was left out
                pieces = [
                    piece
                    for piece in sentences(text, start, end)
                    if len(piece.text.split()) >= self.config.min_words
                ]
                for first in range(max(1, len(pieces) - width + 1) if pieces else 0):
                    window = pieces[first : first + width]
                    found.append(_Candidate(hit.passage, text[window[0].start : window[-1].end]))
        return found[: self.config.max_sentences]


def _rendered(candidate: _Candidate) -> str:
    """The window under its passage's title, so that 'it' has something to mean."""
    title = candidate.passage.title
    return f"{title}\n{candidate.text}" if title else candidate.text
