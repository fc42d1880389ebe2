"""Find thresholds on one fold of labelled questions, and certify them on another.

1. The questions are cut into folds that share no cluster and no document.
2. The pipeline is observed on the tune fold with open gates. Quantiles of its
   scores make a grid; the Pareto path through it, from the thresholds that are most
   sure to pass to the most useful, is written to disk. From here on it is fixed.
3. The pipeline is observed on one question of each cluster of the certify fold,
   with the loosest gates of the path. One observation serves all thresholds,
   because a gate is a pure filter: it compares a score that does not depend on
   any threshold, and passes on what it was given or abstains. Whatever is
   answered at strict thresholds is therefore answered at loose ones, by the
   same answer with the same scores.
4. Exact binomial tests walk the path and stop at the first failure. The last
   point that passed is certified.

Source: Angelopoulos and others, Learn then Test (2021); Laufer-Goldshtein and
others, Efficiently Controlling Multiple Risks with Pareto Testing (2022). Unlike
there, repeated attempts on the same questions share one delta, and a set of
questions is retired once it has issued a certificate. Cost: two runs of the
pipeline over labelled questions.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from assay.guards.risk.attempts import Attempt, append_attempt, spending
from assay.guards.risk.beside import Files
from assay.guards.risk.canaries import Canary, canary_bytes, canary_info, chosen
from assay.guards.risk.certificate import write_certificate
from assay.guards.risk.folds import CalibrationItem
from assay.guards.risk.issue import Issuer
from assay.guards.risk.ledger import ledger_bytes
from assay.guards.risk.losses import Observation, Thresholds, answers
from assay.guards.risk.path import (
    CAP,
    HOPELESS,
    PathPoint,
    frozen_path,
    grid,
    loosest,
    measure,
    pareto_path,
    threshold_path,
    walk,
)
from assay.guards.risk.plan import diagnose, plan, too_few
from assay.guards.risk.procedures import first_level, written
from assay.guards.risk.schema import Certificate, Diagnosis
from assay.guards.risk.tally import Tally
from assay.guards.risk.trial import Settings, Trial, prepare
from assay.pipeline.canonical import digest
from assay.pipeline.errors import DataError, UsageError
from assay.pipeline.files import write_atomically

Observe = Callable[[Sequence[CalibrationItem], Thresholds], Sequence[Observation]]
"""Runs the pipeline with these thresholds on these questions, one observation each."""

Canaries = Callable[[Sequence[CalibrationItem], Mapping[str, float]], Sequence[Canary]]
"""Asks a few questions of the tune fold again, with the certified thresholds."""


def calibrate(
    observe: Observe,
    items: Sequence[CalibrationItem],
    settings: Settings,
    *,
    parts: Mapping[str, Any],
    certificate_path: Path,
    created: datetime,
    canaries: Canaries | None = None,
) -> Certificate:
    """Certify thresholds, or say why none can be; write what came of it.

    Beside the certificate stand its path, its ledger if it certifies something,
    and the log of attempts.

    Args:
        observe: runs the pipeline; must give one observation for each item.
        items: labelled questions.
        settings: what to certify.
        parts: ``Pipeline.parts()`` of the pipeline that ``observe`` runs.
        certificate_path: where the certificate goes.
        created: time stamped on the certificate.
        canaries: asks questions of the tune fold once more, to be compared later; None for
            a certificate without canaries.

    Returns:
        The certificate, CERTIFIED or NOT_CERTIFIABLE.

    Raises:
        UsageError: if the certify questions are retired.
        DataError: if items or observations break their format.
    """
    trial = prepare(items, settings, certificate_path)
    if trial.retired and not settings.allow_retired:
        raise UsageError(
            f"certify questions of this set already issued certificate {trial.retired[-1]} and"
            " were shown in its ledger, so they are no test any more: label new questions with"
            " new ids, or allow retired questions and get a certificate without a guarantee"
        )
    expectation = settings.procedure == "expectation"
    check_labellers(trial, settings)
    if expectation and trial.number > 1:
        raise UsageError(
            f"'expectation' holds for questions that no attempt has tested, and"
            f" {trial.number - 1} have tested these: take 'fixed-sequence', or label new questions"
        )
    risks = settings.tested_risks
    files = Files(certificate_path)
    issuer = Issuer(settings, trial, items, parts, created, files)
    diagnosis = too_few(plan(trial.tested, risks, trial.delta, expectation=expectation))
    if diagnosis is not None:
        return _written(issuer.untested(diagnosis), certificate_path)

    tune = _observed(observe, trial.folds["tune"], dict.fromkeys(settings.thresholds))
    points = measure(
        tune,
        grid(tune, settings.thresholds, settings.grid),
        risks,
        tested=Counter(one.stratum for one in trial.tested),
        delta=first_level(settings.procedure, trial.delta, CAP),
    )
    surest = threshold_path(points)[0] if expectation else pareto_path(points)[0]
    path = (
        threshold_path(points)
        if expectation
        else pareto_path(point for point in points if point.power >= HOPELESS)
    )
    if not path:
        return _written(
            issuer.untested(_diagnosis(tune, settings, surest, trial.delta, tested=False)),
            certificate_path,
        )
    frozen = _freeze(path, settings, trial, digest(parts), files, tune)

    certify = _observed(observe, trial.tested, _gates(path, settings))
    walked = walk(
        [one.thresholds for one in path],
        certify,
        risks,
        trial.delta,
        procedure=settings.procedure,
    )
    following = spending(settings.test_delta, trial.number + 1)
    diagnosis = (
        None if walked.rejected else _diagnosis(tune, settings, surest, following, tested=True)
    )
    ledger = ledger_bytes(certify) if walked.rejected else None
    asked = (
        canaries(chosen(trial.folds["tune"], seed=settings.seed), walked.chosen.thresholds)
        if canaries is not None and walked.chosen is not None
        else ()
    )
    kept = canary_bytes(asked)
    certificate = issuer.tested(
        walked,
        certify,
        diagnosis,
        frozen=frozen,
        length=len(path),
        ledger=ledger,
        canaries=canary_info(kept, files.canaries.name, len(asked)) if asked else None,
    )
    append_attempt(
        files.attempts,
        Attempt(
            number=trial.number,
            delta=settings.delta,
            delta_spent=certificate.delta_spent,
            status=certificate.status,
            certificate=certificate.id,
            path_sha256=frozen,
            pipeline=certificate.pipeline.fingerprint,
            questions=trial.questions,
        ),
    )
    if ledger is not None:
        write_atomically(files.ledger, ledger)
    if asked:
        write_atomically(files.canaries, kept)
    return _written(certificate, certificate_path)


def _gates(path: Sequence[PathPoint], settings: Settings) -> Thresholds:
    if any(risk.name == "wrongful_abstention" for risk in settings.risks):
        return dict.fromkeys(settings.thresholds)
    return loosest([point.thresholds for point in path])


def _freeze(
    path: Sequence[PathPoint],
    settings: Settings,
    trial: Trial,
    pipeline: str,
    files: Files,
    tune: Sequence[Observation],
) -> str:
    data = frozen_path(
        path,
        {
            "procedure": written(settings.procedure),
            "risks": {risk.name: risk.alpha for risk in settings.risks},
            "tested_at": {risk.name: risk.alpha for risk in settings.tested_risks},
            "delta": settings.delta,
            "delta_spent": trial.delta,
            "grid": settings.grid,
            "seed": settings.seed,
            "utility": "right_rate",
            "pipeline": pipeline,
        },
        [_seen(Tally(tune), point, settings) for point in path],
    )
    write_atomically(files.path, data)
    return hashlib.sha256(data).hexdigest()


def _seen(tally: Tally, point: PathPoint, settings: Settings) -> dict[str, Any]:
    """What the tune fold showed at a point: answers given, and the losses of each risk."""
    coverage = tally.coverage(point.thresholds)
    counts = {risk.name: tally.count(risk, point.thresholds) for risk in settings.risks}
    return {
        "coverage": [coverage.k, coverage.n],
        "counts": {name: [one.k, one.n] for name, one in counts.items()},
    }


def _observed(
    observe: Observe, items: Sequence[CalibrationItem], gates: Thresholds
) -> tuple[Observation, ...]:
    """Observe, and check that each question came back once and obeyed the gates."""
    found = {one.id: one for one in observe(items, gates)}
    wanted = {one.id: one for one in items}
    if found.keys() != wanted.keys():
        odd = sorted(found.keys() ^ wanted.keys())[0]
        raise DataError(
            f"expected one observation for each of {len(wanted)} questions, found {len(found)};"
            f" '{odd}' is missing or was not asked for"
        )
    for one in found.values():
        item = wanted[one.id]
        if (one.stratum, one.cluster) != (item.stratum, item.cluster):
            raise DataError(f"question '{one.id}' came back with another stratum or cluster")
        if one.answered and not answers(one, gates):
            raise DataError(
                f"question '{one.id}' was answered although its scores {dict(one.scores)} do not"
                f" reach the thresholds {dict(gates)}: a gate must abstain below its threshold and"
                " note the score that it compared"
            )
    return tuple(found[name] for name in sorted(found))


def _diagnosis(
    tune: Sequence[Observation],
    settings: Settings,
    surest: PathPoint,
    delta: float,
    *,
    tested: bool,
) -> Diagnosis:
    return diagnose(
        tune,
        settings.tested_risks,
        surest=surest.thresholds,
        thresholds=settings.thresholds,
        delta=delta,
        tested=tested,
        expectation=settings.procedure == "expectation",
    )


def check_labellers(trial: Trial, settings: Settings) -> None:
    """Refuse a judge's labels that nobody checked, and a check of no judge."""
    judged = [one.id for one in trial.tested if one.judged]
    if judged and settings.judge is None:
        raise UsageError(
            f"a model judged {len(judged)} of {len(trial.tested)} certify questions (the first is"
            f" '{judged[0]}'), and nothing says how many wrong answers it calls right: give a"
            " judge's sample, MISSED/CHECKED, for example --judge-sample 2/80"
        )
    if settings.judge is not None and not judged:
        raise UsageError(
            "a judge's sample was given, and no certify question says that a model judged it"
            " (meta.labeller: judge): mark those questions, or leave the sample out"
        )


def _written(certificate: Certificate, path: Path) -> Certificate:
    write_certificate(certificate, path)
    return certificate
