"""``assay replay``: run a recorded query again and say where it parts from the record."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import click

from assay.apps.console import out
from assay.apps.session import opened, set_option
from assay.pipeline import Pipeline, Query, RunRecord, Scope
from assay.pipeline.errors import AssayError, DataError, NodeError, UsageError, nearest
from assay.pipeline.replay import Difference, check_record, compare


class BadInput(click.ClickException):
    """Nothing could be compared; exit 1 is kept for records that differ."""

    exit_code = 2

    def show(self, file: IO[Any] | None = None) -> None:
        """One line on standard error, like every other error."""
        click.echo(f"error: {self.message}", err=True, file=file)


@click.command()
@click.argument("record", type=Path)
@click.option("--pipeline", required=True, help="The pipeline: a file or a shipped name.")
@set_option
@click.option("--line", type=click.IntRange(min=1), help="Which line of the file, from 1.")
@click.option("--query-id", help="The record of this query.")
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as one JSON object.")
@click.option("--tenant", default="local", show_default=True, help="On whose behalf.")
@click.option("--role", "roles", multiple=True, help="A role of who asks. May be repeated.")
def command(
    record: Path,
    pipeline: str,
    overrides: tuple[str, ...],
    line: int | None,
    query_id: str | None,
    as_json: bool,
    tenant: str,
    roles: tuple[str, ...],
) -> None:
    """Run the query of a RECORD again and name the first node that gives something else.

    RECORD is a file that 'assay run --out' or 'assay ask --trace' wrote. Text, id
    and seed are taken from it; tenant and roles are not in a record, so give those
    that the query was asked with. Every node runs, also those whose outputs are
    kept. Times and costs are not compared.

    Exit 0 if every stage is equal, 1 if one differs, 2 if nothing could be compared.

    \b
    assay replay run.jsonl --pipeline pipeline.yaml --query-id q17
    assay replay trace.json --pipeline own-documents --json
    """
    if line is not None and query_id is not None:
        raise click.UsageError("give --line or --query-id, not both")
    try:
        number, old = pick(record, line=line, query_id=query_id)
        place = f"{record}:{number}"
        if not tenant:
            raise UsageError("--tenant is empty: name the tenant that the query was asked for")
        with opened(pipeline, overrides) as running:
            _expect_nodes(old, running.steps, place=place, file=pipeline)
            query = Query(old["text"], Scope(tenant, roles), id=old["query_id"])
            made = _again(running.without_cache(), query, old["seed"])
            new = json.loads(json.dumps(made.to_json()))
            order = tuple(running.steps)
    except AssayError as error:
        raise BadInput(str(error)) from error
    except OSError as error:
        raise BadInput(f"{error.filename or 'the pipeline'}: {error.strerror}") from error
    difference = compare(old, new, order)
    parts = {key: (old.get(key), new[key]) for key in ("pipeline", "certificate")}
    if as_json:
        told: dict[str, Any] = {
            "query_id": old["query_id"],
            "line": number,
            "equal": difference is None,
            "difference": None if difference is None else difference.to_json(),
        }
        told |= {key: {"old": was, "new": now} for key, (was, now) in parts.items()}
        click.echo(json.dumps(told, ensure_ascii=False))
    else:
        _tell(difference, parts, order)
    if difference is not None:
        raise click.exceptions.Exit(1)


def _tell(
    difference: Difference | None,
    parts: Mapping[str, tuple[str | None, str | None]],
    order: Sequence[str],
) -> None:
    for key, (was, now) in parts.items():
        if was != now:
            before, after = (str(one or "none")[:12] for one in (was, now))
            out.print(f"another {key}: {before} in the record, {after} now", markup=False)
    if difference is None:
        out.print(f"equal: {', '.join(order)}", markup=False)
        return
    out.print(f"first difference: {difference.node}", markup=False)
    for line in difference.lines:
        out.print(f"  {line}", markup=False)


def pick(
    path: Path, *, line: int | None = None, query_id: str | None = None
) -> tuple[int, dict[str, Any]]:
    """One record of a file, with its line.

    Args:
        path: run records, one JSON object a line; blank lines are allowed.
        line: take this one, counted from 1.
        query_id: take the record of this query. A last line that was cut off is
            passed over.

    Raises:
        UsageError: if the file cannot be read, holds no such record, or holds
            several and neither line nor query is named.
        DataError: if a line that was looked at is no run record.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is no UTF-8 text file ({error.reason})") from error
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    lines = text.split("\n")
    written = {number: one for number, one in enumerate(lines, 1) if one.strip()}
    if line is not None:
        if line not in written:
            raise UsageError(f"{path} has no record on line {line}; its last line is {len(lines)}")
        return line, _parse(written[line], f"{path}:{line}")
    if query_id is None:
        if len(written) != 1:
            raise UsageError(
                f"{path} holds {len(written)} records: name one with --line or --query-id"
                if written
                else f"{path} is empty: expected one run record a line"
            )
        number, only = written.popitem()
        return number, _parse(only, f"{path}:{number}")
    if _cut_off(lines[-1]):
        written.pop(len(lines), None)
    records = {number: _parse(one, f"{path}:{number}") for number, one in written.items()}
    found = [number for number, one in records.items() if one["query_id"] == query_id]
    if not found:
        known = [one["query_id"] for one in records.values()]
        raise UsageError(f"{path} has no record of query '{query_id}'; {_near(query_id, known)}")
    if len(found) > 1:
        places = ", ".join(str(number) for number in found)
        raise UsageError(f"{path} has query '{query_id}' on lines {places}: name one with --line")
    return found[0], records[found[0]]


def _near(query_id: str, known: Collection[str]) -> str:
    sentence = nearest(query_id, known)
    return sentence if len(sentence) < 200 else f"it has {len(known)} others"


def _parse(line: str, place: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise DataError(f"{place} is no run record: not JSON ({error})") from error
    return check_record(value, place)


def _cut_off(line: str) -> bool:
    """Whether a line without its end is no JSON: a run was stopped while it was written."""
    try:
        json.loads(line)
    except ValueError:
        return True
    return False


def _expect_nodes(
    record: Mapping[str, Any], steps: Collection[str], *, place: str, file: str
) -> None:
    failed = record.get("error", {}).get("node")
    for name in (*record["stages"], *([failed] if failed else [])):
        if name not in steps:
            raise UsageError(
                f"{place} has a node '{name}' that {file} has not; {nearest(name, steps)};"
                " give the pipeline that made the record with --pipeline"
            )


def _again(pipeline: Pipeline, query: Query, seed: int) -> RunRecord:
    try:
        return pipeline.run(query, seed=seed)
    except NodeError as error:
        return pipeline.failed(query, error, seed=seed)
