"""How rerankers read a passage."""

from __future__ import annotations

from assay.pipeline.words import Passage

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""


def read(passage: Passage) -> str:
    """A passage as its title, a line end and its text; the text alone where there is no title."""
    return f"{passage.title}\n{passage.text}" if passage.title else passage.text
