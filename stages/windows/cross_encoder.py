"""A cross-encoder as a window ranker: it scores each passage and sorts."""

from __future__ import annotations

from collections.abc import Sequence

from assay.models.protocols import CrossEncoder
from assay.pipeline.canonical import digest
from assay.pipeline.component import Config, register
from assay.pipeline.context import Cost, RunContext
from assay.stages.windows.passage_text import read
from assay.stages.windows.window import Ordered, Sizes, Window, WindowAbility, WindowRanker


class CrossEncoderWindowsConfig(Config):
    """Settings of ``windows.cross_encoder@1``: none."""


@register("windows.cross_encoder@1")
class CrossEncoderWindows(WindowRanker):
    """Sort a window by a cross-encoder's scores; ties keep their order.

    A pointwise model has no use for a window. This is for comparing schedules on a small model,
    and for tests. Cost: one call a passage, in one round.

    Args:
        config: see ``CrossEncoderWindowsConfig``.
        model: gives the scores.
    """

    Config = CrossEncoderWindowsConfig

    def __init__(self, config: CrossEncoderWindowsConfig, *, model: CrossEncoder) -> None:
        super().__init__(config)
        self.model = model

    @property
    def abilities(self) -> frozenset[str]:
        """It tells scores."""
        return frozenset({WindowAbility.SCORES})

    @property
    def max_window(self) -> int:
        """As many as one likes."""
        return 1000

    def fingerprint(self) -> str:
        """Over the name and the model."""
        return digest({"name": self.name, "model": self.model.fingerprint()})

    def rank(self, windows: Sequence[Window], contexts: Sequence[RunContext]) -> list[Ordered]:
        """Score all passages of all windows in one call of the model."""
        pairs = [(one.query, read(passage)) for one in windows for passage in one.passages]
        owners = [
            context for one, context in zip(windows, contexts, strict=True) for _ in one.passages
        ]
        scores = iter(self.model.score(pairs, owners) if pairs else ())
        found = []
        for one in windows:
            own = tuple(float(next(scores)) for _ in one.passages)
            order = sorted(range(len(own)), key=lambda place: -own[place])
            found.append(Ordered(tuple(order), own))
        return found

    def estimate(self, window: int, sizes: Sizes) -> Cost:
        """A call a passage, each of query, passage and the marks around them."""
        tokens = window * (sizes.query + sizes.passage + sizes.marks)
        return Cost(calls=window, rounds=1, tokens_in=tokens)
