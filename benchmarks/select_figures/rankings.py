"""Rankings of the seven sets on disk: written once, read by everything that selects or learns.

Below a folder, for each set: ``SET.jsonl`` (a question a line: query, grades, cluster, answers,
hits by ranking as ``[passage id, score]``), ``SET.passages.jsonl`` (a passage a line), ``SET.npz``
(``passages`` and ``queries``: vectors of length 1 in the order of these files) and
``SET.judge.jsonl`` (the cross-encoder's logits, a question a line, appended as they are made).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from assay.models.protocols import Floats
from assay.pipeline.codec import from_json, to_json
from assay.pipeline.words import Hit, Passage, Query, Ranking, Score, ScoreKind
from assay.stages.windows.passage_text import read as text_of
from assay.training.labelled_rankings import LabelledRankings

KINDS: Mapping[str, ScoreKind] = {
    "bm25": ScoreKind.BM25,
    "dense": ScoreKind.COSINE,
    "hybrid": ScoreKind.FUSED,
    "judge": ScoreKind.LOGIT,
}
"""Kind of score by ranking."""

SOURCES: Mapping[str, str] = {
    "bm25": "retrieve.bm25@1",
    "dense": "retrieve.dense@1",
    "hybrid": "retrieve.hybrid@1",
    "judge": "rerank.cross_encoder@1",
}
SELECTED_FROM = "judge"
"""The ranking that everything selects from: the reranked one, as in the own-documents pipeline."""

Found = Mapping[str, Sequence[tuple[str, float]]]
"""Ranking name to passage ids with scores."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of a set as it is kept.

    Args:
        query: what was asked.
        grades: passage id to grade.
        cluster: document or pool that it is about.
        answers: any one is right; empty where nothing is.
        meta: the set's own, such as a decomposition.
        spans: passage id to gold intervals in its text.
        found: by ranking.
    """

    query: Query
    grades: Mapping[str, int]
    cluster: str
    answers: Sequence[str]
    meta: Mapping[str, Any]
    spans: Mapping[str, Sequence[tuple[int, int]]]
    found: Found


class Vectors:
    """Vectors of length 1 of a set's passages and questions.

    Args:
        passages: by passage id.
        queries: by question id.
        texts: by text as embedded, both together.
    """

    def __init__(
        self, passages: Mapping[str, Floats], queries: Mapping[str, Floats], texts: Any
    ) -> None:
        self.passages = passages
        self.queries = queries
        self.texts: Mapping[str, Floats] = texts

    def __call__(self, texts: Sequence[str]) -> Floats:
        """Vectors of texts of the set: of passages, with or without title, and of questions."""
        return np.stack([self.texts[one] for one in texts])


def write(
    folder: Path, name: str, asked: Sequence[Asked], passages: Sequence[Passage], vectors: Vectors
) -> None:
    """Keep a set; what was there is replaced when all is written."""
    folder.mkdir(parents=True, exist_ok=True)
    dimension = len(next(iter(vectors.queries.values())))
    with (folder / f"{name}.npz.part").open("wb") as file:
        np.savez(
            file,
            passages=_matrix([vectors.passages[one.id] for one in passages], dimension),
            queries=_matrix([vectors.queries[one.query.id] for one in asked], dimension),
        )
    lines = (
        {
            "query": to_json(one.query),
            "grades": dict(one.grades),
            "cluster": one.cluster,
            "answers": list(one.answers),
            "meta": dict(one.meta),
            "spans": {key: [list(span) for span in own] for key, own in one.spans.items()},
            "found": {key: [list(hit) for hit in hits] for key, hits in one.found.items()},
        }
        for one in asked
    )
    _write_lines(folder / f"{name}.passages.jsonl.part", map(to_json, passages))
    _write_lines(folder / f"{name}.jsonl.part", lines)
    for ending in ("npz", "passages.jsonl", "jsonl"):
        (folder / f"{name}.{ending}.part").replace(folder / f"{name}.{ending}")


def sets_of(folder: Path) -> list[str]:
    """Names of the sets that are there."""
    return sorted(one.name.removesuffix(".npz") for one in folder.glob("*.npz"))


def asked_of(folder: Path, name: str) -> list[Asked]:
    """The questions of a set, in order."""
    asked = []
    for one in _lines(folder / f"{name}.jsonl"):
        one["query"] = from_json(Query, one["query"])
        asked.append(Asked(**one))
    return asked


def passages_of(folder: Path, name: str) -> dict[str, Passage]:
    """The passages that some ranking of a set holds, by id, in order."""
    found = (from_json(Passage, one) for one in _lines(folder / f"{name}.passages.jsonl"))
    return {one.id: one for one in found}


def vectors_of(folder: Path, name: str) -> Vectors:
    """The vectors of a set's passages and questions."""
    with np.load(folder / f"{name}.npz", allow_pickle=False) as kept:
        passages, queries = kept["passages"], kept["queries"]
    texts: dict[str, Floats] = {}
    known = passages_of(folder, name)
    asked = asked_of(folder, name)
    for one, row in zip(known.values(), passages, strict=True):
        texts[one.text] = texts[text_of(one)] = row
    texts.update((one.query.text, row) for one, row in zip(asked, queries, strict=True))
    return Vectors(
        dict(zip(known, passages, strict=True)),
        dict(zip((one.query.id for one in asked), queries, strict=True)),
        texts,
    )


