"""Rerank by likeness to passages that somebody, or an earlier stage, found good or bad."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from assay.models.protocols import Floats
from assay.pipeline.component import register
from assay.pipeline.context import Cost, RunContext
from assay.pipeline.errors import UsageError
from assay.pipeline.readable import require_readable
from assay.pipeline.words import Hit, Passage, Query, Ranking, ScoreKind, Selection
from assay.stages.rerank.pointwise import arranged
from assay.stages.rerank.unit_vectors import cosines, hides
from assay.stages.rerank.vector_rerank import VectorRerank, VectorRerankConfig
from assay.stages.windows.window import Sizes

Cosines = NDArray[np.floating]
Pool = Literal["mean", "sum", "max"]


class FeedbackConfig(VectorRerankConfig):
    """Settings of ``rerank.feedback@1``."""

    relevant: tuple[str, ...] = Field(
        (), strict=False, description="ids of passages that a person marked as good"
    )
    not_relevant: tuple[str, ...] = Field(
        (), strict=False, description="ids of passages that a person marked as bad"
    )
    learn_from_dropped: bool = Field(
        False, description="take what the selection at 'accepted' dropped as bad"
    )
    query_weight: float = Field(1.0, ge=0, le=100, description="weight of the question")
    relevant_weight: float = Field(1.0, ge=0, le=100, description="weight of the good passages")
    not_relevant_weight: float = Field(0.0, ge=0, le=100, description="weight of the bad passages")
    pool: Pool = Field(
        "mean", description="what likeness to several passages is: its mean, sum or largest"
    )

    @model_validator(mode="after")
    def _weighs(self) -> FeedbackConfig:
        if self.query_weight == 0 and self.relevant_weight == 0:
            raise ValueError("expected 'query_weight' or 'relevant_weight' above 0")
        if self.not_relevant_weight == 0 and (self.not_relevant or self.learn_from_dropped):
            raise ValueError(
                "bad passages are named, but 'not_relevant_weight' is 0: nothing is learned of them"
            )
        if both := sorted(set(self.relevant) & set(self.not_relevant)):
            raise ValueError(f"marked as good and as bad: {', '.join(both[:5])}")
        return self


@dataclass(frozen=True, slots=True)
class _Marked:
    """What is learned from, and the ranked passages, of one query."""

    head: tuple[Passage, ...]
    good: tuple[Passage, ...]
    bad: tuple[Passage, ...]

    @property
    def all(self) -> tuple[Passage, ...]:
        """Each passage once, the ranked ones first."""
        return tuple({one.id: one for one in (*self.head, *self.good, *self.bad)}.values())


@register("rerank.feedback@1")
class FeedbackRerank(VectorRerank):
    """Order by likeness to the question and to marked passages, with no further training.

    ``s(d) = (w_q cos(q, d) + w_r P_r - w_n P_n) / W``, where P is the mean (or sum, or largest) of
    the cosines with the good and the bad passages, and W the sum of the weights that are in use, so
    that scores lie within -1 and 1. Without marks it is the ranking by cosine. The best good
    passage need not come first: with ``query_weight`` 0 and one good passage it does. Source:
    Baumgaertner et al. 2022 (few-shot reranking by relevance feedback), the kNN variant: there the
    sum, which drifts from the question as marks grow; here the mean by default.

    Marks come from the config (for a person who clicks: ``with_config`` for each question), and
    from a ``Selection`` at the port ``accepted``, such as what ``verify.combine`` kept: then the
    node learns from what was accepted. A passage that is marked need not be in the ranking where a
    corpus is given. One whose markup hides something is not learned from; how many are stands in
    the run record as ``hidden``. For a fair figure leave the marked passages out of it.

    Cost: with a corpus one embedding, the question's; with an embedder one more for each passage.
    """

    Config = FeedbackConfig
    gives = ("cosine",)

    def run(
        self,
        query: Query,
        ranking: Ranking,
        context: RunContext,
        accepted: Selection | None = None,
    ) -> Ranking:
        """Rerank the best ``depth`` hits; the others follow with the scores that they had."""
        item = {"query": query, "ranking": ranking, "accepted": accepted}
        return self.run_batch([item], [context])[0]

    def run_batch(
        self, items: Sequence[Mapping[str, Any]], contexts: Sequence[RunContext]
    ) -> list[Ranking]:
        """Rerank for several queries, embedded together; see ``run``.

        Raises:
            ScopeError: if the selection holds a passage that the query may not read.
            UsageError: if a marked passage is not known.
        """
        heads = self.heads(items)
        busy = [number for number, head in enumerate(heads) if head]
        queries = [items[number]["query"] for number in busy]
        owners = [contexts[number] for number in busy]
        marked = [self._marked(items[number], heads[number], contexts[number]) for number in busy]
        found: dict[int, list[Hit]] = {}
        if busy:
            asked = self.vectors.of_queries([one.text for one in queries], owners)
            stored = self.vectors.of_passages([one.all for one in marked], queries, owners)
            for number, one, vector, rows in zip(busy, marked, asked, stored, strict=True):
                values = [float(value) for value in self._scores(one, vector, rows)]
                found[number] = arranged(heads[number], values, ScoreKind.COSINE, self.name)
        return self.with_tails(items, found)

    def estimate(self, n: int, sizes: Sizes) -> Cost:
        """For marks that are among the ranked passages; an embedder's own marks do not count."""
        depth = min(n, self.config.depth)
        return self.vector_cost(min(1, depth), depth, sizes)

    def _marked(self, item: Mapping[str, Any], head: Sequence[Hit], context: RunContext) -> _Marked:
        query: Query = item["query"]
        known = {hit.passage.id: hit.passage for hit in item["ranking"].hits}
        accepted: Selection | None = item.get("accepted")
        good = self._named(self.config.relevant, known, query)
        bad = self._named(self.config.not_relevant, known, query)
        if accepted is not None:
            require_readable(accepted, query.scope, "the selection at 'accepted'")
            marked = {one.id for one in (*good, *bad)}  # a person's word goes first
            good += [hit.passage for hit in accepted.kept if hit.passage.id not in marked]
            if self.config.learn_from_dropped:
                marked |= {one.id for one in good}
                dropped = (one.hit.passage for one in accepted.dropped)
                bad += [one for one in dropped if one.id not in marked]
        shown = [[one for one in part if not hides(one)] for part in (good, bad)]
        context.note(
            relevant=len(shown[0]),
            not_relevant=len(shown[1]),
            hidden=len(good) + len(bad) - len(shown[0]) - len(shown[1]),
        )
        return _Marked(tuple(hit.passage for hit in head), tuple(shown[0]), tuple(shown[1]))

    def _named(
        self, ids: Sequence[str], known: Mapping[str, Passage], query: Query
    ) -> list[Passage]:
        """Passages by id, from the ranking or else from the corpus."""
        wanted = list(dict.fromkeys(ids))
        strange = [one for one in wanted if one not in known]
        if strange and self.corpus is None:
            raise UsageError(
                f"{self.name}: the marked passage '{strange[0]}' is not in the ranking: rerank more"
                " passages, or give the node a corpus, which knows all of them"
            )
        fetched = self.corpus.get(strange, query) if strange and self.corpus is not None else ()
        more = dict(zip(strange, fetched, strict=True))
        return [known[one] if one in known else more[one] for one in wanted]

    def _scores(self, marked: _Marked, asked: Floats, rows: Floats) -> Cosines:
        config = self.config
        place = {one.id: number for number, one in enumerate(marked.all)}
        head = rows[: len(marked.head)]
        good, bad = (rows[[place[one.id] for one in part]] for part in (marked.good, marked.bad))
        return feedback_scores(
            cosines(head, asked[None])[:, 0],
            cosines(head, good),
            cosines(head, bad),
            weights=(config.query_weight, config.relevant_weight, config.not_relevant_weight),
            pool=config.pool,
        )


