"""A ranking that is changed inside a pipeline, so that what follows it can be watched.

A retriever that misses, or brings the wrong passages, cannot be made by changing the
corpus alone: a reranker would repair it. So the passages of one ranking node are changed
on their way out, and everything after it works on what it is given.
"""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from assay.corpora.corpus import Corpus
from assay.pipeline import Pipeline
from assay.pipeline.component import Node
from assay.pipeline.errors import UsageError, nearest
from assay.pipeline.words import Hit, Query, Ranking


@dataclass(frozen=True, slots=True)
class RankingChange:
    """What happens to one question's ranking, in this order.

    Args:
        remove: passages that are taken out.
        insert: (place from 0, passage) to put in; one that is in the ranking already is
            moved. It gets the score of the place that it takes.
        order: new order of the first places: ``(2, 0, 1)`` puts the third passage first.
            Scores stay where they are. Places beyond the ranking are passed over.
    """

    remove: tuple[str, ...] = ()
    insert: tuple[tuple[int, str], ...] = ()
    order: tuple[int, ...] = ()


def changed(ranking: Ranking, change: RankingChange, corpus: Corpus | None) -> Ranking:
    """A ranking after a change.

    Scores follow the places, so that a node that reads them sees the new order; an empty
    ranking has no scores to give and stays empty.

    Args:
        ranking: of any kind of score, best first.
        change: what to do.
        corpus: gives the passages that are put in; the asker must be allowed to read them.
    """
    gone = set(change.remove)
    hits = [hit for hit in ranking.hits if hit.passage.id not in gone]
    if change.insert and hits:
        hits = _inserted(hits, change.insert, corpus, ranking.query)
    if change.order:
        order = [place for place in change.order if place < len(hits)]
        kept = [place for place in range(len(hits)) if place not in set(order)]
        passages = [hits[place].passage for place in (*order, *kept)]
        hits = [Hit(one, hit.score) for one, hit in zip(passages, hits, strict=True)]
    return replace(ranking, hits=tuple(hits))


def _inserted(
    hits: Sequence[Hit],
    insert: Sequence[tuple[int, str]],
    corpus: Corpus | None,
    query: Query,
) -> list[Hit]:
    if corpus is None:
        raise UsageError("passages can be put into a ranking only from one corpus")
    wanted = dict.fromkeys(name for _, name in insert)
    there = {hit.passage.id: hit.passage for hit in hits}
    missing = [name for name in wanted if name not in there]
    there |= {one.id: one for one in corpus.get(missing, query)} if missing else {}
    made = [hit for hit in hits if hit.passage.id not in wanted]
    for place, name in sorted(insert):
        at = min(place, len(made))
        score = made[min(at, len(made) - 1)].score if made else hits[0].score
        made.insert(at, Hit(there[name], score))
    return made


def with_changed_rankings(
    pipeline: Pipeline,
    node: str,
    changes: Mapping[str, RankingChange],
    corpus: Corpus | None,
) -> Pipeline:
    """The same pipeline, sharing its loaded parts, with one node's rankings changed.

    Nothing is taken from or put into the cache of node outputs.

    Args:
        pipeline: started.
        node: puts out rankings.
        changes: question id to its change; questions without one are left alone.
        corpus: see ``changed``.

    Raises:
        UsageError: if there is no such node.
    """
    if node not in pipeline.steps:
        raise UsageError(f"the pipeline has no node '{node}'; {nearest(node, pipeline.steps)}")
    bare = pipeline.without_cache()
    step = bare.steps[node]
    twin = copy.copy(step.node)

    def settle(output: Any) -> Any:
        if not isinstance(output, Ranking) or output.query.id not in changes:
            return output
        return changed(output, changes[output.query.id], corpus)

    _wrap(twin, step.node, settle)
    return replace(bare, steps={**bare.steps, node: replace(step, node=twin)})


def _wrap(twin: Node, node: Node, settle: Callable[[Any], Any]) -> None:
    run: Callable[..., Any] = node.run
    if inspect.iscoroutinefunction(run):

        @functools.wraps(run)
        async def awaited(**ports: Any) -> Any:
            return settle(await run(**ports))

        twin.run = awaited
    else:

        @functools.wraps(run)
        def direct(**ports: Any) -> Any:
            return settle(run(**ports))

        twin.run = direct
    whole = getattr(node, "run_batch", None)
    if whole is not None:

        def together(items: Sequence[Mapping[str, Any]], contexts: Sequence[Any]) -> list[Any]:
            return [settle(one) for one in whole(items, contexts)]

        twin.run_batch = together  # type: ignore[attr-defined]
