"""Keep as many as hold a share of the evidence that is expected."""

from __future__ import annotations

import math
from itertools import accumulate

from pydantic import Field

from assay.pipeline.component import Node, register
from assay.pipeline.words import Query, Ranking, ScoreKind, Selection
from assay.stages.select.bounds import Bounds
from assay.stages.select.choice import chosen
from assay.stages.select.figures import figure, told
from assay.stages.select.kinds import require_kind

ROUNDING = 1e-9
"""A mass that lacks no more than this part of its share has reached it."""


class TopPConfig(Bounds):
    """Settings of ``select.top_p@1``."""

    p: float = Field(
        0.9, gt=0, le=1, description="share of the expected evidence that is kept, at least"
    )
    depth: int = Field(100, ge=1, le=10_000, description="best hits that are looked at")
    least_mass: float = Field(
        0.0,
        ge=0,
        description="expected number of relevant passages under which none is kept, min_k or not",
    )

    @property
    def kind(self) -> ScoreKind:
        """Only probabilities add up to anything."""
        return ScoreKind.PROBABILITY


@register("select.top_p@1")
class TopP(Node):
    """The shortest beginning of a ranking that holds the share ``p`` of the expected evidence.

    The probabilities of being relevant add up to the number of relevant passages that is expected
    among the best ``depth``; kept is the shortest beginning whose sum is at least ``p`` of that.
    Source: nucleus sampling (Holtzman et al. 2020, "The Curious Case of Neural Text Degeneration"),
    here over passages, whose probabilities do not add up to 1. It is as good as the probabilities
    are calibrated: many small ones that are a little too large make it keep much. Scores of another
    kind are refused. Cost: no model calls.
    """

    Config = TopPConfig
    compares = "ranking"

    def run(self, query: Query, ranking: Ranking) -> Selection:
        """Keep the beginning that holds the share.

        Raises:
            UsageError: if the best hit's score is no probability.
        """
        config = self.config
        require_kind(self.name, ranking, config.kind)
        alike = ranking.alike[: config.depth]
        masses = list(accumulate(hit.score.value for hit in alike))
        total = math.fsum(hit.score.value for hit in alike)
        if total < config.least_mass or not total:
            wanted = size = 0
            end = f"expected evidence {figure(total)}"
            end += f", under {figure(config.least_mass)}" if total else ""
        else:
            goal = config.p * total * (1 - ROUNDING)
            wanted = 1 + next(
                (place for place, mass in enumerate(masses) if mass >= goal), len(masses) - 1
            )
            size = config.bounded(wanted, len(alike))
            held = f"the first {size} hold {figure(masses[size - 1] / total)} of the expected"
            end = f"{held} evidence ({figure(total)} passages){config.bound(wanted, size)}"

        def dropped(place: int, hit: object) -> str:
            if place >= len(alike):
                found = ranking.hits[place].score
                is_alike = found.kind is config.kind
                return f"{told(found)}, " + (
                    f"behind the first {config.depth} that are looked at"
                    if is_alike
                    else "which is no probability"
                )
            return f"{told(ranking.hits[place].score)}; {end}"

        return chosen(
            query,
            ranking,
            [(hit, f"{told(hit.score)}; {end}") for hit in alike[:size]],
            dropped,
        )
