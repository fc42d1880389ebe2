"""Retrieve by words and by meaning, fused: a sub-pipeline as one node."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    PositiveFloat,
    ValidationInfo,
    model_validator,
)

from assay.corpora.corpus import Corpus
from assay.corpora.fusion import Scheme
from assay.corpora.where import DESCRIPTION, where_problems
from assay.pipeline.component import Config, Node, register, relative_to
from assay.pipeline.context import Cost, RunContext
from assay.pipeline.identity import code_digest
from assay.pipeline.types import signature
from assay.pipeline.words import Query, QueryVariants, Ranking
from assay.stages.retrieve.dense import Dense
from assay.stages.retrieve.parts import PartName, parts_of, rankings_of, repeated
from assay.stages.retrieve.sparse import Sparse
from assay.stages.retrieve.wordings import ranked
from assay.stages.windows.window import Sizes

SETTINGS: Mapping[str, tuple[str, ...]] = {
    "rrf": ("weights", "damping"),
    "weighted": ("weights", "normalise"),
    "interleave": (),
    "adaptive": ("weights", "normalise", "model"),
}
"""Fusion to the settings that only some fusions have."""


def _resolve(path: str | None, info: ValidationInfo) -> str | None:
    return (
        None if path is None else str(relative_to((info.context or {}).get("base", Path()), path))
    )


class HybridConfig(Config):
    """Settings of ``retrieve.hybrid@1``."""

    k: int = Field(50, ge=1, le=10_000, description="most passages retrieved")
    parts: list[PartName] = Field(
        ["bm25", "dense"],
        min_length=1,
        max_length=3,
        description="searches that are fused; by 'interleave' the first has the first turn",
    )
    depth: int = Field(100, ge=1, le=10_000, description="most passages that each search gives")
    fusion: Literal["rrf", "weighted", "interleave", "adaptive"] = Field(
        "adaptive", description="how their rankings become one: the node 'fuse.<name>' of this name"
    )
    weights: dict[PartName, PositiveFloat] | None = Field(
        None, description="weight of each part; none weighs all alike"
    )
    normalise: Scheme | None = Field(
        None,
        description="fusion weighted or adaptive: how scores become comparable; none for its"
        " default",
    )
    damping: int | None = Field(
        None,
        ge=0,
        le=10_000,
        description="fusion rrf: larger lets low ranks count more; none for its default",
    )
    model: Annotated[str | None, AfterValidator(_resolve)] = Field(
        None,
        description="fusion adaptive: JSON file with fitted coefficients, relative to the pipeline"
        " file; none for the formula",
    )
    where: str = Field("", description=DESCRIPTION)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for name in repeated(self.parts):
            raise ValueError(f"'parts' has '{name}' more than once")
        every = sorted({name for names in SETTINGS.values() for name in names})
        for name in every:
            if getattr(self, name) is not None and name not in SETTINGS[self.fusion]:
                able = [fusion for fusion, names in SETTINGS.items() if name in names]
                raise ValueError(
                    f"fusion '{self.fusion}' has no '{name}'; leave it out, or choose"
                    f" {' or '.join(able)}"
                )
        return self


@register("retrieve.hybrid@1")
class Hybrid(Node):
    """Several searches of one corpus, fused: what a graph of their nodes gives.

    Each part searches as ``retrieve.bm25``, ``retrieve.dense`` or ``retrieve.sparse`` does, with
    ``k: <depth>`` and the same ``where``; the rankings, named after their parts, go into
    ``fuse.<fusion>`` with ``depth: <k>``. Order, scores and their kind are those of that node; only
    the source is this one's. Wire the nodes themselves to set more of the fusion's settings, to
    have the parts run side by side, and to see their rankings in the run record.

    Cost: that of the parts: ``dense`` and ``sparse`` one model call a wording each, those of a
    batch in one round.

    Args:
        config: see ``HybridConfig``.
        corpus: what is searched.
    """

    Config = HybridConfig
    gives: ClassVar[tuple[str, ...]] = ("rrf", "fused")

    def __init__(self, config: HybridConfig, *, corpus: Corpus) -> None:
        super().__init__(config)
        self._corpus = corpus
        self._parts = parts_of(config.parts, corpus, k=config.depth, where=config.where)
        self._fusion = _fusion(config)
        self._context = signature(self._fusion.run).context
        # On the object, for it depends on the config.
        self.gives = self._fusion.gives  # type: ignore[misc]

    def with_config(self, config: BaseModel) -> Self:
        """The same node with another config, sharing its corpus; started."""
        twin = type(self)(config, corpus=self._corpus)  # type: ignore[arg-type]
        twin.start()
        return twin

    def start(self) -> None:
        """Let the fusion load what it needs."""
        self._fusion.start()

    def close(self) -> None:
        """Let it go."""
        self._fusion.close()

    def parts(self) -> Mapping[str, Any]:
        """The fusion's name and parts, and its code, which lies in another folder."""
        fusion = self._fusion
        return {
            "fusion": {
                "use": fusion.name,
                "code": code_digest(type(fusion)),
                "inner": dict(fusion.parts()),
            }
        }

    @property
    def needs(self) -> Mapping[str, tuple[str, ...]]:  # type: ignore[override]
        """What its parts search."""
        return {"corpus": tuple(self.config.parts)}

    def prepare(self, base: Path) -> Iterable[str]:
        """What is wrong with ``where``, and between the weights and the parts."""
        check: Any = getattr(self._fusion, "check_ports", None)
        wrong = check({"rankings": self.config.parts}) if check else ()
        return (*where_problems(self.config.where), *wrong, *self._fusion.prepare(base))

    def run(self, query: Query | QueryVariants, context: RunContext) -> Ranking:
        """Search; the ranking's query is the main wording."""
        return self.run_batch([{"query": query}], [context])[0]

    def run_batch(
        self, items: Sequence[Mapping[str, Any]], contexts: Sequence[RunContext]
    ) -> list[Ranking]:
        """Search for several queries, embedded in one call; see ``run``."""
        found = rankings_of(self._parts, items, contexts)
        fused = [
            self._fusion.run(rankings, **({self._context: context} if self._context else {}))
            for rankings, context in zip(found, contexts, strict=True)
        ]
        return [ranked(one.query, one.hits, self.name) for one in fused]

    def estimate(self, n: int, sizes: Sizes) -> Cost:
        """That of the parts for one wording, one after another.

        Args:
            n: passages that come in: none.
            sizes: of which the question's length counts.
        """
        total = Cost()
        for part in self._parts.values():
            if isinstance(part, Dense | Sparse):
                total.add(part.estimate(n, sizes))
        return total


def _fusion(config: HybridConfig) -> Node:
    """The fusion's node; only its module is imported."""
    given = {
        name: getattr(config, name)
        for name in ("weights", "normalise", "model")
        if getattr(config, name) is not None
    }
    match config.fusion:
        case "rrf":
            from assay.stages.fuse.rrf import Rrf, RrfConfig

            if config.damping is not None:
                given["k"] = config.damping
            return Rrf(RrfConfig(**given, depth=config.k))
        case "weighted":
            from assay.stages.fuse.weighted import Weighted, WeightedConfig

            return Weighted(WeightedConfig(**given, depth=config.k))
        case "interleave":
            from assay.stages.fuse.interleave import Interleave, InterleaveConfig

            return Interleave(InterleaveConfig(first=config.parts[0], depth=config.k))
        case "adaptive":
            from assay.stages.fuse.adaptive import Adaptive, AdaptiveConfig

            return Adaptive(AdaptiveConfig(**given, depth=config.k))
