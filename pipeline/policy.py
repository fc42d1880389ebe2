"""What a node may cost and what happens when it fails: policies, as a file declares them.

::

    policy:
      timeout: 2.5                      # seconds for one query
      retry: {times: 3, wait: 0.1, seed: 0}
      budget: {calls: 10, tokens: 4000, seconds: 5}
      cache: true                       # the same input is not computed twice
      fallback: {world: quoted}         # class of error to the node whose output is taken

Only errors of the world (``WorldError``, ``OSError``) are tried again: the caller's
mistakes and broken data stay broken. The wait doubles from try to try and is
spread by a seeded factor between 0.5 and 1.5.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from assay.pipeline.context import Budget, DeadlineExceeded
from assay.pipeline.errors import (
    AssayError,
    DataError,
    ModelError,
    NodeError,
    ScopeError,
    UsageError,
    WorldError,
)

ErrorClass = Literal["world", "model", "data", "usage", "any"]
CLASSES: Mapping[ErrorClass, tuple[type[Exception], ...]] = {
    "model": (ModelError,),
    "world": (WorldError, OSError),
    "data": (DataError,),
    "usage": (UsageError,),
    "any": (Exception,),
}
"""Classes of errors that a fallback may name, the narrower first."""


class NodeTimeout(WorldError):
    """A node took longer than its policy allows."""


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class RetryEntry(_Closed):
    """``retry`` in a file."""

    times: Annotated[int, Field(ge=1, le=10, description="tries after the first")]
    wait: Annotated[float, Field(ge=0, le=60, description="seconds before the first of them")] = 0.1
    seed: Annotated[int, Field(description="spreads the waits")] = 0


class BudgetEntry(_Closed):
    """``budget`` in a file."""

    calls: Annotated[int | None, Field(ge=1, description="model calls for one query")] = None
    tokens: Annotated[int | None, Field(ge=1, description="tokens read and generated")] = None
    seconds: Annotated[float | None, Field(gt=0, description="wall time for one query")] = None


class PolicyEntry(_Closed):
    """``policy`` in a file."""

    timeout: Annotated[float | None, Field(gt=0, description="seconds for one query")] = None
    retry: RetryEntry | None = None
    budget: BudgetEntry | None = None
    cache: Annotated[bool, Field(description="keep outputs by content")] = False
    fallback: Annotated[dict[ErrorClass, str], Field(description="class of error to a node")] = (
        Field(default_factory=dict)
    )


@dataclass(frozen=True, slots=True)
class Policy:
    """A node's policy, checked.

    Args:
        timeout: seconds for one query, retries included; None for no limit.
        times: tries after the first.
        wait: seconds before the first of them.
        seed: spreads the waits.
        budget: the most that the node may spend, None for no limit.
        cache: whether outputs are kept by content.
        fallback: class of error to the node whose output is taken instead.
    """

    timeout: float | None = None
    times: int = 0
    wait: float = 0.1
    seed: int = 0
    budget: Budget | None = None
    cache: bool = False
    fallback: Mapping[ErrorClass, str] = field(default_factory=dict)

    @classmethod
    def of(cls, entry: PolicyEntry) -> Policy:
        """The policy that an entry in a file declares."""
        retry, budget = entry.retry, entry.budget
        return cls(
            timeout=entry.timeout,
            times=0 if retry is None else retry.times,
            wait=0.1 if retry is None else retry.wait,
            seed=0 if retry is None else retry.seed,
            budget=None if budget is None else Budget(budget.calls, budget.tokens, budget.seconds),
            cache=entry.cache,
            fallback=entry.fallback,
        )

    @property
    def plain(self) -> bool:
        """Whether the node is simply run."""
        return self == PLAIN

    def pause(self, tried: int, node: str) -> float:
        """Seconds to wait after the ``tried``-th try (from 0) failed."""
        spread = random.Random(f"{self.seed}|{node}|{tried}").uniform(0.5, 1.5)
        return float(self.wait * 2**tried * spread)

    def fallback_for(self, error: Exception) -> str | None:
        """The node to take instead after an error, None if there is none.

        What was about to reach the wrong reader is never passed over.
        """
        if isinstance(error, ScopeError):
            return None
        for name, kinds in CLASSES.items():
            if name in self.fallback and isinstance(error, kinds):
                return self.fallback[name]
        return None


def transient(error: Exception) -> bool:
    """Whether trying again may help: errors of the world, but not of the request's limits."""
    if isinstance(error, DeadlineExceeded | NodeError):
        return False
    return isinstance(error, WorldError) or (
        isinstance(error, OSError) and not isinstance(error, AssayError)
    )


PLAIN = Policy()
"""The node is simply run."""
