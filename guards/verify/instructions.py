"""Flag passages that speak to the model instead of informing the reader."""

from __future__ import annotations

from pydantic import Field

from assay.corpora.normalise import normalise
from assay.guards.verify.encoded import decode
from assay.guards.verify.signatures import Signature, find_signatures
from assay.pipeline.component import Config, Node, register
from assay.pipeline.words import Flag, Passage, Query, Selection, Verdict, Verdicts


class InstructionsConfig(Config):
    """Settings of ``verify.instructions@1``."""

    min_signatures: int = Field(1, ge=1, le=12, description="distinct signatures for a flag")
    min_encoded: int = Field(
        24, ge=8, description="shortest base64 or hex stretch that is decoded, in characters"
    )
    depth: int = Field(
        2, ge=0, le=2, description="encodings around one another that are undone; 0 decodes nothing"
    )


@register("verify.instructions@1")
class Instructions(Node):
    """Flag ``instruction`` where text, or what it encodes, meets instruction signatures.

    Order: normalise, search, decode (base64, hex, rot13), search again. Title and
    text are read. The score is the number of distinct signatures. Only known
    forms are found; see ``assay.guards.verify.signatures``. Cost: no model calls.
    """

    Config = InstructionsConfig

    def run(self, query: Query, selection: Selection) -> Verdicts:
        """One verdict for every kept passage, in order."""
        verdicts = (Verdict(hit.passage.id, self._flags(hit.passage)) for hit in selection.kept)
        return Verdicts("verify.instructions@1", tuple(verdicts))

    def _flags(self, passage: Passage) -> tuple[Flag, ...]:
        clean = normalise(f"{passage.title}\n{passage.text}" if passage.title else passage.text)
        found: dict[str, tuple[Signature, str]] = {}
        for one in find_signatures(clean.text):
            found.setdefault(one.name, (one, ""))
        config = self.config
        for reading in decode(clean.text, min_length=config.min_encoded, depth=config.depth):
            for one in find_signatures(reading.text):
                found.setdefault(one.name, (one, f" in {reading.encoding}"))
        if len(found) < config.min_signatures:
            return ()
        first, where = next(iter(found.values()))
        reason = f"it gives the model an instruction{where} ({first.name}): '{first.text}'"
        return (Flag("instruction", float(len(found)), reason),)
