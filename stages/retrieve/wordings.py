"""What retrieve nodes share: each wording of a question is searched, then ranks are merged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from assay.corpora.filters import Filter
from assay.corpora.fusion import reciprocal_rank_fusion
from assay.corpora.where import filter_of
from assay.pipeline.context import RunContext
from assay.pipeline.errors import UsageError
from assay.pipeline.words import Hit, Query, QueryVariants, Ranking, Score

RRF_K = 60


class Search(Protocol):
    """A search of a corpus that takes many queries at once."""

    def __call__(
        self,
        queries: Sequence[Query],
        k: int,
        contexts: Sequence[RunContext],
        *,
        where: Filter | None = None,
    ) -> list[Sequence[Hit]]:
        """The best k for each query."""


def wordings(query: Query | QueryVariants) -> tuple[Query, ...]:
    """The wordings to search, the main one first.

    Raises:
        UsageError: if the filter of one of them cannot be read.
    """
    found = query.queries if isinstance(query, QueryVariants) else (query,)
    for one in found:
        check_where(one)
    return found


def check_where(query: Query) -> None:
    """Nothing, where the query's own filter can be read.

    Raises:
        UsageError: naming the place in it, what was expected and what was found.
    """
    try:
        filter_of(query.where)
    except UsageError as error:
        raise UsageError(f"the query's 'where': {error}") from error


def ranked(query: Query, hits: Sequence[Hit], source: str) -> Ranking:
    """Hits of a corpus as the ranking of a node, whose name the scores then carry."""
    renamed = (Hit(one.passage, Score(one.score.value, one.score.kind, source)) for one in hits)
    return Ranking(query, tuple(renamed), source)


def merged(rankings: Sequence[Ranking], *, source: str, limit: int) -> Ranking:
    """One ranking as it is; several by reciprocal rank fusion (k = 60), for the first's query."""
    if len(rankings) == 1:
        return rankings[0]
    named = {f"{number:04d}": ranking for number, ranking in enumerate(rankings)}
    return reciprocal_rank_fusion(rankings[0].query, named, k=RRF_K, source=source, limit=limit)


def searched_together(
    items: Sequence[Mapping[str, Any]],
    contexts: Sequence[RunContext],
    search: Search,
    *,
    k: int,
    where: Filter | None,
    source: str,
) -> list[Ranking]:
    """A ranking for each item's ``query``, from one search for all wordings of all items.

    Args:
        items: arguments of ``run``.
        contexts: one for each item; pays for all of its wordings.
        search: a method of the corpus.
        k: most hits of a wording, and of an item.
        where: must hold besides the queries' own filters.
        source: the node's name.
    """
    asked: list[Query] = []
    owners: list[RunContext] = []
    sizes: list[int] = []
    for item, context in zip(items, contexts, strict=True):
        context.check()
        own = wordings(item["query"])
        asked += own
        owners += [context] * len(own)
        sizes.append(len(own))
    found = search(asked, k, owners, where=where) if asked else []
    rankings = (ranked(query, hits, source) for query, hits in zip(asked, found, strict=True))
    return [merged([next(rankings) for _ in range(size)], source=source, limit=k) for size in sizes]
