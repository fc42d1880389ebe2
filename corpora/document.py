"""A document on its way into a corpus."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date as Day  # a field is called date

from assay.corpora.block import Block
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
        source: where it comes from, such as a site or a department; '' where unknown.
        tier: how far it is trusted, in the house's own words; '' where nobody said.
        whole: True where the text is already one passage and must not be cut.
        blocks: what its stretches are, in order, not overlapping, as far as the loader knows more
            than ``markup`` tells; a store keeps those with a place by a key of ``block.WITHIN``.
    """

    id: str
    text: str
    scope: Scope
    title: str = ""
    date: Day | None = None
    metadata: Mapping[str, Scalar] = field(default_factory=dict)
    markup: str = "plain"
    source: str = ""
    tier: str = ""
    whole: bool = False
    blocks: tuple[Block, ...] = field(default=(), repr=False)

    @property
    def digest(self) -> str:
        """sha256 in hex over everything in it."""
        labels = (
            *(self.id, self.title, self.scope.tenant, self.scope.roles, str(self.date)),
            *(dict(self.metadata), self.markup, self.source, self.tier, self.whole),
            [(one.start, one.end, one.kind, one.level, dict(one.place)) for one in self.blocks],
        )
        told = hashlib.sha256(json.dumps(labels, sort_keys=True).encode())
        told.update(self.text.encode("utf-8", "surrogatepass"))
        return told.hexdigest()
