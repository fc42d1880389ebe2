"""Put a reranker's scores beside those of the ranking that it was given."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Literal, TypeAlias

from pydantic import Field

from assay.corpora.analyzer import Analyzer, StemmerName, StopWords
from assay.corpora.fusion import Scheme, normalised
from assay.corpora.rendering import readable, rendered
from assay.pipeline.component import Config, Node, register
from assay.pipeline.context import Cost, RunContext
from assay.pipeline.errors import UsageError
from assay.pipeline.words import Hit, Query, Ranking, Score, ScoreKind, Skipped
from assay.stages.windows.window import Sizes

Scale: TypeAlias = Literal[Scheme, "sigmoid"]


class BlendConfig(Config):
    """Settings of ``rerank.blend@1``."""

    weight: float = Field(
        0.25,
        ge=0,
        le=1,
        description="share of the reranker's scores; the rest is the first ranking",
    )
    normalise: Scale | None = Field(
        None,
        description="how the reranker's scores become comparable: as in fuse.weighted, or 'sigmoid'"
        " of logits, by which a reranker that finds nothing moves little; none takes 'sigmoid' for"
        " logits and 'min_max' for others; scores of kind 'order' are always taken by 'rank'",
    )
    centre: float = Field(
        0.0, ge=-100, le=100, description="sigmoid: the logit that becomes 1/2, that of a coin toss"
    )
    width: float = Field(
        1.0, gt=0, le=100, description="sigmoid: logits are divided by it; larger is softer"
    )
    normalise_first: Scheme = Field(
        "min_max", description="how the first ranking's scores become comparable"
    )
    guard: int | None = Field(
        None,
        ge=1,
        le=1000,
        description="a passage from behind this place of the first ranking may pass others only if"
        " the reranker scores it above the median of the places up to here; none lets all pass",
    )
    phantoms: Literal["leave", "tag", "hold"] = Field(
        "tag",
        description="what is done about passages that only the reranker likes: nothing, told in the"
        " run record, or told and put behind all others",
    )
    phantom_top: int = Field(
        10, ge=1, le=1000, description="places of the reranker that are looked at for phantoms"
    )
    phantom_below: float = Field(
        0.5,
        ge=0,
        le=1,
        description="a phantom stands in this share of the first ranking's end: 0.5 for its half",
    )
    stemmer: StemmerName = Field(
        "english", description="language by which word endings are folded when texts are compared"
    )
    stop_words: StopWords = Field(
        "english", description="language whose function words are left out of the comparison"
    )


@register("rerank.blend@1")
class Blend(Node):
    """Order by ``weight * reranker + (1 - weight) * first``, both normalised: a safeguard.

    A reranker sees more of a passage than the retriever, and errs otherwise: the deeper it is let,
    the more passages it finds that it likes without reason. Source: Jacob et al. 2024, "Drowning in
    Documents: Consequences of Scaling Reranker Inference", which has the finding; the blend is the
    usual remedy, and the guard and the phantoms are two further ones.

    The passages are those of ``ranking``, always; what else the reranker names is left out and
    counted as ``strangers``. The first ranking counts over its best places, down to the last one
    that was reranked and has a score of the same kind as the best; the reranker over the passages
    with scores of one kind (``Ranking.alike``). What has no score has 0 from that side, so a
    passage that nobody scored follows as it came. Scores are of kind ``fused``, 0 to 1; ties go to
    the first ranking's place.

    Where the reranker was skipped (a condition, see ``rerank.gate``) the ranking passes as it came.

    Cost: no model calls; the texts of ``phantom_top`` passages are cut into words.
    """

    Config = BlendConfig
    gives = ("fused",)

    def __init__(self, config: BlendConfig) -> None:
        super().__init__(config)
        self._analyzer = Analyzer(stop_words=config.stop_words, stemmer=config.stemmer)

    def run(
        self, query: Query, ranking: Ranking, reranked: Ranking | Skipped, context: RunContext
    ) -> Ranking:
        """Blend.

        Args:
            query: whose words a phantom lacks.
            ranking: what the reranker was given.
            reranked: what it made of it.
            context: counts ``strangers``; notes ``phantoms``, ``phantom_ids`` and ``held``.

        Raises:
            UsageError: if the rankings were made for different readers, or scores do not fit their
                normalisation.
        """
        first = {hit.passage.id: place for place, hit in enumerate(ranking.hits)}
        if isinstance(reranked, Skipped):
            return _scored(ranking, _shares(ranking, len(first), self.config.normalise_first))
        if reranked.query.scope != ranking.query.scope:
            raise UsageError("the rankings were made for different readers; they cannot be blended")
        known = [hit for hit in reranked.alike if hit.passage.id in first]
        context.count(strangers=sum(hit.passage.id not in first for hit in reranked.hits))
        depth = 1 + max((first[hit.passage.id] for hit in known), default=-1)
        own = _shares(ranking, depth, self.config.normalise_first)
        weight = self.config.weight
        new = self._values(Ranking(reranked.query, tuple(known), reranked.source))
        mixed = [
            weight * new.get(hit.passage.id, 0.0) + (1 - weight) * share
            for hit, share in zip(ranking.hits, own, strict=True)
        ]
        held = self._behind(first, known) | self._phantoms(query, first, known, context)
        if held:
            context.note(held=len(held))
            least = min((one for place, one in enumerate(mixed) if place not in held), default=0.0)
            mixed = [min(one, least) if place in held else one for place, one in enumerate(mixed)]
        return _scored(ranking, mixed, held)

    def estimate(self, n: int, sizes: Sizes) -> Cost:
        """No model is called."""
        return Cost()

    def _values(self, reranked: Ranking) -> dict[str, float]:
        """What the reranker says, 0 to 1 by passage id."""
        hits = reranked.hits
        if not hits:
            return {}
        kind = hits[0].score.kind
        scale: Scale = self.config.normalise or (
            "sigmoid" if kind is ScoreKind.LOGIT else "min_max"
        )
        if kind is ScoreKind.ORDER:
            values = normalised(reranked, "rank")
        elif scale != "sigmoid":
            values = normalised(reranked, scale)
        elif kind is ScoreKind.LOGIT:
            values = [
                _sigmoid((hit.score.value - self.config.centre) / self.config.width) for hit in hits
            ]
        else:
            raise UsageError(
                f"{self.name}: 'sigmoid' is for scores of kind 'logit', those of"
                f" {reranked.source} are of kind '{kind}': set 'normalise' to 'min_max'"
            )
        return {hit.passage.id: value for hit, value in zip(hits, values, strict=True)}

    def _behind(self, first: Mapping[str, int], known: Sequence[Hit]) -> set[int]:
        """Places that the guard holds back."""
        guard = self.config.guard
        if guard is None:
            return set()
        places = {first[hit.passage.id]: hit.score.value for hit in known}
        before = [value for place, value in places.items() if place < guard]
        if not before:
            return set()
        least = median(before)
        return {place for place, value in places.items() if place >= guard and value <= least}

    def _phantoms(
        self, query: Query, first: Mapping[str, int], known: Sequence[Hit], context: RunContext
    ) -> set[int]:
        """Places of phantoms that are held back; all of them are noted."""
        if self.config.phantoms == "leave" or not known:
            return set()
        asked = set(self._analyzer.terms(readable(query.text)))
        border = self.config.phantom_below * len(first)
        found = [
            hit.passage.id
            for hit in known[: self.config.phantom_top]
            if first[hit.passage.id] >= len(first) - border
            and asked.isdisjoint(self._analyzer.terms(rendered(hit.passage)))
        ]
        if found:
            context.note(phantoms=len(found), phantom_ids=", ".join(found))
        return {first[one] for one in found} if self.config.phantoms == "hold" else set()


def _shares(ranking: Ranking, depth: int, scheme: Scheme) -> list[float]:
    """The first ranking's scores, 0 to 1, by place; 0 behind ``depth`` and the first kind."""
    head = ranking.alike[:depth]
    values = normalised(Ranking(ranking.query, head, ranking.source), scheme)
    return values + [0.0] * (len(ranking.hits) - len(values))


def _scored(ranking: Ranking, values: Sequence[float], held: set[int] | None = None) -> Ranking:
    """The ranking in the order of new values; what is held comes behind the rest."""
    behind = held or set()
    order = sorted(range(len(values)), key=lambda place: (place in behind, -values[place], place))
    return Ranking(
        ranking.query,
        tuple(
            Hit(
                ranking.hits[place].passage,
                Score(min(1.0, values[place]), ScoreKind.FUSED, Blend.name),
            )
            for place in order
        ),
        Blend.name,
    )


def _sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value)) if value > -700 else 0.0
