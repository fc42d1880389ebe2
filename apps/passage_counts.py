"""How many passages come into each node of a pipeline, before a question is asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from assay.pipeline import Pipeline
from assay.pipeline.plan import Step


@dataclass(frozen=True, slots=True)
class Count:
    """Passages of a ranking or selection.

    Args:
        least: as far as fusions go, where all rankings hold the same passages.
        most: where no two hold the same.
    """

    least: int
    most: int

    def cut(self, limit: int | None) -> Count:
        """The same of a list that is cut there; None for no cut."""
        if limit is None:
            return self
        return Count(min(self.least, limit), min(self.most, limit))


def incoming(
    pipeline: Pipeline, name: str, *, passages: int | None = None, held: int | None = None
) -> Count | None:
    """Passages that come into a node: those of the first stage, less what is cut on the way.

    Filters and thresholds are taken to keep all.

    Args:
        pipeline: built.
        name: of the node.
        passages: that each search of the question finds; None for its own ``k``.
        held: passages of the corpora, which no list is longer than; None for not known.

    Returns:
        None where the node reads the question alone.
    """
    step = pipeline.steps[name]
    before = [
        found
        for feed in dict.fromkeys(feeds(step))
        if feed in pipeline.steps
        and (found := _outgoing(pipeline, feed, passages, held)) is not None
    ]
    if not before:
        return None
    least = max(one.least for one in before)
    if step.node.name.startswith("fuse."):
        return Count(least, sum(one.most for one in before)).cut(held)
    return Count(least, max(one.most for one in before))


def feeds(step: Step) -> Iterator[str]:
    """Names of the nodes that feed a node, and ``query``."""
    for feed in step.inputs.values():
        yield from [feed] if isinstance(feed, str) else feed.values()


def _outgoing(
    pipeline: Pipeline, name: str, passages: int | None, held: int | None
) -> Count | None:
    node = pipeline.steps[name].node
    found = incoming(pipeline, name, passages=passages, held=held)
    config = node.config
    family = node.name.partition(".")[0]
    if family == "retrieve" and (k := getattr(config, "k", None)) is not None:  # it searches anew
        own = k if found is not None else passages or k
        return Count(own, own).cut(held)
    if found is None:
        k = getattr(config, "k", None)  # a search of yours, under another name
        return None if k is None else Count(passages or k, passages or k).cut(held)
    match family:
        case "fuse":  # whose k is a damping
            return found.cut(getattr(config, "depth", None))
        case "select":
            return found.cut(getattr(config, "k", None)).cut(getattr(config, "max_k", None))
        case "rerank":
            return found
        case _:
            return found.cut(getattr(config, "k", None))
