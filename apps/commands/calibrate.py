"""``assay calibrate``: thresholds that keep a promise, with a certificate."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from assay.apps.calibration import Observer, labelled_items, settings_of
from assay.apps.certificate_page import render
from assay.apps.choose_configuration import choose
from assay.apps.console import notes, out
from assay.apps.session import load, set_option
from assay.apps.uses import note_use
from assay.corpora import dataset
from assay.evaluation.folder import write_file
from assay.guards.risk import certificate as certificates
from assay.guards.risk import ledger
from assay.guards.risk.calibrate import calibrate, check_labellers
from assay.guards.risk.canaries import check_canaries
from assay.guards.risk.explanation import explain as explained
from assay.guards.risk.explanation import p_in_words
from assay.guards.risk.folds import Fold
from assay.guards.risk.judge_sample import JudgeSample
from assay.guards.risk.losses import RISK_NAMES, Risk
from assay.guards.risk.procedures import PROCEDURES, ProcedureName
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
        help=f"NAME=LEVEL: {', '.join(RISK_NAMES)}.",
    ),
    click.option("--delta", default=0.1, show_default=True, help="Chance that the promise fails."),
    click.option("--grid", default=8, show_default=True, help="Values tried per threshold."),
    click.option("--tenant", default="local", show_default=True, help="On whose behalf."),
    click.option(
        "--procedure",
        type=click.Choice(PROCEDURES),
        default="fixed-sequence",
        show_default=True,
        help="Which settings of the path are certified; 'expectation' promises less.",
    ),
    click.option(
        "--expectation", is_flag=True, help="The same as --procedure expectation: on average only."
    ),
    click.option(
        "--judge-sample",
        "judge",
        metavar="MISSED/CHECKED",
        help="Of wrong answers found by people, how many the judge called right, as 2/80.",
    ),
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
    procedure: ProcedureName,
    expectation: bool,
    judge: str | None,
) -> None:
    """Say whether there are enough questions, before anything is run."""
    built = load(pipeline, overrides)
    loaded = dataset.load(data, tenant=tenant)
    settings = settings_of(
        built,
        loaded,
        _risks(risks),
        delta=delta,
        grid=grid,
        procedure=_procedure(procedure, expectation=expectation),
        judge=_judge(judge),
    )
    for row in plan_for(labelled_items(loaded), settings, _place(built)):
        out.print(str(row), markup=False)


@command.command()
@_shared
@click.option(
    "--expires",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Last day on which the certificate holds; without it, until the pipeline changes.",
)
@click.option("--allow-retired", is_flag=True, help="Certify on questions that were used up.")
@click.option(
    "--canaries/--no-canaries",
    default=True,
    show_default=True,
    help="Ask 16 tune questions once more; 'diff --canaries' compares later.",
)
def run(
    pipeline: str,
    overrides: tuple[str, ...],
    data: Path,
    risks: tuple[str, ...],
    delta: float,
    grid: int,
    tenant: str,
    procedure: ProcedureName,
    expectation: bool,
    judge: str | None,
    expires: datetime | None,
    allow_retired: bool,
    canaries: bool,
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
    items = labelled_items(loaded)
    settings = settings_of(
        built,
        loaded,
        _risks(risks),
        delta=delta,
        grid=grid,
        procedure=_procedure(procedure, expectation=expectation),
        judge=_judge(judge),
        expires=None if expires is None else expires.date(),
        allow_retired=allow_retired,
    )
    trial = prepare(items, settings, place)
    if trial.retired and not allow_retired:
        raise UsageError(
            f"these certify questions issued certificate {trial.retired[-1]} and are used up:"
            " label new questions, or add --allow-retired for a certificate without a guarantee"
        )
    check_labellers(trial, settings)
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
            canaries=observer.canaries if canaries else None,
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
@click.option("--out", "target", type=Path, help="A page with pictures, as F.html.")
def explain(certificate: Path, target: Path | None) -> None:
    """Say in plain words what a CERTIFICATE promises, on what it rests, and what it leaves open.

    The page of --out adds a picture for each risk: its share over the share of questions
    answered along the path, with bounds, the level, and the setting that is in force.
    """
    loaded = certificates.load_certificate(certificate)
    out.print(f"{loaded.status}  certificate {loaded.id}  ({certificate})", markup=False)
    for name, number in loaded.thresholds.items():
        value = "none" if number is None else f"{number.value:.4f}"
        out.print(f"  threshold {name}: {value}", markup=False)
    for title, sentences in explained(loaded).items():
        out.print(f"\n{title}", markup=False, style="bold")
        for sentence in sentences:
            out.print(f"  {sentence}", markup=False)
    if target is not None:
        write_file(target, render(loaded, certificate))
        notes.print(f"page written to {target}", markup=False)


@command.command()
@click.argument("pipeline")
@set_option
@click.option("--canaries", is_flag=True, help="Ask the certificate's canaries too.")
def diff(pipeline: str, overrides: tuple[str, ...], canaries: bool) -> None:
    """Say what keeps the certificate of a PIPELINE from being in force. Exit 1 if anything does."""
    built = load(pipeline, overrides)
    place = _place(built)
    certificate = certificates.load_certificate(place)
    with built:
        found = certificates.check(certificate, built)
        found += certificates.check_log(certificate, place)
        if canaries and not certificate.abstain_always and not found:
            certified = built.with_thresholds(certificate.values)
            found += check_canaries(certificate, certified, place)
    for sentence in found:
        out.print(sentence, markup=False)
    if found:
        raise click.exceptions.Exit(1)
    out.print("nothing: the certificate holds", markup=False)


command.add_command(choose)


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


def _procedure(procedure: ProcedureName, *, expectation: bool) -> ProcedureName:
    if expectation and procedure not in ("fixed-sequence", "expectation"):
        raise UsageError(f"--expectation and --procedure {procedure}: give one of them")
    return "expectation" if expectation else procedure


def _judge(written: str | None) -> JudgeSample | None:
    if written is None:
        return None
    missed, _, checked = written.partition("/")
    try:
        return JudgeSample(int(missed), int(checked))
    except ValueError:
        raise UsageError(
            f"cannot read --judge-sample '{written}'; write for example 2/80"
        ) from None


def _tell(certificate: Certificate, place: Path) -> None:
    out.print(f"{certificate.status}  certificate {certificate.id}  ({place})", markup=False)
    out.print(certificate.statement, markup=False)
    for name, number in certificate.thresholds.items():
        value = "open" if number is None else f"{number.value:.4f}"
        out.print(f"  threshold {name}: {value}", markup=False)
    for risk in certificate.risks:
        out.print(
            f"  {risk.name}: {risk.k} of {risk.n} against {risk.alpha:g}"
            + ("" if risk.p is None else f", {p_in_words(risk.p)}"),
            markup=False,
        )
    for warning in certificate.warnings:
        notes.print(f"warning: {warning}", markup=False, style="yellow")
