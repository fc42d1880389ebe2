"""Questions as the selectors of the benchmark see them, and the folds that they are in."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from assay.evaluation.metrics.selection import union
from assay.models.protocols import Floats
from assay.pipeline.words import Query, Ranking
from assay.training.labelled_rankings import LabelledRankings
from benchmarks.select_figures.rankings import (
    Asked,
    Vectors,
    asked_of,
    load,
    passages_of,
    vectors_of,
)

FOLDS = 5
SEED = "select-folds-0"
FEW = 20
"""With fewer clusters than this, questions are drawn one by one in the bootstrap."""


@dataclass(frozen=True)
class Case:
    """A question with all that a selector may use.

    Args:
        labelled: its rankings and grades.
        asked: what the set says about it.
        vectors: of its set.
        texts: of its set's passages, by id.
        fold: in which it is tested; what is fitted for it saw the other folds only.
        drawn: its unit in the bootstrap.
    """

    labelled: LabelledRankings
    asked: Asked
    vectors: Vectors
    texts: Mapping[str, str]
    fold: int
    drawn: str

    @property
    def query(self) -> Query:
        """The question."""
        return self.labelled.rankings["ranking"].query

    @property
    def ranking(self) -> Ranking:
        """What is selected from."""
        return self.labelled.rankings["ranking"]

    @property
    def ids(self) -> tuple[str, ...]:
        """Of the ranking, best first."""
        return self.ranking.ids

    @property
    def group(self) -> str:
        """Its set."""
        return self.labelled.group

    @cached_property
    def needed(self) -> frozenset[str]:
        """Passages that are needed."""
        return self.labelled.needed

    @cached_property
    def matrix(self) -> Floats:
        """Vectors of the ranking's passages, shape ``(n_passages, dimension)``."""
        rows = [self.vectors.passages[name] for name in self.ids]
        return np.stack(rows) if rows else np.zeros((0, 1), dtype=np.float32)

    @cached_property
    def asked_vector(self) -> Floats:
        """Vector of the question."""
        return self.vectors.queries[self.query.id]

    def scores(self, name: str) -> dict[str, float]:
        """Scores of one ranking by passage."""
        return {hit.passage.id: hit.score.value for hit in self.labelled.rankings[name].hits}

    @cached_property
    def gold(self) -> dict[str, list[tuple[int, int]]]:
        """Evidence inside passages, without overlaps; empty where the set has none."""
        return {
            name: union((start, end) for start, end in spans)
            for name, spans in self.asked.spans.items()
        }


def cases_of(folder: Path, name: str) -> list[Case]:
    """The questions of a set that have all their rankings, with folds."""
    asked = {one.query.id: one for one in asked_of(folder, name)}
    labelled = load(folder, name)
    vectors = vectors_of(folder, name)
    texts = {name: passage.text for name, passage in passages_of(folder, name).items()}
    clusters = {one.cluster or one.rankings["ranking"].query.id for one in labelled}
    folds = folds_of(labelled)
    return [
        Case(
            one,
            asked[one.rankings["ranking"].query.id],
            vectors,
            texts,
            folds[one.cluster],
            one.cluster if len(clusters) >= FEW else one.rankings["ranking"].query.id,
        )
        for one in labelled
    ]


def folds_of(labelled: Sequence[LabelledRankings]) -> Mapping[str, int]:
    """Fold of each cluster: in the order of a hash, each to the fold with the fewest questions."""
    counts: dict[str, int] = {}
    for one in labelled:
        counts[one.cluster] = counts.get(one.cluster, 0) + 1
    sizes = [0] * FOLDS
    found = {}
    for name in sorted(counts, key=_hash):
        fold = sizes.index(min(sizes))
        found[name] = fold
        sizes[fold] += counts[name]
    return found


def _hash(name: str) -> str:
    return hashlib.sha256(f"{SEED}|{name}".encode()).hexdigest()
