"""``assay schema``: the JSON Schema of pipeline files, for editors."""

from __future__ import annotations

import json

import click


@click.command()
def command() -> None:
    """Print the JSON Schema of pipeline files to standard output.

    An editor with a YAML language server completes and marks pipeline files with it:

        assay schema > pipeline.schema.json

    and, as the first line of a pipeline file beside it:

        # yaml-language-server: $schema=pipeline.schema.json

    The schema knows every component that is installed here; print it anew after a
    change of version or of plug-ins. 'assay check' proves more: that names exist,
    types fit and nothing runs in a circle.
    """
    from assay.pipeline.json_schema import pipeline_schema

    click.echo(json.dumps(pipeline_schema(), indent=2, sort_keys=True))
