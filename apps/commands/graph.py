"""``assay graph``: a picture of a pipeline."""

from __future__ import annotations

from pathlib import Path

import click

from assay.apps.commands.replay import pick
from assay.apps.console import out
from assay.apps.session import load, set_option
from assay.pipeline import draw
from assay.pipeline.errors import UsageError, WorldError


@click.command()
@click.argument("pipeline")
@set_option
@click.option(
    "--out", "target", type=Path, help="F.svg or F.mmd; Mermaid to the terminal if left out."
)
@click.option("--record", type=Path, help="A run file: its times and counts stand on the nodes.")
@click.option("--line", type=click.IntRange(min=1), help="Which line of the run file, from 1.")
def command(
    pipeline: str,
    overrides: tuple[str, ...],
    target: Path | None,
    record: Path | None,
    line: int | None,
) -> None:
    """Draw a PIPELINE as SVG or Mermaid. Nothing leaves the machine."""
    if line is not None and record is None:
        raise click.UsageError("--line is for a run file: add --record")
    built = load(pipeline, overrides)
    said = None if record is None else draw.figures(pick(record, line=line)[1])
    if target is None:
        click.echo(draw.mermaid(built, said), nl=False)
        return
    drawings = {".svg": draw.svg, ".mmd": draw.mermaid}
    if target.suffix not in drawings:
        raise UsageError(f"cannot draw '{target.suffix}' files: end the name with .svg or .mmd")
    try:
        target.write_text(drawings[target.suffix](built, said), encoding="utf-8")
    except OSError as error:
        raise WorldError(f"cannot write {target}: {error.strerror}") from error
    out.print(f"{target}: {len(built.steps)} nodes", markup=False)
