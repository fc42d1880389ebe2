"""A filter as a setting of nodes: checked when a pipeline is built, read once."""

from __future__ import annotations

from functools import lru_cache

from assay.corpora.filters import Filter, parse
from assay.pipeline.errors import UsageError

DESCRIPTION = "filter that must hold for every passage, such as year >= 2020; '' for none"


@lru_cache(maxsize=256)
def filter_of(where: str) -> Filter | None:
    """The filter that a setting says; None where it says none.

    Raises:
        UsageError: naming the place in the text, what was expected and what was found.
    """
    return parse(where) if where.strip() else None


def where_problems(where: str) -> tuple[str, ...]:
    """What is wrong with a setting, for ``Component.prepare``.

    >>> where_problems(""), len(where_problems("year >="))
    ((), 1)
    """
    try:
        filter_of(where)
    except UsageError as error:
        return (f"'where': {error}",)
    return ()
