"""``assay calibrate``: thresholds that keep a promise, with a certificate."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from assay.apps.calibration import Observer, settings_of
from assay.apps.console import notes, out
from assay.apps.session import load, set_option
from assay.apps.uses import note_use
from assay.corpora import dataset
from assay.evaluation.sampling import calibration_items
from assay.guards.risk import certificate as certificates
from assay.guards.risk import ledger
from assay.guards.risk.calibrate import calibrate
from assay.guards.risk.folds import Fold
from assay.guards.risk.losses import RISK_NAMES, Risk
from assay.guards.risk.schema import Certificate
from assay.guards.risk.trial import plan_for, prepare
from assay.pipeline import Pipeline
from assay.pipeline.component import relative_to
from assay.pipeline.errors import UsageError, nearest

USED: tuple[Fold, ...] = ("tune", "certify")
"""Folds that calibration looks at; what is kept for reports stays untouched."""

_SHARED = [
    click.argument("pipeline"),
    set_option,
    click.option("--data", type=Path, required=True, help="A labelled set."),
    click.option(
        "--risk",
        "risks",
        multiple=True,
        default=("hallucination=0.2", "false_answer=0.2", "poison_admitted=0.2"),
        show_default=True,
        help="NAME=LEVEL: hallucination, false_answer, poison_admitted, wrongful_abstention.",
    ),
    click.option("--delta", default=0.1, show_default=True, help="Chance that the promise fails."),
    click.option("--grid", default=8, show_default=True, help="Values tried per threshold."),
    click.option("--tenant", default="local", show_default=True, help="On whose behalf."),
]


def _shared(function: click.decorators.FC) -> click.decorators.FC:
    for decorate in reversed(_SHARED):
        function = decorate(function)
    return function


@click.group()
def command() -> None:
    """Find thresholds that keep a promise on held-out questions, and certify them.

    The labelled questions are cut into three folds that share no document and no
    cluster: one to tune, one to certify, one that is kept for reports. A
    certificate belongs to one pipeline: change the pipeline and it is void.
    """


@command.command()
@_shared
def plan(
    pipeline: str,
    overrides: tuple[str, ...],
    data: Path,
    risks: tuple[str, ...],
    delta: float,
    grid: int,
    tenant: str,
) -> None:
    """Say whether there are enough questions, before anything is run."""
    built = load(pipeline, overrides)
    loaded = dataset.load(data, tenant=tenant)
    settings = settings_of(built, loaded, _risks(risks), delta=delta, grid=grid)
    for row in plan_for(calibration_items(loaded), settings, _place(built)):
        out.print(str(row), markup=False)


@command.command()
@_shared
@click.option(
    "--expires",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Last day on which the certificate holds; without it, until the pipeline changes.",
)
@click.option("--allow-retired", is_flag=True, help="Certify on questions that were used up.")
def run(
    pipeline: str,
    overrides: tuple[str, ...],
    data: Path,
    risks: tuple[str, ...],
    delta: float,
    grid: int,
    tenant: str,
    expires: datetime | None,
    allow_retired: bool,
) -> None:
    """Fit, freeze, certify: writes the certificate that the PIPELINE file names.

    Runs the pipeline over the tune fold, fits its calibrator there, freezes a
    path of thresholds, then runs over the certify fold and tests along the path.
    Exit 0 if something was certified, 1 if not (the pipeline then abstains). The
    questions of both folds are noted beside the pipeline file, in FILE.uses.jsonl:
    a report over them is marked.
    """
    built = load(pipeline, overrides)
    place = _place(built)
    loaded = dataset.load(data, tenant=tenant)
    items = calibration_items(loaded)
    settings = settings_of(
        built,
        loaded,
        _risks(risks),
        delta=delta,
        grid=grid,
        expires=None if expires is None else expires.date(),
        allow_retired=allow_retired,
    )
    trial = prepare(items, settings, place)
    if trial.retired and not allow_retired:
        raise UsageError(
            f"these certify questions issued certificate {trial.retired[-1]} and are used up:"
            " label new questions, or add --allow-retired for a certificate without a guarantee"
        )
    short = [row for row in plan_for(items, settings, place) if not row.enough]
    if short:
        raise UsageError(
            "too few labelled questions, nothing was run: " + "; ".join(str(row) for row in short)
        )
    with built:
        observer = Observer(built, loaded, tenant=tenant)
        for fold in USED:  # before a single answer is seen: what is looked at stays looked at
            note_use(
                pipeline,
                loaded,
                [item.id for item in trial.folds[fold]],
                purpose="calibration",
                command="assay calibrate run",
                fold=fold,
            )
        observer.fit(trial.folds["tune"])
        certificate = calibrate(
            observer.observe,
            items,
            settings,
            parts=built.parts(),
            certificate_path=place,
            created=datetime.now(UTC),
        )
    _tell(certificate, place)
    if certificate.abstain_always:
        raise click.exceptions.Exit(1)


@command.command()
@click.argument("certificate", type=Path)
def verify(certificate: Path) -> None:
    """Recompute a CERTIFICATE from its ledger, bit for bit, without any model."""
    wrong = ledger.verify(certificate)
    for sentence in wrong:
        notes.print(sentence, markup=False, style="red")
    if wrong:
        raise click.exceptions.Exit(1)
    out.print(f"{certificate}: every count, p-value and decision recomputed: right", markup=False)


@command.command()
@click.argument("certificate", type=Path)
def explain(certificate: Path) -> None:
    """Say in words what a CERTIFICATE promises and on what it rests."""
    _tell(certificates.load_certificate(certificate), certificate)


@command.command()
@click.argument("pipeline")
@set_option
def diff(pipeline: str, overrides: tuple[str, ...]) -> None:
    """Say what keeps the certificate of a PIPELINE from being in force. Exit 1 if anything does."""
    built = load(pipeline, overrides)
    certificate = certificates.load_certificate(_place(built))
    with built:
        found = certificates.check(certificate, built)
    for sentence in found:
        out.print(sentence, markup=False)
    if found:
        raise click.exceptions.Exit(1)
    out.print("nothing: the certificate holds", markup=False)


def _place(pipeline: Pipeline) -> Path:
    if pipeline.certificate is None:
        raise UsageError(
            "the pipeline file names no certificate: add 'certificate: {path: certificate.json}'"
        )
    if not pipeline.thresholds:
        raise UsageError(
            "the pipeline file declares nothing to calibrate: add 'thresholds: {NAME: NODE.FIELD}'"
        )
    return relative_to(pipeline.base, pipeline.certificate.path)


def _risks(written: tuple[str, ...]) -> tuple[Risk, ...]:
    risks = []
    for one in written:
        name, _, level = one.partition("=")
        try:
            alpha = float(level)
        except ValueError:
            raise UsageError(
                f"cannot read --risk '{one}'; write for example hallucination=0.1"
            ) from None
        if name not in RISK_NAMES:
            raise UsageError(f"unknown risk '{name}'; {nearest(name, RISK_NAMES)}")
        risks.append(Risk(name, alpha))
    return tuple(risks)


def _tell(certificate: Certificate, place: Path) -> None:
    out.print(f"{certificate.status}  certificate {certificate.id}  ({place})", markup=False)
    out.print(certificate.statement, markup=False)
    for name, number in certificate.thresholds.items():
        value = "open" if number is None else f"{number.value:.4f}"
        out.print(f"  threshold {name}: {value}", markup=False)
    for risk in certificate.risks:
        out.print(
            f"  {risk.name}: {risk.k} of {risk.n}, p = {risk.p:.4f} against {risk.alpha:g}",
            markup=False,
        )
    for warning in certificate.warnings:
        notes.print(f"warning: {warning}", markup=False, style="yellow")
