"""What is compared: the input, the reranker alone, and ways to join both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from assay.models.protocols import CrossEncoder, Embedder
from assay.pipeline.context import RunContext
from assay.pipeline.words import Hit, Ranking, Score, ScoreKind, Skipped
from assay.stages.fuse.adaptive import Adaptive, AdaptiveConfig
from assay.stages.rerank.blend import Blend, BlendConfig
from assay.stages.rerank.bridge import BridgeConfig, BridgeRerank
from assay.stages.rerank.gate import Gate, GateConfig
from assay.stages.rerank.pseudo_query import PseudoQueryConfig, PseudoQueryRerank
from benchmarks.rerank_figures.first_stage import Candidates
from benchmarks.rerank_figures.scores import Scored

INPUT, ALONE, BLENDED, GATED = "input", "reranked", "blended", "gated and blended"
LIKENED, BRIDGED = "blended, likeness", "blended, likeness, bridge"
TEXTS, FUSED, FUSED_LIKENED = "texts only", "fused", "fused, likeness"
VOICED = "third voice"

FIRST, RERANKED = "first", "reranked"
WEIGHTS = {FIRST: 0.5, RERANKED: 0.5}
"""Of ``fuse.adaptive`` over input and reranker."""
PARTS: Mapping[str, float] = {"bm25": 0.36, "dense": 0.44}
VOICE = 0.2
"""The same, of the parts of the input and the reranker beside them."""
LIKENESS_DEPTH, LIKENESS_ALPHA, LIKENESS_WEIGHT = 50, 0.1, 0.2
"""Of ``rerank.pseudo_query`` (rocchio, from the best passage) and of the blend behind it."""
BEFORE_BRIDGE, BRIDGE_WEIGHT = 0.3, 0.15
"""Of the blends before and behind ``rerank.bridge``."""


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

    def __add__(self, other: Cost) -> Cost:
        """Both."""
        return Cost(
            self.calls + other.calls,
            self.tokens + other.tokens,
            self.flops + other.flops,
            self.seconds + other.seconds,
        )


@dataclass(frozen=True, slots=True)
class Made:
    """What a system made of a question.

    Args:
        ranking: the result.
        asked: whether the reranker was asked.
        more: what was spent beside it.
    """

    ranking: Ranking
    asked: bool = True
    more: Cost = Cost()


System = Callable[[Candidates, Ranking], Made]
"""Of a question with its input and what the reranker made of that."""


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


def systems(gate: Gate | None = None, blend: Blend | None = None) -> dict[str, System]:
    """What needs no more than the scores.

    Args:
        gate: None for the one with defaults.
        blend: likewise.
    """
    guard = gate or Gate(GateConfig())
    mix = blend or Blend(BlendConfig())

    def blended(one: Candidates, new: Ranking) -> Made:
        return Made(mix.run(one.ranking.query, one.ranking, new, RunContext()))

    def gated(one: Candidates, new: Ranking) -> Made:
        query = one.ranking.query
        if guard.run(query, one.ranking, RunContext()):
            return blended(one, new)
        skipped = Skipped("reranked", "condition 'gate' does not hold")
        return Made(mix.run(query, one.ranking, skipped, RunContext()), asked=False)

    return {
        INPUT: lambda one, new: Made(one.ranking, asked=False),
        ALONE: lambda one, new: Made(new),
        BLENDED: blended,
        GATED: gated,
    }


def fused(one: Candidates, new: Ranking) -> Made:
    """Input and reranker by ``fuse.adaptive``, for an input that it did not make."""
    node = Adaptive(AdaptiveConfig(weights=WEIGHTS))
    return Made(node.run({FIRST: one.ranking, RERANKED: _judged(new)}, RunContext()))


def raised_by_texts(one: Candidates, new: Ranking) -> Made:
    """What ``fuse.adaptive`` does to the input alone: the reranker has no part in it."""
    return Made(Adaptive(AdaptiveConfig()).run({FIRST: one.ranking}, RunContext()), asked=False)


def voiced(parts: Mapping[str, Sequence[Candidates]]) -> System:
    """The parts of the input and the reranker, all by one ``fuse.adaptive``.

    Args:
        parts: rankings of the same questions, by the names in ``PARTS``.
    """
    node = Adaptive(AdaptiveConfig(weights={**PARTS, RERANKED: VOICE}))
    known = {
        name: {one.question.query.id: one.ranking for one in found} for name, found in parts.items()
    }

    def system(one: Candidates, new: Ranking) -> Made:
        own = {name: rankings[one.question.query.id] for name, rankings in known.items()}
        return Made(node.run({**own, RERANKED: _judged(new)}, RunContext()))

    return system


def _judged(new: Ranking) -> Ranking:
    """What was judged: scores of two kinds cannot be normalised together."""
    return Ranking(new.query, new.alike, new.source)


def likeness(embedder: Embedder, system: System) -> System:
    """A system with likeness to its best passage blended in.

    Args:
        embedder: knows the vectors of the questions and of their passages.
        system: gives the ranking.
    """
    like = PseudoQueryRerank(
        PseudoQueryConfig(method="rocchio", top=1, alpha=LIKENESS_ALPHA, depth=LIKENESS_DEPTH),
        embedder=embedder,
    )
    mix = Blend(BlendConfig(weight=LIKENESS_WEIGHT, normalise="min_max", phantoms="leave"))

    def likened(one: Candidates, new: Ranking) -> Made:
        made = system(one, new)
        query = one.ranking.query
        near = like.run(query, made.ranking, RunContext())
        return Made(mix.run(query, made.ranking, near, RunContext()), made.asked, made.more)

    return likened


def bridge_system(likened: System, model: CrossEncoder, seconds: Callable[[], float]) -> System:
    """What a question read together with the best passage adds.

    Args:
        likened: gives the ranking that it is added to.
        model: reads.
        seconds: what the model has spent so far.
    """
    node = BridgeRerank(BridgeConfig(), model=model)
    head = Blend(BlendConfig(weight=BEFORE_BRIDGE))
    mix = Blend(BlendConfig(weight=BRIDGE_WEIGHT, normalise="min_max"))

    def bridged(one: Candidates, new: Ranking) -> Made:
        before, context = seconds(), RunContext()
        made = likened(one, new)
        query = one.ranking.query
        again = node.run(query, head.run(query, one.ranking, new, RunContext()), context)
        spent = context.cost
        more = Cost(spent.calls, spent.tokens_in, spent.flops, seconds() - before)
        return Made(mix.run(query, made.ranking, again, RunContext()), more=more)

    return bridged


def cost_of(one: Candidates, scores: Mapping[str, Scored], depth: int) -> Cost:
    """What the cross-encoder costs for a question."""
    pairs = [scores[hit.passage.id] for hit in one.ranking.hits[:depth]]
    return Cost(
        sum(pair.calls for pair in pairs),
        sum(pair.tokens for pair in pairs),
        sum(pair.flops for pair in pairs),
        sum(pair.seconds for pair in pairs),
    )
