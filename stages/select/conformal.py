"""Keep so much that needed evidence is missed no more often than a level allows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from assay.pipeline.component import Config, Node, register, relative_to
from assay.pipeline.context import RunContext
from assay.pipeline.errors import UsageError
from assay.pipeline.words import Query, Ranking, Selection
from assay.stages.select.choice import chosen
from assay.stages.select.conformal_rule import ConformalRule, read
from assay.stages.select.figures import figure, named


class ConformalConfig(Config):
    """Settings of ``select.conformal@1``."""

    path: str = Field(
        min_length=1,
        description="JSON file that 'assay train conformal' writes, relative to the pipeline file",
    )


@register("select.conformal@1")
class Conformal(Node):
    """What a rule keeps that was fitted so that needed evidence is missed at most so often.

    ``assay train conformal`` fits it on labelled questions. By default the promise is: with
    confidence 1 - delta, on at most a share alpha of the questions any needed passage is missing,
    those that retrieval did not find included. It holds for questions drawn as those of the fit
    were, and for the ranking that it was fitted to: scores of another kind or source are refused.

    The rule cuts by the score, or where scores of two questions cannot be compared (``bm25``,
    ``rrf``, ``fused``, ``pagerank``, ``order``) by the place or by the gap to the best. Hits
    behind those that a reranker scored have no score that counts and are dropped, unless the rule
    goes by the place. It may keep nothing, or everything: the size is what the promise costs.

    Source: CONFLARE (2024) for keeping by a conformal quantile; Bates and others 2021 for the
    confidence; Angelopoulos and others 2024, Conformal Risk Control, for graded recall. Cost: no
    model calls.
    """

    Config = ConformalConfig

    def __init__(self, config: ConformalConfig) -> None:
        super().__init__(config)
        self.file = Path(config.path)
        self._rule: ConformalRule | None = None

    def prepare(self, base: Path) -> tuple[str, ...]:
        """Remember where the file lies; it need not be there before the fit."""
        try:
            self.file = relative_to(base, self.config.path)
        except ValueError as error:
            return (f"'path': {error}",)
        return ()

    def start(self) -> None:
        """Read the rule.

        Raises:
            UsageError: if nothing is fitted yet.
            DataError: if the file is damaged.
        """
        self._rule = read(self.file)

    def parts(self) -> Mapping[str, Any]:
        """The rule, since outputs depend on it."""
        return {"rule": self._fitted().digest()}

    def run(self, query: Query, ranking: Ranking, context: RunContext) -> Selection:
        """Keep what the rule keeps, in the order of the ranking.

        Args:
            query: see ``chosen``.
            ranking: as the rule was fitted to.
            context: notes the level, the guarantee and the number of passages kept.

        Raises:
            UsageError: if the scores are of another kind or source than those of the fit.
        """
        rule = self._fitted()
        values = rule.values(ranking)
        kept = [
            (hit, _reason(rule, value, kept=True))
            for hit, value in zip(ranking.hits, values, strict=True)
            if value is not None and rule.keeps(value)
        ]
        context.note(alpha=rule.alpha, guarantee=rule.promise(), size=len(kept))

        def dropped(place: int, hit: object) -> str:
            value = values[place]
            if value is None:
                return f"place {place + 1} has no {named(rule.kind)}: those before it were scored"
            return _reason(rule, value, kept=False)

        return chosen(query, ranking, kept, dropped)

    def _fitted(self) -> ConformalRule:
        if self._rule is None:
            raise UsageError(f"{self.name} was not started: it has read no rule")
        return self._rule


def _reason(rule: ConformalRule, value: float, *, kept: bool) -> str:
    """The figure that decided about a passage."""
    limit = figure(rule.threshold)
    match rule.measure:
        case "score":
            compared = f"at least {limit}" if kept else f"below {limit}"
            return f"{named(rule.kind)} {figure(value)}, {compared}"
        case "gap":
            compared = f"at most {limit}" if kept else f"more than {limit}"
            return f"{named(rule.kind)} {figure(value)} below the best, {compared}"
        case "place":
            compared = f" of the first {limit}" if kept else f", behind the first {limit}"
            return f"place {value:.0f}{compared}"
