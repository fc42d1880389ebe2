"""Out of domain: are these questions like those that the pipeline was tuned on?"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from assay.corpora.dataset import Dataset, LabelledQuery
from assay.corpora.stop_words import StopWords
from assay.evaluation.statistics.multiplicity import holm
from assay.evaluation.statistics.resampling import Estimate, Resampler, mean
from assay.evaluation.suites.candidate_bm25 import analyzer_for
from assay.evaluation.suites.comparing import counted
from assay.evaluation.suites.domain_verdict import in_words
from assay.evaluation.suites.question_features import Vocabulary, text_features
from assay.evaluation.suites.ranked_passages import kinds_of, scores_of
from assay.evaluation.suites.reference_questions import reference_questions
from assay.evaluation.suites.suite import Findings, Record, Row, Runner, Suite
from assay.evaluation.suites.two_samples import (
    Apart,
    distances_of,
    energy_apart,
    neighbours_alike,
    neighbours_apart,
    permutation_p,
    superiority,
)
from assay.pipeline.errors import UsageError

EMBEDDINGS = "embeddings"
FIRST_SCORE = "score of the first passage"
ABSTAINED = "abstained"


@runtime_checkable
class Embeds(Protocol):
    """A runner that lends the pipeline's embedder."""

    def embed_questions(self, texts: Sequence[str]) -> NDArray[np.float32] | None:
        """Vectors of length 1, shape ``(len(texts), dimension)``; None without an embedder."""
        ...


@dataclass(frozen=True, slots=True)
class _Sides:
    """Asked questions and those of the reference, in this order.

    Args:
        asked: questions of the set.
        reference: of the reference.
    """

    asked: tuple[LabelledQuery, ...]
    reference: tuple[LabelledQuery, ...]

    @property
    def is_asked(self) -> list[bool]:
        """Of each question of both."""
        return [True] * len(self.asked) + [False] * len(self.reference)

    @property
    def clusters(self) -> list[str]:
        """Of each question of both; no cluster spans both."""
        return [f"asked {_cluster(one)}" for one in self.asked] + [
            f"reference {_cluster(one)}" for one in self.reference
        ]