def logits_of(folder: Path, name: str) -> dict[str, dict[str, float]]:
    """The cross-encoder's logits by question and passage; a last line that was cut off is left."""
    path = folder / f"{name}.judge.jsonl"
    found: dict[str, dict[str, float]] = {}
    if path.exists():
        for line in path.read_text(encoding="utf-8").split("\n"):
            try:
                one = json.loads(line)
            except ValueError:
                continue
            found.setdefault(one["question"], {}).update(one["logits"])
    return found


def load(folder: Path, name: str, *, without_judge: bool = False) -> list[LabelledRankings]:
    """The questions of a set with their rankings, those without a passage needed included.

    The rankings are ``bm25``, ``dense``, ``hybrid`` and ``judge``, and ``ranking``, which
    everything selects from: the one that ``SELECTED_FROM`` names.

    Args:
        folder: see the module.
        name: of the set.
        without_judge: take also the questions that have no logits yet; these have no ``judge``,
            and ``ranking`` is ``hybrid``.

    Returns:
        In order; ``group`` is the set, ``cluster`` the document or pool.
    """
    passages = passages_of(folder, name)
    logits = logits_of(folder, name)
    labelled = []
    for one in asked_of(folder, name):
        found = {key: [(hit, score) for hit, score in hits] for key, hits in one.found.items()}
        own = logits.get(one.query.id)
        if own:
            found["judge"] = sorted(own.items(), key=lambda pair: -pair[1])
        elif not without_judge:
            continue
        rankings = {
            key: Ranking(
                one.query,
                tuple(
                    Hit(passages[hit], Score(score, KINDS[key], SOURCES[key]))
                    for hit, score in hits
                ),
                SOURCES[key],
            )
            for key, hits in found.items()
        }
        rankings["ranking"] = rankings.get(SELECTED_FROM, rankings["hybrid"])
        labelled.append(LabelledRankings(rankings, one.grades, name, one.cluster))
    return labelled


def _matrix(rows: Sequence[Floats], dimension: int) -> Floats:
    return np.stack(rows) if rows else np.zeros((0, dimension), dtype=np.float32)


def _write_lines(path: Path, lines: Any) -> None:
    with path.open("w", encoding="utf-8") as file:
        for one in lines:
            file.write(json.dumps(one, ensure_ascii=False) + "\n")


def _lines(path: Path) -> list[dict[str, Any]]:
    # Not splitlines: a text may hold separators that it takes for a line's end.
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
