"""``assay explain``: a pipeline with every value in force."""

from __future__ import annotations

from typing import Any

import click
import yaml

from assay.apps.console import out
from assay.apps.session import load
from assay.pipeline.component import Component


@click.command()
@click.argument("pipeline")
def command(pipeline: str) -> None:
    """Print a PIPELINE with every value in force and where it comes from.

    Values that the file sets are marked '# file', the others '# default'.
    """
    built = load(pipeline)
    for title, parts in (
        ("resources", dict(built.resources)),
        ("nodes", {name: step.node for name, step in built.steps.items()}),
    ):
        out.print(f"{title}:", markup=False)
        for name, component in parts.items():
            out.print(f"  {name}: {component.name}", markup=False)
            for line in _settings(component):
                out.print(f"    {line}", markup=False)
    out.print(f"output: {built.output}", markup=False)


def _settings(component: Component) -> list[str]:
    config = component.config
    values: dict[str, Any] = config.model_dump(mode="json")
    return [
        f"{yaml.safe_dump({key: value}, default_flow_style=True).strip()[1:-1]}"
        f"  # {'file' if key in config.model_fields_set else 'default'}"
        for key, value in values.items()
    ]
