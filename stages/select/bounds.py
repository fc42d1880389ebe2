"""Fewest and most passages that a selector keeps."""

from __future__ import annotations

from pydantic import Field, model_validator

from assay.pipeline.component import Config

COMPUTES = True
"""What is below decides what selectors give, so it counts for fingerprints."""


class Bounds(Config):
    """Settings of a selector that can be held to a number of passages."""

    min_k: int = Field(
        0, ge=0, le=1000, description="fewest hits kept where there are as many, best first"
    )
    max_k: int | None = Field(
        None, ge=1, le=1000, description="most hits kept, best first; none for no limit"
    )

    @model_validator(mode="after")
    def _in_order(self) -> Bounds:
        if self.max_k is not None and self.min_k > self.max_k:
            raise ValueError(f"'min_k' {self.min_k} is above 'max_k' {self.max_k}")
        return self

    def bounded(self, size: int, available: int) -> int:
        """A number of passages within the bounds and not above what there is."""
        most = available if self.max_k is None else min(self.max_k, available)
        return min(max(size, self.min_k), most)

    def bound(self, wanted: int, size: int) -> str:
        """Which bound made ``wanted`` into ``size``, as the end of a sentence; '' for none."""
        if size > wanted:
            return f" (at least {self.min_k} are kept)"
        if size < wanted:
            return f" (at most {self.max_k} are kept)"
        return ""
