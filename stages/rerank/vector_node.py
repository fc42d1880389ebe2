"""What all nodes that compare vectors share: where the vectors come from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from assay.corpora.corpus import Corpus
from assay.models.protocols import Embedder
from assay.pipeline.component import Config, Node
from assay.pipeline.context import Cost
from assay.stages.rerank.unit_vectors import PROBLEM, UnitVectors
from assay.stages.windows.window import Sizes


class VectorNode(Node):
    """Base of nodes that compare vectors of passages.

    They take one of two resources: the corpus that found the passages, whose stored vectors cost
    nothing, or an embedder, which reads every passage again.

    Args:
        config: the node's.
        corpus: holds the vectors of the passages.
        embedder: makes them anew, where there is no corpus.
    """

    needs: Mapping[str, tuple[str, ...]] = {"corpus": ("dense",)}

    def __init__(
        self, config: Config, *, corpus: Corpus | None = None, embedder: Embedder | None = None
    ) -> None:
        super().__init__(config)
        self.corpus = corpus
        self.embedder = embedder

    @property
    def compares_vectors(self) -> bool:
        """Whether this config has vectors compared; else no resource is asked for."""
        return True

    def prepare(self, base: Path) -> Iterable[str]:
        """Whether the vectors have one source."""
        given = (self.corpus is not None) + (self.embedder is not None)
        return (PROBLEM,) if self.compares_vectors and given != 1 else ()

    @property
    def vectors(self) -> UnitVectors:
        """Where vectors come from.

        Raises:
            UsageError: if there is no such place, or two.
        """
        return UnitVectors(self.corpus, self.embedder)

    def vector_cost(self, queries: int, passages: int, sizes: Sizes) -> Cost:
        """What vectors cost, without the prefixes and marks that an embedder adds.

        Args:
            queries: texts that are embedded as questions, in one round.
            passages: whose vectors are needed, in one round where they are embedded.
            sizes: lengths of the texts.
        """
        embedded = 0 if self.embedder is None else passages
        return Cost(
            calls=queries + embedded,
            rounds=min(1, queries) + min(1, embedded),
            tokens_in=queries * sizes.query + embedded * sizes.passage,
        )
