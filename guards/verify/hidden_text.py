"""Flag passages that carry text which a reader would not see."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from assay.corpora.normalise import Normalised, normalise
from assay.guards.verify.encoded import decode
from assay.guards.verify.signatures import Signature, find_signatures
from assay.pipeline.component import Config, Node, register
from assay.pipeline.words import Flag, Passage, Query, Selection, Verdict, Verdicts

HARMLESS = frozenset(("entity", "soft_hyphen"))
"""Carriers that ordinary pages are full of: removed, counted, never flagged alone."""


class HiddenTextConfig(Config):
    """Settings of ``verify.hidden_text@1``."""

    max_characters: int = Field(
        8, ge=0, description="hidden characters of one passage, over all carriers, without a flag"
    )
    max_elements: int = Field(
        0, ge=0, description="comments and hidden elements of one passage without a flag"
    )
    min_encoded: int = Field(
        24, ge=8, description="shortest base64 or hex stretch that is decoded, in characters"
    )


@register("verify.hidden_text@1")
class HiddenText(Node):
    """Flag invisible characters and hidden markup over the limits, and hidden instructions.

    ``hidden_text``: more carriers than allowed; its score is their number.
    ``hidden_instruction``: what was hidden, or what remains once carriers are
    gone but not before, reads as an instruction to a model; its score is the
    number of signatures. The rules are exact, so no p-value. Cost: no model calls.
    """

    Config = HiddenTextConfig

    def run(self, query: Query, selection: Selection) -> Verdicts:
        """One verdict for every kept passage, in order."""
        verdicts = (Verdict(hit.passage.id, self._flags(hit.passage)) for hit in selection.kept)
        return Verdicts("verify.hidden_text@1", tuple(verdicts))

    def _flags(self, passage: Passage) -> tuple[Flag, ...]:
        raw = f"{passage.title}\n{passage.text}" if passage.title else passage.text
        clean = normalise(raw)
        if not clean.counts:
            return ()
        flags: list[Flag] = []
        characters, elements = _totals(clean.counts)
        if characters > self.config.max_characters or elements > self.config.max_elements:
            carriers = ", ".join(
                f"{name} {count}"
                for name, count in sorted(clean.counts.items())
                if name not in HARMLESS
            )
            reason = f"it carries text that a reader does not see ({carriers})"
            flags.append(Flag("hidden_text", float(characters + elements), reason))
        found = self._hidden_signatures(raw, clean)
        if found:
            reason = f"a hidden instruction ({found[0].name}): '{found[0].text}'"
            flags.append(Flag("hidden_instruction", float(len(found)), reason))
        return tuple(flags)

    def _hidden_signatures(self, raw: str, clean: Normalised) -> list[Signature]:
        visible = {one.name for one in find_signatures(raw)}
        found = [one for one in find_signatures(clean.text) if one.name not in visible]
        for message in clean.hidden:
            found += find_signatures(message.text)
            for reading in decode(message.text, min_length=self.config.min_encoded):
                found += find_signatures(reading.text)
        return found


def _totals(counts: Mapping[str, int]) -> tuple[int, int]:
    """Hidden characters, and hidden elements, of one passage."""
    suspicious = {name: count for name, count in counts.items() if name not in HARMLESS}
    elements = sum(count for name, count in suspicious.items() if name.startswith("html_"))
    return sum(suspicious.values()) - elements, elements
