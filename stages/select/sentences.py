"""Keep of each passage only the sentences that bear on the question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import Field

from assay.models.protocols import CrossEncoder
from assay.pipeline.component import Config, Node, register
from assay.pipeline.context import RunContext
from assay.pipeline.sentences import Sentence, sentences
from assay.pipeline.words import Dropped, Hit, Query, Selection


class SentencesConfig(Config):
    """Settings of ``select.sentences@1``."""

    max_sentences: int = Field(8, ge=1, le=500, description="sentences kept over all passages")
    before: int = Field(0, ge=0, le=5, description="sentences kept before each of them")
    after: int = Field(0, ge=0, le=5, description="sentences kept after each of them")


@dataclass(frozen=True, slots=True)
class _Piece:
    """A sentence with the number of its hit, its own number there, and the passage's title."""

    hit: int
    place: int
    title: str
    sentence: Sentence


@register("select.sentences@1")
class Sentences(Node):
    """Shorten the evidence for a generator: best sentences, original order.

    Source: extractive compression as in EasyRAG (2024), with a cross-encoder in
    place of BM25 and a budget over all passages in place of a rate for each. A
    passage keeps its id; its text becomes the kept sentences, its offsets the
    stretch that they span. A passage without any is dropped. The sentences of all
    queries of a batch go to the model together. Cost: one cross-encoder call a
    sentence, one round.
    """

    Config = SentencesConfig

    def __init__(self, config: SentencesConfig, *, model: CrossEncoder) -> None:
        super().__init__(config)
        self.model = model

    def run(self, query: Query, selection: Selection, context: RunContext) -> Selection:
        """The same passages in the same order, shortened."""
        return self.run_batch([{"query": query, "selection": selection}], [context])[0]

    def run_batch(
        self, items: Sequence[Mapping[str, Any]], contexts: Sequence[RunContext]
    ) -> list[Selection]:
        """Shorten for several queries in one call of the model; see ``run``."""
        cut = [_cut(item["selection"]) for item in items]
        pairs = [
            (item["query"].text, f"{piece.title}\n{piece.sentence.text}".strip())
            for item, pieces in zip(items, cut, strict=True)
            for piece in pieces
        ]
        owners = [
            context
            for context, pieces in zip(contexts, cut, strict=True)
            for context in [context] * len(pieces)
        ]
        scores = iter(self.model.score(pairs, owners) if pairs else ())
        return [
            self._shorten(item["selection"], pieces, [float(next(scores)) for _ in pieces])
            for item, pieces in zip(items, cut, strict=True)
        ]

    def _shorten(
        self, selection: Selection, pieces: Sequence[_Piece], scores: Sequence[float]
    ) -> Selection:
        order = sorted(range(len(pieces)), key=lambda one: (-scores[one], one))
        chosen: dict[int, set[int]] = {}
        for one in order[: self.config.max_sentences]:
            place = pieces[one].place
            around = range(place - self.config.before, place + self.config.after + 1)
            chosen.setdefault(pieces[one].hit, set()).update(around)
        kept: list[Hit] = []
        dropped: list[Dropped] = []
        reasons: dict[str, str] = {}
        for number, hit in enumerate(selection.kept):
            if number in chosen:
                own = [
                    piece.sentence
                    for piece in pieces
                    if piece.hit == number and piece.place in chosen[number]
                ]
                kept.append(_shortened(hit, own))
                reasons[hit.passage.id] = f"{len(own)} of its sentences bear on the question"
            else:
                dropped.append(Dropped(hit, "none of the best sentences is in it"))
        return selection.narrowed(tuple(kept), tuple(dropped), reasons)


def _cut(selection: Selection) -> list[_Piece]:
    return [
        _Piece(number, place, hit.passage.title, sentence)
        for number, hit in enumerate(selection.kept)
        for place, sentence in enumerate(sentences(hit.passage.text))
    ]


def _shortened(hit: Hit, pieces: list[Sentence]) -> Hit:
    passage = hit.passage
    text = " ".join(piece.text for piece in pieces)
    return replace(
        hit,
        passage=replace(
            passage,
            text=text,
            start=passage.start + pieces[0].start,
            end=passage.start + pieces[-1].end,
        ),
    )
