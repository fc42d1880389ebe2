"""``assay check``: every error of a pipeline file at once."""

from __future__ import annotations

import click

from assay.apps.console import out
from assay.apps.session import load


@click.command()
@click.argument("pipeline")
def command(pipeline: str) -> None:
    """List every error of a PIPELINE file, each with its line and column.

    Loads no model and runs nothing. Exit 1 if there is an error.
    """
    built = load(pipeline)
    out.print(
        f"{pipeline}: right; {len(built.steps)} nodes, {len(built.resources)} resources",
        markup=False,
    )
