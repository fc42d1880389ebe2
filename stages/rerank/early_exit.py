"""Rerank by ever dearer scores, each only where it can change which passages are the best."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from pydantic import Field, model_validator

from assay.models.protocols import CrossEncoder, Embedder, Floats
from assay.pipeline.component import Config, Node, register
from assay.pipeline.context import Cost, RunContext
from assay.pipeline.errors import ModelError, UsageError
from assay.pipeline.words import Hit, Query, Ranking, Score, ScoreKind
from assay.stages.schedules.early_exit import EarlyExit, Exit, Requests, early_exit
from assay.stages.windows.passage_text import read
from assay.stages.windows.window import Sizes

Source = Literal["first_stage", "embedder", "cross_encoder", "judge"]


class Level(Config):
    """A level of early exit; ``early_exit_fit.fit_levels`` finds the numbers."""

    score: Source = Field(
        description="first_stage: the incoming score, from 0 for the worst to 1 for the best of"
        " the list; embedder: similarity of query and passage; cross_encoder and judge: the"
        " resource of that name"
    )
    slope: float = Field(
        1.0, allow_inf_nan=False, description="the last level's score is about slope * score"
    )
    intercept: float = Field(0.0, allow_inf_nan=False, description="+ intercept")
    half_width: float = Field(
        ge=0.0, allow_inf_nan=False, description="how far that may be off; 0 for the last level"
    )
    reached: float = Field(
        1.0,
        ge=0.0,
        le=1.0,
        description="share of passages that are expected to be scored at this level; for the"
        " estimate of costs, 1 for the most there can be",
    )


class EarlyExitConfig(Config):
    """Settings of ``rerank.early_exit@1``."""

    levels: list[Level] = Field(
        min_length=1, description="from cheap to dear; the last one is what all others predict"
    )
    depth: int = Field(
        100,
        ge=1,
        le=1000,
        description="passages that are reranked; those behind them follow in the order in which"
        " they came",
    )
    top: int = Field(10, ge=1, le=1000, description="passages that are looked for")
    beam: int = Field(8, ge=1, le=1000, description="passages that are scored in one round")
    most_scores: int | None = Field(
        None, ge=0, description="scores above the first level that may be made; null for any"
    )

    @model_validator(mode="after")
    def _levels_fit(self) -> EarlyExitConfig:
        names = [level.score for level in self.levels]
        if len(set(names)) < len(names):
            raise ValueError(f"each level has another score, found {', '.join(names)}")
        if self.levels[-1].half_width:
            raise ValueError(
                "the last level is what the others predict, so its half_width is 0, not"
                f" {self.levels[-1].half_width}"
            )
        return self


@register("rerank.early_exit@1")
class EarlyExitRerank(Node):
    """Score by cheap means first, by dear ones only while the best ``top`` are not certain.

    The best ``top`` are those of the last level with the confidence for which the half-widths
    were fitted (``assay.stages.schedules.early_exit_fit``); with half-widths of one's own it
    holds as far as they do. A language model is the resource ``judge`` through
    ``models.token_logit_scorer``. The output is a permutation of what came in; a hit's score is
    1 / its place.

    The run record tells for each level above the first ``scored_<score>`` and ``saved_<score>``
    (passages that were and were not scored there), and ``top_is_certain``.

    Source: early exit by upper confidence bounds, see ``assay.stages.schedules.early_exit``.
    Cost: between 0 and n calls for each level above the first, in rounds of ``beam``; of the
    first n, or none for first_stage.

    Args:
        config: see ``EarlyExitConfig``.
        embedder: for the level ``embedder``.
        cross_encoder: for the level ``cross_encoder``.
        judge: for the level ``judge``, the dearest as a rule.

    Raises:
        UsageError: if a level has not its resource.
    """

    Config = EarlyExitConfig
    gives = ("order",)

    def __init__(
        self,
        config: EarlyExitConfig,
        *,
        embedder: Embedder | None = None,
        cross_encoder: CrossEncoder | None = None,
        judge: CrossEncoder | None = None,
    ) -> None:
        super().__init__(config)
        self.embedder = embedder
        named = {"cross_encoder": cross_encoder, "judge": judge}
        self.scorers = {name: one for name, one in named.items() if one is not None}
        given = {"first_stage", *self.scorers} | ({"embedder"} if embedder is not None else set())
        for level in config.levels:
            if level.score not in given:
                raise UsageError(
                    f"{self.name}: level '{level.score}' needs the resource '{level.score}': name"
                    " one under 'resources', or take the level out"
                )

    def run(self, query: Query, ranking: Ranking, context: RunContext) -> Ranking:
        """Rerank the best ``depth`` hits; the others follow as they came."""
        return self.run_batch([{"query": query, "ranking": ranking}], [context])[0]

    def run_batch(
        self, items: Sequence[Mapping[str, Any]], contexts: Sequence[RunContext]
    ) -> list[Ranking]:
        """Rerank for several queries side by side, a call of each model a round; see ``run``."""
        heads = [item["ranking"].hits[: self.config.depth] for item in items]
        runs = [self._begun(len(head)) for head in heads]
        queries = [item["query"] for item in items]
        vectors: dict[int, Floats] = {}
        exits: dict[int, Exit] = {}
        waiting: dict[int, Requests] = {}
        for number, run in enumerate(runs):
            _advance(number, run, None, waiting, exits)
        while waiting:
            asked = [(number, *one) for number, wanted in waiting.items() for one in wanted]
            said = self._scores(asked, queries, heads, contexts, vectors)
            for number, wanted in list(waiting.items()):
                scores = [said[number, place, level] for place, level in wanted]
                _advance(number, runs[number], scores, waiting, exits)
        for number, context in enumerate(contexts):
            self._note(exits[number], context)
        return [
            self._ranking(item["query"], item["ranking"], exits[number].order)
            for number, item in enumerate(items)
        ]

    def estimate(self, n: int, sizes: Sizes) -> Cost:
        """What a ranking of n passages will cost if ``reached`` of each level is right."""
        n = min(n, self.config.depth)
        counts = self._counts(n)
        steps = math.ceil(sum(counts[1:]) / self.config.beam)
        total = Cost()
        for number, (level, count) in enumerate(zip(self.config.levels, counts, strict=True)):
            if level.score == "first_stage" or not count:
                continue
            # A few passages rise side by side; of many, a round has some at every level.
            together = number == 0 or n <= self.config.beam
            total.rounds += 1 if together else min(steps, count)
            total.calls += count
            if level.score == "embedder":  # the question is embedded before
                total.rounds += 1
                total.calls += 1
                total.tokens_in += count * sizes.passage + sizes.query
            else:
                total.tokens_in += count * (sizes.query + sizes.passage + sizes.marks)
        return total

    def _counts(self, n: int) -> list[int]:
        """Passages that are expected to be scored at each level."""
        most = self.config.most_scores
        left = n * len(self.config.levels) if most is None else most
        counts = [n]
        for level in self.config.levels[1:]:
            counts.append(min(round(n * level.reached), left))
            left -= counts[-1]
        return counts

    def estimate_note(self, n: int) -> str:
        """What the estimate rests on: the shares that the config expects to go on.

        Levels may be asked in fewer rounds where passages of few levels meet.
        """
        if len(self.config.levels) == 1:
            return ""
        told = [f"{level.reached:.0%} at {level.score}" for level in self.config.levels[1:]]
        return f"mean, if 'reached' holds: {', '.join(told)}"

    def _begun(self, n: int) -> EarlyExit:
        config = self.config
        return early_exit(
            n,
            half_widths=[level.half_width for level in config.levels],
            top=config.top,
            beam=config.beam,
            most=config.most_scores,
        )

    def _scores(
        self,
        asked: Sequence[tuple[int, int, int]],
        queries: Sequence[Query],
        heads: Sequence[Sequence[Hit]],
        contexts: Sequence[RunContext],
        vectors: dict[int, Floats],
    ) -> dict[tuple[int, int, int], float]:
        """Scores on the last level's scale, by (query, place, level)."""
        found: dict[tuple[int, int, int], float] = {}
        for number, level in enumerate(self.config.levels):
            own = [one for one in asked if one[2] == number]
            if not own:
                continue
            owners = [contexts[query] for query, _, _ in own]
            texts = [read(heads[query][place].passage) for query, place, _ in own]
            if level.score == "first_stage":
                shares = {query: _shares(heads[query]) for query in {one[0] for one in own}}
                values = [shares[query][place] for query, place, _ in own]
            elif level.score == "embedder" and self.embedder is not None:
                new = sorted({query for query, _, _ in own} - vectors.keys())
                if new:
                    made = self.embedder.embed_queries(
                        [queries[query].text for query in new], [contexts[query] for query in new]
                    )
                    vectors.update(zip(new, made, strict=True))
                rows = self.embedder.embed_passages(texts, owners)
                values = [
                    float(np.dot(vectors[one[0]], row)) for one, row in zip(own, rows, strict=True)
                ]
            else:
                pairs = [(queries[one[0]].text, text) for one, text in zip(own, texts, strict=True)]
                scored = self.scorers[level.score].score(pairs, owners)
                values = [float(value) for value in scored]
            for one, value in zip(own, values, strict=True):
                if not math.isfinite(value):
                    raise ModelError(f"{self.name}: level '{level.score}' gave the score {value}")
                found[one] = level.slope * value + level.intercept
        return found

    def _note(self, exit_: Exit, context: RunContext) -> None:
        for number, level in enumerate(self.config.levels[1:], 1):
            scored = sum(one >= number for one in exit_.levels)
            context.note(**{f"scored_{level.score}": scored})
            context.note(**{f"saved_{level.score}": len(exit_.levels) - scored})
        context.note(top_is_certain=exit_.certain)

    def _ranking(self, query: Query, ranking: Ranking, order: Sequence[int]) -> Ranking:
        hits = [ranking.hits[place] for place in order] + list(ranking.hits[len(order) :])
        return Ranking(
            query,
            tuple(
                Hit(hit.passage, Score(1 / place, ScoreKind.ORDER, self.name))
                for place, hit in enumerate(hits, 1)
            ),
            self.name,
        )


def _shares(hits: Sequence[Hit]) -> list[float]:
    """Scores from 0 for the least to 1 for the largest of a list; all a half where equal."""
    values = [hit.score.value for hit in hits]
    low, high = min(values), max(values)
    return [(value - low) / (high - low) if high > low else 0.5 for value in values]


def _advance(
    number: int,
    run: EarlyExit,
    scores: Sequence[float] | None,
    waiting: dict[int, Requests],
    exits: dict[int, Exit],
) -> None:
    """Send a run its scores; it either asks on or is done."""
    try:
        waiting[number] = next(run) if scores is None else run.send(scores)
    except StopIteration as end:
        waiting.pop(number, None)
        exits[number] = end.value
