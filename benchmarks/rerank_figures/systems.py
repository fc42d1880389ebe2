"""What is compared: the input, the reranker alone, with the blend, with gate and blend."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from assay.pipeline.context import RunContext
from assay.pipeline.words import Hit, Ranking, Score, ScoreKind, Skipped
from assay.stages.rerank.blend import Blend, BlendConfig
from assay.stages.rerank.gate import Gate, GateConfig
from benchmarks.rerank_figures.first_stage import Candidates
from benchmarks.rerank_figures.scores import Scored

INPUT, ALONE, BLENDED, GATED = "input", "reranked", "blended", "gated and blended"
SYSTEMS = (INPUT, ALONE, BLENDED, GATED)


@dataclass(frozen=True, slots=True)
class Cost:
    """Of a question.

    Args:
        calls: of the cross-encoder.
        tokens: that it read.
        flops: estimated.
        seconds: processor time.
    """

    calls: int = 0
    tokens: int = 0
    flops: float = 0.0
    seconds: float = 0.0


def reranked(one: Candidates, scores: Mapping[str, Scored], depth: int) -> Ranking:
    """What ``rerank.cross_encoder@1`` gives, from kept scores; ties as they came.

    A run at a smaller depth is the same as a fresh one: a score depends on its pair alone.
    """
    hits = one.ranking.hits
    best = sorted(hits[:depth], key=lambda hit: -scores[hit.passage.id].logit)
    name = "rerank.cross_encoder@1"
    new = tuple(
        Hit(hit.passage, Score(scores[hit.passage.id].logit, ScoreKind.LOGIT, name)) for hit in best
    )
    return Ranking(one.ranking.query, new + hits[depth:], name)


def systems(
    gate: Gate | None = None, blend: Blend | None = None
) -> dict[str, Callable[[Candidates, Ranking], tuple[Ranking, bool]]]:
    """What each system makes of the input and the reranked ranking, and whether it asked for it.

    Args:
        gate: None for the one with defaults.
        blend: likewise.
    """
    guard = gate or Gate(GateConfig())
    mix = blend or Blend(BlendConfig())

    def blended(one: Candidates, new: Ranking) -> tuple[Ranking, bool]:
        return mix.run(one.ranking.query, one.ranking, new, RunContext()), True

    def gated(one: Candidates, new: Ranking) -> tuple[Ranking, bool]:
        query = one.ranking.query
        if guard.run(query, one.ranking, RunContext()):
            return blended(one, new)
        skipped = Skipped("reranked", "condition 'gate' does not hold")
        return mix.run(query, one.ranking, skipped, RunContext()), False

    return {
        INPUT: lambda one, new: (one.ranking, False),
        ALONE: lambda one, new: (new, True),
        BLENDED: blended,
        GATED: gated,
    }


def cost_of(one: Candidates, scores: Mapping[str, Scored], depth: int) -> Cost:
    """What the cross-encoder costs for a question."""
    pairs = [scores[hit.passage.id] for hit in one.ranking.hits[:depth]]
    return Cost(
        sum(pair.calls for pair in pairs),
        sum(pair.tokens for pair in pairs),
        sum(pair.flops for pair in pairs),
        sum(pair.seconds for pair in pairs),
    )
