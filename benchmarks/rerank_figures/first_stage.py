"""First-stage rankings of the labelled sets, whole and in their parts, kept on disk."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from assay.corpora.dataset import Dataset
from assay.corpora.local import LocalCorpus
from assay.models.protocols import Embedder
from assay.pipeline.codec import from_json, to_json
from assay.pipeline.context import RunContext
from assay.pipeline.words import Hit, Passage, Query, Ranking, Score, ScoreKind
from assay.stages.retrieve.bm25 import Bm25, Bm25Config
from assay.stages.retrieve.dense import Dense, DenseConfig
from assay.stages.retrieve.hybrid import Hybrid, HybridConfig
from benchmarks.retrieval_quality.tasks import Question, Task, questions_of

DEPTH = 100
"""Length of a first-stage ranking."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """A question and what the first stage found for it.

    Args:
        question: with its grades.
        ranking: at most ``DEPTH`` hits.
    """

    question: Question
    ranking: Ranking


Search = Callable[[LocalCorpus, Sequence[Query]], Sequence[Ranking]]
"""How a corpus is asked."""


def hybrid(fusion: Mapping[str, Any]) -> Search:
    """``retrieve.hybrid@1``.

    Args:
        fusion: its settings beside ``k``.
    """

    def search(corpus: LocalCorpus, queries: Sequence[Query]) -> Sequence[Ranking]:
        node = Hybrid(HybridConfig.model_validate({**fusion, "k": DEPTH}), corpus=corpus)
        node.start()
        return node.run_batch([{"query": one} for one in queries], [RunContext() for _ in queries])

    return search


def lexical(corpus: LocalCorpus, queries: Sequence[Query]) -> Sequence[Ranking]:
    """``retrieve.bm25@1``."""
    node = Bm25(Bm25Config(k=DEPTH), corpus=corpus)
    return [node.run(query=one) for one in queries]


def dense(corpus: LocalCorpus, queries: Sequence[Query]) -> Sequence[Ranking]:
    """``retrieve.dense@1``."""
    node = Dense(DenseConfig(k=DEPTH), corpus=corpus)
    return node.run_batch([{"query": one} for one in queries], [RunContext() for _ in queries])


def retrieved(
    task: Task,
    data: Dataset,
    *,
    embedder: Embedder,
    folder: Path,
    settings: Mapping[str, Any],
    search: Search,
    limit: int,
) -> list[Candidates]:
    """Index a set and ask it.

    Args:
        task: what is asked.
        data: its set.
        embedder: started.
        folder: for the index, which a second run finds there.
        settings: of ``corpora.local@1``, without its path.
        search: how it is asked.
        limit: most questions.
    """
    config = LocalCorpus.Config.model_validate({**settings, "path": str(folder / data.name)})
    corpus = LocalCorpus(config, embedder=embedder)
    corpus.index(data.documents, skipped=data.skipped, progress=lambda stage, done, total: None)
    corpus.start()
    with closing(corpus):
        questions = [_standing(one, corpus) for one in questions_of(task, data, limit)]
        found = search(corpus, [one.query for one in questions])
    return [Candidates(one, own) for one, own in zip(questions, found, strict=True)]


def _standing(question: Question, corpus: LocalCorpus) -> Question:
    """The question with its grades on the passages that stand for duplicates in the corpus."""
    tenant = question.query.scope.tenant
    there = [name for name in question.grades if corpus.holds([name], tenant)]
    grades: dict[str, int] = {}
    for name, passage in zip(there, corpus.get(there, question.query), strict=True):
        grades[passage.id] = max(question.grades[name], grades.get(passage.id, 0))
    return replace(question, grades=grades)


def write(path: Path, found: Sequence[Candidates]) -> None:
    """Keep rankings; passages stand there once."""
    passages = {hit.passage.id: hit.passage for one in found for hit in one.ranking.hits}
    told = {
        "passages": [to_json(one) for one in passages.values()],
        "questions": [
            {
                "query": to_json(one.question.query),
                "grades": dict(one.question.grades),
                "fold": one.question.fold,
                "cluster": one.question.cluster,
                "source": one.ranking.source,
                "hits": [
                    [hit.passage.id, hit.score.value, hit.score.kind.value]
                    for hit in one.ranking.hits
                ],
            }
            for one in found
        ],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    partial.write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
    partial.replace(path)


def read(path: Path) -> list[Candidates]:
    """What ``write`` kept."""
    told = json.loads(path.read_text(encoding="utf-8"))
    passages = {one["id"]: from_json(Passage, one) for one in told["passages"]}
    found = []
    for one in told["questions"]:
        query = from_json(Query, one["query"])
        hits = tuple(
            Hit(passages[name], Score(value, ScoreKind(kind), one["source"]))
            for name, value, kind in one["hits"]
        )
        question = Question(query, one["grades"], one["fold"], one["cluster"])
        found.append(Candidates(question, Ranking(query, hits, one["source"])))
    return found
