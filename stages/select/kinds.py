"""Selectors that compare scores refuse those of another kind."""

from __future__ import annotations

from assay.pipeline.errors import UsageError
from assay.pipeline.words import Ranking, ScoreKind


def require_kind(node: str, ranking: Ranking, kind: ScoreKind) -> None:
    """Refuse a ranking whose best hit has a score of another kind.

    Args:
        node: who asks.
        ranking: may be empty.
        kind: that is needed.

    Raises:
        UsageError: names what was found and who made it.
    """
    if ranking.hits and ranking.hits[0].score.kind is not kind:
        found = ranking.hits[0].score
        raise UsageError(
            f"{node} needs scores of kind '{kind}', found '{found.kind}' from"
            f" {found.source}: feed a ranking with such scores, or take another selector"
        )
