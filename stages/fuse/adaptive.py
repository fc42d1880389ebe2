"""Join rankings by scores, with weights that each query's own evidence sets."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, PositiveFloat, ValidationInfo

from assay.corpora.analyzer import Analyzer, StemmerName, StopWords
from assay.corpora.fusion import Scheme, joint_query, unweighted, weight_problems, weighted_fusion
from assay.pipeline.component import Config, Node, register, relative_to
from assay.pipeline.context import RunContext
from assay.pipeline.words import Ranking
from assay.stages.fuse.evidence import signals_of
from assay.stages.fuse.pool import look_at
from assay.stages.fuse.texts import PHRASES, TITLES, raised
from assay.stages.fuse.weight_model import WeightModel, read


def _resolve(path: str | None, info: ValidationInfo) -> str | None:
    return (
        None if path is None else str(relative_to((info.context or {}).get("base", Path()), path))
    )


class AdaptiveConfig(Config):
    """Settings of ``fuse.adaptive@1``."""

    weights: dict[str, PositiveFloat] | None = Field(
        None,
        description="weight of each input where all are equally sure, by its name; none weighs all"
        " alike",
    )
    normalise: Scheme = Field(
        "min_max", description="how scores become comparable, as in fuse.weighted"
    )
    depth: int | None = Field(
        None, ge=1, le=100_000, description="length of the fused ranking; none for no limit"
    )
    look: int = Field(
        100,
        ge=3,
        le=1000,
        description="hits of each ranking whose texts are looked at; fewer cost less and tell less",
    )
    phrases: float = Field(
        PHRASES,
        ge=0,
        le=10,
        description="how much it counts that a passage has neighbouring words of the query side by"
        " side, beside the rankings' 1; 0 leaves it out",
    )
    titles: float = Field(
        TITLES,
        ge=0,
        le=10,
        description="how much it counts that one of the best passages names a passage's title, for"
        " questions of several steps; 0 leaves it out",
    )
    stemmer: StemmerName = Field(
        "english", description="language by which word endings are folded when texts are compared"
    )
    stop_words: StopWords = Field(
        "english", description="language whose function words are left out of the comparison"
    )
    model: Annotated[str | None, AfterValidator(_resolve)] = Field(
        None,
        description="JSON file with fitted coefficients of the signals, relative to the pipeline"
        " file; none for the formula",
    )


@register("fuse.adaptive@1")
class Adaptive(Node):
    """Fuse named rankings of one question, each as far as it can be believed for this query.

    First ``weighted_fusion`` with ``weight(r) = weights[r] * reliability(r)``: the reliability is
    the probability, from the texts of the ranking's own hits, that its order has to do with the
    query's words; see ``assay.stages.fuse.evidence``. Where all rankings are in earnest it is near
    1 and this is ``fuse.weighted``. One that is out of order, or for something else, falls to a
    weight near 0, so that it costs little. With a ``model``, fitted coefficients of more signals
    (coverage, names and numbers, score shape, agreement) stand in the place of the formula.

    Then passages are raised that have words of the query side by side, or a title that one of the
    best passages names; see ``assay.stages.fuse.texts``. So even one ranking may change its order,
    unless ``phrases`` and ``titles`` are 0. A passage that repeats the question gets all of
    ``phrases``, as it gets the best scores of most searches; who lets strangers write into the
    corpus wants a guard behind.

    The texts say little about short rankings: give 50 hits or more each. The weights are in the
    run record, as ``weight.<input>``. The result carries the query of the input whose name comes
    first in the alphabet. Cost: no model calls; 10 ms for two rankings of 100 passages of 100
    words.
    """

    Config = AdaptiveConfig
    gives = ("fused",)

    def __init__(self, config: AdaptiveConfig) -> None:
        super().__init__(config)
        self._analyzer = Analyzer(stop_words=config.stop_words, stemmer=config.stemmer)
        self._model = WeightModel()

    def prepare(self, base: Path) -> Iterable[str]:
        """Whether the model's file is there."""
        path = self.config.model
        if path is None or Path(path).is_file():
            return ()
        return (f"'model': there is no file '{path}'",)

    def start(self) -> None:
        """Read the model, where there is one.

        Raises:
            UsageError: if it is missing.
            DataError: if it is no such model.
        """
        if self.config.model is not None:
            self._model = read(Path(self.config.model))

    def parts(self) -> Mapping[str, Any]:
        """The fitted coefficients."""
        return {"model": self._model.digest()}

    def check_ports(self, names: Mapping[str, Collection[str]]) -> list[str]:
        """What is wrong between the weights and the inputs that are wired.

        Args:
            names: port to the keys that feed it.

        Returns:
            One sentence a problem.
        """
        return weight_problems(self.config.weights, names.get("rankings", ()))

    def run(self, rankings: Mapping[str, Ranking], context: RunContext) -> Ranking:
        """Fuse.

        Raises:
            UsageError: if there is no ranking, a weight is missing, the rankings were made for
                different readers, or scores do not fit the normalisation.
        """
        query = joint_query(rankings, unweighted(self.config.weights, rankings), self.name)
        context.check()
        named = {name: rankings[name] for name in sorted(rankings)}
        look = self.config.look
        pool = look_at(query.text, named, analyzer=self._analyzer, look=look)
        signals = signals_of(named, pool, look=look)
        weights = self._model.weights(signals, self.config.weights)
        context.note(**{f"weight.{name}": weight for name, weight in weights.items()})
        fused = weighted_fusion(
            query, named, scheme=self.config.normalise, source=self.name, weights=weights
        )
        return raised(
            fused,
            pool,
            phrases=self.config.phrases,
            titles=self.config.titles,
            limit=self.config.depth,
        )
