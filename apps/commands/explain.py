"""``assay explain``: a pipeline with every value in force."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import click
import yaml

from assay.apps.console import out
from assay.apps.examples import locate
from assay.apps.session import set_option
from assay.pipeline import Pipeline
from assay.pipeline.builder import build_source, read_files
from assay.pipeline.component import Component
from assay.pipeline.source import Path, Source


@click.command()
@click.argument("pipeline")
@set_option
def command(pipeline: str, overrides: tuple[str, ...]) -> None:
    """Print a PIPELINE with every value in force and where it comes from.

    Behind each value stands '# FILE:LINE' where a file says it, '# --set' where
    the command line does, and '# default' where neither does. Secrets are stars.
    """
    built, source = _traced(pipeline, overrides)
    for title, parts in (
        ("resources", dict(built.resources)),
        ("nodes", {name: step.node for name, step in built.steps.items()}),
    ):
        out.print(f"{title}:", markup=False)
        for name, component in parts.items():
            origin = source.place((title, name, "use")).origin
            out.print(f"  {name}: {component.name}  # {origin}", markup=False)
            for line in _settings(component, source, (title, name, "config")):
                out.print(f"    {line}", markup=False)
    out.print(f"output: {built.output}  # {source.place(('output',)).origin}", markup=False)


def _traced(pipeline: str, overrides: Collection[str]) -> tuple[Pipeline, Source]:
    path, base = locate(pipeline)
    source = read_files(path, overrides=overrides)
    return build_source(source, base=base), source


def _settings(component: Component, source: Source, path: Path) -> list[str]:
    values: dict[str, Any] = component.config.model_dump(mode="json")
    lines = []
    for key, value in values.items():
        written = (*path, key) in source.places
        origin = source.place((*path, key)).origin if written else "default"
        shown = yaml.safe_dump({key: value}, default_flow_style=True, width=10**6).strip()[1:-1]
        lines.append(f"{shown}  # {origin}")
    return lines
