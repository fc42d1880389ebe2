"""A whole pipeline as one node."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from pydantic import Field

from assay.pipeline import Abstention, Answer, Node, Pipeline, Query, RunContext, build
from assay.pipeline.component import Config, register, relative_to
from assay.pipeline.errors import BuildError, UsageError
from assay.pipeline.record import RunRecord

_INSIDE: ContextVar[tuple[Path, ...]] = ContextVar("inside", default=())
"""Files that are being built, the outermost first: one that comes again contains itself."""


class PipelineConfig(Config):
    """Settings of ``flow.pipeline@1``."""

    path: str = Field(min_length=1, description="pipeline file, seen from this file's folder")


class Inner(Node):
    """A node that holds another pipeline; ``flow.pipeline`` and ``flow.repeat`` are such."""

    pipeline: Pipeline | None = None

    def prepare(self, base: Path) -> tuple[str, ...]:
        """Build the inner file; its problems, each with its own file and line."""
        try:
            file = relative_to(base, self.config.path).resolve()
        except (OSError, ValueError) as error:
            return (f"'{self.config.path[:80]}' is no path: {error}",)
        if file in _INSIDE.get():
            return (f"'{self.config.path}' contains itself",)
        token = _INSIDE.set((*_INSIDE.get(), file))
        try:
            self.pipeline = build(file)
        except BuildError as error:
            return tuple(str(problem) for problem in error.problems)
        except UsageError as error:
            return (str(error),)
        finally:
            _INSIDE.reset(token)
        return ()

    def start(self) -> None:
        """Load the inner pipeline's resources."""
        self._inner().start()

    def close(self) -> None:
        """Release them."""
        self._inner().close()

    def parts(self) -> Mapping[str, Any]:
        """Everything that the inner pipeline's outputs depend on."""
        return self._inner().parts()

    def ask(self, query: Query, context: RunContext, *, seed: int) -> Answer | Abstention:
        """The inner pipeline's outcome; see ``recorded``."""
        outcome = self.recorded(query, context, seed=seed).outcome
        assert outcome is not None
        return outcome

    def recorded(self, query: Query, context: RunContext, *, seed: int) -> RunRecord:
        """The inner pipeline's run, within the request's limits, its costs booked here.

        Raises:
            NodeError: if an inner node failed.
            DeadlineExceeded: if the request's time was up.
        """
        context.check()
        record = self._inner().run(query, seed=seed, timeout=context.time_left())
        for cost in record.cost.values():
            context.spend(
                calls=cost.calls,
                rounds=cost.rounds,
                tokens_in=cost.tokens_in,
                tokens_out=cost.tokens_out,
                tokens_cached=cost.tokens_cached,
                flops=cost.flops,
            )
        context.check()
        return record

    def _inner(self) -> Pipeline:
        if self.pipeline is None:
            raise UsageError(f"{self.name} must come from a pipeline file, which has a folder")
        return self.pipeline


@register("flow.pipeline@1")
class SubPipeline(Inner):
    """Answers a question with another pipeline file, whose errors this build finds too.

    Deadline, seed and cancellation reach into it; its own record is not kept. Cost:
    that of the inner pipeline.
    """

    Config = PipelineConfig

    def run(self, query: Query, context: RunContext) -> Answer | Abstention:
        """The inner pipeline's outcome."""
        return self.ask(query, context, seed=context.seed)
