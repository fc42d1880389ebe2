"""Keep what a trained model finds needed, looking at all passages together."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from pydantic import Field

from assay.corpora.corpus import Corpus
from assay.models.protocols import Embedder, Floats
from assay.pipeline.component import Node, register, relative_to
from assay.pipeline.context import RunContext
from assay.pipeline.errors import UsageError
from assay.pipeline.words import Hit, Query, Ranking, Score, ScoreKind, Selection
from assay.stages.rerank.unit_vectors import PROBLEM, UnitVectors
from assay.stages.select.bounds import Bounds
from assay.stages.select.choice import chosen
from assay.stages.select.decode import Decoded, decoded
from assay.stages.select.figures import figure
from assay.stages.select.selection_model import SelectionModel, rankings_of

BASE = "ranking"
"""What the port's ranking is called when a selector is trained."""

NO_SIGNALS: Mapping[str, Ranking] = MappingProxyType({})


class LearnedConfig(Bounds):
    """Settings of ``select.learned@1``."""

    path: str = Field(
        min_length=1,
        description="folder that 'assay train select' writes, relative to the pipeline file",
    )
    decode: Literal["expected_f1", "threshold", "greedy"] = Field(
        "expected_f1",
        description="how probabilities become a set: as many of the most probable as make the"
        " expected F1 largest; those at or above 'threshold'; or one after the other while a"
        " passage adds 'threshold', less where it is like one that is kept",
    )
    threshold: float = Field(
        0.5, ge=0, le=1, description="probability, or gain, that a passage must have to be kept"
    )
    redundancy: float = Field(
        0.3,
        ge=0,
        le=1,
        description="greedy: share of its probability that a twin of a kept passage loses",
    )
    empty: float = Field(
        1.0,
        ge=0,
        le=1,
        description="expected_f1: what keeping nothing counts where nothing is needed; 1 as much as"
        " a perfect set, 0 looks only at questions that need something, so that something is kept",
    )
    depth: int | None = Field(
        None,
        ge=1,
        le=1000,
        description="best hits that are judged; none for as many as in training, which is the most",
    )


