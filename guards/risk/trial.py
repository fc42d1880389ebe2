"""What is to be certified, and on which questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from assay.guards.risk.attempts import earlier, question_digests, read_attempts, spending
from assay.guards.risk.beside import Files
from assay.guards.risk.folds import CalibrationItem, Fold, Shares, one_per_cluster, split
from assay.guards.risk.judge_sample import JudgeSample, share_for_test, tested_levels
from assay.guards.risk.losses import Risk
from assay.guards.risk.plan import PlanRow, plan
from assay.guards.risk.procedures import ProcedureName, check_expectation
from assay.pipeline.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What to certify, and how.

    Args:
        risks: all must hold at once; each name at most once.
        thresholds: the names that the pipeline file declares.
        delta: probability that the certificate is wrong, in (0, 1).
        grid: quantiles per threshold, at least 2.
        seed: cuts the folds and picks one question of each cluster.
        shares: sizes of the folds.
        procedure: which points of the path are certified.
        judge: how the model that judged questions was checked; None if people labelled them.
        attack_families: what the poisoned questions stand for.
        attacks: question id to the attack family that it stands for; where given, the
            families are those of the questions that are tested.
        expires: last day of validity; None for no end.
        allow_retired: go on although the certify questions issued a certificate
            before. The new certificate then carries a warning, and loaders
            refuse it unless told not to be strict.
    """

    risks: tuple[Risk, ...]
    thresholds: tuple[str, ...]
    delta: float = 0.10
    grid: int = 8
    seed: int = 0
    shares: Shares = field(default_factory=Shares)
    procedure: ProcedureName = "fixed-sequence"
    judge: JudgeSample | None = None
    attack_families: tuple[str, ...] = ()
    attacks: Mapping[str, str] = field(default_factory=dict)
    expires: date | None = None
    allow_retired: bool = False

    def __post_init__(self) -> None:
        names = [risk.name for risk in self.risks]
        if not names or len(set(names)) < len(names):
            raise UsageError(f"each risk once, and at least one, found {names or 'none'}")
        if not 0.0 < self.delta < 1.0 or self.grid < 2:
            raise UsageError(
                f"expected delta in (0, 1) and a grid of at least 2, found {self.delta=},"
                f" {self.grid=}"
            )
        object.__setattr__(self, "risks", tuple(sorted(self.risks, key=lambda one: one.name)))
        object.__setattr__(self, "thresholds", tuple(sorted(set(self.thresholds))))
        if self.procedure == "expectation":
            check_expectation(self.risks, self.thresholds)
            if self.judge is not None:
                raise UsageError(
                    "'expectation' has no probability to share with the check of a judge: take"
                    " 'fixed-sequence', or label by people"
                )
        tested_levels(self.risks, self.judge, self.delta)  # refuses early

    @property
    def tested_risks(self) -> tuple[Risk, ...]:
        """The risks at the levels that they are tested at."""
        return tested_levels(self.risks, self.judge, self.delta)

    @property
    def test_delta(self) -> float:
        """What all attempts on the same questions may spend."""
        return share_for_test(self.delta, self.judge)

    def families(self, tested: Sequence[CalibrationItem]) -> tuple[str, ...]:
        """Attack families among these questions."""
        found = {self.attacks[one.id] for one in tested if one.id in self.attacks}
        return tuple(sorted(found)) if self.attacks else self.attack_families


@dataclass(frozen=True, slots=True)
class Trial:
    """The questions of one attempt and what it may spend.

    Args:
        folds: all labelled questions, cut.
        tested: certify questions, one per cluster.
        questions: digests of all certify questions, as the log names them.
        number: of the attempt, counted from 1.
        delta: size of its test.
        retired: ids of the certificates that these questions issued before.
    """

    folds: Mapping[Fold, tuple[CalibrationItem, ...]]
    tested: tuple[CalibrationItem, ...]
    questions: tuple[str, ...]
    number: int
    delta: float
    retired: tuple[str, ...]


def prepare(items: Sequence[CalibrationItem], settings: Settings, certificate_path: Path) -> Trial:
    """Cut the folds and look up what the certify questions were used for.

    Raises:
        DataError: for items or a log that break their format.
    """
    folds = split(items, seed=settings.seed, shares=settings.shares)
    questions = question_digests(one.id for one in folds["certify"])
    past = earlier(read_attempts(Files(certificate_path).attempts), questions)
    number = len(past) + 1
    return Trial(
        folds=folds,
        tested=one_per_cluster(folds["certify"], seed=settings.seed),
        questions=questions,
        number=number,
        delta=spending(settings.test_delta, number),
        retired=tuple(one.certificate for one in past if one.status == "CERTIFIED"),
    )


def plan_for(
    items: Sequence[CalibrationItem], settings: Settings, certificate_path: Path
) -> tuple[PlanRow, ...]:
    """For each risk, how many certify questions there are and how many it takes."""
    trial = prepare(items, settings, certificate_path)
    return plan(
        trial.tested,
        settings.tested_risks,
        trial.delta,
        expectation=settings.procedure == "expectation",
    )
