"""From comparisons to one order: the aggregators by name.

An aggregator is a file in ``stages/comparisons/aggregators`` with a function
``scores(comparisons, generator)``. To add one, add the file.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import lru_cache
from typing import Annotated, Protocol, cast

import numpy as np
from pydantic import AfterValidator

from assay.pipeline.errors import nearest
from assay.pipeline.identity import module_digest
from assay.stages.comparisons import aggregators
from assay.stages.comparisons.comparisons import Comparisons, Matrix

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""


class Aggregator(Protocol):
    """Comparisons to a score for each candidate."""

    def __call__(self, comparisons: Comparisons, generator: np.random.Generator) -> Matrix:
        """Shape ``(n,)``, finite, larger is better; equal where nothing tells two apart.

        Args:
            comparisons: of n candidates; not changed.
            generator: for random choices, where the method makes any.
        """
        ...


@lru_cache(maxsize=1)
def names() -> tuple[str, ...]:
    """All aggregators, in alphabetical order."""
    return tuple(sorted(one.name for one in pkgutil.iter_modules(aggregators.__path__)))


def aggregator(name: str) -> Aggregator:
    """An aggregator by its name, one of ``names()``."""
    return cast(Aggregator, importlib.import_module(f"{aggregators.__name__}.{name}").scores)


def aggregator_digest(name: str) -> str:
    """sha256 of an aggregator's code, for the fingerprint of whoever picks it by name."""
    return module_digest(f"{aggregators.__name__}.{name}")


def _known(name: str) -> str:
    if name not in names():
        raise ValueError(f"no aggregator '{name}'; {nearest(name, names())}")
    return name


AggregatorName = Annotated[str, AfterValidator(_known)]
"""The name of an aggregator, for a config."""
