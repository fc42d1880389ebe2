"""How far the passages that an answer cites hold its words."""

from __future__ import annotations

from assay.guards.rails.grounded import support
from assay.pipeline.component import Node, register
from assay.pipeline.context import RunContext
from assay.pipeline.words import Answer, Query, Signals


@register("abstain.groundedness@1")
class Groundedness(Node):
    """``held`` (share of the answer's new content words in the cited passages, 0 to 1) and
    ``missing`` (numbers and negations that are not there).

    The same reading as ``rails.grounded``, which chooses by it; this node only tells. It is about
    the passages, not about their truth. Cost: no model calls.
    """

    def run(self, query: Query, answer: Answer, context: RunContext) -> Signals:
        """The two figures."""
        share, missing = support(answer, query.text)
        figures = {"held": share, "missing": float(len(missing))}
        context.note(**figures)
        return Signals(self.name, figures)