@register("select.learned@1")
class Learned(Node):
    """A small transformer over the passages of one question, trained on labelled questions.

    ``assay train select`` trains it for this pipeline. It reads the scores and places of every
    ranking that is wired, words, vectors, likeness of the passages to one another, documents and
    titles, and gives for each passage the probability that it is needed, all passages together,
    calibrated on questions of its own. A set is made of these by ``decode``. It may keep nothing.

    The kept hits carry the probability and come most probable first. What stands behind the depth
    of training is dropped. Vectors come from one of two resources, ``corpus`` (one call for the
    question) or ``embedder`` (one call more a passage). No torch is needed to run it; 100 passages
    take some milliseconds.

    Source: set-wise selection by cross-passage attention after Lee et al. 2019 (Set Transformer);
    expected F1 after Ye et al. 2012; see ``assay.models.passage_set`` and
    ``assay.stages.select.decode``.
    """

    Config = LearnedConfig
    gives = ("probability",)
    needs: Mapping[str, tuple[str, ...]] = {"corpus": ("dense",)}

    def __init__(
        self,
        config: LearnedConfig,
        *,
        corpus: Corpus | None = None,
        embedder: Embedder | None = None,
    ) -> None:
        super().__init__(config)
        self.corpus = corpus
        self.embedder = embedder
        self.folder = Path(config.path)
        self._model: SelectionModel | None = None

    def prepare(self, base: Path) -> Iterable[str]:
        """Remember where the model lies, which need not be trained yet; one source of vectors."""
        try:
            self.folder = relative_to(base, self.config.path)
        except ValueError as error:
            return (f"'path': {error}",)
        given = (self.corpus is not None) + (self.embedder is not None)
        return (PROBLEM,) if given != 1 else ()

    def check_ports(self, names: Mapping[str, Collection[str]]) -> list[str]:
        """What is wrong between the rankings of training and those that are wired.

        Args:
            names: port to the keys that feed it.
        """
        wired = {BASE, *names.get("signals", ())}
        if BASE in names.get("signals", ()):
            return [f"'signals' must not name one '{BASE}': that is the port of the ranking itself"]
        trained = rankings_of(self.folder)
        missing = [name for name in trained if name not in wired]
        if not missing:
            return []
        return [
            f"the selector in '{self.folder}' was trained with the rankings {', '.join(trained)};"
            f" 'signals' lacks {', '.join(missing)}: wire them under these names, or train it anew"
        ]

    def start(self) -> None:
        """Read the model.

        Raises:
            UsageError: if nothing is trained yet, or its rankings are not called as here.
            DataError: if the folder is damaged.
        """
        model = SelectionModel.load(self.folder)
        if model.base != BASE:
            raise UsageError(
                f"the selector in '{self.folder}' was trained to select from a ranking called"
                f" '{model.base}': a pipeline's is called '{BASE}', train it with that name"
            )
        self._model = model

    def parts(self) -> Mapping[str, Any]:
        """The model, since outputs depend on it."""
        return {"model": self.model.digest()}

    @property
    def model(self) -> SelectionModel:
        """What was trained.

        Raises:
            UsageError: if the node was not started.
        """
        if self._model is None:
            raise UsageError(f"{self.name} was not started: it has read no model")
        return self._model

    def run(
        self,
        query: Query,
        ranking: Ranking,
        context: RunContext,
        signals: Mapping[str, Ranking] = NO_SIGNALS,
    ) -> Selection:
        """Select.

        Args:
            query: what the passages are judged for.
            ranking: whose hits are judged.
            context: counts the call for the question's vector.
            signals: other rankings of the question, under the names of training.

        Raises:
            UsageError: if a ranking of training is missing, or vectors do not fit.
        """
        item = {"query": query, "ranking": ranking, "signals": signals}
        return self.run_batch([item], [context])[0]

    def run_batch(
        self, items: Sequence[Mapping[str, Any]], contexts: Sequence[RunContext]
    ) -> list[Selection]:
        """Select for several queries, with their texts embedded together; see ``run``."""
        depth = min(self.model.depth, self.config.depth or self.model.depth)
        heads = [item["ranking"].hits[:depth] for item in items]
        asked = [number for number, head in enumerate(heads) if head]
        if not asked:
            return [self._nothing(item) for item in items]
        vectors = UnitVectors(self.corpus, self.embedder)
        owners = [contexts[number] for number in asked]
        queries = [items[number]["query"] for number in asked]
        rows = vectors.of_queries([one.text for one in queries], owners)
        groups = [[hit.passage for hit in heads[number]] for number in asked]
        found = vectors.of_passages(groups, queries, owners)
        made = {
            number: self._select(items[number], contexts[number], query, passages)
            for number, query, passages in zip(asked, rows, found, strict=True)
        }
        return [
            made[number] if number in made else self._nothing(item)
            for number, item in enumerate(items)
        ]

    def _nothing(self, item: Mapping[str, Any]) -> Selection:
        return chosen(item["query"], item["ranking"], [], lambda place, hit: "")

    def _select(
        self, item: Mapping[str, Any], context: RunContext, query: Floats, passages: Floats
    ) -> Selection:
        context.check()
        config, ranking = self.config, item["ranking"]
        rankings = {**item.get("signals", NO_SIGNALS), BASE: ranking}
        inputs = self.model.inputs(rankings, query, passages)
        probabilities = self.model.judge(inputs)
        result = decoded(
            probabilities,
            (inputs.passages @ inputs.passages.T).astype(np.float64),
            method=config.decode,
            threshold=config.threshold,
            redundancy=config.redundancy,
            empty=config.empty,
            min_k=config.min_k,
            max_k=config.max_k,
        )
        context.note(probability_mass=round(float(probabilities.sum()), 4), size=len(result.places))
        kept = [
            (
                Hit(
                    ranking.hits[place].passage,
                    Score(float(probabilities[place]), ScoreKind.PROBABILITY, self.name),
                ),
                self._reason(result, place, probabilities),
            )
            for place in result.places
        ]
        judged = len(probabilities)

        def dropped(place: int, _: Hit) -> str:
            if place >= judged:
                return f"place {place + 1}, behind the best {judged} that are judged"
            return self._reason(result, place, probabilities)

        return chosen(item["query"], ranking, kept, dropped)

    def _reason(self, result: Decoded, place: int, probabilities: np.ndarray) -> str:
        """The figures that decided about a passage."""
        own = f"probability {figure(round(float(probabilities[place]), 3))}"
        kept = place in result.places
        config = self.config
        if result.bound:
            return f"{own}{result.bound}"
        if config.decode == "expected_f1":
            if not result.places:
                return f"{own}; keeping nothing has the best expected F1, {figure(result.value)}"
            side = "one of" if kept else "not one of"
            return (
                f"{own}, {side} the {len(result.places)} with the best expected F1,"
                f" {figure(result.value)}"
            )
        compared = f"{'at least' if kept else 'below'} {figure(config.threshold)}"
        if config.decode == "threshold":
            return f"{own}, {compared}"
        return f"{own}, adds {figure(round(result.gains[place], 3))}, {compared}"
