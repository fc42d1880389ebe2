"""Whose work it is: limits and costs of a batch that holds items of several requests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from assay.pipeline.context import RunContext


def requests_of(contexts: Sequence[RunContext]) -> Iterator[RunContext]:
    """Each request once, in the order in which they first come."""
    return iter({id(context): context for context in contexts}.values())


def check(contexts: Sequence[RunContext]) -> None:
    """Stop here if one of the requests is over.

    Raises:
        DeadlineExceeded: then; the pipeline asks again without the others' company.
    """
    for context in requests_of(contexts):
        context.check()


def book(
    contexts: Sequence[RunContext],
    tokens_in: Sequence[int],
    flops: Sequence[float],
    *,
    tokens_out: Sequence[int] | None = None,
    tokens_cached: Sequence[int] | None = None,
) -> None:
    """Put each item on its own request's account: a call each, a round for each request.

    Args:
        contexts: one for each item.
        tokens_in: tokens that each item had to read.
        flops: operations for each.
        tokens_out: tokens generated for each; none by default.
        tokens_cached: tokens of ``tokens_in`` that were not computed again; none by default.

    Raises:
        BudgetExceeded: if a request has spent more than it may.
    """
    none = [0] * len(contexts)
    rows: dict[int, list[int]] = {}
    for place, context in enumerate(contexts):
        rows.setdefault(id(context), []).append(place)
    for places in rows.values():
        contexts[places[0]].spend(
            calls=len(places),
            rounds=1,
            tokens_in=sum(tokens_in[one] for one in places),
            tokens_out=sum((tokens_out or none)[one] for one in places),
            tokens_cached=sum((tokens_cached or none)[one] for one in places),
            flops=sum(flops[one] for one in places),
        )
