"""Where the benchmark's rankings come from: the product's corpus, and bare libraries beside it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from assay.corpora.dataset import Dataset
from assay.corpora.fusion import reciprocal_rank_fusion
from assay.corpora.local import LocalCorpus
from assay.models.protocols import Embedder, Floats
from assay.pipeline.context import RunContext
from assay.pipeline.words import Hit, Ranking, Score, ScoreKind
from assay.stages.retrieve.bm25 import Bm25, Bm25Config
from assay.stages.retrieve.dense import Dense, DenseConfig
from assay.stages.retrieve.prf import Prf, PrfConfig
from benchmarks.retrieval_quality.tasks import Question

DEPTH = 100
"""Length of each ranking that is fused."""

FEEDBACK = (1, 0.5)
"""Best passages that feedback is taken from, and their weight; chosen on the dev folds."""

Fusion = Callable[[Mapping[str, Ranking]], Ranking]

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Found:
    """What was retrieved for a question.

    Args:
        question: with the grades of the passages that stand for its relevant ones.
        rankings: ``bm25`` and ``dense``, by the product.
        feedback: a second dense search that the fused ranking of these two has moved; None where
            none was asked for.
        reference: ``bm25``, ``dense`` and ``hybrid``, by bare libraries.
    """

    question: Question
    rankings: Mapping[str, Ranking]
    feedback: Ranking | None
    reference: Mapping[str, Ranking] = field(default_factory=dict)


def retrieve(
    data: Dataset,
    questions: Sequence[Question],
    *,
    embedder: Embedder,
    folder: Path,
    settings: Mapping[str, Any],
    fuse: Fusion,
    feedback: tuple[int, float] | None = FEEDBACK,
    with_reference: bool = False,
) -> list[Found]:
    """Index a set and ask it.

    Args:
        data: its documents are passages already and are not cut.
        questions: what is asked.
        embedder: started.
        folder: for the index; a second run with the same settings finds it there, and with other
            settings the embeddings.
        settings: of ``corpora.local@1``, without its path.
        fuse: makes the ranking that feedback is taken from.
        feedback: how many of its best passages, and their weight; None for no second search.
        with_reference: whether bare libraries answer too.
    """
    config = LocalCorpus.Config.model_validate({**settings, "path": str(folder / data.name)})
    corpus = LocalCorpus(config, embedder=embedder)
    corpus.index(data.documents, skipped=data.skipped, progress=lambda stage, done, total: None)
    corpus.start()
    with closing(corpus):
        questions = [_standing(one, corpus) for one in questions]
        asked = [{"query": one.query} for one in questions]
        dense = Dense(DenseConfig(k=DEPTH), corpus=corpus).run_batch(
            asked, [RunContext() for _ in asked]
        )
        bm25 = Bm25(Bm25Config(k=DEPTH), corpus=corpus)
        rankings = [
            {"bm25": bm25.run(one.query), "dense": near}
            for one, near in zip(questions, dense, strict=True)
        ]
        moved: Sequence[Ranking | None] = [None] * len(questions)
        if feedback is not None:
            prf = PrfConfig(mode="dense", k=DEPTH, top=feedback[0], beta=feedback[1])
            first = [
                {"query": one.query, "ranking": fuse(own)}
                for one, own in zip(questions, rankings, strict=True)
            ]
            moved = Prf(prf, corpus=corpus).run_batch(first, [RunContext() for _ in first])
        reference = Reference(data, corpus, questions) if with_reference else None
        return [
            Found(one, own, again, {} if reference is None else reference.rankings(one))
            for one, own, again in zip(questions, rankings, moved, strict=True)
        ]


def _standing(question: Question, corpus: LocalCorpus) -> Question:
    """The question with its grades on the passages that stand for duplicates."""
    there = [name for name in question.grades if corpus.holds([name], question.query.scope.tenant)]
    grades: dict[str, int] = {}
    for name, passage in zip(there, corpus.get(there, question.query), strict=True):
        grades[passage.id] = max(question.grades[name], grades.get(passage.id, 0))
    return Question(question.query, grades, question.fold, question.cluster)


class Remembering(Embedder):
    """An embedder that embeds each question once, however often it is asked.

    Args:
        inner: does the work; started by whoever made it.
    """

    def __init__(self, inner: Embedder) -> None:
        super().__init__(inner.config)
        self._inner = inner
        self._known: dict[str, Floats] = {}

    @property
    def name(self) -> str:  # type: ignore[override]
        """The inner one's."""
        return self._inner.name

    @property
    def dimension(self) -> int:
        """See ``Embedder``."""
        return self._inner.dimension

    @property
    def similarity(self) -> Literal["cosine", "dot"]:
        """See ``Embedder``."""
        return self._inner.similarity

    def fingerprint(self) -> str:
        """The inner one's: the vectors are its."""
        return self._inner.fingerprint()

    def embed_queries(self, texts: Sequence[str], contexts: Sequence[RunContext]) -> Floats:
        """See ``Embedder``."""
        owners: dict[str, RunContext] = {}
        for text, context in zip(texts, contexts, strict=True):
            if text not in self._known:
                owners.setdefault(text, context)
        if owners:
            found = self._inner.embed_queries(list(owners), list(owners.values()))
            self._known.update(zip(owners, found, strict=True))
        rows = [self._known[text] for text in texts]
        return np.stack(rows) if rows else np.zeros((0, self.dimension), dtype=np.float32)

    def embed_passages(self, texts: Sequence[str], contexts: Sequence[RunContext]) -> Floats:
        """See ``Embedder``."""
        return self._inner.embed_passages(texts, contexts)


