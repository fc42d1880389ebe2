"""``assay ask``: one question, one outcome."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import click

from assay.apps import show
from assay.apps.choices import show_choices, title_in
from assay.apps.session import opened, place_in, question, set_option
from assay.corpora import filters


@click.command()
@click.argument("pipeline")
@click.argument("text", metavar="QUESTION")
@set_option
@click.option("--json", "as_json", is_flag=True, help="Print the run record as one JSON object.")
@click.option("--why", is_flag=True, help="Show of every passage why it was kept or dropped.")
@click.option("--trace", type=Path, help="Write the run record to this file as well.")
@click.option("--tenant", default="local", show_default=True, help="On whose behalf.")
@click.option("--role", "roles", multiple=True, help="A role of who asks. May be repeated.")
@click.option("--where", default="", help="Only passages for which this holds: 'year >= 2020'.")
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), help="Answer as of this day.")
@click.option("--seed", default=0, show_default=True, help="For every random choice.")
@click.option("--timeout", type=float, help="Seconds until the question is given up.")
def command(
    pipeline: str,
    text: str,
    overrides: tuple[str, ...],
    as_json: bool,
    why: bool,
    trace: Path | None,
    tenant: str,
    roles: tuple[str, ...],
    where: str,
    as_of: datetime | None,
    seed: int,
    timeout: float | None,
) -> None:
    """Answer one QUESTION with citations, or abstain with a reason.

    Below the answer stands what each step kept and dropped, the first of each with the reason;
    --why shows all. Exit 0 for an answer and for an abstention, 1 for an error.

    \b
    assay ask own-documents "When is the office closed?"
    assay ask pipeline.yaml "..." --json | jq .outcome
    assay ask pipeline.yaml "..." --where "year >= 2020 and not kind = 'draft'"
    """
    if where:
        filters.parse(where)  # what is wrong with it is told before anything is loaded
    day = None if as_of is None else as_of.date()
    query = replace(question(text, tenant=tenant, roles=roles), where=where, as_of=day)
    with opened(pipeline, overrides) as running:
        record = running.run(query, seed=seed, timeout=timeout)
        line = json.dumps(record.to_json(), ensure_ascii=False)
        if trace is not None:
            trace.write_text(line + "\n", encoding="utf-8")
        if as_json:
            click.echo(line)
        else:
            show.outcome(record, place_in(running, query))
            show_choices(record, title_in(running, query), everything=why)
