"""``assay suite``: one question about a pipeline that its plain figures do not answer."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import click
from rich.table import Table

from assay.apps.commands.evaluate import index_if_missing
from assay.apps.console import notes, out, progress
from assay.apps.session import load, set_option, tell_status, with_own_thresholds
from assay.corpora import dataset as labelled
from assay.corpora.dataset import Dataset
from assay.evaluation.report.suite_page import Heading, columns_of
from assay.evaluation.report.values import show
from assay.evaluation.sampling import only_fold, stratified_sample
from assay.evaluation.suites.findings_file import PAGE, write_findings
from assay.evaluation.suites.registry import every_suite, make, options_of
from assay.evaluation.suites.running import PipelineRunner
from assay.evaluation.suites.suite import Findings, Row
from assay.guards.risk.certificate import apply
from assay.guards.risk.folds import Fold
from assay.pipeline import Pipeline
from assay.pipeline.errors import UsageError

_N = "n"


@click.command()
@click.argument("name", required=False)
@click.argument("pipeline", required=False)
@set_option
@click.option("--list", "listing", is_flag=True, help="Say which suites and options there are.")
@click.option("--data", type=Path, help="A labelled set.")
@click.option("--out", "target", type=Path, help="Folder for what is found.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many questions, by seed.")
@click.option("--seed", default=0, show_default=True, help="For every random choice.")
@click.option("--fold", type=click.Choice(get_args(Fold)), help="Only one part of the split.")
@click.option(
    "--option",
    "options",
    multiple=True,
    metavar="FIELD=VALUE",
    help="An option of the suite, see --list. May be repeated.",
)
@click.option(
    "--tenant", default=labelled.DEFAULT_TENANT, show_default=True, help="On whose behalf."
)
def command(
    name: str | None,
    pipeline: str | None,
    overrides: tuple[str, ...],
    listing: bool,
    data: Path | None,
    target: Path | None,
    limit: int | None,
    seed: int,
    fold: Fold | None,
    options: tuple[str, ...],
    tenant: str,
) -> None:
    """Ask a PIPELINE what the suite NAME asks, on a labelled set.

    Prints a table with paired differences from its first row, and writes
    findings.json, per_query.jsonl and report.html into the folder. Stop it at
    any time: the same command goes on where it stopped.

    \b
    assay suite --list
    assay suite typos own-documents --data labelled/ --out typos/
    assay suite robustness p.yaml --data set/ --out r/ --option families=passage --limit 50
    """
    if listing:
        _list()
        return
    if name is None or pipeline is None or data is None or target is None:
        raise click.UsageError(
            "say which suite, which pipeline, --data and --out; 'assay suite --list' lists suites"
        )
    suite = make(name, options)
    whole = labelled.load(data, tenant=tenant)
    chosen, remarks = _chosen(whole, fold, limit, seed)
    for remark in remarks:
        notes.print(remark, markup=False, style="yellow")
    index_if_missing(pipeline, whole, overrides)
    with (
        progress() as advance,
        PipelineRunner(
            lambda more: load(pipeline, more),
            target,
            overrides=overrides,
            tenant=tenant,
            seed=seed,
            tell=advance,
            in_force=_in_force,
        ) as runner,
    ):
        findings = suite.measure(chosen, runner, seed=seed)
        heading = Heading(
            pipeline=load(pipeline, overrides).name,
            data=whole.name,
            when=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            fingerprint=runner.fingerprint,
            certificate=runner.certificate,
            seed=seed,
            options=_said(suite),
            notices=remarks,
        )
    write_findings(findings, heading, target)
    print_findings(findings)
    out.print(f"report: {target / PAGE}", markup=False)


def print_findings(findings: Findings) -> None:
    """The table: each value, and its difference from the first row."""
    out.print(findings.title, markup=False, style="italic")
    for columns in _fitting(findings.rows, out.width):
        table = Table(box=None, pad_edge=False)
        table.add_column("", no_wrap=True)
        for key in (_N, *columns):
            table.add_column(key, justify="right", no_wrap=True)
        for row in findings.rows:
            table.add_row(row.name, str(row.n), *(_cell(row, key) for key in columns))
        out.print(table)
    if any(row.differences for row in findings.rows):
        out.print(
            f"below each value: the difference from '{findings.rows[0].name}' on the same"
            " questions; * where its 95 % interval leaves out 0",
            markup=False,
        )
    for note in findings.notes:
        notes.print(note, markup=False)


def _fitting(rows: Sequence[Row], width: int) -> list[list[str]]:
    """Columns in groups that each fit beside the rows' names; at least one a group."""
    gap = 2
    left = width - max(len(row.name) for row in rows) - max(len(str(row.n)) for row in rows) - gap
    groups: list[list[str]] = [[]]
    free = left
    for key in columns_of(rows):
        lines = [line for row in rows for line in _cell(row, key).split("\n")]
        needed = gap + max(len(line) for line in (key, *lines))
        if needed > free and groups[-1]:
            groups.append([])
            free = left
        groups[-1].append(key)
        free -= needed
    return groups


def _cell(row: Row, key: str) -> str:
    estimate = row.values.get(key)
    if estimate is None or estimate.value is None:
        return "– "
    moved = row.differences.get(key)
    if moved is None or moved.value is None:
        return f"{show(estimate.value)} "
    ends = moved.interval
    mark = "*" if ends is not None and (ends[0] > 0 or ends[1] < 0) else " "
    return f"{show(estimate.value)} \n{moved.value:+.3f}{mark}"


def _chosen(
    whole: Dataset, fold: Fold | None, limit: int | None, seed: int
) -> tuple[Dataset, list[str]]:
    """The questions to ask, and what must be said of the choice."""
    if not whole.queries:
        raise UsageError(f"the set '{whole.name}' has no questions")
    chosen = whole if fold is None else only_fold(whole, fold)
    remarks = [] if fold is None else [f"Only the fold '{fold}' of the set."]
    available = len(chosen.queries)
    if limit is not None and limit < available:
        chosen = stratified_sample(chosen, limit, seed=seed)
        remarks.append(
            f"A sample of {limit} of {available} questions, drawn with seed {seed}: figures of"
            " the whole set differ."
        )
    return chosen, remarks


def _in_force(built: Pipeline, overrides: Collection[str]) -> Pipeline:
    applied = apply(built)
    tell_status(applied)
    return with_own_thresholds(applied, built, overrides)


def _said(suite: object) -> dict[str, str]:
    kind = type(suite)
    return {
        one.name: _shown(getattr(suite, one.name))
        for one in options_of(kind)  # type: ignore[arg-type]
    }


def _shown(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


def _list() -> None:
    for name, suite in every_suite().items():
        out.print(f"{name}: {suite.title}", markup=False, style="bold")
        for option in options_of(suite):
            default = f" [{option.default}]" if option.default else ""
            out.print(f"  {option.name}{default}: {option.description}", markup=False)
