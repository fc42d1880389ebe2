"""What ``stream`` tells while a query is answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from assay.pipeline.record import RunRecord


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of text that a node wrote while it ran.

    Args:
        node: who wrote it.
        text: the piece; pieces of one node follow one another.
    """

    node: str
    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """A node that is done.

    Args:
        node: its name.
        stage: its entry in the run record.
    """

    node: str
    stage: Mapping[str, Any]


Event: TypeAlias = Piece | Finished | RunRecord
"""What ``stream`` yields; the record is the last."""
