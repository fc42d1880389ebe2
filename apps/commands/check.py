"""``assay check``: every error of a pipeline file at once."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from assay.apps.console import out
from assay.apps.session import load, set_option
from assay.pipeline.errors import BuildError


@click.command()
@click.argument("pipeline")
@set_option
@click.option("--json", "as_json", is_flag=True, help="Print the errors as one JSON list.")
def command(pipeline: str, overrides: tuple[str, ...], as_json: bool) -> None:
    """List every error of a PIPELINE file, each with its line and column.

    Loads no model and runs nothing. Exit 1 if there is an error.
    """
    try:
        built = load(pipeline, overrides)
    except BuildError as error:
        if not as_json:
            raise
        click.echo(json.dumps([asdict(problem) for problem in error.problems]))
        raise click.exceptions.Exit(1) from error
    if as_json:
        click.echo("[]")
        return
    out.print(
        f"{pipeline}: right; {len(built.steps)} nodes, {len(built.resources)} resources",
        markup=False,
    )
