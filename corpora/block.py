"""A stretch of a document's text, and what it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from assay.pipeline.words import Scalar

Kind = Literal["heading", "paragraph", "list", "table_row", "code", "caption"]

WITHIN = ("paragraph", "table", "row", "note", "element")
"""Places that tell one block of a document from another, and that citations name: a paragraph's
number, a table's, a row's in it, a note's, the id of an HTML element."""


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of a text.

    Args:
        start: offset of its first character in the text.
        end: offset behind its last character.
        kind: what it is.
        level: of a heading, from 1; 0 for the others.
        place: where it stands in the file, for instance ``{"page": 3}``, ``{"slide": 2}``,
            ``{"sheet": "Q1", "cells": "A7:F7"}``, ``{"line": 12}``; numbers count from 1. See
            also ``WITHIN``.
    """

    start: int
    end: int
    kind: Kind
    level: int = 0
    place: Mapping[str, Scalar] = field(default_factory=dict)
