"""``assay graph``: a picture of a pipeline."""

from __future__ import annotations

from pathlib import Path

import click

from assay.apps.console import out
from assay.apps.session import load
from assay.pipeline import draw
from assay.pipeline.errors import UsageError, WorldError


@click.command()
@click.argument("pipeline")
@click.option(
    "--out", "target", type=Path, help="F.svg or F.mmd; Mermaid to the terminal if left out."
)
def command(pipeline: str, target: Path | None) -> None:
    """Draw a PIPELINE as SVG or Mermaid. Nothing leaves the machine."""
    built = load(pipeline)
    if target is None:
        click.echo(draw.mermaid(built), nl=False)
        return
    drawings = {".svg": draw.svg, ".mmd": draw.mermaid}
    if target.suffix not in drawings:
        raise UsageError(f"cannot draw '{target.suffix}' files: end the name with .svg or .mmd")
    try:
        target.write_text(drawings[target.suffix](built), encoding="utf-8")
    except OSError as error:
        raise WorldError(f"cannot write {target}: {error.strerror}") from error
    out.print(f"{target}: {len(built.steps)} nodes", markup=False)
