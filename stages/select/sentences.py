"""Keep of each passage only the sentences that bear on the question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import Field

from assay.models.protocols import CrossEncoder
from assay.pipeline.component import Config, Node, register
from assay.pipeline.context import RunContext
from assay.pipeline.words import Dropped, Hit, Query, Selection
from assay.stages.select.figures import figure, named
from assay.stages.select.shortening import Stretch, sentences_of, shortened


class SentencesConfig(Config):
    """Settings of ``select.sentences@1``."""

    max_sentences: int = Field(8, ge=1, le=500, description="sentences kept over all passages")
    before: int = Field(0, ge=0, le=5, description="sentences kept before each of them")
    after: int = Field(0, ge=0, le=5, description="sentences kept after each of them")


@dataclass(frozen=True, slots=True)
class _Sentence:
    """A sentence with the number of its hit, its own number there, and what the model reads."""

    hit: int
    place: int
    text: str
    stretch: Stretch


@register("select.sentences@1")
class Sentences(Node):
    """Shorten the evidence for a generator: best sentences, original order.

    Source: extractive compression as in EasyRAG (2024), with a cross-encoder in
    place of BM25 and a budget over all passages in place of a rate for each. A
    passage keeps its id; its text becomes the kept sentences, and ``Passage.pieces`` tells where
    in the source each run of them stands (``assay.stages.select.shortening``). A passage without
    any is dropped. The sentences of all queries of a batch go to the model together. Cost: one
    cross-encoder call a sentence, one round.
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
            (item["query"].text, one.text)
            for item, pieces in zip(items, cut, strict=True)
            for one in pieces
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
        self, selection: Selection, found: Sequence[_Sentence], scores: Sequence[float]
    ) -> Selection:
        order = sorted(range(len(found)), key=lambda one: (-scores[one], one))
        best = order[: self.config.max_sentences]
        chosen: dict[int, set[int]] = {}
        for one in best:
            place = found[one].place
            around = range(place - self.config.before, place + self.config.after + 1)
            chosen.setdefault(found[one].hit, set()).update(around)
        kind = named(self.model.kind)
        limit = f", at least {figure(scores[best[-1]])}" if len(best) < len(found) else ""
        kept: list[Hit] = []
        dropped: list[Dropped] = []
        reasons: dict[str, str] = {}
        for number, hit in enumerate(selection.kept):
            own = [at for at, one in enumerate(found) if one.hit == number]
            top = max((scores[at] for at in own), default=None)
            if number in chosen and top is not None:
                every = [found[at].stretch for at in own]
                some = [found[at].stretch for at in own if found[at].place in chosen[number]]
                kept.append(replace(hit, passage=shortened(hit.passage, some, all_of=every)))
                reasons[hit.passage.id] = (
                    f"{len(some)} of its {len(every)} sentences, the best with {kind}"
                    f" {figure(top)}{limit}"
                )
            elif top is None:
                dropped.append(Dropped(hit, "it has no sentences"))
            else:
                said = f"its best sentence has {kind} {figure(top)}"
                dropped.append(Dropped(hit, f"{said}; {len(best)} of other passages are better"))
        return selection.narrowed(tuple(kept), tuple(dropped), reasons)


def _cut(selection: Selection) -> list[_Sentence]:
    return [
        _Sentence(
            number,
            place,
            f"{hit.passage.title}\n{hit.passage.text[one.start : one.end]}".strip(),
            one,
        )
        for number, hit in enumerate(selection.kept)
        for place, one in enumerate(sentences_of(hit.passage))
    ]
