"""Rerank by likeness to a question that has read the best passages: a pseudo-query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from pydantic import Field, model_validator

from assay.models.hash_embedder import HashEmbedder
from assay.models.protocols import Embedder, Floats
from assay.pipeline.component import register
from assay.pipeline.context import Cost, RunContext
from assay.pipeline.text import words
from assay.pipeline.words import Hit, Passage, Query, Ranking, ScoreKind
from assay.stages.rerank.pointwise import arranged
from assay.stages.rerank.unit_vectors import cosines, hides, unit_rows, visible
from assay.stages.rerank.vector_rerank import VectorRerank, VectorRerankConfig
from assay.stages.retrieve.rocchio import Weights, moved
from assay.stages.windows.template import neutral
from assay.stages.windows.text_lengths import extra_tokens, models_of, tokens_of
from assay.stages.windows.window import Sizes

TASK = (
    "Given a search query and some passages that may be relevant, rank the passages that answer"
    " the query:"
)


class PseudoQueryConfig(VectorRerankConfig):
    """Settings of ``rerank.pseudo_query@1``."""

    method: Literal["prompt", "rocchio"] = Field(
        "prompt",
        description="how passages enter the pseudo-query: as text, in a prompt that is embedded,"
        " or as the mean of their vectors",
    )
    top: int = Field(20, ge=1, le=100, description="best passages that the pseudo-query reads")
    words: int = Field(
        1024, ge=8, le=10_000, description="method prompt: most words of a passage in the prompt"
    )
    alpha: float = Field(
        0.5,
        ge=0,
        le=1,
        description="weight of the question's own vector; the pseudo-query has the rest",
    )
    task: str = Field(
        TASK,
        min_length=1,
        max_length=2000,
        description="method prompt: the instruction above the passages",
    )

    @model_validator(mode="after")
    def _has_a_question(self) -> PseudoQueryConfig:
        if self.method == "rocchio" and self.alpha == 0:
            raise ValueError("method rocchio with alpha 0 forgets the question: take alpha above 0")
        return self


@register("rerank.pseudo_query@1")
class PseudoQueryRerank(VectorRerank):
    """Cosine of each passage with ``alpha q + (1 - alpha) q+``, where q+ has read the best ``top``.

    Method ``prompt`` embeds question and passages as one text, and passages keep the vectors of
    the index. Source: Liu et al. 2025 (E2Rank), whose checkpoints are trained for it; there alpha
    is 0, and the corpus must be indexed with the same checkpoint. An embedder that was not trained
    for it makes of the prompt about a mean of its passages; one that reads few tokens windows the
    prompt and averages, which the run record counts as ``texts_windowed``. Method ``rocchio`` needs
    no training: q+ is the mean of the passages' vectors (Rocchio 1971; see
    ``assay.stages.retrieve.rocchio``).

    Passages that the pseudo-query read steer the order of all others, so one planted among them
    does, too: alpha limits that. What markup hides is not read; with ``rocchio`` a passage with
    hidden markup gives no vector. How many hide something stands in the run record as ``hidden``.
    Where nothing is left to read, the order is that of the question's cosine.

    Cost: ``prompt`` an embedding of the prompt, and one of the question unless alpha is 0;
    ``rocchio`` one of the question. All in one round. With an embedder in place of the corpus, one
    more for each passage, in a second round.
    """

    Config = PseudoQueryConfig
    gives = ("cosine",)

    def run(self, query: Query, ranking: Ranking, context: RunContext) -> Ranking:
        """Rerank the best ``depth`` hits; the others follow with the scores that they had."""
        return self.run_batch([{"query": query, "ranking": ranking}], [context])[0]

    def run_batch(
        self, items: Sequence[Mapping[str, Any]], contexts: Sequence[RunContext]
    ) -> list[Ranking]:
        """Rerank for several queries, embedded together; see ``run``.

        Raises:
            UsageError: if a passage is not in the corpus.
        """
        heads = self.heads(items)
        busy = [number for number, head in enumerate(heads) if head]
        queries = [items[number]["query"] for number in busy]
        owners = [contexts[number] for number in busy]
        passages = [[hit.passage for hit in heads[number]] for number in busy]
        asked, prompts = self._questions(queries, passages, owners) if busy else ([], [])
        stored = self.vectors.of_passages(passages, queries, owners) if busy else []
        found: dict[int, list[Hit]] = {}
        for place, number in enumerate(busy):
            rows = stored[place]
            vector = self._mixed(asked[place], prompts[place], passages[place], rows)
            values = cosines(rows, vector[None])[:, 0]
            found[number] = arranged(
                heads[number], [float(one) for one in values], ScoreKind.COSINE, self.name
            )
        return self.with_tails(items, found)

    def estimate(self, n: int, sizes: Sizes) -> Cost:
        """The embeddings; lengths are with the prefixes and marks that the embedder adds.

        The prompt has those of a question once, and each of its passages none.
        """
        depth = min(n, self.config.depth)
        if not depth:
            return Cost()
        if self.config.method == "rocchio":
            return self.vector_cost(1, depth, sizes)
        top = min(depth, self.config.top)
        cost = self.vector_cost(2 if self.config.alpha > 0 else 1, depth, sizes)
        embedder = next((one for one in models_of(self) if isinstance(one, Embedder)), None)
        bare = sizes.passage - extra_tokens(embedder, embed=False)[1]
        shown = max(0, min(bare, self.config.words * 4 // 3))
        cost.tokens_in += self._own_tokens(embedder, top) + top * shown
        return cost

    def _own_tokens(self, embedder: Embedder | None, top: int) -> int:
        """Tokens of the prompt beside those of question and passages."""
        text = self._prompt("", [""] * top)
        if isinstance(embedder, HashEmbedder):
            return len(words(text))
        return tokens_of(embedder, text)

    def _questions(
        self,
        queries: Sequence[Query],
        passages: Sequence[Sequence[Passage]],
        contexts: Sequence[RunContext],
    ) -> tuple[list[Floats | None], list[Floats | None]]:
        """Of each query its own vector and that of its prompt, as far as they are needed."""
        prompting = self.config.method == "prompt"
        texts: list[str] = []
        owners: list[RunContext] = []
        places: list[tuple[int | None, int | None]] = []
        for query, group, context in zip(queries, passages, contexts, strict=True):
            top = group[: self.config.top]
            context.note(hidden=sum(hides(one) for one in top))
            shown = [text for one in top if (text := self._text(one))] if prompting else []
            own = not shown or self.config.alpha > 0
            wanted = [query.text] * own + ([self._prompt(query.text, shown)] if shown else [])
            places.append(
                (len(texts) if own else None, len(texts) + len(wanted) - 1 if shown else None)
            )
            texts += wanted
            owners += [context] * len(wanted)
        vectors = self.vectors.of_queries(texts, owners)
        return (
            [None if own is None else vectors[own] for own, _ in places],
            [None if prompt is None else vectors[prompt] for _, prompt in places],
        )

    def _mixed(
        self,
        asked: Floats | None,
        prompt: Floats | None,
        passages: Sequence[Passage],
        rows: Floats,
    ) -> Floats:
        """The vector that passages are compared with, of length 1."""
        weights = Weights(self.config.alpha, 1 - self.config.alpha, 0.0)
        if asked is None:
            assert prompt is not None
            return prompt
        if self.config.method == "prompt":
            read = np.zeros((0, len(asked)), dtype=np.float32) if prompt is None else prompt[None]
        else:
            clean = [
                place
                for place, one in enumerate(passages[: self.config.top])
                if not hides(one) and rows[place].any()
            ]
            read = rows[clean]
        if not len(read):
            return asked
        return unit_rows(moved(asked, read, read[:0], weights))

    def _text(self, passage: Passage) -> str:
        """A passage as the prompt shows it: on one line, without what could pass for a number."""
        return " ".join(neutral(visible(passage)).split()[: self.config.words])

    def _prompt(self, query: str, texts: Sequence[str]) -> str:
        shown = "\n".join(f"[{place}] {text}" for place, text in enumerate(texts, 1))
        return f"{self.config.task}\nDocuments:\n{shown}\nSearch Query: {query}"
