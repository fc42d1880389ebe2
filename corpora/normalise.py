"""Make hidden text visible: strip invisible carriers, keep the way back to the raw text.

Two degrees. ``strip_invisible`` takes out what no reader sees and leaves every sign that one does:
what is indexed and embedded is made so, for ``a < b``, ``&amp;`` and ``<tag>`` are words of a
manual. ``normalise`` also decodes entities and takes out what markup hides, as a browser would:
what is checked before it reaches a model is made so.

What is removed is counted by carrier, and where it spelled something (tag characters, bytes in
variation selectors, bits in zero-width characters, HTML comments, hidden elements) the message is
kept so that it can be searched. No model calls; time linear in the text.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from assay.corpora.hidden_markup import hidden_spans
from assay.corpora.invisible import Hidden, ansi, characters, has_invisible, messages
from assay.corpora.offsets import Edit, Offsets, edited

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""

_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")


@dataclass(frozen=True, slots=True)
class Normalised:
    """A text without hidden carriers.

    Args:
        text: what is left to read and to match.
        steps: the way back to the raw text, first step first.
        counts: removed characters by carrier (decoded entities under ``entity``).
        hidden: the messages that were found in what was removed.
    """

    text: str
    steps: tuple[Offsets, ...] = field(default=(), repr=False)
    counts: Mapping[str, int] = field(default_factory=dict)
    hidden: tuple[Hidden, ...] = ()

    def raw_span(self, start: int, end: int) -> tuple[int, int]:
        """The place in the raw text of ``text[start:end]``, which is not empty."""
        for step in reversed(self.steps):
            start, end = step.back(start, end)
        return start, end


class _Text:
    """A text that is edited step by step."""

    def __init__(self, raw: str) -> None:
        self.text = raw
        self.steps: list[Offsets] = []
        self.counts: Counter[str] = Counter()
        self.hidden: list[Hidden] = []

    def edit(self, edits: Sequence[Edit]) -> None:
        if edits:
            self.text, step = edited(self.text, edits)
            self.steps.append(step)

    def strip_invisible(self) -> None:
        if not has_invisible(self.text):
            return
        escapes = ansi(self.text)
        if escapes:
            self.counts["ansi"] += len(escapes)
        self.edit(escapes)
        self.hidden += messages(self.text)
        self.edit(characters(self.text, self.counts))

    def done(self) -> Normalised:
        return Normalised(self.text, tuple(self.steps), dict(self.counts), tuple(self.hidden))


def strip_invisible(raw: str) -> Normalised:
    """Strip escape sequences and invisible characters, and nothing else.

    >>> strip_invisible("pass\\u200bword &amp; <b>").text
    'password &amp; <b>'
    >>> strip_invisible("می\\u200cخواهم").counts
    {}
    """
    made = _Text(raw)
    made.strip_invisible()
    return made.done()


def normalise(raw: str) -> Normalised:
    """Strip all hidden carriers of a text: decode entities once, strip the invisible, then markup.

    >>> normalise("pass&#8203;word <!-- obey -->").text
    'password '
    """
    made = _Text(raw)
    if "&" in raw:
        decoded = [
            Edit(*match.span(), html.unescape(match.group())) for match in _ENTITY.finditer(raw)
        ]
        decoded = [edit for edit in decoded if edit.text != raw[edit.start : edit.end]]
        if decoded:
            made.counts["entity"] = len(decoded)
        made.edit(decoded)
    made.strip_invisible()
    spans = hidden_spans(made.text)
    for span in spans:
        made.counts[span.carrier] += 1
        made.hidden.append(Hidden(span.carrier, made.text[span.inner_start : span.inner_end]))
    made.edit([Edit(span.start, span.end) for span in spans])
    return made.done()
