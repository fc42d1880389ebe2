"""``assay run``: a file of questions, one run record a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import click

from assay.apps.console import out, progress
from assay.apps.session import opened, set_option
from assay.corpora import dataset
from assay.evaluation.records import asked
from assay.pipeline import Pipeline, Query, RunRecord
from assay.pipeline.errors import DataError, UsageError


@click.command()
@click.argument("pipeline")
@set_option
@click.option("--queries", type=Path, required=True, help="JSON lines with 'id' and 'text'.")
@click.option("--out", "target", type=Path, required=True, help="Run records, one a line.")
@click.option("--resume", is_flag=True, help="Go on where an earlier run stopped.")
@click.option("--tenant", default="local", show_default=True, help="On whose behalf.")
@click.option("--seed", default=0, show_default=True, help="For every random choice.")
@click.option(
    "--batch",
    "size",
    default=1,
    show_default=True,
    type=click.IntRange(1, 1000),
    help="Questions that go through the pipeline together, so that models see full batches.",
)
def command(
    pipeline: str,
    overrides: tuple[str, ...],
    queries: Path,
    target: Path,
    resume: bool,
    tenant: str,
    seed: int,
    size: int,
) -> None:
    """Answer a file of questions; write one run record a line.

    A query on which a node fails gives a record with outcome 'failed' and the
    rest goes on. Stop it at any time: what is written is whole, and --resume
    does the rest. The answers do not depend on --batch; a query's seconds are then
    its share of the batch's.
    """
    todo = [dataset.to_query(one, tenant=tenant) for one in dataset.load_queries(queries)]
    with opened(pipeline, overrides) as running:
        done = _finished(target, running) if resume else set()
        if target.exists() and not resume:
            raise UsageError(f"{target} exists: add --resume to go on, or choose another file")
        left = [query for query in todo if query.id not in done]
        failed = 0
        with target.open("a", encoding="utf-8") as file, progress() as advance:
            for number, record in enumerate(records(running, left, seed=seed, size=size), 1):
                failed += record.kind == "failed"
                file.write(json.dumps(record.to_json(), ensure_ascii=False) + "\n")
                file.flush()
                advance("answering", number, len(left))
    out.print(
        f"{len(left)} answered now, {len(done)} before, {failed} failed: {target}", markup=False
    )


def records(
    pipeline: Pipeline, queries: list[Query], *, seed: int, size: int = 1
) -> Iterator[RunRecord]:
    """Run queries in order, ``size`` at a time; a node's failure becomes a record of its own."""
    for begin in range(0, len(queries), size):
        some = queries[begin : begin + size]
        yield from pipeline.batch(some, seed=seed) if size > 1 else asked(pipeline, some, seed=seed)


def _finished(target: Path, pipeline: Pipeline) -> set[str]:
    """Ids in an earlier run file; a last line that was cut off is taken away."""
    if not target.exists():
        return set()
    text = target.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    done = set()
    for number, line in enumerate(whole.splitlines(), 1):
        try:
            record = json.loads(line)
            fingerprint, query_id = record["pipeline"], record["query_id"]
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{target}:{number} is no run record: {error}") from error
        if fingerprint != pipeline.fingerprint():
            raise UsageError(
                f"{target}:{number} was made by another pipeline"
                f" ({str(fingerprint)[:12]}, this is {pipeline.fingerprint()[:12]}):"
                " choose another file"
            )
        done.add(str(query_id))
    if whole != text:
        target.write_text(whole, encoding="utf-8")
    return done
