"""A trained model over the passages of one question, as a part of a node."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from assay.corpora.corpus import Corpus
from assay.models.protocols import Embedder
from assay.pipeline.component import Config, relative_to
from assay.pipeline.context import Cost, RunContext
from assay.pipeline.errors import UsageError
from assay.pipeline.words import Ranking
from assay.stages.rerank.vector_node import VectorNode
from assay.stages.select.selection_model import SelectionModel, rankings_of
from assay.stages.windows.window import Sizes

BASE = "ranking"
"""What the port's ranking is called when a model is trained."""

NO_SIGNALS: Mapping[str, Ranking] = MappingProxyType({})


class LearnedJudgeConfig(Config):
    """Settings of every node that has a trained model judge passages."""

    path: str = Field(
        min_length=1,
        description="folder that 'assay train select' writes, relative to the pipeline file",
    )
    depth: int | None = Field(
        None,
        ge=1,
        le=1000,
        description="best hits that are judged; none for as many as in training, which is the most",
    )


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the model says of the best n hits of one ranking.

    Args:
        probabilities: that each is needed, shape ``(n,)``.
        likeness: cosines of the passages, shape ``(n, n)``.
    """

    probabilities: NDArray[np.float64]
    likeness: NDArray[np.float64]


class LearnedJudge(VectorNode):
    """Base of nodes that have a trained model judge the passages of a question together.

    ``assay train select`` trains the model for the rankings that are wired. It need not be there
    before the node starts.

    Args:
        config: at least the fields of ``LearnedJudgeConfig``.
        corpus: holds the vectors of the passages; or
        embedder: makes them anew.
    """

    gives = ("probability",)

    def __init__(
        self,
        config: LearnedJudgeConfig,
        *,
        corpus: Corpus | None = None,
        embedder: Embedder | None = None,
    ) -> None:
        super().__init__(config, corpus=corpus, embedder=embedder)
        self.folder = Path(config.path)
        self._model: SelectionModel | None = None

    def prepare(self, base: Path) -> Iterable[str]:
        """Remember where the model lies, which need not be trained yet; one source of vectors."""
        try:
            self.folder = relative_to(base, self.config.path)
        except ValueError as error:
            return (f"'path': {error}",)
        return super().prepare(base)

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

    def judged(
        self, items: Sequence[Mapping[str, Any]], contexts: Sequence[RunContext]
    ) -> list[Judgement | None]:
        """What the model says for several queries, their texts embedded together.

        Args:
            items: with ``query``, ``ranking``, and ``signals`` where there are any.
            contexts: count the call for each question's vector.

        Returns:
            None for an empty ranking.

        Raises:
            UsageError: if a ranking of training is missing, or vectors do not fit.
        """
        depth = min(self.model.depth, self.config.depth or self.model.depth)
        heads = [item["ranking"].hits[:depth] for item in items]
        asked = [number for number, head in enumerate(heads) if head]
        found: list[Judgement | None] = [None] * len(items)
        if not asked:
            return found
        owners = [contexts[number] for number in asked]
        queries = [items[number]["query"] for number in asked]
        rows = self.vectors.of_queries([one.text for one in queries], owners)
        groups = [[hit.passage for hit in heads[number]] for number in asked]
        stored = self.vectors.of_passages(groups, queries, owners)
        for number, row, passages in zip(asked, rows, stored, strict=True):
            contexts[number].check()
            item = items[number]
            rankings = {**item.get("signals", NO_SIGNALS), BASE: item["ranking"]}
            inputs = self.model.inputs(rankings, row, passages)
            found[number] = Judgement(
                self.model.judge(inputs),
                (inputs.passages @ inputs.passages.T).astype(np.float64),
            )
        return found

    def estimate(self, n: int, sizes: Sizes) -> Cost:
        """The vectors; the model itself costs no call."""
        return self.vector_cost(min(1, n), min(n, self.config.depth or n), sizes)
