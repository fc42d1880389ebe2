"""``assay compare``: finished evaluations side by side."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.table import Table

from assay.apps.console import notes, out
from assay.evaluation.comparing import Comparison, compare
from assay.evaluation.folder import write_file
from assay.evaluation.report.comparison import CHOSEN, HEADERS, letters_of, render, table_rows
from assay.evaluation.results import read_results
from assay.pipeline.errors import UsageError


@click.command()
@click.argument("folders", nargs=-1, required=True, type=Path)
@click.option("--metric", "keys", multiple=True, help="A figure to compare. May be repeated.")
@click.option("--common", is_flag=True, help="Only the questions that all folders hold.")
@click.option("--out", "target", type=Path, help="Folder for comparison.json and comparison.html.")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Of the bootstrap and the randomisation test.",
)
def command(
    folders: tuple[Path, ...],
    keys: tuple[str, ...],
    common: bool,
    target: Path | None,
    seed: int,
) -> None:
    """Compare results FOLDERS of 'assay evaluate', each with the first one.

    Prints for each figure the values, the difference with its 95 % interval, a p-value
    adjusted over all comparisons made, the effect size, and the questions won, drawn and
    lost. With --out, each of these questions can be opened in comparison.html.

    \b
    assay compare results/bm25 results/hybrid
    assay compare a/ b/ c/ --metric qa.correct --metric abstention.risk --out compared/
    """
    if target is not None and target.resolve() in {folder.resolve() for folder in folders}:
        raise UsageError(f"--out '{target}' is one of the folders compared: choose another one")
    found = compare(read_results(folders), keys=keys, common=common, seed=seed)
    _print(found)
    if target is not None:
        when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
        target.mkdir(parents=True, exist_ok=True)
        written = json.dumps(
            found.to_json() | {"seed": seed}, ensure_ascii=False, indent=1, allow_nan=False
        )
        write_file(target / "comparison.json", written + "\n")
        write_file(target / "comparison.html", render(found, when=when))
        out.print(f"report: {target / 'comparison.html'}", markup=False)


def _print(found: Comparison) -> None:
    for notice in found.notices:
        notes.print(notice, markup=False, style="yellow")
    letters = letters_of(found)
    unit = "" if found.clusters == found.n else f" in {found.clusters} clusters"
    out.print(
        f"{found.n} questions{unit}; p-values adjusted over {found.tests} comparisons (Holm)",
        markup=False,
    )
    for place, name in enumerate(found.systems[1:], 1):
        out.print(
            f"\n{letters[place]}: {name}, against {letters[0]}: {found.systems[0]}", markup=False
        )
        headers = ("", letters[0], letters[place], *HEADERS)
        mine = table_rows(found, place)
        # As wide as it needs to be: a terminal breaks lines, a cell cut short hides a figure.
        widths = [max(map(len, column)) + 2 for column in zip(headers, *mine, strict=True)]
        table = Table(box=None, pad_edge=False, width=sum(widths))
        for number, header in enumerate(headers):
            table.add_column(header, justify="right" if number else "left", no_wrap=True)
        for row in mine:
            table.add_row(*row)
        out.print(table)
    if any(found.chosen):
        out.print(CHOSEN, markup=False)
