"""Hold the evidence to a number of tokens."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic import Field

from assay.corpora.analyzer import UNSPACED, Analyzer, StemmerName, StopWords
from assay.corpora.rendering import rendered
from assay.models.fit import cut
from assay.models.language_model import LanguageModel
from assay.models.protocols import CrossEncoder
from assay.pipeline.component import Config, Node, register
from assay.pipeline.context import RunContext
from assay.pipeline.words import Dropped, Hit, Passage, Query, Selection
from assay.stages.select.merging import merged
from assay.stages.select.shortening import Stretch, beginning, sentences_of, shortened
from assay.stages.select.word_overlap import overlaps

_WORD = re.compile(rf"[{UNSPACED}]|[^\s{UNSPACED}]+")

Scores = Sequence[Sequence[float]]
"""Of each passage the scores of its sentences."""


class BudgetConfig(Config):
    """Settings of ``select.budget@1``."""

    budget: int = Field(
        900,
        ge=1,
        le=10_000_000,
        description="tokens of the resource 'model' that all kept passages may have together, with"
        " their titles; words where there is no model",
    )
    overflow: Literal["drop", "truncate", "split", "compress"] = Field(
        "drop",
        description="what happens to a passage that does not fit: drop leaves it out, truncate"
        " keeps its beginning, split the run of sentences that fits the question best; compress"
        " shortens all passages to their best sentences once they do not fit together",
    )
    least: int = Field(
        20,
        ge=1,
        le=10_000,
        description="truncate and split: a passage of which fewer tokens would be left is dropped",
    )
    max_k: int | None = Field(None, ge=1, le=1000, description="most passages; none for no limit")
    merge: bool = Field(
        False, description="join passages of a document that overlap or follow one another, first"
    )
    stemmer: StemmerName = Field(
        "english", description="language by which word endings are folded when sentences are scored"
    )
    stop_words: StopWords = Field(
        "english", description="language whose function words do not count when they are"
    )


@register("select.budget@1")
class Budget(Node):
    """Go on with as much of a selection as a generator is to read.

    Passages are taken in order; one that does not fit is treated as ``overflow`` says, and a later
    one may still fit. With ``compress`` the sentences of all passages compete, best first, and what
    is kept of each stands in its order. Offsets go on pointing at the source (``Passage.pieces``).
    A title counts with its passage; what the generator writes around passages does not.

    ``split`` and ``compress`` score sentences by the resource ``judge``, or without one by the
    question's words in them (BM25 among these sentences). ``merge`` gives the joined passage the
    id of the first one in order; the other is dropped and says where its text went.

    Cost: no model calls, but for ``judge`` one a sentence, in one round, where something does not
    fit; texts are counted by the tokenizer.
    """

    Config = BudgetConfig

    def __init__(
        self,
        config: BudgetConfig,
        *,
        model: LanguageModel | None = None,
        judge: CrossEncoder | None = None,
    ) -> None:
        super().__init__(config)
        self.model = model
        self.judge = judge
        self._analyzer = Analyzer(stop_words=config.stop_words, stemmer=config.stemmer)

    def prepare(self, base: Path) -> Iterable[str]:
        """Whether a judge has something to do."""
        if self.judge is not None and self.config.overflow not in ("split", "compress"):
            yield "the resource 'judge' is for overflow split and compress: leave it out"

    def run(self, query: Query, selection: Selection, context: RunContext) -> Selection:
        """The same passages in the same order, as far as they fit."""
        config = self.config
        hits, dropped = merged(selection.kept) if config.merge else (list(selection.kept), [])
        if config.max_k is not None:
            said = f"behind the first {config.max_k} passages"
            dropped += [Dropped(hit, said) for hit in hits[config.max_k :]]
            hits = hits[: config.max_k]
        sizes = [self._size(hit.passage) for hit in hits]
        fits = sum(sizes) <= config.budget
        if config.overflow == "compress" and not fits:
            kept, more, reasons = self._compressed(query, hits, context)
        else:
            kept, more, reasons = self._in_turn(query, hits, sizes, context)
        context.note(**{self.unit: sum(self._size(hit.passage) for hit in kept)})
        return selection.narrowed(tuple(kept), tuple(dropped + more), reasons)

    @property
    def unit(self) -> str:
        """What the budget counts."""
        return "words" if self.model is None else "tokens"

    def _size(self, passage: Passage) -> int:
        text = rendered(passage)
        return len(_WORD.findall(text)) if self.model is None else self.model.count_tokens(text)

    def _in_turn(
        self, query: Query, hits: Sequence[Hit], sizes: Sequence[int], context: RunContext
    ) -> tuple[list[Hit], list[Dropped], dict[str, str]]:
        """One passage after the other, each as far as it fits."""
        left: int = self.config.budget
        kept: list[Hit] = []
        dropped: list[Dropped] = []
        reasons: dict[str, str] = {}
        every = [sentences_of(hit.passage) for hit in hits]
        scores: Scores | None = None
        for number, (hit, size) in enumerate(zip(hits, sizes, strict=True)):
            passage: Passage | None = hit.passage
            if size > left:
                if self.config.overflow == "split" and scores is None:
                    scores = self._scores(query, hits, every, context)
                own = None if scores is None else scores[number]
                passage = self._part(hit.passage, left, every[number], own)
            if passage is None:
                said = f"its {size} {self.unit} do not fit: {left} of {self.config.budget} are left"
                dropped.append(Dropped(hit, said))
                continue
            used = self._size(passage)
            left -= used
            kept.append(replace(hit, passage=passage))
            part = f"{used} {self.unit}" if used == size else f"{used} of its {size} {self.unit}"
            reasons[hit.passage.id] = f"{part}; {left} of {self.config.budget} are left"
        return kept, dropped, reasons

    def _part(
        self,
        passage: Passage,
        room: int,
        every: Sequence[Stretch],
        scores: Sequence[float] | None,
    ) -> Passage | None:
        """What is kept of a passage that does not fit; None for nothing."""
        if self.config.overflow == "truncate":
            found = self._beginning(passage, room)
        elif scores is not None:
            found = self._best_run(passage, room, every, scores)
        else:
            return None
        if found is None or self._size(found) < min(self.config.least, self._size(passage)):
            return None
        return found

    def _beginning(self, passage: Passage, room: int) -> Passage | None:
        def count(text: str) -> int:
            return self._size(replace(passage, text=text))

        if room < 1 or count(passage.text[:1]) > room:
            return None
        return beginning(passage, len(cut(passage.text, room, count, "head")))

    def _best_run(
        self, passage: Passage, room: int, every: Sequence[Stretch], scores: Sequence[float]
    ) -> Passage | None:
        """Whole sentences around the best one, grown towards the better neighbour while they fit.

        A best sentence that alone does not fit gives way to the next.
        """

        def part(first: int, last: int) -> Passage | None:
            found = shortened(passage, every[first : last + 1], all_of=every)
            return found if self._size(found) <= room else None

        for best in sorted(range(len(every)), key=lambda one: (-scores[one], one)):
            run = part(best, best)
            if run is None:
                continue
            first = last = best
            while True:
                sides = [
                    (scores[at], span)
                    for at, span in ((last + 1, (first, last + 1)), (first - 1, (first - 1, last)))
                    if 0 <= at < len(every)
                ]
                grown = None
                for _, (low, high) in sorted(sides, key=lambda one: -one[0]):
                    grown = part(low, high)
                    if grown is not None:
                        first, last = low, high
                        break
                if grown is None:
                    return run
                run = grown
        return None

    def _compressed(
        self, query: Query, hits: Sequence[Hit], context: RunContext
    ) -> tuple[list[Hit], list[Dropped], dict[str, str]]:
        """The best sentences of all passages, as many as fit."""
        every = [sentences_of(hit.passage) for hit in hits]
        scores = self._scores(query, hits, every, context)
        order = sorted(
            ((number, at) for number, own in enumerate(every) for at in range(len(own))),
            key=lambda one: (-scores[one[0]][one[1]], one),
        )
        taken: list[list[Stretch]] = [[] for _ in hits]
        parts: dict[int, Passage] = {}
        sizes = [0] * len(hits)
        left: int = self.config.budget
        for number, at in order:
            if left < 1:
                break
            own = [*taken[number], every[number][at]]
            part = shortened(hits[number].passage, own, all_of=every[number])
            more = self._size(part) - sizes[number]
            if more <= left:
                taken[number], parts[number] = own, part
                sizes[number] += more
                left -= more
        kept, dropped = [], []
        reasons: dict[str, str] = {}
        for number, hit in enumerate(hits):
            if number in parts:
                kept.append(replace(hit, passage=parts[number]))
                reasons[hit.passage.id] = (
                    f"{len(taken[number])} of its {len(every[number])} sentences,"
                    f" {sizes[number]} {self.unit} of {self.config.budget}"
                )
            elif every[number]:
                said = f"none of its sentences is among the best {self.config.budget} {self.unit}"
                dropped.append(Dropped(hit, said))
            else:
                dropped.append(Dropped(hit, "it has no sentences"))
        return kept, dropped, reasons

    def _scores(
        self,
        query: Query,
        hits: Sequence[Hit],
        every: Sequence[Sequence[Stretch]],
        context: RunContext,
    ) -> Scores:
        """How well each sentence of each passage fits the question."""
        judge = self.judge
        if judge is None:
            texts = [
                hit.passage.text[one.start : one.end]
                for hit, own in zip(hits, every, strict=True)
                for one in own
            ]
            found = iter(overlaps(query.text, texts, self._analyzer) if texts else ())
        else:
            pairs = [
                (
                    query.text,
                    f"{hit.passage.title}\n{hit.passage.text[one.start : one.end]}".strip(),
                )
                for hit, own in zip(hits, every, strict=True)
                for one in own
            ]
            scored = judge.score(pairs, [context] * len(pairs)) if pairs else ()
            found = iter([float(one) for one in scored])
        return [[next(found) for _ in own] for own in every]
