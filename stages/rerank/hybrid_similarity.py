"""Rerank by likeness to what stands above: passages that resemble the best ones rise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from pydantic import Field

from assay.corpora.analyzer import Analyzer
from assay.corpora.corpus import Corpus
from assay.corpora.fusion import Scheme, normalised
from assay.models.protocols import Embedder, Floats
from assay.pipeline.component import register
from assay.pipeline.context import Cost, RunContext
from assay.pipeline.words import Hit, Passage, Query, Ranking, ScoreKind
from assay.stages.rerank.pointwise import arranged
from assay.stages.rerank.similarity_matrix import (
    Matrix,
    idf_of,
    lexical_similarities,
    row_features,
    row_shares,
)
from assay.stages.rerank.unit_vectors import cosines, visible
from assay.stages.rerank.vector_rerank import VectorRerank, VectorRerankConfig
from assay.stages.windows.window import Sizes

LEXICAL_TEMPERATURE, DENSE_TEMPERATURE = 100.0, 10.0


class HybridSimilarityConfig(VectorRerankConfig):
    """Settings of ``rerank.hybrid_similarity@1``."""

    anchors: int = Field(
        100, ge=1, le=1000, description="best passages that all others are compared with"
    )
    dense: float = Field(
        0.5,
        ge=0,
        le=1,
        description="weight of likeness by vectors; likeness by words (BM25) has the rest",
    )
    own: float = Field(
        0.5,
        ge=0,
        le=1,
        description="weight of a passage's own first-stage score; likeness has the rest",
    )
    rows: Literal["shares", "features"] = Field(
        "shares",
        description="what a passage's likenesses become: shares of their sum, or HybRank's"
        " features, a softmax stretched to the full range",
    )
    scheme: Scheme = Field(
        "min_max", description="how first-stage scores become weights of the anchors"
    )


@register("rerank.hybrid_similarity@1")
class HybridSimilarityRerank(VectorRerank):
    """Mean of the first-stage scores of a passage's likes, by words and by vectors.

    With y the normalised first-stage scores, S the likeness of passages (rows) to the first
    ``anchors`` (columns) and P its rows brought to shares, the new score is
    ``own y + (1 - own) (dense P_dense y + (1 - dense) P_words y)``: scores are smoothed over like
    passages. With ``rows: features`` P is the mean over anchors of HybRank's features, brought to
    0 to 1 and weighted by ``y / sum(y)``. Likeness by words is BM25 with a passage as the query.

    Source: features of Zhang et al. 2023 (HybRank), whose trained model this is not: it is the
    fallback without training, after the regularised scores (P y) of Diaz 2005. It helps where
    good passages resemble one another, and hurts where a good one stands alone; measure it.

    Only the leading hits with scores of one kind are reranked, for y compares them; those behind
    follow as they came, counted as ``unscored``. What markup hides gives no words.

    Cost: no model calls with a corpus, one embedding a passage with an embedder; with ``dense`` 0
    no model and no vectors. Time grows with depth times anchors.
    """

    Config = HybridSimilarityConfig
    gives = ("fused",)

    def __init__(
        self,
        config: HybridSimilarityConfig,
        *,
        corpus: Corpus | None = None,
        embedder: Embedder | None = None,
    ) -> None:
        super().__init__(config, corpus=corpus, embedder=embedder)
        self._analyzer = Analyzer()

    @property
    def needs(self) -> Mapping[str, tuple[str, ...]]:  # type: ignore[override]
        """Of a corpus what its likenesses are made of."""
        dense, lexical = self.config.dense > 0, self.config.dense < 1
        return {"corpus": ("bm25",) * lexical + ("dense",) * dense}

    @property
    def compares_vectors(self) -> bool:
        """With a weight for them."""
        return float(self.config.dense) > 0

    def run(self, query: Query, ranking: Ranking, context: RunContext) -> Ranking:
        """Rerank; an empty ranking is handed on."""
        return self.run_batch([{"query": query, "ranking": ranking}], [context])[0]

    def run_batch(
        self, items: Sequence[Mapping[str, Any]], contexts: Sequence[RunContext]
    ) -> list[Ranking]:
        """Rerank for several queries; see ``run``.

        Raises:
            UsageError: if a passage is not in the corpus, or its scores do not fit the scheme.
        """
        heads = [item["ranking"].alike[: self.config.depth] for item in items]
        passages = [[hit.passage for hit in head] for head in heads]
        vectors: list[Floats | None] = [None] * len(items)
        if self.compares_vectors:
            queries = [item["query"] for item in items]
            vectors = list(self.vectors.of_passages(passages, queries, contexts))
        outputs = []
        for item, context, head, rows in zip(items, contexts, heads, vectors, strict=True):
            context.check()
            query, ranking = item["query"], item["ranking"]
            context.note(unscored=len(ranking.hits) - len(head))
            values = self._scores(query, head, rows) if head else []
            found = arranged(head, values, ScoreKind.FUSED, self.name)
            outputs.append(Ranking(query, (*found, *ranking.hits[len(head) :]), self.name))
        return outputs

    def estimate(self, n: int, sizes: Sizes) -> Cost:
        """The embeddings of the passages, where they are needed."""
        depth = min(n, self.config.depth) if self.compares_vectors else 0
        return self.vector_cost(0, depth, sizes)

    def _scores(self, query: Query, head: Sequence[Hit], rows: Floats | None) -> list[float]:
        config = self.config
        scores = np.array(normalised(Ranking(query, tuple(head), ""), config.scheme))
        likes = np.zeros(len(head))
        if rows is not None:
            found = cosines(rows, rows[: config.anchors]).astype(np.float64)
            likes += config.dense * self._smoothed(found, scores, DENSE_TEMPERATURE)
        if config.dense < 1:
            found = self._by_words(query, [hit.passage for hit in head])
            likes += (1 - config.dense) * self._smoothed(found, scores, LEXICAL_TEMPERATURE)
        mixed = config.own * scores + (1 - config.own) * likes
        return [float(one) for one in np.clip(mixed, 0.0, 1.0)]

    def _smoothed(self, similarities: Matrix, scores: Matrix, temperature: float) -> Matrix:
        """A score for each row, 0 to 1."""
        own = scores[: similarities.shape[1]]
        if self.config.rows == "shares":
            return smoothed(similarities, own)
        total = float(own.sum())
        weights = own / total if total > 0 else np.full(len(own), 1 / len(own))
        found: Matrix = (row_features(similarities, temperature) + 1) / 2 @ weights
        return found

    def _by_words(self, query: Query, passages: Sequence[Passage]) -> Matrix:
        corpus = self.corpus
        make = self._analyzer.terms if corpus is None else corpus.terms
        terms = [make(visible(one)) for one in passages]
        known = sorted({term for one in terms for term in one})
        if corpus is None:
            counts = dict.fromkeys(known, 0)
            for one in terms:
                for term in set(one):
                    counts[term] += 1
            idf = idf_of(counts, len(passages))
        else:
            statistics = corpus.statistics(known, query)
            idf = idf_of(statistics.counts, statistics.passages)
        return lexical_similarities(terms, terms[: self.config.anchors], idf)


def smoothed(similarities: Matrix, scores: Matrix) -> Matrix:
    """``P y``: the mean of the anchors' scores, weighted by likeness to each row.

    Source: Diaz 2005, "Regularizing ad hoc retrieval scores", CIKM. A row that is like no anchor
    gets 0.

    Args:
        similarities: shape ``(n_rows, n_anchors)``; negative ones count as 0.
        scores: of the anchors, shape ``(n_anchors,)``.

    >>> likes = np.array([[1.0, 0.8, 0.0], [0.8, 1.0, 0.6], [0.0, 0.6, 1.0]])
    >>> smoothed(likes, np.array([1.0, 0.8, 0.0])).round(4).tolist()
    [0.9111, 0.6667, 0.3]
    """
    found: Matrix = row_shares(similarities) @ scores
    return found
