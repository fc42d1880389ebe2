"""Retrieve by a langchain-core retriever."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from pydantic import Field

from assay.corpora.fusion import reciprocal_rank_fusion
from assay.corpora.labels import labels_of_passage
from assay.corpora.visible import wanted
from assay.models.langchain_settings import class_of, described, require
from assay.pipeline.canonical import digest
from assay.pipeline.component import Config, Node
from assay.pipeline.context import RunContext
from assay.pipeline.errors import DataError, UsageError, WorldError
from assay.pipeline.words import (
    Hit,
    Passage,
    Query,
    QueryVariants,
    Ranking,
    Scalar,
    Scope,
    Score,
    ScoreKind,
)

if TYPE_CHECKING:
    from langchain_core.documents import Document
    from langchain_core.retrievers import BaseRetriever

NAME = "given.langchain_retriever@1"
RRF_K = 60


class LangchainRetrieverConfig(Config):
    """What a ``LangchainRetriever`` was made with; the constructor fills it in."""

    k: int = Field(ge=1, le=10_000, description="most passages kept")
    tenant: str | None = Field(
        description="tenant of documents that name none; None refuses such documents"
    )
    score: str | None = Field(description="metadata key of a document's score; None scores by rank")
    score_kind: ScoreKind | None = Field(description="what that score means")
    retriever: str = Field(description="class of the retriever")
    settings: str = Field(description="sha256 over the retriever's class and settings")
    identity: str = Field(description="what the settings do not tell, such as the index")


class LangchainRetriever(Node):
    """What a retriever finds, as passages that the asker may read.

    It is given by the program: ``use: given`` in the file and
    ``build(..., nodes={name: LangchainRetriever(retriever, tenant="local")})``.

    A document becomes a passage: id is ``document.id``, else the sha256 of its text;
    ``document_id`` is metadata ``source``, else the id; title and date (ISO) come from
    the metadata of these names; other flat metadata become labels. Its scope is
    metadata ``tenant`` (text) and ``roles`` (a list of text). Documents that the
    query's scope may not read, that lack a label that the query's filters ask for, or
    that are empty are left out *after* the retriever has chosen, so fewer than ``k``
    may remain; the run record notes how many. Let the retriever itself search within
    the tenant where it can.

    Scores are those at the metadata key ``score``, if you name it with its kind; else
    they tell the rank only: ``1 / (60 + rank)`` of kind ``rrf``, the fusion of one
    ranking. Several wordings are searched one by one and merged by reciprocal rank
    fusion (k = 60). Cost: model calls inside the retriever are not seen.

    Args:
        retriever: the retriever.
        k: most passages kept.
        tenant: tenant of documents whose metadata name none; None refuses them.
        score: metadata key of a document's score, larger is better.
        score_kind: its kind; needed with ``score``, and only there.
        identity: whatever results depend on and the settings do not tell, such as the
            version of the index; part of the pipeline's fingerprint.

    Raises:
        UsageError: if ``retriever`` is none, or ``score`` and ``score_kind`` do not
            come together.
    """

    Config = LangchainRetrieverConfig

    def __init__(
        self,
        retriever: BaseRetriever,
        *,
        k: int = 50,
        tenant: str | None = None,
        score: str | None = None,
        score_kind: ScoreKind | None = None,
        identity: str = "",
    ) -> None:
        require(
            retriever,
            "retrievers",
            "BaseRetriever",
            hint="for a vector store pass store.as_retriever()",
        )
        if (score is None) != (score_kind is None):
            raise UsageError(
                "LangchainRetriever needs 'score' and 'score_kind' together: the metadata key of a"
                " document's score, and what its value means"
            )
        super().__init__(
            LangchainRetrieverConfig(
                k=k,
                tenant=tenant,
                score=score,
                score_kind=score_kind,
                retriever=class_of(retriever),
                settings=digest(described(retriever)),
                identity=identity,
            )
        )
        # On the object, not the class: the registry lists classes that have a name.
        self.name = NAME  # type: ignore[misc]
        self._retriever = retriever

    def fingerprint(self) -> str:
        """Over class and settings as they were when it was wrapped, and the constructor's.

        They are the node's config and so part of the pipeline's fingerprint. What an
        index holds is not in it; say what you know of it in ``identity``.
        """
        return digest({"name": self.name, **self.config.model_dump(mode="json")})

    def run(self, query: Query | QueryVariants, context: RunContext) -> Ranking:
        """Search; the ranking's query is the main wording.

        Raises:
            DataError: if a document's scope, date or score cannot be read.
            WorldError: if the retriever fails, whatever it raises.
        """
        queries = query.queries if isinstance(query, QueryVariants) else (query,)
        left_out = dict.fromkeys(("scope", "filters", "empty", "repeated"), 0)
        rankings: dict[str, Ranking] = {}
        for number, wording in enumerate(queries):
            context.check()
            rankings[f"{number:04d}"] = self._search(wording, left_out)
        context.note(**{f"left_out_{why}": count for why, count in left_out.items() if count})
        if len(rankings) == 1:
            return rankings["0000"]
        return reciprocal_rank_fusion(
            queries[0], rankings, k=RRF_K, source=self.name, limit=self.config.k
        )

    def _search(self, query: Query, left_out: dict[str, int]) -> Ranking:
        hits: dict[str, Hit] = {}
        asked = wanted(query)
        for document in self._documents(query.text):
            if not document.page_content.strip():
                left_out["empty"] += 1
                continue
            name = document.id or _sha256(document.page_content)
            scope = self._scope(name, document.metadata)
            if scope is None or not scope.admits(query.scope):
                left_out["scope"] += 1
                continue
            passage = self._passage(document, name, scope)
            if asked is not None and not asked.holds(labels_of_passage(passage)):
                left_out["filters"] += 1
            elif name in hits:
                left_out["repeated"] += 1
            elif len(hits) < self.config.k:
                hits[name] = Hit(passage, self._score(document, len(hits) + 1))
        values = [hit.score.value for hit in hits.values()]
        if values != sorted(values, reverse=True):
            raise DataError(
                f"{self.config.retriever}: metadata '{self.config.score}' does not fall along the"
                " ranking, so it is not the score that placed the documents (a distance?): leave"
                " 'score' out to score by rank"
            )
        return Ranking(query, tuple(hits.values()), self.name)

    def _documents(self, text: str) -> Sequence[Document]:
        try:
            return self._retriever.invoke(text)
        # Retrievers raise classes of their own libraries, with no common root.
        except Exception as error:
            raise WorldError(
                f"{self.config.retriever} failed: {type(error).__name__}: {error}: check that it"
                " answers outside of the pipeline, then ask again"
            ) from error

    def _passage(self, document: Document, name: str, scope: Scope) -> Passage:
        text, metadata = document.page_content, document.metadata
        source, title = metadata.get("source"), metadata.get("title")
        used = {"tenant", "roles", "title", "date", self.config.score}
        return Passage(
            id=name,
            document_id=source if isinstance(source, str) and source else name,
            text=text,
            scope=scope,
            title=title if isinstance(title, str) else "",
            end=len(text),
            date=_day(name, metadata.get("date")),
            metadata={
                key: value
                for key, value in metadata.items()
                if key not in used and isinstance(value, Scalar)
            },
        )

    def _scope(self, name: str, metadata: Mapping[str, Any]) -> Scope | None:
        """Who may read a document; None where it does not say, which means nobody."""
        tenant, roles = metadata.get("tenant", self.config.tenant), metadata.get("roles", ())
        if tenant is None:
            return None
        if not isinstance(tenant, str) or not tenant:
            raise DataError(f"document {name}: metadata 'tenant' must be text, found {tenant!r}")
        if not isinstance(roles, list | tuple) or not all(isinstance(one, str) for one in roles):
            raise DataError(
                f"document {name}: metadata 'roles' must be a list of text, found {roles!r}"
            )
        return Scope(tenant, tuple(roles))

    def _score(self, document: Document, rank: int) -> Score:
        if self.config.score is None or self.config.score_kind is None:
            return Score(1.0 / (RRF_K + rank), ScoreKind.RRF, self.name)
        value = document.metadata.get(self.config.score)
        try:
            return Score(float(value), self.config.score_kind, self.name)  # type: ignore[arg-type]
        except (TypeError, ValueError) as error:
            raise DataError(
                f"{self.config.retriever}: metadata '{self.config.score}' must be a number of kind"
                f" {self.config.score_kind.value}, found {value!r} at rank {rank}"
            ) from error


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", errors="replace")).hexdigest()


def _day(name: str, value: object) -> date | None:
    match value:
        case None:
            return None
        case datetime():
            return value.date()
        case date():
            return value
        case str():
            try:
                return datetime.fromisoformat(value).date()
            except ValueError:
                pass
    raise DataError(f"document {name}: metadata 'date' must be a day like 2024-05-31: {value!r}")
