"""Keep of each passage only the sentences that bear on the question."""

from __future__ import annotations

from dataclasses import replace

from pydantic import Field

from assay.models.protocols import CrossEncoder
from assay.pipeline.component import Config, Node, register
from assay.pipeline.context import RunContext
from assay.pipeline.text import Sentence, sentences
from assay.pipeline.words import Dropped, Hit, Query, Selection


class SentencesConfig(Config):
    """Settings of ``select.sentences@1``."""

    max_sentences: int = Field(8, ge=1, le=500, description="sentences kept over all passages")
    before: int = Field(0, ge=0, le=5, description="sentences kept before each of them")
    after: int = Field(0, ge=0, le=5, description="sentences kept after each of them")


@register("select.sentences@1")
class Sentences(Node):
    """Shorten the evidence for a generator: best sentences, original order.

    Source: extractive compression as in EasyRAG (2024), with a cross-encoder in
    place of BM25 and a budget over all passages in place of a rate for each. A
    passage keeps its id; its text becomes the kept sentences, its offsets the
    stretch that they span. A passage without any is dropped. Cost: one
    cross-encoder call a sentence, one round.
    """

    Config = SentencesConfig

    def __init__(self, config: SentencesConfig, *, model: CrossEncoder) -> None:
        super().__init__(config)
        self.model = model

    def run(self, query: Query, selection: Selection, context: RunContext) -> Selection:
        """The same passages in the same order, shortened."""
        pieces = [
            (number, place, piece)
            for number, hit in enumerate(selection.kept)
            for place, piece in enumerate(sentences(hit.passage.text))
        ]
        logits = self.model.score(
            [
                (query.text, f"{selection.kept[number].passage.title}\n{piece.text}".strip())
                for number, _, piece in pieces
            ],
            context,
        )
        order = sorted(range(len(pieces)), key=lambda one: (-float(logits[one]), one))
        chosen: dict[int, set[int]] = {}
        for one in order[: self.config.max_sentences]:
            number, place, _ = pieces[one]
            around = range(place - self.config.before, place + self.config.after + 1)
            chosen.setdefault(number, set()).update(around)
        kept: list[Hit] = []
        dropped = list(selection.dropped)
        for number, hit in enumerate(selection.kept):
            if number in chosen:
                own = [
                    piece
                    for other, place, piece in pieces
                    if other == number and place in chosen[number]
                ]
                kept.append(_shortened(hit, own))
            else:
                dropped.append(Dropped(hit, "none of the best sentences is in it"))
        return Selection(selection.query, tuple(kept), tuple(dropped))


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
