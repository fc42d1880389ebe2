"""Whether reranking is worth its cost for this question."""

from __future__ import annotations

from pydantic import Field

from assay.pipeline.component import Config, Node, register
from assay.pipeline.context import Cost, RunContext
from assay.pipeline.words import Query, Ranking
from assay.stages.rerank.lead import lead_in
from assay.stages.windows.window import Sizes


class GateConfig(Config):
    """Settings of ``rerank.gate@1``."""

    sure: float = Field(
        0.2,
        ge=0,
        le=1,
        description="lead of the best hit from which on the first stage is taken to be sure; 1"
        " reranks nearly always, 0 never",
    )


@register("rerank.gate@1")
class Gate(Node):
    """True where reranking is worth it: no one hit stands out of the first ranking.

    With s the scores of the first 100 hits (those of one kind), the lead is ``(s1 - s2) / (s1 -
    sn)``, 0 to 1, whatever the scores' unit. Where the best hit leads clearly, a reranker has
    little to gain and something to lose; where several are about alike, its opinion counts
    (measured: ``benchmarks/rerank_quality.py``). No labels and no models are needed.

    It stands beside the reranker, not before it. The reranker has the condition and does not run
    where it does not hold, which is what saves its cost; ``rerank.blend`` takes both rankings, and
    passes the first one on where the reranker was skipped::

        gate: {use: rerank.gate@1, inputs: {query: query, ranking: found}}
        reranked:
          use: rerank.cross_encoder@1
          when: gate
          resources: {model: judge}
          inputs: {query: query, ranking: found}
        blended:
          use: rerank.blend@1
          inputs: {query: query, ranking: found, reranked: reranked}

    Scores of kind ``order`` tell nothing but the order, so all is worth reranking. A ranking of
    less than two hits never is. Cost: no model calls.
    """

    Config = GateConfig

    def run(self, query: Query, ranking: Ranking, context: RunContext) -> bool:
        """Decide; the lead and the decision are in the run record as ``lead`` and ``worth``."""
        if len(ranking.hits) < 2:
            context.note(worth=False)
            return False
        lead = lead_in(ranking)
        if lead is None:
            context.note(worth=True)
            return True
        worth: bool = lead < self.config.sure
        context.note(lead=lead, worth=worth)
        return worth

    def estimate(self, n: int, sizes: Sizes) -> Cost:
        """No model is called."""
        return Cost()
