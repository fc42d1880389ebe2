"""The certificate file: its fields, its id and its sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_jsonable_python

from assay.guards.risk.folds import Stratum
from assay.guards.risk.losses import RiskName
from assay.pipeline.canonical import canonical_json, digest

SCHEMA = "assay-certificate/2"

TestName = Literal["binomial", "hoeffding-bentkus", "conformal-risk-control"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Number(_Part):
    """A threshold, exact and readable."""

    hex: str = Field(description="the float as float.hex writes it; this one counts")
    dec: float = Field(description="the same value for readers")

    @classmethod
    def of(cls, value: float) -> Number:
        """Both forms of a value."""
        return cls(hex=value.hex(), dec=value)

    @property
    def value(self) -> float:
        """The exact value."""
        return float.fromhex(self.hex)


class RiskResult(_Part):
    """One risk at the chosen thresholds, on the certify fold."""

    name: RiskName
    stratum: Stratum | None = Field(description="null: all strata in the fold's mixture")
    alpha: float = Field(description="the guaranteed level")
    tested_at: float = Field(description="the level of the test; below alpha where a model judged")
    n: int
    k: int = Field(description="losses; of graded ones their sum, rounded up")
    total: float | None = Field(description="sum of graded losses; null where each is 0 or 1")
    p: float | None = Field(description="null where the procedure makes no test")
    test: TestName
    ucb_descriptive: float = Field(
        description="Clopper-Pearson at delta, for graded losses Hoeffding-Bentkus; not a"
        " guarantee after selection"
    )


class CertifiedPoint(_Part):
    """One rejected point of the path; all of them are certified jointly."""

    thresholds: dict[str, Number]
    counts: dict[str, tuple[int, int]] = Field(description="risk to [k, n]")
    max_p: float | None = Field(description="null where the procedure makes no test")


class Bounded(_Part):
    """A proportion with a bound that is no guarantee, since thresholds were chosen before."""

    k: int
    n: int
    ucb_descriptive: float


class MixedRow(_Part):
    """Share of wrong answers, if so many of the questions are unanswerable."""

    unanswerable: float
    bound: float
    seen: float


class DistanceRow(_Part):
    """Bound on a risk, if the questions have moved that far."""

    distance: float = Field(description="Hellinger, 0 to 1")
    bound: float


class Sensitivity(_Part):
    """How much movement of the questions the figures would bear; no promise."""

    prevalence: tuple[MixedRow, ...] = Field(
        description="wrong answers by share of unanswerable questions, poisoned ones left out;"
        " empty where a kind is missing"
    )
    hellinger: dict[RiskName, tuple[DistanceRow, ...]] = Field(
        description="a risk is missing where it was measured on fewer than 2 questions"
    )


class JudgeInfo(_Part):
    """The check of the model that judged the certify questions."""

    missed: int
    checked: int
    overlooked: float = Field(description="upper bound on the share that it misses, at delta / 2")


class CanaryInfo(_Part):
    """The file of questions that show whether the pipeline still does the same."""

    path: str
    sha256: str
    n: int


class Share(_Part):
    """A proportion with its counts."""

    k: int
    n: int


class DataInfo(_Part):
    """Which questions were used."""

    fingerprint: str = Field(description="digest over all labelled questions")
    seed: int
    counts: dict[str, dict[str, int]] = Field(description="fold to stratum to questions")
    clusters: int = Field(description="clusters in the certify fold")
    cluster_handling: Literal["one question per cluster", "no clusters labelled"] = Field(
        description="no clusters labelled: each question counts as one of its own"
    )
    sharing: int = Field(
        description="tested questions that were written from a document of another tested one"
    )
    labeller: Literal["people", "judge"] = Field(
        description="judge: a model judged at least one of the questions that were tested"
    )
    certify: str = Field(description="digest over the ids of the questions that were tested")
    attack_families: tuple[str, ...] = ()


class PipelineInfo(_Part):
    """Which pipeline was certified."""

    fingerprint: str
    parts: dict[str, str] = Field(description="every field that outputs depend on, or its digest")


class Diagnosis(_Part):
    """Why nothing was certified, computed on the tune fold alone."""

    binding: RiskName
    k: int
    n: int
    n_needed: int | None = Field(
        description="certify questions of the risk's kind for power 0.9 at the tune rate; null:"
        " no number that anybody would label"
    )
    abstention_floor: float = Field(
        description="share of questions on which any rule must abstain to bring the share of"
        " wrong answers to alpha; 0 if hallucination is no declared risk"
    )
    text: str


class LedgerInfo(_Part):
    """The file that lets anybody recompute the certificate."""

    path: str
    sha256: str


class Certificate(_Part):
    """What was certified, for which pipeline, on which data. See ``certificate.py``."""

    schema_: Literal["assay-certificate/2"] = Field(alias="schema")
    id: str
    created: str
    expires: str | None
    status: Literal["CERTIFIED", "NOT_CERTIFIABLE"]
    statement: str
    thresholds: dict[str, Number | None]
    abstain_always: bool
    delta: float
    delta_spent: float = Field(description="size of this attempt's test; 0 if none was made")
    attempt: int = Field(description="attempts on these certify questions so far, with this one")
    procedure: str
    path_sha256: str | None
    path_length: int
    stopped_at: int | None = Field(description="first failed point from 0; null: none or untested")
    certified_path: tuple[CertifiedPoint, ...]
    risks: tuple[RiskResult, ...]
    declared: dict[RiskName, float] = Field(description="risk to alpha, as asked for")
    utility: Share | None = Field(description="right answers of answerable questions")
    coverage: Share | None = Field(description="answers of all certify questions")
    wrongful_abstention: Bounded | None = Field(
        description="answerable questions met by an abstention, of those not known to go wrong"
    )
    sensitivity: Sensitivity | None
    judge: JudgeInfo | None
    diagnosis: Diagnosis | None
    data: DataInfo
    pipeline: PipelineInfo
    environment: dict[str, str] = Field(description="versions, for information")
    warnings: tuple[str, ...]
    ledger: LedgerInfo | None
    canaries: CanaryInfo | None = None

    @property
    def values(self) -> dict[str, float]:
        """Threshold name to value; empty if nothing was certified."""
        return {name: one.value for name, one in self.thresholds.items() if one is not None}

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return self.model_dump(mode="json", by_alias=True)

    @classmethod
    def sealed(cls, body: Mapping[str, Any]) -> Certificate:
        """The certificate of a body without its id."""
        plain = to_jsonable_python({**body, "schema": SCHEMA, "id": ""})
        fields = cls.model_validate_json(canonical_json(plain)).to_json()
        return cls.model_validate_json(canonical_json({**fields, "id": identity(fields)}))


def identity(fields: Mapping[str, Any]) -> str:
    """First 16 hex digits of the digest over everything but ``id``."""
    return digest({key: value for key, value in fields.items() if key != "id"})[:16]
