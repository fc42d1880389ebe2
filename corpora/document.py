"""A document on its way into a corpus."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date as Day  # a field is called date

from assay.pipeline.words import Scalar, Scope


@dataclass(frozen=True, slots=True)
class Document:
    """Raw text with what is known about it.

    Args:
        id: unique in its corpus, for files the path below the indexed folder.
        text: the raw text; offsets of passages and citations point into it.
        scope: who may read it.
        title: '' where there is none.
        date: None where unknown.
        metadata: flat labels, inherited by every passage.
        markup: how headings are written: ``plain``, ``markdown`` or ``underlined``
            (reStructuredText-like, a line of ``*``, ``=``, ``-`` below the heading).
        whole: True where the text is already one passage and must not be cut.
    """

    id: str
    text: str
    scope: Scope
    title: str = ""
    date: Day | None = None
    metadata: Mapping[str, Scalar] = field(default_factory=dict)
    markup: str = "plain"
    whole: bool = False
