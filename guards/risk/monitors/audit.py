"""Which questions people look at, and what their labels say about each certified risk."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assay.guards.risk.folds import Stratum
from assay.guards.risk.losses import Observation, Risk, RiskName
from assay.guards.risk.tally import Tally
from assay.pipeline.errors import DataError, UsageError

RATE = 0.05
"""Share of the questions that people look at, where nothing else is said."""

UNSEEN: frozenset[RiskName] = frozenset({"wrongful_abstention"})
"""Risks that no audit can see: nobody knows what an abstention would have answered."""

NEEDS: Mapping[RiskName, str] = {
    "poison_admitted": "poison_in_context",
    "poison_followed": "followed",
    "missed_evidence": "complete",
    "unsupported_claim": "unsupported",
}
"""The label that a risk needs of an answered question, beside ``right``."""


class AuditLabel(BaseModel):
    """What a person found out about one question; None is not known."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    query_id: str = Field(min_length=1)
    right: bool | None = None
    stratum: Stratum | None = None
    poison_in_context: bool | None = None
    followed: bool | None = None
    complete: bool | None = None
    unsupported: float | None = Field(None, ge=0.0, le=1.0)
    text: str | None = Field(None, description="the question, for the person")
    answer: str | None = Field(None, description="the answer, for the person")
    note: str | None = None

    @property
    def empty(self) -> bool:
        """Whether nobody has filled it in yet."""
        return all(
            getattr(self, name) is None
            for name in ("right", "stratum", "poison_in_context", "followed", "complete")
        ) and (self.unsupported is None)

    @property
    def verdict(self) -> dict[str, Any]:
        """All of it that is a label."""
        return self.model_dump(mode="json", exclude={"text", "answer", "note"}, exclude_none=True)


def read_label(fields: Mapping[str, Any], place: str) -> AuditLabel:
    """A label from a line of a file.

    Raises:
        DataError: naming the place and what is wrong.
    """
    try:
        return AuditLabel.model_validate(dict(fields))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise DataError(
            f"{place}: '{where}': {first['msg']}; expected"
            ' {"query_id": "...", "right": true or false}'
        ) from error


def uniform(query_id: str, salt: str) -> float:
    """A number in [0, 1) that depends on the id and the salt alone."""
    digest = hashlib.sha256(f"{salt}|{query_id}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def audited(query_id: str, rate: float, *, salt: str = "") -> bool:
    """Whether people look at this question: with probability ``rate``, whatever its answer.

    Args:
        query_id: the question's.
        rate: in [0, 1]; a question that is looked at at one rate is so at every larger one.
        salt: the certificate's id, so that each certificate has a sample of its own.

    Raises:
        UsageError: for a rate out of range.
    """
    if not 0.0 <= rate <= 1.0:
        raise UsageError(f"the audit rate lies in [0, 1], found {rate}")
    return uniform(query_id, salt) < rate


def loss_of(label: AuditLabel, risk: Risk, *, answered: bool) -> float | None:
    """What the question lost for a risk, exactly as calibration counts it.

    Returns:
        0 to 1; None if the question does not count for the risk or the label does not say.
    """
    if risk.name in UNSEEN or (risk.stratum is not None and label.stratum is None):
        return None
    if answered and label.right is None and label.stratum != "unanswerable":
        return None
    needed = NEEDS.get(risk.name)
    if answered and needed is not None and getattr(label, needed) is None:
        return None
    observation = Observation(
        id=label.query_id,
        stratum=label.stratum or "answerable",  # a risk over all strata asks for 'right' alone
        cluster=label.query_id,
        answered=answered,
        right=label.right if answered else None,
        scores={},
        poison_in_context=bool(label.poison_in_context),
        complete=label.complete,
        followed=label.followed,
        unsupported=label.unsupported,
    )
    count = Tally([observation]).count(risk, {})
    if not count.n:
        return None
    return float(count.k) if count.total is None else count.total
