"""What the monitors read of a run record."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from assay.pipeline.errors import DataError
from assay.pipeline.words import AbstentionReason

LARGEST = 1e300
"""A score beyond it, either way, or NaN, counts as none."""

OutcomeName = Literal["answered", "abstained", "failed"]


@dataclass(frozen=True, slots=True)
class RecordView:
    """One record, checked.

    Args:
        query_id: as recorded; of a question without one, a digest of its text.
        text: the question.
        outcome: what came of it.
        answer: the answer's text, None where there is none.
        certificate: id of the certificate in force, None where there was none.
        void: whether it abstained because the certificate was not in force.
        stages: node name to its entry.
    """

    query_id: str
    text: str
    outcome: OutcomeName
    answer: str | None
    certificate: str | None
    void: bool
    stages: Mapping[str, Any]

    @classmethod
    def of(cls, fields: Mapping[str, Any], place: str) -> RecordView:
        """Check what is read.

        Args:
            fields: one line of a run file.
            place: file and line.

        Raises:
            DataError: naming the place and the field.
        """
        text = fields.get("text", "")
        query_id = fields.get("query_id")
        stages = fields.get("stages")
        outcome, certificate = fields.get("outcome"), fields.get("certificate")
        wrong = [
            name
            for name, right in (
                ("query_id", isinstance(query_id, str)),
                ("text", isinstance(text, str)),
                ("outcome", outcome in get_args(OutcomeName)),
                ("certificate", certificate is None or isinstance(certificate, str)),
                ("stages", isinstance(stages, Mapping)),
            )
            if not right
        ]
        if wrong:
            raise DataError(
                f"{place} is no run record: '{wrong[0]}' is {fields.get(wrong[0])!r:.60};"
                " expected a line that 'assay run' wrote"
            )
        answer, abstention = fields.get("answer"), fields.get("abstention")
        said = answer.get("text") if isinstance(answer, Mapping) else None
        reason = abstention.get("reason") if isinstance(abstention, Mapping) else None
        unnamed = "text:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        return cls(
            query_id=_writable(query_id or unnamed),
            text=_writable(text),
            outcome=cast(OutcomeName, outcome),
            answer=_writable(said) if isinstance(said, str) else None,
            certificate=certificate,
            void=reason == AbstentionReason.CERTIFICATE_VOID.value,
            stages=cast(Mapping[str, Any], stages),
        )

    def score(self, node: str) -> float | None:
        """What a gate compared; None if it was not reached or the score is no such number."""
        noted = self._noted(node)
        if isinstance(noted, bool) or not isinstance(noted, int | float):
            return None
        return float(noted) if abs(noted) <= LARGEST else None

    def scored_badly(self, node: str) -> bool:
        """Whether a gate noted something that is no such number."""
        return self._noted(node) is not None and self.score(node) is None

    def _noted(self, node: str) -> object:
        stage = self.stages.get(node)
        notes = stage.get("notes") if isinstance(stage, Mapping) else None
        return notes.get("score") if isinstance(notes, Mapping) else None


def _writable(text: str) -> str:
    """Without lone surrogates, which no UTF-8 file can hold."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