def feedback_scores(
    query: Cosines,
    good: Cosines,
    bad: Cosines,
    *,
    weights: tuple[float, float, float],
    pool: Pool,
) -> Cosines:
    """Scores within -1 and 1 from cosines; see ``FeedbackRerank``.

    Args:
        query: cosine of each passage with the question, shape ``(n,)``.
        good: with each good passage, shape ``(n, n_good)``; n_good may be 0.
        bad: with each bad passage, shape ``(n, n_bad)``; n_bad may be 0.
        weights: of the three, at least 0. Where all that are in use are 0, the question counts.
        pool: how likenesses to several passages become one.

    >>> feedback_scores(
    ...     np.array([0.5, 0.2]), np.array([[0.0, 1.0], [1.0, 0.8]]), np.zeros((2, 0)),
    ...     weights=(1.0, 1.0, 0.0), pool="mean",
    ... ).round(3).tolist()
    [0.5, 0.55]
    """
    total = np.zeros(len(query), dtype=np.float64)
    used = 0.0
    for values, weight, sign in (
        (query[:, None], weights[0], 1.0),
        (good, weights[1], 1.0),
        (bad, weights[2], -1.0),
    ):
        count = values.shape[1]
        if not count or not weight:
            continue
        each = values.astype(np.float64)
        part = each.max(axis=1) if pool == "max" else each.mean(axis=1)
        share = weight * count if pool == "sum" else weight
        total += sign * share * part
        used += share
    found: Cosines = np.clip(total / used if used else query, -1.0, 1.0)
    return found
