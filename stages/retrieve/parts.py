"""The searches that composed retrieve nodes are made of: the nodes for them, asked together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from assay.corpora.corpus import Corpus
from assay.pipeline.component import Node
from assay.pipeline.context import RunContext
from assay.pipeline.words import Ranking
from assay.stages.retrieve.bm25 import Bm25, Bm25Config
from assay.stages.retrieve.dense import Dense, DenseConfig
from assay.stages.retrieve.sparse import Sparse, SparseConfig

PartName = Literal["bm25", "dense", "sparse"]


def parts_of(
    names: Sequence[PartName], corpus: Corpus, *, k: int, where: str
) -> Mapping[PartName, Node]:
    """The node of each name: ``retrieve.bm25`` and so on.

    Args:
        names: each once.
        corpus: what all of them search.
        k: most passages of each.
        where: filter of each.
    """
    made: dict[PartName, Node] = {}
    for name in names:
        match name:
            case "bm25":
                made[name] = Bm25(Bm25Config(k=k, where=where), corpus=corpus)
            case "dense":
                made[name] = Dense(DenseConfig(k=k, where=where), corpus=corpus)
            case "sparse":
                made[name] = Sparse(SparseConfig(k=k, where=where), corpus=corpus)
    return made


def rankings_of(
    parts: Mapping[PartName, Node],
    items: Sequence[Mapping[str, Any]],
    contexts: Sequence[RunContext],
) -> list[dict[str, Ranking]]:
    """What each part finds, by its name, for each item.

    Args:
        parts: see ``parts_of``.
        items: each with a ``query``.
        contexts: one for each item, as it comes; the same one may come often.
    """
    found: list[dict[str, Ranking]] = [{} for _ in items]
    for name, node in parts.items():
        if isinstance(node, Bm25):
            for item, context, own in zip(items, contexts, found, strict=True):
                context.check()
                own[name] = node.run(**item)
        elif isinstance(node, Dense | Sparse):
            for ranking, own in zip(node.run_batch(items, contexts), found, strict=True):
                own[name] = ranking
    return found


def repeated(names: Sequence[str]) -> list[str]:
    """Names that come more than once, in the order of the alphabet.

    >>> repeated(["bm25", "dense", "bm25"])
    ['bm25']
    """
    return sorted({name for name in names if names.count(name) > 1})
