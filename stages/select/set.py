"""Keep the passages that a language model names as the set that is needed."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pydantic import Field

from assay.models.language_model import Ability, Form, Generation, LanguageModel, PromptTooLong
from assay.pipeline.component import Node, register
from assay.pipeline.context import Cost, RunContext
from assay.pipeline.words import Hit, Passage, Query, Ranking, Score, ScoreKind, Selection
from assay.stages.rerank.generations import generated, one_round
from assay.stages.select.bounds import Bounds
from assay.stages.select.choice import chosen
from assay.stages.select.figures import figure
from assay.stages.select.gaps import elbow
from assay.stages.select.map_reduce import map_reduce
from assay.stages.select.set_prompt import set_grammar, set_prompt
from assay.stages.windows.identifiers import parse_subset
from assay.stages.windows.window import Sizes

SHORTEST = 8
"""Words of a passage below which no prompt is made shorter."""
SHRINK = 0.6
"""What is left of the words of each passage when a prompt does not fit."""

_LAST = re.compile(r"\[?\s*\d+\s*\Z")


class SetConfig(Bounds):
    """Settings of ``select.set@1``."""

    depth: int = Field(20, ge=1, le=1000, description="best hits that are looked at")
    batch: int = Field(20, ge=1, le=999, description="most passages of a prompt")
    max_rounds: int = Field(
        3, ge=1, le=10, description="most rounds of prompts where 'depth' is above 'batch'"
    )
    join: bool = Field(
        True, description="whether what several prompts chose is looked at again, together"
    )
    words: int = Field(200, ge=SHORTEST, le=10_000, description="most words of a passage")
    tokens: int = Field(100, ge=4, le=4096, description="most tokens of an answer")
    temperature: float | None = Field(
        0.0, ge=0, le=2, description="0 takes the likeliest token; null leaves it to the model"
    )
    constrained: bool = Field(
        False, description="force the form of the answer by a grammar, where the model knows them"
    )
    empty: Literal["none", "first"] = Field(
        "none", description="what is kept where the model says that no passage helps"
    )
    unreadable: Literal["elbow", "all", "none"] = Field(
        "elbow",
        description="what is kept of a prompt's passages where the answer cannot be read: those"
        " before the elbow of their own scores, all, or none",
    )
    order: Literal["model", "ranking"] = Field(
        "model", description="whose order the kept passages have"
    )
    scores: Literal["own", "likelihood"] = Field(
        "own",
        description="score of a kept passage: its own, or the mean log-probability of its"
        " identifier's tokens, where the model tells it",
    )


@dataclass(slots=True)
class _Said:
    """What was said of the passages of one request, by place."""

    logprobs: dict[int, float] = field(default_factory=dict)
    unread: set[int] = field(default_factory=set)


@register("select.set@1")
class Set(Node):
    """Show the passages to a language model and keep those that it names, in number and order.

    What had to be repaired is counted in the run record: ``prompts``, ``prompts_shortened`` (all
    passages of a prompt with fewer words, since it did not fit), ``answers_unread``,
    ``answers_cut``, ``identifiers_repeated``, ``identifiers_unknown``; nothing that was not named
    is added. ``answers_none`` says how often no passage was found to help, and
    ``rounds_unjoined: 1`` that survivors of several prompts were never seen together. Where the
    model tells log-probabilities, the reason of a kept passage has that of its identifier.

    Source: DPS, arXiv 2508.09497, and DynamicRAG (NeurIPS 2025), for the task; neither's trained
    weights or prompt. Differs: an identifier of no passage is dropped where the latter gives up.
    Cost: one generation where ``depth`` fits a ``batch``, else ``map_reduce``'s.

    Args:
        config: see ``SetConfig``.
        model: writes.
    """

    Config = SetConfig

    def __init__(self, config: SetConfig, *, model: LanguageModel) -> None:
        super().__init__(config)
        self.model = model
        if config.scores == "likelihood":
            self.gives = ("likelihood",)  # type: ignore[misc]

    @property
    def needs(self) -> Mapping[str, tuple[str, ...]]:  # type: ignore[override]
        """To write, and within a grammar where that is asked for."""
        grammar = (Ability.GRAMMAR,) if self.config.constrained else ()
        return {"model": (Ability.GENERATE, *grammar)}

    def run(self, query: Query, ranking: Ranking, context: RunContext) -> Selection:
        """Select.

        Raises:
            PromptTooLong: if a batch does not fit the model with 8 words a passage.
            ModelError: if the model fails for every prompt of a round.
        """
        config = self.config
        head = ranking.hits[: config.depth]
        said = _Said()
        found = map_reduce(
            len(head),
            lambda batches: self._picked(query, head, batches, said, context),
            batch=config.batch,
            max_rounds=config.max_rounds,
            join=config.join,
        )
        context.count(rounds_unjoined=int(found.unjoined))
        return self._told(query, ranking, head, found.places, said)

    def estimate(self, n: int, sizes: Sizes) -> Cost:
        """Answers as long as they may be; of several batches all passages are seen once more."""
        config = self.config
        looked = min(n, config.depth)
        batches = -(-looked // config.batch)
        again = batches > 1 and config.join and config.max_rounds > 1
        calls = batches + again
        own = self.model.count_prompt(set_prompt("", (), config.words)) + 2 * sizes.query
        passage = min(sizes.passage, config.words * 4 // 3)
        return Cost(
            calls=calls,
            rounds=min(calls, 1 + again),
            tokens_in=calls * own + (looked + again * min(looked, config.batch)) * passage,
            tokens_out=calls * config.tokens,
        )

    def _picked(
        self,
        query: Query,
        head: Sequence[Hit],
        batches: Sequence[Sequence[int]],
        said: _Said,
        context: RunContext,
    ) -> list[Sequence[int]]:
        """What the model names of each batch."""
        written = self._written(query, head, batches, context)
        return [
            self._read(one, batch, head, said, context)
            for one, batch in zip(written, batches, strict=True)
        ]

    def _written(
        self,
        query: Query,
        head: Sequence[Hit],
        batches: Sequence[Sequence[int]],
        context: RunContext,
    ) -> list[Generation | None]:
        """An answer for each batch, in prompts that fit; None where the model failed."""
        context.count(prompts=len(batches))
        found: dict[int, Generation | None] = {}
        with one_round([context]):
            for size in sorted({len(batch) for batch in batches}):
                own = [number for number, batch in enumerate(batches) if len(batch) == size]
                shown = [[head[place].passage for place in batches[number]] for number in own]
                found |= dict(zip(own, self._asked(query, shown, size, context), strict=True))
        return [found[number] for number in range(len(batches))]

    def _asked(
        self,
        query: Query,
        shown: Sequence[Sequence[Passage]],
        size: int,
        context: RunContext,
    ) -> list[Generation | None]:
        """Answers about batches of one size, with shorter and shorter passages until they fit."""
        config = self.config
        form = Form(grammar=set_grammar(size)) if config.constrained else None
        words = int(config.words)
        while True:
            prompts = [set_prompt(query.text, some, words) for some in shown]
            try:
                return generated(
                    self.model,
                    prompts,
                    [context] * len(prompts),
                    max_tokens=config.tokens,
                    form=form,
                    temperature=config.temperature,
                )
            except PromptTooLong:
                if words <= SHORTEST:
                    raise
                words = max(SHORTEST, int(words * SHRINK))
                context.count(prompts_shortened=len(prompts))

    def _read(
        self,
        written: Generation | None,
        batch: Sequence[int],
        head: Sequence[Hit],
        said: _Said,
        context: RunContext,
    ) -> Sequence[int]:
        """Places of the passages that an answer names; the fallback where it cannot be read."""
        cut = written is not None and written.finish == "length"
        text = "" if written is None else written.text
        if cut:
            text = _LAST.sub("", text)  # it may have lost digits
        parsed = parse_subset(text, len(batch))
        failed = written is None or parsed.failed or (cut and not parsed.places)
        context.count(
            answers_unread=int(failed),
            answers_cut=int(cut),
            answers_none=int(not failed and not parsed.places),
            identifiers_repeated=parsed.duplicates,
            identifiers_unknown=parsed.out_of_range,
        )
        if failed or written is None:
            return self._unread(batch, head, said)
        said.unread -= set(batch)
        for place in parsed.places:
            logprob = identifier_logprob(written, place)
            said.logprobs.pop(batch[place], None)
            if logprob is not None:
                said.logprobs[batch[place]] = logprob
        return [batch[place] for place in parsed.places]

    def _unread(self, batch: Sequence[int], head: Sequence[Hit], said: _Said) -> Sequence[int]:
        """The stated fallback for a batch whose answer cannot be read."""
        said.unread |= set(batch)
        if self.config.unreadable == "none":
            return ()
        if self.config.unreadable == "all":
            return batch
        scores = [head[place].score for place in batch]
        alike = [one.value for one in scores if one.kind is scores[0].kind]
        best = sorted(range(len(alike)), key=lambda place: (-alike[place], place))
        size = elbow([alike[place] for place in best]).size
        return [batch[place] for place in sorted(best[:size])]

    def _told(
        self,
        query: Query,
        ranking: Ranking,
        head: Sequence[Hit],
        places: Sequence[int],
        said: _Said,
    ) -> Selection:
        """The selection, with what was said of each passage."""
        config = self.config
        named = list(places)
        first = not named and bool(head) and config.empty == "first" and not said.unread
        rest = [place for place in range(len(head)) if place not in set(named)]
        size = config.bounded(len(named) + first, len(head))
        bound = config.bound(len(named) + first, size)
        order = [*named, *rest][:size]
        if config.order == "ranking":
            order.sort()

        def why(place: int) -> str:
            if place in said.unread:
                fallback = config.unreadable
                return f"the model's answer could not be read; '{fallback}' decided instead"
            if place in named:
                told = f"named by the model, number {named.index(place) + 1} of {len(named)}"
                logprob = said.logprobs.get(place)
                return told + ("" if logprob is None else f" (log-probability {figure(logprob)})")
            if first and place == 0:
                return "no passage was named; the first one is kept"
            return "not named by the model"

        def dropped(place: int, hit: Hit) -> str:
            if place >= len(head):
                return f"place {place + 1}, behind the first {config.depth} that are looked at"
            return why(place) + (bound if place in named else "")

        kept = [
            (
                self._scored(head[place], said.logprobs.get(place)),
                why(place) + ("" if place in named or (first and place == 0) else bound),
            )
            for place in order
        ]
        return chosen(query, ranking, kept, dropped)

    def _scored(self, hit: Hit, logprob: float | None) -> Hit:
        if self.config.scores == "own" or logprob is None:
            return hit
        return Hit(hit.passage, Score(logprob, ScoreKind.LIKELIHOOD, self.name))


def identifier_logprob(written: Generation, place: int) -> float | None:
    """Mean natural log-probability of the tokens that write an identifier for the first time.

    Args:
        written: an answer; its tokens are those that hold a digit of the identifier.
        place: that the identifier names.

    Returns:
        None where the engine tells none, or the identifier stands in no token.
    """
    if written.pieces is None:
        return None
    whole = "".join(piece.text for piece in written.pieces)
    answer = max(0, whole.lower().rfind("</think>"))
    number = rf"({place + 1})(?!\d)"
    match = re.compile(rf"\[\s*{number}").search(whole, answer) or re.compile(
        rf"(?<!\d){number}"
    ).search(whole, answer)
    if match is None:
        return None
    values, at = [], 0
    for piece in written.pieces:
        if at < match.end(1) and at + len(piece.text) > match.start(1):
            values.append(piece.logprob)
        at += len(piece.text)
    return sum(values) / len(values) if values and all(map(math.isfinite, values)) else None
