"""``assay monitor``: is what a certificate promises still true?"""

from __future__ import annotations

from pathlib import Path

import click

from assay.apps.console import notes, out
from assay.apps.monitoring import Inputs, certificate_at, monitor, told, write_due
from assay.guards.risk.monitors.prometheus import exposition
from assay.pipeline.files import write_atomically

_FILES = click.Path(path_type=Path)


@click.command()
@click.argument("certificate")
@click.option(
    "--records",
    multiple=True,
    type=_FILES,
    help="Run records, one a line; may be repeated, rotated logs too.",
)
@click.option(
    "--labels",
    multiple=True,
    type=_FILES,
    help='Audit labels, one a line: {"query_id": "...", "right": true}. May be repeated.',
)
@click.option(
    "--canaries",
    multiple=True,
    type=_FILES,
    help="Run records of a fixed list of questions, asked again: they must not change.",
)
@click.option("--state", type=_FILES, help="State file; by default beside the certificate.")
@click.option(
    "--rate",
    type=click.FloatRange(0, 1),
    help="Share of questions that people look at, set once for a state. [default: 0.05]",
)
@click.option("--to-audit", type=_FILES, help="Write the questions that wait for a label here.")
@click.option("--prometheus", type=_FILES, help="Write the figures here, in Prometheus' format.")
def command(
    certificate: str,
    records: tuple[Path, ...],
    labels: tuple[Path, ...],
    canaries: tuple[Path, ...],
    state: Path | None,
    rate: float | None,
    to_audit: Path | None,
    prometheus: Path | None,
) -> None:
    """Watch a CERTIFICATE, given by its path (*.json) or by a pipeline file that names it.

    Reads what is new in the logs and keeps a state file; the same record or label
    twice changes nothing. An alarm stays: it is written beside the certificate,
    which is degraded from then on. Exit 0 without an alarm, 1 with one.
    """
    place = certificate_at(certificate)
    inputs = Inputs(records=records, labels=labels, canaries=canaries)
    with notes.status("reading"):
        seen = monitor(place, inputs, state=state, rate=rate)
    for number, line in enumerate(told(seen)):
        loud = line.startswith("ALARM") or (number == 0 and seen.alarms)
        out.print(line, markup=False, style="red" if loud else None)
    if to_audit is not None:
        out.print(f"{write_due(seen.watch, to_audit)} questions to label: {to_audit}", markup=False)
    if prometheus is not None:
        write_atomically(prometheus, exposition(seen.watch, seen.alarms).encode())
    if seen.alarms:
        raise click.exceptions.Exit(1)