class Reference:
    """What a hundred lines would do: BM25 by bm25s, cosine by numpy, both by RRF.

    Words are runs of letters and digits, lower case, without stemming or stop words, of title and
    text; k1 0.9, b 0.4; rank fusion with k = 60 over 100 passages of each. Passages and vectors
    are those of the product's index; duplicates stand for one another as there.

    Args:
        data: the set.
        corpus: started.
        questions: all that will be asked.
    """

    def __init__(self, data: Dataset, corpus: LocalCorpus, questions: Sequence[Question]) -> None:
        import bm25s

        anywhere = replace(questions[0].query, filters={})
        self._documents = data.documents
        self._standing = list(corpus.get([one.id for one in data.documents], anywhere))
        self._vectors: Floats = corpus.vectors(self._standing, anywhere)
        self._engine = bm25s.BM25(k1=0.9, b=0.4, method="lucene", backend="numpy")
        texts = [_words(f"{one.title}\n{one.text}") for one in data.documents]
        self._engine.index(texts, show_progress=False)
        contexts = [RunContext() for _ in questions]
        asked = corpus.embed([one.query.text for one in questions], contexts)
        self._asked = {one.query.id: own for one, own in zip(questions, asked, strict=True)}

    def rankings(self, question: Question) -> Mapping[str, Ranking]:
        """BM25, dense, and both fused."""
        terms = [one for one in _words(question.query.text) if one in self._engine.vocab_dict]
        words = np.zeros(len(self._documents), dtype=np.float32)
        if terms:
            words += self._engine.get_scores(terms)
        near = self._vectors @ self._asked[question.query.id]
        parts = {
            "bm25": self._best(question, words, ScoreKind.BM25, above=0.0),
            "dense": self._best(question, near, ScoreKind.COSINE, above=-2.0),
        }
        hybrid = reciprocal_rank_fusion(question.query, parts, k=60, source="reference")
        return {**parts, "hybrid": hybrid}

    def _best(
        self, question: Question, scores: Floats, kind: ScoreKind, *, above: float
    ) -> Ranking:
        filters = question.query.filters.items()
        hits: dict[str, Hit] = {}
        for place in np.argsort(-scores, kind="stable").tolist():
            if len(hits) == DEPTH or scores[place] <= above:
                break
            metadata = self._documents[place].metadata
            if all(metadata.get(key) == value for key, value in filters):
                passage = self._standing[place]
                score = Score(float(scores[place]), kind, "reference")
                hits.setdefault(passage.id, Hit(passage, score))
        return Ranking(question.query, tuple(hits.values()), "reference")


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())
