"""Flag passages whose source is not among those that answers may rest on."""

from __future__ import annotations

from pydantic import Field

from assay.pipeline.component import Config, Node, register
from assay.pipeline.words import Flag, Passage, Selection, Verdict, Verdicts


class ProvenanceConfig(Config):
    """Settings of ``verify.provenance@1``."""

    field: str = Field("source", min_length=1, description="metadata field that names the source")
    trusted: tuple[str, ...] = Field(
        strict=False, min_length=1, description="values that an answer may rest on"
    )


@register("verify.provenance@1")
class Provenance(Node):
    """Flag ``untrusted`` where a passage's source is not trusted, or not known.

    The only check that holds against one fluent planted passage: no text can
    tell it from a true one. It is as good as whoever writes the metadata when
    documents come in; a trusted source that was taken over passes. Cost: no
    model calls.
    """

    Config = ProvenanceConfig

    def run(self, selection: Selection) -> Verdicts:
        """One verdict for every kept passage, in order."""
        return Verdicts(
            "verify.provenance@1",
            tuple(Verdict(hit.passage.id, self._flags(hit.passage)) for hit in selection.kept),
        )

    def _flags(self, passage: Passage) -> tuple[Flag, ...]:
        field = self.config.field
        source = passage.metadata.get(field)
        if source in self.config.trusted:
            return ()
        found = f"its {field} '{source}' is not trusted" if source else f"it names no {field}"
        return (Flag("untrusted", 1.0, found),)
