"""``assay explain``: a pipeline with every value in force, and what a question will cost."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import click
import yaml
from rich.table import Table

from assay.apps.console import out
from assay.apps.costs import QUESTION, Estimates, Told, estimates
from assay.apps.examples import locate
from assay.apps.session import MAX_QUESTION, opened, set_option
from assay.pipeline import Pipeline
from assay.pipeline.builder import build_source, read_files
from assay.pipeline.component import Component
from assay.pipeline.context import Cost
from assay.pipeline.errors import UsageError
from assay.pipeline.source import Path, Source

HEADERS = ("node", "use", "passages", "calls", "rounds", "tokens in", "tokens out", "FLOPs", "")
TEXTS = ("node", "use", "")
UNKNOWN = "–"


@click.command()
@click.argument("pipeline")
@set_option
@click.option("--cost", is_flag=True, help="What a question will cost, node by node.")
@click.option(
    "--passages",
    type=click.IntRange(1, 1_000_000),
    help="With --cost: passages that the first stage finds; its own k by default.",
)
@click.option("--query", help=f"With --cost: the question; by default '{QUESTION}'")
@click.option(
    "--passage-tokens",
    type=click.IntRange(1, 1_000_000),
    help="With --cost: tokens of a passage; by default counted on a sample of the corpus.",
)
def command(
    pipeline: str,
    overrides: tuple[str, ...],
    cost: bool,
    passages: int | None,
    query: str | None,
    passage_tokens: int | None,
) -> None:
    """Print a PIPELINE with every value in force and where it comes from.

    Behind each value stands '# FILE:LINE' where a file says it, '# --set' where
    the command line does, and '# default' where neither does. Secrets are stars.

    With --cost it loads the models and prints instead what a question will cost
    before it is asked: calls of models, rounds of calls that wait for one another,
    and tokens. A figure that depends on what comes says 'mean' or 'at most' in the
    last column; nodes that call no model are left out. Lengths of passages are those
    of a sample, and with --query of the passages that have its words: the longer they
    are, the more they are found. Nothing is generated.
    """
    if cost:
        _print_costs(pipeline, overrides, passages, query, passage_tokens)
        return
    given = {"--passages": passages, "--query": query, "--passage-tokens": passage_tokens}
    for option, value in given.items():
        if value is not None:
            raise click.UsageError(f"{option} goes with --cost")
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


def _print_costs(
    pipeline: str,
    overrides: Collection[str],
    passages: int | None,
    query: str | None,
    passage_tokens: int | None,
) -> None:
    if query is not None and not 0 < len(query.strip()) <= MAX_QUESTION:
        raise UsageError(f"--query: expected 1 to {MAX_QUESTION} characters, found {len(query)}")
    with opened(pipeline, overrides) as started:
        found = estimates(
            started,
            question=query or QUESTION,
            passages=passages,
            passage_tokens=passage_tokens,
            look=query is not None,
        )
    if not found.nodes:
        out.print("no node of this pipeline calls a model", markup=False)
        return
    for model, sizes in found.lengths.items():
        out.print(
            f"{model}: {sizes.query} tokens of the question, {sizes.passage} of a passage"
            + f" ({_counted(found)})",
            markup=False,
        )
    rows = [_row(one) for one in found.nodes]
    rows.append(_sum(found))
    # As wide as it needs to be: a terminal breaks lines, a cell cut short hides a figure.
    widths = [max(map(len, column)) + 2 for column in zip(HEADERS, *rows, strict=True)]
    table = Table(box=None, pad_edge=False, width=sum(widths))
    for header in HEADERS:
        table.add_column(header, justify="left" if header in TEXTS else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    out.print(table)


def _counted(found: Estimates) -> str:
    if not found.sampled:
        return "as given"
    return "mean of those with its words" if found.looked else f"mean of {found.sampled} drawn"


def _row(told: Told) -> tuple[str, ...]:
    passages = UNKNOWN if told.passages is None else f"{told.passages:,}"
    note = told.note
    if told.cost is None:
        note = "; ".join(filter(None, [note, "calls a model, cannot tell how much"]))
    return (told.node, told.use, passages, *_figures(told.cost), note)


def _sum(found: Estimates) -> tuple[str, ...]:
    total = Cost()
    for told in found.nodes:
        if told.cost is not None:
            total.add(told.cost)
    unknown = [told.node for told in found.nodes if told.cost is None]
    note = f"without {', '.join(unknown)}" if unknown else ""
    return ("sum", "", "", *_figures(total), note)


def _figures(cost: Cost | None) -> tuple[str, ...]:
    if cost is None:
        return (UNKNOWN,) * 5
    flops = f"{cost.flops:.2e}" if cost.flops else UNKNOWN
    counts = (cost.calls, cost.rounds, cost.tokens_in, cost.tokens_out)
    return (*(f"{one:,}" for one in counts), flops)
