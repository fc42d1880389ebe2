"""Rerank by a model that the library rerankers runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import Field

from assay.models.langchain_settings import class_of, described, estimated_tokens
from assay.pipeline.canonical import digest
from assay.pipeline.component import Config, Node
from assay.pipeline.context import Cost, RunContext
from assay.pipeline.errors import ModelError, UsageError
from assay.pipeline.words import Query, Ranking, ScoreKind
from assay.stages.rerank.foreign import rearranged
from assay.stages.windows.passage_text import read
from assay.stages.windows.window import Sizes

NAME = "given.rerankers@1"


class RerankersRerankConfig(Config):
    """What a ``RerankersRerank`` was made with; the constructor fills it in."""

    depth: int = Field(ge=1, le=1000, description="passages that are scored; others follow")
    kind: ScoreKind = Field(description="what the model's scores mean")
    ranker: str = Field(description="class of the ranker")
    settings: str = Field(description="sha256 over the ranker's class and settings")
    identity: str = Field(description="what the settings do not tell, such as the model's files")


class RerankersRerank(Node):
    """Scores of a ranker of the library ``rerankers``, as a permutation of the ranking.

    It is given by the program, which loads it: ``use: given`` in the file and ``build(...,
    nodes={name: RerankersRerank(Reranker("/models/judge", model_type="cross-encoder"))})``. Give a
    folder on this machine: by a bare name the library looks models up on a hub, and some of its
    names are services that it sends the texts to.

    Source: Clavie 2024, "rerankers: A Lightweight Python Library to Unify Ranking Methods". A
    passage is read as its title, a line end and its text, and what is longer than the model reads
    is cut by the library, without a word. ``rerank.cross_encoder`` over
    ``models.torch_cross_encoder`` reads the same cross-encoders, windows long passages and counts
    tokens: prefer it where it can run the model.

    Cost: a call a passage, in one round; tokens are estimated, FLOPs unknown.

    Args:
        ranker: the library's.
        depth: passages that are scored.
        kind: what the scores mean; a ranker that gives none tells the order.
        identity: whatever scores depend on and the settings do not tell; part of the pipeline's
            fingerprint.

    Raises:
        UsageError: if ``ranker`` is none.
    """

    Config = RerankersRerankConfig

    def __init__(
        self,
        ranker: Any,
        *,
        depth: int = 50,
        kind: ScoreKind = ScoreKind.LOGIT,
        identity: str = "",
    ) -> None:
        if not callable(getattr(ranker, "rank", None)):
            raise UsageError(
                f"expected a ranker of the library rerankers, found {class_of(ranker)}: pass"
                " rerankers.Reranker(<folder>, model_type=...)"
            )
        super().__init__(
            RerankersRerankConfig(
                depth=depth,
                kind=kind,
                ranker=class_of(ranker),
                settings=digest(described(ranker)),
                identity=identity,
            )
        )
        # On the object, not the class: the registry lists classes that have a name.
        self.name = NAME  # type: ignore[misc]
        self.gives = (kind.value, "order")  # type: ignore[misc]
        self._ranker = ranker

    def run(self, query: Query, ranking: Ranking, context: RunContext) -> Ranking:
        """Rerank.

        Raises:
            ModelError: if the model fails, or a score is not finite.
        """
        context.check()
        texts = [read(hit.passage) for hit in ranking.hits[: self.config.depth]]
        rows = []
        if texts:
            tokens = sum(estimated_tokens(query.text) + estimated_tokens(text) for text in texts)
            context.note(tokens_estimated=True)
            context.spend(calls=len(texts), rounds=1, tokens_in=tokens)
            rows = [
                (int(one.document.doc_id), _number(one.score)) for one in self._ask(query, texts)
            ]
        return rearranged(
            ranking,
            rows,
            shown=len(texts),
            kind=self.config.kind,
            source=self.name,
            context=context,
        )

    def estimate(self, n: int, sizes: Sizes) -> Cost:
        """A call a passage."""
        calls = min(n, self.config.depth)
        return Cost(
            calls=calls, rounds=min(1, calls), tokens_in=calls * (sizes.query + sizes.passage)
        )

    def _ask(self, query: Query, texts: list[str]) -> Iterable[Any]:
        try:
            found: Iterable[Any] = self._ranker.rank(
                query=query.text, docs=texts, doc_ids=list(range(len(texts)))
            ).results
        # The library and those below it raise classes with no common root.
        except Exception as error:
            raise ModelError(
                f"{self.config.ranker} failed: {type(error).__name__}: {error}: check that it ranks"
                " outside of the pipeline"
            ) from error
        return found


def _number(score: Any) -> float | None:
    return None if score is None else float(score)