class OutOfDomainSuite(BaseModel, Suite):
    """Compares the questions with a reference set, one feature a row.

    Each row has the mean on either side and ``effect``, Cliff's delta: how much more often a
    question asked has the larger value than the smaller one, from -1 to 1. ``p`` is of the
    null hypothesis that the two sets are drawn alike, by permutation of the energy statistic,
    which sees differences in spread too, adjusted by Holm over all rows.

    In the row of embeddings each question is classified by its nearest neighbours among all
    others: the means are the share of neighbours that are asked, and the effect says how well
    the two sets can be told apart. Its p is of the share of neighbours from the own set.

    Where both sets have the same passages the pipeline answers over its own corpus, else each
    set over its own passages, indexed aside.

    Source: nearest neighbours (Schilling 1986; Lopez-Paz and Oquab 2017, "Revisiting
    classifier two-sample tests"), energy (Székely and Rizzo 2013).
    Cost: the pipeline's cost for each question of both sets, unless ``ask`` is false; up to
    two corpora are indexed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: ClassVar[str] = "Whether the questions are like those of a reference set"

    reference: str = Field(
        default="", description="folder of the labelled set on which the pipeline was tuned"
    )
    certificate: str = Field(
        default="", description="a certificate: only the reference's questions in its ledger count"
    )
    ask: bool = Field(default=True, description="also compare what the pipeline makes of them")
    neighbours: PositiveInt = Field(default=10, description="neighbours of an embedding")
    permutations: int = Field(default=999, ge=99, description="random splits behind each p")
    most: int = Field(default=500, ge=10, le=5000, description="questions of each set, at most")
    language: StopWords = Field(default="english", description="of stemmer and stop words")

    def measure(self, dataset: Dataset, runner: Runner, *, seed: int) -> Findings:
        """See ``Suite.measure``."""
        notes: list[str] = []
        other = reference_questions(dataset, self.reference, self.certificate, notes)
        sides = _Sides(
            _sampled(dataset.queries, self.most, seed, "asked", notes),
            _sampled(other.queries, self.most, seed, "reference", notes),
        )
        if min(len(set(one)) for one in _halves(sides)) < 2:
            raise UsageError(
                "two questions or clusters on either side are the least that can be compared;"
                f" found {len(sides.asked)} asked, {len(sides.reference)} of the reference"
            )
        features = self._features(dataset, other, sides, runner, notes)
        vectors = self._vectors(sides, runner, notes)
        rows, p_values = [], []
        for number, (name, values) in enumerate(features.items()):
            row, p_value = self._by_value(name, values, sides, seed, number)
            rows.append(row)
            p_values.append(p_value)
        per_query: dict[str, Sequence[float | None]] = dict(features)
        if vectors is not None:
            shares = neighbours_alike(vectors, sides.is_asked, sides.clusters, self.neighbours)
            apart = neighbours_apart(vectors, sides.clusters, self.neighbours)
            row, p_value = self._row(EMBEDDINGS, list(shares), apart, sides, seed, len(rows))
            rows.insert(0, row)
            p_values.insert(0, p_value)
            per_query = {"neighbours asked": list(shares), **per_query}
        adjusted = holm(p_values)
        rows = [
            replace(row, values={**row.values, "p": Estimate(p, None)})
            for row, p in zip(rows, adjusted, strict=True)
        ]
        verdict = in_words(rows, len(sides.asked), len(sides.reference))
        return Findings(
            "out_of_domain", self.title, rows, [*verdict, *notes], _described(sides, per_query)
        )

    # -- the two sets -----------------------------------------------------------

    def _features(
        self,
        dataset: Dataset,
        other: Dataset,
        sides: _Sides,
        runner: Runner,
        notes: list[str],
    ) -> dict[str, list[float | None]]:
        analyzer = analyzer_for(self.language)
        known = Vocabulary(sides.reference, other, analyzer)
        first = text_features(sides.asked, dataset, analyzer, known, own=False)
        second = text_features(sides.reference, other, analyzer, known, own=True)
        found = {name: [*first[name], *second[name]] for name in first}
        return found | self._outcomes(dataset, other, sides, runner, notes) if self.ask else found

    def _outcomes(
        self,
        dataset: Dataset,
        other: Dataset,
        sides: _Sides,
        runner: Runner,
        notes: list[str],
    ) -> dict[str, list[float | None]]:
        """What the pipeline makes of the questions of both sets."""
        held = {one.digest for one in dataset.documents}
        same = all(one.digest in held for one in other.documents)
        if not same:
            notes.append("The sets have other passages: each is asked over its own.")
        records: list[Record] = [
            *runner.run(
                sides.asked,
                label="domain asked",
                documents=None if same else dataset.documents,
            ),
            *runner.run(
                sides.reference,
                label="domain reference",
                documents=None if same else other.documents,
            ),
        ]
        failed = sum(one["outcome"] == "failed" for one in records)
        if failed:
            notes.append(f"{counted(failed, 'question')} failed, and have no values of a run.")
        found: dict[str, list[float | None]] = {
            ABSTAINED: [
                None if one["outcome"] == "failed" else float(one["outcome"] == "abstained")
                for one in records
            ]
        }
        node = runner.plan.ranking
        kinds = {kind for one in records for kind in kinds_of(one, node or "")[:1]}
        if node is None or kinds == {"order"}:
            notes.append("No score of the first passage: the pipeline's ranking has none.")
            return found
        if len(kinds) > 1:
            notes.append(
                f"Scores of first passages are of several kinds ({', '.join(sorted(kinds))}): not"
                " compared."
            )
            return found
        first = [next(iter(scores_of(one, node).values()), None) for one in records]
        return {FIRST_SCORE: first, **found}

    def _vectors(
        self, sides: _Sides, runner: Runner, notes: list[str]
    ) -> NDArray[np.float64] | None:
        found = (
            runner.embed_questions([one.text for one in (*sides.asked, *sides.reference)])
            if isinstance(runner, Embeds)
            else None
        )
        if found is None:
            notes.append("Embeddings were not compared: the pipeline lends no embedder.")
            return None
        vectors = np.asarray(found, dtype=float)
        lengths = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        scaled: NDArray[np.float64] = vectors / lengths
        return scaled

    # -- rows -------------------------------------------------------------------

    def _by_value(
        self,
        name: str,
        values: Sequence[float | None],
        sides: _Sides,
        seed: int,
        number: int,
    ) -> tuple[Row, float | None]:
        known = np.array([one for one in values if one is not None], dtype=float)
        apart = energy_apart(distances_of(known[:, None])) if len(known) else None
        return self._row(name, values, apart, sides, seed, number)

    def _row(
        self,
        name: str,
        values: Sequence[float | None],
        apart: Apart | None,
        sides: _Sides,
        seed: int,
        number: int,
    ) -> tuple[Row, float | None]:
        """A row, and its p; None where one side has no values."""
        marks, clusters = sides.is_asked, sides.clusters
        resampler = Resampler(clusters, seed=seed)
        pairs = list(zip(values, marks, strict=True))
        figures = {
            "asked": resampler.estimate(mean([one if mark else None for one, mark in pairs])),
            "reference": resampler.estimate(mean([None if mark else one for one, mark in pairs])),
            "effect": resampler.estimate(superiority(values, marks)),
        }
        places = [place for place, one in enumerate(values) if one is not None]
        row = Row(name, len(places), figures)
        known = [marks[place] for place in places]
        if apart is None or all(known) or not any(known):
            return row, None
        p_value = permutation_p(
            apart,
            [clusters[place] for place in places],
            known,
            permutations=self.permutations,
            generator=np.random.default_rng([seed, number]),
        )
        return row, p_value


def _sampled(
    queries: Sequence[LabelledQuery], most: int, seed: int, side: str, notes: list[str]
) -> tuple[LabelledQuery, ...]:
    if len(queries) <= most:
        return tuple(queries)
    chosen = sorted(random.Random(f"{seed}|{side}").sample(range(len(queries)), most))
    notes.append(f"{side}: {most} of {len(queries)} questions, drawn by seed {seed}.")
    return tuple(queries[place] for place in chosen)


def _halves(sides: _Sides) -> tuple[list[str], list[str]]:
    return sides.clusters[: len(sides.asked)], sides.clusters[len(sides.asked) :]


def _cluster(query: LabelledQuery) -> str:
    cluster = query.meta.get("cluster")
    return f"q:{query.id}" if cluster is None else f"c:{cluster}"


def _described(sides: _Sides, values: Mapping[str, Sequence[float | None]]) -> list[dict[str, Any]]:
    """The questions asked, those that are least like the reference first where that is known."""
    rows = [
        {"query_id": one.id, "row": "asked", "text": one.text}
        | {name: found[place] for name, found in values.items()}
        for place, one in enumerate(sides.asked)
    ]
    return sorted(rows, key=lambda one: -float(one.get("neighbours asked") or 0.0))
