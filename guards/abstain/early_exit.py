"""Score the evidence ever dearer, and only as far as the decision needs it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from assay.guards.risk.conformal import conformal_quantile
from assay.models.protocols import CrossEncoder
from assay.pipeline.component import Config, Node, register
from assay.pipeline.context import RunContext
from assay.pipeline.errors import UsageError
from assay.pipeline.words import (
    Abstention,
    AbstentionReason,
    Hit,
    Query,
    Score,
    ScoreKind,
    Selection,
)

Source = Literal["incoming", "encoder", "judge"]


@dataclass(frozen=True, slots=True)
class Exit:
    """Where an early exit came to.

    Args:
        best: the candidate with the largest latest score.
        score: that score.
        depths: by candidate the last level at which it was scored, from 0.
        calls: scores that were made, those of level 0 included.
    """

    best: int
    score: float
    depths: tuple[int, ...]
    calls: int


def early_exit(
    first: Sequence[float],
    score: Callable[[int, int], float],
    *,
    half_widths: Sequence[float],
    threshold: float | None = None,
) -> Exit:
    """Take the candidate with the largest upper bound one level up until the decision is certain.

    Certain is: the best candidate's lower bound reaches everyone else's upper bound; or, with a
    threshold, one lower bound reaches it (answer) or no upper bound does (abstain). If every
    score is within its half-width of the last level's, the decision is that of full compute.

    Source: early exit of candidates by upper confidence bounds (2025), which stops when a budget
    is spent. Cost: between n and n times the number of levels; a level at a time.

    Args:
        first: scores at level 0 by candidate, at least one.
        score: of a candidate (from 0) at a level (from 1).
        half_widths: by level, at least 0; 0 at the last.
        threshold: of the gate; None looks for the best alone.
    """
    widths, n = list(half_widths), len(first)
    scores, depths = list(first), [0] * n
    while True:
        lower = [one - widths[depth] for one, depth in zip(scores, depths, strict=True)]
        upper = [one + widths[depth] for one, depth in zip(scores, depths, strict=True)]
        leader = max(range(n), key=lambda place: (upper[place], -place))
        if threshold is not None and (max(lower) >= threshold or max(upper) < threshold):
            break
        sure = max(range(n), key=lambda place: (lower[place], -place))
        if all(lower[sure] >= upper[place] for place in range(n) if place != sure) and (
            threshold is None or depths[sure] == len(widths) - 1
        ):
            break
        going = [place for place in range(n) if depths[place] < len(widths) - 1]
        if not going:
            break
        if depths[leader] == len(widths) - 1:
            leader = max(going, key=lambda place: (upper[place], -place))
        depths[leader] += 1
        scores[leader] = score(leader, depths[leader])
    best = max(range(n), key=lambda place: (scores[place] - widths[depths[place]], -place))
    return Exit(best, scores[best], tuple(depths), n + sum(depths))


def width_factor(
    questions: Sequence[Sequence[Sequence[float]]], *, half_widths: Sequence[float], alpha: float
) -> float:
    """What half-widths are multiplied by so that all hold for a new question, but for alpha.

    Args:
        questions: of each calibration question the scores by candidate and level, every level
            scored; questions that the half-widths were not chosen on.
        half_widths: by level, above 0 but for the last.
        alpha: above 0, below 1.

    Returns:
        The conformal quantile of the questions' worst excesses; infinity for too few questions.

    >>> width_factor([[[0.5, 0.6]], [[0.5, 0.9]]], half_widths=[0.2, 0.0], alpha=0.5)
    2.0
    """
    return conformal_quantile([excess(one, half_widths) for one in questions], alpha)


def excess(scores: Sequence[Sequence[float]], half_widths: Sequence[float]) -> float:
    """The largest ``|score - last score| / half-width`` of one question."""
    return max(
        abs(row[-1] - score) / width
        for row in scores
        for score, width in zip(row[:-1], half_widths, strict=False)
    )


class Level(Config):
    """One level of scores, on the scale of the last level."""

    score: Source = Field(
        description="incoming: the hit's own score; encoder and judge: the resource of that name"
    )
    slope: float = Field(1.0, description="the last level's score is about slope * score")
    intercept: float = Field(0.0, description="+ intercept")
    half_width: float = Field(0.0, ge=0, description="how far that may be off; 0 for the last")


class EarlyExitConfig(Config):
    """Settings of ``abstain.early_exit@1``."""

    levels: tuple[Level, ...] = Field(
        strict=False, min_length=1, max_length=3, description="from cheap to dear"
    )
    threshold: float | None = Field(
        None, description="lowest best score that is answered; none leaves the gate open"
    )
    factor: float = Field(
        1.0, ge=0, description="multiplies all half-widths; see width_factor for a conformal one"
    )

    @model_validator(mode="after")
    def _last_level_is_exact(self) -> Self:
        names = [one.score for one in self.levels]
        if len(set(names)) < len(names):
            raise ValueError(f"each score may come once; 'levels' has {names}")
        last = self.levels[-1]
        if (last.half_width, last.slope, last.intercept) != (0.0, 1.0, 0.0):
            raise ValueError(
                "the last level of 'levels' is what the others predict: leave its half_width at 0,"
                " its slope at 1 and its intercept at 0"
            )
        return self


@register("abstain.early_exit@1")
class EarlyExit(Node):
    """A gate on the evidence that calls dear models only where they can change its decision.

    Passes the selection on, its hits and scores as they were, if the best passage's score at the
    last level reaches ``threshold``. With half-widths from ``width_factor`` the decision is that
    of full compute for 1 - alpha of the questions. At an open gate it scores until the best is
    certain, and notes that score at the last level. Cost: at most one pair a passage and level
    above ``incoming``; the first level is one round, each pair after it another.

    Args:
        config: see ``EarlyExitConfig``.
        encoder: the cheaper cross-encoder.
        judge: the dearer one.
    """

    Config = EarlyExitConfig

    def __init__(
        self,
        config: EarlyExitConfig,
        *,
        encoder: CrossEncoder | None = None,
        judge: CrossEncoder | None = None,
    ) -> None:
        super().__init__(config)
        self.models: dict[str, CrossEncoder | None] = {"encoder": encoder, "judge": judge}

    def prepare(self, base: Path) -> Iterable[str]:
        """Whether each level has its resource."""
        return [
            f"a level of 'levels' scores by '{one.score}', but there is no resource of that name"
            for one in self.config.levels
            if one.score != "incoming" and self.models[one.score] is None
        ]

    def run(
        self, query: Query, selection: Selection, context: RunContext
    ) -> Selection | Abstention:
        """The same selection, or an abstention with the nearest passages.

        Raises:
            UsageError: if a level's resource is missing, or a score is not finite.
        """
        hits = selection.kept
        if not hits:
            return Abstention(
                stage="abstain.early_exit",
                reason=AbstentionReason.NO_EVIDENCE,
                detail="No passage is left to answer from.",
                evidence=tuple(one.hit.passage for one in selection.dropped[:3]),
                next_step="Ask about something that the corpus covers, or add documents.",
            )
        threshold = self.config.threshold
        last = len(self.config.levels) - 1
        found = early_exit(
            self._scores(query, hits, 0, context),
            lambda place, level: self._scores(query, [hits[place]], level, context)[0],
            half_widths=[self.config.factor * one.half_width for one in self.config.levels],
            threshold=threshold,
        )
        value, pairs = found.score, found.calls
        if threshold is None and found.depths[found.best] < last:
            value, pairs = self._scores(query, [hits[found.best]], last, context)[0], pairs + 1
        context.note(score=value, kind=ScoreKind.LOGIT.value, scored=pairs, level=max(found.depths))
        if threshold is None or value >= threshold:
            return selection
        order = sorted(range(len(hits)), key=lambda place: (place != found.best, place))
        return Abstention(
            stage="abstain.early_exit",
            reason=AbstentionReason.LOW_SELECTION,
            detail="No passage fits the question well enough to answer from.",
            evidence=tuple(hits[place].passage for place in order[:3]),
            score=Score(value, ScoreKind.LOGIT, self.name),
            threshold=threshold,
            next_step="Rephrase the question, or look at the nearest passages.",
        )

    def _scores(
        self, query: Query, hits: Sequence[Hit], number: int, context: RunContext
    ) -> list[float]:
        level = self.config.levels[number]
        if level.score == "incoming":
            raw = [hit.score.value for hit in hits]
        else:
            model = self.models[level.score]
            if model is None:
                raise UsageError(f"{self.name} needs the resource '{level.score}'")
            pairs = [(query.text, _text(hit)) for hit in hits]
            raw = [float(one) for one in model.score(pairs, [context] * len(pairs))]
        if not all(math.isfinite(one) for one in raw):
            raise UsageError(f"{self.name}: '{level.score}' gave a score that is not finite")
        return [float(level.slope * one + level.intercept) for one in raw]


def _text(hit: Hit) -> str:
    return f"{hit.passage.title}\n{hit.passage.text}" if hit.passage.title else hit.passage.text
