"""What travels with one request: seed, deadline, and the account of costs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from assay.pipeline.errors import WorldError
from assay.pipeline.words import Scalar


class DeadlineExceeded(WorldError):
    """The request's time is up; raise the deadline or make the pipeline cheaper."""


class BudgetExceeded(DeadlineExceeded):
    """A node spent more than its policy allows."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that a node may spend on one query; None for no limit.

    Args:
        calls: model calls.
        tokens: tokens read and generated together.
        seconds: wall time.
    """

    calls: int | None = None
    tokens: int | None = None
    seconds: float | None = None


@dataclass(slots=True)
class Cost:
    """What was spent. Unknown is None, never 0.

    Args:
        calls: model calls (one forward pass over one input, or one generation).
        rounds: longest chain of calls that had to wait for one another.
        tokens_in: tokens read by models.
        tokens_out: tokens generated.
        tokens_cached: those of ``tokens_in`` that had been read before and were not computed
            again.
        flops: estimated floating-point operations.
        seconds: wall time.
    """

    calls: int = 0
    rounds: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    flops: float = 0.0
    seconds: float = 0.0

    def add(self, other: Cost) -> None:
        """Add another account to this one."""
        self.calls += other.calls
        self.rounds += other.rounds
        self.tokens_in += other.tokens_in
        self.tokens_out += other.tokens_out
        self.tokens_cached += other.tokens_cached
        self.flops += other.flops
        self.seconds += other.seconds

    def to_json(self) -> dict[str, int | float]:
        """The figures by name."""
        return {
            "calls": self.calls,
            "rounds": self.rounds,
            "tokens_in": self.tokens_in,
            "tokens_out": self.tokens_out,
            "tokens_cached": self.tokens_cached,
            "flops": self.flops,
            "seconds": round(self.seconds, 6),
        }


@dataclass(slots=True)
class RunContext:
    """One node's view of the request that it serves.

    Args:
        seed: for every random choice of this request.
        deadline: ``time.monotonic()`` at which the request's time is up, None
            for no limit.
        cancelled: set when the caller gave up.
        cost: this node's account; models write to it through ``spend``.
        notes: figures that this node leaves in the run record, by name.
        budget: the most that this node may spend, None for no limit.
    """

    seed: int = 0
    deadline: float | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)
    cost: Cost = field(default_factory=Cost)
    notes: dict[str, Scalar] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic
    budget: Budget | None = None

    def spend(
        self,
        *,
        calls: int = 0,
        rounds: int = 0,
        tokens_in: int = 0,
        tokens_out: int = 0,
        tokens_cached: int = 0,
        flops: float = 0.0,
    ) -> None:
        """Book model work on this node's account."""
        self.cost.add(
            Cost(
                calls=calls,
                rounds=rounds,
                tokens_in=tokens_in,
                tokens_out=tokens_out,
                tokens_cached=tokens_cached,
                flops=flops,
            )
        )
        self.check_budget()

    def time_left(self) -> float | None:
        """Seconds until the deadline, at least 0; None for no limit."""
        return None if self.deadline is None else max(0.0, self.deadline - self.clock())

    def check_budget(self) -> None:
        """Stop here if the node spent more than it may.

        Raises:
            BudgetExceeded: naming the limit and what was spent.
        """
        if self.budget is None:
            return
        tokens = self.cost.tokens_in + self.cost.tokens_out
        for unit, spent, limit in (
            ("calls", self.cost.calls, self.budget.calls),
            ("tokens", tokens, self.budget.tokens),
        ):
            if limit is not None and spent > limit:
                raise BudgetExceeded(
                    f"the node spent {spent} {unit}, its budget is {limit}: raise"
                    f" 'policy.budget.{unit}' or make the node cheaper"
                )

    def note(self, **figures: Scalar) -> None:
        """Leave figures in the run record, for the audit and for calibration."""
        self.notes.update(figures)

    def count(self, **figures: int) -> None:
        """Add to figures of the run record that begin at 0; nothing is written for a 0."""
        for name, figure in figures.items():
            before = self.notes.get(name, 0)
            if figure and isinstance(before, int):
                self.notes[name] = before + figure

    def check(self) -> None:
        """Stop here if the caller gave up or time is up; long loops call this.

        Raises:
            DeadlineExceeded: in both cases.
        """
        if self.cancelled.is_set():
            raise DeadlineExceeded("the request was cancelled")
        if self.deadline is not None and self.clock() > self.deadline:
            raise DeadlineExceeded(
                "the request's deadline passed: raise it with --deadline or lower the node's k"
            )
